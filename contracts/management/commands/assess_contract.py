"""`assess_contract CONTRACT.json [--out RESULT.json]`: the terms of a contract on a file, without any table.

Exit 0 with a result, also where something is not known, loses money or is flagged; exit 2 and one sentence a line on
standard error for bad input, with nothing written. The form of both files is docs/methods.md, "Contract file".
"""

from __future__ import annotations

from decimal import DecimalException
from typing import Any

from capacity.imports.file_command import FileCommand
from contracts.domain.agreement import Agreement
from contracts.domain.assessment import assess
from contracts.domain.assessment_file import assessment_text
from contracts.domain.contract_file import ContractFileError, agreement_from_bytes
from contracts.domain.terms import TermsError


def assessed(data: bytes) -> str:
    """The result's text for the bytes of a contract file. Raises ContractFileError."""
    return text_of(agreement_from_bytes(data))


def text_of(agreement: Agreement) -> str:
    """The result's text. Raises ContractFileError where its figures cannot be computed with."""
    try:
        return assessment_text(assess(agreement))
    except TermsError as error:
        raise ContractFileError([f"$: {error}"]) from None
    except (DecimalException, OverflowError):
        raise ContractFileError(
            ["$: The figures are too large or too small together: look for a price or a quantity in other units."]
        ) from None


class Command(FileCommand):
    help = "Assess one contract given as a JSON file: bills, capacity, margins, flags."
    asks, answers = "CONTRACT.json", "RESULT.json"

    def read(self, data: bytes) -> Agreement:
        return agreement_from_bytes(data)

    def answer(self, asked: Agreement, **options: Any) -> str:
        return text_of(asked)

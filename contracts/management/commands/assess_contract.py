"""`assess_contract CONTRACT.json [--out RESULT.json]`: the terms of a contract on a file, without any table.

Exit 0 with a result, also where something is not known, loses money or is flagged; exit 2 and one sentence a line on
standard error for bad input, with nothing written. The form of both files is docs/methods.md, "Contract file".
"""

from __future__ import annotations

from argparse import ArgumentParser
from decimal import DecimalException
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from capacity.lib.whole_file import write_whole
from contracts.domain.assessment import assess
from contracts.domain.assessment_file import assessment_text
from contracts.domain.contract_file import ContractFileError, agreement_from_bytes
from contracts.domain.terms import TermsError

BAD_INPUT = 2


def assessed(data: bytes) -> str:
    """The result's text for the bytes of a contract file. Raises ContractFileError."""
    agreement = agreement_from_bytes(data)
    try:
        return assessment_text(assess(agreement))
    except TermsError as error:
        raise ContractFileError([f"$: {error}"]) from None
    except (DecimalException, OverflowError):
        raise ContractFileError(
            ["$: The figures are too large or too small together: look for a price or a quantity in other units."]
        ) from None


class Command(BaseCommand):
    help = "Assess one contract given as a JSON file: bills, capacity, margins, flags."
    requires_system_checks: list[Any] = []
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("contract", metavar="CONTRACT.json", help="the contract")
        parser.add_argument("--out", metavar="RESULT.json", help="where to write the result (standard output)")

    def handle(self, *args: Any, **options: Any) -> None:
        out = options["out"]
        try:
            text = assessed(Path(options["contract"]).read_bytes())
            if out and not Path(out).absolute().parent.is_dir():
                raise ContractFileError([f"{ascii(out)}: the folder to write to does not exist."])
        except ContractFileError as error:
            self._refuse(error.sentences)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._refuse([f"{ascii(options['contract'])}: cannot be read ({reason})."])
        if not out:
            self.stdout.write(text)
            return
        try:
            write_whole(Path(out), text + "\n")
        except OSError as error:
            self._refuse([f"{ascii(out)}: cannot be written ({error.strerror})."])

    def _refuse(self, sentences: list[str]) -> None:
        for sentence in sentences:
            self.stderr.write(sentence)
        raise SystemExit(BAD_INPUT)

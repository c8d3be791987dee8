"""A pasted or uploaded contract file as a quote: read as `assess_contract` reads it, its errors those of a quote."""

from __future__ import annotations

from typing import Any

from capacity.review.quote_reading import QuoteError, QuoteRefused, read_quote
from contracts.domain.contract_file import ContractFileError, agreement_from_bytes
from contracts.domain.quote_from_file import payload_of_agreement
from contracts.domain.terms import TermsError

MOST_SAID = 20


def quote_of_contract_file(data: bytes) -> tuple[dict[str, Any], list[str]]:
    """(payload, notes on what a quote does not take over). Raises QuoteRefused with every error of the file."""
    try:
        payload, notes = payload_of_agreement(agreement_from_bytes(data))
    except ContractFileError as error:
        raise QuoteRefused([QuoteError("", line) for line in error.sentences[:MOST_SAID]]) from None
    except (TermsError, ValueError) as error:
        raise QuoteRefused([QuoteError("", str(error))]) from None
    return read_quote(payload).payload, notes

"""Codes that other code may give have their words."""

from __future__ import annotations

from typing import get_args

from capacity.review.words import WORDS, word
from contracts.domain.margin import NoBreakEven


def test_every_reason_for_no_break_even_multiple_has_words() -> None:
    reasons = set(get_args(NoBreakEven)) - {""}
    assert reasons == set(WORDS["break_even_reason"])
    assert word("break_even_reason", "fee_below_promise").startswith("The fee does not pay for what is promised")

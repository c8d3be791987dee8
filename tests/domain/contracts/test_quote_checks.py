"""What an import would refuse is refused of a quote: steps outside the term, caps below commitments, prices twice."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from contracts.domain.quote_checks import quote_errors

STARTS, ENDS = date(2027, 1, 4), date(2027, 7, 5)


def errors(
    *, prices: list[dict[str, Any]] | None = None, steps: list[dict[str, Any]] | None = None, **own: Any
) -> list[str]:
    contract = {
        "starts_date": STARTS,
        "ends_date": ENDS,
        "rate_limit_input_tokens_per_minute": None,
        "rate_limit_output_tokens_per_minute": None,
        "unit_tokens_per_minute": None,
        "unit_output_tokens_per_minute": None,
        **own,
    }
    return [field for field, _ in quote_errors(contract=contract, prices=prices or [], steps=steps or [])]


def price(starts: date = STARTS, **columns: Any) -> dict[str, Any]:
    row = {
        "kind": "output",
        "starts_date": starts,
        "ends_date": None,
        "tier_from": Decimal(0),
        "tier_mode": "graduated",
    }
    return row | columns


def step(kind: str, quantity: int, starts: date = STARTS) -> dict[str, Any]:
    return {"kind": kind, "quantity": Decimal(quantity), "starts_date": starts}


def test_a_step_lies_in_the_term() -> None:
    steps = [step("seats", 1), step("seats", 2, ENDS), step("seats", 3, date(2027, 1, 3))]
    assert errors(steps=steps) == ["commit_steps.1.starts_date", "commit_steps.2.starts_date"]


def test_a_cap_lets_through_what_is_committed() -> None:
    # 4 units of 30,000 tokens a minute are 120,000.
    limits = {"unit_tokens_per_minute": 30_000}
    steps = [step("throughput_units", 4)]
    assert errors(steps=steps, rate_limit_input_tokens_per_minute=119_999, **limits) == ["commit_steps.0.quantity"]
    assert errors(steps=steps, rate_limit_input_tokens_per_minute=120_000, **limits) == []
    # A month is 730 hours, 43,800 minutes: 438,000 tokens are 10 a minute.
    both = {"rate_limit_input_tokens_per_minute": 5, "rate_limit_output_tokens_per_minute": 5}
    assert errors(steps=[step("tokens_month", 438_000)], **both) == []
    assert errors(steps=[step("tokens_month", 438_001)], **both) == ["commit_steps.0.quantity"]


def test_two_price_lists_of_a_kind_do_not_hold_on_one_day() -> None:
    later = date(2027, 3, 1)
    assert errors(prices=[price(), price(later)]) == ["price_lines.1.starts_date"]
    assert errors(prices=[price(ends_date=later), price(later)]) == []
    assert errors(prices=[price(), price(later, kind="cached_input")]) == []


def test_tiers_of_one_price_agree_in_mode_and_end() -> None:
    upper = {"tier_from": Decimal(100)}
    assert errors(prices=[price(), price(**upper)]) == []
    assert errors(prices=[price(), price(**upper, tier_mode="volume")]) == ["price_lines.1.tier_mode"]
    assert errors(prices=[price(), price(**upper, ends_date=ENDS)]) == ["price_lines.1.tier_mode"]

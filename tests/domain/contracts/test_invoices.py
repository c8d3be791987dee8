"""Bills in cents: each rounded once, what rounding leaves carried on, so that they add up to what is agreed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from capacity.lib.money import round_parts
from contracts.domain.invoices import Carry
from tests.domain.contracts.examples import result, result_of
from tests.domain.contracts.test_statements import OUTPUT, charged, contract, lines, used

CENTS = Decimal("0.01")


def assert_adds_up(found: dict[str, Any]) -> None:
    for bill in found["bills"]:
        assert sum(line["usd"] for line in bill["lines"]) == bill["charged_usd"]
        assert bill["total_usd"] == bill["charged_usd"] - (bill["credits_usd"] or 0)
    for name in ("charged_usd", "total_usd"):
        assert sum(bill[name] for bill in found["bills"]) == found["totals"][name]


def test_three_bills_of_a_third_of_a_dollar_are_a_dollar() -> None:
    found = result(contract({"fixed_fees": [{"key": "fee", "price": 0.333}]}, ends="2027-04-01"))
    # exactly 0.333, 0.666 and 0.999 have been owed: 0.33, then 0.67, then 1.00
    assert charged(found) == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]
    assert found["totals"]["charged_usd"] == 1
    assert_adds_up(found)


def test_a_year_of_drawing_down_bills_the_commitment_to_the_cent() -> None:
    version = {"price_lines": [OUTPUT], "commitments": [{"amount": 1_000}]}
    found = result(contract(version, usage=[used("2027-01-01", "2028-01-01", 100)]))
    # 100 × 31/365 = 8.4932, then 100 × 59/365 = 16.1644 in all: 8.49 and 7.67
    assert charged(found)[:2] == [Decimal("8.49"), Decimal("7.67")]
    assert lines(found["bills"][-1])["commitment_true_up"] == 900
    assert found["totals"]["charged_usd"] == 1_000
    assert_adds_up(found)


def test_every_commitment_period_bills_it_to_the_cent_whatever_the_months_before_left() -> None:
    # January's fee of $0.004 is carried into the quarter of $300 at a discount of a third, and stays outside of it
    first = {"price_lines": [OUTPUT], "fixed_fees": [{"key": "fee", "price": 0.004}]}
    quarter = {"amount": 300, "period_months": 3, "discount_share": 0.333, "from": "2027-02-01", "to": "2027-05-01"}
    later = {"from": "2027-02-01", "fixed_fees": [], "commitments": [quarter]}
    found = result(
        contract(
            first,
            later,
            ends="2027-05-01",
            usage=[used("2027-02-01", "2027-05-01", 100)] + [used("2027-01-01", "2027-02-01", 0)],
        )
    )
    assert charged(found)[0] == 0
    assert sum(charged(found)[1:]) == 300
    assert_adds_up(found)


def test_the_shipped_drawdown_bills_its_commitment_to_the_cent() -> None:
    found = result_of("S02-committed-spend")
    assert sum(charged(found)[:12]) == 1_200_000
    assert_adds_up(found)


def test_a_half_cent_goes_to_the_even_cent_first_and_then_the_same_way() -> None:
    carry, half = Carry(), Decimal("0.005")
    assert carry.rounded(half) == 0
    # a commitment of $0.03 after it is $0.03, though 0.035 alone would be 0.04
    assert carry.rounded(3 * CENTS) == 3 * CENTS
    assert carry.rounded(half) == CENTS
    assert carry.left == 0


@pytest.mark.parametrize("amount", ["0.0149", "-0.0149"])
def test_what_is_carried_is_never_more_than_half_a_cent(amount: str) -> None:
    carry = Carry()
    for _ in range(50):
        carry.rounded(Decimal(amount))
        assert abs(carry.left) <= Decimal("0.005")


def test_a_bill_of_nothing_is_not_less_than_nothing() -> None:
    # 0.006 is billed as 0.01, so −0.004 is carried into a bill of nothing: 0.00, not −0.00.
    carry = Carry()
    assert [str(carry.rounded(Decimal(amount))) for amount in ("0.006", "0")] == ["0.01", "0.00"]


def test_parts_sum_to_a_total_a_cent_below_all_their_floors() -> None:
    parts = {"a": Decimal("1.00"), "b": Decimal("2.00")}
    # both remainders are 0: the first by key keeps its cent
    assert round_parts(parts, total=Decimal("2.99")) == {"a": Decimal("1.00"), "b": Decimal("1.99")}
    assert round_parts(parts, total=Decimal("3.01")) == {"a": Decimal("1.01"), "b": Decimal("2.00")}


def test_all_of_a_fee_that_comes_back_leaves_nothing_of_its_bill() -> None:
    down = {"from": "2027-02-01", "to": "2027-03-01", "metric": "uptime", "share": 0.5}
    version = {
        "fixed_fees": [{"key": "fee", "price": 0.333}],
        "sla": {"uptime": [{"below_share": 0.95, "credit_share": 1}]},
    }
    found = result(contract(version, ends="2027-04-01", service=[down]))
    # February bills 0.34, with what January left; all of it is credited, not 0.33
    assert [bill["credits_usd"] for bill in found["bills"]] == [None, Decimal("0.34"), None]
    assert [bill["total_usd"] for bill in found["bills"]] == [Decimal("0.33"), 0, Decimal("0.33")]
    assert_adds_up(found)


def test_the_part_that_is_paid_used_or_not_is_its_lines_as_billed() -> None:
    version = {"price_lines": [OUTPUT], "fixed_fees": [{"key": "fee", "price": 0.333}]}
    found = result(contract(version, ends="2027-04-01", usage=[used("2027-01-01", "2027-04-01", 0)]))
    assert [bill["fixed_usd"] for bill in found["bills"]] == charged(found)

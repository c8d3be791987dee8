"""Falling prices, by hand: the margin after a cut, the cut that leaves nothing, when prices have fallen so far."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.domain.price_war import break_even_cut, margin_after_cut, months_until_cut, price_after
from tests.domain.contracts.examples import changed, result, result_of

REVENUE, COST = Decimal(122_202), Decimal(46_720)


def test_a_cut_of_40_percent_leaves_36_3_percent() -> None:
    # 122,202 × 0.6 = 73,321.20; 46,720 of it is 63.72 %
    found = margin_after_cut(revenue_usd=REVENUE, cost_usd=COST, cut_share=Decimal("0.4"))
    assert found is not None and round(found, 4) == Decimal("0.3628")


def test_prices_may_fall_by_61_8_percent_and_then_nothing_is_left() -> None:
    most = break_even_cut(revenue_usd=REVENUE, cost_usd=COST)
    assert most is not None and round(most, 3) == Decimal("0.618")
    left = margin_after_cut(revenue_usd=REVENUE, cost_usd=COST, cut_share=most)
    assert left is not None and abs(left) < Decimal("1e-20")


def test_what_is_not_known_is_not_said() -> None:
    assert margin_after_cut(revenue_usd=REVENUE, cost_usd=None, cut_share=Decimal("0.4")) is None
    assert margin_after_cut(revenue_usd=Decimal(0), cost_usd=COST, cut_share=Decimal("0.4")) is None
    assert margin_after_cut(revenue_usd=REVENUE, cost_usd=COST, cut_share=Decimal(1)) is None
    assert break_even_cut(revenue_usd=REVENUE, cost_usd=None) is None


def test_prices_that_fall_79_percent_a_year_halve_in_5_33_months() -> None:
    fall = Decimal("0.79")
    months = months_until_cut(cut_share=Decimal("0.5"), fall_share_a_year=fall)
    assert months is not None and round(months, 2) == Decimal("5.33")
    assert round(price_after(price_usd=Decimal(15), fall_share_a_year=fall, months=months), 10) == Decimal("7.5")
    assert price_after(price_usd=Decimal(15), fall_share_a_year=fall, months=Decimal(12)) == Decimal("3.15")


@pytest.mark.parametrize(
    ("cut", "fall", "months"), [("-0.1", "0.79", 0), ("0", "0.79", 0), ("0.5", "0", None), ("1", "0.79", None)]
)
def test_a_cut_that_is_there_or_never_comes(cut: str, fall: str, months: int | None) -> None:
    assert months_until_cut(cut_share=Decimal(cut), fall_share_a_year=Decimal(fall)) == months


def test_a_contract_shows_its_margin_at_lower_prices() -> None:
    cuts = result_of("S01-pay-as-you-go")["results"]["price_cuts"]
    assert cuts["break_even_cut_share"] == Decimal("0.617682")
    # 1 − 46,720 ÷ (122,202 × 0.9), × 0.8, × 0.6
    assert [(row["cut_share"], round(row["loaded_margin_share"], 3)) for row in cuts["at"]] == [
        (Decimal("0.1"), Decimal("0.575")),
        (Decimal("0.2"), Decimal("0.522")),
        (Decimal("0.4"), Decimal("0.363")),
    ]
    assert cuts["months_to_break_even"] is None


def test_a_contract_shows_when_prices_that_fall_have_eaten_its_margin() -> None:
    falling = changed("S01-pay-as-you-go", lambda d: d.update(expected={"price_fall_share_per_year": 0.79}))
    # ln(46,720 ÷ 122,202) ÷ ln 0.21 × 12
    assert round(result(falling)["results"]["price_cuts"]["months_to_break_even"], 2) == Decimal("7.39")


def test_an_unknown_revenue_has_no_margin_at_lower_prices() -> None:
    unknown = changed("S01-pay-as-you-go", lambda d: d["versions"][0]["streams"][0].update(traffic=None))
    assert result(unknown)["results"]["price_cuts"] is None

"""The ladder of bands: where values fall, how bands are written, and that two values of one step cannot be told apart."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.access.bands import BandUnit, band_of

MONEY = [
    (0, "under $1"),
    (Decimal("0.99"), "under $1"),
    (Decimal("-0.99"), "under $1"),
    (1, "$1–$2"),
    (Decimal("1.999"), "$1–$2"),
    (2, "$2–$5"),
    (999, "$500–$1k"),
    (1_000, "$1k–$2k"),
    (Decimal("1999999.99"), "$1M–$2M"),
    (2_000_000, "$2M–$5M"),
    (-1_500_000, "−$2M to −$1M"),
    (Decimal("4e9"), "$2B–$5B"),
    (Fraction(25_000, 1), "$20k–$50k"),
]
SHARES = [
    ("0.43", "40–50%"),
    ("0.4", "40–50%"),
    ("0.3999", "30–40%"),
    ("0", "0–10%"),
    ("-0.038", "−10% to 0%"),
    ("-0.13", "−20% to −10%"),
    ("1.2", "120–130%"),
]


# Cost is 1 less the share of revenue: its ladder is 10, 20, 50, 100, 200, 500 % of it.
MARGINS = [
    ("0.97", "90–100%"),
    ("1", "90–100%"),
    ("0.9", "90–100%"),
    ("0.8999", "80–90%"),
    ("0.6177", "50–80%"),
    ("0.5", "50–80%"),
    ("0.4999", "0–50%"),
    ("0", "0–50%"),
    ("-0.0001", "−100% to 0%"),
    ("-1", "−100% to 0%"),
    ("-1.01", "−400% to −100%"),
    ("-8", "−900% to −400%"),
    ("-12", "−1900% to −900%"),
]


@pytest.mark.parametrize(("value", "word"), MONEY)
def test_money_falls_on_the_1_2_5_ladder(value: Decimal, word: str) -> None:
    assert str(band_of(value, unit=BandUnit.USD)) == word


@pytest.mark.parametrize(("value", "word"), SHARES)
def test_shares_fall_on_ten_points(value: str, word: str) -> None:
    assert str(band_of(Decimal(value), unit=BandUnit.SHARE)) == word


@pytest.mark.parametrize(("value", "word"), MARGINS)
def test_a_contracts_margin_falls_on_the_ladder_of_its_cost(value: str, word: str) -> None:
    assert str(band_of(Decimal(value), unit=BandUnit.MARGIN)) == word


@given(
    st.decimals(min_value="0.01", max_value=10**9, places=2), st.decimals(min_value="0.01", max_value=10**9, places=2)
)
def test_who_knows_the_cost_knows_the_revenue_to_a_factor_of_two_at_least(cost: Decimal, revenue: Decimal) -> None:
    found = band_of(1 - cost / revenue, unit=BandUnit.MARGIN)
    assert found is not None
    assert found.low <= 1 - cost / revenue <= found.high
    if found.high < 1:
        # Revenue = cost ÷ (1 − share): between these two.
        assert (1 - found.low) / (1 - found.high) >= 2


def test_multiples_and_numbers_carry_their_own_mark() -> None:
    assert str(band_of(Decimal("2.635"), unit=BandUnit.MULTIPLE)) == "2×–5×"
    assert str(band_of(1234, unit=BandUnit.NUMBER)) == "1k–2k"


@pytest.mark.parametrize("value", [None, "12", [1], float("nan"), float("inf"), Decimal("NaN"), True])
def test_what_is_not_a_finite_number_has_no_band(value: object) -> None:
    assert band_of(value, unit=BandUnit.USD) is None


amounts = st.decimals(min_value=-(10**13), max_value=10**13, allow_nan=False, places=4)


@given(value=amounts)
def test_a_band_holds_its_value_and_is_at_most_as_wide_as_its_upper_bound_allows(value: Decimal) -> None:
    band = band_of(value, unit=BandUnit.USD)
    assert band is not None
    assert band.low <= value <= band.high
    assert band.high - band.low >= abs(value) / 2


@given(value=amounts, other=amounts)
def test_values_of_one_step_have_the_same_band_and_others_do_not_overlap(value: Decimal, other: Decimal) -> None:
    first, second = band_of(value, unit=BandUnit.USD), band_of(other, unit=BandUnit.USD)
    assert first is not None and second is not None
    assert first == second or first.high <= second.low or second.high <= first.low


@given(value=st.decimals(min_value=-20, max_value=20, allow_nan=False, places=6))
def test_a_share_lies_in_its_ten_points(value: Decimal) -> None:
    band = band_of(value, unit=BandUnit.SHARE)
    assert band is not None
    assert band.low <= value < band.high
    assert band.high - band.low == Decimal("0.1")

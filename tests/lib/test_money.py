"""Money and exact numbers: nothing rounded inside, parts that sum to their total when shown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.money import round_parts, round_usd, to_decimal
from capacity.lib.units import ceil_fraction, exact, floor_fraction


def test_three_thirds_of_a_hundred_show_as_a_hundred() -> None:
    third = to_decimal(Fraction(100, 3))
    assert list(round_parts({"c": third, "a": third, "b": third}).values()) == [
        Decimal("33.33"),
        Decimal("33.34"),
        Decimal("33.33"),
    ]


def test_half_a_cent_goes_to_the_even_cent() -> None:
    assert [round_usd(Decimal(text)) for text in ("0.005", "0.015", "-0.005")] == [
        Decimal("0.00"),
        Decimal("0.02"),
        Decimal("0.00"),
    ]


@given(st.dictionaries(st.text(min_size=1, max_size=3), st.decimals(-(10**9), 10**9, places=6), max_size=8))
def test_shown_parts_sum_to_the_shown_total_and_each_is_within_a_cent(parts: dict[str, Decimal]) -> None:
    shown = round_parts(parts)
    assert sum(shown.values(), Decimal(0)) == round_usd(sum(parts.values(), Decimal(0)))
    assert all(abs(shown[key] - parts[key]) < Decimal("0.01") for key in parts)


def test_a_ceiling_of_an_exact_fraction_is_not_fooled_by_floats() -> None:
    assert 2.1 / 0.7 > 3
    assert ceil_fraction(Fraction("2.1") / Fraction("0.7")) == 3
    assert (ceil_fraction(Fraction(-1, 2)), floor_fraction(Fraction(-1, 2))) == (0, -1)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("Infinity")])
def test_what_is_no_number_is_refused(value: Decimal) -> None:
    with pytest.raises(ValueError, match="finite"):
        exact(value)


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError):
        exact(0.1)  # type: ignore[arg-type]

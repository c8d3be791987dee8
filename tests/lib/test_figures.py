"""How numbers, weeks and missing values are written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from capacity.lib import figures
from capacity.lib.figures import NOTHING, RESTRICTED
from capacity.lib.horizon import Week


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0"),
        (Decimal("0.0425"), "$0.0425"),
        (Decimal("0.04"), "$0.04"),
        (Decimal("0.5"), "$0.50"),
        (Decimal("1.87"), "$1.87"),
        (187, "$187"),
        (612_000, "$612k"),
        (40_000, "$40.0k"),
        (14_203_117, "$14.2M"),
        (3_200_000_000, "$3.20B"),
        (-1_900_000, "−$1.90M"),
    ],
)
def test_money_has_three_significant_digits_and_its_letter(amount: int | Decimal, text: str) -> None:
    assert figures.usd(amount) == text


def test_money_that_rounds_up_to_the_next_letter_takes_it() -> None:
    assert figures.usd(Decimal("999.6")) == "$1.00k"
    assert figures.usd(999_950) == "$1.00M"


def test_money_rounds_half_to_even() -> None:
    assert figures.usd(Decimal("1.865")) == "$1.86"
    assert figures.usd(Decimal("1.875")) == "$1.88"


def test_a_fraction_is_written_exactly() -> None:
    assert figures.usd(Fraction(2, 3)) == "$0.667"


def test_money_down_a_column_has_equal_decimals() -> None:
    column = [figures.usd_in(value, letter="M") for value in (7_240_000, 300_000, 21_000_000)]
    assert column == ["$7.2M", "$0.3M", "$21.0M"]


def test_exact_money_shows_every_cent() -> None:
    assert figures.usd_exact(Decimal("14203117.42")) == "$14,203,117.42"


def test_counts_have_a_comma_and_a_true_minus() -> None:
    assert figures.thousands(61_840) == "61,840"
    assert figures.thousands(-3_420) == "\u22123,420"
    assert figures.thousands(1_024, signed=True) == "+1,024"


def test_nothing_is_ever_written_as_minus_zero() -> None:
    assert figures.thousands(-0.3) == "0"
    assert figures.points(Decimal("-0.0001")) == "0.0 pt"
    assert figures.usd_in(-4, letter="M") == "$0.0M"


def test_chart_labels_are_compact() -> None:
    assert [figures.compact(value) for value in (951, 61_840, 999_960, -7_071)] == ["951", "61.8k", "1.0M", "−7.1k"]


def test_a_number_that_is_not_finite_is_a_dash() -> None:
    assert figures.thousands(float("nan")) == "—"


def test_shares_points_and_ratios() -> None:
    assert figures.share(Decimal("0.876")) == "87.6%"
    assert figures.points(Decimal("0.006")) == "+0.6 pt"
    assert figures.ratio(6.2) == "6.2×"


def test_a_week_is_written_by_its_monday() -> None:
    assert figures.week(Week.parse("2026-W48")) == "23 Nov"
    assert figures.week(date(2026, 11, 26)) == "23 Nov"


def test_the_year_is_written_only_when_it_is_another() -> None:
    assert figures.week(Week.parse("2027-W03"), year=2026) == "18 Jan 2027"
    assert figures.week(Week.parse("2027-W03"), year=2027) == "18 Jan"


def test_a_range_ends_on_the_day_before_its_end() -> None:
    assert figures.day_range(date(2026, 11, 23), date(2026, 11, 30)) == "23–29 Nov"
    assert figures.day_range(date(2026, 12, 28), date(2027, 1, 4), year=2026) == "28 Dec – 3 Jan 2027"
    assert figures.day_range(date(2026, 11, 23), date(2026, 11, 24)) == "23 Nov"


def test_a_count_agrees_with_its_noun() -> None:
    assert [figures.counted(n, "week") for n in (1, 7)] == ["1 week", "7 weeks"]
    assert figures.counted(2, "entry", "entries") == "2 entries"


def test_an_absent_value_keeps_its_word_with_a_reason_of_its_own() -> None:
    told = RESTRICTED.because("Prices are for finance.")
    assert (str(told), told.kind, told.reason) == ("restricted", "restricted", "Prices are for finance.")
    assert str(NOTHING) == "—"

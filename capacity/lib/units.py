"""Unit conversions that every formula shares. Planning uses a 730-hour month; invoices use actual days."""

from __future__ import annotations

from fractions import Fraction

HOURS_PER_YEAR = 8760
HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
HOURS_PER_WEEK = 168
SECONDS_PER_WEEK = HOURS_PER_WEEK * 3600
TOKENS_PER_MILLION = 1_000_000


def ceil_fraction(value: Fraction) -> int:
    """Exact ceiling: 2.1/0.7 is 3, because no float takes part."""
    return -(-value.numerator // value.denominator)


def floor_fraction(value: Fraction) -> int:
    return value.numerator // value.denominator

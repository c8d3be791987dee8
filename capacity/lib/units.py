"""Unit conversions that every formula shares. Planning uses a 730-hour month; invoices use actual days."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

HOURS_PER_YEAR = 8760
HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
HOURS_PER_WEEK = 168
SECONDS_PER_WEEK = HOURS_PER_WEEK * 3600
TOKENS_PER_MILLION = 1_000_000
SECONDS_PER_MINUTE = 60
SECONDS_PER_DAY = 86_400

# What the exact arithmetic accepts. Floats are left out on purpose: 0.7 as a float is not 7/10.
Exact = int | Decimal | Fraction


def exact(value: Exact) -> Fraction:
    """The value as an exact fraction. Raises TypeError for a float, ValueError for NaN and infinity."""
    if type(value) is Fraction:
        return value
    if type(value) is Decimal and value.is_finite():
        return Fraction(*value.as_integer_ratio())
    if isinstance(value, float):
        raise TypeError(f"{value!r} is a float; give an int, a Decimal or a Fraction")
    if isinstance(value, Decimal) and not value.is_finite():
        raise ValueError(f"{value} is not a finite number")
    return Fraction(value)


def ceil_fraction(value: Fraction) -> int:
    """Exact ceiling: 2.1/0.7 is 3, because no float takes part."""
    return -(-value.numerator // value.denominator)


def floor_fraction(value: Fraction) -> int:
    return value.numerator // value.denominator

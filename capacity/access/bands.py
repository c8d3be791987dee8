"""Bands: what a role sees that may know the size of a figure but not the figure. Pure.

The ladder is fixed: 1, 2, 5 in each decade for money and multiples, ten points for shares (methods: Who sees what).
A band depends on the value alone, never on who asks, what else is shown or what was shown last week, so that two
answers about one value are equal and cannot be differenced.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction

EN_DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
_STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
_LETTERS = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(1000), "k"))
_TENTH = Decimal("0.1")


class BandUnit(StrEnum):
    """How a band is laid and written. USD, MULTIPLE and NUMBER use the 1-2-5 ladder, SHARE ten points."""

    USD = "usd"
    MULTIPLE = "multiple"
    NUMBER = "number"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class Banded:
    """A value between `low` and `high`: the bound nearer to zero belongs to the band, shares always the lower one."""

    low: Decimal
    high: Decimal
    unit: BandUnit
    kind: str = "banded"
    reason: str = "Your role sees the size of this figure, not the figure."

    @property
    def word(self) -> str:
        """For example $1M–$2M, 40–50%, 1×–2×, −$2M to −$1M, under $1."""
        if self.unit is BandUnit.SHARE:
            return _share_word(self.low, self.high)
        if self.low == -1 and self.high == 1:
            return f"under {_amount(Decimal(1), self.unit)}"
        joint = " to " if self.low < 0 else EN_DASH
        return f"{_amount(self.low, self.unit)}{joint}{_amount(self.high, self.unit)}"

    def __str__(self) -> str:
        return self.word


def band_of(value: object, *, unit: BandUnit) -> Banded | None:
    """The band the number lies in. None for what is not a finite number: the caller must then hide it."""
    number = _number(value)
    if number is None:
        return None
    if unit is BandUnit.SHARE:
        with localcontext(Context(prec=60)):
            low = (number / _TENTH).to_integral_value(rounding=ROUND_FLOOR) * _TENTH
            return Banded(low=low, high=low + _TENTH, unit=unit)
    size = abs(number)
    if size < 1:
        # One band on both sides of zero: a small loss must not be told from a small gain, nor from nothing.
        return Banded(low=Decimal(-1), high=Decimal(1), unit=unit)
    decade = Decimal(10) ** size.adjusted()
    low, high = next(
        (lower * decade, upper * decade)
        for lower, upper in zip(_STEPS, _STEPS[1:], strict=False)
        if lower * decade <= size < upper * decade
    )
    if number < 0:
        return Banded(low=-high, high=-low, unit=unit)
    return Banded(low=low, high=high, unit=unit)


def _number(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Fraction):
        value = Decimal(value.numerator) / Decimal(value.denominator)
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, int):
        value = Decimal(value)
    if isinstance(value, Decimal) and value.is_finite():
        return value
    return None


def _amount(value: Decimal, unit: BandUnit) -> str:
    size = abs(value)
    for step, letter in _LETTERS:
        if size >= step:
            text = f"{size / step:f}{letter}"
            break
    else:
        text = f"{size:f}"
    sign = MINUS if value < 0 else ""
    if unit is BandUnit.USD:
        return f"{sign}${text}"
    return f"{sign}{text}" + ("\N{MULTIPLICATION SIGN}" if unit is BandUnit.MULTIPLE else "")


def _share_word(low: Decimal, high: Decimal) -> str:
    lower, upper = int(low * 100), int(high * 100)
    if lower < 0:
        return f"{MINUS}{-lower}% to {MINUS if upper < 0 else ''}{abs(upper)}%"
    return f"{lower}{EN_DASH}{upper}%"

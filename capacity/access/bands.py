"""Bands: what a role sees that may know the size of a figure but not the figure. Pure.

The ladder is fixed: 1, 2, 5 in each decade for money and multiples, ten points for shares of sums, and for a single
contract's margin the same ladder of its cost ÷ revenue (methods: Visibility).
A band depends on the value alone, never on who asks, what else is shown or what was shown last week, so that two
answers about one value are equal and cannot be differenced.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from enum import StrEnum
from fractions import Fraction

from capacity.lib.figures import EN_DASH, MINUS, TIMES, Absent

_STEPS = (Decimal(1), Decimal(2), Decimal(5), Decimal(10))
_LETTERS = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(1000), "k"))
_TENTH = Decimal("0.1")
WHY_BANDED = "Your role sees the size of this figure, not the figure."


class BandUnit(StrEnum):
    """How a band is laid and written. USD, MULTIPLE and NUMBER use the 1-2-5 ladder, SHARE ten points.

    MARGIN, a share too, uses the ladder of cost ÷ revenue, 1 less the share: whoever knows the cost, as who plans the
    accelerators does, then knows the revenue to a factor of 2 at least; ten points of a margin of −300 % leave 2.5 %.
    """

    USD = "usd"
    MULTIPLE = "multiple"
    NUMBER = "number"
    SHARE = "share"
    MARGIN = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Banded(Absent):
    """A value known to lie between `low` and `high`. The bound nearer to zero belongs to the band; of shares the lower.

    Written like any absent value, by its `word`: $1M–$2M, 40–50%, 1×–2×, −$2M to −$1M, under $1.
    """

    low: Decimal
    high: Decimal
    unit: BandUnit


def band_of(value: object, *, unit: BandUnit) -> Banded | None:
    """The band the number lies in. None for what is not a finite number: the caller must then hide it."""
    number = _number(value)
    if number is None:
        return None
    low, high = _STEP_OF.get(unit, _ladder_step)(number)
    return Banded(word=_word(low, high, unit), kind="banded", reason=WHY_BANDED, low=low, high=high, unit=unit)


def _share_step(number: Decimal) -> tuple[Decimal, Decimal]:
    with localcontext(Context(prec=60)):
        low = (number / _TENTH).to_integral_value(rounding=ROUND_FLOOR) * _TENTH
        return low, low + _TENTH


def _ladder_step(number: Decimal) -> tuple[Decimal, Decimal]:
    size = abs(number)
    if size < 1:
        # One band on both sides of zero: a small loss must not be told from a small gain, nor from nothing.
        return Decimal(-1), Decimal(1)
    decade = Decimal(10) ** size.adjusted()
    low, high = next(
        (lower * decade, upper * decade)
        for lower, upper in zip(_STEPS, _STEPS[1:], strict=False)
        if lower * decade <= size < upper * decade
    )
    return (-high, -low) if number < 0 else (low, high)


def _margin_step(number: Decimal) -> tuple[Decimal, Decimal]:
    """The ladder of 1 − number; all margins of 90 % and more are one band, so that no cost is told from little."""
    with localcontext(Context(prec=60)):
        cost = 1 - number
        if cost <= _TENTH:
            return 1 - _TENTH, Decimal(1)
        decade = Decimal(10) ** cost.adjusted()
        # The upper bound of the cost, the lower of the margin, belongs to the band: no loss is no loss.
        low, high = next(
            (lower * decade, upper * decade)
            for lower, upper in zip((_STEPS[2] / 10, *_STEPS), _STEPS, strict=False)
            if lower * decade < cost <= upper * decade
        )
        return 1 - high, 1 - low


_STEP_OF = {BandUnit.SHARE: _share_step, BandUnit.MARGIN: _margin_step}


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


def _word(low: Decimal, high: Decimal, unit: BandUnit) -> str:
    if unit in _STEP_OF:
        lower, upper = int(low * 100), int(high * 100)
        return f"{MINUS}{-lower}% to {MINUS * (upper < 0)}{abs(upper)}%" if lower < 0 else f"{lower}{EN_DASH}{upper}%"
    if low < 0 < high:
        return f"under {_amount(high, unit)}"
    return f"{_amount(low, unit)}{' to ' if low < 0 else EN_DASH}{_amount(high, unit)}"


def _amount(value: Decimal, unit: BandUnit) -> str:
    size, letter = abs(value), ""
    for step, candidate in _LETTERS:
        if size >= step:
            size, letter = size / step, candidate
            break
    mark = "$" if unit is BandUnit.USD else ""
    return f"{MINUS if value < 0 else ''}{mark}{size:f}{letter}{TIMES if unit is BandUnit.MULTIPLE else ''}"

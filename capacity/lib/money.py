"""Money as Decimal US dollars: unrounded inside, rounded only for display, parts that sum to their total.

The rounding rule (methods: Conventions): the total shown is the half-even of the unrounded sum; the parts shown
are rounded by largest remainder, ties by line key, so that they sum to it to the cent.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from fractions import Fraction

CENT = Decimal("0.01")
# 50 digits: weekly money of a large lab has 12 digits before the point; products of three factors stay exact.
PRECISION = 50


def exact_context() -> Context:
    """A decimal context wide enough that sums and products of planning figures are not rounded.

    Always the same one, for `localcontext`, which copies it.
    """
    return _EXACT


_EXACT = Context(prec=PRECISION, rounding=ROUND_HALF_EVEN)


def to_decimal(value: Fraction | int | Decimal) -> Decimal:
    """The value as a Decimal of 50 significant digits (exact where it has a finite decimal form that short)."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    return _EXACT.divide(Decimal(value.numerator), Decimal(value.denominator))


def round_usd(value: Decimal, *, step: Decimal = CENT) -> Decimal:
    """Half-even to the cent (or to `step`)."""
    with localcontext(exact_context()):
        return (value / step).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) * step


def round_parts(parts: Mapping[str, Decimal], *, step: Decimal = CENT) -> dict[str, Decimal]:
    """Each part rounded so that the rounded parts sum to the rounded total.

    parts: line key → unrounded amount. Returns the same keys in the same order.
    Largest remainder: every part is floored, then the missing steps go to the largest remainders, ties by key.
    """
    with localcontext(exact_context()):
        total = round_usd(sum(parts.values(), Decimal(0)), step=step)
        floors = {key: (value / step).to_integral_value(rounding=ROUND_FLOOR) for key, value in parts.items()}
        missing = int(total / step - sum(floors.values(), Decimal(0)))
        by_remainder = sorted(parts, key=lambda key: (-(parts[key] / step - floors[key]), key))
        for key in by_remainder[:missing]:
            floors[key] += 1
        return {key: floors[key] * step for key in parts}

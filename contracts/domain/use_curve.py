"""A contract's margin as its use grows: the exact steps at which one more replica is paid for (methods: Use at multiples).

Pure. What belongs here: the points of the curve. The results at single multiples, worst use and break-even are margin.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from contracts.domain.month import Month, difference, total_or_none

# Steps drawn of a curve; of a contract with more replicas every second, third … of them.
MOST_DRAWN = 24
# Use so small that one replica and its spare carry it: the curve begins there, beside no use at all.
ALMOST_NONE = Fraction(1, 1_000_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """The planning month at a multiple of P50. Of two points at one multiple the second is just above it."""

    multiple: Fraction
    accelerators: int
    margin_usd: Decimal


def use_curve(*, month: Month, top: Fraction) -> tuple[CurvePoint, ...]:
    """Margin from no use to `top`, in order of the multiple; empty where need or cost is not known.

    Just above a multiple that fills replicas the next one is paid for: there the curve falls. Revenue between two points
    is drawn straight.
    """
    if top <= 0 or not all(each.is_sized and each.promised is not None for each in month.pools):
        return ()
    points = [_point(month, ALMOST_NONE, Fraction(0))]
    for multiple in _steps(month, top):
        points += _at_step(month, multiple)
    found = [*points, _point(month, top, top)]
    known = tuple(point for point in found if point is not None)
    return known if len(known) == len(found) else ()


def _steps(month: Month, top: Fraction) -> list[Fraction]:
    """The multiples below `top` at which replicas of some stream are exactly full, thinned to what can be drawn."""
    found: set[Fraction] = set()
    for stream in month.pools:
        last = stream.need_at(top)
        full = last.work_replicas if last is not None else 0
        fills = [stream.multiple_that_fills(count) for count in range(1, full, full // MOST_DRAWN + 1)]
        found |= {multiple for multiple in fills if multiple is not None and 0 < multiple < top}
    steps = sorted(found)
    return steps[:: len(steps) // MOST_DRAWN + 1]


def _point(month: Month, multiple: Fraction, shown_at: Fraction) -> CurvePoint | None:
    held = [each.held_at(multiple) for each in month.pools]
    return _with(month, held, month.bill_at(multiple).total_usd, shown_at)


def _at_step(month: Month, multiple: Fraction) -> Iterator[CurvePoint | None]:
    """At a multiple that fills replicas, and just above it: the bill is the same, the next replica is paid for."""
    revenue = month.bill_at(multiple).total_usd
    yield _with(month, [each.held_at(multiple) for each in month.pools], revenue, multiple)
    above = [each.accelerators_at_peak(multiple, just_above=True) for each in month.pools]
    yield _with(month, above, revenue, multiple)


def _with(month: Month, held: Sequence[int | None], revenue: Decimal, shown_at: Fraction) -> CurvePoint | None:
    """The point with so many accelerators of each stream; None where their number or cost is not known."""
    accelerators = total_or_none(held)
    costs = [None if count is None else each.cost(count) for each, count in zip(month.pools, held, strict=True)]
    margin = difference(revenue, total_or_none(costs))
    if accelerators is None or margin is None:
        return None
    return CurvePoint(multiple=shown_at, accelerators=accelerators, margin_usd=margin)

"""A contract's margin as its use grows: the exact steps at which one more replica is paid for (methods: Use at multiples).

Pure. What belongs here: the points of the curve. The results at single multiples, worst use and break-even are margin.py.
"""

from __future__ import annotations

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
    if top <= 0 or not all(each.is_sized and each.promised is not None for each in month.streams):
        return ()
    points = [_point(month, ALMOST_NONE, Fraction(0))]
    for multiple in _steps(month, top):
        points += [_point(month, multiple, multiple), _just_above(month, multiple)]
    found = [*points, _point(month, top, top)]
    known = tuple(point for point in found if point is not None)
    return known if len(known) == len(found) else ()


def _steps(month: Month, top: Fraction) -> list[Fraction]:
    """The multiples below `top` at which replicas of some stream are exactly full, thinned to what can be drawn."""
    found: set[Fraction] = set()
    for stream in month.streams:
        last = stream.need_at(top)
        full = last.work_replicas if last is not None else 0
        fills = [stream.multiple_that_fills(count) for count in range(1, full, full // MOST_DRAWN + 1)]
        found |= {multiple for multiple in fills if multiple is not None and 0 < multiple < top}
    steps = sorted(found)
    return steps[:: len(steps) // MOST_DRAWN + 1]


def _point(month: Month, multiple: Fraction, shown_at: Fraction) -> CurvePoint | None:
    case = month.at("curve", multiple)
    margin = case.gross_margin_usd
    if case.accelerators is None or margin is None:
        return None
    return CurvePoint(multiple=shown_at, accelerators=case.accelerators, margin_usd=margin)


def _just_above(month: Month, multiple: Fraction) -> CurvePoint | None:
    held = [each.accelerators_at_peak(multiple, just_above=True) for each in month.streams]
    cost = total_or_none([each.cost(count) for each, count in zip(month.streams, held, strict=True)])
    margin = difference(month.bill_at(multiple).total_usd, cost) if cost is not None else None
    return None if margin is None else CurvePoint(multiple=multiple, accelerators=sum(held), margin_usd=margin)

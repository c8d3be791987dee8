"""When serving counts as wasteful, and when work waits beside idle accelerators (methods: Waste). Pure.

What belongs here: the thresholds and the arithmetic of a finding. Which rows of a plan they are held against is the
review's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact

LOW_UTILISATION = Fraction(30, 100)
THROTTLED_LIMIT = Fraction(1, 1000)


def utilisation(*, consumed: Sequence[Fraction], held: Sequence[int]) -> Fraction | None:
    """Σ accelerators at work ÷ Σ accelerators held, over the weeks in which any are held; None of none.

    9 and 15 at work of 40 held in each of two weeks: 24 ÷ 80 = 30 %.
    """
    pairs = [(work, count) for work, count in zip(consumed, held, strict=True) if count]
    total = sum(count for _, count in pairs)
    return sum((work for work, _ in pairs), Fraction(0)) / total if total else None


def is_low(share: Fraction | None) -> bool:
    """Below 30 %: at 30 % it is not."""
    return share is not None and share < LOW_UTILISATION


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond:
    """Accelerators held beyond what the work needs at the utilisation target, a week on average, and their cost."""

    accelerators: Fraction
    usd_per_week: Decimal | None


def beyond_target(
    *, consumed: Sequence[Fraction], held: Sequence[int], target: Fraction, rates: Sequence[Decimal | None]
) -> Beyond:
    """Mean over the weeks of max(0, held − consumed ÷ u), and of that × 168 × rate; None where a rate is missing.

    40 held, 9 at work, u 0.6: 40 − 15 = 25 beyond; at $2 an hour 25·168·2 = $8,400 a week.
    """
    weeks = len(held)
    over = [max(Fraction(0), count - work / target) for work, count in zip(consumed, held, strict=True)]
    if not weeks:
        return Beyond(accelerators=Fraction(0), usd_per_week=Decimal(0))
    total: Fraction | None = Fraction(0)
    for amount, rate in zip(over, rates, strict=True):
        if amount and total is not None:
            total = None if rate is None else total + amount * HOURS_PER_WEEK * exact(rate)
    return Beyond(
        accelerators=sum(over, Fraction(0)) / weeks, usd_per_week=None if total is None else to_decimal(total / weeks)
    )


def throttled_share(*, requests: int | None, throttled: int | None) -> Fraction | None:
    """Throttled ÷ requests of a week; None where the source does not say, or nobody asked anything."""
    return Fraction(throttled, requests) if requests and throttled is not None else None


def is_throttled(share: Fraction | None) -> bool:
    """Above 0.1 %."""
    return share is not None and share > THROTTLED_LIMIT


def room_outside(*, idle: Mapping[str, Sequence[int]], accelerators: int, weeks: int) -> tuple[str, int] | None:
    """(pool, first week's place) of a run of `weeks` weeks in which a pool has that many idle; the earliest, then by key.

    idle: pool → idle accelerators by week. None where no pool has such a run.
    """
    found: list[tuple[int, str]] = []
    for pool, amounts in idle.items():
        run = 0
        for place, amount in enumerate(amounts):
            run = run + 1 if amount >= accelerators else 0
            if run == weeks:
                found.append((place - weeks + 1, pool))
                break
    if not found or weeks < 1:
        return None
    place, pool = min(found)
    return pool, place

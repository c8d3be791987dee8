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


def utilisation(*, consumed: Sequence[Fraction], held: Sequence[int | Fraction]) -> Fraction | None:
    """Σ accelerators at work ÷ Σ accelerators held, over the weeks in which any are held; None of none.

    9 and 15 at work of 40 held in each of two weeks: 24 ÷ 80 = 30 %.
    """
    pairs = [(work, count) for work, count in zip(consumed, held, strict=True) if count]
    total = sum((count for _, count in pairs), Fraction(0))
    return sum((work for work, _ in pairs), Fraction(0)) / total if total else None


def is_low(share: Fraction | None) -> bool:
    """Below 30 %: at 30 % it is not."""
    return share is not None and share < LOW_UTILISATION


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond:
    """Accelerators held beyond the need of peak and spares, a week on average, and their cost."""

    accelerators: Fraction
    usd_per_week: Decimal | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """What a class holds in one pool in a week. work_per_accelerator: reference accelerators' work one of them does."""

    accelerators: int
    work_per_accelerator: Fraction
    replica_accelerators: int
    rate_usd: Decimal | None

    @property
    def work(self) -> Fraction:
        return self.accelerators * self.work_per_accelerator


def beyond_need(*, needs: Sequence[int], held: Sequence[Sequence[Held]]) -> Beyond:
    """Mean over the weeks of the whole replicas held beyond the need (⌈L_peak ÷ u⌉ + s) × k, and their cost.

    needs: accelerators of the reference type by week. Replicas go pool by pool as given, as long as the need stays
    covered. 120 held, 9 + 4 replicas of 8 needed: 16 beyond; at $2 an hour 16·168·2 = $5,376 a week. No cost where the
    rate of a pool that gives some is missing.
    """
    count, total = 0, Fraction(0)
    is_known = True
    for need, places in zip(needs, held, strict=True):
        spare = sum((place.work for place in places), Fraction(0)) - need
        for place in places:
            size = place.replica_accelerators
            replicas = min(place.accelerators // size, spare // (place.work_per_accelerator * size))
            if replicas <= 0:
                continue
            freed = replicas * size
            count += freed
            spare -= freed * place.work_per_accelerator
            if place.rate_usd is None:
                is_known = False
            else:
                total += freed * HOURS_PER_WEEK * exact(place.rate_usd)
    weeks = len(needs) or 1
    return Beyond(accelerators=Fraction(count, weeks), usd_per_week=to_decimal(total / weeks) if is_known else None)


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

"""Preemptible work: who yields first, and what an interruption loses. Pure (methods: Preemption)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import Exact, exact

HOURS_PER_DAY = 24
DAYS_PER_WEEK = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Yielding:
    """A preemptible request with a place. tier_index: position of its class, 0 the first; weight: in the plan."""

    key: str
    tier_index: int
    weight: Decimal


def yield_order(requests: Iterable[Yielding]) -> list[str]:
    """Who yields first: the lowest class, in it the least weight, then the key."""
    return [each.key for each in sorted(requests, key=lambda each: (-each.tier_index, each.weight, each.key))]


def interruption_loss(*, accelerators: int, checkpoint_hours: Exact | None, restart_hours: Exact) -> Fraction | None:
    """Accelerator-days one interruption loses: half a checkpoint interval on average, and the restart.

    64 accelerators, a checkpoint every 4 h, half an hour to restart: 64 × 2.5 ÷ 24 = 6.67. None where the interval is
    not known.
    """
    if checkpoint_hours is None:
        return None
    return accelerators * (exact(checkpoint_hours) / 2 + exact(restart_hours)) / HOURS_PER_DAY


def weeks_lost(*, accelerators: int, weeks: int) -> int:
    """Accelerator-days of whole weeks that are not run: 64 × 3 weeks × 7 = 1,344."""
    return accelerators * weeks * DAYS_PER_WEEK

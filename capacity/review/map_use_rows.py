"""A solved plan → what each workload takes of every class, pool and week, to the accelerator and the cent. Pure.

Dollars are those of the pool's own envelope: what serving costs there, burst included, shared by the classes by
accelerators and inside a class by served work (methods: Workload map). So the map is the plan's serving by construction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.horizon import Week
from capacity.lib.money import CENT, round_parts, round_usd, to_decimal
from capacity.lib.units import exact
from capacity.review.map_sums import serving_usd
from capacity.review.plan_rows import PlanRows
from workloads.domain.map_use import NO_CARD, split_use

Row = dict[str, Any]
MAP_WEEKS = 13


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """A workload's part of a class in a pool's week: whole accelerators and cents, and the same unrounded."""

    workload_key: str
    tier: str
    serving_class: str
    pool_key: str
    week: Week
    accelerators: int
    cents: int | None
    exact_accelerators: Fraction
    exact_usd: Fraction | None


def uses_of(rows: PlanRows) -> list[Use]:
    """Every part of the run's first 13 weeks, in key order. Each class's parts sum to what it holds, with its dollars."""
    found: list[Use] = []
    paid = {(row["pool_key"], row["week"]): serving_usd(row["envelope_parts"]) for row in rows.pool_week_rows}
    for week in rows.weeks[:MAP_WEEKS]:
        for pool in sorted(rows.pools):
            held = {
                class_key: rows.allocated[class_key, pool, week]
                for class_key in rows.classes_in.get((pool, week), ())
                if rows.allocated[class_key, pool, week]
            }
            found += _of_pool_week(rows, pool, week, held, paid.get((pool, week.key)))
    return found


def _of_pool_week(rows: PlanRows, pool: str, week: Week, held: Mapping[str, int], usd: Decimal | None) -> Iterable[Use]:
    accelerators = sum(held.values())
    if not accelerators:
        return
    cents: Mapping[str, int | None] = dict.fromkeys(held)
    if usd is not None:
        parts = {key: to_decimal(exact(usd) * count / accelerators) for key, count in held.items()}
        cents = {key: int(part / CENT) for key, part in round_parts(parts, total=round_usd(usd)).items()}
    for class_key in sorted(held):
        count = held[class_key]
        class_usd = None if usd is None else exact(usd) * count / accelerators
        shares = _shares(rows, class_key, week)
        names = {f"{workload} {tier}": (workload, tier) for workload, tier in shares}
        served = {f"{workload} {tier}": share for (workload, tier), share in shares.items()}
        for name, (whole, money) in sorted(
            split_use(accelerators=count, cents=cents[class_key], served=served).items()
        ):
            workload, tier = names.get(name, (NO_CARD, ""))
            share = shares.get((workload, tier), Fraction(1))
            yield Use(
                workload_key=workload,
                tier=tier,
                serving_class=class_key,
                pool_key=pool,
                week=week,
                accelerators=whole,
                cents=money,
                exact_accelerators=share * count,
                exact_usd=None if class_usd is None else class_usd * share,
            )


def _shares(rows: PlanRows, class_key: str, week: Week) -> dict[tuple[str, str], Fraction]:
    """(workload, tier) → its share of what the class did this week; empty where it served nobody."""
    found: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for demand, share in rows.served_parts(class_key, week).items():
        found[rows.workload_of(demand) or NO_CARD, rows.demands[demand].tier] += share
    return found


def workload_use_rows(uses: Sequence[Use]) -> list[Row]:
    """The parts as they are stored; those of nothing at all are left out."""
    return [
        {
            "workload_key": use.workload_key,
            "serving_class": use.serving_class,
            "pool_key": use.pool_key,
            "week": use.week.key,
            "tier": use.tier,
            "accelerators": use.accelerators,
            "usd": None if use.cents is None else Decimal(use.cents) * CENT,
        }
        for use in uses
        if use.accelerators or use.cents or use.cents is None
    ]

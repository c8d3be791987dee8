"""From a whole-number plan to the rows of a solution.

What belongs here: names for positions, exact numbers turned into the form's numbers, one function per list of rows.
Explanations and prices have modules of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.plan import Plan, TierValue, served_by_week, tier_values
from capacity.allocation.domain.problem import Placement
from capacity.allocation.domain.solution import (
    GAP,
    LIMIT,
    OPTIMAL,
    UNIT_ACCELERATOR_WEEKS,
    UNIT_USD,
    Allocation,
    BurstUse,
    CapacityShortfall,
    Idle,
    Issue,
    Served,
    TierResult,
)
from capacity.lib.horizon import Week

OPTIMAL_GAP = 1e-6
# By week and demand, whole numbers or fractions.
Amounts = Sequence[Sequence[Any]]


def week_at(arrays: Arrays, week: int) -> Week:
    return arrays.problem.first_week.plus(week)


def tier_results(arrays: Arrays, plan: Plan, steps: Mapping[int, StepResult]) -> tuple[TierResult, ...]:
    """Value, bound and gap of every tier, in tier order."""
    return tuple(
        _tier_result(arrays, tier, value, steps.get(tier)) for tier, value in enumerate(tier_values(arrays, plan))
    )


def _tier_result(arrays: Arrays, tier: int, value: TierValue, step: StepResult | None) -> TierResult:
    name = arrays.tiers[tier]
    if tier in arrays.serving_tiers:
        usd = float(value.usd)
        bound = usd if step is None or step.optimal else min(usd, max(0.0, step.bound))
        gap = usd - bound
        return TierResult(name, usd, bound, gap, _relative(gap, usd, bound), UNIT_USD, float(value.unmet))
    if tier in arrays.experiment_tiers:
        placed = float(value.placed)
        # The step speaks of what it decides; pinned work is in the value and in the bound alike.
        pinned = float(_pinned_value(arrays, tier))
        bound = placed if step is None or step.optimal else max(placed, pinned - step.bound)
        gap = bound - placed
        return TierResult(name, placed, bound, gap, _relative(gap, placed, bound), UNIT_ACCELERATOR_WEEKS)
    return TierResult(name, 0.0, 0.0, 0.0, 0.0, None)


def _pinned_value(arrays: Arrays, tier: int) -> Fraction:
    return sum(
        (
            row.weight * row.pinned.accelerators * (row.pinned.last - row.pinned.first)
            for row in arrays.experiments
            if row.tier == tier and row.pinned is not None
        ),
        Fraction(0),
    )


def _relative(gap: float, value: float, bound: float) -> float:
    largest = max(abs(value), abs(bound))
    return gap / largest if largest else 0.0


def termination(tiers: tuple[TierResult, ...], *, asked_gap: float) -> str:
    if all(tier.gap_relative <= OPTIMAL_GAP for tier in tiers):
        return OPTIMAL
    return GAP if all(tier.gap_relative <= asked_gap for tier in tiers) else LIMIT


def served_amounts(arrays: Arrays, plan: Plan) -> Amounts:
    """Work served by week and demand, × `arrays.numbers.scale`: what the lists below are made of."""
    order = arrays.numbers.order.tolist()
    found = []
    for _, row in served_by_week(arrays, plan):
        amounts = [0] * len(arrays.demands)
        for d, amount in zip(order, row.tolist(), strict=True):
            amounts[d] = amount
        found.append(amounts)
    return found


def allocations(arrays: Arrays, plan: Plan, amounts: Amounts | None = None) -> tuple[Allocation, ...]:
    """Accelerators by class, pool and week, and the served work they carry, filled in pool order."""
    counts: dict[tuple[int, int, int], int] = {}
    for (c, _, o, week), count in plan.replicas.items():
        counts[c, o, week] = counts.get((c, o, week), 0) + count
    class_of = [row.class_ for row in arrays.demands]
    left = [[0] * len(arrays.classes) for _ in range(arrays.weeks)]
    for of_class, row in zip(left, amounts or served_amounts(arrays, plan), strict=True):
        for c, amount in zip(class_of, row, strict=True):
            of_class[c] += amount
    rows = []
    for (c, o, week), count in sorted(counts.items()):
        option = arrays.classes[c].options[o]
        carried = min(left[week][c], count * arrays.numbers.option_work[c][o])
        left[week][c] -= carried
        pool = arrays.problem.pools[option.pool].key
        work = float(carried / arrays.numbers.scale)
        rows.append(Allocation(arrays.classes[c].key, pool, week_at(arrays, week), count * option.replica, work))
    return tuple(sorted(rows, key=lambda a: (a.class_, a.pool, a.week)))


def served(arrays: Arrays, plan: Plan, amounts: Amounts | None = None) -> tuple[Served, ...]:
    amounts, scale = amounts or served_amounts(arrays, plan), arrays.numbers.scale
    weeks = [week_at(arrays, week) for week in range(arrays.weeks)]
    return tuple(
        Served(row.key, week, float(of_week[d] / scale))
        for d, row in enumerate(arrays.demands)
        for week, of_week in zip(weeks, amounts, strict=True)
    )


def capacity_shortfalls(arrays: Arrays, plan: Plan, amounts: Amounts | None = None) -> tuple[CapacityShortfall, ...]:
    amounts, numbers = amounts or served_amounts(arrays, plan), arrays.numbers
    rows = []
    for i, d in enumerate(numbers.order.tolist()):
        key, rate = arrays.demands[d].key, numbers.scale * numbers.best_rates[arrays.demands[d].class_]
        for week, wanted in enumerate(numbers.work[:, i].tolist()):
            short = wanted - amounts[week][d]
            if short:
                accelerators = math.ceil(Fraction(short) / rate)
                rows.append(
                    (d, CapacityShortfall(key, week_at(arrays, week), float(short / numbers.scale), accelerators))
                )
    return tuple(row for _, row in sorted(rows, key=lambda each: (each[0], each[1].week)))


def burst_rows(arrays: Arrays, plan: Plan) -> tuple[BurstUse, ...]:
    """Every pool that can burst, every week."""
    bought: dict[tuple[int, int], int] = {}
    for (_, pool, week), accelerators in plan.burst.items():
        bought[pool, week] = bought.get((pool, week), 0) + accelerators
    return tuple(
        BurstUse(
            arrays.problem.pools[pool].key,
            week_at(arrays, week),
            bought.get((pool, week), 0),
            float(bought.get((pool, week), 0) * row.usd_per_week),
        )
        for pool, row in enumerate(arrays.burst)
        if row is not None
        for week in range(arrays.weeks)
    )


def placements(arrays: Arrays, plan: Plan) -> tuple[Placement, ...]:
    rows = [
        Placement(
            key=arrays.experiments[e].key,
            pool=arrays.problem.pools[column.pool].key,
            domain=arrays.domains[column.domain].key,
            start=week_at(arrays, column.start),
            weeks=arrays.problem.experiments[e].options[column.option].weeks,
            accelerators=column.accelerators,
        )
        for e, column in plan.gangs.items()
    ]
    rows.extend(_divided_rows(arrays, plan))
    return tuple(sorted(rows, key=lambda row: (row.key, row.pool, row.start)))


def _divided_rows(arrays: Arrays, plan: Plan) -> list[Placement]:
    """One row per pool and run of equal weeks."""
    by_place: dict[tuple[int, int], dict[int, int]] = {}
    for (e, _, pool, week), accelerators in plan.divided.items():
        weeks = by_place.setdefault((e, pool), {})
        weeks[week] = weeks.get(week, 0) + accelerators
    rows = []
    for (e, pool), weeks in sorted(by_place.items()):
        begun: int | None = None
        for week in sorted(weeks):
            if begun is None or weeks.get(week - 1) != weeks[week]:
                begun = week
            if weeks.get(week + 1) != weeks[week]:
                key, name = arrays.experiments[e].key, arrays.problem.pools[pool].key
                rows.append(Placement(key, name, None, week_at(arrays, begun), week + 1 - begun, weeks[week]))
                begun = None
    return rows


def idle_rows(arrays: Arrays, plan: Plan) -> tuple[Idle, ...]:
    """Allocatable less experiments and serving not on burst; of it, what floors keep beyond what stands there of their own.

    A floor's unused part is told in its pools in key order, at most each pool's idle.
    """
    pools, weeks = range(len(arrays.supply)), range(arrays.weeks)
    idle = [list(arrays.supply[pool]) for pool in pools]
    # What stands where it is kept for: floor → pool → accelerators by week.
    for_floor = [{pool: [0] * arrays.weeks for pool in floor.pools} for floor in arrays.floors]

    def stands(e: int, pool: int, week: int, accelerators: int) -> None:
        idle[pool][week] -= accelerators
        for f in arrays.experiments[e].kept_for:
            if pool in for_floor[f]:
                for_floor[f][pool][week] += accelerators

    for (c, _, o, week), count in plan.replicas.items():
        option = arrays.classes[c].options[o]
        idle[option.pool][week] -= count * option.replica
    for (_, pool, week), bought in plan.burst.items():
        idle[pool][week] += bought
    for e, column in plan.gangs.items():
        for week in range(column.first, column.last):
            stands(e, column.pool, week, column.accelerators)
    for (e, _, pool, week), accelerators in plan.divided.items():
        stands(e, pool, week, accelerators)
    kept = [[0] * arrays.weeks for _ in pools]
    for floor, standing in zip(arrays.floors, for_floor, strict=True):
        for week in weeks:
            left = max(0, floor.kept[week] - sum(row[week] for row in standing.values()))
            for pool in sorted(floor.pools):
                share = min(left, idle[pool][week])
                kept[pool][week] = max(kept[pool][week], share)
                left -= share
    return tuple(
        Idle(arrays.problem.pools[pool].key, week_at(arrays, week), idle[pool][week], kept[pool][week])
        for pool in pools
        for week in weeks
    )


def floor_issues(arrays: Arrays) -> list[Issue]:
    """One issue for every floor and week that asks for more than its pools have."""
    return [
        Issue(
            code="floor_above_supply",
            floor=floor.key,
            week=week_at(arrays, week),
            accelerators=floor.asked[week],
            supply=floor.kept[week],
        )
        for floor in arrays.floors
        for week in range(arrays.weeks)
        if floor.asked[week] > floor.kept[week]
    ]

"""What one side of a what-if comes to, and the difference of two such sides (methods: What-if).

What belongs here: sums over a plan in the terms of an answer, from a whole-replica solution, and an Answer from two of
them. The divisible side of a quick answer is added up in `quick_side`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from capacity.allocation.domain.problem import Experiment, Placement, Problem
from capacity.allocation.domain.solution import UNIT_ACCELERATOR_WEEKS, UNIT_USD, Solution
from capacity.allocation.domain.what_if_answer import (
    LOST,
    MOVED,
    PLACED,
    Answer,
    Cause,
    DemandChange,
    PlacementChange,
    PoolChange,
    PriceChange,
    TierChange,
    WeekChange,
)
from capacity.lib.horizon import Week

Rows = tuple[Placement, ...]


@dataclass(frozen=True, slots=True)
class DemandTally:
    """Shortfall in accelerator-weeks at the best rate, and dollars lost; usd None: unknown."""

    class_: str
    tier: str
    short: float
    usd: float | None


@dataclass(frozen=True, slots=True)
class PoolTally:
    """Accelerator-weeks idle and bought, and what was paid for the latter."""

    idle: float
    burst: float
    burst_usd: float


@dataclass(frozen=True, slots=True)
class TierTally:
    unit: str | None
    value: float
    unmet: float | None = None
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """One side. demands: those that are short; weeks: (shortfall, dollars) by week; prices: non-zero by pool, week."""

    tiers: Mapping[str, TierTally]
    demands: Mapping[str, DemandTally]
    weeks: Mapping[Week, tuple[float, float]]
    pools: Mapping[str, PoolTally]
    placements: Mapping[str, Rows]
    tier_of: Mapping[str, str]
    prices: Mapping[tuple[str, Week], float] = field(default_factory=dict)


def placements_by_key(placements: Iterable[Placement]) -> dict[str, Rows]:
    rows: dict[str, list[Placement]] = {}
    for placement in placements:
        rows.setdefault(placement.key, []).append(placement)
    return {key: tuple(sorted(each, key=lambda row: (row.start, row.pool))) for key, each in rows.items()}


def experiment_values(problem: Problem, placements: Mapping[str, Rows]) -> dict[str, float]:
    """Σ weight·accelerators·weeks inside the horizon, of every tier that experiments ask in."""
    values: dict[str, float] = {}
    for experiment in problem.experiments:
        placed = sum(row.accelerators * _weeks_inside(problem, row) for row in placements.get(experiment.key, ()))
        values[experiment.tier] = values.get(experiment.tier, 0.0) + float(experiment.weight) * placed
    return values


def _weeks_inside(problem: Problem, row: Placement) -> int:
    start = problem.first_week.weeks_until(row.start)
    return max(0, min(problem.weeks, start + row.weeks) - max(0, start))


def tally_of_solution(problem: Problem, solution: Solution) -> Tally:
    """The whole-replica plan of `problem` in the terms of an answer."""
    best = {
        demand.key: max((float(option.work_per_accelerator) for option in demand.options), default=1.0)
        for demand in problem.serving
    }
    rows = {demand.key: demand for demand in problem.serving}
    demands: dict[str, DemandTally] = {}
    weeks = {week: [0.0, 0.0] for week in problem.horizon}
    for short in solution.capacity_shortfalls:
        demand, lost = rows[short.key], rows[short.key].usd_lost_per_work_week
        usd = None if lost is None else short.work * float(lost)
        accelerators = short.work / best[short.key]
        known = demands.get(short.key, DemandTally(demand.class_, demand.tier, 0.0, None if usd is None else 0.0))
        total = None if usd is None or known.usd is None else known.usd + usd
        demands[short.key] = DemandTally(demand.class_, demand.tier, known.short + accelerators, total)
        weeks[short.week][0] += accelerators
        weeks[short.week][1] += usd or 0.0
    for row in solution.burst:
        weeks[row.week][1] += row.usd
    return Tally(
        tiers={
            tier.tier: TierTally(tier.unit, tier.value, tier.unmet_accelerators, tier.gap_absolute)
            for tier in solution.tiers
        },
        demands=demands,
        weeks={week: (short, usd) for week, (short, usd) in weeks.items()},
        pools=_pool_tallies(problem, solution),
        placements=placements_by_key(solution.placements),
        tier_of={experiment.key: experiment.tier for experiment in problem.experiments},
        prices={(row.pool, row.week): row.usd_per_accelerator_week for row in solution.scarcity_prices},
    )


def _pool_tallies(problem: Problem, solution: Solution) -> dict[str, PoolTally]:
    sums = {pool.key: [0.0, 0.0, 0.0] for pool in problem.pools}
    for row in solution.idle:
        sums[row.pool][0] += row.accelerators
    for burst in solution.burst:
        sums[burst.pool][1] += burst.accelerators
        sums[burst.pool][2] += burst.usd
    return {key: PoolTally(*row) for key, row in sums.items()}


def difference(
    *,
    kind: str,
    basis: str,
    before: Tally,
    after: Tally,
    causes: Mapping[str, Cause] | None = None,
    not_placed: Iterable[tuple[str, Cause]] = (),
    weeks_solved: int = 0,
    termination: str | None = None,
) -> Answer:
    """Before and after side by side; a demand, pool or week that only one side has is nothing on the other."""
    return Answer(
        kind=kind,
        basis=basis,
        tiers=_tiers(before, after),
        demands=_demands(before, after),
        weeks=tuple(
            WeekChange(week, *_pair(before.weeks, after.weeks, week, 0), *_pair(before.weeks, after.weeks, week, 1))
            for week in sorted({**before.weeks, **after.weeks})
            if any(before.weeks.get(week, (0.0, 0.0))) or any(after.weeks.get(week, (0.0, 0.0)))
        ),
        pools=_pools(before, after),
        placements=tuple(_placement_changes(before, after, causes or {})),
        prices=tuple(
            PriceChange(*place, before.prices.get(place, 0.0), after.prices.get(place, 0.0))
            for place in sorted({**before.prices, **after.prices})
        ),
        usd_before=sum(usd for _, usd in before.weeks.values()),
        usd_after=sum(usd for _, usd in after.weeks.values()),
        weeks_solved=weeks_solved,
        not_placed=tuple(sorted(not_placed, key=lambda row: row[0])),
        termination=termination,
    )


def _pair(
    before: Mapping[Week, tuple[float, float]], after: Mapping[Week, tuple[float, float]], week: Week, part: int
) -> tuple[float, float]:
    return before.get(week, (0.0, 0.0))[part], after.get(week, (0.0, 0.0))[part]


def _tiers(before: Tally, after: Tally) -> tuple[TierChange, ...]:
    """In the order of the changed policy, tiers it no longer has at the end."""
    nothing = TierTally(None, 0.0)
    found = []
    for tier in [*after.tiers, *(tier for tier in before.tiers if tier not in after.tiers)]:
        was, now = before.tiers.get(tier, nothing), after.tiers.get(tier, nothing)
        unit = now.unit or was.unit
        found.append(
            TierChange(tier, unit, was.value, now.value, was.unmet, now.unmet, was.gap, now.gap)
            if unit in (UNIT_USD, UNIT_ACCELERATOR_WEEKS)
            else TierChange(tier, None, 0.0, 0.0)
        )
    return tuple(found)


def _demands(before: Tally, after: Tally) -> tuple[DemandChange, ...]:
    found = []
    for key in sorted({**before.demands, **after.demands}):
        was, now = before.demands.get(key), after.demands.get(key)
        shown = now or was
        assert shown is not None
        none = None if shown.usd is None else 0.0
        found.append(
            DemandChange(
                key=key,
                class_=shown.class_,
                tier=shown.tier,
                short_before=was.short if was else 0.0,
                short_after=now.short if now else 0.0,
                usd_before=was.usd if was else none,
                usd_after=now.usd if now else none,
            )
        )
    return tuple(found)


def _pools(before: Tally, after: Tally) -> tuple[PoolChange, ...]:
    nothing = PoolTally(0.0, 0.0, 0.0)
    found = []
    for pool in sorted({**before.pools, **after.pools}):
        was, now = before.pools.get(pool, nothing), after.pools.get(pool, nothing)
        found.append(PoolChange(pool, was.idle, now.idle, was.burst, now.burst, was.burst_usd, now.burst_usd))
    return tuple(found)


def _placement_changes(before: Tally, after: Tally, causes: Mapping[str, Cause]) -> Iterable[PlacementChange]:
    for key in sorted({**before.placements, **after.placements}):
        was, now = before.placements.get(key, ()), after.placements.get(key, ())
        if was != now:
            change = MOVED if was and now else PLACED if now else LOST
            tier = after.tier_of.get(key) or before.tier_of.get(key, "")
            yield PlacementChange(key, tier, change, was, now, causes.get(key))


def find_causes(
    *, before: Tally, after: Tally, old: Problem, new: Problem, reasons: Mapping[str, str]
) -> dict[str, Cause]:
    """Causes of a full answer's changes, where the plans tell. reasons: reason code of each unplaced request.

    In this order: its request was removed, added or changed; somebody who was not there now lies in its old place;
    the reason it has no place; somebody who lay in its new place has left it.
    """
    was = {row.key: row for row in old.experiments}
    now = {row.key: row for row in new.experiments}
    changed = [row.key for row in _placement_changes(before, after, {})]
    causes = {}
    for key in changed:
        cause = _own_cause(was.get(key), now.get(key)) or _other_cause(key, before, after)
        if cause is None and key in reasons:
            cause = Cause(reasons[key])
        if cause is not None:
            causes[key] = cause
    return causes


def _own_cause(was: Experiment | None, now: Experiment | None) -> Cause | None:
    if now is None:
        return Cause("removed")
    if was is None:
        return Cause("added")
    return Cause("request_changed") if was != now else None


def _other_cause(key: str, before: Tally, after: Tally) -> Cause | None:
    for place in before.placements.get(key, ()):
        taker = _newcomer(place, key, here=after.placements, there=before.placements)
        if taker is not None:
            return Cause("taken_by", taker, place.pool, place.start)
    for place in after.placements.get(key, ()):
        leaver = _newcomer(place, key, here=before.placements, there=after.placements)
        if leaver is not None:
            return Cause("room_left_by", leaver, place.pool, place.start)
    return None


def _newcomer(place: Placement, key: str, *, here: Mapping[str, Rows], there: Mapping[str, Rows]) -> str | None:
    """The largest other work that overlaps `place` on the one side and does not on the other."""
    found = [
        (-row.accelerators, other)
        for other, rows in here.items()
        if other != key and not any(_overlap(place, row) for row in there.get(other, ()))
        for row in rows
        if _overlap(place, row)
    ]
    return min(found)[1] if found else None


def _overlap(one: Placement, other: Placement) -> bool:
    return (
        (one.pool, one.domain) == (other.pool, other.domain)
        and one.start < other.start.plus(other.weeks)
        and other.start < one.start.plus(one.weeks)
    )

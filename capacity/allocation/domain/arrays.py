"""The problem as indexed arrays: pools, domains, serving classes, experiments and the places each could start.

What belongs here: names to positions, weeks to 0-based indices, demands of one class gathered, floors capped at
supply, and every column (experiment, domain, start) that fits an empty pool. No solver and no decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from capacity.allocation.domain.problem import Experiment, Problem, ServingDemand
from capacity.allocation.domain.serving_numbers import ServingNumbers, WorkByTier, WorkOfDemand, serving_numbers


@dataclass(frozen=True, slots=True)
class DomainRow:
    """key None: the pool names no domains and is one domain itself."""

    pool: int
    key: str | None
    supply: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BurstRow:
    limit: tuple[int, ...]
    usd_per_week: Fraction
    tiers: frozenset[int]


@dataclass(frozen=True, slots=True)
class FloorRow:
    """kept: min(asked, supply of the floor's pools) per week."""

    key: str
    pools: frozenset[int]
    asked: tuple[int, ...]
    kept: tuple[int, ...]
    lendable: bool


@dataclass(frozen=True, slots=True)
class OptionRow:
    """A pool of a class: accelerators and work of one replica; work in accelerators at the class's best rate."""

    pool: int
    replica: int
    work: Fraction


@dataclass(frozen=True, slots=True)
class ClassRow:
    """best_rate: work per accelerator of the best option, 1 where there is none.

    demands: positions by tier, the dearest first, then unknown loss, then what loses nothing, then key.
    work_by_tier: per week, (tier, work of the class in it) where there is any, in tier order.
    """

    key: str
    options: tuple[OptionRow, ...]
    best_rate: Fraction
    max_pools: int | None
    demands: tuple[int, ...]
    work_by_tier: Sequence[tuple[tuple[int, Fraction], ...]]


@dataclass(frozen=True, slots=True)
class DemandRow:
    """work: per week, in accelerators at the class's best rate. usd: lost per unit of that; None unknown."""

    key: str
    class_: int
    tier: int
    work: Sequence[Fraction]
    usd: Fraction | None


@dataclass(frozen=True, slots=True)
class Column:
    """Experiment `experiment` runs `accelerators` in `domain` in weeks first ≤ t < last (inside the horizon)."""

    experiment: int
    option: int
    pool: int
    domain: int
    start: int
    first: int
    last: int
    accelerators: int


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """kept_for: floors (positions) that are kept for it; counted_by: floors that are neither kept for it nor lent to it.
    columns: gangs only; divisible work has `span`."""

    key: str
    tier: int
    weight: Fraction
    kept_for: tuple[int, ...]
    counted_by: tuple[int, ...]
    preemptible: bool
    divisible: bool
    columns: tuple[Column, ...]
    pinned: Column | None
    span: tuple[int, int]


@dataclass(frozen=True)
class Arrays:
    """Everything the formulation needs. Weeks are 0..weeks-1; `problem` is canonical."""

    problem: Problem
    weeks: int
    tiers: tuple[str, ...]
    supply: tuple[tuple[int, ...], ...]
    usd_per_week: tuple[Fraction, ...]
    node_size: tuple[int, ...]
    domains: tuple[DomainRow, ...]
    domains_of: tuple[tuple[int, ...], ...]
    burst: tuple[BurstRow | None, ...]
    floors: tuple[FloorRow, ...]
    classes: tuple[ClassRow, ...]
    demands: tuple[DemandRow, ...]
    experiments: tuple[ExperimentRow, ...]
    serving_tiers: tuple[int, ...]
    experiment_tiers: tuple[int, ...]
    numbers: ServingNumbers
    pool_index: dict[str, int] = field(default_factory=dict)

    def floors_counting(self, experiment: int, pool: int) -> tuple[int, ...]:
        """Floors whose row counts this experiment in this pool: neither kept for it nor lent to it."""
        counted = self.experiments[experiment].counted_by
        return tuple(position for position in counted if pool in self.floors[position].pools)

    def floor_room(self, floor: int, week: int) -> int:
        """Supply of the floor's pools less what is kept, accelerators."""
        row = self.floors[floor]
        return sum(self.supply[pool][week] for pool in row.pools) - row.kept[week]


HOURS_PER_WEEK = 168


def build_arrays(problem: Problem) -> Arrays:
    """Arrays of a canonical problem."""
    pool_index = {pool.key: position for position, pool in enumerate(problem.pools)}
    tier_index = {tier: position for position, tier in enumerate(problem.tiers)}
    supply = tuple(pool.allocatable for pool in problem.pools)
    domains = tuple(
        row
        for position, pool in enumerate(problem.pools)
        for row in (
            [DomainRow(position, domain.key, domain.allocatable) for domain in pool.domains]
            or [DomainRow(position, None, pool.allocatable)]
        )
    )
    domains_of = tuple(
        tuple(q for q, row in enumerate(domains) if row.pool == position) for position in range(len(problem.pools))
    )
    serving_tiers = tuple(sorted({tier_index[demand.tier] for demand in problem.serving}))
    classes, demands, numbers = _build_serving(problem, pool_index, tier_index)
    return Arrays(
        problem=problem,
        weeks=problem.weeks,
        tiers=problem.tiers,
        supply=supply,
        usd_per_week=tuple(HOURS_PER_WEEK * Fraction(pool.usd_per_accelerator_hour) for pool in problem.pools),
        node_size=tuple(pool.node_size for pool in problem.pools),
        domains=domains,
        domains_of=domains_of,
        burst=_build_burst(problem, tier_index, serving_tiers),
        floors=_build_floors(problem, pool_index),
        classes=classes,
        demands=demands,
        experiments=tuple(
            _build_experiment(position, experiment, problem, domains, domains_of, pool_index, tier_index)
            for position, experiment in enumerate(problem.experiments)
        ),
        serving_tiers=serving_tiers,
        experiment_tiers=tuple(sorted({tier_index[experiment.tier] for experiment in problem.experiments})),
        numbers=numbers,
        pool_index=pool_index,
    )


def _build_burst(
    problem: Problem, tier_index: dict[str, int], serving_tiers: tuple[int, ...]
) -> tuple[BurstRow | None, ...]:
    return tuple(
        None
        if pool.burst is None
        else BurstRow(
            limit=pool.burst.accelerators,
            usd_per_week=HOURS_PER_WEEK * Fraction(pool.burst.usd_per_accelerator_hour),
            tiers=frozenset(
                serving_tiers if pool.burst.tiers is None else (tier_index[tier] for tier in pool.burst.tiers)
            ),
        )
        for pool in problem.pools
    )


def _build_floors(problem: Problem, pool_index: dict[str, int]) -> tuple[FloorRow, ...]:
    rows = []
    for floor in problem.floors:
        pools = frozenset(pool_index[key] for key in floor.pools)
        supply = [sum(problem.pools[pool].allocatable[week] for pool in pools) for week in range(problem.weeks)]
        kept = tuple(min(asked, there) for asked, there in zip(floor.accelerators, supply, strict=True))
        rows.append(FloorRow(floor.key, pools, floor.accelerators, kept, floor.lendable))
    return tuple(rows)


def _build_serving(
    problem: Problem, pool_index: dict[str, int], tier_index: dict[str, int]
) -> tuple[tuple[ClassRow, ...], tuple[DemandRow, ...], ServingNumbers]:
    members: dict[str, list[int]] = {}
    for position, demand in enumerate(problem.serving):
        members.setdefault(demand.class_, []).append(position)
    for rows in members.values():
        rows.sort(key=lambda d: _serving_order(problem.serving[d], tier_index))
    keys = sorted(members)
    order = [(c, d) for c, key in enumerate(keys) for d in members[key]]
    first = [problem.serving[members[key][0]] for key in keys]
    rates = [[Fraction(option.work_per_accelerator) for option in row.options] for row in first]
    best = [max(row, default=Fraction(1)) for row in rates]
    numbers = serving_numbers(
        order=[d for _, d in order],
        classes=[c for c, _ in order],
        tiers=[tier_index[problem.serving[d].tier] for _, d in order],
        work=[problem.serving[d].work for _, d in order],
        usd=[problem.serving[d].usd_lost_per_work_week for _, d in order],
        option_work=[
            [option.replica_accelerators * rate for option, rate in zip(row.options, mine, strict=True)]
            for row, mine in zip(first, rates, strict=True)
        ],
        best_rates=best,
        weeks=problem.weeks,
    )
    groups = numbers.groups_by_class(len(keys))
    classes = tuple(
        ClassRow(
            key,
            tuple(
                OptionRow(
                    pool_index[option.pool], option.replica_accelerators, option.replica_accelerators * rate / best[c]
                )
                for option, rate in zip(first[c].options, rates[c], strict=True)
            ),
            best[c],
            first[c].max_pools,
            tuple(members[key]),
            WorkByTier(numbers, groups[c], best[c]),
        )
        for c, key in enumerate(keys)
    )
    column = {d: (c, i) for i, (c, d) in enumerate(order)}
    demands = []
    for d, demand in enumerate(problem.serving):
        c, i = column[d]
        lost = demand.usd_lost_per_work_week
        usd = None if lost is None else Fraction(lost) * best[c]
        demands.append(DemandRow(demand.key, c, tier_index[demand.tier], WorkOfDemand(numbers, i, best[c]), usd))
    return classes, tuple(demands), numbers


def _serving_order(demand: ServingDemand, tier_index: dict[str, int]) -> tuple[int, int, Fraction, str]:
    """By tier, the dearest first, then unknown loss, then work whose loss is known to be nothing."""
    lost = demand.usd_lost_per_work_week
    rank = 1 if lost is None else 0 if lost else 2
    return (tier_index[demand.tier], rank, -Fraction(lost or 0), demand.key)


def _build_experiment(
    position: int,
    experiment: Experiment,
    problem: Problem,
    domains: tuple[DomainRow, ...],
    domains_of: tuple[tuple[int, ...], ...],
    pool_index: dict[str, int],
    tier_index: dict[str, int],
) -> ExperimentRow:
    earliest = problem.first_week.weeks_until(experiment.earliest_start)
    latest = problem.first_week.weeks_until(experiment.latest_start)
    longest = max((option.weeks for option in experiment.options), default=1)
    columns: Iterable[Column] = ()
    pinned = None
    if experiment.pinned is not None:
        pinned = _pinned_column(position, experiment, problem, domains, domains_of, pool_index)
    elif not experiment.divisible:
        columns = (
            Column(position, number, pool, domain, start, start, start + option.weeks, option.accelerators)
            for number, option in enumerate(experiment.options)
            for pool in (pool_index[key] for key in option.pools)
            for domain in domains_of[pool]
            for start in range(max(0, earliest), min(latest, problem.weeks - option.weeks) + 1)
            if min(domains[domain].supply[start : start + option.weeks]) >= option.accelerators
        )
    return ExperimentRow(
        key=experiment.key,
        tier=tier_index[experiment.tier],
        weight=Fraction(experiment.weight),
        kept_for=tuple(f for f, floor in enumerate(problem.floors) if floor.is_for(experiment)),
        counted_by=tuple(f for f, floor in enumerate(problem.floors) if floor.counts(experiment)),
        preemptible=experiment.preemptible,
        divisible=experiment.divisible and experiment.pinned is None,
        columns=tuple(columns),
        pinned=pinned,
        span=(max(0, earliest), min(latest + longest, problem.weeks)),
    )


def _pinned_column(
    position: int,
    experiment: Experiment,
    problem: Problem,
    domains: tuple[DomainRow, ...],
    domains_of: tuple[tuple[int, ...], ...],
    pool_index: dict[str, int],
) -> Column:
    pin = experiment.pinned
    assert pin is not None
    number, option = next((n, o) for n, o in enumerate(experiment.options) if pin.pool in o.pools)
    pool = pool_index[pin.pool]
    domain = next((q for q in domains_of[pool] if domains[q].key == pin.domain), domains_of[pool][0])
    start = problem.first_week.weeks_until(pin.start)
    first = min(max(0, start), problem.weeks)
    last = max(first, min(problem.weeks, start + option.weeks))
    return Column(position, number, pool, domain, start, first, last, option.accelerators)

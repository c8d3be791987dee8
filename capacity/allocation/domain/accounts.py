"""What a solution tells of names, money and values, counted again from its rows.

What belongs here: the accounts beside the balances of `checks`: rows that name what is not there or say a thing twice,
dollars, shortfalls, idle, and the value, bound and gap of every tier. Nothing of the formulation.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction

from capacity.allocation.domain.problem import Floor, Problem
from capacity.allocation.domain.solution import OPTIMAL, UNIT_ACCELERATOR_WEEKS, UNIT_USD, Solution
from capacity.allocation.domain.told_rows import exact_shortfall, wrong_told
from capacity.lib.horizon import Week

# Money and work of a solution are floats made from exact numbers.
RELATIVE_TOLERANCE = 1e-9
OPTIMAL_GAP = 1e-6
HOURS_PER_WEEK = 168

Named = list[tuple[str, str | None, Week | None]]


def wrong_names(problem: Problem, solution: Solution) -> list[str]:
    """Rows of pools, weeks, demands or tiers that the problem does not have, and rows that are told twice."""
    pools = {pool.key for pool in problem.pools}
    demands = {demand.key for demand in problem.serving}
    wrong = _wrong_rows(problem, _named(solution))
    told = {row.key for row in solution.served} | {row.key for row in solution.capacity_shortfalls}
    wrong += [f"{key} is served or short, but is no demand of the problem." for key in sorted(told - demands)]
    for placement in solution.placements:
        if placement.pool not in pools or placement.weeks < 1:
            wrong.append(f"{placement.key} is placed in {placement.pool} for {placement.weeks} weeks.")
    if tuple(tier.tier for tier in solution.tiers) != problem.tiers:
        wrong.append("The tiers of the plan are not those of the problem, in their order.")
    return wrong


def wrong_names_of_prices(problem: Problem, solution: Solution) -> list[str]:
    """Of `wrong_names`, what it says of prices."""
    return _wrong_rows(problem, _named_prices(solution))


def _wrong_rows(problem: Problem, named: Iterable[tuple[str, Named]]) -> list[str]:
    pools, weeks = {pool.key for pool in problem.pools}, set(problem.horizon)
    wrong = []
    for kind, rows in named:
        # Each name is looked up once: there are few, in many rows.
        strange_pools = {pool for _, pool, _ in rows} - pools - {None}
        strange_weeks = {week for _, _, week in rows} - weeks - {None}
        for key, pool, week in rows if strange_pools or strange_weeks else ():
            if pool in strange_pools:
                wrong.append(f"{kind} {key} is in {pool}, which is no pool of the problem.")
            if week in strange_weeks:
                wrong.append(f"{kind} {key} is in {week}, which is not in the horizon.")
        if len(set(rows)) < len(rows):
            again = [row for row, count in Counter(rows).items() if count > 1]
            wrong += [f"{kind} {key} is told more than once in {week}." for key, _, week in again]
    return wrong


def _named_prices(solution: Solution) -> Iterator[tuple[str, Named]]:
    yield "Price of", [(row.pool, row.pool, row.week) for row in solution.scarcity_prices]


def _named(solution: Solution) -> Iterator[tuple[str, Named]]:
    """(what, its rows as (key, pool, week)) of every list in which such a name stands once."""
    yield "Class", [(row.class_, row.pool, row.week) for row in solution.allocations]
    yield "Served", [(row.key, None, row.week) for row in solution.served]
    yield "Shortfall of", [(row.key, None, row.week) for row in solution.capacity_shortfalls]
    yield "Burst of", [(row.pool, row.pool, row.week) for row in solution.burst]
    yield "Idle of", [(row.pool, row.pool, row.week) for row in solution.idle]
    yield from _named_prices(solution)
    yield "Unplaced", [(row.key, None, None) for row in solution.unplaced]


def wrong_accounts(problem: Problem, solution: Solution) -> list[str]:
    """Dollars of burst, shortfalls, idle, tier values and gaps that the rows do not give. The names must be right."""
    return [
        *_wrong_burst(problem, solution),
        *_wrong_shortfalls(problem, solution),
        *_wrong_idle(problem, solution),
        *_wrong_values(problem, solution),
        *_wrong_gaps(solution),
        *_wrong_reasons(solution),
        *wrong_told(problem, solution),
    ]


def _wrong_burst(problem: Problem, solution: Solution) -> Iterator[str]:
    """usd = 168 · usd_per_accelerator_hour · accelerators."""
    price = {pool.key: float(pool.burst.usd_per_accelerator_hour) for pool in problem.pools if pool.burst is not None}
    for row in solution.burst:
        if not _equal(row.usd, HOURS_PER_WEEK * price.get(row.pool, 0.0) * row.accelerators):
            yield f"Burst of {row.pool} in {row.week} costs other than {row.usd} dollars."


def _wrong_shortfalls(problem: Problem, solution: Solution) -> Iterator[str]:
    """accelerators = ⌈work ÷ best rate⌉ of work above 0; where floats are too coarse it may stand a hair beside."""
    class_of = {demand.key: demand.class_ for demand in problem.serving}
    short_classes = {class_of[row.key] for row in solution.capacity_shortfalls}
    best: dict[str, Fraction] = {}
    parts: dict[str, set[int]] = defaultdict(set)
    for demand in (demand for demand in problem.serving if demand.class_ in short_classes):
        rates = [Fraction(option.work_per_accelerator) for option in demand.options]
        best[demand.class_] = max(rates, default=Fraction(1))
        parts[demand.class_] |= {Fraction(amount).denominator for amount in (*rates, *demand.work)}
    denominator = {key: math.lcm(*each) for key, each in parts.items()}
    for row in solution.capacity_shortfalls:
        key = class_of[row.key]
        exact = exact_shortfall(row.work, denominator=denominator[key])
        short = Fraction(row.work) if exact is None else exact
        slack = short * Fraction(RELATIVE_TOLERANCE) if exact is None else Fraction(0)
        low, high = (math.ceil(amount / best[key]) for amount in (short - slack, short + slack))
        if row.work <= 0 or not low <= row.accelerators <= high:
            yield f"{row.key} is short by {row.work} in {row.week}, which is not {row.accelerators} accelerators."


def _wrong_idle(problem: Problem, solution: Solution) -> Iterator[str]:
    """Idle once for each pool and week; of it, what the floors over its pools keep beyond what stands there of their own.

    A floor's part is told in its pools in key order, at most the idle of each; where floors overlap, the larger part.
    """
    idle = {(row.pool, row.week): row for row in solution.idle}
    if len(idle) != len(problem.pools) * problem.weeks:
        yield f"Idle is told {len(idle)} times, not once for each pool and week."
        return
    supply = {pool.key: pool.allocatable for pool in problem.pools}
    kept: dict[tuple[str, Week], int] = defaultdict(int)
    for floor in problem.floors:
        standing = _standing(problem, solution, floor)
        for position, week in enumerate(problem.horizon):
            asked = min(floor.accelerators[position], sum(supply[key][position] for key in floor.pools))
            left = max(0, asked - sum(standing[key, week] for key in floor.pools))
            for key in sorted(floor.pools):
                part = min(left, idle[key, week].accelerators)
                kept[key, week] = max(kept[key, week], part)
                left -= part
    for (key, week), row in idle.items():
        if row.of_which_floor != kept[key, week]:
            yield f"Floors keep {kept[key, week]} idle of {key} in {week}, but {row.of_which_floor} are told."


def _standing(problem: Problem, solution: Solution, floor: Floor) -> Counter[tuple[str, Week]]:
    """Accelerators of what the floor is kept for by pool and week."""
    keys = {row.key for row in problem.experiments if floor.is_for(row)}
    found: Counter[tuple[str, Week]] = Counter()
    for placement in solution.placements:
        for offset in range(placement.weeks if placement.key in keys else 0):
            found[placement.pool, placement.start.plus(offset)] += placement.accelerators
    return found


def _wrong_values(problem: Problem, solution: Solution) -> Iterator[str]:
    """Serving: $ lost by unmet work, and all tiers together the $ of burst. Experiments: what is placed, weighted."""
    lost, unmet = _short(problem, solution)
    placed = _placed(problem, solution)
    serving = {demand.tier for demand in problem.serving}
    paid = []
    for tier in solution.tiers:
        unit = UNIT_USD if tier.tier in serving else UNIT_ACCELERATOR_WEEKS if tier.tier in placed else None
        if tier.unit != unit:
            yield f"Tier {tier.tier} is told in {tier.unit}."
        elif unit == UNIT_USD:
            paid += [tier.value, -lost[tier.tier]]
            if not _at_most(lost[tier.tier], tier.value) or not _equal(
                tier.unmet_accelerators or 0.0, unmet[tier.tier]
            ):
                yield f"Tier {tier.tier} loses other than its shortfalls."
        elif tier.unmet_accelerators is not None or not _equal(tier.value, placed.get(tier.tier, 0.0)):
            yield f"Tier {tier.tier} is worth {tier.value}, but {placed.get(tier.tier, 0.0)} is placed."
    spent = math.fsum(row.usd for row in solution.burst)
    largest = max(map(abs, paid), default=0.0)
    if abs(math.fsum(paid) - spent) > max(largest, spent) * RELATIVE_TOLERANCE:
        yield f"The tiers pay {math.fsum(paid)} dollars for burst that costs {spent}."


def _short(problem: Problem, solution: Solution) -> tuple[dict[str, float], dict[str, float]]:
    """By tier: $ lost, and unmet accelerators of unknown loss at the best rate."""
    demands = {demand.key: demand for demand in problem.serving}
    lost: dict[str, float] = defaultdict(float)
    unmet: dict[str, float] = defaultdict(float)
    for row in solution.capacity_shortfalls:
        demand = demands[row.key]
        if demand.usd_lost_per_work_week is None:
            best = max((option.work_per_accelerator for option in demand.options), default=1)
            unmet[demand.tier] += row.work / float(best)
        else:
            lost[demand.tier] += row.work * float(demand.usd_lost_per_work_week)
    return lost, unmet


def _placed(problem: Problem, solution: Solution) -> dict[str, float]:
    """Σ weight · accelerators · weeks inside the horizon of every experiment tier."""
    experiments = {row.key: row for row in problem.experiments}
    value = {row.tier: Fraction(0) for row in problem.experiments}
    for placement in solution.placements:
        row = experiments.get(placement.key)
        if row is not None:
            start = problem.first_week.weeks_until(placement.start)
            inside = max(0, min(problem.weeks, start + placement.weeks) - max(0, start))
            value[row.tier] += Fraction(row.weight) * placement.accelerators * inside
    return {tier: float(amount) for tier, amount in value.items()}


def _wrong_gaps(solution: Solution) -> Iterator[str]:
    """gap = how far the bound lies on the better side; relative to the larger of value and bound."""
    for tier in solution.tiers:
        gap = tier.value - tier.bound if tier.unit == UNIT_USD else tier.bound - tier.value
        largest = max(abs(tier.value), abs(tier.bound))
        relative = gap / largest if largest else 0.0
        if gap < 0 or not _equal(tier.gap_absolute, gap) or not _equal(tier.gap_relative, relative):
            yield f"Tier {tier.tier} tells a gap of {tier.gap_absolute} between {tier.value} and {tier.bound}."
    proven = all(tier.gap_relative <= OPTIMAL_GAP for tier in solution.tiers)
    if proven != (solution.termination == OPTIMAL):
        yield f"The plan ends as {solution.termination}, which its gaps deny."


def _wrong_reasons(solution: Solution) -> Iterator[str]:
    for row in solution.unplaced:
        if row.needed is not None and row.free is not None and row.short_by != max(0, row.needed - row.free):
            yield f"{row.key} needs {row.needed} and finds {row.free}, which is not short by {row.short_by}."


def _at_most(value: float, limit: float) -> bool:
    return value <= limit + abs(limit) * RELATIVE_TOLERANCE


def _equal(value: float, other: float) -> bool:
    return abs(value - other) <= max(abs(value), abs(other)) * RELATIVE_TOLERANCE

"""What a solution tells beside its plan, judged by the problem and the rows: issues, prices, requests without a place.

What belongs here: which issues there must be, where a price may stand, what a request may have needed. Not the height
of a price nor the reason, which only solving again would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

from capacity.allocation.domain.problem import Experiment, Problem
from capacity.allocation.domain.solution import Issue, Solution
from capacity.lib.horizon import Week

Place = tuple[str, str | None, Week]


def wrong_told(problem: Problem, solution: Solution) -> list[str]:
    """Sentences on issues, prices, unplaced requests, and lists that must be complete."""
    return [
        *_wrong_issues(problem, solution),
        *wrong_prices(problem, solution),
        *_wrong_needs(problem, solution),
        *_missing_rows(problem, solution),
    ]


def _missing_rows(problem: Problem, solution: Solution) -> Iterator[str]:
    """One row of served for each demand and week, one of burst for each pool that can burst and week."""
    if len(solution.served) != len(problem.serving) * problem.weeks:
        yield f"Served is told {len(solution.served)} times, not once for each demand and week."
    bursting = sum(pool.burst is not None for pool in problem.pools)
    if len(solution.burst) != bursting * problem.weeks:
        yield f"Burst is told {len(solution.burst)} times, not once for each pool that can burst and week."


def wrong_prices(problem: Problem, solution: Solution) -> Iterator[str]:
    """Above 0, and only in weeks in which dollars are lost or burst is paid for."""
    pays = {demand.key for demand in problem.serving if demand.usd_lost_per_work_week}
    weeks = {row.week for row in solution.capacity_shortfalls if row.key in pays}
    weeks |= {row.week for row in solution.burst if row.accelerators}
    keys = {demand.key for demand in problem.serving} | {row.key for row in solution.unplaced}
    for row in solution.scarcity_prices:
        if row.usd_per_accelerator_week <= 0 or row.week not in weeks:
            yield f"{row.pool} has a price of {row.usd_per_accelerator_week} in {row.week}, where nothing is lost."
        if not all(each.key in keys and each.accelerators >= 0 and each.weeks >= 1 for each in row.unlocks):
            yield f"A node more in {row.pool} in {row.week} unlocks what is neither a demand nor without a place."


def _wrong_needs(problem: Problem, solution: Solution) -> Iterator[str]:
    """A request needs the accelerators of one of its options, and finds no more than the week has."""
    experiments = {row.key: row for row in problem.experiments}
    for row in solution.unplaced:
        sizes = {option.accelerators for option in experiments[row.key].options} if row.key in experiments else set()
        is_size = row.needed is None or row.needed in sizes
        is_there = row.week is None or row.week in problem.horizon
        if not (is_size and is_there) or min(row.free or 0, row.short_by or 0) < 0:
            yield f"{row.key} needs {row.needed} in {row.week}, which is none of its options."
        elif row.free is not None and row.free > _most_there(problem, experiments[row.key], row.week):
            yield f"{row.key} finds {row.free} free in {row.week}, more than its pools have."


def _most_there(problem: Problem, experiment: Experiment, week: Week | None) -> int:
    position = problem.horizon.index(week) if week is not None else 0
    own = {key for option in experiment.options for key in option.pools}
    return max((pool.allocatable[position] for pool in problem.pools if pool.key in own), default=0)


# --- issues ----------------------------------------------------------------------------------------------------------


def _wrong_issues(problem: Problem, solution: Solution) -> Iterator[str]:
    """One for each floor and week that asks for more than there is, and one for each pin that does not fit."""
    expected = Counter([*_floor_issues(problem), *_pin_issues(problem)])
    told = Counter(solution.issues)
    for issue, count in (told - expected).items():
        yield f"The issue {issue.code} of {issue.floor or issue.key} in {issue.week} is told {count} times too often."
    for issue in expected - told:
        yield f"The issue {issue.code} of {issue.floor or issue.key} in {issue.week} is not told."


def _floor_issues(problem: Problem) -> Iterator[Issue]:
    supply = {pool.key: pool.allocatable for pool in problem.pools}
    for floor in problem.floors:
        for position, week in enumerate(problem.horizon):
            there = sum(supply[key][position] for key in floor.pools)
            asked = floor.accelerators[position]
            if asked > there:
                yield Issue("floor_above_supply", week=week, accelerators=asked, supply=there, floor=floor.key)


def _pin_issues(problem: Problem) -> Iterator[Issue]:
    """Pins are held, what runs first, by tier and key; one that finds no room left by those before it is an issue."""
    room = _Room(problem)
    pinned = [(row.pinned, row) for row in problem.experiments if row.pinned is not None]
    order = sorted(pinned, key=lambda each: (each[0].promised, problem.tiers.index(each[1].tier), each[1].key))
    for pin, row in order:
        option = next(option for option in row.options if pin.pool in option.pools)
        weeks = [week for week in map(pin.start.plus, range(option.weeks)) if week in problem.horizon]
        free = [(room.free(row, (pin.pool, pin.domain, week)), week) for week in weeks]
        if all(amount >= option.accelerators for amount, _ in free):
            for week in weeks:
                room.take(row, (pin.pool, pin.domain, week), option.accelerators)
        else:
            least, week = min(free)
            wanted = option.accelerators
            yield Issue("pinned_does_not_fit", week, wanted, max(0, least), key=row.key, pool=pin.pool)


class _Room:
    """What pins leave of pools, domains and floors."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.pools = {pool.key: pool for pool in problem.pools}
        self.taken: Counter[Place] = Counter()
        self.taken_of_pool: Counter[tuple[str, Week]] = Counter()
        self.taken_of_floor: Counter[tuple[str, Week]] = Counter()

    def free(self, row: Experiment, place: Place) -> int:
        key, domain, week = place
        position = self.problem.horizon.index(week)
        pool = self.pools[key]
        found = [pool.allocatable[position] - self.taken_of_pool[key, week]]
        found += [each.allocatable[position] - self.taken[place] for each in pool.domains if each.key == domain]
        for floor in self._floors(row, key):
            there = sum(self.pools[each].allocatable[position] for each in self.problem.floors[floor].pools)
            kept = min(there, self.problem.floors[floor].accelerators[position])
            found.append(there - kept - self.taken_of_floor[self.problem.floors[floor].key, week])
        return min(found)

    def take(self, row: Experiment, place: Place, accelerators: int) -> None:
        self.taken[place] += accelerators
        self.taken_of_pool[place[0], place[2]] += accelerators
        for floor in self._floors(row, place[0]):
            self.taken_of_floor[self.problem.floors[floor].key, place[2]] += accelerators

    def _floors(self, row: Experiment, pool: str) -> list[int]:
        """Floors that the request may not enter."""
        floors = enumerate(self.problem.floors)
        return [f for f, floor in floors if pool in floor.pools and floor.counts(row)]


def exact_shortfall(work: float, *, denominator: int) -> Fraction | None:
    """The multiple of 1/denominator that a float stands for; None where floats are too coarse to say."""
    whole = round(Fraction(work) * denominator)
    return Fraction(whole, denominator) if abs(whole) < 2**50 else None

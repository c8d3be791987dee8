"""Why accelerators of a pool and week stand idle: parts that sum to the idle of the plan exactly (methods: Idle).

What belongs here: the split of idle rows among reasons, from the problem and its solution. What is not accepted yet is
the inventory's to know and is given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from capacity.allocation.domain.problem import Experiment, Problem
from capacity.allocation.domain.solution import Solution
from capacity.lib.horizon import Week

Place = tuple[str, Week]


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleReasons:
    """Accelerators; the five sum to `idle`."""

    pool: str
    week: Week
    idle: int
    floor: int
    fragment: int
    wrong_kind: int
    unaccepted: int
    no_demand: int


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Accelerators that wait in a week, and the pools that could serve or run them."""

    accelerators: int
    pools: frozenset[str]


def idle_by_reason(
    *, problem: Problem, solution: Solution, unaccepted: Mapping[Place, int] | None = None
) -> tuple[IdleReasons, ...]:
    """One row for each idle row of the solution. unaccepted: accelerators that count but are not accepted yet."""
    waiting = _waiting(problem, solution)
    by_week: dict[Week, dict[str, int]] = defaultdict(dict)
    floors = {}
    for row in solution.idle:
        by_week[row.week][row.pool] = row.accelerators - row.of_which_floor
        floors[row.pool, row.week] = row.of_which_floor
    rows = []
    for week, rest in sorted(by_week.items(), key=lambda item: item[0].monday):
        fragment: dict[str, int] = defaultdict(int)
        wrong: dict[str, int] = defaultdict(int)
        for each in waiting.get(week, ()):
            left = _take(rest, each.accelerators, fragment, [pool for pool in rest if pool in each.pools])
            _take(rest, left, wrong, [pool for pool in rest if pool not in each.pools])
        for pool in sorted(rest):
            late = min(rest[pool], (unaccepted or {}).get((pool, week), 0))
            rows.append(
                IdleReasons(
                    pool=pool,
                    week=week,
                    idle=floors[pool, week] + fragment[pool] + wrong[pool] + rest[pool],
                    floor=floors[pool, week],
                    fragment=fragment[pool],
                    wrong_kind=wrong[pool],
                    unaccepted=late,
                    no_demand=rest[pool] - late,
                )
            )
    return tuple(sorted(rows, key=lambda row: (row.pool, row.week.monday)))


def _take(rest: dict[str, int], amount: int, part: dict[str, int], pools: list[str]) -> int:
    """Takes `amount` from what is left of `pools`, the fullest first, then by key; what could not be taken."""
    for pool in sorted(pools, key=lambda key: (-rest[key], key)):
        taken = min(rest[pool], amount)
        rest[pool] -= taken
        part[pool] += taken
        amount -= taken
    return amount


def _waiting(problem: Problem, solution: Solution) -> dict[Week, list[_Waiting]]:
    """What waits in each week: unmet serving by demand, then unplaced requests in tier and key order."""
    found: dict[Week, list[_Waiting]] = defaultdict(list)
    demands = {demand.key: demand for demand in problem.serving}
    for short in solution.capacity_shortfalls:
        pools = frozenset(option.pool for option in demands[short.key].options)
        found[short.week].append(_Waiting(short.accelerators, pools))
    requests = {request.key: request for request in problem.experiments}
    tier = {name: position for position, name in enumerate(problem.tiers)}
    for row in sorted(solution.unplaced, key=lambda row: (tier[requests[row.key].tier], row.key)):
        for week, waits in _waits(problem, requests[row.key]).items():
            found[week].append(waits)
    return found


def _waits(problem: Problem, request: Experiment) -> dict[Week, _Waiting]:
    """A request without a place waits in the weeks its window reaches, with its smallest option; a closed one no more."""
    latest = problem.first_week.weeks_until(request.latest_start)
    if not request.options or latest < 0:
        return {}
    least = min(option.accelerators for option in request.options)
    pools = frozenset(pool for option in request.options for pool in option.pools)
    longest = max(option.weeks for option in request.options)
    first = max(0, problem.first_week.weeks_until(request.earliest_start))
    last = min(problem.weeks, latest + longest)
    return {problem.first_week.plus(week): _Waiting(least, pools) for week in range(first, last)}

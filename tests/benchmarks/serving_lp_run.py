"""One solution of the serving LP of a problem and its plan, in this process: `python -m … TOOL PROBLEM SOLUTION`.

What belongs here: the product's route, which is the weekly hot program of a what-if, and a line of JSON about
whichever was asked for. The other tools are in `serving_lp`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np

from capacity.allocation.domain.held_places import Rooms
from capacity.allocation.domain.hot_serving import Serving
from capacity.allocation.domain.problem import Placement, Problem, canonical
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.quick_side import Side
from capacity.allocation.domain.solver import SOLVER_VERSION
from capacity.lib.horizon import Week
from tests.benchmarks.serving_lp import (
    ServingLP,
    Timed,
    serving_lp,
    solve_with_cvxpy,
    solve_with_ortools,
    solve_with_pulp,
)

PRODUCT = "product"
OTHERS: Mapping[str, Callable[[ServingLP], Timed]] = {
    "PuLP": solve_with_pulp,
    "OR-tools": solve_with_ortools,
    "cvxpy": solve_with_cvxpy,
}
ONE_TIER = "serving"


def one_serving_tier(problem: Problem) -> Problem:
    """The problem with a single tier of serving, so that one objective says it all; unknown losses count nothing."""
    of_serving = {demand.tier for demand in problem.serving}
    return replace(
        problem,
        tiers=(ONE_TIER, *(tier for tier in problem.tiers if tier not in of_serving)),
        serving=tuple(
            replace(demand, tier=ONE_TIER, usd_lost_per_work_week=demand.usd_lost_per_work_week or 0)
            for demand in problem.serving
        ),
        pools=tuple(
            replace(pool, burst=None if pool.burst is None else replace(pool.burst, tiers=None))
            for pool in problem.pools
        ),
    )


def solve_with_product(problem: Problem, placements: Sequence[Placement]) -> Timed:
    """Demands gathered into classes, and week after week from the basis of the week before."""
    began = time.perf_counter()
    rooms, experiments = Rooms(problem), {row.key: row for row in problem.experiments}
    for row in placements:
        rooms.take(row, experiments[row.key])
    serving = Serving(pools=rooms.pools, floors=rooms.floors, problem=problem)
    work = np.array([serving.work(d) for d in range(len(serving.demands))])
    side = Side(problem=problem, serving=serving, rooms=rooms, work=work)
    built = time.perf_counter()
    for week in range(problem.weeks):
        side.solve(week, side.bases[week - 1] if week else None)
    solved = time.perf_counter()
    usd, _ = serving.tier_values(short=side.short.sum(axis=1), burst=side.burst.sum(axis=2))
    return Timed(built - began, solved - built, float(usd.sum()), SOLVER_VERSION)


def placements_of(solution: Path) -> list[Placement]:
    rows = json.loads(solution.read_text())["placements"]
    return [Placement(**{**row, "start": Week(date.fromisoformat(row["start"]))}) for row in rows]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tool", choices=[PRODUCT, *OTHERS])
    parser.add_argument("problem", type=Path)
    parser.add_argument("solution", type=Path)
    arguments = parser.parse_args()
    problem = one_serving_tier(canonical(problem_from_bytes(arguments.problem.read_bytes())))
    placements = placements_of(arguments.solution)
    if arguments.tool == PRODUCT:
        timed = solve_with_product(problem, placements)
    else:
        timed = OTHERS[arguments.tool](serving_lp(problem, placements))
    print(json.dumps(asdict(timed)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

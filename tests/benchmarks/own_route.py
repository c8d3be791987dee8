"""The serving LP solved the product's way: `python -m tests.benchmarks.own_route PROBLEM SOLUTION`; a line of JSON.

What belongs here: the weekly hot program that answers a what-if, over all weeks. Nothing is made for the comparison
but the loop.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from capacity.allocation.domain.held_places import Rooms
from capacity.allocation.domain.hot_serving import Serving
from capacity.allocation.domain.problem import Placement, Problem
from capacity.allocation.domain.quick_side import Side
from capacity.allocation.domain.solver import SOLVER_VERSION
from tests.benchmarks.serving_lp import Timed, parser, read_files


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


def main() -> int:
    print(json.dumps(asdict(solve_with_product(*read_files(parser(__doc__).parse_args())))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

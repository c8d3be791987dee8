"""What-ifs on one problem, in this process: `python -m tests.benchmarks.what_if_run PROBLEM`; a line of JSON.

What belongs here: the plan the questions are about, the hot model, and the seconds of each answer as a person waits
for it: quick ones with placements held, and full ones, in which everything is solved again.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.what_if import HotPlan, full
from tests.benchmarks.changes import changes

SEED = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path)
    parser.add_argument("--quick", type=int, default=20, help="how many quick answers (20)")
    parser.add_argument("--full", type=int, default=6, help="how many full answers (6)")
    parser.add_argument("--full-seconds", type=float, default=120.0, help="no further full answer after these seconds")
    arguments = parser.parse_args()
    options = SolveOptions(effort="quick")
    problem = problem_from_bytes(arguments.problem.read_bytes())
    solution = solve(problem=problem, options=options)
    began = time.perf_counter()
    hot = HotPlan(problem=problem, solution=solution)
    seconds: dict[str, list[float]] = {"hot": [time.perf_counter() - began], "quick": [], "full": []}
    kinds = []
    for kind, changed in changes(problem, seed=SEED, count=arguments.quick):
        began = time.perf_counter()
        hot.quick(changed=changed)
        seconds["quick"].append(time.perf_counter() - began)
        kinds.append(kind)
    for _, changed in changes(problem, seed=SEED, count=arguments.full):
        if sum(seconds["full"]) > arguments.full_seconds:
            break
        began = time.perf_counter()
        full(problem=problem, solution=solution, changed=changed, options=options)
        seconds["full"].append(time.perf_counter() - began)
    print(json.dumps({**seconds, "kinds": kinds}))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

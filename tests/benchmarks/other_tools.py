"""The serving LP solved by other people's tools: `python -m tests.benchmarks.other_tools PROBLEM SOLUTION TOOL`.

What belongs here: one function a tool, each building its model the way its documentation does, one row and column
at a time or as matrices. Nothing here may import the product's solver: two copies of HiGHS in one process (OR-tools
brings its own) do not load.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from tests.benchmarks.serving_lp import ServingLP, Timed, parser, read_files, serving_lp


def solve_with_pulp(lp: ServingLP) -> Timed:
    import pulp  # noqa: PLC0415  (installed for the measurements only)

    began = time.perf_counter()
    model = pulp.LpProblem("serving", pulp.LpMinimize)
    limits = [None if upper == float("inf") else upper for upper in lp.upper]
    columns = [pulp.LpVariable(f"x{i}", 0, limit) for i, limit in enumerate(limits)]
    model += pulp.LpAffineExpression([(columns[i], usd) for i, usd in enumerate(lp.usd) if usd])
    for low, high, positions, values in lp.rows:
        terms = pulp.LpAffineExpression([(columns[i], value) for i, value in zip(positions, values, strict=True)])
        if low is not None:
            model += terms >= low
        if high is not None:
            model += terms <= high
    built = time.perf_counter()
    model.solve(pulp.PULP_CBC_CMD(msg=False))
    _require(pulp.LpStatus[model.status] == "Optimal", pulp.LpStatus[model.status])
    return Timed(built - began, time.perf_counter() - built, float(pulp.value(model.objective)), "CBC")


def solve_with_ortools(lp: ServingLP) -> Timed:
    from ortools.linear_solver import pywraplp  # noqa: PLC0415

    began = time.perf_counter()
    solver = pywraplp.Solver.CreateSolver("GLOP")
    infinity = solver.infinity()
    columns = [solver.NumVar(0, min(upper, infinity), "") for upper in lp.upper]
    objective = solver.Objective()
    for column, usd in zip(columns, lp.usd, strict=True):
        objective.SetCoefficient(column, usd)
    objective.SetMinimization()
    for low, high, positions, values in lp.rows:
        row = solver.Constraint(-infinity if low is None else low, infinity if high is None else high)
        for i, value in zip(positions, values, strict=True):
            row.SetCoefficient(columns[i], value)
    built = time.perf_counter()
    _require(solver.Solve() == pywraplp.Solver.OPTIMAL, "not optimal")
    return Timed(built - began, time.perf_counter() - built, objective.Value(), "GLOP")


def solve_with_cvxpy(lp: ServingLP) -> Timed:
    import cvxpy  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415
    from scipy.sparse import csr_array  # noqa: PLC0415

    began = time.perf_counter()
    x = cvxpy.Variable(len(lp.usd), nonneg=True)
    upper = np.array(lp.upper)
    bounded = np.flatnonzero(np.isfinite(upper))
    constraints = [x[bounded] <= upper[bounded]]
    for is_low in (True, False):
        rows = [row for row in lp.rows if (row[0] is not None) == is_low]
        entries = [(r, i, v) for r, row in enumerate(rows) for i, v in zip(row[2], row[3], strict=True)]
        r, i, v = zip(*entries, strict=True)
        matrix = csr_array((v, (r, i)), shape=(len(rows), len(lp.usd)))
        sides = np.array([row[0] if is_low else row[1] for row in rows], dtype=float)
        constraints.append(matrix @ x >= sides if is_low else matrix @ x <= sides)
    problem = cvxpy.Problem(cvxpy.Minimize(np.array(lp.usd) @ x), constraints)
    written = time.perf_counter()
    problem.solve()
    took, compiled = time.perf_counter() - written, float(problem.compilation_time or 0)
    _require(problem.status == "optimal", problem.status)
    return Timed(
        written - began + compiled, took - compiled, float(problem.value), str(problem.solver_stats.solver_name)
    )


def _require(holds: bool, status: Any) -> None:
    if not holds:
        raise RuntimeError(f"ended with status {status}")


TOOLS: Mapping[str, Callable[[ServingLP], Timed]] = {
    "PuLP": solve_with_pulp,
    "OR-tools": solve_with_ortools,
    "cvxpy": solve_with_cvxpy,
}


def main() -> int:
    reader = parser(__doc__)
    reader.add_argument("tool", choices=TOOLS)
    arguments = reader.parse_args()
    print(json.dumps(asdict(TOOLS[arguments.tool](serving_lp(*read_files(arguments))))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

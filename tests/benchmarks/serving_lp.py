"""The serving LP with placements fixed, unaggregated: one column for each demand, option and week.

What belongs here: the numbers of that program, taken from a problem and its plan, and its solution by other
people's tools, each built the way their documentation builds a model. Replicas are divisible, all serving is one
tier, and the objective is dollars of unmet work and of burst. The product's own route is `serving_lp_run`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from capacity.allocation.domain.problem import Placement, Problem

HOURS_PER_WEEK = 168


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of writing the model down and of solving it; dollars; what solved it."""

    build: float
    solve: float
    usd: float
    solver: str


@dataclass(frozen=True)
class ServingLP:
    """Sparse rows by name. min usd·x over 0 ≤ x ≤ upper, Σ ≥ low (balance) or ≤ high (rooms and burst).

    rows: (low or None, high or None, column positions, coefficients).
    """

    usd: list[float]
    upper: list[float]
    rows: list[tuple[float | None, float | None, list[int], list[float]]]


def serving_lp(problem: Problem, placements: Sequence[Placement]) -> ServingLP:
    """x[d,p,t] accelerators, u[d,t] unmet work, b[p,t] burst:

    Σ_p rate·x + u ≥ work; Σ_d x − b ≤ what placements leave of the pool; the same over a floor's pools ≤ what they
    leave beside the floor; b ≤ Σ_d x.
    """
    room, floor_room = rooms(problem, placements)
    lp = ServingLP([], [], [])
    served: dict[tuple[str, int], list[int]] = defaultdict(list)
    burst = {}

    def column(usd: float, upper: float) -> int:
        lp.usd.append(usd)
        lp.upper.append(upper)
        return len(lp.usd) - 1

    for demand in problem.serving:
        lost = float(demand.usd_lost_per_work_week or 0)
        for week, work in enumerate(demand.work):
            if not work:
                continue
            unmet, columns, rates = column(lost, float(work)), [], []
            for option in demand.options:
                columns.append(column(0.0, float("inf")))
                rates.append(float(option.work_per_accelerator))
                served[option.pool, week].append(columns[-1])
            lp.rows.append((float(work), None, [unmet, *columns], [1.0, *rates]))
    for pool in problem.pools:
        for week, limit in enumerate(pool.burst.accelerators if pool.burst else ()):
            if limit and pool.burst:
                usd = HOURS_PER_WEEK * float(pool.burst.usd_per_accelerator_hour)
                burst[pool.key, week] = column(usd, float(limit))
    for place, columns in served.items():
        bought = [burst[place]] if place in burst else []
        signs = [1.0] * len(columns) + [-1.0] * len(bought)
        lp.rows.append((None, float(room[place]), columns + bought, signs))
        if bought:
            lp.rows.append((None, 0.0, columns + bought, [-sign for sign in signs]))
    for position, floor in enumerate(problem.floors):
        for week in range(problem.weeks):
            columns = [x for pool in floor.pools for x in served[pool, week]]
            bought = [burst[pool, week] for pool in floor.pools if (pool, week) in burst]
            signs = [1.0] * len(columns) + [-1.0] * len(bought)
            lp.rows.append((None, float(floor_room[position, week]), columns + bought, signs))
    return lp


def rooms(
    problem: Problem, placements: Sequence[Placement]
) -> tuple[dict[tuple[str, int], int], dict[tuple[int, int], int]]:
    """Accelerators left by the placements, by (pool, week), and beside each floor, by (floor position, week)."""
    room = {(pool.key, week): amount for pool in problem.pools for week, amount in enumerate(pool.allocatable)}
    floors = {}
    for position, floor in enumerate(problem.floors):
        for week, asked in enumerate(floor.accelerators):
            supply = sum(room[pool, week] for pool in floor.pools)
            floors[position, week] = supply - min(asked, supply)
    experiments = {row.key: row for row in problem.experiments}
    for row in placements:
        experiment = experiments[row.key]
        for offset in range(row.weeks):
            week = problem.first_week.weeks_until(row.start) + offset
            if not 0 <= week < problem.weeks:
                continue
            room[row.pool, week] -= row.accelerators
            for position, floor in enumerate(problem.floors):
                lent = experiment.preemptible and floor.lendable
                if row.pool in floor.pools and not experiment.model_development and not lent:
                    floors[position, week] -= row.accelerators
    return room, floors


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
    return Timed(written - began + compiled, took - compiled, float(problem.value), str(problem.solver_stats.solver_name))


def _require(holds: bool, status: Any) -> None:
    if not holds:
        raise RuntimeError(f"ended with status {status}")

"""HiGHS set up, run and read: the one place for its options, the unit of its costs and what its statuses mean.

What belongs here: options that make a solve repeatable (one thread, fixed seed, node limits instead of a clock) and
the reading of run status and model status, both. Programs are `solver_arrays`; models written by name `solver_models`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SEED = 20260101
FEASIBLE = 1e-9
SMALL_COST, LARGE_COST = 1e-2, 1e9
OPTIMAL, LIMIT, INFEASIBLE = "optimal", "limit", "infeasible"


class SolverFailed(Exception):
    """HiGHS returned an error, or a status that the program cannot have."""


@dataclass(frozen=True)
class Found:
    """status: optimal, limit (values None when no point was found) or infeasible. bound: below the minimum.

    Of a relaxed solve, where asked for: row_duals and column_duals, change of the objective per unit of a bound, and
    the rows' own values.
    """

    status: str
    values: Floats | None
    objective: float
    bound: float
    row_duals: Floats | None = None
    column_duals: Floats | None = None
    row_values: Floats | None = None


def new_highs(**options: Any) -> Any:
    """A solver with nothing in it: silent, on one thread, seeded; `options` beside those."""
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    common = {
        "output_flag": False,
        "threads": 1,
        "random_seed": SEED,
        "primal_feasibility_tolerance": FEASIBLE,
    }
    for name, value in (common | options).items():
        highs.setOptionValue(name, value)
    return highs


SOLVER_VERSION = f"HiGHS {new_highs().version()}"


def load(highs: Any, *program: Any) -> None:
    """The program as one object, or as the arrays it is made of. Raises SolverFailed."""
    if highs.passModel(*program) == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS refuses the model")


def cost_unit(cost: Floats) -> float:
    """A power of two by which costs are divided so that the solver's absolute tolerances do not swallow them."""
    sizes = np.abs(cost[cost != 0])
    if not len(sizes) or (sizes.min() >= SMALL_COST and sizes.max() <= LARGE_COST):
        return 1.0
    return float(2.0 ** math.floor(math.log2(max(sizes.min() / SMALL_COST, sizes.max() / LARGE_COST))))


def run(highs: Any, *, unit: float, is_whole: bool, duals: bool = False) -> Found:
    """What solving gives, in costs times `unit`. is_whole: the program has whole numbers. Raises SolverFailed."""
    if highs.run() == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS reports an error")
    status, info, kinds = highs.getModelStatus(), highs.getInfo(), highspy.HighsModelStatus
    if status == kinds.kInfeasible:
        return Found(INFEASIBLE, None, math.inf, math.inf)
    has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    solution = highs.getSolution() if has_point or status == kinds.kModelEmpty else None
    values = None if solution is None else np.array(solution.col_value, dtype=float)
    value = info.objective_function_value * unit
    if status in (kinds.kOptimal, kinds.kModelEmpty):
        if values is None:
            raise SolverFailed("HiGHS calls a point optimal that breaks a row by more than its tolerance")
        bound = info.mip_dual_bound * unit if is_whole and math.isfinite(info.mip_dual_bound) else value
        found = Found(OPTIMAL, values, value, min(bound, value))
        return _with_duals(found, solution, unit) if duals and solution is not None else found
    if status in (kinds.kSolutionLimit, kinds.kIterationLimit):
        bound = info.mip_dual_bound * unit if is_whole else -math.inf
        return Found(LIMIT, values, value if has_point else math.inf, bound)
    raise SolverFailed(f"HiGHS stopped with status {highs.modelStatusToString(status)}")


def _with_duals(found: Found, solution: Any, unit: float) -> Found:
    return Found(
        found.status,
        found.values,
        found.objective,
        found.bound,
        row_duals=np.array(solution.row_dual, dtype=float) * unit,
        column_duals=np.array(solution.col_dual, dtype=float) * unit,
        row_values=np.array(solution.row_value, dtype=float),
    )

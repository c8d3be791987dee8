"""The only module that talks to HiGHS: a model in, a status, values and a bound out.

What belongs here: options that make a solve repeatable (one thread, fixed seed, node limits instead of a clock) and
the reading of run status and model status, both. Which model is solved when is `exact` and `weekly`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.formulation import Model, Terms


def _new_highs() -> Any:
    return highspy.Highs()  # type: ignore[no-untyped-call]


SOLVER_VERSION = f"HiGHS {_new_highs().version()}"
SEED = 20260101
SMALL_COST, LARGE_COST = 1e-2, 1e9


class SolverFailed(Exception):
    """HiGHS returned an error, or a status that the program cannot have."""


@dataclass(frozen=True, slots=True)
class Solved:
    """status: optimal, limit (values None when no point was found) or infeasible. bound: below the minimum."""

    status: str
    values: list[float] | None
    objective: float
    bound: float


def solve_model(
    model: Model,
    *,
    minimise: Terms,
    start: Sequence[float] | None = None,
    node_limit: int = 1000,
    relax: bool = False,
    presolve: bool = True,
    gap: float = 0.0,
    quick: bool = False,
) -> Solved:
    """Minimises `minimise` over the model. relax: without integrality. start: a feasible point to begin from.

    quick: no search for better points beside the tree, for steps that begin from a good one.
    """
    unit = _cost_unit(minimise)
    highs = _load(model, [(column, cost / unit) for column, cost in minimise], relax=relax)
    highs.setOptionValue("presolve", "on" if presolve else "off")
    highs.setOptionValue("mip_max_nodes", node_limit)
    highs.setOptionValue("mip_rel_gap", gap)
    if quick:
        highs.setOptionValue("mip_heuristic_effort", 0.0)
        highs.setOptionValue("mip_allow_restart", False)
    if start is not None and not relax and any(model.integer):
        solution = highspy.HighsSolution()
        solution.col_value = list(start)
        highs.setSolution(solution)
    status = highs.run()
    if status == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS reports an error")
    solved = _read(highs, is_mip=not relax and any(model.integer))
    return replace(solved, objective=solved.objective * unit, bound=solved.bound * unit)


def _cost_unit(minimise: Terms) -> float:
    """A power of two by which costs are divided so that the solver's absolute tolerances do not swallow them."""
    sizes = [abs(cost) for _, cost in minimise if cost]
    if not sizes or (min(sizes) >= SMALL_COST and max(sizes) <= LARGE_COST):
        return 1.0
    return 2.0 ** math.floor(math.log2(max(min(sizes) / SMALL_COST, max(sizes) / LARGE_COST)))


def _load(model: Model, minimise: Terms, *, relax: bool) -> Any:
    highs = _new_highs()
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", SEED),
        ("mip_abs_gap", 1e-9),
        ("mip_feasibility_tolerance", 1e-7),
        ("primal_feasibility_tolerance", 1e-9),
    ):
        highs.setOptionValue(name, value)
    if highs.passModel(_linear_program(model, minimise, relax=relax)) == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS refuses the model")
    return highs


def _linear_program(model: Model, minimise: Terms, *, relax: bool) -> Any:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = len(model.lower), len(model.rows)
    cost = np.zeros(len(model.lower))
    for column, coefficient in minimise:
        cost[column] += coefficient
    lp.col_cost_ = cost
    lp.col_lower_, lp.col_upper_ = np.array(model.lower), np.array(model.upper)
    lp.row_lower_ = np.array([-highspy.kHighsInf if value == -math.inf else value for value in model.row_lower])
    lp.row_upper_ = np.array([highspy.kHighsInf if value == math.inf else value for value in model.row_upper])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    lp.a_matrix_.start_ = np.cumsum([0, *(len(row) for row in model.rows)])
    lp.a_matrix_.index_ = np.array([column for row in model.rows for column, _ in row], dtype=np.int32)
    lp.a_matrix_.value_ = np.array([value for row in model.rows for _, value in row])
    if not relax:
        kinds = highspy.HighsVarType
        lp.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in model.integer]
    return lp


def _read(highs: Any, *, is_mip: bool) -> Solved:
    status = highs.getModelStatus()
    info = highs.getInfo()
    has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    values = list(highs.getSolution().col_value) if has_point else None
    if status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
        return Solved("optimal", values or [], info.objective_function_value, info.objective_function_value)
    if status == highspy.HighsModelStatus.kInfeasible:
        return Solved("infeasible", None, math.inf, math.inf)
    if status in (highspy.HighsModelStatus.kSolutionLimit, highspy.HighsModelStatus.kIterationLimit):
        bound = info.mip_dual_bound if is_mip else -math.inf
        return Solved("limit", values, info.objective_function_value if has_point else math.inf, bound)
    raise SolverFailed(f"HiGHS stopped with status {highs.modelStatusToString(status)}")


def write_lp(model: Model, *, minimise: Terms, path: str) -> None:
    """Writes the model in LP format with its names, for people and golden tests."""
    lp = _linear_program(model, minimise, relax=False)
    lp.col_names_ = [_plain(name) for name in model.column_names]
    lp.row_names_ = [_plain(name) for name in model.row_names]
    highs = _new_highs()
    highs.setOptionValue("output_flag", False)
    highs.passModel(lp)
    highs.writeModel(path)


def _plain(name: tuple[str, ...]) -> str:
    """pool_capacity(h100_use1,2026w48): only characters that survive the LP format."""
    head, *keys = name
    return f"{head}({','.join(key.replace('-', '_') for key in keys)})"


class HotModel:
    """A relaxed model kept in HiGHS: upper bounds of rows change between solves, the last basis is the start."""

    def __init__(self, model: Model, *, minimise: Terms) -> None:
        self._unit = _cost_unit(minimise)
        self._highs = _load(model, [(column, cost / self._unit) for column, cost in minimise], relax=True)
        self._highs.setOptionValue("presolve", "off")

    def set_row_upper(self, row: int, upper: float) -> None:
        self._highs.changeRowBounds(row, -highspy.kHighsInf, highspy.kHighsInf if upper == math.inf else upper)

    def least(self) -> float | None:
        """The minimum; None where there is no point. Raises SolverFailed where HiGHS gives no usable answer."""
        if self._highs.run() == highspy.HighsStatus.kError:
            raise SolverFailed("HiGHS reports an error")
        status = self._highs.getModelStatus()
        if status == highspy.HighsModelStatus.kInfeasible:
            return None
        if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
            raise SolverFailed(f"HiGHS stopped with status {self._highs.modelStatusToString(status)}")
        return float(self._highs.getInfo().objective_function_value) * self._unit

    def point(self) -> NDArray[np.float64]:
        """Values of the columns at the last minimum."""
        return np.array(self._highs.getSolution().col_value)

    def row_duals(self) -> NDArray[np.float64]:
        """Change of the last minimum per unit of each row's bound."""
        return np.array(self._highs.getSolution().row_dual) * self._unit

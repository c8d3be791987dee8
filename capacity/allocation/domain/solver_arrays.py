"""A program kept in HiGHS as arrays: bounds and costs change between solves, the last basis is the next start.

What belongs here: relaxed solves on a hot basis and whole-number solves of the same matrix, one thread, fixed seed,
limits by nodes. What the columns mean is the caller's; models written by name are `solver`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.solver import SEED, SolverFailed

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

SMALL_COST, LARGE_COST = 1e-2, 1e9
OPTIMAL, LIMIT, INFEASIBLE = "optimal", "limit", "infeasible"


@dataclass
class Matrix:
    """Rows of a program: row r has values[starts[r]:starts[r + 1]] in columns indices[...]."""

    columns: int
    starts: Ints
    indices: Ints
    values: Floats


@dataclass(frozen=True)
class Found:
    """status: optimal, limit (values None when no point was found) or infeasible. bound: below the minimum.

    row_duals: of a relaxed solve, change of the objective per unit of a row's bound.
    """

    status: str
    values: Floats | None
    objective: float
    bound: float
    row_duals: Floats | None = None


@dataclass
class ArrayModel:
    """lower, upper, row_lower, row_upper and cost may be written at any time; each solve takes them as they are."""

    matrix: Matrix
    whole: NDArray[np.bool_]
    lower: Floats = field(init=False)
    upper: Floats = field(init=False)
    cost: Floats = field(init=False)
    row_lower: Floats = field(init=False)
    row_upper: Floats = field(init=False)

    def __post_init__(self) -> None:
        columns, rows = self.matrix.columns, len(self.matrix.starts) - 1
        self.lower, self.upper, self.cost = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        self.row_lower, self.row_upper = np.full(rows, -math.inf), np.full(rows, math.inf)
        self._relaxed = _new_highs()
        self._relaxed.setOptionValue("presolve", "off")
        self._loaded: Floats | None = None

    def relax(self, *, duals: bool = False) -> Found:
        """Least cost without whole numbers, from the last basis."""
        unit, highs = _cost_unit(self.cost), self._relaxed
        if self._loaded is not self.matrix.values:
            basis = highs.getBasis() if self._loaded is not None else None
            self._loaded = None
            _pass(highs, self._program(unit))
            if basis is not None:
                highs.setBasis(basis)
            self._loaded = self.matrix.values
        else:
            columns = np.arange(self.matrix.columns, dtype=np.int32)
            rows = np.arange(len(self.row_lower), dtype=np.int32)
            highs.changeColsBounds(len(columns), columns, self.lower, self.upper)
            highs.changeColsCost(len(columns), columns, self.cost / unit)
            highs.changeRowsBounds(len(rows), rows, self.row_lower, self.row_upper)
        return _solved(highs, unit, is_whole=False, duals=duals)

    def set_values(self, values: Floats) -> None:
        """Other coefficients in the same places; the basis stays. They must not be written to afterwards."""
        if not np.array_equal(values, self.matrix.values):
            self.matrix.values = values

    def solve_whole(
        self, *, node_limit: int, gap: float = 0.0, start: Floats | None = None, quick: bool = False
    ) -> Found:
        """Least cost in whole numbers. start: a feasible point. quick: no search for points beside the tree."""
        highs = _new_highs()
        unit = _cost_unit(self.cost)
        for name, value in (
            ("mip_max_nodes", node_limit),
            ("mip_rel_gap", gap),
            ("mip_abs_gap", 1e-9),
            ("mip_feasibility_tolerance", 1e-7),
        ):
            highs.setOptionValue(name, value)
        if quick:
            highs.setOptionValue("mip_heuristic_effort", 0.0)
            highs.setOptionValue("mip_allow_restart", False)
        program = self._program(unit)
        kinds = highspy.HighsVarType
        program.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole.tolist()]
        _pass(highs, program)
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = start.tolist()
            highs.setSolution(solution)
        return _solved(highs, unit, is_whole=True, duals=False)

    def _program(self, unit: float) -> Any:
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = self.matrix.columns, len(self.row_lower)
        program.col_cost_, program.col_lower_, program.col_upper_ = self.cost / unit, self.lower, self.upper
        program.row_lower_, program.row_upper_ = self.row_lower, self.row_upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = self.matrix.starts
        program.a_matrix_.index_ = self.matrix.indices
        program.a_matrix_.value_ = self.matrix.values
        return program


def _new_highs() -> Any:
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", SEED),
        ("primal_feasibility_tolerance", 1e-9),
    ):
        highs.setOptionValue(name, value)
    return highs


def _pass(highs: Any, program: Any) -> None:
    if highs.passModel(program) == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS refuses the model")


def _cost_unit(cost: Floats) -> float:
    """A power of two by which costs are divided so that the solver's absolute tolerances do not swallow them."""
    sizes = np.abs(cost[cost != 0])
    if not len(sizes) or (sizes.min() >= SMALL_COST and sizes.max() <= LARGE_COST):
        return 1.0
    return float(2.0 ** math.floor(math.log2(max(sizes.min() / SMALL_COST, sizes.max() / LARGE_COST))))


def _solved(highs: Any, unit: float, *, is_whole: bool, duals: bool) -> Found:
    if highs.run() == highspy.HighsStatus.kError:
        raise SolverFailed("HiGHS reports an error")
    status, info, kinds = highs.getModelStatus(), highs.getInfo(), highspy.HighsModelStatus
    if status == kinds.kInfeasible:
        return Found(INFEASIBLE, None, math.inf, math.inf)
    has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    solution = highs.getSolution() if has_point else None
    values = np.array(solution.col_value) if solution is not None else None
    value = info.objective_function_value * unit
    if status in (kinds.kOptimal, kinds.kModelEmpty):
        row_duals = np.array(solution.row_dual) * unit if duals and solution is not None else None
        bound = info.mip_dual_bound * unit if is_whole and math.isfinite(info.mip_dual_bound) else value
        return Found(OPTIMAL, values if values is not None else np.zeros(0), value, min(bound, value), row_duals)
    if status in (kinds.kSolutionLimit, kinds.kIterationLimit):
        bound = info.mip_dual_bound * unit if is_whole else -math.inf
        return Found(LIMIT, values, value if has_point else math.inf, bound)
    raise SolverFailed(f"HiGHS stopped with status {highs.modelStatusToString(status)}")

"""A program kept in HiGHS as arrays: bounds and costs change between solves, the last basis is the next start.

What belongs here: relaxed solves on a hot basis and whole-number solves of the same matrix. What the columns mean is
the caller's; costs in stages are `stages`; options and statuses are `solver`, models written by name `solver_models`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.solver import (
    INFEASIBLE,
    OPTIMAL,
    Floats,
    Found,
    SolverFailed,
    cost_unit,
    load,
    new_highs,
    run,
)

__all__ = ["INFEASIBLE", "OPTIMAL", "ArrayModel", "Basis", "Floats", "Found", "Ints", "Matrix", "carried"]

Ints = NDArray[np.int32]


@dataclass
class Matrix:
    """Rows of a program: row r has values[starts[r]:starts[r + 1]] in columns indices[...]."""

    columns: int
    starts: Ints
    indices: Ints
    values: Floats


@dataclass(frozen=True, slots=True)
class Basis:
    """Where each column and row stood, by position; statuses are the solver's own."""

    columns: NDArray[Any]
    rows: NDArray[Any]


def carried(basis: Basis, *, columns: Ints, rows: Ints) -> Basis:
    """The basis of another program: position i there stands where columns[i] (rows[i]) stood here; −1 is new."""
    status = highspy.HighsBasisStatus
    new_columns, new_rows = basis.columns[columns], basis.rows[rows]
    new_columns[columns < 0], new_rows[rows < 0] = status.kLower, status.kBasic
    return Basis(new_columns, new_rows)


@dataclass
class ArrayModel:
    """lower, upper, row_lower, row_upper and cost may be written at any time; each solve takes them as they are.

    dual_feasible: how far from right a reduced cost of a relaxed solve may be, for callers that act on its sign.
    """

    matrix: Matrix
    whole: NDArray[np.bool_]
    dual_feasible: float = 1e-7
    lower: Floats = field(init=False)
    upper: Floats = field(init=False)
    cost: Floats = field(init=False)
    row_lower: Floats = field(init=False)
    row_upper: Floats = field(init=False)

    def __post_init__(self) -> None:
        columns, rows = self.matrix.columns, len(self.matrix.starts) - 1
        self.lower, self.upper, self.cost = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        self.row_lower, self.row_upper = np.full(rows, -math.inf), np.full(rows, math.inf)
        self._columns, self._rows = np.arange(columns, dtype=np.int32), np.arange(rows, dtype=np.int32)
        self._relaxed = new_highs(presolve="off", solver="simplex", dual_feasibility_tolerance=self.dual_feasible)
        self._loaded: Floats | None = None

    def relax(self, *, duals: bool = False, unit: float | None = None) -> Found:
        """Least cost without whole numbers, from the last basis. unit: by which costs are divided for the solver."""
        unit = cost_unit(self.cost) if unit is None else unit
        if self._loaded is self.matrix.values:
            self._write(unit)
        else:
            basis = self._relaxed.getBasis() if self._loaded is not None else None
            self._load(unit)
            if basis is not None:
                self._relaxed.setBasis(basis)
        try:
            return run(self._relaxed, unit=unit, is_whole=False, duals=duals)
        except SolverFailed:
            # Many hot starts can leave a basis in which numbers no longer hold: once more from nothing.
            self._relaxed.clearSolver()
            return run(self._relaxed, unit=unit, is_whole=False, duals=duals)

    def set_values(self, values: Floats) -> None:
        """Other coefficients in the same places; the basis stays. They must not be written to afterwards."""
        if not np.array_equal(values, self.matrix.values):
            self.matrix.values = values

    def start_from(self, basis: Basis) -> None:
        """Where the next relaxed solve begins."""
        if self._loaded is None:
            self._load(cost_unit(self.cost))
        found = highspy.HighsBasis()
        found.col_status, found.row_status = list(basis.columns), list(basis.rows)
        found.valid, found.alien = True, True
        self._relaxed.setBasis(found)

    def basis(self) -> Basis:
        """Where the last relaxed solve ended."""
        found = self._relaxed.getBasis()
        return Basis(np.array(found.col_status, dtype=object), np.array(found.row_status, dtype=object))

    def solve_whole(
        self, *, node_limit: int, gap: float = 0.0, start: Floats | None = None, quick: bool = False
    ) -> Found:
        """Least cost in whole numbers. start: a feasible point. quick: no search for points beside the tree."""
        unit = cost_unit(self.cost)
        highs = new_highs(mip_max_nodes=node_limit, mip_rel_gap=gap, mip_abs_gap=1e-9, mip_feasibility_tolerance=1e-7)
        if quick:
            highs.setOptionValue("mip_heuristic_effort", 0.0)
            highs.setOptionValue("mip_allow_restart", False)
        load(highs, self.program(unit, is_whole=True))
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = start.tolist()
            highs.setSolution(solution)
        return run(highs, unit=unit, is_whole=bool(self.whole.any()))

    def program(self, unit: float, *, is_whole: bool) -> Any:
        """The program as the solver takes it, costs divided by `unit`."""
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = self.matrix.columns, len(self.row_lower)
        program.col_cost_, program.col_lower_, program.col_upper_ = self.cost / unit, self.lower, self.upper
        program.row_lower_, program.row_upper_ = self.row_lower, self.row_upper
        program.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        program.a_matrix_.start_ = self.matrix.starts
        program.a_matrix_.index_ = self.matrix.indices
        program.a_matrix_.value_ = self.matrix.values
        if is_whole:
            kinds = highspy.HighsVarType
            program.integrality_ = [kinds.kInteger if whole else kinds.kContinuous for whole in self.whole.tolist()]
        return program

    def _load(self, unit: float) -> None:
        self._loaded = None
        matrix, rows = self.matrix, (self.row_lower, self.row_upper)
        # Array by array, which the solver copies as they are; numbers one by one take ten times as long.
        load(
            self._relaxed,
            *(matrix.columns, len(self.row_lower), len(matrix.indices)),
            *(int(highspy.MatrixFormat.kRowwise), int(highspy.ObjSense.kMinimize), 0.0),
            *(self.cost / unit, self.lower, self.upper, *rows),
            *(matrix.starts, matrix.indices, matrix.values, np.zeros(matrix.columns, dtype=np.int32)),
        )
        self._loaded = self.matrix.values

    def _write(self, unit: float) -> None:
        highs, columns, rows = self._relaxed, self._columns, self._rows
        highs.changeColsBounds(len(columns), columns, self.lower, self.upper)
        highs.changeColsCost(len(columns), columns, self.cost / unit)
        highs.changeRowsBounds(len(rows), rows, self.row_lower, self.row_upper)

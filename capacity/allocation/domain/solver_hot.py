"""One linear program kept hot in HiGHS: the matrix stays, bounds and costs change, the basis is used again.

What belongs here: the few calls that a what-if needs again and again, on one thread and without presolve, and the
exact freezing of a stage. What the columns mean is `hot_serving`. Everything else is solved through `solver`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.solver import SEED, SolverFailed

Floats = NDArray[np.float64]
Ints = NDArray[np.int32]

# Costs are divided so that the least of a stage is 1; a reduced cost below this is nobody's.
PRICED = 1e-6
FEASIBLE = 1e-9


@dataclass(frozen=True, slots=True)
class Basis:
    """Where each column and row stood, by position; statuses are the solver's own."""

    columns: NDArray[Any]
    rows: NDArray[Any]


@dataclass(frozen=True, slots=True)
class HotSolved:
    """objectives: least value of each stage. row_slopes[stage, row]: its change per unit of the row's right-hand side.

    basis: as it was after the first stage, which is where the next solve of a similar program begins best.
    """

    objectives: tuple[float, ...]
    values: Floats
    row_slopes: Floats
    basis: Basis


class HotModel:
    """min cost·x in stages over rows of one matrix; each stage is frozen where it is least before the next."""

    def __init__(self, *, columns: int, starts: Ints, index: Ints, value: Floats) -> None:
        """The matrix row by row: row r has entries starts[r]..starts[r + 1] of index and value."""
        self.columns, self.rows = columns, len(starts) - 1
        self._column_positions = np.arange(self.columns, dtype=np.int32)
        self._row_positions = np.arange(self.rows, dtype=np.int32)
        self._highs = _new_highs()
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.columns, self.rows
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = np.zeros(columns), np.zeros(columns), np.zeros(columns)
        lp.row_lower_, lp.row_upper_ = np.full(self.rows, -math.inf), np.full(self.rows, math.inf)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = starts, index, value
        if self._highs.passModel(lp) == highspy.HighsStatus.kError:
            raise SolverFailed("HiGHS refuses the model")

    def solve(
        self,
        *,
        stages: Sequence[Floats],
        upper: Floats,
        row_lower: Floats,
        row_upper: Floats,
        basis: Basis | None = None,
    ) -> HotSolved:
        """Least costs of each stage in turn, columns between 0 and `upper`. Raises SolverFailed.

        A stage is frozen by complementary slackness: a column with a reduced cost stays at its bound and a row with
        a dual stays tight, which is exactly the set of all optimal points, without a slack.
        """
        low, high = np.zeros(self.columns), upper.copy()
        row_low, row_high = row_lower.copy(), row_upper.copy()
        if basis is not None:
            self._highs.setBasis(_to_highs(basis))
        objectives: list[float] = []
        slopes: list[Floats] = []
        values, first = np.zeros(self.columns), basis
        for cost in stages:
            unit = _unit(cost)
            self._highs.changeColsBounds(self.columns, self._column_positions, low, high)
            self._highs.changeRowsBounds(self.rows, self._row_positions, row_low, row_high)
            self._highs.changeColsCost(self.columns, self._column_positions, cost / unit)
            values, reduced, row_values, duals = self._run()
            objectives.append(float(cost @ values))
            slopes.append(duals * unit)
            first = self._basis() if len(objectives) == 1 else first
            _freeze(reduced, values, low, high)
            _freeze(duals, row_values, row_low, row_high)
        assert first is not None
        return HotSolved(tuple(objectives), values, np.array(slopes), first)

    def _run(self) -> tuple[Floats, Floats, Floats, Floats]:
        highs = self._highs
        if highs.run() == highspy.HighsStatus.kError:
            raise SolverFailed("HiGHS reports an error")
        status = highs.getModelStatus()
        if status not in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kModelEmpty):
            raise SolverFailed(f"HiGHS stopped with status {highs.modelStatusToString(status)}")
        found = highs.getSolution()
        return (
            np.array(found.col_value, dtype=float),
            np.array(found.col_dual, dtype=float),
            np.array(found.row_value, dtype=float),
            np.array(found.row_dual, dtype=float),
        )

    def _basis(self) -> Basis:
        found = self._highs.getBasis()
        return Basis(np.array(found.col_status, dtype=object), np.array(found.row_status, dtype=object))


def carried(basis: Basis, *, columns: Ints, rows: Ints) -> Basis:
    """The basis of another program: position i there stands where columns[i] (rows[i]) stood here; −1 is new."""
    status = highspy.HighsBasisStatus
    new_columns, new_rows = basis.columns[columns], basis.rows[rows]
    new_columns[columns < 0], new_rows[rows < 0] = status.kLower, status.kBasic
    return Basis(new_columns, new_rows)


def _to_highs(basis: Basis) -> Any:
    found = highspy.HighsBasis()
    found.col_status, found.row_status = list(basis.columns), list(basis.rows)
    found.valid, found.alien = True, True
    return found


def _freeze(priced: Floats, values: Floats, lower: Floats, upper: Floats) -> None:
    """Holds at its value whatever has a price, on the bound it lies at."""
    held = np.abs(priced) > PRICED
    at = np.where(priced > 0, lower, upper)[held]
    at = np.where(np.isfinite(at), at, values[held])
    lower[held] = at
    upper[held] = at


def _unit(cost: Floats) -> float:
    sizes = np.abs(cost[cost != 0])
    return float(sizes.min()) if len(sizes) else 1.0


def _new_highs() -> Any:
    highs = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("random_seed", SEED),
        ("presolve", "off"),
        ("solver", "simplex"),
        ("primal_feasibility_tolerance", FEASIBLE),
        ("dual_feasibility_tolerance", FEASIBLE),
    ):
        highs.setOptionValue(name, value)
    return highs

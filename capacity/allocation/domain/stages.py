"""Costs in stages on one hot program: each stage is frozen exactly where it is least before the next is solved.

What belongs here: the order of the stages, their units and the freezing. What the columns mean is `hot_serving`; the
program and its basis are `solver_arrays`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capacity.allocation.domain.solver import OPTIMAL, SolverFailed
from capacity.allocation.domain.solver_arrays import ArrayModel, Basis, Floats, Found

# Costs are divided so that the least of a stage is 1; a reduced cost below this is nobody's.
PRICED = 1e-6


@dataclass(frozen=True, slots=True)
class StagesSolved:
    """objectives: least value of each stage. row_slopes[stage, row]: its change per unit of the row's right-hand side.

    basis: as it was after the first stage, which is where the next solve of a similar program begins best.
    """

    objectives: tuple[float, ...]
    values: Floats
    row_slopes: Floats
    basis: Basis


def solve_in_stages(
    model: ArrayModel,
    *,
    stages: Sequence[Floats],
    upper: Floats,
    row_lower: Floats,
    row_upper: Floats,
    basis: Basis | None = None,
) -> StagesSolved:
    """Least costs of each stage in turn (at least one), columns between 0 and `upper`. Raises SolverFailed.

    A stage is frozen by complementary slackness: a column with a reduced cost stays at its bound and a row with
    a dual stays tight, which is exactly the set of all optimal points, without a slack.
    """
    if basis is not None:
        model.start_from(basis)
    model.lower, model.upper = np.zeros(len(upper)), upper.copy()
    model.row_lower, model.row_upper = row_lower.copy(), row_upper.copy()
    objectives: list[float] = []
    slopes: list[Floats] = []
    for cost in stages:
        unit = _unit(cost)
        model.cost = cost
        values, reduced, row_values, duals = _solved(model.relax(duals=True, unit=unit))
        objectives.append(float(cost @ values))
        slopes.append(duals)
        if len(objectives) == 1:
            basis = model.basis()
        _freeze(reduced / unit, values, model.lower, model.upper)
        _freeze(duals / unit, row_values, model.row_lower, model.row_upper)
    assert basis is not None
    return StagesSolved(tuple(objectives), values, np.array(slopes), basis)


def _solved(found: Found) -> tuple[Floats, Floats, Floats, Floats]:
    """Values and duals of the columns, then of the rows."""
    values, rows = (found.values, found.column_duals), (found.row_values, found.row_duals)
    if found.status != OPTIMAL or values[0] is None or values[1] is None or rows[0] is None or rows[1] is None:
        raise SolverFailed(f"a stage that has a least value ended as {found.status}")
    return values[0], values[1], rows[0], rows[1]


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

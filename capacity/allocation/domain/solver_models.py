"""Models written by name, column by column, handed to the solver: solved once, kept hot, or written to a file.

What belongs here: from `named_model.Model` to arrays and back to lists. Which model is solved when is `ladder` and
`prices`; the solving is `solver_arrays`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from capacity.allocation.domain.named_model import Model, Terms
from capacity.allocation.domain.solver import OPTIMAL, new_highs
from capacity.allocation.domain.solver_arrays import ArrayModel, Matrix


@dataclass(frozen=True, slots=True)
class Solved:
    """status: optimal, limit (values None when no point was found) or infeasible. bound: below the minimum."""

    status: str
    values: list[float] | None
    objective: float
    bound: float


def array_model(model: Model, *, minimise: Terms) -> ArrayModel:
    """The model as it stands, with `minimise` as its cost; rows added to the model later are not in it."""
    matrix = Matrix(
        columns=len(model.lower),
        starts=np.cumsum([0, *(len(row) for row in model.rows)], dtype=np.int32),
        indices=np.array([column for row in model.rows for column, _ in row], dtype=np.int32),
        values=np.array([value for row in model.rows for _, value in row], dtype=float),
    )
    found = ArrayModel(matrix, np.array(model.integer, dtype=bool))
    found.lower, found.upper = np.array(model.lower, dtype=float), np.array(model.upper, dtype=float)
    found.row_lower, found.row_upper = np.array(model.row_lower, dtype=float), np.array(model.row_upper, dtype=float)
    for column, coefficient in minimise:
        found.cost[column] += coefficient
    return found


def solve_model(
    model: Model,
    *,
    minimise: Terms,
    start: Sequence[float] | None = None,
    node_limit: int = 1000,
    relax: bool = False,
    gap: float = 0.0,
    quick: bool = False,
) -> Solved:
    """Minimises `minimise` over the model. relax: without integrality. start: a feasible point to begin from.

    quick: no search for better points beside the tree, for steps that begin from a good one. Raises SolverFailed.
    """
    program = array_model(model, minimise=minimise)
    if relax:
        found = program.relax()
    else:
        point = np.array(start, dtype=float) if start is not None and program.whole.any() else None
        found = program.solve_whole(node_limit=node_limit, gap=gap, start=point, quick=quick)
    values = None if found.values is None else found.values.tolist()
    # Without a gap asked for, optimal is optimal: the bound it stopped at differs by rounding only.
    is_least = found.status == OPTIMAL and not gap
    return Solved(found.status, values, found.objective, found.objective if is_least else found.bound)


def write_lp(model: Model, *, minimise: Terms, path: str) -> None:
    """Writes the model in LP format with its names, for people and golden tests."""
    program = array_model(model, minimise=minimise).program(1.0, is_whole=True)
    program.col_names_ = [_plain(name) for name in model.column_names]
    program.row_names_ = [_plain(name) for name in model.row_names]
    highs = new_highs()
    highs.passModel(program)
    highs.writeModel(path)


def _plain(name: tuple[str, ...]) -> str:
    """pool_capacity(h100_use1,2026w48): only characters that survive the LP format."""
    head, *keys = name
    return f"{head}({','.join(key.replace('-', '_') for key in keys)})"

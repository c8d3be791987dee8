"""What a packing must leave to serving in one week: cuts for the packing program.

What belongs here: the dual ray of a week's serving LP that has too little room, and its right-hand side with divisible
or whole replicas (methods: Packing). A week put into the program whole is `embedded_week`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, isfinite

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, TierValue
from capacity.allocation.domain.solver import SolverFailed
from capacity.allocation.domain.solver_arrays import ArrayModel, Floats, Matrix
from capacity.allocation.domain.weekly import WeeklyServing
from capacity.allocation.domain.weekly_model import WeekModel
from capacity.allocation.domain.weekly_program import WeekProgram

# Dual values become whole factors in this many steps; a smaller factor is a weaker, still valid cut.
STEPS = 60
ENOUGH = 1e-6
# Replicas by which every pool's room is made smaller, in turn, to learn what it is short of in whole ones.
LESS_ROOM = (1, 2, 4, 8, 16, 32)
ROUNDING = 1e-4
CUT_NODES = 40
MOST_MISSING = 1e9

Positions = NDArray[np.intp]
# Tiers and what they are held at.
Frozen = tuple[tuple[int, TierValue], ...]


@dataclass(frozen=True, slots=True)
class Cut:
    """Σ pools[p]·placed + Σ floors[f]·counted ≤ upper, of free experiments in the week."""

    week: int
    pools: Mapping[int, int]
    floors: Mapping[int, int]
    upper: int


@dataclass(frozen=True, slots=True)
class _Week:
    """A week at its frozen values with missing room of pools and floors: arrays for the solver, made once.

    Columns are bounded as if no free experiment were there; only rows tell what is left.
    """

    program: WeekProgram
    values: Floats
    lower: Floats
    open: Floats
    shut: Floats
    missing: Floats


class ServingCuts:
    """held: pinned experiments alone."""

    def __init__(self, arrays: Arrays, weekly: WeeklyServing, *, held: ExperimentUse) -> None:
        self.arrays, self.weekly, self.held = arrays, weekly, held
        self._missing: dict[tuple[tuple[int, ...], int], tuple[Positions, ArrayModel]] = {}
        self._weeks: dict[tuple[int, Frozen], _Week] = {}

    def has_room(self, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> Cut | bool:
        """True where divisible replicas fit into what `use` leaves; else a cut that `use` breaks, or False for none.

        The LP: least Σ missing room of pools and floors; its duals are the factors of the cut.
        """
        prepared, hot = self._missing_room(week, frozen)
        duals = self._duals(hot, self._room_left(week, prepared.program, use))
        if duals is None or not duals.any():
            return duals is not None
        pools, floors = self._factors(prepared.program, duals)
        weak = self._cut(week, pools, floors, use, frozen, whole=False)
        return weak or self._cut(week, pools, floors, use, frozen) or False

    def is_roomy(self, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> bool:
        """Divisible replicas fit into what `use` leaves."""
        prepared, hot = self._missing_room(week, frozen)
        duals = self._duals(hot, self._room_left(week, prepared.program, use))
        return duals is not None and not duals.any()

    def _missing_room(self, week: int, frozen: Mapping[int, TierValue]) -> tuple[_Week, ArrayModel]:
        """The week, and its program with missing room of pools and floors as the only cost."""
        key = week, tuple(sorted(frozen.items(), key=lambda each: each[0]))
        tiers = tuple(sorted(frozen))
        model, _ = self.weekly.model(tiers, week)
        places, hot = self._with_missing_room(tiers, model, week)
        if key not in self._weeks:
            program = WeekProgram(model, week, self.held)
            for tier, value in frozen.items():
                program.hold(tier, usd=value.usd, unmet=value.unmet)
            none, count = np.zeros(len(program.lower)), len(places)
            self._weeks[key] = _Week(
                program,
                values=np.insert(program.values, places, -1.0),
                lower=np.concatenate([program.lower, np.zeros(count)]),
                open=np.concatenate([program.upper, np.full(count, MOST_MISSING)]),
                shut=np.concatenate([program.upper, np.zeros(count)]),
                missing=np.concatenate([none, np.ones(count)]),
            )
        prepared = self._weeks[key]
        hot.set_values(prepared.values)
        hot.cost, hot.lower, hot.upper = prepared.missing, prepared.lower, prepared.open
        hot.row_lower = prepared.program.row_lower
        return prepared, hot

    def _duals(self, hot: ArrayModel, row_upper: Floats) -> Floats | None:
        """Duals of the rows where room is missing, zeros where none is, None where the solver does not tell."""
        hot.row_upper = row_upper
        try:
            found = hot.relax(duals=True)
        except SolverFailed:
            return None
        if found.row_duals is None:
            return None
        return found.row_duals if found.objective > ENOUGH else np.zeros(len(row_upper))

    def _factors(self, program: WeekProgram, duals: Floats) -> tuple[dict[int, int], dict[int, int]]:
        """Whole factors of pools and of floors."""
        factors = np.floor(np.abs(duals) * STEPS + ENOUGH).astype(int)
        first, end = program.model.pool_rows, program.model.floor_rows
        pools = {p: int(n) for p, n in enumerate(factors[first:end]) if n}
        floors = {f: int(n) for f, n in enumerate(factors[end : end + len(self.arrays.floors)]) if n}
        return pools, floors

    def _room_left(self, week: int, program: WeekProgram, use: ExperimentUse) -> Floats:
        """The rows' upper sides with what `use` leaves of pools, in steps of their replicas, and of floors."""
        model = program.model
        upper: Floats = program.row_upper.copy()
        pools = np.array([use.pool_free(p, week) for p in range(len(self.arrays.supply))], dtype=float)
        upper[model.pool_rows : model.floor_rows] = np.floor(pools / model.pool_step) * model.pool_step
        for f, row in enumerate(self.arrays.floors):
            if row.kept[week]:
                upper[model.floor_rows + f] = use.floor_free(f, week)
        return upper

    def whole(
        self,
        week: int,
        *,
        use: ExperimentUse,
        crowded: frozenset[int],
        frozen: Mapping[int, TierValue],
        is_thorough: bool = True,
    ) -> list[Cut]:
        """Cuts that `use` breaks because replicas are whole.

        Tried are the factors of a little less room than there is, and where those break nothing each crowded pool
        alone, then all of them together; only the latter where it is not thorough.
        """
        nearly = self._nearly_without_room(week, use, frozen)
        if nearly is not None:
            return [nearly]
        each = [frozenset([pool]) for pool in sorted(crowded)] if is_thorough else []
        groups = dict.fromkeys([*each, crowded])
        cuts = (self._cut(week, dict.fromkeys(sorted(group), 1), {}, use, frozen) for group in groups if group)
        return [cut for cut in cuts if cut is not None]

    def _nearly_without_room(self, week: int, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> Cut | None:
        prepared, hot = self._missing_room(week, frozen)
        program = prepared.program
        room = self._room_left(week, program, use)
        first, end = program.model.pool_rows, program.model.floor_rows
        for replicas in LESS_ROOM:
            less = room.copy()
            less[first:end] = np.maximum(0.0, less[first:end] - replicas * program.model.pool_step)
            duals = self._duals(hot, less)
            if duals is None:
                return None
            if duals.any():
                return self._cut(week, *self._factors(program, duals), use, frozen)
        return None

    def _with_missing_room(self, tiers: tuple[int, ...], model: WeekModel, week: int) -> tuple[Positions, ArrayModel]:
        """The week's matrix with one more column for each row of a pool or floor, and where its entries lie."""
        key = tiers, self.weekly.own_copy(model, week)
        if key not in self._missing:
            rows = np.arange(model.pool_rows, model.floor_rows + len(self.arrays.floors))
            matrix = model.matrix
            places = matrix.starts[rows + 1].astype(np.intp)
            added = np.cumsum(np.isin(np.arange(len(matrix.starts) - 1), rows))
            extended = Matrix(
                matrix.columns + len(rows),
                (matrix.starts + np.concatenate([[0], added])).astype(np.int32),
                np.insert(matrix.indices, places, matrix.columns + np.arange(len(rows))).astype(np.int32),
                np.insert(matrix.values, places, -1.0),
            )
            whole = np.concatenate([model.whole, np.zeros(len(rows), dtype=bool)])
            self._missing[key] = places, ArrayModel(extended, whole)
        return self._missing[key]

    def _cut(
        self,
        week: int,
        pools: Mapping[int, int],
        floors: Mapping[int, int],
        use: ExperimentUse,
        frozen: Mapping[int, TierValue],
        *,
        whole: bool = True,
    ) -> Cut | None:
        """The cut with these factors and the best right-hand side, if `use` breaks it."""
        least = self._least(week, pools, floors, frozen, whole=whole)
        left = sum(n * use.pool_free(p, week) for p, n in pools.items())
        left += sum(n * use.floor_free(f, week) for f, n in floors.items())
        if least <= left:
            return None
        there = sum(n * self.held.pool_free(p, week) for p, n in pools.items())
        there += sum(n * self.held.floor_free(f, week) for f, n in floors.items())
        return Cut(week, pools, floors, there - least)

    def same_cut(self, week: int, cut: Cut, *, frozen: Mapping[int, TierValue]) -> Cut:
        """The same factors in another week, with the side of that week."""
        least = self._least(week, cut.pools, cut.floors, frozen, whole=False)
        there = sum(n * self.held.pool_free(p, week) for p, n in cut.pools.items())
        there += sum(n * self.held.floor_free(f, week) for f, n in cut.floors.items())
        return Cut(week, cut.pools, cut.floors, there - least)

    def _least(
        self,
        week: int,
        pools: Mapping[int, int],
        floors: Mapping[int, int],
        frozen: Mapping[int, TierValue],
        *,
        whole: bool,
    ) -> int:
        """A lower bound on the weighted use of the pools and floors by replicas, whole or not, at the frozen values."""
        prepared, hot = self._missing_room(week, frozen)
        program = prepared.program
        columns = len(program.lower)
        cost = np.zeros(len(prepared.lower))
        for pool, factor in pools.items():
            cost[:columns] += factor * program.accelerators_in(frozenset([pool]))
        for f, factor in floors.items():
            cost[:columns] += factor * program.accelerators_in(self.arrays.floors[f].pools)
        if not cost.any():
            return 0
        hot.cost, hot.upper, hot.row_upper = cost, prepared.shut, program.row_upper
        try:
            bound = hot.solve_whole(node_limit=CUT_NODES).bound if whole else hot.relax().bound
        except SolverFailed:
            return 0
        return ceil(bound - ROUNDING) if isfinite(bound) else 0

"""What a packing must leave to serving in one week: cuts for the packing program, and the week itself put into it.

What belongs here: the dual ray of a week's serving LP that has too little room, its right-hand side with whole
replicas, and the exact whole-replica rows of a week for which no such cut is strong enough (methods: Packing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, isfinite, lcm
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays, ClassRow
from capacity.allocation.domain.cp_sat import maximise
from capacity.allocation.domain.integer_program import Effort, IntegerProgram
from capacity.allocation.domain.packing_program import PackingProgram
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue
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
# Work whose common denominator is larger is rounded in favour of the packing, which keeps the bound valid.
MOST_SCALE = 10**6
USD_STEPS = 10**7

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Cut:
    """Σ pools[p]·placed + Σ floors[f]·counted ≤ upper, of free experiments in the week."""

    week: int
    pools: Mapping[int, int]
    floors: Mapping[int, int]
    upper: int


class ServingCuts:
    """held: pinned experiments alone."""

    def __init__(self, arrays: Arrays, weekly: WeeklyServing, *, held: ExperimentUse) -> None:
        self.arrays, self.weekly, self.held = arrays, weekly, held
        self._missing: dict[tuple[tuple[int, ...], int], tuple[Positions, ArrayModel]] = {}

    def has_room(self, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> Cut | bool:
        """True where divisible replicas fit into what `use` leaves; else a cut that `use` breaks, or False for none.

        The LP: least Σ missing room of pools and floors; its duals are the factors of the cut.
        """
        program, hot = self._missing_room(week, frozen)
        duals = self._duals(hot, self._room_left(week, program, use))
        if duals is None or not duals.any():
            return duals is not None
        pools, floors = self._factors(program, duals)
        weak = self._cut(week, pools, floors, use, frozen, whole=False)
        return weak or self._cut(week, pools, floors, use, frozen) or False

    def is_roomy(self, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> bool:
        """Divisible replicas fit into what `use` leaves."""
        program, hot = self._missing_room(week, frozen)
        duals = self._duals(hot, self._room_left(week, program, use))
        return duals is not None and not duals.any()

    def _missing_room(self, week: int, frozen: Mapping[int, TierValue]) -> tuple[WeekProgram, ArrayModel]:
        """The week's program with missing room of pools and floors as the only cost."""
        # Columns are bounded as if no free experiment were there; only rows tell what is left.
        program = self._program(week, self.held, frozen)
        places, hot = self._with_missing_room(tuple(sorted(frozen)), program.model, week)
        count = len(places)
        hot.set_values(np.insert(program.values, places, -1.0))
        hot.cost = np.concatenate([np.zeros(len(program.lower)), np.ones(count)])
        hot.lower = np.concatenate([program.lower, np.zeros(count)])
        hot.upper = np.concatenate([program.upper, np.full(count, MOST_MISSING)])
        hot.row_lower = program.row_lower
        return program, hot

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
        program, hot = self._missing_room(week, frozen)
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

    def _program(self, week: int, use: ExperimentUse, frozen: Mapping[int, TierValue]) -> WeekProgram:
        model, _ = self.weekly.model(tuple(sorted(frozen)), week)
        program = WeekProgram(model, week, use)
        for tier, value in frozen.items():
            program.hold(tier, usd=value.usd, unmet=value.unmet)
        return program

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
        program = self._program(week, self.held, frozen)
        cost = np.zeros(len(program.lower))
        for pool, factor in pools.items():
            cost += factor * program.accelerators_in(frozenset([pool]))
        for f, factor in floors.items():
            cost += factor * program.accelerators_in(self.arrays.floors[f].pools)
        if not cost.any():
            return 0
        _, hot = self.weekly.model(tuple(sorted(frozen)), week)
        hot.set_values(program.values.copy())
        hot.cost, hot.lower, hot.upper = cost, program.lower, program.upper
        hot.row_lower, hot.row_upper = program.row_lower, program.row_upper
        try:
            bound = hot.solve_whole(node_limit=CUT_NODES).bound if whole else hot.relax().bound
        except SolverFailed:
            return 0
        return ceil(bound - ROUNDING) if isfinite(bound) else 0


def embed_week(
    packing: PackingProgram, arrays: Arrays, week: int, *, held: ExperimentUse, frozen: Mapping[int, TierValue]
) -> EmbeddedWeek:
    """Puts the week's whole-replica serving at its frozen values into the packing program."""
    return _Embedding(packing, arrays, week, held, frozen).define()


def serve_week(
    arrays: Arrays, week: int, *, use: ExperimentUse, frozen: Mapping[int, TierValue], effort: Effort
) -> Plan | None:
    """Serving of the week at its frozen values in what `use` leaves; None where there is none, or none was found."""
    alone = _WeekAlone()
    embedded = _Embedding(alone, arrays, week, use, frozen).define()
    try:
        found = maximise(alone.program, {}, effort=effort)
    except SolverFailed:
        return None
    return None if found is None or found.values is None else embedded.serving(found.values)


class _Around(Protocol):
    """What a week is put into: a packing program, or a program of its own."""

    @property
    def program(self) -> IntegerProgram: ...

    def add_serving_variable(self, upper: int) -> int: ...

    def in_pool(self, pool: int, week: int) -> list[tuple[int, int]]: ...

    def counted_by_floor(self, f: int, week: int) -> list[tuple[int, int]]: ...


class _WeekAlone:
    """A program with nothing but serving in it: what experiments take is in the room it is given."""

    def __init__(self) -> None:
        self.program = IntegerProgram()

    def add_serving_variable(self, upper: int) -> int:
        return self.program.add_variable(upper=upper)

    def in_pool(self, pool: int, week: int) -> list[tuple[int, int]]:
        return []

    def counted_by_floor(self, f: int, week: int) -> list[tuple[int, int]]:
        return []


@dataclass(frozen=True, slots=True)
class EmbeddedWeek:
    """Variables of the week's replicas[class, tier, option], burst[tier, pool] and uses[class, option] by max_pools.

    Where nothing is lost a class's tiers share their replicas, under its last tier.
    """

    arrays: Arrays
    week: int
    replicas: Mapping[tuple[int, int, int], int]
    burst: Mapping[tuple[int, int], int]
    uses: Mapping[tuple[int, int], int]
    is_shared: bool

    def serving(self, values: Sequence[int]) -> Plan:
        """The serving a solution of the packing program holds for the week."""
        counts = {key: values[variable] for key, variable in self.replicas.items() if values[variable]}
        if self.is_shared:
            counts = self._by_tier(counts)
        return Plan(
            replicas={(*key, self.week): count for key, count in counts.items() if count},
            burst={(*key, self.week): values[v] for key, v in self.burst.items() if values[v]},
        )

    def _by_tier(self, counts: Mapping[tuple[int, int, int], int]) -> dict[tuple[int, int, int], int]:
        """Each replica under the first tier that is not yet served by those before it."""
        left: dict[int, dict[int, int]] = {}
        for (c, _, o), count in counts.items():
            left.setdefault(c, {})[o] = count
        split: dict[tuple[int, int, int], int] = {}
        for c, options in left.items():
            row, served, needed = self.arrays.classes[c], Fraction(0), Fraction(0)
            for tier, work in row.work_by_tier[self.week]:
                needed += work
                for o in sorted(options):
                    size = row.options[o].work
                    taken = min(options[o], max(0, ceil((needed - served) / size)))
                    if taken:
                        split[c, tier, o] = taken
                        options[o] -= taken
                        served += taken * size
        return split

    def point(self, plan: Plan) -> dict[int, int]:
        """The plan's serving of the week as values of the variables."""
        totals: dict[tuple[int, int, int], int] = {}
        for (c, tier, o, week), count in plan.replicas.items():
            if week == self.week:
                key = (c, self.last_tier(c), o) if self.is_shared else (c, tier, o)
                totals[key] = totals.get(key, 0) + count
        bought = {key: plan.burst.get((*key, self.week), 0) for key in self.burst}
        used = {(c, o) for (c, _, o), count in totals.items() if count}
        return (
            {variable: totals.get(key, 0) for key, variable in self.replicas.items()}
            | {variable: bought[key] for key, variable in self.burst.items()}
            | {variable: int(key in used) for key, variable in self.uses.items()}
        )

    def last_tier(self, c: int) -> int:
        return next((tier for k, tier, _ in self.replicas if k == c), -1)


class _Embedding:
    def __init__(
        self,
        packing: _Around,
        arrays: Arrays,
        week: int,
        held: ExperimentUse,
        frozen: Mapping[int, TierValue],
    ) -> None:
        self.packing, self.arrays, self.week, self.held, self.frozen = packing, arrays, week, held, frozen
        self.used: dict[int, list[tuple[int, int]]] = {}
        self.of_tier: dict[tuple[int, int], list[tuple[int, int]]] = {}
        self.usd: dict[int, list[tuple[int, Fraction]]] = {}
        self.unmet: dict[int, list[tuple[int, Fraction]]] = {}
        self.replicas: dict[tuple[int, int, int], int] = {}
        self.burst: dict[tuple[int, int], int] = {}
        self.uses: dict[tuple[int, int], int] = {}
        self.most: dict[tuple[int, int, int], int] = {}

    def define(self) -> EmbeddedWeek:
        # Work that loses nothing may stay unserved, so that all can be kept without serving all.
        must = all(row.usd != 0 for row in self.arrays.demands if row.work[self.week])
        is_lossless = must and not any(value.usd or value.unmet for value in self.frozen.values())
        for c, row in enumerate(self.arrays.classes):
            if is_lossless:
                self._serve_all(c, row)
            else:
                self._serve_by_tier(c, row)
        if not is_lossless:
            self._buy()
            for tier, value in self.frozen.items():
                self._at_most(self.usd.get(tier, []), value.usd)
                self._at_most(self.unmet.get(tier, []), value.unmet)
        self._room()
        self._spread()
        return EmbeddedWeek(self.arrays, self.week, self.replicas, self.burst, self.uses, is_lossless)

    def _serve_all(self, c: int, row: ClassRow) -> None:
        """Σ_o work_o·r_o ≥ all the class's work."""
        tiers = [tier for tier, _ in row.work_by_tier[self.week] if tier in self.frozen]
        needed = sum((work for tier, work in row.work_by_tier[self.week] if tier in self.frozen), Fraction(0))
        if not needed:
            return
        terms = self._replicas(c, row, tiers[-1], needed)
        self._cover(terms, [], needed)

    def _spread(self) -> None:
        """replicas ≤ (most)·y[c,o]; Σ_o y[c,o] ≤ max_pools, where that is below the number of the class's options."""
        for c, row in enumerate(self.arrays.classes):
            mine = sorted({o for k, _, o in self.replicas if k == c})
            if row.max_pools is None or row.max_pools >= len(mine):
                continue
            for o in mine:
                self.uses[c, o] = self.packing.add_serving_variable(1)
            for (k, tier, o), variable in self.replicas.items():
                if k == c:
                    self.packing.program.add_row([(variable, 1), (self.uses[c, o], -self.most[c, tier, o])], upper=0)
            self.packing.program.add_row([(self.uses[c, o], 1) for o in mine], upper=row.max_pools)

    def _serve_by_tier(self, c: int, row: ClassRow) -> None:
        """Σ_{j≤k} work_o·r[j,o] + Σ_{d of tiers ≤ k} u[d] ≥ Σ work of tiers ≤ k, for each tier k of the class."""
        able: list[tuple[int, Fraction]] = []
        short: list[int] = []
        needed = Fraction(0)
        scale = self._scale(row)
        for tier, work in row.work_by_tier[self.week]:
            if tier not in self.frozen:
                continue
            able += self._replicas(c, row, tier, work)
            needed += work
            for d in row.demands:
                demand = self.arrays.demands[d]
                if demand.tier == tier and demand.work[self.week]:
                    variable = self.packing.add_serving_variable(ceil(demand.work[self.week] * scale))
                    short.append(variable)
                    if demand.usd is None:
                        self.unmet.setdefault(tier, []).append((variable, Fraction(1, scale)))
                    else:
                        self.usd.setdefault(tier, []).append((variable, demand.usd / scale))
            self._cover(able, short, needed, scale=scale)

    def _scale(self, row: ClassRow) -> int:
        parts = [option.work.denominator for option in row.options]
        parts += [work.denominator for _, work in row.work_by_tier[self.week]]
        parts += [self.arrays.demands[d].work[self.week].denominator for d in row.demands]
        return min(MOST_SCALE, lcm(*parts, 1))

    def _replicas(self, c: int, row: ClassRow, tier: int, work: Fraction) -> list[tuple[int, Fraction]]:
        terms = []
        for o, option in enumerate(row.options):
            burst = self.arrays.burst[option.pool]
            there = self.held.pool_free(option.pool, self.week) + (burst.limit[self.week] if burst is not None else 0)
            most = min(ceil(work / option.work), max(0, there) // option.replica)
            variable = self.packing.add_serving_variable(most)
            self.replicas[c, tier, o] = variable
            self.most[c, tier, o] = most
            self.used.setdefault(option.pool, []).append((variable, option.replica))
            self.of_tier.setdefault((tier, option.pool), []).append((variable, option.replica))
            terms.append((variable, option.work))
        return terms

    def _cover(
        self, able: list[tuple[int, Fraction]], short: list[int], needed: Fraction, *, scale: int | None = None
    ) -> None:
        """Rounded towards feasibility where the numbers are not whole at the scale."""
        by = scale or min(MOST_SCALE, lcm(needed.denominator, *(work.denominator for _, work in able)))
        terms = [(variable, ceil(min(work, needed) * by)) for variable, work in able]
        self.packing.program.add_row([*terms, *((variable, 1) for variable in short)], lower=floor(needed * by))

    def _buy(self) -> None:
        """b[k,p] ≤ what tier k's replicas hold there; Σ_k b[k,p] ≤ what can be bought."""
        for pool, burst in enumerate(self.arrays.burst):
            if burst is None or not burst.limit[self.week]:
                continue
            bought = []
            for tier in sorted(burst.tiers):
                carried = self.of_tier.get((tier, pool), [])
                if not carried:
                    continue
                variable = self.packing.add_serving_variable(burst.limit[self.week])
                bought.append((variable, 1))
                self.burst[tier, pool] = variable
                rows = [(variable, 1), *((replica, -size) for replica, size in carried)]
                self.packing.program.add_row(rows, upper=0)
                self.used.setdefault(pool, []).append((variable, -1))
                if burst.usd_per_week:
                    self.usd.setdefault(tier, []).append((variable, burst.usd_per_week))
            self.packing.program.add_row(bought, upper=burst.limit[self.week])

    def _at_most(self, terms: list[tuple[int, Fraction]], value: Fraction) -> None:
        if any(factor for _, factor in terms):
            step = max(factor for _, factor in terms) / USD_STEPS
            rounded = [(variable, floor(factor / step)) for variable, factor in terms]
            self.packing.program.add_row([t for t in rounded if t[1]], upper=ceil(value / step))

    def _room(self) -> None:
        """Serving less burst, and experiments, within each pool and within what each floor leaves."""
        for pool, serving in self.used.items():
            terms = [*serving, *self.packing.in_pool(pool, self.week)]
            self.packing.program.add_row(terms, upper=self.held.pool_free(pool, self.week))
        for f, row in enumerate(self.arrays.floors):
            if row.kept[self.week]:
                terms = [term for pool in sorted(row.pools) for term in self.used.get(pool, [])]
                terms += self.packing.counted_by_floor(f, self.week)
                self.packing.program.add_row(terms, upper=self.held.floor_free(f, self.week))

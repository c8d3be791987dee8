"""The serving program of one week as arrays: the matrix is built once, a week changes bounds and few coefficients.

What belongs here: columns, rows and their numbers for serving of some tiers with every experiment held. It has the
plans of `formulation` with fewer columns: tiers of a class share replicas where no burst tells them apart, and demands
of a class and tier that lose the same dollars share their unmet work (methods: Serving by week). No solver calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ZERO, ExperimentUse, Plan, TierValue
from capacity.allocation.domain.serving_numbers import Exact
from capacity.allocation.domain.solver_arrays import Floats, Matrix

# Work of a class and week below this many accelerators would drown in the solver's absolute tolerances.
SMALL_WORK = 2**-4
# Frozen rows are divided by their smallest coefficient, so this is a share of the smallest step of money or work.
FROZEN_SLACK = 1e-6
ALL_TIERS = -1
Positions = NDArray[np.intp]


class Entries:
    """Rows under construction: (row, column, value) in any order."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.columns: list[int] = []
        self.values: list[float] = []

    def add(self, row: int, column: int, value: float) -> int:
        self.rows.append(row)
        self.columns.append(column)
        self.values.append(value)
        return len(self.rows) - 1


class WeekModel:
    """Columns: replicas[class, tier or all, option], burst[tier, pool], uses[class, option], unmet[segment].

    Rows: balance[class and tier], pool, floor, what carries burst, burst limit, uses of a pool, number of pools, and
    for each tier a row for its dollars and one for its unmet work of unknown loss, open until the tier is frozen.
    """

    def __init__(self, arrays: Arrays, tiers: tuple[int, ...]) -> None:
        self.arrays, self.tiers = arrays, tiers
        numbers = arrays.numbers
        self.groups = [g for g, tier in enumerate(numbers.group_tier.tolist()) if tier in tiers]
        self._define_columns()
        self._define_rows()

    # --- columns -----------------------------------------------------------------------------------------------------

    def _define_columns(self) -> None:
        arrays = self.arrays
        of_class: dict[int, list[int]] = {}
        for g in self.groups:
            of_class.setdefault(int(arrays.numbers.group_class[g]), []).append(g)
        self.of_class = of_class
        self.replicas: list[tuple[int, int, int]] = []
        for c, groups in of_class.items():
            mine = [int(arrays.numbers.group_tier[g]) for g in groups]
            for o in range(len(arrays.classes[c].options)):
                split = len(mine) > 1 and self._may_burst(c, o, mine)
                self.replicas.extend((c, tier, o) for tier in (mine if split else [ALL_TIERS]))
        self.burst = sorted(
            {
                (tier, arrays.classes[c].options[o].pool)
                for c, groups in of_class.items()
                for o in range(len(arrays.classes[c].options))
                for tier in (int(arrays.numbers.group_tier[g]) for g in groups)
                if self._may_burst(c, o, [tier])
            }
        )
        self.uses = [
            (c, o)
            for c in of_class
            for o in range(len(arrays.classes[c].options))
            if (arrays.classes[c].max_pools or len(arrays.classes[c].options)) < len(arrays.classes[c].options)
        ]
        self._define_segments()
        self.first_burst = len(self.replicas)
        self.first_use = self.first_burst + len(self.burst)
        self.first_unmet = self.first_use + len(self.uses)
        self.columns = self.first_unmet + len(self.segment_starts)
        self.whole = np.arange(self.columns) < self.first_unmet

    def _may_burst(self, c: int, o: int, tiers: Sequence[int]) -> bool:
        burst = self.arrays.burst[self.arrays.classes[c].options[o].pool]
        return burst is not None and any(burst.limit) and any(tier in burst.tiers for tier in tiers)

    def _define_segments(self) -> None:
        """Unmet work of a class and tier that loses the same dollars per unit."""
        numbers = self.arrays.numbers
        starts, groups, usd, unknown = [], [], [], []
        ends = [*numbers.starts.tolist(), len(numbers.order)][1:]
        self._columns_used: list[int] = []
        for position, g in enumerate(self.groups):
            rate = numbers.best_rates[numbers.group_class[g]]
            before: tuple[object, bool] | None = None
            for i in range(numbers.starts[g], ends[g]):
                kind = (numbers.usd[i], bool(numbers.is_unknown[i]))
                if kind != before:
                    starts.append(len(self._columns_used))
                    groups.append(position)
                    usd.append(float(Fraction(numbers.usd[i]) * rate / numbers.usd_scale))
                    unknown.append(float(kind[1]))
                    before = kind
                self._columns_used.append(i)
        self.segment_starts = np.array(starts, dtype=np.intp)
        self.segment_group = np.array(groups, dtype=np.intp)
        self.segment_usd, self.segment_unknown = np.array(usd), np.array(unknown)
        self._used = np.array(self._columns_used, dtype=np.intp)

    # --- rows --------------------------------------------------------------------------------------------------------

    def _define_rows(self) -> None:
        arrays, numbers = self.arrays, self.arrays.numbers
        entries = Entries()
        classes = [int(numbers.group_class[g]) for g in self.groups]
        self.group_class = np.array(classes, dtype=np.intp)
        self.group_tier = np.array([int(numbers.group_tier[g]) for g in self.groups], dtype=np.intp)
        self._position = {g: i for i, g in enumerate(self.groups)}
        self._define_balance(entries)
        row = len(self.groups)
        self.pool_rows, self.floor_rows = row, row + len(arrays.supply)
        row = self.floor_rows + len(arrays.floors)
        self._define_room(entries)
        self.carry_rows = row
        row = self._define_burst(entries, row)
        row = self._define_uses(entries, row)
        self.frozen_rows = row
        self._define_frozen(entries)
        self.rows = row + 2 * len(self.tiers)
        self._sort(entries)

    def _define_balance(self, entries: Entries) -> None:
        numbers = self.arrays.numbers
        self._able: list[tuple[int, int, float]] = []  # entry, balance row, work of a replica
        self.replica_size = np.zeros(len(self.replicas))
        self.replica_pool = np.zeros(len(self.replicas), dtype=np.intp)
        for column, (c, tier, o) in enumerate(self.replicas):
            option = self.arrays.classes[c].options[o]
            self.replica_size[column], self.replica_pool[column] = option.replica, option.pool
            for g in self.of_class[c]:
                if tier == ALL_TIERS or numbers.group_tier[g] >= tier:
                    work = float(option.work)
                    at = entries.add(self._position[g], column, work)
                    self._able.append((at, self._position[g], work))
        for segment, position in enumerate(self.segment_group.tolist()):
            c = int(self.group_class[position])
            for g in self.of_class[c]:
                if self._position[g] >= position:
                    entries.add(self._position[g], self.first_unmet + segment, 1.0)

    def _define_room(self, entries: Entries) -> None:
        floors = self.arrays.floors
        columns = [(j, int(self.replica_pool[j]), float(self.replica_size[j])) for j in range(len(self.replicas))]
        columns += [(self.first_burst + i, pool, -1.0) for i, (_, pool) in enumerate(self.burst)]
        for column, pool, size in columns:
            entries.add(self.pool_rows + pool, column, size)
            for f, floor in enumerate(floors):
                if pool in floor.pools:
                    entries.add(self.floor_rows + f, column, size)
        # Sizes that all replicas of a pool (without burst) are multiples of: the rest of its room serves nobody.
        sizes: dict[int, int] = {}
        for j, pool in enumerate(self.replica_pool.tolist()):
            sizes[pool] = math.gcd(sizes.get(pool, 0), int(self.replica_size[j]))
        for _, pool in self.burst:
            sizes[pool] = 1
        self.pool_step = np.array([sizes.get(pool, 1) or 1 for pool in range(len(self.arrays.supply))])

    def _define_burst(self, entries: Entries, row: int) -> int:
        """b[k,p] ≤ accelerators of tier k's replicas there; Σ_k b[k,p] ≤ what can be bought."""
        by_pool: dict[int, list[int]] = {}
        for i, (tier, pool) in enumerate(self.burst):
            by_pool.setdefault(pool, []).append(self.first_burst + i)
            entries.add(row, self.first_burst + i, 1.0)
            for j, (c, of, _) in enumerate(self.replicas):
                if self.replica_pool[j] == pool and (of == tier or (of == ALL_TIERS and self._only(c, tier))):
                    entries.add(row, j, -float(self.replica_size[j]))
            row += 1
        self.limit_rows = row
        self.limited = [(pool, columns) for pool, columns in by_pool.items() if len(columns) > 1]
        for _, columns in self.limited:
            for column in columns:
                entries.add(row, column, 1.0)
            row += 1
        return row

    def _only(self, c: int, tier: int) -> bool:
        return [int(self.arrays.numbers.group_tier[g]) for g in self.of_class[c]] == [tier]

    def _define_uses(self, entries: Entries, row: int) -> int:
        """Σ replicas of class c in option o ≤ (most)·y[c,o]; Σ_o y[c,o] ≤ max_pools."""
        self.use_rows = row
        at = {pair: i for i, pair in enumerate(self.uses)}
        self._use_of = np.array([at.get((c, o), -1) for c, _, o in self.replicas], dtype=np.intp)
        for j, use in enumerate(self._use_of.tolist()):
            if use >= 0:
                entries.add(row + use, j, 1.0)
        self._most_at = [entries.add(row + i, self.first_use + i, -1.0) for i in range(len(self.uses))]
        row += len(self.uses)
        limits = sorted({c for c, _ in self.uses})
        for i, (c, _) in enumerate(self.uses):
            entries.add(row + limits.index(c), self.first_use + i, 1.0)
        self.spread_rows = row
        self.max_pools = np.array([float(self.arrays.classes[c].max_pools or 0) for c in limits])
        return row + len(limits)

    def _define_frozen(self, entries: Entries) -> None:
        self._usd_at: list[tuple[int, int]] = []
        self._unknown_at: list[tuple[int, int]] = []
        for k, tier in enumerate(self.tiers):
            columns = [
                self.first_unmet + s for s in np.flatnonzero(self.group_tier[self.segment_group] == tier).tolist()
            ]
            dollars = [column for column in columns if self.segment_usd[column - self.first_unmet]]
            dollars += [self.first_burst + i for i, (of, _) in enumerate(self.burst) if of == tier]
            for column in dollars:
                self._usd_at.append((entries.add(self.frozen_rows + 2 * k, column, 0.0), column))
            for column in columns:
                if self.segment_unknown[column - self.first_unmet]:
                    self._unknown_at.append((entries.add(self.frozen_rows + 2 * k + 1, column, 0.0), column))

    def _sort(self, entries: Entries) -> None:
        rows, columns = np.array(entries.rows, dtype=np.intp), np.array(entries.columns, dtype=np.int32)
        order = np.lexsort((columns, rows))
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=self.rows))]).astype(np.int32)
        self.base = np.array(entries.values, dtype=float)[order]
        self.matrix = Matrix(self.columns, starts, columns[order], self.base.copy())
        self._able_at = place[np.array([at for at, _, _ in self._able], dtype=np.intp)]
        self._able_row = np.array([row for _, row, _ in self._able], dtype=np.intp)
        self._able_work = np.array([work for _, _, work in self._able])
        self._most_at_sorted = place[np.array(self._most_at, dtype=np.intp)]
        self._usd_place = place[np.array([at for at, _ in self._usd_at], dtype=np.intp)]
        self._usd_column = np.array([column for _, column in self._usd_at], dtype=np.intp)
        self._unknown_place = place[np.array([at for at, _ in self._unknown_at], dtype=np.intp)]
        self._unknown_column = np.array([column for _, column in self._unknown_at], dtype=np.intp)

    # --- one week ----------------------------------------------------------------------------------------------------

    def week(self, week: int, use: ExperimentUse) -> WeekProgram:
        """The numbers of one week in the room that `use` leaves; nothing is frozen yet."""
        return WeekProgram(self, week, use)


class WeekProgram:
    """Bounds, right-hand sides and costs of one week; tiers are held one after another."""

    def __init__(self, model: WeekModel, week: int, use: ExperimentUse) -> None:
        self.model, self.number, self.arrays, self.use = model, week, model.arrays, use
        numbers = self.arrays.numbers
        self._work: Exact = numbers.group_work(week)[model.groups] if model.groups else np.zeros(0)
        real = numbers.scale * np.array([float(numbers.best_rates[c]) for c in model.group_class.tolist()])
        self.work: Floats = np.array(self._work, dtype=float) / real if len(real) else real
        self.needed = self._cumulative(self.work)
        total = np.array([self.needed[model._position[model.of_class[int(c)][-1]]] for c in model.group_class])
        self.unit: Floats = np.ones(len(total))
        small = (total > 0) & (total < SMALL_WORK)
        self.unit[small] = 2.0 ** np.round(np.log2(total[small]))
        self.lower, self.upper = np.zeros(model.columns), np.zeros(model.columns)
        self.row_lower, self.row_upper = np.full(model.rows, -math.inf), np.full(model.rows, math.inf)
        self._set_room(use)
        self._set_columns(use)
        self._set_rows()
        self._set_values()
        self._open_upper = self.upper.copy()
        self.held: set[int] = set()

    def _cumulative(self, work: Floats) -> Floats:
        found, before, total = np.zeros(len(work)), -1, 0.0
        for i, c in enumerate(self.model.group_class.tolist()):
            total = (total if c == before else 0.0) + float(work[i])
            found[i], before = total, c
        return found

    def _set_room(self, use: ExperimentUse) -> None:
        model, arrays, week = self.model, self.arrays, self.number
        pools, floors = range(len(arrays.supply)), range(len(arrays.floors))
        room = np.array([max(0, use.pool_free(pool, week)) for pool in pools], dtype=float)
        self.row_upper[model.pool_rows : model.floor_rows] = np.floor(room / model.pool_step) * model.pool_step
        self.room = room
        for f in floors:
            if arrays.floors[f].kept[week]:
                self.row_upper[model.floor_rows + f] = max(0, use.floor_free(f, week))
        self.bought = np.array([0 if burst is None else burst.limit[week] for burst in arrays.burst], dtype=float)

    def _set_columns(self, use: ExperimentUse) -> None:
        model, numbers = self.model, self.arrays.numbers
        most = np.floor((self.room + self.bought)[model.replica_pool] / model.replica_size)
        for j, (c, tier, o) in enumerate(model.replicas):
            groups = [g for g in model.of_class[c] if tier in (ALL_TIERS, numbers.group_tier[g])]
            work = sum(self._work[model._position[g]] for g in groups)
            most[j] = min(most[j], float(-(-work // numbers.option_work[c][o])))
        self.upper[: model.first_burst] = most
        for i, (_, pool) in enumerate(model.burst):
            self.upper[model.first_burst + i] = self.bought[pool]
        self.upper[model.first_use : model.first_unmet] = 1.0
        work = numbers.work[self.number][model._used]
        segments = np.add.reduceat(work, model.segment_starts) if len(work) else work
        self._segments: Exact = segments
        group = model.segment_group
        scale = np.array([float(numbers.scale * numbers.best_rates[c]) for c in model.group_class.tolist()])
        if len(segments):
            self.upper[model.first_unmet :] = np.array(segments, dtype=float) / scale[group] / self.unit[group]

    def _set_rows(self) -> None:
        model = self.model
        self.row_lower[: len(model.groups)] = self.needed / self.unit
        self.row_upper[model.carry_rows : model.limit_rows] = 0.0
        for i, (pool, _) in enumerate(model.limited):
            self.row_upper[model.limit_rows + i] = self.bought[pool]
        self.row_upper[model.use_rows : model.spread_rows] = 0.0
        self.row_upper[model.spread_rows : model.frozen_rows] = model.max_pools

    def _set_values(self) -> None:
        """A replica that can do more than all that is needed counts for what is needed: the same whole plans."""
        model = self.model
        self.values = model.base.copy()
        row = model._able_row
        self.values[model._able_at] = np.minimum(model._able_work, self.needed[row]) / self.unit[row]
        most = np.zeros(len(model.uses))
        for j, use in enumerate(model._use_of.tolist()):
            if use >= 0:
                most[use] += self.upper[j]
        self.values[model._most_at_sorted] = -most
        unit = np.ones(model.columns)
        unit[model.first_unmet :] = self.unit[model.segment_group]
        self.usd = np.zeros(model.columns)
        self.usd[model.first_unmet :] = model.segment_usd
        for i, (_, pool) in enumerate(model.burst):
            burst = self.arrays.burst[pool]
            self.usd[model.first_burst + i] = float(burst.usd_per_week) if burst is not None else 0.0
        self.usd *= unit
        self.unknown = np.zeros(model.columns)
        self.unknown[model.first_unmet :] = model.segment_unknown * unit[model.first_unmet :]
        self.tier_of = np.full(model.columns, -1)
        self.tier_of[model.first_unmet :] = model.group_tier[model.segment_group]
        self.tier_of[model.first_burst : model.first_use] = [tier for tier, _ in model.burst]

    # --- costs -------------------------------------------------------------------------------------------------------

    def usd_lost(self, tier: int) -> Floats:
        """Σ usd·u + Σ 168·usd_burst·b of the tier, dollars."""
        return np.asarray(np.where((self.tier_of == tier) & (self.upper > 0), self.usd, 0.0))

    def unmet_unknown(self, tier: int) -> Floats:
        """Σ u of the tier's demands whose loss is unknown, accelerators."""
        return np.asarray(np.where((self.tier_of == tier) & (self.upper > 0), self.unknown, 0.0))

    def usd_of_places(self) -> Floats:
        """Σ 168·usd_per_accelerator_hour·accelerators of serving."""
        cost = np.zeros(self.model.columns)
        week = np.array([float(usd) for usd in self.arrays.usd_per_week])
        cost[: self.model.first_burst] = self.model.replica_size * week[self.model.replica_pool]
        return cost

    def accelerators_in(self, pools: frozenset[int]) -> Floats:
        """Accelerators of serving less burst in those pools."""
        cost = np.zeros(self.model.columns)
        there = np.isin(self.model.replica_pool, list(pools))
        cost[: self.model.first_burst] = self.model.replica_size * there
        for i, (_, pool) in enumerate(self.model.burst):
            cost[self.model.first_burst + i] = -1.0 if pool in pools else 0.0
        return cost

    def accelerators_used(self) -> Floats:
        """Accelerators of serving, and burst, so that nothing is held or bought that nobody needs."""
        cost = np.zeros(self.model.columns)
        cost[: self.model.first_burst] = self.model.replica_size
        cost[self.model.first_burst : self.model.first_use] = 1.0
        return cost

    # --- tiers -------------------------------------------------------------------------------------------------------

    def admit(self, tiers: Sequence[int]) -> None:
        """Only these tiers ask for anything; held tiers stay held."""
        asked = np.isin(self.model.group_tier, list(tiers))
        self.row_lower[: len(asked)] = np.where(asked, self.needed / self.unit, -math.inf)

    def hold(self, tier: int, *, usd: Fraction, unmet: Fraction) -> None:
        """No more dollars and no more unmet work of unknown loss than these in the tier from now on."""
        k = self.model.tiers.index(tier)
        self.held.add(tier)
        model = self.model
        for row, amount, cost, places, columns in (
            (model.frozen_rows + 2 * k, usd, self.usd_lost(tier), model._usd_place, model._usd_column),
            (
                model.frozen_rows + 2 * k + 1,
                unmet,
                self.unmet_unknown(tier),
                model._unknown_place,
                model._unknown_column,
            ),
        ):
            if not cost.any():
                continue
            if not amount:
                self.upper[cost > 0] = 0.0
                continue
            unit = cost[cost > 0].min()
            mine = self.tier_of[columns] == tier
            self.values[places[mine]] = cost[columns[mine]] / unit
            self.row_upper[row] = float(amount) / unit + FROZEN_SLACK

    def work_of_class(self, c: int) -> int | Fraction:
        """Work of all the model's tiers of a class, × scale."""
        work = sum(self._work[self.model._position[g]] for g in self.model.of_class[c])
        return work if isinstance(work, Fraction) else int(work)

    def mark(self) -> tuple[Floats, Floats, Floats, Floats, set[int]]:
        """What `back_to` needs to forget what is held and admitted after this."""
        return self.upper.copy(), self.row_lower.copy(), self.row_upper.copy(), self.values.copy(), set(self.held)

    def back_to(self, mark: tuple[Floats, Floats, Floats, Floats, set[int]]) -> None:
        self.upper, self.row_lower, self.row_upper, self.values, self.held = mark

    def at_most_unmet(self, plan: Plan, able: Exact) -> tuple[Floats, Floats]:
        """(upper, row_upper) that keep unmet work and burst at most those of a plan, without rows for frozen values."""
        upper, row_upper = self.upper.copy(), self.row_upper.copy()
        point = self.point(plan, able)
        first = self.model.first_unmet
        upper[first:] = np.minimum(self._open_upper, point)[first:]
        bursts = slice(self.model.first_burst, self.model.first_use)
        upper[bursts] = np.minimum(self._open_upper, point)[bursts]
        row_upper[self.model.frozen_rows :] = math.inf
        return upper, row_upper

    def adopt(self, plan: Plan) -> tuple[Plan, Exact]:
        """A plan of this week from elsewhere, with what its replicas can do."""
        numbers = self.arrays.numbers
        able = np.zeros(len(numbers.starts), dtype=numbers.work.dtype)
        for (c, tier, o, _), count in plan.replicas.items():
            able[numbers.group_at[c, tier]] += count * numbers.option_work[c][o]
        return plan, able

    def all_unknown(self, tier: int) -> Fraction:
        """More than all work of unknown loss that the tier could leave unmet."""
        return Fraction(float(self.upper @ self.unmet_unknown(tier)) + 1.0)

    # --- whole plans -------------------------------------------------------------------------------------------------

    def plan(self, values: Floats) -> tuple[Plan, Exact]:
        """The whole plan at a solution, replicas given to the highest tier that needs them, and what they can do.

        Replicas that serve nobody are dropped. The second: work by group of `arrays.numbers`, × scale.
        """
        model, numbers = self.model, self.arrays.numbers
        counts = np.maximum(np.rint(values[: model.first_use]), 0.0).astype(np.int64).tolist()
        able = np.zeros(len(numbers.starts), dtype=numbers.work.dtype)
        placed: dict[tuple[int, int, int, int], int] = {}
        own: dict[int, list[tuple[int, int]]] = {}
        shared: dict[int, list[list[int]]] = {}
        carrying = {pool for i, (_, pool) in enumerate(model.burst) if counts[model.first_burst + i] > 0}
        for j in np.flatnonzero(counts[: model.first_burst]).tolist():
            c, tier, o = model.replicas[j]
            if tier == ALL_TIERS or int(model.replica_pool[j]) not in carrying:
                shared.setdefault(c, []).append([o, counts[j]])
            else:
                own.setdefault(numbers.group_at[c, tier], []).append((o, counts[j]))
        for c in {*shared, *(int(numbers.group_class[g]) for g in own)}:
            self._give(c, own, shared.get(c, []), able, placed)
        return Plan(replicas=placed, burst=self._carried(placed, counts)), able

    def _carried(
        self, placed: dict[tuple[int, int, int, int], int], counts: list[int]
    ) -> dict[tuple[int, int, int], int]:
        """Burst that the placed replicas of its tier still carry."""
        carried: dict[tuple[int, int], int] = {}
        for (c, tier, o, _), count in placed.items():
            option = self.arrays.classes[c].options[o]
            carried[tier, option.pool] = carried.get((tier, option.pool), 0) + count * option.replica
        found = {
            (tier, pool, self.number): min(counts[self.model.first_burst + i], carried.get((tier, pool), 0))
            for i, (tier, pool) in enumerate(self.model.burst)
        }
        return {key: bought for key, bought in found.items() if bought > 0}

    def value(self, plan: Plan, able: Exact) -> dict[int, TierValue]:
        """Exact value of every tier of the model at a plan, whose replicas can do `able`."""
        numbers = self.arrays.numbers
        lost = numbers.lost(numbers.work[self.number] - numbers.served(self.number, able))
        found = {}
        for tier in self.model.tiers:
            usd, unmet = lost.get(tier, (ZERO, ZERO))
            for (of, pool, _), bought in plan.burst.items():
                burst = self.arrays.burst[pool]
                if of == tier and burst is not None:
                    usd += bought * burst.usd_per_week
            found[tier] = TierValue(usd, unmet)
        return found

    def point(self, plan: Plan, able: Exact) -> Floats:
        """The columns' values at a plan."""
        model, numbers = self.model, self.arrays.numbers
        found = np.zeros(model.columns)
        at = {(c, o): j for j, (c, tier, o) in enumerate(model.replicas) if tier == ALL_TIERS}
        own = {each: j for j, each in enumerate(model.replicas)}
        uses = {each: model.first_use + i for i, each in enumerate(model.uses)}
        for (c, tier, o, _), count in plan.replicas.items():
            found[own[c, tier, o] if (c, tier, o) in own else at[c, o]] += count
            if (c, o) in uses:
                found[uses[c, o]] = 1.0
        for i, (tier, pool) in enumerate(model.burst):
            found[model.first_burst + i] = plan.burst.get((tier, pool, self.number), 0)
        short = (numbers.work[self.number] - numbers.served(self.number, able))[model._used]
        if len(short):
            segments = np.array(np.add.reduceat(short, model.segment_starts), dtype=float)
            share = segments / np.maximum(1e-300, np.array(self._segments, dtype=float))
            found[model.first_unmet :] = np.minimum(1.0, share) * self._open_upper[model.first_unmet :]
        return found

    def _give(
        self,
        c: int,
        own: dict[int, list[tuple[int, int]]],
        shared: list[list[int]],
        able: Exact,
        placed: dict[tuple[int, int, int, int], int],
    ) -> None:
        numbers = self.arrays.numbers
        work, left = numbers.option_work[c], self._work[0] * 0
        for g in self.model.of_class[c]:
            tier, need = int(numbers.group_tier[g]), self._work[self.model._position[g]]
            have = left
            for o, count in own.get(g, ()):
                have = have + count * work[o]
                placed[c, tier, o, self.number] = count
            for each in shared:
                if have < need and each[1]:
                    taken = min(each[1], int(-(-(need - have) // work[each[0]])))
                    each[1] -= taken
                    have = have + taken * work[each[0]]
                    placed[c, tier, each[0], self.number] = placed.get((c, tier, each[0], self.number), 0) + taken
            able[g] = have - left
            left = max(have - need, 0 * need)

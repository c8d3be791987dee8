"""The serving program of one week as arrays: the matrix is built once, a week changes bounds and few coefficients.

What belongs here: columns, rows and their numbers for serving of some tiers with every experiment held. It has the
plans of `formulation` with fewer columns: tiers of a class share replicas where no burst tells them apart, and demands
of a class and tier that lose the same dollars share their unmet work (methods: Serving by week). No solver calls.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.solver_arrays import Floats, Matrix

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
        self.tier_at: list[int] = numbers.group_tier.tolist()
        self.groups = [g for g, tier in enumerate(self.tier_at) if tier in tiers]
        # Numbers of each week, kept by `week_numbers`.
        self.weeks: dict[int, Any] = {}
        # What rounding needs of every week, kept by `weekly_rounding`.
        self.shape: object = None
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
        # Work × scale in one accelerator at the class's best rate.
        self.work_unit = np.array([float(numbers.scale * numbers.best_rates[c]) for c in classes])
        self.group_tier = np.array([int(numbers.group_tier[g]) for g in self.groups], dtype=np.intp)
        self._position = {g: i for i, g in enumerate(self.groups)}
        self.tier_of = np.full(self.columns, -1)
        self.tier_of[self.first_unmet :] = self.group_tier[self.segment_group]
        self.tier_of[self.first_burst : self.first_use] = [tier for tier, _ in self.burst]
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
        self.rounding_rows = row + 2 * len(self.tiers)
        self.rows = self._define_rounding(entries, self.rounding_rows)
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

    @cached_property
    def in_pool(self) -> list[Floats]:
        """Per pool, accelerators of serving less burst there by column."""
        found = []
        for pool in range(len(self.arrays.supply)):
            column = np.zeros(self.columns)
            column[: self.first_burst] = self.replica_size * (self.replica_pool == pool)
            column[self.first_burst : self.first_use] = [-1.0 if p == pool else 0.0 for _, p in self.burst]
            found.append(column)
        return found

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

    def _define_rounding(self, entries: Entries, row: int) -> int:
        """A balance divided by the work of one of its replicas and rounded, for each such replica (methods: Serving by
        week). The numbers differ from week to week."""
        options = self.arrays.classes
        self.rounding_group: list[int] = []
        self.rounding_size: list[float] = []
        whole: list[tuple[int, int, float]] = []
        unmet: list[tuple[int, int, int]] = []
        columns: dict[int, list[int]] = {}
        for j, (c, _, _) in enumerate(self.replicas):
            columns.setdefault(c, []).append(j)
        segments: dict[int, list[int]] = {}
        for segment, position in enumerate(self.segment_group.tolist()):
            segments.setdefault(position, []).append(segment)
        for position in range(len(self.groups)):
            c, tier = int(self.group_class[position]), int(self.group_tier[position])
            before = [self._position[k] for k in self.of_class[c] if self._position[k] <= position]
            for size in sorted({option.work for option in options[c].options}):
                self.rounding_group.append(position)
                self.rounding_size.append(float(size))
                for j in columns[c]:
                    _, of, o = self.replicas[j]
                    if of == ALL_TIERS or of <= tier:
                        work = float(options[c].options[o].work)
                        whole.append((entries.add(row, j, 0.0), row - self.rounding_rows, work))
                for segment in (segment for k in before for segment in segments.get(k, ())):
                    column = self.first_unmet + segment
                    unmet.append((entries.add(row, column, 0.0), row - self.rounding_rows, column))
                row += 1
        self._rounding_whole, self._rounding_unmet = whole, unmet
        return row

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
        self.rounding_groups = np.array(self.rounding_group, dtype=np.intp)
        self.rounding_sizes = np.array(self.rounding_size)
        self._whole_place = place[np.array([at for at, _, _ in self._rounding_whole], dtype=np.intp)]
        self._whole_row = np.array([row for _, row, _ in self._rounding_whole], dtype=np.intp)
        self._whole_work = np.array([work for _, _, work in self._rounding_whole])
        self._unmet_place = place[np.array([at for at, _, _ in self._rounding_unmet], dtype=np.intp)]
        self._unmet_row = np.array([row for _, row, _ in self._rounding_unmet], dtype=np.intp)
        self._unmet_column = np.array([column for _, _, column in self._rounding_unmet], dtype=np.intp)

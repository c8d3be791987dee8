"""One week of serving as numbers for the program of `weekly_model`: bounds, costs, tiers held, and whole plans read back.

What belongs here: what changes from week to week and from tier to tier, and the exact value of a plan of the week.
No solver calls; which program is solved when is `weekly`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from capacity.allocation.domain.plan import ZERO, ExperimentUse, Plan, TierValue
from capacity.allocation.domain.serving_numbers import Exact
from capacity.allocation.domain.solver_arrays import Floats
from capacity.allocation.domain.weekly_model import ALL_TIERS, WeekModel

# Work of a class and week below this many accelerators would drown in the solver's absolute tolerances.
SMALL_WORK = 2**-4
# Frozen rows are divided by their smallest coefficient, so this is a share of the smallest step of money or work.
FROZEN_SLACK = 1e-6
# Unmet work below this share is the solver's noise.
CUT = 1e-7
# Relative. Work is taken this much lower before it is rounded up to whole replicas.
HAIR = 1e-9
# A rounding whose fraction is smaller than this would have coefficients of unmet work too large for the solver.
LEAST_SHARE = 1e-3
Mark = tuple[Floats, Floats, Floats, Floats, set[int], frozenset[int]]


class WeekProgram:
    """Bounds, right-hand sides and costs of one week; tiers are held one after another."""

    def __init__(self, model: WeekModel, week: int, use: ExperimentUse) -> None:
        self.model, self.number, self.arrays, self.use = model, week, model.arrays, use
        numbers = self.arrays.numbers
        self._work: Exact = numbers.group_work(week)[model.groups] if model.groups else np.zeros(0)
        self.work: Floats = np.array(self._work, dtype=float) / model.work_unit
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
        self._set_rounding()
        self._open_upper = self.upper.copy()
        self.held: set[int] = set()
        self.admitted = frozenset(model.tiers)

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
        if len(segments):
            self.upper[model.first_unmet :] = np.array(segments, dtype=float) / model.work_unit[group] / self.unit[group]

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

    def _set_rounding(self) -> None:
        """Σ_j (⌊w_j/d⌋ + min(1, frac(w_j/d)/f))·r_j + Σ u/(d·f) ≥ ⌈W/d⌉ with f = frac(W/d), for a replica's work d.

        Mixed-integer rounding of the balance Σ w·r + Σ u ≥ W (Nemhauser and Wolsey, Integer and Combinatorial
        Optimization, II.1.7): every whole plan keeps it, divisible replicas do not. W a hair lower, so that a W that is
        whole but for the floating point is not rounded up.
        """
        model = self.model
        quotient = self.needed[model.rounding_groups] * (1 - HAIR) / model.rounding_sizes
        share = quotient - np.floor(quotient)
        self._is_rounded = share >= LEAST_SHARE
        share = np.where(self._is_rounded, share, 1.0)
        ratio = model._whole_work / model.rounding_sizes[model._whole_row]
        whole = np.floor(ratio)
        self.values[model._whole_place] = whole + np.minimum(1.0, (ratio - whole) / share[model._whole_row])
        unit = self.unit[model.segment_group][model._unmet_column - model.first_unmet]
        per_unit = unit / (model.rounding_sizes * share)[model._unmet_row]
        self.values[model._unmet_place] = per_unit
        self._rounded_need = np.where(self._is_rounded, np.ceil(quotient), -math.inf)
        self.row_lower[model.rounding_rows :] = self._rounded_need

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
        self.admitted = frozenset(tiers)
        asked = np.isin(self.model.group_tier, list(tiers))
        self.row_lower[: len(asked)] = np.where(asked, self.needed / self.unit, -math.inf)
        rounded = asked[self.model.rounding_groups]
        self.row_lower[self.model.rounding_rows :] = np.where(rounded, self._rounded_need, -math.inf)

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
        """Work of all admitted tiers of a class, × scale."""
        tiers = self.arrays.numbers.group_tier
        work = sum(self._work[self.model._position[g]] for g in self.model.of_class[c] if tiers[g] in self.admitted)
        return work if isinstance(work, Fraction) else int(work)

    def mark(self) -> Mark:
        """What `back_to` needs to forget what is held and admitted after this."""
        rows = self.row_lower.copy(), self.row_upper.copy()
        return self.upper.copy(), *rows, self.values.copy(), set(self.held), self.admitted

    def back_to(self, mark: Mark) -> None:
        self.upper, self.row_lower, self.row_upper, self.values, held, self.admitted = mark
        self.held = set(held)

    def keep_unmet(self, plan: Plan, able: Exact, tiers: Sequence[int]) -> None:
        """Keeps unmet work and burst of `tiers` at most those of a plan, instead of rows for frozen values."""
        mine = np.isin(self.tier_of, list(tiers))
        self.upper = np.where(mine, np.minimum(self._open_upper, self.point(plan, able)), self.upper)
        for tier in tiers:
            row = self.model.frozen_rows + 2 * self.model.tiers.index(tier)
            self.row_upper[row : row + 2] = math.inf

    def served_of_class(self, values: Floats) -> tuple[dict[int, Any], set[int]]:
        """Work × scale that each class is served at a relaxed solution, and the classes of which a part is cut.

        Unmet work that is all or nothing of its segment is taken as such, so that what remains is exact.
        """
        model = self.model
        served = {c: self.work_of_class(c) for c in model.of_class}
        cut: set[int] = set()
        unmet, most = values[model.first_unmet :], self._open_upper[model.first_unmet :]
        for s in np.flatnonzero(unmet > CUT * np.maximum(1.0, most)).tolist():
            if int(model.group_tier[model.segment_group[s]]) not in self.admitted:
                continue
            c = int(model.group_class[model.segment_group[s]])
            size = self._segments[s] if isinstance(self._segments[s], Fraction) else int(self._segments[s])
            if unmet[s] >= most[s] * (1 - CUT):
                served[c] -= size
            else:
                served[c] -= size * Fraction(float(unmet[s] / most[s]))
                cut.add(c)
        return served, cut

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

    def plan(self, values: Floats, *, alike: bool = False) -> tuple[Plan, Exact]:
        """The whole plan at a solution, replicas given to the highest tier that needs them, and what they can do.

        Replicas that serve nobody are dropped. The second: work by group of `arrays.numbers`, × scale.
        alike: a column of some tier stands for replicas of any tier; those that could carry burst are given first.
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
            carries = int(model.replica_pool[j]) in carrying
            if alike and carries:
                shared.setdefault(c, []).insert(0, [o, counts[j]])
            elif tier == ALL_TIERS or not carries:
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

    def fits(self, plan: Plan) -> bool:
        """No pool and no floor is overdrawn."""
        model = self.model
        used = np.zeros(len(self.arrays.supply))
        for (c, _, o, _), count in plan.replicas.items():
            option = self.arrays.classes[c].options[o]
            used[option.pool] += count * option.replica
        for (_, pool, _), bought in plan.burst.items():
            used[pool] -= bought
        floors = [sum(used[pool] for pool in floor.pools) for floor in self.arrays.floors]
        room = np.concatenate([self.room, self.row_upper[model.floor_rows : model.carry_rows]])
        return bool(np.all(np.concatenate([used, floors]) <= room))

    def without_spare_burst(self, plan: Plan) -> Plan:
        """The same plan with no more burst than its pools and floors need, lower tiers giving up theirs first."""
        burst = dict(plan.burst)
        for key in sorted(burst, key=lambda key: (-key[0], key[1])):
            low, high = 0, burst[key]
            while low < high:
                middle = (low + high) // 2
                enough = self.fits(replace(plan, burst=burst | {key: middle}))
                low, high = (low, middle) if enough else (middle + 1, high)
            burst[key] = low
        return replace(plan, burst={key: bought for key, bought in burst.items() if bought})

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

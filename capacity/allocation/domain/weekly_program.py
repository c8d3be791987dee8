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
from capacity.allocation.domain.week_numbers import numbers_of
from capacity.allocation.domain.weekly_model import ALL_TIERS, WeekModel

# Frozen rows are divided by their smallest coefficient, so this is a share of the smallest step of money or work.
FROZEN_SLACK = 1e-6
# Unmet work below this share is the solver's noise.
CUT = 1e-7
Mark = tuple[Floats, Floats, Floats, Floats, set[int], frozenset[int]]


class WeekProgram:
    """Bounds, right-hand sides and costs of one week; tiers are held one after another."""

    def __init__(self, model: WeekModel, week: int, use: ExperimentUse) -> None:
        self.model, self.number, self.arrays, self.use = model, week, model.arrays, use
        week_numbers = numbers_of(model, week)
        self.week_numbers = week_numbers
        self._segments = week_numbers.segments
        self.needed, self.unit, self.bought = week_numbers.needed, week_numbers.unit, week_numbers.bought
        self.usd, self.unknown, self.tier_of = week_numbers.usd, week_numbers.unknown, model.tier_of
        self.lower, self.upper = week_numbers.lower, week_numbers.upper.copy()
        self.row_lower, self.row_upper = week_numbers.row_lower.copy(), week_numbers.row_upper.copy()
        self.values = week_numbers.values.copy()
        self._set_room(use)
        self._open_upper = self.upper.copy()
        self.held: set[int] = set()
        self.admitted = frozenset(model.tiers)
        # Burst that may be bought in the week, of all tiers together, by pool.
        bursts = enumerate(self.arrays.burst)
        self.most_burst = {pool: float(burst.limit[week]) for pool, burst in bursts if burst is not None}

    def _set_room(self, use: ExperimentUse) -> None:
        model, week = self.model, self.number
        room = np.array([max(0, use.pool_free(pool, week)) for pool in range(len(self.arrays.supply))], dtype=float)
        self.room = room
        self.row_upper[model.pool_rows : model.floor_rows] = np.floor(room / model.pool_step) * model.pool_step
        for f, is_kept in enumerate(self.week_numbers.kept):
            if is_kept:
                self.row_upper[model.floor_rows + f] = max(0, use.floor_free(f, week))
        there = np.floor((room + self.bought)[model.replica_pool] / model.replica_size)
        self.upper[: model.first_burst] = np.minimum(there, self.week_numbers.most)
        if len(model.uses):
            uses = model._use_of >= 0
            most = np.bincount(
                model._use_of[uses], weights=self.upper[: model.first_burst][uses], minlength=len(model.uses)
            )
            self.values[model._most_at_sorted] = -most

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
        for pool in pools:
            cost += self.model.in_pool[pool]
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
        self.row_lower[self.model.rounding_rows :] = np.where(rounded, self.week_numbers.rounded_need, -math.inf)

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
        tiers, exact = self.model.tier_at, self.week_numbers.exact_list
        work = sum(exact[self.model._position[g]] for g in self.model.of_class[c] if tiers[g] in self.admitted)
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
        """No pool and no floor is overdrawn, and no more burst is bought than there is."""
        model = self.model
        used = np.zeros(len(self.arrays.supply))
        bursts: dict[int, int] = {}
        for (_, pool, _), bought in plan.burst.items():
            bursts[pool] = bursts.get(pool, 0) + bought
        if any(bought > self.most_burst[pool] for pool, bought in bursts.items()):
            return False
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
        work, exact = numbers.option_work[c], self.week_numbers.exact_list
        left = exact[0] * 0
        for g in self.model.of_class[c]:
            tier, need = self.model.tier_at[g], exact[self.model._position[g]]
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

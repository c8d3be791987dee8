"""Problems too large to be solved whole: serving week by week, experiments tier by tier around it.

What belongs here: the order of the parts, re-placing serving to make room for an experiment, and bounds that hold
for the whole problem. Every intermediate plan is feasible, so a limit only costs value, never validity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.packing import (
    column_value,
    divide,
    most_value,
    place_greedily,
    preferred_columns,
)
from capacity.allocation.domain.plan import ExperimentUse, Plan, tier_values
from capacity.allocation.domain.residual import held_use
from capacity.allocation.domain.room import Packing, Room
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing

Progress = Callable[[str, float], None]

BOUND_ENTRIES = 200_000
PACKING_ENTRIES = 12_000
PACKING_NODES = 60
PACKING_ATTEMPTS = 3
THOROUGH_ATTEMPTS = 8
SAME_VALUE = 1e-9
MOST_FAILED_WEEKS = 4
WEEKLY_NODES = 40
REPLACEMENTS_PER_TIER = 60
SPOTS_TRIED = 3


def solve_by_parts(
    arrays: Arrays, *, pinned: Plan, free: list[int], node_limit: int, thorough: bool, progress: Progress
) -> tuple[Plan, dict[int, StepResult]]:
    """The plan, and per tier (position) what is proven of it. free: experiments to place."""
    parts = _Parts(arrays, pinned, free, node_limit, thorough=thorough)
    for run in _runs(arrays):
        progress(f"tier {arrays.tiers[run[0]]}", run[0] / len(arrays.tiers))
        if run[0] in arrays.serving_tiers:
            parts.serve(run)
        else:
            parts.place(run[0])
    progress("ties", 1.0)
    parts.settle()
    return parts.plan, parts.steps()


def tidy(arrays: Arrays, plan: Plan, *, pinned: Plan, free: list[int]) -> Plan:
    """A plan of the same tier values with serving in cheaper places, starts earlier, and nothing left that fits."""
    parts = _Parts(arrays, pinned, free, node_limit=WEEKLY_NODES, thorough=False)
    parts.plan, parts.tiers = plan, arrays.serving_tiers
    use = ExperimentUse.of(arrays, plan)
    for week in range(arrays.weeks):
        one = Plan().with_serving(plan, weeks=[week])
        values = tier_values(arrays, one, weeks=[week])
        now = ServedWeek(one, {tier: values[tier] for tier in arrays.serving_tiers}, {})
        found = parts.weekly.around(week, use=use, served=now)
        if found is not None and _usd_of_places(arrays, found.plan) < _usd_of_places(arrays, one):
            parts.plan = parts.plan.with_serving(found.plan, weeks=[week])
    parts.settle()
    return parts.plan


def _usd_of_places(arrays: Arrays, plan: Plan) -> tuple[Fraction, int]:
    """Dollars of the places serving lies in, then accelerators of serving and burst."""
    options = [(arrays.classes[c].options[o], count) for (c, _, o, _), count in plan.replicas.items()]
    usd = sum((option.replica * count * arrays.usd_per_week[option.pool] for option, count in options), Fraction(0))
    return usd, sum(option.replica * count for option, count in options) + sum(plan.burst.values())


def _runs(arrays: Arrays) -> list[tuple[int, ...]]:
    """Tiers with members in order; serving tiers that follow one another are solved together, week by week."""
    runs: list[tuple[int, ...]] = []
    for tier in sorted({*arrays.serving_tiers, *arrays.experiment_tiers}):
        if runs and tier in arrays.serving_tiers and runs[-1][0] in arrays.serving_tiers:
            runs[-1] = (*runs[-1], tier)
        else:
            runs.append((tier,))
    return runs


class _Parts:
    """The plan under way, what each tier achieved, and what bounds it."""

    def __init__(self, arrays: Arrays, pinned: Plan, free: list[int], node_limit: int, *, thorough: bool) -> None:
        self.arrays, self.free, self.node_limit, self.thorough = arrays, free, node_limit, thorough
        self.plan = pinned
        self.pinned = pinned
        self.weekly = WeeklyServing(arrays, node_limit=min(node_limit, WEEKLY_NODES))
        self.served: dict[int, ServedWeek] = {}
        self.tiers: tuple[int, ...] = ()
        self.bounds: dict[int, float] = {}
        self.room: Room | None = None

    def serve(self, tiers: tuple[int, ...]) -> None:
        """Serving of these tiers in every week, with all placements held."""
        self.tiers = (*self.tiers, *tiers)
        use = ExperimentUse.of(self.arrays, self.plan)
        for week in range(self.arrays.weeks):
            self._adopt(week, self.weekly.solve(week, use=use, tiers=self.tiers))
        weeks = list(self.served.values())
        if len(self.plan.gangs) > len(self.pinned.gangs) or self.plan.divided:
            # Placements may still move: only what serving could do without any of them bounds it.
            alone = ExperimentUse.of(self.arrays, self.pinned)
            weeks = [self.weekly.solve(week, use=alone, tiers=self.tiers) for week in range(self.arrays.weeks)]
        for tier in tiers:
            self.bounds[tier] = sum(week.bounds[tier] for week in weeks)

    def _adopt(self, week: int, served: ServedWeek) -> None:
        self.served[week] = served
        self.plan = self.plan.with_serving(served.plan, weeks=[week])

    def place(self, tier: int) -> None:
        """The tier's experiments, by means of growing cost, until no plan could hold more of them."""
        mine = [e for e in self.free if self.arrays.experiments[e].tier == tier]
        most = float(sum(most_value(self.arrays, e) for e in mine))
        self.plan = place_greedily(self.arrays, self.plan, mine)
        if self._falls_short(tier, mine, most):
            self._pack(tier, mine, mine)
        if self._falls_short(tier, mine, most):
            self._make_room(mine)
        if self._falls_short(tier, mine, most):
            most = min(most, self._pack_with_higher_tiers(tier, mine))
        self.bounds[tier] = -most

    def _falls_short(self, tier: int, mine: Sequence[int], most: float) -> bool:
        return self._placed(tier, mine) < most - SAME_VALUE

    def _pack_with_higher_tiers(self, tier: int, mine: Sequence[int]) -> float:
        """Lets higher tiers move too, at their values; returns what no plan's tier value can exceed."""
        among = [e for e in self.free if self.arrays.experiments[e].tier <= tier]
        entries = _entries(self.arrays, among)
        if entries > BOUND_ENTRIES:
            return math.inf
        if self.thorough or entries <= PACKING_ENTRIES:
            return self._pack(tier, mine, among)
        return self._packing(tier, among).relaxed_most()

    def _packing(self, tier: int, among: Sequence[int]) -> Packing:
        packing = Packing(self.arrays, others=_without(self.plan, among), among=among, tier=tier, reached=self.plan)
        packing.limit_to_room(self._known_room())
        return packing

    def _placed(self, tier: int, mine: Sequence[int], plan: Plan | None = None) -> float:
        """Value of the tier's free experiments."""
        plan = plan or self.plan
        gangs = sum(float(column_value(self.arrays, plan.gangs[e])) for e in mine if e in plan.gangs)
        weight = {e: float(self.arrays.experiments[e].weight) for e in mine}
        return gangs + sum(weight[key[0]] * n for key, n in plan.divided.items() if key[0] in weight)

    def _make_room(self, mine: Sequence[int]) -> None:
        """Re-places serving where that lets an unplaced gang in at no loss to any serving tier."""
        budget = REPLACEMENTS_PER_TIER if len(self.arrays.classes) else 0
        unplaced = [e for e in mine if e not in self.plan.gangs and not self.arrays.experiments[e].divisible]
        for e in sorted(unplaced, key=lambda e: (-most_value(self.arrays, e), e)):
            use = ExperimentUse.of(self.arrays, self.plan)
            everything = ExperimentUse.of(self.arrays, self.plan)
            everything.add_serving(self.plan)
            tried = 0
            for column in preferred_columns(self.arrays, e):
                if budget <= 0 or tried >= SPOTS_TRIED:
                    break
                if not use.fits(column) or not self._may_free(column, everything):
                    continue
                tried += 1
                solved = self._serve_around(column, use, everything)
                budget -= len(solved)
                if all(week is not None for week in solved.values()):
                    self._take(column, solved)
                    break

    def _may_free(self, column: Column, everything: ExperimentUse) -> bool:
        """Enough is free in all pools together, a condition that is cheap and necessary where rates are equal."""
        pools = range(len(self.arrays.supply))
        return all(
            sum(max(0, everything.pool_free(pool, week)) for pool in pools) >= column.accelerators
            for week in range(column.first, column.last)
        )

    def _serve_around(
        self, column: Column, use: ExperimentUse, everything: ExperimentUse
    ) -> dict[int, ServedWeek | None]:
        use.add(column)
        solved: dict[int, ServedWeek | None] = {}
        for week in range(column.first, column.last):
            if everything.free_for(column, week) < column.accelerators:
                solved[week] = self.weekly.around(week, use=use, served=self.served[week])
                if solved[week] is None:
                    break
        use.add(column, -1)
        return solved

    def _take(self, column: Column, solved: dict[int, ServedWeek | None]) -> None:
        for week, served in solved.items():
            if served is not None:
                self._adopt(week, served)
        self.plan = replace(self.plan, gangs=self.plan.gangs | {column.experiment: column})

    def _pack(self, tier: int, mine: Sequence[int], among: Sequence[int]) -> float:
        """Re-packs `among` into the room serving can leave; returns the most value the tier can have so.

        The packing program relaxes serving; a packing that serving cannot make room for is cut off and tried again.
        """
        if _entries(self.arrays, among) > BOUND_ENTRIES:
            return math.inf
        packing = self._packing(tier, among)
        most, is_bound = math.inf, True
        for _ in range(THOROUGH_ATTEMPTS if self.thorough else PACKING_ATTEMPTS):
            found = packing.solve(start=self.plan, node_limit=min(self.node_limit, PACKING_NODES))
            most = min(most, packing.most) if is_bound else most
            if found is None or self._placed(tier, mine, found) <= self._placed(tier, mine) + SAME_VALUE:
                break
            failed = self._realise(found)
            if not failed:
                break
            use = ExperimentUse.of(self.arrays, found)
            uncut = [week for week, pools in failed.items() if not self._tighten(packing, use, week, pools)]
            if uncut:
                packing.forbid(found, weeks=uncut)
                is_bound = False
        return most

    def _tighten(self, packing: Packing, use: ExperimentUse, week: int, pools: frozenset[int]) -> bool:
        """Looks for a group of pools whose room, with whole replicas, is too small for the packing; cuts it off."""
        room = self._known_room()
        cut = False
        for group in dict.fromkeys([*(frozenset([pool]) for pool in sorted(pools)), pools]):
            if group and sum(use.pool_free(pool, week) for pool in group) < room.tighten(group, week):
                packing.limit_week(group, week, room)
                cut = True
        return cut

    def _realise(self, packed: Plan) -> dict[int, frozenset[int]]:
        """Takes the packing if serving can be placed around it as well as now; else the weeks and pools that failed."""
        use, everything = ExperimentUse.of(self.arrays, packed), ExperimentUse.of(self.arrays, packed)
        everything.add_serving(self.plan)
        solved: dict[int, ServedWeek] = {}
        failed: dict[int, frozenset[int]] = {}
        for week in range(self.arrays.weeks):
            if everything.is_overdrawn(week):
                found = self.weekly.around(week, use=use, served=self.served[week])
                if found is not None:
                    solved[week] = found
                    continue
                pools = range(len(self.arrays.supply))
                failed[week] = frozenset(pool for pool in pools if everything.pool_free(pool, week) < 0)
                if len(failed) == MOST_FAILED_WEEKS:
                    break
        if not failed:
            self.plan = replace(self.plan, gangs=packed.gangs, divided=packed.divided)
            for week, served in solved.items():
                self._adopt(week, served)
        return failed

    def _known_room(self) -> Room:
        """Once, after the first serving tiers: what they must hold in each pool, each floor's pools, and all."""
        if self.room is None:
            first_free = min((self.arrays.experiments[e].tier for e in self.free), default=len(self.arrays.tiers))
            frozen = {
                week: {tier: value for tier, value in served.values.items() if tier < first_free}
                for week, served in self.served.items()
            }
            self.room = Room(self.arrays, self.weekly, frozen)
        return self.room

    def settle(self) -> None:
        """Earliest starts with serving held, and nothing left out that would fit."""
        for e in sorted(self.plan.gangs):
            if e in self.pinned.gangs:
                continue
            use = ExperimentUse.of(self.arrays, self.plan, leave_out=frozenset([e]))
            use.add_serving(self.plan)
            now = column_value(self.arrays, self.plan.gangs[e])
            for column in preferred_columns(self.arrays, e):
                if column_value(self.arrays, column) == now and use.fits(column):
                    self.plan = replace(self.plan, gangs=self.plan.gangs | {e: column})
                    break
        for e in sorted(self.free, key=lambda e: (self.arrays.experiments[e].tier, e)):
            self._insert_if_it_fits(e)

    def _insert_if_it_fits(self, e: int) -> None:
        arrays, plan = self.arrays, self.plan
        if e in plan.gangs or any(key[0] == e for key in plan.divided):
            return
        everything = ExperimentUse.of(arrays, plan)
        everything.add_serving(plan)
        if arrays.experiments[e].divisible:
            self.plan = replace(plan, divided=plan.divided | divide(arrays, everything, e))
            return
        recalled = held_use(arrays, plan, tier=arrays.experiments[e].tier)
        column = next((column for column in preferred_columns(arrays, e) if recalled.fits(column)), None)
        if column is not None:
            self._recall(column)
            self.plan = replace(self.plan, gangs=self.plan.gangs | {e: column})

    def _recall(self, column: Column) -> None:
        """Takes preemptible work of lower tiers out, last keys first, until the column fits."""
        tier = self.arrays.experiments[column.experiment].tier
        rows = self.arrays.experiments
        lower = [e for e in self.free if rows[e].preemptible and rows[e].tier > tier]
        for e in [*sorted(lower, key=lambda e: (-rows[e].tier, -e)), None]:
            everything = ExperimentUse.of(self.arrays, self.plan)
            everything.add_serving(self.plan)
            if everything.fits(column) or e is None:
                return
            gangs = {other: place for other, place in self.plan.gangs.items() if other != e}
            divided = {key: n for key, n in self.plan.divided.items() if key[0] != e}
            self.plan = replace(self.plan, gangs=gangs, divided=divided)

    def steps(self) -> dict[int, StepResult]:
        """optimal where the bound meets the value; the rest is told as a gap."""
        return {tier: StepResult(False, bound) for tier, bound in self.bounds.items()}


def _without(plan: Plan, experiments: Sequence[int]) -> Plan:
    """The plan with those experiments taken out."""
    out = set(experiments)
    return Plan(
        plan.replicas,
        plan.burst,
        {e: column for e, column in plan.gangs.items() if e not in out},
        {key: n for key, n in plan.divided.items() if key[0] not in out},
    )


def _entries(arrays: Arrays, experiments: Sequence[int]) -> int:
    """Row entries of the experiments' columns, a measure of a packing program."""
    gangs = sum(column.last - column.first for e in experiments for column in arrays.experiments[e].columns)
    rows = [arrays.experiments[e] for e in experiments if arrays.experiments[e].divisible]
    return gangs + sum((row.span[1] - row.span[0]) * len(arrays.supply) for row in rows)

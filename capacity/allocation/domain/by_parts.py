"""Problems too large to be solved whole: serving week by week, experiments tier by tier around it.

What belongs here: the order of the parts, bounds that hold for the whole problem, and tidying up at the end. Every
intermediate plan is feasible, so a limit only costs value, never validity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.cp_sat import get_ready
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.packing import (
    column_value,
    divide,
    most_value,
    place_greedily,
    preferred_columns,
)
from capacity.allocation.domain.packing_rounds import QUICK, PackingEffort, PackingRounds
from capacity.allocation.domain.plan import ExperimentUse, Plan, tier_values
from capacity.allocation.domain.residual import held_use
from capacity.allocation.domain.served_plan import WEEKLY_NODES, ServedPlan
from capacity.allocation.domain.weekly import ServedWeek

Progress = Callable[[str, float], None]


def solve_by_parts(
    arrays: Arrays, *, pinned: Plan, free: list[int], node_limit: int, effort: PackingEffort, progress: Progress
) -> tuple[Plan, dict[int, StepResult]]:
    """The plan, and per tier (position) what is proven of it. free: experiments to place."""
    if free:
        get_ready()
    parts = _Parts(arrays, pinned, free, node_limit, effort=effort)
    for run in _runs(arrays):
        progress(f"tier {arrays.tiers[run[0]]}", run[0] / len(arrays.tiers))
        if run[0] in arrays.serving_tiers:
            parts.serve(run)
        else:
            parts.place(run[0])
    progress("ties", 1.0)
    parts.cheapen_moved()
    parts.keep_places()
    if parts.fill_up():
        parts.cheapen_moved()
    parts.settle()
    return parts.state.plan, parts.steps()


def tidy(arrays: Arrays, plan: Plan, *, pinned: Plan, free: list[int]) -> Plan:
    """A plan of the same tier values with serving in cheaper places, starts earlier, and nothing left that fits."""
    parts = _Parts(arrays, pinned, free, node_limit=WEEKLY_NODES, effort=QUICK)
    parts.state.plan, parts.state.tiers = plan, arrays.serving_tiers
    parts.cheapen(range(arrays.weeks))
    parts.settle()
    return parts.state.plan


def _usd_of_places(arrays: Arrays, plan: Plan) -> tuple[Fraction, int]:
    """Dollars of the places serving and divisible work lie in, then accelerators of them and of burst."""
    placed: dict[int, int] = {}
    for (c, _, o, _), count in plan.replicas.items():
        option = arrays.classes[c].options[o]
        placed[option.pool] = placed.get(option.pool, 0) + option.replica * count
    for (_, _, pool, _), accelerators in plan.divided.items():
        placed[pool] = placed.get(pool, 0) + accelerators
    usd = sum((count * arrays.usd_per_week[pool] for pool, count in placed.items()), Fraction(0))
    return usd, sum(placed.values()) + sum(plan.burst.values())


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
    """The plan under way, what packs experiments into it, and what bounds each tier."""

    def __init__(
        self, arrays: Arrays, pinned: Plan, free: list[int], node_limit: int, *, effort: PackingEffort
    ) -> None:
        self.arrays, self.pinned, self.free = arrays, pinned, free
        self.state = ServedPlan(arrays, pinned, node_limit=node_limit, one_week=effort.one_week)
        self.rounds = PackingRounds(arrays, self.state, free, effort=effort)
        self.bounds: dict[int, float] = {}

    def serve(self, tiers: tuple[int, ...]) -> None:
        """Serving of these tiers in every week, with all placements held."""
        if self.state.serve(tiers):
            self.bounds |= {tier: sum(week.bounds[tier] for week in self.state.served.values()) for tier in tiers}
        else:
            self._bound_around_pinned(tiers)

    def _bound_around_pinned(self, tiers: tuple[int, ...]) -> None:
        """Placements may still move, so only what serving could do without any of them bounds it.

        The tiers above may then do better than they do in the plan, where a bound may assume them no worse: such weeks
        are bounded without holding the tiers above.
        """
        state, weeks = self.state, range(self.arrays.weeks)
        alone = ExperimentUse.of(self.arrays, self.pinned)
        # All weeks or none: where one week does worse than it could, another plan may do so in any other week.
        is_held = all(state.is_least(week, state.first_tiers) for week in weeks)
        held = [{k: state.served[week].values[k] for k in state.first_tiers} if is_held else {} for week in weeks]
        for tier in tiers:
            usd = (state.weekly.least_usd(week, use=alone, tier=tier, held=held[week]) for week in weeks)
            self.bounds[tier] = sum(usd)

    def place(self, tier: int) -> None:
        """The tier's experiments: greedily, then packed together with those of the tiers above at their values."""
        mine = self._of_tier(tier)
        most = sum((most_value(self.arrays, e) for e in mine), Fraction(0))
        placed = {*self.state.plan.gangs, *(key[0] for key in self.state.plan.divided)}
        self.state.plan = place_greedily(self.arrays, self.state.plan, [e for e in mine if e not in placed])
        self.rounds.insert(mine)
        if self.rounds.placed(mine) < most:
            most = self.rounds.pack(tier, mine)
        self.bounds[tier] = max(-float(most), self.bounds.get(tier, -math.inf))
        self.rounds.settle(tier, mine)

    def _of_tier(self, tier: int) -> list[int]:
        return [e for e in self.free if self.arrays.experiments[e].tier == tier]

    def fill_up(self) -> bool:
        """What fits now that lower tiers are packed, though work of these gives way; and whether that was packed anew."""
        rows, tiers = self.arrays.experiments, self.arrays.experiment_tiers
        before = {tier: self.rounds.placed(self._of_tier(tier)) for tier in tiers}
        for e in sorted(self.free, key=lambda e: (rows[e].tier, e)):
            self._insert_if_it_fits(e)
        after = {tier: self.rounds.placed(self._of_tier(tier)) for tier in tiers}
        again = [tier for tier in tiers if after[tier] < before[tier]]
        for tier in tiers if again else ():
            if tier in again:
                self.place(tier)
            else:
                self.rounds.settle(tier, self._of_tier(tier))
        return bool(again)

    def keep_places(self) -> None:
        """Gangs where the previous plan had them, where that makes no place dearer: cost goes before moves."""
        before, usd = self.state.snapshot(), _usd_of_places(self.arrays, self.state.plan)
        self.rounds.keep_places()
        self.cheapen_moved()
        if _usd_of_places(self.arrays, self.state.plan)[0] > usd[0]:
            self.state.restore(before)

    def cheapen_moved(self) -> None:
        """`cheapen` of the weeks whose serving made way for something."""
        self.cheapen(sorted(self.state.was_moved))
        self.state.was_moved.clear()

    def settle(self) -> None:
        """Earliest starts with serving held, and nothing left out that would fit."""
        everything = ExperimentUse.of(self.arrays, self.state.plan)
        everything.add_serving(self.state.plan)
        gangs = dict(self.state.plan.gangs)
        for e in sorted(gangs):
            if e in self.pinned.gangs:
                continue
            everything.add(gangs[e], -1)
            now = column_value(self.arrays, gangs[e])
            for column in preferred_columns(self.arrays, e):
                if column_value(self.arrays, column) == now and everything.fits(column):
                    gangs[e] = column
                    break
            everything.add(gangs[e])
        self.state.plan = self.state.plan.with_experiments(gangs=gangs)
        for e in sorted(self.free, key=lambda e: (self.arrays.experiments[e].tier, e)):
            self._insert_if_it_fits(e)

    def _insert_if_it_fits(self, e: int) -> None:
        arrays, plan = self.arrays, self.state.plan
        if e in plan.gangs or any(key[0] == e for key in plan.divided):
            return
        everything = ExperimentUse.of(arrays, plan)
        everything.add_serving(plan)
        if arrays.experiments[e].divisible:
            self.state.plan = plan.with_experiments(divided=plan.divided | divide(arrays, everything, e))
            return
        recalled = held_use(arrays, plan, tier=arrays.experiments[e].tier)
        column = next((column for column in preferred_columns(arrays, e) if recalled.fits(column)), None)
        if column is not None:
            self._recall(column)
            self.state.plan = self.state.plan.with_experiments(gangs=self.state.plan.gangs | {e: column})

    def _recall(self, column: Column) -> None:
        """Takes preemptible work of lower tiers out, last keys first, until the column fits."""
        tier = self.arrays.experiments[column.experiment].tier
        rows = self.arrays.experiments
        lower = [e for e in self.free if rows[e].preemptible and rows[e].tier > tier]
        for e in [*sorted(lower, key=lambda e: (-rows[e].tier, -e)), None]:
            everything = ExperimentUse.of(self.arrays, self.state.plan)
            everything.add_serving(self.state.plan)
            if everything.fits(column) or e is None:
                return
            gangs = {other: place for other, place in self.state.plan.gangs.items() if other != e}
            divided = {key: n for key, n in self.state.plan.divided.items() if key[0] != e}
            self.state.plan = self.state.plan.with_experiments(gangs=gangs, divided=divided)

    def cheapen(self, weeks: Iterable[int]) -> None:
        """Serving of these weeks in cheaper places where there are any, with every placement and value kept."""
        arrays, state = self.arrays, self.state
        use = ExperimentUse.of(arrays, state.plan)

        def look(week: int) -> Plan | None:
            one = Plan().with_serving(state.plan, weeks=[week])
            values = tier_values(arrays, one, weeks=[week])
            now = ServedWeek(one, {tier: values[tier] for tier in arrays.serving_tiers}, {})
            found = state.weekly.around(week, use=use, served=now)
            if found is None or _usd_of_places(arrays, found.plan) >= _usd_of_places(arrays, one):
                return None
            return found.plan

        those = list(weeks)
        found = state.weekly.side_by_side(look, those, tiers=arrays.serving_tiers)
        for week, cheaper in zip(those, found, strict=True):
            if cheaper is not None:
                state.plan = state.plan.with_serving(cheaper, weeks=[week])

    def steps(self) -> dict[int, StepResult]:
        """optimal where the bound meets the value; the rest is told as a gap."""
        return {tier: StepResult(False, bound) for tier, bound in self.bounds.items()}

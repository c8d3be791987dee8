"""Problems too large to be solved whole: serving week by week, experiments tier by tier around it.

What belongs here: the order of the parts, re-placing serving to make room for an experiment, and bounds that hold
for the whole problem. Every intermediate plan is feasible, so a limit only costs value, never validity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.integer_program import Effort
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.packing import (
    column_value,
    divide,
    most_value,
    place_greedily,
    preferred_columns,
)
from capacity.allocation.domain.packing_program import PackingProgram
from capacity.allocation.domain.plan import ExperimentUse, Plan, tier_values
from capacity.allocation.domain.residual import held_use
from capacity.allocation.domain.serving_cuts import Cut, ServingCuts, embed_week
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing

Progress = Callable[[str, float], None]

SAME_VALUE = Fraction(1, 10**9)
WEEKLY_NODES = 40


@dataclass(frozen=True, slots=True)
class PackingEffort:
    """How hard tiers of experiments are packed: rounds of cuts, and the search of each round."""

    rounds: int
    search: Effort
    ties: Effort


QUICK = PackingEffort(rounds=6, search=Effort(units=2.0, gap=0.002), ties=Effort(units=1.0))
RECORD = PackingEffort(rounds=20, search=Effort(units=20.0), ties=Effort(units=10.0))


def solve_by_parts(
    arrays: Arrays, *, pinned: Plan, free: list[int], node_limit: int, effort: PackingEffort, progress: Progress
) -> tuple[Plan, dict[int, StepResult]]:
    """The plan, and per tier (position) what is proven of it. free: experiments to place."""
    parts = _Parts(arrays, pinned, free, node_limit, effort=effort)
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
    parts = _Parts(arrays, pinned, free, node_limit=WEEKLY_NODES, effort=QUICK)
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

    def __init__(self, arrays: Arrays, pinned: Plan, free: list[int], node_limit: int, *, effort: PackingEffort) -> None:
        self.arrays, self.free, self.node_limit, self.effort = arrays, free, node_limit, effort
        self.plan = pinned
        self.pinned = pinned
        self.weekly = WeeklyServing(arrays, node_limit=min(node_limit, WEEKLY_NODES))
        self.served: dict[int, ServedWeek] = {}
        self.embedded: set[int] = set()
        self.around: dict[tuple[int, ...], ServedWeek | None] = {}
        self.knows_only_first_serving = True
        self.tiers: tuple[int, ...] = ()
        self.bounds: dict[int, float] = {}
        self.packing: PackingProgram | None = None
        self.cuts = ServingCuts(arrays, held=ExperimentUse.of(arrays, pinned))

    def serve(self, tiers: tuple[int, ...]) -> None:
        """Serving of these tiers in every week, with all placements held."""
        self.knows_only_first_serving = not self.tiers
        self.around.clear()
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
        """The tier's experiments: greedily, then packed together with those of the tiers above at their values."""
        mine = [e for e in self.free if self.arrays.experiments[e].tier == tier]
        most = sum((most_value(self.arrays, e) for e in mine), Fraction(0))
        self.plan = place_greedily(self.arrays, self.plan, mine)
        if self._placed(mine) < most:
            most = min(most, self._pack(tier, mine))
        self.bounds[tier] = -float(most)
        self._program().settle(tier, self._placed(mine))

    def _program(self) -> PackingProgram:
        if self.packing is None:
            self.packing = PackingProgram(self.arrays, pinned=self.pinned, free=self.free)
        return self.packing

    def _placed(self, mine: Sequence[int], plan: Plan | None = None) -> Fraction:
        """Value of the tier's free experiments."""
        plan = plan or self.plan
        gangs = sum((column_value(self.arrays, plan.gangs[e]) for e in mine if e in plan.gangs), Fraction(0))
        weight = {e: self.arrays.experiments[e].weight for e in mine}
        return gangs + sum((weight[key[0]] * n for key, n in plan.divided.items() if key[0] in weight), Fraction(0))

    def _pack(self, tier: int, mine: Sequence[int]) -> Fraction:
        """Packs the tier's experiments and all above them; returns the most value the tier can have.

        The packing program knows only as much of serving as cuts have taught it: a packing that serving cannot make
        room for teaches it more and is tried again.
        """
        packing = self._program()
        most: Fraction | None = None
        for _ in range(self.effort.rounds):
            packed = packing.best(tier, start=self.plan, effort=self.effort.search)
            if self.knows_only_first_serving:
                most = packed.most if most is None else min(most, packed.most)
            if packed.plan is None or self._placed(mine, packed.plan) <= self._placed(mine):
                break
            failed = self._realise(packed.plan)
            if not failed:
                break
            self._salvage(packed.plan, failed, mine)
            use = ExperimentUse.of(self.arrays, packed.plan)
            for week in failed:
                self._teach(packing, week, use)
        return most if most is not None else sum((most_value(self.arrays, e) for e in mine), Fraction(0))

    def _salvage(self, packed: Plan, failed: Sequence[int], mine: Sequence[int]) -> None:
        """What is left of the packing without the tier's work in the weeks that failed, if it is better than now."""
        weeks = set(failed)
        out = {e for e in mine if e in packed.gangs and weeks & set(_span(packed.gangs[e]))}
        rest = replace(
            packed,
            gangs={e: column for e, column in packed.gangs.items() if e not in out},
            divided={key: n for key, n in packed.divided.items() if key[3] not in weeks or key[0] not in set(mine)},
        )
        if self._placed(mine, rest) > self._placed(mine) and not self._realise(rest):
            self.plan = place_greedily(self.arrays, self.plan, [e for e in mine if e not in self.plan.gangs])

    def _teach(self, packing: PackingProgram, week: int, use: ExperimentUse) -> None:
        """Cuts off what runs together in the week: by rows where serving gives some, else by the week itself."""
        frozen = self.served[week].values
        if week in self.embedded:
            return
        ray = self.cuts.has_room(week, use=use, frozen=frozen)
        cuts = [ray] if isinstance(ray, Cut) else []
        if ray is True:
            everything = use.copy()
            everything.add_serving(self.plan)
            pools = range(len(self.arrays.supply))
            crowded = frozenset(pool for pool in pools if everything.pool_free(pool, week) < 0)
            cuts = self.cuts.whole(week, use=use, crowded=crowded, frozen=frozen)
        added = [packing.limit(week, pools=cut.pools, floors=cut.floors, upper=cut.upper) for cut in cuts]
        if not any(added):
            self.embedded.add(week)
            packing.note_embedded(embed_week(packing, self.arrays, week, held=self.cuts.held, frozen=frozen))

    def _realise(self, packed: Plan) -> list[int]:
        """Takes the packing if serving can be placed around it as well as now; else the weeks that failed."""
        use, everything = ExperimentUse.of(self.arrays, packed), ExperimentUse.of(self.arrays, packed)
        everything.add_serving(self.plan)
        solved: dict[int, ServedWeek] = {}
        failed: list[int] = []
        for week in range(self.arrays.weeks):
            if everything.is_overdrawn(week):
                found = self._around(week, use, packed)
                if found is None:
                    failed.append(week)
                else:
                    solved[week] = found
        if not failed:
            self.plan = replace(self.plan, gangs=packed.gangs, divided=packed.divided)
            for week, served in solved.items():
                self._adopt(week, served)
        return failed

    def _around(self, week: int, use: ExperimentUse, packed: Plan) -> ServedWeek | None:
        """Serving around the packing: known from before, as the packing program placed it, or solved."""
        pools, floors = range(len(self.arrays.supply)), range(len(self.arrays.floors))
        room = (week, *(use.pool_free(p, week) for p in pools), *(use.floor_free(f, week) for f in floors))
        if room not in self.around:
            found = self.weekly.around(week, use=use, served=self.served[week])
            if found is None and week in self.embedded:
                found = self._as_packed(week, use, packed)
            self.around[room] = found
        return self.around[room]

    def _as_packed(self, week: int, use: ExperimentUse, packed: Plan) -> ServedWeek | None:
        """The serving that the packing program found for the week, if it is as good as now, in exact numbers."""
        plan = Plan().with_serving(packed, weeks=[week])
        everything = use.copy()
        everything.add_serving(plan)
        values = tier_values(self.arrays, plan, weeks=[week])
        served = self.served[week]
        if everything.is_overdrawn(week) or any(values[k].is_worse_than(value) for k, value in served.values.items()):
            return None
        return replace(served, plan=plan)

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


def _span(column: Column) -> range:
    return range(column.first, column.last)

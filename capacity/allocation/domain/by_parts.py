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
from capacity.allocation.domain.serving_cuts import Cut, ServingCuts, embed_week, serve_week
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing
from capacity.lib.horizon import Week

Progress = Callable[[str, float], None]

SAME_VALUE = Fraction(1, 10**9)
WEEKLY_NODES = 40
ONE_WEEK = Effort(units=0.2)


@dataclass(frozen=True, slots=True)
class PackingEffort:
    """How hard experiments are packed: rounds of cuts a tier, the search of each round, units of search in all.

    A tier may spend its share of the units that the tiers above it left over, so that a hard tier can take what easy
    ones did not need, and none starves those below. enough, enough_first: the relative gap at which a tier, or one of
    the first two, is good enough. late_rounds: for tiers below serving that was served around experiments.
    salvage: most failed weeks at which what is left of a packing is looked for. ties: for keeping gangs where they were.
    """

    rounds: int
    search: Effort
    units: float
    enough: float = 0.0
    enough_first: float = 0.0
    late_rounds: int = 30
    salvage: int = 156
    ties: Effort = Effort(units=4.0, searches=2)
    ties_rounds: int = 6


QUICK = PackingEffort(
    rounds=6,
    search=Effort(units=0.5, gap=0.002, searches=2),
    units=2.0,
    enough=0.02,
    enough_first=0.005,
    late_rounds=2,
    salvage=12,
    ties=Effort(units=0.2, gap=0.02),
    ties_rounds=1,
)
RECORD = PackingEffort(rounds=80, search=Effort(units=8.0, searches=4), units=45.0)
LEAST_UNITS = 0.02
# A week that has taught this many cuts and still fails is put into the packing program whole.
MOST_CUTS = 60
# Its first cuts are those of divisible replicas, which cost a tenth of the stronger ones.
WEAK_CUTS = 60
PROVEN = 1e-6
FEW_WEEKS = 2
FIRST_TIERS = 2


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
    parts.keep_places()
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

    def __init__(
        self, arrays: Arrays, pinned: Plan, free: list[int], node_limit: int, *, effort: PackingEffort
    ) -> None:
        self.arrays, self.free, self.node_limit, self.effort = arrays, free, node_limit, effort
        self.plan = pinned
        self.pinned = pinned
        self.weekly = WeeklyServing(arrays, node_limit=min(node_limit, WEEKLY_NODES))
        self.served: dict[int, ServedWeek] = {}
        self.embedded: set[int] = set()
        self.left = effort.units
        # What the packing program knew before it was taught something that another plan need not keep.
        self.sure: PackingProgram | None = None
        self.lessons: dict[int, int] = {}
        self.around: dict[tuple[int, ...], ServedWeek | None] = {}
        self.knows_only_first_serving = True
        self.tiers: tuple[int, ...] = ()
        # Serving tiers that were served before any experiment was placed.
        self.first_tiers: tuple[int, ...] = ()
        self.bounds: dict[int, float] = {}
        self.packing: PackingProgram | None = None
        self.cuts = ServingCuts(arrays, self.weekly, held=ExperimentUse.of(arrays, pinned))

    def serve(self, tiers: tuple[int, ...]) -> None:
        """Serving of these tiers in every week, with all placements held."""
        is_first = not self.tiers and len(self.plan.gangs) == len(self.pinned.gangs) and not self.plan.divided
        self.knows_only_first_serving = is_first
        self.around.clear()
        self.embedded.clear()
        self.lessons.clear()
        self.first_tiers = tiers if is_first else self.first_tiers
        self.tiers = (*self.tiers, *tiers)
        use = ExperimentUse.of(self.arrays, self.plan)
        for week in range(self.arrays.weeks):
            self._adopt(week, self.weekly.solve(week, use=use, tiers=self.tiers))
        if is_first:
            self.bounds |= {tier: sum(week.bounds[tier] for week in self.served.values()) for tier in tiers}
        else:
            self._bound_around_pinned(tiers)

    def _bound_around_pinned(self, tiers: tuple[int, ...]) -> None:
        """Placements may still move, so only what serving could do without any of them bounds it.

        The tiers above may then do better than they do in the plan, where a bound may assume them no worse: such weeks
        are bounded without holding the tiers above.
        """
        alone = ExperimentUse.of(self.arrays, self.pinned)
        held = {k: [self.served[week].values[k] for week in range(self.arrays.weeks)] for k in self.first_tiers}
        # All weeks or none: where one week does worse than it could, another plan may do so in any other week.
        is_held = all(self._is_least(week, self.first_tiers) for week in range(self.arrays.weeks))
        for tier in tiers:
            self.bounds[tier] = sum(
                self.weekly.least_usd(
                    week, use=alone, tier=tier, held={k: values[week] for k, values in held.items()} if is_held else {}
                )
                for week in range(self.arrays.weeks)
            )

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
        for program in (self._program(), self.sure):
            if program is not None:
                program.settle(tier, self._placed(mine))

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
        room for teaches it more and is tried again. First with the tiers above where they are, which is quick and gives
        something to begin from; then all together, which alone bounds the tier.
        """
        packing = self._program()
        most: Fraction | None = None
        if self.sure is not None:
            most = self.sure.best(tier, start=self.plan, effort=self._search(self.left)).most
        share = self.left / max(1, sum(1 for k in self.arrays.experiment_tiers if k >= tier))
        stop_at = self.left - share
        is_first = tier in self.arrays.experiment_tiers[:FIRST_TIERS]
        enough = self.effort.enough_first if is_first else self.effort.enough
        rounds = self.effort.rounds if self.knows_only_first_serving else self.effort.late_rounds
        for alone in (False, True):
            for _ in range(rounds):
                packed = packing.best(tier, start=self.plan, effort=self._search(self.left - stop_at), alone=alone)
                self.left -= packed.spent
                if self.sure is None and not alone:
                    most = packed.most if most is None else min(most, packed.most)
                if packed.plan is None or self._placed(mine, packed.plan) <= self._placed(mine):
                    break
                if most is not None and self._placed(mine) >= most * (1 - enough):
                    break
                failed = self._realise(packed.plan)
                if not failed:
                    break
                if len(failed) <= self.effort.salvage or self.left <= stop_at:
                    self._salvage(packed.plan, failed, mine)
                if self.left <= stop_at:
                    break
                use = ExperimentUse.of(self.arrays, packed.plan)
                for week in failed:
                    self._teach(packing, week, use, whole=False)
        return most if most is not None else sum((most_value(self.arrays, e) for e in mine), Fraction(0))

    def _search(self, units: float) -> Effort:
        """The effort of one search within the units that are left, each strategy the same share."""
        search = self.effort.search
        return replace(search, units=max(LEAST_UNITS, min(search.units, units / search.searches)))

    def keep_places(self) -> None:
        """Of plans of equal tier values, one that leaves as many gangs as it can where the previous plan had them."""
        before = {(row.key, row.pool, row.domain, row.start) for row in self.arrays.problem.previous}
        wanted = [
            column
            for e in self.free
            for column in self.arrays.experiments[e].columns
            if before and _place(self.arrays, column) in before
        ]
        packing = self._program()
        tier = max(self.arrays.experiment_tiers, default=0)
        for _ in range(self.effort.ties_rounds if wanted else 0):
            kept = sum(self.plan.gangs.get(column.experiment) == column for column in wanted)
            packed = packing.most_kept(wanted, tier=tier, start=self.plan, effort=self.effort.ties)
            if packed.plan is None or sum(packed.plan.gangs.get(c.experiment) == c for c in wanted) <= kept:
                return
            values = tier_values(self.arrays, self.plan)
            found = tier_values(self.arrays, packed.plan)
            if any(found[k].placed < values[k].placed for k in self.arrays.experiment_tiers):
                return
            failed = self._realise(packed.plan)
            if not failed:
                return
            use = ExperimentUse.of(self.arrays, packed.plan)
            for week in failed:
                self._teach(packing, week, use, whole=False)

    def _salvage(self, packed: Plan, failed: Sequence[int], mine: Sequence[int]) -> None:
        """The packing without as much of the tier's work as makes the failed weeks work, if that is better than now."""
        gangs, divided = dict(packed.gangs), dict(packed.divided)
        use, own = ExperimentUse.of(self.arrays, packed), set(mine)
        for week in failed:
            here = [e for e in mine if e in gangs and week in _span(gangs[e])]
            for e in sorted(here, key=lambda e: (column_value(self.arrays, gangs[e]), e)):
                if self._around(week, use, packed) is not None:
                    break
                use.add(gangs.pop(e), -1)
            for key in [key for key in divided if key[3] == week and key[0] in own]:
                if self._around(week, use, packed) is not None:
                    break
                use.add_divided(key[0], key[2], week, -divided.pop(key))
        rest = replace(packed, gangs=gangs, divided=divided)
        taken = {*gangs, *(key[0] for key in divided)}
        left = [e for e in mine if e not in taken]
        if self._placed(mine, rest) > self._placed(mine) and not self._realise(rest):
            self.plan = place_greedily(self.arrays, self.plan, left)

    def _teach(self, packing: PackingProgram, week: int, use: ExperimentUse, *, whole: bool) -> None:
        """Cuts off what runs together in the week: by rows where serving gives some, else by the week itself.

        whole: few weeks are left to learn from, so one that has failed before is put in at once.
        """
        frozen = self.served[week].values
        if week in self.embedded:
            return
        if self.sure is None and not self._is_proven(week):
            self.sure = packing.copy()
        self.lessons[week] = self.lessons.get(week, 0) + 1
        ray = self.lessons[week] <= (1 if whole else MOST_CUTS) and self.cuts.has_room(
            week, use=use, frozen=frozen, strong=self.lessons[week] > WEAK_CUTS
        )
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

    def _is_proven(self, week: int) -> bool:
        """No plan's week can lose less in any tier held here, so that every plan as good as this one keeps them all.

        Else another plan might lose more in this week and less in another: what the week teaches then is no bound.
        """
        return self.knows_only_first_serving and self._is_least(week, self.first_tiers)

    def _is_least(self, week: int, tiers: Sequence[int]) -> bool:
        """The week's dollars of these tiers are proven least; unmet work of unknown loss never is."""
        served = self.served[week]
        return all(
            not served.values[k].unmet and float(served.values[k].usd) <= served.bounds.get(k, 0.0) * (1 + PROVEN)
            for k in tiers
        )

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
            found, is_hopeless = self.weekly.look_around(week, use=use, served=self.served[week])
            if is_hopeless:
                found = None
            elif found is None and week in self.embedded:
                found = self._if_as_good(week, use, packed)
            elif found is None:
                frozen = self.served[week].values
                plan = serve_week(self.arrays, week, use=use, frozen=frozen, effort=ONE_WEEK)
                found = None if plan is None else self._if_as_good(week, use, plan)
            self.around[room] = found
        return self.around[room]

    def _if_as_good(self, week: int, use: ExperimentUse, serving: Plan) -> ServedWeek | None:
        """The week's serving of a plan, if it fits and is as good as now, in exact numbers."""
        plan = Plan().with_serving(serving, weeks=[week])
        everything = use.copy()
        everything.add_serving(plan)
        values = tier_values(self.arrays, plan, weeks=[week])
        served = self.served[week]
        if everything.is_overdrawn(week) or any(values[k].is_worse_than(value) for k, value in served.values.items()):
            return None
        return replace(served, plan=plan)

    def settle(self) -> None:
        """Earliest starts with serving held, and nothing left out that would fit."""
        everything = ExperimentUse.of(self.arrays, self.plan)
        everything.add_serving(self.plan)
        gangs = dict(self.plan.gangs)
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
        self.plan = replace(self.plan, gangs=gangs)
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


def _place(arrays: Arrays, column: Column) -> tuple[str, str, str | None, Week]:
    return (
        arrays.experiments[column.experiment].key,
        arrays.problem.pools[column.pool].key,
        arrays.domains[column.domain].key,
        arrays.problem.first_week.plus(column.start),
    )

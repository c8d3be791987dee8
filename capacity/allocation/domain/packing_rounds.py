"""Packing one tier of experiments at a time: the packing program proposes, serving answers with cuts, until both agree.

What belongs here: the rounds, what a week that failed teaches, what is kept of a packing that failed, and the bound
of a tier. The program is `packing_program`, cuts are `serving_cuts` (methods: Packing).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.embedded_week import embed_week
from capacity.allocation.domain.integer_program import Effort
from capacity.allocation.domain.packing import Divided, column_value, most_value, place_greedily
from capacity.allocation.domain.packing_program import PackingProgram
from capacity.allocation.domain.plan import ExperimentUse, Plan, tier_values
from capacity.allocation.domain.served_plan import ServedPlan
from capacity.allocation.domain.serving_cuts import Cut
from capacity.lib.horizon import Week

LEAST_UNITS = 0.02
FIRST_TIERS = 2
# Weeks before and after one that failed, to which its cut is applied too: what is moved is often moved there.
NEAR = 8
# Share of a cut's side that a packing takes before the cut is worth a row.
NEARLY_FULL = 0.7
LIKELY_FULL = 0.4
# Accelerators by which divisible work is made less first where whole replicas do not fit beside it.
LEAST_SHRINK = 8
# More rounds than any effort has.
FAR = 10**6
# Times that what is left of a packing is thinned out in the weeks that failed.
SALVAGES = 4


@dataclass(frozen=True, slots=True)
class Stage:
    """Rounds of one kind.

    alone: with the tiers above where they are, which is quick and bounds nothing; it ends where no cut is learned any
    more. whole_weeks: a week that no cut tells
    enough about is put into the program whole, which is exact and slow; else packings like the one that failed are kept
    away from, which no bound may rest on.
    """

    rounds: int
    alone: bool = False
    whole_weeks: bool = False


@dataclass(frozen=True, slots=True)
class PackingEffort:
    """How hard experiments are packed: rounds of cuts a tier, the search of each round, units of search in all.

    A tier may spend its share of the units that the tiers above it left over, so that a hard tier can take what easy
    ones did not need, and none starves those below. good: the relative gap at which a tier is done; after `early`
    rounds enough or, for one of the first two tiers, enough_first will do. late_rounds: at most these for tiers below
    serving that was served around experiments. salvage: most failed weeks at which what is left of a packing is looked
    for. ties: for keeping gangs where they were. one_week: for serving of one week that rounding did not find.
    """

    stages: tuple[Stage, ...]
    search: Effort
    units: float
    ties: Effort
    good: float = 0.0
    early: int = 0
    enough: float = 0.0
    enough_first: float = 0.0
    late_rounds: int = 30
    salvage: int = 12
    ties_rounds: int = 1
    one_week: Effort | None = None


QUICK = PackingEffort(
    stages=(Stage(rounds=12), Stage(rounds=2, alone=True)),
    search=Effort(units=0.5, gap=0.002, searches=2),
    units=3.0,
    ties=Effort(units=0.2, gap=0.02),
    good=0.005,
    early=2,
    enough=0.045,
    enough_first=0.009,
    late_rounds=4,
    salvage=8,
)
RECORD = PackingEffort(
    stages=(Stage(rounds=8, alone=True), Stage(rounds=24), Stage(rounds=40, whole_weeks=True)),
    search=Effort(units=6.0, searches=4),
    units=36.0,
    ties=Effort(units=0.5, searches=2),
    ties_rounds=3,
    one_week=Effort(units=0.05),
)


class PackingRounds:
    """Packs tiers into a served plan. free: experiments to place."""

    def __init__(self, arrays: Arrays, state: ServedPlan, free: Sequence[int], *, effort: PackingEffort) -> None:
        self.arrays, self.state, self.free, self.effort = arrays, state, free, effort
        self.left = effort.units
        self._program: PackingProgram | None = None
        # What is known for certain and without weeks put in whole, once the program knows more than that.
        self._sure: PackingProgram | None = None
        # All the program knows holds for every plan as good as this one.
        self._is_exact = True
        self._stage = effort.stages[0]

    @property
    def program(self) -> PackingProgram:
        if self._program is None:
            self._program = PackingProgram(self.arrays, pinned=self.state.pinned, free=self.free)
        return self._program

    def settle(self, tier: int, mine: Sequence[int]) -> None:
        """The tier's value is kept from now on."""
        for program in (self.program, self._sure):
            if program is not None:
                program.settle(tier, self.placed(mine))

    def placed(self, mine: Sequence[int], plan: Plan | None = None) -> Fraction:
        """Value of these free experiments in the plan, weighted accelerator-weeks."""
        plan = plan or self.state.plan
        gangs = sum((column_value(self.arrays, plan.gangs[e]) for e in mine if e in plan.gangs), Fraction(0))
        weight = {e: self.arrays.experiments[e].weight for e in mine}
        return gangs + sum((weight[key[0]] * n for key, n in plan.divided.items() if key[0] in weight), Fraction(0))

    def _placed_above(self, tier: int) -> list[Fraction]:
        """Value of each experiment tier above."""
        rows = self.arrays.experiments
        above = [k for k in self.arrays.experiment_tiers if k < tier]
        return [self.placed([e for e in self.free if rows[e].tier == k]) for k in above]

    def pack(self, tier: int, mine: Sequence[int]) -> Fraction:
        """Packs the tier's experiments and all above them; returns the most value the tier can have.

        The packing program knows only as much of serving as cuts have taught it: a packing that serving cannot make
        room for teaches it more and is tried again. All tiers together, which alone bounds the tier; then, where that
        did not end, with the tiers above where they are, which is quick and may still find more.
        """
        most = sum((most_value(self.arrays, e) for e in mine), Fraction(0))
        stop_at = self.left - self.left / max(1, sum(1 for k in self.arrays.experiment_tiers if k >= tier))
        most_rounds = FAR if self.state.knows_only_first_serving else self.effort.late_rounds
        for stage in self.effort.stages:
            self._begin(stage)
            stage = replace(stage, rounds=min(stage.rounds, most_rounds))
            most, is_done = self._rounds(tier, mine, stage, most, stop_at=stop_at)
            if is_done or self.left <= stop_at:
                break
        if self._sure is not None and not self._is_exact and self.placed(mine) < most:
            sure = self._sure.best(tier, start=self.state.plan, effort=self._search(max(self.left, stop_at)))
            most = min(most, sure.most)
        return most

    def _begin(self, stage: Stage) -> None:
        """Weeks put in whole are for their stage alone, and that stage begins from what is certain."""
        self._stage = stage
        if self._sure is not None and (stage.whole_weeks or self.program.has_whole_weeks):
            self._program, self._is_exact = self._sure.copy(), True
            self.state.embedded.clear()

    def _rounds(
        self, tier: int, mine: Sequence[int], stage: Stage, most: Fraction, *, stop_at: float
    ) -> tuple[Fraction, bool]:
        """(the most value the tier can have, whether nothing better is to be found this way)."""
        is_first = tier in self.arrays.experiment_tiers[:FIRST_TIERS]
        enough = self.effort.enough_first if is_first else self.effort.enough
        for number in range(stage.rounds):
            effort = self._search(self.left - stop_at)
            packed = self.program.best(tier, start=self.state.plan, effort=effort, alone=stage.alone)
            self.left -= packed.spent
            if self._is_exact and not stage.alone:
                most = min(most, packed.most)
            if packed.plan is None or self.placed(mine, packed.plan) <= self.placed(mine):
                return most, packed.is_optimal and self._is_exact and not stage.alone
            rows = len(self.program.program.rows)
            failed = self._try(packed.plan)
            is_last = number == stage.rounds - 1 or self.left <= stop_at
            if failed and (is_last or len(failed) <= self.effort.salvage):
                self._salvage(tier, packed.plan, failed, mine)
            gap = enough if number + 1 >= self.effort.early else self.effort.good
            if self.placed(mine) >= most * (1 - Fraction(gap)):
                return most, True
            has_learned = len(self.program.program.rows) > rows
            if self.left <= stop_at or (failed and not has_learned):
                break
        return most, False

    def _try(self, packed: Plan) -> list[int]:
        """Takes the packing, or is taught by the weeks that failed, which are returned."""
        lacking, use = self.state.lacking(packed), ExperimentUse.of(self.arrays, packed)
        if lacking:
            self._learn(list(lacking.values()))
            self._learn_near(lacking, use)
            return list(lacking)
        failed = self.state.realise(packed)
        for week in failed:
            self._teach(week, packed)
        return failed

    def _learn_near(self, lacking: Mapping[int, Cut], use: ExperimentUse) -> None:
        """The same cuts in the weeks around, where the packing comes near their sides."""
        likely = []
        for week, cut in lacking.items():
            for near in range(max(0, week - NEAR), min(self.arrays.weeks, week + NEAR + 1)):
                # Weeks near by leave much the same room: one with far less in it is not worth finding out its side.
                if near not in lacking and near not in self.state.embedded:
                    load = self._load(replace(cut, week=near), use)
                    if load >= LIKELY_FULL * cut.upper:
                        likely.append((near, cut, load))
        sides = self.state.sides_near([(near, cut) for near, cut, _ in likely])
        self._learn(
            [side for (_, _, load), side in zip(likely, sides, strict=True) if load >= NEARLY_FULL * side.upper]
        )

    def _load(self, cut: Cut, use: ExperimentUse) -> int:
        """What the cut counts of free experiments in its week."""
        held = self.state.cuts.held
        load = sum(n * (held.pool_free(p, cut.week) - use.pool_free(p, cut.week)) for p, n in cut.pools.items())
        return load + sum(
            n * (held.floor_free(f, cut.week) - use.floor_free(f, cut.week)) for f, n in cut.floors.items()
        )

    def _search(self, units: float) -> Effort:
        """The effort of one search within the units that are left, each strategy the same share."""
        search = self.effort.search
        return replace(search, units=max(LEAST_UNITS, min(search.units, units / search.searches)))

    def _teach(self, week: int, packed: Plan) -> None:
        """Cuts off what runs together in the week though divisible replicas fit beside it."""
        if week in self.state.embedded:
            return
        use, everything = ExperimentUse.of(self.arrays, packed), ExperimentUse.of(self.arrays, packed)
        everything.add_serving(self.state.plan)
        over = {pool: -everything.pool_free(pool, week) for pool in range(len(self.arrays.supply))}
        crowded = frozenset(pool for pool, amount in over.items() if amount > 0)
        frozen = self.state.served[week].values
        cuts = self.state.cuts.whole(week, use=use, crowded=crowded, frozen=frozen, is_thorough=self._stage.whole_weeks)
        if self._learn(cuts):
            return
        if self._stage.alone:
            return
        self._sure = self.program.copy() if self._sure is None else self._sure
        self._is_exact = self._is_exact and self._stage.whole_weeks and self.state.is_proven
        if self._stage.whole_weeks:
            self.state.embedded.add(week)
            held = self.state.cuts.held
            self.program.note_embedded(embed_week(self.program, self.arrays, week, held=held, frozen=frozen))
        elif crowded:
            self._keep_away(week, use, crowded, sum(over[pool] for pool in crowded))

    def _keep_away(self, week: int, use: ExperimentUse, pools: frozenset[int], over: int) -> None:
        """At most half as much more than now fits beside serving as it lies, in these pools together."""
        there = sum(self.state.cuts.held.pool_free(pool, week) - use.pool_free(pool, week) for pool in pools)
        self.program.limit(week, pools=dict.fromkeys(sorted(pools), 1), floors={}, upper=there - (over + 1) // 2)

    def _learn(self, cuts: Sequence[Cut]) -> bool:
        """Adds the cuts; whether any of them cuts anything off."""
        if cuts and not self.state.is_proven:
            self._sure = self.program.copy() if self._sure is None else self._sure
            self._is_exact = False
        if self._sure is not None:
            for cut in cuts if self.state.is_proven else self.state.certain_cuts(cuts):
                self._sure.limit(cut.week, pools=cut.pools, floors=cut.floors, upper=cut.upper)
        added = [self.program.limit(cut.week, pools=cut.pools, floors=cut.floors, upper=cut.upper) for cut in cuts]
        return any(added)

    def insert(self, mine: Sequence[int]) -> None:
        """Places what is not placed wherever serving can make way for it: gangs first, the most valuable first."""
        rows = self.arrays.experiments
        left = [e for e in mine if self.placed([e]) < most_value(self.arrays, e)]
        left = [e for e in left if rows[e].divisible or (rows[e].columns and e not in self.state.plan.gangs)]
        self.state.insert(sorted(left, key=lambda e: (rows[e].divisible, -most_value(self.arrays, e), e)))

    def _salvage(self, tier: int, packed: Plan, failed: Sequence[int], mine: Sequence[int]) -> None:
        """The packing without what is in the way in the failed weeks, and that placed elsewhere, if it is better."""
        before, value, above_before = self.state.snapshot(), self.placed(mine), self._placed_above(tier)
        rest = packed.with_experiments(gangs=dict(packed.gangs), divided=dict(packed.divided))
        for _ in range(SALVAGES):
            use = ExperimentUse.of(self.arrays, rest)
            for week in failed:
                self._thin_out(week, use, rest, tier)
            failed = self.state.realise(rest)
            if not failed:
                break
        if failed:
            for week in failed:
                self._teach(week, rest)
            return
        rows = self.arrays.experiments
        above = {e for e in packed.gangs if e not in rest.gangs and rows[e].tier < tier}
        above |= {k[0] for k, n in packed.divided.items() if rest.divided.get(k, 0) < n and rows[k[0]].tier < tier}
        self.state.insert(
            sorted(above, key=lambda e: (rows[e].tier, rows[e].divisible, -most_value(self.arrays, e), e))
        )
        # A request may have come back in a smaller option of its own.
        if all(now >= was for now, was in zip(self._placed_above(tier), above_before, strict=True)):
            taken = {*self.state.plan.gangs, *(key[0] for key in self.state.plan.divided)}
            self.state.plan = place_greedily(self.arrays, self.state.plan, [e for e in mine if e not in taken])
            self.insert(mine)
            if self.placed(mine) > value:
                return
        self.state.restore(before)

    def _thin_out(self, week: int, use: ExperimentUse, rest: Plan, tier: int) -> None:
        """Takes work out of the week until serving finds room: the tier's divisible work, gangs, divisible work above it."""
        rows, pinned = self.arrays.experiments, self.state.pinned.gangs
        divided = {k: n for k, n in rest.divided.items() if k[3] == week and rows[k[0]].tier == tier}
        self._shrink(week, use, rest, {k: n for k, n in divided.items() if k not in self.state.pinned.divided})
        everything = use.copy()
        everything.add_serving(self.state.plan, weeks={week})
        here = [c for e, c in rest.gangs.items() if e not in pinned and c.first <= week < c.last]

        def rank(column: Column) -> tuple[bool, bool, Fraction, int]:
            is_in_the_way = everything.pool_free(column.pool, week) < 0
            is_above = rows[column.experiment].tier < tier
            return (not is_in_the_way, is_above, column_value(self.arrays, column), column.experiment)

        for column in sorted(here, key=rank):
            if self.state.around(week, use, rest) is not None:
                return
            use.add(rest.gangs.pop(column.experiment), -1)
        above = {k: n for k, n in rest.divided.items() if k[3] == week and rows[k[0]].tier < tier}
        self._shrink(week, use, rest, {k: n for k, n in above.items() if k not in self.state.pinned.divided})

    def _shrink(self, week: int, use: ExperimentUse, rest: Plan, mine: Divided) -> None:
        """A little less of this divisible work, and then ever less, until serving finds room or none is left."""
        step, divided = LEAST_SHRINK, rest.divided
        while mine and self.state.around(week, use, rest) is None:
            left = step
            for key in sorted(mine, key=lambda key: (-mine[key], key)):
                taken = min(left, mine[key])
                use.add_divided(key[0], key[2], week, -taken)
                mine[key], divided[key], left = mine[key] - taken, divided[key] - taken, left - taken
                if not mine[key]:
                    del mine[key], divided[key]
            step *= 2

    def keep_places(self) -> None:
        """Of plans of equal tier values, one that leaves as many gangs as it can where the previous plan had them."""
        before = {(row.key, row.pool, row.domain, row.start) for row in self.arrays.problem.previous}
        wanted = [
            column
            for e in self.free
            for column in self.arrays.experiments[e].columns
            if before and _place(self.arrays, column) in before
        ]
        tier = max(self.arrays.experiment_tiers, default=0)
        for _ in range(self.effort.ties_rounds if wanted else 0):
            plan = self.state.plan
            packed = self.program.most_kept(wanted, tier=tier, start=plan, effort=self.effort.ties)
            if packed.plan is None or _kept(packed.plan, wanted) <= _kept(plan, wanted):
                return
            values, found = tier_values(self.arrays, plan), tier_values(self.arrays, packed.plan)
            if any(found[k].placed < values[k].placed for k in self.arrays.experiment_tiers):
                return
            if not self._try(packed.plan):
                return


def _kept(plan: Plan, wanted: Sequence[Column]) -> int:
    return sum(plan.gangs.get(column.experiment) == column for column in wanted)


def _place(arrays: Arrays, column: Column) -> tuple[str, str, str | None, Week]:
    return (
        arrays.experiments[column.experiment].key,
        arrays.problem.pools[column.pool].key,
        arrays.domains[column.domain].key,
        arrays.problem.first_week.plus(column.start),
    )

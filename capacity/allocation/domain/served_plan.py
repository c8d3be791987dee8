"""The plan under way when a problem is solved by parts: serving by week, and making it give way to a packing.

What belongs here: what each week's serving achieved, whether serving as good fits around other placements, and taking
a packing over when it does. Which packing is tried is `packing_rounds`; the order of tiers is `by_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import TypeVar

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.embedded_week import serve_week
from capacity.allocation.domain.integer_program import Effort
from capacity.allocation.domain.packing import column_size
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, tier_values
from capacity.allocation.domain.serving_cuts import Cut, ServingCuts
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing

WEEKLY_NODES = 40
PROVEN = 1e-6
# More accelerators than any work takes.
ANY_WORK = Fraction(10**12)
# Places tried for a gang before it is given up.
MOST_TRIED = 12
# What a week's packing leaves: accelerators free in every pool, and under every floor.
Room = tuple[int, ...]
Result = TypeVar("Result")


class ServedPlan:
    """The plan, and per week the serving in it; every state of it is feasible.

    tiers: serving tiers served so far; first_tiers: those served before any experiment was placed. one_week: how hard
    serving of a week that rounding did not find is looked for.
    """

    def __init__(self, arrays: Arrays, pinned: Plan, *, node_limit: int, one_week: Effort | None) -> None:
        self.arrays, self.pinned, self.plan = arrays, pinned, pinned
        self.one_week = one_week
        self.weekly = WeeklyServing(arrays, node_limit=min(node_limit, WEEKLY_NODES))
        self.cuts = ServingCuts(arrays, self.weekly, held=ExperimentUse.of(arrays, pinned))
        self.served: dict[int, ServedWeek] = {}
        # Weeks whose serving made way for something, not always in the cheapest places.
        self.was_moved: set[int] = set()
        self.tiers: tuple[int, ...] = ()
        self.first_tiers: tuple[int, ...] = ()
        self.knows_only_first_serving = True
        # Of each tier served first, by week: dollars by which another plan might lose less there.
        self._gaps: dict[int, list[Fraction]] = {}
        self._all_least = True
        # Weeks whose serving is decided in the packing program.
        self.embedded: set[int] = set()
        self._around: dict[Room, ServedWeek | None] = {}
        # Whether divisible replicas fit, by what is left to them.
        self._has_room: dict[Room, bool] = {}

    def serve(self, tiers: tuple[int, ...]) -> bool:
        """Serving of these tiers in every week, with all placements held; whether no experiment was placed yet."""
        is_first = not self.tiers and len(self.plan.gangs) == len(self.pinned.gangs) and not self.plan.divided
        self.knows_only_first_serving = is_first
        self._around.clear()
        self._has_room.clear()
        self.embedded.clear()
        self.first_tiers = tiers if is_first else self.first_tiers
        self.tiers = (*self.tiers, *tiers)
        use = ExperimentUse.of(self.arrays, self.plan)
        self._adopt(self.weekly.solve(range(self.arrays.weeks), use=use, tiers=self.tiers))
        if is_first:
            self.note_gaps(tiers)
        self.was_moved.clear()
        return is_first

    def note_gaps(self, tiers: Sequence[int]) -> None:
        """Keeps how much less the weeks might lose in these tiers, which were served before any experiment."""
        weeks = range(self.arrays.weeks)
        self._gaps = {tier: [self._gap(week, tier) for week in weeks] for tier in tiers}
        self._all_least = all(self.is_least(week, tiers) for week in weeks)

    def _adopt(self, weeks: dict[int, ServedWeek]) -> None:
        self.served |= weeks
        self.was_moved |= set(weeks)
        serving = Plan()
        for served in weeks.values():
            serving.replicas.update(served.plan.replicas)
            serving.burst.update(served.plan.burst)
        # Both are summed up before, so that what comes of them need not be.
        for plan in (self.plan, serving):
            plan.serving_accelerators(self.arrays)
        self.plan = self.plan.with_serving(serving, weeks=weeks)

    def snapshot(self) -> tuple[Plan, dict[int, ServedWeek], set[int]]:
        """What `restore` needs."""
        return self.plan, dict(self.served), set(self.was_moved)

    def restore(self, before: tuple[Plan, dict[int, ServedWeek], set[int]]) -> None:
        """The plan as it was."""
        self.plan, served, was_moved = before
        self.served, self.was_moved = dict(served), set(was_moved)

    @property
    def is_proven(self) -> bool:
        """No week of any plan can lose less in the tiers held here, so that every plan as good as this one keeps them.

        Else another plan might lose less in one week and more in another: what a week teaches then is no bound.
        """
        return self.knows_only_first_serving and self._all_least

    def certain(self, week: int) -> dict[int, TierValue]:
        """What the week loses at most, of the first tiers, in every plan as good as this one.

        Dollars: as now and all that other weeks might lose less than now. Work of unknown loss: all there is now, if
        the dollars cannot be fewer, else any.
        """
        found = {}
        for tier, gaps in self._gaps.items():
            now = self.served[week].values[tier].usd
            looser = sum((gap for other, gap in enumerate(gaps) if other != week), Fraction(0))
            total = sum((served.values[tier].unmet for served in self.served.values()), Fraction(0))
            found[tier] = TierValue(now + looser, ANY_WORK if any(gaps) else total)
        return found

    def is_least(self, week: int, tiers: Sequence[int]) -> bool:
        """The week's dollars of these tiers are proven least; unmet work of unknown loss never is."""
        served = self.served[week]
        return all(
            not served.values[k].unmet and float(served.values[k].usd) <= served.bounds.get(k, 0.0) * (1 + PROVEN)
            for k in tiers
        )

    def _gap(self, week: int, tier: int) -> Fraction:
        """Dollars by which the week might lose less."""
        served = self.served[week]
        gap = served.values[tier].usd - Fraction(served.bounds.get(tier, 0.0))
        return gap if gap > served.values[tier].usd * Fraction(PROVEN) else Fraction(0)

    def crowded_weeks(self, packed: Plan) -> list[int]:
        """Weeks in which serving as it lies does not fit beside the packing."""
        everything = ExperimentUse.of(self.arrays, packed)
        everything.add_serving(self.plan)
        return [week for week in range(self.arrays.weeks) if everything.is_overdrawn(week)]

    def lacking(self, packed: Plan) -> dict[int, Cut]:
        """Weeks that the packing leaves too little room for divisible replicas, each with a cut that says so."""
        use = ExperimentUse.of(self.arrays, packed)
        rooms = {week: self._room(week, use) for week in self.crowded_weeks(packed) if week not in self.embedded}
        weeks = [w for w, room in rooms.items() if not self._has_room.get(room) and self._around.get(room) is None]

        def look(week: int) -> ServedWeek | Cut | bool:
            moved = self.weekly.moved(week, use=use, served=self.served[week])
            return moved or self.cuts.has_room(week, use=use, frozen=self.served[week].values)

        found: dict[int, Cut] = {}
        for week, seen in zip(weeks, self._in_weeks(look, weeks), strict=True):
            if isinstance(seen, ServedWeek):
                self._around[rooms[week]] = seen
                continue
            if isinstance(seen, Cut):
                found[week] = seen
            self._has_room[rooms[week]] = seen is True
        return found

    def sides_near(self, cuts: Sequence[tuple[int, Cut]]) -> list[Cut]:
        """(week, a cut of another week): the cuts with the sides of their weeks."""
        return self._sides(cuts, lambda week: self.served[week].values)

    def certain_cuts(self, cuts: Sequence[Cut]) -> list[Cut]:
        """The cuts with sides that every plan as good as this one keeps."""
        return self._sides([(cut.week, cut) for cut in cuts], self.certain)

    def _sides(self, cuts: Sequence[tuple[int, Cut]], frozen_in: Callable[[int], Mapping[int, TierValue]]) -> list[Cut]:
        by_week: dict[int, list[Cut]] = {}
        for week, cut in cuts:
            by_week.setdefault(week, []).append(cut)

        def find(week: int) -> list[Cut]:
            frozen = frozen_in(week)
            return [self.cuts.same_cut(week, cut, frozen=frozen) for cut in by_week[week]]

        found = {week: iter(sides) for week, sides in zip(by_week, self._in_weeks(find, by_week), strict=True)}
        return [next(found[week]) for week, _ in cuts]

    def _in_weeks(self, do: Callable[[int], Result], weeks: Iterable[int]) -> list[Result]:
        return self.weekly.side_by_side(do, weeks, tiers=self.tiers)

    def insert(self, experiments: Iterable[int]) -> None:
        """Places work one after another where serving can make way for it, nearest to where it need not."""
        use, everything = ExperimentUse.of(self.arrays, self.plan), ExperimentUse.of(self.arrays, self.plan)
        everything.add_serving(self.plan)
        for e in experiments:
            if self.arrays.experiments[e].divisible:
                self._insert_divisible(e, use, everything)
                continue
            for column in self._by_excess(e, use, everything)[:MOST_TRIED]:
                weeks = self._made_way(column, use, everything)
                if weeks is not None:
                    self.plan = self.plan.with_experiments(gangs=self.plan.gangs | {e: column})
                    self._make_way(weeks, everything)
                    use.add(column)
                    everything.add(column)
                    break

    def _make_way(self, weeks: dict[int, ServedWeek], everything: ExperimentUse) -> None:
        everything.add_serving(self.plan, sign=-1, weeks=weeks)
        self._adopt(weeks)
        everything.add_serving(self.plan, weeks=weeks)

    def _insert_divisible(self, e: int, use: ExperimentUse, everything: ExperimentUse) -> None:
        """As much more of divisible work as serving can make way for, week by week, in halves of what is asked."""
        request = self.arrays.problem.experiments[e]
        mine = {key: n for key, n in self.plan.divided.items() if key[0] == e}
        sizes = [option.accelerators * option.weeks for option in request.options]
        o = next(iter(mine))[1] if mine else sizes.index(max(sizes))
        option = request.options[o]
        latest = self.arrays.problem.first_week.weeks_until(request.latest_start)
        left = sizes[o] - sum(mine.values())
        pools = [self.arrays.pool_index[key] for key in option.pools]
        for week in range(self.arrays.experiments[e].span[0], min(latest + option.weeks, self.arrays.weeks)):
            for pool in pools:
                there = sum(n for key, n in mine.items() if key[3] == week)
                added = self._added(e, pool, week, min(left, option.accelerators - there), use, everything)
                if added:
                    mine[e, o, pool, week] = mine.get((e, o, pool, week), 0) + added
                    left -= added
        self.plan = self.plan.with_experiments(divided=self.plan.divided | mine)

    def _added(self, e: int, pool: int, week: int, most: int, use: ExperimentUse, everything: ExperimentUse) -> int:
        """Accelerators of divisible work that one pool could take in one week; serving has made way for them."""
        floors = self.arrays.floors_counting(e, pool)
        room = min([use.pool_free(pool, week), *(use.floor_free(f, week) for f in floors)])
        amount = min(most, room)
        while amount > 0:
            free = min([everything.pool_free(pool, week), *(everything.floor_free(f, week) for f in floors)])
            amount = max(amount, min(most, room, free))
            use.add_divided(e, pool, week, amount)
            weeks = self._served_around([week] if free < amount else [], use)
            if weeks is not None:
                everything.add_divided(e, pool, week, amount)
                self._make_way(weeks, everything)
                return amount
            use.add_divided(e, pool, week, -amount)
            amount //= 2
        return 0

    def _by_excess(self, e: int, use: ExperimentUse, everything: ExperimentUse) -> list[Column]:
        """Places of a gang that other experiments leave: most valuable first, then least taken from serving."""
        found = []
        for column in self.arrays.experiments[e].columns:
            if use.fits(column):
                weeks = range(column.first, column.last)
                excess = sum(max(0, column.accelerators - everything.free_for(column, week)) for week in weeks)
                found.append((-column_size(column), excess, column.start, column.domain, column))
        found.sort(key=lambda each: each[:4])
        return [column for *_, column in found]

    def _made_way(self, column: Column, use: ExperimentUse, everything: ExperimentUse) -> dict[int, ServedWeek] | None:
        """Serving as good as now of the weeks that must change for the gang; None where one has no such serving."""
        crowded = [
            week for week in range(column.first, column.last) if everything.free_for(column, week) < column.accelerators
        ]
        use.add(column)
        found = self._served_around(crowded, use)
        use.add(column, -1)
        return found

    def _served_around(self, weeks: Iterable[int], use: ExperimentUse) -> dict[int, ServedWeek] | None:
        """Serving as good as now of these weeks in what `use` leaves; None where one has no such serving."""
        rooms = {week: self._room(week, use) for week in weeks}
        for week, room in rooms.items():
            if room not in self._around and room not in self._has_room:
                moved = self.weekly.moved(week, use=use, served=self.served[week])
                if moved is not None:
                    self._around[room] = moved
                    continue
                frozen = self.served[week].values
                self._has_room[room] = self.cuts.is_roomy(week, use=use, frozen=frozen)
            if not self._has_room.get(room, True):
                return None
        found = {}
        for week in rooms:
            served = self.around(week, use, None)
            if served is None:
                return None
            found[week] = served
        return found

    def realise(self, packed: Plan) -> list[int]:
        """Takes the packing if serving can be placed around it as well as now; else the weeks that failed."""
        use = ExperimentUse.of(self.arrays, packed)
        solved: dict[int, ServedWeek] = {}
        failed: list[int] = []
        crowded = self.crowded_weeks(packed)
        self._look_around(crowded, use)
        for week in crowded:
            found = self.around(week, use, packed)
            if found is None:
                failed.append(week)
            else:
                solved[week] = found
        if not failed:
            self.plan = self.plan.with_experiments(gangs=packed.gangs, divided=packed.divided)
            self._adopt(solved)
        return failed

    def around(self, week: int, use: ExperimentUse, packed: Plan | None) -> ServedWeek | None:
        """Serving around the placements: known from before, as the packing program placed it, or solved."""
        room = self._room(week, use)
        if room not in self._around:
            has_none = self._has_room.get(room) is False
            self._around[room] = None if has_none else self._found_around(week, use)
        found = self._around[room]
        if found is None and packed is not None and week in self.embedded:
            found = self._if_as_good(week, use, packed)
        return found

    def _look_around(self, weeks: Iterable[int], use: ExperimentUse) -> None:
        """`around` of these weeks without a search of one week, side by side."""
        rooms = {week: self._room(week, use) for week in weeks}
        new = [week for week, room in rooms.items() if room not in self._around]

        def look(week: int) -> tuple[ServedWeek | None, bool]:
            return self.weekly.look_around(week, use=use, served=self.served[week])

        for week, (found, is_hopeless) in zip(new, self._in_weeks(look, new), strict=True):
            if found is not None or is_hopeless or self.one_week is None or week in self.embedded:
                self._around[rooms[week]] = found

    def _room(self, week: int, use: ExperimentUse) -> Room:
        pools, floors = range(len(self.arrays.supply)), range(len(self.arrays.floors))
        return (week, *(use.pool_free(p, week) for p in pools), *(use.floor_free(f, week) for f in floors))

    def _found_around(self, week: int, use: ExperimentUse) -> ServedWeek | None:
        # Dearer places than need be are made cheaper at the end.
        moved = self.weekly.moved(week, use=use, served=self.served[week])
        if moved is not None:
            return moved
        found, is_hopeless = self.weekly.look_around(week, use=use, served=self.served[week])
        if found is not None or is_hopeless:
            return found
        if self.one_week is None or week in self.embedded:
            return None
        frozen = self.served[week].values
        plan = serve_week(self.arrays, week, use=use, frozen=frozen, effort=self.one_week)
        return None if plan is None else self._if_as_good(week, use, plan)

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

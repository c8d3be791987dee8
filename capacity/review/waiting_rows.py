"""A solved plan → work that was throttled or waits while accelerators that it could really take stand idle. Pure.

What could be taken is the held plan's to say: beside everything that is placed, under the floors' rule, in one network
domain for a gang, in whole replicas for serving (methods: Waste). Where idle accelerators are of no use to it, the
reason stands instead, and no number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from capacity.allocation.domain.ask_request import HeldRun
from capacity.allocation.domain.held_places import find_place
from capacity.allocation.domain.problem import Experiment, Placement
from capacity.allocation.domain.what_if_answer import Cause
from capacity.lib.figures import counted, share, thousands
from capacity.lib.figures import day as day_words
from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.review.plan_rows import PlanRows
from capacity.review.waste_row import Row, waste_row
from workloads.domain.classes import ClassOption
from workloads.domain.waste import THROTTLED_LIMIT, is_throttled, room_outside, throttled_share


@dataclass(frozen=True, slots=True)
class Usable:
    """What a class could take of a pool's week: whole replicas of what is free there and under its floors.

    idle: all that stands idle; kept: of it what floors keep.
    """

    pool: str
    idle: int
    accelerators: int
    kept: int
    replica: int


class WaitingRows:
    """The findings of one plan."""

    def __init__(self, rows: PlanRows) -> None:
        self.rows = rows
        self.year = rows.plan.inputs.as_of.year

    @cached_property
    def held(self) -> HeldRun:
        return HeldRun(problem=self.rows.plan.problem, solution=self.rows.plan.solution)

    @cached_property
    def without_floors(self) -> HeldRun:
        problem = replace(self.rows.plan.problem, floors=())
        return HeldRun(problem=problem, solution=self.rows.plan.solution)

    def found(self) -> list[Row]:
        return [*self.throttled(), *self.queued()]

    def _pool(self, key: str) -> str:
        return str(self.rows.pools[key]["name"])

    def _week(self, week: Week) -> str:
        return f"the week of {day_words(week.monday, year=self.year)}"

    # --- throttled ----------------------------------------------------------------------------------------------------

    def throttled(self) -> Iterator[Row]:
        """Of the latest week known of each workload; idle of that week where the plan has it, else of its first."""
        latest = {row["workload"]: row for row in sorted(self.rows.tables.get("throttled_weeks", ()), key=_by_week)}
        for key, row in sorted(latest.items()):
            refused = throttled_share(requests=row["requests"], throttled=row["throttled"])
            if refused is None or not is_throttled(refused) or key not in self.rows.workloads:
                continue
            then = Week.parse(row["week"])
            week = then if then in self.rows.horizon else self.rows.weeks[0]
            places = [place for place in self.usable(key, week) if place.idle > 0]
            if not places:
                continue
            best = min(places, key=lambda place: (-place.accelerators, -place.idle, place.pool))
            name = self.rows.workloads[key]["name"]
            yield waste_row(
                "throttled_while_idle",
                workload_key=key,
                pool_key=best.pool,
                week=row["week"],
                accelerators=Fraction(best.accelerators) if best.accelerators else None,
                measured=refused,
                peer=THROTTLED_LIMIT,
                sentence=f"{share(to_decimal(refused), places=2)} of the requests of {name} were throttled in "
                f"{self._week(then)}; {self._serving_words(best, week == then)}",
            )

    def _serving_words(self, best: Usable, is_then: bool) -> str:
        when = "in that week" if is_then else "this week"
        pool = self._pool(best.pool)
        if best.accelerators:
            verb = "is" if best.accelerators == 1 else "are"
            return f"{counted(best.accelerators, 'accelerator')} of {pool} {verb} idle {when} that could serve it."
        idle = f"{counted(best.idle, 'accelerator')} of {pool} {'stands' if best.idle == 1 else 'stand'} idle {when}"
        if best.idle - best.kept < best.replica <= best.idle:
            return f"{idle}, kept by a floor that serving may not enter."
        return f"{idle}, less than a whole replica of {thousands(best.replica)}."

    def usable(self, workload: str, week: Week) -> list[Usable]:
        """Each pool of the workload's classes, in key order."""
        options: dict[str, ClassOption] = {}
        for serving in self.rows.class_by_key.values():
            if any(member.workload_key == workload for member in serving.members):
                options |= {option.pool_key: option for option in serving.options}
        return [self._usable(option, week) for _, option in sorted(options.items())]

    def _usable(self, option: ClassOption, week: Week) -> Usable:
        rooms, index = self.held.rooms, self.rows.horizon.index(week)
        idle = int(rooms.pool[rooms.pool_of[option.pool_key], index])
        under = [int(rooms.floor[f, index]) for f, floor in enumerate(rooms.floors) if option.pool_key in floor.pools]
        free, size = max(0, min([idle, *under])), option.replica_accelerators
        return Usable(option.pool_key, idle, free // size * size, max(0, idle - free), size)

    # --- queued -------------------------------------------------------------------------------------------------------

    def queued(self) -> Iterator[Row]:
        """Requests without a place. A run that is recalled does not wait: it stops."""
        for each in sorted(self.rows.plan.solution.unplaced, key=lambda unplaced: unplaced.key):
            request = self.rows.requests[each.key]
            if each.key in self.rows.runs or request.pinned is not None:
                continue
            if any(option.pools for option in request.options):
                yield from self._queued(request)

    def _queued(self, request: Experiment) -> Iterator[Row]:
        found = self._place(self.held, request)
        if found is not None:
            yield self._row(request, found, f"could have {self._size(found, request)}. {self._why_not(request, found)}")
            return
        freed = self._place(self.without_floors, request)
        if freed is not None:
            sentence = f"would have {self._size(freed, request)}, but a floor keeps them for other work."
            yield self._row(request, freed, sentence, is_told=False)
            return
        idle = self._idle_in_all(request)
        if idle is not None:
            yield self._row(request, idle, self._split(request, idle), is_told=False)

    def _place(self, held: HeldRun, request: Experiment) -> Placement | None:
        """Where the request would lie beside everything in the plan: in its window, else in any weeks."""
        wide = replace(request, earliest_start=self.rows.weeks[0], latest_start=self.rows.weeks[-1])
        for asked in (request, wide):
            placed = find_place(held.rooms, asked)
            if not isinstance(placed, Cause) and _is_whole(request, placed):
                return min(placed, key=lambda row: (row.start, row.pool))
        return None

    def _size(self, place: Placement, request: Experiment) -> str:
        amount, weeks = (place.accelerators, place.weeks)
        if request.divisible:
            return f"all of it in parts from {self._week(place.start)}"
        return f"{counted(amount, 'accelerator')} for {counted(weeks, 'week')} from {self._week(place.start)}"

    def _why_not(self, request: Experiment, place: Placement) -> str:
        if place.start > request.latest_start:
            return f"It may start until {self._week(request.latest_start)}: a later window would do."
        if place.start < request.earliest_start:
            return f"It may not start before {self._week(request.earliest_start)}: an earlier window would do."
        return "Its window allows it: the next plan may place it there."

    def _idle_in_all(self, request: Experiment) -> Placement | None:
        """Where the idle of a pool is large enough in sum though no place is."""
        for option in sorted(request.options, key=lambda option: option.accelerators * option.weeks):
            idle = {pool: [self.rows.idle.get((pool, week), 0) for week in self.rows.weeks] for pool in option.pools}
            room = room_outside(idle=idle, accelerators=option.accelerators, weeks=option.weeks)
            if room is not None:
                start = self.rows.weeks[room[1]]
                return Placement(request.key, room[0], None, start, option.weeks, option.accelerators)
        return None

    def _split(self, request: Experiment, place: Placement) -> str:
        """In sum there is enough: how much one network domain has at most over these weeks, where floors leave it."""
        rooms = self.held.rooms
        pool, span = rooms.pool_of[place.pool], rooms.span(place)
        most = max(
            (int(rooms.domain[q, span].min()) for (p, _), q in rooms.domain_of.items() if p == pool), default=None
        )
        there = (
            f"finds {thousands(place.accelerators)} idle in all for {counted(place.weeks, 'week')} from "
            f"{self._week(place.start)}"
        )
        if most is None or most >= place.accelerators or request.divisible:
            return f"{there}, but not all in one place: see why it has none."
        return f"{there}, but at most {thousands(max(0, most))} of them in one network domain."

    def _row(self, request: Experiment, place: Placement, words: str, *, is_told: bool = True) -> Row:
        name = self.rows.experiments[request.key]["name"]
        return waste_row(
            "queued_while_idle",
            experiment_key=request.key,
            pool_key=place.pool,
            week=place.start.key,
            accelerators=Fraction(place.accelerators) if is_told else None,
            sentence=f"{name} ({request.key}) waits; in {self._pool(place.pool)} it {words}",
        )


def _is_whole(request: Experiment, placed: tuple[Placement, ...]) -> bool:
    if not request.divisible:
        return True
    asked = request.options[0]
    return sum(row.accelerators * row.weeks for row in placed) >= asked.accelerators * asked.weeks


def _by_week(row: Any) -> str:
    return str(row["week"])

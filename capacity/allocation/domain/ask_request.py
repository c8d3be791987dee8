"""A request asked of a plan that is there: where it would lie, what it would displace, or why not and what would fit.

What belongs here: one request against a plan whose serving and placements are all held (methods: Asking for
accelerators). No solver runs: the next plan may place it otherwise. How a request is written is workloads'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from capacity.allocation.domain.explain import least_short, rank_of
from capacity.allocation.domain.held_places import Rooms, find_place, residual_in
from capacity.allocation.domain.problem import Experiment, Placement, Problem
from capacity.allocation.domain.residual import Residual, Spot
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.smallest_changes import changes_of_window, smallest_changes
from capacity.allocation.domain.solution import SmallestChange, Solution
from capacity.allocation.domain.what_if_answer import Cause
from capacity.lib.horizon import Week

Rows = tuple[Placement, ...]

# Why there is no place: no pool may take it, it starts or ends outside the horizon, nothing it may use is that large,
# a floor keeps what is left, or others hold it.
NO_POOL, WINDOW_CLOSED, BEYOND_HORIZON = "no_pool", "window_closed", "beyond_horizon"
TOO_LARGE, KEPT_BY_FLOOR, HELD = "too_large", "kept_by_floor", "held"
SERVING, FLOOR, RUN = "serving", "floor", "run"


@dataclass(frozen=True, slots=True)
class Displaced:
    """Work of a lower tier that would no longer fit where the plan has it; rows: what it would lose there."""

    key: str
    tier: str
    rows: Rows

    @property
    def accelerator_weeks(self) -> int:
        return sum(row.accelerators * row.weeks for row in self.rows)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has accelerators where the request is short. kind: serving, floor, or run (of `key`)."""

    kind: str
    accelerators: int
    key: str = ""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the plan has in the pools and weeks the request may use, of one tier not below its own."""

    tier: str
    requests: int
    accelerator_weeks: int


@dataclass(frozen=True, slots=True)
class NoPlace:
    """Where the request comes nearest, and what is missing there. None where a number has no meaning for the code.

    supply: accelerators of the pool or domain in that week; holders: who has them, the largest first.
    """

    code: str
    pool: str | None = None
    domain: str | None = None
    week: Week | None = None
    needed: int | None = None
    free: int | None = None
    supply: int | None = None
    holders: tuple[Holder, ...] = ()

    @property
    def short_by(self) -> int | None:
        return None if self.needed is None or self.free is None else self.needed - self.free


@dataclass(frozen=True, slots=True)
class RequestAnswer:
    """placed: its rows, those of divisible work perhaps fewer than asked; empty with the reason in `no_place`.

    changes: each makes it fit with everything else held, and one unit less of it does not.
    """

    placed: Rows = ()
    displaces: tuple[Displaced, ...] = ()
    no_place: NoPlace | None = None
    changes: tuple[SmallestChange, ...] = ()
    ahead: tuple[Ahead, ...] = ()


class NoServing:
    """Serving that does not give way: a request is answered with what is promised and forecast held."""

    def at(self, pool: int, week: int) -> Mapping[int, int]:
        return {}

    def by_tier(self, pool: int, week: int) -> Mapping[int, int]:
        return {}

    def released(self, d: int, pool: int, week: int) -> int:
        return 0


class HeldRun:
    """A plan with everything in it held: what is free is counted once, and asked any number of times."""

    def __init__(self, *, problem: Problem, solution: Solution) -> None:
        self.problem = problem
        self.requests = {row.key: row for row in problem.experiments}
        self._tier_of = {tier: position for position, tier in enumerate(problem.tiers)}
        found: dict[str, list[Placement]] = defaultdict(list)
        for row in solution.placements:
            found[row.key].append(row)
        self.placements: dict[str, Rows] = {key: tuple(rows) for key, rows in found.items()}
        self.rooms = Rooms(problem)
        self.serving = np.zeros(self.rooms.pool.shape, dtype=np.int64)
        for served in solution.allocations:
            self.serving[self._at(served.pool, served.week)] += served.accelerators
        for bought in solution.burst:
            self.serving[self._at(bought.pool, bought.week)] -= bought.accelerators
        self.rooms.take_serving(self.serving)
        for key, rows in self.placements.items():
            for row in rows:
                self.rooms.take(row, self.requests[key])

    def _at(self, pool: str, week: Week) -> tuple[int, int]:
        return self.rooms.pool_of[pool], self.problem.first_week.weeks_until(week)

    def answer(self, request: Experiment, *, instead_of: str = "") -> RequestAnswer:
        """Where the request would lie. instead_of: the request of the plan that it takes the place of, left out.

        First beside everything; if that has no room for all of it, beside everything that is not of a lower tier or
        runs already, and what then no longer fits is displaced.
        """
        rooms, there = self.rooms.copy(), dict(self.placements)
        self._give_back(rooms, {key: there.pop(key) for key in (instead_of,) if key in there})
        ahead = tuple(self._ahead(request, there))
        if not any(option.pools for option in request.options):
            return RequestAnswer(no_place=NoPlace(NO_POOL), ahead=ahead)
        found = find_place(rooms, request)
        if not isinstance(found, Cause) and _is_whole(request, found):
            return RequestAnswer(placed=found, ahead=ahead)
        lower = {key: rows for key, rows in there.items() if self._gives_way(key, request)}
        self._give_back(rooms, lower)
        found = find_place(rooms, request)
        if isinstance(found, Cause):
            return self._refused(rooms, request, {key: there[key] for key in there if key not in lower}, ahead)
        return RequestAnswer(placed=found, displaces=tuple(self._displaced(rooms, request, found, lower)), ahead=ahead)

    def _give_back(self, rooms: Rooms, placements: Mapping[str, Rows]) -> None:
        for key, rows in placements.items():
            for row in rows:
                rooms.take(row, self.requests[key], sign=-1)

    def _gives_way(self, key: str, request: Experiment) -> bool:
        other = self.requests[key]
        return other.pinned is None and self._tier_of[other.tier] > self._tier_of[request.tier]

    def _displaced(
        self, rooms: Rooms, request: Experiment, placed: Rows, lower: Mapping[str, Rows]
    ) -> Iterator[Displaced]:
        """What of the lower tiers no longer fits beside the request, the highest of them put back first."""
        for row in placed:
            rooms.take(row, request)
        for key in sorted(lower, key=lambda key: (self._tier_of[self.requests[key].tier], key)):
            other = self.requests[key]
            if not any(rooms.blocked(row, other) for row in lower[key]):
                kept: Rows = lower[key]
            else:
                kept, lost = _parted(rooms, other, lower[key])
                yield Displaced(key, other.tier, lost)
            for row in kept:
                rooms.take(row, other)

    def _ahead(self, request: Experiment, placements: Mapping[str, Rows]) -> Iterator[Ahead]:
        pools = {pool for option in request.options for pool in option.pools}
        longest = max((option.weeks for option in request.options), default=0)
        first, last = request.earliest_start, request.latest_start.plus(longest)
        sums: dict[str, list[int]] = {}
        for key, rows in sorted(placements.items()):
            tier = self.requests[key].tier
            inside = [
                row.accelerators * max(0, max(first, row.start).weeks_until(min(last, row.start.plus(row.weeks))))
                for row in rows
                if row.pool in pools
            ]
            if self._tier_of[tier] <= self._tier_of[request.tier] and any(inside):
                row_of = sums.setdefault(tier, [0, 0])
                row_of[0], row_of[1] = row_of[0] + 1, row_of[1] + sum(inside)
        for tier in sorted(sums, key=lambda tier: self._tier_of[tier]):
            yield Ahead(tier, *sums[tier])

    def _refused(
        self, rooms: Rooms, request: Experiment, held: Mapping[str, Rows], ahead: tuple[Ahead, ...]
    ) -> RequestAnswer:
        residual = residual_in(rooms, request)
        places = list(residual.places())
        if not places:
            code = WINDOW_CLOSED if residual.window()[1] < 0 else BEYOND_HORIZON
            return RequestAnswer(no_place=NoPlace(code), changes=changes_of_window(residual), ahead=ahead)
        best = min((least_short(residual, each, each.accelerators - each.grid) for each in places), key=rank_of)[1]
        changes = smallest_changes(residual, best, NoServing())
        return RequestAnswer(no_place=self._why(rooms, residual, best, held), changes=changes, ahead=ahead)

    def _why(self, rooms: Rooms, residual: Residual, spot: Spot, held: Mapping[str, Rows]) -> NoPlace:
        """What the tightest of domain, pool and floors is taken by in the week that is shortest."""
        arrays, p = residual.arrays, spot.pool
        t = min(spot.span, key=lambda week: (residual.free(spot.domain)[week], week))
        pool, domain = rooms.pools[p], arrays.domains[spot.domain].key
        free_pool = int(residual.held.pool[p, t])
        free_domain = free_pool if domain is None else int(residual.held.domain[spot.domain, t])
        is_domain = domain is not None and free_domain <= free_pool
        supply = int(arrays.domains[spot.domain].supply[t] if is_domain else arrays.supply[p][t])
        week = week_at(arrays, t)
        holders = [
            Holder(RUN, there, key)
            for key, rows in sorted(held.items())
            if (there := _standing(rows, pool.key, domain if is_domain else None, week))
        ]
        if not is_domain and self.serving[p, t] > 0:
            holders.append(Holder(SERVING, int(self.serving[p, t])))
        free = max(0, residual.room(spot))
        beside = min(free_pool, free_domain)
        floors = [f for f in residual.floors(p) if residual.held.floor[f, t] < min(beside, spot.accelerators)]
        holders += [
            Holder(FLOOR, beside - max(0, int(residual.held.floor[f, t])), arrays.floors[f].key) for f in floors
        ]
        return NoPlace(
            code=self._code(residual, spot, is_floor=bool(floors) and beside >= spot.accelerators),
            pool=pool.key,
            domain=domain if is_domain else None,
            week=week,
            needed=spot.accelerators,
            free=free,
            supply=supply,
            holders=tuple(sorted(holders, key=lambda row: (-row.accelerators, row.kind, row.key))),
        )

    def _code(self, residual: Residual, spot: Spot, *, is_floor: bool) -> str:
        arrays = residual.arrays
        domains = [
            q
            for option in residual.request.options
            for key in option.pools
            for q in arrays.domains_of[arrays.pool_index[key]]
        ]
        if all(spot.accelerators > max(arrays.domains[q].supply) for q in domains):
            return TOO_LARGE
        return KEPT_BY_FLOOR if is_floor else HELD


def _is_whole(request: Experiment, rows: Sequence[Placement]) -> bool:
    """Whether divisible work has all it asks for; a gang has all or nothing."""
    if not request.divisible:
        return True
    asked = request.options[0].accelerators * request.options[0].weeks
    return sum(row.accelerators * row.weeks for row in rows) >= asked


def _standing(rows: Rows, pool: str, domain: str | None, week: Week) -> int:
    """Accelerators of the rows in the pool (and domain, where one is given) in that week."""
    return sum(
        row.accelerators
        for row in rows
        if row.start <= week < row.start.plus(row.weeks) and row.pool == pool and domain in (None, row.domain)
    )


def _parted(rooms: Rooms, request: Experiment, placed: Rows) -> tuple[Rows, Rows]:
    """(what the request keeps, what it loses): a gang that may also be shorter keeps its weeks until it is in the way."""
    if request.divisible or len(placed) != 1:
        return (), placed
    row = placed[0]
    shorter = {
        option.weeks
        for option in request.options
        if option.weeks < row.weeks and option.accelerators == row.accelerators and row.pool in option.pools
    }
    for weeks in sorted(shorter, reverse=True):
        kept = replace(row, weeks=weeks)
        if rooms.blocked(kept, request) is None:
            return (kept,), (replace(row, start=row.start.plus(weeks), weeks=row.weeks - weeks),)
    return (), placed

"""Why a request has no place: the reason, the binding week, what it needed and found, and who is in its way.

What belongs here: reasons and blockers, from the plan as it stands (methods: Explanations). What would have to
change is `smallest_changes`. A reason is never generic: each is a statement that can be checked again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.residual import HeldRoom, Places, Residual, Spot, held_use
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.serving_to_give import ServingToGive
from capacity.allocation.domain.smallest_changes import changes_of_window, smallest_changes
from capacity.allocation.domain.solution import Blocker, PlacementWarning, Unplaced

SERVING_REASONS = ("blocked_by_commitment", "blocked_by_forecast", "blocked_by_hold")
RUNNING, HIGHER, SAME = "blocked_by_running", "blocked_by_higher_class", "blocked_by_same_class"
# A lower class is listed where it stands in the way, but is never the reason: it was placed in what was left over.
LOWER = "lower_class"
# Of the reasons that would each free enough, the main one is the easiest to ask: equals first, then serving that
# nobody was promised, then higher classes, then promises, then what runs.
MAIN_FIRST = (SAME, "blocked_by_hold", "blocked_by_forecast", HIGHER, "blocked_by_commitment", RUNNING)


@dataclass
class Held:
    """What explanations of one plan share: rooms by tier, the room of an empty plan, and who is served where."""

    arrays: Arrays
    plan: Plan
    serving: ServingToGive
    empty: HeldRoom
    _rooms: dict[tuple[int, bool], HeldRoom] = field(default_factory=dict)

    @classmethod
    def of(cls, arrays: Arrays, plan: Plan) -> Held:
        return cls(arrays, plan, ServingToGive(arrays, plan), HeldRoom(arrays, ExperimentUse(arrays)))

    def room(self, tier: int, *, without_lower: bool = False) -> HeldRoom:
        key = (tier, without_lower)
        if key not in self._rooms:
            use = held_use(self.arrays, self.plan, tier=tier, without_lower=without_lower)
            self._rooms[key] = HeldRoom(self.arrays, use)
        return self._rooms[key]

    def unplaced(self) -> list[int]:
        placed = set(self.plan.gangs) | {e for e, _, _, _ in self.plan.divided}
        return [e for e in range(len(self.arrays.experiments)) if e not in placed]

    def residual(self, e: int, *, without_lower: bool = False) -> Residual:
        room = self.room(self.arrays.experiments[e].tier, without_lower=without_lower)
        return Residual(self.arrays, self.plan, e, room)


def explain_unplaced(arrays: Arrays, plan: Plan) -> tuple[Unplaced, ...]:
    """One row for every experiment without a place, in key order."""
    held = Held.of(arrays, plan)
    return tuple(_explain(held, held.residual(e)) for e in held.unplaced())


def _explain(held: Held, residual: Residual) -> Unplaced:
    request, key = residual.request, residual.row.key
    if not any(option.pools for option in request.options):
        return Unplaced(key, "region", None, None, None, None)
    if residual.row.pinned is not None:
        spot = residual.pinned_place().spot(residual.arrays, 0, 0)
        return _unplaced_at(held, residual, spot, spot if _is_possible(held, residual, spot) else None)
    places = list(residual.places())
    if not places:
        reason = "window_closed" if residual.window()[1] < 0 else "beyond_horizon"
        asked = request.options[0].accelerators
        return Unplaced(key, reason, None, asked, None, None, smallest_changes=changes_of_window(residual))
    best, possible = _best(held, residual, places)
    return _unplaced_at(held, residual, best, possible)


def _wanted(residual: Residual, accelerators: int) -> int:
    """Accelerators that count as a place: all of a gang, any of divisible work."""
    return 1 if residual.row.divisible else accelerators


def _is_possible(held: Held, residual: Residual, spot: Spot) -> bool:
    """Whether the spot has room in an empty plan."""
    free = held.empty.free(residual.kind)[spot.domain]
    return int(free[spot.start : spot.start + spot.weeks].min()) >= _wanted(residual, spot.accelerators)


def _best(held: Held, residual: Residual, all_places: list[Places]) -> tuple[Spot, Spot | None]:
    """The spot short by least, and the one short by least of those that an empty plan has room for, if any.

    Of equal ones the earliest start, then the first domain, then the first option.
    """
    ranked: list[tuple[tuple[int, int, int, int], Spot]] = []
    possible: list[tuple[tuple[int, int, int, int], Spot]] = []
    for places in all_places:
        short = places.accelerators - places.grid
        ranked.append(least_short(residual, places, short))
        empty = held.empty.least_free(residual.kind, places.weeks)
        empty = empty[np.array(places.domains), places.first : places.first + places.grid.shape[1]]
        fits = empty >= _wanted(residual, places.accelerators)
        if fits.any():
            possible.append(least_short(residual, places, np.where(fits, short, np.iinfo(np.int64).max)))
    best, best_possible = min(ranked, key=rank_of), min(possible, key=rank_of, default=None)
    if best_possible is not None and best_possible[0][0] == best[0][0]:
        best = best_possible
    return best[1], None if best_possible is None else best_possible[1]


def rank_of(row: tuple[tuple[int, int, int, int], Spot]) -> tuple[int, int, int, int]:
    return row[0]


def least_short(residual: Residual, places: Places, short: np.ndarray) -> tuple[tuple[int, int, int, int], Spot]:
    """The spot of `places` that is short by least, and its rank: short by, start, domain, option."""
    column, row = (int(n) for n in np.unravel_index(int(np.argmin(short.T)), short.T.shape))
    spot = places.spot(residual.arrays, row, column)
    return (int(short[row, column]), spot.start, spot.domain, spot.option), spot


def _unplaced_at(held: Held, residual: Residual, spot: Spot, possible: Spot | None) -> Unplaced:
    """free, short by and week are those of `spot`; reason and blockers those of `possible`, where supply is enough."""
    free = max(0, residual.room(spot))
    blocked = possible or spot
    blockers = _in_the_way(held, residual, blocked)
    reason = _supply_reason(residual, spot) if possible is None else _blocking_reason(residual, blocked, blockers)
    return Unplaced(
        key=residual.row.key,
        reason=reason,
        week=week_at(residual.arrays, _binding_week(residual, spot)),
        needed=spot.accelerators,
        free=free,
        short_by=max(0, spot.accelerators - free),
        blockers=tuple(sorted((b for _, b in blockers), key=lambda b: (-b.accelerators, b.key))),
        smallest_changes=smallest_changes(residual, spot, held.serving),
    )


def _in_the_way(held: Held, residual: Residual, spot: Spot) -> list[tuple[str, Blocker]]:
    """(reason, blocker) of the binding week; where only lower classes lie there, of the next tightest with others.

    Lower classes are where the request could not have been: what keeps it out is in another of its weeks.
    """
    free = residual.free(spot.domain)
    short = [week for week in spot.span if free[week] < _wanted(residual, spot.accelerators)]
    first: list[tuple[str, Blocker]] = []
    for week in sorted(short, key=lambda week: (free[week], week)) or [_binding_week(residual, spot)]:
        blockers = list(_blockers(held, residual, spot, week))
        if any(reason != LOWER for reason, _ in blockers):
            return blockers
        first = first or blockers
    return first


def _binding_week(residual: Residual, spot: Spot) -> int:
    return spot.start + int(np.argmin(residual.free(spot.domain)[spot.start : spot.start + spot.weeks]))


def _supply_reason(residual: Residual, best: Spot) -> str:
    """The reason where not even an empty plan has room; pinned work may lie in its own place only."""
    arrays, pin = residual.arrays, residual.row.pinned
    options = [(option, [arrays.pool_index[key] for key in option.pools]) for option in residual.request.options]
    if pin is not None:
        options = [(residual.request.options[pin.option], [pin.pool])]
    if all(option.accelerators > max(arrays.supply[p]) for option, pools in options for p in pools):
        return "exceeds_any_pool"
    domains = [(option, q) for option, pools in options for p in pools for q in arrays.domains_of[p]]
    domains = [(option, q) for option, q in domains if pin is None or q == pin.domain]
    if not residual.row.divisible and all(n.accelerators > max(arrays.domains[q].supply) for n, q in domains):
        return "no_domain_large_enough"
    in_time = []
    for places in residual.places():
        in_time.append(residual.request.options[places.option])
        for q in places.domains:
            supply = np.array(_supply(residual, q))
            span = np.lib.stride_tricks.sliding_window_view(supply, places.weeks).min(axis=1)
            there = span[places.first : places.first + places.grid.shape[1]]
            if (there >= _wanted(residual, places.accelerators)).any() and residual.floors(arrays.domains[q].pool):
                return "floor_reserved"
    large = [q for n, q in domains if n in in_time and n.accelerators <= max(_supply(residual, q))]
    return _ending_or_late(residual, best, large)


def _supply(residual: Residual, domain: int) -> Sequence[int]:
    """What the request could be given there, by week: divisible work needs no one domain, it counts the whole pool."""
    arrays = residual.arrays
    row = arrays.domains[domain]
    return arrays.supply[row.pool] if residual.row.divisible else row.supply


def _ending_or_late(residual: Residual, best: Spot, large: list[int]) -> str:
    """Supply is enough at another time only: after the binding week (late_delivery) or before it (capacity_ends).

    large: domains that are large enough at some time, for a best spot in one whose supply never changes.
    """
    for q in (best.domain, *large):
        supply = _supply(residual, q)
        week = min(best.span, key=lambda t: (supply[t], t))
        if max(supply[week + 1 :], default=0) > supply[week]:
            return "late_delivery"
        if max(supply[:week], default=0) > supply[week]:
            return "capacity_ends"
    return "no_domain_large_enough"


def _blocking_reason(residual: Residual, spot: Spot, blockers: list[tuple[str, Blocker]]) -> str:
    span, held = slice(spot.start, spot.start + spot.weeks), residual.held
    if residual.floors(spot.pool):
        beside = held.pool[spot.pool, span].min()
        if not residual.row.divisible:
            beside = min(beside, held.domain[spot.domain, span].min())
        if beside >= _wanted(residual, spot.accelerators):
            return "floor_reserved"
    amounts: dict[str, int] = {}
    for reason, blocker in blockers:
        amounts[reason] = amounts.get(reason, 0) + blocker.accelerators
    # What lower classes hold is not asked of anybody else.
    asked = max(1, _wanted(residual, spot.accelerators) - residual.room(spot) - amounts.pop(LOWER, 0))
    enough = [reason for reason in MAIN_FIRST if amounts.get(reason, 0) >= asked]
    if enough:
        return enough[0]
    return max(amounts, key=lambda reason: (amounts[reason], reason), default=SAME)


def _blockers(held: Held, residual: Residual, spot: Spot, week: int) -> Iterator[tuple[str, Blocker]]:
    """(reason, blocker) of all that uses a constraint which is too tight for the request in the binding week."""
    arrays, room, asked = residual.arrays, residual.held, spot.accelerators
    tight = {f for f in residual.floors(spot.pool) if room.floor[f, week] < asked}
    pools = {spot.pool} if room.pool[spot.pool, week] < asked else set()
    floor_pools = {pool for f in tight for pool in arrays.floors[f].pools}
    for pool in sorted(pools | floor_pools):
        for d, accelerators in sorted(held.serving.at(pool, week).items()):
            yield _serving_reason(arrays, d), Blocker(arrays.demands[d].key, accelerators)
    amounts: dict[int, int] = {}
    for e, column in residual.plan.gangs.items():
        if column.first <= week < column.last and _is_held(residual, e):
            counted = set(arrays.experiments[e].counted_by) & tight
            in_floor = any(column.pool in arrays.floors[f].pools for f in counted)
            if column.domain == spot.domain or column.pool in pools or in_floor:
                amounts[e] = column.accelerators
    for (e, _, pool, t), accelerators in residual.plan.divided.items():
        if t == week and _is_held(residual, e) and pool in pools | floor_pools:
            amounts[e] = amounts.get(e, 0) + accelerators
    for e, accelerators in sorted(amounts.items()):
        if accelerators:
            yield _experiment_reason(residual, e), Blocker(arrays.experiments[e].key, accelerators)


def _is_held(residual: Residual, e: int) -> bool:
    row = residual.arrays.experiments[e]
    return not (row.preemptible and row.tier > residual.row.tier and row.pinned is None)


def _serving_reason(arrays: Arrays, d: int) -> str:
    position = arrays.serving_tiers.index(arrays.demands[d].tier)
    return SERVING_REASONS[position] if position < len(SERVING_REASONS) else HIGHER


def _experiment_reason(residual: Residual, e: int) -> str:
    row = residual.arrays.experiments[e]
    if row.pinned is not None:
        return RUNNING
    if row.tier > residual.row.tier:
        return LOWER
    return HIGHER if row.tier < residual.row.tier else SAME


def placement_warnings(arrays: Arrays, plan: Plan) -> tuple[PlacementWarning, ...]:
    """Placements that would stand in the way of an unplaced request of a higher class after an announced delivery.

    For each unplaced gang: the first start after its window at which it would fit without lower classes, in a domain
    to which more comes after the request's last start. Where it does not fit anywhere with lower classes held, each of
    them that cannot be preempted and lies across that place is warned of (methods: Warnings of a plan).
    """
    held = Held.of(arrays, plan)
    found = set()
    for e in held.unplaced():
        row = arrays.experiments[e]
        if row.divisible or row.pinned is not None:
            continue
        spot = _place_after_delivery(held, e)
        if spot is None:
            continue
        floor_pools = {p for f in held.residual(e).floors(spot.pool) for p in arrays.floors[f].pools}
        for other, column in plan.gangs.items():
            lower = arrays.experiments[other]
            if lower.tier <= row.tier or lower.preemptible or lower.pinned is not None:
                continue
            overlaps = column.first < spot.start + spot.weeks and spot.start < column.last
            if overlaps and (column.pool == spot.pool or column.pool in floor_pools):
                found.add((lower.key, row.key, spot.start, column.pool, column.accelerators))
    return tuple(
        PlacementWarning(key, blocks, arrays.problem.pools[pool].key, week_at(arrays, week), accelerators)
        for key, blocks, week, pool, accelerators in sorted(found)
    )


def _place_after_delivery(held: Held, e: int) -> Spot | None:
    arrays = held.arrays
    alone, beside = held.residual(e, without_lower=True), held.residual(e)
    _, latest = alone.window()
    starts = (max(0, latest + 1), arrays.weeks)
    for without, with_all in zip(alone.places(starts=starts), beside.places(starts=starts), strict=True):
        grows = np.array(
            [
                np.array(arrays.domains[q].supply)[without.first :][: without.grid.shape[1]]
                > arrays.domains[q].supply[min(max(0, latest), arrays.weeks - 1)]
                for q in without.domains
            ]
        )
        fits = (without.grid >= without.accelerators) & grows
        if not fits.any():
            continue
        column = int(np.argmax(fits.any(axis=0)))
        if (with_all.grid[:, column] >= with_all.accelerators).any():
            continue
        return without.spot(arrays, int(np.argmax(fits[:, column])), column)
    return None

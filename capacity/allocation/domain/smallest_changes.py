"""The smallest changes that let a request fit while everything else is held as written.

What belongs here: one function per kind of change. Each returns a change with which the residual check passes and
with one unit less of which it fails (methods: Explanations); a kind that cannot help returns None.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from capacity.allocation.domain.residual import UNBOUND, Places, Residual, Spot, sliding_least, sliding_most
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.solution import SmallestChange

MOST_SERVING_CHANGES = 3


class ServingThere(Protocol):
    """Who is served in a pool and week, accelerators by demand; and by tier."""

    def at(self, pool: int, week: int) -> Mapping[int, int]: ...

    def by_tier(self, pool: int, week: int) -> Mapping[int, int]: ...


def smallest_changes(residual: Residual, best: Spot, serving: ServingThere) -> tuple[SmallestChange, ...]:
    """Changes in the order of the kinds; none for divisible work, which takes whatever there is."""
    if residual.row.divisible:
        return ()
    found = [
        _fewer_accelerators(residual, best),
        _later_start(residual),
        _shorter(residual, best.option),
        _other_pool(residual, best),
        _preemptible(residual),
        _more_supply(residual),
        _earlier_delivery(residual),
        *_smaller_serving(residual, serving),
    ]
    return tuple(change for change in found if change is not None)


def changes_of_window(residual: Residual) -> tuple[SmallestChange, ...]:
    """For a request none of whose starts ends inside the horizon: a later start, or fewer weeks."""
    if residual.row.divisible:
        return ()
    size = residual.request.options[0].accelerators
    alike = [number for number, option in enumerate(residual.request.options) if option.accelerators == size]
    shorter = [_shorter(residual, number) for number in alike]
    found = [_later_start(residual), max((c for c in shorter if c), key=lambda c: c.weeks or 0, default=None)]
    return tuple(change for change in found if change is not None)


def _fewer_accelerators(residual: Residual, best: Spot) -> SmallestChange | None:
    room = residual.room(best)
    return SmallestChange("fewer_accelerators", accelerators=room) if 0 < room < best.accelerators else None


def _later_start(residual: Residual) -> SmallestChange | None:
    _, latest = residual.window()
    starts = [
        places.first + int(np.argmax(fits))
        for places in residual.places(starts=(latest + 1, residual.arrays.weeks))
        if (fits := (places.grid >= places.accelerators).any(axis=0)).any()
    ]
    return SmallestChange("later_start", start=week_at(residual.arrays, min(starts))) if starts else None


def _shorter(residual: Residual, number: int) -> SmallestChange | None:
    option = residual.request.options[number]
    pools = [residual.arrays.pool_index[key] for key in option.pools]
    for weeks in range(option.weeks - 1, 0, -1):
        if _fits_somewhere(residual.places_in(pools, number, weeks, residual.window())):
            return SmallestChange("shorter", weeks=weeks)
    return None


def _fits_somewhere(places: Places | None) -> bool:
    return places is not None and bool((places.grid >= places.accelerators).any())


def _other_pool(residual: Residual, best: Spot) -> SmallestChange | None:
    """The first pool of the same accelerator type, in key order, in which the request as asked fits."""
    problem = residual.arrays.problem
    own = {key for option in residual.request.options for key in option.pools}
    kind = problem.pools[best.pool].accelerator_type
    for pool, row in enumerate(problem.pools):
        if (
            row.key not in own
            and row.accelerator_type == kind
            and _fits_somewhere(residual.places_in([pool], best.option, best.weeks, residual.window()))
        ):
            return SmallestChange("other_pool", pool=row.key)
    return None


def _preemptible(residual: Residual) -> SmallestChange | None:
    if residual.row.preemptible:
        return None
    counted = tuple(f for f in residual.kind.floors if not residual.arrays.floors[f].lendable)
    kind = replace(residual.kind, floors=counted)
    fits = any(_fits_somewhere(places) for places in residual.places(kind=kind))
    return SmallestChange("preemptible") if fits else None


def _more_supply(residual: Residual) -> SmallestChange | None:
    """Fewest whole nodes in one domain over the weeks that are short; of equal ones the earliest start."""
    arrays = residual.arrays
    fewest: tuple[int, int, int, int] | None = None
    chosen: Spot | None = None
    for places in residual.places():
        node = np.array([arrays.node_size[arrays.domains[q].pool] for q in places.domains])[:, None]
        needed = residual.held.supply_needed(residual.kind, places.domains, places.accelerators)
        amounts = sliding_most(-(-needed // node) * node, places.weeks)[:, _starts(places)]
        row, column = _first_least(amounts)
        rank = (int(amounts[row, column]), places.first + column, places.domains[row], places.option)
        if rank[0] and (fewest is None or rank < fewest):
            fewest, chosen = rank, places.spot(arrays, row, column)
    if fewest is None or chosen is None:
        return None
    free = residual.free(chosen.domain)
    short = [t for t in chosen.span if free[t] < chosen.accelerators]
    return SmallestChange(
        "more_supply",
        pool=arrays.problem.pools[chosen.pool].key,
        accelerators=fewest[0],
        from_=week_at(arrays, short[0]),
        weeks=short[-1] + 1 - short[0],
    )


def _starts(places: Places) -> slice:
    return slice(places.first, places.first + places.grid.shape[1])


def _first_least(grid: np.ndarray) -> tuple[int, int]:
    """(row, column) of the least; of equal ones the earliest column, then the first row."""
    column, row = np.unravel_index(int(np.argmin(grid.T)), grid.T.shape)
    return int(row), int(column)


def _earlier_delivery(residual: Residual) -> SmallestChange | None:
    """What arrives in a domain in one week, by the fewest weeks earlier; accelerators and from_: as announced.

    It helps the request there, and in the other domains of the pool where only the pool is short.
    """
    arrays, held = residual.arrays, residual.held
    found: tuple[int, int, int] | None = None
    for places in residual.places():
        here = held.supply_needed(residual.kind, places.domains, places.accelerators)
        beside = held.supply_needed(residual.kind, places.domains, places.accelerators, elsewhere=True)
        alone = beside.copy()
        alone[held.domain[np.array(places.domains)] < places.accelerators] = UNBOUND
        for row, q in enumerate(places.domains):
            for to in arrays.domains_of[arrays.domains[q].pool]:
                needed = here[row] if to == q else alone[row]
                for arrival, step in _arrivals(arrays.domains[to].supply, after=places.first):
                    weeks = _weeks_earlier(needed, places, arrival, step)
                    if weeks and (found is None or (weeks, arrival, to) < found):
                        found = (weeks, arrival, to)
    if found is None:
        return None
    weeks, arrival, to = found
    supply = arrays.domains[to].supply
    return SmallestChange(
        "earlier_delivery",
        accelerators=supply[arrival] - supply[arrival - 1],
        pool=arrays.problem.pools[arrays.domains[to].pool].key,
        from_=week_at(arrays, arrival),
        weeks=weeks,
    )


def _arrivals(supply: tuple[int, ...], *, after: int) -> Iterator[tuple[int, int]]:
    for week in range(after + 1, len(supply)):
        if supply[week] > supply[week - 1]:
            yield week, supply[week] - supply[week - 1]


def _weeks_earlier(needed: np.ndarray, places: Places, arrival: int, step: int) -> int:
    """Fewest weeks earlier at which some start fits; 0 where none does."""
    enough = needed <= np.where(np.arange(len(needed)) < arrival, step, 0)
    fewest = 0
    for start in np.flatnonzero(sliding_least(enough[None].astype(np.int64), places.weeks)[0, _starts(places)]):
        begin = places.first + int(start)
        short = np.flatnonzero(needed[begin : begin + places.weeks])
        if len(short):
            weeks = arrival - (begin + int(short[0]))
            fewest = min(fewest, weeks) if fewest else weeks
    return fewest


def _smaller_serving(residual: Residual, serving: ServingThere) -> list[SmallestChange]:
    """For the demands in the way, lowest tier first: the fewest replicas less, in the weeks that are short."""
    demands = residual.arrays.demands
    lowest = max(residual.arrays.serving_tiers, default=-1)
    fewest: dict[int, int] = {}
    for amount, pool, weeks in _serving_to_give_way(residual):
        if sum(demands[d].tier == lowest and found < amount for d, found in fewest.items()) >= MOST_SERVING_CHANGES:
            break
        for d, accelerators in _reductions(residual, pool, weeks, amount, serving):
            fewest[d] = min(fewest.get(d, accelerators), accelerators)
    order = sorted(fewest, key=lambda d: (-demands[d].tier, fewest[d], demands[d].key))
    return [
        SmallestChange("smaller_serving", key=demands[d].key, accelerators=fewest[d])
        for d in order[:MOST_SERVING_CHANGES]
    ]


def _serving_to_give_way(residual: Residual) -> list[tuple[int, int, tuple[int, ...]]]:
    """(accelerators less, pool, weeks that are short) by which serving alone would make room, fewest first."""
    arrays, held = residual.arrays, residual.held
    found = set()
    for places in residual.places():
        there = sliding_least(held.domain, places.weeks)
        for pool in sorted({arrays.domains[q].pool for q in places.domains}):
            domains = [q for q in places.domains if arrays.domains[q].pool == pool]
            is_large = (there[np.array(domains), _starts(places)] >= places.accelerators).any(axis=0)
            short = places.accelerators - held.shared(residual.kind)[pool]
            most = sliding_most(short[None], places.weeks)[0, _starts(places)]
            for column in np.flatnonzero(is_large & (most > 0)):
                begin = places.first + int(column)
                weeks = tuple(begin + int(t) for t in np.flatnonzero(short[begin : begin + places.weeks] > 0))
                found.add((int(most[column]), pool, weeks))
    return sorted(found)


def _reductions(
    residual: Residual, pool: int, weeks: tuple[int, ...], amount: int, serving: ServingThere
) -> list[tuple[int, int]]:
    """(demand, accelerators) of every demand that alone could give way by `amount`, in whole replicas."""
    arrays = residual.arrays
    found = []
    for d, here in serving.at(pool, weeks[0]).items():
        options = arrays.classes[arrays.demands[d].class_].options
        replica = next(option.replica for option in options if option.pool == pool)
        accelerators = -(-amount // replica) * replica
        if here >= accelerators and all(_can_shrink(residual, pool, t, d, accelerators, serving) for t in weeks):
            found.append((d, accelerators))
    return found


def _can_shrink(residual: Residual, pool: int, week: int, d: int, accelerators: int, serving: ServingThere) -> bool:
    """The demand has that much there, and what stays still carries the burst its tier bought."""
    tier = residual.arrays.demands[d].tier
    bought = residual.plan.burst.get((tier, pool, week), 0)
    if serving.at(pool, week).get(d, 0) < accelerators:
        return False
    return not bought or serving.by_tier(pool, week).get(tier, 0) - accelerators >= bought

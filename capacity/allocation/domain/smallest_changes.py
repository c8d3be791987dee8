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
    """Who is served in a pool and week, accelerators by demand; and by tier; and what would be free without a demand."""

    def at(self, pool: int, week: int) -> Mapping[int, int]: ...

    def by_tier(self, pool: int, week: int) -> Mapping[int, int]: ...

    def released(self, d: int, pool: int, week: int) -> int: ...


def smallest_changes(residual: Residual, best: Spot, serving: ServingThere) -> tuple[SmallestChange, ...]:
    """Changes in the order of the kinds; none for divisible work, which takes whatever there is.

    Of pinned work pool, domain and start are settled: no other pool, no later start.
    """
    if residual.row.divisible:
        return ()
    is_free = residual.row.pinned is None
    found = [
        _fewer_accelerators(residual, best),
        _later_start(residual) if is_free else None,
        _shorter(residual) if is_free else _shorter_pin(residual),
        _other_pool(residual) if is_free else None,
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
    found = [_later_start(residual), _shorter(residual)]
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


def _shorter(residual: Residual) -> SmallestChange | None:
    """The most weeks less than asked that any option fits with; of equal ones the option of most accelerators."""
    found = [
        (weeks, option.accelerators)
        for number, option in enumerate(residual.request.options)
        if (weeks := _most_weeks(residual, number))
    ]
    if not found:
        return None
    weeks, accelerators = max(found)
    return SmallestChange("shorter", weeks=weeks, accelerators=_if_sizes_differ(residual, accelerators))


def _most_weeks(residual: Residual, number: int) -> int:
    """Weeks less than the option asks for that it fits with; 0 where not even one does."""
    option = residual.request.options[number]
    pools = [residual.arrays.pool_index[key] for key in option.pools]
    for weeks in range(option.weeks - 1, 0, -1):
        if _fits_somewhere(residual.places_in(pools, number, weeks, residual.window())):
            return weeks
    return 0


def _if_sizes_differ(residual: Residual, accelerators: int) -> int | None:
    sizes = {option.accelerators for option in residual.request.options}
    return accelerators if len(sizes) > 1 else None


def _shorter_pin(residual: Residual) -> SmallestChange | None:
    """Weeks from the pinned start, those before the horizon among them."""
    pin, start = residual.row.pinned, residual.request.pinned
    assert pin is not None and start is not None
    before = pin.first - residual.arrays.problem.first_week.weeks_until(start.start)
    for weeks in range(pin.last - pin.first - 1, 0, -1):
        if _fits_somewhere(residual.pinned_place(weeks=weeks)):
            return SmallestChange("shorter", weeks=before + weeks)
    return None


def _fits_somewhere(places: Places | None) -> bool:
    return places is not None and bool((places.grid >= places.accelerators).any())


def _other_pool(residual: Residual) -> SmallestChange | None:
    """The first pool in key order in which an option fits as asked, of an accelerator type the option accepts."""
    problem, index = residual.arrays.problem, residual.arrays.pool_index
    own = {key for option in residual.request.options for key in option.pools}
    kinds = [
        {problem.pools[index[key]].accelerator_type for key in option.pools} for option in residual.request.options
    ]
    for pool, row in enumerate(problem.pools):
        if row.key in own:
            continue
        for number, option in enumerate(residual.request.options):
            if row.accelerator_type in kinds[number] and _fits_somewhere(
                residual.places_in([pool], number, option.weeks, residual.window())
            ):
                size = _if_sizes_differ(residual, option.accelerators)
                return SmallestChange("other_pool", pool=row.key, accelerators=size)
    return None


def _preemptible(residual: Residual) -> SmallestChange | None:
    if residual.row.preemptible:
        return None
    counted = tuple(f for f in residual.kind.floors if not residual.arrays.floors[f].lendable)
    kind = replace(residual.kind, floors=counted)
    fits = any(_fits_somewhere(places) for places in residual.places(kind=kind))
    return SmallestChange("preemptible") if fits else None


def _more_supply(residual: Residual) -> SmallestChange | None:
    """Fewest accelerators in whole nodes of one domain, over the weeks that are short.

    Of equal ones the earliest start, then the request's own domain before another pool of its floors.
    """
    arrays = residual.arrays
    fewest: tuple[int, int, bool, int, int, int] | None = None
    chosen: Spot | None = None
    for places in residual.places():
        for pools, needed in _more_supply_in(residual, places):
            node = np.array([arrays.node_size[pool] for pool in pools])[:, None]
            amounts = sliding_most(-(-needed // node) * node, places.weeks)[:, _starts(places)]
            row, column = _first_least(amounts)
            amount, q = int(amounts[row, column]), places.domains[row]
            is_other = pools[row] != arrays.domains[q].pool
            rank = (amount, places.first + column, is_other, q, places.option, pools[row])
            if 0 < amount < UNBOUND and (fewest is None or rank < fewest):
                fewest, chosen = rank, places.spot(arrays, row, column)
    if fewest is None or chosen is None:
        return None
    free = residual.free(chosen.domain)
    short = [t for t in chosen.span if free[t] < chosen.accelerators]
    return SmallestChange(
        "more_supply",
        pool=arrays.problem.pools[fewest[-1]].key,
        accelerators=fewest[0],
        from_=week_at(arrays, short[0]),
        weeks=short[-1] + 1 - short[0],
    )


def _more_supply_in(residual: Residual, places: Places) -> Iterator[tuple[list[int], np.ndarray]]:
    """(pool of each row, supply it needs): in the domains themselves, then in other pools of floors that are short.

    Of pools in the same floors with equal nodes the first is enough.
    """
    arrays, held, asked = residual.arrays, residual.held, places.accelerators
    own = [arrays.domains[q].pool for q in places.domains]
    yield own, held.supply_needed(residual.kind, places.domains, asked)
    counting = {f for pool in set(own) for f in residual.floors(pool)}
    for floors, pools in held.in_floors.items():
        if not floors & counting:
            continue
        needed = held.needed_in(floors, residual.kind, places.domains, asked, supply=True)
        for pool in {arrays.node_size[pool]: pool for pool in reversed(pools)}.values():
            yield [pool] * len(own), needed


def _starts(places: Places) -> slice:
    return slice(places.first, places.first + places.grid.shape[1])


def _first_least(grid: np.ndarray) -> tuple[int, int]:
    """(row, column) of the least; of equal ones the earliest column, then the first row."""
    column, row = np.unravel_index(int(np.argmin(grid.T)), grid.T.shape)
    return int(row), int(column)


def _earlier_delivery(residual: Residual) -> SmallestChange | None:
    """What arrives in a domain in one week, by the fewest weeks earlier; accelerators and from_: as announced.

    It helps the request there, in the other domains of the pool where only the pool is short, and in the other pools
    of a floor where only the floor is.
    """
    arrays = residual.arrays
    found: tuple[int, int, int] | None = None
    for places in residual.places():
        for to, needed in _more_supply_to(residual, places):
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


def _more_supply_to(residual: Residual, places: Places) -> Iterator[tuple[int, np.ndarray]]:
    """(domain that gets more, supply it needs by week), for every domain of `places` that this would help."""
    arrays, held, asked = residual.arrays, residual.held, places.accelerators
    here = held.supply_needed(residual.kind, places.domains, asked)
    alone = held.supply_needed(residual.kind, places.domains, asked, elsewhere=True)
    alone[held.domain[np.array(places.domains)] < asked] = UNBOUND
    for row, q in enumerate(places.domains):
        for to in arrays.domains_of[arrays.domains[q].pool]:
            yield to, here[row] if to == q else alone[row]
    counting = {f for q in places.domains for f in residual.floors(arrays.domains[q].pool)}
    for floors, pools in held.in_floors.items():
        if not floors & counting:
            continue
        needed = held.needed_in(floors, residual.kind, places.domains, asked, supply=True)
        helps = (sliding_most(needed, places.weeks)[:, _starts(places)] < UNBOUND).any(axis=1)
        for row in {needed[row].tobytes(): int(row) for row in np.flatnonzero(helps)}.values():
            yield from ((to, needed[row]) for pool in pools for to in arrays.domains_of[pool])


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
            for givers, short in _less_serving_in(residual, pool, places.accelerators):
                most = sliding_most(short[None], places.weeks)[0, _starts(places)]
                for column in np.flatnonzero(is_large & (most > 0) & (most < UNBOUND)):
                    begin = places.first + int(column)
                    weeks = tuple(begin + int(t) for t in np.flatnonzero(short[begin : begin + places.weeks] > 0))
                    found |= {(int(most[column]), giver, weeks) for giver in givers}
    return sorted(found)


def _less_serving_in(residual: Residual, pool: int, asked: int) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """(pools, serving less that one of them needs by week): the pool itself, then the other pools of its floors."""
    held, domain = residual.held, residual.arrays.domains_of[pool][0]
    yield (pool,), asked - held.shared(residual.kind)[pool]
    counting = residual.floors(pool)
    whole = replace(residual.kind, divisible=True)  # whether a domain is large enough is asked beside it
    for floors, pools in held.in_floors.items():
        others = tuple(p for p in pools if p != pool)
        if others and not floors.isdisjoint(counting):
            yield others, held.needed_in(floors, whole, (domain,), asked, supply=False)[0]


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
    """The demand has that much there, nobody else needs it, and what stays still carries the burst its tier bought."""
    tier = residual.arrays.demands[d].tier
    bought = residual.plan.burst.get((tier, pool, week), 0)
    if min(serving.at(pool, week).get(d, 0), serving.released(d, pool, week)) < accelerators:
        return False
    return not bought or serving.by_tier(pool, week).get(tier, 0) - accelerators >= bought

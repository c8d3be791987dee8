"""The smallest changes that let a request fit while everything else is held as written.

What belongs here: one function per kind of change. Each returns a change with which the residual check passes and
with one unit less of which it fails (methods: Explanations); a kind that cannot help returns None.
"""

from __future__ import annotations

from collections.abc import Callable

from capacity.allocation.domain.residual import Residual, Spot
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.solution import SmallestChange

ServingAt = Callable[[int, int], dict[int, int]]
MOST_SERVING_CHANGES = 3


def smallest_changes(residual: Residual, best: Spot, serving_at: ServingAt) -> tuple[SmallestChange, ...]:
    """Changes in the order of the kinds; none for divisible work, which takes whatever there is."""
    if residual.row.divisible:
        return ()
    found = [
        _fewer_accelerators(residual, best),
        _later_start(residual),
        _shorter(residual, best),
        _other_pool(residual, best),
        _preemptible(residual),
        _more_supply(residual),
        *_smaller_serving(residual, serving_at),
    ]
    return tuple(change for change in found if change is not None)


def _fewer_accelerators(residual: Residual, best: Spot) -> SmallestChange | None:
    room = residual.room(best)
    return SmallestChange("fewer_accelerators", accelerators=room) if 0 < room < best.accelerators else None


def _later_start(residual: Residual) -> SmallestChange | None:
    _, latest = residual.window()
    spots = residual.spots(starts=(latest + 1, residual.arrays.weeks))
    starts = [spot.start for spot in spots if residual.fits(spot)]
    return SmallestChange("later_start", start=week_at(residual.arrays, min(starts))) if starts else None


def _shorter(residual: Residual, best: Spot) -> SmallestChange | None:
    option = residual.request.options[best.option]
    pools = [residual.arrays.pool_index[key] for key in option.pools]
    for weeks in range(option.weeks - 1, 0, -1):
        spots = residual.spots_in(pools, best.option, weeks, option.accelerators, residual.window())
        if any(residual.fits(spot) for spot in spots):
            return SmallestChange("shorter", weeks=weeks)
    return None


def _other_pool(residual: Residual, best: Spot) -> SmallestChange | None:
    """The first pool of the same accelerator type, in key order, in which the request as asked fits."""
    problem, arrays = residual.arrays.problem, residual.arrays
    own = {key for option in residual.request.options for key in option.pools}
    kind = problem.pools[best.pool].accelerator_type
    for pool, row in enumerate(problem.pools):
        if row.key not in own and row.accelerator_type == kind:
            spots = residual.spots_in([pool], best.option, best.weeks, best.accelerators, residual.window())
            if any(residual.fits(spot) for spot in spots):
                return SmallestChange("other_pool", pool=arrays.problem.pools[pool].key)
    return None


def _preemptible(residual: Residual) -> SmallestChange | None:
    if residual.row.preemptible:
        return None
    fits = any(
        all(residual.free_at(spot.domain, t, if_preemptible=True) >= spot.accelerators for t in spot.span)
        for spot in residual.spots()
        if residual.floors(spot.pool) != residual.floors(spot.pool, if_preemptible=True)
    )
    return SmallestChange("preemptible") if fits else None


def _more_supply(residual: Residual) -> SmallestChange | None:
    """Fewest whole nodes in one domain over the weeks that are short; of equal ones the earliest start."""
    arrays = residual.arrays
    fewest: tuple[int, int, int] | None = None
    chosen: Spot | None = None
    for spot in residual.spots():
        nodes = max(_nodes_needed(residual, spot, t) for t in spot.span)
        rank = (nodes * arrays.node_size[spot.pool], spot.start, spot.domain)
        if nodes and (fewest is None or rank < fewest):
            fewest, chosen = rank, spot
    if fewest is None or chosen is None:
        return None
    short = [t for t in chosen.span if residual.free(chosen.domain)[t] < chosen.accelerators]
    return SmallestChange(
        "more_supply",
        pool=arrays.problem.pools[chosen.pool].key,
        accelerators=fewest[0],
        from_=week_at(arrays, short[0]),
        weeks=short[-1] + 1 - short[0],
    )


def _nodes_needed(residual: Residual, spot: Spot, week: int) -> int:
    """Nodes of supply until the week has room; a floor above its supply takes what it still lacks first."""
    arrays = residual.arrays
    node = arrays.node_size[spot.pool]
    short = spot.accelerators - residual.free(spot.domain)[week]
    lacking = max(
        (arrays.floors[f].asked[week] - arrays.floors[f].kept[week] for f in residual.floors(spot.pool)), default=0
    )
    nodes = max(0, -(-short // node))
    while short > 0 and nodes * node < short + lacking:
        if residual.free_at(spot.domain, week, extra=nodes * node) >= spot.accelerators:
            return nodes
        nodes += max(1, (spot.accelerators - residual.free_at(spot.domain, week, extra=nodes * node)) // node)
    return nodes


def _smaller_serving(residual: Residual, serving_at: ServingAt) -> list[SmallestChange]:
    """For the demands in the way, lowest tier first: the fewest replicas less, in the weeks that are short."""
    fewest: dict[int, int] = {}
    for spot in residual.spots():
        short = {t: spot.accelerators - residual.free(spot.domain)[t] for t in spot.span}
        needed = {t: amount for t, amount in short.items() if amount > 0}
        if needed and all(
            residual.free_at(spot.domain, t, serving=amount) >= spot.accelerators for t, amount in needed.items()
        ):
            for d, accelerators in _reductions(residual, spot, needed, serving_at):
                fewest[d] = min(fewest.get(d, accelerators), accelerators)
    demands = residual.arrays.demands
    order = sorted(fewest, key=lambda d: (-demands[d].tier, fewest[d], demands[d].key))
    return [
        SmallestChange("smaller_serving", key=demands[d].key, accelerators=fewest[d])
        for d in order[:MOST_SERVING_CHANGES]
    ]


def _reductions(residual: Residual, spot: Spot, needed: dict[int, int], serving_at: ServingAt) -> list[tuple[int, int]]:
    """(demand, accelerators) of every demand that alone could make room in the spot, in whole replicas."""
    arrays = residual.arrays
    first = min(needed)
    found = []
    for d in serving_at(spot.pool, first):
        options = arrays.classes[arrays.demands[d].class_].options
        replica = next(option.replica for option in options if option.pool == spot.pool)
        accelerators = -(-max(needed.values()) // replica) * replica
        if all(_can_shrink(residual, spot.pool, t, d, accelerators, serving_at) for t in needed):
            found.append((d, accelerators))
    return found


def _can_shrink(residual: Residual, pool: int, week: int, d: int, accelerators: int, serving_at: ServingAt) -> bool:
    """The demand has that much there, and what stays still carries the burst its tier bought."""
    here = serving_at(pool, week)
    tier = residual.arrays.demands[d].tier
    bought = residual.plan.burst.get((tier, pool, week), 0)
    of_tier = sum(amount for other, amount in here.items() if residual.arrays.demands[other].tier == tier)
    return here.get(d, 0) >= accelerators and of_tier - accelerators >= bought

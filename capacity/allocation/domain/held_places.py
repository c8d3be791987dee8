"""Room in pools, domains and floors, week by week, and placements held in it one after another (methods: What-if).

What belongs here: which of a plan's placements a changed problem still allows, and the place a request finds in what
is left, by the residual check that explains plans. Serving enters as accelerators by pool and week.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.problem import Experiment, Placement, Pool, Problem, canonical
from capacity.allocation.domain.residual import HeldRoom, Residual, Spot
from capacity.allocation.domain.what_if_answer import Cause

Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Area:
    """The rows a placement in one pool and domain uses; domain None: the pool names none, or the work is divisible."""

    pool: int
    domain: int | None
    floors: tuple[int, ...]


class Rooms:
    """Free accelerators: pool[p, week], domain[q, week], floor[f, week], in key order; placements are taken out."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.pools: tuple[Pool, ...] = tuple(sorted(problem.pools, key=lambda pool: pool.key))
        self.floors = tuple(sorted(problem.floors, key=lambda floor: floor.key))
        self.pool_of = {pool.key: p for p, pool in enumerate(self.pools)}
        named = [
            (p, domain) for p, pool in enumerate(self.pools) for domain in sorted(pool.domains, key=lambda d: d.key)
        ]
        self.domain_of = {(p, domain.key): q for q, (p, domain) in enumerate(named)}
        self.supply = _table([pool.allocatable for pool in self.pools], problem.weeks)
        self.pool = self.supply.copy()
        self.domain = _table([domain.allocatable for _, domain in named], problem.weeks)
        self._in_floor = [np.array([self.pool_of[key] for key in floor.pools], dtype=int) for floor in self.floors]
        under = [self.supply[pools].sum(axis=0) for pools in self._in_floor]
        asked = _table([floor.accelerators for floor in self.floors], problem.weeks)
        self.floor = _table([[0] * problem.weeks for _ in self.floors], problem.weeks)
        self.takes = np.zeros(self.floor.shape)
        for f, supply in enumerate(under):
            self.floor[f] = supply - np.minimum(asked[f], supply)
            self.takes[f] = asked[f] > supply

    def copy(self) -> Rooms:
        """The same rooms, to be taken out of apart."""
        other = copy(self)
        other.pool, other.domain, other.floor = self.pool.copy(), self.domain.copy(), self.floor.copy()
        return other

    def area(self, placement: Placement, experiment: Experiment) -> Area | None:
        """None where the pool or domain is no longer there."""
        pool = self.pool_of.get(placement.pool)
        if pool is None:
            return None
        floors = tuple(
            f for f, floor in enumerate(self.floors) if placement.pool in floor.pools and floor.counts(experiment)
        )
        if placement.domain is None:
            return Area(pool, None, floors)
        domain = self.domain_of.get((pool, placement.domain))
        return None if domain is None else Area(pool, domain, floors)

    def span(self, placement: Placement) -> slice:
        start = self.problem.first_week.weeks_until(placement.start)
        return slice(max(0, start), max(0, min(self.problem.weeks, start + placement.weeks)))

    def blocked(self, placement: Placement, experiment: Experiment) -> Cause | None:
        """Why the placement does not fit in what is free now; None where it does."""
        area, span = self.area(placement, experiment), self.span(placement)
        if area is None:
            return Cause("no_room", pool=placement.pool, week=placement.start, accelerators=placement.accelerators)
        rows = [(None, self.pool[area.pool])]
        rows += [(None, self.domain[area.domain])] if area.domain is not None else []
        floors: list[tuple[str | None, Whole]] = [(self.floors[f].key, self.floor[f]) for f in area.floors]
        for floor, row in (*rows, *floors):
            free = row[span]
            if len(free) and free.min() < placement.accelerators:
                week = self.problem.first_week.plus(span.start + int(free.argmin()))
                short = placement.accelerators - int(free.min())
                return Cause("floor" if floor else "no_room", floor, placement.pool, week, short)
        return None

    def take(self, placement: Placement, experiment: Experiment, *, sign: int = 1) -> None:
        """Takes the placement out of what is free (sign −1: gives it back). It lies in a pool that is there."""
        area, span = self.area(placement, experiment), self.span(placement)
        assert area is not None
        amount = sign * placement.accelerators
        self.pool[area.pool, span] -= amount
        if area.domain is not None:
            self.domain[area.domain, span] -= amount
        for f in area.floors:
            self.floor[f, span] -= amount

    def take_serving(self, use: Whole) -> None:
        """Takes serving less burst, accelerators [pool, week], out of pools and floors."""
        self.pool -= use
        for f, pools in enumerate(self._in_floor):
            self.floor[f] -= use[pools].sum(axis=0)

    def small(self, experiments: Sequence[Experiment]) -> Arrays:
        """Arrays of this supply and these requests alone."""
        return build_arrays(canonical(replace(self.problem, serving=(), previous=(), experiments=tuple(experiments))))


def allows(problem: Problem, experiment: Experiment, placement: Placement) -> bool:
    """Whether the request as it now is could lie where the placement has it, room apart."""
    pin = experiment.pinned
    if pin is not None:
        return (placement.pool, placement.domain, placement.start) == (pin.pool, pin.domain, pin.start) and any(
            pin.pool in option.pools and (option.accelerators, option.weeks) == _size(placement)
            for option in experiment.options
        )
    if experiment.divisible:
        return any(placement.pool in o.pools and placement.accelerators <= o.accelerators for o in experiment.options)
    return experiment.earliest_start <= placement.start <= experiment.latest_start and any(
        placement.pool in option.pools and (option.accelerators, option.weeks) == _size(placement)
        for option in experiment.options
    )


def find_place(
    rooms: Rooms, experiment: Experiment, *, near: Sequence[Placement] = ()
) -> tuple[Placement, ...] | Cause:
    """A place for the request in what is free now, or what is missing where it comes nearest.

    Where it lay (`near`) if that is still to be had, else the earliest, then pool and domain in key order.
    """
    pin = experiment.pinned
    if pin is not None:
        option = next(o for o in experiment.options if pin.pool in o.pools)
        placement = Placement(experiment.key, pin.pool, pin.domain, pin.start, option.weeks, option.accelerators)
        return rooms.blocked(placement, experiment) or (placement,)
    residual = residual_in(rooms, experiment)
    arrays = residual.arrays
    if experiment.divisible:
        return _divided(residual, experiment) or Cause("no_room")
    was = {(row.pool, row.domain, row.start) for row in near}

    def rank(spot: Spot) -> tuple[bool, int, int, int]:
        place = _placement(arrays, spot)
        stays = (place.pool, place.domain, place.start) in was
        return (not stays, spot.start, spot.option, spot.domain)

    spots = sorted(_spots(residual), key=rank)
    best = next((spot for spot in spots if residual.fits(spot)), None)
    return (_placement(arrays, best),) if best is not None else _nearest(residual, spots)


def residual_in(rooms: Rooms, experiment: Experiment) -> Residual:
    """The residual check of one request against what is free in `rooms`."""
    arrays = rooms.small([experiment])
    return Residual(arrays, Plan(), 0, HeldRoom(arrays, _RoomUse(arrays, rooms)))


def _spots(residual: Residual) -> Iterator[Spot]:
    for places in residual.places():
        rows, columns = places.grid.shape
        yield from (places.spot(residual.arrays, row, column) for row in range(rows) for column in range(columns))


def _nearest(residual: Residual, spots: Sequence[Spot]) -> Cause:
    """The spot that misses least, and where it does."""
    if not spots:
        return Cause("window_closed")
    best = min(spots, key=lambda spot: spot.accelerators - residual.room(spot))
    free = residual.free(best.domain)
    week = min(best.span, key=lambda t: (free[t], t))
    first, pool = residual.arrays.problem.first_week, residual.arrays.problem.pools[best.pool]
    return Cause("no_room", None, pool.key, first.plus(week), best.accelerators - max(0, int(free[week])))


def _placement(arrays: Arrays, spot: Spot) -> Placement:
    return Placement(
        key=arrays.experiments[0].key,
        pool=arrays.problem.pools[spot.pool].key,
        domain=arrays.domains[spot.domain].key,
        start=arrays.problem.first_week.plus(spot.start),
        weeks=spot.weeks,
        accelerators=spot.accelerators,
    )


def _divided(residual: Residual, experiment: Experiment) -> tuple[Placement, ...]:
    """Week by week whatever is free, up to what the first option may have a week and in all."""
    arrays, option = residual.arrays, experiment.options[0]
    left, rows = option.accelerators * option.weeks, []
    for week in range(*arrays.experiments[0].span):
        here = min(option.accelerators, left)
        # What it takes of one pool leaves less under a floor that several pools keep together.
        under: dict[int, int] = {}
        for key in sorted(option.pools):
            pool = arrays.pool_index[key]
            floors = list(residual.floors(pool))
            room = [int(residual.held.floor[f, week]) - under.get(f, 0) for f in floors]
            got = max(0, min([here, int(residual.free(arrays.domains_of[pool][0])[week]), *room]))
            here, left = here - got, left - got
            under |= {f: under.get(f, 0) + got for f in floors}
            if got:
                rows.append(Placement(experiment.key, key, None, arrays.problem.first_week.plus(week), 1, got))
    return tuple(_joined(rows))


def _joined(rows: Iterable[Placement]) -> Iterator[Placement]:
    """One row per pool and run of equal weeks."""
    last: Placement | None = None
    for row in sorted(rows, key=lambda row: (row.pool, row.start)):
        if last and (last.pool, last.accelerators, last.start.plus(last.weeks)) == (
            row.pool,
            row.accelerators,
            row.start,
        ):
            last = replace(last, weeks=last.weeks + 1)
            continue
        if last:
            yield last
        last = row
    if last:
        yield last


class _RoomUse(ExperimentUse):
    """What `rooms` has free, as the residual check asks for it."""

    def __init__(self, arrays: Arrays, rooms: Rooms) -> None:
        super().__init__(arrays)
        self._pool = rooms.pool.tolist()
        self._floor = rooms.floor.tolist()
        for q, row in enumerate(arrays.domains):
            if row.key is None:
                self._domain[q] = rooms.pool[row.pool].tolist()
            else:
                self._domain[q] = rooms.domain[rooms.domain_of[row.pool, row.key]].tolist()


def _size(placement: Placement) -> tuple[int, int]:
    return placement.accelerators, placement.weeks


def _table(rows: Sequence[Sequence[int]], weeks: int) -> Whole:
    return np.array(rows, dtype=np.int64).reshape(len(rows), weeks)

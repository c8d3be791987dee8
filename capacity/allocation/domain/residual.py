"""What is left for one request with everything else held: per domain and week, and the constraints behind it.

What belongs here: the residual check that every explanation and every smallest change is verified by (methods:
Explanations). Work of lower tiers that is preemptible is not held against a request: it would be recalled first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan

Grid = NDArray[np.int64]
Mask = NDArray[np.bool_]
# More than any pool has: the room of a constraint that does not bind.
UNBOUND = 2**50


@dataclass(frozen=True, slots=True)
class Spot:
    """A place the request could start: option, domain and start week; `weeks` long."""

    option: int
    pool: int
    domain: int
    start: int
    weeks: int
    accelerators: int

    @property
    def span(self) -> range:
        return range(self.start, self.start + self.weeks)


@dataclass(frozen=True, slots=True)
class Kind:
    """What decides which constraints count a request: the floors that are neither kept for it nor lent to it; divisible
    work lies in no domain."""

    floors: tuple[int, ...]
    divisible: bool


class HeldRoom:
    """Room left by what is held, for every kind of request. Grids are [row, week], accelerators, and may be below 0
    where a floor is already entered. Shared by all requests against which the same work is held."""

    def __init__(self, arrays: Arrays, use: ExperimentUse) -> None:
        self.arrays = arrays
        weeks = range(arrays.weeks)
        self.pool: Grid = _grid([[use.pool_free(p, t) for t in weeks] for p in range(len(arrays.supply))], arrays)
        self.floor: Grid = _grid([[use.floor_free(f, t) for t in weeks] for f in range(len(arrays.floors))], arrays)
        self.domain: Grid = _grid(
            [
                [UNBOUND] * arrays.weeks if row.key is None else [use.domain_free(q, t) for t in weeks]
                for q, row in enumerate(arrays.domains)
            ],
            arrays,
        )
        # What each floor asks for above its supply: more supply goes there first.
        self.lacking: Grid = _grid(
            [[asked - kept for asked, kept in zip(row.asked, row.kept, strict=True)] for row in arrays.floors], arrays
        )
        self.pool_of: NDArray[np.intp] = np.array([row.pool for row in arrays.domains], dtype=np.intp)
        self._free: dict[Kind, Grid] = {}
        self._shared: dict[Kind, Grid] = {}
        self._least: dict[tuple[Kind, int], Grid] = {}
        # Pools by the floors of several pools they are in: what is freed in one of them enters the same rows.
        self.in_floors: dict[frozenset[int], tuple[int, ...]] = _in_floors(arrays)

    def floors(self, kind: Kind, pool: int) -> tuple[int, ...]:
        """Floors whose row counts a request of this kind in the pool."""
        return tuple(f for f in kind.floors if pool in self.arrays.floors[f].pools)

    def shared(self, kind: Kind) -> Grid:
        """[pool, week]: min of the pool and the floors that count the kind; less serving there would raise it."""
        if kind not in self._shared:
            found = self.pool.copy()
            for pool in range(len(found)):
                for f in self.floors(kind, pool):
                    np.minimum(found[pool], self.floor[f], out=found[pool])
            self._shared[kind] = found
        return self._shared[kind]

    def free(self, kind: Kind) -> Grid:
        """[domain, week]: min of domain, pool and the floors that count the kind."""
        if kind not in self._free:
            free = self.shared(kind)[self.pool_of]
            self._free[kind] = free if kind.divisible else np.minimum(free, self.domain)
        return self._free[kind]

    def least_free(self, kind: Kind, weeks: int) -> Grid:
        """[domain, start]: least room over `weeks` weeks from each start at which they end inside the horizon."""
        if (kind, weeks) not in self._least:
            self._least[kind, weeks] = sliding_least(self.free(kind), weeks)
        return self._least[kind, weeks]

    def supply_needed(self, kind: Kind, domains: Sequence[int], accelerators: int, *, elsewhere: bool = False) -> Grid:
        """[domain, week]: least supply more in the domain until the week has room.

        Supply counts in full for the pool and the domain; a floor above its supply takes what it lacks first.
        elsewhere: supply more in another domain of the pool, whatever the domain itself has.
        """
        rows = np.array(domains, dtype=np.intp)
        needed = accelerators - self.pool[self.pool_of[rows]]
        if not kind.divisible and not elsewhere:
            needed = np.maximum(needed, accelerators - self.domain[rows])
        for position, q in enumerate(domains):
            for f in self.floors(kind, int(self.pool_of[q])):
                short = accelerators - self.floor[f]
                np.maximum(needed[position], np.where(short > 0, short + self.lacking[f], short), out=needed[position])
        return np.maximum(needed, 0)

    def needed_in(
        self, floors: frozenset[int], kind: Kind, domains: Sequence[int], accelerators: int, *, supply: bool
    ) -> Grid:
        """[domain, week]: least supply more, or serving less, in another pool of `floors` until the week has room.

        It enters only the rows of those floors: UNBOUND where the domain, its pool or another floor is short.
        """
        rows = np.array(domains, dtype=np.intp)
        beside = self.pool[self.pool_of[rows]]
        if not kind.divisible:
            beside = np.minimum(beside, self.domain[rows])
        needed = np.where(beside < accelerators, UNBOUND, 0)
        for position, q in enumerate(domains):
            for f in self.floors(kind, int(self.pool_of[q])):
                short = accelerators - self.floor[f]
                asked = short + (self.lacking[f] if supply else 0) if f in floors else UNBOUND
                np.maximum(needed[position], np.where(short > 0, asked, 0), out=needed[position])
        return needed


def _in_floors(arrays: Arrays) -> dict[frozenset[int], tuple[int, ...]]:
    shared = [f for f, floor in enumerate(arrays.floors) if len(floor.pools) > 1]
    found: dict[frozenset[int], list[int]] = {}
    for pool in sorted({pool for f in shared for pool in arrays.floors[f].pools}):
        found.setdefault(frozenset(f for f in shared if pool in arrays.floors[f].pools), []).append(pool)
    return {floors: tuple(pools) for floors, pools in found.items()}


def _grid(rows: list[list[int]], arrays: Arrays) -> Grid:
    return np.array(rows, dtype=np.int64).reshape(len(rows), arrays.weeks)


def sliding_least(grid: Grid, weeks: int) -> Grid:
    """[row, start]: the least of `weeks` neighbours from each start."""
    if weeks > grid.shape[1]:
        return grid[:, :0]
    least: Grid = np.lib.stride_tricks.sliding_window_view(grid, weeks, axis=1).min(axis=2)
    return least


def sliding_most(grid: Grid, weeks: int) -> Grid:
    return -sliding_least(-grid, weeks)


@dataclass(frozen=True, slots=True)
class Places:
    """All spots of one option and length at once: `grid` is [domain of `domains`, start − first]."""

    option: int
    weeks: int
    accelerators: int
    domains: tuple[int, ...]
    first: int
    grid: Grid

    def spot(self, arrays: Arrays, row: int, column: int) -> Spot:
        q = self.domains[row]
        return Spot(self.option, arrays.domains[q].pool, q, self.first + column, self.weeks, self.accelerators)


class Residual:
    """Room for experiment e by domain and week, with everything in `held` held."""

    def __init__(self, arrays: Arrays, plan: Plan, e: int, held: HeldRoom) -> None:
        self.arrays, self.plan, self.e, self.held = arrays, plan, e, held
        self.row = arrays.experiments[e]
        self.request = arrays.problem.experiments[e]
        self.kind = Kind(self.row.counted_by, self.row.divisible)

    def floors(self, pool: int) -> tuple[int, ...]:
        return self.held.floors(self.kind, pool)

    def free(self, domain: int) -> Grid:
        """Per week: min of domain, pool and the floors that count the request."""
        row: Grid = self.held.free(self.kind)[domain]
        return row

    def room(self, spot: Spot) -> int:
        """The most accelerators the request could have in the spot for all its weeks."""
        return int(self.free(spot.domain)[spot.start : spot.start + spot.weeks].min())

    def fits(self, spot: Spot) -> bool:
        return self.room(spot) >= spot.accelerators

    def window(self) -> tuple[int, int]:
        """First and last start asked for, in weeks from the horizon's first; may lie outside it."""
        first = self.arrays.problem.first_week
        return first.weeks_until(self.request.earliest_start), first.weeks_until(self.request.latest_start)

    def places(self, *, starts: tuple[int, int] | None = None, kind: Kind | None = None) -> Iterator[Places]:
        """Room at every place of every option with a start from `starts` (the window), clipped to the horizon.

        Divisible work: single weeks, one row a pool. Pinned work: its place alone.
        """
        if self.row.pinned is not None:
            yield self.pinned_place(kind=kind)
            return
        earliest, latest = starts or self.window()
        for number, option in enumerate(self.request.options):
            pools = [self.arrays.pool_index[key] for key in option.pools]
            weeks = 1 if self.row.divisible else option.weeks
            last = latest + option.weeks - 1 if self.row.divisible else latest
            found = self.places_in(pools, number, weeks, (earliest, last), kind=kind)
            if found is not None:
                yield found

    def pinned_place(self, *, weeks: int | None = None, kind: Kind | None = None) -> Places:
        """Room where the request is pinned, over the first `weeks` of its weeks inside the horizon, or all of them."""
        pin = self.row.pinned
        assert pin is not None
        weeks = weeks or max(1, pin.last - pin.first)
        grid = self.held.least_free(kind or self.kind, weeks)[pin.domain : pin.domain + 1, pin.first : pin.first + 1]
        return Places(pin.option, weeks, pin.accelerators, (pin.domain,), pin.first, grid)

    def places_in(
        self, pools: Sequence[int], option: int, weeks: int, starts: tuple[int, int], *, kind: Kind | None = None
    ) -> Places | None:
        """The same for one option in `pools`, `weeks` long; None where no such start ends inside the horizon."""
        first, last = max(0, starts[0]), min(starts[1], self.arrays.weeks - weeks)
        domains = tuple(q for pool in pools for q in self.arrays.domains_of[pool][: 1 if self.row.divisible else None])
        if weeks < 1 or last < first or not domains:
            return None
        least = self.held.least_free(kind or self.kind, weeks)
        grid = least[np.array(domains, dtype=np.intp), first : last + 1]
        return Places(option, weeks, self.request.options[option].accelerators, domains, first, grid)


def held_use(arrays: Arrays, plan: Plan, *, tier: int, without_lower: bool = False) -> ExperimentUse:
    """Everything placed and served, without the preemptible work of tiers below `tier`.

    without_lower: without any work of tiers below that is not pinned.
    """
    left_out = frozenset(
        e
        for e, row in enumerate(arrays.experiments)
        if row.tier > tier and row.pinned is None and (row.preemptible or without_lower)
    )
    use = ExperimentUse.of(arrays, plan, leave_out=left_out)
    use.add_serving(plan)
    return use

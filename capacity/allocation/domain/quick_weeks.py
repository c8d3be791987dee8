"""Serving after a change: only in the weeks that the change touches, from where the run's own program was left.

What belongs here: matching the two sides by key, finding the weeks whose inputs differ, and solving those that are not
served by arithmetic (methods: What-if). Placements are held already.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.held_places import Rooms
from capacity.allocation.domain.hot_serving import ServedClass, Serving
from capacity.allocation.domain.problem import Pool, Problem, ServingDemand
from capacity.allocation.domain.quick_side import Side
from capacity.allocation.domain.solver_arrays import Floats, Ints, carried

Weeks = NDArray[np.bool_]


@dataclass(frozen=True)
class Match:
    """Positions before of what is after, −1 where new; what has gone. served[class, week]: work the run's side had.

    columns, rows: of the weekly program, None where it is the same one.
    """

    demands: Ints
    gone: Ints
    options: Ints
    pools: Ints
    served: Floats
    columns: Ints | None = None
    rows: Ints | None = None


def serve_changed(before: Side, changed: Problem, rooms: Rooms) -> tuple[Side, int]:
    """The side after the change, and in how many weeks its program had to be solved. Raises solver.SolverFailed."""
    serving = before.serving
    if not _is_same_program(before, changed, rooms):
        serving = Serving(pools=rooms.pools, floors=rooms.floors, problem=changed)
    rows = {row.key: row for row in changed.serving}
    match = _match(before, serving)
    work, touched = _new_work(before, serving, rows, match)
    after = Side(problem=changed, serving=serving, rooms=rooms, work=work)
    touched |= _supply_differs(before, after, match)
    if before.problem.tiers != changed.tiers:
        touched |= before.costly
    _copy(before, after, match)
    return after, sum(_serve_again(before, after, int(week), match) for week in np.flatnonzero(touched))


def _is_same_program(before: Side, changed: Problem, rooms: Rooms) -> bool:
    """Only numbers of weeks differ: work, supply, floors and burst limits."""
    serving = before.serving
    if before.problem.tiers != changed.tiers or len(changed.serving) != len(serving.demands):
        return False
    if [_pool_terms(pool) for pool in rooms.pools] != [_pool_terms(pool) for pool in serving.pools]:
        return False
    if [(row.key, row.pools) for row in rooms.floors] != [(row.key, row.pools) for row in serving.floors]:
        return False
    known = serving.demand_of
    return all(
        row.key in known and (row is (was := serving.demands[known[row.key]]) or _terms(row) == _terms(was))
        for row in changed.serving
    )


def _pool_terms(pool: Pool) -> tuple[object, ...]:
    burst = pool.burst
    return (pool.key, burst and (any(burst.accelerators), burst.usd_per_accelerator_hour, burst.tiers))


def _terms(row: ServingDemand) -> tuple[object, ...]:
    return (row.class_, row.tier, row.usd_lost_per_work_week, row.options)


def _match(before: Side, serving: Serving) -> Match:
    was = before.serving
    demands = np.array([was.demand_of.get(row.key, -1) for row in serving.demands], dtype=np.int32)
    if serving is was:
        everything = np.arange(len(was.option_class), dtype=np.int32)
        served = np.array([before.class_work(week) for week in range(before.problem.weeks)]).T
        pools = np.arange(len(was.pools), dtype=np.int32)
        return Match(demands, np.zeros(0, dtype=np.int32), everything, pools, served)
    option_of = {key: o for o, key in enumerate(_option_keys(was))}
    kept = {row.key: _places(row, was) for row in was.classes}
    served = np.zeros((len(serving.classes), before.problem.weeks))
    old = np.array([before.class_work(week) for week in range(before.problem.weeks)]).T
    for c, row in enumerate(serving.classes):
        # A class that is served elsewhere or at other rates starts from nothing.
        if kept.get(row.key) == _places(row, serving):
            served[c] = old[was.class_of[row.key]]
    columns, rows = serving.basis_from(was)
    return Match(
        demands=demands,
        gone=np.array([d for d, row in enumerate(was.demands) if row.key not in serving.demand_of], dtype=np.int32),
        options=np.array([option_of.get(key, -1) for key in _option_keys(serving)], dtype=np.int32),
        pools=np.array([was.pool_of.get(pool.key, -1) for pool in serving.pools], dtype=np.int32),
        served=served,
        columns=columns,
        rows=rows,
    )


def _option_keys(serving: Serving) -> list[tuple[str, str]]:
    return [
        (serving.classes[c].key, serving.pools[p].key)
        for c, p in zip(serving.option_class, serving.option_pool, strict=True)
    ]


def _places(row: ServedClass, serving: Serving) -> tuple[object, ...]:
    return (row.best, *((serving.pools[p].key, rate) for p, rate in row.options))


def _new_work(before: Side, serving: Serving, rows: dict[str, ServingDemand], match: Match) -> tuple[Floats, Weeks]:
    """work[demand, week] after, and the weeks in which some demand differs."""
    work = _taken(before.work, match.demands)
    touched: Weeks = np.asarray(before.work[match.gone].any(axis=0), dtype=bool)
    for d, demand in enumerate(serving.demands):
        row, old = rows[demand.key], match.demands[d]
        was = before.serving.demands[old] if old >= 0 else None
        if row is was:
            continue
        if was is None or row.work != was.work or serving is not before.serving:
            work[d] = np.array([float(each) for each in row.work]) / serving.best[d]
        if was is None:
            touched |= work[d] > 0
        elif _terms(row) != _terms(was):
            touched |= (work[d] > 0) | (before.work[old] > 0)
        else:
            touched |= work[d] != before.work[old]
    return work, touched


def _supply_differs(before: Side, after: Side, match: Match) -> Weeks:
    """Weeks in which a pool's room, burst or price, or what a floor leaves, differs."""
    old, new = before.serving, after.serving
    touched = (_taken(before.rooms.pool, match.pools) != after.rooms.pool).any(axis=0)
    touched |= (_taken(before.limit, match.pools) != after.limit).any(axis=0)
    if [_pool_terms(pool) for pool in old.pools] != [_pool_terms(pool) for pool in new.pools]:
        touched |= before.costly
    floors = {(floor.key, floor.pools): f for f, floor in enumerate(old.floors)}
    kept = [floors.get((floor.key, floor.pools)) for floor in new.floors]
    if len(old.floors) != len(new.floors) or None in kept:
        return np.ones_like(touched)
    at = np.array(kept, dtype=np.int32)
    touched |= (before.rooms.floor[at] != after.rooms.floor).any(axis=0)
    return np.asarray(touched | (before.rooms.takes[at] != after.rooms.takes).any(axis=0))


def _copy(before: Side, after: Side, match: Match) -> None:
    """Everything as it was, for the weeks that nothing touches; what is touched is written over."""
    after.short = _taken(before.short, match.demands)
    after.options = _taken(before.options, match.options)
    after.written = _taken(before.written, match.pools)
    after.prices = _taken(before.prices, match.pools)
    tiers = [before.serving.tiers.index(tier) if tier in before.serving.tiers else -1 for tier in after.serving.tiers]
    by_tier = _taken(before.burst, np.array(tiers, dtype=np.int32))
    after.burst = _taken(by_tier.transpose(1, 0, 2), match.pools).transpose(1, 0, 2).copy()
    after.costly = before.costly.copy()


def _serve_again(before: Side, after: Side, week: int, match: Match) -> int:
    """1 where the week had to be solved, 0 where everything is served by arithmetic."""
    options, solved = after.options[:, week].copy(), 0
    if before.costly[week] or not after.serve_all(week, was=match.served[:, week], basis_options=options):
        basis = before.bases[week]
        if basis is not None and match.columns is not None and match.rows is not None:
            basis = carried(basis, columns=match.columns, rows=match.rows)
        after.solve(week, basis)
        solved = 1
    use = after.pool_use(after.options[:, week]) - after.burst[:, :, week].sum(axis=0)
    if before.costly[week] or after.costly[week]:
        after.written[:, week] = use
    else:
        after.written[:, week] += use - after.pool_use(options)
    return solved


def _taken(rows: NDArray[np.generic], positions: Ints) -> Floats:
    """rows[positions] as floats, zero where the position is −1."""
    if not len(rows):
        return np.zeros((len(positions), *rows.shape[1:]))
    found = np.array(rows[positions], dtype=float)
    found[positions < 0] = 0.0
    return found

"""Why a request has no place: the reason, the binding week, what it needed and found, and who is in its way.

What belongs here: reasons and blockers, from the plan as it stands (methods: Explanations). What would have to
change is `smallest_changes`. A reason is never generic: each is a statement that can be checked again.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan, served_work
from capacity.allocation.domain.residual import Residual, Spot, held_use
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.smallest_changes import smallest_changes
from capacity.allocation.domain.solution import Blocker, Unplaced

SERVING_REASONS = ("blocked_by_commitment", "blocked_by_forecast", "blocked_by_hold")
RUNNING, HIGHER, SAME = "blocked_by_running", "blocked_by_higher_class", "blocked_by_same_class"
# Of the reasons that would each free enough, the main one is the easiest to ask: equals first, then serving that
# nobody was promised, then higher classes, then promises, then what runs.
MAIN_FIRST = (SAME, "blocked_by_hold", "blocked_by_forecast", HIGHER, "blocked_by_commitment", RUNNING)


def explain_unplaced(arrays: Arrays, plan: Plan) -> tuple[Unplaced, ...]:
    """One row for every experiment without a place, in key order."""
    placed = set(plan.gangs) | {e for e, _, _, _ in plan.divided}
    uses: dict[int, ExperimentUse] = {}
    serving = ServingByPlace(arrays, plan)
    rows = []
    for e, row in enumerate(arrays.experiments):
        if e not in placed:
            if row.tier not in uses:
                uses[row.tier] = held_use(arrays, plan, tier=row.tier)
            rows.append(_explain(Residual(arrays, plan, e, uses[row.tier]), serving))
    return tuple(rows)


class ServingByPlace:
    """Accelerators by demand in a pool and week: replicas of its tier there, the dearest demand first."""

    def __init__(self, arrays: Arrays, plan: Plan) -> None:
        self.arrays = arrays
        self._rows: dict[tuple[int, int], dict[int, int]] = {}
        left = dict(served_work(arrays, plan))
        for (c, tier, o, week), count in sorted(plan.replicas.items()):
            option = arrays.classes[c].options[o]
            self._share(arrays, c, tier, option.pool, week, count * option.replica, option.work / option.replica, left)

    def _share(
        self,
        arrays: Arrays,
        c: int,
        tier: int,
        pool: int,
        week: int,
        accelerators: int,
        rate: Fraction,
        left: dict[tuple[int, int], Fraction],
    ) -> None:
        members = [d for d in arrays.classes[c].demands if arrays.demands[d].tier == tier]
        members = [d for d in members if left[d, week]] or members[:1]
        row = self._rows.setdefault((pool, week), {})
        for d in members:
            wanted = -(-left[d, week] // rate)
            share = accelerators if d == members[-1] else min(accelerators, int(wanted))
            left[d, week] = max(Fraction(0), left[d, week] - share * rate)
            accelerators -= share
            if share:
                row[d] = row.get(d, 0) + share

    def at(self, pool: int, week: int) -> dict[int, int]:
        """demand → accelerators."""
        return self._rows.get((pool, week), {})


def _explain(residual: Residual, serving: ServingByPlace) -> Unplaced:
    request, key = residual.request, residual.row.key
    if not any(option.pools for option in request.options):
        return Unplaced(key, "region", None, None, None, None)
    if residual.row.pinned is not None:
        return _explain_pin(residual, serving)
    spots = list(residual.spots())
    if not spots:
        reason = "window_closed" if residual.window()[1] < 0 else "beyond_horizon"
        return Unplaced(key, reason, None, request.options[0].accelerators, None, None)
    best = min(spots, key=lambda spot: (spot.accelerators - residual.room(spot), spot.start, spot.domain, spot.option))
    return _unplaced_at(residual, serving, best, with_changes=True)


def _explain_pin(residual: Residual, serving: ServingByPlace) -> Unplaced:
    pin = residual.row.pinned
    assert pin is not None
    spot = Spot(pin.option, pin.pool, pin.domain, pin.first, max(1, pin.last - pin.first), pin.accelerators)
    return _unplaced_at(residual, serving, spot, with_changes=False)


def _unplaced_at(residual: Residual, serving: ServingByPlace, spot: Spot, *, with_changes: bool) -> Unplaced:
    free = max(0, residual.room(spot))
    week = min(spot.span, key=lambda t: (residual.free(spot.domain)[t], t))
    blockers = list(_blockers(residual, serving, spot, week))
    amounts: dict[str, int] = {}
    for reason, blocker in blockers:
        amounts[reason] = amounts.get(reason, 0) + blocker.accelerators
    short_by = max(0, spot.accelerators - free)
    return Unplaced(
        key=residual.row.key,
        reason=_supply_reason(residual, spot) or _blocking_reason(residual, spot, week, amounts, short_by),
        week=week_at(residual.arrays, week),
        needed=spot.accelerators,
        free=free,
        short_by=short_by,
        blockers=tuple(sorted((b for _, b in blockers), key=lambda b: (-b.accelerators, b.key))),
        smallest_changes=smallest_changes(residual, spot, serving.at) if with_changes else (),
    )


def _supply_reason(residual: Residual, best: Spot) -> str | None:
    """The reason where not even an empty plan has room; None where it has."""
    arrays = residual.arrays
    options = [(option, [arrays.pool_index[key] for key in option.pools]) for option in residual.request.options]
    if all(option.accelerators > max(arrays.supply[p]) for option, pools in options for p in pools):
        return "exceeds_any_pool"
    domains = [(option, q) for option, pools in options for p in pools for q in arrays.domains_of[p]]
    if not residual.row.divisible and all(n.accelerators > max(arrays.domains[q].supply) for n, q in domains):
        return "no_domain_large_enough"
    empty = Residual(arrays, residual.plan, residual.e, ExperimentUse(arrays))
    wanted = 1 if residual.row.divisible else None
    if any(empty.room(spot) >= (wanted or spot.accelerators) for spot in residual.spots()):
        return None
    fits_supply = any(
        min(arrays.domains[spot.domain].supply[t] for t in spot.span) >= (wanted or spot.accelerators)
        for spot in residual.spots()
    )
    return "floor_reserved" if fits_supply else _ending_or_late(residual, best)


def _ending_or_late(residual: Residual, best: Spot) -> str:
    """Supply is enough at another time only: after the binding week (late_delivery) or before it (capacity_ends)."""
    supply = residual.arrays.domains[best.domain].supply
    week = min(best.span, key=lambda t: (supply[t], t))
    if max(supply[week + 1 :], default=0) > supply[week]:
        return "late_delivery"
    return "capacity_ends" if max(supply[:week], default=0) > supply[week] else "no_domain_large_enough"


def _blocking_reason(residual: Residual, spot: Spot, week: int, amounts: dict[str, int], short_by: int) -> str:
    pool = spot.pool
    only_floor = all(residual.use.pool_free(pool, t) >= spot.accelerators for t in spot.span) and (
        residual.row.divisible or all(residual.use.domain_free(spot.domain, t) >= spot.accelerators for t in spot.span)
    )
    if only_floor and residual.floors(pool):
        return "floor_reserved"
    enough = [reason for reason in MAIN_FIRST if amounts.get(reason, 0) >= max(1, short_by)]
    if enough:
        return enough[0]
    return max(amounts, key=lambda reason: (amounts[reason], reason), default=SAME)


def _blockers(residual: Residual, serving: ServingByPlace, spot: Spot, week: int) -> Iterator[tuple[str, Blocker]]:
    """(reason, blocker) of all that uses a constraint which is too tight for the request in the binding week."""
    arrays, use = residual.arrays, residual.use
    tight_floors = [arrays.floors[f] for f in residual.floors(spot.pool) if use.floor_free(f, week) < spot.accelerators]
    pools = {spot.pool} if use.pool_free(spot.pool, week) < spot.accelerators else set()
    floor_pools = {pool for floor in tight_floors for pool in floor.pools}
    for pool in sorted(pools | floor_pools):
        for d, accelerators in sorted(serving.at(pool, week).items()):
            yield _serving_reason(arrays, d), Blocker(arrays.demands[d].key, accelerators)
    amounts: dict[int, int] = {}
    for e, column in residual.plan.gangs.items():
        if column.first <= week < column.last and _is_held(residual, e):
            in_floor = column.pool in floor_pools and not arrays.experiments[e].model_development
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
    return HIGHER if row.tier < residual.row.tier else SAME

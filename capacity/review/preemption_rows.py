"""A solved plan → the preemption ledger: who yields first, what stands on lent floor, what was taken: of work that runs
from the weeks left to it, of any other since the last frozen review. Pure.

Rows name requests and pools only: what yields to serving does not say whose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.allocation.domain.problem import Floor, Placement
from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.review.plan_rows import PlanRows
from workloads.domain.preemption import Yielding, interruption_loss, weeks_lost, yield_order

Row = dict[str, Any]
# (request, pool, week) → accelerators.
Use = Mapping[tuple[str, str, Week], int]


def preemption_rows(rows: PlanRows) -> list[Row]:
    """What may yield, first the first to yield, then what was taken."""
    now = _use(rows, [(p.key, p.pool, p.start, p.weeks, p.accelerators) for p in rows.plan.solution.placements])
    review = _use(
        rows,
        [
            (row["experiment_key"], row["pool_key"], Week.parse(row["start_week"]), row["weeks"], row["accelerators"])
            for row in rows.plan.inputs.previous
        ],
    )
    order = _order(rows, {key for key, _, _ in now} | {key for key, _, _ in review} | rows.runs.keys())
    found = [*_may_yield(rows, now, order), *_taken(rows, review, now, order)]
    return [{"position": position, **row} for position, row in enumerate(found, start=1)]


def _order(rows: PlanRows, keys: Iterable[str]) -> list[str]:
    tiers = {tier: index for index, tier in enumerate(rows.plan.policy.tiers)}
    return yield_order(
        Yielding(key=key, tier_index=tiers[request.tier], weight=Decimal(str(request.weight)))
        for key in keys
        if (request := rows.requests.get(key)) is not None and request.preemptible
    )


def _use(rows: PlanRows, places: Iterable[tuple[str, str, Week, int, int]]) -> Use:
    """Accelerators by request, pool and week of the horizon."""
    found: dict[tuple[str, str, Week], int] = defaultdict(int)
    for key, pool, start, weeks, accelerators in places:
        for offset in range(weeks):
            if start.plus(offset) in rows.horizon:
                found[key, pool, start.plus(offset)] += accelerators
    return found


def _may_yield(rows: PlanRows, now: Use, order: list[str]) -> Iterable[Row]:
    lent = lent_floor(rows, now, order)
    for key in order:
        by_pool: dict[str, int] = defaultdict(int)
        for (one, pool, _), accelerators in now.items():
            if one == key:
                by_pool[pool] = max(by_pool[pool], accelerators)
        for pool, most in sorted(by_pool.items()):
            first, floor, part = lent.get((key, pool), (None, "", 0))
            loss = interruption_loss(
                accelerators=most,
                checkpoint_hours=rows.experiments[key]["checkpoint_hours"],
                restart_hours=rows.plan.policy.restart_hours,
            )
            yield {
                **rows.request_columns(key),
                "is_taken": False,
                "pool_key": pool,
                "week": "" if first is None else first.key,
                "accelerators": most,
                "for_kind": "" if first is None else "floor",
                "for_key": floor,
                "notice_days": rows.plan.policy.recall_notice_days,
                "lost_accelerator_days": None if loss is None else to_decimal(loss),
                "sentence": _may_sentence(rows, first, part, floor_name(rows, floor)),
            }


def _may_sentence(rows: PlanRows, first: Week | None, part: int, floor: str) -> str:
    if first is None:
        return "It stands on nobody's floor: it yields when a later plan needs the room for a higher class."
    when = _week(rows, first)
    return f"From {when} up to {thousands(part)} of it stand on lent floor ({floor}), which may be called back."


def _week(rows: PlanRows, one: Week) -> str:
    """By its Monday; with the year where it is not that of the plan's start."""
    return week(one, year=rows.horizon.first.monday.year)


def floor_name(rows: PlanRows, key: str) -> str:
    """What people call the floor."""
    return next((floor.name for floor in rows.plan.policy.floors if floor.key == key), key)


def lent_floor(rows: PlanRows, now: Use, order: list[str]) -> dict[tuple[str, str], tuple[Week, str, int]]:
    """(request, pool) → the first week it stands on lent floor, whose, and the most accelerators that do.

    A floor lends what neither its own work nor idle accelerators fill; the first to yield stand on it first.
    """
    found: dict[tuple[str, str], tuple[Week, str, int]] = {}
    for floor in rows.plan.problem.floors:
        if not floor.lendable:
            continue
        for index, one in enumerate(rows.weeks):
            left = _lent(rows, floor, index, one)
            for key in order if left else ():
                if floor.is_for(rows.requests[key]):
                    continue
                for pool in floor.pools:
                    part = min(left, now.get((key, pool, one), 0))
                    if part:
                        left -= part
                        first, name, most = found.get((key, pool), (one, floor.key, 0))
                        found[key, pool] = (first, name, max(most, part))
    return found


def _lent(rows: PlanRows, floor: Floor, index: int, one: Week) -> int:
    """Accelerators of the floor that week which others stand on."""
    supply = sum(pool.allocatable[index] for pool in rows.plan.problem.pools if pool.key in floor.pools)
    own = sum(
        accelerators
        for pool in floor.pools
        for key, accelerators in rows.running_by_pool.get((pool, one), [])
        if floor.is_for(rows.requests[key])
    )
    idle = sum(rows.idle.get((pool, one), 0) for pool in floor.pools)
    return max(0, min(floor.accelerators[index], supply) - own - idle)


def _taken(rows: PlanRows, review: Use, now: Use, order: list[str]) -> Iterable[Row]:
    for key in order:
        run = rows.runs.get(key)
        place = None if run is None else run.place()
        before = review if place is None else _use(rows, [_cells(place)])
        was, has = _by_week(before, key), _by_week(now, key)
        lost = [one for one in sorted(was) if was[one] > has.get(one, 0)]
        if not lost:
            yield from [] if place is None else _elsewhere(rows, place)
            continue
        first = lost[0]
        pool = max(sorted(rows.pools), key=lambda name: before.get((key, name, first), 0))
        days = max(0, weeks_lost(accelerators=sum(was.values()) - sum(has.values()), weeks=1))
        kind, by = _taken_by(rows, review, now, pool=pool, one=first, key=key)
        whose = "left to it" if place is not None else "of the review's plan"
        loss = _Loss(pool=pool, first=first, weeks=len(lost), days=days, whose=whose, is_running=run is not None)
        yield {
            **rows.request_columns(key),
            "is_taken": True,
            "pool_key": pool,
            "week": first.key,
            "accelerators": was[first] - has.get(first, 0),
            "for_kind": kind,
            "for_key": by,
            # Nothing is called back from work that does not run yet.
            "notice_days": None if run is None else rows.plan.policy.recall_notice_days,
            "lost_accelerator_days": Decimal(days),
            "sentence": _taken_sentence(rows, kind, by, loss),
        }


def _elsewhere(rows: PlanRows, place: Placement) -> Iterable[Row]:
    """A run that goes on in another network domain of its pool: one interruption, and for whom."""
    now = next((each for each in rows.plan.solution.placements if each.key == place.key), None)
    if now is None or now.domain == place.domain:
        return
    loss = interruption_loss(
        accelerators=place.accelerators,
        checkpoint_hours=rows.experiments[place.key]["checkpoint_hours"],
        restart_hours=rows.plan.policy.restart_hours,
    )
    there = {
        each.key: each.accelerators
        for each in rows.plan.solution.placements
        if (each.pool, each.domain) == (place.pool, place.domain) and each.key != place.key
        if each.start < place.start.plus(place.weeks) and place.start < each.start.plus(each.weeks)
        if each.key not in rows.runs or not rows.runs[each.key].is_pinned
    }
    by = _most(there) if there else ""
    whom = f": {rows.experiments[by]['name']} ({by}) has its room" if by else ""
    yield {
        **rows.request_columns(place.key),
        "is_taken": True,
        "pool_key": place.pool,
        "week": place.start.key,
        "accelerators": place.accelerators,
        "for_kind": "experiment" if by else "supply",
        "for_key": by,
        "notice_days": rows.plan.policy.recall_notice_days,
        "lost_accelerator_days": None if loss is None else to_decimal(loss),
        "sentence": f"It runs and moves from network domain {place.domain} to {now.domain} of "
        f"{rows.pools[place.pool].get('name', place.pool)} from {_week(rows, place.start)}{whom}; one interruption is lost.",
    }


def _cells(place: Placement) -> tuple[str, str, Week, int, int]:
    return place.key, place.pool, place.start, place.weeks, place.accelerators


def _by_week(use: Use, key: str) -> dict[Week, int]:
    found: dict[Week, int] = defaultdict(int)
    for (one, _, at), accelerators in use.items():
        if one == key:
            found[at] += accelerators
    return found


def _taken_by(rows: PlanRows, review: Use, now: Use, *, pool: str, one: Week, key: str) -> tuple[str, str]:
    """Who has the room: above its class the request that has more of the pool that week than in the review; for work that
    runs else the larger of those above it and of serving there; else what the plan names; else its own class."""
    tiers = rows.plan.policy.tiers
    own = tiers.index(rows.requests[key].tier) if key in rows.requests else len(tiers)
    there = {
        other: (tiers.index(rows.requests[other].tier), accelerators, accelerators - review.get((other, pool, one), 0))
        for (other, place, at), accelerators in now.items()
        if (place, at) == (pool, one) and other != key
    }
    more = {other: grown for other, (tier, _, grown) in there.items() if tier < own and grown > 0}
    if more:
        return "experiment", _most(more)
    if key in rows.runs:
        above = {other: count for other, (tier, count, _) in there.items() if tier < own}
        serving = _serving(rows, pool, one)
        if above and max(above.values()) >= serving:
            return "experiment", _most(above)
        if serving:
            return "serving", ""
    blockers = next((each.blockers for each in rows.plan.solution.unplaced if each.key == key), ())
    if any(each.key not in rows.experiments for each in blockers):
        return "serving", ""
    equal = {other: grown for other, (tier, _, grown) in there.items() if tier == own and grown > 0}
    return ("experiment", _most(equal)) if equal else ("supply", "")


def _most(counts: Mapping[str, int]) -> str:
    return max(sorted(counts), key=lambda each: counts[each])


def _serving(rows: PlanRows, pool: str, one: Week) -> int:
    """Accelerators of the pool that serve that week."""
    supply = next((each.allocatable for each in rows.plan.problem.pools if each.key == pool), None)
    if supply is None:
        return 0
    requests = sum(count for _, count in rows.running_by_pool.get((pool, one), []))
    return max(0, supply[rows.horizon.index(one)] - rows.idle.get((pool, one), 0) - requests)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Loss:
    """What is taken: from which week, of how many, of what it had."""

    pool: str
    first: Week
    weeks: int
    days: int
    whose: str
    is_running: bool


def _taken_sentence(rows: PlanRows, kind: str, by: str, loss: _Loss) -> str:
    whom = {"serving": "to serving", "supply": "because less is left"}.get(kind, "")
    if kind == "experiment":
        whom = f"to {rows.experiments[by]['name']} ({by})"
    made_up = f"{thousands(loss.days)} accelerator-days are lost" if loss.days else "all of it is made up later"
    name = rows.pools[loss.pool].get("name", loss.pool)
    lead = "It runs and is recalled: it yields" if loss.is_running else "It yields"
    return (
        f"{lead} {name} from {_week(rows, loss.first)} {whom}, in {counted(loss.weeks, 'week')} {loss.whose}; "
        f"{made_up}."
    )

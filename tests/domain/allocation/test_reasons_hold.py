"""Every reason for a request without a place, every blocker and every smallest change, checked again from the rows.

What belongs here: the explanation of each unplaced request over generated problems, whole and by parts, against
`held_rows`, which counts the room from the file forms alone.
"""

from __future__ import annotations

import random
from typing import Any

from capacity.allocation.domain.engine import SolveOptions
from tests.domain.allocation.for_all import PROBLEMS, ROUTES, for_all, plan_of
from tests.domain.allocation.held_rows import Change, HeldRows, Spot
from tests.domain.allocation.small_problems import small_problem

Row = dict[str, Any]
BY_SERVING_TIER = ["blocked_by_commitment", "blocked_by_forecast", "blocked_by_hold"]
BLOCKED = ["blocked_by_running", "blocked_by_higher_class", "blocked_by_same_class", *BY_SERVING_TIER]


def explained(document: Row, route: SolveOptions | None) -> list[tuple[HeldRows, Row, Row]]:
    """(rows of the plan, request, its explanation) of every request without a place that is not pinned."""
    plan = plan_of(document, route)
    rows = HeldRows(document, plan)
    return [
        (rows, rows.requests[row["key"]], row)
        for row in plan["unplaced"]
        if not rows.requests[row["key"]].get("pinned")
    ]


def best_spots(rows: HeldRows, request: Row) -> list[Spot]:
    """The spots that are short by the least."""
    spots = rows.spots(request)
    least = min(spot.accelerators - rows.room(request, spot) for spot in spots)
    return [spot for spot in spots if spot.accelerators - rows.room(request, spot) == least]


@for_all(PROBLEMS, ROUTES, examples=130)
def test_what_is_unplaced_does_not_fit_and_its_numbers_are_those_of_its_best_spot(
    document: Row, route: SolveOptions | None
) -> None:
    for rows, request, told in explained(document, route):
        assert not rows.fits(request), told
        if not rows.spots(request):
            assert told["week"] is None and told["free"] is None and told["short_by"] is None
            continue
        week = rows.week(told["week"])
        assert any(
            told["needed"] == spot.accelerators
            and told["free"] == max(0, rows.room(request, spot))
            and told["short_by"] == max(0, spot.accelerators - told["free"])
            and week in spot.span
            and (rows.free(request, spot, week) == rows.room(request, spot) or _lacks_supply(rows, spot, week))
            for spot in best_spots(rows, request)
        ), told


@for_all(PROBLEMS, ROUTES, examples=200)
def test_the_reason_told_is_true(document: Row, route: SolveOptions | None) -> None:
    for rows, request, told in explained(document, route):
        assert is_true(told["reason"], rows, request, told), (told, request)


def is_true(reason: str, rows: HeldRows, request: Row, told: Row) -> bool:
    """Whether the sentence the reason stands for holds of the plan."""
    spots, options = rows.spots(request), rows.options(request)
    if reason == "region":
        return not options
    if reason == "window_closed":
        return not spots and rows.week(request["latest_start"]) < 0
    if reason == "beyond_horizon":
        latest = rows.week(request["latest_start"])
        return not spots and all(min(latest, len(rows.weeks)) + o["weeks"] > len(rows.weeks) for o in options)
    if reason == "exceeds_any_pool":
        return all(o["accelerators"] > max(rows.pools[o["pool"]]["allocatable"]) for o in options)
    if reason in BLOCKED:
        kinds = {kind_of(rows, request, row["key"]) for row in told["blockers"]}
        return reason in kinds and rows.emptied().fits(request)
    supply_fits = [spot for spot in spots if _supply(rows, spot) >= _least(request, spot)]
    if reason == "floor_reserved":
        return any(_only_floors_are_short(rows, request, spot) for spot in supply_fits) or (
            bool(supply_fits) and not rows.emptied().fits(request)
        )
    if supply_fits or rows.emptied().fits(request):
        return False
    short = [(_supplies(rows, spot), week) for spot in spots for week in spot.span if _lacks_supply(rows, spot, week)]
    if reason == "late_delivery":
        return any(max(supply[week:]) > supply[week] for supply, week in short)
    if reason == "capacity_ends":
        return any(max(supply[: week + 1]) > supply[week] for supply, week in short)
    assert reason == "no_domain_large_enough", reason
    return True


def _least(request: Row, spot: Spot) -> int:
    return 1 if request["divisible"] else spot.accelerators


def _supplies(rows: HeldRows, spot: Spot) -> list[int]:
    if spot.domain is None:
        return list(rows.pools[spot.pool]["allocatable"])
    return [rows.domain_supply(spot.pool, spot.domain, week) for week in rows.weeks]


def _supply(rows: HeldRows, spot: Spot) -> int:
    """What the domain has in the worst week of the spot, were nothing there."""
    return min(_supplies(rows, spot)[week] for week in spot.span)


def _lacks_supply(rows: HeldRows, spot: Spot, week: int) -> bool:
    return _supplies(rows, spot)[week] < spot.accelerators


def _only_floors_are_short(rows: HeldRows, request: Row, spot: Spot) -> bool:
    def free(week: int) -> int:
        pool = rows.pool_free(spot.pool, week, beside=request)
        inside = pool if spot.domain is None else rows.domain_free(spot.pool, spot.domain, week, beside=request)
        return min(pool, inside)

    return all(free(week) >= _least(request, spot) for week in spot.span)


def kind_of(rows: HeldRows, request: Row, key: str) -> str:
    """The reason a blocker stands for."""
    if key in rows.demands:
        serving = [tier for tier in rows.document["tiers"] if any(d["tier"] == tier for d in rows.document["serving"])]
        return dict(zip(serving, BY_SERVING_TIER, strict=False)).get(
            rows.demands[key]["tier"], "blocked_by_higher_class"
        )
    other = rows.requests[key]
    if other.get("pinned"):
        return "blocked_by_running"
    if rows.tier(other) == rows.tier(request):
        return "blocked_by_same_class"
    return "blocked_by_higher_class" if rows.tier(other) < rows.tier(request) else "lower class"


@for_all(PROBLEMS, ROUTES, examples=130)
def test_blockers_have_what_is_told_of_them_in_one_week_of_the_window(
    document: Row, route: SolveOptions | None
) -> None:
    for rows, request, told in explained(document, route):
        weeks = {week for spot in rows.spots(request) for week in spot.span}
        assert not told["blockers"] or any(blockers_lie_there(rows, request, told, week) for week in weeks), told


def blockers_lie_there(rows: HeldRows, request: Row, told: Row, week: int) -> bool:
    """Experiments with exactly that much, demands together with no more than their class has.

    What is in the way is a pool, or the pools of a floor: divisible work may have more in others.
    """
    of_class: dict[str, int] = {}
    groups = [*([pool] for pool in rows.pools), *(floor["pools"] for floor in rows.document["floors"])]
    groups += [sorted({pool, *floor["pools"]}) for pool in rows.pools for floor in rows.document["floors"]]
    for blocker in told["blockers"]:
        key, accelerators = blocker["key"], blocker["accelerators"]
        if key in rows.demands:
            name = rows.demands[key]["class"]
            of_class[name] = of_class.get(name, 0) + accelerators
        held = {
            sum(n for row, n in rows.experiments_in(list(pools), week, beside=request) if row["key"] == key)
            for pools in [*groups, list(rows.pools)]
        }
        if accelerators <= 0 or (key in rows.requests and accelerators not in held):
            return False
    there = {name: sum(rows.of_class.get((name, pool, week), 0) for pool in rows.pools) for name in of_class}
    return all(amount <= there[name] for name, amount in of_class.items())


@for_all(PROBLEMS, ROUTES, examples=250)
def test_a_smallest_change_fits_with_all_else_held_and_one_unit_less_does_not(
    document: Row, route: SolveOptions | None
) -> None:
    for rows, request, told in explained(document, route):
        if request["divisible"]:
            assert told["smallest_changes"] == []
        for change in told["smallest_changes"]:
            CHANGES[change["change"]](rows, request, told, change)


def _resized(request: Row, told: Row, **size: int) -> list[Row]:
    """The request with the size of one of its options changed, and no other option: of those it was measured by."""
    needed = told["needed"] if told["free"] is not None else None
    rest = {name: value for name, value in request.items() if name not in ("pools", "accelerators", "weeks")}
    if "options" in request:
        options = [option for option in request["options"] if needed in (None, option["accelerators"])]
        return [rest | {"options": [option | size]} for option in options]
    return [request | size]


def _fewer(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    fewer = change["accelerators"]
    assert 0 < fewer < told["needed"]
    assert any(
        rows.fits(less) and not rows.fits(more)
        for less, more in zip(
            _resized(request, told, accelerators=fewer),
            _resized(request, told, accelerators=fewer + 1),
            strict=True,
        )
    )


def _later(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    assert change["start"] > request["latest_start"]
    assert rows.fits(request | {"earliest_start": change["start"], "latest_start": change["start"]})
    before = rows.spots(request | {"latest_start": change["start"]})
    start = rows.week(change["start"])
    assert not any(rows.room(request, spot) >= spot.accelerators for spot in before if spot.start < start)


def _shorter(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    weeks = change["weeks"]
    assert any(
        rows.fits(shorter) and not rows.fits(longer)
        for shorter, longer in zip(
            _resized(request, told, weeks=weeks),
            _resized(request, told, weeks=weeks + 1),
            strict=True,
        )
    )


def _other_pool(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    own = {option["pool"]: option for option in rows.options(request)}
    assert change["pool"] not in own
    kinds = {rows.pools[pool]["accelerator_type"] for pool in own}
    assert rows.pools[change["pool"]]["accelerator_type"] in kinds
    rest = {name: value for name, value in request.items() if name not in ("pools", "accelerators", "weeks")}
    there = [option | {"pool": change["pool"]} for option in own.values()]
    assert rows.fits(rest | {"options": there})


def _preemptible(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    assert not request["preemptible"]
    assert rows.fits(request | {"preemptible": True})


def _more_supply(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    pool = rows.pools[change["pool"]]
    first = rows.week(change["from"])
    weeks = frozenset(range(first, first + change["weeks"]))
    domains = [domain["key"] for domain in pool.get("domains", [])] or [None]
    node = pool["node_size"]
    assert change["accelerators"] > 0 and change["accelerators"] % node == 0

    def fits(accelerators: int) -> bool:
        return any(rows.fits(request, Change(pool["key"], domain, accelerators, 0, weeks)) for domain in domains)

    assert fits(change["accelerators"]) and not fits(change["accelerators"] - node)


def _smaller_serving(rows: HeldRows, request: Row, told: Row, change: Row) -> None:
    """In one of its pools, and only in weeks in which the demand may have that much there and bought none of it."""
    demand = rows.demands[change["key"]]
    less = change["accelerators"]

    def fits(pool: str, accelerators: int) -> bool:
        weeks = frozenset(
            week
            for week in rows.weeks
            if rows.most_of_demand(demand, pool, week) >= less
            and rows.serving[pool, week] - less >= rows.bought.get((pool, week), 0)
        )
        return rows.fits(request, Change(pool, None, 0, accelerators, weeks))

    assert less > 0
    assert any(
        less % option["replica_accelerators"] == 0
        and fits(option["pool"], less)
        and not fits(option["pool"], less - option["replica_accelerators"])
        for option in demand["options"]
    )


CHANGES = {
    "fewer_accelerators": _fewer,
    "later_start": _later,
    "shorter": _shorter,
    "other_pool": _other_pool,
    "preemptible": _preemptible,
    "more_supply": _more_supply,
    "smaller_serving": _smaller_serving,
}


def test_problems_that_are_generated_lead_to_every_reason_and_every_change() -> None:
    reasons, changes = set(), set()
    for number in range(120):
        for _, _, told in explained(small_problem(random.Random(number)), None):
            reasons.add(told["reason"])
            changes |= {change["change"] for change in told["smallest_changes"]}
    assert changes == set(CHANGES)
    usual = {"blocked_by_commitment", "blocked_by_forecast", "blocked_by_higher_class", "blocked_by_same_class"}
    assert reasons >= usual | {"floor_reserved", "exceeds_any_pool", "no_domain_large_enough", "beyond_horizon"}

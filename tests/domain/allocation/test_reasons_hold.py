"""Every reason for a request without a place, every blocker and every smallest change, checked again from the rows.

What belongs here: the explanation of each unplaced request over generated problems, whole and by parts, against
`held_rows`, which counts the room from the file forms alone.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

from capacity.allocation.domain.engine import SolveOptions
from tests.domain.allocation.for_all import PROBLEMS, ROUTES, for_all, plan_of
from tests.domain.allocation.held_rows import Change, HeldRows, Spot
from tests.domain.allocation.small_problems import small_problem

Row = dict[str, Any]
BY_SERVING_TIER = ["blocked_by_commitment", "blocked_by_forecast", "blocked_by_hold"]
BLOCKED = ["blocked_by_running", "blocked_by_higher_class", "blocked_by_same_class", *BY_SERVING_TIER]


def explained(document: Row, route: SolveOptions | None) -> list[tuple[HeldRows, Row, Row]]:
    """(rows of the plan, request, its explanation) of every request without a place."""
    plan = plan_of(document, route)
    rows = HeldRows(document, plan)
    return [(rows, rows.requests[row["key"]], row) for row in plan["unplaced"]]


def best_spots(rows: HeldRows, request: Row) -> list[Spot]:
    """The spots that are short by the least."""
    spots = rows.spots(request)
    least = min(spot.accelerators - rows.room(request, spot) for spot in spots)
    return [spot for spot in spots if spot.accelerators - rows.room(request, spot) == least]


@for_all(PROBLEMS, ROUTES, examples=20)
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
    spots, options = rows.spots(request), _possible(rows, request)
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


@for_all(PROBLEMS, ROUTES, examples=20)
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
    """Over every option, pool and type: what is told is the smallest there is, and what is not told does not exist."""
    for rows, request, told in explained(document, route):
        changes = told["smallest_changes"]
        if request["divisible"] and not request.get("pinned"):
            assert changes == []
            continue
        found: dict[str, Row] = {change["change"]: change for change in changes}
        for kind, judge in CHANGES.items():
            if rows.spots(request) or kind in ("later_start", "shorter"):
                assert judge(rows, request, told, found.pop(kind, None)), (kind, told, request)
        found.pop("smaller_serving", None)
        assert not found, (found, request)
        _judge_serving(rows, request, [change for change in changes if change["change"] == "smaller_serving"])


def _options(rows: HeldRows, request: Row, options: list[Row]) -> Row:
    """The request with these options instead of its own."""
    rest = {name: value for name, value in request.items() if name not in ("pools", "accelerators", "weeks")}
    return rest | {"options": options}


def _possible(rows: HeldRows, request: Row) -> list[Row]:
    """Its options, where it is pinned that of its place."""
    pin = request.get("pinned")
    return [option for option in rows.options(request) if not pin or option["pool"] == pin["pool"]]


def _fewer(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    """Of options as large as what was needed: the most that has room."""
    alike = [option for option in _possible(rows, request) if option["accelerators"] == told["needed"]]

    def fits(accelerators: int) -> bool:
        return any(rows.fits(_options(rows, request, [each | {"accelerators": accelerators}])) for each in alike)

    most = max((n for n in range(1, told["needed"]) if fits(n)), default=None)
    return change == (most and {"change": "fewer_accelerators", "accelerators": most})


def _later(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    if request.get("pinned"):
        return change is None
    for week in rows.weeks[max(0, rows.week(request["latest_start"]) + 1) :]:
        monday = (date.fromisoformat(rows.document["first_week"]) + timedelta(weeks=week)).isoformat()
        if rows.fits(request | {"earliest_start": monday, "latest_start": monday}):
            return change == {"change": "later_start", "start": monday}
    return change is None


def _shorter(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    """Every option with every number of weeks below its own."""
    longest = max(
        (
            weeks
            for option in _possible(rows, request)
            for weeks in range(1, option["weeks"])
            if rows.fits(_options(rows, request, [option | {"weeks": weeks}]))
        ),
        default=None,
    )
    return change == (longest and {"change": "shorter", "weeks": longest})


def _other_pool(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    """Every option in every pool of a type that it accepts."""
    if request.get("pinned"):
        return change is None
    own = {option["pool"] for option in rows.options(request)}
    for pool in sorted(set(rows.pools) - own):
        kind = rows.pools[pool]["accelerator_type"]
        there = [
            option | {"pool": pool}
            for option in rows.options(request)
            if rows.pools[option["pool"]]["accelerator_type"] == kind
        ]
        if rows.fits(_options(rows, request, there)):
            return change == {"change": "other_pool", "pool": pool}
    return change is None


def _preemptible(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    helps = not request["preemptible"] and rows.fits(request | {"preemptible": True})
    return change == ({"change": "preemptible"} if helps else None)


def _more_supply(rows: HeldRows, request: Row, told: Row, change: Row | None) -> bool:
    """In every domain of every pool: it fits where and when it is told, and nowhere with a node less than that."""

    def fits(pool: str, accelerators: int, weeks: frozenset[int]) -> bool:
        domains = [domain["key"] for domain in rows.pools[pool].get("domains", [])] or [None]
        return any(rows.fits(request, Change(pool, domain, accelerators, 0, weeks)) for domain in domains)

    always = frozenset(rows.weeks)
    if change is None:
        return not any(fits(pool, ENOUGH, always) for pool in rows.pools)
    first, told_of = rows.week(change["from"]), change["accelerators"]
    less = {key: (told_of - 1) // pool["node_size"] * pool["node_size"] for key, pool in rows.pools.items()}
    return (
        told_of > 0
        and told_of % rows.pools[change["pool"]]["node_size"] == 0
        and fits(change["pool"], told_of, frozenset(range(first, first + change["weeks"])))
        and not any(fits(pool, accelerators, always) for pool, accelerators in less.items())
    )


def _judge_serving(rows: HeldRows, request: Row, changes: list[Row]) -> None:
    """In one pool, and only in weeks in which the demand may have that much there and bought none of it.

    What a demand of a class of its own has is certain: nothing less of it fits, and it is told if it would help more
    than one that is, or if fewer than three are told.
    """
    for change in changes:
        demand, less = rows.demands[change["key"]], change["accelerators"]
        sizes = [(option["pool"], option["replica_accelerators"]) for option in demand["options"]]
        assert any(
            less % replica == 0
            and _fits_with_less(rows, request, demand, pool, less)
            and not _fits_with_less(rows, request, demand, pool, less, taking=less - replica)
            for pool, replica in sizes
        ), (change, request)
    told = {change["key"]: change["accelerators"] for change in changes}
    last = max((_serving_order(rows, key, told[key]) for key in told), default=None)
    for key, demand in rows.demands.items():
        least = _least_certain(rows, request, demand)
        if least is None:
            continue
        if key in told:
            assert told[key] <= least, (key, least, told, request)
        else:
            assert last is not None and len(told) == MOST_SERVING and last < _serving_order(rows, key, least), (
                (key, least),
                told,
                request,
            )


def _serving_order(rows: HeldRows, key: str, accelerators: int) -> tuple[int, int, str]:
    return (-rows.tier(rows.demands[key]), accelerators, key)


def _fits_with_less(
    rows: HeldRows, request: Row, demand: Row, pool: str, less: int, *, taking: int | None = None
) -> bool:
    weeks = frozenset(
        week
        for week in rows.weeks
        if rows.most_of_demand(demand, pool, week) >= less
        and rows.serving.get((pool, week), 0) - less >= rows.bought.get((pool, week), 0)
    )
    return rows.fits(request, Change(pool, None, 0, less if taking is None else taking, weeks))


def _least_certain(rows: HeldRows, request: Row, demand: Row) -> int | None:
    """Fewest accelerators less by which a demand that shares neither class nor burst would surely make room."""
    if sum(row["class"] == demand["class"] for row in rows.demands.values()) > 1 or not rows.spots(request):
        return None
    found = []
    for option in demand["options"]:
        pool, replica = option["pool"], option["replica_accelerators"]
        if any(rows.bought.get((pool, week), 0) for week in rows.weeks):
            continue
        most = max(rows.most_of_demand(demand, pool, week) for week in rows.weeks)
        found += [
            less for less in range(replica, most + 1, replica) if _fits_with_less(rows, request, demand, pool, less)
        ][:1]
    return min(found, default=None)


CHANGES = {
    "fewer_accelerators": _fewer,
    "later_start": _later,
    "shorter": _shorter,
    "other_pool": _other_pool,
    "preemptible": _preemptible,
    "more_supply": _more_supply,
}
# More than any generated problem lacks anywhere.
ENOUGH = 400
MOST_SERVING = 3


def test_problems_that_are_generated_lead_to_every_reason_and_every_change() -> None:
    reasons, changes, pinned = set(), set(), set()
    for number in range(120):
        for _, request, told in explained(small_problem(random.Random(number)), None):
            reasons.add(told["reason"])
            kinds = {change["change"] for change in told["smallest_changes"]}
            changes |= kinds
            pinned |= kinds if request.get("pinned") else set()
    assert changes == {*CHANGES, "smaller_serving"}
    assert pinned >= {"fewer_accelerators", "more_supply"}
    usual = {"blocked_by_commitment", "blocked_by_forecast", "blocked_by_higher_class", "blocked_by_same_class"}
    assert reasons >= usual | {"floor_reserved", "exceeds_any_pool", "no_domain_large_enough", "beyond_horizon"}

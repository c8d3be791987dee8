"""What every plan keeps, told from its rows alone: room, gangs, floors, work, money and bounds.

What belongs here: the balances of methods, "Allocation program", over generated problems, whole and by parts. The
engine's own `check_solution` is not asked: these are counted again from the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.engine import SolveOptions
from tests.domain.allocation.for_all import PROBLEMS, ROUTES, for_all, plan_of
from tests.domain.allocation.held_rows import HeldRows

TOLERANCE = 1e-9
Row = dict[str, Any]
Holds = Callable[[Row, Row, HeldRows], None]


def for_all_plans(*, examples: int) -> Callable[[Holds], Callable[..., None]]:
    """`for_all` of a property of a problem, its plan by some route, and the plan's rows counted."""

    def decorate(holds: Holds) -> Callable[..., None]:
        def of_a_plan(document: Row, route: SolveOptions | None) -> None:
            plan = plan_of(document, route)
            holds(document, plan, HeldRows(document, plan))

        of_a_plan.__name__, of_a_plan.__doc__, of_a_plan.__module__ = holds.__name__, holds.__doc__, holds.__module__
        return for_all(PROBLEMS, ROUTES, examples=examples)(of_a_plan)

    return decorate


@for_all_plans(examples=20)
def test_pools_and_domains_hold_no_more_than_they_have(document: Row, plan: Row, rows: HeldRows) -> None:
    for pool in document["pools"]:
        for week in rows.weeks:
            assert rows.pool_free(pool["key"], week) >= 0
            for domain in pool.get("domains", []):
                assert rows.domain_free(pool["key"], domain["key"], week) >= 0
            bought = rows.bought.get((pool["key"], week), 0)
            limit = pool["burst"]["accelerators"][week] if "burst" in pool else 0
            assert 0 <= bought <= min(limit, rows.serving.get((pool["key"], week), 0))
    idle = {(row["pool"], rows.week(row["week"])): row["accelerators"] for row in plan["idle"]}
    assert idle == {(pool, week): rows.pool_free(pool, week) for pool in rows.pools for week in rows.weeks}


@for_all_plans(examples=20)
def test_a_gang_runs_whole_in_one_domain_within_its_window_and_options(
    document: Row, plan: Row, rows: HeldRows
) -> None:
    for key, request in rows.requests.items():
        placed = [row for row in plan["placements"] if row["key"] == key]
        assert bool(placed) != any(row["key"] == key for row in plan["unplaced"])
        if request.get("pinned"):
            assert all({name: row[name] for name in ("pool", "domain", "start")} == request["pinned"] for row in placed)
        if request["divisible"] or not placed:
            continue
        (row,) = placed
        sizes = [(o["pool"], o["accelerators"], o["weeks"]) for o in rows.options(request)]
        assert (row["pool"], row["accelerators"], row["weeks"]) in sizes
        domains = [domain["key"] for domain in rows.pools[row["pool"]].get("domains", [])] or [None]
        assert row["domain"] in domains
        if not request.get("pinned"):
            assert request["earliest_start"] <= row["start"] <= request["latest_start"]
            assert rows.week(row["start"]) >= 0 and rows.week(row["start"]) + row["weeks"] <= len(rows.weeks)


@for_all_plans(examples=20)
def test_divisible_work_stays_within_its_size_its_weeks_and_one_option(
    document: Row, plan: Row, rows: HeldRows
) -> None:
    for request in document["experiments"]:
        placed = [row for row in rows.placed if row[0] is request]
        if not request["divisible"] or request.get("pinned") or not placed:
            continue
        if "options" in request:
            choices = [({o["pool"]}, o["accelerators"], o["weeks"]) for o in request["options"]]
        else:
            choices = [(set(request["pools"]), request["accelerators"], request["weeks"])]
        earliest, latest = rows.week(request["earliest_start"]), rows.week(request["latest_start"])
        weekly = {week: sum(n for *_, span, n in placed if week in span) for week in rows.weeks}
        assert any(
            {pool for _, pool, *_ in placed} <= pools
            and max(weekly.values()) <= size
            and sum(weekly.values()) <= size * weeks
            and all(earliest <= week <= latest + weeks - 1 for week, amount in weekly.items() if amount)
            for pools, size, weeks in choices
        )


@for_all_plans(examples=20)
def test_a_floor_keeps_the_least_of_what_it_asks_and_what_there_is(document: Row, plan: Row, rows: HeldRows) -> None:
    issues = {(row["floor"], rows.week(row["week"])) for row in plan["issues"] if row["code"] == "floor_above_supply"}
    for floor in document["floors"]:
        for week in rows.weeks:
            supply = rows.supply_of(floor, week)
            kept = min(floor["accelerators"][week], supply)
            others = sum(rows.net_serving(pool, week) for pool in floor["pools"])
            for request, accelerators in rows.experiments_in(floor["pools"], week):
                others += accelerators if rows.counts_in(floor, request) else 0
            assert others <= supply - kept
            assert ((floor["key"], week) in issues) == (floor["accelerators"][week] > supply)


@for_all_plans(examples=20)
def test_work_is_served_or_short_by_whole_replicas_and_within_max_pools(
    document: Row, plan: Row, rows: HeldRows
) -> None:
    short = {(row["key"], rows.week(row["week"])): row["work"] for row in plan["capacity_shortfalls"]}
    served = {(row["key"], rows.week(row["week"])): row["work"] for row in plan["served"]}
    done: dict[tuple[str, int], float] = {}
    for demand in document["serving"]:
        for week in rows.weeks:
            here, gone = served.get((demand["key"], week), 0.0), short.get((demand["key"], week), 0.0)
            assert here >= 0 and gone >= 0 and abs(here + gone - demand["work"][week]) <= TOLERANCE
            done[demand["class"], week] = done.get((demand["class"], week), 0.0) + here
    able = dict.fromkeys(done, 0.0)
    spread: dict[tuple[str, int], int] = {}
    options = {(row["class"], option["pool"]): option for row in document["serving"] for option in row["options"]}
    for (name, pool, week), accelerators in rows.of_class.items():
        option = options[name, pool]
        assert accelerators > 0 and accelerators % option["replica_accelerators"] == 0
        able[name, week] += accelerators * option["work_per_accelerator"]
        spread[name, week] = spread.get((name, week), 0) + 1
    assert all(done[at] <= able[at] + TOLERANCE for at in done)
    for demand in document["serving"]:
        most = demand["max_pools"]
        assert all(most is None or spread.get((demand["class"], week), 0) <= most for week in rows.weeks)


@for_all_plans(examples=20)
def test_the_values_told_are_those_of_the_rows_and_lie_on_the_right_side_of_their_bounds(
    document: Row, plan: Row, rows: HeldRows
) -> None:
    lost, unmet, placed = _values(document, plan, rows)
    paid = 0.0
    for tier in plan["tiers"]:
        name = tier["tier"]
        if tier["unit"] == "usd":
            assert tier["value"] >= float(lost.get(name, 0)) - TOLERANCE
            assert abs(tier["unmet_accelerators"] - float(unmet.get(name, 0))) <= TOLERANCE
            paid += tier["value"] - float(lost.get(name, 0))
            gap = tier["value"] - tier["bound"]
        else:
            assert abs(tier["value"] - float(placed.get(name, 0))) <= TOLERANCE
            gap = tier["bound"] - tier["value"]
        assert gap >= 0 and tier["gap_absolute"] == gap
        largest = max(abs(tier["value"]), abs(tier["bound"]))
        assert abs(tier["gap_relative"] * largest - gap) <= TOLERANCE
    assert abs(paid - sum(row["usd"] for row in plan["burst"])) <= 1e-6
    assert (plan["termination"] == "optimal") == all(tier["gap_relative"] <= 1e-6 for tier in plan["tiers"])


def _values(
    document: Row, plan: Row, rows: HeldRows
) -> tuple[dict[str, Fraction], dict[str, Fraction], dict[str, Fraction]]:
    """Dollars lost, unmet accelerators of unknown loss, and weighted accelerator-weeks placed, by tier."""
    lost: dict[str, Fraction] = {}
    unmet: dict[str, Fraction] = {}
    placed: dict[str, Fraction] = {}
    for row in plan["capacity_shortfalls"]:
        demand = rows.demands[row["key"]]
        work = Fraction(row["work"])
        if demand["usd_lost_per_work_week"] is None:
            best = max((Fraction(o["work_per_accelerator"]) for o in demand["options"]), default=Fraction(1))
            unmet[demand["tier"]] = unmet.get(demand["tier"], Fraction(0)) + work / best
        else:
            usd = work * Fraction(demand["usd_lost_per_work_week"])
            lost[demand["tier"]] = lost.get(demand["tier"], Fraction(0)) + usd
    for request, _, _, span, accelerators in rows.placed:
        value = Fraction(request["weight"]) * accelerators * len(span)
        placed[request["tier"]] = placed.get(request["tier"], Fraction(0)) + value
    return lost, unmet, placed

"""The demo's plan explains itself truly: every unplaced request, every idle accelerator and every shortage, re-checked.

The re-check of requests reads only the stored problem and solution, as files. `pytest -s` prints what is checked.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import transaction

from capacity.demo.services import load_demo
from capacity.lib.horizon import Week
from capacity.review.inputs import Inputs
from capacity.review.plan_source import ComputedPlan, ReviewPlanSource
from tests.residual_check import ResidualCheck

# Only so that the test database is made; the plan itself needs none.
pytestmark = pytest.mark.django_db

AS_OF = date(2026, 11, 22)
PRINTED = ("E-007", "E-006", "E-061")


@pytest.fixture(scope="module")
def inputs(django_db_setup: Any, django_db_blocker: Any) -> Inputs:
    with django_db_blocker.unblock(), transaction.atomic():
        load_demo(as_of=AS_OF, password="a-password-for-tests", now=datetime(2026, 11, 22, tzinfo=UTC))
        found = ReviewPlanSource().read(as_of=AS_OF)
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="module")
def plan(inputs: Inputs) -> ComputedPlan:
    return ReviewPlanSource().compute(inputs=inputs, progress=lambda _stage, _share: None)


@pytest.fixture(scope="module")
def check(plan: ComputedPlan) -> ResidualCheck:
    return ResidualCheck(plan.document["problem"], plan.document["solution"])


def stored_change(change: dict[str, Any]) -> dict[str, Any]:
    """A smallest change as the run stores it, its weeks written as Mondays."""
    written = dict(change)
    for name in ("start", "from"):
        if name in written:
            written[name] = Week.parse(written[name]).monday.isoformat()
    return written


def test_each_smallest_change_applied_fits_and_one_unit_less_does_not(plan: ComputedPlan, check: ResidualCheck) -> None:
    rows = plan.tables["unplaced"]
    checked = 0
    for row in rows:
        if row["experiment_key"] in PRINTED:
            sys.stdout.write(f"\n{row['experiment_key']} {row['priority']} {row['name']}: {row['sentence']}\n")
        for change in row["smallest_changes"]:
            unplaced = {"key": row["experiment_key"], "needed": row["needed"]}
            fits, fits_with_less = check.verdict(unplaced, stored_change(change))
            if row["experiment_key"] in PRINTED:
                sys.stdout.write(f"  {change['text']}: fits {fits}, one unit less fits {fits_with_less}\n")
            assert fits, (row["experiment_key"], change)
            assert not fits_with_less, (row["experiment_key"], change)
            checked += 1
    assert {row["experiment_key"] for row in rows} >= set(PRINTED)
    assert checked > 2 * len(rows)


def test_what_an_unplaced_request_found_free_is_what_a_second_count_finds(
    plan: ComputedPlan, check: ResidualCheck
) -> None:
    for row in plan.tables["unplaced"]:
        assert not check.fits(row["experiment_key"]), row["experiment_key"]
        if row["free"] is not None:
            assert row["free"] == max(0, *check.room(row["experiment_key"]).values()), row["experiment_key"]
            assert row["short_by"] == row["needed"] - row["free"]


def test_blockers_hold_what_is_told_in_the_binding_week(plan: ComputedPlan) -> None:
    placed: dict[tuple[str, Week], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in plan.tables["placements"]:
        for offset in range(row["weeks"]):
            week = Week.parse(row["start_week"]).plus(offset)
            placed[row["experiment_key"], week][row["pool_key"]] += row["accelerators"]
    held = 0
    for row in plan.tables["unplaced"]:
        in_the_way = pools_in_the_way(plan, row["experiment_key"])
        for blocker in row["blockers"]:
            if there := placed.get((blocker["key"], Week.parse(row["week"]))):
                # Of work in parts only what lies in those pools keeps it out.
                told = sum(count for pool, count in there.items() if pool in in_the_way)
                assert blocker["accelerators"] == told, row
                held += 1
    assert held


def pools_in_the_way(plan: ComputedPlan, key: str) -> set[str]:
    """The pools that the request may use, and those that share a floor with them."""
    problem = plan.document["problem"]
    asked = next(each for each in problem["experiments"] if each["key"] == key)
    pools = set(asked.get("pools") or [pool for option in asked["options"] for pool in pools_of(option)])
    return pools.union(*(floor["pools"] for floor in problem["floors"] if pools & set(floor["pools"])))


def pools_of(option: dict[str, Any]) -> list[str]:
    return list(option["pools"]) if "pools" in option else [option["pool"]]


def test_the_reasons_of_idle_sum_to_idle_in_every_pool_and_week(plan: ComputedPlan) -> None:
    names = ("idle_floor", "idle_fragment", "idle_wrong_kind", "idle_unaccepted", "idle_no_demand")
    total: dict[str, int] = defaultdict(int)
    for row in plan.tables["pool_weeks"]:
        assert row["idle"] == sum(row[name] for name in names), row
        assert all(row[name] >= 0 for name in names), row
        for name in names:
            total[name] += row[name]
    # The demo shows each kind but one: its floor is full of model development.
    assert all(total[name] for name in names if name != "idle_floor"), total


def test_every_week_short_is_told_in_one_shortage_with_what_doing_nothing_loses(plan: ComputedPlan) -> None:
    short: dict[tuple[str, str], Decimal | None] = {}
    for row in plan.tables["demands"]:
        if row["short_accelerators"]:
            short[row["demand_key"], row["week"]] = row["usd_lost"]
    told: dict[tuple[str, str], str] = {}
    for row in plan.tables["shortfall_remedies"]:
        if row["rank"]:
            continue
        weeks = [Week.parse(row["first_week"]).plus(offset).key for offset in range(row["weeks"])]
        assert not told.keys() & {(row["demand_key"], week) for week in weeks}
        told |= {(row["demand_key"], week): row["first_week"] for week in weeks}
        lost = [short[row["demand_key"], week] for week in weeks]
        if row["usd_lost"] is None:
            assert None in lost
        else:
            assert row["usd_lost"] == pytest.approx(sum(each for each in lost if each), abs=Decimal("0.01"))
    assert told.keys() == short.keys()


def test_a_remedy_covers_no_more_than_is_short_and_comes_no_sooner_than_it_can(plan: ComputedPlan) -> None:
    rows = plan.tables["shortfall_remedies"]
    assert {row["remedy"] for row in rows} >= {"do_nothing", "more_supply", "call"}
    for row in rows:
        assert 0 <= row["covered_accelerator_weeks"] <= row["short_accelerator_weeks"], row
        assert row["rank"] <= 3
        if row["remedy"] == "more_supply" and row["helps_from"]:
            arrives = Week.parse(row["helps_from"])
            assert row["lead_weeks_p50"] is not None
            assert (arrives.monday - AS_OF).days >= 7 * row["lead_weeks_p50"]


def test_the_lead_time_of_the_quickest_supplier_of_the_type_counts(inputs: Inputs) -> None:
    row = {"supplier": inputs.tables["suppliers"][0]["key"], "accelerator_type": "h200", "p50_weeks": 1, "p90_weeks": 2}
    kinds = {pool["key"]: pool["accelerator_type"] for pool in inputs.tables["pools"]}
    row["accelerator_type"] = kinds["h200-euw1"]
    plan = ReviewPlanSource().compute(
        inputs=replace(inputs, tables={**inputs.tables, "lead_times": [row]}), progress=lambda _stage, _share: None
    )
    supply = [
        row
        for row in plan.tables["shortfall_remedies"]
        if (row["remedy"], row["pool_key"]) == ("more_supply", "h200-euw1")
    ]
    assert {(row["lead_weeks_p50"], row["lead_weeks_p90"]) for row in supply} == {(1, 2)}

"""The workload map of the demo world makes the plan's serving, to the accelerator and the cent, in each of 13 weeks."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pytest
from django.db import transaction

from capacity.demo.services import load_demo
from capacity.review.inputs import Inputs
from capacity.review.plan_source import LATER_TABLES, ComputedPlan, ReviewPlanSource

# Only so that the test database is made; the plan itself needs none.
pytestmark = pytest.mark.django_db

AS_OF = date(2026, 11, 22)
# What serving pays, named here once more.
LINES = ("serving_consumed", "serving_headroom", "serving_spare", "internal", "no_choice", "burst")
SERVING = ("serving", "product", "internal", "no_choice")


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


def by_week(rows: list[dict[str, Any]], column: str) -> dict[str, Any]:
    sums: dict[str, Any] = defaultdict(int)
    for row in rows:
        sums[row["week"]] += row[column]
    return sums


def weeks(plan: ComputedPlan) -> list[str]:
    found = sorted({row["week"] for row in plan.tables["workload_use"]})
    assert len(found) == 13
    return found


def test_accelerators_of_the_map_are_those_of_the_plan(plan: ComputedPlan) -> None:
    mapped = by_week(plan.tables["workload_use"], "accelerators")
    given = by_week(plan.tables["allocations"], "accelerators")
    pools = {
        week: sum(row[name] for row in plan.tables["pool_weeks"] if row["week"] == week for name in SERVING)
        for week in weeks(plan)
    }
    for week in weeks(plan):
        assert mapped[week] == given[week] == pools[week] > 0


def test_each_pool_of_each_week_is_split_whole(plan: ComputedPlan) -> None:
    mapped: dict[tuple[str, str], int] = defaultdict(int)
    for row in plan.tables["workload_use"]:
        mapped[row["pool_key"], row["week"]] += row["accelerators"]
    for row in plan.tables["pool_weeks"]:
        if row["week_index"] < 13:
            assert mapped[row["pool_key"], row["week"]] == sum(row[name] for name in SERVING)


def test_dollars_of_the_map_are_those_of_the_envelopes_to_the_cent(plan: ComputedPlan) -> None:
    mapped: dict[tuple[str, str], Decimal | None] = defaultdict(Decimal)
    for row in plan.tables["workload_use"]:
        place = (row["pool_key"], row["week"])
        had = mapped[place]
        mapped[place] = None if had is None or row["usd"] is None else had + row["usd"]
    compared = 0
    for row in plan.tables["pool_weeks"]:
        place = (row["pool_key"], row["week"])
        if row["week_index"] >= 13 or place not in mapped:
            continue
        if row["envelope_parts"] is None:
            assert mapped[place] is None
            continue
        paid = sum(Decimal(row["envelope_parts"][line]) for line in LINES)
        assert mapped[place] == paid.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN), place
        compared += 1
    assert compared > 50


def test_without_burst_dollars_are_accelerators_times_hours_times_the_rate(plan: ComputedPlan) -> None:
    rates = {
        (row["pool_key"], row["week"]): row["usd_per_accelerator_hour"]
        for row in plan.tables["pool_weeks"]
        if not row["burst"] and row["usd_per_accelerator_hour"] is not None
    }
    held: dict[tuple[str, str], int] = defaultdict(int)
    usd: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in plan.tables["workload_use"]:
        place = (row["pool_key"], row["week"])
        if place in rates and row["usd"] is not None:
            held[place] += row["accelerators"]
            usd[place] += row["usd"]
    assert held
    for place, accelerators in held.items():
        assert abs(usd[place] - accelerators * 168 * rates[place]) < Decimal("0.01"), place


def test_what_a_workload_takes_is_within_an_accelerator_a_class_of_the_maps_row(plan: ComputedPlan) -> None:
    first = weeks(plan)[0]
    whole: dict[str, int] = defaultdict(int)
    parts: dict[str, int] = defaultdict(int)
    for row in plan.tables["workload_use"]:
        if row["week"] == first:
            whole[row["workload_key"]] += row["accelerators"]
            parts[row["workload_key"]] += 1
    for row in plan.tables["workloads"]:
        if row["is_sized"]:
            key = row["workload_key"]
            assert abs(row["accelerators_now"] - whole[key]) < max(1, parts[key]), key


def test_every_card_is_kept_and_the_figures_say_the_sums(plan: ComputedPlan) -> None:
    cards = {row["workload_key"]: row for row in plan.tables["workload_cards"]}
    assert set(cards) == {row["workload_key"] for row in plan.tables["workloads"]}
    assert any(row["premium"]["reason"] == "" for row in cards.values())
    figures = {row["key"]: row for row in plan.tables["figures"]}
    first = weeks(plan)[0]
    assert (
        figures["total:workload_accelerators"]["value"] == by_week(plan.tables["workload_use"], "accelerators")[first]
    )
    shares = [figures[f"share:frontier_{name}"]["value"] for name in ("tokens", "usd")]
    assert all(value is not None and 0 < value < 1 for value in shares)


def test_runs_from_before_the_map_keep_the_hash_they_were_sealed_with() -> None:
    assert {"workload_use", "workload_cards"} <= LATER_TABLES

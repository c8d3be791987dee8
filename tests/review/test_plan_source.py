"""The spine on the demo world: whatever the plan says must add up, come out the same again, and be in the visibility table."""

from __future__ import annotations

import json
import random
import re
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from capacity.access.sight_table import TABLE
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution import solution_to_json
from capacity.allocation.runs import PlanRefused
from capacity.demo.services import load_demo
from capacity.lib.units import exact
from capacity.review.inputs import Inputs
from capacity.review.plan_source import ComputedPlan, ReviewPlanSource

# Only so that the test database is made; the plans themselves need none.
pytestmark = pytest.mark.django_db

AS_OF = date(2026, 11, 22)
PURPOSES = ("serving", "product", "internal", "no_choice", "pretrain", "research", "evals")


def quiet(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def inputs(django_db_setup: Any, django_db_blocker: Any) -> Inputs:
    with django_db_blocker.unblock(), transaction.atomic():
        load_demo(as_of=AS_OF, password="a-password-for-tests", now=datetime(2026, 11, 22, tzinfo=UTC))
        found = ReviewPlanSource().read(as_of=AS_OF)
        transaction.set_rollback(True)
    return found


@pytest.fixture(scope="module")
def plan(inputs: Inputs) -> ComputedPlan:
    return ReviewPlanSource().compute(inputs=inputs, progress=quiet)


def test_every_accelerator_of_a_pool_week_has_exactly_one_purpose_or_is_idle(plan: ComputedPlan) -> None:
    for row in plan.tables["pool_weeks"]:
        assert row["allocatable"] + row["burst"] == sum(row[name] for name in PURPOSES) + row["idle"], row
        assert all(row[name] >= 0 for name in (*PURPOSES, "idle")), row
        assert row["allocatable"] <= row["installed"]


def test_the_lines_of_an_envelope_sum_to_it_to_the_cent(plan: ComputedPlan) -> None:
    checked = 0
    for row in plan.tables["pool_weeks"]:
        if row["envelope_usd"] is None:
            continue
        parts = sum((Decimal(part) for part in row["envelope_parts"].values()), Decimal(0))
        assert abs(parts - row["envelope_usd"]) < Decimal("0.00000001"), row
        checked += 1
    assert checked > 100


def _has_no_workload(serving_class: str) -> bool:
    """Dedicated accelerators serve no workload card; a pinned version's own replicas (`….v1`) serve its own."""
    return serving_class.startswith("dedicated.") and not re.search(r"\.v\d+$", serving_class)


def test_the_workload_map_reconciles_with_the_allocation_of_this_week(plan: ComputedPlan) -> None:
    first = plan.header.first_week
    allocated = sum(
        row["accelerators"]
        for row in plan.tables["allocations"]
        if row["week"] == first and not _has_no_workload(row["serving_class"])
    )
    mapped = sum(row["accelerators_now"] for row in plan.tables["workloads"] if row["accelerators_now"] is not None)
    assert abs(mapped - allocated) < Decimal("0.01")


def test_an_unsized_contract_has_no_number_and_is_listed(plan: ComputedPlan) -> None:
    unsized = [row for row in plan.tables["exposure"] if not row["is_sized"]]
    listed = {row["subject"] for row in plan.tables["issues"] if row["code"] == "unsized_contract"}
    assert unsized
    for row in unsized:
        assert row["planned_accelerators"] is None
        assert row["reserved_cost_usd"] is None
        assert row["margin_usd"] is None
        assert row["contract_key"] in listed


def test_margins_are_revenue_less_cost_in_every_row(plan: ComputedPlan) -> None:
    for row in plan.tables["exposure"]:
        if row["revenue_usd"] is None or row["reserved_cost_usd"] is None:
            assert row["margin_usd"] is None
        else:
            assert abs(row["revenue_usd"] - row["reserved_cost_usd"] - row["margin_usd"]) < Decimal("0.0000001")
            assert row["consumed_cost_usd"] <= row["reserved_cost_usd"]


def test_showback_charges_no_class_more_than_it_costs(inputs: Inputs, plan: ComputedPlan) -> None:
    """Contracts and own products share a class's cost by peak load: what contracts are charged is at most all of it."""
    rates = {(row["pool_key"], row["week"]): row["usd_per_accelerator_hour"] for row in plan.tables["pool_weeks"]}
    total = sum(
        (
            exact(row["accelerators"]) * 168 * exact(rates[row["pool_key"], row["week"]])
            for row in plan.tables["allocations"]
        ),
        Fraction(0),
    )
    charged = sum((exact(row["reserved_cost_usd"]) for row in plan.tables["exposure"] if row["is_sized"]), Fraction(0))
    assert 0 < charged <= total


def test_rows_in_any_order_give_the_same_plan_byte_for_byte(inputs: Inputs, plan: ComputedPlan) -> None:
    shuffled = {name: list(rows) for name, rows in inputs.tables.items()}
    for rows in shuffled.values():
        random.Random(7).shuffle(rows)
    again = ReviewPlanSource().compute(inputs=replace(inputs, tables=shuffled), progress=quiet)
    assert again.header.result_hash == plan.header.result_hash


def test_the_stored_problem_solved_from_its_file_gives_the_stored_solution(plan: ComputedPlan) -> None:
    problem = problem_from_bytes(json.dumps(plan.document["problem"]).encode())
    again = {**solution_to_json(solve(problem=problem, options=SolveOptions(effort="quick"))), "seconds": {}}
    assert again["placements"] == plan.document["solution"]["placements"]
    assert [tier["value"] for tier in again["tiers"]] == pytest.approx(
        [tier["value"] for tier in plan.document["solution"]["tiers"]], rel=1e-6
    )


def test_every_figure_and_term_names_an_entry_of_the_visibility_table(plan: ComputedPlan) -> None:
    missing = set()
    for row in plan.tables["figures"]:
        for entry in (row, *row["terms"]):
            if entry["field"] not in TABLE.get(entry["resource"], {}):
                missing.add((entry["resource"], entry["field"], row["key"].split(":")[0]))
    assert not missing


def test_figure_keys_are_unique_and_methods_anchors_exist(plan: ComputedPlan) -> None:
    keys = [row["key"] for row in plan.tables["figures"]]
    assert len(keys) == len(set(keys))
    page = Path(__file__).parents[2] / "docs" / "methods.md"
    anchors = {
        line.lstrip("#").strip().lower().replace(" ", "-")
        for line in page.read_text().splitlines()
        if line.startswith("##")
    }
    assert {row["methods_anchor"] for row in plan.tables["figures"]} <= anchors


def test_a_shortfall_is_the_same_in_demands_and_pools(plan: ComputedPlan) -> None:
    """Unmet work laid on pools is within a replica a class and week of the demands' own rounding."""
    by_week: dict[str, Decimal] = defaultdict(Decimal)
    for row in plan.tables["demands"]:
        by_week[row["week"]] += row["work"] - row["served"]
    for row in plan.tables["pool_weeks"]:
        if row["capacity_shortfall"]:
            assert by_week[row["week"]] > 0


def test_without_a_policy_in_force_the_plan_is_refused_with_a_sentence(inputs: Inputs) -> None:
    tables = {**inputs.tables, "policy_sets": []}
    with pytest.raises(PlanRefused) as refused:
        ReviewPlanSource().compute(inputs=replace(inputs, tables=tables), progress=quiet)
    assert refused.value.code == "no_policy"
    assert "policy" in refused.value.sentence


def test_an_unknown_cost_makes_money_unknown_not_zero(inputs: Inputs) -> None:
    rates = [{**row, "capex_usd": None} if row["kind"] == "owned" else row for row in inputs.tables["cost_rates"]]
    plan = ReviewPlanSource().compute(
        inputs=replace(inputs, tables={**inputs.tables, "cost_rates": rates}), progress=quiet
    )
    assert any(row["envelope_usd"] is None for row in plan.tables["pool_weeks"])
    figures = {row["key"]: row for row in plan.tables["figures"]}
    assert figures["metric:H6"]["value"] is None
    assert figures["metric:H6"]["absent"] == "unknown cost"
    assert any(row["code"] == "unknown_cost" for row in plan.tables["issues"])


def test_a_plan_names_the_exchange_rates_and_the_waivers_it_used(inputs: Inputs) -> None:
    leased = next(row["key"] for row in inputs.tables["cost_rates"] if row["kind"] == "leased")
    rates = [{**row, "currency": "EUR"} if row["key"] == leased else row for row in inputs.tables["cost_rates"]]
    floor, monday = inputs.policy.floors[0], inputs.first_week.monday
    waiver = {"key": "w", "policy": inputs.policy.version, "floor": floor.key, "starts_date": monday,
              "ends_date": inputs.first_week.end, "accelerators": 8, "decision_number": 3, "is_decided": True}  # fmt: skip
    fx = [{"currency": "EUR", "as_of_date": inputs.as_of, "usd_per_unit": Decimal("1.08")}]
    tables = {**inputs.tables, "cost_rates": rates, "fx_rates": fx, "floor_waivers": [waiver]}
    plan = ReviewPlanSource().compute(inputs=replace(inputs, tables=tables), progress=quiet)

    said = {row["code"]: row["sentence"] for row in plan.tables["issues"]}
    assert f"in EUR: turned into US dollars at 1.08, the rate of {inputs.as_of}" in said["rate_in_currency"]
    assert "lowered by 8 accelerators" in said["floor_waived"] and "D-3" in said["floor_waived"]
    assert "no_fx_rate" not in said


def test_after_a_frozen_week_planning_starts_in_the_next(inputs: Inputs) -> None:
    later = replace(inputs, first_week=inputs.first_week.plus(1))
    plan = ReviewPlanSource().compute(inputs=later, progress=quiet)
    assert plan.header.first_week == inputs.first_week.plus(1).key
    assert {row["week"] for row in plan.tables["pool_weeks"] if row["week_index"] == 0} == {plan.header.first_week}


def test_an_empty_lab_with_a_policy_has_a_plan_with_nothing_in_it(inputs: Inputs) -> None:
    empty = {name: [] for name in inputs.tables}
    empty |= {"policy_sets": inputs.tables["policy_sets"]}
    plan = ReviewPlanSource().compute(inputs=replace(inputs, tables=empty), progress=quiet)
    assert plan.tables["pool_weeks"] == []
    figures = {row["key"]: row for row in plan.tables["figures"]}
    assert figures["metric:H1"]["value"] is None
    assert figures["metric:H5"]["value"] is None


# --- money under scenarios ------------------------------------------------------------------------------------------


def in_term(row: dict[str, Any], weeks: int) -> dict[str, Any]:
    """The row without what a renewal may bring at P50. weeks: in term, from the first that brings anything."""
    first = next((index for index, cents in enumerate(row["revenue_cents"]) if cents), 0)
    if row["scenario"] != "p50" or not any(cents != 0 for cents in row["revenue_cents"][first + weeks :]):
        return row
    found = {}
    for name, cents in (("revenue_usd", "revenue_cents"), ("reserved_cost_usd", "reserved_cents")):
        own = row[cents][first : first + weeks]
        found[name] = None if not own or None in own else Decimal(sum(own)).scaleb(-2)
    return row | found | {"is_summed": True}


def test_expected_and_worst_scenarios_are_the_exposure_rows(plan: ComputedPlan) -> None:
    """In term P50 is the plan's showback, worst each contract alone: to the cent what the exposure table says."""
    weeks = {row["contract_key"]: row["weeks"] for row in plan.tables["exposure"]}
    rows = {
        (row["contract_key"], row["scenario"]): in_term(row, weeks[row["contract_key"]])
        for row in plan.tables["exposure_scenarios"]
    }
    pairs = {
        "p50": (("revenue_usd", "revenue_usd"), ("reserved_cost_usd", "reserved_cost_usd")),
        "worst": (("revenue_usd", "worst_revenue_usd"), ("loss_exposure_usd", "loss_exposure_usd")),
    }
    for row in plan.tables["exposure"]:
        for scenario, columns in pairs.items():
            for ours, theirs in columns:
                one, other = rows[row["contract_key"], scenario][ours], row[theirs]
                assert (one is None) == (other is None)
                # Where weeks are added up, each is rounded to its cent: 104 × half a cent.
                most = "0.52" if "is_summed" in rows[row["contract_key"], scenario] else "0.20"
                assert one is None or abs(one - other) <= Decimal(most), (row["contract_key"], scenario, ours)


def test_every_roll_up_of_the_plan_makes_its_total_and_contracts_make_it_too(plan: ComputedPlan) -> None:
    by_place: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in plan.tables["exposure_rollups"]:
        by_place[row["dimension"], row["scenario"]].append(row)
    for (dimension, scenario), parts in by_place.items():
        [total] = by_place["all", scenario]
        known = [
            row
            for row in plan.tables["exposure_scenarios"]
            if row["scenario"] == scenario and row["margin_usd"] is not None
        ]
        for name in ("revenue_usd", "reserved_cost_usd", "margin_usd", "loss_exposure_usd", "expected_credits_usd"):
            assert sum(part[name] for part in parts if part[name] is not None) == total[name], (dimension, scenario)
            assert sum(row[name] for row in known) == total[name]
        assert total["unsized"] == sum(not row["is_sized"] for row in plan.tables["exposure"])


def test_the_weeks_of_a_scenario_sum_to_it(plan: ComputedPlan) -> None:
    lists = {
        "revenue_usd": "revenue_cents",
        "consumed_cost_usd": "consumed_cents",
        "reserved_cost_usd": "reserved_cents",
        "loss_exposure_usd": "loss_cents",
    }
    for row in plan.tables["exposure_scenarios"]:
        for total, weeks in lists.items():
            if row[total] is None:
                assert None in row[weeks] or row[weeks] == []
            else:
                assert Decimal(sum(row[weeks])).scaleb(-2) == row[total]
                assert len(row[weeks]) == plan.header.weeks


def test_the_draws_span_the_expected_margin_and_say_their_seed(plan: ComputedPlan) -> None:
    found = {row["measure"]: row for row in plan.tables["money_risk"] if not row["part_key"]}
    expected = next(
        row for row in plan.tables["exposure_rollups"] if (row["dimension"], row["scenario"]) == ("all", "p50")
    )
    # Both hold what is renewed by its chance.
    drawn = found["margin"]
    assert drawn["p10"] < expected["margin_usd"] < drawn["p90"]
    assert drawn["mean"] > found["in_term_margin"]["mean"]
    assert (drawn["draws"], drawn["seed"]) == (2_000, 2026)
    parts = [row for row in plan.tables["money_risk"] if row["part_key"]]
    assert abs(sum(row["mean"] for row in parts) - found["shortfall"]["mean"]) < Decimal("0.1")


def test_a_plan_with_contracts_that_make_no_sense_comes_through_and_names_them(inputs: Inputs) -> None:
    """Fair use below expected use, a negative price, units that promise endless throughput, hits above all input."""
    changes: dict[str, dict[str, Any]] = {
        "CT-30": {"fair_use_tokens_per_month": 30_000_000},
        "CT-03": {"unit_output_weight": Decimal(0)},
        "CT-28": {"cache_hit_share": Decimal("1.5")},
    }
    contracts = [row | changes.get(row["key"], {}) for row in inputs.tables["contracts"]]
    shapes = {row["key"]: row["shape"] for row in contracts}
    assert (shapes["CT-30"], shapes["CT-03"], shapes["CT-28"]) == ("seats", "provisioned_throughput", "minimum_overage")
    prices = [
        row | {"price": Decimal(-1)} if row["contract"] == "CT-17" else row for row in inputs.tables["price_lines"]
    ]
    tables = {**inputs.tables, "contracts": contracts, "price_lines": prices}
    plan = ReviewPlanSource().compute(inputs=replace(inputs, tables=tables), progress=quiet)
    rows = {row["contract_key"]: row for row in plan.tables["exposure"]}
    assert rows["CT-30"]["worst_multiple"] < 1
    assert (rows["CT-17"]["revenue_usd"], rows["CT-28"]["revenue_usd"]) == (None, None)
    assert not rows["CT-03"]["is_sized"]
    said = {(row["code"], row["subject"]): row["sentence"] for row in plan.tables["issues"]}
    assert "cannot be billed" in said["unknown_price", "CT-17"]
    assert "cannot be billed" in said["unknown_price", "CT-28"]
    assert "endless throughput" in said["unsized_contract", "CT-03"]
    known = [row for row in plan.tables["exposure"] if row["contract_key"] not in {"CT-17", "CT-28", "CT-03"}]
    assert sum(row["revenue_usd"] is not None for row in known) >= len(known) - 5

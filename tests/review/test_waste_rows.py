"""What a plan of the demo world finds wasteful and suggests, recomputed from the plan's own rows and inputs."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from statistics import median
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction

from capacity.access.roles import Role
from capacity.access.visibility import ContractLabel, Viewer
from capacity.demo.services import load_demo
from capacity.lib.horizon import Horizon, Week
from capacity.review.card_premium import CardCosts
from capacity.review.inputs import Inputs
from capacity.review.map_use_rows import Use
from capacity.review.plan_source import LATER_TABLES, ComputedPlan, ReviewPlanSource
from capacity.review.table_specs_moves import WASTE
from capacity.review.tables import visible_row
from capacity.review.waste_rows import WasteRows
from workloads.domain.moves import Candidate

# Only so that the test database is made; the plan itself needs none.
pytestmark = pytest.mark.django_db

AS_OF = date(2026, 11, 22)


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


def found(plan: ComputedPlan, kind: str) -> dict[str, dict[str, Any]]:
    rows = [row for row in plan.tables["waste"] if row["kind"] == kind]
    return {row["workload_key"] or row["experiment_key"] or row["serving_class"]: row for row in rows}


def test_findings_stand_dearest_first_and_hold_no_dollars_in_words(plan: ComputedPlan) -> None:
    rows = plan.tables["waste"]
    assert [row["position"] for row in rows] == list(range(len(rows)))
    costs = [row["usd_per_week"] for row in rows]
    known = [cost for cost in costs if cost is not None]
    assert known == sorted(known, reverse=True) == costs[: len(known)]
    assert not any("$" in row["sentence"] for row in (*rows, *plan.tables["move_candidates"]))
    assert {"waste", "move_candidates"} <= LATER_TABLES


def test_low_use_is_below_thirty_percent_and_holds_more_than_peak_and_spares_need(plan: ComputedPlan) -> None:
    rows = [row for row in plan.tables["waste"] if row["kind"] == "low_utilisation"]
    held: dict[str, list[int]] = defaultdict(list)
    for row in plan.tables["allocations"]:
        held[row["serving_class"]].append(row["accelerators"])
    for row in rows:
        assert row["measured"] < Decimal("0.3")
        assert 0 < row["accelerators"] < sum(held[row["serving_class"]])
        # Between $0.50 and $10 an accelerator-hour: the rates of the demo's pools.
        assert 84 < row["usd_per_week"] / row["accelerators"] < 1680


def low_use(key: str, held: int, **member: str) -> list[dict[str, Any]]:
    """A class of 12 + 1 replicas of 8 at $2 with 25.5 accelerators at work."""
    need = SimpleNamespace(accelerators=104, consumed_accelerators=Fraction("25.5"))
    serving = SimpleNamespace(
        key=key,
        model_version="big-1",
        latency_class="interactive",
        members=[SimpleNamespace(**{"workload_key": "chat", "contract_key": "", **member})],
        weeks=[SimpleNamespace(total=need)] * 13,
        options=[SimpleNamespace(pool_key="p", work_per_accelerator=Fraction(1), replica_accelerators=8)],
    )
    weeks = list(Horizon(first=Week.containing(AS_OF), weeks=13))
    waste = WasteRows.__new__(WasteRows)
    waste.rows = SimpleNamespace(  # type: ignore[assignment]
        class_by_key={serving.key: serving},
        models={"big-1": {"name": "Big"}},
        weeks=weeks,
        horizon=Horizon(first=weeks[0], weeks=13),
        use_of_class=lambda key, week: (Fraction("25.5") / 104, Fraction(8, 104)),
        plan=SimpleNamespace(
            rates={("p", week): Decimal(2) for week in weeks},
            contracts=[SimpleNamespace(row={"key": "c-1", "name": "Acme chat"})],
        ),
        allocated={(serving.key, "p", week): held for week in weeks},
    )
    waste.weeks = weeks
    return list(waste._low_use())


def test_a_class_that_holds_two_replicas_more_than_it_needs_is_told_with_their_cost() -> None:
    """126 held where 104 are needed and 25.5 are at work: 20.2 %, and 16 × 168 h × $2 for nothing."""
    [row] = low_use("big-1.interactive.eu_us", 126)
    assert (row["workload_key"], row["accelerators"], row["usd_per_week"]) == ("chat", 16, Decimal(5376))
    assert row["sentence"] == (
        "20.2% of what Big at interactive latency in eu, us holds is at work, a mean of 13 weeks; its peak and its spares "
        "need 16.0 fewer."
    )
    assert low_use("big-1.interactive.eu_us", 104) == []


def test_the_used_share_of_a_contracts_own_replicas_is_read_where_its_cost_is() -> None:
    [made] = low_use("dedicated.c-1.v1", 126, contract_key="c-1")
    assert made["sentence"] == (
        "Of the own replicas of Acme chat little is at work, a mean of 13 weeks; its peak and its spares need 16.0 fewer."
    )
    old = "20.2% of what dedicated.c-1.v1 holds is at work, a mean of 13 weeks."
    labels = [ContractLabel(key="c-1", name="Acme chat", customer="Acme", alias="C-7")]
    for role, sees in ((Role.FINANCE, True), (Role.EXEC, True), (Role.RESEARCH, False), (Role.PRODUCT, False)):
        viewer = Viewer(username="x", roles=frozenset({role}))
        for sentence in (made["sentence"], old):
            row = {**made, "position": 0, "sentence": sentence}
            shown = visible_row(viewer=viewer, spec=WASTE, row=row, labels=labels)
            assert (shown["measured"] == row["measured"]) is sees
            assert ("20.2" in shown["sentence"]) is (sees and sentence == old)
            assert ("Acme" in shown["sentence"]) is (sees and sentence != old)


def test_a_retired_model_is_told_by_each_cards_part_of_it() -> None:
    """Of 32 accelerators at $2 two cards have 24 and 8, and a contract pinned to the model 16 of its own."""
    week = Week.containing(AS_OF)

    def use(workload: str, serving_class: str, amount: int) -> Use:
        return Use(
            workload_key=workload, tier="forecast", serving_class=serving_class, pool_key="p", week=week,
            accelerators=amount, cents=amount * 33_600, exact_accelerators=Fraction(amount),
            exact_usd=Fraction(amount * 336),
        )  # fmt: skip

    def retired(*uses: Use) -> list[tuple[Any, ...]]:
        waste = WasteRows.__new__(WasteRows)
        pinned = SimpleNamespace(
            is_pinned=True, days=(7,), model_key="old", workload={"key": "one"},
            row={"key": "c-1", "version": 1, "name": "Acme chat"},
        )  # fmt: skip
        waste.rows = SimpleNamespace(  # type: ignore[assignment]
            models={"old": {"name": "Old", "retire_date": date(2026, 10, 1)}},
            workloads={key: {"name": key.capitalize(), "model_version": "old"} for key in ("one", "two")},
            class_by_key={
                key: SimpleNamespace(key=key, model_version="old") for key in ("old.batch.any", "dedicated.c-1.v1")
            },
            plan=SimpleNamespace(inputs=SimpleNamespace(as_of=AS_OF), contracts=[pinned]),
        )
        waste.uses, waste.weeks = list(uses), [week]
        return [(row["accelerators"], row["usd_per_week"], row["sentence"]) for row in waste._retired()]

    own = use("one", "dedicated.c-1.v1", 16)
    shared = [use("one", "old.batch.any", 24), use("two", "old.batch.any", 8)]
    assert retired(own, *shared) == [
        (16, 5376, "Acme chat is pinned to Old, retired on 1 Oct: its replicas serve nobody else."),
        (24, 8064, "One runs on Old, retired on 1 Oct: its part of replicas that also serve Two."),
        (8, 2688, "Two runs on Old, retired on 1 Oct: its part of replicas that also serve One."),
    ]
    assert retired(own, shared[0])[1:] == [
        (24, 8064, "One runs on Old, retired on 1 Oct: its replicas serve nobody else."),
        (None, None, "Two runs on Old, retired on 1 Oct: it holds nothing this week."),
    ]


def test_low_hits_are_held_against_the_middle_of_their_peers(plan: ComputedPlan, inputs: Inputs) -> None:
    row = found(plan, "low_cache")["partner-widget"]
    models = {each["key"]: each["model_tier"] for each in inputs.tables["model_versions"]}
    peers = {
        each["key"]: each["cache_hit_share"]
        for each in inputs.tables["workloads"]
        if (models[each["model_version"]], each["latency_class"]) == ("mid", "standard")
        and each["key"] != "partner-widget"
    }
    # Of tickets contracts cache a little more or less than the card says: the middle stays where it is.
    assert (row["measured"], row["peer"]) == (Decimal("0.3"), median(peers.values()))
    card = next(each for each in plan.tables["workload_cards"] if each["workload_key"] == "partner-widget")
    consumed = card["token_costs"]["consumed"]
    own = next(each for each in inputs.tables["workloads"] if each["key"] == "partner-widget")
    both = own["input_tokens_per_second"] + own["output_tokens_per_second"]
    # On paper as a what-if tells it: the mean of the 13 weeks as they grow.
    planned = next(each for each in card["forecasts"] if each["is_planned"])
    tokens = Decimal(sum(week[1] for week in planned["weeks"])) / len(planned["weeks"]) * 604_800
    read = tokens * own["input_tokens_per_second"] / both
    cheaper = Decimal(consumed["input_usd"]) - Decimal(consumed["cached_usd"])
    assert abs(row["usd_per_week"] - read * Decimal("0.2") * cheaper / 1_000_000) < 1


def test_every_card_above_small_whose_smaller_test_passed_is_listed(plan: ComputedPlan, inputs: Inputs) -> None:
    models = {each["key"]: each["model_tier"] for each in inputs.tables["model_versions"]}
    passed = {
        each["key"]
        for each in inputs.tables["workloads"]
        if each["smaller_tier_tested"] == "pass" and models[each["model_version"]] != "small"
    }
    rows = found(plan, "smaller_passed")
    assert set(rows) == passed
    premiums = {row["workload_key"]: row["premium"] for row in plan.tables["workload_cards"]}
    for key, row in rows.items():
        told = premiums[key]
        assert row["usd_per_week"] == (None if told["reason"] else Decimal(told["usd_per_week"]))


def test_whoever_queues_beside_idle_accelerators_would_fit_there_in_other_weeks(
    plan: ComputedPlan, inputs: Inputs
) -> None:
    rows = found(plan, "queued_while_idle")
    assert set(rows) <= {row["experiment_key"] for row in plan.tables["unplaced"]}
    requests = {each["key"]: each for each in inputs.tables["experiments"]}
    idle = {(row["pool_key"], row["week"]): (row["week_index"], row["idle"]) for row in plan.tables["pool_weeks"]}
    by_place = {(pool, index): amount for (pool, _), (index, amount) in idle.items()}
    assert rows
    for key, row in rows.items():
        if row["accelerators"] is None:
            assert "a floor keeps" in row["sentence"] or "but " in row["sentence"]
            continue
        first = idle[row["pool_key"], row["week"]][0]
        for offset in range(requests[key]["weeks"]):
            assert by_place[row["pool_key"], first + offset] >= requests[key]["accelerators"]


def test_suggestions_carry_the_saving_on_paper_of_their_finding(plan: ComputedPlan) -> None:
    wasted = found(plan, "low_cache")
    caching = {row["workload_key"]: row for row in plan.tables["move_candidates"] if row["kind"] == "caching"}
    assert set(caching) == set(wasted)
    for key, row in caching.items():
        assert row["paper_usd_per_week"] == wasted[key]["usd_per_week"]
        assert abs(row["amount"] - wasted[key]["peer"]) < Decimal("0.00001")


# --- suggestions, by hand -------------------------------------------------------------------------------------------


def suggestion(each: Candidate, *, paper: Decimal) -> dict[str, Any]:
    shell = WasteRows.__new__(WasteRows)
    shell.rows = SimpleNamespace(  # type: ignore[assignment]
        workloads={"chat": {"name": "Chat", "model_version": "big-1"}},
        models={"small-a": {"name": "Small A"}, "small-b": {"name": "Small B"}},
    )
    # What a move saves on paper: tests/review/moves/test_paper.py.
    shell._papers = {each: paper}
    return shell._suggested_row(each)


def test_a_smaller_model_is_the_one_its_premium_is_of_and_is_not_said_to_have_passed() -> None:
    premium = {"reason": "", "next_model": "Small B", "usd_per_week": "672.00"}
    costs = CardCosts.__new__(CardCosts)
    costs.rows = SimpleNamespace(  # type: ignore[assignment]
        models={
            "big-1": {"name": "Big", "model_tier": "frontier"},
            "small-a": {"name": "Small A"},
            "small-b": {"name": "Small B"},
        }
    )
    costs._places = lambda _tier, _card: iter(  # type: ignore[method-assign,assignment]
        [SimpleNamespace(model="small-a"), SimpleNamespace(model="small-b")]
    )
    assert costs.next_model({"model_version": "big-1"}, premium) == "small-b"
    assert costs.next_model({"model_version": "big-1"}, {"reason": "no_tokens"}) == "small-a"
    row = suggestion(Candidate(workload_key="chat", kind="smaller_model", to_key="small-b"), paper=Decimal(672))
    assert row["paper_usd_per_week"] == Decimal(672)
    assert row["sentence"].endswith("a smaller model passed, not which; this one is to be tested.")

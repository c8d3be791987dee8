"""A start that a held review promised, from the frozen plan to the next one's rows, its answers and its pages."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from django.test import Client

from capacity.allocation.models import CurrentRun, Run
from capacity.imports.rows import as_json
from capacity.inventory.models import Lot
from capacity.review.documents import inputs_of_document, typed_rows
from capacity.review.input_edits import apply_changes
from capacity.review.inputs import Inputs
from capacity.review.placement_causes import Causes
from capacity.review.plan_source import ComputedPlan, ReviewPlanSource
from capacity.review.request_answer import request_answer
from tests.contracts.pipeline import NOW, TODAY, make_world
from tests.factories import make_review, make_user
from tests.imports.world import import_texts
from tests.review.quotes.asking import published, quiet
from tests.workloads.requests import CELLS, moved
from workloads.promises import TABLE

pytestmark = pytest.mark.django_db

# The review of W48 is frozen on Tuesday: the next plan begins in W49.
TUESDAY = TODAY + timedelta(days=1)
SOURCE = ReviewPlanSource()
BY = "the review of 23 Nov"


HEAD = (
    "key,name,team,experiment_priority,purpose,is_model_development,accelerators,weeks,earliest_start_date,"
    "latest_start_date,accelerator_types,state"
)
CALM = "e-1,Run 1,team-1,P2,research,no,64,4,2026-11-30,2027-01-25,h100,approved"
RUSH = "rush,Run 2,team-1,P0,research,no,64,4,2026-11-30,2026-11-30,h100,approved"


def ask(row: str) -> None:
    found = import_texts({"experiments.csv": f"{HEAD}\n{row}\n"})
    assert not found.errors, found.errors


@pytest.fixture
def held() -> Run:
    """112 accelerators, serving beside; e-1 (P2, 64 for 4 weeks from W49) has its place in the plan of the held review."""
    make_world(deals=0)
    ask(CALM)
    run = published()
    make_review(run)
    return run


def read() -> Inputs:
    return SOURCE.read(as_of=TUESDAY)


def plan_of(inputs: Inputs) -> ComputedPlan:
    return SOURCE.compute(inputs=inputs, progress=quiet)


def starts(plan: ComputedPlan) -> dict[str, str]:
    return {row["experiment_key"]: row["start_week"] for row in plan.tables["placements"]}


def issues(plan: ComputedPlan) -> list[str]:
    return [row["sentence"] for row in plan.tables["issues"] if row["code"] == "promise_not_kept"]


def publish(plan: ComputedPlan) -> Run:
    made = Run.objects.create(
        state="done", reason="test", input_hash="c", result_hash="d", fencing_token=2, inputs_version=1,
        first_week=plan.header.first_week, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TUESDAY,
    )  # fmt: skip
    plan.write(made)
    CurrentRun.objects.filter(scope="plan").update(run=made, fencing_token=2)
    return made


def test_the_promise_is_an_input_of_the_run_and_read_back_from_its_document(held: Run) -> None:
    inputs = read()
    assert inputs.tables[TABLE] == [
        {"experiment": "e-1", "review": "2026-W48", "pool": "pool-1", "domain": "dom-a", "start_week": "2026-W49",
         "weeks": 4, "accelerators": 64}
    ]  # fmt: skip
    assert typed_rows(TABLE, json.loads(json.dumps(as_json(inputs.tables[TABLE])))) == inputs.tables[TABLE]
    stored = json.loads(json.dumps(inputs.in_order().as_document()))
    again, plan = plan_of(inputs_of_document(stored, version=inputs.version)), plan_of(inputs)
    assert again.document["problem"] == plan.document["problem"]
    assert again.tables["placements"] == plan.tables["placements"]


def test_a_higher_class_finds_the_promised_start_taken_and_is_told_by_whom(held: Run) -> None:
    ask(RUSH)
    inputs = read()
    free = plan_of(replace(inputs, tables={**inputs.tables, TABLE: []}))
    assert starts(free)["rush"] == "2026-W49" and starts(free)["e-1"] == "2026-W53"
    plan = plan_of(inputs)
    assert starts(plan) == {"e-1": "2026-W49"}
    [row] = plan.tables["unplaced"]
    assert row["reason"] == "blocked_by_running"
    assert row["sentence"].startswith(f"A start that {BY} promised (e-1) holds the accelerators: ")


def test_a_what_if_that_withdraws_or_changes_the_request_frees_its_start(held: Run) -> None:
    ask(RUSH)
    withdrawn = {"table": "experiments", "key": ["e-1"], "op": "removed"}
    longer = {"table": "experiments", "key": ["e-1"], "op": "changed", "values": {"weeks": "5"}}
    override = {"table": "priority_overrides", "key": ["launch"], "op": "removed"}
    for changes in ([withdrawn, override], [longer]):
        inputs, _ = apply_changes(inputs=read(), changes=changes, viewer=None)
        assert starts(plan_of(inputs))["rush"] == "2026-W49"
    moved("dan", "e-1", "withdrawn")
    assert starts(plan_of(read())) == {"rush": "2026-W49"}


def test_supply_that_is_gone_is_an_issue_that_names_the_promise(held: Run) -> None:
    Lot.objects.filter(key="lot-1").update(accelerators=56)
    plan = plan_of(read())
    assert "e-1" not in starts(plan)
    [sentence] = issues(plan)
    assert re.fullmatch(
        rf"e-1 was promised 64 accelerators of .+ from 30 Nov by {BY}, but the week of \d+ \w+ has only \d+ left there\. "
        r"It has no place until the room is back, its request is changed, or the next review is held\.",
        sentence,
    )
    assert not [row for row in plan.tables["issues"] if row["code"] == "pinned_does_not_fit"]


def test_a_network_domain_that_is_gone_is_an_issue_and_the_request_is_placed_like_any_other(held: Run) -> None:
    inputs = read()
    [row] = inputs.tables[TABLE]
    plan = plan_of(replace(inputs, tables={**inputs.tables, TABLE: [{**row, "domain": "dom-z"}]}))
    assert starts(plan) == {"e-1": "2026-W49"}
    [sentence] = issues(plan)
    assert sentence.endswith("whose domain dom-z is no more: the plan places it like any other request.")
    assert issues(plan_of(inputs)) == []


def test_the_page_of_the_request_and_an_answer_tell_who_promised_it(held: Run) -> None:
    run = publish(plan_of(read()))
    client = Client()
    client.force_login(make_user("research", username="rita", team_key="team-1"))
    page = re.sub(r"\s+", " ", client.get("/requests/e-1/").content.decode())
    assert f"The plan has a place for it, promised by {BY}: the plan keeps that start." in page
    asked = {**CELLS, "experiment_priority": "P0", "accelerators": "64", "earliest_start_date": "2026-11-30",
             "latest_start_date": "2026-11-30"}  # fmt: skip
    document = request_answer(run_id=run.pk, cells=asked)
    assert document["code"] == "no_place"
    assert f"64 are with Run 1 (e-1, promised by {BY})" in document["sentence"]
    # Of the plan that made the promise nothing was promised yet: there it would give way.
    assert [row["key"] for row in request_answer(run_id=held.pk, cells=asked)["displaces"]] == ["e-1"]


def test_causes_say_that_a_start_is_as_promised() -> None:
    place = {"experiment_key": "e-1", "name": "Calm", "pool_key": "p", "domain_key": "d", "start_week": "2026-W49",
             "weeks": 2, "accelerators": 60, "is_running": False}  # fmt: skip
    promise = {"experiment": "e-1", "review": "2026-W48", "pool": "p", "domain": "d", "start_week": "2026-W49",
               "weeks": 2, "accelerators": 64}  # fmt: skip
    documents = ({}, {"as_of": "2026-11-24", "tables": {TABLE: [promise]}})
    for start, cause in (("2026-W49", f"it starts where {BY} promised"), ("2026-W50", "see the input changes")):
        after = {"placements": [{**place, "start_week": start}]}
        found = Causes(before={}, after=after, weeks=set(), inputs=[], documents=documents)
        assert found.of_place("e-1") == cause

"""What-ifs about a run of the demo world: its document read back, changes checked, answers that reconcile, and their life."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation import what_ifs
from capacity.allocation.domain.checks import PlanInconsistent
from capacity.allocation.domain.problem_writer import problem_to_json
from capacity.allocation.domain.solution_reader import solution_from_json
from capacity.allocation.domain.what_if import HotPlan
from capacity.allocation.leases import LeaseLost
from capacity.allocation.models import CurrentRun, Run, RunDocument, RunTable, WhatIf
from capacity.allocation.sweeper import sweep
from capacity.demo.services import load_demo
from capacity.review import what_if as service
from capacity.review.compute import prepare_inputs
from capacity.review.documents import OtherFormulas, inputs_of_document
from capacity.review.input_edits import ChangesRefused, apply_changes
from capacity.review.inputs import Inputs
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.what_if_rows import visible_answer
from tests.factories import make_user

pytestmark = pytest.mark.django_db

AS_OF = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SMALLER = {"table": "experiments", "key": ["E-007"], "op": "changed", "values": {"accelerators": "648"}}
MOST_QUERIES = 15


def quiet(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


@pytest.fixture(scope="module")
def document(django_db_setup: Any, django_db_blocker: Any) -> dict[str, Any]:
    """The document of the demo world's plan, as the database gives it back."""
    with django_db_blocker.unblock(), transaction.atomic():
        load_demo(as_of=AS_OF, password="a-password-for-tests", now=NOW)
        source = ReviewPlanSource()
        plan = source.compute(inputs=source.read(as_of=AS_OF), progress=quiet)
        transaction.set_rollback(True)
    return json.loads(json.dumps(dict(plan.document)))


@pytest.fixture(scope="module")
def inputs(document: dict[str, Any]) -> Inputs:
    return inputs_of_document(document["inputs"], version=1).in_order()


@pytest.fixture(scope="module")
def hot(document: dict[str, Any], inputs: Inputs) -> service.HotRun:
    prepared = prepare_inputs(inputs=inputs, progress=quiet)
    solution = solution_from_json(document["solution"])
    plan = HotPlan(problem=prepared.problem, solution=solution)
    return service.HotRun(inputs=inputs, prepared=prepared, problem=prepared.problem, solution=solution, plan=plan)


@pytest.fixture
def run(document: dict[str, Any]) -> Run:
    made = Run.objects.create(
        state="done",
        reason="test",
        input_hash="a",
        result_hash="b",
        fencing_token=1,
        inputs_version=1,
        first_week=document["inputs"]["first_week"],
        weeks=104,
        started_at=NOW,
        finished_at=NOW,
    )
    RunDocument.objects.create(run=made, **document)
    CurrentRun.objects.create(scope="plan", run=made, fencing_token=1, inputs_version=1)
    return made


def viewer(*roles: Role, username: str = "somebody", team: str = "") -> Viewer:
    return Viewer(username=username, roles=frozenset(roles), team_key=team)


CHAIR = viewer(Role.CHAIR)


def refused(inputs: Inputs, *changes: dict[str, Any], who: Viewer = CHAIR) -> list[tuple[str, str, str]]:
    with pytest.raises(ChangesRefused) as error:
        apply_changes(inputs=inputs, changes=changes, viewer=who)
    return [(each.table, each.column, each.message) for each in error.value.errors]


def quick(hot: service.HotRun, *changes: dict[str, Any]) -> dict[str, Any]:
    changed = service.prepare_changed(run=hot, changes=changes)
    return service._Names(hot.prepared, changed).added_to(hot.plan.quick(changed=changed.problem))


# --- the run's inputs ------------------------------------------------------------------------------------------------


def test_a_stored_run_gives_its_own_problem_again(document: dict[str, Any], hot: service.HotRun) -> None:
    assert hot.inputs.as_document() == document["inputs"]
    assert json.loads(json.dumps(problem_to_json(hot.problem))) == document["problem"]


def test_a_run_of_other_formulas_is_not_asked_about(document: dict[str, Any]) -> None:
    with pytest.raises(OtherFormulas):
        inputs_of_document({**document["inputs"], "formula_version": "2020-01-01"}, version=1)


def test_a_change_leaves_the_inputs_it_was_made_from(inputs: Inputs) -> None:
    before = inputs.as_document()
    changed, rows = apply_changes(inputs=inputs, changes=[SMALLER], viewer=CHAIR)
    assert inputs.as_document() == before
    assert [
        (row.op, row.before and row.before["accelerators"], row.after and row.after["accelerators"]) for row in rows
    ] == [("changed", "652", "648")]
    assert changed.as_document() != before


def test_removing_a_contract_takes_its_lines_with_it(inputs: Inputs) -> None:
    changed, rows = apply_changes(
        inputs=inputs, changes=[{"table": "contracts", "key": ["CT-03", "1"], "op": "removed"}], viewer=CHAIR
    )
    gone = {row.table for row in rows}
    assert gone > {"contracts"}
    for name in ("price_lines", "commit_steps", "sla_lines"):
        assert not any(row["contract"] == "CT-03" for row in changed.tables[name])
        assert any(row["contract"] == "CT-03" for row in inputs.tables[name]) == (name in gone)


@pytest.mark.parametrize(
    ("change", "table", "column", "words"),
    [
        ({"table": "lotz", "key": ["A"], "op": "removed"}, "lotz", "table", 'Did you mean "lots"?'),
        ({"table": "lots", "key": ["A"], "op": "moved"}, "lots", "op", "added, changed or removed"),
        ({"table": "lots", "key": ["H100-33"], "op": "removed"}, "lots", "key", "The run has no lot"),
        ({"table": "contracts", "key": ["CT-03"], "op": "removed"}, "contracts", "key", "key, version"),
        (SMALLER | {"values": {"accelerators": "many"}}, "experiments", "accelerators", "is not a number"),
        (SMALLER | {"values": {"acelerators": "6"}}, "experiments", "acelerators", 'Did you mean "accelerators"?'),
        (SMALLER | {"values": {"accelerators": "0"}}, "experiments", "accelerators", ""),
        (SMALLER | {"values": {"team": "nobody"}}, "experiments", "team", 'The run has no team "nobody"'),
        (SMALLER | {"values": {"key": "E-900"}}, "experiments", "key", "remove this row and add another"),
        (SMALLER | {"op": "added"}, "experiments", "", "is there already"),
        ({"table": "lots", "key": ["N"], "op": "added", "values": {}}, "lots", "domain", "A new lot needs domain."),
        ({"table": "pools", "key": ["h100-usc1"], "op": "removed"}, "pools", "", "is used by"),
        (SMALLER | {"values": {"accelerators": "652"}}, "", "", "Nothing differs"),
    ],
)
def test_a_bad_change_is_refused_by_table_column_and_what_to_do(
    inputs: Inputs, change: dict[str, Any], table: str, column: str, words: str
) -> None:
    found = refused(inputs, change)
    assert any(name == table and where == column and words in said for name, where, said in found), found


def test_all_errors_are_told_at_once(inputs: Inputs) -> None:
    found = refused(
        inputs, SMALLER | {"values": {"accelerators": "x", "weeks": "y"}}, {"table": "lotz", "op": "removed"}
    )
    assert {column for _, column, _ in found} == {"accelerators", "weeks", "table"}


@pytest.mark.security
def test_people_ask_about_the_tables_and_rows_they_keep(inputs: Inputs) -> None:
    lot = {"table": "lots", "key": ["H100-3"], "op": "removed"}
    research = viewer(Role.RESEARCH, team="alignment")
    assert "Your role does not ask about" in refused(inputs, lot, who=research)[0][2]
    other = next(row for row in inputs.tables["experiments"] if row["team"] != "alignment")
    assert refused(inputs, SMALLER | {"key": [other["key"]]}, who=research)
    own = next(row for row in inputs.tables["experiments"] if row["team"] == "alignment" and row["state"] == "approved")
    apply_changes(
        inputs=inputs, changes=[SMALLER | {"key": [own["key"]], "values": {"weeks": own["weeks"] + 1}}], viewer=research
    )
    contract = inputs.tables["contracts"][0]
    change = {"table": "contracts", "key": [contract["key"], str(contract["version"])], "op": "removed"}
    assert refused(inputs, change, who=viewer(Role.SALES, username="another"))
    assert refused(inputs, {"table": "price_lines", "key": ["a", "1", "b", "2026-01-01", "0"], "op": "removed"})


@pytest.mark.security
def test_a_refusal_names_no_row_that_the_asker_may_not_see(inputs: Inputs) -> None:
    """Product removes a workload that contracts use: their keys may say whose they are. Finance is told which."""
    contract = next(row for row in inputs.tables["contracts"] if row["workload"])
    change = {"table": "workloads", "key": [contract["workload"]], "op": "removed"}
    (said,) = {
        message for _, _, message in refused(inputs, change, who=viewer(Role.PRODUCT)) if "is used by" in message
    }
    assert said.endswith("is used by a contract that your role does not see: remove or change that too.")
    assert any("contract CT-" in message for _, _, message in refused(inputs, change))


@pytest.mark.security
@pytest.mark.parametrize("op", ["changed", "removed"])
def test_anothers_row_is_refused_to_sales_as_one_that_is_not_there(inputs: Inputs, op: str) -> None:
    other = viewer(Role.SALES, username="another")
    row = inputs.tables["contracts"][0]
    line = next(each for each in inputs.tables["commit_steps"] if each["contract"] == row["key"] or each)
    step = [line["contract"], str(line["contract_version"]), line["kind"], line["starts_date"].isoformat()]
    for table, key, values in (
        ("contracts", [row["key"], str(row["version"])], {"seats": "5"}),
        ("customers", [row["customer"]], {"name": "x"}),
        ("commit_steps", step, {"quantity": "5"}),
    ):
        change = {"table": table, "op": op, "values": values if op == "changed" else {}}
        there = refused(inputs, {**change, "key": key}, who=other)
        gone = refused(inputs, {**change, "key": ["nobodys", *key[1:]]}, who=other)
        hidden = [(name, column, said.replace(key[0], "nobodys")) for name, column, said in there]
        assert hidden == gone and "The run has no" in gone[0][2]


# --- answers ---------------------------------------------------------------------------------------------------------


def test_a_lost_lot_costs_and_the_parts_sum_to_the_total(hot: service.HotRun) -> None:
    answer = quick(hot, {"table": "lots", "key": ["H100-3"], "op": "removed"})
    assert answer["kind"] == "quick"
    assert answer["usd_difference"] >= 0
    for side in ("before", "after"):
        parts = sum(row[f"usd_{side}"] or 0 for row in answer["demands"])
        parts += sum(row[f"burst_usd_{side}"] for row in answer["pools"])
        assert parts == pytest.approx(answer[f"usd_{side}"], abs=0.01)
        assert sum(row[f"usd_{side}"] for row in answer["weeks"]) == pytest.approx(answer[f"usd_{side}"], abs=0.01)
    for row in answer["placements"]:
        assert row["cause"], row
        assert row["of"]["team_name"]


def test_the_smallest_change_of_a_request_places_it(hot: service.HotRun) -> None:
    answer = quick(hot, SMALLER)
    assert [row["change"] for row in answer["placements"] if row["key"] == "E-007"] == ["placed"]
    one_more = quick(hot, SMALLER | {"values": {"accelerators": "649"}})
    assert [key for key, _ in one_more["not_placed"]] == ["E-007"]


@pytest.mark.security
def test_an_answer_is_read_by_the_rules_of_the_plan(hot: service.HotRun) -> None:
    answer = quick(hot, {"table": "lots", "key": ["H100-3"], "op": "removed"})
    finance, research = visible_answer(viewer(Role.FINANCE), answer), visible_answer(viewer(Role.RESEARCH), answer)
    chair, sales = visible_answer(CHAIR, answer), visible_answer(viewer(Role.SALES, username="another"), answer)
    assert finance and research and chair and sales
    assert finance["prices"]
    assert str(research["usd_after"]) == "restricted"
    assert research["prices"] == []
    text = json.dumps(research, default=str)
    named = {row["of"].get("contract_name") for row in answer["demands"]} - {None}
    assert named
    assert not any(name in text for name in named)
    assert "–" in str(chair["usd_after"])
    assert all("–" in str(row["after"]) or str(row["after"]) == "under $1" for row in chair["prices"])
    assert sales["demands"] == []
    assert sales["placements"] == []
    assert sales["placements_hidden"]


# --- life ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def woken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was woken, in place of a broker."""
    calls: list[int] = []

    def wake(*, what_if_id: int, countdown: float = 0.0) -> bool:
        calls.append(what_if_id)
        return True

    monkeypatch.setattr(what_ifs, "wake_what_if", wake)
    return calls


def make_what_if(run: Run, **fields: Any) -> WhatIf:
    rows = [
        {
            "table": "experiments",
            "key": ["E-007"],
            "op": "changed",
            "before": {"accelerators": "652"},
            "after": {"accelerators": "648"},
            "owner": "pretraining",
        }
    ]
    asked_by = fields.pop("asked_by", None) or make_user("chair")
    given = {"run": run, "changes": [SMALLER], "changed_rows": rows, "not_before_at": NOW}
    return WhatIf.objects.create(asked_by=asked_by, **given | fields)


def test_a_question_is_answered_once_and_the_run_stays_as_it_is(
    run: Run, hot: service.HotRun, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def counts() -> dict[str, int]:
        tables = [model for model in apps.get_models() if issubclass(model, RunTable)]
        return {model.__name__: model._default_manager.count() for model in tables}

    before, stored = counts(), RunDocument.objects.get(run=run)
    asked = make_what_if(run)
    runs = service.HotRuns(most=2)
    monkeypatch.setattr(service, "heat_run", lambda run_id: hot)
    moment = {"clock": lambda: NOW, "worker": "w", "runs": runs}
    assert service.answer_question(what_if_id=asked.pk, **moment) == "done"
    assert service.answer_question(what_if_id=asked.pk, **moment) == "not_claimed"
    asked.refresh_from_db()
    assert (asked.state, asked.attempt, asked.error) == ("done", 1, "")
    assert (asked.quick["kind"], asked.full["kind"]) == ("quick", "full")
    assert [row["change"] for row in asked.full["placements"] if row["key"] == "E-007"] == ["placed"]
    assert counts() == before
    again = RunDocument.objects.get(run=run)
    assert (again.inputs, again.problem, again.solution) == (stored.inputs, stored.problem, stored.solution)


def test_a_killed_worker_leaves_the_question_to_the_next_and_can_write_no_more(run: Run, woken: list[int]) -> None:
    asked = make_what_if(run)
    lost = what_ifs.claim_what_if(what_if_id=asked.pk, worker="one", now=NOW)
    assert lost is not None
    assert what_ifs.claim_what_if(what_if_id=asked.pk, worker="two", now=NOW) is None
    later = NOW + timedelta(minutes=5)
    assert sweep(now=later).what_ifs == (asked.pk,)
    with pytest.raises(LeaseLost):
        what_ifs.keep_quick(claim=lost, answer={"kind": "quick"})
    taken = what_ifs.claim_what_if(what_if_id=asked.pk, worker="two", now=later)
    assert taken is not None
    assert taken.attempt == 2
    with pytest.raises(LeaseLost):
        what_ifs.keep_full(claim=lost, answer={}, seconds={}, now=later)


def test_a_question_that_loses_every_worker_is_given_up(run: Run, woken: list[int], settings: Any) -> None:
    asked, now = make_what_if(run), NOW
    for _ in range(settings.RECOMPUTE_MAX_ATTEMPTS):
        assert what_ifs.claim_what_if(what_if_id=asked.pk, worker="one", now=now) is not None
        now += timedelta(minutes=5)
        what_ifs.sweep_what_ifs(now=now)
    asked.refresh_from_db()
    assert (asked.state, asked.error_code) == ("failed", "worker_lost")
    assert what_ifs.sweep_what_ifs(now=now) == []


def test_the_same_question_twice_is_one_and_only_so_many_wait(run: Run, woken: list[int], settings: Any) -> None:
    user = make_user("chair")
    settings.WHAT_IFS_WAITING_AT_MOST = 2

    def ask(number: int) -> WhatIf:
        change = SMALLER | {"values": {"accelerators": str(number)}}
        return what_ifs.ask_what_if(run_id=run.pk, user=user, changes=[change], changed_rows=[], now=NOW)

    assert ask(8) == ask(8)
    ask(16)
    with pytest.raises(what_ifs.TooManyWaiting):
        ask(24)


def test_a_worker_keeps_at_most_two_runs_hot(monkeypatch: pytest.MonkeyPatch) -> None:
    heated: list[int] = []
    monkeypatch.setattr(service, "heat_run", lambda run_id: heated.append(run_id) or object())
    runs = service.HotRuns(most=2)
    for run_id in (1, 2, 1, 3, 1, 2):
        runs.get(run_id)
    assert heated == [1, 2, 3, 2]
    assert len(runs) == 2


def test_a_change_that_cannot_be_planned_fails_with_a_sentence(
    run: Run, hot: service.HotRun, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    change = {"table": "policy_sets", "key": ["1"], "op": "changed", "values": {"starts_date": "2099-01-01"}}
    asked = make_what_if(run, changes=[change])
    monkeypatch.setattr(service, "heat_run", lambda run_id: hot)
    state = service.answer_question(what_if_id=asked.pk, worker="w", clock=lambda: NOW, runs=service.HotRuns(most=1))
    asked.refresh_from_db()
    assert (state, asked.state, asked.error_code) == ("failed", "failed", "bad_change")
    assert asked.error


def test_an_answer_that_does_not_balance_is_refused_at_once(
    run: Run, hot: service.HotRun, woken: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unbalanced(**_: Any) -> Any:
        raise PlanInconsistent(["demand c.northwind.v1, 2026-W48: served 3, asked 2", "pool h100: 9 of 8 used"])

    asked = make_what_if(run)
    monkeypatch.setattr(service, "heat_run", lambda run_id: hot)
    monkeypatch.setattr(service, "full", unbalanced)
    state = service.answer_question(what_if_id=asked.pk, worker="w", clock=lambda: NOW, runs=service.HotRuns(most=1))
    asked.refresh_from_db()
    assert (state, asked.state, asked.attempt, asked.full) == ("failed", "failed", 1, None)
    assert asked.error_code == "plan_inconsistent"
    assert "breaks 2 of its own balances" in asked.error and "northwind" not in asked.error
    assert woken == []


# --- pages and API ---------------------------------------------------------------------------------------------------


@pytest.mark.security
def test_somebody_elses_what_if_is_missing_but_for_those_who_read_all(
    run: Run, hot: service.HotRun, client: Client
) -> None:
    answer = quick(hot, SMALLER)
    asked = make_what_if(run, asked_by=make_user("research"), quick=answer, full=answer, state="done")
    pages = (f"/scenarios/{asked.uuid}/", f"/scenarios/{asked.uuid}/?format=csv", f"/api/v1/what-ifs/{asked.uuid}/")
    client.force_login(make_user("product"))
    assert [client.get(page).status_code for page in pages] == [404] * 3
    assert client.get("/api/v1/what-ifs/").json()["count"] == 0
    for role in ("chair", "finance", "exec"):
        client.force_login(make_user(role))
        assert [client.get(page).status_code for page in pages] == [200] * 3
        assert client.get("/api/v1/what-ifs/").json()["count"] == 1
    client.force_login(asked.asked_by)
    detail = client.get(pages[2]).json()
    assert detail["full"]["usd_after"] is None
    assert "usd_after" in detail["full"]["restricted"]
    assert "restricted" in client.get(pages[1]).content.decode()


def test_asking_by_the_api_answers_202_with_the_address(run: Run, woken: list[int], client: Client) -> None:
    client.force_login(make_user("chair"))
    asked = client.post("/api/v1/what-ifs/", {"changes": [SMALLER]}, content_type="application/json")
    assert asked.status_code == 202, asked.json()
    assert asked.headers["Location"] == asked.json()["url"]
    detail = client.get(asked.json()["url"]).json()
    assert (detail["state"], detail["quick"], detail["run"]) == ("queued", None, run.pk)
    assert detail["changes"][0]["columns"] == [{"name": "accelerators", "before": "652", "after": "648"}]
    bad = SMALLER | {"values": {"accelerators": "-1"}}
    refusal = client.post("/api/v1/what-ifs/", {"changes": [SMALLER, bad]}, content_type="application/json")
    assert refusal.status_code == 400
    assert [(error["row"], error["field"]) for error in refusal.json()["errors"]] == [(1, "accelerators")]
    missing = client.post("/api/v1/what-ifs/", {"changes": [SMALLER], "run": 999999}, content_type="application/json")
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"changes": {}},
        {"changes": ["x"]},
        {"changes": [{"table": "lots", "key": 1}]},
        {"changes": [SMALLER], "x": 1},
        {"changes": []},
        {"changes": [SMALLER | {"values": {"weeks": {}}}]},
    ],
)
def test_a_body_of_another_shape_is_refused(run: Run, client: Client, body: Any) -> None:
    client.force_login(make_user("chair"))
    answer = client.post("/api/v1/what-ifs/", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["message"]


def test_pages_stay_within_their_queries_however_many_what_ifs(run: Run, hot: service.HotRun, client: Client) -> None:
    answer = quick(hot, SMALLER)
    asked = make_what_if(run, quick=answer, full=answer, state="done")
    client.force_login(asked.asked_by)
    pages = (
        "/scenarios/",
        f"/scenarios/{asked.uuid}/",
        "/scenarios/new/?table=lots",
        "/scenarios/new/?table=lots&key=H100-3",
        "/api/v1/what-ifs/",
        f"/api/v1/what-ifs/{asked.uuid}/",
    )

    def counts() -> dict[str, int]:
        found = {}
        for page in pages:
            with CaptureQueriesContext(connection) as queries:
                assert client.get(page).status_code == 200, page
            found[page] = len(queries)
        return found

    counts()
    few = counts()
    for _ in range(5):
        make_what_if(run, asked_by=asked.asked_by, quick=answer, full=answer, state="done")
    assert counts() == few
    assert max(few.values()) <= MOST_QUERIES


def test_a_form_asks_about_shifted_dates_and_names_what_is_wrong(run: Run, woken: list[int], client: Client) -> None:
    client.force_login(make_user("chair"))
    form = "/scenarios/new/?table=lots&key=H100-3"
    assert "What if lot H100-3" in client.get(form).content.decode()
    same = client.post(form, {"op": "changed"})
    assert same.status_code == 400
    assert "Nothing differs" in same.content.decode()
    assert client.post(form, {"op": "changed", "v-accelerators": "x"}).status_code == 400
    asked = client.post(form, {"op": "changed", "shift": "4"})
    assert asked.status_code == 302
    row = WhatIf.objects.get()
    assert woken == [] or woken == [row.pk]
    before, after = row.changed_rows[0]["before"], row.changed_rows[0]["after"]
    moved = {name for name in before if before[name] != after[name]}
    assert moved <= {"p50_date", "p90_date", "accepted_date", "ends_date"}
    assert moved
    page = client.get(asked.headers["Location"]).content.decode()
    assert "Lot H100-3" in page
    assert "Waiting for the worker" in page

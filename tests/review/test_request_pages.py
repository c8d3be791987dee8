"""The pages and the API of requests: the plan's answer, taking a change, sending once, the page of one, and who may."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import IdempotentAnswer
from capacity.access.roles import Role
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.allocation.models import Run, WhatIf
from capacity.lib.horizon import Week
from capacity.review import request_answer as answers
from capacity.review.request_answer import request_answer, stored_answer, visible_request_answer
from capacity.review.request_form import cells_to_replace, stored_row
from capacity.review.request_room import request_room
from tests.contracts.pipeline import make_world
from tests.factories import make_user
from tests.review.quotes.asking import published
from tests.workloads.requests import CELLS, NOW, made, moved, mover
from workloads.models import Experiment, RequestMove
from workloads.request_moves import Replaced, make_request

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15
FORM = {**CELLS, "form_key": "abc", "accelerator_types": ["h100"]}
SHORT = re.compile(r"Does not fit, short by ([\d,]+) in the week of \d+ \w+, because")


@pytest.fixture
def run() -> Run:
    make_world(deals=0)
    return published()


@pytest.fixture
def research(run: Run) -> Client:
    client = Client()
    client.force_login(make_user("research", username="rita", team_key="team-1"))
    return client


def client_of(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, username=f"the-{role}"))
    return client


def text(answer: Any) -> str:
    return re.sub(r"\s+", " ", answer.content.decode())


# --- the answer -------------------------------------------------------------------------------------------------------


def test_what_fits_costs_what_its_pool_costs_and_without_a_rate_nothing_is_said(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """16 x 2 weeks x 168 hours x $2.00 = $10,752; without a place 112 x 12 x 168 x $2.00 = $451,584 at least."""
    large = {**CELLS, "accelerators": "112", "weeks": "12"}
    document = request_answer(run_id=run.pk, cells=CELLS)
    assert (document["code"], document["cost_usd"]) == ("fits", None), document["sentence"]
    room = request_room(run.pk)
    pools = {key: tuple(replace(week, usd=Decimal("2.00")) for week in weeks) for key, weeks in room.run.pools.items()}
    priced = replace(room, run=replace(room.run, pools=pools))
    monkeypatch.setattr(answers, "request_room", lambda run_id: priced)
    costs = [request_answer(run_id=run.pk, cells=cells) for cells in (CELLS, large)]
    assert [(each["cost_usd"], each["cost_basis"]) for each in costs] == [("10752", "placed"), ("451584", "from")]


def test_what_does_not_fit_says_by_how_much_and_each_change_it_offers_then_fits(run: Run) -> None:
    document = request_answer(run_id=run.pk, cells={**CELLS, "accelerators": "112", "weeks": "12"})
    found = SHORT.match(document["sentence"])
    assert found, document["sentence"]
    assert int(found[1].replace(",", "")) == document["no_place"]["short_by"] > 0
    fewer = next(change for change in document["changes"] if change["change"] == "fewer_accelerators")
    for size, fits in ((fewer["accelerators"], True), (fewer["accelerators"] + 1, False)):
        again = request_answer(run_id=run.pk, cells={**CELLS, "accelerators": str(size), "weeks": "12"})
        assert (again["code"] != "no_place") is fits


def test_a_stored_request_gets_the_answer_of_its_form(run: Run) -> None:
    stored = stored_answer(run_id=run.pk, request=made())
    assert stored == request_answer(run_id=run.pk, cells=CELLS)


@pytest.mark.security
def test_no_answer_names_a_contract_and_its_cost_is_not_product_s(run: Run) -> None:
    document = request_answer(run_id=run.pk, cells={**CELLS, "accelerators": "112", "weeks": "12"})
    shown = visible_request_answer(Viewer(roles=frozenset({Role.PRODUCT})), document)
    assert shown["cost_usd"] is RESTRICTED and shown["sentence"] == document["sentence"]
    for word in ("c-1", "north", "North"):
        assert word not in json.dumps(document)
    hidden = visible_request_answer(Viewer(roles=frozenset({Role.SALES})), document)
    assert all(value is RESTRICTED for value in hidden.values())


# --- the form ---------------------------------------------------------------------------------------------------------


def test_the_form_answers_as_one_types(research: Client) -> None:
    page = text(research.get("/requests/new/"))
    assert 'name="form_key"' in page and "New request" in page
    assert "Fits from" in text(research.post("/requests/quick/", FORM))
    assert "short by" in text(research.post("/requests/quick/", FORM | {"accelerators": "112", "weeks": "12"}))
    wrong = text(research.post("/requests/quick/", FORM | {"weeks": "0"}))
    assert "at least one accelerator and one week" in wrong


def test_an_empty_form_complains_of_nothing(research: Client) -> None:
    said = text(research.post("/requests/quick/", FORM | {"accelerators": ""}))
    assert "errorlist" not in said and "answer appears here" in said


def test_another_key_pressed_asks_the_database_only_about_what_changed(research: Client) -> None:
    for size in ("16", "17"):
        research.post("/requests/quick/", FORM | {"accelerators": size})
    with CaptureQueriesContext(connection) as found:
        research.post("/requests/quick/", FORM | {"accelerators": "18"})
    rules = [query["sql"] for query in found if query["sql"].startswith("SELECT 1 AS")]
    assert len(rules) <= 3, rules


def test_a_field_has_one_error_and_what_is_missing_is_asked_for_in_its_own_words(research: Client) -> None:
    answer = research.post("/requests/new/", FORM | {"op": "submit", "accelerators": "many", "name": ""})
    page = text(answer)
    assert answer.status_code == 422
    assert "2 things to mend" in page and "Give it a name." in page and "is not a number" in page
    assert page.count("autofocus") == 1 and re.search(r'name="accelerators"[^>]*autofocus', page)


def test_a_change_is_taken_by_one_button_and_then_fits(research: Client) -> None:
    sent = FORM | {"accelerators": "112", "weeks": "12"}
    said = text(research.post("/requests/quick/", sent))
    word = re.search(r'name="adopt" value="(fewer_accelerators:\d+)"', said)
    assert word, said
    taken = text(research.post("/requests/new/", sent | {"adopt": word[1]}))
    assert f'value="{word[1].partition(":")[2]}"' in taken and "Fits from" in taken
    assert 'value="abc"' in taken, "the form keeps its number"


def test_a_form_sent_twice_makes_one_request(research: Client) -> None:
    for _ in range(2):
        answer = research.post("/requests/new/", FORM | {"op": "submit"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/requests/R-0001/")
    assert RequestMove.objects.filter(to_state="submitted").count() == 1
    told = RequestMove.objects.get(to_state="submitted").answer
    assert told is not None and told["sentence"].startswith("Fits from")


def test_a_form_that_was_changed_after_it_was_sent_is_not_taken_for_the_first(research: Client) -> None:
    research.post("/requests/new/", FORM | {"op": "submit"})
    changed = FORM | {"op": "submit", "accelerators": "24"}
    answer = research.post("/requests/new/", changed)
    page = text(answer)
    assert answer.status_code == 422 and "This form was sent before, and is R-0001." in page and 'value="24"' in page
    number = re.search(r'name="form_key" value="(\w+)"', page)
    assert number and number[1] != "abc"
    assert research.post("/requests/new/", changed | {"form_key": number[1]}).headers["Location"] == "/requests/R-0002/"
    assert list(Experiment.objects.filter(key__startswith="R-").values_list("accelerators", flat=True)) == [16, 24]


def test_what_is_wrong_is_said_in_its_place_and_nothing_typed_is_lost(research: Client) -> None:
    answer = research.post("/requests/new/", FORM | {"op": "submit", "weeks": "0", "name": "Mine"})
    assert answer.status_code == 422 and 'value="Mine"' in text(answer)
    assert not Experiment.objects.filter(key="R-0001").exists()


def test_solving_everything_with_it_is_a_what_if_of_one_more_request(research: Client) -> None:
    answer = research.post("/requests/new/", FORM | {"op": "solve"})
    question = WhatIf.objects.get()
    assert answer.headers["Location"] == f"/scenarios/{question.uuid}/"
    assert question.changes[0]["values"]["state"] == "approved"
    assert not Experiment.objects.filter(key="R-0001").exists()


# --- one request ------------------------------------------------------------------------------------------------------


def test_a_request_goes_from_the_form_to_its_approval_on_its_pages(research: Client) -> None:
    research.post("/requests/new/", FORM | {"op": "submit"})
    chair = client_of("chair")
    assert "R-0001" in text(chair.get("/requests/"))
    page = text(chair.get("/requests/R-0001/"))
    assert "Submitted" in page and "Fits from" in page
    version = re.search(r'name="row_version" value="(\d+)"', page)
    assert version
    move = {"row_version": version[1], "to": "approved", "reason": ""}
    assert chair.post("/requests/R-0001/move/", move).status_code == 302
    assert "Approved, no place yet" in text(research.get("/requests/R-0001/"))
    assert chair.post("/requests/R-0001/move/", move).status_code == 409


def test_a_denial_needs_a_reason_and_keeps_it_on_the_page(run: Run) -> None:
    key = made().key
    chair = client_of("chair")
    missing = chair.post(f"/requests/{key}/move/", {"to": "denied", "reason": ""})
    assert missing.status_code == 422 and "Say why" in text(missing)
    chair.post(f"/requests/{key}/move/", {"to": "denied", "reason": "The floor is full."})
    page = text(chair.get(f"/requests/{key}/"))
    assert "the-chair: The floor is full." in page, "it stands at the top"
    assert page.count("The floor is full.") == 2 and "Nothing follows any more." in page


def test_the_page_of_a_change_says_what_its_approval_withdraws(run: Run) -> None:
    before = made().key
    moved("dan", before, "approved")
    replaces = Replaced(kind="change", key=before)
    change, _ = make_request(
        cells=CELLS, form_key="c", mover=mover("ada"), now=NOW, submits=True, replaces=replaces, answer=None
    )
    chair = client_of("chair")
    assert f"When it is approved, {before} is withdrawn" in text(chair.get(f"/requests/{change.key}/"))
    moved("dan", change.key, "approved")
    assert "When it is approved" not in text(chair.get(f"/requests/{change.key}/"))
    assert f"Replaced by {change.key}" in text(chair.get(f"/requests/{before}/"))


def extended(run_key: str) -> str:
    """An extension of it, as its form begins."""
    cells = cells_to_replace(
        Experiment.objects.select_related("team", "pool").get(key=run_key), "extension", today=NOW.date()
    )
    request, _ = make_request(
        cells={**CELLS, **cells, "team": "team-1"},
        form_key="e",
        mover=mover("ada"),
        now=NOW,
        submits=True,
        replaces=Replaced(kind="extension", key=run_key),
    )
    return request.key


def test_the_page_of_an_extension_says_that_its_run_was_stopped(run: Run) -> None:
    running = made().key
    moved("dan", running, "approved")
    moved("dan", running, "running", place={"pool": "pool-1", "started_date": "2026-11-23"})
    key = extended(running)
    chair = client_of("chair")
    assert "Approve</button>" in text(chair.get(f"/requests/{key}/"))
    moved("dan", running, "withdrawn")
    page = text(chair.get(f"/requests/{key}/"))
    assert f"{running}, which it extends, is withdrawn already. It can no longer be approved" in page
    assert "Approve</button>" not in page and "Deny</button>" in page


def test_an_approved_extension_of_a_stopped_run_is_said_to_be_still_planned(run: Run) -> None:
    running = made().key
    moved("dan", running, "approved")
    moved("dan", running, "running", place={"pool": "pool-1", "started_date": "2026-11-23"})
    key = extended(running)
    moved("dan", key, "approved")
    moved("dan", running, "withdrawn")
    assert "was stopped. The plan still counts with this one" in text(client_of("chair").get(f"/requests/{key}/"))


def test_an_extension_whose_start_passed_is_answered_as_it_will_be_approved(run: Run) -> None:
    """Its run ended on 21 September: the plan is asked for this week or the next."""
    running = made().key
    moved("dan", running, "approved")
    moved("dan", running, "running", place={"pool": "pool-1", "started_date": "2026-09-07"})
    key = extended(running)
    today = request_room(run.pk).inputs.as_of
    Experiment.objects.filter(key=key).update(earliest_start_date="2026-09-21", latest_start_date="2026-09-21")
    asked = stored_row(Experiment.objects.select_related("team", "replaces").get(key=key), today=today)
    assert asked["earliest_start_date"] == Week.containing(today).monday
    request = Experiment.objects.select_related("team", "replaces").get(key=key)
    assert stored_answer(run_id=run.pk, request=request)["code"] == "fits"


def test_a_change_begins_with_the_request_it_changes(research: Client) -> None:
    key = made().key
    moved("dan", key, "approved")
    page = text(research.get(f"/requests/new/?change={key}"))
    assert f'name="replaces" value="{key}"' in page and 'value="Longer contexts"' in page


def test_pages_keep_to_their_budget_of_queries(research: Client) -> None:
    key = made().key
    research.get("/requests/new/")
    for address in ("/requests/", "/requests/new/", f"/requests/{key}/", f"/requests/new/?change={key}"):
        with CaptureQueriesContext(connection) as found:
            assert research.get(address).status_code == 200, address
        assert len(found) <= MOST_QUERIES, (address, len(found))


@pytest.mark.security
def test_sales_read_and_write_no_request_and_others_only_read(run: Run) -> None:
    key = made().key
    sales, finance = client_of("sales"), client_of("finance")
    for address in ("/requests/new/", f"/requests/{key}/", f"/api/v1/request-moves/{key}/"):
        assert sales.get(address).status_code == 403, address
    assert finance.get(f"/requests/{key}/").status_code == 200
    assert "Approve</button>" not in text(finance.get(f"/requests/{key}/"))
    for address in ("/requests/new/", "/requests/quick/", f"/requests/{key}/move/", f"/requests/{key}/solve/"):
        assert finance.post(address, FORM).status_code == 403, address


@pytest.mark.security
def test_research_solves_with_its_own_team_s_requests_only(run: Run) -> None:
    key = made().key
    other = Client()
    other.force_login(make_user("research", username="oda", team_key="another"))
    assert other.post(f"/requests/{key}/solve/").status_code == 403


def test_text_typed_into_a_request_is_text_on_its_page(research: Client) -> None:
    research.post("/requests/new/", FORM | {"op": "submit", "name": "<b>bold</b>", "hypothesis": "<script>1</script>"})
    page = text(research.get("/requests/R-0001/"))
    assert "<b>bold</b>" not in page and "&lt;b&gt;bold" in page and "<script>1<" not in page


# --- the API ----------------------------------------------------------------------------------------------------------

BODY = {**CELLS, "accelerators": 16, "weeks": 2, "is_model_development": False, "accelerator_types": ["h100"]}


def post(client: Client, path: str, body: dict[str, Any], key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"/api/v1/{path}/", json.dumps(body), content_type="application/json", headers=headers)


def test_a_request_sent_again_under_its_key_is_the_same_request(research: Client) -> None:
    first, again = (post(research, "requests", BODY, "k-1") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert first.json()["key"] == "R-0001" and first.json()["answer"]["code"] == "fits"
    assert RequestMove.objects.filter(to_state="submitted").count() == 1


def test_a_request_by_the_api_says_which_one_it_is(research: Client) -> None:
    """Without a key a retry could not be told from another request."""
    for key in ("", " "):
        answer = post(research, "requests", BODY, key)
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["field"]) == (400, "idempotency_key_needed", "Idempotency-Key")
    assert not RequestMove.objects.exists()


def test_a_key_makes_one_request_however_late_and_refuses_another_body(research: Client) -> None:
    first = post(research, "requests", BODY, "k-1")
    for is_kept in (True, False):
        if not is_kept:
            IdempotentAnswer.objects.all().delete()
        other = post(research, "requests", BODY | {"accelerators": 24}, "k-1")
        error = other.json()["errors"][0]
        assert (other.status_code, error["code"], error["field"]) == (
            422,
            "idempotency_key_reused",
            "Idempotency-Key",
        ), is_kept
        assert ("k-1" if is_kept else "R-0001") in error["message"]
    late = post(research, "requests", BODY, "k-1")
    assert (late.status_code, late.json()["key"]) == (200, first.json()["key"])
    assert RequestMove.objects.filter(to_state="submitted").count() == 1


def test_long_keys_that_begin_alike_are_two_requests(research: Client) -> None:
    keys = [post(research, "requests", BODY, "k" * 100 + end).json()["key"] for end in ("1", "2", "1")]
    assert keys == ["R-0001", "R-0002", "R-0001"]


def test_a_draft_submitted_by_the_api_keeps_what_the_plan_said(research: Client) -> None:
    key = post(research, "requests", BODY | {"submit": False}, "k-1").json()["key"]
    done = post(research, "request-moves", {"request": key, "to": "submitted"})
    assert done.status_code == 201 and done.json()["answer"].startswith("Fits from")
    told = RequestMove.objects.get(to_state="submitted").answer
    assert told is not None and told["code"] == "fits"


def test_the_schema_says_that_the_key_is_needed(research: Client) -> None:
    schema = research.get("/api/v1/schema/?format=json").json()
    (header,) = [each for each in schema["paths"]["/api/v1/requests/"]["post"]["parameters"] if each["in"] == "header"]
    assert (header["name"], header["required"]) == ("Idempotency-Key", True)


def test_an_answer_by_the_api_keeps_nothing(research: Client) -> None:
    answer = post(research, "request-answers", BODY)
    assert answer.status_code == 200, answer.content
    assert answer.json()["sentence"].startswith("Fits from")
    assert Experiment.objects.count() == 1


def test_moves_by_the_api(run: Run, research: Client) -> None:
    key = post(research, "requests", BODY, "k-1").json()["key"]
    chair = client_of("chair")
    assert post(chair, "request-moves", {"request": key, "to": "returned"}).status_code == 422
    assert post(research, "request-moves", {"request": key, "to": "approved"}).status_code == 403
    done = post(chair, "request-moves", {"request": key, "to": "approved"})
    assert (done.status_code, done.json()["to_state"]) == (201, "approved")
    rows = research.get(f"/api/v1/request-moves/{key}/").json()
    assert [row["to_state"] for row in rows] == ["approved", "submitted", "draft"]


@pytest.mark.parametrize(
    ("more", "status", "field"),
    [
        ({"weeks": 0}, 422, "accelerators"),
        ({"accelerator_types": []}, 422, "accelerator_types"),
        ({"accelerator_types": ["h999"]}, 422, "accelerator_types"),
        ({"earliest_start_date": "2026-12-02", "latest_start_date": "2026-12-05"}, 422, "latest_start_date"),
        ({"state": "approved"}, 400, "state"),
        ({"hypothesis": ["a"]}, 400, "hypothesis"),
        ({"kind": "change"}, 422, "replaces"),
    ],
)
def test_a_body_that_is_wrong_says_where(research: Client, more: dict[str, Any], status: int, field: str) -> None:
    answer = post(research, "requests", BODY | more, "k-1")
    assert answer.status_code == status, answer.content
    assert field in {each["field"] for each in answer.json()["errors"]}

"""Moves by the API: from reading to done, once a key, each role its part."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from capacity.allocation.models import Run, WhatIf
from capacity.decisions.models import Decision
from capacity.review import api_moves
from capacity.review.what_if import HotRuns, answer_question
from tests.contracts.pipeline import NOW, OPEN_WEEK
from tests.factories import make_user

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/moves/"
ACCEPTED = {
    "week": OPEN_WEEK,
    "reason": "The cache is there already.",
    "risk": "Hits stay below",
    "who_loses": "Nobody",
    "decider_role": "chair",
    "owner_role": "product",
    "due_date": "2026-12-14",
    "effect_metric": "H6",
    "effect_target": "100000",
    "review_back_date": "2027-01-11",
}


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, username=role))
    return client


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_moves.timezone, "now", lambda: NOW)


def read(client: Client) -> dict[str, Any]:
    return dict(client.get(ADDRESS + "cache-prompts/").json())


def send(client: Client, step: str, key: str = "", **body: Any) -> Any:
    sent = {"row_version": read(client)["row_version"], **body}
    headers = {"Idempotency-Key": key} if key else {}
    return client.post(f"{ADDRESS}cache-prompts/{step}/", sent, content_type="application/json", headers=headers)


def answer() -> None:
    found = WhatIf.objects.get()
    assert answer_question(what_if_id=found.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1)) == "done"


def test_a_move_is_asked_accepted_and_done_once_each(run: Run) -> None:
    chair = signed_in("chair")
    before = read(chair)
    assert (before["state"], before["answer"], before["released"]) == ("proposed", "", None)
    version = before["row_version"]
    asked = [send(chair, "ask", "ask-1", row_version=version) for _ in range(2)]
    assert [reply.status_code for reply in asked] == [202, 202]
    assert WhatIf.objects.count() == 1
    assert asked[0].json()["answer"] == "queued"
    early = send(chair, "accept", **ACCEPTED)
    assert (early.status_code, "not answered yet" in str(early.json())) == (422, True)
    answer()
    told = read(chair)
    assert (told["answer"], told["released"], told["paper_usd"], told["problem"]) == ("done", 8, "907.2", "")
    assert (told["released_usd"], told["payback_weeks"]) == ("2688", "4")
    refused = send(chair, "accept", **{**ACCEPTED, "risk": ""})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "risk")
    version = told["row_version"]
    made = [send(chair, "accept", "yes-1", row_version=version, **ACCEPTED) for _ in range(2)]
    assert [reply.status_code for reply in made] == [201, 201]
    assert Decision.objects.count() == 1
    assert (made[0].json()["state"], made[0].json()["promised_accelerators"]) == ("accepted", 8)
    product = signed_in("product")
    done = send(product, "end", to="done")
    # Nothing was carried out in the tables yet.
    assert (done.status_code, done.json()["state"], done.json()["realised_accelerators"]) == (200, "done", 0)
    (row,) = chair.get(ADDRESS).json()
    assert (row["key"], row["state"], row["decision_number"]) == ("cache-prompts", "done", 1)


def test_an_old_version_is_a_conflict_and_a_body_says_what_is_wrong_with_it(run: Run) -> None:
    chair = signed_in("chair")
    assert send(chair, "ask", row_version=99).status_code == 409
    assert send(chair, "ask", row_version="soon").status_code == 400
    assert send(chair, "ask", more="x").json()["errors"][0]["field"] == "more"
    assert send(chair, "end", to="accepted").status_code == 422
    assert chair.get(ADDRESS + "nothing/").status_code == 404
    assert signed_in("research").get(ADDRESS + "cache-prompts/").status_code == 200
    product = signed_in("product")
    asked = send(product, "ask")
    assert (asked.status_code, "does not ask about contracts" in str(asked.json())) == (422, True)


def test_each_role_reads_its_part(run: Run) -> None:
    chair = signed_in("chair")
    assert send(chair, "ask").status_code == 202
    answer()
    by_role = {role: read(signed_in(role)) for role in ("finance", "product", "research", "sales")}
    assert (by_role["finance"]["released_usd"], by_role["product"]["released_usd"]) == ("2688", "2688")
    assert by_role["finance"]["margin_usd"] is not None
    for role in ("product", "research", "sales"):
        assert by_role[role]["margin_usd"] is None
    assert (by_role["research"]["released"], by_role["research"]["paper_usd"]) == (8, None)
    assert (by_role["sales"]["released"], by_role["sales"]["paper_usd"], by_role["sales"]["one_off_usd"]) == (
        None,
        None,
        None,
    )

"""The pages of moves: what each role reads and does, refusals with what to do, and the same form sent twice."""

from __future__ import annotations

import re
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from django.test import Client

from capacity.allocation.models import Run, WhatIf
from capacity.decisions.models import Decision
from capacity.review import views_moves
from capacity.review.what_if import HotRuns, answer_question
from tests.contracts.pipeline import NOW, OPEN_WEEK
from tests.factories import make_user
from workloads.models import ModelVersion, Workload, WorkloadMove

pytestmark = pytest.mark.django_db
ADDRESS = "/workloads/moves/cache-prompts/"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role, username=role))
    return client


def words(client: Client, address: str = ADDRESS) -> str:
    response = client.get(address)
    assert response.status_code == 200, response.status_code
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


@pytest.fixture(autouse=True)
def today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_moves.timezone, "now", lambda: NOW)


def answer() -> None:
    found = WhatIf.objects.get()
    assert answer_question(what_if_id=found.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1)) == "done"


def version() -> int:
    return WorkloadMove.objects.get(key="cache-prompts").row_version


ACCEPTED = {
    "idempotency_key": "form-1",
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


def test_a_move_goes_from_proposal_to_done_on_its_page(run: Run) -> None:
    chair = signed_in("chair")
    assert "Ask what it releases" in words(chair)
    assert chair.post(ADDRESS + "ask/", {"row_version": version()}).status_code == 302
    assert "The plan is solved again with it" in words(chair)
    assert chair.get(ADDRESS + "accept/").status_code == 422
    answer()
    told = words(chair)
    assert "On paper $907" in told
    assert "Released 8 whole accelerators" in told
    assert "$2.69k before less after" in told
    # $10,752 ÷ $2,688 a week.
    assert "Payback 4.0 weeks" in told
    form = {**ACCEPTED, "row_version": version()}
    refused = chair.post(ADDRESS + "accept/", {**form, "risk": ""})
    assert refused.status_code == 422
    assert not Decision.objects.exists()
    assert [chair.post(ADDRESS + "accept/", form).status_code for _ in range(2)] == [302, 302]
    assert Decision.objects.count() == 1
    told = words(chair)
    assert "Decision D-1" in told
    assert "Accelerators 8 not done yet" in told
    assert chair.post(ADDRESS + "end/", {"row_version": version(), "to": "done"}).status_code == 302
    assert "Accelerators 8 0" in words(chair)
    listed = words(chair, "/workloads/moves/")
    assert "0 moves to decide. Done ones promised 8 accelerators; 0 came free." in listed


def test_each_role_reads_its_part(run: Run) -> None:
    chair = signed_in("chair")
    chair.post(ADDRESS + "ask/", {"row_version": version()})
    answer()
    by_role = {role: words(signed_in(role)) for role in ("finance", "exec", "product", "research", "sales")}
    # The bill falls by more than the accelerators cost.
    assert "−$1.85k revenue + released − lost" in by_role["finance"]
    assert "−$1.85k" in by_role["exec"]
    assert "$2.69k" in by_role["product"] and "1.85k" not in by_role["product"]
    assert "Released 8 whole accelerators" in by_role["research"] and "$" not in by_role["research"].split("Move")[-1]
    assert "Released restricted" in by_role["sales"] and "2.69k" not in by_role["sales"]
    assert "1.85k" not in words(chair)


def test_product_is_told_who_asks_about_contracts_and_what_a_move_still_lacks(run: Run) -> None:
    product = signed_in("product")
    response = product.post(ADDRESS + "ask/", {"row_version": version()})
    assert response.status_code == 422
    assert "The chair asks about it." in response.content.decode()
    form = {"title": "Shorter", "key": "m-2", "workload": "chat", "kind": "context_length", "quality_gate": "no"}
    refused = product.post("/workloads/moves/new/", form)
    assert refused.status_code == 422
    assert "give a share above 0 and below 1" in refused.content.decode()
    assert product.post("/workloads/moves/new/", {**form, "amount": "0.7"}).status_code == 302
    assert "Shorter" in words(product, "/workloads/moves/")


def test_a_step_on_an_old_page_is_a_conflict_and_a_move_that_is_not_there_is_missing(run: Run) -> None:
    chair = signed_in("chair")
    stale = chair.post(ADDRESS + "end/", {"row_version": version() - 1 or 9, "to": "dropped"})
    assert stale.status_code == 409
    assert "Somebody else changed" in unescape(stale.content.decode())
    assert chair.get("/workloads/moves/nothing/").status_code == 404
    assert signed_in("finance").post(ADDRESS + "end/", {"row_version": version(), "to": "dropped"}).status_code == 403


def test_a_move_names_models_and_types_as_people_do_and_the_list_stays_cheap(
    run: Run, django_assert_max_num_queries: Any
) -> None:
    chair = signed_in("chair")
    chair.post(ADDRESS + "ask/", {"row_version": version()})
    answer()
    assert "By accelerator type: H100 +8" in words(chair)
    ModelVersion.objects.create(key="small-1", name="Small one", model_tier="small")
    WorkloadMove.objects.create(
        key="over", title="Route half", workload_id=Workload.objects.get(key="chat").pk, kind="routing",
        to_key="small-1", amount=Decimal("0.5"),
    )  # fmt: skip
    chair.post(ADDRESS + "accept/", {**ACCEPTED, "row_version": version()})
    chair.post(ADDRESS + "end/", {"row_version": version(), "to": "done"})
    words(chair, "/workloads/moves/")
    with django_assert_max_num_queries(15):
        listed = words(chair, "/workloads/moves/")
    assert "to Small one, 50.0%" in listed
    with django_assert_max_num_queries(15):
        assert "the fewest of 13 weeks from 23 Nov" in words(chair)

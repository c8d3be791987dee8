"""Who may open which list page and API route, and what nobody finds."""

from __future__ import annotations

import pytest
from django.test import Client

from capacity.access.permissions import roles_for
from capacity.access.roles import Role
from capacity.allocation.models import Run
from tests.factories import make_policy, make_review, make_run, make_user
from tests.recorded_broker import RecordedBroker
from tests.review.pages_under_test import API, PAGES

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.mark.parametrize("role", list(Role))
def test_each_page_and_route_opens_for_its_roles_and_for_no_other(client: Client, role: Role) -> None:
    run = make_run()
    make_policy()
    client.force_login(make_user(role))
    opened = {address: client.get(address.format(run=run.pk)).status_code for address in PAGES | API}
    wanted = {address: 200 if role in roles_for(action) else 403 for address, action in (PAGES | API).items()}
    assert opened == wanted


def test_a_person_without_a_role_opens_nothing(client: Client) -> None:
    run = make_run()
    client.force_login(make_user())
    assert {client.get(address.format(run=run.pk)).status_code for address in PAGES | API} == {403}


def test_somebody_who_is_not_signed_in_is_sent_to_sign_in_or_refused(client: Client) -> None:
    run = make_run()
    make_user("chair")  # with no account at all every page leads to the first one
    for address in PAGES:
        answer = client.get(address.format(run=run.pk))
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/sign-in/")  # type: ignore[attr-defined]
    assert {client.get(address).status_code for address in API} == {401}


@pytest.mark.parametrize("role", list(Role))
def test_pages_answer_before_there_is_any_plan(client: Client, role: Role) -> None:
    client.force_login(make_user(role))
    for address, action in PAGES.items():
        if role in roles_for(action) and "{run}" not in address and address.count("/") == 2:
            assert client.get(address).status_code == 200, address


@pytest.mark.parametrize(
    "address",
    [
        "/contracts/?run=999999",
        "/contracts/?run=abc",
        "/contracts/?run=99999999999999999999999",
        "/contracts/?run=²",
        "/contracts/?review=2026-W01",
        "/contracts/?review=2026-W480000000",
        "/contracts/nobody/",
        "/supply/no_such_pool/",
        "/runs/999999/",
        "/runs/999999/document/",
        "/api/v1/plan-pools/?run=999999",
        "/api/v1/plan-pools/?ordering=nothing",
    ],
)
def test_what_is_not_there_is_missing(client: Client, address: str) -> None:
    make_run()
    client.force_login(make_user("finance"))
    assert client.get(address).status_code == 404


def test_an_unfinished_run_cannot_be_read_as_a_plan(client: Client) -> None:
    failed = make_run("failed")
    client.force_login(make_user("chair"))
    assert client.get(f"/supply/?run={failed.pk}").status_code == 404
    assert client.get(f"/runs/{failed.pk}/").status_code == 200


def test_unknown_figures_are_missing(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("finance"))
    assert client.get(f"/runs/{run.pk}/figures/metric:H99/").status_code == 404
    assert client.get("/runs/999999/figures/metric:H1/").status_code == 404


def test_a_past_run_and_a_frozen_review_are_shown_from_their_own_rows(client: Client) -> None:
    old = make_run(changes={"workloads": {"support_bot": {"name": "Bot as it was"}}})
    make_review(old)
    make_run(week="2026-W49")
    client.force_login(make_user("product"))
    for address in (f"/workloads/?run={old.pk}", "/workloads/?review=2026-W48"):
        assert "Bot as it was" in client.get(address).content.decode()
    assert "Bot as it was" not in client.get("/workloads/").content.decode()


def test_a_run_that_confirmed_another_shows_that_ones_rows(client: Client) -> None:
    done = make_run(changes={"workloads": {"support_bot": {"name": "Bot as it was"}}})
    reused = make_run("reused", reused_run=done)
    client.force_login(make_user("product"))
    assert "Bot as it was" in client.get(f"/workloads/?run={reused.pk}").content.decode()


def test_a_recompute_is_asked_for_by_post_only_and_by_those_who_may(
    client: Client, recorded_broker: RecordedBroker
) -> None:
    make_run()
    client.force_login(make_user("exec"))
    assert client.post("/runs/request/").status_code == 403
    client.force_login(make_user("research"))
    assert client.get("/runs/request/").status_code == 405
    assert client.post("/runs/request/").status_code == 302
    asked = Run.objects.get(state="queued")
    assert (asked.is_forced, asked.requested_by) == (True, "research")
    client.post("/runs/request/")
    assert Run.objects.filter(state="queued").count() == 1


def test_a_recompute_leads_back_to_our_own_pages_only(client: Client, recorded_broker: RecordedBroker) -> None:
    client.force_login(make_user("chair"))
    assert client.post("/runs/request/", {"next": "/supply/"}).url == "/supply/"  # type: ignore[attr-defined]
    assert client.post("/runs/request/", {"next": "https://elsewhere.example/"}).url == "/runs/"  # type: ignore[attr-defined]


def test_only_a_run_that_failed_can_be_retried(client: Client, recorded_broker: RecordedBroker) -> None:
    done, dead = make_run(), make_run("dead")
    client.force_login(make_user("chair"))
    assert client.post(f"/runs/{done.pk}/retry/").status_code == 404
    assert client.post(f"/runs/{dead.pk}/retry/").status_code == 302
    assert Run.objects.get(state="queued").reason == f"retry of run {dead.pk}"


def test_the_whole_document_of_a_run_is_for_finance(client: Client) -> None:
    run = make_run()
    for role in Role:
        client.force_login(make_user(role))
        answer = client.get(f"/runs/{run.pk}/document/")
        assert answer.status_code == (200 if role is Role.FINANCE else 403), role

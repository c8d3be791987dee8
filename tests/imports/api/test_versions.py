"""A change needs the version it was made on, and a request sent twice is done once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from capacity.access.idempotency import KEPT_HOURS
from capacity.access.models import IdempotentAnswer, RoleGrant
from capacity.imports.models import ImportBatch
from tests.factories import make_user
from tests.imports.api.conftest import Api, codes
from workloads.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.security]
Open = Callable[..., Api]
TEAM = {"key": "team-2", "name": "Team 2", "weight": "1.5"}


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_change_needs_the_version_it_was_made_on(api: Open, method: str) -> None:
    chair = api("chair")
    for headers, status, code in (
        ({}, 428, "if_match_needed"),
        ({"If_Match": "*"}, 428, "if_match_needed"),
        ({"If_Match": "1"}, 400, "bad_if_match"),
        ({"If_Match": '"x"'}, 400, "bad_if_match"),
        ({"If_Match": '"1", "2"'}, 400, "bad_if_match"),
    ):
        answer = chair.ask(method, "teams/team-1/", {"name": "New"}, **headers)
        assert (answer.status_code, codes(answer)) == (status, [(None, "", code)])
    assert Team.objects.get().name == "Team 1"


def test_the_second_of_two_editors_sees_what_the_first_changed(api: Open) -> None:
    chair, product = api("chair"), api("product")
    first = chair.get("workloads/chat/")["ETag"]
    assert product.patch("workloads/chat/", {"name": "Theirs"}, If_Match=first).status_code == 200
    late = chair.patch("workloads/chat/", {"peak_factor": "3"}, If_Match=first)
    body = late.json()
    assert (late.status_code, late["ETag"], late["Content-Type"]) == (412, '"2"', "application/problem+json")
    assert (body["changed"], body["current"]["name"], body["by"]) == (["name"], "Theirs", "product")
    assert chair.patch("workloads/chat/", {"peak_factor": "3"}, If_Match=late["ETag"]).status_code == 200


def test_a_conflict_shows_nothing_that_its_reader_may_not_see(api: Open) -> None:
    sales, chair = api("sales"), api("chair")
    mine = sales.get("customers/mine/")["ETag"]
    finance = api("finance")
    assert finance.patch("customers/mine/", {"owner": "somebody"}, If_Match=mine).status_code == 200
    late = sales.patch("customers/mine/", {"name": "x"}, If_Match=mine)
    assert late.status_code == 404
    assert chair.get("customers/mine/").status_code == 200


def test_the_same_request_under_one_key_is_done_once_and_answered_alike(api: Open) -> None:
    chair = api("chair")
    first = chair.post("teams/", TEAM, Idempotency_Key="upload-1")
    again = chair.post("teams/", TEAM, Idempotency_Key="upload-1")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert (again["Location"], again["ETag"], again["Idempotent-Replay"]) == (first["Location"], first["ETag"], "true")
    assert "Idempotent-Replay" not in first
    assert chair.post("teams/", TEAM).status_code == 409
    assert ImportBatch.objects.filter(source="api").count() == 1


def test_another_request_under_a_used_key_is_refused(api: Open) -> None:
    chair = api("chair")
    chair.post("teams/", TEAM, Idempotency_Key="k")
    other_body = chair.post("teams/", {**TEAM, "key": "team-3"}, Idempotency_Key="k")
    other_place = chair.delete("teams/team-2/", Idempotency_Key="k")
    for answer in (other_body, other_place):
        assert (answer.status_code, codes(answer)) == (422, [(None, "Idempotency-Key", "idempotency_key_reused")])
    assert Team.objects.count() == 2


def test_the_same_request_written_otherwise_is_the_same(api: Open) -> None:
    chair = api("chair")
    first = chair.post("teams/", b'{"key": "k", "name": "K", "weight": "1"}', Idempotency_Key="k")
    again = chair.post("teams/", b'{"weight":"1","name":"K",\n"key":"k"}', Idempotency_Key="k")
    assert (first.status_code, again.json()) == (201, first.json())


def test_a_refused_write_leaves_its_key_free(api: Open) -> None:
    chair = api("chair")
    assert chair.post("teams/", {**TEAM, "weight": "x"}, Idempotency_Key="k").status_code == 422
    assert chair.post("teams/", TEAM, Idempotency_Key="k").status_code == 201


def test_keys_are_each_persons_own(api: Open) -> None:
    Api(make_user("chair", username="second")).post("teams/", {**TEAM, "key": "theirs"}, Idempotency_Key="k")
    assert api("chair").post("teams/", TEAM, Idempotency_Key="k").status_code == 201


def test_a_kept_answer_is_not_given_to_other_roles_than_made_it(api: Open) -> None:
    chair = api("chair")
    chair.post("teams/", TEAM, Idempotency_Key="k")
    assert chair.user is not None
    RoleGrant.objects.create(user=chair.user, role="exec")
    answer = chair.post("teams/", TEAM, Idempotency_Key="k")
    assert (answer.status_code, codes(answer)) == (409, [(None, "", "done_before")])
    RoleGrant.objects.filter(user=chair.user).update(revoked_at=timezone.now())
    assert chair.post("teams/", TEAM, Idempotency_Key="k").status_code == 403


def test_answers_are_kept_for_a_day(api: Open) -> None:
    chair = api("chair")
    chair.post("teams/", TEAM, Idempotency_Key="k")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=KEPT_HOURS, minutes=1))
    assert chair.post("teams/", TEAM, Idempotency_Key="k").status_code == 409
    assert IdempotentAnswer.objects.count() == 0


@pytest.mark.parametrize("key", ["x" * 201, "ключ"])
def test_a_key_that_cannot_be_kept_is_refused(api: Open, key: str) -> None:
    answer = api("chair").ask("POST", "teams/", TEAM, Idempotency_Key=key.encode().decode("latin-1"))
    assert (answer.status_code, codes(answer)) == (400, [(None, "", "bad_idempotency_key")])


def test_a_change_under_a_key_is_answered_again_with_its_new_version(api: Open) -> None:
    chair = api("chair")
    sent: dict[str, Any] = {"If_Match": '"1"', "Idempotency_Key": "k"}
    first = chair.patch("teams/team-1/", {"name": "New"}, **sent)
    again = chair.patch("teams/team-1/", {"name": "New"}, **sent)
    assert (first.status_code, again.status_code, again["ETag"]) == (200, 200, '"2"')

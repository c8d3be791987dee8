"""Tokens for programs: what opens with them and what ends them, their scopes, and where their secret never appears."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from capacity.access import api_auth
from capacity.access.models import ApiToken, AuditEvent, RoleGrant, TokenScope, User
from capacity.access.roles import Role
from capacity.access.tokens import MOST_LIVE_TOKENS, TokenRefused, create_token, find_token, revoke_token

pytestmark = [pytest.mark.django_db, pytest.mark.security]
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PAGE = "/account/tokens/"
INDEX = "/api/v1/"


def make_token(
    owner: User, scope: str = "read", only: Iterable[str] = (), days: int = 30, now: datetime | None = None
) -> tuple[ApiToken, str]:
    return create_token(
        owner=owner, name="nightly", scopes=[TokenScope(scope)], only=only, days=days, now=now or timezone.now()
    )


def ask(secret: str, address: str = INDEX, method: str = "GET", **extra: Any) -> Any:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.generic(method, address, headers={"Authorization": f"Bearer {secret}"}, **extra)


def names(answer: Any) -> set[str]:
    return {line["name"] for line in answer.json()["resources"]}


def test_a_token_opens_what_its_owners_roles_open(make_person: Callable[..., User]) -> None:
    _, finance = make_token(make_person("fin", Role.FINANCE))
    _, sales = make_token(make_person("sal", Role.SALES))
    assert "placements" in names(ask(finance))
    assert "placements" not in names(ask(sales))
    assert ask(finance, "/api/v1/placements/").status_code == 200
    assert ask(sales, "/api/v1/placements/").status_code == 403


def test_a_role_revoked_is_gone_at_the_tokens_next_request(make_person: Callable[..., User]) -> None:
    owner = make_person("fin", Role.FINANCE)
    _, secret = make_token(owner)
    assert ask(secret, "/api/v1/placements/").status_code == 200
    RoleGrant.objects.filter(user=owner).update(revoked_at=timezone.now())
    assert ask(secret, "/api/v1/placements/").status_code == 403


@pytest.mark.parametrize("end", ["revoked", "expired", "disabled", "password reset"])
def test_a_dead_token_opens_nothing_and_says_nothing_more(make_person: Callable[..., User], end: str) -> None:
    owner = make_person("fin", Role.FINANCE)
    token, secret = make_token(owner)
    assert ask(secret).status_code == 200
    if end == "revoked":
        revoke_token(owner=owner, token_id=token.pk, now=timezone.now())
    elif end == "expired":
        past = timezone.now() - timedelta(days=31)
        ApiToken.objects.update(created_at=past, expires_at=past + timedelta(days=30))
    elif end == "disabled":
        User.objects.update(is_active=False)
    else:
        User.objects.update(one_time_password_at=timezone.now())
    dead, unknown = ask(secret), ask(secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert (dead.status_code, unknown.status_code) == (401, 401)
    assert dead.content == unknown.content
    assert dead["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer x", "Bearer cap_é", "Bearer " + "9" * 9000])
def test_nonsense_in_place_of_a_token_is_refused_before_the_database_is_asked(
    django_assert_num_queries: Any, header: str
) -> None:
    with django_assert_num_queries(0):
        answer = Client().get(INDEX, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (401, "bad_token")


def test_without_a_token_or_a_session_the_answer_is_401_in_json() -> None:
    answer = Client().get(INDEX)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/problem+json")
    assert answer.json()["errors"][0]["code"] == "not_authenticated"


def test_a_token_in_the_address_opens_nothing(make_person: Callable[..., User]) -> None:
    _, secret = make_token(make_person("fin", Role.FINANCE))
    assert Client().get(f"{INDEX}?token={secret}&access_token={secret}").status_code == 401


def test_a_token_opens_no_page(make_person: Callable[..., User]) -> None:
    _, secret = make_token(make_person("fin", Role.FINANCE))
    assert ask(secret, "/contracts/").status_code == 302
    assert ask(secret, PAGE).status_code == 302


def test_the_token_counts_and_not_the_session_that_comes_with_it(
    make_person: Callable[..., User], signed_in: Callable[..., Client]
) -> None:
    _, secret = make_token(make_person("sal", Role.SALES))
    client = signed_in("fin", Role.FINANCE)
    answer = client.get(INDEX, headers={"Authorization": f"Bearer {secret}"})
    assert "placements" not in names(answer)


def test_a_limited_token_reaches_its_resources_and_areas_only(make_person: Callable[..., User]) -> None:
    owner = make_person("fin", Role.FINANCE)
    _, one = make_token(owner, only=["runs"])
    _, area = make_token(owner, only=["Plan"])
    assert ask(one, "/api/v1/runs/").status_code == 200
    refused = ask(one, "/api/v1/reviews/")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "token_scope")
    assert ask(area, "/api/v1/plan-pools/").status_code == 200
    assert ask(area, "/api/v1/runs/").status_code == 403


def test_a_token_needs_a_scope_a_name_and_an_end_later_than_its_start(make_person: Callable[..., User]) -> None:
    token, _ = make_token(make_person("fin", Role.FINANCE))
    broken = [{"scopes": []}, {"scopes": ["admin"]}, {"name": ""}, {"expires_at": token.created_at}]
    for change in broken:
        with pytest.raises(DatabaseError), transaction.atomic():
            ApiToken.objects.filter(pk=token.pk).update(**change)


def test_a_writers_token_may_read_and_a_readers_may_not_write() -> None:
    reader, writer = ApiToken(scopes=["read"]), ApiToken(scopes=["write"])
    assert [reader.may(scope) for scope in TokenScope] == [True, False]
    assert [writer.may(scope) for scope in TokenScope] == [True, True]


def test_the_time_of_last_use_is_written_at_most_once_a_minute(make_person: Callable[..., User]) -> None:
    token, secret = make_token(make_person("fin", Role.FINANCE), now=NOW)
    seen = []
    for seconds in (0, 59, 60, 61, 100, 121):
        assert find_token(secret=secret, now=NOW + timedelta(seconds=seconds))
        token.refresh_from_db()
        assert token.last_used_at is not None
        seen.append((token.last_used_at - NOW).seconds)
    assert seen == [0, 0, 0, 61, 61, 61]


def test_a_token_is_found_with_two_queries(make_person: Callable[..., User], django_assert_num_queries: Any) -> None:
    _, secret = make_token(make_person("fin", Role.FINANCE), now=NOW)
    find_token(secret=secret, now=NOW)
    with django_assert_num_queries(2):
        found = find_token(secret=secret, now=NOW)
    assert found is not None
    assert found[1].open_roles == ["finance"]


def test_too_many_tokens_and_odd_lifetimes_are_refused(make_person: Callable[..., User]) -> None:
    owner = make_person("fin", Role.FINANCE)
    with pytest.raises(TokenRefused):
        make_token(owner, days=3650)
    made = [make_token(owner)[0] for _ in range(MOST_LIVE_TOKENS)]
    with pytest.raises(TokenRefused):
        make_token(owner)
    revoke_token(owner=owner, token_id=made[0].pk, now=timezone.now())
    assert make_token(owner)


def test_a_token_that_asks_too_often_is_told_to_wait_and_others_are_not(
    make_person: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_auth.TokenRate, "THROTTLE_RATES", {"token": "3/min"})
    owner = make_person("fin", Role.FINANCE)
    (_, busy), (_, other) = make_token(owner), make_token(owner)
    assert [ask(busy).status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = ask(busy)
    assert int(refused["Retry-After"]) >= 1
    assert refused.json()["errors"][0]["code"] == "throttled"
    assert ask(other).status_code == 200


def test_the_secret_is_shown_once_and_kept_nowhere(
    signed_in: Callable[..., Client], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = signed_in("fin", Role.FINANCE)
    page = client.post(PAGE, {"name": "nightly", "scope": "read", "days": "30"}).content.decode()
    token = ApiToken.objects.get()
    secret = page[page.index(token.prefix + "_") :].split("<")[0]
    assert ask(secret).status_code == 200
    ask(secret, "/api/v1/people/")
    revoke_token(owner=token.owner, token_id=token.pk, now=timezone.now())
    assert ask(secret).status_code == 401
    assert secret not in client.get(PAGE).content.decode()
    assert secret not in caplog.text
    assert secret not in json.dumps([event.detail | {"on": event.subject} for event in AuditEvent.objects.all()])
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM access_apitoken t")
        assert all(secret.split("_", 2)[2] not in row for (row,) in cursor.fetchall())


def test_making_and_revoking_leave_audit_rows_that_name_the_token_by_its_prefix(
    signed_in: Callable[..., Client],
) -> None:
    client = signed_in("fin", Role.FINANCE)
    client.post(PAGE, {"name": "nightly", "scope": "write", "days": "7", "only": ["Plan", "runs"]})
    token = ApiToken.objects.get()
    client.post(f"{PAGE}{token.pk}/revoke/")
    client.post(f"{PAGE}{token.pk}/revoke/")
    events = AuditEvent.objects.filter(action__startswith="token_").order_by("pk")
    assert [(event.action, event.subject) for event in events] == [
        ("token_created", token.prefix),
        ("token_revoked", token.prefix),
    ]
    assert events[0].detail["only"] == ["Plan", "runs"]


@pytest.mark.parametrize("role", list(Role))
def test_every_role_may_keep_tokens(signed_in: Callable[..., Client], role: Role) -> None:
    client = signed_in("somebody", role)
    assert client.get(PAGE).status_code == 200
    assert client.post(PAGE, {"name": "x", "scope": "read", "days": "7"}).status_code == 200
    assert f"Revoke {ApiToken.objects.get().name}" in client.get(PAGE).content.decode()


def test_the_form_says_what_is_missing_and_offers_only_what_the_person_may_read(
    signed_in: Callable[..., Client],
) -> None:
    client = signed_in("sal", Role.SALES)
    page = client.get(PAGE).content.decode()
    assert "plan-pools" in page
    assert "placements" not in page
    answer = client.post(PAGE, {"name": "", "scope": "all", "days": "9999", "only": ["placements"]})
    assert answer.status_code == 400
    assert answer.content.decode().count('class="errorlist"') == 4
    assert not ApiToken.objects.exists()


def test_nobody_sees_or_revokes_anothers_token(
    make_person: Callable[..., User], signed_in: Callable[..., Client]
) -> None:
    token, secret = make_token(make_person("fin", Role.FINANCE))
    client = signed_in("adm", Role.ADMIN)
    assert token.prefix not in client.get(PAGE).content.decode()
    assert client.post(f"{PAGE}{token.pk}/revoke/").status_code == 404
    assert ask(secret).status_code == 200


def test_a_denied_token_request_leaves_an_audit_row_of_its_owner(make_person: Callable[..., User]) -> None:
    owner = make_person("sal", Role.SALES)
    _, secret = make_token(owner)
    ask(secret, "/api/v1/placements/")
    event = AuditEvent.objects.get(action="denied")
    assert (event.user, event.subject) == (owner, "GET /api/v1/placements/")

"""Signing in and out: sessions, wrong passwords, where one is sent, and what the audit log keeps of it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.test import Client

from capacity.access.audit import one_line, record_event
from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from tests.access.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SIGN_IN = "/sign-in/"
LIMIT = 10


def sign_in(client: Client, username: str = "aud", password: str = PASSWORD, **extra: str) -> int:
    return client.post(SIGN_IN, {"username": username, "password": password, "next": "/audit/"}, **extra).status_code


@pytest.fixture
def auditor(make_person: Callable[..., User]) -> User:
    return make_person("aud", Role.AUDITOR)


def put_in_session(client: Client, **values: float) -> None:
    session = client.session
    session.update(values)
    session.save()


def test_signing_in_changes_the_session_key(auditor: User, client: Client) -> None:
    put_in_session(client, before=1)
    planted = client.session.session_key
    client.post(SIGN_IN, {"username": "aud", "password": PASSWORD, "next": "/audit/"})
    assert client.session.session_key != planted
    assert Client(headers={"cookie": f"sessionid={planted}"}).get("/audit/").status_code == 302


def test_a_session_ends_after_thirty_idle_minutes(auditor: User, client: Client) -> None:
    client.force_login(auditor)
    put_in_session(client, started=time.time() - 1900, seen=time.time() - 1790)
    assert client.get("/audit/").status_code == 200
    put_in_session(client, seen=time.time() - 1801)
    assert client.get("/audit/").status_code == 302
    assert client.get("/audit/").status_code == 302


def test_a_session_in_use_ends_after_twelve_hours(auditor: User, client: Client) -> None:
    client.force_login(auditor)
    put_in_session(client, started=time.time() - 12 * 3600 + 60, seen=time.time())
    assert client.get("/audit/").status_code == 200
    put_in_session(client, started=time.time() - 12 * 3600 - 1, seen=time.time())
    assert client.get("/audit/").status_code == 302


def test_an_old_cookie_is_refused_after_signing_out(auditor: User, client: Client) -> None:
    sign_in(client)
    cookie = client.cookies["sessionid"].value
    assert client.post("/sign-out/").status_code == 302
    assert Client(headers={"cookie": f"sessionid={cookie}"}).get("/audit/").status_code == 302


def test_signing_out_is_not_done_by_a_link(auditor: User, client: Client) -> None:
    sign_in(client)
    assert client.get("/sign-out/").status_code == 405
    assert client.get("/audit/").status_code == 200


def test_a_disabled_person_is_out_at_the_next_request(
    auditor: User, client: Client, make_person: Callable[..., User]
) -> None:
    make_person("somebody who stays")
    sign_in(client)
    User.objects.filter(username="aud").update(is_active=False)
    assert client.get("/audit/").status_code == 302
    assert sign_in(Client()) == 200


@pytest.mark.parametrize(
    "target",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "https:evil.example"],
)
def test_signing_in_leads_nowhere_else(auditor: User, client: Client, target: str, settings: object) -> None:
    settings.LOGIN_REDIRECT_URL = "/audit/"  # type: ignore[attr-defined]
    answer = client.post(SIGN_IN, {"username": "aud", "password": PASSWORD, "next": target})
    assert answer.status_code == 302
    assert answer["Location"] == "/audit/"


def test_the_page_asked_for_comes_after_signing_in(auditor: User, client: Client) -> None:
    asked = client.get("/audit/?action=denied")
    assert asked["Location"] == "/sign-in/?next=/audit/%3Faction%3Ddenied"
    answer = client.post(asked["Location"], {"username": "aud", "password": PASSWORD, "next": "/audit/?action=denied"})
    assert answer["Location"] == "/audit/?action=denied"


def test_the_tenth_wrong_password_locks_and_the_right_one_no_longer_helps(auditor: User, client: Client) -> None:
    answers = [sign_in(client, password=f"wrong {attempt}") for attempt in range(LIMIT)]
    assert answers == [200] * (LIMIT - 1) + [429]
    assert sign_in(client) == 429
    assert "Sign-in is paused" in client.post(SIGN_IN, {"username": "aud", "password": PASSWORD}).content.decode()
    assert AuditEvent.objects.filter(action="locked_out", subject="aud").exists()


def test_a_forged_forwarding_header_does_not_reset_the_count(auditor: User, client: Client) -> None:
    answers = [sign_in(client, password="wrong", HTTP_X_FORWARDED_FOR=f"10.0.0.{attempt}") for attempt in range(LIMIT)]
    assert answers[-1] == 429


def test_a_stranger_elsewhere_does_not_lock_the_person_out(auditor: User, client: Client) -> None:
    for attempt in range(LIMIT):
        sign_in(client, password=f"wrong {attempt}", REMOTE_ADDR="203.0.113.9")
    assert sign_in(client, REMOTE_ADDR="203.0.113.10") == 302


def test_an_unknown_name_reads_like_a_wrong_password(auditor: User, client: Client) -> None:
    known = client.post(SIGN_IN, {"username": "aud", "password": "wrong"})
    unknown = client.post(SIGN_IN, {"username": "who", "password": "wrong"})
    assert [str(e) for e in known.context["form"].non_field_errors()] == [
        str(e) for e in unknown.context["form"].non_field_errors()
    ]
    assert known.status_code == unknown.status_code


def test_sign_ins_sign_outs_and_failures_are_in_the_audit_log(auditor: User, client: Client) -> None:
    sign_in(client, password="wrong")
    sign_in(client)
    client.post("/sign-out/")
    events = AuditEvent.objects.order_by("id")
    assert [(event.action, event.subject) for event in events] == [
        ("sign_in_failed", "aud"),
        ("signed_in", "aud"),
        ("signed_out", "aud"),
    ]
    assert all(len(event.request_id) == 32 for event in events)


def test_a_password_typed_as_the_name_is_not_kept(auditor: User, client: Client) -> None:
    sign_in(client, username="hunter2-my-password", password="x")
    assert AuditEvent.objects.get().subject == "(no such account)"


@pytest.mark.parametrize("breaker", ["\n", "\r\n", "\u2028", "\x1b[2J", "\x00", "\u202e"])
def test_no_input_forges_a_second_line(breaker: str, db: None) -> None:
    event = record_event(action="denied", subject=f"GET /{breaker}admin granted", detail={"needs": [f"x{breaker}y"]})
    event.refresh_from_db()
    assert event.subject.isprintable()
    assert event.detail["needs"][0].isprintable()
    assert len(str(event).splitlines()) == 1


def test_long_text_is_cut_to_its_column() -> None:
    assert len(one_line("x" * 10_000, limit=200)) == 200

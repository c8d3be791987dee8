"""Characters that no text in the database may have: refused in words, wherever a person or a program sends them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.review import health
from tests.access.routes import Route, all_routes
from tests.access.samples import SAMPLES, build_world
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db, pytest.mark.security]

NUL, SURROGATE = "a\x00b", "a\ud800b"
# Who may do most: every role of the meeting at once.
ROLES = [role for role in Role if role not in (Role.ADMIN, Role.AUDITOR)]


@pytest.fixture
def clients(
    make_person: Callable[..., User], settings: Any, recorded_broker: RecordedBroker, monkeypatch: pytest.MonkeyPatch
) -> list[Client]:
    monkeypatch.setattr(health, "broker_and_workers", lambda: ("ok", "ok", "ok"))
    monkeypatch.setattr(health, "database_and_beat", lambda: ({"database": "ok", "beat": "ok"}, None))
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    found = []
    for name, roles in (("everything", ROLES), ("keeper", [Role.ADMIN, Role.AUDITOR])):
        client = Client(raise_request_exception=False)
        client.force_login(make_person(name, *roles))
        found.append(client)
    build_world()
    return found


@pytest.fixture
def every_field_is_odd(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a view asks of a query or a form is there, and holds the character."""
    monkeypatch.setattr(QueryDict, "get", lambda self, name, default=None: NUL)
    monkeypatch.setattr(QueryDict, "__getitem__", lambda self, name: NUL)
    monkeypatch.setattr(QueryDict, "getlist", lambda self, name, default=None: [NUL])
    monkeypatch.setattr(QueryDict, "__contains__", lambda self, name: True)


def path_of(route: Route) -> str:
    return route.path(SAMPLES.get(route.name, {}))


def ask(client: Client, method: str, path: str, **extra: Any) -> int:
    kept = client.cookies.copy()
    with transaction.atomic():
        status = client.generic(method, path, **extra).status_code
        transaction.set_rollback(True)
    client.cookies = kept
    return int(status)


def broken(clients: list[Client], requests: Iterator[tuple[str, str, dict[str, Any]]]) -> list[tuple[int, str, str]]:
    return [
        (status, method, path)
        for method, path, extra in requests
        for client in clients
        if (status := ask(client, method, path, **extra)) >= 500
    ]


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("every_field_is_odd")
def test_no_field_of_a_page_breaks_on_a_nul(clients: list[Client]) -> None:
    requests = ((method, path_of(route), {}) for route in all_routes() for method in ("GET", "POST"))
    assert broken(clients, requests) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("odd", [NUL, SURROGATE])
def test_no_body_of_the_api_breaks_on_odd_text(clients: list[Client], odd: str) -> None:
    # Of the many tables people keep one stands for all: one view serves them.
    names = "contract version to reason row_version probability expires_date note key name files changes table rows"
    bodies: list[Any] = [{name: odd} for name in names.split()] + [
        {odd: "x"},
        [odd],
        odd,
        {"changes": [{"table": odd}]},
    ]
    bodies += [{"contract": "acme_more", "to": "submitted", "reason": odd}, {"contract": "acme_more", "note": odd}]
    requests = (
        (method, path, {"data": json.dumps(body), "content_type": "application/json"})
        for path in ("contract-moves/", "contract-holds/", "contract-holds/release/", "what-ifs/", "imports/",
                     "proposals/1/return/", "teams/", "teams/no-such/")
        for method in ("POST", "PATCH")
        for body in bodies
    )  # fmt: skip
    requests = ((method, f"/api/v1/{path}", extra) for method, path, extra in requests)
    assert broken(clients[:1], requests) == []


def test_no_parameter_of_an_address_breaks_on_a_nul(clients: list[Client]) -> None:
    texts = [route for route in all_routes() if any(c not in {"int", "uuid"} for c in route.parameters)]
    requests = (
        (method, route.path({**SAMPLES.get(route.name, {}), name: NUL}), {})
        for route in texts
        for name in route.parameters
        if isinstance(SAMPLES.get(route.name, {}).get(name), str)
        for method in ("GET", "POST")
    )
    assert broken(clients, requests) == []


def test_the_page_says_what_is_wrong_and_the_api_says_it_in_json(clients: list[Client]) -> None:
    page = clients[1].post("/people/%00/roles/")
    assert page.status_code == 400 and "nothing was changed" in page.content.decode()
    answer = clients[0].post("/api/v1/contract-moves/", {"contract": SURROGATE, "to": "draft"}, "application/json")
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["status"] == 400


def test_the_way_back_is_a_page_of_ours(clients: list[Client]) -> None:
    answer = clients[0].post("/runs/request/", {"next": "no-such-route"})
    assert (answer.status_code, answer["Location"]) == (302, "/runs/")

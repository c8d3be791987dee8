"""The importer's sample world, two salespeople's customers in it, and people who speak to the API by session or token."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from capacity.access.models import TokenScope, User
from capacity.access.tokens import create_token
from capacity.imports.services import import_files, source_file
from tests.factories import make_user
from tests.imports.world import GOOD, import_texts

CUSTOMERS = """key,name,alias,segment,owner
mine,Mine Ltd,C-11,enterprise,sales
other,Other Ltd,C-12,enterprise,somebody
"""


class Api:
    """One person's program. A body is sent as JSON; headers are named as they are written."""

    def __init__(self, user: User | None, *, token: str = "", enforce_csrf_checks: bool = False) -> None:
        self.user = user
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=enforce_csrf_checks)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user is not None and not token:
            self.client.force_login(user)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        kept = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.generic(
            method, f"/api/v1/{path}", data, content_type="application/json", headers={**self.headers, **kept}
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("GET", path, **headers)

    def rows(self, path: str) -> list[dict[str, Any]]:
        answer = self.get(path)
        assert answer.status_code == 200, answer.content
        return answer.json()["results"]

    def post(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("POST", path, body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("PATCH", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> HttpResponse:
        return self.ask("PUT", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.ask("DELETE", path, **headers)


def load_world() -> None:
    """The sample files and two customers with owners."""
    make_user("sales")
    make_user(username="somebody")
    outcome = import_texts(GOOD)
    assert outcome.applied, outcome.issues
    owners = import_files(files=[source_file(name="customers.csv", content=CUSTOMERS.encode())], source="test")
    assert owners.applied, owners.issues


@pytest.fixture(autouse=True)
def _no_collected_files(settings: Any) -> None:
    """Django's own page of what is missing names static files; none are collected here."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(scope="module")
def _loaded(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The world for all tests of a module, in a transaction around theirs: to import it for each takes seconds."""
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
        load_world()
    yield
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


@pytest.fixture
def world(_loaded: None, db: None) -> None:
    """The sample world, as the module's first test found it."""


@pytest.fixture
def api(world: None) -> Callable[..., Api]:
    """api("chair"): somebody of that role, signed in; the world's own "sales" for sales."""

    def open_for(*roles: str, username: str = "") -> Api:
        known = User.objects.filter(username=username or roles[0]).first()
        return Api(known or make_user(*roles, username=username))

    return open_for


@pytest.fixture
def by_token(world: None) -> Callable[..., Api]:
    """by_token("chair", "write", only=["teams"]): the same by a token."""

    def open_for(role: str, scope: str = "read", **limits: Any) -> Api:
        user = User.objects.filter(username=role).first() or make_user(role)
        _, secret = create_token(
            owner=user, name="test", scopes=[TokenScope(scope)], days=7, now=timezone.now(), **limits
        )
        return Api(user, token=secret, enforce_csrf_checks=True)

    return open_for


def codes(answer: HttpResponse) -> list[tuple[Any, str, str]]:
    """(row, field, code) of everything wrong in the answer."""
    return [(error["row"], error["field"], error["code"]) for error in answer.json()["errors"]]

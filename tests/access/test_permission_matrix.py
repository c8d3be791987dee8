"""Every route × every method × everybody, against the committed `permission_matrix.csv`.

The routes come from the URL resolver: a route that is not in the file fails, and so does a parameter without a sample
(tests/access/samples.py). After a wanted change write the file anew and read its difference before committing:

    REGENERATE_MATRIX=1 python -m pytest tests/access/test_permission_matrix.py

Each request runs in a transaction that is rolled back, so that none can see what another did.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.review import health
from tests.access.routes import Route, all_routes
from tests.access.samples import MISSING, OPEN_ROUTES, SAMPLES, build_world
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db, pytest.mark.security]

FILE = Path(__file__).with_name("permission_matrix.csv")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
READING = ("GET", "HEAD", "OPTIONS")
ANONYMOUS, DISABLED, NO_ROLE = "anonymous", "disabled", "no_role"
EVERYBODY = (ANONYMOUS, DISABLED, NO_ROLE, *(role.value for role in Role))
OUTSIDE = (302, 401, 403, 404, 405)


@pytest.fixture
def clients(
    make_person: Callable[..., User], settings: Any, recorded_broker: RecordedBroker, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Client]:
    """A client for everybody, signed in; and the objects that the samples name. Sessions in cookies: thrice as fast."""
    # No worker runs here; what /healthz says of the parts is tests/local/test_health.py's.
    monkeypatch.setattr(health, "broker_and_workers", lambda: ("ok", "ok", "ok"))
    monkeypatch.setattr(health, "database_and_beat", lambda: ({"database": "ok", "beat": "ok"}, None))
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    found = {ANONYMOUS: Client(raise_request_exception=False)}
    for name in EVERYBODY[1:]:
        roles = [Role(name)] if name in set(Role) else []
        person = make_person(f"the-{name}", *roles)
        found[name] = Client(raise_request_exception=False)
        found[name].force_login(person)
    User.objects.filter(username=f"the-{DISABLED}").update(is_active=False)
    build_world()
    return found


def ask(client: Client, method: str, path: str, **extra: Any) -> HttpResponse:
    """The answer to one request, everything it wrote taken back and its cookies forgotten."""
    kept = client.cookies.copy()
    with transaction.atomic():
        answer = client.generic(method, path, **extra)
        transaction.set_rollback(True)
    client.cookies = kept
    return answer


def sample_path(route: Route) -> str:
    if route.parameters and route.name not in SAMPLES:
        pytest.fail(f"{route.name} has parameters and no sample: add one to tests/access/samples.py")
    return route.path(SAMPLES.get(route.name, {}))


def measure(clients: dict[str, Client], written: set[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """The matrix, row by row. written: gets each (path, table) that a reading request wrote to."""
    for route in all_routes():
        path = sample_path(route)
        for method in METHODS:
            with Writes() as writes:
                statuses = {name: str(ask(client, method, path).status_code) for name, client in clients.items()}
            if method in READING:
                written |= {(path, table) for table in writes.tables}
            yield {"route": "/" + route.name, "method": method, **statuses}


def read_expected() -> list[dict[str, str]]:
    with FILE.open(newline="") as file:
        return list(csv.DictReader(file))


def write_expected(rows: list[dict[str, str]]) -> None:
    with FILE.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=["route", "method", *EVERYBODY], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# Some fifteen thousand requests: two minutes on two free cores.
@pytest.mark.timeout(900)
def test_every_route_answers_everybody_as_committed_and_reading_writes_the_audit_log_only(
    clients: dict[str, Client],
) -> None:
    written: set[tuple[str, str]] = set()
    measured = sorted(measure(clients, written), key=lambda row: (row["route"], METHODS.index(row["method"])))
    if os.environ.get("REGENERATE_MATRIX") == "1":
        write_expected(measured)
    expected = read_expected()
    keys = {(row["route"], row["method"]) for row in expected}
    unlisted = sorted({row["route"] for row in measured if (row["route"], row["method"]) not in keys})
    assert unlisted == [], "routes that are not in permission_matrix.csv"
    assert [_line(row) for row in measured] == [_line(row) for row in expected]
    # Denials are written down, so that the watch is known to see writes; and nothing else is.
    assert {table for _, table in written} == {AuditEvent._meta.db_table}, sorted(written)


def _line(row: dict[str, str]) -> str:
    return " ".join([row["method"], row["route"], *(f"{name}={row[name]}" for name in EVERYBODY)])


def test_the_committed_matrix_lets_nobody_in_without_a_role_and_breaks_nowhere() -> None:
    for row in read_expected():
        assert all(int(row[name]) < 500 for name in EVERYBODY), row
        if row["route"][1:] not in OPEN_ROUTES:
            for name in (ANONYMOUS, DISABLED, NO_ROLE):
                assert int(row[name]) in OUTSIDE, row
        assert row[ANONYMOUS] == row[DISABLED], row


def test_every_view_says_who_may_use_it() -> None:
    """By requires(...), require_roles(...) or Permits(...); the few open routes are named with their reason."""
    silent = [route.name for route in all_routes() if not declared(route.view) and route.name not in OPEN_ROUTES]
    assert silent == []


def declared(view: Any) -> bool:
    """Whether a view carries its gate: on itself, on its class, or given to the class when the route was made."""
    gates = [
        *getattr(getattr(view, "cls", None), "permission_classes", []),
        *getattr(view, "initkwargs", {}).get("permission_classes", []),
    ]
    return hasattr(view, "allowed_roles") or any(hasattr(gate, "allowed_roles") for gate in gates)


def test_what_is_not_there_answers_404_to_whoever_may_ask(clients: dict[str, Client]) -> None:
    allowed = {(row["route"], row["method"]): row for row in read_expected()}
    for route in all_routes():
        if not route.parameters:
            continue
        path = route.path(MISSING.get(route.name, route.unknown()))
        for method in ("GET", "POST"):
            row = allowed["/" + route.name, method]
            for name in (role.value for role in Role):
                if int(row[name]) not in OUTSIDE:
                    assert ask(clients[name], method, path).status_code == 404, (method, path, name)


def test_a_write_without_its_token_is_refused_on_every_route(clients: dict[str, Client]) -> None:
    for client in clients.values():
        client.handler.enforce_csrf_checks = True
    for route in all_routes():
        path = sample_path(route)
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for name in (Role.CHAIR, Role.ADMIN):
                status = ask(clients[name], method, path).status_code
                assert status in (403, 405), (method, path, status)


class Writes:
    """Collects the tables that statements inside the block write."""

    VERBS = ("INSERT INTO", "UPDATE", "DELETE FROM")

    def __enter__(self) -> Writes:
        self.tables: set[str] = set()
        self._wrapper = connection.execute_wrapper(self._look)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *failure: Any) -> None:
        self._wrapper.__exit__(*failure)

    def _look(self, execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: Any) -> Any:
        text = str(statement)
        verb = next((verb for verb in self.VERBS if text.upper().startswith(verb)), None)
        if verb:
            self.tables.add(text[len(verb) :].split()[0].strip('"'))
        return execute(statement, params, many, context)

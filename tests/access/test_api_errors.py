"""Under /api/ every refusal is JSON, whoever refuses: the framework, Django, or a fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client, RequestFactory

from capacity.access.api_errors import handle, plain_problem
from capacity.access.middleware import ApiErrorsMiddleware
from capacity.access.roles import Role

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@pytest.fixture
def finance(signed_in: Callable[..., Client]) -> Client:
    return signed_in("fin", Role.FINANCE)


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("GET", "/api/", 404),
        ("GET", "/api/v2/pools/", 404),
        ("GET", "/api/v1/no-such/", 404),
        ("GET", "/api/v1/pools/%00/", 404),
        ("GET", "/api/v1/runs/?ordering=nothing", 404),
        ("GET", "/api/v1/runs/?run=x", 400),
        ("POST", "/api/v1/runs/", 405),
        ("TRACE", "/api/v1/", 405),
        ("POST", "/api/v1/docs/", 405),
    ],
)
def test_refusals_are_json(finance: Client, method: str, address: str, status: int) -> None:
    answer = finance.generic(method, address)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    body = answer.json()
    assert body["status"] == status
    assert set(body["errors"][0]) == {"row", "field", "code", "message"}
    assert int(answer["Content-Length"]) == len(answer.content)


def test_a_page_that_the_role_may_not_open_is_refused_in_json_under_the_api(signed_in: Callable[..., Client]) -> None:
    answer = signed_in("nobody").get("/api/v1/docs/")
    assert (answer.status_code, answer["Content-Type"]) == (403, "application/problem+json")


def test_a_wrong_host_is_refused_in_json(finance: Client) -> None:
    answer = finance.get("/api/v1/", headers={"host": "elsewhere.example"})
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")


def test_a_fault_is_told_without_its_words(finance: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("the price of Acme is 4.13")

    monkeypatch.setattr("capacity.review.api_docs.resources_for", broken)
    answer = finance.get("/api/v1/")
    assert (answer.status_code, answer["Content-Type"]) == (500, "application/problem+json")
    assert "Acme" not in answer.content.decode()


def test_pages_keep_their_own_refusals() -> None:
    from_page = ApiErrorsMiddleware(lambda request: _page(404))(RequestFactory().get("/contracts/none/"))
    from_api = ApiErrorsMiddleware(lambda request: _page(404))(RequestFactory().get("/api/none/"))
    assert from_page.content == b"<p>no</p>"
    assert from_api["Content-Type"] == "application/problem+json"


def _page(status: int) -> HttpResponse:
    return HttpResponse("<p>no</p>", status=status)


def test_a_row_that_somebody_else_holds_is_busy_and_other_database_faults_are_faults() -> None:
    class LockNotAvailable(Exception):
        sqlstate = "55P03"

    busy = OperationalError("canceling statement")
    busy.__cause__ = LockNotAvailable()
    answer = handle(busy, {})
    assert answer is not None
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert handle(OperationalError("disk full"), {}) is None


def test_every_status_has_its_sentence() -> None:
    for status in (400, 401, 403, 404, 405, 406, 413, 415, 429, 500, 503):
        found = plain_problem(status)["errors"][0]
        assert found["message"]
        assert found["code"].islower()

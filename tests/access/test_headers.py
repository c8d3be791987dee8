"""Every answer carries the security headers, errors and all; a form without its token changes nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path

from capacity.access.roles import Role
from tests.access.conftest import PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.security]


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("on purpose")


urlpatterns = [path("broken/", broken, name="broken"), path("", include("capacity.urls"))]

ANSWERS = [
    ("/audit/", 200),
    ("/people/", 403),
    ("/no/such/page", 404),
    ("/people/nobody/roles/", 403),
    ("/broken/", 500),
]


@pytest.fixture
def client_of_auditor(signed_in: Callable[..., Client], settings: object) -> Client:
    settings.ROOT_URLCONF = __name__  # type: ignore[attr-defined]
    settings.SECURE_HSTS_SECONDS = 31_536_000  # type: ignore[attr-defined]
    return signed_in("aud", Role.AUDITOR)


@pytest.mark.parametrize(("path", "status"), ANSWERS)
def test_every_answer_carries_the_headers(client_of_auditor: Client, path: str, status: int) -> None:
    answer = client_of_auditor.get(path, secure=True)
    assert answer.status_code == status
    policy = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy["style-src"]
    assert "unsafe-eval" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "no-store" in answer["Cache-Control"]
    assert len(answer["X-Request-Id"]) == 32


def test_the_sign_in_page_carries_them_too(make_person: Callable[..., object]) -> None:
    make_person("ann")
    answer = Client().get("/sign-in/")
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]


def test_an_error_page_tells_nothing_of_the_error(client_of_auditor: Client) -> None:
    assert b"on purpose" not in client_of_auditor.get("/broken/").content


def test_a_form_without_its_token_is_refused(db: None, make_person: Callable[..., object]) -> None:
    make_person("adm", Role.ADMIN)
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in/", {"username": "adm", "password": PASSWORD})
    assert answer.status_code == 403
    assert "sessionid" not in client.cookies

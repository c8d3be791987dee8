"""How the API says no: one JSON form for every refusal, after RFC 9457, with what is wrong by row and field.

`{"title", "status", "errors": [{"row", "field", "code", "message"}]}`, and beside it what a refusal has to show (the
row as it is now, who uses it). Nothing here names a value that the reader may not see: callers pass what they checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

CONTENT_TYPE = "application/problem+json"
# PostgreSQL's words for "somebody else holds this row": waiting too long, a deadlock, a changed snapshot.
_BUSY = {"55P03", "40P01", "40001"}
_SENTENCES = {
    400: "The request cannot be read.",
    401: "Send a token (Authorization: Bearer …) or sign in.",
    403: "Your role does not open this.",
    404: "There is nothing here that you may see. Addresses end with a slash.",
    405: "This method is not for this address.",
    413: "The request is too large.",
    415: "Send JSON (Content-Type: application/json).",
    429: "Too many requests. Wait a little.",
    500: "Something broke on our side. The request's id (X-Request-Id) helps to find out what.",
    503: "A part of the product is not up, or busy. Try again in a moment.",
}
_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 500: "broken", 503: "unavailable"}


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldError:
    """One thing wrong. row: place in the list sent, from 0, or None; field: the column, or "" for the whole row."""

    code: str
    message: str
    row: int | None = None
    field: str = ""


@dataclass(kw_only=True)
class ApiRefusal(Exception):
    """A refused request. `more` stands beside the errors in the answer; `headers` go with it."""

    status: int
    errors: Iterable[FieldError]
    more: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, code: str, message: str, *, field: str = "", row: int | None = None) -> ApiRefusal:
    """A refusal for one reason."""
    return ApiRefusal(status=status, errors=[FieldError(code=code, message=message, field=field, row=row)])


def problem(status: int, errors: Iterable[FieldError], more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of an answer that says no."""
    return {
        "title": HTTPStatus(status).phrase,
        "status": status,
        "errors": [asdict(error) for error in errors],
        **(more or {}),
    }


def plain_problem(status: int) -> dict[str, Any]:
    """The same for an answer that carries nothing but its status."""
    message = _SENTENCES.get(status, HTTPStatus(status).phrase + ".")
    return problem(status, [FieldError(code=_code(status), message=message)])


def handle(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The framework's exception handler (settings.REST_FRAMEWORK). None for what is a fault of ours: that is a 500."""
    if isinstance(error, ApiRefusal):
        return _answer(error.status, problem(error.status, error.errors, error.more), error.headers)
    if isinstance(error, RequestDataTooBig):
        return _answer(413, plain_problem(413))
    if isinstance(error, OperationalError):
        return _busy(error)
    if isinstance(error, Http404 | exceptions.NotFound):
        return _answer(404, plain_problem(404))
    if isinstance(error, PermissionDenied):
        return _answer(403, plain_problem(403))
    if isinstance(error, exceptions.APIException):
        return _framework(error)
    return None


def _framework(error: exceptions.APIException) -> Response:
    """What the framework refuses: sign-in, method, content type, rate."""
    errors = [FieldError(code=_code(error.status_code, found.code), message=str(found)) for found in _details(error)]
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(int(error.wait) + 1)  # type: ignore[attr-defined]
    return _answer(error.status_code, problem(error.status_code, errors), headers)


def _details(error: exceptions.APIException) -> list[exceptions.ErrorDetail]:
    found = error.detail
    if isinstance(found, Mapping):
        found = [item for value in found.values() for item in (value if isinstance(value, list) else [value])]
    parts = found if isinstance(found, list) else [found]
    return [part for part in parts if isinstance(part, exceptions.ErrorDetail)]


def _busy(error: OperationalError) -> Response | None:
    if getattr(error.__cause__, "sqlstate", None) not in _BUSY:
        return None
    message = "Somebody else is writing the same rows. Nothing was changed; try again in a moment."
    return _answer(503, problem(503, [FieldError(code="busy", message=message)]), {"Retry-After": "1"})


def _answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    return Response(body, status=status, headers=dict(headers or {}), content_type=CONTENT_TYPE)


def _code(status: int, given: str | None = None) -> str:
    if given and given != "permission_denied":
        return given
    return _CODES.get(status) or HTTPStatus(status).phrase.lower().replace(" ", "_")

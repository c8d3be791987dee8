"""Per-request duties: a request id, the content policy, session limits, and who changed what in the history."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import logout
from django.db import DataError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.views.defaults import bad_request
from pghistory.middleware import HistoryMiddleware as PghistoryMiddleware

from capacity.access.api_errors import CONTENT_TYPE, FieldError, plain_problem, problem
from capacity.access.first_person import nobody_can_sign_in

logger = logging.getLogger(__name__)
# PostgreSQL: no such character in its encoding; a JSON text with an escape that is none.
_ODD_TEXT_STATES = {"22021", "22P05"}

Handler = Callable[[HttpRequest], HttpResponse]

# The first hash is that of an empty style element, which plotly fills by insertRule; the second is a style sheet of
# plotly's map library, checked by its hash although no map is drawn (a browser test fails on any console message).
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
        " 'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
# How often the time of last use is written: one write a minute, not one a request.
TOUCH_SECONDS = 60


class RequestIdMiddleware:
    """Gives each request an id, returned in `X-Request-Id` and kept in audit rows."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.request_id  # type: ignore[attr-defined]
        return response


class ApiErrorsMiddleware:
    """Under /api/ a refusal is never a page: what Django itself answers (no such address, a fault) becomes JSON too."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_page = "json" not in response.get("Content-Type", "")
        if response.status_code >= 400 and is_page and request.path.startswith("/api/") and not response.streaming:
            response.content = json.dumps(plain_problem(response.status_code)).encode()
            response["Content-Type"] = CONTENT_TYPE
            response["Content-Length"] = str(len(response.content))
        return response


class OddTextMiddleware:
    """Text that no database column can hold (a zero byte, half a character) is the sender's fault: 400, in words.

    Forms and the API's tables name the field themselves; this is for every other place where text comes in.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_odd_text(exception):
            return None
        logger.warning("%s %s held text that cannot be stored", request.method, request.path)
        return bad_request(request, exception)


def is_odd_text(error: Exception) -> bool:
    """Whether the database or its driver refused the characters of a text."""
    if isinstance(error, UnicodeEncodeError):
        return "surrogates" in error.reason
    cause = error.__cause__
    is_refused = getattr(cause, "sqlstate", None) in _ODD_TEXT_STATES or "NUL (0x00)" in str(error)
    return is_refused and isinstance(error, DataError | ValueError)


class ContentPolicyMiddleware:
    """Sets the content security policy, and no-store on everything a signed-in person sees."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        response.setdefault("Cache-Control", "no-store")
        return response


class SessionLimitsMiddleware:
    """Ends a session after 30 idle minutes and after 12 hours in all."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            self._enforce(request)
        return self.get_response(request)

    def _enforce(self, request: HttpRequest) -> None:
        now = time.time()
        started = request.session.setdefault("started", now)
        seen = request.session.setdefault("seen", now)
        if now - seen > settings.SESSION_IDLE_SECONDS or now - started > settings.SESSION_COOKIE_AGE:
            logout(request)
        elif now - seen > TOUCH_SECONDS:
            request.session["seen"] = now


class FirstStepsMiddleware:
    """Leads to the page that must come first: the first account of an empty installation, or an own password."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        route = self._first_route(request)
        if route and request.path.startswith("/api/"):
            error = FieldError(code="one_time_password", message="Replace your one-time password first.")
            return JsonResponse(problem(403, [error]), status=403, content_type=CONTENT_TYPE)
        if route and request.path not in {reverse(route), reverse("logout"), reverse("healthz")}:
            return HttpResponseRedirect(reverse(route))
        return self.get_response(request)

    def _first_route(self, request: HttpRequest) -> str:
        if not request.user.is_authenticated:
            # Programs follow no leads: without an account the API answers as to any stranger.
            return "welcome" if not request.path.startswith("/api/") and nobody_can_sign_in() else ""
        return "own-password" if getattr(request.user, "one_time_password_at", None) else ""


class HistoryMiddleware(PghistoryMiddleware):
    """Row history carries who made the change and in which request."""

    def get_context(self, request: HttpRequest) -> dict[str, object]:
        return {
            "user": request.user.pk if request.user.is_authenticated else None,
            "request_id": getattr(request, "request_id", ""),
        }

"""Writes the audit log: sign-in and sign-out, refused requests, changes of roles, and what other apps record here.

One event is one row, written in the caller's transaction. Text from outside is made one printable line first, so that
no input can forge a second line wherever the log is read or printed. Signals only where Django offers nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from capacity.access.models import AuditEvent, User

_SUBJECT_LENGTH = 200
_DETAIL_LENGTH = 500


def one_line(text: object, *, limit: int = _DETAIL_LENGTH) -> str:
    """The text with every control, separator and unprintable character escaped, cut to the limit."""
    clean = "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(text))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def record_event(
    *,
    action: str,
    subject: object = "",
    detail: Mapping[str, Any] | None = None,
    request: Any = None,
    user: User | None = None,
) -> AuditEvent:
    """One row of the audit log. user: who did it, by default the one signed in at the request."""
    who = user or getattr(request, "user", None)
    return AuditEvent.objects.create(
        user=who if who is not None and who.is_authenticated else None,
        action=one_line(action, limit=60),
        subject=one_line(subject, limit=_SUBJECT_LENGTH),
        detail=_clean(detail or {}),
        request_id=getattr(request, "request_id", ""),
    )


def _clean(value: Any) -> Any:
    """JSON-ready: mappings and lists kept, numbers and flags as they are, everything else one line of text."""
    if isinstance(value, Mapping):
        return {one_line(key): _clean(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(part) for part in value]
    return value if value is None or isinstance(value, bool | int) else one_line(value)


def _signed_in(sender: object, request: HttpRequest, user: User, **extra: Any) -> None:
    record_event(request=request, user=user, action="signed_in", subject=user.get_username())


def _signed_out(sender: object, request: HttpRequest, user: User | None, **extra: Any) -> None:
    if user is not None:
        record_event(request=request, user=user, action="signed_out", subject=user.get_username())


def _sign_in_failed(
    sender: object, credentials: Mapping[str, Any], request: HttpRequest | None = None, **extra: Any
) -> None:
    tried = str(credentials.get("username") or "")
    # A password typed into the name field must not be kept: only names of accounts are written down.
    known = "\0" not in tried and User.objects.filter(username=tried).exists()
    record_event(request=request, action="sign_in_failed", subject=tried if known else "(no such account)")


def _locked_out(sender: object, request: HttpRequest, username: str, **extra: Any) -> None:
    known = User.objects.filter(username=username).exists()
    record_event(request=request, action="locked_out", subject=username if known else "(no such account)")


def listen() -> None:
    """Connects the handlers; called once when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="audit-signed-in")
    user_logged_out.connect(_signed_out, dispatch_uid="audit-signed-out")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="audit-sign-in-failed")
    user_locked_out.connect(_locked_out, dispatch_uid="audit-locked-out")

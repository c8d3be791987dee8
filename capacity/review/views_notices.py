"""Everybody's own notices: the list, marking them read, and how to be told of each kind."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from capacity.access.models import Notification, User
from capacity.access.notice_mails import MAILED_WITHIN, MOST_TRIES
from capacity.access.notices import (
    DELIVERY_NAMES,
    KEPT_DAYS,
    KIND_NAMES,
    ChoiceRefused,
    choices_of,
    kinds_for,
    mark_read,
    notices_of,
    save_choices,
)
from capacity.access.viewer import requires, viewer_of
from capacity.lib.figures import counted
from capacity.review.notice_mail import DIGEST_HOUR_UTC, is_mail_on

PER_PAGE = 40
LONGEST_EMAIL = 254
REFUSED_STATUS = 422
_PILLS = {
    "request_decided": "decide",
    "request_moved": "warn",
    "request_starting": "good",
    "justification_expiring": "warn",
    "hold_expiring": "warn",
    "forecast_missing": "bad",
}


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


@requires("notices.own")
@require_http_methods(["GET", "HEAD", "POST"])
def notices(request: HttpRequest) -> HttpResponse:
    """The list, newest first, and the choices; posting saves the choices."""
    if request.method != "POST":
        return _page(request)
    viewer = viewer_of(request)
    chosen = {kind: request.POST[kind][:20] for kind in KIND_NAMES if kind in request.POST}
    email = request.POST.get("email", "")[:LONGEST_EMAIL]
    try:
        save_choices(user=_user(request), viewer=viewer, chosen=chosen, email=email, request=request)
    except ChoiceRefused as refused:
        return _page(request, typed={**chosen, "email": email}, refused=refused)
    messages.success(request, "Saved.")
    return redirect("notices")


def _page(
    request: HttpRequest, *, typed: dict[str, str] | None = None, refused: ChoiceRefused | None = None
) -> HttpResponse:
    user, viewer = _user(request), viewer_of(request)
    rows = notices_of(user, viewer)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit() and len(before) < 19:
        rows = rows.filter(pk__lt=int(before))
    found = list(rows[: PER_PAGE + 1])
    shown = found[:PER_PAGE]
    said = choices_of(user, viewer) | (typed or {})
    context = {
        "notices": [_line(each) for each in shown],
        "older": shown[-1].pk if len(found) > PER_PAGE else None,
        "is_first": not before,
        "choices": [
            {"kind": kind, "name": KIND_NAMES[kind], "chosen": said[kind], "wrong": _wrong(refused, kind)}
            for kind in kinds_for(viewer)
        ],
        "deliveries": list(DELIVERY_NAMES.items()),
        "email": said["email"] if typed else user.email,
        "email_wrong": _wrong(refused, "email"),
        "is_mail_on": is_mail_on(),
        "has_links": bool(settings.PUBLIC_URL),
        "digest_hour": f"{DIGEST_HOUR_UTC:02}:00",
        "kept": counted(KEPT_DAYS, "day"),
    }
    return render(request, "account/notices.html", context, status=REFUSED_STATUS if refused else 200)


def _wrong(refused: ChoiceRefused | None, field: str) -> str:
    return refused.sentence if refused is not None and refused.field == field else ""


def _line(each: Notification) -> dict[str, Any]:
    return {
        "id": each.pk,
        "kind": KIND_NAMES[each.kind],
        "pill": _PILLS[each.kind],
        "sentence": each.sentence,
        "subject": each.subject_key,
        "url": link_of(each),
        "at": each.at,
        "is_read": each.read_at is not None,
        "mail": _mail_words(each),
    }


def link_of(each: Notification) -> str:
    """Where it leads; "" where that page is no more."""
    try:
        return reverse(each.url_name, args=each.url_args)
    except NoReverseMatch:
        return ""


def _mail_words(each: Notification) -> str:
    """What became of its mail, as far as it is known; "" for one that was not to be mailed."""
    if each.mailed_at is not None:
        return "mailed"
    if each.claimed_at is not None:
        # A worker takes it and notes at once that it went: later than that nobody knows.
        return "e-mail may not have gone"
    if not each.mail:
        return ""
    is_over = each.mail_tries >= MOST_TRIES or timezone.now() - each.at > MAILED_WITHIN
    return "e-mail did not go" if is_over else "e-mail waits"


@requires("notices.own")
@require_POST
def read(request: HttpRequest) -> HttpResponse:
    """Marks one of the person's notices read, or all that the list shows."""
    said = request.POST.get("id", "")
    is_one = said.isascii() and said.isdigit() and len(said) < 19
    if not is_one and request.POST.get("all") != "1":
        return HttpResponse("Name a notice, or all.", status=400, content_type="text/plain")
    ids = [int(said)] if is_one else None
    mark_read(_user(request), viewer_of(request), ids=ids, now=timezone.now())
    return redirect("notices")

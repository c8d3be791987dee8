"""Pages of writes that wait for a second person: the list of them, and one with each row before and after."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.described import column_label
from capacity.imports.edits import Actor
from capacity.imports.models import PROPOSAL_STATES, Proposal
from capacity.imports.proposals import (
    NotDecided,
    approve,
    out_of_date,
    return_,
    visible_proposals,
    waiting_for,
    why_not_decide,
    withdraw,
)
from capacity.imports.record_words import cell_words, row_url
from capacity.imports.records import hidden_columns
from capacity.imports.tables import tables
from capacity.lib import figures
from capacity.lib.figures import RESTRICTED

PER_PAGE = 50
MOST_SHOWN = 200
_PILLS = {"waiting": "decide", "approved": "good", "returned": "warn", "withdrawn": "plain", "stale": "warn"}
_DONE = {
    "approve": "Approved and written, with both names in the history.",
    "return": "Returned with your reason.",
    "withdraw": "Withdrawn; nothing was written.",
}


@requires("data.view")
@require_safe
def proposals(request: HttpRequest) -> HttpResponse:
    """What waits for the viewer, what he proposed himself, and what has been decided."""
    viewer = viewer_of(request)
    user: Any = request.user
    found = visible_proposals(viewer=viewer, user=user)
    year = timezone.now().year
    mine = found.filter(proposed_by=user, state="waiting")[:PER_PAGE]
    waiting = waiting_for(viewer=viewer, user=user)[:PER_PAGE]
    decided = Paginator(found.exclude(state="waiting"), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "waiting": [_line(each, viewer, year) for each in waiting],
        "mine": [_line(each, viewer, year) for each in mine],
        "decided": [_line(each, viewer, year) for each in decided],
        "page": decided,
    }
    return render(request, "data/proposals.html", context)


@requires("data.view")
@require_http_methods(["GET", "POST"])
def proposal(request: HttpRequest, number: int) -> HttpResponse:
    """One proposal: each row before and after; approve it, return it with a reason, or withdraw one's own."""
    viewer = viewer_of(request)
    user: Any = request.user
    found = visible_proposals(viewer=viewer, user=user).filter(pk=number).first()
    if found is None:
        raise Http404
    if request.method == "POST":
        _decide(request, found, viewer)
        return redirect(reverse("data-proposal", args=[number]))
    year = timezone.now().year
    is_waiting = found.state == "waiting"
    context = {
        "proposal": found,
        "line": _line(found, viewer, year),
        "rows": [_row(change, viewer, year) for change in found.changes[:MOST_SHOWN]],
        "more": max(0, len(found.changes) - MOST_SHOWN),
        "late": out_of_date(found) if is_waiting else [],
        "refused": why_not_decide(found, viewer=viewer, user=user) if is_waiting else "",
        "is_mine": found.proposed_by_id == user.pk,
        "is_waiting": is_waiting,
        "note": _text(found, found.note, viewer),
        "reason": _text(found, found.reason, viewer),
        "decision_note": _text(found, found.decision_note, viewer),
    }
    return render(request, "data/proposal.html", context)


def _decide(request: HttpRequest, found: Proposal, viewer: Viewer) -> None:
    actor = Actor(user=request.user, viewer=viewer, source="form", request=request)  # type: ignore[arg-type]
    what = request.POST.get("what", "")
    note = request.POST.get("note", "").strip()[:500]
    try:
        if what == "approve":
            approve(proposal_id=found.pk, actor=actor, note=note)
        elif what == "return":
            return_(proposal_id=found.pk, actor=actor, note=note)
        elif what == "withdraw":
            withdraw(proposal_id=found.pk, actor=actor)
        else:
            raise NotDecided("Choose what is to become of it.")
    except NotDecided as refused:
        for reason in refused.reasons:
            messages.error(request, reason)
    else:
        messages.success(request, _DONE[what])


def _line(found: Proposal, viewer: Viewer, year: int) -> dict[str, Any]:
    known = tables()
    titles = [described.title_of(known[name]) for name in found.tables]
    count = len(found.changes)
    return {
        "number": found.pk,
        "url": reverse("data-proposal", args=[found.pk]),
        "what": f"{figures.counted(count, 'row')} of {', '.join(title.lower() for title in titles)}",
        "keys": "; ".join(", ".join(change["key"]) for change in found.changes[:3]) + ("; …" if count > 3 else ""),
        "by": str(found.proposed_by),
        "at": f"{figures.day(found.proposed_at, year=year)} {found.proposed_at:%H:%M}",
        "reason": _text(found, found.reason, viewer),
        "state": dict(PROPOSAL_STATES)[found.state],
        "pill": _PILLS[found.state],
        "decided": f"{figures.day(found.decided_at, year=year)} {found.decided_at:%H:%M}" if found.decided_at else "",
        "decided_by": str(found.decided_by) if found.decided_by else "",
    }


def _text(found: Proposal, text: str, viewer: Viewer) -> Any:
    """Free words about rows may quote any of their columns: they show to whoever sees all of them."""
    known = tables()
    owners = {(change["table"], change["owner"]) for change in found.changes}
    is_seen = not any(hidden_columns(known[name], viewer, owner=owner) for name, owner in owners)
    return text if is_seen or not text else RESTRICTED


def _row(change: dict[str, Any], viewer: Viewer, year: int) -> dict[str, Any]:
    """One row of a proposal: what differs, before and after, as the viewer sees it."""
    table = tables()[change["table"]]
    hidden = hidden_columns(table, viewer, owner=change["owner"])
    before, after = change["before"] or {}, change["after"] or {}
    names = change["columns"] or [name for name in (after or before) if (after or before)[name]]

    def words(name: str, cells: dict[str, str]) -> Any:
        return RESTRICTED if name in hidden else cell_words(table, name, cells.get(name, ""), year=year)

    return {
        "title": described.singular_of(table),
        "key": ", ".join(change["key"]),
        "url": "" if change["kind"] == "added" else row_url(table, tuple(change["key"])),
        "kind": change["kind"],
        "cells": [
            {"label": column_label(name), "before": words(name, before), "after": words(name, after)} for name in names
        ],
    }

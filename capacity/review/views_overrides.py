"""The page on which the chair gives one request another weight, by a recorded decision and for some weeks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from capacity.access.models import User
from capacity.access.viewer import requires_by_method, viewer_of
from capacity.decisions.models import Decision
from capacity.imports.batches import take_turn
from capacity.imports.edits import Actor, apply_rows
from capacity.imports.tables import tables
from capacity.lib.figures import day
from capacity.review.request_page import known_request
from workloads.domain.request_workflow import PLANNED, STATE_NAMES
from workloads.models import Experiment, PriorityOverride
from workloads.overrides import DECIDED_BY

TABLE = "priority_overrides"
USUAL_DAYS = 28
MOST_DECISIONS = 30
LONGEST = 2000
REFUSED_STATUS = 422
FIELDS = ("weight", "reason", "decision_number", "starts_date", "ends_date")


@requires_by_method(GET="team_data.change", POST="team_data.change")
@require_http_methods(["GET", "HEAD", "POST"])
def override(request: HttpRequest, key: str) -> HttpResponse:
    """GET shows the form with what is in force, POST keeps a new override; the next plan weighs by it."""
    found = known_request(key)
    if found is None:
        raise Http404
    if request.method != "POST":
        today = timezone.now().date()
        typed = {"starts_date": today.isoformat(), "ends_date": (today + timedelta(days=USUAL_DAYS)).isoformat()}
        return _page(request, found, typed, {})
    typed = {name: request.POST.get(name, "")[:LONGEST].strip() for name in FIELDS}
    errors = _keep(request, found, typed)
    if errors:
        return _page(request, found, typed, errors, status=REFUSED_STATUS)
    messages.success(request, f"{key} weighs {typed['weight']} from the next plan on.")
    return redirect("request", key)


def _keep(request: HttpRequest, found: Experiment, typed: dict[str, str]) -> dict[str, str]:
    """Writes the row through the one writer of rows; what is wrong by field."""
    if found.state not in PLANNED:
        return {"": f"It is {STATE_NAMES[found.state].lower()}: only what is planned has a weight."}
    if typed["decision_number"] not in {str(each.number) for each in _decisions()}:
        return {"decision_number": "Choose the decision that grants it; record it first where there is none."}
    actor = Actor(user=cast(User, request.user), source="form", viewer=viewer_of(request), request=request)
    with transaction.atomic():
        # Writers queue here, so that two forms sent at once do not take one key.
        take_turn([TABLE])
        count = PriorityOverride.objects.filter(experiment=found).count()
        row = {**typed, "key": f"{found.key[:70]}-{count + 1}", "experiment": found.key, "provenance": ""}
        outcome = apply_rows(table=tables()[TABLE], rows=[row], actor=actor)
    return {issue.column or "": issue.message for issue in outcome.errors}


def _decisions() -> list[Decision]:
    """Recorded decisions that may set a priority, the newest first."""
    rows = Decision.objects.filter(kind__in=DECIDED_BY, superseded_by=None).order_by("-number")
    return list(rows[:MOST_DECISIONS])


def _page(
    request: HttpRequest, found: Experiment, typed: dict[str, str], errors: dict[str, str], *, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    context: dict[str, Any] = {
        "request_key": found.key,
        "name": found.name,
        "team": found.team.name,
        "typed": typed,
        "errors": errors,
        "decisions": [{"number": each.number, "chosen": each.chosen} for each in _decisions()],
        "overrides": [
            {
                "key": each.key,
                "weight": f"{each.weight:f}",
                "decision": each.decision_number,
                "starts": day(each.starts_date, year=now.year),
                "ends": day(each.ends_date, year=now.year),
                "reason": each.reason,
            }
            for each in PriorityOverride.objects.filter(experiment=found).order_by("-starts_date", "key")
        ],
    }
    return render(request, "requests/override.html", context, status=status)

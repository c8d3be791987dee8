"""Runs: their history, one run's document, asking for a recompute or a retry, and the strip that says how it goes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from capacity.access.audit import record_event
from capacity.access.viewer import deny, may_do, requires, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.allocation.models import Run, RunDocument
from capacity.allocation.selectors import recent_runs
from capacity.allocation.services import RequestNotRecorded, request_run, retry_run
from capacity.lib import figures
from capacity.review import list_specs, verdicts
from capacity.review.chosen import ChosenRun
from capacity.review.context import plan_context, plan_state
from capacity.review.pages import asks_for_file, controls, list_context, list_file, listed, sees_column, visible_rows
from capacity.review.table_specs import ISSUES, TIERS
from capacity.review.tables import Row, contract_labels
from capacity.review.tier_words import plan_quality, tier_words
from capacity.review.words import word

MOST_RUNS = 500
RETRIABLE = ("failed", "dead")
# What a run's row says; `seconds` is shown as one number.
_COLUMNS = [
    "id",
    "state",
    "reason",
    "requested_by",
    "requested_at",
    "attempt",
    "seconds",
    "inputs_version",
    "policy_version",
    "termination",
    "effort",
    "error",
    "error_code",
    "started_at",
    "finished_at",
    "first_week",
    "weeks",
    "formula_version",
    "solver_version",
    "input_hash",
    "result_hash",
    "as_of_date",
    "is_forced",
]
_FACTS = (
    ("as_of_date", "Inputs as of"),
    ("inputs_version", "Inputs version"),
    ("input_hash", "Hash of the inputs"),
    ("result_hash", "Hash of the results"),
    ("first_week", "First week"),
    ("weeks", "Weeks"),
    ("policy_version", "Policy version"),
    ("formula_version", "Formula version"),
    ("solver_version", "Solver"),
    ("termination", "Solver ended"),
    ("effort", "Effort"),
    ("seconds", "Took, seconds"),
    ("attempt", "Attempt"),
    ("requested_by", "Asked by"),
    ("requested_at", "Asked at, UTC"),
    ("started_at", "Started at, UTC"),
    ("finished_at", "Finished at, UTC"),
    ("reason", "Reason"),
)


@requires("run.view")
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """All runs, newest first: what they were for, how they ended, and a retry for those that failed."""
    now, viewer = timezone.now(), viewer_of(request)
    plan = plan_state(request)
    rows = [run_row(viewer, run, year=now.year) for run in recent_runs(limit=MOST_RUNS)]
    chosen = ChosenRun(run=None, asked={})
    listing = listed(
        request=request, chosen=chosen, spec=list_specs.RUNS, rows=rows, is_filterable=sees_column(viewer, "run")
    )
    if asks_for_file(request, listing.spec):
        return list_file(request, chosen, listing)
    may_ask = may_do(request, "run.request")
    context = {
        "verdict": verdicts.runs_verdict(rows, plan.run_id),
        "controls": controls(listing),
        "list": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=lambda row, name: reverse("run", args=[row["id"]]) if name == "id" else "",
            extra=lambda row: {
                "retry_url": reverse("run-retry", args=[row["id"]]) if may_ask and row["state"] in RETRIABLE else "",
                "off": row["state"] in ("superseded", "reused"),
            },
        ),
        "may_ask": may_ask,
        "plan_is_there": plan.run_id is not None,
    }
    return render(request, "runs/runs.html", context)


def run_row(viewer: Viewer, run: Run, *, year: int) -> Row:
    """A run as the viewer may see it. Times as text; an unseen error leaves its kind."""
    row: Row = {name: see(viewer, "run", name, getattr(run, name)) for name in _COLUMNS}
    for name in ("requested_at", "started_at", "finished_at"):
        if isinstance(row[name], datetime):
            row[name] = f"{figures.day(row[name], year=year)} {row[name]:%H:%M:%S}"
    if isinstance(row["seconds"], dict):
        row["seconds"] = round(sum(row["seconds"].values()), 1) if row["seconds"] else None
    if row["error"] is RESTRICTED:
        # Its words may quote a row of the inputs; its kind never does.
        row["error"] = word("error_code", run.error_code).replace("_", " ").capitalize() if run.error_code else ""
    return row


@requires("run.view")
@require_safe
def run(request: HttpRequest, run_id: int) -> HttpResponse:
    """One run as a document: what it read, how each tier ended, what it had to leave out."""
    now, viewer = timezone.now(), viewer_of(request)
    found = Run.objects.select_related("reused_run").filter(pk=run_id).first()
    if found is None:
        raise Http404
    held = found.reused_run if found.state == "reused" and found.reused_run else found
    row = run_row(viewer, found, year=now.year)
    labels = contract_labels(held.pk)
    tiers = _tiers(viewer, held.pk) if may_do(request, TIERS.action) else None
    context = {
        "run": found,
        "state": word("state", found.state),
        "held": held,
        "verdict": _run_verdict(found, row, plan_state(request).run_id),
        "facts": [(label, _fact(name, row[name], now.year)) for name, label in _FACTS],
        "tables": input_counts(held.pk),
        "tiers": tiers,
        "quality": plan_quality(tiers or []),
        "issues": [
            {**issue, "kind": word("code", issue["code"])}
            for issue in visible_rows(viewer=viewer, run_id=held.pk, spec=ISSUES, labels=labels)
        ],
        "document_url": reverse("run-document", args=[held.pk]) if _may_download(viewer) else "",
        "retry_url": reverse("run-retry", args=[found.pk])
        if found.state in RETRIABLE and may_do(request, "run.request")
        else "",
    }
    return render(request, "runs/run.html", context)


def _tiers(viewer: Viewer, run_id: int) -> list[Row]:
    rows = visible_rows(viewer=viewer, run_id=run_id, spec=TIERS)
    return [
        {
            **row,
            "unit": row["unit"].replace("_", " ") if isinstance(row["unit"], str) else row["unit"],
            "words": tier_words(row),
        }
        for row in rows
    ]


def _fact(name: str, value: Any, year: int) -> Any:
    if name == "termination" and isinstance(value, str):
        return word("termination", value)
    return figures.day(value, year=year) if hasattr(value, "isoformat") else value


def _run_verdict(run: Run, row: Row, current_id: int | None) -> tuple[str, str]:
    state = "The pages read this run." if run.pk == current_id else f"{word('state', run.state)}."
    if run.state == "reused" and run.reused_run_id:
        state = f"Inputs had not changed: the plan of run {run.reused_run_id} was confirmed."
    if run.state in RETRIABLE and row["error"]:
        return state, f"{row['error']}"
    if run.termination:
        return state, f"Solver: {word('termination', run.termination)}, in {row['seconds']} s."
    return state, ""


def input_counts(run_id: int) -> list[tuple[str, int]]:
    """(input table, rows read) of a run; empty where it has no document. One query."""
    tables = RunDocument.objects.filter(run_id=run_id).values_list("inputs__tables", flat=True).first()
    return [(name.replace("_", " "), len(rows)) for name, rows in sorted((tables or {}).items())]


def _may_download(viewer: Viewer) -> bool:
    return see(viewer, "run", "inputs", "") is not RESTRICTED


@requires("run.view")
@require_safe
def run_document(request: HttpRequest, run_id: int) -> HttpResponse:
    """Inputs, problem and solution of a run as one JSON file, for those who may read all of it."""
    if not _may_download(viewer_of(request)):
        deny(request, needs="the whole document of a run")
    document = RunDocument.objects.filter(run_id=run_id).first()
    if document is None:
        raise Http404
    record_event(request=request, action="exported", subject=f"document of run {run_id}")
    content = {"inputs": document.inputs, "problem": document.problem, "solution": document.solution}
    response = HttpResponse(json.dumps(content, ensure_ascii=False), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="run-{run_id}.json"'
    return response


@requires("run.request")
@require_POST
def request_recompute(request: HttpRequest) -> HttpResponse:
    """Ask for a plan now; joins the one that waits. A plan of record is solved longer, also on unchanged inputs."""
    effort = "record" if request.POST.get("effort") == "record" else "quick"
    return _asked(
        request,
        lambda: request_run(
            reason="plan of record asked on the page" if effort == "record" else "asked on the page",
            effort=effort,
            requested_by=request.user.get_username(),
            is_forced=True,
            settle=False,
            now=timezone.now(),
        ),
    )


@requires("run.request")
@require_POST
def retry(request: HttpRequest, run_id: int) -> HttpResponse:
    """Ask again for what a failed run could not do."""
    if not Run.objects.filter(pk=run_id, state__in=RETRIABLE).exists():
        raise Http404
    return _asked(
        request, lambda: retry_run(run_id=run_id, requested_by=request.user.get_username(), now=timezone.now())
    )


def _asked(request: HttpRequest, ask: Any) -> HttpResponse:
    """Does it, and leads back to the page the person came from."""
    try:
        asked = ask()
    except RequestNotRecorded:
        messages.error(request, "The recompute could not be recorded just now. Asking again is safe.")
    else:
        messages.success(request, f"Run {asked.pk} was asked for. The pages change when it is done.")
    back = request.POST.get("next", "")
    # A page of ours, not the name of a route that somebody made up.
    if back.startswith("/") and url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return redirect(back)
    return redirect("runs")


@requires("run.view")
@require_safe
def plan_status(request: HttpRequest) -> HttpResponse:
    """The strip under the header, asked for every two seconds while a run is under way."""
    plan = plan_context(state=plan_state(request), viewer=viewer_of(request), now=timezone.now())
    plan["just_finished"] = plan["state"] == "ok"
    return render(request, "includes/_plan_strip.html", {"plan": plan})

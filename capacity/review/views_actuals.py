"""The page of actuals: what customers felt, peaks, forecasts against what came, granted hours, short weeks; and adopting
a measured peak, which is an ordinary change of the workload's row.
"""

from __future__ import annotations

from decimal import Decimal

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe

from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.decisions.models import PolicySet
from capacity.imports.edits import Actor, RowsOutcome, StaleRow, apply_rows
from capacity.imports.record_words import may_change, row_url
from capacity.imports.rows import decimal_text, key_text
from capacity.imports.tables import tables
from capacity.review import list_specs_actuals as specs
from capacity.review.actuals_page import (
    actuals_verdict,
    class_rows,
    coincidence_words,
    grant_rows,
    peak_rows,
    score_rows,
    short_weeks,
    term_text,
    tokens_chart,
    week_rows,
    weeks_within,
)
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.headline import write_figure
from capacity.review.listing import HiddenColumn, Link, Listing, ListSpec, read_list
from capacity.review.models import RunFigure
from capacity.review.pages import asks_for_file, controls, list_context, list_file, run_line
from capacity.review.table_specs_actuals import (
    ACTUAL_SPECS,
    ACTUALS,
    CLASS_ACTUALS,
    FORECAST_SCORES,
    GRANTED,
    MEASURED_PEAKS,
    POST_MORTEMS,
)
from capacity.review.tables import Row, rows_of_several
from capacity.review.views_lists import no_plan
from workloads.models import RunMeasuredPeak, RunWorkload, Workload

FELT = "metric:H3"
# How many ended weeks the page shows; the first unless the address says otherwise.
SPANS = (13, 52)
# The places of the card.
PEAK_STEP = Decimal("0.0001")


@requires("actuals.view")
@require_safe
def actuals(request: HttpRequest) -> HttpResponse:
    """Everything a run says of the weeks behind it; each list also as a file."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Actuals")
    names = dict(RunWorkload.objects.filter(run_id=chosen.run_id).values_list("workload_key", "name"))
    found = rows_of_several(viewer=viewer, run_id=chosen.run_id, specs=ACTUAL_SPECS)
    span = SPANS[-1] if request.GET.get("weeks") == str(SPANS[-1]) else SPANS[0]
    uses = weeks_within(found[ACTUALS.name], first=chosen.first_week.plus(-span))
    classes = class_rows(found[CLASS_ACTUALS.name])
    coincidence, is_usable = coincidence_words(classes)
    lists = {
        "weeks": _read(request, chosen, specs.WEEKS, week_rows(uses, names), span=span),
        "peaks": _read(request, chosen, specs.PEAKS, peak_rows(found[MEASURED_PEAKS.name], names)),
        "classes": _read(request, chosen, specs.CLASSES, classes),
        "scores": _read(request, chosen, specs.SCORES, score_rows(found[FORECAST_SCORES.name], names)),
        "granted": _read(request, chosen, specs.GRANTED, grant_rows(found[GRANTED.name])),
    }
    for name, listing in lists.items():
        if asks_for_file(request, listing.spec, is_default=name == "weeks"):
            return list_file(request, chosen, listing)
    felt = _felt(viewer, chosen.run_id)
    adopts = may_change(tables()["workloads"], viewer) and not chosen.asked
    context = {
        "verdict": actuals_verdict(felt, found[POST_MORTEMS.name], names, year=now.year),
        "run_line": run_line(chosen, now=now),
        "controls": controls(*lists.values()),
        "felt": felt,
        "chart": tokens_chart(uses, names),
        "spans": [
            {"weeks": weeks, "url": "" if weeks == span else f"?{chosen.query}weeks={weeks}#tokens"} for weeks in SPANS
        ],
        "known_weeks": len({row["week"] for row in uses}),
        "span": span,
        "short_weeks": short_weeks(found[POST_MORTEMS.name], names, year=now.year, uses=found[ACTUALS.name]),
        "adopts": adopts,
        "is_past": bool(chosen.asked),
        "above": sum(1 for row in lists["granted"].rows if row["above"]),
        "coincidence": coincidence,
        "policy_url": _policy_url(viewer) if is_usable else "",
        **{
            f"{name}_list": list_context(
                request=request,
                listing=listing,
                year=now.year,
                link=_links(name, chosen),
                extra=(lambda row: {"adopt_url": _adopt_url(row)}) if name == "peaks" and adopts else None,
            )
            for name, listing in lists.items()
        },
    }
    return render(request, "workloads/actuals.html", context)


def _read(
    request: HttpRequest, chosen: ChosenRun, spec: ListSpec, rows: list[Row], *, span: int = SPANS[0]
) -> Listing:  # fmt: skip
    """The list as the address asks for it. Http404 for a sort or filter by a column of which nothing is seen.

    span: how many weeks it tells, carried by its links where it is not the usual.
    """
    kept = {**chosen.asked, **({} if span == SPANS[0] else {"weeks": str(span)})}

    def is_seen(name: str) -> bool:
        return not rows or any(row.get(name) is not RESTRICTED for row in rows)

    try:
        return read_list(spec=spec, rows=rows, params=request.GET.dict(), kept=kept, is_filterable=is_seen)
    except HiddenColumn:
        raise Http404 from None


def _felt(viewer: Viewer, run_id: int) -> Row | None:
    """H3 of the run with its words; None of a run from before it was kept."""
    columns = ("value", "absent", "state", "basis", "threshold", "unit", "key")
    row = RunFigure.objects.filter(run_id=run_id, key=FELT).values(*columns, "terms").first()
    if row is None:
        return None
    terms = [
        {
            "name": each["name"],
            "text": term_text(see(viewer, each["resource"], each["field"], each["value"])),
            "unit": each["unit"],
            "source": each["source"],
        }
        for each in row["terms"]
    ]
    row["value"] = see(viewer, "metric", "H3", row["value"])
    return {**row, "text": write_figure(row), "url": reverse("figure", args=[run_id, FELT]), "terms": terms}


def _policy_url(viewer: Viewer) -> str:
    """A new version of the policy, begun from the newest one; "" for whoever does not keep it."""
    table = tables()["policy_sets"]
    newest = PolicySet.objects.order_by("-version").values_list("version", flat=True).first()
    if newest is None or not may_change(table, viewer):
        return ""
    return f"{reverse('data-new', args=['policy-sets'])}?{urlencode({'from': key_text((str(newest),))})}"


def _links(name: str, chosen: ChosenRun) -> Link:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, column: str) -> str:
        if column != "name":
            return ""
        if name == "granted":
            return reverse("request", args=[row["experiment_key"]]) + query
        return reverse("workload", args=[row["workload_key"]]) + query if row.get("workload_key") else ""

    return link


def _adopt_url(row: Row) -> str:
    """Where the measured peak is taken over; "" where the card has it already."""
    if row["from_card"] is True and row["planned_peak"] == row["peak_factor"].quantize(PEAK_STEP):
        return ""
    return reverse("workload-peak", args=[row["workload_key"]])


@requires("actuals.view")
@require_POST
def adopt_peak(request: HttpRequest, key: str) -> HttpResponse:
    """Write the current plan's measured peak factor on the workload's card, by the rules of any change of the row."""
    viewer, table = viewer_of(request), tables()["workloads"]
    chosen = chosen_run(request)
    peak = RunMeasuredPeak.objects.filter(run_id=chosen.run_id, workload_key=key).first()
    version = Workload.objects.filter(key=key).values_list("row_version", flat=True).first()
    if not may_change(table, viewer) or peak is None or version is None:
        raise Http404
    text = decimal_text(peak.peak_factor.quantize(PEAK_STEP))
    note = f"Measured peak of run {chosen.run_id}, {peak.hours} hours"
    actor = Actor(user=request.user, viewer=viewer, source="form", note=note, request=request)  # type: ignore[arg-type]
    try:
        outcome = apply_rows(table=table, rows=[{"key": key, "peak_factor": text}], actor=actor, expected={0: version})
    except StaleRow:
        messages.error(
            request, "Somebody changed this workload just now. Nothing of yours was saved; look at it again."
        )
        return redirect("actuals")
    _say(request, outcome, done=f"The card plans with a peak of {text} now; the next plan shows it.")
    if outcome.proposal_id:
        return redirect("data-proposal", outcome.proposal_id)
    return redirect(row_url(table, (key,)) if outcome.errors else "actuals")


def _say(request: HttpRequest, outcome: RowsOutcome, *, done: str) -> None:
    for issue in outcome.issues:
        (messages.error if issue in outcome.errors else messages.warning)(request, issue.message)
    if outcome.proposal_id:
        messages.info(request, "Sent for approval by a second person; nothing is changed until then.")
    elif outcome.applied:
        messages.success(request, done if outcome.batch_id else "Nothing was changed: the card has it already.")

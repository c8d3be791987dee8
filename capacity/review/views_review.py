"""The review page: the current week live, any frozen week from its pinned run. Reads runs, computes nothing."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.permissions import may
from capacity.access.viewer import deny, requires, viewer_of
from capacity.access.visibility import Viewer
from capacity.allocation.models import Run, RunDocument
from capacity.lib.figures import thousands
from capacity.lib.horizon import Week
from capacity.review import carry, changes_shown
from capacity.review.context import note_reviews, plan_state
from capacity.review.csv_files import csv_rows_response
from capacity.review.models import Review
from capacity.review.move_page import efficiency_context
from capacity.review.page import WEEKLY_TABLES, review_context, visible_header, weekly_table
from capacity.review.page_reading import RunRows, read_run


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The current review; who may not see it is sent to their own page. (Signing in leads to each role's own page.)"""
    viewer = viewer_of(request)
    if not may(viewer.roles, "review.view"):
        for action, route in (("audit.view", "audit"), ("users.manage", "people")):
            if may(viewer.roles, action):
                return HttpResponseRedirect(reverse(route))
        deny(request, needs="review.view")
    return _page(request, viewer, week=None)


@requires("review.view")
@require_safe
def review(request: HttpRequest, week: str) -> HttpResponse:
    """A week's review: frozen, or live when it is the week the current plan starts in. Anything else is 404."""
    try:
        return _page(request, viewer_of(request), week=Week.parse(week))
    except ValueError:
        raise Http404 from None


@requires("review.view")
@require_safe
def review_table(request: HttpRequest, week: str, name: str) -> HttpResponse:
    """The numbers of a chart: alone for the chart's fold-out, as a page without script, as a file with ?format=csv."""
    if name not in WEEKLY_TABLES:
        raise Http404
    table = weekly_table(viewer=viewer_of(request), run=_run_of(request, week), name=name)
    if request.GET.get("format") == "csv":
        return csv_rows_response(head=table.head, rows=table.rows, file_name=f"{name}-{week}")
    written = [[row[0], *(thousands(value) for value in row[1:])] for row in table.rows]
    context = {"label": table.label, "head": table.head, "rows": written, "title": table.title, "week": week}
    return render(request, "includes/_table.html" if request.htmx else "review/table.html", context)  # type: ignore[attr-defined]


def _run_of(request: HttpRequest, week: str) -> Run:
    """The run a week's review shows: the frozen one's, else the current one if it starts in that week."""
    frozen = Review.objects.select_related("run").filter(week=week).first()
    if frozen is not None:
        return frozen.run
    run = plan_state(request).run
    if run is None or run.first_week != week:
        raise Http404
    return run


def _page(request: HttpRequest, viewer: Viewer, *, week: Week | None) -> HttpResponse:
    reviews = {
        each.week: each for each in Review.objects.select_related("run", "frozen_by").defer("changes", "carried")
    }
    note_reviews(request, any_frozen=bool(reviews))
    state = plan_state(request)
    live_week = Week.parse(state.run.first_week) if state.run else Week.containing(timezone.now())
    shown = week or live_week
    frozen = reviews.get(shown.key)
    if frozen is None and (shown != live_week or state.run is None):
        if week is not None and not _is_between_reviews(shown, live_week, reviews):
            raise Http404
        return _no_review(request, viewer, shown, live_week, has_plan=state.run is not None)
    run = frozen.run if frozen else state.run
    assert run is not None
    before = max((each for each in reviews.values() if each.week < shown.key), key=lambda r: r.week, default=None)
    rows = read_run(viewer=viewer, run=run, previous_run_id=before.run_id if before else None)
    if frozen is None and not rows.pools:
        # A policy alone makes a plan with nothing in it: no review yet, but the way to one.
        return _no_review(request, viewer, shown, live_week, has_plan=False)
    context = review_context(viewer=viewer, rows=rows, week=shown, now=frozen.frozen_at if frozen else timezone.now())
    context |= _meeting(viewer, shown, frozen, before, rows)
    context["efficiency"] = efficiency_context(viewer, waste=rows.waste, suggested=rows.suggested)
    context |= {
        "frozen": frozen,
        "run_text": str(run.pk),
        "before": before,
        "header": visible_header(viewer, run),
        "can_freeze": frozen is None and may(viewer.roles, "review.freeze") and shown == live_week,
        "can_decide": may(viewer.roles, "decision.record"),
        "can_request": frozen is None and may(viewer.roles, "run.request"),
        **_stepper(shown, live_week, reviews, frozen),
    }
    return render(request, "review/review.html", context)


def _no_review(request: HttpRequest, viewer: Viewer, week: Week, live_week: Week, *, has_plan: bool) -> HttpResponse:
    context = {"week": week, "live_week": live_week, "has_plan": has_plan}
    return render(request, "review/empty.html", context | {"can_request": may(viewer.roles, "run.request")})


def _is_between_reviews(week: Week, live_week: Week, reviews: dict[str, Review]) -> bool:
    """A week in which no review was held, or whose plan is not there yet: later than some frozen one, near the live one."""
    frozen = [Week.parse(key) for key in reviews]
    return bool(frozen) and min(frozen) < week <= max(*frozen, live_week).plus(1)


def _stepper(shown: Week, live_week: Week, reviews: dict[str, Review], frozen: Review | None) -> dict[str, Any]:
    """The links to the reviews before and after.

    A frozen page must stay as it is for ever, so its links depend on nothing that comes later: the review frozen before
    it, and simply the next week, whose page says so if no review was held.
    """
    keys = sorted({*reviews, live_week.key}, key=lambda key: Week.parse(key).monday)
    earlier = [key for key in keys if Week.parse(key) < shown]
    later = [shown.plus(1).key] if frozen else [key for key in keys if Week.parse(key) > shown]
    return {
        "step_text": f"Week {shown.monday.isocalendar().week}",
        "prev_url": reverse("review", args=[earlier[-1]]) if earlier else None,
        "next_url": reverse("review", args=[later[0]]) if later else None,
    }


def _meeting(viewer: Viewer, week: Week, frozen: Review | None, before: Review | None, rows: RunRows) -> dict[str, Any]:
    """What changed, what is carried and what was decided: from the frozen document, or live. Three queries."""
    if frozen is not None:
        changes, carried = Review.objects.values_list("changes", "carried").get(pk=frozen.pk)
        recorded = carry.visible_recorded(viewer, week.key, is_frozen=True)
    else:
        changes = RunDocument.objects.values_list("changes", flat=True).get(run=rows.run)
        meeting = carry.read_meeting(week=week.key, last=before)
        carried = carry.carried_document(meeting, today=timezone.now().date(), values=rows.metrics_now)
        recorded = carry.visible_own(viewer, meeting, is_frozen=False)
    return {
        "changes": changes_shown.visible_changes(viewer, changes, rows.labels),
        "carried": carry.visible_carried(viewer, carried),
        "recorded": recorded,
    }

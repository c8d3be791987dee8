"""The meeting's own pages: freezing a review; decisions with their verdicts, and actions. They change nothing else.

They stand here and not in the decisions app because a decision is recorded on a review and judged by its run, which are
above that app.
"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from capacity.access.models import User
from capacity.access.permissions import may_update_action
from capacity.access.viewer import deny, may_do, requires, requires_by_method, viewer_of
from capacity.access.visibility import action_resource, decision_resource, see
from capacity.allocation.models import Run
from capacity.decisions import selectors
from capacity.decisions.effects import METRICS, figure_key
from capacity.decisions.forms import (
    CloseActionForm,
    DecisionForms,
    NewActionForm,
    VerdictForm,
    last_review_back,
)
from capacity.decisions.models import Action, Decision
from capacity.decisions.services import (
    ActionChanged,
    DecisionRefused,
    close_action,
    create_action,
    record_decision,
    record_verdict,
)
from capacity.lib.horizon import Week
from capacity.review.decision_rows import action_item, decision_page, role_name, row_of_action
from capacity.review.models import Review, RunFigure
from capacity.review.snapshots import REFUSALS, FreezeRefused, freeze_refusal, freeze_review, open_weeks, run_of_week

# What could not be recorded as typed; a row somebody else changed answers 409.
REFUSED_STATUS = 422


@requires("review.freeze")
@require_http_methods(["GET", "HEAD", "POST"])
def freeze(request: HttpRequest, week: str) -> HttpResponse:
    """GET asks, POST freezes. A week that is frozen already leads to its page."""
    _week_or_404(week)
    frozen = Review.objects.filter(week=week).select_related("frozen_by").first()
    if frozen is not None:
        messages.info(request, f"The review of {week} was frozen by {frozen.frozen_by}, {frozen.frozen_at:%H:%M} UTC.")
        return redirect("review", week)
    run_id = run_of_week(week)
    if run_id is None:
        raise Http404
    refusal, status = freeze_refusal(week=week), 200
    if request.method == "POST":
        try:
            review = freeze_review(
                week=week,
                user=cast(User, request.user),
                viewer_roles=viewer_of(request).roles,
                now=timezone.now(),
                request=request,
            )
        except FreezeRefused as refused:
            refusal, status = refused.code, 409
        else:
            messages.success(request, f"The review of {review.week} is frozen. Its page no longer changes.")
            return redirect("review", week)
    context = {
        "week": week,
        "run_id": run_id,
        "refusal": REFUSALS.get(refusal, ""),
        "is_quick": Run.objects.filter(pk=run_id, effort="quick").exclude(termination="optimal").exists(),
        "may_ask": may_do(request, "run.request"),
    }
    return render(request, "review/freeze.html", context, status=status)


@requires("decision.record")
@require_http_methods(["GET", "HEAD", "POST"])
def decision_new(request: HttpRequest) -> HttpResponse:
    """The form of a decision, and its recording. The same form sent twice is one decision."""
    weeks = list(open_weeks())
    if not weeks:
        return render(request, "decisions/closed.html", {"what": "decision"})
    viewer, today = viewer_of(request), timezone.now().date()
    replaceable = [
        (each.number, f"D-{each.number} {see(viewer, decision_resource(each.kind), 'chosen', each.chosen)}")
        for each in Decision.objects.filter(selectors.decisions_in_state("open", today=today)).order_by("-number")
    ]
    if request.method != "POST":
        forms = DecisionForms(weeks=weeks, replaceable=replaceable, initial=_first_values(request, weeks))
        return _decision_form(request, forms)
    forms = DecisionForms(request.POST, weeks=weeks, replaceable=replaceable)
    if not forms.is_valid():
        return _decision_form(request, forms, status=REFUSED_STATUS)
    draft = forms.draft()
    try:
        decision = record_decision(
            draft=draft,
            user=cast(User, request.user),
            roles=viewer.roles,
            now=timezone.now(),
            open_weeks=weeks,
            run_id=run_of_week(draft.week),
            idempotency_key=forms.decision.cleaned_data["idempotency_key"],
            request=request,
        )
    except DecisionRefused as refused:
        forms.add_errors(refused.errors)
        return _decision_form(request, forms, status=REFUSED_STATUS)
    messages.success(request, f"D-{decision.number} is recorded on the review of {decision.review_week}.")
    return redirect("decision", decision.number)


@requires_by_method(GET="decisions.view", POST="decision.record")
@require_http_methods(["GET", "HEAD", "POST"])
def decision(request: HttpRequest, number: int) -> HttpResponse:
    """A decision with its options, actions and verdict; POST says its verdict."""
    found = selectors.decisions().filter(number=number).first()
    if found is None:
        raise Http404
    weeks = [week for week in open_weeks() if week > found.review_week]
    is_open = getattr(found, "verdict", None) is None and not found.superseded_by.all()
    form = VerdictForm(weeks=weeks) if is_open and weeks and may_do(request, "decision.record") else None
    if request.method == "POST":
        return _say_verdict(request, found, weeks)
    return _decision_page(request, found, form)


@requires("decision.record")
@require_http_methods(["GET", "HEAD", "POST"])
def action_new(request: HttpRequest) -> HttpResponse:
    """The form of an action by itself, and its recording."""
    weeks = list(open_weeks())
    if not weeks:
        return render(request, "decisions/closed.html", {"what": "action"})
    viewer, today = viewer_of(request), timezone.now().date()
    decisions = [
        (each.number, f"D-{each.number} {see(viewer, decision_resource(each.kind), 'chosen', each.chosen)}")
        for each in Decision.objects.filter(selectors.decisions_in_state("open", today=today)).order_by("-number")
    ]
    initial = _first_values(request, weeks) | {"decision": request.GET.get("decision", "")}
    form = NewActionForm(request.POST if request.method == "POST" else None, weeks=weeks, decisions=decisions,
                         initial=initial)  # fmt: skip
    if form.is_valid():
        try:
            action = create_action(
                draft=form.draft(),
                week=form.cleaned_data["week"],
                decision_number=form.cleaned_data["decision"],
                user=cast(User, request.user),
                roles=viewer.roles,
                now=timezone.now(),
                open_weeks=weeks,
                idempotency_key=form.cleaned_data["idempotency_key"],
                request=request,
            )
        except DecisionRefused as refused:
            _add_errors(form, refused)
        else:
            messages.success(request, f"A-{action.number} is recorded on the review of {action.review_week}.")
            return redirect("action", action.number)
    status = REFUSED_STATUS if request.method == "POST" else 200
    return render(request, "decisions/action_new.html", {"form": form}, status=status)


@requires_by_method(GET="decisions.view", POST="action.update")
@require_http_methods(["GET", "HEAD", "POST"])
def action(request: HttpRequest, number: int) -> HttpResponse:
    """An action; POST closes it. 409 when somebody else changed it since the page was opened."""
    found = selectors.actions().filter(number=number).first()
    if found is None:
        raise Http404
    viewer = viewer_of(request)
    is_theirs = may_update_action(viewer.roles, owner_role=found.owner_role)
    if request.method != "POST":
        form = CloseActionForm(initial={"row_version": found.row_version})
        return _action_page(request, found, form if is_theirs and found.status == "open" else None)
    if not is_theirs:
        deny(request, needs=f"action.update of {found.owner_role}")
    form = CloseActionForm(request.POST)
    if form.is_valid():
        try:
            closed = close_action(
                number=number,
                **form.cleaned_data,
                user=cast(User, request.user),
                roles=viewer.roles,
                now=timezone.now(),
                request=request,
            )
        except ActionChanged as changed:
            return _action_conflict(request, changed.current, form)
        except DecisionRefused as refused:
            _add_errors(form, refused)
        else:
            messages.success(request, f"A-{number} is {closed.get_status_display().lower()}.")
            return redirect("action", number)
    return _action_page(request, found, form, status=REFUSED_STATUS)


def _week_or_404(week: str) -> Week:
    try:
        return Week.parse(week)
    except ValueError:
        raise Http404 from None


def _first_values(request: HttpRequest, weeks: list[str]) -> dict[str, Any]:
    asked = request.GET.get("week", "")
    return {
        "idempotency_key": str(uuid.uuid4()),
        "week": asked if asked in weeks else weeks[-1],
        "supersedes": request.GET.get("supersedes", ""),
        "reversible": True,
        "decider_role": "chair",
    }


def _decision_form(request: HttpRequest, forms: DecisionForms, *, status: int = 200) -> HttpResponse:
    context = {"forms": forms, "latest_review_back": last_review_back(timezone.now().date())}
    return render(request, "decisions/new.html", context, status=status)


def _decision_page(
    request: HttpRequest, found: Decision, form: VerdictForm | None, *, status: int = 200
) -> HttpResponse:
    viewer, today = viewer_of(request), timezone.now().date()
    actions = [action_item(viewer, row_of_action(each, today=today), today=today) for each in found.actions.all()]
    may_record = may_do(request, "decision.record")
    context = {
        "decision": decision_page(viewer, found, today=today),
        "actions": actions,
        "form": form,
        "may_record": may_record,
        "may_supersede": may_record and not found.superseded_by.all(),
    }
    return render(request, "decisions/decision.html", context, status=status)


def _say_verdict(request: HttpRequest, found: Decision, weeks: list[str]) -> HttpResponse:
    form = VerdictForm(request.POST, weeks=weeks)
    if form.is_valid():
        week = form.cleaned_data["week"]
        run_id = run_of_week(week)
        try:
            record_verdict(
                number=found.number,
                verdict=form.cleaned_data["verdict"],
                note=form.cleaned_data["note"],
                week=week,
                run_id=run_id,
                actual_value=_figure(run_id, found.effect_metric),
                user=cast(User, request.user),
                roles=viewer_of(request).roles,
                open_weeks=weeks,
                request=request,
            )
        except DecisionRefused as refused:
            _add_errors(form, refused)
        else:
            messages.success(request, f"The verdict on D-{found.number} is recorded.")
            return redirect("decision", found.number)
    return _decision_page(request, found, form, status=REFUSED_STATUS)


def _figure(run_id: int | None, metric: str) -> Decimal | None:
    if run_id is None or metric not in METRICS:
        return None
    return RunFigure.objects.filter(run_id=run_id, key=figure_key(metric)).values_list("value", flat=True).first()


def _action_facts(request: HttpRequest, found: Action) -> dict[str, Any]:
    viewer, today = viewer_of(request), timezone.now().date()
    kind = found.decision.kind if found.decision else ""
    item = action_item(viewer, row_of_action(found, today=today), today=today)
    facts = [
        ("Owner", role_name(found.owner_role)),
        ("Due", item["due"].removeprefix("due ")),
        ("Review", see(viewer, action_resource(kind), "review_week", found.review_week)),
        ("Recorded", f"{found.created_at:%-d %b %Y %H:%M} UTC by {found.created_by}"),
    ]
    if found.status != "open":
        facts += [("Note", item["note"]), ("Closed", f"{found.closed_at:%-d %b %Y %H:%M} UTC")]
    return {"action": item, "number": found.number, "facts": facts, "of_decision": found.decision}


def _action_page(
    request: HttpRequest, found: Action, form: CloseActionForm | None, *, status: int = 200
) -> HttpResponse:
    return render(request, "decisions/action.html", _action_facts(request, found) | {"form": form}, status=status)


def _action_conflict(request: HttpRequest, current: Action, form: CloseActionForm) -> HttpResponse:
    """Both versions side by side: the action as somebody else left it, and what was about to be said."""
    who = selectors.last_change_of_action(current.number)
    context = _action_facts(request, current) | {"form": form, "changed_by": who[0] if who else "",
                                                 "changed_at": who[1] if who else None}  # fmt: skip
    return render(request, "decisions/action_conflict.html", context, status=409)


def _add_errors(form: Any, refused: DecisionRefused) -> None:
    for field, sentence in refused.errors:
        form.add_error(field if field in form.fields else None, sentence)

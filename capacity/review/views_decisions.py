"""The list of decisions and actions, filtered by the address, and the same rows as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.viewer import may_do, requires, viewer_of
from capacity.access.visibility import Viewer, action_resource, decision_resource, see
from capacity.decisions import selectors
from capacity.decisions.effects import METRICS
from capacity.decisions.forms import DecisionFilterForm
from capacity.decisions.models import DECISION_KINDS, Action, Decision
from capacity.lib.figures import Absent
from capacity.review.decision_rows import (
    VERDICT_NAMES,
    action_item,
    decision_page,
    decision_state,
    effect_text,
    role_name,
    row_of_action,
    row_of_decision,
    written_metric,
    written_target,
)
from capacity.review.snapshots import open_weeks

ROWS_PER_PAGE = 50
# A spreadsheet would take a text that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@requires("decisions.view")
@require_safe
def decisions(request: HttpRequest) -> HttpResponse:
    """Decisions and actions, newest first. `?format=csv` gives the decisions, `&what=actions` the actions."""
    form = DecisionFilterForm(request.GET)
    form.is_valid()
    asked = {name: form.cleaned_data.get(name, "") for name in ("state", "action_state", "kind", "owner", "week")}
    viewer, today = viewer_of(request), timezone.now().date()
    both = Q()
    if asked["owner"]:
        both &= Q(owner_role=asked["owner"])
    if asked["week"]:
        both &= Q(review_week=asked["week"])
    found = selectors.decisions().filter(both, selectors.decisions_in_state(asked["state"], today=today))
    actions = selectors.actions().filter(both, selectors.actions_in_state(asked["action_state"], today=today))
    if asked["kind"]:
        found, actions = found.filter(kind=asked["kind"]), actions.filter(decision__kind=asked["kind"])
    if request.GET.get("format") == "csv":
        if request.GET.get("what") == "actions":
            return _csv("actions", _ACTION_HEADS, (_action_line(viewer, each, today) for each in actions))
        return _csv("decisions", _DECISION_HEADS, (_decision_line(viewer, each, today) for each in found))
    page = Paginator(found, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    action_page = Paginator(actions, ROWS_PER_PAGE).get_page(request.GET.get("action_page"))
    kept = request.GET.copy()
    for name in ("page", "action_page", "format", "what"):
        kept.pop(name, None)
    context = {
        "page": page,
        "decisions": [_listed(viewer, each, today) for each in page],
        "action_page": action_page,
        "actions": [action_item(viewer, row_of_action(each, today=today), today=today) for each in action_page],
        "asked": asked,
        "is_filtered": any(asked.values()),
        "kept": kept.urlencode(),
        "states": selectors.DECISION_STATES,
        "action_states": selectors.ACTION_STATES,
        "kinds": DECISION_KINDS,
        "owners": form.fields["owner"].choices[1:],  # type: ignore[attr-defined]
        "may_record": may_do(request, "decision.record") and bool(open_weeks()),
    }
    return render(request, "decisions/list.html", context)


def _listed(viewer: Viewer, decision: Decision, today: Any) -> dict[str, Any]:
    shown = decision_page(viewer, decision, today=today)
    return shown | {
        "week": decision.review_week,
        "owner": role_name(decision.owner_role),
        "expected": effect_text(viewer, row_of_decision(decision), year=today.year),
        "review_back_date": decision.review_back_date,
    }


_DECISION_HEADS = (
    "Decision", "Review", "Kind", "Question", "Chosen", "Reason", "Dissent", "Decided by", "Owner", "Metric",
    "Direction", "Target", "By", "Review-back", "Guardrail", "Reversible", "State", "Verdict", "Actual", "Verdict note",
    "Supersedes",
)  # fmt: skip
_ACTION_HEADS = ("Action", "Review", "Decision", "What", "Owner", "Due", "State", "Note")


def _decision_line(viewer: Viewer, each: Decision, today: Any) -> list[Any]:
    resource = decision_resource(each.kind)
    verdict = getattr(each, "verdict", None)
    metric = METRICS.get(each.effect_metric)
    texts = [see(viewer, resource, name, getattr(each, name)) for name in ("question", "chosen", "reason", "dissent")]
    return [
        f"D-{each.number}",
        each.review_week,
        each.get_kind_display(),
        *texts,
        role_name(each.decider_role),
        role_name(each.owner_role),
        f"{metric.code} {metric.name}" if metric else each.effect_metric,
        each.get_effect_direction_display(),
        written_target(viewer, row_of_decision(each)),
        each.effect_by_date.isoformat(),
        each.review_back_date.isoformat(),
        each.guardrail_metric,
        "yes" if each.reversible else "no",
        decision_state(each, today=today),
        VERDICT_NAMES[verdict.verdict] if verdict else "",
        written_metric(viewer, each.effect_metric, verdict.actual_value, resource=resource, field="actual_value")
        if verdict
        else "",
        see(viewer, resource, "verdict_note", verdict.note) if verdict else "",
        f"D-{each.supersedes.number}" if each.supersedes else "",
    ]


def _action_line(viewer: Viewer, each: Action, today: Any) -> list[Any]:
    resource = action_resource(each.decision.kind if each.decision else "")
    row = row_of_action(each, today=today)
    return [
        f"A-{each.number}",
        each.review_week,
        f"D-{each.decision.number}" if each.decision else "",
        see(viewer, resource, "title", each.title),
        role_name(each.owner_role),
        each.due_date.isoformat(),
        row["state"],
        see(viewer, resource, "status_note", each.status_note),
    ]


def _csv(name: str, heads: Iterable[str], lines: Iterable[list[Any]]) -> HttpResponse:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(heads)
    writer.writerows([_safe(value) for value in line] for line in lines)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def _safe(value: Any) -> str:
    text = value.word if isinstance(value, Absent) else str(value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

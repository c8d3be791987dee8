"""Decisions and actions as one viewer may read them: every field through the visibility table, then in words.

A decision's words may speak of a price or of the floor: its kind says which line of the table its texts belong to.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.urls import reverse

from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.visibility import RESTRICTED, Viewer, action_resource, decision_resource, see
from capacity.decisions.effects import METRICS
from capacity.decisions.models import DECISION_KINDS, Action, Decision, DecisionOption, DecisionVerdict
from capacity.lib.figures import NOTHING, Absent, counted, day

Item = dict[str, Any]

KIND_NAMES = dict(DECISION_KINDS)
VERDICT_NAMES = dict(DecisionVerdict._meta.get_field("verdict").flatchoices)
_VERDICT_PILLS = {"met": "good", "partly": "warn", "not_met": "bad", "not_measurable": "plain", "overtaken": "plain"}
_DIRECTIONS = {"at_least": "at least", "at_most": "at most"}


def role_name(role: str) -> str:
    """A role in words; one that is not known any more as it is written."""
    return ROLE_NAMES[Role(role)] if role in set(Role) else role


def written_metric(viewer: Viewer, code: str, value: Any, *, resource: str, field: str) -> str | Absent:
    """A metric's value as the viewer may see it: both as part of a decision and as the metric itself."""
    if value is None:
        return NOTHING
    if see(viewer, resource, field, value) is RESTRICTED:
        return RESTRICTED
    seen = see(viewer, "metric", code, Decimal(value))
    return seen if isinstance(seen, Absent) or code not in METRICS else METRICS[code].written(seen)


def written_target(viewer: Viewer, row: Mapping[str, Any]) -> str | Absent:
    """The target of a decision: a figure people agreed on, not one of the plan."""
    seen = see(viewer, decision_resource(row["kind"]), "effect_target", Decimal(row["effect_target"]))
    metric = METRICS.get(row["effect_metric"])
    return seen if isinstance(seen, Absent) else metric.written(seen) if metric else f"{seen:f}"


def effect_text(viewer: Viewer, row: Mapping[str, Any], *, year: int | None = None) -> str:
    """`Serving margin, fully loaded at least 45.0% by 4 Jan`; the target reads "restricted" where it is."""
    metric = METRICS.get(row["effect_metric"])
    name = metric.name if metric else row["effect_metric"]
    by = day(_date(row["effect_by_date"]), year=year)
    return f"{name} {_DIRECTIONS[row['effect_direction']]} {written_target(viewer, row)} by {by}"


def decision_item(viewer: Viewer, row: Mapping[str, Any], *, today: date) -> Item:
    """A carried decision for the lists of the review. row: as carry.follow_through stores it."""
    resource = decision_resource(row["kind"])
    kind, word = _decision_pill(row, today)
    return {
        "id": f"D-{row['number']}",
        "url": reverse("decision", args=[row["number"]]),
        "text": see(viewer, resource, "chosen", row["chosen"]),
        "question": see(viewer, resource, "question", row["question"]),
        "owner": role_name(row["owner_role"]),
        "due": f"look back {day(_date(row['review_back_date']), year=today.year)}",
        "expected": effect_text(viewer, row, year=today.year),
        "actual": written_metric(
            viewer, row["effect_metric"], row["actual_value"], resource=resource, field="actual_value"
        ),
        "note": see(viewer, resource, "verdict_note", row["verdict_note"]),
        "open": row["state"] in {"due", "overdue"},
        "closed": row["state"] == "judged",
        "pill_kind": kind,
        "pill_word": word,
    }


def action_item(viewer: Viewer, row: Mapping[str, Any], *, today: date) -> Item:
    """An action for the lists of the review. row: as carry.follow_through stores it."""
    resource = action_resource(row["decision_kind"])
    due = _date(row["due_date"])
    kind, word = {
        "overdue": ("bad", f"{counted((today - due).days, 'day')} late"),
        "done": ("done", "Done"),
        "dropped": ("plain", "Dropped"),
    }.get(row["state"], ("plain", "Open"))
    return {
        "id": f"A-{row['number']}",
        "url": reverse("action", args=[row["number"]]),
        "text": see(viewer, resource, "title", row["title"]),
        "owner": role_name(row["owner_role"]),
        "due": f"due {day(due, year=today.year)}",
        "note": see(viewer, resource, "status_note", row["status_note"]),
        "open": row["state"] == "overdue",
        "closed": row["state"] in {"done", "dropped"},
        "pill_kind": kind,
        "pill_word": word,
    }


def decision_state(decision: Decision, *, today: date) -> str:
    """superseded, judged, overdue, due (looked back at within the week) or open."""
    if decision.superseded_by.all():
        return "superseded"
    if getattr(decision, "verdict", None) is not None:
        return "judged"
    return "overdue" if decision.review_back_date < today else "open"


def decision_page(viewer: Viewer, decision: Decision, *, today: date) -> Item:
    """Everything the page of one decision shows. decision: from selectors.decisions()."""
    resource = decision_resource(decision.kind)
    year = today.year

    def seen(field: str, value: Any) -> Any:
        return see(viewer, resource, field, value)

    verdict: DecisionVerdict | None = getattr(decision, "verdict", None)
    newer = next(iter(decision.superseded_by.all()), None)
    state = decision_state(decision, today=today)
    kind, word = _decision_pill(
        {"state": state, "review_back_date": decision.review_back_date, "verdict": verdict.verdict if verdict else ""},
        today,
    )
    guardrail = METRICS.get(decision.guardrail_metric)
    facts = [
        ("Review", seen("review_week", decision.review_week)),
        ("Kind", seen("kind", KIND_NAMES[decision.kind])),
        ("Why", seen("reason", decision.reason)),
        ("Dissent", seen("dissent", decision.dissent)),
        ("Decided by", seen("decider_role", role_name(decision.decider_role))),
        ("Owner", seen("owner_role", role_name(decision.owner_role))),
        ("Expected effect", effect_text(viewer, row_of_decision(decision), year=year)),
        ("Guardrail", seen("guardrail_metric", f"{guardrail.code} {guardrail.name}" if guardrail else "")),
        ("Review-back", seen("review_back_date", day(decision.review_back_date, year=year))),
        ("Reversible", seen("reversible", "yes" if decision.reversible else "no")),
        ("Recorded", f"{decision.decided_at:%-d %b %Y %H:%M} UTC by {decision.recorded_by}"),
    ]
    return {
        "number": decision.number,
        "id": f"D-{decision.number}",
        "question": seen("question", decision.question),
        "chosen": seen("chosen", decision.chosen),
        "pill_kind": kind,
        "pill_word": word,
        "facts": facts,
        "options": [_option(viewer, resource, option) for option in decision.options.all()],
        "supersedes": decision.supersedes,
        "superseded_by": newer,
        "verdict": _verdict_facts(viewer, decision, verdict, resource) if verdict else None,
        "state": state,
    }


def row_of_decision(decision: Decision) -> Item:
    """A decision in the terms of a carried one, without its state and verdict."""
    names = (
        "number review_week kind question chosen owner_role effect_metric effect_direction effect_target "
        "effect_by_date review_back_date"
    )
    return {name: getattr(decision, name) for name in names.split()} | {
        "verdict": "",
        "verdict_note": "",
        "actual_value": None,
    }


def row_of_action(action: Action, *, today: date) -> Item:
    """An action in the terms of a carried one, with its state of today."""
    return {
        "number": action.number,
        "decision_kind": action.decision.kind if action.decision else "",
        "title": action.title,
        "owner_role": action.owner_role,
        "due_date": action.due_date,
        "state": "overdue" if action.status == "open" and action.due_date < today else action.status,
        "status_note": action.status_note,
    }


def _option(viewer: Viewer, resource: str, option: DecisionOption) -> Item:
    fields = {
        "option_name": option.name,
        "option_accelerators": option.accelerators,
        "option_cost_usd": option.cost_usd,
        "option_risk": option.risk,
        "option_who_loses": option.who_loses,
    }
    shown = {name.removeprefix("option_"): see(viewer, resource, name, value) for name, value in fields.items()}
    # Which option was chosen is part of what it says: it stays unmarked where the words are hidden.
    return shown | {"is_chosen": option.is_chosen and see(viewer, resource, "chosen", True) is True}


def _verdict_facts(
    viewer: Viewer, decision: Decision, verdict: DecisionVerdict, resource: str
) -> list[tuple[str, Any]]:
    actual = written_metric(
        viewer, decision.effect_metric, verdict.actual_value, resource=resource, field="actual_value"
    )
    return [
        ("Verdict", see(viewer, resource, "verdict", VERDICT_NAMES[verdict.verdict])),
        ("Actual", actual),
        ("Said on", see(viewer, resource, "verdict_week", verdict.review_week)),
        ("Note", see(viewer, resource, "verdict_note", verdict.note)),
    ]


def _decision_pill(row: Mapping[str, Any], today: date) -> tuple[str, str]:
    if row["state"] == "judged":
        return _VERDICT_PILLS[row["verdict"]], VERDICT_NAMES[row["verdict"]]
    if row["state"] == "overdue":
        late = (today - _date(row["review_back_date"])).days
        return "bad", f"Look back, {counted(late, 'day')} late"
    return {"due": ("decide", "Look back"), "superseded": ("plain", "Superseded")}.get(
        row["state"], ("plain", "Stands")
    )


def _date(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(value)

"""What a review carries over from the ones before: decisions to look back at, actions open, overdue or closed since.

A live review asks the tables; a frozen one shows the document stored with it, so that its page stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from capacity.access.visibility import Viewer
from capacity.allocation.models import PLAN_SCOPE, CurrentRun
from capacity.decisions import selectors
from capacity.decisions.effects import figure_key
from capacity.decisions.models import Action, Decision
from capacity.imports.rows import decimal_text
from capacity.lib.horizon import Week
from capacity.review.decision_rows import Item, action_item, decision_item, row_of_action, row_of_decision
from capacity.review.models import Review, RunFigure

Carried = dict[str, Any]


def follow_through(*, week: str, today: date) -> Carried:
    """The JSON-ready document of what the review of `week` carries: {week, today, since, decisions, actions}.

    since: the last review frozen before it, or None. A decision's `state` is overdue, due (by the end of the review's
    week), open or judged; an action's is overdue, open, done or dropped. `actual_value` is the metric in the plan of
    the week, or the one its verdict was said on; None where there is no such figure.
    """
    last = Review.objects.filter(week__lt=week).order_by("-week").only("week", "frozen_at").first()
    return carried_document(read_meeting(week=week, last=last), today=today, values=_metrics_now(week))


@dataclass(frozen=True, kw_only=True, slots=True)
class Meeting:
    """The decisions and actions that the review of a week speaks of: carried over and its own, by number."""

    week: str
    last: Review | None
    decisions: Sequence[Decision]
    actions: Sequence[Action]


def read_meeting(*, week: str, last: Review | None) -> Meeting:
    """last: the last review frozen before the week. Two queries."""
    return Meeting(
        week=week,
        last=last,
        decisions=list(selectors.decisions_before_review(week=week, since=last.week if last else None)),
        actions=list(selectors.actions_before_review(week=week, closed_since=last.frozen_at if last else None)),
    )


def carried_document(meeting: Meeting, *, today: date, values: Mapping[str, str]) -> Carried:
    """The follow_through document. values: figure key → value of the headline metrics now, as text."""
    end = Week.parse(meeting.week).end
    earlier = [each for each in meeting.decisions if each.review_week < meeting.week]
    waiting = [each for each in earlier if getattr(each, "verdict", None) is None]
    waiting.sort(key=lambda each: (each.review_back_date, each.number))
    judged = [each for each in earlier if getattr(each, "verdict", None) is not None]
    followed = [each for each in meeting.actions if each.review_week < meeting.week]
    return {
        "week": meeting.week,
        "today": today.isoformat(),
        "since": meeting.last.week if meeting.last else None,
        "decisions": [
            *(_decision(each, _state_of(each, today=today, end=end), values) for each in waiting),
            *(_decision(each, "judged", values) for each in judged),
        ],
        "actions": [
            _action(each, today=today) for each in sorted(followed, key=lambda each: (each.due_date, each.number))
        ],
    }


def _state_of(decision: Decision, *, today: date, end: date) -> str:
    if decision.review_back_date < today:
        return "overdue"
    return "due" if decision.review_back_date < end else "open"


def visible_carried(viewer: Viewer, carried: Carried) -> dict[str, Any]:
    """A follow_through document as the viewer may read it: {since, decisions, actions} of list items."""
    if not carried:
        return {"since": None, "decisions": [], "actions": []}
    today = date.fromisoformat(carried["today"])
    return {
        "since": carried["since"],
        "decisions": [decision_item(viewer, row, today=today) for row in carried["decisions"]],
        "actions": [action_item(viewer, row, today=today) for row in carried["actions"]],
    }


def visible_recorded(viewer: Viewer, week: str, *, is_frozen: bool) -> dict[str, list[Item]]:
    """What was decided and asked for on the review of the week. Two queries."""
    decisions, actions = selectors.decisions_of_week(week), selectors.actions_of_week(week)
    meeting = Meeting(week=week, last=None, decisions=list(decisions), actions=list(actions))
    return visible_own(viewer, meeting, is_frozen=is_frozen)


def visible_own(viewer: Viewer, meeting: Meeting, *, is_frozen: bool) -> dict[str, list[Item]]:
    """The meeting's own records as list items. A frozen page shows them as they were said, without what became of them
    later: a decision's words never change, nor do an action's."""
    monday = Week.parse(meeting.week).monday
    return {
        "decisions": [
            decision_item(viewer, row_of_decision(each) | {"state": "recorded"}, today=monday)
            | {"pill_kind": "done", "pill_word": "Decided"}
            for each in meeting.decisions
            if each.review_week == meeting.week
        ],
        "actions": [
            _recorded_action(viewer, each, monday, is_frozen)
            for each in meeting.actions
            if each.review_week == meeting.week
        ],
    }


def _recorded_action(viewer: Viewer, action: Action, monday: date, is_frozen: bool) -> Item:
    row = row_of_action(action, today=monday)
    if is_frozen:
        row |= {"state": "open", "status_note": ""}
    item = action_item(viewer, row, today=monday)
    return item | {"pill_word": "Asked"} if is_frozen else item


def _metrics_now(week: str) -> dict[str, str]:
    """Figure key → value of the headline metrics in the current plan of the week, as text."""
    run = CurrentRun.objects.filter(scope=PLAN_SCOPE, run__first_week=week).values("run_id")
    found = RunFigure.objects.filter(run_id__in=run, key__startswith=figure_key(""), value__isnull=False)
    return {key: decimal_text(value) for key, value in found.values_list("key", "value") if value is not None}


def _decision(decision: Decision, state: str, values: Mapping[str, str]) -> dict[str, Any]:
    verdict = decision.verdict if state == "judged" else None
    actual = values.get(figure_key(decision.effect_metric))
    if verdict is not None:
        actual = None if verdict.actual_value is None else decimal_text(verdict.actual_value)
    return {
        "number": decision.number,
        "review_week": decision.review_week,
        "kind": decision.kind,
        "question": decision.question,
        "chosen": decision.chosen,
        "owner_role": decision.owner_role,
        "effect_metric": decision.effect_metric,
        "effect_direction": decision.effect_direction,
        "effect_target": decimal_text(decision.effect_target),
        "effect_by_date": decision.effect_by_date.isoformat(),
        "review_back_date": decision.review_back_date.isoformat(),
        "state": state,
        "verdict": verdict.verdict if verdict else "",
        "verdict_note": verdict.note if verdict else "",
        "actual_value": actual,
    }


def _action(action: Action, *, today: date) -> dict[str, Any]:
    is_overdue = action.status == "open" and action.due_date < today
    return {
        "number": action.number,
        "review_week": action.review_week,
        "decision": action.decision.number if action.decision else None,
        "decision_kind": action.decision.kind if action.decision else "",
        "title": action.title,
        "owner_role": action.owner_role,
        "due_date": action.due_date.isoformat(),
        "state": "overdue" if is_overdue else action.status,
        "status_note": action.status_note,
        "closed_at": action.closed_at.isoformat() if action.closed_at else None,
    }

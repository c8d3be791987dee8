"""What a review carries over from the ones before: decisions to look back at, actions open, overdue or closed since.

A live review asks the tables; a frozen one shows the document stored with it, so that its page stays as it was.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from capacity.decisions import selectors
from capacity.decisions.models import Action, Decision
from capacity.lib.horizon import Week
from capacity.review.models import Review

Carried = dict[str, Any]


def follow_through(*, week: str, today: date) -> Carried:
    """The JSON-ready document of what the review of `week` carries: {week, today, since, decisions, actions}.

    since: the last review frozen before it, or None. A decision's `state` is overdue, due (by the end of the review's
    week), open or judged; an action's is overdue, open, done or dropped.
    """
    last = Review.objects.filter(week__lt=week).order_by("-week").only("week", "frozen_at").first()
    end = Week.parse(week).end
    waiting = selectors.unjudged_decisions(before_week=week)
    judged = selectors.judged_decisions(weeks=[week, *([last.week] if last else [])])
    followed = selectors.followed_actions(before_week=week, closed_since=last.frozen_at if last else None)
    return {
        "week": week,
        "today": today.isoformat(),
        "since": last.week if last else None,
        "decisions": [
            *(_decision(each, _state_of(each, today=today, end=end)) for each in waiting),
            *(_decision(each, "judged") for each in judged if each.review_week < week),
        ],
        "actions": [_action(each, today=today) for each in followed],
    }


def _state_of(decision: Decision, *, today: date, end: date) -> str:
    if decision.review_back_date < today:
        return "overdue"
    return "due" if decision.review_back_date < end else "open"


def _decision(decision: Decision, state: str) -> dict[str, Any]:
    verdict = decision.verdict if state == "judged" else None
    return {
        "number": decision.number,
        "review_week": decision.review_week,
        "kind": decision.kind,
        "question": decision.question,
        "chosen": decision.chosen,
        "owner_role": decision.owner_role,
        "effect_metric": decision.effect_metric,
        "effect_direction": decision.effect_direction,
        "effect_target": f"{decision.effect_target.normalize():f}",
        "effect_by_date": decision.effect_by_date.isoformat(),
        "review_back_date": decision.review_back_date.isoformat(),
        "state": state,
        "verdict": verdict.verdict if verdict else "",
        "verdict_note": verdict.note if verdict else "",
        "actual_value": f"{verdict.actual_value.normalize():f}"
        if verdict and verdict.actual_value is not None
        else None,
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

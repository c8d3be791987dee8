"""Records decisions, verdicts and actions of the meeting. Each, with its audit row, is one transaction.

Nothing here edits a decision: a wrong one is superseded by a new one. Which reviews still take decisions is the
caller's to say (`open_weeks`): reviews stand above this app.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.permissions import may, may_update_action
from capacity.access.roles import Role
from capacity.decisions.drafts import (
    ActionDraft,
    DecisionDraft,
    FieldError,
    action_errors,
    decision_errors,
)
from capacity.decisions.models import (
    DECISION_KINDS,
    METRIC_DIRECTIONS,
    Action,
    Decision,
    DecisionOption,
    DecisionVerdict,
)

# One lock for giving out numbers: decisions come a few a week, so that waiting for each other costs nothing.
_NUMBERS_LOCK = 7_301_002


class NotPermitted(Exception):
    """The person's roles do not allow it."""


class DecisionRefused(Exception):
    """Nothing was recorded. `errors`: (field, sentence) pairs for the person who tried."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = list(errors)
        super().__init__(" ".join(sentence for _, sentence in self.errors))


class ActionChanged(Exception):
    """Somebody else changed the action since it was read; `current` is the action as it is now."""

    def __init__(self, current: Action) -> None:
        self.current = current
        super().__init__(f"A-{current.number} was changed by somebody else")


def record_decision(
    *,
    draft: DecisionDraft,
    user: User,
    roles: Iterable[Role],
    now: datetime,
    open_weeks: Collection[str],
    run_id: int | None,
    idempotency_key: str,
    request: Any = None,
) -> Decision:
    """The decision with its options and actions; the one recorded before when the same key comes again.

    run_id: the run the meeting looked at. Raises NotPermitted, DecisionRefused.
    """
    _check_may_record(roles)
    key = _own_key(user, idempotency_key)
    with transaction.atomic():
        _lock_numbers()
        recorded = Decision.objects.filter(idempotency_key=key).first()
        if recorded is not None:
            return recorded
        errors = decision_errors(draft, today=now.date(), open_weeks=open_weeks)
        replaced, more = _replaced(draft.supersedes)
        if errors or more or (more := _choice_errors(draft)):
            raise DecisionRefused([*errors, *more])
        decision = _insert_decision(draft, user=user, now=now, run_id=run_id, key=key, replaced=replaced)
        for place, action in enumerate(draft.actions):
            _insert_action(action, week=draft.week, decision=decision, user=user, now=now, key=f"{key}:{place}")
        record_event(
            user=user,
            request=request,
            action="decision_recorded",
            subject=f"D-{decision.number}",
            detail={"week": draft.week, "kind": draft.kind, "supersedes": draft.supersedes},
        )
    return decision


def record_verdict(
    *,
    number: int,
    verdict: str,
    note: str,
    week: str,
    run_id: int | None,
    actual_value: Decimal | None,
    user: User,
    roles: Iterable[Role],
    open_weeks: Collection[str],
    request: Any = None,
) -> DecisionVerdict:
    """What the decision did, said at its review-back; the one said before when it is said again in the same words.

    actual_value: the metric in the run the meeting looks at, in its own unit; None when that run does not have it.
    Raises NotPermitted, DecisionRefused.
    """
    _check_may_record(roles)
    with transaction.atomic():
        _lock_numbers()
        decision = Decision.objects.filter(number=number).select_related("verdict").first()
        said: DecisionVerdict | None = getattr(decision, "verdict", None)
        if said is not None and (said.verdict, said.note) == (verdict, note):
            return said
        errors = _verdict_errors(decision, said, verdict, note, week, actual_value, open_weeks)
        if errors or decision is None:
            raise DecisionRefused(errors)
        row = DecisionVerdict.objects.create(
            decision=decision,
            review_week=week,
            run_id=run_id,
            verdict=verdict,
            actual_value=actual_value,
            note=note,
            recorded_by=user,
        )
        record_event(
            user=user,
            request=request,
            action="verdict_recorded",
            subject=f"D-{number}",
            detail={"week": week, "verdict": verdict},
        )
    return row


def create_action(
    *,
    draft: ActionDraft,
    week: str,
    user: User,
    roles: Iterable[Role],
    now: datetime,
    open_weeks: Collection[str],
    idempotency_key: str,
    decision_number: int | None = None,
    request: Any = None,
) -> Action:
    """A new action, alone or for a decision; the one created before when the same key comes again.

    Raises NotPermitted, DecisionRefused.
    """
    _check_may_record(roles)
    key = _own_key(user, idempotency_key)
    with transaction.atomic():
        _lock_numbers()
        created = Action.objects.filter(idempotency_key=key).first()
        if created is not None:
            return created
        errors = action_errors(draft, week=week, today=now.date(), open_weeks=open_weeks)
        decision = None
        if decision_number is not None:
            decision = Decision.objects.filter(number=decision_number).first()
            errors += [] if decision else [("decision", f"There is no decision D-{decision_number}.")]
        if errors:
            raise DecisionRefused(errors)
        action = _insert_action(draft, week=week, decision=decision, user=user, now=now, key=key)
        record_event(
            user=user, request=request, action="action_created", subject=f"A-{action.number}", detail={"week": week}
        )
    return action


def close_action(
    *,
    number: int,
    status: str,
    note: str,
    row_version: int,
    user: User,
    roles: Iterable[Role],
    now: datetime,
    request: Any = None,
) -> Action:
    """The action, done or dropped, with a note. row_version: that of the action as the person read it.

    Raises Action.DoesNotExist, NotPermitted, DecisionRefused, ActionChanged.
    """
    note = note.strip()
    with transaction.atomic():
        action = Action.objects.select_for_update(of=("self",)).select_related("decision").get(number=number)
        if not may_update_action(roles, owner_role=action.owner_role):
            raise NotPermitted
        if action.row_version != row_version:
            raise ActionChanged(action)
        errors = _closing_errors(action, status, note)
        if errors:
            raise DecisionRefused(errors)
        action.status, action.status_note, action.closed_at = status, note, now
        action.row_version += 1
        action.save(update_fields=["status", "status_note", "closed_at", "row_version"])
        record_event(
            user=user, request=request, action="action_closed", subject=f"A-{number}", detail={"status": status}
        )
    return action


def _check_may_record(roles: Iterable[Role]) -> None:
    if not may(roles, "decision.record"):
        raise NotPermitted


def _own_key(user: User, key: str) -> str:
    # A key belongs to the person who sent it: nobody is answered with somebody else's decision.
    if not key or len(key) > 40:
        raise DecisionRefused([("", "The form has no key of its own: open it again.")])
    return f"{user.pk}:{key}"


def _lock_numbers() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NUMBERS_LOCK])


def _choice_errors(draft: DecisionDraft) -> list[FieldError]:
    errors = []
    if draft.kind not in dict(DECISION_KINDS):
        errors.append(("kind", "Choose a kind."))
    if draft.effect_direction not in dict(METRIC_DIRECTIONS):
        errors.append(("effect_direction", "Choose at least or at most."))
    return errors


def _replaced(number: int | None) -> tuple[Decision | None, list[FieldError]]:
    if number is None:
        return None, []
    found = Decision.objects.filter(number=number).first()
    if found is None:
        return None, [("supersedes", f"There is no decision D-{number}.")]
    newer = Decision.objects.filter(supersedes=found).first()
    if newer is not None:
        return None, [("supersedes", f"D-{number} is superseded already, by D-{newer.number}.")]
    return found, []


def _insert_decision(
    draft: DecisionDraft, *, user: User, now: datetime, run_id: int | None, key: str, replaced: Decision | None
) -> Decision:
    chosen = draft.options[draft.chosen or 0]
    decision = Decision.objects.create(
        number=_next_number(Decision),
        review_week=draft.week,
        run_id=run_id,
        kind=draft.kind,
        question=draft.question.strip(),
        chosen=chosen.name.strip(),
        reason=draft.reason.strip(),
        decider_role=draft.decider_role,
        owner_role=draft.owner_role,
        effect_metric=draft.effect_metric,
        effect_direction=draft.effect_direction,
        effect_target=draft.effect_target,
        effect_by_date=draft.effect_by_date,
        review_back_date=draft.review_back_date,
        guardrail_metric=draft.guardrail_metric,
        dissent=draft.dissent.strip(),
        reversible=draft.reversible,
        supersedes=replaced,
        decided_at=now,
        recorded_by=user,
        idempotency_key=key,
    )
    DecisionOption.objects.bulk_create(
        DecisionOption(
            decision=decision,
            position=place,
            name=option.name.strip(),
            accelerators=option.accelerators,
            cost_usd=option.cost_usd,
            risk=option.risk.strip(),
            who_loses=option.who_loses.strip(),
            is_chosen=option is chosen,
        )
        for place, option in enumerate(draft.options)
    )
    return decision


def _insert_action(
    draft: ActionDraft, *, week: str, decision: Decision | None, user: User, now: datetime, key: str
) -> Action:
    return Action.objects.create(
        number=_next_number(Action),
        review_week=week,
        decision=decision,
        title=draft.title.strip(),
        owner_role=draft.owner_role,
        due_date=draft.due_date,
        created_at=now,
        created_by=user,
        idempotency_key=key,
    )


def _next_number(model: type[Decision] | type[Action]) -> int:
    return (model._default_manager.aggregate(last=Max("number"))["last"] or 0) + 1


def _verdict_errors(
    decision: Decision | None,
    said: DecisionVerdict | None,
    verdict: str,
    note: str,
    week: str,
    actual_value: Decimal | None,
    open_weeks: Collection[str],
) -> list[FieldError]:
    if decision is None:
        return [("", "There is no such decision.")]
    if said is not None:
        return [("verdict", f"Its verdict was said already, on the review of {said.review_week}: {said.verdict}.")]
    errors = []
    if week not in open_weeks:
        errors.append(("week", f"The review of {week} takes no more verdicts."))
    elif week <= decision.review_week:
        errors.append(("week", "A verdict is said on a later review than the decision."))
    if verdict in {"met", "partly", "not_met"} and actual_value is None:
        errors.append(("verdict", "The plan has no figure for this metric: it is not measurable, or overtaken."))
    if not note.strip():
        errors.append(("note", "Say what was seen and what is learned."))
    return errors


def _closing_errors(action: Action, status: str, note: str) -> list[FieldError]:
    if action.status != "open":
        return [("status", f"It is closed already: {action.get_status_display().lower()}.")]
    errors = []
    if status not in {"done", "dropped"}:
        errors.append(("status", "Choose done or dropped."))
    if not note:
        errors.append(("note", "Say what was done, or why it is dropped."))
    return errors

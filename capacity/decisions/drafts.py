"""A decision or action as somebody wants to record it, and what is wrong with it. Pure: the form and the service ask here.

Errors are values: (field, sentence) pairs, all of them at once. Fields are those of the form; an option's are
`options.<place>.<name>`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from capacity.access.roles import Role
from capacity.decisions.effects import METRICS

DO_NOTHING = "Do nothing"
# A decision is looked at again after at most a quarter.
REVIEW_BACK_DAYS = 13 * 7
# Nobody acts in the meeting as one of these.
_OUTSIDE = {Role.AUDITOR, Role.ADMIN}
MEETING_ROLES = tuple(role for role in Role if role not in _OUTSIDE)

FieldError = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class OptionDraft:
    """One option. accelerators and cost_usd None: not known."""

    name: str
    accelerators: int | None = None
    cost_usd: Decimal | None = None
    risk: str = ""
    who_loses: str = ""

    @property
    def is_do_nothing(self) -> bool:
        return self.name.strip().casefold().startswith(DO_NOTHING.casefold())


@dataclass(frozen=True, kw_only=True, slots=True)
class ActionDraft:
    """Something to do, by whom (a role) and until when."""

    title: str
    owner_role: str
    due_date: date


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionDraft:
    """Everything a decision says. chosen: place in `options`. effect_target in the unit kept (shares as fractions).

    supersedes: number of the decision it replaces.
    """

    week: str
    kind: str
    question: str
    options: Sequence[OptionDraft]
    chosen: int | None
    reason: str
    decider_role: str
    owner_role: str
    effect_metric: str
    effect_direction: str
    effect_target: Decimal
    effect_by_date: date
    review_back_date: date
    guardrail_metric: str = ""
    dissent: str = ""
    reversible: bool = True
    supersedes: int | None = None
    actions: Sequence[ActionDraft] = ()


def decision_errors(draft: DecisionDraft, *, today: date, open_weeks: Collection[str]) -> list[FieldError]:
    """Everything that keeps the draft from being recorded today. open_weeks: the reviews that still take decisions."""
    return [
        *_week_errors(draft.week, open_weeks),
        *_text_errors(draft),
        *_option_errors(draft),
        *_role_errors(draft),
        *_effect_errors(draft, today),
        *(
            (f"actions.{place}.{field}", text)
            for place, action in enumerate(draft.actions)
            for field, text in _action_errors(action, today)
        ),
    ]


def action_errors(draft: ActionDraft, *, week: str, today: date, open_weeks: Collection[str]) -> list[FieldError]:
    """Everything that keeps the action from being recorded today."""
    return [*_week_errors(week, open_weeks), *_action_errors(draft, today)]


def _week_errors(week: str, open_weeks: Collection[str]) -> Iterator[FieldError]:
    if week not in open_weeks:
        open_now = " and ".join(sorted(open_weeks)) or "none"
        yield "week", f"The review of {week} takes no more decisions. Open: {open_now}."


def _text_errors(draft: DecisionDraft) -> Iterator[FieldError]:
    if not draft.question.strip():
        yield "question", "Say what is decided."
    if not draft.reason.strip():
        yield "reason", "Say why this option."


def _option_errors(draft: DecisionDraft) -> Iterator[FieldError]:
    names = [option.name.strip().casefold() for option in draft.options]
    if len(names) < 2:
        yield "options", "Give at least two options, one of them to do nothing."
    elif not any(option.is_do_nothing for option in draft.options):
        yield "options", f'One option must be to do nothing: begin its name with "{DO_NOTHING}".'
    for place, option in enumerate(draft.options):
        if not names[place]:
            yield f"options.{place}.name", "Name the option."
        elif names[place] in names[:place]:
            yield f"options.{place}.name", "Another option has this name."
        if not option.risk.strip():
            yield f"options.{place}.risk", "Say what could go wrong, or that nothing can."
        if not option.who_loses.strip():
            yield f"options.{place}.who_loses", "Say who loses by it, or that nobody does."
        if option.cost_usd is not None and not option.cost_usd.is_finite():
            yield f"options.{place}.cost_usd", "Give a number."
    if draft.chosen is None or not 0 <= draft.chosen < len(names):
        yield "chosen", "Choose one of the options given."


def _role_errors(draft: DecisionDraft) -> Iterator[FieldError]:
    for field, role in (("decider_role", draft.decider_role), ("owner_role", draft.owner_role)):
        if role not in MEETING_ROLES:
            yield field, "Choose a role of the meeting."


def _effect_errors(draft: DecisionDraft, today: date) -> Iterator[FieldError]:
    if draft.effect_metric not in METRICS:
        yield "effect_metric", "Choose a headline metric."
    if not draft.effect_target.is_finite():
        yield "effect_target", "Give a number."
    if draft.effect_by_date <= today:
        yield "effect_by_date", "Give a day after today."
    if draft.review_back_date <= today:
        yield "review_back_date", "Give a day after today."
    elif draft.review_back_date > today + timedelta(days=REVIEW_BACK_DAYS):
        yield "review_back_date", "Look back within 13 weeks."
    if draft.effect_by_date > draft.review_back_date:
        yield "effect_by_date", "Not after the review-back: the effect could not be judged then."
    if draft.guardrail_metric and draft.guardrail_metric not in METRICS:
        yield "guardrail_metric", "Choose a headline metric."
    elif draft.guardrail_metric == draft.effect_metric:
        yield "guardrail_metric", "A guardrail is another metric than the one to be moved."


def _action_errors(draft: ActionDraft, today: date) -> Iterator[FieldError]:
    if not draft.title.strip():
        yield "title", "Say what is to be done."
    if draft.owner_role not in MEETING_ROLES:
        yield "owner_role", "Choose a role of the meeting."
    if draft.due_date < today:
        yield "due_date", "Give today or a later day."

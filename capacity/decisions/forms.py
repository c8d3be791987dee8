"""Forms of the meeting: a decision with its options and actions, a verdict, an action and its closing.

A form turns typed text into a draft; what is wrong with a draft is said in drafts.py, and put back on the fields here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from django import forms

from capacity.access.roles import ROLE_NAMES
from capacity.decisions.drafts import (
    DO_NOTHING,
    MEETING_ROLES,
    REVIEW_BACK_DAYS,
    ActionDraft,
    DecisionDraft,
    FieldError,
    OptionDraft,
)
from capacity.decisions.effects import METRIC_CHOICES, METRICS
from capacity.decisions.models import DECISION_KINDS, METRIC_DIRECTIONS, DecisionVerdict

ROLE_CHOICES = [("", "Choose a role"), *((role.value, ROLE_NAMES[role]) for role in MEETING_ROLES)]
OPTION_ROWS = 4
ACTION_ROWS = 2


def _day(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **more)


def _text(label: str, *, rows: int = 2, **more: Any) -> forms.CharField:
    return forms.CharField(label=label, widget=forms.Textarea(attrs={"rows": rows}), **more)


class OptionForm(forms.Form):
    """One option. A row left empty is no option."""

    name = forms.CharField(label="Option", max_length=300, required=False)
    accelerators = forms.IntegerField(
        label="Accelerators", required=False, min_value=-(2**31), max_value=2**31 - 1, help_text="more +, fewer −"
    )
    cost_usd = forms.DecimalField(label="Cost, USD", required=False, max_digits=20, decimal_places=2)
    risk = forms.CharField(label="Risk", max_length=300, required=False)
    who_loses = forms.CharField(label="Who loses", max_length=300, required=False)

    @property
    def is_blank(self) -> bool:
        return not any(value not in (None, "") for value in self.cleaned_data.values())

    def draft(self) -> OptionDraft:
        return OptionDraft(**self.cleaned_data)


class ActionForm(forms.Form):
    """Something to do. In a decision's form a row left empty is no action."""

    title = forms.CharField(label="What is to be done", max_length=300)
    owner_role = forms.ChoiceField(label="Owner", choices=ROLE_CHOICES)
    due_date = _day("Due")

    def draft(self) -> ActionDraft:
        return ActionDraft(**self.cleaned_data)


OptionForms = forms.formset_factory(OptionForm, extra=OPTION_ROWS, max_num=OPTION_ROWS, absolute_max=OPTION_ROWS)
ActionForms = forms.formset_factory(ActionForm, extra=ACTION_ROWS, max_num=ACTION_ROWS, absolute_max=ACTION_ROWS)


class DecisionForm(forms.Form):
    """A decision but for its options and actions, which are forms of their own."""

    idempotency_key = forms.CharField(max_length=40, widget=forms.HiddenInput)
    week = forms.ChoiceField(label="Review")
    kind = forms.ChoiceField(label="Kind", choices=[("", "Choose a kind"), *DECISION_KINDS])
    supersedes = forms.TypedChoiceField(label="Supersedes", required=False, coerce=int, empty_value=None)
    question = forms.CharField(label="What is decided", max_length=300, help_text="As a question, with amounts")
    chosen = forms.TypedChoiceField(
        label="Chosen",
        coerce=int,
        choices=[(place, f"Option {place + 1}") for place in range(OPTION_ROWS)],
        widget=forms.RadioSelect,
    )
    reason = _text("Why this option")
    dissent = _text("Dissent", required=False, help_text="Who disagreed, and why")
    decider_role = forms.ChoiceField(label="Decided by", choices=ROLE_CHOICES)
    owner_role = forms.ChoiceField(label="Owner", choices=ROLE_CHOICES, help_text="Who makes it happen")
    effect_metric = forms.ChoiceField(label="Expected effect on", choices=[("", "Choose a metric"), *METRIC_CHOICES])
    effect_direction = forms.ChoiceField(label="Direction", choices=METRIC_DIRECTIONS)
    effect_target = forms.DecimalField(
        label="Target",
        max_digits=22,
        decimal_places=4,
        help_text="In the unit named with the metric; shares in per cent",
    )
    effect_by_date = _day("By")
    review_back_date = _day("Review-back", help_text="At most 13 weeks from today")
    guardrail_metric = forms.ChoiceField(
        label="Guardrail", required=False, choices=[("", "None"), *METRIC_CHOICES], help_text="What must not get worse"
    )
    reversible = forms.BooleanField(label="Can be reversed", required=False)

    def __init__(self, *args: Any, weeks: Sequence[str], replaceable: Iterable[tuple[int, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["week"].choices = [(week, week) for week in weeks]  # type: ignore[attr-defined]
        self.fields["supersedes"].choices = [("", "No earlier decision"), *replaceable]  # type: ignore[attr-defined]


class DecisionForms:
    """The three forms of one decision together: bound to what came in, or empty with first values."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        weeks: Sequence[str],
        replaceable: Iterable[tuple[int, str]],
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.decision = DecisionForm(data, weeks=weeks, replaceable=replaceable, initial=dict(initial or {}))
        self.options = OptionForms(data, prefix="options", initial=[{"name": DO_NOTHING}] if data is None else None)
        self.actions = ActionForms(data, prefix="actions")

    def is_valid(self) -> bool:
        # All three, so that every error shows at once.
        return all([self.decision.is_valid(), self.options.is_valid(), self.actions.is_valid()])

    def draft(self) -> DecisionDraft:
        """The draft of valid forms. Rows left empty are no options and no actions."""
        data = dict(self.decision.cleaned_data)
        data.pop("idempotency_key")
        places = self._option_places()
        chosen = data.pop("chosen")
        metric = METRICS[data["effect_metric"]]
        data["effect_target"] = metric.from_typed(data["effect_target"])
        return DecisionDraft(
            **data,
            options=[self.options[place].draft() for place in places],
            chosen=places.index(chosen) if chosen in places else None,
            actions=[self.actions[place].draft() for place in self._action_places()],
        )

    def add_errors(self, errors: Iterable[FieldError]) -> None:
        """Puts a refused draft's errors back on the fields they speak of."""
        for field, sentence in errors:
            head, _, rest = field.partition(".")
            if head == "options" and rest:
                place, _, name = rest.partition(".")
                self.options[self._option_places()[int(place)]].add_error(name, sentence)
            elif head == "actions" and rest:
                place, _, name = rest.partition(".")
                self.actions[self._action_places()[int(place)]].add_error(name, sentence)
            else:
                self.decision.add_error(field if field in self.decision.fields else None, sentence)

    def _option_places(self) -> list[int]:
        return [place for place, form in enumerate(self.options) if not form.is_blank]

    def _action_places(self) -> list[int]:
        return [place for place, form in enumerate(self.actions) if form.has_changed()]


class NewActionForm(ActionForm):
    """An action recorded by itself."""

    idempotency_key = forms.CharField(max_length=40, widget=forms.HiddenInput)
    week = forms.ChoiceField(label="Review")
    decision = forms.TypedChoiceField(label="For the decision", required=False, coerce=int, empty_value=None)

    field_order = ["week", "decision", "title", "owner_role", "due_date"]

    def __init__(self, *args: Any, weeks: Sequence[str], decisions: Iterable[tuple[int, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["week"].choices = [(week, week) for week in weeks]  # type: ignore[attr-defined]
        self.fields["decision"].choices = [("", "None"), *decisions]  # type: ignore[attr-defined]

    def draft(self) -> ActionDraft:
        return ActionDraft(**{name: self.cleaned_data[name] for name in ("title", "owner_role", "due_date")})


class CloseActionForm(forms.Form):
    """An action done or dropped. row_version: that of the action when the page was opened."""

    row_version = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    status = forms.ChoiceField(
        label="It is", choices=[("done", "Done"), ("dropped", "Dropped")], widget=forms.RadioSelect
    )
    note = forms.CharField(label="What was done, or why it is dropped", max_length=300)


class VerdictForm(forms.Form):
    """What a decision did. The actual value is the plan's own figure and cannot be typed."""

    week = forms.ChoiceField(label="Said on the review of")
    verdict = forms.ChoiceField(
        label="Verdict",
        choices=[("", "Choose a verdict"), *DecisionVerdict._meta.get_field("verdict").flatchoices],
    )
    note = _text("What was seen, and what is learned")

    def __init__(self, *args: Any, weeks: Sequence[str], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["week"].choices = [(week, week) for week in weeks]  # type: ignore[attr-defined]


class DecisionFilterForm(forms.Form):
    """What part of the decisions and actions to show. A value that is not a choice shows everything."""

    state = forms.CharField(required=False, max_length=20)
    action_state = forms.CharField(required=False, max_length=20)
    kind = forms.ChoiceField(required=False, choices=[("", "All kinds"), *DECISION_KINDS])
    owner = forms.ChoiceField(required=False, choices=[("", "All owners"), *ROLE_CHOICES[1:]])
    week = forms.RegexField(regex=r"^\d{4}-W\d{2}$", required=False)


def last_review_back(today: date) -> date:
    """The latest day a decision of today may be looked back at."""
    return today + timedelta(days=REVIEW_BACK_DAYS)

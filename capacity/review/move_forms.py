"""Forms of moves: one to propose, one to accept. A form turns typed text into cells or an acceptance; what is wrong with
a move or a decision is said where they are written.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms

from capacity.decisions.effects import METRICS
from capacity.decisions.forms import ROLE_CHOICES
from capacity.review.move_steps import Acceptance
from workloads.domain.moves import KINDS
from workloads.move_models import MOVE_KINDS, QUALITY_GATES

# The headline metrics that a move is to bring down.
MOVE_METRICS = [(code, METRICS[code].label) for code in ("H6", "H10")]


def _day(label: str, **more: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **more)


class MoveForm(forms.Form):
    """A move as somebody proposes it."""

    title = forms.CharField(label="The move in a few words", max_length=200)
    key = forms.CharField(label="Key", max_length=80, help_text="a short name that never changes")
    workload = forms.ChoiceField(label="Workload")
    kind = forms.ChoiceField(label="Kind", choices=MOVE_KINDS)
    to_key = forms.CharField(
        label="To",
        max_length=80,
        required=False,
        help_text="model version or accelerator type, where the kind names one",
    )
    amount = forms.DecimalField(
        label="Amount",
        max_digits=9,
        decimal_places=5,
        required=False,
        help_text="share (0.8 for 80 %) of caching, routing, context length; factor (1.6) of batching, quantisation",
    )
    quality_gate = forms.ChoiceField(label="Quality gate", choices=QUALITY_GATES)
    gate_date = _day("Tested on", required=False)
    gate_evidence = forms.CharField(label="Where the test can be read", max_length=400, required=False)
    must_agree_role = forms.ChoiceField(label="Who must agree", choices=ROLE_CHOICES, required=False)
    one_off_usd = forms.DecimalField(label="One-off cost, USD", max_digits=20, decimal_places=2, required=False)

    def __init__(self, *args: Any, workloads: Iterable[tuple[str, str]], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["workload"].choices = [("", "Choose a workload"), *workloads]  # type: ignore[attr-defined]

    def cells(self) -> dict[str, str]:
        return {name: "" if value is None else str(value) for name, value in self.cleaned_data.items()}


class AcceptForm(forms.Form):
    """What a decision that accepts a move says beyond the move. row_version: that of the move when the form was opened."""

    idempotency_key = forms.CharField(max_length=40, widget=forms.HiddenInput)
    row_version = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)
    week = forms.ChoiceField(label="On the review of")
    reason = forms.CharField(label="Why", widget=forms.Textarea(attrs={"rows": 2}))
    gate_reason = forms.CharField(
        label="Why without a passed quality gate", widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    risk = forms.CharField(label="What could go wrong", max_length=300)
    who_loses = forms.CharField(label="Who loses by it", max_length=300)
    decider_role = forms.ChoiceField(label="Decided by", choices=ROLE_CHOICES)
    owner_role = forms.ChoiceField(label="Owner", choices=ROLE_CHOICES, help_text="who carries it out")
    due_date = _day("Due")
    effect_metric = forms.ChoiceField(label="Metric to bring down", choices=MOVE_METRICS)
    effect_target = forms.DecimalField(label="To at most", max_digits=20, decimal_places=4)
    review_back_date = _day("Review-back", help_text="within 13 weeks")

    def __init__(self, *args: Any, weeks: Sequence[str], **more: Any) -> None:
        super().__init__(*args, **more)
        self.fields["week"].choices = [(week, week) for week in weeks]  # type: ignore[attr-defined]

    def acceptance(self) -> Acceptance:
        data = {
            name: value for name, value in self.cleaned_data.items() if name not in ("idempotency_key", "row_version")
        }
        data["effect_target"] = METRICS[data["effect_metric"]].from_typed(data["effect_target"])
        return Acceptance(**data)


def kind_help() -> list[tuple[str, str]]:
    """Every kind with what it changes."""
    return [(kind.name, kind.says) for kind in KINDS.values()]

"""The form of a new token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from capacity.access.models import TokenScope
from capacity.access.tokens import LIFETIMES_DAYS


class NewTokenForm(forms.Form):
    """A token for a program. limits: (heading, [(resource or area, its name)]) that it may be limited to."""

    name = forms.CharField(
        max_length=80,
        label="What it is for",
        help_text="The program and where it runs, such as: nightly usage upload, billing server.",
    )
    scope = forms.ChoiceField(
        label="What it may do",
        help_text="Never more than your own roles allow at that moment.",
        choices=[(TokenScope.READ, "Read"), (TokenScope.WRITE, "Read and write")],
        widget=forms.RadioSelect,
        initial=TokenScope.READ,
    )
    days = forms.TypedChoiceField(
        label="How long it lives",
        choices=[(days, f"{days} days") for days in LIFETIMES_DAYS],
        coerce=int,
        initial=30,
        help_text="Then it stops by itself. Make a new one in time.",
    )
    only = forms.MultipleChoiceField(
        label="Limited to",
        required=False,
        help_text="Choose areas or single tables; nothing chosen means all of them. Hold Ctrl to choose several.",
    )

    def __init__(self, *args: Any, limits: Sequence[tuple[str, Sequence[tuple[str, str]]]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["only"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(heading, list(options)) for heading, options in limits]
        field.widget.attrs["size"] = "8"

"""The guide's page and its one form: the standard policy to begin with."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from capacity.access.models import User
from capacity.access.permissions import may
from capacity.access.viewer import requires, viewer_of
from capacity.decisions.standard_policy import MEANINGS
from capacity.imports.proposals import visible_proposals
from capacity.imports.tables import tables
from capacity.inventory.models import Pool
from capacity.lib.horizon import Week
from capacity.review import start
from capacity.review.context import plan_state

PILLS = {
    "done": ("Done", "done"),
    "look": ("Done, something to look at", "warn"),
    "todo": ("To do", "decide"),
    "wait": ("Can wait", "plain"),
    "others": ("Kept by others", "plain"),
}


class StandardPolicyForm(forms.Form):
    """Whether a floor for model development comes with the standard policy, and how large it is."""

    pools = forms.ModelMultipleChoiceField(
        label="Pools",
        queryset=Pool.objects.order_by("key"),
        to_field_name="key",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    share_percent = forms.DecimalField(
        label="Share of these pools, %", min_value=Decimal(0), max_value=Decimal(100), decimal_places=2, required=False
    )
    accelerators = forms.IntegerField(label="Or at least, accelerators", min_value=1, required=False)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        has_size = found.get("share_percent") is not None or found.get("accelerators") is not None
        if found.get("pools") and not has_size and not self.errors:
            self.add_error("share_percent", "A floor needs a share, a number of accelerators, or both.")
        if has_size and not found.get("pools"):
            self.add_error("pools", "Tick the pools in which the floor is kept.")
        return found


@requires("start.view")
@require_safe
def guide(request: HttpRequest) -> HttpResponse:
    """The steps from nothing to the first review, as far as they are."""
    return _page(request, StandardPolicyForm())


@requires("policy_data.change")
@require_POST
def standard_policy(request: HttpRequest) -> HttpResponse:
    """Take over the standard policy as the first one."""
    form = StandardPolicyForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    asked, share = form.cleaned_data, form.cleaned_data["share_percent"]
    try:
        monday = start.begin_with_standard_policy(
            by=cast(User, request.user),
            today=timezone.now().date(),
            pools=[pool.key for pool in asked["pools"]],
            share="" if share is None else str(share / 100),
            accelerators="" if asked["accelerators"] is None else str(asked["accelerators"]),
        )
    except start.PolicyExists:
        messages.info(request, "There is a policy already. It is changed like any other row.")
    except start.PolicyRefused as refused:
        form.add_error(None, str(refused))
        return _page(request, form, status=422)
    else:
        messages.success(request, f"The standard policy is in force from Monday, {monday:%-d %B %Y}.")
    return redirect("start")


@requires("supply_data.change")
@require_POST
def datasheets(request: HttpRequest) -> HttpResponse:
    """Take over the accelerator types of the public datasheets, while there are none."""
    added = start.take_over_datasheets(by=cast(User, request.user))
    if added:
        messages.success(request, f"{added} accelerator types are there, each with its source. Change what differs.")
    else:
        messages.info(request, "There are accelerator types already. They are changed like any other row.")
    return redirect("start")


def _page(request: HttpRequest, form: StandardPolicyForm, *, status: int = 200) -> HttpResponse:
    viewer, today = viewer_of(request), timezone.now().date()
    found = start.guide_for(viewer, today=today)
    policy = found.steps[0]
    context = {
        "guide": found,
        "steps": [_shown(step) for step in found.steps],
        "form": form if policy.may_change and policy.missing else None,
        "has_pools": bool(form.fields["pools"].queryset.exists()),  # type: ignore[attr-defined]
        "offers_types": any(
            table.name == "accelerator_types" and table.is_missing and table.may_change
            for table in found.steps[1].tables
        ),
        "meanings": MEANINGS,
        "monday": Week.containing(today).monday,
        # A policy alone makes a plan with nothing in it, which is none to look at.
        "has_plan": found.can_plan and plan_state(request).run is not None,
        "may_request": may(viewer.roles, "run.request"),
        "waiting": visible_proposals(viewer=viewer, user=cast(User, request.user)).filter(state="waiting").count(),
        "import_url": reverse("import-new") if may(viewer.roles, "imports.use") else "",
    }
    return render(request, "start/guide.html", context, status=status)


def _shown(state: start.StepState) -> dict[str, Any]:
    word, pill = PILLS[state.state]
    rows = [
        {
            "table": table,
            "list_url": reverse("data-table", args=[table.slug]) if table.is_visible else "",
            "new_url": reverse("data-new", args=[table.slug]) if table.may_change else "",
            "template_url": reverse("import-template", args=[table.name]) if table.may_change else "",
        }
        for table in state.tables
    ]
    known = tables()
    findings = [
        {"found": found, "url": reverse("data-table", args=[known[found.table].slug])} for found in state.findings
    ]
    return {"state": state, "word": word, "pill": pill, "tables": rows, "findings": findings}

"""What every page's frame shows: navigation by role, the account menu and how fresh the plan is."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from capacity.access.permissions import may
from capacity.access.viewer import viewer_of
from capacity.access.visibility import RESTRICTED, Viewer, see
from capacity.allocation.selectors import PlanState, current_plan
from capacity.imports.record_words import list_url, may_change
from capacity.imports.tables import tables
from capacity.review.models import Review

# (label, route, permission, other routes under it). Only pages that exist.
NAVIGATION = (
    ("Review", "home", "review.view", ("review", "review-freeze")),
    ("Workloads", "workloads", "workloads.view", ("actuals", "workload")),
    ("Requests", "requests", "requests.view", ("request", "request-new")),
    ("Quotes", "quotes", "quotes.view", ("quote", "quote-new", "quote-compare", "quote-sheet")),
    ("Contracts", "contracts", "contracts.view", ("contract",)),
    ("Pipeline", "pipeline", "pipeline.view", ()),
    ("Supply", "supply", "supply.view", ("pool",)),
    ("Money", "money", "money.view", ()),
    ("Scenarios", "scenarios", "scenario.view", ("scenario", "scenario-new")),
    ("Decisions", "decisions", "decisions.view", ("decision", "decision-new", "action", "action-new")),
)
USER_MENU = (
    ("Data", "data", "data.view"),
    ("Approvals", "data-proposals", "data.view"),
    ("Imports", "imports", "imports.view"),
    ("Runs", "runs", "run.view"),
    ("Policy", "policy", "policy.view"),
    ("Methods", "methods", "methods.view"),
    ("API", "api-docs", "methods.view"),
    ("Tokens", "tokens", "tokens.own"),
    ("Audit log", "audit", "audit.view"),
    ("People", "people", "users.manage"),
    ("Style guide", "styleguide", "methods.view"),
)

# Route → the table its page shows, for a link to those who keep it; and the column its parameter is a key in.
DATA_BEHIND = {
    "workloads": ("workloads", ""),
    "workload": ("workloads", "key"),
    "requests": ("experiments", ""),
    "request": ("experiments", "key"),
    "contracts": ("contracts", ""),
    "contract": ("contracts", "key"),
    "pipeline": ("contracts", ""),
    "supply": ("pools", ""),
    "pool": ("pools", "pool_key"),
    "policy": ("policy_sets", ""),
}


def frame(request: HttpRequest) -> dict[str, Any]:
    """The context of base.html. Empty for people who are not signed in."""
    user = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        return {}
    roles = viewer_of(request).roles
    route = request.resolver_match.url_name if request.resolver_match else None
    frame: dict[str, Any] = {
        "nav": [
            {"label": label, "url": reverse(name), "current": route in {name, *under}, "count": None}
            for label, name, action, under in NAVIGATION
            if may(roles, action)
        ],
        "user_menu": [
            {"label": label, "url": reverse(name)} for label, name, action in USER_MENU if may(roles, action)
        ],
        "theme": "auto",
        "data_url": data_url(request),
    }
    # Offered until the first review is frozen; the address stays.
    if may(roles, "start.view") and not _is_any_frozen(request):
        frame["user_menu"].insert(0, {"label": "Getting started", "url": reverse("start")})
    if may(roles, "run.view"):
        frame["plan"] = plan_context(state=plan_state(request), viewer=viewer_of(request), now=timezone.now())
    return frame


def note_reviews(request: HttpRequest, *, any_frozen: bool) -> None:
    """For a view that has read the frozen reviews anyway: spares the page a query."""
    request.is_any_review_frozen = any_frozen  # type: ignore[attr-defined]


def _is_any_frozen(request: HttpRequest) -> bool:
    noted = getattr(request, "is_any_review_frozen", None)
    return Review.objects.exists() if noted is None else bool(noted)


def data_url(request: HttpRequest) -> str:
    """Where the rows behind the page are kept; "" for whoever may not change them, and where there are none."""
    match = request.resolver_match
    name, parameter = DATA_BEHIND.get(match.url_name or "", ("", "")) if match else ("", "")
    table = tables().get(name)
    if match is None or table is None or not may_change(table, viewer_of(request)):
        return ""
    return list_url(table, {"key": str(match.kwargs[parameter])} if parameter else None)


def plan_state(request: HttpRequest) -> PlanState:
    """The state of the plan, read once a request."""
    state = getattr(request, "_plan_state", None)
    if not isinstance(state, PlanState):
        state = current_plan(now=timezone.now())
        request._plan_state = state  # type: ignore[attr-defined]
    return state


def plan_context(*, state: PlanState, viewer: Viewer, now: datetime) -> dict[str, Any]:
    """The plan's freshness in words: state ok | old | stale | running | failed | none, and one sentence."""
    word, sentence = _state_words(state, viewer, now)
    context: dict[str, Any] = {
        "state": word,
        "sentence": sentence,
        "age_text": _age_text(state, now),
        "runs_url": reverse("runs"),
        "status_url": reverse("plan-status"),
    }
    if state.active is not None:
        context["progress"] = round(float(state.active.progress_share) * 100)
    return context


def _age_text(state: PlanState, now: datetime) -> str:
    if state.solved_at is None:
        return "No plan yet"
    if state.solved_at.date() == now.date():
        return f"Plan solved {state.solved_at:%H:%M} UTC"
    return f"Plan solved {state.solved_at:%-d %b %H:%M} UTC"


def _state_words(state: PlanState, viewer: Viewer, now: datetime) -> tuple[str, str]:
    active, failure = state.active, state.last_failure
    shown = "" if state.run is None else f" Shown is the plan of {state.solved_at:%-d %b %H:%M} UTC."
    if active is not None and active.state == "running":
        share = round(float(active.progress_share) * 100)
        return "running", f"{active.stage or 'Starting'}, {share}%, {active.seconds:.0f} s so far.{shown}"
    if active is not None:
        return "running", f"A new plan starts in a moment: inputs changed or somebody asked for it.{shown}"
    if state.run is None:
        return (
            "none",
            "It needs a policy and a lot of accelerators, and then starts by itself; the list of runs says more.",
        )
    if failure is not None:
        # The words of an error may quote a row of the inputs: a customer, a price.
        said = see(viewer, "run", "error", failure.sentence)
        why = "The last run ended without a plan." if said is RESTRICTED else said
        return "failed", f"{why}{shown} The list of runs has the reason and a retry."
    if state.is_stale:
        return "stale", f"Inputs changed after this plan read them; a new plan is on its way.{shown}"
    if state.is_past_week:
        return "stale", f"This plan starts in an earlier week; a new one is on its way.{shown}"
    if state.is_old:
        return "old", f"The plan has not been confirmed for more than a day.{shown}"
    return "ok", f"The plan reads the latest inputs; {state.run.termination or 'solved'}."

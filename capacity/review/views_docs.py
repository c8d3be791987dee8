"""Pages about how things are done: the policy in force and before, the methods, the style guide."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.viewer import requires, viewer_of
from capacity.decisions.selectors import policy_versions
from capacity.lib import figures
from capacity.review.methods_page import methods_page
from capacity.review.policy_rows import floor_lines, policy_lines
from capacity.review.styleguide import sample_context

MOST_VERSIONS = 12


@requires("policy.view")
@require_safe
def policy(request: HttpRequest) -> HttpResponse:
    """The policy in force, its floors, and what earlier and later versions say."""
    now, viewer = timezone.now(), viewer_of(request)
    versions = policy_versions()[:MOST_VERSIONS]
    in_force = next((row for row in versions if row["effective_date"] <= now.date()), None)
    heads = [
        {
            "version": row["version"],
            "from": figures.day(row["effective_date"], year=now.year),
            "state": _state(row, in_force, now.date()),
        }
        for row in versions
    ]
    context = {
        "verdict": _policy_verdict(in_force, versions, now.year),
        "heads": heads,
        "lines": policy_lines(viewer, versions),
        "floors": floor_lines(viewer, in_force["floors"]) if in_force else [],
    }
    return render(request, "policy/policy.html", context)


def _state(row: dict[str, Any], in_force: dict[str, Any] | None, today: date) -> str:
    if row is in_force:
        return "in force"
    return "to come" if row["effective_date"] > today else "past"


def _policy_verdict(in_force: dict[str, Any] | None, versions: list[dict[str, Any]], year: int) -> tuple[str, str]:
    if in_force is None:
        return "No policy is in force.", "Without one that starts on or before today no plan can be made."
    since = figures.day(in_force["effective_date"], year=year)
    more = f"{figures.counted(len(versions), 'version')} in all. It changes only by a decision."
    return f"Version {in_force['version']} is in force since {since}.", more


@requires("methods.view")
@require_safe
def methods(request: HttpRequest) -> HttpResponse:
    """How every number is computed. Figures lead to its sections."""
    return render(request, "methods/methods.html", {"methods": methods_page()})


@requires("methods.view")
@require_safe
def styleguide(request: HttpRequest) -> HttpResponse:
    """Every part of a page once, with made-up values."""
    return render(request, "styleguide.html", sample_context())

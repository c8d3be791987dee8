"""Which run a page or an API answer reads: the current one, `?run=ID`, or that of a frozen review, `?review=2026-W48`.

Nothing is recomputed: a past run is shown from its own rows, under today's rights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest
from rest_framework.request import Request

from capacity.allocation.models import Run
from capacity.lib.horizon import Week
from capacity.review.context import plan_state
from capacity.review.models import Review

# A reused run has no rows of its own: it points to the run whose rows it confirmed.
_READABLE = ("done", "reused")


@dataclass(frozen=True, kw_only=True, slots=True)
class ChosenRun:
    """The run to read, None while there is no plan. asked: the parameters that name it, for links within the page."""

    run: Run | None
    asked: Mapping[str, str]
    review_week: str = ""

    @property
    def run_id(self) -> int:
        """The run's id; Http404 without a plan."""
        if self.run is None:
            raise Http404
        return self.run.pk

    @property
    def query(self) -> str:
        """`run=12&` or nothing: put before other parameters, or at the end of a link."""
        return urlencode(self.asked) + "&" if self.asked else ""

    @property
    def first_week(self) -> Week:
        if self.run is None:
            raise Http404
        return Week.parse(self.run.first_week)


def chosen_run(request: HttpRequest | Request) -> ChosenRun:
    """The run the address asks for. Http404 for a run or review that is not there or holds no plan. 1–2 queries."""
    plain: Any = getattr(request, "_request", request)
    params = plain.GET
    review, run_id = params.get("review", ""), params.get("run", "")
    if review:
        found = Review.objects.select_related("run").filter(week=review[:8]).first()
        if found is None or len(review) > 8:
            raise Http404("There is no frozen review of that week.")
        return ChosenRun(run=found.run, asked={"review": review}, review_week=review)
    if run_id:
        return ChosenRun(run=_run_by_id(run_id), asked={"run": run_id})
    return ChosenRun(run=plan_state(plain).run, asked={})


def _run_by_id(text: str) -> Run:
    # An id beyond bigint would be an error of the database instead of a missing page.
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise Http404("There is no such run.")
    run = Run.objects.select_related("reused_run").filter(pk=int(text), state__in=_READABLE).first()
    if run is None:
        raise Http404("There is no such run, or it holds no plan.")
    return run.reused_run if run.state == "reused" and run.reused_run else run

"""Whether the plan moved one request, from where to where, and why: its place now beside an earlier plan's.

What belongs here: which earlier plan it is compared with, and the words. Why a place moved is told by whoever compares
the whole plans; without a cause the page leads to what changed in the inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from capacity.allocation.models import RunPlacement
from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.review.models import Review
from capacity.review.tables import Row
from capacity.review.words import with_mondays

# A place is looked for in as many earlier plans; most of them hold it where it is.
MOST_PLANS = 30
Place = tuple[str, str, str, int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class EarlierPlan:
    """The plan that a place is compared with. review: the week of the frozen review it is of, or ""."""

    run_id: int
    review: str = ""

    @property
    def words(self) -> str:
        return f"in the review frozen for {self.review}" if self.review else f"in plan {self.run_id}"


def earlier_plan(*, key: str, run_id: int, first_week: str) -> EarlierPlan | None:
    """The last frozen review that placed the request; else the newest earlier plan that had it elsewhere. Three queries.

    None: no earlier plan placed it, or each that did has it where the plan shown has it.
    """
    review = Review.objects.filter(week__lt=first_week, run_id__lt=run_id).order_by("-week").first()
    runs = list(
        RunPlacement.objects.filter(experiment_key=key, run_id__lt=run_id)
        .order_by("-run_id")
        .values_list("run_id", flat=True)
        .distinct()[:MOST_PLANS]
    )
    if review is not None and review.run_id in runs:
        return EarlierPlan(run_id=review.run_id, review=review.week)
    rows = RunPlacement.objects.filter(experiment_key=key, run_id__in=[run_id, *runs])
    places: dict[int, list[Place]] = {}
    for row in rows.values("run_id", "pool_key", "domain_key", "start_week", "weeks", "accelerators"):
        places.setdefault(row["run_id"], []).append(_place(row))
    now = sorted(places.get(run_id, []))
    return next((EarlierPlan(run_id=run) for run in runs if sorted(places[run]) != now), None)


def moved_context(
    *,
    plan: EarlierPlan,
    before: Sequence[Row],
    now: Sequence[Row],
    names: Mapping[str, str],
    cause: str = "",
    year: int | None = None,
) -> dict[str, Any] | None:
    """What requests/request.html shows of a move; None where it lies as it did.

    before, now: visible rows of placements. names: pool → its name. cause: a sentence, "" where nobody told one.
    """
    if sorted(map(_place, before)) == sorted(map(_place, now)) or not before:
        return None
    was = _words(before, names, year)
    sentence = f"It lay {was} {plan.words}; it lies {_words(now, names, year)} now." if now else ""
    return {
        "sentence": sentence or f"It had its place {was} {plan.words}, and has none now.",
        "cause": with_mondays(cause, year=year),
        "is_lost": not now,
        "review": plan.review,
    }


def _place(row: Mapping[str, Any]) -> Place:
    return (row["pool_key"], row["domain_key"] or "", row["start_week"], row["weeks"], row["accelerators"])


def _words(rows: Sequence[Row], names: Mapping[str, str], year: int | None) -> str:
    first = min(rows, key=lambda row: (row["start_week"], row["pool_key"]))
    start = week(Week.parse(first["start_week"]), year=year)
    pool = names.get(first["pool_key"], first["pool_key"])
    if len(rows) > 1:
        return f"in {counted(len(rows), 'part')} from {start}, the first in {pool}"
    size = thousands(first["accelerators"])
    return f"from {start} for {counted(first['weeks'], 'week')} in {pool} with {size} accelerators"

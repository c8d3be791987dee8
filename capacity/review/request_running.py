"""How a request that runs stands, in one sentence: whether the plan keeps its place, recalls it, or it is past its end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from capacity.lib.figures import counted, day, week
from capacity.lib.horizon import Week
from capacity.review.tables import Row
from capacity.review.words import with_mondays
from workloads.models import Experiment

KEPT = "It runs; the plan keeps its place."
KEPT_WHILE_FREE = "It runs; the plan keeps its place while nobody above it needs the room."


def running_words(request: Experiment, placed: Sequence[Row], unplaced: Sequence[Row], *, today: date) -> str:
    """placed, unplaced: its rows of the plan shown, as their reader may see them. (methods: Running work)"""
    assert request.started_date is not None
    end = Week.containing(request.started_date).plus(request.weeks)
    in_parts = request.preemptible and request.divisible
    if end.monday <= today and not in_parts:
        last = day(end.monday - timedelta(days=1), year=today.year)
        return (
            f"It runs past its end ({last}): extend it, or record that it is done. The plan counts with its accelerators "
            "one week at a time."
        )
    if unplaced and not placed:
        return with_mondays(str(unplaced[0]["sentence"]), year=today.year)
    if not request.preemptible:
        return KEPT
    until = max((Week.parse(row["start_week"]).plus(row["weeks"]) for row in placed), default=end)
    if until < end and not in_parts:
        lost = counted(until.weeks_until(end), "week")
        return (
            f"It runs; the plan recalls it in the week of {week(until, year=today.year)}, {lost} before its end: the "
            "preemption ledger says for whom."
        )
    domain = next((str(row["domain_key"]) for row in placed if row["domain_key"]), "")
    if domain and request.domain_key and domain != request.domain_key and not in_parts:
        return (
            f"It runs in {request.domain_key}; the plan moves it to {domain} of its pool: the preemption ledger says for "
            "whom."
        )
    return KEPT_WHILE_FREE


def running_pill(placed: Sequence[Row], unplaced: Sequence[Row]) -> str:
    """It runs well while the plan has any week for it."""
    return "warn" if unplaced and not placed else "good"

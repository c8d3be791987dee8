"""Freezes the review of a week: pins its run, what changed and what it carries, and chains it by hash to the one before.

A frozen review is one row that the database refuses to change; its run's tables are immutable too. Checking the chain
is in seals.py; what the pages show of it is built from these rows and nothing newer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models, transaction

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.permissions import may
from capacity.access.roles import Role
from capacity.allocation.models import (
    PLAN_SCOPE,
    CurrentRun,
    Run,
    RunDocument,
    RunLotEvent,
    RunPlacement,
    RunPool,
    RunPoolWeek,
    RunUnplaced,
)
from capacity.allocation.services import request_run
from capacity.imports.models import InputsVersion
from capacity.imports.rows import Row
from capacity.review.carry import follow_through
from capacity.review.changes import Changes, compare
from capacity.review.models import Review, RunFigure
from capacity.review.seals import run_seal, sealed_hash
from contracts.models import RunExposure
from workloads.models import RunTeam

# A plan published between reading and locking makes the freeze start again; it cannot happen often.
FREEZE_TURNS = 3

_RESULT_TABLES: dict[str, tuple[type[models.Model], tuple[str, ...]]] = {
    "pool_weeks": (RunPoolWeek, ("pool_key", "week_index")),
    "lot_events": (RunLotEvent, ("lot_key", "week", "pool_key")),
    "placements": (RunPlacement, ("experiment_key", "start_week", "pool_key")),
    "unplaced": (RunUnplaced, ("experiment_key",)),
    "teams": (RunTeam, ("team_key",)),
    "exposure": (RunExposure, ("contract_key",)),
    "figures": (RunFigure, ("position", "key")),
}

REFUSALS = {
    "not_permitted": "Only the chair freezes a review.",
    "no_plan": "There is no plan yet: nothing to freeze.",
    "nothing": "The plan holds no accelerators: bring in supply first.",
    "not_done": "The current plan is not finished.",
    "other_week": "The current plan is not of this week: recompute it first.",
    "stale": "The plan is older than its inputs: wait for the recompute.",
    "out_of_order": "A later review is frozen already: reviews are frozen in the order of their weeks.",
    "busy": "The plan changed while it was being frozen: try again.",
}


class FreezeRefused(Exception):
    """The review was not frozen. `code` is a key of REFUSALS, the message its sentence."""

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(REFUSALS[code])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pinned:
    """What a freeze is made of, read before anything is locked. All of it is immutable once read."""

    run: Run
    previous: Review | None
    changes: Changes
    seal: dict[str, Any]


def freeze_review(*, week: str, user: User, viewer_roles: Iterable[Role], now: datetime, request: Any = None) -> Review:
    """The frozen review of the week: made now, or the one that was made before (a second click changes nothing).

    Edits and publishing wait for the last step, so that the sealed run is the plan of the inputs as they stand.
    Raises FreezeRefused.
    """
    if not may(viewer_roles, "review.freeze"):
        raise FreezeRefused("not_permitted")
    for _ in range(FREEZE_TURNS):
        frozen = Review.objects.filter(week=week).first()
        if frozen is not None:
            return frozen
        pinned = _read(week)
        with transaction.atomic():
            pointer, version = _lock()
            frozen = Review.objects.filter(week=week).first()
            if frozen is not None:
                return frozen
            if pointer is None or pointer.inputs_version != version:
                raise FreezeRefused("stale")
            if pointer.run_id == pinned.run.pk and _last_review() == pinned.previous:
                return _seal(week, pinned, pointer=pointer, user=user, now=now, request=request)
    raise FreezeRefused("busy")


def freeze_refusal(*, week: str) -> str:
    """The code of what keeps the week from being frozen now ("" when nothing does), for the page that asks first."""
    try:
        pointer = CurrentRun.objects.select_related("run").filter(scope=PLAN_SCOPE).first()
        _check(week, pointer)
        _check_fresh(pointer)
    except FreezeRefused as refused:
        return refused.code
    return ""


def changes_document(run_id: int, previous_review: Review | None) -> Changes:
    """The comparison of a run with the run of a frozen review; the one stored with the run where it is the same."""
    document = RunDocument.objects.get(run_id=run_id)
    against = against_review(previous_review)
    stored = document.changes
    if stored and stored.get("against") == against and stored.get("is_first") == (against is None):
        return dict(stored)
    if previous_review is None:
        return compare(before_inputs=None, before_results={}, after_inputs=document.inputs, after_results={})
    return compare(
        before_inputs=RunDocument.objects.only("inputs").get(run_id=previous_review.run_id).inputs,
        before_results=result_rows(previous_review.run_id),
        after_inputs=document.inputs,
        after_results=result_rows(run_id),
        against=against,
    )


def against_review(review: Review | None) -> dict[str, Any] | None:
    """What a changes document says it was compared with."""
    return None if review is None else {"week": review.week, "run": review.run_id}


def result_rows(run_id: int, names: Collection[str] = ()) -> Mapping[str, list[Row]]:
    """The result tables of a run that are compared between reviews; names: only these of them."""
    return {
        name: list(model._default_manager.filter(run_id=run_id).order_by(*order).values())
        for name, (model, order) in _RESULT_TABLES.items()
        if not names or name in names
    }


def open_weeks() -> Collection[str]:
    """The reviews that still take decisions: the one of the current plan, and the last frozen one."""
    live = CurrentRun.objects.filter(scope=PLAN_SCOPE).values_list("run__first_week", flat=True).first()
    last = Review.objects.order_by("-week").values_list("week", flat=True).first()
    if last and live and live < last:
        live = None
    return sorted({week for week in (live, last) if week})


def run_of_week(week: str) -> int | None:
    """The run a review shows: the frozen one's, else the current one if it is of that week."""
    frozen = Review.objects.filter(week=week).values_list("run_id", flat=True).first()
    if frozen is not None:
        return frozen
    return CurrentRun.objects.filter(scope=PLAN_SCOPE, run__first_week=week).values_list("run_id", flat=True).first()


def _last_review() -> Review | None:
    return Review.objects.order_by("-week").first()


def _read(week: str) -> _Pinned:
    pointer = CurrentRun.objects.select_related("run").filter(scope=PLAN_SCOPE).first()
    run = _check(week, pointer)
    _check_fresh(pointer)
    previous = _last_review()
    return _Pinned(run=run, previous=previous, changes=changes_document(run.pk, previous), seal=run_seal(run))


def _check(week: str, pointer: CurrentRun | None) -> Run:
    if pointer is None:
        raise FreezeRefused("no_plan")
    if pointer.run.state != "done":
        raise FreezeRefused("not_done")
    if pointer.run.first_week != week:
        raise FreezeRefused("other_week")
    if not RunPool.objects.filter(run=pointer.run).exists():
        raise FreezeRefused("nothing")
    if Review.objects.filter(week__gt=week).exists():
        raise FreezeRefused("out_of_order")
    return pointer.run


def _check_fresh(pointer: CurrentRun | None) -> None:
    # The pointer's version, not the run's: a recompute that found the inputs equal confirms the run it kept.
    if pointer is None or not InputsVersion.objects.filter(id=1, version=pointer.inputs_version).exists():
        raise FreezeRefused("stale")


def _lock() -> tuple[CurrentRun | None, int]:
    """The current plan and the inputs' version; edits (each counts it up) and publishing wait until the commit."""
    pointer = CurrentRun.objects.select_for_update().filter(scope=PLAN_SCOPE).first()
    return pointer, InputsVersion.objects.select_for_update().get(id=1).version


def _seal(week: str, pinned: _Pinned, *, pointer: CurrentRun, user: User, now: datetime, request: Any) -> Review:
    review = Review(
        week=week,
        run=pinned.run,
        previous=pinned.previous,
        frozen_at=now,
        frozen_by=user,
        inputs_version=pointer.inputs_version,
        changes=pinned.changes,
        carried=follow_through(week=week, today=now.date()),
    )
    review.content_hash = sealed_hash(
        review, seal=pinned.seal, previous_hash=pinned.previous.content_hash if pinned.previous else ""
    )
    review.save(force_insert=True)
    # The plan of this week is told for good: planning goes on with the next.
    request_run(reason=f"review of {week} frozen", requested_by=user.get_username(), settle=False, now=now)
    record_event(
        user=user,
        request=request,
        action="review_frozen",
        subject=week,
        detail={"run": pinned.run.pk, "inputs_version": pointer.inputs_version, "content_hash": review.content_hash},
    )
    return review

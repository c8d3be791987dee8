"""Asking for a plan: one queued run per scope, joined by everyone who asks while it waits.

What belongs here: requests (an edit, a person, the clock). Who works on a run and how it ends is in runs.py; what is
done about runs nobody works on is in sweeper.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from capacity.allocation.models import PLAN_SCOPE, Run
from capacity.allocation.wake import wake_worker_on_commit

# Each turn either joins the queued run, creates it, or lost a race to somebody who did: far more than can be lost.
REQUEST_TURNS = 20


class RequestNotRecorded(Exception):
    """A run could not be asked for: other requests won every race. Asking again is safe."""


@dataclass(frozen=True, slots=True)
class _Request:
    """What `request_run` was asked."""

    scope: str
    reason: str
    now: datetime
    requested_by: str
    is_forced: bool
    idempotency_key: str | None
    settle: bool
    effort: str


def request_run(
    *,
    reason: str,
    now: datetime,
    requested_by: str = "",
    is_forced: bool = False,
    idempotency_key: str | None = None,
    settle: bool = True,
    scope: str = PLAN_SCOPE,
    effort: str = "quick",
) -> Run:
    """Ask for a recompute and return the run that will answer: the queued one if there is one, else a new one.

    Part of the caller's transaction: a rolled-back edit asks for nothing. While edits keep coming (`settle`) the start
    moves to `now` + RECOMPUTE_SETTLE_SECONDS, but never past RECOMPUTE_MAX_WAIT_SECONDS after the first request; a
    person who asks for it now (`settle=False`) starts it at once. A forced run computes even on unchanged inputs.
    effort: quick, or record for a plan solved longer; joining a waiting run can only raise it.
    The same `idempotency_key` always returns the same run. Call it after the edit's own writes, so that every
    transaction locks in one order. Raises RequestNotRecorded.
    """
    asked = _Request(scope, reason, now, requested_by, is_forced, idempotency_key, settle, effort)
    for _ in range(REQUEST_TURNS):
        try:
            with transaction.atomic():
                return _answered(idempotency_key) or _join_queued(asked) or _create_queued(asked)
        except IntegrityError:
            continue
    raise RequestNotRecorded(f"no run could be queued for {reason!r} in {REQUEST_TURNS} turns")


def retry_run(*, run_id: int, requested_by: str, now: datetime) -> Run:
    """Ask again for what a failed or dead run could not do: at once, computing even on unchanged inputs."""
    return request_run(
        reason=f"retry of run {run_id}", requested_by=requested_by, is_forced=True, settle=False, now=now
    )


def request_scheduled_plan(*, now: datetime) -> Run:
    """The daily run of PLAN_HOUR_UTC: asked for once per scheduled time, however many schedulers ask, however late."""
    due = now.replace(hour=settings.PLAN_HOUR_UTC, minute=0, second=0, microsecond=0)
    if due > now:
        due -= timedelta(days=1)
    return request_run(
        reason="daily plan",
        requested_by="schedule",
        idempotency_key=f"beat:plan:{due:%Y-%m-%dT%H:%M}",
        effort="record",
        now=now,
    )


def _answered(idempotency_key: str | None) -> Run | None:
    """The run that already answers this key."""
    if idempotency_key is None:
        return None
    run = Run.objects.filter(idempotency_key=idempotency_key).select_related("reused_run").first()
    return run.reused_run if run is not None and run.state == "superseded" and run.reused_run else run


def _join_queued(asked: _Request) -> Run | None:
    """Let the queued run answer this request too; None when nothing is queued. Waits for a claim in progress."""
    run = Run.objects.select_for_update(of=("self",)).filter(scope=asked.scope, state="queued").first()
    if run is None:
        return None
    if asked.settle:
        latest = run.requested_at + timedelta(seconds=settings.RECOMPUTE_MAX_WAIT_SECONDS)
        settled = asked.now + timedelta(seconds=settings.RECOMPUTE_SETTLE_SECONDS)
        run.not_before_at = max(run.not_before_at, min(settled, latest))
    elif run.not_before_at > asked.now:
        run.not_before_at = asked.now
        wake_worker_on_commit(run_id=run.pk)
    run.is_forced = run.is_forced or asked.is_forced
    if asked.effort == "record":
        run.effort = asked.effort
    run.attempt = 0  # a waiting retry now answers a new request, which deserves every attempt
    if asked.idempotency_key and run.idempotency_key is None:
        run.idempotency_key = asked.idempotency_key
    elif asked.idempotency_key:
        _record_join(run, asked)
    run.save(update_fields=["not_before_at", "is_forced", "effort", "attempt", "idempotency_key"])
    return run


def _record_join(run: Run, asked: _Request) -> None:
    """A row that keeps a second key of the same run, so that asking again with it finds that run."""
    Run.objects.create(
        scope=run.scope,
        state="superseded",
        reason=asked.reason[:200],
        requested_by=asked.requested_by,
        requested_at=asked.now,
        finished_at=asked.now,
        idempotency_key=asked.idempotency_key,
        reused_run=run,
    )


def _create_queued(asked: _Request) -> Run:
    """Insert the queued run and wake a worker on commit. IntegrityError when somebody else just did."""
    wait = settings.RECOMPUTE_SETTLE_SECONDS if asked.settle else 0.0
    run = Run.objects.create(
        scope=asked.scope,
        state="queued",
        reason=asked.reason[:200],
        requested_by=asked.requested_by,
        requested_at=asked.now,
        not_before_at=asked.now + timedelta(seconds=wait),
        is_forced=asked.is_forced,
        effort=asked.effort,
        idempotency_key=asked.idempotency_key,
    )
    wake_worker_on_commit(run_id=run.pk, countdown=wait)
    return run

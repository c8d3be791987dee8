"""The life of a run under one worker: claim, lease, progress, publish, reuse, failure (methods: Runs).

The row is the record, the broker only wakes workers. Every claim draws a new fencing token (leases).

States: queued → running → done (published) | reused (inputs unchanged) | failed (refused: no retry helps) | queued again after
an error or a lost worker | dead (RECOMPUTE_MAX_ATTEMPTS used up) | superseded (a newer request is queued and will do it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.db import IntegrityError, OperationalError, transaction

from capacity.allocation.leases import (
    LeaseLost,
    Refused,
    hold_longer,
    lost,
    pause_after,
    start_claim,
    tell_progress,
    update_held,
    worker_lost,
)
from capacity.allocation.models import CurrentRun, Run
from capacity.allocation.wake import wake_worker, wake_worker_on_commit
from capacity.imports.selectors import latest_inputs_version

# A run that is due but cannot be claimed this moment (its row is locked by an edit) is tried again this soon.
BUSY_SECONDS = 1.0


class PlanRefused(Refused):
    """The inputs cannot be planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to work on a run, good while the row is running under this token."""

    run_id: int
    scope: str
    fencing_token: int
    attempt: int
    is_forced: bool
    effort: str = "quick"

    @property
    def row_id(self) -> int:
        return self.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHeader:
    """What a finished plan says about itself; stored on its run row. `seconds` by stage."""

    result_hash: str
    as_of_date: date
    first_week: str
    weeks: int
    policy_version: int | None
    formula_version: str
    solver_version: str
    termination: str
    seconds: dict[str, float]


def claim_run(*, run_id: int, worker: str, now: datetime) -> Claim | None:
    """Take a queued run that is due, for RECOMPUTE_LEASE_SECONDS. None when it is not to be had.

    None: not queued (taken, finished), not due yet, its row is locked by an edit, or another run of the scope is
    running with a live lease. A lapsed run of the scope is given back first, so its worker's death delays nobody.
    """
    release_lapsed(now=now)
    try:
        with transaction.atomic():
            run = (
                Run.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(pk=run_id, state="queued", not_before_at__lte=now)
                .first()
            )
            if run is None or Run.objects.filter(scope=run.scope, state="running").exists():
                return None
            return _take(run, worker, now)
    except (IntegrityError, OperationalError):
        # Another run of the scope became running meanwhile (one_running_run_per_scope), or its row stayed locked.
        return None


def _take(run: Run, worker: str, now: datetime) -> Claim:
    start_claim(run, worker=worker, stage="starting", now=now)
    assert run.fencing_token is not None
    # What is read later is at least this new; recorded now, so that even a crash tells which inputs it was about.
    run.inputs_version = latest_inputs_version()
    run.save(
        update_fields=[
            *("state", "fencing_token", "attempt", "worker", "started_at", "lease_until"),
            *("stage", "progress_share", "inputs_version"),
        ]
    )
    return Claim(
        run_id=run.pk,
        scope=run.scope,
        fencing_token=run.fencing_token,
        attempt=run.attempt,
        is_forced=run.is_forced,
        effort=run.effort,
    )


def seconds_until_due(*, run_id: int, now: datetime) -> float | None:
    """When to try again to claim a run that was refused; None when no wake-up is needed.

    None: it is no longer queued, or it waits for a running one, whose end wakes it.
    """
    run = Run.objects.filter(pk=run_id, state="queued").first()
    if run is None:
        return None
    if run.not_before_at > now:
        return (run.not_before_at - now).total_seconds()
    is_waiting = Run.objects.filter(scope=run.scope, state="running", lease_until__gte=now).exists()
    return None if is_waiting else BUSY_SECONDS


def renew_lease(*, claim: Claim, now: datetime) -> None:
    """Hold the run for another RECOMPUTE_LEASE_SECONDS. Raises LeaseLost."""
    hold_longer(Run, claim, now=now)


def report_progress(*, claim: Claim, stage: str, share: float) -> None:
    """Show people what the run is doing; `share` of the whole in [0, 1]. Raises LeaseLost."""
    tell_progress(Run, claim, stage=stage, share=share)


def record_inputs(*, claim: Claim, inputs_version: int, input_hash: str) -> None:
    """Note what was read, so that a failed run names its inputs. Raises LeaseLost."""
    update_held(Run, claim, inputs_version=inputs_version, input_hash=input_hash)


@contextmanager
def _held(claim: Claim) -> Iterator[Run]:
    """The run's row, locked until the transaction ends. Raises LeaseLost; then nothing of the block is kept."""
    with transaction.atomic():
        run = Run.objects.select_for_update(of=("self",)).filter(pk=claim.run_id).first()
        if run is None or run.state != "running" or run.fencing_token != claim.fencing_token:
            raise lost(Run, claim)
        yield run


def publish_run(
    *,
    claim: Claim,
    inputs_version: int,
    input_hash: str,
    header: PlanHeader,
    write_rows: Callable[[Run], None],
    now: datetime,
) -> bool:
    """Write the results, mark the run done and make it current, in one transaction. False when fenced off.

    Readers see the old plan until the commit and the whole new one after it. `write_rows(run)` inserts the result rows.
    """
    try:
        with _held(claim) as run:
            write_rows(run)
            for field in PlanHeader.__dataclass_fields__:
                setattr(run, field, getattr(header, field))
            run.inputs_version, run.input_hash = inputs_version, input_hash
            _finish(run, "done", now)
            _move_pointer(run, shown=run, now=now)
    except LeaseLost:
        return False
    return True


def reuse_run(*, claim: Claim, inputs_version: int, input_hash: str, now: datetime) -> bool:
    """End the run without computing when the current plan was made of the same inputs; it then counts as up to date.

    False when the run must compute: it was forced, there is no current plan, its inputs differ, or it was solved quickly
    and a plan of record is asked for. Raises LeaseLost.
    """
    if claim.is_forced:
        return False
    with _held(claim) as run:
        pointer = CurrentRun.objects.select_related("run").filter(scope=claim.scope).first()
        if pointer is None or pointer.run.input_hash != input_hash:
            return False
        if claim.effort == "record" and pointer.run.effort != "record":
            return False
        run.inputs_version, run.input_hash, run.reused_run = inputs_version, input_hash, pointer.run
        run.as_of_date, run.first_week, run.weeks = pointer.run.as_of_date, pointer.run.first_week, pointer.run.weeks
        _finish(run, "reused", now)
        _move_pointer(run, shown=pointer.run, now=now)
    return True


def _move_pointer(run: Run, *, shown: Run, now: datetime) -> None:
    """Point the scope at `shown` under the run's token, unless a newer token did. Raises LeaseLost."""
    newer: dict[str, Any] = {"fencing_token": run.fencing_token, "inputs_version": run.inputs_version}
    if shown.pk == run.pk:
        newer |= {"run_id": run.pk, "current_since_at": now}
    older = CurrentRun.objects.filter(scope=run.scope, fencing_token__lt=run.fencing_token)
    if older.update(**newer):
        return
    _, is_created = CurrentRun.objects.get_or_create(
        scope=run.scope, defaults={"run_id": shown.pk, "current_since_at": now, **newer}
    )
    if not is_created:
        raise LeaseLost(f"{run.scope} is already current under a newer token than {run.fencing_token}")


def _finish(run: Run, state: str, now: datetime) -> None:
    """End the run for good and, on commit, wake whoever waited for it."""
    run.state, run.finished_at, run.lease_until = state, now, None
    if state in {"done", "reused"}:
        run.stage, run.progress_share, run.error_code, run.error = "", Decimal(1), "", ""
    run.save()
    # Looked up after the commit: a run whose wake-up was dropped because this one was running is then sure to be seen.
    transaction.on_commit(partial(_wake_waiting, run.scope, now), robust=True)


def _wake_waiting(scope: str, now: datetime) -> None:
    for waiting in Run.objects.filter(scope=scope, state="queued"):
        wake_worker(run_id=waiting.pk, countdown=(waiting.not_before_at - now).total_seconds())


def fail_run(*, claim: Claim, code: str, sentence: str, now: datetime) -> str | None:
    """Give the run back after an error: queued again after a pause, superseded, or dead. The new state; None if fenced."""
    try:
        with _held(claim) as run:
            return _give_back(run, code=code, sentence=sentence, pause=pause_after(claim.attempt), now=now)
    except LeaseLost:
        return None


def refuse_run(*, claim: Claim, code: str, sentence: str, now: datetime) -> str | None:
    """End the run as failed: trying again would not help. None if fenced."""
    try:
        with _held(claim) as run:
            run.error_code, run.error = code[:60], sentence
            _finish(run, "failed", now)
            return run.state
    except LeaseLost:
        return None


def release_lapsed(*, now: datetime) -> list[int]:
    """Give back every running run whose lease has lapsed; returns their ids. Safe to call from anywhere, any time."""
    lapsed = Run.objects.filter(state="running", lease_until__lt=now)
    return [run_id for run_id in lapsed.values_list("pk", flat=True) if _release(run_id, now)]


def _release(run_id: int, now: datetime) -> bool:
    try:
        with transaction.atomic():
            # A row that is locked is being published or renewed: it is not lapsed.
            run = (
                Run.objects.select_for_update(skip_locked=True, of=("self",))
                .filter(pk=run_id, state="running", lease_until__lt=now)
                .first()
            )
            if run is None:
                return False
            code, sentence = _why_lapsed(run, now)
            _give_back(run, code=code, sentence=sentence, pause=0.0, now=now)
    except OperationalError:  # an edit that is about to commit holds the queued place: the next call decides
        return False
    return True


def _why_lapsed(run: Run, now: datetime) -> tuple[str, str]:
    limit = settings.CELERY_TASK_TIME_LIMIT
    if run.started_at is not None and (now - run.started_at).total_seconds() >= limit:
        return "time_limit", f"It was stopped at the time limit of {limit} s."
    return "worker_lost", worker_lost(run)


def _give_back(run: Run, *, code: str, sentence: str, pause: float, now: datetime) -> str:
    """Decide what becomes of a run that did not finish. The row is locked. Returns the new state."""
    run.error_code, run.error = code[:60], sentence
    if run.attempt >= settings.RECOMPUTE_MAX_ATTEMPTS:
        _finish(run, "dead", now)
    elif not _requeue(run, now + timedelta(seconds=pause)):
        _finish(run, "superseded", now)
    else:
        wake_worker_on_commit(run_id=run.pk, countdown=pause)
    return run.state


def _requeue(run: Run, not_before_at: datetime) -> bool:
    """Queue the run again; False when a newer request is queued already."""
    run.state, run.not_before_at, run.lease_until = "queued", not_before_at, None
    run.stage, run.progress_share = "", Decimal(0)
    try:
        with transaction.atomic():
            run.save()
    except IntegrityError:
        return False
    return True

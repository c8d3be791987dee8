"""The spine: claim a run, read the inputs in one snapshot, reuse or compute the plan, publish it.

Only the order of steps and what each failure means stand here. What is read, how it is computed and which rows are
written is the plan source's business; who may write is allocation's (capacity/allocation/runs.py).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Any, Protocol

from django.db import connection, transaction

from capacity.allocation.heartbeat import LeaseKeeper
from capacity.allocation.leases import LeaseLost
from capacity.allocation.models import Run
from capacity.allocation.runs import (
    Claim,
    PlanHeader,
    claim_run,
    fail_run,
    publish_run,
    record_inputs,
    refuse_run,
    report_progress,
    reuse_run,
    seconds_until_due,
)
from capacity.allocation.wake import wake_worker
from capacity.lib.canonical import content_hash
from capacity.review.attempts import Reporter, attempt

logger = logging.getLogger(__name__)

ReportProgress = Callable[[str, float], None]


class Inputs(Protocol):
    """Everything a plan is made of, as read in one snapshot; `version` is InputsVersion.version of that snapshot."""

    @property
    def version(self) -> int: ...

    def as_document(self) -> Mapping[str, Any]:
        """All rows by table, sorted by key: what is hashed and stored with the run."""
        ...


class Plan(Protocol):
    """A computed plan: what it says about itself, and its rows."""

    @property
    def header(self) -> PlanHeader: ...

    def write(self, run: Run) -> None:
        """Insert the run's result rows; inside the publishing transaction."""
        ...


class PlanSource(Protocol):
    """Reads inputs and computes plans. Its two versions are part of the input hash: a new formula is a new plan."""

    @property
    def formula_version(self) -> str: ...

    @property
    def solver_version(self) -> str: ...

    def read(self, *, as_of: date) -> Inputs: ...

    def compute(self, *, inputs: Any, progress: ReportProgress, effort: str) -> Plan:
        """The plan of the inputs. `progress(stage, share)` may raise LeaseLost. Raises PlanRefused."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a `recompute` ended: the run's new state, `not_claimed` or `fenced_off`; seconds to the next try if due later."""

    state: str
    wake_in: float | None = None


@contextmanager
def one_snapshot() -> Iterator[None]:
    """A read-only transaction in which every query sees the same moment. Must not be inside another transaction."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def input_hash(*, inputs: Inputs, as_of: date, source: PlanSource) -> str:
    """SHA-256 over all that decides the plan: inputs, as-of date, formula and solver version."""
    return content_hash(
        {
            "as_of": as_of,
            "formula_version": source.formula_version,
            "inputs": inputs.as_document(),
            "solver_version": source.solver_version,
        }
    )


def recompute(*, run_id: int, worker: str, clock: Callable[[], datetime], source: PlanSource) -> Outcome:
    """Work on the run if it is to be had. Calling it any number of times, anywhere, gives one result.

    A run that is not due yet, or whose row is busy, gets another wake-up. Errors end in the run row (code and
    sentence), never in the broker; the log has the trace.
    """
    claim = claim_run(run_id=run_id, worker=worker, now=clock())
    if claim is None:
        wake_in = seconds_until_due(run_id=run_id, now=clock())
        if wake_in is not None:
            wake_worker(run_id=run_id, countdown=wake_in)
        return Outcome(state="not_claimed", wake_in=wake_in)
    with LeaseKeeper(claim=claim, clock=clock) as lease:
        state = _guarded(claim, clock, lambda: _solve_and_publish(claim, lease, clock, source))
    logger.info("run %s attempt %s under token %s: %s", run_id, claim.attempt, claim.fencing_token, state)
    return Outcome(state=state)


def _guarded(claim: Claim, clock: Callable[[], datetime], work: Callable[[], str]) -> str:
    """Do the work; turn each way of failing into the run's state."""

    def refuse(**why: str) -> str:
        return refuse_run(claim=claim, now=clock(), **why) or "fenced_off"

    def fail(**why: str) -> str:
        return fail_run(claim=claim, now=clock(), **why) or "fenced_off"

    try:
        return attempt(name=f"run {claim.run_id} attempt {claim.attempt}", work=work, refuse=refuse, fail=fail)
    except LeaseLost:
        return "fenced_off"


def _solve_and_publish(claim: Claim, lease: LeaseKeeper, clock: Callable[[], datetime], source: PlanSource) -> str:
    as_of = clock().astimezone(UTC).date()
    with one_snapshot():
        inputs = source.read(as_of=as_of)
        version, hashed = inputs.version, input_hash(inputs=inputs, as_of=as_of, source=source)
    record_inputs(claim=claim, inputs_version=version, input_hash=hashed)
    if reuse_run(claim=claim, inputs_version=version, input_hash=hashed, now=clock()):
        return "reused"
    plan = source.compute(inputs=inputs, progress=_reporter(claim, lease), effort=claim.effort)
    report_progress(claim=claim, stage="storing", share=1.0)
    is_published = publish_run(
        claim=claim,
        inputs_version=version,
        input_hash=hashed,
        header=plan.header,
        write_rows=plan.write,
        now=clock(),
    )
    return "done" if is_published else "fenced_off"


def _reporter(claim: Claim, lease: LeaseKeeper) -> Reporter:
    return Reporter(name=f"run {claim.run_id}", tell=partial(report_progress, claim=claim), lease=lease)

"""A small plan source for tests of the recompute: real tables, no arithmetic, and inputs that misbehave on demand.

The inputs are the sites. A plan is one row per site plus padding rows that all carry the input hash, so that a
half-written or mixed plan shows. A site's `provenance` says what computing it does: see `_misbehave`.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from datetime import date
from typing import Any

from capacity.allocation.models import Run, RunDocument, RunIssue
from capacity.allocation.runs import PlanHeader, PlanRefused
from capacity.imports.selectors import latest_inputs_version
from capacity.inventory.models import Site
from capacity.lib.canonical import content_hash
from capacity.lib.horizon import Week
from capacity.review.cycle import ReportProgress

ROWS_PER_PLAN = 40


@dataclass(frozen=True, kw_only=True)
class FakeInputs:
    version: int
    as_of: date
    sites: tuple[tuple[str, str, str], ...]

    def as_document(self) -> dict[str, Any]:
        return {"sites": [list(site) for site in self.sites]}


@dataclass(frozen=True, kw_only=True)
class FakePlan:
    header: PlanHeader
    document: dict[str, Any]

    def write(self, run: Run) -> None:
        """Written in two statements with a pause between, so that a kill can fall inside the transaction."""
        rows = [
            RunIssue(run=run, code=self.header.result_hash[:60], subject=f"row {number}", sentence="")
            for number in range(ROWS_PER_PLAN)
        ]
        RunIssue.objects.bulk_create(rows[: ROWS_PER_PLAN // 2])
        time.sleep(float(os.environ.get("FAKE_WRITE_SECONDS", "0")))
        RunIssue.objects.bulk_create(rows[ROWS_PER_PLAN // 2 :])
        RunDocument.objects.create(run=run, inputs=self.document, problem={}, solution={})


class FakePlanSource:
    """Computes for FAKE_PLAN_SECONDS (environment, default 0) in steps of 20 ms."""

    formula_version = "fake 1"
    solver_version = "none"

    def read(self, *, as_of: date) -> FakeInputs:
        sites = Site.objects.order_by("key").values_list("key", "name", "provenance")
        return FakeInputs(version=latest_inputs_version(), as_of=as_of, sites=tuple(sites))

    def compute(self, *, inputs: FakeInputs, progress: ReportProgress, effort: str = "quick") -> FakePlan:
        seconds = float(os.environ.get("FAKE_PLAN_SECONDS", "0"))
        started = time.monotonic()
        progress("solving", 0.0)
        for _, _, provenance in inputs.sites:
            _misbehave(provenance)
        while (passed := time.monotonic() - started) < seconds:
            time.sleep(0.02)
            progress("solving", passed / seconds)
        return FakePlan(header=_header(inputs), document=inputs.as_document())


def _header(inputs: FakeInputs) -> PlanHeader:
    return PlanHeader(
        result_hash=content_hash(inputs.as_document()),
        as_of_date=inputs.as_of,
        first_week=Week.containing(inputs.as_of).key,
        weeks=1,
        policy_version=1,
        formula_version=FakePlanSource.formula_version,
        solver_version=FakePlanSource.solver_version,
        termination="optimal",
        seconds={"solve": 0.0},
    )


def _misbehave(provenance: str) -> None:
    """Do what the input asks for: the ways in which a computation goes wrong."""
    if provenance == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    elif provenance == "raise":
        raise KeyError("no such pool")
    elif provenance == "memory":
        raise MemoryError
    elif provenance == "refuse":
        raise PlanRefused(code="no_pools", sentence="There is no pool to plan with. Import pools first.")
    elif provenance == "hang":
        while True:
            time.sleep(0.05)
    elif provenance == "hang_deaf":
        _hang_deaf()


def _hang_deaf() -> None:
    """Ignores the soft limit, as a solver inside native code does."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    while True:
        time.sleep(0.05)

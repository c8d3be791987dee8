"""The demo world through the database: its plan by phase for the table of `make bench`, and each page's milliseconds.

Figures of a noisy machine are ratios within one run. Nothing here fails for being slow but the limits people feel.
Where BENCH_RESULTS names a file, the plan's row is left there.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import time
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import User
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.solution import Solution, solution_to_json
from capacity.allocation.models import Run
from capacity.allocation.services import request_run
from capacity.demo.services import load_demo
from capacity.review.cycle import recompute
from capacity.review.inputs import Inputs
from capacity.review.plan_source import ComputedPlan, Progress, ReviewPlanSource
from tests.benchmarks.processes import BYTES_OF_MAXRSS
from tests.benchmarks.table import PlanRow
from tests.benchmarks.targets import DATABASE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGES = ("/", "/workloads/", "/requests/", "/contracts/", "/supply/", "/decisions/", "/runs/", "/policy/")
ROUNDS = 7
# What people feel: an edit shows its effect within this, and a page opens within this.
PLAN_SECONDS, PAGE_SECONDS = 20.0, 2.0


@pytest.fixture(autouse=True)
def plain_static_names(settings: Any) -> None:
    """Pages name static files without the collected manifest, which only a start of the product makes."""
    backend = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}


class Spy:
    """Stands for the engine, and keeps when it began and ended and what it was given and gave."""

    def __init__(self) -> None:
        self.began = self.ended = 0.0
        self.effort = ""
        self.problem: Problem | None = None
        self.solution: Solution | None = None

    def __call__(self, **given: Any) -> Solution:
        self.began = time.perf_counter()
        self.problem, self.solution = given["problem"], solve(**given)
        self.effort = (given.get("options") or SolveOptions()).effort
        self.ended = time.perf_counter()
        return self.solution


def test_the_demo_world_is_planned_and_its_pages_open_in_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_demo(as_of=date(2026, 11, 22), password="a-password-for-tests", now=NOW)
    spy = Spy()
    monkeypatch.setattr("capacity.review.compute.solve", spy)
    row, size = _plan(spy)
    if os.environ.get("BENCH_RESULTS"):
        Path(os.environ["BENCH_RESULTS"]).write_text(json.dumps(asdict(row)))
    with capsys.disabled():
        print(f"\nThe demo world: {size}")
        for name, seconds in {**row.seconds, "all": row.total}.items():
            print(f"{name:<24}{seconds:>10.2f}")
        print(f"\n{'page':<24}{'median ms':>10}{'queries':>9}{'kB':>7}")
        slowest = 0.0
        for path in PAGES:
            median, queries, kilobytes = _page(path)
            slowest = max(slowest, median)
            print(f"{path:<24}{median * 1000:>10.0f}{queries:>9}{kilobytes / 1000:>7.0f}")
    assert row.total < PLAN_SECONDS
    assert slowest < PAGE_SECONDS


class TimedSource(ReviewPlanSource):
    """The product's plan source, and when each stage it tells began and when the plan was computed."""

    def __init__(self) -> None:
        self.began: dict[str, float] = {}
        self.computed = 0.0

    def compute(self, *, inputs: Inputs, progress: Progress, effort: str = "quick") -> ComputedPlan:
        def told(stage: str, share: float) -> None:
            self.began.setdefault(stage, time.perf_counter())
            progress(stage, share)

        plan = super().compute(inputs=inputs, progress=told, effort=effort)
        self.computed = time.perf_counter()
        return plan


def _plan(spy: Spy) -> tuple[PlanRow, str]:
    """The measured row, and how large the demo world is."""
    source = TimedSource()
    run = request_run(reason="bench", now=NOW, is_forced=True, settle=False)
    Run.objects.filter(pk=run.pk).update(not_before_at=NOW)
    began, worked = time.perf_counter(), time.process_time()
    outcome = recompute(run_id=run.pk, worker="bench", clock=lambda: NOW, source=source)
    ended, processor = time.perf_counter(), time.process_time() - worked
    assert outcome.state == "done"
    assert spy.problem is not None and spy.solution is not None
    found = solution_to_json(spy.solution)
    problem = spy.problem
    exposure = source.began["Explaining"] - source.began["Costing contracts"]
    row = PlanRow(
        size=DATABASE,
        ask=None,
        effort=spy.effort,
        total=ended - began,
        seconds={
            "read": spy.began - began,
            **found["seconds"],
            "rows": source.computed - spy.ended - exposure,
            "exposure": exposure,
            "store": ended - source.computed,
        },
        processor=processor,
        megabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * BYTES_OF_MAXRSS / 2**20,
        termination=found["termination"],
        tiers=found["tiers"],
    )
    counts = len(problem.pools), len(problem.serving), len(problem.experiments), problem.weeks
    return row, "{} pools, {} demands, {} experiments, {} weeks".format(*counts)


def _page(path: str) -> tuple[float, int, int]:
    client = Client()
    client.force_login(User.objects.get(username="chair"), backend="capacity.access.backends.AccountBackend")
    client.get(path)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - began)
        assert answer.status_code == 200
    with CaptureQueriesContext(connection) as seen:
        client.get(path)
    return statistics.median(times), len(seen), len(answer.content)

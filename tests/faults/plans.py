"""What fault tests do to plans and check about them: edit, wait for the plan of the last edit, look for half plans."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from capacity.allocation.models import CurrentRun, Run, RunDocument, RunIssue
from capacity.allocation.services import request_run
from capacity.allocation.sweeper import sweep
from capacity.imports.selectors import latest_inputs_version
from capacity.inventory.models import Site
from capacity.review.cycle import recompute
from tests.faults.fake_plan import ROWS_PER_PLAN, FakePlanSource


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize `trials`: a few in `make test`, many in `make test-long` (marker `long`)."""
    return pytest.mark.parametrize(
        "trials",
        [pytest.param(range(few), id="few"), pytest.param(range(many), id="many", marks=pytest.mark.long)],
    )


def edit(key: str, *, does: str = "", ask: bool = True, settle: bool = False) -> Run | None:
    """Commit an edit, with its request for a plan unless `ask` is False."""
    with transaction.atomic():
        Site.objects.update_or_create(key=key, defaults={"name": key, "region": "us-east", "provenance": does})
        return request_run(reason="edit", settle=settle, now=timezone.now()) if ask else None


def plan_here(run: Run) -> str:
    """Recompute in this process, at once."""
    return recompute(run_id=run.pk, worker="test", clock=timezone.now, source=FakePlanSource()).state


def is_up_to_date() -> bool:
    pointer = CurrentRun.objects.first()
    return pointer is not None and pointer.inputs_version == latest_inputs_version()


def sweep_until(condition: Any, *, seconds: float, what: str) -> float:
    """Sweep each SWEEP_SECONDS, as beat does, until the condition holds; the seconds it took."""
    started = time.monotonic()
    next_sweep = started
    while not condition():
        now = time.monotonic()
        assert now - started < seconds, f"not within {seconds} s: {what}; runs: {list_runs()}"
        if now >= next_sweep:
            sweep(now=timezone.now())
            next_sweep = now + settings.SWEEP_SECONDS
        time.sleep(0.02)
    return time.monotonic() - started


def list_runs() -> list[Any]:
    return list(Run.objects.order_by("pk").values_list("pk", "state", "attempt", "stage", "error_code", "worker"))


def assert_plans_are_whole() -> None:
    """Done runs have all their rows and one document, all of one result; every other run has none."""
    rows = dict(RunIssue.objects.values_list("run_id").annotate(n=Count("pk")))
    documents = dict(RunDocument.objects.values_list("run_id").annotate(n=Count("pk")))
    for run in Run.objects.all():
        expected = (ROWS_PER_PLAN, 1) if run.state == "done" else (0, 0)
        assert (rows.get(run.pk, 0), documents.get(run.pk, 0)) == expected, f"{run} {run.stage}"
        codes = set(RunIssue.objects.filter(run=run).values_list("code", flat=True))
        assert codes <= {run.result_hash[:60]}
    pointer = CurrentRun.objects.select_related("run").first()
    assert pointer is None or pointer.run.state == "done"


class Probe(threading.Thread):
    """Reads the current plan each 100 ms as a page does; `failures` must stay empty."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.failures: list[str] = []
        self.reads = 0
        self._ended = threading.Event()

    def run(self) -> None:
        try:
            while not self._ended.wait(0.1):
                self._read()
        finally:
            connection.close()

    def _read(self) -> None:
        try:
            run = CurrentRun.objects.select_related("run").get().run
            rows = RunIssue.objects.filter(run=run, code=run.result_hash[:60]).count()
            if (run.state, rows) != ("done", ROWS_PER_PLAN):
                self.failures.append(f"{run} with {rows} rows")
        except Exception as error:  # a page that cannot be read is what is looked for
            self.failures.append(repr(error))
        self.reads += 1

    def __enter__(self) -> Probe:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.join()


def in_threads(*works: Any) -> list[Any]:
    """Run the works at the same moment, each on its own thread and connection; their answers in order."""
    answers: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def call(place: int) -> None:
        try:
            gate.wait()
            answers[place] = works[place]()
        except Exception as error:
            answers[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(place,)) for place in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers

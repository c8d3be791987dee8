"""The broker down, frozen, flushed; many edits through a real worker.

| test | trials: make test | long | number to pass |
|---|---|---|---|
| R3 100 edits in 2 s on 4 threads (scaled by 5: settle 0.4 s, at most 1.6 s) | 1 | 100 | at most 3 starts, the last \
edit in the plan |
| R6 broker killed or frozen while saving | 3 each | 25 each | every edit saved, at most 1 s longer |
| R6 everything flushed with work queued, the worker connected | 2 | 50 | done within 2 sweeps + the run itself |
| R6 broker restarted empty under a connected worker | 1 | 10 | done within 60 s |
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db.models import Sum

from capacity.allocation.models import Run
from capacity.imports.selectors import latest_inputs_version
from tests.faults.plans import assert_plans_are_whole, edit, few_or_many, in_threads, is_up_to_date, sweep_until
from tests.faults.processes import OwnBroker, Worker

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]


def _edit_steadily(name: str, *, edits: int, seconds: float) -> None:
    for number in range(edits):
        edit(f"{name}e{number}", settle=True)
        time.sleep(seconds / edits)


@few_or_many(1, 100)
def test_a_hundred_edits_start_a_handful_of_runs_and_the_last_edit_is_in_the_plan(
    make_worker: Callable[..., Worker], settings: Any, trials: range
) -> None:
    settings.RECOMPUTE_SETTLE_SECONDS, settings.RECOMPUTE_MAX_WAIT_SECONDS = 0.4, 1.6
    make_worker(FAKE_PLAN_SECONDS=0.2)
    for trial in trials:
        before = _starts()
        in_threads(*[partial(_edit_steadily, f"t{trial}w{n}", edits=25, seconds=2.0) for n in range(4)])
        sweep_until(is_up_to_date, seconds=20, what="the plan of the last edit")
        assert 1 <= _starts() - before <= 3
        assert_plans_are_whole()


def _starts() -> int:
    return Run.objects.aggregate(starts=Sum("attempt"))["starts"] or 0


@pytest.mark.parametrize("fault", ["killed", "frozen"])
@few_or_many(3, 25)
def test_saving_an_edit_never_waits_for_a_broker_that_is_down(own_broker: OwnBroker, fault: str, trials: range) -> None:
    edit("first")
    Run.objects.all().delete()
    if fault == "killed":
        own_broker.kill()
    else:
        own_broker.signal(signal.SIGSTOP)
    for trial in trials:
        started = time.monotonic()
        run = edit(f"site{trial}")
        assert time.monotonic() - started < 1.0
        assert run is not None
        Run.objects.all().delete()
    if fault == "killed":
        own_broker.start()


@few_or_many(2, 50)
def test_work_lost_by_a_flush_is_done_after_the_next_sweep(
    make_worker: Callable[..., Worker], own_broker: OwnBroker, trials: range
) -> None:
    worker = make_worker()
    edit("first")
    sweep_until(is_up_to_date, seconds=20, what="the first plan")
    for trial in trials:
        own_broker.client().flushall()
        edit(f"site{trial}", ask=False)
        took = sweep_until(is_up_to_date, seconds=20, what="the plan after the flush")
        assert took < 5.0, worker.log.read_text()[-2000:]
    assert_plans_are_whole()


@few_or_many(1, 10)
def test_a_broker_restarted_empty_is_found_again_by_the_worker(
    make_worker: Callable[..., Worker], own_broker: OwnBroker, trials: range
) -> None:
    make_worker()
    for trial in trials:
        own_broker.kill()
        edit(f"site{trial}")
        own_broker.start()
        sweep_until(is_up_to_date, seconds=60, what="the plan after the restart")
    assert latest_inputs_version() == len(trials)

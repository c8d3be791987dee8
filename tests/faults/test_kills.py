"""Workers that are killed, stalled or cut off, as real processes against the real database and broker.

| test | trials: make test | long | number to pass |
|---|---|---|---|
| R1 kill -9 of the process at a random point of a recompute, the commit included | 8 | 150 | 0 lost, 0 half plans, \
every 100 ms probe reads a whole plan, a new plan within lease + 60 s |
| R1 kill -9 of the Celery worker's child | 2 | 40 | the same |
| R1 kill -9 of the Celery worker itself, then a new one | 1 | 10 | the same |
| R4 stalled past the lease while computing, a successor finishes | 2 | 25 | the late write is refused, all of them |
| R4 the same, the successor still computing | 2 | 25 | the same |
| R4 stalled inside the publishing transaction | 1 | 10 | nobody else publishes, it does once |
| R7 killed between commit and message | 5 | 100 | the sweep picks up every one |
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable

import pytest
from django.utils import timezone

from capacity.allocation.models import CurrentRun, Run, RunIssue
from capacity.allocation.runs import claim_run, release_lapsed
from tests.faults.plans import (
    Probe,
    assert_plans_are_whole,
    edit,
    few_or_many,
    is_up_to_date,
    plan_here,
    sweep_until,
)
from tests.faults.processes import Forker, OwnBroker, Worker, wait_until

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

LEASE_AND_MINUTE = 61.0
COMPUTE = {"FAKE_PLAN_SECONDS": 0.2, "FAKE_WRITE_SECONDS": 0.1}


def first_plan() -> None:
    run = edit("first")
    assert run is not None and plan_here(run) == "done"


def running(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, state="running").exists()


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """A process that has just ended by itself needs no signal."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


@few_or_many(8, 150)
def test_a_kill_at_any_point_loses_nothing_and_leaves_no_half_plan(
    make_forker: Callable[..., Forker], trials: range
) -> None:
    forker, chance = make_forker(**COMPUTE), random.Random(1)
    first_plan()
    with Probe() as probe:
        for trial in trials:
            run = edit(f"site{trial}")
            assert run is not None
            pid = forker.order("recompute", run_id=run.pk)
            time.sleep(chance.uniform(0, 0.45))
            kill(pid)
            assert forker.answer() in {"signal 9", "done"}
            sweep_until(lambda: _finish_here(), seconds=LEASE_AND_MINUTE, what="the plan of the last edit")
            assert_plans_are_whole()
    assert probe.failures == []
    assert probe.reads > 0


def _finish_here() -> bool:
    """A successor worker: takes whatever is due. Whether the plan is of the last edit."""
    queued = Run.objects.filter(state="queued", not_before_at__lte=timezone.now()).first()
    if queued is not None:
        plan_here(queued)
    return is_up_to_date()


@few_or_many(2, 40)
def test_a_killed_worker_child_is_replaced_and_the_run_done(make_worker: Callable[..., Worker], trials: range) -> None:
    chance = random.Random(2)
    first_plan()
    worker = make_worker(**COMPUTE)
    with Probe() as probe:
        for trial in trials:
            run = edit(f"site{trial}")
            assert run is not None
            wait_until(lambda: running(run), seconds=20, what="the worker took the run")  # noqa: B023
            time.sleep(chance.uniform(0, 0.4))
            kill(worker.child())
            sweep_until(is_up_to_date, seconds=LEASE_AND_MINUTE, what="the plan of the last edit")
            assert_plans_are_whole()
    assert probe.failures == []


@few_or_many(1, 10)
def test_a_killed_worker_loses_nothing_for_the_next_one(make_worker: Callable[..., Worker], trials: range) -> None:
    chance = random.Random(3)
    first_plan()
    worker = make_worker(**COMPUTE)
    with Probe() as probe:
        for trial in trials:
            run = edit(f"site{trial}")
            assert run is not None
            wait_until(lambda: running(run), seconds=20, what="the worker took the run")  # noqa: B023
            time.sleep(chance.uniform(0, 0.3))
            child = worker.child()
            worker.kill()
            kill(child)
            worker.start()
            sweep_until(is_up_to_date, seconds=LEASE_AND_MINUTE, what="the plan of the last edit")
            assert_plans_are_whole()
    assert probe.failures == []


@few_or_many(2, 25)
def test_a_worker_stalled_past_its_lease_cannot_write_when_it_wakes(
    make_forker: Callable[..., Forker], trials: range
) -> None:
    forker = make_forker(FAKE_PLAN_SECONDS=3)
    for trial in trials:
        run = edit(f"site{trial}")
        assert run is not None
        stalled = forker.order("recompute", run_id=run.pk)
        wait_until(lambda: Run.objects.filter(pk=run.pk, stage="solving").exists(), seconds=20, what="it computes")  # noqa: B023
        kill(stalled, signal.SIGSTOP)
        wait_until(lambda: release_lapsed(now=timezone.now()), seconds=5, what="the lease lapsed")
        assert plan_here(run) == "done"
        successors = CurrentRun.objects.values().get()
        kill(stalled, signal.SIGCONT)
        assert forker.answer() == "fenced_off"
        assert CurrentRun.objects.values().get() == successors
        assert_plans_are_whole()


@few_or_many(2, 25)
def test_a_worker_stalled_past_its_lease_cannot_write_while_its_successor_computes(
    make_forker: Callable[..., Forker], trials: range
) -> None:
    forker = make_forker(FAKE_PLAN_SECONDS=3)
    for trial in trials:
        run = edit(f"site{trial}")
        assert run is not None
        stalled = forker.order("recompute", run_id=run.pk)
        wait_until(lambda: Run.objects.filter(pk=run.pk, stage="solving").exists(), seconds=20, what="it computes")  # noqa: B023
        kill(stalled, signal.SIGSTOP)
        wait_until(lambda: release_lapsed(now=timezone.now()), seconds=5, what="the lease lapsed")
        successor = claim_run(run_id=run.pk, worker="successor", now=timezone.now())
        assert successor is not None
        held = Run.objects.values().get(pk=run.pk)
        kill(stalled, signal.SIGCONT)
        assert forker.answer() == "fenced_off"
        assert Run.objects.values().get(pk=run.pk) == held, "not even the successor's progress was touched"
        assert not RunIssue.objects.filter(run=run).exists()
        wait_until(lambda: release_lapsed(now=timezone.now()), seconds=5, what="the successor's lease lapsed")
        assert plan_here(run) == "done"
        assert_plans_are_whole()


@few_or_many(1, 10)
def test_a_worker_stalled_while_publishing_keeps_its_run_and_publishes_once(
    make_forker: Callable[..., Forker], trials: range
) -> None:
    forker = make_forker(FAKE_WRITE_SECONDS=3)
    for trial in trials:
        run = edit(f"site{trial}")
        assert run is not None
        stalled = forker.order("recompute", run_id=run.pk)
        wait_until(lambda: Run.objects.filter(pk=run.pk, stage="storing").exists(), seconds=20, what="it publishes")  # noqa: B023
        time.sleep(0.2)
        kill(stalled, signal.SIGSTOP)
        time.sleep(1.2)
        assert release_lapsed(now=timezone.now()) == [], "its transaction holds the row"
        assert claim_run(run_id=run.pk, worker="w2", now=timezone.now()) is None
        assert not RunIssue.objects.filter(run=run).exists()
        kill(stalled, signal.SIGCONT)
        assert forker.answer() == "done"
        assert_plans_are_whole()


@few_or_many(5, 100)
def test_an_edit_whose_process_dies_before_the_message_is_picked_up_by_the_sweep(
    make_forker: Callable[..., Forker], own_broker: OwnBroker, trials: range
) -> None:
    forker = make_forker()
    for trial in trials:
        forker.order("edit_and_die", key=f"site{trial}")
        assert forker.answer() == "exit 9"
        run = Run.objects.get(state="queued")
        assert own_broker.queued() == 0
        sweep_until(lambda: own_broker.queued() > 0, seconds=5, what="the sweep wakes a worker")
        assert plan_here(run) == "done"
        assert is_up_to_date()
        own_broker.client().flushall()

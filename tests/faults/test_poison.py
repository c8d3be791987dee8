"""Inputs that crash, hang or exhaust the worker; limits scaled to 1 s (soft) and 2 s (hard), lease 1 s.

| test | trials: make test | long | number to pass |
|---|---|---|---|
| R8 input that kills its worker | 1 | 10 | dead after 3 attempts of one run id, the last good plan \
stays, mended inputs plan |
| R9 solver hangs, listens to the soft limit | 1 | 20 | ended within limit + 5 s, reason `time_limit` |
| R9 solver hangs and is deaf | 1 | 20 | killed within limit + 5 s, no orphan, reason `time_limit` |
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.utils import timezone

from capacity.allocation.models import Run
from capacity.allocation.selectors import current_plan
from capacity.allocation.services import retry_run
from tests.faults.plans import assert_plans_are_whole, edit, few_or_many, is_up_to_date, plan_here, sweep_until
from tests.faults.processes import Worker, is_alive, wait_until
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]


def state_of(run: Run) -> str:
    return str(Run.objects.values_list("state", flat=True).get(pk=run.pk))


@few_or_many(1, 10)
def test_an_input_that_kills_its_worker_ends_dead_after_three_attempts(
    make_worker: Callable[..., Worker], trials: range
) -> None:
    make_worker(TASK_SOFT_SECONDS=50, TASK_HARD_SECONDS=60)
    for trial in trials:
        good = edit("poison")
        sweep_until(is_up_to_date, seconds=30, what="a good plan")
        poisoned = edit("poison", does="crash")
        assert good is not None and poisoned is not None
        sweep_until(lambda: state_of(poisoned) == "dead", seconds=60, what="given up")  # noqa: B023
        poisoned.refresh_from_db()
        assert (poisoned.attempt, poisoned.error_code) == (3, "worker_lost"), trial
        state = current_plan(now=timezone.now())
        assert (state.run_id, state.is_stale) == (good.pk, True)
        assert state.last_failure is not None and state.last_failure.run_id == poisoned.pk
        assert state.active is None
        edit("poison", does=f"mended {trial}")
        sweep_until(is_up_to_date, seconds=30, what="the plan of the mended input")
        assert current_plan(now=timezone.now()).last_failure is None
    assert_plans_are_whole()


@pytest.mark.parametrize(("does", "limit"), [("hang", 1), ("hang_deaf", 2)])
@few_or_many(1, 20)
def test_a_solver_that_hangs_is_ended_at_its_limit(
    make_worker: Callable[..., Worker], does: str, limit: int, trials: range
) -> None:
    make_worker()
    for trial in trials:
        run = edit("hanging", does=does)
        assert run is not None
        wait_until(lambda: state_of(run) == "running", seconds=20, what="it runs")  # noqa: B023
        started = time.monotonic()
        pid = int(Run.objects.values_list("worker", flat=True).get(pk=run.pk).rsplit(":", 1)[1])
        sweep_until(lambda: _first_attempt_ended(run), seconds=limit + 5, what="ended")  # noqa: B023
        assert time.monotonic() - started < limit + 5
        assert Run.objects.get(pk=run.pk).error_code == "time_limit", trial
        if does == "hang_deaf":
            wait_until(lambda: not is_alive(pid), seconds=5, what="no orphan")  # noqa: B023
        Run.objects.filter(pk=run.pk).update(state="failed")
    assert_plans_are_whole()


def _first_attempt_ended(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk).exclude(error_code="").exists()


@pytest.mark.parametrize(("does", "code"), [("raise", "error"), ("memory", "out_of_memory")])
def test_an_input_that_always_fails_ends_dead_and_can_be_retried(
    recorded_broker: RecordedBroker, does: str, code: str
) -> None:
    run = edit("poison", does=does)
    assert run is not None
    sweep_until(lambda: plan_here(run) == "dead", seconds=10, what="given up")
    run.refresh_from_db()
    assert (run.attempt, run.error_code) == (3, code)
    edit("poison", ask=False)
    again = retry_run(run_id=run.pk, requested_by="ann", now=timezone.now())
    assert plan_here(again) == "done"

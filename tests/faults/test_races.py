"""Many at once: deliveries, edits, schedulers, on threads with their own connections.

| test | trials: make test | long | number to pass |
|---|---|---|---|
| R2 one run delivered to 8 threads at once | 10 | 500 | 1 computes, 7 do nothing; 1 current result |
| R2 runs of the same inputs, claimed while delivered twice each | 5 | 200 | 1 result per input hash |
| R7 transactions rolled back | 50 | 500 | 0 runs, 0 messages |
| R10 two schedulers at one tick | 10 | 100 ticks | 1 run per tick |
| 8 edits asking at once, against claims | 5 | 100 | 1 queued run at most, the last edit is in a run to come |
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone

from capacity.allocation.models import CurrentRun, Run
from capacity.allocation.runs import claim_run
from capacity.allocation.services import request_run, request_scheduled_plan
from capacity.allocation.sweeper import sweep
from capacity.imports.selectors import latest_inputs_version
from tests.faults.plans import (
    assert_plans_are_whole,
    edit,
    few_or_many,
    in_threads,
    is_up_to_date,
    plan_here,
    sweep_until,
)
from tests.faults.processes import OwnBroker
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

THREADS = 8


@few_or_many(10, 500)
def test_a_run_delivered_to_eight_workers_at_once_is_computed_once(
    recorded_broker: RecordedBroker, trials: range
) -> None:
    for trial in trials:
        run = edit(f"site{trial}")
        assert run is not None
        outcomes = Counter(in_threads(*[partial(plan_here, run)] * THREADS))
        assert outcomes == {"done": 1, "not_claimed": THREADS - 1}
        assert CurrentRun.objects.get().run_id == run.pk
    assert_plans_are_whole()


@few_or_many(5, 200)
def test_runs_of_the_same_inputs_give_one_result(recorded_broker: RecordedBroker, trials: range) -> None:
    for trial in trials:
        edit(f"site{trial}", ask=False)
        for _ in range(2):
            run = request_run(reason="edit", settle=False, now=timezone.now())
            in_threads(*[partial(plan_here, run)] * 2)
    done = Counter(Run.objects.filter(state="done").values_list("input_hash", flat=True))
    assert set(done.values()) == {1}
    assert Run.objects.filter(state="reused").count() == len(done) == len(trials)
    assert_plans_are_whole()


@few_or_many(50, 500)
def test_rolled_back_edits_ask_for_nothing(own_broker: OwnBroker, trials: range) -> None:
    version = latest_inputs_version()
    for trial in trials:
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            edit(f"site{trial}", settle=trial % 2 == 0)
            raise ZeroDivisionError
    assert (Run.objects.count(), own_broker.queued(), latest_inputs_version()) == (0, 0, version)
    edit("committed")
    assert (Run.objects.count(), own_broker.queued()) == (1, 1)


@few_or_many(10, 100)
def test_two_schedulers_at_one_tick_make_one_run(recorded_broker: RecordedBroker, trials: range) -> None:
    morning = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    for tick in trials:
        now = morning + timedelta(days=tick)
        first, second = in_threads(*[partial(request_scheduled_plan, now=now)] * 2)
        assert first.pk == second.pk
        Run.objects.filter(pk=first.pk).update(state="failed")
        assert Run.objects.count() == tick + 1


@few_or_many(5, 100)
def test_two_schedulers_and_an_edit_at_one_tick_still_answer_the_tick_once(
    recorded_broker: RecordedBroker, trials: range
) -> None:
    morning = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    for tick in trials:
        now = morning + timedelta(days=tick)
        asked = in_threads(
            *[partial(request_scheduled_plan, now=now)] * 2,
            partial(request_run, reason="edit", now=now),
            partial(request_run, reason="pressed", idempotency_key=f"form {tick}", now=now),
        )
        assert len({run.pk for run in asked}) == 1
        Run.objects.filter(state="queued").update(state="failed")
        assert request_scheduled_plan(now=now).pk == asked[0].pk


@few_or_many(5, 100)
def test_two_sweepers_at_once_ask_for_one_run(recorded_broker: RecordedBroker, trials: range) -> None:
    for trial in trials:
        edit(f"site{trial}", ask=False)
        in_threads(*[partial(sweep, now=timezone.now())] * 4)
        assert Run.objects.filter(state="queued").count() == 1
        sweep_until(lambda: Run.objects.get(state="queued").not_before_at <= timezone.now(), seconds=5, what="due")
        assert plan_here(Run.objects.get(state="queued")) == "done"


@few_or_many(5, 100)
def test_an_edit_during_a_claim_is_in_that_run_or_in_the_next(recorded_broker: RecordedBroker, trials: range) -> None:
    for trial in trials:
        run = request_run(reason="edit", settle=False, now=timezone.now())
        edits = [partial(edit, f"t{trial}e{number}") for number in range(THREADS - 1)]
        answers = in_threads(*edits, partial(claim_run, run_id=run.pk, worker="w", now=timezone.now()))
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert Run.objects.filter(state="queued").count() <= 1
        claim = answers[-1]
        if claim is not None:
            # The claimed run's worker dies at once: whatever it read, the edits made after it are queued.
            Run.objects.filter(pk=claim.run_id).update(state="failed", fencing_token=None)
        queued = Run.objects.filter(state="queued").first()
        if queued is not None:
            assert plan_here(queued) in {"done", "reused"}
            assert is_up_to_date()
        else:
            assert claim is not None and Run.objects.get(pk=claim.run_id).inputs_version == latest_inputs_version()
    assert_plans_are_whole()

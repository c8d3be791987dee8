"""Asking for a run: joining, settling, keys, forcing, and waking a worker only after the commit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from capacity.allocation.models import Run
from capacity.allocation.runs import claim_run
from capacity.allocation.services import request_run, request_scheduled_plan, retry_run
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]
with_commits = pytest.mark.django_db(transaction=True)

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture(autouse=True)
def _timings(settings: object) -> None:
    settings.RECOMPUTE_SETTLE_SECONDS = 2.0  # type: ignore[attr-defined]
    settings.RECOMPUTE_MAX_WAIT_SECONDS = 8.0  # type: ignore[attr-defined]


@with_commits
def test_the_first_edit_queues_a_run_that_starts_when_edits_have_settled(recorded_broker: RecordedBroker) -> None:
    run = request_run(reason="edit", requested_by="ann", now=NOON)
    run.refresh_from_db()
    assert (run.state, run.reason, run.requested_by) == ("queued", "edit", "ann")
    assert run.not_before_at == NOON + seconds(2)
    assert recorded_broker.sent == [(run.pk, 2.0)]


@with_commits
def test_an_edit_while_a_run_is_queued_joins_it_and_lets_it_settle_anew(recorded_broker: RecordedBroker) -> None:
    first = request_run(reason="edit", now=NOON)
    second = request_run(reason="edit", now=NOON + seconds(1.5))
    assert second.pk == first.pk
    assert second.not_before_at == NOON + seconds(3.5)
    assert len(recorded_broker.sent) == 1, "only who created the row wakes a worker"


def test_a_stream_of_edits_does_not_postpone_the_run_for_ever() -> None:
    for tenth in range(100):
        run = request_run(reason="edit", now=NOON + seconds(tenth / 10))
    assert Run.objects.count() == 1
    assert run.not_before_at == NOON + seconds(8)


def test_joining_never_makes_the_run_start_earlier(settings: object) -> None:
    run = request_run(reason="edit", now=NOON)
    Run.objects.filter(pk=run.pk).update(not_before_at=NOON + seconds(30))
    assert request_run(reason="edit", now=NOON + seconds(1)).not_before_at == NOON + seconds(30)


@with_commits
def test_a_person_who_presses_recompute_does_not_wait_for_edits_to_settle(recorded_broker: RecordedBroker) -> None:
    run = request_run(reason="edit", now=NOON)
    asked = request_run(reason="asked", settle=False, now=NOON + seconds(1))
    assert asked.pk == run.pk
    assert asked.not_before_at == NOON + seconds(1)
    assert recorded_broker.sent == [(run.pk, 2.0), (run.pk, 0.0)]


def test_a_forced_request_makes_the_joined_run_forced() -> None:
    run = request_run(reason="edit", now=NOON)
    request_run(reason="again", is_forced=True, now=NOON)
    request_run(reason="edit", now=NOON)
    run.refresh_from_db()
    assert run.is_forced


def test_a_new_request_gives_a_waiting_retry_all_its_attempts_back() -> None:
    run = request_run(reason="edit", now=NOON)
    Run.objects.filter(pk=run.pk).update(attempt=2)
    assert request_run(reason="edit", now=NOON).attempt == 0


def test_a_request_while_a_run_is_running_queues_the_next_one() -> None:
    first = request_run(reason="edit", now=NOON)
    assert claim_run(run_id=first.pk, worker="w", now=NOON + seconds(2)) is not None
    second = request_run(reason="edit", now=NOON + seconds(3))
    assert second.pk != first.pk
    assert sorted(Run.objects.values_list("state", flat=True)) == ["queued", "running"]


def test_the_same_key_returns_the_same_run_even_when_it_is_long_done() -> None:
    first = request_run(reason="daily plan", idempotency_key="k", now=NOON)
    Run.objects.filter(pk=first.pk).update(state="failed")
    assert request_run(reason="daily plan", idempotency_key="k", now=NOON + seconds(60)).pk == first.pk
    assert Run.objects.count() == 1


def test_a_key_is_taken_over_by_the_queued_run_it_joins() -> None:
    queued = request_run(reason="edit", now=NOON)
    assert request_run(reason="daily plan", idempotency_key="k", now=NOON).pk == queued.pk
    Run.objects.filter(pk=queued.pk).update(state="failed")
    assert request_run(reason="daily plan", idempotency_key="k", now=NOON).pk == queued.pk


def test_two_keys_can_be_answered_by_one_run() -> None:
    queued = request_run(reason="one", idempotency_key="k1", now=NOON)
    assert request_run(reason="two", idempotency_key="k2", now=NOON).pk == queued.pk
    Run.objects.filter(pk=queued.pk).update(state="failed")
    assert request_run(reason="two", idempotency_key="k2", now=NOON).pk == queued.pk
    assert request_run(reason="one", idempotency_key="k1", now=NOON).pk == queued.pk
    assert not Run.objects.filter(state="queued").exists()


@with_commits
def test_a_rolled_back_edit_asks_for_nothing_and_wakes_nobody(recorded_broker: RecordedBroker) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        request_run(reason="edit", now=NOON)
        raise ZeroDivisionError
    assert not Run.objects.exists()
    assert recorded_broker.sent == []


@with_commits
def test_nobody_is_woken_before_the_commit(recorded_broker: RecordedBroker) -> None:
    with transaction.atomic():
        request_run(reason="edit", now=NOON)
        assert recorded_broker.sent == []
    assert len(recorded_broker.sent) == 1


@with_commits
def test_an_edit_succeeds_while_the_broker_is_down(recorded_broker: RecordedBroker) -> None:
    recorded_broker.is_down = True
    run = request_run(reason="edit", now=NOON)
    assert Run.objects.get(pk=run.pk).state == "queued"


def test_a_retry_is_forced_and_starts_at_once() -> None:
    run = retry_run(run_id=7, requested_by="ann", now=NOON)
    assert (run.is_forced, run.not_before_at, run.reason) == (True, NOON, "retry of run 7")


def test_the_daily_plan_is_asked_for_once_however_often_the_clock_ticks() -> None:
    for minute in range(60):
        run = request_scheduled_plan(now=datetime(2026, 11, 23, 6, minute, tzinfo=UTC))
        Run.objects.filter(pk=run.pk).update(state="failed")
    assert list(Run.objects.values_list("idempotency_key", flat=True)) == ["beat:plan:2026-11-23T06:00"]


def test_a_daily_plan_missed_by_hours_is_caught_up_once_and_the_next_day_has_its_own() -> None:
    late = request_scheduled_plan(now=datetime(2026, 11, 24, 3, 0, tzinfo=UTC))
    assert late.idempotency_key == "beat:plan:2026-11-23T06:00"
    Run.objects.filter(pk=late.pk).update(state="failed")
    on_time = request_scheduled_plan(now=datetime(2026, 11, 24, 6, 0, tzinfo=UTC))
    assert on_time.idempotency_key == "beat:plan:2026-11-24T06:00"

"""The spine with a small plan source: every way a recompute can end, and that its inputs are one moment's."""

from __future__ import annotations

import threading
import time
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection
from django.utils import timezone

from capacity.allocation.models import CurrentRun, Run, RunDocument
from capacity.allocation.runs import release_lapsed
from capacity.allocation.services import request_run
from capacity.imports.selectors import latest_inputs_version
from capacity.inventory.models import Site
from capacity.review.cycle import one_snapshot, recompute
from tests.faults.fake_plan import FakeInputs, FakePlanSource
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("recorded_broker")]

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class SourceThat(FakePlanSource):
    """Does something while computing."""

    def __init__(self, act: Any) -> None:
        self.act = act

    def compute(self, *, inputs: FakeInputs, progress: Any, effort: str = "quick") -> Any:
        self.act()
        return super().compute(inputs=inputs, progress=progress)


def edit(key: str = "use1", does: str = "") -> None:
    Site.objects.create(key=key, name=key, region="us-east", provenance=does)


def run_once(source: FakePlanSource | None = None, **request: Any) -> Run:
    run = request_run(**({"reason": "edit", "settle": False, "now": NOON} | request))
    recompute(run_id=run.pk, worker="w", clock=lambda: NOON, source=source or FakePlanSource())
    run.refresh_from_db()
    return run


def raise_(error: BaseException) -> None:
    raise error


def test_a_recompute_reads_computes_and_publishes() -> None:
    edit()
    run = run_once()
    assert (run.state, run.inputs_version, run.progress_share) == ("done", 1, 1)
    assert CurrentRun.objects.get().run_id == run.pk
    assert RunDocument.objects.get(run=run).inputs == {"sites": [["use1", "use1", ""]]}


def test_the_same_inputs_again_are_answered_by_the_plan_there_is() -> None:
    edit()
    first = run_once()
    Site.objects.update(name="x")
    Site.objects.update(name="use1")
    again = run_once()
    assert (again.state, again.reused_run_id) == ("reused", first.pk)
    pointer = CurrentRun.objects.get()
    assert (pointer.run_id, pointer.inputs_version) == (first.pk, 3)


def test_another_day_or_another_formula_is_not_the_same_input() -> None:
    edit()
    run_once()
    newer = FakePlanSource()
    newer.formula_version = "fake 2"
    assert run_once(newer).state == "done"


def test_a_forced_run_gives_the_same_result_from_the_same_inputs() -> None:
    edit()
    first, second = run_once(), run_once(is_forced=True)
    assert second.state == "done"
    assert (first.input_hash, first.result_hash) == (second.input_hash, second.result_hash)


def test_an_edit_during_the_run_leaves_the_plan_stale_and_the_next_run_reads_it() -> None:
    edit()
    run = run_once(SourceThat(lambda: edit("usw2")))
    assert (run.inputs_version, latest_inputs_version()) == (1, 2)
    assert RunDocument.objects.get(run=run).inputs == {"sites": [["use1", "use1", ""]]}
    assert run_once().inputs_version == 2


def test_inputs_and_their_version_are_of_one_moment() -> None:
    edit()
    edited = threading.Thread(target=_edit_elsewhere)
    with one_snapshot():
        before = latest_inputs_version()
        edited.start()
        edited.join()
        read = FakePlanSource().read(as_of=date(2026, 11, 23))
    assert (before, read.version, len(read.sites)) == (1, 1, 1)
    assert latest_inputs_version() == 2


def _edit_elsewhere() -> None:
    edit("usw2")
    connection.close()


def test_reading_inputs_cannot_write() -> None:
    with pytest.raises(DatabaseError, match="read-only"), one_snapshot():
        edit()


def test_a_refused_plan_is_visible_with_its_reason() -> None:
    edit(does="refuse")
    run = run_once()
    assert (run.state, run.error_code) == ("failed", "no_pools")
    assert run.error == "There is no pool to plan with. Import pools first."
    assert len(run.input_hash) == 64


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SoftTimeLimitExceeded(), "time_limit"),
        (MemoryError(), "out_of_memory"),
        (ValueError("secret detail"), "error"),
    ],
)
def test_an_error_queues_the_run_again_with_a_sentence_and_no_trace(error: Exception, code: str) -> None:
    edit()
    run = run_once(SourceThat(lambda: raise_(error)))
    assert (run.state, run.error_code, run.attempt) == ("queued", code, 1)
    assert run.error and "secret detail" not in run.error


def test_a_run_taken_over_meanwhile_publishes_nothing() -> None:
    edit()

    def lose_the_lease() -> None:
        assert release_lapsed(now=NOON + timedelta(seconds=60))

    run = run_once(SourceThat(lose_the_lease))
    assert (run.state, run.error_code) == ("queued", "worker_lost")
    assert not CurrentRun.objects.exists()
    assert not RunDocument.objects.exists()


def test_a_database_restart_during_the_computation_gives_the_run_back_and_the_retry_succeeds() -> None:
    edit()

    def lose_the_connection() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    run = run_once(SourceThat(lose_the_connection))
    assert (run.state, run.error_code, run.attempt) == ("queued", "error", 1)
    outcome = recompute(run_id=run.pk, worker="w", clock=lambda: NOON + timedelta(seconds=5), source=FakePlanSource())
    assert outcome.state == "done"


def test_a_run_longer_than_its_lease_is_kept_by_its_heartbeat(settings: Any) -> None:
    settings.RECOMPUTE_LEASE_SECONDS = 0.3
    edit()
    released: list[int] = []

    def take_a_second() -> None:
        for _ in range(10):
            time.sleep(0.1)
            released.extend(release_lapsed(now=timezone.now()))

    run = request_run(reason="edit", settle=False, now=timezone.now())
    outcome = recompute(run_id=run.pk, worker="w", clock=timezone.now, source=SourceThat(take_a_second))
    assert (outcome.state, released) == ("done", [])


def test_a_heartbeat_stops_at_the_hard_limit_so_that_a_hang_loses_its_lease(settings: Any) -> None:
    settings.RECOMPUTE_LEASE_SECONDS = 0.3
    settings.CELERY_TASK_TIME_LIMIT = 0.5
    edit()
    released: list[int] = []

    def hang() -> None:
        end = time.monotonic() + 5
        while not released and time.monotonic() < end:
            time.sleep(0.05)
            released.extend(release_lapsed(now=timezone.now()))

    run = request_run(reason="edit", settle=False, now=timezone.now())
    outcome = recompute(run_id=run.pk, worker="w", clock=timezone.now, source=SourceThat(hang))
    assert (outcome.state, released) == ("fenced_off", [run.pk])
    run.refresh_from_db()
    assert run.error_code == "time_limit"


def test_a_run_that_is_not_due_gets_another_wake_up(recorded_broker: RecordedBroker) -> None:
    run = request_run(reason="edit", now=NOON)
    recorded_broker.sent.clear()
    outcome = recompute(run_id=run.pk, worker="w", clock=lambda: NOON, source=FakePlanSource())
    assert (outcome.state, recorded_broker.sent) == ("not_claimed", [(run.pk, 2.0)])


def test_a_second_delivery_of_a_finished_run_does_nothing(recorded_broker: RecordedBroker) -> None:
    edit()
    run = run_once()
    recorded_broker.sent.clear()
    outcome = recompute(run_id=run.pk, worker="w", clock=lambda: NOON, source=FakePlanSource())
    assert (outcome.state, recorded_broker.sent) == ("not_claimed", [])
    assert Run.objects.count() == 1

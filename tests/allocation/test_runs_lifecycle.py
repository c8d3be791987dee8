"""A run under its worker: claim, lease, publish, reuse, give back. Time is passed in; nothing sleeps."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from capacity.allocation.leases import LeaseLost
from capacity.allocation.models import CurrentRun, Run, RunIssue
from capacity.allocation.runs import (
    Claim,
    PlanHeader,
    claim_run,
    fail_run,
    publish_run,
    refuse_run,
    release_lapsed,
    renew_lease,
    report_progress,
    reuse_run,
    seconds_until_due,
)
from capacity.allocation.services import request_run
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HEADER = PlanHeader(
    result_hash="r" * 64,
    as_of_date=date(2026, 11, 23),
    first_week="2026-W48",
    weeks=52,
    policy_version=1,
    formula_version="1",
    solver_version="HiGHS 1.15.1",
    termination="optimal",
    seconds={"solve": 0.5},
)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@pytest.fixture(autouse=True)
def _timings(settings: object) -> None:
    settings.RECOMPUTE_LEASE_SECONDS = 45.0  # type: ignore[attr-defined]
    settings.RECOMPUTE_SETTLE_SECONDS = 2.0  # type: ignore[attr-defined]


def claimed(now: datetime = NOON, **request: object) -> Claim:
    run = request_run(**({"reason": "edit", "settle": False, "now": now} | request))  # type: ignore[arg-type]
    claim = claim_run(run_id=run.pk, worker="w1", now=now)
    assert claim is not None
    return claim


def published(claim: Claim, *, input_hash: str = "a" * 64, version: int = 5, now: datetime = NOON) -> bool:
    return publish_run(
        claim=claim,
        inputs_version=version,
        input_hash=input_hash,
        header=HEADER,
        write_rows=lambda run: RunIssue.objects.create(run=run, code="c", subject="s", sentence="t") and None,
        now=now,
    )


def lapse(claim: Claim) -> None:
    """Let the lease run out and the sweep notice."""
    assert release_lapsed(now=NOON + seconds(46)) == [claim.run_id]


def test_a_claim_takes_the_run_for_one_lease() -> None:
    claim = claimed()
    run = Run.objects.get(pk=claim.run_id)
    assert (run.state, run.worker, run.attempt) == ("running", "w1", 1)
    assert run.lease_until == NOON + seconds(45)
    assert run.fencing_token == claim.fencing_token


def test_a_run_is_claimed_once() -> None:
    claim = claimed()
    assert claim_run(run_id=claim.run_id, worker="w2", now=NOON) is None


def test_a_run_that_is_not_due_is_not_claimed_and_says_when_it_is() -> None:
    run = request_run(reason="edit", now=NOON)
    assert claim_run(run_id=run.pk, worker="w", now=NOON + seconds(1)) is None
    assert seconds_until_due(run_id=run.pk, now=NOON + seconds(1)) == 1.0


@pytest.mark.django_db(transaction=True)
def test_a_second_run_waits_while_the_first_is_running_and_is_woken_at_its_end(recorded_broker: RecordedBroker) -> None:
    first = claimed()
    second = request_run(reason="edit", settle=False, now=NOON)
    assert claim_run(run_id=second.pk, worker="w2", now=NOON) is None
    assert seconds_until_due(run_id=second.pk, now=NOON) is None
    recorded_broker.sent.clear()
    assert published(first)
    assert recorded_broker.sent == [(second.pk, 0.0)]
    assert claim_run(run_id=second.pk, worker="w2", now=NOON) is not None


def test_every_claim_has_a_higher_token_than_all_before() -> None:
    tokens = []
    for _ in range(3):
        claim = claimed()
        tokens.append(claim.fencing_token)
        published(claim)
    assert tokens == sorted(set(tokens))


def test_a_published_run_is_current_with_its_rows() -> None:
    claim = claimed()
    assert published(claim)
    pointer = CurrentRun.objects.get()
    run = Run.objects.get()
    assert (run.state, run.input_hash, run.result_hash, run.first_week) == ("done", "a" * 64, "r" * 64, "2026-W48")
    assert (pointer.run_id, pointer.inputs_version, pointer.fencing_token) == (run.pk, 5, claim.fencing_token)
    assert RunIssue.objects.filter(run=run).count() == 1


def test_a_plan_whose_rows_cannot_be_written_leaves_the_old_one_current() -> None:
    published(claimed())
    claim = claimed(is_forced=True)

    def write_rows(run: Run) -> None:
        RunIssue.objects.create(run=run, code="c", subject="half", sentence="t")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        publish_run(claim=claim, inputs_version=6, input_hash="b" * 64, header=HEADER, write_rows=write_rows, now=NOON)
    assert not RunIssue.objects.filter(subject="half").exists()
    assert CurrentRun.objects.get().run_id != claim.run_id
    assert Run.objects.get(pk=claim.run_id).state == "running"


def test_a_worker_past_its_lease_publishes_nothing_once_another_has_claimed() -> None:
    old = claimed()
    lapse(old)
    new = claim_run(run_id=old.run_id, worker="w2", now=NOON + seconds(47))
    assert new is not None and new.fencing_token > old.fencing_token
    assert not published(old, input_hash="b" * 64)
    assert not RunIssue.objects.exists()
    assert published(new)
    assert not published(old, input_hash="b" * 64)
    assert Run.objects.get().input_hash == "a" * 64


def test_a_worker_past_its_lease_may_still_publish_while_nobody_took_over() -> None:
    assert published(claimed(), now=NOON + seconds(100))


@pytest.mark.parametrize(
    "write",
    [
        lambda claim: renew_lease(claim=claim, now=NOON),
        lambda claim: report_progress(claim=claim, stage="solving", share=0.5),
        lambda claim: reuse_run(claim=claim, inputs_version=1, input_hash="a" * 64, now=NOON),
    ],
)
def test_a_fenced_off_worker_is_told_at_its_next_write(write: object) -> None:
    claim = claimed()
    lapse(claim)
    with pytest.raises(LeaseLost):
        write(claim)  # type: ignore[operator]


def test_a_fenced_off_worker_cannot_fail_its_successors_run() -> None:
    old = claimed()
    lapse(old)
    claim_run(run_id=old.run_id, worker="w2", now=NOON + seconds(47))
    assert fail_run(claim=old, code="error", sentence="x", now=NOON) is None
    assert refuse_run(claim=old, code="error", sentence="x", now=NOON) is None
    assert Run.objects.get().state == "running"


def test_renewing_holds_the_run_for_another_lease() -> None:
    claim = claimed()
    renew_lease(claim=claim, now=NOON + seconds(40))
    assert release_lapsed(now=NOON + seconds(46)) == []


def test_progress_is_shown_on_the_row() -> None:
    claim = claimed()
    report_progress(claim=claim, stage="solving tier 2 of 10", share=0.25)
    run = Run.objects.get()
    assert (run.stage, float(run.progress_share)) == ("solving tier 2 of 10", 0.25)


def test_unchanged_inputs_reuse_the_plan_which_then_counts_as_up_to_date() -> None:
    published(claimed(), version=5)
    shown = CurrentRun.objects.get().run_id
    again = claimed()
    assert reuse_run(claim=again, inputs_version=9, input_hash="a" * 64, now=NOON)
    pointer = CurrentRun.objects.get()
    assert (pointer.run_id, pointer.inputs_version) == (shown, 9)
    run = Run.objects.get(pk=again.run_id)
    assert (run.state, run.reused_run_id) == ("reused", shown)


def test_a_forced_run_computes_even_on_unchanged_inputs() -> None:
    published(claimed())
    assert not reuse_run(claim=claimed(is_forced=True), inputs_version=9, input_hash="a" * 64, now=NOON)


def test_changed_inputs_are_not_reused() -> None:
    published(claimed())
    assert not reuse_run(claim=claimed(), inputs_version=9, input_hash="b" * 64, now=NOON)


def test_an_error_queues_the_run_again_after_a_pause_that_doubles_and_ends_dead_after_three() -> None:
    claim, now, pauses, states = claimed(), NOON, [], []
    while claim is not None:
        states.append(fail_run(claim=claim, code="error", sentence="It stopped.", now=now))
        run = Run.objects.get()
        pauses.append((run.not_before_at - now).total_seconds())
        now = run.not_before_at
        claim = claim_run(run_id=run.pk, worker="w", now=now)  # type: ignore[assignment]
    assert states == ["queued", "queued", "dead"]
    assert pauses[:2] == [2.0, 4.0]
    assert (run.error_code, run.error, run.attempt) == ("error", "It stopped.", 3)


def test_a_refused_plan_is_failed_at_once_with_its_reason() -> None:
    assert refuse_run(claim=claimed(), code="no_pools", sentence="There is no pool.", now=NOON) == "failed"
    run = Run.objects.get()
    assert (run.state, run.error_code, run.error, run.attempt) == ("failed", "no_pools", "There is no pool.", 1)


def test_a_failed_run_gives_way_to_a_newer_request() -> None:
    claim = claimed()
    newer = request_run(reason="edit", now=NOON)
    assert fail_run(claim=claim, code="error", sentence="x", now=NOON) == "superseded"
    assert list(Run.objects.filter(state="queued")) == [newer]


def test_a_lost_worker_is_noticed_by_the_next_claim_without_a_sweep() -> None:
    claim = claimed()
    assert claim_run(run_id=claim.run_id, worker="w2", now=NOON + seconds(44)) is None
    successor = claim_run(run_id=claim.run_id, worker="w2", now=NOON + seconds(46))
    assert successor is not None and successor.attempt == 2


def test_a_run_that_kills_its_worker_three_times_is_dead_and_says_so() -> None:
    claim, now = claimed(), NOON
    for _ in range(2):
        now += seconds(46)
        successor = claim_run(run_id=claim.run_id, worker="w", now=now)
        assert successor is not None
    assert claim_run(run_id=claim.run_id, worker="w", now=now + seconds(46)) is None
    run = Run.objects.get()
    assert (run.state, run.error_code, run.attempt) == ("dead", "worker_lost", 3)


def test_a_success_clears_the_error_of_an_earlier_attempt() -> None:
    claim = claimed()
    fail_run(claim=claim, code="error", sentence="x", now=NOON)
    again = claim_run(run_id=claim.run_id, worker="w", now=NOON + seconds(2))
    assert again is not None and published(again)
    run = Run.objects.get()
    assert (run.error_code, run.error) == ("", "")

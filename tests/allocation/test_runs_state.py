"""What pages are told about the plan: its age, whether it is stale, what is under way and what failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from capacity.allocation.runs import claim_run, fail_run, refuse_run, report_progress, reuse_run
from capacity.allocation.selectors import current_plan
from capacity.allocation.services import request_run
from capacity.inventory.models import Site
from tests.allocation.test_runs_lifecycle import claimed
from tests.allocation.test_runs_sweep import LATER, NOON, edit, plan

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]


def test_before_the_first_plan_there_is_none_and_nothing_is_stale() -> None:
    state = current_plan(now=NOON)
    assert (state.run, state.run_id, state.is_stale, state.active, state.last_failure) == (
        None,
        None,
        False,
        None,
        None,
    )
    assert state.age_seconds(now=NOON) is None


def test_the_state_costs_two_queries(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    edit()
    plan()
    claimed(NOON)
    request_run(reason="edit", now=NOON)
    with django_assert_max_num_queries(2):
        current_plan(now=NOON)


def test_a_plan_of_the_latest_inputs_is_fresh() -> None:
    edit()
    plan()
    state = current_plan(now=LATER)
    assert not (state.is_stale or state.is_past_week or state.is_old)
    assert (state.solved_at, state.age_seconds(now=LATER)) == (NOON, 60.0)
    assert state.inputs_version == state.latest_inputs_version == 1


@pytest.mark.parametrize("write", ["insert", "update", "delete"])
def test_stale_shows_on_the_very_next_load_after_any_write(write: str) -> None:
    edit()
    plan()
    if write == "insert":
        edit("usw2")
    elif write == "update":
        Site.objects.filter(key="use1").update(name="x")
    else:
        Site.objects.filter(key="use1").delete()
    assert current_plan(now=LATER).is_stale


def test_a_plan_that_starts_in_an_earlier_week_says_so() -> None:
    edit()
    plan()
    assert not current_plan(now=datetime(2026, 11, 29, 23, 59, tzinfo=UTC)).is_past_week
    assert current_plan(now=datetime(2026, 11, 30, 0, 0, tzinfo=UTC)).is_past_week


def test_a_plan_not_confirmed_for_a_day_is_old_and_a_reuse_confirms_it() -> None:
    edit()
    plan()
    next_day = NOON + timedelta(hours=25)
    assert current_plan(now=next_day).is_old
    claim = claimed(next_day)
    assert reuse_run(claim=claim, inputs_version=1, input_hash="a" * 64, now=next_day)
    state = current_plan(now=next_day)
    assert not state.is_old
    assert (state.solved_at, state.confirmed_at) == (NOON, next_day)


def test_a_running_run_shows_its_stage_and_that_another_waits_behind() -> None:
    claim = claimed(NOON)
    report_progress(claim=claim, stage="solving", share=0.5)
    request_run(reason="edit", now=NOON)
    state = current_plan(now=NOON + timedelta(seconds=7))
    assert state.active is not None
    assert (state.active.state, state.active.stage, float(state.active.progress_share)) == ("running", "solving", 0.5)
    assert state.active.seconds == 7.0
    assert state.is_queued_behind


def test_a_failure_is_shown_beside_the_last_good_plan_until_a_later_run_succeeds() -> None:
    edit()
    plan()
    refused = claimed(NOON)
    refuse_run(claim=refused, code="no_pools", sentence="There is no pool.", now=LATER)
    state = current_plan(now=LATER)
    assert state.run is not None and state.run.state == "done"
    assert state.last_failure is not None
    assert (state.last_failure.run_id, state.last_failure.code) == (refused.run_id, "no_pools")
    assert state.last_failure.sentence == "There is no pool."
    plan()
    assert current_plan(now=LATER).last_failure is None


def test_a_run_waiting_for_its_next_attempt_shows_why() -> None:
    claim = claimed(NOON)
    fail_run(claim=claim, code="error", sentence="It stopped.", now=NOON)
    active = current_plan(now=NOON).active
    assert active is not None
    assert (active.state, active.attempt, active.error) == ("queued", 1, "It stopped.")


def test_a_superseded_failure_is_shown_while_its_successor_has_not_succeeded() -> None:
    claim = claimed(NOON)
    newer = request_run(reason="edit", settle=False, now=NOON)
    fail_run(claim=claim, code="error", sentence="It stopped.", now=NOON)
    failure = current_plan(now=NOON).last_failure
    assert failure is not None and failure.run_id == claim.run_id
    assert claim_run(run_id=newer.pk, worker="w", now=NOON) is not None

"""The sweep finds what was lost, and what nobody asked for; it never asks again for what was refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from capacity.allocation.models import Run
from capacity.allocation.runs import claim_run, publish_run, refuse_run
from capacity.allocation.services import request_run
from capacity.allocation.sweeper import sweep
from capacity.imports.selectors import latest_inputs_version
from capacity.inventory.models import Site
from tests.allocation.test_runs_lifecycle import HEADER, claimed
from tests.recorded_broker import RecordedBroker

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("recorded_broker")]

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(seconds=60)


def edit(key: str = "use1") -> None:
    Site.objects.create(key=key, name=key, region="us-east")


def plan() -> None:
    """A current plan of the inputs as they are."""
    claim = claimed(NOON)
    assert publish_run(
        claim=claim,
        inputs_version=latest_inputs_version(),
        input_hash="a" * 64,
        header=HEADER,
        write_rows=lambda run: None,
        now=NOON,
    )


def test_an_empty_product_needs_no_plan() -> None:
    assert sweep(now=NOON).requested is None


def test_first_inputs_ask_for_the_first_plan() -> None:
    edit()
    run = Run.objects.get(pk=sweep(now=NOON).requested)
    assert run.reason == "inputs changed"


def test_a_plan_of_the_latest_inputs_needs_nothing() -> None:
    edit()
    plan()
    assert sweep(now=LATER).requested is None


def test_an_edit_nobody_asked_a_run_for_is_noticed() -> None:
    edit()
    plan()
    Site.objects.filter(key="use1").update(name="renamed in bulk")
    run = Run.objects.get(pk=sweep(now=LATER).requested)
    assert run.reason == "inputs changed"
    assert sweep(now=LATER).requested is None, "one is on its way"


def test_a_new_week_asks_for_a_plan_that_starts_with_it() -> None:
    edit()
    plan()
    next_monday = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)
    assert sweep(now=next_monday - timedelta(seconds=1)).requested is None
    run = Run.objects.get(pk=sweep(now=next_monday).requested)
    assert run.reason == "new week"


def test_refused_inputs_are_not_tried_again_until_they_change() -> None:
    edit()
    claim = claimed(NOON)
    refuse_run(claim=claim, code="no_pools", sentence="There is no pool.", now=NOON)
    assert sweep(now=LATER).requested is None
    edit("usw2")
    assert sweep(now=LATER).requested is not None


def test_a_refused_new_week_is_tried_once_a_week() -> None:
    edit()
    plan()
    monday = datetime(2026, 11, 30, 0, 0, tzinfo=UTC)
    claim = claim_run(run_id=sweep(now=monday).requested or 0, worker="w", now=monday + timedelta(seconds=5))
    assert claim is not None
    refuse_run(claim=claim, code="no_pools", sentence="There is no pool.", now=monday)
    assert sweep(now=monday + timedelta(days=1)).requested is None
    assert sweep(now=monday + timedelta(days=7)).requested is not None


def test_a_due_run_whose_wake_up_was_lost_is_woken_again(recorded_broker: RecordedBroker) -> None:
    recorded_broker.is_down = True
    run = request_run(reason="edit", now=NOON)
    assert sweep(now=LATER).woken == ()
    recorded_broker.is_down = False
    assert sweep(now=LATER).woken == (run.pk,)
    assert recorded_broker.sent == [(run.pk, 0.0)]


def test_a_run_that_is_not_due_or_waits_for_a_running_one_is_left_alone() -> None:
    claimed(NOON)
    request_run(reason="edit", now=NOON)
    assert sweep(now=NOON).woken == ()
    assert sweep(now=NOON + timedelta(seconds=10)).woken == ()


def test_a_lapsed_run_is_given_back_and_woken(recorded_broker: RecordedBroker) -> None:
    claim = claimed(NOON)
    done = sweep(now=LATER)
    assert (done.released, done.woken) == ((claim.run_id,), (claim.run_id,))
    assert Run.objects.get().error_code == "worker_lost"

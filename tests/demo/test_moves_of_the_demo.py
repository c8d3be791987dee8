"""After a change of supply by the chair the next plan moves requests, and research reads why, by name."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.models import User
from capacity.allocation.models import CurrentRun, Run
from capacity.allocation.services import request_run
from capacity.demo.services import load_demo
from capacity.inventory.models import Lot
from capacity.review.cycle import recompute
from capacity.review.placement_causes import SEE_INPUTS
from capacity.review.plan_source import ReviewPlanSource, result_hash_of_run
from workloads.models import RunMove

pytestmark = pytest.mark.django_db(transaction=True)

MOST_UNTOLD = 0.2


@pytest.fixture(autouse=True)
def plain_pages(settings: Any) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


def planned(reason: str) -> Run:
    run = request_run(reason=reason, requested_by="chair", settle=False, now=timezone.now())
    recompute(run_id=run.pk, worker="w", clock=timezone.now, source=ReviewPlanSource())
    run.refresh_from_db()
    assert run.state == "done", run.error
    return run


def test_a_lot_that_comes_later_moves_requests_and_research_reads_the_lot(client: Client) -> None:
    today = timezone.now().date()
    load_demo(as_of=today, password="a-password-for-tests", now=timezone.now())
    first = planned("demo")
    # The largest lot that is still to come, of a pool that experiments may take.
    lot = (
        Lot.objects.filter(accepted_date=None, p50_date__gt=today, pool__key__startswith="gb")
        .order_by("-accelerators")
        .first()
    )
    assert lot is not None
    Lot.objects.filter(pk=lot.pk).update(
        p50_date=lot.p50_date + timedelta(weeks=16), p90_date=lot.p90_date + timedelta(weeks=16)
    )
    second = planned("lot later")
    assert CurrentRun.objects.get().run_id == second.pk
    assert result_hash_of_run(second.pk) == second.result_hash
    moves = list(RunMove.objects.filter(run=second))
    causes = [move.line["cause"] for move in moves]
    named = [move for move in moves if f"lot {lot.key}" in move.line["cause"]]
    untold = causes.count(SEE_INPUTS) / len(causes)
    sys.stdout.write(f"\n{len(moves)} moved, {len(named)} by the lot itself, {untold:.0%} untold\n")
    for move in moves[:12]:
        sys.stdout.write(f"  {move.experiment_key} {move.line['kind']}: {move.line['cause']}\n")
    assert named
    assert untold < MOST_UNTOLD
    assert all(move.against_run == first.pk for move in moves)
    client.force_login(User.objects.get(username="research"))
    page = client.get(f"/requests/{named[0].experiment_key}/").content.decode()
    assert f"lot {lot.key}" in page
    assert f"lot {lot.key}" in client.get("/requests/").content.decode()

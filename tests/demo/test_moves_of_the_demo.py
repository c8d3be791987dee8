"""After a change of supply by the chair the next plan moves requests, and research reads why, by name."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.models import User
from capacity.allocation.models import CurrentRun, Run, RunPlacement
from capacity.allocation.services import request_run
from capacity.demo.services import load_demo
from capacity.inventory.models import Lot
from capacity.lib.horizon import Week
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


def test_a_lot_that_leaves_early_moves_requests_and_research_reads_the_lot(client: Client) -> None:
    today = timezone.now().date()
    load_demo(as_of=today, password="a-password-for-tests", now=timezone.now())
    first = planned("demo")
    # A lot under the largest gang that starts in some months leaves before it starts.
    gang = (
        RunPlacement.objects.filter(run=first, is_running=False, domain_key__gt="", start_week__gte="2027-W10")
        .order_by("-accelerators", "experiment_key")
        .first()
    )
    assert gang is not None
    lots = Lot.objects.filter(domain__pool__key=gang.pool_key, domain__key=gang.domain_key)
    lot = lots.order_by("-accelerators", "key").first()
    assert lot is not None
    Lot.objects.filter(pk=lot.pk).update(ends_date=Week.parse(gang.start_week).monday)
    second = planned("lot leaves")
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

"""What `make bench` prints: seconds of the demo world's plan by phase, and milliseconds and queries of each page.

Figures of a noisy machine are ratios within one run. Nothing here fails for being slow but the limits people feel.
"""

from __future__ import annotations

import resource
import statistics
import time
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import User
from capacity.allocation.models import Run
from capacity.allocation.services import request_run
from capacity.demo.services import load_demo
from capacity.review.cycle import recompute
from capacity.review.plan_source import ReviewPlanSource

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
PAGES = ("/", "/workloads/", "/requests/", "/contracts/", "/supply/", "/decisions/", "/runs/", "/policy/")
ROUNDS = 7
# What people feel: an edit shows its effect within this, and a page opens within this.
PLAN_SECONDS, PAGE_SECONDS = 20.0, 2.0


@pytest.fixture(autouse=True)
def plain_static_names(settings: Any) -> None:
    """Pages name static files without the collected manifest, which only a start of the product makes."""
    backend = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}


def test_the_demo_world_is_planned_and_its_pages_open_in_time(capsys: pytest.CaptureFixture[str]) -> None:
    load_demo(as_of=date(2026, 11, 22), password="a-password-for-tests", now=NOW)
    rows = [("plan", _plan_seconds())]
    with capsys.disabled():
        print(f"\n{'phase':<24}{'seconds':>10}")
        for name, seconds in rows[0][1].items():
            print(f"{name:<24}{seconds:>10.2f}")
        print(f"{'peak memory, MB':<24}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:>10.0f}")
        print(f"\n{'page':<24}{'median ms':>10}{'queries':>9}{'kB':>7}")
        slowest = 0.0
        for path in PAGES:
            median, queries, size = _page(path)
            slowest = max(slowest, median)
            print(f"{path:<24}{median * 1000:>10.0f}{queries:>9}{size / 1000:>7.0f}")
    assert rows[0][1]["all"] < PLAN_SECONDS
    assert slowest < PAGE_SECONDS


def _plan_seconds() -> dict[str, float]:
    run = request_run(reason="bench", now=NOW, is_forced=True, settle=False)
    Run.objects.filter(pk=run.pk).update(not_before_at=NOW)
    began = time.perf_counter()
    outcome = recompute(run_id=run.pk, worker="bench", clock=lambda: NOW, source=ReviewPlanSource())
    took = time.perf_counter() - began
    assert outcome.state == "done"
    run.refresh_from_db()
    known = {name: float(seconds) for name, seconds in run.seconds.items()}
    return {**known, "read and store": took - sum(known.values()), "all": took}


def _page(path: str) -> tuple[float, int, int]:
    client = Client()
    client.force_login(User.objects.get(username="chair"), backend="django.contrib.auth.backends.ModelBackend")
    client.get(path)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = client.get(path)
        times.append(time.perf_counter() - began)
        assert answer.status_code == 200
    with CaptureQueriesContext(connection) as seen:
        client.get(path)
    return statistics.median(times), len(seen), len(answer.content)

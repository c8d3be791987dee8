"""/healthz says of each part whether it answers, to anybody, and shows nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from capacity.review import health
from tests.factories import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def answering(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Broker and worker answer, unless a test says otherwise."""
    settings.START_TOKEN = "this start"
    monkeypatch.setattr(health, "broker_and_workers", lambda: ("ok", "ok", "ok"))


def beat_ticked(ago: timedelta) -> None:
    every = IntervalSchedule.objects.create(every=20, period="seconds")
    PeriodicTask.objects.create(name="sweep-runs", task="sweep", interval=every, last_run_at=timezone.now() - ago)
    # date_changed sets itself: the row was made long ago.
    PeriodicTask.objects.update(date_changed=timezone.now() - timedelta(days=1))


def test_all_parts_well_is_ok_with_the_plans_age(client: Client) -> None:
    make_run(finished_at=timezone.now() - timedelta(seconds=90))
    beat_ticked(timedelta(seconds=5))
    answer = client.get("/healthz")
    content = answer.json()
    age = content.pop("plan_age_seconds")
    assert answer.status_code == 200
    assert 90 <= age < 120
    assert content == {
        "status": "ok",
        "database": "ok",
        "broker": "ok",
        "worker": "ok",
        "beat": "ok",
        "what_if": "ok",
        "start": "this start",
    }


def test_without_a_plan_the_age_is_null_and_the_parts_are_well(client: Client) -> None:
    beat_ticked(timedelta(seconds=5))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["plan_age_seconds"]) == (200, None)


def test_a_beat_that_is_silent_or_never_started_is_told(client: Client) -> None:
    assert client.get("/healthz").json()["beat"] == "has not started yet"
    beat_ticked(timedelta(seconds=300))
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["status"] == "degraded"
    assert answer.json()["beat"].startswith("silent for 30")


def test_a_database_that_does_not_answer_is_told_without_its_address(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise OperationalError("connection to /secret/socket failed")

    monkeypatch.setattr(health, "current_plan", refuse)
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "does not answer (OperationalError)"
    assert "secret" not in answer.content.decode()


def test_a_broker_that_does_not_answer_leaves_the_worker_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    # Celery reads the environment before its settings.
    monkeypatch.setenv("CELERY_BROKER_URL", "redis+socket:///nowhere/at/all.sock")
    health._client.cache_clear()
    broker, worker, what_if = health._ask_broker_and_workers()
    health._client.cache_clear()
    assert broker.startswith("does not answer")
    assert worker == what_if == "not known without the broker"


def test_many_askers_share_one_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    pings: list[datetime] = []

    def ping() -> tuple[str, str, str]:
        pings.append(datetime.now(UTC))
        return "ok", "ok", "ok"

    monkeypatch.undo()
    monkeypatch.setattr(health, "_ask_broker_and_workers", ping)
    monkeypatch.setattr(health, "_last_answer", {"at": 0.0, "parts": None})
    assert {health.broker_and_workers() for _ in range(5)} == {("ok", "ok", "ok")}
    assert len(pings) == 1

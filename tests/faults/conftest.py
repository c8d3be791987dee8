"""Processes and short timings for fault tests (scaled: lease 1 s, sweep 0.3 s, limits 1 and 2 s)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import pytest
from django.core.management import call_command
from django.db import connection

from capacity.allocation import wake
from tests.faults.processes import Forker, OwnBroker, Worker

TIMINGS = {
    "RECOMPUTE_LEASE_SECONDS": 1.0,
    "RECOMPUTE_SETTLE_SECONDS": 0.2,
    "RECOMPUTE_MAX_WAIT_SECONDS": 0.8,
    "SWEEP_SECONDS": 0.3,
}
LIMITS = {"TASK_SOFT_SECONDS": "1", "TASK_HARD_SECONDS": "2"}


@pytest.fixture(autouse=True)
def _timings(settings: Any) -> None:
    for name, value in TIMINGS.items():
        setattr(settings, name, value)
    settings.CELERY_TASK_TIME_LIMIT = 2


@pytest.fixture
def own_broker(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[OwnBroker]:
    """A broker for this test alone; wake-ups of this process go to it too."""
    broker = OwnBroker()
    broker.start()
    settings.CELERY_BROKER_URL = broker.url
    monkeypatch.setenv("CELERY_BROKER_URL", broker.url)  # Celery prefers the environment
    wake._producer.cache_clear()
    yield broker
    broker.close()
    wake._producer.cache_clear()


def _test_database_url() -> str:
    """The address given to the tests, but of the test database: the application's own role."""
    given = urlsplit(os.environ["DATABASE_URL"])
    return urlunsplit(given._replace(path="/" + quote(str(connection.settings_dict["NAME"]))))


@pytest.fixture
def process_environment(transactional_db: None, own_broker: OwnBroker) -> dict[str, str]:
    """Of a process beside the test, under the application's own database role: it must need no more than that."""
    call_command("grant_app_role", verbosity=0)
    return {
        **{name: value for name, value in os.environ.items() if name != "CAPACITY_DB_ROLE"},
        **{name: str(value) for name, value in TIMINGS.items()},
        **LIMITS,
        "CAPACITY_PROCESS": "worker",
        "CELERY_BROKER_URL": own_broker.url,
        "DATABASE_URL": _test_database_url(),
        "DJANGO_SETTINGS_MODULE": "capacity.settings",
        "PLAN_SOURCE": "tests.faults.fake_plan.FakePlanSource",
    }


@pytest.fixture
def make_worker(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts Celery workers; keyword arguments go into their environment."""
    workers: list[Worker] = []

    def make(**environment: Any) -> Worker:
        extra = {name: str(value) for name, value in environment.items()}
        worker = Worker(environment={**process_environment, **extra}, log=tmp_path / f"worker{len(workers)}.log")
        workers.append(worker)
        worker.start()
        return worker

    yield make
    for worker in workers:
        worker.close()


@pytest.fixture
def make_forker(process_environment: dict[str, str]) -> Iterator[Callable[..., Forker]]:
    """Starts forking processes; keyword arguments go into their environment."""
    forkers: list[Forker] = []

    def make(**environment: Any) -> Forker:
        extra = {name: str(value) for name, value in environment.items()}
        forkers.append(Forker(environment={**process_environment, **extra}))
        return forkers[-1]

    yield make
    for forker in forkers:
        forker.close()

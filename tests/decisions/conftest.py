"""People, a live review, and a decision as the form sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from capacity.access.models import User
from capacity.allocation.models import Run
from capacity.lib.horizon import Week
from tests.factories import make_run, make_user
from tests.recorded_broker import RecordedBroker

TODAY = datetime.now(UTC).date()
THIS_WEEK = Week.containing(TODAY).key


@pytest.fixture(autouse=True)
def _plain_settings(settings: Any, recorded_broker: RecordedBroker) -> None:
    settings.ROOT_URLCONF = "tests.decisions.urls"
    settings.STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def chair(db: None) -> User:
    return make_user("chair")


@pytest.fixture
def live_run(db: None) -> Run:
    """The current plan, of this week."""
    return make_run(week=THIS_WEEK, inputs_version=0)


@pytest.fixture
def as_chair(client: Client, chair: User) -> Client:
    client.force_login(chair)
    return client


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


def sent_decision(**changes: str) -> dict[str, str]:
    """What the form of a good decision sends; `changes` replaces fields."""
    return {
        "idempotency_key": "11111111-1111-4111-8111-111111111111",
        "week": THIS_WEEK,
        "kind": "buy",
        "question": "Do we pull the February delivery forward?",
        "options-TOTAL_FORMS": "4",
        "options-INITIAL_FORMS": "0",
        "options-0-name": "Do nothing",
        "options-0-accelerators": "0",
        "options-0-cost_usd": "0",
        "options-0-risk": "short in two weeks",
        "options-0-who_loses": "customers of the mid tier",
        "options-1-name": "Pull it forward",
        "options-1-accelerators": "512",
        "options-1-cost_usd": "3517311.13",
        "options-1-risk": "the site is late",
        "options-1-who_loses": "nobody",
        "chosen": "1",
        "reason": "It covers the promise",
        "dissent": "",
        "decider_role": "chair",
        "owner_role": "finance",
        "effect_metric": "H1",
        "effect_direction": "at_least",
        "effect_target": "99.5",
        "effect_by_date": in_days(28),
        "review_back_date": in_days(35),
        "guardrail_metric": "H6",
        "reversible": "on",
        "supersedes": "",
        "actions-TOTAL_FORMS": "2",
        "actions-INITIAL_FORMS": "0",
        "actions-0-title": "",
        "actions-0-owner_role": "",
        "actions-0-due_date": "",
        **changes,
    }

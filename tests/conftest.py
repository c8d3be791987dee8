"""Shared by all tests. Keep it small: what one app needs stands in that app's folder."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate
from hypothesis import settings as hypothesis_settings

from capacity.access.visibility import be_strict
from tests.recorded_broker import RecordedBroker
from tests.sharing import FilesTogether, migrated_database, place


def _restore_inputs_version(using: str, **_: Any) -> None:
    """A migration inserts this row; the flush after a transactional test takes it away again."""
    apps.get_model("imports", "InputsVersion").objects.using(using).get_or_create(pk=1)


def pytest_configure(config: pytest.Config) -> None:
    # Without this a test typed by hand would find the running demo (settings read its note) and write into it.
    if os.environ.get("CAPACITY_TEST_SERVICES") != "1":
        pytest.exit(
            "Tests need a database and a broker of their own. Run: make pytest ARGS='tests/…', or "
            "python -m capacity.local test-services -- pytest tests/…",
            returncode=4,
        )
    # On a busy machine any example may pause for longer than hypothesis' deadline; hangs have the tests' own time limits.
    hypothesis_settings.register_profile("busy_machine", deadline=None)
    hypothesis_settings.load_profile("busy_machine")
    # Accounts of tests are made by the thousand; a real hash takes a third of a second each.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A field that nobody listed fails its test instead of being hidden.
    be_strict()
    post_migrate.connect(
        _restore_inputs_version, sender=apps.get_app_config("imports"), dispatch_uid="restore_inputs_version"
    )


@pytest.fixture
def recorded_broker(monkeypatch: pytest.MonkeyPatch) -> RecordedBroker:
    """Wake-ups are recorded, not sent."""
    recorded = RecordedBroker()
    monkeypatch.setattr("capacity.allocation.wake._producer", lambda: recorded)
    return recorded


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether:
    return FilesTogether(config, log)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Each process copies the database that one of them migrated."""
    connection.settings_dict["TEST"]["TEMPLATE"], _ = migrated_database()

"""The migrations are what the models say, one first migration an app, and they apply to an empty database."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.apps import apps
from django.core.management import call_command
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from tests.sharing import migrated_database

PROJECT = Path(__file__).resolve().parents[1]


def own_apps() -> dict[str, Path]:
    """App label → folder, of this project's apps that have models."""
    found = {config.label: Path(config.path) for config in apps.get_app_configs() if any(config.get_models())}
    return {label: path for label, path in found.items() if path.is_relative_to(PROJECT) and ".venv" not in path.parts}


@pytest.mark.django_db
def test_no_model_differs_from_its_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_each_app_has_one_first_migration_and_one_last() -> None:
    graph = MigrationLoader(None).graph
    assert len(own_apps()) == 8
    for label, path in own_apps().items():
        first = [node for node in graph.root_nodes(label) if node[0] == label]
        assert [name for _, name in first] == ["0001_initial"], label
        assert len(graph.leaf_nodes(label)) == 1, label
        assert (path / "migrations" / "__init__.py").exists(), label


@pytest.fixture
def second_database() -> Iterator[dict[str, str]]:
    """The environment that points manage.py to a copy of the migrated database, beside the tests' own."""
    name, (migrated, _) = f"second_{os.getpid()}", migrated_database()
    urls = {key: _with_database(os.environ[key], name) for key in ("DATABASE_URL", "DATABASE_OWNER_URL")}
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as owner:
        owner.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*map(sql.Identifier, (name, migrated))))
        try:
            yield urls
        finally:
            owner.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def manage(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_migration_applies_to_an_empty_database_and_a_second_time_changes_nothing(
    second_database: dict[str, str],
) -> None:
    # The database that all tests copy was empty before: what made it is the first time.
    _, first = migrated_database()
    for label, name in MigrationLoader(None).graph.nodes:
        assert f"Applying {label}.{name}... OK" in first
    assert "No migrations to apply." in manage(second_database, "migrate", "--no-color")
    manage(second_database, "grant_app_role")
    with psycopg.connect(second_database["DATABASE_URL"]) as app:
        assert app.execute("SELECT version FROM imports_inputsversion").fetchall() == [(0,)]

"""What the application's own database role can and cannot do, tried over a connection of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connection
from psycopg import errors, sql

from capacity.access.grants import grant_statements, is_record
from capacity.access.models import AuditEvent
from capacity.allocation.models import RunTable
from capacity.decisions.models import Comment, Decision, DecisionOption, DecisionVerdict
from capacity.imports.models import ImportChange
from capacity.review.models import Review
from capacity.settings import database_from_url
from contracts.models import ContractTransition
from workloads.models import RequestMove

pytestmark = [pytest.mark.django_db, pytest.mark.security]

# A wide open transaction is never left behind: each statement runs in one of its own that is rolled back.
MODELS = [
    model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
]
RECORDS = [model for model in MODELS if is_record(model)]
ORDINARY = [model for model in MODELS if not is_record(model)]


@pytest.fixture(scope="module")
def as_application(django_db_setup: None, django_db_blocker: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """A connection of the application's role to the test database, after the owner has set its rights."""
    role = settings.DATABASE_APP_ROLE
    assert role != settings.DATABASE_OWNER_ROLE, "tests need two database roles, or they would prove nothing"
    with django_db_blocker.unblock():  # type: ignore[attr-defined]
        with connection.cursor() as cursor:
            for statement in grant_statements(role=role, models=MODELS):
                cursor.execute(statement)
        name = connection.settings_dict["NAME"]
        connection.close()
    given = database_from_url(os.environ["DATABASE_URL"])
    address = {key: given[key.upper()] for key in ("host", "port", "user", "password") if given[key.upper()]}
    with psycopg.connect(dbname=name, autocommit=True, **address) as application:
        yield application


def attempt(application: psycopg.Connection, statement: str | sql.Composed) -> str:
    """ "done", or the name of the database's refusal. Leaves nothing changed."""
    try:
        with application.transaction(force_rollback=True):
            application.execute(statement)
    except errors.InsufficientPrivilege:
        return "refused"
    return "done"


def on(template: str, model: type) -> sql.Composed:
    column = sql.Identifier(model._meta.pk.column)  # type: ignore[attr-defined]
    return sql.SQL(template).format(table=sql.Identifier(model._meta.db_table), key=column)  # type: ignore[attr-defined]


def test_the_tests_stand_on_the_applications_role(as_application: psycopg.Connection) -> None:
    row = as_application.execute("SELECT current_user, usesuper FROM pg_user WHERE usename = current_user").fetchone()
    assert row == (settings.DATABASE_APP_ROLE, False)


def test_every_table_that_must_not_be_rewritten_counts_as_a_record() -> None:
    named = {
        AuditEvent,
        Comment,
        ContractTransition,
        Decision,
        DecisionOption,
        DecisionVerdict,
        ImportChange,
        RequestMove,
        Review,
    }
    named |= {model for model in MODELS if issubclass(model, RunTable)}
    named |= {model for model in MODELS if hasattr(model, "pgh_tracked_model")}
    assert named == set(RECORDS)
    assert len(named) >= 25


@pytest.mark.parametrize("model", RECORDS, ids=lambda model: model._meta.label)
def test_a_record_is_read_and_added_to_and_nothing_else(as_application: psycopg.Connection, model: type) -> None:
    answers = {
        "read": attempt(as_application, on("SELECT * FROM {table} LIMIT 1", model)),
        "add": attempt(as_application, on("INSERT INTO {table} SELECT * FROM {table} WHERE false", model)),
        "change": attempt(as_application, on("UPDATE {table} SET {key} = {key} WHERE false", model)),
        "delete": attempt(as_application, on("DELETE FROM {table} WHERE false", model)),
        "empty": attempt(as_application, on("TRUNCATE {table} CASCADE", model)),
        "disarm": attempt(as_application, on("ALTER TABLE {table} DISABLE TRIGGER ALL", model)),
    }
    refused = dict.fromkeys(("change", "delete", "empty", "disarm"), "refused")
    assert answers == {"read": "done", "add": "done"} | refused


@pytest.mark.parametrize("model", ORDINARY, ids=lambda model: model._meta.label)
def test_an_ordinary_table_is_written_but_neither_emptied_nor_altered(
    as_application: psycopg.Connection, model: type
) -> None:
    answers = {
        "add": attempt(as_application, on("INSERT INTO {table} SELECT * FROM {table} WHERE false", model)),
        "change": attempt(as_application, on("UPDATE {table} SET {key} = {key} WHERE false", model)),
        "delete": attempt(as_application, on("DELETE FROM {table} WHERE false", model)),
        "empty": attempt(as_application, on("TRUNCATE {table} CASCADE", model)),
        "alter": attempt(as_application, on("ALTER TABLE {table} ADD COLUMN planted text", model)),
    }
    assert answers == {"add": "done", "change": "done", "delete": "done", "empty": "refused", "alter": "refused"}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE planted (id int)",
        "DROP TABLE access_auditevent",
        "CREATE INDEX planted ON access_user (username)",
        "CREATE VIEW planted AS SELECT 1",
        "CREATE FUNCTION planted() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE SCHEMA planted",
        "ALTER TABLE access_auditevent OWNER TO CURRENT_USER",
        "GRANT UPDATE ON access_auditevent TO CURRENT_USER",
        "SET session_replication_role = replica",
        "ALTER ROLE CURRENT_USER CREATEROLE",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'x', now())",
        "COPY access_auditevent TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ],
)
def test_the_application_cannot_change_the_schema_or_its_own_rights(
    as_application: psycopg.Connection, statement: str
) -> None:
    assert attempt(as_application, statement) == "refused" or not _took_hold(as_application, statement)


def _took_hold(application: psycopg.Connection, statement: str) -> bool:
    """PostgreSQL only warns about a GRANT of rights one does not have: look whether it gave any."""
    if not statement.startswith("GRANT"):
        return True
    with application.transaction(force_rollback=True):
        application.execute(statement)
        query = "SELECT has_table_privilege(current_user, 'access_auditevent', 'UPDATE')"
        row = application.execute(query).fetchone()
    return row is None or bool(row[0])


def test_setting_the_rights_twice_changes_nothing(as_application: psycopg.Connection) -> None:
    query = "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants ORDER BY 1, 2, 3"
    before = as_application.execute(query).fetchall()
    assert before
    statements = [statement.as_string(None) for statement in grant_statements(role="someone", models=MODELS)]
    assert len(statements) == 4 + 2 * len(MODELS)
    assert statements == [s.as_string(None) for s in grant_statements(role="someone", models=MODELS)]

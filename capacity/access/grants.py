"""Which rights the application's database role has on which table: everything but DDL, and insert only on records.

Records are the tables that must not be rewritten even by a bug or an injected statement: the audit log, row history
(what each import changed too), decisions, frozen reviews and the result tables of runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.db import models
from psycopg import sql

RECORDS_BY_LABEL = {
    "access.AuditEvent",
    "decisions.Decision",
    "decisions.DecisionOption",
    "decisions.DecisionVerdict",
    "imports.ImportChange",
    "review.Review",
}


def is_record(model: type[models.Model]) -> bool:
    """Whether rows of the model may only be inserted and read."""
    triggers = {trigger.name for trigger in getattr(model._meta, "triggers", [])}
    return (
        model._meta.label in RECORDS_BY_LABEL
        or bool(triggers & {"immutable", "sealed", "append_only"})
        or hasattr(model, "pgh_tracked_model")
    )


def grant_statements(*, role: str, models: Iterable[type[models.Model]]) -> Iterator[sql.Composed]:
    """The GRANT and REVOKE statements for the role, idempotent, safe to run after each migrate."""
    to = sql.Identifier(role)
    yield sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(to)
    yield sql.SQL("REVOKE CREATE ON SCHEMA public FROM {}").format(to)
    yield sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(to)
    yield sql.SQL("GRANT SELECT ON django_migrations TO {}").format(to)
    for model in models:
        if model._meta.proxy or not model._meta.managed:
            continue
        table = sql.Identifier(model._meta.db_table)
        yield sql.SQL("REVOKE ALL ON {} FROM {}").format(table, to)
        rights = "SELECT, INSERT" if is_record(model) else "SELECT, INSERT, UPDATE, DELETE"
        yield sql.SQL("GRANT " + rights + " ON {} TO {}").format(table, to)

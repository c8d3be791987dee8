"""Rows of one table → PostgreSQL by COPY: a plan's ten thousand rows in one stream each table, not one statement a batch.

What belongs here: how a value is written in COPY's text form. What the rows are and when they are written is
plan_source.py. Constraints, foreign keys and triggers hold as for any insert; only Python's `save` is not called.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connections, models, router

NULL = r"\N"
# What ends a column or a row, and the sign that says so.
_ESCAPED = str.maketrans({"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"})
# Text is sent in pieces of about this many characters.
PIECE = 1 << 20

Row = Mapping[str, Any]


def copy_rows(model: type[models.Model], rows: Iterable[Row], *, run_id: int) -> None:
    """Insert the rows under the run, in their order. Columns a row does not name get the field's default.

    Raises TypeError for a value that has no form here, django's database errors for what a constraint refuses.
    """
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = [_column(field, run_id) for field in fields]
    connection = connections[router.db_for_write(model)]
    names = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    table = connection.ops.quote_name(model._meta.db_table)
    copying = f"COPY {table} ({names}) FROM STDIN"
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(copying) as copy:
        piece: list[str] = []
        length = 0
        for row in rows:
            piece.append("\t".join([column(row) for column in columns]) + "\n")
            length += len(piece[-1])
            if length >= PIECE:
                copy.write("".join(piece))
                piece, length = [], 0
        copy.write("".join(piece))


def _column(field: models.Field[Any, Any], run_id: int) -> Callable[[Row], str]:
    """A row → the text of one column."""
    if field.name == "run":
        return lambda row: str(run_id)
    name, write = field.name, _json_text if isinstance(field, models.JSONField) else copy_text
    return lambda row: write(row[name] if name in row else field.get_default())


def _json_text(value: Any) -> str:
    return NULL if value is None else json.dumps(value).translate(_ESCAPED)


def copy_text(value: Any) -> str:
    """One value as a column of COPY's text form: text with its ends escaped, plain numbers, ISO dates, t and f."""
    if value is None:
        return NULL
    if isinstance(value, str):
        return str(value).translate(_ESCAPED)
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in a column")

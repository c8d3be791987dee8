"""The rules that the database keeps of a row's own columns, asked of a row of the inputs that is not in any table.

Each rule is a question to the database; what it says follows from the row alone, so that the variations of a quote,
most of whose rows are alike, ask once (methods: Quotes).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint

from capacity.imports.tables import Table, tables

KEPT_ROWS = 4096


def broken_rules(table: Table, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the constraints that the row breaks, by its own columns. row: the names of the inputs → values."""
    fields = {field.name for field in table.model._meta.concrete_fields}
    given = {name: value for name, value in row.items() if name in fields and value is not None}
    try:
        return _broken(table.name, tuple(sorted((name, type(value), value) for name, value in given.items())))
    except TypeError:
        # A list has no hash: such a row is asked about each time.
        return _ask(table, given)


@lru_cache(maxsize=KEPT_ROWS)
def _broken(name: str, cells: tuple[tuple[str, type, Any], ...]) -> tuple[str, ...]:
    return _ask(tables()[name], {column: value for column, _, value in cells})


def _ask(table: Table, given: Mapping[str, Any]) -> tuple[str, ...]:
    fields = {field.name: field for field in table.model._meta.concrete_fields}
    # What a row points to is looked for elsewhere: to these rules it is there or not.
    instance = table.model(
        **{fields[name].attname: 1 if fields[name].is_relation else value for name, value in given.items()}
    )
    return tuple(
        constraint.name
        for constraint in table.model._meta.constraints
        if isinstance(constraint, CheckConstraint) and not _holds(constraint, table.model, instance)
    )


def _holds(constraint: CheckConstraint, model: Any, instance: Any) -> bool:
    try:
        constraint.validate(model, instance)
    except ValidationError:
        return False
    return True

"""The rules that the database keeps of a row's own columns, asked of a row of the inputs that is not in any table.

Each rule is a question to the database; what it says follows from the columns it names alone, so that the variations of
a quote, and a request that is asked again at every key, ask only what changed (methods: Quotes).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import CheckConstraint, Q

from capacity.imports.tables import Table, tables

KEPT_ANSWERS = 16384


def broken_rules(table: Table, row: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the constraints that the row breaks, by its own columns. row: the names of the inputs → values."""
    return tuple(
        constraint.name
        for position, constraint in enumerate(table.model._meta.constraints)
        if isinstance(constraint, CheckConstraint) and not _row_holds(table, position, constraint, row)
    )


def _row_holds(table: Table, position: int, constraint: CheckConstraint, row: Mapping[str, Any]) -> bool:
    """Asked of the columns that the rule names, each set or left as a new row has it."""
    named = _columns_of(table.name, position)
    cells = [(name, row[name]) for name in named if row.get(name) is not None]
    try:
        return _kept(table.name, position, tuple((name, type(value), value) for name, value in cells))
    except TypeError:
        # A list has no hash: a rule about one is asked each time.
        return _holds(constraint, table.model, dict(cells))


@cache
def _columns_of(name: str, position: int) -> tuple[str, ...]:
    """The model's own columns that its rule at that position names; all of them where that cannot be told."""
    model = tables()[name].model
    own = [field.name for field in model._meta.concrete_fields]
    condition = getattr(model._meta.constraints[position], "condition", None)
    named = condition.referenced_base_fields if isinstance(condition, Q) else set(own)
    return tuple(column for column in own if column in named)


@lru_cache(maxsize=KEPT_ANSWERS)
def _kept(name: str, position: int, cells: tuple[tuple[str, type, Any], ...]) -> bool:
    model = tables()[name].model
    return _holds(model._meta.constraints[position], model, {column: value for column, _, value in cells})


def _holds(constraint: Any, model: Any, given: Mapping[str, Any]) -> bool:
    fields = {field.name: field for field in model._meta.concrete_fields}
    # What a row points to is looked for elsewhere: to these rules it is there or not.
    instance = model(
        **{fields[name].attname: 1 if fields[name].is_relation else value for name, value in given.items()}
    )
    try:
        constraint.validate(model, instance)
    except ValidationError:
        return False
    return True

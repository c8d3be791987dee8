"""A run's document → the typed inputs it was made of, so that its plan can be prepared again by the code that plans.

Stored rows are canonical JSON (capacity/imports/rows.py); what a column was comes from the table's model. Nothing here
reads the tables of today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import models

from capacity.imports.rows import Row
from capacity.imports.tables import tables
from capacity.lib.horizon import Week
from capacity.review.inputs import FORMULA_VERSION, HORIZON_WEEKS, Inputs
from workloads.derived import DERIVED_COLUMNS

Read = Callable[[Any], Any]


class OtherFormulas(Exception):
    """The run was made by other formulas, or over another horizon: its plan cannot be prepared again."""


def inputs_of_document(document: Mapping[str, Any], *, version: int) -> Inputs:
    """The inputs stored with a run. Raises OtherFormulas."""
    if (document.get("formula_version"), document.get("weeks")) != (FORMULA_VERSION, HORIZON_WEEKS):
        raise OtherFormulas(f"made by formulas {document.get('formula_version')} over {document.get('weeks')} weeks")
    return Inputs(
        version=version,
        as_of=date.fromisoformat(document["as_of"]),
        first_week=Week.parse(document["first_week"]),
        tables={name: typed_rows(name, rows) for name, rows in document["tables"].items()},
        previous=[dict(row) for row in document["previous"]],
    )


def typed_rows(name: str, rows: list[Mapping[str, Any]]) -> list[Row]:
    """The rows of one input table with decimals, dates and times again."""
    if not rows:
        return []
    if name in DERIVED_COLUMNS:
        read_by = DERIVED_COLUMNS[name]
        return [
            {
                column: _unless_none(read_by[column])(value) if column in read_by else value
                for column, value in row.items()
            }
            for row in rows
        ]
    model = tables()[name].model
    readers = {column: _reader(model, column) for row in rows for column in row}
    return [{column: readers[column](value) for column, value in row.items()} for row in rows]


def _reader(model: type[models.Model], column: str) -> Read:
    """How the column is read back. A date in a natural key of another table is told by its name."""
    field = next((each for each in model._meta.concrete_fields if each.name == column), None)
    if isinstance(field, models.DecimalField):
        return _unless_none(Decimal)
    if isinstance(field, models.DateTimeField):
        return _unless_none(datetime.fromisoformat)
    if isinstance(field, models.DateField) or (field is None and column.endswith("_date")):
        return _unless_none(date.fromisoformat)
    return lambda value: value


def _unless_none(read: Read) -> Read:
    return lambda value: None if value is None else read(value)

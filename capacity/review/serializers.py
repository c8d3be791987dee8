"""Serializers of the plan's rows: one for each run table and list, made from its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capacity.imports.api_fields import VisibleRow, VisibleText, field_for
from capacity.review.table_columns import RunTableSpec


def serializer_for(spec: RunTableSpec, *, name: str) -> type[VisibleRow]:
    """The serializer of a run table: its columns, and for contracts what the reader may call them."""
    fields: dict[str, Any] = {}
    if spec.name in ("exposure", "shortfall-remedies"):
        fields["label"] = VisibleText(
            help_text="What the reader may call the contract: its name, alias or 'committed'."
        )
    for column in spec.columns:
        fields[column.name] = field_for(spec.model._meta.get_field(column.name))
    return row_serializer(name, fields)


def row_serializer(name: str, fields: Mapping[str, Any]) -> type[VisibleRow]:
    """A serializer class of visible rows with the fields given, named for the schema."""
    class_name = "".join(part.capitalize() for part in name.split("-")) + "Row"
    return type(class_name, (VisibleRow,), dict(fields))

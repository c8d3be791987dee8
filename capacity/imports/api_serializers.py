"""What the API's schema says of a table's rows: as they are read, written, answered after a write, and tried out.

One set of classes a table, made from its columns. Rows are read and written by api_rows.py; these describe them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.imports.api_fields import (
    VisibleDate,
    VisibleDecimal,
    VisibleFlag,
    VisibleInteger,
    VisibleList,
    VisibleText,
    VisibleTime,
)
from capacity.imports.described import Kind, column_unit, kind_of
from capacity.imports.tables import Table

_READ: dict[str, Any] = {
    "decimal": VisibleDecimal,
    "integer": VisibleInteger,
    "boolean": VisibleFlag,
    "date": VisibleDate,
    "moment": VisibleTime,
    "list": VisibleList,
}
_EXAMPLES: dict[str, Any] = {
    "decimal": "0.5",
    "integer": 8,
    "boolean": True,
    "date": "2026-11-23",
    "moment": "2026-11-23T09:00:00Z",
    "list": ["interactive"],
}


@extend_schema_field({"oneOf": [{"type": "string", "format": "decimal"}, {"type": "number"}], "nullable": True})
class DecimalCell(serializers.Field):
    """A decimal as it is to be kept: a text, so that nothing rounds it on the way; a number is read as written."""


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "integer"}], "nullable": True})
class KeyCell(serializers.Field):
    """The key, or part of it, of a row of another table."""


class Page(serializers.Serializer):
    """A page of something, which a subclass names as its `results`."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


class Problem(serializers.Serializer):
    """One thing wrong or odd."""

    row = serializers.IntegerField(allow_null=True, help_text="Its place in the list sent, from 0.")
    field = serializers.CharField(allow_blank=True, help_text="The column; empty for the whole row.")
    code = serializers.CharField()
    message = serializers.CharField()


class Refusal(serializers.Serializer):
    """Every answer that says no (application/problem+json)."""

    title = serializers.CharField()
    status = serializers.IntegerField()
    errors = Problem(many=True)  # type: ignore[assignment]


class Added(serializers.Serializer):
    """One added row of a list."""

    url = serializers.CharField()
    key = serializers.ListField(child=serializers.CharField())
    row_version = serializers.IntegerField(allow_null=True)


class AddedRows(serializers.Serializer):
    """The rows of a list that were added, in its order."""

    count = serializers.IntegerField()
    batch = serializers.IntegerField(allow_null=True, help_text="The batch under imports/ that can be undone.")
    results = Added(many=True)
    warnings = Problem(many=True)


class Proposed(serializers.Serializer):
    """A write that waits for a second person."""

    proposal = serializers.IntegerField()
    url = serializers.CharField()
    message = serializers.CharField()


class Effect(serializers.Serializer):
    """What a write would do to one row."""

    row = serializers.IntegerField(allow_null=True)
    kind = serializers.ChoiceField(choices=["added", "changed", "unchanged", "removed", "refused"])
    key = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField(), help_text="The columns that would change.")


class TriedOut(serializers.Serializer):
    """What a write would do, and what stands against it. Nothing was written."""

    valid = serializers.BooleanField()
    changes = Effect(many=True)
    errors = Problem(many=True)  # type: ignore[assignment]
    warnings = Problem(many=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSerializers:
    """The classes of one table. example: a row to write, made from the kinds of its columns."""

    row: type[serializers.Serializer]
    written: type[serializers.Serializer]
    cells: type[serializers.Serializer]
    page: type[serializers.Serializer]
    example: dict[str, Any]


def serializers_of(table: Table, *, name: str) -> TableSerializers:
    """The table's classes. name: what it is called in the schema, `CostRates`."""
    kinds = {column.name: kind_of(table, column.name) for column in table.columns}
    extras = {
        "row_version": serializers.IntegerField(allow_null=True, help_text="Goes up with each change; the ETag."),
        "restricted": serializers.ListField(
            child=serializers.CharField(), help_text="Columns hidden from the reader's role: null in this row."
        ),
    }
    columns = {column: _read_field(table, column, kind) for column, kind in kinds.items()}
    row = _class(f"{name}Row", {"url": serializers.CharField(help_text="The row's address."), **columns, **extras})
    written = _class(f"{name}Written", {"warnings": Problem(many=True)}, base=row)
    cells = _class(f"{name}Cells", {column: _write_field(table, column, kind) for column, kind in kinds.items()})
    page = _class(
        f"{name}Page",
        {
            "count": serializers.IntegerField(help_text="Rows on all pages."),
            "next": serializers.CharField(allow_null=True),
            "previous": serializers.CharField(allow_null=True),
            "results": row(many=True),
        },
    )
    example = {
        column: _example(column, kind)
        for column, kind in kinds.items()
        if column in table.key or _is_needed(table, column)
    }
    return TableSerializers(row=row, written=written, cells=cells, page=page, example=example)


def _class(name: str, fields: dict[str, Any], *, base: type[Any] = serializers.Serializer) -> type[Any]:
    return type(name, (base,), fields)


def _is_needed(table: Table, column: str) -> bool:
    found = table.column(column)
    return found.required or (column in table.key and found.when_empty is None)


def _read_field(table: Table, column: str, kind: Kind) -> Any:
    return _READ.get(kind.name, VisibleText)(help_text=_help(table, column))


def _write_field(table: Table, column: str, kind: Kind) -> Any:
    needed = _is_needed(table, column)
    common: dict[str, Any] = {"required": needed, "allow_null": not needed, "help_text": _help(table, column)}
    if kind.name == "decimal":
        return DecimalCell(**common)
    if kind.name == "integer":
        return serializers.IntegerField(**common)
    if kind.name == "boolean":
        return serializers.BooleanField(**common)
    if kind.name == "date":
        return serializers.DateField(**common)
    if kind.name == "moment":
        return serializers.DateTimeField(**common)
    if kind.name == "list":
        return serializers.ListField(child=serializers.CharField(), **common)
    if kind.name == "reference":
        return KeyCell(**common)
    if kind.name == "choice":
        common["help_text"] = f"{common['help_text']} One of: {', '.join(value for value, _ in kind.choices)}.".strip()
    return serializers.CharField(allow_blank=not needed, **common)


def _help(table: Table, column: str) -> str:
    text = table.help.get(column, "")
    return text or column_unit(column).capitalize()


def _example(column: str, kind: Kind) -> Any:
    if kind.name == "choice":
        return kind.choices[0][0]
    return _EXAMPLES.get(kind.name, f"example-{column.replace('_', '-')}")

"""Values as the API writes them, and the fields that describe them: hidden, banded and missing values told apart.

A value is null where it is hidden, missing or banded away; `restricted` names the hidden ones and `absent` says of the
others why. A band is {"low": …, "high": …}. Decimals are strings, exactly as stored, so that no client rounds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import models
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from capacity.access.bands import Banded
from capacity.imports.rows import as_json, decimal_text
from capacity.lib.figures import RESTRICTED, Absent

_BAND = {
    "type": "object",
    "properties": {"low": {"type": "string"}, "high": {"type": "string"}},
    "required": ["low", "high"],
    "description": "The reader's role sees the size of this figure, not the figure.",
}


def api_value(value: Any) -> Any:
    """A visible value in JSON terms; None for what is absent, {"low", "high"} for a band."""
    if isinstance(value, Banded):
        return {"low": decimal_text(value.low), "high": decimal_text(value.high)}
    if isinstance(value, Absent):
        return None
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return as_json(value)


class _Visible(serializers.Field):
    """A column of visible rows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        return api_value(value)


@extend_schema_field({"oneOf": [{"type": "string", "format": "decimal"}, _BAND], "nullable": True})
class VisibleDecimal(_Visible):
    """An exact decimal, or its band."""


@extend_schema_field({"oneOf": [{"type": "integer"}, _BAND], "nullable": True})
class VisibleInteger(_Visible):
    """A whole number, or its band."""


@extend_schema_field({"type": "string", "nullable": True})
class VisibleText(_Visible):
    """A text, code or key."""


@extend_schema_field({"type": "boolean", "nullable": True})
class VisibleFlag(_Visible):
    """Yes or no."""


@extend_schema_field({"type": "string", "format": "date", "nullable": True})
class VisibleDate(_Visible):
    """A day."""


@extend_schema_field({"type": "string", "format": "date-time", "nullable": True})
class VisibleTime(_Visible):
    """A time in UTC."""


@extend_schema_field({"type": "array", "items": {}, "nullable": True})
class VisibleList(_Visible):
    """A list of codes, or of objects with the keys stated in the methods."""


@extend_schema_field({"type": "object", "additionalProperties": {}, "nullable": True})
class VisibleObject(_Visible):
    """An object with the keys stated in the methods."""


class VisibleRow(serializers.Serializer):
    """What every row has besides its columns."""

    restricted = serializers.SerializerMethodField(help_text="Columns hidden from the reader's role.")
    absent = serializers.SerializerMethodField(help_text="Column → why it has no value (unsized, unknown cost).")

    def get_restricted(self, row: Mapping[str, Any]) -> list[str]:
        return [name for name in self._columns() if row.get(name) is RESTRICTED]

    def get_absent(self, row: Mapping[str, Any]) -> dict[str, str]:
        found = {name: row.get(name) for name in self._columns()}
        return {
            name: value.word
            for name, value in found.items()
            if isinstance(value, Absent) and value is not RESTRICTED and not isinstance(value, Banded)
        }

    def _columns(self) -> list[str]:
        return [str(name) for name in self.fields if str(name) not in ("restricted", "absent")]


def field_for(model_field: Any) -> _Visible:
    """The API's field for a column of a model."""
    kinds: tuple[tuple[type[Any], type[_Visible]], ...] = (
        (models.DecimalField, VisibleDecimal),
        (models.BooleanField, VisibleFlag),
        (models.IntegerField, VisibleInteger),
        (models.DateTimeField, VisibleTime),
        (models.DateField, VisibleDate),
        (models.JSONField, VisibleList),
    )
    if isinstance(model_field, models.JSONField) and model_field.default is dict:
        return VisibleObject()
    for kind, visible in kinds:
        if isinstance(model_field, kind):
            return visible()
    return VisibleText()

"""Input tables as plain rows: dictionaries of values with natural keys in place of foreign keys, in a fixed order.

What a run reads, what it stores as its inputs and what an export writes are all these rows. Values stay typed
(Decimal, date); `as_json` gives the canonical text form that is hashed and kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from django.db import models

from capacity.imports.cells import safe_cell, unsafe_cell

__all__ = [
    "Row",
    "as_json",
    "cell_text",
    "decimal_text",
    "key_of_text",
    "key_text",
    "safe_cell",
    "table_rows",
    "unsafe_cell",
]

Row = dict[str, Any]

# Columns that say nothing about the plan: a change in them alone leaves the plan as it is.
_BOOKKEEPING = {"id", "submitted_at", "submission_key", "submission_hash", "request_kind"}


def table_rows(
    model: type[models.Model], *, keys: Sequence[str], foreign: Mapping[str, str] | None = None
) -> list[Row]:
    """All rows of a table in one query, ordered by the natural `keys`.

    foreign: column name in the row → path of the natural key it shows, e.g. {"pool": "pool__key"}.
    """
    paths = dict(foreign or {})
    columns = [
        field.name for field in model._meta.concrete_fields if field.name not in _BOOKKEEPING and not field.is_relation
    ]
    values = model._default_manager.order_by(*(paths.get(key, key) for key in keys)).values(*columns, *paths.values())
    back = {path: name for name, path in paths.items()}
    return [{back.get(column, column): value for column, value in row.items()} for row in values]


def as_json(value: Any) -> Any:
    """The value in canonical JSON terms: decimals as plain strings without trailing zeros, dates in ISO form."""
    if value is None or type(value) in _AS_THEY_ARE:
        return value
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return value


# Looked at before what is slower to tell: most values of a row are these.
_AS_THEY_ARE = frozenset({str, int, bool})


def decimal_text(value: Decimal) -> str:
    """A decimal as people write it: no exponent, no trailing zeros, no negative zero."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", ""} else text


def cell_text(value: Any) -> str:
    """The value as a cell of a file: "" for not known, true/false, plain decimals, ISO dates, lists joined by `;`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return ";".join(cell_text(part) for part in value)
    return str(value)


def key_text(key: Sequence[str]) -> str:
    """A natural key in one word, as addresses have it: its parts percent-quoted and joined by `~`."""
    return "~".join(quote(part, safe="").replace("~", "%7E") for part in key)


def key_of_text(text: str) -> tuple[str, ...]:
    """The parts of a key written by `key_text`."""
    return tuple(unquote(part) for part in text.split("~"))

"""Rows between JSON and cells: what a program sends becomes the cells a file would have; what it gets is typed.

Types are strict in one direction only: a text where a number is meant is read as the number it writes, but a number
where a text is meant is refused, and nothing is guessed from an object or a list in a place for one value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from capacity.access.api_errors import FieldError
from capacity.imports.api_fields import api_value
from capacity.imports.api_json import Number
from capacity.imports.cells import nearest
from capacity.imports.described import kind_of, slug_of
from capacity.imports.records import Record, key_in_url
from capacity.imports.tables import Table
from capacity.lib.figures import RESTRICTED

# What an answer has besides the columns; sent back with a row, they are passed over.
EXTRAS = ("url", "row_version", "restricted", "warnings")
_NUMBERS = {"integer", "decimal"}
_BOTH = {"reference", "choice"}


def row_json(table: Table, record: Record) -> dict[str, Any]:
    """The row as the API writes it."""
    return {
        "url": row_url(table, record.key),
        **{name: api_value(value) for name, value in record.values.items()},
        "row_version": record.row_version,
        "restricted": [name for name, value in record.values.items() if value is RESTRICTED],
    }


def row_url(table: Table, key: Sequence[str]) -> str:
    """The row's address. Quoted once more than its key, because a server unquotes an address before it is read."""
    return f"/api/v1/{slug_of(table)}/{key_in_url(key).replace('%', '%25')}/"


def read_rows(
    table: Table, sent: Sequence[Any], *, hidden: frozenset[str] = frozenset(), is_list: bool
) -> tuple[list[dict[str, str]], list[FieldError]]:
    """The rows sent as cells, and everything in them that is no cell. is_list: whether errors name the row.

    hidden: columns the sender does not see; null or a band in them says nothing and is passed over.
    """
    rows: list[dict[str, str]] = []
    errors: list[FieldError] = []
    for position, row in enumerate(sent):
        cells, found = _read_row(table, row, hidden, position if is_list else None)
        rows.append(cells)
        errors.extend(found)
    return rows, errors


def _read_row(
    table: Table, row: Any, hidden: frozenset[str], position: int | None
) -> tuple[dict[str, str], list[FieldError]]:
    if not isinstance(row, Mapping):
        message = "A row is an object: column → value."
        return {}, [FieldError(code="not_an_object", message=message, row=position)]
    columns = {column.name for column in table.columns}
    cells: dict[str, str] = {}
    errors: list[FieldError] = []
    for name, value in row.items():
        if name in EXTRAS and name not in columns:
            continue
        if name in hidden and (value is None or isinstance(value, Mapping)):
            continue
        problem = "" if name in columns else f'There is no column "{_short(name)}" here.{nearest(name, columns)}'
        code = "unknown_column"
        if not problem:
            code, problem, cells[name] = _cell(kind_of(table, name).name, value)
        if problem:
            errors.append(FieldError(code=code, message=problem, row=position, field=_short(name)))
    return cells, errors


def _cell(kind: str, value: Any) -> tuple[str, str, str]:
    """(code, what is wrong or "", the cell)."""
    wrong = "wrong_type"
    if value is None:
        return "", "", ""
    if kind == "list":
        return _list_cell(value)
    if isinstance(value, bool):
        return ("", "", "true" if value else "false") if kind == "boolean" else (wrong, _expected(kind), "")
    if isinstance(value, Number):
        fits = kind in _NUMBERS or kind in _BOTH
        return ("", "", str(value)) if fits else (wrong, _expected(kind), "")
    if isinstance(value, str) and kind != "boolean":
        return _text_cell(value)
    return wrong, _expected(kind), ""


def _list_cell(value: Any) -> tuple[str, str, str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and not isinstance(item, Number) for item in value):
        return "wrong_type", _expected("list"), ""
    if any(";" in item or not item.strip() for item in value):
        return "bad_list", "A part of the list is empty or holds a semicolon.", ""
    return _text_cell(";".join(value))


def _text_cell(text: str) -> tuple[str, str, str]:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "bad_text", "The text holds half of a character (a lone surrogate).", ""
    return "", "", text.strip()


def _expected(kind: str) -> str:
    words = {
        "list": "a list of texts",
        "boolean": "true or false",
        "decimal": 'a number, best as a text such as "0.65"',
        "integer": "a whole number",
        "date": 'a text such as "2026-11-23"',
        "moment": 'a text such as "2026-11-23T09:00:00Z"',
    }
    return f"Send {words.get(kind, 'a text')}, or null when it is not known."


def even(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Rows of one list with the same columns in each: a column that one row leaves out is empty there."""
    known = list(rows)
    names = list(dict.fromkeys(name for row in known for name in row))
    return [{name: row.get(name, "") for name in names} for row in known]


def _short(name: str) -> str:
    return name if len(name) <= 80 else name[:79] + "…"

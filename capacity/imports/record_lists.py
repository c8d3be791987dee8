"""The list page of a kept table: which columns, filters and heads it shows, and the links that keep its state.

Everything is in the address: filters, search, sort and page. Rows come from records.py, one page of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict

from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.described import column_label, column_unit, kind_of
from capacity.imports.record_words import value_text
from capacity.imports.records import COMPARISONS, LONGEST_SEARCH, Scope, column_paths, scope_of, visible
from capacity.imports.rows import cell_text
from capacity.imports.tables import Table
from capacity.lib.figures import Absent

# More choices than these make no menu: the filter is then typed.
MOST_CHOICES = 60
_COMPARED = {
    "": "is",
    "gte": "from",
    "gt": "above",
    "lte": "to",
    "lt": "below",
    "contains": "contains",
    "in": "one of",
    "empty": "empty:",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What the address asks of a list. filters: column, or column and comparison, → text."""

    filters: Mapping[str, str]
    q: str
    sort: str

    @property
    def is_filtered(self) -> bool:
        return bool(self.filters or self.q)

    def link(self, **changes: str) -> str:
        """`?…` with parameters changed; an empty one is left out."""
        now = {**self.filters, "q": self.q, "sort": self.sort, **changes}
        return "?" + urlencode({name: value for name, value in now.items() if value})


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A column's head. url: of its next sort, "" where it cannot be sorted by; sort: ascending, descending or ""."""

    name: str
    label: str
    unit: str
    is_number: bool
    url: str
    sort: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """A control of the filter row. kind: select, text, or date (from and to)."""

    name: str
    label: str
    kind: str
    value: str = ""
    until: str = ""
    options: tuple[tuple[str, str], ...] = field(default=())


def read_address(table: Table, params: QueryDict) -> Asked:
    """Filters are the parameters named like a column; everything else the address says is somebody else's."""
    names = {column.name for column in table.columns}
    filters = {
        name: str(text)
        for name, text in params.dict().items()
        if str(text).strip() and name.partition("__")[0] in names and name.partition("__")[2] in ("", *COMPARISONS)
    }
    return Asked(filters=filters, q=params.get("q", "").strip()[:LONGEST_SEARCH], sort=params.get("sort", ""))


def shown_columns(table: Table, scope: Scope, *, every: bool = False) -> tuple[str, ...]:
    """The columns of the list, or all of the table's, that can show the viewer anything."""
    names = tuple(column.name for column in table.columns) if every else described.listed_columns(table)
    return tuple(name for name in names if scope.sees_any(name))


def heads(table: Table, scope: Scope, asked: Asked, columns: tuple[str, ...]) -> list[Head]:
    found = []
    for name in columns:
        is_number = kind_of(table, name).name in {"integer", "decimal"} and name != "version"
        is_sorted = asked.sort.removeprefix("-") == name
        is_descending = asked.sort.startswith("-")
        next_descends = not is_descending if is_sorted else is_number
        found.append(
            Head(
                name=name,
                label=column_label(name),
                unit=column_unit(name),
                is_number=is_number,
                url=asked.link(sort=("-" if next_descends else "") + name) if scope.sees_fully(name) else "",
                sort=("descending" if is_descending else "ascending") if is_sorted else "",
            )
        )
    return found


def filter_row(table: Table, viewer: Viewer, asked: Asked) -> list[Filter]:
    """The filters the table declares, as far as the viewer may ask by them. At most one query each."""
    scope = scope_of(table, viewer)
    return [_filter(table, viewer, asked, name) for name in table.filters if scope.sees_fully(name)]


def _filter(table: Table, viewer: Viewer, asked: Asked, name: str) -> Filter:
    kind = kind_of(table, name)
    label = column_label(name)
    value = asked.filters.get(name, "")
    if kind.name in {"date", "moment"}:
        least, most = asked.filters.get(f"{name}__gte", ""), asked.filters.get(f"{name}__lte", "")
        return Filter(name=name, label=label, kind="date", value=least, until=most)
    options = _options(table, viewer, name)
    if options is None:
        return Filter(name=name, label=label, kind="text", value=value)
    if value and value not in dict(options):
        options = (*options, (value, value))
    return Filter(name=name, label=label, kind="select", value=value, options=options)


def _options(table: Table, viewer: Viewer, name: str) -> tuple[tuple[str, str], ...] | None:
    """The values to choose from; None where there are too many of them, or too many rows to look through."""
    kind = kind_of(table, name)
    if kind.name == "choice":
        return kind.choices
    if kind.name == "boolean":
        return (("true", "yes"), ("false", "no"))
    if table.is_log or kind.name == "list":
        return None
    path = column_paths(table)[name]
    values = visible(table, viewer).order_by(path).values_list(path, flat=True).distinct()[: MOST_CHOICES + 1]
    found = [str(value) for value in values if value not in (None, "")]
    return tuple((value, value) for value in found) if len(found) <= MOST_CHOICES else None


def other_filters(table: Table, asked: Asked) -> list[dict[str, Any]]:
    """Filters in force that have no control of their own, in words, each with the address without it."""
    controls = {*table.filters, *(f"{name}__{end}" for name in table.filters for end in ("gte", "lte"))}
    found = []
    for name, text in asked.filters.items():
        column, _, comparison = name.partition("__")
        if name not in controls:
            words = f"{column_label(column)} {_COMPARED[comparison]} {text}"
            found.append({"name": name, "value": text, "text": words, "url": asked.link(**{name: ""})})
    return found


def clear_url(asked: Asked) -> str:
    return "?" + urlencode({"sort": asked.sort} if asked.sort else {})


def hidden_labels(table: Table, columns: tuple[str, ...]) -> str:
    """The labels of the list's columns that show this viewer nothing."""
    return ", ".join(column_label(name) for name in described.listed_columns(table) if name not in columns)


def name_of(table: Table, values: Mapping[str, Any]) -> str:
    """What a row is called: its label where the viewer sees it, its key where not."""
    column = described.label_column(table)
    label = value_text(column, kind_of(table, column), values.get(column), year=None)
    return ", ".join(cell_text(values[name]) for name in table.key) if isinstance(label, Absent) else label

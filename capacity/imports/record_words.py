"""How a row of a kept table is written on a page: values in words, links to what it names, what role may change it.

Value in, words out; the rows come from records.py, already as the viewer may see them. Nothing here asks the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from capacity.access.permissions import may, roles_for
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports import described
from capacity.imports.described import Kind
from capacity.imports.records import key_in_url
from capacity.imports.rows import cell_text, decimal_text
from capacity.imports.tables import Reference, Table, tables
from capacity.lib import figures
from capacity.lib.figures import MINUS, NOTHING, Absent

# Numbers that name something and count nothing: written without a separator.
_NAMING_NUMBERS = frozenset({"version", "rate_limit_version"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A written cell: `title` is what a hover adds, `href` where it leads."""

    text: str | Absent
    is_number: bool = False
    wraps: bool = False
    href: str = ""
    title: str = ""


def value_text(column: str, kind: Kind, value: Any, *, year: int | None) -> str | Absent:
    """A value in words. year: the reader's; days of another year carry theirs."""
    if isinstance(value, Absent):
        return value
    if value is None or value == "" or value == []:
        return NOTHING
    if kind.name == "choice":
        return dict(kind.choices).get(str(value), str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{figures.day(value, year=year)} {value:%H:%M}"
    if isinstance(value, date):
        return figures.day(value, year=year)
    if isinstance(value, Decimal | int) and column not in _NAMING_NUMBERS:
        return number_text(value)
    if isinstance(value, list):
        return "; ".join(str(part) for part in value)
    return str(value)


def number_text(value: Decimal | int) -> str:
    """1,234.5: every digit that was written, in thousands, with a true minus sign."""
    whole, point, rest = decimal_text(abs(Decimal(value))).partition(".")
    return f"{MINUS if value < 0 else ''}{int(whole):,}{point}{rest}"


def cell_words(table: Table, column: str, text: str, *, year: int | None) -> str | Absent:
    """The text of a cell (of the history, of a proposal) as a page writes it; as it stands where it cannot be read."""
    if text == "":
        return NOTHING
    try:
        value = table.column(column).parse(text)
    except (ValueError, StopIteration):
        return text
    return value_text(column, described.kind_of(table, column), value, year=year)


def shown(
    table: Table, column: str, values: Mapping[str, Any], *, viewer: Viewer, year: int | None, is_link: bool = True
) -> Shown:
    """One cell of a row, with the link to the row it names where the viewer may follow it."""
    kind = described.kind_of(table, column)
    value = values[column]
    text = value_text(column, kind, value, year=year)
    is_absent = isinstance(text, Absent)
    return Shown(
        text=text,
        is_number=kind.name in {"integer", "decimal"} and column not in _NAMING_NUMBERS,
        wraps=kind.name in {"list", "long_text"},
        href="" if is_absent or not is_link else reference_url(table, column, values, viewer=viewer),
        title="" if is_absent or str(value) == text else cell_text(value),
    )


def reference_url(table: Table, column: str, values: Mapping[str, Any], *, viewer: Viewer) -> str:
    """Where a column that names a row of another table leads: to the row, or to the list of rows it may mean."""
    reference = described.reference_of(table, column)
    target = tables().get(reference.target) if reference else None
    if reference is None or target is None or reference.many or not may_view(target, viewer):
        return ""
    # In a key of two parts the first names a row of its own: the pool of a pool and its domain.
    named = dict(zip(reference.target_columns, (values[name] for name in reference.columns), strict=True))
    if any(isinstance(value, Absent) or value in (None, "") for value in named.values()):
        return ""
    part = reference.target_columns[reference.columns.index(column)]
    if len(reference.columns) > 1 and (inner := described.reference_of(target, part)) is not None:
        return reference_url(target, part, {**dict.fromkeys(inner.columns), **named}, viewer=viewer)
    # Of rows that are only partly the reader's the list is asked: a row of somebody else's is not in it.
    sees_any = sight(viewer, described.resource_of(target), target.key[0]) is Sight.FULL
    if sees_any and set(reference.target_columns) == set(target.key):
        return row_url(target, tuple(cell_text(named[name]) for name in target.key))
    return list_url(target, {name: cell_text(value) for name, value in named.items()})


def users_url(table: Table, reference: Reference, values: Mapping[str, Any]) -> str:
    """The list of the rows of `table` that name a row by this reference. values: of the row they name."""
    named = zip(reference.columns, reference.target_columns, strict=True)
    return list_url(table, {column: cell_text(values[target]) for column, target in named})


def list_url(table: Table, filters: Mapping[str, str] | None = None) -> str:
    address = reverse("data-table", args=[described.slug_of(table)])
    return f"{address}?{urlencode(filters)}" if filters else address


def row_url(table: Table, key: tuple[str, ...], route: str = "data-row") -> str:
    return reverse(route, args=[described.slug_of(table), key_in_url(key)])


def import_url() -> str:
    """The page that takes files; "" where there is none."""
    return _reversed("imports")


def template_url(table: Table) -> str:
    """The empty file of a table, with its columns."""
    return _reversed("import-template", table.name)


def _reversed(route: str, *parts: str) -> str:
    try:
        return reverse(route, args=parts)
    except NoReverseMatch:
        return ""


# --- who ----------------------------------------------------------------------------------------------------------


def may_view(table: Table, viewer: Viewer) -> bool:
    """Whether the role opens the table's pages at all. A table that names no action is nobody's."""
    return bool(table.view) and may(viewer.roles, table.view)


def may_change(table: Table, viewer: Viewer) -> bool:
    """Whether the role writes the table at all; a log of measurements is written by files only."""
    return bool(table.change) and not table.is_log and may(viewer.roles, table.change)


def who_changes(table: Table) -> str:
    """One sentence: who keeps the table."""
    if not table.change:
        return "Kept at the command line only."
    names = [ROLE_NAMES[role].lower() for role in Role if role in roles_for(table.change)]
    said = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"Kept by {said}."

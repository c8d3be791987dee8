"""Rows of the tables people keep, as one viewer may see them: filtered, searched, sorted and paged in SQL.

Every door that shows rows reads them here: list and detail pages, exports, the API. What a viewer may not see is left
out by the database or replaced before it leaves this module (capacity.access.visibility decides). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ImproperlyConfigured
from django.db.models import F, Model, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.http import Http404

from capacity.access.visibility import Sight, Viewer, see, sight
from capacity.imports.cells import CellError, Value
from capacity.imports.described import resource_of, search_columns
from capacity.imports.references import ReferenceIndex
from capacity.imports.rows import cell_text, key_of_text, key_text
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import read_cell

PAGE_ROWS = 100
LONGEST_SEARCH = 100
# Addresses beside those of rows: a row of such a key has its first letter quoted. So has one that names a folder.
PAGE_WORDS = frozenset({"new", "bulk"})
# After a column's name in a filter: `starts_date__gte`. Without one the column equals the value.
COMPARISONS = ("gt", "gte", "lt", "lte", "contains", "in", "empty")
_OWNER = "_owner"


class BadFilter(Exception):
    """A filter's value is no value of its column: `column` and a sentence."""

    def __init__(self, column: str, message: str) -> None:
        super().__init__(message)
        self.column = column
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Record:
    """One row as the viewer sees it. values: column → value, RESTRICTED or Banded. key: its natural key as cells."""

    pk: int
    key: tuple[str, ...]
    values: Mapping[str, Any]
    row_version: int | None
    owner: str


@dataclass(frozen=True, kw_only=True)
class Records:
    """A page of rows. count: how many there are on all pages."""

    records: tuple[Record, ...]
    count: int

    @property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(record.values) for record in self.records]


@dataclass(frozen=True, kw_only=True)
class Scope:
    """Which rows of a table a viewer sees in the list of them: all, or those of these owners (none for no owner)."""

    viewer: Viewer | None
    resource: str
    is_all: bool
    owners: frozenset[str] = frozenset()

    def sees_fully(self, column: str) -> bool:
        """Whether the column shows in full on every row of the scope: only then may it be filtered and sorted by."""
        if self.viewer is None or sight(self.viewer, self.resource, column) is Sight.FULL:
            return True
        if self.is_all or not self.owners:
            return False
        return all(sight(self.viewer, self.resource, column, owner=owner) is Sight.FULL for owner in self.owners)

    def sees_any(self, column: str) -> bool:
        """Whether the column can show anything at all, on some row of the scope."""
        if self.viewer is None:
            return True
        owners = {"", *self.owners, *_own_names(self.viewer)}
        return any(sight(self.viewer, self.resource, column, owner=owner) is not Sight.HIDDEN for owner in owners)


# --- reading ------------------------------------------------------------------------------------------------------


def visible_records(
    *,
    table: Table,
    viewer: Viewer | None,
    filters: Mapping[str, str] | None = None,
    q: str = "",
    ordering: str = "",
    limit: int = PAGE_ROWS,
    offset: int = 0,
) -> Records:
    """One page of rows. Two queries, whatever the size of the table.

    viewer: None sees everything (the command line). filters: column, or column and comparison (`starts_date__gte`),
    → text as a file would write it; an empty text filters nothing. q: words looked for in the searched columns.
    ordering: columns separated by commas, "-" before one for descending; what is not known comes last.
    Raises Http404 for a column that is not there or not seen in full, BadFilter for a value that cannot be read.
    """
    found = matching(table=table, viewer=viewer, filters=filters, q=q, ordering=ordering)
    return Records(records=tuple(records_in(found[offset : offset + limit], table, viewer)), count=found.count())


def matching(
    *, table: Table, viewer: Viewer | None, filters: Mapping[str, str] | None = None, q: str = "", ordering: str = ""
) -> QuerySet[Any]:
    """The rows of visible_records, all pages of them and not yet read. Raises Http404, BadFilter."""
    scope = scope_of(table, viewer)
    paths = column_paths(table)
    found = _scoped(table, scope)
    for name, text in (filters or {}).items():
        if text.strip():
            found = found.filter(_condition(table, scope, paths, name, text.strip()))
    words = q.strip()[:LONGEST_SEARCH]
    if words:
        found = found.filter(_mentions(table, scope, paths, words))
    return found.order_by(*_order(table, scope, paths, ordering))


def records_in(found: QuerySet[Any], table: Table, viewer: Viewer | None) -> Iterator[Record]:
    """The rows as the viewer sees them, read in one query (in chunks where the caller asks for an iterator)."""
    paths = column_paths(table)
    plain = _plain_values(found, table, paths)
    return (_record(row, table, paths, viewer) for row in plain.iterator(chunk_size=2000))


def record_of(*, table: Table, viewer: Viewer | None, key: Sequence[str]) -> tuple[dict[str, Any], int | None]:
    """One row as the viewer sees it, and its row_version. Raises Http404. One query."""
    record = found_record(table=table, viewer=viewer, key=key)
    return dict(record.values), record.row_version


def found_record(*, table: Table, viewer: Viewer | None, key: Sequence[str]) -> Record:
    """One row by its natural key as cells. Raises Http404 when there is none that the viewer may see. One query."""
    paths = column_paths(table)
    found = _scoped(table, scope_of(table, viewer)).filter(has_key(table, key))
    rows = list(_plain_values(found, table, paths)[:1])
    if not rows:
        raise Http404
    return _record(rows[0], table, paths, viewer)


def key_values(table: Table, key: Sequence[str]) -> tuple[Value, ...]:
    """The key's cells as values. Raises Http404 for what cannot be a key of the table."""
    if len(key) != len(table.key):
        raise Http404
    try:
        return tuple(
            read_cell(table.column(name), part, is_key=True) for name, part in zip(table.key, key, strict=True)
        )
    except CellError:
        raise Http404 from None


def has_key(table: Table, key: Sequence[str]) -> Q:
    """The condition that tells the row of this key. Raises Http404 for what cannot be a key of the table."""
    paths = column_paths(table)
    condition = Q()
    for name, value in zip(table.key, key_values(table, key), strict=True):
        is_nobody = value == "" and paths[name] != name
        # An empty part of a key that names another row means that there is no such row.
        condition &= Q(**{f"{paths[name]}__isnull": True}) if is_nobody else Q(**{paths[name]: value})
    return condition


def visible(table: Table, viewer: Viewer | None) -> QuerySet[Any]:
    """The rows the viewer may know of, as a query: those whose key he sees in full."""
    return _scoped(table, scope_of(table, viewer))


# --- scope --------------------------------------------------------------------------------------------------------


def scope_of(table: Table, viewer: Viewer | None) -> Scope:
    """Which rows the viewer sees: a row of which he may not see the whole key is not there for him."""
    resource = resource_of(table)
    if viewer is None or all(sight(viewer, resource, name) is Sight.FULL for name in table.key):
        return Scope(viewer=viewer, resource=resource, is_all=True)
    own = {
        owner
        for owner in _own_names(viewer)
        if all(sight(viewer, resource, name, owner=owner) is Sight.FULL for name in table.key)
    }
    return Scope(viewer=viewer, resource=resource, is_all=False, owners=frozenset(own))


def owner_path(table: Table) -> str:
    """The ORM path of whose a row is; "" when its rows are nobody's.

    A line of a contract belongs to whoever the contract belongs to: an owner column that is not the table's own, or
    that names a row with an owner, is looked for along the foreign keys.
    """
    if not table.owner:
        return ""
    known = tables()
    names = {column.name for column in table.columns}
    for reference in table.foreign_keys:
        target = known.get(reference.target)
        if target is None or not target.owner or target.name == table.name:
            continue
        if table.owner in reference.columns or table.owner not in names:
            return f"{reference.field}__{owner_path(target)}"
    if table.owner in names:
        return ReferenceIndex(tables=known).path(table, table.owner)
    if "__" in table.owner:
        return table.owner
    raise ImproperlyConfigured(f"the table {table.name} has no owner column {table.owner}")


def _own_names(viewer: Viewer) -> set[str]:
    return {name for name in (viewer.username, viewer.team_key) if name}


def _scoped(table: Table, scope: Scope) -> QuerySet[Any]:
    rows: QuerySet[Any] = table.model._default_manager.all()
    if scope.is_all:
        return rows
    path = owner_path(table)
    if not path or not scope.owners:
        return rows.none()
    return rows.filter(**{f"{path}__in": sorted(scope.owners)})


# --- filter, search, sort -----------------------------------------------------------------------------------------


def column_paths(table: Table) -> dict[str, str]:
    """Column → its ORM path."""
    index = ReferenceIndex(tables=tables())
    return {column.name: index.path(table, column.name) for column in table.columns}


def _seen(scope: Scope, paths: Mapping[str, str], column: str) -> str:
    """The column's path. Raises Http404 for one that is not there or may not be asked about: the same answer."""
    if column not in paths or not scope.sees_fully(column):
        raise Http404
    return paths[column]


def _condition(table: Table, scope: Scope, paths: Mapping[str, str], name: str, text: str) -> Q:
    column, _, comparison = name.partition("__")
    path = _seen(scope, paths, column)
    if comparison and comparison not in COMPARISONS:
        raise Http404
    if comparison == "empty":
        is_empty = _is_empty(table, column, path)
        return is_empty if text.lower() in {"true", "yes", "1"} else ~is_empty
    if comparison == "contains":
        return Q(**{f"{path}__icontains": text})
    if comparison == "in":
        parts = [part.strip() for part in text.split(",") if part.strip()]
        return Q(**{f"{path}__in": [_read(table, column, part) for part in parts]})
    if _is_list(table, column):
        return Q(**{f"{path}__contains": [text]})
    return Q(**{f"{path}__{comparison or 'exact'}": _read(table, column, text)})


def _read(table: Table, column: str, text: str) -> Value:
    try:
        return table.column(column).parse(text)
    except CellError as error:
        raise BadFilter(column, error.message) from None


def _mentions(table: Table, scope: Scope, paths: Mapping[str, str], words: str) -> Q:
    """Any searched column that shows in full holds the words. Q() that finds nothing where there is no such column."""
    asked = [paths[name] for name in search_columns(table) if name in paths and scope.sees_fully(name)]
    found = Q(pk__in=())
    for path in asked:
        found |= Q(**{f"{path}__icontains": words})
    return found


def _order(table: Table, scope: Scope, paths: Mapping[str, str], ordering: str) -> list[Any]:
    """What to sort by: the columns asked for, then the key, so that pages never share a row."""
    order: list[Any] = []
    for name in filter(None, (part.strip() for part in ordering.split(","))):
        path = F(_seen(scope, paths, name.removeprefix("-")))
        order.append(path.desc(nulls_last=True) if name.startswith("-") else path.asc(nulls_last=True))
    if table.is_log:
        # The latest first, by the primary key: a sort by names would read every row of a table of a million.
        return [*order, "-pk"]
    return [*order, *(paths[name] for name in table.key), "pk"]


def _is_list(table: Table, column: str) -> bool:
    return isinstance(_own_field(table.model, column), ArrayField)


def _is_empty(table: Table, column: str, path: str) -> Q:
    item = _own_field(table.model, column)
    empty = Q(**{f"{path}__isnull": True})
    if isinstance(item, ArrayField):
        return empty | Q(**{f"{path}__len": 0})
    return empty | Q(**{path: ""}) if item is not None and item.empty_strings_allowed and not item.choices else empty


def _own_field(model: type[Model], column: str) -> Any:
    return next((item for item in model._meta.concrete_fields if item.name == column), None)


# --- one row ------------------------------------------------------------------------------------------------------


def _plain_values(found: QuerySet[Any], table: Table, paths: Mapping[str, str]) -> QuerySet[Any]:
    names = ["pk", *dict.fromkeys(paths.values())]
    if _own_field(table.model, "row_version") is not None:
        names.append("row_version")
    path = owner_path(table)
    return (
        found.annotate(**{_OWNER: Cast(F(path), TextField())}).values(*names, _OWNER) if path else found.values(*names)
    )


def _record(row: Mapping[str, Any], table: Table, paths: Mapping[str, str], viewer: Viewer | None) -> Record:
    owner = row.get(_OWNER) or ""
    values = {name: row[path] for name, path in paths.items()}
    return Record(
        pk=row["pk"],
        key=tuple(cell_text(_standing(table, name, values[name])) for name in table.key),
        values=as_seen(table, viewer, values, owner=owner),
        row_version=row.get("row_version"),
        owner=owner,
    )


def _standing(table: Table, name: str, value: Any) -> Any:
    """A part of the key, or what an empty one stands for."""
    return table.column(name).when_empty if value is None else value


def as_seen(table: Table, viewer: Viewer | None, values: Mapping[str, Any], *, owner: str) -> dict[str, Any]:
    """The values of one row as the viewer may see them; columns the visibility table does not list are hidden."""
    if viewer is None:
        return dict(values)
    resource = resource_of(table)
    return {name: see(viewer, resource, name, value, owner=owner) for name, value in values.items()}


def hidden_columns(table: Table, viewer: Viewer | None, *, owner: str) -> frozenset[str]:
    """The columns of one row that the viewer does not see in full."""
    if viewer is None:
        return frozenset()
    resource = resource_of(table)
    names: Collection[str] = [column.name for column in table.columns]
    return frozenset(name for name in names if sight(viewer, resource, name, owner=owner) is not Sight.FULL)


# --- keys -----------------------------------------------------------------------------------------------------


def key_in_url(key: Sequence[str]) -> str:
    """A natural key as one part of an address, told apart from the words that are pages of their own there."""
    text = key_text(key)
    return f"%{ord(text[0]):02X}{text[1:]}" if text in PAGE_WORDS or set(text) == {"."} else text


def key_from_url(text: str) -> tuple[str, ...]:
    """The cells of a key out of an address."""
    return key_of_text(text)

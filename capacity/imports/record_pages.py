"""What the pages of one row show: its fields in groups, what uses it, its history, where the plan speaks of it.

Rows come from records.py as the viewer may see them; history is held against the same lines before it is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, Window
from django.http import Http404, HttpRequest
from django.urls import reverse

from capacity.access.permissions import may
from capacity.access.viewer import deny, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.described import column_label, column_unit
from capacity.imports.edits import HistoryEntry
from capacity.imports.record_lists import name_of
from capacity.imports.record_words import (
    Shown,
    cell_words,
    list_url,
    may_change,
    may_view,
    row_url,
    shown,
    users_url,
)
from capacity.imports.records import Record, column_paths, hidden_columns, key_from_url, records_in, visible
from capacity.imports.rows import cell_text, key_text
from capacity.imports.tables import Reference, Table, tables
from capacity.lib import figures
from capacity.lib.figures import RESTRICTED, Absent

NAMED_USERS = 6
# Pages of the plan that speak of a row: table → (route, the column its argument is).
PLAN_PAGES: Mapping[str, tuple[str, str]] = {
    "pools": ("pool", "key"),
    "network_domains": ("pool", "pool"),
    "lots": ("pool", "pool"),
    "contracts": ("contract", "key"),
    "price_lines": ("contract", "contract"),
    "commit_steps": ("contract", "contract"),
    "sla_lines": ("contract", "contract"),
    "workloads": ("workloads", ""),
    "experiments": ("requests", ""),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One column of a row, written. help: what the column means."""

    label: str
    unit: str
    help: str
    value: Shown


@dataclass(frozen=True, kw_only=True, slots=True)
class Users:
    """The rows of one table that name this one: name, key, address. count None: a log, of which only the link is given."""

    title: str
    url: str
    count: int | None
    rows: tuple[tuple[str, str, str], ...] = ()

    @property
    def more(self) -> int:
        return (self.count or 0) - len(self.rows)


def asked_table(request: HttpRequest, slug: str, *, is_change: bool = False) -> tuple[Table, Viewer]:
    """The table of an address. Http404 for none; 403 with an audit row for whoever may not open (or change) it."""
    table = described.table_of_slug(slug)
    if table is None:
        raise Http404
    viewer = viewer_of(request)
    if not may_view(table, viewer):
        deny(request, needs=table.view or f"{table.name}.view")
    if is_change and not may_change(table, viewer):
        deny(request, needs=table.change or f"{table.name}.change")
    return table, viewer


def asked_key(table: Table, text: str) -> tuple[str, ...]:
    key = key_from_url(text)
    if len(key) != len(table.key):
        raise Http404
    return key


# --- a row --------------------------------------------------------------------------------------------------------


def field_groups(table: Table, record: Record, *, viewer: Viewer, year: int) -> list[dict[str, Any]]:
    """Heading → written fields, in the order of the form."""
    return [
        {
            "heading": heading,
            "fields": [_field(table, name, record, viewer, year) for name in names],
        }
        for heading, names in described.grouped_columns(table).items()
    ]


def _field(table: Table, name: str, record: Record, viewer: Viewer, year: int) -> Field:
    value = shown(table, name, record.values, viewer=viewer, year=year)
    unit = column_unit(name) if value.is_number and not isinstance(value.text, Absent) else ""
    return Field(label=column_label(name), unit=unit, help=table.help.get(name, ""), value=value)


def used_by(table: Table, record: Record, *, viewer: Viewer) -> list[Users]:
    """Who names this row, by table, as far as the viewer may open it. One query for each table that is no log."""
    found = []
    for other in tables().values():
        if not may_view(other, viewer):
            continue
        for reference in other.references:
            if reference.target == table.name and _names_whole(reference, record.values):
                users = _users(other, reference, record.values, viewer)
                if users is not None:
                    found.append(users)
    return found


def _names_whole(reference: Reference, values: Mapping[str, Any]) -> bool:
    return all(values.get(name) not in (None, "", RESTRICTED) for name in reference.target_columns)


def _users(other: Table, reference: Reference, values: Mapping[str, Any], viewer: Viewer) -> Users | None:
    url = users_url(other, reference, values)
    title = described.title_of(other)
    if other.is_log:
        return Users(title=title, url=url, count=None)
    rows = visible(other, viewer).filter(_naming(other, reference, values)).order_by("pk")
    named = list(rows.annotate(_all=Window(Count("pk"))).values_list("pk", "_all")[:NAMED_USERS])
    if not named:
        return None
    records = records_in(other.model._default_manager.filter(pk__in=[pk for pk, _ in named]), other, viewer)
    lines = ((name_of(other, record.values), _rest(record, values), row_url(other, record.key)) for record in records)
    return Users(title=title, url=url, count=named[0][1], rows=tuple(sorted(lines)))


def _rest(record: Record, values: Mapping[str, Any]) -> str:
    """The key of a row that names another, without what it names."""
    known = {cell_text(value) for value in values.values() if not isinstance(value, Absent)}
    return ", ".join(part for part in record.key if part not in known)


def _naming(other: Table, reference: Reference, values: Mapping[str, Any]) -> Q:
    paths = column_paths(other)
    if reference.many:
        return Q(**{f"{paths[reference.columns[0]]}__contains": [values[reference.target_columns[0]]]})
    pairs = zip(reference.columns, reference.target_columns, strict=True)
    return Q(**{paths[column]: values[target] for column, target in pairs})


# Tables whose row pages lead to a what-if about the row.
ASKED_ABOUT = frozenset({"contracts", "lots", "experiments", "outages", "forecasts", "policy_floors", "policy_sets"})


def what_if_page(table: Table, key: tuple[str, ...], *, viewer: Viewer) -> str:
    """Where to ask what would be if the row were different; "" for whoever does not keep such rows."""
    if table.name not in ASKED_ABOUT or not may(viewer.roles, "scenario.ask") or not may(viewer.roles, table.change):
        return ""
    return f"{reverse('scenario-new')}?{urlencode({'table': table.name, 'key': key_text(key)})}"


def plan_page(table: Table, values: Mapping[str, Any], *, viewer: Viewer) -> str:
    """Where the plan shows this row; "" where it has no page."""
    found = PLAN_PAGES.get(table.name)
    if found is None:
        return ""
    route, column = found
    value = values.get(column) if column else None
    if column and (value in (None, "") or not isinstance(value, str)):
        return ""
    return reverse(route, args=[value] if column else [])


# --- history ------------------------------------------------------------------------------------------------------


def history_lines(
    table: Table, record: Record, entries: Sequence[HistoryEntry], *, viewer: Viewer, year: int
) -> list[dict[str, Any]]:
    """The writes of a row, the latest first, with the cells this viewer sees.

    Why somebody wrote is free text that may quote any column: it shows to whoever sees all of them.
    """
    hidden = hidden_columns(table, viewer, owner=record.owner)
    return [
        {
            "at": _moment(entry.at, year),
            "by": entry.by,
            "source": entry.source,
            "kind": entry.kind,
            "note": RESTRICTED if hidden and entry.note else entry.note,
            "batch_id": entry.batch_id,
            "changes": change_lines(table, entry.columns, hidden=hidden, year=year) if entry.kind == "changed" else [],
            "may_undo": may_change(table, viewer)
            and not hidden.intersection(entry.columns)
            and entry.kind != "removed",
        }
        for entry in entries
    ]


def change_lines(
    table: Table, columns: Mapping[str, tuple[str, str]], *, hidden: frozenset[str], year: int
) -> list[dict[str, Any]]:
    """Column, before, after in words; what the viewer does not see in full is restricted on both sides."""
    return [
        {
            "label": column_label(name),
            "before": RESTRICTED if name in hidden else cell_words(table, name, before, year=year),
            "after": RESTRICTED if name in hidden else cell_words(table, name, after, year=year),
        }
        for name, (before, after) in columns.items()
    ]


def _moment(at: datetime, year: int) -> str:
    return f"{figures.day(at, year=year)} {at:%H:%M}"


def crumbs(table: Table) -> list[tuple[str, str]]:
    """The way back: the data, the table."""
    return [("Data", reverse("data")), (described.title_of(table), list_url(table))]

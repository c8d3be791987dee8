"""Pages that show the tables people keep: the index by area, each table's list, each row with its history.

One description (`tables.Table`) drives them all; nothing here knows a table by name.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.permissions import may
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.edits import history
from capacity.imports.export import bundle_tables
from capacity.imports.forms_records import record_form
from capacity.imports.overview import table_states
from capacity.imports.proposals import waiting_for
from capacity.imports.record_lists import (
    Asked,
    clear_url,
    filter_row,
    heads,
    hidden_labels,
    name_of,
    other_filters,
    read_address,
    shown_columns,
)
from capacity.imports.record_pages import (
    asked_key,
    asked_table,
    crumbs,
    field_groups,
    history_lines,
    plan_page,
    used_by,
    what_if_page,
)
from capacity.imports.record_words import (
    import_url,
    list_url,
    may_change,
    may_view,
    row_url,
    shown,
    template_url,
    who_changes,
)
from capacity.imports.records import (
    PAGE_ROWS,
    BadFilter,
    Record,
    found_record,
    hidden_columns,
    key_in_url,
    matching,
    records_in,
    scope_of,
    visible,
)
from capacity.imports.tables import Table, tables
from capacity.imports.views_export import table_file


@requires("data.view")
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every table the role may open, by area, with how much is in it and who changed it last."""
    viewer = viewer_of(request)
    shown_tables = [table for table in tables().values() if may_view(table, viewer)]
    states = table_states(shown_tables, viewer=viewer, year=timezone.now().year)
    areas: dict[str, list[dict[str, Any]]] = {}
    for table in shown_tables:
        areas.setdefault(described.area_of(table), []).append(
            {
                "table": table,
                "title": described.title_of(table),
                "url": list_url(table),
                "state": states[table.name],
                "may_change": may_change(table, viewer),
                "slug": described.slug_of(table),
                "template_url": template_url(table) if may_import(table, viewer) else "",
            }
        )
    order = {area: place for place, area in enumerate(described.AREAS)}
    context = {
        "areas": dict(sorted(areas.items(), key=lambda item: order.get(item[0], len(order)))),
        "import_url": import_url(),
        "rows": sum(state.rows for state in states.values()),
        "tables": len(shown_tables),
        "empty": sum(state.rows == 0 for state in states.values()),
        "may_import": may(viewer.roles, "imports.use"),
        "bundle_count": len(bundle_tables(viewer)),
        "proposals": waiting_for(viewer=viewer, user=request.user).count(),  # type: ignore[arg-type]
    }
    return render(request, "data/index.html", context)


@requires("data.view")
@require_safe
def table_list(request: HttpRequest, slug: str) -> HttpResponseBase:
    """The rows of one table, as the address asks for them; `format=csv` or `xlsx` gives them as a file."""
    table, viewer = asked_table(request, slug)
    asked = read_address(table, request.GET)
    scope = scope_of(table, viewer)
    columns = shown_columns(table, scope)
    problem = ""
    try:
        found = matching(table=table, viewer=viewer, filters=asked.filters, q=asked.q, ordering=asked.sort)
    except BadFilter as bad:
        problem = f"{described.column_label(bad.column)}: {bad.message}"
        found = visible(table, viewer).none()
    if request.GET.get("format"):
        return table_file(request, table=table, viewer=viewer, asked=asked, found=found)
    page = Paginator(found, PAGE_ROWS).get_page(request.GET.get("page"))
    rows: Any = page.object_list
    records = records_in(rows, table, viewer)
    context = {
        **_table_context(table, viewer),
        "heads": heads(table, scope, asked, columns),
        "rows": [_line(table, record, columns, viewer) for record in records],
        "page": page,
        "pager_base": _with_more(asked.link()),
        "filters": filter_row(table, viewer, asked),
        "others": other_filters(table, asked),
        "asked": asked,
        "problem": problem,
        "clear_url": clear_url(asked),
        "hidden": hidden_labels(table, columns),
        "is_own_only": not scope.is_all,
        "export": {kind: asked.link(format=kind) for kind in ("csv", "xlsx")},
        "export_all": {kind: asked.link(format=kind, columns="all") for kind in ("csv", "xlsx")},
        "bulk": _bulk(table, viewer, asked),
    }
    return render(request, "data/list.html", context)


@requires("data.view")
@require_safe
def row(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One row: its fields, what it names and what names it, and everything that happened to it."""
    table, viewer = asked_table(request, slug)
    cells = asked_key(table, key)
    record = found_record(table=table, viewer=viewer, key=cells)
    year = timezone.now().year
    users = used_by(table, record, viewer=viewer)
    entries = [] if table.is_log else history(table=table, key=record.key)
    context = {
        **_table_context(table, viewer),
        "name": name_of(table, record.values),
        "key": ", ".join(record.key),
        "record": record,
        "groups": field_groups(table, record, viewer=viewer, year=year),
        "used_by": users,
        "users_count": sum(each.count or 0 for each in users),
        "history": history_lines(table, record, entries, viewer=viewer, year=year),
        "plan_url": plan_page(table, record.values, viewer=viewer),
        "what_if_url": what_if_page(table, record.key, viewer=viewer),
        "edit_url": row_url(table, record.key, "data-edit"),
        "copy_url": f"{reverse('data-new', args=[described.slug_of(table)])}?{urlencode({'from': key_in_url(record.key)})}",
        "remove_url": row_url(table, record.key, "data-remove"),
        "retire_url": row_url(table, record.key, "data-retire"),
        "undo_url": row_url(table, record.key, "data-undo"),
        "is_partly_hidden": bool(hidden_columns(table, viewer, owner=record.owner)),
        "retire": _retire(table, record),
    }
    return render(request, "data/row.html", context)


def _table_context(table: Table, viewer: Viewer) -> dict[str, Any]:
    return {
        "table": table,
        "title": described.title_of(table),
        "singular": described.singular_of(table),
        "slug": described.slug_of(table),
        "list_url": list_url(table),
        "crumbs": crumbs(table),
        "may_change": may_change(table, viewer),
        "may_import": may_import(table, viewer),
        "who_changes": who_changes(table),
        "import_url": import_url(),
        "template_url": template_url(table) if may_import(table, viewer) else "",
    }


def may_import(table: Table, viewer: Viewer) -> bool:
    """Whether files of the viewer may bring rows of the table; its empty file is then theirs to take."""
    return may(viewer.roles, "imports.use") and bool(table.change) and may(viewer.roles, table.change)


def _line(table: Table, record: Record, columns: tuple[str, ...], viewer: Viewer) -> dict[str, Any]:
    """One line of the list; its first cell leads to the row."""
    year = timezone.now().year
    cells = [
        shown(table, name, record.values, viewer=viewer, year=year, is_link=place > 0)
        for place, name in enumerate(columns)
    ]
    return {
        "cells": cells,
        "url": row_url(table, record.key),
        "key": key_in_url(record.key),
        "name": name_of(table, record.values),
        "off": _is_retired(table, record),
    }


def _is_retired(table: Table, record: Record) -> bool:
    if table.retire is None or table.retire.value is None:
        return False
    return str(record.values.get(table.retire.column, "")) == table.retire.value


def _retire(table: Table, record: Record) -> dict[str, Any] | None:
    """The button that takes the row out of use; None where there is none or it is out of use."""
    retire = table.retire
    if retire is None or _is_retired(table, record):
        return None
    form = record_form(table=table, columns=[retire.column] if retire.value is None else [])
    return {"label": retire.label, "form": form, "column": described.column_label(retire.column).lower()}


def _bulk(table: Table, viewer: Viewer, asked: Asked) -> dict[str, Any] | None:
    if not table.bulk or not may_change(table, viewer):
        return None
    return {
        "url": reverse("data-bulk", args=[described.slug_of(table)]) + asked.link(),
        "columns": [described.column_label(name) for name in table.bulk],
    }


def _with_more(link: str) -> str:
    return link + "&" if link != "?" else link

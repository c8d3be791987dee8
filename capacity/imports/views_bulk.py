"""Many rows of one table changed at once: choose them in the list, say what to set, look at it, apply it.

Nothing is written before the preview was seen, and then only on the versions it showed. All rows or none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from capacity.access.viewer import requires
from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.described import column_label
from capacity.imports.edits import Actor, RowsOutcome, StaleRow, apply_rows
from capacity.imports.forms_records import NOTE, RecordForm, record_form, suggestions_for
from capacity.imports.record_lists import name_of, read_address
from capacity.imports.record_pages import asked_table, crumbs
from capacity.imports.record_words import cell_words, list_url
from capacity.imports.records import (
    BadFilter,
    Record,
    has_key,
    hidden_columns,
    key_from_url,
    key_in_url,
    matching,
    records_in,
    visible,
)
from capacity.imports.tables import Table

MOST_ROWS = 1000
MOST_SHOWN = 200
_EMPTY = "_empty_"
_TOO_MANY = f"At most {MOST_ROWS:,} rows are changed at once. Filter the list further, or import a file."


@requires("data.view")
@require_POST
def bulk(request: HttpRequest, slug: str) -> HttpResponse:
    """Three steps on one address: what to set, the preview, and the write."""
    table, viewer = asked_table(request, slug, is_change=True)
    if not table.bulk:
        raise Http404
    records = _chosen(request, table, viewer)
    if not records or len(records) > MOST_ROWS:
        messages.error(request, _TOO_MANY if records else "Choose at least one row.")
        return redirect(list_url(table))
    hidden = frozenset[str]().union(*(hidden_columns(table, viewer, owner=record.owner) for record in records))
    columns = [name for name in table.bulk if name not in hidden]
    step = request.POST.get("step", "")
    suggestions = suggestions_for(table=table, viewer=viewer, columns=columns)
    form = record_form(
        table=table, columns=columns, data=request.POST if step else None, suggestions=suggestions, is_bulk=True
    )
    context = {
        "table": table,
        "title": described.title_of(table),
        "crumbs": crumbs(table),
        "list_url": list_url(table),
        "count": len(records),
        "names": [name_of(table, record.values) for record in records[:8]],
        "keys": "\n".join(key_in_url(record.key) for record in records),
        "form": form,
        "lists": suggestions.lists(),
        "fields": [
            {
                "field": form[name],
                "empty": _EMPTY + name,
                "may_be_empty": described.kind_of(table, name).may_be_empty,
                "is_emptied": bool(request.POST.get(_EMPTY + name)),
            }
            for name in columns
        ],
        "note": form[NOTE],
    }
    if step and form.is_valid():
        answer = _go_on(request, table, viewer, records, form, context)
        if answer is not None:
            return answer
    return render(request, "data/bulk.html", context)


def _go_on(
    request: HttpRequest,
    table: Table,
    viewer: Viewer,
    records: Sequence[Record],
    form: RecordForm,
    context: dict[str, Any],
) -> HttpResponse | None:
    """The preview goes into the context; the answer to a write that was made, None when the page has to come back."""
    wanted = _set_cells(request.POST, form)
    if not wanted:
        form.add_error(None, "Say what to set in at least one of the fields.")
        return None
    rows = [{**dict(zip(table.key, record.key, strict=True)), **wanted} for record in records]
    is_last = request.POST.get("step") == "apply"
    versions = _versions(request.POST.get("versions", ""), records)
    actor = Actor(user=request.user, viewer=viewer, source="form", note=form.note, request=request)  # type: ignore[arg-type]
    try:
        outcome = apply_rows(
            table=table, rows=rows, actor=actor, expected=versions if is_last else None, dry_run=not is_last
        )
    except StaleRow as stale:
        who = stale.by or "Somebody"
        form.add_error(None, f"{who} changed {', '.join(stale.key)} since the preview. Look at it again below.")
        outcome = apply_rows(table=table, rows=rows, actor=actor, dry_run=True)
        is_last = False
    form.add_issues(outcome.errors)
    if is_last and not outcome.errors:
        return _written(request, table, outcome)
    year = timezone.now().year
    changed = [change for change in outcome.changes if change.kind == "changed"]
    context["preview"] = [
        {
            "key": ", ".join(change.key),
            "cells": [
                {
                    "label": column_label(name),
                    "before": cell_words(table, name, (change.before or {}).get(name, ""), year=year),
                    "after": cell_words(table, name, (change.after or {}).get(name, ""), year=year),
                }
                for name in change.columns
            ],
        }
        for change in changed[:MOST_SHOWN]
    ]
    context["changed"] = len(changed)
    context["more"] = max(0, len(changed) - MOST_SHOWN)
    context["versions"] = "\n".join(f"{key_in_url(record.key)} {record.row_version or 0}" for record in records)
    context["is_previewed"] = not outcome.errors
    context["warnings"] = [issue.message for issue in outcome.warnings]
    return None


def _written(request: HttpRequest, table: Table, outcome: RowsOutcome) -> HttpResponse:
    for issue in outcome.warnings:
        messages.warning(request, issue.message)
    if outcome.proposal_id:
        messages.info(request, "Sent for approval by a second person; nothing is changed until then.")
        return redirect("data-proposal", outcome.proposal_id)
    count = sum(change.kind == "changed" for change in outcome.changes)
    messages.success(request, f"{count:,} of {described.title_of(table).lower()} changed.")
    return redirect(list_url(table))


def _chosen(request: HttpRequest, table: Table, viewer: Viewer) -> list[Record]:
    """The rows that were ticked, or all that the list's address finds; one more than allowed tells that it is too many."""
    if request.POST.get("all"):
        asked = read_address(table, request.GET)
        try:
            found = matching(table=table, viewer=viewer, filters=asked.filters, q=asked.q, ordering=asked.sort)
        except BadFilter:
            return []
        return list(records_in(found[: MOST_ROWS + 1], table, viewer))
    texts = request.POST.getlist("key") or request.POST.get("keys", "").split()
    keys = list(dict.fromkeys(key_from_url(text) for text in texts))[: MOST_ROWS + 1]
    condition = None
    for key in keys:
        condition = has_key(table, key) if condition is None else condition | has_key(table, key)
    if condition is None:
        return []
    records = records_in(visible(table, viewer).filter(condition), table, viewer)
    place = {key: position for position, key in enumerate(keys)}
    return sorted(records, key=lambda record: place.get(record.key, 0))


def _set_cells(posted: Mapping[str, str], form: RecordForm) -> dict[str, str]:
    """Column → what every chosen row gets; an empty control says nothing unless its box says that it empties."""
    emptied = {name: "" for name in form.columns if posted.get(_EMPTY + name)}
    return {**{name: text for name, text in form.cells().items() if text}, **emptied}


def _versions(text: str, records: Sequence[Record]) -> dict[int, int]:
    """Position → the version the preview showed; -1, which no row has, where it showed none."""
    shown = dict(line.split(" ") for line in text.splitlines() if line.count(" ") == 1)
    found = {}
    for place, record in enumerate(records):
        version = shown.get(key_in_url(record.key), "")
        found[place] = int(version) if version.isdigit() else -1
    return found

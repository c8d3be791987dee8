"""Pages that change one row: new, edit, retire, remove, undo. Each makes one call of the writer of rows (edits.py).

What the writer refuses comes back on the field it speaks of; what somebody else changed meanwhile comes back beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from capacity.access.viewer import requires
from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.conflicts import PICK, THEIRS, Conflict, conflicts_of, merged
from capacity.imports.edits import Actor, RowsOutcome, StaleRow, apply_rows, history, remove_row
from capacity.imports.forms_records import NOTE, VERSION, RecordForm, record_form, suggestions_for
from capacity.imports.record_lists import name_of
from capacity.imports.record_pages import asked_key, asked_table, crumbs
from capacity.imports.record_words import list_url, row_url, who_changes
from capacity.imports.records import (
    Record,
    found_record,
    hidden_columns,
    key_from_url,
    owner_path,
)
from capacity.imports.rows import cell_text
from capacity.imports.tables import Table
from capacity.lib.figures import Absent

Cells = dict[str, str]


@requires("data.view")
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest, slug: str) -> HttpResponse:
    """A new row; `?from=key` starts with the cells of another one."""
    table, viewer = asked_table(request, slug, is_change=True)
    owner = _own_name(table, viewer)
    hidden = hidden_columns(table, viewer, owner=owner)
    columns = [name for name in _in_form_order(table) if name not in hidden]
    initial = _first_cells(table, viewer, request.GET.get("from", ""), owner)
    suggestions = suggestions_for(table=table, viewer=viewer, columns=columns)
    form = record_form(
        table=table,
        columns=columns,
        data=request.POST if request.method == "POST" else None,
        initial=initial,
        suggestions=suggestions,
    )
    needed = [column.name for column in table.columns if column.required and column.name in hidden]
    if request.method == "POST" and form.is_valid():
        answer = _create(request, table, viewer, form)
        if answer is not None:
            return answer
    context = {
        **_form_context(table, form, suggestions.lists()),
        "is_new": True,
        "cancel_url": list_url(table),
        "is_copy": bool(request.GET.get("from")),
        "cannot": [described.column_label(name) for name in needed],
    }
    return render(request, "data/form.html", context)


@requires("data.view")
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One row's form. When the row has moved on, both versions come back side by side."""
    table, viewer = asked_table(request, slug, is_change=True)
    record = found_record(table=table, viewer=viewer, key=asked_key(table, key))
    hidden = hidden_columns(table, viewer, owner=record.owner)
    columns = [name for name in _in_form_order(table) if not _is_fixed(table, name) and name not in hidden]
    now = {name: cell_text(record.values[name]) for name in columns}
    suggestions = suggestions_for(table=table, viewer=viewer, columns=columns)
    conflicts: dict[str, Conflict] = {}
    version = record.row_version or 0
    if request.method == "POST":
        form = record_form(table=table, columns=columns, data=request.POST, initial=now, suggestions=suggestions)
        version = _whole_number(request.POST.get(VERSION), version)
        if form.is_valid():
            cells = merged(form.cells(), request.POST)
            try:
                answer = _save(request, table, viewer, record, form, _untouched(cells, now), version)
            except StaleRow as stale:
                if stale.theirs is None:
                    raise Http404 from None
                conflicts = conflicts_of(stale, cells, history(table=table, key=record.key), since=version)
                version = stale.row_version or 0
                data = {**cells, NOTE: form.note, **{name: each.shown for name, each in conflicts.items()}}
                form = record_form(
                    table=table, columns=columns, data=data, initial=stale.theirs, suggestions=suggestions
                )
                answer = None
                messages.warning(request, _said_stale(table, stale))
            if answer is not None:
                return answer
    else:
        form = record_form(table=table, columns=columns, initial=now, suggestions=suggestions)
    context = {
        **_form_context(table, form, suggestions.lists(), conflicts),
        "name": name_of(table, record.values),
        "fixed": _fixed_facts(table, record, hidden),
        "hidden": ", ".join(described.column_label(name) for name in _in_form_order(table) if name in hidden),
        "version": version,
        "version_name": VERSION,
        "cancel_url": row_url(table, record.key),
    }
    return render(request, "data/form.html", context)


@requires("data.view")
@require_POST
def retire(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Take a row out of use, by the column its table names."""
    table, viewer = asked_table(request, slug, is_change=True)
    record = found_record(table=table, viewer=viewer, key=asked_key(table, key))
    if table.retire is None:
        raise Http404
    value = table.retire.value or request.POST.get(table.retire.column, "")
    cells = {**_key_cells(table, record), table.retire.column: value}
    return _one_step(request, table, viewer, record, cells)


@requires("data.view")
@require_POST
def undo(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Put the cells of one write of the row back, while they still are as that write left them."""
    table, viewer = asked_table(request, slug, is_change=True)
    record = found_record(table=table, viewer=viewer, key=asked_key(table, key))
    batch_id = _whole_number(request.POST.get("batch"), 0)
    entry = next((each for each in history(table=table, key=record.key) if each.batch_id == batch_id), None)
    if entry is None or entry.kind == "removed":
        raise Http404
    if entry.kind == "added":
        return _remove(request, table, viewer, record)
    hidden = hidden_columns(table, viewer, owner=record.owner)
    now = {name: cell_text(record.values[name]) for name in entry.columns if name not in hidden}
    moved = [name for name, (_, after) in entry.columns.items() if now.get(name) != after]
    if moved:
        labels = ", ".join(described.column_label(name) for name in moved)
        messages.error(request, f"{labels} changed again since. Undo the later change first, or edit the row.")
        return redirect(row_url(table, record.key))
    cells = {**_key_cells(table, record), **{name: before for name, (before, _) in entry.columns.items()}}
    return _one_step(request, table, viewer, record, cells, note=f"Undo of change {batch_id}")


@requires("data.view")
@require_POST
def remove(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """Delete a row that nothing uses."""
    table, viewer = asked_table(request, slug, is_change=True)
    record = found_record(table=table, viewer=viewer, key=asked_key(table, key))
    return _remove(request, table, viewer, record)


# --- writing ------------------------------------------------------------------------------------------------------


def _create(request: HttpRequest, table: Table, viewer: Viewer, form: RecordForm) -> HttpResponse | None:
    """The answer to a row that was added; None when the form has to come back."""
    cells = form.cells()
    key = tuple(cells.get(name, "") for name in table.key)
    outcome = apply_rows(table=table, rows=[cells], actor=_actor(request, viewer, form.note), expected={0: 0})
    if any(issue.code == "already_there" for issue in outcome.errors) and _is_there(table, viewer, key, cells):
        # The button was pressed twice: the first press has added the row.
        messages.success(request, f"The {described.singular_of(table)} is there.")
        return redirect(row_url(table, key))
    form.add_issues(outcome.issues)
    if outcome.errors:
        return None
    _say(request, table, outcome, done=f"Added to {described.title_of(table).lower()}.")
    written_key = outcome.changes[0].key if outcome.changes else key
    return redirect(_after(outcome, row_url(table, written_key)))


def _is_there(table: Table, viewer: Viewer, key: tuple[str, ...], cells: Cells) -> bool:
    """Whether the row of the key holds just what was typed."""
    try:
        values = found_record(table=table, viewer=viewer, key=key).values
    except Http404:
        return False
    return all(cell_text(values[name]) == text for name, text in cells.items() if text)


def _save(
    request: HttpRequest, table: Table, viewer: Viewer, record: Record, form: RecordForm, cells: Cells, version: int
) -> HttpResponse | None:
    """The answer to a row that was saved; None when the form has to come back. Raises StaleRow."""
    outcome = apply_rows(
        table=table,
        rows=[{**_key_cells(table, record), **cells}],
        actor=_actor(request, viewer, form.note),
        expected={0: version},
    )
    form.add_issues(outcome.issues)
    if outcome.errors:
        return None
    _say(request, table, outcome, done="Saved.")
    return redirect(_after(outcome, row_url(table, record.key)))


def _one_step(
    request: HttpRequest, table: Table, viewer: Viewer, record: Record, cells: Cells, *, note: str = ""
) -> HttpResponse:
    """One write by one button, held against the version the page showed; what went wrong is said on the row's page."""
    version = _whole_number(request.POST.get(VERSION), 0)
    why = request.POST.get(NOTE, "").strip()[:500] or note
    try:
        outcome = apply_rows(table=table, rows=[cells], actor=_actor(request, viewer, why), expected={0: version})
    except StaleRow as stale:
        messages.error(request, f"{_said_stale(table, stale)} Nothing of yours was saved; look at it again.")
        return redirect(row_url(table, record.key))
    _say(request, table, outcome, done="Saved.")
    return redirect(_after(outcome, row_url(table, record.key)))


def _remove(request: HttpRequest, table: Table, viewer: Viewer, record: Record) -> HttpResponse:
    version = _whole_number(request.POST.get(VERSION), 0)
    why = request.POST.get(NOTE, "").strip()[:500]
    try:
        outcome = remove_row(table=table, key=record.key, actor=_actor(request, viewer, why), expected_version=version)
    except StaleRow as stale:
        messages.error(request, f"{_said_stale(table, stale)} Nothing was removed; look at it again.")
        return redirect(row_url(table, record.key))
    _say(request, table, outcome, done=f"Removed the {described.singular_of(table)} {', '.join(record.key)}.")
    return redirect(list_url(table) if outcome.applied else _after(outcome, row_url(table, record.key)))


def _actor(request: HttpRequest, viewer: Viewer, note: str) -> Actor:
    return Actor(user=request.user, viewer=viewer, source="form", note=note, request=request)  # type: ignore[arg-type]


def _after(outcome: RowsOutcome, otherwise: str) -> str:
    """The page after a write: that of the proposal it became, if it did."""
    return reverse("data-proposal", args=[outcome.proposal_id]) if outcome.proposal_id else otherwise


def _say(request: HttpRequest, table: Table, outcome: RowsOutcome, *, done: str) -> None:
    """How a write came out, as messages of the next page."""
    for issue in outcome.issues:
        label = f"{described.column_label(issue.column)}: " if issue.column else ""
        (messages.error if issue in outcome.errors else messages.warning)(request, label + issue.message)
    if outcome.proposal_id:
        messages.info(request, "Sent for approval by a second person; nothing is changed until then.")
    elif outcome.applied and outcome.batch_id is None:
        messages.info(request, "Nothing was changed: every value is as it was.")
    elif outcome.applied:
        messages.success(request, done)


def _said_stale(table: Table, stale: StaleRow) -> str:
    who = stale.by or "Somebody"
    when = f" at {stale.at:%H:%M} UTC on {stale.at:%-d %b}" if stale.at else ""
    labels = ", ".join(described.column_label(name) for name in stale.columns)
    return f"{who} changed this {described.singular_of(table)}{when}{f' ({labels})' if labels else ''}."


# --- forms --------------------------------------------------------------------------------------------------------


def _form_context(
    table: Table, form: RecordForm, lists: list[Any], conflicts: Mapping[str, Conflict] | None = None
) -> dict[str, Any]:
    groups = []
    for heading, names in described.grouped_columns(table).items():
        fields = [_field(form, name, (conflicts or {}).get(name)) for name in names if name in form.fields]
        if fields:
            groups.append({"heading": heading, "fields": fields})
    return {
        "table": table,
        "title": described.title_of(table),
        "singular": described.singular_of(table),
        "crumbs": crumbs(table),
        "form": form,
        "groups": groups,
        "lists": lists,
        "note": form[NOTE],
        "who_changes": who_changes(table),
        "has_conflicts": bool(conflicts),
    }


def _field(form: RecordForm, name: str, conflict: Conflict | None) -> dict[str, Any]:
    is_long = form.fields[name].widget.__class__.__name__ == "Textarea"
    return {"field": form[name], "conflict": conflict, "wide": is_long, "pick": PICK + name, "theirs": THEIRS + name}


def _in_form_order(table: Table) -> list[str]:
    return [name for names in described.grouped_columns(table).values() for name in names]


def _is_fixed(table: Table, name: str) -> bool:
    return name in table.key or name in table.immutable


def _fixed_facts(table: Table, record: Record, hidden: frozenset[str]) -> list[tuple[str, Any]]:
    names = [name for name in _in_form_order(table) if _is_fixed(table, name) and name not in hidden]
    return [(described.column_label(name), cell_text(record.values[name])) for name in names]


def _key_cells(table: Table, record: Record) -> Cells:
    return dict(zip(table.key, record.key, strict=True))


def _untouched(cells: Cells, now: Mapping[str, str]) -> Cells:
    """The typed cells; where only line ends or blanks at the ends differ from the row, the row's own text."""
    return {name: now[name] if _plain(text) == _plain(now[name]) else text for name, text in cells.items()}


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _first_cells(table: Table, viewer: Viewer, source: str, owner: str) -> Cells:
    """The cells a new row starts with: those of the row to copy but for its key; its owner is whoever adds it."""
    cells = _defaults(table)
    if source:
        record = found_record(table=table, viewer=viewer, key=key_from_url(source))
        values = {name: value for name, value in record.values.items() if not isinstance(value, Absent)}
        own_key = table.key[-1]
        cells = {name: cell_text(value) for name, value in values.items() if name != own_key}
    if owner and owner_path(table) and table.owner in {column.name for column in table.columns}:
        cells.setdefault(table.owner, owner)
    return cells


def _defaults(table: Table) -> Cells:
    """What the database would fill in for cells left empty: better seen than assumed."""
    fields: dict[str, Any] = {item.name: item for item in table.model._meta.concrete_fields}
    found = {name: fields[name] for name in table.plain_columns if name not in table.key}
    texts = {name: cell_text(item.get_default()) for name, item in found.items() if item.has_default()}
    return {name: text for name, text in texts.items() if text}


def _own_name(table: Table, viewer: Viewer) -> str:
    """Whose a new row will be, for what its writer sees of it: his own where that shows more."""
    names = [name for name in ("", viewer.username, viewer.team_key) if name == "" or owner_path(table)]
    return min(names, key=lambda name: len(hidden_columns(table, viewer, owner=name)))


def _whole_number(text: str | None, otherwise: int) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else otherwise

"""Single rows by hand or by program: write, remove, undo a batch, and what happened to a row so far.

Forms, the API and approvals come here; files come through services.py. Both end in batches.py, so every write is held
against the same rules, kept in the same history and can be undone in the same way. Rows are cells (changes.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models, transaction
from django.http import Http404

from capacity.imports import rules
from capacity.imports.batches import (
    Findings,
    TakeBack,
    close_batch,
    open_batch,
    propose_removal,
    take_turn,
    write_sheets,
)
from capacity.imports.cells import CellError, Value, nearest
from capacity.imports.changes import (
    Actor,
    Cells,
    Key,
    RowChange,
    RowsOutcome,
    StaleRow,
    as_cells,
    cells_of,
    reader_of,
)
from capacity.imports.models import ImportChange
from capacity.imports.records import has_key
from capacity.imports.removal import remove_instance
from capacity.imports.rows import key_text
from capacity.imports.tables import Table
from capacity.imports.tabular import Issue, Row, Sheet, read_cell
from capacity.imports.undo import UndoRefused, undo_batch
from capacity.imports.writing import VersionMoved

__all__ = [
    "Actor",
    "Cells",
    "HistoryEntry",
    "Key",
    "RowChange",
    "RowsOutcome",
    "StaleRow",
    "UndoRefused",
    "apply_rows",
    "cells_of",
    "find_row",
    "history",
    "remove_row",
    "sheet_of",
    "undo_batch",
]


@dataclass(frozen=True, kw_only=True)
class HistoryEntry:
    """One write of a row. columns: name → text before and after. by: who, with the one who approved it if somebody did.

    Every column is in it: whoever shows it asks the visibility rules first.
    """

    at: datetime
    by: str
    source: str
    note: str
    kind: str
    columns: Mapping[str, tuple[str, str]]
    batch_id: int
    row_version: int | None


def apply_rows(
    *,
    table: Table,
    rows: Sequence[Cells],
    actor: Actor,
    expected: Mapping[int, int] | None = None,
    dry_run: bool = False,
) -> RowsOutcome:
    """Write rows by their natural key, new and old ones, all or none; columns left out stay as they are.

    expected: position in `rows` (from 0) → the row_version its editor read, or 0 for a row that must be new. Raises
    StaleRow when a row has moved on; nothing is written then. Issues and changes number the rows from 1. When no cell
    differs nothing is kept and the outcome has no batch.
    """
    sheet = sheet_of(table, rows)
    findings = Findings(issues=list(sheet.issues))
    try:
        write_sheets(
            sheets={table.name: [sheet]},
            findings=findings,
            actor=actor,
            kind="edit",
            dry_run=dry_run,
            keep_empty=False,
            expected={position + 1: version for position, version in (expected or {}).items()},
        )
    except VersionMoved as moved:
        raise _stale(table, moved, expected or {}, actor) from None
    applied = not (dry_run or findings.has_errors or findings.proposal_id)
    return _outcome(table, findings, actor, applied=applied)


def remove_row(*, table: Table, key: Sequence[str], actor: Actor, expected_version: int | None = None) -> RowsOutcome:
    """Delete one row. What still uses it becomes an issue that names it. Raises StaleRow."""
    findings = Findings()
    try:
        with transaction.atomic():
            take_turn([table.name])
            instance = find_row(table=table, key=key, lock=True)
            if instance is None or (expected_version is not None and instance.row_version != expected_version):  # type: ignore[attr-defined]
                raise VersionMoved(Row(file="", number=1, values={}), instance)
            change = _removal(table, instance, actor, findings)
            if findings.needs and actor.checker is None:
                findings.changes.append(change)
                raise TakeBack
            if not findings.has_errors:
                findings.issues.extend(remove_instance(table=table, instance=instance, viewer=actor.viewer))
            if findings.has_errors:
                raise TakeBack
            findings.changes.append(change)
            findings.counts[table.name] = {"added": 0, "changed": 0, "unchanged": 0, "removed": 1}
            batch = open_batch(actor, "removal", ())
            close_batch(batch, findings, actor)
            findings.batch_id = batch.pk
    except TakeBack:
        pass
    except VersionMoved as moved:
        raise _stale(table, moved, {0: expected_version or 0}, actor, key=tuple(key)) from None
    if findings.needs and actor.checker is None and not findings.has_errors:
        reason = " ".join(findings.needs)
        propose_removal(table=table, change=findings.changes[0], reason=reason, actor=actor, findings=findings)
    return _outcome(table, findings, actor, applied=findings.batch_id is not None)


def find_row(*, table: Table, key: Sequence[str], lock: bool = False) -> models.Model | None:
    """The row of a natural key, given as cells; None when there is none, or the key cannot be one of this table."""
    try:
        wanted = has_key(table, key)
    except Http404:
        return None
    rows = table.model._default_manager.select_related(*reader_of(table).related)
    if lock:
        rows = rows.select_for_update(of=("self",))
    return rows.filter(wanted).first()


def history(*, table: Table, key: Sequence[str]) -> list[HistoryEntry]:
    """Every write of the row, the latest first."""
    found = ImportChange.objects.filter(table=table.name, key=key_text(key)).order_by("-id")
    return [_entry(change) for change in found.select_related("batch__imported_by", "batch__checked_by")]


def _entry(change: ImportChange) -> HistoryEntry:
    batch = change.batch
    before, after = change.before or {}, change.after or {}
    names = list(dict.fromkeys([*after, *before]))
    by = str(batch.imported_by) if batch.imported_by else "the command line"
    return HistoryEntry(
        at=batch.imported_at,
        by=f"{by}, approved by {batch.checked_by}" if batch.checked_by else by,
        source=batch.source,
        note=batch.note,
        kind=change.kind,
        columns={
            name: (before.get(name, ""), after.get(name, ""))
            for name in names
            if before.get(name, "") != after.get(name, "")
        },
        batch_id=batch.pk,
        row_version=change.row_version,
    )


def sheet_of(table: Table, rows: Sequence[Cells]) -> Sheet:
    """The cells as a sheet, as if a file had brought them; rows are numbered from 1."""
    issues: list[Issue] = []
    read: list[Row] = []
    names = {column.name for column in table.columns}
    for number, cells in enumerate(rows, start=1):
        values: dict[str, Value] = {}
        broken: set[str] = set()
        for name in [*table.key, *(name for name in cells if name not in table.key)]:
            if name not in names:
                message = f'There is no column "{name}" in this table.{nearest(name, names)}'
                issues.append(Issue(file="", row=number, column=name, code="unknown_column", message=message))
                continue
            try:
                values[name] = read_cell(table.column(name), cells.get(name, "").strip(), is_key=name in table.key)
            except CellError as error:
                broken.add(name)
                issues.append(Issue(file="", row=number, column=name, code=error.code, message=error.message))
        read.append(Row(file="", number=number, values=values, broken=frozenset(broken)))
    given = {name for cells in rows for name in cells} | {column.name for column in table.columns if column.required}
    return Sheet(file="", columns=tuple(given & names), rows=tuple(read), issues=tuple(issues))


def _removal(table: Table, instance: models.Model, actor: Actor, findings: Findings) -> RowChange:
    """The removal as a change; what forbids it goes to the findings."""
    values = reader_of(table).values(instance)
    owner = rules.owner_of(table, instance)
    refused = rules.table_refusal(table, actor.viewer)
    if not refused and table.is_log:
        refused = "Rows of measurement are not removed one by one: undo the import that brought them."
    if not refused and rules.hidden_columns(table, actor.viewer, table.key, owner=owner):
        refused = "Your role does not see this row, so it cannot remove it."
    refused = refused or rules.refusal(table, actor.viewer, values, None)
    if refused:
        findings.issues.append(Issue(file="", code="not_allowed", message=refused))
    else:
        findings.needs.extend(rules.checker_reason(table, actor.viewer, values, None))
    cells = as_cells(values)
    return RowChange(
        table=table.name,
        kind="removed",
        key=tuple(cells[name] for name in table.key),
        before=cells,
        row_version=getattr(instance, "row_version", None),
        owner=owner,
    )


def _stale(
    table: Table, moved: VersionMoved, expected: Mapping[int, int], actor: Actor, *, key: Key | None = None
) -> StaleRow:
    """Who wrote the row meanwhile, what, and how it is now, as far as the editor may see it."""
    position = moved.row.number - 1
    whose = key or tuple(as_cells(moved.row.values)[name] for name in table.key)
    since = [
        entry for entry in history(table=table, key=whose) if (entry.row_version or 0) > expected.get(position, 0)
    ] or history(table=table, key=whose)[:1]
    theirs, columns = None, tuple(dict.fromkeys(name for entry in since for name in entry.columns))
    if moved.instance is not None:
        owner = rules.owner_of(table, moved.instance)
        theirs = rules.seen_cells(table, actor.viewer, cells_of(moved.instance, table), owner=owner)
        columns = tuple(name for name in columns if name in (theirs or {}))
    else:
        columns = ()
    return StaleRow(
        position=position,
        key=whose,
        theirs=theirs,
        columns=columns,
        by=since[0].by if since else "",
        at=since[0].at if since else None,
        row_version=getattr(moved.instance, "row_version", None),
    )


def _outcome(table: Table, findings: Findings, actor: Actor, *, applied: bool) -> RowsOutcome:
    return RowsOutcome(
        applied=applied,
        changes=tuple(rules.seen_change(table, actor.viewer, change) for change in findings.changes),
        issues=tuple(findings.in_order()),
        batch_id=findings.batch_id,
        proposal_id=findings.proposal_id,
    )

"""What the pages of imports show, as far as the viewer may see it: counts of all, rows and words of what is theirs to see.

Of a batch of somebody else the counts are shown by table; its rows only where the viewer sees the row's whole key, its
note, its files' names and its issues only where he reads all of every table it wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from capacity.access.permissions import may
from capacity.access.visibility import Viewer
from capacity.imports import rules
from capacity.imports.changes import Cells, RowChange
from capacity.imports.described import column_label, title_of
from capacity.imports.models import ImportBatch, ImportChange, ImportIssue
from capacity.imports.rows import key_of_text
from capacity.imports.tables import Table, tables
from capacity.imports.undo import rows_now

KIND_WORDS = {"import": "Import", "edit": "Edit", "removal": "Removal", "undo": "Undo"}
MOST_CELLS = 12


@dataclass(frozen=True, kw_only=True)
class CellChange:
    """One column of a changed row, before and after, as text."""

    label: str
    column: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ChangeLine:
    """A row of a batch or a preview. cells: what differs; of an added or removed row what it held. more: cells left out."""

    table: str
    title: str
    kind: str
    key: str
    row: int | None
    file: str
    cells: tuple[CellChange, ...]
    more: int


def may_view(table: Table, viewer: Viewer) -> bool:
    return bool(table.view) and may(viewer.roles, table.view)


def may_read_all(batch: ImportBatch, viewer: Viewer) -> bool:
    """Whether the viewer wrote the batch, or reads all of every table it names: then its words are theirs too."""
    if batch.imported_by is not None and batch.imported_by.get_username() == viewer.username:
        return True
    known = tables()
    names = set(batch.counts) or {str(file.get("name", "")).rsplit(".", 1)[0].lower() for file in batch.files}
    return bool(names) and all(name in known and _reads_everything(known[name], viewer) for name in names)


def _reads_everything(table: Table, viewer: Viewer) -> bool:
    columns = {column.name for column in table.columns}
    return may_view(table, viewer) and not rules.hidden_columns(table, viewer, columns, owner="")


def batch_line(batch: ImportBatch, viewer: Viewer) -> dict[str, Any]:
    """A batch as a row of the list, and as the head of its page."""
    known = tables()
    written = [
        {"title": title_of(known[name]) if name in known else name, **_counts(counts)}
        for name, counts in batch.counts.items()
        if any(counts.get(kind) for kind in ("added", "changed", "removed"))
    ]
    is_readable = may_read_all(batch, viewer)
    return {
        "id": batch.pk,
        "at": batch.imported_at,
        "kind": KIND_WORDS[batch.kind],
        "by": str(batch.imported_by) if batch.imported_by else "Command line",
        "checked_by": str(batch.checked_by) if batch.checked_by else "",
        "source": batch.source,
        "note": batch.note if is_readable else "",
        "files": [str(file["name"]) for file in batch.files] if is_readable else [],
        "file_count": len(batch.files),
        "tables": written,
        "totals": {kind: sum(each[kind] for each in written) for kind in ("added", "changed", "removed")},
        "is_refused": batch.outcome == "refused",
        "undone_at": batch.undone_at,
        "undone_by": str(batch.undone_by) if batch.undone_by else "",
        "undoes": batch.undoes_id,
        "is_readable": is_readable,
    }


def _counts(counts: dict[str, int]) -> dict[str, int]:
    return {kind: int(counts.get(kind, 0)) for kind in ("added", "changed", "removed", "unchanged")}


def batches(*, kind: str = "", outcome: str = "", by: str = "", source: str = "") -> QuerySet[ImportBatch]:
    """The batches that were asked for, the newest first."""
    found = ImportBatch.objects.select_related("imported_by", "checked_by", "undone_by").order_by("-id")
    if kind in KIND_WORDS:
        found = found.filter(kind=kind)
    if outcome == "undone":
        found = found.exclude(undone_at=None)
    elif outcome:
        found = found.filter(outcome=outcome)
    if by == "-":
        found = found.filter(imported_by=None)
    elif by:
        found = found.filter(imported_by__username=by)
    if source:
        found = found.filter(source__icontains=source)
    return found


def changes_of(batch: ImportBatch, viewer: Viewer, *, table: str = "") -> QuerySet[ImportChange]:
    """The batch's changes of the tables the viewer may open."""
    readable = [name for name, each in tables().items() if may_view(each, viewer)]
    found = batch.changes.filter(table__in=readable).order_by("id")
    return found.filter(table=table) if table else found


def shown_changes(changes: Sequence[ImportChange], viewer: Viewer) -> tuple[list[ChangeLine], int]:
    """The changes as lines, and how many of them the viewer may not see: those of rows whose key is hidden."""
    known = tables()
    now = rows_now(changes, known, lock=False)
    lines, hidden = [], 0
    for change in changes:
        table = known[change.table]
        row = now.get((change.table, change.key))
        owner = rules.owner_of(table, row) if row is not None else ""
        if rules.hidden_columns(table, viewer, table.key, owner=owner):
            hidden += 1
            continue
        before = rules.seen_cells(table, viewer, change.before, owner=owner)
        after = rules.seen_cells(table, viewer, change.after, owner=owner)
        lines.append(_line(table, change.kind, key_of_text(change.key), before, after, None, ""))
    return lines, hidden


def previewed(changes: Iterable[RowChange]) -> list[ChangeLine]:
    """Changes of a dry run as lines; the cells in them are those the viewer may see."""
    known = tables()
    return [
        _line(known[each.table], each.kind, each.key, each.before, each.after, each.row, each.file) for each in changes
    ]


def _line(
    table: Table, kind: str, key: Sequence[str], before: Cells | None, after: Cells | None, row: int | None, file: str
) -> ChangeLine:
    one, other = before or {}, after or {}
    names = [
        column.name
        for column in table.columns
        if column.name in one or column.name in other
        if one.get(column.name, "") != other.get(column.name, "")
        if before is not None and after is not None or column.name not in table.key
    ]
    cells = tuple(
        CellChange(label=column_label(name), column=name, before=one.get(name, ""), after=other.get(name, ""))
        for name in names[:MOST_CELLS]
    )
    return ChangeLine(
        table=table.name,
        title=title_of(table),
        kind=kind,
        key=", ".join(part for part in key if part) or "(no key)",
        row=row,
        file=file,
        cells=cells,
        more=max(len(names) - MOST_CELLS, 0),
    )


def issues_of(batch: ImportBatch, viewer: Viewer) -> list[ImportIssue]:
    """What was wrong with the files; the sentences quote them, so they are for whoever may read all of it."""
    return list(batch.issues.order_by("id")) if may_read_all(batch, viewer) else []

"""Putting the rows of a batch back as they were before it, while nothing has happened to them since.

Everything is put back or nothing: a row written since, or one that something points at now, stops the whole undo, and
each is named. The undo is a batch of its own; rows of measurement are deleted by the number they carry.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from django.db import models, transaction
from django.utils import timezone

from capacity.imports import rules
from capacity.imports.batches import Findings, close_batch, open_batch, take_turn, write_tables
from capacity.imports.changes import Actor, RowChange, RowsOutcome, as_cells, reader_of
from capacity.imports.models import ImportBatch, ImportChange
from capacity.imports.references import ReferenceIndex
from capacity.imports.removal import remove_instance
from capacity.imports.rows import cell_text, key_of_text, key_text
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import ERROR, Row, Sheet

MOST_REASONS = 50


class UndoRefused(Exception):
    """Why the batch cannot be undone, a sentence each; nothing was written."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(" ".join(reasons))
        self.reasons = tuple(reasons)


def undo_batch(*, batch_id: int, actor: Actor) -> RowsOutcome:
    """Put every row of the batch back as it was. Raises UndoRefused, and ImportBatch.DoesNotExist."""
    with transaction.atomic():
        names = _tables_of(ImportBatch.objects.get(pk=batch_id))
        take_turn(names)
        batch = ImportBatch.objects.select_for_update().get(pk=batch_id)
        _refuse_if(_reasons_of_batch(batch, names, actor))
        findings = Findings()
        undo = open_batch(actor, "undo", ())
        undo.undoes = batch
        undo.save(update_fields=["undoes"])
        # Measurements first: nothing points at them, and they point at rows that the same batch may have added.
        in_the_way = _remove_measurements(batch, names, findings)
        _refuse_if([*_put_back(batch, undo, findings, actor), *in_the_way])
        batch.undone_at, batch.undone_by = timezone.now(), actor.user
        batch.save(update_fields=["undone_at", "undone_by"])
        close_batch(undo, findings, actor)
    known = tables()
    changes = tuple(rules.seen_change(known[change.table], actor.viewer, change) for change in findings.changes)
    return RowsOutcome(applied=True, changes=changes, issues=tuple(findings.in_order()), batch_id=undo.pk)


def _refuse_if(reasons: Sequence[str]) -> None:
    if len(reasons) > MOST_REASONS:
        reasons = [*reasons[:MOST_REASONS], f"{len(reasons) - MOST_REASONS} more rows stand in the way."]
    if reasons:
        raise UndoRefused(reasons)


def _tables_of(batch: ImportBatch) -> list[str]:
    """The tables the batch wrote, each after those it refers to."""
    return [name for name in tables() if name in batch.counts]


def _reasons_of_batch(batch: ImportBatch, names: Sequence[str], actor: Actor) -> list[str]:
    """What about the batch as a whole forbids an undo."""
    if batch.outcome != "applied":
        return ["This import was refused: it changed nothing."]
    if batch.undone_at is not None:
        return [f"This import was undone on {batch.undone_at:%-d %b %Y %H:%M} UTC."]
    if batch.kind == "undo":
        return ["This is itself an undo. Import the files again instead."]
    known = tables()
    refused = [rules.table_refusal(known[name], actor.viewer) for name in names if _wrote(batch, name)]
    kept = batch.changes.count()
    counted = sum(_wrote(batch, name) for name in names if not known[name].is_log)
    if kept != counted or set(batch.counts) - set(known):
        refused.append("What this import changed was not kept row by row, so it cannot be put back.")
    if kept == 0 and not any(_wrote(batch, name) for name in names):
        refused.append("This import changed nothing.")
    return [reason for reason in dict.fromkeys(refused) if reason]


def _wrote(batch: ImportBatch, name: str) -> int:
    counts = batch.counts.get(name, {})
    return sum(int(counts.get(kind, 0)) for kind in ("added", "changed", "removed"))


def _put_back(batch: ImportBatch, undo: ImportBatch, findings: Findings, actor: Actor) -> list[str]:
    """Take added rows out, write earlier cells back, add removed rows again. Returns what stands in the way."""
    known = tables()
    changes = list(batch.changes.order_by("id"))
    rows = rows_now(changes, known)
    reasons = [reason for change in changes if (reason := _moved_on(change, rows))]
    if reasons:
        return reasons
    added = [(known[change.table], rows[change.table, change.key]) for change in changes if change.kind == "added"]
    added.sort(key=lambda pair: list(known).index(pair[0].name), reverse=True)
    # A row that ends where the added one began can only take its time back once that is gone; another can only let
    # go of an added row once it is put back itself. So: remove what can go, put back, remove the rest.
    waiting = [pair for pair in added if _remove(pair, undo, findings, actor)]
    write_tables(_sheets_before(changes, known), findings, actor, {}, undo)
    reasons.extend(
        issue.message if not issue.row else str(issue) for issue in findings.issues if issue.severity == ERROR
    )
    for pair in waiting:
        reasons.extend(f"{_named(*pair)}: {problem}" for problem in _remove(pair, undo, findings, actor))
    if findings.needs and actor.checker is None:
        needs = " ".join(dict.fromkeys(findings.needs))
        reasons.append(f"{needs} Enter the earlier values in the form, so that a second person can approve them.")
    return reasons


def rows_now(
    changes: Iterable[ImportChange], known: Mapping[str, Table], *, lock: bool = True
) -> dict[tuple[str, str], models.Model]:
    """(table, key) → the row as it is now."""
    references = ReferenceIndex(tables=known)
    wanted: dict[str, set[str]] = {}
    for change in changes:
        wanted.setdefault(change.table, set()).add(change.key)
    found: dict[tuple[str, str], models.Model] = {}
    for name, keys in wanted.items():
        table = known[name]
        by_pk = {
            pk: key_text([cell_text(part) for part in key]) for key, pk in references.keys(table, table.key).items()
        }
        pks = [pk for pk, key in by_pk.items() if key in keys]
        rows = table.model._default_manager.select_related(*reader_of(table, known=known).related)
        rows = rows.select_for_update(of=("self",)) if lock else rows
        for pk, row in rows.in_bulk(pks).items():
            found[name, by_pk[pk]] = row
    return found


def _moved_on(change: ImportChange, rows: Mapping[tuple[str, str], models.Model]) -> str:
    """Why the row of the change is no longer as the batch left it, or ""."""
    row = rows.get((change.table, change.key))
    what = f"{change.table.replace('_', ' ')} {', '.join(key_of_text(change.key))}"
    if change.kind == "removed":
        return f"{what} is there again." if row is not None else ""
    if row is None:
        return f"{what} was removed since."
    return f"{what} was changed since." if row.row_version != change.row_version else ""  # type: ignore[attr-defined]


def _remove(pair: tuple[Table, models.Model], undo: ImportBatch, findings: Findings, actor: Actor) -> list[str]:
    """Delete a row that the batch added; the reasons why not."""
    table, row = pair
    values = reader_of(table).values(row)
    refused = rules.refusal(table, actor.viewer, values, None)
    if refused:
        return [refused]
    version, pk = getattr(row, "row_version", None), row.pk
    problems = [issue.message for issue in remove_instance(table=table, instance=row, viewer=actor.viewer)]
    row.pk = pk
    if problems:
        return problems
    findings.needs.extend(rules.checker_reason(table, actor.viewer, values, None))
    cells = as_cells(values)
    key = tuple(cells[name] for name in table.key)
    findings.changes.append(RowChange(table=table.name, kind="removed", key=key, before=cells, row_version=version))
    counts = findings.counts.setdefault(table.name, {})
    counts["removed"] = counts.get("removed", 0) + 1
    return []


def _named(table: Table, row: models.Model) -> str:
    values = reader_of(table).values(row)
    return f"{table.name.replace('_', ' ')} {', '.join(cell_text(values[name]) for name in table.key)}"


def _sheets_before(changes: Iterable[ImportChange], known: Mapping[str, Table]) -> dict[str, list[Sheet]]:
    """The earlier rows as sheets: of changed rows the key and what differed, of removed rows every cell."""
    rows: dict[str, list[Row]] = {}
    for change in changes:
        if change.kind == "added":
            continue
        table = known[change.table]
        before, after = change.before or {}, change.after or {}
        names = [
            column.name
            for column in table.columns
            if column.name in before and (column.name in table.key or before[column.name] != after.get(column.name))
        ]
        # What a row once held is taken as it is, also where a column has become needed since.
        values = {name: table.column(name).parse(before[name]) if before[name] else None for name in names}
        rows.setdefault(change.table, []).append(Row(file=change.table, number=len(rows) + 1, values=values))
    return {
        name: [Sheet(file=name, columns=tuple(column.name for column in known[name].columns), rows=tuple(found))]
        for name, found in rows.items()
    }


def _remove_measurements(batch: ImportBatch, names: Iterable[str], findings: Findings) -> list[str]:
    """Delete the rows that carry the batch's number. Rows it corrected cannot be put back: their past is not kept."""
    reasons = []
    known = tables()
    for name in names:
        table, counts = known[name], batch.counts[name]
        if not table.is_log or not _wrote(batch, name):
            continue
        rows = table.model._default_manager.filter(batch_id=batch.pk)
        what = name.replace("_", " ")
        if counts.get("changed"):
            reasons.append(f"{counts['changed']:,} rows of {what} were corrected; what they said before is not kept.")
        elif rows.count() != counts.get("added", 0):
            reasons.append(f"Some rows of {what} were corrected or removed by later imports.")
        else:
            rows.delete()
            if table.afterwards is not None:
                table.afterwards(None)
            findings.counts[name] = {"added": 0, "changed": 0, "unchanged": 0, "removed": counts.get("added", 0)}
    return reasons

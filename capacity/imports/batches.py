"""The one way into the input tables: rows of any number of tables, in one transaction, kept as one batch.

Files, forms, the API, an approval and an undo all end here. All rows are written or none; a write that somebody else
has to approve is handed to the registered proposer instead. Every writer of inputs takes the row of InputsVersion
first (their triggers do too), so that two writers queue and never deadlock.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.db import connection, transaction

from capacity.access.audit import record_event
from capacity.imports import rules
from capacity.imports.changes import Actor, Cells, Key, RowChange
from capacity.imports.logs import LogWriter
from capacity.imports.models import ImportBatch, ImportChange, ImportIssue, InputsVersion
from capacity.imports.references import ReferenceIndex
from capacity.imports.rows import cell_text, key_text
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import ERROR, WARNING, Issue, Row, Sheet
from capacity.imports.writing import TableWriter

MOST_ISSUES = 500
_CHANGES_AT_ONCE = 2000
NO_PROPOSER = "This change needs the approval of a second person, and this installation has no place to ask for it."


class Proposer(Protocol):
    """Keeps a write until somebody else approves it; returns the proposal's id."""

    def __call__(
        self,
        *,
        rows: Mapping[str, Sequence[Cells]],
        removed: Mapping[str, Sequence[Key]],
        reason: str,
        actor: Actor,
        changes: Sequence[RowChange],
    ) -> int: ...


_proposers: list[Proposer] = []


def register_proposer(propose: Proposer) -> None:
    """Where writes go that somebody else has to approve. The last one registered counts."""
    _proposers[:] = [propose]


@dataclass(kw_only=True)
class Findings:
    """What is known about a write so far; filled while it runs."""

    issues: list[Issue] = field(default_factory=list)
    changes: list[RowChange] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    needs: list[str] = field(default_factory=list)
    batch_id: int | None = None
    proposal_id: int | None = None

    @property
    def has_errors(self) -> bool:
        return any(issue.severity == ERROR for issue in self.issues)

    @property
    def writes_nothing(self) -> bool:
        return not any(counts.get(kind) for counts in self.counts.values() for kind in ("added", "changed", "removed"))

    def in_order(self) -> list[Issue]:
        return sorted(
            self.issues, key=lambda issue: (issue.file, issue.row or 0, issue.column, issue.code, issue.message)
        )


class TakeBack(Exception):
    """Rolls the write's transaction back; never leaves the module that raised it."""


def write_sheets(
    *,
    sheets: Mapping[str, Sequence[Sheet]],
    findings: Findings,
    actor: Actor,
    kind: str,
    files: Sequence[Mapping[str, Any]] = (),
    dry_run: bool = False,
    keep_empty: bool = True,
    expected: Mapping[int, int] | None = None,
) -> None:
    """Write the rows of all sheets (table name → sheets), or none of them; findings says how it came out.

    keep_empty: keep a batch also when every row is as it was. expected: row number → version its editor read; only for
    a write of one table. Raises writing.VersionMoved.
    """
    try:
        with transaction.atomic():
            take_turn(sheets)
            batch = open_batch(actor, kind, files)
            write_tables(sheets, findings, actor, expected or {}, batch)
            if dry_run or findings.has_errors or must_be_checked(findings, actor):
                raise TakeBack
            if findings.writes_nothing and not keep_empty:
                raise TakeBack
            close_batch(batch, findings, actor)
            findings.batch_id = batch.pk
    except TakeBack:
        pass
    if not dry_run and not findings.has_errors and must_be_checked(findings, actor):
        _propose(sheets, findings, actor)


def take_turn(names: Iterable[str]) -> None:
    """Queue behind other writers of the same tables, always in the same order. Call it first in the transaction."""
    known = tables()
    found = [known[name] for name in names if name in known]
    if any(not table.is_log for table in found):
        InputsVersion.objects.select_for_update().filter(pk=1).first()
    with connection.cursor() as cursor:
        # Measurements come by the hundred thousand: their imports queue among themselves and let plans and edits pass.
        for name in sorted(table.name for table in found if table.is_log):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"import {name}"])


def keep_refusal(*, findings: Findings, actor: Actor, files: Sequence[Mapping[str, Any]]) -> None:
    """The batch of an import that was refused, with its issues, so that the list of imports shows it."""
    with transaction.atomic():
        batch = ImportBatch.objects.create(
            source=actor.source, note=actor.note, imported_by=actor.user, files=list(files), outcome="refused"
        )
        _keep_issues(batch, findings)
        _record(actor, "import.refused", {"issues": len(findings.issues)})
    findings.batch_id = batch.pk


def close_batch(batch: ImportBatch, findings: Findings, actor: Actor) -> None:
    """What the batch did, in its own rows."""
    batch.counts = findings.counts
    batch.save(update_fields=["counts"])
    known = tables()
    written = [change for change in findings.changes if change.kind in {"added", "changed", "removed"}]
    ImportChange.objects.bulk_create(
        (
            ImportChange(
                batch=batch,
                table=change.table,
                key=key_text(change.key),
                kind=change.kind,
                before=change.before,
                after=change.after,
                row_version=change.row_version,
            )
            for change in written
            if not known[change.table].is_log
        ),
        batch_size=_CHANGES_AT_ONCE,
    )
    for name, counts in findings.counts.items():
        follow = known[name].afterwards
        if follow is not None and batch.kind != "undo" and (counts.get("added") or counts.get("changed")):
            follow(batch.pk)
    _keep_issues(batch, findings)
    _record(actor, "import.applied" if batch.kind == "import" else f"data.{batch.kind}", findings.counts)


def open_batch(actor: Actor, kind: str, files: Sequence[Mapping[str, Any]]) -> ImportBatch:
    """The batch comes first: rows of measurement carry its number. It goes again with a write that is taken back."""
    return ImportBatch.objects.create(
        source=actor.source,
        kind=kind,
        note=actor.note,
        imported_by=actor.user,
        checked_by=actor.checker,
        files=list(files),
        outcome="applied",
    )


def write_tables(
    sheets: Mapping[str, Sequence[Sheet]],
    findings: Findings,
    actor: Actor,
    expected: Mapping[int, int],
    batch: ImportBatch,
) -> None:
    """Each table after those it refers to. Rows with issues stay out; the caller rolls back if there are any.

    Checks come last of all, because a row may be odd only until the next table is written (a pool and its domains).
    """
    known = tables()
    references = ReferenceIndex(tables=known)
    written: list[tuple[Table, Sequence[Row]]] = []
    # Aliases come first: the other files of the same set may use them.
    for name, table in sorted(known.items(), key=lambda item: item[0] != "aliases"):
        if name not in sheets:
            continue
        refused = rules.table_refusal(table, actor.viewer)
        if refused:
            findings.issues.extend(
                Issue(file=sheet.file, code="not_allowed", message=refused) for sheet in sheets[name]
            )
            continue
        kind = LogWriter if table.is_log else TableWriter
        writer = kind(table=table, references=references, viewer=actor.viewer, expected=expected, batch_id=batch.pk)
        rows = [] if table.is_log else unrepeated(table, sheets[name], findings)
        writer.write(rows=rows, sheets=sheets[name])
        findings.issues.extend(writer.issues)
        findings.needs.extend(writer.needs)
        # A table of measurement has had its checks, chunk by chunk.
        if writer.whole:
            written.append((table, writer.whole))
        findings.counts[name] = {**findings.counts.get(name, {}), **writer.counts()}
        findings.changes.extend(writer.changes)
    for table, whole in written:
        for check in table.checks if whole else ():
            findings.issues.extend(check(whole))


def unrepeated(table: Table, sheets: Sequence[Sheet], findings: Findings) -> list[Row]:
    """All rows of the table's files, without the second and later ones of a key (each an issue)."""
    first: dict[tuple[object, ...], Row] = {}
    rows: list[Row] = []
    for row in (row for sheet in sheets for row in sheet.rows):
        if row.broken.intersection(table.key):
            rows.append(row)
            continue
        key = tuple(row.values[name] for name in table.key)
        earlier = first.setdefault(key, row)
        if earlier is row:
            rows.append(row)
            continue
        where = f"row {earlier.number}" + (f" of {earlier.file}" if earlier.file != row.file else "")
        findings.issues.append(
            Issue(
                file=row.file,
                row=row.number,
                column=table.key[-1],
                code="repeated_key",
                message=f'"{", ".join(str(part) for part in key)}" is already in {where}. Leave one of the two rows.',
            )
        )
    return rows


def must_be_checked(findings: Findings, actor: Actor) -> bool:
    """Whether what the rows do has to be approved by somebody who has not proposed it."""
    return bool(findings.needs) and (actor.checker is None or actor.checker == actor.user)


def _propose(sheets: Mapping[str, Sequence[Sheet]], findings: Findings, actor: Actor) -> None:
    reason, known = " ".join(dict.fromkeys(findings.needs)), tables()
    if not _proposers:
        findings.issues.append(Issue(file="", code="needs_checker", message=f"{reason} {NO_PROPOSER}"))
        return
    # A key is kept as the write understood it, not as the file said it: an alias in it names the row all the same.
    keys = {(change.table, change.file, change.row): change.key for change in findings.changes}
    rows = {
        name: [
            _cells(row, known[name], keys.get((name, row.file, row.number))) for sheet in found for row in sheet.rows
        ]
        for name, found in sheets.items()
    }
    findings.proposal_id = _proposers[0](
        rows=rows, removed={}, reason=reason, actor=actor, changes=tuple(findings.changes)
    )


def _cells(row: Row, table: Table, key: Key | None) -> Cells:
    cells = {column: cell_text(value) for column, value in row.values.items()}
    return {**cells, **dict(zip(table.key, key, strict=True))} if key is not None else cells


def propose_removal(*, table: Table, change: RowChange, reason: str, actor: Actor, findings: Findings) -> None:
    if not _proposers:
        findings.issues.append(Issue(file="", code="needs_checker", message=f"{reason} {NO_PROPOSER}"))
        return
    findings.proposal_id = _proposers[0](
        rows={}, removed={table.name: [change.key]}, reason=reason, actor=actor, changes=(change,)
    )


def _keep_issues(batch: ImportBatch, findings: Findings) -> None:
    ordered = findings.in_order()
    kept = ordered[:MOST_ISSUES]
    if len(ordered) > MOST_ISSUES:
        more = f"{len(ordered) - MOST_ISSUES:,} more issues are not listed. Mend these first."
        kept.append(Issue(file=ordered[MOST_ISSUES].file, code="more_issues", message=more, severity=WARNING))
    ImportIssue.objects.bulk_create(
        ImportIssue(
            batch=batch,
            severity=issue.severity,
            code=issue.code,
            file=issue.file[:200],
            row=issue.row,
            column=issue.column[:80],
            message=issue.message,
        )
        for issue in kept
    )


def _record(actor: Actor, action: str, detail: Mapping[str, Any]) -> None:
    record_event(action=action, subject=actor.source, detail=detail, user=actor.user, request=actor.request)

"""Bring files into the tables: all rows of all files or none, in one transaction, with every issue at once.

What a table looks like is declared in the apps' `importers.py`; how text becomes values in tabular.py and cells.py.
Rows are told apart by their natural key: a second import of the same file changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.imports.cells import nearest
from capacity.imports.models import ImportBatch, ImportIssue, InputsVersion
from capacity.imports.references import ReferenceIndex
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import ERROR, MOST_BYTES, WARNING, Issue, Row, Sheet, read_table
from capacity.imports.writing import Counts, TableWriter

MOST_ISSUES = 500


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file as it came in. Its name, without `.csv`, names the table. `content` None: too big to be read."""

    name: str
    content: bytes | None
    bytes_: int

    @property
    def table_name(self) -> str:
        return Path(self.name).stem.lower()


@dataclass(frozen=True, kw_only=True)
class ImportOutcome:
    """What an import did. counts: table → added, changed, unchanged rows (of what would be, when refused)."""

    applied: bool
    counts: Mapping[str, Mapping[str, int]]
    issues: tuple[Issue, ...]
    batch_id: int | None = None

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == ERROR)

    @property
    def warnings(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == WARNING)


@dataclass(kw_only=True)
class _Findings:
    issues: list[Issue] = field(default_factory=list)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


class _Undo(Exception):
    """Rolls the import's transaction back; never leaves this module."""


def source_file(*, name: str, content: bytes) -> SourceFile:
    """A file that is already in memory."""
    return SourceFile(name=name, content=content if len(content) <= MOST_BYTES else None, bytes_=len(content))


def read_source_files(paths: Iterable[Path]) -> list[SourceFile]:
    """The files, and the `*.csv` files of folders, in order of name. Raises FileNotFoundError.

    A file above the size limit is not read; the import then refuses it.
    """
    found: list[SourceFile] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(item for item in path.iterdir() if item.suffix.lower() == ".csv")
            if not inside:
                raise FileNotFoundError(f"The folder {path} holds no .csv file.")
            found.extend(_read(item) for item in inside)
        elif path.is_file():
            found.append(_read(path))
        else:
            raise FileNotFoundError(f"There is no file {path}.")
    return found


def import_files(
    *, files: Sequence[SourceFile], source: str, imported_by: User | None = None, dry_run: bool = False
) -> ImportOutcome:
    """Write the rows of all files, or none of them when there is any error.

    A dry run checks everything against the database and leaves no trace. Otherwise one ImportBatch with its issues
    is kept, of a refused import too.
    """
    findings = _Findings()
    sheets = _read_sheets(files, findings)
    batch_id: int | None = None
    try:
        with transaction.atomic():
            # Every writer of inputs takes this row first (their triggers do), so two imports queue and never deadlock.
            InputsVersion.objects.select_for_update().filter(pk=1).first()
            _write_sheets(sheets, findings)
            if dry_run or any(issue.severity == ERROR for issue in findings.issues):
                raise _Undo
            batch_id = _record(files, source, imported_by, findings, applied=True)
    except _Undo:
        if not dry_run:
            batch_id = _record(files, source, imported_by, findings, applied=False)
    refused = any(issue.severity == ERROR for issue in findings.issues)
    return ImportOutcome(
        applied=not refused and not dry_run,
        counts=findings.counts,
        issues=tuple(_in_order(findings.issues)),
        batch_id=batch_id,
    )


def _read(path: Path) -> SourceFile:
    size = path.stat().st_size
    return SourceFile(name=path.name, content=path.read_bytes() if size <= MOST_BYTES else None, bytes_=size)


def _read_sheets(files: Sequence[SourceFile], findings: _Findings) -> dict[str, list[Sheet]]:
    """Table name → its files as read. Files that are too big or name no table become issues."""
    known = tables()
    sheets: dict[str, list[Sheet]] = {}
    for file in files:
        table = known.get(file.table_name)
        if table is None:
            message = f'There is no table "{file.table_name}".{nearest(file.table_name, known)} '
            message += f"A file is named after its table: {', '.join(sorted(known))}."
            findings.issues.append(Issue(file=file.name, code="unknown_table", message=message))
        elif file.content is None:
            message = f"The file has {file.bytes_:,} bytes; at most {MOST_BYTES:,} are read. Split it into parts."
            findings.issues.append(Issue(file=file.name, code="too_big", message=message))
        else:
            sheet = read_table(file=file.name, content=file.content, columns=table.columns, key=table.key)
            findings.issues.extend(sheet.issues)
            sheets.setdefault(table.name, []).append(sheet)
    return sheets


def _write_sheets(sheets: Mapping[str, Sequence[Sheet]], findings: _Findings) -> None:
    """Each table after those it refers to. Rows with issues stay out; the caller rolls back if there are any."""
    known = tables()
    references = ReferenceIndex(tables=known)
    for name, table in known.items():
        if name not in sheets:
            continue
        rows = _unrepeated(table, sheets[name], findings)
        writer = TableWriter(table=table, references=references)
        counts = writer.write(rows=rows, sheets=sheets[name])
        findings.issues.extend(writer.issues)
        for check in table.checks:
            findings.issues.extend(check(rows))
        findings.counts[name] = _counted(counts)


def _unrepeated(table: Table, sheets: Sequence[Sheet], findings: _Findings) -> list[Row]:
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


def _counted(counts: Counts) -> dict[str, int]:
    return {"added": counts.added, "changed": counts.changed, "unchanged": counts.unchanged}


def _in_order(issues: Iterable[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda issue: (issue.file, issue.row or 0, issue.column, issue.code, issue.message))


def _record(
    files: Sequence[SourceFile], source: str, imported_by: User | None, findings: _Findings, *, applied: bool
) -> int:
    """The batch with its issues, in a transaction of its own when the import was rolled back."""
    with transaction.atomic():
        record_event(
            action="import.applied" if applied else "import.refused",
            subject=source,
            detail=findings.counts if applied else {"issues": len(findings.issues)},
            user=imported_by,
        )
        batch = ImportBatch.objects.create(
            source=source,
            imported_by=imported_by,
            files=[
                {
                    "name": file.name,
                    "bytes": file.bytes_,
                    "sha256": hashlib.sha256(file.content).hexdigest() if file.content is not None else None,
                }
                for file in files
            ],
            counts=findings.counts if applied else {},
            outcome="applied" if applied else "refused",
        )
        ordered = _in_order(findings.issues)
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
    return batch.pk

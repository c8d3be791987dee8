"""Bring files into the tables: all rows of all files or none, in one transaction, with every issue at once.

What a table looks like is declared in the apps' `importers.py`; how text becomes values in tabular.py and cells.py.
Rows are told apart by their natural key: a second import of the same file changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from capacity.access.models import User
from capacity.imports.batches import Findings, keep_refusal, write_sheets
from capacity.imports.cells import nearest
from capacity.imports.changes import Actor, RowChange
from capacity.imports.rules import seen_change
from capacity.imports.tables import tables
from capacity.imports.tabular import ERROR, MOST_BYTES, WARNING, Issue, Sheet, read_table


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
    proposal_id: int | None = None
    changes: tuple[RowChange, ...] = ()

    @property
    def errors(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == ERROR)

    @property
    def warnings(self) -> tuple[Issue, ...]:
        return tuple(issue for issue in self.issues if issue.severity == WARNING)


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
    *,
    files: Sequence[SourceFile],
    source: str = "",
    imported_by: User | None = None,
    dry_run: bool = False,
    actor: Actor | None = None,
) -> ImportOutcome:
    """Write the rows of all files, or none of them when there is any error.

    A dry run checks everything against the database and leaves no trace. Otherwise one ImportBatch with its issues
    and changes is kept, of a refused import too. actor: who imports; without one the operator, who may write
    everything, from `source`.
    """
    who = actor or Actor(user=imported_by, source=source)
    findings = Findings()
    sheets = _read_sheets(files, findings)
    described = [_described(file) for file in files]
    write_sheets(sheets=sheets, findings=findings, actor=who, kind="import", files=described, dry_run=dry_run)
    if findings.has_errors and not dry_run:
        keep_refusal(findings=findings, actor=who, files=described)
    known = tables()
    return ImportOutcome(
        applied=not findings.has_errors and not dry_run and findings.proposal_id is None,
        counts=findings.counts,
        issues=tuple(findings.in_order()),
        batch_id=findings.batch_id,
        proposal_id=findings.proposal_id,
        changes=tuple(seen_change(known[change.table], who.viewer, change) for change in findings.changes),
    )


def _described(file: SourceFile) -> dict[str, object]:
    digest = hashlib.sha256(file.content).hexdigest() if file.content is not None else None
    return {"name": file.name, "bytes": file.bytes_, "sha256": digest}


def _read(path: Path) -> SourceFile:
    size = path.stat().st_size
    return SourceFile(name=path.name, content=path.read_bytes() if size <= MOST_BYTES else None, bytes_=size)


def _read_sheets(files: Sequence[SourceFile], findings: Findings) -> dict[str, list[Sheet]]:
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

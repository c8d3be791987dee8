"""Bring files into the tables: all rows of all files or none, in one transaction, with every issue at once.

What a table looks like is declared in the apps' `importers.py`; how text becomes values in tabular.py and cells.py.
Rows are told apart by their natural key: a second import of the same file changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capacity.access.models import User
from capacity.imports.batches import Findings, keep_refusal, must_be_checked, write_sheets
from capacity.imports.changes import Actor, RowChange
from capacity.imports.models import ImportBatch
from capacity.imports.reading import Choose, SourceFile, by_name, read_files, read_source_files, source_file
from capacity.imports.rules import seen_change
from capacity.imports.tables import tables
from capacity.imports.tabular import Judged

__all__ = [
    "ImportOutcome",
    "SourceFile",
    "applied_before",
    "import_files",
    "read_source_files",
    "source_file",
]


@dataclass(frozen=True, kw_only=True)
class ImportOutcome(Judged):
    """What an import did. counts: table → added, changed, unchanged rows (of what would be, when refused).

    second_person: why somebody else has to approve it, "" where nobody has to.
    """

    applied: bool
    counts: Mapping[str, Mapping[str, int]]
    batch_id: int | None = None
    proposal_id: int | None = None
    changes: tuple[RowChange, ...] = ()
    second_person: str = ""


def import_files(
    *,
    files: Sequence[SourceFile],
    source: str = "",
    imported_by: User | None = None,
    dry_run: bool = False,
    actor: Actor | None = None,
    choose: Choose = by_name,
) -> ImportOutcome:
    """Write the rows of all files, or none of them when there is any error.

    A dry run checks everything against the database and leaves no trace. Otherwise one ImportBatch with its issues
    and changes is kept, of a refused import too. actor: who imports; without one the operator, who may write
    everything, from `source`. choose: (file, sheet) → which table it is and how it is to be read.
    """
    who = actor or Actor(user=imported_by, source=source)
    findings = Findings()
    sheets, issues = read_files(files, choose=choose)
    findings.issues.extend(issues)
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
        second_person=" ".join(dict.fromkeys(findings.needs)) if must_be_checked(findings, who) else "",
    )


def _described(file: SourceFile) -> dict[str, object]:
    return {"name": file.name, "bytes": file.bytes_, "sha256": file.sha256 or None}


def applied_before(*, digests: Iterable[str]) -> dict[str, ImportBatch]:
    """SHA-256 of a file's content → the last import that applied this very file and was not undone."""
    found: dict[str, ImportBatch] = {}
    for digest in digests:
        batches = ImportBatch.objects.filter(outcome="applied", undone_at=None, files__contains=[{"sha256": digest}])
        last = batches.order_by("-id").first()
        if last is not None:
            found[digest] = last
    return found

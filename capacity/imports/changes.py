"""What a write of a table is told and tells: who writes, the rows before and after, and how it came out.

Rows here are *cells*: column → text exactly as an export writes it, with natural keys in place of foreign keys. Typed
values (`values_of`) are what the rules of a table are asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models.expressions import DatabaseDefault

from capacity.access.models import User
from capacity.access.visibility import Viewer
from capacity.imports.cells import Value
from capacity.imports.references import ReferenceIndex
from capacity.imports.rows import cell_text
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Judged

Cells = dict[str, str]
Key = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who writes, through which door and why.

    viewer: their roles; None for the operator at the command line, of whom nothing is asked. source: "form", "api",
    "file" or a connector's name. note: why, in their words. checker: who approved it, where somebody else has to.
    """

    user: User | None
    source: str
    viewer: Viewer | None = None
    note: str = ""
    request: Any = None
    checker: User | None = None


@dataclass(frozen=True, kw_only=True)
class RowChange:
    """What happens, or would happen, to one row.

    kind: added, changed, unchanged, removed or refused. columns: those that differ. row: its number in `file`, or its
    position in a list of rows, counted from 1. row_version: the one the row has afterwards (before, when removed).
    owner: whose row it is, for the visibility rules. Cells the actor may not see are left out.
    """

    table: str
    kind: str
    key: Key
    before: Cells | None = None
    after: Cells | None = None
    columns: tuple[str, ...] = ()
    row: int | None = None
    file: str = ""
    row_version: int | None = None
    owner: str = ""


@dataclass(frozen=True, kw_only=True)
class RowsOutcome(Judged):
    """How a write came out. batch_id: the batch that holds it. proposal_id: somebody else has to approve it first."""

    applied: bool
    changes: tuple[RowChange, ...] = ()
    batch_id: int | None = None
    proposal_id: int | None = None


class StaleRow(Exception):
    """Somebody else wrote the row since the editor read it: nothing was written.

    position: which of the rows (from 0). theirs: the row as it is now, without cells the editor may not see; None when
    it was removed. columns: what was changed since. by, at: who wrote last and when, where that is known.
    """

    def __init__(
        self,
        *,
        position: int,
        key: Key,
        theirs: Cells | None,
        columns: tuple[str, ...] = (),
        by: str = "",
        at: datetime | None = None,
        row_version: int | None = None,
    ) -> None:
        super().__init__(f"{', '.join(key)} was changed since it was read")
        self.position = position
        self.key = key
        self.theirs = theirs
        self.columns = columns
        self.by = by
        self.at = at
        self.row_version = row_version


@dataclass(frozen=True, kw_only=True)
class RowReader:
    """Reads rows of one table as typed values by column; the way to each column is looked up once."""

    table: Table
    paths: Mapping[str, tuple[str, ...]]

    @property
    def related(self) -> tuple[str, ...]:
        """What select_related has to fetch, so that reading a row asks nothing more of the database."""
        return tuple(sorted({"__".join(path[:-1]) for path in self.paths.values() if len(path) > 1}))

    def values(self, instance: models.Model) -> dict[str, Value]:
        values = {name: follow(instance, path) for name, path in self.paths.items()}
        for name in self.table.key:
            if values[name] is None:
                values[name] = self.table.column(name).when_empty
        return values


def reader_of(table: Table, *, known: Mapping[str, Table] | None = None) -> RowReader:
    references = ReferenceIndex(tables=known if known is not None else tables())
    paths = {column.name: tuple(references.path(table, column.name).split("__")) for column in table.columns}
    return RowReader(table=table, paths=paths)


def follow(instance: Any, path: tuple[str, ...]) -> Any:
    """The value at the end of the path; None where a link of it is empty or the database has yet to fill it."""
    for name in path:
        instance = getattr(instance, name)
        if instance is None or isinstance(instance, DatabaseDefault):
            return None
    return instance


def as_cells(values: Mapping[str, Value]) -> Cells:
    return {name: cell_text(value) for name, value in values.items()}


def cells_of(instance: models.Model, table: Table) -> Cells:
    """The row as cells: every column of the table, as an export writes it."""
    return as_cells(reader_of(table).values(instance))


def key_of(values: Mapping[str, Value], table: Table) -> Key:
    return tuple(cell_text(values.get(name)) for name in table.key)

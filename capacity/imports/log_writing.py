"""Rows of measurement into their table, by the hundred thousand: one statement for each few thousand rows.

The statement adds new rows, rewrites those that differ and leaves equal ones alone, by the table's natural key (which a
unique constraint must hold). Rows the database refuses are found by halving. Only for tables with `is_log`; the caller
has the transaction and the batch. Memory does not grow with the number of rows, but for eight bytes of each key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import DatabaseError, connection, models, transaction

from capacity.access.visibility import Viewer
from capacity.imports import rules
from capacity.imports.cells import CellError, Value
from capacity.imports.references import Missing, ReferenceIndex
from capacity.imports.tables import Reference, Table
from capacity.imports.tabular import Issue, Row, read_cell

AT_ONCE = 4000
# More refused rows than this are not looked for: the first ones say what is wrong.
MOST_REFUSED = 50


def row_of_cells(*, table: Table, cells: Mapping[str, str], file: str, number: int) -> tuple[Row, list[Issue]]:
    """The cells as typed values, with an issue for each that cannot be read."""
    values: dict[str, Value] = {}
    issues: list[Issue] = []
    for column in table.columns:
        name = column.name
        if name not in cells:
            if name in table.key:
                values[name] = column.when_empty
            continue
        try:
            values[name] = read_cell(column, cells[name].strip(), is_key=name in table.key)
        except CellError as error:
            issues.append(Issue(file=file, row=number or None, column=name, code=error.code, message=error.message))
    broken = frozenset(issue.column for issue in issues)
    return Row(file=file, number=number, values=values, broken=broken), issues


@dataclass(kw_only=True)
class LogWriter:
    """Writes rows of one table of measurement. `issues`: what kept rows out; the counts are of what was written."""

    table: Table
    references: ReferenceIndex
    batch_id: int
    viewer: Viewer | None = None
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    issues: list[Issue] = field(default_factory=list)
    _first: dict[int, int] = field(default_factory=dict)
    _found: dict[tuple[str, Value], int | Missing] = field(default_factory=dict)
    _said: set[str] = field(default_factory=set)

    def counts(self) -> dict[str, int]:
        return {"added": self.added, "changed": self.changed, "unchanged": self.unchanged}

    def write(self, rows: Sequence[Row]) -> None:
        """Rows of one set of columns. Broken ones must not be among them."""
        if not rows or self.refused > MOST_REFUSED:
            return
        whole = [row for row in rows if self._is_new(row) and self._may_write(row)]
        prepared = [(row, pointers) for row in whole if (pointers := self._pointers(row)) is not None]
        for check in self.table.checks:
            self.issues.extend(check([row for row, _ in prepared]))
        if prepared:
            statement = _Statement(table=self.table, given=frozenset(prepared[0][0].values))
            self._save(statement, prepared)

    def _is_new(self, row: Row) -> bool:
        text = "\x1f".join(str(row.values.get(name)) for name in self.table.key)
        mark = int.from_bytes(blake2b(text.encode(), digest_size=8).digest())
        earlier = self._first.get(mark)
        if earlier is None:
            self._first[mark] = row.number
            return True
        message = f'"{text.replace(chr(31), ", ")}" is already in row {earlier}. Leave one of the two rows.'
        self._say(row, self.table.key[-1], "repeated_key", message)
        return False

    def _may_write(self, row: Row) -> bool:
        if self.viewer is None:
            return True
        hidden = rules.hidden_columns(self.table, self.viewer, row.values.keys(), owner="")
        for name in hidden:
            if name not in self._said:
                self._said.add(name)
                self._say(row, name, "not_allowed", rules.HIDDEN_COLUMN.format(column=name))
        refusal = rules.refusal(self.table, self.viewer, None, row.values)
        if refusal:
            self._say(row, "", "not_allowed", refusal)
        return not hidden and not refusal

    def _pointers(self, row: Row) -> dict[str, int | None] | None:
        """Foreign key column → primary key; None when a name of the row leads nowhere."""
        pointers: dict[str, int | None] = {}
        for reference in self.table.references:
            if any(name not in row.values for name in reference.columns):
                continue
            key = tuple(row.values[name] for name in reference.columns)
            if None in key or "" in key:
                if reference.field:
                    pointers[reference.field] = None
                continue
            found = self._find(reference, key)
            if isinstance(found, Missing):
                message = self.references.complaint(reference, key, viewer=self.viewer)
                self._say(row, reference.columns[-1], "unknown_reference", message)
                return None
            if reference.field:
                pointers[reference.field] = found
        return pointers

    def _find(self, reference: Reference, key: tuple[Value, ...]) -> int | Missing:
        mark = (reference.target or reference.model, key[0])
        if len(key) > 1:
            return self.references.find(reference, key)
        if mark not in self._found:
            self._found[mark] = self.references.find(reference, key)
        return self._found[mark]

    def _save(self, statement: _Statement, rows: Sequence[tuple[Row, dict[str, int | None]]]) -> None:
        if self.refused > MOST_REFUSED:
            return
        try:
            with transaction.atomic():
                added, changed = statement.run(rows, self.batch_id)
        except DatabaseError as error:
            if len(rows) == 1:
                self._explain(rows[0][0], error)
                return
            middle = len(rows) // 2
            self._save(statement, rows[:middle])
            self._save(statement, rows[middle:])
            return
        self.added += added
        self.changed += changed
        self.unchanged += len(rows) - added - changed

    def _explain(self, row: Row, error: DatabaseError) -> None:
        name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None) or ""
        sentence = self.table.sentences.get(name)
        message = sentence.message if sentence else f"The database refuses this row ({name or type(error).__name__})."
        self._say(row, sentence.column if sentence else "", name or "refused_by_database", message)

    def _say(self, row: Row, column: str, code: str, message: str) -> None:
        self.refused += 1
        number = row.number or None
        self.issues.append(Issue(file=row.file, row=number, column=column, code=code, message=message))


@dataclass(kw_only=True)
class _Statement:
    """The statement for rows with these columns: arrays in, one boolean (added or changed) for each row written out."""

    table: Table
    given: frozenset[str]

    def __post_init__(self) -> None:
        fields: dict[str, Any] = {item.name: item for item in self.table.model._meta.concrete_fields}
        links = {str(link.field): link.columns for link in self.table.foreign_keys}
        pointed = [name for name, columns in links.items() if self.given.issuperset(columns)]
        plain = [name for name in self.table.plain_columns if name in self.given]
        self.fields: list[Any] = [fields[name] for name in (*sorted(pointed), *plain)]
        key = [next((link for link, columns in links.items() if name in columns), name) for name in self.table.key]
        self.key = [str(fields[name].column) for name in key]
        self.filled = [
            item
            for name, item in fields.items()
            if item not in self.fields and not item.primary_key and name != "batch_id" and not _fills_itself(item)
        ]
        self.sql = self._sql()

    def _sql(self) -> str:
        quote = connection.ops.quote_name
        table = quote(self.table.model._meta.db_table)
        given = [item.column for item in self.fields]
        compared = [name for name in given if name not in self.key]
        columns = [*given, *(item.column for item in self.filled), "batch_id"]
        arrays = ", ".join(f"%s::{_type_of(item)}[]" for item in self.fields)
        constants = ", ".join(f"%s::{_type_of(item)}" for item in self.filled)
        news = [f"{quote(name)} = EXCLUDED.{quote(name)}" for name in (*compared, "batch_id")]
        if any(item.name == "row_version" for item in self.filled):
            news.append(f"row_version = {table}.row_version + 1")
        mine = ", ".join(f"{table}.{quote(name)}" for name in compared)
        theirs = ", ".join(f"EXCLUDED.{quote(name)}" for name in compared)
        source = f"SELECT given.*{', ' + constants if constants else ''}, %s::bigint FROM unnest({arrays}) AS given"
        return (
            f"INSERT INTO {table} ({', '.join(map(quote, columns))}) {source} "
            f"ON CONFLICT ({', '.join(map(quote, self.key))}) DO UPDATE SET {', '.join(news)} "
            f"WHERE ({mine}) IS DISTINCT FROM ({theirs}) RETURNING (xmax = 0)"
        )

    def run(self, rows: Sequence[tuple[Row, Mapping[str, int | None]]], batch_id: int) -> tuple[int, int]:
        """How many rows were added and how many changed."""
        arrays = [list(self._column(item, rows)) for item in self.fields]
        constants = [_empty_value(item) for item in self.filled]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, [*constants, batch_id, *arrays])
            written = [row[0] for row in cursor.fetchall()]
        return written.count(True), written.count(False)

    def _column(self, item: Any, rows: Sequence[tuple[Row, Mapping[str, int | None]]]) -> Iterator[Any]:
        if item.is_relation:
            for _, pointers in rows:
                yield pointers[item.name]
            return
        empty = _empty_value(item)
        for row, _ in rows:
            value = row.values[item.name]
            yield empty if value is None else value


def _fills_itself(item: Any) -> bool:
    """Whether the database fills the column of a new row."""
    return bool(item.db_default is not models.NOT_PROVIDED or getattr(item, "generated", False))


def _empty_value(item: Any) -> Any:
    """What an empty cell of the column stands for."""
    if item.has_default():
        return item.get_default()
    return None if item.null or not item.empty_strings_allowed else ""


def _type_of(item: Any) -> str:
    if isinstance(item, ArrayField):
        raise TypeError(f"{item.name}: a table of measurement has no lists")
    kind = item.rel_db_type(connection) if item.primary_key else item.db_type(connection)
    # Without its length: a cast would cut what is too long, where the table must refuse it.
    return re.sub(r"\(.*?\)", "", str(kind))

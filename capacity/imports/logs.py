"""Tables of measurement, which come by the hundred thousand: read, compared and written a few thousand rows at a time.

What TableWriter does for a table as a whole is done here chunk by chunk, so that memory does not grow with the file.
Of the changes only the first are kept to be shown; all are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice

from django.db import DatabaseError, models, transaction
from django.db.models import Q

from capacity.imports.cells import Value
from capacity.imports.changes import RowChange
from capacity.imports.tabular import ERROR, Row, Sheet
from capacity.imports.writing import Pending, TableWriter

CHUNK_ROWS = 5000
MOST_CHANGES = 200
# A file with more errors than this is wrong as a whole: reading on would tell nothing new.
MOST_ERRORS = 500
_FEW = 200


@dataclass(kw_only=True)
class LogWriter(TableWriter):
    """Writes the rows of one table of measurement."""

    totals: dict[str, int] = field(default_factory=lambda: {"added": 0, "changed": 0, "unchanged": 0})
    _first: dict[int, tuple[str, int]] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        return dict(self.totals)

    def write(self, *, rows: Iterable[Row], sheets: Sequence[Sheet]) -> None:
        columns = {sheet.file: frozenset(sheet.columns) for sheet in sheets}
        for sheet in sheets:
            waiting = iter(sheet.rows)
            while chunk := list(islice(waiting, CHUNK_ROWS)):
                self._write_chunk(self._unrepeated(chunk), columns)
                if self._is_hopeless(sheet):
                    break
            self.issues.extend(sheet.late)

    def _write_chunk(self, rows: Sequence[Row], columns: dict[str, frozenset[str]]) -> None:
        rows = [self.references.in_our_words(self.table, row) for row in rows]
        existing = self._existing(rows)
        self._say_missing_columns(rows, columns, existing)
        pendings = []
        for row in rows:
            pending = self._prepare(row, existing, columns)
            if pending is not None:
                pendings.append(pending)
            elif len(self.changes) < MOST_CHANGES:
                self._refuse(row, existing)
        new = [pending for pending in pendings if pending.before is None]
        changed = [pending for pending in pendings if pending.before is not None and pending.changed]
        self._save(new, changed)
        self.totals["added"] += len(new)
        self.totals["changed"] += len(changed)
        self.totals["unchanged"] += len(pendings) - len(new) - len(changed)
        whole = [Row(file=pending.row.file, number=pending.row.number, values=pending.after) for pending in pendings]
        for check in self.table.checks:
            self.issues.extend(islice(check(whole), MOST_ERRORS))
        self.changes.extend(self._shown(pendings))

    def _shown(self, pendings: Sequence[Pending]) -> Iterator[RowChange]:
        room = MOST_CHANGES - len(self.changes)
        telling = (pending for pending in pendings if pending.before is None or pending.changed)
        yield from (self._change(pending) for pending in islice(telling, max(room, 0)))

    def _is_hopeless(self, sheet: Sheet) -> bool:
        return sum(issue.severity == ERROR for issue in (*self.issues, *sheet.late)) > MOST_ERRORS

    def _unrepeated(self, rows: Sequence[Row]) -> list[Row]:
        """The rows whose key did not come before. Keys are remembered by their hash: a million of them fit."""
        kept = []
        for row in rows:
            if row.broken.intersection(self.table.key):
                kept.append(row)
                continue
            key = self._key(row)
            file, number = self._first.setdefault(hash(key), (row.file, row.number))
            if (file, number) == (row.file, row.number):
                kept.append(row)
                continue
            where = f"row {number}" + (f" of {file}" if file != row.file else "")
            shown = ", ".join(str(part) for part in key)
            message = f'"{shown}" is already in {where}. Leave one of the two rows.'
            self._say(row.file, row.number, self.table.key[-1], "repeated_key", message)
        return kept

    def _existing(self, rows: Sequence[Row]) -> dict[tuple[Value, ...], models.Model]:
        """The rows that the chunk names, and such as share its dates or names; the table itself may be huge."""
        wanted = {self._key(row) for row in rows if not row.broken.intersection(self.table.key)}
        near = Q()
        for place, name in enumerate(self.table.key):
            near &= _near(self.references.path(self.table, name), [key[place] for key in wanted])
        found = self.table.model._default_manager.select_related(*self.reader.related).filter(near)
        return {
            key: row
            for row in (found.select_for_update(of=("self",)) if wanted else ())
            if (key := self._key_of_instance(row)) in wanted
        }

    def _key_of_instance(self, instance: models.Model) -> tuple[Value, ...]:
        values = self.reader.values(instance)
        return tuple(values[name] for name in self.table.key)

    def _save(self, new: Sequence[Pending], changed: Sequence[Pending]) -> None:
        """A chunk in two statements; one that the database refuses is halved until the rows it means are found."""
        try:
            with transaction.atomic():
                self._save_all(new, changed)
        except DatabaseError as error:
            waiting = [*changed, *new]
            if len(waiting) == 1:
                waiting[0].is_refused = True
                self._explain(waiting[0], error)
                return
            if len(self.issues) > MOST_ERRORS:
                return
            for half in (waiting[: len(waiting) // 2], waiting[len(waiting) // 2 :]):
                self._save([p for p in half if p.before is None], [p for p in half if p.before is not None])


def _near(path: str, values: Sequence[Value]) -> Q:
    """Rows that may be meant: of one of few names, or between the first and the last date; of many names any."""
    known = [value for value in values if value not in (None, "")]
    if len(known) < len(values) or not known:
        return Q()
    if len(set(map(str, known))) <= _FEW:
        return Q(**{f"{path}__in": sorted(set(known), key=str)})
    if all(isinstance(value, date) for value in known):
        return Q(**{f"{path}__gte": min(known), f"{path}__lte": max(known)})
    return Q(**{f"{path}__in": list(set(known))})

"""Rows of one table against the database: what is new, what changed, what the database refuses and why.

The fast path writes the table with two statements. Only when the database refuses one of them is the table written
row by row, to learn which rows and rules are meant; the caller then rolls everything back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction

from capacity.imports.cells import Value
from capacity.imports.references import Missing, ReferenceIndex
from capacity.imports.tables import Reference, Table
from capacity.imports.tabular import Issue, Row, Sheet


@dataclass(kw_only=True)
class Counts:
    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(kw_only=True)
class _Pending:
    row: Row
    instance: models.Model
    changed: tuple[str, ...] = ()


@dataclass(kw_only=True)
class TableWriter:
    """Writes the rows of one table inside the caller's transaction; `issues` says what kept rows out."""

    table: Table
    references: ReferenceIndex
    issues: list[Issue] = field(default_factory=list)

    def write(self, *, rows: Sequence[Row], sheets: Sequence[Sheet]) -> Counts:
        existing = self._existing(rows)
        columns = {sheet.file: frozenset(sheet.columns) for sheet in sheets}
        counts = Counts()
        new: list[_Pending] = []
        changed: list[_Pending] = []
        self._say_missing_columns(rows, columns, existing)
        for row in rows:
            pending = self._prepare(row, existing)
            if pending is None:
                self.references.refuse(self.table, row.values)
            elif pending.instance.pk is None:
                new.append(pending)
            elif pending.changed:
                changed.append(pending)
            else:
                counts.unchanged += 1
        counts.added, counts.changed = self._save(new, changed)
        return counts

    # --- comparing -----------------------------------------------------------------------------------------------

    def _existing(self, rows: Sequence[Row]) -> dict[tuple[Value, ...], models.Model]:
        """The rows of the database that the files name, locked, by natural key."""
        wanted = {self._key(row) for row in rows if not row.broken.intersection(self.table.key)}
        by_key = {key: pk for key, pk in self.references.keys(self.table, self.table.key).items() if key in wanted}
        locked = self.table.model._default_manager.select_for_update().in_bulk(by_key.values())
        return {key: locked[pk] for key, pk in by_key.items() if pk in locked}

    def _key(self, row: Row) -> tuple[Value, ...]:
        return tuple(row.values[name] for name in self.table.key)

    def _say_missing_columns(
        self,
        rows: Sequence[Row],
        columns: dict[str, frozenset[str]],
        existing: dict[tuple[Value, ...], models.Model],
    ) -> None:
        """A new row needs every column that may not be empty; a file of changes may leave columns out."""
        bringing_new = {
            row.file for row in rows if not row.broken.intersection(self.table.key) and self._key(row) not in existing
        }
        for file in sorted(bringing_new):
            for column in self.table.columns:
                if column.required and column.name not in columns[file]:
                    message = f'The column "{column.name}" is missing, and new rows need it.'
                    self._say(file, 1, column.name, "missing_column", message)

    def _prepare(self, row: Row, existing: dict[tuple[Value, ...], models.Model]) -> _Pending | None:
        """The row as an instance ready to be saved, or None when something about it is wrong (already said)."""
        pointers = self._resolve(row)
        if row.broken or pointers is None:
            return None
        before = existing.get(self._key(row))
        instance = before if before is not None else self.table.model()
        present = [name for name in self.table.plain_columns if name in row.values]
        changed = [name for name in present if _set(instance, name, row.values[name])]
        for name, pk in pointers.items():
            if getattr(instance, name) != pk:
                setattr(instance, name, pk)
                changed.append(name)
        fixed = [name for name in self.table.immutable if name in changed] if before is not None else []
        for name in fixed:
            self._say(row.file, row.number, name, "never_changes", f"The {name} never changes once it is given.")
        if fixed or (before is None and self._lacks_something(row)):
            return None
        return _Pending(row=row, instance=instance, changed=tuple(changed))

    def _lacks_something(self, row: Row) -> bool:
        """Whether a new row misses a needed value: its file has no such column (already said)."""
        return any(row.values.get(column.name) is None for column in self.table.columns if column.required)

    def _resolve(self, row: Row) -> dict[str, int | None] | None:
        """Foreign key attribute → primary key, for every reference of the row; None when one leads nowhere."""
        pointers: dict[str, int | None] = {}
        is_whole = True
        for reference in self.table.references:
            if row.broken.intersection(reference.columns) or not row.values.keys() >= set(reference.columns):
                continue
            if reference.many:
                is_whole &= self._knows_all(reference, row)
                continue
            key = tuple(row.values[name] for name in reference.columns)
            if None in key or "" in key:
                if reference.field:
                    pointers[f"{reference.field}_id"] = None
                continue
            found = self.references.find(reference, key)
            if isinstance(found, Missing):
                is_whole = False
                self._complain(reference, row, key, found)
            elif reference.field:
                pointers[f"{reference.field}_id"] = found
        return pointers if is_whole else None

    def _knows_all(self, reference: Reference, row: Row) -> bool:
        words = row.values[reference.columns[0]]
        is_whole = True
        for word in words if isinstance(words, list) else []:
            found = self.references.find(reference, (word,))
            if isinstance(found, Missing):
                is_whole = False
                self._complain(reference, row, (word,), found)
        return is_whole

    def _complain(self, reference: Reference, row: Row, key: tuple[Value, ...], why: Missing) -> None:
        if why is Missing.UNKNOWN:
            message = self.references.complaint(reference, key)
            self._say(row.file, row.number, reference.columns[-1], "unknown_reference", message)

    # --- writing -------------------------------------------------------------------------------------------------

    def _save(self, new: Sequence[_Pending], changed: Sequence[_Pending]) -> tuple[int, int]:
        """How many rows were added and changed. Changes first: a period must end before the next one starts."""
        for pending in changed:
            pending.instance.row_version += 1  # type: ignore[attr-defined]
        names = sorted({_field_name(self.table.model, name) for pending in changed for name in pending.changed})
        try:
            with transaction.atomic():
                if changed:
                    self.table.model._default_manager.bulk_update(
                        [pending.instance for pending in changed], [*names, "row_version"], batch_size=1000
                    )
                self.table.model._default_manager.bulk_create(pending.instance for pending in new)
        except DatabaseError:
            self._save_one_by_one(new, changed)
        return len(new), len(changed)

    def _save_one_by_one(self, new: Sequence[_Pending], changed: Sequence[_Pending]) -> None:
        for pending in new:
            pending.instance.pk = None
            pending.instance._state.adding = True
        waiting = [*changed, *new]
        refusals: dict[int, DatabaseError] = {}
        # A row may have to wait for another one to give way (a period that ends earlier), so refused rows try again.
        while waiting:
            refused = [pending for pending in waiting if not self._save_one(pending, refusals)]
            if len(refused) == len(waiting):
                break
            waiting = refused
        else:
            return
        for pending in waiting:
            self._explain(pending, refusals[id(pending)])
            self.references.refuse(self.table, pending.row.values)

    def _save_one(self, pending: _Pending, refusals: dict[int, DatabaseError]) -> bool:
        is_new = pending.instance._state.adding
        try:
            with transaction.atomic():
                pending.instance.save(force_insert=is_new)
        except DatabaseError as error:
            refusals[id(pending)] = error
            if is_new:
                pending.instance.pk = None
                pending.instance._state.adding = True
            return False
        return True

    def _explain(self, pending: _Pending, error: DatabaseError) -> None:
        """Every rule the row breaks, in words: the one the database named and all other row checks."""
        broken = {_constraint_name(error)}
        for constraint in self.table.model._meta.constraints:
            if isinstance(constraint, models.CheckConstraint):
                try:
                    constraint.validate(self.table.model, pending.instance)
                except ValidationError:
                    broken.add(constraint.name)
        row = pending.row
        for name in sorted(name for name in broken if name) or [""]:
            sentence = self.table.sentences.get(name)
            column = sentence.column if sentence else ""
            refused = f"The database refuses this row ({name or type(error).__name__})."
            message = sentence.message if sentence else refused
            self._say(row.file, row.number, column, name or "refused_by_database", message)

    def _say(self, file: str, row: int, column: str, code: str, message: str) -> None:
        self.issues.append(Issue(file=file, row=row, column=column, code=code, message=message))


def _set(instance: models.Model, name: str, value: Value) -> bool:
    """Put the value into the field (empty cells as the field means them); whether that changed it."""
    item: Any = instance._meta.get_field(name)
    if value is None and not item.null:
        if item.db_default is not models.NOT_PROVIDED:
            return False
        value = item.get_default() if item.has_default() else "" if item.empty_strings_allowed else value
    if getattr(instance, name) == value:
        return False
    setattr(instance, name, value)
    return True


def _field_name(model: type[models.Model], attribute: str) -> str:
    """`pool_id` → `pool`, for bulk_update."""
    for item in model._meta.concrete_fields:
        if attribute in (item.name, item.attname):
            return item.name
    raise LookupError(attribute)


def _constraint_name(error: DatabaseError) -> str:
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""

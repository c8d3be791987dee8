"""Rows of one table against the database: what is new, what changed, what the database refuses and why.

The fast path writes the table with two statements. Only when the database refuses one of them is the table written
row by row, to learn which rows and rules are meant; the caller then rolls everything back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, models, transaction
from django.db.models.expressions import DatabaseDefault

from capacity.access.visibility import Viewer
from capacity.imports import rules
from capacity.imports.cells import Value
from capacity.imports.changes import RowChange, RowReader, as_cells, follow, key_of, reader_of
from capacity.imports.records import owner_path
from capacity.imports.references import Missing, ReferenceIndex
from capacity.imports.tables import Reference, Table
from capacity.imports.tabular import Issue, Offer, Row, Sheet


class VersionMoved(Exception):
    """A row is not at the version its editor read. `instance` None: it is gone. Becomes StaleRow."""

    def __init__(self, row: Row, instance: models.Model | None) -> None:
        super().__init__(row.number)
        self.row = row
        self.instance = instance


@dataclass(kw_only=True)
class Pending:
    row: Row
    instance: models.Model
    before: dict[str, Value] | None
    after: dict[str, Value]
    owner: str
    changed: tuple[str, ...] = ()
    is_refused: bool = False
    # The row_version before the write.
    version: int = 0


@dataclass(kw_only=True)
class TableWriter:
    """Writes the rows of one table inside the caller's transaction.

    viewer: whose rights each row is held against; None for the operator. expected: row number → the version its editor
    read, 0 for a row that must be new. batch_id: kept on rows of measurement. `issues` says what kept rows out,
    `changes` what happened to each row, `whole` holds the rows with the columns their file left out filled from the
    database, `needs` why somebody else has to approve.
    """

    table: Table
    references: ReferenceIndex
    viewer: Viewer | None = None
    expected: Mapping[int, int] = field(default_factory=dict)
    batch_id: int | None = None
    issues: list[Issue] = field(default_factory=list)
    changes: list[RowChange] = field(default_factory=list)
    whole: list[Row] = field(default_factory=list)
    needs: list[str] = field(default_factory=list)
    reader: RowReader = field(init=False)
    _owners: dict[int | None, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reader = reader_of(self.table, known=self.references.tables)

    def write(self, *, rows: Sequence[Row], sheets: Sequence[Sheet]) -> None:
        rows = [self.references.in_our_words(self.table, row) for row in rows]
        existing = self._existing(rows)
        columns = {sheet.file: frozenset(sheet.columns) for sheet in sheets}
        self._say_missing_columns(rows, columns, existing)
        pendings = []
        for row in rows:
            pending = self._prepare(row, existing, columns)
            if pending is None:
                self._refuse(row, existing)
            else:
                pendings.append(pending)
                self.whole.append(Row(file=row.file, number=row.number, values=pending.after))
        new = [pending for pending in pendings if pending.before is None]
        self._save(new, [pending for pending in pendings if pending.before is not None and pending.changed])
        self.changes.extend(self._change(pending) for pending in pendings)

    def counts(self) -> dict[str, int]:
        kinds = [change.kind for change in self.changes]
        return {kind: kinds.count(kind) for kind in ("added", "changed", "unchanged")}

    def _refuse(self, row: Row, existing: Mapping[tuple[Value, ...], models.Model]) -> None:
        self.references.refuse(self.table, row.values)
        key = key_of(row.values, self.table)
        self.changes.append(RowChange(table=self.table.name, kind="refused", key=key, row=row.number, file=row.file))

    def _change(self, pending: Pending) -> RowChange:
        before = None if pending.before is None else as_cells(pending.before)
        if pending.before is None and not pending.is_refused:
            # The database filled defaults of its own while the row was added.
            own = {name: follow(pending.instance, (name,)) for name in self.table.plain_columns}
            pending.after.update(own)
        after = as_cells(pending.after)
        differing = tuple(name for name in after if before is not None and before[name] != after[name])
        kind = "added" if before is None else "changed" if differing else "unchanged"
        return RowChange(
            table=self.table.name,
            kind="refused" if pending.is_refused else kind,
            key=key_of(pending.after, self.table),
            before=before,
            after=after,
            columns=differing,
            row=pending.row.number,
            file=pending.row.file,
            row_version=getattr(pending.instance, "row_version", None),
            owner=pending.owner,
        )

    # --- comparing -----------------------------------------------------------------------------------------------

    def _existing(self, rows: Sequence[Row]) -> dict[tuple[Value, ...], models.Model]:
        """The rows of the database that the files name, locked, by natural key."""
        wanted = {self._key(row) for row in rows if not row.broken.intersection(self.table.key)}
        by_key = {key: pk for key, pk in self.references.keys(self.table, self.table.key).items() if key in wanted}
        # Only the rows themselves are locked: what they refer to may be read by others, and may be absent.
        found = self.table.model._default_manager.select_related(*self.reader.related).select_for_update(of=("self",))
        locked = found.in_bulk(by_key.values())
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

    def _prepare(
        self,
        row: Row,
        existing: Mapping[tuple[Value, ...], models.Model],
        columns: Mapping[str, frozenset[str]],
    ) -> Pending | None:
        """The row as an instance ready to be saved, or None when something about it is wrong (already said)."""
        found = None if row.broken.intersection(self.table.key) else existing.get(self._key(row))
        if not self._is_expected(row, found):
            return None
        before = None if found is None else self.reader.values(found)
        owner = "" if found is None else self._owner(found)
        if found is not None and self._may_not_touch(row, owner):
            return None
        pointers = self._resolve(row, before or {})
        is_reserved = found is None and self._is_reserved(row)
        if row.broken or pointers is None or (found is None and self._lacks_something(row, columns)) or is_reserved:
            return None
        instance = found if found is not None else self.table.model()
        present = [name for name in self.table.plain_columns if name in row.values]
        changed = [name for name in present if _set(instance, name, row.values[name])]
        for name, pk in pointers.items():
            if getattr(instance, name) != pk:
                setattr(instance, name, pk)
                changed.append(name)
        if self.table.is_log and (found is None or changed):
            instance.batch_id = self.batch_id  # type: ignore[attr-defined]
            changed.append("batch_id")
        if found is None:
            owner = self._owner(instance)
        after = self._after(row, instance, before, changed)
        pending = Pending(
            row=row,
            instance=instance,
            before=before,
            after=after,
            owner=owner,
            changed=tuple(changed),
            version=getattr(instance, "row_version", 0),
        )
        return pending if self._is_allowed(pending) else None

    def _owner(self, instance: models.Model) -> str:
        """Whose row it is; asked once for all rows that point to the same one."""
        links = owner_path(self.table).split("__")
        if len(links) == 1:
            return rules.owner_of(self.table, instance)
        pointer = getattr(instance, f"{links[0]}_id")
        if pointer not in self._owners:
            self._owners[pointer] = rules.owner_of(self.table, instance)
        return self._owners[pointer]

    def _after(
        self, row: Row, instance: models.Model, before: Mapping[str, Value] | None, changed: Sequence[str]
    ) -> dict[str, Value]:
        """The row as it will be. What names other rows is taken from the file: they need not be read again."""
        values = dict(before or {})
        plain = {name: getattr(instance, name) for name in self.table.plain_columns}
        for column in self.table.columns:
            if column.name in plain:
                found = plain[column.name]
                values[column.name] = None if isinstance(found, DatabaseDefault) else found
            elif column.name in row.values:
                values[column.name] = row.values[column.name]
            else:
                values.setdefault(column.name, None)
        return values

    def _is_expected(self, row: Row, found: models.Model | None) -> bool:
        """Whether the row is at the version its editor read. Raises VersionMoved when somebody wrote it since."""
        expected = self.expected.get(row.number)
        if expected is None or (expected == 0 and found is None):
            return True
        if expected == 0:
            shown = ", ".join(key_of(row.values, self.table))
            message = f'"{shown}" is already there. Open that row to change it, or give this one another key.'
            self._say(row.file, row.number, self.table.key[-1], "already_there", message)
            return False
        if found is None or found.row_version != expected:  # type: ignore[attr-defined]
            raise VersionMoved(row, found)
        return True

    def _may_not_touch(self, row: Row, owner: str) -> bool:
        """Whether a column of the file is hidden from its writer: then not even whether it differs is told."""
        hidden = rules.hidden_columns(self.table, self.viewer, row.values.keys() | row.broken, owner=owner)
        for name in hidden:
            self._say(row.file, row.number, name, "not_allowed", rules.HIDDEN_COLUMN.format(column=name))
        return bool(hidden)

    def _is_allowed(self, pending: Pending) -> bool:
        row, before, after = pending.row, pending.before, pending.after
        fixed = [name for name in self.table.immutable if name in pending.changed] if before is not None else []
        for name in fixed:
            self._say(row.file, row.number, name, "never_changes", f"The {name} never changes once it is given.")
        if fixed:
            return False
        if before is not None and not pending.changed:
            return True
        if before is None:
            given = {name for name, value in row.values.items() if value not in (None, "", [])}
            hidden = rules.hidden_columns(self.table, self.viewer, given, owner=pending.owner)
            for name in hidden:
                self._say(row.file, row.number, name, "not_allowed", rules.HIDDEN_COLUMN.format(column=name))
            if hidden:
                return False
        refusal = rules.refusal(self.table, self.viewer, before, after)
        if refusal:
            self._say(row.file, row.number, "", "not_allowed", refusal)
            return False
        self.needs.extend(rules.checker_reason(self.table, self.viewer, before, after))
        return True

    def _lacks_something(self, row: Row, columns: Mapping[str, frozenset[str]]) -> bool:
        """Whether a new row misses a needed value. Where its file has no such column at all, that was said."""
        missing = [c.name for c in self.table.columns if c.required and row.values.get(c.name) is None]
        for name in missing:
            if name in columns[row.file] and name not in row.values:
                self._say(row.file, row.number, name, "missing_column", f'"{name}" is missing, and a new row needs it.')
        return bool(missing)

    def _is_reserved(self, row: Row) -> bool:
        """Whether a new row is keyed by a word under which another page stands. Rows that are there may be changed."""
        name = self.table.key[0]
        value = row.values.get(name)
        if not isinstance(value, str) or value not in self.table.reserved_words:
            return False
        message = f'"{value}" is the address of a page: give the row another {name}.'
        self._say(row.file, row.number, name, "reserved_word", message)
        return True

    def _resolve(self, row: Row, before: Mapping[str, Value]) -> dict[str, int | None] | None:
        """Foreign key attribute → primary key, for every reference of the row; None when one leads nowhere."""
        pointers: dict[str, int | None] = {}
        is_whole = True
        for reference in self.table.references:
            values = {**before, **row.values}
            given = row.values.keys() & set(reference.columns)
            if row.broken.intersection(reference.columns) or not given or not values.keys() >= set(reference.columns):
                continue
            if reference.many:
                is_whole &= self._knows_all(reference, row)
                continue
            key = tuple(values[name] for name in reference.columns)
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
            message = self.references.complaint(reference, key, viewer=self.viewer)
            offer = self.references.offer(self.table, reference, key, viewer=self.viewer)
            column = reference.columns[-1]
            self._say(row.file, row.number, column, "unknown_reference", message, offer=offer)

    # --- writing -------------------------------------------------------------------------------------------------

    def _save(self, new: Sequence[Pending], changed: Sequence[Pending]) -> None:
        """Changes first: a period must end before the next one starts."""
        try:
            with transaction.atomic():
                self._save_all(new, changed)
        except DatabaseError:
            self._save_one_by_one(new, changed)

    def _save_all(self, new: Sequence[Pending], changed: Sequence[Pending]) -> None:
        names = sorted({_field_name(self.table.model, name) for pending in changed for name in pending.changed})
        if changed and self._is_versioned:
            names.append("row_version")
            for pending in changed:
                pending.instance.row_version = pending.version + 1  # type: ignore[attr-defined]
        if changed:
            self.table.model._default_manager.bulk_update(
                [pending.instance for pending in changed], names, batch_size=1000
            )
        for pending in new:
            pending.instance.pk = None
            pending.instance._state.adding = True
        self.table.model._default_manager.bulk_create([pending.instance for pending in new], batch_size=2000)

    @property
    def _is_versioned(self) -> bool:
        return any(item.name == "row_version" for item in self.table.model._meta.concrete_fields)

    def _save_one_by_one(self, new: Sequence[Pending], changed: Sequence[Pending]) -> None:
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
            pending.is_refused = True
            self._explain(pending, refusals[id(pending)])
            self.references.refuse(self.table, pending.row.values)

    def _save_one(self, pending: Pending, refusals: dict[int, DatabaseError]) -> bool:
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

    def _explain(self, pending: Pending, error: DatabaseError) -> None:
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

    def _say(self, file: str, row: int, column: str, code: str, message: str, *, offer: Offer | None = None) -> None:
        self.issues.append(Issue(file=file, row=row, column=column, code=code, message=message, offer=offer))


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

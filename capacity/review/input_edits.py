"""Changes of input rows that are only asked about: checked and applied to a run's inputs, never to a table.

What belongs here: the same names, cells and words as a file or a form has (capacity/imports), held against the rows of
the run's document. Every error is found at once and names the change, its table, its column and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import models

from capacity.access.permissions import may
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports import rules
from capacity.imports.cells import CellError, nearest
from capacity.imports.described import singular_of, title_of
from capacity.imports.rows import Row, cell_text
from capacity.imports.tables import Reference, Table, tables
from capacity.imports.tabular import read_cell
from capacity.review.input_rules import broken_rules
from capacity.review.inputs import Inputs

ADDED, CHANGED, REMOVED = "added", "changed", "removed"
MOST_CHANGES = 50
_KEY_FORM = "_key_form"
# These may ask about every table they read; everybody else about the rows they keep.
ASK_ABOUT_ALL = frozenset({Role.CHAIR, Role.FINANCE, Role.EXEC})
# Columns that a row of the inputs calls by another name than the table's files do.
_INPUT_NAMES = {
    table: {"version": "contract_version"} for table in ("price_lines", "commit_steps", "sla_lines", "holds")
}


@dataclass(frozen=True, kw_only=True)
class ChangeError:
    """change: position in the list, from 0; column "" where the whole row is meant."""

    change: int
    table: str
    key: str
    column: str
    message: str


class ChangesRefused(Exception):
    """What is wrong with the changes, all of it."""

    def __init__(self, errors: Sequence[ChangeError]) -> None:
        super().__init__(" ".join(error.message for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, kw_only=True)
class ChangedRow:
    """One changed row as cells, for people: before and after are None where there is no row. owner: whose it is."""

    table: str
    key: tuple[str, ...]
    op: str
    before: Mapping[str, str] | None
    after: Mapping[str, str] | None
    owner: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "table": self.table,
            "key": list(self.key),
            "op": self.op,
            "before": self.before,
            "after": self.after,
            "owner": self.owner,
        }


def askable_tables(viewer: Viewer) -> dict[str, Table]:
    """Input tables the viewer may ask a what-if about."""
    return {name: table for name, table in tables().items() if _may_ask(viewer, table)}


def _may_ask(viewer: Viewer, table: Table) -> bool:
    asks_about_all = viewer.roles & ASK_ABOUT_ALL
    return bool(asks_about_all and may(viewer.roles, table.view)) or may(viewer.roles, table.change)


def apply_changes(
    *, inputs: Inputs, changes: Sequence[Mapping[str, Any]], viewer: Viewer | None
) -> tuple[Inputs, list[ChangedRow]]:
    """The inputs with the changes in them, and each changed row before and after.

    changes: [{"table", "key": [texts] or {column: value}, "op", "values": {column: value}}], in order. viewer: None
    when the changes were checked before. Raises ChangesRefused.
    """
    editor = _Editor(inputs, viewer)
    if not changes or len(changes) > MOST_CHANGES:
        editor.say(0, "", "", "", f"Give between one and {MOST_CHANGES} changes.")
        raise ChangesRefused(editor.errors)
    for position, change in enumerate(changes):
        editor.apply(position, change)
    editor.check_references()
    if not editor.errors and all(row.before == row.after for row in editor.changed):
        editor.say(0, "", "", "", "Nothing differs from the run: change a value, or add or remove a row.")
    if editor.errors:
        raise ChangesRefused(editor.errors)
    return replace(inputs, tables=editor.tables), editor.changed


class _Editor:
    """The rows under change, and what was wrong so far."""

    def __init__(self, inputs: Inputs, viewer: Viewer | None) -> None:
        self.tables: dict[str, list[Row]] = {name: list(rows) for name, rows in inputs.tables.items()}
        self.viewer = viewer
        self.errors: list[ChangeError] = []
        self.changed: list[ChangedRow] = []
        self._written: list[tuple[int, Table, Row]] = []

    def say(self, position: int, table: str, key: str, column: str, message: str) -> None:
        self.errors.append(ChangeError(change=position, table=table, key=key, column=column, message=message))

    def apply(self, position: int, change: Mapping[str, Any]) -> None:
        name, op = str(change.get("table", "")), change.get("op")
        table = tables().get(name)
        if table is None or name not in self.tables:
            known = [each for each in self.tables if self.viewer is None or each in askable_tables(self.viewer)]
            self.say(position, name, "", "table", f'No input table is called "{name}".{nearest(name, known)}')
            return
        if self.viewer is not None and not _may_ask(self.viewer, table):
            self.say(position, name, "", "table", f"Your role does not ask about {title_of(table).lower()}.")
            return
        if op not in (ADDED, CHANGED, REMOVED):
            self.say(position, name, "", "op", f'"{op}" is no operation: write added, changed or removed.')
            return
        values = change.get("values") or {}
        key = self._key(position, table, change.get("key"), values if op == ADDED else {})
        if key is not None:
            {ADDED: self._add, CHANGED: self._change, REMOVED: self._remove}[op](position, table, key, values)

    # --- the three operations ----------------------------------------------------------------------------------------

    def _add(self, position: int, table: Table, key: Row, values: Mapping[str, Any]) -> None:
        if self._find(table, key) is not None:
            text = _key_text(table, key)
            self.say(position, table.name, text, "", f'"{text}" is there already: use the operation changed.')
            return
        row = _blank(table)
        given = self._cells(position, table, key, {**key, **values})
        for column in table.columns:
            if column.required and column.name not in given and column.name not in values:
                message = f"A new {singular_of(table)} needs {column.name}."
                self.say(position, table.name, _key_text(table, key), column.name, message)
        row.update({_input_name(table, name): value for name, value in given.items()})
        self._write(position, table, None, row, given)

    def _change(self, position: int, table: Table, key: Row, values: Mapping[str, Any]) -> None:
        at = self._find_known(table, key)
        if at is None:
            self._say_missing(position, table, key)
            return
        before = self.tables[table.name][at]
        given = self._cells(position, table, key, values)
        for name in given:
            if name in table.key and cell_text(given[name]) != cell_text(key[name]):
                message = f"{name} is part of the key: remove this row and add another."
                self.say(position, table.name, _key_text(table, key), name, message)
        after = {**before, **{_input_name(table, name): value for name, value in given.items()}}
        self._write(position, table, at, after, given)

    def _remove(self, position: int, table: Table, key: Row, _values: Mapping[str, Any]) -> None:
        at = self._find_known(table, key)
        if at is None:
            self._say_missing(position, table, key)
            return
        before = self.tables[table.name][at]
        if self._is_allowed(position, table, key, before, None):
            self.tables[table.name].pop(at)
            self._note(table, before, None)
            self._remove_parts(table, before)

    def _remove_parts(self, table: Table, row: Row) -> None:
        """Rows whose key names the removed one go with it: the price lines of a contract, the moves of a lot."""
        for other in tables().values():
            for reference in other.references:
                if reference.target != table.name or not set(reference.columns) <= set(other.key):
                    continue
                wanted = tuple(cell_text(row.get(_input_name(table, name))) for name in reference.target_columns)
                for part in list(self.tables.get(other.name, ())):
                    if tuple(cell_text(part.get(_input_name(other, name))) for name in reference.columns) == wanted:
                        self.tables[other.name].remove(part)
                        self._note(other, part, None)
                        self._remove_parts(other, part)

    def _write(self, position: int, table: Table, at: int | None, after: Row, given: Iterable[str]) -> None:
        before = None if at is None else self.tables[table.name][at]
        key = {name: after.get(_input_name(table, name)) for name in table.key}
        if not self._is_allowed(position, table, key, before, after, given):
            return
        if self._breaks_a_rule(position, table, key, after):
            return
        if at is None:
            self.tables[table.name].append(after)
        else:
            self.tables[table.name][at] = after
        self._written.append((position, table, after))
        self._note(table, before, after)

    def _note(self, table: Table, before: Row | None, after: Row | None) -> None:
        shown = after or before or {}
        self.changed.append(
            ChangedRow(
                table=table.name,
                key=tuple(cell_text(shown.get(_input_name(table, name))) for name in table.key),
                op=ADDED if before is None else REMOVED if after is None else CHANGED,
                before=_cells_of(table, before),
                after=_cells_of(table, after),
                owner=self._owner(table, shown),
            )
        )

    # --- reading and checking ----------------------------------------------------------------------------------------

    def _key(self, position: int, table: Table, key: Any, values: Mapping[str, Any]) -> Row | None:
        """The key's columns as values; None where it cannot be one, which is then said."""
        if isinstance(key, Mapping):
            texts = {name: cell_text(key.get(name)) for name in table.key}
        elif isinstance(key, list | tuple) and len(key) == len(table.key):
            texts = {name: cell_text(part) for name, part in zip(table.key, key, strict=True)}
        elif key is None and values:
            texts = {name: cell_text(values.get(name)) for name in table.key}
        else:
            columns = ", ".join(table.key)
            self.say(position, table.name, "", "key", f"The key of {title_of(table).lower()} is: {columns}.")
            return None
        found = {}
        for name, text in texts.items():
            try:
                found[name] = read_cell(table.column(name), text.strip(), is_key=True)
            except CellError as error:
                self.say(position, table.name, "", name, error.message)
        return found if len(found) == len(table.key) else None

    def _cells(self, position: int, table: Table, key: Row, values: Mapping[str, Any]) -> Row:
        """Column → value of what was given; what cannot be read is said."""
        columns = {column.name: column for column in table.columns}
        text = _key_text(table, key)
        found: Row = {}
        for name, value in values.items():
            if name not in columns:
                self.say(position, table.name, text, name, f'There is no column "{name}".{nearest(name, columns)}')
                continue
            try:
                found[name] = read_cell(columns[name], cell_text(value).strip(), is_key=name in table.key)
            except CellError as error:
                self.say(position, table.name, text, name, error.message)
        return _with_lists(table, found)

    def _find(self, table: Table, key: Row) -> int | None:
        wanted = [cell_text(key[name]) for name in table.key]
        for at, row in enumerate(self.tables[table.name]):
            if [cell_text(row.get(_input_name(table, name))) for name in table.key] == wanted:
                return at
        return None

    def _find_known(self, table: Table, key: Row) -> int | None:
        """None also for a row whose key the viewer may not see: that there is one would tell them whose deals there are."""
        at = self._find(table, key)
        return None if at is not None and self._is_hidden(table, self.tables[table.name][at]) else at

    def _say_missing(self, position: int, table: Table, key: Row) -> None:
        text = _key_text(table, key)
        known = [
            _key_text(table, {n: r.get(_input_name(table, n)) for n in table.key}) for r in self.tables[table.name]
        ]
        hint = nearest(text, known) if self.viewer is None or self.viewer.roles & ASK_ABOUT_ALL else ""
        self.say(position, table.name, text, "key", f'The run has no {singular_of(table)} "{text}".{hint}')

    def _owner(self, table: Table, row: Row) -> str:
        """Whose row it is: in its own column, or that of the contract it belongs to."""
        if table.owner == "contract.owner":
            for contract in self.tables.get("contracts", ()):
                if (contract["key"], contract["version"]) == (row.get("contract"), row.get("contract_version")):
                    return cell_text(contract.get("owner"))
            return ""
        return cell_text(row.get(table.owner)) if table.owner else ""

    def _is_allowed(
        self, position: int, table: Table, key: Row, before: Row | None, after: Row | None, given: Iterable[str] = ()
    ) -> bool:
        """Only rows and columns the viewer sees; those who keep a table only for their own rows, those rows."""
        if self.viewer is None:
            return True
        text, owner = _key_text(table, key), self._owner(table, before or after or {})
        hidden = rules.hidden_columns(table, self.viewer, {*table.key, *given}, owner=owner)
        for column in hidden:
            self.say(position, table.name, text, column, rules.HIDDEN_COLUMN.format(column=column))
        if not hidden and not self.viewer.roles & ASK_ABOUT_ALL:
            refused = rules.asking_refusal(table, self.viewer, _by_column(table, before), _by_column(table, after))
            if refused:
                self.say(position, table.name, text, "", refused)
                return False
        return not hidden

    def _breaks_a_rule(self, position: int, table: Table, key: Row, row: Row) -> bool:
        """Constraints of the table's own columns, in the words a form would use."""
        broken = broken_rules(table, row)
        if self.viewer is None:
            # Only the product asks so: a quote stands under a key that nobody can give.
            broken = tuple(name for name in broken if not name.endswith(_KEY_FORM))
        for name in broken:
            said = table.sentences.get(name)
            column, message = (said.column, said.message) if said else ("", f"The rule {name} is broken.")
            self.say(position, table.name, _key_text(table, key), column, message)
        return bool(broken)

    def check_references(self) -> None:
        """Every row written names rows that are there after all changes, and no row names one that was removed."""
        for position, table, row in self._written:
            for reference in table.references:
                self._check_reference(position, table, row, reference)
        gone = {(row.table, row.key) for row in self.changed if row.op == REMOVED}
        for other in tables().values():
            for reference in other.references:
                if reference.field and any(name == reference.target for name, _ in gone):
                    self._check_users(other, reference, {key for name, key in gone if name == reference.target})

    def _check_users(self, other: Table, reference: Reference, gone: set[tuple[str, ...]]) -> None:
        for row in self.tables.get(other.name, ()):
            named = tuple(cell_text(row.get(_input_name(other, name))) for name in reference.columns)
            if named in gone:
                message = f'"{"~".join(named)}" is used by {self._called(other, row)}: remove or change that too.'
                self.say(0, reference.target, "~".join(named), "", message)
                return

    def _called(self, table: Table, row: Row) -> str:
        """The row by its key, where the viewer may see that: a deal's may say whose it is."""
        if self._is_hidden(table, row):
            return f"a {singular_of(table)} that your role does not see"
        return f"{singular_of(table)} {_key_text(table, {n: row.get(_input_name(table, n)) for n in table.key})}"

    def _is_hidden(self, table: Table, row: Row) -> bool:
        """Whether the viewer may not see the key of the row."""
        return bool(rules.hidden_columns(table, self.viewer, set(table.key), owner=self._owner(table, row)))

    def _check_reference(self, position: int, table: Table, row: Row, reference: Reference) -> None:
        if reference.target not in self.tables:
            return
        given = [row.get(_input_name(table, name)) for name in reference.columns]
        wanted = [(each,) for each in given[0] or ()] if reference.many else [tuple(given)]
        target = tables()[reference.target]
        rows = self.tables[reference.target]
        key_of = {
            id(each): tuple(cell_text(each.get(_input_name(target, n))) for n in reference.target_columns)
            for each in rows
        }
        known = set(key_of.values())
        for values in wanted:
            named = tuple(cell_text(value) for value in values)
            if named not in known and all(named):
                text = _key_text(table, {name: row.get(_input_name(table, name)) for name in table.key})
                words = "~".join(named)
                hint = nearest(
                    words, ["~".join(key_of[id(each)]) for each in rows if not self._is_hidden(target, each)]
                )
                message = f'The run has no {singular_of(target)} "{words}".{hint}'
                self.say(position, table.name, text, reference.columns[-1], message)


def _input_name(table: Table, column: str) -> str:
    return _INPUT_NAMES.get(table.name, {}).get(column, column)


def _key_text(table: Table, key: Row) -> str:
    return "~".join(cell_text(key[name]) for name in table.key)


def _cells_of(table: Table, row: Row | None) -> dict[str, str] | None:
    if row is None:
        return None
    return {
        column.name: cell_text(row[_input_name(table, column.name)])
        for column in table.columns
        if _input_name(table, column.name) in row
    }


def _by_column(table: Table, row: Row | None) -> Row | None:
    """The row by the table's own column names, as its rules ask for it."""
    return None if row is None else {c.name: row.get(_input_name(table, c.name)) for c in table.columns}


def _blank(table: Table) -> Row:
    """A new row as the model would fill it where nothing is given."""
    row: Row = {}
    for field in table.model._meta.concrete_fields:
        if field.is_relation or field.name in {"id", "submitted_at"}:
            continue
        row[field.name] = field.get_default() if field.has_default() else None
        if row[field.name] is None and not field.null:
            row[field.name] = "" if isinstance(field, models.CharField | models.TextField) else row[field.name]
    row.update({_input_name(table, column.name): None for column in table.columns if column.name not in row})
    return {**row, "row_version": 1} if "row_version" in row else row


def _with_lists(table: Table, values: Row) -> Row:
    """An emptied column is what the table keeps for empty: an empty list, an empty text, or None."""
    own = {field.name: field for field in table.model._meta.concrete_fields if not field.is_relation}
    found = {}
    for name, value in values.items():
        field = own.get(name)
        if value is None and field is not None and not field.null:
            value = field.get_default() if field.has_default() else ""
        found[name] = value
    return found

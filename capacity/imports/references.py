"""Names in files to rows in the database: which key means which row, and what is most like a name nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from django.apps import apps
from django.db import models

from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.aliases import KIND_OF_TABLE, TABLE_OF_KIND, Aliases, aliases_of, nearest_keys
from capacity.imports.cells import Value
from capacity.imports.described import resource_of
from capacity.imports.tables import Reference, Table
from capacity.imports.tabular import Offer, Row

Key = tuple[Value, ...]


class Missing(Enum):
    """Why a name leads nowhere: `UNKNOWN` to anybody, or `REFUSED`: its own row is in the files, and has issues."""

    UNKNOWN = "unknown"
    REFUSED = "refused"


@dataclass(kw_only=True)
class ReferenceIndex:
    """Looks names up, with one query for each table and set of columns."""

    tables: Mapping[str, Table]
    _keys: dict[tuple[str, tuple[str, ...]], dict[Key, int]] = field(default_factory=dict)
    _refused: dict[str, list[Mapping[str, Value]]] = field(default_factory=dict)
    _aliases: dict[str, Aliases] = field(default_factory=dict)

    def path(self, table: Table, column: str) -> str:
        """The ORM path of a column of a file: `domain__pool__key` for the pool of a lot."""
        for reference in table.foreign_keys:
            if column in reference.columns:
                position = reference.columns.index(column)
                target = self.tables.get(reference.target)
                wanted = reference.target_columns[position]
                return f"{reference.field}__{self.path(target, wanted) if target else wanted}"
        return column

    def keys(self, table: Table, columns: tuple[str, ...]) -> dict[Key, int]:
        """The rows of the table as it is now: their values in `columns` → primary key."""
        paths = [self.path(table, column) for column in columns]
        empty = [next((item.when_empty for item in table.columns if item.name == name), None) for name in columns]
        return {
            tuple(standing if part is None else part for part, standing in zip(row[1:], empty, strict=True)): row[0]
            for row in table.model._default_manager.values_list("pk", *paths)
        }

    def named_table(self, table: Table, column: str) -> str:
        """The table whose key the column holds: `pools` for the pool of a network domain; "" for none."""
        for reference in table.references:
            if column not in reference.columns or reference.target not in self.tables:
                continue
            target = self.tables[reference.target]
            wanted = reference.target_columns[reference.columns.index(column)]
            if target.key == (wanted,):
                return target.name
            return self.named_table(target, wanted)
        return ""

    def in_our_words(self, table: Table, row: Row) -> Row:
        """The row with the names others use replaced by our keys, as far as somebody wrote them down as aliases."""
        translated: dict[str, Value] = {}
        for column, kind in self._named_kinds(table).items():
            value = row.values.get(column)
            if kind not in self._aliases:
                self._aliases[kind] = aliases_of(kind)
            known = self._aliases[kind]
            if not known or not value:
                continue
            ours: Value = value
            if isinstance(value, list):
                ours = list(dict.fromkeys(self._our_word(kind, known, word) for word in value))
            elif isinstance(value, str):
                ours = self._our_word(kind, known, value)
            if ours != value:
                translated[column] = ours
        return replace(row, values={**row.values, **translated}) if translated else row

    def _our_word(self, kind: str, known: Aliases, word: str) -> str:
        target = Reference(columns=("key",), target=TABLE_OF_KIND[kind])
        return word if (word,) in self._target(target) else known.find(word) or word

    def _named_kinds(self, table: Table) -> dict[str, str]:
        """Column → the kind of alias it may hold."""
        named = {column.name: self.named_table(table, column.name) for column in table.columns}
        return {column: KIND_OF_TABLE[name] for column, name in named.items() if name in KIND_OF_TABLE}

    def refuse(self, table: Table, values: Mapping[str, Value]) -> None:
        """Remember a row that is in the files and was not written, so that what refers to it is not blamed."""
        self._refused.setdefault(table.name, []).append(values)

    def find(self, reference: Reference, key: Key) -> int | Missing:
        found = self._target(reference).get(key)
        if found is not None:
            return found
        for values in self._refused.get(reference.target, []):
            if tuple(values.get(name) for name in reference.target_columns) == key:
                return Missing.REFUSED
        return Missing.UNKNOWN

    def complaint(self, reference: Reference, key: Key, *, viewer: Viewer | None = None) -> str:
        """The sentence for an unknown name, with the nearest one there is, where the viewer may read all of them."""
        shown = ", ".join(str(part) for part in key)
        what = reference.target.replace("_", " ") if reference.target else "accounts"
        known = self._target(reference) if self._may_read(reference, viewer) else {}
        alike = nearest_keys(shown, [", ".join(map(str, other)) for other in known if len(other) == len(key)])
        quoted = " or ".join(f'"{option}"' for option in alike)
        offered = f" Did you mean {quoted}?" if alike else ""
        return f'"{shown}" is not among the {what}.{offered}'

    def offer(self, table: Table, reference: Reference, key: Key, *, viewer: Viewer | None = None) -> Offer | None:
        """The unknown name and what it may mean, where an alias could say so."""
        column = reference.columns[-1]
        kind = KIND_OF_TABLE.get(self.named_table(table, column), "")
        if not kind or (len(key) > 1 and reference.target_columns[-1] == "key"):
            return None
        known = self._target(reference) if self._may_read(reference, viewer) else {}
        written = str(key[-1])
        return Offer(kind=kind, written=written, keys=tuple(nearest_keys(written, [str(other[-1]) for other in known])))

    def _may_read(self, reference: Reference, viewer: Viewer | None) -> bool:
        target = self.tables.get(reference.target)
        if viewer is None or target is None:
            return viewer is None
        return all(sight(viewer, resource_of(target), name) is Sight.FULL for name in reference.target_columns)

    def _target(self, reference: Reference) -> dict[Key, int]:
        name = reference.target or reference.model
        cached = self._keys.get((name, reference.target_columns))
        if cached is None:
            cached = self._load(reference)
            self._keys[name, reference.target_columns] = cached
        return cached

    def _load(self, reference: Reference) -> dict[Key, int]:
        if reference.target:
            return self.keys(self.tables[reference.target], reference.target_columns)
        model: type[models.Model] = apps.get_model(reference.model)
        rows = model._default_manager.values_list("pk", *reference.target_columns)
        return {tuple(row[1:]): row[0] for row in rows}

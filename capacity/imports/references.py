"""Names in files to rows in the database: which key means which row, and what is most like a name nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from django.apps import apps
from django.db import models

from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.cells import Value, nearest
from capacity.imports.described import resource_of
from capacity.imports.tables import Reference, Table

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
        alike = [", ".join(str(part) for part in other) for other in known if len(other) == len(key)]
        return f'"{shown}" is not among the {what}.{nearest(shown, alike)}'

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

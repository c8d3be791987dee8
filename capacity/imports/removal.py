"""Taking one row out of a table: only while nothing uses it, and what does is named.

A row is used by rows that point at it, and by rows that hold its name in a list or a text of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db import DatabaseError, models, transaction
from django.db.models import ProtectedError, Q, RestrictedError

from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.changes import reader_of
from capacity.imports.described import resource_of
from capacity.imports.references import ReferenceIndex
from capacity.imports.rows import cell_text
from capacity.imports.rules import owner_of
from capacity.imports.tables import Reference, Table, tables
from capacity.imports.tabular import Issue

MOST_NAMED = 5


class _Cascades(Exception):
    """Deleting the row would delete others with it; never leaves this module."""

    def __init__(self, labels: Mapping[str, int]) -> None:
        super().__init__()
        self.labels = labels


def remove_instance(*, table: Table, instance: models.Model, viewer: Viewer | None) -> list[Issue]:
    """Delete the row, or say what uses it. Call it inside the write's transaction."""
    users = list(_rows_that_name(table, instance))
    if users:
        return [_in_use(users, viewer)]
    try:
        with transaction.atomic():
            deleted = instance.delete()[1]
            others = {label: count for label, count in deleted.items() if label != table.model._meta.label and count}
            if others:
                raise _Cascades(others)
    except (ProtectedError, RestrictedError) as error:
        objects = error.protected_objects if isinstance(error, ProtectedError) else error.restricted_objects
        return [_in_use(objects, viewer)]
    except _Cascades as error:
        listed = ", ".join(f"{count} of {label}" for label, count in sorted(error.labels.items()))
        return [Issue(file="", code="in_use", message=f"Rows that belong to this one would go with it: {listed}.")]
    except DatabaseError as error:
        return [Issue(file="", code="in_use", message=f"The database keeps this row ({type(error).__name__}).")]
    return []


def _rows_that_name(table: Table, instance: models.Model) -> Iterable[models.Model]:
    """Rows of other tables that hold the row's name without pointing at it: nothing in the database guards those."""
    own = reader_of(table).values(instance)
    for other in tables().values():
        for reference in other.references:
            if reference.target != table.name or reference.field is not None:
                continue
            if not set(reference.columns) <= set(other.plain_columns):
                continue
            if not _is_last_of_name(table, instance, reference):
                continue
            wanted = Q()
            for column, target in zip(reference.columns, reference.target_columns, strict=True):
                value = own[target]
                wanted &= Q(**{f"{column}__contains": [value]}) if reference.many else Q(**{column: value})
            yield from other.model._default_manager.filter(wanted)[: MOST_NAMED + 1]


def _is_last_of_name(table: Table, instance: models.Model, reference: Reference) -> bool:
    """Whether no other row bears the name: of two sites of one region one may go."""
    references = ReferenceIndex(tables=tables())
    reader = reader_of(table).values(instance)
    same = {references.path(table, name): reader[name] for name in reference.target_columns}
    return not table.model._default_manager.filter(**same).exclude(pk=instance.pk).exists()


def _in_use(objects: Iterable[models.Model], viewer: Viewer | None) -> Issue:
    """What uses the row: by name where the viewer may read the name, else as a number."""
    known = {table.model: table for table in tables().values()}
    named: dict[str, list[str]] = defaultdict(list)
    for item in objects:
        found = known.get(type(item))
        what = found.name.replace("_", " ") if found else type(item)._meta.verbose_name_plural
        named[str(what)].append(_name_of(item, found, viewer))
    parts = []
    for what, names in sorted(named.items()):
        shown = sorted(name for name in names if name)[:MOST_NAMED]
        listed = f" ({', '.join(shown)}{', …' if len(names) > len(shown) else ''})" if shown else ""
        parts.append(f"{len(names)} {what}{listed}")
    return Issue(file="", code="in_use", message=f"Still used by {'; '.join(parts)}. Change or retire those first.")


def _name_of(item: models.Model, table: Table | None, viewer: Viewer | None) -> str:
    if table is None:
        return "" if viewer else str(item)
    if viewer is not None:
        owner = owner_of(table, item)
        if any(sight(viewer, resource_of(table), name, owner=owner) is not Sight.FULL for name in table.key):
            return ""
    values = reader_of(table).values(item)
    return " ".join(cell_text(values[name]) for name in table.key)

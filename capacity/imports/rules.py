"""Who may write which row and column of a table, and which writes somebody else has to approve.

Everything here is asked on behalf of a viewer; the operator at the command line (no viewer) may write everything, and
is named in the history. The lines themselves stand with each table and in capacity.access.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from django.db import models

from capacity.access.permissions import may, roles_for
from capacity.access.roles import ROLE_NAMES, Role
from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.cells import Value
from capacity.imports.changes import Cells, RowChange, follow
from capacity.imports.described import resource_of, title_of
from capacity.imports.records import owner_path
from capacity.imports.rows import cell_text
from capacity.imports.tables import Table

HIDDEN_COLUMN = "Your role does not see {column} of this row, so it cannot write it. Leave the column out."


def table_refusal(table: Table, viewer: Viewer | None) -> str:
    """Why the viewer may not write the table at all, or ""."""
    if viewer is None or (table.change and may(viewer.roles, table.change)):
        return ""
    what = title_of(table)
    keepers = [ROLE_NAMES[role] for role in Role if table.change and role in roles_for(table.change)]
    who = f"They are kept by: {', '.join(keepers)}." if keepers else "They are kept at the command line."
    return f"Your role does not change {what[:1].lower()}{what[1:]}. {who}"


def refusal(
    table: Table, viewer: Viewer | None, before: Mapping[str, Value] | None, after: Mapping[str, Value] | None
) -> str:
    """Why the viewer may not write this row (by the table's own rule), or "". after None: a removal."""
    if viewer is None or table.may_write is None:
        return ""
    return table.may_write(viewer, before, after)


def asking_refusal(
    table: Table, viewer: Viewer | None, before: Mapping[str, Value] | None, after: Mapping[str, Value] | None
) -> str:
    """Why the viewer may not even ask what this change would do, or ""."""
    if viewer is None or table.may_ask is None:
        return refusal(table, viewer, before, after)
    return table.may_ask(viewer, before, after)


def checker_reason(
    table: Table, viewer: Viewer | None, before: Mapping[str, Value] | None, after: Mapping[str, Value] | None
) -> Iterable[str]:
    """Why somebody else has to approve the write: one sentence or none."""
    if viewer is None or table.needs_checker is None:
        return ()
    reason = table.needs_checker(before, after)
    return (reason,) if reason else ()


def hidden_columns(table: Table, viewer: Viewer | None, columns: Collection[str], *, owner: str) -> list[str]:
    """Those of the columns that the viewer does not see in full on a row of this owner, in the table's order."""
    if viewer is None:
        return []
    return [
        column.name
        for column in table.columns
        if column.name in columns and sight(viewer, resource_of(table), column.name, owner=owner) is not Sight.FULL
    ]


def owner_of(table: Table, instance: models.Model) -> str:
    """Whose row it is: a salesperson's username or a team's key, "" for nobody's."""
    links = tuple(filter(None, owner_path(table).split("__")))
    # A key that is still empty on a new row leads nowhere, where following it would raise.
    if not links or (len(links) > 1 and getattr(instance, f"{links[0]}_id", None) is None):
        return ""
    return cell_text(follow(instance, links))


def seen_change(table: Table, viewer: Viewer | None, change: RowChange) -> RowChange:
    """The change with only the cells the viewer sees in full."""
    if viewer is None or (change.before is None and change.after is None):
        return change
    return replace(
        change,
        before=seen_cells(table, viewer, change.before, owner=change.owner),
        after=seen_cells(table, viewer, change.after, owner=change.owner),
        columns=tuple(
            name for name in change.columns if sight(viewer, resource_of(table), name, owner=change.owner) is Sight.FULL
        ),
    )


def seen_cells(table: Table, viewer: Viewer | None, cells: Cells | None, *, owner: str) -> Cells | None:
    if viewer is None or cells is None:
        return cells
    hidden = set(hidden_columns(table, viewer, cells.keys(), owner=owner))
    return {name: text for name, text in cells.items() if name not in hidden}

"""Which import batches show to whom in the API, and how much of each.

A batch shows to whoever wrote it, and to whoever may read every table it touched; its rows only as far as their
columns show.
"""

from __future__ import annotations

from typing import Any, cast

from django.db.models import Q, QuerySet
from django.http import Http404
from rest_framework.request import Request

from capacity.access.models import User
from capacity.access.permissions import may
from capacity.access.viewer import viewer_of
from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.api_rows import row_url
from capacity.imports.described import resource_of, slug_of
from capacity.imports.models import ImportBatch, ImportChange
from capacity.imports.rows import key_of_text
from capacity.imports.tables import Table, tables


def visible_batches(viewer: Viewer, user: User) -> QuerySet[ImportBatch]:
    """One's own, and those applied that touched only tables the viewer may read; newest first."""
    hidden = [table.name for table in tables().values() if not (table.view and may(viewer.roles, table.view))]
    others = Q(outcome="applied") & ~Q(counts__has_any_keys=hidden)
    return ImportBatch.objects.filter(Q(imported_by=user) | others).order_by("-pk")


def batch_of(request: Request, batch_id: int) -> ImportBatch:
    batch = visible_batches(viewer_of(request), cast(User, request.user)).filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    return batch


def batch_json(batch: ImportBatch, request: Request) -> dict[str, Any]:
    knows = batch.imported_by == request.user or sees_all_keys(batch, viewer_of(request))
    return {
        "id": batch.pk,
        "url": f"/api/v1/imports/{batch.pk}/",
        "source": batch.source,
        "kind": batch.kind,
        "outcome": batch.outcome,
        # A note may name a customer or a price.
        "note": batch.note if knows else None,
        "imported_at": batch.imported_at,
        "imported_by": _name(batch.imported_by),
        "checked_by": _name(batch.checked_by),
        "files": [{"name": file.get("name", ""), "bytes": file.get("bytes")} for file in batch.files],
        "counts": batch.counts,
        "undone_at": batch.undone_at,
        "undone_by": _name(batch.undone_by),
        "undoes": batch.undoes_id,
    }


def _name(user: User | None) -> str | None:
    return user.get_username() if user is not None else None


def sees_all_keys(batch: ImportBatch, viewer: Viewer) -> bool:
    """Whether every column of every table the batch touched shows to the viewer on every row."""
    known = tables()
    return all(
        name in known and _sees(viewer, known[name], column.name, is_own=False)
        for name in batch.counts
        for column in (known[name].columns if name in known else ())
    )


def seen_changes(batch: ImportBatch, viewer: Viewer, *, is_own: bool) -> QuerySet[ImportChange]:
    """The changes of rows whose key shows to the viewer."""
    seen = [
        table.name
        for table in tables().values()
        if all(_sees(viewer, table, name, is_own=is_own) for name in table.key)
    ]
    return batch.changes.filter(table__in=seen)


def change_json(change: ImportChange, viewer: Viewer, *, is_own: bool) -> dict[str, Any]:
    table = tables()[change.table]
    known = {column.name for column in table.columns}
    before, after = change.before or {}, change.after or {}
    return {
        "table": slug_of(table),
        "url": row_url(table, key_of_text(change.key)),
        "kind": change.kind,
        "row_version": change.row_version,
        "columns": {
            name: {"before": before.get(name, ""), "after": after.get(name, "")}
            for name in dict.fromkeys([*after, *before])
            if before.get(name, "") != after.get(name, "")
            and name in known
            and _sees(viewer, table, name, is_own=is_own)
        },
    }


def _sees(viewer: Viewer, table: Table, column: str, *, is_own: bool) -> bool:
    """Whether the column shows in full: on any row, or, for one's own batch, on one's own rows (it wrote no others)."""
    if not (table.view and may(viewer.roles, table.view)):
        return False
    owners = ["", *([viewer.username, viewer.team_key] if is_own and table.owner else [])]
    return any(sight(viewer, resource_of(table), column, owner=owner) is Sight.FULL for owner in owners)


def kept_issue(issue: Any) -> dict[str, Any]:
    return {
        "row": issue.row,
        "field": issue.column,
        "code": issue.code,
        "message": issue.message,
        "file": issue.file,
    }

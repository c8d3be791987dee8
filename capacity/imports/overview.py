"""How the kept tables stand: how many rows, how many without a source, who changed them last. Three queries for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Count, Q, QuerySet, Value

from capacity.access.visibility import Viewer
from capacity.imports.described import PROVENANCE
from capacity.imports.models import ImportBatch
from capacity.imports.records import visible
from capacity.imports.tables import Table
from capacity.lib import figures

# How many writes back the last change of a table is looked for.
LAST_BATCHES = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class TableState:
    """rows: those the viewer may know of. unsourced: of these, how many say nothing about where they come from."""

    rows: int = 0
    unsourced: int = 0
    changed: str = ""
    changed_by: str = ""


def table_states(tables: Sequence[Table], *, viewer: Viewer | None, year: int) -> dict[str, TableState]:
    """Table name → how it stands. year: the reader's, for the date of the last change."""
    counts = _counts(tables, viewer)
    last = _last_changes({table.name for table in tables})
    states = {}
    for table in tables:
        rows, unsourced = counts.get(table.name, (0, 0))
        batch = last.get(table.name)
        states[table.name] = TableState(
            rows=rows,
            unsourced=unsourced,
            changed=figures.day(batch["imported_at"], year=year) if batch else "",
            changed_by=(batch["imported_by__username"] or batch["source"]) if batch else "",
        )
    return states


def _counts(tables: Sequence[Table], viewer: Viewer | None) -> dict[str, tuple[int, int]]:
    """Rows and rows without provenance, of every table in one statement."""
    parts = [_count(table, viewer) for table in tables]
    if not parts:
        return {}
    first, *others = parts
    return {row["of_table"]: (row["all_rows"], row["no_source"]) for row in first.union(*others, all=True)}


def _count(table: Table, viewer: Viewer | None) -> QuerySet[Any]:
    has_source = any(item.name == PROVENANCE for item in table.model._meta.concrete_fields)
    missing = Q(provenance="") if has_source and not table.is_log else Q(pk=None)
    rows = (
        visible(table, viewer)
        .order_by()
        .annotate(of_table=Value(table.name, output_field=CharField()))
        .values("of_table")
    )
    return rows.annotate(all_rows=Count("pk"), no_source=Count("pk", filter=missing)).values(
        "of_table", "all_rows", "no_source"
    )


def _last_changes(names: set[str]) -> dict[str, Mapping[str, Any]]:
    """Table → the latest batch that changed any of its rows."""
    found: dict[str, Mapping[str, Any]] = {}
    batches = ImportBatch.objects.filter(outcome="applied").order_by("-id")
    for batch in batches.values("counts", "imported_at", "imported_by__username", "source")[:LAST_BATCHES]:
        for name, counts in batch["counts"].items():
            if name in names and any(count for kind, count in counts.items() if kind != "unchanged"):
                found.setdefault(name, batch)
    return found

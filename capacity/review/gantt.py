"""Placements as rows of the Gantt drawing: one row a pool, bars in weeks from the plan's first. Rows in, nothing read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from capacity.allocation.models import Run
from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.lib.marks import GanttBar, GanttRow
from capacity.review.tables import Row

TICKS = 12
SECONDS_PER_WEEK = 7 * 86_400


def placement_gantt(
    *, pools: Sequence[Row], weeks: Sequence[Row], placed: Sequence[Row], run: Run, now: datetime, query: str
) -> dict[str, Any] | None:
    """What the gantt tag needs; None when nothing is placed. Pools without a bar are left out."""
    if not placed or not run.weeks:
        return None
    first = Week.parse(run.first_week)
    rows = []
    for pool in pools:
        bars = tuple(_bar(row, first) for row in placed if row["pool_key"] == pool["pool_key"])
        if not bars:
            continue
        used = [row for row in weeks if row["pool_key"] == pool["pool_key"]]
        rows.append(
            GanttRow(
                name=pool["name"],
                qualifier=thousands(used[0]["allocatable"]) if used else "",
                href=reverse("pool", args=[pool["pool_key"]]) + ("?" + query[:-1] if query else ""),
                used=tuple(_used_share(row) for row in used),
                bars=bars,
            )
        )
    start = datetime.combine(first.monday, datetime.min.time(), tzinfo=UTC)
    today = (now - start).total_seconds() / SECONDS_PER_WEEK
    return {
        "rows": rows,
        "weeks": run.weeks,
        "ticks": _ticks(first, run.weeks),
        "today": today if 0 <= today <= run.weeks else None,
        "label": f"Placements by pool, {counted(run.weeks, 'week')} from {week(first)}",
    }


def _bar(row: Row, first: Week) -> GanttBar:
    start = (Week.parse(row["start_week"]).monday - first.monday).days // 7
    size = thousands(row["accelerators"])
    return GanttBar(
        start=start,
        end=start + row["weeks"],
        label=f"{row['name']} {size}",
        purpose=row["purpose"],
        title=f"{row['name']}, {row['team_name']}, {row['priority']}: {size} accelerators for "
        f"{counted(row['weeks'], 'week')} from {week(Week.parse(row['start_week']))}",
    )


def _used_share(row: Row) -> float:
    supply = row["allocatable"] + row["burst"]
    return (supply - row["idle"]) / supply if supply else 0.0


def _ticks(first: Week, weeks: int) -> list[tuple[float, str]]:
    step = max(1, -(-weeks // TICKS))
    return [(float(offset), week(first.plus(offset))) for offset in range(0, weeks, step)]

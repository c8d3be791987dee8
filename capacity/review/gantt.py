"""Placements as rows of the Gantt drawing: one row a pool, bars in weeks from the plan's first. Rows in, nothing read."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
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
    *,
    pools: Sequence[Row],
    weeks: Sequence[Row],
    placed: Sequence[Row],
    run: Run,
    now: datetime,
    query: str,
    show_weeks: int | None = None,
) -> dict[str, Any] | None:
    """What the gantt tag needs; None when nothing is placed. Pools without a bar are left out.

    show_weeks: how many weeks are drawn; all of the run's by default. A divisible request has a row for each run of
    equal weeks: neighbouring ones are one bar, with the most it has at a time.
    """
    if not placed or not run.weeks:
        return None
    shown = min(run.weeks, show_weeks or run.weeks)
    first = Week.parse(run.first_week)
    rows = []
    for pool in pools:
        own = [row for row in placed if row["pool_key"] == pool["pool_key"]]
        bars = tuple(bar for bar in map(partial(_bar, first=first, weeks=shown), _joined(own)) if bar.start < bar.end)
        if not bars:
            continue
        used = [row for row in weeks if row["pool_key"] == pool["pool_key"]]
        rows.append(
            GanttRow(
                name=pool["name"],
                qualifier=thousands(used[0]["allocatable"]) if used else "",
                href=reverse("pool", args=[pool["pool_key"]]) + ("?" + query[:-1] if query else ""),
                used=tuple(_used_share(row) for row in used[:shown]),
                bars=bars,
            )
        )
    start = datetime.combine(first.monday, datetime.min.time(), tzinfo=UTC)
    today = (now - start).total_seconds() / SECONDS_PER_WEEK
    return {
        "rows": rows,
        "weeks": shown,
        "ticks": _ticks(first, shown),
        "today": today if 0 <= today <= shown else None,
        "label": f"Placements by pool, {counted(shown, 'week')} from {week(first)}",
    }


def _joined(placed: Sequence[Row]) -> list[Row]:
    """One row for the neighbouring pieces of a request in this pool."""
    rows: list[Row] = []
    for row in sorted(placed, key=lambda each: (each["experiment_key"], Week.parse(each["start_week"]).monday)):
        last = rows[-1] if rows and rows[-1]["experiment_key"] == row["experiment_key"] else None
        gap = None if last is None else Week.parse(last["start_week"]).weeks_until(Week.parse(row["start_week"]))
        if last is not None and gap is not None and gap <= last["weeks"]:
            last["weeks"] = max(last["weeks"], gap + row["weeks"])
            last["accelerators"] = max(last["accelerators"], row["accelerators"])
        else:
            rows.append(dict(row))
    return rows


def _bar(row: Row, *, first: Week, weeks: int) -> GanttBar:
    start = first.weeks_until(Week.parse(row["start_week"]))
    size = thousands(row["accelerators"])
    return GanttBar(
        start=max(0, start),
        end=min(weeks, start + row["weeks"]),
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

"""Placements as rows of the Gantt drawing: one row a pool, bars in weeks from the plan's first. Rows in, nothing read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from capacity.allocation.models import Run
from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.lib.marks import GanttBar, GanttRow
from capacity.review.tables import Row

TICKS = 12
DAYS_PER_WEEK = 7
# The purpose of a bar that is no placement of this plan.
BEFORE = "before"


@dataclass(frozen=True, kw_only=True, slots=True)
class Before:
    """Places that an earlier plan had and this one has not. words: which plan, such as "In plan 41"."""

    rows: Sequence[Row]
    words: str


def placement_gantt(
    *,
    pools: Sequence[Row],
    weeks: Sequence[Row],
    placed: Sequence[Row],
    run: Run,
    now: datetime,
    query: str,
    show_weeks: int | None = None,
    before: Before | None = None,
) -> dict[str, Any] | None:
    """What the gantt tag needs; None when nothing is placed. Pools without a bar are left out.

    show_weeks: how many weeks are drawn; all of the run's by default. A divisible request has a row for each run of
    equal weeks: neighbouring ones are one bar, with the most it has at a time. before: places of an earlier plan, drawn
    as dashed outlines.
    """
    if not (placed or (before and before.rows)) or not run.weeks:
        return None
    shown = min(run.weeks, show_weeks or run.weeks)
    first = Week.parse(run.first_week)
    rows = []
    for pool in pools:
        bars = (*_bars(pool, placed, first, shown), *(_outlines(pool, before, first, shown) if before else ()))
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
    # In the middle of its day, so that a page is the same all day long.
    today = ((now.astimezone(UTC).date() - first.monday).days + 0.5) / DAYS_PER_WEEK
    outlines = sum(bar.purpose == BEFORE for row in rows for bar in row.bars)
    return {
        "rows": rows,
        "weeks": shown,
        "ticks": _ticks(first, shown),
        "today": today if 0 <= today <= shown else None,
        "label": f"Placements by pool, {counted(shown, 'week')} from {week(first)}"
        + (f"; {counted(outlines, 'dashed outline')} where the plan before had them" if outlines else ""),
        "outlines": outlines,
        "before": before.words if before and outlines else "",
    }


def drawn_rows(*, pools: Sequence[Row], placed: Sequence[Row], run: Run, show_weeks: int | None = None) -> list[Row]:
    """The rows that have a bar in the weeks drawn, neighbouring pieces joined, pool by pool in the order of their start."""
    if not run.weeks:
        return []
    shown, first = min(run.weeks, show_weeks or run.weeks), Week.parse(run.first_week)
    order = {pool["pool_key"]: place for place, pool in enumerate(pools)}
    joined = [row for key in order for row in _joined([row for row in placed if row["pool_key"] == key])]
    found = [row for row in joined if _is_drawn(row, first, shown)]
    return sorted(found, key=lambda row: (order[row["pool_key"]], row["start_week"], row["experiment_key"]))


def most_telling(rows: Sequence[Row], *, most: int, first_keys: Sequence[str], ranks: Mapping[str, int]) -> list[Row]:
    """At most so many of the rows: those of first_keys, then what runs, then by rank; kept in their order."""
    wanted = {key: place for place, key in enumerate(first_keys)}

    def worth(row: Row) -> tuple[int, bool, int, str]:
        key = row["experiment_key"]
        return wanted.get(key, len(wanted)), not row["is_running"], ranks.get(key, len(ranks) + 1), key

    kept = {id(row) for row in sorted(rows, key=worth)[:most]}
    return [row for row in rows if id(row) in kept]


def _is_drawn(row: Row, first: Week, weeks: int) -> bool:
    start = first.weeks_until(Week.parse(row["start_week"]))
    return max(0, start) < min(weeks, start + row["weeks"])


def _bars(pool: Row, placed: Sequence[Row], first: Week, weeks: int) -> tuple[GanttBar, ...]:
    own = _joined([row for row in placed if row["pool_key"] == pool["pool_key"]])
    return tuple(_bar(row, first=first, weeks=weeks) for row in own if _is_drawn(row, first, weeks))


def _outlines(pool: Row, before: Before, first: Week, weeks: int) -> tuple[GanttBar, ...]:
    """Where the earlier plan had requests of this pool, told in the tooltip as such."""
    bars = _bars(pool, before.rows, first, weeks)
    told = [
        replace(bar, purpose=BEFORE, label=f"was {bar.label}", title=f"{before.words}, no longer: {bar.title}")
        for bar in bars
    ]
    return tuple(told)


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

"""A pool with its weeks: this week's amounts, the worst week ahead, the heat strip. Pure: visible rows in, rows out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from capacity.lib.figures import counted, thousands, week
from capacity.lib.horizon import Week
from capacity.lib.marks import HEAT_WORDS, heat_step
from capacity.review.tables import Row

_PURPOSES = ("serving", "product", "internal", "no_choice", "pretrain", "research", "evals")


def pool_rows(pools: Sequence[Row], weeks: Sequence[Row]) -> list[Row]:
    """Each pool with this week's columns of its own, `allocated`, the worst and the first short week, and its weeks."""
    by_pool: dict[str, list[Row]] = {}
    for row in weeks:
        by_pool.setdefault(row["pool_key"], []).append(row)
    found = []
    for pool in pools:
        own = by_pool.get(pool["pool_key"], [])
        now = own[0] if own else {}
        short = [row for row in own if row["capacity_shortfall"] > 0]
        worst = max(short, key=lambda row: row["capacity_shortfall"]) if short else None
        found.append(
            {
                **pool,
                **{name: now.get(name) for name in _NOW},
                "allocated": sum(now[name] for name in _PURPOSES) if now else None,
                "worst_shortfall": worst["capacity_shortfall"] if worst else None,
                "worst_week": worst["week"] if worst else None,
                "first_short_week": short[0]["week"] if short else "",
                "weeks": own,
            }
        )
    return found


_NOW = ("installed", "allocatable", "idle", "burst", "floor", "usd_per_accelerator_hour")


def heat_cells(weeks: Sequence[Row], *, year: int) -> list[tuple[str, str]]:
    """(step, sentence) a week: short where need is not covered, else by the idle share of what is allocatable."""
    cells = []
    for row in weeks:
        supply = row["allocatable"] + row["burst"]
        short = row["capacity_shortfall"]
        spare = -short if short > 0 else Decimal(row["idle"])
        share = spare / supply if supply else (Decimal(-1) if short > 0 else Decimal(0))
        step = heat_step(float(share))
        start = week(Week.parse(row["week"]), year=year)
        amount = f"short by {thousands(short)}" if short > 0 else f"{thousands(row['idle'])} idle"
        cells.append((step, f"{start}: {amount} of {thousands(supply)} ({HEAT_WORDS[step]})"))
    return cells


def heat_label(pool: Row) -> str:
    """The strip's finding in words, for those who cannot see it."""
    if pool["worst_week"] is None:
        return f"{pool['name']}: not short in {counted(len(pool['weeks']), 'week')}"
    first, worst = (week(Week.parse(pool[name])) for name in ("first_short_week", "worst_week"))
    return f"{pool['name']}: short from {first}, worst {thousands(pool['worst_shortfall'])} in the week of {worst}"


def supply_total(pools: Sequence[Row]) -> dict[str, Any] | None:
    """This week's sums over the pools in H100 equivalents (methods: Glossary): the only sum across types that means anything."""
    if not pools:
        return None
    names = ("installed", "allocatable", "allocated", "idle")
    return {name: sum(((row[name] or 0) * row["h100e_factor"] for row in pools), Decimal(0)) for name in names}

"""Visible rows → what the review's sections show: sums by week, strips, bars and sentences. Pure; scaling only.

Everything here takes rows that have passed the visibility table, so a hidden value is an Absent and never enters a sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.lib.figures import Absent, counted, thousands
from capacity.lib.horizon import Week
from capacity.lib.marks import GanttBar, GanttRow, heat_step
from capacity.review.plots import Layer, SupplyDemand

Row = Mapping[str, Any]
STRIP_WEEKS = 26

PURPOSE_LAYERS = (
    ("Pre-training", "p-pretrain", ("pretrain",)),
    ("Customer serving", "p-serve", ("serving",)),
    ("Own products", "p-product", ("product", "internal")),
    ("No product choice", "p-nochoice", ("no_choice",)),
    ("Research", "p-research", ("research",)),
    ("Evals and safety", "p-evals", ("evals",)),
    ("Unallocated", "p-idle", ("idle",)),
)
TIER_WORDS = {"frontier": "Frontier", "mid": "Mid", "small": "Small"}
PURPOSE_WORDS = {
    "serving": "Serving customers",
    "product": "Own products",
    "internal": "Internal",
    "no_choice": "No product choice",
    "pretrain": "Pre-training",
    "research": "Research",
    "evals": "Evals and safety",
}
MISSING_WORDS = {
    "purpose": "purpose",
    "owner": "owner",
    "justification": "frontier justification",
    "justification_expired": "justification in date",
    "review": "review date",
    "review_overdue": "review in date",
}
FLAG_WORDS = {
    "unsized": "unsized",
    "unknown_price": "price unknown",
    "uncapped": "uncapped",
    "burndown_mismatch": "burndown mismatch",
    "pinned_past_retirement": "pinned past retirement",
    "no_pool_in_region": "no pool in its region",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Weekly:
    """Sums over pools by week, in H100e."""

    weeks: tuple[Week, ...]
    sums: Mapping[str, tuple[float, ...]]

    def of(self, *names: str) -> list[float]:
        return [sum(self.sums[name][index] for name in names) for index in range(len(self.weeks))]


SUMMED = (
    *("allocatable", "installed", "serving", "product", "internal", "no_choice", "pretrain", "research", "evals"),
    *("idle", "committed_need", "expected_need", "p10_need", "p90_need", "requested", "capacity_shortfall", "burst"),
)


def weekly_sums(*, pool_weeks: Sequence[Row], factors: Mapping[str, Decimal]) -> Weekly:
    """pool_weeks: visible rows; factors: pool → H100e of one of its accelerators."""
    keys = sorted({row["week"] for row in pool_weeks}, key=lambda key: Week.parse(key).monday)
    position = {key: index for index, key in enumerate(keys)}
    sums: dict[str, list[float]] = {name: [0.0] * len(keys) for name in (*SUMMED, "floor")}
    for row in pool_weeks:
        factor = float(factors[row["pool_key"]])
        for name in SUMMED:
            sums[name][position[row["week"]]] += float(row[name]) * factor
        floor = row["floor"]
        if floor is not None and not isinstance(floor, Absent):
            sums["floor"][position[row["week"]]] += float(floor) * factor
    return Weekly(
        weeks=tuple(Week.parse(key) for key in keys), sums={name: tuple(values) for name, values in sums.items()}
    )


def supply_demand_chart(*, weekly: Weekly, lots: Sequence[Row], names: Mapping[str, str]) -> SupplyDemand:
    """lots: visible lot events (none where the viewer may not see them). Same-week events are written together."""
    experiments = weekly.of("pretrain", "research", "evals")
    running = weekly.of("requested")
    expected = [a + b for a, b in zip(weekly.of("expected_need"), running, strict=True)]
    firm = [a + b for a, b in zip(weekly.of("committed_need"), experiments, strict=True)]
    keys = {week.key: index for index, week in enumerate(weekly.weeks)}
    events: dict[int, list[str]] = defaultdict(list)
    for lot in lots:
        if lot["week"] in keys and keys[lot["week"]] > 0 and isinstance(lot["accelerators"], int):
            name = names.get(lot["pool_key"], lot["pool_key"])
            events[keys[lot["week"]]].append(f"{thousands(lot['accelerators'], signed=True)} {name}")
    return SupplyDemand(
        weeks=weekly.weeks,
        supply=weekly.of("allocatable"),
        expected=expected,
        firm=firm,
        p10=[a + b for a, b in zip(weekly.of("p10_need"), running, strict=True)],
        p90=[a + b for a, b in zip(weekly.of("p90_need"), running, strict=True)],
        short=weekly.of("capacity_shortfall"),
        events=[(index, "<br>".join(texts)) for index, texts in sorted(events.items())],
    )


def purpose_layers(weekly: Weekly) -> list[Layer]:
    """The allocation chart's layers, those that are never used left out."""
    layers = [Layer(name=name, role=role, values=weekly.of(*columns)) for name, role, columns in PURPOSE_LAYERS]
    return [layer for layer in layers if any(layer.values)]


def pool_strips(*, pools: Sequence[Row], pool_weeks: Sequence[Row]) -> list[dict[str, Any]]:
    """One row a pool: heat cells of 26 weeks, worst shortfall, first short week; short pools first."""
    by_pool: dict[str, list[Row]] = defaultdict(list)
    for row in pool_weeks:
        by_pool[row["pool_key"]].append(row)
    strips = []
    for pool in pools:
        rows = by_pool[pool["pool_key"]][:STRIP_WEEKS]
        short = [row for row in by_pool[pool["pool_key"]] if row["capacity_shortfall"] > 0]
        strips.append(
            {
                "key": pool["pool_key"],
                "name": pool["name"],
                "region": pool["region"],
                "cells": [_heat_cell(row) for row in rows],
                "label": f"{pool['name']}, {len(rows)} weeks",
                "allocatable": rows[0]["allocatable"] if rows else None,
                "idle": rows[0]["idle"] if rows else None,
                "worst": max((row["capacity_shortfall"] for row in short), default=None),
                "first": Week.parse(short[0]["week"]) if short else None,
                "weeks": len(short),
            }
        )
    return sorted(strips, key=lambda strip: (-(strip["worst"] or 0), strip["key"]))


def _heat_cell(row: Row) -> tuple[str, str]:
    allocatable, short, idle = row["allocatable"], float(row["capacity_shortfall"]), row["idle"]
    if not allocatable:
        spare = -1.0 if short else 0.0
    else:
        spare = -short / allocatable if short else idle / allocatable
    words = f"{thousands(round(short))} short" if short else f"{thousands(idle)} idle"
    return heat_step(spare), f"{row['week']}: {words} of {thousands(allocatable)}"


def placement_gantt(
    *, pools: Sequence[Row], placements: Sequence[Row], pool_weeks: Sequence[Row], first: Week, weeks: int, url: str
) -> list[GanttRow]:
    """Rows = pools, bars = requests; neighbouring pieces of one divisible request are drawn as one bar."""
    used: dict[str, list[float]] = defaultdict(list)
    for row in pool_weeks:
        share = 0.0 if not row["allocatable"] else 1 - row["idle"] / row["allocatable"]
        used[row["pool_key"]].append(min(1.0, max(0.0, share)))
    spans: dict[tuple[str, str], list[list[Any]]] = defaultdict(list)
    for row in sorted(
        placements, key=lambda r: (r["pool_key"], r["experiment_key"], Week.parse(r["start_week"]).monday)
    ):
        start = first.weeks_until(Week.parse(row["start_week"]))
        end, pieces = start + row["weeks"], spans[row["pool_key"], row["experiment_key"]]
        if pieces and pieces[-1][1] >= start:
            pieces[-1][1] = max(pieces[-1][1], end)
            pieces[-1][2] = max(pieces[-1][2], row["accelerators"])
        else:
            pieces.append([start, end, row["accelerators"], row])
    bars: dict[str, list[GanttBar]] = defaultdict(list)
    for (pool_key, experiment_key), pieces in spans.items():
        for start, end, accelerators, row in pieces:
            last = first.plus(end - 1)
            bars[pool_key].append(
                GanttBar(
                    start=max(0, start),
                    end=min(weeks, end),
                    label=f"{experiment_key} {row['name']}",
                    purpose=row["purpose"],
                    title=f"{experiment_key} {row['name']}, {row['priority']}, {thousands(accelerators)} accelerators, "
                    f"{row['start_week']} to {last.key}",
                    href=f"{url}?q={experiment_key}",
                )
            )
    return [
        GanttRow(
            name=pool["name"],
            qualifier="",
            used=tuple(used[pool["pool_key"]][:weeks]),
            bars=tuple(bar for bar in bars[pool["pool_key"]] if bar.start < bar.end),
        )
        for pool in pools
        if bars[pool["pool_key"]]
    ]


def gantt_ticks(first: Week, weeks: int) -> list[tuple[int, str]]:
    """The first Monday of each month inside the horizon."""
    ticks = []
    for offset in range(1, weeks):
        monday = first.plus(offset).monday
        if monday.day <= 7 and offset < weeks - 1:
            ticks.append((offset, f"{monday:%b}" if monday.month != 1 else f"{monday:%b %Y}"))
    return ticks


def words(codes: Sequence[str] | Any, table: Mapping[str, str]) -> str | Any:
    """Codes as words with commas; what is not a list (hidden) passes through."""
    return ", ".join(table.get(code, code.replace("_", " ")) for code in codes) if isinstance(codes, list) else codes


def short_sentence(*, pool_weeks: Sequence[Row], names: Mapping[str, str], within: int) -> str:
    """The first failure mode: "Short by up to 16 in H200 eu-west in 21 of the next 52 weeks, first in week 25"."""
    short = [row for row in pool_weeks if row["capacity_shortfall"] > 0 and row["week_index"] < within]
    if not short:
        return f"No pool is short in the next {within} weeks"
    worst = max(short, key=lambda row: (row["capacity_shortfall"], -row["week_index"]))
    first = min(short, key=lambda row: row["week_index"])
    weeks = len({row["week"] for row in short})
    return (
        f"Short by up to {thousands(round(worst['capacity_shortfall']))} accelerators "
        f"({names.get(worst['pool_key'], worst['pool_key'])}) in {weeks} of the next {within} weeks, "
        f"first in the week of {Week.parse(first['week']).monday:%-d %b %Y}"
    )


def excess_sentence(*, pool_weeks: Sequence[Row]) -> str:
    """The second failure mode: what stands idle this week, of what is allocatable."""
    now = [row for row in pool_weeks if row["week_index"] == 0]
    idle, allocatable = sum(row["idle"] for row in now), sum(row["allocatable"] for row in now)
    if not allocatable:
        return "No accelerator is allocatable this week"
    part = idle / allocatable
    return f"Excess: {thousands(idle)} of {thousands(allocatable)} accelerators are unallocated this week ({part:.0%})"


def counted_issues(issues: Sequence[Row]) -> list[dict[str, Any]]:
    """Issues by kind with their number: late lots, unsized needs, unknown costs."""
    kinds: dict[str, int] = defaultdict(int)
    for issue in issues:
        kinds[issue["code"]] += 1
    return [{"kind": code.replace("_", " "), "text": counted(number, "row")} for code, number in sorted(kinds.items())]

"""Visible rows → what the review's sections show: sums by week, strips, bars and sentences. Pure; scaling only.

Everything here takes rows that have passed the visibility table, so a hidden value is an Absent and never enters a sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.lib.figures import Absent, thousands
from capacity.lib.horizon import Week
from capacity.review.plots import Layer, SupplyDemand
from capacity.review.pool_rows import heat_cells, heat_label, pool_rows

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
            events[keys[lot["week"]]].append(f"{thousands(lot['accelerators'], signed=True)} {name.split()[0]}")
    return SupplyDemand(
        weeks=weekly.weeks,
        supply=weekly.of("allocatable"),
        expected=expected,
        firm=firm,
        p10=[a + b for a, b in zip(weekly.of("p10_need"), running, strict=True)],
        p90=[a + b for a, b in zip(weekly.of("p90_need"), running, strict=True)],
        short=weekly.of("capacity_shortfall"),
        events=[(index, ", ".join(texts)) for index, texts in sorted(events.items())],
    )


def purpose_layers(weekly: Weekly) -> list[Layer]:
    """The allocation chart's layers, those that are never used left out."""
    layers = [Layer(name=name, role=role, values=weekly.of(*columns)) for name, role, columns in PURPOSE_LAYERS]
    return [layer for layer in layers if any(layer.values)]


def pool_strips(*, pools: Sequence[Row], pool_weeks: Sequence[Row], year: int) -> list[dict[str, Any]]:
    """One row a pool: heat cells of 26 weeks, worst shortfall, first short week; short pools first."""
    strips = [
        {
            "key": pool["pool_key"],
            "name": pool["name"],
            "region": pool["region"],
            "cells": heat_cells(pool["weeks"][:STRIP_WEEKS], year=year),
            "label": heat_label(pool),
            "worst": pool["worst_shortfall"],
            "first": Week.parse(pool["first_short_week"]) if pool["first_short_week"] else None,
            "weeks": sum(1 for row in pool["weeks"] if row["capacity_shortfall"] > 0),
        }
        for pool in pool_rows([dict(pool) for pool in pools], [dict(row) for row in pool_weeks])
    ]
    return sorted(strips, key=lambda strip: (-(strip["worst"] or 0), strip["key"]))


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

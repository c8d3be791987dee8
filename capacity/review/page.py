"""The review page's context: one run's visible rows laid out by section, and the tables behind its charts.

Pages only read runs: rows come from `page_reading`, figures in words from `headline`, tables' rows from `page_rows`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from capacity.access.visibility import Viewer, see, see_row
from capacity.allocation.models import Run
from capacity.lib.figures import day_range, thousands
from capacity.lib.horizon import Week
from capacity.review import sections, table_specs, tables
from capacity.review.gantt import placement_gantt
from capacity.review.headline import floor_facts, kpis, metric_rows, starved_context
from capacity.review.idle_rows import idle_now
from capacity.review.page_reading import SHOWN_WEEKS, RunRows, shown_weeks
from capacity.review.page_rows import (
    exposure_rows,
    largest,
    lot_rows,
    promise_rows,
    short_context,
    unplaced_rows,
    workload_groups,
    workload_totals,
)
from capacity.review.plots import allocation_by_purpose, supply_demand
from capacity.review.review_verdict import verdict_sentences
from capacity.review.tables import Row
from capacity.review.tier_words import plan_quality

IDLE_POOLS = 2
GANTT_WEEKS = 26
# What the meeting looks at one by one: what runs, and the first class. The rest is on the page of requests.
MEETING_CLASSES = ("P0",)


def review_context(*, viewer: Viewer, rows: RunRows, week: Week, now: datetime) -> Row:
    """Everything but the meeting's own records (decisions, changes), which snapshots and carry bring."""
    names = {pool["pool_key"]: pool["name"] for pool in rows.pools}
    factors = {pool["pool_key"]: pool["h100e_factor"] for pool in rows.pools}
    weekly = sections.weekly_sums(pool_weeks=rows.pool_weeks, factors=factors)
    sees_floor = see(viewer, "pool_week", "floor", 0) == 0
    chart = sections.supply_demand_chart(weekly=weekly, lots=rows.lots, names=names)
    layers = sections.purpose_layers(weekly)
    return {
        "week": week,
        "run": rows.run,
        "period": day_range(week.monday, week.end, year=week.monday.year),
        "verdict": verdict_sentences(
            pool_weeks=rows.pool_weeks, figures=rows.figures, names=names, previous=rows.previous
        ),
        "kpis": kpis(rows),
        "metrics": metric_rows(rows),
        "workloads": workload_groups(rows),
        "workload_total": workload_totals(rows),
        "promises": promise_rows(rows, year=week.monday.year),
        "strips": sections.pool_strips(pools=rows.pools, pool_weeks=rows.pool_weeks, year=week.monday.year),
        **short_context(rows, names, week),
        "idle": idle_now(pools=rows.pools, weeks=rows.pool_weeks, most=IDLE_POOLS),
        "quality": plan_quality(rows.tiers),
        "supply_figure": supply_demand(chart),
        "supply_label": rows.figures and _supply_label(rows, names),
        "lots": lot_rows(rows, names),
        "allocation_figure": allocation_by_purpose(
            weeks=weekly.weeks, layers=layers, floor=weekly.of("floor") if sees_floor else None
        ),
        "allocation_label": _allocation_label(layers, sees_floor),
        "floor": floor_facts(viewer, rows) if sees_floor else None,
        "gantt": placement_gantt(
            pools=rows.pools,
            weeks=rows.pool_weeks,
            placed=[row for row in rows.placements if row["is_running"] or row["priority"] in MEETING_CLASSES],
            run=rows.run,
            now=now,
            query="",
            show_weeks=GANTT_WEEKS,
        ),
        "placed": len({row["experiment_key"] for row in rows.placements}),
        "unplaced": unplaced_rows(rows, year=week.monday.year),
        "starved": starved_context(rows),
        "exposure": exposure_rows(rows),
        "exposure_largest": largest(rows.exposure, "loss_exposure_usd"),
        "contracts_text": f"All {len(rows.exposure)} contracts",
        "h100e": {type_["accelerator_type_name"]: type_["h100e_factor"] for type_ in rows.pools},
    }


@dataclass(frozen=True, kw_only=True, slots=True)
class WeeklyTable:
    """A chart's numbers: the first cell of a row names its week. H100e, whole."""

    title: str
    label: str
    head: list[str]
    rows: list[list[Any]]


WEEKLY_TABLES = ("supply", "allocation")


def weekly_table(*, viewer: Viewer, run: Run, name: str) -> WeeklyTable:
    """The numbers behind a chart of the review, for its table and its file. Two queries."""
    pools = tables.run_rows(viewer=viewer, run_id=run.pk, spec=table_specs.POOLS)
    pool_weeks = shown_weeks(tables.run_rows(viewer=viewer, run_id=run.pk, spec=table_specs.POOL_WEEKS))
    weekly = sections.weekly_sums(
        pool_weeks=pool_weeks, factors={pool["pool_key"]: pool["h100e_factor"] for pool in pools}
    )
    if name == "supply":
        chart = sections.supply_demand_chart(weekly=weekly, lots=[], names={})
        columns = {
            "Allocatable": chart.supply,
            "Expected demand": chart.expected,
            "P10": chart.p10,
            "P90": chart.p90,
            "Firm demand": chart.firm,
            "Short": chart.short,
        }
    else:
        columns = {layer.name: layer.values for layer in sections.purpose_layers(weekly)}
        if see(viewer, "pool_week", "floor", 0) == 0:
            columns["Floor"] = weekly.of("floor")
    return WeeklyTable(
        title="Supply and demand" if name == "supply" else "Allocation by purpose",
        label="H100e by week",
        head=["Week", *columns],
        rows=[
            [week.key, *(round(values[index]) for values in columns.values())]
            for index, week in enumerate(weekly.weeks)
        ],
    )


def _supply_label(rows: RunRows, names: Mapping[str, str]) -> str:
    return sections.short_sentence(pool_weeks=rows.pool_weeks, names=names, within=SHOWN_WEEKS) + "."


def _allocation_label(layers: Sequence[Any], sees_floor: bool) -> str:
    parts = [
        f"{layer.name} {thousands(round(layer.values[0]))} now, {thousands(round(layer.values[-1]))} at the end"
        for layer in layers
    ]
    return "H100e by purpose: " + "; ".join(parts) + ("; the floor is the dashed line." if sees_floor else ".")


def visible_header(viewer: Viewer, run: Run) -> Row:
    """What the page says of its run, through the visibility table."""
    return see_row(
        viewer,
        "run",
        {
            "id": run.pk,
            "policy_version": run.policy_version,
            "solver_version": run.solver_version,
            "formula_version": run.formula_version,
            "termination": run.termination,
            "as_of_date": run.as_of_date,
            "finished_at": run.finished_at,
            "inputs_version": run.inputs_version,
        },
    )

"""The review page's context: one run's visible rows, read with a fixed number of queries, laid out by section.

Pages only read runs: what is computed here is sums of shown rows, order and words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from capacity.access.visibility import ContractLabel, Viewer, see, see_row
from capacity.allocation.models import Run
from capacity.imports.rows import decimal_text
from capacity.lib.figures import RESTRICTED, UNKNOWN_COST, UNSIZED, Absent, day_range, share, thousands, usd
from capacity.lib.horizon import Week
from capacity.review import sections, table_specs, tables
from capacity.review.gantt import placement_gantt
from capacity.review.idle_rows import idle_now
from capacity.review.models import RunFigure
from capacity.review.plots import allocation_by_purpose, supply_demand
from capacity.review.review_verdict import verdict_sentences
from capacity.review.shortage_rows import shortages
from capacity.review.tier_words import plan_quality
from capacity.review.words import part, word

Row = dict[str, Any]
KPI_KEYS = ("metric:H1", "metric:H2", "metric:H4", "metric:H6", "metric:H9", "metric:H11")
KPI_NAMES = {
    "metric:H1": "Promise coverage, 13 weeks",
    "metric:H2": "First capacity shortfall",
    "metric:H4": "Floor attainment",
    "metric:H6": "Idle, this week",
    "metric:H9": "Serving margin, fully loaded",
    "metric:H11": "Loss exposure, worst use",
}
STATE_WORDS = {"good": "on track", "warn": "watch", "bad": "off track"}
RANKING_ROWS = 10
SHORTAGE_ROWS = 4
IDLE_POOLS = 2
GANTT_WEEKS = 26
# What the meeting looks at one by one: what runs, and the first class. The rest is on the page of requests.
MEETING_CLASSES = ("P0",)
SHOWN_WEEKS = 52


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRows:
    """A run's rows as one viewer may see them."""

    run: Run
    labels: Sequence[ContractLabel]
    figures: Mapping[str, Row]
    previous: Mapping[str, Row] | None
    # Headline metrics as text, as stored: only for what the meeting's records are compared with, never shown as such.
    metrics_now: Mapping[str, str]
    pools: list[Row]
    pool_weeks: list[Row]
    lots: list[Row]
    exposure: list[Row]
    workloads: list[Row]
    placements: list[Row]
    unplaced: list[Row]
    remedies: list[Row]
    tiers: list[Row]


def read_run(*, viewer: Viewer, run: Run, previous_run_id: int | None) -> RunRows:
    """Every row the page shows. Tables a role may not read at all are left unread."""
    run_id = run.pk

    def rows(spec: table_specs.RunTableSpec, **filters: Any) -> list[Row]:
        return tables.run_rows(viewer=viewer, run_id=run_id, spec=spec, labels=labels, **filters)

    exposure, labels = tables.exposure_with_labels(viewer=viewer, run_id=run_id)
    stored = stored_figures([run_id] if previous_run_id is None else [run_id, previous_run_id])
    figures = visible_figures(viewer, stored)
    sees_requests = see(viewer, "placement", "experiment_key", "") is not RESTRICTED
    several: dict[str, list[Row]] = {}
    if sees_requests:
        together = (table_specs.PLACEMENTS, table_specs.UNPLACED, table_specs.REMEDIES, table_specs.TIERS)
        several = tables.rows_of_several(viewer=viewer, run_id=run_id, specs=together, labels=labels)
    sees_lots = see(viewer, "lot", "lot_key", "") is not RESTRICTED
    return RunRows(
        run=run,
        labels=labels,
        figures=figures.get(run_id, {}),
        previous=None if previous_run_id is None else figures.get(previous_run_id, {}),
        metrics_now={
            row["key"]: decimal_text(row["value"])
            for row in stored
            if row["run_id"] == run_id and row["value"] is not None and row["key"].startswith("metric:")
        },
        pools=rows(table_specs.POOLS),
        pool_weeks=shown_weeks(rows(table_specs.POOL_WEEKS)),
        lots=rows(table_specs.LOT_EVENTS) if sees_lots else [],
        exposure=exposure,
        workloads=rows(table_specs.WORKLOADS),
        placements=several.get(table_specs.PLACEMENTS.name, []),
        unplaced=several.get(table_specs.UNPLACED.name, []),
        remedies=several.get(table_specs.REMEDIES.name, []),
        tiers=several.get(table_specs.TIERS.name, []),
    )


def shown_weeks(pool_weeks: list[Row]) -> list[Row]:
    """The weeks the meeting looks at: a year. The plan reaches further, for renewals and orders; its pool pages show all."""
    return [row for row in pool_weeks if row["week_index"] < SHOWN_WEEKS]


_FIGURE_COLUMNS = (
    "run_id",
    "key",
    "label",
    "value",
    "absent",
    "unit",
    "basis",
    "state",
    "threshold",
    "resource",
    "field",
    "terms",
    "position",
)


def stored_figures(run_ids: Sequence[int]) -> list[Row]:
    """The headline figures of the runs, as stored. One query."""
    rows = RunFigure.objects.filter(run_id__in=run_ids, key__regex="^(metric|total):").order_by("position")
    return list(rows.values(*_FIGURE_COLUMNS))


def visible_figures(viewer: Viewer, stored: Sequence[Row]) -> dict[int, dict[str, Row]]:
    """run → headline figures by key, each value as the viewer may see it."""
    found: dict[int, dict[str, Row]] = {}
    for each in stored:
        row = {**each, "value": see(viewer, each["resource"], each["field"], each["value"])}
        if isinstance(row["value"], Absent):
            # A state or a limit would narrow a band, and says what is hidden.
            row["state"] = ""
            if row["value"] is RESTRICTED:
                row["threshold"], row["basis"], row["terms"] = "", "", []
        elif row["value"] is None and row["absent"]:
            row["value"] = Absent(row["absent"], "na", "This figure has no value in this run.")
        found.setdefault(row.pop("run_id"), {})[row["key"]] = row
    return found


def figure_url(run_id: int, key: str) -> str:
    return reverse("figure", args=[run_id, key])


def write_figure(row: Row) -> Any:
    """A figure's value in words, by its unit; an absence stays what it is."""
    value = row["value"]
    if value is None or isinstance(value, Absent):
        return value if value is not None else Absent("n/a", "na", "This figure does not apply here.")
    match row["unit"]:
        case "share":
            return share(value)
        case "USD" | "USD a week":
            return usd(value)
        case "weeks":
            return f"in {thousands(value)} weeks" if value else "this week"
    return thousands(value)


def kpis(rows: RunRows) -> list[Row]:
    """The strip: six headline metrics with their state, limit and change since the last frozen review."""
    found = []
    for key in KPI_KEYS:
        row = rows.figures.get(key)
        if row is None:
            continue
        delta, kind = _delta(row, (rows.previous or {}).get(key))
        found.append(
            {
                "label": KPI_NAMES[key],
                "value": write_figure(row),
                "unit": "a week" if row["unit"] == "USD a week" and _is_number(row["value"]) else "",
                "url": figure_url(rows.run.pk, key),
                "delta": delta or (STATE_WORDS.get(row["state"], "")),
                "delta_kind": kind or row["state"],
                "note": "since last review" if delta else _limit_note(row),
            }
        )
    return found


def _limit_note(row: Row) -> str:
    """The comparison a tile carries while there is no earlier review to compare with."""
    return f"bad: {row['threshold']}" if row["threshold"] and not isinstance(row["value"], Absent) else ""


LESS_IS_BETTER = {"metric:H6", "metric:H7", "metric:H8", "metric:H10", "metric:H11"}


def _delta(row: Row, before: Row | None) -> tuple[str, str]:
    if before is None or not _is_number(row["value"]) or not _is_number(before["value"]):
        return "", ""
    change = row["value"] - before["value"]
    if not change:
        return "no change", ""
    is_better = (change < 0) == (row["key"] in LESS_IS_BETTER)
    kind = "good" if is_better else "bad"
    match row["unit"]:
        case "share":
            return f"{change * 100:+.1f} pt".replace("-", "\N{MINUS SIGN}"), kind
        case "USD" | "USD a week":
            return usd(change, signed=True), kind
    return thousands(change, signed=True), kind


def _is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, Absent)


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
        "metrics": _metric_rows(rows),
        "workloads": _workload_rows(rows),
        "workload_total": _workload_totals(rows),
        "promises": _promise_rows(viewer, rows),
        "strips": sections.pool_strips(pools=rows.pools, pool_weeks=rows.pool_weeks, year=week.monday.year),
        **_short_context(rows, names, week),
        "idle": idle_now(pools=rows.pools, weeks=rows.pool_weeks, most=IDLE_POOLS),
        "quality": plan_quality(rows.tiers),
        "supply_figure": supply_demand(chart),
        "supply_label": rows.figures and _supply_label(rows, names),
        "lots": _lot_rows(rows, names),
        "allocation_figure": allocation_by_purpose(
            weeks=weekly.weeks, layers=layers, floor=weekly.of("floor") if sees_floor else None
        ),
        "allocation_label": _allocation_label(layers, sees_floor),
        "floor": _floor_facts(viewer, rows) if sees_floor else None,
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
        "unplaced": _unplaced_rows(rows),
        "exposure": _exposure_rows(viewer, rows),
        "exposure_largest": _largest(rows.exposure, "loss_exposure_usd"),
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


def _metric_rows(rows: RunRows) -> list[Row]:
    return [
        {
            **row,
            "text": write_figure(row),
            "url": figure_url(rows.run.pk, key),
            "word": STATE_WORDS.get(row["state"], ""),
        }
        for key, row in rows.figures.items()
        if key.startswith("metric:")
    ]


def _workload_rows(rows: RunRows) -> list[Row]:
    """The map in its fixed order: model tier, latency class, name."""
    tier_order = {"frontier": 0, "mid": 1, "small": 2}
    found = []
    for row in sorted(rows.workloads, key=lambda r: (tier_order[r["model_tier"]], r["latency_class"], r["name"])):
        key = row["workload_key"]
        found.append(
            {
                **row,
                "tier_text": word("model_tier", row["model_tier"]),
                "purpose_text": word("purpose", row["purpose"]),
                "missing_text": _listed("missing", row["missing"]),
                "accelerators_text": _sized(row, "accelerators_now", thousands),
                "usd_text": _sized(row, "usd_per_week", usd),
                "accelerators_url": figure_url(rows.run.pk, f"workload:{key}:accelerators_now"),
                "usd_url": figure_url(rows.run.pk, f"workload:{key}:usd_per_week"),
            }
        )
    return found


def _listed(column: str, codes: Any) -> Any:
    """Codes in words; what is hidden passes through."""
    return "; ".join(word(column, code) for code in codes) if isinstance(codes, list) else codes


def _sized(row: Row, name: str, write: Any) -> Any:
    value = row[name]
    if value is None:
        return UNSIZED if not row["is_sized"] else UNKNOWN_COST
    return value if isinstance(value, Absent) else write(value)


def _workload_totals(rows: RunRows) -> Row:
    sized = [row for row in rows.workloads if _is_number(row["accelerators_now"])]
    costs = [row["usd_per_week"] for row in rows.workloads if row["is_sized"]]
    total_usd: Any = RESTRICTED if any(isinstance(cost, Absent) for cost in costs) else UNKNOWN_COST
    if all(_is_number(cost) for cost in costs):
        total_usd = usd(sum(costs))
    return {
        "accelerators": thousands(sum(row["accelerators_now"] for row in sized)),
        "usd": total_usd,
        "unsized": len(rows.workloads) - len(sized),
    }


def _promise_rows(viewer: Viewer, rows: RunRows) -> list[Row]:
    """Contracts by how badly their promise is covered; unsized ones last, never left out."""
    found = []
    for row in rows.exposure:
        coverage = row["coverage_share"]
        found.append(
            {
                **row,
                "url": _contract_url(row),
                "coverage_text": share(coverage) if _is_number(coverage) else coverage,
                "coverage_url": _row_figure(rows, row, "coverage_share"),
                "planned_url": _row_figure(rows, row, "planned_accelerators"),
                # Red speaks of the column's 13 weeks; a later shortage stands in the column beside it.
                "is_short": _is_number(coverage) and coverage < 1,
                "is_best_effort": row["committed_accelerators"] == 0,
                "rank": (row["committed_accelerators"] == 0, coverage if _is_number(coverage) else 2),
            }
        )
    found.sort(key=lambda r: (r["rank"], not r["is_short"], _text(r["first_short_week"]) or "9", str(r["label"])))
    return found[:RANKING_ROWS]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _contract_url(row: Row) -> str:
    key = row["contract_key"]
    return reverse("contract", args=[key]) if isinstance(key, str) else ""


def _row_figure(rows: RunRows, row: Row, column: str) -> str:
    key = row["contract_key"]
    return figure_url(rows.run.pk, f"exposure:{key}:{column}") if isinstance(key, str) else ""


def _exposure_rows(viewer: Viewer, rows: RunRows) -> list[Row]:
    """Worst loss exposure first, then thinnest margin at worst use; contracts whose money is hidden are left to the list."""
    shown = [row for row in rows.exposure if row["loss_exposure_usd"] is not RESTRICTED]

    def order(row: Row) -> tuple[Any, ...]:
        loss, margin = row["loss_exposure_usd"], row["worst_margin_share"]
        return (-_bound(loss), _bound(margin, missing=1.0), str(row["label"]))

    found = []
    for row in sorted(shown, key=order)[:RANKING_ROWS]:
        found.append(
            {
                **row,
                "url": _contract_url(row),
                "flags_text": _listed("flags", row["flags"]),
                **{
                    f"{name}_url": _row_figure(rows, row, name)
                    for name in (
                        "revenue_usd",
                        "reserved_cost_usd",
                        "margin_usd",
                        "worst_margin_usd",
                        "loss_exposure_usd",
                    )
                },
            }
        )
    return found


def _bound(value: Any, *, missing: float = -1.0) -> float:
    """A number to sort by: the value, or a band's lower bound; what is not known sorts after."""
    low = getattr(value, "low", None)
    if low is not None:
        return float(low)
    return float(value) if _is_number(value) else missing


def _largest(rows: Sequence[Row], name: str) -> float:
    return max((float(row[name]) for row in rows if _is_number(row[name])), default=0.0)


def _lot_rows(rows: RunRows, names: Mapping[str, str]) -> list[Row]:
    return [
        {**row, "pool_name": names.get(row["pool_key"], row["pool_key"]), "monday": Week.parse(row["week"])}
        for row in rows.lots
        if not rows.run.first_week or Week.parse(rows.run.first_week).weeks_until(Week.parse(row["week"])) < SHOWN_WEEKS
    ]


def _floor_facts(viewer: Viewer, rows: RunRows) -> Row | None:
    figure = rows.figures.get("metric:H4")
    if figure is None:
        return None
    return {
        "text": write_figure(figure),
        "url": figure_url(rows.run.pk, "metric:H4"),
        "state": figure["state"],
        "terms": [
            {**term, "text": _term_text(term["value"])}
            for term in figure["terms"]
            if term["value"] is not None
            and see(viewer, term["resource"], term["field"], term["value"]) is not RESTRICTED
        ],
    }


def _term_text(value: str) -> str:
    """A term's stored text: whole numbers with their thousands, anything else as it is."""
    return thousands(int(value)) if value.isdigit() else value


def _short_context(rows: RunRows, names: Mapping[str, str], week: Week) -> Row:
    """Who is short within the year, the first of them in full. None where the reader may not know who."""
    if rows.remedies == [] and not rows.tiers:
        return {"shortages": None}
    ahead = [row for row in rows.remedies if week.weeks_until(Week.parse(row["first_week"])) < SHOWN_WEEKS]
    found = shortages(ahead, names=names, year=week.monday.year)
    for row in found:
        row["url"] = _contract_url(row) if row["contract_key"] else ""
    return {"shortages": found[:SHORTAGE_ROWS], "shortages_left_out": max(0, len(found) - SHORTAGE_ROWS)}


def _unplaced_rows(rows: RunRows) -> list[Row]:
    return [
        {
            **row,
            "changes": [part("smallest_changes", change) for change in row["smallest_changes"][:3]]
            if isinstance(row["smallest_changes"], list)
            else [],
            "url": figure_url(rows.run.pk, f"request:{row['experiment_key']}:short_by")
            if row["short_by"] is not None
            else "",
        }
        for row in rows.unplaced
    ]


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

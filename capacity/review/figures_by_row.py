"""Figures of single rows: each contract's capacity and money, each workload's size and cost, each pool's supply. Pure.

They carry what a person needs to check the number by hand: the values in the formula and the input rows behind them.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from capacity.review.figure_terms import figure, term
from capacity.review.plan_rows import PlanRows

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]


def row_figures(*, rows: PlanRows, tables: Tables) -> list[Row]:
    """All of them, in table order."""
    found: list[Row] = []
    for row in tables["exposure"]:
        found += _contract_figures(rows, row)
    for row in tables["workloads"]:
        found += _workload_figures(rows, row)
    for row in tables["pool_weeks"]:
        if row["week_index"] == 0:
            found += _pool_figures(rows, row)
    for row in tables["unplaced"]:
        found += _request_figures(row)
    return found


def _contract_figures(rows: PlanRows, row: Row) -> list[Row]:
    key, owner = row["contract_key"], row["owner_username"]
    contract_input = ("contracts", key)
    versions = [each for each in rows.plan.contracts if each.row["key"] == key]
    facts = {**versions[0].row, **versions[0].usage}
    weeks = term("Weeks of the term in the horizon", row["weeks"], "weeks", "contract", ("exposure", "weeks"))
    prices = [
        term(kind.replace("_", " "), price, "USD", "price line", ("exposure", "terms"), input_row=contract_input)
        for kind, price in row["terms"]["prices"].items()
    ]
    usage = [
        term(label, facts[column], unit, facts["usage_basis"], ("exposure", "terms"), input_row=contract_input)
        for label, column, unit in (
            ("Input", "input_tokens_per_second", "tokens a second"),
            ("Output", "output_tokens_per_second", "tokens a second"),
            ("Cache hit share", "cache_hit_share", "share of input"),
            ("Peak factor", "peak_factor", "× average"),
        )
    ]
    rate = term(
        "Rate",
        row["terms"]["rate_usd_per_hour"],
        "USD per accelerator-hour",
        "cost rates of its pools",
        ("lot", "usd_per_accelerator_hour"),
    )

    def money(column: str, label: str, formula: str, terms: list[dict[str, Any]], anchor: str, basis: str) -> Row:
        return figure(
            key=f"exposure:{key}:{column}",
            label=label,
            value=row[column],
            absent="unsized" if not row["is_sized"] else "unknown",
            unit="USD",
            formula=formula,
            terms=terms,
            anchor=anchor,
            basis=basis,
            sight=("exposure", column),
            owner_key=owner,
        )

    def part(label: str, column: str) -> dict[str, Any]:
        return term(label, row[column], "USD", "this run", ("exposure", column))

    def accelerators(column: str, label: str, formula: str, terms: list[dict[str, Any]]) -> Row:
        return figure(
            key=f"exposure:{key}:{column}",
            label=label,
            value=None if row[column] is None else Decimal(row[column]),
            absent="unsized",
            unit="accelerators",
            formula=formula,
            terms=terms,
            anchor="replicas",
            basis="alone, at its largest week in the horizon",
            sight=("exposure", column),
            owner_key=owner,
        )

    multiple = term(
        "Worst reasonable use", row["worst_multiple"], "× P50", "P95, cap or policy", ("exposure", "worst_multiple")
    )
    return [
        accelerators(
            "committed_accelerators",
            "Committed capacity",
            "what must be providable: promised units at the worst mix, "
            "or the P50 need where an SLA or spend commitment applies",
            [*usage, weeks],
        ),
        accelerators(
            "planned_accelerators",
            "Planned capacity (P50)",
            "(⌈peak load ÷ u⌉ + spares) × accelerators per replica",
            usage,
        ),
        accelerators(
            "worst_accelerators", "Worst reasonable capacity", "the same at worst reasonable use", [*usage, multiple]
        ),
        figure(
            key=f"exposure:{key}:coverage_share",
            label="Promise coverage, next 13 weeks",
            value=row["coverage_share"],
            absent="unsized" if not row["is_sized"] else "nothing asked in 13 weeks",
            unit="share",
            formula="min over weeks of served ÷ needed",
            terms=[
                term(
                    "First short week",
                    row["first_short_week"] or "none",
                    "",
                    "the plan",
                    ("exposure", "first_short_week"),
                )
            ],
            basis="P50 or promised",
            sight=("exposure", "coverage_share"),
            owner_key=owner,
        ),
        money(
            "revenue_usd",
            "Revenue at P50",
            "Σ over weeks of the bill of expected use",
            [*prices, *usage, weeks],
            "billing-rules",
            "P50, the horizon's weeks in term",
        ),
        money(
            "reserved_cost_usd",
            "Reserved cost at P50",
            "Σ over weeks of its share of the class's peak load × accelerators held × 168 h × rate",
            [rate, weeks],
            "serving-cost",
            "the plan's pooled replicas, spares and headroom included",
        ),
        money(
            "margin_usd",
            "Margin at P50, fully loaded",
            "revenue − reserved cost",
            [
                part("Revenue", "revenue_usd"),
                part("Reserved cost", "reserved_cost_usd"),
                part("Consumed cost", "consumed_cost_usd"),
            ],
            "the-four-results",
            "P50",
        ),
        money(
            "worst_margin_usd",
            "Margin at worst reasonable use",
            "revenue at worst use − cost of the need at worst use",
            [
                part("Revenue, worst use", "worst_revenue_usd"),
                part("Cost, worst use", "worst_cost_usd"),
                multiple,
                rate,
            ],
            "worst-use",
            "alone, not pooled",
        ),
        money(
            "loss_exposure_usd",
            "Loss exposure",
            "Σ over weeks of the largest max(0, cost − revenue) between P50 and worst reasonable use",
            [
                part("Cost, worst use", "worst_cost_usd"),
                part("Revenue, worst use", "worst_revenue_usd"),
                multiple,
                rate,
            ],
            "exposure",
            "alone, not pooled",
        ),
    ]


def _workload_figures(rows: PlanRows, row: Row) -> list[Row]:
    key = row["workload_key"]
    card = next(each for each in rows.tables["workloads"] if each["key"] == key)
    contracts = term("Contracts it serves", row["contracts"], "contracts", "this run", ("workload", "contracts"))
    model = term(
        "Model", row["model_name"], "", "workload card", ("workload", "model_name"), input_row=("workloads", key)
    )
    source = term(
        "Forecast",
        card["forecast_source"] or "none of its own",
        "",
        "workload card",
        ("workload", "name"),
        input_row=("workloads", key),
    )
    absent = "" if row["is_sized"] else "unsized"
    return [
        figure(
            key=f"workload:{key}:accelerators_now",
            label=f"{row['name']}: accelerators this week",
            value=row["accelerators_now"],
            absent=absent,
            unit="accelerators",
            formula="Σ over its demands of served work ÷ the class's served work × accelerators of the class",
            terms=[model, contracts, source],
            anchor="pooling",
            basis="as allocated",
            sight=("workload", "accelerators_now"),
        ),
        figure(
            key=f"workload:{key}:usd_per_week",
            label=f"{row['name']}: cost this week",
            value=row["usd_per_week"],
            absent=absent or "unknown cost",
            unit="USD a week",
            formula="Σ over pools of accelerators × 168 h × the pool's rate this week",
            terms=[
                term(
                    "Accelerators",
                    row["accelerators_now"],
                    "accelerators",
                    "the plan",
                    ("workload", "accelerators_now"),
                ),
                contracts,
            ],
            anchor="serving-cost",
            basis="as allocated, fully loaded",
            sight=("workload", "usd_per_week"),
        ),
    ]


def _pool_figures(rows: PlanRows, row: Row) -> list[Row]:
    key = row["pool_key"]
    pool = rows.pools[key]
    supply = next(each for each in rows.plan.calendar.pool(key) if each.week.key == row["week"])
    lots = [
        term(
            f"Lot {lot.key}",
            lot.accelerators,
            "accelerators",
            "inventory",
            ("lot", "accelerators"),
            input_row=("lots", lot.key),
        )
        for lot in supply.lots
    ]
    source = "measured" if pool["availability_measured_date"] else "practice value"
    return [
        figure(
            key=f"pool:{key}:allocatable",
            label=f"{pool['name']}: allocatable this week",
            value=Decimal(row["allocatable"]),
            unit="accelerators",
            formula="Σ over network domains of ⌊(installed × availability − maintenance) ÷ node⌋ × node",
            terms=[
                term(
                    "Installed",
                    row["installed"],
                    "accelerators",
                    "lots that count all week",
                    ("pool_week", "installed"),
                ),
                term(
                    "Availability",
                    pool["availability_share"],
                    "share",
                    source,
                    ("pool_week", "allocatable"),
                    input_row=("pools", key),
                ),
                term(
                    "Maintenance",
                    row["maintenance"],
                    "accelerators",
                    "pool",
                    ("pool_week", "maintenance"),
                    input_row=("pools", key),
                ),
                term(
                    "Node", pool["node_size"], "accelerators", "pool", ("pool", "node_size"), input_row=("pools", key)
                ),
                *lots,
            ],
            anchor="supply",
            sight=("pool_week", "allocatable"),
        ),
        figure(
            key=f"pool:{key}:usd_per_accelerator_hour",
            label=f"{pool['name']}: rate this week",
            value=row["usd_per_accelerator_hour"],
            absent="unknown cost",
            unit="USD per accelerator-hour",
            formula="cost of the lots that count ÷ (installed × availability × 168 h)",
            terms=[
                term(
                    "Cost this week",
                    row["envelope_usd"],
                    "USD",
                    "cost rates of its lots",
                    ("pool_week", "envelope_usd"),
                ),
                term("Installed", row["installed"], "accelerators", "lots", ("pool_week", "installed")),
            ],
            anchor="mixed-pool-rate",
            sight=("pool_week", "usd_per_accelerator_hour"),
        ),
    ]


def _request_figures(row: Row) -> list[Row]:
    if row["short_by"] is None:
        return []
    return [
        figure(
            key=f"request:{row['experiment_key']}:short_by",
            label=f"{row['name']}: short by",
            value=Decimal(row["short_by"]),
            unit="accelerators",
            formula="asked − the most that is free in its best domain and start, every other placement held",
            terms=[
                term(
                    "Asked",
                    row["needed"],
                    "accelerators",
                    "request",
                    ("unplaced", "needed"),
                    input_row=("experiments", row["experiment_key"]),
                ),
                term("Free", row["free"], "accelerators", "the plan", ("unplaced", "free")),
                term("Binding week", row["week"], "", "the plan", ("unplaced", "week")),
            ],
            anchor="explanations",
            sight=("unplaced", "short_by"),
        )
    ]

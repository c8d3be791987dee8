"""Headline metrics and the figures pages open: each with its formula, its terms and where they come from. Pure.

Formulas: methods, Headline metrics. A metric whose denominator is zero, or with a missing input, has no value and says
why; it is never zero. Here stand their order and those of capacity; those of money are `metrics_money`.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from capacity.review.fairness_figures import starved_teams
from capacity.review.figure_terms import figure, term
from capacity.review.figures_by_row import row_figures
from capacity.review.map_figures import map_figures, premium_figures
from capacity.review.metric_sums import Row, Tables, known_sum, promised_and_held, share_of, sum_of, this_week
from capacity.review.metrics_money import (
    idle_cost,
    inference_ratio,
    loss_exposure,
    no_choice_share,
    serving_margin,
    unexplained_frontier,
)
from capacity.review.metrics_quality import felt_degradation
from capacity.review.money_figures import money_figures
from capacity.review.plan_rows import PlanRows

NEXT_WEEKS = 13


def figure_rows(*, rows: PlanRows, tables: Tables) -> list[Row]:
    """Every figure of the run: headline metrics in their order, then one set a contract, workload, pool and request."""
    metrics = [
        promise_coverage(tables),
        first_shortfall(rows, tables),
        felt_degradation(rows, tables),
        floor_attainment(rows, tables),
        productive_use(tables),
        idle_cost(rows, tables),
        no_choice_share(rows, tables),
        unexplained_frontier(rows, tables),
        serving_margin(rows, tables),
        inference_ratio(rows, tables),
        loss_exposure(rows, tables),
        capacity_gap(tables),
        experiment_fit(rows, tables),
        *totals(tables),
        *map_figures(tables),
        starved_teams(tables),
    ]
    for position, row in enumerate(metrics):
        row["position"] = position
    return [
        *metrics,
        *row_figures(rows=rows, tables=tables),
        *premium_figures(tables),
        *money_figures(rows=rows, tables=tables),
    ]


def promise_coverage(tables: Tables) -> Row:
    """H1 = min over committed demands and the next 13 weeks of served ÷ needed."""
    weeks = {row["week"] for row in tables["pool_weeks"] if row["week_index"] < NEXT_WEEKS}
    owed = [row for row in tables["demands"] if row["tier"] == "committed" and row["week"] in weeks]
    worst = min(owed, key=lambda row: (exact(row["served"]) / exact(row["work"]), row["week"]), default=None)
    unsized = sum(1 for row in tables["exposure"] if not row["is_sized"])
    value = None if worst is None else share_of(worst["served"], worst["work"])
    terms = []
    if worst is not None:
        source = f"demand {worst['serving_class']}, week {worst['week']}"
        terms = [
            term("Served at the worst place", worst["served"], "accelerators", source, ("demand", "served")),
            term("Needed there", worst["work"], "accelerators", source, ("demand", "work")),
            term("Week", worst["week"], "", "the plan", ("demand", "week")),
        ]
    terms.append(term("Contracts that cannot be sized", unsized, "contracts", "left out", ("metric", "H1")))
    return figure(
        key="metric:H1",
        label="Promise coverage, next 13 weeks",
        value=value,
        unit="share",
        formula="min over committed demands and weeks of min(1, served ÷ committed need)",
        terms=terms,
        state="" if value is None else "good" if value >= 1 else "bad",
        threshold="below 100%",
        basis="committed need" + (f"; {unsized} unsized left out" if unsized else ""),
        sight=("metric", "H1"),
    )


def first_shortfall(rows: PlanRows, tables: Tables) -> Row:
    """H2 = weeks until the first week in which committed or forecast serving is not met; holds are no promise."""
    short: dict[int, Decimal] = defaultdict(Decimal)
    for row in promised_and_held(tables)[0]:
        if row["short_accelerators"]:
            short[rows.horizon.first.weeks_until(_week(rows, row["week"]))] += row["short_accelerators"]
    first = min(short, default=None)
    terms = []
    if first is not None:
        key = rows.weeks[first].key
        terms = [
            term("First short week", key, "", "the plan", ("metric", "H2")),
            term("Short in it", short[first], "accelerators", f"demands in {key}", ("demand", "short_accelerators")),
        ]
    return figure(
        key="metric:H2",
        label="Weeks to first capacity shortfall (P50)",
        value=None if first is None else Decimal(first),
        absent="none in the horizon" if first is None else "",
        unit="weeks",
        formula="first week in which need at P50 > what the plan serves, counted from this week",
        terms=terms,
        state="good" if first is None else "bad" if first < NEXT_WEEKS else "warn",
        threshold="within 13 weeks",
        basis="P50, without holds",
        sight=("metric", "H2"),
    )


def _week(rows: PlanRows, key: str) -> Any:
    return rows.week_by_key[key]


def floor_attainment(rows: PlanRows, tables: Tables) -> Row:
    """H4 = min over floors and weeks of (model development placed + idle or lent recallably) ÷ F."""
    places = []
    for floor in rows.plan.problem.floors:
        for index, week in enumerate(rows.weeks):
            size = min(
                floor.accelerators[index],
                sum(pool.allocatable[index] for pool in rows.plan.problem.pools if pool.key in floor.pools),
            )
            if size:
                held = min(size, rows.floor_held(floor.key, week))
                places.append((Fraction(held, size), week, floor.key, held, size, floor.accelerators[index]))
    worst = min(places, key=lambda place: (place[0], place[1].monday), default=None)
    capped = [place for place in places if place[4] < place[5]]
    terms = []
    if worst is not None:
        terms = [
            term(
                "Held for model development", worst[3], "accelerators", f"{worst[2]}, {worst[1].key}", ("metric", "H4")
            ),
            term("Floor F", worst[4], "accelerators", "policy and supply", ("policy", "floor_accelerators")),
            term("Weeks in which the floor is above supply", len(capped), "weeks", "the plan", ("metric", "H4")),
        ]
    value = None if worst is None else to_decimal(worst[0])
    return figure(
        key="metric:H4",
        label="Floor attainment, worst week",
        value=value,
        absent="" if worst else "no floor in the policy",
        unit="share",
        formula="(model development placed + idle or recallably lent in the floor's pools) ÷ F, at most 1",
        terms=terms,
        state="" if value is None else "good" if value >= 1 and not capped else "bad",
        threshold="below 100% without a waiver",
        anchor="floor",
        sight=("metric", "H4"),
    )


def productive_use(tables: Tables) -> Row:
    """H5 = (serving at work + running experiments) ÷ allocatable, this week."""
    now = this_week(tables)
    consumed, allocatable = sum_of(row["consumed"] for row in now), sum_of(row["allocatable"] for row in now)
    value = share_of(consumed, allocatable)
    return figure(
        key="metric:H5",
        label="Productive use, this week",
        value=value,
        unit="share",
        formula="(serving consumed on average + experiments running) ÷ allocatable",
        terms=[
            term("At work", consumed, "accelerators", "all pools, this week", ("pool_week", "allocated")),
            term("Allocatable", allocatable, "accelerators", "all pools, this week", ("pool_week", "allocatable")),
        ],
        state="" if value is None else "good" if Decimal("0.6") <= value <= Decimal("0.9") else "warn",
        threshold="below 60% or above 90%",
        sight=("metric", "H5"),
    )


def capacity_gap(tables: Tables) -> Row:
    """Σ capacity gap: accelerators more than reserved that worst reasonable use would need."""
    known = [row for row in tables["exposure"] if row["capacity_gap_accelerators"] is not None]
    return figure(
        key="metric:H11_accelerators",
        label="Capacity gap at worst reasonable use",
        value=sum_of(row["capacity_gap_accelerators"] for row in known) if known else None,
        unit="accelerators",
        formula="Σ over contracts of max(0, need at worst reasonable use − planned need)",
        terms=[
            term("Contracts", len(known), "contracts", "this run", ("exposure_total", "contracts")),
        ],
        anchor="exposure",
        basis="each contract alone, at its largest",
        sight=("metric", "H11_accelerators"),
    )


def experiment_fit(rows: PlanRows, tables: Tables) -> Row:
    """H12 = placed accelerator-weeks ÷ requested, of requests that want to start within 13 weeks."""
    due_until = rows.horizon.first.plus(NEXT_WEEKS).monday
    due = {key: row for key, row in rows.experiments.items() if row["earliest_start_date"] < due_until}
    asked = {key: row["accelerators"] * row["weeks"] for key, row in due.items()}
    placed: dict[str, int] = defaultdict(int)
    for row in tables["placements"]:
        placed[row["experiment_key"]] += row["accelerators"] * row["weeks"]
    got = sum(min(asked[key], placed[key]) for key in due)
    waiting = [key for key, row in due.items() if row["experiment_priority"] == "P0" and not placed[key]]
    value = share_of(got, sum(asked.values()))
    return figure(
        key="metric:H12",
        label="Experiment fit, due in 13 weeks",
        value=value,
        absent="" if asked else "no request is due",
        unit="share",
        formula="placed accelerator-weeks ÷ requested accelerator-weeks",
        terms=[
            term("Placed", got, "accelerator-weeks", "placements", ("metric", "H12")),
            term("Requested", sum(asked.values()), "accelerator-weeks", f"{len(asked)} requests", ("metric", "H12")),
            term("P0 without a place", len(waiting), "requests", ", ".join(waiting), ("metric", "H12")),
        ],
        state="" if value is None else "bad" if waiting or value < Decimal("0.7") else "good",
        threshold="any P0 without a place, or below 70%",
        sight=("metric", "H12"),
    )


def totals(tables: Tables) -> list[Row]:
    """Sums that pages show under their tables and in the verdict."""
    promised, held = promised_and_held(tables)
    short = sum_of(row["short_accelerators"] for row in promised)
    lost = known_sum(row["usd_lost"] for row in promised if row["short_accelerators"])
    kept_from_deals = sum_of(row["short_accelerators"] for row in held)
    factor = {row["pool_key"]: row["h100e_factor"] for row in tables["pools"]}
    now = this_week(tables)
    supply = sum_of(to_decimal(exact(row["allocatable"]) * exact(factor[row["pool_key"]])) for row in now)
    return [
        figure(
            key="total:shortfall",
            label="Capacity shortfall over the horizon",
            value=short,
            unit="accelerator-weeks",
            formula="Σ over committed and forecast demands and weeks of unmet accelerators",
            terms=[
                term(
                    "Held for deals and not given, left out",
                    kept_from_deals,
                    "accelerator-weeks",
                    "holds of deals that are not signed",
                    ("pool_week", "capacity_shortfall"),
                )
            ],
            state="bad" if short else "good",
            anchor="shortage",
            basis="committed and forecast serving",
            sight=("pool_week", "capacity_shortfall"),
        ),
        figure(
            key="total:usd_lost",
            label="Revenue not served over the horizon",
            value=lost,
            unit="USD",
            formula="Σ over committed and forecast demands and weeks of unmet work × revenue per unit of work",
            terms=[],
            anchor="shortage",
            basis="P50",
            sight=("exposure_total", "usd_lost"),
        ),
        figure(
            key="total:supply_h100e",
            label="Allocatable, this week",
            value=supply,
            unit="H100e",
            formula="Σ over pools of allocatable × H100e factor of the accelerator type",
            terms=[
                term(row["pool_key"], row["allocatable"], "accelerators", "pool", ("pool_week", "allocatable"))
                for row in now
            ],
            anchor="supply",
            basis="for display and sums across types only",
            sight=("pool_week", "allocatable"),
        ),
    ]

"""A solved plan → its tables of money: contracts under scenarios, their roll-ups, and the chances of both. Pure.

Only composition: what a contract comes to is contracts/scenario_rows.py, sums are rollup_rows.py, draws monte_carlo.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.access.visibility import RESTRICTED, Viewer, suppress_cells
from capacity.lib.horizon import Week
from capacity.review.chance_facts import draws_of, pool_spans
from capacity.review.plan_rows import PlanRows
from capacity.review.words import word
from contracts.domain.monte_carlo import Chances, Spread, chances
from contracts.measured import MeasuredContract
from contracts.rollup_rows import rollup_rows
from contracts.scenario_costing import ContractScenarios, ScenarioPlan, contract_scenarios
from contracts.scenario_rows import scenario_rows

Row = dict[str, Any]
DRAWS = 2_000
# One seed for every plan, so that two plans differ by what they plan and not by luck.
SEED = 2026


def money_tables(*, rows: PlanRows, measured: Sequence[Sequence[MeasuredContract]]) -> dict[str, list[Row]]:
    """The rows of exposure_scenarios, exposure_rollups and money_risk."""
    plan = scenario_plan(rows)
    found = contract_scenarios(measured=measured, classes=rows.plan.classes, plan=plan)
    scenarios = scenario_rows(found=found, plan=plan)
    return {
        "exposure_scenarios": scenarios,
        "exposure_rollups": rollup_rows(scenarios, names=_names(rows, scenarios), small_parts=small_parts),
        "money_risk": chance_rows(rows, found),
    }


def scenario_plan(rows: PlanRows) -> ScenarioPlan:
    """What the plan gives each class by region, and the span of known rates by week."""
    regions: dict[tuple[str, int], dict[str, int]] = defaultdict(dict)
    for (class_key, pool, week), accelerators in rows.allocated.items():
        region = rows.plan.sites[rows.pools[pool]["site"]]["region"]
        here = regions[class_key, rows.horizon.index(week)]
        here[region] = here.get(region, 0) + accelerators
    return ScenarioPlan(
        costs=rows.plan_costs, regions=regions, rate_range=[_rate_range(rows, week) for week in rows.weeks]
    )


def _rate_range(rows: PlanRows, week: Week) -> tuple[Decimal, Decimal] | None:
    known = [rate for pool in rows.pools if (rate := rows.plan.rates[pool, week]) is not None]
    return (min(known), max(known)) if known else None


def small_parts(customers: Mapping[str, int]) -> set[str]:
    """The parts whose money would tell one customer's to whoever is blind to prices; all, where the total tells."""
    shown, total_may_be_shown = suppress_cells(Viewer(), customers=customers, values=dict.fromkeys(customers, 0))
    if not total_may_be_shown:
        return set(customers)
    return {part for part, value in shown.items() if value is RESTRICTED}


def _names(rows: PlanRows, scenarios: Sequence[Row]) -> dict[str, dict[str, str]]:
    return {
        "workload": {key: row["name"] for key, row in rows.workloads.items()},
        "model": {key: row["name"] for key, row in rows.models.items()},
        "tier": {row["model_tier"]: word("model_tier", row["model_tier"]) for row in scenarios if row["model_tier"]},
        "customer": {row["customer_key"]: row["customer_name"] for row in scenarios},
        "shape": {row["shape"]: word("shape", row["shape"]) for row in scenarios},
    }


# --- chances ----------------------------------------------------------------------------------------------------------


def chance_rows(rows: PlanRows, found: Sequence[ContractScenarios]) -> list[Row]:
    """Margin, revenue, cost and shortfall over the horizon, then the shortfall of every pool that may have one."""
    facts = draws_of(rows, found)
    share = rows.plan.policy.market_use_share
    drawn = chances(facts=facts, pools=pool_spans(rows, found), market_share=float(share), draws=DRAWS, seed=SEED)
    known = sum(1 for fact in facts if fact.knots)
    common = {
        "contracts": known,
        "left_out": len(found) - known,
        "draws": drawn.draws,
        "seed": drawn.seed,
        "market_share": share,
    }
    return [{**row, **common, "position": position} for position, row in enumerate(_measures(rows, drawn))]


def _measures(rows: PlanRows, drawn: Chances) -> list[Row]:
    money = {
        "margin": drawn.margin_usd,
        "in_term_margin": drawn.in_term_margin_usd,
        "revenue": drawn.revenue_usd,
        "reserved_cost": drawn.cost_usd,
    }
    found = [
        _chance_row(measure, "USD", spread, probability=spread.probability if "margin" in measure else None)
        for measure, spread in money.items()
    ]
    short = [("", "All pools", drawn.shortfall)]
    short += [(pool, rows.pools[pool]["name"], spread) for pool, spread in sorted(drawn.by_pool.items()) if spread.mean]
    for key, name, spread in short:
        row = _chance_row("shortfall", "accelerator-weeks", spread, probability=spread.probability)
        found.append({**row, "part_key": key, "part_name": name})
    return found


def _chance_row(measure: str, unit: str, spread: Spread, *, probability: float | None) -> Row:
    return {
        "measure": measure,
        "part_key": "",
        "part_name": "",
        "unit": unit,
        **{each: _rounded(getattr(spread, each), 2) for each in ("p10", "p50", "p90", "mean")},
        "probability": None if probability is None else _rounded(probability, 6),
    }


def _rounded(value: float, places: int) -> Decimal:
    return Decimal(repr(round(value, places))).quantize(Decimal(1).scaleb(-places))

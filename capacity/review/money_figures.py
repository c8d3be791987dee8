"""Figures of money under scenarios: each opens to the amounts and contracts it is made of. Pure.

Keys: `envelope:LINE` (this week), `money:SCENARIO` (all contracts), `scenario:CONTRACT:SCENARIO`, `chance:MEASURE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.review.envelope_rows import LINES
from capacity.review.figure_terms import figure, term
from capacity.review.metric_sums import Tables, sum_of, this_week
from capacity.review.plan_rows import PlanRows
from capacity.review.words import word

Row = dict[str, Any]
# Of a total the largest contracts are named; the rest is one term.
NAMED = 8
_AMOUNTS = (
    ("Revenue", "revenue_usd"),
    ("Consumed cost", "consumed_cost_usd"),
    ("Headroom and spares", "headroom_cost_usd"),
    ("Reserved cost", "reserved_cost_usd"),
    ("Expected credits", "expected_credits_usd"),
    ("Loss exposure", "loss_exposure_usd"),
    ("Margin swing against P50, in term", "margin_swing_usd"),
)
_CHANCES = {
    "margin": "Margin, renewals drawn",
    "in_term_margin": "Margin in term, without renewals",
    "revenue": "Revenue, renewals drawn",
    "reserved_cost": "Reserved cost, renewals drawn",
    "shortfall": "Accelerators missing",
}


def money_figures(*, rows: PlanRows, tables: Tables) -> list[Row]:
    """All of them, in a fixed order."""
    return [
        *_envelope_figures(rows, tables),
        *(
            _total_figure(row, tables["exposure_scenarios"])
            for row in tables["exposure_rollups"]
            if row["dimension"] == "all"
        ),
        *(_scenario_figure(row) for row in tables["exposure_scenarios"]),
        *(_chance_figure(row) for row in tables["money_risk"] if not row["part_key"]),
    ]


def _envelope_figures(rows: PlanRows, tables: Tables) -> list[Row]:
    now = this_week(tables)
    known = [row for row in now if row["envelope_parts"] is not None]
    return [
        figure(
            key=f"envelope:{line}",
            label=f"{label}, this week",
            value=sum_of(Decimal(row["envelope_parts"].get(line, "0")) for row in known) if known else None,
            absent="unknown cost",
            unit="USD a week",
            formula="Σ over pools of accelerator-hours of this line × the pool's rate of the week",
            terms=[
                *(
                    term(
                        rows.pools[row["pool_key"]]["name"],
                        Decimal(row["envelope_parts"].get(line, "0")),
                        "USD",
                        "pool, this week",
                        ("pool_week", "envelope_parts"),
                    )
                    for row in known
                ),
                term("Pools of unknown cost, left out", len(now) - len(known), "pools", "this run", ("pool", "name")),
            ],
            anchor="envelope",
            sight=("pool_week", "envelope_usd"),
        )
        for line, label, _ in LINES
    ]


def _amounts(row: Mapping[str, Any], resource: str) -> list[dict[str, Any]]:
    return [term(label, row[column], "USD", "this run", (resource, column)) for label, column in _AMOUNTS]


def _total_figure(row: Row, scenarios: Sequence[Row]) -> Row:
    found = [each for each in scenarios if each["scenario"] == row["scenario"] and each["margin_usd"] is not None]
    ranked = sorted(found, key=lambda each: (-abs(each["margin_usd"]), each["contract_key"]))
    more = sum_of(each["margin_usd"] for each in ranked[NAMED:])
    return figure(
        key=f"money:{row['scenario']}",
        label=f"Margin of all contracts: {word('scenario', row['scenario']).lower()}",
        value=row["margin_usd"],
        absent="unknown",
        unit="USD",
        formula="Σ over contracts of revenue − reserved cost, over the horizon",
        terms=[
            *_amounts(row, "exposure_rollup"),
            term("Contracts", row["contracts"], "contracts", "this run", ("exposure_rollup", "contracts")),
            term("Left out: unsized", row["unsized"], "contracts", "this run", ("exposure_rollup", "unsized")),
            term("Left out: unknown price", row["unpriced"], "contracts", "this run", ("exposure_rollup", "unpriced")),
            term(
                "Left out: unknown cost",
                row["unknown_cost"],
                "contracts",
                "this run",
                ("exposure_rollup", "unknown_cost"),
            ),
            *(
                term(
                    f"Margin of {each['contract_key']}",
                    each["margin_usd"],
                    "USD",
                    "contract",
                    ("exposure_scenario", "margin_usd"),
                )
                for each in ranked[:NAMED]
            ),
            term(
                f"Margin of the other {max(0, len(ranked) - NAMED)}",
                more,
                "USD",
                "this run",
                ("exposure_rollup", "margin_usd"),
            ),
        ],
        anchor="scenarios-of-use",
        basis=word("scenario", row["scenario"]),
        sight=("exposure_rollup", "margin_usd"),
    )


def _scenario_figure(row: Row) -> Row:
    at = ("exposure_scenario", "multiple")
    return figure(
        key=f"scenario:{row['contract_key']}:{row['scenario']}",
        label=f"Margin of {row['contract_key']}: {word('scenario', row['scenario']).lower()}",
        value=row["margin_usd"],
        absent="unsized" if not row["is_sized"] else "unknown",
        unit="USD",
        formula="Σ over weeks in term of revenue − reserved cost; after its end × the chance of renewal (P50), whole (P90)",
        terms=[
            term("Use", row["multiple"], "× P50", "band, P95, cap or policy", at),
            *_amounts(row, "exposure_scenario"),
            term(
                "Capacity gap at most",
                row["capacity_gap_accelerators"],
                "accelerators",
                "need − held by the plan",
                ("exposure_scenario", "capacity_gap_accelerators"),
            ),
            term("Weeks in the horizon", row["weeks"], "weeks", "contract", ("exposure_scenario", "weeks")),
        ],
        anchor="scenarios-of-use",
        basis=word("scenario", row["scenario"]),
        sight=("exposure_scenario", "margin_usd"),
        owner_key=row["contract_key"],
    )


def _chance_figure(row: Row) -> Row:
    unit = row["unit"]

    def quantile(label: str, column: str) -> dict[str, Any]:
        return term(label, row[column], unit, f"{row['draws']} draws", ("money_risk", column))

    return figure(
        key=f"chance:{row['measure']}",
        label=f"{_CHANCES[row['measure']]}, median",
        value=row["p50"],
        unit=unit,
        formula="median over seeded draws of use: z = √ρ × market + √(1 − ρ) × own; a multiple of P50 from z by each "
        "contract's P10 and P90; revenue and cost read off its scenarios",
        terms=[
            quantile("P10", "p10"),
            quantile("P90", "p90"),
            quantile("Mean", "mean"),
            term(
                "Share of the draws that are bad", row["probability"], "share", "draws", ("money_risk", "probability")
            ),
            term("Common to all, ρ", row["market_share"], "share", "policy", ("money_risk", "market_share")),
            term("Draws", row["draws"], "", "this run", ("money_risk", "draws")),
            term("Seed", row["seed"], "", "this run", ("money_risk", "seed")),
            term("Contracts drawn", row["contracts"], "contracts", "this run", ("money_risk", "contracts")),
            term("Left out, money not known", row["left_out"], "contracts", "this run", ("money_risk", "left_out")),
        ],
        anchor="chances-of-use",
        basis="draws of use over the horizon",
        sight=("money_risk", "p50"),
    )

"""Rows of money of the run that tests/factories.py makes: its contracts under scenarios, rolled up, and chances.

P50 and worst are those of the exposure rows; the others lie between by round shares. Sums are the product's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal as D
from typing import Any

from capacity.review.money_tables import small_parts
from contracts.domain.scenarios import SCENARIOS
from contracts.rollup_rows import rollup_rows

Row = dict[str, Any]
CENT = D("0.01")
# Of the way from P50 to worst use.
_SHARE = {"committed": D("-0.5"), "p10": D("-0.2"), "p50": D(0), "p90": D("0.6"), "heavy": D("0.9"), "worst": D(1)}
_REGIONS = (
    {"us-east-1": "100.000000"},
    {"us-east-1": "60.000000"},
    {"us-east-1": "20.000000", "eu-west-1": "60.000000"},
    {},
)


def scenario_rows(exposure: Sequence[Row], *, first_week: str) -> list[Row]:
    """Six rows a contract."""
    return [
        _scenario(row, _REGIONS[number % 4], scenario, first_week)
        for number, row in enumerate(sorted(exposure, key=lambda row: row["contract_key"]))
        for scenario in SCENARIOS
    ]


def rollups(scenarios: Sequence[Row]) -> list[Row]:
    names = {"customer": {row["customer_key"]: row["customer_name"] for row in scenarios}}
    return rollup_rows(scenarios, names=names, small_parts=small_parts)


def chances() -> list[Row]:
    common = {"contracts": 3, "left_out": 1, "draws": 2000, "seed": 2026, "market_share": D("0.5")}
    found = [
        ("margin", "", "", "USD", ("2214337.71", "3141414.14", "3923232.32", "3112358.13"), D("0.0315")),
        ("in_term_margin", "", "", "USD", ("2113355.77", "3040506.07", "3819181.71", "3011223.34"), D("0.0395")),
        ("revenue", "", "", "USD", ("6214337.31", "7342312.27", "8455443.31", "7355377.71"), None),
        ("reserved_cost", "", "", "USD", ("3989898.11", "4202021.55", "4511223.44", "4243019.58"), None),
        ("shortfall", "", "All pools", "accelerator-weeks", ("0.00", "12.50", "211.25", "71.75"), D("0.6125")),
        (
            "shortfall",
            "b200_euw1",
            "B200 EU West",
            "accelerator-weeks",
            ("0.00", "12.50", "211.25", "71.75"),
            D("0.6125"),
        ),
    ]
    return [
        {
            "measure": measure,
            "part_key": key,
            "part_name": name,
            "unit": unit,
            **dict(zip(("p10", "p50", "p90", "mean"), map(D, values), strict=True)),
            "probability": probability,
            "position": position,
            **common,
        }
        for position, (measure, key, name, unit, values, probability) in enumerate(found)
    ]


def _scenario(row: Row, regions: dict[str, str], scenario: str, first_week: str) -> Row:
    share = _SHARE[scenario]
    revenue = _between(row["revenue_usd"], row["worst_revenue_usd"], share)
    cost = _between(row["reserved_cost_usd"], row["worst_cost_usd"], share)
    consumed = _between(row["consumed_cost_usd"], row["consumed_cost_usd"], share)
    p50 = _less(row["revenue_usd"], row["reserved_cost_usd"])
    margin = _less(revenue, cost)
    loss = None if margin is None else max(D(0), -margin)
    gap = row["capacity_gap_accelerators"] if scenario in ("heavy", "worst") else 0
    gap = None if row["capacity_gap_accelerators"] is None else gap
    copied = ("contract_key", "contract_version", "contract_name", "customer_key", "customer_name", "customer_alias")
    return {
        **{
            name: row[name]
            for name in (*copied, "owner_username", "workload_key", "model_tier", "shape", "weeks", "is_sized")
        },
        "model_key": f"{row['model_tier']}_model",
        "regions": regions,
        "scenario": scenario,
        "position": SCENARIOS.index(scenario),
        "first_week": first_week,
        "is_priced": row["revenue_usd"] is not None or not row["is_sized"],
        "multiple": row["worst_multiple"] if scenario in ("heavy", "worst") else D(1) + share,
        "revenue_usd": revenue,
        "consumed_cost_usd": consumed,
        "headroom_cost_usd": _less(cost, consumed),
        "reserved_cost_usd": cost,
        "reserved_low_usd": cost,
        "reserved_high_usd": cost,
        "margin_usd": margin,
        "margin_share": None if margin is None or not revenue else (margin / revenue).quantize(D("1e-10")),
        "consumed_margin_usd": _less(revenue, consumed),
        "capacity_gap_accelerators": gap,
        "capacity_gap_accelerator_weeks": gap,
        "expected_credits_usd": None if revenue is None else D("0.00"),
        "outage_credits_usd": None,
        "make_good_usd": None,
        "loss_exposure_usd": loss,
        "margin_swing_usd": _less(p50, margin),
        "revenue_cents": _weeks(revenue, row["weeks"]),
        "consumed_cents": _weeks(consumed, row["weeks"]),
        "reserved_cents": _weeks(cost, row["weeks"]),
        "credits_cents": _weeks(D(0), row["weeks"]),
        "loss_cents": _weeks(loss, row["weeks"]),
        "gap_accelerators": [] if gap is None else [gap, *[0] * (row["weeks"] - 1)],
    }


def _between(one: D | None, other: D | None, share: D) -> D | None:
    return None if one is None or other is None else (one + (other - one) * share).quantize(CENT)


def _less(one: D | None, other: D | None) -> D | None:
    return None if one is None or other is None else one - other


def _weeks(total: D | None, weeks: int) -> list[int]:
    """The total in cents over the weeks: the first takes what does not divide."""
    if total is None:
        return []
    each, rest = divmod(int(total.scaleb(2)), weeks)
    return [each + rest, *[each] * (weeks - 1)]

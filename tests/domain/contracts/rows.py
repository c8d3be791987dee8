"""Rows of a small world of one contract, as a run reads them; each test changes the cells it is about.

The figures are those of the methods page: 10,000 tokens a second in and 2,000 out, half of the input cached, replicas
of 8 that read 40,000 and write 4,000 tokens a second, $2.00 an accelerator-hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal as D
from typing import Any

from capacity.decisions.policy import Policy, policy_in_force
from capacity.lib.horizon import Horizon, Week

AS_OF = date(2026, 11, 23)
STARTS, ENDS = date(2026, 1, 1), date(2028, 1, 1)
HORIZON = Horizon(first=Week(AS_OF), weeks=8)

Row = dict[str, Any]


def contract(**changes: Any) -> Row:
    """A signed contract for the worked traffic."""
    row: Row = {
        "key": "c-1",
        "version": 1,
        "name": "Chat",
        "customer": "north",
        "owner": "sales",
        "state": "active",
        "starts_date": STARTS,
        "ends_date": ENDS,
        "time_zone": "UTC",
        "currency": "USD",
        "shape": "pay_as_you_go",
        "workload": "chat",
        "latency_class": "",
        "pinned_model_version": None,
        "pin_ends_date": None,
        "regions": [],
        "usage_profile": None,
        "has_sla": False,
        "input_tokens_per_second": D(10_000),
        "output_tokens_per_second": D(2_000),
        "cache_hit_share": D("0.5"),
        "cache_write_share": None,
        "peak_factor": D("2.5"),
        "p95_multiple": D(2),
        "growth_share_per_month": D(0),
        "usage_basis": "measured",
        "usage_date": AS_OF,
        "rate_limit_input_tokens_per_minute": None,
        "rate_limit_output_tokens_per_minute": None,
        "rate_limit_requests_per_minute": None,
        "unit_tokens_per_minute": None,
        "unit_output_weight": None,
        "unit_cached_weight": None,
        "unit_output_tokens_per_minute": None,
        "spill": "",
        "seats": None,
        "fair_use_tokens_per_month": None,
        "discount_share": None,
        "overage_keeps_discount": True,
        "rollover_share": D(0),
        "take_share": None,
        "makeup_months": 0,
        "price_multiplier": D(1),
        "availability_paid_share": D(1),
        "accelerator_type": None,
        "exclusivity": "",
        "renewal_probability": D("0.9"),
        "renewal_auto": False,
        "notice_days": None,
        "termination_right": "",
        "termination_fee_usd": None,
    }
    assert set(changes) <= set(row), set(changes) - set(row)
    return row | changes


def price(kind: str, amount: str | int, **changes: Any) -> Row:
    row: Row = {
        "contract": "c-1",
        "contract_version": 1,
        "kind": kind,
        "price": D(amount),
        "starts_date": STARTS,
        "ends_date": None,
        "tier_from": D(0),
        "tier_mode": "graduated",
        "included_quantity": None,
    }
    return row | changes


def step(kind: str, quantity: str | int, starts: date = STARTS) -> Row:
    return {
        "contract": "c-1",
        "contract_version": 1,
        "kind": kind,
        "quantity": D(quantity),
        "starts_date": starts,
    }


TOKEN_PRICES = [price("uncached_input", 3), price("cached_input", "0.30"), price("output", 15)]
POLICY_ROW: Row = {
    "version": 1,
    "effective_date": STARTS,
    "tiers": ["committed", "forecast", "P0"],
    "confirmed_counts_at": "p50",
    "ordered_counts_at": "p90",
    **{f"utilisation_{name}": D(u) for name, u in (("interactive", "0.7"), ("standard", "0.8"), ("batch", "0.95"))},
    **{f"peak_factor_{name}": D(p) for name, p in (("interactive", "2.5"), ("standard", "1.5"), ("batch", "1"))},
    "coincidence_factor": D(1),
    "spare_replicas": 1,
    "spare_replicas_large": 2,
    "large_from_replicas": 30,
    "worst_use_multiple_metered": D(2),
    "worst_use_multiple_flat": D(3),
    "target_gross_margin_share": D("0.6"),
    "inference_ratio_amber_share": D("0.5"),
    "inference_ratio_red_share": D(1),
    "idle_limit_share": D("0.05"),
    "loss_exposure_limit_usd": D(1_000_000),
    "no_choice_limit_share": D("0.05"),
    "unexplained_frontier_limit_share": D("0.1"),
}


def policy() -> Policy:
    return policy_in_force(policy_sets=[POLICY_ROW], policy_floors=[], on_date=AS_OF)


def model(key: str = "big", **changes: Any) -> Row:
    return {
        "key": key,
        "name": key.title(),
        "model_tier": "frontier",
        "launch_date": None,
        "retire_date": None,
    } | changes


def profile(key: str = "big", latency_class: str = "interactive") -> Row:
    return {
        "model_version": key,
        "accelerator_type": "h100",
        "latency_class": latency_class,
        "replica_accelerators": 8,
        "prefill_tokens_per_second": D(40_000),
        "decode_tokens_per_second": D(4_000),
        "cached_cost_share": D("0.1"),
        "basis": "measured",
    }


def world(contracts: Sequence[Row], **tables: Sequence[Row]) -> dict[str, list[Row]]:
    """All tables that contracts read; one pool of nodes of 8 in us-east, models `big` and `old`."""
    workload = {
        "key": "chat",
        "model_version": "big",
        "latency_class": "interactive",
        "regions": [],
        "p10_multiple": None,
        "p90_multiple": None,
    }
    found: dict[str, list[Row]] = {
        "customers": [{"key": "north", "name": "Northwind", "alias": "C-1"}],
        "workloads": [workload],
        "usage_profiles": [],
        "price_lines": [],
        "commit_steps": [],
        "sla_lines": [],
        "fx_rates": [],
        "contracts": list(contracts),
        "model_versions": [model(), model("old")],
        "throughput_profiles": [profile(), profile("old")],
        "sites": [{"key": "site-1", "region": "us-east"}],
        "pools": [{"key": "pool-1", "site": "site-1", "accelerator_type": "h100", "node_size": 8}],
    }
    return found | {name: list(rows) for name, rows in tables.items()}

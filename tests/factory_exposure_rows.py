"""Rows of contracts and deals, of the run that tests/factories.py makes: margin = revenue − cost."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import (
    ALIASES,
    CANARY_PRICE,
    CONTRACT_KEYS,
    CONTRACT_NAMES,
    CUSTOMER_NAMES,
    DEAL_KEYS,
    DEAL_NAMES,
    DEAL_REVENUES,
    OWNER_OF,
    REVENUES,
    SHAPES,
    WORKLOAD_OF,
    Row,
)


def exposure_rows(horizon: Horizon) -> list[Row]:
    consumed = (D("1100000.50"), D("800000.25"), D("900000.00"), None)
    reserved = (D("2011119.13"), D("1313131.31"), D("877771.11"), None)
    worst_revenue = (D("4137193.31"), D("4583483.54"), D("913377.19"), None)
    worst_cost = (D("2111119.13"), D("2913131.31"), D("2633313.33"), None)
    sizes = ((120, 140, 160, 20), (60, 100, 200, 100), (0, 350, 1050, 1050), (None, None, None, None))
    flags: tuple[list[str], ...] = ([], ["pinned_past_retirement"], ["uncapped"], ["unsized"])
    return [
        {
            "contract_key": CONTRACT_KEYS[at],
            "contract_version": 1,
            "contract_name": CONTRACT_NAMES[at],
            "customer_key": CUSTOMER_NAMES[at].split()[0].lower(),
            "customer_name": CUSTOMER_NAMES[at],
            "customer_alias": ALIASES[at],
            "owner_username": OWNER_OF[at],
            "state": ("active", "active", "notice", "signed")[at],
            "shape": SHAPES[at],
            "workload_key": WORKLOAD_OF[at],
            "model_name": ("Frontier L", "Frontier L", "Mid M", "Frontier L")[at],
            "regions": (["us-east-1"], ["us-east-1", "eu-west-1"], ["eu-west-1"], [])[at],
            "model_tier": ("frontier", "frontier", "mid", "frontier")[at],
            "starts_date": horizon.first.monday - timedelta(days=70),
            "ends_date": date(2027, 6, 30),
            "weeks": len(horizon),
            "is_sized": at != 3,
            "is_uncapped": at == 2,
            "flags": flags[at],
            "committed_accelerators": sizes[at][0],
            "planned_accelerators": sizes[at][1],
            "worst_accelerators": sizes[at][2],
            "capacity_gap_accelerators": sizes[at][3],
            "coverage_share": (D(1), D(1), D("0.91428571"), None)[at],
            "first_short_week": horizon.first.plus(3).key if at == 2 else "",
            "short_accelerator_weeks": (D(0), D(0), D(30), None)[at],
            "worst_multiple": (D("1.1000"), D("2.0000"), D("3.0000"), D("2.0000"))[at],
            "break_even_multiple": (None, None, D("1.040000"), None)[at],
            "revenue_usd": REVENUES[at],
            "consumed_cost_usd": consumed[at],
            "reserved_cost_usd": reserved[at],
            **_margins(REVENUES[at], consumed[at], reserved[at], worst_revenue[at], worst_cost[at]),
            "worst_revenue_usd": worst_revenue[at],
            "worst_cost_usd": worst_cost[at],
            "terms": {"prices": {"output": CANARY_PRICE}, "usage_basis": "measured", "rate_usd_per_hour": "2.000000"},
        }
        for at in range(4)
    ]


def deal_rows() -> list[Row]:
    """One deal of each customer: held, submitted and priced, a draft without a size, approved."""
    return [
        {
            "contract_key": DEAL_KEYS[at],
            "contract_version": 1,
            "contract_name": DEAL_NAMES[at],
            "customer_key": CUSTOMER_NAMES[at].split()[0].lower(),
            "customer_name": CUSTOMER_NAMES[at],
            "customer_alias": ALIASES[at],
            "owner_username": OWNER_OF[at],
            "state": ("what_if", "submitted", "draft", "approved")[at],
            "shape": SHAPES[at],
            "workload_key": WORKLOAD_OF[at],
            "starts_date": date(2027, 1, 4),
            "ends_date": date(2027, 12, 27),
            "is_sized": at != 2,
            "sentence": f"Contract {DEAL_KEYS[at]} names no workload." if at == 2 else "",
            "accelerators": (80, 160, None, 240)[at],
            "revenue_usd": DEAL_REVENUES[at],
            "hold_key": f"{DEAL_KEYS[at]}.v1.h1" if at in (0, 3) else "",
            "probability": (D("0.25"), None, None, D("0.75"))[at],
            "expires_date": (date(2026, 12, 7), None, None, date(2026, 12, 14))[at],
            "weighted_accelerators": (D(20), None, None, D(180))[at],
            "weighted_revenue_usd": (D("804298.31"), None, None, D("4663983.51"))[at],
            "held_accelerators": (D(24), None, None, D(184))[at],
            "short_accelerators": (0, None, None, 8)[at],
        }
        for at in range(4)
    ]


def _margins(revenue: D | None, consumed: D | None, reserved: D | None, most: D | None, cost: D | None) -> Row:
    if revenue is None or consumed is None or reserved is None or most is None or cost is None:
        names = ("margin_usd", "margin_share", "consumed_margin_usd", "worst_margin_usd", "worst_margin_share",
                 "loss_exposure_usd")  # fmt: skip
        return dict.fromkeys(names)
    ten = D("0.0000000001")
    return {
        "margin_usd": revenue - reserved,
        "margin_share": ((revenue - reserved) / revenue).quantize(ten),
        "consumed_margin_usd": revenue - consumed,
        "worst_margin_usd": most - cost,
        "worst_margin_share": ((most - cost) / most).quantize(ten),
        "loss_exposure_usd": max(D(0), cost - most),
    }

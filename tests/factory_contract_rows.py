"""The rows of the run that tests/factories.py makes, of single contracts: use at multiples, pools, lots, SLA tiers.

The flat fee (cygnus) is the worked contract of the methods: $90,000, 32, 48 and 64 accelerators, m* 2.635.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal as D
from typing import Any

from capacity.lib.horizon import Horizon

Row = dict[str, Any]
TEN = D("0.0000000001")
# Must never reach a price-blind role: no other figure has these digits.
USE_MONEY = ("89317.13", "-3397.41", "42617.19", "8931.71")
_MULTIPLES = (("multiple", 1), ("multiple", 2), ("multiple", 3), ("worst", 3))
_SIZES = {
    "acme_pt": (140, 140, 160, 160),
    "borealis_api": (100, 150, 200, 200),
    "cygnus_flat": (32, 48, 64, 64),
    "delta_pilot": (None, None, None, None),
}
_MONEY: dict[str, Sequence[tuple[str, str] | None]] = {
    "acme_pt": (("89317.13", "46699.94"),) * 4,
    "borealis_api": (("61234.56", "20440.00"), ("122469.12", "30660.00"), ("183703.68", "40880.00")) + (
        ("183703.68", "40880.00"),),
    "cygnus_flat": (("90000", "46720"), ("90000", "70080"), ("90000", "93440"), ("90000", "93440")),
    "delta_pilot": (None, None, None, None),
}  # fmt: skip
CURVE = [["0.0000", "66640.00"], ["1.3176", "43280.00"], ["1.3176", "31600.00"], ["1.7569", "31600.00"],
         ["1.7569", "19920.00"], ["2.1961", "19920.00"], ["2.1961", "8240.00"], ["2.6353", "8240.00"],
         ["2.6353", "-3397.41"], ["3.3000", "-3397.41"]]  # fmt: skip


def multiple_rows(owners: dict[str, str]) -> list[Row]:
    """1 ×, 2 ×, 3 × and worst use of the four contracts; the last is not sized."""
    return [
        {
            "contract_key": key,
            "owner_username": owner,
            "position": position,
            "basis": basis,
            "on_date": date(2026, 11, 23),
            "hours": 730,
            "multiple": D(multiple),
            "used_multiple": D(multiple),
            "accelerators": _SIZES[key][position],
            "capacity_gap_accelerators": _gap(key, position),
            **_money(_MONEY[key][position]),
            "break_even_reason": "revenue_follows_use" if position == 0 and key == "borealis_api" else "",
            "curve": CURVE if position == 0 and key == "cygnus_flat" else [],
        }
        for key, owner in owners.items()
        for position, (basis, multiple) in enumerate(_MULTIPLES)
    ]


def _gap(key: str, position: int) -> int | None:
    size, first = _SIZES[key][position], _SIZES[key][0]
    return None if size is None or first is None else size - first


def _money(pair: tuple[str, str] | None) -> Row:
    names = ("revenue_usd", "reserved_cost_usd", "consumed_cost_usd", "margin_usd", "margin_share", "loss_exposure_usd")
    if pair is None:
        return dict.fromkeys(names)
    revenue, cost = D(pair[0]), D(pair[1])
    return {
        "revenue_usd": revenue,
        "reserved_cost_usd": cost,
        "consumed_cost_usd": cost / 4,
        "margin_usd": revenue - cost,
        "margin_share": ((revenue - cost) / revenue).quantize(TEN),
        "loss_exposure_usd": max(D(0), cost - revenue),
    }


def pool_rows(horizon: Horizon, owners: dict[str, str], pool: str) -> list[Row]:
    """The flat fee is served from one pool, 30 and then 32.5 accelerators a week."""
    weekly = ["30", *["32.5"] * (len(horizon) - 1)]
    return [
        {
            "contract_key": "cygnus_flat",
            "owner_username": owners["cygnus_flat"],
            "pool_key": pool,
            "pool_name": "B200 EU West",
            "first_week": horizon.first.key,
            "last_week": horizon.last.key,
            "weeks": len(horizon),
            "mean_accelerators": D("31.8750"),
            "most_accelerators": D("32.5000"),
            "weekly": weekly,
        }
    ]


def lot_rows(owners: dict[str, str], pool: str) -> list[Row]:
    """Of its two lots one is leased and leaves 12 weeks before the contract ends, the other stays."""
    shared = {
        "contract_key": "cygnus_flat",
        "owner_username": owners["cygnus_flat"],
        "pool_key": pool,
        "supplier_name": "Northgate",
        "rate_basis": "leased",
        "contract_ends_date": date(2027, 6, 30),
    }
    return [
        {**shared, "lot_key": "b200_lot1", "source_type": "leased", "lot_accelerators": 256,
         "starts_date": date(2026, 3, 2), "ends_date": date(2027, 4, 7), "usd_per_hour": D("3.3100"),
         "part_accelerators": D("20.0000"), "weeks_uncovered": 12},
        {**shared, "lot_key": "b200_lot2", "source_type": "leased", "lot_accelerators": 128,
         "starts_date": date(2026, 12, 7), "ends_date": date(2028, 12, 4), "usd_per_hour": None, "rate_basis": "",
         "part_accelerators": D("12.5000"), "weeks_uncovered": 0},
    ]  # fmt: skip


def sla_rows(owners: dict[str, str]) -> list[Row]:
    """The provisioned contract promises the standard tiers, of a fee that nobody else has."""
    fee = D("89317.13")
    return [
        {
            "contract_key": "acme_pt",
            "owner_username": owners["acme_pt"],
            "position": position,
            "metric": "uptime",
            "region": "",
            "below_share": D(below),
            "credit_share": D(credit),
            "is_standard": True,
            "allowed_minutes": (1 - D(below)) * 43200,
            "fee_usd": fee,
            "credit_usd": fee * D(credit),
            "chance": None,
            "expected_usd": None,
            "expected_make_good_usd": None,
        }
        for position, (below, credit) in enumerate((("0.999", "0.1"), ("0.99", "0.25"), ("0.95", "1")))
    ]

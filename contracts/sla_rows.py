"""Contracts of a plan → rows of the table of SLA tiers in dollars: what a month below each bound credits. Pure.

The fee is the planning month's charge at expected use; what is to be expected of a tier is its chance × its credit and
make-good, unknown without a chance (methods: Credits).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.money import exact_context
from contracts.domain.credits import allowed_downtime_minutes, expected_credit
from contracts.lines import STANDARD_TIERS
from contracts.use import MeasuredContract

# Downtime is stated for a month of thirty days, as SLAs do.
DAYS = 30

Row = dict[str, Any]


def sla_rows(
    *,
    contracts: Iterable[Sequence[MeasuredContract]],
    lines: Sequence[Mapping[str, Any]],
    fees: Mapping[str, Decimal | None],
) -> list[Row]:
    """The tiers of every contract in its first week in the horizon, the first to be missed first.

    lines: rows of sla_lines. fees: contract key → USD of the planning month, None = unknown.
    """
    found = []
    with localcontext(exact_context()):
        for versions in contracts:
            row = min(versions, key=lambda each: each.indexes[0]).contract.row
            tiers = _tiers(row, lines)
            fee = fees.get(row["key"])
            for position, tier in enumerate(tiers):
                found.append(
                    {
                        "contract_key": row["key"],
                        "owner_username": row["owner"] or "",
                        "position": position,
                        **{name: value for name, value in tier.items() if name != "make_good_usd"},
                        "allowed_minutes": allowed_downtime_minutes(below_share=tier["below_share"], days=DAYS),
                        "fee_usd": fee,
                        **_amounts(tier, fee),
                    }
                )
    return found


def _amounts(tier: Mapping[str, Any], fee: Decimal | None) -> dict[str, Decimal | None]:
    credit = None if fee is None else credit_of(fee_usd=fee, share=tier["credit_share"])
    chance, make_good = tier["chance"], tier["make_good_usd"]
    expected = None
    if fee is not None and chance is not None:
        expected = expected_credit(chance=chance, credit_share=tier["credit_share"], fee_usd=fee)
    return {
        "credit_usd": credit,
        "expected_usd": expected,
        "expected_make_good_usd": None if make_good is None or chance is None else chance * make_good,
    }


def credit_of(*, fee_usd: Decimal, share: Decimal) -> Decimal:
    """What a month in a tier credits: its share of the fee, at most the fee."""
    with localcontext(exact_context()):
        return fee_usd * min(share, Decimal(1))


def _tiers(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> list[Row]:
    own = [line for line in lines if (line["contract"], line["contract_version"]) == (row["key"], row["version"])]
    if not own and row["has_sla"]:
        return [
            {
                "metric": "uptime",
                "region": "",
                "below_share": tier.below_share,
                "credit_share": tier.credit_share,
                "is_standard": True,
                "chance": None,
                "make_good_usd": None,
            }
            for tier in STANDARD_TIERS
        ]
    ordered = sorted(own, key=lambda line: (line["metric"] != "uptime", line["region"], -line["below_share"]))
    return [
        {
            "metric": line["metric"],
            "region": line["region"],
            "below_share": line["below_share"],
            "credit_share": line["credit_share"],
            "is_standard": False,
            "chance": line.get("chance"),
            "make_good_usd": line.get("make_good_usd"),
        }
        for line in ordered
    ]

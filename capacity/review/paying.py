"""What each contract pays and costs for the accelerator-hours it holds, by model tier, and frontier use at a loss. Pure.

Works on visible rows: a figure of which a part is hidden is hidden, one of which a part is not known is not known. The
month is the contract's planning month at its expected use, alone (methods: Paying for the expensive path).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.figures import NOTHING, RESTRICTED, Absent
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import exact
from capacity.review.tables import Row

# The position of use at 1 × the expected among a contract's multiples.
EXPECTED = 0
AT_A_LOSS = "at a loss"
_TIERS = ("frontier", "mid", "small")


def paying_rows(contracts: Sequence[Row], months: Iterable[Mapping[str, Any]]) -> list[Row]:
    """The contracts served by a model, of which the reader may know the revenue: dearest tier first, best payer first.

    contracts: visible rows of exposure. months: of use at multiples, of which those at 1 × count; those of contracts the
    reader may not know are not among them.
    """
    month_of = {month["contract_key"]: month for month in months if month["position"] == EXPECTED}
    with localcontext(exact_context()):
        found = [
            _paying(row, month_of[row["contract_key"]])
            for row in contracts
            if row["contract_key"] in month_of and row["model_tier"]
        ]
    return sorted((row for row in found if row["revenue_per_hour_usd"] is not RESTRICTED), key=_order)


def _order(row: Row) -> tuple[int, Decimal, str]:
    tier, revenue = row["model_tier"], row["revenue_per_hour_usd"]
    place = _TIERS.index(tier) if tier in _TIERS else len(_TIERS)
    return place, -revenue if isinstance(revenue, Decimal) else Decimal("Infinity"), str(row["label"])


def _paying(row: Row, month: Mapping[str, Any]) -> Row:
    margin = month["margin_usd"]
    return {
        "contract_key": row["contract_key"],
        "label": row["label"],
        "model_tier": row["model_tier"],
        "model_name": row["model_name"],
        "shape": row["shape"],
        "accelerators": NOTHING if month["accelerators"] is None else month["accelerators"],
        "revenue_per_hour_usd": per_hour(month["revenue_usd"], month["accelerators"], month["hours"]),
        "cost_per_hour_usd": per_hour(month["reserved_cost_usd"], month["accelerators"], month["hours"]),
        "margin_share": NOTHING if month["margin_share"] is None else month["margin_share"],
        "at_a_loss": AT_A_LOSS if isinstance(margin, Decimal) and margin < 0 else "",
    }


def per_hour(usd: Any, accelerators: Any, hours: Any) -> Any:
    """USD ÷ (accelerators × hours): $46,720 for 32 accelerators over 730 hours are $2.00. Nothing where it holds none."""
    parts = (usd, accelerators, hours)
    for part in parts:
        if isinstance(part, Absent):
            return part
    if None in parts:
        return NOTHING
    # A band of an amount would make a band of the quotient, and with it narrow the amount.
    if not isinstance(usd, Decimal):
        return RESTRICTED
    return to_decimal(exact(usd) / (accelerators * hours)) if accelerators and hours else NOTHING


def paying_verdict(rows: Sequence[Row]) -> str:
    """One sentence on the frontier: how many contracts use it, and how many of them do not pay for it; "" without any."""
    frontier = [row for row in rows if row["model_tier"] == "frontier"]
    if not frontier:
        return ""
    losing = sum(bool(row["at_a_loss"]) for row in frontier)
    unknown = sum(not isinstance(row["revenue_per_hour_usd"], Decimal) for row in frontier)
    said = f"{len(frontier)} on frontier models: "
    said += f"{losing} at a loss" if losing else "none at a loss"
    return f"{said}{f', {unknown} of unknown revenue' if unknown else ''}."

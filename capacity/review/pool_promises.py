"""What a contract that stands on a pool has promised, in a cell: its strictest SLA tier and its largest credit. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from capacity.lib.figures import NOTHING, RESTRICTED, share, usd
from capacity.review.tables import Row
from capacity.review.words import word

_NO_SLA = {"sla": NOTHING, "credit": NOTHING}


def promises(slas: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Contract → {sla, credit}. slas: visible rows of SLA tiers; a contract without one promises none.

    credit: of a month below the lowest tier, restricted where the reader may not know it.
    """
    tiers: dict[str, list[Row]] = defaultdict(list)
    for row in slas:
        tiers[row["contract_key"]].append(row)
    return {
        key: {"sla": _words(rows), "credit": _largest([row["credit_usd"] for row in rows])}
        for key, rows in tiers.items()
    }


def promise_of(found: dict[str, dict[str, Any]], contract_key: Any) -> dict[str, Any]:
    """The contract's cells; nothing for what is no contract or has no SLA."""
    return found.get(contract_key, _NO_SLA)


def _words(rows: Sequence[Row]) -> str:
    strictest = max(rows, key=lambda row: row["below_share"])
    return (
        f"{word('metric', strictest['metric'])} {share(strictest['below_share'], places=2)}, credits {_credits(rows)}"
    )


def _credits(rows: Sequence[Row]) -> str:
    low, high = min(row["credit_share"] for row in rows), max(row["credit_share"] for row in rows)
    return share(high, places=0) if low == high else f"{share(low, places=0)} to {share(high, places=0)}"


def _largest(values: Sequence[Any]) -> Any:
    if any(value is RESTRICTED for value in values):
        return RESTRICTED
    # One that is not known could be the largest.
    if not all(isinstance(value, Decimal) for value in values):
        return NOTHING
    return usd(max(values))

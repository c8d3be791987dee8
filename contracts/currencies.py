"""Prices in other currencies → US dollars, at the latest rate on file that is not after the plan's day. Pure.

Not here: which prices a contract has (lines.py) and what an invoice was settled at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

BASE = "USD"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """US dollars for one unit of a currency, and the day of the rate (None for the dollar itself)."""

    currency: str
    usd_per_unit: Decimal
    as_of_date: date | None = None


def rates_on(*, rows: Iterable[Mapping[str, Any]], day: date) -> dict[str, Rate]:
    """Currency → its latest rate on or before the day. The dollar is always there. (methods: Currencies)

    1.10 of 1 November and 1.08 of 15 November: on the 22nd a euro is 1.08, on the 10th 1.10, in October unknown.
    """
    found = {BASE: Rate(currency=BASE, usd_per_unit=Decimal(1))}
    for row in rows:
        currency, taken = row["currency"], row["as_of_date"]
        known = found.get(currency)
        if currency == BASE or taken > day:
            continue
        if known is None or known.as_of_date is None or taken > known.as_of_date:
            found[currency] = Rate(currency=currency, usd_per_unit=row["usd_per_unit"], as_of_date=taken)
    return found

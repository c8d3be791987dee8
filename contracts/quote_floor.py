"""The price floor of a quote: which price or prices, and what each has to be, for a target margin. Pure.

What the bill is and what it costs is quotes.py's; the arithmetic is domain/quote.py (methods: Quotes).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from contracts.domain.margin import ContractResult
from contracts.domain.quote import lowest_factor, lowest_price, times
from contracts.lines import UNIT_PRICES

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class FloorLine:
    """A price or money commitment as asked, and the least it may be where all move together. In the contract's currency."""

    kind: str
    starts: date
    tier_from: Decimal
    asked: Decimal
    least: Decimal
    is_commitment: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceFloor:
    """The lowest price for the target margin, in the contract's currency. price None: `reason` says why.

    moves: "one" where a single price is all that is billed, "all" where all prices, and "commitments" where all prices
    and money commitments × factor are needed; lines are then what each becomes, kind and price those of the line that
    earns most.
    """

    kind: str = ""
    asked: Decimal | None = None
    price: Decimal | None = None
    reason: str = ""
    currency: str = "USD"
    moves: str = ""
    factor: Decimal | None = None
    lines: tuple[FloorLine, ...] = ()


def price_floor(
    *,
    weeks: Sequence[ContractResult],
    revenue_usd: Decimal,
    cost_usd: Decimal,
    target_share: Decimal,
    prices: Sequence[Row],
    steps: Sequence[Row],
    currency: str,
) -> PriceFloor:
    """The least of the single price that is billed; else of all prices and money commitments together.

    weeks: with their bills at expected use; prices, steps: the quote's own rows, in its currency.
    """
    amounts: dict[str, Decimal] = {}
    for week in weeks:
        for line in week.planned.bill.lines:
            kind = UNIT_PRICES[line.key][0] if line.key in UNIT_PRICES else line.key
            amounts[kind] = amounts.get(kind, Decimal(0)) + line.amount_usd
    first: dict[str, Decimal] = {}
    for row in sorted(prices, key=lambda row: (row["tier_from"], row["starts_date"])):
        first.setdefault(row["kind"], row["price"])
    billed = {kind: amount for kind, amount in amounts.items() if kind in first and amount > 0}
    if not billed:
        return PriceFloor(reason="Nothing is billed in the planned weeks: give it a price.")
    kind = max(sorted(billed), key=lambda each: billed[each])
    found = PriceFloor(kind=kind, asked=first[kind], currency=currency)
    sums = {"revenue_usd": revenue_usd, "cost_usd": cost_usd, "target_share": target_share}
    money = [row for row in steps if "usd" in row["kind"]]
    of_kind = [row for row in prices if row["kind"] == kind]
    if not money and len(of_kind) == 1 and all(not amount for each, amount in amounts.items() if each != kind):
        price = lowest_price(price=first[kind], **sums)
        if price is not None:
            return replace(found, price=price, moves="one")
    factor = lowest_factor(**sums)
    if factor is None or not first[kind]:
        return replace(found, reason="No price of this line earns the margin: another one carries the bill.")
    return replace(
        found,
        price=times(first[kind], factor),
        moves="commitments" if money else "all",
        factor=factor,
        lines=tuple(_floor_lines(prices, money, factor)),
    )


def _floor_lines(prices: Sequence[Row], money: Sequence[Row], factor: Decimal) -> Iterator[FloorLine]:
    for rows, name in ((prices, "price"), (money, "quantity")):
        for row in rows:
            yield FloorLine(
                kind=str(row["kind"]),
                starts=row["starts_date"],
                tier_from=row.get("tier_from") or Decimal(0),
                asked=row[name],
                least=times(row[name], factor),
                is_commitment=name == "quantity",
            )

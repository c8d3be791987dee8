"""A quote as it is kept: the columns of a contract and its lines as texts, the way files write them; and its variations.

Pure: a payload in, a payload out. It is what a what-if adds to a run's inputs and what becomes the deal's rows
(methods: Quotes). What it says of money and capacity is contracts/quotes.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import to_decimal
from capacity.lib.units import ceil_fraction

Payload = Mapping[str, Any]
Line = Mapping[str, str]

# A space: no key that people give has one (capacity/imports/limits.py), so that no row of theirs is ever the quote's.
KEY, VERSION = "new quote", "1"
LINE_TABLES = ("price_lines", "commit_steps", "sla_lines")
# Key columns of a line that the payload itself gives; the contract and its version are the quote's.
LINE_KEYS = {
    "price_lines": ("kind", "starts_date", "tier_from"),
    "commit_steps": ("kind", "starts_date"),
    "sla_lines": ("metric", "below_share", "region"),
}
UNIT_KINDS = {
    "dedicated_accelerators": ("accelerators",),
    "provisioned_throughput": ("throughput_units",),
    "token_bundles": ("input_bundles", "output_bundles"),
}
_DATES = ("starts_date", "ends_date", "pin_ends_date")
# What grows and shrinks with the volume of a contract without units.
_VOLUME_COLUMNS = (
    "input_tokens_per_second",
    "output_tokens_per_second",
    "rate_limit_input_tokens_per_minute",
    "rate_limit_output_tokens_per_minute",
    "rate_limit_requests_per_minute",
    "seats",
    "fair_use_tokens_per_month",
)
_WHOLE_COLUMNS = _VOLUME_COLUMNS[2:]
_WHOLE_KINDS = {"accelerators", "throughput_units", "input_bundles", "output_bundles", "seats", "tokens_month"}
_CENTS = Decimal("0.01")


def lines_of(payload: Payload, table: str) -> list[Line]:
    return list(payload.get(table, ()))


def column(payload: Payload, name: str) -> str:
    return str(payload["contract"].get(name, ""))


def starts(payload: Payload) -> date:
    return date.fromisoformat(column(payload, "starts_date"))


def ends(payload: Payload) -> date:
    return date.fromisoformat(column(payload, "ends_date"))


def shape(payload: Payload) -> str:
    return column(payload, "shape")


def with_columns(payload: Payload, **columns: str) -> dict[str, Any]:
    """The payload with these contract columns in place of its own; empty ones are left out."""
    contract = {**payload["contract"], **columns}
    return {**payload, "contract": {name: text for name, text in contract.items() if text != ""}}


def later(payload: Payload, *, weeks: int) -> dict[str, Any]:
    """Everything dated moved by whole weeks: the term, the pin, prices and steps. What was measured stays."""
    moved = {name: _moved(text, weeks) for name in _DATES if (text := column(payload, name))}
    lines = {
        table: [
            {name: _moved(text, weeks) if name in _DATES and text else text for name, text in line.items()}
            for line in lines_of(payload, table)
        ]
        for table in LINE_TABLES
    }
    return {**with_columns(payload, **moved), **lines}


def _moved(text: str, weeks: int) -> str:
    return (date.fromisoformat(text) + timedelta(weeks=weeks)).isoformat()


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """What a smaller volume is counted in: units of the largest step, or hundredths of the tokens. noun: for people."""

    most: int
    noun: str


def volume_of(payload: Payload, *, has_tokens: bool) -> Volume | None:
    """None for a contract whose volume nothing says."""
    kinds = UNIT_KINDS.get(shape(payload), ())
    units = [Decimal(line["quantity"]) for line in lines_of(payload, "commit_steps") if line["kind"] in kinds]
    if kinds:
        most = int(max(units, default=Decimal(0)))
        if not most:
            return None
        return Volume(most=most, noun=kinds[0].replace("_", " ")) if len(kinds) == 1 else Volume(most=100, noun="%")
    return Volume(most=100, noun="%") if has_tokens else None


def with_volume(payload: Payload, *, part: int, of: int) -> dict[str, Any]:
    """The payload with part ÷ of its volume: units and counts rounded down, tokens and money in proportion.

    Without units the fixed fee, what it includes and where tiers begin go with the volume; what a seat may use does not.
    """
    share = Fraction(part, of)
    kinds = UNIT_KINDS.get(shape(payload), ())
    per_seat = {"fair_use_tokens_per_month"} if _counts_seats(payload) else set()
    steps = [
        {**line, "quantity": _scaled(line["quantity"], share, is_whole=line["kind"] in _WHOLE_KINDS)}
        if not kinds or line["kind"] in kinds
        else line
        for line in lines_of(payload, "commit_steps")
    ]
    columns = {
        name: _scaled(text, share, is_whole=name in _WHOLE_COLUMNS)
        for name in (() if kinds else _VOLUME_COLUMNS)
        if name not in per_seat and (text := column(payload, name))
    }
    prices = lines_of(payload, "price_lines")
    if not kinds:
        prices = [_scaled_line(line, share) for line in prices]
    return {**with_columns(payload, **columns), "price_lines": prices, "commit_steps": steps}


def _counts_seats(payload: Payload) -> bool:
    return bool(column(payload, "seats")) or any(line["kind"] == "seats" for line in lines_of(payload, "commit_steps"))


def _scaled_line(line: Line, share: Fraction) -> Line:
    """A price at a smaller volume: each unit costs what it did, what is by the volume shrinks with it."""
    names = ("included_quantity", "tier_from", *(("price",) if line["kind"] == "fee_month" else ()))
    scaled = {name: _scaled(text, share, is_whole=False) for name in names if (text := line.get(name, ""))}
    return {**line, **scaled}


def _scaled(text: str, share: Fraction, *, is_whole: bool) -> str:
    amount = Fraction(Decimal(text)) * share
    if is_whole:
        return str(max(1, amount.numerator // amount.denominator)) if Decimal(text) > 0 else text
    return f"{to_decimal(amount).quantize(Decimal('0.0001')).normalize():f}"


def with_limit(payload: Payload, *, hundredths: int, usage: Mapping[str, Any]) -> dict[str, Any]:
    """A rate limit at so many hundredths of the expected tokens: a peak above it is refused."""
    limits = {
        f"rate_limit_{side}_tokens_per_minute": str(
            max(1, ceil_fraction(Fraction(usage[f"{side}_tokens_per_second"]) * 60 * Fraction(hundredths, 100)))
        )
        for side in ("input", "output")
        if usage[f"{side}_tokens_per_second"]
    }
    return with_columns(payload, **limits)


def with_ramp(payload: Payload, *, part: int, of: int, full_from: date) -> dict[str, Any]:
    """Units in two steps: part ÷ of them from the start (none where part is 0), all of them from a day."""
    kinds = UNIT_KINDS[shape(payload)]
    steps: list[Line] = []
    for line in lines_of(payload, "commit_steps"):
        if line["kind"] not in kinds:
            steps.append(line)
            continue
        if part:
            units = _scaled(line["quantity"], Fraction(part, of), is_whole=True)
            steps.append({**line, "starts_date": column(payload, "starts_date"), "quantity": units})
        steps.append({**line, "starts_date": full_from.isoformat()})
    return {**payload, "commit_steps": steps}


def may_ramp(payload: Payload) -> bool:
    """Units that are all there from the first day: what a ramp spreads."""
    kinds = UNIT_KINDS.get(shape(payload), ())
    mine = [line for line in lines_of(payload, "commit_steps") if line["kind"] in kinds]
    first = column(payload, "starts_date")
    return (
        bool(mine)
        and len({line["kind"] for line in mine}) == len(mine)
        and all(not line.get("starts_date") or line["starts_date"] <= first for line in mine)
    )


def scaled_prices(payload: Payload, *, by: Fraction) -> dict[str, Any]:
    """Every price, and every commitment in money, times a factor, unrounded as far as a column can hold it."""
    return {
        **payload,
        "price_lines": [
            {**line, "price": f"{to_decimal(Fraction(Decimal(line['price'])) * by).quantize(Decimal('1e-8')):f}"}
            for line in lines_of(payload, "price_lines")
        ],
        "commit_steps": [
            {**line, "quantity": f"{to_decimal(Fraction(Decimal(line['quantity'])) * by).quantize(Decimal('1e-4')):f}"}
            if "usd" in line["kind"]
            else line
            for line in lines_of(payload, "commit_steps")
        ],
    }


def changes_of(
    payload: Payload, *, key: str = KEY, version: str = VERSION, state: str = "signed"
) -> list[dict[str, Any]]:
    """The rows the quote adds to a run's inputs, in the form of a what-if. A customer who is not named is a stand-in."""
    customer = column(payload, "customer")
    changes: list[dict[str, Any]] = []
    if not customer:
        changes.append(_added("customers", [key], {"name": "New customer", "alias": key}))
    values = {
        **{name: text for name, text in payload["contract"].items() if name != "customer"},
        "name": str(payload.get("name") or "Quote"),
        "customer": customer or key,
        "state": state,
    }
    changes.append(_added("contracts", [key, version], values))
    for table in LINE_TABLES:
        changes += [_line_added(table, [key, version], line) for line in lines_of(payload, table)]
    return changes


def _added(table: str, key: Sequence[str], values: Mapping[str, str]) -> dict[str, Any]:
    return {"table": table, "key": list(key), "op": "added", "values": dict(values)}


def _line_added(table: str, contract: Sequence[str], line: Line) -> dict[str, Any]:
    names = LINE_KEYS[table]
    key = [*contract, *(line.get(name, "") or ("0" if name == "tier_from" else "") for name in names)]
    return _added(table, key, {name: text for name, text in line.items() if name not in names and text != ""})

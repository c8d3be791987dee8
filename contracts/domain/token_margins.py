"""Margins per cached token and per seat of a contract, from its prices and the unit costs of its streams.

The formulas are unit_margin.py; here they get their prices and costs (methods: Seats, Cached input).
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal
from contracts.domain.agreement import Version
from contracts.domain.month import Month
from contracts.domain.streams import SizedStream
from contracts.domain.terms import ContractTerms, Meter, PriceLine
from contracts.domain.unit_margin import CachedMargin, SeatMargin, cached_margin, seat_margin
from workloads.domain.unit_cost import TokenCosts, token_costs


def cached_margins(*, month: Month) -> dict[str, CachedMargin]:
    """Stream → the margin of its input at its hit share, where cached input has a price of its own. (methods: Cached input)"""
    found = {}
    for each in month.streams:
        costs = _costs(each, "at target utilisation")
        prices = [_price(month.terms, each.stream.key, meter) for meter in _INPUT]
        if costs is None or each.stream.traffic is None or each.stream.profile is None:
            continue
        fresh, cached, written = prices
        if not fresh or cached is None:
            continue
        with localcontext(exact_context()):
            found[each.stream.key] = cached_margin(
                price_usd=fresh,
                cached_price_ratio=cached / fresh,
                cost_usd=costs.input_uncached_usd,
                cached_cost_ratio=to_decimal(each.stream.profile.cached_cost_ratio),
                hit_share=to_decimal(each.stream.traffic.cache_hit_share),
                written_share=each.stream.written_share,
                write_price_premium=Decimal(0) if written is None else written / fresh - 1,
            )
    return found


_INPUT = (Meter.INPUT_UNCACHED, Meter.INPUT_CACHED, Meter.CACHE_WRITE)


def _price(terms: ContractTerms, stream: str, meter: Meter) -> Decimal | None:
    """The first price per million of a line that counts this meter alone, or beside nothing it is compared with."""
    lines = [line for line in terms.price_lines if _counts(line, stream, meter) and line.per]
    if not lines:
        return None
    line = lines[0]
    with localcontext(exact_context()):
        times = terms.usage_multiplier if line.takes_multiplier else Decimal(1)
        return line.tiers[0].unit_price_usd * times * 1_000_000 / line.per


def _counts(line: PriceLine, stream: str, meter: Meter) -> bool:
    return meter in line.meters or f"{stream}.{meter}" in line.meters


def _costs(each: SizedStream, basis: str) -> TokenCosts | None:
    if each.stream.profile is None or each.rate_usd_per_hour is None:
        return None
    need = each.need_at(Fraction(1))
    costs = token_costs(profile=each.stream.profile, rate_usd_per_hour=each.rate_usd_per_hour, need=need)
    return next((cost for cost in costs if cost.basis == basis), None)


def seats_of(*, version: Version, month: Month) -> SeatMargin | None:
    """The margin of the seats with their segments; None without segments or without a cost per million tokens.

    The cost is the one given, else the first stream's fully loaded cost of an output token. (methods: Seats)
    """
    use = version.seats
    if use is None:
        return None
    fee = next(fee for fee in version.terms.fixed_fees if fee.key == use.fee_key)
    cost = use.usd_per_million_tokens
    if cost is None and month.streams:
        loaded = _costs(month.streams[0], "fully loaded")
        cost = None if loaded is None else loaded.output_usd
    if cost is None:
        return None
    cap = use.fair_use_million_tokens
    segments = [
        each if cap is None else replace(each, million_tokens=min(each.million_tokens, cap)) for each in use.segments
    ]
    return seat_margin(seats=fee.quantity, price_usd=fee.unit_price_usd, segments=segments, cost_usd_per_million=cost)

"""Margin per seat and per cached token: the shapes whose average hides who loses money (methods: Seats, Cached input).

Pure arithmetic on prices and unit costs; the whole contract's margin is in margin.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from contracts.domain.terms import TermsError


@dataclass(frozen=True, kw_only=True, slots=True)
class SeatSegment:
    """share of the seats, and what one of them uses in millions of tokens a month."""

    key: str
    share: Decimal
    million_tokens: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class SeatMargin:
    """margin_by_segment_usd: $ a month per seat of each segment; break_even: million tokens a seat may use."""

    mean_million_tokens: Decimal
    revenue_usd: Decimal
    cost_usd: Decimal
    margin_share: Decimal | None
    break_even_million_tokens: Decimal | None
    margin_by_segment_usd: dict[str, Decimal]


def seat_margin(
    *, seats: int | Decimal, price_usd: Decimal, segments: Sequence[SeatSegment], cost_usd_per_million: Decimal
) -> SeatMargin:
    """Revenue n·price against n·Σ share·use·unit cost. 1,000 × $60 at 80/15/5 %: 78.4 %. (methods: Seats)

    Raises TermsError when the shares do not sum to 1.
    """
    if sum((exact(segment.share) for segment in segments), Fraction(0)) != 1:
        raise TermsError("The shares of the seat segments must sum to 1.")
    unit = exact(cost_usd_per_million)
    mean = sum((exact(segment.share) * exact(segment.million_tokens) for segment in segments), Fraction(0))
    sold = exact(seats)
    revenue, cost = sold * exact(price_usd), sold * mean * unit
    return SeatMargin(
        mean_million_tokens=to_decimal(mean),
        revenue_usd=to_decimal(revenue),
        cost_usd=to_decimal(cost),
        margin_share=to_decimal(1 - cost / revenue) if revenue else None,
        break_even_million_tokens=to_decimal(exact(price_usd) / unit) if unit else None,
        margin_by_segment_usd={
            segment.key: to_decimal(exact(price_usd) - exact(segment.million_tokens) * unit) for segment in segments
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class CachedMargin:
    """$ per million input tokens at a hit share. caching_lowers_margin: caching cuts the price more than the cost."""

    price_usd: Decimal
    cost_usd: Decimal
    margin_share: Decimal | None
    caching_lowers_margin: bool


def cached_margin(
    *,
    price_usd: Decimal,
    cached_price_ratio: Decimal,
    cost_usd: Decimal,
    cached_cost_ratio: Decimal,
    hit_share: Decimal,
    written_share: Decimal = Decimal(0),
    write_price_premium: Decimal = Decimal(0),
    write_cost_premium: Decimal = Decimal(0),
) -> CachedMargin:
    """price p[(1−h)+h·d + v·q_p] against cost c[(1−h)+h·κ + v·q_c]; v = share of the input written to the cache.

    With d 0.1 and κ 0.25: 66.7 % at h = 0, 52.4 % at h = 0.8. Flag: κ > d; where writes are known, whether hits and
    writes together cut the price more than the cost: h(κ − d) + v(q_c − q_p) > 0. (methods: Cached input)
    """
    hit, price, cost = exact(hit_share), exact(price_usd), exact(cost_usd)
    if not 0 <= hit <= 1:
        raise TermsError("The cache hit share is between 0 and 1.")
    cached_price = exact(cached_price_ratio)
    cached_cost, written = exact(cached_cost_ratio), exact(written_share)
    earned = price * ((1 - hit) + hit * cached_price + written * exact(write_price_premium))
    spent = cost * ((1 - hit) + hit * cached_cost + written * exact(write_cost_premium))
    net_write = written * (exact(write_cost_premium) - exact(write_price_premium))
    lowers = cached_cost > cached_price if not written else hit * (cached_cost - cached_price) + net_write > 0
    return CachedMargin(
        price_usd=to_decimal(earned),
        cost_usd=to_decimal(spent),
        margin_share=to_decimal(1 - spent / earned) if earned else None,
        caching_lowers_margin=lowers,
    )

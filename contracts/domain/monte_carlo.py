"""Seeded draws of use: what the portfolio may earn, and how many accelerators may be missing (methods: Chances of use).

Pure: floats inside, since a draw is no invoice; the same facts and seed give the same numbers, byte for byte. Every
contract draws from a stream of its own, seeded by its key, so that a contract more or less moves no other one's draws.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import add, mul
from statistics import NormalDist

_NORMAL = NormalDist()
Z90 = _NORMAL.inv_cdf(0.9)
# The least and most a uniform draw may be, so that its normal quantile is finite.
_TINY = 2.0**-53
MARKET = "market"
# Before the key of a contract: what moves an asked load. Its use, but at least as expected where it is owed its capacity;
# its use if it is renewed; whether it is renewed, of what is reserved whatever the use.
OWED = "owed to "
RENEWAL = "renewal of "
RENEWED_WHOLE = "whole renewal of "


@dataclass(frozen=True, kw_only=True, slots=True)
class Knot:
    """What a contract earns and costs over the horizon at a multiple of expected use, USD."""

    multiple: float
    revenue_usd: float
    cost_usd: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Draw:
    """A contract or own product whose use is drawn. p10, p90: multiples of P50, split-normal between and beyond.

    cap: the most use there can be (None: no cap). knots: in order of their multiples, straight between them and on
    beyond; none for what earns nothing. renewal_probability: of going on after its end; renewed: what it then earns and
    costs besides, at P50 and at P90 of use.
    """

    key: str
    p10: float = 1.0
    p90: float = 1.0
    cap: float | None = None
    knots: tuple[Knot, ...] = ()
    renewal_probability: float = 0.0
    renewed: tuple[Knot, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSpan:
    """A pool over some weeks: accelerators there for serving, and what asks for them at P50 on average.

    loads: (key of a Draw, or OWED, RENEWAL or RENEWED_WHOLE and its key) → accelerators at P50, of a key that is not
    drawn just these. fixed: accelerators that no draw moves.
    """

    pool: str
    weeks: int
    supply: float
    fixed: float
    loads: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """Quantiles and mean of a measure over all draws, and the share of the draws in which it is bad."""

    p10: float
    p50: float
    p90: float
    mean: float
    probability: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Chances:
    """What the draws say. A margin (in term: without renewals) is bad below 0, a shortfall (accelerator-weeks, in all
    and by pool) above 0."""

    draws: int
    seed: int
    margin_usd: Spread
    in_term_margin_usd: Spread
    revenue_usd: Spread
    cost_usd: Spread
    shortfall: Spread
    by_pool: Mapping[str, Spread]


def chances(*, facts: Sequence[Draw], pools: Sequence[PoolSpan], market_share: float, draws: int, seed: int) -> Chances:
    """Draw everybody's use `draws` times. (methods: Chances of use)

    market_share ρ: of each one's variance, the part common to all: z = √ρ × market + √(1 − ρ) × own. Raises ValueError
    for a share outside 0 to 1 or no draw.
    """
    if not 0 <= market_share <= 1 or draws < 1:
        raise ValueError(f"{draws} draws with {market_share} in common make no chances.")
    market = _normals(f"{seed}:{MARKET}", draws)
    revenue, cost = [0.0] * draws, [0.0] * draws
    more, spent = [0.0] * draws, [0.0] * draws
    factors: dict[str, list[float]] = {}
    asked = {key for span in pools for key in span.loads}
    for each in sorted(facts, key=lambda fact: fact.key):
        used = multiples(fact=each, market=market, market_share=market_share, seed=seed)
        factors[each.key] = used
        if OWED + each.key in asked:
            factors[OWED + each.key] = [max(1.0, multiple) for multiple in used]
        _add(revenue, cost, each.knots, used)
        if each.renewal_probability:
            uniform = random.Random(f"{seed}:{RENEWAL}{each.key}")
            renewed = [float(uniform.random() < each.renewal_probability) for _ in range(draws)]
            factors[RENEWAL + each.key] = list(map(mul, used, renewed))
            factors[RENEWED_WHOLE + each.key] = renewed
            _add(more, spent, each.renewed, used, renewed)
    in_term = [one - other for one, other in zip(revenue, cost, strict=True)]
    revenue, cost = list(map(add, revenue, more)), list(map(add, cost, spent))
    margin = [one - other for one, other in zip(revenue, cost, strict=True)]
    short = _shortfalls(pools, factors, draws)
    return Chances(
        draws=draws,
        seed=seed,
        margin_usd=_spread(margin, lambda value: value < 0),
        in_term_margin_usd=_spread(in_term, lambda value: value < 0),
        revenue_usd=_spread(revenue, lambda value: value < 0),
        cost_usd=_spread(cost, lambda value: value < 0),
        shortfall=_spread(
            [sum(column) for column in zip(*short.values(), strict=True)] if short else [0.0] * draws, _is_some
        ),
        by_pool={pool: _spread(values, _is_some) for pool, values in short.items()},
    )


def multiples(*, fact: Draw, market: Sequence[float], market_share: float, seed: int) -> list[float]:
    """Use in each draw as a multiple of P50: 1 + z × (1 − P10) ÷ z90 below, 1 + z × (P90 − 1) ÷ z90 above; 0 to cap."""
    common, own = math.sqrt(market_share), math.sqrt(1 - market_share)
    below, above = (1 - fact.p10) / Z90, (fact.p90 - 1) / Z90
    most = math.inf if fact.cap is None else max(1.0, fact.cap)
    if not below and not above:
        return [1.0] * len(market)
    alone = _normals(f"{seed}:{fact.key}", len(market))
    found = []
    for shared, single in zip(market, alone, strict=True):
        z = common * shared + own * single
        found.append(min(most, max(0.0, 1 + z * (below if z < 0 else above))))
    return found


def _normals(seed: str, count: int) -> list[float]:
    stream = random.Random(seed)
    return [_NORMAL.inv_cdf(min(1 - _TINY, max(_TINY, stream.random()))) for _ in range(count)]


def _add(
    revenue: list[float],
    cost: list[float],
    knots: Sequence[Knot],
    used: Sequence[float],
    weights: Sequence[float] | None = None,
) -> None:
    """Add what a contract earns and costs at its use in each draw; weights: of the draws in which it does."""
    if not knots:
        return
    if len(knots) == 1 or all(multiple == 1.0 for multiple in used):
        at = _between(knots, 1.0)
        for place in range(len(used)):
            weight = 1.0 if weights is None else weights[place]
            revenue[place] += at[0] * weight
            cost[place] += at[1] * weight
        return
    # The very figures of `_between`, thousands of times: what is the same for every draw is kept.
    lines = [
        (
            *(left.multiple, right.multiple - left.multiple),
            *(left.revenue_usd, right.revenue_usd - left.revenue_usd),
            *(left.cost_usd, right.cost_usd - left.cost_usd),
        )
        for left, right in pairwise(knots)
    ]
    inner = [knot.multiple for knot in knots[1:-1]]
    for place, multiple in enumerate(used):
        weight = 1.0 if weights is None else weights[place]
        if weight:
            start, width, earned, more, spent, dearer = lines[bisect_left(inner, multiple)]
            share = (multiple - start) / width
            revenue[place] += max(0.0, earned + share * more) * weight
            cost[place] += max(0.0, spent + share * dearer) * weight


def _between(knots: Sequence[Knot], multiple: float) -> tuple[float, float]:
    """(revenue, cost) at a multiple: on the straight line through the knots beside it, the last two beyond; at least 0."""
    if len(knots) == 1:
        return knots[0].revenue_usd, knots[0].cost_usd
    place = 1
    while place < len(knots) - 1 and multiple > knots[place].multiple:
        place += 1
    left, right = knots[place - 1], knots[place]
    share = (multiple - left.multiple) / (right.multiple - left.multiple)
    return (
        max(0.0, left.revenue_usd + share * (right.revenue_usd - left.revenue_usd)),
        max(0.0, left.cost_usd + share * (right.cost_usd - left.cost_usd)),
    )


def _shortfalls(
    pools: Sequence[PoolSpan], factors: Mapping[str, Sequence[float]], draws: int
) -> dict[str, list[float]]:
    """Pool → accelerator-weeks missing in each draw: Σ over its spans of weeks × max(0, need − supply)."""
    found: dict[str, list[float]] = {}
    for span in pools:
        short = found.setdefault(span.pool, [0.0] * draws)
        moving = [(factors[key], amount) for key, amount in sorted(span.loads.items()) if key in factors]
        fixed = span.fixed + sum(amount for key, amount in sorted(span.loads.items()) if key not in factors)
        most = fixed + sum(amount * max(values) for values, amount in moving)
        if most <= span.supply:
            continue
        over = fixed - span.supply
        if not moving:
            short[:] = [value + span.weeks * over for value in short]
            continue
        amounts = [amount for _, amount in moving]
        for place, values in enumerate(zip(*(column for column, _ in moving), strict=True)):
            missing = over + sum(map(mul, amounts, values))
            if missing > 0:
                short[place] += span.weeks * missing
    return found


def _is_some(value: float) -> bool:
    return value > 1e-9


def _spread(values: Sequence[float], is_bad: Callable[[float], bool]) -> Spread:
    ordered = sorted(values)
    return Spread(
        p10=quantile(ordered, 0.1),
        p50=quantile(ordered, 0.5),
        p90=quantile(ordered, 0.9),
        mean=math.fsum(ordered) / len(ordered),
        probability=sum(1 for value in ordered if is_bad(value)) / len(ordered),
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest of the ordered values that at least this share of them do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]

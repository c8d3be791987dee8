"""What it costs that traffic may not share replicas: regions apart, versions pinned (methods: Residency, Version pins)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context
from capacity.lib.units import HOURS_PER_WEEK
from contracts.domain.agreement import AgreedStream
from contracts.domain.month import Month
from contracts.domain.pins import PinPremium, pin_premium
from contracts.domain.streams import SizedStream
from workloads.domain.serving import Need, PoolMember, Profile, cost_of_not_pooling, size_pool


@dataclass(frozen=True, kw_only=True, slots=True)
class NotPooled:
    """Streams that one pool could serve if regions did not keep them apart. usd: of a planning month, None = no rate."""

    streams: tuple[str, ...]
    separate_accelerators: int
    pooled_accelerators: int
    usd: Decimal | None

    @property
    def accelerators(self) -> int:
        return self.separate_accelerators - self.pooled_accelerators


def not_pooled(*, month: Month, agreed: Iterable[AgreedStream]) -> tuple[NotPooled, ...]:
    """Σ need by region set − pooled need for the streams of one model, profile and latency class. (methods: Residency)"""
    groups: dict[tuple[str, str, Profile], dict[frozenset[str], list[tuple[SizedStream, Need]]]] = {}
    for terms, sized in zip(agreed, month.streams, strict=True):
        need = sized.need_at(Fraction(1))
        if need is None or sized.stream.profile is None or terms.pin is not None:
            continue
        place = (terms.model, terms.latency_class, sized.stream.profile)
        groups.setdefault(place, {}).setdefault(frozenset(terms.regions), []).append((sized, need))
    return tuple(_group(list(sets.values())) for sets in groups.values() if len(sets) > 1)


def _group(sets: list[list[tuple[SizedStream, Need]]]) -> NotPooled:
    members = [each for members in sets for each in members]
    first = members[0][0]
    separate = [_pooled(first, each) for each in sets]
    pooled = _pooled(first, members)
    more = cost_of_not_pooling(separate=separate, pooled=pooled)
    return NotPooled(
        streams=tuple(each.stream.key for each, _ in members),
        separate_accelerators=sum(need.accelerators for need in separate),
        pooled_accelerators=pooled.accelerators,
        usd=first.cost(more),
    )


def _pooled(first: SizedStream, members: list[tuple[SizedStream, Need]]) -> Need:
    """The one ceiling of some members, on the first one's profile and spares."""
    assert first.stream.profile is not None
    return size_pool(
        members=[_member(each.stream.key, need) for each, need in members],
        profile=first.stream.profile,
        spares=first.spares,
    ).need


def _member(key: str, need: Need) -> PoolMember:
    return PoolMember(key=key, load_average=need.load_average, load_peak=need.load_peak)


@dataclass(frozen=True, kw_only=True, slots=True)
class PinCost:
    """A week of a pinned stream. premium: against the pool it would share (None = not known), and against L_peak ÷ u."""

    stream: str
    own_accelerators: int
    own_cost_usd: Decimal
    reserved_less_consumed_usd: Decimal
    premium_over_linear_share_usd: Decimal
    premium: PinPremium | None


def pin_costs(*, month: Month, agreed: Iterable[AgreedStream]) -> tuple[PinCost, ...]:
    """Every pinned stream that can be sized and has a rate. (methods: Version pins)"""
    return tuple(
        cost
        for terms, sized in zip(agreed, month.streams, strict=True)
        if terms.pin is not None and (cost := _pin_cost(terms, sized)) is not None
    )


def _pin_cost(terms: AgreedStream, sized: SizedStream) -> PinCost | None:
    need, profile, rate = sized.need_at(Fraction(1)), sized.stream.profile, sized.rate_usd_per_hour
    if need is None or profile is None or rate is None:
        return None
    alone = size_pool(members=[], profile=profile, spares=sized.spares)
    own = size_pool(members=[_member(sized.stream.key, need)], profile=profile, spares=sized.spares)
    against_nothing = pin_premium(own=need, pool_with=own, pool_without=alone, rate_usd_per_hour=rate)
    linear = own.shares[0].marginal_replicas * profile.replica_accelerators if own.shares else Fraction(0)
    with localcontext(exact_context()):
        per_accelerator = rate * HOURS_PER_WEEK
        share = Decimal(linear.numerator) * per_accelerator / Decimal(linear.denominator)
        over_linear = against_nothing.own_cost_usd - share
    return PinCost(
        stream=sized.stream.key,
        own_accelerators=need.accelerators,
        own_cost_usd=against_nothing.own_cost_usd,
        reserved_less_consumed_usd=against_nothing.reserved_less_consumed_usd,
        premium_over_linear_share_usd=over_linear,
        premium=_against_pool(terms, sized, need),
    )


def _against_pool(terms: AgreedStream, sized: SizedStream, need: Need) -> PinPremium | None:
    assert terms.pin is not None and sized.stream.profile is not None and sized.rate_usd_per_hour is not None
    others = terms.pin.pool_load_peak
    if others is None:
        return None
    rest = PoolMember(key="", load_average=Fraction(0), load_peak=others)
    members = [rest, _member(sized.stream.key, need)]
    with_it, without = (
        size_pool(members=some, profile=sized.stream.profile, spares=sized.spares) for some in (members, [rest])
    )
    return pin_premium(own=need, pool_with=with_it, pool_without=without, rate_usd_per_hour=sized.rate_usd_per_hour)

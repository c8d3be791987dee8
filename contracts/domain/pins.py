"""What pinning a model version costs beside the pool it would otherwise share (methods: Version pins)."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from capacity.lib.units import HOURS_PER_WEEK, Exact
from workloads.domain.serving import Need, PooledNeed
from workloads.domain.unit_cost import serving_cost


@dataclass(frozen=True, kw_only=True, slots=True)
class PinPremium:
    """A week of a pinned version: own cost, what it consumes, and what pinning adds to the pool's cost."""

    own_cost_usd: Decimal
    reserved_less_consumed_usd: Decimal
    premium_usd: Decimal


def pin_premium(
    *,
    own: Need,
    pool_with: PooledNeed,
    pool_without: PooledNeed,
    rate_usd_per_hour: Decimal,
    hours: int = HOURS_PER_WEEK,
) -> PinPremium:
    """[own need − (pool with it − pool without it)] × hours × c. (methods: Version pins)"""
    marginal = pool_with.need.accelerators - pool_without.need.accelerators

    def cost(accelerators: Exact) -> Decimal:
        return serving_cost(accelerators=accelerators, hours=hours, rate_usd_per_hour=rate_usd_per_hour)

    return PinPremium(
        own_cost_usd=cost(own.accelerators),
        reserved_less_consumed_usd=cost(own.accelerators - own.consumed_accelerators),
        premium_usd=cost(own.accelerators - marginal),
    )

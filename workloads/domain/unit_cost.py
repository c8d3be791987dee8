"""What serving costs: dollars of a need, dollars per million tokens, and levers on the load (methods: Unit cost).

Not here: where the rate per accelerator-hour comes from (inventory), prices to customers (contracts).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import TOKENS_PER_MILLION, Exact, exact
from workloads.domain.serving import Need, Profile, Traffic, average_load


def serving_cost(*, accelerators: Exact, hours: Exact, rate_usd_per_hour: Decimal) -> Decimal:
    """accelerators × hours × rate, unrounded. 32 × 730 × $2.00 = $46,720. (methods: Serving cost)"""
    return to_decimal(exact(accelerators) * exact(hours) * exact(rate_usd_per_hour))


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenCosts:
    """Dollars per million tokens, by kind, on one basis."""

    basis: str
    input_uncached_usd: Decimal
    input_cached_usd: Decimal
    output_usd: Decimal


def token_costs(*, profile: Profile, rate_usd_per_hour: Decimal, need: Need | None = None) -> tuple[TokenCosts, ...]:
    """$ per million tokens: "at target utilisation", "consumed", and with a need "fully loaded" beside them.

    c·k·10⁶ ÷ (R·3600·u); consumed has u = 1; fully loaded = consumed × reserved ÷ consumed accelerators. Worked:
    output 1.587 at u 0.7, 1.111 consumed, 6.972 fully loaded. No load → no fully loaded cost. (methods: Unit cost)
    """
    rate = exact(rate_usd_per_hour)
    found = [
        _token_costs("at target utilisation", profile, rate / profile.utilisation_target),
        _token_costs("consumed", profile, rate),
    ]
    if need is not None and need.consumed_accelerators > 0:
        loading = need.accelerators / need.consumed_accelerators
        found.append(_token_costs("fully loaded", profile, rate * loading))
    return tuple(found)


def _token_costs(basis: str, profile: Profile, rate: Fraction) -> TokenCosts:
    per_replica_second = rate * profile.replica_accelerators / 3600 * TOKENS_PER_MILLION
    uncached = per_replica_second / profile.prefill_tps
    return TokenCosts(
        basis=basis,
        input_uncached_usd=to_decimal(uncached),
        input_cached_usd=to_decimal(uncached * profile.cached_cost_ratio),
        output_usd=to_decimal(per_replica_second / profile.decode_tps),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Levers:
    """Efficiency levers on one traffic; the defaults change nothing. routed_cost_ratio: its load ÷ ours."""

    cache_hit_share: Fraction | None = None
    throughput_factor: Fraction = Fraction(1)
    decode_factor: Fraction = Fraction(1)
    routed_share: Fraction = Fraction(0)
    routed_cost_ratio: Fraction = Fraction(1)


def load_with_levers(*, traffic: Traffic, profile: Profile, levers: Levers) -> Fraction:
    """Average load with all levers applied together: recomputed, never percentages added. (methods: Levers)"""
    changed = traffic if levers.cache_hit_share is None else replace(traffic, cache_hit_share=levers.cache_hit_share)
    faster = replace(
        profile,
        prefill_tps=profile.prefill_tps * levers.throughput_factor,
        decode_tps=profile.decode_tps * levers.throughput_factor * levers.decode_factor,
    )
    kept = (1 - levers.routed_share) + levers.routed_share * levers.routed_cost_ratio
    return average_load(traffic=changed, profile=faster) * kept

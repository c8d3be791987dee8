"""What does not fit reserved throughput and spills over to prices by the token (methods: Spill over reserved units)."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from capacity.lib.units import SECONDS_PER_MINUTE, exact
from contracts.domain.terms import BundleUnit, ContractTerms, ProvisionedUnit, UnitLine
from workloads.domain.serving import Traffic
from workloads.domain.shortage import unmet_token_share


def spilled_share(*, terms: ContractTerms, stream: str, is_first: bool, traffic: Traffic, on_date: date) -> Fraction:
    """Share of a stream's tokens beyond its units in force, by the triangular day of its peak factor.

    0 without spill lines or units. is_first: units that name no stream are this one's. A request that spills whole
    moves at least these tokens. (methods: Spill over reserved units)
    """
    if not terms.spill_lines:
        return Fraction(0)
    own = {stream, ""} if is_first else {stream}
    lines = [line for line in terms.unit_lines if line.stream in own and line.units_on(on_date)]
    fills = [fill for line in lines if (fill := _fill(line, traffic, on_date)) is not None]
    fullest = max(fills, default=Fraction(0))
    if not fullest:
        return Fraction(0)
    return unmet_token_share(capacity_to_mean=1 / fullest, peak_factor=traffic.peak_factor)


def _fill(line: UnitLine, traffic: Traffic, on_date: date) -> Fraction | None:
    """Average use ÷ what the units promise; None where the line promises no throughput."""
    units, promise = exact(line.units_on(on_date)) / SECONDS_PER_MINUTE, line.promise
    sent, answered, hit = traffic.input_tokens_per_second, traffic.output_tokens_per_second, traffic.cache_hit_share
    if isinstance(promise, ProvisionedUnit):
        counted = sent * ((1 - hit) + hit * exact(promise.cached_weight)) + answered * exact(promise.output_weight)
        return counted / (units * exact(promise.tokens_per_minute)) if promise.tokens_per_minute else None
    if isinstance(promise, BundleUnit):
        sides = ((sent, promise.input_tokens_per_minute), (answered, promise.output_tokens_per_minute))
        return max((used / (units * exact(most)) for used, most in sides if most), default=None)
    return None

"""The capacity a contract obliges us to be able to provide, at the worst mix it allows (methods: Committed capacity).

Money commitments are no promise of capacity. Not here: what the customer is expected to use (margin.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import SECONDS_PER_MINUTE, ceil_fraction, exact
from contracts.domain.terms import BundleUnit, DedicatedUnit, Promise, ProvisionedUnit, TermsError
from workloads.domain.serving import Need, Profile, SpareRule, Traffic, average_load, size_load


@dataclass(frozen=True, kw_only=True, slots=True)
class PromisedNeed:
    """serving: replicas for promised throughput (None = none promised); dedicated: accelerators with their spares.

    exclusive_accelerators: of the dedicated ones, those that nothing else may use.
    """

    serving: Need | None
    dedicated_accelerators: int
    exclusive_accelerators: int = 0

    @property
    def accelerators(self) -> int:
        return self.dedicated_accelerators + (self.serving.accelerators if self.serving else 0)


class NoProfileError(TermsError):
    """Throughput is promised but no serving profile says what it takes: the need is unknown, not zero."""


def provisioned_load(*, unit: ProvisionedUnit, units: Decimal, profile: Profile) -> Fraction:
    """The worst mix that fits the units: all input, all input at the assumed hit rate, or all output.

    T = units·TPM ÷ 60; L = max(T/R_in, T·((1−h)+h·κ) ÷ ((1−h)+h·b) ÷ R_in, (T/w)/R_out).
    100 units of 30,000: w 10 → 1.25; w 4 → 3.125. (methods: Provisioned throughput)
    """
    tokens = exact(units) * exact(unit.tokens_per_minute) / SECONDS_PER_MINUTE
    hit, cached = exact(unit.assumed_hit_share), exact(unit.cached_weight)
    deducted = (1 - hit) + hit * cached
    if deducted <= 0 or unit.output_weight <= 0:
        raise TermsError("A unit that deducts nothing for some token promises endless throughput.")
    all_input = tokens / profile.prefill_tps
    return max(
        all_input,
        all_input * ((1 - hit) + hit * profile.cached_cost_ratio) / deducted,
        tokens / exact(unit.output_weight) / profile.decode_tps,
    )


def bundle_load(*, unit: BundleUnit, units: Decimal, profile: Profile) -> Fraction:
    """in/R_in + out/R_out with both rates full at once, nothing cached. (methods: Token bundles)"""
    per_second = exact(units) / SECONDS_PER_MINUTE
    full = Traffic.of(
        input_tps=per_second * exact(unit.input_tokens_per_minute),
        output_tps=per_second * exact(unit.output_tokens_per_minute),
    )
    return average_load(traffic=full, profile=profile)


def dedicated_accelerators(*, unit: DedicatedUnit, units: Decimal, spares: SpareRule) -> int:
    """The accelerators and their spare blocks: 64 in blocks of 8 → 64 + 8. (methods: Dedicated accelerators)"""
    promised = ceil_fraction(exact(units) * unit.accelerators)
    return promised + spares.spares(ceil_fraction(Fraction(promised, unit.spare_block))) * unit.spare_block


def promised_need(
    *, promises: Iterable[tuple[Promise, Decimal]], profile: Profile | None, spares: SpareRule
) -> PromisedNeed:
    """What all unit lines of a contract promise together; loads are added before the one ceiling.

    promises: (promise, units in force). Raises NoProfileError where throughput is promised without a profile.
    """
    load, dedicated, exclusive, has_throughput = Fraction(0), 0, 0, False
    for promise, units in promises:
        if isinstance(promise, DedicatedUnit):
            held = dedicated_accelerators(unit=promise, units=units, spares=spares)
            dedicated += held
            exclusive += held if promise.is_exclusive else 0
            continue
        if profile is None:
            raise NoProfileError("Throughput is promised, but there is no serving profile to size it with.")
        has_throughput = True
        if isinstance(promise, ProvisionedUnit):
            load += provisioned_load(unit=promise, units=units, profile=profile)
        else:
            load += bundle_load(unit=promise, units=units, profile=profile)
    serving = None
    if has_throughput and profile is not None:
        serving = size_load(load_average=load, load_peak=load, profile=profile, spares=spares)
    return PromisedNeed(serving=serving, dedicated_accelerators=dedicated, exclusive_accelerators=exclusive)


@dataclass(frozen=True, kw_only=True, slots=True)
class BurndownFlag:
    code: str
    message: str


def burndown_flags(*, unit: ProvisionedUnit, profile: Profile) -> tuple[BurndownFlag, ...]:
    """Whether the unit's weights are below what the tokens take on this profile. (methods: Provisioned throughput)"""
    flags = []
    fair = profile.prefill_tps / profile.decode_tps
    if exact(unit.output_weight) < fair:
        flags.append(
            BurndownFlag(
                code="burndown_mismatch",
                message=f"An output token is {float(fair):.1f} input tokens' work but counts as {unit.output_weight}.",
            )
        )
    if exact(unit.cached_weight) < profile.cached_cost_ratio:
        flags.append(
            BurndownFlag(
                code="cached_underpriced",
                message=(
                    f"A cached token takes {float(profile.cached_cost_ratio):.2f} of an uncached one's work "
                    f"but counts as {unit.cached_weight}."
                ),
            )
        )
    return tuple(flags)

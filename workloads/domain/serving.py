"""Tokens → load → replicas → accelerators, in exact fractions (methods: Serving arithmetic).

What belongs here: what a stream of tokens needs on a measured serving profile, alone, pooled and disaggregated. Not
here: what is unmet with less (shortage.py), what tokens cost (unit_cost.py), deadlines (batch.py), who promised them
(contracts). Loads are Fractions; a ceiling is always taken of an exact fraction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.lib.money import to_decimal
from capacity.lib.units import SECONDS_PER_MONTH, Exact, ceil_fraction, exact

DEFAULT_PEAK_FACTORS = {"interactive": Fraction(5, 2), "standard": Fraction(3, 2), "batch": Fraction(1)}


class ServingError(ValueError):
    """A serving input that has no meaning; the message is a sentence for the person who entered it."""


class ThroughputError(ServingError):
    """A throughput that is zero or negative: nothing can be sized with it."""


class TrafficError(ServingError):
    """Traffic outside its bounds: negative tokens, cache hits outside 0–1, a peak below the average."""


class ProfileError(ServingError):
    """A profile with an impossible replica size, utilisation target, cached cost or spare rule."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Average tokens per second in and out, the cached share of input, and peak ÷ average (≥ 1)."""

    input_tokens_per_second: Fraction
    output_tokens_per_second: Fraction
    cache_hit_share: Fraction = Fraction(0)
    peak_factor: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if self.input_tokens_per_second < 0 or self.output_tokens_per_second < 0:
            raise TrafficError("Tokens per second cannot be negative.")
        if not 0 <= self.cache_hit_share <= 1:
            raise TrafficError(f"The cache hit share is between 0 and 1, not {to_decimal(self.cache_hit_share)}.")
        if self.peak_factor < 1:
            raise TrafficError(
                f"The peak is at least the average: a peak factor of {to_decimal(self.peak_factor)} is not."
            )

    @classmethod
    def of(cls, *, input_tps: Exact, output_tps: Exact, cache_hit_share: Exact = 0, peak_factor: Exact = 1) -> Traffic:
        """From ints, Decimals or Fractions (tokens per second)."""
        return cls(
            input_tokens_per_second=exact(input_tps),
            output_tokens_per_second=exact(output_tps),
            cache_hit_share=exact(cache_hit_share),
            peak_factor=exact(peak_factor),
        )

    @classmethod
    def from_monthly_tokens(
        cls, *, input_tokens: Exact, output_tokens: Exact, cache_hit_share: Exact = 0, peak_factor: Exact = 1
    ) -> Traffic:
        """From tokens of a planning month of 2,628,000 seconds."""
        return cls.of(
            input_tps=exact(input_tokens) / SECONDS_PER_MONTH,
            output_tps=exact(output_tokens) / SECONDS_PER_MONTH,
            cache_hit_share=cache_hit_share,
            peak_factor=peak_factor,
        )

    def times(self, multiple: Exact) -> Traffic:
        """The same mix at a usage multiple (0 or more)."""
        factor = exact(multiple)
        if factor == 1:
            return self
        return Traffic(
            input_tokens_per_second=self.input_tokens_per_second * factor,
            output_tokens_per_second=self.output_tokens_per_second * factor,
            cache_hit_share=self.cache_hit_share,
            peak_factor=self.peak_factor,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimit:
    """The most a contract may send, tokens per second; None = not limited on that side."""

    input_tokens_per_second: Fraction | None = None
    output_tokens_per_second: Fraction | None = None

    @property
    def is_uncapped(self) -> bool:
        return self.input_tokens_per_second is None and self.output_tokens_per_second is None


@dataclass(frozen=True, kw_only=True, slots=True)
class SpareRule:
    """Spares by work replicas: `few` below `many_from`, `many` from there on or where a whole site must be survived."""

    few: int = 1
    many: int = 2
    many_from: int = 30
    site_level: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.few <= self.many or self.many_from < 1:
            raise ProfileError(f"A spare rule of {self.few} then {self.many} from {self.many_from} makes no sense.")

    def spares(self, work_replicas: int) -> int:
        """Spare replicas beside that many at work; none where there is no work."""
        if work_replicas == 0:
            return 0
        return self.many if self.site_level or work_replicas >= self.many_from else self.few


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """A measured serving profile: one model version × accelerator type × latency class.

    replica_accelerators k; prefill_tps R_in (uncached input) and decode_tps R_out, tokens per second per replica;
    cached_cost_ratio κ: a cached input token's work ÷ an uncached one's; utilisation_target u in (0, 1].
    """

    replica_accelerators: int
    prefill_tps: Fraction
    decode_tps: Fraction
    cached_cost_ratio: Fraction
    utilisation_target: Fraction
    key: str = ""
    is_estimated: bool = False

    def __post_init__(self) -> None:
        if self.prefill_tps <= 0 or self.decode_tps <= 0:
            raise ThroughputError(
                f"Profile {self.key or 'without key'} has no throughput: give tokens per second above 0."
            )
        if self.replica_accelerators < 1:
            raise ProfileError(f"A replica has at least 1 accelerator, not {self.replica_accelerators}.")
        if not 0 < self.utilisation_target <= 1:
            raise ProfileError(
                f"The utilisation target lies above 0 and at most 1, not {to_decimal(self.utilisation_target)}."
            )
        if self.cached_cost_ratio < 0:
            raise ProfileError("A cached token cannot cost less than nothing.")

    @classmethod
    def of(
        cls,
        *,
        replica_accelerators: int,
        prefill_tps: Exact,
        decode_tps: Exact,
        cached_cost_ratio: Exact,
        utilisation_target: Exact,
        key: str = "",
        is_estimated: bool = False,
    ) -> Profile:
        """From ints, Decimals or Fractions."""
        return cls(
            replica_accelerators=replica_accelerators,
            prefill_tps=exact(prefill_tps),
            decode_tps=exact(decode_tps),
            cached_cost_ratio=exact(cached_cost_ratio),
            utilisation_target=exact(utilisation_target),
            key=key,
            is_estimated=is_estimated,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """What a load needs. Loads in replica-seconds per second; replicas whole; accelerators = replicas × k."""

    load_average: Fraction
    load_peak: Fraction
    work_replicas: int
    spare_replicas: int
    replica_accelerators: int

    @property
    def replicas(self) -> int:
        return self.work_replicas + self.spare_replicas

    @property
    def accelerators(self) -> int:
        return self.replicas * self.replica_accelerators

    @property
    def consumed_accelerators(self) -> Fraction:
        """Accelerators at work on average: average load × k."""
        return self.load_average * self.replica_accelerators

    @property
    def spare_accelerators(self) -> int:
        return self.spare_replicas * self.replica_accelerators

    @property
    def headroom_accelerators(self) -> Fraction:
        """Reserved at work but not used on average: what peaks, the utilisation target and rounding cost."""
        return self.work_replicas * self.replica_accelerators - self.consumed_accelerators


def prefill_load(*, traffic: Traffic, profile: Profile) -> Fraction:
    """[in·(1−h) + in·h·κ] ÷ R_in: replicas busy with prompts on average. (methods: Load)"""
    hit = traffic.cache_hit_share
    work = traffic.input_tokens_per_second * ((1 - hit) + hit * profile.cached_cost_ratio)
    return work / profile.prefill_tps


def decode_load(*, traffic: Traffic, profile: Profile) -> Fraction:
    """out ÷ R_out: replicas busy with answers on average. (methods: Load)"""
    return traffic.output_tokens_per_second / profile.decode_tps


def average_load(*, traffic: Traffic, profile: Profile) -> Fraction:
    """L = prefill + decode, replica-seconds per second, for prefill and decode on the same replica.

    10,000 in/s, 2,000 out/s, half cached (κ 0.1), R_in 40,000, R_out 4,000 → 0.6375. (methods: Load)
    """
    return prefill_load(traffic=traffic, profile=profile) + decode_load(traffic=traffic, profile=profile)


def peak_load(*, traffic: Traffic, profile: Profile, limit: RateLimit | None = None) -> Fraction:
    """L at the peak rate, capped by the load of the rate limit: min(L(p·U), L(limit)). (methods: Load)

    A side without a limit enters L(limit) at its own peak.
    """
    uncapped = average_load(traffic=traffic, profile=profile) * traffic.peak_factor
    if limit is None or limit.is_uncapped:
        return uncapped
    at_peak = traffic.times(traffic.peak_factor)
    at_limit = replace(
        at_peak,
        input_tokens_per_second=_or(limit.input_tokens_per_second, at_peak.input_tokens_per_second),
        output_tokens_per_second=_or(limit.output_tokens_per_second, at_peak.output_tokens_per_second),
    )
    return min(uncapped, average_load(traffic=at_limit, profile=profile))


def _or(value: Fraction | None, otherwise: Fraction) -> Fraction:
    return otherwise if value is None else value


def size_load(*, load_average: Fraction, load_peak: Fraction, profile: Profile, spares: SpareRule) -> Need:
    """⌈L_peak ÷ u⌉ replicas and their spares. No load needs nothing. (methods: Replicas)"""
    work = ceil_fraction(load_peak / profile.utilisation_target)
    return Need(
        load_average=load_average,
        load_peak=load_peak,
        work_replicas=work,
        spare_replicas=spares.spares(work),
        replica_accelerators=profile.replica_accelerators,
    )


def size_traffic(
    *, traffic: Traffic, profile: Profile, spares: SpareRule | None = None, limit: RateLimit | None = None
) -> Need:
    """The stand-alone need of one traffic. The worked load 0.6375 at peak 2.5: 3 + 1 replicas. (methods: Replicas)"""
    return size_load(
        load_average=average_load(traffic=traffic, profile=profile),
        load_peak=peak_load(traffic=traffic, profile=profile, limit=limit),
        profile=profile,
        spares=spares or SpareRule(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolMember:
    """One traffic in a pool of replicas that all serve the same version, type, region set and latency class."""

    key: str
    load_average: Fraction
    load_peak: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolShare:
    """replicas: the member's pro-rata part of the pool's actual replicas; marginal_replicas: L_peak ÷ u, unrounded."""

    key: str
    share: Fraction
    replicas: Fraction
    accelerators: Fraction
    marginal_replicas: Fraction


@dataclass(frozen=True, kw_only=True, slots=True)
class PooledNeed:
    """The pool's one ceiling, and who it is charged to. shares sum to 1 (empty when nobody has load)."""

    need: Need
    shares: tuple[PoolShare, ...]


def size_pool(
    *,
    members: Iterable[PoolMember],
    profile: Profile,
    spares: SpareRule | None = None,
    coincidence: Exact = 1,
) -> PooledNeed:
    """N = ⌈ρ·ΣL_peak ÷ u⌉ + s, charged pro rata of L_peak. Five of the worked traffic: 13 replicas, not 20.

    coincidence ρ in (0, 1]: measured peak of the sum ÷ sum of the peaks. (methods: Pooling)
    """
    ordered = sorted(members, key=lambda member: member.key)
    loads = [(member.load_average, member.load_peak) for member in ordered]
    need = pooled_need(loads=loads, profile=profile, spares=spares, coincidence=coincidence)
    peaks = sum((peak for _, peak in loads), Fraction(0))
    return PooledNeed(need=need, shares=tuple(_share(member, peaks, need, profile) for member in ordered if peaks))


def pooled_need(
    *,
    loads: Iterable[tuple[Fraction, Fraction]],
    profile: Profile,
    spares: SpareRule | None = None,
    coincidence: Exact = 1,
) -> Need:
    """The one ceiling of `size_pool` alone, of (average, peak) loads."""
    rho = exact(coincidence)
    if not 0 < rho <= 1:
        raise ServingError(f"The coincidence factor lies above 0 and at most 1, not {to_decimal(rho)}.")
    pairs = list(loads)
    return size_load(
        load_average=sum((average for average, _ in pairs), Fraction(0)),
        load_peak=rho * sum((peak for _, peak in pairs), Fraction(0)),
        profile=profile,
        spares=spares or SpareRule(),
    )


def _share(member: PoolMember, peaks: Fraction, need: Need, profile: Profile) -> PoolShare:
    share = member.load_peak / peaks
    return PoolShare(
        key=member.key,
        share=share,
        replicas=share * need.replicas,
        accelerators=share * need.accelerators,
        marginal_replicas=member.load_peak / profile.utilisation_target,
    )


def cost_of_not_pooling(*, separate: Iterable[Need], pooled: Need) -> int:
    """Accelerators more when each has its own replicas: Σ separate − pooled (residency, version pins)."""
    return sum(need.accelerators for need in separate) - pooled.accelerators


@dataclass(frozen=True, kw_only=True, slots=True)
class DisaggregatedNeed:
    prefill: Need
    decode: Need

    @property
    def accelerators(self) -> int:
        return self.prefill.accelerators + self.decode.accelerators


def size_disaggregated(
    *,
    traffic: Traffic,
    prefill_profile: Profile,
    decode_profile: Profile,
    spares: SpareRule | None = None,
) -> DisaggregatedNeed:
    """Prefill and decode on replicas of their own: peak load, ceiling and spares for each side.

    Uses R_in and κ of the prefill profile, R_out of the decode profile. (methods: Replicas)
    """
    rule = spares or SpareRule()
    on_prefill = prefill_load(traffic=traffic, profile=prefill_profile)
    on_decode = decode_load(traffic=traffic, profile=decode_profile)
    peak = traffic.peak_factor
    return DisaggregatedNeed(
        prefill=size_load(load_average=on_prefill, load_peak=on_prefill * peak, profile=prefill_profile, spares=rule),
        decode=size_load(load_average=on_decode, load_peak=on_decode * peak, profile=decode_profile, spares=rule),
    )

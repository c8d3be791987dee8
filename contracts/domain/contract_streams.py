"""The streams of the contract file: profiles, traffic in its three forms, limits, pins, ramps (methods: Contract file)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.allocation.domain import reading
from capacity.allocation.domain.reading import ObjectReader
from capacity.lib.units import SECONDS_PER_MINUTE, SECONDS_PER_MONTH, exact
from contracts.domain import contract_values as values
from contracts.domain.agreement import AgreedStream, BatchJob, BatchPlan, Pin, UseStep
from contracts.domain.contract_values import fraction, needed
from contracts.domain.streams import Stream
from contracts.domain.terms import ONE, ZERO
from workloads.domain.serving import DEFAULT_PEAK_FACTORS, Profile, RateLimit, SpareRule, Traffic

LATENCY_CLASSES = ("interactive", "standard", "batch", "offline")
PATIENT = {"batch", "offline"}
NO_SPARES = SpareRule(few=0, many=0)
MOST_TPS = 10**12
MOST_BATCH = 62


@dataclass(frozen=True, kw_only=True, slots=True)
class PricedProfile:
    """A serving profile and what its accelerators cost, None = the contract's rate."""

    profile: Profile
    usd_per_accelerator_hour: Decimal | None


def read_profile(row: ObjectReader) -> PricedProfile:
    rate = values.amount(at_most=MOST_TPS, above_zero=True)
    profile = Profile.of(
        key=needed(row.take("key", reading.key), ""),
        replica_accelerators=needed(row.take("replica_accelerators", reading.whole(at_least=1, at_most=10**6)), 1),
        prefill_tps=needed(row.take("prefill_tokens_per_second", rate), ONE),
        decode_tps=needed(row.take("decode_tokens_per_second", rate), ONE),
        cached_cost_ratio=needed(row.take("cached_cost_ratio", values.share()), ONE),
        utilisation_target=needed(row.take("utilisation_target", values.share()), ONE),
        is_estimated=bool(row.take("is_estimated", reading.boolean, False)),
    )
    cost = row.take("usd_per_accelerator_hour", reading.or_null(values.amount()), None)
    return PricedProfile(profile=profile, usd_per_accelerator_hour=cost)


def read_spares(row: ObjectReader) -> SpareRule:
    count = reading.whole(at_most=10**6)
    return SpareRule(
        few=needed(row.take("few", count, 1), 1),
        many=needed(row.take("many", count, 2), 2),
        many_from=needed(row.take("many_from", reading.whole(at_least=1), 30), 30),
        site_level=bool(row.take("site_level", reading.boolean, False)),
    )


def read_stream(row: ObjectReader, profiles: Mapping[str, PricedProfile | None], starts: date) -> AgreedStream:
    """One stream. A profile that is named and not there is an error; null is a stream that cannot be sized."""
    latency = row.take("latency_class", values.one_of(*LATENCY_CLASSES), "interactive") or "interactive"
    named = row.take("profile", reading.or_null(reading.key))
    priced = profiles.get(named) if named is not None else None
    if named is not None and named not in profiles:
        known = ", ".join(sorted(profiles)) or "none is given"
        row.errors.add(f"{row.path}.profile", f"{named} is not one of the profiles ({known})")
    stream = Stream(
        key=needed(row.take("key", reading.key), ""),
        traffic=values.part(row, "traffic", lambda traffic: _traffic(traffic, latency)),
        profile=None if priced is None else priced.profile,
        limit=values.part(row, "rate_limit", _rate_limit) or RateLimit(),
        written_share=needed(row.take("written_share", values.share(), ZERO), ZERO),
        spares=values.part(row, "spares", read_spares) or (NO_SPARES if latency in PATIENT else None),
        rate_usd_per_hour=None if priced is None else priced.usd_per_accelerator_hour,
    )
    hit = stream.traffic.cache_hit_share if stream.traffic else Fraction(0)
    if exact(stream.written_share) + hit > 1:
        row.errors.add(f"{row.path}.written_share", "what is written to the cache is part of what was not read from it")
    return AgreedStream(
        stream=stream,
        model=row.take("model", reading.text, "") or "",
        regions=row.take("regions", reading.list_of(reading.text), ()) or (),
        latency_class=latency,
        pin=values.part(row, "pin", _pin),
        growth_share_per_month=Fraction(needed(row.take("growth_share_per_month", values.growth, ZERO), ZERO)),
        measured=row.take("measured", reading.or_null(values.day), starts),
        ramp=values.rows(row, "ramp", lambda step: _use_step(step, starts)),
        batch=values.part(row, "batch", _batch),
    )


def _batch(row: ObjectReader) -> BatchPlan:
    idle = row.take("idle_replica_seconds", reading.list_of(values.quantity)) or ()
    plan = BatchPlan(jobs=values.rows(row, "jobs", _job), idle_replica_seconds=idle)
    if len(idle) > MOST_BATCH or len(plan.jobs) > MOST_BATCH:
        row.errors.add(row.path, f"has more than {MOST_BATCH} days or jobs")
    for number, job in enumerate(plan.jobs):
        if not job.released <= job.due < len(idle):
            row.errors.add(
                f"{row.path}.jobs[{number}].due", f"a job ends on a day from {job.released} to {len(idle) - 1}"
            )
    return plan


def _job(row: ObjectReader) -> BatchJob:
    day = reading.whole(at_most=MOST_BATCH)
    return BatchJob(
        key=needed(row.take("key", reading.key), ""),
        released=needed(row.take("released", day, 0), 0),
        due=needed(row.take("due", day), 0),
        input_tokens=needed(row.take("input_tokens", values.quantity), ZERO),
        output_tokens=needed(row.take("output_tokens", values.quantity), ZERO),
    )


def _traffic(row: ObjectReader, latency: str) -> Traffic:
    """Tokens per second, tokens per month, or outcomes with their answers; the same mix at the peak."""
    most, each = values.amount(at_most=MOST_TPS), values.amount(at_most=10**9)
    if row.has("outcomes_per_month"):
        outcomes = needed(row.take("outcomes_per_month", values.quantity), ZERO)
        answers = needed(row.take("answers_per_outcome", each), ZERO)
        sent = needed(row.take("input_tokens_per_answer", each), ZERO)
        back = needed(row.take("output_tokens_per_answer", each), ZERO)
        per_second = exact(outcomes) * exact(answers) / SECONDS_PER_MONTH
        rates = (per_second * exact(sent), per_second * exact(back))
    elif row.has("input_tokens_per_month") or row.has("output_tokens_per_month"):
        monthly = [row.take(f"{side}_tokens_per_month", values.quantity) for side in ("input", "output")]
        rates = (exact(monthly[0] or 0) / SECONDS_PER_MONTH, exact(monthly[1] or 0) / SECONDS_PER_MONTH)
    else:
        seconds = [row.take(f"{side}_tokens_per_second", most) for side in ("input", "output")]
        rates = (exact(seconds[0] or 0), exact(seconds[1] or 0))
    default = Decimal(1) if latency == "offline" else Decimal(float(DEFAULT_PEAK_FACTORS[latency]))
    return Traffic.of(
        input_tps=rates[0],
        output_tps=rates[1],
        cache_hit_share=needed(row.take("cache_hit_share", values.share()), ZERO),
        peak_factor=needed(row.take("peak_factor", values.amount(at_most=1000), default), default),
    )


def _rate_limit(row: ObjectReader) -> RateLimit:
    limit = reading.or_null(values.quantity)
    sides = [row.take(f"{side}_tokens_per_minute", limit, None) for side in ("input", "output")]
    found = [None if side is None else exact(side) / SECONDS_PER_MINUTE for side in sides]
    return RateLimit(input_tokens_per_second=found[0], output_tokens_per_second=found[1])


def _pin(row: ObjectReader) -> Pin:
    return Pin(
        until=row.take("until", reading.or_null(values.day), None),
        retires=row.take("retires", reading.or_null(values.day), None),
        pool_load_peak=fraction(row.take("pool_load_peak", reading.or_null(values.amount(at_most=10**9)), None)),
    )


def _use_step(row: ObjectReader, starts: date) -> UseStep:
    return UseStep(
        from_date=needed(row.take("from", values.day), starts),
        multiple=Fraction(needed(row.take("multiple", values.multiple()), ZERO)),
    )

"""What a contract's traffic needs, stream by stream: each model, region set or latency class has replicas of its own.

What belongs here: needs at a multiple of expected use, the multiples at which replicas fill, what is promised per stream
(methods: Streams). Not here: money other than the cost of accelerators, and what a pool shares.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property

from capacity.lib.units import Exact, ceil_fraction, exact, floor_fraction
from contracts.domain.promises import PromisedNeed
from workloads.domain.serving import (
    Need,
    Profile,
    RateLimit,
    SpareRule,
    Traffic,
    average_load,
    peak_load,
    size_load,
)
from workloads.domain.unit_cost import serving_cost


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """Traffic of one model, region set and latency class. traffic and profile None = not known.

    written_share: of the input, what is written to the cache. spares, rate_usd_per_hour None = the contract's. pool: the
    name of the replicas that it shares with other streams of the contract, "" = its own.
    """

    key: str = ""
    traffic: Traffic | None = None
    profile: Profile | None = None
    limit: RateLimit = field(default_factory=RateLimit)
    written_share: Decimal = Decimal(0)
    spares: SpareRule | None = None
    rate_usd_per_hour: Decimal | None = None
    pool: str = ""

    @property
    def cap(self) -> Fraction | None:
        """The multiple from which on no side grows any more; None = a side that is used has no limit."""
        if self.traffic is None or self.limit.is_uncapped:
            return None
        sides = (
            (self.limit.input_tokens_per_second, self.traffic.input_tokens_per_second),
            (self.limit.output_tokens_per_second, self.traffic.output_tokens_per_second),
        )
        used = [(most, average) for most, average in sides if average > 0]
        caps = [most / average for most, average in used if most is not None]
        return max(caps) if caps and len(caps) == len(used) else None

    def traffic_at(self, multiple: Fraction) -> Traffic | None:
        """The traffic at a multiple of expected use, of each side no more than its rate limit lets through."""
        return None if self.traffic is None else let_through(traffic=self.traffic.times(multiple), limit=self.limit)


def let_through(*, traffic: Traffic, limit: RateLimit) -> Traffic:
    """What a rate limit lets through of a traffic on average, side by side. (methods: Worst use)"""
    if limit.is_uncapped:
        return traffic
    sides = (
        (traffic.input_tokens_per_second, limit.input_tokens_per_second),
        (traffic.output_tokens_per_second, limit.output_tokens_per_second),
    )
    sent, answered = (side if most is None else min(side, most) for side, most in sides)
    return replace(traffic, input_tokens_per_second=sent, output_tokens_per_second=answered)


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamNeed:
    """One stream at one multiple. need None: traffic or profile unknown; accelerators: what is held, None = unsized.

    marginal_accelerators: peak or promise at target utilisation, not rounded to replicas; pooled_cost_usd is theirs.
    keys: the streams that share these replicas, the first of them `key`.
    """

    key: str
    keys: tuple[str, ...]
    need: Need | None
    accelerators: int | None
    marginal_accelerators: Fraction | None
    reserved_cost_usd: Decimal | None
    consumed_cost_usd: Decimal | None
    pooled_cost_usd: Decimal | None


@dataclass(frozen=True, kw_only=True)
class SizedStream:
    """A stream with what is promised of it (None = promised throughput that cannot be sized) and what an hour costs.

    committed: what take-or-pay obliges us to hold whatever is used. apart_accelerators: of what is promised, exclusive
    ones on which the stream's traffic does not run.
    """

    stream: Stream
    promised: PromisedNeed | None
    spares: SpareRule
    rate_usd_per_hour: Decimal | None
    hours: int
    committed: Need | None = None
    apart_accelerators: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """The streams that are sized together."""
        return (self.stream.key,)

    @property
    def is_sized(self) -> bool:
        return self.stream.traffic is not None and self.stream.profile is not None

    @property
    def least_accelerators(self) -> int:
        """What is held without any use: promised units and the whole take-or-pay commitment."""
        promised = self.promised.accelerators if self.promised else 0
        return self._beside(promised, self.committed.accelerators if self.committed else 0)

    def _beside(self, least: int, need: int) -> int:
        """A need on what is held in any case, but beside the accelerators that stand apart."""
        return self.apart_accelerators + max(least - self.apart_accelerators, need)

    def cost(self, accelerators: Exact) -> Decimal | None:
        if self.rate_usd_per_hour is None:
            return None
        return serving_cost(accelerators=accelerators, hours=self.hours, rate_usd_per_hour=self.rate_usd_per_hour)

    def need_at(self, multiple: Fraction) -> Need | None:
        profile = self.stream.profile
        if self.stream.traffic is None or profile is None:
            return None
        if self.stream.limit.is_uncapped:
            # Without a limit loads grow straight with use.
            average = self._loads_once[0] * multiple
        else:
            traffic = self.stream.traffic_at(multiple)
            assert traffic is not None
            average = average_load(traffic=traffic, profile=profile)
        return size_load(load_average=average, load_peak=self._peak(multiple), profile=profile, spares=self.spares)

    def at(self, multiple: Fraction) -> StreamNeed:
        """The need at a multiple and its costs, holding at least what is promised."""
        need = self.need_at(multiple)
        held = self._held(need)
        marginal = self._marginal(need)
        return StreamNeed(
            key=self.stream.key,
            keys=self.keys,
            need=need,
            accelerators=held,
            marginal_accelerators=marginal,
            reserved_cost_usd=None if held is None else self.cost(held),
            consumed_cost_usd=None if need is None else self.cost(need.consumed_accelerators),
            pooled_cost_usd=None if marginal is None else self.cost(marginal),
        )

    def held_at(self, multiple: Fraction) -> int | None:
        """The accelerators held at a multiple; None = unsized."""
        return self._held(self.need_at(multiple))

    def _marginal(self, need: Need | None) -> Fraction | None:
        """Accelerators of the peak or of the promise, whichever is more, at target utilisation and not rounded."""
        promised, profile = self.promised, self.stream.profile
        if promised is None or (need is None and not promised.accelerators):
            return None
        peaks = [each.load_peak for each in (need, promised.serving, self.committed) if each is not None]
        shared = Fraction(promised.dedicated_accelerators - self.apart_accelerators)
        if peaks and profile is not None:
            shared = max(shared, max(peaks) / profile.utilisation_target * profile.replica_accelerators)
        return self.apart_accelerators + shared

    def _held(self, need: Need | None) -> int | None:
        """What is owed or the need of the traffic, whichever is more; None = unsized."""
        if self.promised is None:
            return None
        if need is None:
            return self.least_accelerators or None
        return self._beside(self.least_accelerators, need.accelerators)

    def accelerators_at_peak(self, multiple: Fraction | None, *, just_above: bool = False) -> int:
        """What is held at a multiple that no average cap stops; None = without bound. Needs a sized stream.

        just_above: a replica that is exactly full at the multiple is no longer enough.
        """
        assert self.stream.profile is not None
        load = self._peak(multiple) / self.stream.profile.utilisation_target
        grows = multiple is not None and not self._is_held_by_limit(multiple)
        work = floor_fraction(load) + 1 if just_above and grows and load else ceil_fraction(load)
        held = (work + self.spares.spares(work)) * self.stream.profile.replica_accelerators
        return self._beside(self.least_accelerators, held)

    def multiple_that_fills(self, replicas: int) -> Fraction | None:
        """The largest multiple whose peak fits that many work replicas; None = any (no load, or the limit holds).

        L(m) = min(a·m, b + c·m): a at the peak once, b what is limited, c what is not.
        """
        assert self.stream.profile is not None
        room = replicas * self.stream.profile.utilisation_target
        once, limited, unlimited = self._slopes
        if not once:
            return None
        free = room / once
        if limited is None or limited > room:
            return free
        if not unlimited:
            return None
        return max(free, (room - limited) / unlimited)

    def _peak(self, multiple: Fraction | None) -> Fraction:
        once, limited, unlimited = self._slopes
        if multiple is None:
            return limited if limited is not None and not unlimited else Fraction(0)
        return once * multiple if limited is None else min(once * multiple, limited + unlimited * multiple)

    @property
    def turn_of_limit(self) -> Fraction | None:
        """The multiple from which on a rate limit lowers the peak; None = none does."""
        once, limited, unlimited = self._slopes
        return None if limited is None or once <= unlimited else limited / (once - unlimited)

    def _is_held_by_limit(self, multiple: Fraction) -> bool:
        once, limited, unlimited = self._slopes
        return limited is not None and not unlimited and once * multiple >= limited

    # Asked for at every multiple and replica step: computed once a stream, which is why it has no slots.
    @cached_property
    def _loads_once(self) -> tuple[Fraction, Fraction]:
        """(average, peak) of the traffic as expected."""
        traffic, profile = self.stream.traffic, self.stream.profile
        assert traffic is not None and profile is not None
        return average_load(traffic=traffic, profile=profile), peak_load(traffic=traffic, profile=profile)

    @cached_property
    def _slopes(self) -> tuple[Fraction, Fraction | None, Fraction]:
        """(load at the peak once, load of the limited sides or None, load at the peak of the sides without limit)."""
        traffic, profile, limit = self.stream.traffic, self.stream.profile, self.stream.limit
        assert traffic is not None and profile is not None
        once = self._loads_once[1]
        if limit.is_uncapped:
            return once, None, Fraction(0)
        fixed = Traffic.of(
            input_tps=limit.input_tokens_per_second or 0,
            output_tps=limit.output_tokens_per_second or 0,
            cache_hit_share=traffic.cache_hit_share,
        )
        at_peak = traffic.times(traffic.peak_factor)
        open_sides = Traffic.of(
            input_tps=at_peak.input_tokens_per_second if limit.input_tokens_per_second is None else 0,
            output_tps=at_peak.output_tokens_per_second if limit.output_tokens_per_second is None else 0,
            cache_hit_share=traffic.cache_hit_share,
        )
        return once, average_load(traffic=fixed, profile=profile), average_load(traffic=open_sides, profile=profile)


def largest_fitting(*, streams: list[SizedStream], budget_usd: Fraction) -> tuple[bool, Fraction | None]:
    """(whether nothing at all already costs too much, the largest multiple whose accelerators the budget pays).

    None = any multiple: rate limits hold the need. Every stream is sized, with a rate above 0. The answer is a multiple
    at which some stream's replicas are exactly full. (methods: Break-even use)
    """
    if _cost(streams, Fraction(0)) > budget_usd:
        return True, Fraction(0)
    best = Fraction(0)
    for each in streams:
        found = _largest_of(each, streams, budget_usd)
        if found is None:
            return False, None
        best = max(best, found)
    return False, best


def _largest_of(stream: SizedStream, streams: list[SizedStream], budget: Fraction) -> Fraction | None:
    """The largest multiple that fills whole replicas of one stream and is paid for; None = no multiple is too much."""
    assert stream.rate_usd_per_hour is not None and stream.stream.profile is not None
    each = exact(stream.rate_usd_per_hour) * stream.hours * stream.stream.profile.replica_accelerators
    low, high = 0, floor_fraction(budget / each) + 1
    while low < high:
        middle = (low + high + 1) // 2
        if _cost(streams, stream.multiple_that_fills(middle)) <= budget:
            low = middle
        else:
            high = middle - 1
    found = stream.multiple_that_fills(low)
    if found is None and _cost(streams, None) > budget:
        return Fraction(0)  # This stream never grows; the others bound the multiple.
    return found


def _cost(streams: list[SizedStream], multiple: Fraction | None) -> Fraction:
    """Accelerator cost at a multiple; without bound (None) where some stream still grows, more than any budget."""
    total = Fraction(0)
    for each in streams:
        if multiple is None and each.multiple_that_fills(UNBOUNDED) is not None:
            return Fraction(10) ** 60
        total += exact(each.cost(each.accelerators_at_peak(multiple)) or 0)
    return total


# More replicas than any budget pays: a stream that these do not hold at every multiple has no bound.
UNBOUNDED = 10**40

"""Loads that share replicas: one serving class is one model version, latency class and region set (methods: Pooling).

What belongs here: pooling loads under one ceiling, splitting the whole replicas back into the members' work by tier,
and the rate at which another accelerator type does that work. Not here: which rows become loads, who is allocated what.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from capacity.lib.money import round_parts, to_decimal
from workloads.domain.serving import (
    Need,
    Profile,
    RateLimit,
    SpareRule,
    Traffic,
    average_load,
    peak_load,
    pooled_need,
)

# Work is split among members in millionths of an accelerator, so that the parts sum to whole replicas exactly.
WORK_STEP = Decimal("0.000001")
RATE_DENOMINATOR = 1_000_000


# Load key → its (average, peak).
Pairs = Mapping[str, tuple[Fraction, Fraction]]


class LoadSource(Protocol):
    """Where a load comes from. Gives (average, peak) replica-seconds per second on a profile, or None when not active."""

    def loads(self, *, profile: Profile, index: int) -> tuple[Fraction, Fraction] | None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TrafficLoad:
    """Load of a traffic that differs by week; None where there is none. limit caps the peak."""

    traffic: tuple[Traffic | None, ...]
    limit: RateLimit | None = None
    # By the two objects, kept alive here: most weeks have the very traffic of the week before.
    _known: dict[tuple[int, int], tuple[Traffic, Profile, tuple[Fraction, Fraction]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def loads(self, *, profile: Profile, index: int) -> tuple[Fraction, Fraction] | None:
        traffic = self.traffic[index]
        if traffic is None:
            return None
        place = (id(traffic), id(profile))
        known = self._known.get(place)
        # Of a copy the numbers may be another's: the objects themselves are compared.
        if known is not None and known[0] is traffic and known[1] is profile:
            return known[2]
        pair = (
            average_load(traffic=traffic, profile=profile),
            peak_load(traffic=traffic, profile=profile, limit=self.limit),
        )
        self._known[place] = traffic, profile, pair
        return pair


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightedLoad:
    """A load that comes with a probability: both its average and its peak × that share (methods: Holds)."""

    source: LoadSource
    weight: Fraction

    def loads(self, *, profile: Profile, index: int) -> tuple[Fraction, Fraction] | None:
        whole = self.source.loads(profile=profile, index=index)
        return None if whole is None else (whole[0] * self.weight, whole[1] * self.weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingLoad:
    """One contract's or own product's load. committed: in the first tier. held: of a deal that is not signed, last.

    The band is p10/p90 multiples of P50, or, where it differs by week, loads of its own: `low` and `high`.
    """

    key: str
    source: LoadSource
    is_committed: bool
    is_held: bool = False
    workload_key: str = ""
    contract_key: str = ""
    p10_multiple: Fraction = Fraction(1)
    p90_multiple: Fraction = Fraction(1)
    weekly_value_usd: tuple[Decimal | None, ...] = ()
    low: LoadSource | None = None
    high: LoadSource | None = None

    @property
    def order(self) -> int:
        """The order in which members of a class are sized: 0 committed, 1 expected, 2 held."""
        if self.is_committed:
            return 0
        return 2 if self.is_held else 1

    def loads_at(
        self, end: str, *, at_p50: tuple[Fraction, Fraction] | None, profile: Profile, index: int
    ) -> tuple[Fraction, Fraction] | None:
        """(average, peak) at the band's end "p10" or "p90", given the pair at P50."""
        source, multiple = (self.low, self.p10_multiple) if end == "p10" else (self.high, self.p90_multiple)
        if source is not None:
            return source.loads(profile=profile, index=index)
        # The very pair where there is no band: whoever compares need not look inside.
        return at_p50 if at_p50 is None or multiple == 1 else (at_p50[0] * multiple, at_p50[1] * multiple)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassWeek:
    """The need of a class in one week, in accelerators of its reference type.

    committed, total: sized under one ceiling each; p10, p90: accelerators at the band's ends. work: load key → its
    part of the whole replicas (committed members first; expected ones share what they add, held ones what the total
    adds to that). shares: by peak load.
    """

    committed: Need
    total: Need
    p10_accelerators: int
    p90_accelerators: int
    work: Mapping[str, Decimal]
    shares: Mapping[str, Fraction]
    average_loads: Mapping[str, Fraction]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassOption:
    """A pool that can serve the class, and the reference accelerators' work one of its accelerators does."""

    pool_key: str
    work_per_accelerator: Fraction
    replica_accelerators: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingClass:
    """Everything the plan needs to know of a class. options empty: no pool in its regions can serve it.

    spares, coincidence: the rules it was sized by, so that it can be sized again at another use. model_version,
    latency_class: of all its members.
    """

    key: str
    reference_type: str
    reference: Profile
    options: tuple[ClassOption, ...]
    weeks: tuple[ClassWeek, ...]
    members: tuple[ServingLoad, ...]
    spares: SpareRule = field(default_factory=SpareRule)
    coincidence: Decimal = Decimal(1)
    model_version: str = ""
    latency_class: str = ""


def build_class(
    *,
    key: str,
    loads: Sequence[ServingLoad],
    profiles: Mapping[str, Profile],
    pool_types: Mapping[str, str],
    weeks: int,
    spares: SpareRule,
    coincidence: Decimal,
) -> ServingClass:
    """Size a class over `weeks` weeks and find its options.

    profiles: accelerator type → profile at the class's latency (at least one). pool_types: pool → its type, the pools
    its regions allow. The reference is the type that needs the fewest accelerators for the class's busiest week,
    among types that have a pool if any has. Raises ValueError without a profile.
    """
    if not profiles:
        raise ValueError(f"class {key} has no serving profile: it cannot be sized")
    members = tuple(sorted(loads, key=lambda load: load.key))
    usable = {kind: profile for kind, profile in profiles.items() if kind in pool_types.values()} or dict(profiles)
    loads_on = {kind: _weekly_loads(members, profile, weeks) for kind, profile in usable.items()}
    footprint = {kind: _busiest(loads_on[kind], profile) for kind, profile in usable.items()}
    reference_type = min(usable, key=lambda kind: (footprint[kind], kind))
    reference = usable[reference_type]
    return ServingClass(
        key=key,
        reference_type=reference_type,
        reference=reference,
        options=tuple(
            ClassOption(
                pool_key=pool,
                work_per_accelerator=_rate(footprint[reference_type], footprint[kind], is_same=kind == reference_type),
                replica_accelerators=usable[kind].replica_accelerators,
            )
            for pool, kind in sorted(pool_types.items())
            if kind in usable
        ),
        weeks=_class_weeks(members, loads_on[reference_type], reference, spares, coincidence),
        members=members,
        spares=spares,
        coincidence=coincidence,
    )


def _weekly_loads(members: Sequence[ServingLoad], profile: Profile, weeks: int) -> list[Pairs]:
    """The members' loads on a profile, week by week."""
    return [
        _pairs(members, lambda load, index=index: load.source.loads(profile=profile, index=index))  # type: ignore[misc]
        for index in range(weeks)
    ]


def _busiest(weeks: Sequence[Pairs], profile: Profile) -> Fraction:
    """Accelerators at work in the busiest week, unrounded: the yardstick between types."""
    totals = (sum((peak for _, peak in pairs.values()), Fraction(0)) for pairs in weeks)
    return max(totals, default=Fraction(0)) * profile.replica_accelerators


def _rate(reference: Fraction, other: Fraction, *, is_same: bool) -> Fraction:
    """Work per accelerator of another type: how many reference accelerators one of them stands for, rounded down."""
    if is_same or not other:
        return Fraction(1)
    rate = reference / other
    return Fraction(rate.numerator * RATE_DENOMINATOR // rate.denominator, RATE_DENOMINATOR)


def _class_weeks(
    members: Sequence[ServingLoad], weeks: Sequence[Pairs], profile: Profile, spares: SpareRule, coincidence: Decimal
) -> tuple[ClassWeek, ...]:
    """Week by week; a week whose loads are those of the week before, at both ends of the band too, is sized once."""
    found: list[ClassWeek] = []
    seen: tuple[Pairs, ...] = ()
    for index, pairs in enumerate(weeks):
        low, high = (
            _pairs(
                members,
                lambda load, end=end, pairs=pairs, index=index: load.loads_at(  # type: ignore[misc]
                    end, at_p50=pairs.get(load.key), profile=profile, index=index
                ),
            )
            for end in ("p10", "p90")
        )
        if not found or seen != (pairs, low, high):
            seen = pairs, low, high
            found.append(_class_week(members, pairs, (low, high), profile, spares, coincidence))
        else:
            found.append(found[-1])
    return tuple(found)


def _class_week(
    members: Sequence[ServingLoad],
    pairs: Pairs,
    ends: tuple[Pairs, Pairs],
    profile: Profile,
    spares: SpareRule,
    coincidence: Decimal,
) -> ClassWeek:
    """pairs: at P50; ends: at P10 and P90."""
    active = [load for load in members if load.key in pairs]

    def pooled(chosen: Pairs) -> Need:
        return pooled_need(loads=chosen.values(), profile=profile, spares=spares, coincidence=coincidence)

    committed = pooled({load.key: pairs[load.key] for load in active if load.is_committed})
    total = pooled(pairs)
    low, high = (total if end == pairs else pooled(end) for end in ends)
    is_any_held = any(load.is_held for load in active)
    expected = pooled({load.key: pairs[load.key] for load in active if not load.is_held}) if is_any_held else total
    peaks = sum((pairs[load.key][1] for load in active), Fraction(0))
    return ClassWeek(
        committed=committed,
        total=total,
        p10_accelerators=low.accelerators,
        p90_accelerators=high.accelerators,
        work=_work(active, pairs, [committed.accelerators, expected.accelerators, total.accelerators]),
        shares={load.key: pairs[load.key][1] / peaks for load in active},
        average_loads={load.key: pairs[load.key][0] for load in active},
    )


def _pairs(
    members: Sequence[ServingLoad], loads: Callable[[ServingLoad], tuple[Fraction, Fraction] | None]
) -> dict[str, tuple[Fraction, Fraction]]:
    """Of the members that ask for something."""
    return {load.key: pair for load in members if (pair := loads(load)) is not None and pair[1] > 0}


def _work(active: Sequence[ServingLoad], pairs: Pairs, upto: Sequence[int]) -> dict[str, Decimal]:
    """Whole replicas as the members' work: committed ones share their own ceiling, the others what each group adds.

    upto: accelerators with the committed members, with the expected ones too, with the held ones too.
    """
    work: dict[str, Decimal] = {}
    before = 0
    for place, accelerators in enumerate(upto):
        group = [load for load in active if load.order == place]
        peaks = sum((pairs[load.key][1] for load in group), Fraction(0))
        parts = {load.key: to_decimal((accelerators - before) * pairs[load.key][1] / peaks) for load in group}
        work |= round_parts(parts, step=WORK_STEP)
        before = accelerators
    return work

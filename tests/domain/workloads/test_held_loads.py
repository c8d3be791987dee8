"""Held loads join their class last: under the one ceiling, × their probability, P10 nothing and P90 the whole."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from workloads.domain.classes import ServingClass, ServingLoad, TrafficLoad, WeightedLoad, build_class
from workloads.domain.serving import Profile, SpareRule, Traffic

PROFILE = Profile.of(
    replica_accelerators=8, prefill_tps=40_000, decode_tps=4_000, cached_cost_ratio=Decimal("0.1"),
    utilisation_target=Decimal("0.7"), key="big", is_estimated=False,
)  # fmt: skip
# The worked traffic: 0.6375 on average, 1.59375 at its peak, ÷ 0.7 = 2.2768 replicas.
TRAFFIC = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal("0.5"), peak_factor=Decimal("2.5"))


def load(key: str, *, share: Fraction | None = None, is_committed: bool = True) -> ServingLoad:
    source = TrafficLoad(traffic=(TRAFFIC,))
    if share is None:
        return ServingLoad(key=key, source=source, is_committed=is_committed)
    return ServingLoad(
        key=key, source=WeightedLoad(source=source, weight=share), is_committed=False, is_held=True,
        p10_multiple=Fraction(0), p90_multiple=1 / share,
    )  # fmt: skip


def class_of(*loads: ServingLoad) -> ServingClass:
    return build_class(
        key="big", loads=loads, profiles={"h100": PROFILE}, pool_types={"a": "h100"}, weeks=1,
        spares=SpareRule(few=1, many=2, many_from=30), coincidence=Decimal(1),
    )  # fmt: skip


def test_a_hold_adds_what_the_ceiling_of_all_adds_to_the_ceiling_of_the_rest() -> None:
    """2.28 → 3 + 1 replicas = 32. With a half: 2.28 × 1.5 = 3.42 → 4 + 1 = 40: the hold adds 8."""
    week = class_of(load("c"), load("h", share=Fraction(1, 2))).weeks[0]
    assert (week.committed.accelerators, week.total.accelerators) == (32, 40)
    assert week.work == {"c": Decimal(32), "h": Decimal(8)}
    assert week.shares == {"c": Fraction(2, 3), "h": Fraction(1, 3)}


def test_a_hold_may_fit_into_what_rounding_left_over() -> None:
    """2.28 × 1.25 = 2.85 → still 3 + 1: nothing is added, and nothing is promised for nothing."""
    week = class_of(load("c"), load("h", share=Fraction(1, 4))).weeks[0]
    assert week.work == {"c": Decimal(32), "h": Decimal(0)}


def test_expected_loads_go_before_held_ones() -> None:
    """Three of 2.28 are 6.83 → 7 + 1 = 64; two of them 4.55 → 5 + 1 = 48; one 32."""
    week = class_of(load("c"), load("f", is_committed=False), load("h", share=Fraction(1))).weeks[0]
    assert week.work == {"c": Decimal(32), "f": Decimal(16), "h": Decimal(16)}


def test_the_band_of_a_hold_is_nothing_and_the_whole() -> None:
    """P10: 32 without it. P90: both whole, 4.55 → 5 + 1 = 48."""
    week = class_of(load("c"), load("h", share=Fraction(1, 2))).weeks[0]
    assert (week.p10_accelerators, week.p90_accelerators) == (32, 48)

"""Tokens → replicas → accelerators: the worked examples, recomputed by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.serving import (
    Need,
    PoolMember,
    Profile,
    ProfileError,
    RateLimit,
    ServingError,
    SpareRule,
    ThroughputError,
    Traffic,
    TrafficError,
    average_load,
    cost_of_not_pooling,
    peak_load,
    size_disaggregated,
    size_load,
    size_pool,
    size_traffic,
)
from workloads.domain.unit_cost import serving_cost

FRONTIER = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=Decimal("0.10"),
    utilisation_target=Decimal("0.70"),
)
WORKED = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal("0.5"), peak_factor=Decimal("2.5"))


def test_the_worked_traffic_loads_0_6375_replicas_and_needs_four() -> None:
    need = size_traffic(traffic=WORKED, profile=FRONTIER)
    assert need.load_average == Fraction("0.6375")
    assert need.load_peak == Fraction("1.59375")
    assert (need.work_replicas, need.spare_replicas, need.accelerators) == (3, 1, 32)
    assert need.consumed_accelerators == Fraction("5.1")
    assert need.consumed_accelerators + need.headroom_accelerators + need.spare_accelerators == 32


def test_a_month_of_tokens_is_the_same_traffic() -> None:
    month = Traffic.from_monthly_tokens(
        input_tokens=26_280_000_000,
        output_tokens=5_256_000_000,
        cache_hit_share=Decimal("0.5"),
        peak_factor=Decimal("2.5"),
    )
    assert month == WORKED


def test_a_ceiling_is_taken_of_the_exact_fraction() -> None:
    # 2.1 ÷ 0.7 is 3; in binary floating point it is 3.0000000000000004 and would be 4
    need = size_load(load_average=Fraction(1), load_peak=Fraction("2.1"), profile=FRONTIER, spares=SpareRule())
    assert need.work_replicas == 3


def test_five_contracts_need_13_replicas_pooled_and_20_alone() -> None:
    alone = [size_traffic(traffic=WORKED, profile=FRONTIER) for _ in range(5)]
    members = [
        PoolMember(key=f"C{number}", load_average=need.load_average, load_peak=need.load_peak)
        for number, need in enumerate(alone)
    ]
    pooled = size_pool(members=members, profile=FRONTIER)
    assert pooled.need.replicas == 13
    assert pooled.need.accelerators == 104
    assert sum(need.accelerators for need in alone) == 160
    assert cost_of_not_pooling(separate=alone, pooled=pooled.need) == 56
    assert pooled.shares[0].replicas == Fraction(13, 5)
    assert round(float(pooled.shares[0].marginal_replicas), 4) == 2.2768
    assert sum(share.share for share in pooled.shares) == 1


def test_peaks_that_do_not_coincide_need_fewer_replicas() -> None:
    members = [PoolMember(key=str(n), load_average=Fraction(1), load_peak=Fraction("1.59375")) for n in range(5)]
    # 0.8 · 7.96875 ÷ 0.7 = 9.107 → 10 + 1
    assert size_pool(members=members, profile=FRONTIER, coincidence=Decimal("0.8")).need.replicas == 11
    with pytest.raises(ServingError):
        size_pool(members=members, profile=FRONTIER, coincidence=Decimal("1.1"))


def test_a_pool_nobody_uses_needs_nothing() -> None:
    idle = size_pool(members=[PoolMember(key="a", load_average=Fraction(0), load_peak=Fraction(0))], profile=FRONTIER)
    assert (idle.need.replicas, idle.shares) == (0, ())


def test_spares_are_two_from_thirty_replicas_at_work_or_for_a_whole_site() -> None:
    rule = SpareRule()
    assert [rule.spares(work) for work in (0, 1, 29, 30, 31)] == [0, 1, 1, 2, 2]
    assert SpareRule(site_level=True).spares(1) == 2


def test_a_rate_limit_caps_the_peak() -> None:
    both = RateLimit(input_tokens_per_second=Fraction(12_000), output_tokens_per_second=Fraction(2_400))
    # 1.2 times the average: 0.6375 · 1.2 = 0.765
    assert peak_load(traffic=WORKED, profile=FRONTIER, limit=both) == Fraction("0.765")
    assert peak_load(traffic=WORKED, profile=FRONTIER, limit=RateLimit()) == Fraction("1.59375")
    only_out = RateLimit(output_tokens_per_second=Fraction(2_400))
    # input at its own peak 25,000 · 0.55 ÷ 40,000 = 0.34375; output 0.6
    assert peak_load(traffic=WORKED, profile=FRONTIER, limit=only_out) == Fraction("0.94375")


def test_a_disaggregated_profile_rounds_and_spares_each_side() -> None:
    both = size_disaggregated(traffic=WORKED, prefill_profile=FRONTIER, decode_profile=FRONTIER)
    # prefill 0.1375 · 2.5 ÷ 0.7 = 0.49 → 1 + 1; decode 0.5 · 2.5 ÷ 0.7 = 1.79 → 2 + 1
    assert (both.prefill.replicas, both.decode.replicas, both.accelerators) == (2, 3, 40)


def test_the_published_deepseek_day_comes_out_at_227_nodes() -> None:
    node = Profile.of(
        replica_accelerators=8, prefill_tps=73_700, decode_tps=14_800, cached_cost_ratio=1, utilisation_target=1
    )
    day = Traffic.of(input_tps=Fraction(608 * 10**9, 86_400), output_tps=Fraction(168 * 10**9, 86_400))
    nodes = average_load(traffic=day, profile=node)
    assert round(float(nodes), 1) == 226.9
    assert abs(nodes - Fraction("226.75")) / Fraction("226.75") < Fraction(1, 1000)


def test_the_published_deepseek_day_costs_87072_and_at_its_peak_106752() -> None:
    consumed = serving_cost(accelerators=Decimal("226.75") * 8, hours=24, rate_usd_per_hour=Decimal(2))
    reserved = serving_cost(accelerators=278 * 8, hours=24, rate_usd_per_hour=Decimal(2))
    revenue = Decimal(562_027)
    assert (consumed, reserved) == (87_072, 106_752)
    assert round(Decimal(278) / Decimal("226.75"), 3) == Decimal("1.226")
    assert round((1 - consumed / revenue) * 100, 1) == Decimal("84.5")
    assert round((1 - reserved / revenue) * 100, 1) == Decimal("81.0")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"cache_hit_share": Decimal("1.01")}, TrafficError),
        ({"cache_hit_share": Decimal("-0.1")}, TrafficError),
        ({"peak_factor": Decimal("0.99")}, TrafficError),
        ({"input_tps": -1}, TrafficError),
    ],
)
def test_traffic_outside_its_bounds_is_refused(fields: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        Traffic.of(**({"input_tps": 1, "output_tps": 1} | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"prefill_tps": 0}, ThroughputError),
        ({"decode_tps": 0}, ThroughputError),
        ({"utilisation_target": 0}, ProfileError),
        ({"utilisation_target": Decimal("1.01")}, ProfileError),
        ({"replica_accelerators": 0}, ProfileError),
        ({"cached_cost_ratio": -1}, ProfileError),
    ],
)
def test_a_profile_that_cannot_size_anything_is_refused(fields: dict[str, object], error: type[Exception]) -> None:
    good: dict[str, object] = {
        "replica_accelerators": 8,
        "prefill_tps": 1,
        "decode_tps": 1,
        "cached_cost_ratio": 0,
        "utilisation_target": 1,
    }
    with pytest.raises(error) as raised:
        Profile.of(**(good | fields))  # type: ignore[arg-type]
    assert str(raised.value).endswith(".")


def test_a_fully_cached_prompt_without_an_answer_is_allowed() -> None:
    cached = Traffic.of(input_tps=40_000, output_tps=0, cache_hit_share=1)
    assert average_load(traffic=cached, profile=FRONTIER) == Fraction("0.1")


def test_a_float_is_not_let_in() -> None:
    with pytest.raises(TypeError):
        Traffic.of(input_tps=0.7, output_tps=1)  # type: ignore[arg-type]


LOADS = st.fractions(min_value=0, max_value=200, max_denominator=1000)


def _need(load: Fraction) -> Need:
    return size_load(load_average=load, load_peak=load, profile=FRONTIER, spares=SpareRule())


@given(st.lists(LOADS, min_size=1, max_size=6))
def test_pooling_never_needs_more_work_replicas_and_its_shares_add_up(loads: list[Fraction]) -> None:
    members = [PoolMember(key=str(n), load_average=load, load_peak=load) for n, load in enumerate(loads)]
    pooled = size_pool(members=members, profile=FRONTIER)
    assert pooled.need.work_replicas <= sum(_need(load).work_replicas for load in loads)
    assert sum(share.accelerators for share in pooled.shares) == pooled.need.accelerators


@given(LOADS)
def test_a_need_is_the_least_whole_number_of_replicas_at_the_target(load: Fraction) -> None:
    work = _need(load).work_replicas
    assert work * FRONTIER.utilisation_target >= load
    assert work == 0 or (work - 1) * FRONTIER.utilisation_target < load

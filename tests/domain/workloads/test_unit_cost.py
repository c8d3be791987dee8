"""Dollars per million tokens, levers, shortage, batch and experiment requests, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Horizon, Week
from workloads.domain.batch import BatchWork, batch_overload, batch_work, replica_days
from workloads.domain.requests import (
    RequestError,
    accelerator_weeks,
    clean_window,
    clip_window,
    request_cost,
    run_operations,
    training_operations,
)
from workloads.domain.serving import Profile, SpareRule, Traffic, size_load, size_traffic
from workloads.domain.shortage import replicas_in_fragments, served_share, unmet_token_share
from workloads.domain.unit_cost import Levers, load_with_levers, serving_cost, token_costs

RATE = Decimal(2)
FRONTIER = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=Decimal("0.10"),
    utilisation_target=Decimal("0.70"),
)
WORKED = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal("0.5"), peak_factor=Decimal("2.5"))


def test_a_million_output_tokens_cost_1_587_at_target_1_111_consumed_and_6_972_loaded() -> None:
    need = size_traffic(traffic=WORKED, profile=FRONTIER)
    costs = token_costs(profile=FRONTIER, rate_usd_per_hour=RATE, need=need)
    assert [cost.basis for cost in costs] == ["at target utilisation", "consumed", "fully loaded"]
    assert [round(cost.output_usd, 3) for cost in costs] == [Decimal("1.587"), Decimal("1.111"), Decimal("6.972")]
    assert round(costs[0].input_uncached_usd, 4) == Decimal("0.1587")
    assert round(costs[0].input_cached_usd, 5) == Decimal("0.01587")


def test_fully_loaded_costs_times_the_tokens_are_the_reserved_cost() -> None:
    need = size_traffic(traffic=WORKED, profile=FRONTIER)
    loaded = token_costs(profile=FRONTIER, rate_usd_per_hour=RATE, need=need)[2]
    month = 13_140 * (loaded.input_uncached_usd + loaded.input_cached_usd) + 5_256 * loaded.output_usd
    assert round(month, 20) == 46_720


def test_nothing_served_has_no_fully_loaded_cost() -> None:
    need = size_load(load_average=Fraction(0), load_peak=Fraction(0), profile=FRONTIER, spares=SpareRule())
    assert len(token_costs(profile=FRONTIER, rate_usd_per_hour=RATE, need=need)) == 2


CACHING = Levers(cache_hit_share=Fraction("0.8"))
LEVERS = {
    "caching": (CACHING, "0.5700", "-10.6"),
    "quantise": (Levers(throughput_factor=Fraction("1.6")), "0.3984", "-37.5"),
    "speculative": (Levers(decode_factor=Fraction("1.5")), "0.4708", "-26.1"),
    "route": (Levers(routed_share=Fraction("0.6"), routed_cost_ratio=Fraction(1, 8)), "0.3028", "-52.5"),
    "caching+quantise+route": (
        Levers(
            cache_hit_share=Fraction("0.8"),
            throughput_factor=Fraction("1.6"),
            routed_share=Fraction("0.6"),
            routed_cost_ratio=Fraction(1, 8),
        ),
        "0.1692",
        "-73.5",
    ),
    "caching+speculative": (
        Levers(cache_hit_share=Fraction("0.8"), decode_factor=Fraction("1.5")),
        "0.4033",
        "-36.7",
    ),
}


@pytest.mark.parametrize("name", LEVERS)
def test_levers_are_recomputed_together(name: str) -> None:
    levers, load, change = LEVERS[name]
    found = load_with_levers(traffic=WORKED, profile=FRONTIER, levers=levers)
    assert round(float(found), 4) == float(load)
    assert round(float(found / Fraction("0.6375") - 1) * 100, 1) == float(change)


def test_caching_frees_no_replica_alone_and_one_in_a_pool_of_five() -> None:
    def work(load: Fraction) -> int:
        peak = load * Fraction("2.5")
        return size_load(load_average=load, load_peak=peak, profile=FRONTIER, spares=SpareRule()).work_replicas

    before, after = (load_with_levers(traffic=WORKED, profile=FRONTIER, levers=each) for each in (Levers(), CACHING))
    assert (work(before), work(after)) == (3, 3)
    assert (work(5 * before), work(5 * after)) == (12, 11)


@pytest.mark.parametrize(("contracts", "before", "after"), [(1, "2.277", "2.036"), (5, "11.384", "10.179")])
def test_the_peak_that_caching_leaves_to_round_up(contracts: int, before: str, after: str) -> None:
    # 0.6375 × 2.5 ÷ 0.7 and 0.57 × 2.5 ÷ 0.7, alone and for five
    def replicas(levers: Levers) -> Decimal:
        load = contracts * load_with_levers(traffic=WORKED, profile=FRONTIER, levers=levers)
        need = size_load(load_average=load, load_peak=load * Fraction("2.5"), profile=FRONTIER, spares=SpareRule())
        return round(Decimal(float(need.load_peak / FRONTIER.utilisation_target)), 3)

    assert (replicas(Levers()), replicas(CACHING)) == (Decimal(before), Decimal(after))


def test_serving_cost_is_accelerators_times_hours_times_rate() -> None:
    assert serving_cost(accelerators=32, hours=730, rate_usd_per_hour=RATE) == 46_720


def test_fifteen_free_in_seven_and_eight_offer_one_replica() -> None:
    assert replicas_in_fragments(free_by_domain=[7, 8], replica_accelerators=8) == 1


def test_a_shortage_serves_what_the_replicas_beside_the_spare_carry() -> None:
    need = size_traffic(traffic=WORKED, profile=FRONTIER)
    shares = [served_share(available_replicas=n, need=need, profile=FRONTIER) for n in (0, 1, 3, 4, 9)]
    # 3 of 4: (3 − 1) · 0.7 ÷ 1.59375
    assert shares == [0, 0, Fraction("1.4") / Fraction("1.59375"), 1, 1]


@pytest.mark.parametrize(
    ("capacity", "peak", "unmet"),
    [
        ("2.5", "2.5", "0"),
        ("1", "2.5", "0.36"),  # (1.5 ÷ 2.5)²
        ("0", "2.5", "1"),
        ("1", "1.5", "0.125"),  # 0.25 ÷ (4 · 0.5)
        ("0.5", "1.5", "0.5"),  # at 2 − p the two forms meet: p − 1
        ("0.2", "1.5", "0.8"),  # short all day: 1 − y
        ("0.9", "1", "0.1"),
        ("1", "2", "0.25"),
    ],
)
def test_the_unmet_share_follows_a_triangular_day(capacity: str, peak: str, unmet: str) -> None:
    found = unmet_token_share(capacity_to_mean=Decimal(capacity), peak_factor=Decimal(peak))
    assert found == Fraction(unmet)


@given(
    st.fractions(0, 6, max_denominator=50),
    st.fractions(0, 6, max_denominator=50),
    st.fractions(1, 5, max_denominator=50),
)
def test_less_capacity_never_leaves_less_unmet(one: Fraction, other: Fraction, peak: Fraction) -> None:
    low, high = sorted((one, other))
    more = unmet_token_share(capacity_to_mean=low, peak_factor=peak)
    less = unmet_token_share(capacity_to_mean=high, peak_factor=peak)
    assert 0 <= less <= more <= 1


BATCH = Profile.of(
    replica_accelerators=8,
    prefill_tps=80_000,
    decode_tps=8_000,
    cached_cost_ratio=Decimal("0.10"),
    utilisation_target=Decimal("0.95"),
)


def test_a_batch_day_of_691_million_tokens_costs_404_21_in_troughs_and_768_bought() -> None:
    work = batch_work(input_tokens=0, output_tokens=691_200_000, profile=BATCH)
    days = replica_days(work)
    assert round(float(days), 4) == 1.0526
    cost = serving_cost(accelerators=days * 8, hours=24, rate_usd_per_hour=RATE)
    revenue = Decimal("691.2") * Decimal("7.50")
    assert (round(cost, 2), revenue) == (Decimal("404.21"), 5_184)
    assert round((1 - cost / revenue) * 100, 1) == Decimal("92.2")
    bought = serving_cost(accelerators=2 * 8, hours=24, rate_usd_per_hour=RATE)
    assert bought == 768
    assert round((1 - bought / revenue) * 100, 1) == Decimal("85.2")


def test_batch_fits_by_interval_not_by_month() -> None:
    jobs = [
        BatchWork(key="a", released=0, due=1, replica_seconds=Fraction(10)),
        BatchWork(key="b", released=1, due=1, replica_seconds=Fraction(8)),
    ]
    assert batch_overload(jobs=jobs, idle_replica_seconds=[10, 8, 0]) == 0
    # the month has room for 20, but b must run on day 1, where only 5 are idle
    assert batch_overload(jobs=jobs, idle_replica_seconds=[13, 5, 100]) == 3


def test_a_request_costs_its_accelerator_hours_at_the_loaded_rate() -> None:
    assert accelerator_weeks(accelerators=256, weeks=8) == 2_048
    assert request_cost(accelerators=256, weeks=1, rate_usd_per_hour=RATE) == 86_016
    assert request_cost(accelerators=256, weeks=1, rate_usd_per_hour=None) is None
    with pytest.raises(RequestError):
        accelerator_weeks(accelerators=0, weeks=1)


def test_a_run_of_16384_accelerators_over_54_days_is_3_03e25_operations() -> None:
    found = run_operations(
        accelerators=16_384,
        seconds=54 * 86_400,
        peak_operations_per_second=Decimal("9.894e14"),
        mfu=Decimal("0.4"),
    )
    assert f"{found:.2e}" == "3.03e+25"
    assert training_operations(parameters=405 * 10**9, tokens=15 * 10**12) == Decimal("3.645e25")
    with pytest.raises(RequestError):
        run_operations(accelerators=1, seconds=1, peak_operations_per_second=1, mfu=0)


def test_a_window_is_cleaned_to_the_mondays_inside_it() -> None:
    window = clean_window(earliest_date=date(2026, 11, 25), latest_date=date(2026, 12, 17), weeks=3)
    assert (window.earliest.key, window.latest.key) == ("2026-W49", "2026-W51")


@pytest.mark.parametrize(
    ("earliest", "latest", "weeks"),
    [
        (date(2026, 12, 7), date(2026, 12, 6), 1),
        (date(2026, 12, 8), date(2026, 12, 9), 1),
        (date(2026, 12, 7), date(2026, 12, 7), 0),
    ],
)
def test_a_window_without_a_start_is_refused(earliest: date, latest: date, weeks: int) -> None:
    with pytest.raises(RequestError):
        clean_window(earliest_date=earliest, latest_date=latest, weeks=weeks)


def test_a_window_is_clipped_to_starts_that_end_inside_the_horizon() -> None:
    horizon = Horizon(first=Week.parse("2026-W48"), weeks=4)

    def clip(earliest: date, latest: date) -> tuple[str, str, str]:
        found = clip_window(window=clean_window(earliest_date=earliest, latest_date=latest, weeks=2), horizon=horizon)
        return found.window.earliest.key, found.window.latest.key, found.reason

    assert clip(date(2026, 11, 2), date(2027, 3, 1)) == ("2026-W48", "2026-W50", "")
    assert clip(date(2026, 11, 2), date(2026, 11, 16))[2] == "window_closed"
    assert clip(date(2026, 12, 14), date(2027, 3, 1))[2] == "beyond_horizon"

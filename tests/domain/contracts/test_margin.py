"""The four results of one contract, on the worked examples of every shape."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.domain.margin import (
    ContractResult,
    assess_contract,
)
from contracts.domain.month import ExposurePolicy, UsageProfile, margin_share
from contracts.domain.pins import pin_premium
from contracts.domain.terms import (
    ALL_TOKENS,
    BundleUnit,
    ContractTerms,
    DedicatedUnit,
    FixedFee,
    Meter,
    PriceLine,
    ProvisionedUnit,
    Shape,
    SlaTier,
    SpendCommitment,
    TakeOrPay,
    UnitLine,
    UnitStep,
)
from workloads.domain.serving import (
    PoolMember,
    Profile,
    RateLimit,
    SpareRule,
    Traffic,
    size_load,
    size_pool,
)

START = date(2026, 11, 23)
RATE = Decimal(2)
FRONTIER = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=Decimal("0.10"),
    utilisation_target=Decimal("0.70"),
)
WORKED = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal("0.5"), peak_factor=Decimal("2.5"))
TOKEN_PRICES = (
    PriceLine.flat(key="uncached", meters=(Meter.INPUT_UNCACHED,), unit_price_usd=Decimal("3.00")),
    PriceLine.flat(key="cached", meters=(Meter.INPUT_CACHED,), unit_price_usd=Decimal("0.30")),
    PriceLine.flat(key="output", meters=(Meter.OUTPUT,), unit_price_usd=Decimal("15.00")),
)


def terms(shape: Shape, **fields: object) -> ContractTerms:
    return ContractTerms(key="C", shape=shape, starts_date=START, **fields)  # type: ignore[arg-type]


def units(number: int, price: str, promise: object, *, key: str = "units", per_hours: int = 1) -> UnitLine:
    return UnitLine(
        key=key,
        steps=(UnitStep(from_date=START, units=Decimal(number)),),
        price_usd=Decimal(price),
        per_hours=Decimal(per_hours),
        promise=promise,  # type: ignore[arg-type]
    )


def assess(contract: ContractTerms, **fields: object) -> ContractResult:
    inputs: dict[str, object] = {
        "usage": UsageProfile(traffic=WORKED),
        "profile": FRONTIER,
        "rate_usd_per_hour": RATE,
        "on_date": START,
    }
    return assess_contract(terms=contract, **(inputs | fields))  # type: ignore[arg-type]


def percent(share: Decimal | None, places: str = "0.01") -> Decimal:
    assert share is not None
    return (share * 100).quantize(Decimal(places))


PAYG = terms(Shape.PAY_AS_YOU_GO, price_lines=TOKEN_PRICES)
FLAT = terms(Shape.FLAT_FEE, fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(90_000)),))


def test_pay_as_you_go_earns_122202_on_32_accelerators() -> None:
    planned = assess(PAYG).planned
    assert [line.amount_usd for line in planned.bill.lines] == [39_420, 3_942, 78_840]
    assert planned.revenue_usd == 122_202
    assert planned.accelerators == 32
    assert (planned.reserved_cost_usd, planned.consumed_cost_usd) == (46_720, 7_446)
    assert planned.headroom_cost_usd == 39_274
    assert percent(planned.loaded_margin_share) == Decimal("61.77")
    assert percent(planned.consumed_margin_share) == Decimal("93.91")


def test_pay_as_you_go_spends_38_percent_of_revenue_on_inference() -> None:
    result = assess(PAYG)
    assert percent(result.inference_ratio, "0.1") == Decimal("38.2")
    # the break-even price cut is the loaded margin: 1 − cost ÷ revenue
    assert percent(result.planned.loaded_margin_share, "0.1") == Decimal("61.8")


def test_best_effort_commits_no_capacity_and_an_sla_commits_the_planned_use() -> None:
    assert assess(PAYG).committed.accelerators == 0
    promised = terms(
        Shape.PAY_AS_YOU_GO,
        price_lines=TOKEN_PRICES,
        sla_tiers=(SlaTier(below_share=Decimal("0.999"), credit_share=Decimal("0.1")),),
    )
    assert assess(promised).committed.accelerators == 32


def test_a_contract_with_neither_cap_nor_p95_is_badged_uncapped() -> None:
    assert assess(PAYG).badges == ("uncapped_exposure",)
    assert assess(PAYG, usage=UsageProfile(traffic=WORKED, p95_multiple=Decimal("1.5"))).badges == ()


def test_worst_use_defaults_to_twice_metered_and_three_times_flat() -> None:
    assert assess(PAYG).worst.multiple == 2
    assert assess(FLAT).worst.multiple == 3


def test_worst_use_is_the_least_of_cap_and_p95() -> None:
    def multiple(**fields: object) -> Fraction:
        return assess(PAYG, usage=UsageProfile(traffic=WORKED, **fields)).worst.multiple  # type: ignore[arg-type]

    assert multiple(p95_multiple=Decimal(4)) == 4
    assert multiple(p95_multiple=Decimal(4), cap_multiple=Decimal("2.5")) == Fraction(5, 2)
    assert multiple(cap_multiple=Decimal(9)) == 2


def test_a_rate_limit_caps_worst_use_and_its_peak() -> None:
    limited = terms(
        Shape.PAY_AS_YOU_GO,
        price_lines=TOKEN_PRICES,
        rate_limit=RateLimit(input_tokens_per_second=Fraction(30_000), output_tokens_per_second=Fraction(6_000)),
    )
    worst = assess(limited, usage=UsageProfile(traffic=WORKED, p95_multiple=Decimal(10))).worst
    # the average reaches the limit at 3×; the peak is the limit's load 1.9125 ÷ 0.7 = 2.73 → 3 + 1
    assert worst.multiple == 3
    assert worst.accelerators == 32


def test_a_flat_fee_of_90000_earns_48_then_22_then_loses_at_three_times() -> None:
    found = [
        assess(FLAT, usage=UsageProfile(traffic=WORKED, p95_multiple=Decimal(multiple))).worst for multiple in (1, 2, 3)
    ]
    assert [case.accelerators for case in found] == [32, 48, 64]
    assert [case.reserved_cost_usd for case in found] == [46_720, 70_080, 93_440]
    assert [percent(case.loaded_margin_share, "0.1") for case in found] == [
        Decimal("48.1"),
        Decimal("22.1"),
        Decimal("-3.8"),
    ]


def test_a_flat_fee_exposes_3440_at_three_times_and_breaks_even_at_2_635() -> None:
    result = assess(FLAT)
    assert result.loss_exposure_usd == 3_440
    assert result.margin_swing_usd == 46_720
    assert result.capacity_gap_accelerators == 32
    assert result.break_even.multiple == 6 * Fraction("0.7") / Fraction("1.59375")
    assert round(float(result.break_even.multiple), 3) == 2.635


def test_what_the_plan_reserves_closes_the_capacity_gap() -> None:
    assert assess(FLAT, reserved_accelerators=56).capacity_gap_accelerators == 8
    assert assess(FLAT, reserved_accelerators=80).capacity_gap_accelerators == 0


def test_loss_is_largest_just_above_a_replica_step_not_at_the_end() -> None:
    cheap = terms(
        Shape.PAY_AS_YOU_GO,
        price_lines=(PriceLine.flat(key="output", meters=(Meter.OUTPUT,), unit_price_usd=Decimal("8.00")),),
    )
    result = assess(cheap, usage=UsageProfile(traffic=WORKED, p95_multiple=Decimal("1.7")))
    # revenue 42,048·U. P50: 46,720 − 42,048 = 4,672. Worst 1.7: 3.87 → 5 replicas 58,400 − 71,481.6 < 0.
    # Step at 3 replicas full: U = 3·0.7/1.59375 = 1.3176, then 5 replicas: 58,400 − 55,404.42 = 2,995.58 < 4,672
    assert result.loss_exposure_usd == 4_672
    dear_step = assess(cheap, usage=UsageProfile(traffic=WORKED.times(Fraction("1.3")), p95_multiple=Decimal("1.3")))
    # P50 at 1.3: 3 + 1 replicas, 46,720 − 54,662.4 < 0; the step to 5 replicas at 1.3176 loses 2,995.58
    assert dear_step.loss_exposure_usd is not None
    assert round(dear_step.loss_exposure_usd, 2) == Decimal("2995.58")


def test_expected_credits_and_make_good_add_to_the_exposure() -> None:
    result = assess(FLAT, expected_credits_usd=Decimal("317.55"), make_good_usd=Decimal(100))
    assert result.loss_exposure_usd == Decimal("3857.55")


def test_a_fee_below_one_replica_has_no_break_even_and_says_so() -> None:
    small = terms(Shape.FLAT_FEE, fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(20_000)),))
    # one replica costs 11,680, with its spare 23,360
    assert assess(small).break_even.multiple is None
    assert assess(small).break_even.reason == "fee_below_one_replica"
    assert assess(PAYG).break_even.reason == "revenue_follows_use"


def test_a_rate_limit_that_keeps_the_need_within_the_fee_has_no_break_even() -> None:
    limited = terms(
        Shape.FLAT_FEE,
        fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(90_000)),),
        rate_limit=RateLimit(input_tokens_per_second=Fraction(30_000), output_tokens_per_second=Fraction(6_000)),
    )
    assert assess(limited).break_even.reason == "limit_holds"


PROVISIONED = {10: ("20.0", 24, 35_040), 4: ("-60.0", 48, 70_080)}


@pytest.mark.parametrize("weight", PROVISIONED)
def test_provisioned_units_hold_their_worst_mix(weight: int) -> None:
    margin, accelerators, cost = PROVISIONED[weight]
    promise = ProvisionedUnit(tokens_per_minute=Decimal(30_000), output_weight=Decimal(weight))
    result = assess(terms(Shape.PROVISIONED, unit_lines=(units(100, "0.60", promise),)), usage=UsageProfile())
    assert result.committed.revenue_usd == 43_800
    assert result.committed.accelerators == result.planned.accelerators == accelerators
    assert result.committed.reserved_cost_usd == cost
    assert percent(result.planned.loaded_margin_share, "0.1") == Decimal(margin)


def test_token_bundles_hold_both_rates_full_at_once() -> None:
    contract = terms(
        Shape.TOKEN_BUNDLES,
        unit_lines=(
            units(10, "75", BundleUnit(input_tokens_per_minute=Decimal(25_000)), key="in", per_hours=24),
            units(20, "60", BundleUnit(output_tokens_per_minute=Decimal(2_500)), key="out", per_hours=24),
        ),
    )
    thirty_days = ExposurePolicy(hours=720)
    planned = assess(contract, usage=UsageProfile(), policy=thirty_days).planned
    assert planned.revenue_usd == 58_500
    assert planned.accelerators == 16
    assert planned.reserved_cost_usd == 23_040
    assert percent(planned.loaded_margin_share, "0.1") == Decimal("60.6")


def test_priority_at_twice_the_price_earns_244404_on_the_same_accelerators() -> None:
    priority = terms(Shape.PRIORITY, price_lines=TOKEN_PRICES, usage_multiplier=Decimal(2))
    planned = assess(priority).planned
    assert (planned.revenue_usd, planned.accelerators) == (244_404, 32)
    assert percent(planned.loaded_margin_share) == Decimal("80.88")


def test_sixty_four_dedicated_accelerators_cost_seventy_two() -> None:
    contract = terms(Shape.DEDICATED, unit_lines=(units(64, "4.00", DedicatedUnit()),))
    planned = assess(contract, usage=UsageProfile(), profile=None).planned
    assert (planned.revenue_usd, planned.accelerators, planned.reserved_cost_usd) == (186_880, 72, 105_120)
    assert percent(planned.loaded_margin_share) == Decimal("43.75")


def test_take_or_pay_holds_the_full_commitment_not_the_share_always_paid() -> None:
    line = PriceLine.flat(key="tokens", meters=ALL_TOKENS, unit_price_usd=Decimal(2))
    # the worked traffic is 31,536 M tokens a month; twice that is committed
    contract = terms(
        Shape.TAKE_OR_PAY,
        price_lines=(line,),
        take_or_pay=TakeOrPay(line_key="tokens", quantity=Decimal(63_072), take_share=Decimal("0.8")),
    )
    committed = assess(contract).committed
    assert committed.accelerators == 48
    assert committed.revenue_usd == Decimal("100915.2")


def test_committed_spend_is_money_and_capacity_only_through_a_profile() -> None:
    contract = terms(
        Shape.COMMITTED_SPEND,
        price_lines=TOKEN_PRICES,
        spend_commitments=(SpendCommitment(amount_usd=Decimal(1_200_000), discount_share=Decimal("0.1")),),
    )
    assert assess(contract).committed.accelerators == 32
    without = assess(contract, profile=None)
    assert without.committed.accelerators is None
    assert "unsized" in without.badges
    assert without.committed.revenue_usd == 100_000


def test_a_contract_without_a_profile_is_unsized_never_zero() -> None:
    result = assess(FLAT, profile=None)
    assert result.planned.accelerators is None
    assert result.planned.reserved_cost_usd is None
    assert result.planned.loaded_margin_share is None
    assert result.loss_exposure_usd is None
    assert "unsized" in result.badges


def test_an_unknown_rate_leaves_the_margin_unknown_and_the_need_known() -> None:
    result = assess(FLAT, rate_usd_per_hour=None)
    assert result.planned.accelerators == 32
    assert result.planned.loaded_margin_share is None
    assert "unknown_cost" in result.badges


def test_a_margin_without_revenue_is_not_applicable() -> None:
    assert margin_share(revenue_usd=Decimal(0), cost_usd=Decimal(5)) is None
    assert assess(PAYG).committed.loaded_margin_share is None


def test_promised_throughput_without_a_profile_is_unsized() -> None:
    promise = ProvisionedUnit(tokens_per_minute=Decimal(30_000), output_weight=Decimal(10))
    contract = terms(Shape.PROVISIONED, unit_lines=(units(100, "0.60", promise),))
    result = assess(contract, profile=None, usage=UsageProfile())
    assert result.committed.accelerators is None
    assert result.planned.revenue_usd == 43_800


def test_a_pinned_version_costs_what_the_pool_would_not_have_needed() -> None:
    load = Fraction("0.3")
    own = size_load(load_average=load, load_peak=load, profile=FRONTIER, spares=SpareRule())

    def pool(*loads: Fraction) -> object:
        members = [PoolMember(key=str(n), load_average=each, load_peak=each) for n, each in enumerate(loads)]
        return size_pool(members=members, profile=FRONTIER)

    # a pool at 1.5 needs ⌈2.14⌉ = 3, with 0.3 more ⌈2.57⌉ = 3: the pool would have carried it for nothing
    premium = pin_premium(
        own=own,
        pool_with=pool(Fraction("1.5"), load),  # type: ignore[arg-type]
        pool_without=pool(Fraction("1.5")),  # type: ignore[arg-type]
        rate_usd_per_hour=RATE,
    )
    assert premium.own_cost_usd == 5_376
    assert premium.reserved_less_consumed_usd == Decimal("4569.60")
    assert premium.premium_usd == 5_376
    # against a linear share of the pool, 0.3 ÷ 0.7 replicas of $2,688 a week, it is 5,376 − 1,152 = 4,224
    assert Fraction(premium.own_cost_usd) - Fraction("0.3") / Fraction("0.7") * 2_688 == 4_224


@settings(max_examples=60, deadline=None)
@given(
    fee=st.decimals(1_000, 500_000, places=2),
    worst=st.decimals("1", "6", places=2),
    input_tps=st.integers(0, 40_000),
    output_tps=st.integers(1, 8_000),
)
def test_the_exposure_is_never_below_the_loss_at_either_end(
    fee: Decimal, worst: Decimal, input_tps: int, output_tps: int
) -> None:
    traffic = Traffic.of(input_tps=input_tps, output_tps=output_tps, peak_factor=2)
    contract = terms(Shape.FLAT_FEE, fixed_fees=(FixedFee(key="fee", unit_price_usd=fee),))
    result = assess(contract, usage=UsageProfile(traffic=traffic, p95_multiple=worst))
    assert result.loss_exposure_usd is not None
    for case in (result.planned, result.worst):
        assert case.gross_margin_usd is not None
        assert result.loss_exposure_usd >= -case.gross_margin_usd
        assert case.consumed_cost_usd is not None
        assert case.headroom_cost_usd is not None
        assert case.consumed_cost_usd + case.headroom_cost_usd == case.reserved_cost_usd
        assert case.headroom_cost_usd >= 0
    if result.break_even.multiple is not None:
        at_m = assess(contract, usage=UsageProfile(traffic=traffic.times(result.break_even.multiple))).planned
        assert at_m.gross_margin_usd is not None
        assert at_m.gross_margin_usd >= 0

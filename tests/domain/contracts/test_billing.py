"""Bills of every shape, by hand."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import Week
from contracts.domain.billing import (
    bill,
    tiered_amount,
    token_usage,
    units_in_force,
    volume_cliffs,
)
from contracts.domain.credits import expected_credits, sla_credit_share
from contracts.domain.drawdown import draw_down
from contracts.domain.promises import bundle_load, burndown_flags, provisioned_load
from contracts.domain.take_or_pay import settle_take_or_pay
from contracts.domain.terms import (
    ALL_TOKENS,
    BundleUnit,
    ContractTerms,
    FixedFee,
    Meter,
    PriceLine,
    PriceTier,
    ProvisionedUnit,
    Shape,
    SlaTier,
    SpendCommitment,
    TakeOrPay,
    TermsError,
    TierMode,
    UnitLine,
    UnitStep,
    order_by_date,
)
from contracts.domain.unit_margin import SeatSegment, cached_margin, seat_margin
from workloads.domain.serving import Profile, Traffic
from workloads.domain.unit_cost import serving_cost

START = date(2026, 11, 23)
FRONTIER = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=Decimal("0.10"),
    utilisation_target=Decimal("0.70"),
)
TOKENS = PriceLine.flat(key="tokens", meters=ALL_TOKENS, unit_price_usd=Decimal(2))


def terms(**fields: object) -> ContractTerms:
    given_fields: dict[str, object] = {"key": "C", "shape": Shape.PAY_AS_YOU_GO, "starts_date": START}
    return ContractTerms(**(given_fields | fields))  # type: ignore[arg-type]


def total(contract: ContractTerms, million_tokens: int, hours: int = 730) -> Decimal:
    found = bill(terms=contract, usage={Meter.OUTPUT: Decimal(million_tokens) * 10**6}, on_date=START, hours=hours)
    assert sum(line.amount_usd for line in found.lines) == found.total_usd
    return found.total_usd


def test_a_month_of_the_worked_traffic_is_13_14_billion_uncached() -> None:
    traffic = Traffic.of(input_tps=10_000, output_tps=2_000, cache_hit_share=Decimal("0.5"))
    assert token_usage(traffic=traffic, hours=730) == {
        Meter.INPUT_UNCACHED: 13_140_000_000,
        Meter.INPUT_CACHED: 13_140_000_000,
        Meter.OUTPUT: 5_256_000_000,
    }


COMMITMENT = SpendCommitment(amount_usd=Decimal(1_200_000), discount_share=Decimal("0.1"))


def test_a_commitment_not_used_up_is_trued_up() -> None:
    found = draw_down(commitment=COMMITMENT, list_usage_usd=Decimal(1_000_000))
    assert (found.drawn_usd, found.true_up_usd, found.billed_usd) == (900_000, 300_000, 1_200_000)
    assert found.breakage_usd == 300_000


def test_use_beyond_a_commitment_is_billed_at_list_or_discounted() -> None:
    at_list = draw_down(commitment=COMMITMENT, list_usage_usd=Decimal(1_500_000))
    assert round(at_list.billed_usd, 2) == Decimal("1366666.67")
    keeps = SpendCommitment(amount_usd=Decimal(1_200_000), discount_share=Decimal("0.1"), overage_keeps_discount=True)
    assert draw_down(commitment=keeps, list_usage_usd=Decimal(1_500_000)).billed_usd == 1_350_000


def test_what_rolls_over_is_no_breakage() -> None:
    half = SpendCommitment(amount_usd=Decimal(1_200_000), rolled_over_share=Decimal("0.5"))
    assert draw_down(commitment=half, list_usage_usd=Decimal(1_000_000)).breakage_usd == 100_000


def test_a_bill_under_a_commitment_shows_list_discount_and_true_up_as_lines() -> None:
    contract = terms(price_lines=(TOKENS,), spend_commitments=(COMMITMENT,))
    # a month: 100,000 committed; 50,000 M tokens list 100,000, discounted 90,000, trued up 10,000
    found = bill(terms=contract, usage={Meter.OUTPUT: Decimal(50_000) * 10**6}, on_date=START)
    assert {line.key: line.amount_usd for line in found.lines} == {
        "tokens": 100_000,
        "commitment_discount": -10_000,
        "commitment_true_up": 10_000,
    }
    assert (found.total_usd, found.breakage_usd) == (100_000, 10_000)


def test_a_batch_day_at_half_price_earns_5184() -> None:
    line = PriceLine.flat(key="output", meters=(Meter.OUTPUT,), unit_price_usd=Decimal(15))
    contract = terms(shape=Shape.BATCH, price_lines=(line,), usage_multiplier=Decimal("0.5"))
    found = bill(terms=contract, usage={Meter.OUTPUT: Decimal(691_200_000)}, on_date=START, hours=24)
    assert found.total_usd == 5_184


def test_take_or_pay_bills_eight_of_ten_when_six_are_used() -> None:
    contract = terms(
        price_lines=(TOKENS,),
        take_or_pay=TakeOrPay(line_key="tokens", quantity=Decimal(10_000), take_share=Decimal("0.8")),
    )
    found = bill(terms=contract, usage={Meter.OUTPUT: Decimal(6_000) * 10**6}, on_date=START)
    assert (found.total_usd, found.makeup_quantity) == (16_000, 2_000)
    assert total(contract, 9_000) == 18_000


def test_make_up_is_taken_only_above_the_share_always_paid_and_then_expires() -> None:
    commitment = TakeOrPay(line_key="tokens", quantity=Decimal(10), take_share=Decimal("0.8"), makeup_periods=2)
    periods = settle_take_or_pay(terms=commitment, usage=[Decimal(each) for each in (6, 9, 8, 12)])
    assert [period.billed for period in periods] == [8, 8, 8, 12]
    assert [period.makeup_applied for period in periods] == [0, 1, 0, 0]
    assert [period.makeup_left for period in periods] == [2, 1, 0, 0]
    assert [period.expired for period in periods] == [0, 0, 1, 0]


def test_make_up_is_used_oldest_first() -> None:
    commitment = TakeOrPay(line_key="t", quantity=Decimal(10), take_share=Decimal(1), makeup_periods=2)
    periods = settle_take_or_pay(terms=commitment, usage=[Decimal(each) for each in (8, 7, 12, 13)])
    # 2 born in the first, 3 in the second; the third takes the first's 2, the fourth the second's 3
    assert [period.makeup_applied for period in periods] == [0, 0, 2, 3]
    assert sum(period.expired for period in periods) == 0


MINIMUM = terms(
    fixed_fees=(FixedFee(key="fee", unit_price_usd=Decimal(10_000)),),
    price_lines=(
        PriceLine.flat(
            key="overage", meters=ALL_TOKENS, unit_price_usd=Decimal("2.50"), included_quantity=Decimal(5_000)
        ),
    ),
)


def test_a_fee_that_includes_five_billion_bills_overage_beyond_them() -> None:
    assert total(MINIMUM, 7_000) == 15_000
    assert total(MINIMUM, 3_000) == 10_000


def test_a_minimum_is_the_larger_of_itself_and_everything_else() -> None:
    contract = terms(price_lines=(TOKENS,), minimum_usd=Decimal(10_000))
    assert total(contract, 3_000) == 10_000
    assert total(contract, 7_000) == 14_000


STEPS = (
    PriceTier(unit_price_usd=Decimal(10), up_to=Decimal(15)),
    PriceTier(unit_price_usd=Decimal(5)),
)


def test_volume_pricing_falls_at_a_step_and_graduated_does_not() -> None:
    volume = [tiered_amount(quantity=Decimal(n), tiers=STEPS, mode=TierMode.VOLUME) for n in (15, 16)]
    graduated = [tiered_amount(quantity=Decimal(n), tiers=STEPS, mode=TierMode.GRADUATED) for n in (15, 16)]
    assert volume == [150, 80]
    assert graduated == [150, 155]
    line = PriceLine(key="v", meters=ALL_TOKENS, tiers=STEPS, tier_mode=TierMode.VOLUME)
    assert volume_cliffs(line=line) == (15,)
    assert volume_cliffs(line=PriceLine(key="g", meters=ALL_TOKENS, tiers=STEPS)) == ()


def test_tiers_that_do_not_rise_are_refused() -> None:
    with pytest.raises(TermsError):
        PriceLine(key="x", meters=ALL_TOKENS, tiers=(*STEPS[:1], *STEPS[:1], STEPS[1]))
    with pytest.raises(TermsError):
        PriceLine(key="x", meters=ALL_TOKENS, tiers=STEPS[:1])


def test_a_contract_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(TermsError):
        terms(ends_date=START)


RAMP = UnitLine(
    key="units",
    steps=(
        UnitStep(from_date=START, units=Decimal(10)),
        UnitStep(from_date=date(2026, 12, 9), units=Decimal(30)),
    ),
    price_usd=Decimal(1),
    promise=None,
)


def test_a_ramp_step_in_mid_week_needs_its_units_that_week() -> None:
    contract = terms(unit_lines=(RAMP,))
    weeks = [Week.parse(key) for key in ("2026-W47", "2026-W49", "2026-W50", "2026-W51")]
    assert [units_in_force(terms=contract, week=week)["units"] for week in weeks] == [0, 10, 30, 30]
    assert RAMP.units_on(date(2026, 12, 8)) == 10


def test_a_step_outside_the_term_is_refused() -> None:
    with pytest.raises(TermsError):
        terms(unit_lines=(RAMP,), ends_date=date(2026, 12, 1))


def test_a_ramp_to_april_2027_was_to_be_ordered_by_june_2026() -> None:
    step = date(2027, 4, 5)
    assert Week.containing(step).key == "2027-W14"
    assert order_by_date(needed_date=step, lead_weeks=44) == date(2026, 6, 1)
    assert order_by_date(needed_date=step, lead_weeks=52) == date(2026, 4, 6)
    assert order_by_date(needed_date=date(2027, 4, 8), lead_weeks=44).weekday() == 0


UPTIME = (
    SlaTier(below_share=Decimal("0.999"), credit_share=Decimal("0.10")),
    SlaTier(below_share=Decimal("0.990"), credit_share=Decimal("0.25")),
    SlaTier(below_share=Decimal("0.950"), credit_share=Decimal("1.00")),
)


def test_a_credit_applies_strictly_below_its_bound() -> None:
    shares = [
        sla_credit_share(tiers=UPTIME, uptime_share=Decimal(uptime))
        for uptime in ("0.999", "0.995", "0.990", "0.980", "0.950", "0.940")
    ]
    assert shares == [Decimal(share) for share in ("0", "0.10", "0.10", "0.25", "0.25", "1.00")]
    assert [43_800 * share for share in (shares[1], shares[3], shares[5])] == [4_380, 10_950, 43_800]


def test_expected_credits_are_317_55_and_never_above_the_fee() -> None:
    chances = [
        (Decimal("0.04"), Decimal("0.10")),
        (Decimal("0.009"), Decimal("0.25")),
        (Decimal("0.001"), Decimal(1)),
    ]
    assert expected_credits(fee_usd=Decimal(43_800), chances=chances) == Decimal("317.55")
    assert expected_credits(fee_usd=Decimal(10), chances=[(Decimal(1), Decimal(3))]) == 10


def test_provisioned_units_are_sized_at_the_worst_of_three_mixes() -> None:
    def load(**fields: object) -> Fraction:
        given_fields: dict[str, object] = {"tokens_per_minute": Decimal(30_000), "output_weight": Decimal(10)}
        unit = ProvisionedUnit(**(given_fields | fields))  # type: ignore[arg-type]
        return provisioned_load(unit=unit, units=Decimal(100), profile=FRONTIER)

    assert load() == Fraction("1.25")
    assert load(output_weight=Decimal(4)) == Fraction("3.125")
    # cached input deducted in full and half the prompts cached: 1.25 · (0.5 + 0.05) ÷ 0.5 = 1.375
    assert load(cached_weight=Decimal(0), assumed_hit_share=Decimal("0.5")) == Fraction("1.375")
    with pytest.raises(TermsError):
        load(cached_weight=Decimal(0), assumed_hit_share=Decimal(1))


def test_weights_below_what_tokens_take_are_flagged() -> None:
    fair = ProvisionedUnit(tokens_per_minute=Decimal(1), output_weight=Decimal(10))
    cheap = ProvisionedUnit(tokens_per_minute=Decimal(1), output_weight=Decimal(4), cached_weight=Decimal("0.05"))
    assert burndown_flags(unit=fair, profile=FRONTIER) == ()
    assert [flag.code for flag in burndown_flags(unit=cheap, profile=FRONTIER)] == [
        "burndown_mismatch",
        "cached_underpriced",
    ]


def test_full_bundles_load_0_3125_replicas_and_5142_86_of_a_pool() -> None:
    load = bundle_load(
        unit=BundleUnit(input_tokens_per_minute=Decimal(25_000), output_tokens_per_minute=Decimal(5_000)),
        units=Decimal(10),
        profile=FRONTIER,
    )
    assert load == Fraction("0.3125")
    share = load / FRONTIER.utilisation_target
    assert round(float(share), 4) == 0.4464
    cost = serving_cost(accelerators=share * 8, hours=720, rate_usd_per_hour=Decimal(2))
    assert round(cost, 2) == Decimal("5142.86")


SEATS = {
    "0.80 0.15 0.05": ("8.1", "12960", "78.4"),
    "0.70 0.15 0.15": ("17.9", "28640", "52.3"),
    "0.55 0.15 0.30": ("32.6", "52160", "13.1"),
}


@pytest.mark.parametrize("shares", SEATS)
def test_seats_lose_their_margin_to_the_heavy_ones(shares: str) -> None:
    mean, cost, margin = (Decimal(text) for text in SEATS[shares])
    segments = [
        SeatSegment(key=key, share=Decimal(share), million_tokens=Decimal(use))
        for key, share, use in zip(("light", "medium", "heavy"), shares.split(), (2, 10, 100), strict=True)
    ]
    found = seat_margin(seats=1_000, price_usd=Decimal(60), segments=segments, cost_usd_per_million=Decimal("1.60"))
    assert (found.mean_million_tokens, found.cost_usd, found.revenue_usd) == (mean, cost, 60_000)
    assert found.margin_share is not None
    assert round(found.margin_share * 100, 1) == margin
    assert found.break_even_million_tokens == Decimal("37.5")
    assert found.margin_by_segment_usd["heavy"] == -100


def test_seat_shares_must_sum_to_one() -> None:
    with pytest.raises(TermsError):
        seat_margin(
            seats=1,
            price_usd=Decimal(1),
            segments=[SeatSegment(key="a", share=Decimal("0.9"), million_tokens=Decimal(1))],
            cost_usd_per_million=Decimal(1),
        )


def test_more_caching_lowers_a_margin_where_it_is_discounted_beyond_its_cost() -> None:
    def at(hit: str, **fields: Decimal) -> object:
        return cached_margin(
            price_usd=Decimal("3.00"),
            cached_price_ratio=Decimal("0.1"),
            cost_usd=Decimal("1.00"),
            cached_cost_ratio=Decimal("0.25"),
            hit_share=Decimal(hit),
            **fields,
        )

    none, most = at("0"), at("0.8")
    assert round(none.margin_share * 100, 1) == Decimal("66.7")  # type: ignore[attr-defined]
    assert (most.price_usd, most.cost_usd) == (Decimal("0.84"), Decimal("0.40"))  # type: ignore[attr-defined]
    assert round(most.margin_share * 100, 1) == Decimal("52.4")  # type: ignore[attr-defined]
    assert most.caching_lowers_margin  # type: ignore[attr-defined]
    # writes priced 25 % above list on 0.6 of the input: 0.8 · 0.15 − 0.6 · 0.25 < 0, the margin is kept
    paid = at("0.8", written_share=Decimal("0.6"), write_price_premium=Decimal("0.25"))
    assert not paid.caching_lowers_margin  # type: ignore[attr-defined]


AMOUNTS = st.decimals(0, 10**7, places=2)


@given(st.lists(AMOUNTS, min_size=1, max_size=5), AMOUNTS, AMOUNTS, st.integers(0, 10**12))
def test_the_lines_of_a_bill_sum_to_its_total(
    fees: list[Decimal], minimum: Decimal, commitment: Decimal, tokens: int
) -> None:
    contract = terms(
        fixed_fees=tuple(FixedFee(key=f"f{n}", unit_price_usd=fee) for n, fee in enumerate(fees)),
        price_lines=(TOKENS,),
        spend_commitments=(SpendCommitment(amount_usd=commitment, discount_share=Decimal("0.15")),),
        minimum_usd=minimum,
    )
    found = bill(terms=contract, usage={Meter.OUTPUT: Decimal(tokens)}, on_date=START)
    assert abs(sum((line.amount_usd for line in found.lines), Decimal(0)) - found.total_usd) < Decimal("1e-15")
    assert found.total_usd >= minimum


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(0, 4))
def test_make_up_is_conserved(usage: list[int], periods: int) -> None:
    commitment = TakeOrPay(line_key="t", quantity=Decimal(10), take_share=Decimal("0.8"), makeup_periods=periods)
    settled = settle_take_or_pay(terms=commitment, usage=[Decimal(each) for each in usage])
    created = sum(period.makeup_created for period in settled)
    gone = sum(period.makeup_applied + period.expired for period in settled)
    assert created == gone + settled[-1].makeup_left
    assert all(period.billed >= 8 for period in settled)

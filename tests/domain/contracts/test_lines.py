"""Lines as people keep them become terms that bill what the worked examples bill; what they leave out is named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from contracts.domain.billing import Bill, bill, token_usage
from contracts.domain.margin import ContractResult, UsageProfile, assess_contract
from contracts.domain.terms import Meter, SlaTier
from contracts.inputs import usage_of
from contracts.lines import STANDARD_TIERS, DayTerms, Lines, promises_of, terms_on
from tests.domain.contracts.rows import AS_OF, TOKEN_PRICES, Row, contract, price, step
from workloads.domain.serving import Profile, Traffic

FRONTIER = Profile.of(
    replica_accelerators=8,
    prefill_tps=40_000,
    decode_tps=4_000,
    cached_cost_ratio=D("0.10"),
    utilisation_target=D("0.70"),
)
BILLION = 10**9


def day_terms(
    row: Row,
    prices: list[Row],
    *,
    steps: list[Row] | None = None,
    sla: list[Row] | None = None,
    latency_class: str = "interactive",
    day: date = AS_OF,
) -> DayTerms:
    usage = usage_of(row=row, profiles={})
    return terms_on(
        row=row,
        lines=Lines(prices=prices, steps=steps or [], sla=sla or []),
        usage=usage,
        latency_class=latency_class,
        promises=promises_of(row=row, usage=usage, spare_block=8),
        day=day,
    )


def traffic_of(row: Row) -> Traffic:
    return Traffic.of(
        input_tps=row["input_tokens_per_second"],
        output_tps=row["output_tokens_per_second"],
        cache_hit_share=row["cache_hit_share"] or 0,
        peak_factor=row["peak_factor"],
    )


def billed(row: Row, prices: list[Row], *, hours: int = 730, usage: dict[Meter, D] | None = None, **lines: Any) -> Bill:
    """The bill of a planning month (by default) at the row's expected use."""
    found = day_terms(row, prices, **lines)
    assert found.gaps == ()
    if usage is None:
        written = row["cache_write_share"] or 0
        usage = token_usage(traffic=traffic_of(row), hours=hours, written_share=written)
    return bill(terms=found.terms, usage=usage, on_date=AS_OF, hours=hours)


def assessed(row: Row, prices: list[Row], *, traffic: Traffic | None = None, **lines: Any) -> ContractResult:
    return assess_contract(
        terms=day_terms(row, prices, **lines).terms,
        usage=UsageProfile(traffic=traffic or traffic_of(row), p95_multiple=row["p95_multiple"]),
        profile=FRONTIER,
        rate_usd_per_hour=D(2),
        on_date=AS_OF,
    )


def gaps(row: Row, prices: list[Row], **lines: Any) -> list[str]:
    return [gap.says for gap in day_terms(row, prices, **lines).gaps]


# --- pay as you go, priority, batch, cache writes ----------------------------------------------------------------


def test_pay_as_you_go_bills_each_token_at_its_price() -> None:
    assert billed(contract(), TOKEN_PRICES).total_usd == 122_202


def test_priority_multiplies_the_metered_prices() -> None:
    assert billed(contract(shape="priority", price_multiplier=D(2)), TOKEN_PRICES).total_usd == 244_404


def test_cached_input_without_a_price_of_its_own_costs_what_input_costs() -> None:
    without = [price("uncached_input", 3), price("output", 15)]
    assert billed(contract(), without).total_usd == D("26280") * 3 + D("5256") * 15


def test_batch_prices_hold_at_batch_latency_and_nowhere_else() -> None:
    prices = [*TOKEN_PRICES, price("batch_input", "1.5"), price("batch_output", "7.5")]
    row = contract(shape="batch")
    # 13,140 M uncached at 1.50, 13,140 M cached at 0.30, 5,256 M output at 7.50.
    assert billed(row, prices, latency_class="batch").total_usd == 19_710 + 3_942 + 39_420
    assert billed(row, prices, latency_class="interactive").total_usd == 122_202


def test_input_written_to_the_cache_is_billed_at_the_price_of_writing_in_place_of_the_uncached_one() -> None:
    row = contract(cache_write_share=D("0.1"))
    prices = [*TOKEN_PRICES, price("cache_write", "3.75")]
    # 26,280 M in: 13,140 M cached, 2,628 M written, 10,512 M uncached; 5,256 M out.
    assert billed(row, prices).total_usd == 3_942 + 9_855 + 31_536 + 78_840


def test_a_price_of_cache_writes_without_the_share_that_is_written_leaves_the_bill_unknown() -> None:
    found = gaps(contract(), [*TOKEN_PRICES, price("cache_write", "3.75")])
    assert found == ["has a price for cache writes, and the share that is written is not known"]


# --- tiers -------------------------------------------------------------------------------------------------------


def tiered(mode: str) -> list[Row]:
    """10 up to and with 15 million tokens a month, 5 above."""
    return [
        price("overage_tokens", 10, tier_mode=mode),
        price("overage_tokens", 5, tier_mode=mode, tier_from=D(15)),
    ]


@pytest.mark.parametrize(("mode", "millions", "usd"), [("graduated", 15, 150), ("graduated", 16, 155),
                                                       ("volume", 15, 150), ("volume", 16, 80)])  # fmt: skip
def test_tiers_are_graduated_or_by_volume_and_their_bounds_inclusive(mode: str, millions: int, usd: int) -> None:
    usage = {Meter.OUTPUT: D(millions * 10**6)}
    assert billed(contract(), tiered(mode), usage=usage).total_usd == usd


def test_the_bounds_of_tiers_are_monthly_and_scale_with_the_period() -> None:
    usage = {Meter.OUTPUT: D(8 * 10**6)}
    # Half a month: 7.5 million at 10, the other half million at 5.
    assert billed(contract(), tiered("graduated"), usage=usage, hours=365).total_usd == 75 + D("2.5")


def test_tiers_without_a_first_one_leave_the_bill_unknown() -> None:
    found = gaps(contract(), tiered("graduated")[1:])
    assert found[0] == "has no overage tokens price from 0 on"


# --- fees, seats, outcomes, minimums -----------------------------------------------------------------------------


def test_a_flat_fee_is_billed_at_any_use_and_loses_money_at_three_times() -> None:
    result = assessed(contract(shape="flat_fee", p95_multiple=D(3)), [price("fee_month", 90_000)])
    assert [case.accelerators for case in (result.planned, result.worst)] == [32, 64]
    assert (result.worst.revenue_usd, result.worst.reserved_cost_usd) == (90_000, 93_440)
    assert result.loss_exposure_usd == 3_440


def test_a_flat_fee_without_a_fee_is_unknown() -> None:
    assert gaps(contract(shape="flat_fee"), []) == ["is a flat fee without a fee in force"]


def test_seats_are_their_number_times_the_price_and_a_step_overrides_the_number() -> None:
    row = contract(shape="seats", seats=1_000)
    assert billed(row, [price("seat_month", 60)]).total_usd == 60_000
    assert billed(row, [price("seat_month", 60)], steps=[step("seats", 1_200)]).total_usd == 72_000


def test_seats_may_be_priced_in_tiers() -> None:
    prices = [price("seat_month", 60), price("seat_month", 50, tier_from=D(1_000))]
    total = billed(contract(shape="seats", seats=1_500), prices).total_usd
    assert total.quantize(D("0.000001")) == 60_000 + 25_000


def test_seats_without_a_number_are_unknown() -> None:
    assert gaps(contract(shape="seats"), [price("seat_month", 60)]) == [
        "needs a number of seats, as a commitment from its date"
    ]


def test_outcomes_are_paid_as_agreed_and_retries_only_cost() -> None:
    row = contract(shape="outcome", p95_multiple=D(3))
    prices, steps = [price("outcome", 5)], [step("outcomes_month", 18_000)]
    assert billed(row, prices, steps=steps).total_usd == 90_000
    result = assessed(row, prices, steps=steps)
    assert result.worst.revenue_usd == result.planned.revenue_usd == 90_000
    assert result.worst.accelerators == 64


def test_a_fee_that_includes_a_quantity_is_no_minimum() -> None:
    prices = [price("fee_month", 10_000), price("overage_tokens", "2.50", included_quantity=D(5_000))]
    row = contract(shape="minimum_overage")
    for billions, usd in ((7, 15_000), (3, 10_000)):
        assert billed(row, prices, usage={Meter.OUTPUT: D(billions * BILLION)}).total_usd == usd


def test_a_minimum_is_the_least_the_month_bills() -> None:
    row, prices = contract(shape="minimum_overage"), [price("overage_tokens", "2.50")]
    for billions, usd in ((1, 10_000), (6, 15_000)):
        usage = {Meter.OUTPUT: D(billions * BILLION)}
        assert billed(row, prices, usage=usage, steps=[step("minimum_usd_month", 10_000)]).total_usd == usd


# --- commitments -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keeps", "usd"), [(True, "1350000.00"), (False, "1366666.67")])
def test_use_beyond_a_spend_commitment_keeps_its_discount_or_not(keeps: bool, usd: str) -> None:
    row = contract(shape="committed_spend", discount_share=D("0.1"), overage_keeps_discount=keeps)
    usage = {Meter.OUTPUT: D(100 * BILLION)}  # 1.5 M USD at list
    found = billed(row, TOKEN_PRICES, usage=usage, hours=8760, steps=[step("spend_usd_year", 1_200_000)])
    assert found.total_usd.quantize(D("0.01")) == D(usd)


def test_what_rolls_over_is_no_breakage() -> None:
    row = contract(shape="committed_spend", discount_share=D("0.1"), rollover_share=D("0.5"))
    usage = {Meter.OUTPUT: D(200 * BILLION) / 3}  # 1.0 M USD at list, 900 k drawn
    found = billed(row, TOKEN_PRICES, usage=usage, hours=8760, steps=[step("spend_usd_year", 1_200_000)])
    assert found.breakage_usd.quantize(D("0.01")) == 150_000


def test_take_or_pay_bills_the_share_that_is_paid_in_any_case() -> None:
    row = contract(shape="take_or_pay", take_share=D("0.8"), makeup_months=3)
    steps = [step("tokens_month", 10 * BILLION)]
    usage = {Meter.INPUT_UNCACHED: D(5 * BILLION), Meter.OUTPUT: D(BILLION)}
    found = billed(row, [price("overage_tokens", 2)], usage=usage, steps=steps)
    assert (found.total_usd, found.makeup_quantity) == (16_000, 2_000)


def test_take_or_pay_holds_the_whole_commitment() -> None:
    row = contract(shape="take_or_pay", take_share=D("0.8"))
    # Expected use is 31.536 billion tokens a month; twice that is committed.
    result = assessed(row, [price("overage_tokens", 2)], steps=[step("tokens_month", 63_072_000_000)])
    assert (result.committed.accelerators, result.planned.accelerators) == (48, 48)


# --- reserved units ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("weight", "accelerators", "margin"), [(10, 24, "20.0"), (4, 48, "-60.0")])
def test_provisioned_units_are_held_at_their_worst_mix(weight: int, accelerators: int, margin: str) -> None:
    row = contract(
        shape="provisioned_throughput",
        unit_tokens_per_minute=30_000,
        unit_output_weight=D(weight),
        cache_hit_share=None,
        input_tokens_per_second=D(0),
        output_tokens_per_second=D(0),
    )
    result = assessed(row, [price("unit_hour", "0.60")], steps=[step("throughput_units", 100)])
    assert result.committed.revenue_usd == 43_800
    assert result.committed.accelerators == accelerators
    assert result.committed.loaded_margin_share is not None
    assert (result.committed.loaded_margin_share * 100).quantize(D("0.1")) == D(margin)


def test_a_cached_token_that_counts_for_less_lets_more_tokens_through() -> None:
    row = contract(shape="provisioned_throughput", unit_tokens_per_minute=30_000, unit_output_weight=D(10))
    unit = promises_of(row=row | {"unit_cached_weight": D("0.1")}, usage=row, spare_block=8)["throughput_units"]
    assert (unit.cached_weight, unit.assumed_hit_share) == (D("0.1"), D("0.5"))  # type: ignore[union-attr]


def test_bundles_of_input_and_output_are_full_at_once() -> None:
    row = contract(
        shape="token_bundles",
        unit_tokens_per_minute=25_000,
        unit_output_tokens_per_minute=2_500,
        input_tokens_per_second=D(0),
        output_tokens_per_second=D(0),
    )
    prices = [price("input_bundle_day", 75), price("output_bundle_day", 60)]
    steps = [step("input_bundles", 10), step("output_bundles", 20)]
    assert billed(row, prices, hours=720, steps=steps).total_usd == 58_500
    assert assessed(row, prices, steps=steps).committed.accelerators == 16


def test_token_prices_beside_units_are_for_what_spills_and_are_not_billed() -> None:
    row = contract(shape="token_bundles", unit_tokens_per_minute=25_000, spill="request")
    prices = [price("input_bundle_day", 75), *TOKEN_PRICES]
    assert billed(row, prices, hours=720, steps=[step("input_bundles", 10)]).total_usd == 22_500


@pytest.mark.parametrize(("paid", "usd"), [("1", 186_880), ("0.99", D("185011.2"))])
def test_dedicated_accelerators_are_paid_as_far_as_they_are_available(paid: str, usd: D) -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100", availability_paid_share=D(paid))
    found = billed(row, [price("accelerator_hour", 4)], steps=[step("accelerators", 64)])
    assert found.total_usd == usd


def test_units_without_a_commitment_or_a_price_are_unknown() -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100")
    assert gaps(row, [price("accelerator_hour", 4)]) == ["commits no accelerators"]
    assert gaps(row, [], steps=[step("accelerators", 64)]) == ["has no accelerator hour price in force"]


def test_a_ramp_counts_from_each_step_and_what_began_before_the_term_from_its_first_day() -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100")
    steps = [
        step("accelerators", 8, date(2025, 6, 1)),
        step("accelerators", 64, date(2026, 12, 1)),
        step("accelerators", 96, date(2028, 1, 1)),  # the first day without the contract
    ]
    line = day_terms(row, [price("accelerator_hour", 4)], steps=steps).terms.unit_lines[0]
    assert [(each.from_date, each.units) for each in line.steps] == [(date(2026, 1, 1), 8), (date(2026, 12, 1), 64)]


# --- what is missing ---------------------------------------------------------------------------------------------


def test_expected_tokens_without_a_price_leave_the_bill_unknown() -> None:
    assert gaps(contract(), [price("output", 15)]) == ["has no price in force for input and cached input"]
    assert gaps(contract(input_tokens_per_second=D(0)), [price("output", 15)]) == []


def test_a_metered_contract_of_unknown_use_bills_nothing_that_is_known() -> None:
    unknown = contract(input_tokens_per_second=None)
    assert gaps(unknown, TOKEN_PRICES) == ["is billed by use, and its use is not known"]
    guaranteed = unknown | {"shape": "committed_spend"}
    assert gaps(guaranteed, TOKEN_PRICES, steps=[step("spend_usd_year", 1_200_000)]) == []


def test_a_price_holds_from_its_first_day_to_before_its_last() -> None:
    prices = [
        price("output", 15, ends_date=date(2026, 11, 23)),
        price("output", 12, starts_date=date(2026, 11, 23)),
    ]
    row = contract(input_tokens_per_second=D(0))
    for day, usd in ((date(2026, 11, 22), 15), (date(2026, 11, 23), 12)):
        found = day_terms(row, prices, day=day).terms.price_lines[0]
        assert found.tiers[0].unit_price_usd == usd


# --- SLA ---------------------------------------------------------------------------------------------------------


def sla(bound: str, credit: str, metric: str = "uptime") -> Row:
    return {"metric": metric, "below_share": D(bound), "credit_share": D(credit), "region": ""}


def test_the_contracts_own_sla_lines_come_before_the_standard_ones() -> None:
    own = [sla("0.99", "0.3"), sla("0.999", "0.05"), sla("0.9", "0.5", "latency")]
    assert day_terms(contract(has_sla=True), TOKEN_PRICES, sla=own).terms.sla_tiers == (
        SlaTier(below_share=D("0.999"), credit_share=D("0.05")),
        SlaTier(below_share=D("0.99"), credit_share=D("0.3")),
    )
    assert day_terms(contract(has_sla=True), TOKEN_PRICES).terms.sla_tiers == STANDARD_TIERS
    assert day_terms(contract(), TOKEN_PRICES).terms.sla_tiers == ()

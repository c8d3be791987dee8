"""Every contract shape as a file: the figures of the worked examples, computed by hand, out of the shipped examples.

One accelerator-hour is $2.00; the worked traffic is 10,000 tokens a second in (half of them cached), 2,000 out, peak
2.5: average load 0.6375, peak 1.59375.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.domain.contracts.examples import NAMES, changed, document, result, result_of

SHAPES = ["S01", "S02", "S03", "S03b", "S04", "S04b", "S05", "S06", "S07", "S08", "S09", "S10", "S11", "S12", "S13"]
SHAPES += ["S14", "S15", "S16", "S17"]


def percent(share: Any, places: str = "0.1") -> Decimal:
    return (Decimal(share) * 100).quantize(Decimal(places))


def lines(bill: dict[str, Any]) -> dict[str, Any]:
    return {line["key"]: line["usd"] for line in bill["lines"]}


def codes(found: dict[str, Any]) -> list[str]:
    return [flag["code"] for flag in found["flags"]]


def week(found: dict[str, Any], monday: str) -> dict[str, Any]:
    return next(row for row in found["capacity"] if row["week"] == monday)


def test_there_is_an_example_for_every_shape() -> None:
    assert [name.split("-")[0] for name in NAMES if name.startswith("S")] == sorted(SHAPES)
    assert [document(name)["key"] for name in NAMES if name.startswith("S")] == sorted(SHAPES)


def test_s01_pay_as_you_go_earns_122202_on_32_accelerators() -> None:
    found = result_of("S01-pay-as-you-go")
    planned = found["results"]["planned"]
    assert lines(planned) == {"uncached": 39_420, "cached": 3_942, "output": 78_840}
    assert (planned["revenue_usd"], planned["accelerators"]) == (122_202, 32)
    assert (planned["reserved_cost_usd"], planned["consumed_cost_usd"]) == (46_720, 7_446)
    assert planned["headroom_cost_usd"] == 39_274
    assert percent(planned["loaded_margin_share"], "0.01") == Decimal("61.77")
    assert percent(planned["consumed_margin_share"], "0.01") == Decimal("93.91")
    assert found["results"]["committed"]["accelerators"] == 0
    assert percent(found["results"]["inference_cost_share"]) == Decimal("38.2")


def test_s01_december_has_31_days_and_february_28() -> None:
    bills = result_of("S01-pay-as-you-go")["bills"]
    # 10,000 × 0.5 × 86,400 × 31 = 13,392 M uncached at $3; the same cached at $0.30; 5,356.8 M out at $15
    assert lines(bills[0]) == {"uncached": 40_176, "cached": Decimal("4017.60"), "output": 80_352}
    assert bills[0]["total_usd"] == Decimal("124545.60")
    assert bills[2]["total_usd"] * 31 == bills[0]["total_usd"] * 28
    assert [bill["from"] for bill in bills] == ["2026-12-01", "2027-01-01", "2027-02-01"]


def test_s02_committed_spend_trues_up_300_thousand_and_bills_overage_at_list() -> None:
    found = result_of("S02-committed-spend")
    years = [sum(bill["total_usd"] for bill in found["bills"] if bill["from"][:4] == year) for year in ("2027", "2028")]
    assert years == [1_200_000, Decimal("1366666.67")]
    december = found["bills"][11]
    assert lines(december)["commitment_true_up"] == 300_000
    assert december["commitments"][0]["breakage_usd"] == 300_000
    assert sum(bill["commitments"][0]["drawn_usd"] for bill in found["bills"][:12]).quantize(Decimal(1)) == 900_000
    assert found["totals"]["charged_usd"] == Decimal("2566666.67")
    assert found["totals"]["guaranteed_usd"] == 2_400_000


def test_s02_overage_that_keeps_its_discount_bills_1_350_000() -> None:
    contract = changed(
        "S02-committed-spend", lambda d: d["versions"][0]["commitments"][0].update(overage_keeps_discount=True)
    )
    assert result(contract)["totals"]["charged_usd"] == 1_200_000 + 1_350_000


def test_s02_a_commitment_is_money_and_no_capacity() -> None:
    found = result_of("S02-committed-spend")
    assert found["results"]["planned"]["accelerators"] is None
    assert found["results"]["planned"]["revenue_usd"] is None
    assert found["results"]["planned"]["revenue_at_least_usd"] == 100_000
    assert {"unsized", "unknown_revenue"} <= set(codes(found))


SEGMENTS = {
    (80, 15, 5): ("8.1", "12960", "78.4"),
    (70, 15, 15): ("17.9", "28640", "52.3"),
    (55, 15, 30): ("32.6", "52160", "13.1"),
}


@pytest.mark.parametrize("shares", SEGMENTS)
def test_s03_seats_lose_their_margin_to_the_heavy_ones(shares: tuple[int, ...]) -> None:
    mean, cost, margin = (Decimal(text) for text in SEGMENTS[shares])

    def use(contract: dict[str, Any]) -> None:
        for segment, share in zip(contract["versions"][0]["seats"]["segments"], shares, strict=True):
            segment["share"] = share / 100

    found = result(changed("S03-seats", use))
    seats = found["seats"]
    assert (seats["mean_million_tokens"], seats["cost_usd"], seats["revenue_usd"]) == (mean, cost, 60_000)
    assert percent(seats["margin_share"]) == margin
    assert seats["break_even_million_tokens"] == Decimal("37.5")
    assert seats["margin_by_segment_usd"]["heavy"] == -100
    assert found["results"]["planned"]["accelerators"] is None


def test_s03b_flat_fee_breaks_even_at_2_635_times_its_use() -> None:
    found = result_of("S03b-flat-fee")["results"]
    cases = found["at_multiples"]
    assert [case["accelerators"] for case in cases] == [32, 48, 64]
    assert [case["reserved_cost_usd"] for case in cases] == [46_720, 70_080, 93_440]
    assert [percent(case["loaded_margin_share"]) for case in cases] == [Decimal(n) for n in ("48.1", "22.1", "-3.8")]
    assert (found["loss_exposure_usd"], found["margin_swing_usd"]) == (3_440, 46_720)
    assert found["capacity_gap_accelerators"] == 32
    assert found["break_even"] == {"multiple": Decimal("2.635294"), "reason": ""}


def test_s04_provisioned_throughput_earns_43800_on_24_accelerators() -> None:
    found = result_of("S04-provisioned-throughput")["results"]["committed"]
    assert (found["revenue_usd"], found["accelerators"], found["reserved_cost_usd"]) == (43_800, 24, 35_040)
    assert percent(found["loaded_margin_share"]) == 20


def test_s04b_a_weight_of_4_for_output_that_is_10_loses_60_percent() -> None:
    found = result_of("S04b-burndown-mismatch")
    committed = found["results"]["committed"]
    assert (committed["accelerators"], committed["reserved_cost_usd"]) == (48, 70_080)
    assert percent(committed["loaded_margin_share"]) == -60
    assert "burndown_mismatch" in codes(found)
    assert "burndown_mismatch" not in codes(result_of("S04-provisioned-throughput"))


def test_s05_token_bundles_bill_58500_in_thirty_days() -> None:
    found = result_of("S05-token-bundles")
    assert lines(found["bills"][0]) == {"input_bundles": 22_500, "output_bundles": 36_000}
    planned = found["results"]["planned"]
    assert (planned["revenue_usd"], planned["accelerators"], planned["reserved_cost_usd"]) == (58_500, 16, 23_040)
    assert percent(planned["loaded_margin_share"]) == Decimal("60.6")
    assert planned["pooled_cost_usd"] == Decimal("5142.86")


def test_s06_priority_earns_twice_as_much_on_the_same_accelerators() -> None:
    planned = result_of("S06-priority")["results"]["planned"]
    assert (planned["revenue_usd"], planned["accelerators"]) == (244_404, 32)
    assert percent(planned["loaded_margin_share"], "0.01") == Decimal("80.88")


def test_s06_what_is_served_as_standard_takes_no_multiplier() -> None:
    contract = changed("S06-priority", lambda d: d["versions"][0]["price_lines"][2].update(takes_multiplier=False))
    # output at list: 244,404 − 78,840
    assert result(contract)["results"]["planned"]["revenue_usd"] == 165_564


def test_s07_batch_in_troughs_keeps_92_percent_and_bought_85() -> None:
    planned = result_of("S07-batch")["results"]["planned"]
    # a day: 691.2 M at $7.50 = $5,184; 1.0526 replica-days = $404.21; two bought replicas $768; a month is 365/12 days
    assert planned["revenue_usd"] * 12 / 365 == 5_184
    assert (planned["pooled_cost_usd"] * 12 / 365).quantize(Decimal("0.01")) == Decimal("404.21")
    assert planned["reserved_cost_usd"] * 12 / 365 == 768
    assert percent(planned["pooled_margin_share"]) == Decimal("92.2")
    assert percent(planned["loaded_margin_share"]) == Decimal("85.2")


def test_s07_batch_work_fits_its_days_or_needs_whole_replicas() -> None:
    fit = result_of("S07-batch")["batch"][0]
    # two days of 691.2 M tokens: 2 × 1.0526 replica-days, $404.21 each; 90,948 idle replica-seconds a day hold one
    assert fit["work_replica_days"] == Decimal("2.105263")
    assert (fit["trough_cost_usd"], fit["bought_replicas"], fit["overload_replica_seconds"]) == (
        Decimal("808.42"),
        0,
        0,
    )

    def no_idle(contract: dict[str, Any]) -> None:
        contract["versions"][0]["streams"][0]["batch"]["idle_replica_seconds"] = [0]
        del contract["versions"][0]["streams"][0]["batch"]["jobs"][1]

    found = result(changed("S07-batch", no_idle))
    # one day of it bought: ⌈1.0526⌉ = 2 replicas, $768
    assert (found["batch"][0]["bought_replicas"], found["batch"][0]["bought_cost_usd"]) == (2, 768)
    assert "batch_late" in codes(found)


def test_s08_a_cached_discount_above_the_saving_is_flagged() -> None:
    found = result_of("S08-cached-input")
    (cached,) = found["cached_input"]
    assert (cached["price_usd_per_million"], cached["cost_usd_per_million"]) == (Decimal("0.84"), Decimal("0.40"))
    assert percent(cached["margin_share"]) == Decimal("52.4")
    assert "cached_discount_above_saving" in codes(found)
    contract = changed(
        "S08-cached-input", lambda d: d["versions"][0]["streams"][0]["traffic"].update(cache_hit_share=0)
    )
    assert percent(result(contract)["cached_input"][0]["margin_share"]) == Decimal("66.7")


def test_s09_sixty_four_dedicated_accelerators_need_72() -> None:
    found = result_of("S09-dedicated")["results"]["committed"]
    assert (found["revenue_usd"], found["accelerators"], found["reserved_cost_usd"]) == (186_880, 72, 105_120)
    assert percent(found["loaded_margin_share"], "0.01") == Decimal("43.75")


def test_s10_take_or_pay_bills_8_billion_of_6_and_owes_2() -> None:
    found = result_of("S10-take-or-pay")
    first, second, third = found["bills"]
    assert (first["total_usd"], first["take_or_pay"]["makeup_left"]) == (16_000, 2_000)
    # 9 billion less 1 of make-up is 8; the other billion expires with its month
    assert (second["total_usd"], second["take_or_pay"]["makeup_applied"]) == (16_000, 1_000)
    assert second["take_or_pay"]["expired"] == 1_000
    assert third["total_usd"] == 24_000
    assert found["totals"]["makeup_left"] == 0


def test_s10_take_or_pay_holds_the_whole_commitment() -> None:
    # 10,000 M of the worked mix are 10,000 ÷ 31,536 of its use: peak 0.5054, one replica and its spare
    assert result_of("S10-take-or-pay")["results"]["committed"]["accelerators"] == 16


def test_s11_a_ramp_to_april_2027_was_to_be_ordered_in_june_2026() -> None:
    found = result_of("S11-ramp")
    step = next(order for order in found["orders"] if order["needed"] == "2027-04-05")
    assert (step["order_by_p50"], step["order_by_p90"]) == ("2026-06-01", "2026-04-06")
    assert "ramp_inside_lead_time" in codes(found)
    # 200 units: load 2.5, ⌈3.57⌉ + 1 = 5 replicas from 2027-W14 on
    assert [week(found, monday)["committed"] for monday in ("2027-03-29", "2027-04-05")] == [24, 40]


def test_s12_a_fee_with_5_billion_bills_overage_beyond_them() -> None:
    bills = result_of("S12-minimum-and-overage")["bills"]
    assert [bill["total_usd"] for bill in bills] == [15_000, 10_000]


def test_s13_credits_follow_the_uptime_and_their_chances_the_exposure() -> None:
    found = result_of("S13-service-credits")
    assert [bill["credits_usd"] for bill in found["bills"]] == [4_380, 10_950, 43_800, 4_380]
    assert found["results"]["expected_credits_usd"] == Decimal("317.55")
    # at three times its use: 93,440 − 43,800 and the credits
    assert found["results"]["loss_exposure_usd"] == Decimal("49957.55")


def test_s14_residency_takes_16_accelerators_more_and_a_multiplier() -> None:
    found = result_of("S14-residency")
    planned = found["results"]["planned"]
    assert planned["revenue_usd"] == Decimal("268844.40")  # 2 × 122,202 × 1.1
    assert planned["accelerators"] == 64
    (apart,) = found["residency"]
    # 2 × 1.59375 ÷ 0.7 = 4.55 → 5 + 1 = 6 replicas pooled
    assert (apart["separate_accelerators"], apart["pooled_accelerators"]) == (64, 48)
    assert apart["not_pooling_usd_per_month"] == 23_360


def test_s15_a_pin_costs_4224_a_week_over_its_share() -> None:
    found = result_of("S15-version-pin")
    (pin,) = found["pins"]
    assert pin["own_cost_usd_per_week"] == 5_376
    assert pin["reserved_less_consumed_usd_per_week"] == Decimal("4569.60")
    # consumed: 0.3 × 8 × 168 × 2.00
    consumed = pin["own_cost_usd_per_week"] - pin["reserved_less_consumed_usd_per_week"]
    assert consumed == Decimal("806.40")
    (chat,) = found["streams"]
    assert chat["consumed_cost_usd"] * 168 / 730 == consumed
    assert pin["premium_over_linear_share_usd_per_week"] == 4_224
    # beside two of the worked traffics the pool would not grow: 3.1875 and 3.4875 both need 5 + 1
    assert pin["premium_usd_per_week"] == 5_376
    assert "pinned_past_retirement" in codes(found)


def test_s16_after_the_end_the_need_is_weighted_by_the_renewal() -> None:
    found = result_of("S16-renewal")
    after = week(found, "2027-03-01")
    assert (after["expected"], after["p90"], after["p10"], after["committed"]) == (Decimal("19.2"), 32, 0, 0)
    assert after["planned"] == 32  # 60 % likely
    # 64 × 8 weeks × 168 × 2 × (1 − 0.5) − 50,000
    assert found["renewal"] == {"notice_by": "2027-01-30", "stranded_usd": 36_016}


def test_s16_a_signed_renewal_replaces_the_chance() -> None:
    contract = changed("S16-renewal", lambda d: d["renewal"].update(is_signed=True))
    after = week(result(contract), "2027-03-01")
    assert (after["expected"], after["planned"], after["worst"]) == (32, 32, 40)


def test_s17_outcomes_earn_the_same_however_many_answers_they_take() -> None:
    found = result_of("S17-outcomes")["results"]
    assert [case["revenue_usd"] for case in (found["planned"], found["worst"])] == [90_000, 90_000]
    assert [case["accelerators"] for case in (found["planned"], found["worst"])] == [32, 64]
    assert found["break_even"]["multiple"] == Decimal("2.635294")


def test_a_mixed_contract_converts_tokens_draws_credits_and_is_amended_in_mid_month() -> None:
    found = result_of("mixed-amended")
    january, february, march = found["bills"]
    # 1,000 + 0.1 × 2,000 + 10 × 300 = 4,200 M at $5; the free 5,000 first, 16,000 from the prepaid 60,000
    assert lines(january) == {
        "tokens": 21_000,
        "prepaid_prepayment": 60_000,
        "welcome_credit": -5_000,
        "prepaid_drawn": -16_000,
    }
    # half of February at a weight of 10, half at 8: 10,500 + 9,000
    assert (lines(february)["tokens"], february["total_usd"]) == (19_500, 0)
    assert lines(march)["tokens"] == 18_000
    assert march["commitments"][0]["breakage_usd"] == 6_500
    assert found["totals"]["charged_usd"] == 60_000


def test_two_lines_that_price_the_same_tokens_are_flagged() -> None:
    def again(contract: dict[str, Any]) -> None:
        extra = {"key": "more", "meters": ["chat.output_tokens"], "price": 1}
        contract["versions"][0]["price_lines"].append(extra)

    assert "overlapping_prices" in codes(result(changed("S01-pay-as-you-go", again)))
    assert "overlapping_prices" not in codes(result_of("S01-pay-as-you-go"))


def test_a_volume_price_that_falls_at_a_bound_is_flagged() -> None:
    def volume(contract: dict[str, Any]) -> None:
        line = contract["versions"][0]["price_lines"][2]
        del line["price"]
        line.update(tiers=[{"up_to": 15, "price": 10}, {"price": 5}], tier_mode="volume")

    assert "volume_cliff" in codes(result(changed("S01-pay-as-you-go", volume)))


@pytest.mark.parametrize("name", NAMES)
def test_the_lines_of_every_bill_sum_to_what_is_charged(name: str) -> None:
    for bill in result_of(name)["bills"]:
        assert sum(line["usd"] for line in bill["lines"]) == bill["charged_usd"]
        assert bill["total_usd"] == bill["charged_usd"] - (bill["credits_usd"] or 0)

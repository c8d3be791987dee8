"""Bills by period, by hand: months of days, balances carried on, minimums, make-up, credits, amendments."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.domain.contracts.examples import result

OUTPUT = {"key": "tokens", "meters": ["output_tokens"], "price": 1.00}


def contract(
    *versions: dict[str, Any], starts: str = "2027-01-01", ends: str = "2028-01-01", **more: Any
) -> dict[str, Any]:
    first = {"from": starts} | versions[0]
    return {
        "version": 1,
        "key": "C",
        "as_of": "2026-11-23",
        "starts": starts,
        "ends": ends,
        "weeks": 1,
        "versions": [first, *versions[1:]],
    } | more


def used(first: str, last: str, millions: float | None) -> dict[str, Any]:
    tokens = None if millions is None else round(millions * 10**6)
    return {"from": first, "to": last, "quantities": {"output_tokens": tokens}}


def monthly(*millions: float) -> list[dict[str, Any]]:
    """So many million output tokens in January, February … of 2027."""
    firsts = [f"2027-{month:02d}-01" for month in range(1, len(millions) + 1)]
    lasts = [*firsts[1:], "2028-01-01" if len(millions) == 12 else f"2027-{len(millions) + 1:02d}-01"]
    return [used(*row) for row in zip(firsts, lasts, millions, strict=True)]


def charged(found: dict[str, Any]) -> list[Any]:
    return [bill["charged_usd"] for bill in found["bills"]]


def lines(bill: dict[str, Any]) -> dict[str, Any]:
    return {line["key"]: line["usd"] for line in bill["lines"]}


def test_a_first_and_a_last_month_in_part_are_billed_by_their_days() -> None:
    fee = {"fixed_fees": [{"key": "fee", "price": 3_100}]}
    # 17 of January's 31 days, February, 14 of March's 31
    found = result(contract(fee, starts="2027-01-15", ends="2027-03-15"))
    assert charged(found) == [1_700, 3_100, 1_400]


def test_anniversary_months_begin_on_the_day_of_the_start() -> None:
    fee = {"fixed_fees": [{"key": "fee", "price": 2_800}]}
    found = result(contract(fee, starts="2027-01-31", ends="2027-03-10", months="anniversary"))
    assert [(bill["from"], bill["to"]) for bill in found["bills"]] == [
        ("2027-01-31", "2027-02-28"),
        ("2027-02-28", "2027-03-10"),
    ]
    # the second is 10 of the 31 days to 31 March
    assert charged(found) == [2_800, Decimal("903.23")]


def test_a_leap_february_has_29_days_of_units() -> None:
    units = {"unit_lines": [{"key": "units", "price": 1, "units": 10}]}
    assert charged(result(contract(units, starts="2028-02-01", ends="2028-03-01"))) == [10 * 24 * 29]


def test_units_that_step_up_in_mid_month_are_billed_by_the_hours_of_each_step() -> None:
    steps = [{"from": "2027-01-01", "units": 10}, {"from": "2027-01-11", "units": 20}]
    found = result(contract({"unit_lines": [{"key": "units", "price": 1, "steps": steps}]}, ends="2027-02-01"))
    assert charged(found) == [10 * 240 + 20 * 504]


def test_use_of_a_month_is_spread_over_its_days_when_a_price_is_amended() -> None:
    # 1 – 14 February at $1, 15 – 28 at $3: half of 1,000 M each
    dearer = {"from": "2027-02-15", "price_lines": [OUTPUT | {"price": 3.00}]}
    found = result(contract({"price_lines": [OUTPUT]}, dearer, ends="2027-03-01", usage=monthly(100, 1_000)))
    assert charged(found) == [100, 500 + 1_500]


def test_tiers_see_the_use_of_the_whole_month_where_their_price_stays() -> None:
    tiered = {"key": "tokens", "meters": ["output_tokens"], "tiers": [{"up_to": 280, "price": 1}, {"price": 5}]}
    rows = [used("2027-02-01", "2027-02-15", 280), used("2027-02-15", "2027-03-01", 0)]
    more = {"from": "2027-02-15", "fixed_fees": [{"key": "fee", "price": 28}]}
    found = result(contract({"price_lines": [tiered]}, more, starts="2027-02-01", ends="2027-03-01", usage=rows))
    # all of it in the first half of February, and still within the month's first tier
    assert lines(found["bills"][0]) == {"tokens": 280, "fee": 14}
    dearer = {"from": "2027-02-15", "price_lines": [tiered | {"draws_down": False}]}
    found = result(contract({"price_lines": [tiered]}, dearer, starts="2027-02-01", ends="2027-03-01", usage=rows))
    # another line from the 15th on: each has its half of the tier
    assert lines(found["bills"][0]) == {"tokens": 140 + 5 * 140}


def test_what_an_amendment_leaves_out_stays_as_it_was() -> None:
    more = {"from": "2027-02-01", "fixed_fees": [{"key": "fee", "price": 7}]}
    found = result(contract({"price_lines": [OUTPUT]}, more, ends="2027-03-01", usage=monthly(100, 1_000)))
    assert [lines(bill) for bill in found["bills"]] == [{"tokens": 100}, {"fee": 7, "tokens": 1_000}]


def test_a_commitment_that_is_amended_counts_pro_rata_by_days() -> None:
    # 365 a year until 1 July (181 days), 730 from then (184 days): 181 + 368, all trued up without use
    first = {"price_lines": [OUTPUT], "commitments": [{"amount": 365}]}
    second = {"from": "2027-07-01", "commitments": [{"amount": 730}]}
    found = result(contract(first, second, usage=[used("2027-01-01", "2028-01-01", 0)]))
    assert found["totals"]["charged_usd"] == 181 + 2 * 184
    assert lines(found["bills"][-1])["commitment_true_up"] == 549


def test_a_commitment_that_is_dropped_is_settled_on_that_day() -> None:
    first = {"price_lines": [OUTPUT], "commitments": [{"amount": 365}]}
    found = result(
        contract(first, {"from": "2027-07-01", "commitments": []}, usage=[used("2027-01-01", "2028-01-01", 0)])
    )
    assert lines(found["bills"][5])["commitment_true_up"] == 181
    assert found["totals"]["charged_usd"] == 181


def test_what_rolls_over_is_drawn_first_in_the_next_period_and_then_lost() -> None:
    # quarters of 300, half of what is unused rolls over: 100 of 300 used → 100 over, 100 lost; then 350 used
    version = {"price_lines": [OUTPUT], "commitments": [{"amount": 300, "period_months": 3, "rolled_over_share": 0.5}]}
    found = result(contract(version, ends="2027-07-01", usage=monthly(100, 0, 0, 0, 0, 350)))
    assert charged(found) == [100, 0, 200, 0, 0, 300]
    march, june = found["bills"][2], found["bills"][5]
    assert (march["commitments"][0]["rolled_over_usd"], march["commitments"][0]["breakage_usd"]) == (100, 100)
    # 100 were paid before; 250 are drawn from the 300, 50 are trued up, half of them lost
    assert lines(june) == {"tokens": 350, "commitment_rolled_over": -100, "commitment_true_up": 50}
    assert june["commitments"][0]["breakage_usd"] == 25


def test_commitments_burn_by_priority_then_free_ones_then_the_earliest_end() -> None:
    each = {"amount": 100, "from": "2027-01-01"}
    version = {
        "price_lines": [OUTPUT],
        "commitments": [
            each | {"key": "paid_late", "to": "2027-12-01", "is_prepaid": True},
            each | {"key": "paid_early", "to": "2027-06-01", "is_prepaid": True},
            each | {"key": "free", "to": "2027-12-31", "is_free": True},
            each | {"key": "first", "to": "2027-12-31", "is_prepaid": True, "priority": 0},
        ],
    }
    for commitment in version["commitments"][:3]:
        commitment["priority"] = 1
    found = result(contract(version, usage=monthly(100, 100, 100, 100, 40)))
    drawn = [
        {row["key"]: row["drawn_usd"] for row in bill["commitments"] if row["drawn_usd"]} for bill in found["bills"]
    ]
    assert drawn[:5] == [{"first": 100}, {"free": 100}, {"paid_early": 100}, {"paid_late": 100}, {}]
    assert charged(found)[:5] == [300, 0, 0, 0, 40]


def test_a_commitment_draws_only_the_lines_it_names() -> None:
    images = {"key": "images", "meters": ["images"], "per": 1, "price": 1}
    version = {
        "price_lines": [OUTPUT, images],
        "commitments": [{"key": "credit", "amount": 50, "is_free": True, "line_keys": ["images"]}],
    }
    row = {"from": "2027-01-01", "to": "2027-02-01", "quantities": {"output_tokens": 80 * 10**6, "images": 70}}
    found = result(contract(version, ends="2027-02-01", usage=[row]))
    # a month of a yearly credit: 50 × 31 ÷ 365
    assert lines(found["bills"][0]) == {"tokens": 80, "images": 70, "credit_credit": Decimal("-4.25")}


def test_a_minimum_is_trued_up_at_the_end_of_its_quarter() -> None:
    version = {"price_lines": [OUTPUT], "minimum": {"amount": 300, "every_months": 3}}
    found = result(contract(version, ends="2027-07-01", usage=monthly(50, 200, 10, 400, 0, 0)))
    assert charged(found) == [50, 200, 50, 400, 0, 0]
    assert lines(found["bills"][2]) == {"tokens": 10, "minimum_true_up": 40}


def test_a_retroactive_minimum_gives_back_what_a_later_surplus_covers() -> None:
    version = {"price_lines": [OUTPUT], "minimum": {"amount": 300, "every_months": 3, "is_retroactive": True}}
    found = result(contract(version, ends="2027-07-01", usage=monthly(50, 200, 10, 320, 0, 0)))
    assert charged(found) == [50, 200, 50, 320, 0, -20]
    assert found["totals"]["charged_usd"] == 600


def test_what_a_minimum_made_the_customer_pay_counts_toward_the_commitment() -> None:
    version = {
        "price_lines": [OUTPUT],
        "minimum": {"amount": 100},
        "commitments": [{"amount": 1_000, "period_months": 12}],
    }
    found = result(contract(version, usage=monthly(*[30] * 6, *[50] * 6)))
    # 100 a month in any case; 1,200 is above the commitment, so December is trued up by nothing more
    assert charged(found) == [100] * 12
    version["commitments"][0]["amount"] = 1_500
    found = result(contract(version, usage=monthly(*[30] * 6, *[50] * 6)))
    # 1,500 − drawn 480 − the true-ups of eleven months (6 × 70 + 5 × 50)
    assert lines(found["bills"][-1]) == {"tokens": 50, "commitment_true_up": 350}
    assert found["totals"]["charged_usd"] == 1_500


def test_take_or_pay_of_a_month_in_part_is_that_part() -> None:
    version = {"price_lines": [OUTPUT], "take_or_pay": {"line_key": "tokens", "quantity": 310, "take_share": 0.5}}
    found = result(
        contract(version, starts="2027-01-22", ends="2027-03-01", usage=[used("2027-01-22", "2027-03-01", 0)])
    )
    # 10 of 31 days: half of 100; then half of 310
    assert charged(found) == [50, 155]


def test_a_cap_on_use_refuses_and_a_cap_on_charge_gives_away() -> None:
    capped = OUTPUT | {"max_quantity": 100}
    found = result(contract({"price_lines": [capped]}, ends="2027-02-01", usage=monthly(130)))
    assert found["bills"][0]["lines"] == [{"key": "tokens", "quantity": 100, "refused": 30, "usd": 100}]
    found = result(contract({"price_lines": [OUTPUT | {"max_amount": 100}]}, ends="2027-02-01", usage=monthly(130)))
    assert found["bills"][0]["lines"] == [{"key": "tokens", "quantity": 130, "refused": 0, "usd": 100}]
    assert "charge_capped_use_not" in [flag["code"] for flag in found["flags"]]


def test_use_that_nobody_knows_leaves_the_bill_unknown_and_names_it() -> None:
    version = {"price_lines": [OUTPUT], "fixed_fees": [{"key": "fee", "price": 9}]}
    found = result(contract(version, ends="2027-04-01", usage=[*monthly(10), used("2027-02-01", "2027-03-01", None)]))
    assert charged(found) == [19, None, None]
    february = found["bills"][1]
    assert february["unknown"] == ["The use of output_tokens is not known."]
    assert (february["fixed_usd"], lines(february)) == (9, {"fee": 9, "tokens": None})
    assert (found["totals"]["charged_usd"], found["totals"]["guaranteed_usd"]) == (None, 27)


def test_what_an_unknown_month_carries_on_is_unknown_too() -> None:
    version = {"price_lines": [OUTPUT], "commitments": [{"amount": 100, "is_prepaid": True}]}
    rows = [used("2027-01-01", "2027-02-01", None), used("2027-02-01", "2027-03-01", 5)]
    found = result(contract(version, ends="2027-03-01", usage=rows))
    assert charged(found) == [None, None]
    assert found["bills"][1]["unknown"] == ["What the bill of 2027-01-01 carries on is not known."]


def test_a_month_measured_in_part_is_completed_by_what_is_expected() -> None:
    stream = {
        "key": "s",
        "profile": None,
        "traffic": {
            "input_tokens_per_second": 0,
            "output_tokens_per_second": 100,
            "cache_hit_share": 0,
            "peak_factor": 1,
        },
    }
    version = {"price_lines": [OUTPUT], "streams": [stream]}
    found = result(contract(version, ends="2027-02-01", usage=[used("2027-01-01", "2027-01-22", 300)]))
    # ten days at 100 a second are 86.4 M
    assert charged(found) == [Decimal("386.40")]


def test_credits_below_the_least_that_is_paid_are_not_paid() -> None:
    sla = {"uptime": [{"below_share": 0.999, "credit_share": 0.10}], "minimum_credit": 11}
    row = {"from": "2027-01-01", "to": "2027-02-01", "metric": "uptime", "share": 0.99}
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": sla}
    assert result(contract(version, ends="2027-02-01", service=[row]))["bills"][0]["credits_usd"] == 0
    sla["minimum_credit"] = 10
    assert result(contract(version, ends="2027-02-01", service=[row]))["bills"][0]["credits_usd"] == 10


def test_credits_of_an_affected_part_are_of_its_share_of_the_fee() -> None:
    sla = {"latency": [{"below_share": 0.99, "credit_share": 0.5}]}
    row = {"from": "2027-01-01", "to": "2027-02-01", "metric": "latency", "share": 0.9, "affected_share": 0.25}
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": sla}
    bill = result(contract(version, ends="2027-02-01", service=[row]))["bills"][0]
    assert (bill["credits_usd"], bill["total_usd"]) == (Decimal("12.50"), Decimal("87.50"))


def test_months_without_measurements_have_unknown_credits_and_no_lower_charge() -> None:
    sla = {"uptime": [{"below_share": 0.999, "credit_share": 0.10}]}
    bill = result(contract({"fixed_fees": [{"key": "fee", "price": 100}], "sla": sla}, ends="2027-02-01"))["bills"][0]
    assert (bill["credits_usd"], bill["total_usd"]) == (None, 100)


def test_uptime_is_the_mean_of_five_minutes_and_latency_the_share_of_fast_minutes() -> None:
    tiers = [{"below_share": 0.999, "credit_share": 0.10}, {"below_share": 0.5, "credit_share": 1}]
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": {"uptime": tiers, "latency": tiers}}
    row = {"from": "2027-04-01", "to": "2027-05-01", "metric": "uptime", "availability": [1, 1, 0.5, 1]}
    term = {"starts": "2027-04-01", "ends": "2027-05-01"}
    bill = result(contract(version, service=[row], **term))["bills"][0]
    # 0.875 up: the first tier; 99.9 % of 30 days allow 43.2 minutes
    assert (bill["credits_usd"], bill["allowed_downtime_minutes"]) == (10, Decimal("43.2"))
    slow = {"from": "2027-04-01", "to": "2027-05-01", "metric": "latency", "tokens_per_second": [49, 50, 51, 10, 20]}
    bill = result(contract(version, service=[slow | {"target": 50}], **term))["bills"][0]
    # 2 of 5 minutes at 50 or more
    assert bill["credits_usd"] == 100


def test_prices_in_another_currency_are_dollars_at_its_rate() -> None:
    euro = {"code": "EUR", "usd_per_unit": 1.08, "as_of": "2026-11-20"}
    found = result(contract({"price_lines": [OUTPUT]}, ends="2027-02-01", usage=monthly(100), currency=euro))
    assert charged(found) == [108]

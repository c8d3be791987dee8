"""What a month's measurements credit: one mean a month, each SLA for its days, chances with the cap inside."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from contracts.domain.contract_file import ContractFileError
from contracts.domain.credits import expected_credit, expected_credits
from tests.domain.contracts.examples import result
from tests.domain.contracts.test_statements import contract

TEN_BELOW_99 = {"uptime": [{"below_share": 0.99, "credit_share": 0.1}]}
HALF = {"uptime": [{"below_share": 0.999, "credit_share": 0.5}]}


def measured(first: str, last: str, share: float, **more: Any) -> dict[str, Any]:
    return {"from": first, "to": last, "metric": "uptime", "share": share} | more


def january(fee: int, sla: dict[str, Any] | None, *service: dict[str, Any], **more: Any) -> dict[str, Any]:
    version = {"fixed_fees": [{"key": "fee", "price": fee}], "sla": sla}
    (bill,) = result(contract(version, ends="2027-02-01", service=list(service), **more))["bills"]
    return dict(bill)


def refusal(*service: dict[str, Any]) -> str:
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": TEN_BELOW_99}
    with pytest.raises(ContractFileError) as caught:
        result(contract(version, service=list(service)))
    (sentence,) = caught.value.sentences
    return sentence


def test_the_uptime_of_a_month_is_the_mean_of_its_rows_by_their_days() -> None:
    # (10 × 0.9 + 21 × 1) ÷ 31 = 0.9677, below 99 %: a tenth of the whole fee
    rows = [measured("2027-01-01", "2027-01-11", 0.9), measured("2027-01-11", "2027-02-01", 1.0)]
    assert january(3_100, TEN_BELOW_99, *rows)["credits_usd"] == 310
    # (1 × 0.9 + 30 × 1) ÷ 31 = 0.9968: nothing
    rows = [measured("2027-01-01", "2027-01-02", 0.9), measured("2027-01-02", "2027-02-01", 1.0)]
    assert january(3_100, TEN_BELOW_99, *rows)["credits_usd"] == 0


def test_days_that_nobody_measured_are_in_no_mean() -> None:
    assert january(3_100, TEN_BELOW_99, measured("2027-01-01", "2027-01-11", 0.9))["credits_usd"] == 310


def test_a_row_over_two_months_counts_in_each_by_its_days() -> None:
    rows = [measured("2027-01-01", "2027-01-29", 1.0), measured("2027-01-29", "2027-03-01", 0.95)]
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": TEN_BELOW_99}
    first, second = result(contract(version, ends="2027-03-01", service=rows))["bills"]
    # January (28 × 1 + 3 × 0.95) ÷ 31 = 0.9952, February 0.95
    assert (first["credits_usd"], second["credits_usd"]) == (0, 10)


def test_each_region_has_its_own_mean_and_its_share_of_the_fee() -> None:
    east = measured("2027-01-01", "2027-02-01", 0.9, of="east", affected_share=0.25)
    west = measured("2027-01-01", "2027-02-01", 1.0, of="west", affected_share=0.75)
    # one mean of both would be 0.975 and credit a tenth of all
    assert january(1_000, TEN_BELOW_99, east, west)["credits_usd"] == 25


def test_a_day_that_is_measured_twice_is_refused() -> None:
    row = measured("2027-01-01", "2027-02-01", 0.9)
    said = refusal(row, row)
    assert said.startswith("$.service[1].from: 2027-01-01 lies in row 0 of uptime, which ends on 2027-02-01: ")
    assert "of east," in refusal(row | {"of": "east"}, row | {"of": "east"})


def test_rows_that_affect_more_than_the_fee_together_are_refused() -> None:
    rows = [measured("2027-01-01", "2027-02-01", 0.9, of=of, affected_share=0.6) for of in ("east", "west")]
    assert refusal(*rows) == (
        "$.service[1].affected_share: the rows of uptime on 2027-01-01 affect 1.2 of the fee together: at most 1."
    )
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": TEN_BELOW_99}
    rows[1] |= {"affected_share": 0.4}
    assert result(contract(version, ends="2027-02-01", service=rows))["bills"][0]["credits_usd"] == 10


def test_rows_of_a_month_that_are_about_different_parts_of_the_fee_need_a_name() -> None:
    rows = [
        measured("2027-01-01", "2027-01-11", 0.9, affected_share=0.5),
        measured("2027-01-11", "2027-02-01", 1.0, affected_share=1),
    ]
    assert "name in `of` the region or model" in refusal(*rows)
    months = [rows[0], measured("2027-02-01", "2027-03-01", 1.0)]
    version = {"fixed_fees": [{"key": "fee", "price": 100}], "sla": TEN_BELOW_99}
    first, second = result(contract(version, ends="2027-03-01", service=months))["bills"]
    assert (first["credits_usd"], second["credits_usd"]) == (5, 0)


def test_an_sla_that_is_dropped_in_mid_month_credits_the_days_it_was_in_force() -> None:
    first = {"fixed_fees": [{"key": "fee", "price": 310}], "sla": HALF}
    second = {"from": "2027-01-16", "fixed_fees": [{"key": "fee", "price": 620}], "sla": None}
    down = measured("2027-01-01", "2027-01-11", 0.0)
    (bill,) = result(contract(first, second, ends="2027-02-01", service=[down]))["bills"]
    # charged 310 × 15/31 + 620 × 16/31 = 470; 15 of 31 days of it, half of that back
    assert (bill["charged_usd"], bill["credits_usd"]) == (470, Decimal("113.71"))


def test_an_sla_that_begins_in_mid_month_credits_nothing_of_before() -> None:
    first, second = {"fixed_fees": [{"key": "fee", "price": 310}]}, {"from": "2027-01-16", "sla": HALF}
    before = measured("2027-01-01", "2027-01-11", 0.0)
    (bill,) = result(contract(first, second, ends="2027-02-01", service=[before]))["bills"]
    # of the days of the SLA nothing was measured: what they credit is not known
    assert bill["credits_usd"] is None
    after = measured("2027-01-16", "2027-02-01", 1.0)
    (bill,) = result(contract(first, second, ends="2027-02-01", service=[before, after]))["bills"]
    assert bill["credits_usd"] == 0
    both = [before, after | {"share": 0.5}]
    (bill,) = result(contract(first, second, ends="2027-02-01", service=both))["bills"]
    assert bill["credits_usd"] == 80  # 310 × 16/31 × 0.5


def test_each_sla_of_a_month_has_its_own_tiers_and_its_own_mean() -> None:
    first = {"fixed_fees": [{"key": "fee", "price": 310}], "sla": TEN_BELOW_99}
    second = {"from": "2027-01-16", "sla": HALF}
    rows = [measured("2027-01-01", "2027-01-16", 0.98), measured("2027-01-16", "2027-02-01", 0.998)]
    (bill,) = result(contract(first, second, ends="2027-02-01", service=rows))["bills"]
    assert bill["credits_usd"] == 15 + 80  # 150 × 0.1 and 160 × 0.5


def test_a_version_that_keeps_its_sla_does_not_cut_the_month() -> None:
    first = {"fixed_fees": [{"key": "fee", "price": 310}], "sla": TEN_BELOW_99}
    second = {"from": "2027-01-16", "multiplier": 2}
    rows = [measured("2027-01-01", "2027-01-16", 0.985), measured("2027-01-16", "2027-02-01", 1.0)]
    (bill,) = result(contract(first, second, ends="2027-02-01", service=rows))["bills"]
    # (15 × 0.985 + 16 × 1) ÷ 31 = 0.9927: two means would credit the first half
    assert bill["credits_usd"] == 0


def test_a_least_credit_is_of_the_month_not_of_its_parts() -> None:
    first = {"fixed_fees": [{"key": "fee", "price": 310}], "sla": TEN_BELOW_99 | {"minimum_credit": 20}}
    second = {"from": "2027-01-16", "sla": TEN_BELOW_99 | {"minimum_credit": 31}}
    down = measured("2027-01-01", "2027-02-01", 0.9)
    (bill,) = result(contract(first, second, ends="2027-02-01", service=[down]))["bills"]
    assert bill["credits_usd"] == 31  # 15 and 16, neither of which is 20


def test_a_metric_without_tiers_says_nothing_of_the_credits() -> None:
    latency = measured("2027-01-01", "2027-02-01", 0.5) | {"metric": "latency"}
    assert january(100, TEN_BELOW_99, latency)["credits_usd"] is None
    assert january(100, None, latency)["credits_usd"] == 0


def test_a_cap_on_credits_is_inside_their_expectation() -> None:
    sla = {"uptime": [{"below_share": 0.99, "credit_share": 1}], "most_share_of_fee": 0.2}
    version = {"fixed_fees": [{"key": "fee", "price": 1_000}], "sla": sla}
    sla["chances"] = [{"probability": 0.9, "credit_share": 1}]
    # nine months of ten credit 200, one nothing
    assert result(contract(version))["results"]["expected_credits_usd"] == 180


def test_a_least_credit_is_inside_the_expectation_too() -> None:
    tenth, all_of_it = (Decimal("0.5"), Decimal("0.1")), (Decimal("0.01"), Decimal(1))
    fee = Decimal(1_000)
    assert expected_credits(fee_usd=fee, chances=[tenth, all_of_it]) == 60
    # the tenth, 100, is below the least that is paid
    assert expected_credits(fee_usd=fee, chances=[tenth, all_of_it], minimum_usd=Decimal("100.01")) == 10


def test_a_line_counts_beyond_what_comes_back_in_any_case() -> None:
    line = {"chance": Decimal("0.009"), "credit_share": Decimal("0.25"), "fee_usd": Decimal(1_000)}
    assert expected_credit(**line) == Decimal("2.25")
    assert expected_credit(**line, owed_share=Decimal("0.1")) == Decimal("1.35")
    assert expected_credit(**line, owed_share=Decimal("0.3")) == 0

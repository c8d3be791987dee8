"""A contract at 1, 2 and 3 times its use, its curve, and its SLA in dollars: the worked figures, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal as D
from fractions import Fraction
from typing import Any

import pytest

from contracts.domain.month import ExposurePolicy, UsageProfile, month_of
from contracts.domain.terms import FixedFee, Shape
from contracts.domain.use_curve import use_curve
from contracts.inputs import ContractInForce, contracts_in_force
from contracts.sla_rows import sla_rows
from contracts.use import multiple_rows
from tests.domain.contracts.rows import AS_OF, HORIZON, TOKEN_PRICES, Row, contract, policy, price, world
from tests.domain.contracts.test_margin import FRONTIER, START, WORKED, terms
from workloads.domain.serving import Profile


@dataclass
class Measured:
    """A contract that nothing but its own replicas serves, at a rate an accelerator-hour."""

    contract: ContractInForce
    usd_per_hour: D | None = D(2)
    profile: Profile | None = FRONTIER

    @property
    def indexes(self) -> list[int]:
        return [index for index, days in enumerate(self.contract.days) if days]

    @property
    def month_policy(self) -> ExposurePolicy:
        return ExposurePolicy()

    def rate(self, index: int) -> D | None:
        return self.usd_per_hour

    def leave_out_terms(self, error: Exception) -> None:
        self.contract = self.contract.unbillable(error)


def measured(row: Row, prices: list[Row], **fields: Any) -> Measured:
    rows = world([row], price_lines=prices)
    [found] = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    return Measured(found, **fields)


def use_of(row: Row, prices: list[Row] | None = None, **fields: Any) -> list[Row]:
    prices = [price("fee_month", 90_000)] if prices is None else prices
    return multiple_rows(contracts=[[measured(row, prices, **fields)]], first_week=HORIZON.first)


def test_the_flat_fee_of_the_worked_example_at_1_2_and_3_times_its_use() -> None:
    rows = use_of(contract(shape="flat_fee", p95_multiple=None))
    assert [row["basis"] for row in rows] == ["multiple", "multiple", "multiple", "worst"]
    assert [row["accelerators"] for row in rows] == [32, 48, 64, 64]
    assert [row["reserved_cost_usd"] for row in rows] == [46_720, 70_080, 93_440, 93_440]
    assert [f"{row['margin_share']:.3f}" for row in rows] == ["0.481", "0.221", "-0.038", "-0.038"]
    assert [row["margin_usd"] for row in rows] == [43_280, 19_920, -3_440, -3_440]
    # Just above the 7 replicas that 3× fills there is no step before 3×: the largest loss is that at 3×.
    assert [row["loss_exposure_usd"] for row in rows] == [0, 0, 3_440, 3_440]
    assert [row["capacity_gap_accelerators"] for row in rows] == [0, 16, 32, 32]
    assert {(row["hours"], row["on_date"]) for row in rows} == {(730, date(2026, 11, 23))}


def test_the_curve_of_the_worked_example_crosses_zero_at_its_break_even_use() -> None:
    rows = use_of(contract(shape="flat_fee", p95_multiple=None))
    curve = [(D(multiple), D(margin)) for multiple, margin in rows[0]["curve"]]
    assert all(not row["curve"] for row in rows[1:])
    last_paid = max(multiple for multiple, margin in curve if margin >= 0)
    first_lost = min(multiple for multiple, margin in curve if margin < 0)
    # m* = 6 × 0.7 ÷ 1.59375 = 2.635
    assert last_paid == first_lost == D("2.6353")
    # One work replica and its spare: 16 accelerators × 730 × 2 = 23,360.
    assert curve[0] == (D("0.0000"), D("66640.00"))
    # At 3.3 times 7.51 replicas are 8 and a spare: 105,120.
    assert curve[-1] == (D("3.3000"), D("-15120.00"))


def test_the_curve_is_in_order_and_each_step_costs_one_replica() -> None:
    month = month_of(
        terms=terms(Shape.FLAT_FEE, fixed_fees=(FixedFee(key="fee", unit_price_usd=D(90_000)),)),
        usage=UsageProfile(traffic=WORKED),
        profile=FRONTIER,
        rate_usd_per_hour=D(2),
        on_date=START,
        policy=ExposurePolicy(),
    )
    points = use_curve(month=month, top=Fraction(3))
    assert [point.multiple for point in points] == sorted(point.multiple for point in points)
    falls = [one.margin_usd - other.margin_usd for one, other in zip(points, points[1:], strict=False)]
    assert {fall for fall in falls if fall} == {D(11_680)}
    assert max(point.accelerators for point in points) == 64


def test_use_beyond_a_cap_is_shown_as_at_the_cap() -> None:
    # 15,000 tokens a second in and 3,000 out at most: 1.5 times the expected use.
    row = contract(
        rate_limit_input_tokens_per_minute=900_000, rate_limit_output_tokens_per_minute=180_000, p95_multiple=None
    )
    rows = use_of(row, TOKEN_PRICES)
    assert [row["multiple"] for row in rows] == [1, 2, 3, D("1.5")]
    assert [row["used_multiple"] for row in rows] == [1, D("1.5"), D("1.5"), D("1.5")]
    assert rows[1]["revenue_usd"] == rows[3]["revenue_usd"] == rows[0]["revenue_usd"] * D("1.5")
    assert D(rows[0]["curve"][-1][0]) == D("1.5")
    assert rows[0]["break_even_reason"] == "revenue_follows_use"


def test_what_is_not_known_stays_unknown_at_every_multiple() -> None:
    unsized = use_of(contract(shape="flat_fee", input_tokens_per_second=None, output_tokens_per_second=None))
    for row in unsized:
        assert (row["accelerators"], row["reserved_cost_usd"], row["margin_usd"]) == (None, None, None)
        assert (row["revenue_usd"], row["loss_exposure_usd"], row["curve"]) == (90_000, None, [])
    without_rate = use_of(contract(shape="flat_fee"), usd_per_hour=None)
    assert (without_rate[0]["accelerators"], without_rate[0]["reserved_cost_usd"]) == (32, None)
    assert (without_rate[2]["margin_share"], without_rate[2]["curve"]) == (None, [])
    without_price = use_of(contract(), [price("output", 15)])
    assert [row["revenue_usd"] for row in without_price] == [None] * 4
    assert [row["margin_usd"] for row in without_price] == [None] * 4


def sla(row: Row, lines: list[Row], fee: D | None) -> list[Row]:
    one = measured(row, [price("fee_month", 90_000)])
    return sla_rows(contracts=[[one]], lines=lines, fees={"c-1": fee})


def line(below: str, credit: str, metric: str = "uptime") -> Row:
    owner = {"contract": "c-1", "contract_version": 1}
    return {**owner, "metric": metric, "region": "", "below_share": D(below), "credit_share": D(credit)}


def test_each_tier_of_an_sla_credits_its_share_of_the_months_fee() -> None:
    lines = [line("0.95", "1"), line("0.999", "0.1"), line("0.99", "0.25")]
    rows = sla(contract(), lines, D("43800"))
    assert [row["below_share"] for row in rows] == [D("0.999"), D("0.99"), D("0.95")]
    assert [row["credit_usd"] for row in rows] == [D("4380"), D("10950"), D("43800")]
    # 99.9 % of 30 days is 43.2 minutes.
    assert rows[0]["allowed_minutes"] == D("43.2")
    assert {row["is_standard"] for row in rows} == {False}


def test_a_chance_prices_the_credit_and_the_make_good_of_a_tier() -> None:
    odds = {"chance": D("0.04"), "make_good_usd": D(500)}
    rows = sla(contract(), [line("0.999", "0.1") | odds, line("0.99", "0.25")], D("43800"))
    # 4 % of $4,380 and of $500.
    assert (rows[0]["expected_usd"], rows[0]["expected_make_good_usd"]) == (D("175.2"), D(20))
    assert (rows[1]["chance"], rows[1]["expected_usd"], rows[1]["expected_make_good_usd"]) == (None, None, None)


def test_a_promised_sla_without_lines_has_the_standard_tiers_and_none_has_none() -> None:
    rows = sla(contract(has_sla=True), [], None)
    assert [(row["below_share"], row["credit_share"]) for row in rows] == [
        (D("0.999"), D("0.10")),
        (D("0.99"), D("0.25")),
        (D("0.95"), D("1.00")),
    ]
    assert {(row["is_standard"], row["fee_usd"], row["credit_usd"]) for row in rows} == {(True, None, None)}
    assert sla(contract(), [{**line("0.999", "0.1"), "contract": "another"}], D(1)) == []


@pytest.mark.parametrize("share", ["1", "2"])
def test_a_credit_is_at_most_the_fee(share: str) -> None:
    assert sla(contract(), [line("0.95", share)], D("43800"))[0]["credit_usd"] == D("43800")

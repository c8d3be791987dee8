"""Exposure rows of contracts in every shape: what a plan that gave nothing yet says of their need and money."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from contracts import measured
from contracts.demand import contract_loads, weekly_revenue
from contracts.exposure import PlanCosts, exposure_rows
from contracts.inputs import contracts_in_force
from tests.domain.contracts.rows import (
    AS_OF,
    HORIZON,
    TOKEN_PRICES,
    Row,
    contract,
    model,
    policy,
    price,
    step,
    world,
)
from workloads.demand import profiles_of, serving_classes


def exposure(row: Row, **tables: Any) -> Row:
    """The exposure row of one contract at $2.00 an accelerator-hour, sized alone."""
    rows = world([row], **{"price_lines": TOKEN_PRICES, **tables})
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=HORIZON) for each in contracts}
    places = set(profiles_of(tables=rows, policy=policy()))
    loads, _ = contract_loads(contracts=contracts, revenue=revenue, profile_places=places, horizon=HORIZON)
    classes = serving_classes(loads=loads, tables=rows, policy=policy(), weeks=len(HORIZON))
    [found] = exposure_rows(
        contracts=contracts,
        classes=classes,
        revenue=revenue,
        plan=PlanCosts(horizon=HORIZON, by_class={}, by_demand={}),
        fallback_rates={each.key: [D(2)] * len(HORIZON) for each in classes},
        policy=policy(),
        models={each["key"]: each for each in rows["model_versions"]},
    )
    return found


def weeks_of(monthly: str | int, weeks: int = 8) -> D:
    return (D(monthly) * 168 * weeks / 730).quantize(D("0.0001"))


def test_seats_earn_their_fee_and_are_capped_by_fair_use() -> None:
    row = contract(shape="seats", seats=1_500, fair_use_tokens_per_month=47_304_000, p95_multiple=None)
    found = exposure(row, price_lines=[price("seat_month", 60)])
    # 1,500 × 47.304 M are 2.25 times the expected 31,536 M: below the policy's 3 for a flat fee.
    assert found["worst_multiple"] == D("2.25")
    assert found["revenue_usd"].quantize(D("0.0001")) == weeks_of(90_000)
    assert (found["is_uncapped"], found["flags"]) == (False, [])


def test_seats_without_fair_use_are_taken_at_the_policys_multiple_and_flagged() -> None:
    found = exposure(contract(shape="seats", seats=1_500, p95_multiple=None), price_lines=[price("seat_month", 60)])
    assert (found["worst_multiple"], found["flags"]) == (3, ["uncapped"])


def test_an_unknown_price_leaves_money_unknown_and_need_known() -> None:
    found = exposure(contract(currency="JPY"))
    assert (found["planned_accelerators"], found["is_sized"]) == (32, True)
    unknown = ("revenue_usd", "worst_revenue_usd", "margin_usd", "margin_share", "loss_exposure_usd")
    assert [found[name] for name in unknown] == [None] * 5
    assert found["flags"] == ["unknown_price"]


def test_a_unit_shape_without_units_is_unsized_and_unpriced() -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100", workload=None)
    found = exposure(row, price_lines=[price("accelerator_hour", 4)])
    assert (found["is_sized"], found["planned_accelerators"], found["revenue_usd"]) == (False, None, None)
    assert found["flags"] == ["unsized", "unknown_price"]


def test_a_pinned_contract_is_one_row_over_both_its_parts() -> None:
    row = contract(pinned_model_version="old", pin_ends_date=date(2026, 12, 23))
    found = exposure(row, model_versions=[model(), model("old", retire_date=date(2026, 12, 1))])
    assert (found["weeks"], found["planned_accelerators"], found["flags"]) == (8, 32, ["pinned_past_retirement"])
    assert found["revenue_usd"].quantize(D("0.0001")) == weeks_of(122_202)


def test_the_terms_behind_the_figures_say_currency_rate_minimum_multiplier_and_sla() -> None:
    rate = {"currency": "EUR", "as_of_date": date(2026, 11, 1), "usd_per_unit": D("1.10")}
    found = exposure(
        contract(currency="EUR", price_multiplier=D("1.1"), has_sla=True),
        fx_rates=[rate],
        commit_steps=[step("minimum_usd_month", 1_000)],
    )["terms"]
    assert (found["currency"], found["fx_date"], found["minimum_usd"]) == ("EUR", "2026-11-01", "1000")
    assert found["multiplier"] == "1.1"
    assert found["sla"] == [["0.999", "0.10"], ["0.99", "0.25"], ["0.95", "1"]]
    assert D(found["prices"]["output"]) == D("16.5")


def test_fair_use_below_expected_use_is_assessed_at_it() -> None:
    row = contract(shape="seats", seats=500, fair_use_tokens_per_month=31_536_000, p95_multiple=None)
    found = exposure(row, price_lines=[price("seat_month", 120)])
    # 500 × 31.536 M are half of the expected 31,536 M.
    assert (found["worst_multiple"], found["planned_accelerators"], found["worst_accelerators"]) == (D("0.5"), 32, 24)


def test_a_contract_that_cannot_be_assessed_keeps_its_row_with_its_money_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = measured.assess_contract

    def fails_with_prices(**arguments: Any) -> Any:
        if arguments["terms"].price_lines:
            raise ValueError("range() arg 3 must not be zero")
        return real(**arguments)

    monkeypatch.setattr(measured, "assess_contract", fails_with_prices)
    found = exposure(contract())
    assert (found["is_sized"], found["planned_accelerators"], found["flags"]) == (True, 32, ["unknown_price"])
    unknown = ("revenue_usd", "worst_revenue_usd", "margin_usd", "loss_exposure_usd")
    assert [found[name] for name in unknown] == [None] * 4


def test_a_contract_of_which_nothing_can_be_assessed_keeps_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    real = measured.assess_contract

    def fails_with_use(**arguments: Any) -> Any:
        if arguments["usage"].traffic is not None:
            raise TypeError("nothing fits")
        return real(**arguments)

    monkeypatch.setattr(measured, "assess_contract", fails_with_use)
    found = exposure(contract())
    assert (found["planned_accelerators"], found["revenue_usd"], found["flags"]) == (None, None, ["unknown_price"])

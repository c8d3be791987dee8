"""Contracts in force over a horizon: use filled from profiles, currencies, pins, what is owed, sized and unsized."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from contracts import demand
from contracts.currencies import rates_on
from contracts.demand import contract_loads, dedicated_demands, weekly_revenue
from contracts.inputs import ContractInForce, contracts_in_force
from contracts.remarks import Remarks
from tests.domain.contracts.rows import (
    AS_OF,
    ENDS,
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
from workloads.demand import ClassLoad, Unsized, profiles_of, serving_classes

WEEK = D(168) / 730
USE_PROFILE: Row = {
    "key": "chat-use",
    "name": "Chat",
    "input_tokens_per_second": D(20_000),
    "output_tokens_per_second": D(4_000),
    "cache_hit_share": D("0.5"),
    "cache_write_share": None,
    "peak_factor": D(2),
    "p95_multiple": D("1.5"),
    "growth_share_per_month": D("0.1"),
    "context_tokens": None,
    "basis": "measured",
    "measured_date": date(2026, 11, 1),
}


def in_force(row: Row, **tables: Any) -> list[ContractInForce]:
    tables.setdefault("price_lines", TOKEN_PRICES)
    return contracts_in_force(tables=world([row], **tables), policy=policy(), horizon=HORIZON, as_of=AS_OF)


def loads_of(row: Row, **tables: Any) -> tuple[list[ClassLoad], list[Unsized]]:
    tables.setdefault("price_lines", TOKEN_PRICES)
    rows = world([row], **tables)
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=HORIZON) for each in contracts}
    places = set(profiles_of(tables=rows, policy=policy()))
    return contract_loads(contracts=contracts, revenue=revenue, profile_places=places, horizon=HORIZON)


def needs(row: Row, **tables: Any) -> dict[str, list[int]]:
    """Class → accelerators by week."""
    rows = world([row], **{"price_lines": TOKEN_PRICES, **tables})
    loads, _ = loads_of(row, **tables)
    classes = serving_classes(loads=loads, tables=rows, policy=policy(), weeks=len(HORIZON))
    return {each.key: [week.total.accelerators for week in each.weeks] for each in classes}


def remarks_of(row: Row, **tables: Any) -> dict[str, str]:
    """Code → sentence."""
    rows = world([row], **{"price_lines": TOKEN_PRICES, **tables})
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    loads, _ = loads_of(row, **tables)
    classes = serving_classes(loads=loads, tables=rows, policy=policy(), weeks=len(HORIZON))
    found = Remarks(
        contracts=contracts,
        classes=classes,
        rates={each.key: [D(2)] * len(HORIZON) for each in classes},
        models={each["key"]: each for each in rows["model_versions"]},
        policy=policy(),
        horizon=HORIZON,
        as_of=AS_OF,
    ).rows()
    assert {each["subject"] for each in found} <= {"c-1"}
    return {each["code"]: each["sentence"] for each in found}


# --- in force, use ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("state", "counts"), [("draft", 0), ("what_if", 0), ("signed", 1), ("active", 1),
                                               ("notice", 1), ("ended", 0)])  # fmt: skip
def test_only_signed_active_and_noticed_contracts_are_planned_for(state: str, counts: int) -> None:
    assert len(in_force(contract(state=state))) == counts


def test_a_week_bills_its_share_of_the_planning_month() -> None:
    [found] = in_force(contract())
    assert weekly_revenue(contract=found, horizon=HORIZON)[0] == D(122_202) * WEEK


def test_a_usage_profile_fills_what_the_contract_leaves_empty_and_brings_its_growth_and_date() -> None:
    own = contract(
        usage_profile="chat-use", input_tokens_per_second=None, output_tokens_per_second=None, peak_factor=None
    )
    [found] = in_force(own, usage_profiles=[USE_PROFILE])
    assert found.usage["input_tokens_per_second"] == 20_000
    assert (found.usage["peak_factor"], found.usage["p95_multiple"]) == (2, 2)  # the contract's own P95 stays
    assert (found.usage["growth_share_per_month"], found.usage["usage_date"]) == (D("0.1"), date(2026, 11, 1))


def test_the_growth_of_a_profile_does_not_touch_tokens_the_contract_gives_itself() -> None:
    [found] = in_force(contract(usage_profile="chat-use"), usage_profiles=[USE_PROFILE])
    assert found.usage["input_tokens_per_second"] == 10_000
    assert found.usage["growth_share_per_month"] == 0


def test_fair_use_caps_the_worst_use_at_its_multiple_of_the_expected_one() -> None:
    # 12,000 tokens a second are 31,536 M a month; 1,000 seats of 47.304 M may use 1.5 times that.
    row = contract(shape="seats", seats=1_000, fair_use_tokens_per_month=47_304_000)
    [found] = in_force(row, price_lines=[price("seat_month", 60)])
    assert found.fair_use_multiple(0) == D("1.5")


# --- currencies ---------------------------------------------------------------------------------------------------

RATES = [
    {"currency": "EUR", "as_of_date": date(2026, 11, 1), "usd_per_unit": D("1.10")},
    {"currency": "EUR", "as_of_date": date(2026, 11, 15), "usd_per_unit": D("1.08")},
    {"currency": "EUR", "as_of_date": date(2026, 12, 1), "usd_per_unit": D("1.50")},
]


@pytest.mark.parametrize(("day", "rate"), [(date(2026, 11, 22), "1.08"), (date(2026, 11, 10), "1.10"),
                                           (date(2026, 11, 15), "1.08"), (date(2026, 10, 31), None)])  # fmt: skip
def test_the_latest_rate_on_or_before_the_day_counts(day: date, rate: str | None) -> None:
    found = rates_on(rows=RATES, day=day)
    assert found["USD"].usd_per_unit == 1
    assert (found["EUR"].usd_per_unit if "EUR" in found else None) == (None if rate is None else D(rate))


def test_prices_in_another_currency_are_converted_and_the_rate_is_said_with_its_date() -> None:
    [found] = in_force(contract(currency="EUR"), fx_rates=RATES)
    assert weekly_revenue(contract=found, horizon=HORIZON)[0] == D(122_202) * D("1.08") * WEEK
    said = remarks_of(contract(currency="EUR"), fx_rates=RATES)
    assert said["converted_prices"] == (
        "Prices of contract c-1 are in EUR and are converted at 1.08 USD, the rate of 2026-11-15."
    )


def test_without_a_rate_the_revenue_is_unknown_and_the_currency_named() -> None:
    [found] = in_force(contract(currency="JPY"), fx_rates=RATES)
    assert set(weekly_revenue(contract=found, horizon=HORIZON)) == {None}
    assert not found.is_priced
    assert "is in JPY, for which no exchange rate is on file" in remarks_of(contract(currency="JPY"))["unknown_price"]


def test_a_price_that_ends_leaves_the_weeks_after_it_unknown_and_names_the_first() -> None:
    prices = [{**line, "ends_date": date(2026, 12, 7)} for line in TOKEN_PRICES]
    [found] = in_force(contract(), price_lines=prices)
    revenue = weekly_revenue(contract=found, horizon=HORIZON)
    assert [value is None for value in revenue] == [False, False] + [True] * 6
    assert "unknown from 2026-W50" in remarks_of(contract(), price_lines=prices)["unknown_price"]


# --- what is owed and how it is sized -----------------------------------------------------------------------------

SHARED = "big.interactive.any"


@pytest.mark.parametrize(("shape", "owed"), [("pay_as_you_go", False), ("priority", True), ("flat_fee", False),
                                             ("seats", False), ("outcome", True), ("take_or_pay", True),
                                             ("minimum_overage", True), ("token_bundles", True)])  # fmt: skip
def test_shapes_that_are_placed_with_the_commitments(shape: str, owed: bool) -> None:
    row = contract(shape=shape, take_share=D(1), unit_tokens_per_minute=1000)
    [found] = in_force(row)
    assert found.is_owed is owed
    assert in_force(row | {"has_sla": True})[0].is_owed


def test_sla_lines_alone_make_a_contract_owed() -> None:
    line = {"contract": "c-1", "contract_version": 1, "metric": "latency", "below_share": D("0.99"), "region": ""}
    [found] = in_force(contract(), sla_lines=[line | {"credit_share": D("0.1")}])
    assert found.is_owed


def test_the_worked_traffic_needs_32_accelerators() -> None:
    assert needs(contract())[SHARED] == [32] * 8


def test_a_latency_class_of_its_own_decides_the_class() -> None:
    _, unsized = loads_of(contract(latency_class="batch"))
    assert unsized[0].sentence.startswith("Contract c-1 is served by big at batch latency, which has no serving prof")


def test_bundles_are_sized_full_at_once_whatever_is_used() -> None:
    row = contract(shape="token_bundles", unit_tokens_per_minute=25_000, unit_output_tokens_per_minute=2_500)
    steps = [step("input_bundles", 10), step("output_bundles", 20)]
    assert needs(row, commit_steps=steps)[SHARED] == [16] * 8


def test_bundles_sold_without_a_size_are_unsized() -> None:
    row = contract(shape="token_bundles", unit_tokens_per_minute=25_000)
    _, unsized = loads_of(row, commit_steps=[step("output_bundles", 20)])
    assert "sells output bundles without a size" in unsized[0].sentence


@pytest.mark.parametrize(("shape", "kinds"), [("token_bundles", "input bundles or output bundles"),
                                              ("provisioned_throughput", "throughput units"),
                                              ("dedicated_accelerators", "accelerators")])  # fmt: skip
def test_units_that_nobody_committed_are_unsized_and_not_zero(shape: str, kinds: str) -> None:
    row = contract(shape=shape, unit_tokens_per_minute=1000, unit_output_weight=D(10), accelerator_type="h100")
    loads, unsized = loads_of(row)
    assert (loads, [each.sentence for each in unsized]) == (
        [],
        [f"Contract c-1 commits no {kinds} in its term: its need is unknown."],
    )


def test_a_step_in_mid_week_needs_its_units_in_that_whole_week() -> None:
    row = contract(shape="token_bundles", unit_output_tokens_per_minute=2_500)
    steps = [step("output_bundles", 20), step("output_bundles", 120, date(2026, 12, 9))]
    # 50,000 a minute = 833.33 a second: 0.2083 of a replica; 5,000 a second: 1.25, so 2 at work and a spare.
    assert needs(row, commit_steps=steps)[SHARED] == [16, 16] + [24] * 6


def test_take_or_pay_is_sized_for_the_whole_commitment_and_not_for_the_share_that_is_paid() -> None:
    row = contract(shape="take_or_pay", take_share=D("0.5"))
    prices = [price("overage_tokens", 2)]
    # Expected: 31.536 billion tokens a month. Twice that committed: 48 accelerators, as the traffic twice over.
    committed = [step("tokens_month", 63_072_000_000)]
    assert needs(row, commit_steps=committed, price_lines=prices)[SHARED] == [48] * 8
    less = [step("tokens_month", 15_768_000_000)]
    assert needs(row, commit_steps=less, price_lines=prices)[SHARED] == [32] * 8


def test_dedicated_accelerators_come_with_the_spares_of_the_policy() -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100", workload=None)
    rows = world([row], commit_steps=[step("accelerators", 64)], price_lines=[price("accelerator_hour", 4)])
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=HORIZON) for each in contracts}
    [demand] = dedicated_demands(
        contracts=contracts,
        revenue=revenue,
        tables=rows,
        policy=policy(),
        horizon=HORIZON,
        tier="committed",
    )
    assert demand.work == (72,) * 8


# --- pins ---------------------------------------------------------------------------------------------------------

OLD = "dedicated.c-1.v1"


def test_a_pinned_version_has_replicas_of_its_own_until_its_pin_ends() -> None:
    row = contract(pinned_model_version="old", pin_ends_date=date(2026, 12, 21))
    assert needs(row) == {OLD: [32] * 4 + [0] * 4, SHARED: [0] * 4 + [32] * 4}


def test_in_the_week_in_which_a_pin_ends_both_sides_are_held_and_the_money_is_split_by_days() -> None:
    row = contract(pinned_model_version="old", pin_ends_date=date(2026, 12, 23))
    found = needs(row)
    assert (found[OLD][4], found[SHARED][4]) == (32, 32)
    parts = in_force(row)
    assert [part.demand_key for part in parts] == ["c.c-1.v1.pin", "c.c-1.v1"]
    revenue = [weekly_revenue(contract=part, horizon=HORIZON)[4] for part in parts]
    # Monday and Tuesday, then the other five days.
    for value, days in zip(revenue, (2, 5), strict=True):
        assert value is not None
        assert value.quantize(D("0.000001")) == (D(122_202) * 24 * days / 730).quantize(D("0.000001"))


def test_a_pin_without_an_end_lasts_as_long_as_the_contract() -> None:
    assert needs(contract(pinned_model_version="old")) == {OLD: [32] * 8}


def test_a_pin_past_the_retirement_of_its_version_is_said_with_its_premium() -> None:
    row = contract(pinned_model_version="old")
    models = [model(), model("old", retire_date=date(2026, 12, 31))]
    said = remarks_of(row, model_versions=models)["pinned_past_retirement"]
    assert said.startswith(f"Contract c-1 is pinned to Old until {ENDS}; the version retires on 2026-12-31.")
    assert said.endswith("No other traffic shares its model and latency class: the pin has no premium yet.")


def test_the_premium_is_the_own_need_less_what_the_shared_pool_would_add() -> None:
    """Two such contracts share 5 + 1 replicas, three 7 + 1; alone the third takes 3 + 1."""
    pinned = contract(pinned_model_version="old")
    others = [contract(key=key) for key in ("c-2", "c-3")]
    models = [model(), model("old", retire_date=date(2026, 12, 31))]
    rows = world([pinned, *others], price_lines=TOKEN_PRICES, model_versions=models)
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=HORIZON) for each in contracts}
    places = set(profiles_of(tables=rows, policy=policy()))
    loads, _ = contract_loads(contracts=contracts, revenue=revenue, profile_places=places, horizon=HORIZON)
    classes = serving_classes(loads=loads, tables=rows, policy=policy(), weeks=len(HORIZON))
    said = Remarks(
        contracts=contracts,
        classes=classes,
        rates={OLD: [D(2)] * len(HORIZON)},
        models={each["key"]: each for each in models},
        policy=policy(),
        horizon=HORIZON,
        as_of=AS_OF,
    ).rows()
    # 2 × 2.277 = 4.55 → 5 + 1; 3 × 2.277 = 6.83 → 7 + 1: the pool would add 2 replicas, 16 accelerators; alone 32.
    sentence = next(each["sentence"] for each in said if each["code"] == "pinned_past_retirement")
    assert sentence.endswith("Its own replicas take 16 accelerators more than the shared pool would, 5,376 USD a week.")


# --- other remarks ------------------------------------------------------------------------------------------------


def test_what_the_plan_assumed_or_found_odd_is_said() -> None:
    row = contract(
        has_sla=True,
        usage_date=date(2026, 8, 1),
        ends_date=date(2027, 3, 1),
        renewal_probability=None,
    )
    said = remarks_of(row, commit_steps=[step("spend_usd_year", 1, date(2025, 1, 1))])
    assert set(said) == {"standard_sla", "old_usage", "renewal_unknown", "step_outside_term"}


def test_a_contract_in_order_is_passed_over_in_silence() -> None:
    assert remarks_of(contract()) == {}


# --- what cannot be billed ----------------------------------------------------------------------------------------


def test_terms_that_contradict_themselves_are_named_and_leave_only_their_money_unknown() -> None:
    prices = [price("uncached_input", 3), price("cached_input", "0.3"), price("output", -15)]
    [found] = in_force(contract(), price_lines=prices)
    assert not found.is_priced
    assert weekly_revenue(contract=found, horizon=HORIZON) == (None,) * 8
    said = remarks_of(contract(), price_lines=prices)["unknown_price"]
    assert said == (
        "Contract c-1 cannot be billed as it is entered (Price line output has a negative price or counts in units of "
        "nothing): its revenue is unknown from 2026-W48, not zero."
    )
    assert needs(contract(), price_lines=prices)[SHARED] == [32] * 8


def test_units_that_promise_endless_throughput_are_unsized_with_the_reason() -> None:
    row = contract(shape="provisioned_throughput", unit_tokens_per_minute=30_000, unit_output_weight=D(0))
    lines = {"price_lines": [price("unit_hour", 1)], "commit_steps": [step("throughput_units", 100)]}
    loads, unsized = loads_of(row, **lines)
    assert (loads, [each.key for each in unsized]) == ([], ["c-1"])
    assert "promises endless throughput" in unsized[0].sentence


def test_use_that_makes_no_traffic_is_named() -> None:
    row = contract(cache_hit_share=D("1.5"))
    [found] = in_force(row)
    assert found.traffic is None
    assert "cannot be billed as it is entered (The cache hit share is between 0 and 1" in found.gaps[0][0].says
    assert [each.key for each in loads_of(row)[1]] == ["c-1"]


def test_a_bill_that_fails_leaves_the_contract_without_prices_and_the_others_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = demand.weekly_revenue

    def fails_for_c_2(*, contract: ContractInForce, horizon: Any) -> Any:
        if contract.row["key"] == "c-2":
            raise ZeroDivisionError("division by zero")
        return real(contract=contract, horizon=horizon)

    monkeypatch.setattr(demand, "weekly_revenue", fails_for_c_2)
    rows = world([contract(), contract(key="c-2")], price_lines=TOKEN_PRICES)
    contracts = contracts_in_force(tables=rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    found, revenue = demand.billed(contracts=contracts, horizon=HORIZON)
    assert [each.is_priced for each in found] == [True, False]
    assert revenue["c.c-2.v1"] == (None,) * 8
    assert None not in revenue["c.c-1.v1"]
    assert "(ZeroDivisionError: division by zero)" in found[1].gaps[0][0].says

"""Contracts under scenarios of use against the worked world: hand-checked amounts, and rules that hold for any contract."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.review.scenario_weeks import weeks_of_scenario
from contracts.demand import contract_loads, weekly_revenue
from contracts.domain.credits import expected_make_good, outage_credit_share
from contracts.domain.scenarios import HEAVY, P10, P50, P90, SCENARIOS, WORST, credit_share_when_short, use_band
from contracts.domain.terms import Breach, SlaTier
from contracts.inputs import contracts_in_force
from contracts.measured import ClassWeekCost, DemandWeek, MeasuredContract, PlanCosts, measured_contracts
from contracts.scenario_costing import ScenarioPlan, contract_scenarios
from contracts.scenario_rows import scenario_rows
from tests.domain.contracts.rows import AS_OF, ENDS, HORIZON, TOKEN_PRICES, Row, contract, policy, price, step, world
from workloads.demand import profiles_of, serving_classes

WEEKS = len(HORIZON)
RATE = D(2)
CENT = D("0.01")


def under_scenarios(
    *rows: Row, rate: D | None = RATE, served: D = D(1), rates: tuple[D, D] | None = (RATE, RATE), **tables: Any
) -> dict[tuple[str, str], Row]:
    """(contract, scenario) → row, where the plan serves a share of every need at a rate, all in us-east."""
    given_rows = world(rows, **{"price_lines": TOKEN_PRICES, **tables})
    contracts = contracts_in_force(tables=given_rows, policy=policy(), horizon=HORIZON, as_of=AS_OF)
    revenue = {each.demand_key: weekly_revenue(contract=each, horizon=HORIZON) for each in contracts}
    places = set(profiles_of(tables=given_rows, policy=policy()))
    loads, _ = contract_loads(contracts=contracts, revenue=revenue, profile_places=places, horizon=HORIZON)
    classes = serving_classes(loads=loads, tables=given_rows, policy=policy(), weeks=WEEKS)
    by_class, by_demand, regions = {}, {}, {}
    for serving in classes:
        for index, week in enumerate(serving.weeks):
            work = sum(week.work.values(), D(0))
            if not work:
                continue
            usd = None if rate is None else work * served * 168 * rate
            by_class[serving.key, index] = ClassWeekCost(accelerators=int(work * served), usd=usd, work=work * served)
            regions[serving.key, index] = {"us-east": int(work * served)}
            for key, part in week.work.items():
                short = 0 if served == 1 else 8
                by_demand[key, index] = DemandWeek(work=part, served=part * served, short_accelerators=short)
    costs = PlanCosts(horizon=HORIZON, by_class=by_class, by_demand=by_demand)
    measured: list[list[MeasuredContract]] = measured_contracts(
        contracts=contracts,
        classes=classes,
        revenue=revenue,
        plan=costs,
        fallback_rates={each.key: [rate] * WEEKS for each in classes},
        policy=policy(),
        models={each["key"]: each for each in given_rows["model_versions"]},
    )
    plan = ScenarioPlan(costs=costs, regions=regions, rate_range=[rates] * WEEKS)
    found = contract_scenarios(measured=measured, classes=classes, plan=plan)
    return {(row["contract_key"], row["scenario"]): row for row in scenario_rows(found=found, plan=plan)}


def of(month: str | int | D) -> D:
    """A month's amount over the eight weeks of the horizon, to the cent."""
    return (D(month) * 168 * WEEKS / 730).quantize(CENT)


def second(**changes: Any) -> Row:
    return contract(key="c-2", name="Second", **changes)


def both_priced() -> list[Row]:
    return [*TOKEN_PRICES, *({**line, "contract": "c-2"} for line in TOKEN_PRICES)]


def test_expected_is_the_plans_own_showback() -> None:
    found = under_scenarios(contract())["c-1", P50]
    # The worked month: $122,202 against 32 accelerators, of which 0.6375 × 8 are at work on average.
    assert (found["revenue_usd"], found["reserved_cost_usd"]) == (of(122_202), of(46_720))
    assert (found["consumed_cost_usd"], found["headroom_cost_usd"]) == (of(7_446), of(46_720) - of(7_446))
    assert found["margin_usd"] == of(122_202) - of(46_720)
    assert found["margin_share"].quantize(D("0.0001")) == D("0.6177")
    assert (found["margin_swing_usd"], found["capacity_gap_accelerators"], found["loss_exposure_usd"]) == (0, 0, 0)


def test_worst_is_the_contract_alone_at_twice_its_use() -> None:
    row = contract(shape="flat_fee", p95_multiple=D(3), input_tokens_per_second=D(10_000))
    found = under_scenarios(row, price_lines=[price("fee_month", 90_000)])
    worst = found["c-1", WORST]
    # 3 ×: 64 accelerators, $93,440 a month against $90,000: $3,440 lost, $46,720 less margin than expected.
    assert (worst["reserved_cost_usd"], worst["revenue_usd"]) == (of(93_440), of(90_000))
    assert worst["capacity_gap_accelerators"] == 32
    assert abs(worst["loss_exposure_usd"] - of(3_440)) <= CENT
    assert abs(worst["margin_swing_usd"] - of(46_720)) <= CENT


def test_heavy_is_all_contracts_at_once_under_one_ceiling() -> None:
    found = under_scenarios(contract(), second(), price_lines=both_priced())
    # 4 × 1.59375 ÷ 0.7 = 9.107 → 10 + 1 replicas, 44 accelerators each; alone at twice its use 6 replicas, 48.
    month = D(44) * 730 * RATE
    assert found["c-1", HEAVY]["reserved_cost_usd"] == of(str(month))
    assert found["c-1", WORST]["reserved_cost_usd"] == of(D(48) * 730 * RATE)
    assert found["c-1", HEAVY]["revenue_usd"] == of(2 * 122_202)
    # At P50 the two hold ⌈4.554⌉ + 1 = 6 replicas, 24 each: 20 are missing.
    assert found["c-1", HEAVY]["capacity_gap_accelerators"] == 20


def test_the_ends_of_the_band_are_the_cards() -> None:
    card = {"key": "chat", "model_version": "big", "latency_class": "interactive", "regions": []}
    workload = card | {"p10_multiple": D("0.5"), "p90_multiple": D("1.5")}
    found = under_scenarios(contract(), workloads=[workload])
    # 0.5: 1.138 → 2 + 1 = 24 accelerators; 1.5: 3.415 → 4 + 1 = 40.
    assert found["c-1", P10]["reserved_cost_usd"] == of(D(24) * 730 * RATE)
    assert found["c-1", P90]["reserved_cost_usd"] == of(D(40) * 730 * RATE)
    assert (found["c-1", P10]["multiple"], found["c-1", P90]["multiple"]) == (D("0.5"), D("1.5"))
    assert found["c-1", P90]["revenue_usd"] == of(D("1.5") * 122_202)


def test_committed_bills_what_is_owed_without_use_and_holds_what_is_promised() -> None:
    row = contract(shape="committed_spend", discount_share=D("0.1"))
    found = under_scenarios(row, commit_steps=[step("spend_usd_year", 1_200_000)])
    committed = found["c-1", "committed"]
    assert committed["revenue_usd"] == of(100_000)
    assert (committed["reserved_cost_usd"], committed["consumed_cost_usd"]) == (of(46_720), 0)
    metered = under_scenarios(contract())["c-1", "committed"]
    assert (metered["revenue_usd"], metered["reserved_cost_usd"]) == (0, 0)


def test_a_renewal_holds_its_whole_need_in_p90_its_chance_of_dollars_in_p50_and_nothing_in_p10() -> None:
    row = contract(ends_date=date(2026, 12, 21), p95_multiple=None, renewal_probability=D("0.6"))
    found = under_scenarios(row)
    half = (D(122_202) * 168 * 4 / 730).quantize(CENT)
    assert found["c-1", P10]["revenue_usd"] == half
    # Four weeks of $122,202 a month and 60 % of four more: 1.6 × 4 × 168 ÷ 730 × 122,202; so the 32 accelerators.
    assert abs(found["c-1", P50]["revenue_usd"] - D("1.6") * half) <= CENT
    assert found["c-1", P50]["reserved_cost_usd"] == (D("1.6") * 32 * 4 * 168 * RATE).quantize(CENT)
    assert found["c-1", P50]["consumed_cost_usd"] == (D("1.6") * D("5.1") * 4 * 168 * RATE).quantize(CENT)
    # A chance is of dollars: no accelerators are missing for what nobody has signed.
    assert found["c-1", P50]["gap_accelerators"] == [0] * 4 + [None] * 4
    assert found["c-1", P50]["margin_swing_usd"] == found["c-1", P10]["margin_swing_usd"] == 0
    assert abs(found["c-1", P90]["revenue_usd"] - 2 * half) <= CENT
    assert found["c-1", P90]["gap_accelerators"] == [0] * 4 + [32] * 4
    # In term P90 is P50 here: the renewal's margin is no swing, in all and by week.
    assert found["c-1", P90]["margin_usd"] > found["c-1", P50]["margin_usd"]
    assert abs(found["c-1", P90]["margin_swing_usd"]) <= CENT
    weeks = list(weeks_of_scenario(found["c-1", P90], weeks=WEEKS, expected=found["c-1", P50]))
    assert [week["margin_swing_usd"] for week in weeks[4:]] == [0] * 4
    by_week = list(weeks_of_scenario(found["c-1", P50], weeks=WEEKS, expected=found["c-1", P50]))
    assert sum(week["revenue_usd"] for week in by_week) == found["c-1", P50]["revenue_usd"]
    assert sum(week["margin_swing_usd"] for week in weeks) == found["c-1", P90]["margin_swing_usd"]
    without = under_scenarios(contract(ends_date=date(2026, 12, 21), renewal_probability=None, p95_multiple=None))
    assert without["c-1", P90]["revenue_usd"] == half


def test_what_the_plan_leaves_short_earns_credits_and_is_a_gap() -> None:
    found = under_scenarios(contract(has_sla=True), served=D("0.5"))["c-1", P50]
    # Half the peak: y = 1.25 of p = 2.5: (1.25 ÷ 2.5)² = 25 % unmet, 75 % uptime: all of the fee comes back.
    assert found["expected_credits_usd"] == found["revenue_usd"]
    assert found["reserved_cost_usd"] == of(23_360)
    assert found["loss_exposure_usd"] == found["expected_credits_usd"]
    assert found["capacity_gap_accelerators"] == 16


def test_credits_of_a_scenario_are_for_what_it_misses_and_not_what_p50_does() -> None:
    card = {"key": "chat", "model_version": "big", "latency_class": "interactive", "regions": []}
    workload = card | {"p10_multiple": D("0.5"), "p90_multiple": D("1.5")}
    found = under_scenarios(contract(has_sla=True), workloads=[workload])
    # The plan serves all of P50's 32 accelerators; P90 asks for 40, so 80 % of its peak: y = 2 of p = 2.5, of its
    # tokens (0.5 ÷ 2.5)² = 4 % are not served, and 96 % uptime gives a quarter back.
    assert [found["c-1", scenario]["expected_credits_usd"] for scenario in (P10, P50)] == [0, 0]
    assert abs(found["c-1", P90]["expected_credits_usd"] - found["c-1", P90]["revenue_usd"] / 4) <= CENT
    short = under_scenarios(contract(has_sla=True), workloads=[workload], served=D("0.75"))
    # 24 held of the 32 that it is owed in P10 as in P50: (0.625 ÷ 2.5)² = 6.25 % are not served, all comes back.
    for scenario in (P10, P50):
        assert short["c-1", scenario]["expected_credits_usd"] == short["c-1", scenario]["revenue_usd"]


def tier(below: str, credit: str, chance: str | None, make_good: str | None = None, metric: str = "uptime") -> Row:
    line = {"contract": "c-1", "contract_version": 1, "metric": metric, "region": "", "provenance": ""}
    odds = {"chance": None if chance is None else D(chance)}
    odds |= {"make_good_usd": None if make_good is None else D(make_good)}
    return {**line, "below_share": D(below), "credit_share": D(credit), **odds}


TIERS = [tier("0.999", "0.1", "0.04", "0"), tier("0.99", "0.25", "0.009", "0"), tier("0.95", "1", "0.001", "25000")]


def flat(**changes: Any) -> tuple[Row, dict[str, Any]]:
    """A fee of $43,800 for a use that is never more than expected, so that no scenario is short where P50 is not."""
    row = contract(shape="flat_fee", **{"p95_multiple": D(1), **changes})
    return row, {"price_lines": [price("fee_month", 43_800)]}


def test_outages_credit_their_chance_times_their_share_of_the_fee() -> None:
    row, tables = flat()
    found = under_scenarios(row, sla_lines=TIERS, **tables)
    # A fee of $43,800: 4 % × 10 % + 0.9 % × 25 % + 0.1 % × all of it = $317.55 a month; 0.1 % of $25,000 is $25.
    for scenario in SCENARIOS:
        row_of = found["c-1", scenario]
        assert (row_of["expected_credits_usd"], row_of["outage_credits_usd"]) == (of("317.55"), of("317.55"))
        assert row_of["make_good_usd"] == of(25)
    # $46,720 to hold it against $43,800: $2,920 a month lost before what comes back.
    assert abs(found["c-1", P50]["loss_exposure_usd"] - of("3262.55")) <= CENT


def test_a_tier_without_a_chance_is_not_priced_and_no_zero() -> None:
    row, tables = flat()
    found = under_scenarios(row, sla_lines=[*TIERS[:2], tier("0.95", "1", None)], **tables)["c-1", P50]
    assert (found["outage_credits_usd"], found["make_good_usd"]) == (None, None)
    standard, tables = flat(has_sla=True)
    assert under_scenarios(standard, **tables)["c-1", P50]["outage_credits_usd"] is None
    without, tables = flat()
    assert under_scenarios(without, **tables)["c-1", P50]["outage_credits_usd"] == 0


def test_chances_without_a_make_good_price_the_credits_alone() -> None:
    row, tables = flat()
    found = under_scenarios(row, sla_lines=[tier("0.999", "0.1", "0.04")], **tables)["c-1", P50]
    assert (found["outage_credits_usd"], found["make_good_usd"]) == (of("175.2"), None)


def test_what_is_short_in_any_case_is_credited_once() -> None:
    row, tables = flat()
    found = under_scenarios(row, sla_lines=TIERS, served=D("0.75"), **tables)["c-1", P50]
    # (2.5 × 0.25 ÷ 2.5)² = 6.25 % unserved: all of the fee comes back, and no outage can add to that.
    assert found["expected_credits_usd"] == found["revenue_usd"]
    assert found["outage_credits_usd"] == 0
    both = under_scenarios(row, sla_lines=TIERS, served=D("0.9"), **tables)["c-1", P50]
    # 1 % unserved is 99 % uptime: 10 % comes back; outages add 0.9 % × 15 % + 0.1 % × 90 % = 0.225 % of the fee.
    assert both["outage_credits_usd"] == of(D(43_800) * D("0.00225"))
    assert both["expected_credits_usd"] == of(D(43_800) * D("0.10225"))


def test_a_renewal_credits_its_outages_by_its_own_chance() -> None:
    row, tables = flat(ends_date=date(2026, 12, 21), renewal_probability=D("0.5"))
    found = under_scenarios(row, sla_lines=TIERS, **tables)
    once = D("317.55") * 168 * 4 / 730
    assert abs(found["c-1", P50]["outage_credits_usd"] - once * D("1.5")) <= CENT
    assert abs(found["c-1", P90]["outage_credits_usd"] - once * 2) <= CENT
    assert abs(found["c-1", P10]["outage_credits_usd"] - once) <= CENT


BREACHES = st.lists(
    st.builds(
        Breach,
        chance=st.decimals(0, 1, places=6),
        credit_share=st.decimals(0, 1, places=4),
        make_good_usd=st.none() | st.decimals(0, 10**6, places=2),
        is_of_service=st.booleans(),
    ),
    max_size=6,
)


@given(BREACHES, st.decimals(0, 1, places=4))
def test_credits_are_never_above_the_fee_nor_below_nothing(tiers: list[Breach], planned: D) -> None:
    share = outage_credit_share(breaches=tiers, planned_share=planned)
    assert 0 <= share <= 1 - planned
    assert outage_credit_share(breaches=tiers) >= share
    make_good = expected_make_good(breaches=tiers)
    assert (make_good is None) == any(each.make_good_usd is None for each in tiers)


def test_an_unknown_rate_is_a_range_and_no_zero() -> None:
    found = under_scenarios(contract(), rate=None, rates=(D("1.50"), D(3)))["c-1", P50]
    assert (found["reserved_cost_usd"], found["margin_usd"], found["reserved_cents"]) == (None, None, [])
    assert (found["reserved_low_usd"], found["reserved_high_usd"]) == (of(35_040), of(70_080))
    assert found["revenue_usd"] == of(122_202)


def test_an_unsized_contract_has_no_cost_and_no_range_in_any_scenario() -> None:
    row = contract(shape="dedicated_accelerators", accelerator_type="h100", workload=None)
    for scenario in SCENARIOS:
        found = under_scenarios(row, price_lines=[price("accelerator_hour", 4)])["c-1", scenario]
        names = (
            "reserved_cost_usd",
            "reserved_low_usd",
            "consumed_cost_usd",
            "margin_usd",
            "capacity_gap_accelerators",
        )
        assert [found[name] for name in names] == [None] * 5


def test_a_band_from_p95_is_that_of_a_normal_and_mirrored() -> None:
    band = use_band(p10=None, p90=None, p95=2, cap=None)
    assert (round(band.p90, 3), round(band.p10, 3)) == (Fraction("1.779"), Fraction("0.562"))
    assert use_band(p10=None, p90=None, p95=2, cap=D("1.5")).p90 == D("1.5")
    nothing = use_band(p10=None, p90=None, p95=None, cap=None)
    assert (nothing.p10, nothing.p90, nothing.is_known) == (1, 1, False)
    assert use_band(p10=D("0.8"), p90=None, p95=2, cap=None).p90 == 1


def test_credits_follow_the_share_of_tokens_served() -> None:
    tiers = [SlaTier(below_share=D("0.999"), credit_share=D("0.1")), SlaTier(below_share=D("0.95"), credit_share=D(1))]
    assert credit_share_when_short(tiers=tiers, served_share=1, peak_factor=D("2.5")) == 0
    # 0.9 of the peak: y = 2.25, (0.25 ÷ 2.5)² = 1 % unmet.
    assert credit_share_when_short(tiers=tiers, served_share=D("0.9"), peak_factor=D("2.5")) == D("0.1")
    # Reserved units have no peak: 90 % served is 90 % uptime.
    assert credit_share_when_short(tiers=tiers, served_share=D("0.9"), peak_factor=1) == 1
    assert credit_share_when_short(tiers=[], served_share=0, peak_factor=1) == 0


ROWS = st.fixed_dictionaries(
    {
        "input_tokens_per_second": st.integers(0, 60_000).map(D),
        "output_tokens_per_second": st.integers(1, 20_000).map(D),
        "cache_hit_share": st.sampled_from([D(0), D("0.5"), D(1)]),
        "p95_multiple": st.sampled_from([None, D(1), D("1.7"), D(4)]),
        "growth_share_per_month": st.sampled_from([D(0), D("0.03")]),
        "has_sla": st.booleans(),
        "ends_date": st.sampled_from([ENDS, date(2026, 12, 16)]),
        "rate_limit_output_tokens_per_minute": st.sampled_from([None, 1_500_000]),
    }
)


@settings(max_examples=25, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from([D(1), D("0.5")]))
def test_what_holds_for_any_contracts_in_any_scenario(changes: list[dict[str, Any]], served: D) -> None:
    rows = [contract(key=f"c-{number}", **each) for number, each in enumerate(changes)]
    lines = [{**line, "contract": row["key"]} for row in rows for line in TOKEN_PRICES]
    found = under_scenarios(*rows, served=served, price_lines=lines)
    # Each column is rounded over all contracts on its own: two that are equal may differ by a cent.
    for (key, scenario), row in found.items():
        assert 0 <= row["expected_credits_usd"] <= row["revenue_usd"] + CENT
        assert 0 <= row["consumed_cost_usd"] <= row["reserved_cost_usd"] + CENT
        assert row["loss_exposure_usd"] >= row["expected_credits_usd"] - CENT
        assert row["margin_usd"] == row["revenue_usd"] - row["reserved_cost_usd"]
        for total, weeks in (("revenue_usd", "revenue_cents"), ("reserved_cost_usd", "reserved_cents")):
            assert D(sum(row[weeks])).scaleb(-2) == row[total], (key, scenario)
        assert row["reserved_low_usd"] == row["reserved_cost_usd"] == row["reserved_high_usd"]
    for row in rows:
        key = row["key"]
        # P50 and P90 hold what may be renewed: after the end there is nothing to compare it with.
        in_term = [index for index, gap in enumerate(found[key, P50]["gap_accelerators"]) if gap is not None]
        revenues = [
            sum(found[key, scenario]["revenue_cents"][index] for index in in_term)
            for scenario in ("committed", P10, P50, WORST)
        ]
        assert all(one <= other + len(in_term) for one, other in pairwise(revenues))
        assert found[key, P90]["revenue_usd"] + CENT >= found[key, P50]["revenue_usd"]
        assert found[key, HEAVY]["revenue_usd"] == pytest.approx(found[key, WORST]["revenue_usd"], abs=CENT)


@settings(max_examples=10, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=3))
def test_the_order_of_contracts_changes_nothing(changes: list[dict[str, Any]]) -> None:
    rows = [contract(key=f"c-{number}", **each) for number, each in enumerate(changes)]
    lines = [{**line, "contract": row["key"]} for row in rows for line in TOKEN_PRICES]
    assert under_scenarios(*rows, price_lines=lines) == under_scenarios(*rows[::-1], price_lines=lines[::-1])

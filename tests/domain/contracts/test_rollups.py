"""Cents that make their total: rounding from above, weeks, regions, and every dimension of a roll-up."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.rollups import in_cents, split_cents, spread_cents
from contracts.domain.scenarios import SCENARIOS
from contracts.rollup_rows import DIMENSIONS, rollup_rows

MONEY = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=9)


def test_thirds_of_a_dollar_make_a_dollar() -> None:
    third = D(1) / 3
    assert in_cents({"a": third, "b": third, "c": third}) == {"a": 34, "b": 33, "c": 33}
    assert spread_cents(total=100, parts=[third, third, third]) == [34, 33, 33]
    assert split_cents(total=100, weights={"x": D(1), "y": D(1), "z": D(1)}) == {"x": 34, "y": 33, "z": 33}


def test_a_loss_is_split_like_its_size() -> None:
    assert split_cents(total=-10, weights={"x": D(2), "y": D(1)}) == {"x": -7, "y": -3}


def test_parts_that_do_not_make_the_total_are_refused() -> None:
    with pytest.raises(ValueError, match="do not make 500 cents"):
        spread_cents(total=500, parts=[D(1), D(1)])


@given(st.lists(MONEY, min_size=1, max_size=40))
def test_parts_in_cents_sum_to_the_total_and_are_off_by_less_than_a_cent(parts: list[D]) -> None:
    found = in_cents({str(number): part for number, part in enumerate(parts)})
    total = sum(found.values())
    assert total == int(sum(parts, D(0)).scaleb(2).quantize(D(1)))
    assert all(abs(found[str(number)] - part * 100) < 1 for number, part in enumerate(parts))
    weeks = spread_cents(total=total, parts=parts)
    assert sum(weeks) == total
    assert all(abs(week - part * 100) <= 1 for week, part in zip(weeks, parts, strict=True))


# --- roll-ups -------------------------------------------------------------------------------------------------------

_KEYS = ("north", "south", "east")
REGIONS = st.dictionaries(st.sampled_from(["eu", "us", "asia"]), st.integers(1, 999).map(str), max_size=3)


def row(**changes: Any) -> dict[str, Any]:
    """A contract in one scenario that earns $100.01 and costs $60.02, of which $50.00 is consumed."""
    found: dict[str, Any] = {
        "contract_key": "c-1",
        "customer_key": "north",
        "workload_key": "chat",
        "model_key": "big",
        "model_tier": "frontier",
        "shape": "pay_as_you_go",
        "regions": {"us": "10"},
        "scenario": "p50",
        "is_sized": True,
        "revenue_usd": D("100.01"),
        "consumed_cost_usd": D("50.00"),
        "reserved_cost_usd": D("60.02"),
        "reserved_low_usd": D("60.02"),
        "reserved_high_usd": D("60.02"),
        "expected_credits_usd": D("0.00"),
        "loss_exposure_usd": D("0.00"),
        "margin_swing_usd": D("0.00"),
        "capacity_gap_accelerator_weeks": 3,
    }
    return found | changes


def rolled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rollup_rows(rows, names={}, small_parts=lambda customers: {key for key, n in customers.items() if n < 3})


def of(found: list[dict[str, Any]], dimension: str, key: str = "", scenario: str = "p50") -> dict[str, Any]:
    [one] = [r for r in found if (r["dimension"], r["part_key"], r["scenario"]) == (dimension, key, scenario)]
    return one


def test_a_contract_in_two_regions_is_split_by_its_accelerators_there() -> None:
    found = rolled([row(regions={"eu": "1", "us": "2"})])
    eu, us = of(found, "region", "eu"), of(found, "region", "us")
    assert (eu["revenue_usd"], us["revenue_usd"]) == (D("33.34"), D("66.67"))
    assert (eu["capacity_gap_accelerator_weeks"], us["capacity_gap_accelerator_weeks"]) == (1, 2)
    assert eu["margin_usd"] + us["margin_usd"] == of(found, "all")["margin_usd"] == D("39.99")
    assert eu["headroom_cost_usd"] + us["headroom_cost_usd"] == D("10.02")


def test_what_is_not_known_joins_no_sum_and_is_counted_and_listed() -> None:
    nothing = {"revenue_usd": None, "margin_swing_usd": None, "loss_exposure_usd": None, "expected_credits_usd": None}
    no_cost = {
        "consumed_cost_usd": None,
        "reserved_cost_usd": None,
        "margin_swing_usd": None,
        "loss_exposure_usd": None,
    }
    no_range = {"reserved_low_usd": None, "reserved_high_usd": None, "capacity_gap_accelerator_weeks": None}
    found = of(
        rolled(
            [
                row(),
                row(contract_key="c-2", **nothing),
                row(contract_key="c-3", **{**no_cost, "reserved_low_usd": D(40), "reserved_high_usd": D(90)}),
                row(contract_key="c-4", is_sized=False, **no_cost, **no_range),
            ]
        ),
        "all",
    )
    assert (found["contracts"], found["unsized"], found["unpriced"], found["unknown_cost"]) == (4, 1, 1, 1)
    assert found["left_out"] == ["c-2", "c-3", "c-4"]
    assert (found["revenue_usd"], found["reserved_cost_usd"], found["margin_usd"]) == (
        D("100.01"),
        D("60.02"),
        D("39.99"),
    )
    # The cost that is not known is a range beside what is known, and no zero.
    assert (found["reserved_low_usd"], found["reserved_high_usd"]) == (D("100.02"), D("150.02"))


def test_a_part_of_which_nothing_is_known_has_no_sum() -> None:
    unknown = dict.fromkeys(("revenue_usd", "consumed_cost_usd", "reserved_cost_usd", "reserved_low_usd"), None)
    found = of(rolled([row(is_sized=False, capacity_gap_accelerator_weeks=None, **unknown)]), "all")
    assert (found["revenue_usd"], found["margin_usd"], found["margin_share"]) == (None, None, None)
    assert found["capacity_gap_accelerator_weeks"] is None


def test_a_share_of_a_few_cents_is_said_to_be_none() -> None:
    tiny = rolled([row(revenue_usd=D("0.01"), reserved_cost_usd=D("900000.00"), consumed_cost_usd=D("1.00"))])
    assert of(tiny, "all")["margin_share"] is None
    assert of(tiny, "all")["margin_usd"] == D("-899999.99")


def test_parts_of_few_customers_are_marked_and_the_total_is_not() -> None:
    found = rolled([row(), row(contract_key="c-2", customer_key="south")])
    assert (of(found, "shape", "pay_as_you_go")["is_small"], of(found, "all")["is_small"]) == (True, False)


CONTRACT = st.fixed_dictionaries(
    {
        "customer_key": st.sampled_from(_KEYS),
        "workload_key": st.sampled_from(["chat", "docs", ""]),
        "model_key": st.sampled_from(["big", "small", ""]),
        "model_tier": st.sampled_from(["frontier", "small", ""]),
        "shape": st.sampled_from(["seats", "batch"]),
        "regions": REGIONS,
        "revenue_usd": st.one_of(st.none(), st.decimals(0, 10**7, places=2)),
        "reserved_cost_usd": st.one_of(st.none(), st.decimals(0, 10**7, places=2)),
        "margin_swing_usd": st.decimals(-(10**6), 10**6, places=2),
    }
)


@given(st.lists(CONTRACT, min_size=1, max_size=8))
def test_the_parts_of_every_dimension_and_scenario_sum_to_the_total_to_the_cent(
    contracts: list[dict[str, Any]],
) -> None:
    rows = []
    for number, contract in enumerate(contracts):
        cost = contract["reserved_cost_usd"]
        consumed = None if cost is None else (cost / 3).quantize(D("0.01"))
        for scenario in SCENARIOS:
            rows.append(
                row(
                    **contract,
                    contract_key=f"c-{number}",
                    scenario=scenario,
                    consumed_cost_usd=consumed,
                    reserved_low_usd=cost,
                    reserved_high_usd=cost,
                )
            )
    found = rolled(rows)
    summed = [name for name in found[0] if name.endswith("_usd")] + ["capacity_gap_accelerator_weeks"]
    for scenario in SCENARIOS:
        total = of(found, "all", scenario=scenario)
        for dimension in DIMENSIONS:
            parts = [r for r in found if (r["dimension"], r["scenario"]) == (dimension, scenario)]
            for name in summed:
                known = [part[name] for part in parts if part[name] is not None]
                assert (sum(known) if known else None) == total[name], (dimension, scenario, name)

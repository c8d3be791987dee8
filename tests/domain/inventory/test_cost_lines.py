"""Cost lines with lives of their own, other currencies, and the share of silicon in the whole."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from capacity.inventory.domain.cost import CostError
from capacity.inventory.domain.cost_lines import CostLine, line_rate
from capacity.inventory.inputs import RateCard, card_on, rate_cards

START = date(2026, 1, 1)
AS_OF = date(2026, 11, 23)
OWNED: dict[str, Any] = {
    "key": "owned", "kind": "owned", "starts_date": START, "ends_date": None, "currency": "USD",
    "capex_usd": D(48_180), "accelerator_capex_usd": D(30_000), "residual_usd": D(4_380), "life_years": D(5),
    "wacc_share": D("0.10"), "power_kw": D("1.25"), "load_share": D(1), "pue": D("1.2"), "usd_per_kwh": D("0.08"),
    "usd_per_kw_month": D(146), "support_usd_per_year": D(876), "staff_usd_per_hour": D("0.10"),
    "lease_usd_per_hour": None, "on_demand_usd_per_hour": None,
}  # fmt: skip
LEASED = dict.fromkeys(OWNED) | {
    "key": "leased", "kind": "leased", "starts_date": START, "currency": "EUR", "lease_usd_per_hour": D("2.00"),
}  # fmt: skip


def line(name: str, **fields: Any) -> dict[str, Any]:
    empty = {"capex_usd": None, "residual_usd": None, "life_years": None, "usd_per_hour": None}
    return {"rate": "owned", "rate_starts_date": START, "line": name, "component": "other", **empty, **fields}


def fx(day: date, rate: str) -> dict[str, Any]:
    return {"currency": "EUR", "as_of_date": day, "usd_per_unit": D(rate)}


def card(
    rate: dict[str, Any], *, lines: list[dict[str, Any]] | None = None, rates: list[dict[str, Any]] | None = None
) -> RateCard:
    tables = {"cost_rates": [rate], "cost_lines": lines or [], "fx_rates": rates or []}
    return rate_cards(tables=tables, as_of=AS_OF)[0]


BUILDING = line("building", component="facility", capex_usd=D(8_760), life_years=D(20))


def test_a_building_of_8760_over_20_years_at_10_percent_costs_10_cents_an_hour() -> None:
    # 8,760 ÷ 175,200 h = 0.05; 8,760 ÷ 2 × 10 % ÷ 8,760 = 0.05
    building = CostLine(key="building", component="facility", capex_usd=D(8_760), life_years=D(20))
    assert line_rate(line=building, wacc=D("0.10")) == D("0.10")


def test_lines_are_added_to_the_rate_by_name() -> None:
    found = card(OWNED, lines=[BUILDING, line("monitoring", component="software", usd_per_hour=D("0.02"))]).hour_rate
    assert found is not None
    assert found.installed_usd == D("1.99")
    assert (found.components["facility/building"], found.components["software/monitoring"]) == (D("0.10"), D("0.02"))


def test_a_line_belongs_to_one_period_of_its_rate() -> None:
    later = OWNED | {"starts_date": date(2027, 1, 1)}
    found = card(later, lines=[BUILDING]).hour_rate
    assert found is not None and found.installed_usd == D("1.87")


def test_a_capital_line_without_a_cost_of_capital_leaves_the_cost_unknown() -> None:
    found = card(LEASED | {"currency": "USD"}, lines=[BUILDING | {"rate": "leased"}])
    assert (found.hour_rate, found.missing) == (None, ("wacc_share",))
    by_hour = line("power", usd_per_hour=D("0.30"), rate="leased")
    paid = card(LEASED | {"currency": "USD"}, lines=[by_hour]).hour_rate
    assert paid is not None and paid.installed_usd == D("2.30")


def test_a_capital_cost_needs_a_life() -> None:
    with pytest.raises(CostError, match="life above zero"):
        CostLine(key="x", component="other", capex_usd=D(1))


def test_silicon_is_36_6_percent_of_the_whole_and_34_4_with_a_building_and_monitoring() -> None:
    # 30,000 ÷ 43,800 h = 0.6849…; ÷ 1.87 = 36.63 %, ÷ 1.99 = 34.42 %
    assert round(card(OWNED).silicon_share or 0, 4) == D("0.3663")
    with_lines = card(OWNED, lines=[BUILDING, line("monitoring", usd_per_hour=D("0.02"))])
    assert round(with_lines.silicon_share or 0, 4) == D("0.3442")


def test_an_accelerator_line_counts_as_silicon_over_its_own_life() -> None:
    # A second die of 4,380 over 5 years: 0.10 depreciation + 0.025 financing; (0.6849… + 0.10) ÷ 1.995 = 39.34 %
    die = line("die", component="accelerator", capex_usd=D(4_380), life_years=D(5))
    assert round(card(OWNED, lines=[die]).silicon_share or 0, 4) == D("0.3934")


def test_a_lease_of_2_euros_costs_2_16_at_the_latest_rate_up_to_the_day() -> None:
    found = card(
        LEASED, rates=[fx(date(2026, 11, 2), "1.08"), fx(date(2026, 6, 1), "1.20"), fx(date(2026, 11, 24), "1.5")]
    )
    assert found.hour_rate is not None and found.hour_rate.installed_usd == D("2.16")
    assert found.fx is not None and (found.fx.usd_per_unit, found.fx.as_of_date) == (D("1.08"), date(2026, 11, 2))


def test_without_an_exchange_rate_the_cost_is_unknown_and_named_never_zero() -> None:
    found = card(LEASED, rates=[fx(date(2026, 11, 24), "1.5")])
    assert (found.hour_rate, found.missing, found.fx) == (None, ("exchange rate EUR",), None)


def test_a_rate_in_dollars_asks_for_no_exchange_rate() -> None:
    found = card(OWNED)
    assert found.fx is None and found.hour_rate is not None
    assert card_on(cards=[found], key="owned", on_date=AS_OF) is found

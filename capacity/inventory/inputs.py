"""Inventory rows → the facts the supply and cost arithmetic takes. Pure: rows are dictionaries, see imports.rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.decisions.policy import Policy
from capacity.inventory.domain.cost import HourRate, LeaseCost, OwnedCost, leased_rate, on_demand_rate, owned_rate
from capacity.inventory.domain.facts import (
    CountRule,
    DomainFacts,
    LotFacts,
    LotState,
    OutageFacts,
    PoolFacts,
    SupplyCalendar,
    SupplyPolicy,
)
from capacity.inventory.domain.supply import build_supply
from capacity.lib.horizon import Horizon
from capacity.lib.units import HOURS_PER_YEAR

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
_COUNT_RULE = {"p50": CountRule.P50_DATE, "p90": CountRule.P90_DATE}
_OWNED_COLUMNS = (
    "capex_usd",
    "residual_usd",
    "life_years",
    "wacc_share",
    "power_kw",
    "load_share",
    "pue",
    "usd_per_kwh",
    "usd_per_kw_month",
    "support_usd_per_year",
    "staff_usd_per_hour",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class RateCard:
    """A dated cost rate. `hour_rate` is None when a component is missing: the cost is unknown, not zero."""

    key: str
    kind: str
    starts_date: date
    ends_date: date | None
    hour_rate: HourRate | None
    missing: tuple[str, ...]


def supply_calendar(*, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> SupplyCalendar:
    """Allocatable supply of every pool, domain and week under the policy's counting rules (methods: Supply)."""
    rules = {
        LotState.PLANNED: CountRule.SCENARIO_ONLY,
        LotState.ORDERED: _COUNT_RULE[policy.ordered_counts_at],
        LotState.CONFIRMED: _COUNT_RULE[policy.confirmed_counts_at],
        LotState.SHIPPED: _COUNT_RULE[policy.confirmed_counts_at],
        LotState.INSTALLED: CountRule.FULLY,
        LotState.ACCEPTED: CountRule.FULLY,
        LotState.RETIRED: CountRule.FULLY,
    }
    return build_supply(
        horizon=horizon,
        as_of=as_of,
        pools=[
            PoolFacts(key=row["key"], node_size=row["node_size"], availability=row["availability_share"])
            for row in tables["pools"]
        ],
        domains=[DomainFacts(key=row["key"], pool_key=row["pool"]) for row in tables["network_domains"]],
        lots=[_lot(row) for row in tables["lots"]],
        outages=[
            OutageFacts(
                key=f"maintenance-{row['key']}",
                pool_key=row["key"],
                accelerators=row["maintenance_accelerators"],
                starts_date=horizon.start,
            )
            for row in tables["pools"]
            if row["maintenance_accelerators"]
        ],
        policy=SupplyPolicy(count_rules=rules),
    )


def _lot(row: Mapping[str, Any]) -> LotFacts:
    return LotFacts(
        key=row["key"],
        pool_key=row["pool"],
        domain_key=row["domain"],
        state=LotState(row["state"]),
        accelerators=row["accelerators"],
        label=row["key"],
        accepted_date=row["accepted_date"],
        p50_date=row["p50_date"],
        p90_date=row["p90_date"],
        ends_date=row["ends_date"],
    )


def rate_cards(*, tables: Rows) -> list[RateCard]:
    """Every dated cost rate with its hour rate, per installed accelerator-hour (methods: Cost)."""
    return [_rate_card(row) for row in tables["cost_rates"]]


def card_on(*, cards: Sequence[RateCard], key: str, on_date: date) -> RateCard | None:
    """The card of that key in force on the day, or None."""
    for card in cards:
        if card.key == key and card.starts_date <= on_date and (card.ends_date is None or on_date < card.ends_date):
            return card
    return None


def _rate_card(row: Mapping[str, Any]) -> RateCard:
    missing, rate = _hour_rate(row)
    return RateCard(
        key=row["key"],
        kind=row["kind"],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
        hour_rate=rate,
        missing=tuple(missing),
    )


def _hour_rate(row: Mapping[str, Any]) -> tuple[list[str], HourRate | None]:
    if row["kind"] == "owned":
        missing = [column for column in _OWNED_COLUMNS if row[column] is None]
        return missing, None if missing else _owned(row)
    if row["lease_usd_per_hour"] is not None:
        term = LeaseCost(usd_per_hour=row["lease_usd_per_hour"], starts_date=row["starts_date"], term_years=Decimal(1))
        return [], leased_rate(cost=term, availability=Decimal(1), on_date=row["starts_date"])
    if row["on_demand_usd_per_hour"] is not None:
        return [], on_demand_rate(usd_per_hour=row["on_demand_usd_per_hour"])
    return ["lease_usd_per_hour" if row["kind"] == "leased" else "on_demand_usd_per_hour"], None


def _owned(row: Mapping[str, Any]) -> HourRate:
    cost = OwnedCost(
        capex_usd=row["capex_usd"],
        accelerator_usd=row["accelerator_capex_usd"] or Decimal(0),
        residual_usd=row["residual_usd"],
        life_years=row["life_years"],
        wacc=row["wacc_share"],
        power_kw=row["power_kw"],
        power_load=row["load_share"],
        pue=row["pue"],
        usd_per_kwh=row["usd_per_kwh"],
        space_usd_per_kw_month=row["usd_per_kw_month"],
        net_support_usd_per_year=row["support_usd_per_year"],
        staff_software_usd_per_year=row["staff_usd_per_hour"] * HOURS_PER_YEAR,
    )
    return owned_rate(cost=cost, availability=Decimal(1))

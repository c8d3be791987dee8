"""Inventory rows → the facts the supply and cost arithmetic takes. Pure: rows are dictionaries, see imports.rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.decisions.policy import Policy
from capacity.inventory.domain.cost import HourRate, LeaseCost, OwnedCost, leased_rate, on_demand_rate, owned_rate
from capacity.inventory.domain.cost_lines import CostLine, in_dollars, silicon_share, with_lines
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
from capacity.inventory.domain.moves import MoveFacts
from capacity.inventory.domain.supply import build_supply
from capacity.lib.horizon import Horizon
from capacity.lib.units import HOURS_PER_YEAR

BASE_CURRENCY = "USD"
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
class FxUsed:
    """The exchange rate an amount was turned into USD at, and the day it is of."""

    currency: str
    usd_per_unit: Decimal
    as_of_date: date


@dataclass(frozen=True, kw_only=True, slots=True)
class RateCard:
    """A dated cost rate in USD. `hour_rate` is None when a component is missing: the cost is unknown, not zero.

    fx: the exchange rate used, None in USD. silicon_share: the accelerator's share of the whole cost, where known.
    """

    key: str
    kind: str
    starts_date: date
    ends_date: date | None
    hour_rate: HourRate | None
    missing: tuple[str, ...]
    fx: FxUsed | None = None
    silicon_share: Decimal | None = None


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
        moves=[_move(row) for row in tables.get("lot_moves", ())],
        outages=[*_standing_maintenance(tables["pools"], horizon), *map(_outage, tables.get("outages", ()))],
        policy=SupplyPolicy(count_rules=rules),
    )


def _standing_maintenance(pools: Sequence[Mapping[str, Any]], horizon: Horizon) -> list[OutageFacts]:
    """What a pool always has in maintenance, besides its dated outages."""
    return [
        OutageFacts(
            key=f"maintenance-{row['key']}",
            pool_key=row["key"],
            accelerators=row["maintenance_accelerators"],
            starts_date=horizon.start,
        )
        for row in pools
        if row["maintenance_accelerators"]
    ]


def _outage(row: Mapping[str, Any]) -> OutageFacts:
    return OutageFacts(
        key=row["key"],
        pool_key=row["pool"],
        domain_key=row["domain"],
        accelerators=row["accelerators"],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
        kind=row["kind"],
    )


def _move(row: Mapping[str, Any]) -> MoveFacts:
    return MoveFacts(
        lot_key=row["lot"],
        starts_date=row["starts_date"],
        accelerators=row["accelerators"],
        to_pool_key=row["to_pool"],
        to_domain_key=row["to_domain"],
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


def rate_cards(*, tables: Rows, as_of: date) -> list[RateCard]:
    """Every dated cost rate with its hour rate in USD, per installed accelerator-hour (methods: Cost, Currencies).

    Cost lines are added to their rate. A rate in another currency is turned into USD at the latest exchange rate on or
    before `as_of`; without one its cost is unknown.
    """
    lines: dict[tuple[str, date], list[Mapping[str, Any]]] = {}
    for line in tables.get("cost_lines", ()):
        lines.setdefault((line["rate"], line["rate_starts_date"]), []).append(line)
    fx = fx_in_force(rows=tables.get("fx_rates", ()), as_of=as_of)
    return [_rate_card(row, lines.get((row["key"], row["starts_date"]), ()), fx) for row in tables["cost_rates"]]


def fx_in_force(*, rows: Sequence[Mapping[str, Any]], as_of: date) -> dict[str, FxUsed]:
    """Currency → its latest exchange rate on or before the day. (methods: Currencies)"""
    known = sorted((row for row in rows if row["as_of_date"] <= as_of), key=lambda row: row["as_of_date"])
    return {
        row["currency"]: FxUsed(
            currency=row["currency"], usd_per_unit=row["usd_per_unit"], as_of_date=row["as_of_date"]
        )
        for row in known
    }


def card_on(*, cards: Sequence[RateCard], key: str, on_date: date) -> RateCard | None:
    """The card of that key in force on the day, or None."""
    for card in cards:
        if card.key == key and card.starts_date <= on_date and (card.ends_date is None or on_date < card.ends_date):
            return card
    return None


def _rate_card(row: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], fx: Mapping[str, FxUsed]) -> RateCard:
    missing, rate = _hour_rate(row)
    needs_wacc = row["wacc_share"] is None and any(line["capex_usd"] is not None for line in lines)
    if needs_wacc and "wacc_share" not in missing:
        missing.append("wacc_share")
    currency = row["currency"]
    used = fx.get(currency)
    if currency != BASE_CURRENCY and used is None:
        missing.append(f"exchange rate {currency}")
    silicon = None
    if rate is not None and not missing:
        extra = [_line(line) for line in lines]
        rate = with_lines(rate=rate, lines=extra, wacc=row["wacc_share"] or Decimal(0))
        silicon = _silicon_share(row, extra, rate)
        rate = in_dollars(rate=rate, usd_per_unit=used.usd_per_unit) if used is not None else rate
    return RateCard(
        key=row["key"],
        kind=row["kind"],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
        hour_rate=None if missing else rate,
        missing=tuple(missing),
        fx=used,
        silicon_share=silicon,
    )


def _line(row: Mapping[str, Any]) -> CostLine:
    return CostLine(
        key=row["line"],
        component=row["component"],
        capex_usd=row["capex_usd"],
        residual_usd=row["residual_usd"] or Decimal(0),
        life_years=row["life_years"],
        usd_per_hour=row["usd_per_hour"] or Decimal(0),
    )


def _silicon_share(row: Mapping[str, Any], lines: Sequence[CostLine], rate: HourRate) -> Decimal | None:
    """Of an owned rate whose accelerator is priced; None where the question has no answer."""
    if row["kind"] != "owned" or row["accelerator_capex_usd"] is None:
        return None
    return silicon_share(
        accelerator_usd=row["accelerator_capex_usd"], life_years=row["life_years"], lines=lines, rate=rate
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

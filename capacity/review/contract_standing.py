"""A solved plan → what each contract stands on: pools by week, and the lots of these pools against its term. Pure.

A contract's part of a pool is its share of what its class holds there that week, by served work; its part of a lot is
that × the lot's share of what is installed (methods: What it stands on).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.inventory.inputs import RateCard, card_on, rate_cards
from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, to_decimal
from capacity.review.plan_rows import PlanRows
from capacity.review.plan_serving import Row

DAYS_PER_WEEK = 7
# Contract key → pool key → week → accelerators of the pool's own type.
Standing = Mapping[str, Mapping[str, Mapping[Week, Fraction]]]


def standing_of(rows: PlanRows) -> Standing:
    """Where each contract in force is served, week by week. What is held for deals is not counted."""
    found: dict[str, dict[str, dict[Week, Fraction]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(Fraction)))
    in_force = {each.demand_key: each.row["key"] for each in rows.plan.contracts}
    for (class_key, pool, week), accelerators in rows.allocated.items():
        for demand, share in rows.served_parts(class_key, week).items():
            if demand in in_force and accelerators:
                found[in_force[demand]][pool][week] += share * accelerators
    return found


def contract_pool_rows(rows: PlanRows, standing: Standing) -> list[Row]:
    """One row a contract and pool, in key order."""
    owners = _owners(rows)
    return [
        {
            "contract_key": key,
            "owner_username": owners[key],
            "pool_key": pool,
            "pool_name": rows.pools[pool]["name"],
            "first_week": min(by_week).key,
            "last_week": max(by_week).key,
            "weeks": len(by_week),
            "mean_accelerators": to_decimal(sum(by_week.values(), Fraction(0)) / len(by_week)),
            "most_accelerators": to_decimal(max(by_week.values())),
            "weekly": [_tenth(by_week.get(week, Fraction(0))) for week in rows.weeks],
        }
        for key, pools in sorted(standing.items())
        for pool, by_week in sorted(pools.items())
    ]


def contract_lot_rows(rows: PlanRows, standing: Standing) -> list[Row]:
    """One row a contract, pool and lot on which it stands in some week, in key order."""
    owners, ends = _owners(rows), _ends(rows)
    lots = {row["key"]: row for row in rows.tables["lots"]}
    suppliers = {row["key"]: row["name"] for row in rows.tables["suppliers"]}
    cards = rate_cards(tables=rows.tables, as_of=rows.plan.inputs.as_of)
    counted = {
        (supply.pool_key, supply.week): {lot.key: lot.accelerators for lot in supply.lots}
        for supply in rows.plan.calendar.pool_weeks
    }
    found = []
    with localcontext(exact_context()):
        for key, pools in sorted(standing.items()):
            for pool, by_week in sorted(pools.items()):
                for lot_key, last in sorted(_last_weeks(pool, by_week, counted).items()):
                    installed = counted[pool, last]
                    part = by_week[last] * installed[lot_key] / sum(installed.values())
                    found.append(
                        {
                            "contract_key": key,
                            "owner_username": owners[key],
                            "pool_key": pool,
                            "part_accelerators": to_decimal(part),
                            "lot_accelerators": installed[lot_key],
                            "contract_ends_date": ends[key],
                            **_lot_columns(lots[lot_key], rows.pools[pool], suppliers),
                            **_rate_columns(lots[lot_key], cards, rows.weeks[0].monday),
                            "weeks_uncovered": weeks_between(lots[lot_key]["ends_date"], ends[key]),
                        }
                    )
    return found


def weeks_between(lot_ends: date | None, contract_ends: date) -> int:
    """Weeks, begun ones counted, from a lot's end to the contract's; 0 where the lot stays as long."""
    if lot_ends is None or lot_ends >= contract_ends:
        return 0
    return -((lot_ends - contract_ends).days // DAYS_PER_WEEK)


def _last_weeks(
    pool: str, by_week: Mapping[Week, Fraction], counted: Mapping[tuple[str, Week], Mapping[str, int]]
) -> dict[str, Week]:
    """Lot → the last week in which it counts in the pool while the contract is served there."""
    return {lot: week for week in sorted(by_week) for lot, count in counted.get((pool, week), {}).items() if count > 0}


def _lot_columns(lot: Row, pool: Row, suppliers: Mapping[str, str]) -> Row:
    return {
        "lot_key": lot["key"],
        "source_type": lot.get("source_type") or pool["source_type"],
        "supplier_name": suppliers.get(lot["supplier"] or "", ""),
        "starts_date": lot["accepted_date"] or lot["p50_date"],
        "ends_date": lot["ends_date"],
    }


def _rate_columns(lot: Row, cards: Sequence[RateCard], day: date) -> Row:
    """What an installed hour of the lot costs as the plan begins."""
    card = card_on(cards=cards, key=lot["cost_rate_key"], on_date=day)
    if card is None or card.hour_rate is None:
        return {"rate_basis": "", "usd_per_hour": None}
    return {"rate_basis": card.hour_rate.basis, "usd_per_hour": card.hour_rate.installed_usd}


def _owners(rows: PlanRows) -> dict[str, str]:
    return {each.row["key"]: each.row["owner"] or "" for each in reversed(rows.plan.contracts)}


def _ends(rows: PlanRows) -> dict[str, date]:
    """Contract → the end of its last version in force."""
    found: dict[str, date] = {}
    for each in rows.plan.contracts:
        found[each.row["key"]] = max(each.row["ends_date"], found.get(each.row["key"], date.min))
    return found


def _tenth(value: Fraction) -> str:
    text = f"{Decimal(to_decimal(value)):.1f}"
    return text.removesuffix(".0")

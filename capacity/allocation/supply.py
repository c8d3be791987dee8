"""Inventory → pools of the allocation problem, and what a pool's week costs. Composes the pure parts; no database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import Burst, Domain, Floor, Pool
from capacity.decisions.policy import Policy
from capacity.inventory.domain.facts import SupplyCalendar
from capacity.inventory.inputs import RateCard, card_on
from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, ceil_fraction, exact

Row = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolWeekCost:
    """What a pool's week costs before anybody uses it.

    counted_usd: lots there all week. part_week_usd: lots billed for days in which they do not count. None: a rate is
    missing (`unknown_lots`). on_demand_usd_per_hour: set where the pool is paid by use, then the two are zero.
    """

    pool_key: str
    week: Week
    counted_usd: Decimal | None
    part_week_usd: Decimal | None
    on_demand_usd_per_hour: Decimal | None
    unknown_lots: tuple[str, ...]


def pool_week_costs(
    *, calendar: SupplyCalendar, lots: Sequence[Row], cards: Sequence[RateCard]
) -> dict[tuple[str, Week], PoolWeekCost]:
    """(pool, week) → its cost. The rate of a lot is that in force on the week's Monday (methods: Cost)."""
    card_key = {row["key"]: row["cost_rate_key"] for row in lots}
    counted: dict[tuple[str, Week], list[Decimal | None]] = {}
    part: dict[tuple[str, Week], list[Decimal | None]] = {}
    unknown: dict[tuple[str, Week], list[str]] = {}
    by_use: dict[tuple[str, Week], Decimal] = {}
    with localcontext(exact_context()):
        for lot_week in calendar.lot_weeks:
            place = (lot_week.pool_key, lot_week.week)
            card = card_on(cards=cards, key=card_key[lot_week.lot_key], on_date=lot_week.week.monday)
            if card is None or card.hour_rate is None:
                unknown.setdefault(place, []).append(lot_week.lot_key)
            elif card.hour_rate.basis == "on_demand":
                by_use[place] = max(by_use.get(place, Decimal(0)), card.hour_rate.installed_usd)
            else:
                bucket = counted if lot_week.counted else part
                bucket.setdefault(place, []).append(lot_week.billed_accelerator_hours * card.hour_rate.installed_usd)
        return {
            (row.pool_key, row.week): PoolWeekCost(
                pool_key=row.pool_key,
                week=row.week,
                counted_usd=None if (row.pool_key, row.week) in unknown else _sum(counted, (row.pool_key, row.week)),
                part_week_usd=None if (row.pool_key, row.week) in unknown else _sum(part, (row.pool_key, row.week)),
                on_demand_usd_per_hour=by_use.get((row.pool_key, row.week)),
                unknown_lots=tuple(unknown.get((row.pool_key, row.week), ())),
            )
            for row in calendar.pool_weeks
        }


def _sum(buckets: Mapping[tuple[str, Week], list[Any]], place: tuple[str, Week]) -> Decimal:
    return sum(buckets.get(place, []), Decimal(0))


def hour_rate(*, cost: PoolWeekCost, available: Decimal) -> Decimal | None:
    """USD per accelerator-hour left after failures: cost ÷ (installed·a·168). None where it is not known."""
    if cost.on_demand_usd_per_hour is not None and not cost.counted_usd:
        return cost.on_demand_usd_per_hour
    if cost.counted_usd is None or not available:
        return None
    return to_decimal(exact(cost.counted_usd) / (exact(available) * HOURS_PER_WEEK))


def problem_pools(
    *,
    pools: Sequence[Row],
    sites: Mapping[str, Row],
    calendar: SupplyCalendar,
    rates: Mapping[tuple[str, Week], Decimal | None],
) -> tuple[Pool, ...]:
    """The pools as the engine takes them. A pool's one rate is the mean of its known weeks; unknown is the dearest known.

    The rate only decides between places that are otherwise equal; money shown is always that of the week.
    """
    mean = {row["key"]: _mean(rates, row["key"], calendar.horizon) for row in pools}
    dearest = max((rate for rate in mean.values() if rate is not None), default=Decimal(0))
    return tuple(
        Pool(
            key=row["key"],
            accelerator_type=row["accelerator_type"],
            region=sites[row["site"]]["region"],
            allocatable=calendar.allocatable(row["key"]),
            usd_per_accelerator_hour=mean[row["key"]] if mean[row["key"]] is not None else dearest,  # type: ignore[arg-type]
            node_size=row["node_size"],
            domains=_domains(row["key"], calendar),
            burst=_burst(row, len(calendar.horizon)),
        )
        for row in pools
    )


def _mean(rates: Mapping[tuple[str, Week], Decimal | None], pool_key: str, horizon: Horizon) -> Decimal | None:
    known = [rate for week in horizon if (rate := rates[pool_key, week]) is not None]
    return to_decimal(sum((exact(rate) for rate in known), Fraction(0)) / len(known)) if known else None


def _domains(pool_key: str, calendar: SupplyCalendar) -> tuple[Domain, ...]:
    keys = sorted({row.domain_key for row in calendar.domain_weeks if row.pool_key == pool_key and row.domain_key})
    return tuple(
        Domain(key=key, allocatable=tuple(row.allocatable for row in calendar.domain(pool_key, key))) for key in keys
    )


def _burst(row: Row, weeks: int) -> Burst | None:
    if not row["burst_accelerators"]:
        return None
    return Burst(
        accelerators=(row["burst_accelerators"],) * weeks,
        usd_per_accelerator_hour=row["burst_usd_per_accelerator_hour"],
        tiers=("committed",),
    )


def problem_floors(*, policy: Policy, pools: Sequence[Pool], horizon: Horizon) -> tuple[Floor, ...]:
    """F[t] = max(⌈share × allocatable of the floor's own pools⌉, accelerators) − waived[t], not below zero, per floor
    and week (methods: Floor, Floor waivers)."""
    by_key = {pool.key: pool for pool in pools}
    floors = []
    for rule in policy.floors:
        own = [by_key[key] for key in rule.pool_keys if key in by_key]
        if not own:
            continue
        sizes = []
        for index, week in enumerate(horizon):
            supply = sum(pool.allocatable[index] for pool in own)
            by_share = ceil_fraction(exact(rule.share) * supply) if rule.share is not None else 0
            sizes.append(max(0, max(by_share, rule.accelerators or 0) - rule.waived_on(week.monday)))
        floors.append(
            Floor(
                key=rule.key,
                pools=tuple(pool.key for pool in own),
                accelerators=tuple(sizes),
                lendable=rule.lendable,
                team=rule.team_key,
            )
        )
    return tuple(floors)

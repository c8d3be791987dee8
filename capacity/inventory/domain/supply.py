"""Allocatable supply: which lots count in which week, by pool and network domain, and what is billed for them.

Pure arithmetic (methods: Supply). Records are in facts.py, the rules for one lot in lots.py. Not here: what an
accelerator-hour costs (cost.py), who gets it (allocation). Nothing reads a clock: the as-of date is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.inventory.domain.facts import (
    CountedLot,
    DomainFacts,
    LotEvent,
    LotFacts,
    LotWeek,
    OutageFacts,
    PoolFacts,
    Severity,
    SupplyCalendar,
    SupplyIssue,
    SupplyPolicy,
    SupplyWeek,
)
from capacity.inventory.domain.lots import LotService, serve_lots
from capacity.inventory.domain.moves import MoveFacts
from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import exact_context
from capacity.lib.units import floor_fraction


def build_supply(
    *,
    horizon: Horizon,
    as_of: date,
    pools: Iterable[PoolFacts],
    domains: Iterable[DomainFacts] = (),
    lots: Iterable[LotFacts] = (),
    outages: Iterable[OutageFacts] = (),
    moves: Iterable[MoveFacts] = (),
    policy: SupplyPolicy | None = None,
) -> SupplyCalendar:
    """Allocatable supply for every week, pool and domain, with events, billed days and issues.

    Units: accelerators. Row order of the inputs does not matter. Raises ValueError only for impossible pools (see
    PoolFacts) and for a pool or domain key given twice; everything wrong with a lot is an issue. (methods: Supply)
    """
    pool_by_key = _unique(pools)
    domain_keys = _domain_keys(pool_by_key, domains)
    services, issues = serve_lots(
        lots=lots, domain_keys=domain_keys, as_of=as_of, policy=policy or SupplyPolicy(), moves=moves
    )
    outages = sorted(outages, key=lambda outage: outage.key)
    issues += _outage_issues(outages, domain_keys)
    pool_weeks: list[SupplyWeek] = []
    domain_weeks: list[SupplyWeek] = []
    for pool_key in sorted(pool_by_key):
        pool = pool_by_key[pool_key]
        own = [service for service in services if service.lot.pool_key == pool_key]
        own_outages = [outage for outage in outages if outage.pool_key == pool_key]
        rows_by_week = [
            _domain_rows(
                pool=pool, keys=domain_keys[pool_key], week=week, services=own, outages=own_outages, issues=issues
            )
            for week in horizon
        ]
        domain_weeks += [rows[position] for position in range(len(domain_keys[pool_key])) for rows in rows_by_week]
        pool_weeks += [_pool_row(rows) for rows in rows_by_week]
    return SupplyCalendar(
        horizon=horizon,
        pool_weeks=tuple(pool_weeks),
        domain_weeks=tuple(domain_weeks),
        events=tuple(_events(services, horizon)),
        lot_weeks=tuple(_lot_weeks(services, horizon)),
        issues=tuple(
            sorted(issues, key=lambda issue: (issue.pool_key, issue.lot_key or "", issue.code, str(issue.week)))
        ),
    )


def allocatable_accelerators(
    *, installed: int, availability: Decimal, maintenance: Decimal | int, node_size: int
) -> tuple[int, Decimal]:
    """(allocatable, fragment) of one domain: ⌊(installed·a − m) ÷ node⌋·node, and what is left of it.

    1,000 · 0.935 = 935 in nodes of 8 → 928, fragment 7. Maintenance above what is available leaves (0, 0).
    (methods: Supply)
    """
    with localcontext(exact_context()):
        usable = max(Decimal(0), installed * availability - maintenance)
        whole = floor_fraction(Fraction(usable) / node_size) * node_size
        return whole, usable - whole


def _unique(pools: Iterable[PoolFacts]) -> dict[str, PoolFacts]:
    by_key: dict[str, PoolFacts] = {}
    for pool in pools:
        if pool.key in by_key:
            raise ValueError(f"pool {pool.key} is given twice")
        by_key[pool.key] = pool
    return by_key


def _domain_keys(pools: Mapping[str, PoolFacts], domains: Iterable[DomainFacts]) -> dict[str, list[str | None]]:
    """pool → its domain keys in order; `[None]` for a pool that is one domain by itself."""
    found: dict[str, list[str]] = {key: [] for key in pools}
    for domain in domains:
        if domain.pool_key not in found:
            raise ValueError(f"domain {domain.key} names the unknown pool {domain.pool_key}")
        if domain.key in found[domain.pool_key]:
            raise ValueError(f"domain {domain.key} of pool {domain.pool_key} is given twice")
        found[domain.pool_key].append(domain.key)
    return {pool_key: [*sorted(keys)] if keys else [None] for pool_key, keys in found.items()}


def _domain_rows(
    *,
    pool: PoolFacts,
    keys: Sequence[str | None],
    week: Week,
    services: Sequence[LotService],
    outages: Sequence[OutageFacts],
    issues: list[SupplyIssue],
) -> list[SupplyWeek]:
    """One row per domain of the pool in this week; adds an issue where maintenance exceeds what is there."""
    lots = {key: _counted(services, key, week) for key in keys}
    installed = {key: sum(lot.accelerators for lot in lots[key]) for key in keys}
    maintenance = _spread_maintenance(pool=pool, installed=installed, outages=outages, week=week)
    rows = []
    for key in keys:
        available = installed[key] * pool.availability
        taken = min(Decimal(maintenance[key]), available)
        codes: tuple[str, ...] = ()
        # A domain whose lots have all left needs no maintenance: nothing is wrong there.
        if taken < maintenance[key] and installed[key]:
            codes = ("maintenance_exceeds_supply",)
            issues.append(_maintenance_issue(pool.key, key, week, maintenance[key], available))
        whole, fragment = allocatable_accelerators(
            installed=installed[key], availability=pool.availability, maintenance=taken, node_size=pool.node_size
        )
        rows.append(
            SupplyWeek(
                pool_key=pool.key,
                domain_key=key,
                week=week,
                installed=installed[key],
                available=available,
                maintenance=taken,
                allocatable=whole,
                fragment=fragment,
                lots=lots[key],
                issues=codes,
            )
        )
    return rows


def _counted(services: Sequence[LotService], domain_key: str | None, week: Week) -> tuple[CountedLot, ...]:
    return tuple(
        CountedLot(key=service.lot.key, accelerators=service.lot.accelerators)
        for service in services
        if service.domain_key == domain_key and service.counts_in(week)
    )


def _spread_maintenance(
    *, pool: PoolFacts, installed: Mapping[str | None, int], outages: Sequence[OutageFacts], week: Week
) -> dict[str | None, int]:
    """Accelerators out per domain. An outage that touches the week counts for all of it (minimum over the week).

    One that names its domain is taken there. One that names only the pool is handed out node by node, each to the
    domain furthest below its share of the installed accelerators (ties: first key), so that it costs whole nodes.
    """
    out = dict.fromkeys(installed, 0)
    unplaced = 0
    for outage in outages:
        if week.days_within(start=outage.starts_date, end=outage.ends_date) == 0:
            continue
        if outage.domain_key is not None and outage.domain_key in out:
            out[outage.domain_key] += outage.accelerators
        elif outage.domain_key is None:
            unplaced += outage.accelerators
    if len(out) == 1:
        only = next(iter(out))
        out[only] += unplaced
        return out
    return _hand_out(out, unplaced=unplaced, installed=installed, node_size=pool.node_size)


def _hand_out(
    out: dict[str | None, int], *, unplaced: int, installed: Mapping[str | None, int], node_size: int
) -> dict[str | None, int]:
    total = sum(installed.values())
    keys = sorted(out, key=str)
    share = {
        key: Fraction(installed[key] * unplaced, total) if total else Fraction(unplaced, len(keys)) for key in keys
    }
    given = dict.fromkeys(keys, 0)
    while unplaced > 0:
        chunk = min(node_size, unplaced)
        neediest = max(keys, key=lambda key: share[key] - given[key])
        given[neediest] += chunk
        unplaced -= chunk
    return {key: out[key] + given[key] for key in out}


def _pool_row(rows: Sequence[SupplyWeek]) -> SupplyWeek:
    """The pool is the sum of its domains, in every column."""
    return SupplyWeek(
        pool_key=rows[0].pool_key,
        domain_key=None,
        week=rows[0].week,
        installed=sum(row.installed for row in rows),
        available=sum((row.available for row in rows), Decimal(0)),
        maintenance=sum((row.maintenance for row in rows), Decimal(0)),
        allocatable=sum(row.allocatable for row in rows),
        fragment=sum((row.fragment for row in rows), Decimal(0)),
        lots=tuple(sorted((lot for row in rows for lot in row.lots), key=lambda lot: lot.key)),
        issues=tuple(sorted({code for row in rows for code in row.issues})),
    )


def _events(services: Sequence[LotService], horizon: Horizon) -> list[LotEvent]:
    events = []
    for service in services:
        lot = service.lot
        never_counts = service.end_week is not None and service.end_week <= service.first_week
        if never_counts:
            continue
        if service.first_week in horizon:
            events.append(_event(service, service.first_week, lot.accelerators, service.from_date, service.basis))
        if service.end_week is not None and lot.ends_date is not None and service.end_week in horizon:
            events.append(_event(service, service.end_week, -lot.accelerators, lot.ends_date, service.end_basis))
    return sorted(events, key=lambda event: (event.pool_key, event.week, event.lot_key, event.accelerators))


def _event(service: LotService, week: Week, accelerators: int, on_date: date, basis: str) -> LotEvent:
    return LotEvent(
        pool_key=service.lot.pool_key,
        domain_key=service.domain_key,
        week=week,
        lot_key=service.lot.key,
        label=service.lot.label or service.lot.key,
        accelerators=accelerators,
        on_date=on_date,
        kind="arrival" if accelerators > 0 else "departure",
        basis=basis,
    )


def _lot_weeks(services: Sequence[LotService], horizon: Horizon) -> list[LotWeek]:
    """Billed days per lot and week: cost runs from the in-service day (or billed_from_date) to ends_date, by day."""
    rows = []
    for service in services:
        for week in horizon:
            days = week.days_within(start=service.billed_from, end=service.lot.ends_date)
            if days:
                rows.append(
                    LotWeek(
                        lot_key=service.lot.key,
                        pool_key=service.lot.pool_key,
                        domain_key=service.domain_key,
                        week=week,
                        accelerators=service.lot.accelerators,
                        billed_days=days,
                        counted=service.counts_in(week),
                    )
                )
    return rows


def _outage_issues(
    outages: Iterable[OutageFacts], domain_keys: Mapping[str, Sequence[str | None]]
) -> list[SupplyIssue]:
    issues = []
    for outage in outages:
        unknown = outage.pool_key not in domain_keys or (
            outage.domain_key is not None and outage.domain_key not in domain_keys[outage.pool_key]
        )
        if unknown:
            place = f"{outage.pool_key}/{outage.domain_key}" if outage.domain_key else outage.pool_key
            issues.append(
                SupplyIssue(
                    code="unknown_outage_place",
                    severity=Severity.ERROR,
                    message=f"Outage {outage.key} names {place}, which does not exist: it is left out.",
                    pool_key=outage.pool_key,
                )
            )
    return issues


def _maintenance_issue(
    pool_key: str, domain_key: str | None, week: Week, maintenance: int, available: Decimal
) -> SupplyIssue:
    place = pool_key if domain_key is None else f"{pool_key}/{domain_key}"
    return SupplyIssue(
        code="maintenance_exceeds_supply",
        severity=Severity.WARNING,
        message=f"{place} in {week}: {maintenance} accelerators are in maintenance but only {available} are there.",
        pool_key=pool_key,
        week=week,
    )

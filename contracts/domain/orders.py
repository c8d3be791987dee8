"""When accelerators must be ordered for what a contract adds from a day on (methods: Order-by dates)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from contracts.domain.agreement import Agreement
from contracts.domain.commitments import versions_with_ends
from contracts.domain.terms import order_by_date
from contracts.domain.usage_by_days import ramp_days, use_multiple


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderBy:
    """One step up after the contract's as-of day. Dates None = that lead time is not known; safe: at its P90."""

    line_key: str
    needed_date: date
    added: Decimal
    order_by_date: date | None
    safe_order_by_date: date | None


def orders_of(agreement: Agreement) -> tuple[OrderBy, ...]:
    """Every step up of units and of expected use still ahead, by date and key. (methods: Order-by dates)"""
    lead = agreement.lead_time
    return tuple(
        OrderBy(
            line_key=key,
            needed_date=day,
            added=added,
            order_by_date=_order_by(day, lead.p50_weeks),
            safe_order_by_date=_order_by(day, lead.p90_weeks),
        )
        for day, key, added in sorted(_steps_up(agreement))
        if day > agreement.as_of
    )


def _order_by(day: date, weeks: int | None) -> date | None:
    return None if weeks is None else order_by_date(needed_date=day, lead_weeks=weeks)


def _steps_up(agreement: Agreement) -> Iterator[tuple[date, str, Decimal]]:
    """(day, line or stream, how much more) wherever more is agreed or expected than the day before."""
    units: dict[str, Decimal] = {}
    use: dict[str, Decimal] = {}
    for version, until in versions_with_ends(agreement):
        for line in version.terms.unit_lines:
            days = {version.from_date, *(step.from_date for step in line.steps)}
            for day in sorted(day for day in days if version.from_date <= day < until):
                now = line.units_on(day)
                if now > units.get(line.key, Decimal(0)):
                    yield day, line.key, now - units.get(line.key, Decimal(0))
                units[line.key] = now
        for each in version.streams:
            for day in sorted(day for day in ramp_days([each]) if version.from_date <= day < until):
                multiple = use_multiple(stream=each, day=day)
                now = Decimal(multiple.numerator) / Decimal(multiple.denominator)
                if now > use.get(each.stream.key, Decimal(0)):
                    yield day, each.stream.key, now - use.get(each.stream.key, Decimal(0))
                use[each.stream.key] = now

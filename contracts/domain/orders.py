"""When accelerators must be ordered for what a contract adds from a day on (methods: Order-by dates)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from capacity.lib.money import to_decimal
from contracts.domain.agreement import Agreement, Version
from contracts.domain.commitments import versions_with_ends
from contracts.domain.terms import order_by_date
from contracts.domain.usage_by_days import ramp_days, use_multiple
from workloads.domain.serving import Traffic


@dataclass(frozen=True, kw_only=True, slots=True)
class OrderBy:
    """One step up after the contract's as-of day. Dates None = that lead time is not known; safe: at its P90.

    added: units of a line; of a stream multiples of the traffic that its version states.
    """

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
    use: dict[str, Traffic] = {}
    for version, until in versions_with_ends(agreement):
        units = {line.key: units.get(line.key, Decimal(0)) for line in version.terms.unit_lines}
        for line in version.terms.unit_lines:
            for day in _days_in({version.from_date, *(step.from_date for step in line.steps)}, version, until):
                now = line.units_on(day)
                if now > units[line.key]:
                    yield day, line.key, now - units[line.key]
                units[line.key] = now
        use = {each.stream.key: use.get(each.stream.key, NOTHING) for each in version.streams}
        for each in version.streams:
            # Units begin with the version; traffic on them takes no more until it grows beyond its own start.
            begins = set() if version.is_reserved(each) or each.batch is not None else {version.from_date}
            for day in _days_in(begins | ramp_days([each]), version, until):
                if each.stream.traffic is None:
                    continue
                sent = each.stream.traffic.times(use_multiple(stream=each, day=day))
                if more := _more(sent, use[each.stream.key], each.stream.traffic):
                    yield day, each.stream.key, more
                use[each.stream.key] = sent


NOTHING = Traffic.of(input_tps=0, output_tps=0)


def _days_in(days: set[date], version: Version, until: date) -> list[date]:
    return sorted(day for day in days if version.from_date <= day < until)


def _more(sent: Traffic, before: Traffic, once: Traffic) -> Decimal:
    """How much more is sent than before, as a multiple of the stream's traffic; 0 where no side grows."""
    sides = (
        (sent.input_tokens_per_second - before.input_tokens_per_second, once.input_tokens_per_second),
        (sent.output_tokens_per_second - before.output_tokens_per_second, once.output_tokens_per_second),
    )
    return to_decimal(max([Fraction(0), *(grown / average for grown, average in sides if average)]))

"""Hours of usage → days, their shares and the measured peak factor. Pure (methods: Usage by day).

A missing hour is a gap and never zero. Counts are exact integers; shares are Fractions or None where nothing is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import ceil_fraction

HOURS_PER_DAY = 24
HOURS_PER_WEEK = 168
MINUTES_PER_HOUR = 60
LEAST_COVERED = Fraction(95, 100)
PEAK_PERCENTILE = Fraction(99, 100)
PEAK_HOURS = 4 * HOURS_PER_WEEK


@dataclass(frozen=True, kw_only=True, slots=True)
class HourCount:
    """What one source counted in the hour that starts at `hour_at`. None: the source does not say."""

    hour_at: datetime
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int | None = None
    requests: int | None = None
    throttled_requests: int | None = None
    late_requests: int | None = None
    accelerators: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DayCount:
    """One day's sums over its hours and sources. The request columns are over `quality_hours`; None without any."""

    hours_covered: int
    input_tokens: int
    cached_input_tokens: int | None
    output_tokens: int
    quality_hours: int
    requests: int | None
    throttled_requests: int | None
    late_requests: int | None
    sla_minutes_lost: Fraction | None
    accelerator_hours: Decimal | None

    @property
    def is_partial(self) -> bool:
        return is_partial(hours=self.hours_covered, expected=HOURS_PER_DAY)

    @property
    def throttled_share(self) -> Fraction | None:
        return _share(self.throttled_requests, self.requests)

    @property
    def late_share(self) -> Fraction | None:
        return _share(self.late_requests, self.requests)


def is_partial(*, hours: int, expected: int) -> bool:
    """Whether less than 95 % of the expected hours were counted: 22 of 24 are partial, 160 of 168 are not."""
    return hours < LEAST_COVERED * expected


def days_of_hours(counts: Iterable[HourCount]) -> dict[date, DayCount]:
    """Day of UTC → its sums. Days without any hour are not there. (methods: Usage by day)"""
    days: dict[date, dict[datetime, list[HourCount]]] = {}
    for count in counts:
        hour = count.hour_at.astimezone(UTC)
        days.setdefault(hour.date(), {}).setdefault(hour, []).append(count)
    return {day: _day(list(hours.values())) for day, hours in sorted(days.items())}


def _day(hours: Sequence[Sequence[HourCount]]) -> DayCount:
    counts = [count for sources in hours for count in sources]
    # An hour says how requests fared only where each source that counted it does.
    told = [sources for sources in hours if all(_says_quality(count) for count in sources)]
    quality = [count for sources in told for count in sources]
    return DayCount(
        hours_covered=len(hours),
        input_tokens=sum(count.input_tokens for count in counts),
        cached_input_tokens=_sum([count.cached_input_tokens for count in counts]),
        output_tokens=sum(count.output_tokens for count in counts),
        quality_hours=len(told),
        requests=_sum([count.requests for count in quality]),
        throttled_requests=_sum([count.throttled_requests for count in quality]),
        late_requests=_sum([count.late_requests for count in quality]),
        sla_minutes_lost=sum((_minutes_lost(sources) for sources in told), Fraction(0)) if told else None,
        accelerator_hours=_accelerators([count.accelerators for count in counts]),
    )


def _says_quality(count: HourCount) -> bool:
    return None not in (count.requests, count.throttled_requests, count.late_requests)


def _minutes_lost(sources: Sequence[HourCount]) -> Fraction:
    """60 × (throttled + late) ÷ requests of the hour; an hour without requests loses nothing."""
    requests = sum(count.requests or 0 for count in sources)
    hurt = sum((count.throttled_requests or 0) + (count.late_requests or 0) for count in sources)
    return Fraction(MINUTES_PER_HOUR * hurt, requests) if requests else Fraction(0)


def _sum(values: Sequence[int | None]) -> int | None:
    """The sum, or None where a part of it (or all of it) is not known."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _accelerators(values: Sequence[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(values) else None


def _share(part: int | None, whole: int | None) -> Fraction | None:
    return None if part is None or not whole else Fraction(part, whole)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasuredPeak:
    """P99 of hourly tokens ÷ their mean, at least 1. Hourly, so below the peak over 5 minutes. hours: how many counted."""

    peak_factor: Fraction
    hours: int
    is_partial: bool


def measured_peak(hourly_tokens: Sequence[int]) -> MeasuredPeak | None:
    """The peak factor of up to 4 weeks of hours (672); None where nothing was used. (methods: Usage by day)

    P99 is the value of rank ⌈0.99·n⌉ from below: of 672 hours the 666th. A mean above it gives 1.
    """
    total = sum(hourly_tokens)
    if total <= 0:
        return None
    count = len(hourly_tokens)
    return MeasuredPeak(
        peak_factor=max(Fraction(1), Fraction(at_peak(hourly_tokens) * count, total)),
        hours=count,
        is_partial=is_partial(hours=count, expected=PEAK_HOURS),
    )


def at_peak(hourly: Sequence[int]) -> int:
    """P99 of the hours: the value of rank ⌈0.99·n⌉ from below. Raises IndexError for none."""
    return sorted(hourly)[ceil_fraction(PEAK_PERCENTILE * len(hourly)) - 1]

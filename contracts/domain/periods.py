"""Billing periods of a contract: calendar or anniversary months, cut where something changes (methods: Invoice periods).

Invoices use the actual days of the month, end excluded; the planning month of 730 hours is not used here. Weeks are
another thing: capacity is planned by Monday weeks in UTC (weeks.py).
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal, localcontext
from fractions import Fraction

from capacity.lib.money import exact_context, to_decimal

HOURS_PER_DAY = 24


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """Days `[start, end)` of one month in which nothing changes. month_days: of the whole month it lies in."""

    start: date
    end: date
    month_days: int

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def hours(self) -> int:
        return self.days * HOURS_PER_DAY

    @property
    def months(self) -> Decimal:
        """The part of its month that it is, by actual days."""
        return to_decimal(Fraction(self.days, self.month_days))


@dataclass(frozen=True, kw_only=True, slots=True)
class BillingPeriod:
    """One invoice, `[start, end)`, in stretches. index: 0 for the first of the contract."""

    index: int
    start: date
    end: date
    stretches: tuple[Stretch, ...]

    @property
    def months(self) -> Decimal:
        with localcontext(exact_context()):
            return sum((stretch.months for stretch in self.stretches), Decimal(0))


def billing_periods(
    *, starts: date, until: date, anchor: str = "calendar", cuts: Iterable[date] = ()
) -> tuple[BillingPeriod, ...]:
    """The months of `[starts, until)`, first and last clipped, each cut at the days on which something changes.

    anchor "calendar": months of the calendar. "anniversary": from the start's day of the month, or the month's last
    day where it has fewer. 15 Jan – 1 Mar: calendar 17 of 31 days and February; anniversary 31 days and 14 of 28.
    """
    days = sorted(cuts)
    periods: list[BillingPeriod] = []
    month = starts.replace(day=1) if anchor == "calendar" else starts
    step = 0
    while True:
        first, after = month_after(month, step), month_after(month, step + 1)
        if first >= until:
            return tuple(periods)
        start, end = max(first, starts), min(after, until)
        inside = [start, *(day for day in days if start < day < end), end]
        bounds = sorted(set(inside))
        stretches = tuple(
            Stretch(start=left, end=right, month_days=(after - first).days)
            for left, right in zip(bounds, bounds[1:], strict=False)
        )
        periods.append(BillingPeriod(index=step, start=start, end=end, stretches=stretches))
        step += 1


def month_after(day: date, months: int) -> date:
    """The same day so many months later, or that month's last day."""
    place = day.year * 12 + day.month - 1 + months
    year, month = place // 12, place % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def days_between(*, start: date, end: date, first: date, last: date) -> int:
    """Days of `[start, end)` inside `[first, last)`."""
    return max(0, (min(end, last) - max(start, first)).days)


def days_after(day: date, days: int) -> date:
    """The day so many days later (earlier if negative), kept inside the calendar."""
    place = min(max(day.toordinal() + days, date.min.toordinal()), date.max.toordinal())
    return day + timedelta(days=place - day.toordinal())

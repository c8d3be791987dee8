"""Weeks and horizons: half-open, Monday 00:00 UTC to next Monday, keyed by ISO year and week.

What belongs here: the one definition of a planning week and of a run of weeks. Nothing here reads a clock;
callers pass the date. Sorting is by Monday, never by week number, because a 52-week horizon can cross week 53.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

HOURS_PER_WEEK = 168
DAYS_PER_WEEK = 7

_WEEK_KEY = re.compile(r"(\d{4})-W(\d{2})")


@dataclass(frozen=True, order=True, slots=True)
class Week:
    """One ISO week, `[monday, monday + 7 days)` in UTC.

    Raises ValueError when `monday` is not a Monday.
    """

    monday: date

    def __post_init__(self) -> None:
        if self.monday.weekday() != 0:
            raise ValueError(f"{self.monday} is a {self.monday:%A}; a week starts on a Monday")

    @classmethod
    def containing(cls, day: date) -> Week:
        """The week that holds `day` (a date, or an aware datetime read in UTC)."""
        if isinstance(day, datetime):
            if day.tzinfo is None:
                raise ValueError("a naive datetime has no week: give a time zone")
            day = day.astimezone(UTC).date()
        return cls(day - timedelta(days=day.weekday()))

    @classmethod
    def starting_on_or_after(cls, day: date) -> Week:
        """The first week all of whose days are on or after `day`."""
        return cls(day + timedelta(days=-day.weekday() % DAYS_PER_WEEK))

    @classmethod
    def parse(cls, text: str) -> Week:
        """The week written `2026-W48`. Raises ValueError with the reason for anything else."""
        match = _WEEK_KEY.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not an ISO week such as 2026-W48")
        try:
            return cls(date.fromisocalendar(int(match[1]), int(match[2]), 1))
        except ValueError as error:
            raise ValueError(f"{text!r} is not a week of that year: {error}") from None

    @property
    def key(self) -> str:
        """ISO form, `2026-W48`."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def start(self) -> date:
        return self.monday

    @property
    def end(self) -> date:
        """The next Monday: the first day that is no longer in the week."""
        return self.monday + timedelta(days=DAYS_PER_WEEK)

    @property
    def starts_at(self) -> datetime:
        return datetime(self.monday.year, self.monday.month, self.monday.day, tzinfo=UTC)

    def plus(self, weeks: int) -> Week:
        return Week(self.monday + timedelta(days=DAYS_PER_WEEK * weeks))

    def weeks_until(self, other: Week) -> int:
        """How many weeks later `other` is (negative when earlier)."""
        return (other.monday - self.monday).days // DAYS_PER_WEEK

    def days_within(self, *, start: date, end: date | None) -> int:
        """How many of the week's seven days lie in the half-open period `[start, end)`; `end` None is open."""
        first = max(self.start, start)
        last = self.end if end is None else min(self.end, end)
        return max(0, (last - first).days)

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True)
class Horizon:
    """`weeks` consecutive weeks from `first`. Iterating gives each Week in order."""

    first: Week
    weeks: int

    def __post_init__(self) -> None:
        if not 1 <= self.weeks <= 520:
            raise ValueError(f"a horizon has 1 to 520 weeks, not {self.weeks}")

    @property
    def start(self) -> date:
        return self.first.start

    @property
    def end(self) -> date:
        return self.first.plus(self.weeks).start

    @property
    def last(self) -> Week:
        return self.first.plus(self.weeks - 1)

    def index(self, week: Week) -> int:
        """Position of `week`, 0-based. Raises ValueError outside the horizon."""
        position = self.first.weeks_until(week)
        if not 0 <= position < self.weeks:
            raise ValueError(f"{week} is outside {self.first}…{self.last}")
        return position

    def __contains__(self, week: object) -> bool:
        return isinstance(week, Week) and 0 <= self.first.weeks_until(week) < self.weeks

    def __iter__(self) -> Iterator[Week]:
        return (self.first.plus(offset) for offset in range(self.weeks))

    def __len__(self) -> int:
        return self.weeks

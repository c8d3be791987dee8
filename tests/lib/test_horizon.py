"""Weeks: half-open, Monday 00:00 UTC, sorted by date."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from capacity.lib.horizon import HOURS_PER_WEEK, Horizon, Week

DAYS = st.dates(date(2020, 1, 1), date(2040, 1, 1))


def test_every_hour_of_twenty_years_belongs_to_exactly_one_week() -> None:
    first, last = Week.containing(date(2020, 1, 1)), Week.containing(date(2039, 12, 31))
    weeks = list(Horizon(first=first, weeks=520)) + list(Horizon(first=first.plus(520), weeks=520))
    weeks += [last.plus(n) for n in range(-4, 1) if last.plus(n) > weeks[-1]]
    hour, hours_by_week = first.starts_at, dict.fromkeys(weeks, 0)
    while hour < last.starts_at:
        hours_by_week[Week.containing(hour)] += 1
        hour += timedelta(hours=1)
    assert {count for week, count in hours_by_week.items() if week < last} == {HOURS_PER_WEEK}


@given(DAYS)
def test_a_day_lies_in_its_week_and_in_no_neighbour(day: date) -> None:
    week = Week.containing(day)
    holds = [each for each in (week.plus(-1), week, week.plus(1)) if each.start <= day < each.end]
    assert holds == [week]
    assert Week.parse(week.key) == week


@given(DAYS)
def test_the_first_whole_week_starts_less_than_a_week_later(day: date) -> None:
    week = Week.starting_on_or_after(day)
    assert timedelta(0) <= week.start - day < timedelta(days=7)


def test_2026_has_a_week_53_that_sorts_between_its_neighbours() -> None:
    horizon = Horizon(first=Week.parse("2026-W48"), weeks=8)
    assert [week.key for week in horizon][4:7] == ["2026-W52", "2026-W53", "2027-W01"]
    week = Week.parse("2026-W53")
    assert (week.start, week.end) == (date(2026, 12, 28), date(2027, 1, 4))
    with pytest.raises(ValueError, match="2027-W53"):
        Week.parse("2027-W53")


def test_a_leap_day_lies_in_a_week_of_seven_days() -> None:
    assert Week.containing(date(2028, 2, 29)).days_within(start=date(2028, 2, 29), end=date(2028, 3, 1)) == 1
    assert Week.containing(date(2028, 2, 29)).key == "2028-W09"


def test_a_local_midnight_on_monday_falls_in_the_utc_week_it_falls_in() -> None:
    berlin, los_angeles = ZoneInfo("Europe/Berlin"), ZoneInfo("America/Los_Angeles")
    assert Week.containing(datetime(2026, 11, 23, tzinfo=berlin)).key == "2026-W47"
    assert Week.containing(datetime(2026, 11, 23, tzinfo=los_angeles)).key == "2026-W48"
    assert Week.containing(datetime(2026, 11, 22, 17, tzinfo=los_angeles)).key == "2026-W48"


@pytest.mark.parametrize("change", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_week_in_which_the_clocks_change_keeps_168_utc_hours(change: date) -> None:
    week, berlin = Week.containing(change), ZoneInfo("Europe/Berlin")
    local_start = datetime(week.start.year, week.start.month, week.start.day, tzinfo=berlin).astimezone(UTC)
    local_end = datetime(week.end.year, week.end.month, week.end.day, tzinfo=berlin).astimezone(UTC)
    assert (local_end - local_start) / timedelta(hours=1) in (167, 169)
    assert (week.plus(1).starts_at - week.starts_at) / timedelta(hours=1) == HOURS_PER_WEEK


def test_a_naive_datetime_has_no_week() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Week.containing(datetime(2026, 11, 23))  # noqa: DTZ001


def test_a_week_starts_on_a_monday_and_a_horizon_has_bounds() -> None:
    with pytest.raises(ValueError, match="Tuesday"):
        Week(date(2026, 11, 24))
    with pytest.raises(ValueError, match="520"):
        Horizon(first=Week(date(2026, 11, 23)), weeks=521)
    with pytest.raises(ValueError, match="outside"):
        Horizon(first=Week(date(2026, 11, 23)), weeks=1).index(Week(date(2026, 11, 30)))

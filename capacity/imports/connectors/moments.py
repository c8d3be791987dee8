"""Times of foreign files to moments in UTC. Pure. A time without a zone needs one said: it is never taken for UTC."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from capacity.imports.cells import CellError

# Seconds since 1970 between 2001 and 2096, perhaps with a fraction; three digits more are milliseconds.
_EPOCH = re.compile(r"[1-3]?\d{9}(\.\d+)?", re.ASCII)
_EPOCH_MS = re.compile(r"[1-3]?\d{12}", re.ASCII)
_HOUR = 3600


def moment(cell: str, zone: str) -> datetime:
    """The moment a time means. `zone`: of times that name none; "" refuses those. Raises CellError.

    Of two moments with the same local time (clocks set back) the first is taken.
    """
    return moments(cell, zone)[0]


@lru_cache(maxsize=4096)
def moments(cell: str, zone: str) -> tuple[datetime, ...]:
    """The moment, or both moments, that a time can mean. Raises CellError."""
    if _EPOCH.fullmatch(cell):
        return (datetime.fromtimestamp(float(cell), UTC),)
    if _EPOCH_MS.fullmatch(cell):
        return (datetime.fromtimestamp(int(cell) / 1000, UTC),)
    try:
        value = datetime.fromisoformat(cell)
    except ValueError:
        raise CellError("bad_time", f'"{cell[:60]}" is not a time such as 2026-11-23T09:00:00Z.') from None
    if not 1990 <= value.year <= 2200:
        raise CellError("bad_time", f'"{cell[:60]}" is outside the years 1990 to 2200.')
    if value.tzinfo is not None:
        return (value.astimezone(UTC),)
    if not zone:
        hint = "Give the option timezone=…, such as timezone=UTC or timezone=Europe/Berlin."
        raise CellError("no_time_zone", f'"{cell[:60]}" names no time zone. {hint}')
    return _local(value, ZoneInfo(zone))


def _local(value: datetime, zone: ZoneInfo) -> tuple[datetime, ...]:
    first = value.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = value.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first == second:
        return (first,)
    if first.astimezone(zone).replace(tzinfo=None) != value:
        raise CellError("no_such_time", f"{value} does not exist in {zone.key}: the clocks were set forward over it.")
    return (first, second)


def hour_of(value: datetime) -> int:
    """The hour since 1970 the moment lies in."""
    return int(value.timestamp()) // _HOUR


def hour_text(hour: int) -> str:
    return moment_text(datetime.fromtimestamp(hour * _HOUR, UTC))


def moment_text(value: datetime) -> str:
    """The moment as our tables write it: to the second, in UTC."""
    return value.strftime("%Y-%m-%dT%H:%M:%SZ")


def days_between(starts: datetime, ends: datetime) -> list[date]:
    """The UTC days a period [starts, ends) touches; the day of its start when it is empty."""
    last = max(starts, ends - timedelta(microseconds=1))
    return [starts.date() + timedelta(days=n) for n in range((last.date() - starts.date()).days + 1)]


def elapsed_seconds(cell: str) -> int:
    """Seconds of `[days-]hours:minutes:seconds` or of a plain number of seconds. Raises CellError."""
    if cell.isdecimal():
        return int(cell)
    found = re.fullmatch(r"(?:(\d+)-)?(\d+):(\d\d):(\d\d)(?:\.\d+)?", cell, re.ASCII)
    if found is None:
        raise CellError("bad_duration", f'"{cell[:40]}" is not a duration such as 1-02:03:04.')
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds

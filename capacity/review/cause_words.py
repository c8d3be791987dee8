"""Weeks and the events of lots in the words of a cause: kept with a plan's moves, so each says its year where it must."""

from __future__ import annotations

from capacity.lib.figures import thousands, week
from capacity.lib.horizon import Week


def week_words(key: str, year: int | None) -> str:
    """`the week of 21 Dec`, with its year where that is another one than the plans begin in."""
    return f"the week of {week(Week.parse(key), year=year)}"


def event_words(before: tuple[str, int] | None, after: tuple[str, int] | None, year: int | None) -> str:
    """One event of a lot in both plans: `comes in the week of 7 Dec instead of 23 Nov, of 32 instead of 64`."""
    found = after or before
    if found is None:
        return ""
    verb = "comes" if found[1] > 0 else "leaves"
    if before is None:
        return f"{verb} in {week_words(found[0], year)}"
    if after is None:
        return f"no longer {verb} in {week_words(found[0], year)}"
    size = f"of {thousands(abs(after[1]))} instead of {thousands(abs(before[1]))}"
    if before[0] == after[0]:
        return size
    when = f"{verb} in {week_words(after[0], year)} instead of {week(Week.parse(before[0]), year=year)}"
    return when if before[1] == after[1] else f"{when}, {size}"

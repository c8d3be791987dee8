"""What a person fills in to ask for accelerators, as cells of a row: defaults, the next key, operations. Pure.

What belongs here: arithmetic and rules of the form that need no table (methods: Experiment requests). Checking the
cells is the importer's, whether there is room is allocation's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal

from capacity.lib.horizon import Week
from capacity.lib.units import SECONDS_PER_WEEK, Exact
from workloads.domain.requests import RequestError, run_operations, training_operations

# A request of which nothing else is said may start within eight weeks from the next Monday.
WINDOW_WEEKS = 8
# Share of its peak that a training run reaches where it says nothing else: public runs of the last years reach 0.3-0.5.
USUAL_MFU = Decimal("0.4")
BY_TIME, BY_TOKENS = "time", "tokens"
_NUMBERED = re.compile(r"R-(\d{4,8})")


def next_key(keys: Collection[str]) -> str:
    """R-0001, or one more than the largest there is: numbers of requests that are gone are not used again here."""
    found = [int(match[1]) for key in keys if (match := _NUMBERED.fullmatch(key))]
    return f"R-{max(found, default=0) + 1:04d}"


def unused_key(keys: Collection[str], *, like: str = "new-request") -> str:
    """A key for a question about a request that is not kept: `new-request`, or `new-request-2` where that is a row's."""
    number, key = 1, like
    while key in keys:
        number += 1
        key = f"{like}-{number}"
    return key


def usual_window(*, today: date) -> tuple[date, date]:
    """The first and last Monday that a new form offers: the next one, and eight weeks after it."""
    first = Week.containing(today).plus(1)
    return first.monday, first.plus(WINDOW_WEEKS).monday


def whole_window(earliest: date, latest: date) -> tuple[date, date]:
    """Any two days as Mondays: the first on or after the earliest, the last on or before the latest.

    Raises RequestError where no Monday lies between them.
    """
    first, last = Week.starting_on_or_after(earliest).monday, Week.containing(latest).monday
    if last < first:
        raise RequestError(f"No Monday lies between {earliest} and {latest}, and runs start on Mondays.")
    return first, last


def flop_of(
    *,
    mode: str,
    accelerators: int,
    weeks: int,
    peak_operations_per_second: Exact | None,
    mfu: Exact = USUAL_MFU,
    parameters: Exact | None,
    tokens: Exact | None,
) -> Decimal | None:
    """Operations of the whole run. `time`: accelerators × seconds × peak × MFU; `tokens`: 6 · parameters · tokens.

    None where what it needs is not known. Raises RequestError for another mode or an MFU outside (0, 1].
    """
    if mode == BY_TIME:
        if peak_operations_per_second is None:
            return None
        return run_operations(
            accelerators=accelerators,
            seconds=weeks * SECONDS_PER_WEEK,
            peak_operations_per_second=peak_operations_per_second,
            mfu=mfu,
        )
    if mode == BY_TOKENS:
        return (
            None if parameters is None or tokens is None else training_operations(parameters=parameters, tokens=tokens)
        )
    raise RequestError(f"Operations are counted by {BY_TIME} or by {BY_TOKENS}, not by {mode}.")


def adopted(cells: Mapping[str, str], change: Mapping[str, object]) -> dict[str, str] | None:
    """The form's cells with a smallest change (as stored: its parts) in them; None for one that is not the asker's.

    More supply, an earlier delivery and less serving are for others to make.
    """
    found = dict(cells)
    size = change.get("accelerators")
    match change.get("change"):
        case "fewer_accelerators":
            found["accelerators"] = str(size)
            if found.get("accelerators_least", "").isdigit() and int(found["accelerators_least"]) > int(str(size)):
                found["accelerators_least"] = ""
        case "later_start":
            found["latest_start_date"] = Week.parse(str(change["start"])).monday.isoformat()
        case "shorter":
            found["weeks"] = str(change["weeks"])
        case "other_pool":
            found["pool_keys"] = str(change["pool"])
        case "preemptible":
            found["preemptible"] = "true"
        case _:
            return None
    return found


def extension_window(*, started: date, weeks: int, today: date) -> tuple[date, date]:
    """The first and last Monday on which an extension of a running request starts: the Monday after its last week.

    The week in which it started is its first, as the plan holds it, so that no week lies between the two. A run that is
    past its end goes on now: this week, or the next where this one is decided already.
    """
    end, this_week = Week.containing(started).plus(weeks), Week.containing(today)
    if this_week < end:
        return end.monday, end.monday
    return this_week.monday, this_week.plus(1).monday

"""What a contract stands on: its pools week by week, their lots, and its term against theirs, in words and a timeline.

Pure: visible rows in. Who may not know lots by name reads them as leases or own accelerators with their dates.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from capacity.lib.figures import Absent, counted, day, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.lib.marks import GanttBar, GanttRow
from capacity.review.tables import Row

NONE, LESS, MOST = "tight", "spare1", "spare2"
KEY = ((NONE, "not served here"), (LESS, "less than half of its most"), (MOST, "at least half of its most"))
# Lots named in the sentence, and drawn in the timeline.
NAMED, DRAWN = 2, 12
# The timeline looks a little beyond the contract's end.
BEYOND_DAYS = 28
_HELD = {"owned": "own lot", "leased": "lease", "cloud": "cloud term", "partner": "partner's lot"}


def strip_of(pool: Row, *, first: Week, year: int) -> tuple[list[tuple[str, str]], str]:
    """The weeks of the plan as heat cells, and the strip's finding for those who cannot see it."""
    values = [Decimal(value) for value in pool["weekly"]]
    top = max(values, default=Decimal(0))
    cells = [
        (_step(value, top), f"{week(first.plus(index), year=year)}: {thousands(value)}")
        for index, value in enumerate(values)
    ]
    span = f"{week(Week.parse(pool['first_week']), year=year)} to {week(Week.parse(pool['last_week']), year=year)}"
    return cells, f"{pool['pool_name']}: {counted(pool['weeks'], 'week')} from {span}, at most {thousands(top)}"


def _step(value: Decimal, top: Decimal) -> str:
    if not value:
        return NONE
    return MOST if 2 * value >= top else LESS


def most_of(pools: Sequence[Row]) -> Decimal | None:
    """The most accelerators that the contract has in one week, over all its pools; None without any."""
    weeks = zip(*([Decimal(value) for value in pool["weekly"]] for pool in pools), strict=True)
    return max((sum(week, Decimal(0)) for week in weeks), default=None)


def term_sentence(lots: Sequence[Row], *, year: int, most: Decimal | None = None) -> tuple[str, bool]:
    """(its term against the lots it stands on, whether some leave before it ends).

    most: what it has in any one week. Its part of each lot is of that lot's last week: what one lot leaves moves to
    others, so that the parts of several may be more than it ever has.
    """
    if not lots:
        return "No lot is counted under its pools.", False
    leaving = sorted(
        (lot for lot in lots if lot["weeks_uncovered"] > 0), key=lambda lot: (-lot["part_accelerators"], str(lot))
    )
    if not leaving:
        one = len(lots) == 1
        return ("The lot" if one else f"Each of the {len(lots)} lots") + (
            " it stands on stays at least as long as the contract."
        ), False
    total = sum((lot["part_accelerators"] for lot in leaving), Decimal(0))
    total = total if most is None else min(total, most)
    verb = "leaves" if len(leaving) == 1 else "leave"
    text = (
        f"{len(leaving)} of the {counted(len(lots), 'lot')} it stands on {verb} before the contract ends, with "
        f"{counted(int(total.to_integral_value()), 'accelerator')} of it: "
    )
    named = "; ".join(_leaving(lot, year) for lot in leaving[:NAMED])
    rest = f"; and {len(leaving) - NAMED} more" if len(leaving) > NAMED else ""
    return f"{text}{named}{rest}.", True


def lot_name(lot: Row) -> str:
    """The lot as the reader may call it."""
    held = _HELD.get(str(lot["source_type"]), "lot")
    return held if isinstance(lot["lot_key"], Absent) else f"{lot['lot_key']} ({held})"


def _leaving(lot: Row, year: int) -> str:
    rate = f" at {usd(lot['usd_per_hour'])} an hour" if isinstance(lot["usd_per_hour"], Decimal) else ""
    return (
        f"{lot_name(lot)}{rate} ends {day(lot['ends_date'], year=year)}, "
        f"{counted(lot['weeks_uncovered'], 'week')} before, {thousands(lot['part_accelerators'])} accelerators"
    )


def timeline(*, contract: Row, lots: Sequence[Row], first: Week, year: int) -> dict[str, Any] | None:
    """The contract's term above those of its lots, as the gantt tag draws it; None without lots."""
    if not lots:
        return None
    start = max(first.monday, min(contract["starts_date"], first.monday + timedelta(days=364)))
    end = max(contract["ends_date"], start + timedelta(days=7)) + timedelta(days=BEYOND_DAYS)
    weeks = max(1, -((start - end).days // 7))

    def place(at: date) -> float:
        return min(float(weeks), max(0.0, (at - start).days / 7))

    ordered = sorted(lots, key=lambda lot: (lot["ends_date"] or date.max, str(lot["pool_key"]), str(lot["lot_key"])))
    rows = [GanttRow(name="Contract", bars=(_contract_bar(contract, place, year),))]
    rows += [_lot_row(lot, contract, place, weeks, year) for lot in ordered[:DRAWN]]
    return {
        "rows": rows,
        "ticks": _ticks(start, weeks, year),
        "weeks": weeks,
        "label": "The contract's term against the terms of the lots it stands on",
        "left_out": len(ordered) - min(DRAWN, len(ordered)),
    }


def _contract_bar(contract: Row, place: Any, year: int) -> GanttBar:
    ends = day(contract["ends_date"], year=year)
    return GanttBar(
        start=place(contract["starts_date"]),
        end=place(contract["ends_date"]),
        label=f"until {ends}",
        purpose="pretrain",
        title=f"The contract, {day(contract['starts_date'], year=year)} to {ends}",
    )


def _lot_row(lot: Row, contract: Row, place: Any, weeks: int, year: int) -> GanttRow:
    starts = lot["starts_date"] if isinstance(lot["starts_date"], date) else None
    ends = lot["ends_date"]
    until = f"until {day(ends, year=year)}" if ends else "no end"
    bars = [
        GanttBar(
            start=place(starts) if starts else 0.0,
            end=place(ends) if ends else float(weeks),
            label=until,
            purpose="research",
            title=f"{lot_name(lot)}, {until}",
        )
    ]
    if lot["weeks_uncovered"] and place(contract["ends_date"]) > place(ends):
        gap = counted(lot["weeks_uncovered"], "week")
        bars.append(
            GanttBar(
                start=place(ends),
                end=place(contract["ends_date"]),
                label=f"{gap} uncovered",
                purpose="evals",
                title=f"{gap} of the contract after {lot_name(lot)} has left",
                tentative=True,
            )
        )
    return GanttRow(name=lot_name(lot), bars=tuple(bars), qualifier=str(lot["pool_key"]))


def _ticks(start: date, weeks: int, year: int) -> list[tuple[float, str]]:
    """A tick every quarter, or every half year of a long term."""
    months = 3 if weeks <= 120 else 6
    found: list[tuple[float, str]] = []
    at = date(start.year, start.month - (start.month - 1) % months, 1)
    while True:
        month = at.month - 1 + months
        at = date(at.year + month // 12, month % 12 + 1, 1)
        offset = (at - start).days / 7
        if offset >= weeks:
            return found
        found.append((offset, day(at, year=year)))

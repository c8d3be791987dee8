"""Where the next node is worth most: a strip of weeks for each pool, and the finding in one sentence.

Pure: visible rows in, words and heat cells out. A viewer who sees bands gets strips and words made of bands alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.access.visibility import RESTRICTED
from capacity.lib.figures import NOTHING as NO_VALUE
from capacity.lib.figures import Absent, counted, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.lib.marks import HEAT_MISSING
from capacity.review.tables import Row

NOTHING, LESS, MOST = "tight", "spare1", "spare2"
KEY = (
    (NOTHING, "a node more saves nothing"),
    (LESS, "less than half of the most"),
    (MOST, "at least half of the most"),
)
NOT_COMPUTED = (HEAT_MISSING, "not computed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """One pool: cells are (step, sentence) a week; most is what a node more saves in its best week, in words.

    weeks: in how many a node more is worth something; span: which, in words, "" where none is known to be.
    """

    pool_key: str
    name: str
    cells: Sequence[tuple[str, str]]
    label: str
    node: str
    most: str | Absent
    weeks: int
    span: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScarcityChart:
    """The finding in one sentence, the pools in which a node is worth something, most first, and what the steps mean."""

    finding: str
    strips: Sequence[Strip]
    key: Sequence[tuple[str, str]] = KEY


def scarcity_chart(
    *, rows: Sequence[Row], names: Mapping[str, str], weeks: Sequence[str], year: int
) -> ScarcityChart | None:
    """The chart of scarcity-price rows over the given weeks; None where nothing is worth anything or may be seen.

    rows: as the viewer sees them (pool_key, week, node_size, usd_node_more in USD a week or its band, None where it was
    not computed; a week in which one accelerator more saves nothing has no row); names by pool.
    """
    if any(value is RESTRICTED for row in rows for value in row.values()):
        return None
    worth = [row for row in rows if _is_worth(row)]
    if not worth:
        return None
    top = max(_size(row) for row in worth)
    by_pool: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: (str(row["pool_key"]), Week.parse(row["week"]))):
        by_pool.setdefault(row["pool_key"], []).append(row)
    strips = [
        _strip(found, name=names.get(pool, pool), weeks=weeks, top=top, year=year)
        for pool, found in sorted(by_pool.items(), key=lambda item: _place(*item))
    ]
    best = [strip for strip in strips if _best(by_pool[strip.pool_key]) == top]
    missing = len(rows) - sum(row["usd_node_more"] is not None for row in rows)
    return ScarcityChart(
        finding=_finding(best, missing=missing), strips=strips, key=(*KEY, NOT_COMPUTED) if missing else KEY
    )


def _is_worth(row: Row) -> bool:
    """A band may hold zero and still be worth something: it says no more than that."""
    value = row["usd_node_more"]
    return isinstance(value, Banded) or (value is not None and value > 0)


def _size(row: Row) -> Decimal:
    """What orders and shades: of a band its lower end, so that a shade says no more than the band."""
    value = row["usd_node_more"]
    return value.low if isinstance(value, Banded) else Decimal(value)


def _best(rows: Sequence[Row]) -> Decimal | None:
    return max((_size(row) for row in rows if _is_worth(row)), default=None)


def _place(pool: str, rows: Sequence[Row]) -> tuple[bool, Decimal, int, str]:
    """Most first, then in most weeks; what is not known to be worth anything comes last."""
    best = _best(rows)
    return best is None, -(best or Decimal(0)), -sum(map(_is_worth, rows)), pool


def _money(row: Row) -> str:
    value: Any = row["usd_node_more"]
    return value.word if isinstance(value, Banded) else usd(value)


def _strip(rows: list[Row], *, name: str, weeks: Sequence[str], top: Decimal, year: int) -> Strip:
    by_week = {row["week"]: row for row in rows}
    worth = [row for row in rows if _is_worth(row)]
    most: str | Absent = _money(max(worth, key=_size)) if worth else NO_VALUE
    span = _span([Week.parse(row["week"]) for row in worth], year=year)
    return Strip(
        pool_key=rows[0]["pool_key"],
        name=name,
        cells=[_cell(by_week.get(key), week(Week.parse(key), year=year), top=top) for key in weeks],
        label=f"{name}: " + (f"a node more saves up to {most} a week, {span}" if worth else "not computed"),
        node=thousands(rows[0]["node_size"]),
        most=most,
        weeks=len(worth),
        span=span,
    )


def _cell(row: Row | None, start: str, *, top: Decimal) -> tuple[str, str]:
    if row is not None and row["usd_node_more"] is None:
        return HEAT_MISSING, f"{start}: not computed"
    if row is None or not _is_worth(row):
        return NOTHING, f"{start}: nothing"
    return (MOST if 2 * _size(row) >= top else LESS), f"{start}: {_money(row)}"


def _span(weeks: Sequence[Week], *, year: int) -> str:
    """ "3 weeks from 30 Nov" without a gap, else "3 of the 5 weeks from 30 Nov to 28 Dec"; weeks in their order."""
    if not weeks:
        return ""
    first, last = weeks[0], weeks[-1]
    across = first.weeks_until(last) + 1
    if across == len(weeks):
        return f"{counted(across, 'week')} from {week(first, year=year)}"
    return f"{len(weeks)} of the {across} weeks from {week(first, year=year)} to {week(last, year=year)}"


def _finding(best: Sequence[Strip], *, missing: int) -> str:
    """The pools whose best week reaches the most (bands can be equal), how much, and in which weeks."""
    names = " and ".join(f"{strip.name} ({strip.span})" for strip in best)
    text = f"The next node is worth most in {names}: it would save serving up to {best[0].most} a week."
    if missing:
        text += f" For {counted(missing, 'week')} of a pool it was not computed."
    return text

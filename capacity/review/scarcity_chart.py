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
from capacity.lib.figures import counted, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.review.tables import Row

NOTHING, LESS, MOST = "tight", "spare1", "spare2"
KEY = (
    (NOTHING, "a node more saves nothing"),
    (LESS, "less than half of the most"),
    (MOST, "at least half of the most"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """One pool: cells are (step, sentence) a week; most is what a node more saves in its best week, in words."""

    pool_key: str
    name: str
    cells: Sequence[tuple[str, str]]
    label: str
    node: str
    most: str
    weeks: int
    first: str


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

    rows: as the viewer sees them (pool_key, week, node_size, usd_node_more in USD a week or its band); names by pool.
    """
    known = [row for row in rows if row["usd_node_more"] is not None]
    if not known or any(value is RESTRICTED for row in known for value in row.values()):
        return None
    top = max(_size(row) for row in known)
    pools = sorted(
        {row["pool_key"] for row in known},
        key=lambda pool: (-max(_size(row) for row in _of(known, pool)), -len(_of(known, pool)), pool),
    )
    strips = [_strip(_of(known, pool), name=names.get(pool, pool), weeks=weeks, top=top, year=year) for pool in pools]
    return ScarcityChart(finding=_finding(known, strips, pools, top=top), strips=strips)


def _of(rows: Sequence[Row], pool: str) -> list[Row]:
    return sorted((row for row in rows if row["pool_key"] == pool), key=lambda row: str(row["week"]))


def _size(row: Row) -> Decimal:
    """What orders and shades: of a band its lower end, so that a shade says no more than the band."""
    value = row["usd_node_more"]
    return value.low if isinstance(value, Banded) else Decimal(value)


def _money(row: Row) -> str:
    value: Any = row["usd_node_more"]
    return value.word if isinstance(value, Banded) else usd(value)


def _strip(rows: list[Row], *, name: str, weeks: Sequence[str], top: Decimal, year: int) -> Strip:
    by_week = {row["week"]: row for row in rows}
    best = max(rows, key=_size)
    first = week(Week.parse(rows[0]["week"]), year=year)
    cells = []
    for key in weeks:
        row, start = by_week.get(key), week(Week.parse(key), year=year)
        if row is None:
            cells.append((NOTHING, f"{start}: nothing"))
        else:
            cells.append((MOST if 2 * _size(row) >= top else LESS, f"{start}: {_money(row)}"))
    return Strip(
        pool_key=rows[0]["pool_key"],
        name=name,
        cells=cells,
        label=f"{name}: a node more saves up to {_money(best)} a week, in {counted(len(rows), 'week')} from {first}",
        node=thousands(best["node_size"]),
        most=_money(best),
        weeks=len(rows),
        first=first,
    )


def _finding(rows: Sequence[Row], strips: Sequence[Strip], pools: Sequence[str], *, top: Decimal) -> str:
    """The pools whose best week reaches the most (bands can be equal), how much, and for how long."""
    best = [strip for strip, pool in zip(strips, pools, strict=True) if max(map(_size, _of(rows, pool))) == top]
    names = " and ".join(f"{strip.name} (from {strip.first}, {counted(strip.weeks, 'week')})" for strip in best)
    return f"The next node is worth most in {names}: it would save serving up to {best[0].most} a week."

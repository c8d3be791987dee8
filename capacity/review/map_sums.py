"""The workload map's sums and the plan's own, side by side, and the matrix of the map. Pure: rows in, numbers out.

The two sides come from different tables of a run: the map's parts, and the plan's allocations and envelopes. A
difference is shown, never hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.money import exact_context, round_usd
from capacity.review.words import word

Row = Mapping[str, Any]
# Lines of an envelope that serving pays.
PAID_BY_SERVING = ("serving_consumed", "serving_headroom", "serving_spare", "internal", "no_choice", "burst")
SERVING_COLUMNS = ("serving", "product", "internal", "no_choice")
TIERS = ("frontier", "mid", "small")
LATENCIES = ("interactive", "standard", "batch", "offline")
ZERO = Decimal(0)


def serving_usd(parts: Mapping[str, str] | None) -> Decimal | None:
    """What serving costs of a pool's week, unrounded; None where a rate is missing."""
    if parts is None:
        return None
    with localcontext(exact_context()):
        return sum((Decimal(parts.get(line, "0")) for line in PAID_BY_SERVING), ZERO)


def plan_usd(pool_weeks: Iterable[Row]) -> Decimal | None:
    """What serving costs in these pools' week by their envelopes, each to the cent. None where one's is not known.

    A pool that serves nobody costs serving nothing, whatever it costs.
    """
    total = ZERO
    for row in pool_weeks:
        if not any(row[name] for name in SERVING_COLUMNS):
            continue
        usd = serving_usd(row["envelope_parts"])
        if usd is None:
            return None
        total += round_usd(usd)
    return total


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Accelerators and what they cost a week; usd None: not known."""

    accelerators: int = 0
    usd: Decimal | None = ZERO

    def __add__(self, other: Size) -> Size:
        is_known = self.usd is not None and other.usd is not None
        return Size(
            accelerators=self.accelerators + other.accelerators,
            usd=(self.usd or ZERO) + (other.usd or ZERO) if is_known else None,
        )


def sizes_by_workload(uses: Iterable[Row]) -> dict[str, Size]:
    """Workload ("" for no card) → its size, of the rows of one week."""
    found: dict[str, Size] = {}
    for row in uses:
        part = Size(accelerators=row["accelerators"], usd=row["usd"])
        found[row["workload_key"]] = found.get(row["workload_key"], Size()) + part
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """The map's sums of a week and the plan's."""

    mapped: Size
    planned: Size

    @property
    def has_same_accelerators(self) -> bool:
        return self.mapped.accelerators == self.planned.accelerators

    @property
    def has_same_usd(self) -> bool:
        return self.mapped.usd == self.planned.usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One cell of the matrix: what its workloads take, how many there are and how many of them have no size."""

    size: Size = Size()
    workloads: int = 0
    unsized: int = 0

    def __add__(self, other: Cell) -> Cell:
        return Cell(
            size=self.size + other.size,
            workloads=self.workloads + other.workloads,
            unsized=self.unsized + other.unsized,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Matrix:
    """Tier and latency down, purpose across. cells: (tier, latency) → purpose → cell; empty cells are not there."""

    purposes: tuple[str, ...]
    cells: Mapping[tuple[str, str], Mapping[str, Cell]]

    def total(self, *, place: tuple[str, str] | None = None, purpose: str | None = None) -> Cell:
        """The sum of a row, of a column, or of all."""
        found = [
            cell
            for where, by_purpose in self.cells.items()
            if place in (None, where)
            for name, cell in by_purpose.items()
            if purpose in (None, name)
        ]
        return sum(found, Cell())


PURPOSES = ("serving", "product", "internal", "no_choice")


def matrix_of(workloads: Sequence[Row], sizes: Mapping[str, Size]) -> Matrix:
    """workloads: rows of the map with tier, latency, purpose and whether sized. sizes: sizes_by_workload."""
    cells: dict[tuple[str, str], dict[str, Cell]] = {}
    order = sorted(workloads, key=lambda row: (TIERS.index(row["model_tier"]), LATENCIES.index(row["latency_class"])))
    for row in order:
        by_purpose = cells.setdefault((row["model_tier"], row["latency_class"]), {})
        cell = Cell(size=sizes.get(row["workload_key"], Size()), workloads=1, unsized=int(not row["is_sized"]))
        by_purpose[row["purpose"]] = by_purpose.get(row["purpose"], Cell()) + cell
    used = {purpose for by_purpose in cells.values() for purpose in by_purpose}
    return Matrix(purposes=tuple(purpose for purpose in PURPOSES if purpose in used), cells=cells)


def dimension_rows(workloads: Sequence[Row], sizes: Mapping[str, Size]) -> list[dict[str, Any]]:
    """The map's sums by tier, latency, purpose and owner, in that order; without what is of no card."""
    found: dict[tuple[str, str, str, str], Cell] = {}
    for row in workloads:
        key = (row["model_tier"], row["latency_class"], row["purpose"], row["owner_role"])
        cell = Cell(size=sizes.get(row["workload_key"], Size()), workloads=1)
        found[key] = found.get(key, Cell()) + cell
    names = ("model_tier", "latency_class", "purpose", "owner_role")
    return [
        {
            **dict(zip(names, key, strict=True)),
            "workloads": cell.workloads,
            "accelerators": cell.size.accelerators,
            "usd": cell.size.usd,
        }
        for key, cell in sorted(found.items(), key=lambda item: (TIERS.index(item[0][0]), *item[0][1:]))
    ]


def place_words(place: tuple[str, str]) -> str:
    """ "Frontier, interactive"."""
    return f"{word('model_tier', place[0])}, {word('latency_class', place[1]).lower()}"

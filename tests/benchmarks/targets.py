"""What the measurements are held against (docs/running.md, "Measurements"), and the words for it.

What belongs here: limits by size, effort and E, and met or missed. Nothing here measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUICK, RECORD = "quick", "record"
EFFORTS = (QUICK, RECORD)


@dataclass(frozen=True, slots=True)
class Target:
    """Seconds, MB, and the relative gaps of serving, P0 and P1, and lower tiers. None: nothing is asked."""

    seconds: float
    gaps: tuple[float, float, float] | None = None
    megabytes: float | None = None


# The demo world, which is of size R, through the database; it has no E of its own.
DATABASE = "R, database"
# By size, effort and E in percent. L and XL are goals, R and M are musts.
TARGETS: Mapping[tuple[str, str, int], Target] = {
    ("R", QUICK, 15): Target(5, (1e-4, 1e-2, 5e-2)),
    ("R", QUICK, 35): Target(5),
    (DATABASE, QUICK, 0): Target(5, (1e-4, 1e-2, 5e-2)),
    (DATABASE, RECORD, 0): Target(120, (1e-4, 1e-3, 1e-2)),
    ("R", RECORD, 15): Target(120, (1e-4, 1e-3, 1e-2)),
    ("R", RECORD, 35): Target(120, (1e-4, 1e-2, 5e-2)),
    ("M", QUICK, 15): Target(10, (5e-4, 2e-2, 5e-2)),
    ("M", QUICK, 35): Target(10),
    ("M", RECORD, 15): Target(300, (1e-4, 5e-3, 2e-2)),
    ("M", RECORD, 35): Target(300, (1e-4, 2e-2, 5e-2)),
    ("L", QUICK, 15): Target(60, (1e-3, 3e-2, 5e-2)),
    ("L", QUICK, 35): Target(60),
    ("L", RECORD, 15): Target(900, (1e-3, 1e-2, 3e-2)),
    ("XL", QUICK, 15): Target(120, megabytes=4096),
}
# Seconds of the slowest of twenty quick what-ifs but one.
WHAT_IF_P95: Mapping[str, float] = {"R": 0.1, "M": 0.1, "L": 0.3}
# A run is stopped after this many seconds and told as such.
LIMITS: Mapping[tuple[str, str], float] = {
    ("S", QUICK): 60,
    ("S", RECORD): 120,
    ("R", QUICK): 60,
    ("R", RECORD): 300,
    ("RB", QUICK): 120,
    ("RB", RECORD): 600,
    ("M", QUICK): 120,
    ("M", RECORD): 600,
    ("L", QUICK): 300,
    ("L", RECORD): 1800,
    ("XL", QUICK): 600,
    ("XL", RECORD): 3600,
}
TIMES_FASTER = 10.0
SAME_OBJECTIVE = 1e-6


def verdict(measured: float | None, limit: float | None) -> str:
    """met or missed; a dash where nothing is asked."""
    if limit is None:
        return "-"
    return "met" if measured is not None and measured <= limit else "missed"


# Gaps smaller than the solver's own tolerance are none.
NO_GAP = 1e-9


@dataclass(frozen=True, slots=True)
class TierGap:
    """Relative, and absolute in dollars ($) or weighted accelerator-weeks (aw)."""

    tier: str
    relative: float
    absolute: float
    unit: str


def tier_gaps(tiers: Sequence[Mapping[str, Any]]) -> list[TierGap]:
    """Of every tier of a solution file that has members, in order."""
    found = []
    for row in tiers:
        if row["unit"] is not None:
            is_gap = row["gap_relative"] > NO_GAP
            relative, absolute = (row["gap_relative"], row["gap_absolute"]) if is_gap else (0.0, 0.0)
            found.append(TierGap(row["tier"], relative, absolute, "$" if row["unit"] == "usd" else "aw"))
    return found


def worst_gaps(tiers: Sequence[Mapping[str, Any]]) -> tuple[TierGap | None, TierGap | None, TierGap | None]:
    """The worst tier of three groups: serving above all experiments, P0 and P1, and every lower tier.

    None where a group has no tier with members. tiers: those of a solution file.
    """
    groups: tuple[list[TierGap], list[TierGap], list[TierGap]] = ([], [], [])
    group = 0
    for gap in tier_gaps(tiers):
        group = 1 if gap.tier in ("P0", "P1") else 2 if group or gap.unit == "aw" else 0
        groups[group].append(gap)
    serving, upper, lower = (max(rows, key=lambda gap: gap.relative, default=None) for rows in groups)
    return serving, upper, lower

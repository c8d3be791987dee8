"""The table `make bench` prints: rows of words and figures, each with its target and met or missed.

What belongs here: from measured rows to lines of text. Nothing here measures.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.benchmarks.targets import (
    SAME_OBJECTIVE,
    TARGETS,
    TIMES_FASTER,
    WHAT_IF_P95,
    TierGap,
    tier_gaps,
    verdict,
    worst_gaps,
)

PHASES = ("read", "check", "build", "solve", "explain", "rows", "store")
# What a plan of the product has beside its allocation: contracts costed, their scenarios and draws. It is in the total.
EXPOSURE = "exposure"
PLAN_COLUMNS = (
    *("size", "E", "effort", *PHASES, "allocation s", EXPOSURE, "total s", "target s", "CPU s", "ends"),
    *("serving gap", "P0-P1 gap", "lower gap", "target gaps", "MB", "target MB"),
)
WHAT_IF_COLUMNS = ("size", "E", "what-if", "answers", "p50 s", "p95 s", "target p95", "hot model s", "MB")
QUOTE_COLUMNS = ("world", "answer", "answers", "p50 s", "p95 s", "slowest s")
TOOL_COLUMNS = (
    *("size", "E", "tool", "solver", "rounds", "build s", "solve s", "total s", "× ours", "× solve"),
    *("MB", "objective", "target"),
)


@dataclass(frozen=True)
class PlanRow:
    """A measured plan. seconds: by phase, absent where it has none. failure: why there is no plan."""

    size: str
    ask: int | None
    effort: str
    total: float
    seconds: Mapping[str, float] = field(default_factory=dict)
    megabytes: float | None = None
    processor: float | None = None
    termination: str = ""
    tiers: Sequence[Mapping[str, Any]] = ()
    failure: str = ""


@dataclass(frozen=True)
class WhatIfRow:
    """seconds: of each answer. kind: quick or full. hot: seconds until the first question can be answered."""

    size: str
    ask: int
    kind: str
    seconds: Sequence[float]
    hot: float | None = None
    megabytes: float | None = None
    failure: str = ""


@dataclass(frozen=True)
class ToolRow:
    """One tool on the serving LP: seconds of each round, dollars of each."""

    size: str
    ask: int
    tool: str
    solver: str
    build: Sequence[float]
    solve: Sequence[float]
    usd: Sequence[float]
    megabytes: float | None = None
    failure: str = ""


def plan_cells(row: PlanRow) -> list[str]:
    target = TARGETS.get((row.size, row.effort, row.ask or 0))
    phases = [_seconds(row.seconds.get(phase)) for phase in PHASES]
    head = [row.size, _percent_asked(row.ask), row.effort, *phases]
    limit = target.seconds if target else None
    total = row.total if not row.failure else None
    goal = f"≤ {limit:g} {verdict(total, limit)}" if limit is not None else "-"
    gaps = worst_gaps(row.tiers)
    asked = target.gaps if target and target.gaps else (None, None, None)
    judged = [verdict(gap.relative if gap else 0.0, most) for gap, most in zip(gaps, asked, strict=True)]
    if row.failure:
        judged = ["missed" if most is not None else "-" for most in asked]
    words = [f"≤ {_percent(most)} {word}" for most, word in zip(asked, judged, strict=True) if most is not None]
    memory = target.megabytes if target else None
    return [
        *head,
        _seconds(total - row.seconds[EXPOSURE] if total is not None and EXPOSURE in row.seconds else None),
        _seconds(row.seconds.get(EXPOSURE)),
        _seconds(row.total),
        goal,
        _seconds(row.processor),
        row.failure or row.termination,
        *map(_worst, gaps),
        "; ".join(words) or "-",
        _megabytes(row.megabytes),
        f"≤ {memory:g} {verdict(row.megabytes, memory)}" if memory is not None else "-",
    ]


def what_if_cells(row: WhatIfRow) -> list[str]:
    limit = WHAT_IF_P95.get(row.size) if row.kind == "quick" else None
    p50, p95 = (percentile(row.seconds, share) for share in (0.5, 0.95))
    return [
        row.size,
        _percent_asked(row.ask),
        row.kind,
        row.failure or str(len(row.seconds)),
        _seconds(p50),
        _seconds(p95),
        f"≤ {limit:g} {verdict(p95, limit)}" if limit is not None else "-",
        _seconds(row.hot),
        _megabytes(row.megabytes),
    ]


@dataclass(frozen=True)
class QuoteRow:
    """seconds: of each answer. kind: quick or full, cold or warm; of a made problem room or quick."""

    size: str
    kind: str
    seconds: Sequence[float]
    failure: str = ""


def quote_cells(row: QuoteRow) -> list[str]:
    slowest = max(row.seconds, default=None)
    p50, p95 = (percentile(row.seconds, share) for share in (0.5, 0.95))
    count = row.failure or str(len(row.seconds))
    return [row.size, row.kind, count, _seconds(p50), _seconds(p95), _seconds(slowest)]


def tool_cells(row: ToolRow, ours: ToolRow) -> list[str]:
    build, solve = (statistics.median(values) if values else None for values in (row.build, row.solve))
    times = _times(_total(row), _total(ours))
    alone = _times(solve, statistics.median(ours.solve) if ours.solve else None)
    same, word = "", ""
    if row.usd and ours.usd:
        apart = max(abs(usd - ours.usd[0]) / max(1.0, abs(ours.usd[0])) for usd in row.usd)
        same = f"{row.usd[0]:.2f} ({'same' if apart <= SAME_OBJECTIVE else f'differs by {apart:.1e}'})"
    if row.tool == "PuLP" and row.size == "M":
        reached = times is not None and times >= TIMES_FASTER and same.endswith("(same)")
        word = f"≥ {TIMES_FASTER:g} × {'met' if reached else 'missed'}"
    return [
        *(row.size, _percent_asked(row.ask), row.tool, row.solver, row.failure or str(len(row.solve))),
        *(_seconds(build), _seconds(solve), _seconds(_total(row))),
        *(f"{each:.1f}" if each is not None else "-" for each in (times, alone)),
        _megabytes(row.megabytes),
        same or "-",
        word,
    ]


def _times(seconds: float | None, ours: float | None) -> float | None:
    return seconds / ours if seconds is not None and ours else None


def _total(row: ToolRow) -> float | None:
    sums = [build + solve for build, solve in zip(row.build, row.solve, strict=True)]
    return statistics.median(sums) if sums else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def lines(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table in Markdown, its columns as wide as their widest cell."""
    cells = [list(columns), *map(list, rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    told = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) + " |" for row in cells
    ]
    return [told[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *told[1:]]


def tier_lines(rows: Sequence[PlanRow]) -> list[str]:
    """The gap of every tier of every plan, a line a plan."""
    names = list(dict.fromkeys(tier["tier"] for row in rows for tier in row.tiers))
    cells = []
    for row in rows:
        gaps = {gap.tier: gap for gap in tier_gaps(row.tiers)}
        cells.append([row.size, _percent_asked(row.ask), row.effort, *(_gap(gaps.get(name)) for name in names)])
    return lines(("size", "E", "effort", *names), cells)


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def _megabytes(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _percent_asked(ask: int | None) -> str:
    return "-" if ask is None else f"{ask} %"


def _percent(share: float) -> str:
    return f"{share * 100:.3g} %"


def _worst(gap: TierGap | None) -> str:
    """The gap, and whose it is where there is one."""
    return f"{_gap(gap)} ({gap.tier})" if gap is not None and gap.absolute else _gap(gap)


def _gap(gap: TierGap | None) -> str:
    if gap is None:
        return "-"
    if not gap.absolute:
        return "0"
    return f"{_percent(gap.relative)}, " + (f"${gap.absolute:,.0f}" if gap.unit == "$" else f"{gap.absolute:,.0f} aw")

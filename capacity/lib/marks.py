"""Geometry of the small drawings (sparkline, ranking bar, heat strip, Gantt): values in, SVG coordinates out.

What belongs here: scaling and packing for marks drawn on the server. Which values to draw is decided by their caller;
colours are CSS. All x run 0–100 (percent of the drawing's width), so that a mark needs no measuring.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

HEAT_STEPS = ("short3", "short2", "short1", "tight", "spare1", "spare2")
# Beside the steps: a week whose value was not computed, drawn hollow. Missing is never zero.
HEAT_MISSING = "missing"
HEAT_WORDS = {
    "short3": "short >12%",
    "short2": "5–12%",
    "short1": "0–5%",
    "tight": "tight",
    "spare1": "5–12% spare",
    "spare2": "more spare",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A sparkline in a 100 × `height` box: the path, the last point and the y of the target line."""

    path: str
    last_x: float
    last_y: float
    limit_y: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GanttBar:
    """One run of one thing in a pool: weeks `[start, end)` counted from the first week drawn, fractions allowed.

    purpose: a purpose colour (pretrain, serve, product, research, evals, idle), or "before": the dashed outline of where
    an earlier plan had it. title: a sentence for the tooltip.
    tentative bars are hatched (a hold or a scenario, not yet the plan).
    """

    start: float
    end: float
    label: str
    purpose: str
    title: str = ""
    href: str = ""
    tentative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GanttRow:
    """A pool: its bars and, one a week, the share (0 to 1) of it in use, drawn as a step line above the bars."""

    name: str
    bars: tuple[GanttBar, ...]
    used: tuple[float, ...] = ()
    qualifier: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBar:
    """A bar with its lane and place. `label_at` is in, after or before (the bar), or none when nothing fits."""

    bar: GanttBar
    lane: int
    x: float
    width: float
    label_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow:
    row: GanttRow
    lanes: int
    bars: tuple[PlacedBar, ...] = field(default=())


def spark(values: Sequence[float | None], *, limit: float | None = None, height: float = 24) -> Spark | None:
    """Scales the series (oldest first, None is a gap) to the box, the limit included. None when no value is known."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    reach = known if limit is None else [*known, limit]
    low, high = min(reach), max(reach)
    step = 100 / max(1, len(values) - 1)

    def y(value: float) -> float:
        return height / 2 if high == low else round(1 + (height - 2) * (high - value) / (high - low), 1)

    pieces: list[str] = []
    for is_gap, run in groupby(enumerate(values), key=lambda item: item[1] is None):
        if not is_gap:
            dots = [f"{round(place * step, 1):g} {y(value):g}" for place, value in run if value is not None]
            pieces.append("M" + "L".join(dots))
    last = max(place for place, value in enumerate(values) if value is not None)
    return Spark(
        path="".join(pieces),
        last_x=round(last * step, 1),
        last_y=y(known[-1]),
        limit_y=None if limit is None else y(limit),
    )


def percent_of(value: float, largest: float) -> float:
    """Length of a bar in percent of its track, kept within it. A track without a length gives 0."""
    if largest <= 0:
        return 0.0
    return round(min(100.0, max(0.0, 100 * value / largest)), 1)


def heat_step(spare_share: float) -> str:
    """The step of a pool-week by its spare share (negative is short) of the supply: the bounds of the key."""
    if spare_share < 0:
        return "short3" if spare_share < -0.12 else "short2" if spare_share < -0.05 else "short1"
    return "tight" if spare_share < 0.05 else "spare1" if spare_share <= 0.12 else "spare2"


def used_path(used: Sequence[float], *, weeks: int, height: float = 10) -> str:
    """The step line of a pool's used share over `weeks`: flat in a week, upright between weeks, 1 at the top."""
    corners: list[str] = []
    for place, value in enumerate(used):
        level = round(height * (1 - min(1.0, max(0.0, value))), 2)
        left, right = round(100 * place / weeks, 2), round(100 * (place + 1) / weeks, 2)
        corners.append(f"{'M' if not corners else 'L'}{left:g} {level:g}H{right:g}")
    return "".join(corners)


def place_row(row: GanttRow, *, weeks: int, letters: float) -> PlacedRow:
    """Packs a row's bars into as few lanes as go without overlap and says where each label stands.

    weeks: the span drawn. letters: how many letters of label fit the drawing's whole width.
    """
    lane_ends: list[float] = []
    placed: list[PlacedBar] = []
    for bar in sorted(row.bars, key=lambda bar: (bar.start, -bar.end, bar.label)):
        start, end = max(0.0, bar.start), min(float(weeks), bar.end)
        if end <= start:
            continue
        text = weeks * len(bar.label) / letters
        label_at = _label_side(start=start, end=end, text=text, weeks=weeks)
        left = start - text if label_at == "before" else start
        right = end + text if label_at == "after" else end
        lane = next((at for at, taken in enumerate(lane_ends) if taken <= left), len(lane_ends))
        if lane == len(lane_ends):
            lane_ends.append(right)
        lane_ends[lane] = right
        x, width = round(100 * start / weeks, 2), round(100 * (end - start) / weeks, 2)
        placed.append(PlacedBar(bar=bar, lane=lane, x=x, width=width, label_at=label_at))
    return PlacedRow(row=row, lanes=max(1, len(lane_ends)), bars=tuple(placed))


def _label_side(*, start: float, end: float, text: float, weeks: int) -> str:
    if text <= end - start:
        return "in"
    if end + text <= weeks:
        return "after"
    return "before" if text <= start else "none"

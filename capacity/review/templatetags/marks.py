"""Template tags that draw small marks as inline SVG: sparkline, ranking bar, heat strip, change bar, Gantt.

What belongs here: markup around the geometry of capacity.lib.marks. Values come computed; colours come from the style
sheet by class. Marks stand beside their number, so they are hidden from screen readers unless they carry a label.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from capacity.lib import marks as geometry
from capacity.lib.figures import Absent
from capacity.lib.marks import HEAT_MISSING, HEAT_STEPS, HEAT_WORDS, GanttRow, PlacedBar, PlacedRow

register = template.Library()

LANE_REM = 1.375
USED_REM = 0.75
# Letters of a 0.75 rem label that fit a drawing 60 rem wide; narrower drawings scroll, so this stays true.
GANTT_LETTERS = 145.0


def _known(value: Any) -> float | None:
    """The value as a number, or None when it is absent; a template hands over "" for a name it does not know."""
    return None if value is None or value == "" or isinstance(value, Absent) else float(value)


@register.simple_tag
def sparkline(values: Sequence[float | None], limit: float | str | None = None) -> SafeString:
    """The last weeks, oldest first, with a dot at the newest and a dashed target or limit line if given."""
    drawn = geometry.spark(values, limit=_known(limit))
    if drawn is None:
        return SafeString("")
    rule = (
        SafeString("")
        if drawn.limit_y is None
        else format_html('<path class="limit" d="M0 {y}H100"/>', y=f"{drawn.limit_y:g}")
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">{}'
        '<path d="{}"/><path class="dot" d="M{} {}h0"/></svg>',
        rule,
        drawn.path,
        f"{drawn.last_x:g}",
        f"{drawn.last_y:g}",
    )


@register.simple_tag
def rank_bar(value: float | str | Absent | None, largest: float, mark: float | str | None = None) -> SafeString:
    """An 8 px bar in a track; with a mark (target, break-even) a bullet graph. Nothing when the value is absent."""
    length, target = _known(value), _known(mark)
    if length is None:
        return SafeString("")
    tick = (
        SafeString("")
        if target is None
        else format_html('<path d="M{} 0v14"/>', f"{geometry.percent_of(target, largest):g}")
    )
    return format_html(
        '<svg class="bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" y="3" width="100" height="8"/><rect y="3" width="{}" height="8"/>{}</svg>',
        f"{geometry.percent_of(length, largest):g}",
        tick,
    )


@register.simple_tag
def change_bar(value: float | str | Absent | None, largest: float, is_good: bool) -> SafeString:
    """A bar to the right (more) or left (less) of a middle line, coloured by good or bad; for bridges of change."""
    change = _known(value)
    if change is None:
        return SafeString("")
    length = geometry.percent_of(abs(change), largest) / 2
    start = 50.0 if change >= 0 else 50 - length
    return format_html(
        '<svg class="bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="{}" x="{}" y="3" width="{}" height="8"/><path class="zero" d="M50 0v14"/></svg>',
        "is-good" if is_good else "is-bad",
        f"{start:g}",
        f"{length:g}",
    )


@register.simple_tag
def step_bar(start: Any, value: Any, total: Any) -> SafeString:
    """One step of a waterfall: from where the steps before it end, as long as its part of the total."""
    length, before, whole = _known(value), _known(start), _known(total)
    if length is None or before is None or not whole:
        return SafeString("")
    return format_html(
        '<svg class="bar step" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" y="3" width="100" height="8"/><rect x="{}" y="3" width="{}" height="8"/></svg>',
        f"{100 * before / whole:g}",
        f"{100 * length / whole:g}",
    )


@register.simple_tag
def heat_strip(cells: Iterable[tuple[str, str]], label: str) -> SafeString:
    """One row of weeks: (step, sentence) each, steps as in HEAT_STEPS, or HEAT_MISSING; the sentence shows on hover.

    label: the strip's finding for those who cannot see it ("Short 18 Jan to 1 Mar, worst 3,420").
    """
    found = list(cells)
    for step, _ in found:
        if step not in HEAT_STEPS and step != HEAT_MISSING:
            raise ValueError(f"no heat step {step!r}: one of {', '.join(HEAT_STEPS)}")
    # Neighbouring cells of one step are one rectangle that names each of its weeks: a quarter of the elements.
    runs = [(step, list(cells)) for step, cells in groupby(enumerate(found), key=lambda cell: cell[1][0])]
    boxes = format_html_join(
        "",
        '<rect class="{}" x="{}" width="{}"><title>{}</title></rect>',
        (
            (step, cells[0][0] * 7, len(cells) * 7 - 1, "\n".join(sentence for _, (_, sentence) in cells))
            for step, cells in runs
        ),
    )
    gaps = "".join(f"M{place * 7 - 0.5} 0v16" for place in range(1, len(found)))
    width = max(1, len(found) * 7 - 1)
    return format_html(
        '<svg class="heat" viewBox="0 0 {} 16" width="{}" height="16" preserveAspectRatio="none" role="img" aria-label="{}">{}'
        '<path class="gaps" d="{}"/></svg>',
        width,
        width,
        label,
        boxes,
        gaps,
    )


@register.simple_tag
def heat_key() -> SafeString:
    """The key of every heat strip: swatch and word for each of the six steps."""
    items = format_html_join(
        "", '<li><i class="swatch {}"></i>{}</li>', ((step, HEAT_WORDS[step]) for step in HEAT_STEPS)
    )
    return format_html('<ul class="key">{}</ul>', items)


@register.inclusion_tag("includes/_gantt.html")
def gantt(
    rows: Sequence[GanttRow],
    ticks: Sequence[tuple[float, str]],
    weeks: int,
    label: str,
    today: float | None = None,
    head: str = "Pool",
) -> dict[str, Any]:
    """Pools and the runs placed in them. ticks: (week offset, text) of the axis; today: week offset of the line.

    head: what the rows are, where they are no pools.
    """
    placed = [geometry.place_row(row, weeks=weeks, letters=GANTT_LETTERS) for row in rows]
    return {
        "label": label,
        "head": head,
        "ticks": [(f"{100 * at / weeks:g}%", text) for at, text in ticks],
        # One path a row: a line of its own for each date of each pool is half of what the drawing holds.
        "marks": "".join(f"M{at:g} 0v1" for at, _ in ticks),
        "weeks": weeks,
        "rows": [_gantt_row(row, weeks=weeks) for row in placed],
        "today": None if today is None else f"{100 * today / weeks:g}%",
    }


def _gantt_row(placed: PlacedRow, *, weeks: int) -> dict[str, Any]:
    top = USED_REM + 0.25 if placed.row.used else 0.25
    return {
        "row": placed.row,
        "height": f"{top + placed.lanes * LANE_REM:g}rem",
        "used": geometry.used_path(placed.row.used, weeks=weeks),
        "used_height": f"{USED_REM}rem",
        "bars": [_gantt_bar(bar, top=top) for bar in placed.bars],
    }


def _gantt_bar(placed: PlacedBar, *, top: float) -> dict[str, Any]:
    side = placed.label_at
    text_x = placed.x + placed.width if side == "after" else placed.x
    y = top + placed.lane * LANE_REM
    return {
        "bar": placed.bar,
        "x": f"{placed.x:g}%",
        "width": f"{placed.width:g}%",
        "y": f"{y:g}rem",
        "text_x": f"{text_x:g}%",
        "text_y": f"{y + 0.8:g}rem",
        "side": side,
    }

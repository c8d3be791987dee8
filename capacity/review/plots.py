"""Rows → plotly figures with roles instead of colours; the browser maps roles to the page's tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from capacity.lib.figures import MINUS, compact, thousands
from capacity.lib.horizon import Week

Figure = dict[str, Any]
# Labels stand in the right margin, at least this share of the axis apart.
LABEL_GAP_SHARE = 0.06
# Labels of deliveries: lines above the floor, each this share of the plot's height; a letter's share of its width.
EVENT_LEVELS, EVENT_LEVEL_SHARE, EVENT_LETTER_SHARE = 6, 0.06, 0.0115


@dataclass(frozen=True, kw_only=True, slots=True)
class SupplyDemand:
    """Weekly H100e: one number a week each. events: (week index, text) of deliveries and departures."""

    weeks: Sequence[Week]
    supply: Sequence[float]
    expected: Sequence[float]
    firm: Sequence[float]
    p10: Sequence[float]
    p90: Sequence[float]
    short: Sequence[float]
    events: Sequence[tuple[int, str]]


def supply_demand(chart: SupplyDemand) -> Figure:
    """Stepped supply, expected and firm demand, the P10–P90 band, shortage filled, lots as dotted verticals."""
    x = [week.monday.isoformat() for week in chart.weeks]
    end = chart.weeks[-1].plus(1).monday.isoformat()
    x = [*x, end]

    def steps(values: Sequence[float]) -> list[int]:
        whole = [round(value) for value in values]
        return [*whole, whole[-1]]

    missing = [max(0.0, supply) for supply in chart.supply]
    short_top = [supply + short for supply, short in zip(missing, chart.short, strict=True)]
    figure = go.Figure()

    def line(name: str, values: Sequence[float], role: str, **more: Any) -> None:
        hidden = role in {"base", "band", "short"}
        figure.add_scatter(
            x=x,
            y=steps(values),
            name=name,
            mode="lines",
            meta={"role": role},
            hoverinfo="skip" if hidden else None,
            hovertemplate=None if hidden else "%{y:,}",
            **more,
        )

    line("P10", chart.p10, "base")
    line("P10–P90", chart.p90, "band", fill="tonexty")
    line("Supply", chart.supply, "base")
    line("Short", short_top, "short", fill="tonexty")
    line("Firm demand", chart.firm, "firm")
    line("Expected demand", chart.expected, "demand")
    line("Allocatable supply", chart.supply, "supply")
    top = max([*chart.p90, *chart.supply, *short_top], default=1) * 1.08 or 1
    low = min([*chart.firm, *chart.supply], default=0)
    floor = 0 if low < 0.5 * top else low * 0.9
    labels = _spread(
        [
            ("Allocatable supply", chart.supply[-1], "supply"),
            ("Expected demand", chart.expected[-1], "demand"),
            ("Firm demand", chart.firm[-1], "firm"),
        ],
        gap=(top - floor) * LABEL_GAP_SHARE,
    )
    annotations = [
        _right_label(text=f"{name} <b>{compact(value)}</b>", y=y, role=role) for name, value, role, y in labels
    ]
    shapes = []
    turns = 0.75 * len(chart.weeks)
    levels = _event_levels(chart.events, weeks=len(chart.weeks), turns=turns)
    for level, (index, text) in zip(levels, chart.events, strict=True):
        at = chart.weeks[index].monday.isoformat()
        shapes.append({"type": "line", "x0": at, "x1": at, "y0": 0, "y1": 1, "yref": "paper", "name": "role:delivery"})
        annotations.append(
            {
                "x": at,
                "y": EVENT_LEVEL_SHARE * level,
                "yref": "paper",
                "yanchor": "bottom",
                "xanchor": "left" if index < turns else "right",
                "xshift": 3 if index < turns else -3,
                "text": text,
                "showarrow": False,
                "font": {"size": 11},
                "name": "role:delivery",
            }
        )
    annotations += _worst_gaps(chart)
    figure.update_layout(
        annotations=annotations,
        shapes=shapes,
        xaxis={"type": "date", "range": [x[0], end], "tickformat": "%b %y", "nticks": 8},
        yaxis={"range": [floor, top], "tickformat": "~s"},
    )
    return plain_figure(figure)


def _event_levels(events: Sequence[tuple[int, str]], *, weeks: int, turns: float) -> list[int]:
    """The line above the floor of the plot on which each delivery's label stands, so that no two labels meet.

    The lowest line that is free; with every line taken, the one whose last label ends first. turns: the week from which
    labels stand at the left of their delivery.
    """
    ends = [-1.0] * EVENT_LEVELS
    found = []
    for index, text in events:
        wide = len(text) * EVENT_LETTER_SHARE * weeks
        first, last = (index, index + wide) if index < turns else (index - wide, float(index))
        level = next((level for level, end in enumerate(ends) if end <= first), ends.index(min(ends)))
        ends[level] = last
        found.append(level)
    return found


def _worst_gaps(chart: SupplyDemand) -> list[dict[str, Any]]:
    """The worst week of each half, written where it is: the eye must not have to measure."""
    half = len(chart.weeks) // 2
    notes = []
    for start, stop in ((0, half), (half, len(chart.weeks))):
        index = max(range(start, stop), key=lambda i: (chart.short[i], -i), default=start)
        if chart.short[index] < 0.5:
            continue
        week = chart.weeks[index]
        notes.append(
            {
                "x": week.monday.isoformat(),
                "y": chart.supply[index] + chart.short[index],
                "yanchor": "bottom",
                "yshift": 6,
                "text": f"<b>{MINUS}{thousands(round(chart.short[index]))}</b> week of {week.monday:%-d %b}",
                "showarrow": False,
                "name": "role:bad",
            }
        )
    return notes


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One purpose: its name, role and weekly H100e."""

    name: str
    role: str
    values: Sequence[float]


def allocation_by_purpose(*, weeks: Sequence[Week], layers: Sequence[Layer], floor: Sequence[float] | None) -> Figure:
    """Stacked steps, largest commitment at the bottom, unallocated on top, axis from 0; the floor as a dashed line."""
    x = [*(week.monday.isoformat() for week in weeks), weeks[-1].plus(1).monday.isoformat()]
    figure = go.Figure()
    for layer in layers:
        values = [round(value) for value in layer.values]
        figure.add_scatter(
            x=x,
            y=[*values, values[-1]],
            name=layer.name,
            mode="lines",
            stackgroup="all",
            meta={"role": layer.role},
            hovertemplate="%{y:,}",
        )
    top = max((sum(layer.values[index] for layer in layers) for index in range(len(weeks))), default=1) * 1.04 or 1
    middles, below = [], 0.0
    for layer in layers:
        value = layer.values[-1]
        middles.append((layer.name, below + value / 2, layer.role))
        below += value
    ends = {layer.name: (layer.values[0], layer.values[-1]) for layer in layers}
    annotations = [
        _right_label(text=f"{name} <b>{compact(ends[name][0])} → {compact(ends[name][1])}</b>", y=y, role=role)
        for name, _, role, y in _spread(middles, gap=top * LABEL_GAP_SHARE)
    ]
    if floor is not None:
        whole = [round(value) for value in floor]
        figure.add_scatter(
            x=x, y=[*whole, whole[-1]], name="Floor", mode="lines", meta={"role": "limit"}, hovertemplate="%{y:,}"
        )
    figure.update_layout(
        annotations=annotations,
        margin={"r": 226},
        xaxis={"type": "date", "range": [x[0], x[-1]], "tickformat": "%b %y", "nticks": 7},
        yaxis={"range": [0, top], "tickformat": "~s"},
    )
    return plain_figure(figure)


def _spread(items: Sequence[tuple[str, float, str]], *, gap: float) -> list[tuple[str, float, str, float]]:
    """(name, value, role) → with a y at least `gap` from the next, keeping the order."""
    placed: list[tuple[str, float, str, float]] = []
    for name, value, role in sorted(items, key=lambda item: item[1]):
        y = value if not placed else max(value, placed[-1][3] + gap)
        placed.append((name, value, role, y))
    return placed


def _right_label(*, text: str, y: float, role: str) -> dict[str, Any]:
    return {
        "x": 1.012,
        "xref": "paper",
        "xanchor": "left",
        "y": round(y),
        "yanchor": "middle",
        "align": "left",
        "text": f"■ {text}",
        "showarrow": False,
        "name": f"role:{role}",
    }


def plain_figure(figure: go.Figure) -> Figure:
    """The figure as plain JSON terms, without plotly's own template."""
    document: Mapping[str, Any] = figure.to_plotly_json()
    layout = {key: value for key, value in document["layout"].items() if key != "template"}
    return {"data": [_clean(trace) for trace in document["data"]], "layout": layout}


def _clean(trace: Mapping[str, Any]) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in trace.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class MarginByUse:
    """Dollars a month by multiple of expected use. marks: (multiple, margin, words) of the table's rows."""

    curve: Sequence[tuple[float, float]]
    marks: Sequence[tuple[float, float, str]]
    break_even: float | None


def margin_by_use(chart: MarginByUse) -> Figure:
    """The margin as a line that falls where a replica more is paid for, the table's multiples as dots, m* marked."""
    figure = go.Figure()
    figure.add_scatter(
        x=[x for x, _ in chart.curve],
        y=[round(y) for _, y in chart.curve],
        name="Margin a month",
        mode="lines",
        line={"shape": "linear"},
        meta={"role": "demand"},
        hovertemplate="$%{y:,}",
    )
    figure.add_scatter(
        x=[x for x, _, _ in chart.marks],
        y=[round(y) for _, y, _ in chart.marks],
        name="In the table",
        mode="markers",
        marker={"size": 8},
        meta={"role": "supply"},
        hoverinfo="skip",
    )
    values = [y for _, y in chart.curve] + [y for _, y, _ in chart.marks]
    top, low = max(0.0, *values), min(0.0, *values)
    room = (top - low or 1) * 0.12
    end = max([x for x, _ in chart.curve] + [x for x, _, _ in chart.marks])
    shapes: list[dict[str, Any]] = [
        {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": 0, "y1": 0, "line": {"dash": "solid"},
         "name": "role:fg-2"}
    ]  # fmt: skip
    annotations: list[dict[str, Any]] = [
        {"x": x, "y": round(y), "yanchor": "bottom", "yshift": 5, "text": text, "showarrow": False, "name": "role:fg"}
        for x, y, text in _apart(chart.marks)
    ]
    if chart.break_even is not None and chart.break_even <= end:
        shapes.append(
            {"type": "line", "x0": chart.break_even, "x1": chart.break_even, "y0": 0, "y1": 1, "yref": "paper",
             "name": "role:bad"}
        )  # fmt: skip
        annotations.append(
            {"x": chart.break_even, "y": 1, "yref": "paper", "yanchor": "top", **_beside(chart.break_even, end),
             "text": f"<b>break-even {chart.break_even:.2f}×</b>", "showarrow": False, "name": "role:bad"}
        )  # fmt: skip
    figure.update_layout(
        annotations=annotations,
        shapes=shapes,
        margin={"r": 24, "l": 56},
        xaxis={"type": "linear", "range": [0, end * 1.02], "ticksuffix": "×", "dtick": 1 if end <= 8 else None},
        yaxis={"range": [low - room, top + room * 1.5], "tickformat": "$~s"},
    )
    return plain_figure(figure)


def _beside(x: float, end: float) -> dict[str, Any]:
    """A label on the side of a vertical where there is room."""
    return {"xanchor": "right", "xshift": -4} if x > end / 2 else {"xanchor": "left", "xshift": 4}


def _apart(marks: Sequence[tuple[float, float, str]]) -> list[tuple[float, float, str]]:
    """The words of the dots; dots at one place share theirs."""
    found: dict[tuple[float, float], list[str]] = {}
    for x, y, text in marks:
        found.setdefault((x, round(y)), []).append(text)
    return [(x, y, ", ".join(texts)) for (x, y), texts in found.items()]

"""Rows of actuals → plotly figures with roles instead of colours (see plots). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from capacity.lib.figures import compact
from capacity.lib.horizon import Week
from capacity.review.plots import Figure, plain_figure

# Milliseconds between ticks on Mondays: every week, every fourth of many, a quarter's of a year.
WEEK_MS = 7 * 86_400_000
MOST_TICKS = 7
MANY_WEEKS = 26
ROLES = ("demand", "supply", "accent", "good", "warn", "fg-2")


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidLine:
    """What one source said of a week: (weeks before it, P50, P90)."""

    source: str
    points: Sequence[tuple[int, int, int]]


def forecasts_of_week(*, said: Sequence[SaidLine], demand: float | None, capacity: float | None) -> Figure:
    """P50 and P90 of each source by how long before the week they were said, beside what was asked and carried."""
    figure = go.Figure()
    for line, role in zip(said, _roles(len(said)), strict=True):
        points = sorted(line.points, reverse=True)
        for name, values, dash in (
            ("P50", [p50 for _, p50, _ in points], "solid"),
            ("P90", [p90 for _, _, p90 in points], "dot"),
        ):
            figure.add_scatter(
                x=[before for before, _, _ in points],
                y=values,
                name=f"{line.source}, {name}",
                mode="lines+markers",
                line={"shape": "linear", "dash": dash},
                marker={"size": 6},
                meta={"role": role},
                hovertemplate="%{y:,}",
            )
    # What was asked is written above its line, what could be carried below: they may lie close.
    levels = [] if demand is None else [("asked", demand, "bad", "bottom")]
    if capacity is not None:
        levels.append(("could be carried", capacity, "fg-2", "top"))
    shapes = [
        {
            "type": "line",
            "xref": "paper",
            "x0": 0,
            "x1": 1,
            "y0": y,
            "y1": y,
            "name": f"role:{role}",
            "line": {"dash": "dash"},
        }
        for _, y, role, _ in levels
    ]
    notes = [
        {"x": 1, "xref": "paper", "xanchor": "right", "y": y, "yanchor": side, "text": f"{text} {compact(y)}",
         "showarrow": False, "name": f"role:{role}"}
        for text, y, role, side in levels
    ]  # fmt: skip
    tops = [demand or 0, capacity or 0, 1, *(p90 for line in said for _, _, p90 in line.points)]
    longest = max((before for line in said for before, _, _ in line.points), default=1)
    figure.update_layout(
        shapes=shapes,
        annotations=notes,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        margin={"r": 16, "l": 56, "t": 48, "b": 40},
        xaxis={
            "type": "linear",
            "title": {"text": "weeks before"},
            "range": [longest + 0.5, -2.5],
            "tickvals": list(range(0, longest + 1, 2)),
        },
        yaxis={"range": [0, max(tops) * 1.12], "tickformat": "~s"},
    )
    return plain_figure(figure)


def tokens_by_week(*, weeks: Sequence[Week], lines: Sequence[tuple[str, Sequence[float | None]]]) -> Figure:
    """Tokens a week, one line a workload; a week that is not known whole is a gap."""
    figure = go.Figure()
    for (name, values), role in zip(lines, _roles(len(lines)), strict=True):
        figure.add_scatter(
            x=[week.monday.isoformat() for week in weeks],
            y=values,
            name=name,
            mode="lines+markers",
            line={"shape": "linear"},
            marker={"size": 6 if len(weeks) <= MANY_WEEKS else 4},
            connectgaps=False,
            meta={"role": role},
            hovertemplate="%{y:,.0f}",
        )
    top = max((value for _, values in lines for value in values if value is not None), default=1)
    layout: dict[str, Any] = {
        "showlegend": True,
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        "margin": {"r": 16, "l": 56, "t": 40},
        "xaxis": {
            "type": "date",
            "tickformat": "%-d %b",
            "tick0": weeks[0].monday.isoformat(),
            "dtick": WEEK_MS * _tick_weeks(len(weeks)),
        },
        "yaxis": {"range": [0, top * 1.1 or 1], "tickformat": "~s"},
    }
    figure.update_layout(**layout)
    return plain_figure(figure)


def _tick_weeks(weeks: int) -> int:
    return 1 if weeks <= MOST_TICKS else 4 if weeks <= MANY_WEEKS else 13


def _roles(count: int) -> list[str]:
    return [ROLES[index % len(ROLES)] for index in range(count)]

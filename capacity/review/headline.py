"""Headline figures of a run as the review page writes them: the strip, the list with states, the floor's facts.

What belongs here: a figure's value, state and change in words. Reading them is `page_reading`.
"""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from capacity.access.visibility import Viewer, see
from capacity.lib.figures import RESTRICTED, Absent, share, thousands, usd
from capacity.review.fairness_figures import STARVED
from capacity.review.page_reading import RunRows
from capacity.review.tables import Row

KPI_KEYS = ("metric:H3", "metric:H1", "metric:H2", "metric:H4", "metric:H6", "metric:H9", "metric:H11")
# What customers felt stands first.
KPI_NAMES = {
    "metric:H3": "Requests throttled or late",
    "metric:H1": "Promise coverage, 13 weeks",
    "metric:H2": "First capacity shortfall",
    "metric:H4": "Floor attainment",
    "metric:H6": "Idle, this week",
    "metric:H9": "Serving margin, fully loaded",
    "metric:H11": "Loss exposure, worst use",
}
# Their limit is a thousandth.
FINE_SHARES = {"metric:H3"}
STATE_WORDS = {"good": "on track", "warn": "watch", "bad": "off track"}


def figure_url(run_id: int, key: str) -> str:
    return reverse("figure", args=[run_id, key])


def write_figure(row: Row) -> Any:
    """A figure's value in words, by its unit; an absence stays what it is."""
    value = row["value"]
    if value is None or isinstance(value, Absent):
        return value if value is not None else Absent("n/a", "na", "This figure does not apply here.")
    match row["unit"]:
        case "share":
            return share(value, places=2 if row["key"] in FINE_SHARES else 1)
        case "USD" | "USD a week":
            return usd(value)
        case "weeks":
            return f"in {thousands(value)} weeks" if value else "this week"
    return thousands(value)


def kpis(rows: RunRows) -> list[Row]:
    """The strip: seven headline metrics with their state, limit and change since the last frozen review."""
    found = []
    for key in KPI_KEYS:
        row = rows.figures.get(key)
        if row is None:
            continue
        delta, kind = _delta(row, (rows.previous or {}).get(key))
        found.append(
            {
                "label": KPI_NAMES[key],
                "value": write_figure(row),
                "unit": "a week" if row["unit"] == "USD a week" and is_number(row["value"]) else "",
                "url": figure_url(rows.run.pk, key),
                "delta": delta or (STATE_WORDS.get(row["state"], "")),
                "delta_kind": kind or row["state"],
                "note": "since last review" if delta else _limit_note(row),
            }
        )
    return found


def _limit_note(row: Row) -> str:
    """The comparison a tile carries while there is no earlier review to compare with."""
    # A tile has room for the first of several limits; the figure's page has all.
    limit = row["threshold"].partition(", or ")[0]
    return f"bad: {limit}" if limit and not isinstance(row["value"], Absent) else ""


LESS_IS_BETTER = {"metric:H3", "metric:H6", "metric:H7", "metric:H8", "metric:H10", "metric:H11"}


def _delta(row: Row, before: Row | None) -> tuple[str, str]:
    if before is None or not is_number(row["value"]) or not is_number(before["value"]):
        return "", ""
    change = row["value"] - before["value"]
    if not change:
        return "no change", ""
    is_better = (change < 0) == (row["key"] in LESS_IS_BETTER)
    kind = "good" if is_better else "bad"
    match row["unit"]:
        case "share":
            places = 2 if row["key"] in FINE_SHARES else 1
            return f"{change * 100:+.{places}f} pt".replace("-", "\N{MINUS SIGN}"), kind
        case "USD" | "USD a week":
            return usd(change, signed=True), kind
    return thousands(change, signed=True), kind


def is_number(value: Any) -> bool:
    return value is not None and not isinstance(value, Absent)


def metric_rows(rows: RunRows) -> list[Row]:
    return [
        {
            **row,
            "text": write_figure(row),
            "url": figure_url(rows.run.pk, key),
            "word": STATE_WORDS.get(row["state"], ""),
        }
        for key, row in rows.figures.items()
        if key.startswith("metric:")
    ]


def floor_facts(viewer: Viewer, rows: RunRows) -> Row | None:
    figure = rows.figures.get("metric:H4")
    if figure is None:
        return None
    return {
        "text": write_figure(figure),
        "url": figure_url(rows.run.pk, "metric:H4"),
        "state": figure["state"],
        "terms": [
            {**term, "text": _term_text(term["value"])}
            for term in figure["terms"]
            if term["value"] is not None
            and see(viewer, term["resource"], term["field"], term["value"]) is not RESTRICTED
        ],
    }


def starved_context(rows: RunRows) -> Row | None:
    """Teams starved of accelerators, with the figure that says why; None where none is, or the reader may not know."""
    figure = rows.figures.get(STARVED)
    if figure is None or not is_number(figure["value"]) or not figure["value"]:
        return None
    names = ", ".join(str(term["name"]) for term in figure["terms"])
    return {"names": names, "url": figure_url(rows.run.pk, STARVED)}


def _term_text(value: str) -> str:
    """A term's stored text: whole numbers with their thousands, anything else as it is."""
    return thousands(int(value)) if value.isdigit() else value

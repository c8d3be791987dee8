"""Rows of actuals → what their page says: verdict, lists, charts of weeks and of short weeks. Words only, no arithmetic.

`forecast_scores` is for the card of a workload, which shows the same rows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.access.visibility import RESTRICTED, Viewer
from capacity.allocation.models import Run
from capacity.lib.figures import Absent, counted, day, share, thousands, week
from capacity.lib.horizon import Week
from capacity.lib.units import TOKENS_PER_MILLION
from capacity.review.pages import visible_rows
from capacity.review.plots_actuals import SaidLine, forecasts_of_week, tokens_by_week
from capacity.review.table_specs_actuals import FORECAST_SCORES
from capacity.review.tables import Row

LEADS = (4, 13)
SECONDS_PER_HOUR = 3600
BASIS_WEEK = re.compile(r"week (\d{4}-W\d{2})")
NUMBER = re.compile(r"-?\d+(\.\d+)?")
WHY_NO_SCORE = {
    "no_actual": "No whole week of use under no contract was counted.",
    "no_forecast": "No forecast was made that many weeks before.",
    "zero_actual": "Nothing was used in these weeks.",
}
WHY_NO_COINCIDENCE = {
    "one_member": "One member alone: peaks of one coincide with nothing.",
    "few_hours": "The members have fewer than 160 hours in common.",
}
# Above 1 it is shown as measured, and no class is planned with it.
NO_FACTOR = "above 1: 99th percentiles do not add up, plan with 1"
WHY_NO_CAPACITY = {
    "no_count": "the accelerators ready in that week were not counted",
    "no_profile": "the card has no planned throughput profile",
    "no_load": "the tokens need no load by their profile",
    "no_tokens": "nothing was served, so the mix of tokens is not known",
}
NO_JOBS = Absent("n/a", "na", "No job names this request: what it used is not known.")
# What is told where a request took more than it was granted.
ABOVE = "above what was granted: the count or the grant is wrong"


def forecast_scores(run: Run, workload_key: str, viewer: Viewer) -> list[Row]:
    """One row a source of the workload: error and bias at both leads, written for templates/workloads/_accuracy.html."""
    rows = visible_rows(viewer=viewer, run_id=run.pk, spec=FORECAST_SCORES, workload_key=workload_key)
    return [
        {**row, **{name: written_score(name, row[name]) for name in ("wape_4", "bias_4", "wape_13", "bias_13")}}
        for row in score_rows(rows, {})
    ]


def written_score(name: str, value: Any) -> str | Absent:
    if isinstance(value, Absent):
        return value
    return ("+" if name.startswith("bias") and value > 0 else "") + share(value)


# --- rows of the lists --------------------------------------------------------------------------------------------


def weeks_within(rows: Sequence[Row], *, first: Week) -> list[Row]:
    """The rows of this week and later ones."""
    return [row for row in rows if Week.parse(row["week"]) >= first]


def week_rows(rows: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """Newest week first; tokens in millions."""
    found = [
        {
            **row,
            "name": names.get(row["workload_key"], row["workload_key"]),
            "tokens": _millions(row),
            "throttled_share": _untold(row["throttled_share"]),
            "late_share": _untold(row["late_share"]),
            "note": _counted(row),
        }
        for row in rows
    ]
    return sorted(found, key=lambda row: (row["week"], row["name"]), reverse=True)


def _millions(row: Row) -> Any:
    parts = (row["input_tokens"], row["output_tokens"])
    hidden = next((part for part in parts if isinstance(part, Absent)), None)
    return hidden if hidden is not None else sum(parts, Decimal(0)) / TOKENS_PER_MILLION


def _untold(value: Any) -> Any:
    return (
        Absent("n/a", "na", "Too few of its hours say requests, throttled and late ones.") if value is None else value
    )


def _counted(row: Row) -> str:
    hours = row["hours_covered"]
    if isinstance(hours, Absent):
        return "partial week" if row["is_partial"] else "whole week"
    return f"partial: {hours} of 168 hours" if row["is_partial"] else "whole week"


def peak_rows(rows: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    return [
        {
            **row,
            "name": names.get(row["workload_key"], row["workload_key"]),
            "planned_by": "card" if row["from_card"] is True else "policy",
            "note": f"{row['hours']} of 672 hours" if row["is_partial"] is True else "all four weeks",
        }
        for row in rows
    ]


def class_rows(rows: Sequence[Row]) -> list[Row]:
    """note: why what was measured is nothing to plan with."""
    return [
        {
            **row,
            "measured": _or_why(row["coincidence"], row["absent"], WHY_NO_COINCIDENCE),
            "note": NO_FACTOR if _is_above_one(row["coincidence"]) else "",
        }
        for row in rows
    ]


def _is_above_one(value: Any) -> bool:
    return isinstance(value, Decimal) and value > 1


def coincidence_words(classes: Sequence[Row]) -> tuple[str, bool]:
    """(what the measured ones say of the policy's one factor, whether it may be taken over); "" where none is seen.

    The largest is the cautious one to plan every class with; one above 1 leaves no factor below 1 to all of them.
    """
    known = [row["coincidence"] for row in classes if isinstance(row["coincidence"], Decimal)]
    if not known:
        return "", False
    text = f"The policy has one factor for all classes. The largest measured is {thousands(max(known), places=3)}"
    if not _is_above_one(max(known)):
        return f"{text}.", True
    return (
        f"{text}, above 1: the peak of the sum can exceed the sum of 99th percentiles. It is no factor to plan with.",
        False,
    )


def score_rows(rows: Sequence[Row], names: Mapping[str, str]) -> list[Row]:
    """One row a workload and source with both leads side by side; all workloads together come first."""
    found: dict[tuple[str, str], Row] = {}
    for row in rows:
        place = (row["workload_key"], row["source"])
        mine = found.setdefault(place, {"workload_key": place[0], "source": place[1], "left_out": row["left_out"]})
        mine["name"] = names.get(place[0], place[0]) if place[0] else "All workloads"
        for part in ("wape", "bias"):
            mine[f"{part}_{row['lead_weeks']}"] = _or_why(row[part], row["absent"], WHY_NO_SCORE)
        if row["lead_weeks"] == LEADS[0]:
            mine["weeks"] = row["weeks"]
    return sorted(found.values(), key=lambda row: (row["workload_key"] != "", row["name"], row["source"]))


def _or_why(value: Any, code: Any, reasons: Mapping[str, str]) -> Any:
    return Absent("n/a", "na", reasons.get(str(code), "")) if value is None else value


def grant_rows(rows: Sequence[Row]) -> list[Row]:
    """above: whether more was used than granted, which is shown as it is."""
    return [
        {
            **row,
            "used_hours": NO_JOBS if row["used_hours"] is None else row["used_hours"],
            "used_share": NO_JOBS if row["used_share"] is None else row["used_share"],
            "above": isinstance(row["used_share"], Decimal) and row["used_share"] > 1,
        }
        for row in rows
    ]


# --- sentences ----------------------------------------------------------------------------------------------------


def actuals_verdict(
    figure: Row | None, short: Sequence[Row], names: Mapping[str, str], *, year: int
) -> tuple[str, str]:
    """What customers felt; then which past weeks were short."""
    if figure is None:
        return "This run is from before actuals were kept.", "The next plan has them."
    value = figure["value"]
    known = BASIS_WEEK.match(str(figure["basis"]))
    if isinstance(value, Absent) or value is None:
        why = value.word if isinstance(value, Absent) else figure["absent"] or "n/a"
        head = f"What customers felt is not known: {why}."
    else:
        when = f" in the week of {week(Week.parse(known[1]), year=year)}" if known else ""
        limit = "above" if figure["state"] == "bad" else "within"
        head = f"{share(value, places=2)} of requests were throttled or late{when}; {limit} the limit."
    if not short:
        return head, "No past week is known to have been short."
    places = ", ".join(
        f"{names.get(row['workload_key'], row['workload_key'])} in the week of {week(Week.parse(row['week']), year=year)}"
        for row in short[:2]
    )
    rest = f" and {counted(len(short) - 2, 'more')}" if len(short) > 2 else ""
    return head, f"Short of serving: {places}{rest}."


def short_weeks(
    rows: Sequence[Row], names: Mapping[str, str], *, year: int, uses: Sequence[Row] = ()
) -> list[Row]:  # fmt: skip
    """Each short week: a sentence, and a chart with its table where the viewer reads tokens. uses: rows of actuals."""
    served = served_tps(uses)
    found = []
    for row in sorted(rows, key=lambda row: (row["week"], row["workload_key"]), reverse=True):
        name = names.get(row["workload_key"], row["workload_key"])
        when = week(Week.parse(row["week"]), year=year)
        sees = row["demand_tps"] is not RESTRICTED
        row = {**row, "served_tps": served.get((row["workload_key"], row["week"]))}
        found.append(
            {
                "id": f"short-{row['workload_key']}-{row['week']}",
                "title": f"{name}, week of {when}",
                "sentence": short_sentence(row),
                "figure": _figure(row) if sees and row["vintages"] else None,
                "label": f"What forecasts said of {name} in the week of {when}",
                "head": ("Forecast", "Weeks before", "P50", "P90", "Above what could be carried"),
                "rows": _said_rows(row, year) if sees else [],
            }
        )
    return found


def served_tps(uses: Sequence[Row]) -> dict[tuple[str, str], Decimal]:
    """(workload, week) → tokens a second that were served, where the viewer reads them."""
    return {
        (row["workload_key"], row["week"]): (row["input_tokens"] + row["output_tokens"])
        / (row["hours_covered"] * SECONDS_PER_HOUR)
        for row in uses
        if isinstance(row["input_tokens"], Decimal)
        and isinstance(row["output_tokens"], Decimal)
        and isinstance(row["hours_covered"], int)
        and row["hours_covered"]
    }


def short_sentence(row: Row) -> str:
    """How much was asked, what could be carried, and how early a forecast was above it."""
    turned = row["throttled_share"]
    felt = f"{share(turned, places=2)} of requests were throttled." if isinstance(turned, Decimal) else ""
    if row["demand_tps"] is RESTRICTED:
        return felt
    asked = _asked(row)
    if row["capacity_tps"] is None:
        return (
            f"{asked}; what could be carried is not known: {WHY_NO_CAPACITY.get(row['reason'], 'n/a')}. {felt}".strip()
        )
    text = f"{asked}, {thousands(row['capacity_tps'])} could be carried. {felt} {_seen(row)}"
    return " ".join(text.split())


def _asked(row: Row) -> str:
    """What was asked; at least what was served, where what was turned away is not known."""
    if row["demand_tps"] is None:
        served = row.get("served_tps")
        least = f", at least the {thousands(served)} tokens a second served" if served is not None else ""
        return f"All requests were turned away: what was asked is not known{least}"
    least = "" if isinstance(row["throttled_share"], Decimal) else "At least "
    untold = "" if least == "" else " (what was turned away was not counted)"
    return f"{least}{thousands(row['demand_tps'])} tokens a second were asked{untold}"


def _seen(row: Row) -> str:
    early, middle, lead = row["visible_p90_weeks"], row["visible_p50_weeks"], row["lead_weeks"]
    if early is None:
        return "No forecast showed it."
    text = f"Seen at P90 {counted(early, 'week')} before"
    text += f", at P50 {counted(middle, 'week')} before." if middle is not None else ", at P50 never."
    if lead is None:
        return text
    if early < lead:
        return f"{text} Too late to buy: the shortest lead time is {counted(lead, 'week')}."
    if middle is None or middle < lead:
        return f"{text} In time to buy ({counted(lead, 'week')}) only by P90."
    return f"{text} In time to buy ({counted(lead, 'week')})."


def _said_rows(row: Row, year: int) -> list[tuple[Any, ...]]:
    capacity = row["capacity_tps"]
    said = [
        (
            f"{each['source']}, {day(date.fromisoformat(each['vintage']), year=year)}",
            thousands(each["weeks_before"]),
            thousands(each["p50_tps"]),
            thousands(each["p90_tps"]),
            _above(each, capacity),
        )
        for each in row["vintages"]
    ]
    return [
        *said,
        _asked_row(row),
        ("Could be carried", "0", Absent("n/a", "na", "") if capacity is None else thousands(capacity), "", ""),
    ]


def _asked_row(row: Row) -> tuple[Any, ...]:
    if row["demand_tps"] is not None:
        return ("Asked in the week", "0", thousands(row["demand_tps"]), "", "")
    served = row["served_tps"]
    least = Absent("n/a", "na", "All requests were turned away.") if served is None else thousands(served)
    return ("Served in the week, asked is not known", "0", least, "", "")


def _above(said: Row, capacity: Decimal | None) -> Any:
    if capacity is None:
        return Absent("n/a", "na", "What could be carried is not known.")
    return "at P50" if said["p50_tps"] > capacity else "at P90" if said["p90_tps"] > capacity else "no"


def term_text(value: Any) -> str | Absent:
    """A term of the figure: a number with thousands, at most two places; words as they are."""
    if isinstance(value, Absent):
        return value
    if value is None:
        return Absent("n/a", "na", "Not known.")
    text = str(value)
    if not NUMBER.fullmatch(text):
        return text
    number = Decimal(text)
    return thousands(number, places=0 if number == number.to_integral_value() else 2)


# --- charts -------------------------------------------------------------------------------------------------------


def _figure(row: Row) -> Any:
    lines: dict[str, list[tuple[int, int, int]]] = {}
    for each in row["vintages"]:
        lines.setdefault(each["source"], []).append((each["weeks_before"], each["p50_tps"], each["p90_tps"]))
    return forecasts_of_week(
        said=[SaidLine(source=source, points=points) for source, points in sorted(lines.items())],
        demand=None if row["demand_tps"] is None else float(row["demand_tps"]),
        capacity=None if row["capacity_tps"] is None else float(row["capacity_tps"]),
    )


def tokens_chart(rows: Sequence[Row], names: Mapping[str, str]) -> Any | None:
    """Tokens a week of the workloads that used most; a partial or missing week is a gap. None where tokens are hidden."""
    shown = week_rows(rows, names)
    if not shown or any(isinstance(row["tokens"], Absent) for row in shown):
        return None
    keys = sorted({row["week"] for row in shown})
    first, last = Week.parse(keys[0]), Week.parse(keys[-1])
    weeks = [first.plus(index) for index in range(first.weeks_until(last) + 1)]
    by_name: dict[str, dict[str, Decimal]] = {}
    for row in shown:
        by_name.setdefault(row["name"], {})
        if not row["is_partial"]:
            by_name[row["name"]][row["week"]] = row["tokens"]
    largest = sorted(by_name, key=lambda name: (-sum(by_name[name].values(), Decimal(0)), name))
    lines = [
        (
            name,
            [
                float(by_name[name][each.key] * TOKENS_PER_MILLION) if each.key in by_name[name] else None
                for each in weeks
            ],
        )
        for name in largest[:MOST_LINES]
    ]
    return tokens_by_week(weeks=weeks, lines=lines)


MOST_LINES = 6

"""Visible remedy rows → who is short, since when, what doing nothing costs and what would help, in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capacity.lib.figures import RESTRICTED, Absent, counted, thousands, usd, week
from capacity.lib.horizon import Week
from capacity.review.tables import Row
from capacity.review.words import part, word

DO_NOTHING, MORE_SUPPLY = "do_nothing", "more_supply"


def shortages(rows: Sequence[Row], *, names: Mapping[str, str], year: int) -> list[Row]:
    """One row a shortage, the earliest first, then the largest. names: pool → what people call it.

    rows: in the table's own order, in which a shortage begins with what doing nothing costs.
    """
    found: list[Row] = []
    for row in rows:
        if row["remedy"] == DO_NOTHING:
            found.append({**row, "remedies": [], "from": week(Week.parse(row["first_week"]), year=year)})
        elif found:
            found[-1]["remedies"].append(remedy_words(row, names=names, year=year))
    return sorted(
        found, key=lambda row: (Week.parse(row["first_week"]), -row["short_accelerator_weeks"], str(row["label"]))
    )


def remedy_words(row: Row, *, names: Mapping[str, str], year: int) -> str:
    """ "Buy burst: 64 in H100 us-east, $94.1k, now; covers 80 of 96"."""
    where = names.get(row["pool_key"], row["pool_key"])
    text = f"{word('remedy', row['remedy'])}: {thousands(row['accelerators'])}"
    text += f" in {where}" if where else ""
    cost = _cost(row)
    text += f", {cost}" if cost else ""
    text += f", {_when(row, year)}"
    if 0 < row["covered_accelerator_weeks"] < row["short_accelerator_weeks"]:
        text += (
            f"; covers {thousands(row['covered_accelerator_weeks'])} of {thousands(row['short_accelerator_weeks'])} "
            "accelerator-weeks"
        )
    if row["displaces"]:
        text += "; displaces " + ", ".join(part("displaces", each) for each in row["displaces"])
    return text


def _cost(row: Row) -> str:
    value = row["usd"]
    if value is RESTRICTED:
        return ""
    if isinstance(value, Absent):
        return value.word
    if value is None:
        return "cost not known"
    if row["remedy"] == MORE_SUPPLY and not row["covered_accelerator_weeks"]:
        return ""
    return usd(value) if value else "no cost"


def _when(row: Row, year: int) -> str:
    if row["remedy"] != MORE_SUPPLY:
        return "now"
    if row["lead_weeks_p50"] is None:
        return "lead time not known"
    lead = f"{row['lead_weeks_p50']}–{row['lead_weeks_p90']} weeks"
    if row["lead_weeks_p50"] == row["lead_weeks_p90"]:
        lead = counted(row["lead_weeks_p50"], "week")
    arrives = week(Week.parse(row["helps_from"]), year=year)
    if not row["covered_accelerator_weeks"]:
        return f"too late: {lead} to deliver, there from {arrives} at best"
    return f"{lead} to deliver, there from {arrives}"

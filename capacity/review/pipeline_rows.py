"""The pipeline page's sums: visible rows of deals by state, in the workflow's order. Pure.

A sum is made of what the reader sees: where one part is hidden the sum is, and what is not known is counted beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from capacity.access.visibility import RESTRICTED
from capacity.lib.figures import Absent, counted, thousands, usd
from capacity.review.listing import cell_text
from capacity.review.table_specs import DEALS
from capacity.review.tables import OTHERS_DEAL, Row
from capacity.review.verdicts import Verdict
from capacity.review.words import word
from contracts.domain.workflow import PIPELINE, STATES

NEEDS, MONEY = "needs alone", "; revenue over the plan's horizon"
SUMS = ("accelerators", "weighted_accelerators", "held_accelerators", "revenue_usd", "weighted_revenue_usd")


def own_and_others(rows: Sequence[Row]) -> tuple[list[Row], int | Decimal]:
    """The deals the reader may know of, and the accelerators that the plan holds for all others together."""
    known = [row for row in rows if row["label"] != OTHERS_DEAL]
    others = [row["held_accelerators"] for row in rows if row["label"] == OTHERS_DEAL]
    return known, sum((each for each in others if _is_known(each)), Decimal(0))


def by_state(rows: Sequence[Row], *, guard: Callable[[Any], Any], year: int) -> dict[str, Any] | None:
    """caption, heads and rows of the table by state; None where there is no deal or its state is hidden."""
    states = [state for state, _ in STATES if state in PIPELINE and any(row["state"] == state for row in rows)]
    if not states:
        return None
    columns = [DEALS.column(name) for name in SUMS if any(row[name] is not RESTRICTED for row in rows)]
    return {
        "caption": NEEDS + (MONEY if any(column.unit == "USD" for column in columns) else ""),
        "heads": [(column.label, column.unit) for column in columns],
        "rows": [
            _line(state, [row for row in rows if row["state"] == state], columns, guard, year) for state in states
        ],
    }


def pipeline_verdict(rows: Sequence[Row], others: int | Decimal) -> Verdict:
    """How much is on its way and how much of it the plan holds; which holds are short."""
    more = f" {thousands(others)} accelerators are held for other accounts." if others else ""
    if not rows:
        return ("No deal is in the pipeline.", more.strip())
    held = [row for row in rows if _is_known(row["held_accelerators"])]
    text = f"{counted(len(rows), 'deal')} on the way, {thousands(len(held))} of them with a hold"
    amount = sum((row["held_accelerators"] for row in held), Decimal(0))
    text += f": {thousands(amount)} accelerators." if held else "."
    short = [row for row in held if _is_known(row["short_accelerators"]) and row["short_accelerators"] > 0]
    said = []
    if short:
        worst = max(short, key=lambda row: (row["short_accelerators"], str(row["label"])))
        most = f"most {worst['label']} by {thousands(worst['short_accelerators'])}"
        said.append(f"{counted(len(short), 'hold')} short in this plan, {most}.")
    money = [row["weighted_revenue_usd"] for row in rows if _is_known(row["weighted_revenue_usd"])]
    if money:
        said.append(f"{usd(sum(money, Decimal(0)))} of revenue over the horizon, × probability.")
    return text, " ".join(said) + more


def _line(
    state: str, rows: list[Row], columns: Sequence[Any], guard: Callable[[Any], Any], year: int
) -> dict[str, Any]:
    cells = []
    for column in columns:
        values = [row[column.name] for row in rows]
        total: Any = RESTRICTED
        if not any(value is RESTRICTED for value in values):
            known = [value for value in values if _is_known(value)]
            total = sum(known, Decimal(0)) if known else None
        shown = guard(total) if column.unit == "USD" else total
        cells.append(
            {"text": cell_text(column.name, column.kind, shown, year=year), "is_number": True, "label": column.label}
        )
    return {"state": word("state", state), "url": f"?state={state}", "count": thousands(len(rows)), "cells": cells}


def _is_known(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, Absent)

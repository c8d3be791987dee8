"""A contract at 1, 2, 3 times its expected use: the heat table, its finding in one sentence, and the chart. Pure.

Works on rows that passed the visibility table: a hidden figure colours nothing and enters no sentence, a band colours
nothing either (a state beside a band would narrow it), and without the curve there is no chart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.lib.figures import RESTRICTED, day, ratio, share, usd
from capacity.review.listing import Cell, cell_text
from capacity.review.plots import Figure, MarginByUse, margin_by_use
from capacity.review.table_specs import CONTRACT_MULTIPLES
from capacity.review.tables import Row
from capacity.review.words import word

COLUMNS = (
    "accelerators",
    "reserved_cost_usd",
    "revenue_usd",
    "margin_usd",
    "margin_share",
    "loss_exposure_usd",
    "capacity_gap_accelerators",
)
# What each column says, for whoever asks its head.
FORMULAS = {
    "accelerators": "need of the peak alone, spares included, in whole replicas; at least what is promised",
    "reserved_cost_usd": "accelerators × 730 h × the rate of what serves it",
    "revenue_usd": "the month's bill at this use",
    "margin_usd": "revenue − reserved cost",
    "margin_share": "margin ÷ revenue",
    "loss_exposure_usd": "the largest max(0, reserved cost − revenue) between expected use and this use",
    "capacity_gap_accelerators": "accelerators − those of expected use",
}
_COLOURED = frozenset({"margin_usd", "margin_share"})
LOSES, BELOW, MEETS = "loses", "below target", "meets target"
_CLASSES = {LOSES: "use-loses", BELOW: "use-below", MEETS: "use-meets"}


@dataclass(frozen=True, kw_only=True, slots=True)
class HeatRow:
    """One multiple. state: words for its margin ("" where it must not be told); cells: (cell, class)."""

    name: str
    note: str
    state: str
    cells: Sequence[tuple[Cell, str]]


def use_context(rows: Sequence[Row], *, contract: Row, target: Decimal | None, year: int) -> dict[str, Any] | None:
    """What contracts/_use.html shows; None without rows. target: the policy's margin, None where the reader may not know.

    contract: its exposure row, which holds the break-even use.
    """
    if not rows:
        return None
    names = [CONTRACT_MULTIPLES.column(name) for name in COLUMNS]
    broken = contract["break_even_multiple"]
    curve = next((row["curve"] for row in rows if isinstance(row["curve"], list) and row["curve"]), None)
    return {
        "heads": [(column.label, column.unit, FORMULAS[column.name]) for column in names],
        "rows": [_heat_row(row, target=target) for row in rows],
        "month": f"{rows[0]['hours']} hours as of {day(rows[0]['on_date'], year=year)}",
        "target": None if target is None else share(target),
        "finding": finding(rows, broken),
        "figure": None if curve is None else _figure(rows, curve, broken),
        "breaks_even": isinstance(broken, Decimal),
        "chart_hidden": any(row["curve"] is RESTRICTED for row in rows),
        "point_heads": ["Multiple of expected use", "Margin a month"],
        "points": [] if curve is None else [[f"{multiple}×", usd(Decimal(usd_))] for multiple, usd_ in curve],
    }


def _heat_row(row: Row, *, target: Decimal | None) -> HeatRow:
    state = margin_state(row["margin_usd"], row["margin_share"], target)
    asked = ratio(row["multiple"], places=0 if row["multiple"] == int(row["multiple"]) else 2)
    note = f"as at its cap, {ratio(row['used_multiple'], places=2)}" if row["used_multiple"] < row["multiple"] else ""
    if row["multiple"] == 1 and row["basis"] == "multiple":
        note = note or "expected use"
    cells = []
    for name in COLUMNS:
        column = CONTRACT_MULTIPLES.column(name)
        cell = Cell(
            text=cell_text(name, column.kind, row[name]), is_number=True, title=FORMULAS[name], label=column.label
        )
        cells.append((cell, _CLASSES.get(state, "") if name in _COLOURED else ""))
    return HeatRow(
        name=f"Worst reasonable, {asked}" if row["basis"] == "worst" else asked, note=note, state=state, cells=cells
    )


def margin_state(margin: Any, margin_share: Any, target: Decimal | None) -> str:
    """loses, below target or meets target; "" where the margin is hidden, banded or not known."""
    if not isinstance(margin, Decimal):
        return ""
    if margin < 0:
        return LOSES
    if target is None or not isinstance(margin_share, Decimal):
        return ""
    return MEETS if margin_share >= target else BELOW


def finding(rows: Sequence[Row], broken: Any) -> str:
    """What more use does to the contract, in one sentence."""
    last = next((row for row in reversed(rows) if row["basis"] == "multiple"), rows[-1])
    end = _at(last)
    if broken is RESTRICTED:
        return "What more use does to its margin is not for your role."
    if isinstance(broken, Decimal):
        return f"It pays for itself up to {ratio(broken, places=2)} its expected use. {end}".strip()
    reason = rows[0]["break_even_reason"]
    if isinstance(reason, str) and reason:
        end = f"{word('break_even_reason', reason)} {end}".strip()
    return end or "What more use would do to its margin is not known."


def _at(row: Row) -> str:
    margin, part = row["margin_usd"], row["margin_share"]
    # At its cap it uses less than the multiple that was asked for.
    used = row["used_multiple"]
    use = ratio(used, places=0 if used == int(used) else 2)
    if not isinstance(margin, Decimal):
        return ""
    if margin < 0:
        return f"At {use} it loses {usd(-margin)} a month."
    kept = f", {share(part)} of its revenue" if isinstance(part, Decimal) else ""
    return f"At {use} it earns {usd(margin)} a month{kept}."


def _figure(rows: Sequence[Row], curve: list[list[str]], broken: Any) -> Figure:
    known = [row for row in rows if isinstance(row["margin_usd"], Decimal)]
    return margin_by_use(
        MarginByUse(
            curve=[(float(multiple), float(margin)) for multiple, margin in curve],
            marks=[
                (
                    float(row["used_multiple"]),
                    float(row["margin_usd"]),
                    "worst" if row["basis"] == "worst" else ratio(row["multiple"], places=0),
                )
                for row in known
            ],
            break_even=float(broken) if isinstance(broken, Decimal) else None,
        )
    )

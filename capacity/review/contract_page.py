"""One contract in sections: what is promised, what it takes on three bases, what it earns at P50 and worst. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.access.bands import Banded
from capacity.lib.figures import RESTRICTED, Absent
from capacity.review.listing import Cell, cell_text
from capacity.review.table_specs import DEALS, EXPOSURE, SHORTFALLS
from capacity.review.tables import Row
from capacity.review.words import word
from contracts.domain.price_war import margin_after_cut

_PROMISE = [
    "customer_name",
    "customer_alias",
    "shape",
    "workload_key",
    "model_tier",
    "starts_date",
    "ends_date",
    "weeks",
    "is_uncapped",
    "is_sized",
]
_CAPACITY = [
    "committed_accelerators",
    "planned_accelerators",
    "worst_accelerators",
    "capacity_gap_accelerators",
    "worst_multiple",
    "coverage_share",
    "first_short_week",
    "short_accelerator_weeks",
]
# Name, column at P50, column at worst reasonable use; "" where the basis has no such figure.
_MONEY = (
    ("Revenue", "revenue_usd", "worst_revenue_usd"),
    ("Reserved cost", "reserved_cost_usd", "worst_cost_usd"),
    ("Margin, fully loaded", "margin_usd", "worst_margin_usd"),
    ("Margin ÷ revenue", "margin_share", "worst_margin_share"),
    ("Consumed cost", "consumed_cost_usd", ""),
    ("Margin on consumed cost", "consumed_margin_usd", ""),
    ("Loss exposure", "", "loss_exposure_usd"),
    ("Break-even use", "", "break_even_multiple"),
)
_CUT = Decimal("0.4")
_CUT_NAME = "Margin ÷ revenue, prices cut 40%"
_SHORT_COLUMNS = ("week", "short_accelerators", "work", "served", "usd_lost")
_FLAG_HELP = {
    "unsized": "Measure a throughput profile, or state the expected use.",
    "unknown_price": "Enter the missing price line.",
    "uncapped": "Agree a rate limit: without one the worst use is set by policy.",
    "burndown_mismatch": "Set the unit's output weight to what the profile measures.",
    "pinned_past_retirement": "Agree a migration before the model retires.",
    "no_pool_in_region": "Add supply in its regions, or agree other regions.",
}


def contract_sections(*, row: Row, short: Sequence[Row], links: Mapping[str, str], year: int) -> dict[str, Any]:
    """promise and capacity: (label, cell); money: (name, cell at P50, cell at worst); flags: (words, what to do);
    short: rows of cells, with their heads. links: column → address of its figure."""

    def written(name: str) -> Cell:
        column = EXPOSURE.column(name)
        value = row[name]
        return Cell(
            text=cell_text(name, column.kind, value, year=year),
            is_number=column.is_number,
            href="" if isinstance(value, Absent) else links.get(name, ""),
        )

    flags = row["flags"] if isinstance(row["flags"], list) else []
    return {
        "promise": [(EXPOSURE.column(name).label, written(name)) for name in _PROMISE],
        "capacity": [(_with_unit(name), written(name)) for name in _CAPACITY],
        "money": [
            *(
                (name, written(expected) if expected else None, written(worst) if worst else None)
                for name, expected, worst in _MONEY
            ),
            (_CUT_NAME, *(_after_cut(row[name], year) for name in ("margin_share", "worst_margin_share"))),
        ],
        "flags": [(word("flags", code).capitalize(), _FLAG_HELP.get(code, "")) for code in flags],
        "flags_hidden": not isinstance(row["flags"], list),
        "short": _short(short, year),
    }


_DEAL = (
    "customer_name",
    "shape",
    "workload_key",
    "starts_date",
    "ends_date",
    "accelerators",
    "revenue_usd",
    "probability",
    "expires_date",
    "weighted_accelerators",
    "weighted_revenue_usd",
    "held_accelerators",
    "short_accelerators",
)


def deal_facts(row: Row, *, year: int) -> dict[str, Any]:
    """What a plan says of a deal: (label with unit, cell), and why its need is not known."""
    facts = []
    for name in _DEAL:
        column = DEALS.column(name)
        text = cell_text(name, column.kind, row[name], year=year)
        label = f"{column.label} ({column.unit})" if column.unit else column.label
        facts.append((label, Cell(text=text, is_number=column.is_number)))
    return {"facts": facts, "sentence": row["sentence"] if isinstance(row["sentence"], str) else ""}


def _after_cut(margin: object, year: int) -> Cell:
    """The margin after a price war, for whoever reads the margin it follows from: of a band there is none to tell.

    (methods: Price cuts)
    """
    column, value = EXPOSURE.column("margin_share"), margin
    if isinstance(margin, Decimal):
        value = margin_after_cut(revenue_usd=Decimal(1), cost_usd=1 - margin, cut_share=_CUT)
    elif isinstance(margin, Banded) or not isinstance(margin, Absent):
        value = RESTRICTED
    return Cell(text=cell_text("margin_share", column.kind, value, year=year), is_number=column.is_number)


def _with_unit(name: str) -> str:
    column = EXPOSURE.column(name)
    return f"{column.label} ({column.unit})" if column.unit else column.label


def _short(rows: Sequence[Row], year: int) -> dict[str, Any] | None:
    """The weeks in which it is short; None where it is not, or where the reader may not know the weeks."""
    if not rows or any(isinstance(row["week"], Absent) for row in rows):
        return None
    columns = [SHORTFALLS.column(name) for name in _SHORT_COLUMNS]
    return {
        "head": [(column.label, column.unit) for column in columns],
        "rows": [[cell_text(c.name, c.kind, row[c.name], year=year) for c in columns] for row in rows],
    }

"""How concentrated a set of contracts is: shares of revenue and of capacity by customer, model and region. Pure.

Works on visible rows, as totals do: it follows the filter, and a share of which a part is hidden is hidden whole. What
is not known is left out and counted; it is never zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from capacity.lib.figures import NOTHING, RESTRICTED, Absent, counted, share
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import exact
from capacity.review.listing import total_of
from capacity.review.table_columns import Column
from capacity.review.tables import Row

TOPS = (1, 3, 5)
SHOWN = 5
# Contracts without a region may be served anywhere, those without a model by none that is known.
ANYWHERE, NO_MODEL = "any region", "no model"
COLUMNS = (
    Column(name="dimension", label="By"),
    Column(name="name", label="Name"),
    Column(name="contracts", label="Contracts", unit="contracts", kind="thousands"),
    Column(name="revenue_usd", label="Revenue, P50", unit="USD", kind="usd"),
    Column(name="revenue_share", label="Share of revenue", kind="share"),
    Column(name="accelerators", label="Planned (P50), alone", unit="accelerators", kind="thousands"),
    Column(name="capacity_share", label="Share of capacity", kind="share"),
)
# Dimension → (what contracts of one part have in common, its name). Two customers of one name are two.
_PART_OF: Mapping[str, Callable[[Row], tuple[str, str]]] = {
    "Customer": lambda row: (str(row["customer_key"]), str(row["customer_name"])),
    "Model": lambda row: (str(row["model_name"]), str(row["model_name"] or NO_MODEL)),
    "Region": lambda row: (" or ".join(row["regions"]), " or ".join(row["regions"]) or ANYWHERE),
}
_SHARES = (("revenue_usd", "revenue_share"), ("accelerators", "capacity_share"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Concentration:
    """One dimension: facts (words, share of revenue, share of capacity), and its largest parts."""

    dimension: str
    facts: Sequence[tuple[str, Any, Any]]
    rows: Sequence[Row]
    count: int


def concentration_rows(rows: Sequence[Row]) -> list[Row]:
    """One row a customer, model and region set, the largest capacity first within each."""
    with localcontext(exact_context()):
        return [row for dimension in _PART_OF for row in _rows_by(dimension, rows)]


def _grouped(dimension: str, rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """(name, its rows) of each part of a dimension."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        grouped.setdefault(_PART_OF[dimension](row), []).append(row)
    return [(name, members) for (_, name), members in grouped.items()]


def _rows_by(dimension: str, rows: Sequence[Row]) -> list[Row]:
    found = [
        {
            "dimension": dimension,
            "name": name,
            "contracts": len(members),
            "revenue_usd": total_of([row["revenue_usd"] for row in members]),
            "accelerators": total_of([row["planned_accelerators"] for row in members]),
        }
        for name, members in _grouped(dimension, rows)
    ]
    for part, its_share in _SHARES:
        _add_share(found, part, its_share)
    return sorted(found, key=lambda row: (-_number(row["accelerators"]), -_number(row["revenue_usd"]), row["name"]))


def _add_share(rows: Sequence[Row], part: str, its_share: str) -> None:
    whole = total_of([row[part] for row in rows])
    for row in rows:
        row[its_share] = _share(row[part], whole)


def customer_concentration(rows: Sequence[Row], *, column: str) -> Row | None:
    """What the cards say of customers, of any column of contracts: the largest by name, its share, that of the five
    largest, HHI. None where a part may not be seen, or nothing is known."""
    with localcontext(exact_context()):
        parts: list[Row] = [
            {"name": name, "part": total_of([row[column] for row in members])}
            for name, members in _grouped("Customer", rows)
        ]
        _add_share(parts, "part", "share")
        known = [part for part in parts if isinstance(part["share"], Decimal)]
        if not known or any(part["share"] is RESTRICTED for part in parts):
            return None
        return {
            "largest": min(known, key=lambda part: (-part["share"], part["name"]))["name"],
            "largest_share": _written(_top(parts, "share", 1)),
            "five_share": _written(_top(parts, "share", 5)),
            "hhi": _index(parts, "share"),
            "customers": len(known),
        }


def _share(part: Any, whole: Any) -> Any:
    if part is RESTRICTED or whole is RESTRICTED:
        return RESTRICTED
    if not isinstance(part, Decimal) or not isinstance(whole, Decimal) or not whole:
        return part if isinstance(part, Absent) else NOTHING
    return to_decimal(exact(part) / exact(whole))


def _number(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(0)


def concentrations(rows: Sequence[Row]) -> list[Concentration]:
    """The cards of the page: top 1, 3 and 5 and the Herfindahl index of each dimension. rows: of concentration_rows."""
    return [
        Concentration(
            dimension=dimension,
            facts=_facts([row for row in rows if row["dimension"] == dimension]),
            rows=[row for row in rows if row["dimension"] == dimension][:SHOWN],
            count=sum(row["dimension"] == dimension for row in rows),
        )
        for dimension in _PART_OF
    ]


def _facts(rows: Sequence[Row]) -> list[tuple[str, Any, Any]]:
    facts: list[tuple[str, Any, Any]] = []
    for top in TOPS:
        if top == 1 or len(rows) > top:
            name = "Largest" if top == 1 else f"Largest {top}"
            revenue, capacity = (_written(_top(rows, its_share, top)) for _, its_share in _SHARES)
            facts.append((name, revenue, capacity))
    revenue, capacity = (_index(rows, its_share) for _, its_share in _SHARES)
    facts.append(("HHI", revenue, capacity))
    hidden = [any(row[its_share] is RESTRICTED for row in rows) for _, its_share in _SHARES]
    return [
        (name, RESTRICTED if hidden[0] else revenue, RESTRICTED if hidden[1] else capacity)
        for name, revenue, capacity in facts
    ]


def _index(rows: Sequence[Row], its_share: str) -> Any:
    found = herfindahl(_known(rows, its_share))
    return NOTHING if found is None else f"{found:.3f}"


def _top(rows: Sequence[Row], its_share: str, top: int) -> Decimal | None:
    known = sorted(_known(rows, its_share), reverse=True)
    return sum(known[:top], Decimal(0)) if known else None


def _written(value: Decimal | None) -> Any:
    return NOTHING if value is None else share(value)


def _known(rows: Iterable[Row], its_share: str) -> list[Decimal]:
    return [row[its_share] for row in rows if isinstance(row[its_share], Decimal)]


def herfindahl(shares: Sequence[Decimal]) -> Decimal | None:
    """Σ share²; None of nothing. 50, 30 and 20 % are 0.38."""
    with localcontext(exact_context()):
        return sum((each * each for each in shares), Decimal(0)) if shares else None


def concentration_sentence(rows: Sequence[Row]) -> str:
    """Whom the portfolio hangs on, for the verdict; "" where it may not be told."""
    customers = [row for row in rows if row["dimension"] == "Customer"]
    for its_share, what in (("revenue_share", "revenue"), ("capacity_share", "planned capacity")):
        part = _top(customers, its_share, 3)
        if part is not None and len(customers) > 3 and not any(row[its_share] is RESTRICTED for row in customers):
            return f"Its three largest of {counted(len(customers), 'customer')} make {share(part)} of {what}."
    return ""

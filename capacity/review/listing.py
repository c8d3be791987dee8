"""Lists as pages and files show them: visible rows → filtered, searched, sorted, totalled and written cells. Pure.

Works only on rows that already went through the visibility table, so that no filter, search, sort or total can tell
what a cell hides. Which rows, and the markup, is the caller's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from capacity.access.bands import Banded
from capacity.lib import figures
from capacity.lib.figures import NOTHING, RESTRICTED, Absent
from capacity.lib.horizon import Week
from capacity.review import words
from capacity.review.table_columns import Column
from capacity.review.tables import Row

WEEK_COLUMNS = frozenset(
    {"week", "start_week", "first_short_week", "first_week", "worst_week", "helps_from", "last_week"}
)
LONGEST_SEARCH = 100

_DIGITS = re.compile(r"([0-9]+)")
_WRITE: Mapping[str, Callable[[Any], str]] = {
    "thousands": figures.thousands,
    "signed": lambda value: figures.thousands(value, signed=True),
    "usd": figures.usd,
    "share": figures.share,
    "fine_share": lambda value: figures.share(value, places=2),
    "signed_share": lambda value: ("+" if value > 0 else "") + figures.share(value),
    "factor": lambda value: figures.thousands(value, places=3),
    "hundredths": lambda value: figures.thousands(value, places=2),
    "ratio": lambda value: figures.ratio(value, places=2),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ListSpec:
    """A list. columns: the first names the row. filters: columns offered as choices. search: columns read by `q`.

    sort: the column it starts sorted by, "-" before it for descending; "" keeps the order of the rows. totals: columns
    that add up. prefix: before its own parameters, where a page has several lists.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    sort: str = ""
    totals: tuple[str, ...] = ()
    prefix: str = ""
    rows_per_page: int = 50
    empty: str = "This plan has none."

    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """A written cell. text: words or an absence; title: what a hover adds; href: where it leads; label: its column's."""

    text: str | Absent
    is_number: bool
    href: str = ""
    title: str = ""
    wraps: bool = False
    label: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """A column's head: the link that sorts by it, and how it is sorted now (ascending, descending or "")."""

    label: str
    unit: str
    url: str
    sort: str
    is_number: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A filter: its column, name, the choices there are (value, words) and the chosen value."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...]
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A list, read. rows: all that match, in order. columns: those the reader may see any cell of."""

    spec: ListSpec
    rows: list[Row]
    all_rows: int
    columns: tuple[Column, ...]
    hidden: tuple[Column, ...]
    choices: tuple[Choice, ...]
    q: str
    sort: str
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_filtered(self) -> bool:
        return bool(self.q or any(choice.value for choice in self.choices))

    def link(self, **changes: str) -> str:
        """`?…` of this list with parameters changed; an empty one is left out."""
        prefix = self.spec.prefix
        now = {
            **self.kept,
            **{choice.name: choice.value for choice in self.choices},
            "q": self.q,
            prefix + "sort": "" if self.sort == self.spec.sort else self.sort,
            **changes,
        }
        return "?" + urlencode({name: value for name, value in now.items() if value})


class HiddenColumn(Exception):
    """The list was asked to sort or filter by a column of which its reader sees nothing: to be answered as missing."""


def read_list(
    *,
    spec: ListSpec,
    rows: Sequence[Row],
    params: Mapping[str, str],
    kept: Mapping[str, str],
    is_filterable: Callable[[str], bool],
) -> Listing:
    """The list as the parameters ask for it. rows: visible rows, in their table's order.

    kept: parameters that every link must carry on (which run). is_filterable: whether the reader sees a column in
    full on every row. Raises HiddenColumn.
    """
    columns = tuple(column for column in spec.columns if _is_shown(column.name, rows, is_filterable))
    shown = {column.name for column in columns}
    asked = {name: params[name] for name in spec.filters if params.get(name)}
    if any(not is_filterable(name) for name in asked):
        raise HiddenColumn
    choices = tuple(
        _choice(spec, name, rows, asked.get(name, "")) for name in spec.filters if is_filterable(name) and rows
    )
    q = params.get("q", "").strip()[:LONGEST_SEARCH]
    sort = params.get(spec.prefix + "sort", "") or spec.sort
    key = sort.removeprefix("-")
    if key in spec.names() and key not in shown and sort != spec.sort:
        raise HiddenColumn
    matching = [row for row in rows if _matches(row, asked) and _is_found(row, spec, q)]
    if key in shown:
        matching = sorted_visibly(matching, key=key, descending=sort.startswith("-"))
    return Listing(
        spec=spec,
        rows=matching,
        all_rows=len(rows),
        columns=columns,
        hidden=tuple(column for column in spec.columns if column.name not in shown),
        choices=choices,
        q=q,
        sort=sort if key in shown else "",
        kept=kept,
    )


def _is_shown(name: str, rows: Sequence[Row], is_filterable: Callable[[str], bool]) -> bool:
    """Whether the reader sees any cell of the column; in a list without rows, whether they would."""
    return any(row[name] is not RESTRICTED for row in rows) if rows else is_filterable(name)


def _choice(spec: ListSpec, name: str, rows: Iterable[Row], value: str) -> Choice:
    column = next((column for column in spec.columns if column.name == name), None)
    found = {str(value) for row in rows for value in _values(row[name])}
    options = sorted(((each, words.word(name, each)) for each in found), key=lambda option: option[1].casefold())
    label = column.label if column else name.removesuffix("_key").replace("_", " ").capitalize()
    return Choice(name=name, label=label, options=tuple(options), value=value)


def _matches(row: Row, asked: Mapping[str, str]) -> bool:
    return all(value in map(str, _values(row[name])) for name, value in asked.items())


def _values(value: Any) -> Sequence[Any]:
    """What a cell can be chosen by: each item of a list, else itself; nothing where it is empty."""
    if isinstance(value, list):
        return value
    return () if value in (None, "") else (value,)


def _is_found(row: Row, spec: ListSpec, q: str) -> bool:
    if not q:
        return True
    needle = q.casefold()
    return any(
        needle in text.casefold()
        for name in spec.search
        if isinstance(text := cell_text(name, "text", row[name]), str) and text != figures.EM_DASH
    )


def sorted_visibly(rows: Sequence[Row], *, key: str, descending: bool) -> list[Row]:
    """Rows by what the reader sees of a column; a band counts by its lower bound; what is absent comes last."""

    def place(row: Row) -> Any:
        value = row[key]
        if isinstance(value, Banded):
            return value.low
        if isinstance(value, list):
            return len(value)
        return natural(value) if isinstance(value, str) else value

    def is_known(row: Row) -> bool:
        value = row[key]
        return isinstance(value, Banded) or not (value is None or value == "" or isinstance(value, Absent))

    known = [row for row in rows if is_known(row)]
    return [*sorted(known, key=place, reverse=descending), *(row for row in rows if not is_known(row))]


def in_readers_order(rows: list[Row], order: Sequence[str]) -> list[Row]:
    """Rows in an order that tells nothing hidden: where a column of the table's order is hidden, by what is seen.

    The order of rows by a hidden key would give away how the keys sort.
    """
    if all(row.get(name) is not RESTRICTED for row in rows for name in order):
        return rows
    names = sorted(rows[0], key=lambda name: (name != "label", name))
    return sorted(rows, key=lambda row: [natural(str(row[name])) for name in names])


def natural(text: str) -> list[tuple[int, int | str]]:
    """A text's place in an order in which C-2 stands before C-10."""
    parts = (part for part in _DIGITS.split(text.casefold()) if part)
    return [(0, int(part)) if _DIGITS.fullmatch(part) else (1, part) for part in parts]


# --- writing ------------------------------------------------------------------------------------------------------


def cell_text(name: str, kind: str, value: Any, *, year: int | None = None) -> str | Absent:
    """A cell as a page writes it. year: the year the reader is in; dates of another one carry theirs."""
    if isinstance(value, Absent):
        return value
    if value is None or value == "" or value == []:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(words.part(name, item, year=year) for item in value)
    if kind == "day" or isinstance(value, date):
        return figures.day(value, year=year)
    if name in WEEK_COLUMNS:
        return figures.week(Week.parse(value), year=year)
    if kind in _WRITE:
        return _WRITE[kind](value)
    if name == "sentence":
        return words.with_mondays(str(value), year=year)
    return words.word(name, str(value))


def is_amount(column: Column) -> bool:
    """Whether a column is written at the right: numbers are, days are not."""
    return column.is_number and column.kind != "day"


def heads(listing: Listing) -> list[Head]:
    """The heads of the columns shown, each with the link of its next sort: descending first for numbers."""
    found = []
    for column in listing.columns:
        is_sorted = listing.sort.removeprefix("-") == column.name
        is_descending = listing.sort.startswith("-")
        next_is_descending = not is_descending if is_sorted else column.is_number
        found.append(
            Head(
                label=column.label,
                unit=column.unit,
                url=listing.link(**{listing.spec.prefix + "sort": ("-" if next_is_descending else "") + column.name}),
                sort=("descending" if is_descending else "ascending") if is_sorted else "",
                is_number=is_amount(column),
            )
        )
    return found


Link = Callable[[Row, str], str]


def cells(listing: Listing, row: Row, *, year: int | None, link: Link | None = None) -> list[Cell]:
    """One row, written. link: (row, column) → where the cell leads, "" for nowhere."""
    found = []
    for column in listing.columns:
        value = row[column.name]
        is_week = column.name in WEEK_COLUMNS and isinstance(value, str) and value
        found.append(
            Cell(
                text=cell_text(column.name, column.kind, value, year=year),
                is_number=is_amount(column),
                href="" if link is None or isinstance(value, Absent) else link(row, column.name),
                title=str(value) if is_week else "",
                wraps=isinstance(value, list) or column.name in ("sentence", "left_out_words"),
                label=column.label,
            )
        )
    return found


def total_of(values: Sequence[Any]) -> Decimal | Absent:
    """The exact sum of a column. RESTRICTED when any part is hidden or banded; parts not known are left out.

    Nothing known at all is an absence like its parts': a total of unknowns is not zero.
    """
    if any(value is RESTRICTED or isinstance(value, Banded) for value in values):
        return RESTRICTED
    known = [Decimal(value) for value in values if value is not None and not isinstance(value, Absent)]
    if not known:
        return next((value for value in values if isinstance(value, Absent)), NOTHING)
    return sum(known, Decimal(0))


def written_totals(
    listing: Listing, *, label: str, guard: Callable[[Decimal | Absent], Any] = lambda value: value
) -> list[Cell] | None:
    """The totals row over all matching rows, money to the cent; None where the list has nothing to add up.

    guard: a last say on each sum (small sums are withheld from some roles). Parts left out are counted in the title.
    """
    names = {column.name for column in listing.columns}
    if not listing.rows or not names & set(listing.spec.totals):
        return None
    found = [Cell(text=label, is_number=False)]
    for column in listing.columns[1:]:
        if column.name not in listing.spec.totals:
            found.append(Cell(text="", is_number=is_amount(column), label=column.label))
            continue
        values = [row[column.name] for row in listing.rows]
        total = guard(total_of(values))
        left_out = sum(value is None or isinstance(value, Absent) for value in values)
        if isinstance(total, Absent):
            found.append(Cell(text=total, is_number=True, label=column.label))
            continue
        text = figures.usd_exact(total) if column.kind == "usd" else figures.thousands(total)
        note = f"without {figures.counted(left_out, 'row')} of unknown value" if left_out else ""
        found.append(Cell(text=text, is_number=True, title=note, label=column.label))
    return found


def left_out(listing: Listing) -> int:
    """How many matching rows lack a value in a totalled column that the reader sees: said under the table."""
    names = [column.name for column in listing.columns if column.name in listing.spec.totals]
    return sum(
        any(row[name] is None or (isinstance(row[name], Absent) and row[name] is not RESTRICTED) for name in names)
        for row in listing.rows
        if not any(row[name] is RESTRICTED or isinstance(row[name], Banded) for name in names)
    )

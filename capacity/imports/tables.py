"""What an importable table is, and the list of all of them, gathered from each app's `importers.py` at start-up.

The limits of a column (digits, choices, whether it may be empty) come from the model's field, so that they are
stated once. How a column is named in a file, what tells rows apart and what a column refers to is declared here.
"""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from capacity.access.visibility import Viewer
from capacity.imports import cells
from capacity.imports.cells import Column, Value
from capacity.imports.tabular import Issue, Row

_INTEGER_RANGE: dict[str, tuple[int, int]] = {
    "PositiveSmallIntegerField": (0, 32_767),
    "PositiveIntegerField": (0, 2_147_483_647),
    "BigIntegerField": (-(2**63), 2**63 - 1),
    "IntegerField": (-2_147_483_648, 2_147_483_647),
}


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Columns that name a row of another table by (part of) its key.

    field: the foreign key to fill; None when the model keeps the words themselves and the name is only checked.
    target: the other table's name, or None with `model` and `model_key` for rows that are not imported (accounts).
    many: the one column holds a list of names.
    """

    columns: tuple[str, ...]
    target: str = ""
    target_columns: tuple[str, ...] = ("key",)
    field: str | None = None
    many: bool = False
    model: str = ""


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A database constraint in words: which column to look at and what has to hold."""

    column: str
    message: str


Check = Callable[["Sequence[Row]"], Iterable[Issue]]
Values = Mapping[str, Value]
# (who, the row before or None, the row after or None for a removal) → why this person may not write it, or "".
WriteRule = Callable[[Viewer, Values | None, Values | None], str]
# (the row before or None, the row after or None) → why somebody else has to approve this, or "".
CheckerRule = Callable[[Values | None, Values | None], str]


@dataclass(frozen=True, kw_only=True)
class Retire:
    """How a row leaves use without being deleted: the column that is set, to a fixed value or (None) to a date given."""

    column: str
    value: str | None = None
    label: str = "Retire"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table that people keep by file, form and API: one description for all of them.

    key: the columns that tell its rows apart. sentences: constraint name → what it says. immutable: columns that
    never change once written. checks: warnings and errors over all rows of the files at once.
    title, singular, intro: what it is called and what it is for. area: the heading it stands under in the index.
    slug: its name in addresses, pages and API alike. view, change: actions of capacity.access.permissions.
    resource: its lines in the visibility table. owner: the column that names whose a row is (a username or a team).
    label: the column that names a row for people. listed: columns of its list page. filters: columns offered as choices.
    search: columns read by a search. help: column → what to write there, with unit and default. groups: heading →
    columns, the order of its form. bulk: columns that may be set on many rows at once. may_write, needs_checker: rules.
    may_ask: in place of may_write for what is only asked about, where that is not the same.
    reserved: words beside which its rows have a page of their own, so that no row could be found under them.
    is_log: rows of measurement that come by the ten thousand: imported and listed, no single changes are kept of them.
    afterwards: keeps what is summed from the rows true: called with the batch that wrote some, None when some were
    deleted, inside the write's transaction.
    """

    name: str
    model: type[models.Model]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()
    sentences: Mapping[str, Sentence] = field(default_factory=dict)
    immutable: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    title: str = ""
    singular: str = ""
    intro: str = ""
    area: str = ""
    slug: str = ""
    view: str = ""
    change: str = ""
    resource: str = ""
    owner: str = ""
    label: str = ""
    listed: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    help: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    bulk: tuple[str, ...] = ()
    retire: Retire | None = None
    may_write: WriteRule | None = None
    may_ask: WriteRule | None = None
    needs_checker: CheckerRule | None = None
    reserved: tuple[str, ...] = ()
    is_log: bool = False
    afterwards: Callable[[int | None], object] | None = None

    @property
    def foreign_keys(self) -> tuple[Reference, ...]:
        return tuple(reference for reference in self.references if reference.field)

    @property
    def plain_columns(self) -> tuple[str, ...]:
        """The columns that are the model's own fields (not only part of a foreign key)."""
        own = {item.name for item in self.model._meta.concrete_fields if not item.is_relation}
        return tuple(column.name for column in self.columns if column.name in own)

    @property
    def reserved_words(self) -> frozenset[str]:
        """What no new row may have as the first column of its key: addresses have a page of that name, or no page."""
        fixed = ADDRESS_WORDS if len(self.key) == 1 else ()
        return frozenset((*DOTS, *fixed, *self.reserved))

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


# Pages of every table beside those of its rows, under Data and in the API; and what browsers take out of addresses.
ADDRESS_WORDS = ("new", "bulk", "validate")
DOTS = (".", "..")
_TABLES: dict[str, Table] = {}


def register(table: Table) -> None:
    """Make a table importable. Raises ImproperlyConfigured when its name is taken."""
    if table.name in _TABLES and _TABLES[table.name].model is not table.model:
        raise ImproperlyConfigured(f"two importable tables are called {table.name}")
    _TABLES[table.name] = table


def tables() -> dict[str, Table]:
    """All importable tables, each after those it refers to."""
    before = {
        table.name: {reference.target for reference in table.references if reference.target}
        for table in _TABLES.values()
    }
    return {name: _TABLES[name] for name in graphlib.TopologicalSorter(before).static_order()}


def columns_of(model: type[models.Model], names: Sequence[str], *, extra: Iterable[Column] = ()) -> tuple[Column, ...]:
    """Columns for the model's own fields `names`, with the field's limits, followed by `extra` ones."""
    return tuple(_column(model._meta.get_field(name)) for name in names) + tuple(extra)


def key_column(name: str, *, required: bool = True) -> Column:
    """A column that holds the key of a row of another table."""
    return Column(name=name, parse=cells.text(longest=80), required=required)


def whole_column(name: str) -> Column:
    """A column that holds a version number of a row of another table."""
    return Column(name=name, parse=cells.integer(least=0, most=2_147_483_647), required=True)


def _column(item: Any) -> Column:
    required = not (item.null or item.blank or item.has_default() or item.db_default is not models.NOT_PROVIDED)
    return Column(name=item.name, parse=_parser(item), required=required and not isinstance(item, ArrayField))


def _parser(item: Any) -> Callable[[str], Value]:
    if item.choices:
        options = [str(value) for value, _ in item.flatchoices]
        if isinstance(item, models.IntegerField):
            return lambda cell: int(str(cells.choice(options=options)(cell)))
        return cells.choice(options=options)
    if isinstance(item, ArrayField):
        return cells.words(longest=item.base_field.max_length)
    if isinstance(item, models.BooleanField):
        return cells.boolean
    if isinstance(item, models.DecimalField):
        return cells.decimal(digits=item.max_digits, places=item.decimal_places)
    if isinstance(item, models.IntegerField):
        least, most = _INTEGER_RANGE[item.get_internal_type()]
        return cells.integer(least=least, most=most)
    if isinstance(item, models.DateTimeField):
        return cells.iso_datetime
    if isinstance(item, models.DateField):
        return cells.iso_date
    return cells.text(longest=item.max_length)


def database_constraints(table: Table) -> Iterator[str]:
    """The names of the constraints the table's rows must meet, besides its key."""
    for constraint in table.model._meta.constraints:
        yield constraint.name

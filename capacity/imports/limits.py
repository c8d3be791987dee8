"""Ranges and choices as rules of the database, stated once for a column and told to people in the same words.

PostgreSQL holds NaN to be larger than any number, and a comparison with an empty cell refuses nothing: so each range
has both ends, and an empty cell stays allowed where the column allows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.contrib.postgres.fields import DateRangeField
from django.db import models
from django.db.models import Func, Q

from capacity.imports.rows import decimal_text
from capacity.imports.tables import Sentence

# The form of every key people give: no slash, tilde or space, so that it stands in addresses and file names as it is.
KEY = r"^[A-Za-z0-9_.-]{1,80}$"
CURRENCY = r"^[A-Z]{3}$"

Bound = int | str | Decimal
_RANGE, _CHOICE = "_in_range", "_is_listed"
# Above what any column holds, and below NaN.
MOST = Decimal(10) ** 24


class DateRange(Func):
    """`daterange(starts, ends, '[)')` in SQL, for exclusion constraints."""

    function = "daterange"
    output_field = DateRangeField()


def within(prefix: str, **columns: tuple[Bound, Bound | None]) -> list[models.CheckConstraint]:
    """A rule per column: least ≤ value ≤ most (None: no limit but NaN). Names: `<prefix>_<column>_in_range`."""
    return [_range(prefix, column, Decimal(least), most) for column, (least, most) in columns.items()]


def above_zero(prefix: str, *columns: str) -> list[models.CheckConstraint]:
    """A rule per column: above zero, and no NaN."""
    return [
        models.CheckConstraint(
            condition=Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": 0, f"{column}__lte": MOST}),
            name=f"{prefix}_{column}{_RANGE}",
            violation_error_message=f"{_words(column)} must be above zero.",
        )
        for column in columns
    ]


def listed(prefix: str, **columns: Sequence[tuple[str, str]]) -> list[models.CheckConstraint]:
    """A rule per column: one of its choices (an empty text too where the model allows one, said as ("", "…"))."""
    return [
        models.CheckConstraint(
            condition=Q(**{f"{column}__in": [value for value, _ in choices]}),
            name=f"{prefix}_{column}{_CHOICE}",
            violation_error_message=f"{_words(column)} is one of {', '.join(value for value, _ in choices if value)}.",
        )
        for column, choices in columns.items()
    ]


def sentences_of(model: type[models.Model]) -> Mapping[str, Sentence]:
    """What the rules made here say, for a `Table`'s `sentences`: constraint name → column and message."""
    names = {field.name for field in model._meta.concrete_fields}
    return {
        constraint.name: Sentence(column=column, message=str(constraint.violation_error_message))
        for constraint in model._meta.constraints
        if (column := _column(constraint.name, names))
    }


def _column(constraint: str, names: Iterable[str]) -> str:
    """The longest column name that the constraint's own name ends with, before the ending of this module."""
    for ending in (_RANGE, _CHOICE):
        if constraint.endswith(ending):
            stem = constraint.removesuffix(ending)
            return max((name for name in names if stem.endswith(f"_{name}")), key=len, default="")
    return ""


def _range(prefix: str, column: str, least: Decimal, most: Bound | None) -> models.CheckConstraint:
    top = MOST if most is None else Decimal(most)
    upto = "" if most is None else f" and at most {decimal_text(top)}"
    message = f"{_words(column)} is not negative{upto}." if least == 0 else ""
    return models.CheckConstraint(
        condition=Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gte": least, f"{column}__lte": top}),
        name=f"{prefix}_{column}{_RANGE}",
        violation_error_message=message or f"{_words(column)} is at least {decimal_text(least)}{upto}.",
    )


def _words(column: str) -> str:
    """`early_exit_fee_usd` → `The early exit fee usd`: near enough to the column's name to be found."""
    return f"The {column.replace('_', ' ')}"

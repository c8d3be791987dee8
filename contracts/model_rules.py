"""Rules of the database that several tables of contracts share: one of its choices, a share, above zero. No table."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


def one_of(column: str, options: list[tuple[str, str]], name: str, *, blank: bool = False) -> models.CheckConstraint:
    """A rule of the table that the column holds one of its choices, whoever writes."""
    known = [value for value, _ in options] + ([""] if blank else [])
    return models.CheckConstraint(condition=Q(**{f"{column}__in": known}), name=name)


def share(column: str, name: str, *, below_one: bool = False) -> models.CheckConstraint:
    """A rule of the table that the column is empty or lies between 0 and 1."""
    top = {f"{column}__lt": 1} if below_one else {f"{column}__lte": 1}
    known = Q(**{f"{column}__gte": 0}, **top)
    return models.CheckConstraint(condition=Q(**{f"{column}__isnull": True}) | known, name=name)


def empty_or_positive(columns: str, name: str) -> models.CheckConstraint:
    """A rule of the table that each of the columns is empty or above zero."""
    condition = Q()
    for column in columns.split():
        condition &= Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": 0})
    return models.CheckConstraint(condition=condition, name=name)

"""Rules that several tables of workloads state alike, as constraints of the database."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


def chosen(column: str, choices: list[tuple[str, str]], *, name: str) -> models.CheckConstraint:
    """The rule that a column holds one of its choices, kept by the database too."""
    return models.CheckConstraint(condition=Q(**{f"{column}__in": [value for value, _ in choices]}), name=name)


def unknown_or(column: str, **condition: object) -> Q:
    """The condition, or an empty cell: `unknown_or("parameters", gt=0)`."""
    return Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__{lookup}": value for lookup, value in condition.items()})

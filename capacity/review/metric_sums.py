"""Sums and shares that headline metrics are made of: exact, and not known as soon as a part is not known. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from capacity.review.compute import HOLDS

Row = dict[str, Any]
Tables = Mapping[str, list[Row]]


def this_week(tables: Tables) -> list[Row]:
    return [row for row in tables["pool_weeks"] if row["week_index"] == 0]


def promised_and_held(tables: Tables) -> tuple[list[Row], list[Row]]:
    """Demand rows of what is promised or expected, and those of what is held for deals: a hold is no promise."""
    demands = tables["demands"]
    return [row for row in demands if row["tier"] != HOLDS], [row for row in demands if row["tier"] == HOLDS]


def sum_of(values: Iterable[Decimal | int]) -> Decimal:
    return to_decimal(sum((exact(value) for value in values), Fraction(0)))


def known_sum(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, or None as soon as one part is not known."""
    found = list(values)
    return None if any(value is None for value in found) else sum_of(value for value in found if value is not None)


def share_of(part: Decimal | int | None, whole: Decimal | int | None) -> Decimal | None:
    return None if part is None or not whole else to_decimal(exact(part) / exact(whole))

"""How a figure and its terms are written down: plain dictionaries with the columns of RunFigure. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from capacity.imports.rows import decimal_text

Sight = tuple[str, str]


def term(
    name: str,
    value: Decimal | int | str | None,
    unit: str,
    source: str,
    sight: Sight,
    *,
    input_row: tuple[str, str] | None = None,
) -> dict[str, Any]:
    """One term of a formula. sight: the entry of the visibility table that decides who reads its value.

    input_row: (table, natural key) of the input it comes from, in the run's document.
    """
    if isinstance(value, int | Decimal):
        value = decimal_text(Decimal(value))
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "source": source,
        "resource": sight[0],
        "field": sight[1],
        "input": None if input_row is None else {"table": input_row[0], "key": input_row[1]},
    }


def figure(
    *,
    key: str,
    label: str,
    value: Decimal | None,
    unit: str,
    formula: str,
    terms: list[dict[str, Any]],
    sight: Sight,
    absent: str = "",
    basis: str = "",
    anchor: str = "headline-metrics",
    state: str = "",
    threshold: str = "",
    owner_key: str = "",
) -> dict[str, Any]:
    """A figure row. absent: the word shown in place of a value that is None ("n/a" when empty)."""
    return {
        "key": key,
        "label": label,
        "value": value,
        "absent": absent if value is None else "",
        "unit": unit,
        "basis": basis,
        "formula": formula,
        "methods_anchor": anchor,
        "terms": terms,
        "state": state,
        "threshold": threshold,
        "resource": sight[0],
        "field": sight[1],
        "owner_key": owner_key,
        "position": 0,
    }

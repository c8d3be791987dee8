"""Warnings that several tables share, made to be put into a `Table`'s `checks`. They never refuse a row.

A check runs after its table is written and inside the same transaction, so the peers of a row are the rows in the
database then: those that were there and those of the same files.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from django.db import models

from capacity.imports.rows import decimal_text
from capacity.imports.tables import Check
from capacity.imports.tabular import WARNING, Issue, Row

TIMES = 50
FEWEST_PEERS = 3

_Group = tuple[object, ...]


def beyond_peers(
    *,
    model: type[models.Model],
    columns: Sequence[str],
    alike: Mapping[str, str] | None = None,
    times: int = TIMES,
    fewest: int = FEWEST_PEERS,
) -> Check:
    """A check that warns where a number is more than `times` its peers' median: often a unit taken for another.

    columns: numeric fields of the model, named as in the file. alike: columns that make rows peers (of one kind, one
    type), file column → ORM path, e.g. {"accelerator_type": "accelerator_type__key"}; without it all rows are peers.
    A row is no peer of its own; below `fewest` peers, or with a median of zero, nothing is said. Code: `beyond_peers`.
    """
    paths = dict(alike or {})

    def check(rows: Sequence[Row]) -> Iterator[Issue]:
        written = [row for row in rows if any(row.values.get(column) is not None for column in columns)]
        if not written:
            return
        peers = _values(model, columns, tuple(paths.values()))
        for row in written:
            if not row.values.keys() >= paths.keys():
                continue
            group = tuple(row.values[name] for name in paths)
            for column in columns:
                value = _number(row.values.get(column))
                median = None if value is None else _median_of_others(peers.get((column, group), []), value, fewest)
                if value is not None and median and value > times * median:
                    yield _issue(row, column, value, median, times)

    return check


def _values(
    model: type[models.Model], columns: Sequence[str], paths: tuple[str, ...]
) -> dict[tuple[str, _Group], list[Decimal]]:
    """(column, group) → its known values over the whole table, in order of size."""
    found: dict[tuple[str, _Group], list[Decimal]] = {}
    for values in model._default_manager.values_list(*columns, *paths).iterator():
        for column, value in zip(columns, values[: len(columns)], strict=True):
            number = _number(value)
            if number is not None:
                found.setdefault((column, values[len(columns) :]), []).append(number)
    for numbers in found.values():
        numbers.sort()
    return found


def _number(value: object) -> Decimal | None:
    return Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None


def _median_of_others(numbers: Sequence[Decimal], own: Decimal, fewest: int) -> Decimal | None:
    """The median without one occurrence of the row's own value; None with fewer than `fewest` others."""
    position = bisect_left(numbers, own)
    is_there = position < len(numbers) and numbers[position] == own
    count = len(numbers) - is_there
    if count < fewest:
        return None

    def at(index: int) -> Decimal:
        return numbers[index + 1] if is_there and index >= position else numbers[index]

    return (at((count - 1) // 2) + at(count // 2)) / 2


def _issue(row: Row, column: str, value: Decimal, median: Decimal, times: int) -> Issue:
    message = (
        f"{decimal_text(value)} is more than {times} times the median of its peers ({decimal_text(median)}). "
        "Check the unit: per second or per minute, thousands or millions, dollars or cents."
    )
    return Issue(file=row.file, row=row.number, column=column, code="beyond_peers", message=message, severity=WARNING)

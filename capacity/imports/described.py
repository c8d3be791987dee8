"""What a table and its columns are called where its description leaves it open: titles, slugs, labels, units, groups.

Pages, exports and the API ask here, so that a table registered with nothing but its columns still has every page.
Nothing here reads rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from capacity.imports.tables import Reference, Table, tables

_LISTED_AT_MOST = 8
_SEARCHED_AT_MOST = 4
OTHER = "Other"
# The order of the index; an area that is not named stands behind these.
AREAS = ("Supply", "Costs", "Workloads", "Research", "Contracts", "Policy", "Imports")
PROVENANCE = "provenance"
_LAST_GROUP = "Where it comes from"
_FIRST_GROUP = "Details"

_WORDS = {
    "usd": "USD",
    "id": "ID",
    "ref": "reference",
    "pue": "PUE",
    "fx": "FX",
    "sla": "SLA",
    "p0": "P0",
    "p10": "P10",
    "p50": "P50",
    "p90": "P90",
    "p95": "P95",
    "h100e": "H100e",
    "wacc": "WACC",
    "kwh": "kWh",
    "kw": "kW",
    "tflops": "TFLOPS",
    "tops": "TOPS",
    "tdp": "TDP",
    "bf16": "BF16",
    "fp8": "FP8",
    "fp4": "FP4",
    "int8": "INT8",
    "gbit": "Gbit",
    "gb": "GB",
    "w": "W",
    "flop": "FLOP",
}
# The end of a column's name → its unit; what is left is the label. The longest end counts.
_UNITS = {
    "_usd_per_accelerator_hour": "USD per accelerator-hour",
    "_usd_per_million_tokens": "USD per million tokens",
    "_usd_per_hour": "USD per hour",
    "_usd_per_year": "USD per year",
    "_usd": "USD",
    "_tokens_per_second": "tokens per second",
    "_tokens_per_minute": "tokens per minute",
    "_requests_per_minute": "requests per minute",
    "_tokens_per_month": "tokens per month",
    "_weeks": "weeks",
    "_months": "months",
    "_days": "days",
    "_hours": "hours",
    "_minutes": "minutes",
    "_years": "years",
    "_share_per_month": "share per month",
    "_share_per_year": "share per year",
    "_share": "share of one",
    "_kw": "kW",
    "_gb": "GB",
    "_w": "W",
    "_tflops": "TFLOPS",
    "_tops": "TOPS",
}
_TELLS_A_DATE = re.compile(r"(s|ed|of|by)_(date|at)$")
_UNITS_LONGEST_FIRST = sorted(_UNITS.items(), key=lambda item: -len(item[0]))


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What a column holds, for whoever writes it or offers a control: one word and what limits it."""

    name: str
    choices: tuple[tuple[str, str], ...] = ()
    places: int = 0
    longest: int | None = None
    is_positive: bool = False
    may_be_empty: bool = True


def title_of(table: Table) -> str:
    return table.title or _sentence(table.name.split("_"))


def singular_of(table: Table) -> str:
    """What one row is called, in lower case as inside a sentence: "supplier", "cost rate"."""
    if table.singular:
        is_word = table.singular[1:2].islower()
        return table.singular[:1].lower() + table.singular[1:] if is_word else table.singular
    words = " ".join(_WORDS.get(word, word) for word in table.name.split("_"))
    return words.removesuffix("s")


def area_of(table: Table) -> str:
    return table.area or OTHER


def slug_of(table: Table) -> str:
    return table.slug or table.name.replace("_", "-")


def resource_of(table: Table) -> str:
    """The table's lines in the visibility table."""
    return table.resource or f"input_{table.name}"


def table_of_slug(slug: str) -> Table | None:
    return next((table for table in tables().values() if slug_of(table) == slug), None)


def listed_columns(table: Table) -> tuple[str, ...]:
    """The columns of the list page: its key first, so that each line can be told and opened."""
    listed = table.listed or tuple(name for name in _all_names(table) if name != PROVENANCE)[:_LISTED_AT_MOST]
    return (*(name for name in table.key if name not in listed), *listed)


def label_column(table: Table) -> str:
    """The column that names a row for people."""
    if table.label:
        return table.label
    return "name" if "name" in _all_names(table) else table.key[-1]


def search_columns(table: Table) -> tuple[str, ...]:
    if table.search:
        return table.search
    texts = (name for name in _all_names(table) if kind_of(table, name).name in {"text", "reference"})
    return tuple(texts)[:_SEARCHED_AT_MOST]


def grouped_columns(table: Table) -> dict[str, tuple[str, ...]]:
    """Heading → columns, every column once: those no group names stand under a heading of their own."""
    named = {name for group in table.groups.values() for name in group}
    rest = tuple(name for name in (*table.key, *_all_names(table)) if name not in named)
    rest = tuple(dict.fromkeys(rest))
    groups = {heading: tuple(names) for heading, names in table.groups.items()}
    others = tuple(name for name in rest if name != PROVENANCE)
    if others:
        heading = "More" if groups else _FIRST_GROUP
        groups[heading] = (*groups.get(heading, ()), *others)
    if PROVENANCE in rest:
        groups[_LAST_GROUP] = (PROVENANCE,)
    return groups


def column_label(name: str) -> str:
    """`lead_time_p50_weeks` → "Lead time P50"."""
    for end in (*(end for end, _ in _UNITS_LONGEST_FIRST), "_key"):
        if name.endswith(end) and len(name) > len(end):
            return _sentence(name.removesuffix(end).split("_"))
    # "Ends" and "As of" say that a date follows; "Usage" does not.
    return _sentence((name.rpartition("_")[0] if _TELLS_A_DATE.search(name) else name).split("_"))


def column_unit(name: str) -> str:
    """`lead_time_p50_weeks` → "weeks"; "" where the name carries none."""
    return next((unit for end, unit in _UNITS_LONGEST_FIRST if name.endswith(end) and len(name) > len(end)), "")


def reference_of(table: Table, column: str) -> Reference | None:
    """The reference a column is part of, the one that fills a foreign key first."""
    found = [reference for reference in table.references if column in reference.columns]
    return next((reference for reference in found if reference.field), found[0] if found else None)


def kind_of(table: Table, column: str) -> Kind:
    """What a column holds: choice, list, boolean, decimal, integer, moment, date, reference, long_text or text."""
    reference = reference_of(table, column)
    fields: Mapping[str, Any] = {item.name: item for item in table.model._meta.concrete_fields if not item.is_relation}
    item = fields.get(column)
    if reference is not None and not reference.many:
        return Kind(name="reference", may_be_empty=not table.column(column).required)
    if item is None:
        return Kind(name="text", may_be_empty=not table.column(column).required)
    return _kind_of_field(item, is_needed=table.column(column).required)


def _kind_of_field(item: Any, *, is_needed: bool) -> Kind:
    empty = not is_needed
    if item.choices:
        options = tuple((str(value), str(words)) for value, words in item.flatchoices)
        return Kind(name="choice", choices=options, may_be_empty=empty)
    if isinstance(item, ArrayField):
        return Kind(name="list", may_be_empty=empty)
    if isinstance(item, models.BooleanField):
        return Kind(name="boolean", may_be_empty=item.null)
    if isinstance(item, models.DecimalField):
        return Kind(name="decimal", places=item.decimal_places, may_be_empty=empty)
    if isinstance(item, models.IntegerField):
        return Kind(name="integer", is_positive="Positive" in item.get_internal_type(), may_be_empty=empty)
    if isinstance(item, models.DateTimeField):
        return Kind(name="moment", may_be_empty=empty)
    if isinstance(item, models.DateField):
        return Kind(name="date", may_be_empty=empty)
    if item.max_length is None:
        return Kind(name="long_text", may_be_empty=empty)
    return Kind(name="text", longest=item.max_length, may_be_empty=empty)


def _all_names(table: Table) -> tuple[str, ...]:
    return tuple(column.name for column in table.columns)


def _sentence(words: Iterable[str]) -> str:
    text = " ".join(_WORDS.get(word, word) for word in words)
    return text[:1].upper() + text[1:]

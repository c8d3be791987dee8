"""The files of others: which heading means which column, in which unit, and how numbers and dates are written.

A form is chosen by somebody, shown with the preview and remembered for the source. Suggestions fill it in; a heading
that speaks of another unit than the column's is never converted, nor taken as it is, before somebody has said which.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from zoneinfo import available_timezones

from capacity.access.models import User
from capacity.imports.conversions import (
    OTHER_FACTOR,
    bare_heading,
    ends,
    iso_day,
    plain_number,
    times,
    unit_hint,
    units_of,
    with_zone,
)
from capacity.imports.described import Kind, column_label, kind_of, singular_of
from capacity.imports.models import DATE_ORDERS, NUMBER_FORMS, SEPARATORS, ColumnMapping
from capacity.imports.tables import Table
from capacity.imports.tabular import WARNING, Grid, Issue, Lazily

_NUMBERS = {"decimal", "integer"}
_MOST_DIGITS = 40
# Other words for columns many tables have: plain heading → the columns it may mean, the first that the table has.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "id": ("key",),
    "code": ("key",),
    "identifier": ("key",),
    "slug": ("key",),
    "title": ("name",),
    "description": ("name", "note"),
    "gpus": ("accelerators",),
    "gpu": ("accelerators", "accelerator_type"),
    "gpu count": ("accelerators",),
    "accelerator count": ("accelerators",),
    "count": ("accelerators", "quantity"),
    "qty": ("accelerators", "quantity"),
    "quantity": ("accelerators", "quantity"),
    "gpu type": ("accelerator_type",),
    "gpu model": ("accelerator_type",),
    "sku": ("accelerator_type",),
    "vendor": ("supplier", "provider"),
    "cluster": ("pool", "domain"),
    "data center": ("site",),
    "datacenter": ("site",),
    "location": ("site", "region"),
    "start": ("starts_date", "starts_at"),
    "start date": ("starts_date",),
    "from": ("starts_date", "starts_at"),
    "effective date": ("effective_date", "starts_date"),
    "end": ("ends_date", "ends_at"),
    "end date": ("ends_date",),
    "until": ("ends_date", "ends_at"),
    "date": ("as_of_date", "day", "starts_date"),
    "hour": ("hour_at",),
    "timestamp": ("hour_at", "starts_at"),
    "delivery date": ("p50_date",),
    "eta": ("p50_date",),
    "model": ("model_version", "model"),
    "client": ("customer",),
    "account": ("customer",),
    "prompt tokens": ("input_tokens", "input_tokens_per_second"),
    "completion tokens": ("output_tokens", "output_tokens_per_second"),
    "priority": ("experiment_priority",),
    "status": ("state",),
    "notes": ("note", "provenance"),
    "comment": ("note", "provenance"),
    "source": ("provenance",),
    "unit price": ("price",),
    "rate": ("price", "rate"),
}
# The same in German, because many a list in a European data centre is.
_SYNONYMS |= {
    "kürzel": ("key",),
    "kennung": ("key",),
    "nr": ("key",),
    "nummer": ("key",),
    "los": ("key",),
    "satz": ("key",),
    "bezeichnung": ("name",),
    "titel": ("name",),
    "firma": ("name",),
    "deckname": ("alias",),
    "typ": ("accelerator_type", "kind"),
    "gpu typ": ("accelerator_type",),
    "gpu typen": ("accelerator_types",),
    "anzahl": ("accelerators", "quantity"),
    "menge": ("accelerators", "quantity"),
    "gpus je knoten": ("node_size",),
    "gpus je replik": ("replica_accelerators",),
    "verfügbarkeit": ("availability_share",),
    "standort": ("site",),
    "netz": ("domain", "key"),
    "lieferant": ("supplier",),
    "art": ("source_type", "kind"),
    "stand": ("state",),
    "zustand": ("state",),
    "kontrollstufe": ("control_grade",),
    "p50": ("p50_date",),
    "p90": ("p90_date",),
    "bestellt am": ("ordered_date",),
    "abgenommen am": ("accepted_date",),
    "abnahme": ("accepted_date",),
    "beginn": ("starts_date",),
    "ab": ("starts_date",),
    "gültig ab": ("starts_date", "effective_date"),
    "ende": ("ends_date",),
    "bis": ("ends_date",),
    "gültig bis": ("ends_date",),
    "kostensatz": ("cost_rate_key",),
    "anschaffung": ("capex_usd",),
    "anschaffung usd": ("capex_usd",),
    "restwert": ("residual_usd",),
    "restwert usd": ("residual_usd",),
    "nutzungsdauer": ("life_years",),
    "leistung": ("power_kw",),
    "leistung je gpu": ("power_kw",),
    "strompreis": ("usd_per_kwh",),
    "miete": ("lease_usd_per_hour",),
    "modell": ("model_version", "key"),
    "stufe": ("model_tier",),
    "latenzklasse": ("latency_class",),
    "präzision": ("precision",),
    "prefill": ("prefill_tokens_per_second",),
    "decode": ("decode_tokens_per_second",),
    "grundlage": ("basis",),
    "gemessen am": ("measured_date", "availability_measured_date"),
    "zweck": ("purpose",),
    "verantwortlich": ("owner_role", "owner"),
    "eingabe": ("input_tokens_per_second",),
    "ausgabe": ("output_tokens_per_second",),
    "cache treffer": ("cache_hit_share",),
    "cache kosten": ("cached_cost_share",),
    "wachstum": ("growth_share_per_month",),
    "review bis": ("review_by_date",),
    "kunde": ("customer", "key"),
    "vertrag": ("contract", "key"),
    "form": ("shape",),
    "p95 faktor": ("p95_multiple",),
    "preis": ("price",),
    "gewicht": ("weight",),
    "priorität": ("experiment_priority",),
    "wochen": ("weeks",),
    "frühester beginn": ("earliest_start_date",),
    "spätester beginn": ("latest_start_date",),
    "modellentwicklung": ("is_model_development",),
    "bemerkung": ("note", "provenance"),
}
# After the table's own word, as in "Lot ID".
_KEY_WORDS = {"id", "key", "code", "number", "ref"}
_WORDS = re.compile(r"[\W_]+")


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a heading is used for: our column ("" to leave it out), and the unit its numbers are in ("" for ours)."""

    column: str
    unit: str = ""
    factor: str = ""


@dataclass(frozen=True, kw_only=True)
class FileForm:
    """How a file is to be read. Field by field the choices of models.ColumnMapping."""

    headings: Mapping[str, Use] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    separator: str = ","
    number_form: str = "plain"
    date_order: str = "iso"
    time_zone: str = ""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """What a heading probably means. hint: what it says about its unit where that is not the column's own."""

    column: str = ""
    hint: str = ""


def form_of_json(kept: Mapping[str, Any]) -> FileForm:
    headings = {heading: Use(**use) for heading, use in kept.get("headings", {}).items()}
    return FileForm(**{**kept, "headings": headings})


def remembered_form(*, source: str, table: Table) -> FileForm | None:
    """How the last file of this source was read, or None."""
    found = ColumnMapping.objects.filter(source=source, table=table.name).first()
    if found is None:
        return None
    names = ("headings", "constants", "separator", "number_form", "date_order", "time_zone")
    return form_of_json({name: getattr(found, name) for name in names})


def remember_form(*, source: str, table: Table, form: FileForm, user: User | None) -> None:
    ColumnMapping.objects.update_or_create(
        source=source, table=table.name, defaults={**form.as_json(), "saved_by": user}
    )


# --- suggestions --------------------------------------------------------------------------------------------------


def suggest(headings: Sequence[str], table: Table) -> dict[str, Suggestion]:
    """Heading → what it probably means; each column is offered once, to the heading that fits it best."""
    found: dict[str, Suggestion] = {}
    taken: set[str] = set()
    for test in (_same, _without_unit, _synonym, _alike):
        for heading in headings:
            if heading in found:
                continue
            column = test(heading, table, taken)
            if column:
                taken.add(column)
                found[heading] = Suggestion(column=column, hint=_hint(heading, column, table))
    return {heading: found.get(heading, Suggestion()) for heading in headings}


def _plain(text: str) -> str:
    return _WORDS.sub(" ", text.casefold()).strip()


def _hint(heading: str, column: str, table: Table) -> str:
    if heading == column or kind_of(table, column).name not in _NUMBERS:
        return ""
    return unit_hint(heading, column)


def _same(heading: str, table: Table, taken: set[str]) -> str:
    words = _plain(heading)
    for column in table.columns:
        if column.name not in taken and words in {_plain(column.name), _plain(column_label(column.name))}:
            return column.name
    return ""


def _without_unit(heading: str, table: Table, taken: set[str]) -> str:
    """ "Input TPM" is the input, whatever it is counted in."""
    words = _plain(bare_heading(heading))
    same = (c.name for c in table.columns if c.name not in taken and _plain(column_label(c.name)) == words)
    return next(same, "") if words else ""


def _synonym(heading: str, table: Table, taken: set[str]) -> str:
    words = _plain(bare_heading(heading)) or _plain(heading)
    what, _, last = words.rpartition(" ")
    if last in _KEY_WORDS and what in {_plain(singular_of(table)), _plain(table.name)} and table.key[0] not in taken:
        return table.key[0]
    names = {column.name for column in table.columns} - taken
    # A table's own name over a column is its key: "Pool" in the list of pools.
    if table.key == ("key",) and "key" in names and _plain(heading) == _plain(table.singular):
        return "key"
    # "Site name" in the list of sites is the name.
    if what == _plain(singular_of(table)) and (own := _same(last, table, taken)):
        return own
    return next((name for name in _SYNONYMS.get(words, ()) if name in names), "")


def _alike(heading: str, table: Table, taken: set[str]) -> str:
    words = _plain(bare_heading(heading))
    options = {_plain(column.name): column.name for column in table.columns if column.name not in taken}
    near = difflib.get_close_matches(words, options, n=1, cutoff=0.75)
    return options[near[0]] if near else ""


# --- checking and applying ----------------------------------------------------------------------------------------


def problems(form: FileForm, table: Table, headings: Sequence[str]) -> dict[str, str]:
    """What is wrong with a form, by heading ("" for the form as a whole). Nothing wrong is an empty answer."""
    names = {column.name for column in table.columns}
    found: dict[str, str] = {}
    used = Counter(use.column for use in form.headings.values() if use.column)
    for heading, use in form.headings.items():
        if use.column and use.column not in names:
            found[heading] = f'There is no column "{use.column}" in this table.'
        elif used[use.column] > 1 or use.column in form.constants:
            found[heading] = f'The column "{use.column}" is filled twice. Leave one out.'
        elif use.column and use.unit:
            problem = _unit_problem(use)
            if problem:
                found[heading] = problem
    for column, text in form.constants.items():
        if column not in names or not text:
            found[""] = f'"{column}" cannot have a fixed value.'
    if form.separator not in dict(SEPARATORS) or form.number_form not in dict(NUMBER_FORMS):
        found[""] = "The separator or the form of numbers is not known."
    if form.date_order not in dict(DATE_ORDERS):
        found[""] = "The order of dates is not known."
    if form.time_zone and form.time_zone not in available_timezones():
        found[""] = f'"{form.time_zone}" is not a time zone. Write one such as Europe/Berlin or UTC.'
    missing = [name for name in table.key if name not in {*used, *form.constants, *headings}]
    missing = [name for name in missing if table.column(name).when_empty is None]
    if missing and "" not in found:
        found[""] = f"No heading gives {' and '.join(missing)}, which tells rows apart."
    return found


def _unit_problem(use: Use) -> str:
    if use.unit == OTHER_FACTOR:
        factor = _factor(use.factor)
        return "" if factor is not None and factor > 0 else "Write the factor as a number above zero, such as 1.08."
    if use.unit in units_of(use.column):
        return ""
    return f'"{use.unit}" is not a unit of {use.column}. Choose one of those offered.'


def _factor(text: str) -> Fraction | None:
    try:
        return Fraction(Decimal(text)) if len(text) <= 30 else None
    except (InvalidOperation, ValueError, OverflowError):
        return None


def in_our_form(grid: Grid, form: FileForm, table: Table) -> Grid:
    """The grid under our headings, its cells converted as the form says. Rows keep their numbers.

    Cells that do not have the form chosen stay as they are: reading them says what is wrong.
    """
    headings = list(grid.header)
    uses = [form.headings.get(heading, Use(column=heading)) for heading in headings]
    kept = [(place, use) for place, use in enumerate(uses) if use.column]
    kinds = {column.name: kind_of(table, column.name) for column in table.columns}
    constants = list(form.constants.items())

    def lines() -> Iterator[list[str]]:
        for number, line in enumerate(grid.lines, start=1):
            if number == 1:
                yield [use.column for _, use in kept] + [column for column, _ in constants]
            elif not any(cell.strip() for cell in line):
                yield []
            elif len(line) != len(headings):
                # Kept at a wrong length, so that reading it tells of the wrong number of cells.
                yield [*line, *[""] * (len(kept) + len(constants))]
            else:
                cells = [_converted(line[place].strip(), use, form, kinds.get(use.column)) for place, use in kept]
                yield cells + [text for _, text in constants]

    said = tuple(_rounding(grid.file, kept, kinds))
    return Grid(file=grid.file, sheet=grid.sheet, lines=Lazily(make=lines), issues=(*grid.issues, *said))


def _converted(cell: str, use: Use, form: FileForm, kind: Kind | None) -> str:
    if not cell or kind is None:
        return cell
    if kind.name == "date":
        return iso_day(cell, form.date_order)
    if kind.name == "moment":
        moment = iso_day(cell, form.date_order)
        return with_zone(moment, form.time_zone) if form.time_zone else moment
    if kind.name not in _NUMBERS:
        return cell
    text = plain_number(cell, form.number_form)
    factor = _chosen(use)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    if factor is None or not number.is_finite() or abs(number.adjusted()) > _MOST_DIGITS:
        return text
    return times(number, factor, places=kind.places)


def _chosen(use: Use) -> Fraction | None:
    """The factor somebody chose; None where the numbers are in our unit."""
    if not use.unit:
        return None
    return _factor(use.factor) if use.unit == OTHER_FACTOR else units_of(use.column)[use.unit].factor


def _rounding(file: str, kept: Sequence[tuple[int, Use]], kinds: Mapping[str, Kind]) -> Iterator[Issue]:
    """A warning for each column whose conversion has no end after the point."""
    for _, use in kept:
        factor, kind = _chosen(use), kinds.get(use.column)
        if factor is not None and kind is not None and not ends(factor):
            message = f"Converted numbers without an end are rounded to {kind.places} digits after the point."
            yield Issue(file=file, code="rounded", message=message, column=use.column, severity=WARNING)

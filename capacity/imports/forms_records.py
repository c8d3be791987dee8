"""The form of any kept table, made from its description: one control a column, grouped, with help and units.

A form holds cells: text as a file would hold it. What is wrong with a cell is said by the one writer of rows
(edits.apply_rows) and put back on the field here, so that form, file and API refuse alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.apps import apps
from django.utils.html import escape

from capacity.access.visibility import Viewer
from capacity.imports import described
from capacity.imports.described import Kind, column_label, column_unit
from capacity.imports.record_words import may_view
from capacity.imports.records import column_paths, visible
from capacity.imports.tables import Reference, Table, tables
from capacity.imports.tabular import ERROR, Issue

NOTE = "_why"
VERSION = "_version"
MOST_SUGGESTIONS = 500
_NOTE_LENGTH = 500

Options = tuple[tuple[str, str], ...]


class CellField(forms.CharField):
    """A cell. `required` marks it for people and browsers; an empty one is refused by the writer, with all the rest."""

    def clean(self, value: Any) -> str:
        # Browsers send line ends of their own; a text that nobody touched must come back as it was.
        return "" if value is None else str(value).replace("\r\n", "\n").replace("\r", "\n").strip()


class RecordForm(forms.Form):
    """Cells by column, and why. `columns`: those with a control, in order."""

    columns: tuple[str, ...] = ()

    def cells(self) -> dict[str, str]:
        """What was typed, by column. Call after is_valid()."""
        return {name: self.cleaned_data[name] for name in self.columns}

    @property
    def note(self) -> str:
        return str(self.cleaned_data.get(NOTE, ""))

    def add_issues(self, issues: Iterable[Issue]) -> None:
        """Errors beside the field they speak of; above the form where it has no such field."""
        for issue in issues:
            if issue.severity == ERROR:
                known = issue.column in self.fields
                self.add_error(issue.column if known else None, issue.message if known else _with_column(issue))


@dataclass(frozen=True, kw_only=True)
class Suggestions:
    """What a reference's control offers: column → (value, what it is called), and the ids of the lists on the page."""

    options: Mapping[str, Options]

    def lists(self) -> list[tuple[str, Options]]:
        return [(list_id(name), options) for name, options in self.options.items()]


def record_form(
    *,
    table: Table,
    columns: Sequence[str],
    data: Mapping[str, str] | None = None,
    initial: Mapping[str, str] | None = None,
    suggestions: Suggestions | None = None,
    is_bulk: bool = False,
) -> RecordForm:
    """The form for these columns. is_bulk: nothing is needed, an empty control leaves the cells as they are."""
    offered = suggestions.options if suggestions else {}
    fields: dict[str, forms.Field] = {
        name: _control(table, name, (initial or {}).get(name, ""), name in offered, is_bulk=is_bulk) for name in columns
    }
    fields[NOTE] = forms.CharField(
        label="Why",
        required=False,
        max_length=_NOTE_LENGTH,
        help_text="Kept in the history beside your name",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    made = type("TableForm", (RecordForm,), {**fields, "columns": tuple(columns)})
    form: RecordForm = made(data, initial=dict(initial or {}), auto_id="f_%s")
    return form


def _control(table: Table, name: str, value: str, has_list: bool, *, is_bulk: bool) -> CellField:
    kind = described.kind_of(table, name)
    column = table.column(name)
    unit = column_unit(name)
    label = column_label(name)
    return CellField(
        label=f"{label}, {unit}" if unit else label,
        required=not is_bulk and (column.required or (name in table.key and column.when_empty is None)),
        help_text=escape(table.help.get(name, "")),
        widget=_widget(kind, value, list_id(name) if has_list else "", is_bulk=is_bulk),
    )


def _widget(kind: Kind, value: str, suggestions: str, *, is_bulk: bool) -> forms.Widget:
    attributes: dict[str, Any] = {"autocomplete": "off"}
    if kind.name in {"choice", "boolean"}:
        return forms.Select(choices=_choices(kind, value, is_bulk=is_bulk))
    if kind.name == "date":
        return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    if kind.name in {"integer", "decimal"}:
        attributes["step"] = f"{10**-kind.places:.{kind.places}f}" if kind.places else "1"
        if kind.is_positive:
            attributes["min"] = "0"
        return forms.NumberInput(attrs=attributes)
    if kind.name == "long_text":
        return forms.Textarea(attrs={"rows": 3})
    if kind.name == "moment":
        attributes["placeholder"] = "2026-11-23T09:00:00Z"
    if kind.name == "list":
        attributes["placeholder"] = "one; another"
    if kind.longest:
        attributes["maxlength"] = kind.longest
    if suggestions:
        attributes["list"] = suggestions
    return forms.TextInput(attrs=attributes)


def _choices(kind: Kind, value: str, *, is_bulk: bool) -> list[tuple[str, str]]:
    known = list(kind.choices) if kind.name == "choice" else [("true", "yes"), ("false", "no")]
    if value and value not in dict(known):
        known.append((value, value))
    if is_bulk:
        return [("", "Leave as it is"), *known]
    if kind.may_be_empty or not value:
        return [("", "Not known" if kind.may_be_empty else "Choose"), *known]
    return known


def _with_column(issue: Issue) -> str:
    return f"{column_label(issue.column)}: {issue.message}" if issue.column else issue.message


# --- suggestions --------------------------------------------------------------------------------------------------


def list_id(column: str) -> str:
    return f"l_{column}"


def suggestions_for(*, table: Table, viewer: Viewer, columns: Iterable[str]) -> Suggestions:
    """The names a reference may take, as far as the viewer may read them. One query for each reference."""
    wanted = frozenset(columns)
    found: dict[str, Options] = {}
    for reference in table.references:
        if wanted.intersection(reference.columns) and not reference.many:
            for name, options in _suggested(reference, viewer).items():
                if name in wanted:
                    found.setdefault(name, options)
    return Suggestions(options=found)


def _suggested(reference: Reference, viewer: Viewer) -> dict[str, Options]:
    target = tables().get(reference.target)
    if target is None:
        return _accounts(reference) if reference.model else {}
    if not may_view(target, viewer):
        return {}
    paths = column_paths(target)
    label = described.label_column(target)
    names = [paths[name] for name in reference.target_columns]
    rows = visible(target, viewer).order_by(*names).values_list(*names, paths[label])[:MOST_SUGGESTIONS]
    found: dict[str, dict[str, str]] = {name: {} for name in reference.columns}
    for row in rows:
        for place, name in enumerate(reference.columns):
            is_alone = len(reference.columns) == 1
            found[name].setdefault(str(row[place]), str(row[-1]) if is_alone and row[-1] != row[place] else "")
    return {name: tuple(options.items()) for name, options in found.items()}


def _accounts(reference: Reference) -> dict[str, Options]:
    rows = apps.get_model(reference.model)._default_manager.filter(is_active=True).order_by(*reference.target_columns)
    names = rows.values_list(*reference.target_columns)[:MOST_SUGGESTIONS]
    return {reference.columns[0]: tuple((str(row[0]), "") for row in names)}

"""Forms of the import pages: bringing files, saying which table a sheet is, and how a foreign file is to be read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from capacity.imports.conversions import OTHER_FACTOR, unit_hint, units_of
from capacity.imports.described import column_label, column_unit, kind_of, title_of
from capacity.imports.mapping import FileForm, Use, problems
from capacity.imports.models import DATE_ORDERS, NUMBER_FORMS, SEPARATORS
from capacity.imports.tables import Table
from capacity.imports.uploads import Part

CONSTANTS = 2
_OWN = "own"
_LEFT_OUT = "(leave out)"


class FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        single = super().clean
        given = data if isinstance(data, list | tuple) else [data]
        return [single(each, initial) for each in given]


class NewImportForm(forms.Form):
    """The files, where they come from, and why."""

    attached = FilesField(
        label="Files",
        allow_empty_file=True,
        help_text="CSV or .xlsx, as many as belong together. A file or sheet named after its table is recognised.",
    )
    source = forms.CharField(
        label="Source",
        max_length=80,
        initial="files",
        help_text="Where they come from, such as a vendor or a system. How its files are read is remembered by this name.",
    )
    note = forms.CharField(
        label="Why", required=False, max_length=500, help_text="Kept with the import and in the history of each row."
    )


class TableForm(forms.Form):
    """Which table a sheet is."""

    table = forms.ChoiceField(label="Table")

    def __init__(self, *args: Any, tables: Sequence[Table], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = [(table.name, title_of(table)) for table in tables]
        field: Any = self.fields["table"]
        field.choices = [("", "Choose …"), *sorted(named, key=lambda item: item[1]), ("-", _LEFT_OUT)]


class MappingForm(forms.Form):
    """What each heading of a part means, and how its numbers and dates are written.

    Fields `column_N`, `unit_N`, `factor_N` belong to the heading N of the part, in its order; `lines` goes through them.
    """

    separator = forms.ChoiceField(label="Columns are separated by", choices=SEPARATORS)
    number_form = forms.ChoiceField(label="Numbers are written like", choices=NUMBER_FORMS)
    date_order = forms.ChoiceField(label="Dates are written like", choices=DATE_ORDERS)
    time_zone = forms.CharField(
        label="Time zone of times without one", required=False, max_length=60, help_text="Such as UTC or Europe/Berlin."
    )

    def __init__(self, *args: Any, part: Part, **kwargs: Any) -> None:
        assert part.table is not None
        self.part, self.table = part, part.table
        super().__init__(*args, **{"prefix": part.slug, "initial": _initial(part), **kwargs})
        columns = [("", _LEFT_OUT), *((column.name, _named(column.name)) for column in self.table.columns)]
        for place, heading in enumerate(part.grid.header):
            self.fields[f"column_{place}"] = forms.ChoiceField(
                label=f"Column for {heading}", choices=columns, required=False
            )
            self.fields[f"unit_{place}"] = forms.ChoiceField(
                label=f"Unit of {heading}", choices=self._units(place, heading), required=False
            )
            self.fields[f"factor_{place}"] = forms.CharField(
                label=f"Factor for {heading}", required=False, max_length=30
            )
        for place in range(CONSTANTS):
            self.fields[f"constant_column_{place}"] = forms.ChoiceField(
                label="Column with one value", choices=[("", "(none)"), *columns[1:]], required=False
            )
            self.fields[f"constant_value_{place}"] = forms.CharField(label="Its value", required=False, max_length=200)

    def _units(self, place: int, heading: str) -> list[tuple[str, str]]:
        """The units of the column chosen so far. Where the heading speaks of another unit nothing is chosen yet."""
        column = self._asked(f"column_{place}")
        if not column or kind_of(self.table, column).name not in {"decimal", "integer"}:
            return [("", "–")]
        own = column_unit(column) or "as it is"
        units = [("", own), *((name, unit.label) for name, unit in units_of(column).items())]
        units.append((OTHER_FACTOR, "other: times …"))
        hint = unit_hint(heading, column) if heading != column else ""
        if hint:
            # Our own unit is then a choice like any other: leaving the field alone is none.
            units[0] = (_OWN, own)
            units.insert(0, ("", f"heading says {hint}: choose"))
        return units

    def _asked(self, name: str) -> str:
        if self.is_bound:
            return str(self.data.get(self.add_prefix(name)) or "")
        return str(self.initial.get(name) or "")

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Heading by heading, for the template."""
        return [
            {
                "heading": heading,
                "samples": ", ".join(self.part.samples.get(heading, ())),
                "column": self[f"column_{place}"],
                "unit": self[f"unit_{place}"],
                "factor": self[f"factor_{place}"],
                "error": self.heading_errors.get(heading, ""),
            }
            for place, heading in enumerate(self.part.grid.header)
        ]

    @property
    def constants(self) -> list[tuple[Any, Any]]:
        return [(self[f"constant_column_{n}"], self[f"constant_value_{n}"]) for n in range(CONSTANTS)]

    @property
    def heading_errors(self) -> dict[str, str]:
        return getattr(self, "_heading_errors", {})

    @property
    def separator_changed(self) -> bool:
        """Whether other columns are asked for than the ones shown: they have to be shown first."""
        shown = self.part.form.separator if self.part.form else ","
        return not self.part.sheet and bool(self.data) and self.data.get(self.add_prefix("separator")) != shown

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        form = self.file_form(data)
        found = problems(form, self.table, self.part.grid.header)
        for place, heading in enumerate(self.part.grid.header):
            offered = [value for value, _ in self.fields[f"unit_{place}"].choices]  # type: ignore[attr-defined]
            if _OWN in offered and not data.get(f"unit_{place}"):
                found[heading] = "Say which unit the numbers of this column are in."
        self._heading_errors = {heading: text for heading, text in found.items() if heading}
        if "" in found:
            self.add_error(None, found[""])
        if self._heading_errors:
            self.add_error(None, "Some headings still need a choice; each says which.")
        return data

    def file_form(self, data: dict[str, Any] | None = None) -> FileForm:
        """The choices as a form of the file."""
        given = self.cleaned_data if data is None else data
        headings = {
            heading: Use(
                column=given.get(f"column_{place}", ""),
                unit=(given.get(f"unit_{place}") or "").removesuffix(_OWN) if given.get(f"column_{place}") else "",
                factor=given.get(f"factor_{place}", "") if given.get(f"unit_{place}") == OTHER_FACTOR else "",
            )
            for place, heading in enumerate(self.part.grid.header)
        }
        constants = {
            given[f"constant_column_{n}"]: given.get(f"constant_value_{n}", "")
            for n in range(CONSTANTS)
            if given.get(f"constant_column_{n}")
        }
        return FileForm(
            headings=headings,
            constants=constants,
            separator=given.get("separator", ","),
            number_form=given.get("number_form", "plain"),
            date_order=given.get("date_order", "iso"),
            time_zone=given.get("time_zone", ""),
        )


def _named(column: str) -> str:
    unit = column_unit(column)
    return f"{column_label(column)}{f', {unit}' if unit else ''} ({column})"


def _initial(part: Part) -> dict[str, Any]:
    """What the form shows first: what was chosen, else what the headings suggest."""
    form = part.form or FileForm()
    chosen = bool(form.headings)
    first: dict[str, Any] = {
        "separator": form.separator,
        "number_form": form.number_form,
        "date_order": form.date_order,
        "time_zone": form.time_zone,
    }
    for place, heading in enumerate(part.grid.header):
        use = form.headings.get(heading) if chosen else None
        suggested = part.suggestions.get(heading)
        first[f"column_{place}"] = use.column if use else suggested.column if suggested else ""
        first[f"unit_{place}"] = (use.unit or _OWN) if use else ""
        first[f"factor_{place}"] = use.factor if use else ""
    for n, (column, text) in enumerate(list(form.constants.items())[:CONSTANTS]):
        first[f"constant_column_{n}"], first[f"constant_value_{n}"] = column, text
    return first


class AliasForm(forms.Form):
    """What an unknown name stands for."""

    kind = forms.CharField(widget=forms.HiddenInput, max_length=20)
    written = forms.CharField(widget=forms.HiddenInput, max_length=160)
    key = forms.CharField(max_length=80, label="This is")

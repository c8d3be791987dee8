"""Empty files of a table to fill in: its headings, what each column means, and one example row."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter

from capacity.imports.described import column_label, column_unit, kind_of, title_of
from capacity.imports.rows import safe_cell
from capacity.imports.tables import Table
from capacity.imports.tabular import HELP_MARK
from capacity.imports.xlsx import READ_ME

_KINDS = {
    "decimal": "number with a point",
    "integer": "whole number",
    "boolean": "true or false",
    "date": "date such as 2026-11-23",
    "moment": "time with its zone, such as 2026-11-23T09:00:00Z",
    "list": "list, parts joined by ;",
    "reference": "key of another table's row",
    "long_text": "text",
}


def meaning_of(table: Table, column: str) -> str:
    """What to write there, in one sentence or two: meaning, unit, form, choices, whether it is needed."""
    kind = kind_of(table, column)
    parts = [table.help.get(column) or column_label(column)]
    if kind.choices:
        parts.append(f"One of {', '.join(value for value, _ in kind.choices)}")
    elif kind.name in _KINDS:
        parts.append(_KINDS[kind.name].capitalize())
    unit = column_unit(column)
    if unit and unit.lower() not in parts[0].lower():
        parts.append(f"In {unit}")
    if column in table.key:
        parts.append("Tells rows apart")
    elif table.column(column).required:
        parts.append("Needed in new rows")
    return ". ".join(part.strip().rstrip(".") for part in parts) + "."


@cache
def example_of(name: str) -> dict[str, str]:
    """The first row of the table's sample; {} for a table without one."""
    path = files("capacity.imports").joinpath("samples", f"{name}.csv")
    if not path.is_file():
        return {}
    return next(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))), {})


def csv_template(table: Table) -> str:
    """Headings, a line that explains them (no row: it begins with the help mark), and an example row to replace."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    names = [column.name for column in table.columns]
    writer.writerow(names)
    meanings = [meaning_of(table, name) for name in names]
    writer.writerow([f"{HELP_MARK} {meanings[0]}", *map(safe_cell, meanings[1:])])
    example = example_of(table.name)
    if example:
        writer.writerow([safe_cell(example.get(name, "")) for name in names])
    return out.getvalue()


def xlsx_template(table: Table) -> bytes:
    """A sheet named after the table with its headings alone, and a sheet that explains every column with an example."""
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = table.name
    names = [column.name for column in table.columns]
    sheet.append(names)
    sheet.freeze_panes = "A2"
    for place, name in enumerate(names, start=1):
        sheet.cell(row=1, column=place).font = Font(bold=True)
        sheet.column_dimensions[get_column_letter(place)].width = min(40, max(12, len(name) + 2))
    about = book.create_sheet(READ_ME)
    about.append([f"{title_of(table)}. {table.intro}".strip()])
    about.append([])
    about.append(["Column", "Name", "What to write", "Unit", "Needed", "Choices", "Example"])
    for line in _explanations(table):
        about.append(line)
    for cell in about[3]:
        cell.font = Font(bold=True)
    for letter, width in zip("ABCDEFG", (32, 28, 60, 20, 14, 40, 24), strict=True):
        about.column_dimensions[letter].width = width
    for row in about.iter_rows(min_row=4):
        row[2].alignment = row[5].alignment = Alignment(wrap_text=True, vertical="top")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _explanations(table: Table) -> Iterator[list[str]]:
    example = example_of(table.name)
    for column in table.columns:
        kind = kind_of(table, column.name)
        needed = "key" if column.name in table.key else "new rows" if column.required else "optional"
        choices = ", ".join(value for value, _ in kind.choices) or _KINDS.get(kind.name, "")
        line = [column.name, column_label(column.name), table.help.get(column.name, ""), column_unit(column.name)]
        yield [*map(safe_cell, line), needed, choices, safe_cell(example.get(column.name, ""))]

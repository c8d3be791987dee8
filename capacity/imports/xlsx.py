"""A workbook (.xlsx) to lines of cells, one grid a sheet, with everything in it that cannot be taken as data refused.

Cells become the text an export would have written: numbers as the spreadsheet shows them (fifteen digits), dates in
ISO form, true and false. Formulas are read as their last saved value, with a warning. No Django, no files.
"""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.cell import get_column_letter

from capacity.imports.cells import CellError
from capacity.imports.tabular import MOST_ROWS, WARNING, Grid, Issue

# A sheet of this name holds explanations (the templates have one) and is never read.
READ_ME = "Read me"
MOST_UNPACKED = 150 * 1024 * 1024
MOST_PARTS = 500
# Workbooks of numbers shrink to a tenth; more than this is not a workbook of numbers.
MOST_SHRUNK = 200
MOST_COLUMNS = 300
MOST_FORMULAS_SAID = 20
_OLD_OFFICE = bytes.fromhex("d0cf11e0a1b11ae1")
_MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*ref="([A-Z0-9:$]{2,40})"')
_FORMULA = re.compile(rb"<(?:\w+:)?f[\s>/]")
_ENTITY = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def is_workbook(content: bytes) -> bool:
    """Whether the bytes are a zip archive or an old or encrypted Office file rather than text."""
    return content[:4] == b"PK\x03\x04" or content[:8] == _OLD_OFFICE


def open_workbook(*, file: str, content: bytes) -> list[Grid]:
    """The sheets of a workbook. What cannot be opened at all is one grid with the reason."""
    try:
        _check_archive(content)
        with_values = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in with_values.worksheets if sheet.title != READ_ME]
        if not sheets:
            raise CellError("empty_file", "The workbook has no sheet with data.")
        return [_grid(file, content, sheet, is_only=len(sheets) == 1) for sheet in sheets]
    except CellError as error:
        return [Grid(file=file, issues=(Issue(file=file, code=error.code, message=error.message),))]
    except Exception as error:
        # Whatever a broken archive makes of the reader below, it is the file that is broken.
        message = f"The workbook cannot be read ({type(error).__name__}). Open it, save it again as .xlsx and retry."
        return [Grid(file=file, issues=(Issue(file=file, code="broken_workbook", message=message),))]


def _check_archive(content: bytes) -> None:
    """Raises CellError for what is no plain workbook, or would unpack to more than is read."""
    if content[:8] == _OLD_OFFICE:
        raise CellError(
            "encrypted", "The file has a password or is in the old .xls form. Save it as .xlsx without a password."
        )
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except zipfile.BadZipFile:
        raise CellError("broken_workbook", "The workbook is cut off or damaged. Save it again as .xlsx.") from None
    parts = archive.infolist()
    names = {part.filename for part in parts}
    if "[Content_Types].xml" not in names or "xl/workbook.xml" not in names:
        raise CellError("not_a_workbook", "The file is a zip archive but no workbook. Save it as .xlsx or as CSV.")
    if any(name.lower().endswith("vbaproject.bin") or "/macrosheets/" in name.lower() for name in names):
        raise CellError("macros", "The workbook holds macros. Save it as .xlsx, which has none.")
    unpacked = sum(part.file_size for part in parts)
    shrunk = any(part.file_size > 1_000_000 and part.file_size > MOST_SHRUNK * part.compress_size for part in parts)
    if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED or shrunk:
        raise CellError(
            "too_big", f"The workbook unpacks to {unpacked:,} bytes in {len(parts)} parts: too much. Save it as CSV."
        )
    for part in parts:
        if part.flag_bits & 0x1:
            raise CellError("encrypted", "The workbook has a password. Save it without one.")
        if part.filename.endswith((".xml", ".rels")) and _ENTITY.search(archive.read(part)[:4096]):
            raise CellError("xml_entities", "The workbook defines XML entities, which no spreadsheet program writes.")


def _grid(file: str, content: bytes, sheet: Any, *, is_only: bool) -> Grid:
    name = file if is_only else f"{file}, sheet {sheet.title}"
    raw = zipfile.ZipFile(io.BytesIO(content)).read(sheet._worksheet_path)
    if sheet.sheet_state != "visible":
        return _refused(name, sheet, "hidden_sheet", "The sheet is hidden. Show it, or delete it from the workbook.")
    merged = _MERGED.search(raw)
    if merged:
        where = merged.group(1).decode()
        message = f"The cells {where} are merged, so it is not clear which row they belong to. Unmerge them."
        row = int(re.sub(r"\D", "", where.split(":")[0]) or 0) or None
        return _refused(name, sheet, "merged_cells", message, row=row)
    try:
        lines = _trimmed(_texts(sheet))
    except CellError as error:
        return _refused(name, sheet, error.code, error.message)
    if not lines:
        return _refused(name, sheet, "empty_file", "The sheet is empty. It needs a header row.")
    formulas = _formulas(content, sheet.title) if _FORMULA.search(raw) else []
    issues = tuple(_formula_issues(name, formulas, lines))
    return Grid(file=name, sheet=sheet.title, lines=lines, issues=issues)


def _refused(file: str, sheet: Any, code: str, message: str, *, row: int | None = None) -> Grid:
    return Grid(file=file, sheet=sheet.title, issues=(Issue(file=file, code=code, message=message, row=row),))


def _texts(sheet: Any) -> Iterator[list[str]]:
    """The sheet's cells as text, line by line. Its own word on how large it is is not trusted."""
    sheet.reset_dimensions()
    for number, line in enumerate(sheet.iter_rows(), start=1):
        if number > MOST_ROWS + 1:
            raise CellError("too_many_rows", f"The sheet has more than {MOST_ROWS:,} rows. Save it as CSV in parts.")
        if len(line) > MOST_COLUMNS:
            raise CellError("too_many_columns", f"The sheet has more than {MOST_COLUMNS} columns.")
        yield [_text(cell, number) for cell in line]


def _text(cell: Any, row: int) -> str:
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        where = f"{get_column_letter(cell.column)}{row}"
        raise CellError("cell_error", f"The cell {where} holds the error {value}. Mend its formula or empty it.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, datetime.datetime):
        is_day = value.time() == datetime.time(0)
        return value.date().isoformat() if is_day else value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value).strip()


def number_text(value: float) -> str:
    """A stored number as the spreadsheet shows it: 0.1, not 0.1000000000000000055; 64, not 64.0."""
    return f"{Decimal(f'{value:.15g}'):f}" if abs(value) < 1e30 else repr(value)


def _trimmed(lines: Iterable[list[str]]) -> list[list[str]]:
    """Without empty lines at the end; every line as long as the header, longer only where it holds more."""
    found = list(lines)
    while found and not any(found[-1]):
        found.pop()
    if not found:
        return []
    width = max((place for place, cell in enumerate(found[0], start=1) if cell), default=0)
    for line in found:
        while len(line) > width and not line[-1]:
            line.pop()
        line.extend("" for _ in range(width - len(line)))
    return found


def _formulas(content: bytes, title: str) -> list[tuple[int, int]]:
    """(row, column from 0) of every cell that holds a formula."""
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
    sheet = book[title]
    sheet.reset_dimensions()
    return [
        (number, place)
        for number, line in enumerate(sheet.iter_rows(), start=1)
        for place, cell in enumerate(line)
        if cell.data_type == "f"
    ]


def _formula_issues(file: str, formulas: list[tuple[int, int]], lines: list[list[str]]) -> Iterator[Issue]:
    header = lines[0]
    for row, place in formulas[:MOST_FORMULAS_SAID]:
        line = lines[row - 1] if row <= len(lines) else []
        text = line[place] if place < len(line) else ""
        column = header[place] if place < len(header) else ""
        if not text:
            message = "The cell holds a formula without a saved value. Paste the value in its place."
            yield Issue(file=file, code="formula", message=message, row=row, column=column)
        else:
            message = f'The cell holds a formula; its last saved value "{text}" is read.'
            yield Issue(file=file, code="formula_value", message=message, row=row, column=column, severity=WARNING)
    if len(formulas) > MOST_FORMULAS_SAID:
        message = f"{len(formulas) - MOST_FORMULAS_SAID:,} more cells hold formulas; their last saved values are read."
        yield Issue(file=file, code="formula_value", message=message, severity=WARNING)

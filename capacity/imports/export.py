"""Tables as files that come back: the names of columns as the importer knows them, every value as it is read.

What an export writes, the importer reads as no change. A text that a spreadsheet would take for a formula is kept from
being one (rows.safe_cell), and comes back as it was.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, Any

from django.db.models import QuerySet

from capacity.access.visibility import Viewer
from capacity.imports.record_words import may_view
from capacity.imports.records import matching, records_in, scope_of, visible
from capacity.imports.rows import cell_text, safe_cell
from capacity.imports.tables import Table, tables
from capacity.imports.xlsx_write import SheetRows, write_workbook
from capacity.lib.figures import Absent

CSV = "text/csv; charset=utf-8"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def full_columns(table: Table, viewer: Viewer | None) -> tuple[str, ...]:
    """The columns that show in full on every row the viewer sees: those a file of his may bring back."""
    scope = scope_of(table, viewer)
    return tuple(column.name for column in table.columns if scope.sees_fully(column.name))


def bundle_tables(viewer: Viewer | None) -> list[Table]:
    """The tables of the bundle: those the viewer may open and sees every column of. Measurements are left to files of
    their own: by the million, they would drown what people keep."""
    return [
        table
        for table in tables().values()
        if not table.is_log
        and (viewer is None or may_view(table, viewer))
        and len(full_columns(table, viewer)) == len(table.columns)
    ]


def csv_lines(*, table: Table, viewer: Viewer | None, columns: Sequence[str], found: QuerySet[Any]) -> Iterator[str]:
    """The rows as CSV, a head line first, some rows at a time."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    for number, values in enumerate(_rows(table, viewer, columns, found), start=1):
        writer.writerow([safe_cell(value) if isinstance(value, str) else cell_text(value) for value in values])
        if number % 500 == 0:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def write_table_xlsx(
    file: IO[bytes], *, table: Table, viewer: Viewer | None, columns: Sequence[str], found: QuerySet[Any]
) -> int:
    """The rows as a workbook of one sheet; how many there were."""
    rows = _rows(table, viewer, columns, found)
    return write_workbook(file, [SheetRows(name=table.name, heads=columns, rows=rows)])[table.name]


def write_bundle_xlsx(file: IO[bytes], viewer: Viewer | None) -> dict[str, int]:
    """Every table of the bundle, a sheet each; table → rows."""
    sheets = [_sheet(table, viewer) for table in _filled(viewer)]
    if not sheets:
        # A workbook needs a sheet; one of this name is never read as data.
        write_workbook(file, [SheetRows(name="Read me", heads=["There is nothing to export yet."], rows=())])
        return {}
    return write_workbook(file, sheets)


def write_bundle_zip(file: IO[bytes], viewer: Viewer | None) -> dict[str, int]:
    """Every table of the bundle, a CSV file each; table → rows."""
    counts: dict[str, int] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
        for table in _filled(viewer):
            columns = full_columns(table, viewer)
            found = matching(table=table, viewer=viewer)
            counts[table.name] = found.count()
            with archive.open(f"{table.name}.csv", "w", force_zip64=True) as part:
                for lines in csv_lines(table=table, viewer=viewer, columns=columns, found=found):
                    part.write(lines.encode())
    return counts


def _filled(viewer: Viewer | None) -> list[Table]:
    """The tables of the bundle that hold a row: an importer asks what a file without rows is for."""
    return [table for table in bundle_tables(viewer) if visible(table, viewer).exists()]


def _sheet(table: Table, viewer: Viewer | None) -> SheetRows:
    columns = full_columns(table, viewer)
    rows = _rows(table, viewer, columns, matching(table=table, viewer=viewer))
    return SheetRows(name=table.name, heads=columns, rows=rows)


def _rows(table: Table, viewer: Viewer | None, columns: Sequence[str], found: QuerySet[Any]) -> Iterable[list[Any]]:
    """The rows' values in the order of the columns; what is hidden as its word."""
    for record in records_in(found, table, viewer):
        yield [_plain(record.values[name]) for name in columns]


def _plain(value: Any) -> Any:
    if isinstance(value, Absent):
        return value.word
    return cell_text(value) if isinstance(value, list | tuple) else value

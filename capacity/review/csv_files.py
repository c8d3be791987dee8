"""Lists as CSV: exactly the columns and rows a page shows, for spreadsheets. Numbers stay numbers.

A text that a spreadsheet would take for a formula gets an apostrophe in front; a hidden cell says so in its word.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpResponse

from capacity.imports.rows import decimal_text
from capacity.lib.figures import Absent
from capacity.review.listing import WEEK_COLUMNS, Listing, cell_text
from capacity.review.table_columns import Column

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_response(*, listing: Listing, file_name: str) -> HttpResponse:
    """The list's matching rows, all pages of them, as an attachment."""
    response = HttpResponse(csv_text(listing.columns, listing.rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def csv_rows_response(*, head: Sequence[str], rows: Iterable[Sequence[str | int]], file_name: str) -> HttpResponse:
    """Plain rows as an attachment: the numbers of a chart."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([safe_text(text) for text in head])
    writer.writerows([safe_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{file_name}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def csv_text(columns: Sequence[Column], rows: Iterable[dict[str, Any]]) -> str:
    """A head line, then a line a row. Dates in ISO form, weeks as 2026-W48, money and shares unrounded."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([head(column) for column in columns])
    for row in rows:
        writer.writerow([file_value(column, row[column.name]) for column in columns])
    return out.getvalue()


def head(column: Column) -> str:
    """The column's label with its unit: `Margin, P50 (USD)`."""
    return safe_text(f"{column.label} ({column.unit})" if column.unit else column.label)


def file_value(column: Column, value: Any) -> str | int:
    """A cell's value in a file."""
    if isinstance(value, Absent):
        return safe_text(value.word)
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if value in ("", []):
        return ""
    if column.name in WEEK_COLUMNS:
        return safe_text(str(value))
    return safe_text(str(cell_text(column.name, column.kind, value)))


def safe_text(text: str) -> str:
    """The text, kept from being read as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

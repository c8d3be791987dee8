"""Tables as downloads: exactly what a list shows, all its columns, or everything the viewer sees in full.

Each download leaves an audit row first: who took what out, how many rows, by which filters.
"""

from __future__ import annotations

import tempfile
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from capacity.access.audit import record_event
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports.export import (
    CSV,
    XLSX,
    csv_lines,
    full_columns,
    write_bundle_xlsx,
    write_bundle_zip,
    write_table_xlsx,
)
from capacity.imports.record_lists import Asked, shown_columns
from capacity.imports.record_words import list_url
from capacity.imports.records import scope_of
from capacity.imports.tables import Table
from capacity.imports.tabular import MOST_ROWS

KINDS = ("csv", "xlsx")
_IN_MEMORY = 4 * 1024 * 1024


def table_file(
    request: HttpRequest, *, table: Table, viewer: Viewer, asked: Asked, found: QuerySet[Any]
) -> HttpResponseBase:
    """The list's rows, all pages of them, as a file named after its table. Raises Http404 for another kind of file."""
    kind = request.GET.get("format", "")
    if kind not in KINDS:
        raise Http404
    is_whole = request.GET.get("columns") == "all"
    columns = full_columns(table, viewer) if is_whole else shown_columns(table, scope_of(table, viewer))
    count = found.count()
    if kind == "xlsx" and count > MOST_ROWS:
        messages.error(
            request, f"A spreadsheet of {count:,} rows is too big: at most {MOST_ROWS:,}. Filter, or take CSV."
        )
        return redirect(list_url(table) + asked.link())
    _record(request, table.name, {"kind": kind, "rows": count, "columns": columns, "filters": asked.link()})
    if kind == "csv":
        lines = csv_lines(table=table, viewer=viewer, columns=columns, found=found)
        return _named(StreamingHttpResponse(lines, content_type=CSV), f"{table.name}.csv")
    file: Any = _temporary_file()
    write_table_xlsx(file, table=table, viewer=viewer, columns=columns, found=found)
    file.seek(0)
    return _named(FileResponse(file, content_type=XLSX), f"{table.name}.xlsx")


@requires("data.view")
@require_safe
def bundle(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Every table the viewer sees in full, in one file that the importer reads back."""
    if kind not in ("xlsx", "zip"):
        raise Http404
    viewer = viewer_of(request)
    if request.method == "HEAD":
        return HttpResponse(content_type=XLSX if kind == "xlsx" else "application/zip")
    file: Any = _temporary_file()
    counts = (write_bundle_xlsx if kind == "xlsx" else write_bundle_zip)(file, viewer)
    _record(request, "all tables", {"kind": kind, "rows": counts})
    file.seek(0)
    content_type = XLSX if kind == "xlsx" else "application/zip"
    return _named(FileResponse(file, content_type=content_type), f"capacity-data.{kind}")


def _temporary_file() -> Any:
    """Closed by the response that sends it."""
    return tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)


def _record(request: HttpRequest, subject: str, detail: dict[str, Any]) -> None:
    record_event(request=request, action="exported", subject=subject, detail=detail)


def _named(response: HttpResponseBase, name: str) -> HttpResponseBase:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response

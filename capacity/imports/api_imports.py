"""Import batches by the API: what was written when and by whom, files sent, templates, and undo.

What belongs here: the views. What shows of a batch is api_import_sight, reading files is api_import_files; the work is
services.py's and undo.py's.
"""

from __future__ import annotations

import hashlib
from typing import Any, cast

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError
from capacity.access.idempotency import answered_once
from capacity.access.models import User
from capacity.access.viewer import Permits, PermitsByMethod, viewer_of
from capacity.imports.api_import_files import import_sent, sent_files
from capacity.imports.api_import_shapes import BatchDetail, BatchPage, ImportResult, SentImport, TemplateList, Undone
from capacity.imports.api_import_sight import (
    batch_json,
    batch_of,
    change_json,
    kept_issue,
    seen_changes,
    sees_all_keys,
    visible_batches,
)
from capacity.imports.api_json import StrictJSONParser
from capacity.imports.api_serializers import Proposed
from capacity.imports.api_tables import KEY_HEADER, page_of, paged, refusals, response_of
from capacity.imports.changes import Actor
from capacity.imports.described import kind_of, slug_of, table_of_slug, title_of
from capacity.imports.rules import table_refusal
from capacity.imports.tables import Table, tables
from capacity.imports.undo import UndoRefused, undo_batch

_AREA = "Files"
_PAGES = [OpenApiParameter("page", int, description="From 1."), OpenApiParameter("page_size", int)]


class Imports(APIView):
    """Batches, newest first; and files sent."""

    permission_classes = (PermitsByMethod(GET="imports.view", POST="imports.use"),)
    parser_classes = (StrictJSONParser, MultiPartParser)
    resource = "imports"
    area = _AREA

    @extend_schema(
        operation_id="imports_list",
        summary="Import batches",
        parameters=_PAGES,
        responses={200: BatchPage, **refusals(403)},
        tags=[_AREA],
    )
    def get(self, request: Request) -> Response:
        page, size = page_of(request)
        found = visible_batches(viewer_of(request), cast(User, request.user))
        rows = found.select_related("imported_by", "checked_by", "undone_by")[(page - 1) * size : page * size]
        lines = [batch_json(batch, request) for batch in rows]
        return paged(request, page=page, size=size, count=found.count(), results=lines)

    @extend_schema(
        operation_id="imports_create",
        summary="Import files, together or not at all",
        description="As JSON, or as multipart/form-data with one part for each file beside source, note and dry_run.",
        parameters=[KEY_HEADER],
        request={"application/json": SentImport, "multipart/form-data": SentImport},
        responses={200: ImportResult, 201: ImportResult, 202: Proposed, **refusals(400, 403, 413, 422)},
        tags=[_AREA],
    )
    def post(self, request: Request) -> Response:
        files, asked = sent_files(request)
        same = {
            "path": request.path,
            "asked": asked,
            "files": [(file.name, hashlib.sha256(file.content or b"").hexdigest(), file.bytes_) for file in files],
        }
        answer = answered_once(
            key=request.headers.get("Idempotency-Key", ""),
            owner=cast(User, request.user),
            viewer=viewer_of(request),
            request=same,
            now=timezone.now(),
            do=lambda: import_sent(request, files, asked),
        )
        return response_of(answer)


class Import(APIView):
    """One batch."""

    permission_classes = (Permits("imports.view"),)
    resource = "imports"
    area = _AREA

    @extend_schema(
        operation_id="imports_retrieve",
        summary="One batch with its rows",
        parameters=_PAGES,
        responses={200: BatchDetail, **refusals(403, 404)},
        tags=[_AREA],
    )
    def get(self, request: Request, batch_id: int) -> Response:
        batch = batch_of(request, batch_id)
        page, size = page_of(request)
        viewer, is_own = viewer_of(request), batch.imported_by == request.user
        changes = seen_changes(batch, viewer, is_own=is_own)
        rows = [
            change_json(change, viewer, is_own=is_own)
            for change in changes.order_by("pk")[(page - 1) * size : page * size]
        ]
        issues = [kept_issue(issue) for issue in batch.issues.order_by("pk")] if is_own else []
        body = {**batch_json(batch, request), "changes": rows, "changes_count": changes.count(), "issues": issues}
        return Response(body)


class UndoImport(APIView):
    """Takes a batch back."""

    permission_classes = (Permits("imports.use"),)
    parser_classes = (StrictJSONParser,)
    resource = "imports"
    area = _AREA

    @extend_schema(
        operation_id="imports_undo",
        summary="Undo a batch, while nothing has happened to its rows since",
        request=None,
        responses={200: Undone, **refusals(403, 404, 409)},
        tags=[_AREA],
    )
    def post(self, request: Request, batch_id: int) -> Response:
        batch = batch_of(request, batch_id)
        viewer = viewer_of(request)
        if batch.imported_by != request.user and not sees_all_keys(batch, viewer):
            raise Http404
        user = cast(User, request.user)
        actor = Actor(user=user, viewer=viewer, source="api", note=f"undo of {batch.pk}", request=request)
        try:
            outcome = undo_batch(batch_id=batch.pk, actor=actor)
        except UndoRefused as refused:
            errors = [FieldError(code="cannot_be_undone", message=reason) for reason in refused.reasons]
            raise ApiRefusal(status=409, errors=errors) from None
        return Response({"batch": outcome.batch_id, "url": f"/api/v1/imports/{outcome.batch_id}/"})


class Templates(APIView):
    """What files look like."""

    permission_classes = (Permits("imports.use"),)
    resource = "imports"
    area = _AREA

    @extend_schema(
        operation_id="imports_templates",
        summary="The files you may import, with their columns",
        responses={200: TemplateList, **refusals(403)},
        tags=[_AREA],
    )
    def get(self, request: Request) -> Response:
        writable = [table for table in tables().values() if not table_refusal(table, viewer_of(request))]
        return Response({"templates": [_template(table) for table in writable]})


class Template(APIView):
    """An empty file of one table."""

    permission_classes = (Permits("imports.use"),)
    resource = "imports"
    area = _AREA

    @extend_schema(
        operation_id="imports_template",
        summary="An empty file with the head of a table",
        responses={(200, "text/csv"): OpenApiResponse(str, description="One line."), **refusals(403, 404)},
        tags=[_AREA],
    )
    def get(self, request: Request, slug: str) -> HttpResponse:
        table = table_of_slug(slug)
        if table is None or table_refusal(table, viewer_of(request)):
            raise Http404
        response = HttpResponse(
            ",".join(column.name for column in table.columns) + "\r\n", content_type="text/csv; charset=utf-8"
        )
        response["Content-Disposition"] = f'attachment; filename="{table.name}.csv"'
        return response


def _template(table: Table) -> dict[str, Any]:
    columns = []
    for column in table.columns:
        kind = kind_of(table, column.name)
        columns.append(
            {
                "name": column.name,
                "kind": kind.name,
                "required": column.required or column.name in table.key,
                "choices": [value for value, _ in kind.choices],
                "help": table.help.get(column.name, ""),
            }
        )
    return {
        "file": f"{table.name}.csv",
        "title": title_of(table),
        "url": f"/api/v1/imports/templates/{slug_of(table)}/",
        "key": list(table.key),
        "columns": columns,
    }

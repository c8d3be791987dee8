"""Import batches by the API: what was written when and by whom, files sent, templates, and undo.

A batch shows to whoever wrote it, and to whoever may read every table it touched; its rows only as far as their
columns show. The work is services.py's and undo.py's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from capacity.access.api_errors import ApiRefusal, FieldError, problem, refusal
from capacity.access.idempotency import Answer, answered_once
from capacity.access.models import User
from capacity.access.permissions import may
from capacity.access.viewer import Permits, PermitsByMethod, viewer_of
from capacity.access.visibility import Sight, Viewer, sight
from capacity.imports.api_json import Number, StrictJSONParser
from capacity.imports.api_rows import row_url
from capacity.imports.api_serializers import Page, Problem, Proposed
from capacity.imports.api_tables import KEY_HEADER, page_of, paged, refusals, response_of
from capacity.imports.changes import Actor
from capacity.imports.described import kind_of, resource_of, slug_of, table_of_slug, title_of
from capacity.imports.models import ImportBatch, ImportChange
from capacity.imports.rows import key_of_text
from capacity.imports.rules import table_refusal
from capacity.imports.services import ImportOutcome, SourceFile, import_files, source_file
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import Issue
from capacity.imports.undo import UndoRefused, undo_batch

MOST_FILES = 60
LONGEST_SOURCE = 80
LONGEST_NOTE = 500
_AREA = "Files"


class SentFile(serializers.Serializer):
    """A file in a JSON body. Its name, without the ending, names the table."""

    name = serializers.CharField(help_text="Such as pools.csv.")
    content = serializers.CharField(help_text="The text of the file.")


class SentImport(serializers.Serializer):
    """Files to import, together or not at all."""

    files = SentFile(many=True)
    source = serializers.CharField(  # type: ignore[assignment]
        required=False, help_text="Where they come from; api unless given."
    )
    note = serializers.CharField(required=False, help_text="Why, for the history.")
    dry_run = serializers.BooleanField(required=False, help_text="Check everything and write nothing.")


class FileProblem(Problem):
    """One thing wrong or odd in a file. row: as a spreadsheet counts, the head being row 1."""

    file = serializers.CharField()


class ImportResult(serializers.Serializer):
    """How an import came out."""

    applied = serializers.BooleanField()
    batch = serializers.IntegerField(allow_null=True)
    counts = serializers.DictField(help_text="Table → added, changed and unchanged rows.")
    warnings = FileProblem(many=True)


class BatchRow(serializers.Serializer):
    """One write of the kept tables: of files, by hand, by the API, or an undo."""

    id = serializers.IntegerField()
    url = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]
    kind = serializers.CharField()
    outcome = serializers.CharField()
    note = serializers.CharField(allow_null=True, help_text="Null where the note is not yours to read.")
    imported_at = serializers.DateTimeField()
    imported_by = serializers.CharField(allow_null=True)
    checked_by = serializers.CharField(allow_null=True)
    files = serializers.ListField(child=serializers.DictField())
    counts = serializers.DictField()
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(allow_null=True)
    undoes = serializers.IntegerField(allow_null=True)


class ChangeRow(serializers.Serializer):
    """What a batch did to one row, as far as its columns show."""

    table = serializers.CharField()
    url = serializers.CharField()
    kind = serializers.CharField()
    row_version = serializers.IntegerField(allow_null=True)
    columns = serializers.DictField(help_text="Column → {before, after}, as a file would write them.")


class BatchDetail(BatchRow):
    """A batch with its rows and, for whoever wrote it, what was odd in the files."""

    changes = ChangeRow(many=True)
    changes_count = serializers.IntegerField(help_text="Of all pages.")
    issues = FileProblem(many=True)


class BatchPage(Page):
    """A page of batches, newest first."""

    results = BatchRow(many=True)


class Undone(serializers.Serializer):
    """An undo is a batch of its own."""

    batch = serializers.IntegerField()
    url = serializers.CharField()


class TemplateColumn(serializers.Serializer):
    """A column of a file."""

    name = serializers.CharField()
    kind = serializers.CharField()
    required = serializers.BooleanField()  # type: ignore[assignment]
    choices = serializers.ListField(child=serializers.CharField())
    help = serializers.CharField()


class TemplateRow(serializers.Serializer):
    """What the file of a table looks like."""

    file = serializers.CharField()
    title = serializers.CharField()
    url = serializers.CharField(help_text="An empty file with this head.")
    key = serializers.ListField(child=serializers.CharField())
    columns = TemplateColumn(many=True)


class TemplateList(serializers.Serializer):
    """The files the reader may import."""

    templates = TemplateRow(many=True)


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
        lines = [_batch_json(batch, request) for batch in rows]
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
        files, asked = _sent(request)
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
            do=lambda: _import(request, files, asked),
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
        batch = _batch(request, batch_id)
        page, size = page_of(request)
        viewer, is_own = viewer_of(request), batch.imported_by == request.user
        changes = _seen_changes(batch, viewer, is_own=is_own)
        rows = [
            _change_json(change, viewer, is_own=is_own)
            for change in changes.order_by("pk")[(page - 1) * size : page * size]
        ]
        issues = [_kept_issue(issue) for issue in batch.issues.order_by("pk")] if is_own else []
        body = {**_batch_json(batch, request), "changes": rows, "changes_count": changes.count(), "issues": issues}
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
        batch = _batch(request, batch_id)
        viewer = viewer_of(request)
        if batch.imported_by != request.user and not _sees_all_keys(batch, viewer):
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


# --- what shows ---------------------------------------------------------------------------------------------------


def visible_batches(viewer: Viewer, user: User) -> QuerySet[ImportBatch]:
    """One's own, and those applied that touched only tables the viewer may read; newest first."""
    hidden = [table.name for table in tables().values() if not (table.view and may(viewer.roles, table.view))]
    others = Q(outcome="applied") & ~Q(counts__has_any_keys=hidden)
    return ImportBatch.objects.filter(Q(imported_by=user) | others).order_by("-pk")


def _batch(request: Request, batch_id: int) -> ImportBatch:
    batch = visible_batches(viewer_of(request), cast(User, request.user)).filter(pk=batch_id).first()
    if batch is None:
        raise Http404
    return batch


def _batch_json(batch: ImportBatch, request: Request) -> dict[str, Any]:
    knows = batch.imported_by == request.user or _sees_all_keys(batch, viewer_of(request))
    return {
        "id": batch.pk,
        "url": f"/api/v1/imports/{batch.pk}/",
        "source": batch.source,
        "kind": batch.kind,
        "outcome": batch.outcome,
        # A note may name a customer or a price.
        "note": batch.note if knows else None,
        "imported_at": batch.imported_at,
        "imported_by": _name(batch.imported_by),
        "checked_by": _name(batch.checked_by),
        "files": [{"name": file.get("name", ""), "bytes": file.get("bytes")} for file in batch.files],
        "counts": batch.counts,
        "undone_at": batch.undone_at,
        "undone_by": _name(batch.undone_by),
        "undoes": batch.undoes_id,
    }


def _name(user: User | None) -> str | None:
    return user.get_username() if user is not None else None


def _sees_all_keys(batch: ImportBatch, viewer: Viewer) -> bool:
    """Whether every column of every table the batch touched shows to the viewer on every row."""
    known = tables()
    return all(
        name in known and _sees(viewer, known[name], column.name, is_own=False)
        for name in batch.counts
        for column in (known[name].columns if name in known else ())
    )


def _seen_changes(batch: ImportBatch, viewer: Viewer, *, is_own: bool) -> QuerySet[ImportChange]:
    """The changes of rows whose key shows to the viewer."""
    seen = [
        table.name
        for table in tables().values()
        if all(_sees(viewer, table, name, is_own=is_own) for name in table.key)
    ]
    return batch.changes.filter(table__in=seen)


def _change_json(change: ImportChange, viewer: Viewer, *, is_own: bool) -> dict[str, Any]:
    table = tables()[change.table]
    known = {column.name for column in table.columns}
    before, after = change.before or {}, change.after or {}
    return {
        "table": slug_of(table),
        "url": row_url(table, key_of_text(change.key)),
        "kind": change.kind,
        "row_version": change.row_version,
        "columns": {
            name: {"before": before.get(name, ""), "after": after.get(name, "")}
            for name in dict.fromkeys([*after, *before])
            if before.get(name, "") != after.get(name, "")
            and name in known
            and _sees(viewer, table, name, is_own=is_own)
        },
    }


def _sees(viewer: Viewer, table: Table, column: str, *, is_own: bool) -> bool:
    """Whether the column shows in full: on any row, or, for one's own batch, on one's own rows (it wrote no others)."""
    if not (table.view and may(viewer.roles, table.view)):
        return False
    owners = ["", *([viewer.username, viewer.team_key] if is_own and table.owner else [])]
    return any(sight(viewer, resource_of(table), column, owner=owner) is Sight.FULL for owner in owners)


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


# --- sending ------------------------------------------------------------------------------------------------------


def _sent(request: Request) -> tuple[list[SourceFile], dict[str, Any]]:
    """The files and what was asked of them. Raises ApiRefusal."""
    sent = request.data
    if not isinstance(sent, Mapping):
        raise refusal(400, "not_an_object", 'Send {"files": [{"name", "content"}], "source", "note", "dry_run"}.')
    is_form = not isinstance(sent, dict) or request.FILES
    files = _uploaded(request) if is_form else _in_json(sent)
    if not files:
        raise refusal(400, "no_files", "There is no file in the request.", field="files")
    if len(files) > MOST_FILES:
        raise refusal(413, "too_many_files", f"At most {MOST_FILES} files at once.", field="files")
    dry_run = sent.get("dry_run", False)
    if dry_run not in (True, False, "true", "false", "1", "0", ""):
        raise refusal(400, "wrong_type", "Send true or false.", field="dry_run")
    return files, {
        "source": _line(sent, "source", LONGEST_SOURCE) or "api",
        "note": _line(sent, "note", LONGEST_NOTE),
        "dry_run": dry_run in (True, "true", "1"),
    }


def _uploaded(request: Request) -> list[SourceFile]:
    sent = [file for _, files in request.FILES.lists() for file in files]
    return [_source_of(file) for file in sent]


def _source_of(file: UploadedFile) -> SourceFile:
    return source_file(name=str(file.name), content=file.read())


def _in_json(sent: Mapping[str, Any]) -> list[SourceFile]:
    files = sent.get("files")
    if not isinstance(files, list) or not all(
        isinstance(file, dict) and isinstance(file.get("name"), str) and isinstance(file.get("content"), str)
        for file in files
    ):
        raise refusal(400, "wrong_type", 'Send a list of {"name", "content"}.', field="files")
    try:
        return [source_file(name=file["name"][:200], content=file["content"].encode()) for file in files]
    except UnicodeEncodeError:
        raise refusal(400, "bad_text", "A text holds half of a character.", field="files") from None


def _line(sent: Mapping[str, Any], name: str, longest: int) -> str:
    text = sent.get(name, "")
    if not isinstance(text, str) or isinstance(text, Number) or len(text) > longest or not text.isprintable():
        raise refusal(400, "bad_text", f"One line of at most {longest} characters.", field=name)
    return text.strip()


def _import(request: Request, files: list[SourceFile], asked: Mapping[str, Any]) -> Answer:
    actor = Actor(
        user=cast(User, request.user),
        viewer=viewer_of(request),
        source=asked["source"],
        note=asked["note"],
        request=request,
    )
    outcome = import_files(files=files, actor=actor, dry_run=asked["dry_run"])
    if outcome.errors:
        return _refused(outcome)
    if outcome.proposal_id is not None and not asked["dry_run"]:
        url = f"/api/v1/proposals/{outcome.proposal_id}/"
        message = "Nothing is changed yet: a second person has to approve this."
        body = {"proposal": outcome.proposal_id, "url": url, "message": message}
        return Answer(status=202, body=body, headers={"Location": url})
    body = {
        "applied": outcome.applied,
        "batch": outcome.batch_id,
        "counts": {name: dict(counts) for name, counts in outcome.counts.items()},
        "warnings": [_issue_json(issue) for issue in outcome.warnings],
    }
    if asked["dry_run"]:
        return Answer(status=200, body=body)
    return Answer(status=201, body=body, headers={"Location": f"/api/v1/imports/{outcome.batch_id}/"})


def _refused(outcome: ImportOutcome) -> Answer:
    status = 403 if any(issue.code == "not_allowed" for issue in outcome.errors) else 422
    body = {**problem(status, []), "batch": outcome.batch_id}
    body["errors"] = [_issue_json(issue) for issue in outcome.errors]
    return Answer(status=status, body=body)


def _issue_json(issue: Issue) -> dict[str, Any]:
    error = FieldError(code=issue.code, message=issue.message, row=issue.row, field=issue.column)
    return {**asdict(error), "file": issue.file}


def _kept_issue(issue: Any) -> dict[str, Any]:
    return {
        "row": issue.row,
        "field": issue.column,
        "code": issue.code,
        "message": issue.message,
        "file": issue.file,
    }

"""Pages of the import: what was brought when and by whom, bringing files, looking at them before they are applied, undo.

Who may write which row is asked where it is written (rules.py); these pages offer only the viewer's own tables.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from capacity.access.audit import record_event
from capacity.access.viewer import may_do, requires, viewer_of
from capacity.access.visibility import Viewer
from capacity.imports import batch_pages, rules
from capacity.imports.changes import Actor
from capacity.imports.described import title_of
from capacity.imports.forms_imports import AliasForm, MappingForm, NewImportForm, TableForm
from capacity.imports.models import ImportBatch, Upload
from capacity.imports.receiving import as_source_file, receive_in_memory
from capacity.imports.rows import safe_cell
from capacity.imports.services import ImportOutcome, applied_before
from capacity.imports.tables import Table, tables
from capacity.imports.tabular import ERROR, Issue
from capacity.imports.templates_files import csv_template, xlsx_template
from capacity.imports.undo import UndoRefused, undo_batch
from capacity.imports.uploads import (
    Part,
    UploadRefused,
    apply_upload,
    choose_form,
    choose_table,
    keep_upload,
    keys_of_kind,
    open_upload,
    parts_of,
    preview,
    say_alias,
    try_separator,
)

ROWS_PER_PAGE = 50
MOST_SHOWN = 200
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# --- what was brought ---------------------------------------------------------------------------------------------


@requires("imports.view")
@require_safe
def imports(request: HttpRequest) -> HttpResponse:
    """All writes of the tables, newest first; filtered by the address."""
    viewer = viewer_of(request)
    asked = {name: request.GET.get(name, "").strip()[:80] for name in ("kind", "outcome", "by", "source")}
    page = Paginator(batch_pages.batches(**asked), ROWS_PER_PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    people = ImportBatch.objects.exclude(imported_by=None).values_list("imported_by__username", flat=True).distinct()
    context = {
        "page": page,
        "pager_base": f"?{kept.urlencode()}&" if kept else "?",
        "lines": [batch_pages.batch_line(batch, viewer) for batch in page],
        "asked": asked,
        "is_filtered": any(asked.values()),
        "kinds": batch_pages.KIND_WORDS.items(),
        "people": sorted(people),
        "waiting": _waiting(request),
        "may_import": may_do(request, "imports.use"),
        "templates": sorted(_own_tables(viewer), key=title_of),
    }
    return render(request, "imports/list.html", context)


def _waiting(request: HttpRequest) -> list[Upload]:
    """The viewer's own uploads that are not applied yet."""
    found = Upload.objects.filter(user__username=request.user.get_username(), batch=None, expires_at__gt=timezone.now())
    return list(found.prefetch_related("files").exclude(files=None).distinct().order_by("-id"))


@requires("imports.view")
@require_safe
def batch(request: HttpRequest, batch_id: int) -> HttpResponse:
    """One write of the tables: what it changed, what was odd, and its undo."""
    return _batch_page(request, _batch_or_404(batch_id))


def _batch_page(
    request: HttpRequest, found: ImportBatch, *, reasons: Iterable[str] = (), status: int = 200
) -> HttpResponse:
    viewer = viewer_of(request)
    asked = request.GET.get("table", "")
    changes = batch_pages.changes_of(found, viewer, table=asked)
    page = Paginator(changes, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    lines, hidden = batch_pages.shown_changes(list(page), viewer)
    issues = batch_pages.issues_of(found, viewer)
    refused = [rules.table_refusal(table, viewer) for name, table in tables().items() if name in found.counts]
    context = {
        "batch": batch_pages.batch_line(found, viewer),
        "page": page,
        "pager_base": f"?table={asked}&" if asked else "?",
        "changes": lines,
        "hidden": hidden,
        "issues": issues[:MOST_SHOWN],
        "issue_count": found.issues.count(),
        "errors": sum(issue.severity == ERROR for issue in issues),
        "asked": asked,
        "undo_reasons": list(reasons),
        "may_undo": found.outcome == "applied"
        and found.undone_at is None
        and found.kind != "undo"
        and may_do(request, "imports.use")
        and not any(refused),
    }
    return render(request, "imports/batch.html", context, status=status)


def _batch_or_404(batch_id: int) -> ImportBatch:
    return get_object_or_404(ImportBatch.objects.select_related("imported_by", "checked_by", "undone_by"), pk=batch_id)


@requires("imports.use")
@require_POST
def undo(request: HttpRequest, batch_id: int) -> HttpResponse:
    """Put the rows of a batch back; where something is in the way, say what."""
    found = _batch_or_404(batch_id)
    note = request.POST.get("note", "").strip()[:500] or f"Undo of import {found.pk}"
    try:
        outcome = undo_batch(batch_id=found.pk, actor=_actor(request, source="undo", note=note))
    except UndoRefused as refused:
        return _batch_page(request, found, reasons=refused.reasons, status=409)
    messages.success(request, f"Import {found.pk} is undone; its rows are as they were before.")
    return redirect("import", batch_id=outcome.batch_id)


@requires("imports.view")
@require_safe
def batch_issues(request: HttpRequest, batch_id: int) -> HttpResponse:
    """The issues of a batch as CSV."""
    found = _batch_or_404(batch_id)
    issues = batch_pages.issues_of(found, viewer_of(request))
    return _issues_csv(f"import-{found.pk}-issues.csv", issues)


def _issues_csv(name: str, issues: Iterable[Any]) -> HttpResponse:
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    writer = csv.writer(response)
    writer.writerow(["severity", "file", "row", "column", "code", "message"])
    for issue in issues:
        word = "error" if issue.severity == ERROR else "warning"
        cells = [word, issue.file, issue.row or "", issue.column, issue.code, issue.message]
        writer.writerow([safe_cell(str(cell)) for cell in cells])
    return response


# --- bringing files -----------------------------------------------------------------------------------------------


@csrf_exempt
def new(request: HttpRequest) -> HttpResponseBase:
    """Bring files. The handler that counts them is set before anything reads the form, so the token is asked after."""
    receive_in_memory(request)
    return _new(request)


@requires("imports.use")
@require_http_methods(["GET", "HEAD", "POST"])
@csrf_protect
def _new(request: HttpRequest) -> HttpResponse:
    form = NewImportForm(request.POST, request.FILES) if request.method == "POST" else NewImportForm()
    if form.is_bound and form.is_valid():
        given = [as_source_file(each) for each in form.cleaned_data["attached"]]
        try:
            upload = keep_upload(
                user=request.user,  # type: ignore[arg-type]
                source=form.cleaned_data["source"],
                note=form.cleaned_data["note"],
                files=given,
                now=timezone.now(),
            )
        except UploadRefused as refused:
            form.add_error("attached", str(refused))
        else:
            return redirect("import-upload", upload_id=upload.pk)
    status = 422 if form.is_bound and form.errors else 200
    context = {"form": form, "templates": sorted(_own_tables(viewer_of(request)), key=title_of)}
    return render(request, "imports/new.html", context, status=status)


new.allowed_roles = _new.allowed_roles  # type: ignore[attr-defined]


@requires("imports.use")
@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest, upload_id: int) -> HttpResponse:
    """Files on their way: what they are, how they are read, what they would change; and applying them."""
    found = _upload_or_404(request, upload_id)
    if request.method != "POST":
        return _upload_page(request, found)
    do = {"table": _say_table, "mapping": _say_mapping, "alias": _say_alias, "apply": _apply, "discard": _discard}
    action = do.get(request.POST.get("do", ""))
    if action is None:
        raise Http404
    return action(request, found)


def _upload_or_404(request: HttpRequest, upload_id: int) -> Upload:
    found = open_upload(upload_id=upload_id, user=request.user, now=timezone.now())  # type: ignore[arg-type]
    if found is None:
        raise Http404
    return found


def _upload_page(
    request: HttpRequest, found: Upload, *, forms: dict[str, MappingForm] | None = None, status: int = 200
) -> HttpResponse:
    viewer = viewer_of(request)
    parts = parts_of(found)
    waits = any(part.needs for part in parts)
    outcome = None if waits or not parts else preview(upload=found, actor=_upload_actor(request, found))
    edited = request.GET.get("map", "")
    digests = [each.sha256 for each in found.files.all() if each.sha256]
    before = {each.pk: each for each in applied_before(digests=digests).values()}
    context = {
        "upload": found,
        "parts": [_part_context(part, viewer, forms or {}, edited) for part in parts],
        "waits": waits,
        "outcome": outcome,
        "applied_before": list(before.values()),
        **(_preview_context(outcome) if outcome else {}),
    }
    return render(request, "imports/upload.html", context, status=status)


def _part_context(part: Part, viewer: Viewer, forms: dict[str, MappingForm], edited: str) -> dict[str, Any]:
    shown = forms.get(part.slug)
    if shown is None and part.table is not None and (part.needs == "mapping" or edited == part.slug):
        shown = MappingForm(part=part)
    choices = TableForm(tables=_own_tables(viewer), initial={"table": part.table.name if part.table else ""})
    return {
        "part": part,
        "title": title_of(part.table) if part.table else "",
        "table_form": choices,
        "mapping": shown,
        "form": part.form,
        "used": sum(bool(use.column) for use in part.form.headings.values()) if part.form else 0,
    }


def _preview_context(outcome: ImportOutcome) -> dict[str, Any]:
    counts = {name: dict(found) for name, found in outcome.counts.items()}
    refused = Counter(change.table for change in outcome.changes if change.kind == "refused")
    telling = [change for change in outcome.changes if change.kind in {"added", "changed"}]
    known = tables()
    return {
        "tables": [
            {"title": title_of(known[name]), "name": name, "refused": refused[name], **found}
            for name, found in counts.items()
        ],
        "changes": batch_pages.previewed(telling[:MOST_SHOWN]),
        "change_count": sum(found.get("added", 0) + found.get("changed", 0) for found in counts.values()),
        "issues": sorted(outcome.issues, key=lambda issue: issue.severity != ERROR)[:MOST_SHOWN],
        "issue_count": len(outcome.issues),
        "offers": _offers(outcome.issues),
    }


def _offers(issues: Iterable[Issue]) -> list[dict[str, Any]]:
    """Unknown names, each once, with the keys they may stand for."""
    found = Counter(issue.offer for issue in issues if issue.offer is not None)
    return [
        {
            "kind": offer.kind,
            "written": offer.written,
            "rows": count,
            "nearest": offer.keys,
            "others": [key for key in keys_of_kind(offer.kind) if key not in offer.keys],
        }
        for offer, count in found.most_common(MOST_SHOWN)
    ]


def _say_table(request: HttpRequest, found: Upload) -> HttpResponse:
    part = _part_or_404(request, found)
    form = TableForm(request.POST, tables=_own_tables(viewer_of(request)))
    if form.is_valid():
        name = form.cleaned_data["table"]
        choose_table(upload=found, part=part, table=None if name == "-" else tables()[name])
        return redirect("import-upload", upload_id=found.pk)
    messages.error(request, f"Say which table {part.name} is.")
    return _upload_page(request, found, status=422)


def _say_mapping(request: HttpRequest, found: Upload) -> HttpResponse:
    part = _part_or_404(request, found)
    if part.table is None:
        raise Http404
    form = MappingForm(request.POST, part=part)
    if form.separator_changed:
        try_separator(upload=found, part=part, separator=str(request.POST.get(form.add_prefix("separator"))))
        return redirect("import-upload", upload_id=found.pk)
    if form.is_valid():
        choose_form(upload=found, part=part, form=form.file_form())
        return redirect("import-upload", upload_id=found.pk)
    return _upload_page(request, found, forms={part.slug: form}, status=422)


def _part_or_404(request: HttpRequest, found: Upload) -> Part:
    slug = request.POST.get("part", "")
    part = next((part for part in parts_of(found) if part.slug == slug), None)
    if part is None:
        raise Http404
    return part


def _say_alias(request: HttpRequest, found: Upload) -> HttpResponse:
    form = AliasForm(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            say_alias(**said, actor=_actor(request, source="form", note=f"Named in {found.source}"))
        except UploadRefused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"“{said['written']}” is {said['key']} from now on.")
    else:
        messages.error(request, "Choose what the name stands for.")
    return redirect("import-upload", upload_id=found.pk)


def _apply(request: HttpRequest, found: Upload) -> HttpResponse:
    if any(part.needs for part in parts_of(found)) or not found.files.exists():
        return _upload_page(request, found, status=409)
    outcome = apply_upload(upload=found, actor=_upload_actor(request, found))
    if outcome.proposal_id is not None:
        messages.success(request, "A second person has to approve this. It is kept as a proposal until then.")
        return redirect("imports")
    if not outcome.applied:
        messages.error(request, "The files cannot be applied as they are; nothing was written. The reasons are below.")
        return _upload_page(request, found, status=409)
    messages.success(request, f"Applied as import {outcome.batch_id}.")
    return redirect("import", batch_id=outcome.batch_id)


def _discard(request: HttpRequest, found: Upload) -> HttpResponse:
    record_event(action="upload.discarded", subject=found.source, request=request)
    found.delete()
    messages.success(request, "The files are discarded; nothing was written.")
    return redirect("imports")


@requires("imports.use")
@require_safe
def upload_issues(request: HttpRequest, upload_id: int) -> HttpResponse:
    """What keeps the files from being applied, as CSV."""
    found = _upload_or_404(request, upload_id)
    outcome = preview(upload=found, actor=_upload_actor(request, found))
    return _issues_csv("issues.csv", outcome.issues)


def _upload_actor(request: HttpRequest, found: Upload) -> Actor:
    return _actor(request, source=found.source, note=found.note)


def _actor(request: HttpRequest, *, source: str, note: str) -> Actor:
    user: Any = request.user
    return Actor(user=user, viewer=viewer_of(request), source=source, note=note, request=request)


# --- templates ----------------------------------------------------------------------------------------------------


@requires("imports.use")
@require_safe
def template_csv(request: HttpRequest, table: str) -> HttpResponse:
    """An empty CSV file of a table the viewer keeps."""
    found = _own_table_or_404(request, table)
    response = HttpResponse(csv_template(found), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{found.name}.csv"'
    return response


@requires("imports.use")
@require_safe
def template_xlsx(request: HttpRequest, table: str) -> HttpResponse:
    """The same as a workbook, its columns explained on a sheet of their own."""
    found = _own_table_or_404(request, table)
    response = HttpResponse(xlsx_template(found), content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="{found.name}.xlsx"'
    return response


def _own_tables(viewer: Viewer) -> list[Table]:
    """The tables the viewer may change."""
    return [table for table in tables().values() if not rules.table_refusal(table, viewer)]


def _own_table_or_404(request: HttpRequest, name: str) -> Table:
    found = next((table for table in _own_tables(viewer_of(request)) if table.name == name), None)
    if found is None:
        raise Http404
    return found

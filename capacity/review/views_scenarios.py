"""Scenarios: what-ifs asked of a plan, one with its two answers, a form to ask about a row, and trying a smallest change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from capacity.access.audit import record_event
from capacity.access.models import User
from capacity.access.viewer import may_do, requires, requires_by_method, viewer_of
from capacity.access.visibility import Sight, Viewer, sight
from capacity.allocation.models import WhatIf
from capacity.allocation.what_ifs import TooManyWaiting, what_ifs_of
from capacity.imports.described import column_label, column_unit, kind_of, resource_of, singular_of, slug_of, title_of
from capacity.imports.rows import cell_text, key_text
from capacity.imports.tables import Table
from capacity.lib import figures
from capacity.review.csv_files import csv_rows_response
from capacity.review.input_edits import CHANGED, REMOVED, ChangesRefused, askable_tables
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import (
    FIRST_COLUMNS,
    MOST_SHIFT_WEEKS,
    AskedRow,
    NoRun,
    ask,
    asked_row,
    asked_run_id,
    changes_of_form,
    date_columns,
    run_table,
    smallest_change_as_changes,
)
from capacity.review.what_if_rows import SEES_ALL, visible_answer, visible_changes, visible_error
from capacity.review.what_if_words import FILE_HEAD, answer_verdict, change_sentence, file_rows, page_answer

PAGE = 25
# Tables offered first when somebody asks about a row.
OFFERED = ("contracts", "lots", "experiments", "forecasts", "outages", "policy_floors", "policy_sets")
_PILLS = {"done": ("done", "Done"), "failed": ("bad", "Failed"), "running": ("decide", "Solving")}
MOST_LISTED_ROWS = 500


@requires("scenario.view")
@require_safe
def scenarios(request: HttpRequest) -> HttpResponse:
    """What was asked, by whom, and what came of it, newest first."""
    now, viewer = timezone.now(), viewer_of(request)
    sees_all = bool(viewer.roles & SEES_ALL)
    found = what_ifs_of(user=_user(request), sees_all=sees_all)
    # What was asked as a quote stands among the quotes.
    found = found.filter(quote__isnull=True).annotate(shown=Coalesce("full", "quick")).defer("full", "quick")
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "rows": [_line(viewer, row, year=now.year) for row in page],
        "sees_all": sees_all,
        "may_ask": may_do(request, "scenario.ask"),
        "waiting": sum(row.state in ("queued", "running") for row in page),
    }
    return render(request, "scenarios/list.html", context)


def _line(viewer: Viewer, row: Any, *, year: int) -> dict[str, Any]:
    sentences = [change_sentence(change) for change in visible_changes(viewer, row.changed_rows)]
    answer = visible_answer(viewer, row.shown)
    pill = _PILLS.get(row.state, ("plain", "Waiting"))
    return {
        "url": reverse("scenario", args=[row.uuid]),
        "what": sentences[0] if sentences else "",
        "more": len(sentences) - 1,
        "by": row.asked_by.get_username(),
        "at": f"{figures.day(row.asked_at, year=year)} {row.asked_at:%H:%M}",
        "run_id": row.run_id,
        "pill": pill,
        "outcome": " ".join(answer_verdict(answer)) if answer else visible_error(viewer, row.error),
    }


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _found(request: HttpRequest, number: UUID) -> WhatIf:
    """The what-if; somebody else's answers as a missing one unless the reader sees all."""
    sees_all = bool(viewer_of(request).roles & SEES_ALL)
    found = what_ifs_of(user=_user(request), sees_all=sees_all).filter(uuid=number).first()
    if found is None:
        raise Http404
    return found


@requires("scenario.view")
@require_safe
def scenario(request: HttpRequest, number: UUID) -> HttpResponse:
    """One what-if: its changes in words, how far it is, the quick answer, then the full one."""
    viewer, found = viewer_of(request), _found(request, number)
    if request.GET.get("format") == "csv":
        return _file(request, viewer, found)
    return render(request, "scenarios/scenario.html", _context(viewer, found))


@requires("scenario.view")
@require_safe
def answer(request: HttpRequest, number: UUID) -> HttpResponse:
    """The part of the page that changes while it is answered."""
    return render(request, "scenarios/_answer.html", _context(viewer_of(request), _found(request, number)))


def _context(viewer: Viewer, found: WhatIf) -> dict[str, Any]:
    changes = visible_changes(viewer, found.changed_rows)
    quick, full = visible_answer(viewer, found.quick), visible_answer(viewer, found.full)
    is_open = found.state in ("queued", "running")
    year = found.asked_at.year
    return {
        "number": found.uuid,
        "changes": [
            {"sentence": change_sentence(change), "url": _inputs_url(viewer, change), "title": change["title"]}
            for change in changes
        ],
        "by": found.asked_by.get_username(),
        "at": f"{figures.day(found.asked_at, year=year)} {found.asked_at:%H:%M} UTC",
        "run_id": found.run_id,
        "run_url": reverse("run", args=[found.run_id]),
        "state": found.state,
        "is_open": is_open,
        "job": _job(found) if is_open else None,
        "error": visible_error(viewer, found.error) if found.state == "failed" else "",
        "retried": visible_error(viewer, found.error) if found.state == "queued" and found.attempt else "",
        "answer": page_answer(shown) if (shown := full or quick) else None,
        "quick": page_answer(quick) if quick and full else None,
        "seconds": found.seconds,
        "file_url": f"{reverse('scenario', args=[found.uuid])}?format=csv" if full or quick else "",
    }


def _job(found: WhatIf) -> dict[str, Any]:
    percent = round(float(found.progress_share) * 100)
    if found.state == "queued":
        text = "Waiting for the worker of what-ifs"
    else:
        text = f"{found.stage or 'Solving'}, {percent}%"
    return {"percent": percent, "text": text}


def _inputs_url(viewer: Viewer, change: Mapping[str, Any]) -> str:
    """Where the row is kept, for whoever may open its table."""
    table = askable_tables(viewer).get(change["table"])
    if table is None or not change["key"] or change["op"] == "added":
        return ""
    return reverse("data-row", args=[slug_of(table), key_text(change["key"])])


def _file(request: HttpRequest, viewer: Viewer, found: WhatIf) -> HttpResponse:
    """Every difference of both answers as lines."""
    record_event(request=request, action="exported", subject=f"what-if {found.uuid}")
    rows = [
        line
        for stored in (visible_answer(viewer, found.quick), visible_answer(viewer, found.full))
        if stored is not None
        for line in file_rows(page_answer(stored))
    ]
    return csv_rows_response(head=FILE_HEAD, rows=rows, file_name=f"what-if-{found.uuid}")


# --- asking ----------------------------------------------------------------------------------------------------------


@requires_by_method(GET="scenario.ask", POST="scenario.ask")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Choose a row of the plan's inputs and say what would be different about it."""
    viewer = viewer_of(request)
    try:
        run_id = asked_run_id(request.GET.get("run", ""))
    except NoRun as error:
        return render(request, "scenarios/new.html", {"error": str(error), "step": "none"})
    table = askable_tables(viewer).get(request.GET.get("table", ""))
    key = request.GET.get("key", "")
    if table is None or not key:
        return render(request, "scenarios/new.html", _choice_context(viewer, run_id, table))
    asked = asked_row(run_id=run_id, viewer=viewer, table_name=table.name, key_text=key)
    if asked is None or not _may_see_key(viewer, asked):
        messages.error(request, f'The plan has no {singular_of(table)} "{key}".')
        return render(request, "scenarios/new.html", _choice_context(viewer, run_id, table))
    if request.method == "POST":
        return _asked(request, viewer, run_id, asked)
    return render(request, "scenarios/new.html", _form_context(viewer, run_id, asked, {}, []))


def _may_see_key(viewer: Viewer, asked: AskedRow) -> bool:
    owner = _owner(asked)
    return all(sight(viewer, resource_of(asked.table), name, owner=owner) is Sight.FULL for name in asked.table.key)


def _owner(asked: AskedRow) -> str:
    """Whose row it is, as far as the row itself says."""
    return cell_text(asked.row.get(asked.table.owner)) if asked.table.owner in asked.row else ""


def _choice_context(viewer: Viewer, run_id: int, table: Table | None) -> dict[str, Any]:
    askable = askable_tables(viewer)
    order = [name for name in OFFERED if name in askable]
    context: dict[str, Any] = {
        "step": "choose",
        "run_id": run_id,
        "tables": [(name, title_of(askable[name])) for name in order],
        "chosen": table.name if table else "",
    }
    if table is not None:
        keys = []
        for row in run_table(run_id, table.name)[:MOST_LISTED_ROWS]:
            asked = AskedRow(table=table, key=tuple(cell_text(row.get(name)) for name in table.key), row=row)
            if all(asked.key) and _may_see_key(viewer, asked):
                keys.append((key_text(asked.key), " ".join((*asked.key, cell_text(row.get("name"))))))
        context |= {"keys": sorted(keys), "singular": singular_of(table)}
    return context


def _asked(request: HttpRequest, viewer: Viewer, run_id: int, asked: AskedRow) -> HttpResponse:
    op = REMOVED if request.POST.get("op") == REMOVED else CHANGED
    cells = {name[2:]: text for name, text in request.POST.items() if name.startswith("v-") and isinstance(text, str)}
    shift = _shift(request.POST)
    changes = changes_of_form(asked, op=op, cells=cells, shift_weeks=shift or 0)
    errors: list[Any] = []
    if shift is None:
        errors = [("shift", f"Write whole weeks between −{MOST_SHIFT_WEEKS} and {MOST_SHIFT_WEEKS}.")]
    elif not changes:
        errors = [("", "Nothing differs: change a value, shift the dates or remove the row.")]
    else:
        answered = _try_to_ask(request, viewer, run_id, changes)
        if isinstance(answered, HttpResponse):
            return answered
        errors = answered
    context = _form_context(viewer, run_id, asked, cells, errors) | {"shift": request.POST.get("shift", "")}
    return render(request, "scenarios/new.html", context, status=400)


def _shift(data: QueryDict) -> int | None:
    text = data.get("shift", "").strip().replace(figures.MINUS, "-")
    if not text:
        return 0
    try:
        weeks = int(text)
    except ValueError:
        return None
    return weeks if abs(weeks) <= MOST_SHIFT_WEEKS else None


def _try_to_ask(
    request: HttpRequest, viewer: Viewer, run_id: int, changes: list[dict[str, Any]]
) -> HttpResponse | list[Any]:
    """The answer's page, or what is wrong: (column, sentence)."""
    try:
        row = ask(run_id=run_id, changes=changes, viewer=viewer, user=_user(request), now=timezone.now())
    except ChangesRefused as refused:
        return [(error.column, error.message) for error in refused.errors]
    except WhatIfRefused as refused:
        return [("", refused.sentence)]
    except TooManyWaiting:
        return [("", "You have as many unanswered what-ifs as may wait at once. Wait for one of them.")]
    return redirect("scenario", number=row.uuid)


def _form_context(
    viewer: Viewer, run_id: int, asked: AskedRow, cells: Mapping[str, str], errors: list[Any]
) -> dict[str, Any]:
    table, owner = asked.table, _owner(asked)
    wrong: dict[str, list[str]] = {}
    for column, message in errors:
        wrong.setdefault(column, []).append(message)
    first = FIRST_COLUMNS.get(table.name, ())
    fields = [
        _field(table, column.name, asked, cells, wrong)
        for column in table.columns
        if column.name not in table.key
        and column.name not in ("provenance", "owner", "source_ref")
        and sight(viewer, resource_of(table), column.name, owner=owner) is Sight.FULL
    ]
    shown = {field["name"] for field in fields}
    return {
        "step": "form",
        "run_id": run_id,
        "singular": singular_of(table),
        "title": title_of(table),
        "name": " ".join(asked.key),
        "label": cell_text(asked.row.get("name")),
        "first": [field for name in first for field in fields if field["name"] == name],
        "rest": [field for field in fields if field["name"] not in first],
        "has_dates": bool(shown & set(date_columns(table))),
        "errors": [message for column, found in wrong.items() if column not in shown for message in found],
        "back": reverse("scenario-new") + f"?table={table.name}",
    }


def _field(
    table: Table, name: str, asked: AskedRow, cells: Mapping[str, str], wrong: Mapping[str, list[str]]
) -> dict[str, Any]:
    kind = kind_of(table, name)
    choices = kind.choices
    if kind.name == "boolean":
        choices = (("true", "Yes"), ("false", "No"))
    return {
        "name": name,
        "label": column_label(name),
        "unit": column_unit(name),
        "value": cells.get(name, cell_text(asked.row.get(name))),
        "was": cell_text(asked.row.get(name)),
        "type": "date" if kind.name == "date" else "text",
        "is_long": kind.name == "long_text",
        "choices": (("", "—"), *choices) if choices and kind.may_be_empty else choices,
        "errors": wrong.get(name, []),
    }


@requires_by_method(POST="scenario.ask")
@require_POST
def try_change(request: HttpRequest) -> HttpResponse:
    """Ask about the smallest change of a request without a place: everything is solved again with it."""
    viewer = viewer_of(request)
    try:
        run_id = asked_run_id(request.POST.get("run", ""))
        number = int(request.POST.get("change", "")) if request.POST.get("change", "").isdigit() else -1
        changes = smallest_change_as_changes(
            run_id=run_id, experiment_key=request.POST.get("request", ""), number=number
        )
    except NoRun as error:
        messages.error(request, str(error))
        return redirect("requests")
    except WhatIfRefused as refused:
        messages.error(request, refused.sentence)
        return redirect("requests")
    answered = _try_to_ask(request, viewer, run_id, changes)
    if isinstance(answered, HttpResponse):
        return answered
    messages.error(request, " ".join(message for _, message in answered))
    return redirect("requests")

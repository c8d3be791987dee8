"""Asking for accelerators: the form with its answer as one types, one request with its moves, and moving it on.

Requests become calls of request_answer.py (what the plan says) and of workloads/request_moves.py (what is kept).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.viewer import deny, may_do, requires, requires_by_method, viewer_of
from capacity.access.visibility import ContractLabel, Viewer
from capacity.allocation.models import RunDocument
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.imports.record_words import row_url
from capacity.imports.rows import cell_text
from capacity.imports.tables import tables
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.inputs import Inputs
from capacity.review.pages import run_line, visible_rows
from capacity.review.plan_moves import cause_of_move
from capacity.review.quote_asking import run_room
from capacity.review.quote_moves import TOO_MANY
from capacity.review.request_answer import answer_now, request_answer, solve_with
from capacity.review.request_form import (
    MFU,
    MODE,
    Cells,
    blank_cells,
    cells_of_request,
    cells_to_replace,
    first_of_each,
    form_context,
    last_of_team,
    moved_window,
    operations,
    said_of,
    taken_change,
    typed_cells,
    whole_cells,
)
from capacity.review.request_moved import earlier_plan, moved_context
from capacity.review.request_page import (
    Problem,
    answer_context,
    known_request,
    moves_of,
    names_of,
    operation_words,
    page_context,
)
from capacity.review.request_standing import granted_facts, queue_facts
from capacity.review.table_specs import PLACEMENTS, UNPLACED
from capacity.review.table_specs_actuals import GRANTED as GRANTED_TABLE
from capacity.review.table_specs_queue import QUEUE
from capacity.review.tables import Row, contract_labels, rows_of_several
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from workloads.domain.request_workflow import PLANNED, STATE_NAMES
from workloads.domain.requests import RequestError as OperationsError
from workloads.models import Experiment
from workloads.promises import TABLE, promises_by_key
from workloads.request_moves import (
    Mover,
    Replaced,
    RequestError,
    RequestRefused,
    make_request,
    move_request,
)

REFUSED_STATUS, CONFLICT_STATUS = 422, 409
LONGEST_REASON = 2000
AS_LAST = "It begins with the weeks, types and purpose of {key}, which your team asked for last."
SENT_BEFORE = "Press again to make a second request of it, or open the first."
LIKE = "It begins as {key} is."


def _user(request: HttpRequest) -> User:
    return cast(User, request.user)


def _mover(request: HttpRequest) -> Mover:
    return Mover(user=_user(request), viewer=viewer_of(request), request=request)


# --- the form -----------------------------------------------------------------------------------------------------


@requires_by_method(GET="requests.submit", POST="requests.submit")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The form: as the team asked last, or of a request to change or extend; kept as a draft, submitted, or solved with."""
    viewer = viewer_of(request)
    try:
        run_id = asked_run_id()
        inputs = run_room(run_id).inputs
    except (NoRun, WhatIfRefused) as error:
        return render(request, "requests/no_plan.html", {"error": str(error)})
    if request.method != "POST":
        cells, replaces, begun = _begun(request, viewer, inputs)
        return _form(request, run_id, inputs, cells, replaces=replaces, form_key=uuid4().hex, begun=begun)
    cells, replaces = typed_cells(request.POST, viewer), _replaced(request)
    form_key = request.POST.get("form_key", "")[:100]
    if request.POST.get("adopt"):
        cells = taken_change(cells, request.POST["adopt"][:200])
        return _form(request, run_id, inputs, cells, replaces=replaces, form_key=form_key)
    return _sent(request, run_id, inputs, cells, replaces, form_key)


def _begun(request: HttpRequest, viewer: Viewer, inputs: Inputs) -> tuple[Cells, Replaced | None, str]:
    """(cells, what it is about, where the cells are from)."""
    today = timezone.now().date()
    for kind, name in (("change", "change"), ("extension", "extend")):
        key = request.GET.get(name, "")
        if key:
            found = known_request(key)
            if found is None:
                raise Http404
            return cells_to_replace(found, kind, today=today), Replaced(kind=kind, key=found.key), ""
    if request.GET.get("like"):
        found = known_request(request.GET["like"])
        if found is None:
            raise Http404
        return cells_of_request(found), None, LIKE.format(key=found.key)
    before = last_of_team(viewer)
    cells = blank_cells(viewer=viewer, today=today, inputs=inputs, before=before)
    return cells, None, "" if before is None else AS_LAST.format(key=before.key)


def _replaced(request: HttpRequest) -> Replaced | None:
    kind, key = request.POST.get("replaces_kind", ""), request.POST.get("replaces", "")
    return Replaced(kind=kind, key=key) if key and kind in ("change", "extension") else None


def _sent(
    request: HttpRequest, run_id: int, inputs: Inputs, cells: Cells, replaces: Replaced | None, form_key: str
) -> HttpResponse:
    """Keeps, submits or solves what was typed, or the form again with what is wrong."""
    op = request.POST.get("op", "")
    whole, errors = _whole(request, inputs, cells)
    try:
        if errors:
            raise RequestRefused(*errors)
        if op == "solve":
            question = solve_with(
                run_id=run_id,
                cells=whole,
                user=_user(request),
                now=timezone.now(),
                replaces=replaces.key if replaces and replaces.kind == "change" else "",
            )
            return redirect("scenario", number=question.uuid)
        if op not in ("draft", "submit"):
            return _form(request, run_id, inputs, cells, replaces=replaces, form_key=form_key)
        answer = request_answer(run_id=run_id, cells=whole, instead_of=_instead_of(replaces))
        made, is_new = make_request(
            cells=whole,
            form_key=form_key,
            mover=_mover(request),
            now=timezone.now(),
            submits=op == "submit",
            replaces=replaces,
            answer=answer,
        )
    except RequestRefused as refused:
        errors = list(refused.errors)
        if refused.code == "sent_before":
            form_key, errors = uuid4().hex, [RequestError("", f"{refused} {SENT_BEFORE}")]
        return _form(request, run_id, inputs, cells, replaces=replaces, form_key=form_key, errors=errors)
    except WhatIfRefused as refused:
        error = RequestError("", refused.sentence)
        return _form(request, run_id, inputs, cells, replaces=replaces, form_key=form_key, errors=[error])
    except TooManyWaiting:
        return _form(
            request, run_id, inputs, cells, replaces=replaces, form_key=form_key, errors=[RequestError("", TOO_MANY)]
        )
    said = (
        f"{made.key} is {STATE_NAMES[made.state].lower()}."
        if is_new
        else f"This form was sent before: it is {made.key}."
    )
    messages.success(request, said)
    return redirect("request", made.key)


def _whole(request: HttpRequest, inputs: Inputs, cells: Cells) -> tuple[Cells, list[RequestError]]:
    mode = request.POST.get(MODE, "")
    return whole_cells(
        cells, inputs=inputs, mode=mode if mode in ("time", "tokens") else "", mfu=request.POST.get(MFU, "")
    )


def _instead_of(replaces: Replaced | None) -> str:
    return replaces.key if replaces is not None and replaces.kind == "change" else ""


def _form(
    request: HttpRequest,
    run_id: int,
    inputs: Inputs,
    cells: Cells,
    *,
    replaces: Replaced | None,
    form_key: str,
    errors: Sequence[RequestError] = (),
    begun: str = "",
) -> HttpResponse:
    """The page of the form, with its answer where it is typed far enough."""
    form = form_context(
        cells=cells,
        inputs=inputs,
        viewer=viewer_of(request),
        form_key=form_key,
        errors=errors,
        replaces=replaces,
        mode=request.POST.get(MODE, ""),
        mfu=request.POST.get(MFU, ""),
    )
    said = _said(request, run_id, inputs, cells, replaces) if request.method == "POST" and not errors else {}
    status = REFUSED_STATUS if errors else 200
    return render(request, "requests/new.html", {"form": form, "run_id": run_id, "begun": begun, **said}, status=status)


@requires_by_method(POST="requests.submit")
@require_POST
def quick(request: HttpRequest) -> HttpResponse:
    """The answer beside the form, as one types. What is wrong is said in its place."""
    viewer = viewer_of(request)
    try:
        run_id = asked_run_id()
        inputs = run_room(run_id).inputs
    except (NoRun, WhatIfRefused) as error:
        return render(request, "requests/_answer.html", {"wrong": [str(error)], "is_form": True})
    said = _said(request, run_id, inputs, typed_cells(request.POST, viewer), _replaced(request))
    return render(request, "requests/_answer.html", {**said, "is_form": True})


def _said(request: HttpRequest, run_id: int, inputs: Inputs, cells: Cells, replaces: Replaced | None) -> dict[str, Any]:
    """The context of requests/_answer.html."""
    if not cells["accelerators"]:
        return {}
    whole, errors = _whole(request, inputs, cells)
    if errors:
        return {"wrong": [said_of(error) for error in first_of_each(errors)]}
    # What is not yet typed and does not change the answer is not missed before it is sent.
    known = {**whole, "name": whole["name"] or "-"}
    try:
        document = request_answer(run_id=run_id, cells=known, instead_of=_instead_of(replaces))
    except RequestRefused as refused:
        return {"wrong": [said_of(error) for error in first_of_each(refused.errors)]}
    except WhatIfRefused as refused:
        return {"wrong": [refused.sentence]}
    said = answer_context(viewer_of(request), document, year=timezone.now().year)
    return {"said": said, "operations": _operations(request, inputs, cells)}


def _operations(request: HttpRequest, inputs: Inputs, cells: Cells) -> list[tuple[str, str]]:
    try:
        return operation_words(operations(cells, inputs=inputs, mfu=request.POST.get(MFU, "")))
    except OperationsError:
        return []


# --- one request --------------------------------------------------------------------------------------------------


@requires("requests.view")
@require_safe
def one(request: HttpRequest, key: str) -> HttpResponse:
    """One request: what it asks for, where it stands in the plan, and what was done with it."""
    return _page(request, key)


def _page(request: HttpRequest, key: str, *, problem: Problem | None = None, status: int = 200) -> HttpResponse:
    now, viewer = timezone.now(), viewer_of(request)
    found = known_request(key)
    if found is None:
        raise Http404
    chosen = chosen_run(request)
    placed: list[Row] = []
    unplaced: list[Row] = []
    labels = contract_labels(chosen.run_id) if chosen.run is not None else []
    if chosen.run is not None and found.state in PLANNED:
        placed = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=PLACEMENTS, experiment_key=key)
        if not placed:
            unplaced = visible_rows(
                viewer=viewer, run_id=chosen.run_id, spec=UNPLACED, labels=labels, experiment_key=key
            )
    names = names_of(found, placed)
    context = page_context(
        viewer=viewer,
        user=_user(request),
        request=found,
        moves=moves_of(found),
        placed=placed,
        unplaced=unplaced,
        live=answer_now(found),
        now=now,
        problem=problem,
        moved=_moved(viewer, chosen, found, placed, names, labels, now.year),
        names=names,
        labels=labels,
        promised=_promised(chosen, found, placed, now.year),
    )
    context |= {"run_line": run_line(chosen, now=now) if chosen.run is not None else None}
    context |= _standing(viewer, chosen, key, now.year)
    context["edit_url"] = row_url(tables()["experiments"], (key,), "data-edit")
    context["may_submit"] = may_do(request, "requests.submit")
    return render(request, "requests/request.html", context, status=status)


def _promised(chosen: ChosenRun, found: Experiment, placed: Sequence[Row], year: int) -> str:
    """Which held review promised the start that it has in the plan shown, in words, or "". One query where it may."""
    if found.state != "approved" or len(placed) != 1:
        return ""
    rows = RunDocument.objects.filter(run_id=chosen.run_id).values_list("inputs__tables__promised_starts", flat=True)
    promise = promises_by_key({TABLE: rows.first() or []}).get(found.key)
    return promise.by(year) if promise is not None and promise.is_of(placed[0]) else ""


def _standing(viewer: Viewer, chosen: ChosenRun, key: str, year: int) -> dict[str, Any]:
    """Its place in the queue, and what it was granted and used, in the plan shown. One query."""
    if chosen.run is None:
        return {}
    rows = rows_of_several(viewer=viewer, run_id=chosen.run_id, specs=(QUEUE, GRANTED_TABLE), experiment_key=key)
    return {"queue": queue_facts(rows[QUEUE.name], year=year), "granted": granted_facts(rows[GRANTED_TABLE.name])}


def _moved(
    viewer: Viewer,
    chosen: ChosenRun,
    found: Experiment,
    placed: list[Row],
    names: dict[str, str],
    labels: Sequence[ContractLabel],
    year: int,
) -> dict[str, Any] | None:
    """Where an earlier plan had it, if elsewhere. Nothing of what is planned no more."""
    if chosen.run is None or found.state not in PLANNED:
        return None
    plan = earlier_plan(key=found.key, run_id=chosen.run_id, first_week=chosen.run.first_week)
    if plan is None:
        return None
    before = visible_rows(viewer=viewer, run_id=plan.run_id, spec=PLACEMENTS, experiment_key=found.key)
    names = {**names_of(found, before), **names}
    cause = cause_of_move(
        key=found.key,
        run_id=chosen.run_id,
        since_run=plan.run_id,
        viewer=viewer,
        labels=labels,
    )
    return moved_context(plan=plan, before=before, now=placed, names=names, cause=cause, year=year)


@requires_by_method(POST="requests.submit")
@require_POST
def move(request: HttpRequest, key: str) -> HttpResponse:
    """Move a request on, as far as the workflow lets this person."""
    found = known_request(key)
    if found is None:
        raise Http404
    typed = {name: request.POST.get(name, "")[:LONGEST_REASON] for name in ("to", "reason")}
    typed |= {name: request.POST.get(name, "")[:100] for name in ("pool", "domain_key", "started_date")}
    read = request.POST.get("row_version", "")
    try:
        made = move_request(
            key=key,
            target=typed["to"],
            reason=typed["reason"],
            mover=_mover(request),
            now=timezone.now(),
            row_version=int(read) if read.isascii() and read.isdigit() and len(read) < 10 else None,
            place=typed,
            answer=answer_now(found) if typed["to"] == "submitted" else None,
        )
    except RequestRefused as refused:
        first = refused.errors[0]
        problem = Problem(sentence=str(refused), field=first.field, typed=typed)
        status = CONFLICT_STATUS if refused.code == "moved_on" else REFUSED_STATUS
        return _page(request, key, problem=problem, status=status)
    messages.success(request, f"{key} is {STATE_NAMES[made.to_state].lower()}.")
    return redirect("request", key)


@requires_by_method(POST="requests.submit")
@require_POST
def solve(request: HttpRequest, key: str) -> HttpResponse:
    """Solve everything again with the request approved; nothing of it is kept but the question."""
    viewer = viewer_of(request)
    found = known_request(key)
    if found is None:
        raise Http404
    if Role.CHAIR not in viewer.roles and not viewer.owns(Role.RESEARCH, found.team.key):
        deny(request, needs="a request of the own team")
    moved_days = moved_window(found, timezone.now().date())
    try:
        question = solve_with(
            run_id=asked_run_id(),
            cells=cells_of_request(found) | {name: cell_text(day) for name, day in moved_days.items()},
            user=_user(request),
            now=timezone.now(),
            key=key,
            replaces=found.replaces.key if found.replaces and found.request_kind == "change" else "",
        )
        return redirect("scenario", number=question.uuid)
    except RequestRefused as refused:
        messages.error(request, str(refused))
    except (NoRun, WhatIfRefused) as error:
        messages.error(request, str(error))
    except TooManyWaiting:
        messages.error(request, TOO_MANY)
    return redirect("request", key)

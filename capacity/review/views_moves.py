"""Moves to cheaper serving: the lists of moves and waste, one move, and its steps.

Requests become calls of move_steps.py; what is shown is move_page.py's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from capacity.access.models import User
from capacity.access.viewer import deny, may_do, requires, requires_by_method, viewer_of
from capacity.access.visibility import Viewer
from capacity.allocation.what_ifs import TooManyWaiting
from capacity.decisions.services import NotPermitted
from capacity.imports.rows import cell_text, decimal_text
from capacity.lib.figures import counted, thousands
from capacity.review import list_specs_moves
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.input_edits import ChangesRefused
from capacity.review.listing import Listing
from capacity.review.move_changes import MoveRefused
from capacity.review.move_forms import AcceptForm, MoveForm, kind_help
from capacity.review.move_page import (
    NO_RATE,
    REVERSE,
    WASTE_KINDS,
    kind_name,
    move_context,
    move_rows,
    totals_of,
)
from capacity.review.move_steps import (
    MoveStepRefused,
    Stepper,
    accept_move,
    answered,
    ask_move,
    end_move,
    found_move,
    needs_gate,
    propose_move,
    targets_of,
    what_if_of,
)
from capacity.review.pages import (
    asks_for_file,
    controls,
    list_context,
    list_file,
    listed,
    run_line,
    sees_column,
    visible_rows,
)
from capacity.review.snapshots import open_weeks
from capacity.review.table_specs_moves import MOVE_CANDIDATES, WASTE
from capacity.review.tables import Row, contract_labels
from capacity.review.views_lists import no_plan
from capacity.review.what_if import WhatIfRefused
from capacity.review.what_if_asking import NoRun, asked_run_id
from capacity.review.what_if_rows import SEES_ALL
from workloads.models import Workload, WorkloadMove

REVIEW_BACK_WEEKS = 8
REFUSED_STATUS = 422


@requires("workloads.view")
@require_safe
def moves(request: HttpRequest) -> HttpResponse:
    """What would serve workloads more cheaply, what is wasteful, and what waits beside idle accelerators."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Moves")
    found = list(WorkloadMove.objects.select_related("workload").order_by("key"))
    rows = move_rows(viewer, found, year=now.year)
    lists = _lists(request, viewer, chosen, rows)
    for name, listing in lists.items():
        if asks_for_file(request, listing.spec, is_default=name == "moves"):
            return list_file(request, chosen, listing)
    may_propose = may_do(request, "moves.propose")
    totals = totals_of(viewer, rows, found, current_id=chosen.run_id)
    context = {
        "verdict": _verdict(totals, lists["waste"], lists["waiting"]),
        "totals": totals,
        "run_line": run_line(chosen, now=now),
        "controls": controls(lists["moves"]),
        "may_propose": may_propose,
        "sees_waste": sees_column(viewer, WASTE.resource)("kind"),
        **{
            name: list_context(
                request=request,
                listing=listing,
                year=now.year,
                link=_link,
                extra=_proposal if may_propose and name == "suggested" else None,
            )
            for name, listing in lists.items()
        },
    }
    return render(request, "workloads/moves.html", context)


def _lists(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, rows: list[Row]) -> dict[str, Listing]:
    labels = contract_labels(chosen.run_id)
    suggested = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=MOVE_CANDIDATES)
    waste = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=WASTE, labels=labels)
    for row in suggested:
        row["kind_name"] = kind_name(row["kind"])
        row["paper_usd_per_week"] = _known(row["paper_usd_per_week"])
    for row in waste:
        row["kind_name"] = WASTE_KINDS.get(row["kind"], row["kind"])
        row["usd_per_week"] = _known(row["usd_per_week"])
    parts = {
        "moves": (list_specs_moves.MOVES, rows, "move"),
        "suggested": (list_specs_moves.SUGGESTED, suggested, MOVE_CANDIDATES.resource),
        "waste": (list_specs_moves.WASTEFUL, [row for row in waste if row["kind"] not in REVERSE], WASTE.resource),
        "waiting": (list_specs_moves.WAITING, [row for row in waste if row["kind"] in REVERSE], WASTE.resource),
    }
    return {
        name: listed(request=request, chosen=chosen, spec=spec, rows=of, is_filterable=_filterable(viewer, resource))
        for name, (spec, of, resource) in parts.items()
    }


def _known(value: Any) -> Any:
    return NO_RATE if value is None else value


# Words about a move that everybody reads, and names of kinds.
_OPEN = frozenset({"title", "workload", "kind", "kind_name", "what", "gate", "state", "owner", "due"})


def _filterable(viewer: Viewer, resource: str) -> Callable[[str], bool]:
    sees = sees_column(viewer, resource)
    return lambda name: name in _OPEN or sees(name)


def _link(row: Row, name: str) -> str:
    if name == "title":
        return str(row["url"])
    if name == "workload":
        return str(row["workload_url"])
    if name == "sentence":
        for column, route in (("workload_key", "workload"), ("experiment_key", "request")):
            if isinstance(row.get(column), str) and row[column]:
                return reverse(route, args=[row[column]])
    return ""


def _proposal(row: Row) -> dict[str, Any]:
    amount = row["amount"]
    query = {
        "workload": row["workload_key"],
        "kind": row["kind"],
        "to_key": row["to_key"],
        "amount": "" if amount is None else decimal_text(amount),
        "title": row["sentence"].rstrip("."),
        "key": f"{row['kind'].replace('_', '-')}-{row['workload_key']}"[:80],
    }
    return {"propose_url": f"{reverse('move-new')}?{urlencode({k: v for k, v in query.items() if v})}"}


def _verdict(totals: Row, waste: Listing, waiting: Listing) -> tuple[str, str]:
    head = f"{counted(totals['open'], 'move')} to decide."
    if isinstance(totals["promised_accepted"], int):
        head += f" Accepted and not done: {counted(totals['promised_accepted'], 'accelerator')} promised."
    head += _came_free(totals)
    more = f"{counted(len(waste.rows), 'finding')} of waste, {len(waiting.rows)} of work that waits beside idle accelerators."
    return head, more if waste.all_rows or waiting.all_rows else ""


def _came_free(totals: Row) -> str:
    """What the done ones promised beside what came of the same ones."""
    promised, came, told = totals["promised_done"], totals["realised"], totals["told"]
    if not isinstance(promised, int):
        return ""
    head = f" Done ones promised {counted(promised, 'accelerator')}; "
    if not isinstance(came, int):
        return head + "what came free is not known."
    if told < totals["done"]:
        head += (
            f"of {counted(totals['promised_told'], 'accelerator')} promised by the {told} of them that can be told, "
        )
    return head + f"{thousands(came)} came free."


# --- one move --------------------------------------------------------------------------------------------------------


def _stepper(request: HttpRequest) -> Stepper:
    return Stepper(user=cast(User, request.user), viewer=viewer_of(request), now=timezone.now(), request=request)


def _found(key: str) -> WorkloadMove:
    try:
        return found_move(key)
    except WorkloadMove.DoesNotExist:
        raise Http404 from None


@requires("workloads.view")
@require_safe
def move(request: HttpRequest, key: str) -> HttpResponse:
    """One move: what it changes, its quality gate and who must agree, what it saves on paper and releases, its steps."""
    return _page(request, _found(key))


def _page(request: HttpRequest, found: WorkloadMove, *, problem: str = "", status: int = 200) -> HttpResponse:
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    question = what_if_of(found)
    mine = question is not None and (question.asked_by_id == request.user.pk or viewer.roles & SEES_ALL)
    context = move_context(viewer, found, question=question, current_id=chosen.run_id if chosen.run else None, now=now)
    context |= {
        "run_line": run_line(chosen, now=now),
        "problem": problem,
        "what_if_url": reverse("scenario", args=[question.uuid]) if question is not None and mine else "",
        "may_ask": may_do(request, "moves.propose") and found.state in ("proposed", "asked"),
        "may_accept": may_do(request, "decision.record") and context["is_answered"] and not context["stale"],
        "targets": targets_of(found, viewer.roles),
        "may_edit": may_do(request, "workload_data.change") and found.state in ("proposed", "asked"),
    }
    return render(request, "workloads/move.html", context, status=status)


@requires_by_method(GET="moves.propose", POST="moves.propose")
@require_http_methods(["GET", "HEAD", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Propose a move, from nothing or from what the plan suggests."""
    workloads = list(Workload.objects.order_by("name").values_list("key", "name"))
    if request.method != "POST":
        initial = {"quality_gate": "no", "must_agree_role": "product", **request.GET.dict()}
        return _new_page(request, MoveForm(workloads=workloads, initial=initial))
    form = MoveForm(request.POST, workloads=workloads)
    if form.is_valid():
        try:
            made = propose_move(cells=form.cells(), by=_stepper(request))
        except MoveStepRefused as refused:
            for field, sentence in refused.errors:
                form.add_error(field if field in form.fields else None, sentence)
        else:
            messages.success(request, f"Move {made.key} is proposed. Ask what it would release.")
            return redirect("move", made.key)
    return _new_page(request, form, status=REFUSED_STATUS)


def _new_page(request: HttpRequest, form: MoveForm, status: int = 200) -> HttpResponse:
    return render(request, "workloads/move_new.html", {"form": form, "kinds": kind_help()}, status=status)


@requires_by_method(POST="moves.propose")
@require_POST
def ask(request: HttpRequest, key: str) -> HttpResponse:
    """Put the move to the current plan as a what-if."""
    found = _found(key)
    try:
        ask_move(key=key, row_version=_version(request), run_id=asked_run_id(""), by=_stepper(request))
    except (MoveRefused, NoRun, MoveStepRefused) as error:
        return _page(request, found, problem=str(error), status=REFUSED_STATUS)
    except ChangesRefused as refused:
        texts = sorted({error.message for error in refused.errors})
        if any("does not ask about" in text for text in texts):
            texts.append("The chair asks about it.")
        return _page(request, found, problem=" ".join(texts), status=REFUSED_STATUS)
    except WhatIfRefused as error:
        return _page(request, found, problem=error.sentence, status=REFUSED_STATUS)
    except TooManyWaiting:
        waiting = "You have as many unanswered what-ifs as may wait at once. Wait for one of them."
        return _page(request, found, problem=waiting, status=REFUSED_STATUS)
    return redirect("move", key)


@requires_by_method(GET="decision.record", POST="decision.record")
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, key: str) -> HttpResponse:
    """Accept the move by a decision with its owner and date. The same form sent twice is one decision."""
    found, weeks = _found(key), list(open_weeks())
    if not weeks:
        return render(request, "decisions/closed.html", {"what": "decision"})
    if request.method != "POST":
        try:
            answered(found)
        except MoveStepRefused as refused:
            return _page(request, found, problem=str(refused), status=REFUSED_STATUS)
        return _accept_page(request, found, AcceptForm(weeks=weeks, initial=_first_values(request, found, weeks)))
    form = AcceptForm(request.POST, weeks=weeks)
    if not form.is_valid():
        return _accept_page(request, found, form, status=REFUSED_STATUS)
    try:
        decision = accept_move(
            key=key,
            row_version=form.cleaned_data["row_version"],
            acceptance=form.acceptance(),
            idempotency_key=form.cleaned_data["idempotency_key"],
            open_weeks=weeks,
            by=_stepper(request),
        )
    except MoveStepRefused as refused:
        for field, sentence in refused.errors:
            form.add_error(field if field in form.fields else None, sentence)
        return _accept_page(request, found, form, status=409 if refused.conflict else REFUSED_STATUS)
    messages.success(request, f"D-{decision.number} accepts the move; {found.title} is due.")
    return redirect("move", key)


def _first_values(request: HttpRequest, found: WorkloadMove, weeks: list[str]) -> dict[str, Any]:
    today = timezone.now().date()
    back = today + timedelta(weeks=REVIEW_BACK_WEEKS)
    return {
        "idempotency_key": uuid4().hex,
        "row_version": found.row_version,
        "week": weeks[-1],
        "decider_role": "chair",
        "owner_role": found.owner_role or found.must_agree_role,
        "due_date": found.due_date or today + timedelta(weeks=REVIEW_BACK_WEEKS // 2),
        "effect_metric": "H6",
        "review_back_date": back,
    }


def _accept_page(request: HttpRequest, found: WorkloadMove, form: AcceptForm, status: int = 200) -> HttpResponse:
    viewer, now = viewer_of(request), timezone.now()
    context = move_context(viewer, found, question=what_if_of(found), current_id=None, now=now)
    context |= {"form": form, "needs_gate": needs_gate(found)}
    return render(request, "workloads/move_accept.html", context, status=status)


@requires_by_method(POST="action.update")
@require_POST
def end(request: HttpRequest, key: str) -> HttpResponse:
    """The move is done, or dropped."""
    found, target = _found(key), request.POST.get("to", "")
    try:
        end_move(key=key, row_version=_version(request), target=target, by=_stepper(request))
    except NotPermitted:
        deny(request, needs="the owner of the move")
    except MoveStepRefused as refused:
        return _page(request, found, problem=str(refused), status=409 if refused.conflict else REFUSED_STATUS)
    messages.success(request, f"Move {key} is {target}.")
    return redirect("move", key)


def _version(request: HttpRequest) -> int:
    text = cell_text(request.POST.get("row_version", ""))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0

"""One contract, the pipeline of those to come, and the moves and holds that people make on them.

The contract's figures are its run's; its workflow is read from the tables as they are. What may be done and whether
there is room for it is contracts/services.py's and contracts/holding.py's: here requests become their calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, DecimalException
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from capacity.access.models import User
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer, is_price_blind, see
from capacity.allocation.models import PLAN_SCOPE, CurrentRun, RunPool
from capacity.imports.rows import key_text
from capacity.review import list_specs, verdicts
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.compute import HOLDS
from capacity.review.contract_detail import detail_context, detail_file, detail_lists, detail_rows
from capacity.review.contract_page import contract_sections, deal_facts
from capacity.review.hold_check import room_for_holds
from capacity.review.input_edits import askable_tables
from capacity.review.listing import Link
from capacity.review.pages import (
    asks_for_file,
    controls,
    figure_links,
    list_context,
    list_file,
    listed,
    run_line,
    sees_column,
    visible_rows,
)
from capacity.review.pipeline_rows import by_state, own_and_others, pipeline_verdict
from capacity.review.shortage_rows import shortages
from capacity.review.snapshots import open_weeks
from capacity.review.table_specs import DEALS, EXPOSURE, REMEDIES, SHORTFALLS
from capacity.review.tables import Row, contract_labels
from capacity.review.views_lists import no_plan, withhold_small
from capacity.review.workflow_page import Problem, known_versions, version_cards
from contracts.domain.workflow import STATE_NAMES
from contracts.holding import HoldRefused, grant_hold, release_hold
from contracts.models import Contract
from contracts.services import Meeting, Mover, MoveRefused, move_contract

REFUSED_STATUS, CONFLICT_STATUS = 422, 409


@requires("contracts.view")
@require_safe
def contract(request: HttpRequest, key: str) -> HttpResponse:
    """One contract. For whoever may not know its key it is not there."""
    return _page(request, key)


def _page(request: HttpRequest, key: str, *, problem: Problem | None = None, status: int = 200) -> HttpResponse:
    """The contract's page: its figures where a plan has it in force, what it would take where it is a deal."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    versions = known_versions(viewer, key)
    rows = _rows_of(viewer, chosen, EXPOSURE, key)
    deals = _rows_of(viewer, chosen, DEALS, key)
    row = next((row for row in rows if row["contract_key"] == key), None)
    deal = next((row for row in reversed(deals) if row["contract_key"] == key), None)
    if row is None and not versions and deal is None:
        raise Http404
    context: dict[str, Any] = {
        "contract_key": key,
        "run_line": run_line(chosen, now=now),
        "back": reverse("contracts") + ("?" + chosen.query[:-1] if chosen.query else ""),
        "versions": version_cards(versions, viewer=viewer, user=cast(User, request.user), now=now, problem=problem),
        "deal": None if deal is None else deal_facts(deal, year=now.year),
    }
    if row is None:
        context |= _deal_context(versions, deal, now.year)
        return render(request, "contracts/deal.html", context, status=status)
    labels = contract_labels(chosen.run_id)
    details = detail_rows(viewer, chosen, key, labels)
    lists = detail_lists(request, viewer, chosen, details)
    if (file := detail_file(request, chosen, lists)) is not None:
        return file
    context |= _in_force_context(viewer, chosen, row, key, details, now.year)
    context |= detail_context(
        request=request, viewer=viewer, chosen=chosen, row=row, lists=lists, versions=versions, year=now.year
    )
    return render(request, "contracts/contract.html", context, status=status)


def _rows_of(viewer: Viewer, chosen: ChosenRun, spec: Any, key: str) -> list[Row]:
    if chosen.run is None:
        return []
    return visible_rows(viewer=viewer, run_id=chosen.run_id, spec=spec, **_exactly(spec, "contract_key", key))


def _deal_context(versions: list[Contract], deal: Row | None, year: int) -> dict[str, Any]:
    """Of a contract that no plan has in force."""
    newest = versions[0] if versions else None
    state = newest.state if newest else str(deal["state"]) if deal else ""
    more = "Its figures come with the next plan." if deal is None else ""
    return {
        "name": newest.name if newest else deal["label"] if deal else "",
        "customer": newest.customer.name if newest else "",
        "verdict": (f"{STATE_NAMES.get(state, state)}: not in force.", more),
    }


def _in_force_context(
    viewer: Viewer, chosen: ChosenRun, row: Row, key: str, details: Mapping[str, list[Row]], year: int
) -> dict[str, Any]:
    """details: the contract's weeks with work and its remedies, by table."""
    # A hold for its amendment is no promise of the contract in force.
    weeks = [each for each in details[SHORTFALLS.name] if each["tier"] != HOLDS]
    short = [each for each in weeks if each["short_accelerators"] not in (0, RESTRICTED)]
    return {
        "row": row,
        "what_if_url": _what_if_url(viewer, row),
        "verdict": verdicts.one_contract_verdict(row, year=year),
        "shortages": _ways_out(viewer, chosen.run_id, details[REMEDIES.name], year),
        **contract_sections(row=row, short=short, links=figure_links(chosen.run_id, f"exposure:{key}:"), year=year),
    }


# --- what people do -----------------------------------------------------------------------------------------------


@requires("contracts.move")
@require_POST
def move(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Move a version on, as far as the workflow lets this person."""
    viewer = viewer_of(request)
    _known_or_404(viewer, key, version)
    typed = {"reason": request.POST.get("reason", "")[:2000], "to": request.POST.get("to", "")}
    read = request.POST.get("row_version", "")
    try:
        made = move_contract(
            key=key,
            version=version,
            target=typed["to"],
            reason=typed["reason"],
            mover=Mover(user=cast(User, request.user), viewer=viewer, request=request),
            now=timezone.now(),
            meeting=meeting(),
            row_version=int(read) if read.isascii() and read.isdigit() and len(read) < 10 else None,
        )
    except (MoveRefused, HoldRefused) as refused:
        problem = Problem(version=version, form="move", sentence=refused.sentence, field=refused.field, typed=typed)
        return _refused(request, key, problem)
    decision = f" D-{made.decision.number} records it." if made.decision else ""
    messages.success(request, f"{key} v{version} is {STATE_NAMES[made.to_state].lower()}.{decision}")
    return redirect("contract", key)


@requires("contracts.move")
@require_POST
def hold(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Keep accelerators for a deal, if there is room for them in every pool and week."""
    viewer = viewer_of(request)
    _known_or_404(viewer, key, version)
    typed = {name: request.POST.get(name, "")[:300] for name in ("probability", "expires_date", "note")}
    problem = Problem(version=version, form="hold", sentence="", typed=typed)
    try:
        probability = Decimal(typed["probability"].strip().removesuffix("%")) / 100
    except DecimalException:
        return _refused(request, key, problem, "Give a probability in percent, such as 40.", "probability")
    try:
        expires = date.fromisoformat(typed["expires_date"])
    except ValueError:
        return _refused(request, key, problem, "Give the day on which it expires.", "expires_date")
    try:
        made = grant_hold(
            key=key,
            version=version,
            probability=probability,
            expires_date=expires,
            note=typed["note"],
            user=cast(User, request.user),
            viewer=viewer,
            now=timezone.now(),
            check=room_for_holds,
            request=request,
        )
    except HoldRefused as refused:
        return _refused(request, key, problem, refused.sentence, refused.field)
    messages.success(request, f"Held until {made.expires_date}. The next plan keeps it.")
    return redirect("contract", key)


@requires("contracts.move")
@require_POST
def release(request: HttpRequest, key: str, version: int) -> HttpResponse:
    """Give back what is held for a deal."""
    viewer = viewer_of(request)
    _known_or_404(viewer, key, version)
    note = request.POST.get("note", "")[:300]
    try:
        release_hold(
            key=key,
            version=version,
            note=note,
            user=cast(User, request.user),
            viewer=viewer,
            now=timezone.now(),
            request=request,
        )
    except HoldRefused as refused:
        problem = Problem(version=version, form="release", sentence=refused.sentence, typed={"note": note})
        return _refused(request, key, problem)
    messages.success(request, f"Nothing is held for {key} v{version} any more.")
    return redirect("contract", key)


def meeting() -> Meeting:
    """The reviews that take a signature's decision, the plan they look at, and the check that others keep their room."""
    current = CurrentRun.objects.filter(scope=PLAN_SCOPE).values_list("run_id", flat=True).first()
    return Meeting(open_weeks=open_weeks(), run_id=current, check=room_for_holds)


def _refused(request: HttpRequest, key: str, problem: Problem, sentence: str = "", name: str = "") -> HttpResponse:
    """The page again, with what was typed and why it was not done."""
    if sentence:
        problem = Problem(
            version=problem.version, form=problem.form, sentence=sentence, field=name, typed=problem.typed
        )
    return _page(request, key, problem=problem, status=REFUSED_STATUS if problem.field else CONFLICT_STATUS)


def _known_or_404(viewer: Viewer, key: str, version: int) -> None:
    if not any(each.version == version for each in known_versions(viewer, key)):
        raise Http404


# --- the pipeline ---------------------------------------------------------------------------------------------------


@requires("pipeline.view")
@require_safe
def pipeline(request: HttpRequest) -> HttpResponse:
    """Deals on their way to a signature: what each would take and earn, how likely, and what the plan holds for it."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Pipeline")
    rows, others = own_and_others(visible_rows(viewer=viewer, run_id=chosen.run_id, spec=DEALS))
    spec = list_specs.PIPELINE
    listing = listed(request=request, chosen=chosen, spec=spec, rows=rows, is_filterable=_sees_all(viewer, rows))
    if asks_for_file(request, spec):
        return list_file(request, chosen, listing)
    guard = withhold_small(viewer, rows)
    context = {
        "verdict": pipeline_verdict(rows, others),
        "run_line": run_line(chosen, now=now),
        "controls": controls(listing),
        "states": by_state(rows, guard=guard, year=now.year),
        "list": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=_deal_link(chosen),
            total_label=f"Total of {len(listing.rows)}",
            guard=withhold_small(viewer, listing.rows),
        ),
        "is_price_blind": is_price_blind(viewer),
    }
    return render(request, "contracts/pipeline.html", context)


def _sees_all(viewer: Viewer, rows: list[Row]) -> Any:
    """Of a list that holds only rows the viewer may know of: a column counts as seen where no cell is hidden."""
    if not rows:
        return sees_column(viewer, DEALS.resource)
    return lambda name: name == "label" or all(row[name] is not RESTRICTED for row in rows)


def _deal_link(chosen: ChosenRun) -> Link:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        if name != "label" or row["contract_key"] is RESTRICTED:
            return ""
        return reverse("contract", args=[row["contract_key"]]) + query

    return link


# --- parts of a contract in force -----------------------------------------------------------------------------------


def _what_if_url(viewer: Viewer, row: Row) -> str:
    """Where to ask about the contract; "" for whoever may not ask about contracts."""
    if "contracts" not in askable_tables(viewer):
        return ""
    key = key_text((row["contract_key"], str(row["contract_version"])))
    return f"{reverse('scenario-new')}?{urlencode({'table': 'contracts', 'key': key})}"


def _exactly(spec: Any, column: str, key: str) -> dict[str, Any]:
    """A lookup that the blind-filter rule does not refuse: the caller drops rows whose key the viewer may not know."""
    return {"pk__in": spec.model._default_manager.filter(**{column: key}).values("pk")}


def _ways_out(viewer: Viewer, run_id: int, rows: list[Row], year: int) -> list[Row] | None:
    """What would help the contract where it is short; None where the viewer may not know of others' accelerators."""
    if see(viewer, "remedy", "displaces", []) is RESTRICTED:
        return None
    names = dict(RunPool.objects.filter(run_id=run_id).values_list("pool_key", "name")) if rows else {}
    return shortages(rows, names=names, year=year)

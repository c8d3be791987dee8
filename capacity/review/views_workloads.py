"""The workload map and one workload's card. Each page reads one run's rows, once; what is in them is the run's."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from capacity.access.permissions import may
from capacity.access.viewer import may_do, requires, viewer_of
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.allocation.models import RunPool
from capacity.imports.rows import key_text
from capacity.review import list_specs, list_specs_map, verdicts
from capacity.review.actuals_page import forecast_scores
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.input_edits import askable_tables
from capacity.review.listing import Link, Listing, read_list
from capacity.review.move_page import moves_of_workload
from capacity.review.page_rows import incomplete
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
from capacity.review.paying import paying_rows, paying_verdict
from capacity.review.table_specs import CONTRACT_MULTIPLES, EXPOSURE, WORKLOADS
from capacity.review.table_specs_map import TROUGHS, WORKLOAD_CARDS, WORKLOAD_USE
from capacity.review.tables import Row, contract_labels
from capacity.review.trough_page import trough_lines, trough_sentence
from capacity.review.views_lists import no_plan
from capacity.review.workload_card import card_context, use_rows, workload_verdict
from capacity.review.workload_page import (
    frontier_rows,
    matrix_context,
    matrix_listing,
    previous_run,
    reconciled,
    reconciliation_of,
    sizes_of_week,
)


@requires("workloads.view")
@require_safe
def workloads(request: HttpRequest) -> HttpResponse:
    """The workload map: who uses which model tier for what, chosen by whom, at what cost, beside the plan's own sums."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Workloads")
    spec = list_specs.WORKLOAD_MAP
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=WORKLOADS)
    listing = listed(
        request=request, chosen=chosen, spec=spec, rows=rows, is_filterable=sees_column(viewer, WORKLOADS.resource)
    )
    week = chosen.run.first_week
    sizes = sizes_of_week(run_id=chosen.run_id, week=week)
    if asks_for_file(request, list_specs_map.MATRIX, is_default=False):
        return list_file(request, chosen, matrix_listing(viewer, listing, sizes))
    paying = _paying(request, viewer, chosen)
    if paying is not None and asks_for_file(request, paying.spec, is_default=False):
        return list_file(request, chosen, paying)
    troughs = _troughs(request, viewer, chosen)
    if troughs is not None and asks_for_file(request, troughs.spec, is_default=False):
        return list_file(request, chosen, troughs)
    if asks_for_file(request, spec):
        return list_file(request, chosen, listing)
    found = reconciliation_of(run_id=chosen.run_id, week=week, sizes=sizes)
    head, more = verdicts.workload_verdict(rows)
    context = {
        "verdict": (head, f"{more} {incomplete(rows)}".strip()),
        "run_line": run_line(chosen, now=now),
        "controls": controls(listing),
        "actuals_url": reverse("actuals") if may(viewer.roles, "actuals.view") else "",
        "has_map": bool(sizes) or not found.planned.accelerators,
        "matrix": matrix_context(viewer, listing, sizes),
        "frontier": frontier_rows(viewer, run_id=chosen.run_id, previous_id=previous_run(week)),
        "reconciled": reconciled(viewer, found, run_id=chosen.run_id),
        "list": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=_card_link(chosen, figure_links(chosen.run_id, "workload:")),
            total_label="Total",
        ),
        "paying": _paying_context(request, chosen, paying, now.year),
        "troughs": _troughs_context(request, chosen, troughs, now.year),
    }
    return render(request, "workloads/workloads.html", context)


def _paying(request: HttpRequest, viewer: Viewer, chosen: ChosenRun) -> Listing | None:
    """What contracts pay for their tier; None for whoever reads the revenue of none. Two queries."""
    if not may_do(request, "contracts.detail"):
        return None
    months = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=CONTRACT_MULTIPLES)
    rows = paying_rows(visible_rows(viewer=viewer, run_id=chosen.run_id, spec=EXPOSURE), months)
    if not rows and not sees_column(viewer, EXPOSURE.resource)("revenue_usd"):
        return None
    return listed(
        request=request, chosen=chosen, spec=list_specs_map.PAYING, rows=rows, is_filterable=lambda name: True
    )


def _troughs(request: HttpRequest, viewer: Viewer, chosen: ChosenRun) -> Listing | None:
    """Where waiting work would fit; None for whoever may not read by pool. Two queries."""
    if chosen.run is None or not sees_column(viewer, TROUGHS.resource)("pool_key"):
        return None
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=TROUGHS)
    names = dict(RunPool.objects.filter(run_id=chosen.run_id).values_list("pool_key", "name"))
    lines = trough_lines(rows, names=names, week=chosen.run.first_week)
    return listed(
        request=request, chosen=chosen, spec=list_specs_map.TROUGHS, rows=lines, is_filterable=lambda name: True
    )


def _troughs_context(request: HttpRequest, chosen: ChosenRun, troughs: Listing | None, year: int) -> Row | None:
    if troughs is None:
        return None
    query = "?" + chosen.query[:-1] if chosen.query else ""
    context = list_context(request=request, listing=troughs, year=year, link=_pool_link(query))
    return {**context, "sentence": trough_sentence(troughs.rows)}


def _paying_context(request: HttpRequest, chosen: ChosenRun, paying: Listing | None, year: int) -> Row | None:
    if paying is None:
        return None
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        return reverse("contract", args=[row["contract_key"]]) + query if name == "label" else ""

    context = list_context(request=request, listing=paying, year=year, link=link)
    return {**context, "verdict": paying_verdict(paying.rows)}


def _card_link(chosen: ChosenRun, links: dict[str, str]) -> Link:
    """The name leads to the card, numbers to their figures."""
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        key = row["workload_key"]
        return reverse("workload", args=[key]) + query if name == "name" else links.get(f"{key}:{name}", "")

    return link


@requires("workloads.view")
@require_safe
def workload(request: HttpRequest, key: str) -> HttpResponse:
    """One workload: the quality it needs, what it costs and how customers get value from it, and all that stands behind."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Workloads")
    row = _one(viewer, chosen, WORKLOADS, key)
    if row is None:
        raise Http404
    places = _places(viewer, chosen, key)
    if asks_for_file(request, places.spec):
        return list_file(request, chosen, places)
    as_of = chosen.run.as_of_date or chosen.first_week.monday
    card = card_context(
        row=row,
        card=_one(viewer, chosen, WORKLOAD_CARDS, key),
        as_of=as_of,
        year=now.year,
        links=figure_links(chosen.run_id, f"workload:{key}:"),
    )
    query = "?" + chosen.query[:-1] if chosen.query else ""
    context = {
        "row": row,
        "card": card,
        "verdict": workload_verdict(row, card["missing"]),
        "run_line": run_line(chosen, now=now),
        "back": reverse("workloads") + query,
        "what_if_url": _what_if_url(viewer, key),
        "scores": forecast_scores(chosen.run, key, viewer),
        "moves": moves_of_workload(key, year=now.year),
        "propose_url": f"{reverse('move-new')}?{urlencode({'workload': key})}"
        if may(viewer.roles, "moves.propose")
        else "",
        "places": list_context(
            request=request, listing=places, year=now.year, link=_pool_link(query), total_label="Total"
        ),
        "sees_places": sees_column(viewer, WORKLOAD_USE.resource)("pool_key"),
    }
    return render(request, "workloads/workload.html", context)


def _one(viewer: Viewer, chosen: ChosenRun, spec: object, key: str) -> Row | None:
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=spec, workload_key=key)  # type: ignore[arg-type]
    return rows[0] if rows else None


def _places(viewer: Viewer, chosen: ChosenRun, key: str) -> Listing:
    """Where it is served, as a list; empty for whoever may not read it."""
    uses = visible_rows(
        viewer=viewer,
        run_id=chosen.run_id,
        spec=WORKLOAD_USE,
        labels=contract_labels(chosen.run_id),
        workload_key=key,
    )
    names = dict(RunPool.objects.filter(run_id=chosen.run_id).values_list("pool_key", "name"))
    first = chosen.run.first_week if chosen.run else ""
    rows = use_rows(uses, names, first)
    kept = dict(chosen.asked)
    return read_list(spec=list_specs_map.USES, rows=rows, params={}, kept=kept, is_filterable=lambda name: True)


def _pool_link(query: str) -> Link:
    def link(row: Row, name: str) -> str:
        if name != "pool_name" or row["pool_key"] is RESTRICTED:
            return ""
        return reverse("pool", args=[row["pool_key"]]) + query

    return link


def _what_if_url(viewer: Viewer, key: str) -> str:
    """Where a change of this card is asked about; "" for whoever may not ask."""
    if "workloads" not in askable_tables(viewer):
        return ""
    return f"{reverse('scenario-new')}?{urlencode({'table': 'workloads', 'key': key_text((key,))})}"

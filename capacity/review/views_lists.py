"""The list page of contracts, and a list page without a plan. Reads one run's rows, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import Viewer, is_price_blind, suppress_small
from capacity.lib.figures import RESTRICTED, Absent
from capacity.review import list_specs, verdicts
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.listing import Link, Listing
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
from capacity.review.portfolio import concentration_rows, concentration_sentence, concentrations
from capacity.review.table_specs import (
    EXPOSURE,
)
from capacity.review.tables import Row


@requires("contracts.view")
@require_safe
def contracts(request: HttpRequest) -> HttpResponse:
    """The exposure ranking: what each contract takes, earns, and risks at worst reasonable use."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Contracts")
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=EXPOSURE)
    spec = list_specs.CONTRACTS
    listing = listed(
        request=request, chosen=chosen, spec=spec, rows=rows, is_filterable=sees_column(viewer, EXPOSURE.resource)
    )
    concentration = _concentration(request, viewer, chosen, listing)
    if concentration is not None and asks_for_file(request, concentration.spec, is_default=False):
        return list_file(request, chosen, concentration)
    if asks_for_file(request, spec):
        return list_file(request, chosen, listing)
    links = figure_links(chosen.run_id, "exposure:")
    parts = [] if concentration is None else concentration.rows
    head, more = verdicts.contract_verdict(listing.rows if listing.is_filtered else rows, year=now.year)
    context = {
        "verdict": (head, f"{more} {concentration_sentence(parts)}".strip()),
        "run_line": run_line(chosen, now=now),
        "controls": controls(listing),
        "list": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=_contract_link(chosen, links),
            total_label=f"Total of {len(listing.rows)}",
            guard=withhold_small(viewer, listing.rows),
        ),
        "rankings": _rankings(listing),
        "concentrations": [] if concentration is None else concentrations(parts),
        "concentration_csv": "" if concentration is None else listing.link(format="csv", table=concentration.spec.name),
        "is_price_blind": is_price_blind(viewer),
    }
    return render(request, "contracts/contracts.html", context)


# What the portfolio is ranked by in a click: words, column.
_RANKINGS = (
    ("Loss exposure", "loss_exposure_usd"),
    ("Margin", "margin_usd"),
    ("Margin ÷ revenue", "margin_share"),
    ("Capacity", "planned_accelerators"),
    ("Capacity gap", "capacity_gap_accelerators"),
    ("Revenue", "revenue_usd"),
)


def _rankings(listing: Listing) -> list[dict[str, Any]]:
    """The rankings of which the reader sees the column, the largest first, and which is shown now."""
    shown = {column.name for column in listing.columns}
    return [
        {"label": label, "url": listing.link(sort=f"-{name}"), "is_now": listing.sort == f"-{name}"}
        for label, name in _RANKINGS
        if name in shown
    ]


def _concentration(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, listing: Listing) -> Listing | None:
    """How concentrated what is listed is, for whoever may know all customers; None for everybody else."""
    if not sees_column(viewer, EXPOSURE.resource)("customer_name"):
        return None
    return listed(
        request=request,
        chosen=chosen,
        spec=list_specs.CONCENTRATION,
        rows=concentration_rows(listing.rows),
        is_filterable=lambda name: True,
    )


def withhold_small(viewer: Viewer, rows: list[Row]) -> Callable[[Any], Any]:
    """Sums over one or two customers are kept from price-blind roles."""
    aliases = {row["customer_alias"] for row in rows if row["customer_alias"] is not RESTRICTED}
    # Without an alias to tell customers apart, all such rows may be one customer's.
    customers = len(aliases) + any(row["customer_alias"] is RESTRICTED for row in rows)

    def guard(value: Any) -> Any:
        return suppress_small(viewer, customers=customers, value=value)

    return guard


def _contract_link(chosen: ChosenRun, links: dict[str, str]) -> Link:
    """The label leads to the contract's page, numbers to their figures; both only where the key may be known."""
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        key = row["contract_key"]
        if isinstance(key, Absent):
            return ""
        return reverse("contract", args=[key]) + query if name == "label" else links.get(f"{key}:{name}", "")

    return link


def no_plan(request: HttpRequest, heading: str) -> HttpResponse:
    """A list page while no plan has been made."""
    return render(request, "lists/no_plan.html", {"heading": heading, "verdict": verdicts.NO_PLAN})

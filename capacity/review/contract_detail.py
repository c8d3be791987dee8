"""The parts of a contract's page beyond its exposure: use, supply, SLA, versions, changes. Composes; nothing is computed,
and that somebody read unit prices is written down.

One query reads all detail tables of the run; each part is None or a sentence where there is nothing to show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from capacity.access.audit import record_event
from capacity.access.permissions import may
from capacity.access.visibility import ContractLabel, Viewer
from capacity.review import list_specs
from capacity.review.chosen import ChosenRun
from capacity.review.contract_supply import KEY, most_of, strip_of, term_sentence, timeline
from capacity.review.contract_terms import FROM_BEFORE, penalty_facts, sla_sentence, version_in_force
from capacity.review.contract_use import use_context
from capacity.review.contract_versions import changes_of_contract, version_differences
from capacity.review.listing import Listing
from capacity.review.pages import asks_for_file, list_context, list_file, listed
from capacity.review.table_specs import (
    CONTRACT_LOTS,
    CONTRACT_MULTIPLES,
    CONTRACT_POOLS,
    CONTRACT_SLAS,
    REMEDIES,
    SCENARIOS,
    SHORTFALLS,
)
from capacity.review.tables import Row, rows_of_several
from contracts.models import Contract

DETAILS = (CONTRACT_MULTIPLES, CONTRACT_POOLS, CONTRACT_LOTS, CONTRACT_SLAS, SCENARIOS)
_READ = (*DETAILS, SHORTFALLS, REMEDIES)
_LISTS = {
    CONTRACT_MULTIPLES.name: list_specs.CONTRACT_USE,
    CONTRACT_POOLS.name: list_specs.CONTRACT_POOLS,
    CONTRACT_LOTS.name: list_specs.CONTRACT_LOTS,
    CONTRACT_SLAS.name: list_specs.CONTRACT_SLAS,
    SCENARIOS.name: list_specs.CONTRACT_SCENARIOS,
}


def detail_rows(viewer: Viewer, chosen: ChosenRun, key: str, labels: Sequence[ContractLabel]) -> dict[str, list[Row]]:
    """The contract's rows of each detail table, its weeks with work and the remedies of its shortage. One query."""
    return rows_of_several(viewer=viewer, run_id=chosen.run_id, specs=_READ, labels=labels, contract_key=key)


def detail_lists(
    request: HttpRequest, viewer: Viewer, chosen: ChosenRun, found: Mapping[str, list[Row]]
) -> dict[str, Listing]:
    """The detail tables as the address sorts them; none for whoever may not open them."""
    if not may(viewer.roles, "contracts.detail"):
        return {}
    return {
        name: listed(request=request, chosen=chosen, spec=spec, rows=found[name], is_filterable=lambda name: False)
        for name, spec in _LISTS.items()
    }


def detail_file(request: HttpRequest, chosen: ChosenRun, lists: dict[str, Listing]) -> HttpResponse | None:
    """The table the address asks for as a file, if it asks for one."""
    for listing in lists.values():
        if asks_for_file(request, listing.spec, is_default=False):
            return list_file(request, chosen, listing)
    return None


def detail_context(
    *,
    request: HttpRequest,
    viewer: Viewer,
    chosen: ChosenRun,
    row: Row,
    lists: dict[str, Listing],
    versions: list[Contract],
    year: int,
) -> dict[str, Any]:
    """What contracts/_use.html, _supply.html, _sla.html, _versions.html show of a contract in force. Two queries."""
    key = str(row["contract_key"])
    differences = version_differences(viewer, key, year=year) if len(versions) > 1 else []
    if any(each["shows_price"] for each in differences):
        record_event(request=request, action="price_viewed", subject=f"versions of contract {key}")
    changes = changes_of_contract(viewer, chosen, key)
    rows: dict[str, list[Row]] = {name: listing.rows for name, listing in lists.items()}
    rows = {spec.name: rows.get(spec.name, []) for spec in DETAILS}
    return {
        "has_detail": bool(lists),
        "use": use_context(
            sorted(rows[CONTRACT_MULTIPLES.name], key=lambda each: each["position"]),
            contract=row,
            target=changes["target"],
            year=year,
        ),
        "use_csv": lists[CONTRACT_MULTIPLES.name].link(format="csv", table=list_specs.CONTRACT_USE.name)
        if lists
        else "",
        "supply": _supply(request, viewer, chosen, lists, rows, row, year) if lists else None,
        "scenarios": list_context(request=request, listing=lists[SCENARIOS.name], year=year) if lists else None,
        "sla": _sla(request, viewer, lists, rows, versions, year) if lists else None,
        "differences": differences,
        "changes": changes,
    }


def _supply(
    request: HttpRequest,
    viewer: Viewer,
    chosen: ChosenRun,
    lists: dict[str, Listing],
    rows: dict[str, list[Row]],
    contract: Row,
    year: int,
) -> dict[str, Any]:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def pool_link(row: Row, name: str) -> str:
        if name not in ("pool_key", "pool_name") or not sees_pools:
            return ""
        return reverse("pool", args=[row["pool_key"]]) + query

    sees_pools = may(viewer.roles, "supply.view")
    is_kept = bool(rows[CONTRACT_MULTIPLES.name])
    empty = {} if is_kept else {"empty": FROM_BEFORE}
    sentence, is_uncovered = (FROM_BEFORE, False)
    if is_kept:
        most = most_of(rows[CONTRACT_POOLS.name])
        sentence, is_uncovered = term_sentence(rows[CONTRACT_LOTS.name], year=year, most=most)
    first = chosen.first_week

    def strip(row: Row) -> dict[str, Any]:
        cells, label = strip_of(row, first=first, year=year)
        return {"heat": cells, "heat_label": label}

    return {
        "pools": list_context(
            request=request, listing=lists[CONTRACT_POOLS.name], year=year, link=pool_link, extra=strip
        )
        | empty,
        "key": KEY,
        "lots": list_context(request=request, listing=lists[CONTRACT_LOTS.name], year=year, link=pool_link) | empty,
        "sentence": sentence,
        "is_uncovered": is_uncovered,
        "timeline": timeline(contract=contract, lots=rows[CONTRACT_LOTS.name], first=first, year=year),
    }


def _sla(
    request: HttpRequest,
    viewer: Viewer,
    lists: dict[str, Listing],
    rows: dict[str, list[Row]],
    versions: list[Contract],
    year: int,
) -> dict[str, Any]:
    slas = rows[CONTRACT_SLAS.name]
    return {
        # A contract in force has four rows of use in every run since these tables are kept.
        "sentence": sla_sentence(slas, is_kept=bool(rows[CONTRACT_MULTIPLES.name])),
        "list": list_context(request=request, listing=lists[CONTRACT_SLAS.name], year=year) if slas else None,
        "facts": penalty_facts(viewer, version_in_force(versions), slas, year=year),
    }

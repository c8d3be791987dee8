"""Supply pages: pools now with their weeks ahead, lots arriving and leaving; one pool week by week and who stands on it."""

from __future__ import annotations

from typing import Any

from django.db.models import Max, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.permissions import may
from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import ContractLabel, Viewer, label_of_contract, see
from capacity.allocation.models import RunAllocation, RunDemand
from capacity.lib import figures
from capacity.lib.figures import RESTRICTED, thousands
from capacity.lib.horizon import Week
from capacity.review import list_specs, verdicts
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.idle_rows import idle_now
from capacity.review.input_edits import askable_tables
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
from capacity.review.pool_promises import promise_of, promises
from capacity.review.pool_rows import heat_cells, heat_label, pool_rows, supply_total
from capacity.review.scarcity_chart import ScarcityChart, scarcity_chart
from capacity.review.shortage_rows import shortages
from capacity.review.table_specs import (
    CONTRACT_SLAS,
    ISSUES,
    LOT_EVENTS,
    PLACEMENTS,
    POOL_WEEKS,
    POOLS,
    REMEDIES,
    SCARCITY,
)
from capacity.review.tables import Row, class_in_words, contract_labels, run_rows
from capacity.review.views_lists import no_plan
from capacity.review.words import word

SHOWN_ISSUES = frozenset({"late", "unknown_cost", "maintenance_exceeds_supply", "pool_without_domain"})

# A year of cells is as wide as a screen; the pool's own page has them all.
HEAT_WEEKS = 52


@requires("supply.view")
@require_safe
def supply(request: HttpRequest) -> HttpResponse:
    """Pools this week and in the weeks ahead, lots arriving and leaving, lots that are late."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Supply")
    weeks = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=POOL_WEEKS)
    pools = pool_rows(visible_rows(viewer=viewer, run_id=chosen.run_id, spec=POOLS), weeks)
    lots = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=LOT_EVENTS)
    listing = listed(
        request=request, chosen=chosen, spec=list_specs.SUPPLY, rows=pools, is_filterable=_sees_pool_column(viewer)
    )
    events = listed(
        request=request, chosen=chosen, spec=list_specs.LOTS, rows=lots, is_filterable=sees_column(viewer, "lot")
    )
    if asks_for_file(request, listing.spec):
        return list_file(request, chosen, listing)
    if asks_for_file(request, events.spec, is_default=False):
        return list_file(request, chosen, events)
    labels = contract_labels(chosen.run_id)
    remedies = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=REMEDIES, labels=labels)
    short = listed(
        request=request,
        chosen=chosen,
        spec=list_specs.SHORT,
        rows=remedies,
        is_filterable=sees_column(viewer, "remedy"),
    )
    if asks_for_file(request, short.spec, is_default=False):
        return list_file(request, chosen, short)
    scarcity = _scarcity(request, viewer, chosen, labels)
    if scarcity is not None and asks_for_file(request, scarcity.spec, is_default=False):
        return list_file(request, chosen, scarcity)
    issues = _supply_issues(viewer, chosen)
    links = figure_links(chosen.run_id, "pool:")
    context = {
        "verdict": verdicts.supply_verdict(
            pools, lots, late=sum(row["code"] == "late" for row in issues), weeks=chosen.run.weeks or 0, year=now.year
        ),
        "run_line": run_line(chosen, now=now),
        "controls": controls(listing, events),
        "pools": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=_pool_link(chosen, links),
            extra=lambda row: {
                "heat": heat_cells(row["weeks"][:HEAT_WEEKS], year=now.year),
                "heat_label": heat_label(row),
            },
        ),
        "h100e": supply_total(listing.rows),
        "idle": idle_now(pools=pools, weeks=weeks),
        "short": list_context(request=request, listing=short, year=now.year),
        "scarcity": None
        if scarcity is None
        else list_context(request=request, listing=scarcity, year=now.year, link=_pool_link(chosen, {})),
        "scarcity_chart": _chart(scarcity, pools, weeks, year=now.year),
        "lots": list_context(request=request, listing=events, year=now.year, link=_pool_link(chosen, {})),
        "issues": [
            {"kind": word("code", str(row["code"])), "subject": row["subject"], "sentence": row["sentence"]}
            for row in issues
        ],
        "weeks": chosen.run.weeks,
    }
    return render(request, "supply/supply.html", context)


def _scarcity(
    request: HttpRequest, viewer: Viewer, chosen: ChosenRun, labels: list[ContractLabel], **filters: Any
) -> Listing | None:
    """Scarcity prices, for those who may know that there are any."""
    if see(viewer, "scarcity", "week", "") is RESTRICTED:
        return None
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=SCARCITY, labels=labels, **filters)
    return listed(
        request=request,
        chosen=chosen,
        spec=list_specs.SCARCITY_PRICES,
        rows=rows,
        is_filterable=sees_column(viewer, "scarcity"),
    )


def _chart(scarcity: Listing | None, pools: list[Row], weeks: list[Row], *, year: int) -> ScarcityChart | None:
    """What the list of scarcity prices shows, drawn over all weeks of the plan."""
    if scarcity is None:
        return None
    names = {row["pool_key"]: row["name"] for row in pools}
    return scarcity_chart(
        rows=scarcity.rows, names=names, weeks=list(dict.fromkeys(row["week"] for row in weeks)), year=year
    )


@requires("supply.view")
@require_safe
def pool(request: HttpRequest, pool_key: str) -> HttpResponse:
    """One pool: its weeks, and the contracts, workloads and experiments that stand on it."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    found = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=POOLS, pool_key=pool_key)
    if not found:
        raise Http404
    weeks = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=POOL_WEEKS, pool_key=pool_key)
    listing = listed(
        request=request,
        chosen=chosen,
        spec=list_specs.POOL_WEEK_TABLE,
        rows=weeks,
        is_filterable=sees_column(viewer, "pool_week"),
    )
    if asks_for_file(request, listing.spec):
        return list_file(request, chosen, listing)
    row = pool_rows(found, weeks)[0]
    labels = contract_labels(chosen.run_id)
    scarcity = _scarcity(request, viewer, chosen, labels, pool_key=pool_key)
    if scarcity is not None and asks_for_file(request, scarcity.spec, is_default=False):
        return list_file(request, chosen, scarcity)
    remedies = run_rows(viewer=viewer, run_id=chosen.run_id, spec=REMEDIES, labels=labels)
    context = {
        "shortages": shortages(
            [each for each in remedies if pool_key in each["pool_keys"]],
            names={pool_key: row["name"]},
            year=now.year,
        ),
        "scarcity": None if scarcity is None else list_context(request=request, listing=scarcity, year=now.year),
        "scarcity_chart": _chart(scarcity, [row], weeks, year=now.year),
        "pool": row,
        "facts": _facts(row),
        "verdict": verdicts.pool_verdict(row["name"], weeks, year=now.year),
        "run_line": run_line(chosen, now=now),
        "back": reverse("supply") + ("?" + chosen.query[:-1] if chosen.query else ""),
        "strip": heat_cells(weeks, year=now.year),
        "strip_label": heat_label(row),
        "list": list_context(request=request, listing=listing, year=now.year),
        "lots": [
            {
                **each,
                "from": figures.week(Week.parse(each["week"]), year=now.year),
                "state": word("state", each["state"]),
            }
            for each in visible_rows(viewer=viewer, run_id=chosen.run_id, spec=LOT_EVENTS, pool_key=pool_key)
        ],
        "standing": _with_promises(
            viewer, chosen, standing_on(viewer=viewer, run_id=chosen.run_id, pool_key=pool_key, labels=labels)
        ),
        "sees_promises": may(viewer.roles, CONTRACT_SLAS.action),
        "placements": [
            {**each, "from": figures.week(Week.parse(each["start_week"]), year=now.year)}
            for each in visible_rows(viewer=viewer, run_id=chosen.run_id, spec=PLACEMENTS, pool_key=pool_key)
        ],
        "query": chosen.query[:-1],
        "ask_url": reverse("scenario-new") + "?table=lots" if "lots" in askable_tables(viewer) else "",
    }
    return render(request, "supply/pool.html", context)


def _facts(row: Row) -> list[tuple[str, Any]]:
    return [
        ("Accelerator", row["accelerator_type_name"]),
        ("Region", row["region"]),
        ("Source", word("source_type", row["source_type"])),
        ("Node", f"{thousands(row['node_size'])} accelerators"),
        ("H100e each", figures.ratio(row["h100e_factor"], places=2)),
        ("Network domains", ", ".join(row["domains"])),
    ]


def standing_on(*, viewer: Viewer, run_id: int, pool_key: str, labels: list[ContractLabel]) -> list[dict[str, Any]]:
    """Whose promises and forecasts are served from the pool: label, workload, class, tier, most asked, short. 2 queries.

    A class that the plan serves here serves all its demands together, so each of them stands on the pool.
    """
    classes = RunAllocation.objects.filter(run_id=run_id, pool_key=pool_key).values("serving_class")
    held = {
        row["serving_class"]: row["most"]
        for row in classes.annotate(most=Max("accelerators")).order_by("serving_class")
    }
    demands = RunDemand.objects.filter(run_id=run_id, serving_class__in=held)
    columns = ("contract_key", "workload_key", "serving_class", "tier")
    names = {label.key: label for label in labels}
    rows = [
        _standing(viewer, row, names.get(row["contract_key"]), held)
        for row in demands.values(*columns)
        .annotate(most=Max("work"), short=Sum("short_accelerators"))
        .order_by(*columns)
    ]
    return sorted(rows, key=lambda row: (str(row["tier"]), str(row["label"]), str(row["workload_key"])))


def _with_promises(viewer: Viewer, chosen: ChosenRun, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with the SLA and largest credit of each contract, for whoever may read them. One query."""
    if not may(viewer.roles, CONTRACT_SLAS.action):
        return rows
    found = promises(visible_rows(viewer=viewer, run_id=chosen.run_id, spec=CONTRACT_SLAS))
    return [{**row, **promise_of(found, row["contract_key"])} for row in rows]


def _standing(viewer: Viewer, row: Row, label: ContractLabel | None, held: dict[str, int]) -> dict[str, Any]:
    owner = label.owner if label else ""
    name = ""
    if label is not None:
        name = label_of_contract(viewer, name=label.name, alias=label.alias, owner=label.owner)
    key = see(viewer, "demand", "contract_key", row["contract_key"], owner=owner)
    return {
        "label": name,
        "contract_key": "" if key is RESTRICTED else key,
        "workload_key": see(viewer, "demand", "workload_key", row["workload_key"], owner=owner),
        "serving_class": see(
            viewer,
            "demand",
            "serving_class",
            class_in_words(viewer, row["serving_class"], labels=[label] if label else []),
            owner=owner,
        ),
        "tier": see(viewer, "demand", "tier", row["tier"], owner=owner),
        "most": see(viewer, "demand", "work", row["most"], owner=owner),
        "short": see(viewer, "demand", "short_accelerators", row["short"], owner=owner),
        "held": see(viewer, "allocation", "accelerators", held[row["serving_class"]]),
    }


def _supply_issues(viewer: Viewer, chosen: ChosenRun) -> list[Row]:
    """What supply had to leave out or assume. A sentence may name what the viewer may not know: then only its kind."""
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=ISSUES)
    return [row for row in rows if row["code"] in SHOWN_ISSUES]


def _sees_pool_column(viewer: Viewer) -> Any:
    """Columns of the supply list come from the pool, from its weeks, or are made of both."""
    own, weekly = sees_column(viewer, "pool"), sees_column(viewer, "pool_week")
    in_pool = {column.name for column in POOLS.columns}
    made = {"worst_shortfall": "capacity_shortfall", "worst_week": "week", "allocated": "allocated"}

    def is_seen(name: str) -> bool:
        return own(name) if name in in_pool else weekly(made.get(name, name))

    return is_seen


def _pool_link(chosen: ChosenRun, links: dict[str, str]) -> Link:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        if name in ("name", "pool_key"):
            return reverse("pool", args=[row["pool_key"]]) + query
        return links.get(f"{row['pool_key']}:{name}", "")

    return link

"""Requests: the queue with its places, what has none, the Gantt, what moved and why, what yields, teams, overrides."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.viewer import may_do, requires, viewer_of
from capacity.access.visibility import ContractLabel, Viewer
from capacity.allocation.models import Run
from capacity.review import list_specs, verdicts
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.gantt import Before, drawn_rows, most_telling, placement_gantt
from capacity.review.list_specs_queue import MADE_OF, QUEUE_LIST, YIELDS
from capacity.review.listing import Link, in_readers_order
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
from capacity.review.plan_moves import moves_up_to
from capacity.review.queue_page import (
    alarm_sentence,
    changes_of,
    known_weeks_sentence,
    moved_by_plans,
    moved_lines,
    plan_before_words,
    queue_list_rows,
    team_lines,
    yield_list_rows,
)
from capacity.review.request_page import not_yet_planned
from capacity.review.request_standing import ended_requests
from capacity.review.table_specs import PLACEMENTS, POOL_WEEKS, POOLS, UNPLACED
from capacity.review.table_specs_queue import PREEMPTIONS, QUEUE, TEAMS
from capacity.review.tables import Row, contract_labels, rows_of_several
from capacity.review.views_lists import no_plan
from capacity.review.what_if_asking import tries_of

# Weeks drawn of the Gantt: what is beyond is on the page of a pool.
GANTT_WEEKS = 52
# Bars drawn beside the queue, and on a page of all placements: a drawing of them all is none that one can read.
QUEUE_BARS, PAGE_BARS = 40, 100


@requires("requests.view")
@require_safe
def requests(request: HttpRequest) -> HttpResponse:
    """Requests by their place in the queue, and everything that explains it."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Requests")
    labels = contract_labels(chosen.run_id)
    specs = (QUEUE, TEAMS, PREEMPTIONS, PLACEMENTS, POOLS, POOL_WEEKS, UNPLACED)
    tables = rows_of_several(viewer=viewer, run_id=chosen.run_id, specs=specs, labels=labels)
    pools, weeks, names = _pools(tables)
    unplaced = in_readers_order(tables[UNPLACED.name], UNPLACED.order)
    queue = queue_list_rows(tables[QUEUE.name], names)
    lists = {
        spec.name: listed(request=request, chosen=chosen, spec=spec, rows=rows, is_filterable=_sees(viewer, spec.name))
        for spec, rows in (
            (QUEUE_LIST, queue),
            (list_specs.WITHOUT_PLACE, unplaced),
            (YIELDS, yield_list_rows(tables[PREEMPTIONS.name], names)),
        )
    }
    for name, listing in lists.items():
        if asks_for_file(request, listing.spec, is_default=name == QUEUE_LIST.name):
            return list_file(request, chosen, listing)
    links = figure_links(chosen.run_id, "request:")
    head, more = verdicts.request_verdict(tables[PLACEMENTS.name], unplaced)
    teams = tables[TEAMS.name]
    moved = _moved(chosen.run, viewer, labels, names=names, year=now.year)
    drawn = drawn_rows(pools=pools, placed=tables[PLACEMENTS.name], run=chosen.run, show_weeks=GANTT_WEEKS)
    bars = most_telling(
        drawn,
        most=QUEUE_BARS,
        first_keys=[*_own_keys(drawn, viewer), *(line["key"] for line in moved["moves"])],
        ranks={row["experiment_key"]: row["rank"] for row in queue if isinstance(row["rank"], int)},
    )
    context = {
        "verdict": (head, f"{more} {alarm_sentence(teams)}".strip()),
        "run_line": run_line(chosen, now=now),
        "controls": controls(*lists.values()),
        "has_queue": bool(tables[TEAMS.name]),
        "queue": list_context(
            request=request,
            listing=lists[QUEUE_LIST.name],
            year=now.year,
            link=request_link(pool_link(chosen)),
            extra=lambda row: {"key": row["experiment_key"], "own": row["team_key"] == viewer.team_key != ""},
        ),
        "unplaced": list_context(
            request=request,
            listing=lists["unplaced"],
            year=now.year,
            link=request_link(_by_key(links)),
            extra=lambda row: {
                "key": row["experiment_key"],
                **tries_of(viewer, row, run_id=chosen.run_id, year=now.year),
            },
        ),
        "try_actions": "scenarios/_try.html" if may_do(request, "scenario.ask") and unplaced else "",
        "gantt": placement_gantt(
            pools=pools,
            weeks=weeks,
            placed=bars,
            run=chosen.run,
            now=now,
            query=chosen.query,
            show_weeks=GANTT_WEEKS,
            before=_before(viewer, moved),
        ),
        "bars_left_out": len(drawn) - len(bars),
        "moved": moved,
        "yields": list_context(
            request=request,
            listing=lists[YIELDS.name],
            year=now.year,
            link=request_link(pool_link(chosen)),
            extra=lambda row: {"key": row["experiment_key"]},
        ),
        "teams": team_lines(teams, viewer),
        "hours_sentence": known_weeks_sentence(teams),
        "waiting": not_yet_planned(now=now),
        "may_submit": may_do(request, "requests.submit"),
    }
    return render(request, "requests/requests.html", context)


def _moved(
    run: Run, viewer: Viewer, labels: Sequence[ContractLabel], *, names: Mapping[str, str], year: int
) -> dict[str, Any]:
    """Against the last frozen review; before there is one, what the last plan that moved anything moved."""
    changes = changes_of(run)
    if changes.get("against"):
        return moved_lines(changes, viewer, names=names, year=year)
    return moved_by_plans(moves_up_to(run.pk), viewer, labels, names=names, year=year)


def _pools(tables: Mapping[str, list[Row]]) -> tuple[list[Row], list[Row], dict[str, str]]:
    """(pools, their weeks, names by key) of a run."""
    pools = in_readers_order(tables[POOLS.name], POOLS.order)
    names = {row["pool_key"]: row["name"] for row in pools if isinstance(row["name"], str)}
    return pools, in_readers_order(tables[POOL_WEEKS.name], POOL_WEEKS.order), names


def _own_keys(rows: Sequence[Row], viewer: Viewer) -> list[str]:
    return [row["experiment_key"] for row in rows if viewer.team_key and row["team_key"] == viewer.team_key]


def _before(viewer: Viewer, moved: Mapping[str, Any]) -> Before | None:
    """Where the plan before had what the page tells as moved. One query, none where nothing is."""
    keys = [line["key"] for line in moved["moves"] if line["kind"] in ("moved", "lost")]
    if not keys or not moved["run"]:
        return None
    rows = visible_rows(viewer=viewer, run_id=moved["run"], spec=PLACEMENTS, experiment_key__in=keys)
    return Before(rows=rows, words=plan_before_words(moved))


@requires("requests.view")
@require_safe
def placed(request: HttpRequest) -> HttpResponse:
    """Every placement with what it costs, running ones too; and what has ended, with its reason."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Placements")
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=PLACEMENTS)
    spec = replace(list_specs.PLACED, prefix="")
    listing = listed(
        request=request, chosen=chosen, spec=spec, rows=rows, is_filterable=sees_column(viewer, PLACEMENTS.resource)
    )
    if asks_for_file(request, spec):
        return list_file(request, chosen, listing)
    labels = contract_labels(chosen.run_id)
    pools, weeks, names = _pools(rows_of_several(viewer=viewer, run_id=chosen.run_id, specs=(POOLS, POOL_WEEKS)))
    moved = _moved(chosen.run, viewer, labels, names=names, year=now.year)
    drawn = drawn_rows(pools=pools, placed=listing.rows, run=chosen.run, show_weeks=GANTT_WEEKS)
    bars = Paginator(drawn, PAGE_BARS).get_page(request.GET.get("bars-page"))
    context: dict[str, Any] = {
        "gantt": placement_gantt(
            pools=pools,
            weeks=weeks,
            placed=list(bars.object_list),
            run=chosen.run,
            now=now,
            query=chosen.query,
            show_weeks=GANTT_WEEKS,
            before=None if listing.is_filtered else _before(viewer, moved),
        ),
        "bars": bars,
        "bars_base": _base(listing.link()) + "bars-",
        "moved": moved,
        "verdict": verdicts.request_verdict(rows, []),
        "run_line": run_line(chosen, now=now),
        "controls": controls(listing),
        "placed": list_context(
            request=request,
            listing=listing,
            year=now.year,
            link=request_link(pool_link(chosen)),
            total_label="Total",
            extra=lambda row: {"key": row["experiment_key"]},
        ),
    }
    context["ended"] = ended_requests(viewer=viewer, labels=labels, now=now)
    return render(request, "requests/placed.html", context)


def _sees(viewer: Viewer, name: str) -> Callable[[str], bool]:
    """Which columns of a list the reader sees; one made of another goes with it."""
    resource = {QUEUE_LIST.name: "queue", YIELDS.name: "preemption"}.get(name, "unplaced")
    test = sees_column(viewer, resource)
    return lambda column: test(MADE_OF.get(column, column))


def _base(address: str) -> str:
    """The address with room for one more parameter."""
    return address if address == "?" else f"{address}&"


def _by_key(links: dict[str, str]) -> Link:
    """Cells lead to their figure, where the run has one: `links` by "<key>:<column>"."""
    return lambda row, name: links.get(f"{row['experiment_key']}:{name}", "")


def request_link(other: Link) -> Link:
    """The request's name leads to its page, other cells where they led before."""

    def link(row: Row, name: str) -> str:
        return reverse("request", args=[row["experiment_key"]]) if name == "name" else other(row, name)

    return link


def pool_link(chosen: ChosenRun) -> Link:
    """A pool's cell leads to its page."""
    query: Any = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        is_pool = name in ("pool_key", "pool_name") and row["pool_key"]
        return reverse("pool", args=[row["pool_key"]]) + query if is_pool else ""

    return link

"""The page of money: where every dollar of accelerators goes, and what contracts earn and risk, by any part and scenario."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from capacity.access.viewer import requires, viewer_of
from capacity.access.visibility import Viewer, see
from capacity.allocation.models import RunPool, RunPoolWeek
from capacity.lib.figures import RESTRICTED, UNKNOWN_COST, Absent, counted
from capacity.review import list_specs
from capacity.review.chosen import ChosenRun, chosen_run
from capacity.review.contract_terms import FROM_BEFORE
from capacity.review.envelope_rows import envelope_by_pool, waterfall
from capacity.review.listing import Link, Listing
from capacity.review.models import RunFigure
from capacity.review.money_words import (
    chance_note,
    chance_rows_shown,
    left_out_note,
    money_verdict,
    with_missing,
    with_names,
)
from capacity.review.pages import asks_for_file, list_context, list_file, listed, run_line, sees_column, visible_rows
from capacity.review.portfolio import customer_concentration
from capacity.review.scenario_weeks import weeks_of_scenario
from capacity.review.table_specs import CHANCES, EXPOSURE, ROLLUPS, SCENARIOS
from capacity.review.tables import Row
from capacity.review.views_lists import no_plan, withhold_small
from capacity.review.words import word
from contracts.domain.scenarios import P50
from contracts.domain.scenarios import SCENARIOS as ALL_SCENARIOS
from contracts.rollup_rows import ALL, DIMENSIONS

# (value in the address, words, weeks; 0: all of them).
SPANS = (("now", "this week", 1), ("quarter", "over 13 weeks", 13), ("all", "over the whole plan", 0))
# Which column of a contract's scenario a part of a dimension is.
_COLUMN_OF = {
    "workload": "workload_key",
    "model": "model_key",
    "tier": "model_tier",
    "customer": "customer_key",
    "shape": "shape",
}
BY = tuple(dimension for dimension in DIMENSIONS if dimension != ALL)


@requires("money.view")
@require_safe
def money(request: HttpRequest) -> HttpResponse:
    """Envelope, scenarios, roll-up by the asked part, chances and concentration; each table also as a file."""
    now, viewer = timezone.now(), viewer_of(request)
    chosen = chosen_run(request)
    if chosen.run is None:
        return no_plan(request, "Money")
    asked = _Asked(request)
    lists = {
        "envelope": _envelope(request, viewer, chosen, asked),
        "totals": _totals(request, viewer, chosen),
        "rolled": _rolled(request, viewer, chosen, asked),
    }
    part = _part(request, viewer, chosen, asked)
    if part is not None:
        lists["part"] = part
    for name, listing in lists.items():
        if asks_for_file(request, listing.spec, is_default=name == "rolled"):
            return list_file(request, chosen, listing)
    if asks_for_file(request, list_specs.SCENARIO_WEEKS, is_default=False):
        return list_file(request, chosen, _by_week(request, viewer, chosen, asked))
    return render(request, "money/money.html", _context(request, viewer, chosen, asked, lists, now))


class _Asked:
    """What the address asks for: span of the envelope, dimension, part and scenario. Http404 for what there is not."""

    def __init__(self, request: HttpRequest) -> None:
        self.span = request.GET.get("span") or SPANS[0][0]
        self.by = request.GET.get("by") or BY[0]
        self.scenario = request.GET.get("scenario") or P50
        self.part = request.GET.get("part")
        spans = {value: (words, weeks) for value, words, weeks in SPANS}
        if self.span not in spans or self.by not in BY or self.scenario not in ALL_SCENARIOS:
            raise Http404
        if self.part is not None and len(self.part) > 80:
            raise Http404
        self.span_words, self.weeks = spans[self.span]

    def kept(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a link with some of them changed; None leaves one out."""
        given = {"span": self.span, "by": self.by, "scenario": self.scenario, "part": self.part, **changes}
        first = {"span": SPANS[0][0], "by": BY[0], "scenario": P50, "part": None}
        return {name: value for name, value in given.items() if value is not None and value != first[name]}


def _listed(request: HttpRequest, chosen: ChosenRun, asked: _Asked, **parts: Any) -> Listing:
    """listed, with the parameters of the page kept in every link."""
    kept = ChosenRun(run=chosen.run, asked={**chosen.asked, **asked.kept()}, review_week=chosen.review_week)
    return listed(request=request, chosen=kept, **parts)


def _envelope(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, asked: _Asked) -> Listing:
    """Where the money of each pool goes in the asked weeks. Two queries."""
    names = dict(RunPool.objects.filter(run_id=chosen.run_id).order_by("pool_key").values_list("pool_key", "name"))
    found = RunPoolWeek.objects.filter(run_id=chosen.run_id)
    if asked.weeks:
        found = found.filter(week_index__lt=asked.weeks)
    weeks = [
        {name: see(viewer, "pool_week", name, value) for name, value in row.items()}
        for row in found.values("pool_key", "envelope_parts")
    ]
    rows = (
        [] if any(row["envelope_parts"] is RESTRICTED for row in weeks) else envelope_by_pool(weeks=weeks, names=names)
    )
    return _listed(
        request, chosen, asked, spec=list_specs.ENVELOPES, rows=rows, is_filterable=sees_column(viewer, "spend")
    )


def _totals(request: HttpRequest, viewer: Viewer, chosen: ChosenRun) -> Listing:
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=ROLLUPS, dimension=ALL)
    asked = _Asked(request)
    ordered = sorted(map(with_names, rows), key=lambda row: ALL_SCENARIOS.index(row["scenario"]))
    return _listed(
        request,
        chosen,
        asked,
        spec=list_specs.SCENARIO_TOTALS,
        rows=ordered,
        is_filterable=sees_column(viewer, ROLLUPS.resource),
    )


def _rolled(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, asked: _Asked) -> Listing:
    rows = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=ROLLUPS, dimension=asked.by, scenario=asked.scenario)
    return _listed(
        request,
        chosen,
        asked,
        spec=list_specs.ROLLED_UP,
        rows=[with_missing(row) for row in rows],
        is_filterable=sees_column(viewer, ROLLUPS.resource),
    )


def _part(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, asked: _Asked) -> Listing | None:
    """The contracts of the asked part in the asked scenario; None where no part is asked for."""
    if asked.part is None:
        return None
    return _listed(
        request,
        chosen,
        asked,
        spec=list_specs.OF_PART,
        rows=_contracts(viewer, chosen, asked),
        is_filterable=sees_column(viewer, SCENARIOS.resource),
    )


def _contracts(viewer: Viewer, chosen: ChosenRun, asked: _Asked) -> list[Row]:
    """Contracts in the asked scenario, of the asked part if any. One query."""
    filters: dict[str, Any] = {"scenario": asked.scenario}
    if asked.part is not None and asked.by == "region":
        filters["regions__has_key" if asked.part else "regions"] = asked.part or {}
    elif asked.part is not None:
        filters[_COLUMN_OF[asked.by]] = asked.part
    return visible_rows(viewer=viewer, run_id=chosen.run_id, spec=SCENARIOS, **filters)


def _by_week(request: HttpRequest, viewer: Viewer, chosen: ChosenRun, asked: _Asked) -> Listing:
    """Those contracts week by week: for files."""
    rows = _contracts(viewer, chosen, asked)
    expected = rows
    if asked.scenario != P50:
        at_p50 = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=SCENARIOS, scenario=P50)
        expected = at_p50
    by_key = {row["contract_key"]: row for row in expected}
    weeks = chosen.run.weeks or 0 if chosen.run else 0
    found = [
        {**week, "label": row["label"]}
        for row in rows
        if not isinstance(row["first_week"], Absent)
        for week in weeks_of_scenario(row, weeks=weeks, expected=by_key.get(row["contract_key"]))
    ]
    return _listed(
        request,
        chosen,
        asked,
        spec=list_specs.SCENARIO_WEEKS,
        rows=found,
        is_filterable=sees_column(viewer, SCENARIOS.resource),
    )


# --- the page ---------------------------------------------------------------------------------------------------------


def _context(
    request: HttpRequest, viewer: Viewer, chosen: ChosenRun, asked: _Asked, lists: dict[str, Listing], now: Any
) -> dict[str, Any]:
    totals = {row["scenario"]: row for row in lists["totals"].rows}
    steps = waterfall(lists["envelope"].rows)
    links = _figure_links(chosen.run_id, asked)
    chances = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=CHANCES)
    contracts = visible_rows(viewer=viewer, run_id=chosen.run_id, spec=EXPOSURE)
    unknown_pools = sum(row["envelope_usd"] is UNKNOWN_COST for row in lists["envelope"].rows)
    # Without totals but with contracts the run is older than the tables of scenarios.
    older = {"empty": FROM_BEFORE} if contracts and not totals else {}
    part = lists.get("part")
    return {
        "verdict": money_verdict(
            steps=steps,
            span=asked.span_words,
            totals=totals,
            unknown_pools=unknown_pools,
            has_contracts=bool(contracts),
        ),
        "unknown_pools": counted(unknown_pools, "pool") if unknown_pools else "",
        "run_line": run_line(chosen, now=now),
        "spans": _choices(chosen, asked, "span", [(value, words) for value, words, _ in SPANS]),
        "span_words": asked.span_words,
        "steps": [(step, links.get(f"envelope:{step.line}", "") if asked.span == "now" else "") for step in steps],
        "steps_total": sum((step.usd for step in steps), start=steps[0].usd * 0) if steps else None,
        "envelope": list_context(
            request=request, listing=lists["envelope"], year=now.year, link=_pool_link(chosen), total_label="All pools"
        ),
        "totals": list_context(request=request, listing=lists["totals"], year=now.year, link=_total_link(links))
        | older,
        "left_out": left_out_note(totals[P50]) if P50 in totals else "",
        "by_choices": [(value, _BY_WORDS[value], value == asked.by) for value in BY],
        "scenario_choices": [(value, word("scenario", value), value == asked.scenario) for value in ALL_SCENARIOS],
        "kept": [*chosen.asked.items(), *(("span", asked.span),)],
        "rolled": list_context(
            request=request, listing=lists["rolled"], year=now.year, link=_part_link(chosen, asked), total_label="Total"
        )
        | older,
        "rolled_words": f"by {_BY_WORDS[asked.by].lower()}; {word('scenario', asked.scenario)}",
        "weeks_url": "?"
        + urlencode({**chosen.asked, **asked.kept(), "format": "csv", "table": list_specs.SCENARIO_WEEKS.name}),
        "part": None
        if part is None
        else list_context(
            request=request,
            listing=part,
            year=now.year,
            link=_contract_link(chosen, asked, links),
            guard=withhold_small(viewer, part.rows),
        )
        | older,
        "part_words": _part_words(asked, lists["rolled"].rows),
        "part_off": "?" + urlencode({**chosen.asked, **asked.kept(part=None)}),
        "chances": chance_rows_shown(
            chances, {key.removeprefix("chance:"): url for key, url in links.items() if key.startswith("chance:")}
        ),
        "chance_note": chance_note(chances),
        "concentration": [
            (words, customer_concentration(contracts, column=column))
            for words, column in (("Revenue", "revenue_usd"), ("Reserved cost", "reserved_cost_usd"))
        ]
        if contracts
        else [],
    }


_BY_WORDS = {
    "workload": "Workload",
    "model": "Model",
    "tier": "Model tier",
    "customer": "Customer",
    "region": "Region",
    "shape": "Shape",
}


def _choices(chosen: ChosenRun, asked: _Asked, name: str, options: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Links that change one parameter of the page."""
    return [
        {
            "text": words,
            "url": "?" + urlencode({**chosen.asked, **asked.kept(**{name: value})}),
            "is_current": getattr(asked, name) == value,
        }
        for value, words in options
    ]


def _part_words(asked: _Asked, rows: Sequence[Row]) -> str:
    name = next((str(row["part_name"]) for row in rows if row["part_key"] == asked.part), asked.part or "")
    return f"{name}; {word('scenario', asked.scenario)}"


def _figure_links(run_id: int, asked: _Asked) -> dict[str, str]:
    """Key → address of every figure this page opens; of single contracts those that it lists. One query."""
    opened = r"^(envelope|money|chance):"
    if asked.part is not None:
        opened += rf"|^scenario:.*:{asked.scenario}$"
    keys = RunFigure.objects.filter(run_id=run_id, key__regex=opened).values_list("key", flat=True)
    return {key: reverse("figure", args=[run_id, key]) for key in keys}


def _pool_link(chosen: ChosenRun) -> Link:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        return reverse("pool", args=[row["pool_key"]]) + query if name == "name" else ""

    return link


def _total_link(links: dict[str, str]) -> Link:
    def link(row: Row, name: str) -> str:
        return "" if name in ("scenario", "left_out_words") else links.get(f"money:{row['scenario']}", "")

    return link


def _part_link(chosen: ChosenRun, asked: _Asked) -> Link:
    """A part and its numbers lead to the contracts they are sums of."""

    def link(row: Row, name: str) -> str:
        if name in ("contracts", "left_out_words"):
            return ""
        return "?" + urlencode({**chosen.asked, **asked.kept(part=row["part_key"])}) + "#contracts"

    return link


def _contract_link(chosen: ChosenRun, asked: _Asked, links: dict[str, str]) -> Link:
    query = "?" + chosen.query[:-1] if chosen.query else ""

    def link(row: Row, name: str) -> str:
        key = row["contract_key"]
        if isinstance(key, Absent) or name == "customer_name":
            return ""
        if name == "label":
            return reverse("contract", args=[key]) + query
        return links.get(f"scenario:{key}:{asked.scenario}", "")

    return link

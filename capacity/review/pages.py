"""From visible rows to the context of a list page or to its file: what all list views share.

Each view fetches its rows through `visible_rows`, says how its cells link, and leaves the rest to `list_context`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

from capacity.access.audit import record_event
from capacity.access.visibility import ContractLabel, Viewer, see
from capacity.allocation.models import Run
from capacity.lib import figures
from capacity.review.chosen import ChosenRun
from capacity.review.csv_files import csv_response
from capacity.review.listing import (
    Choice,
    HiddenColumn,
    Link,
    Listing,
    ListSpec,
    cells,
    heads,
    in_readers_order,
    left_out,
    read_list,
    written_totals,
)
from capacity.review.models import RunFigure
from capacity.review.table_columns import RunTableSpec
from capacity.review.tables import Row, run_rows


def visible_rows(
    *, viewer: Viewer, run_id: int, spec: RunTableSpec, labels: Sequence[ContractLabel] = (), **filters: Any
) -> list[Row]:
    """run_rows in an order that tells nothing hidden. One query."""
    rows = run_rows(viewer=viewer, run_id=run_id, spec=spec, labels=labels, **filters)
    return in_readers_order(rows, spec.order)


# No column of any table: a contract's label (its name or alias, as the viewer may see it), what a sum leaves out.
_MADE_UP = frozenset({"label", "left_out_words"})


def sees_column(viewer: Viewer, resource: str) -> Callable[[str], bool]:
    """Whether the viewer sees a column of the resource in full on every row. What the table lacks is made up here."""

    def is_seen(name: str) -> bool:
        if name in _MADE_UP:
            return True
        probe = object()
        return see(viewer, resource, name, probe) is probe

    return is_seen


def listed(
    *,
    request: HttpRequest,
    chosen: ChosenRun,
    spec: ListSpec,
    rows: Sequence[Row],
    is_filterable: Callable[[str], bool],
) -> Listing:
    """The list as the address asks for it. Http404 for a sort or filter by a column the viewer does not see."""
    try:
        return read_list(
            spec=spec, rows=rows, params=request.GET.dict(), kept=dict(chosen.asked), is_filterable=is_filterable
        )
    except HiddenColumn:
        raise Http404 from None


def list_context(
    *,
    request: HttpRequest,
    listing: Listing,
    year: int | None,
    link: Link | None = None,
    total_label: str = "Total",
    guard: Callable[[Any], Any] = lambda value: value,
    extra: Callable[[Row], Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """What lists/_list.html shows. extra: more for a row's template (a bar, a pill), by row."""
    prefix = listing.spec.prefix
    page = Paginator(listing.rows, listing.spec.rows_per_page).get_page(request.GET.get(prefix + "page"))
    more = extra or (lambda row: {})
    base = listing.link()
    return {
        "name": listing.spec.name,
        "title": listing.spec.title,
        "heads": heads(listing),
        "rows": [{"cells": cells(listing, row, year=year, link=link), **more(row)} for row in page.object_list],
        "totals": written_totals(listing, label=total_label, guard=guard),
        "left_out": left_out(listing),
        "hidden": ", ".join(column.label for column in listing.hidden),
        "page": page,
        "pager_base": (base + "&" if base != "?" else "?") + prefix,
        "csv_url": listing.link(format="csv", table=listing.spec.name),
        "count": len(listing.rows),
        "all_count": listing.all_rows,
        "is_filtered": listing.is_filtered,
        "clear_url": _clear_url(listing),
        "empty": listing.spec.empty,
    }


def _clear_url(listing: Listing) -> str:
    cleared = {choice.name: "" for choice in listing.choices}
    return listing.link(q="", **cleared)


def controls(*listings: Listing) -> dict[str, Any]:
    """The filter form of a page: the choices of all its lists, each once, and what the form must carry on."""
    first = listings[0]
    choices: dict[str, Choice] = {}
    for listing in listings:
        for choice in listing.choices:
            known = choices.get(choice.name)
            options = choice.options if known is None else tuple(sorted({*known.options, *choice.options}))
            choices[choice.name] = replace(choice, options=options)
    kept = dict(first.kept)
    for listing in listings:
        if listing.sort and listing.sort != listing.spec.sort:
            kept[listing.spec.prefix + "sort"] = listing.sort
    return {"choices": list(choices.values()), "q": first.q, "kept": kept.items()}


def asks_for_file(request: HttpRequest, spec: ListSpec, *, is_default: bool = True) -> bool:
    """Whether the address asks for this list as a file (`format=csv`, and `table=` where a page has several)."""
    table = request.GET.get("table", "")
    return request.GET.get("format") == "csv" and (table == spec.name or (is_default and not table))


def list_file(request: HttpRequest, chosen: ChosenRun, listing: Listing) -> HttpResponse:
    """The list as a file, with an audit row: who took what out, of which run."""
    run_id = chosen.run_id if chosen.run else 0
    record_event(
        request=request,
        action="exported",
        subject=f"{listing.spec.name} of run {run_id}",
        detail={"rows": len(listing.rows), "columns": [column.name for column in listing.columns]},
    )
    return csv_response(listing=listing, file_name=f"{listing.spec.name}-run-{run_id}")


def run_line(chosen: ChosenRun, *, now: datetime) -> dict[str, Any]:
    """Which run the page stands on, in words: for the muted part of the heading."""
    run = chosen.run
    if run is None:
        return {"text": "no plan yet", "url": ""}
    solved = _time_text(run, now)
    text = f"run {run.pk}, solved {solved}" if solved else f"run {run.pk}"
    if run.as_of_date is not None:
        text += f", inputs as of {figures.day(run.as_of_date, year=now.year)}"
    if chosen.review_week:
        text = f"review {chosen.review_week}, {text}"
    return {"text": text, "url": reverse("run", args=[run.pk]), "is_past": bool(chosen.asked)}


def _time_text(run: Run, now: datetime) -> str:
    if run.finished_at is None:
        return ""
    return f"{figures.day(run.finished_at, year=now.year)} {run.finished_at:%H:%M}"


def figure_links(run_id: int, prefix: str) -> dict[str, str]:
    """key after the prefix → address of the figure, for every figure of the run that starts so. One query."""
    keys = RunFigure.objects.filter(run_id=run_id, key__startswith=prefix).values_list("key", flat=True)
    return {key.removeprefix(prefix): reverse("figure", args=[run_id, key]) for key in keys}

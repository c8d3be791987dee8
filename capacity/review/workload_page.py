"""The workload map as a matrix, and its sums beside the plan's, as one viewer may see them.

What belongs here: reading the map's rows of one week and putting them in words. The sums are map_sums', the list of
cards and the requests are views_workloads', one card is workload_card.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.urls import reverse

from capacity.access.visibility import Viewer, see
from capacity.allocation.models import RunAllocation, RunPoolWeek
from capacity.lib.figures import NOTHING, RESTRICTED, UNKNOWN_COST, Absent, points, share, thousands, usd, usd_exact
from capacity.review.list_specs_map import MATRIX
from capacity.review.listing import Listing, read_list
from capacity.review.map_sums import (
    SERVING_COLUMNS,
    Cell,
    Matrix,
    Reconciliation,
    Size,
    dimension_rows,
    matrix_of,
    plan_usd,
    sizes_by_workload,
)
from capacity.review.models import Review, RunFigure
from capacity.review.tables import Row
from capacity.review.words import word
from workloads.models import RunWorkloadUse

NO_CARD = ""
NOT_KNOWN = Absent("not known", "unknown", "No tokens or no cost of these workloads is known.")


def sizes_of_week(*, run_id: int, week: str) -> dict[str, Size]:
    """What each workload takes in a week of the run, "" for no card. Empty of runs before the map was kept. One query."""
    rows = RunWorkloadUse.objects.filter(run_id=run_id, week=week).values("workload_key", "accelerators", "usd")
    return sizes_by_workload(rows)


def reconciliation_of(*, run_id: int, week: str, sizes: Mapping[str, Size]) -> Reconciliation:
    """The map's sums of a week beside those of the plan's allocations and envelopes. Two queries."""
    given = RunAllocation.objects.filter(run_id=run_id, week=week).aggregate(total=Sum("accelerators"))["total"]
    pools = RunPoolWeek.objects.filter(run_id=run_id, week=week).values("envelope_parts", *SERVING_COLUMNS)
    return Reconciliation(
        mapped=sum(sizes.values(), Size()), planned=Size(accelerators=given or 0, usd=plan_usd(pools))
    )


def sees_total(viewer: Viewer) -> bool:
    """Whether they read what all serving costs: with the workloads' own costs it tells those of contracts without a card."""
    return see(viewer, "pool_week", "envelope_usd", 0) == 0


def sees_usd(viewer: Viewer) -> bool:
    return see(viewer, "workload_use", "usd", 0) == 0


def reconciled(viewer: Viewer, found: Reconciliation, *, run_id: int) -> Row:
    """{sentence, is_same}: whether the map says what the plan says. Dollars only for whoever reads them all."""
    mapped, planned = found.mapped, found.planned
    has_money = sees_total(viewer)
    is_same = found.has_same_accelerators and (found.has_same_usd or not has_money)
    said = _size_words(mapped, has_money)
    if is_same:
        sentence = f"Reconciles with run {run_id}: {said}; the plan's serving rows say the same."
    else:
        sentence = (
            f"Does not reconcile with run {run_id}: the map says {said}, "
            f"the plan's serving rows {_size_words(planned, has_money)}."
        )
    if has_money and mapped.usd is None:
        sentence += " A pool has no complete cost rate: add a dated one."
    return {"sentence": sentence, "is_same": is_same}


def _size_words(size: Size, has_money: bool) -> str:
    words = f"{thousands(size.accelerators)} accelerators"
    if not has_money:
        return words
    return f"{words}, {'cost not known' if size.usd is None else usd_exact(size.usd) + ' a week'}"


# --- the matrix ---------------------------------------------------------------------------------------------------


def matrix_context(viewer: Viewer, listing: Listing, sizes: Mapping[str, Size]) -> Row:
    """Heads and rows of the matrix over the cards listed; with all cards listed, what is of no card stands below them."""
    matrix = matrix_of(listing.rows, sizes)
    none = None if listing.is_filtered else sizes.get(NO_CARD)
    largest = max((_weight(viewer, cell) for by in matrix.cells.values() for cell in by.values()), default=0.0)
    return {
        "purposes": [word("purpose", purpose) for purpose in matrix.purposes],
        "rows": [_matrix_row(viewer, matrix, place) for place in matrix.cells],
        "no_card": None if none is None else _written(viewer, Cell(size=none), is_all=True),
        "totals": [
            {"purpose": word("purpose", purpose), **_written(viewer, matrix.total(purpose=purpose))}
            for purpose in matrix.purposes
        ],
        "total": _written(
            viewer, replace(matrix.total(), size=matrix.total().size + (none or Size())), is_all=none is not None
        ),
        "largest": largest,
        "has_usd": sees_usd(viewer),
        "csv_url": listing.link(format="csv", table=MATRIX.name),
    }


def _matrix_row(viewer: Viewer, matrix: Matrix, place: tuple[str, str]) -> Row:
    tier, latency = place
    return {
        "tier": word("model_tier", tier),
        "latency": word("latency_class", latency),
        "cells": [
            {"purpose": word("purpose", purpose), **_written(viewer, matrix.cells[place][purpose])}
            if purpose in matrix.cells[place]
            else {"purpose": word("purpose", purpose)}
            for purpose in matrix.purposes
        ],
        "total": _written(viewer, matrix.total(place=place)),
    }


def _written(viewer: Viewer, cell: Cell, *, is_all: bool = False) -> Row:
    """is_all: with what is of no card in it."""
    return {
        "accelerators": thousands(cell.size.accelerators),
        "usd": _usd(viewer, cell.size.usd, is_all=is_all),
        "weight": _weight(viewer, cell),
        "unsized": cell.unsized,
        # What has no size takes an unknown number, not none.
        "is_known": not cell.workloads or cell.unsized < cell.workloads,
        "is_there": True,
    }


def _usd(viewer: Viewer, value: Decimal | None, *, is_all: bool) -> str | Absent:
    if not (sees_total(viewer) if is_all else sees_usd(viewer)):
        return RESTRICTED
    return UNKNOWN_COST if value is None else usd(value)


def _weight(viewer: Viewer, cell: Cell) -> float:
    """The length of a cell's bar: its dollars, or accelerators where those are hidden or not known."""
    return float(cell.size.usd if sees_usd(viewer) and cell.size.usd is not None else cell.size.accelerators)


def matrix_listing(viewer: Viewer, listing: Listing, sizes: Mapping[str, Size]) -> Listing:
    """The matrix by owner too, as a list for its file."""
    rows: list[Row] = dimension_rows(listing.rows, sizes)
    if not listing.is_filtered and NO_CARD in sizes:
        none = sizes[NO_CARD]
        rows.append(
            {
                **dict.fromkeys(("latency_class", "purpose", "owner_role"), ""),
                "model_tier": "no_card",
                "workloads": 0,
                "accelerators": none.accelerators,
                "usd": none.usd if sees_total(viewer) else RESTRICTED,
            }
        )
    for row in rows:
        if not sees_usd(viewer):
            row["usd"] = RESTRICTED
        elif row["usd"] is None:
            row["usd"] = UNKNOWN_COST
    return read_list(spec=MATRIX, rows=rows, params={}, kept={}, is_filterable=lambda name: True)


# --- what frontier models take ------------------------------------------------------------------------------------

SHARE = "share:frontier_"
_SHARES = ("tokens", "usd")


def previous_run(week: str) -> int | None:
    """The run of the last review frozen before a week; None without one. One query."""
    return Review.objects.filter(week__lt=week).order_by("-week").values_list("run_id", flat=True).first()


def frontier_rows(viewer: Viewer, *, run_id: int, previous_id: int | None) -> list[Row]:
    """Frontier models' share of tokens and of cost, of all and by purpose, with its change since the last review.

    Empty where the reader sees neither, and of runs from before it was kept. One query.
    """
    runs = [run_id] if previous_id is None else [run_id, previous_id]
    stored = RunFigure.objects.filter(run_id__in=runs, key__startswith=SHARE).order_by("position")
    values: dict[tuple[int, str], Any] = {}
    for each in stored.values("run_id", "key", "value", "absent", "resource", "field"):
        seen = see(viewer, each["resource"], each["field"], each["value"])
        if seen is not RESTRICTED:
            values[each["run_id"], each["key"].removeprefix(SHARE)] = seen
    parts = dict.fromkeys(key.partition(":")[2] for run, key in values if run == run_id)
    return [
        {
            "name": word("purpose", purpose) if purpose else "All",
            "shares": [_share(values, what, purpose, run_id, previous_id) for what in _SHARES],
        }
        for purpose in parts
    ]


def _share(values: Mapping[tuple[int, str], Any], what: str, purpose: str, run_id: int, previous_id: int | None) -> Row:
    key = f"{what}:{purpose}" if purpose else what
    if (run_id, key) not in values:
        return {"text": NOTHING}
    now = values[run_id, key]
    before = None if previous_id is None else values.get((previous_id, key))
    is_known = isinstance(now, Decimal)
    return {
        "text": share(now) if is_known else NOT_KNOWN,
        "url": reverse("figure", args=[run_id, SHARE + key]),
        "change": points(now - before) if is_known and isinstance(before, Decimal) else "",
    }

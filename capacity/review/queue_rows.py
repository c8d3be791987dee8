"""A solved plan → the queue: every approved request with its score, its parts, its rank and who stands ahead. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from typing import Any

from capacity.allocation.domain.problem import Placement
from capacity.imports.rows import decimal_text
from capacity.review.fairness_rows import since, waited_weeks
from capacity.review.plan_rows import PlanRows
from workloads.domain.fair_share import TeamShare
from workloads.domain.queue import Queued, QueueFacts, rank, score, who_is_ahead
from workloads.request_weights import overrides_on, team_shares

Row = dict[str, Any]


def queue_rows(rows: PlanRows) -> list[Row]:
    """In the order of the queue. Running requests hold their place and stand in no queue."""
    shares = team_shares(tables=rows.tables, policy=rows.plan.policy)
    overrides = overrides_on(tables=rows.tables, day=rows.plan.inputs.as_of)
    waited, submitted = waited_weeks(rows), since(rows)
    ranked = rank(
        _facts(rows, key, shares, overrides, waited, submitted)
        for key, row in rows.experiments.items()
        if row["state"] != "running" and key in rows.requests
    )
    ahead = who_is_ahead([_queued(rows, each) for each in ranked])
    places = first_places(rows)
    found = []
    for position, each in enumerate(ranked, start=1):
        row, place = rows.experiments[each.key], places.get(each.key)
        points, parts = score(each)
        found.append(
            {
                **rows.request_columns(each.key),
                "tier": each.tier,
                "rank": position,
                "score": points,
                "parts": [{"name": part.name, "points": part.points} for part in parts],
                "ahead_requests": sum(one.requests for one in ahead[each.key]),
                "ahead": [
                    {"class": one.class_, "requests": one.requests, "accelerator_weeks": one.accelerator_weeks}
                    for one in ahead[each.key]
                ],
                "start_week": "" if place is None else place.start.key,
                "pool_key": "" if place is None else place.pool,
                "accelerators": row["accelerators"],
                "weeks": row["weeks"],
                "submitted_date": each.submitted_at.date(),
                "waited_weeks": each.waited_weeks,
                "override": _override(overrides.get(each.key)),
            }
        )
    return found


def first_places(rows: PlanRows) -> dict[str, Placement]:
    """Request → its earliest placement; of one cut into parts the largest of the first week."""
    found: dict[str, Placement] = {}
    for each in sorted(rows.plan.solution.placements, key=lambda one: (one.start, -one.accelerators, one.pool)):
        found.setdefault(each.key, each)
    return found


def _facts(
    rows: PlanRows,
    key: str,
    shares: Mapping[str, TeamShare],
    overrides: Mapping[str, Mapping[str, Any]],
    waited: Mapping[str, int],
    submitted: Mapping[str, datetime],
) -> QueueFacts:
    row = rows.experiments[key]
    override = overrides.get(key)
    return QueueFacts(
        key=key,
        tier=rows.requests[key].tier,
        deficit=shares[row["team"]].deficit,
        waited_weeks=waited.get(key, 0),
        informs_decision=bool(row["informs_decision"].strip()),
        has_outcome=bool(row["customer_outcome"].strip()),
        has_metric=bool(row["intended_metric"].strip()),
        submitted_at=submitted.get(key) or datetime.combine(rows.plan.inputs.as_of, time(), UTC),
        override=None if override is None else override["weight"],
    )


def _queued(rows: PlanRows, facts: QueueFacts) -> Queued:
    row, request = rows.experiments[facts.key], rows.requests[facts.key]
    return Queued(
        key=facts.key,
        class_=facts.tier,
        pools=frozenset(pool for option in request.options for pool in option.pools),
        accelerator_weeks=row["accelerators"] * row["weeks"],
    )


def _override(row: Mapping[str, Any] | None) -> Row | None:
    if row is None:
        return None
    return {
        "key": row["key"],
        "weight": decimal_text(row["weight"]),
        "decision": row["decision_number"],
        "ends": row["ends_date"].isoformat(),
    }

"""What an accelerator-week of each request weighs in the plan: its team's fair share, or a decision. Pure: rows in.

The weight comes from a run's own rows and its day and from nothing newer (methods: Fair share).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.decisions.policy import Policy
from workloads.domain.fair_share import TeamShare, fair_shares

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]


def team_shares(*, tables: Rows, policy: Policy) -> dict[str, TeamShare]:
    """Team → its share by the hours of `team_hours`; of rows without that table, nobody's hours are known."""
    hours: dict[str, Decimal] = {}
    for row in tables.get("team_hours", ()):
        hours[row["team"]] = hours.get(row["team"], Decimal(0)) + row["hours"]
    shares = fair_shares(
        weights={row["key"]: row["weight"] for row in tables["teams"]},
        used_hours=hours or None,
        limit=policy.deficit_limit_share,
    )
    return {share.team: share for share in shares}


def overrides_on(*, tables: Rows, day: date) -> dict[str, Row]:
    """Request → the override in force that day: decided, and of several the one that started last, then the last key."""
    rows = [
        row
        for row in tables.get("priority_overrides", ())
        if row["is_decided"] and row["starts_date"] <= day < row["ends_date"]
    ]
    return {row["experiment"]: row for row in sorted(rows, key=lambda row: (row["starts_date"], row["key"]))}


def request_weights(*, tables: Rows, policy: Policy, as_of: date) -> dict[str, Decimal]:
    """Request → its weight: an override's, else its team's engine weight."""
    shares, overrides = team_shares(tables=tables, policy=policy), overrides_on(tables=tables, day=as_of)
    return {
        row["key"]: overrides[row["key"]]["weight"] if row["key"] in overrides else shares[row["team"]].engine_weight
        for row in tables["experiments"]
    }

"""The figure of teams that are starved of accelerators: how many, each with the sentence that says why. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from capacity.review.figure_terms import figure, term
from capacity.review.metric_sums import Tables

STARVED = "total:starved_teams"
_SIGHT = ("team_share", "alarm")


def starved_teams(tables: Tables) -> dict[str, Any]:
    """Teams with an alarm: a request without a place for longer than the policy's weeks, or too little used as long."""
    starved = [row for row in tables["teams"] if row["alarm"]]
    return figure(
        key=STARVED,
        label="Teams starved of accelerators",
        value=Decimal(len(starved)),
        unit="teams",
        formula="Teams of which a request has had no place for more than the policy's weeks, or that used less than the "
        "policy's share of their entitlement for as many weeks while they asked",
        terms=[
            term(row["team_name"], row["sentence"], "", "fair share", _SIGHT, input_row=("teams", row["team_key"]))
            for row in starved
        ],
        anchor="fair-share",
        basis="on the day of the plan",
        state="bad" if starved else "good",
        threshold="> 0",
        sight=_SIGHT,
    )

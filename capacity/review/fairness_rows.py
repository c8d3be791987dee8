"""A solved plan → one row a team: its fair share on the day of the run, what it asks for and has, and its alarm. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.lib.figures import counted, share, thousands
from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import exact
from capacity.review.plan_rows import PlanRows
from workloads.domain.fair_share import BELOW_SHARE, TRAILING_WEEKS, UNPLACED, TeamShare, starvation, weeks_below
from workloads.request_weights import team_shares

Row = dict[str, Any]
DAYS_PER_WEEK = 7


def waited_weeks(rows: PlanRows) -> dict[str, int]:
    """Request → whole weeks since it was submitted, on the day of the run; of those whose day is known."""
    return {key: max(0, (rows.plan.inputs.as_of - at.date()).days // DAYS_PER_WEEK) for key, at in since(rows).items()}


def since(rows: PlanRows) -> dict[str, datetime]:
    """Request → when it was submitted."""
    return {row["experiment"]: row["submitted_at"] for row in rows.tables.get("waiting_since", ())}


def trailing_weeks(rows: PlanRows) -> list[Week]:
    """The 13 whole weeks before the day of the run."""
    end = Week.containing(rows.plan.inputs.as_of)
    return [end.plus(offset) for offset in range(-TRAILING_WEEKS, 0)]


def team_rows(rows: PlanRows) -> list[Row]:
    """Every team, and the hours of jobs that name none."""
    hours = rows.tables.get("team_hours", [])
    shares = team_shares(tables=rows.tables, policy=rows.plan.policy)
    found = [_team(rows, share_of, hours) for share_of in shares.values()]
    nobody = sum((row["hours"] for row in hours if row["team"] not in shares), Decimal(0))
    return [*found, _no_team(nobody)] if nobody else found


def _team(rows: PlanRows, team: TeamShare, hours: Sequence[Mapping[str, Any]]) -> Row:
    policy, waits = rows.plan.policy, waited_weeks(rows)
    own = {key: row for key, row in rows.experiments.items() if row["team"] == team.team}
    # What runs and is recalled waits for nothing: the preemption ledger tells it.
    unplaced = [each.key for each in rows.plan.solution.unplaced if each.key in own and each.key not in rows.runs]
    waiting = {key: waits[key] for key in unplaced if key in waits}
    by_week = weekly_shares(hours, team=team.team, weeks=trailing_weeks(rows))
    demanding = [_demands(own, week, since(rows)) for week in trailing_weeks(rows)]
    below = exact(policy.starvation_share)
    short = weeks_below(shares_by_week=by_week, entitled=team.entitled, demanding=demanding, below=below)
    alarm = starvation(waits=waiting.values(), below_weeks=short, weeks=policy.starvation_weeks)
    return {
        "team_key": team.team,
        "team_name": rows.teams[team.team],
        "weight": team.weight,
        "entitled_share": to_decimal(team.entitled),
        "used_hours": team.used_hours,
        "used_share": None if team.used is None else to_decimal(team.used),
        "deficit_share": None if team.deficit is None else to_decimal(team.deficit),
        "engine_weight": team.engine_weight,
        "hours_known_weeks": sum(each is not None for each in by_week),
        "requested_accelerator_weeks": sum(row["accelerators"] * row["weeks"] for row in own.values()),
        "placed_accelerator_weeks": sum(
            each.accelerators * each.weeks for each in rows.told_placements if each.key in own
        ),
        "waiting_requests": len(unplaced),
        "longest_wait_weeks": max(waiting.values(), default=None),
        "below_half_weeks": short,
        "alarm": alarm,
        "sentence": _alarm_sentence(rows, alarm, waiting, short, below),
    }


def weekly_shares(hours: Sequence[Mapping[str, Any]], *, team: str, weeks: Sequence[Week]) -> list[Fraction | None]:
    """The team's part of the hours that teams used, by week; None in a week nobody counted."""
    whole: dict[str, Fraction] = defaultdict(Fraction)
    own: dict[str, Fraction] = defaultdict(Fraction)
    for row in hours:
        if row["team"]:
            whole[row["week"]] += exact(row["hours"])
        if row["team"] == team:
            own[row["week"]] += exact(row["hours"])
    return [own[week.key] / whole[week.key] if whole[week.key] else None for week in weeks]


def _demands(own: Mapping[str, Mapping[str, Any]], week: Week, submitted: Mapping[str, datetime]) -> bool:
    """Whether a request of theirs could have run in the week and did not yet."""
    return any(
        submitted[key] < week.plus(1).starts_at
        and row["earliest_start_date"] < week.end
        and (row["started_date"] is None or row["started_date"] >= week.end)
        for key, row in own.items()
        if key in submitted
    )


def _alarm_sentence(rows: PlanRows, alarm: str, waiting: Mapping[str, int], short: int, below: Fraction) -> str:
    if alarm == UNPLACED:
        key = max(sorted(waiting), key=lambda each: waiting[each])
        return f"{rows.experiments[key]['name']} ({key}) has waited {counted(waiting[key], 'week')} and has no place."
    if alarm == BELOW_SHARE:
        return f"Under {share(to_decimal(below))} of its share for {counted(short, 'week')} while it had requests."
    return ""


def _no_team(hours: Decimal) -> Row:
    return {
        "team_key": "",
        "team_name": "No team",
        "weight": Decimal(0),
        "entitled_share": Decimal(0),
        "used_hours": hours,
        "used_share": None,
        "deficit_share": None,
        "engine_weight": Decimal(1),
        "hours_known_weeks": 0,
        "requested_accelerator_weeks": 0,
        "placed_accelerator_weeks": 0,
        "waiting_requests": 0,
        "longest_wait_weeks": None,
        "below_half_weeks": 0,
        "alarm": "",
        "sentence": f"Jobs of {thousands(hours)} accelerator-hours name no team, so they count for nobody: add the team.",
    }

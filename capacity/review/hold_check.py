"""Whether deals may hold accelerators: what is held, and everything above it, against every pool and week.

Composes what a run composes (inputs → prepared plan) with the change in it and asks the engine about the tier of
holds. What follows from the answer, and the locks, are contracts/holding.py's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from fractions import Fraction
from math import ceil
from typing import Any

from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.room import Unmet, unmet_of_tier
from capacity.decisions.policy import NoPolicyInForce, Policy
from capacity.imports.rows import Row
from capacity.lib.units import ceil_fraction, exact
from capacity.review.compute import HOLDS, PreparedPlan, prepare_inputs
from capacity.review.inputs import Inputs, read_inputs
from contracts.domain.workflow import PIPELINE
from contracts.holding import Planned, Room, ShortWeek, longest_hold

NO_TIER = 'The policy in force has no tier "holds": nothing can be held before it is signed.'


def room_for_holds(*, change: Planned, as_of: date) -> Room:
    """Where the change would leave something held short. Reads the inputs as the current transaction sees them.

    A new hold and those there are, each ÷ the policy's share of the room, must fit (methods: Holds).
    """
    before = read_inputs(as_of=as_of)
    try:
        policy = before.policy
    except NoPolicyInForce as error:
        return Room() if change.signs else Room(refusal=str(error))
    if policy.tier_of(HOLDS) is None:
        return Room() if change.signs else Room(refusal=NO_TIER)
    if not change.signs:
        assert change.expires_date is not None
        latest = longest_hold(weeks=policy.hold_weeks_ahead, today=as_of)
        if change.expires_date > latest:
            sentence = f"A hold lasts {policy.hold_weeks_ahead} weeks at most: until {latest}."
            return Room(refusal=sentence, field="expires_date")
    after = _prepared(replace(before, tables=_changed(before.tables, change, as_of)))
    mine = _demands_of(after, change)
    if not change.signs and not mine:
        return Room(refusal=_why_unsized(after, change))
    return Room(short=_short(before, after, policy, change, mine))


def _prepared(inputs: Inputs) -> PreparedPlan:
    return prepare_inputs(inputs=inputs, progress=lambda _stage, _share: None)


def _changed(tables: Mapping[str, list[Row]], change: Planned, as_of: date) -> dict[str, list[Row]]:
    """The tables as they would be."""
    place = (change.contract, change.version)
    holds = [row for row in tables["holds"] if (row["contract"], row["contract_version"]) != place]
    if change.signs:
        contracts = [
            row | {"state": "signed"} if (row["key"], row["version"]) == place else row for row in tables["contracts"]
        ]
        return {**tables, "holds": holds, "contracts": _cut(_counting(contracts, holds), place)}
    new: dict[str, Any] = {
        "key": "new",
        "contract": change.contract,
        "contract_version": change.version,
        "probability": change.probability,
        "granted_date": as_of,
        "expires_date": change.expires_date,
        "state": "granted",
        "ended_date": None,
    }
    holds = [*holds, new]
    return {**tables, "holds": holds, "contracts": _counting(tables["contracts"], holds)}


def _counting(contracts: Sequence[Row], holds: Sequence[Row]) -> list[Row]:
    """Without the deals that hold nothing: no plan serves them, and sizing them takes time."""
    held = {(row["contract"], row["contract_version"]) for row in holds}
    return [row for row in contracts if row["state"] not in PIPELINE or (row["key"], row["version"]) in held]


def _cut(contracts: list[Row], place: tuple[str, int]) -> list[Row]:
    """An amendment ends the version before it as it starts."""
    starts = next((row["starts_date"] for row in contracts if (row["key"], row["version"]) == place), None)
    return [
        row | {"ends_date": starts}
        if starts
        and row["key"] == place[0]
        and row["version"] != place[1]
        and row["starts_date"] < starts < row["ends_date"]
        else row
        for row in contracts
    ]


def _demands_of(plan: PreparedPlan, change: Planned) -> set[str]:
    """The demand keys that the change is about."""
    contracts = plan.contracts if change.signs else plan.deals
    keys = {
        each.demand_key
        for each in contracts
        if (each.row["key"], each.row["version"]) == (change.contract, change.version)
    }
    return keys & {each.key for each in plan.problem.serving}


def _weeks_of(plan: PreparedPlan, change: Planned) -> set[int]:
    """The weeks that meet its term: where it rounds to nothing itself, it may still push another over the ceiling."""
    return {
        index
        for each in (*plan.contracts, *plan.deals)
        if (each.row["key"], each.row["version"]) == (change.contract, change.version)
        for index, days in enumerate(each.days)
        if days
    }


def _why_unsized(plan: PreparedPlan, change: Planned) -> str:
    found = [each.sentence for each in plan.unsized if each.kind == "contract" and each.key == change.contract]
    return found[0] if found else "The deal's term lies outside the weeks that are planned: it has nothing to hold."


def _short(
    before: Inputs, after: PreparedPlan, policy: Policy, change: Planned, mine: set[str]
) -> tuple[ShortWeek, ...]:
    """The weeks that the change touches in which more of what is held is unmet than without it."""
    share = Fraction(1) if change.signs else exact(policy.hold_room_share)
    problem = _enlarged(after.problem, share)
    weeks = _weeks_of(after, change) if mine else set()
    if not any(each.tier == HOLDS for each in problem.serving) or not weeks:
        return ()
    found = {
        week: row for week, row in unmet_of_tier(problem=problem, tier=HOLDS, weeks=weeks).items() if row.accelerators
    }
    if not found:
        return ()
    tables = {**before.tables, "contracts": _counting(before.tables["contracts"], before.tables["holds"])}
    was = _enlarged(_prepared(replace(before, tables=tables)).problem, share)
    had = unmet_of_tier(problem=was, tier=HOLDS, weeks=found) if any(d.tier == HOLDS for d in was.serving) else {}
    short = []
    for week, row in sorted(found.items()):
        more = row.accelerators - (had[week].accelerators if week in had else 0)
        if more > 0:
            short.append(_where(problem, week, row, ceil_fraction(more * share), mine))
    return tuple(short)


def _enlarged(problem: Problem, share: Fraction) -> Problem:
    """Holds ÷ the share of the room they may take: where those fit, the holds themselves take no more than it."""
    if share == 1:
        return problem
    return replace(
        problem,
        serving=tuple(
            replace(each, work=tuple(Fraction(work) / share for work in each.work)) if each.tier == HOLDS else each
            for each in problem.serving
        ),
    )


def _where(problem: Problem, week: int, unmet: Unmet, accelerators: int, mine: set[str]) -> ShortWeek:
    """The pool in which least is missing: of those that serve the deal, the one with most accelerators left."""
    demands = [each for each in problem.serving if each.key in (mine & unmet.demands.keys() or unmet.demands.keys())]
    pools = sorted({option.pool for each in demands for option in each.options})
    pool = max(pools, key=lambda key: (unmet.free.get(key, 0), key), default="")
    node = next((each.node_size for each in problem.pools if each.key == pool), 1)
    # In whole nodes: no finer than room is given, and all that sales need to know.
    whole = max(1, ceil(accelerators / node)) * node
    return ShortWeek(week=problem.first_week.plus(week).key, pool=pool, accelerators=whole)

"""Work that already runs, and starts already promised: placed first, what runs before what is promised, in tier
and key order.

What belongs here: which pins fit together on supply and floors, and the issue for each that does not.
"""

from __future__ import annotations

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.solution import Issue


def place_pinned(arrays: Arrays) -> tuple[Plan, list[Issue]]:
    """The plan that holds every pin that fits, and an issue for each that does not."""
    use = ExperimentUse(arrays)
    gangs: dict[int, Column] = {}
    issues = []
    for e in _order(arrays):
        column = arrays.experiments[e].pinned
        assert column is not None
        if use.fits(column):
            use.add(column)
            gangs[e] = column
        else:
            issues.append(_pin_issue(arrays, use, column))
    return Plan(gangs=gangs), issues


def _order(arrays: Arrays) -> list[int]:
    """Pinned experiments, what runs first, then by tier and key."""
    ranks = [
        (request.pinned.promised, arrays.experiments[e].tier, e)
        for e, request in enumerate(arrays.problem.experiments)
        if request.pinned is not None
    ]
    return [e for _, _, e in sorted(ranks)]


def _pin_issue(arrays: Arrays, use: ExperimentUse, column: Column) -> Issue:
    free, week = min((use.free_for(column, week), week) for week in range(column.first, column.last))
    return Issue(
        code="pinned_does_not_fit",
        key=arrays.experiments[column.experiment].key,
        pool=arrays.problem.pools[column.pool].key,
        week=arrays.problem.first_week.plus(week),
        accelerators=column.accelerators,
        supply=max(0, free),
    )

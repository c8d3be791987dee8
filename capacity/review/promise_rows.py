"""What a plan says of the starts that the last held review promised: those it cannot keep, and what they stand in the way of.

Pure. Sentences name requests and pools only. (methods: Promised starts)
"""

from __future__ import annotations

from capacity.allocation.domain.solution import Issue, Unplaced
from capacity.lib.figures import thousands, week
from capacity.review.plan_rows import PlanRows
from capacity.review.plan_serving import Row
from workloads.demand import domains_of
from workloads.promises import Promise, is_there, promises_by_key

NOT_KEPT = "promise_not_kept"
BLOCKED = "blocked_by_running"


def promise_issues(rows: PlanRows) -> list[Row]:
    """One issue a promised start that is still asked for and whose pool, network domain or links are no more."""
    found = []
    for key, promise in sorted(promises_by_key(rows.tables).items()):
        row = rows.experiments.get(key)
        if row is None or key in rows.promises or not promise.is_asked(row):
            continue
        is_gone = promise.pool not in rows.pools or not is_there(promise, domains_of(rows.tables, promise.pool))
        if is_gone:
            what = "which is no more" if promise.pool not in rows.pools else f"whose domain {promise.domain} is no more"
            sentence = f"{_promised(rows, promise)}, {what}: the plan places it like any other request."
            found.append({"code": NOT_KEPT, "subject": key, "sentence": sentence})
    return found


def unkept_issue(rows: PlanRows, issue: Issue) -> Row:
    """The engine's issue of a pin that does not fit, of a promised start."""
    promise, at = rows.promises[str(issue.key)], issue.week or rows.weeks[0]
    return {
        "code": NOT_KEPT,
        "subject": f"{issue.key} {at.key}",
        "sentence": (
            f"{_promised(rows, promise)}, but the week of {week(at, year=rows.horizon.start.year)} has only "
            f"{thousands(issue.supply or 0)} left there. It has no place until the room is back, its request is changed, "
            "or the next review is held."
        ),
    }


def blocking_words(rows: PlanRows, each: Unplaced) -> str:
    """Who holds the accelerators where promised starts are among what is pinned there; "" where none is."""
    if each.reason != BLOCKED:
        return ""
    found = sorted(blocker.key for blocker in each.blockers if blocker.key in rows.promises)
    if not found:
        return ""
    by = rows.promises[found[0]].by(rows.horizon.start.year)
    if any(blocker.key in rows.runs for blocker in each.blockers):
        return f"Work that already runs, and a start that {by} promised ({found[0]}), hold the accelerators"
    return f"A start that {by} promised ({found[0]}) holds the accelerators"


def _promised(rows: PlanRows, promise: Promise) -> str:
    year = rows.horizon.start.year
    pool = rows.pools[promise.pool]["name"] if promise.pool in rows.pools else promise.pool
    by = promise.by(year)
    return (
        f"{promise.key} was promised {thousands(promise.accelerators)} accelerators of {pool} from "
        f"{week(promise.start, year=year)} by {by}"
    )

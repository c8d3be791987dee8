"""What a plan says of work that runs: what is past its end, and what of preemptible work it recalls. Pure.

Sentences name requests and pools only; the ledger of what yields is preemption_rows'.
"""

from __future__ import annotations

from capacity.lib.figures import counted, day, thousands, week
from capacity.review.plan_rows import PlanRows
from capacity.review.plan_serving import Row
from workloads.running import Run

PAST_ITS_END = "runs_past_its_end"


def overdue_issues(rows: PlanRows) -> list[Row]:
    """One issue a request that still runs after the weeks it asked for."""
    return [
        {"code": PAST_ITS_END, "subject": key, "sentence": _past(rows, run)}
        for key, run in sorted(rows.runs.items())
        if run.weeks_past is not None
    ]


def _past(rows: PlanRows, run: Run) -> str:
    since, year = day(run.end.monday, year=rows.horizon.start.year), rows.horizon.start.year
    past = f"{counted(run.weeks_past, 'week')} past" if run.weeks_past else "past"
    held = (
        f"may keep its {thousands(run.accelerators)} accelerators"
        if run.is_preemptible
        else f"keeps its {thousands(run.accelerators)} accelerators"
    )
    return (
        f"{run.key} runs {past} its end (over since {since}): extend "
        f"it or end it. Until then it {held} in the plan's first week, {week(run.here, year=year)}, and no longer."
    )

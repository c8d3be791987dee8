"""How one request stands in the queue, what it was granted and used, and which requests have ended, in words.

Rows come as their reader may see them; the queue's own page is queue_page's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Subquery

from capacity.access.visibility import ContractLabel, Viewer, redact
from capacity.lib.figures import RESTRICTED, Absent, counted, day, share, thousands, week
from capacity.lib.horizon import Week
from capacity.review.actuals_page import ABOVE, grant_rows
from capacity.review.queue_page import queue_list_rows
from capacity.review.tables import Row
from workloads.domain.request_workflow import FINAL
from workloads.models import Experiment, RequestMove

# What has ended lately; the whole list is the table of requests.
MOST_ENDED = 30
ENDED_PILLS = {"done": "done", "denied": "bad", "withdrawn": "plain"}


def queue_facts(rows: Sequence[Row], *, year: int | None) -> list[tuple[str, Any]]:
    """Rank, score, who is ahead and the start the plan has; nothing for what stands in no queue. rows: one, or none."""
    if not rows or rows[0]["rank"] is RESTRICTED:
        return []
    row = rows[0]
    [written] = queue_list_rows(rows[:1])
    start = row["start_week"]
    return [
        ("Rank", thousands(row["rank"])),
        ("Score", thousands(row["score"])),
        ("Made of", _joined(written["criteria"])),
        ("Ahead, requests: accelerator-weeks", _joined(written["ahead_words"])),
        ("Estimated start", week(Week.parse(start), year=year) if start else "no place in this plan"),
    ]


def _joined(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def granted_facts(rows: Sequence[Row]) -> list[tuple[str, Any]]:
    """Granted against used hours so far; nothing for what has not started. rows: one, or none."""
    return [
        (label, cell)
        for row in grant_rows(rows[:1])
        for label, cell in (
            ("Granted so far, accelerator-hours", _number(row["granted_hours"])),
            ("Used", _number(row["used_hours"])),
            ("Used ÷ granted", _share(row)),
        )
    ]


def _number(value: Any) -> Any:
    return value if isinstance(value, Absent) else thousands(value)


def _share(row: Mapping[str, Any]) -> Any:
    value = row["used_share"]
    if isinstance(value, Absent):
        return value
    return f"{share(value)}: {ABOVE}" if row["above"] else share(value)


def ended_requests(*, viewer: Viewer, labels: Sequence[ContractLabel], now: datetime) -> list[dict[str, Any]]:
    """What is done, denied or withdrawn, the last ended first, each with the reason it was given. One query."""
    last = RequestMove.objects.filter(experiment=OuterRef("pk")).order_by("-id")
    found = Experiment.objects.filter(state__in=FINAL).select_related("team")
    found = found.annotate(ended=Subquery(last.values("at")[:1]), reason=Subquery(last.values("reason")[:1]))
    rows = sorted(
        found, key=lambda each: (each.ended is None, -(each.ended.timestamp() if each.ended else 0), each.key)
    )
    return [
        {
            "key": each.key,
            "name": each.name,
            "team": each.team.name,
            "priority": each.experiment_priority,
            "asks": f"{thousands(each.accelerators)} for {counted(each.weeks, 'week')}",
            "pill": ENDED_PILLS[each.state],
            "state": each.get_state_display(),
            "when": day(each.ended, year=now.year) if each.ended else "",
            "reason": redact(viewer, each.reason or "", contracts=labels),
        }
        for each in rows[:MOST_ENDED]
    ]

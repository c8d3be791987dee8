"""What teams used lately, and since when requests wait: sums and dates that a run reads beside the input tables."""

from __future__ import annotations

from datetime import date

from django.db.models import Q
from django.db.models.functions import Coalesce

from capacity.imports.rows import Row
from capacity.lib.horizon import Week
from workloads.domain.fair_share import TRAILING_WEEKS, Job, hours_by_week
from workloads.domain.request_workflow import PLANNED
from workloads.models import Experiment, JobUsage


def team_hours(*, as_of: date) -> list[Row]:
    """{team, week, hours} of the 13 whole weeks before the day, by team and week; team "" of jobs that name none.

    A job that names a request and no team is of the request's team. One query.
    """
    end = Week.containing(as_of)
    first = end.plus(-TRAILING_WEEKS)
    jobs = (
        JobUsage.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gte=first.starts_at), starts_at__lt=end.starts_at)
        .order_by()
        .values_list(
            Coalesce("team__key", "experiment__team__key"), "starts_at", "ends_at", "accelerators", "accelerator_hours"
        )
    )
    found = hours_by_week(
        jobs=(
            Job(team=team or "", starts_at=starts, ends_at=ends, accelerators=count, accelerator_hours=hours)
            for team, starts, ends, count, hours in jobs.iterator()
        ),
        first=first,
        weeks=TRAILING_WEEKS,
    )
    return [
        {"team": team, "week": week.key, "hours": hours}
        for (team, week), hours in sorted(found.items(), key=lambda item: (item[0][0], item[0][1].monday))
    ]


def waiting_since() -> list[Row]:
    """{experiment, submitted_at} of what is planned. One query."""
    rows = Experiment.objects.filter(state__in=PLANNED).order_by("key").values_list("key", "submitted_at")
    return [{"experiment": key, "submitted_at": at} for key, at in rows]

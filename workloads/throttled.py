"""Throttled requests by workload and week, as a run reads them: sums of what was counted, nothing where nothing was."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Sum
from django.db.models.functions import TruncWeek

from capacity.imports.rows import Row
from capacity.lib.horizon import Week
from workloads.models import UsageDay

# The current week as far as it is counted, and so many before it.
WEEKS_BACK = 4


def throttled_week_rows(*, as_of: date) -> list[Row]:
    """{workload, week, requests, throttled} of the days that say how requests fared; a day that does not is left out."""
    monday = Week.containing(as_of).monday
    days = UsageDay.objects.filter(
        day__gte=monday - timedelta(weeks=WEEKS_BACK),
        day__lte=as_of,
        requests__isnull=False,
        throttled_requests__isnull=False,
    )
    sums = (
        days.annotate(monday=TruncWeek("day"))
        .values("workload__key", "monday")
        .annotate(asked=Sum("requests"), refused=Sum("throttled_requests"))
        .order_by("workload__key", "monday")
    )
    return [
        {
            "workload": row["workload__key"],
            "week": Week.containing(row["monday"]).key,
            "requests": int(row["asked"]),
            "throttled": int(row["refused"]),
        }
        for row in sums
    ]

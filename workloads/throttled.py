"""Throttled requests by workload and ended week, as a run reads them: the weeks that the page of actuals tells whole."""

from __future__ import annotations

from datetime import date

from capacity.imports.rows import Row
from capacity.lib.horizon import Week
from workloads.domain.actuals import NEWEST_WEEKS, WeekUse, weeks_of_days
from workloads.usage_inputs import days_of_use


def throttled_week_rows(*, as_of: date) -> list[Row]:
    """{workload, week, requests, throttled} of the last four ended weeks that were counted whole and say how requests fared.

    By the same sums as every other page's actuals (methods: Actuals): a partial week is no row, never a week of few.
    """
    now = Week.containing(as_of)
    weeks = weeks_of_days(days_of_use(first=now.plus(-NEWEST_WEEKS), until=now))
    return [
        {"workload": use.workload, "week": use.week.key, "requests": use.requests, "throttled": use.throttled}
        for use in weeks
        if _is_told(use)
    ]


def _is_told(use: WeekUse) -> bool:
    return not use.is_partial and use.tells_quality and use.throttled is not None

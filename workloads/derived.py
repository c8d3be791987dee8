"""Input tables of a run that are sums of records nobody edits (job accounting, usage by day), and how they are read back.

A run's document holds sums by week, never the records. Changes of records raise no inputs version: the next run that
reads for another reason, at the latest the daily one, picks them up. Each table: a function that reads it, and the
readers of its columns that are not plain JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from capacity.imports.rows import Row
from workloads import usage_inputs
from workloads.promises import TABLE
from workloads.team_hours import team_hours, waiting_since
from workloads.throttled import throttled_week_rows

Read = Callable[[Any], Any]

# Table → column → how its stored text becomes the value again. A column that is not named is plain text or a number.
DERIVED_COLUMNS: dict[str, Mapping[str, Read]] = {
    "team_hours": {"hours": Decimal},
    "waiting_since": {"submitted_at": datetime.fromisoformat},
    "throttled_weeks": {},
    "usage_weeks": usage_inputs.WEEK_COLUMNS,
    "usage_peaks": usage_inputs.PEAK_COLUMNS,
    "usage_classes": usage_inputs.CLASS_COLUMNS,
    "granted_hours": usage_inputs.GRANTED_COLUMNS,
    "forecast_vintages": usage_inputs.VINTAGE_COLUMNS,
    # Read by whoever knows the reviews (promises.py).
    TABLE: {},
}


def derived_rows(*, as_of: date) -> dict[str, list[Row]]:
    """Every derived table as a run of that day reads it."""
    return {
        "team_hours": team_hours(as_of=as_of),
        "waiting_since": waiting_since(),
        "throttled_weeks": throttled_week_rows(as_of=as_of),
        **usage_inputs.usage_rows(as_of=as_of),
    }

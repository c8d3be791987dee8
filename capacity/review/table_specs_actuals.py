"""The tables of a run that say what was measured: weeks of usage, peaks, forecasts against it, granted hours, short weeks.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.review.table_columns import RunTableSpec, columns_of
from workloads.models import (
    RunActual,
    RunClassActual,
    RunForecastScore,
    RunGranted,
    RunMeasuredPeak,
    RunPostMortem,
)

ACTUALS = RunTableSpec(
    name="actuals",
    title="Usage by workload and week",
    model=RunActual,
    resource="actual",
    order=("workload_key", "week"),
    filters=("workload_key", "week"),
    action="actuals.view",
    columns=columns_of(
        """
        workload_key
        week
        is_partial|Partial||text
        hours_covered|Hours counted|of 168|thousands
        input_tokens|Input tokens|tokens|thousands
        cached_input_tokens|Cached input tokens|tokens|thousands
        output_tokens|Output tokens|tokens|thousands
        requests|Requests|requests|thousands
        throttled|Throttled|requests|thousands
        late|Late|requests|thousands
        throttled_share|Throttled share||fine_share
        late_share|Late share||fine_share
        sla_minutes_lost|SLA minutes lost|minutes|hundredths
        accelerators_ready|Ready|accelerators|thousands
        """
    ),
)

MEASURED_PEAKS = RunTableSpec(
    name="measured-peaks",
    title="Measured peak factors",
    model=RunMeasuredPeak,
    resource="measured_peak",
    order=("workload_key",),
    filters=("workload_key",),
    action="actuals.view",
    columns=columns_of(
        """
        workload_key
        peak_factor|Measured|P99 of hours ÷ mean|factor
        planned_peak|Planned|of the card, or the policy's|factor
        from_card|From the card||text
        hours|Hours|of 672|thousands
        is_partial|Partial||text
        """
    ),
)

CLASS_ACTUALS = RunTableSpec(
    name="class-actuals",
    title="Measured coincidence of serving classes",
    model=RunClassActual,
    resource="class_actual",
    order=("serving_class",),
    filters=("serving_class",),
    action="actuals.view",
    columns=columns_of(
        """
        serving_class
        coincidence|Measured|P99 of the sum ÷ Σ P99|factor
        planned|Planned|of the policy|factor
        members|Members||thousands
        hours|Common hours|hours|thousands
        absent|Why none||text
        """
    ),
)

FORECAST_SCORES = RunTableSpec(
    name="forecast-scores",
    title="Forecasts against what came",
    model=RunForecastScore,
    resource="forecast_score",
    order=("workload_key", "source", "lead_weeks"),
    filters=("workload_key", "source", "lead_weeks"),
    action="actuals.view",
    columns=columns_of(
        """
        workload_key
        source|Source||text
        lead_weeks|Weeks before|weeks|thousands
        weeks
        wape|Error|Σ off ÷ Σ actual|share
        bias|Bias|above 0: said too much|share
        left_out|Partial weeks left out|weeks|thousands
        absent|Why none||text
        """
    ),
)

GRANTED = RunTableSpec(
    name="granted-hours",
    title="Granted against used",
    model=RunGranted,
    resource="granted",
    order=("experiment_key",),
    filters=("experiment_key", "team_key"),
    action="actuals.view",
    columns=columns_of(
        """
        experiment_key
        name
        team_key
        team_name
        state|State||text
        accelerators
        started_date|Started||text
        until_date|Until||text
        granted_hours|Granted so far|accelerator-hours|thousands
        used_hours|Used|accelerator-hours|thousands
        used_share|Used ÷ granted||share
        jobs|Jobs||thousands
        """
    ),
)

POST_MORTEMS = RunTableSpec(
    name="short-weeks",
    title="Past weeks that were short",
    model=RunPostMortem,
    resource="post_mortem",
    order=("workload_key", "week"),
    filters=("workload_key", "week"),
    action="actuals.view",
    columns=columns_of(
        """
        workload_key
        week
        demand_tps|Asked|tokens a second|thousands
        capacity_tps|Could be carried|tokens a second|thousands
        throttled_share|Throttled share||fine_share
        visible_p50_weeks|Seen at P50|weeks before|thousands
        visible_p90_weeks|Seen at P90|weeks before|thousands
        lead_weeks|Shortest lead time|weeks|thousands
        vintages|What forecasts said||text
        reason|Why no capacity||text
        """
    ),
)

ACTUAL_SPECS = (ACTUALS, MEASURED_PEAKS, CLASS_ACTUALS, FORECAST_SCORES, GRANTED, POST_MORTEMS)

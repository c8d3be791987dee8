"""What the lists of the page of actuals show. Pure declarations."""

from __future__ import annotations

from capacity.review.listing import ListSpec
from capacity.review.table_columns import Column

WEEKS = ListSpec(
    name="usage-weeks",
    title="Usage by workload and week",
    columns=(
        Column(name="name", label="Workload"),
        Column(name="week", label="Week of"),
        Column(name="tokens", label="Tokens, millions", unit="in and out", kind="thousands"),
        Column(name="requests", label="Requests", unit="requests", kind="thousands"),
        Column(name="throttled_share", label="Throttled", kind="fine_share"),
        Column(name="late_share", label="Late", kind="fine_share"),
        Column(name="sla_minutes_lost", label="SLA minutes lost", unit="minutes", kind="hundredths"),
        Column(name="note", label="Counted"),
    ),
    filters=("name",),
    prefix="weeks-",
    rows_per_page=30,
    empty="No usage of these weeks has been imported.",
)
PEAKS = ListSpec(
    name="peaks",
    title="Peak factors",
    columns=(
        Column(name="name", label="Workload"),
        Column(name="peak_factor", label="Measured", unit="99th percentile of hours ÷ mean", kind="factor"),
        Column(name="planned_peak", label="Planned", unit="of the card, or of the policy", kind="factor"),
        Column(name="planned_by", label="Planned by"),
        Column(name="note", label="Counted"),
    ),
    prefix="peaks-",
    rows_per_page=30,
    empty="No hour of usage in the last 4 weeks has been imported.",
)
CLASSES = ListSpec(
    name="coincidence",
    title="Coincidence of peaks",
    columns=(
        Column(name="serving_class", label="Serving class"),
        Column(name="measured", label="Measured", unit="peak of the sum ÷ sum of peaks", kind="factor"),
        Column(name="planned", label="Planned", unit="of the policy", kind="factor"),
        Column(name="members", label="Members", kind="thousands"),
        Column(name="hours", label="Common hours", kind="thousands"),
        Column(name="note", label="Note"),
    ),
    prefix="classes-",
    rows_per_page=20,
    empty="No serving class has an hour of usage in the last 4 weeks.",
)
SCORES = ListSpec(
    name="forecast-accuracy",
    title="Forecasts against what came",
    columns=(
        Column(name="name", label="Workload"),
        Column(name="source", label="Source"),
        Column(name="wape_4", label="Error, 4 weeks before", kind="share"),
        Column(name="bias_4", label="Bias", unit="above 0: said too much", kind="signed_share"),
        Column(name="wape_13", label="Error, 13 weeks before", kind="share"),
        Column(name="bias_13", label="Bias", unit="above 0: said too much", kind="signed_share"),
        Column(name="weeks", label="Weeks", unit="scored at 4 weeks", kind="thousands"),
        Column(name="left_out", label="Left out", unit="partial weeks", kind="thousands"),
    ),
    filters=("source",),
    prefix="scores-",
    rows_per_page=30,
    empty="No forecast of a workload has been imported.",
)
GRANTED = ListSpec(
    name="granted",
    title="Granted against used",
    columns=(
        Column(name="name", label="Request"),
        Column(name="team_name", label="Team"),
        Column(name="accelerators", label="Accelerators", kind="thousands"),
        Column(name="started_date", label="Started"),
        Column(name="granted_hours", label="Granted so far", unit="accelerator-hours", kind="thousands"),
        Column(name="used_hours", label="Used", unit="accelerator-hours", kind="thousands"),
        Column(name="used_share", label="Used ÷ granted", kind="share"),
        Column(name="jobs", label="Jobs", kind="thousands"),
    ),
    filters=("team_name",),
    totals=("granted_hours", "used_hours"),
    prefix="granted-",
    rows_per_page=30,
    empty="No request has run in the last 13 weeks.",
)
ALL = (WEEKS, PEAKS, CLASSES, SCORES, GRANTED)

"""What the lists of the requests page show: the queue, and what yields first. Pure."""

from __future__ import annotations

from capacity.review.listing import ListSpec
from capacity.review.table_columns import Column
from capacity.review.table_specs_queue import PREEMPTIONS

# Columns made of others for reading: the column of the run that decides who sees them.
MADE_OF = {
    "standing": "start_week",
    "ahead_words": "ahead",
    "criteria": "parts",
    "class_words": "priority",
    "pool_name": "pool_key",
}

QUEUE_LIST = ListSpec(
    name="request-queue",
    title="Queue",
    columns=(
        Column(name="name", label="Request"),
        Column(name="rank", label="Position", kind="thousands"),
        Column(name="score", label="Score", kind="thousands"),
        Column(name="criteria", label="Criteria"),
        Column(name="class_words", label="Class"),
        Column(name="team_name", label="Team"),
        Column(name="standing", label="Standing"),
        Column(name="start_week", label="Starts"),
        Column(name="pool_name", label="Pool"),
        Column(name="accelerators", label="Accelerators", unit="accelerators", kind="thousands"),
        Column(name="weeks", label="Weeks", kind="thousands"),
        Column(name="ahead_words", label="Ahead, accelerator-weeks"),
    ),
    filters=("team_key", "priority", "pool_key"),
    search=("name", "experiment_key", "team_name"),
    sort="rank",
    prefix="queue-",
    rows_per_page=17,
    empty="No approved request waits for its start.",
)

YIELDS = ListSpec(
    name="preemptions",
    title="Preemption ledger",
    columns=(
        Column(name="name", label="Request"),
        *(PREEMPTIONS.column(name) for name in ("position", "team_name")),
        Column(name="pool_name", label="Pool"),
        PREEMPTIONS.column("accelerators"),
        Column(name="week", label="From"),
        Column(name="notice_days", label="Notice, days", kind="thousands"),
        Column(name="lost_accelerator_days", label="Lost, accelerator-days", kind="thousands"),
        Column(name="sentence", label="What"),
    ),
    filters=("team_key", "pool_key"),
    search=("name", "experiment_key", "team_name"),
    sort="position",
    prefix="yield-",
    rows_per_page=12,
    empty="No preemptible request has a place.",
)

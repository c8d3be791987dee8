"""The tables of what was measured: usage of workloads by the hour, and jobs of research clusters."""

from __future__ import annotations

from capacity.imports import cells, clock
from capacity.imports.cells import Column
from capacity.imports.tables import Reference, Sentence, Table, columns_of, key_column, register
from workloads.checks import hours_fit_the_job, not_in_future
from workloads.importers_models import PROVENANCE_HELP
from workloads.models import JobUsage, UsageHour
from workloads.services import roll_up_usage
from workloads.usage_checks import usage_above_its_accelerators, usage_of_ended_contracts

COUNTS = ("input_tokens", "cached_input_tokens", "output_tokens")
QUALITY = ("requests", "throttled_requests", "late_requests")

register(
    Table(
        name="usage_hours",
        model=UsageHour,
        key=("workload", "contract", "hour_at", "source_ref"),
        columns=columns_of(
            UsageHour,
            ["hour_at", *COUNTS, *QUALITY, "accelerators", "provenance"],
            extra=[
                key_column("workload"),
                Column(name="contract", parse=cells.text(longest=80), when_empty=""),
                Column(name="source_ref", parse=cells.text(longest=80), when_empty=""),
            ],
        ),
        references=(
            Reference(columns=("workload",), target="workloads", field="workload"),
            Reference(columns=("contract",), target="contracts"),
        ),
        sentences={
            "one_usage_an_hour": Sentence(
                column="hour_at", message="This source has counted that hour of the workload and contract already."
            ),
            "usage_hour_starts_on_the_hour": Sentence(
                column="hour_at", message="An hour starts on the hour, UTC, such as 2026-11-23T09:00:00Z."
            ),
            "usage_not_negative": Sentence(
                column="input_tokens", message="Tokens, requests and accelerators are not negative."
            ),
            "usage_is_believable": Sentence(
                column="input_tokens",
                message="10^15 or more in one hour is a unit taken for another: write tokens and requests, not thousands "
                "of them.",
            ),
            "usage_cached_is_part_of_input": Sentence(
                column="cached_input_tokens", message="Cached input tokens are part of the input tokens, not more."
            ),
            "usage_hurt_is_part_of_requests": Sentence(
                column="throttled_requests",
                message="Throttled and late requests are part of the requests, together at most as many.",
            ),
        },
        afterwards=lambda batch_id: roll_up_usage(batch_id=batch_id),
        checks=(
            not_in_future(column="hour_at", clock=clock.now),
            usage_of_ended_contracts,
            usage_above_its_accelerators,
        ),
        title="Usage by the hour",
        singular="Hour of usage",
        intro="Tokens and requests that were really served, by hour of UTC, workload, contract and source.",
        area="Workloads",
        slug="usage",
        view="usage_data.view",
        change="usage_data.change",
        resource="input_usage_hours",
        label="workload",
        listed=("workload", "contract", "hour_at", *COUNTS, *QUALITY),
        filters=("workload", "contract", "source_ref"),
        search=("workload", "contract", "source_ref"),
        help={
            "workload": "The key of the workload.",
            "contract": "The key of the contract. Empty: under none, such as own products.",
            "hour_at": "The start of the hour, on the hour, UTC, such as 2026-11-23T09:00:00Z. Not in the future.",
            "source_ref": "Which gateway or system counted, where several do. Their counts are summed. Empty: the only one.",
            "input_tokens": "Input tokens of the hour, cached ones included.",
            "cached_input_tokens": "Those of the input tokens that were read from cache. Empty: not known.",
            "output_tokens": "Output tokens of the hour.",
            "requests": "Requests received in the hour, throttled and late ones included. Empty: not known.",
            "throttled_requests": "Requests that were turned away or held back. Empty: not known.",
            "late_requests": "Requests that were answered later than promised. Empty: not known.",
            "accelerators": "Accelerators that stood ready for it, mean of the hour. Empty: not known.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "What and when": ("workload", "contract", "hour_at", "source_ref"),
            "Tokens": COUNTS,
            "Requests": QUALITY,
            "Accelerators": ("accelerators",),
            "Origin": ("provenance",),
        },
        is_log=True,
    )
)

register(
    Table(
        name="job_usage",
        model=JobUsage,
        key=("job_ref",),
        columns=columns_of(
            JobUsage,
            ["job_ref", "starts_at", "ends_at", "accelerators", "accelerator_hours", "state", "provenance"],
            extra=[key_column(name, required=False) for name in ("team", "experiment", "pool")],
        ),
        references=(
            Reference(columns=("team",), target="teams", field="team"),
            Reference(columns=("experiment",), target="experiments", field="experiment"),
            Reference(columns=("pool",), target="pools", field="pool"),
        ),
        sentences={
            "job_state_is_known": Sentence(
                column="state",
                message="The state is running, completed, failed, cancelled, timeout, node_fail, preempted or "
                "out_of_memory.",
            ),
            "job_ends_after_start": Sentence(column="ends_at", message="The job ends before it starts."),
            "job_over_has_an_end": Sentence(column="ends_at", message="A job that no longer runs needs its end."),
            "job_holds_something": Sentence(
                column="accelerators", message="A job holds at least one accelerator; its hours are not negative."
            ),
        },
        checks=(
            not_in_future(column="starts_at", clock=clock.now),
            not_in_future(column="ends_at", clock=clock.now),
            hours_fit_the_job,
        ),
        title="Jobs",
        singular="Job",
        intro="Jobs of research clusters as the scheduler counted them: accelerators, time, and how they ended.",
        area="Research",
        slug="job-usage",
        view="request_data.view",
        change="usage_data.change",
        resource="input_job_usage",
        label="job_ref",
        listed=("job_ref", "team", "experiment", "pool", "starts_at", "accelerators", "accelerator_hours", "state"),
        filters=("team", "experiment", "pool", "state"),
        search=("job_ref", "team", "experiment"),
        help={
            "job_ref": "The job's name in its scheduler, unique.",
            "team": "The key of the team it ran for. Empty: not known.",
            "experiment": "The key of the request it belongs to. Empty: none.",
            "pool": "The key of the pool it ran in. Empty: not known.",
            "starts_at": "When it started, with time zone. Not in the future.",
            "ends_at": "When it ended, with time zone. Empty while it runs.",
            "accelerators": "Accelerators it held at once, at least 1.",
            "accelerator_hours": "Accelerators × hours it held them.",
            "state": "running, completed, failed, cancelled, timeout, node_fail, preempted or out_of_memory.",
            "provenance": PROVENANCE_HELP,
        },
        groups={
            "Job": ("job_ref", "team", "experiment", "pool", "state"),
            "What it held": ("starts_at", "ends_at", "accelerators", "accelerator_hours"),
            "Origin": ("provenance",),
        },
        is_log=True,
    )
)

"""What was used before the demo's first week, from public traces: tokens by the hour and finished jobs. Pure.

The traces give an hour index and no date, and other companies' volumes. The hours are laid before the start week and
the tokens scaled to the volume of the demo's own workload; each row says so. Shape, peaks and gaps are the trace's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

Record = Mapping[str, str]

SERVEGEN = "ServeGen (Apache-2.0)"
KALOS = "AcmeTrace Kalos (CC BY 4.0)"
HOURS_BEFORE = 14 * 24
JOBS_DAYS_BEFORE = 56


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A workload whose use follows a trace. scale: its tokens for one of the trace's; cached: share of its input."""

    workload: str
    trace: str
    scale: Decimal
    cached: Decimal


TRACED = (
    Traced(workload="assistant-mid", trace="m-large", scale=Decimal("4.2"), cached=Decimal("0.34")),
    Traced(workload="classify-small", trace="m-small", scale=Decimal(23), cached=Decimal("0.17")),
)
# Of a thousand requests: refused for their rate, and answered later than promised; more of both in the busiest hours.
THROTTLED_PER_THOUSAND = 2
LATE_PER_THOUSAND = 4
BUSY = Decimal("1.25")


def usage_hours(*, hourly: Iterable[Record], monday: date) -> list[dict[str, str]]:
    """usage_hours.csv: one row an hour and workload of the two weeks before the start week."""
    rows = list(hourly)
    return [row for traced in TRACED for row in _hours(traced, rows, monday)]


def _hours(traced: Traced, hourly: Sequence[Record], monday: date) -> list[dict[str, str]]:
    own = [record for record in hourly if record["model"] == traced.trace]
    mean = sum(int(record["requests"]) for record in own) / len(own)
    start = datetime.combine(monday, time(), UTC) - timedelta(hours=HOURS_BEFORE)
    return [_hour(traced, record, start, is_busy=int(record["requests"]) > BUSY * int(mean)) for record in own]


def _hour(traced: Traced, record: Record, start: datetime, *, is_busy: bool) -> dict[str, str]:
    requests, tokens_in, tokens_out = (
        int(int(record[name]) * traced.scale) for name in ("requests", "input_tokens", "output_tokens")
    )
    return {
        "workload": traced.workload,
        "contract": "",
        "hour_at": f"{start + timedelta(hours=int(record['hour_index'])):%Y-%m-%dT%H:00:00Z}",
        "input_tokens": str(tokens_in),
        "cached_input_tokens": str(int(tokens_in * traced.cached)),
        "output_tokens": str(tokens_out),
        "requests": str(requests),
        "throttled_requests": str(requests * THROTTLED_PER_THOUSAND // 1000 if is_busy else 0),
        "late_requests": str(requests * LATE_PER_THOUSAND // 1000 if is_busy else requests // 5000),
        "source_ref": "demo-gateway",
        "provenance": f"composed: hour {record['hour_index']} of {record['model']} in {SERVEGEN}, times {traced.scale}; "
        "cached, throttled and late requests composed",
    }


def job_usage(*, jobs: Iterable[Record], monday: date) -> list[dict[str, str]]:
    """job_usage.csv: the trace's finished jobs, in their order and distance, on the demo's oldest pool."""
    start = datetime.combine(monday, time(), UTC) - timedelta(days=JOBS_DAYS_BEFORE)
    return [_job(record, start) for record in jobs]


def _job(record: Record, start: datetime) -> dict[str, str]:
    begins = start + timedelta(seconds=int(Decimal(record["submit_offset_s"])))
    seconds = max(1, int(Decimal(record["duration_s"])))
    hours = (Decimal(record["gpus"]) * seconds / 3600).quantize(Decimal("0.0001"))
    return {
        "job_ref": record["job_id"],
        "team": "pretraining" if record["job_type"] == "pretrain" else "posttraining",
        "experiment": "",
        "pool": "a100-euw1",
        "starts_at": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "ends_at": f"{begins + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "accelerators": record["gpus"],
        "accelerator_hours": str(hours),
        "state": "completed",
        "provenance": f"measured: {record['job_id']} of {KALOS}; dates and team composed",
    }

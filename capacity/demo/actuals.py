"""What was used before the demo's first week, from public traces: tokens by the hour and finished jobs. Pure.

The traces give an hour index and no date, and other companies' volumes. The hours are laid before the start week and
the tokens scaled to the volume of the demo's own workload; each row says so. Shape, peaks and gaps are the trace's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

Record = Mapping[str, str]

SERVEGEN = "ServeGen (Apache-2.0)"
KALOS = "AcmeTrace Kalos (CC BY 4.0)"
HOURS_BEFORE = 14 * 24
JOBS_DAYS_BEFORE = 56


HOURS_PER_WEEK = 168
READY_SHORT, READY_AFTER = 824, 960


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A workload whose use follows a trace. scale: its tokens for one of the trace's; cached: share of its input."""

    workload: str
    trace: str
    scale: Decimal
    cached: Decimal
    # Client of the trace → the contract whose use follows it; the rest is under no contract.
    clients: Mapping[str, str] = field(default_factory=dict)
    # Accelerators that stood ready, by week from the first on; none: not counted.
    ready: Sequence[int] = ()
    # Of a thousand requests of a busy hour, how many were turned away, by week.
    throttled: Sequence[int] = (2, 2)


TRACED = (
    # Its first week was short: more was asked than the accelerators ready could carry.
    Traced(
        workload="assistant-mid",
        trace="m-large",
        scale=Decimal("4.2"),
        cached=Decimal("0.34"),
        ready=(READY_SHORT, READY_AFTER),
        throttled=(38, 1),
    ),
    Traced(
        workload="classify-small",
        trace="m-small",
        scale=Decimal(23),
        cached=Decimal("0.17"),
        clients={"m-small-client-01": "CT-13", "m-small-client-02": "CT-17"},
    ),
)
# Of a thousand requests of a busy hour: answered later than promised.
LATE_PER_THOUSAND = 4
BUSY = Decimal("1.25")
COUNTS = ("requests", "input_tokens", "output_tokens")


def usage_hours(*, hourly: Iterable[Record], by_client: Iterable[Record], monday: date) -> list[dict[str, str]]:
    """usage_hours.csv: one row an hour, workload and contract of the two weeks before the start week."""
    rows, clients = list(hourly), list(by_client)
    return [row for traced in TRACED for row in _of_workload(traced, rows, clients, monday)]


def _of_workload(
    traced: Traced, hourly: Sequence[Record], by_client: Sequence[Record], monday: date
) -> Iterator[dict[str, str]]:
    start = datetime.combine(monday, time(), UTC) - timedelta(hours=HOURS_BEFORE)
    own = [dict(record) for record in hourly if record["model"] == traced.trace]
    mean = sum(int(record["requests"]) for record in own) // len(own)
    busy = {record["hour_index"] for record in own if int(record["requests"]) > BUSY * mean}
    rest = {record["hour_index"]: record for record in own}
    for client, contract in traced.clients.items():
        for record in by_client:
            if record["client"] == client:
                left = rest[record["hour_index"]]
                left.update({name: str(int(left[name]) - int(record[name])) for name in COUNTS})
                yield _hour(traced, record, start, contract, is_busy=record["hour_index"] in busy)
    for record in own:
        yield _hour(traced, record, start, "", is_busy=record["hour_index"] in busy)


def _hour(traced: Traced, record: Record, start: datetime, contract: str, *, is_busy: bool) -> dict[str, str]:
    requests, tokens_in, tokens_out = (int(int(record[name]) * traced.scale) for name in COUNTS)
    hour = int(record["hour_index"])
    week = hour // HOURS_PER_WEEK
    ready = traced.ready[week] if traced.ready and not contract else None
    whose = record.get("client") or record["model"] + (" less the clients named" if traced.clients else "")
    return {
        "workload": traced.workload,
        "contract": contract,
        "hour_at": f"{start + timedelta(hours=hour):%Y-%m-%dT%H:00:00Z}",
        "input_tokens": str(tokens_in),
        "cached_input_tokens": str(int(tokens_in * traced.cached)),
        "output_tokens": str(tokens_out),
        "requests": str(requests),
        "throttled_requests": str(requests * traced.throttled[week] // 1000 if is_busy else 0),
        "late_requests": str(requests * LATE_PER_THOUSAND // 1000 if is_busy else requests // 5000),
        "accelerators": "" if ready is None else str(ready),
        "source_ref": "demo-gateway",
        "provenance": f"composed: hour {hour} of {whose} in {SERVEGEN}, times {traced.scale}; "
        "cached, throttled and late requests and accelerators composed",
    }


def job_usage(
    *, jobs: Iterable[Record], experiments: Iterable[Record], teams: Sequence[str], monday: date
) -> list[dict[str, str]]:
    """job_usage.csv: the trace's finished jobs on the oldest pool, team after team, and the weeks of running requests."""
    start = datetime.combine(monday, time(), UTC) - timedelta(days=JOBS_DAYS_BEFORE)
    traced = [_job(record, start, teams[index % len(teams)]) for index, record in enumerate(jobs)]
    running = [each for each in experiments if each["state"] == "running" and each["key"] not in WITHOUT_JOBS]
    composed = [row for index, each in enumerate(running) for row in _weeks_of(each, index, monday)]
    return [*traced, *composed]


# A request whose jobs nobody attributes, and one that took more than it was granted.
WITHOUT_JOBS = frozenset({"E-005"})
MORE_THAN_GRANTED = {"E-006": Decimal("1.0625")}
# Hours of a week in which a request's accelerators were held, in turn.
HELD_HOURS = (158, 155, 152, 143)


def _weeks_of(request: Record, index: int, monday: date) -> Iterator[dict[str, str]]:
    """One composed job for each whole week that the request has run."""
    begins = date.fromisoformat(request["started_date"])
    accelerators = int(int(request["accelerators"]) * MORE_THAN_GRANTED.get(request["key"], Decimal(1)))
    hours = HOURS_PER_WEEK if request["key"] in MORE_THAN_GRANTED else HELD_HOURS[index % len(HELD_HOURS)]
    number = 1
    while begins < monday:
        at = datetime.combine(begins, time(), UTC)
        yield {
            "job_ref": f"{request['key']}-week-{number}",
            "team": request["team"],
            "experiment": request["key"],
            "pool": request["pool"],
            "starts_at": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "ends_at": f"{at + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}",
            "accelerators": str(accelerators),
            "accelerator_hours": str(accelerators * hours),
            "state": "completed",
            "provenance": "composed: a week of the request",
        }
        begins, number = begins + timedelta(weeks=1), number + 1


def _job(record: Record, start: datetime, team: str) -> dict[str, str]:
    begins = start + timedelta(seconds=int(Decimal(record["submit_offset_s"])))
    seconds = max(1, int(Decimal(record["duration_s"])))
    hours = (Decimal(record["gpus"]) * seconds / 3600).quantize(Decimal("0.0001"))
    return {
        "job_ref": record["job_id"],
        "team": team,
        "experiment": "",
        "pool": "a100-euw1",
        "starts_at": f"{begins:%Y-%m-%dT%H:%M:%SZ}",
        "ends_at": f"{begins + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}",
        "accelerators": record["gpus"],
        "accelerator_hours": str(hours),
        "state": "completed",
        "provenance": f"measured: {record['job_id']} of {KALOS}; dates and team composed",
    }

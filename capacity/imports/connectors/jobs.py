"""Public traces of research jobs to job usage: Philly (submit times) and Kalos (seconds since the first job). Pure.

Neither trace says when a job started: it is taken to start when it was submitted, which the import tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import (
    TIMEZONE,
    Connector,
    Findings,
    Line,
    Option,
    Settings,
    Source,
    Unplaced,
    name_option,
)
from capacity.imports.connectors.moments import moment, moment_text
from capacity.imports.connectors.reading import Csv, header_of, number, open_csv, plain
from capacity.imports.connectors.sums import fingerprint

TABLE = "job_usage"
_STATES = {
    "": "completed",
    "COMPLETED": "completed",
    "PASS": "completed",
    "PASSED": "completed",
    "FAILED": "failed",
    "KILLED": "cancelled",
    "CANCELLED": "cancelled",
    "TIMEOUT": "timeout",
    "NODE_FAIL": "node_fail",
}
_HOUR = 3600


def looks_like(head: bytes) -> bool:
    """Whether the file has jobs with accelerators, a duration and a submit time or offset."""
    header = header_of(head)
    return {"job_id", "gpus", "duration_s"} <= header and bool(header & {"submit_time", "submit_offset_s"})


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of job_usage, one for each job."""
    seen: set[int] = set()
    teams = Unplaced(what="no team is known for")
    for source in sources:
        file = open_csv(source, findings, needed=("job_id", "gpus", "duration_s"))
        if file is not None:
            yield from _read_file(file, settings, findings, seen, teams)
    first = sources[0].name if sources else ""
    advice = "Their usage has no team. Map them with team:NAME=KEY."
    teams.tell(findings, first, column="virtual_cluster", advice=advice)


def _read_file(file: Csv, settings: Settings, findings: Findings, seen: set[int], teams: Unplaced) -> Iterator[Line]:
    job, gpus, duration = file.places("job_id", "gpus", "duration_s")
    submitted, offset, state = file.places("submit_time", "submit_offset_s", "state")
    group = file.place("virtual_cluster", "team", "user", "job_type")
    if submitted < 0 and not settings.text("start"):
        message = "The file counts seconds from its first job, so the option start=… is needed."
        findings.say(file.file, "wrong_option", message, column="start")
        return
    findings.note(f"{file.file}: the trace has submit times only; each job is taken to start when it was submitted.")
    for row, cells in file.rows:
        try:
            starts = _start(cells, submitted, offset, settings)
            seconds, accelerators = _seconds(cells[duration]), _whole(cells[gpus])
            ended = _state(cells[state] if state >= 0 else "")
        except CellError as error:
            findings.odd(file.file, error.code, error.message, row=row)
            continue
        name = cells[job].strip()
        if fingerprint(name) in seen:
            findings.count("jobs that are in the files twice, the first taken")
            continue
        seen.add(fingerprint(name))
        if accelerators == 0:
            findings.count("jobs without accelerators")
            continue
        who = cells[group].strip() if group >= 0 else ""
        team = settings.find("team", who)
        if not team:
            teams.add(who or "(none)")
        line = {
            "job_ref": f"{settings.text('cluster') + '-' if settings.text('cluster') else ''}{name}",
            "team": team,
            "experiment": "",
            "pool": settings.find("pool", who),
            "starts_at": moment_text(starts),
            "ends_at": moment_text(starts + timedelta(seconds=float(seconds))),
            "accelerators": str(accelerators),
            "accelerator_hours": plain(seconds * accelerators / _HOUR, 4),
            "state": ended,
            "provenance": f"Public job trace {file.file}"[:200],
        }
        yield Line(TABLE, line, file.file, row)


def _start(cells: list[str], submitted: int, offset: int, settings: Settings) -> datetime:
    if submitted >= 0:
        return moment(cells[submitted].strip(), settings.text("timezone"))
    start = datetime.fromisoformat(settings.text("start")).astimezone(UTC)
    return start + timedelta(seconds=float(_seconds(cells[offset])))


def _seconds(cell: str) -> Decimal:
    seconds = number(cell.strip())
    if not 0 <= seconds < 10**9:
        raise CellError("too_small" if seconds < 0 else "too_large", f"{cell} s is not a time a job can take.")
    return seconds


def _whole(cell: str) -> int:
    value = number(cell.strip())
    if value < 0 or value != int(value):
        raise CellError("not_whole", f'"{cell}" is not a whole number of accelerators.')
    return int(value)


def _state(cell: str) -> str:
    try:
        return _STATES[cell.strip().upper()]
    except KeyError:
        raise CellError("unknown_choice", f'"{cell[:40]}" is no state of a job in these traces.') from None


CONNECTOR = Connector(
    name="job_trace",
    label="Trace of research jobs",
    help="job_id, gpus, duration_s and submit_time or submit_offset_s, such as the public Philly and Kalos traces.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    options=(
        Option(
            name="start",
            kind="moment",
            help="When second 0 of the trace was, with its zone. Needed when the file counts seconds.",
        ),
        TIMEZONE,
        name_option("team", "teams", "Which team a virtual cluster or job type means:"),
        name_option("pool", "pools", "Which pool a virtual cluster or job type ran in:"),
        Option(name="cluster", help="A name put before the job's, when several clusters number their jobs alike."),
    ),
)

"""Slurm accounting (`sacct -P`, with or without -D and -X) to job usage: granted accelerators, from when, until when.

Pure. One row for each attempt of a job: a requeued job has several, told apart by their start. Steps are part of their
job and are not counted again; jobs that never started were granted nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

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
from capacity.imports.connectors.moments import elapsed_seconds, moment_text, moments
from capacity.imports.connectors.reading import Csv, header_of, open_csv, plain
from capacity.imports.connectors.sums import fingerprint

TABLE = "job_usage"
NEEDED = ("JobID", "State", "Start", "End")
_NOTHING = {"", "unknown", "none", "n/a", "invalid"}
_GENERIC = re.compile(r"(?:^|,)gres/(?:gpu|tpu)=(\d+)", re.ASCII)
_TYPED = re.compile(r"(?:^|,)gres/(?:gpu|tpu):[^=,]+=(\d+)", re.ASCII)
_PER_NODE = re.compile(r"(?:^|,)(?:gres/|gres:)?(?:gpu|tpu)(?::[A-Za-z][^:,(]*)?[:=](\d+)", re.ASCII)
# Slurm's states and what they are called here. A requeued attempt was taken from the job: preempted.
STATES = {
    "BOOT_FAIL": "node_fail",
    "CANCELLED": "cancelled",
    "COMPLETED": "completed",
    "COMPLETING": "running",
    "DEADLINE": "timeout",
    "FAILED": "failed",
    "NODE_FAIL": "node_fail",
    "OUT_OF_MEMORY": "out_of_memory",
    "PENDING": "",
    "PREEMPTED": "preempted",
    "REQUEUED": "preempted",
    "RESIZING": "running",
    "REVOKED": "cancelled",
    "RUNNING": "running",
    "SIGNALING": "running",
    "STOPPED": "running",
    "SUSPENDED": "running",
    "TIMEOUT": "timeout",
}
_HOUR = 3600
_PLACES = 4


def looks_like(head: bytes) -> bool:
    """Whether the first line is the header of parsable sacct output."""
    header = header_of(head, "|")
    return {"JobID", "State"} <= header and bool(header & {"Start", "ElapsedRaw", "AllocTRES", "AllocCPUS"})


@dataclass(frozen=True, kw_only=True)
class _Places:
    job: int
    raw: int
    state: int
    starts: int
    ends: int
    elapsed: int
    tres: int
    requested: int
    gres: int
    nodes: int
    partition: int
    team: int
    experiment: int


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    teams: Unplaced
    pools: Unplaced
    seen: set[int]


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of job_usage, one for each started attempt of a job that was granted accelerators."""
    reading = _Reading(
        settings=settings,
        findings=findings,
        teams=Unplaced(what="no team is known for"),
        pools=Unplaced(what="no pool is known for"),
        seen=set(),
    )
    for source in sources:
        file = open_csv(source, findings, needed=NEEDED, delimiter="|")
        if file is None:
            continue
        places = _places(file, settings, findings)
        for row, cells in file.rows:
            try:
                line = _row(reading, file.file, row, cells, places)
            except CellError as error:
                findings.odd(file.file, error.code, error.message, row=row)
                continue
            if line is not None:
                yield line
    first = sources[0].name if sources else ""
    team_by = settings.text("team_by")
    reading.teams.tell(findings, first, column=team_by, advice="Their usage has no team. Map: team:NAME=KEY.")
    advice = "Their usage has no pool. Map them with pool:NAME=KEY."
    reading.pools.tell(findings, first, column="Partition", advice=advice, code="no_pool")


def _places(file: Csv, settings: Settings, findings: Findings) -> _Places:
    team_by, experiment_by = settings.text("team_by") or "Account", settings.text("experiment_by")
    for name in (team_by, experiment_by):
        if name and name not in file.header:
            message = f'The column "{name}" is missing, and an option names it.'
            findings.say(file.file, "missing_column", message, row=1, column=name)
    places = _Places(
        job=file.place("JobID"),
        raw=file.place("JobIDRaw", "JobID"),
        state=file.place("State"),
        starts=file.place("Start"),
        ends=file.place("End"),
        elapsed=file.place("ElapsedRaw", "Elapsed"),
        tres=file.place("AllocTRES"),
        requested=file.place("ReqTRES"),
        gres=file.place("AllocGRES", "ReqGRES"),
        nodes=file.place("AllocNodes", "NNodes"),
        partition=file.place("Partition"),
        team=file.place(team_by),
        experiment=file.place(experiment_by) if experiment_by else -1,
    )
    if max(places.tres, places.requested, places.gres) < 0:
        message = "No column says how many accelerators a job had. Export AllocTRES."
        findings.say(file.file, "missing_column", message, row=1, column="AllocTRES")
    return places


def _row(reading: _Reading, file: str, row: int, cells: list[str], places: _Places) -> Line | None:
    job = cells[places.job].strip()
    if "." in job:
        reading.findings.count("job steps, part of their job's row")
        return None
    state = state_of(cells[places.state])
    start = cells[places.starts].strip()
    if start.lower() in _NOTHING or not state:
        reading.findings.count("jobs that never started, so nothing was granted to them")
        return None
    accelerators = _accelerators(reading.findings, cells, places)
    if accelerators == 0:
        reading.findings.count("jobs without accelerators")
        return None
    starts, ends, seconds = _times(reading, file, row, cells, places)
    reference = _reference(reading.settings, cells[places.raw].strip() or job, starts)
    if _is_repeated(reading, reference):
        return None
    if ends is None and state != "running":
        raise CellError("empty", f"The job is {state} and its End is not known.")
    line = {
        "job_ref": reference,
        "team": _named(reading, "team", _cell(cells, places.team), reading.teams),
        "experiment": _experiment(reading.settings, cells, places),
        "pool": _named(reading, "pool", _cell(cells, places.partition), reading.pools),
        "starts_at": moment_text(starts),
        "ends_at": moment_text(ends) if ends else "",
        "accelerators": str(accelerators),
        "accelerator_hours": plain(Decimal(accelerators * seconds) / _HOUR, _PLACES),
        "state": state,
        "provenance": f"sacct {file}"[:200],
    }
    return Line(TABLE, line, file, row)


def state_of(cell: str) -> str:
    """`CANCELLED by 1234` and `CANCELLED+` are cancelled; "" is not started. Raises CellError for a word that is no state."""
    words = cell.strip().split()
    state = words[0].rstrip("+").upper() if words else ""
    if state in STATES:
        return STATES[state]
    cut = [known for known in STATES if state and known.startswith(state)] if "+" in cell else []
    if len(cut) == 1:
        return STATES[cut[0]]
    raise CellError("unknown_choice", f'"{cell[:40]}" is no state of a Slurm job.')


def _accelerators(findings: Findings, cells: list[str], places: _Places) -> int:
    """Accelerators of the whole job: TRES counts are totals, the older GRES counts are for each node."""
    if places.tres >= 0 and cells[places.tres].strip():
        return accelerators_of_tres(cells[places.tres])
    if places.gres >= 0 and cells[places.gres].strip():
        nodes = cells[places.nodes].strip() if places.nodes >= 0 else ""
        each = sum(int(count) for count in _PER_NODE.findall(cells[places.gres]))
        return each * int(nodes or 1)
    if places.tres < 0 and places.requested >= 0:
        findings.count("jobs whose accelerators are those requested, for want of AllocTRES")
        return accelerators_of_tres(cells[places.requested])
    return 0


def accelerators_of_tres(cell: str) -> int:
    """`cpu=64,gres/gpu=8,gres/gpu:h100=8` has 8: the total, or the sum of the kinds when no total is there."""
    total = _GENERIC.search(cell)
    return int(total.group(1)) if total else sum(int(count) for count in _TYPED.findall(cell))


def _times(
    reading: _Reading, file: str, row: int, cells: list[str], places: _Places
) -> tuple[datetime, datetime | None, int]:
    """Start, end (None: still running) and the seconds the accelerators were held."""
    zone = reading.settings.text("timezone")
    starts, end = moments(cells[places.starts].strip(), zone), cells[places.ends].strip()
    said = _cell(cells, places.elapsed)
    elapsed = elapsed_seconds(said) if said else None
    if end.lower() in _NOTHING:
        if elapsed is None:
            raise CellError("empty", "A running job needs ElapsedRaw: its End is not known.")
        reading.findings.count("jobs still running: hours up to the export")
        return starts[0], None, elapsed
    ends = moments(end, zone)
    pairs = [(first, last) for first, last in product(starts, ends) if last >= first]
    if not pairs:
        raise CellError("wrong_order", f"End {end} is before Start {cells[places.starts]}.")
    if len(starts) * len(ends) > 1:
        reading.findings.count("times in the hour the clocks were set back, told apart by the elapsed time")
    if elapsed is None:
        first, last = pairs[0]
        return first, last, int((last - first).total_seconds())
    # Suspended time makes a job's elapsed time shorter than its span, never longer.
    first, last = min(pairs, key=lambda pair: abs((pair[1] - pair[0]).total_seconds() - elapsed))
    if elapsed > (last - first).total_seconds() + 1:
        message = f"The elapsed time of {elapsed:,} s is longer than from Start to End; the elapsed time is used."
        reading.findings.warn(file, "elapsed_too_long", message, row=row, column="ElapsedRaw")
    return first, last, elapsed


def _reference(settings: Settings, job: str, starts: datetime) -> str:
    """What tells the attempt apart for ever: cluster, job number and the start of the attempt."""
    cluster = settings.text("cluster")
    return f"{cluster + '-' if cluster else ''}{job}@{starts.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _is_repeated(reading: _Reading, reference: str) -> bool:
    mark = fingerprint(reference)
    if mark in reading.seen:
        reading.findings.count("rows of an attempt that is already in the files")
        return True
    reading.seen.add(mark)
    return False


def _cell(cells: list[str], place: int) -> str:
    return cells[place].strip() if place >= 0 else ""


def _named(reading: _Reading, kind: str, name: str, unknown: Unplaced) -> str:
    """The key that the settings give a name; one they do not know is kept in `unknown`."""
    key = reading.settings.find(kind, name)
    if not key:
        unknown.add(name or "(none)")
    return key


def _experiment(settings: Settings, cells: list[str], places: _Places) -> str:
    name = _cell(cells, places.experiment)
    return settings.find("experiment", name) if name else settings.find("experiment")


CONNECTOR = Connector(
    name="sacct",
    label="Slurm job accounting (sacct)",
    help="Output of: sacct -a -D -P --format=JobID,JobIDRaw,User,Account,Partition,State,Submit,Start,End,ElapsedRaw,"
    "AllocTRES,AllocNodes. With -D every attempt of a requeued job is there.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    options=(
        TIMEZONE,
        name_option("team", "teams", "Which team an account means:"),
        name_option("pool", "pools", "Which pool a partition means:"),
        name_option("experiment", "experiments", "Which request a value of the column experiment_by means:"),
        Option(name="team_by", default="Account", help="The column that names the team: Account, User, Group …"),
        Option(name="experiment_by", help="The column that names the request, such as Comment, WCKey or JobName."),
        Option(name="cluster", help="The cluster's name, when several clusters number their jobs alike."),
    ),
)

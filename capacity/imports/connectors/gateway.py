"""Logs of single requests to usage by hour: a LiteLLM-style spend log (CSV, JSON lines, JSON list) and token traces. Pure.

Requests answered by the gateway's own cache used no accelerator: they are counted and left out. `late` needs an option,
because a log does not say which time to the first token was promised.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import TIMEZONE, Connector, Findings, Line, Option, Settings, Source
from capacity.imports.connectors.moments import hour_of, hour_text, moment
from capacity.imports.connectors.reading import head_of, header_of, json_items, json_lines, number, open_csv
from capacity.imports.connectors.sums import fingerprint
from capacity.imports.connectors.usage import COLUMNS, CONTRACT, SOURCE_REF, TABLE, WORKLOAD, UsageSums

# LiteLLM keeps the names of keys and teams inside `metadata`; the columns of the log hold their numbers.
NAMES_BY = "key_alias,team_alias,end_user,team_id,model_group,model"
_METADATA = {"key_alias": "user_api_key_alias", "team_alias": "user_api_key_team_alias"}
_TRACE = {"timestamp_utc", "input_tokens", "output_tokens"}
_TRACE_ORIGINAL = {"TIMESTAMP", "ContextTokens", "GeneratedTokens"}
_FAILED = {"failure", "failed", "error"}
_EDGE_SECONDS = 300


def looks_like(head: bytes) -> bool:
    """Whether the file has the columns of LiteLLM's spend log, as CSV or JSON."""
    header = header_of(head)
    if {"request_id", "startTime", "prompt_tokens", "completion_tokens"} <= header:
        return True
    text = head_of(head).lstrip()
    return text[:1] in ("{", "[") and '"startTime"' in text and '"prompt_tokens"' in text


def looks_like_trace(head: bytes) -> bool:
    """Whether the file is a trace with a time and the two token counts of each request."""
    header = header_of(head)
    return header >= _TRACE or header >= _TRACE_ORIGINAL


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    usage: UsageSums
    seen: set[int]
    names_by: tuple[str, ...]
    late_seconds: Decimal | None


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of usage_hours from spend logs; every request is counted once, however often it is in the files."""
    late = settings.text("late_after_seconds")
    known = tuple(name for name in COLUMNS if name != "late_requests" or late)
    usage = UsageSums(settings=settings, known=known, source_ref=settings.text("source_ref") or "gateway")
    reading = _Reading(
        settings=settings,
        findings=findings,
        usage=usage,
        seen=set(),
        names_by=tuple(name.strip() for name in (settings.text("names_by") or NAMES_BY).split(",")),
        late_seconds=Decimal(late) if late else None,
    )
    for source in sources:
        for row, entry in _entries(source, findings):
            try:
                _request(reading, source.name, row, entry)
            except CellError as error:
                findings.odd(source.name, error.code, error.message, row=row)
    yield from _finish(usage, findings, sources)


def _finish(usage: UsageSums, findings: Findings, sources: Sequence[Source]) -> Iterator[Line]:
    first = sources[0].name if sources else ""
    advice = "They are left out. Map them with workload:NAME=KEY."
    usage.unplaced.tell(findings, first, column="model", advice=advice)
    _tell_edges(usage, findings, first)
    yield from usage.lines(first)


def _tell_edges(usage: UsageSums, findings: Findings, file: str) -> None:
    """A log that starts or ends inside an hour has only a part of that hour."""
    if usage.first_second is None:
        return
    edges = []
    if usage.first_second % 3600 > _EDGE_SECONDS:
        edges.append(f"the first hour {hour_text(usage.first_second // 3600)}")
    if usage.last_second % 3600 < 3600 - _EDGE_SECONDS:
        edges.append(f"the last hour {hour_text(usage.last_second // 3600)}")
    if edges:
        findings.warn(file, "part_of_an_hour", f"The log holds only a part of {' and of '.join(edges)}.")


def _entries(source: Source, findings: Findings) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with source.open() as stream:
        start = head_of(stream.read(64 * 1024)).lstrip()[:1]
    if start == "{":
        yield from json_lines(source, findings)
    elif start == "[":
        yield from json_items(source, findings)
    else:
        file = open_csv(source, findings, needed=("startTime", "prompt_tokens", "completion_tokens"))
        if file is not None:
            for row, cells in file.rows:
                yield row, dict(zip(file.header, cells, strict=True))


def _request(reading: _Reading, file: str, row: int, entry: Mapping[str, Any]) -> None:
    if _is_repeated(reading, entry):
        return
    metadata = _metadata(entry)
    if str(entry.get("cache_hit") or "").lower() == "true":
        reading.findings.count("requests answered from the gateway's own cache: no accelerator worked for them")
        return
    starts = moment(str(entry.get("startTime") or ""), reading.settings.text("timezone"))
    throttled, failed = _fate(entry, metadata)
    if failed and not throttled:
        reading.findings.count("requests that failed without being throttled")
    prompt, output = _tokens(entry, "prompt_tokens"), _tokens(entry, "completion_tokens")
    if failed and not throttled and prompt + output == 0:
        return
    target = reading.usage.target(*_names(reading.names_by, entry, metadata))
    if not target:
        return
    cached = min(_cached(entry, metadata), prompt)
    late = 0 if throttled else _is_late(reading, entry, starts.timestamp())
    amounts = (1, prompt, cached, output, int(throttled), int(late))
    _stretch(reading.usage, int(starts.timestamp()))
    reading.usage.add(target, hour_of(starts), amounts)


def _stretch(usage: UsageSums, second: int) -> None:
    usage.first_second = second if usage.first_second is None else min(usage.first_second, second)
    usage.last_second = max(usage.last_second, second)


def _is_repeated(reading: _Reading, entry: Mapping[str, Any]) -> bool:
    name = str(entry.get("request_id") or "")
    if not name:
        return False
    mark = fingerprint(name)
    if mark in reading.seen:
        reading.findings.count("requests that are in the files more than once, counted once")
        return True
    reading.seen.add(mark)
    return False


def _metadata(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    value = entry.get("metadata")
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _names(names_by: Sequence[str], entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> list[str]:
    return [str(entry.get(name) or metadata.get(_METADATA.get(name, "")) or "") for name in names_by]


def _fate(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the request was throttled (refused for its rate, 429), and whether it failed at all."""
    status = str(entry.get("status") or metadata.get("status") or "").lower()
    error = metadata.get("error_information")
    code = str(error.get("error_code") or "") if isinstance(error, dict) else ""
    code = code or str(entry.get("status_code") or "")
    throttled = code == "429" or status in ("429", "throttled", "rate_limited")
    return throttled, throttled or status in _FAILED


def _tokens(entry: Mapping[str, Any], name: str) -> int:
    value = entry.get(name)
    if value is None or value == "":
        return 0
    tokens = number(str(value))
    if tokens < 0 or tokens != int(tokens):
        raise CellError("too_small", f'{name} is "{value}"; a count of tokens is a whole number from zero on.')
    return int(tokens)


def _cached(entry: Mapping[str, Any], metadata: Mapping[str, Any]) -> int:
    """Input tokens read from the model's prompt cache: a part of the prompt tokens."""
    for name in ("cache_read_input_tokens", "cached_tokens"):
        if entry.get(name):
            return _tokens(entry, name)
    usage = metadata.get("usage_object")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    if isinstance(details, dict) and details.get("cached_tokens"):
        return _tokens(details, "cached_tokens")
    return _tokens(usage, "cache_read_input_tokens")


def _is_late(reading: _Reading, entry: Mapping[str, Any], starts: float) -> bool:
    """Whether the first token (or the end, when the log has no first token) came after the time promised."""
    if reading.late_seconds is None:
        return False
    first = str(entry.get("completionStartTime") or entry.get("endTime") or "")
    if not first:
        return False
    return moment(first, reading.settings.text("timezone")).timestamp() - starts > float(reading.late_seconds)


def read_trace(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of usage_hours from traces of requests that name no model: all belong to one workload or contract."""
    known = ("requests", "input_tokens", "output_tokens")
    usage = UsageSums(settings=settings, known=known, source_ref=settings.text("source_ref") or "trace")
    zone = settings.text("timezone")
    for source in sources:
        file = open_csv(source, findings)
        target = usage.target(source.name) if file is not None else ""
        if file is None or not target:
            continue
        places = file.places(*(("timestamp_utc", "input_tokens", "output_tokens")))
        places = places if min(places) >= 0 else file.places("TIMESTAMP", "ContextTokens", "GeneratedTokens")
        for row, cells in file.rows:
            try:
                at = moment(cells[places[0]].strip(), zone)
                tokens = [_tokens({"tokens": cells[place]}, "tokens") for place in places[1:]]
            except CellError as error:
                findings.odd(file.file, error.code, error.message, row=row)
                continue
            _stretch(usage, int(at.timestamp()))
            usage.add(target, hour_of(at), (1, tokens[0], 0, tokens[1], 0, 0))
    yield from _finish(usage, findings, sources)


CONNECTOR = Connector(
    name="gateway",
    label="LLM gateway spend log (LiteLLM)",
    help="The proxy's spend log as CSV, JSON lines or a JSON list, one entry for each request.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    reads_all_at_once=True,
    options=(
        WORKLOAD,
        CONTRACT,
        Option(name="names_by", default=NAMES_BY, help="The fields whose values may name the workload, in this order."),
        Option(
            name="late_after_seconds",
            kind="number",
            help="Requests whose first token came later than this are counted late. Without it, late is not known.",
        ),
        SOURCE_REF,
        TIMEZONE,
    ),
)
TRACE = Connector(
    name="request_trace",
    label="Trace of requests with token counts",
    help="A time and the tokens in and out of each request, such as the public Azure inference traces.",
    tables=(TABLE,),
    looks_like=looks_like_trace,
    read=read_trace,
    reads_all_at_once=True,
    options=(WORKLOAD, CONTRACT, SOURCE_REF, TIMEZONE),
)

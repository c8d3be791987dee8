"""Hourly demand traces that count hours from zero (model or client, hour_index, requests, tokens) to usage by hour. Pure.

The traces give no calendar date: the option `start` says when hour 0 begins. Never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import Connector, Findings, Line, Option, Settings, Source
from capacity.imports.connectors.moments import hour_of
from capacity.imports.connectors.reading import Csv, header_of, number, open_csv
from capacity.imports.connectors.usage import CONTRACT, SOURCE_REF, TABLE, WORKLOAD, UsageSums

NEEDED = ("model", "hour_index", "requests", "input_tokens", "output_tokens")
START = Option(
    name="start",
    kind="moment",
    required=True,
    help="When hour 0 of the trace begins, with its zone, such as 2026-11-02T00:00:00Z.",
)


def looks_like(head: bytes) -> bool:
    """Whether the file has hours counted from zero with requests and tokens."""
    return header_of(head) >= set(NEEDED)


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of usage_hours: the client names the workload or contract when the file has one, else the model."""
    known = ("requests", "input_tokens", "output_tokens")
    usage = UsageSums(settings=settings, known=known, source_ref=settings.text("source_ref") or "demand_trace")
    start = hour_of(datetime.fromisoformat(settings.text("start")))
    for source in sources:
        file = open_csv(source, findings, needed=NEEDED)
        if file is not None:
            _read_file(file, start, usage, findings)
    first = sources[0].name if sources else ""
    advice = "They are left out. Map them with workload:NAME=KEY."
    usage.unplaced.tell(findings, first, column="model", advice=advice)
    yield from usage.lines(first)


def _read_file(file: Csv, start: int, usage: UsageSums, findings: Findings) -> None:
    model, client, hour = file.places("model", "client", "hour_index")
    counted = file.places("requests", "input_tokens", "output_tokens")
    unknown_at = file.place("requests_of_unknown_length")
    requests, unknown = 0, 0
    for row, cells in file.rows:
        try:
            index = _whole(cells[hour], "hour_index")
            amounts = [_whole(cells[place], file.header[place]) for place in counted]
            unknown += _whole(cells[unknown_at], "requests_of_unknown_length") if unknown_at >= 0 else 0
        except CellError as error:
            findings.odd(file.file, error.code, error.message, row=row)
            continue
        requests += amounts[0]
        target = usage.target(*([cells[client]] if client >= 0 else []), cells[model])
        if target:
            usage.add(target, start + index, (amounts[0], amounts[1], 0, amounts[2], 0, 0))
    if unknown:
        share = 100 * unknown / (requests + unknown)
        message = f"{unknown:,} further requests ({share:.0f} % of all) have no tokens in the file and are left out."
        findings.warn(file.file, "tokens_unknown", message, column="requests_of_unknown_length")


def _whole(cell: str, name: str) -> int:
    value = number(cell.strip()) if cell.strip() else number("0")
    if value < 0 or value != int(value):
        raise CellError("not_whole", f'{name} is "{cell}"; it is a whole number from zero on.')
    return int(value)


CONNECTOR = Connector(
    name="demand_trace",
    label="Hourly demand trace (hours counted from zero)",
    help="Requests and tokens by model (and client) and hour, such as the public ServeGen workloads by the hour.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    reads_all_at_once=True,
    options=(START, WORKLOAD, CONTRACT, SOURCE_REF),
)

"""Exports of a Prometheus-style store (range-query JSON, long or wide CSV) to usage by hour. Pure.

A counter's growth is split over the hours it fell in; a counter that falls was reset and grew by its new value. Hours
that samples do not cover stay away: a gap is a gap. Which column a metric means is known for vLLM and SGLang names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import isfinite
from typing import Any

from capacity.imports.cells import CellError
from capacity.imports.connectors.contract import TIMEZONE, Connector, Findings, Line, Option, Settings, Source, Unplaced
from capacity.imports.connectors.moments import hour_text, moment
from capacity.imports.connectors.reading import Csv, head_of, header_of, json_items, open_csv, plain
from capacity.imports.connectors.usage import COLUMNS, CONTRACT, SOURCE_REF, TABLE, WORKLOAD

_COUNTED = (*COLUMNS, "accelerators")
# Metric names of serving engines, without the engine's prefix and the counter's `_total`.
METRICS = {
    "prompt_tokens": "input_tokens",
    "generation_tokens": "output_tokens",
    "prefix_cache_hits": "cached_input_tokens",
    "cached_tokens": "cached_input_tokens",
    "request_success": "requests",
    "num_requests": "requests",
}
_TIMES = ("timestamp", "time", "Time", "_time", "Timestamp")
_VALUES = ("value", "Value", "_value")
_LABEL = re.compile(r'([A-Za-z_][A-Za-z0-9_]*)="((?:[^"\\]|\\.)*)"')
NAMES_BY = "workload,service,model_name,model,namespace,job"
# Samples further apart than this leave a gap; an hour counts when so many of its minutes are covered.
_MOST_APART = 3600 + 60
_LEAST_MINUTES = 57
_HOUR = 3600
_ALL = (1 << 60) - 1


def looks_like(head: bytes) -> bool:
    """Whether the file is a range query's answer, or CSV with a time and a value or with vLLM/SGLang series."""
    text = head_of(head)
    if '"resultType"' in text and '"matrix"' in text:
        return True
    header = header_of(head)
    if not header & set(_TIMES):
        return False
    is_long = bool(header & set(_VALUES)) and bool(header & {"__name__", "metric", "model_name", "_field"})
    return is_long or any(name.startswith(("vllm:", "sglang:", "{")) for name in header)


@dataclass(kw_only=True)
class _Hours:
    """Growth of one column of one workload: hour → amount, and hour → which of its 60 minutes samples cover."""

    amounts: dict[int, float] = field(default_factory=dict)
    minutes: dict[int, int] = field(default_factory=dict)
    samples: dict[int, int] = field(default_factory=dict)

    def grow(self, starts: float, ends: float, amount: float) -> None:
        """Spread the amount evenly over the time from `starts` to `ends`."""
        at = starts
        while at < ends:
            hour = int(at // _HOUR)
            until = min(ends, (hour + 1) * _HOUR)
            self.amounts[hour] = self.amounts.get(hour, 0.0) + amount * (until - at) / (ends - starts)
            self.minutes[hour] = self.minutes.get(hour, 0) | _minutes(at - hour * _HOUR, until - hour * _HOUR)
            at = until

    def level(self, at: float, value: float) -> None:
        """A level at one moment: the hour's amount becomes the sum of its samples."""
        hour = int(at // _HOUR)
        self.amounts[hour] = self.amounts.get(hour, 0.0) + value
        self.samples[hour] = self.samples.get(hour, 0) + 1


def _minutes(starts: float, ends: float) -> int:
    first, last = round(starts / 60), round(ends / 60)
    return ((1 << (last - first)) - 1) << first & _ALL


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    file: str = ""
    hours: dict[tuple[str, str, str], _Hours] = field(default_factory=dict)
    unplaced: Unplaced = field(default_factory=lambda: Unplaced(what="no workload is known for"))
    unknown: Unplaced = field(default_factory=lambda: Unplaced(what="no column is known for the metric"))


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of usage_hours; series of the same workload are summed."""
    reading = _Reading(settings=settings, findings=findings)
    for source in sources:
        reading.file = source.name
        with source.open() as stream:
            is_json = head_of(stream.read(64 * 1024)).lstrip()[:1] == "{"
        if is_json:
            for _, series in json_items(source, findings, after="result"):
                _series(reading, _labels(series.get("metric")), _samples(reading, series))
        else:
            file = open_csv(source, findings)
            if file is not None:
                _read_csv(reading, file)
    first = sources[0].name if sources else ""
    advice = "They are left out. Map them with workload:NAME=KEY."
    reading.unplaced.tell(findings, first, column=settings.text("names_by"), advice=advice)
    reading.unknown.tell(
        findings, first, column="__name__", advice="It is left out. Say metric:NAME=COLUMN.", code="unknown_metric"
    )
    yield from _lines(reading, first)


def _labels(metric: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in metric.items()} if isinstance(metric, dict) else {}


def _samples(reading: _Reading, series: dict[str, Any]) -> list[tuple[float, float]]:
    """(seconds, value) in order, without those that are no numbers."""
    values = series.get("values")
    found: list[tuple[float, float]] = []
    for sample in values if isinstance(values, list) else []:
        try:
            at, value = float(sample[0]), float(sample[1])
        except (TypeError, ValueError, IndexError):
            reading.findings.odd(reading.file, "not_a_number", f"The sample {str(sample)[:60]} is not a number.")
            continue
        if isfinite(value):
            found.append((at, value))
        else:
            reading.findings.count("samples that are NaN or infinite, left as gaps")
    return found


def _read_csv(reading: _Reading, file: Csv) -> None:
    time, value = file.place(*_TIMES), file.place(*_VALUES)
    if time < 0:
        message = f"There is no column of times ({', '.join(_TIMES)})."
        reading.findings.say(file.file, "missing_column", message, row=1)
        return
    series: dict[str, list[tuple[float, float]]] = {}
    labels: dict[str, dict[str, str]] = {}
    wide = {place: name for place, name in enumerate(file.header) if place != time} if value < 0 else {}
    for row, cells in file.rows:
        try:
            at = moment(cells[time].strip(), reading.settings.text("timezone")).timestamp()
        except CellError as error:
            reading.findings.odd(file.file, error.code, error.message, row=row, column=file.header[time])
            continue
        if value >= 0:
            own = {name: cells[place] for place, name in enumerate(file.header) if place not in (time, value)}
            key = json.dumps(own, sort_keys=True)
            labels.setdefault(key, own)
            _sample(reading, series.setdefault(key, []), row, at, cells[value])
        for place, name in wide.items():
            labels.setdefault(name, labels_of(name))
            _sample(reading, series.setdefault(name, []), row, at, cells[place])
    for key, samples in series.items():
        _series(reading, labels[key], sorted(samples))


def labels_of(name: str) -> dict[str, str]:
    """`vllm:prompt_tokens_total{model_name="a"}` to its labels; a bare word is the metric's name and the workload's."""
    metric, brace, rest = name.partition("{")
    labels = dict(_LABEL.findall(rest)) if brace else {"workload": name}
    return {"__name__": metric.strip(), **labels} if metric.strip() else labels


def _sample(reading: _Reading, samples: list[tuple[float, float]], row: int, at: float, cell: str) -> None:
    text = cell.strip()
    if not text:
        return
    try:
        number = float(text)
    except ValueError:
        message = f'"{text[:60]}" is not a number.'
        reading.findings.odd(reading.file, "not_a_number", message, row=row)
        return
    if isfinite(number):
        samples.append((at, number))
    else:
        reading.findings.count("samples that are NaN or infinite, left as gaps")


def _series(reading: _Reading, labels: dict[str, str], samples: list[tuple[float, float]]) -> None:
    if not samples:
        return
    name = labels.get("__name__") or labels.get("metric") or labels.get("_field") or ""
    column = column_of(reading.settings, name)
    if not column:
        reading.unknown.add(name or "(no name)")
        return
    names = [labels.get(label.strip(), "") for label in (reading.settings.text("names_by") or NAMES_BY).split(",")]
    workload = reading.settings.find("workload", *names)
    if not workload:
        reading.unplaced.add(next((each for each in names if each), "(no name)"))
        return
    key = (workload, reading.settings.find("contract", *names), column)
    _fill(reading, name, reading.hours.setdefault(key, _Hours()), samples, column)


def column_of(settings: Settings, name: str) -> str:
    """The column of usage a metric counts: said by an option, or known for the engines' own names, or ""."""
    said = settings.find("metric", name)
    if said or not name:
        return said
    bare = name.rpartition(":")[2].removesuffix("_total")
    return METRICS.get(bare, "")


def _fill(reading: _Reading, name: str, hours: _Hours, samples: list[tuple[float, float]], column: str) -> None:
    kind = reading.settings.text("values") or ("counter" if name.endswith("_total") else "")
    if not kind and column == "accelerators":
        kind = "gauge"
    if not kind:
        message = "Say what the values are: values=counter, increase (over the step before), rate (a second) or gauge."
        reading.findings.say(reading.file, "wrong_option", message, column="values")
    elif kind == "gauge":
        for at, value in samples:
            hours.level(at, value)
    elif kind == "counter":
        _counter(reading, hours, samples)
    else:
        _steps(reading, hours, samples, is_rate=kind == "rate")


def _counter(reading: _Reading, hours: _Hours, samples: list[tuple[float, float]]) -> None:
    for (before, low), (after, high) in zip(samples, samples[1:], strict=False):
        if after - before > _MOST_APART:
            reading.findings.count("gaps of more than an hour between samples, left as gaps")
            continue
        if high < low:
            reading.findings.count("resets of a counter: it grew by what it counted since")
        if after > before:
            hours.grow(before, after, high - low if high >= low else high)


def _steps(reading: _Reading, hours: _Hours, samples: list[tuple[float, float]], *, is_rate: bool) -> None:
    """Values that stand for the step before them. The step is the least distance between two samples."""
    apart = [after - before for (before, _), (after, _) in zip(samples, samples[1:], strict=False) if after > before]
    step = min(min(apart, default=_HOUR), _HOUR)
    for at, value in samples:
        if value < 0:
            reading.findings.odd(
                reading.file, "too_small", f"The growth {value} at {hour_text(int(at) // _HOUR)} is negative."
            )
            continue
        hours.grow(at - step, at, value * step if is_rate else value)


def _lines(reading: _Reading, file: str) -> Iterator[Line]:
    places = sorted({(workload, contract) for workload, contract, _ in reading.hours})
    for workload, contract in places:
        columns = {
            column: reading.hours[workload, contract, column]
            for column in _COUNTED
            if (workload, contract, column) in reading.hours
        }
        for hour in sorted({hour for found in columns.values() for hour in found.amounts}):
            cells = _cells(reading.findings, columns, hour)
            if cells:
                own = {"workload": workload, "contract": contract, "hour_at": hour_text(hour), **cells}
                own["source_ref"] = reading.settings.text("source_ref") or "prometheus"
                own["provenance"] = f"Imported from {file}"[:200]
                yield Line(TABLE, own, file, None)


def _cells(findings: Findings, columns: dict[str, _Hours], hour: int) -> dict[str, str]:
    """The columns of an hour; {} when its tokens are covered in part only, or not counted at all."""
    cells = dict.fromkeys(_COUNTED, "")
    for column, found in columns.items():
        if hour in found.samples:
            cells[column] = _text(column, found.amounts[hour] / found.samples[hour])
        elif found.minutes.get(hour, 0).bit_count() >= _LEAST_MINUTES:
            cells[column] = _text(column, found.amounts[hour])
        elif hour in found.amounts:
            findings.count("hours the samples cover in part only, left as gaps")
            return {}
    if not cells["input_tokens"] or not cells["output_tokens"]:
        findings.count("hours without both input and output tokens, left out")
        return {}
    if cells["cached_input_tokens"] and int(cells["cached_input_tokens"]) > int(cells["input_tokens"]):
        findings.count("hours whose cached tokens were above their input tokens, taken as all cached")
        cells["cached_input_tokens"] = cells["input_tokens"]
    return cells


def _text(column: str, amount: float) -> str:
    return plain(Decimal(str(amount)), 4) if column == "accelerators" else str(max(0, round(amount)))


CONNECTOR = Connector(
    name="prometheus",
    label="Hourly tokens from Prometheus (range query)",
    help="The answer of /api/v1/query_range, or CSV of it: counters of vLLM or SGLang, increases by step, or rates. Give "
    "the files of input and output tokens together.",
    tables=(TABLE,),
    looks_like=looks_like,
    read=read,
    reads_all_at_once=True,
    options=(
        WORKLOAD,
        CONTRACT,
        Option(name="names_by", default=NAMES_BY, help="The labels whose values may name the workload, in this order."),
        Option(
            name="metric",
            kind="names",
            help=f"Which column a metric counts, one of {', '.join(_COUNTED)}: metric:NAME=COLUMN, metric=COLUMN for all.",
        ),
        Option(
            name="values",
            kind="choice",
            choices=("counter", "increase", "rate", "gauge"),
            help="What the values are. Names that end in _total are counters; otherwise it must be said.",
        ),
        SOURCE_REF,
        TIMEZONE,
    ),
)

"""Measured serving throughputs to operating points: latency/throughput sweeps, MLPerf Inference and TensorRT-LLM tables. Pure.

An operating point is what one replica of stated size gives. Rows whose accelerator count the source does not determine
have no replica and are left out, counted and named. A latency class is never read out of a scenario's name in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from capacity.imports.cells import CellError
from capacity.imports.connectors.accelerator_prices import ACCEPT, TYPE
from capacity.imports.connectors.accelerators import suggest
from capacity.imports.connectors.contract import (
    Connector,
    Findings,
    Line,
    Option,
    Settings,
    Source,
    Unplaced,
    name_option,
)
from capacity.imports.connectors.reading import Csv, header_of, number, open_csv, plain
from capacity.imports.connectors.specs import key_of
from capacity.imports.connectors.sums import fingerprint

TABLE = "operating_points"
MODELS = "model_versions"
_SWEEP = {"measurement_id", "tpot_ms", "output_tokens_per_s_per_accelerator", "accelerator_count"}
_MLPERF = {"round", "result_id", "scenario", "tokens_per_s_per_accelerator", "accelerator_count"}
_TABLE = {"model", "accelerators_per_replica", "output_tokens_per_s_per_accelerator", "input_tokens_per_request"}
_CLASSES = ("interactive", "standard", "batch", "offline")
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,80}", re.ASCII)


def looks_like(head: bytes) -> bool:
    """Whether the file has one of the three forms."""
    header = header_of(head)
    return any(header >= form for form in (_SWEEP, _MLPERF, _TABLE))


@dataclass(kw_only=True)
class _Reading:
    settings: Settings
    findings: Findings
    types: dict[str, str]
    new_models: dict[str, str]
    seen: set[int]
    models: Unplaced
    chips: Unplaced
    precisions: Unplaced
    lengths: Unplaced


@dataclass(frozen=True, kw_only=True)
class _Point:
    """One row in common terms. accelerators: of the replica; speed: output tokens a second of one accelerator."""

    name: str
    model: str
    accelerator: str
    latency_class: str
    precision: str
    accelerators: int
    tokens_in: str
    tokens_out: str
    speed: Decimal
    day: str
    flag: str
    note: str


def read(sources: Sequence[Source], settings: Settings, findings: Findings) -> Iterator[Line]:
    """Rows of operating_points (and of model_versions, when the option new_models says their tier)."""
    names = settings.names.get("accelerator_type")
    reading = _Reading(
        settings=settings,
        findings=findings,
        types={key: key for key in names.keys} if names else {},
        new_models={},
        seen=set(),
        models=Unplaced(what="no model is known for"),
        chips=Unplaced(what="none of our accelerator types is known for"),
        precisions=Unplaced(what="no precision is stated for"),
        lengths=Unplaced(what="the tokens in and out of a request are not stated for"),
    )
    for source in sources:
        file = open_csv(source, findings)
        if file is not None:
            yield from _read_file(reading, file)
    _tell(reading, sources[0].name if sources else "")


def _tell(reading: _Reading, file: str) -> None:
    left = "They are left out."
    advice = f"{left} Map them with model:NAME=KEY, or add them with new_models=TIER."
    reading.models.tell(reading.findings, file, column="model", advice=advice, code="no_model")
    advice = f"{left} Map them with accelerator_type:NAME=KEY, or say accept_suggestions=yes."
    reading.chips.tell(reading.findings, file, column="accelerator", advice=advice, code="no_type")
    advice = f"{left} Say precision=… to take them with one."
    reading.precisions.tell(reading.findings, file, column="precision", advice=advice, code="no_precision")
    advice = f"{left} Say tokens_in:MODEL=… and tokens_out:MODEL=…, the mean lengths of that benchmark's requests."
    reading.lengths.tell(reading.findings, file, column="model", advice=advice, code="no_length")


def _read_file(reading: _Reading, file: Csv) -> Iterator[Line]:
    header = set(file.header)
    form = _sweep if header >= _SWEEP else _mlperf if header >= _MLPERF else _trtllm
    if not any(header >= each for each in (_SWEEP, _MLPERF, _TABLE)):
        message = "The columns are of none of the three forms of throughput tables that are read."
        reading.findings.say(file.file, "missing_column", message, row=1)
        return
    for row, cells in file.rows:
        own = dict(zip(file.header, (cell.strip() for cell in cells), strict=True))
        try:
            point = form(reading, file.file, row, own)
            if point is not None:
                yield from _lines(reading, file.file, row, point)
        except CellError as error:
            reading.findings.odd(file.file, error.code, error.message, row=row)


def _sweep(reading: _Reading, file: str, row: int, own: dict[str, str]) -> _Point | None:
    if not own["accelerator_count"] or not own["output_tokens_per_s_per_accelerator"]:
        why = own.get("quality_flag") or "the numbers of workers are not stated"
        message = f"The accelerator count is not determined ({why.replace('_', ' ')}): left out."
        reading.findings.warn(file, "count_ambiguous", message, row=row, column="accelerator_count")
        reading.findings.count("points whose accelerator count the source does not determine, left out")
        return None
    seconds = number(own["ttft_ms"]) / 1000, number(own["tpot_ms"]) / 1000
    flag = own.get("quality_flag", "")
    if flag:
        reading.findings.count(f"points the source marks {flag}, kept with the mark")
    return _Point(
        name=own["measurement_id"],
        model=own["model"],
        accelerator=own["accelerator"],
        latency_class=_class_of(reading.settings, *seconds),
        precision=own["precision"],
        accelerators=_whole(own["accelerator_count"]),
        tokens_in=own["input_tokens_per_request"],
        tokens_out=own["output_tokens_per_request"],
        speed=number(own["output_tokens_per_s_per_accelerator"]),
        day=own["measured_date"] if len(own["measured_date"]) == 10 else "",
        flag=flag,
        note=f"{own['framework']} {own['framework_version']} {own['serving_mode']}, concurrency {own['concurrency']}",
    )


def _class_of(settings: Settings, first: Decimal, each: Decimal) -> str:
    """The strictest class whose limits the point meets: seconds to the first token, and for each further one."""
    said = settings.text("latency_class")
    if said:
        return said
    for name in ("interactive", "standard"):
        limits = [Decimal(part) for part in settings.text(f"{name}_limits").split("/")]
        if first <= limits[0] and each <= limits[1]:
            return name
    return "batch"


def _mlperf(reading: _Reading, file: str, row: int, own: dict[str, str]) -> _Point | None:
    if _whole(own["accelerator_count"] or "0") == 0 or not own["accelerator"]:
        reading.findings.count("results without accelerators, left out")
        return None
    if not own["tokens_per_s_per_accelerator"]:
        reading.findings.count(f"results in {own.get('result_unit') or 'another unit'}, not in tokens, left out")
        return None
    if "," in own["accelerator"]:
        reading.findings.count("results of systems with several kinds of accelerator, left out")
        return None
    lengths = (
        _length(reading.settings, "tokens_in", own["model"]),
        _length(reading.settings, "tokens_out", own["model"]),
    )
    if "" in lengths:
        reading.lengths.add(own["model"])
        return None
    scenario = own["scenario"].lower()
    said = {"offline": "offline", "server": "standard", "interactive": "interactive"}.get(scenario, "")
    latency = reading.settings.text("latency_class") or said
    if not latency:
        raise CellError("unknown_choice", f'"{own["scenario"]}" is no scenario of MLPerf Inference.')
    # MLPerf scales a model over the whole system; a replica is taken to be one node.
    return _Point(
        name=f"mlperf-{own['round']}-{own['result_id']}-{own['model']}-{scenario}",
        model=own["model"],
        accelerator=own["accelerator"],
        latency_class=latency,
        precision=own["weight_data_type"].lower(),
        accelerators=_whole(own["accelerators_per_node"]),
        tokens_in=lengths[0],
        tokens_out=lengths[1],
        speed=number(own["tokens_per_s_per_accelerator"]),
        day="",
        flag="derived_from_mlperf",
        note=f"MLPerf Inference {own['round']} {own['submitter']} {own['system']}, {own['software']}",
    )


def _length(settings: Settings, option: str, model: str) -> str:
    names = settings.names.get(option)
    return names.find(model) if names else ""


def _trtllm(reading: _Reading, file: str, row: int, own: dict[str, str]) -> _Point | None:
    parts = (
        "model",
        "accelerator",
        "parallelism",
        "precision",
        "input_tokens_per_request",
        "output_tokens_per_request",
    )
    return _Point(
        name=key_of("trtllm-" + "-".join(own[part] for part in parts)),
        model=own["model"],
        accelerator=own["accelerator"],
        latency_class=reading.settings.text("latency_class") or "offline",
        precision=own["precision"].lower(),
        accelerators=_whole(own["accelerators_per_replica"]),
        tokens_in=own["input_tokens_per_request"],
        tokens_out=own["output_tokens_per_request"],
        speed=number(own["output_tokens_per_s_per_accelerator"]),
        day="",
        flag="published_maximum",
        note=f"TensorRT-LLM performance overview, {own['parallelism']}",
    )


def _whole(cell: str) -> int:
    value = number(cell)
    if value < 0 or value != int(value):
        raise CellError("not_whole", f'"{cell}" is not a whole number.')
    return int(value)


def _lines(reading: _Reading, file: str, row: int, point: _Point) -> Iterator[Line]:
    precision = point.precision or reading.settings.text("precision")
    if not precision:
        reading.precisions.add(point.model)
        return
    chip = _chip(reading, point.accelerator)
    if not chip:
        return
    model, line = _model(reading, file, row, point.model)
    if line is not None:
        yield line
    if not model:
        return
    key = _point_key(point.name)
    if fingerprint(key) in reading.seen:
        reading.findings.count("points that are in the files twice, the first taken")
        return
    reading.seen.add(fingerprint(key))
    cells = {
        "key": key,
        "model_version": model,
        "accelerator_type": chip,
        "latency_class": point.latency_class,
        "precision": precision[:20],
        "replica_accelerators": str(point.accelerators),
        "input_tokens": str(_whole(point.tokens_in)),
        "output_tokens": str(_whole(point.tokens_out)),
        "output_tokens_per_second": plain(point.speed * point.accelerators, 4),
        "measured_date": point.day,
        "quality_flag": point.flag,
        "provenance": f"{point.note}; {file}"[:300],
    }
    yield Line(TABLE, cells, file, row)


def _point_key(name: str) -> str:
    """The source's own name, or the longest part of it that fits with what tells it apart from others."""
    if _KEY.fullmatch(name):
        return name
    return f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', name)[:63]}-{fingerprint(name):016x}"


def _chip(reading: _Reading, accelerator: str) -> str:
    key = reading.settings.find("accelerator_type", accelerator)
    if key:
        return key
    suggested = suggest(accelerator, reading.types)
    if suggested and reading.settings.text("accept_suggestions") == "yes":
        reading.findings.count("points whose accelerator type is a suggestion that was accepted")
        return suggested
    reading.chips.add(f"{accelerator} → {suggested}?" if suggested else accelerator)
    return ""


def _model(reading: _Reading, file: str, row: int, name: str) -> tuple[str, Line | None]:
    """The key of the model, and the row that adds it the first time it is met."""
    key = reading.settings.find("model", name)
    if key:
        return key, None
    tier = reading.settings.text("new_models")
    if not tier:
        reading.models.add(name)
        return "", None
    own = key_of(name)
    if reading.settings.find("model", own):
        return own, None
    if own in reading.new_models:
        return own, None
    reading.new_models[own] = name
    reading.findings.count(f"models added, of the tier {tier}")
    cells = {"key": own, "name": name[:120], "model_tier": tier, "provenance": f"Named in {file}"[:200]}
    return own, Line(MODELS, cells, file, row)


CONNECTOR = Connector(
    name="operating_points",
    label="Measured serving throughputs",
    help="Latency and throughput sweeps, MLPerf Inference results by accelerator, or TensorRT-LLM's published maxima.",
    tables=(MODELS, TABLE),
    looks_like=looks_like,
    read=read,
    options=(
        TYPE,
        ACCEPT,
        name_option("model", "model_versions", "Which model a name means:"),
        Option(
            name="new_models",
            kind="choice",
            choices=("frontier", "mid", "small"),
            help="Models that are not known are added as this tier. Without it their rows are left out.",
        ),
        Option(name="precision", help="The precision of rows that state none, such as fp8."),
        Option(
            name="latency_class", kind="choice", choices=_CLASSES, help="The class of all rows, whatever they measured."
        ),
        Option(
            name="interactive_limits",
            default="1/0.02",
            help="Seconds to the first token / for each further token, at most, of class interactive.",
        ),
        Option(name="standard_limits", default="5/0.05", help="The same for class standard. Slower is batch."),
        Option(name="tokens_in", kind="names", help="Mean input tokens of a benchmark's requests: tokens_in:MODEL=N."),
        Option(
            name="tokens_out", kind="names", help="Mean output tokens of a benchmark's requests: tokens_out:MODEL=N."
        ),
    ),
)

"""The demo world as importable CSV text: composed tables with dates relative to a start week, and derived ones. Pure.

A cell may hold a date token: `@0d` is the Monday of the start week, `@+35d` and `@-7w` count from it, `@+9w+2d` adds
up, and `@w53+2d` counts from the Monday of ISO week 53 (of six weeks later where the next 40 weeks hold none).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from capacity.demo.actuals import job_usage, usage_hours
from capacity.demo.prices import accelerator_list_prices, token_list_prices
from capacity.demo.profiles import operating_points, throughput_profiles
from capacity.inventory.datasheets_public import datasheet_types

HERE = Path(__file__).resolve().parent
WORLD = HERE / "world"
SOURCES = HERE / "sources"
_TOKEN = re.compile(r"@(w53|[+-]?\d+[wd])((?:[+-]\d+[wd])*)")
_STEP = re.compile(r"([+-]?)(\d+)([wd])")
_WEEK_53_WITHIN = 40
_WITHOUT_WEEK_53 = 6


def demo_tables(*, monday: date) -> dict[str, bytes]:
    """File name → CSV bytes of every table of the demo world that starts in the week of `monday`.

    Raises ValueError when `monday` is not a Monday, so that requests and policies start on Mondays too.
    """
    if monday.weekday() != 0:
        raise ValueError(f"{monday} is not a Monday")
    tables = {
        path.name: resolve_dates(path.read_text(encoding="utf-8"), monday=monday).encode()
        for path in sorted(WORLD.glob("*.csv"))
    }
    tables["accelerator_types.csv"] = _csv(datasheet_types())
    tables["throughput_profiles.csv"] = _csv(
        throughput_profiles(points=read_source("serving_points.csv"), mlperf=read_source("mlperf_inference_v5_1.csv"))
    )
    tables["operating_points.csv"] = _csv(operating_points(read_source("serving_points.csv")))
    tables["token_list_prices.csv"] = _csv(token_list_prices(read_source("token_list_prices.csv")))
    tables["accelerator_list_prices.csv"] = _csv(accelerator_list_prices(read_source("cloud_accelerator_prices.csv")))
    tables["usage_hours.csv"] = _csv(
        usage_hours(
            hourly=read_source("llm_demand_hourly.csv"),
            by_client=read_source("llm_demand_hourly_by_client.csv"),
            monday=monday,
        )
    )
    tables["job_usage.csv"] = _csv(
        job_usage(
            jobs=read_source("research_jobs_kalos.csv"),
            experiments=_records(tables["experiments.csv"]),
            teams=[row["key"] for row in _records(tables["teams.csv"])],
            monday=monday,
        )
    )
    return tables


# File → the word in it that stands for a decision's number → the decision (decisions.py).
_DECISIONS_NAMED = {
    "floor_waivers.csv": {b"DECISION_OF_THE_WAIVER": "demo-waiver"},
    "workload_moves.csv": {
        b"DECISION_OF_CACHING": "demo-caching",
        b"DECISION_OF_QUANTISATION": "demo-quantisation",
    },
}


def name_decisions(tables: Mapping[str, bytes], *, numbers: Mapping[str, int]) -> dict[str, bytes]:
    """The tables with the numbers of the decisions they name, known once those are recorded."""
    named = dict(tables)
    for file, words in _DECISIONS_NAMED.items():
        for word, key in words.items():
            named[file] = named[file].replace(word, str(numbers[key]).encode())
    return named


def resolve_dates(text: str, *, monday: date) -> str:
    """The text with every date token replaced by its ISO date."""
    return _TOKEN.sub(lambda match: _date_of(match, monday).isoformat(), text)


def read_source(name: str) -> list[dict[str, str]]:
    """The rows of a carried public table."""
    with (SOURCES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _date_of(match: re.Match[str], monday: date) -> date:
    first, rest = match[1], match[2]
    day = _week_53(monday) if first == "w53" else monday + _days(first)
    return sum((_days(step[0]) for step in re.finditer(r"[+-]\d+[wd]", rest)), start=timedelta()) + day


def _days(step: str) -> timedelta:
    match = _STEP.fullmatch(step)
    if match is None:
        raise ValueError(f"{step!r} is not a step such as +35d or -7w")
    days = int(match[2]) * (7 if match[3] == "w" else 1)
    return timedelta(days=-days if match[1] == "-" else days)


def _week_53(monday: date) -> date:
    for weeks in range(1, _WEEK_53_WITHIN):
        day = monday + timedelta(weeks=weeks)
        if day.isocalendar().week == 53:
            return day
    return monday + timedelta(weeks=_WITHOUT_WEEK_53)


def _records(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def _csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()

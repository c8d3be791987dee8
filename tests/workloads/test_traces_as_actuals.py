"""The real traces as actuals: imported through the connectors, each figure computed again here from the files alone.

Hours of two models of ServeGen as two workloads of one class, four clients of one of them as contracts of a workload of
another class, and the finished jobs of AcmeTrace Kalos as those of one request. Plain Python over the CSV beside the
run's rows and the words of the page. The traces say no throttled or late requests: that is a gap.
"""

from __future__ import annotations

import csv
import math
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

import capacity.demo
from capacity.allocation.models import CurrentRun, Run, RunDocument
from capacity.imports.changes import Actor
from capacity.imports.connector_imports import import_from, path_source
from capacity.review.plan_source import ReviewPlanSource
from tests.factories import make_user
from tests.imports.world import GOOD, import_texts
from workloads.models import (
    Experiment,
    JobUsage,
    RunActual,
    RunClassActual,
    RunForecastScore,
    RunGranted,
    RunMeasuredPeak,
    UsageHour,
)

pytestmark = pytest.mark.django_db

SOURCES = Path(capacity.demo.__file__).parent / "sources"
NOW = datetime(2026, 11, 9, 12, tzinfo=UTC)
TODAY = NOW.date()
# Two weeks of the trace end where this week begins; the jobs take eight weeks.
START = datetime(2026, 10, 26, tzinfo=UTC)
JOBS_START = datetime(2026, 9, 7, tzinfo=UTC)
CLIENTS = ("01", "02", "03", "06")
SECONDS = 604_800
ACCELERATORS, WEEKS = 2416, 10
MODELS = "m-large", "m-small"
# Workloads are called otherwise than the models: a name in a file that is a key means that row.
KEYS = {"m-large": "large", "m-small": "small"}


def records(name: str) -> list[dict[str, str]]:
    with (SOURCES / name).open(newline="") as stream:
        return list(csv.DictReader(stream))


def tokens(record: dict[str, str]) -> int:
    return int(record["input_tokens"]) + int(record["output_tokens"])


def by_hour(name: str, column: str) -> dict[str, dict[int, int]]:
    found: dict[str, dict[int, int]] = defaultdict(dict)
    for record in records(name):
        found[record[column]][int(record["hour_index"])] = tokens(record)
    return found


HOURLY = by_hour("llm_demand_hourly.csv", "model")
BY_CLIENT = {key[-2:]: hours for key, hours in by_hour("llm_demand_hourly_by_client.csv", "client").items()}


def p99(values: list[int]) -> int:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def peak(hours: dict[int, int]) -> float:
    values = list(hours.values())
    return p99(values) / (sum(values) / len(values))


def coincidence(members: list[dict[int, int]]) -> float:
    common = sorted(set.intersection(*(set(hours) for hours in members)))
    together = p99([sum(hours[hour] for hours in members) for hour in common])
    return together / sum(p99([hours[hour] for hour in common]) for hours in members)


def rows_of(table: str, *lines: str) -> str:
    return GOOD[f"{table}.csv"].rstrip("\n") + "\n" + "\n".join(lines) + "\n"


def forecasts() -> str:
    """Two vintages of one source a workload: 5 weeks before the first week 10 % too low, 16 weeks before 40 % too high."""
    lines = []
    for key in MODELS:
        mean = sum(HOURLY[key].values()) // (2 * SECONDS)
        for weeks, times in ((5, 0.9), (16, 1.4)):
            day = START.date() - timedelta(weeks=weeks)
            lines.append(f"{KEYS[key]},sales,{day},{day},0,{int(mean * times)},,0,0,")
    return (
        "workload,source,vintage_date,starts_date,input_p10,input_p50,input_p90,output_p10,output_p50,output_p90\n"
        + ("\n".join(lines) + "\n")
    )


@pytest.fixture(autouse=True)
def plain_pages(settings: Any) -> None:
    """Static files unhashed, so that no `collectstatic` is needed."""
    backend = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": backend}


@pytest.fixture
def run() -> Run:
    """The plan of a small world with the traces in it, made the current one."""
    monday = JOBS_START.date()
    experiment = (
        f"kalos,Development,team-1,P1,research,yes,{ACCELERATORS},{WEEKS},{monday},{monday},h100,done,pool-1,{monday}"
    )
    world = {
        # The sample's override is of a request that this world does not have.
        **{name: text for name, text in GOOD.items() if name != "priority_overrides.csv"},
        "workloads.csv": rows_of(
            "workloads",
            "large,Large,serving,big,interactive,us-east,,",
            "small,Small,serving,big,interactive,us-east,,",
            "clients,Clients,serving,big,standard,us-east,,2",
        ),
        "contracts.csv": rows_of(
            "contracts",
            *(f"c-{number}0,1,Client {number},north,active,2026-01-01,2027-01-01,0.9,pay_as_you_go,clients,600000"
              for number in CLIENTS),
        ),
        "experiments.csv": "key,name,team,experiment_priority,purpose,is_model_development,accelerators,weeks,"
        f"earliest_start_date,latest_start_date,accelerator_types,state,pool,started_date\n{experiment}\n",
        "forecasts.csv": forecasts(),
    }  # fmt: skip
    for name in ("usage_hours.csv", "job_usage.csv"):
        world.pop(name, None)
    outcome = import_texts(world)
    assert outcome.applied, [str(issue) for issue in outcome.errors]
    _import("demand_trace", "llm_demand_hourly.csv", START, *(f"workload:{name}={key}" for name, key in KEYS.items()))
    contracts = [f"contract:m-small-client-{number}=c-{number}0" for number in CLIENTS]
    _import("demand_trace", "llm_demand_hourly_by_client.csv", START, "workload=clients", *contracts)
    _import("job_trace", "research_jobs_kalos.csv", JOBS_START, "team=team-1", "pool=pool-1")
    JobUsage.objects.update(experiment=Experiment.objects.get(key="kalos"))
    source = ReviewPlanSource()
    inputs = source.read(as_of=TODAY)
    plan = source.compute(inputs=inputs, progress=lambda _stage, _share: None)
    made = Run.objects.create(
        state="done", reason="test", input_hash="a", result_hash="b", fencing_token=1, inputs_version=inputs.version,
        first_week=inputs.first_week.key, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    plan.write(made)
    CurrentRun.objects.create(scope="plan", run=made, fencing_token=1, inputs_version=inputs.version)
    return made


def _import(connector: str, name: str, start: datetime, *options: str) -> None:
    outcome = import_from(
        connector=connector,
        sources=[path_source(SOURCES / name)],
        options=[f"start={start:%Y-%m-%dT%H:%M:%SZ}", *options],
        actor=Actor(user=None, source="test"),
    )
    assert outcome.applied, [str(issue) for issue in outcome.errors]


def text_of(role: str, address: str = "/workloads/actuals/") -> str:
    client = Client()
    client.force_login(make_user(role))
    page = unescape(client.get(address).content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def test_the_traces_say_what_is_known_of_them() -> None:
    assert [round(peak(HOURLY[key]), 6) for key in MODELS] == [2.559053, 1.847032]
    assert [p99(list(HOURLY[key].values())) for key in MODELS] == [1_210_187_799, 453_837_401]
    assert round(coincidence([HOURLY[key] for key in MODELS]), 6) == 0.881858
    assert [round(peak(BY_CLIENT[number]), 6) for number in CLIENTS] == [2.233623, 4.343583, 2.699357, 4.632857]
    assert round(coincidence([BY_CLIENT[number] for number in CLIENTS]), 6) == 0.616358
    jobs = records("research_jobs_kalos.csv")
    assert (len(jobs), round(sum(float(job["gpu_hours"]) for job in jobs), 2)) == (191, 226_455.70)


def test_peaks_and_coincidences_of_the_run_are_those_of_the_files(run: Run) -> None:
    found = dict(RunMeasuredPeak.objects.filter(run=run).values_list("workload_key", "peak_factor"))
    clients = {hour: sum(BY_CLIENT[each][hour] for each in CLIENTS) for hour in BY_CLIENT["01"]}
    expected = {KEYS[key]: peak(HOURLY[key]) for key in MODELS} | {"clients": peak(clients)}
    assert {key: float(value) for key, value in found.items()} == {
        key: pytest.approx(value, abs=5e-7) for key, value in expected.items()
    }
    classes = {row.serving_class: row for row in RunClassActual.objects.filter(run=run)}
    both, apart = classes["big.interactive.us-east"], classes["big.standard.us-east"]
    assert (both.coincidence, both.members, both.hours) == (Decimal("0.881858"), 2, 336)
    assert (apart.coincidence, apart.members, apart.hours) == (Decimal("0.616358"), 4, 335)


def test_weeks_of_the_run_are_sums_of_the_files_and_quality_is_a_gap(run: Run) -> None:
    for key in MODELS:
        for index, row in enumerate(RunActual.objects.filter(run=run, workload_key=KEYS[key]).order_by("week")):
            mine = [
                record
                for record in records("llm_demand_hourly.csv")
                if record["model"] == key and int(record["hour_index"]) // 168 == index
            ]
            assert (row.input_tokens, row.output_tokens, row.hours_covered) == (
                sum(int(record["input_tokens"]) for record in mine),
                sum(int(record["output_tokens"]) for record in mine),
                168,
            )
            assert (row.throttled_share, row.sla_minutes_lost, row.is_partial) == (None, None, False)
    figure = run.figures.get(key="metric:H3")
    assert (figure.value, figure.absent) == (None, "no week is whole")


def test_forecast_scores_are_those_of_the_files(run: Run) -> None:
    for lead, times in ((4, 0.9), (13, 1.4)):
        errors, biases, total = 0.0, 0.0, 0
        for key in MODELS:
            forecast = int(sum(HOURLY[key].values()) // (2 * SECONDS) * times) * SECONDS
            actual = [sum(value for hour, value in HOURLY[key].items() if hour // 168 == week) for week in (0, 1)]
            wape = sum(abs(forecast - each) for each in actual) / sum(actual)
            row = RunForecastScore.objects.get(run=run, workload_key=KEYS[key], lead_weeks=lead)
            assert (float(row.wape), float(row.bias)) == (
                pytest.approx(wape, abs=1e-7),
                pytest.approx(sum(forecast - each for each in actual) / sum(actual), abs=1e-7),
            )
            errors, biases = errors + wape * sum(actual), biases + sum(forecast - each for each in actual)
            total += sum(actual)
        row = RunForecastScore.objects.get(run=run, workload_key="", lead_weeks=lead)
        assert (float(row.wape), float(row.bias)) == (
            pytest.approx(errors / total, abs=1e-7),
            pytest.approx(biases / total, abs=1e-7),
        )


def test_granted_and_used_hours_are_those_of_the_jobs(run: Run) -> None:
    row = RunGranted.objects.get(run=run)
    used = sum(float(job["gpu_hours"]) for job in records("research_jobs_kalos.csv"))
    assert (row.jobs, round(row.used_hours, 2)) == (191, Decimal("226455.70"))
    granted = ACCELERATORS * 24 * (TODAY - JOBS_START.date()).days
    assert (row.granted_hours, float(row.used_share)) == (granted, pytest.approx(used / granted, abs=1e-7))


def test_the_page_says_the_same_numbers(run: Run) -> None:
    text = text_of("finance")
    for number in (peak(HOURLY["m-large"]), peak(HOURLY["m-small"]), 0.881858, 0.616358):
        assert f"{number:.3f}" in text
    lead4 = RunForecastScore.objects.get(run=run, workload_key="", lead_weeks=4)
    assert f"{100 * float(lead4.wape):.1f}%" in text
    share = 226_455.70 / (ACCELERATORS * 24 * 63)
    assert "226,456" in text and f"{100 * share:.1f}%" in text
    assert "What customers felt is not known: no week is whole." in text


def test_the_file_of_a_list_has_the_numbers_unrounded(run: Run) -> None:
    client = Client()
    client.force_login(make_user("finance"))
    peaks = client.get("/workloads/actuals/?format=csv&table=peaks").content.decode()
    assert "2.559053" in peaks and "1.847032" in peaks
    classes = client.get("/workloads/actuals/?format=csv&table=coincidence").content.decode()
    assert "0.881858" in classes and "0.616358" in classes


def test_research_reads_granted_hours_and_peaks_but_no_tokens(run: Run) -> None:
    text = text_of("research")
    assert "226,456" in text and "2.559" in text
    million = sum(value for hour, value in HOURLY["m-large"].items() if hour < 168) / 1e6
    assert f"{million:,.0f}" in text_of("product") and f"{million:,.0f}" not in text


def test_the_document_holds_sums_and_no_records(run: Run) -> None:
    tables = RunDocument.objects.get(run=run).inputs["tables"]
    assert UsageHour.objects.count() > 1900
    for name in ("usage_weeks", "usage_peaks", "usage_classes", "granted_hours", "forecast_vintages"):
        assert len(tables[name]) <= 13

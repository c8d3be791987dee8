"""Traces of research jobs and of hourly demand: real excerpts. What they do not say has to be said."""

from __future__ import annotations

import csv

import pytest

from tests.imports.connectors.support import DATA, read, sample, source

KNOWN = {"team": ["research"], "pool": ["train"], "workload": ["chat", "reasoning"], "contract": ["big"]}


def test_a_philly_job_starts_when_it_was_submitted_which_is_told() -> None:
    options = ["timezone=America/Los_Angeles", "team:6214e9=research"]

    reading = read("job_trace", sample("research_jobs_philly_2017.csv"), options=options, known=KNOWN)

    first = reading.rows()[0]
    assert (first["job_ref"], first["starts_at"]) == ("philly-000001", "2017-09-04T17:30:41Z")
    # 8 x 2,240,194 s / 3,600.
    assert (first["accelerator_hours"], first["state"], first["team"]) == ("4978.2089", "completed", "")
    assert len(reading.rows()) == 39
    assert "taken to start when it was submitted" in reading.findings.notes[0]
    assert '"ee9e8c" (' in reading.message("unplaced")


def test_the_hours_of_the_trace_are_those_it_states() -> None:
    reading = read(
        "job_trace", sample("research_jobs_philly_2017.csv"), options=["timezone=UTC", "team=research"], known=KNOWN
    )

    stated = csv.DictReader((DATA / "research_jobs_philly_2017.csv").open())
    assert [float(row["accelerator_hours"]) for row in reading.rows()] == [float(row["gpu_hours"]) for row in stated]


def test_a_trace_without_dates_needs_its_start() -> None:
    name = "research_jobs_kalos_2023_part1.csv"

    without = read("job_trace", sample(name), options=["team=research"], known=KNOWN)
    reading = read("job_trace", sample(name), options=["team=research", "start=2023-05-17T00:00:00Z"], known=KNOWN)

    assert "start=… is needed" in without.errors()[0]
    assert reading.rows()[1]["starts_at"] == "2023-05-17T00:05:13Z"
    assert len(reading.rows()) == 20 and reading.issues == []


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("j,1,2026-11-01T00:00:00,0.5,3600", "not_whole"),
        ("j,1,2026-11-01T00:00:00,-8,3600", "not_whole"),
        ("j,1,2026-11-01T00:00:00,8,-1", "too_small"),
        ("j,1,2026-11-01T00:00:00,8,1e12", "too_large"),
        ("j,1,noon,8,1", "bad_time"),
        ("j,1,2026-11-01T00:00:00,8", "wrong_cell_count"),
    ],
)
def test_a_job_that_cannot_be_is_told_with_its_row(row: str, code: str) -> None:
    text = f"job_id,virtual_cluster,submit_time,gpus,duration_s\n{row}\n"

    reading = read("job_trace", source(text), options=["timezone=UTC", "team=research"], known=KNOWN)

    assert [(issue.code, issue.row) for issue in reading.issues] == [(code, 2)]


def test_demand_by_the_hour_is_placed_from_the_start_given() -> None:
    options = ["start=2026-11-02T00:00:00+01:00", "workload:m-large=chat", "workload:deepseek-r1=reasoning"]

    reading = read("demand_trace", sample("llm_demand_hourly.csv"), options=options, known=KNOWN)

    first = reading.rows()[0]
    assert (first["workload"], first["hour_at"]) == ("chat", "2026-11-01T23:00:00Z")
    assert (first["requests"], first["input_tokens"], first["output_tokens"]) == ("586712", "208458487", "171518206")
    assert len(reading.rows()) == 12
    # 862,482 of 3,670,710 + 862,482 requests.
    assert reading.message("tokens_unknown").startswith("862,482 further requests (17 % of all)")


def test_a_demand_trace_without_a_start_is_refused() -> None:
    assert (
        "start=… is needed"
        in read("demand_trace", sample("llm_demand_hourly.csv"), options=["workload=chat"]).errors()[0]
    )


def test_clients_become_contracts_and_the_others_one_sum() -> None:
    options = ["start=2026-11-02T00:00:00Z", "workload=chat", "contract:m-large-client-01=big"]

    reading = read("demand_trace", sample("llm_demand_hourly_by_client.csv"), options=options, known=KNOWN)

    rows = list(csv.DictReader((DATA / "llm_demand_hourly_by_client.csv").open()))
    mine = [row for row in rows if row["client"] == "m-large-client-01"]
    found = {(row["contract"], row["hour_at"][11:13]): int(row["requests"]) for row in reading.rows()}
    assert found["big", "00"] == int(mine[0]["requests"])
    assert sum(found.values()) == sum(int(row["requests"]) for row in rows)

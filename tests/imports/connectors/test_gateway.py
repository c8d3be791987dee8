"""Spend logs of a gateway and traces of requests. Log entries have LiteLLM's fields; the trace is a real excerpt."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from capacity.imports.connectors.gateway import looks_like, looks_like_trace
from tests.imports.connectors.support import DATA, Reading, read, sample, source

KNOWN = {"workload": ["chat", "agents"], "contract": ["acme"]}


def entry(number: int, **fields: Any) -> dict[str, Any]:
    usual = {
        "request_id": f"chatcmpl-{number}",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0042,
        "total_tokens": 1200,
        "prompt_tokens": 1000,
        "completion_tokens": 200,
        "startTime": "2026-11-20T10:15:03.120000+00:00",
        "completionStartTime": "2026-11-20T10:15:03.920000+00:00",
        "endTime": "2026-11-20T10:15:09.700000+00:00",
        "model": "openai/frontier-l",
        "model_group": "frontier-l",
        "cache_hit": "None",
        "status": "success",
        "team_id": "t-1",
        "metadata": {"user_api_key_alias": "chat-prod", "user_api_key_team_alias": "Chat"},
    }
    return {**usual, **fields}


def lines(*entries: dict[str, Any]) -> str:
    return "".join(json.dumps(each) + "\n" for each in entries)


def bring(*entries: dict[str, Any], options: tuple[str, ...] = ("workload:chat-prod=chat",)) -> Reading:
    return read("gateway", source(lines(*entries), "spend.jsonl"), options=options, known=KNOWN)


def test_requests_of_an_hour_are_one_row() -> None:
    (row,) = bring(entry(1), entry(2, prompt_tokens=500, completion_tokens=50)).rows()

    assert (row["workload"], row["contract"], row["hour_at"]) == ("chat", "", "2026-11-20T10:00:00Z")
    assert (row["requests"], row["input_tokens"], row["output_tokens"]) == ("2", "1500", "250")
    assert (row["cached_input_tokens"], row["throttled_requests"], row["late_requests"]) == ("0", "0", "")


def test_csv_lines_and_a_list_say_the_same() -> None:
    entries = [entry(1), entry(2)]
    flat = [{**each, "metadata": json.dumps(each["metadata"])} for each in entries]
    out = io.StringIO()
    writer = csv.DictWriter(out, list(flat[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    forms = [lines(*entries), json.dumps(entries, indent=1), out.getvalue()]

    found = [
        read("gateway", source(form, "log"), options=["workload:chat-prod=chat"], known=KNOWN).rows() for form in forms
    ]

    assert found[0] == found[1] == found[2] and len(found[0]) == 1
    assert all(looks_like(form.encode()) for form in forms)


def test_a_request_that_is_in_two_files_counts_once() -> None:
    reading = bring(entry(1), entry(1))

    assert reading.rows()[0]["requests"] == "1"
    assert reading.counted("more than once") == 1


def test_an_answer_from_the_gateways_cache_used_no_accelerator() -> None:
    reading = bring(entry(1), entry(2, cache_hit="True"))

    assert reading.rows()[0]["input_tokens"] == "1000"
    assert reading.counted("own cache") == 1


def test_tokens_read_from_the_models_cache_are_part_of_the_input() -> None:
    metadata = {"user_api_key_alias": "chat-prod", "usage_object": {"prompt_tokens_details": {"cached_tokens": 768}}}

    (row,) = bring(entry(1, metadata=metadata)).rows()

    assert (row["input_tokens"], row["cached_input_tokens"]) == ("1000", "768")


def test_throttled_requests_are_requests_and_other_failures_are_told() -> None:
    refused = {"user_api_key_alias": "chat-prod", "error_information": {"error_code": "429"}}
    broken = {"user_api_key_alias": "chat-prod", "error_information": {"error_code": "500"}}
    nothing = {"status": "failure", "prompt_tokens": 0, "completion_tokens": 0}

    reading = bring(entry(1), entry(2, **nothing, metadata=refused), entry(3, **nothing, metadata=broken))

    (row,) = reading.rows()
    assert (row["requests"], row["throttled_requests"]) == ("2", "1")
    assert reading.counted("failed without being throttled") == 1


def test_late_needs_to_be_told_and_is_counted_by_the_first_token() -> None:
    slow = entry(2, completionStartTime="2026-11-20T10:15:06+00:00")

    (row,) = bring(entry(1), slow, options=("workload=chat", "late_after_seconds=2")).rows()

    assert row["late_requests"] == "1"


def test_an_unknown_key_is_left_out_and_named_and_a_contract_can_be_said() -> None:
    other = entry(2, metadata={"user_api_key_alias": "stray"}, model_group="", model="x", team_id="")

    reading = bring(entry(1), other, options=("workload:chat-prod=chat", "contract:Chat=acme"))

    (row,) = reading.rows()
    assert (row["workload"], row["contract"], row["requests"]) == ("chat", "acme", "1")
    assert '"stray" (1 rows)' in reading.message("unplaced")


def test_a_log_that_starts_inside_an_hour_says_so() -> None:
    assert "a part of the first hour 2026-11-20T10:00:00Z" in bring(entry(1)).message("part_of_an_hour")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"prompt_tokens": -1}, "too_small"),
        ({"prompt_tokens": "NaN"}, "not_a_number"),
        ({"startTime": "2026-11-20 10:15:03"}, "no_time_zone"),
        ({"startTime": ""}, "bad_time"),
    ],
)
def test_an_entry_that_cannot_be_read_is_an_error(fields: dict[str, Any], code: str) -> None:
    reading = bring(entry(1), entry(2, **fields))

    assert [(issue.code, issue.row) for issue in reading.issues if issue.severity == "E"] == [(code, 2)]


def test_a_cut_off_list_is_told() -> None:
    text = json.dumps([entry(1), entry(2)])[:-40]

    reading = read("gateway", source(text), options=["workload=chat"], known=KNOWN)

    assert reading.errors() == ["file.csv row 2: The JSON is cut off or damaged after item 1."]


def test_the_azure_trace_becomes_two_part_hours() -> None:
    name = "llm_requests_azure_conversation_2023.csv"
    reading = read("request_trace", sample(name), options=["workload=chat"], known=KNOWN)

    rows = list(csv.DictReader((DATA / name).open()))
    assert looks_like_trace((DATA / name).read_bytes())
    assert [row["hour_at"] for row in reading.rows()] == ["2023-11-16T18:00:00Z", "2023-11-16T19:00:00Z"]
    for column in ("input_tokens", "output_tokens"):
        assert sum(int(row[column]) for row in reading.rows()) == sum(int(row[column]) for row in rows)
    assert [row["requests"] for row in reading.rows()] == ["30", "10"]
    assert reading.codes() == {"part_of_an_hour"}


def test_a_trace_needs_to_be_told_what_it_is_of() -> None:
    reading = read("request_trace", sample("llm_requests_azure_conversation_2023.csv"), known=KNOWN)

    assert reading.rows() == [] and "unplaced" in reading.codes()

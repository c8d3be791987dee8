"""Token price lists: excerpts of the public catalogue, history and change log, kept with the tests (see NOTICE)."""

from __future__ import annotations

import json

import pytest

from capacity.imports.connectors.registry import recognise
from tests.imports.connectors.support import DATA, read, sample, source


def test_a_catalogue_gives_a_row_for_each_price_it_states() -> None:
    reading = read("token_prices", sample("token_list_prices.csv"), options=["as_of_date=2026-11-01"])

    found = {row["kind"]: row["usd_per_million_tokens"] for row in reading.rows() if row["model"] == "gpt-5"}
    assert found["uncached_input"] == "1.25" and found["output"] == "10"
    assert {"cached_input", "flex_input", "priority_output"} <= found.keys()
    assert {row["as_of_date"] for row in reading.rows()} == {"2026-11-01"}
    assert reading.issues == []


def test_a_price_of_zero_is_a_free_variant_and_kept() -> None:
    reading = read("token_prices", sample("token_list_prices.csv"), options=["as_of_date=2026-11-01"])

    assert sum(row["usd_per_million_tokens"] == "0" for row in reading.rows()) == reading.counted("zero") == 4


def test_a_price_list_without_a_day_needs_one() -> None:
    assert "as_of_date=… is needed" in read("token_prices", sample("token_list_prices.csv")).errors()[0]


def test_the_catalogues_own_json_has_prices_for_each_token() -> None:
    catalogue = {
        "sample_spec": {"input_cost_per_token": 0.0},
        "gpt-x": {
            "litellm_provider": "openai",
            "input_cost_per_token": 2.5e-06,
            "cache_read_input_token_cost": 1.25e-07,
            "output_cost_per_token_batches": 5e-06,
        },
        "image-x": {"litellm_provider": "openai", "input_cost_per_pixel": 1e-08},
    }

    reading = read("token_prices", source(json.dumps(catalogue)), options=["as_of_date=2026-11-01"])

    assert [(row["provider"], row["kind"], row["usd_per_million_tokens"]) for row in reading.rows()] == [
        ("openai", "uncached_input", "2.5"),
        ("openai", "cached_input", "0.125"),
        ("openai", "batch_output", "5"),
    ]
    assert reading.counted("without a price per token") == 1


def test_the_history_has_a_row_for_each_day_model_and_direction() -> None:
    reading = read("token_price_history", sample("token_price_history.csv"), options=["provider=openrouter"])

    assert len(reading.rows()) == 44
    assert reading.rows()[0] | {"external_id": "", "provenance": ""} == {
        "provider": "openrouter",
        "model": "anthropic/claude-1.2",
        "kind": "uncached_input",
        "as_of_date": "2023-07-26",
        "usd_per_million_tokens": "11.02",
        "external_id": "",
        "provenance": "",
    }


def changes(model: str, kind: str) -> list[tuple[str, str]]:
    reading = read("token_price_changes", sample("token_price_changes.csv"))
    found = [row for row in reading.rows() if row["model"] == model and row["kind"] == kind]
    return [(row["as_of_date"], row["usd_per_million_tokens"]) for row in found]


def test_a_change_that_was_undone_leaves_with_its_undoing() -> None:
    # 3.3 → 3.6 on 2 April, back on the 9th, 3.6 for good on 6 June.
    model = "bedrock/us-gov-east-1/claude-sonnet-4-5-20250929-v1:0"
    assert changes(model, "uncached_input") == [("2026-06-06", "3.6")]
    assert changes(model, "cached_input") == [("2026-03-02", "0.33"), ("2026-06-06", "0.36")]


def test_what_is_undone_and_done_again_stands() -> None:
    assert changes("fireworks_ai/accounts/fireworks/models/deepseek-v3p2", "output") == [("2026-01-06", "1.68")]
    assert changes("vertex_ai/gemini-embedding-2-preview", "uncached_input") == [("2026-05-14", "0.2")]


def test_a_correction_of_units_keeps_the_corrected_price() -> None:
    assert changes("watsonx/ibm/granite-4-h-small", "output") == [("2025-10-17", "0.25"), ("2026-09-05", "0.265")]


def test_a_correction_takes_out_the_wrong_price_before_it() -> None:
    text = (
        "date,model_key,provider,maker,price_kind,old_usd_per_1m_tokens,new_usd_per_1m_tokens,quality_flag\n"
        "2026-01-01,m,p,x,input,,2500,\n2026-02-01,m,p,x,input,2500,2.5,unit\n"
    )

    reading = read("token_price_changes", source(text))

    assert [(row["as_of_date"], row["usd_per_million_tokens"]) for row in reading.rows()] == [("2026-02-01", "2.5")]
    assert reading.counted("in a wrong unit") == 1


def test_the_last_change_of_a_day_counts_and_a_withdrawal_brings_no_row() -> None:
    # 40 is stated and withdrawn on 6 January; the cached price is withdrawn and stated again.
    assert changes("gpt-image-1", "output") == [("2025-12-15", "40")]
    assert changes("gpt-image-1", "cached_input") == [("2026-01-02", "1.25"), ("2026-01-06", "1.25")]


@pytest.mark.parametrize(("price", "code"), [("-1", "too_small"), ("free", "not_a_number"), ("1e99", "too_large")])
def test_a_price_that_is_none_is_told_with_its_row(price: str, code: str) -> None:
    text = f"model_key,provider,input_usd_per_1m_tokens\nm,p,{price}\n"

    reading = read("token_prices", source(text), options=["as_of_date=2026-11-01"])

    assert [(issue.code, issue.row) for issue in reading.issues] == [(code, 2)]


@pytest.mark.parametrize(
    ("name", "connector"),
    [
        ("token_list_prices.csv", "token_prices"),
        ("token_price_history.csv", "token_price_history"),
        ("token_price_changes.csv", "token_price_changes"),
        ("cloud_accelerator_prices.csv", "accelerator_prices"),
        ("accelerator_specs.csv", "accelerator_specs"),
        ("research_jobs_philly_2017.csv", "job_trace"),
        ("research_jobs_kalos_2023_part1.csv", "job_trace"),
        ("llm_demand_hourly.csv", "demand_trace"),
        ("llm_demand_hourly_by_client.csv", "demand_trace"),
        ("llm_requests_azure_conversation_2023.csv", "request_trace"),
        ("serving_latency_throughput_points.csv", "operating_points"),
        ("serving_mlperf_inference_v5_1.csv", "operating_points"),
        ("serving_max_throughput_trtllm.csv", "operating_points"),
    ],
)
def test_each_real_form_is_recognised_by_exactly_one_connector(name: str, connector: str) -> None:
    head = (DATA / name).read_bytes()[:4096]

    assert [found.connector for found in recognise(file_name=name, head=head)] == [connector]


@pytest.mark.parametrize(
    "head", [b"", b"\x00\x01\x02", b"key,name,region\nsite-1,Site,us\n", b"\xff\xfe", b"\x1f\x8b\x08"]
)
def test_our_own_tables_and_noise_are_no_foreign_form(head: bytes) -> None:
    assert recognise(file_name="sites.csv", head=head) == []

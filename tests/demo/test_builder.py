"""The demo's date tokens, its derived profiles, and that every row says where it comes from."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from capacity.demo.builder import demo_tables, read_source, resolve_dates
from capacity.demo.profiles import rates_from_one_point
from workloads.domain.fitting import Point

MONDAY = date(2026, 11, 16)
NOTICE = (Path(__file__).resolve().parents[2] / "NOTICE").read_text()
# Policy tables have no provenance column; the policy says where it is from in its note.
WITHOUT_PROVENANCE = {"policy_sets.csv", "policy_floors.csv"}
# How a provenance names a source → how NOTICE heads it.
SOURCES = {
    "Epoch AI ML hardware": "Epoch AI ML hardware",
    "aiconfigurator-core 0.12.0": "aiconfigurator-core 0.12.0",
    "MLPerf Inference v5.1": "MLPerf Inference v5.1",
    "LiteLLM 1.109.1 price catalogue": "LiteLLM 1.109.1 price catalogue",
    "tardellirs/gpu-pricing": "tardellirs/gpu-pricing",
    "tsaol/aws-gpu": "tsaol/aws-gpu",
    "anycloud-sh/catalog": "anycloud-sh/catalog",
    "ServeGen": "ServeGen",
}


def rows(monday: date = MONDAY) -> dict[str, list[dict[str, str]]]:
    return {
        name: list(csv.DictReader(io.StringIO(content.decode())))
        for name, content in demo_tables(monday=monday).items()
    }


@pytest.mark.parametrize(
    ("token", "day"),
    [
        ("@0d", "2026-11-16"),
        ("@+35d", "2026-12-21"),
        ("@-7w", "2026-09-28"),
        ("@+9w+2d", "2027-01-20"),
        ("@w53", "2026-12-28"),
        ("@w53+2d", "2026-12-30"),
    ],
)
def test_a_date_token_counts_from_the_monday_of_the_start_week(token: str, day: str) -> None:
    assert resolve_dates(f"a,{token},b", monday=MONDAY) == f"a,{day},b"


def test_a_year_without_week_53_takes_the_sixth_week() -> None:
    assert resolve_dates("@w53", monday=date(2028, 2, 28)) == "2028-04-10"


def test_a_token_may_carry_a_time_of_day() -> None:
    assert resolve_dates("@-1wT09:30:00Z", monday=MONDAY) == "2026-11-09T09:30:00Z"


def test_the_demo_starts_on_a_monday_only() -> None:
    with pytest.raises(ValueError, match="not a Monday"):
        demo_tables(monday=date(2026, 11, 22))


def test_one_point_and_a_ratio_give_the_same_rates() -> None:
    # The same replica again: 0.625 s a request, R_in/R_out = 4.
    point = Point(key="p", input_tokens=1000, output_tokens=1000, output_tokens_per_second=Fraction(1600))

    rates = rates_from_one_point(point=point, prefill_to_decode=Fraction(4))

    assert (rates.prefill, rates.decode) == (8000, 2000)


def test_a_profile_of_the_demo_by_hand() -> None:
    # H200, DeepSeek-R1, interactive: Q 201.1… × 8 at 1,024 in and out, and at 8,192 in.
    points = {
        int(point["input_tokens_per_request"]): Fraction(point["output_tokens_per_s_per_accelerator"]) * 8
        for point in read_source("serving_points.csv")
        if (point["model_version"], point["accelerator_type"], point["latency_class"])
        == ("deepseek-r1", "h200", "interactive")
    }
    profile = next(
        row
        for row in rows()["throughput_profiles.csv"]
        if (row["model_version"], row["accelerator_type"], row["latency_class"])
        == ("deepseek-r1", "h200", "interactive")
    )
    prefill, decode = float(profile["prefill_tokens_per_second"]), float(profile["decode_tokens_per_second"])

    for tokens, rate in points.items():
        assert tokens / prefill + 1024 / decode == pytest.approx(float(1024 / rate), rel=1e-4)
    assert profile["basis"] == "measured"


def test_every_row_says_where_it_is_from() -> None:
    for name, table in rows().items():
        if name in WITHOUT_PROVENANCE:
            continue
        for row in table:
            assert re.match(r"(measured|estimated|public list price|composed)\b", row["provenance"]), (name, row)


def test_every_profile_and_every_price_names_a_source_of_the_notice() -> None:
    everything = rows()
    checked = 0
    for name in ("throughput_profiles.csv", "accelerator_types.csv", "price_lines.csv", "cost_rates.csv", "pools.csv"):
        for row in everything[name]:
            provenance = row["provenance"]
            if provenance.startswith("composed") and "list price" not in provenance:
                continue
            named = [heading for word, heading in SOURCES.items() if word in provenance]
            assert named, (name, provenance)
            for heading in named:
                assert f"\n{heading}\n" in NOTICE
            checked += 1
    assert checked > 80


def test_a_public_token_price_is_the_price_of_the_carried_catalogue() -> None:
    catalogue = {row["model_key"]: row for row in read_source("token_list_prices.csv")}
    columns = {
        "uncached_input": "input_usd_per_1m_tokens",
        "cached_input": "cached_input_usd_per_1m_tokens",
        "output": "output_usd_per_1m_tokens",
        "cache_write": "cache_write_usd_per_1m_tokens",
    }
    checked = 0
    for row in rows()["price_lines.csv"]:
        found = re.match(r"public list price: (\S+) (batch )?\(LiteLLM", row["provenance"])
        if found is None or "composed" in row["provenance"] or found[2]:
            continue
        listed = catalogue[found[1]]
        price = listed[columns[row["kind"]]] or listed["input_usd_per_1m_tokens"]
        assert Fraction(row["price"]) == Fraction(price), row
        checked += 1
    assert checked >= 30


def test_accelerator_types_without_a_profile_exist_and_none_of_them_serves() -> None:
    everything = rows()
    served = {row["accelerator_type"] for row in everything["throughput_profiles.csv"]}

    assert {row["key"] for row in everything["accelerator_types.csv"]} - served == {
        "a100", "gb200", "gb300", "mi355x", "tpu-v6e", "tpu-v7", "trn2",
    }  # fmt: skip


def test_an_estimated_profile_shows_its_formula() -> None:
    for row in rows()["throughput_profiles.csv"]:
        assert "R" in row["formula"]
        assert (row["basis"] == "measured") == bool(row["measured_date"])

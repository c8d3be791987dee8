"""Price lists, specifications and measured throughputs of accelerators: real excerpts, and what their names mean."""

from __future__ import annotations

from collections import Counter

import pytest

from capacity.imports.connectors.accelerators import family, suggest
from tests.imports.connectors.support import read, sample, source

TYPES = {
    "nvidia-h100-sxm5-80gb": "NVIDIA H100 SXM5 80GB",
    "nvidia-h100-pcie": "NVIDIA H100 PCIe",
    "nvidia-a100": "NVIDIA A100",
    "nvidia-a100-sxm4-80-gb": "NVIDIA A100 SXM4 80 GB",
    "nvidia-b200": "NVIDIA B200",
    "nvidia-h200-sxm": "NVIDIA H200 SXM",
    "nvidia-b300-blackwell-ultra": "NVIDIA B300 (Blackwell Ultra)",
    "google-tpu-v5e": "Google TPU v5e",
    "amazon-trainium1": "Amazon Trainium1",
    "amazon-trainium2": "Amazon Trainium2",
}
KNOWN = {"accelerator_type": list(TYPES)}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("h100_sxm", "nvidia-h100-sxm5-80gb"),
        ("NVIDIA H100-SXM-80GB", "nvidia-h100-sxm5-80gb"),
        ("NVIDIA HGX H100", "nvidia-h100-sxm5-80gb"),
        ("NVIDIA H100 PCIe NVLink", "nvidia-h100-pcie"),
        ("H200", "nvidia-h200-sxm"),
        ("B300 SXM6", "nvidia-b300-blackwell-ultra"),
        ("A100", "nvidia-a100"),
        ("tpu-v5litepod-16", "google-tpu-v5e"),
        ("AWS Trainium", "amazon-trainium1"),
        ("H100", ""),
        ("NVIDIA A100 80GB", ""),
        ("NVIDIA A10G", ""),
        ("Qualcomm AI 100", ""),
    ],
)
def test_a_name_suggests_a_type_only_when_it_means_one(name: str, key: str) -> None:
    assert suggest(name, TYPES) == key


def test_families_of_similar_names_are_told_apart() -> None:
    names = ("L4", "NVIDIA L40", "L40S", "A10", "NVIDIA A10G", "GH200", "H200", "GB200", "B200")

    assert [family(name) for name in names] == ["l4", "l40", "l40s", "a10", "a10g", "gh200", "h200", "gb200", "b200"]


def test_offers_keep_their_names_and_get_a_type_where_it_is_accepted() -> None:
    options = ["accept_suggestions=yes", "accelerator_type:Qualcomm AI 100=nvidia-b200"]

    reading = read("accelerator_prices", sample("cloud_accelerator_prices.csv"), options=options, known=KNOWN)

    first = reading.rows()[0]
    assert (first["accelerator"], first["accelerator_type"]) == ("Qualcomm AI 100", "nvidia-b200")
    by_type = Counter(row["accelerator_type"] for row in reading.rows())
    assert by_type["nvidia-a100"] > 4 and by_type[""] > 10
    assert "no_type" in reading.codes()


def test_without_acceptance_a_suggestion_stays_one() -> None:
    reading = read("accelerator_prices", sample("cloud_accelerator_prices.csv"), known=KNOWN)

    assert {row["accelerator_type"] for row in reading.rows()} == {""}
    assert '"A100 → nvidia-a100?"' in reading.message("no_type")


def test_each_row_of_the_price_list_is_kept_or_named() -> None:
    reading = read("accelerator_prices", sample("cloud_accelerator_prices.csv"), known=KNOWN)

    repeated = reading.counted("twice")
    assert len(reading.rows()) + repeated + 5 == 74
    assert "5 rows: the price is zero" in reading.message("price_is_zero")
    assert repeated == 2
    assert {row["pricing_model"] for row in reading.rows()} == {"on_demand", "spot", "reserved"}
    assert '"runpod community" (2 rows)' in reading.message("tier")


def test_the_price_of_a_machine_is_shared_by_its_accelerators() -> None:
    text = "cloud,region,instance_type,gpu,gpu_count,price_per_hour,date\nx,eu,m8,H200,8,20,2026-11-01\n"

    (row,) = read("accelerator_prices", source(text), known=KNOWN).rows()

    assert (row["usd_per_accelerator_hour"], row["offer"], row["as_of_date"]) == ("2.5", "m8", "2026-11-01")


def test_a_skypilot_catalogue_has_two_prices_in_a_row() -> None:
    text = (
        "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone\n"
        "p5.48xlarge,H100,8,192,2048,,98.32,39.328,us-east-1,us-east-1a\nm6i.large,,,2,8,,0.096,,us-east-1,us-east-1a\n"
    )
    options = ["provider=aws", "as_of_date=2026-11-01"]

    reading = read("accelerator_prices", source(text), options=options, known=KNOWN)

    assert [(row["pricing_model"], row["usd_per_accelerator_hour"]) for row in reading.rows()] == [
        ("on_demand", "12.29"),
        ("spot", "4.916"),
    ]
    assert reading.counted("without an accelerator") == 1
    assert "as_of_date=… is needed" in " ".join(
        read("accelerator_prices", source(text), options=["provider=x"]).errors()
    )


def test_specifications_become_types_with_h100_equivalents() -> None:
    reading = read("accelerator_specs", sample("accelerator_specs.csv"), options=["as_of_date=2026-11-01"])

    rows = {row["key"]: row for row in reading.rows()}
    assert rows["nvidia-h100-sxm5-80gb"]["h100e_factor"] == "1"
    # 2,250 / 989.4 = 2.274106.
    assert rows["nvidia-b200"]["h100e_factor"] == "2.274106"
    assert rows["nvidia-b200"]["memory_gb"] == "180"
    assert (len(rows), rows["google-tpu-v5e"]["manufacturer"]) == (16, "Google")


def test_chips_without_the_figure_are_named() -> None:
    reading = read("accelerator_specs", sample("accelerator_specs.csv"), options=["as_of_date=2026-11-01"])

    assert reading.message("no_throughput").startswith("4 rows")
    assert '"GroqChip LPU v1"' in reading.message("no_throughput")


def test_a_chip_one_has_already_is_pointed_out() -> None:
    reading = read(
        "accelerator_specs",
        sample("accelerator_specs.csv"),
        options=["as_of_date=2026-11-01", "accelerator_type:NVIDIA H200 SXM=h200"],
        known={"accelerator_type": ["h200", "b200"]},
    )

    assert "h200" in {row["key"] for row in reading.rows()}
    assert '"NVIDIA B200 → b200?"' in reading.message("same_chip")


POINT_OPTIONS = ["accept_suggestions=yes", "new_models=frontier"]
POINT_TYPES = {
    "accelerator_type": [*TYPES, "nvidia-gb200", "nvidia-gb300-blackwell-ultra", "amd-instinct-mi300x", "nvidia-l4"]
}


def test_points_are_of_a_whole_replica() -> None:
    name = "serving_latency_throughput_points.csv"
    reading = read("operating_points", sample(name), options=POINT_OPTIONS, known=POINT_TYPES)

    row = next(
        row for row in reading.rows("operating_points") if row["key"].startswith("minimaxm2_5_b300_vllm_fp8_agg_8192")
    )
    assert (row["model_version"], row["accelerator_type"]) == ("minimaxai-minimax-m2.5", "nvidia-b300-blackwell-ultra")
    # 931.322 tokens a second on each of 4 accelerators; 0.97 s and 33 ms are class standard, not interactive.
    assert (row["replica_accelerators"], row["output_tokens_per_second"]) == ("4", "3725.288")
    assert (row["latency_class"], row["precision"], row["input_tokens"]) == ("standard", "fp8", "8192")


def test_rows_of_undetermined_size_are_warned_of_and_left_out() -> None:
    name = "serving_latency_throughput_points.csv"
    reading = read("operating_points", sample(name), options=POINT_OPTIONS, known=POINT_TYPES)

    ambiguous = reading.counted("does not determine")
    unstated = int(reading.message("no_precision").split()[0])
    assert ambiguous + unstated + len(reading.rows("operating_points")) == 46
    assert ambiguous > 10 and unstated >= 1
    assert {issue.severity for issue in reading.issues} == {"W"}


def test_a_model_is_added_once_with_the_tier_that_was_said() -> None:
    name = "serving_max_throughput_trtllm.csv"
    reading = read("operating_points", sample(name), options=POINT_OPTIONS, known=POINT_TYPES)

    models = reading.rows("model_versions")
    assert len(models) == len({row["key"] for row in models}) > 0
    assert {row["model_tier"] for row in models} == {"frontier"}
    assert read("operating_points", sample(name), known=POINT_TYPES).rows() == []


def test_benchmarks_need_the_lengths_of_their_requests() -> None:
    name = "serving_mlperf_inference_v5_1.csv"
    without = read("operating_points", sample(name), options=POINT_OPTIONS, known=POINT_TYPES)
    options = [*POINT_OPTIONS, "tokens_in=294", "tokens_out=294"]
    reading = read("operating_points", sample(name), options=options, known=POINT_TYPES)

    assert without.rows() == [] and "llama2-70b-99" in without.message("no_length")
    row = next(row for row in reading.rows("operating_points") if "5.1-0001" in row["key"])
    # 1,105.053 tokens a second on each of the node's 8 accelerators.
    assert (row["output_tokens_per_second"], row["latency_class"]) == ("8840.424", "interactive")
    assert reading.counted("several kinds of accelerator") == 4
    assert reading.counted("Queries/s") == 6
    assert reading.counted("without accelerators") == 2

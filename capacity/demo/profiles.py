"""Throughput profiles from public measurements, by formulas that are written into every row. Pure.

A measured operating point is one replica in a closed loop: `requests of in + out tokens` at `Q` output tokens a
second. Two points with different input lengths give both rates (methods: Fitting throughputs). Where only a ratio or a
single point is public, the profile says "estimated" and shows how.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from workloads.domain.fitting import Point, fit_throughputs

Record = Mapping[str, str]

# Reading a cached token costs about a tenth of computing it anew; list prices follow the same tenth.
CACHED_COST_SHARE = "0.1"
LATENCY_LIMITS = {
    "interactive": "at most 20 ms a token (50 tokens a second for each user)",
    "standard": "at most 50 ms a token (20 tokens a second for each user)",
    "batch": "no latency limit",
}
MLPERF_SCENARIOS = {"interactive": "Interactive", "standard": "Server", "batch": "Offline"}
MLPERF_405B_MEAN_LENGTHS = (9_400, 680)
POINTS_SOURCE = "aiconfigurator-core 0.12.0 silicon measurements (Apache-2.0)"
MLPERF_SOURCE = "MLPerf Inference v5.1, closed division (Apache-2.0)"


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Tokens a second of one replica, when it does nothing but prefill (or nothing but decode)."""

    prefill: Fraction
    decode: Fraction


def rates_from_one_point(*, point: Point, prefill_to_decode: Fraction) -> Rates:
    """R_in and R_out from one point, given R_in ÷ R_out of a model of the same family on the same accelerator."""
    decode = (point.input_tokens / prefill_to_decode + point.output_tokens) / point.seconds_per_request
    return Rates(prefill=decode * prefill_to_decode, decode=decode)


def throughput_profiles(*, points: Iterable[Record], mlperf: Iterable[Record]) -> list[dict[str, str]]:
    """The rows of throughput_profiles.csv: from measured points, then those estimated with MLPerf ratios."""
    rows = list(_measured(points))
    results = list(mlperf)
    by_key = {(row["model_version"], row["accelerator_type"], row["latency_class"]): row for row in rows}
    rows.extend(_mi325x(by_key, results))
    rows.extend(_llama_405b(by_key, results))
    return sorted(rows, key=lambda row: (row["model_version"], row["accelerator_type"], row["latency_class"]))


def _measured(points: Iterable[Record]) -> Iterator[dict[str, str]]:
    pairs: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in points:
        pairs[record["model_version"], record["accelerator_type"], record["latency_class"]].append(record)
    for (model, accelerator, latency), records in pairs.items():
        short, long = sorted(records, key=lambda record: int(record["input_tokens_per_request"]))
        first, second = _point(short), _point(long)
        fit = fit_throughputs([first, second])
        rates = Rates(prefill=fit.prefill_tps, decode=fit.decode_tps)
        dates = [record["measured_date"] for record in (short, long)]
        is_dated = all(dates)
        yield _row(
            model,
            accelerator,
            latency,
            rates,
            precision=short["precision"] or "not stated",
            replica=short["accelerator_count"],
            basis="measured" if is_dated else "estimated",
            measured_date=max(dates) if is_dated else "",
            formula=f"in/R_in + out/R_out = out/Q at two points of one replica: {_shown(first)}; {_shown(second)}. "
            f"Best point with {LATENCY_LIMITS[latency]}. κ = 0.1 assumed.",
            provenance=("measured: " if is_dated else "estimated from undated measurements: ")
            + f"{POINTS_SOURCE}, points {short['measurement_id']} and {long['measurement_id']}",
        )


def _mi325x(by_key: Mapping[tuple[str, str, str], dict[str, str]], results: list[Record]) -> Iterator[dict[str, str]]:
    """Llama 3.1 70B on the MI325X: the H200 profile times the MLPerf ratio of the two on Llama 2 70B."""
    for latency, scenario in MLPERF_SCENARIOS.items():
        base = by_key["llama-3.1-70b", "h200", latency]
        ours = _mlperf(results, "llama2-70b-99", scenario, "MI325X")
        theirs = _mlperf(results, "llama2-70b-99", scenario, "H200")
        ratio = Fraction(ours["tokens_per_s_per_accelerator"]) / Fraction(theirs["tokens_per_s_per_accelerator"])
        rates = Rates(
            prefill=Fraction(base["prefill_tokens_per_second"]) * ratio,
            decode=Fraction(base["decode_tokens_per_second"]) * ratio,
        )
        yield _row(
            "llama-3.1-70b",
            "mi325x",
            latency,
            rates,
            precision="fp8",
            replica=base["replica_accelerators"],
            basis="estimated",
            measured_date="",
            formula=f"R(MI325X) = R(H200) × {ours['tokens_per_s_per_accelerator']} ÷ "
            f"{theirs['tokens_per_s_per_accelerator']} tokens a second for each accelerator, Llama 2 70B, {scenario}.",
            provenance=f"estimated: {MLPERF_SOURCE}, {_result(ours)} and {_result(theirs)}; R(H200): {POINTS_SOURCE}",
        )


def _llama_405b(
    by_key: Mapping[tuple[str, str, str], dict[str, str]], results: list[Record]
) -> Iterator[dict[str, str]]:
    """Llama 3.1 405B on the H200: one MLPerf point, split as Llama 3.1 70B splits on the same accelerator."""
    for latency in ("standard", "batch"):
        base = by_key["llama-3.1-70b", "h200", latency]
        split = Fraction(base["prefill_tokens_per_second"]) / Fraction(base["decode_tokens_per_second"])
        result = _mlperf(results, "llama3.1-405b", MLPERF_SCENARIOS[latency], "H200")
        point = Point(
            key=result["result_id"],
            input_tokens=MLPERF_405B_MEAN_LENGTHS[0],
            output_tokens=MLPERF_405B_MEAN_LENGTHS[1],
            output_tokens_per_second=Fraction(result["result"]),
        )
        yield _row(
            "llama-3.1-405b",
            "h200",
            latency,
            rates_from_one_point(point=point, prefill_to_decode=split),
            precision="fp8",
            replica=result["accelerator_count"],
            basis="estimated",
            measured_date="",
            formula=f"in/R_in + out/R_out = out/Q at {_shown(point)} (mean lengths of the benchmark), with "
            f"R_in/R_out = {float(split):.4f} as of Llama 3.1 70B on the same accelerator.",
            provenance=f"estimated: {MLPERF_SOURCE}, {_result(result)}",
        )


def _row(
    model: str, accelerator: str, latency: str, rates: Rates, *, replica: str, precision: str, **rest: str
) -> dict[str, str]:
    return {
        "model_version": model,
        "accelerator_type": accelerator,
        "latency_class": latency,
        "precision": precision,
        "replica_accelerators": replica,
        "prefill_tokens_per_second": f"{float(rates.prefill):.2f}",
        "decode_tokens_per_second": f"{float(rates.decode):.2f}",
        "cached_cost_share": CACHED_COST_SHARE,
        **rest,
    }


def _point(record: Record) -> Point:
    count = int(record["accelerator_count"])
    return Point(
        key=record["measurement_id"],
        input_tokens=int(record["input_tokens_per_request"]),
        output_tokens=int(record["output_tokens_per_request"]),
        output_tokens_per_second=Fraction(record["output_tokens_per_s_per_accelerator"]) * count,
    )


def _shown(point: Point) -> str:
    return f"in {point.input_tokens}, out {point.output_tokens}, Q {float(point.output_tokens_per_second):.1f} tokens/s"


def _mlperf(results: list[Record], model: str, scenario: str, accelerator: str) -> Record:
    return next(
        record
        for record in results
        if record["model"] == model and record["scenario"] == scenario and accelerator in record["accelerator"]
    )


def _result(record: Record) -> str:
    return f"result {record['result_id']} ({record['submitter']}, {record['model']}, {record['scenario']})"


def operating_points(points: Iterable[Record]) -> list[dict[str, str]]:
    """The rows of operating_points.csv: the measured points behind the profiles, one replica each."""
    rows = []
    for record in points:
        point = _point(record)
        rows.append(
            {
                "key": f"{record['model_version']}-{record['accelerator_type']}-{record['latency_class']}-{point.input_tokens}",
                "model_version": record["model_version"],
                "accelerator_type": record["accelerator_type"],
                "latency_class": record["latency_class"],
                "precision": record["precision"] or "not stated",
                "replica_accelerators": record["accelerator_count"],
                "input_tokens": str(point.input_tokens),
                "output_tokens": str(point.output_tokens),
                "output_tokens_per_second": f"{float(point.output_tokens_per_second):.4f}",
                "measured_date": record["measured_date"],
                "provenance": f"measured: {POINTS_SOURCE}, point {record['measurement_id']}",
            }
        )
    return rows

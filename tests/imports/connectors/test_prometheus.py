"""Token counters by the hour. The form is that of /api/v1/query_range with vLLM's metric names; figures are by hand."""

from __future__ import annotations

import json

import pytest

from capacity.imports.connectors.prometheus import labels_of, looks_like
from tests.imports.connectors.support import Reading, read, source

# 2026-11-20T10:00:00Z
TEN = 1795168800
KNOWN = {"workload": ["chat", "agents"]}
Samples = list[tuple[int, str]]


def series(metric: str, samples: Samples, **labels: str) -> dict[str, object]:
    name = {"__name__": metric} if metric else {}
    return {"metric": {**name, "model_name": "chat", **labels}, "values": [[TEN + at, value] for at, value in samples]}


def matrix(*found: dict[str, object]) -> str:
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": list(found)}})


def bring(*found: dict[str, object], options: tuple[str, ...] = ()) -> Reading:
    return read("prometheus", source(matrix(*found), "range.json"), options=options, known=KNOWN)


def counters(samples: Samples, **labels: str) -> tuple[dict[str, object], dict[str, object]]:
    return (
        series("vllm:prompt_tokens_total", samples, **labels),
        series("vllm:generation_tokens_total", [(at, str(float(value) / 10)) for at, value in samples], **labels),
    )


def test_growth_of_counters_is_the_hours_usage() -> None:
    reading = bring(*counters([(0, "1000"), (3600, "4000"), (7200, "10000")]))

    assert [(row["hour_at"], row["input_tokens"], row["output_tokens"]) for row in reading.rows()] == [
        ("2026-11-20T10:00:00Z", "3000", "300"),
        ("2026-11-20T11:00:00Z", "6000", "600"),
    ]
    assert reading.rows()[0]["workload"] == "chat" and reading.rows()[0]["requests"] == ""
    assert reading.issues == []


def test_growth_across_an_hours_end_is_split_by_time() -> None:
    # Every 40 minutes 4,000: the second step lies half in each hour.
    samples = [(0, "0"), (2400, "4000"), (4800, "8000"), (7200, "12000")]

    assert [row["input_tokens"] for row in bring(*counters(samples)).rows()] == ["6000", "6000"]


def test_a_reset_counts_what_came_after_it() -> None:
    reading = bring(*counters([(0, "9000"), (1800, "9500"), (3600, "200")]))

    assert [row["input_tokens"] for row in reading.rows()] == ["700"]
    assert reading.counted("resets of a counter") == 2


def test_a_gap_stays_a_gap_and_is_never_zero() -> None:
    samples = [(0, "0"), (3600, "100"), (4 * 3600, "400"), (5 * 3600, "900")]

    reading = bring(*counters(samples))

    assert [row["hour_at"][11:13] for row in reading.rows()] == ["10", "14"]
    assert reading.counted("gaps of more than an hour") == 2


def test_nan_is_a_gap() -> None:
    reading = bring(*counters([(0, "0"), (1800, "NaN"), (3600, "100")]))

    assert [row["input_tokens"] for row in reading.rows()] == ["100"]
    assert reading.counted("NaN") == 2


def test_an_hour_covered_in_part_is_left_out() -> None:
    reading = bring(*counters([(1800, "0"), (3600, "100"), (7200, "300")]))

    assert [row["input_tokens"] for row in reading.rows()] == ["200"]
    assert reading.counted("in part only") == 1


def test_replicas_of_a_model_are_summed() -> None:
    one = counters([(0, "0"), (3600, "100")], pod="a")
    other = counters([(0, "50"), (3600, "80")], pod="b")

    assert [row["input_tokens"] for row in bring(*one, *other).rows()] == ["130"]


def test_increases_stand_for_the_step_before_their_time() -> None:
    increase = [
        series("", [(3600, "100.4"), (7200, "50")], kind="in"),
    ]
    outputs = [series("", [(3600, "10"), (7200, "5")], kind="out")]

    reading = read(
        "prometheus",
        source(matrix(*increase)),
        options=["values=increase", "metric=input_tokens"],
        known=KNOWN,
    )

    # Input alone is no usage: both counts are needed for an hour.
    assert reading.rows() == [] and reading.counted("without both") == 2
    both = [series("in", [(3600, "100.4"), (7200, "50")]), series("out", [(3600, "10"), (7200, "5")])]
    options = ("values=increase", "metric:in=input_tokens", "metric:out=output_tokens")
    assert [
        (row["hour_at"][11:13], row["input_tokens"], row["output_tokens"])
        for row in bring(*both, options=options).rows()
    ] == [
        ("10", "100", "10"),
        ("11", "50", "5"),
    ]
    assert outputs


def test_a_rate_is_a_second_times_its_step() -> None:
    found = [
        series("in", [(at, "2") for at in range(300, 3601, 300)]),
        series("out", [(at, "1") for at in range(300, 3601, 300)]),
    ]

    reading = bring(*found, options=("values=rate", "metric:in=input_tokens", "metric:out=output_tokens"))

    assert [(row["input_tokens"], row["output_tokens"]) for row in reading.rows()] == [("7200", "3600")]


def test_accelerators_are_the_mean_of_their_samples() -> None:
    gauge = series("ready", [(0, "8"), (1800, "16")])

    reading = bring(*counters([(0, "0"), (3600, "100")]), gauge, options=("metric:ready=accelerators",))

    assert reading.rows()[0]["accelerators"] == "12"


def test_what_values_are_is_never_guessed() -> None:
    reading = bring(series("in", [(0, "1"), (3600, "2")]), options=("metric:in=input_tokens",))

    assert "Say what the values are" in reading.errors()[0]


def test_unknown_metrics_and_models_are_named() -> None:
    reading = bring(
        series("vllm:num_requests_waiting", [(0, "1")]),
        series("vllm:prompt_tokens_total", [(0, "1"), (3600, "2")], model_name="stray"),
    )

    assert '"vllm:num_requests_waiting"' in reading.message("unknown_metric")
    assert '"stray"' in reading.message("unplaced")


def test_long_csv_is_read_by_its_labels() -> None:
    text = "timestamp,__name__,model_name,value\n" + "".join(
        f"2026-11-20T{hour}:00:00Z,vllm:{name}_tokens_total,chat,{value}\n"
        for name in ("prompt", "generation")
        for hour, value in (("10", 5), ("11", 25))
    )

    reading = read("prometheus", source(text), known=KNOWN)

    assert looks_like(text.encode())
    assert [(row["hour_at"][11:13], row["input_tokens"], row["output_tokens"]) for row in reading.rows()] == [
        ("10", "20", "20")
    ]


def test_wide_csv_has_a_series_in_each_column() -> None:
    names = [f'"vllm:{kind}_tokens_total{{model_name=""agents""}}"' for kind in ("prompt", "generation")]
    text = f"Time,{','.join(names)}\n2026-11-20 10:00:00,0,0\n2026-11-20 11:00:00,90,9\n"

    reading = read("prometheus", source(text), options=["timezone=UTC"], known=KNOWN)

    assert looks_like(text.encode())
    assert [(row["workload"], row["input_tokens"], row["output_tokens"]) for row in reading.rows()] == [
        ("agents", "90", "9")
    ]
    assert read("prometheus", source(text), known=KNOWN).codes() == {"no_time_zone"}


@pytest.mark.parametrize(
    "text", ['{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}', '{"data": 1}']
)
def test_damaged_answers_are_told(text: str) -> None:
    assert read("prometheus", source(text), known=KNOWN).codes() == {"not_json"}


def test_labels_of_a_heading() -> None:
    assert labels_of('up{job="a",x="b c"}') == {"__name__": "up", "job": "a", "x": "b c"}
    assert labels_of("chat") == {"workload": "chat", "__name__": "chat"}

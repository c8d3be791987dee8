"""Rows of actuals of a run from its sums, by hand: weeks in which all was turned away, and what no class is planned with."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any, cast

from capacity.lib.horizon import Week
from capacity.review.actual_rows import actual_tables
from capacity.review.plan_rows import PlanRows

CARD = {
    "key": "chat",
    "model_version": "m",
    "latency_class": "batch",
    "peak_factor": D(1),
    "cache_hit_share": D(0),
    "p10_multiple": None,
    "p90_multiple": None,
}
PROFILE = {
    "model_version": "m",
    "latency_class": "batch",
    "accelerator_type": "h100",
    "replica_accelerators": 8,
    "prefill_tokens_per_second": D(100),
    "decode_tokens_per_second": D(100),
    "cached_cost_share": D(0),
    "basis": "measured",
}
# One token a second in each direction and no request left standing.
SHUT: dict[str, Any] = {
    "workload": "chat",
    "week": "2026-W45",
    "hours_covered": 168,
    "input_tokens": 604_800,
    "cached_input_tokens": None,
    "output_tokens": 604_800,
    "own_tokens": 1_209_600,
    "quality_hours": 168,
    "requests": 1000,
    "throttled": 1000,
    "late": 0,
    "minutes_lost": None,
    "accelerator_hours": D(168 * 8),
}
SAID = {
    "workload": "chat",
    "source": "Sales",
    "vintage_date": date(2026, 9, 28),
    "starts_date": date(2026, 9, 28),
    **{f"{side}_{end}": D(40) for side in ("input", "output") for end in ("p10", "p50", "p90")},
}


def tables_of(*, weeks: list[dict[str, Any]], classes: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    policy = SimpleNamespace(
        utilisation={"batch": D("0.7")}, coincidence_factor=D(1), peak_factor={"batch": D(1)}, growth_month=D(0)
    )
    rows = SimpleNamespace(
        tables={
            "usage_weeks": weeks,
            "usage_classes": classes or [],
            "throughput_profiles": [PROFILE],
            "forecasts": [],
            "forecast_vintages": [SAID],
            "lead_times": [],
        },
        workloads={"chat": CARD},
        plan=SimpleNamespace(policy=policy, inputs=SimpleNamespace(as_of=date(2026, 11, 22))),
        allocated={},
        pools={},
        weeks=[Week.parse("2026-W48")],
        teams={},
    )
    return actual_tables(cast(PlanRows, rows))


def test_the_week_in_which_all_was_turned_away_is_told_with_what_could_be_carried() -> None:
    (row,) = tables_of(weeks=[SHUT])["post_mortems"]
    # 1 ÷ 100 + 1 ÷ 100 of a replica for 2 tokens a second; one replica at 70 % carries 2 × 0.7 ÷ 0.02 = 70.
    assert (row["week"], row["demand_tps"], row["throttled_share"]) == ("2026-W45", None, 1)
    assert (row["capacity_tps"], row["reason"]) == (70, "")
    # Forecast: 40 in and 40 out, above 70, five weeks before.
    assert (row["visible_p50_weeks"], row["visible_p90_weeks"]) == (5, 5)


def test_of_a_week_that_served_nothing_the_mix_and_so_what_could_be_carried_is_not_known() -> None:
    nothing = {**SHUT, "input_tokens": 0, "output_tokens": 0, "own_tokens": 0}
    (row,) = tables_of(weeks=[nothing])["post_mortems"]
    assert (row["demand_tps"], row["capacity_tps"], row["reason"]) == (None, None, "no_tokens")


def test_a_coincidence_above_one_is_kept_with_its_reason() -> None:
    measured = [
        {"serving_class": key, "coincidence": value, "hours": 200, "members": 2}
        for key, value in (("a", D("50.5")), ("b", D(1)), ("c", None))
    ]
    rows = tables_of(weeks=[], classes=measured)["class_actuals"]
    assert [(row["coincidence"], row["absent"]) for row in rows] == [
        (D("50.5"), "above_one"),
        (D(1), ""),
        (None, "few_hours"),
    ]


def test_a_year_is_kept_and_only_the_last_quarter_is_held_against_forecasts() -> None:
    # Thirteen weeks before the week of 16 November 2026 is 2026-W34.
    told = [{**SHUT, "week": week} for week in ("2025-W48", "2026-W33", "2026-W34", "2026-W46")]
    tables = tables_of(weeks=told)
    assert [row["week"] for row in tables["actuals"]] == ["2025-W48", "2026-W33", "2026-W34", "2026-W46"]
    assert [row["week"] for row in tables["post_mortems"]] == ["2026-W34", "2026-W46"]

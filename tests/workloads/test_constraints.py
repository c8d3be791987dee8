"""What the tables of workloads and requests refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.factories import make_run
from tests.imports.world import GOOD, import_texts
from tests.workloads.requests import made
from workloads.models import (
    Experiment,
    Forecast,
    JobUsage,
    ModelVersion,
    OperatingPoint,
    PriorityOverride,
    RequestMove,
    RunActual,
    RunClassActual,
    RunForecastScore,
    RunGranted,
    RunMeasuredPeak,
    RunMove,
    RunMoveCandidate,
    RunPostMortem,
    RunPreemption,
    RunQueue,
    RunTeam,
    RunTrough,
    RunWaste,
    RunWorkload,
    RunWorkloadCard,
    RunWorkloadUse,
    Team,
    ThroughputProfile,
    UsageDay,
    UsageHour,
    Workload,
    WorkloadMove,
)

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
MONDAY, TUESDAY, NEXT_MONDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 30)

ATTEMPTS: Attempts = {
    "model_key_form": (ModelVersion, BAD_KEY),
    "model_retires_after_launch": (ModelVersion, {"launch_date": MONDAY, "retire_date": MONDAY}),
    "model_tier_is_known": (ModelVersion, {"model_tier": "huge"}),
    "model_lives_and_reads_something": (ModelVersion, {"half_life_months": 0}),
    "model_price_decline_is_a_share": (ModelVersion, {"price_decline_share_per_year": 1}),
    "one_profile_per_way_of_serving": (ThroughputProfile, {"is_planned": False}),
    "one_planned_profile": (ThroughputProfile, {"precision": "bf16"}),
    "profile_latency_class_is_known": (ThroughputProfile, {"latency_class": "soon"}),
    "profile_fit_is_possible": (ThroughputProfile, {"residual_share": "-0.1"}),
    "throughput_is_positive": (ThroughputProfile, {"decode_tokens_per_second": 0}),
    "replica_has_accelerators": (ThroughputProfile, {"replica_accelerators": 0}),
    "cached_cost_is_a_share": (ThroughputProfile, {"cached_cost_share": "1.1"}),
    "profile_says_where_it_is_from": (ThroughputProfile, {"basis": "estimated", "formula": ""}),
    "point_key_form": (OperatingPoint, BAD_KEY),
    "point_latency_class_is_known": (OperatingPoint, {"latency_class": "soon"}),
    "point_has_tokens_and_accelerators": (OperatingPoint, {"output_tokens": 0}),
    "point_throughput_is_positive": (OperatingPoint, {"output_tokens_per_second": 0}),
    "workload_key_form": (Workload, BAD_KEY),
    "workload_cache_hit_is_a_share": (Workload, {"cache_hit_share": "-0.1"}),
    "workload_peak_is_at_least_mean": (Workload, {"peak_factor": "0.99"}),
    "workload_tokens_not_negative": (Workload, {"output_tokens_per_second": -1}),
    "workload_band_around_p50": (Workload, {"p10_multiple": "1.2"}),
    "workload_purpose_is_known": (Workload, {"purpose": "fun"}),
    "workload_latency_class_is_known": (Workload, {"latency_class": "soon"}),
    "workload_smaller_tier_test_is_known": (Workload, {"smaller_tier_tested": "yes"}),
    "workload_limits_are_positive": (Workload, {"calls_per_task": 0}),
    "one_forecast_from_a_date": (Forecast, {}),
    "forecast_has_a_source": (Forecast, {"source": ""}),
    "forecast_not_negative": (Forecast, {"input_p10": -1}),
    "forecast_input_in_order": (Forecast, {"input_p10": 9001}),
    "forecast_output_in_order": (Forecast, {"output_p90": 1799}),
    "one_usage_an_hour": (UsageHour, {}),
    "usage_hour_starts_on_the_hour": (UsageHour, {"hour_at": datetime(2026, 10, 5, 9, 0, 0, 1, tzinfo=UTC)}),
    "usage_not_negative": (UsageHour, {"accelerators": -1}),
    "usage_is_believable": (UsageHour, {"output_tokens": 10**15}),
    "usage_cached_is_part_of_input": (UsageHour, {"input_tokens": 5, "cached_input_tokens": 6}),
    "usage_hurt_is_part_of_requests": (
        UsageHour,
        {"requests": 10, "throttled_requests": 6, "late_requests": 5},
    ),
    "one_usage_a_day": (UsageDay, {}),
    "usage_day_has_hours": (UsageDay, {"hours_covered": 25}),
    "usage_day_loses_at_most_itself": (UsageDay, {"sla_minutes_lost": 1441}),
    "job_state_is_known": (JobUsage, {"state": "lost"}),
    "job_ends_after_start": (JobUsage, {"ends_at": datetime(2026, 10, 5, 8, tzinfo=UTC)}),
    "job_over_has_an_end": (JobUsage, {"ends_at": None}),
    "job_holds_something": (JobUsage, {"accelerators": 0}),
    "team_key_form": (Team, BAD_KEY),
    "team_weight_positive": (Team, {"weight": 0}),
    "override_key_form": (PriorityOverride, BAD_KEY),
    "override_weight_is_possible": (PriorityOverride, {"weight": "3.01"}),
    "override_has_a_reason": (PriorityOverride, {"reason": " "}),
    "override_has_a_decision": (PriorityOverride, {"decision_number": 0}),
    "override_ends_after_start": (PriorityOverride, {"ends_date": date(2026, 11, 23)}),
    "experiment_key_form": (Experiment, BAD_KEY),
    "experiment_asks_for_something": (Experiment, {"weeks": 0}),
    "experiment_window_is_not_empty": (
        Experiment,
        {"earliest_start_date": NEXT_MONDAY, "latest_start_date": MONDAY},
    ),
    "experiment_starts_on_a_monday": (Experiment, {"earliest_start_date": MONDAY, "latest_start_date": TUESDAY}),
    "running_experiment_has_a_place": (Experiment, {"state": "running", "pool_id": None}),
    "experiment_priority_is_known": (Experiment, {"experiment_priority": "P9"}),
    "experiment_purpose_is_known": (Experiment, {"purpose": "fun"}),
    "experiment_state_is_known": (Experiment, {"state": "lost"}),
    "experiment_least_is_part_of_it": (Experiment, {"accelerators_least": 65}),
    "experiment_figures_are_positive": (Experiment, {"training_tokens": 0}),
    "experiment_kind_names_what_it_replaces": (Experiment, {"request_kind": "change"}),
    # The request made for them is submitted; the other rules of moves are tried in test_request_moves.py.
    "request_move_is_listed": (RequestMove, {"from_state": "submitted", "to_state": "done", "reason": "x"}),
    "request_move_has_its_reason": (RequestMove, {"from_state": "submitted", "to_state": "denied", "reason": " "}),
    "one_map_row_per_workload": (RunWorkload, {}),
    "one_use_per_workload_class_pool_week_tier": (RunWorkloadUse, {}),
    "workload_use_not_negative": (RunWorkloadUse, {"week": "2040-W01", "accelerators": -1}),
    "one_card_row_per_workload": (RunWorkloadCard, {}),
    "one_team_row_a_run": (RunTeam, {}),
    "one_queue_row_per_request": (RunQueue, {}),
    "one_preemption_row_per_place": (RunPreemption, {}),
    "one_move_per_request_a_run": (RunMove, {}),
    "one_trough_per_pool_week": (RunTrough, {}),
    "move_key_form": (WorkloadMove, BAD_KEY),
    "move_kind_is_known": (WorkloadMove, {"kind": "magic"}),
    "move_state_is_known": (WorkloadMove, {"state": "lost"}),
    "move_gate_is_known": (WorkloadMove, {"quality_gate": "soon"}),
    "move_roles_are_of_the_meeting": (WorkloadMove, {"must_agree_role": "board"}),
    "accepted_move_has_decision_owner_and_date": (WorkloadMove, {"state": "accepted"}),
    "asked_move_has_its_what_if": (WorkloadMove, {"state": "asked"}),
    "move_figures_are_not_negative": (WorkloadMove, {"one_off_usd": "-0.01"}),
    "move_gate_has_its_day": (WorkloadMove, {"quality_gate": "pass", "gate_date": None}),
    "one_candidate_per_workload_and_kind": (RunMoveCandidate, {}),
    "one_waste_row_per_place": (RunWaste, {}),
    "one_actual_per_workload_week": (RunActual, {}),
    "one_peak_per_workload": (RunMeasuredPeak, {}),
    "one_coincidence_per_class": (RunClassActual, {}),
    "one_score_per_source_and_lead": (RunForecastScore, {}),
    "one_grant_per_request": (RunGranted, {}),
    "one_post_mortem_per_week": (RunPostMortem, {}),
}


def test_the_database_refuses_what_breaks_a_rule_of_workloads_and_requests() -> None:
    import_texts(GOOD)
    RunMove.objects.create(run=make_run(), against_run=1, experiment_key="e_rl", line={})
    make_usage_day()
    made()
    assert set(ATTEMPTS) == named_constraints(["workloads"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def make_usage_day() -> UsageDay:
    return UsageDay.objects.create(
        workload=Workload.objects.get(),
        day=MONDAY,
        hours_covered=24,
        quality_hours=0,
        input_tokens=1,
        output_tokens=1,
    )


def test_a_key_names_one_row() -> None:
    import_texts(GOOD)
    for model in (ModelVersion, OperatingPoint, Workload, Team, Experiment):
        assert refusal(model, {}).startswith(f"workloads_{model.__name__.lower()}_key"), model


def test_the_same_rows_are_accepted_where_they_break_nothing() -> None:
    """So that no attempt above is refused for another reason."""
    import_texts(GOOD)
    unknown = {"throttled_requests": None, "late_requests": None}
    window = {"earliest_start_date": MONDAY, "latest_start_date": NEXT_MONDAY}
    assert refusal(Experiment, {"key": "another", **window}) == "accepted"
    assert refusal(Forecast, {"source": "product", "input_p10": None, "output_p90": None}) == "accepted"
    assert refusal(ThroughputProfile, {"precision": "bf16", "is_planned": False}) == "accepted"
    assert refusal(UsageHour, {"contract": ""}) == "accepted"
    assert refusal(UsageHour, {"source_ref": "b", "requests": None, **unknown}) == "accepted"
    assert refusal(JobUsage, {"job_ref": "another", "state": "running", "ends_at": None}) == "accepted"
    assert refusal(Workload, {"key": "another", "p10_multiple": 1, "p90_multiple": 1}) == "accepted"

"""What the tables of workloads and requests refuse by themselves, whoever writes."""

from __future__ import annotations

from datetime import date

import pytest

from tests.constraints import Attempts, named_constraints, refusal, refusals
from tests.factories import make_run
from tests.imports.world import GOOD, import_texts
from workloads.models import Experiment, ModelVersion, RunWorkload, Team, ThroughputProfile, Workload

pytestmark = pytest.mark.django_db

BAD_KEY = {"key": "spaces and ü"}
MONDAY, TUESDAY, NEXT_MONDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 30)

ATTEMPTS: Attempts = {
    "model_key_form": (ModelVersion, BAD_KEY),
    "model_retires_after_launch": (ModelVersion, {"launch_date": MONDAY, "retire_date": MONDAY}),
    "one_profile_per_latency_class": (ThroughputProfile, {}),
    "throughput_is_positive": (ThroughputProfile, {"decode_tokens_per_second": 0}),
    "replica_has_accelerators": (ThroughputProfile, {"replica_accelerators": 0}),
    "cached_cost_is_a_share": (ThroughputProfile, {"cached_cost_share": "1.1"}),
    "profile_says_where_it_is_from": (ThroughputProfile, {"basis": "estimated", "formula": ""}),
    "workload_key_form": (Workload, BAD_KEY),
    "workload_cache_hit_is_a_share": (Workload, {"cache_hit_share": "-0.1"}),
    "workload_peak_is_at_least_mean": (Workload, {"peak_factor": "0.99"}),
    "workload_tokens_not_negative": (Workload, {"output_tokens_per_second": -1}),
    "workload_band_around_p50": (Workload, {"p10_multiple": "1.2"}),
    "team_key_form": (Team, BAD_KEY),
    "team_weight_positive": (Team, {"weight": 0}),
    "experiment_key_form": (Experiment, BAD_KEY),
    "experiment_asks_for_something": (Experiment, {"weeks": 0}),
    "experiment_window_is_not_empty": (
        Experiment,
        {"earliest_start_date": NEXT_MONDAY, "latest_start_date": MONDAY},
    ),
    "experiment_starts_on_a_monday": (Experiment, {"earliest_start_date": MONDAY, "latest_start_date": TUESDAY}),
    "running_experiment_has_a_place": (Experiment, {"state": "running", "pool_id": None}),
    "one_map_row_per_workload": (RunWorkload, {}),
}


def test_the_database_refuses_what_breaks_a_rule_of_workloads_and_requests() -> None:
    import_texts(GOOD)
    make_run()
    assert set(ATTEMPTS) == named_constraints(["workloads"])
    assert refusals(ATTEMPTS) == {name: name for name in ATTEMPTS}


def test_a_key_names_one_row() -> None:
    import_texts(GOOD)
    for model in (ModelVersion, Workload, Team, Experiment):
        assert refusal(model, {}).startswith(f"workloads_{model.__name__.lower()}_key"), model


def test_the_same_rows_are_accepted_where_they_break_nothing() -> None:
    """So that no attempt above is refused for another reason."""
    import_texts(GOOD)
    window = {"earliest_start_date": MONDAY, "latest_start_date": NEXT_MONDAY}
    assert refusal(Experiment, {"key": "another", **window}) == "accepted"
    assert refusal(Workload, {"key": "another", "p10_multiple": 1, "p90_multiple": 1}) == "accepted"

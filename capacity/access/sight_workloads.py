"""Who sees which column of the tables of models, workloads, research and usage that people keep by file, form and API. Pure.

A resource is named `input_` and the table; its lines are the table's columns.
"""

from __future__ import annotations

from capacity.access.sight_rules import ALL, COST_AND_PRODUCT, NAMES, NOT_SALES, Rule, fields_of

WORKLOAD_INPUTS: dict[str, dict[str, Rule]] = {
    "input_model_versions": fields_of(
        ALL,
        "key name model_tier family launch_date retire_date half_life_months context_tokens "
        "price_decline_share_per_year provenance",
    ),
    # Throughput and need together tell how far a customer's promise is squeezed: not for sales.
    "input_throughput_profiles": fields_of(
        NOT_SALES,
        "model_version accelerator_type latency_class precision parallelism context_tokens replica_accelerators "
        "prefill_tokens_per_second decode_tokens_per_second cached_cost_share is_planned basis measured_date "
        "measured_model_version formula residual_share points quality_flag provenance",
    ),
    "input_operating_points": fields_of(
        NOT_SALES,
        "key model_version accelerator_type latency_class precision replica_accelerators input_tokens output_tokens "
        "output_tokens_per_second measured_date quality_flag provenance",
    ),
    "input_workloads": {
        **fields_of(
            ALL,
            "key name purpose owner_role is_always_on review_by_date model_version latency_class regions route "
            "default_setting quota_tokens_per_minute context_limit_tokens quality_required customer_value "
            "tier_justification justification_evidence eval_delta justification_approver justification_expires_date "
            "smaller_tier_tested smaller_tier_tested_date smaller_tier_evidence input_tokens_per_second "
            "output_tokens_per_second cache_hit_share peak_factor growth_share_per_month p10_multiple p90_multiple "
            "calls_per_task tokens_per_call forecast_source forecast_date provenance",
        ),
        **fields_of(COST_AND_PRODUCT, "usd_value_per_million_tokens"),
    },
    "input_forecasts": fields_of(
        ALL,
        "workload source vintage_date starts_date input_p10 input_p50 input_p90 output_p10 output_p50 output_p90 "
        "provenance",
    ),
    "input_teams": fields_of(NOT_SALES, "key name weight provenance"),
    "input_priority_overrides": fields_of(
        NOT_SALES, "key experiment weight reason decision_number starts_date ends_date provenance"
    ),
    "input_experiments": fields_of(
        NOT_SALES,
        "key name team experiment_priority purpose is_model_development state hypothesis informs_decision "
        "customer_outcome intended_metric accelerators accelerators_least weeks earliest_start_date latest_start_date "
        "accelerator_types pool_keys least_gbit_per_second preemptible divisible checkpoint_hours pool domain_key "
        "started_date parameters training_tokens estimated_flop submitted_at submitted_by provenance",
    ),
    "input_usage_hours": {
        **fields_of(
            COST_AND_PRODUCT,
            "workload hour_at source_ref input_tokens cached_input_tokens output_tokens requests throttled_requests "
            "late_requests accelerators provenance",
        ),
        # A contract's key names its customer.
        **fields_of(NAMES, "contract"),
    },
    "input_job_usage": fields_of(
        NOT_SALES,
        "job_ref team experiment pool starts_at ends_at accelerators accelerator_hours state provenance",
    ),
    "input_workload_moves": {
        **fields_of(
            ALL,
            "key title workload kind to_key amount quality_gate gate_date gate_evidence must_agree_role owner_role "
            "due_date state decision_number provenance",
        ),
        **fields_of(NOT_SALES, "promised_accelerators"),
        **fields_of(COST_AND_PRODUCT, "one_off_usd promised_usd_per_week"),
    },
}

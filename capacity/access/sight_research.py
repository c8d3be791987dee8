"""Who sees which part of what a run says of workloads and of what research is told about its requests. Pure.

Resources: result tables of a run (a line is a column), an answer given at once from a plan, the moves of a request.
Requests are research plans: not for sales.
"""

from __future__ import annotations

from capacity.access.sight_rules import (
    ALL,
    COST_AND_PRODUCT,
    COST_AND_RESEARCH,
    NAMES,
    NOT_SALES,
    TOTAL_MONEY,
    WORKLOAD_COST,
    Rule,
    fields_of,
)

RESEARCH_RUNS: dict[str, dict[str, Rule]] = {
    # What a class of a contract's own costs is the contract's cost: see tables.visible_row.
    "workload_use": {
        **fields_of(ALL, "workload_key week accelerators"),
        **fields_of(NOT_SALES, "serving_class pool_key tier"),
        **fields_of(WORKLOAD_COST, "usd"),
    },
    "workload_card": {
        **fields_of(ALL, "workload_key facts forecasts complete"),
        **fields_of(WORKLOAD_COST, "premium frontier_usd"),
        # Tokens of a workload may be one customer's; dollars per token stand beside a price.
        **fields_of(COST_AND_PRODUCT, "token_costs tokens_per_week"),
        **fields_of(NOT_SALES, "frontier_tokens"),
    },
    "trough": fields_of(NOT_SALES, "pool_key week live consumed spare trough waiting fits"),
    # Serving is told as one sum, so that no holder names a contract.
    "request_answer": {
        **fields_of(NOT_SALES, "run code placed displaces no_place changes ahead sentence more accelerator_weeks"),
        **fields_of(COST_AND_RESEARCH, "cost_usd cost_basis"),
    },
    "team_share": fields_of(
        NOT_SALES,
        "team_key team_name weight entitled_share used_hours used_share deficit_share engine_weight hours_known_weeks "
        "requested_accelerator_weeks placed_accelerator_weeks waiting_requests longest_wait_weeks below_half_weeks alarm "
        "sentence",
    ),
    "queue": fields_of(
        NOT_SALES,
        "experiment_key name team_key team_name priority tier rank score parts ahead_requests ahead start_week pool_key "
        "accelerators weeks submitted_date waited_weeks override",
    ),
    "preemption": fields_of(
        NOT_SALES,
        "experiment_key name team_key team_name priority position is_taken pool_key week accelerators for_kind for_key "
        "notice_days lost_accelerator_days sentence",
    ),
    "request_move": fields_of(NOT_SALES, "request from_state to_state at by reason answer"),
    # A what-if's saving is told of its move: whole accelerators to all but sales, dollars as costs, margins as margins.
    "move": {
        **fields_of(NOT_SALES, "released promised_accelerators realised_accelerators"),
        **fields_of(
            COST_AND_PRODUCT, "paper_usd released_usd promised_usd_per_week realised_usd one_off_usd payback_weeks"
        ),
        **fields_of(TOTAL_MONEY, "margin_usd"),
    },
    "move_candidate": {
        **fields_of(ALL, "position workload_key kind to_key amount sentence"),
        **fields_of(COST_AND_PRODUCT, "paper_usd_per_week"),
    },
    "waste": {
        **fields_of(
            NOT_SALES,
            "position kind workload_key serving_class pool_key experiment_key week accelerators measured peer sentence",
        ),
        **fields_of(COST_AND_PRODUCT, "usd_per_week"),
    },
    # Tokens and requests of a workload may be one customer's; shares and minutes are what customers felt.
    "actual": {
        **fields_of(ALL, "workload_key week is_partial throttled_share late_share sla_minutes_lost"),
        **fields_of(
            COST_AND_PRODUCT,
            "hours_covered input_tokens cached_input_tokens output_tokens requests throttled late accelerators_ready",
        ),
        # An SLA's bound is a term of a contract.
        **fields_of(NAMES, "allowed"),
    },
    "measured_peak": fields_of(NOT_SALES, "workload_key peak_factor hours is_partial planned_peak from_card"),
    "class_actual": fields_of(NOT_SALES, "serving_class members hours coincidence planned absent"),
    # With a forecast beside it, its error tells what was used.
    "forecast_score": {
        **fields_of(ALL, "workload_key source lead_weeks weeks left_out absent"),
        **fields_of(COST_AND_PRODUCT, "wape bias"),
    },
    "granted": fields_of(
        NOT_SALES,
        "experiment_key name team_key team_name state accelerators started_date until_date granted_hours used_hours "
        "used_share jobs",
    ),
    # A forecast that stood above or below capacity tells it from both sides: for whoever reads tokens.
    "post_mortem": {
        **fields_of(NOT_SALES, "workload_key week throttled_share lead_weeks reason"),
        **fields_of(COST_AND_PRODUCT, "demand_tps capacity_tps visible_p50_weeks visible_p90_weeks vintages"),
    },
}

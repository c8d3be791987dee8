"""THE table of field visibility: for each resource and field, which roles see it in full and which as a band. Pure.

Everything that reaches a page, a plot, the API, a file, an e-mail or an error text is looked up here (through
`capacity.access.visibility`). What is not listed is hidden. A new column of a run table needs a line here; a test
compares the table with the models. Reasons for the lines: methods: Visibility.
"""

from __future__ import annotations

from dataclasses import replace

from capacity.access.sight_contracts import CONTRACT_INPUTS
from capacity.access.sight_research import RESEARCH_RUNS
from capacity.access.sight_rules import (
    ALL,
    AUDIT,
    CHAIR,
    CONTRACT_COST,
    COST,
    COST_AND_PRODUCT,
    COST_AND_RESEARCH,
    EVERYTHING,
    EXEC,
    FINANCE,
    LOST,
    MARGIN_SHARE,
    NAMES,
    NOT_SALES,
    PRICES,
    PRODUCT,
    PROMISE,
    REMEDY_COST,
    RESEARCH,
    REVENUE,
    SALES,
    SUPPLY,
    TOTAL_MONEY,
    TOTAL_NUMBER,
    TOTAL_SHARE,
    WORKLOAD_COST,
    Rule,
    fields_of,
    rule_of,
)
from capacity.access.sight_supply import SUPPLY_INPUTS
from capacity.access.sight_workloads import WORKLOAD_INPUTS

_DECISION_HEAD = (
    "number review_week run_id kind decider_role owner_role effect_metric effect_direction effect_by_date "
    "review_back_date guardrail_metric reversible supersedes decided_at recorded_by verdict verdict_week"
)
_DECISION_TEXT = (
    "question chosen reason dissent verdict_note option_name option_risk option_who_loses option_accelerators"
)
_ACTION_HEAD = "number review_week decision owner_role due_date status closed_at created_at created_by row_version"
_ACTION_TEXT = "title status_note"
_DECISION_MONEY = fields_of(COST, "effect_target actual_value option_cost_usd")

TABLE: dict[str, dict[str, Rule]] = {
    "pool": fields_of(
        ALL,
        "pool_key name accelerator_type accelerator_type_name region source_type node_size h100e_factor domains",
    ),
    "pool_week": {
        **fields_of(
            ALL,
            "pool_key week week_index installed maintenance allocatable fragment serving product internal no_choice "
            "pretrain research evals idle burst committed_need expected_need p10_need p90_need requested "
            "capacity_shortfall consumed allocated spare spare_share",
        ),
        # Idle without the floor's part would be the floor's part: all of it or nothing.
        **fields_of(
            NOT_SALES,
            "floor floor_held floor_share idle_floor idle_fragment idle_wrong_kind idle_unaccepted idle_no_demand",
        ),
        **fields_of(COST_AND_RESEARCH, "usd_per_accelerator_hour"),
        **fields_of(COST, "envelope_usd envelope_parts idle_usd"),
    },
    "lot": {
        **fields_of(
            NOT_SALES,
            "pool_key lot_key week accelerators state counted_date supplier supplier_name control_grade ordered_date "
            "p50_date p90_date accepted_date ends_date domain_key",
        ),
        **fields_of(COST, "cost_rate_key usd_per_accelerator_hour"),
    },
    "allocation": fields_of(NOT_SALES, "serving_class pool_key week accelerators work"),
    "demand": {
        **fields_of(NOT_SALES, "serving_class tier workload_key week work served short_accelerators"),
        **fields_of(NAMES, "demand_key contract_key"),
        **fields_of(LOST, "usd_lost"),
    },
    "placement": {
        **fields_of(
            NOT_SALES,
            "experiment_key name team_key team_name priority purpose is_running pool_key domain_key start_week weeks "
            "accelerators",
        ),
        **fields_of(COST_AND_RESEARCH, "cost_usd"),
    },
    # `blockers`, `smallest_changes` and `sentence` may name contracts: pass them through label_blockers and redact.
    "unplaced": fields_of(
        NOT_SALES,
        "experiment_key name team_key team_name priority accelerators weeks reason sentence week needed free short_by "
        "blockers smallest_changes",
    ),
    # A scarcity price is one customer's contribution (the marginal one).
    "scarcity": {
        **fields_of(COST, "pool_key week node_size unlocks"),
        **fields_of(TOTAL_MONEY, "usd_per_accelerator_week usd_node_more usd_node_less"),
    },
    # `displaces` may name contracts: pass it through label_blockers.
    "remedy": {
        **fields_of(
            NOT_SALES,
            "workload_key serving_class tier pool_keys first_week weeks short_accelerators short_accelerator_weeks rank "
            "remedy pool_key accelerators covered_accelerator_weeks lead_weeks_p50 lead_weeks_p90 helps_from displaces",
        ),
        **fields_of(NAMES, "demand_key contract_key"),
        **fields_of(REMEDY_COST, "usd"),
        **fields_of(LOST, "usd_lost"),
    },
    "tier": {
        **fields_of(NOT_SALES, "position tier unit gap_relative unmet_accelerators"),
        **fields_of(TOTAL_NUMBER, "value bound gap_absolute"),
    },
    # Sums over customers of a what-if: two of them differ by one contract, so they are seen as totals of money are.
    "what_if": {
        **fields_of(TOTAL_MONEY, "usd burst_usd"),
        **fields_of(TOTAL_NUMBER, "value gap"),
        **fields_of(NOT_SALES, "tier short idle burst"),
    },
    "issue": {**fields_of(ALL, "code"), **fields_of(NAMES, "subject sentence")},
    "workload": {
        **fields_of(
            ALL,
            "workload_key name model_tier model_name latency_class purpose stated_purpose owner_role missing is_sized "
            "is_frontier_explained smaller_tier_tested accelerators_now accelerators_mean h100e_now contracts",
        ),
        **fields_of(WORKLOAD_COST, "usd_per_week usd_share"),
    },
    "exposure": {
        # The alias is for whom label_of_contract gives it to; sales know other accounts as "committed" only.
        **fields_of(rule_of(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH, own=(SALES,)), "customer_alias"),
        **fields_of(ALL, "committed_accelerators planned_accelerators"),
        **fields_of(NAMES, "contract_key contract_name customer_key customer_name owner_username contract_version"),
        **fields_of(
            PROMISE,
            "shape workload_key model_tier starts_date ends_date weeks is_sized is_uncapped worst_accelerators "
            "capacity_gap_accelerators coverage_share first_short_week short_accelerator_weeks worst_multiple "
            "state model_name regions",
        ),
        # Flags say "below break-even" and the like: they go with the margin, in words.
        **fields_of(NAMES, "flags"),
        **fields_of(
            REVENUE,
            "revenue_usd worst_revenue_usd margin_usd consumed_margin_usd worst_margin_usd loss_exposure_usd "
            "consumed_margin_share worst_margin_share break_even_multiple "
            "revenue_per_hour_usd cost_per_hour_usd",
        ),
        **fields_of(CONTRACT_COST, "consumed_cost_usd reserved_cost_usd worst_cost_usd"),
        **fields_of(MARGIN_SHARE, "margin_share"),
        **fields_of(PRICES, "terms"),
    },
    # Sums over contracts. For price-blind roles pass them through suppress_small or suppress_cells as well.
    "exposure_total": {
        **fields_of(ALL, "contracts committed_accelerators planned_accelerators"),
        **fields_of(rule_of(CHAIR, FINANCE, EXEC, PRODUCT), "capacity_gap_accelerators unsized uncapped"),
        **fields_of(
            TOTAL_MONEY,
            "revenue_usd worst_revenue_usd consumed_cost_usd reserved_cost_usd worst_cost_usd margin_usd "
            "consumed_margin_usd worst_margin_usd loss_exposure_usd usd_lost",
        ),
        **fields_of(TOTAL_SHARE, "margin_share consumed_margin_share worst_margin_share"),
    },
    # One contract in detail. Who may not know its key gets no row at all (RunTableSpec.gate). A curve in bands would tell
    # where it crosses them: it is shown in full or not at all. So would margins at three uses beside their accelerators
    # and hours: three bands of one straight line leave a fixed fee to a percent.
    "contract_use": {
        **fields_of(
            NAMES,
            "contract_key owner_username position basis on_date hours multiple used_multiple accelerators "
            "capacity_gap_accelerators",
        ),
        **fields_of(REVENUE, "revenue_usd break_even_reason curve margin_usd margin_share loss_exposure_usd"),
        **fields_of(CONTRACT_COST, "reserved_cost_usd consumed_cost_usd"),
    },
    "contract_pool": fields_of(
        NAMES,
        "contract_key owner_username pool_key pool_name first_week last_week weeks mean_accelerators most_accelerators "
        "weekly",
    ),
    "contract_lot": {
        **fields_of(
            NAMES,
            "contract_key owner_username pool_key source_type ends_date part_accelerators contract_ends_date "
            "weeks_uncovered",
        ),
        **fields_of(SUPPLY, "lot_key supplier_name lot_accelerators starts_date rate_basis usd_per_hour"),
    },
    "contract_sla": {
        **fields_of(
            NAMES,
            "contract_key owner_username position metric region below_share credit_share is_standard allowed_minutes "
            "chance",
        ),
        **fields_of(REVENUE, "fee_usd credit_usd expected_usd expected_make_good_usd"),
    },
    # A contract in a scenario of use: nothing of it is research's or product's business. Lists have no band.
    "exposure_scenario": {
        **fields_of(rule_of(CHAIR, FINANCE, EXEC, own=(SALES,)), "customer_alias"),
        **fields_of(
            NAMES,
            "contract_key contract_version contract_name customer_key customer_name owner_username workload_key "
            "model_key model_tier shape regions scenario position first_week weeks is_sized is_priced multiple "
            "capacity_gap_accelerators capacity_gap_accelerator_weeks gap_accelerators",
        ),
        **fields_of(
            REVENUE,
            "revenue_usd margin_usd margin_share consumed_margin_usd expected_credits_usd outage_credits_usd make_good_usd "
            "loss_exposure_usd margin_swing_usd revenue_cents credits_cents loss_cents",
        ),
        **fields_of(
            CONTRACT_COST,
            "consumed_cost_usd headroom_cost_usd reserved_cost_usd reserved_low_usd reserved_high_usd consumed_cents "
            "reserved_cents",
        ),
    },
    # Sums of those over a part. Small ones are withheld from the chair: see is_small.
    "exposure_rollup": {
        **fields_of(
            COST,
            "dimension part_key part_name scenario position contracts customers unsized unpriced unknown_cost left_out "
            "is_small capacity_gap_accelerator_weeks",
        ),
        **fields_of(
            TOTAL_MONEY,
            "revenue_usd consumed_cost_usd headroom_cost_usd reserved_cost_usd reserved_low_usd reserved_high_usd "
            "margin_usd consumed_margin_usd expected_credits_usd loss_exposure_usd margin_swing_usd",
        ),
        **fields_of(TOTAL_SHARE, "margin_share"),
    },
    # What the portfolio may come to, and how many accelerators may be missing.
    "money_risk": {
        **fields_of(
            COST, "measure part_key part_name position unit probability contracts left_out draws seed market_share"
        ),
        **fields_of(TOTAL_NUMBER, "p10 p50 p90 mean"),
    },
    # Deals on their way to a signature. Their capacity is the lab's business, by alias; their names and money are not.
    "deal": {
        **fields_of(NAMES, "contract_key contract_version contract_name customer_key customer_name owner_username"),
        **fields_of(NAMES, "hold_key sentence"),
        **fields_of(
            rule_of(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH, own=(SALES,)),
            "customer_alias state starts_date ends_date is_sized accelerators probability expires_date "
            "weighted_accelerators short_accelerators",
        ),
        **fields_of(PROMISE, "shape workload_key"),
        **fields_of(ALL, "held_accelerators"),
        **fields_of(REVENUE, "revenue_usd weighted_revenue_usd"),
    },
    "price_line": fields_of(PRICES, "kind price starts_date ends_date currency discount_share"),
    "commit_step": fields_of(REVENUE, "kind quantity starts_date"),
    # Money by purpose: what the accelerators of a purpose cost.
    "spend": {
        **fields_of(COST, "serving_usd idle_usd total_usd"),
        **fields_of(COST_AND_RESEARCH, "pretrain_usd research_usd evals_usd"),
        **fields_of(COST_AND_PRODUCT, "product_usd internal_usd no_choice_usd tier_usd"),
    },
    "metric": {
        **fields_of(ALL, "H1 H2 H3 H5"),
        **fields_of(NOT_SALES, "H4 H12 H14"),
        **fields_of(COST, "H6"),
        **fields_of(WORKLOAD_COST, "H7 H8"),
        **fields_of(TOTAL_SHARE, "H9 H10"),
        **fields_of(TOTAL_MONEY, "H11 H13"),
        **fields_of(rule_of(CHAIR, FINANCE, EXEC, PRODUCT), "H11_accelerators"),
    },
    "decision": {**fields_of(ALL, _DECISION_HEAD), **fields_of(ALL, _DECISION_TEXT), **_DECISION_MONEY},
    "decision_commercial": {**fields_of(ALL, _DECISION_HEAD), **fields_of(COST, _DECISION_TEXT), **_DECISION_MONEY},
    "decision_floor": {**fields_of(ALL, _DECISION_HEAD), **fields_of(NOT_SALES, _DECISION_TEXT), **_DECISION_MONEY},
    "action": {**fields_of(ALL, _ACTION_HEAD), **fields_of(ALL, _ACTION_TEXT)},
    "action_commercial": {**fields_of(ALL, _ACTION_HEAD), **fields_of(COST, _ACTION_TEXT)},
    "action_floor": {**fields_of(ALL, _ACTION_HEAD), **fields_of(NOT_SALES, _ACTION_TEXT)},
    "policy": {
        **fields_of(
            ALL,
            "version effective_date utilisation_interactive utilisation_standard utilisation_batch "
            "peak_factor_interactive peak_factor_standard peak_factor_batch coincidence_factor spare_replicas "
            "spare_replicas_large large_from_replicas hold_room_share hold_weeks_ahead market_use_share "
            "worst_use_multiple_metered worst_use_multiple_flat "
            "confirmed_counts_at ordered_counts_at row_version",
        ),
        **fields_of(
            NOT_SALES,
            "tiers note provenance idle_limit_share no_choice_limit_share unexplained_frontier_limit_share "
            "starvation_weeks starvation_share deficit_limit_share recall_notice_days restart_hours",
        ),
        **fields_of(
            NOT_SALES,
            "floor_key floor_name floor_pool_keys floor_share floor_accelerators floor_lendable floor_team_key floor_waivers",
        ),
        **fields_of(
            COST,
            "target_gross_margin_share inference_ratio_amber_share inference_ratio_red_share loss_exposure_limit_usd",
        ),
    },
    "run": {
        **fields_of(
            ALL,
            "id scope state requested_at requested_by started_at finished_at stage progress_share attempt error_code "
            "as_of_date first_week weeks policy_version formula_version solver_version termination seconds "
            "inputs_version input_hash result_hash reused_run not_before_at is_forced effort",
        ),
        # Free text may quote a row: a contract's name, a price.
        **fields_of(COST, "reason"),
        **fields_of(rule_of(CHAIR, FINANCE), "error worker lease_until fencing_token idempotency_key"),
        **fields_of(EVERYTHING, "inputs problem solution"),
    },
    "review": {
        **fields_of(ALL, "week run previous frozen_at frozen_by inputs_version content_hash"),
        # The stored documents hold every role's figures; pages show their rows through the rows' own resources.
        **fields_of(EVERYTHING, "changes carried"),
    },
    "input_aliases": fields_of(ALL, "kind written key provenance"),
    **RESEARCH_RUNS,
    **SUPPLY_INPUTS,
    **WORKLOAD_INPUTS,
    **CONTRACT_INPUTS,
    **RESEARCH_RUNS,
    "audit": fields_of(AUDIT, "at user action subject detail request_id"),
}

# The same contract in the scenarios other than P50 and worst use: who sees bands of costs there sees none here.
TABLE["exposure_scenario_other"] = {
    name: replace(rule, band=frozenset(), unit=None) for name, rule in TABLE["exposure_scenario"].items()
}

# The decisions whose words speak of a price or a customer, and those that speak of the floor.
COMMERCIAL_DECISIONS = frozenset({"price", "contract", "packaging"})
FLOOR_DECISIONS = frozenset({"floor_waiver", "policy"})

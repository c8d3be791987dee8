"""Who sees which column of the tables of supply, cost and policy that people keep by file, form and API. Pure.

A resource is named `input_` and the table; its lines are the table's columns. Supply is open to all but sales, what
accelerators cost only to the chair, finance and executives, and so are the commercial terms of suppliers.
"""

from __future__ import annotations

from capacity.access.sight_rules import ALL, COST, NOT_SALES, Rule, fields_of

_COST_RATE = (
    "key kind currency starts_date ends_date capex_usd accelerator_capex_usd residual_usd life_years wacc_share power_kw "
    "load_share pue usd_per_kwh usd_per_kw_month support_usd_per_year staff_usd_per_hour lease_usd_per_hour "
    "on_demand_usd_per_hour provenance"
)
_POLICY_OPEN = (
    "version effective_date confirmed_counts_at ordered_counts_at utilisation_interactive utilisation_standard "
    "utilisation_batch peak_factor_interactive peak_factor_standard peak_factor_batch coincidence_factor spare_replicas "
    "spare_replicas_large large_from_replicas hold_room_share hold_weeks_ahead market_use_share "
    "worst_use_multiple_metered worst_use_multiple_flat"
)
_POLICY_MONEY = (
    "target_gross_margin_share inference_ratio_amber_share inference_ratio_red_share loss_exposure_limit_usd"
)

SUPPLY_INPUTS: dict[str, dict[str, Rule]] = {
    "input_suppliers": {
        **fields_of(
            NOT_SALES,
            "key name lead_time_p50_weeks lead_time_p90_weeks is_competitor is_investor exclusivity change_of_control "
            "provenance",
        ),
        **fields_of(COST, "min_spend_usd_per_year revenue_share"),
    },
    "input_lead_times": fields_of(NOT_SALES, "supplier accelerator_type p50_weeks p90_weeks provenance"),
    # Regions, types and pools are what a contract or a workload is allowed to name: everybody reads them.
    "input_sites": {
        **fields_of(ALL, "key name region country"),
        **fields_of(NOT_SALES, "power_kw rack_slots pue provenance"),
    },
    "input_accelerator_types": {
        **fields_of(
            ALL,
            "key name manufacturer dense_bf16_tflops dense_fp8_tflops dense_fp4_tflops dense_int8_tops memory_gb "
            "memory_bandwidth_gb_per_s tdp_w node_size release_date h100e_factor h100e_as_of_date "
            "is_single_purpose",
        ),
        **fields_of(NOT_SALES, "provenance"),
        # A public figure, but what research may see in dollars is what its own use costs, and nothing else.
        **fields_of(COST, "release_price_usd"),
    },
    "input_pools": {
        **fields_of(
            ALL,
            "key name accelerator_type site source_type node_size availability_share availability_measured_date "
            "maintenance_accelerators burst_accelerators",
        ),
        **fields_of(NOT_SALES, "provenance"),
        **fields_of(COST, "burst_usd_per_accelerator_hour"),
    },
    "input_network_domains": {
        **fields_of(ALL, "pool key fabric gbit_per_second"),
        **fields_of(NOT_SALES, "provenance"),
    },
    "input_lots": {
        **fields_of(
            NOT_SALES,
            "key pool domain supplier state accelerators control_grade ordered_date p50_date p90_date accepted_date "
            "ends_date source_type purchase_order serial_ref is_off_balance_sheet is_terminable racks note provenance",
        ),
        **fields_of(COST, "cost_rate_key early_exit_fee_usd"),
    },
    "input_lot_moves": fields_of(NOT_SALES, "lot starts_date accelerators to_pool to_domain provenance"),
    "input_outages": fields_of(NOT_SALES, "key pool domain kind accelerators starts_date ends_date reason provenance"),
    "input_cost_rates": fields_of(COST, _COST_RATE),
    "input_cost_lines": fields_of(
        COST, "rate rate_starts_date line component capex_usd residual_usd life_years usd_per_hour provenance"
    ),
    "input_market_values": fields_of(
        COST, "accelerator_type as_of_date usd_per_accelerator rental_usd_per_hour provenance"
    ),
    "input_budgets": fields_of(COST, "key name purpose starts_date ends_date budget_usd provenance"),
    "input_fx_rates": fields_of(COST, "currency as_of_date usd_per_unit provenance"),
    "input_actual_costs": fields_of(
        COST,
        "pool day provider service resource charge_kind billed_usd effective_usd list_usd currency quantity_hours "
        "external_id provenance",
    ),
    "input_accelerator_list_prices": fields_of(
        COST,
        "provider region offer accelerator accelerator_type pricing_model as_of_date usd_per_accelerator_hour "
        "external_id provenance",
    ),
    "input_policy_sets": {
        **fields_of(ALL, _POLICY_OPEN),
        **fields_of(
            NOT_SALES,
            "tiers note idle_limit_share no_choice_limit_share unexplained_frontier_limit_share starvation_weeks "
            "starvation_share deficit_limit_share recall_notice_days restart_hours provenance",
        ),
        **fields_of(COST, _POLICY_MONEY),
    },
    "input_policy_floors": fields_of(
        NOT_SALES, "policy key name pool_keys share accelerators lendable team_key provenance"
    ),
    "input_floor_waivers": fields_of(
        NOT_SALES, "key policy floor starts_date ends_date accelerators reason decision_number provenance"
    ),
}

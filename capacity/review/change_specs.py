"""Which input tables are compared between two reviews, and which entry of the visibility table each column answers to.

Pure data. A table: group, noun, natural key, the entry that decides who may know that the row changed at all (gate),
and the entries of its columns. A column without an entry is seen by finance only: a new column is hidden, not shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

GROUPS = {
    "supply": "Supply",
    "contracts": "Contracts",
    "forecasts": "Forecasts and usage",
    "prices": "Prices",
    "rates": "Cost rates",
    "policy": "Policy",
    "requests": "Experiment requests",
    "models": "Models, profiles and workload cards",
    "method": "How it is computed",
}
# Changes in these say nothing about the plan.
BOOKKEEPING = frozenset({"id", "provenance", "row_version", "submitted_by", "source_ref"})

Entry = tuple[str, str]
FINANCE_ONLY: Entry = ("review", "changes")


@dataclass(frozen=True, kw_only=True, slots=True)
class TableSpec:
    """owner: how a row's owner is found: "" nobody, "contract" its contract's salesperson, or a column with a team's key."""

    group: str
    noun: str
    key: tuple[str, ...]
    gate: Entry
    columns: Mapping[str, Entry] = field(default_factory=dict)
    owner: str = ""
    forecast_columns: frozenset[str] = frozenset()

    def entry(self, column: str) -> Entry:
        return self.columns.get(column, FINANCE_ONLY)


def _key(columns: str) -> tuple[str, ...]:
    """A natural key of several columns; written so that it is not taken for an entry of the visibility table."""
    return tuple(columns.split())


def _all(entry: Entry, names: str) -> dict[str, Entry]:
    return dict.fromkeys(names.split(), entry)


def _same(resource: str, names: str) -> dict[str, Entry]:
    """Columns that the visibility table lists under their own names."""
    return {name: (resource, name) for name in names.split()}


_POOL: Entry = ("pool", "pool_key")
_LOT: Entry = ("lot", "lot_key")
_LOT_COST: Entry = ("lot", "cost_rate_key")
_REQUEST: Entry = ("placement", "experiment_key")
_CARD: Entry = ("workload", "workload_key")
_PROFILE: Entry = ("allocation", "work")
_PROMISE: Entry = ("exposure", "shape")
# Its key names the contract: told to whom the contract's name is.
_HOLD: Entry = ("deal", "hold_key")
_ALIAS: Entry = ("exposure", "customer_alias")
_COMMERCIAL: Entry = ("exposure", "flags")
_PRICE: Entry = ("price_line", "price")
_SUPPLIER_TERMS: Entry = ("input_suppliers", "revenue_share")
_FLOOR: Entry = ("policy", "floor_key")
_USE = (
    "input_tokens_per_second output_tokens_per_second cache_hit_share cache_write_share peak_factor p95_multiple "
    "growth_share_per_month usage_basis usage_date"
)
_CARD_USE = (
    "input_tokens_per_second output_tokens_per_second cache_hit_share peak_factor growth_share_per_month p10_multiple "
    "p90_multiple forecast_source forecast_date"
)

TABLES: dict[str, TableSpec] = {
    "suppliers": TableSpec(
        group="supply",
        noun="Supplier",
        key=("key",),
        gate=_LOT,
        columns={
            **_all(
                _LOT,
                "key name lead_time_p50_weeks lead_time_p90_weeks is_competitor is_investor exclusivity "
                "change_of_control",
            ),
            **_all(_SUPPLIER_TERMS, "min_spend_usd_per_year revenue_share"),
        },
    ),
    "lead_times": TableSpec(
        group="supply",
        noun="Lead time",
        key=("supplier", "accelerator_type"),
        gate=_LOT,
        columns=_all(_LOT, "supplier accelerator_type p50_weeks p90_weeks"),
    ),
    "sites": TableSpec(
        group="supply",
        noun="Site",
        key=("key",),
        gate=_POOL,
        columns={
            **_all(_POOL, "key name region country"),
            **_same("input_sites", "power_kw rack_slots pue"),
        },
    ),
    "accelerator_types": TableSpec(
        group="supply",
        noun="Accelerator type",
        key=("key",),
        gate=_POOL,
        columns={
            **_all(
                _POOL,
                "key name manufacturer dense_bf16_tflops dense_fp8_tflops dense_fp4_tflops dense_int8_tops memory_gb "
                "memory_bandwidth_gb_per_s tdp_w node_size release_date h100e_factor h100e_as_of_date "
                "is_single_purpose",
            ),
            **_same("input_accelerator_types", "release_price_usd"),
        },
    ),
    "pools": TableSpec(
        group="supply",
        noun="Pool",
        key=("key",),
        gate=_POOL,
        columns={
            **_all(
                _POOL,
                "key name accelerator_type site source_type node_size availability_share availability_measured_date "
                "maintenance_accelerators burst_accelerators",
            ),
            "burst_usd_per_accelerator_hour": ("lot", "usd_per_accelerator_hour"),
        },
    ),
    "network_domains": TableSpec(
        group="supply",
        noun="Network domain",
        key=_key("pool key"),
        gate=_POOL,
        columns=_all(_POOL, "pool key fabric gbit_per_second"),
    ),
    "lots": TableSpec(
        group="supply",
        noun="Lot",
        key=("key",),
        gate=_LOT,
        columns={
            "key": _LOT,
            "pool": ("lot", "pool_key"),
            "domain": ("lot", "domain_key"),
            **_same(
                "lot",
                "supplier state accelerators control_grade ordered_date p50_date p90_date accepted_date ends_date "
                "cost_rate_key",
            ),
            **_same(
                "input_lots",
                "source_type purchase_order serial_ref is_off_balance_sheet is_terminable early_exit_fee_usd racks note",
            ),
        },
    ),
    "lot_moves": TableSpec(
        group="supply",
        noun="Move of lot",
        key=_key("lot starts_date to_pool to_domain"),
        gate=_LOT,
        columns=_all(_LOT, "lot starts_date accelerators to_pool to_domain"),
    ),
    "outages": TableSpec(
        group="supply",
        noun="Outage",
        key=("key",),
        gate=_LOT,
        columns=_all(_LOT, "key pool domain kind accelerators starts_date ends_date reason"),
    ),
    "cost_rates": TableSpec(
        group="rates",
        noun="Cost rate",
        key=("key", "starts_date"),
        gate=_LOT_COST,
        columns=_all(
            _LOT_COST,
            "key kind currency starts_date ends_date capex_usd accelerator_capex_usd residual_usd life_years wacc_share power_kw "
            "load_share pue usd_per_kwh usd_per_kw_month support_usd_per_year staff_usd_per_hour lease_usd_per_hour "
            "on_demand_usd_per_hour",
        ),
    ),
    "cost_lines": TableSpec(
        group="rates",
        noun="Cost line",
        key=_key("rate rate_starts_date line"),
        gate=_LOT_COST,
        columns=_all(_LOT_COST, "rate rate_starts_date line component capex_usd residual_usd life_years usd_per_hour"),
    ),
    "fx_rates": TableSpec(
        group="rates",
        noun="Exchange rate",
        key=_key("currency as_of_date"),
        gate=_LOT_COST,
        columns=_all(_LOT_COST, "currency as_of_date usd_per_unit"),
    ),
    "model_versions": TableSpec(
        group="models",
        noun="Model",
        key=("key",),
        gate=("workload", "model_name"),
        columns=_all(
            ("workload", "model_name"),
            "key name model_tier launch_date retire_date family half_life_months "
            "context_tokens price_decline_share_per_year",
        ),
    ),
    "throughput_profiles": TableSpec(
        group="models",
        noun="Throughput profile",
        key=("model_version", "accelerator_type", "latency_class"),
        gate=_PROFILE,
        columns=_all(
            _PROFILE,
            "model_version accelerator_type latency_class precision replica_accelerators prefill_tokens_per_second "
            "decode_tokens_per_second cached_cost_share basis measured_date formula context_tokens parallelism is_planned "
            "measured_model_version residual_share points quality_flag",
        ),
    ),
    "workloads": TableSpec(
        group="models",
        noun="Workload",
        key=("key",),
        gate=_CARD,
        forecast_columns=frozenset(_CARD_USE.split()),
        columns={
            **_all(
                _CARD,
                "key name purpose owner_role model_version latency_class regions quality_required customer_value "
                "tier_justification justification_approver justification_expires_date smaller_tier_tested "
                "smaller_tier_tested_date review_by_date justification_evidence eval_delta smaller_tier_evidence route "
                "default_setting quota_tokens_per_minute context_limit_tokens calls_per_task tokens_per_call is_always_on",
            ),
            **_all(("workload", "accelerators_now"), _CARD_USE),
            "usd_value_per_million_tokens": ("spend", "product_usd"),
        },
    ),
    # A new vintage changes a forecast; it does not remove one and add another.
    "forecasts": TableSpec(
        group="forecasts",
        noun="Forecast",
        key=_key("workload source starts_date"),
        gate=("input_forecasts", "workload"),
        columns=_same(
            "input_forecasts",
            "workload source vintage_date starts_date input_p10 input_p50 input_p90 output_p10 output_p50 output_p90",
        ),
    ),
    "teams": TableSpec(
        group="requests", noun="Team", key=("key",), gate=_REQUEST, columns=_all(_REQUEST, "key name weight")
    ),
    "experiments": TableSpec(
        group="requests",
        noun="Request",
        key=("key",),
        gate=_REQUEST,
        owner="team",
        columns=_all(
            _REQUEST,
            "key name team experiment_priority purpose is_model_development hypothesis informs_decision "
            "customer_outcome accelerators weeks earliest_start_date latest_start_date accelerator_types pool_keys "
            "preemptible divisible state pool domain_key started_date estimated_flop intended_metric accelerators_least "
            "checkpoint_hours least_gbit_per_second parameters training_tokens",
        ),
    ),
    "priority_overrides": TableSpec(
        group="requests",
        noun="Priority override",
        key=_key("experiment key"),
        gate=_REQUEST,
        columns=_all(_REQUEST, "key experiment weight reason decision_number starts_date ends_date is_decided"),
    ),
    "customers": TableSpec(
        group="contracts",
        noun="Customer",
        key=("key",),
        gate=("exposure", "customer_name"),
        columns=_all(("exposure", "customer_name"), "key name alias segment"),
    ),
    "usage_profiles": TableSpec(
        group="forecasts",
        noun="Usage profile",
        key=("key",),
        gate=_COMMERCIAL,
        columns=_all(
            _COMMERCIAL,
            "key name input_tokens_per_second output_tokens_per_second cache_hit_share cache_write_share peak_factor "
            "p95_multiple growth_share_per_month context_tokens basis measured_date",
        ),
    ),
    "contracts": TableSpec(
        group="contracts",
        noun="Contract",
        key=("key", "version"),
        gate=_ALIAS,
        owner="contract",
        forecast_columns=frozenset(_USE.split()),
        columns={
            "key": ("exposure", "contract_key"),
            "version": _PROMISE,
            "name": ("exposure", "contract_name"),
            "customer": ("exposure", "customer_name"),
            "workload": ("exposure", "workload_key"),
            "owner": ("exposure", "owner_username"),
            **_same("exposure", "starts_date ends_date"),
            **_all(
                _PROMISE,
                f"state time_zone shape regions has_sla accelerator_type {_USE} rate_limit_input_tokens_per_minute "
                "rate_limit_output_tokens_per_minute rate_limit_requests_per_minute unit_tokens_per_minute "
                "unit_output_weight unit_cached_weight unit_output_tokens_per_minute spill seats "
                "fair_use_tokens_per_month latency_class pinned_model_version pin_ends_date exclusivity",
            ),
            **_all(
                _COMMERCIAL,
                "currency renewal_probability renewal_auto notice_days termination_right usage_profile makeup_months",
            ),
            "discount_share": ("price_line", "discount_share"),
            **_all(
                _PRICE,
                "overage_keeps_discount rollover_share take_share price_multiplier availability_paid_share "
                "termination_fee_usd",
            ),
        },
    ),
    "price_lines": TableSpec(
        group="prices",
        noun="Price of",
        key=_key("contract contract_version kind starts_date tier_from"),
        gate=_PRICE,
        owner="contract",
        columns={
            **_all(_PRICE, "contract contract_version tier_from tier_mode included_quantity note"),
            **_same("price_line", "kind price starts_date ends_date"),
        },
    ),
    "commit_steps": TableSpec(
        group="contracts",
        noun="Commitment of",
        key=("contract", "contract_version", "kind", "starts_date"),
        gate=("commit_step", "quantity"),
        owner="contract",
        columns={
            **_all(("commit_step", "quantity"), "contract contract_version quantity"),
            **_same("commit_step", "kind starts_date"),
        },
    ),
    "sla_lines": TableSpec(
        group="contracts",
        noun="SLA tier of",
        key=_key("contract contract_version metric below_share region"),
        gate=_PROMISE,
        owner="contract",
        columns={
            **_all(_PROMISE, "contract contract_version metric below_share credit_share region chance"),
            **_same("input_sla_lines", "make_good_usd"),
        },
    ),
    "holds": TableSpec(
        group="contracts",
        noun="Hold of",
        key=_key("contract contract_version key"),
        gate=_HOLD,
        owner="contract",
        columns=_all(
            _HOLD, "contract contract_version key probability granted_date expires_date state ended_date note"
        ),
    ),
    "policy_sets": TableSpec(
        group="policy",
        noun="Policy",
        key=("version",),
        gate=("policy", "version"),
        columns=_same(
            "policy",
            "version effective_date tiers utilisation_interactive utilisation_standard utilisation_batch "
            "peak_factor_interactive peak_factor_standard peak_factor_batch coincidence_factor spare_replicas "
            "spare_replicas_large large_from_replicas hold_room_share hold_weeks_ahead "
            "market_use_share "
            "worst_use_multiple_metered worst_use_multiple_flat "
            "confirmed_counts_at ordered_counts_at note idle_limit_share no_choice_limit_share "
            "unexplained_frontier_limit_share target_gross_margin_share inference_ratio_amber_share "
            "inference_ratio_red_share loss_exposure_limit_usd "
            "starvation_weeks starvation_share deficit_limit_share recall_notice_days restart_hours",
        ),
    ),
    "policy_floors": TableSpec(
        group="policy",
        noun="Floor",
        key=_key("policy key"),
        gate=_FLOOR,
        columns=_all(_FLOOR, "policy key name pool_keys share accelerators lendable team_key"),
    ),
    "floor_waivers": TableSpec(
        group="policy",
        noun="Floor waiver",
        key=("key",),
        gate=_FLOOR,
        columns=_all(_FLOOR, "key policy floor starts_date ends_date accelerators reason decision_number is_decided"),
    ),
}
# A commitment in accelerators, throughput or bundles is capacity, not money: it goes with what the contract takes.
CAPACITY_COMMITMENTS = frozenset({"accelerators", "throughput_units", "input_bundles", "output_bundles"})
CAPACITY_COMMITMENT: Entry = _PROMISE

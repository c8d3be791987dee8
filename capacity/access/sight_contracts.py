"""Who sees which column of the tables of customers, contracts and prices that people keep by file, form and API. Pure.

A resource is named `input_` and the table; its lines are the table's columns. They say the same as the lines of the
plan's own rows (`exposure`, `price_line`, `commit_step`): names for who may know names, prices for who may know prices.
"""

from __future__ import annotations

from capacity.access.sight_rules import (
    ALL,
    CHAIR,
    EXEC,
    FINANCE,
    NAMES,
    PRICES,
    PRODUCT,
    PROMISE,
    RESEARCH,
    REVENUE,
    SALES,
    Rule,
    fields_of,
    rule_of,
)

_ALIAS = rule_of(CHAIR, FINANCE, EXEC, PRODUCT, RESEARCH, own=(SALES,))

CONTRACT_INPUTS: dict[str, dict[str, Rule]] = {
    "input_customers": {
        **fields_of(NAMES, "key name owner segment provenance"),
        **fields_of(_ALIAS, "alias"),
    },
    # A profile's name and figures may say whose they are.
    "input_usage_profiles": fields_of(
        NAMES,
        "key name owner input_tokens_per_second output_tokens_per_second cache_hit_share cache_write_share peak_factor "
        "p95_multiple growth_share_per_month context_tokens basis measured_date provenance",
    ),
    "input_contracts": {
        **fields_of(NAMES, "key version name customer owner source_ref provenance usage_profile"),
        **fields_of(
            PROMISE,
            "state starts_date ends_date time_zone shape workload latency_class pinned_model_version pin_ends_date "
            "regions has_sla input_tokens_per_second output_tokens_per_second cache_hit_share cache_write_share "
            "peak_factor p95_multiple growth_share_per_month usage_basis usage_date "
            "rate_limit_input_tokens_per_minute rate_limit_output_tokens_per_minute rate_limit_requests_per_minute "
            "unit_tokens_per_minute unit_output_weight unit_cached_weight unit_output_tokens_per_minute spill seats "
            "fair_use_tokens_per_month accelerator_type exclusivity",
        ),
        # Commercial words that are no price: they go with the names, as the plan's flags do.
        **fields_of(NAMES, "currency renewal_probability renewal_auto notice_days termination_right makeup_months"),
        **fields_of(
            PRICES,
            "discount_share overage_keeps_discount rollover_share take_share price_multiplier availability_paid_share "
            "termination_fee_usd",
        ),
    },
    "input_price_lines": fields_of(
        PRICES,
        "contract version kind price starts_date ends_date tier_from tier_mode included_quantity note provenance",
    ),
    # That there is a commitment, and from when, is no money; how much may be a revenue.
    "input_commit_steps": {
        **fields_of(NAMES, "contract version kind starts_date provenance"),
        **fields_of(REVENUE, "quantity"),
    },
    "input_sla_lines": {
        **fields_of(NAMES, "contract version provenance"),
        **fields_of(PROMISE, "metric below_share credit_share region chance"),
        **fields_of(REVENUE, "make_good_usd"),
    },
    # Of another account sales read only that something is held; how likely a deal is and until when goes with its name.
    "input_holds": fields_of(
        NAMES,
        "key contract version probability granted_date expires_date state ended_date note provenance",
    ),
    # Public prices: everybody may have read them.
    "input_token_list_prices": fields_of(
        ALL, "provider model kind as_of_date usd_per_million_tokens external_id provenance"
    ),
}

"""Who sees which column of what a run says of workloads and research, beside the map and the queue themselves. Pure.

A resource is a result table; its lines are the table's columns.
"""

from __future__ import annotations

from capacity.access.sight_rules import ALL, COST_AND_PRODUCT, NOT_SALES, WORKLOAD_COST, Rule, fields_of

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
}

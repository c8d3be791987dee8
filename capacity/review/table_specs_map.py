"""The tables of a run behind the workload map: where each workload is served, and its card.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.review.table_columns import RunTableSpec, columns_of
from workloads.models import RunTrough, RunWorkloadCard, RunWorkloadUse

WORKLOAD_USE = RunTableSpec(
    name="workload-use",
    title="Use by workload, class, pool and week",
    model=RunWorkloadUse,
    resource="workload_use",
    order=("week", "workload_key", "pool_key", "serving_class", "tier"),
    filters=("workload_key", "pool_key", "week"),
    action="workloads.view",
    columns=columns_of(
        """
        workload_key
        week
        pool_key
        serving_class
        tier
        accelerators
        usd|Cost|USD a week|usd
        """
    ),
)

WORKLOAD_CARDS = RunTableSpec(
    name="workload-cards",
    title="Workload cards as planned",
    model=RunWorkloadCard,
    resource="workload_card",
    order=("workload_key",),
    filters=("workload_key",),
    action="workloads.view",
    columns=columns_of(
        """
        workload_key
        complete|Complete||text
        facts|Card||text
        tokens_per_week|Tokens|tokens a week|thousands
        token_costs|Cost of a million tokens|USD|text
        premium|Premium over the next tier||text
        forecasts|Forecasts||text
        """
    ),
)

TROUGHS = RunTableSpec(
    name="troughs",
    title="Room in the troughs",
    model=RunTrough,
    resource="trough",
    order=("week", "pool_key"),
    filters=("pool_key", "week"),
    action="workloads.view",
    columns=columns_of(
        """
        pool_key
        week
        live|Held live|accelerators|thousands
        consumed|Used on average|accelerators|thousands
        spare|Spare|accelerators|thousands
        trough|Trough|accelerators|thousands
        waiting|Batch and offline|accelerators|thousands
        fits|Fits the trough|accelerators|thousands
        """
    ),
)

MAP_TABLES = (WORKLOAD_USE, WORKLOAD_CARDS, TROUGHS)

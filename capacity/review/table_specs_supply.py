"""The tables of a run about supply: pools, lots, what serves whom, who is short and what helps.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.allocation import models as allocation
from capacity.review.table_columns import RunTableSpec, columns_of

POOL_WEEKS = RunTableSpec(
    name="pool-weeks",
    title="Pools by week",
    model=allocation.RunPoolWeek,
    resource="pool_week",
    order=("pool_key", "week_index"),
    filters=("pool_key", "week"),
    columns=columns_of(
        """
        pool_key
        week
        week_index|Weeks from now||thousands
        installed|Installed|accelerators|thousands
        maintenance|Maintenance|accelerators|thousands
        allocatable|Allocatable|accelerators|thousands
        fragment|Fragment|accelerators|thousands
        serving|Serving customers|accelerators|thousands
        product|Own products|accelerators|thousands
        internal|Internal|accelerators|thousands
        no_choice|No product choice|accelerators|thousands
        pretrain|Pre-training|accelerators|thousands
        research|Research|accelerators|thousands
        evals|Evaluation and safety|accelerators|thousands
        idle|Idle|accelerators|thousands
        burst|Burst bought|accelerators|thousands
        floor|Floor|accelerators|thousands
        floor_held|Floor held|accelerators|thousands
        committed_need|Committed need|accelerators|thousands
        expected_need|Expected need (P50)|accelerators|thousands
        p10_need|Need, P10|accelerators|thousands
        p90_need|Need, P90|accelerators|thousands
        requested|Requested for experiments|accelerators|thousands
        capacity_shortfall|Capacity shortfall|accelerators|thousands
        usd_per_accelerator_hour|Loaded rate|USD per accelerator-hour|usd
        envelope_usd|Envelope|USD a week|usd
        idle_usd|Idle|USD a week|usd
        idle_floor|Idle: kept by the floor|accelerators|thousands
        idle_fragment|Idle: too small for what waits|accelerators|thousands
        idle_wrong_kind|Idle: wrong region or type|accelerators|thousands
        idle_unaccepted|Idle: not accepted yet|accelerators|thousands
        idle_no_demand|Idle: no demand|accelerators|thousands
        """
    ),
)

POOLS = RunTableSpec(
    name="pools",
    title="Pools",
    model=allocation.RunPool,
    resource="pool",
    order=("pool_key",),
    filters=("accelerator_type", "region", "source_type"),
    columns=columns_of(
        """
        pool_key
        name
        accelerator_type|Type||text
        accelerator_type_name|Accelerator||text
        region|Region||text
        source_type|Source||text
        node_size
        h100e_factor|H100e each||ratio
        domains|Network domains||text
        """
    ),
)

LOT_EVENTS = RunTableSpec(
    name="lots",
    title="Lots arriving and leaving",
    model=allocation.RunLotEvent,
    resource="lot",
    order=("week", "pool_key", "lot_key"),
    filters=("pool_key", "state"),
    action="supply.view",
    columns=columns_of(
        """
        lot_key|Lot||text
        pool_key
        week|Counts from week||text
        accelerators|Accelerators|accelerators|signed
        state|State||text
        counted_date|On||day
        """
    ),
)

ALLOCATIONS = RunTableSpec(
    name="allocations",
    title="Serving allocations",
    model=allocation.RunAllocation,
    resource="allocation",
    order=("serving_class", "pool_key", "week"),
    filters=("serving_class", "pool_key", "week"),
    action="supply.view",
    columns=columns_of(
        """
        serving_class
        pool_key
        week
        accelerators
        work|Work|reference accelerators|thousands
        """
    ),
)

SHORTFALLS = RunTableSpec(
    name="shortfalls",
    title="Capacity shortfalls",
    model=allocation.RunDemand,
    resource="demand",
    order=("week", "demand_key"),
    filters=("week", "tier", "serving_class"),
    action="supply.view",
    columns=columns_of(
        """
        demand_key
        contract_key
        workload_key
        serving_class
        tier
        week
        work|Asked|reference accelerators|thousands
        served|Served|reference accelerators|thousands
        short_accelerators|Capacity shortfall|accelerators|thousands
        usd_lost|Revenue not served|USD|usd
        """
    ),
)

REMEDIES = RunTableSpec(
    name="shortfall-remedies",
    title="Who is short, and what helps",
    model=allocation.RunShortfallRemedy,
    resource="remedy",
    order=("first_week", "demand_key", "rank"),
    filters=("tier", "remedy", "first_week", "serving_class"),
    action="supply.view",
    columns=columns_of(
        """
        demand_key
        contract_key
        workload_key
        serving_class
        tier
        pool_keys|May be served in||text
        first_week|Short from||text
        weeks|For|weeks|thousands
        short_accelerators|Short by, at most|accelerators|thousands
        short_accelerator_weeks
        rank|Order||thousands
        remedy|Remedy||text
        pool_key|In pool||text
        accelerators|Takes|accelerators|thousands
        covered_accelerator_weeks|Covers|accelerator-weeks|thousands
        usd|Costs|USD|usd
        usd_lost|Doing nothing loses|USD|usd
        lead_weeks_p50|Lead time, P50|weeks|thousands
        lead_weeks_p90|Lead time, P90|weeks|thousands
        helps_from|Helps from||text
        displaces|Displaces||text
        """
    ),
)

SCARCITY = RunTableSpec(
    name="scarcity-prices",
    title="Scarcity prices",
    model=allocation.RunScarcityPrice,
    resource="scarcity",
    order=("pool_key", "week"),
    filters=("pool_key", "week"),
    action="supply.view",
    columns=columns_of(
        """
        pool_key
        week
        usd_per_accelerator_week|Value of one more accelerator|USD a week|usd
        node_size
        usd_node_more|A node more would save|USD a week|usd
        usd_node_less|A node less would lose|USD a week|usd
        unlocks|What a node more would unlock||text
        """
    ),
)

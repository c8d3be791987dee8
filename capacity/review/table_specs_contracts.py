"""The tables of a run about contracts and deals: what each needs, earns and costs, and what it stands on.

What belongs here: declarations. Money by scenario stands in table_specs_money.
"""

from __future__ import annotations

from capacity.lib.figures import UNKNOWN_COST, UNSIZED
from capacity.review.table_columns import RunTableSpec, columns_of
from contracts.models import (
    RunContractLot,
    RunContractMultiple,
    RunContractPool,
    RunContractSla,
    RunDeal,
    RunExposure,
)

EXPOSURE = RunTableSpec(
    name="exposure",
    title="Contract exposure",
    model=RunExposure,
    resource="exposure",
    owner="owner_username",
    order=("contract_key",),
    filters=(
        "shape",
        "model_tier",
        "workload_key",
        "state",
        "customer_name",
        "owner_username",
        "model_name",
        "regions",
        "flags",
    ),
    action="contracts.view",
    absent={"_unsized": UNSIZED, "_cost": UNKNOWN_COST},
    columns=columns_of(
        """
        contract_key
        contract_version|Version||thousands
        contract_name|Name||text
        customer_key|Customer key||text
        customer_name|Customer||text
        customer_alias|Alias||text
        owner_username|Owner||text
        state|State||text
        shape|Shape||text
        workload_key
        model_tier
        model_name|Model||text
        regions|Regions||text
        starts_date|Starts||day
        ends_date|Ends||day
        weeks|Weeks in the horizon|weeks|thousands
        is_sized
        is_uncapped|Uncapped||text
        flags|Flags||text
        committed_accelerators|Committed|accelerators|thousands
        planned_accelerators|Planned (P50), alone|accelerators|thousands
        worst_accelerators|Worst reasonable, alone|accelerators|thousands
        capacity_gap_accelerators|Capacity gap|accelerators|thousands
        coverage_share|Coverage, next 13 weeks||share
        first_short_week|First short week||text
        short_accelerator_weeks
        worst_multiple|Worst reasonable use|× P50|ratio
        break_even_multiple|Break-even use|× P50|ratio
        revenue_usd|Revenue, P50|USD|usd
        consumed_cost_usd|Consumed cost, P50|USD|usd
        reserved_cost_usd|Reserved cost, P50|USD|usd
        margin_usd|Margin, P50|USD|usd
        margin_share|Margin, P50||share
        consumed_margin_usd|Margin on consumed cost|USD|usd
        worst_revenue_usd|Revenue, worst use|USD|usd
        worst_cost_usd|Cost, worst use|USD|usd
        worst_margin_usd|Margin, worst use|USD|usd
        worst_margin_share|Margin, worst use||share
        loss_exposure_usd|Loss exposure|USD|usd
        """
    ),
)

DEALS = RunTableSpec(
    name="deals",
    title="Deals in the pipeline",
    model=RunDeal,
    resource="deal",
    owner="owner_username",
    order=("contract_key", "contract_version"),
    filters=("state", "shape", "workload_key"),
    action="pipeline.view",
    columns=columns_of(
        """
        contract_key|Contract||text
        contract_version|Version||thousands
        contract_name|Name||text
        customer_name|Customer||text
        customer_alias|Alias||text
        owner_username|Owner||text
        state|State||text
        shape|Shape||text
        workload_key|Workload||text
        starts_date|Starts||day
        ends_date|Ends||day
        is_sized|Sized||text
        sentence|Why not sized||text
        accelerators|Needs, alone|accelerators|thousands
        revenue_usd|Revenue, P50|USD|usd
        probability|Probability||share
        expires_date|Hold expires||day
        weighted_accelerators|Needs × probability|accelerators|thousands
        weighted_revenue_usd|Revenue × probability|USD|usd
        held_accelerators|Held in the plan|accelerators|thousands
        short_accelerators|Hold short by|accelerators|thousands
        """
    ),
)

CONTRACT_MULTIPLES = RunTableSpec(
    name="contract-multiples",
    title="Contracts at 1, 2, 3 times their use",
    model=RunContractMultiple,
    resource="contract_use",
    owner="owner_username",
    order=("contract_key", "position"),
    filters=("contract_key", "basis"),
    action="contracts.detail",
    gate="contract_key",
    columns=columns_of(
        """
        contract_key
        owner_username|Owner||text
        position|Order||thousands
        basis|Basis||text
        on_date|Month as of||day
        hours|Month|hours|thousands
        multiple|Use|× P50|ratio
        used_multiple|Use, capped|× P50|ratio
        accelerators
        capacity_gap_accelerators|Capacity gap|accelerators|thousands
        revenue_usd|Revenue|USD a month|usd
        reserved_cost_usd|Reserved cost|USD a month|usd
        consumed_cost_usd|Consumed cost|USD a month|usd
        margin_usd|Margin|USD a month|usd
        margin_share|Margin ÷ revenue||share
        loss_exposure_usd|Loss exposure|USD a month|usd
        break_even_reason|Why no break-even||text
        curve|Multiple and margin, point by point||text
        """
    ),
)

CONTRACT_POOLS = RunTableSpec(
    name="contract-pools",
    title="Pools that contracts stand on",
    model=RunContractPool,
    resource="contract_pool",
    owner="owner_username",
    order=("contract_key", "pool_key"),
    filters=("contract_key", "pool_key"),
    action="contracts.detail",
    gate="contract_key",
    columns=columns_of(
        """
        contract_key
        owner_username|Owner||text
        pool_key
        pool_name|Name||text
        first_week|From||text
        last_week|To||text
        weeks
        mean_accelerators|Mean|accelerators|thousands
        most_accelerators|Most|accelerators|thousands
        weekly|By week of the plan||text
        """
    ),
)

CONTRACT_LOTS = RunTableSpec(
    name="contract-lots",
    title="Lots that contracts stand on",
    model=RunContractLot,
    resource="contract_lot",
    owner="owner_username",
    order=("contract_key", "pool_key", "lot_key"),
    filters=("contract_key", "pool_key"),
    action="contracts.detail",
    gate="contract_key",
    columns=columns_of(
        """
        contract_key
        owner_username|Owner||text
        pool_key
        lot_key|Lot||text
        source_type|Source||text
        supplier_name|Supplier||text
        lot_accelerators|Size|accelerators|thousands
        starts_date|In service from||day
        ends_date|Leaves||day
        rate_basis|Rate||text
        usd_per_hour|Rate|USD per installed hour|usd
        part_accelerators|Stand on it|accelerators|thousands
        contract_ends_date|Contract ends||day
        weeks_uncovered|Uncovered|weeks|thousands
        """
    ),
)

CONTRACT_SLAS = RunTableSpec(
    name="contract-slas",
    title="SLA tiers of contracts",
    model=RunContractSla,
    resource="contract_sla",
    owner="owner_username",
    order=("contract_key", "position"),
    filters=("contract_key", "metric"),
    action="contracts.detail",
    gate="contract_key",
    columns=columns_of(
        """
        contract_key
        owner_username|Owner||text
        position|Order||thousands
        metric|Measured||text
        region|Region||text
        below_share|Below||fine_share
        credit_share|Credit||share
        is_standard|Standard tier||text
        allowed_minutes|Missed after|minutes of 30 days|thousands
        fee_usd|Monthly fee|USD|usd
        credit_usd|Credits|USD a month|usd
        chance|Chance of a month||fine_share
        expected_usd|Expected credits|USD a month|usd
        expected_make_good_usd|Expected make-good|USD a month|usd
        """
    ),
)

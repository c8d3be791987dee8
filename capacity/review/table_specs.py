"""The result tables of a run as people see them: which columns, their words and units, whose a row is.

What belongs here: declarations. Each table says which model it reads, which resource of the visibility table its
columns belong to, and who owns a row; `tables` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import models

from capacity.allocation import models as allocation
from capacity.lib.figures import UNKNOWN_COST, UNSIZED
from capacity.review.money_models import RunChance, RunRollup, RunScenario
from contracts.models import (
    RunContractLot,
    RunContractMultiple,
    RunContractPool,
    RunContractSla,
    RunDeal,
    RunExposure,
)
from workloads.models import RunWorkload


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """A column of a table: its head, unit, and how a cell is written (a name of a filter in `formats`)."""

    name: str
    label: str
    unit: str = ""
    kind: str = "text"

    @property
    def is_number(self) -> bool:
        return self.kind != "text"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTableSpec:
    """A result table as people see it. owner: column that names the row's owner (a username or a team's key).

    gate: a column without which its row is not there for the viewer at all, "" for none.
    """

    name: str
    title: str
    model: type[models.Model]
    resource: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    owner: str = ""
    absent: Mapping[str, Any] = field(default_factory=dict)
    filters: tuple[str, ...] = ()
    action: str = "review.view"
    gate: str = ""

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _column(line: str) -> Column:
    name, label, unit, kind = (part.strip() for part in line.split("|"))
    return Column(name=name, label=label, unit=unit, kind=kind)


# Columns that read the same in every table that has them.
_SHARED = {
    column.name: column
    for column in map(
        _column,
        """
        contract_key|Contract||text
        workload_key|Workload||text
        model_tier|Model tier||text
        is_sized|Sized||text
        short_accelerator_weeks|Short|accelerator-weeks|thousands
        pool_key|Pool||text
        week|Week||text
        name|Name||text
        node_size|Node|accelerators|thousands
        experiment_key|Request||text
        team_key|Team key||text
        team_name|Team||text
        priority|Priority||text
        weeks|Weeks|weeks|thousands
        accelerators|Accelerators|accelerators|thousands
        serving_class|Serving class||text
        demand_key|Demand||text
        tier|Tier||text
        """.strip().splitlines(),
    )
}


def _columns(text: str) -> tuple[Column, ...]:
    """`name|Label|unit|kind` a line, or the name of a shared column: the tables below are read more easily so."""
    return tuple(
        _column(line) if "|" in line else _SHARED[line.strip()] for line in text.strip().splitlines() if line.strip()
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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

POOL_WEEKS = RunTableSpec(
    name="pool-weeks",
    title="Pools by week",
    model=allocation.RunPoolWeek,
    resource="pool_week",
    order=("pool_key", "week_index"),
    filters=("pool_key", "week"),
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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

WORKLOADS = RunTableSpec(
    name="workloads",
    title="Workload map",
    model=RunWorkload,
    resource="workload",
    order=("workload_key",),
    filters=("model_tier", "latency_class", "purpose"),
    action="workloads.view",
    columns=_columns(
        """
        workload_key|Key||text
        name|Workload||text
        model_tier
        model_name|Model||text
        latency_class|Latency class||text
        purpose|Counts as||text
        stated_purpose|Purpose on the card||text
        owner_role|Owner||text
        missing|Missing on the card||text
        is_sized
        is_frontier_explained|Frontier use explained||text
        smaller_tier_tested|Smaller tier tested||text
        accelerators_now|This week|accelerators|thousands
        accelerators_mean|Mean, 13 weeks|accelerators|thousands
        h100e_now|This week|H100e|thousands
        usd_per_week|Cost this week|USD|usd
        contracts|Contracts||thousands
        """
    ),
)

PLACEMENTS = RunTableSpec(
    name="placements",
    title="Placements",
    model=allocation.RunPlacement,
    resource="placement",
    owner="team_key",
    order=("start_week", "priority", "experiment_key", "pool_key"),
    filters=("team_key", "priority", "pool_key", "purpose"),
    action="requests.view",
    columns=_columns(
        """
        experiment_key
        name
        team_key
        team_name
        priority
        purpose|Purpose||text
        is_running|Running||text
        pool_key
        domain_key|Domain||text
        start_week|Starts||text
        weeks
        accelerators
        cost_usd|Cost inside the horizon|USD|usd
        """
    ),
)

UNPLACED = RunTableSpec(
    name="unplaced",
    title="Requests without a place",
    model=allocation.RunUnplaced,
    resource="unplaced",
    owner="team_key",
    order=("priority", "experiment_key"),
    filters=("team_key", "priority", "reason"),
    action="requests.view",
    columns=_columns(
        """
        experiment_key
        name
        team_key
        team_name
        priority
        accelerators|Asked|accelerators|thousands
        weeks
        reason|Reason||text
        sentence|Why not||text
        week|Binding week||text
        needed|Needed|accelerators|thousands
        free|Free|accelerators|thousands
        short_by|Short by|accelerators|thousands
        blockers|Blockers||text
        smallest_changes|Smallest changes that fit||text
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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
    columns=_columns(
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

TIERS = RunTableSpec(
    name="tiers",
    title="Tiers of the plan",
    model=allocation.RunTier,
    resource="tier",
    order=("position",),
    action="requests.view",
    columns=_columns(
        """
        position|Order||thousands
        tier
        unit|Unit||text
        value|Value||thousands
        bound|Bound||thousands
        gap_absolute|Gap||thousands
        gap_relative|Gap||share
        unmet_accelerators|Unmet, loss not known|accelerator-weeks|thousands
        """
    ),
)

ISSUES = RunTableSpec(
    name="issues",
    title="What the plan had to leave out or assume",
    model=allocation.RunIssue,
    resource="issue",
    order=("code", "subject"),
    filters=("code",),
    columns=_columns(
        """
        code|Kind||text
        subject|About||text
        sentence|What and what to do||text
        """
    ),
)

_SCENARIO_MONEY = """
        revenue_usd|Revenue|USD|usd
        consumed_cost_usd|Consumed cost|USD|usd
        headroom_cost_usd|Headroom|USD|usd
        reserved_cost_usd|Reserved cost|USD|usd
        reserved_low_usd|Reserved cost, at least|USD|usd
        reserved_high_usd|Reserved cost, at most|USD|usd
        margin_usd|Margin, loaded|USD|usd
        margin_share|Loaded, of revenue||share
        consumed_margin_usd|Margin, consumed|USD|usd
        expected_credits_usd|Expected credits|USD|usd
        loss_exposure_usd|Loss exposure|USD|usd
        margin_swing_usd|Margin swing|USD|usd
        capacity_gap_accelerator_weeks|Capacity gap|accelerator-weeks|thousands
"""

SCENARIOS = RunTableSpec(
    name="exposure-scenarios",
    title="Contracts under scenarios of use",
    model=RunScenario,
    resource="exposure_scenario",
    owner="owner_username",
    order=("contract_key", "position"),
    filters=("contract_key", "scenario", "shape", "model_tier", "workload_key", "customer_key"),
    action="exposure.view",
    columns=_columns(
        f"""
        contract_key
        contract_name|Name||text
        customer_key|Customer key||text
        customer_name|Customer||text
        customer_alias|Alias||text
        workload_key
        model_key|Model||text
        model_tier
        shape|Shape||text
        scenario|Scenario||text
        first_week|First week||text
        weeks|Weeks in the horizon|weeks|thousands
        is_sized
        is_priced|Priced||text
        multiple|Use|× P50|ratio
        {_SCENARIO_MONEY}
        outage_credits_usd|Of it for outages|USD|usd
        make_good_usd|Expected make-good|USD|usd
        capacity_gap_accelerators|Capacity gap, at most|accelerators|thousands
        revenue_cents|Revenue by week|cents|text
        consumed_cents|Consumed cost by week|cents|text
        reserved_cents|Reserved cost by week|cents|text
        credits_cents|Expected credits by week|cents|text
        loss_cents|Loss exposure by week|cents|text
        gap_accelerators|Capacity gap by week|accelerators|text
        """
    ),
)

ROLLUPS = RunTableSpec(
    name="exposure-rollups",
    title="Scenarios summed by workload, model, tier, customer, region and shape",
    model=RunRollup,
    resource="exposure_rollup",
    order=("dimension", "part_key", "position"),
    filters=("dimension", "part_key", "scenario"),
    action="money.view",
    columns=_columns(
        f"""
        dimension|Summed by||text
        part_key|Key||text
        part_name|Part||text
        scenario|Scenario||text
        contracts|Contracts|contracts|thousands
        customers|Customers|customers|thousands
        unsized|Unsized|contracts|thousands
        unpriced|Unknown price|contracts|thousands
        unknown_cost|Unknown cost|contracts|thousands
        left_out|Left out||text
        is_small|Few customers||text
        {_SCENARIO_MONEY}
        """
    ),
)

CHANCES = RunTableSpec(
    name="money-risk",
    title="What use may do to margin and capacity",
    model=RunChance,
    resource="money_risk",
    order=("position", "part_key"),
    filters=("measure", "part_key"),
    action="money.view",
    columns=_columns(
        """
        measure|Measure||text
        part_key|Key||text
        part_name|Part||text
        unit|Unit||text
        p10|P10||thousands
        p50|P50||thousands
        p90|P90||thousands
        mean|Mean||thousands
        probability|Probability||share
        contracts|Contracts drawn|contracts|thousands
        left_out|Left out|contracts|thousands
        draws|Draws||thousands
        seed|Seed||thousands
        market_share|Common to all||share
        """
    ),
)

RUN_TABLES: dict[str, RunTableSpec] = {
    spec.name: spec
    for spec in (
        EXPOSURE,
        DEALS,
        CONTRACT_MULTIPLES,
        CONTRACT_POOLS,
        CONTRACT_LOTS,
        CONTRACT_SLAS,
        POOLS,
        POOL_WEEKS,
        LOT_EVENTS,
        WORKLOADS,
        PLACEMENTS,
        UNPLACED,
        ALLOCATIONS,
        SHORTFALLS,
        REMEDIES,
        SCARCITY,
        TIERS,
        ISSUES,
        SCENARIOS,
        ROLLUPS,
        CHANCES,
    )
}

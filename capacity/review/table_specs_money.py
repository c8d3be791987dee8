"""The tables of a run about money under scenarios of use: contract by contract, summed, and drawn by chance.

What belongs here: declarations.
"""

from __future__ import annotations

from capacity.review.money_models import RunChance, RunRollup, RunScenario
from capacity.review.table_columns import RunTableSpec, columns_of

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
    columns=columns_of(
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
    columns=columns_of(
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
    columns=columns_of(
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

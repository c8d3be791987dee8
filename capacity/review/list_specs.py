"""What each list page shows of its table: columns, filters, search, first sort, totals. Pure: no rows, no requests."""

from __future__ import annotations

from dataclasses import replace

from capacity.review import portfolio, table_specs
from capacity.review.envelope_rows import LINES as ENVELOPE_LINES
from capacity.review.listing import ListSpec
from capacity.review.table_columns import Column, RunTableSpec
from capacity.review.table_specs import (
    DEALS,
    EXPOSURE,
    LOT_EVENTS,
    PLACEMENTS,
    POOL_WEEKS,
    REMEDIES,
    ROLLUPS,
    SCARCITY,
    SCENARIOS,
    UNPLACED,
    WORKLOADS,
)


def _pick(spec: RunTableSpec, names: str) -> tuple[Column, ...]:
    return tuple(spec.column(name) for name in names.split())


# The first cell: what the reader may call the contract. Its key and customer stand beside it where they may be known.
CONTRACT_LABEL = Column(name="label", label="Contract")

CONTRACTS = ListSpec(
    name="contracts",
    title="Exposure ranking",
    columns=(
        CONTRACT_LABEL,
        *_pick(
            EXPOSURE,
            "customer_name loss_exposure_usd worst_margin_usd margin_usd margin_share revenue_usd reserved_cost_usd "
            "break_even_multiple worst_multiple coverage_share first_short_week committed_accelerators "
            "planned_accelerators worst_accelerators capacity_gap_accelerators flags shape model_tier state regions "
            "owner_username ends_date",
        ),
    ),
    filters=("state", "customer_name", "shape", "model_tier", "regions", "flags", "owner_username", "workload_key"),
    search=("label", "customer_name", "customer_alias", "contract_key", "shape", "flags"),
    sort="-loss_exposure_usd",
    totals=(
        "committed_accelerators",
        "planned_accelerators",
        "capacity_gap_accelerators",
        "revenue_usd",
        "reserved_cost_usd",
        "margin_usd",
        "worst_margin_usd",
        "loss_exposure_usd",
    ),
    rows_per_page=36,
    empty="No contract is in force in this plan.",
)

CONCENTRATION = ListSpec(
    name="concentration",
    title="Concentration",
    columns=portfolio.COLUMNS,
    prefix="by-",
    empty="No contract to divide.",
)

# Of one contract, on its page.
CONTRACT_USE = ListSpec(
    name="contract-multiples",
    title="At more use",
    columns=_pick(
        table_specs.CONTRACT_MULTIPLES,
        "basis multiple used_multiple accelerators reserved_cost_usd revenue_usd margin_usd margin_share "
        "loss_exposure_usd capacity_gap_accelerators consumed_cost_usd on_date hours",
    ),
    prefix="use-",
    empty="This plan says nothing of its use.",
)
CONTRACT_POOLS = ListSpec(
    name="contract-pools",
    title="Pools it stands on",
    columns=_pick(
        table_specs.CONTRACT_POOLS, "pool_name weeks first_week last_week mean_accelerators most_accelerators"
    ),
    prefix="pools-",
    empty="The plan serves it from no pool: it is unsized, has not begun, or nothing is left for it.",
)
CONTRACT_LOTS = ListSpec(
    name="contract-lots",
    title="Lots it stands on",
    columns=_pick(
        table_specs.CONTRACT_LOTS,
        "pool_key lot_key source_type supplier_name lot_accelerators part_accelerators usd_per_hour ends_date "
        "weeks_uncovered",
    ),
    sort="-weeks_uncovered",
    prefix="lots-",
    empty="No lot is counted under its pools.",
)
CONTRACT_SCENARIOS = ListSpec(
    name="contract-scenarios",
    title="Scenarios",
    columns=_pick(
        table_specs.SCENARIOS,
        "scenario multiple revenue_usd reserved_cost_usd margin_usd consumed_margin_usd loss_exposure_usd "
        "margin_swing_usd capacity_gap_accelerators",
    ),
    prefix="scenarios-",
    empty="This run is from before scenarios were kept. The next plan has them.",
)
CONTRACT_SLAS = ListSpec(
    name="contract-slas",
    title="SLA",
    columns=_pick(
        table_specs.CONTRACT_SLAS,
        "metric region below_share allowed_minutes credit_share credit_usd chance expected_usd expected_make_good_usd",
    ),
    prefix="sla-",
    empty="No SLA.",
)

PIPELINE = ListSpec(
    name="pipeline",
    title="Deals",
    columns=(
        Column(name="label", label="Deal"),
        *_pick(
            DEALS,
            "state probability expires_date accelerators weighted_accelerators held_accelerators short_accelerators "
            "revenue_usd weighted_revenue_usd customer_name owner_username shape workload_key starts_date ends_date "
            "contract_version",
        ),
    ),
    filters=("state", "shape", "workload_key"),
    search=("label", "customer_name", "customer_alias", "contract_key", "owner_username"),
    sort="-weighted_accelerators",
    totals=("accelerators", "weighted_accelerators", "held_accelerators", "revenue_usd", "weighted_revenue_usd"),
    empty="No deal is in the pipeline. A draft or what-if under Data, Contracts appears here with the next plan.",
)

WORKLOAD_MAP = ListSpec(
    name="workloads",
    title="Workload map",
    columns=_pick(
        WORKLOADS,
        "name model_tier latency_class purpose owner_role accelerators_now h100e_now usd_per_week missing "
        "is_frontier_explained smaller_tier_tested model_name contracts accelerators_mean stated_purpose",
    ),
    filters=("model_tier", "latency_class", "purpose", "owner_role"),
    search=("name", "workload_key", "model_name", "owner_role", "missing"),
    sort="-h100e_now",
    totals=("h100e_now", "usd_per_week"),
    empty="No workload card has been imported.",
)

PLACED = ListSpec(
    name="placements",
    title="Placed",
    columns=_pick(
        PLACEMENTS,
        "name team_name priority purpose is_running pool_key domain_key start_week weeks accelerators cost_usd",
    ),
    filters=("team_key", "priority", "pool_key", "purpose"),
    search=("name", "experiment_key", "team_name", "pool_key"),
    totals=("cost_usd",),
    prefix="placed-",
    rows_per_page=40,
    empty="No request has a place in this plan.",
)

WITHOUT_PLACE = ListSpec(
    name="unplaced",
    title="Without a place",
    columns=_pick(UNPLACED, "name team_name priority accelerators weeks short_by sentence blockers smallest_changes"),
    filters=("team_key", "priority", "reason"),
    search=("name", "experiment_key", "team_name", "sentence"),
    rows_per_page=15,
    empty="Every request has a place.",
)

SUPPLY = ListSpec(
    name="supply",
    title="Pools",
    columns=(
        Column(name="name", label="Pool"),
        Column(name="accelerator_type_name", label="Accelerator"),
        Column(name="region", label="Region"),
        Column(name="source_type", label="Source"),
        Column(name="installed", label="Installed", unit="accelerators", kind="thousands"),
        Column(name="allocatable", label="Allocatable", unit="accelerators", kind="thousands"),
        Column(name="allocated", label="Allocated", unit="accelerators", kind="thousands"),
        Column(name="idle", label="Idle", unit="accelerators", kind="thousands"),
        Column(name="floor", label="Floor", unit="accelerators", kind="thousands"),
        Column(name="usd_per_accelerator_hour", label="Loaded rate", unit="USD per accelerator-hour", kind="usd"),
        Column(name="worst_shortfall", label="Worst shortfall", unit="accelerators", kind="thousands"),
        Column(name="worst_week", label="In week"),
    ),
    filters=("accelerator_type", "region", "source_type"),
    search=("name", "pool_key", "accelerator_type_name", "region"),
    empty="No pool has been imported.",
)

LOTS = ListSpec(
    name="lots",
    title="Lots arriving and leaving",
    columns=LOT_EVENTS.columns,
    filters=("pool_key", "state"),
    search=("lot_key", "pool_key"),
    prefix="lots-",
    empty="No lot arrives or leaves inside the horizon.",
)

SHORT = ListSpec(
    name="shortfall-remedies",
    title="Who is short, and what helps",
    columns=(
        Column(name="label", label="Demand"),
        *_pick(
            REMEDIES,
            "tier first_week weeks short_accelerators short_accelerator_weeks usd_lost rank remedy pool_key "
            "accelerators covered_accelerator_weeks usd lead_weeks_p50 lead_weeks_p90 helps_from displaces",
        ),
    ),
    search=("label", "workload_key", "serving_class", "pool_key"),
    prefix="short-",
    rows_per_page=20,
    empty="Nobody is short in this plan.",
)

SCARCITY_PRICES = ListSpec(
    name="scarcity-prices",
    title="Scarcity prices",
    columns=_pick(SCARCITY, "pool_key week usd_per_accelerator_week node_size usd_node_more usd_node_less unlocks"),
    search=("pool_key",),
    prefix="scarcity-",
    rows_per_page=20,
    empty="No accelerator more would be worth anything to serving.",
)

POOL_WEEK_TABLE = ListSpec(
    name="pool-weeks",
    title="Week by week",
    columns=tuple(
        replace(column, unit="") if column.unit == "accelerators" else column
        for column in _pick(
            POOL_WEEKS,
            "week installed maintenance allocatable serving product internal no_choice pretrain research evals idle "
            "idle_floor idle_fragment idle_wrong_kind idle_unaccepted idle_no_demand "
            "burst floor floor_held committed_need expected_need p90_need capacity_shortfall "
            "usd_per_accelerator_hour envelope_usd idle_usd",
        )
    ),
    empty="The plan has no week for this pool.",
)

RUNS = ListSpec(
    name="runs",
    title="Runs",
    columns=(
        Column(name="id", label="Run"),
        Column(name="state", label="State"),
        Column(name="reason", label="Reason"),
        Column(name="requested_by", label="Asked by"),
        Column(name="requested_at", label="Asked at"),
        Column(name="attempt", label="Attempt", kind="thousands"),
        Column(name="seconds", label="Took", unit="s", kind="thousands"),
        Column(name="inputs_version", label="Inputs", unit="version", kind="thousands"),
        Column(name="policy_version", label="Policy", unit="version", kind="thousands"),
        Column(name="termination", label="Solver"),
        Column(name="error", label="What went wrong"),
    ),
    filters=("state",),
    search=("id", "reason", "requested_by", "error"),
    empty="No run has been asked for.",
)

_MONEY = (
    "revenue_usd",
    "reserved_cost_usd",
    "headroom_cost_usd",
    "margin_usd",
    "loss_exposure_usd",
    "expected_credits_usd",
    "margin_swing_usd",
)

SCENARIO_TOTALS = ListSpec(
    name="scenario-totals",
    title="All contracts, by scenario",
    columns=_pick(
        ROLLUPS,
        "scenario revenue_usd consumed_cost_usd reserved_cost_usd headroom_cost_usd margin_usd margin_share "
        "consumed_margin_usd expected_credits_usd loss_exposure_usd margin_swing_usd capacity_gap_accelerator_weeks",
    )
    + (Column(name="left_out_words", label="Left out"),),
    prefix="totals-",
    empty="No contract is in force in this plan.",
)

ROLLED_UP = ListSpec(
    name="exposure-rollups",
    title="Roll-up",
    columns=(
        *_pick(
            ROLLUPS,
            "part_name contracts revenue_usd reserved_cost_usd headroom_cost_usd margin_usd margin_share "
            "loss_exposure_usd expected_credits_usd margin_swing_usd capacity_gap_accelerator_weeks",
        ),
        Column(name="left_out_words", label="Left out"),
    ),
    search=("part_name", "part_key"),
    sort="-revenue_usd",
    totals=("revenue_usd", *_MONEY[1:], "capacity_gap_accelerator_weeks"),
    rows_per_page=15,
    empty="No contract is in force in this plan.",
)

OF_PART = ListSpec(
    name="exposure-scenarios",
    title="Contracts",
    columns=(
        CONTRACT_LABEL,
        *_pick(
            SCENARIOS,
            "customer_name multiple revenue_usd reserved_cost_usd headroom_cost_usd margin_usd margin_share "
            "consumed_margin_usd loss_exposure_usd expected_credits_usd margin_swing_usd capacity_gap_accelerators",
        ),
    ),
    search=("label", "customer_name", "contract_key"),
    sort="-revenue_usd",
    totals=(*_MONEY, "consumed_margin_usd"),
    prefix="of-",
    rows_per_page=15,
    empty="No contract is in this part.",
)

SCENARIO_WEEKS = ListSpec(
    name="exposure-scenario-weeks",
    title="Contracts by week",
    columns=(
        CONTRACT_LABEL,
        Column(name="contract_key", label="Key"),
        Column(name="scenario", label="Scenario"),
        Column(name="week", label="Week"),
        *_pick(
            SCENARIOS,
            "revenue_usd consumed_cost_usd headroom_cost_usd reserved_cost_usd margin_usd consumed_margin_usd "
            "capacity_gap_accelerators expected_credits_usd loss_exposure_usd margin_swing_usd",
        ),
    ),
    prefix="weeks-",
)

ENVELOPES = ListSpec(
    name="envelopes",
    title="Envelope by pool",
    columns=(
        Column(name="name", label="Pool"),
        *(Column(name=line, label=label, unit="USD", kind="usd") for line, label, _ in ENVELOPE_LINES),
        Column(name="envelope_usd", label="Envelope", unit="USD", kind="usd"),
    ),
    totals=(*(line for line, _, _ in ENVELOPE_LINES), "envelope_usd"),
    prefix="envelope-",
    empty="The plan has no pool.",
)

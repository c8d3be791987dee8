"""Runs → visible rows: the ONE way from a run's result tables to pages, plots, CSV and API.

Each table says which model it reads, which resource of the visibility table its columns belong to, and who owns a row.
A row comes out as {column: value | Banded | RESTRICTED | None}. Nothing is computed here but ratios' display.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import JSONObject
from django.http import Http404

from capacity.access.visibility import (
    COMMITTED,
    ContractLabel,
    Viewer,
    label_blockers,
    label_of_contract,
    redact,
    see,
)
from capacity.allocation import models as allocation
from capacity.lib.figures import UNKNOWN_COST, UNSIZED
from contracts.models import RunDeal, RunExposure
from workloads.models import RunWorkload

Row = dict[str, Any]


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
    """A result table as people see it. owner: column that names the row's owner (a username or a team's key)."""

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

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _columns(text: str) -> tuple[Column, ...]:
    """`name|Label|unit|kind` a line: the tables below are read more easily so."""
    columns = []
    for line in text.strip().splitlines():
        name, label, unit, kind = (part.strip() for part in line.split("|"))
        columns.append(Column(name=name, label=label, unit=unit, kind=kind))
    return tuple(columns)


EXPOSURE = RunTableSpec(
    name="exposure",
    title="Contract exposure",
    model=RunExposure,
    resource="exposure",
    owner="owner_username",
    order=("contract_key",),
    filters=("shape", "model_tier", "workload_key"),
    action="contracts.view",
    absent={"_unsized": UNSIZED, "_cost": UNKNOWN_COST},
    columns=_columns(
        """
        contract_key|Contract||text
        contract_name|Name||text
        customer_name|Customer||text
        customer_alias|Alias||text
        shape|Shape||text
        workload_key|Workload||text
        model_tier|Model tier||text
        starts_date|Starts||day
        ends_date|Ends||day
        weeks|Weeks in the horizon|weeks|thousands
        is_sized|Sized||text
        is_uncapped|Uncapped||text
        flags|Flags||text
        committed_accelerators|Committed|accelerators|thousands
        planned_accelerators|Planned (P50), alone|accelerators|thousands
        worst_accelerators|Worst reasonable, alone|accelerators|thousands
        capacity_gap_accelerators|Capacity gap|accelerators|thousands
        coverage_share|Coverage, next 13 weeks||share
        first_short_week|First short week||text
        short_accelerator_weeks|Short|accelerator-weeks|thousands
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

POOL_WEEKS = RunTableSpec(
    name="pool-weeks",
    title="Pools by week",
    model=allocation.RunPoolWeek,
    resource="pool_week",
    order=("pool_key", "week_index"),
    filters=("pool_key", "week"),
    columns=_columns(
        """
        pool_key|Pool||text
        week|Week||text
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
        pool_key|Pool||text
        name|Name||text
        accelerator_type|Type||text
        accelerator_type_name|Accelerator||text
        region|Region||text
        source_type|Source||text
        node_size|Node|accelerators|thousands
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
        pool_key|Pool||text
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
        model_tier|Model tier||text
        model_name|Model||text
        latency_class|Latency class||text
        purpose|Counts as||text
        stated_purpose|Purpose on the card||text
        owner_role|Owner||text
        missing|Missing on the card||text
        is_sized|Sized||text
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
        experiment_key|Request||text
        name|Name||text
        team_key|Team key||text
        team_name|Team||text
        priority|Priority||text
        purpose|Purpose||text
        is_running|Running||text
        pool_key|Pool||text
        domain_key|Domain||text
        start_week|Starts||text
        weeks|Weeks|weeks|thousands
        accelerators|Accelerators|accelerators|thousands
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
        experiment_key|Request||text
        name|Name||text
        team_key|Team key||text
        team_name|Team||text
        priority|Priority||text
        accelerators|Asked|accelerators|thousands
        weeks|Weeks|weeks|thousands
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
        serving_class|Serving class||text
        pool_key|Pool||text
        week|Week||text
        accelerators|Accelerators|accelerators|thousands
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
        demand_key|Demand||text
        contract_key|Contract||text
        workload_key|Workload||text
        serving_class|Serving class||text
        tier|Tier||text
        week|Week||text
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
        demand_key|Demand||text
        contract_key|Contract||text
        workload_key|Workload||text
        serving_class|Serving class||text
        tier|Tier||text
        pool_keys|May be served in||text
        first_week|Short from||text
        weeks|For|weeks|thousands
        short_accelerators|Short by, at most|accelerators|thousands
        short_accelerator_weeks|Short|accelerator-weeks|thousands
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
        pool_key|Pool||text
        week|Week||text
        usd_per_accelerator_week|Value of one more accelerator|USD a week|usd
        node_size|Node|accelerators|thousands
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
        tier|Tier||text
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

RUN_TABLES: dict[str, RunTableSpec] = {
    spec.name: spec
    for spec in (
        EXPOSURE,
        DEALS,
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
    )
}


def contract_labels(run_id: int) -> list[ContractLabel]:
    """The names of every contract and deal in a run, for putting them in the viewer's own words. One query."""
    signed = RunExposure.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    deals = RunDeal.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    return [_label(*names) for names in signed.union(deals, all=True)]


_LABEL_COLUMNS = ("contract_key", "contract_name", "customer_name", "customer_alias", "owner_username")


def _label(key: str, name: str, customer: str, alias: str, owner: str) -> ContractLabel:
    return ContractLabel(key=key, name=name, customer=customer, alias=alias, owner=owner)


def run_rows(
    *, viewer: Viewer, run_id: int, spec: RunTableSpec, labels: Sequence[ContractLabel] = (), **filters: Any
) -> list[Row]:
    """The table's rows of a run as the viewer may see them, in the table's order. One query.

    labels: needed by tables whose texts may name a contract (unplaced, shortfalls, issues). filters: field lookups;
    one on a column the viewer does not see in full raises Http404, so that a filter cannot be used to guess it.
    """
    for lookup, value in filters.items():
        name = lookup.split("__")[0]
        if name in {column.name for column in spec.columns}:
            refuse_blind_filter(viewer, spec, name)
        if name == "serving_class" and class_in_words(viewer, str(value), labels=labels) != value:
            raise Http404
    rows = spec.model._default_manager.filter(run_id=run_id, **filters).order_by(*spec.order)
    names = [column.name for column in spec.columns]
    needed = {*names, *([spec.owner] if spec.owner else [])}
    if spec in (EXPOSURE, DEALS):
        needed |= {"contract_name", "customer_alias", "owner_username"}
    return [visible_row(viewer=viewer, spec=spec, row=row, labels=labels) for row in rows.values(*sorted(needed))]


def rows_of_several(
    *, viewer: Viewer, run_id: int, specs: Sequence[RunTableSpec], labels: Sequence[ContractLabel] = ()
) -> dict[str, list[Row]]:
    """run_rows of several tables, by table name. One query: the database writes each row as JSON.

    Only for tables without days among their columns; amounts come back as the decimals they are stored with.
    """
    parts = [
        spec.model._default_manager.filter(run_id=run_id).values_list(
            Value(spec.name), JSONObject(**{column.name: F(column.name) for column in spec.columns})
        )
        for spec in specs
    ]
    stored: dict[str, list[Row]] = {spec.name: [] for spec in specs}
    for name, row in parts[0].union(*parts[1:], all=True):
        stored[name].append(row)
    return {
        spec.name: [
            visible_row(viewer=viewer, spec=spec, row=_with_decimals(spec, row), labels=labels)
            for row in sorted(stored[spec.name], key=lambda row: [row[name] for name in spec.order])
        ]
        for spec in specs
    }


def _with_decimals(spec: RunTableSpec, row: Row) -> Row:
    """The row with its decimals as such, which JSON has as numbers."""
    return {
        name: Decimal(repr(value)) if isinstance(value, int | float) and _is_decimal(spec.model, name) else value
        for name, value in row.items()
    }


def _is_decimal(model: type[models.Model], name: str) -> bool:
    return isinstance(model._meta.get_field(name), models.DecimalField)


def exposure_with_labels(*, viewer: Viewer, run_id: int) -> tuple[list[Row], list[ContractLabel]]:
    """run_rows of EXPOSURE and contract_labels, which stand in the same rows. One query."""
    stored = list(RunExposure.objects.filter(run_id=run_id).order_by(*EXPOSURE.order).values(*_exposure_columns()))
    labels = [_label(*(row[name] for name in _LABEL_COLUMNS)) for row in stored]
    rows = [visible_row(viewer=viewer, spec=EXPOSURE, row=row, labels=labels) for row in stored]
    deals = RunDeal.objects.filter(run_id=run_id).values_list(*_LABEL_COLUMNS)
    return rows, [*labels, *(_label(*names) for names in deals)]


def _exposure_columns() -> list[str]:
    return sorted({*(column.name for column in EXPOSURE.columns), *_LABEL_COLUMNS})


def refuse_blind_filter(viewer: Viewer, spec: RunTableSpec, name: str) -> None:
    """Http404 where the viewer has no full sight of the column: filtering or sorting by it would tell its value."""
    probe = object()
    if see(viewer, spec.resource, name, probe) is not probe:
        raise Http404


def visible_row(*, viewer: Viewer, spec: RunTableSpec, row: Mapping[str, Any], labels: Sequence[ContractLabel]) -> Row:
    """One stored row as the viewer may see it. `label` is what the viewer may call the row's contract."""
    owner = str(row.get(spec.owner, "")) if spec.owner else ""
    if spec in (SHORTFALLS, REMEDIES) and row["contract_key"]:
        owner = next((each.owner for each in labels if each.key == row["contract_key"]), "")
    shown = {
        column.name: see(viewer, spec.resource, column.name, row[column.name], owner=owner) for column in spec.columns
    }
    if spec is EXPOSURE:
        shown["label"] = label_of_contract(
            viewer, name=row["contract_name"], alias=row["customer_alias"], owner=row["owner_username"]
        )
        _say_why_absent(shown)
    if spec is DEALS:
        shown["label"] = _deal_label(viewer, row)
        if shown["accelerators"] is None:
            shown["accelerators"] = UNSIZED
    if spec is REMEDIES:
        shown["label"] = _demand_in_words(viewer, row, labels)
    if spec is UNPLACED and isinstance(shown["sentence"], str):
        shown["sentence"] = redact(viewer, shown["sentence"], contracts=labels)
    for name in _LABELLED.get(spec.name, ()):
        if isinstance(shown[name], list):
            shown[name] = label_blockers(viewer, shown[name], contracts=labels_by_demand(labels))
    if isinstance(shown.get("serving_class"), str):
        shown["serving_class"] = class_in_words(viewer, shown["serving_class"], labels=labels)
    return shown


# What sales read in place of a deal of another account.
OTHERS_DEAL = "another account"


def _deal_label(viewer: Viewer, row: Mapping[str, Any]) -> str:
    label = label_of_contract(
        viewer, name=row["contract_name"], alias=row["customer_alias"], owner=row["owner_username"]
    )
    return OTHERS_DEAL if label == COMMITTED else label


def _demand_in_words(viewer: Viewer, row: Mapping[str, Any], labels: Iterable[ContractLabel]) -> str:
    """What the viewer may call a demand: its contract's label, or the workload that is our own."""
    key = row["contract_key"]
    if not key:
        return str(row["workload_key"])
    found = next((each for each in labels if each.key == key), None)
    if found is None:
        return "a contract"
    return label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)


# Columns that list demands, which may be contracts.
_LABELLED = {
    "unplaced": ("blockers", "smallest_changes"),
    "shortfall-remedies": ("displaces",),
    "scarcity-prices": ("unlocks",),
}

# The serving class of a contract's own accelerators is this and the contract's key; that of a pinned version on its own
# replicas has the version too.
_DEDICATED = "dedicated."


def class_in_words(viewer: Viewer, serving_class: str, *, labels: Iterable[ContractLabel]) -> str:
    """A serving class as the viewer may read it: one that is a contract's own names it as the viewer calls it."""
    if not serving_class.startswith(_DEDICATED):
        return serving_class
    key = serving_class.removeprefix(_DEDICATED)
    by_key = {each.key: each for each in labels}
    found = by_key.get(key) or by_key.get(re.sub(r"\.v\d+$", "", key))
    if found is None:
        return _DEDICATED.rstrip(".")
    label = label_of_contract(viewer, name=found.name, alias=found.alias, owner=found.owner)
    return serving_class if label == found.name else f"{_DEDICATED}{label}"


def labels_by_demand(labels: Iterable[ContractLabel]) -> _DemandLabels:
    """Demand key (`c.<contract>.v<version>`, of a deal `h.…`) → the label of its contract."""
    return _DemandLabels({label.key: label for label in labels})


class _DemandLabels(dict[str, ContractLabel]):
    """Looks a contract's label up by the key of its demand."""

    def get(self, key: str, default: Any = None) -> Any:
        if not key.startswith(("c.", "h.")):
            return default
        return super().get(key[2:].rpartition(".v")[0], default)


_MONEY = ("revenue_usd", "consumed_cost_usd", "reserved_cost_usd", "margin_usd", "worst_revenue_usd", "worst_cost_usd")
_SIZES = ("committed_accelerators", "planned_accelerators", "worst_accelerators", "capacity_gap_accelerators")


def _say_why_absent(row: Row) -> None:
    """An empty size is "unsized", an empty cost of a sized contract is "unknown cost": never a dash that reads as zero."""
    for name in _SIZES:
        if row[name] is None:
            row[name] = UNSIZED
    for name in (*_MONEY, "worst_margin_usd", "loss_exposure_usd", "margin_share", "worst_margin_share"):
        if row[name] is None:
            row[name] = UNSIZED if row["is_sized"] is False else UNKNOWN_COST


def sorted_rows(rows: list[Row], *, key: str, descending: bool) -> list[Row]:
    """Rows by a column's visible value; what is hidden or not known comes last in either direction."""

    def known(row: Row) -> bool:
        return (
            isinstance(row[key], int | float | str) or hasattr(row[key], "quantize") or hasattr(row[key], "isoformat")
        )

    have: list[Row] = [row for row in rows if known(row)]
    rest = [row for row in rows if not known(row)]
    return [*sorted(have, key=lambda row: row[key], reverse=descending), *rest]

"""Inputs → plan: the spine of a run, one step after the other. Pure but for the engine's own seconds.

supply → loads → classes → problem → solve → rows of every result table. Nothing is read or written here: read_inputs
(inputs.py) comes before, publishing (cycle.py) after. What a page shows is one of the rows made here, or made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem import Placement, Problem, ServingDemand
from capacity.allocation.domain.solution import Solution
from capacity.allocation.supply import PoolWeekCost, hour_rate, pool_week_costs, problem_floors, problem_pools
from capacity.decisions.policy import Policy
from capacity.inventory.domain.facts import SupplyCalendar
from capacity.inventory.inputs import rate_cards, supply_calendar
from capacity.lib.horizon import Week
from capacity.review.inputs import Inputs
from contracts.demand import billed, contract_loads, dedicated_demands
from contracts.inputs import ContractInForce, contracts_in_force, deals_in_pipeline
from workloads.demand import (
    Unsized,
    experiment_requests,
    own_product_loads,
    profiles_of,
    serving_classes,
    serving_demands,
)
from workloads.derived import DERIVED_COLUMNS
from workloads.domain.classes import ServingClass
from workloads.request_weights import request_weights
from workloads.running import runs_by_key

Progress = Callable[[str, float], None]
HOLDS = "holds"
# Tables that sizing demand does not read: of a change in these alone, a what-if keeps the demand it has.
NOT_SIZED_FROM = frozenset(
    {"lots", "lot_moves", "outages", "suppliers", "cost_rates", "cost_lines", "experiments", "teams"}
    | {"policy_floors", "floor_waivers", "priority_overrides"}
    | DERIVED_COLUMNS.keys()
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PreparedPlan:
    """Everything there is before a problem is solved. rates: (pool, week) → USD per accelerator-hour left after failures."""

    inputs: Inputs
    policy: Policy
    calendar: SupplyCalendar
    costs: Mapping[tuple[str, Week], PoolWeekCost]
    rates: Mapping[tuple[str, Week], Decimal | None]
    contracts: list[ContractInForce]
    deals: list[ContractInForce]
    revenue: Mapping[str, tuple[Decimal | None, ...]]
    classes: tuple[ServingClass, ...]
    unsized: list[Unsized]
    problem: Problem
    sites: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class SolvedPlan(PreparedPlan):
    """Everything the result rows are made of."""

    solution: Solution


def solve_inputs(*, inputs: Inputs, progress: Progress, effort: str = "quick") -> SolvedPlan:
    """The plan of these inputs. effort: quick, or record for a plan solved longer.

    Raises NoPolicyInForce, ValueError of the domain, or the engine's errors.
    """
    prepared = prepare_inputs(inputs=inputs, progress=progress)
    progress("Allocating", 0.15)
    solution = solve(
        problem=prepared.problem,
        options=SolveOptions(effort="record" if effort == "record" else "quick"),
        progress=lambda stage, share: progress(stage, 0.15 + 0.7 * share),
    )
    parts = {each.name: getattr(prepared, each.name) for each in fields(prepared)}
    return SolvedPlan(**parts, solution=solution)


def prepare_inputs(*, inputs: Inputs, progress: Progress, known: PreparedPlan | None = None) -> PreparedPlan:
    """Inputs → the allocation problem, and what its rows are made of. Raises NoPolicyInForce, ValueError.

    known: prepared from inputs that may be the same in part: demand is not sized again where no table it reads differs.
    """
    progress("Reading supply", 0.02)
    policy, horizon, tables = inputs.policy, inputs.horizon, inputs.tables
    calendar = supply_calendar(tables=tables, policy=policy, horizon=horizon, as_of=inputs.as_of)
    costs = pool_week_costs(calendar=calendar, lots=tables["lots"], cards=rate_cards(tables=tables, as_of=inputs.as_of))
    available = {(row.pool_key, row.week): row.available for row in calendar.pool_weeks}
    rates = {place: hour_rate(cost=cost, available=available[place]) for place, cost in costs.items()}

    progress("Sizing demand", 0.08)
    if known is not None and _has_same_demand(known.inputs, inputs):
        sized = _Sized(known.contracts, known.deals, known.revenue, known.classes, known.unsized)
    else:
        sized = _size_demand(inputs, policy)

    sites = {row["key"]: row for row in tables["sites"]}
    pools = problem_pools(pools=tables["pools"], sites=sites, calendar=calendar, rates=rates)
    committed = policy.tier_of("committed") or policy.tiers[0]
    problem = Problem(
        first_week=horizon.first,
        weeks=len(horizon),
        tiers=policy.tiers,
        pools=pools,
        serving=(
            *serving_demands(
                classes=sized.classes,
                committed_tier=committed,
                forecast_tier=policy.tier_of("forecast") or committed,
                holds_tier=policy.tier_of(HOLDS) or committed,
            ),
            *_dedicated(sized.contracts, sized, inputs, policy, committed),
            *_dedicated(sized.held, sized, inputs, policy, policy.tier_of(HOLDS) or committed),
        ),
        experiments=tuple(
            experiment_requests(
                tables=tables,
                policy=policy,
                horizon=horizon,
                as_of=inputs.as_of,
                weights=request_weights(tables=tables, policy=policy, as_of=inputs.as_of),
            )
        ),
        floors=problem_floors(policy=policy, pools=pools, horizon=horizon),
        previous=_previous(inputs, {pool.key for pool in pools}),
    )
    return PreparedPlan(
        inputs=inputs,
        policy=policy,
        calendar=calendar,
        costs=costs,
        rates=rates,
        contracts=sized.contracts,
        deals=sized.deals,
        revenue=sized.revenue,
        classes=sized.classes,
        unsized=sized.unsized,
        problem=problem,
        sites=sites,
    )


def _has_same_demand(one: Inputs, other: Inputs) -> bool:
    """Whether every table that sizing reads is the same."""
    if (one.as_of, one.first_week, one.tables.keys()) != (other.as_of, other.first_week, other.tables.keys()):
        return False
    return all(one.tables[name] == rows for name, rows in other.tables.items() if name not in NOT_SIZED_FROM)


@dataclass(frozen=True, slots=True)
class _Sized:
    """Contracts in force, deals in the pipeline, the weekly revenue of both, the serving classes, what has no size."""

    contracts: list[ContractInForce]
    deals: list[ContractInForce]
    revenue: Mapping[str, tuple[Decimal | None, ...]]
    classes: tuple[ServingClass, ...]
    unsized: list[Unsized]

    @property
    def held(self) -> list[ContractInForce]:
        """The deals that hold accelerators."""
        return [each for each in self.deals if each.hold is not None]


def _dedicated(
    contracts: list[ContractInForce], sized: _Sized, inputs: Inputs, policy: Policy, tier: str
) -> list[ServingDemand]:
    return dedicated_demands(
        contracts=contracts,
        revenue=sized.revenue,
        tables=inputs.tables,
        policy=policy,
        horizon=inputs.horizon,
        tier=tier,
    )


def _size_demand(inputs: Inputs, policy: Policy) -> _Sized:
    """All demand of the inputs. A policy without a tier for holds plans none."""
    horizon, tables = inputs.horizon, inputs.tables
    contracts = contracts_in_force(tables=tables, policy=policy, horizon=horizon, as_of=inputs.as_of)
    deals = deals_in_pipeline(tables=tables, policy=policy, horizon=horizon, as_of=inputs.as_of)
    if policy.tier_of(HOLDS) is None:
        deals = [replace(each, hold=None) for each in deals]
    contracts, earned = billed(contracts=contracts, horizon=horizon)
    deals, offered = billed(contracts=deals, horizon=horizon)
    revenue = {**earned, **offered}
    own, unsized_own = own_product_loads(tables=tables, policy=policy, horizon=horizon, as_of=inputs.as_of)
    sold, unsized_sold = contract_loads(
        contracts=[*contracts, *(each for each in deals if each.hold is not None)],
        revenue=revenue,
        profile_places=set(profiles_of(tables=tables, policy=policy)),
        horizon=horizon,
    )
    classes = serving_classes(loads=[*own, *sold], tables=tables, policy=policy, weeks=len(horizon))
    return _Sized(contracts, deals, revenue, classes, [*unsized_own, *unsized_sold])


def _previous(inputs: Inputs, pools: set[str]) -> tuple[Placement, ...]:
    """Placements of the last frozen plan, so that a new plan moves as little as it can; of a run that it may move, where
    that stands."""
    runs = runs_by_key(inputs.tables["experiments"], as_of=inputs.as_of, horizon=inputs.horizon)
    standing = {key: place for key, run in runs.items() if (place := run.place()) is not None}
    frozen = (
        Placement(
            key=row["experiment_key"],
            pool=row["pool_key"],
            domain=row["domain_key"] or None,
            start=Week.parse(row["start_week"]),
            weeks=row["weeks"],
            accelerators=row["accelerators"],
        )
        for row in inputs.previous
        if row["experiment_key"] not in standing
    )
    return tuple(place for place in (*frozen, *standing.values()) if place.pool in pools)

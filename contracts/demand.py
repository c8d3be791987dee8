"""Contracts in force → demand: loads for the serving classes, and dedicated accelerators as demands of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from capacity.allocation.domain.problem import ServingDemand, ServingOption
from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon
from capacity.lib.money import exact_context
from capacity.lib.units import exact
from contracts.domain.billing import bill, token_usage
from contracts.domain.loads import ProvisionedLoad
from contracts.domain.promises import dedicated_accelerators
from contracts.inputs import ContractInForce
from workloads.demand import ClassLoad, Unsized, loss_per_work, spare_rule
from workloads.domain.classes import LoadSource, ServingLoad, TrafficLoad

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
HOURS_PER_DAY = 24


def weekly_revenue(*, contract: ContractInForce, horizon: Horizon) -> tuple[Decimal | None, ...]:
    """Revenue at P50 by week, USD: the week's share of the bill for the days in term. None: no price is known."""
    revenue: list[Decimal | None] = []
    for index, week in enumerate(horizon):
        terms, days = contract.terms[index], contract.days[index]
        if terms is None:
            revenue.append(None)
            continue
        if not contract.is_priced:
            revenue.append(None)
            continue
        hours = days * HOURS_PER_DAY
        traffic = contract.traffic[index] if contract.traffic else None
        usage = token_usage(traffic=traffic, hours=hours) if traffic else {}
        revenue.append(
            bill(terms=terms, usage=usage, on_date=max(week.monday, terms.starts_date), hours=hours).total_usd
        )
    return tuple(revenue)


def contract_loads(
    *,
    contracts: Sequence[ContractInForce],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    profile_places: set[tuple[str, str]],
    horizon: Horizon,
) -> tuple[list[ClassLoad], list[Unsized]]:
    """The loads contracts bring. What has no usage or no serving profile is unsized: listed, never zero."""
    loads, unsized = [], []
    for contract in contracts:
        if contract.dedicated_unit is not None:
            continue
        source, reason = _source(contract, profile_places, horizon)
        if source is None or contract.workload is None:
            unsized.append(
                Unsized(kind="contract", key=contract.row["key"], name=contract.row["name"], sentence=reason)
            )
            continue
        loads.append(
            ClassLoad(
                model_key=contract.workload["model_version"],
                latency_class=contract.workload["latency_class"],
                regions=contract.regions,
                load=ServingLoad(
                    key=contract.demand_key,
                    source=source,
                    is_committed=contract.is_owed,
                    workload_key=contract.workload["key"],
                    contract_key=contract.row["key"],
                    p10_multiple=exact(1 if contract.is_owed else contract.workload["p10_multiple"] or 1),
                    p90_multiple=exact(1 if contract.is_owed else contract.workload["p90_multiple"] or 1),
                    weekly_value_usd=revenue[contract.demand_key],
                ),
            )
        )
    return loads, unsized


def _source(
    contract: ContractInForce, profile_places: set[tuple[str, str]], horizon: Horizon
) -> tuple[LoadSource | None, str]:
    key = contract.row["key"]
    if contract.workload is None:
        return None, f"Contract {key} names no workload, so no model or latency class: its need is unknown."
    place = (contract.workload["model_version"], contract.workload["latency_class"])
    if place not in profile_places:
        return None, (
            f"Contract {key} is served by {place[0]} at {place[1]} latency, which has no serving profile: "
            "its need is unknown."
        )
    if contract.provisioned_unit is not None:
        return ProvisionedLoad(unit=contract.provisioned_unit, units=contract.units(horizon)), ""
    if contract.traffic is None:
        return None, f"Contract {key} has no usage profile (tokens per second in and out): its need is unknown."
    return TrafficLoad(traffic=contract.traffic, limit=_limit(contract)), ""


def _limit(contract: ContractInForce) -> Any:
    terms = next(terms for terms in contract.terms if terms is not None)
    return None if terms.rate_limit.is_uncapped else terms.rate_limit


def dedicated_demands(
    *,
    contracts: Sequence[ContractInForce],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    tables: Rows,
    policy: Policy,
    horizon: Horizon,
    committed_tier: str,
) -> list[ServingDemand]:
    """Dedicated accelerators with their spare nodes: whole nodes of the named type in the contract's regions."""
    region_of = {row["key"]: row["region"] for row in tables["sites"]}
    demands = []
    with localcontext(exact_context()):
        for contract in contracts:
            if contract.dedicated_unit is None:
                continue
            options = tuple(
                ServingOption(pool=pool["key"], work_per_accelerator=1, replica_accelerators=pool["node_size"])
                for pool in tables["pools"]
                if pool["accelerator_type"] == contract.row["accelerator_type"]
                and (not contract.regions or region_of[pool["site"]] in contract.regions)
            )
            work = tuple(
                Decimal(dedicated_accelerators(unit=contract.dedicated_unit, units=units, spares=spare_rule(policy)))
                if units
                else Decimal(0)
                for units in contract.units(horizon)
            )
            demands.append(
                ServingDemand(
                    key=contract.demand_key,
                    class_=f"dedicated.{contract.row['key']}"[:80],
                    tier=committed_tier,
                    work=work,
                    usd_lost_per_work_week=loss_per_work(revenue[contract.demand_key], work),
                    options=options,
                )
            )
    return demands

"""Contracts in force → demand: loads for the serving classes, and dedicated accelerators as demands of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.allocation.domain.problem import ServingDemand, ServingOption
from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import exact
from contracts.domain.billing import bill, facts_of_day, token_usage
from contracts.domain.loads import BundleLoad, ProvisionedLoad
from contracts.domain.month import commitment_multiple
from contracts.domain.promises import dedicated_accelerators
from contracts.inputs import BROKEN, ContractInForce, cannot_be_billed
from contracts.lines import RESERVED, UNITS_OF_SHAPE
from workloads.demand import ClassLoad, Unsized, loss_per_work, spare_rule
from workloads.domain.classes import LoadSource, ServingLoad, TrafficLoad, WeightedLoad
from workloads.domain.serving import Profile, RateLimit, Traffic

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
HOURS_PER_DAY = 24
# What a load is tried on before all loads are sized together.
_ANY_PROFILE = Profile.of(
    replica_accelerators=1, prefill_tps=1, decode_tps=1, cached_cost_ratio=1, utilisation_target=1
)


def weekly_revenue(*, contract: ContractInForce, horizon: Horizon) -> tuple[Decimal | None, ...]:
    """Revenue at P50 by week, USD: the week's share of the bill for the days in term. None: out of term or unknown."""
    revenue: list[Decimal | None] = []
    seen: tuple[Any, ...] = ()
    for index, week in enumerate(horizon):
        terms = contract.terms[index]
        if terms is None or contract.gaps[index]:
            revenue.append(None)
            continue
        hours = contract.days[index] * HOURS_PER_DAY
        on_date = max(week.monday, contract.starts)
        facts = (terms, hours, contract.traffic[index] if contract.traffic else None, facts_of_day(terms, on_date))
        if facts == seen and revenue[-1] is not None:
            revenue.append(revenue[-1])
            continue
        seen = facts
        revenue.append(bill(terms=terms, usage=week_usage(contract, index), on_date=on_date, hours=hours).total_usd)
    return tuple(revenue)


def billed(
    *, contracts: Sequence[ContractInForce], horizon: Horizon
) -> tuple[list[ContractInForce], dict[str, tuple[Decimal | None, ...]]]:
    """The contracts and their weekly revenue. One that cannot be billed comes without its prices, with the reason."""
    found: list[ContractInForce] = []
    revenue: dict[str, tuple[Decimal | None, ...]] = {}
    for contract in contracts:
        try:
            revenue[contract.demand_key] = weekly_revenue(contract=contract, horizon=horizon)
        except BROKEN as error:
            contract = contract.unbillable(error)
            revenue[contract.demand_key] = (None,) * len(horizon)
        found.append(contract)
    return found, revenue


def week_usage(contract: ContractInForce, index: int) -> dict[str, Decimal]:
    """The tokens expected in the days of a week that are in term, by meter; nothing where use is not known."""
    traffic = contract.traffic[index] if contract.traffic else None
    if traffic is None:
        return {}
    return token_usage(
        traffic=traffic,
        hours=contract.days[index] * HOURS_PER_DAY,
        written_share=contract.usage["cache_write_share"] or 0,
    )


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
        if contract.dedicated_unit is not None and contract.has_units:
            continue
        source, reason = _sized_source(contract, profile_places, horizon)
        if source is None:
            unsized.append(
                Unsized(kind="contract", key=contract.row["key"], name=contract.row["name"], sentence=reason)
            )
            continue
        if contract.is_deal:
            loads.append(_held_load(contract, source, revenue[contract.demand_key]))
            continue
        band = contract.workload if contract.workload and not contract.is_owed else {}
        loads.append(
            ClassLoad(
                model_key=contract.model_key,
                latency_class=contract.latency_class,
                regions=contract.regions,
                own=_own(contract),
                load=ServingLoad(
                    key=contract.demand_key,
                    source=source,
                    is_committed=contract.is_owed,
                    workload_key=contract.workload["key"] if contract.workload else "",
                    contract_key=contract.row["key"],
                    p10_multiple=exact(band.get("p10_multiple") or 1),
                    p90_multiple=exact(band.get("p90_multiple") or 1),
                    weekly_value_usd=revenue[contract.demand_key],
                ),
            )
        )
    return loads, unsized


def _own(contract: ContractInForce) -> str:
    return f"{contract.row['key']}.v{contract.row['version']}" if contract.is_pinned else ""


def _held_load(contract: ContractInForce, source: LoadSource, revenue: Sequence[Decimal | None]) -> ClassLoad:
    """A deal's load × the probability of its hold: expected at P50, nothing of it at P10, all of it at P90."""
    assert contract.hold is not None
    share = exact(contract.hold["probability"])
    return ClassLoad(
        model_key=contract.model_key,
        latency_class=contract.latency_class,
        regions=contract.regions,
        own=_own(contract),
        load=ServingLoad(
            key=contract.demand_key,
            source=WeightedLoad(source=source, weight=share),
            is_committed=False,
            is_held=True,
            workload_key=contract.workload["key"] if contract.workload else "",
            contract_key=contract.row["key"],
            p10_multiple=Fraction(0),
            p90_multiple=1 / share,
            weekly_value_usd=tuple(None if week is None else to_decimal(exact(week) * share) for week in revenue),
        ),
    )


def _dedicated_class(contract: ContractInForce) -> str:
    """A deal stands apart from the contract it amends: the two may want different accelerators."""
    version = f".v{contract.row['version']}" if contract.is_deal else ""
    return f"dedicated.{contract.row['key']}{version}"[:80]


def _sized_source(
    contract: ContractInForce, profile_places: set[tuple[str, str]], horizon: Horizon
) -> tuple[LoadSource | None, str]:
    """The source of a contract's load; none where its terms make no load, with the reason."""
    try:
        source, reason = _source(contract, profile_places, horizon)
        if source is not None:
            source.loads(profile=_ANY_PROFILE, index=next(index for index, days in enumerate(contract.days) if days))
    except BROKEN as error:
        return None, f"Contract {contract.row['key']} {cannot_be_billed(error).says}: its need is unknown."
    return source, reason


def _source(
    contract: ContractInForce, profile_places: set[tuple[str, str]], horizon: Horizon
) -> tuple[LoadSource | None, str]:
    key, shape = contract.row["key"], contract.row["shape"]
    if shape in RESERVED and not contract.has_units:
        kinds = " or ".join(kind.replace("_", " ") for kind in UNITS_OF_SHAPE[shape])
        return None, f"Contract {key} commits no {kinds} in its term: its need is unknown."
    if not contract.model_key:
        return None, f"Contract {key} names no workload, so no model or latency class: its need is unknown."
    if not contract.latency_class:
        return None, f"Contract {key} pins a model version but names no latency class: its need is unknown."
    place = (contract.model_key, contract.latency_class)
    if place not in profile_places:
        return None, (
            f"Contract {key} is served by {place[0]} at {place[1]} latency, which has no serving profile: "
            "its need is unknown."
        )
    if contract.provisioned_unit is not None:
        return ProvisionedLoad(unit=contract.provisioned_unit, units=contract.units(horizon)), ""
    if contract.bundle_units:
        return _bundle_source(contract, horizon)
    if contract.traffic is None:
        return None, f"Contract {key} has no usage profile (tokens per second in and out): its need is unknown."
    return TrafficLoad(traffic=_held(contract, contract.traffic), limit=_limit(contract)), ""


def _bundle_source(contract: ContractInForce, horizon: Horizon) -> tuple[LoadSource | None, str]:
    """Bundles at their sizes; a side that is sold without a size leaves the whole need unknown."""
    bundles = []
    for kind, unit in contract.bundle_units.items():
        units = contract.units(horizon, kind)
        if any(units) and not (unit.input_tokens_per_minute or unit.output_tokens_per_minute):
            side = kind.replace("_", " ")
            return None, f"Contract {contract.row['key']} sells {side} without a size in tokens: its need is unknown."
        bundles.append((unit, units))
    return BundleLoad(bundles=tuple(bundles)), ""


def _held(contract: ContractInForce, traffic: tuple[Traffic | None, ...]) -> tuple[Traffic | None, ...]:
    """The traffic to hold accelerators for: of take-or-pay the whole commitment, not the share that is always paid."""
    held: list[Traffic | None] = []
    for index, week in enumerate(traffic):
        terms = contract.terms[index]
        if week is None or terms is None or terms.take_or_pay is None:
            held.append(week)
            continue
        hours = contract.days[index] * HOURS_PER_DAY
        multiple = commitment_multiple(terms=terms, usage=week_usage(contract, index), hours=hours)
        held.append(week.times(max(Fraction(1), multiple)))
    return tuple(held)


def _limit(contract: ContractInForce) -> RateLimit | None:
    terms = next(terms for terms in contract.terms if terms is not None)
    return None if terms.rate_limit.is_uncapped else terms.rate_limit


def dedicated_demands(
    *,
    contracts: Sequence[ContractInForce],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    tables: Rows,
    policy: Policy,
    horizon: Horizon,
    tier: str,
) -> list[ServingDemand]:
    """Dedicated accelerators with their spare nodes: whole nodes of the named type in the contract's regions.

    A deal's are × the probability of its hold.
    """
    region_of = {row["key"]: row["region"] for row in tables["sites"]}
    demands = []
    with localcontext(exact_context()):
        for contract in contracts:
            if contract.dedicated_unit is None or not contract.has_units:
                continue
            options = tuple(
                ServingOption(pool=pool["key"], work_per_accelerator=1, replica_accelerators=pool["node_size"])
                for pool in tables["pools"]
                if pool["accelerator_type"] == contract.row["accelerator_type"]
                and (not contract.regions or region_of[pool["site"]] in contract.regions)
            )
            share = contract.hold["probability"] if contract.hold else Decimal(1)
            work = tuple(
                share * dedicated_accelerators(unit=contract.dedicated_unit, units=units, spares=spare_rule(policy))
                if units
                else Decimal(0)
                for units in contract.units(horizon)
            )
            demands.append(
                ServingDemand(
                    key=contract.demand_key,
                    class_=_dedicated_class(contract),
                    tier=tier,
                    work=work,
                    usd_lost_per_work_week=loss_per_work(
                        [None if usd is None else usd * share for usd in revenue[contract.demand_key]], work
                    ),
                    options=options,
                )
            )
    return demands

"""What each contract earns, costs and risks in a plan: pooled showback at expected use, stand-alone at worst use.

Pure: contracts in force, classes and what the plan gave them → exposure rows (methods: Exposure). Parts that are not
known stay None, counted and listed; they are never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import exact
from contracts.domain.margin import ContractResult
from contracts.domain.promises import burndown_flags
from contracts.inputs import ContractInForce
from contracts.measured import ClassWeekCost, DemandWeek, MeasuredContract, PlanCosts, measured_contracts
from workloads.domain.classes import ServingClass

__all__ = ["ClassWeekCost", "DemandWeek", "PlanCosts", "exposure_rows", "rows_of_measured"]

PROMISE_WEEKS = 13


def exposure_rows(
    *,
    contracts: Sequence[ContractInForce],
    classes: Sequence[ServingClass],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    plan: PlanCosts,
    fallback_rates: Mapping[str, Sequence[Decimal | None]],
    policy: Policy,
    models: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """One row a contract (its versions together), in key order, with the columns of the exposure table.

    fallback_rates: class key → by week USD per accelerator-hour where the plan gave the class nothing.
    """
    measured = measured_contracts(
        contracts=contracts,
        classes=classes,
        revenue=revenue,
        plan=plan,
        fallback_rates=fallback_rates,
        policy=policy,
        models=models,
    )
    return rows_of_measured(measured, plan.horizon)


def rows_of_measured(measured: Sequence[Sequence[MeasuredContract]], horizon: Horizon) -> list[dict[str, Any]]:
    """exposure_rows of contracts that are measured already."""
    with localcontext(exact_context()):
        return [_row(list(versions), horizon) for versions in measured]


def _row(versions: list[MeasuredContract], horizon: Horizon) -> dict[str, Any]:
    first = min(versions, key=lambda each: each.indexes[0])
    row, result = first.contract.row, first.results[first.indexes[0]]
    weeks = sorted({index for version in versions for index in version.indexes})
    is_sized = all(version.is_sized for version in versions)
    is_priced = all(version.contract.is_priced for version in versions)
    results = [result for version in versions for result in version.results.values()]
    revenue = _total(_each(versions, lambda v, i: v.rules.revenue[v.contract.demand_key][i])) if is_priced else None
    reserved = _total(_each(versions, lambda v, i: v.reserved_usd(i)))
    worst_revenue = _total(each.worst.revenue_usd for each in results) if is_priced else None
    worst_cost = _total(each.worst.reserved_cost_usd for each in results)
    consumed = _total(_each(versions, lambda v, i: v.consumed_usd(i)))
    promises = _promises(versions, horizon)
    worst_needs = [each.worst.accelerators for each in results]
    planned_needs = [each.planned.accelerators for each in results]
    gaps = [each.capacity_gap_accelerators for each in results]
    return {
        "contract_key": row["key"],
        "contract_version": row["version"],
        "contract_name": row["name"],
        "customer_key": row["customer"],
        "customer_name": first.contract.customer["name"],
        "customer_alias": first.contract.customer["alias"],
        "owner_username": row["owner"] or "",
        "state": row["state"],
        "shape": row["shape"],
        "workload_key": row["workload"] or "",
        "model_tier": _of_model(first, "model_tier"),
        "model_name": _of_model(first, "name"),
        "regions": list(first.contract.regions),
        "starts_date": min(version.contract.row["starts_date"] for version in versions),
        "ends_date": max(version.contract.row["ends_date"] for version in versions),
        "weeks": len(weeks),
        "is_sized": is_sized,
        "is_uncapped": _is_uncapped(first, result),
        "flags": _flags(versions, is_sized=is_sized, is_priced=is_priced),
        "committed_accelerators": _most([each.committed.accelerators for each in results]) if is_sized else None,
        "planned_accelerators": _most(planned_needs) if is_sized else None,
        "worst_accelerators": _most(worst_needs) if is_sized else None,
        "capacity_gap_accelerators": _most(gaps) if is_sized else None,
        **promises,
        "worst_multiple": to_decimal(result.worst.multiple),
        "break_even_multiple": None if result.break_even.multiple is None else to_decimal(result.break_even.multiple),
        "revenue_usd": revenue,
        "consumed_cost_usd": consumed,
        "consumed_margin_usd": _minus(revenue, consumed),
        "reserved_cost_usd": reserved,
        "margin_usd": _minus(revenue, reserved),
        "margin_share": _share_of(_minus(revenue, reserved), revenue),
        "worst_revenue_usd": worst_revenue,
        "worst_cost_usd": worst_cost,
        "worst_margin_usd": _minus(worst_revenue, worst_cost),
        "worst_margin_share": _share_of(_minus(worst_revenue, worst_cost), worst_revenue),
        "loss_exposure_usd": _total(_each(versions, lambda v, i: v.loss_usd(i))),
        "terms": _stated_terms(first),
    }


def _each(versions: Iterable[MeasuredContract], value: Any) -> list[Decimal | None]:
    return [value(version, index) for version in versions for index in version.indexes]


def _total(values: Iterable[Decimal | None]) -> Decimal | None:
    """The sum, or None when any part is not known."""
    found = list(values)
    return None if any(value is None for value in found) else sum((v for v in found if v is not None), Decimal(0))


def _minus(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    return None if left is None or right is None else left - right


def _share_of(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    """part ÷ whole; None (n/a) where the whole is zero or either is not known."""
    return None if part is None or not whole else to_decimal(exact(part) / exact(whole))


def _most(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _promises(versions: Iterable[MeasuredContract], horizon: Horizon) -> dict[str, Any]:
    """Served ÷ asked over the next 13 weeks at its worst week, the first short week, and what is short in all."""
    coverage: list[Fraction] = []
    short, first_short = Decimal(0), ""
    asked = False
    for version in versions:
        for index in version.indexes:
            week = version.rules.plan.by_demand.get((version.contract.demand_key, index))
            if week is None or not week.work:
                continue
            asked = True
            if index < PROMISE_WEEKS:
                coverage.append(exact(week.served) / exact(week.work))
            if week.short_accelerators:
                short += week.short_accelerators
                first_short = first_short or _key(horizon.first, index)
    return {
        "coverage_share": to_decimal(min(coverage)) if coverage else None,
        "first_short_week": first_short,
        "short_accelerator_weeks": short if asked else None,
    }


def _key(first: Week, index: int) -> str:
    return first.plus(index).key


def _of_model(measured: MeasuredContract, column: str) -> str:
    model = measured.contract.model_key
    return str(measured.rules.models[model][column]) if model else ""


def _flags(versions: list[MeasuredContract], *, is_sized: bool, is_priced: bool) -> list[str]:
    """Codes a person must look at, in a fixed order."""
    flags = []
    first = versions[0]
    if not is_sized:
        flags.append("unsized")
    if not is_priced:
        flags.append("unknown_price")
    if _is_uncapped(first, first.results[first.indexes[0]]):
        flags.append("uncapped")
    unit = first.contract.provisioned_unit
    if unit is not None and first.profile is not None and burndown_flags(unit=unit, profile=first.profile):
        flags.append("burndown_mismatch")
    if any(_is_past_retirement(version) for version in versions):
        flags.append("pinned_past_retirement")
    if first.serving is not None and not first.serving.options:
        flags.append("no_pool_in_region")
    return flags


def _is_past_retirement(measured: MeasuredContract) -> bool:
    """Whether its model version retires before this part of the contract ends."""
    model = measured.contract.model_key
    retires = measured.rules.models[model]["retire_date"] if model else None
    return retires is not None and retires < measured.contract.ends


def _is_uncapped(measured: MeasuredContract, result: ContractResult) -> bool:
    """Neither a rate limit nor a P95 bounds its use. What is reserved is bounded by its units."""
    return "uncapped_exposure" in result.badges and not measured.contract.promises


def _stated_terms(measured: MeasuredContract) -> dict[str, Any]:
    """The prices and limits the figures stand on, for the page that explains them."""
    contract = measured.contract
    terms = contract.terms[measured.indexes[0]]
    assert terms is not None
    committed = terms.spend_commitments
    hourly, converted = measured.rate(measured.indexes[0]), contract.rate
    return {
        "prices": {line.key: str(line.tiers[0].unit_price_usd) for line in terms.price_lines}
        | {fee.key: str(fee.unit_price_usd) for fee in terms.fixed_fees}
        | {line.key: str(line.price_usd) for line in terms.unit_lines},
        "spend_commitment_usd": str(sum(each.amount_usd for each in committed)) if committed else None,
        "minimum_usd": str(terms.minimum_usd) if terms.minimum_usd else None,
        "multiplier": str(terms.usage_multiplier) if terms.usage_multiplier != 1 else None,
        "currency": contract.row["currency"],
        "fx_date": converted.as_of_date.isoformat() if converted and converted.as_of_date else None,
        "sla": [[str(tier.below_share), str(tier.credit_share)] for tier in terms.sla_tiers],
        "usage_basis": contract.usage["usage_basis"],
        "rate_usd_per_hour": None if hourly is None else f"{hourly:.6f}",
    }

"""Contract rows → contracts in force over a horizon: terms by week, usage by week, what cannot be sized or priced.

Pure: rows are dictionaries (imports.rows). Which loads and demands they become is demand.py; the money is exposure.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon, Week
from capacity.lib.units import exact
from contracts.domain.terms import (
    ContractTerms,
    DedicatedUnit,
    FixedFee,
    Meter,
    PriceLine,
    ProvisionedUnit,
    Shape,
    SlaTier,
    SpendCommitment,
    UnitLine,
    UnitStep,
)
from workloads.demand import weekly_traffic
from workloads.domain.serving import RateLimit, Traffic

Row = Mapping[str, Any]
Rows = Mapping[str, Sequence[Row]]

IN_FORCE = {"signed", "active", "notice"}
SHAPE = {
    "pay_as_you_go": Shape.PAY_AS_YOU_GO,
    "committed_spend": Shape.COMMITTED_SPEND,
    "flat_fee": Shape.FLAT_FEE,
    "provisioned_throughput": Shape.PROVISIONED,
    "dedicated_accelerators": Shape.DEDICATED,
    "batch": Shape.BATCH,
}
# Shapes whose capacity we owe; the others are owed only where an SLA says so.
OWED_SHAPES = {"provisioned_throughput", "dedicated_accelerators", "committed_spend", "batch"}
_TOKEN_METERS = {
    "uncached_input": (Meter.INPUT_UNCACHED,),
    "cached_input": (Meter.INPUT_CACHED,),
    "output": (Meter.OUTPUT,),
}
# The SLA of this first data model is a yes or no; its tiers are those of the public cloud agreement in methods.
_SLA_TIERS = (
    SlaTier(below_share=Decimal("0.999"), credit_share=Decimal("0.10")),
    SlaTier(below_share=Decimal("0.99"), credit_share=Decimal("0.25")),
    SlaTier(below_share=Decimal("0.95"), credit_share=Decimal("1")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ContractInForce:
    """One contract version that is in force in at least one week of the horizon.

    terms: by week, None out of term. traffic: by week, None where not given. priced: False when no price is known.
    """

    row: Row
    customer: Row
    workload: Row | None
    terms: tuple[ContractTerms | None, ...]
    traffic: tuple[Traffic | None, ...] | None
    days: tuple[int, ...]
    is_priced: bool
    dedicated_unit: DedicatedUnit | None
    provisioned_unit: ProvisionedUnit | None

    @property
    def demand_key(self) -> str:
        return f"c.{self.row['key']}.v{self.row['version']}"[:80]

    @property
    def is_owed(self) -> bool:
        return self.row["shape"] in OWED_SHAPES or self.row["has_sla"]

    @property
    def regions(self) -> tuple[str, ...]:
        own = self.row["regions"] or (self.workload["regions"] if self.workload else [])
        return tuple(sorted(own))

    def units(self, horizon: Horizon) -> tuple[Decimal, ...]:
        """Promised units by week (throughput units or accelerators), 0 out of term."""
        return tuple(
            Decimal(0) if terms is None or not terms.unit_lines else terms.unit_lines[0].units_in(week)
            for week, terms in zip(horizon, self.terms, strict=True)
        )


def contracts_in_force(*, tables: Rows, policy: Policy, horizon: Horizon, as_of: date) -> list[ContractInForce]:
    """Every signed, active or noticed contract version whose term meets the horizon, in key order."""
    customers = {row["key"]: row for row in tables["customers"]}
    workloads = {row["key"]: row for row in tables["workloads"]}
    prices = _by_contract(tables["price_lines"])
    steps = _by_contract(tables["commit_steps"])
    node_size = _node_sizes(tables)
    found = []
    for row in tables["contracts"]:
        days = tuple(week.days_within(start=row["starts_date"], end=row["ends_date"]) for week in horizon)
        if row["state"] not in IN_FORCE or not any(days):
            continue
        place = (row["key"], row["version"])
        found.append(
            _in_force(
                row=row,
                customer=customers[row["customer"]],
                workload=workloads.get(row["workload"]),
                prices=prices.get(place, []),
                steps=steps.get(place, []),
                days=days,
                spare_block=node_size.get(row["accelerator_type"], 8),
                policy=policy,
                horizon=horizon,
                as_of=as_of,
            )
        )
    return found


def _in_force(
    *,
    row: Row,
    customer: Row,
    workload: Row | None,
    prices: list[Row],
    steps: list[Row],
    days: tuple[int, ...],
    spare_block: int,
    policy: Policy,
    horizon: Horizon,
    as_of: date,
) -> ContractInForce:
    dedicated = (
        DedicatedUnit(accelerators=1, spare_block=spare_block) if row["shape"] == "dedicated_accelerators" else None
    )
    provisioned = None
    if row["shape"] == "provisioned_throughput":
        provisioned = ProvisionedUnit(
            tokens_per_minute=Decimal(row["unit_tokens_per_minute"]),
            output_weight=row["unit_output_weight"],
            assumed_hit_share=row["cache_hit_share"] or Decimal(0),
        )
    usable = prices if row["currency"] == "USD" else []
    terms = tuple(
        _terms(row=row, prices=usable, steps=steps, week=week, promise=dedicated or provisioned) if inside else None
        for week, inside in zip(horizon, days, strict=True)
    )
    traffic = None
    if workload is not None:
        traffic = weekly_traffic(
            row=row,
            latency_class=workload["latency_class"],
            policy=policy,
            horizon=horizon,
            starts=row["starts_date"],
            ends=row["ends_date"],
            measured=row["usage_date"] or max(row["starts_date"], as_of),
        )
    return ContractInForce(
        row=row,
        customer=customer,
        workload=workload,
        terms=terms,
        traffic=traffic,
        days=days,
        is_priced=bool(usable),
        dedicated_unit=dedicated,
        provisioned_unit=provisioned,
    )


def _terms(
    *, row: Row, prices: list[Row], steps: list[Row], week: Week, promise: DedicatedUnit | ProvisionedUnit | None
) -> ContractTerms:
    """The terms in force in a week: prices of its last day in term, the ramp of its commitment steps."""
    day = max(week.monday, row["starts_date"])
    in_force = {
        line["kind"]: line["price"]
        for line in prices
        if line["starts_date"] <= day and (line["ends_date"] is None or day < line["ends_date"])
    }
    spend = [step for step in steps if step["kind"] == "spend_usd_year" and step["starts_date"] <= day]
    return ContractTerms(
        key=f"{row['key']}.v{row['version']}",
        shape=SHAPE[row["shape"]],
        starts_date=row["starts_date"],
        ends_date=row["ends_date"],
        price_lines=tuple(
            PriceLine.flat(key=kind, meters=meters, unit_price_usd=in_force[kind])
            for kind, meters in _TOKEN_METERS.items()
            if kind in in_force
        ),
        fixed_fees=tuple(
            FixedFee(key=kind, unit_price_usd=price) for kind, price in in_force.items() if kind == "fee_month"
        ),
        unit_lines=_unit_lines(in_force, steps, promise),
        spend_commitment=SpendCommitment(
            amount_usd=max(spend, key=lambda step: step["starts_date"])["quantity"],
            discount_share=row["discount_share"] or Decimal(0),
            overage_keeps_discount=True,
        )
        if spend
        else None,
        rate_limit=rate_limit(row),
        sla_tiers=_SLA_TIERS if row["has_sla"] else (),
    )


def _unit_lines(
    in_force: Mapping[str, Decimal], steps: list[Row], promise: DedicatedUnit | ProvisionedUnit | None
) -> tuple[UnitLine, ...]:
    if promise is None:
        return ()
    kind, price_kind = (
        ("accelerators", "accelerator_hour")
        if isinstance(promise, DedicatedUnit)
        else ("throughput_units", "unit_hour")
    )
    ramp = sorted((step for step in steps if step["kind"] == kind), key=lambda step: step["starts_date"])
    if not ramp:
        return ()
    return (
        UnitLine(
            key=kind,
            steps=tuple(UnitStep(from_date=step["starts_date"], units=step["quantity"]) for step in ramp),
            price_usd=in_force.get(price_kind, Decimal(0)),
            promise=promise,
        ),
    )


def rate_limit(row: Row) -> RateLimit:
    """The contract's rate limit in tokens per second; a side without one is not limited."""
    per_minute = (row["rate_limit_input_tokens_per_minute"], row["rate_limit_output_tokens_per_minute"])
    sides = [None if limit is None else exact(limit) / 60 for limit in per_minute]
    return RateLimit(input_tokens_per_second=sides[0], output_tokens_per_second=sides[1])


def _by_contract(rows: Sequence[Row]) -> dict[tuple[str, int], list[Row]]:
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["contract"], row["contract_version"]), []).append(row)
    return found


def _node_sizes(tables: Rows) -> dict[str, int]:
    """Accelerator type → the smallest node it comes in: the block a spare is."""
    sizes: dict[str, int] = {}
    for pool in tables["pools"]:
        kind = pool["accelerator_type"]
        sizes[kind] = min(sizes.get(kind, pool["node_size"]), pool["node_size"])
    return sizes

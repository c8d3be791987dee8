"""What a plan says about its contracts in words: money that is unknown, assumptions made, pins and ends to look at. Pure.

Each remark has a code, the contract's key and a sentence. A sentence names no price: whoever may know names reads it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon
from contracts.currencies import BASE
from contracts.domain.pins import PinPremium, pin_premium
from contracts.inputs import ContractInForce
from workloads.demand import NO_SPARES, spare_rule
from workloads.domain.classes import ServingClass, ServingLoad
from workloads.domain.serving import PoolMember, size_pool

Remark = dict[str, str]
OLD_AFTER = timedelta(weeks=13)
ENDS_SOON = timedelta(weeks=26)
PATIENT = {"batch", "offline"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Remarks:
    """What the remarks are made of. rates: class → by week USD per accelerator-hour, None where unknown."""

    contracts: Sequence[ContractInForce]
    classes: Sequence[ServingClass]
    rates: Mapping[str, Sequence[Decimal | None]]
    models: Mapping[str, Mapping[str, Any]]
    policy: Policy
    horizon: Horizon
    as_of: date

    def rows(self) -> list[Remark]:
        """All remarks, contract by contract in key order; what two versions share is said once."""
        found: dict[tuple[str, str, str], Remark] = {}
        for contract in self.contracts:
            for code, sentence in self._about(contract):
                key = str(contract.row["key"])
                found.setdefault((key, code, sentence), {"code": code, "subject": key, "sentence": sentence})
        return list(found.values())

    def _about(self, contract: ContractInForce) -> Iterator[tuple[str, str]]:
        yield from self._unknown_money(contract)
        yield from _converted(contract)
        yield from _standard_sla(contract)
        yield from _steps(contract)
        yield from self._age(contract)
        yield from self._renewal(contract)
        yield from self._retirement(contract)

    def _unknown_money(self, contract: ContractInForce) -> Iterator[tuple[str, str]]:
        """Each gap once, with the first week it is in."""
        said = set()
        for index, gaps in enumerate(contract.gaps):
            for gap in gaps:
                if gap in said:
                    continue
                said.add(gap)
                week = self.horizon.first.plus(index).key
                yield (
                    "unknown_price",
                    f"Contract {contract.row['key']} {gap.says}: its revenue is unknown from {week}, not zero.",
                )

    def _age(self, contract: ContractInForce) -> Iterator[tuple[str, str]]:
        taken = contract.usage["usage_date"]
        if contract.traffic is not None and taken is not None and self.as_of - taken > OLD_AFTER:
            yield (
                "old_usage",
                f"The expected use of contract {contract.row['key']} is of {taken}, older than 13 weeks. "
                "Measure it again.",
            )

    def _renewal(self, contract: ContractInForce) -> Iterator[tuple[str, str]]:
        ends = contract.row["ends_date"]
        is_last = all(
            other.row["ends_date"] <= ends for other in self.contracts if other.row["key"] == contract.row["key"]
        )
        is_near = self.as_of <= ends <= self.as_of + ENDS_SOON
        if is_last and is_near and contract.row["renewal_probability"] is None:
            yield (
                "renewal_unknown",
                f"Contract {contract.row['key']} ends on {ends} and its renewal probability is not known.",
            )

    def _retirement(self, contract: ContractInForce) -> Iterator[tuple[str, str]]:
        """A pin past the retirement of its version, with what keeping it apart costs."""
        if not contract.is_pinned:
            return
        model = self.models[contract.model_key]
        retires = model["retire_date"]
        if retires is None or retires >= contract.ends:
            return
        yield (
            "pinned_past_retirement",
            f"Contract {contract.row['key']} is pinned to {model['name']} until {contract.ends}; the version retires "
            f"on {retires}. {self._premium_text(contract)}",
        )

    def _premium_text(self, contract: ContractInForce) -> str:
        own = next((each for each in self.classes if _member(each, contract) is not None), None)
        if own is None:
            return "Its need is unknown, and so is the premium of the pin."
        found = self.premium(contract, own)
        if found is None:
            return "No other traffic shares its model and latency class: the pin has no premium yet."
        accelerators, premium = found
        cost = "" if premium is None else f", {premium.premium_usd:,.0f} USD a week"
        return f"Its own replicas take {accelerators} accelerators more than the shared pool would{cost}."

    def premium(self, contract: ContractInForce, own: ServingClass) -> tuple[int, PinPremium | None] | None:
        """Accelerators and dollars a week that the pin adds in its first week; None without a pool to share.

        (own need) − (pool need with it − pool need without it); dollars None where the rate is unknown. (methods:
        Version pins)
        """
        shared = next((each for each in self.classes if each.key == shared_class_key(contract)), None)
        member = _member(own, contract)
        if shared is None or member is None:
            return None
        index = next(index for index, days in enumerate(contract.days) if days)
        patient = contract.latency_class in PATIENT
        spares = NO_SPARES if patient else spare_rule(self.policy)
        others = [pool for each in shared.members if (pool := _pool_member(each, shared, index)) is not None]
        mine = _pool_member(member, shared, index)
        if mine is None:
            return None
        without, with_it = (
            size_pool(
                members=members,
                profile=shared.reference,
                spares=spares,
                coincidence=self.policy.coincidence_factor,
            )
            for members in (others, [*others, mine])
        )
        need = own.weeks[index].total
        extra = need.accelerators - (with_it.need.accelerators - without.need.accelerators)
        by_week = self.rates.get(own.key)
        rate = by_week[index] if by_week else None
        if rate is None:
            return extra, None
        return extra, pin_premium(own=need, pool_with=with_it, pool_without=without, rate_usd_per_hour=rate)


def shared_class_key(contract: ContractInForce) -> str:
    """The key of the class a pinned contract would be in without its pin."""
    model = contract.workload["model_version"] if contract.workload else contract.row["pinned_model_version"]
    return ".".join([str(model), contract.latency_class, "_".join(contract.regions) or "any"])[:80]


def _member(serving: ServingClass, contract: ContractInForce) -> ServingLoad | None:
    return next((each for each in serving.members if each.key == contract.demand_key), None)


def _pool_member(load: ServingLoad, pool: ServingClass, index: int) -> PoolMember | None:
    loads: tuple[Fraction, Fraction] | None = load.source.loads(profile=pool.reference, index=index)
    return None if loads is None else PoolMember(key=load.key, load_average=loads[0], load_peak=loads[1])


def _converted(contract: ContractInForce) -> Iterator[tuple[str, str]]:
    rate = contract.rate
    if rate is not None and rate.currency != BASE:
        yield (
            "converted_prices",
            f"Prices of contract {contract.row['key']} are in {rate.currency} and are converted at "
            f"{rate.usd_per_unit.normalize():f} USD, the rate of {rate.as_of_date}.",
        )


def _standard_sla(contract: ContractInForce) -> Iterator[tuple[str, str]]:
    if contract.row["has_sla"] and not contract.has_sla_lines:
        yield (
            "standard_sla",
            f"Contract {contract.row['key']} promises availability and has no SLA lines: the standard tiers count "
            "(10 % below 99.9 %, 25 % below 99 %, all below 95 %).",
        )


def _steps(contract: ContractInForce) -> Iterator[tuple[str, str]]:
    for kind, starts in contract.steps_outside:
        yield (
            "step_outside_term",
            f"Contract {contract.row['key']} has a step of {kind.replace('_', ' ')} on {starts}, outside its term: "
            "before it, it counts from the first day; after it, not at all.",
        )

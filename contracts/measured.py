"""Contracts in force against a plan, week by week: assessed, billed at any use, charged for what they hold.

Pure: what exposure rows (exposure.py) and scenarios (scenario_costing.py) are both made of. Nothing is computed twice: weeks
like the one before are assessed and billed once. None is what is not known, never zero.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from typing import Any

from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon, Week
from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_MONTH, HOURS_PER_WEEK, exact
from contracts.demand import HOURS_PER_DAY
from contracts.domain.billing import Bill, facts_of_day
from contracts.domain.credits import expected_make_good, outage_credit_share
from contracts.domain.margin import ContractResult, assess_contract
from contracts.domain.month import ExposurePolicy, Month, UsageProfile, month_of, usage_cap
from contracts.domain.scenarios import WeekCredits, credit_share_when_short
from contracts.inputs import BROKEN, ContractInForce
from workloads.demand import spare_rule
from workloads.domain.classes import ServingClass
from workloads.domain.serving import Profile


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassWeekCost:
    """What the plan gave a class in a week, and what it costs. usd None: a pool's cost is unknown."""

    accelerators: int
    usd: Decimal | None
    work: Decimal


@dataclass(frozen=True, kw_only=True, slots=True)
class DemandWeek:
    """What a demand asked and got in a week, in its class's work units."""

    work: Decimal
    served: Decimal
    short_accelerators: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanCosts:
    """The plan as exposure needs it. by_class and by_demand: (key, week index) → row."""

    horizon: Horizon
    by_class: Mapping[tuple[str, int], ClassWeekCost]
    by_demand: Mapping[tuple[str, int], DemandWeek]


def measured_contracts(
    *,
    contracts: Sequence[ContractInForce],
    classes: Sequence[ServingClass],
    revenue: Mapping[str, tuple[Decimal | None, ...]],
    plan: PlanCosts,
    fallback_rates: Mapping[str, Sequence[Decimal | None]],
    policy: Policy,
    models: Mapping[str, Mapping[str, Any]],
) -> list[list[MeasuredContract]]:
    """The versions of each contract against the plan, in key order: what exposure and scenarios are made of."""
    class_of = {member.key: each for each in classes for member in each.members}
    grouped: dict[str, list[ContractInForce]] = {}
    for contract in contracts:
        grouped.setdefault(contract.row["key"], []).append(contract)
    rules = _ExposureRules(
        exposure=ExposurePolicy(
            metered_multiple=policy.worst_use_multiple_metered,
            flat_multiple=policy.worst_use_multiple_flat,
            spares=spare_rule(policy),
        ),
        plan=plan,
        fallback_rates=fallback_rates,
        revenue=revenue,
        models=models,
    )
    with localcontext(exact_context()):
        found = [
            [MeasuredContract(version, class_of.get(version.demand_key), rules) for version in versions]
            for _, versions in sorted(grouped.items())
        ]
    for versions in found:
        own = [each for each in versions if each.serving is None]
        for each in own:
            each.dedicated_keys = tuple(other.contract.demand_key for other in own)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class _ExposureRules:
    exposure: ExposurePolicy
    plan: PlanCosts
    fallback_rates: Mapping[str, Sequence[Decimal | None]]
    revenue: Mapping[str, tuple[Decimal | None, ...]]
    models: Mapping[str, Mapping[str, Any]]


class MeasuredContract:
    """One contract version against the plan: its weekly sums and its result in its first week of the horizon."""

    def __init__(self, contract: ContractInForce, serving: ServingClass | None, rules: _ExposureRules) -> None:
        self.contract = contract
        self.serving = serving
        self.rules = rules
        self.indexes = [index for index, days in enumerate(contract.days) if days]
        # Demand keys of the contract's dedicated parts, this one among them: what their class holds is split by work.
        self.dedicated_keys: tuple[str, ...] = ()
        self._assessed: dict[tuple[Any, ...], ContractResult] = {}
        self._months: dict[int, Month] = {}
        self._bills: dict[int, dict[tuple[Fraction, bool], Bill]] = {}
        self._reserved: dict[int, Decimal | None] = {}
        self.results: dict[int, ContractResult] = {}
        try:
            self.results = {index: self._assess(index) for index in self.indexes}
        except BROKEN as error:
            self.leave_out_terms(error)

    def leave_out_terms(self, error: Exception) -> None:
        """Terms that cannot be worked out make this contract's money unknown, with the reason, and nobody else's."""
        try:
            self._start_again(self.contract.unbillable(error))
        except BROKEN:
            self._start_again(self.contract.unbillable(error, keeps_use=False))

    def _start_again(self, contract: ContractInForce) -> None:
        self.contract = contract
        for known in (self._assessed, self._months, self._bills, self._reserved):
            known.clear()
        self.__dict__.pop("_same", None)
        self.results = {index: self._assess(index) for index in self.indexes}

    def week(self, index: int) -> Week:
        return self.rules.plan.horizon.first.plus(index)

    @property
    def demand_key(self) -> str:
        return self.contract.demand_key

    @property
    def class_key(self) -> str:
        return self.serving.key if self.serving else f"dedicated.{self.contract.row['key']}"[:80]

    @property
    def profile(self) -> Profile | None:
        return self.serving.reference if self.serving else None

    @property
    def month_policy(self) -> ExposurePolicy:
        """The policy of a planning month."""
        return self.rules.exposure

    @property
    def is_sized(self) -> bool:
        if self.serving is not None:
            return True
        return self.contract.dedicated_unit is not None and self.contract.has_units

    def rate(self, index: int) -> Decimal | None:
        """USD per accelerator-hour of what serves the contract that week."""
        cost = self.rules.plan.by_class.get((self.class_key, index))
        if cost is None or not cost.accelerators:
            by_week = self.rules.fallback_rates.get(self.class_key)
            return by_week[index] if by_week else None
        return None if cost.usd is None else to_decimal(exact(cost.usd) / (cost.accelerators * HOURS_PER_WEEK))

    def reserved_usd(self, index: int) -> Decimal | None:
        """Its showback: the class's cost that week times its share of the class's peak load."""
        if index not in self._reserved:
            self._reserved[index] = self._reserved_usd(index)
        return self._reserved[index]

    def _reserved_usd(self, index: int) -> Decimal | None:
        if not self.is_sized:
            return None
        cost = self.rules.plan.by_class.get((self.class_key, index))
        if cost is None:
            return Decimal(0)
        if cost.usd is None:
            return None
        return to_decimal(exact(cost.usd) * self.share(index))

    def consumed_usd(self, index: int) -> Decimal | None:
        """Its average work at the cost of what serves it; dedicated accelerators are consumed as they are reserved."""
        reserved = self.reserved_usd(index)
        if self.serving is None or reserved is None:
            return reserved
        week = self.serving.weeks[index]
        if not week.total.replicas:
            return Decimal(0)
        load = week.average_loads.get(self.contract.demand_key, Fraction(0))
        share = week.shares.get(self.contract.demand_key, Fraction(0))
        if not share:
            return Decimal(0)
        return to_decimal(min(exact(reserved), exact(reserved) * load / (week.total.replicas * share)))

    def share(self, index: int) -> Fraction:
        """Its share of what its class holds in a week, by peak load."""
        if self.serving is None:
            return self._dedicated_share(index)
        return self.serving.weeks[index].shares.get(self.contract.demand_key, Fraction(0))

    def _dedicated_share(self, index: int) -> Fraction:
        """Of what its own class holds: all of it, but in a week in which one version follows another."""
        asked = self.rules.plan.by_demand
        works = {key: exact(asked[key, index].work) for key in self.dedicated_keys if (key, index) in asked}
        whole = sum(works.values(), Fraction(0))
        return works.get(self.contract.demand_key, Fraction(0)) / whole if whole else Fraction(1)

    @property
    def follows_use(self) -> bool:
        """Whether what it asks for grows with use: reserved units do not."""
        return self.contract.traffic is not None and not self.contract.promises

    def credit_share(self, index: int) -> Decimal:
        """Of a week's revenue, what its SLA gives back for what the plan leaves short. (methods: Credits)"""
        asked = self.rules.plan.by_demand.get((self.demand_key, index))
        if asked is None or not asked.work or not asked.short_accelerators:
            return Decimal(0)
        return self.credit_share_at(index, exact(asked.served) / exact(asked.work))

    def credit_share_at(self, index: int, served_share: Fraction) -> Decimal:
        """The same where only a share of what it then asks for is served."""
        terms = self.contract.terms[index]
        if terms is None:
            return Decimal(0)
        traffic = self.contract.traffic[index] if self.contract.traffic else None
        return credit_share_when_short(
            tiers=terms.sla_tiers,
            served_share=served_share,
            peak_factor=traffic.peak_factor if traffic is not None and self.follows_use else 1,
        )

    def week_credits(self, index: int, planned_share: Decimal | None = None) -> WeekCredits:
        """What comes back of a week's revenue and is owed besides; planned_share: by default what the plan leaves short."""
        terms = self.contract.terms[index]
        planned = self.credit_share(index) if planned_share is None else planned_share
        if terms is None or terms.breaches is None:
            return WeekCredits(planned_share=planned, outage_share=None, make_good_usd=None)
        a_month = expected_make_good(breaches=terms.breaches)
        share = Decimal(self.contract.days[index] * HOURS_PER_DAY) / HOURS_PER_MONTH
        return WeekCredits(
            planned_share=planned,
            outage_share=outage_credit_share(breaches=terms.breaches, planned_share=planned),
            make_good_usd=None if a_month is None else a_month * share,
        )

    def loss_usd(self, index: int) -> Decimal | None:
        """Loss exposure of a week: the largest loss of the contract alone up to its worst use, credits and make-good."""
        result = self.results[index]
        if result.loss_exposure_usd is None or self.contract.gaps[index] or not self.is_sized:
            return None
        back = self.week_credits(index)
        return result.loss_exposure_usd + back.of(result.worst.revenue_usd) + (back.make_good_usd or Decimal(0))

    def cap(self, index: int) -> Fraction | None:
        """The most use there can be in a week, as a multiple of P50: fair use or rate limits. None: no cap."""
        month = self.month(index)
        return usage_cap(terms=month.terms, usage=month.usage)

    def worst_multiple(self, index: int) -> Fraction:
        return self.results[index].worst.multiple

    def revenue_at(self, index: int, multiple: Fraction) -> Decimal | None:
        """The bill of a week's days at a multiple of expected use; None where a price or a use is not known."""
        if self.contract.gaps[index]:
            return None
        try:
            return self.month(index).bill_at(multiple).total_usd
        except BROKEN as error:
            self.leave_out_terms(error)
            return None

    def same_as(self, index: int) -> int:
        """The first of the weeks up to this one, one after the other, whose bill has the same facts."""
        return self._same[index]

    @cached_property
    def _same(self) -> dict[int, int]:
        found: dict[int, int] = {}
        before: tuple[Any, ...] = ()
        for index in self.indexes:
            terms = self.contract.terms[index]
            assert terms is not None
            on_date = max(self.week(index).monday, self.contract.starts)
            traffic = self.contract.traffic[index] if self.contract.traffic else None
            facts = (self.contract.days[index], traffic, facts_of_day(terms, on_date), terms)
            found[index] = found[index - 1] if index - 1 in found and facts == before else index
            before = facts
        return found

    def month(self, index: int) -> Month:
        """What a week's results are made of, but for its rate."""
        first = self.same_as(index)
        if first not in self._months:
            terms = self.contract.terms[first]
            assert terms is not None
            self._months[first] = month_of(
                terms=terms,
                usage=self._usage(first),
                profile=self.profile,
                rate_usd_per_hour=None,
                on_date=max(self.week(first).monday, self.contract.starts),
                policy=replace(self.rules.exposure, hours=self.contract.days[first] * HOURS_PER_DAY),
                bills=self._bills_of(first),
            )
        return self._months[first]

    def _bills_of(self, index: int) -> dict[tuple[Fraction, bool], Bill]:
        """The bills by use that weeks of the same facts share, whatever an accelerator costs in them."""
        return self._bills.setdefault(self.same_as(index), {})

    def _usage(self, index: int) -> UsageProfile:
        cap, usage = self.contract.fair_use_multiple(index), self.contract.usage
        return UsageProfile(
            traffic=self.contract.traffic[index] if self.contract.traffic else None,
            p95_multiple=usage["p95_multiple"],
            cap_multiple=None if cap is None else to_decimal(cap),
            written_share=usage["cache_write_share"] or Decimal(0),
        )

    def _assess(self, index: int) -> ContractResult:
        """The result of one week. Most weeks are like the one before: the same facts are assessed once."""
        terms = self.contract.terms[index]
        assert terms is not None
        on_date = max(self.rules.plan.horizon.first.plus(index).monday, self.contract.starts)
        traffic = self.contract.traffic[index] if self.contract.traffic else None
        hours, rate = self.contract.days[index] * HOURS_PER_DAY, self.rate(index)
        # The day itself counts only through the step of the unit lines that is in force on it.
        cap = self.contract.fair_use_multiple(index)
        # Terms and traffic by object: the weeks of one price and one month of growth have the very same.
        facts = (id(terms), id(traffic), cap, hours, rate, *facts_of_day(terms, on_date))
        if facts not in self._assessed:
            self._assessed[facts] = assess_contract(
                terms=terms,
                usage=self._usage(index),
                profile=self.profile,
                rate_usd_per_hour=rate,
                on_date=on_date,
                policy=replace(self.rules.exposure, hours=hours),
                bills=self._bills_of(index),
            )
        return self._assessed[facts]

"""Contracts against a plan, week by week in every scenario of use: what each earns, consumes and holds, unrounded.

Pure: measured contracts, classes and what the plan gave them (methods: Scenarios of use). P50 is the plan's own
showback; the other pooled scenarios size the classes again (scenario_loads.py); worst is each contract alone, as in the
exposure table. Rows in cents are scenario_rows.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

from capacity.lib.money import exact_context, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, ceil_fraction, exact
from contracts.domain.scenarios import (
    COMMITTED,
    HEAVY,
    P10,
    P50,
    P90,
    SCENARIOS,
    WORST,
    UseBand,
    WeekAmounts,
    pooled_week,
    use_band,
)
from contracts.measured import MeasuredContract, PlanCosts
from contracts.scenario_loads import ContractUse, MemberWeek, class_at_use, renewing
from workloads.domain.classes import ServingClass

ONCE = Fraction(1)
ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioPlan:
    """What scenarios need of a plan beside its costs.

    regions: (class, week index) → region → accelerators given there. rate_range: by week, the cheapest and the dearest
    known USD per accelerator-hour of any pool; None where none is known.
    """

    costs: PlanCosts
    regions: Mapping[tuple[str, int], Mapping[str, int]]
    rate_range: Sequence[tuple[Decimal, Decimal] | None]


@dataclass(slots=True)
class ContractScenarios:
    """One contract: its versions, its band, and its weeks by scenario, unrounded.

    renewed: scenario (P50, P90) → (revenue, reserved cost) after its end if it goes on; renewed_accelerators: by week
    index, what it then asks for at P50 of the class renewed_class.
    """

    versions: Sequence[MeasuredContract]
    band: UseBand
    weeks: dict[str, list[WeekAmounts | None]]
    renewed: dict[str, tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)
    renewed_accelerators: dict[int, float] = field(default_factory=dict)
    renewed_class: str = ""

    @property
    def key(self) -> str:
        return str(self.versions[0].contract.row["key"])

    def total(self, scenario: str, column: str) -> Decimal | None:
        """The sum over its weeks; None where one of them is not known, or there is none."""
        values = [getattr(week, column) for week in self.weeks[scenario] if week is not None]
        return None if not values or None in values else sum(values, ZERO)


def contract_scenarios(
    *, measured: Sequence[Sequence[MeasuredContract]], classes: Sequence[ServingClass], plan: ScenarioPlan
) -> list[ContractScenarios]:
    """Every contract under every scenario, in key order."""
    weeks = len(plan.costs.horizon)
    renewals = {each[0].demand_key: each for versions in measured if (each := renewing(versions, weeks)) is not None}
    bands = {version.demand_key: _band(version) for versions in measured for version in versions}
    parts = _pooled_parts(measured, classes, bands, renewals, weeks)
    with localcontext(exact_context()):
        return [_scenarios_of(versions, bands, renewals, parts, plan) for versions in measured]


Renewal = tuple[MeasuredContract, int, int]
Parts = Mapping[str, Mapping[str, Sequence[Mapping[str, MemberWeek]]]]


def _band(version: MeasuredContract) -> UseBand:
    """The band of use of a version: its card's multiples, its own P95, its cap in its first week."""
    contract = version.contract
    card: Mapping[str, Any] = contract.workload or {}
    if contract.traffic is None:
        return UseBand(p10=ONCE, p90=ONCE, is_known=False)
    return use_band(
        p10=card.get("p10_multiple"),
        p90=card.get("p90_multiple"),
        p95=contract.usage["p95_multiple"],
        cap=version.cap(version.indexes[0]),
    )


def _pooled_parts(
    measured: Sequence[Sequence[MeasuredContract]],
    classes: Sequence[ServingClass],
    bands: Mapping[str, UseBand],
    renewals: Mapping[str, Renewal],
    weeks: int,
) -> Parts:
    """scenario → class → by week: load key → its part of the class's need."""
    found: dict[str, dict[str, Sequence[Mapping[str, MemberWeek]]]] = {P10: {}, P90: {}, HEAVY: {}}
    versions = {version.demand_key: version for group in measured for version in group}
    for serving in classes:
        members = [versions[load.key] for load in serving.members if load.key in versions]
        if not members:
            continue
        for scenario in found:
            uses = {each.demand_key: _use(each, scenario, bands, renewals, weeks) for each in members}
            found[scenario][serving.key] = class_at_use(serving=serving, uses=uses, scenario=scenario, weeks=weeks)
    return found


def _use(
    version: MeasuredContract, scenario: str, bands: Mapping[str, UseBand], renewals: Mapping[str, Renewal], weeks: int
) -> ContractUse:
    band = bands[version.demand_key]
    if scenario == HEAVY:
        by_week = tuple(
            version.worst_multiple(index) if version.contract.days[index] else ONCE for index in range(weeks)
        )
        return ContractUse(measured=version, multiples=by_week)
    multiples = (band.p10 if scenario == P10 else band.p90,) * weeks
    if scenario == P90 and version.demand_key in renewals:
        _, like, after = renewals[version.demand_key]
        return ContractUse(measured=version, multiples=multiples, goes_on_as=like, goes_on_from=after)
    return ContractUse(measured=version, multiples=multiples)


# --- one contract ---------------------------------------------------------------------------------------------------


def _scenarios_of(
    versions: Sequence[MeasuredContract],
    bands: Mapping[str, UseBand],
    renewals: Mapping[str, Renewal],
    parts: Parts,
    plan: ScenarioPlan,
) -> ContractScenarios:
    weeks = len(plan.costs.horizon)
    first = min(versions, key=lambda each: each.indexes[0])
    found = ContractScenarios(
        versions=versions,
        band=bands[first.demand_key],
        weeks={scenario: [None] * weeks for scenario in SCENARIOS},
    )
    for version in versions:
        costing = _Costing(version, bands[version.demand_key], parts, plan)
        for index in version.indexes:
            for scenario in SCENARIOS:
                row = found.weeks[scenario]
                row[index] = _and(row[index], costing.week(scenario, index))
        if version.demand_key in renewals:
            _add_renewal(found, costing, renewals[version.demand_key], weeks)
    return found


def _add_renewal(found: ContractScenarios, costing: _Costing, renewal: Renewal, weeks: int) -> None:
    """P90 holds the contract's whole need after its end, as in its last full week; P10 and P50 nothing."""
    _, like, after = renewal
    once: list[WeekAmounts] = []
    for index in range(after, weeks):
        found.weeks[P90][index] = costing.renewed(index, like=like, multiple=costing.band.p90)
        once.append(costing.renewed(index, like=like, multiple=ONCE))
        found.renewed_accelerators[index] = float(costing.renewed_part(index, like=like, multiple=ONCE).accelerators)
    found.renewed_class = costing.version.class_key
    for name, rows in ((P50, once), (P90, [row for row in found.weeks[P90][after:] if row is not None])):
        revenue = [row.revenue_usd for row in rows]
        cost = [row.reserved_usd for row in rows]
        found.renewed[name] = (
            None if None in revenue else sum((each for each in revenue if each is not None), ZERO),
            None if None in cost else sum((each for each in cost if each is not None), ZERO),
        )


class _Costing:
    """One contract version in any week of any scenario."""

    def __init__(self, version: MeasuredContract, band: UseBand, parts: Parts, plan: ScenarioPlan) -> None:
        self.version = version
        self.band = band
        self.parts = parts
        self.plan = plan
        self.key = version.demand_key
        self._unit: dict[int, Decimal | None] = {}

    def week(self, scenario: str, index: int) -> WeekAmounts:
        if scenario == WORST:
            return self._alone(index)
        revenue = self._revenue(scenario, index)
        credit_share = self.version.credit_share(index)
        if not self.version.is_sized:
            return pooled_week(
                revenue_usd=revenue,
                reserved_usd=None,
                consumed_usd=None,
                range_usd=None,
                gap_accelerators=None,
                credit_share=credit_share,
            )
        if scenario == P50 or self.version.serving is None:
            reserved, consumed = self.version.reserved_usd(index), self.version.consumed_usd(index)
            asked = self.plan.costs.by_demand.get((self.key, index))
            need = asked.work if asked else ZERO
            held = self._held(index)
            return pooled_week(
                revenue_usd=revenue,
                reserved_usd=reserved,
                consumed_usd=consumed if scenario != COMMITTED or self.version.serving is None else ZERO,
                range_usd=self._range(index, held),
                gap_accelerators=_gap(need, held),
                credit_share=credit_share,
            )
        part = self._part(scenario, index)
        return self._pooled(index, part, revenue, self._credit_share(index, part.accelerators))

    def _credit_share(self, index: int, need: Decimal) -> Decimal:
        """What comes back of the revenue where the plan holds only a part of what the scenario needs."""
        held = self._held(index)
        return self.version.credit_share_at(index, exact(held) / exact(need)) if _gap(need, held) else ZERO

    def renewed(self, index: int, *, like: int, multiple: Fraction) -> WeekAmounts:
        """A week after the end, as in a week of its term, at a use that the class is sized for at P90."""
        revenue = self.version.revenue_at(like, multiple)
        if not self.version.is_sized:
            return pooled_week(
                revenue_usd=revenue,
                reserved_usd=None,
                consumed_usd=None,
                range_usd=None,
                gap_accelerators=None,
                credit_share=ZERO,
            )
        part = self.renewed_part(index, like=like, multiple=multiple)
        return self._pooled(index, part, revenue, ZERO, held=ZERO)

    def renewed_part(self, index: int, *, like: int, multiple: Fraction) -> MemberWeek:
        """What it then takes of its class; nothing where its need is not known."""
        if self.version.serving is None:
            asked = self.plan.costs.by_demand.get((self.key, like))
            need = asked.work if asked else ZERO
            return MemberWeek(accelerators=need, average=need)
        at_p90 = self.parts[P90][self.version.class_key][index].get(self.key, _NOTHING)
        share = to_decimal(multiple / self.band.p90) if self.version.follows_use else Decimal(1)
        return MemberWeek(accelerators=at_p90.accelerators * share, average=at_p90.average * share)

    def _part(self, scenario: str, index: int) -> MemberWeek:
        if scenario != COMMITTED:
            return self.parts[scenario][self.version.class_key][index].get(self.key, _NOTHING)
        serving = self.version.serving
        assert serving is not None
        is_owed = self.version.contract.is_owed
        return MemberWeek(accelerators=serving.weeks[index].work.get(self.key, ZERO) if is_owed else ZERO, average=ZERO)

    def _pooled(
        self, index: int, part: MemberWeek, revenue: Decimal | None, credit_share: Decimal, held: Decimal | None = None
    ) -> WeekAmounts:
        unit = self._unit_usd(index)
        reserved = None if unit is None else part.accelerators * unit
        return pooled_week(
            revenue_usd=revenue,
            reserved_usd=reserved,
            consumed_usd=None if unit is None or reserved is None else min(reserved, part.average * unit),
            range_usd=self._range(index, part.accelerators),
            gap_accelerators=_gap(part.accelerators, self._held(index) if held is None else held),
            credit_share=credit_share,
        )

    def _alone(self, index: int) -> WeekAmounts:
        """Worst reasonable use of the contract alone: its loss is the largest between P50 and there."""
        result, version = self.version.results[index], self.version
        is_priced = not version.contract.gaps[index]
        revenue = result.worst.revenue_usd if is_priced else None
        credits = None if revenue is None else revenue * self.version.credit_share(index)
        reserved = result.worst.reserved_cost_usd if version.is_sized else None
        low, high = (reserved, reserved)
        if reserved is None and result.worst.accelerators is not None and version.is_sized:
            share = Decimal(version.contract.days[index]) / 7
            low, high = self._range(index, result.worst.accelerators * share) or (None, None)
        return WeekAmounts(
            revenue_usd=revenue,
            consumed_usd=result.worst.consumed_cost_usd if version.serving is not None else reserved,
            reserved_usd=reserved,
            low_usd=low,
            high_usd=high,
            gap_accelerators=result.capacity_gap_accelerators if version.is_sized else None,
            credits_usd=credits,
            loss_usd=version.loss_usd(index),
        )

    def _revenue(self, scenario: str, index: int) -> Decimal | None:
        version = self.version
        if version.contract.gaps[index]:
            return None
        if scenario == P50:
            return version.rules.revenue[self.key][index]
        if scenario == COMMITTED:
            return version.results[index].committed.revenue_usd
        if scenario == HEAVY:
            return version.results[index].worst.revenue_usd
        return version.revenue_at(index, self.band.p10 if scenario == P10 else self.band.p90)

    def _held(self, index: int) -> Decimal:
        """Accelerators of the reference type that the plan gives it."""
        asked = self.plan.costs.by_demand.get((self.key, index))
        return asked.served if asked else ZERO

    def _unit_usd(self, index: int) -> Decimal | None:
        """USD a week of one accelerator of the class's reference type, as the plan serves the class."""
        if index not in self._unit:
            self._unit[index] = self._unit_of(index)
        return self._unit[index]

    def _unit_of(self, index: int) -> Decimal | None:
        cost = self.plan.costs.by_class.get((self.version.class_key, index))
        if cost is not None and cost.work:
            return None if cost.usd is None else cost.usd / cost.work
        rate = self.version.rate(index)
        return None if rate is None else rate * HOURS_PER_WEEK

    def _range(self, index: int, accelerators: Decimal) -> tuple[Decimal, Decimal] | None:
        rates = self.plan.rate_range[index]
        return None if rates is None else tuple(accelerators * HOURS_PER_WEEK * rate for rate in rates)  # type: ignore[return-value]


_NOTHING = MemberWeek(accelerators=ZERO, average=ZERO)


def _gap(need: Decimal, held: Decimal) -> int:
    """Whole accelerators missing; parts of a millionth are how work is kept, not a gap."""
    if need <= held:
        return 0
    missing = (need - held).quantize(_MILLIONTH)
    return max(0, ceil_fraction(exact(missing)))


_MILLIONTH = Decimal("0.000001")


def _and(one: WeekAmounts | None, other: WeekAmounts) -> WeekAmounts:
    """Two parts of one week (a version ends and the next begins): their sums; what is not known of one is of neither."""
    if one is None:
        return other

    def both(name: str) -> Any:
        left, right = getattr(one, name), getattr(other, name)
        return None if left is None or right is None else left + right

    return WeekAmounts(**{name: both(name) for name in WeekAmounts.__slots__})

"""A solved plan's serving → rows and what they are made of: who is served, for which purpose, at what cost. Pure.

Only bookkeeping and sums; the arithmetic it uses stands in the domain packages. Pools are `plan_pools`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from typing import Any

from capacity.allocation.domain.problem import Experiment
from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, round_parts, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.cards import is_choice, missing_on_card
from capacity.review.compute import HOLDS, SolvedPlan
from contracts.deals import HeldWeek
from contracts.exposure import ClassWeekCost, DemandWeek, PlanCosts
from workloads.domain.classes import ServingClass

Row = dict[str, Any]
ZERO = Decimal(0)


class ServingRows:
    """A plan's inputs by key, and who is served how much and where. Each property is one table; later ones use earlier ones."""

    def __init__(self, plan: SolvedPlan) -> None:
        self.plan = plan
        self.horizon = plan.inputs.horizon
        self.weeks = list(self.horizon)
        self.week_by_key = {week.key: week for week in self.weeks}
        self.tables = plan.inputs.tables
        self.pools = {row["key"]: row for row in self.tables["pools"]}
        self.types = {row["key"]: row for row in self.tables["accelerator_types"]}
        self.experiments = {row["key"]: row for row in self.tables["experiments"]}
        self.requests: dict[str, Experiment] = {each.key: each for each in plan.problem.experiments}
        self.teams = {row["key"]: row["name"] for row in self.tables["teams"]}
        self.workloads = {row["key"]: row for row in self.tables["workloads"]}
        self.class_by_key: dict[str, ServingClass] = {each.key: each for each in plan.classes}
        self.demands = {demand.key: demand for demand in plan.problem.serving}
        self._served_parts: dict[tuple[str, Week], dict[str, Fraction]] = {}
        self.contract_of = {each.demand_key: each for each in (*plan.contracts, *plan.deals)}

    @cached_property
    def allocated(self) -> dict[tuple[str, str, Week], int]:
        """(class, pool, week) → accelerators."""
        return {(each.class_, each.pool, each.week): each.accelerators for each in self.plan.solution.allocations}

    @cached_property
    def served(self) -> dict[tuple[str, Week], Decimal]:
        return {(each.key, each.week): Decimal(repr(each.work)) for each in self.plan.solution.served}

    @cached_property
    def short(self) -> dict[tuple[str, Week], int]:
        return {(each.key, each.week): each.accelerators for each in self.plan.solution.capacity_shortfalls}

    @cached_property
    def demand_rows(self) -> list[Row]:
        """Work asked and got, by demand and week with any work."""
        rows = []
        for key, demand in sorted(self.demands.items()):
            for index, week in enumerate(self.weeks):
                work = to_decimal(exact(demand.work[index]))
                if not work:
                    continue
                served = min(work, self.served.get((key, week), ZERO))
                short = self.short.get((key, week), 0)
                contract = self.contract_of.get(key)
                loss = demand.usd_lost_per_work_week
                rows.append(
                    {
                        "demand_key": key,
                        "serving_class": demand.class_,
                        "tier": demand.tier,
                        "workload_key": self.workload_of(key) or "",
                        "contract_key": contract.row["key"] if contract else "",
                        "week": week.key,
                        "work": work,
                        "served": served if short else work,
                        "short_accelerators": short,
                        "usd_lost": None
                        if loss is None
                        else to_decimal((exact(work) - exact(served)) * exact(loss) if short else Fraction(0)),
                    }
                )
        return rows

    def is_hold(self, demand_key: str) -> bool:
        """Whether it is kept for a deal that nobody has signed: what such a demand misses breaks no promise."""
        return self.demands[demand_key].tier == HOLDS

    def workload_of(self, demand_key: str) -> str | None:
        contract = self.contract_of.get(demand_key)
        if contract is not None:
            return contract.row["workload"]
        return demand_key.removeprefix("w.")

    def purpose_of(self, demand_key: str) -> str:
        """The purpose its workload card states, or no choice where the card makes none (methods: Spend purposes)."""
        workload = self.workloads.get(self.workload_of(demand_key) or "")
        if workload is None:
            return "serving" if demand_key in self.contract_of else "no_choice"
        missing = missing_on_card(card=workload, models=self.models, as_of=self.plan.inputs.as_of)
        return workload["purpose"] if is_choice(missing) else "no_choice"

    @cached_property
    def models(self) -> dict[str, Row]:
        return {row["key"]: row for row in self.tables["model_versions"]}

    @cached_property
    def purpose_by_demand(self) -> dict[str, str]:
        return {key: self.purpose_of(key) for key in self.demands}

    @cached_property
    def demands_of_class(self) -> dict[str, list[str]]:
        grouped: dict[str, list[str]] = defaultdict(list)
        for key, demand in sorted(self.demands.items()):
            grouped[demand.class_].append(key)
        return grouped

    def served_parts(self, class_key: str, week: Week) -> dict[str, Fraction]:
        """demand → its share of what the class got this week (by served work)."""
        place = (class_key, week)
        if place not in self._served_parts:
            self._served_parts[place] = self._served_parts_of(class_key, week)
        return self._served_parts[place]

    def _served_parts_of(self, class_key: str, week: Week) -> dict[str, Fraction]:
        parts = {
            key: exact(self.served.get((key, week), ZERO))
            for key in self.demands_of_class[class_key]
            if self.served.get((key, week), ZERO) > 0
        }
        total = sum(parts.values(), Fraction(0))
        return {key: part / total for key, part in parts.items()} if total else {}

    @cached_property
    def serving_by_purpose(self) -> dict[tuple[str, Week], dict[str, int]]:
        """(pool, week) → whole accelerators by serving purpose, split by served work, largest remainder."""
        exact_parts: dict[tuple[str, Week], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        for (class_key, pool, week), accelerators in self.allocated.items():
            shares = self.served_parts(class_key, week)
            if not shares:
                exact_parts[pool, week]["serving"] += accelerators
            for key, share in shares.items():
                exact_parts[pool, week][self.purpose_by_demand[key]] += share * accelerators
        return {
            place: {
                purpose: int(amount)
                for purpose, amount in round_parts(
                    {purpose: to_decimal(amount) for purpose, amount in parts.items()}, step=Decimal(1)
                ).items()
            }
            for place, parts in exact_parts.items()
        }

    def use_of_class(self, class_key: str, week: Week) -> tuple[Fraction, Fraction]:
        """(consumed share, spare share) of what the class holds this week; the rest is headroom. Dedicated: all used."""
        serving = self.class_by_key.get(class_key)
        if serving is None:
            return Fraction(1), Fraction(0)
        need = serving.weeks[self.horizon.index(week)].total
        if not need.replicas:
            return Fraction(0), Fraction(0)
        spare = Fraction(need.spare_replicas, need.replicas)
        return min(1 - spare, need.load_average / need.replicas), spare

    @cached_property
    def class_week_costs(self) -> dict[tuple[str, int], ClassWeekCost]:
        found: dict[tuple[str, int], tuple[int, Decimal | None]] = {}
        with localcontext(exact_context()):
            for (class_key, pool, week), accelerators in self.allocated.items():
                rate = self.plan.rates[pool, week]
                usd = None if rate is None else accelerators * HOURS_PER_WEEK * rate
                place = (class_key, self.horizon.index(week))
                had = found.get(place, (0, ZERO))
                total = None if usd is None or had[1] is None else had[1] + usd
                found[place] = (had[0] + accelerators, total)
        return {
            place: ClassWeekCost(accelerators=row[0], usd=row[1], work=self._served_work(*place))
            for place, row in found.items()
        }

    def _served_work(self, class_key: str, index: int) -> Decimal:
        """What the class's demands get of what they ask, in accelerators of its reference type."""
        week = self.weeks[index]
        return sum(
            (
                min(to_decimal(exact(self.demands[key].work[index])), self.served.get((key, week), ZERO))
                for key in self.demands_of_class[class_key]
            ),
            ZERO,
        )

    @cached_property
    def plan_costs(self) -> PlanCosts:
        by_demand = {
            (row["demand_key"], self.horizon.index(Week.parse(row["week"]))): DemandWeek(
                work=row["work"], served=row["served"], short_accelerators=row["short_accelerators"]
            )
            for row in self.demand_rows
        }
        return PlanCosts(horizon=self.horizon, by_class=self.class_week_costs, by_demand=by_demand)

    @cached_property
    def held_weeks(self) -> dict[str, list[HeldWeek]]:
        """Demand key of a hold → what the plan gives it, week by week in which it asks for anything."""
        found: dict[str, list[HeldWeek]] = defaultdict(list)
        held = {each.demand_key for each in self.plan.deals if each.hold is not None}
        for row in self.demand_rows:
            if row["demand_key"] in held:
                week = HeldWeek(served=row["served"], short_accelerators=row["short_accelerators"])
                found[row["demand_key"]].append(week)
        return found

    @cached_property
    def fallback_rates(self) -> dict[str, tuple[Decimal | None, ...]]:
        """Class → by week the mean rate of the pools that could serve it, for weeks in which the plan gives it nothing.

        None as soon as one of them has no known rate: the rates that break ties between pools are no costs.
        """
        pools = {demand.class_: [option.pool for option in demand.options] for demand in self.plan.problem.serving}
        return {
            class_key: tuple(mean_rate([self.plan.rates[pool, week] for pool in of_class]) for week in self.weeks)
            for class_key, of_class in pools.items()
        }


def mean_rate(rates: Sequence[Decimal | None]) -> Decimal | None:
    """The mean of known rates; None of none, and where one is not known."""
    known = [exact(rate) for rate in rates if rate is not None]
    return to_decimal(sum(known, Fraction(0)) / len(known)) if known and len(known) == len(rates) else None

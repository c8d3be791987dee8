"""Ways out of a capacity shortfall: who is short and when, what would help, what it costs and whom it displaces. Pure.

One function per kind of remedy (methods: Remedies of a shortfall). Each is judged with the rest of the plan held: what
it could give where the demand may be served, in whole replicas, from the week in which it can be there.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from capacity.allocation.domain.problem import Pool, ServingDemand, ServingOption
from capacity.lib.horizon import Week
from capacity.lib.money import to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.compute import HOLDS
from capacity.review.plan_rows import PlanRows

Row = dict[str, Any]
CHEAPEST = 3
WAIVER, BURST, DEMOTE, MORE_SUPPLY, CALL = "waiver", "burst", "demote", "more_supply", "call"
DO_NOTHING = "do_nothing"
# Of equally cheap remedies the one that is easiest to take back comes first.
ORDER = (BURST, DEMOTE, WAIVER, MORE_SUPPLY, CALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shortage:
    """A demand that is short in consecutive weeks. work: unmet, by week. best: work of an accelerator at its best."""

    demand: ServingDemand
    weeks: tuple[Week, ...]
    work: Mapping[Week, Fraction]
    best: Fraction

    def accelerators(self, week: Week) -> Fraction:
        return self.work[week] / self.best

    @property
    def usd_lost(self) -> Fraction | None:
        loss = self.demand.usd_lost_per_work_week
        return None if loss is None else exact(loss) * sum(self.work.values(), Fraction(0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Remedy:
    """kind, where, accelerators a week at most (of the pool), work it covers, dollars (None: not known)."""

    kind: str
    pool: str = ""
    accelerators: int = 0
    covered: Fraction = Fraction(0)
    usd: Fraction | None = Fraction(0)
    lead_p50: int | None = 0
    lead_p90: int | None = 0
    helps_from: Week | None = None
    displaces: Mapping[str, int] = field(default_factory=dict)


def remedy_rows(rows: PlanRows) -> list[Row]:
    """Rows of the remedies table: for each shortage what doing nothing costs, and the cheapest three ways out."""
    finder = Remedies(rows)
    found = []
    for shortage in finder.shortages:
        nothing = Remedy(kind=DO_NOTHING, usd=shortage.usd_lost, lead_p50=None, lead_p90=None)
        for rank, remedy in enumerate([nothing, *finder.cheapest(shortage)]):
            found.append(_row(rows, shortage, remedy, rank))
    return found


class Remedies:
    """What the plan leaves over that could help, by pool and week."""

    def __init__(self, rows: PlanRows) -> None:
        self.rows = rows
        self.problem, self.solution = rows.plan.problem, rows.plan.solution
        self.pools: dict[str, Pool] = {pool.key: pool for pool in self.problem.pools}

    @cached_property
    def shortages(self) -> list[Shortage]:
        """By first week, then demand. A hold that is short breaks no promise: the pipeline says so, nothing is bought."""
        by_demand: dict[str, dict[Week, Fraction]] = defaultdict(dict)
        for each in self.solution.capacity_shortfalls:
            if self.rows.demands[each.key].tier == HOLDS:
                continue
            by_demand[each.key][each.week] = Fraction(each.work)
        found = []
        for key, work in by_demand.items():
            demand = self.rows.demands[key]
            best = max((exact(option.work_per_accelerator) for option in demand.options), default=Fraction(1))
            for weeks in _runs(sorted(work, key=lambda week: week.monday)):
                those = {week: work[week] for week in weeks}
                found.append(Shortage(demand=demand, weeks=weeks, work=those, best=best))
        return sorted(found, key=lambda each: (each.weeks[0].monday, each.demand.key))

    def cheapest(self, shortage: Shortage) -> list[Remedy]:
        """At most three, one of a kind, by what they cost less what they save; what comes too late comes last."""
        by_kind: dict[str, Remedy] = {}
        for remedy in self._all(shortage):
            before = by_kind.get(remedy.kind)
            if before is None or _order(shortage, remedy) < _order(shortage, before):
                by_kind[remedy.kind] = remedy
        return sorted(by_kind.values(), key=lambda remedy: _order(shortage, remedy))[:CHEAPEST]

    def _all(self, shortage: Shortage) -> Iterator[Remedy]:
        for option in shortage.demand.options:
            yield from self._waiver(shortage, option)
            yield from self._burst(shortage, option)
            yield from self._demote(shortage, option)
            yield from self._more_supply(shortage, option)
        yield Remedy(
            kind=CALL,
            accelerators=max(math.ceil(shortage.accelerators(week)) for week in shortage.weeks),
            covered=sum(shortage.work.values(), Fraction(0)),
            usd=shortage.usd_lost,
            helps_from=shortage.weeks[0],
        )

    def _given(self, shortage: Shortage, option: ServingOption, offered: Mapping[Week, int]) -> dict[Week, int]:
        """Accelerators of the pool it would take each week: whole replicas, at most what is short and offered."""
        size, rate = option.replica_accelerators, exact(option.work_per_accelerator)
        found = {}
        for week in shortage.weeks:
            wanted = math.ceil(shortage.work[week] / (rate * size)) * size
            given = min(wanted, offered.get(week, 0) // size * size)
            if given:
                found[week] = given
        return found

    def _covered(self, shortage: Shortage, option: ServingOption, given: Mapping[Week, int]) -> Fraction:
        rate = exact(option.work_per_accelerator)
        return sum((min(shortage.work[week], rate * amount) for week, amount in given.items()), Fraction(0))

    def _waiver(self, shortage: Shortage, option: ServingOption) -> Iterator[Remedy]:
        """The part of a floor that stands unused in the pool, if a decision lowers the floor for these weeks."""
        offered = {week: self.rows.idle_parts[option.pool, week].floor for week in shortage.weeks}
        given = self._given(shortage, option, offered)
        floor = next((floor.key for floor in self.problem.floors if option.pool in floor.pools), "")
        if given and floor:
            yield Remedy(
                kind=WAIVER,
                pool=option.pool,
                accelerators=max(given.values()),
                covered=self._covered(shortage, option, given),
                helps_from=min(given, key=lambda week: week.monday),
                displaces={floor: max(given.values())},
            )

    def _burst(self, shortage: Shortage, option: ServingOption) -> Iterator[Remedy]:
        """What of the pool's burst is not bought yet, at its price."""
        burst = self.pools[option.pool].burst
        if burst is None:
            return
        offered = {
            week: burst.accelerators[self.problem.horizon.index(week)] - self.rows.burst.get((option.pool, week), 0)
            for week in shortage.weeks
        }
        given = self._given(shortage, option, offered)
        if given:
            yield Remedy(
                kind=BURST,
                pool=option.pool,
                accelerators=max(given.values()),
                covered=self._covered(shortage, option, given),
                usd=sum(given.values()) * HOURS_PER_WEEK * exact(burst.usd_per_accelerator_hour),
                helps_from=min(given, key=lambda week: week.monday),
            )

    def _demote(self, shortage: Shortage, option: ServingOption) -> Iterator[Remedy]:
        """Serving of lower tiers in the pool, which would be short in its place."""
        lower = {week: self._lower_tiers(shortage, option.pool, week) for week in shortage.weeks}
        given = self._given(shortage, option, {week: sum(there.values()) for week, there in lower.items()})
        if not given:
            return
        usd: Fraction | None = Fraction(0)
        displaces: dict[str, int] = {}
        for week, amount in given.items():
            left = amount
            for key, there in sorted(lower[week].items()):
                taken = min(left, there)
                left -= taken
                if taken:
                    displaces[key] = max(displaces.get(key, 0), taken)
                    lost = self._usd_of(key, option.pool, taken)
                    usd = None if usd is None or lost is None else usd + lost
        yield Remedy(
            kind=DEMOTE,
            pool=option.pool,
            accelerators=max(given.values()),
            covered=self._covered(shortage, option, given),
            usd=usd,
            helps_from=min(given, key=lambda week: week.monday),
            displaces=displaces,
        )

    def _lower_tiers(self, shortage: Shortage, pool: str, week: Week) -> dict[str, int]:
        """demand → accelerators it holds in the pool, of serving tiers below the shortage's."""
        tiers = self.problem.tiers
        found: dict[str, int] = {}
        for class_key in self.rows.classes_in.get((pool, week), ()):
            held = self.rows.allocated[class_key, pool, week]
            for key, share in self.rows.served_parts(class_key, week).items():
                amount = math.floor(share * held)
                if amount and tiers.index(self.rows.demands[key].tier) > tiers.index(shortage.demand.tier):
                    found[key] = amount
        return found

    def _usd_of(self, key: str, pool: str, accelerators: int) -> Fraction | None:
        demand = self.rows.demands[key]
        rate = next(exact(each.work_per_accelerator) for each in demand.options if each.pool == pool)
        loss = demand.usd_lost_per_work_week
        return None if loss is None else exact(loss) * rate * accelerators

    def _more_supply(self, shortage: Shortage, option: ServingOption) -> Iterator[Remedy]:
        """Whole nodes at the pool's rate, from the week in which they can be there if they are ordered now (P50)."""
        pool = self.pools[option.pool]
        lead = self.lead_times.get(pool.accelerator_type)
        rate = exact(option.work_per_accelerator)
        most = max(shortage.work[week] / rate for week in shortage.weeks)
        size = math.lcm(pool.node_size, option.replica_accelerators)
        nodes = math.ceil(most / size) * size
        arrives = None if lead is None else self._arrives(lead[0])
        there = [week for week in shortage.weeks if arrives is not None and week.monday >= arrives.monday]
        given = dict.fromkeys(there, nodes)
        yield Remedy(
            kind=MORE_SUPPLY,
            pool=option.pool,
            accelerators=nodes,
            covered=self._covered(shortage, option, given),
            usd=len(there) * nodes * HOURS_PER_WEEK * exact(pool.usd_per_accelerator_hour),
            lead_p50=None if lead is None else lead[0],
            lead_p90=None if lead is None else lead[1],
            helps_from=arrives,
        )

    def _arrives(self, weeks: int) -> Week:
        """The first whole week with accelerators ordered on the day of the inputs."""
        ordered = Week.containing(self.rows.plan.inputs.as_of)
        return ordered.plus(weeks if ordered.monday == self.rows.plan.inputs.as_of else weeks + 1)

    @cached_property
    def lead_times(self) -> dict[str, tuple[int, int]]:
        """Accelerator type → (P50, P90) weeks of the quickest supplier of it.

        A supplier's own lead time stands for the types it has lots of and has no row for.
        """
        tables = self.rows.tables
        found: dict[str, list[tuple[int, int]]] = defaultdict(list)
        stated = set()
        for row in tables.get("lead_times", ()):
            found[row["accelerator_type"]].append((row["p50_weeks"], row["p90_weeks"]))
            stated.add((row["supplier"], row["accelerator_type"]))
        own = {row["key"]: (row["lead_time_p50_weeks"], row["lead_time_p90_weeks"]) for row in tables["suppliers"]}
        for lot in tables["lots"]:
            kind = self.rows.pools[lot["pool"]]["accelerator_type"]
            weeks = own.get(lot["supplier"])
            if weeks is not None and None not in weeks and (lot["supplier"], kind) not in stated:
                found[kind].append(weeks)
        return {kind: min(weeks) for kind, weeks in found.items()}


def _runs(weeks: list[Week]) -> Iterator[tuple[Week, ...]]:
    """Consecutive weeks together."""
    run: list[Week] = []
    for week in weeks:
        if run and run[-1].plus(1) != week:
            yield tuple(run)
            run = []
        run.append(week)
    if run:
        yield tuple(run)


def _order(shortage: Shortage, remedy: Remedy) -> tuple[Any, ...]:
    """What covers nothing comes last, then what costs an unknown sum, then by cost less what is saved, then by cover."""
    loss = shortage.demand.usd_lost_per_work_week
    saved = Fraction(0) if loss is None else exact(loss) * remedy.covered
    net = Fraction(0) if remedy.usd is None else remedy.usd - saved
    return (
        remedy.covered == 0,
        remedy.usd is None and remedy.kind != CALL,
        remedy.kind == CALL,
        net,
        -remedy.covered,
        ORDER.index(remedy.kind),
        remedy.pool,
    )


def _row(rows: PlanRows, shortage: Shortage, remedy: Remedy, rank: int) -> Row:
    demand = shortage.demand
    contract = rows.contract_of.get(demand.key)
    return {
        "demand_key": demand.key,
        "contract_key": contract.row["key"] if contract else "",
        "workload_key": rows.workload_of(demand.key) or "",
        "serving_class": demand.class_,
        "tier": demand.tier,
        "pool_keys": sorted(option.pool for option in demand.options),
        "first_week": shortage.weeks[0].key,
        "weeks": len(shortage.weeks),
        "short_accelerators": max(math.ceil(shortage.accelerators(week)) for week in shortage.weeks),
        "short_accelerator_weeks": math.ceil(sum(shortage.work.values(), Fraction(0)) / shortage.best),
        "rank": rank,
        "remedy": remedy.kind,
        "pool_key": remedy.pool,
        "accelerators": remedy.accelerators,
        "covered_accelerator_weeks": math.floor(remedy.covered / shortage.best + Fraction(1, 10**6)),
        "usd": _money(remedy.usd),
        "usd_lost": _money(shortage.usd_lost),
        "lead_weeks_p50": remedy.lead_p50,
        "lead_weeks_p90": remedy.lead_p90,
        "helps_from": remedy.helps_from.key if remedy.helps_from else "",
        "displaces": [{"key": key, "accelerators": amount} for key, amount in sorted(remedy.displaces.items())],
    }


def _money(value: Fraction | None) -> Decimal | None:
    return None if value is None else to_decimal(value)

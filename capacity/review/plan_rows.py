"""A solved plan → the rows of its result tables. Pure: dictionaries with the tables' columns, in a fixed order.

Only bookkeeping and sums: which purpose an accelerator serves, what a pool's week costs, who is short. The arithmetic
it uses stands in the domain packages and is cited there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from typing import Any

from capacity.allocation.domain.idle import IdleReasons, idle_by_reason
from capacity.allocation.domain.problem import Experiment
from capacity.inventory.domain.envelope import PurposeHours, split_envelope
from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, round_parts, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.cards import is_choice, missing_on_card
from capacity.review.compute import SolvedPlan
from contracts.deals import HeldWeek
from contracts.exposure import ClassWeekCost, DemandWeek, PlanCosts
from workloads.domain.classes import ServingClass

Row = dict[str, Any]
SERVING_PURPOSES = ("serving", "product", "internal", "no_choice")
EXPERIMENT_PURPOSES = ("pretrain", "research", "evals")
ZERO = Decimal(0)


class PlanRows:
    """All rows of one plan. Each property is one table; later ones use earlier ones."""

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
        self.contract_of = {each.demand_key: each for each in (*plan.contracts, *plan.deals)}

    # --- serving --------------------------------------------------------------------------------------------

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
        found: dict[tuple[str, int], tuple[int, Decimal | None, Decimal]] = {}
        with localcontext(exact_context()):
            for (class_key, pool, week), accelerators in self.allocated.items():
                rate = self.plan.rates[pool, week]
                usd = None if rate is None else accelerators * HOURS_PER_WEEK * rate
                place = (class_key, self.horizon.index(week))
                had = found.get(place, (0, ZERO, ZERO))
                total = None if usd is None or had[1] is None else had[1] + usd
                found[place] = (had[0] + accelerators, total, had[2])
        return {place: ClassWeekCost(accelerators=row[0], usd=row[1], work=row[2]) for place, row in found.items()}

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
    def fallback_rates(self) -> dict[str, Decimal | None]:
        """Class → mean rate of the pools that could serve it, for weeks in which the plan gives it nothing."""
        by_pool = {pool.key: pool.usd_per_accelerator_hour for pool in self.plan.problem.pools}
        rates: dict[str, Decimal | None] = {}
        for demand in self.plan.problem.serving:
            known = [exact(by_pool[option.pool]) for option in demand.options]
            rates[demand.class_] = to_decimal(sum(known, Fraction(0)) / len(known)) if known else None
        return rates

    # --- pools ----------------------------------------------------------------------------------------------

    @cached_property
    def pool_rows(self) -> list[Row]:
        domains: dict[str, list[str]] = defaultdict(list)
        for row in self.tables["network_domains"]:
            domains[row["pool"]].append(row["key"])
        return [
            {
                "pool_key": key,
                "name": pool["name"],
                "accelerator_type": pool["accelerator_type"],
                "accelerator_type_name": self.types[pool["accelerator_type"]]["name"],
                "region": self.plan.sites[pool["site"]]["region"],
                "source_type": pool["source_type"],
                "node_size": pool["node_size"],
                "h100e_factor": self.types[pool["accelerator_type"]]["h100e_factor"],
                "domains": domains[key],
            }
            for key, pool in sorted(self.pools.items())
        ]

    @cached_property
    def running_by_pool(self) -> dict[tuple[str, Week], list[tuple[str, int]]]:
        """(pool, week) → experiments running there with their accelerators."""
        found: dict[tuple[str, Week], list[tuple[str, int]]] = defaultdict(list)
        for placement in self.plan.solution.placements:
            for offset in range(placement.weeks):
                week = placement.start.plus(offset)
                if week in self.horizon:
                    found[placement.pool, week].append((placement.key, placement.accelerators))
        return found

    @cached_property
    def unplaced_requests(self) -> dict[tuple[str, Week], int]:
        """(pool, week) → accelerators asked for by requests without a place: at their earliest, in their first pool."""
        found: dict[tuple[str, Week], int] = defaultdict(int)
        for unplaced in self.plan.solution.unplaced:
            request = self.requests[unplaced.key]
            if not request.options or not request.options[0].pools:
                continue
            option = request.options[0]
            start = max(request.earliest_start, self.horizon.first)
            for offset in range(option.weeks):
                if start.plus(offset) in self.horizon:
                    found[option.pools[0], start.plus(offset)] += option.accelerators
        return found

    @cached_property
    def needs(self) -> dict[tuple[str, Week], dict[str, Fraction]]:
        """(pool, week) → serving need on four bases. A class's need lies where the plan serves it; what is not served
        is laid on its pools in proportion to their size, or on none where no pool may serve it."""
        found: dict[tuple[str, Week], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
        sizes = {pool.key: pool.allocatable for pool in self.plan.problem.pools}
        for class_key, keys in self.demands_of_class.items():
            options = {option.pool: exact(option.work_per_accelerator) for option in self.demands[keys[0]].options}
            serving = self.class_by_key.get(class_key)
            for index, week in enumerate(self.weeks):
                asked = sum((exact(self.demands[key].work[index]) for key in keys), Fraction(0))
                if not asked or not options:
                    continue
                owed = sum(
                    (exact(self.demands[key].work[index]) for key in keys if self._is_committed(key)), Fraction(0)
                )
                got = sum((exact(self.served.get((key, week), ZERO)) for key in keys), Fraction(0))
                band = (asked, asked)
                if serving is not None:
                    band = (
                        Fraction(serving.weeks[index].p10_accelerators),
                        Fraction(serving.weeks[index].p90_accelerators),
                    )
                weight = sum(max(1, sizes[pool][index]) for pool in options)
                for pool, rate in options.items():
                    here = Fraction(self.allocated.get((class_key, pool, week), 0))
                    missing = max(Fraction(0), asked - got) * Fraction(max(1, sizes[pool][index]), weight) / rate
                    part = here + missing
                    need = found[pool, week]
                    need["expected"] += part
                    need["committed"] += part * owed / asked
                    need["p10"] += part * band[0] / asked
                    need["p90"] += part * band[1] / asked
                    need["short"] += missing
        return found

    def _is_committed(self, demand_key: str) -> bool:
        return self.demands[demand_key].tier == self.plan.problem.tiers[0]

    @cached_property
    def floor_parts(self) -> dict[tuple[str, Week], tuple[int, int]]:
        """(pool, week) → (floor, held for it): each floor laid over its pools in proportion to their allocatable.

        Held: model development placed there plus idle, at most the floor. A floor is an accounting reservation over
        its pools together; the split only shows it (methods: Floor).
        """
        found: dict[tuple[str, Week], tuple[int, int]] = {}
        sizes = {pool.key: pool.allocatable for pool in self.plan.problem.pools}
        for floor in self.plan.problem.floors:
            for index, week in enumerate(self.weeks):
                supply = sum(sizes[pool][index] for pool in floor.pools)
                size = min(floor.accelerators[index], supply)
                held = min(size, self.floor_held(floor.key, week))
                parts = {
                    pool: to_decimal(Fraction(size * sizes[pool][index], supply)) if supply else ZERO
                    for pool in floor.pools
                }
                whole = round_parts(parts, step=Decimal(1))
                kept = round_parts(
                    {pool: whole[pool] * held / size if size else ZERO for pool in parts}, step=Decimal(1)
                )
                for pool in floor.pools:
                    before = found.get((pool, week), (0, 0))
                    found[pool, week] = (before[0] + int(whole[pool]), before[1] + int(kept[pool]))
        return found

    def floor_held(self, floor_key: str, week: Week) -> int:
        """Model development placed in the floor's pools, plus what is idle or lent recallably there."""
        floor = next(each for each in self.plan.problem.floors if each.key == floor_key)
        placed = 0
        for pool in floor.pools:
            for key, accelerators in self.running_by_pool.get((pool, week), []):
                request = self.requests[key]
                if request.model_development or (floor.lendable and request.preemptible):
                    placed += accelerators
        idle = sum(self.idle.get((pool, week), 0) for pool in floor.pools)
        return placed + idle

    @cached_property
    def idle(self) -> dict[tuple[str, Week], int]:
        return {(each.pool, each.week): each.accelerators for each in self.plan.solution.idle}

    @cached_property
    def idle_parts(self) -> dict[tuple[str, Week], IdleReasons]:
        """Why accelerators stand idle; of a lot that counts by an announced date, idle is told as not accepted yet."""
        accepted = {row["key"] for row in self.tables["lots"] if row["state"] == "accepted"}
        unaccepted: dict[tuple[str, Week], int] = defaultdict(int)
        for row in self.plan.calendar.lot_weeks:
            if row.counted and row.lot_key not in accepted:
                unaccepted[row.pool_key, row.week] += row.accelerators
        found = idle_by_reason(problem=self.plan.problem, solution=self.plan.solution, unaccepted=unaccepted)
        return {(row.pool, row.week): row for row in found}

    @cached_property
    def burst(self) -> dict[tuple[str, Week], int]:
        return {(each.pool, each.week): each.accelerators for each in self.plan.solution.burst}

    @cached_property
    def pool_week_rows(self) -> list[Row]:
        with localcontext(exact_context()):
            return [self._pool_week(supply) for supply in self.plan.calendar.pool_weeks]

    def _pool_week(self, supply: Any) -> Row:
        place = (supply.pool_key, supply.week)
        serving = self.serving_by_purpose.get(place, {})
        by_purpose = dict.fromkeys(EXPERIMENT_PURPOSES, 0)
        for key, accelerators in self.running_by_pool.get(place, []):
            by_purpose[self.experiments[key]["purpose"]] += accelerators
        used = {purpose: serving.get(purpose, 0) for purpose in SERVING_PURPOSES} | by_purpose
        burst = self.burst.get(place, 0)
        idle = supply.allocatable + burst - sum(used.values())
        need = self.needs.get(place, {})
        hours = self._purpose_hours(place)
        envelope = self._envelope(supply, hours, burst)
        floor = self.floor_parts.get(place)
        requested = sum(amount for _, amount in self.running_by_pool.get(place, []))
        why = self.idle_parts[place]
        return {
            "pool_key": supply.pool_key,
            "week": supply.week.key,
            "week_index": self.horizon.index(supply.week),
            "installed": supply.installed,
            "maintenance": int(supply.maintenance),
            "allocatable": supply.allocatable,
            "fragment": supply.fragment,
            **used,
            "idle": idle,
            "burst": burst,
            "floor": floor[0] if floor else None,
            "floor_held": floor[1] if floor else None,
            "committed_need": to_decimal(need.get("committed", Fraction(0))),
            "expected_need": to_decimal(need.get("expected", Fraction(0))),
            "p10_need": to_decimal(need.get("p10", Fraction(0))),
            "p90_need": to_decimal(need.get("p90", Fraction(0))),
            "requested": Decimal(requested + self.unplaced_requests.get(place, 0)),
            "capacity_shortfall": to_decimal(need.get("short", Fraction(0))),
            "usd_per_accelerator_hour": self.plan.rates[place],
            "consumed": to_decimal((hours.serving_consumed) / HOURS_PER_WEEK) + sum(by_purpose.values()),
            "envelope_usd": None if envelope is None else sum(envelope.values(), ZERO),
            "envelope_parts": None if envelope is None else {line: f"{usd:f}" for line, usd in envelope.items()},
            "idle_usd": None if envelope is None else envelope["idle"],
            "idle_floor": why.floor,
            "idle_fragment": why.fragment,
            "idle_wrong_kind": why.wrong_kind,
            "idle_unaccepted": why.unaccepted,
            "idle_no_demand": why.no_demand,
        }

    def _purpose_hours(self, place: tuple[str, Week]) -> PurposeHours:
        """Allocatable accelerator-hours of the pool's week by purpose; burst is bought beside it and left out."""
        pool, week = place
        hours: dict[str, Fraction] = defaultdict(Fraction)
        for class_key in self.classes_in.get(place, ()):
            amount = Fraction(self.allocated[class_key, pool, week] * HOURS_PER_WEEK)
            consumed, spare = self.use_of_class(class_key, week)
            shares = self.served_parts(class_key, week)
            for key, share in shares.items() or [("", Fraction(1))]:
                purpose = self.purpose_by_demand.get(key, "serving")
                if purpose in {"internal", "no_choice"}:
                    hours[purpose] += amount * share
                    continue
                hours["serving_consumed"] += amount * share * consumed
                hours["serving_spare"] += amount * share * spare
                hours["serving_headroom"] += amount * share * (1 - consumed - spare)
        hours["learning"] = Fraction(sum(amount for _, amount in self.running_by_pool.get(place, [])) * HOURS_PER_WEEK)
        total = sum(hours.values(), Fraction(0))
        burst_hours = self.burst.get(place, 0) * HOURS_PER_WEEK
        if burst_hours and total:
            # Burst carries serving only: what it carries is paid by its own line, not out of the pool's envelope.
            serving = total - hours["learning"]
            scale = max(Fraction(0), serving - burst_hours) / serving if serving else Fraction(1)
            hours = defaultdict(Fraction, {k: v if k == "learning" else v * scale for k, v in hours.items()})
        return PurposeHours(**hours)

    @cached_property
    def classes_in(self) -> dict[tuple[str, Week], list[str]]:
        found: dict[tuple[str, Week], list[str]] = defaultdict(list)
        for class_key, pool, week in sorted(self.allocated, key=lambda k: (k[0], k[1], k[2].monday)):
            found[pool, week].append(class_key)
        return found

    def _envelope(self, supply: Any, hours: PurposeHours, burst: int) -> dict[str, Decimal] | None:
        """The pool's week by line, summing to what it costs (methods: Envelope). None where a rate is missing."""
        cost = self.plan.costs[supply.pool_key, supply.week]
        bought = ZERO
        if burst:
            bought = burst * HOURS_PER_WEEK * self.pools[supply.pool_key]["burst_usd_per_accelerator_hour"]
        if cost.on_demand_usd_per_hour is not None and not cost.counted_usd:
            rate = exact(cost.on_demand_usd_per_hour)
            lines = {
                name: to_decimal(getattr(hours, name) * rate)
                for name in (
                    "serving_consumed",
                    "serving_headroom",
                    "serving_spare",
                    "learning",
                    "internal",
                    "no_choice",
                )
            }
            return {**lines, "idle": ZERO, "fragment": ZERO, "maintenance": ZERO, "burst": bought}
        if cost.counted_usd is None or cost.part_week_usd is None:
            return None
        envelope = split_envelope(
            cost_usd=cost.counted_usd,
            available_accelerators=supply.available,
            maintenance_accelerators=supply.maintenance,
            allocatable_accelerators=supply.allocatable,
            purpose_hours=hours,
            part_week_usd=cost.part_week_usd,
        )
        return {**envelope.parts_usd, "burst": bought}

    @cached_property
    def lot_event_rows(self) -> list[Row]:
        states = {row["key"]: row["state"] for row in self.tables["lots"]}
        return [
            {
                "pool_key": event.pool_key,
                "lot_key": event.lot_key,
                "week": event.week.key,
                "accelerators": event.accelerators,
                "state": states[event.lot_key],
                "counted_date": event.on_date,
            }
            for event in self.plan.calendar.events
        ]

    @cached_property
    def allocation_rows(self) -> list[Row]:
        return [
            {
                "serving_class": each.class_,
                "pool_key": each.pool,
                "week": each.week.key,
                "accelerators": each.accelerators,
                "work": Decimal(repr(round(each.work, 6))),
            }
            for each in self.plan.solution.allocations
            if each.accelerators
        ]

    # --- experiments ----------------------------------------------------------------------------------------

    def request_columns(self, key: str) -> Row:
        row = self.experiments[key]
        return {
            "experiment_key": key,
            "name": row["name"],
            "team_key": row["team"],
            "team_name": self.teams[row["team"]],
            "priority": row["experiment_priority"],
        }

    @cached_property
    def placement_rows(self) -> list[Row]:
        rows = []
        with localcontext(exact_context()):
            for each in self.plan.solution.placements:
                rates = [
                    self.plan.rates[each.pool, each.start.plus(offset)]
                    for offset in range(each.weeks)
                    if each.start.plus(offset) in self.horizon
                ]
                known = None if any(rate is None for rate in rates) else sum((r for r in rates if r), ZERO)
                rows.append(
                    {
                        **self.request_columns(each.key),
                        "purpose": self.experiments[each.key]["purpose"],
                        "is_running": self.experiments[each.key]["state"] == "running",
                        "pool_key": each.pool,
                        "domain_key": each.domain or "",
                        "start_week": each.start.key,
                        "weeks": each.weeks,
                        "accelerators": each.accelerators,
                        "cost_usd": None if known is None else each.accelerators * HOURS_PER_WEEK * known,
                    }
                )
        return rows

    @cached_property
    def tier_rows(self) -> list[Row]:
        return [
            {
                "position": position,
                "tier": tier.tier,
                "unit": tier.unit or "",
                "value": _number(tier.value),
                "bound": _number(tier.bound),
                "gap_absolute": _number(tier.gap_absolute),
                "gap_relative": _number(tier.gap_relative),
                "unmet_accelerators": None if tier.unmet_accelerators is None else _number(tier.unmet_accelerators),
            }
            for position, tier in enumerate(self.plan.solution.tiers)
        ]

    @cached_property
    def scarcity_rows(self) -> list[Row]:
        return [
            {
                "pool_key": each.pool,
                "week": each.week.key,
                "usd_per_accelerator_week": _number(each.usd_per_accelerator_week),
                "node_size": self.pools[each.pool]["node_size"],
                "usd_node_more": None if each.usd_node_more is None else _number(each.usd_node_more),
                "usd_node_less": None if each.usd_node_less is None else _number(each.usd_node_less),
                "unlocks": [
                    {
                        "key": unlock.key,
                        "is_request": unlock.is_request,
                        "accelerators": unlock.accelerators,
                        "weeks": unlock.weeks,
                    }
                    for unlock in each.unlocks
                ],
            }
            for each in self.plan.solution.scarcity_prices
        ]


def _number(value: float) -> Decimal:
    return Decimal(repr(round(value, 8)))


def group_by(rows: Sequence[Row], *columns: str) -> Mapping[tuple[Any, ...], list[Row]]:
    """Rows by the values of some columns, groups in order of first appearance."""
    grouped: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        grouped.setdefault(tuple(row[column] for column in columns), []).append(row)
    return grouped

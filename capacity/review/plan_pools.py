"""A solved plan's pools → rows by week: what runs there, what is needed, floors, idle and the envelope. Pure.

Only bookkeeping and sums; the arithmetic it uses stands in the domain packages. Serving is `plan_serving`, experiments
`plan_rows`.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from math import ceil
from typing import Any

from capacity.allocation.domain.idle import IdleReasons, idle_by_reason
from capacity.inventory.domain.envelope import PurposeHours, split_envelope
from capacity.lib.horizon import Week
from capacity.lib.money import exact_context, round_parts, to_decimal
from capacity.lib.units import HOURS_PER_WEEK, exact
from capacity.review.plan_serving import ZERO, Row, ServingRows

SERVING_PURPOSES = ("serving", "product", "internal", "no_choice")
EXPERIMENT_PURPOSES = ("pretrain", "research", "evals")


class PoolRows(ServingRows):
    """Pools and their weeks. Each property is one table; later ones use earlier ones."""

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
        """(pool, week) → serving need on four bases, and what is short of it without holds. A class's need lies where
        the plan serves it; what is not served is laid on its pools in proportion to their size, or on none where no
        pool may serve it."""
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
                unmet = self._unmet(keys, index, week)
                firm = [key for key in keys if not self.is_hold(key)]
                short = unmet if len(firm) == len(keys) else self._unmet(firm, index, week)
                weight = sum(max(1, sizes[pool][index]) for pool in options)
                laid = {pool: Fraction(max(1, sizes[pool][index]), weight) / rate for pool, rate in options.items()}
                # Where nothing is laid anywhere (a need that rounds away) each share is of nothing.
                parts = {pool: self.allocated.get((class_key, pool, week), 0) + unmet * laid[pool] for pool in options}
                for pool, part in parts.items():
                    need = found[pool, week]
                    need["expected"] += part
                    need["committed"] += part * owed / asked
                    if serving is not None:
                        need["p10"] += part * serving.weeks[index].p10_accelerators / asked
                        need["p90"] += part * serving.weeks[index].p90_accelerators / asked
                    else:
                        low, high = self._own_band(keys[0], asked, part, Fraction(part) / (sum(parts.values()) or 1))
                        need["p10"] += low
                        need["p90"] += high
                    need["short"] += short * laid[pool]
        return found

    def _unmet(self, keys: list[str], index: int, week: Week) -> Fraction:
        """Work of these demands of a class that the plan does not serve."""
        asked = sum((exact(self.demands[key].work[index]) for key in keys), Fraction(0))
        got = sum((exact(self.served.get((key, week), ZERO)) for key in keys), Fraction(0))
        return max(Fraction(0), asked - got)

    def _own_band(self, key: str, asked: Fraction, part: Fraction, share: Fraction) -> tuple[Fraction, Fraction]:
        """(P10, P90) of accelerators of one's own in a pool that has `part`, `share` of all of them.

        A promise is what it is; a held deal comes whole, in whole nodes, or not at all.
        """
        deal = self.contract_of.get(key)
        if deal is None or deal.hold is None:
            return part, part
        node = self.demands[key].options[0].replica_accelerators
        return Fraction(0), share * ceil(asked / exact(deal.hold["probability"]) / node) * node

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

"""The exact value of every tier of a small problem, from a constraint program in whole numbers: a second solver.

What belongs here: the policy read from the file form alone and written for OR-Tools' CP-SAT, which counts in integers,
so that nothing is rounded. It shares neither code nor formulation nor solver with the engine. It runs as a process of
its own (`exact_values`), because OR-Tools breaks where HiGHS was loaded before it: a JSON line in, a JSON line out.
"""

from __future__ import annotations

import json
import math
import sys
from collections import defaultdict
from datetime import date
from fractions import Fraction
from typing import Any

from ortools.sat.python import cp_model

HOURS = 168
Row = dict[str, Any]
Terms = list[tuple[Fraction, Any]]


def exact(number: float | None) -> Fraction:
    return Fraction(0) if number is None else Fraction(str(number))


class ExactProgram:
    """Variables and rules of one problem; `values` climbs the tiers, `values_beside` takes the tiers above as given."""

    def __init__(self, document: Row) -> None:
        self.document = document
        self.model = cp_model.CpModel()
        self.weeks = range(document["weeks"])
        self.pools: dict[str, Row] = {pool["key"]: pool for pool in document["pools"]}
        # What lies where, each as (accelerators, variable or None for a fixed amount).
        self.in_pool: dict[tuple[str, int], Terms] = defaultdict(list)
        self.in_domain: dict[tuple[str, str, int], Terms] = defaultdict(list)
        self.in_floor: dict[tuple[int, int], Terms] = defaultdict(list)
        # What each tier is worth: dollars, unmet accelerators of unknown price, placed accelerator-weeks.
        self.usd: dict[str, Terms] = defaultdict(list)
        self.unmet: dict[str, Terms] = defaultdict(list)
        self.placed: dict[str, Terms] = defaultdict(list)
        self._place_pins()
        for row in document["experiments"]:
            if not row.get("pinned"):
                (self._divisible if row.get("divisible") else self._gang)(row)
        self._serve()
        self._limit_room()

    # Experiments

    def _week(self, monday: str) -> int:
        return (date.fromisoformat(monday) - date.fromisoformat(self.document["first_week"])).days // 7

    def _options(self, row: Row) -> list[Row]:
        if "options" in row:
            return list(row["options"])
        return [{"pool": pool, "accelerators": row["accelerators"], "weeks": row["weeks"]} for pool in row["pools"]]

    def _occupy(self, row: Row, pool: str, domain: str | None, week: int, size: int, variable: Any) -> None:
        self.in_pool[pool, week].append((Fraction(size), variable))
        if domain is not None:
            self.in_domain[pool, domain, week].append((Fraction(size), variable))
        for number, floor in enumerate(self.document["floors"]):
            lent = row.get("preemptible") and floor.get("lendable")
            of_team = floor.get("team")
            kept = row["model_development"] if of_team is None else row["team"] == of_team
            if pool in floor["pools"] and not kept and not lent:
                self.in_floor[number, week].append((Fraction(size), variable))

    def _place_pins(self) -> None:
        """Pins in tier and key order, each where it is pinned if the ones before it leave the room."""
        tiers = self.document["tiers"]
        pinned = [row for row in self.document["experiments"] if row.get("pinned")]
        for row in sorted(pinned, key=lambda row: (tiers.index(row["tier"]), row["key"])):
            pin = row["pinned"]
            option = next(option for option in self._options(row) if option["pool"] == pin["pool"])
            start = self._week(pin["start"])
            inside = [week for week in range(start, start + option["weeks"]) if week in self.weeks]
            kept = [{**table} for table in (self.in_pool, self.in_domain, self.in_floor)]
            for table in (self.in_pool, self.in_domain, self.in_floor):
                for at in table:
                    table[at] = list(table[at])
            before = [{at: list(rows) for at, rows in table.items()} for table in kept]
            for week in inside:
                self._occupy(row, pin["pool"], pin["domain"], week, option["accelerators"], None)
            if self._fixed_amounts_fit():
                self.placed[row["tier"]].append(
                    (exact(row.get("weight", 1)) * option["accelerators"] * len(inside), None)
                )
            else:
                for table, old in zip((self.in_pool, self.in_domain, self.in_floor), before, strict=True):
                    table.clear()
                    table.update(old)

    def _fixed_amounts_fit(self) -> bool:
        def total(terms: Terms) -> Fraction:
            return sum((amount for amount, _ in terms), Fraction(0))

        return (
            all(total(terms) <= self.pools[p]["allocatable"][t] for (p, t), terms in self.in_pool.items())
            and all(total(terms) <= self._domain_supply(p, q, t) for (p, q, t), terms in self.in_domain.items())
            and all(total(terms) <= self._floor_room(f, t) for (f, t), terms in self.in_floor.items())
        )

    def _domain_supply(self, pool: str, domain: str, week: int) -> int:
        return next(int(q["allocatable"][week]) for q in self.pools[pool]["domains"] if q["key"] == domain)

    def _floor_room(self, number: int, week: int) -> int:
        floor = self.document["floors"][number]
        supply = sum(self.pools[pool]["allocatable"][week] for pool in floor["pools"])
        return int(supply - min(supply, floor["accelerators"][week]))

    def _gang(self, row: Row) -> None:
        """One of all starts in all domains of all options, or none."""
        earliest, latest = self._week(row["earliest_start"]), self._week(row["latest_start"])
        chosen = []
        for option in self._options(row):
            size, long = option["accelerators"], option["weeks"]
            for domain in self.pools[option["pool"]].get("domains") or [{"key": None}]:
                for start in self.weeks:
                    if earliest <= start <= latest and start + long <= len(self.weeks):
                        here = self.model.new_bool_var("")
                        chosen.append(here)
                        for week in range(start, start + long):
                            self._occupy(row, option["pool"], domain["key"], week, size, here)
                        self.placed[row["tier"]].append((exact(row.get("weight", 1)) * size * long, here))
        self.model.add_at_most_one(chosen)

    def _divisible(self, row: Row) -> None:
        """Any amounts in the weeks it may run, within its size a week and in all; of several options only one."""
        earliest, latest = self._week(row["earliest_start"]), self._week(row["latest_start"])
        if "options" in row:
            choices = [([option["pool"]], option["accelerators"], option["weeks"]) for option in row["options"]]
        else:
            choices = [(row["pools"], row["accelerators"], row["weeks"])]
        taken = [self.model.new_bool_var("") for _ in choices]
        self.model.add_at_most_one(taken)
        for (pools, size, long), is_taken in zip(choices, taken, strict=True):
            everything = []
            for week in self.weeks:
                if not earliest <= week <= latest + long - 1:
                    continue
                parts = [self.model.new_int_var(0, size, "") for _ in pools]
                self.model.add(sum(parts) <= size * is_taken)
                everything.extend(parts)
                for pool, part in zip(pools, parts, strict=True):
                    self._occupy(row, pool, None, week, 1, part)
                    self.placed[row["tier"]].append((exact(row.get("weight", 1)), part))
            if everything:
                self.model.add(sum(everything) <= size * long)

    # Serving

    def _serve(self) -> None:
        classes: dict[str, list[Row]] = defaultdict(list)
        for row in self.document["serving"]:
            classes[row.get("class", row["key"])].append(row)
        for week in self.weeks:
            carried: dict[tuple[str, str], list[Any]] = defaultdict(list)
            for members in classes.values():
                self._serve_class(members, week, carried)
            self._buy_burst(week, carried)

    def _serve_class(self, members: list[Row], week: int, carried: dict[tuple[str, str], list[Any]]) -> None:
        """Whole replicas of each tier; a replica's work goes to demands of its own tier and of the tiers below it."""
        order, options = self.document["tiers"], members[0]["options"]
        best = max((exact(option["work_per_accelerator"]) for option in options), default=Fraction(1))
        tiers = sorted({row["tier"] for row in members if row["work"][week]}, key=order.index)
        done: dict[str, list[Any]] = {row["key"]: [] for row in members}
        work = [exact(row["work"][week]) for row in members]
        each = [exact(option["work_per_accelerator"]) * option.get("replica_accelerators", 1) for option in options]
        unit = math.lcm(*(number.denominator for number in [*work, *each]))
        uses: dict[str, list[Any]] = defaultdict(list)
        for tier in tiers:
            able = []
            for option, amount in zip(options, each, strict=True):
                most = math.ceil(sum(work) / amount)
                count = self.model.new_int_var(0, most, "")
                size = option.get("replica_accelerators", 1)
                carried[tier, option["pool"]].append(size * count)
                self._serving_lies(option["pool"], week, size, count)
                is_used = self.model.new_bool_var("")
                self.model.add(count <= most * is_used)
                uses[option["pool"]].append(is_used)
                able.append(int(amount * unit) * count)
            flows = []
            for row, asked in zip(members, work, strict=True):
                if order.index(row["tier"]) >= order.index(tier) and asked:
                    flow = self.model.new_int_var(0, int(asked * unit), "")
                    done[row["key"]].append(flow)
                    flows.append(flow)
            self.model.add(sum(flows) <= sum(able))
        self._limit_pools(members[0].get("max_pools"), uses)
        for row, asked in zip(members, work, strict=True):
            if asked:
                self._lose(row, asked, unit, best, done[row["key"]])

    def _limit_pools(self, most: int | None, uses: dict[str, list[Any]]) -> None:
        if most is None or not uses:
            return
        pools = []
        for literals in uses.values():
            pool = self.model.new_bool_var("")
            for literal in literals:
                self.model.add_implication(literal, pool)
            pools.append(pool)
        self.model.add(sum(pools) <= most)

    def _lose(self, row: Row, asked: Fraction, unit: int, best: Fraction, done: list[Any]) -> None:
        """What is not done of the work, priced in dollars or, where the loss is unknown, counted in accelerators."""
        short = self.model.new_int_var(0, int(asked * unit), "")
        self.model.add(short + sum(done) == int(asked * unit))
        if row.get("usd_lost_per_work_week") is None:
            self.unmet[row["tier"]].append((1 / best / unit, short))
        else:
            self.usd[row["tier"]].append((exact(row.get("usd_lost_per_work_week")) / unit, short))

    def _serving_lies(self, pool: str, week: int, size: int, count: Any) -> None:
        self.in_pool[pool, week].append((Fraction(size), count))
        for number, floor in enumerate(self.document["floors"]):
            if pool in floor["pools"]:
                self.in_floor[number, week].append((Fraction(size), count))

    def _buy_burst(self, week: int, carried: dict[tuple[str, str], list[Any]]) -> None:
        """Burst carries serving of the tier that buys it, and is paid by that tier."""
        for key, pool in self.pools.items():
            burst = pool.get("burst")
            most = burst["accelerators"][week] if burst else 0
            bought = []
            for tier in self.document["tiers"]:
                if most and carried.get((tier, key)) and tier in burst.get("tiers", self.document["tiers"]):
                    amount = self.model.new_int_var(0, most, "")
                    self.model.add(amount <= sum(carried[tier, key]))
                    bought.append(amount)
                    self.usd[tier].append((HOURS * exact(burst["usd_per_accelerator_hour"]), amount))
                    self._serving_lies(key, week, -1, amount)
            if bought:
                self.model.add(sum(bought) <= most)

    # Room and values

    def _limit_room(self) -> None:
        for (pool, week), terms in self.in_pool.items():
            self._at_most(terms, Fraction(self.pools[pool]["allocatable"][week]))
        for (pool, domain, week), terms in self.in_domain.items():
            self._at_most(terms, Fraction(self._domain_supply(pool, domain, week)))
        for (number, week), terms in self.in_floor.items():
            self._at_most(terms, Fraction(self._floor_room(number, week)))

    def _at_most(self, terms: Terms, limit: Fraction) -> None:
        expression, constant, scale = _whole(terms)
        self.model.add(expression + constant <= math.floor(limit * scale))

    def _least(self, terms: Terms, sign: int) -> Fraction:
        """The least of sign × terms, proven."""
        expression, constant, scale = _whole(terms)
        if not any(variable is not None for _, variable in terms):
            return sign * Fraction(constant, scale)
        self.model.minimize(sign * expression)
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = 1
        solver.parameters.random_seed = 7
        status = solver.solve(self.model)
        self.model.clear_objective()
        if status != cp_model.OPTIMAL:
            raise RuntimeError(f"not proven: {solver.status_name(status)}")
        return Fraction(round(solver.objective_value) + sign * constant, scale)

    def _steps(self, tier: str) -> list[tuple[Terms, int]]:
        return [(self.usd[tier], 1), (self.unmet[tier], 1), (self.placed[tier], -1)]

    def values(self) -> list[list[Fraction]]:
        """(dollars, unmet accelerators, minus what is placed) of every tier, each least after the ones before it."""
        found = []
        for tier in self.document["tiers"]:
            row = []
            for terms, sign in self._steps(tier):
                row.append(self._least(terms, sign))
                self._at_most([(sign * amount, variable) for amount, variable in terms], row[-1])
            found.append(row)
        return found

    def values_beside(self, given: list[list[Fraction]]) -> list[list[Fraction]]:
        """The same, each tier's (dollars, minus placed) least while the tiers above are no worse than `given`."""
        found = []
        for tier, row in zip(self.document["tiers"], given, strict=True):
            found.append([self._least(self.usd[tier], 1), Fraction(0), self._least(self.placed[tier], -1)])
            for (terms, sign), value in zip(self._steps(tier), row, strict=True):
                self._at_most([(sign * amount, variable) for amount, variable in terms], value)
        return found


def _whole(terms: Terms) -> tuple[Any, int, int]:
    """(expression, constant, scale): scale × the sum of the terms, in integers."""
    scale = math.lcm(1, *(amount.denominator for amount, _ in terms))
    constant = sum(int(amount * scale) for amount, variable in terms if variable is None)
    expression = sum(int(amount * scale) * variable for amount, variable in terms if variable is not None)
    return expression, constant, scale


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        program = ExactProgram(asked["problem"])
        if asked.get("given") is None:
            found = program.values()
        else:
            found = program.values_beside([[Fraction(value) for value in row] for row in asked["given"]])
        sys.stdout.write(json.dumps([[str(value) for value in row] for row in found]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

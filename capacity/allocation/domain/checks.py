"""Arithmetic that judges a problem before it is solved and a plan after it, by names and numbers alone.

What belongs here: `check_problem` finds contradictions a table could still hold; `check_solution` rebuilds every
balance from the rows of the solution, sharing nothing with the formulation, so that a defect there cannot hide.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

from capacity.allocation.domain.accounts import wrong_accounts, wrong_names, wrong_names_of_prices
from capacity.allocation.domain.problem import (
    MAX_WEEKS,
    Experiment,
    Placement,
    Pool,
    Problem,
    Quantity,
    ServingDemand,
)
from capacity.allocation.domain.problem_references import report_bad_references
from capacity.allocation.domain.reading import Errors, report_repeated
from capacity.allocation.domain.solution import Allocation, Solution
from capacity.allocation.domain.told_rows import wrong_prices
from capacity.lib.horizon import Week

# Work and money of a solution are floats made from exact numbers.
RELATIVE_TOLERANCE = Fraction(1, 10**9)
# The same between two floats, of which a plan has tens of thousands.
NEAR = float(RELATIVE_TOLERANCE)


# Dollars lost per accelerator in one tier, the dearest over the cheapest: a solver weighs them in one row.
MOST_APART = 10**15


class BadProblem(Exception):
    """The problem contradicts itself. sentences: one for each contradiction, with its path."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class PlanInconsistent(Exception):
    """A plan does not balance: a defect of the engine, never of the input. sentences: one for each balance."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def check_problem(problem: Problem) -> None:
    """Raises BadProblem with everything that is wrong: lengths, negative numbers, references, sums of domains."""
    errors = Errors()
    if not 1 <= problem.weeks <= MAX_WEEKS:
        errors.add("$.weeks", f"{problem.weeks} is not between 1 and {MAX_WEEKS}")
    for path, row in _weekly_rows(problem):
        if len(row) != problem.weeks:
            errors.add(path, f"expected {problem.weeks} values, one a week, not {len(row)}")
        elif min(row, default=0) < 0:
            errors.add(path, f"{min(row)} is below 0")
    for path, amount, least in _amounts(problem):
        if amount < least:
            errors.add(path, f"{amount} is below {least}")
    for position, experiment in enumerate(problem.experiments):
        _check_experiment(experiment, f"$.experiments[{position}]", errors)
    for position, demand in enumerate(problem.serving):
        for number, option in enumerate(demand.options):
            if option.work_per_accelerator <= 0 or option.replica_accelerators < 1:
                errors.add(f"$.serving[{position}].options[{number}]", "serves nothing")
    _check_domains(problem, errors)
    report_bad_references(
        tiers=problem.tiers,
        pools=[(f"$.pools[{i}]", row) for i, row in enumerate(problem.pools)],
        floors=[(f"$.floors[{i}]", row) for i, row in enumerate(problem.floors)],
        serving=[(f"$.serving[{i}]", row) for i, row in enumerate(problem.serving)],
        experiments=[(f"$.experiments[{i}]", row) for i, row in enumerate(problem.experiments)],
        with_options=frozenset(
            f"$.experiments[{i}]" for i, row in enumerate(problem.experiments) if len(row.options) > 1
        ),
        errors=errors,
    )
    if not errors:
        report_losses_apart(problem, errors)
    if errors:
        raise BadProblem(errors.lines())


def report_losses_apart(problem: Problem, errors: Errors) -> None:
    """Losses of one tier lie no further apart than a solver can weigh against each other."""
    by_tier: dict[str, list[tuple[Fraction, int]]] = defaultdict(list)
    for i, demand in enumerate(problem.serving):
        if demand.usd_lost_per_work_week and any(demand.work):
            best = max((Fraction(option.work_per_accelerator) for option in demand.options), default=Fraction(1))
            by_tier[demand.tier].append((Fraction(demand.usd_lost_per_work_week) * best, i))
    for tier, rows in by_tier.items():
        (least, low), (most, high) = min(rows), max(rows)
        if most > least * MOST_APART:
            errors.add(
                f"$.serving[{high}].usd_lost_per_work_week",
                f"is {float(most):.3g} dollars per accelerator and week, {problem.serving[low].key} of the same tier "
                f"({tier}) {float(least):.3g}: more than {MOST_APART:.0e} times as much cannot be planned",
            )


def _weekly_rows(problem: Problem) -> Iterable[tuple[str, tuple[Quantity, ...]]]:
    for i, pool in enumerate(problem.pools):
        yield f"$.pools[{i}].allocatable", pool.allocatable
        for j, domain in enumerate(pool.domains):
            yield f"$.pools[{i}].domains[{j}].allocatable", domain.allocatable
        if pool.burst is not None:
            yield f"$.pools[{i}].burst.accelerators", pool.burst.accelerators
    for i, floor in enumerate(problem.floors):
        yield f"$.floors[{i}].accelerators", floor.accelerators
    for i, demand in enumerate(problem.serving):
        yield f"$.serving[{i}].work", demand.work


def _amounts(problem: Problem) -> Iterable[tuple[str, Quantity, int]]:
    """(path, amount, least it may be) of single numbers."""
    for i, pool in enumerate(problem.pools):
        yield f"$.pools[{i}].usd_per_accelerator_hour", pool.usd_per_accelerator_hour, 0
        yield f"$.pools[{i}].node_size", pool.node_size, 1
        if pool.burst is not None:
            yield f"$.pools[{i}].burst.usd_per_accelerator_hour", pool.burst.usd_per_accelerator_hour, 0
    for i, demand in enumerate(problem.serving):
        yield f"$.serving[{i}].usd_lost_per_work_week", demand.usd_lost_per_work_week or 0, 0
        yield f"$.serving[{i}].max_pools", 1 if demand.max_pools is None else demand.max_pools, 1
    for i, experiment in enumerate(problem.experiments):
        yield f"$.experiments[{i}].weight", experiment.weight, 0


def _check_experiment(experiment: Experiment, path: str, errors: Errors) -> None:
    if experiment.latest_start < experiment.earliest_start:
        errors.add(f"{path}.latest_start", "is before earliest_start")
    for number, option in enumerate(experiment.options):
        if option.weeks < 1 or option.accelerators < 0:
            errors.add(f"{path}.options[{number}]", "has no weeks or fewer than 0 accelerators")


def _check_domains(problem: Problem, errors: Errors) -> None:
    """Domains of a pool have keys of their own and sum to its allocatable, where all are as long as the horizon."""
    for i, pool in enumerate(problem.pools):
        keys = [(f"$.pools[{i}].domains[{j}].key", domain.key) for j, domain in enumerate(pool.domains)]
        report_repeated(keys, errors)
        if {len(pool.allocatable), *(len(domain.allocatable) for domain in pool.domains)} != {problem.weeks}:
            continue
        for week in range(problem.weeks):
            total = sum(domain.allocatable[week] for domain in pool.domains)
            if pool.domains and total != pool.allocatable[week]:
                errors.add(f"$.pools[{i}].domains", f"sum to {total} in week {week + 1}, not {pool.allocatable[week]}")
                break


def check_solution(*, problem: Problem, solution: Solution) -> None:
    """Raises PlanInconsistent with every balance of methods, "Allocation program", that the rows do not keep."""
    unknown = wrong_names(problem, solution)
    if unknown:
        raise PlanInconsistent(unknown)
    judge = _Judge(problem, solution)
    judge.check_replicas()
    judge.check_placements()
    judge.check_served()
    judge.check_burst()
    judge.check_capacity()
    judge.check_floors()
    judge.check_accounts()
    judge.wrong += wrong_accounts(problem, solution)
    if judge.wrong:
        raise PlanInconsistent(judge.wrong)


def check_prices(*, problem: Problem, solution: Solution) -> None:
    """Raises PlanInconsistent for what `check_solution` would say of the prices: nothing else it looks at has any."""
    wrong = [*wrong_names_of_prices(problem, solution), *wrong_prices(problem, solution)]
    if wrong:
        raise PlanInconsistent(wrong)


class _Judge:
    """Sums of the solution's rows by name and week, and the balances over them."""

    def __init__(self, problem: Problem, solution: Solution) -> None:
        self.problem, self.solution = problem, solution
        self.wrong: list[str] = []
        self.weeks = list(problem.horizon)
        self.pools: dict[str, Pool] = {pool.key: pool for pool in problem.pools}
        self.experiments: dict[str, Experiment] = {row.key: row for row in problem.experiments}
        self.classes: dict[str, list[ServingDemand]] = defaultdict(list)
        for demand in problem.serving:
            self.classes[demand.class_].append(demand)
        self.serving: dict[tuple[str, Week], int] = defaultdict(int)
        self.burst: dict[tuple[str, Week], int] = {(row.pool, row.week): row.accelerators for row in solution.burst}
        self.running: dict[tuple[str, Week], list[Placement]] = defaultdict(list)
        for row in solution.allocations:
            self.serving[row.pool, row.week] += row.accelerators
        for placement in solution.placements:
            for offset in range(placement.weeks):
                week = placement.start.plus(offset)
                if week in problem.horizon:
                    self.running[placement.pool, week].append(placement)

    def _require(self, holds: bool, sentence: str) -> None:
        if not holds:
            self.wrong.append(sentence)

    def check_replicas(self) -> None:
        """Whole replicas of an option of the class; at most max_pools pools; work within what the replicas can do."""
        spread: dict[tuple[str, Week], set[str]] = defaultdict(set)
        options = {(key, o.pool): o for key, members in self.classes.items() for o in reversed(members[0].options)}
        rates = {at: Fraction(option.work_per_accelerator) for at, option in options.items()}
        for row in self.solution.allocations:
            option = options.get((row.class_, row.pool))
            if option is None:
                self.wrong.append(f"Class {row.class_} is served in {row.pool}, which is not one of its options.")
                continue
            whole = row.accelerators > 0 and row.accelerators % option.replica_accelerators == 0
            self._require(whole, f"Class {row.class_} has {row.accelerators} in {row.pool}: not whole replicas.")
            able = row.accelerators * rates[row.class_, row.pool]
            self._require(_at_most(row.work, able), f"Class {row.class_} does more work in {row.pool} than it can.")
            spread[row.class_, row.week].add(row.pool)
        for (key, week), pools in spread.items():
            limit = self.classes[key][0].max_pools
            self._require(limit is None or len(pools) <= limit, f"Class {key} is in {len(pools)} pools in {week}.")

    def check_placements(self) -> None:
        """One place an experiment, an option of it, inside its window; divisible work within its size."""
        rows: dict[str, list[Placement]] = defaultdict(list)
        for placement in self.solution.placements:
            rows[placement.key].append(placement)
        for key, placed in rows.items():
            experiment = self.experiments.get(key)
            if experiment is None:
                self.wrong.append(f"{key} is placed but was not asked for.")
            elif experiment.pinned is not None:
                self._check_pinned(experiment, placed)
            elif experiment.divisible:
                self._check_divided(experiment, placed)
            else:
                self._check_gang(experiment, placed)
        keys = {row.key for row in self.solution.unplaced}
        self._require(keys == set(self.experiments) - set(rows), "Placed and unplaced are not all the experiments.")

    def _check_pinned(self, experiment: Experiment, placed: list[Placement]) -> None:
        pin = experiment.pinned
        row = placed[0]
        holds = pin is not None and (row.pool, row.domain, row.start) == (pin.pool, pin.domain, pin.start)
        sizes = [(each.accelerators, each.weeks) for each in experiment.options if row.pool in each.pools]
        is_option = (row.accelerators, row.weeks) in sizes
        self._require(holds and is_option and len(placed) == 1, f"{experiment.key} is not where it is pinned.")

    def _check_gang(self, experiment: Experiment, placed: list[Placement]) -> None:
        row = placed[0]
        is_option = any(
            row.pool in option.pools and (row.accelerators, row.weeks) == (option.accelerators, option.weeks)
            for option in experiment.options
        )
        self._require(len(placed) == 1 and is_option, f"{experiment.key} is placed as none of its options.")
        domains = [domain.key for domain in self.pools[row.pool].domains]
        exists = row.domain in domains if domains else row.domain is None
        self._require(exists, f"{experiment.key} is in no domain of {row.pool}.")
        in_window = experiment.earliest_start <= row.start <= experiment.latest_start
        inside = row.start in self.problem.horizon and row.start.plus(row.weeks - 1) in self.problem.horizon
        self._require(in_window and inside, f"{experiment.key} runs outside its window or the horizon.")

    def _check_divided(self, experiment: Experiment, placed: list[Placement]) -> None:
        weekly: dict[Week, int] = defaultdict(int)
        for row in placed:
            for offset in range(row.weeks):
                weekly[row.start.plus(offset)] += row.accelerators
        pools = {row.pool for row in placed}
        fits = any(
            pools <= set(option.pools)
            and max(weekly.values()) <= option.accelerators
            and sum(weekly.values()) <= option.accelerators * option.weeks
            and min(weekly) >= experiment.earliest_start
            and max(weekly) <= experiment.latest_start.plus(option.weeks - 1)
            for option in experiment.options
        )
        whole = all(row.domain is None and row.accelerators > 0 for row in placed)
        inside = all(week in self.problem.horizon for week in weekly)
        self._require(fits and whole and inside, f"{experiment.key} gets more than it may.")

    def check_served(self) -> None:
        """Served plus unmet is the work asked; a class serves no more than its replicas can."""
        unmet = {(row.key, row.week): row.work for row in self.solution.capacity_shortfalls}
        done = {(row.key, row.week): row.work for row in self.solution.served}
        able: dict[tuple[str, Week], list[float]] = defaultdict(list)
        for row in self.solution.allocations:
            able[row.class_, row.week].append(row.work)
        total: dict[tuple[str, Week], list[float]] = defaultdict(list)
        for demand in self.problem.serving:
            for week, asked in zip(self.weeks, demand.work, strict=True):
                there, short = done.get((demand.key, week), 0.0), unmet.get((demand.key, week), 0.0)
                total[demand.class_, week].append(there)
                if there < 0 or short < 0 or not _equal(there + short, float(asked)):
                    self.wrong.append(f"{demand.key} is served and short by other than its work in {week}.")
        for at, work in total.items():
            # Sums of many rows: exact to the last bit, so that only what the rows say can differ.
            if not _equal(math.fsum(work), math.fsum(able[at])):
                self.wrong.append(f"Class {at[0]} serves other than its replicas' work in {at[1]}.")

    def check_burst(self) -> None:
        """Burst within what can be bought, and carried by serving of the tiers that may buy it."""
        lying: dict[tuple[str, Week], list[Allocation]] = defaultdict(list)
        for row in self.solution.allocations if any(self.burst.values()) else ():
            lying[row.pool, row.week].append(row)
        for (key, week), bought in self.burst.items():
            burst = self.pools[key].burst
            limit = burst.accelerators[self.problem.horizon.index(week)] if burst is not None else 0
            self._require(0 <= bought <= limit, f"{key} buys {bought} of burst in {week}, of {limit}.")
            tiers = None if burst is None else burst.tiers
            carried = sum(self._carried(row, tiers) for row in lying[key, week]) if bought else 0
            self._require(bought <= carried, f"{key} buys {bought} of burst in {week} for {carried} of serving.")

    def _carried(self, row: Allocation, tiers: tuple[str, ...] | None) -> int:
        """Accelerators of the row's replicas that work of the tiers could keep busy."""
        position = self.problem.horizon.index(row.week)
        members = self.classes[row.class_]
        work = sum(Fraction(each.work[position]) for each in members if tiers is None or each.tier in tiers)
        option = next((option for option in members[0].options if option.pool == row.pool), None) if members else None
        if option is None:
            return 0
        size = option.replica_accelerators
        return min(row.accelerators, math.ceil(work / (size * Fraction(option.work_per_accelerator))) * size)

    def check_capacity(self) -> None:
        """Serving and experiments within allocatable plus burst; gangs of a domain within the domain."""
        for key, pool in self.pools.items():
            for position, week in enumerate(self.weeks):
                rows = self.running[key, week]
                used = self.serving[key, week] + sum(row.accelerators for row in rows)
                supply = pool.allocatable[position] + self.burst.get((key, week), 0)
                self._require(used <= supply, f"{key} holds {used} of {supply} in {week}.")
                for domain in pool.domains:
                    inside = sum(row.accelerators for row in rows if row.domain == domain.key)
                    enough = inside <= domain.allocatable[position]
                    self._require(enough, f"Domain {domain.key} of {key} holds {inside} in {week}.")

    def check_floors(self) -> None:
        """What counts against a floor leaves min(F, allocatable) of its pools."""
        for floor in self.problem.floors:
            for position, week in enumerate(self.weeks):
                supply = sum(self.pools[key].allocatable[position] for key in floor.pools)
                kept = min(floor.accelerators[position], supply)
                used = 0
                for key in floor.pools:
                    used += self.serving[key, week] - self.burst.get((key, week), 0)
                    for row in self.running[key, week]:
                        experiment = self.experiments.get(row.key)
                        used += row.accelerators if experiment is None or floor.counts(experiment) else 0
                self._require(kept == 0 or used <= supply - kept, f"Floor {floor.key} is entered in {week}.")

    def check_accounts(self) -> None:
        """Idle is what is left of each pool, and never negative."""
        for row in self.solution.idle:
            position = self.problem.horizon.index(row.week)
            used = self.serving[row.pool, row.week] - self.burst.get((row.pool, row.week), 0)
            used += sum(placement.accelerators for placement in self.running[row.pool, row.week])
            left = self.pools[row.pool].allocatable[position] - used
            holds = row.accelerators == left and 0 <= row.of_which_floor <= row.accelerators
            self._require(holds, f"{row.pool} tells {row.accelerators} idle in {row.week}, but {left} are left.")


def _at_most(value: float | Fraction, limit: Fraction) -> bool:
    # A float is nearer to its number than the tolerance, and mostly tells without fractions.
    return value <= float(limit) or Fraction(value) <= limit + abs(limit) * RELATIVE_TOLERANCE


def _equal(value: float, other: float) -> bool:
    return abs(value - other) <= max(abs(value), abs(other)) * NEAR

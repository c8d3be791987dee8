"""The packing program: which gangs start where and how divisible work is spread, in whole numbers.

What belongs here: its variables, its rows of domains, pools, floors and of the room that serving can leave, and the
cuts added when serving turns out to need more (methods: Packing). It relaxes the whole problem: its value is a bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor, lcm
from typing import Protocol

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.cp_sat import maximise
from capacity.allocation.domain.integer_program import Effort, IntegerProgram, Objective
from capacity.allocation.domain.packing import column_size
from capacity.allocation.domain.plan import ExperimentUse, Plan

Terms = list[tuple[int, int]]


class EmbeddedWeek(Protocol):
    """A week of serving whose variables are in the program (`embedded_week`)."""

    @property
    def week(self) -> int: ...

    def point(self, plan: Plan) -> dict[int, int]:
        """The plan's serving of the week as values of the variables."""
        ...

    def serving(self, values: Sequence[int]) -> Plan:
        """The week's serving in a solution of the program."""
        ...


# Weights with a larger common denominator, and values that add up to more, are rounded so that a bound stays a bound.
MOST_SCALE = 10**6
# All whole numbers up to here are told apart by the solver, which reckons its objective in doubles.
MOST_VALUE = 2**53


class PackingProgram:
    """All free experiments around the pinned ones. Tiers are admitted one after another; a tier once settled keeps
    its value. `bound_of` is in weighted accelerator-weeks of free experiments."""

    def __init__(self, arrays: Arrays, *, pinned: Plan, free: Sequence[int]) -> None:
        self.arrays, self.pinned = arrays, pinned
        self.held = ExperimentUse.of(arrays, pinned)
        self.program = IntegerProgram()
        self.starts: dict[Column, int] = {}
        self.divided: dict[tuple[int, int, int, int], int] = {}
        self.choice: dict[tuple[int, int], int] = {}
        self._uppers: dict[int, int] = {}
        self._tier_of: list[int] = []
        self._define_variables(free)
        self.scale = self._value_scale(free)
        self._by_pool = self._used_by_pool()
        self._by_floor = self._used_by_floor()
        self._define_limits(free)
        self._values = {tier: self._value_terms(tier) for tier in arrays.experiment_tiers}
        self._settled: dict[int, int] = {}
        self._embedded: dict[int, EmbeddedWeek] = {}

    def copy(self) -> PackingProgram:
        """The same program, to be taught apart."""
        other = copy(self)
        program = self.program
        other.program = IntegerProgram(
            list(program.lower), list(program.upper), list(program.rows), list(program.at_most_one)
        )
        other._tier_of, other._settled = list(self._tier_of), dict(self._settled)
        other._embedded = dict(self._embedded)
        return other

    # Variables

    def _add(self, tier: int, upper: int) -> int:
        self._tier_of.append(tier)
        return self.program.add_variable(upper=upper)

    def _define_variables(self, free: Sequence[int]) -> None:
        """z[e,q,s] ∈ {0,1} where it fits around pinned work; y[e,o,p,t] whole accelerators; w[e,o] ∈ {0,1}."""
        arrays = self.arrays
        for e in free:
            row = arrays.experiments[e]
            if not row.divisible:
                for column in row.columns:
                    if self.held.fits(column):
                        self.starts[column] = self._add(row.tier, 1)
                continue
            options = arrays.problem.experiments[e].options
            latest = arrays.problem.first_week.weeks_until(arrays.problem.experiments[e].latest_start)
            for o, option in enumerate(options):
                if len(options) > 1:
                    self.choice[e, o] = self._add(row.tier, 1)
                for week in range(row.span[0], min(latest + option.weeks, arrays.weeks)):
                    for pool in (arrays.pool_index[key] for key in option.pools):
                        most = min(option.accelerators, self.held.pool_free(pool, week))
                        if most > 0:
                            self.divided[e, o, pool, week] = self._add(row.tier, most)

    def _used_by_pool(self) -> dict[tuple[int, int], Terms]:
        used: dict[tuple[int, int], Terms] = {}
        for column, variable in self.starts.items():
            for week in range(column.first, column.last):
                used.setdefault((column.pool, week), []).append((variable, column.accelerators))
        for (_, _, pool, week), variable in self.divided.items():
            used.setdefault((pool, week), []).append((variable, 1))
        return used

    def _used_by_floor(self) -> dict[tuple[int, int], Terms]:
        """What counts against a floor: not model development, and not what the floor is lent to."""
        used: dict[tuple[int, int], Terms] = {}
        for column, variable in self.starts.items():
            for f in self.arrays.floors_counting(column.experiment, column.pool):
                for week in range(column.first, column.last):
                    used.setdefault((f, week), []).append((variable, column.accelerators))
        for (e, _, pool, week), variable in self.divided.items():
            for f in self.arrays.floors_counting(e, pool):
                used.setdefault((f, week), []).append((variable, 1))
        return used

    # Rows

    def _define_limits(self, free: Sequence[int]) -> None:
        arrays, program = self.arrays, self.program
        starts: dict[int, list[int]] = {}
        domains: dict[tuple[int, int], Terms] = {}
        for column, variable in self.starts.items():
            starts.setdefault(column.experiment, []).append(variable)
            if arrays.domains[column.domain].key is not None:
                for week in range(column.first, column.last):
                    domains.setdefault((column.domain, week), []).append((variable, column.accelerators))
        program.at_most_one.extend(variables for variables in starts.values() if len(variables) > 1)
        for (q, week), terms in domains.items():
            program.add_row(terms, upper=self.held.domain_free(q, week))
        for (pool, week), terms in self._by_pool.items():
            program.add_row(terms, upper=self.held.pool_free(pool, week))
        for (f, week), terms in self._by_floor.items():
            if arrays.floors[f].kept[week]:
                program.add_row(terms, upper=self.held.floor_free(f, week))
        self._define_divided_limits(free)

    def _define_divided_limits(self, free: Sequence[int]) -> None:
        """Σ_p y[e,o,p,t] ≤ n_o·w[e,o] each week, Σ_{p,t} y ≤ n_o·weeks_o·w[e,o], Σ_o w[e,o] ≤ 1."""
        weekly: dict[tuple[int, int, int], Terms] = {}
        whole: dict[tuple[int, int], Terms] = {}
        choices: dict[int, list[int]] = {}
        for (e, o, _, week), variable in self.divided.items():
            weekly.setdefault((e, o, week), []).append((variable, 1))
            whole.setdefault((e, o), []).append((variable, 1))
        for (e, o, _), terms in weekly.items():
            self._limit_chosen(e, o, terms, self.arrays.problem.experiments[e].options[o].accelerators)
        for (e, o), terms in whole.items():
            option = self.arrays.problem.experiments[e].options[o]
            self._limit_chosen(e, o, terms, option.accelerators * option.weeks)
        for (e, _), variable in self.choice.items():
            choices.setdefault(e, []).append(variable)
        self.program.at_most_one.extend(choices.values())

    def _limit_chosen(self, e: int, o: int, terms: Terms, limit: int) -> None:
        choice = self.choice.get((e, o))
        if choice is None:
            self.program.add_row(terms, upper=limit)
        else:
            self.program.add_row([*terms, (choice, -limit)], upper=0)

    def limit(self, week: int, *, pools: Mapping[int, int], floors: Mapping[int, int], upper: int) -> bool:
        """A cut: Σ_p pools[p]·(placed in p) + Σ_f floors[f]·(counted against f) ≤ upper in the week.

        Returns False when it can cut nothing off.
        """
        terms: dict[int, int] = {}
        for pool, factor in pools.items():
            for variable, amount in self._by_pool.get((pool, week), ()):
                terms[variable] = terms.get(variable, 0) + factor * amount
        for f, factor in floors.items():
            for variable, amount in self._by_floor.get((f, week), ()):
                terms[variable] = terms.get(variable, 0) + factor * amount
        before = len(self.program.rows)
        self.program.add_row(sorted(terms.items()), upper=upper)
        return len(self.program.rows) > before

    def in_pool(self, pool: int, week: int) -> Terms:
        """(variable, accelerators) of all that may run in the pool in the week."""
        return self._by_pool.get((pool, week), [])

    def counted_by_floor(self, f: int, week: int) -> Terms:
        return self._by_floor.get((f, week), [])

    # Values

    def _value_scale(self, free: Sequence[int]) -> Fraction:
        """What weights are multiplied by to be whole: their common denominator, or less where that is too much."""
        experiments = self.arrays.experiments
        scale = Fraction(min(MOST_SCALE, lcm(*(experiments[e].weight.denominator for e in free), 1)))
        sizes: dict[int, int] = {}
        for column in self.starts:
            sizes[column.experiment] = sizes.get(column.experiment, 0) + column_size(column)
        for key, variable in self.divided.items():
            sizes[key[0]] = sizes.get(key[0], 0) + self.program.upper[variable]
        most = sum((experiments[e].weight * size for e, size in sizes.items()), Fraction(0))
        return min(scale, MOST_VALUE / most) if most else scale

    def _value_terms(self, tier: int) -> dict[int, int]:
        experiments = self.arrays.experiments
        values: dict[int, int] = {}
        weights = {e: ceil(row.weight * self.scale) for e, row in enumerate(experiments) if row.tier == tier}
        for column, variable in self.starts.items():
            if column.experiment in weights:
                values[variable] = weights[column.experiment] * column_size(column)
        for (e, _, _, _), variable in self.divided.items():
            if e in weights:
                values[variable] = weights[e]
        return {variable: value for variable, value in values.items() if value}

    def settle(self, tier: int, value: Fraction) -> None:
        """From now on the tier's free experiments are worth at least `value`."""
        self._settled[tier] = floor(value * self.scale)

    def best(self, tier: int, *, start: Plan, effort: Effort, alone: bool = False) -> Packed:
        """The tier's most valuable packing with the settled tiers kept and lower tiers left out.

        alone: the tiers above stay where `start` has them; then `most` bounds nothing else.
        """
        return self._solve(self._values.get(tier, {}), tier, start=start, effort=effort, alone=alone)

    def most_kept(self, wanted: Sequence[Column], *, tier: int, start: Plan, effort: Effort) -> Packed:
        """All settled tiers kept, as many of `wanted` placements as possible."""
        return self._solve({self.starts[c]: 1 for c in wanted if c in self.starts}, tier, start=start, effort=effort)

    def _solve(self, objective: Objective, tier: int, *, start: Plan, effort: Effort, alone: bool = False) -> Packed:
        program = IntegerProgram(
            lower=self.program.lower,
            upper=[
                upper if of_tier <= tier else 0
                for upper, of_tier in zip(self.program.upper, self._tier_of, strict=True)
            ],
            rows=list(self.program.rows),
            at_most_one=self.program.at_most_one,
        )
        point = self._point(start)
        if alone:
            program.lower = list(program.lower)
            for variable, of_tier in enumerate(self._tier_of):
                if 0 <= of_tier < tier:
                    program.lower[variable] = program.upper[variable] = point[variable]
        for settled, value in self._settled.items():
            program.add_row(sorted(self._values[settled].items()), lower=value)
        found = maximise(program, objective, effort=effort, start=point)
        if found is None:
            return Packed(plan=None, most=Fraction(0), is_optimal=False, spent=0.0)
        plan = None if found.values is None else self._plan(found.values, start)
        return Packed(plan=plan, most=found.bound / self.scale, is_optimal=found.is_optimal, spent=found.spent)

    def add_serving_variable(self, upper: int) -> int:
        """A variable of an embedded week of serving, present whatever tiers are admitted."""
        return self._add(-1, upper)

    @property
    def has_whole_weeks(self) -> bool:
        return bool(self._embedded)

    def note_embedded(self, embedded: EmbeddedWeek) -> None:
        """The week's serving is decided here from now on."""
        self._embedded[embedded.week] = embedded

    def _point(self, plan: Plan) -> dict[int, int]:
        """Values of the variables that the plan decides; those of unmet work in embedded weeks are left open."""
        point = dict.fromkeys([*self.starts.values(), *self.divided.values(), *self.choice.values()], 0)
        for column in plan.gangs.values():
            if column in self.starts:
                point[self.starts[column]] = 1
        for key, accelerators in plan.divided.items():
            if key in self.divided:
                point[self.divided[key]] = accelerators
                if key[:2] in self.choice:
                    point[self.choice[key[:2]]] = 1
        for embedded in self._embedded.values():
            point |= embedded.point(plan)
        return point

    def _plan(self, values: Sequence[int], start: Plan) -> Plan:
        """Placements as found; serving as in `start` but for the weeks decided here."""
        gangs = {column.experiment: column for column, variable in self.starts.items() if values[variable]}
        divided = {key: values[variable] for key, variable in self.divided.items() if values[variable]}
        plan = start.with_experiments(gangs=self.pinned.gangs | gangs, divided=self.pinned.divided | divided)
        for week, embedded in self._embedded.items():
            plan = plan.with_serving(embedded.serving(values), weeks=[week])
        return plan


@dataclass(frozen=True, slots=True)
class Packed:
    """plan: placements found (None: none). most: no plan's tier is worth more, weighted accelerator-weeks.

    spent: deterministic units of search.
    """

    plan: Plan | None
    most: Fraction
    is_optimal: bool
    spent: float

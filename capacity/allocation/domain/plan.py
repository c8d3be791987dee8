"""A whole-number plan under way: replicas, burst and placements, and what they are worth, exactly.

What belongs here: the decisions of a plan by position, the room they leave, and exact tier values recomputed from
them alone (fractions, never the solver's floats). How decisions are found is the engine's; rows are `results`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.serving_numbers import Exact

ZERO = Fraction(0)
# Where a plan keeps the sums of its serving, and which of its rows are whose week's.
_SERVING, _ROWS = "_serving", "_rows"

# Of one week: keys of replicas, keys of burst.
Rows = tuple[list[tuple[int, int, int, int]], list[tuple[int, int, int]]]


@dataclass(frozen=True)
class Plan:
    """Decisions by position.

    replicas[class, tier, option, week], burst[tier, pool, week], gangs[experiment],
    divided[experiment, option, pool, week]. Absent means none.
    """

    replicas: dict[tuple[int, int, int, int], int] = field(default_factory=dict)
    burst: dict[tuple[int, int, int], int] = field(default_factory=dict)
    gangs: dict[int, Column] = field(default_factory=dict)
    divided: dict[tuple[int, int, int, int], int] = field(default_factory=dict)

    def with_serving(self, other: Plan, *, weeks: Iterable[int]) -> Plan:
        """This plan with the serving and burst of `other` in `weeks`."""
        those = set(weeks)
        mine_by_week, theirs_by_week = self._rows_by_week(), other._rows_by_week()
        replicas, burst = self.replicas.copy(), self.burst.copy()
        for week in those & mine_by_week.keys():
            for key in mine_by_week[week][0]:
                del replicas[key]
            for bought in mine_by_week[week][1]:
                del burst[bought]
        is_all = theirs_by_week.keys() <= those
        replicas.update(other.replicas if is_all else {k: n for k, n in other.replicas.items() if k[3] in those})
        burst.update(other.burst if is_all else {k: n for k, n in other.burst.items() if k[2] in those})
        found = replace(self, replicas=replicas, burst=burst)
        rows = {week: keys for week, keys in mine_by_week.items() if week not in those}
        found.__dict__[_ROWS] = rows | {week: keys for week, keys in theirs_by_week.items() if week in those}
        mine, theirs = self.__dict__.get(_SERVING), other.__dict__.get(_SERVING)
        if mine is not None and theirs is not None:
            found.__dict__[_SERVING] = [
                (theirs if week in those else mine)[week] for week in range(min(len(mine), len(theirs)))
            ]
        return found

    def _rows_by_week(self) -> dict[int, Rows]:
        """Keys of replicas and of burst of every week that has any. Made once: a plan's serving does not change."""
        found: dict[int, Rows] | None = self.__dict__.get(_ROWS)
        if found is None:
            found = {}
            for key in self.replicas:
                found.setdefault(key[3], ([], []))[0].append(key)
            for bought in self.burst:
                found.setdefault(bought[2], ([], []))[1].append(bought)
            self.__dict__[_ROWS] = found
        return found

    def with_experiments(
        self, *, gangs: dict[int, Column] | None = None, divided: dict[tuple[int, int, int, int], int] | None = None
    ) -> Plan:
        """This plan with other placements and the same serving, whose sums are not made again."""
        found = Plan(
            self.replicas,
            self.burst,
            self.gangs if gangs is None else gangs,
            self.divided if divided is None else divided,
        )
        for known in {_SERVING, _ROWS} & self.__dict__.keys():
            found.__dict__[known] = self.__dict__[known]
        return found

    def serving_accelerators(self, arrays: Arrays) -> Sequence[Mapping[int, int]]:
        """Of every week, accelerators of serving less burst by pool. Made once: a plan's serving does not change."""
        found = self.__dict__.get(_SERVING)
        if found is None:
            found = [{} for _ in range(arrays.weeks)]
            for (c, _, o, week), count in self.replicas.items():
                option = arrays.classes[c].options[o]
                found[week][option.pool] = found[week].get(option.pool, 0) + count * option.replica
            for (_, pool, week), bought in self.burst.items():
                found[week][pool] = found[week].get(pool, 0) - bought
            self.__dict__[_SERVING] = found
        sums: Sequence[Mapping[int, int]] = found
        return sums


class ExperimentUse:
    """What placed experiments use of pools, domains and floors, by week; serving is not in it."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self._pool = [list(row) for row in arrays.supply]
        self._domain = [list(row.supply) for row in arrays.domains]
        self._floor = [[arrays.floor_room(f, week) for week in range(arrays.weeks)] for f in range(len(arrays.floors))]

    @classmethod
    def of(cls, arrays: Arrays, plan: Plan, *, leave_out: frozenset[int] = frozenset()) -> ExperimentUse:
        use = cls(arrays)
        for e, column in plan.gangs.items():
            if e not in leave_out:
                use.add(column)
        for (e, _, pool, week), accelerators in plan.divided.items():
            if e not in leave_out:
                use.add_divided(e, pool, week, accelerators)
        return use

    def copy(self) -> ExperimentUse:
        """The same use, to be changed apart."""
        other = ExperimentUse(self.arrays)
        other._pool = [list(row) for row in self._pool]
        other._domain = [list(row) for row in self._domain]
        other._floor = [list(row) for row in self._floor]
        return other

    def add(self, column: Column, sign: int = 1) -> None:
        floors = self.arrays.floors_counting(column.experiment, column.pool)
        amount = sign * column.accelerators
        for week in range(column.first, column.last):
            self._pool[column.pool][week] -= amount
            self._domain[column.domain][week] -= amount
            for f in floors:
                self._floor[f][week] -= amount

    def add_divided(self, e: int, pool: int, week: int, accelerators: int) -> None:
        self._pool[pool][week] -= accelerators
        if len(self.arrays.domains_of[pool]) == 1 and self.arrays.domains[self.arrays.domains_of[pool][0]].key is None:
            self._domain[self.arrays.domains_of[pool][0]][week] -= accelerators
        for f in self.arrays.floors_counting(e, pool):
            self._floor[f][week] -= accelerators

    def add_serving(self, plan: Plan, *, sign: int = 1, weeks: Iterable[int] | None = None) -> None:
        """Counts the plan's serving less its burst against pools and floors too, of some weeks or of all."""
        floors = [
            [f for f, floor in enumerate(self.arrays.floors) if pool in floor.pools] for pool in range(len(self._pool))
        ]
        sums = plan.serving_accelerators(self.arrays)
        for week in range(self.arrays.weeks) if weeks is None else weeks:
            for pool, amount in sums[week].items():
                self._pool[pool][week] -= sign * amount
                for f in floors[pool]:
                    self._floor[f][week] -= sign * amount

    def pool_free(self, pool: int, week: int) -> int:
        return self._pool[pool][week]

    def domain_free(self, domain: int, week: int) -> int:
        return self._domain[domain][week]

    def floor_free(self, floor: int, week: int) -> int:
        return self._floor[floor][week]

    def is_overdrawn(self, week: int) -> bool:
        """More is used than a pool, or what a floor leaves, has."""
        return any(row[week] < 0 for row in self._pool) or any(row[week] < 0 for row in self._floor)

    def free_for(self, column: Column, week: int) -> int:
        """The most accelerators the experiment could have in the column's domain in one week."""
        free = min(self._pool[column.pool][week], self._domain[column.domain][week])
        for f in self.arrays.floors_counting(column.experiment, column.pool):
            free = min(free, self._floor[f][week])
        return free

    def fits(self, column: Column) -> bool:
        return all(self.free_for(column, week) >= column.accelerators for week in range(column.first, column.last))


def served_by_week(arrays: Arrays, plan: Plan, *, weeks: Iterable[int] | None = None) -> Iterator[tuple[int, Exact]]:
    """(week, work served of every demand in the order of `arrays.numbers`, at its scale).

    Tier by tier, the dearest first, then key; a tier is served from its own replicas and from what the rounding of
    the tiers above it left over.
    """
    numbers = arrays.numbers
    those = list(range(arrays.weeks) if weeks is None else weeks)
    groups = numbers.group_at
    capacity = {week: np.zeros(len(numbers.starts), dtype=numbers.work.dtype) for week in those}
    for (c, tier, o, week), count in plan.replicas.items():
        if week in capacity:
            capacity[week][groups[c, tier]] += count * numbers.option_work[c][o]
    for week in those:
        yield week, numbers.served(week, capacity[week])


def served_work(arrays: Arrays, plan: Plan, *, weeks: Iterable[int] | None = None) -> dict[tuple[int, int], Fraction]:
    """Work served by (demand, week), in accelerators at the best rate; see `served_by_week`."""
    numbers = arrays.numbers
    rates = [numbers.scale * numbers.best_rates[c] for c in numbers.group_class[numbers.group_of].tolist()]
    units = [(rate.numerator, rate.denominator) for rate in rates]
    served: dict[tuple[int, int], Fraction] = {}
    for week, row in served_by_week(arrays, plan, weeks=weeks):
        for d, amount, (numerator, denominator) in zip(numbers.order.tolist(), row.tolist(), units, strict=True):
            served[d, week] = Fraction(amount * denominator, numerator) if amount else ZERO
    return served


@dataclass(frozen=True, slots=True)
class TierValue:
    """Serving: dollars and unmet accelerators, both to be small. Experiments: dollars 0, placed to be large."""

    usd: Fraction = ZERO
    unmet: Fraction = ZERO
    placed: Fraction = ZERO

    def is_worse_than(self, other: TierValue) -> bool:
        return (self.usd, self.unmet, -self.placed) > (other.usd, other.unmet, -other.placed)


def tier_values(arrays: Arrays, plan: Plan, *, weeks: Iterable[int] | None = None) -> tuple[TierValue, ...]:
    """Exact value of every tier of the plan, in tier order. weeks: serving of those weeks only."""
    usd = [ZERO] * len(arrays.tiers)
    unmet = [ZERO] * len(arrays.tiers)
    placed = placed_values(arrays, plan)
    for week, row in served_by_week(arrays, plan, weeks=weeks):
        for tier, (lost, unknown) in arrays.numbers.lost(arrays.numbers.work[week] - row).items():
            usd[tier] += lost
            unmet[tier] += unknown
    for (tier, pool, _), bought in plan.burst.items():
        burst = arrays.burst[pool]
        usd[tier] += bought * (burst.usd_per_week if burst is not None else ZERO)
    return tuple(TierValue(*row) for row in zip(usd, unmet, placed, strict=True))


def placed_values(arrays: Arrays, plan: Plan) -> list[Fraction]:
    """Weighted accelerator-weeks placed, of every tier in tier order."""
    placed = [ZERO] * len(arrays.tiers)
    for e, column in plan.gangs.items():
        row = arrays.experiments[e]
        placed[row.tier] += row.weight * column.accelerators * (column.last - column.first)
    for (e, _, _, _), accelerators in plan.divided.items():
        placed[arrays.experiments[e].tier] += arrays.experiments[e].weight * accelerators
    return placed

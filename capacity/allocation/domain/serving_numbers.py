"""Work and money of serving as one table of exact numbers, quick to sum over many demands and weeks.

What belongs here: a scale at which all work is whole (or fractions where there is none), the order of service, and
what given replicas serve. Nothing here decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain.problem import Quantity

# Elements are int64, or Fraction where no small scale makes everything whole.
Exact = NDArray[Any]
Positions = NDArray[np.intp]
# Sums of what a class can need and hold stay far below 2**63.
SAFE = 2**52
MOST_SCALE = 10**12


@dataclass(frozen=True, eq=False)
class ServingNumbers:
    """Demands in the order they are served: by class, tier, the dearest first.

    order[i]: position of the i-th among the problem's demands. work[week, i] and option_work[class][option] (of one
    replica) are × scale. usd[i]: dollars lost per unit of work × usd_scale, 0 where unknown.
    groups: demands of one class and tier follow one another; group g begins at starts[g].
    """

    order: Positions
    group_of: Positions
    work: Exact
    scale: int
    usd: Exact
    usd_scale: int
    is_unknown: NDArray[np.bool_]
    starts: Positions
    group_class: Positions
    group_tier: Positions
    option_work: tuple[tuple[Any, ...], ...]
    best_rates: tuple[Fraction, ...]

    @cached_property
    def group_at(self) -> dict[tuple[int, int], int]:
        """Group by (class, tier)."""
        pairs = zip(self.group_class.tolist(), self.group_tier.tolist(), strict=True)
        return {pair: g for g, pair in enumerate(pairs)}

    def groups_by_class(self, classes: int) -> list[list[tuple[int, int, int]]]:
        """Per class, (tier, first, after the last position in order) of its groups."""
        found: list[list[tuple[int, int, int]]] = [[] for _ in range(classes)]
        ends = [*self.starts.tolist(), len(self.order)][1:]
        for c, tier, first, last in zip(self.group_class, self.group_tier, self.starts, ends, strict=True):
            found[c].append((int(tier), int(first), int(last)))
        return found

    def group_work(self, week: int) -> Exact:
        """Work of every class and tier in one week."""
        row: Exact = self.work[week]
        return _sums(row, self.starts)

    def served(self, week: int, capacity: Exact) -> Exact:
        """Work served of each demand, in order. capacity[g]: work that the replicas of group g's tier can do.

        A tier is served from its own replicas and from what the rounding of the tiers above it left over.
        """
        work: Exact = self.work[week]
        if not len(work):
            return work
        needed = self.group_work(week)
        room = np.zeros_like(needed)
        left = np.zeros_like(needed[:1])[0]
        rooms, before = list(capacity), -1
        for g, (c, own, want) in enumerate(zip(self.group_class.tolist(), rooms, needed.tolist(), strict=True)):
            have = (left if c == before else 0) + own
            room[g] = have
            left, before = max(have - want, 0), c
        group = self.group_of
        ahead = np.cumsum(work)
        ahead = ahead - work - (ahead - work)[self.starts][group]
        return np.asarray(np.minimum(np.maximum(room[group] - ahead, 0), work))

    def lost(self, short: Exact) -> dict[int, tuple[Fraction, Fraction]]:
        """Of unmet work `short`, in order: by tier, dollars lost, and accelerators at the best rate of unknown loss."""
        found: dict[int, tuple[Fraction, Fraction]] = {}
        there = np.flatnonzero(short)
        for i, amount in zip(there.tolist(), short[there].tolist(), strict=True):
            group = self.group_of[i]
            usd, unmet = found.get(int(self.group_tier[group]), (Fraction(0), Fraction(0)))
            if self.is_unknown[i]:
                unmet += Fraction(amount) / (self.scale * self.best_rates[self.group_class[group]])
            else:
                usd += Fraction(self.usd[i] * amount)
            found[int(self.group_tier[group])] = usd, unmet
        money = self.usd_scale * self.scale
        return {tier: (usd / money, unmet) for tier, (usd, unmet) in found.items()}


class WorkOfDemand(Sequence[Fraction]):
    """Weekly work of one demand in accelerators at its class's best rate, made exact when it is looked at."""

    __slots__ = ("_best", "_column", "_numbers")

    def __init__(self, numbers: ServingNumbers, column: int, best_rate: Fraction) -> None:
        self._numbers, self._column, self._best = numbers, column, best_rate * numbers.scale

    def __len__(self) -> int:
        return len(self._numbers.work)

    def __getitem__(self, week: Any) -> Any:
        if isinstance(week, slice):
            return tuple(self[each] for each in range(*week.indices(len(self))))
        return _fraction(self._numbers.work[week, self._column]) / self._best


class WorkByTier(Sequence[tuple[tuple[int, Fraction], ...]]):
    """Per week, (tier, work of a class in it) where there is any, in tier order; accelerators at the best rate."""

    __slots__ = ("_best", "_groups", "_numbers")

    def __init__(self, numbers: ServingNumbers, groups: Sequence[tuple[int, int, int]], best_rate: Fraction) -> None:
        """groups: (tier, first column, column after the last)."""
        self._numbers, self._groups, self._best = numbers, groups, best_rate * numbers.scale

    def __len__(self) -> int:
        return len(self._numbers.work)

    def __getitem__(self, week: Any) -> Any:
        row = self._numbers.work[week]
        sums = ((tier, _fraction(row[first:last].sum())) for tier, first, last in self._groups)
        return tuple((tier, total / self._best) for tier, total in sums if total)


def serving_numbers(
    *,
    order: Sequence[int],
    classes: Sequence[int],
    tiers: Sequence[int],
    work: Sequence[Sequence[Quantity]],
    usd: Sequence[Quantity | None],
    option_work: Sequence[Sequence[Quantity]],
    best_rates: Sequence[Fraction],
    weeks: int,
) -> ServingNumbers:
    """The table. order, classes, tiers, work and usd are parallel, in the order of service; see ServingNumbers."""
    scale = _common_denominator([*(value for row in work for value in row), *(v for row in option_work for v in row)])
    usd_scale = _common_denominator(value for value in usd if value is not None)
    is_small = scale <= MOST_SCALE and usd_scale <= MOST_SCALE
    table: Exact = np.zeros((weeks, len(order)), dtype=np.int64 if is_small else object)
    replicas = [[_times(value, scale) if is_small else Fraction(value) for value in row] for row in option_work]
    if is_small:
        rows = [[_times(value, scale) for value in row] for row in work]
        most = max((max(row, default=0) for row in rows), default=0) * max(1, len(rows))
        is_small = max(most, max((max(row, default=0) for row in replicas), default=0)) < SAFE
    if is_small:
        table[:] = np.array(rows, dtype=np.int64).reshape(len(order), weeks).T
    else:
        scale, usd_scale = 1, 1
        table = np.empty((weeks, len(order)), dtype=object)
        for column, values in enumerate(work):
            table[:, column] = [Fraction(value) for value in values]
        replicas = [[Fraction(value) for value in row] for row in option_work]
    heads = [i for i in range(len(order)) if i == 0 or (classes[i], tiers[i]) != (classes[i - 1], tiers[i - 1])]
    money = [0 if value is None else _times(value, usd_scale) if is_small else Fraction(value) for value in usd]
    return ServingNumbers(
        order=np.array(order, dtype=np.intp),
        work=table,
        scale=scale,
        usd=np.array(money, dtype=object),
        usd_scale=usd_scale,
        is_unknown=np.array([value is None for value in usd], dtype=bool),
        group_of=np.cumsum(np.isin(np.arange(len(order)), heads)) - 1,
        starts=np.array(heads, dtype=np.intp),
        group_class=np.array([classes[i] for i in heads], dtype=np.intp),
        group_tier=np.array([tiers[i] for i in heads], dtype=np.intp),
        option_work=tuple(tuple(row) for row in replicas),
        best_rates=tuple(best_rates),
    )


def _sums(values: Exact, starts: Positions) -> Exact:
    return np.asarray(np.add.reduceat(values, starts)) if len(values) else values


def _fraction(value: Any) -> Fraction:
    return value if isinstance(value, Fraction) else Fraction(int(value))


def _times(value: Quantity, scale: int) -> int:
    if isinstance(value, int):
        return value * scale
    numerator, denominator = value.as_integer_ratio()
    return numerator * (scale // denominator)


def _common_denominator(values: Iterable[Quantity]) -> int:
    """The least scale that makes every value whole, or something above MOST_SCALE."""
    scale = 1
    for denominator in {1 if isinstance(value, int) else value.as_integer_ratio()[1] for value in values}:
        scale = math.lcm(scale, denominator)
        if scale > MOST_SCALE:
            break
    return scale

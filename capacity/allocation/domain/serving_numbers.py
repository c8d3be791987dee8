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
from operator import mul
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
ZERO = Fraction(0)


@dataclass(frozen=True, eq=False)
class ServingNumbers:
    """Demands by class, tier, the dearest first: the order they are served in, but for work that loses nothing.

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
    def loses_nothing(self) -> NDArray[np.bool_]:
        """Demands whose loss is known and 0, in order."""
        return np.asarray([not usd for usd in self.usd], dtype=bool) & ~self.is_unknown

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

        A tier is served from its own replicas and from what the rounding of the tiers above it left over. Work whose
        loss is known to be nothing adds nothing to the value of its tier and takes what all others of its class left.
        """
        work: Exact = self.work[week]
        if not len(work):
            return work
        if not self.loses_nothing.any():
            return self._served_by_tier(work, list(capacity))
        counts = np.where(self.loses_nothing, 0, work)
        served = self._served_by_tier(counts, list(capacity))
        there, taken = self._per_class(capacity), self._per_class(_sums(served, self.starts))
        left = [amount - gone for amount, gone in zip(there, taken, strict=True)]
        firsts = np.searchsorted(self.group_class, self.group_class)
        room = [amount if g == first else 0 for g, (amount, first) in enumerate(zip(left, firsts, strict=True))]
        return np.asarray(served + self._served_by_tier(work - counts, room))

    def _per_class(self, by_group: Exact) -> list[Any]:
        """For each group, the sum over the groups of its class."""
        sums: dict[int, Any] = {}
        for c, amount in zip(self.group_class.tolist(), list(by_group), strict=True):
            sums[c] = sums.get(c, 0) + amount
        return [sums[c] for c in self.group_class.tolist()]

    def _served_by_tier(self, work: Exact, capacity: list[Any]) -> Exact:
        """Each group from its own capacity and what the groups of its class before it left, in order."""
        needed = _sums(work, self.starts)
        room = np.zeros_like(needed)
        left = np.zeros_like(needed[:1])[0]
        before = -1
        for g, (c, own, want) in enumerate(zip(self.group_class.tolist(), capacity, needed.tolist(), strict=True)):
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
        tiers = self.group_tier[self.group_of[there]]
        for tier in sorted(set(tiers.tolist())):
            mine = there[tiers == tier]
            # Whole numbers are multiplied and summed; unknown losses have 0 dollars here.
            usd = sum(map(mul, self.usd[mine].tolist(), short[mine].tolist()))
            unknown: dict[int, Any] = {}
            for i in mine[self.is_unknown[mine]].tolist():
                c = int(self.group_class[self.group_of[i]])
                unknown[c] = unknown.get(c, 0) + short[i]
            unmet = sum((_fraction(work) / (self.scale * self.best_rates[c]) for c, work in unknown.items()), ZERO)
            found[tier] = Fraction(usd) / (self.usd_scale * self.scale), unmet
        return found


class WorkOfDemand(Sequence[Fraction]):
    """Weekly work of one demand in accelerators at its class's best rate, made exact when it is looked at."""

    __slots__ = ("_best", "_column", "_last", "_numbers")

    def __init__(self, numbers: ServingNumbers, column: int, best_rate: Fraction) -> None:
        self._numbers, self._column, self._best = numbers, column, best_rate * numbers.scale
        # The week looked at last and its work: a week's program looks at it several times.
        self._last: tuple[Any, Any] = (None, None)

    def __len__(self) -> int:
        return len(self._numbers.work)

    def __getitem__(self, week: Any) -> Any:
        if isinstance(week, slice):
            return tuple(self[each] for each in range(*week.indices(len(self))))
        known, found = self._last
        if known != week:
            amount = self._numbers.work[week, self._column]
            amount = amount if isinstance(amount, Fraction) else int(amount)
            found = Fraction(amount * self._best.denominator, self._best.numerator)
            self._last = week, found
        return found


class WorkByTier(Sequence[tuple[tuple[int, Fraction], ...]]):
    """Per week, (tier, work of a class in it) where there is any, in tier order; accelerators at the best rate."""

    __slots__ = ("_best", "_groups", "_last", "_numbers")

    def __init__(self, numbers: ServingNumbers, groups: Sequence[tuple[int, int, int]], best_rate: Fraction) -> None:
        """groups: (tier, first column, column after the last)."""
        self._numbers, self._groups, self._best = numbers, groups, best_rate * numbers.scale
        # The week looked at last and its row: a week's program looks at it many times.
        self._last: tuple[Any, Any] = (None, ())

    def __len__(self) -> int:
        return len(self._numbers.work)

    def __getitem__(self, week: Any) -> Any:
        known, found = self._last
        if known != week:
            row = self._numbers.work[week]
            sums = ((tier, _fraction(row[first:last].sum())) for tier, first, last in self._groups)
            found = tuple((tier, total / self._best) for tier, total in sums if total)
            self._last = week, found
        return found


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
    scale = _common_denominator(value for rows in (work, option_work) for row in rows for value in row)
    usd_scale = _common_denominator(value for value in usd if value is not None)
    is_small = scale <= MOST_SCALE and usd_scale <= MOST_SCALE
    replicas = [[_times(value, scale) if is_small else Fraction(value) for value in row] for row in option_work]
    largest = max((max(row, default=0) for row in work), default=0)
    most = [int(largest * scale) + 1, *(value for row in replicas for value in row)]
    is_small = is_small and max(most) * max(1, len(order)) < SAFE
    table: Exact = np.zeros((weeks, len(order)), dtype=np.int64 if is_small else object)
    if not is_small:
        scale, usd_scale = 1, 1
        replicas = [[Fraction(value) for value in row] for row in option_work]
    for column, values in enumerate(work):
        table[:, column] = [_times(value, scale) if is_small else Fraction(value) for value in values]
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
    """The whole number value × scale."""
    if isinstance(value, int):
        return value * scale
    numerator, denominator = value.as_integer_ratio()
    return numerator * (scale // denominator)


def _common_denominator(values: Iterable[Quantity]) -> int:
    """The least scale that makes every value whole, or something above MOST_SCALE."""
    scale = 1
    for value in values:
        if not isinstance(value, int):
            denominator = value.as_integer_ratio()[1]
            if scale % denominator:
                scale = math.lcm(scale, denominator)
                if scale > MOST_SCALE:
                    break
    return scale

"""From a relaxed serving of one week to whole replicas, without a tree: what is left over goes where it costs least.

What belongs here: the common week, in which whole replicas can serve what divisible ones can. It finds a plan or gives
up; nothing it returns is believed before it was valued in exact numbers and compared with a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from capacity.allocation.domain.plan import Plan
from capacity.allocation.domain.serving_numbers import Exact
from capacity.allocation.domain.solver_arrays import Floats
from capacity.allocation.domain.weekly_model import WeekModel
from capacity.allocation.domain.weekly_program import WeekProgram

# Times that the classes which found no room are put first.
ATTEMPTS = 12
# Classes tried in one pool to make room for another.
PUSHED = 40
WHOLE = 1e-6


def rounded(program: WeekProgram, values: Floats) -> tuple[Plan, Exact] | None:
    """Whole replicas that serve what the relaxed `values` serve, near them; None where none were found."""
    rounding = _Rounding(program, values)
    only_one = [c for c, options in rounding.cost.items() if len(options) == 1 and c not in rounding.cut]
    found_none: list[int] = []
    for _ in range(ATTEMPTS):
        failed = rounding.attempt([*only_one, *found_none])
        if failed is None:
            return rounding.plan()
        if failed == next(iter(found_none), None):
            return None
        if failed in only_one:
            # Divisible replicas would serve it all, whole ones cannot.
            rounding.cut.add(failed)
            only_one.remove(failed)
            continue
        found_none = [failed, *(c for c in found_none if c != failed)]
    return None


def moved(program: WeekProgram, plan: Plan) -> tuple[Plan, Exact] | None:
    """A whole plan of the week with replicas moved out of pools that hold more than they have, into pools with room.

    The work each class is served stays; None where such moves were not found, or burst is bought.
    """
    return None if plan.burst else _Rounding(program).move_out(plan)


class _Shape:
    """What is the same in every week: options by cost and by pool, and which floors count a pool."""

    def __init__(self, model: WeekModel) -> None:
        arrays = model.arrays
        # The last tier's column of an option stands for all tiers: without burst their replicas are alike.
        self.columns = {(c, o): j for j, (c, _, o) in enumerate(model.replicas)}
        self.floors = [
            [f for f, floor in enumerate(arrays.floors) if pool in floor.pools] for pool in range(len(arrays.supply))
        ]
        # By option: its pool, its replica's accelerators, and the floors that count its pool.
        self.at: dict[tuple[int, int], tuple[int, int, list[int]]] = {}
        price = [float(usd) for usd in arrays.usd_per_week]
        self.price = price if any(price) else [1.0] * len(price)
        self.cost: dict[int, list[tuple[float, int]]] = {c: [] for c in model.of_class}
        self.in_pool: dict[int, list[tuple[int, int]]] = {}
        for c, o in self.columns:
            option = arrays.classes[c].options[o]
            usd = self.price[option.pool] * option.replica / float(option.work)
            self.cost[c].append((usd, o))
            self.at[c, o] = option.pool, option.replica, self.floors[option.pool]
            self.in_pool.setdefault(option.pool, []).append((c, o))
        for options in self.cost.values():
            options.sort()


class _Rounding:
    """counts[class option] under way and the room left in pools and under floors, accelerators."""

    def __init__(self, program: WeekProgram, values: Floats | None = None) -> None:
        self.program, model = program, program.model
        shape = model.shape if isinstance(model.shape, _Shape) else _Shape(model)
        model.shape = shape
        self.columns, self.floors, self.price = shape.columns, shape.floors, shape.price
        self.cost, self.in_pool, self.at = shape.cost, shape.in_pool, shape.at
        self.counts: dict[tuple[int, int], int] = {}
        self.barred = -1
        self.bought = np.zeros(len(model.burst))
        self.pool_room = program.room.tolist()
        self.floor_room = program.row_upper[model.floor_rows : model.carry_rows].tolist()
        self.left_pool, self.left_floor = list(self.pool_room), list(self.floor_room)
        if values is not None:
            self._take_relaxed(values)

    def _take_relaxed(self, values: Floats) -> None:
        program, model = self.program, self.program.model
        relaxed: dict[tuple[int, int], float] = {}
        for (c, _, o), value in zip(model.replicas, values.tolist(), strict=False):
            relaxed[c, o] = relaxed.get((c, o), 0.0) + value
        # Most replicas first, which matters where max_pools allows only some of the options.
        self.relaxed = dict(sorted(relaxed.items(), key=lambda each: (-each[1], each[0])))
        self.need, self.cut = program.served_of_class(values)
        self._buy(values)

    def _buy(self, values: Floats) -> None:
        """Burst of the relaxed solution, rounded up, is room too: the first tiers', as far as the pool's limit goes."""
        model = self.program.model
        left = dict(self.program.most_burst)
        for i, (_, pool) in enumerate(model.burst):
            most = min(left[pool], float(self.program.upper[model.first_burst + i]))
            amount = max(0.0, min(most, float(np.ceil(values[model.first_burst + i] - WHOLE))))
            self.bought[i] = amount
            left[pool] -= amount
            self.pool_room[pool] += amount
            for f in self.floors[pool]:
                self.floor_room[f] += amount

    def move_out(self, plan: Plan) -> tuple[Plan, Exact] | None:
        """`moved`."""
        self.counts = dict.fromkeys(self.columns, 0)
        used: dict[int, int] = {}
        for (c, _, o, _), count in plan.replicas.items():
            self.counts[c, o] += count
            pool, size, _ = self.at[c, o]
            used[pool] = used.get(pool, 0) + count * size
        for pool, taken in used.items():
            self.left_pool[pool] -= taken
            for f in self.floors[pool]:
                self.left_floor[f] -= taken
        work = self.program.arrays.numbers.option_work
        crowded = [pool for pool, left in enumerate(self.left_pool) if left < 0]
        for pool in sorted(crowded, key=lambda pool: (self.left_pool[pool], pool)):
            for c, o in self.in_pool.get(pool, ()):
                if self.left_pool[pool] >= 0:
                    break
                if self.counts[c, o] and len(self.cost[c]) > 1:
                    size = self.program.arrays.classes[c].options[o].replica
                    self._move_some(c, o, min(self.counts[c, o], -int(self.left_pool[pool] // size)), work[c])
        if any(left < 0 for left in (*self.left_pool, *self.left_floor)):
            return None
        return self.plan()

    def _move_some(self, c: int, o: int, count: int, work: Sequence[Any]) -> None:
        """Takes replicas of an option away and gives the class elsewhere what it then misses; nothing where it can't."""
        able = sum(self.counts[c, each] * work[each] for _, each in self.cost[c])
        needed = min(able, self.program.work_of_class(c))
        before = [(each, self.counts[c, each]) for _, each in self.cost[c]]
        self._take(c, o, -count)
        self.barred = self.program.arrays.classes[c].options[o].pool
        if not self._complete(c, needed - able + count * work[o]):
            for each, was in before:
                self._take(c, each, was - self.counts[c, each])
        self.barred = -1

    def attempt(self, first: list[int]) -> int | None:
        """Fills `counts`; the class that found no room, or None where all did."""
        self.barred = -1
        self.left_pool, self.left_floor = list(self.pool_room), list(self.floor_room)
        self.counts = dict.fromkeys(self.columns, 0)
        missing = {c: need for c, need in self.need.items() if need}
        for c in first:
            if not self._complete(c, missing.pop(c, 0)):
                return c
        for (c, o), value in self.relaxed.items():
            if c in missing and any(o == allowed for _, allowed in self._allowed(c)):
                whole = min(int(value + WHOLE), self._fits(c, o))
                self._take(c, o, whole)
                missing[c] -= whole * self.program.arrays.numbers.option_work[c][o]
        for c in sorted(missing, key=self._urgency):
            if missing[c] <= 0 or self._complete(c, missing[c]) or self._move(c):
                continue
            if c not in self.cut and not self._push_out(c):
                return c
        return None

    def _push_out(self, c: int) -> bool:
        """Moves one other class out of a pool of the class's, whole, and places the class anew."""
        for _, o in self.cost[c]:
            pool = self.program.arrays.classes[c].options[o].pool
            for other, at in self.in_pool.get(pool, ())[:PUSHED]:
                count = self.counts[other, at]
                if other == c or not count or len(self.cost[other]) == 1:
                    continue
                before = dict(self.counts)
                self.barred = pool
                self._take(other, at, -count)
                moved = self._complete(other, count * self.program.arrays.numbers.option_work[other][at])
                moved = moved or self._move(other)
                self.barred = -1
                if moved and self._move(c):
                    return True
                for each, was in before.items():
                    if self.counts[each] != was:
                        self._take(*each, was - self.counts[each])
        return False

    def _move(self, c: int) -> bool:
        """Places the class anew, wherever there is room for all of it; as it was where there is none."""
        before = [(o, self.counts[c, o]) for _, o in self.cost[c] if self.counts[c, o]]
        for o, count in before:
            self._take(c, o, -count)
        if self._complete(c, self.need[c]):
            return True
        for _, o in self.cost[c]:
            self._take(c, o, -self.counts[c, o])
        for o, count in before:
            self._take(c, o, count)
        return False

    def _urgency(self, c: int) -> tuple[bool, int, float, int]:
        """Classes that are short anyway last; fewest options first, then who loses most by not getting its cheapest."""
        usd = [each for each, _ in self.cost[c]]
        return (c in self.cut, len(usd), -(usd[1] - usd[0]) if len(usd) > 1 else 0.0, c)

    def _complete(self, c: int, missing: int | Fraction) -> bool:
        """Gives the class what it misses: in one option, the cheapest that holds it, else in several."""
        if missing <= 0:
            return True
        work = self.program.arrays.numbers.option_work[c]
        options = self._allowed(c)
        best: tuple[float, int, int] | None = None
        for _, o in options:
            count = -(-missing // work[o])
            pool, size, _ = self.at[c, o]
            usd = self.price[pool] * size * count
            if (best is None or usd < best[0]) and self._fits(c, o) >= count:
                best = (usd, o, count)
        if best is not None:
            self._take(c, best[1], best[2])
            return True
        for _, o in options:
            if o in {allowed for _, allowed in self._allowed(c)}:
                count = min(self._fits(c, o), -(-missing // work[o]))
                self._take(c, o, count)
                missing -= count * work[o]
                if missing <= 0:
                    return True
        return False

    def _allowed(self, c: int) -> list[tuple[float, int]]:
        """Options of the class that max_pools still lets it use."""
        limit = self.program.arrays.classes[c].max_pools
        if limit is None:
            return self.cost[c]
        used = {o for _, o in self.cost[c] if self.counts[c, o]}
        if len(used) < limit:
            return self.cost[c]
        return [(usd, o) for usd, o in self.cost[c] if o in used]

    def _fits(self, c: int, o: int) -> int:
        pool, size, floors = self.at[c, o]
        if pool == self.barred:
            return 0
        room = self.left_pool[pool]
        for f in floors:
            room = min(room, self.left_floor[f])
        return max(0, int(min(room, 1e15) // size))

    def _take(self, c: int, o: int, count: int) -> None:
        if not count:
            return
        pool, size, floors = self.at[c, o]
        self.counts[c, o] += count
        taken = count * size
        self.left_pool[pool] -= taken
        for f in floors:
            self.left_floor[f] -= taken

    def plan(self) -> tuple[Plan, Exact] | None:
        """The counts as a plan with the burst it needs; None where no tier's replicas can carry that."""
        model = self.program.model
        found = np.zeros(model.columns)
        for each, count in self.counts.items():
            found[self.columns[each]] = count
        found[model.first_burst : model.first_use] = self.bought
        plan, able = self.program.plan(found, alike=True)
        return (self.program.without_spare_burst(plan), able) if self.program.fits(plan) else None

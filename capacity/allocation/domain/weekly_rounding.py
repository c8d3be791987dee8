"""From a relaxed serving of one week to whole replicas, without a tree: what is left over goes where it costs least.

What belongs here: the common week, in which everything can be served and only the places are to be chosen. It finds a
plan or gives up; nothing it returns is believed before it was checked in exact numbers.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from capacity.allocation.domain.solver_arrays import Floats
from capacity.allocation.domain.weekly_model import WeekProgram

# Times that the classes which found no room are put first.
ATTEMPTS = 24
WHOLE = 1e-6


def rounded_up(program: WeekProgram, values: Floats) -> Floats | None:
    """Whole counts that serve everything without burst, near the relaxed `values`; None where none were found."""
    rounding = _Rounding(program, values)
    only_one = [c for c, options in rounding.cost.items() if len(options) == 1]
    found_none: list[int] = []
    for _ in range(ATTEMPTS):
        failed = rounding.attempt([*only_one, *found_none])
        if failed is None:
            return rounding.point()
        if failed in only_one or failed == next(iter(found_none), None):
            return None
        found_none = [failed, *(c for c in found_none if c != failed)]
    return None


class _Rounding:
    """counts[class option] under way and the room left in pools and under floors, accelerators."""

    def __init__(self, program: WeekProgram, values: Floats) -> None:
        self.program, model, arrays = program, program.model, program.arrays
        self.columns: dict[tuple[int, int], int] = {}
        relaxed: dict[tuple[int, int], float] = {}
        for j, (c, _, o) in enumerate(model.replicas):
            # The last tier's column of an option stands for all tiers: without burst their replicas are alike.
            self.columns[c, o] = j
            relaxed[c, o] = relaxed.get((c, o), 0.0) + float(values[j])
        self.floors = [
            [f for f, floor in enumerate(arrays.floors) if pool in floor.pools] for pool in range(len(arrays.supply))
        ]
        self.pool_room = program.row_upper[model.pool_rows : model.floor_rows].tolist()
        self.floor_room = program.row_upper[model.floor_rows : model.carry_rows].tolist()
        price = [float(usd) for usd in arrays.usd_per_week]
        self.price = price if any(price) else [1.0] * len(price)
        # Most replicas first, which matters where max_pools allows only some of the options.
        self.relaxed = dict(sorted(relaxed.items(), key=lambda each: (-each[1], each[0])))
        self.need = {c: program.work_of_class(c) for c in model.of_class}
        self.cost: dict[int, list[tuple[float, int]]] = {c: [] for c in model.of_class}
        for c, o in self.columns:
            option = arrays.classes[c].options[o]
            usd = self.price[option.pool] * option.replica / float(option.work)
            self.cost[c].append((usd, o))
        for options in self.cost.values():
            options.sort()
        self.counts: dict[tuple[int, int], int] = {}

    def attempt(self, first: list[int]) -> int | None:
        """Fills `counts`; the class that found no room, or None where all did."""
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
            if missing[c] > 0 and not self._complete(c, missing[c]):
                return c
        return None

    def _urgency(self, c: int) -> tuple[int, float, int]:
        """Fewest options first, then the one that loses most by not getting its cheapest."""
        usd = [each for each, _ in self.cost[c]]
        return (len(usd), -(usd[1] - usd[0]) if len(usd) > 1 else 0.0, c)

    def _complete(self, c: int, missing: int | Fraction) -> bool:
        """Gives the class what it misses: in one option, the cheapest that holds it, else in several."""
        if missing <= 0:
            return True
        work = self.program.arrays.numbers.option_work[c]
        options = self._allowed(c)
        best: tuple[float, int, int] | None = None
        for _, o in options:
            count = -(-missing // work[o])
            option = self.program.arrays.classes[c].options[o]
            usd = self.price[option.pool] * option.replica * count
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
        used = {o for _, o in self.cost[c] if self.counts[c, o]}
        if limit is None or len(used) < limit:
            return self.cost[c]
        return [(usd, o) for usd, o in self.cost[c] if o in used]

    def _fits(self, c: int, o: int) -> int:
        option = self.program.arrays.classes[c].options[o]
        room = min([self.left_pool[option.pool], *(self.left_floor[f] for f in self.floors[option.pool])])
        return max(0, int(min(room, 1e15) // option.replica))

    def _take(self, c: int, o: int, count: int) -> None:
        option = self.program.arrays.classes[c].options[o]
        self.counts[c, o] += count
        self.left_pool[option.pool] -= count * option.replica
        for f in self.floors[option.pool]:
            self.left_floor[f] -= count * option.replica

    def point(self) -> Floats:
        """The counts as columns of the program, without burst."""
        found = np.zeros(self.program.model.columns)
        for each, count in self.counts.items():
            found[self.columns[each]] = count
        return found

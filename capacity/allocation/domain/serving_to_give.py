"""What a demand's work leaves free when it goes: whole replicas that no other demand of its class needs.

What belongs here: the difference between what a demand has in a pool and what would be free without it. Who has what
is `serving_places`; which of it would help a request is `smallest_changes`.
"""

from __future__ import annotations

from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import Plan, served_work
from capacity.allocation.domain.serving_places import ServingByPlace


class ServingToGive(ServingByPlace):
    """Who is served where, and how much of it could be given up with everything else served as written."""

    def __init__(self, arrays: Arrays, plan: Plan) -> None:
        super().__init__(arrays, plan)
        self._served: dict[int, dict[tuple[int, int], Fraction]] = {}

    def released(self, d: int, pool: int, week: int) -> int:
        """Accelerators of whole replicas of the demand's class in the pool that its other demands do not need there.

        They need ⌈(their work − what the class can carry in other pools) ÷ work of a replica⌉ replicas.
        """
        arrays = self.arrays
        c = arrays.demands[d].class_
        there, elsewhere, replica, rate = 0, Fraction(0), 1, Fraction(1)
        for (of, _, o, _), count in self._replicas.get(week, {}).items():
            option = arrays.classes[c].options[o] if of == c else None
            if option is not None and option.pool == pool:
                there, replica, rate = there + count * option.replica, option.replica, option.work
            elif option is not None:
                elsewhere += count * option.work
        work = self._work(week)
        others = sum(work.get((each, week), Fraction(0)) for each in arrays.classes[c].demands if each != d)
        needed = max(0, -(-(others - elsewhere) // rate))
        return max(0, there - int(needed) * replica)

    def _work(self, week: int) -> dict[tuple[int, int], Fraction]:
        if week not in self._served:
            replicas = self._replicas.get(week, {})
            self._served[week] = dict(served_work(self.arrays, Plan(replicas=replicas), weeks=[week]))
        return self._served[week]

"""Whose serving lies where: a tier's replicas of a class in a pool and week, shared among the demands they serve.

What belongs here: the split of whole replicas among demands that explanations speak of. It decides nothing: replicas
belong to classes, and the engine serves the dearest demand first.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import Plan, served_work


class ServingByPlace:
    """Accelerators by demand in a pool and week: replicas of its tier there, the dearest demand first.

    A week is worked out when it is first asked for.
    """

    def __init__(self, arrays: Arrays, plan: Plan) -> None:
        self.arrays = arrays
        self._burst = plan.burst
        self._replicas: dict[int, dict[tuple[int, int, int, int], int]] = {}
        for key, count in plan.replicas.items():
            self._replicas.setdefault(key[3], {})[key] = count
        self._weeks: dict[int, dict[int, dict[int, int]]] = {}
        self._tiers: dict[tuple[int, int], dict[int, int]] = {}

    def at(self, pool: int, week: int) -> Mapping[int, int]:
        """demand → accelerators."""
        if week not in self._weeks:
            self._weeks[week] = self._share_out(week)
        return self._weeks[week].get(pool, {})

    def by_tier(self, pool: int, week: int) -> Mapping[int, int]:
        """tier → accelerators."""
        if (pool, week) not in self._tiers:
            found: dict[int, int] = {}
            for d, accelerators in self.at(pool, week).items():
                tier = self.arrays.demands[d].tier
                found[tier] = found.get(tier, 0) + accelerators
            self._tiers[pool, week] = found
        return self._tiers[pool, week]

    def _share_out(self, week: int) -> dict[int, dict[int, int]]:
        arrays = self.arrays
        found: dict[int, dict[int, int]] = {}
        replicas = self._replicas.get(week, {})
        left = dict(served_work(arrays, Plan(replicas=replicas), weeks=[week]))
        for (c, tier, o, _), count in sorted(replicas.items()):
            option = arrays.classes[c].options[o]
            members = self._served_by(c, tier, option.pool, week, left)
            accelerators, rate = count * option.replica, option.work / option.replica
            row = found.setdefault(option.pool, {})
            for d in members:
                wanted = int(-(-left[d, week] // rate))
                share = accelerators if d == members[-1] else min(accelerators, wanted)
                left[d, week] = max(Fraction(0), left[d, week] - share * rate)
                accelerators -= share
                if share:
                    row[d] = row.get(d, 0) + share
        return found

    def _served_by(
        self, c: int, tier: int, pool: int, week: int, left: Mapping[tuple[int, int], Fraction]
    ) -> list[int]:
        """Demands that the tier's replicas carry: its own; where those are served nothing, the class's that still are.

        Replicas are of a tier, work is served wherever the class stands: demands that lose no dollars may leave
        their tier's replicas to others. Burst stays with the tier that bought it.
        """
        of_class = self.arrays.classes[c].demands
        own = [d for d in of_class if self.arrays.demands[d].tier == tier]
        served = [d for d in own if left[d, week]]
        if not served and not self._burst.get((tier, pool, week)):
            served = [d for d in of_class if left[d, week]]
        return served or own[:1]

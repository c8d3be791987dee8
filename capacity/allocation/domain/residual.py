"""What is left for one request with everything else held: per domain and week, and the constraints behind it.

What belongs here: the residual check that every explanation and every smallest change is verified by. Work of lower
tiers that is preemptible is not held against a request: it would be recalled first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan


@dataclass(frozen=True, slots=True)
class Spot:
    """A place the request could start: option, domain and start week; `weeks` long."""

    option: int
    pool: int
    domain: int
    start: int
    weeks: int
    accelerators: int

    @property
    def span(self) -> range:
        return range(self.start, self.start + self.weeks)


class Residual:
    """Room for experiment e by domain and week, accelerators; may be below 0 where a floor is already entered."""

    def __init__(self, arrays: Arrays, plan: Plan, e: int, use: ExperimentUse) -> None:
        self.arrays, self.plan, self.e, self.use = arrays, plan, e, use
        self.row = arrays.experiments[e]
        self.request = arrays.problem.experiments[e]
        self._free: dict[int, list[int]] = {}

    def floors(self, pool: int, *, if_preemptible: bool = False) -> tuple[int, ...]:
        counted = self.arrays.floors_counting(self.e, pool)
        return tuple(f for f in counted if not (if_preemptible and self.arrays.floors[f].lendable))

    def free(self, domain: int) -> list[int]:
        """Per week: min of domain, pool and the floors that count the request."""
        if domain not in self._free:
            self._free[domain] = [self.free_at(domain, week) for week in range(self.arrays.weeks)]
        return self._free[domain]

    def free_at(self, domain: int, week: int, *, if_preemptible: bool = False, extra: int = 0, serving: int = 0) -> int:
        """Room with `extra` more supply in the domain, or `serving` fewer accelerators served in its pool."""
        pool = self.arrays.domains[domain].pool
        free = self.use.pool_free(pool, week) + extra + serving
        if not self.row.divisible and self.arrays.domains[domain].key is not None:
            free = min(free, self.use.domain_free(domain, week) + extra)
        for f in self.floors(pool, if_preemptible=if_preemptible):
            floor = self.arrays.floors[f]
            taken_by_floor = min(extra, max(0, floor.asked[week] - floor.kept[week]))
            free = min(free, self.use.floor_free(f, week) + extra - taken_by_floor + serving)
        return free

    def room(self, spot: Spot) -> int:
        """The most accelerators the request could have in the spot for all its weeks."""
        return min(self.free(spot.domain)[spot.start : spot.start + spot.weeks])

    def fits(self, spot: Spot) -> bool:
        return self.room(spot) >= spot.accelerators

    def window(self) -> tuple[int, int]:
        first = self.arrays.problem.first_week
        return first.weeks_until(self.request.earliest_start), first.weeks_until(self.request.latest_start)

    def spots(self, *, shorter_by: int = 0, starts: tuple[int, int] | None = None) -> Iterator[Spot]:
        """Every place in the window, clipped to the horizon, of every option. Divisible work: single weeks."""
        earliest, latest = starts or self.window()
        for number, option in enumerate(self.request.options):
            weeks = 1 if self.row.divisible else option.weeks - shorter_by
            last = latest + option.weeks - 1 if self.row.divisible else latest
            pools = [self.arrays.pool_index[key] for key in option.pools]
            if weeks >= 1:
                yield from self.spots_in(pools, number, weeks, option.accelerators, (earliest, last))

    def spots_in(
        self, pools: Sequence[int], option: int, weeks: int, accelerators: int, starts: tuple[int, int]
    ) -> Iterator[Spot]:
        for start in range(max(0, starts[0]), min(starts[1], self.arrays.weeks - weeks) + 1):
            for pool in pools:
                for domain in self.arrays.domains_of[pool][: 1 if self.row.divisible else None]:
                    yield Spot(option, pool, domain, start, weeks, accelerators)


def held_use(arrays: Arrays, plan: Plan, *, tier: int) -> ExperimentUse:
    """Everything placed and served, without the preemptible work of tiers below `tier`."""
    recalled = frozenset(
        e for e, row in enumerate(arrays.experiments) if row.preemptible and row.tier > tier and row.pinned is None
    )
    use = ExperimentUse.of(arrays, plan, leave_out=recalled)
    use.add_serving(plan)
    return use

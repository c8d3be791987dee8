"""One side of a quick what-if: placements held, serving of every week with divisible replicas (methods: What-if).

What belongs here: tables by demand, class option, pool and week, which weeks have to be solved, and the sums of a
side. A week in which everything was served is proven to stay so by arithmetic where that is possible.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from capacity.allocation.domain.held_places import Rooms, Whole
from capacity.allocation.domain.hot_serving import NOISE, Serving, WeekServed
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.solution import UNIT_ACCELERATOR_WEEKS, UNIT_USD, Solution
from capacity.allocation.domain.solver_arrays import Basis, Floats
from capacity.allocation.domain.what_if_tally import (
    DemandTally,
    PoolTally,
    Rows,
    Tally,
    TierTally,
    experiment_values,
)


class Side:
    """Tables of one side; all in accelerators. rooms: what placements leave, serving not taken out.

    work, short[demand, week] at the best rate; options[class option, week] that the served work needs;
    written[pool, week] whole accelerators of serving less burst; burst[tier, pool, week]; prices[pool, week].
    costly[week]: something is short or bought. bases[week]: where the week's program was left.
    """

    def __init__(self, *, problem: Problem, serving: Serving, rooms: Rooms, work: Floats) -> None:
        weeks = problem.weeks
        self.problem, self.serving, self.rooms, self.work = problem, serving, rooms, work
        self.short = np.zeros_like(work)
        self.options = np.zeros((len(serving.option_class), weeks))
        self.written = np.zeros((len(serving.pools), weeks))
        self.burst = np.zeros((len(serving.tiers), len(serving.pools), weeks))
        self.prices = np.zeros((len(serving.pools), weeks))
        self.costly = np.zeros(weeks, dtype=bool)
        self.bases: list[Basis | None] = [None] * weeks
        self.limit = np.array(
            [pool.burst.accelerators if pool.burst else (0,) * weeks for pool in serving.pools], dtype=float
        ).reshape(len(serving.pools), weeks)
        self.placements: dict[str, Rows] = {}

    def read_solution(self, solution: Solution) -> None:
        """Serving as the run has it: whole accelerators, and how many of them the carried work needs."""
        serving, first = self.serving, self.problem.first_week
        places = zip(serving.option_class, serving.option_pool, strict=True)
        option_of = {(serving.classes[c].key, serving.pools[p].key): o for o, (c, p) in enumerate(places)}
        for row in solution.allocations:
            o, week = option_of[row.class_, row.pool], first.weeks_until(row.week)
            best = serving.classes[serving.option_class[o]].best
            self.options[o, week] += row.work / (best * serving.option_rate[o])
            self.written[serving.option_pool[o], week] += row.accelerators
        for burst in solution.burst:
            week = first.weeks_until(burst.week)
            self.written[serving.pool_of[burst.pool], week] -= burst.accelerators
            self.costly[week] |= burst.accelerators > 0
        for short in solution.capacity_shortfalls:
            self.costly[first.weeks_until(short.week)] = True

    # --- one week ----------------------------------------------------------------------------------------------------

    def solve(self, week: int, basis: Basis | None) -> None:
        """The week's program solved, from `basis` where there is one."""
        served = self.serving.solve_week(
            work=self.work[:, week],
            room=self.rooms.pool[:, week].astype(float),
            floor_room=self.rooms.floor[:, week].astype(float),
            takes=self.rooms.takes[:, week],
            burst=self.limit[:, week],
            basis=basis,
        )
        self._keep(week, served)

    def _keep(self, week: int, served: WeekServed) -> None:
        self.short[:, week], self.options[:, week] = served.short, served.options
        self.burst[:, :, week], self.prices[:, week] = served.burst, served.prices
        self.bases[week] = served.basis
        self.costly[week] = bool(served.short.any() or served.burst.any())

    def serve_all(self, week: int, *, was: Floats, basis_options: Floats) -> bool:
        """Serves everything beside what `basis_options` served of `was` (work by class), if that simply fits.

        Less work gives its accelerators back in proportion; more is put where there is room, option by option.
        """
        serving = self.serving
        now = self.class_work(week)
        share = np.divide(np.minimum(now, was), was, out=np.zeros(len(was)), where=was > NOISE)
        options = basis_options * share[serving.option_class]
        free = self.rooms.pool[:, week] - self.pool_use(options)
        floors = [np.array([serving.pool_of[key] for key in floor.pools], dtype=int) for floor in serving.floors]
        floor_free = np.array(
            [self.rooms.floor[f, week] - self.pool_use(options)[pools].sum() for f, pools in enumerate(floors)]
        )
        if (free < -NOISE).any() or (floor_free < -NOISE).any():
            return False
        for c in np.flatnonzero(now > was + NOISE):
            left = now[c] - was[c]
            for o in np.flatnonzero(serving.option_class == c):
                p, rate = serving.option_pool[o], serving.option_rate[o]
                under = [f for f, pools in enumerate(floors) if p in pools]
                got = max(0.0, min([left / rate, free[p], *(floor_free[f] for f in under)]))
                options[o] += got
                free[p] -= got
                left -= got * rate
                for f in under:
                    floor_free[f] -= got
            if left > NOISE:
                return False
        self.options[:, week] = options
        return True

    def class_work(self, week: int) -> Floats:
        classes = len(self.serving.classes)
        return np.asarray(np.bincount(self.serving.demand_class, weights=self.work[:, week], minlength=classes), float)

    def pool_use(self, options: Floats) -> Floats:
        """Accelerators by pool of one week's class options."""
        pools = len(self.serving.pools)
        return np.asarray(np.bincount(self.serving.option_pool, weights=options, minlength=pools), dtype=float)

    def whole_use(self) -> Whole:
        """Whole accelerators [pool, week] of serving less burst, rounded up."""
        return np.ceil(self.written - 1e-6).astype(np.int64)

    # --- sums --------------------------------------------------------------------------------------------------------

    def tally(self) -> Tally:
        serving, first = self.serving, self.problem.first_week
        burst = self.burst.sum(axis=2)
        usd, unmet = serving.tier_values(short=self.short.sum(axis=1), burst=burst)
        placed = experiment_values(self.problem, self.placements)
        tiers = {}
        for k, tier in enumerate(serving.tiers):
            if k in serving.serving_tiers:
                tiers[tier] = TierTally(UNIT_USD, float(usd[k]), float(unmet[k]))
            else:
                tiers[tier] = TierTally(UNIT_ACCELERATOR_WEEKS if tier in placed else None, placed.get(tier, 0.0))
        lost = (serving.usd * serving.is_known) @ self.short
        paid = np.einsum("kpt,p->t", self.burst, serving.burst_usd)
        return Tally(
            tiers=tiers,
            demands=self._demands(),
            weeks={
                first.plus(int(t)): (float(self.short[:, t].sum()), float(lost[t] + paid[t]))
                for t in np.flatnonzero(self.costly)
            },
            pools=self._pools(burst.sum(axis=0)),
            placements=self.placements,
            tier_of={experiment.key: experiment.tier for experiment in self.problem.experiments},
            prices={
                (serving.pools[p].key, first.plus(int(t))): float(self.prices[p, t])
                for p, t in np.argwhere(self.prices > 0)
            },
        )

    def _demands(self) -> Mapping[str, DemandTally]:
        serving, short = self.serving, self.short.sum(axis=1)
        found = {}
        for d in np.flatnonzero(short):
            demand = serving.demands[d]
            usd = float(short[d] * serving.usd[d]) if serving.is_known[d] else None
            found[demand.key] = DemandTally(demand.class_, demand.tier, float(short[d]), usd)
        return found

    def _pools(self, burst: Floats) -> Mapping[str, PoolTally]:
        """Idle: supply and burst less placements less what the served work needs."""
        serving = self.serving
        used = np.bincount(serving.option_pool, weights=self.options.sum(axis=1), minlength=len(serving.pools))
        idle = self.rooms.pool.sum(axis=1) + burst - used
        return {
            pool.key: PoolTally(float(idle[p]), float(burst[p]), float(burst[p] * serving.burst_usd[p]))
            for p, pool in enumerate(serving.pools)
        }

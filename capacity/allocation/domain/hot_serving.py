"""Serving of one week with divisible replicas, as numbers that a hot linear program takes (methods: What-if).

What belongs here: columns and rows of the weekly program, the same for every week of a problem, and what a solved
week says. Replicas are divisible and `max_pools` is left out, on both sides of every comparison made with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from capacity.allocation.domain.problem import Floor, Pool, Problem, ServingDemand
from capacity.allocation.domain.solver import FEASIBLE
from capacity.allocation.domain.solver_arrays import ArrayModel, Basis, Floats, Ints, Matrix
from capacity.allocation.domain.stages import StagesSolved, solve_in_stages

HOURS_PER_WEEK = 168
# Accelerators and dollars below this are the solver's noise.
NOISE = 1e-7

Key = tuple[str, ...]


@dataclass(frozen=True)
class ServedClass:
    """options: (pool position, work per accelerator ÷ best). best: work per accelerator of the best option, or 1."""

    key: str
    options: tuple[tuple[int, float], ...]
    best: float
    demands: tuple[int, ...]


@dataclass(frozen=True)
class WeekServed:
    """Accelerators: short[demand], options[class option] that the served work needs, burst[tier, pool].

    prices[pool]: $ per accelerator-week that one more would save. basis: where the next solve of the week begins.
    """

    short: Floats
    options: Floats
    burst: Floats
    prices: Floats
    basis: Basis


class Serving:
    """The weekly serving program of one problem: positions, matrix, and one hot model for all of its weeks."""

    def __init__(self, *, pools: Sequence[Pool], floors: Sequence[Floor], problem: Problem) -> None:
        self.tiers = problem.tiers
        self.pools, self.floors = tuple(pools), tuple(floors)
        self.pool_of = {pool.key: p for p, pool in enumerate(self.pools)}
        self.demands = tuple(sorted(problem.serving, key=lambda demand: demand.key))
        self.demand_of = {demand.key: d for d, demand in enumerate(self.demands)}
        tier_of = {tier: k for k, tier in enumerate(self.tiers)}
        self.tier = np.array([tier_of[demand.tier] for demand in self.demands], dtype=np.int32)
        self.classes = _classes(self.demands, self.pool_of)
        self.class_of = {row.key: c for c, row in enumerate(self.classes)}
        self.demand_class = np.zeros(len(self.demands), dtype=np.int32)
        for c, row in enumerate(self.classes):
            self.demand_class[list(row.demands)] = c
        self.best = np.array([self.classes[c].best for c in self.demand_class], dtype=float)
        self.is_known = np.array([demand.usd_lost_per_work_week is not None for demand in self.demands], dtype=bool)
        self.usd = np.array([float(demand.usd_lost_per_work_week or 0) for demand in self.demands]) * self.best
        self.serving_tiers = tuple(int(k) for k in np.unique(self.tier))
        self.burst_usd = np.array(
            [float(pool.burst.usd_per_accelerator_hour) * HOURS_PER_WEEK if pool.burst else 0.0 for pool in self.pools]
        )
        self._columns: dict[Key, int] = {}
        self._rows: list[tuple[Key, list[tuple[int, float]]]] = []
        self._define()

    def work(self, d: int) -> Floats:
        """Work of a demand per week, in accelerators at its class's best rate."""
        return np.array([float(work) for work in self.demands[d].work], dtype=float) / float(self.best[d])

    # --- columns and rows --------------------------------------------------------------------------------------------

    def _define(self) -> None:
        """x[c,o] ≥ 0 accelerators, 0 ≤ u[d] ≤ work; where a pool can burst y[c,k,p] of x for tier k, and b[k,p]."""
        self._unmet = np.array([self._column("unmet", demand.key) for demand in self.demands], dtype=np.int32)
        self._served: list[tuple[int, int, int, float]] = []  # column, class, pool, rate
        for c, row in enumerate(self.classes):
            for p, rate in row.options:
                self._served.append((self._column("served", row.key, self.pools[p].key), c, p, rate))
        self._burst = [
            (self._column("burst", self.tiers[k], pool.key), k, p)
            for p, pool in enumerate(self.pools)
            if pool.burst is not None and any(pool.burst.accelerators)
            for k in self.serving_tiers
            if pool.burst.tiers is None or self.tiers[k] in pool.burst.tiers
        ]
        self._define_balance()
        self._define_room()
        self._define_burst()

    def _column(self, *key: str) -> int:
        return self._columns.setdefault(key, len(self._columns))

    def _define_balance(self) -> None:
        """Σ_o rate·x[c,o] + Σ_d u[d] ≥ Σ_d work[d], for each class."""
        terms: list[list[tuple[int, float]]] = [[] for _ in self.classes]
        for column, c, _, rate in self._served:
            terms[c].append((column, rate))
        for d, of_class in enumerate(self.demand_class):
            terms[of_class].append((int(self._unmet[d]), 1.0))
        self._rows.extend((("balance", row.key), terms[c]) for c, row in enumerate(self.classes))

    def _define_room(self) -> None:
        """Σ_c x[c,p] − Σ_k b[k,p] ≤ room[p]; the same over the pools of a floor ≤ what the floor leaves."""
        in_pool: list[list[tuple[int, float]]] = [[] for _ in self.pools]
        for column, _, p, _ in self._served:
            in_pool[p].append((column, 1.0))
        for column, _, p in self._burst:
            in_pool[p].append((column, -1.0))
        self._rows.extend((("pool", pool.key), in_pool[p]) for p, pool in enumerate(self.pools))
        for floor in self.floors:
            terms = [term for key in floor.pools for term in in_pool[self.pool_of[key]]]
            self._rows.append((("floor", floor.key), terms))

    def _define_burst(self) -> None:
        """Burst of tier k carries serving of tier k: b[k,p] ≤ Σ_c y[c,k,p], Σ_k y[c,k,p] ≤ x[c,p],
        Σ_p rate·y[c,k,p] ≤ Σ_{d of c and k} (work − u); Σ_k b[k,p] ≤ what can be bought."""
        carries: dict[Key, list[tuple[int, float]]] = {}
        tiers_in = [{int(self.tier[d]) for d in row.demands} for row in self.classes]
        for column, k, p in self._burst:
            tier, pool = self.tiers[k], self.pools[p].key
            carries.setdefault(("carries", tier, pool), []).append((column, 1.0))
            carries.setdefault(("limit", pool), []).append((column, 1.0))
            for served, c, at, rate in self._served:
                if at != p or k not in tiers_in[c]:
                    continue
                own = self._column("own", self.classes[c].key, tier, pool)
                carries["carries", tier, pool].append((own, -1.0))
                carries.setdefault(("split", self.classes[c].key, pool), [(served, -1.0)]).append((own, 1.0))
                part = carries.setdefault(("part", self.classes[c].key, tier), [])
                if not part:
                    part.extend((int(self._unmet[d]), 1.0) for d in self._members(c, k))
                part.append((own, rate))
        first = len(self._rows)
        self._rows.extend(carries.items())
        keys = list(enumerate(carries, start=first))
        self._limits = [(r, self.pool_of[key[1]]) for r, key in keys if key[0] == "limit"]
        self._parts = [
            (r, self._members(self.class_of[key[1]], self.tiers.index(key[2]))) for r, key in keys if key[0] == "part"
        ]

    def _members(self, c: int, k: int) -> Ints:
        """Demands of a class in a tier."""
        return np.array([d for d in self.classes[c].demands if self.tier[d] == k], dtype=np.int32)

    @cached_property
    def _model(self) -> ArrayModel:
        starts = np.cumsum([0, *(len(terms) for _, terms in self._rows)]).astype(np.int32)
        flat = [term for _, terms in self._rows for term in terms]
        matrix = Matrix(
            columns=len(self._columns),
            starts=starts,
            indices=np.array([column for column, _ in flat], dtype=np.int32),
            values=np.array([value for _, value in flat], dtype=float),
        )
        # Stages are frozen by the sign of their reduced costs.
        return ArrayModel(matrix, np.zeros(matrix.columns, dtype=bool), dual_feasible=FEASIBLE)

    @cached_property
    def _stages(self) -> list[tuple[int, bool, Floats]]:
        """(tier, in dollars, cost): each tier's dollars, then what of it has no known loss."""
        found: list[tuple[int, bool, Floats]] = []
        for k in self.serving_tiers:
            usd, unknown = np.zeros(len(self._columns)), np.zeros(len(self._columns))
            mine = self.tier == k
            usd[self._unmet[mine & self.is_known]] = self.usd[mine & self.is_known]
            unknown[self._unmet[mine & ~self.is_known]] = 1.0
            for column, tier, p in self._burst:
                if tier == k:
                    usd[column] = self.burst_usd[p]
            found.extend((k, is_usd, cost) for is_usd, cost in ((True, usd), (False, unknown)) if cost.any())
        return found

    def basis_from(self, other: Serving) -> tuple[Ints, Ints]:
        """Where each column and row of this program stands in the other one, −1 where it is new."""
        rows = {key: r for r, (key, _) in enumerate(other._rows)}
        return (
            np.array([other._columns.get(key, -1) for key in self._columns], dtype=np.int32),
            np.array([rows.get(key, -1) for key, _ in self._rows], dtype=np.int32),
        )

    # --- one week ----------------------------------------------------------------------------------------------------

    def solve_week(
        self, *, work: Floats, room: Floats, floor_room: Floats, takes: Floats, burst: Floats, basis: Basis | None
    ) -> WeekServed:
        """The least loss of each tier in turn, with work[demand], room[pool], floor_room[floor] and burst[pool] to be had.

        takes[floor]: 1 where the floor asks for more than there is, so that new supply is its own. Raises SolverFailed.
        """
        upper = np.full(len(self._columns), np.inf)
        upper[self._unmet] = work
        for column, _, p in self._burst:
            upper[column] = burst[p]
        low = np.full(len(self._rows), -np.inf)
        high = np.full(len(self._rows), np.inf)
        classes, pools = len(self.classes), len(self.pools)
        low[:classes] = np.bincount(self.demand_class, weights=work, minlength=classes)
        high[classes : classes + pools] = np.maximum(room, 0)
        high[classes + pools : classes + pools + len(self.floors)] = np.maximum(floor_room, 0)
        high[classes + pools + len(self.floors) :] = 0.0
        for r, p in self._limits:
            high[r] = burst[p]
        for r, members in self._parts:
            high[r] = work[members].sum()
        stages = [stage for stage in self._stages if upper[stage[2] > 0].any()]
        solved = solve_in_stages(
            self._model,
            stages=[cost for _, _, cost in stages] or [np.zeros(len(self._columns))],
            upper=upper,
            row_lower=low,
            row_upper=high,
            basis=basis,
        )
        slopes = np.zeros(len(self._rows))
        for (_, is_usd, _), row in zip(stages, solved.row_slopes, strict=False):
            slopes += row if is_usd else 0.0
        return self._read(solved, work, self._prices(slopes, takes))

    def _prices(self, slopes: Floats, takes: Floats) -> Floats:
        """−(slope of the pool's row and of the floors' rows that one more accelerator there widens)."""
        first = len(self.classes)
        prices = -slopes[first : first + len(self.pools)]
        for f, floor in enumerate(self.floors):
            if not takes[f]:
                prices[[self.pool_of[key] for key in floor.pools]] -= slopes[first + len(self.pools) + f]
        return np.where(prices > NOISE, prices, 0.0)

    def _read(self, solved: StagesSolved, work: Floats, prices: Floats) -> WeekServed:
        short = np.clip(solved.values[self._unmet], 0.0, work)
        short[short < NOISE] = 0.0
        burst = np.zeros((len(self.tiers), len(self.pools)))
        for column, k, p in self._burst:
            burst[k, p] = max(0.0, solved.values[column])
        burst[burst < NOISE] = 0.0
        return WeekServed(short, self._needed(solved, work - short), burst, prices, solved.basis)

    def tier_values(self, *, short: Floats, burst: Floats) -> tuple[Floats, Floats]:
        """(dollars, accelerators of unknown loss) of every tier."""
        tiers = len(self.tiers)
        usd = np.bincount(self.tier, weights=short * self.usd * self.is_known, minlength=tiers)
        unmet = np.bincount(self.tier, weights=short * ~self.is_known, minlength=tiers)
        return np.asarray(usd + burst @ self.burst_usd, dtype=float), np.asarray(unmet, dtype=float)

    def _needed(self, solved: StagesSolved, served: Floats) -> Floats:
        """Accelerators by class option that the served work needs: the program may hold more at no cost."""
        amounts = np.maximum(0.0, solved.values[self._served_columns])
        held = np.bincount(self.option_class, weights=amounts * self.option_rate, minlength=len(self.classes))
        needed = np.bincount(self.demand_class, weights=served, minlength=len(self.classes))
        share = np.divide(needed, held, out=np.zeros(len(held)), where=held > NOISE)
        return amounts * np.minimum(1.0, share)[self.option_class]

    @cached_property
    def _served_columns(self) -> Ints:
        return np.array([column for column, _, _, _ in self._served], dtype=np.int32)

    @cached_property
    def option_class(self) -> Ints:
        """Class of each class option; options are in the order of the classes and of their own."""
        return np.array([c for _, c, _, _ in self._served], dtype=np.int32)

    @cached_property
    def option_pool(self) -> Ints:
        return np.array([p for _, _, p, _ in self._served], dtype=np.int32)

    @cached_property
    def option_rate(self) -> Floats:
        """Work per accelerator ÷ that of the class's best option."""
        return np.array([rate for _, _, _, rate in self._served], dtype=float)


def _classes(demands: Sequence[ServingDemand], pool_of: dict[str, int]) -> tuple[ServedClass, ...]:
    members: dict[str, list[int]] = {}
    for d, demand in enumerate(demands):
        members.setdefault(demand.class_, []).append(d)
    found = []
    for key in sorted(members):
        options = sorted(demands[members[key][0]].options, key=lambda option: option.pool)
        rates = [float(option.work_per_accelerator) for option in options]
        best = max(rates, default=1.0)
        places = tuple((pool_of[option.pool], rate / best) for option, rate in zip(options, rates, strict=True))
        found.append(ServedClass(key, places, best, tuple(members[key])))
    return tuple(found)

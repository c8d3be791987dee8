"""A packing program over placements alone, in the most room that serving could leave.

What belongs here: how little serving can hold of each pool, of each floor's pools and of all together without losing
anything, and the program whose capacity rows are what remains. It relaxes the whole problem: its value is a bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import Terms, define_program
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, placed_values
from capacity.allocation.domain.solver import SolverFailed, solve_model
from capacity.allocation.domain.weekly import WeeklyServing

# Below the smallest step of an accelerator-week's weight that a policy gives.
FROZEN_SLACK = 1e-4
ROUNDING = 1e-6


class Room:
    """least(g, week): accelerators that serving less burst holds in the pools of group g at the very least."""

    def __init__(self, arrays: Arrays, weekly: WeeklyServing, frozen: Mapping[int, Mapping[int, TierValue]]) -> None:
        """Groups: each pool, each floor's pools, and all pools. frozen: values by week and tier to be kept."""
        self.weekly, self.frozen = weekly, frozen
        everywhere = frozenset(range(len(arrays.supply)))
        single = [frozenset([pool]) for pool in sorted(everywhere)]
        self.groups = list(dict.fromkeys([*single, *(floor.pools for floor in arrays.floors), everywhere]))
        self._least: dict[tuple[frozenset[int], int], int] = {}
        for week in range(arrays.weeks):
            found = weekly.least_use(week, self.groups, frozen=frozen.get(week, {}))
            self._least |= {(group, week): least for group, least in zip(self.groups, found, strict=True)}
        self._whole: set[tuple[frozenset[int], int]] = set()

    def least(self, group: frozenset[int], week: int) -> int:
        return self._least.get((group, week), 0)

    def tighten(self, group: frozenset[int], week: int) -> int:
        """The least use with whole replicas, remembered."""
        if (group, week) not in self._whole:
            self._whole.add((group, week))
            (found,) = self.weekly.least_use(week, [group], frozen=self.frozen.get(week, {}), whole=True)
            self._least[group, week] = max(found, self.least(group, week))
            if group not in self.groups:
                self.groups.append(group)
        return self._least[group, week]


class Packing:
    """Placements of `among` around `others`: this tier's value, with higher tiers held at what `reached` has."""

    def __init__(self, arrays: Arrays, *, others: Plan, among: Sequence[int], tier: int, reached: Plan) -> None:
        self.arrays, self.others, self.tier = arrays, others, tier
        held = ExperimentUse.of(arrays, others)
        self.program = define_program(arrays, weeks=range(arrays.weeks), experiments=among, held=held, serving=False)
        self.value = objectives.work_not_placed(self.program, tier)
        self.most = math.inf
        values, fixed = placed_values(arrays, reached), placed_values(arrays, others)
        for above in arrays.experiment_tiers:
            terms = objectives.work_not_placed(self.program, above)
            if above < tier and terms:
                enough = float(values[above] - fixed[above])
                self.program.model.add_row(("frozen", str(above)), terms, upper=-enough + FROZEN_SLACK)

    def limit_to_room(self, room: Room) -> None:
        """Rows Σ placements in a group of pools ≤ supply less the least that serving must hold there."""
        for pools in room.groups:
            for week, terms in sorted(self._used_in(pools).items()):
                if room.least(pools, week):
                    self._limit(pools, week, terms, room)
        floors = {floor.key: floor.pools for floor in self.arrays.floors}
        weeks = {self.program.week_name(week): week for week in range(self.arrays.weeks)}
        for row, name in enumerate(self.program.model.row_names):
            if name[0] == "floor":
                self.program.model.row_upper[row] -= room.least(floors[name[1]], weeks[name[2]])

    def limit_week(self, pools: frozenset[int], week: int, room: Room) -> None:
        """The row of one group and week, after its room was found to be smaller."""
        terms = self._used_in(pools).get(week)
        if terms:
            self._limit(pools, week, terms, room)

    def _limit(self, pools: frozenset[int], week: int, terms: Terms, room: Room) -> None:
        there = sum(self.program.held.pool_free(pool, week) for pool in pools) - room.least(pools, week)
        name = ("room", *(self.program.pool_name(pool) for pool in sorted(pools)), self.program.week_name(week))
        self.program.model.add_row(name, terms, upper=float(there))

    def _used_in(self, pools: frozenset[int]) -> dict[int, Terms]:
        used: dict[int, Terms] = {}
        for start, column in self.program.variables.starts.items():
            if start.pool in pools:
                for week in range(start.first, start.last):
                    used.setdefault(week, []).append((column, float(start.accelerators)))
        for (_, _, pool, week), column in self.program.variables.divided.items():
            if pool in pools:
                used.setdefault(week, []).append((column, 1.0))
        return used

    def solve(self, *, start: Plan, node_limit: int) -> Plan | None:
        """The best packing found, beginning from `start`; sets `most`, which no packing's tier value can exceed."""
        try:
            solved = solve_model(
                self.program.model, minimise=self.value, start=self._point(start), node_limit=node_limit, quick=True
            )
        except SolverFailed:
            return None
        self.most = -solved.bound + ROUNDING
        return None if solved.values is None else self._plan(solved.values)

    def relaxed_most(self) -> float:
        """What no plan's tier value can exceed, by the LP alone."""
        try:
            return -solve_model(self.program.model, minimise=self.value, relax=True).bound + ROUNDING
        except SolverFailed:
            return math.inf

    def forbid(self, packed: Plan, *, weeks: Iterable[int]) -> None:
        """Cuts off what runs together in weeks for which serving found no room; `most` then is no bound any more."""
        variables = self.program.variables
        for week in weeks:
            running: Terms = [
                (variables.starts[column], 1.0)
                for column in packed.gangs.values()
                if column in variables.starts and column.first <= week < column.last
            ]
            divided: Terms = [(c, 1.0) for (_, _, _, t), c in variables.divided.items() if t == week]
            now = sum(n for key, n in packed.divided.items() if key[3] == week and key in variables.divided)
            if running:
                self.program.model.add_row(("forbidden", str(week)), running, upper=float(len(running) - 1))
            elif divided:
                self.program.model.add_row(("forbidden", str(week)), divided, upper=float(now - 1))

    def _point(self, plan: Plan) -> list[float]:
        variables, point = self.program.variables, [0.0] * len(self.program.model.lower)
        for column in plan.gangs.values():
            if column in variables.starts:
                point[variables.starts[column]] = 1.0
        for key, accelerators in plan.divided.items():
            if key in variables.divided:
                point[variables.divided[key]] = float(accelerators)
                if key[:2] in variables.choice:
                    point[variables.choice[key[:2]]] = 1.0
        return point

    def _plan(self, values: Sequence[float]) -> Plan:
        variables = self.program.variables
        gangs = {start.experiment: start for start, column in variables.starts.items() if values[column] > 0.5}
        divided = {key: round(values[column]) for key, column in variables.divided.items() if values[column] > 0.5}
        return Plan(gangs=self.others.gangs | gangs, divided=self.others.divided | divided)

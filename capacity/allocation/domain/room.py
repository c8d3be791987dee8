"""A packing program over placements alone, in the most room that serving could leave.

What belongs here: how little serving can hold of each pool, of each floor's pools and of all together without losing
anything, and the program whose capacity rows are what remains. It relaxes the whole problem: its value is a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import Terms, define_program
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, tier_values
from capacity.allocation.domain.solver import solve_model
from capacity.allocation.domain.weekly import WeeklyServing

# Below the smallest step of an accelerator-week's weight that a policy gives.
FROZEN_SLACK = 1e-4
ROUNDING = 1e-6


@dataclass(frozen=True)
class Room:
    """least[week][g]: accelerators that serving less burst holds in the pools of groups[g] at the very least."""

    groups: tuple[frozenset[int], ...]
    least: tuple[tuple[int, ...], ...]

    @classmethod
    def known(
        cls, arrays: Arrays, weekly: WeeklyServing, frozen: Mapping[int, Mapping[int, TierValue]]
    ) -> Room:
        """Groups: each pool, each floor's pools, and all pools. frozen: values by week and tier to be kept."""
        everywhere = frozenset(range(len(arrays.supply)))
        single = [frozenset([pool]) for pool in sorted(everywhere)]
        groups = list(dict.fromkeys([*single, *(floor.pools for floor in arrays.floors), everywhere]))
        least = tuple(
            tuple(weekly.least_use(week, groups, frozen=frozen.get(week, {}))) for week in range(arrays.weeks)
        )
        return cls(tuple(groups), least)


class Packing:
    """Placements of `among` around `others`: this tier's value, with higher tiers held at what `reached` has."""

    def __init__(self, arrays: Arrays, *, others: Plan, among: Sequence[int], tier: int, reached: Plan) -> None:
        self.arrays, self.others, self.tier = arrays, others, tier
        held = ExperimentUse.of(arrays, others)
        self.program = define_program(
            arrays, weeks=range(arrays.weeks), experiments=among, held=held, serving=False
        )
        self.value = objectives.work_not_placed(self.program, tier)
        self.most = float("inf")
        values, fixed = tier_values(arrays, reached), tier_values(arrays, others)
        for above in arrays.experiment_tiers:
            terms = objectives.work_not_placed(self.program, above)
            if above < tier and terms:
                enough = float(values[above].placed - fixed[above].placed)
                self.program.model.add_row(("frozen", str(above)), terms, upper=-enough + FROZEN_SLACK)

    def limit_to_room(self, room: Room) -> None:
        """Rows Σ placements in a group of pools ≤ supply less the least that serving must hold there."""
        for g, pools in enumerate(room.groups):
            for week, terms in sorted(self._used_in(pools).items()):
                least = room.least[week][g]
                if least:
                    there = sum(self.program.held.pool_free(pool, week) for pool in pools)
                    self.program.model.add_row(("room", str(g), str(week)), terms, upper=float(there - least))
        floors = {floor.key: room.groups.index(floor.pools) for floor in self.arrays.floors}
        weeks = {self.program.week_name(week): week for week in range(self.arrays.weeks)}
        for row, name in enumerate(self.program.model.row_names):
            if name[0] == "floor":
                self.program.model.row_upper[row] -= room.least[weeks[name[2]]][floors[name[1]]]

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
        """The best packing found, beginning from `start`; sets `most`, which no plan's tier value can exceed."""
        solved = solve_model(
            self.program.model, minimise=self.value, start=self._point(start), node_limit=node_limit, quick=True
        )
        self.most = -solved.bound + ROUNDING
        return None if solved.values is None else self._plan(solved.values)

    def relaxed_most(self) -> float:
        """What no plan's tier value can exceed, by the LP alone."""
        solved = solve_model(self.program.model, minimise=self.value, relax=True)
        return -solved.bound + ROUNDING

    def forbid(self, packed: Plan, *, weeks: Iterable[int]) -> None:
        """Cuts off all that runs together in a week for which serving found no room. Such rows void `most`."""
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

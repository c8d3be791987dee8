"""Problems too large to be solved whole: serving week by week, experiments tier by tier around it.

What belongs here: the order of the parts, re-placing serving to make room for an experiment, and bounds that hold
for the whole problem. Every intermediate plan is feasible, so a limit only costs value, never validity.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.formulation import Program, define_program
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.packing import (
    column_value,
    divide,
    improve_by_program,
    most_value,
    place_greedily,
    preferred_columns,
)
from capacity.allocation.domain.plan import ExperimentUse, Plan, tier_values
from capacity.allocation.domain.residual import held_use
from capacity.allocation.domain.solver import solve_model
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing

Progress = Callable[[str, float], None]

PACKING_ENTRIES = 60_000
BOUND_ENTRIES = 150_000
PACKING_NODES = 60
WEEKLY_NODES = 40
REPLACEMENTS_PER_TIER = 150
SPOTS_TRIED = 3


def solve_by_parts(
    arrays: Arrays, *, pinned: Plan, free: list[int], node_limit: int, gap: float, progress: Progress
) -> tuple[Plan, dict[int, StepResult]]:
    """The plan, and per tier (position) what is proven of it. free: experiments to place."""
    parts = _Parts(arrays, pinned, free, node_limit)
    for run in _runs(arrays):
        progress(f"tier {arrays.tiers[run[0]]}", run[0] / len(arrays.tiers))
        if run[0] in arrays.serving_tiers:
            parts.serve(run)
        else:
            parts.place(run[0])
    progress("ties", 1.0)
    parts.settle()
    return parts.plan, parts.steps(gap)


def _runs(arrays: Arrays) -> list[tuple[int, ...]]:
    """Tiers with members in order; serving tiers that follow one another are solved together, week by week."""
    runs: list[tuple[int, ...]] = []
    for tier in sorted({*arrays.serving_tiers, *arrays.experiment_tiers}):
        if runs and tier in arrays.serving_tiers and runs[-1][0] in arrays.serving_tiers:
            runs[-1] = (*runs[-1], tier)
        else:
            runs.append((tier,))
    return runs


class _Parts:
    """The plan under way, what each tier achieved, and what bounds it."""

    def __init__(self, arrays: Arrays, pinned: Plan, free: list[int], node_limit: int) -> None:
        self.arrays, self.free, self.node_limit = arrays, free, node_limit
        self.plan = pinned
        self.pinned = pinned
        self.weekly = WeeklyServing(arrays, node_limit=min(node_limit, WEEKLY_NODES))
        self.served: dict[int, ServedWeek] = {}
        self.tiers: tuple[int, ...] = ()
        self.bounds: dict[int, float] = {}
        self.room: list[list[int]] | None = None
        self.groups: list[frozenset[int]] = []

    def serve(self, tiers: tuple[int, ...]) -> None:
        """Serving of these tiers in every week, with all placements held."""
        self.tiers = (*self.tiers, *tiers)
        use = ExperimentUse.of(self.arrays, self.plan)
        for week in range(self.arrays.weeks):
            self._adopt(week, self.weekly.solve(week, use=use, tiers=self.tiers))
        weeks = list(self.served.values())
        if len(self.plan.gangs) > len(self.pinned.gangs) or self.plan.divided:
            # Placements may still move: only what serving could do without any of them bounds it.
            alone = ExperimentUse.of(self.arrays, self.pinned)
            weeks = [self.weekly.solve(week, use=alone, tiers=self.tiers) for week in range(self.arrays.weeks)]
        for tier in tiers:
            self.bounds[tier] = sum(week.bounds[tier] for week in weeks)

    def _adopt(self, week: int, served: ServedWeek) -> None:
        self.served[week] = served
        self.plan = self.plan.with_serving(served.plan, weeks=[week])

    def place(self, tier: int) -> None:
        """The tier's experiments: greedily, then by re-placing serving, then by a packing program."""
        mine = [e for e in self.free if self.arrays.experiments[e].tier == tier]
        self.plan = place_greedily(self.arrays, self.plan, mine)
        self._make_room(mine)
        most = float(sum(most_value(self.arrays, e) for e in mine))
        if self._placed(tier, mine) < most - 1e-9:
            if _entries(self.arrays, mine) <= PACKING_ENTRIES:
                self.plan = improve_by_program(
                    self.arrays, self.plan, tier=tier, free=mine, node_limit=min(self.node_limit, PACKING_NODES)
                )
                self._make_room(mine)
            most = min(most, self._packing_bound(tier))
        self.bounds[tier] = -most

    def _placed(self, tier: int, mine: Sequence[int]) -> float:
        gangs = sum(float(column_value(self.arrays, self.plan.gangs[e])) for e in mine if e in self.plan.gangs)
        weight = {e: float(self.arrays.experiments[e].weight) for e in mine}
        return gangs + sum(weight[key[0]] * n for key, n in self.plan.divided.items() if key[0] in weight)

    def _make_room(self, mine: Sequence[int]) -> None:
        """Re-places serving where that lets an unplaced gang in at no loss to any serving tier."""
        budget = REPLACEMENTS_PER_TIER if len(self.arrays.classes) else 0
        unplaced = [e for e in mine if e not in self.plan.gangs and not self.arrays.experiments[e].divisible]
        for e in sorted(unplaced, key=lambda e: (-most_value(self.arrays, e), e)):
            use = ExperimentUse.of(self.arrays, self.plan)
            everything = ExperimentUse.of(self.arrays, self.plan)
            everything.add_serving(self.plan)
            tried = 0
            for column in preferred_columns(self.arrays, e):
                if budget <= 0 or tried >= SPOTS_TRIED:
                    break
                if not use.fits(column) or not self._may_free(column, everything):
                    continue
                tried += 1
                solved = self._serve_around(column, use, everything)
                budget -= len(solved)
                if all(week is not None for week in solved.values()):
                    self._take(column, solved)
                    break

    def _may_free(self, column: Column, everything: ExperimentUse) -> bool:
        """Enough is free in all pools together, a condition that is cheap and necessary where rates are equal."""
        pools = range(len(self.arrays.supply))
        return all(
            sum(max(0, everything.pool_free(pool, week)) for pool in pools) >= column.accelerators
            for week in range(column.first, column.last)
        )

    def _serve_around(
        self, column: Column, use: ExperimentUse, everything: ExperimentUse
    ) -> dict[int, ServedWeek | None]:
        use.add(column)
        solved: dict[int, ServedWeek | None] = {}
        for week in range(column.first, column.last):
            if everything.free_for(column, week) < column.accelerators:
                solved[week] = self.weekly.around(week, use=use, served=self.served[week])
                if solved[week] is None:
                    break
        use.add(column, -1)
        return solved

    def _take(self, column: Column, solved: dict[int, ServedWeek | None]) -> None:
        for week, served in solved.items():
            if served is not None:
                self._adopt(week, served)
        self.plan = replace(self.plan, gangs=self.plan.gangs | {column.experiment: column})

    def _packing_bound(self, tier: int) -> float:
        """Most value of the tier in the LP over placements of this and higher tiers, in the room serving can leave."""
        arrays = self.arrays
        among = [e for e in self.free if arrays.experiments[e].tier <= tier]
        if _entries(arrays, among) > BOUND_ENTRIES:
            among = [e for e in among if arrays.experiments[e].tier == tier]
        if _entries(arrays, among) > BOUND_ENTRIES:
            return float("inf")
        held = ExperimentUse.of(arrays, self.pinned)
        program = define_program(arrays, weeks=range(arrays.weeks), experiments=among, held=held, serving=False)
        self._limit_to_room(program)
        values = tier_values(arrays, self.plan)
        for above in arrays.experiment_tiers:
            terms = objectives.work_not_placed(program, above)
            if above < tier and terms:
                fixed = tier_values(arrays, self.pinned)[above].placed
                reached = float(values[above].placed - fixed)
                program.model.add_row(("frozen", str(above)), terms, upper=-reached + 1e-6 * max(1.0, reached) * 1e-3)
        solved = solve_model(program.model, minimise=objectives.work_not_placed(program, tier), relax=True)
        return float("inf") if solved.values is None else -solved.objective + 1e-6

    def _limit_to_room(self, program: Program) -> None:
        """Rows Σ placements in a group of pools ≤ supply less the least that serving must hold there."""
        model = program.model
        self._know_room()
        least = self.room or []
        for g, pools in enumerate(self.groups):
            used: dict[int, list[tuple[int, float]]] = {}
            for start, column in program.variables.starts.items():
                if start.pool in pools:
                    for week in range(start.first, start.last):
                        used.setdefault(week, []).append((column, float(start.accelerators)))
            for (_, _, pool, week), column in program.variables.divided.items():
                if pool in pools:
                    used.setdefault(week, []).append((column, 1.0))
            for week, terms in sorted(used.items()):
                if least[week][g]:
                    there = sum(program.held.pool_free(pool, week) for pool in pools)
                    model.add_row(("room", str(g), str(week)), terms, upper=float(there - least[week][g]))
        self._limit_floors(program, least)

    def _limit_floors(self, program: Program, least: list[list[int]]) -> None:
        names = {("floor", floor.key): f for f, floor in enumerate(self.arrays.floors)}
        weeks = {program.week_name(week): week for week in range(self.arrays.weeks)}
        for row, name in enumerate(program.model.row_names):
            if name[:2] in names:
                group = self.groups.index(self.arrays.floors[names["floor", name[1]]].pools)
                program.model.row_upper[row] -= least[weeks[name[2]]][group]

    def _know_room(self) -> None:
        """Once, after the first serving tiers: what they must hold in each pool, each floor's pools, and all."""
        if self.room is not None:
            return
        everywhere = frozenset(range(len(self.arrays.supply)))
        single = [frozenset([pool]) for pool in sorted(everywhere)]
        floors = [floor.pools for floor in self.arrays.floors]
        self.groups = list(dict.fromkeys([*single, *floors, everywhere]))
        first_free = min((self.arrays.experiments[e].tier for e in self.free), default=len(self.arrays.tiers))
        self.room = []
        for week in range(self.arrays.weeks):
            frozen = (
                {tier: value for tier, value in self.served[week].values.items() if tier < first_free}
                if week in self.served
                else {}
            )
            self.room.append(self.weekly.least_use(week, self.groups, frozen=frozen))

    def settle(self) -> None:
        """Earliest starts with serving held, and nothing left out that would fit."""
        for e in sorted(self.plan.gangs):
            if e in self.pinned.gangs:
                continue
            use = ExperimentUse.of(self.arrays, self.plan, leave_out=frozenset([e]))
            use.add_serving(self.plan)
            now = column_value(self.arrays, self.plan.gangs[e])
            for column in preferred_columns(self.arrays, e):
                if column_value(self.arrays, column) == now and use.fits(column):
                    self.plan = replace(self.plan, gangs=self.plan.gangs | {e: column})
                    break
        for e in sorted(self.free, key=lambda e: (self.arrays.experiments[e].tier, e)):
            self._insert_if_it_fits(e)

    def _insert_if_it_fits(self, e: int) -> None:
        arrays, plan = self.arrays, self.plan
        if e in plan.gangs or any(key[0] == e for key in plan.divided):
            return
        everything = ExperimentUse.of(arrays, plan)
        everything.add_serving(plan)
        if arrays.experiments[e].divisible:
            self.plan = replace(plan, divided=plan.divided | divide(arrays, everything, e))
            return
        recalled = held_use(arrays, plan, tier=arrays.experiments[e].tier)
        column = next((column for column in preferred_columns(arrays, e) if recalled.fits(column)), None)
        if column is not None:
            self._recall(column)
            self.plan = replace(self.plan, gangs=self.plan.gangs | {e: column})

    def _recall(self, column: Column) -> None:
        """Takes preemptible work of lower tiers out, last keys first, until the column fits."""
        tier = self.arrays.experiments[column.experiment].tier
        rows = self.arrays.experiments
        lower = [e for e in self.free if rows[e].preemptible and rows[e].tier > tier]
        for e in [*sorted(lower, key=lambda e: (-rows[e].tier, -e)), None]:
            everything = ExperimentUse.of(self.arrays, self.plan)
            everything.add_serving(self.plan)
            if everything.fits(column) or e is None:
                return
            gangs = {other: place for other, place in self.plan.gangs.items() if other != e}
            divided = {key: n for key, n in self.plan.divided.items() if key[0] != e}
            self.plan = replace(self.plan, gangs=gangs, divided=divided)

    def steps(self, gap: float) -> dict[int, StepResult]:
        """optimal where the bound meets the value; the rest is told as a gap."""
        return {tier: StepResult(False, bound) for tier, bound in self.bounds.items()}


def _entries(arrays: Arrays, experiments: Sequence[int]) -> int:
    """Row entries of the experiments' columns, a measure of a packing program."""
    gangs = sum(column.last - column.first for e in experiments for column in arrays.experiments[e].columns)
    rows = [arrays.experiments[e] for e in experiments if arrays.experiments[e].divisible]
    return gangs + sum((row.span[1] - row.span[0]) * len(arrays.supply) for row in rows)

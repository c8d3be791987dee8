"""Tiers one after another on one program: solve, freeze what was achieved, let the next tier in.

What belongs here: locking and unlocking a tier's columns, frozen rows, and the guard that no step makes a higher
tier worse, in exact numbers. The same ladder serves the whole horizon at once and one week with experiments held.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain import objectives
from capacity.allocation.domain.formulation import Program
from capacity.allocation.domain.named_model import Terms
from capacity.allocation.domain.plan import Plan, TierValue, tier_values
from capacity.allocation.domain.solver import SolverFailed
from capacity.allocation.domain.solver_models import Solved, solve_model

# Frozen rows are divided by their smallest coefficient, so this is a share of the smallest step of money or work.
FROZEN_SLACK = 1e-6
WHOLE = 1e-6
PROVEN = 1e-5
Exactly = Callable[[TierValue], Fraction]
# A gap at which the first whole point found is good enough.
SOMETHING = 0.2


@dataclass(frozen=True, slots=True)
class StepResult:
    """optimal: proven. bound: below the least value, in the objective's own unit."""

    optimal: bool
    bound: float


class Ladder:
    """A program being solved tier by tier. `point` is always feasible: at first nothing is served or placed."""

    def __init__(self, program: Program, *, base: Plan, node_limit: int, gap: float = 0.0) -> None:
        self.program, self.base = program, base
        self.node_limit, self.gap = node_limit, gap
        model = program.model
        self._open_lower, self._open_upper = list(model.lower), list(model.upper)
        self._tier_of = _tier_of_columns(program)
        self._unmet = set(program.variables.unmet.values())
        self.point = [0.0] * len(model.lower)
        for column in self._unmet:
            self.point[column] = model.lower[column] = model.upper[column]
        for column in self._tier_of:
            if column not in self._unmet:
                model.upper[column] = 0.0
        self.values: dict[int, TierValue] = {}
        self.plan = self._plan_at(self.point)

    def admit(self, tier: int) -> None:
        """Lets the tier's columns take values."""
        for column, owner in self._tier_of.items():
            if owner == tier:
                self.program.model.lower[column] = self._open_lower[column]
                self.program.model.upper[column] = self._open_upper[column]

    def find(self, terms: Terms, *, roughly: float, node_limit: int) -> Plan | None:
        """A whole plan of little `terms` that keeps every row, or None where none was found."""
        try:
            solved = self._near_relaxed(terms, roughly)
            if solved.values is None and solved.bound < math.inf:
                solved = solve_model(self.program.model, minimise=terms, node_limit=node_limit, gap=SOMETHING)
        except SolverFailed:
            return None
        return None if solved.values is None else self._plan_at(self._whole(solved.values))

    def restart_from_point(self) -> None:
        """Takes `point`, changed from outside to another feasible one, as where the ladder stands."""
        self.plan = self._plan_at(self.point)

    def minimise(
        self,
        terms: Terms,
        *,
        tier: int | None = None,
        exactly: Exactly | None = None,
        node_limit: int | None = None,
        roughly: float | None = None,
    ) -> StepResult:
        """One step: least value of `terms`, then frozen there. tier: whose exact value this step settles, and
        exactly: what `terms` are of it.

        roughly: relative gap at which a tie-break of a large problem is good enough.
        """
        if not terms:
            self._settle(tier)
            return StepResult(True, 0.0)
        try:
            solved = self._near_relaxed(terms, roughly) if roughly is not None else self._solve(terms, node_limit)
        except SolverFailed:
            # The point stands, and is told with the bound that needs no solver.
            solved = Solved("limit", None, math.inf, _least_possible(self.program, terms))
        accepted = self._accept(solved, terms, tier)
        self._settle(tier)
        # A point that uses the slack of the rows above may look better than its plan is. Frozen there, no later step
        # would find a plan at all.
        told = float(exactly(self.values[tier])) if exactly is not None and tier is not None else -math.inf
        self._add_frozen_row(terms, max(told, _value_at(terms, self.point)))
        return StepResult(solved.status == "optimal" and accepted and not self.gap, solved.bound)

    def _solve(self, terms: Terms, node_limit: int | None) -> Solved:
        limit = self.node_limit if node_limit is None else node_limit
        return solve_model(self.program.model, minimise=terms, start=self.point, node_limit=limit, gap=self.gap)

    def _near_relaxed(self, terms: Terms, gap: float) -> Solved:
        """The best whole point whose every count is the relaxed one rounded up or down; it may not exist."""
        model = self.program.model
        relaxed = solve_model(model, minimise=terms, relax=True)
        if relaxed.values is None:
            return relaxed
        lower, upper = list(model.lower), list(model.upper)
        for column, value in enumerate(relaxed.values):
            if model.integer[column]:
                model.lower[column] = max(lower[column], math.floor(value + WHOLE))
                model.upper[column] = min(upper[column], math.ceil(value - WHOLE))
        solved = solve_model(model, minimise=terms, node_limit=1, gap=gap, quick=True)
        model.lower[:], model.upper[:] = lower, upper
        return replace(solved, bound=relaxed.bound)

    def _accept(self, solved: Solved, terms: Terms, tier: int | None) -> bool:
        if solved.values is None:
            return False
        point = self._whole(solved.values)
        plan = self._plan_at(point)
        values = tier_values(self.program.arrays, plan, weeks=self.program.weeks)
        if any(values[k].is_worse_than(settled) for k, settled in self.values.items() if k != tier):
            return False
        if _value_at(terms, point) > _value_at(terms, self.point) + FROZEN_SLACK:
            return False
        self.point, self.plan = point, plan
        return True

    def _settle(self, tier: int | None) -> None:
        if tier is not None:
            self.values[tier] = tier_values(self.program.arrays, self.plan, weeks=self.program.weeks)[tier]

    def _add_frozen_row(self, terms: Terms, value: float) -> None:
        if terms:
            scale = min(abs(coefficient) for _, coefficient in terms)
            self.program.model.add_row(
                ("frozen", str(len(self.program.model.rows))),
                [(column, coefficient / scale) for column, coefficient in terms],
                upper=value / scale + FROZEN_SLACK,
            )

    def _whole(self, values: list[float]) -> list[float]:
        return [
            float(round(value)) if whole else value
            for value, whole in zip(values, self.program.model.integer, strict=True)
        ]

    def _plan_at(self, point: list[float]) -> Plan:
        variables = self.program.variables

        def counts(columns: dict[tuple[int, ...], int]) -> dict[tuple[int, ...], int]:
            return {key: round(point[column]) for key, column in columns.items() if point[column] > 0.5}

        return Plan(
            replicas=counts(variables.replicas),  # type: ignore[arg-type]
            burst=counts(variables.burst),  # type: ignore[arg-type]
            gangs=self.base.gangs
            | {start.experiment: start for start, column in variables.starts.items() if point[column] > 0.5},
            divided=self.base.divided | counts(variables.divided),  # type: ignore[arg-type]
        )


def _least_possible(program: Program, terms: Terms) -> float:
    model = program.model
    return sum(cost * (model.upper[column] if cost < 0 else model.lower[column]) for column, cost in terms)


def _value_at(terms: Terms, point: list[float]) -> float:
    return sum(coefficient * point[column] for column, coefficient in terms)


def _tier_of_columns(program: Program) -> dict[int, int]:
    arrays, variables = program.arrays, program.variables
    return (
        {column: tier for (_, tier, _, _), column in variables.replicas.items()}
        | {column: arrays.demands[d].tier for (d, _), column in variables.unmet.items()}
        | {column: tier for (tier, _, _), column in variables.burst.items()}
        | {column: arrays.experiments[start.experiment].tier for start, column in variables.starts.items()}
        | {column: arrays.experiments[e].tier for (e, _, _, _), column in variables.divided.items()}
        | {column: arrays.experiments[e].tier for (e, _), column in variables.choice.items()}
    )


def climb_serving_tier(ladder: Ladder, tier: int) -> StepResult:
    """Dollars first, then the unmet accelerators whose dollars are unknown. Returns the dollars' step."""
    ladder.admit(tier)
    step = ladder.minimise(objectives.usd_lost(ladder.program, tier), tier=tier, exactly=lambda value: value.usd)
    usd = float(ladder.values[tier].usd)
    if usd > step.bound + PROVEN * max(usd, abs(step.bound)):
        # The solver's tolerances hid dollars that the exact count of the same plan shows.
        step = replace(step, optimal=False)
    unknown = objectives.unmet_accelerators(ladder.program, tier)
    if unknown:
        ladder.minimise(unknown, tier=tier, exactly=lambda value: value.unmet)
    return step


def climb_experiment_tier(ladder: Ladder, tier: int) -> StepResult:
    """Most weighted accelerator-weeks, then as many as fit of those that weigh nothing."""
    ladder.admit(tier)
    step = ladder.minimise(objectives.work_not_placed(ladder.program, tier), tier=tier)
    worthless = objectives.worthless_not_placed(ladder.program, tier)
    if worthless:
        ladder.minimise(worthless, tier=tier)
    return step

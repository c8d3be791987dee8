"""Serving of one week with every experiment held: a small whole-replica program, tier by tier.

What belongs here: given the placements, weeks are separate; equal weeks are solved once. `solve` refuses a week in
which a tier would do worse than it already achieved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import Model, Terms, define_program
from capacity.allocation.domain.ladder import FROZEN_SLACK, Ladder, climb_serving_tier
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, tier_values
from capacity.allocation.domain.solver import SolverFailed, solve_model

# A whole-replica knapsack in dollars is costly to close and decides nothing else.
ROUGH_COST = 3e-3
# Solver's tolerance when a count of accelerators is rounded up.
ROUNDING = 1e-5

Signature = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class ServedWeek:
    """Serving and burst of one week; the exact value of each tier, and a lower bound on its dollars."""

    plan: Plan
    values: Mapping[int, TierValue]
    bounds: Mapping[int, float]


class WeeklyServing:
    """Solves weeks, and remembers weeks with the same work and the same room."""

    def __init__(self, arrays: Arrays, *, node_limit: int) -> None:
        self.arrays, self.node_limit = arrays, node_limit
        self._known: dict[Signature, tuple[int, ServedWeek]] = {}

    def solve(self, week: int, *, use: ExperimentUse, tiers: tuple[int, ...]) -> ServedWeek:
        """The week's best serving of `tiers`, in the room that `use` leaves; then the cheapest places for it."""
        signature = self._signature(week, use, tiers)
        if signature not in self._known:
            found = self._serve_all(week, use, tiers) or self._climb(week, use, tiers)
            self._known[signature] = (week, found)
        solved_week, served = self._known[signature]
        return served if solved_week == week else replace(served, plan=_moved(served.plan, week))

    def _signature(self, week: int, use: ExperimentUse, tiers: tuple[int, ...]) -> Signature:
        arrays = self.arrays
        return (
            tiers,
            tuple(use.pool_free(pool, week) for pool in range(len(arrays.supply))),
            tuple(use.floor_free(f, week) if floor.kept[week] else None for f, floor in enumerate(arrays.floors)),
            tuple(demand.work[week] for demand in arrays.demands),
            tuple(burst.limit[week] for burst in arrays.burst if burst is not None),
        )

    def _serve_all(self, week: int, use: ExperimentUse, tiers: tuple[int, ...]) -> ServedWeek | None:
        """Everything served without a dollar lost, which no plan can better; None where that was not found."""
        nothing_lost = ServedWeek(Plan(), dict.fromkeys(tiers, TierValue()), dict.fromkeys(tiers, 0.0))
        return self.around(week, use=use, served=nothing_lost)

    def _climb(self, week: int, use: ExperimentUse, tiers: tuple[int, ...]) -> ServedWeek:
        program = define_program(self.arrays, weeks=[week], experiments=(), held=use)
        ladder = Ladder(program, base=Plan(), node_limit=self.node_limit)
        bounds: dict[int, float] = {}
        for tier in tiers:
            step = climb_serving_tier(ladder, tier)
            bounds[tier] = float(ladder.values[tier].usd) if step.optimal else step.bound
        for terms in (objectives.usd_of_places(program), objectives.accelerators_used(program)):
            ladder.minimise(terms, roughly=ROUGH_COST)
        return ServedWeek(ladder.plan, dict(ladder.values), bounds)

    def around(self, week: int, *, use: ExperimentUse, served: ServedWeek) -> ServedWeek | None:
        """Serving as good in every tier as `served`, in the room that `use` leaves; None where none was found."""
        program = define_program(self.arrays, weeks=[week], experiments=(), held=use)
        ladder = Ladder(program, base=Plan(), node_limit=self.node_limit)
        for tier, value in served.values.items():
            ladder.admit(tier)
            _hold(program.model.add_row, objectives.usd_lost(program, tier), value.usd)
            _hold(program.model.add_row, objectives.unmet_accelerators(program, tier), value.unmet)
        cost = objectives.usd_of_places(program) or objectives.accelerators_used(program)
        plan = ladder.find(cost, roughly=ROUGH_COST, node_limit=self.node_limit)
        if plan is None:
            return None
        found = tier_values(self.arrays, plan, weeks=[week])
        if any(found[tier].is_worse_than(value) for tier, value in served.values.items()):
            return None
        return replace(served, plan=plan)

    def least_use(
        self, week: int, pools: Sequence[frozenset[int]], *, frozen: Mapping[int, TierValue], whole: bool = False
    ) -> list[int]:
        """For each set of pools: a lower bound on accelerators of serving less burst there, at the frozen values.

        whole: with whole replicas, which takes longer and may find more.
        """
        program = define_program(self.arrays, weeks=[week], experiments=(), held=ExperimentUse(self.arrays))
        for tier in self.arrays.serving_tiers:
            if tier in frozen:
                _hold(program.model.add_row, objectives.usd_lost(program, tier), frozen[tier].usd)
                _hold(program.model.add_row, objectives.unmet_accelerators(program, tier), frozen[tier].unmet)
        found = []
        for those in pools:
            terms: Terms = [
                (column, float(self.arrays.classes[c].options[o].replica))
                for (c, _, o, _), column in program.variables.replicas.items()
                if self.arrays.classes[c].options[o].pool in those
            ]
            terms += [(column, -1.0) for (_, p, _), column in program.variables.burst.items() if p in those]
            bound = self._bound(program.model, terms, whole=whole) if terms else 0.0
            found.append(max(0, math.ceil(bound - ROUNDING)) if math.isfinite(bound) else 0)
        return found

    def _bound(self, model: Model, terms: Terms, *, whole: bool) -> float:
        try:
            if whole:
                return solve_model(model, minimise=terms, node_limit=self.node_limit).bound
            return solve_model(model, minimise=terms, relax=True, presolve=False).bound
        except SolverFailed:
            return 0.0


def _hold(add_row: object, terms: Terms, value: Fraction) -> None:
    if terms and callable(add_row):
        scale = min(abs(coefficient) for _, coefficient in terms)
        scaled = [(column, coefficient / scale) for column, coefficient in terms]
        add_row(("frozen",), scaled, upper=float(value) / scale + FROZEN_SLACK)


def _moved(plan: Plan, week: int) -> Plan:
    return Plan(
        replicas={(c, tier, o, week): count for (c, tier, o, _), count in plan.replicas.items()},
        burst={(tier, pool, week): bought for (tier, pool, _), bought in plan.burst.items()},
    )

"""Serving of one week with every experiment held: a small whole-replica program, tier by tier.

What belongs here: given the placements, weeks are separate; equal weeks are solved once. `solve` refuses a week in
which a tier would do worse than it already achieved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeVar

import numpy as np

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue
from capacity.allocation.domain.serving_numbers import Exact
from capacity.allocation.domain.side_by_side import side_by_side
from capacity.allocation.domain.solver import SolverFailed
from capacity.allocation.domain.solver_arrays import INFEASIBLE, ArrayModel, Floats, Found
from capacity.allocation.domain.weekly_model import WeekModel
from capacity.allocation.domain.weekly_program import WeekProgram
from capacity.allocation.domain.weekly_rounding import moved, rounded

# A whole-replica knapsack in dollars is costly to close and decides nothing else.
ROUGH_COST = 3e-2
# Solver's tolerance when a count of accelerators is rounded up.
ROUNDING = 1e-5
# Relative: a value this close above its bound is proven, the rest is the solver's tolerance.
PROVEN = 1e-6
# A relaxed loss below this share of its smallest step is none.
NOISE = 1e-6
# A gap at which the first whole point found is good enough.
SOMETHING = 0.2

# Columns times weeks up to which each week has a copy of the program in the solver, about a kilobyte a column.
MOST_HOT = 200_000

Signature = tuple[object, ...]
Result = TypeVar("Result")


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
        self._models: dict[tuple[int, ...], WeekModel] = {}
        self._hot: dict[tuple[tuple[int, ...], int], ArrayModel] = {}

    def solve(self, weeks: Iterable[int], *, use: ExperimentUse, tiers: tuple[int, ...]) -> dict[int, ServedWeek]:
        """Each week's best serving of `tiers`, in the room that `use` leaves; then the cheapest places for it."""
        signatures = {week: self._signature(week, use, tiers) for week in weeks}
        new: dict[Signature, int] = {}
        for week, signature in signatures.items():
            if signature not in self._known:
                new.setdefault(signature, week)
        solved = self.side_by_side(lambda week: _Climb(self, week, use, tiers).served(), new.values(), tiers=tiers)
        self._known |= {each: (week, served) for (each, week), served in zip(new.items(), solved, strict=True)}
        found = {}
        for week, signature in signatures.items():
            solved_week, served = self._known[signature]
            found[week] = served if solved_week == week else replace(served, plan=_moved(served.plan, week))
        return found

    def side_by_side(
        self, do: Callable[[int], Result], weeks: Iterable[int], *, tiers: tuple[int, ...]
    ) -> list[Result]:
        """`do` of every week, which may only solve that week; in threads where each has its own copy of the program."""
        those = list(weeks)
        are_separate = True
        for week in those:
            model, _ = self.model(tiers, week)
            are_separate = self.own_copy(model, week) == week
        return side_by_side(do, those, are_separate=are_separate)

    def around(self, week: int, *, use: ExperimentUse, served: ServedWeek) -> ServedWeek | None:
        """Serving as good in every tier as `served`, in the room that `use` leaves; None where none was found."""
        found, _ = self.look_around(week, use=use, served=served)
        return found

    def moved(self, week: int, *, use: ExperimentUse, served: ServedWeek) -> ServedWeek | None:
        """`served` with as little moved as makes it fit into what `use` leaves; None where that was not found.

        Quicker than `around`, not the cheapest places.
        """
        model, _ = self.model(tuple(served.values), week)
        program = WeekProgram(model, week, use)
        found = moved(program, served.plan)
        if found is None or not program.fits(found[0]):
            return None
        values = program.value(*found)
        if any(values[tier].is_worse_than(value) for tier, value in served.values.items()):
            return None
        return replace(served, plan=found[0])

    def look_around(self, week: int, *, use: ExperimentUse, served: ServedWeek) -> tuple[ServedWeek | None, bool]:
        """`around`, and whether there can be none: not even divisible replicas fit."""
        climb = _Climb(self, week, use, tuple(served.values))
        found = climb.place_at(served)
        return (None if found is None else replace(served, plan=found)), climb.is_hopeless

    def least_usd(
        self, week: int, *, use: ExperimentUse, tier: int, held: Mapping[int, TierValue] | None = None
    ) -> float:
        """A lower bound on the tier's dollars in what `use` leaves, with the `held` tiers no worse than that."""
        held = held or {}
        climb = _Climb(self, week, use, tuple(sorted({*held, tier})))
        climb.hold(held)
        cost = climb.program.usd_lost(tier)
        return max(0.0, climb.bound(cost, whole=False)) if cost.any() else 0.0

    def model(self, tiers: tuple[int, ...], week: int) -> tuple[WeekModel, ArrayModel]:
        """The program of some tiers, built once, and the week's own copy of it in the solver, kept hot."""
        if tiers not in self._models:
            self._models[tiers] = WeekModel(self.arrays, tiers)
        model = self._models[tiers]
        key = tiers, self.own_copy(model, week)
        if key not in self._hot:
            self._hot[key] = ArrayModel(replace(model.matrix), model.whole)
        return model, self._hot[key]

    def own_copy(self, model: WeekModel, week: int) -> int:
        """The week if each week has a copy of the program in the solver, else one number for all."""
        return week if model.columns * self.arrays.weeks <= MOST_HOT else -1

    def _signature(self, week: int, use: ExperimentUse, tiers: tuple[int, ...]) -> Signature:
        arrays = self.arrays
        return (
            tiers,
            tuple(use.pool_free(pool, week) for pool in range(len(arrays.supply))),
            tuple(use.floor_free(f, week) if floor.kept[week] else None for f, floor in enumerate(arrays.floors)),
            _bytes(arrays.numbers.work[week]),
            tuple(burst.limit[week] for burst in arrays.burst if burst is not None),
        )


class _Climb:
    """One week being solved: the program of its numbers, and the best whole plan so far."""

    def __init__(self, weekly: WeeklyServing, week: int, use: ExperimentUse, tiers: tuple[int, ...]) -> None:
        self.node_limit, self.tiers = weekly.node_limit, tiers
        self.is_hopeless = False
        self.model, self.hot = weekly.model(tiers, week)
        self.program: WeekProgram = WeekProgram(self.model, week, use)
        self.plan, self.able = self.program.plan(np.zeros(self.model.columns))
        self.values = self.program.value(self.plan, self.able)

    def served(self) -> ServedWeek:
        """Relaxed and rounded; where that does not prove a tier, the tier is decided in whole numbers."""
        bounds: dict[int, float] = {}
        is_cheap = True
        while len(bounds) < len(self.tiers):
            rest = self.tiers[len(bounds) :]
            is_cheap = self._settle(self._settled_by_rounding(rest), bounds) == len(rest)
            rest = self.tiers[len(bounds) :]
            # Without the tiers below there is more room to round in.
            if rest and not (len(rest) > 1 and self._settle(self._settled_by_rounding(rest[:1]), bounds)):
                bounds[rest[0]] = self._climb(rest[0])
        if not is_cheap:
            self._cheaper(same_unmet=True, start=self.program.point(self.plan, self.able))
        return ServedWeek(self.plan, {tier: self.values[tier] for tier in self.tiers}, bounds)

    def _settle(self, tiers: Sequence[int], bounds: dict[int, float]) -> int:
        """Holds tiers that are proven to be as good as they can be; their number."""
        for tier in tiers:
            bounds[tier] = float(self.values[tier].usd)
            self.program.hold(tier, usd=self.values[tier].usd, unmet=self.values[tier].unmet)
        return len(tiers)

    def _settled_by_rounding(self, rest: Sequence[int]) -> list[int]:
        """The first of the tiers that remain whose least loss a rounded relaxed solution attains; takes that plan."""
        mark = self.program.mark()
        try:
            least = {tier: self._relaxed_loss(tier) for tier in rest}
            found = self._rounded_rest(least)
        except SolverFailed:
            found = None
        self.program.back_to(mark)
        if found is None:
            return []
        plan, able = found
        values = self.program.value(plan, able)
        if any(values[tier].is_worse_than(self.values[tier]) for tier in self.program.held):
            return []
        settled = []
        for tier in rest:
            usd, unmet = least[tier]
            if values[tier].usd > usd + PROVEN * usd or values[tier].unmet > unmet + PROVEN * unmet:
                break
            settled.append(tier)
        is_better = [values[tier] for tier in rest], [self.values[tier] for tier in rest]
        if settled or _rank(is_better[0]) < _rank(is_better[1]):
            self.plan, self.able, self.values = plan, able, values
        return settled

    def _relaxed_loss(self, tier: int) -> tuple[float, float]:
        """Least dollars, then least unmet work of unknown loss, with divisible replicas; held there."""
        self.program.admit([*self.program.held, tier])
        usd = self._relaxed(self.program.usd_lost(tier))
        self.program.hold(tier, usd=Fraction(usd), unmet=self.program.all_unknown(tier))
        unmet = self._relaxed(self.program.unmet_unknown(tier))
        self.program.hold(tier, usd=Fraction(usd), unmet=Fraction(unmet))
        return usd, unmet

    def _relaxed(self, cost: Floats) -> float:
        """Least cost with divisible replicas; 0 where it is the solver's noise."""
        if not cost.any():
            return 0.0
        self._load(cost)
        found = self.hot.relax()
        if found.status == INFEASIBLE:
            raise SolverFailed("what is held cannot be kept with divisible replicas")
        return found.bound if found.bound > NOISE * cost[cost > 0].min() else 0.0

    def _rounded_rest(self, least: Mapping[int, tuple[float, float]]) -> tuple[Plan, Exact] | None:
        """Cheap places for what the relaxed week serves, and for what held tiers have been given, in whole replicas."""
        if any(self.values[tier] != TierValue() for tier in self.tiers if tier not in least):
            held = [tier for tier in self.tiers if tier not in least]
            self.program.keep_unmet(self.plan, self.able, held)
        cost = self.program.usd_of_places()
        self._load(cost if cost.any() else self.program.accelerators_used())
        relaxed = self.hot.relax()
        return None if relaxed.values is None else rounded(self.program, relaxed.values)

    def place_at(self, served: ServedWeek) -> Plan | None:
        """The cheapest places at which no tier is worse than `served`; None where none were found."""
        self.hold(served.values)
        self.values = dict(served.values)
        if all(value == TierValue() for value in served.values.values()):
            return self.plan if self._cheaper() else None
        self.plan, self.able = self.program.adopt(served.plan)
        found = self._cheaper(same_unmet=True) or self._cheaper()
        return self.plan if found else None

    def hold(self, values: Mapping[int, TierValue]) -> None:
        for tier, value in values.items():
            self.program.hold(tier, usd=value.usd, unmet=value.unmet)

    def bound(self, cost: Floats, *, whole: bool) -> float:
        """Below the least cost at what is held."""
        self._load(cost)
        try:
            return self.hot.solve_whole(node_limit=self.node_limit).bound if whole else self.hot.relax().bound
        except SolverFailed:
            return 0.0

    def _climb(self, tier: int) -> float:
        """Settles one more tier; returns a lower bound on its dollars.

        Work of unknown loss has so small a price that all of it together is within the tolerance of the dollars: mostly
        the least of both is found at once.
        """
        self.program.admit([*self.program.held, tier])
        lost, unknown = self.program.usd_lost(tier), self.program.unmet_unknown(tier)
        most = float(self.program.upper @ unknown)
        slight = PROVEN / 2 * self.bound(lost, whole=False) / most if most and lost.any() else 0.0
        bound = self._minimise(lost + slight * unknown, tier)
        usd = float(self.values[tier].usd)
        bound = max(0.0, bound - slight * most)
        bound = usd if usd <= bound + PROVEN * max(usd, abs(bound)) else bound
        self.program.hold(tier, usd=self.values[tier].usd, unmet=self.program.all_unknown(tier))
        if unknown.any() and self.values[tier].unmet:
            self._minimise(unknown, tier)
            self.program.hold(tier, usd=self.values[tier].usd, unmet=self.values[tier].unmet)
        return bound

    def _minimise(self, cost: Floats, tier: int) -> float:
        if not cost.any():
            return 0.0
        self._load(cost)
        try:
            start = self.program.point(self.plan, self.able)
            found = self.hot.solve_whole(node_limit=self.node_limit, start=start)
        except SolverFailed:
            return 0.0
        self._accept(found, [*self.program.held, tier])
        return max(0.0, found.bound)

    def _cheaper(self, *, same_unmet: bool = False, start: Floats | None = None) -> bool:
        """Cheaper places with every tier held where it is; False where none were found.

        same_unmet: with the very work unmet, and burst bought, that the plan has, which is easier to decide.
        start: a point that is feasible in this week's room.
        """
        cost = self.program.usd_of_places()
        self._load(cost if cost.any() else self.program.accelerators_used())
        mark = self.program.mark()
        if same_unmet:
            self.program.keep_unmet(self.plan, self.able, self.tiers)
            self._load(self.hot.cost)
        try:
            relaxed = self.hot.relax()
            # With unmet work kept as it is, other unmet work may still do.
            self.is_hopeless = relaxed.status == INFEASIBLE and not same_unmet
            if relaxed.status == INFEASIBLE or relaxed.values is None:
                return False
            near = rounded(self.program, relaxed.values)
            if near is not None and self._take(*near, self.tiers):
                return True
            found = self.hot.solve_whole(node_limit=self.node_limit, gap=ROUGH_COST, start=start)
            return self._accept(found, self.tiers)
        except SolverFailed:
            return False
        finally:
            self.program.back_to(mark)

    def _accept(self, found: Found, tiers: Sequence[int]) -> bool:
        """Takes a point that makes none of `tiers` worse than it is known to be."""
        if found.values is None:
            return False
        return self._take(*self.program.plan(found.values), tiers)

    def _take(self, plan: Plan, able: Exact, tiers: Sequence[int]) -> bool:
        values = self.program.value(plan, able)
        if not self.program.fits(plan) or any(values[tier].is_worse_than(self.values[tier]) for tier in tiers):
            return False
        self.plan, self.able, self.values = plan, able, values
        return True

    def _load(self, cost: Floats) -> None:
        program, hot = self.program, self.hot
        hot.set_values(program.values.copy())
        hot.cost = cost
        hot.lower, hot.upper = program.lower, program.upper
        hot.row_lower, hot.row_upper = program.row_lower, program.row_upper


def _rank(values: Sequence[TierValue]) -> list[tuple[Fraction, Fraction]]:
    return [(value.usd, value.unmet) for value in values]


def _bytes(values: Exact) -> object:
    return tuple(values.tolist()) if values.dtype == object else values.tobytes()


def _moved(plan: Plan, week: int) -> Plan:
    return Plan(
        replicas={(c, tier, o, week): count for (c, tier, o, _), count in plan.replicas.items()},
        burst={(tier, pool, week): bought for (tier, pool, _), bought in plan.burst.items()},
    )

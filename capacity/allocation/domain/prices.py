"""Scarcity prices: what one more accelerator in a pool and week would be worth to serving, in dollars.

What belongs here: the weekly serving LP with placements held, tier by tier, its right-hand slope in the supply of one
pool, and what a whole node more or less would change (methods: Scarcity price). Replicas are divisible here: a price
is marginal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import define_program
from capacity.allocation.domain.named_model import INFINITY
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.results import capacity_shortfalls, week_at
from capacity.allocation.domain.side_by_side import side_by_side
from capacity.allocation.domain.solution import CapacityShortfall, ScarcityPrice, Unlock, Unplaced
from capacity.allocation.domain.solver import INFEASIBLE, OPTIMAL, SolverFailed, cost_unit
from capacity.allocation.domain.solver_arrays import ArrayModel, Found
from capacity.allocation.domain.solver_models import array_model

# A step of supply this small stays on one piece of the (piecewise linear) value of supply.
STEP = 2.0**-7
FROZEN_SLACK = 1e-9
TIGHT = 1e-6
# Prices are differences of sums of dollars: what lies below this share of the sum is rounding, not a price.
NOISE = 1e-10
DECIMALS = 6


def scarcity_prices(
    arrays: Arrays,
    plan: Plan,
    *,
    short: Iterable[CapacityShortfall] | None = None,
    unplaced: Iterable[Unplaced] = (),
) -> tuple[ScarcityPrice, ...]:
    """Prices above zero, by pool and week. short: the plan's shortfalls, where they are at hand.

    unplaced: the plan's requests without a place, of which a price says which one more node would place.
    """
    use = ExperimentUse.of(arrays, plan)
    nodes = _requests_by_node(arrays, unplaced)

    def priced(week: int) -> list[ScarcityPrice]:
        try:
            prices = _WeekPrices(arrays, week, use)
        except SolverFailed:
            # Numbers so far apart that the solver refuses them have a plan, but no price.
            return []
        found = ((pool, prices.price(pool)) for pool in range(len(arrays.supply)))
        return [
            _price_row(arrays, pool, week, row, nodes.get((pool, week), ())) for pool, row in found if row is not None
        ]

    weeks = _weeks_that_cost(arrays, plan, capacity_shortfalls(arrays, plan) if short is None else short)
    rows = [row for rows in side_by_side(priced, weeks) for row in rows]
    return tuple(sorted(rows, key=lambda row: (row.pool, row.week)))


def _weeks_that_cost(arrays: Arrays, plan: Plan, short: Iterable[CapacityShortfall]) -> list[int]:
    """Weeks with dollars lost or burst bought; in every other week one more accelerator is worth nothing."""
    paying = {row.key for row in arrays.demands if row.usd}
    first = arrays.problem.first_week
    weeks = {first.weeks_until(row.week) for row in short if row.key in paying}
    return sorted(weeks | {week for (_, _, week), bought in plan.burst.items() if bought})


def _requests_by_node(arrays: Arrays, unplaced: Iterable[Unplaced]) -> dict[tuple[int, int], list[Unlock]]:
    """(pool, week) → requests that one more node there, for the weeks they need it, would place."""
    found: dict[tuple[int, int], list[Unlock]] = {}
    for row in unplaced:
        for change in row.smallest_changes:
            if change.change == "more_supply" and change.pool and change.from_ and change.weeks:
                pool = arrays.pool_index[change.pool]
                first = arrays.problem.first_week.weeks_until(change.from_)
                if change.accelerators == arrays.node_size[pool]:
                    for week in range(first, first + change.weeks):
                        unlock = Unlock(row.key, True, row.needed or 0, change.weeks)
                        found.setdefault((pool, week), []).append(unlock)
    return found


@dataclass(frozen=True, slots=True)
class _Price:
    one_more: float
    node_more: float | None
    node_less: float | None
    served_more: tuple[tuple[int, float], ...]


def _price_row(arrays: Arrays, pool: int, week: int, row: _Price, requests: Sequence[Unlock]) -> ScarcityPrice:
    served = [Unlock(arrays.demands[d].key, False, max(1, round(more)), 1) for d, more in row.served_more]
    return ScarcityPrice(
        pool=arrays.problem.pools[pool].key,
        week=week_at(arrays, week),
        usd_per_accelerator_week=row.one_more,
        usd_node_more=row.node_more,
        usd_node_less=row.node_less,
        unlocks=(*served, *requests),
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """One tier's dollars (or its unmet accelerators of unknown loss), least on what the steps before it left.

    row: the row that freezes it in the steps after it, its terms ÷ scale. hot: its own program, kept hot. unit: of its
    costs, which stay.
    """

    is_usd: bool
    row: int
    scale: float
    hot: ArrayModel
    unit: float

    def least(self, *, duals: bool) -> Found | None:
        """None where there is no point. Raises SolverFailed where HiGHS gives no usable answer."""
        found = self.hot.relax(duals=duals, unit=self.unit)
        if found.status not in (OPTIMAL, INFEASIBLE):
            raise SolverFailed(f"a price's program ended as {found.status}")
        return found if found.status == OPTIMAL else None


class _WeekPrices:
    """One week's serving LP, one hot program a step: the supply of one pool is changed and every tier solved again."""

    def __init__(self, arrays: Arrays, week: int, use: ExperimentUse) -> None:
        self.arrays, self.week = arrays, week
        self.program = define_program(arrays, weeks=[week], experiments=(), held=use)
        self._open_columns()
        self.upper = list(self.program.model.row_upper)
        self.rows_of_pool = [self._rows_of(pool) for pool in range(len(arrays.supply))]
        self.units = {c: self.program.unmet_unit(c, week) for c in range(len(arrays.classes))}
        self.steps = self._steps()
        # What comes after the last dollars moves no dollars, only who else is served.
        self.last_usd = max((n + 1 for n, step in enumerate(self.steps) if step.is_usd), default=0)
        self.last: list[Found] = []
        self.base = self._solve({}, self.steps)
        self.usd = sum(value for value, step in zip(self.base or (), self.steps, strict=False) if step.is_usd)
        self.is_priced: NDArray[np.bool_] = np.zeros(len(self.upper), dtype=bool)
        if self.base is not None:
            for found in self.last:
                assert found.row_duals is not None
                self.is_priced |= np.abs(found.row_duals[: len(self.upper)]) > TIGHT
            self.point = self._point()

    def _open_columns(self) -> None:
        """Replicas up to what the pool would hold with a node more: the supply's own row limits them, not their column.

        A whole plan may stop at the replicas that fit; a price must see what one accelerator more would carry.
        """
        arrays, model = self.arrays, self.program.model
        for (c, tier, o, week), column in self.program.variables.replicas.items():
            option = arrays.classes[c].options[o]
            burst = arrays.burst[option.pool]
            room = (
                arrays.supply[option.pool][week] + (burst.limit[week] if burst else 0) + arrays.node_size[option.pool]
            )
            work = dict(arrays.classes[c].work_by_tier[week])[tier]
            model.upper[column] = min(float(-(-work // option.work)), room / option.replica)
        for row, name in enumerate(model.row_names):
            if name[0] == "uses_pool":
                (replicas, one), (uses, _) = model.rows[row]
                model.rows[row] = [(replicas, one), (uses, -model.upper[replicas])]

    def _steps(self) -> list[_Step]:
        model, found = self.program.model, []
        for tier in self.arrays.serving_tiers:
            for terms, is_usd in (
                (objectives.usd_lost(self.program, tier), True),
                (objectives.unmet_accelerators(self.program, tier), False),
            ):
                if terms:
                    scale = min(abs(coefficient) for _, coefficient in terms)
                    hot = array_model(model, minimise=terms)
                    found.append(_Step(is_usd, len(model.rows), scale, hot, cost_unit(hot.cost)))
                    frozen = [(column, coefficient / scale) for column, coefficient in terms]
                    model.add_row(("frozen", str(len(found))), frozen, upper=INFINITY)
        return found

    def price(self, pool: int) -> _Price | None:
        """None where one more is worth nothing. No dual on what the pool's supply enters: worth nothing."""
        if self.base is None or not self.usd or not any(self.is_priced[row] for row, _ in self.rows_of_pool[pool]):
            return None
        dollars = self.steps[: self.last_usd]
        one_more = self._saved(self._solve(self._changed(pool, STEP), dollars, at_most=self.base))
        if one_more is None or one_more <= NOISE * self.usd:
            return None
        node = self.arrays.node_size[pool]
        less = self._saved(self._solve(self._changed(pool, -node), dollars))
        more = self._saved(self._solve(self._changed(pool, node), self.steps))
        served = () if more is None else self._served_more()
        return _Price(
            one_more=round(one_more / STEP, DECIMALS),
            # No answer of the solver is no saving of 0.
            node_more=None if more is None else round(max(0.0, more), DECIMALS),
            node_less=None if less is None else round(max(0.0, -less), DECIMALS),
            served_more=served,
        )

    def _saved(self, values: Sequence[float] | None) -> float | None:
        """Dollars saved against the base, tier by tier, so that what did not change cancels out."""
        if values is None or self.base is None:
            return None
        rows = zip(values, self.base, self.steps, strict=False)
        return sum(before - after for after, before, step in rows if step.is_usd)

    def _solve(
        self, changed: Mapping[int, float], steps: Sequence[_Step], *, at_most: Sequence[float] | None = None
    ) -> list[float] | None:
        """Value of every step; None where the change leaves less than is held, or the solver gives no answer.

        at_most: values known to be reachable: a step that lost nothing then loses nothing now and is not solved.
        What was found is `last`, with its duals where nothing is changed.
        """
        self.last = []
        if any(upper < 0 for upper in changed.values()):
            return None
        frozen: dict[int, float] = {}
        values: list[float] = []
        for n, step in enumerate(steps):
            value = 0.0
            if at_most is None or at_most[n] > 0.0:
                found = self._step(step, changed, frozen)
                if found is None:
                    return None
                self.last.append(found)
                value = found.objective
            values.append(value)
            frozen[step.row] = value / step.scale + FROZEN_SLACK
        return values

    def _step(self, step: _Step, changed: Mapping[int, float], frozen: Mapping[int, float]) -> Found | None:
        for row, upper in (*changed.items(), *frozen.items()):
            step.hot.row_upper[row] = upper
        try:
            return step.least(duals=not changed)
        except SolverFailed:
            return None
        finally:
            for row in changed:
                step.hot.row_upper[row] = self.upper[row]

    def _point(self) -> NDArray[np.float64]:
        """Where the last step was left."""
        values = self.last[-1].values if self.last else None
        return np.zeros(0) if values is None else values

    def _rows_of(self, pool: int) -> list[tuple[int, int | None]]:
        """(row, floor or None) of the rows that supply in `pool` enters."""
        arrays, program = self.arrays, self.program
        floors = {floor.key: f for f, floor in enumerate(arrays.floors) if pool in floor.pools}
        found: list[tuple[int, int | None]] = []
        for row, name in enumerate(program.model.row_names):
            if name[0] == "pool_capacity" and name[1] == program.pool_name(pool):
                found.append((row, None))
            elif name[0] == "floor" and name[1] in floors:
                found.append((row, floors[name[1]]))
        return found

    def _changed(self, pool: int, supply: float) -> dict[int, float]:
        """Upper bounds with `supply` more (or less) in the pool; a floor keeps min(asked, supply of its pools)."""
        changed = {}
        for row, f in self.rows_of_pool[pool]:
            kept = 0.0
            if f is not None:
                floor = self.arrays.floors[f]
                there = sum(self.arrays.supply[p][self.week] for p in floor.pools)
                kept = min(floor.asked[self.week], there + supply) - floor.kept[self.week]
            changed[row] = self.upper[row] + supply - kept
        return changed

    def _served_more(self) -> tuple[tuple[int, float], ...]:
        """(demand, accelerators) that the last solve serves more than the base does."""
        before, left, demands = self.unmet, self._unmet(self._point()), self.arrays.demands
        gained = [(d, had - left[d]) for d, had in before.items() if had - left[d] > TIGHT]
        return tuple(sorted(gained, key=lambda row: (demands[row[0]].tier, demands[row[0]].key)))

    @cached_property
    def unmet(self) -> dict[int, float]:
        """Of the base."""
        return self._unmet(self.point)

    def _unmet(self, point: NDArray[np.float64]) -> dict[int, float]:
        """Unmet work by demand at a point: that of a class and tier laid on its last served first."""
        total: dict[tuple[int, int], float] = {}
        columns = self.program.variables.unmet
        for (d, _), column in columns.items():
            row = self.arrays.demands[d]
            amount = float(point[column]) * self.units[row.class_]
            total[row.class_, row.tier] = total.get((row.class_, row.tier), 0.0) + amount
        found: dict[int, float] = {}
        for c, tier in total:
            for d in reversed(self.arrays.classes[c].demands):
                if self.arrays.demands[d].tier == tier and (d, self.week) in columns:
                    found[d] = min(total[c, tier], float(self.arrays.demands[d].work[self.week]))
                    total[c, tier] -= found[d]
        return found

"""One week of serving with divisible replicas, for the price of one accelerator more in a pool.

What belongs here: the program of that week in accelerators, its tiers solved one after another, once with the supply of
the plan and once with a little more (methods: Scarcity price). Whole replicas are `node_worth`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import define_program
from capacity.allocation.domain.named_model import INFINITY, Terms
from capacity.allocation.domain.node_worth import kept_more
from capacity.allocation.domain.plan import ExperimentUse
from capacity.allocation.domain.solver import INFEASIBLE, OPTIMAL, SolverFailed, cost_unit
from capacity.allocation.domain.solver_arrays import ArrayModel, Found
from capacity.allocation.domain.solver_models import array_model

# A step of supply this small stays on one piece of the (piecewise linear) value of supply.
STEP = 2.0**-7
FROZEN_SLACK = 1e-9
# The same while it is chosen which pools a class uses, in whole numbers.
CHOOSING_SLACK = 1e-6
CHOOSING_NODES = 200
TIGHT = 1e-6
# Prices are differences of sums of dollars: what lies below this share of the sum is rounding, not a price.
NOISE = 1e-10


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
        return _found(self.hot.relax(duals=duals, unit=self.unit))

    def least_whole(self) -> Found | None:
        return _found(self.hot.solve_whole(node_limit=CHOOSING_NODES))


def _found(found: Found) -> Found | None:
    if found.status not in (OPTIMAL, INFEASIBLE):
        raise SolverFailed(f"a price's program ended as {found.status}")
    return found if found.status == OPTIMAL else None


@dataclass(frozen=True, slots=True)
class _Choice:
    """Options of a class of which it may still use `left`; by option, the column that opens it and what it opens."""

    opens: Mapping[int, tuple[int, tuple[int, ...]]]
    left: int


class WeekPrices:
    """One week's program, one hot copy a step: the supply of one pool is changed and every tier solved again.

    arrays: with every floor. used: options in which the plan has each class. A class stays in those pools; only where
    it may use more than it does is it free to choose the rest.
    """

    def __init__(self, arrays: Arrays, week: int, held: ExperimentUse, used: Mapping[int, set[int]]) -> None:
        self.arrays, self.week, self.held = arrays, week, held
        self.program = define_program(arrays, weeks=[week], experiments=(), held=held)
        self.choices: list[_Choice] = []
        self._in_accelerators()
        self._no_more_than_asked()
        self._hold_pools(used)
        self.upper = list(self.program.model.row_upper)
        self.rows_of_pool = self._rows_of_pools()
        steps = self._steps()
        # What comes after the last dollars moves no dollars, only who else is served.
        self.steps = steps[: max((n + 1 for n, step in enumerate(steps) if step.is_usd), default=0)]
        self.is_priced: NDArray[np.bool_] = np.zeros(len(self.upper), dtype=bool)
        self.base = self._solve({}) if self.steps else None
        self.usd = sum(value for value, step in zip(self.base or (), self.steps, strict=False) if step.is_usd)

    # --- the program -------------------------------------------------------------------------------------------------

    def _in_accelerators(self) -> None:
        """Columns of replicas become accelerators, which work at their own rate however little is asked for.

        A whole plan may stop at the replicas that fit: here the supply's own row limits them, not their column.
        """
        program, model = self.program, self.program.model
        size: dict[int, int] = {}
        rate: dict[int, float] = {}
        work_of = {
            (c, tier): work for c, row in enumerate(self.arrays.classes) for tier, work in row.work_by_tier[self.week]
        }
        rates = {
            (c, o): float(option.work / option.replica)
            for c, row in enumerate(self.arrays.classes)
            for o, option in enumerate(row.options)
        }
        for (c, tier, o, _), column in program.variables.replicas.items():
            option, work = self.arrays.classes[c].options[o], work_of[c, tier]
            size[column], rate[column] = option.replica, rates[c, o]
            # Whole numbers divide to the float that their fraction is nearest to, without being cancelled down first.
            above = work.numerator * option.work.denominator * option.replica
            model.upper[column] = above / (work.denominator * option.work.numerator)
        units = {row.key: program.unmet_unit(c, self.week) for c, row in enumerate(self.arrays.classes)}
        for row, name in enumerate(model.row_names):
            if name[0] == "demand_balance":
                model.rows[row] = [
                    (j, rate[j] / units[name[1]] if j in rate else value) for j, value in model.rows[row]
                ]
            elif name[0] in ("pool_capacity", "floor", "burst_carries_serving"):
                model.rows[row] = [(j, value / size.get(j, 1)) for j, value in model.rows[row]]
        model.integer = [name[0] == "uses" for name in model.column_names]

    def _no_more_than_asked(self) -> None:
        """Replicas of a tier do no more than its work, so that burst bought for it carries no other: Σ_o rate·x ≤ W."""
        replicas = self.program.variables.replicas
        for c, row in enumerate(self.arrays.classes):
            tiers = row.work_by_tier[self.week]
            bursts = [self.arrays.burst[option.pool] for option in row.options]
            if len(tiers) < 2 or len(row.options) < 2 or not any(each and each.limit[self.week] for each in bursts):
                continue
            for tier, work in tiers:
                unit = self.program.unmet_unit(c, self.week)
                terms = [
                    (replicas[c, tier, o, self.week], float(option.work / option.replica) / unit)
                    for o, option in enumerate(row.options)
                ]
                name = ("asked", row.key, self.arrays.tiers[tier])
                self.program.model.add_row(name, terms, upper=float(work) / unit)

    def _hold_pools(self, used: Mapping[int, set[int]]) -> None:
        """The options a class uses in the plan stay open, the others are closed, or open as far as it may use more."""
        model, replicas = self.program.model, self.program.variables.replicas
        by_class: dict[int, dict[int, int]] = {}
        for (c, o, _), column in self.program.variables.spread.items():
            by_class.setdefault(c, {})[o] = column
        for c, columns in by_class.items():
            mine = used.get(c, set())
            left = (self.arrays.classes[c].max_pools or 0) - len(mine)
            tiers = [tier for tier, _ in self.arrays.classes[c].work_by_tier[self.week]]
            opens = {}
            for o, column in columns.items():
                of_option = tuple(replicas[c, tier, o, self.week] for tier in tiers)
                if o in mine:
                    model.lower[column] = 1.0
                elif left <= 0:
                    model.upper[column] = 0.0
                else:
                    opens[o] = column, of_option
            if opens and left < len(opens):
                self.choices.append(_Choice(opens, left))
        for row, name in enumerate(model.row_names):
            if name[0] == "uses_pool":
                (x, one), (uses, _) = model.rows[row]
                model.rows[row] = [(x, one), (uses, -model.upper[x])]

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
                    frozen: Terms = [(column, coefficient / scale) for column, coefficient in terms]
                    model.add_row(("frozen", str(len(found))), frozen, upper=INFINITY)
        return found

    def _rows_of_pools(self) -> list[list[tuple[int, int | None]]]:
        """By pool, (row, floor or None) of the rows that its supply enters."""
        floors = {floor.key: f for f, floor in enumerate(self.arrays.floors)}
        found: list[list[tuple[int, int | None]]] = [[] for _ in self.arrays.supply]
        for row, name in enumerate(self.program.model.row_names):
            if name[0] == "pool_capacity":
                found[self.arrays.pool_index[name[1]]].append((row, None))
            elif name[0] == "floor":
                for pool in self.arrays.floors[floors[name[1]]].pools:
                    found[pool].append((row, floors[name[1]]))
        return found

    # --- solving -----------------------------------------------------------------------------------------------------

    def price(self, pool: int) -> float | None:
        """Dollars saved per accelerator more; None where it is worth nothing.

        No dual on what the pool's supply enters: worth nothing.
        """
        if self.base is None or not self.usd or not any(self.is_priced[row] for row, _ in self.rows_of_pool[pool]):
            return None
        values = self._solve(self._changed(pool), at_most=self.base)
        if values is None:
            return None
        # Tier by tier, so that what did not change cancels out.
        rows = zip(values, self.base, self.steps, strict=True)
        saved = sum(before - after for after, before, step in rows if step.is_usd)
        return saved / STEP if saved > NOISE * self.usd else None

    def _changed(self, pool: int) -> dict[int, float]:
        """Upper bounds with a step more in the pool; a floor keeps min(asked, supply of its pools)."""
        changed = {}
        for row, f in self.rows_of_pool[pool]:
            kept = 0.0 if f is None else kept_more(self.held.arrays, f, self.week, STEP)
            changed[row] = self.upper[row] + STEP - kept
        return changed

    def _solve(self, changed: Mapping[int, float], *, at_most: Sequence[float] | None = None) -> list[float] | None:
        """Value of every step; None where the solver gives no answer.

        at_most: values known to be reachable: a step that lost nothing then loses nothing now and is not solved.
        Pools that a class is free to choose are first chosen in parts, and in whole where that is more than it may.
        """
        self._set_open(None)
        values, point = self._relaxed(changed, at_most)
        if point is None or not any(self._is_spread(choice, point) for choice in self.choices):
            return values
        opened = self._chosen(changed)
        if opened is None:
            return None
        self._set_open(opened)
        values, _ = self._relaxed(changed, at_most)
        self._set_open(None)
        if not changed:
            self.is_priced[:] = True
        return values

    def _relaxed(
        self, changed: Mapping[int, float], at_most: Sequence[float] | None
    ) -> tuple[list[float] | None, NDArray[np.float64] | None]:
        frozen: dict[int, float] = {}
        values: list[float] = []
        point: NDArray[np.float64] | None = None
        for n, step in enumerate(self.steps):
            value = 0.0
            if at_most is None or at_most[n] > 0.0:
                found = self._step(step, changed, frozen, is_whole=False)
                if found is None:
                    return None, None
                value, point = found.objective, found.values
                if not changed and found.row_duals is not None:
                    self.is_priced |= np.abs(found.row_duals[: len(self.upper)]) > TIGHT
            values.append(value)
            frozen[step.row] = value / step.scale + FROZEN_SLACK
        return values, point

    def _is_spread(self, choice: _Choice, point: NDArray[np.float64]) -> bool:
        """The class is in more of the pools it may choose than it may use."""
        used = [float(point[list(columns)].sum()) for _, columns in choice.opens.values()]
        return sum(amount > TIGHT for amount in used) > choice.left

    def _chosen(self, changed: Mapping[int, float]) -> dict[int, bool] | None:
        """Which of the columns that open a pool are open, the tiers' losses least one after another."""
        frozen: dict[int, float] = {}
        point: NDArray[np.float64] | None = None
        for step in self.steps:
            found = self._step(step, changed, frozen, is_whole=True)
            if found is None:
                return None
            point = found.values
            frozen[step.row] = found.objective / step.scale + CHOOSING_SLACK
        if point is None:
            return None
        return {column: bool(point[column] > 0.5) for each in self.choices for column, _ in each.opens.values()}

    def _set_open(self, opened: Mapping[int, bool] | None) -> None:
        """Opens and closes what a class may choose; None: free again."""
        for column in (column for each in self.choices for column, _ in each.opens.values()):
            for step in self.steps:
                step.hot.lower[column] = float(opened is not None and opened[column])
                step.hot.upper[column] = float(opened is None or opened[column])

    def _step(
        self, step: _Step, changed: Mapping[int, float], frozen: Mapping[int, float], *, is_whole: bool
    ) -> Found | None:
        for row, upper in (*changed.items(), *frozen.items()):
            step.hot.row_upper[row] = upper
        try:
            return step.least_whole() if is_whole else step.least(duals=not changed)
        except SolverFailed:
            return None
        finally:
            for row in changed:
                step.hot.row_upper[row] = self.upper[row]

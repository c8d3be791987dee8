"""Scarcity prices: what one more accelerator in a pool and week would be worth to serving, in dollars.

What belongs here: the weekly serving LP with placements held, tier by tier, and its right-hand slope in the supply
of one pool (methods: Scarcity price). Replicas are divisible here: a price is marginal.
"""

from __future__ import annotations

from collections.abc import Sequence

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import Program, define_program
from capacity.allocation.domain.plan import ExperimentUse, Plan, served_work
from capacity.allocation.domain.results import week_at
from capacity.allocation.domain.solution import ScarcityPrice
from capacity.allocation.domain.solver import SolverFailed, solve_model

# A step of supply this small stays on one piece of the (piecewise linear) value of supply.
STEP = 2.0**-7
FROZEN_SLACK = 1e-9
TIGHT = 1e-6
DECIMALS = 6


def scarcity_prices(arrays: Arrays, plan: Plan) -> tuple[ScarcityPrice, ...]:
    """Prices above zero, by pool and week."""
    use = ExperimentUse.of(arrays, plan)
    rows = []
    for week in _weeks_that_cost(arrays, plan):
        program = define_program(arrays, weeks=[week], experiments=(), held=use)
        base, point = _least_usd(program)
        if not base:
            continue
        for pool in range(len(arrays.supply)):
            if _is_tight(program, pool, point):
                price = round((base - _least_usd(program, pool=pool, week=week)[0]) / STEP, DECIMALS)
                if price > 0:
                    rows.append(ScarcityPrice(arrays.problem.pools[pool].key, week_at(arrays, week), price))
    return tuple(sorted(rows, key=lambda row: (row.pool, row.week)))


def _weeks_that_cost(arrays: Arrays, plan: Plan) -> list[int]:
    """Weeks with dollars lost or burst bought; in every other week one more accelerator is worth nothing."""
    work = served_work(arrays, plan)
    short = {week for (d, week), done in work.items() if arrays.demands[d].usd and done < arrays.demands[d].work[week]}
    return sorted(short | {week for (_, _, week), bought in plan.burst.items() if bought})


def _least_usd(program: Program, *, pool: int | None = None, week: int = 0) -> tuple[float, Sequence[float]]:
    """Dollars of all serving tiers, each least on what the tiers above left, with STEP more supply in `pool`."""
    model, arrays = program.model, program.arrays
    rows, upper = len(model.rows), list(model.row_upper)
    if pool is not None:
        _add_supply(program, pool, week)
    total, point = 0.0, [0.0] * len(model.lower)
    for tier in arrays.serving_tiers:
        for terms, is_usd in (
            (objectives.usd_lost(program, tier), True),
            (objectives.unmet_accelerators(program, tier), False),
        ):
            if terms:
                try:
                    solved = solve_model(model, minimise=terms, relax=True, presolve=False)
                except SolverFailed:
                    return 0.0, point
                if solved.values is None:
                    continue
                point = solved.values
                total += solved.objective if is_usd else 0.0
                scale = min(abs(coefficient) for _, coefficient in terms)
                frozen = [(column, coefficient / scale) for column, coefficient in terms]
                model.add_row(("frozen", str(len(model.rows))), frozen, upper=solved.objective / scale + FROZEN_SLACK)
    del model.rows[rows:], model.row_names[rows:], model.row_lower[rows:], model.row_upper[rows:]
    model.row_upper = upper
    return total, point


def _rows_of(program: Program, pool: int) -> list[tuple[int, int | None]]:
    """(row, floor or None) of the rows that supply in `pool` enters."""
    arrays = program.arrays
    floors = {floor.key: f for f, floor in enumerate(arrays.floors) if pool in floor.pools}
    found: list[tuple[int, int | None]] = []
    for row, name in enumerate(program.model.row_names):
        if name[0] == "pool_capacity" and name[1] == program.pool_name(pool):
            found.append((row, None))
        elif name[0] == "floor" and name[1] in floors:
            found.append((row, floors[name[1]]))
    return found


def _add_supply(program: Program, pool: int, week: int) -> None:
    """STEP more in the pool; a floor that asks for more than its pools have takes the step itself."""
    for row, f in _rows_of(program, pool):
        floor = None if f is None else program.arrays.floors[f]
        if floor is None or floor.asked[week] <= floor.kept[week]:
            program.model.row_upper[row] += STEP


def _is_tight(program: Program, pool: int, point: Sequence[float]) -> bool:
    model = program.model
    return any(
        sum(coefficient * point[column] for column, coefficient in model.rows[row]) > model.row_upper[row] - TIGHT
        for row, _ in _rows_of(program, pool)
    )

"""Placing one tier's experiments into the room that is left, greedily, with everything else held.

What belongs here: the value of a spot, the order spots are preferred in, and filling by fixed orders. Programs that
choose many spots at once are `room`; whether serving can make way is `by_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, Column
from capacity.allocation.domain.plan import ExperimentUse, Plan

Divided = dict[tuple[int, int, int, int], int]


def column_value(arrays: Arrays, column: Column) -> Fraction:
    return arrays.experiments[column.experiment].weight * column_size(column)


def column_size(column: Column) -> int:
    """Accelerator-weeks: what the spots of one experiment are compared by."""
    return column.accelerators * (column.last - column.first)


def most_value(arrays: Arrays, e: int) -> Fraction:
    """Value of the experiment if nothing were in its way, weighted accelerator-weeks."""
    row = arrays.experiments[e]
    if row.divisible:
        sizes = [option.accelerators * option.weeks for option in arrays.problem.experiments[e].options]
        return row.weight * max(sizes, default=0)
    return row.weight * max(map(column_size, row.columns), default=0)


def preferred_columns(arrays: Arrays, e: int) -> list[Column]:
    """Columns of a gang: dearest option first, then where the previous plan had it, earliest, first domain."""
    row = arrays.experiments[e]
    before = {(p.pool, p.domain, p.start) for p in arrays.problem.previous if p.key == row.key}

    def rank(column: Column) -> tuple[int, bool, int, int]:
        moved = False
        if before:
            place = (arrays.problem.pools[column.pool].key, arrays.domains[column.domain].key)
            moved = (*place, arrays.problem.first_week.plus(column.start)) not in before
        return (-column_size(column), moved, column.start, column.domain)

    return sorted(row.columns, key=rank)


def place_greedily(arrays: Arrays, plan: Plan, experiments: Sequence[int]) -> Plan:
    """`plan` with those of `experiments` that fit, each in its preferred spot; the best of a few fixed orders."""
    preferences = {e: preferred_columns(arrays, e) for e in experiments}
    orders: list[Callable[[int], tuple[object, ...]]] = [
        lambda e: (-most_value(arrays, e), e),
        lambda e: (-_size(arrays, e), -most_value(arrays, e), e),
        lambda e: (len(preferences[e]), -most_value(arrays, e), e),
    ]
    best: tuple[Fraction, Plan] | None = None
    for order in orders:
        found, value = _place_in_order(arrays, plan, sorted(experiments, key=order), preferences)
        if best is None or value > best[0]:
            best = (value, found)
    return plan if best is None else best[1]


def _size(arrays: Arrays, e: int) -> int:
    return max((option.accelerators for option in arrays.problem.experiments[e].options), default=0)


def _place_in_order(
    arrays: Arrays, plan: Plan, order: Sequence[int], preferences: dict[int, list[Column]]
) -> tuple[Plan, Fraction]:
    use = ExperimentUse.of(arrays, plan)
    use.add_serving(plan)
    gangs, divided, value = dict(plan.gangs), dict(plan.divided), Fraction(0)
    for e in order:
        if arrays.experiments[e].divisible:
            part = divide(arrays, use, e)
            divided |= part
            value += arrays.experiments[e].weight * sum(part.values())
            continue
        column = next((column for column in preferences[e] if use.fits(column)), None)
        if column is not None:
            use.add(column)
            gangs[e] = column
            value += column_value(arrays, column)
    return plan.with_experiments(gangs=gangs, divided=divided), value


def divide(arrays: Arrays, use: ExperimentUse, e: int) -> Divided:
    """As much of divisible work as fits, earliest weeks and first pools first; `use` is charged with it."""
    best: Divided = {}
    for o in range(len(arrays.problem.experiments[e].options)):
        part = _divide_option(arrays, use, e, o)
        if sum(part.values()) > sum(best.values()):
            best = part
    for (_, _, pool, week), accelerators in best.items():
        use.add_divided(e, pool, week, accelerators)
    return best


def _divide_option(arrays: Arrays, use: ExperimentUse, e: int, o: int) -> Divided:
    request = arrays.problem.experiments[e]
    option = request.options[o]
    latest = arrays.problem.first_week.weeks_until(request.latest_start)
    left = option.accelerators * option.weeks
    part: Divided = {}
    for week in range(arrays.experiments[e].span[0], min(latest + option.weeks, arrays.weeks)):
        this_week = min(option.accelerators, left)
        taken: dict[int, int] = {}
        for pool in (arrays.pool_index[key] for key in option.pools):
            room = use.pool_free(pool, week)
            for f in arrays.floors_counting(e, pool):
                already = sum(n for other, n in taken.items() if other in arrays.floors[f].pools)
                room = min(room, use.floor_free(f, week) - already)
            taken[pool] = max(0, min(room, this_week - sum(taken.values())))
        part |= {(e, o, pool, week): n for pool, n in taken.items() if n}
        left -= sum(taken.values())
    return part

"""Scarcity prices: what one more accelerator in a pool and week would be worth to serving, in dollars.

What belongs here: which pool-weeks have a price, and their rows (methods: Scarcity price). The week's program with
divisible replicas is `price_program`; what a whole node more or less would change is `node_worth`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.node_worth import RECORD_COLUMNS, NodeWorth, NodeWorths, with_every_floor
from capacity.allocation.domain.plan import ExperimentUse, Plan
from capacity.allocation.domain.price_program import WeekPrices
from capacity.allocation.domain.results import capacity_shortfalls, week_at
from capacity.allocation.domain.side_by_side import side_by_side
from capacity.allocation.domain.solution import CapacityShortfall, ScarcityPrice, Unlock, Unplaced
from capacity.allocation.domain.solver import SolverFailed

DECIMALS = 6
# Dollars by (pool, week).
Usd = Mapping[tuple[int, int], float]


def scarcity_prices(
    arrays: Arrays,
    plan: Plan,
    *,
    short: Iterable[CapacityShortfall] | None = None,
    unplaced: Iterable[Unplaced] = (),
    most_columns: int = RECORD_COLUMNS,
) -> tuple[ScarcityPrice, ...]:
    """Prices above zero, by pool and week. short: the plan's shortfalls, where they are at hand.

    unplaced: the plan's requests without a place, of which a price says which one more node would place.
    most_columns: up to which weeks are solved again for what a node is worth; the rest of it is None.
    """
    usd = usd_by_place(arrays, plan, capacity_shortfalls(arrays, plan) if short is None else short)
    return price_rows(arrays, usd, node_worths(arrays, plan, usd, most_columns=most_columns), unplaced)


def usd_by_place(arrays: Arrays, plan: Plan, short: Iterable[CapacityShortfall]) -> Usd:
    """Dollars of one accelerator more, above zero, by (pool, week). short: the plan's shortfalls."""
    held = ExperimentUse.of(arrays, plan)
    opened, used = with_every_floor(arrays), _options_used(plan)

    def priced(week: int) -> dict[tuple[int, int], float]:
        try:
            prices = WeekPrices(opened, week, held, used.get(week, {}))
        except SolverFailed:
            # Numbers so far apart that the solver refuses them have a plan, but no price.
            return {}
        found = ((pool, prices.price(pool)) for pool in range(len(arrays.supply)))
        return {(pool, week): price for pool, price in found if price is not None and round(price, DECIMALS) > 0}

    weeks = _weeks_that_cost(arrays, plan, short)
    return {at: price for row in side_by_side(priced, weeks) for at, price in row.items()}


def node_worths(arrays: Arrays, plan: Plan, usd: Usd, *, most_columns: int) -> dict[tuple[int, int], NodeWorth]:
    """What a node more or less is worth where one accelerator is worth anything, within the limit of columns."""
    # Where not all can be solved again, those at which a node at this price would be worth most.
    dearest = sorted(usd, key=lambda at: (-usd[at] * arrays.node_size[at[0]], at))
    return NodeWorths(arrays, plan, ExperimentUse.of(arrays, plan)).of(dearest, most_columns=most_columns)


def price_rows(
    arrays: Arrays, usd: Usd, worths: Mapping[tuple[int, int], NodeWorth], unplaced: Iterable[Unplaced]
) -> tuple[ScarcityPrice, ...]:
    """Rows by pool and week; unplaced as in `scarcity_prices`."""
    placed = _requests_by_node(arrays, unplaced)
    rows = [_price_row(arrays, at, price, worths.get(at, NodeWorth()), placed.get(at, ())) for at, price in usd.items()]
    return tuple(sorted(rows, key=lambda row: (row.pool, row.week)))


def _options_used(plan: Plan) -> dict[int, dict[int, set[int]]]:
    """By week and class, the options in which the plan has replicas."""
    found: dict[int, dict[int, set[int]]] = {}
    for c, _, o, week in plan.replicas:
        found.setdefault(week, {}).setdefault(c, set()).add(o)
    return found


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


def _price_row(
    arrays: Arrays, at: tuple[int, int], price: float, worth: NodeWorth, requests: Sequence[Unlock]
) -> ScarcityPrice:
    pool, week = at
    served = [Unlock(arrays.demands[d].key, False, math.ceil(more), 1) for d, more in worth.served_more]
    return ScarcityPrice(
        pool=arrays.problem.pools[pool].key,
        week=week_at(arrays, week),
        usd_per_accelerator_week=round(price, DECIMALS),
        usd_node_more=None if worth.more is None else round(float(worth.more), DECIMALS),
        usd_node_less=None if worth.less is None else round(float(worth.less), DECIMALS),
        unlocks=(*served, *requests),
    )

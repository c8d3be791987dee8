"""What a whole node more or less in a pool and week would change: the week's serving solved again in whole replicas.

What belongs here: one week with placements held and the supply of one pool changed, compared with the plan itself in
exact dollars (methods: Scarcity price). The price of one accelerator is `prices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, served_work, tier_values
from capacity.allocation.domain.solver import SolverFailed
from capacity.allocation.domain.weekly import ServedWeek, WeeklyServing

# Branch-and-bound nodes of one re-solved week.
NODE_LIMIT = 1000
# Columns solved over all re-solved weeks of a plan; beyond it a node's worth is not computed. Counted, never timed.
QUICK_COLUMNS, RECORD_COLUMNS = 4_000, 200_000
# Relative: a tier this close above its bound is proven.
PROVEN = 1e-6


@dataclass(frozen=True, slots=True)
class NodeWorth:
    """Dollars a week that a node more saves and a node less loses, None where that is not known.

    A node less is not known either where the placements that are held need it. served_more: (demand, accelerators at
    the best rate) that a node more serves beyond the plan. A change can cost a lower tier more than it gives a higher
    one: then the dollars are below 0.
    """

    more: Fraction | None = None
    less: Fraction | None = None
    served_more: tuple[tuple[int, Fraction], ...] = ()


class ChangedSupply(ExperimentUse):
    """Held placements with `by` accelerators more (or less) in one pool and week; floors keep min(asked, supply)."""

    def __init__(self, held: ExperimentUse, *, pool: int, week: int, by: int) -> None:
        self.arrays, self._held, self._pool_changed, self._week, self._by = held.arrays, held, pool, week, by

    def pool_free(self, pool: int, week: int) -> int:
        is_here = (pool, week) == (self._pool_changed, self._week)
        return self._held.pool_free(pool, week) + (self._by if is_here else 0)

    def floor_free(self, floor: int, week: int) -> int:
        free = self._held.floor_free(floor, week)
        if week != self._week or self._pool_changed not in self.arrays.floors[floor].pools:
            return free
        return free + self._by - int(kept_more(self.arrays, floor, week, self._by))

    def holds_placements(self) -> bool:
        """What is held still fits its pool and the floors."""
        floors = (f for f, row in enumerate(self.arrays.floors) if self._pool_changed in row.pools)
        return self.pool_free(self._pool_changed, self._week) >= 0 and all(
            self.floor_free(f, self._week) >= 0 for f in floors
        )


def kept_more(arrays: Arrays, floor: int, week: int, by: float) -> float:
    """Accelerators that a floor keeps more when its pools have `by` more: it keeps min(asked, supply)."""
    row = arrays.floors[floor]
    there = sum(arrays.supply[pool][week] for pool in row.pools)
    return min(row.asked[week], there + by) - row.kept[week]


def with_every_floor(arrays: Arrays) -> Arrays:
    """The same with a row for every floor that asks for anything, also where its pools have no supply to keep."""
    floors = tuple(
        replace(row, kept=tuple(map(max, row.kept, (int(asked > 0) for asked in row.asked)))) for row in arrays.floors
    )
    return replace(arrays, floors=floors)


class NodeWorths:
    """Weeks solved again from the plan, with one program for all of them."""

    def __init__(self, arrays: Arrays, plan: Plan, held: ExperimentUse) -> None:
        self.arrays, self.plan, self.held = arrays, plan, held
        self.tiers = arrays.serving_tiers
        self.weekly = WeeklyServing(with_every_floor(arrays), node_limit=NODE_LIMIT)

    def of(self, wanted: Sequence[tuple[int, int]], *, most_columns: int) -> dict[tuple[int, int], NodeWorth]:
        """Worth by (pool, week), of the first of `wanted` that the limit allows, and of one at least."""
        if not wanted:
            return {}
        model, _ = self.weekly.model(self.tiers, wanted[0][1])
        most = max(1, most_columns // max(1, 2 * model.columns))
        by_week: dict[int, list[int]] = {}
        for pool, week in wanted[:most]:
            by_week.setdefault(week, []).append(pool)
        weeks = sorted(by_week)
        rows = self.weekly.side_by_side(
            lambda week: _WeekAgain(self, week).worths(by_week[week]), weeks, tiers=self.tiers
        )
        return {(pool, week): worth for week, row in zip(weeks, rows, strict=True) for pool, worth in row.items()}


class _WeekAgain:
    """One week of the plan, and the same week with more or less in one pool."""

    def __init__(self, parent: NodeWorths, week: int) -> None:
        self.parent, self.arrays, self.week = parent, parent.arrays, week
        plan = parent.plan
        self.plan = Plan(
            replicas={key: n for key, n in plan.replicas.items() if key[3] == week},
            burst={key: n for key, n in plan.burst.items() if key[2] == week},
        )
        self.values = tier_values(self.arrays, self.plan, weeks=[week])
        self.usd = sum((value.usd for value in self.values), Fraction(0))

    def worths(self, pools: Iterable[int]) -> dict[int, NodeWorth]:
        found = {}
        for pool in pools:
            node = self.arrays.node_size[pool]
            more, less = self._again(pool, node), self._again(pool, -node)
            found[pool] = NodeWorth(
                more=None if more is None else self.usd - _usd(more.values),
                less=None if less is None else _usd(less.values) - self.usd,
                served_more=() if more is None else self._served_more(more.plan),
            )
        return found

    def _again(self, pool: int, by: int) -> ServedWeek | None:
        """The week with the pool changed; None where it holds less than is placed or the best plan is not proven."""
        use = ChangedSupply(self.parent.held, pool=pool, week=self.week, by=by)
        if not use.holds_placements():
            return None
        try:
            found = self.parent.weekly.solve([self.week], use=use, tiers=self.parent.tiers)[self.week]
        except SolverFailed:
            return None
        change = self._change(found)
        # The plan itself stands with a node more, and cannot be bettered with a node less.
        if by > 0 and change > 0:
            return ServedWeek(self.plan, {tier: self.values[tier] for tier in self.parent.tiers}, {})
        is_proven = all(_is_proven(found.values[tier], found.bounds[tier]) for tier in self.parent.tiers)
        return found if is_proven and not (by < 0 and change < 0) else None

    def _change(self, found: ServedWeek) -> int:
        """Above 0 where the first tier that differs is worse than the plan's, below 0 where it is better."""
        for tier in self.parent.tiers:
            now, before = found.values[tier], self.values[tier]
            if (now.usd, now.unmet) != (before.usd, before.unmet):
                return 1 if (now.usd, now.unmet) > (before.usd, before.unmet) else -1
        return 0

    def _served_more(self, plan: Plan) -> tuple[tuple[int, Fraction], ...]:
        before = served_work(self.arrays, self.plan, weeks=[self.week])
        after = served_work(self.arrays, plan, weeks=[self.week])
        gained = [(d, amount - before[d, self.week]) for (d, _), amount in after.items()]
        demands = self.arrays.demands
        more = [(d, amount) for d, amount in gained if amount > 0]
        return tuple(sorted(more, key=lambda row: (demands[row[0]].tier, demands[row[0]].key)))


def _usd(values: Mapping[int, TierValue]) -> Fraction:
    return sum((value.usd for value in values.values()), Fraction(0))


def _is_proven(value: TierValue, bound: float) -> bool:
    return float(value.usd) - bound <= PROVEN * float(value.usd)

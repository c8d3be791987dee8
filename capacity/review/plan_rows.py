"""A solved plan → the rows of its result tables. Pure: dictionaries with the tables' columns, in a fixed order.

Only bookkeeping and sums. Here stand experiments, tiers and prices; serving is `plan_serving`, pools `plan_pools`.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cached_property

from capacity.allocation.domain.problem import Placement
from capacity.lib.money import exact_context
from capacity.lib.units import HOURS_PER_WEEK
from capacity.review.plan_pools import PoolRows
from capacity.review.plan_serving import ZERO, Row
from workloads.promises import Promise, promises_by_key
from workloads.running import Run, runs_by_key


class PlanRows(PoolRows):
    """All rows of one plan. Each property is one table; later ones use earlier ones."""

    def request_columns(self, key: str) -> Row:
        row = self.experiments[key]
        return {
            "experiment_key": key,
            "name": row["name"],
            "team_key": row["team"],
            "team_name": self.teams[row["team"]],
            "priority": row["experiment_priority"],
        }

    @cached_property
    def runs(self) -> dict[str, Run]:
        """What runs, by request."""
        inputs = self.plan.inputs
        return runs_by_key(self.experiments.values(), as_of=inputs.as_of, horizon=self.horizon)

    @cached_property
    def promises(self) -> dict[str, Promise]:
        """What the plan keeps, or cannot keep, of the starts that the last held review promised, by request."""
        pinned = {
            each.key for each in self.plan.problem.experiments if each.pinned is not None and each.pinned.promised
        }
        return {key: promise for key, promise in promises_by_key(self.tables).items() if key in pinned}

    @cached_property
    def told_placements(self) -> list[Placement]:
        """The plan's placements, of a run that goes on where it stands from the day it started."""
        placed = self.plan.solution.placements
        return [self.runs[each.key].since_start(each) if each.key in self.runs else each for each in placed]

    @cached_property
    def placement_rows(self) -> list[Row]:
        rows = []
        with localcontext(exact_context()):
            for each in self.told_placements:
                rates = [
                    self.plan.rates[each.pool, each.start.plus(offset)]
                    for offset in range(each.weeks)
                    if each.start.plus(offset) in self.horizon
                ]
                known = None if any(rate is None for rate in rates) else sum((r for r in rates if r), ZERO)
                rows.append(
                    {
                        **self.request_columns(each.key),
                        "purpose": self.experiments[each.key]["purpose"],
                        "is_running": self.experiments[each.key]["state"] == "running",
                        "pool_key": each.pool,
                        "domain_key": each.domain or "",
                        "start_week": each.start.key,
                        "weeks": each.weeks,
                        "accelerators": each.accelerators,
                        "cost_usd": None if known is None else each.accelerators * HOURS_PER_WEEK * known,
                    }
                )
        return rows

    @cached_property
    def tier_rows(self) -> list[Row]:
        return [
            {
                "position": position,
                "tier": tier.tier,
                "unit": tier.unit or "",
                "value": _number(tier.value),
                "bound": _number(tier.bound),
                "gap_absolute": _number(tier.gap_absolute),
                "gap_relative": _number(tier.gap_relative),
                "unmet_accelerators": None if tier.unmet_accelerators is None else _number(tier.unmet_accelerators),
            }
            for position, tier in enumerate(self.plan.solution.tiers)
        ]

    @cached_property
    def scarcity_rows(self) -> list[Row]:
        return [
            {
                "pool_key": each.pool,
                "week": each.week.key,
                "usd_per_accelerator_week": _number(each.usd_per_accelerator_week),
                "node_size": self.pools[each.pool]["node_size"],
                "usd_node_more": None if each.usd_node_more is None else _number(each.usd_node_more),
                "usd_node_less": None if each.usd_node_less is None else _number(each.usd_node_less),
                "unlocks": [
                    {
                        "key": unlock.key,
                        "is_request": unlock.is_request,
                        "accelerators": unlock.accelerators,
                        "weeks": unlock.weeks,
                    }
                    for unlock in each.unlocks
                ],
            }
            for each in self.plan.solution.scarcity_prices
        ]


def _number(value: float) -> Decimal:
    return Decimal(repr(round(value, 8)))

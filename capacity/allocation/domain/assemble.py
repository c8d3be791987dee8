"""From a finished plan to the whole solution: every list of rows, explanations and prices, each worked out once.

What belongs here: the order in which they are made and what they share. Each list is a function of another module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from capacity.allocation.domain import results
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.explain import explain_unplaced, placement_warnings
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.plan import Plan
from capacity.allocation.domain.prices import scarcity_prices
from capacity.allocation.domain.solution import Issue, Solution


def assemble_solution(
    *,
    arrays: Arrays,
    plan: Plan,
    steps: Mapping[int, StepResult],
    pin_issues: Sequence[Issue],
    asked_gap: float,
    most_columns: int,
) -> Solution:
    """The solution of a plan. steps: what is known of each tier's bound. asked_gap: relative, for the termination.

    most_columns: of weeks solved again for what a node more or less is worth.
    """
    tiers = results.tier_results(arrays, plan, steps)
    amounts = results.served_amounts(arrays, plan)
    short = results.capacity_shortfalls(arrays, plan, amounts)
    unplaced = explain_unplaced(arrays, plan)
    return Solution(
        termination=results.termination(tiers, asked_gap=asked_gap),
        tiers=tiers,
        allocations=results.allocations(arrays, plan, amounts),
        served=results.served(arrays, plan, amounts),
        burst=results.burst_rows(arrays, plan),
        capacity_shortfalls=short,
        placements=results.placements(arrays, plan),
        unplaced=unplaced,
        scarcity_prices=scarcity_prices(arrays, plan, short=short, unplaced=unplaced, most_columns=most_columns),
        idle=results.idle_rows(arrays, plan),
        issues=(*results.floor_issues(arrays), *pin_issues),
        warnings=placement_warnings(arrays, plan),
    )

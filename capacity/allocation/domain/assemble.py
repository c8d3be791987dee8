"""From a finished plan to the whole solution: every list of rows, explanations and prices, each worked out once.

What belongs here: the order in which they are made, what they share and what is made beside what. Each list is a
function of another module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from capacity.allocation.domain import results
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.explain import explain_unplaced, placement_warnings
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.plan import Plan
from capacity.allocation.domain.prices import node_worths, price_rows, usd_by_place
from capacity.allocation.domain.side_by_side import both
from capacity.allocation.domain.solution import Issue, Solution


def assemble_solution(
    *,
    arrays: Arrays,
    plan: Plan,
    steps: Mapping[int, StepResult],
    pin_issues: Sequence[Issue],
    asked_gap: float,
    most_columns: int,
    check: Callable[[Solution], None],
) -> Solution:
    """The solution of a plan. steps: what is known of each tier's bound. asked_gap: relative, for the termination.

    most_columns: of weeks solved again for what a node more or less is worth. check: raises where the solution, still
    without prices, does not balance. All that has no price is made and checked while the solver is at what nodes are
    worth, which is nearly all its own work; prices of one accelerator are as much the interpreter's.
    """
    amounts = results.served_amounts(arrays, plan)
    short = results.capacity_shortfalls(arrays, plan, amounts)

    def without_prices() -> Solution:
        tiers = results.tier_results(arrays, plan, steps)
        solution = Solution(
            termination=results.termination(tiers, asked_gap=asked_gap),
            tiers=tiers,
            allocations=results.allocations(arrays, plan, amounts),
            served=results.served(arrays, plan, amounts),
            burst=results.burst_rows(arrays, plan),
            capacity_shortfalls=short,
            placements=results.placements(arrays, plan),
            unplaced=explain_unplaced(arrays, plan),
            idle=results.idle_rows(arrays, plan),
            issues=(*results.floor_issues(arrays), *pin_issues),
            warnings=placement_warnings(arrays, plan),
        )
        check(solution)
        return solution

    usd = usd_by_place(arrays, plan, short)
    worths, solution = both(lambda: node_worths(arrays, plan, usd, most_columns=most_columns), without_prices)
    return replace(solution, scarcity_prices=price_rows(arrays, usd, worths, solution.unplaced))

"""Problems small enough to be solved whole: every week, tier and placement in one program, to proven optimality.

What belongs here: the order of steps on the ladder over the full horizon, tie-breaks included. Larger problems go
week by week (`by_parts`); both give the same kind of result.
"""

from __future__ import annotations

from collections.abc import Callable

from capacity.allocation.domain import objectives
from capacity.allocation.domain.arrays import Arrays
from capacity.allocation.domain.formulation import define_program
from capacity.allocation.domain.ladder import Ladder, StepResult, climb_experiment_tier, climb_serving_tier
from capacity.allocation.domain.named_model import Terms
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue

Progress = Callable[[str, float], None]
TIE_BREAK_NODES = 200


def solve_whole(
    arrays: Arrays,
    *,
    pinned: Plan,
    free: list[int],
    node_limit: int,
    gap: float,
    break_ties: bool,
    progress: Progress,
) -> tuple[Plan, dict[int, StepResult]]:
    """The plan, and per tier (position) what its step proved. free: experiments to place.

    break_ties: also to optimality among plans of equal tier values; else the caller tidies the plan.
    """
    held = ExperimentUse.of(arrays, pinned)
    program = define_program(arrays, weeks=range(arrays.weeks), experiments=free, held=held)
    ladder = Ladder(program, base=pinned, node_limit=node_limit, gap=gap)
    steps: dict[int, StepResult] = {}
    for tier, name in enumerate(arrays.tiers):
        progress(f"tier {name}", tier / len(arrays.tiers))
        if tier in arrays.serving_tiers:
            steps[tier] = climb_serving_tier(ladder, tier)
        elif tier in arrays.experiment_tiers:
            steps[tier] = climb_experiment_tier(ladder, tier)
    progress("ties", 1.0)
    ladder.gap = 0.0
    for terms in _tie_breaks(ladder) if break_ties else ():
        ladder.minimise(terms, node_limit=TIE_BREAK_NODES)
    return ladder.plan, steps


def _tie_breaks(ladder: Ladder) -> list[Terms]:
    """Of each serving tier who is served, least cost of places, nothing useless, fewest moves, earliest start, key order."""
    program = ladder.program
    short = [tier for tier in program.arrays.serving_tiers if ladder.values[tier] != TierValue()]
    return [
        *(objectives.late_in_order_unmet_first(program, tier) for tier in short),
        objectives.usd_of_places(program),
        objectives.accelerators_used(program),
        objectives.moves(program),
        objectives.starts_late(program),
        objectives.later_keys_first(program),
        objectives.places_out_of_key_order(program),
    ]

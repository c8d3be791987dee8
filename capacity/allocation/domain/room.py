"""Whether a serving tier is served in full, week by week, beside everything above it: the engine's own arithmetic.

What belongs here: the least of a tier that stays unmet when pinned work, floors and the tiers above have what they get
anyway, in whole replicas, and where it is short. Experiments that may still move stand below and are left out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.pinning import place_pinned
from capacity.allocation.domain.plan import ExperimentUse, Plan, served_work
from capacity.allocation.domain.problem import Problem, canonical
from capacity.allocation.domain.weekly import WeeklyServing

NODE_LIMIT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Unmet:
    """What of a tier a week leaves unmet. accelerators: in all, at each demand's best rate. demands: key → work unmet.

    free: pool → accelerators that nobody has, the floors' reserve among them.
    """

    accelerators: Fraction
    demands: dict[str, Fraction]
    free: dict[str, int]


def unmet_of_tier(*, problem: Problem, tier: str, weeks: Collection[int]) -> dict[int, Unmet]:
    """Week index → what of `tier` stays unmet there, the tiers above served as well as they can be.

    A week without anything unmet has a plan in whole replicas that serves everything of the tier: it is no estimate.
    Raises ValueError for a tier that the problem does not have, solver.SolverFailed.
    """
    upto = problem.tiers.index(tier)
    ahead = set(problem.tiers[: upto + 1])
    arrays = build_arrays(
        canonical(
            replace(
                problem,
                serving=tuple(
                    replace(each, usd_lost_per_work_week=None) if each.tier == tier else each
                    for each in problem.serving
                    if each.tier in ahead
                ),
                experiments=tuple(each for each in problem.experiments if each.pinned is not None),
                previous=(),
            )
        )
    )
    pinned, _ = place_pinned(arrays)
    use = ExperimentUse.of(arrays, pinned)
    weekly = WeeklyServing(arrays, node_limit=NODE_LIMIT)
    tiers = tuple(position for position in arrays.serving_tiers if position <= upto)
    return {
        week: _unmet(arrays, use, served.plan, week, upto, served.values[upto].unmet)
        for week, served in weekly.solve(sorted(weeks), use=use, tiers=tiers).items()
    }


def _unmet(arrays: Arrays, use: ExperimentUse, plan: Plan, week: int, tier: int, amount: Fraction) -> Unmet:
    if not amount:
        return Unmet(accelerators=Fraction(0), demands={}, free={})
    one = Plan().with_serving(plan, weeks=[week])
    served = served_work(arrays, one, weeks=[week])
    left = use.copy()
    left.add_serving(one)
    return Unmet(
        accelerators=amount,
        demands={
            demand.key: missing
            for d, demand in enumerate(arrays.demands)
            if demand.tier == tier and (missing := Fraction(demand.work[week]) - served.get((d, week), Fraction(0))) > 0
        },
        free={pool.key: left.pool_free(p, week) for p, pool in enumerate(arrays.problem.pools)},
    )

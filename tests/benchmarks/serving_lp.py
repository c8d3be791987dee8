"""The serving LP with placements fixed, unaggregated: one column for each demand, option and week.

What belongs here: the numbers of that program, taken from a problem and its plan. Replicas are divisible, all serving
is one tier, and the objective is dollars of unmet work and of burst. Solving it is `other_tools` and `own_route`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from capacity.allocation.domain.problem import Placement, Problem, canonical
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.lib.horizon import Week

HOURS_PER_WEEK = 168
ONE_TIER = "serving"


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds of writing the model down and of solving it; dollars; what solved it."""

    build: float
    solve: float
    usd: float
    solver: str


@dataclass(frozen=True)
class ServingLP:
    """Sparse rows by name. min usd·x over 0 ≤ x ≤ upper, Σ ≥ low (balance) or ≤ high (rooms and burst).

    rows: (low or None, high or None, column positions, coefficients).
    """

    usd: list[float]
    upper: list[float]
    rows: list[tuple[float | None, float | None, list[int], list[float]]]


def serving_lp(problem: Problem, placements: Sequence[Placement]) -> ServingLP:
    """x[d,p,t] accelerators, u[d,t] unmet work, b[p,t] burst:

    Σ_p rate·x + u ≥ work; Σ_d x − b ≤ what placements leave of the pool; the same over a floor's pools ≤ what they
    leave beside the floor; b ≤ Σ_d x.
    """
    room, floor_room = rooms(problem, placements)
    lp = ServingLP([], [], [])
    served: dict[tuple[str, int], list[int]] = defaultdict(list)
    burst = {}

    def column(usd: float, upper: float) -> int:
        lp.usd.append(usd)
        lp.upper.append(upper)
        return len(lp.usd) - 1

    for demand in problem.serving:
        lost = float(demand.usd_lost_per_work_week or 0)
        for week, work in enumerate(demand.work):
            if not work:
                continue
            unmet, columns, rates = column(lost, float(work)), [], []
            for option in demand.options:
                columns.append(column(0.0, float("inf")))
                rates.append(float(option.work_per_accelerator))
                served[option.pool, week].append(columns[-1])
            lp.rows.append((float(work), None, [unmet, *columns], [1.0, *rates]))
    for pool in problem.pools:
        for week, limit in enumerate(pool.burst.accelerators if pool.burst else ()):
            if limit and pool.burst:
                usd = HOURS_PER_WEEK * float(pool.burst.usd_per_accelerator_hour)
                burst[pool.key, week] = column(usd, float(limit))
    for place, columns in served.items():
        bought = [burst[place]] if place in burst else []
        signs = [1.0] * len(columns) + [-1.0] * len(bought)
        lp.rows.append((None, float(room[place]), columns + bought, signs))
        if bought:
            lp.rows.append((None, 0.0, columns + bought, [-sign for sign in signs]))
    for position, floor in enumerate(problem.floors):
        for week in range(problem.weeks):
            columns = [x for pool in floor.pools for x in served[pool, week]]
            bought = [burst[pool, week] for pool in floor.pools if (pool, week) in burst]
            signs = [1.0] * len(columns) + [-1.0] * len(bought)
            lp.rows.append((None, float(floor_room[position, week]), columns + bought, signs))
    return lp


def rooms(
    problem: Problem, placements: Sequence[Placement]
) -> tuple[dict[tuple[str, int], int], dict[tuple[int, int], int]]:
    """Accelerators left by the placements, by (pool, week), and beside each floor, by (floor position, week)."""
    room = {(pool.key, week): amount for pool in problem.pools for week, amount in enumerate(pool.allocatable)}
    floors = {}
    for position, floor in enumerate(problem.floors):
        for week, asked in enumerate(floor.accelerators):
            supply = sum(room[pool, week] for pool in floor.pools)
            floors[position, week] = supply - min(asked, supply)
    experiments = {row.key: row for row in problem.experiments}
    for row in placements:
        experiment = experiments[row.key]
        for offset in range(row.weeks):
            week = problem.first_week.weeks_until(row.start) + offset
            if not 0 <= week < problem.weeks:
                continue
            room[row.pool, week] -= row.accelerators
            for position, floor in enumerate(problem.floors):
                lent = experiment.preemptible and floor.lendable
                if row.pool in floor.pools and not experiment.model_development and not lent:
                    floors[position, week] -= row.accelerators
    return room, floors


def one_serving_tier(problem: Problem) -> Problem:
    """The problem with a single tier of serving, so that one objective says it all; unknown losses count nothing."""
    of_serving = {demand.tier for demand in problem.serving}
    return replace(
        problem,
        tiers=(ONE_TIER, *(tier for tier in problem.tiers if tier not in of_serving)),
        serving=tuple(
            replace(demand, tier=ONE_TIER, usd_lost_per_work_week=demand.usd_lost_per_work_week or 0)
            for demand in problem.serving
        ),
        pools=tuple(
            replace(pool, burst=None if pool.burst is None else replace(pool.burst, tiers=None))
            for pool in problem.pools
        ),
    )


def read_files(arguments: argparse.Namespace) -> tuple[Problem, list[Placement]]:
    """The problem with one tier of serving, and the placements of its plan, from the two files named."""
    problem = one_serving_tier(canonical(problem_from_bytes(arguments.problem.read_bytes())))
    rows = json.loads(arguments.solution.read_text())["placements"]
    return problem, [Placement(**{**row, "start": Week(date.fromisoformat(row["start"]))}) for row in rows]


def parser(description: str | None) -> argparse.ArgumentParser:
    """Of both programs: a problem file and the file of its solution."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("problem", type=Path)
    found.add_argument("solution", type=Path)
    return found

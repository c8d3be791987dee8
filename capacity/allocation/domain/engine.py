"""The allocation engine: a problem in, a plan with bounds and reasons out.

What belongs here: the order of the steps, problem → checks → arrays → formulation → solver → solution → explain, and
the choice between solving whole and by parts. Each step is a module of its own; nothing here is arithmetic.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.assemble import assemble_solution
from capacity.allocation.domain.by_parts import solve_by_parts, tidy
from capacity.allocation.domain.checks import check_prices, check_problem, check_solution
from capacity.allocation.domain.cp_sat import CP_SAT_VERSION
from capacity.allocation.domain.ladder import StepResult
from capacity.allocation.domain.node_worth import QUICK_COLUMNS, RECORD_COLUMNS
from capacity.allocation.domain.packing import most_value
from capacity.allocation.domain.packing_rounds import QUICK, RECORD
from capacity.allocation.domain.pinning import place_pinned
from capacity.allocation.domain.plan import Plan
from capacity.allocation.domain.problem import Problem, canonical
from capacity.allocation.domain.solution import Seconds, Solution
from capacity.allocation.domain.solver import SOLVER_VERSION as HIGHS_VERSION
from capacity.allocation.domain.whole_horizon import solve_whole

__all__ = ["ENGINE_VERSION", "SOLVER_VERSION", "SolveOptions", "solve"]

ENGINE_VERSION = "3"
SOLVER_VERSION = f"{HIGHS_VERSION}, {CP_SAT_VERSION}"


# Of the dollars, or the value, that a row holds, a solver tells no parts below this.
MOST_RANGE = 1e12


@dataclass(frozen=True, slots=True)
class SolveOptions:
    """Limits by nodes and size, never by the clock, so that a plan is repeatable.

    node_limit: branch-and-bound nodes per step. gap: relative gap at which a step may stop (0 proves optimality).
    effort: how hard experiments are packed: quick after an edit, record for a plan of record that may take minutes.
    whole_limit: most columns and row entries of a problem that is solved whole rather than by parts; one whose losses
    or weights lie further apart than MOST_RANGE is solved by parts in any case.
    ties_limit: the same for ties between equal plans being broken to optimality.
    """

    node_limit: int = 1000
    gap: float = 0.0
    effort: Literal["quick", "record"] = "record"
    whole_limit: int = 3000
    ties_limit: int = 800


def solve(
    *, problem: Problem, options: SolveOptions | None = None, progress: Callable[[str, float], None] | None = None
) -> Solution:
    """The plan of `problem`, checked against every balance. progress: called with a step's name and share done.

    Raises checks.BadProblem where the problem contradicts itself, checks.PlanInconsistent where the plan does not
    balance (a defect of the engine), solver.SolverFailed where the solver gives no usable answer.
    """
    options = options or SolveOptions()
    tell = progress or (lambda _step, _share: None)
    started = time.perf_counter()
    check_problem(problem)
    checked = time.perf_counter()
    arrays = build_arrays(canonical(problem))
    pinned, pin_issues = place_pinned(arrays)
    built = time.perf_counter()
    free = [e for e, row in enumerate(arrays.experiments) if row.pinned is None]
    plan, steps = _plan(arrays, pinned, free, options, tell)
    solved = time.perf_counter()
    tell("explanations", 1.0)
    solution = assemble_solution(
        arrays=arrays,
        plan=plan,
        steps=steps,
        pin_issues=pin_issues,
        asked_gap=options.gap,
        most_columns=RECORD_COLUMNS if options.effort == "record" else QUICK_COLUMNS,
        check=lambda unpriced: check_solution(problem=problem, solution=unpriced),
    )
    check_prices(problem=problem, solution=solution)
    seconds = Seconds(
        check=round(checked - started, 6),
        build=round(built - checked, 6),
        solve=round(solved - built, 6),
        explain=round(time.perf_counter() - solved, 6),
    )
    return replace(solution, seconds=seconds)


def _plan(
    arrays: Arrays, pinned: Plan, free: list[int], options: SolveOptions, tell: Callable[[str, float], None]
) -> tuple[Plan, dict[int, StepResult]]:
    size = _size(arrays)
    # One row holds the losses of a tier in all weeks; week by week they lie closer together. Packed by itself, a tier
    # has its values in whole numbers.
    if size > options.whole_limit or max(loss_range(arrays), value_range(arrays)) > MOST_RANGE:
        effort = RECORD if options.effort == "record" else QUICK
        return solve_by_parts(
            arrays, pinned=pinned, free=free, node_limit=options.node_limit, effort=effort, progress=tell
        )
    break_ties = size <= options.ties_limit
    plan, steps = solve_whole(
        arrays,
        pinned=pinned,
        free=free,
        node_limit=options.node_limit,
        gap=options.gap,
        break_ties=break_ties,
        progress=tell,
    )
    return (plan if break_ties else tidy(arrays, plan, pinned=pinned, free=free)), steps


def loss_range(arrays: Arrays) -> float:
    """All that a tier could lose over the least that one unit of it loses in the program of all weeks; 1 for nothing.

    Tiny work of a week is counted in units of its own size, so that a unit of it loses little.
    """
    ranges = [1.0]
    for tier in arrays.serving_tiers:
        least, most = [], []
        for demand in (row for row in arrays.demands if row.tier == tier and row.usd != 0):
            usd = float(demand.usd or 1)
            per_week = [float(sum(work for _, work in row)) for row in arrays.classes[demand.class_].work_by_tier]
            least.append(usd * min((min(1.0, work) for work in per_week if work), default=1.0))
            most.append(usd * sum(per_week))
        if least:
            ranges.append(sum(most) / min(least))
    return max(ranges)


def value_range(arrays: Arrays) -> float:
    """All that the experiments of a tier could be worth over what the least of them is; 1 for nothing."""
    ranges = [Fraction(1)]
    for tier in arrays.experiment_tiers:
        rows = [e for e, row in enumerate(arrays.experiments) if row.tier == tier]
        values = [value for value in (most_value(arrays, e) for e in rows) if value]
        if values:
            ranges.append(sum(values, Fraction(0)) / min(values))
    return float(max(ranges))


def _size(arrays: Arrays) -> int:
    """Columns of serving and row entries of placements: a rough measure of the whole program."""
    serving = sum(
        len(arrays.classes[demand.class_].options) + 1 for demand in arrays.demands for work in demand.work if work
    )
    starts = sum(column.last - column.first for row in arrays.experiments for column in row.columns)
    divided = sum((row.span[1] - row.span[0]) * len(arrays.supply) for row in arrays.experiments if row.divisible)
    return serving + starts + divided

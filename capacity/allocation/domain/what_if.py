"""What-if: a change against the plan of a run, answered quickly with placements held, or fully by a new plan.

What belongs here: the two answers and what a hot plan keeps between questions (methods: What-if). The run's problem
and solution are only read. Weekly programs are `hot_serving`, rooms `held_places`, sums `what_if_tally`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.held_places import Rooms
from capacity.allocation.domain.held_plan import Held
from capacity.allocation.domain.hot_serving import Serving
from capacity.allocation.domain.problem import Problem, canonical
from capacity.allocation.domain.quick_side import Side
from capacity.allocation.domain.quick_weeks import serve_changed
from capacity.allocation.domain.solution import Solution
from capacity.allocation.domain.what_if_answer import DIVISIBLE, FULL, QUICK, WHOLE, Answer, Cause
from capacity.allocation.domain.what_if_tally import (
    difference,
    find_causes,
    placements_by_key,
    tally_of_solution,
)

Progress = Callable[[str, float], None]


class OtherHorizon(ValueError):
    """The changed problem speaks of other weeks than the run."""


def full(
    *,
    problem: Problem,
    solution: Solution,
    changed: Problem,
    options: SolveOptions | None = None,
    progress: Progress | None = None,
) -> tuple[Answer, Solution]:
    """Everything solved again with the run's placements as the previous plan: whole replicas on both sides.

    Returns the answer and the plan after the change. Raises what engine.solve raises, and OtherHorizon.
    """
    _check_horizon(problem, changed)
    started = time.perf_counter()
    pools = {pool.key for pool in changed.pools}
    previous = tuple(row for row in solution.placements if row.pool in pools)
    found = solve(problem=replace(changed, previous=previous), options=options, progress=progress)
    before, after = tally_of_solution(problem, solution), tally_of_solution(changed, found)
    reasons = {row.key: row.reason for row in found.unplaced}
    causes = find_causes(before=before, after=after, old=canonical(problem), new=canonical(changed), reasons=reasons)
    asked = _changed_requests(problem, changed)
    answer = difference(
        kind=FULL,
        basis=WHOLE,
        before=before,
        after=after,
        causes=causes,
        not_placed=[
            (row.key, Cause(row.reason, week=row.week, accelerators=row.short_by))
            for row in found.unplaced
            if row.key in asked
        ],
        weeks_solved=problem.weeks,
        termination=found.termination,
    )
    return replace(answer, seconds=time.perf_counter() - started), found


class HotPlan:
    """The serving model of a run kept hot: every week that loses or buys something is solved once, and its basis kept.

    Answers are independent of each other: nothing of a question stays.
    """

    def __init__(self, *, problem: Problem, solution: Solution) -> None:
        """Raises solver.SolverFailed."""
        self.problem = problem
        self._requests = {row.key: row for row in problem.experiments}
        rooms = Rooms(problem)
        held = placements_by_key(solution.placements)
        for key, rows in held.items():
            for row in rows:
                rooms.take(row, self._requests[key])
        serving = Serving(pools=rooms.pools, floors=rooms.floors, problem=problem)
        work = np.array([serving.work(d) for d in range(len(serving.demands))]).reshape(-1, problem.weeks)
        self._before = Side(problem=problem, serving=serving, rooms=rooms, work=work)
        self._before.placements = held
        self._before.read_solution(solution)
        last = None
        for week in np.flatnonzero(self._before.costly):
            self._before.solve(int(week), last)
            last = self._before.bases[week]
        self._tally = self._before.tally()

    def quick(self, *, changed: Problem) -> Answer:
        """Placements held, serving of the weeks that changed solved again, new requests tried in what is left.

        Raises OtherHorizon, and solver.SolverFailed.
        """
        _check_horizon(self.problem, changed)
        started = time.perf_counter()
        held = Held(self._before.placements, self._requests, changed)
        after, solved = serve_changed(self._before, changed, held.rooms)
        held.place_requests(after)
        after.placements = held.placements
        answer = difference(
            kind=QUICK,
            basis=DIVISIBLE,
            before=self._tally,
            after=after.tally(),
            causes=held.causes,
            not_placed=held.not_placed.items(),
            weeks_solved=solved,
        )
        return replace(answer, seconds=time.perf_counter() - started)


def _changed_requests(problem: Problem, changed: Problem) -> set[str]:
    was = {row.key: row for row in canonical(problem).experiments}
    return {row.key for row in canonical(changed).experiments if was.get(row.key) != row}


def _check_horizon(problem: Problem, changed: Problem) -> None:
    if (problem.first_week, problem.weeks) != (changed.first_week, changed.weeks):
        raise OtherHorizon(f"the change is over {changed.horizon}, the run over {problem.horizon}")

"""Idle by reason: the worked example, and parts that sum to idle in every pool and week."""

from __future__ import annotations

import copy
from typing import Any

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.idle import IdleReasons, idle_by_reason
from tests.domain.allocation.test_explanations import floor, pool, problem, request
from tests.domain.allocation.tiny_problems import as_problem, tiny_problem


def reasons(document: dict[str, Any], **unaccepted: int) -> dict[str, IdleReasons]:
    """pool → why it is idle in the first week."""
    given = as_problem(copy.deepcopy(document))
    late = {(key, given.first_week): amount for key, amount in unaccepted.items()}
    rows = idle_by_reason(problem=given, solution=solve(problem=given), unaccepted=late)
    return {row.pool: row for row in rows if row.week == given.first_week}


def parts(row: IdleReasons) -> tuple[int, int, int, int, int]:
    return row.floor, row.fragment, row.wrong_kind, row.unaccepted, row.no_demand


def test_the_worked_example() -> None:
    # 100 idle in west, 40 of them kept; 30 in east, 20 on a late lot; a gang of 70 may run in west only.
    document = problem(
        allocatable=[100],
        requests=[request("gang", 70)],
        pools=[pool("west", [100]), pool("east", [30])],
        floors=[floor([40])],
    )
    found = reasons(document, east=20)
    assert parts(found["west"]) == (40, 60, 0, 0, 0)
    assert parts(found["east"]) == (0, 0, 10, 20, 0)


def test_what_nobody_waits_for_is_no_demand() -> None:
    found = reasons(problem(allocatable=[10], requests=[request("small", 4)]))
    assert parts(found["west"]) == (0, 0, 0, 0, 6)


def test_a_request_whose_window_is_over_waits_no_more() -> None:
    found = reasons(problem(allocatable=[10], requests=[request("late", 4, start=-3, last=-1, weeks=5)]))
    assert parts(found["west"]) == (0, 0, 0, 0, 10)


def test_the_parts_sum_to_idle_and_waiting_work_is_counted_once() -> None:
    for seed in range(60):
        given = as_problem(tiny_problem(seed))
        solution = solve(problem=given)
        rows = idle_by_reason(problem=given, solution=solution)
        assert [(row.pool, row.week, row.idle) for row in rows] == [
            (row.pool, row.week, row.accelerators) for row in solution.idle
        ]
        assert all(sum(parts(row)) == row.idle and min(parts(row)) >= 0 for row in rows)
        for week in {row.week for row in rows}:
            told = sum(row.fragment + row.wrong_kind for row in rows if row.week == week)
            short = sum(row.accelerators for row in solution.capacity_shortfalls if row.week == week)
            unplaced = {row.key for row in solution.unplaced}
            asked = sum(
                max((o.accelerators for o in e.options), default=0) for e in given.experiments if e.key in unplaced
            )
            assert told <= short + asked

"""Weeks solved side by side: the order of results, errors, and that a plan does not depend on how many threads there are."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from capacity.allocation.domain import side_by_side as threads
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.side_by_side import side_by_side
from capacity.allocation.domain.solution import solution_to_json
from tests.benchmarks.made_problems import made_problem
from tests.domain.allocation.tiny_problems import as_problem


def test_results_keep_the_order_of_the_tasks_whoever_is_first() -> None:
    def slow_first(task: int) -> int:
        time.sleep(0.02 if task == 0 else 0)
        return task * task

    assert side_by_side(slow_first, range(5)) == [0, 1, 4, 9, 16]


def test_the_first_error_in_the_order_of_the_tasks_is_raised() -> None:
    def fail(task: int) -> int:
        time.sleep(0.02 if task == 1 else 0)
        if task:
            raise ValueError(str(task))
        return task

    with pytest.raises(ValueError, match="1"):
        side_by_side(fail, range(4))


def test_tasks_that_share_something_are_done_one_after_the_other() -> None:
    done: list[int] = []

    def note(task: int) -> int:
        time.sleep(0.01 * (3 - task))
        done.append(task)
        return len(done)

    assert side_by_side(note, range(3), are_separate=False) == [1, 2, 3]
    assert done == [0, 1, 2]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_plan_is_the_same_byte_for_byte_on_one_thread_and_on_three(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(threads, "THREADS", count)
        found.append(written(seed))
    assert found[0] == found[1] == found[2]


def written(seed: int) -> str:
    document: dict[str, Any] = made_problem(
        seed=seed, pools=4, demands=24, experiments=12, weeks=12, classes=6, load=0.95, ask=0.35
    )
    solution = solve(problem=as_problem(document), options=SolveOptions(whole_limit=0, effort="quick"))
    answer = solution_to_json(solution)
    answer.pop("seconds", None)
    return json.dumps(answer, sort_keys=True)

"""The check of a plan finds each kind of wrong row, and the check of a problem each contradiction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from capacity.allocation.domain.checks import BadProblem, PlanInconsistent, check_problem, check_solution
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.tiny_problems import as_problem, monday

DOCUMENT: dict[str, Any] = {
    "version": 1,
    "first_week": monday(0),
    "weeks": 2,
    "tiers": ["committed", "P0"],
    "floors": [{"key": "md", "pools": ["west"], "accelerators": [3, 3]}],
    "pools": [
        {
            "key": "west",
            "accelerator_type": "h100",
            "region": "us-west",
            "allocatable": [12, 12],
            "domains": [{"key": "a", "allocatable": [6, 6]}, {"key": "b", "allocatable": [6, 6]}],
            "usd_per_accelerator_hour": 2.0,
            "burst": {"accelerators": [2, 2], "usd_per_accelerator_hour": 0.01},
        }
    ],
    "serving": [
        {
            "key": "c1",
            "tier": "committed",
            "work": [8, 10],
            "usd_lost_per_work_week": 900,
            "options": [{"pool": "west", "work_per_accelerator": 1, "replica_accelerators": 2}],
        }
    ],
    "experiments": [
        {
            "key": "e1",
            "tier": "P0",
            "team": "pretraining",
            "model_development": True,
            "accelerators": 3,
            "weeks": 2,
            "earliest_start": monday(0),
            "latest_start": monday(0),
            "pools": ["west"],
        }
    ],
}


@pytest.fixture(scope="module")
def problem() -> Problem:
    return as_problem(DOCUMENT)


@pytest.fixture(scope="module")
def solution(problem: Problem) -> Solution:
    return solve(problem=problem)


def row(solution: Solution, name: str, position: int, **changes: Any) -> Solution:
    rows = list(getattr(solution, name))
    rows[position] = replace(rows[position], **changes)
    return replace(solution, **{name: tuple(rows)})


def test_the_plan_itself_balances(problem: Problem, solution: Solution) -> None:
    check_solution(problem=problem, solution=solution)
    assert [(r.accelerators, r.usd) for r in solution.burst] == [(0, 0.0), (1, 1.68)]


WRONG: list[tuple[Callable[[Solution], Solution], str]] = [
    (lambda s: row(s, "allocations", 0, accelerators=9), "not whole replicas"),
    (lambda s: row(s, "allocations", 0, accelerators=4), "more work in west than it can"),
    (lambda s: row(s, "allocations", 0, pool="north"), "not one of its options"),
    (lambda s: row(s, "allocations", 1, accelerators=12), "holds"),
    (lambda s: row(s, "served", 0, work=7.0), "served and short by other than its work"),
    (lambda s: row(s, "burst", 1, accelerators=3), "of burst"),
    (lambda s: row(s, "burst", 1, accelerators=0), "Floor md is entered"),
    (lambda s: row(s, "placements", 0, domain="c"), "in no domain"),
    (lambda s: row(s, "placements", 0, accelerators=7), "none of its options"),
    (lambda s: row(s, "placements", 0, weeks=1), "none of its options"),
    (lambda s: row(s, "placements", 0, start=s.placements[0].start.plus(1)), "outside its window"),
    (lambda s: row(s, "placements", 0, key="e9"), "not asked for"),
    (lambda s: replace(s, placements=s.placements * 2), "none of its options"),
    (lambda s: replace(s, placements=()), "not all the experiments"),
    (lambda s: row(s, "idle", 0, accelerators=99), "tells 99 idle"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_a_plan_that_does_not_balance_is_refused(
    problem: Problem, solution: Solution, change: Callable[[Solution], Solution], sentence: str
) -> None:
    with pytest.raises(PlanInconsistent) as refused:
        check_solution(problem=problem, solution=change(solution))
    assert any(sentence in found for found in refused.value.sentences), refused.value.sentences


def test_a_problem_from_tables_that_contradicts_itself_is_refused_with_all_its_faults(problem: Problem) -> None:
    pool = replace(problem.pools[0], allocatable=(12,))
    demand = replace(problem.serving[0], work=(8, -1))
    with pytest.raises(BadProblem) as refused:
        check_problem(replace(problem, pools=(pool,), serving=(demand,)))
    paths = [sentence.split(":")[0] for sentence in refused.value.sentences]
    assert paths == ["$.pools[0].allocatable", "$.serving[0].work"]


def test_a_problem_from_tables_with_an_unknown_pool_is_refused(problem: Problem) -> None:
    experiment = problem.experiments[0]
    wrong = replace(experiment, options=(replace(experiment.options[0], pools=("north",)),))
    with pytest.raises(BadProblem, match="there is no pool north"):
        solve(problem=replace(problem, experiments=(wrong,)))

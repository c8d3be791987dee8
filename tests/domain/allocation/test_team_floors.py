"""Floors kept for one team: who may stand on them, who may not, and what is told of it (methods: Floor)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from capacity.allocation.domain.engine import SolveOptions
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.problem_writer import problem_to_json
from tests.domain.allocation.test_ties import asks, pool, serves, solved
from tests.domain.allocation.tiny_problems import as_problem

WHOLE, BY_PARTS = SolveOptions(), SolveOptions(whole_limit=0)


def floor(accelerators: int, **more: Any) -> dict[str, Any]:
    return {"key": "of_a", "pools": ["a"], "accelerators": [accelerators], "team": "A", **more}


@pytest.mark.parametrize("options", [WHOLE, BY_PARTS])
@pytest.mark.parametrize(("asked_by_b", "placed"), [(4, True), (5, False)])
def test_serving_and_other_teams_get_what_the_floor_of_a_team_leaves(
    options: SolveOptions, asked_by_b: int, placed: bool
) -> None:
    """Of 10, 4 are team A's: serving takes 2 of the 6 others, so team B finds 4, model development or not."""
    solution = solved(
        [pool("a", [10])],
        options,
        floors=[floor(4)],
        serving=[serves("chat", [2], 9)],
        experiments=[asks("b", asked_by_b, last=0, team="B", model_development=True)],
    )
    assert [row.key for row in solution.placements] == (["b"] if placed else [])
    (idle,) = solution.idle
    assert (idle.accelerators, idle.of_which_floor) == ((4, 4) if placed else (8, 4))
    if not placed:
        (told,) = solution.unplaced
        assert (told.reason, told.free, told.short_by) == ("floor_reserved", 4, 1)


@pytest.mark.parametrize("options", [WHOLE, BY_PARTS])
def test_the_team_may_stand_on_its_floor_and_beyond_it(options: SolveOptions) -> None:
    solution = solved([pool("a", [10])], options, floors=[floor(4)], experiments=[asks("all", 10, last=0, team="A")])
    assert [row.accelerators for row in solution.placements] == [10]
    assert [(row.accelerators, row.of_which_floor) for row in solution.idle] == [(0, 0)]


def test_floors_that_overlap_each_hold_by_themselves() -> None:
    """Of 10, 3 are for model development and 4 for team A: team B's other work finds 6 beside A's, and 7 beside the
    other floor; so 6. Model development of B finds 6."""
    floors = [floor(4), {"key": "dev", "pools": ["a"], "accelerators": [3]}]

    def is_placed(accelerators: int, *, is_development: bool) -> bool:
        request = asks("b", accelerators, last=0, team="B", model_development=is_development)
        return bool(solved([pool("a", [10])], WHOLE, floors=floors, experiments=[request]).placements)

    assert is_placed(6, is_development=False) and not is_placed(7, is_development=False)
    assert is_placed(6, is_development=True) and not is_placed(7, is_development=True)


def test_a_lent_floor_of_a_team_carries_other_teams_work_that_can_be_recalled() -> None:
    request = asks("b", 10, last=0, team="B", preemptible=True)
    lent = solved([pool("a", [10])], WHOLE, floors=[floor(4, lendable=True)], experiments=[request])
    assert [row.accelerators for row in lent.placements] == [10]


def test_the_team_of_a_floor_is_written_and_read_again() -> None:
    document = {
        "version": 1, "first_week": "2026-12-21", "weeks": 1, "tiers": ["committed", "P0"], "serving": [],
        "pools": [pool("a", [10])], "experiments": [], "previous": [], "floors": [floor(4)],
    }  # fmt: skip
    problem = as_problem(document)
    assert problem.floors[0].team == "A"
    assert problem_from_bytes(json.dumps(problem_to_json(problem)).encode()).floors == problem.floors

"""A request asked of a plan that is there: found places, what is displaced, why not, and changes that then fit."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from capacity.allocation.domain.ask_request import BEYOND_HORIZON, HELD, NO_POOL, TOO_LARGE, WINDOW_CLOSED, HeldRun
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Experiment, ExperimentOption, Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.solution import SmallestChange
from capacity.lib.horizon import Week
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.test_explanations import domains, floor, pool, problem, request, serves
from tests.domain.allocation.tiny_problems import as_problem, monday

CASE = Path(__file__).resolve().parents[2] / "cases" / "4_short_by_four.problem.json"
CASE_WEEK = Week(date(2026, 11, 23))
FIRST = Week(date.fromisoformat(monday(0)))


def held(given: Problem) -> HeldRun:
    return HeldRun(problem=given, solution=solve(problem=given))


def asks(accelerators: int, *, weeks: int = 1, last: int = 0, tier: str = "P1", **more: Any) -> Experiment:
    values: dict[str, Any] = {
        "key": "asked",
        "tier": tier,
        "team": "t",
        "model_development": False,
        "earliest_start": FIRST,
        "latest_start": FIRST.plus(last),
        "options": (ExperimentOption(pools=("west",), accelerators=accelerators, weeks=weeks),),
    }
    return Experiment(**{**values, **more})


def without(given: Problem, key: str) -> tuple[Problem, Experiment]:
    """The problem with one request taken out of it, and that request."""
    asked = next(row for row in given.experiments if row.key == key)
    return replace(given, experiments=tuple(row for row in given.experiments if row.key != key)), asked


def test_a_request_beside_the_plan_of_case_four_is_short_by_four_as_the_plan_says() -> None:
    """1000 there, 616 serve, 256 and 4 run; E3's 64 are of a lower tier: 124 of 128 are left."""
    given, asked = without(problem_from_bytes(CASE.read_bytes()), "E2")
    answer = held(given).answer(asked)
    assert answer.placed == ()
    assert answer.no_place is not None
    assert (answer.no_place.code, answer.no_place.free, answer.no_place.short_by) == (HELD, 124, 4)
    assert answer.no_place.week == CASE_WEEK
    assert [(row.kind, row.accelerators, row.key) for row in answer.no_place.holders] == [
        ("serving", 616, ""),
        ("run", 256, "E1"),
        ("run", 4, "E4"),
    ]
    assert [(row.change, row.accelerators) for row in answer.changes] == [
        ("fewer_accelerators", 124),
        ("more_supply", 8),
    ]


def test_a_smallest_change_that_is_taken_then_fits_and_one_more_does_not() -> None:
    given, asked = without(problem_from_bytes(CASE.read_bytes()), "E2")
    plan = held(given)
    for size, fits in ((124, True), (125, False)):
        option = replace(asked.options[0], accelerators=size)
        assert bool(plan.answer(replace(asked, options=(option,))).placed) is fits


def test_what_gives_way_is_lower_work_that_no_longer_fits_and_no_more() -> None:
    """10 there: low-a has 4 and low-b 3; P0 asks for 5, so of 5 left low-a stays and low-b goes."""
    low = [request("low-a", 4, tier="P1"), request("low-b", 3, tier="P1")]
    plan = held(as_problem(problem(allocatable=[10], requests=low)))
    answer = plan.answer(asks(5, tier="P0"))
    assert [(row.key, row.accelerator_weeks) for row in answer.displaces] == [("low-b", 3)]
    assert answer.placed[0].accelerators == 5
    assert plan.answer(asks(3, tier="P0")).displaces == ()


def test_a_run_that_may_be_recalled_loses_only_the_weeks_in_which_it_is_in_the_way() -> None:
    """10 in each of 4 weeks, the run has 8 in all of them; 5 are asked for the third week: it keeps two weeks of four."""
    lengths = tuple(ExperimentOption(pools=("west",), accelerators=8, weeks=weeks) for weeks in (4, 3, 2, 1))
    given = as_problem(problem(allocatable=[10] * 4, requests=[request("run", 8, tier="P1")]))
    run = replace(given.experiments[0], options=lengths)
    plan = held(replace(given, experiments=(run,)))
    third = FIRST.plus(2)
    answer = plan.answer(asks(5, tier="P0", earliest_start=third, latest_start=third))
    assert [(row.key, row.accelerator_weeks) for row in answer.displaces] == [("run", 16)]
    assert [(row.start, row.weeks) for row in answer.displaces[0].rows] == [(third, 2)]
    whole = plan.answer(asks(5, tier="P0"))
    assert [(row.key, row.accelerator_weeks) for row in whole.displaces] == [("run", 32)]


def test_asking_leaves_the_plan_as_it_was() -> None:
    plan = held(as_problem(problem(allocatable=[10], requests=[request("low", 6, tier="P1")])))
    before = plan.rooms.pool.copy()
    assert plan.answer(asks(5, tier="P0")).displaces
    assert (plan.rooms.pool == before).all()


def test_an_equal_or_higher_class_and_what_runs_are_not_displaced_and_are_named() -> None:
    rows = [
        request("equal", 4),
        request("runs", 4, tier="P1", pinned={"pool": "west", "domain": None, "start": monday(0)}),
    ]
    answer = held(as_problem(problem(allocatable=[10], requests=rows))).answer(asks(5, tier="P0"))
    assert answer.no_place is not None and answer.no_place.short_by == 3
    assert {row.key for row in answer.no_place.holders} == {"equal", "runs"}
    assert [(row.tier, row.requests, row.accelerator_weeks) for row in answer.ahead] == [("P0", 1, 4)]


def test_it_lies_in_the_first_week_with_room_and_in_one_domain() -> None:
    """Domains of 6 and 4; 5 are held in the larger one in the first week only."""
    given = problem(
        allocatable=[10, 10],
        requests=[request("runs", 5, pinned={"pool": "west", "domain": "a", "start": monday(0)})],
        pools=[pool("west", [10, 10], domains=domains([6, 6], [4, 4]))],
    )
    plan = held(as_problem(given))
    placed = plan.answer(asks(5, last=1)).placed
    assert [(row.domain, row.start) for row in placed] == [("a", FIRST.plus(1))]
    refused = plan.answer(asks(7, last=1)).no_place
    assert refused is not None and refused.code == TOO_LARGE


def test_no_pool_and_starts_outside_the_horizon_say_so() -> None:
    plan = held(as_problem(problem(allocatable=[10, 10], requests=[])))
    reasons = {
        NO_POOL: asks(1, options=()),
        WINDOW_CLOSED: asks(1, earliest_start=FIRST.plus(-3), latest_start=FIRST.plus(-1)),
        BEYOND_HORIZON: asks(1, weeks=3),
    }
    for code, asked in reasons.items():
        found = plan.answer(asked).no_place
        assert found is not None and found.code == code
    assert [row.change for row in plan.answer(reasons[BEYOND_HORIZON]).changes] == ["shorter"]


def test_a_change_of_a_placed_request_has_the_room_of_the_one_before() -> None:
    plan = held(as_problem(problem(allocatable=[10], requests=[request("mine", 6, tier="P1")])))
    assert plan.answer(asks(8)).no_place is not None
    assert plan.answer(asks(8), instead_of="mine").placed


def test_a_request_of_the_floor_is_short_by_what_the_floor_keeps() -> None:
    given = problem(
        allocatable=[10],
        requests=[],
        floors=[{"key": "development", "pools": ["west"], "accelerators": [4], "lendable": False}],
        serving=[serves("c", "committed", [2])],
    )
    found = held(as_problem(given)).answer(asks(6)).no_place
    assert found is not None
    assert (found.code, found.free, found.short_by) == ("kept_by_floor", 4, 2)
    assert ("floor", "development", 4) in {(row.kind, row.key, row.accelerators) for row in found.holders}


def test_divisible_work_takes_what_there_is() -> None:
    plan = held(as_problem(problem(allocatable=[4, 10], requests=[])))
    placed = plan.answer(asks(8, weeks=2, divisible=True)).placed
    assert sum(row.accelerators * row.weeks for row in placed) == 12


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_rows_does_not_matter(order: int) -> None:
    document = json.loads(CASE.read_bytes())
    document["experiments"] = document["experiments"][::order]
    given, asked = without(problem_from_bytes(json.dumps(document).encode()), "E2")
    answer = held(given).answer(asked)
    assert answer.no_place is not None and answer.no_place.short_by == 4


def changed(asked: Experiment, change: SmallestChange, *, more: int) -> Experiment | None:
    """The request with the change in it, and `more` units beyond it; None for a change that is not the asker's."""
    option = asked.options[0]
    if change.change == "fewer_accelerators" and change.accelerators is not None:
        return replace(asked, options=(replace(option, accelerators=change.accelerators + more),))
    if change.change == "shorter" and change.weeks is not None:
        return replace(asked, options=(replace(option, weeks=change.weeks + more),))
    if change.change == "later_start" and change.start is not None:
        return replace(asked, latest_start=max(asked.latest_start, change.start.plus(-more)))
    if change.change == "other_pool" and change.pool is not None and not more:
        return replace(asked, options=(replace(option, pools=(change.pool,)),))
    return None


def test_on_many_problems_what_is_placed_has_room_and_each_change_is_the_smallest() -> None:
    """Every request of made problems, asked of the plan made without it."""
    seen: Counter[str] = Counter()
    for seed in range(100):
        given = problem_from_bytes(json.dumps(small_problem(random.Random(seed))).encode())
        for row in given.experiments:
            if row.pinned is not None or row.divisible or len(row.options) != 1:
                continue
            rest, asked = without(given, row.key)
            plan = held(replace(rest, previous=()))
            answer = plan.answer(asked)
            seen["placed" if answer.placed else "refused"] += 1
            seen["displaced"] += bool(answer.displaces)
            if answer.placed:
                rooms = plan.rooms.copy()
                for gone in answer.displaces:
                    for lost in gone.rows:
                        rooms.take(lost, plan.requests[gone.key], sign=-1)
                assert not [each for each in answer.placed if rooms.blocked(each, asked)], (seed, row.key)
            for change in answer.changes:
                taken, beyond = (changed(asked, change, more=more) for more in (0, 1))
                if taken is not None:
                    seen[change.change] += 1
                    assert plan.answer(taken).placed, (seed, row.key, change)
                if beyond is not None:
                    assert not plan.answer(beyond).placed, (seed, row.key, change)
    assert seen["placed"] > 10 and seen["refused"] > 10 and seen["displaced"] and seen["fewer_accelerators"], seen
    assert seen["later_start"] and seen["shorter"] and seen["other_pool"], seen


def divisible(accelerators: int, *, pools: tuple[str, ...] = ("west",), weeks: int = 1) -> Experiment:
    option = ExperimentOption(pools=pools, accelerators=accelerators, weeks=weeks)
    return asks(accelerators, weeks=weeks, options=(option,), divisible=True, preemptible=True)


def test_divisible_work_that_room_limits_is_told_in_plain_numbers() -> None:
    """10 there, 6 run: of 8 asked 4 are left, a number that can be written down."""
    rows = [request("runs", 6, pinned={"pool": "west", "domain": None, "start": monday(0)})]
    answer = held(as_problem(problem(allocatable=[10], requests=rows))).answer(divisible(8))
    assert [(type(row.accelerators), row.accelerators) for row in answer.placed] == [(int, 4)]
    assert json.dumps([row.accelerators for row in answer.placed]) == "[4]"


def test_divisible_work_of_several_pools_leaves_the_floor_that_they_keep_together() -> None:
    """5 and 5 there under one floor of 6: work that is not model development has 4 in all, wherever it takes them."""
    given = problem(
        allocatable=[5],
        requests=[],
        pools=[pool("east", [5]), pool("west", [5])],
        floors=[floor([6], pools=["east", "west"])],
    )
    answer = held(as_problem(given)).answer(divisible(8, pools=("east", "west")))
    assert sum(row.accelerators for row in answer.placed) == 4

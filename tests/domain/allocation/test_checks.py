"""The check of a plan finds each kind of wrong row, and the check of a problem each contradiction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.checks import BadProblem, PlanInconsistent, check_problem, check_solution
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.solution import ScarcityPrice, Solution
from tests.domain.allocation.for_all import PROBLEMS, for_all
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


def changed_row(solution: Solution, name: str, position: int, **changes: Any) -> Solution:
    rows = list(getattr(solution, name))
    rows[position] = replace(rows[position], **changes)
    return replace(solution, **{name: tuple(rows)})


def test_the_plan_itself_balances(problem: Problem, solution: Solution) -> None:
    check_solution(problem=problem, solution=solution)
    assert [(r.accelerators, r.usd) for r in solution.burst] == [(0, 0.0), (1, 1.68)]


WRONG: list[tuple[Callable[[Solution], Solution], str]] = [
    (lambda s: changed_row(s, "allocations", 0, accelerators=9), "not whole replicas"),
    (lambda s: changed_row(s, "allocations", 0, accelerators=4), "more work in west than it can"),
    (lambda s: changed_row(s, "allocations", 0, pool="north"), "no pool of the problem"),
    (lambda s: changed_row(s, "allocations", 1, accelerators=12), "holds"),
    (lambda s: changed_row(s, "served", 0, work=7.0), "served and short by other than its work"),
    (lambda s: changed_row(s, "burst", 1, accelerators=3), "of burst"),
    (lambda s: changed_row(s, "burst", 1, accelerators=0), "Floor md is entered"),
    (lambda s: changed_row(s, "placements", 0, domain="c"), "in no domain"),
    (lambda s: changed_row(s, "placements", 0, accelerators=7), "none of its options"),
    (lambda s: changed_row(s, "placements", 0, weeks=1), "none of its options"),
    (lambda s: changed_row(s, "placements", 0, start=s.placements[0].start.plus(1)), "outside its window"),
    (lambda s: changed_row(s, "placements", 0, key="e9"), "not asked for"),
    (lambda s: replace(s, placements=s.placements * 2), "none of its options"),
    (lambda s: replace(s, placements=()), "not all the experiments"),
    (lambda s: changed_row(s, "idle", 0, accelerators=99), "tells 99 idle"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG)
def test_a_plan_that_does_not_balance_is_refused(
    problem: Problem, solution: Solution, change: Callable[[Solution], Solution], sentence: str
) -> None:
    with pytest.raises(PlanInconsistent) as refused:
        check_solution(problem=problem, solution=change(solution))
    assert any(sentence in found for found in refused.value.sentences), refused.value.sentences


# Everything at once: two pools, one with domains; short and served work; burst; a pin, a gang, divided work; unplaced.
FULL: dict[str, Any] = DOCUMENT | {
    "tiers": ["committed", "forecast", "P0", "P1"],
    "pools": [
        *DOCUMENT["pools"],
        {
            "key": "north",
            "accelerator_type": "h100",
            "region": "us-north",
            "allocatable": [9, 9],
            "usd_per_accelerator_hour": 1.5,
        },
    ],
    "serving": [
        *DOCUMENT["serving"],
        DOCUMENT["serving"][0] | {"key": "f1", "tier": "forecast", "work": [3, 6.5], "usd_lost_per_work_week": None},
        {
            "key": "f2",
            "tier": "forecast",
            "work": [12, 12],
            "usd_lost_per_work_week": 5,
            "options": [{"pool": "north", "work_per_accelerator": 1.5}],
        },
    ],
    "experiments": [
        DOCUMENT["experiments"][0]
        | {"pools": ["north"], "pinned": {"pool": "north", "domain": None, "start": monday(-1)}},
        DOCUMENT["experiments"][0] | {"key": "e2", "accelerators": 2, "weeks": 1, "latest_start": monday(1)},
        DOCUMENT["experiments"][0]
        | {"key": "e3", "tier": "P1", "model_development": False, "pools": ["north"], "divisible": True, "weight": 0.5},
        DOCUMENT["experiments"][0] | {"key": "e4", "tier": "P1", "model_development": False, "accelerators": 6},
    ],
}
# What is told of a plan, not counted in it: explanations and prices have tests of their own.
TOLD = {"scarcity_prices", "issues"}
TOLD_OF_UNPLACED = {"reason", "week", "blockers", "smallest_changes"}
LISTS = ("tiers", "allocations", "served", "burst", "capacity_shortfalls", "placements", "unplaced", "idle")


@pytest.fixture(scope="module")
def full_problem() -> Problem:
    return as_problem(FULL)


@pytest.fixture(scope="module")
def full_solution(full_problem: Problem) -> Solution:
    return solve(problem=full_problem)


def otherwise(value: Any) -> list[Any]:
    """Values it could have by mistake."""
    if isinstance(value, bool) or value is None:
        return ["elsewhere"]
    if isinstance(value, int):
        return [value + 1, value + 2, value - 1]
    if isinstance(value, float):
        return [value + 1.0, value * 2 + 0.001, value - 0.001]
    return ["elsewhere"] if isinstance(value, str) else [value.plus(1), value.plus(-60)]


def is_refused(problem: Problem, solution: Solution) -> bool:
    try:
        check_solution(problem=problem, solution=solution)
    except PlanInconsistent as refused:
        return bool(refused.sentences) and all(sentence.endswith(".") for sentence in refused.sentences)
    return False


def test_the_full_plan_balances_and_has_rows_of_every_kind(full_problem: Problem, full_solution: Solution) -> None:
    check_solution(problem=full_problem, solution=full_solution)
    assert {each.name for each in fields(Solution)} >= {*LISTS, *TOLD}
    assert all(getattr(full_solution, name) for name in LISTS)
    assert any(row.accelerators for row in full_solution.burst)
    assert {row.key for row in full_solution.placements} == {"e1", "e2", "e3"}


@pytest.mark.parametrize("name", LISTS)
def test_no_number_or_name_of_any_row_can_be_another(name: str, full_problem: Problem, full_solution: Solution) -> None:
    for position, row in enumerate(getattr(full_solution, name)):
        for each in fields(row):
            if name == "unplaced" and each.name in TOLD_OF_UNPLACED:
                continue
            for value in otherwise(getattr(row, each.name)):
                wrong = changed_row(full_solution, name, position, **{each.name: value})
                assert is_refused(full_problem, wrong), (row, each.name, value)


@pytest.mark.parametrize("name", LISTS)
def test_no_row_can_be_there_twice_or_be_left_out(name: str, full_problem: Problem, full_solution: Solution) -> None:
    rows = getattr(full_solution, name)
    for position, row in enumerate(rows):
        assert is_refused(full_problem, replace(full_solution, **{name: (*rows, row)})), row
        without = replace(full_solution, **{name: rows[:position] + rows[position + 1 :]})
        assert is_refused(full_problem, without), row


def mutated(solution: Solution) -> Iterator[tuple[str, Solution]]:
    """Every row left out, told twice, and each of its numbers one more."""
    for name in (*LISTS, *TOLD):
        rows = getattr(solution, name)
        for position, row in enumerate(rows):
            yield f"{name} twice", replace(solution, **{name: (*rows, row)})
            if name != "scarcity_prices":
                yield f"{name} left out", replace(solution, **{name: rows[:position] + rows[position + 1 :]})
            for each in fields(row):
                value = getattr(row, each.name)
                is_number = isinstance(value, int | float) and not isinstance(value, bool)
                # How high a price is, only solving again would show.
                if is_number and name != "scarcity_prices":
                    yield f"{name}.{each.name}", changed_row(solution, name, position, **{each.name: value + 1})
            if name == "scarcity_prices":
                yield "price of 0", changed_row(solution, name, position, usd_per_accelerator_week=0.0)


@for_all(PROBLEMS, examples=25)
def test_no_row_of_any_plan_can_be_another(content: dict[str, Any]) -> None:
    problem = as_problem(content)
    plan = solve(problem=problem)
    for name, wrong in mutated(plan):
        assert is_refused(problem, wrong), name


def test_a_price_stands_only_where_dollars_are_lost(problem: Problem, solution: Solution) -> None:
    # All is served in both weeks of a pool with room; a price there says what is not so.
    quiet = solve(problem=as_problem(DOCUMENT | {"serving": []}))
    price = ScarcityPrice("west", problem.first_week, 3.0)
    calm = as_problem(DOCUMENT | {"serving": []})
    assert not is_refused(calm, quiet)
    assert is_refused(calm, replace(quiet, scarcity_prices=(price,)))


def test_burst_is_carried_by_work_of_the_tiers_that_may_buy_it() -> None:
    # One class in two tiers, 2 of work each in replicas of 1, and no supply: 4 of burst, but only the first may buy: 2.
    rows = [
        DOCUMENT["serving"][0]
        | {
            "key": key,
            "class": "chat",
            "tier": tier,
            "work": [2, 2],
            "options": [{"pool": "west", "work_per_accelerator": 1}],
        }
        for key, tier in (("c1", "committed"), ("c2", "late"))
    ]
    pool = {key: value for key, value in DOCUMENT["pools"][0].items() if key != "domains"} | {"allocatable": [0, 0]}
    bursting = {"accelerators": [4, 4], "usd_per_accelerator_hour": 0.01}
    whole = DOCUMENT | {"tiers": ["committed", "late", "P0"], "serving": rows, "experiments": [], "floors": []}
    anybody = as_problem(whole | {"pools": [pool | {"burst": bursting}]})
    plan = solve(problem=anybody)
    assert [row.accelerators for row in plan.burst] == [4, 4]
    first_only = as_problem(whole | {"pools": [pool | {"burst": bursting | {"tiers": ["committed"]}}]})
    assert is_refused(first_only, plan)


def test_a_plan_ends_as_its_gaps_say(full_problem: Problem, full_solution: Solution) -> None:
    assert is_refused(full_problem, replace(full_solution, termination="limit"))
    worse = replace(full_solution.tiers[0], bound=full_solution.tiers[0].value / 2)
    assert is_refused(full_problem, replace(full_solution, tiers=(worse, *full_solution.tiers[1:])))


# Contradictions a table could hold, each with the path it is told at.
CONTRADICTIONS: dict[str, Callable[[Problem], Problem]] = {
    "$.pools[0].allocatable": lambda p: pools(p, 0, allocatable=(12,)),
    "$.pools[0].domains": lambda p: pools(p, 0, allocatable=(12, 13)),
    "$.pools[0].domains[1].key": lambda p: pools(
        p, 0, domains=(p.pools[0].domains[0], replace(p.pools[0].domains[1], key="a"))
    ),
    "$.pools[0].domains[0].allocatable": lambda p: pools(
        p, 0, domains=(replace(p.pools[0].domains[0], allocatable=(6,)), p.pools[0].domains[1])
    ),
    "$.pools[0].burst.accelerators": lambda p: pools(p, 0, burst=replace(p.pools[0].burst, accelerators=(2, -2))),
    "$.pools[0].burst.usd_per_accelerator_hour": lambda p: pools(
        p, 0, burst=replace(p.pools[0].burst, usd_per_accelerator_hour=Fraction(-1, 2))
    ),
    "$.pools[0].burst.tiers[0]": lambda p: pools(p, 0, burst=replace(p.pools[0].burst, tiers=("P0",))),
    "$.pools[1].usd_per_accelerator_hour": lambda p: pools(p, 1, usd_per_accelerator_hour=-1),
    "$.pools[1].node_size": lambda p: pools(p, 1, node_size=0),
    "$.pools[1].key": lambda p: pools(p, 1, key="west"),
    "$.floors[0].accelerators": lambda p: replace(p, floors=(replace(p.floors[0], accelerators=(-1, 0)),)),
    "$.floors[0].pools[0]": lambda p: replace(p, floors=(replace(p.floors[0], pools=("south",)),)),
    "$.serving[0].work": lambda p: serving(p, 0, work=(8, -1)),
    "$.serving[0].usd_lost_per_work_week": lambda p: serving(p, 0, usd_lost_per_work_week=-3),
    "$.serving[1].max_pools": lambda p: serving(p, 1, max_pools=0),
    "$.serving[2].options[0]": lambda p: serving(
        p, 2, options=(replace(p.serving[2].options[0], work_per_accelerator=0),)
    ),
    "$.serving[2].tier": lambda p: serving(p, 2, tier="gold"),
    "$.experiments[0].pinned.domain": lambda p: experiments(p, 0, pinned=replace(p.experiments[0].pinned, domain="q")),
    "$.experiments[1].latest_start": lambda p: experiments(p, 1, latest_start=p.first_week.plus(-1)),
    "$.experiments[1].options[0]": lambda p: experiments(
        p, 1, options=(replace(p.experiments[1].options[0], weeks=0),)
    ),
    "$.experiments[2].weight": lambda p: experiments(p, 2, weight=-1),
    "$.experiments[3].key": lambda p: experiments(p, 3, key="e1"),
    "$.tiers[0]": lambda p: experiments(p, 3, tier="committed"),
    "$.tiers[3]": lambda p: replace(p, tiers=(*p.tiers[:3], "P0")),
}


def one_of(rows: tuple[Any, ...], position: int, changes: dict[str, Any]) -> tuple[Any, ...]:
    return (*rows[:position], replace(rows[position], **changes), *rows[position + 1 :])


def pools(problem: Problem, position: int, **changes: Any) -> Problem:
    return replace(problem, pools=one_of(problem.pools, position, changes))


def serving(problem: Problem, position: int, **changes: Any) -> Problem:
    return replace(problem, serving=one_of(problem.serving, position, changes))


def experiments(problem: Problem, position: int, **changes: Any) -> Problem:
    return replace(problem, experiments=one_of(problem.experiments, position, changes))


def paths(problem: Problem) -> list[str]:
    with pytest.raises(BadProblem) as refused:
        check_problem(problem)
    assert all(sentence.endswith(".") for sentence in refused.value.sentences)
    return [sentence.split(": ")[0] for sentence in refused.value.sentences]


@pytest.mark.parametrize("path", CONTRADICTIONS)
def test_a_contradiction_is_told_at_its_path_before_anything_is_solved(path: str, full_problem: Problem) -> None:
    wrong = CONTRADICTIONS[path](full_problem)
    assert path in paths(wrong)
    with pytest.raises(BadProblem):
        solve(problem=wrong)


def test_all_contradictions_are_told_at_once(full_problem: Problem) -> None:
    wrong = full_problem
    together = ("$.pools[0].allocatable", "$.pools[1].node_size", "$.floors[0].pools[0]", "$.serving[0].work")
    later = ("$.serving[2].tier", "$.experiments[0].pinned.domain", "$.experiments[2].weight", "$.experiments[3].key")
    for path in (*together, *later):
        wrong = CONTRADICTIONS[path](wrong)
    assert set(paths(wrong)) >= {*together, *later}


def test_a_number_of_weeks_that_fits_no_row_is_told_with_the_rows(full_problem: Problem) -> None:
    assert paths(replace(full_problem, weeks=0))[0] == "$.weeks"


def test_a_floor_above_supply_is_an_issue_and_no_contradiction(full_problem: Problem) -> None:
    floor = replace(full_problem.floors[0], accelerators=(99, 0))
    (issue,) = solve(problem=replace(full_problem, floors=(floor,))).issues
    assert (issue.code, issue.accelerators, issue.supply) == ("floor_above_supply", 99, 12)


def test_work_pinned_where_it_does_not_fit_is_an_issue_and_no_contradiction(full_problem: Problem) -> None:
    (option,) = full_problem.experiments[0].options
    wrong = experiments(full_problem, 0, options=(replace(option, accelerators=10),))
    (issue,) = solve(problem=wrong).issues
    assert (issue.code, issue.key, issue.accelerators, issue.supply) == ("pinned_does_not_fit", "e1", 10, 9)


def test_a_problem_from_tables_with_an_unknown_pool_is_refused(problem: Problem) -> None:
    experiment = problem.experiments[0]
    wrong = replace(experiment, options=(replace(experiment.options[0], pools=("north",)),))
    with pytest.raises(BadProblem, match="there is no pool north"):
        solve(problem=replace(problem, experiments=(wrong,)))

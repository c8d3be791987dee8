"""Numbers of extreme size: a plan that balances, never an error, and no claim that the exact count denies."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem_file import ProblemFileError
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.test_golden_programs import choice, demand, experiment, pool, problem
from tests.domain.allocation.tiny_problems import as_problem, monday


def serves(work: float, usd: float, rate: float = 1.0, replica: int = 1) -> dict[str, Any]:
    option = {"pool": "h100_use1", "work_per_accelerator": rate, "replica_accelerators": replica}
    return demand(f"d{work}{usd}", "committed", work, usd_lost_per_work_week=usd, options=[option]) | {
        "class": f"c{usd}".replace("+", "")
    }


def solved(*rows: dict[str, Any], by_parts: bool = False) -> Solution:
    serving = [row | {"key": f"d{n}"} for n, row in enumerate(rows)]
    options = SolveOptions(whole_limit=0) if by_parts else None
    return solve(problem=as_problem(problem(serving=serving)), options=options)


@pytest.mark.parametrize("by_parts", [False, True])
def test_tokens_by_the_trillion_are_served_dearest_first(by_parts: bool) -> None:
    # 4 accelerators of work at $30,000 each and 8 at $10,000, in a pool of 10: 2 are short.
    plan = solved(serves(4e13, 3e-9, rate=1e13), serves(8e13, 1e-9, rate=1e13), by_parts=by_parts)
    assert plan.tiers[0].value == pytest.approx(20_000)
    assert plan.scarcity_prices[0].usd_per_accelerator_week == pytest.approx(10_000)


@pytest.mark.parametrize("by_parts", [False, True])
def test_work_far_below_one_accelerator_still_gets_its_replica(by_parts: bool) -> None:
    plan = solved(serves(8, 3, rate=1e18), by_parts=by_parts)
    assert [(row.accelerators, row.work) for row in plan.allocations] == [(1, 8.0)]
    assert plan.tiers[0].value == 0.0


@pytest.mark.parametrize("by_parts", [False, True])
@pytest.mark.parametrize(
    "rows",
    [
        (serves(1e18, 3), serves(8, 1)),
        (serves(8, 3, rate=1e-18),),
        (serves(8, 1e9), serves(8, 1e-6)),
        (serves(8, 1e6), serves(8, 1e-6)),
        (serves(8, 0),),
        (serves(8, 3, replica=10**9),),
    ],
)
def test_absurd_sizes_give_a_plan_that_balances(rows: tuple[dict[str, Any], ...], by_parts: bool) -> None:
    plan = solved(*rows, by_parts=by_parts)
    (tier,) = [tier for tier in plan.tiers if tier.unit == "usd"]
    assert tier.bound <= tier.value


@pytest.mark.parametrize("by_parts", [False, True])
def test_experiments_that_weigh_nothing_or_need_nothing_are_placed_where_it_costs_nobody(by_parts: bool) -> None:
    rows = [experiment("e1", 8), experiment("e2", 3, weight=0), experiment("e3", 0), experiment("e4", 2, weight=0)]
    options = SolveOptions(whole_limit=0) if by_parts else None
    plan = solve(problem=as_problem(problem(experiments=rows)), options=options)
    # 8 of 10 for e1; of the two that weigh nothing only e4 fits beside it; e3 needs nothing.
    assert [row.key for row in plan.placements] == ["e1", "e3", "e4"]


@pytest.mark.parametrize("by_parts", [False, True])
@pytest.mark.parametrize("weight", [1e9, 1e18])
def test_a_weight_far_above_all_others_comes_first_and_its_bound_holds(weight: float, by_parts: bool) -> None:
    # In 10: 4 of the heavy one and 6 of what is asked in 7s and 6s.
    heavy, light = experiment("e1", 4, weight=weight), experiment("e2", 7, weight=1.000001)
    rows = [heavy, light, experiment("e3", 6, weight=0.5)]
    options = SolveOptions(whole_limit=0) if by_parts else None
    plan = solve(problem=as_problem(problem(experiments=rows)), options=options)
    assert [row.key for row in plan.placements] == ["e1", "e3"]
    (tier,) = [tier for tier in plan.tiers if tier.value]
    assert tier.value == pytest.approx(4 * weight + 3, rel=1e-15) and tier.bound >= tier.value
    assert plan.termination == "optimal"


@pytest.mark.parametrize("divisible", [False, True])
def test_an_option_of_no_accelerators_beside_others_breaks_no_tie(divisible: bool) -> None:
    row = choice("e1", ("h100_use1", 0, 2), ("h100_use1", 3, 1), divisible=divisible)
    plan = solve(problem=as_problem(problem(experiments=[row])))
    assert [(each.key, each.accelerators) for each in plan.placements] == [("e1", 3)]


@pytest.mark.parametrize("least", [1e-6, 1e-15, 1e-18])
@pytest.mark.parametrize("most", [1, 1e9, 1e18])
def test_a_request_finds_its_week_however_far_apart_the_work_of_two_weeks_is(least: float, most: float) -> None:
    # The first week may be full, in the second one replica of 1 leaves 9 of 10 for a gang of 4.
    row = serves(1, 3) | {"key": "d", "work": [most, least]}
    gang = experiment("e", 4, weeks=1, latest_start=monday(1))
    document = problem(serving=[row], experiments=[gang], weeks=2)
    document["pools"][0] |= {"allocatable": [10, 10]}
    plan = solve(problem=as_problem(document))
    assert plan.termination == "optimal"
    assert [(each.key, each.accelerators) for each in plan.placements] == [("e", 4)]
    assert plan.unplaced == ()


@pytest.mark.parametrize("apart", [1e3, 1e5, 1e6, 1e7])
@pytest.mark.parametrize("by_parts", [False, True])
def test_the_dearest_is_served_first_however_far_apart_losses_are(apart: float, by_parts: bool) -> None:
    # 8 at the most, 3 at $1, 5 at the least, in a pool of 10: 8, 2 and nothing.
    plan = solved(serves(8, apart), serves(3, 1), serves(5, 1 / apart), by_parts=by_parts)
    assert {row.key: row.work for row in plan.served} == {"d0": 8.0, "d1": 2.0, "d2": 0.0}
    assert plan.termination == "optimal"


def test_losses_of_one_tier_that_no_solver_can_weigh_are_refused_by_name() -> None:
    with pytest.raises(ProblemFileError) as refused:
        solved(serves(8, 1e8), serves(3, 1), serves(5, 1e-8))
    assert refused.value.sentences == [
        "$.serving[0].usd_lost_per_work_week: is 1e+08 dollars per accelerator and week, d2 of the same tier "
        "(committed) 1e-08: more than 1e+15 times as much cannot be planned."
    ]


@pytest.mark.parametrize("by_parts", [False, True])
def test_dear_work_of_a_lower_tier_gains_nothing_by_the_slack_of_a_frozen_tier(by_parts: bool) -> None:
    # Class c lies in west alone: 13 of work in 12 of the first week, so forecast loses 1 × $17; 7 of 12 and 2 of 4
    # afterwards. Class d: 11.5 in the second week, on 5 × 2 left of west and a replica of 3 in east; 15 in the third,
    # on 2 × 2 and 4 replicas of 3 in 16. So holds lose nothing. A millionth of the first dollar would be worth
    # $0.000017 to forecast.
    pools = [
        pool("east", allocatable=[8, 8, 16], burst={"accelerators": [0, 5, 5], "usd_per_accelerator_hour": 0.05}),
        pool("west", allocatable=[12, 12, 4]),
    ]
    c = [{"pool": "west", "work_per_accelerator": 1.0}]
    d = [
        {"pool": "west", "work_per_accelerator": 2.0},
        {"pool": "east", "work_per_accelerator": 1.0, "replica_accelerators": 3},
    ]

    def row(key: str, tier: str, usd: float | None, work: list[float]) -> dict[str, Any]:
        options = c if key[0] == "c" else d
        return demand(key, tier, 0, usd_lost_per_work_week=usd, options=options) | {"class": key[0], "work": work}

    rows = [
        row("c1", "committed", 1, [2, 1, 0]),
        row("c2", "committed", 17, [1, 1, 1]),
        row("c3", "forecast", 17, [10, 5, 1]),
        row("d1", "forecast", None, [0, 7.5, 7.5]),
        row("d2", "holds", 17, [0, 4, 7.5]),
    ]
    document = problem(serving=rows, pools=pools, weeks=3, tiers=["committed", "forecast", "holds"])
    options = SolveOptions(whole_limit=0) if by_parts else None
    plan = solve(problem=as_problem(document), options=options)
    assert [tier.value for tier in plan.tiers] == [0.0, 17.0, 0.0]

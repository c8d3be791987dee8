"""Numbers of extreme size: a plan that balances, never an error, and no claim that the exact count denies."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.test_golden_programs import demand, experiment, problem
from tests.domain.allocation.tiny_problems import as_problem


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
        (serves(8, 1e18), serves(8, 1e-18)),
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

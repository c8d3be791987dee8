"""Of plans that are worth the same: who is served, where things lie and what moves, in the order the methods page gives."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.tiny_problems import as_problem, monday

Json = dict[str, Any]
WHOLE, BY_PARTS = SolveOptions(), SolveOptions(whole_limit=0)


def pool(key: str, allocatable: list[int], usd: float = 1, **more: Any) -> Json:
    return {
        "key": key, "accelerator_type": "h100", "region": "us", "allocatable": allocatable,
        "usd_per_accelerator_hour": usd, **more,
    }  # fmt: skip


def serves(key: str, work: list[float], usd: float | None, *, pools: str = "a", tier: str = "committed") -> Json:
    options = [{"pool": each, "work_per_accelerator": 1, "replica_accelerators": 1} for each in pools.split()]
    return {"key": key, "tier": tier, "work": work, "usd_lost_per_work_week": usd, "options": options}


def asks(key: str, accelerators: int, *, last: int, pools: str = "a", **more: Any) -> Json:
    return {
        "key": key, "tier": "P0", "team": "t", "model_development": False, "accelerators": accelerators, "weeks": 1,
        "earliest_start": monday(0), "latest_start": monday(last), "pools": pools.split(), **more,
    }  # fmt: skip


def solved(pools: list[Json], options: SolveOptions, **more: Any) -> Solution:
    document = {
        "version": 1, "first_week": monday(0), "weeks": len(pools[0]["allocatable"]), "floors": [], "previous": [],
        "tiers": ["committed", "forecast", "P0"], "pools": pools, "serving": [], "experiments": [],
    }  # fmt: skip
    return solve(problem=as_problem(document | more), options=options)


def served(solution: Solution) -> dict[str, float]:
    return {row.key: float(row.work) for row in solution.served}


def test_of_demands_that_lose_the_same_the_first_key_is_served() -> None:
    serving = [serves(key, [5], 3) for key in ("s3", "s1", "s2")]
    assert served(solved([pool("a", [5])], WHOLE, serving=serving)) == {"s1": 5, "s2": 0, "s3": 0}


def test_of_plans_that_lose_the_same_the_one_that_serves_the_dearest_is_taken() -> None:
    """Four accelerators carry three units of $2 or two of $3: $6 are lost both ways."""
    dear = serves("dear", [2], 3)
    dear["options"] = [{"pool": "a", "work_per_accelerator": 0.5, "replica_accelerators": 4}]
    assert served(solved([pool("a", [4])], WHOLE, serving=[serves("cheap", [3], 2), dear])) == {"dear": 2, "cheap": 0}


def test_of_demands_of_unknown_loss_the_first_key_is_served() -> None:
    serving = [serves(key, [5], None) for key in ("s3", "s1", "s2")]
    assert served(solved([pool("a", [7])], WHOLE, serving=serving)) == {"s1": 5, "s2": 2, "s3": 0}


def test_of_divisible_requests_worth_the_same_the_first_keys_are_placed_first() -> None:
    requests = [asks(key, 5, last=1, divisible=True) for key in ("d3", "d1", "d2")]
    solution = solved([pool("a", [5, 5])], WHOLE, experiments=requests)
    assert {(row.key, row.start.monday.isoformat()) for row in solution.placements} == {
        ("d1", monday(0)),
        ("d2", monday(1)),
    }


@pytest.mark.parametrize("options", [WHOLE, BY_PARTS])
def test_cheaper_places_of_serving_go_before_leaving_a_gang_where_it_was(options: SolveOptions) -> None:
    """In the first week serving needs all 8 of the cheap pool; where the gang was before, 4 would go to the dear one."""
    solution = solved(
        [pool("cheap", [8, 8], 1), pool("dear", [8, 8], 9)],
        options,
        serving=[serves("c", [8, 4], 5, pools="cheap dear")],
        experiments=[asks("e", 4, last=1, pools="cheap")],
        previous=[{"key": "e", "pool": "cheap", "domain": None, "start": monday(0), "weeks": 1, "accelerators": 4}],
    )
    assert {row.pool for row in solution.allocations} == {"cheap"}
    assert [row.start.monday.isoformat() for row in solution.placements] == [monday(1)]


@pytest.mark.parametrize("options", [WHOLE, BY_PARTS])
def test_tiers_that_share_the_burst_of_a_pool_buy_no_more_than_there_is(options: SolveOptions) -> None:
    """15 accelerators are needed of 5 and at most 6 of burst; the work of a tier is no whole number of accelerators."""
    burst = {"accelerators": [6], "usd_per_accelerator_hour": 0.01}
    late = serves("late", [9], 10, tier="forecast")
    late["options"][0]["work_per_accelerator"] = 1.5
    solution = solved(
        [pool("a", [5], 2, burst=burst)], options, serving=[late, serves("early", [10], 3, tier="committed")]
    )
    assert sum(row.accelerators for row in solution.burst) == 6
    assert served(solution) == {"early": 10, "late": 1.5}

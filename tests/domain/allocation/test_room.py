"""What of a tier stays unmet beside everything above it: hand-worked weeks, and nothing promised that a plan could not give."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.room import unmet_of_tier


def problem(
    serving: list[dict[str, Any]], *, supply: dict[str, list[int]], floor: int = 0, experiments: Any = ()
) -> Problem:
    weeks = len(next(iter(supply.values())))
    document = {
        "version": 1,
        "first_week": "2026-11-23",
        "weeks": weeks,
        "tiers": ["committed", "forecast", "holds", "P0"],
        "floors": [{"key": "md", "pools": [next(iter(supply))], "accelerators": [floor] * weeks}] if floor else [],
        "pools": [
            {"key": key, "accelerator_type": "h100", "region": "us", "allocatable": list(there),
             "usd_per_accelerator_hour": 2}
            for key, there in supply.items()
        ],
        "serving": serving,
        "experiments": list(experiments),
    }  # fmt: skip
    return problem_from_bytes(json.dumps(document).encode())


def demand(key: str, tier: str, work: list[float], *pools: str, replica: int = 8) -> dict[str, Any]:
    options = [{"pool": pool, "work_per_accelerator": 1, "replica_accelerators": replica} for pool in pools or ("a",)]
    return {"key": key, "class": key, "tier": tier, "work": work, "usd_lost_per_work_week": 5, "options": options}


def unmet(given: Problem, *weeks: int) -> dict[int, Fraction]:
    return {
        week: row.accelerators for week, row in unmet_of_tier(problem=given, tier="holds", weeks=weeks or [0]).items()
    }


def test_a_hold_of_nine_takes_two_replicas_of_eight() -> None:
    """32 there, 16 committed: 16 are left, and 9 of work take two replicas; 17 take three, so 1 stays unmet."""
    committed = demand("c", "committed", [16])
    assert unmet(problem([committed, demand("h", "holds", [9])], supply={"a": [32]})) == {0: 0}
    assert unmet(problem([committed, demand("h", "holds", [17])], supply={"a": [32]})) == {0: 1}


def test_forecast_and_floor_go_before_what_is_held() -> None:
    """40 there, 8 kept by the floor, 16 forecast: two replicas are left."""
    rows = [demand("f", "forecast", [16]), demand("h", "holds", [24])]
    assert unmet(problem(rows, supply={"a": [40]}, floor=8)) == {0: 8}
    assert unmet(problem(rows, supply={"a": [48]}, floor=8)) == {0: 0}


def test_what_is_above_moves_aside_to_another_pool_where_it_may() -> None:
    """The hold must lie in b; the commitment may lie in a or b, so it goes to a."""
    rows = [demand("c", "committed", [16], "a", "b"), demand("h", "holds", [16], "b")]
    assert unmet(problem(rows, supply={"a": [16], "b": [16]})) == {0: 0}
    assert unmet(problem(rows, supply={"a": [8], "b": [16]})) == {0: 8}


def test_running_work_is_not_moved_and_other_experiments_are_not_asked() -> None:
    base = {"tier": "P0", "team": "t", "model_development": False, "accelerators": 16, "weeks": 1, "pools": ["a"],
            "earliest_start": "2026-11-23", "latest_start": "2026-11-23"}  # fmt: skip
    running = base | {"key": "e", "pinned": {"pool": "a", "domain": None, "start": "2026-11-23"}}
    hold = demand("h", "holds", [16])
    assert unmet(problem([hold], supply={"a": [24]}, experiments=[running])) == {0: 8}
    assert unmet(problem([hold], supply={"a": [24]}, experiments=[base | {"key": "e"}])) == {0: 0}


def test_each_week_is_asked_for_itself_and_says_what_is_left_where() -> None:
    rows = [demand("c", "committed", [8, 16]), demand("h", "holds", [16, 16])]
    found = unmet_of_tier(problem=problem(rows, supply={"a": [24, 28]}), tier="holds", weeks=[0, 1])
    assert found[0].accelerators == 0
    assert (found[1].accelerators, found[1].demands, found[1].free) == (8, {"h": Fraction(8)}, {"a": 4})


def test_a_tier_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(ValueError):
        unmet_of_tier(problem=problem([demand("c", "committed", [8])], supply={"a": [8]}), tier="hold", weeks=[0])

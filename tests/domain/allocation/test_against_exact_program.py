"""The engine against a second exact solver: every tier's value where it solves whole, every bound where it does not."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.solution import UNIT_USD, Solution
from tests.domain.allocation.brute_force import best_values
from tests.domain.allocation.exact_values import ExactValues, TierValues
from tests.domain.allocation.for_all import BY_PARTS, QUICKLY
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.tiny_problems import as_problem, monday, tiny_problem

TOLERANCE = 1e-6
BLOCK = 25
# 150 problems always, all 500 in `make test-long`.
BLOCKS = [pytest.param(block, marks=[pytest.mark.long] if block >= 6 else []) for block in range(20)]


@pytest.fixture(scope="module")
def exact() -> Iterator[ExactValues]:
    with ExactValues() as running:
        yield running


def numbered(number: int) -> dict[str, Any]:
    return small_problem(random.Random(number))


def values_of(solution: Solution) -> list[tuple[float, float, float]]:
    """(dollars, unmet accelerators, minus accelerator-weeks placed) of every tier, all to be small."""
    return [
        (tier.value, tier.unmet_accelerators or 0.0, 0.0) if tier.unit == UNIT_USD else (0.0, 0.0, -tier.value)
        for tier in solution.tiers
    ]


def first_difference(found: list[tuple[float, float, float]], best: TierValues) -> float:
    """Of the first value that differs, how much larger (worse) it was found; 0 where none differs."""
    pairs = [
        (ours, float(theirs))
        for row, other in zip(found, best, strict=True)
        for ours, theirs in zip(row, other, strict=True)
    ]
    return next((ours - theirs for ours, theirs in pairs if abs(ours - theirs) > TOLERANCE), 0.0)


def test_the_second_solver_finds_what_trying_every_plan_finds(exact: ExactValues) -> None:
    for seed in range(40):
        document = tiny_problem(seed)
        assert [(usd + placed, unmet) for usd, unmet, placed in exact.of(document)] == best_values(document), seed


@pytest.mark.parametrize("block", BLOCKS)
def test_every_tier_reaches_the_value_that_the_second_solver_proves(block: int, exact: ExactValues) -> None:
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        document = numbered(number)
        solution = solve(problem=as_problem(document))
        best = exact.of(document)
        assert first_difference(values_of(solution), best) == 0.0, (number, solution.tiers, best)
        # The solver's tolerances may leave a hair between the value and what it proves.
        assert all(tier.gap_relative <= 1e-4 for tier in solution.tiers), (number, solution.tiers)


def assert_bounds_hold(document: dict[str, Any], solution: Solution, exact: ExactValues) -> None:
    """No plan whose tiers above are as good as this one's is beyond a bound."""
    given = [[Fraction(value).limit_denominator(10**6) for value in row] for row in values_of(solution)]
    for tier, (usd, _, placed) in zip(solution.tiers, exact.beside(document, given), strict=True):
        bound = tier.bound if tier.unit == UNIT_USD else -tier.bound
        assert bound <= float(usd + placed) + TOLERANCE, (tier, float(usd + placed))


@pytest.mark.parametrize("block", BLOCKS)
def test_a_plan_by_parts_is_no_better_than_the_best_and_its_bounds_hold(block: int, exact: ExactValues) -> None:
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        document = numbered(number)
        solution = solve(problem=as_problem(document), options=QUICKLY if number % 3 == 0 else BY_PARTS)
        assert first_difference(values_of(solution), exact.of(document)) >= 0.0, number
        assert_bounds_hold(document, solution, exact)


def test_a_bound_allows_the_tiers_above_to_lose_in_another_week(exact: ExactValues) -> None:
    """8 accelerators, 3 weeks. The request of 4 lies in the second or third week, committed serving needs 8, 6 and 0.

    With the request in the second week committed loses $2 there and forecast, which needs 2 in the first, loses $20.
    With it in the third, committed may lose its $2 in the first, and forecast loses nothing.
    """
    option = {"pool": "west", "work_per_accelerator": 1}
    committed = {"key": "c", "tier": "committed", "work": [8, 6, 0], "usd_lost_per_work_week": 1, "options": [option]}
    request = {"key": "e", "tier": "P0", "team": "a", "model_development": False, "accelerators": 4, "weeks": 1}
    pool = {"key": "west", "accelerator_type": "h100", "region": "west", "usd_per_accelerator_hour": 1}
    document = {
        "version": 1,
        "first_week": monday(0),
        "weeks": 3,
        "tiers": ["P0", "committed", "forecast"],
        "floors": [],
        "pools": [pool | {"allocatable": [8, 8, 8]}],
        "serving": [
            committed,
            committed | {"key": "f", "tier": "forecast", "work": [2, 0, 0], "usd_lost_per_work_week": 10},
        ],
        "experiments": [request | {"earliest_start": monday(1), "latest_start": monday(2), "pools": ["west"]}],
    }
    assert_bounds_hold(document, solve(problem=as_problem(document), options=BY_PARTS), exact)


def test_the_problems_have_every_rule_of_the_policy_among_them() -> None:
    documents = [numbered(number) for number in range(BLOCK)]
    text = json.dumps(documents)
    for rule in ("domains", "burst", "max_pools", "options", "pinned", "usd_lost_per_work_week"):
        assert f'"{rule}"' in text
    experiments = [row for document in documents for row in document["experiments"]]
    floors = [floor for document in documents for floor in document["floors"]]
    for rows, name in ((experiments, "divisible"), (experiments, "preemptible"), (floors, "lendable")):
        assert {row[name] for row in rows} == {True, False}
    shared = [{row["tier"] for row in document["serving"] if row["class"] == "chat"} for document in documents]
    assert any(len(tiers) > 1 for tiers in shared)
    assert any(row["usd_lost_per_work_week"] is None for document in documents for row in document["serving"])

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
from tests.domain.allocation.tiny_problems import as_problem, tiny_problem

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
        assert solution.termination == "optimal", number


@pytest.mark.parametrize("block", BLOCKS)
def test_a_plan_by_parts_is_no_better_than_the_best_and_its_bounds_hold(block: int, exact: ExactValues) -> None:
    for number in range(block * BLOCK, (block + 1) * BLOCK):
        document = numbered(number)
        solution = solve(problem=as_problem(document), options=QUICKLY if number % 3 == 0 else BY_PARTS)
        found = values_of(solution)
        assert first_difference(found, exact.of(document)) >= 0.0, number
        given = [[Fraction(value).limit_denominator(10**6) for value in row] for row in found]
        for tier, (usd, _, placed) in zip(solution.tiers, exact.beside(document, given), strict=True):
            bound = tier.bound if tier.unit == UNIT_USD else -tier.bound
            assert bound <= float(usd + placed) + TOLERANCE, (number, tier, float(usd + placed))


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

"""The engine against every possible plan of tiny problems, tier by tier."""

from __future__ import annotations

import pytest

from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.brute_force import best_values
from tests.domain.allocation.tiny_problems import as_problem, tiny_problem

TOLERANCE = 1e-6


def values_to_minimise(solution: Solution) -> list[tuple[float, float]]:
    return [
        (tier.value, tier.unmet_accelerators or 0.0) if tier.unit == "usd" else (-tier.value, 0.0)
        for tier in solution.tiers
    ]


@pytest.mark.parametrize("block", range(4))
def test_every_tier_reaches_the_value_that_trying_every_plan_finds(block: int) -> None:
    for seed in range(block * 15, block * 15 + 15):
        document = tiny_problem(seed)
        solution = solve(problem=as_problem(document))
        expected = [(float(a), float(b)) for a, b in best_values(document)]
        assert _close(values_to_minimise(solution), expected), f"seed {seed}"
        assert solution.termination == "optimal", f"seed {seed}"


def _close(found: list[tuple[float, float]], expected: list[tuple[float, float]]) -> bool:
    return all(
        abs(a - c) <= TOLERANCE and abs(b - d) <= TOLERANCE for (a, b), (c, d) in zip(found, expected, strict=True)
    )

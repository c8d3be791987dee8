"""Properties over generated problems: how many of them, and from what they are drawn.

What belongs here: the decorator that runs a property on some problems in `make test` and on ten times as many
in `make test-long`, always the same ones, and the strategies for problems.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.solution import solution_to_json
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.tiny_problems import as_problem

# The same properties are asked of two thousand plans in `test_invariants`: those here are made smaller when one fails.
LONG = 10
BY_PARTS = SolveOptions(whole_limit=0)
QUICKLY = SolveOptions(whole_limit=0, effort="quick")
# Solved whole, and by parts as a plan of record and as a quick plan.
ROUTES = st.sampled_from([None, BY_PARTS, QUICKLY])
# Drawn by hypothesis itself, so that a failing problem is made smaller before it is shown.
CHANCE = st.randoms(use_true_random=False, note_method_calls=False)
PROBLEMS = CHANCE.map(small_problem)


def for_all(*strategies: Any, examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The property as a test of `examples` cases, and a long one of ten times as many."""

    def decorate(holds: Callable[..., None]) -> Callable[..., None]:
        @pytest.mark.parametrize(
            "cases", [pytest.param(examples), pytest.param(examples * LONG, marks=pytest.mark.long)]
        )
        def test(cases: int) -> None:
            checks = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
            some = settings(
                max_examples=cases, deadline=None, derandomize=True, database=None, suppress_health_check=checks
            )
            some(given(*strategies)(holds))()

        test.__name__, test.__doc__, test.__module__ = holds.__name__, holds.__doc__, holds.__module__
        test.holds = holds  # type: ignore[attr-defined]
        return test

    return decorate


def plan_of(document: dict[str, Any], options: SolveOptions | None = None) -> dict[str, Any]:
    """The plan in the file form, without the seconds it took."""
    rows = solution_to_json(solve(problem=as_problem(document), options=options))
    del rows["seconds"]
    return json.loads(json.dumps(rows))

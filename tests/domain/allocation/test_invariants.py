"""The invariants of every plan: two thousand examples always (more supply: one), twenty thousand in the long tests.

What belongs here: the properties of `test_plan_balances`, `test_reasons_hold` and `test_plan_properties`, asked of
problems that change step by step, so that every plan is solved once for all of them. They stand there for themselves,
over fewer problems that are made smaller when one fails.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from capacity.allocation.domain.engine import SolveOptions
from tests.domain.allocation import test_plan_balances, test_plan_properties, test_reasons_hold
from tests.domain.allocation.for_all import BY_PARTS, QUICKLY, plan_of
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.test_plan_properties import assert_not_worse, assert_same_above, tier_rows

Row = dict[str, Any]
# Chains of 8 steps, 13 in a block: 17 blocks have 1,768 steps and 1,989 plans, 200 ten times as many.
STEPS, CHAINS, ALWAYS, ALL = 8, 13, 20, 200
BLOCKS = [pytest.param(block, marks=[pytest.mark.long] if block >= ALWAYS else []) for block in range(ALL)]
# Plans that are solved whole are dear: half as many of these always.
WHOLE = [pytest.param(block, marks=[pytest.mark.long] if block >= ALWAYS // 2 else []) for block in range(ALL)]
ROUTES = (None, BY_PARTS, QUICKLY)


def seeds(block: int) -> Iterator[tuple[int, random.Random]]:
    for seed in range(block * CHAINS, (block + 1) * CHAINS):
        yield seed, random.Random(seed)


def properties_of_one_plan() -> list[Callable[..., None]]:
    """As they were written, under (problem, route)."""
    return [
        test.holds
        for module in (test_plan_balances, test_reasons_hold)
        for name, test in vars(module).items()
        if name.startswith("test_") and hasattr(test, "holds")
    ]


@pytest.fixture
def solved(monkeypatch: pytest.MonkeyPatch) -> Callable[[Row, SolveOptions | None], Row]:
    """Solves, and asks every property of one plan of what comes out."""

    def solve_and_ask(document: Row, route: SolveOptions | None) -> Row:
        plan = plan_of(document, route)
        for module in (test_plan_balances, test_reasons_hold):
            monkeypatch.setattr(module, "plan_of", lambda *_: plan)
        for holds in properties_of_one_plan():
            holds(document, route)
        return plan

    return solve_and_ask


@pytest.mark.parametrize("block", BLOCKS)
def test_another_request_and_another_order_of_rows_leave_what_they_must(
    block: int, solved: Callable[[Row, SolveOptions | None], Row]
) -> None:
    for seed, rng in seeds(block):
        document, route = small_problem(rng), ROUTES[seed % len(ROUTES)]
        plan = solved(document, route)
        for step in range(STEPS):
            document, own = test_plan_properties.with_another_request(document, rng, number=10 + step)
            before, plan = plan, solved(document, route)
            assert_same_above(own, tier_rows(plan), tier_rows(before))
            shuffled = test_plan_properties.shuffled(document, rng)
            assert json.dumps(plan_of(shuffled, route)) == json.dumps(plan), (seed, step)


@pytest.mark.parametrize("block", WHOLE)
def test_more_supply_makes_no_tier_worse(block: int, solved: Callable[[Row, SolveOptions | None], Row]) -> None:
    for _, rng in seeds(block + ALL):
        document = test_plan_properties.held_absolute(small_problem(rng))
        plan = solved(document, None)
        for _ in range(STEPS):
            document = test_plan_properties.with_more_supply(document, rng)
            before, plan = plan, solved(document, None)
            assert_not_worse(tier_rows(plan), tier_rows(before))


def test_all_properties_of_one_plan_are_asked(solved: Callable[[Row, SolveOptions | None], Row]) -> None:
    names = {holds.__name__ for holds in properties_of_one_plan()}
    assert len(names) >= 10
    assert "test_a_smallest_change_fits_with_all_else_held_and_one_unit_less_does_not" in names
    assert "test_pools_and_domains_hold_no_more_than_they_have" in names


def test_a_plan_that_breaks_a_property_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty times the accelerators of every placement."""
    document = next(row for row in map(small_problem, map(random.Random, range(50))) if plan_of(row)["placements"])
    plan = plan_of(document)
    for row in plan["placements"]:
        row["accelerators"] *= 20
    monkeypatch.setattr(test_plan_balances, "plan_of", lambda *_: plan)
    failed = []
    for holds in properties_of_one_plan():
        if holds.__module__ == test_plan_balances.__name__:
            try:
                holds(document, None)
            except AssertionError:
                failed.append(holds.__name__)
    assert "test_pools_and_domains_hold_no_more_than_they_have" in failed

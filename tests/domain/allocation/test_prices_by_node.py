"""Scarcity prices beside what a node more or less changes, worked out by hand, and what a node more would unlock."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.allocation.domain import engine
from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.node_worth import ChangedSupply
from capacity.allocation.domain.solution import ScarcityPrice, Solution, solution_to_json
from capacity.allocation.domain.solver import SolverFailed
from capacity.allocation.domain.weekly import WeeklyServing
from tests.domain.allocation.test_explanations import floor, pool, problem, request
from tests.domain.allocation.tiny_problems import as_problem, monday

Json = dict[str, Any]


def asks(key: str, work: list[float], usd: float | None, tier: str = "committed") -> Json:
    return {
        "key": key, "class": key, "tier": tier, "work": work, "usd_lost_per_work_week": usd,
        "options": [{"pool": "west", "work_per_accelerator": 1, "replica_accelerators": 1}],
    }  # fmt: skip


def solved(document: Json) -> Solution:
    return solve(problem=as_problem(document))


def two_demands(**more: Any) -> Json:
    """Ten accelerators in nodes of 4; 8 at $3 and 8 at $1."""
    serving = [asks("dear", [8], 3), asks("cheap", [8], 1)]
    return problem(
        allocatable=[10], requests=[], serving=serving, **{"pools": [pool("west", [10], node_size=4)], **more}
    )


def only(solution: Solution) -> ScarcityPrice:
    (price,) = solution.scarcity_prices
    return price


def test_a_node_more_saves_four_and_a_node_less_loses_eight() -> None:
    # One more serves the cheap: $1. Four more: $4. Four less: the cheap loses its 2 and the dear 2: 2 + 6 = $8.
    price = only(solved(two_demands()))
    assert price.usd_per_accelerator_week == pytest.approx(1)
    assert (price.usd_node_more, price.usd_node_less) == (pytest.approx(4), pytest.approx(8))
    assert [(each.key, each.accelerators, each.is_request) for each in price.unlocks] == [("cheap", 4, False)]


def test_a_node_more_is_worth_less_than_its_first_accelerator_promises_once_nobody_is_short() -> None:
    # Short by one only: a node of 4 saves $1, not $4.
    document = two_demands(pools=[pool("west", [15], node_size=4)])
    price = only(solved(document))
    assert (price.usd_per_accelerator_week, price.usd_node_more) == (pytest.approx(1), pytest.approx(1))


def test_a_floor_above_its_supply_takes_the_node_itself() -> None:
    # The floor asks for 20 of 10: what comes goes to it, so nothing more is worth anything.
    assert solved(two_demands(floors=[floor([20])])).scarcity_prices == ()
    # It asks for 12: of a node of 4 it takes 2, the dear demand 2 at $3.
    price = solved(two_demands(floors=[floor([12])])).scarcity_prices
    assert price == ()


def test_a_floor_that_is_met_gives_the_node_to_serving_and_takes_none_away() -> None:
    # Floor 4 of 10: six serve the dear, short by 2. A node more: 2 × $3 + 2 × $1; a node less: 4 × $3.
    price = only(solved(two_demands(floors=[floor([4])])))
    assert price.usd_per_accelerator_week == pytest.approx(3)
    assert (price.usd_node_more, price.usd_node_less) == (pytest.approx(8), pytest.approx(12))
    assert [(each.key, each.accelerators) for each in price.unlocks] == [("cheap", 2), ("dear", 2)]


def test_without_a_node_to_give_up_there_is_no_loss_of_one() -> None:
    document = two_demands(pools=[pool("west", [10], node_size=16)])
    assert only(solved(document)).usd_node_less is None


def test_a_node_that_would_place_a_request_is_told_with_the_weeks_it_needs_it() -> None:
    # Serving takes all ten in both weeks and is short; a gang of 4 for two weeks would need one node of 4.
    serving = [asks("dear", [12, 12], 3)]
    document = problem(
        allocatable=[10, 10],
        requests=[request("gang", 4, weeks=2)],
        serving=serving,
        pools=[pool("west", [10, 10], node_size=4)],
    )
    prices = solved(document).scarcity_prices
    assert [row.week.monday.isoformat() for row in prices] == [monday(0), monday(1)]
    for row in prices:
        assert [(each.key, each.is_request, each.weeks) for each in row.unlocks] == [
            ("dear", False, 1),
            ("gang", True, 2),
        ]


def test_the_file_form_has_the_price_alone() -> None:
    (row,) = solution_to_json(solved(two_demands()))["scarcity_prices"]
    assert set(row) == {"pool", "week", "usd_per_accelerator_week"}


def test_what_the_solver_did_not_answer_is_not_computed_and_no_saving_of_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    solve_weeks = WeeklyServing.solve

    def silent_on_a_node_more(self: WeeklyServing, weeks: Any, *, use: Any, **more: Any) -> Any:
        if isinstance(use, ChangedSupply) and use.pool_free(0, 0) > 10:
            raise SolverFailed("no answer")
        return solve_weeks(self, weeks, use=use, **more)

    monkeypatch.setattr(WeeklyServing, "solve", silent_on_a_node_more)
    price = only(solved(two_demands()))
    assert price.usd_node_more is None
    assert price.usd_node_less == pytest.approx(8)


def test_beyond_the_limit_only_the_dearest_weeks_tell_what_a_node_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    # Short in both weeks, at $3 in the second only: that one is solved again, of the other the price alone is told.
    monkeypatch.setattr(engine, "QUICK_COLUMNS", 1)
    serving = [asks("cheap", [12, 0], 1), asks("dear", [0, 12], 3)]
    document = problem(allocatable=[10, 10], requests=[], serving=serving, pools=[pool("west", [10, 10], node_size=4)])
    plan = solve(problem=as_problem(document), options=SolveOptions(effort="quick"))
    found = [(row.usd_per_accelerator_week, row.usd_node_more, row.usd_node_less) for row in plan.scarcity_prices]
    assert found == [(1.0, None, None), (3.0, 6.0, 12.0)]

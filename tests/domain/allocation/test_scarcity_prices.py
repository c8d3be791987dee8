"""What a price says, against the same problem solved with other supply: by hand, and on small random problems."""

from __future__ import annotations

import copy
import math
import random
from typing import Any

import pytest
from hypothesis import strategies as st

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.solution import Solution
from tests.domain.allocation.for_all import BY_PARTS, CHANCE, for_all
from tests.domain.allocation.small_problems import small_problem
from tests.domain.allocation.test_explanations import floor, pool, problem
from tests.domain.allocation.tiny_problems import as_problem

Json = dict[str, Any]
# Of an accelerator, and of them what counts as a little more.
PARTS = 64_000
LITTLE = PARTS // 64


def asks(key: str, work: list[float], usd: float | None, *options: tuple[str, float, int], **more: Any) -> Json:
    return {
        "key": key, "class": key, "tier": "committed", "work": work, "usd_lost_per_work_week": usd,
        "options": [
            {"pool": where, "work_per_accelerator": rate, "replica_accelerators": replica}
            for where, rate, replica in options
        ],
    } | more  # fmt: skip


def document(pools: list[Json], serving: list[Json], **more: Any) -> Json:
    weeks = len(pools[0]["allocatable"])
    return problem(allocatable=[0] * weeks, requests=[], serving=serving, **{"pools": pools, **more})


def prices(content: Json) -> list[tuple[str, float, float | None, float | None]]:
    rows = solve(problem=as_problem(content)).scarcity_prices
    return [(row.pool, row.usd_per_accelerator_week, row.usd_node_more, row.usd_node_less) for row in rows]


def test_a_class_held_to_one_pool_gains_where_it_is() -> None:
    # 8 of work at $9 in one pool only: the larger has 5, 3 are short. One more there saves $9, one less loses $9. The
    # other pool has 4: one more there is of no use.
    either = asks("chat", [8], 9, ("east", 1, 1), ("west", 1, 1), max_pools=1)
    assert prices(document([pool("east", [4]), pool("west", [5])], [either])) == [("west", 9.0, 9.0, 9.0)]


def test_a_class_that_is_nowhere_yet_may_choose_its_pool() -> None:
    either = asks("chat", [8], 9, ("east", 1, 1), ("west", 2, 1), max_pools=1)
    found = prices(document([pool("east", [0]), pool("west", [0])], [either]))
    assert found == [("east", 9.0, 9.0, None), ("west", 18.0, 18.0, None)]


def test_a_floor_over_nothing_takes_the_first_that_comes() -> None:
    # The floor asks for 4 of 0 in the first week: one to four more go to it and save nothing.
    serving = [asks("chat", [5, 5], 9, ("west", 1, 1))]
    assert prices(document([pool("west", [0, 10])], serving, floors=[floor([4, 4])])) == []
    # A node of 6: two of them serve, at $9.
    found = prices(document([pool("west", [3, 10], node_size=6)], serving, floors=[floor([4, 4])]))
    assert found == []


def test_an_accelerator_works_at_its_rate_however_little_is_asked_for() -> None:
    # 1 of work at $10 and replicas of 4 that could do 8: an accelerator more does 2 of it, in divisible replicas, as
    # long as there is that much to do. A node of 1 holds no replica.
    serving = [asks("chat", [1], 10, ("west", 2, 4))]
    assert prices(document([pool("west", [0])], serving)) == [("west", 20.0, 0.0, None)]
    assert prices(document([pool("west", [0], node_size=4)], serving)) == [("west", 20.0, 10.0, None)]


def test_a_node_is_worth_the_whole_replicas_it_completes() -> None:
    # 16 of work at $9 in replicas of 8; 10 hold one of them, 8 are short. In divisible replicas 10 are served, one more
    # saves $9. A node of 6 completes the second replica and saves 8 × 9 = $72; without a node of 6 none is left: $72.
    serving = [asks("chat", [16], 9, ("west", 1, 8))]
    (row,) = solve(problem=as_problem(document([pool("west", [10], node_size=6)], serving))).scarcity_prices
    assert (row.usd_per_accelerator_week, row.usd_node_more, row.usd_node_less) == (9.0, 72.0, 72.0)
    assert [(each.key, each.accelerators) for each in row.unlocks] == [("chat", 8)]


# --- against the same problem solved again ---------------------------------------------------------------------------


def with_more(content: Json, key: str, by: int) -> Json:
    """The problem of one week with `by` accelerators more in a pool."""
    changed = copy.deepcopy(content)
    (there,) = (each for each in changed["pools"] if each["key"] == key)
    there["allocatable"][0] += by
    return changed


def of_week(content: Json, week: int) -> Json:
    """Serving alone, in that week alone."""
    one = copy.deepcopy(content) | {"experiments": [], "previous": [], "weeks": 1}
    for each in one["pools"]:
        each["allocatable"] = [each["allocatable"][week]]
        each.pop("domains", None)
        if "burst" in each:
            each["burst"]["accelerators"] = [each["burst"]["accelerators"][week]]
    for each in one["floors"]:
        each["accelerators"] = [each["accelerators"][week]]
    for each in one["serving"]:
        each["work"] = [each["work"][week]]
    return one


def usd(solution: Solution) -> float:
    return math.fsum(tier.value for tier in solution.tiers if tier.unit == "usd")


def in_parts(content: Json) -> Json:
    """The week counted in small parts of an accelerator, of which every replica is one: as good as divisible."""
    fine = copy.deepcopy(content)
    for each in (*fine["pools"], *(each["burst"] for each in fine["pools"] if "burst" in each), *fine["floors"]):
        name = "allocatable" if "allocatable" in each else "accelerators"
        each[name] = [amount * PARTS for amount in each[name]]
    for each in fine["serving"]:
        each["work"] = [amount * PARTS for amount in each["work"]]
        each["options"] = [option | {"replica_accelerators": 1} for option in each["options"]]
    return fine


@for_all(CHANCE, st.sampled_from([None, BY_PARTS]), examples=60)
def test_a_node_more_or_less_is_what_the_week_solved_again_gives(
    rng: random.Random, options: SolveOptions | None
) -> None:
    content = of_week(small_problem(rng), 0)
    plan = solve(problem=as_problem(content), options=options)
    nodes = {each["key"]: each["node_size"] for each in content["pools"]}
    supply = {each["key"]: each["allocatable"][0] for each in content["pools"]}
    for row in plan.scarcity_prices:
        more = solve(problem=as_problem(with_more(content, row.pool, nodes[row.pool])))
        assert row.usd_node_more == pytest.approx(usd(plan) - usd(more), abs=1e-5)
        before = {each.key: each.work for each in plan.served}
        if len(content["serving"]) == 1:
            gained = {each.key for each in more.served if each.work > before[each.key]}
            assert {each.key for each in row.unlocks} == gained
        if supply[row.pool] < nodes[row.pool]:
            assert row.usd_node_less is None
        else:
            less = solve(problem=as_problem(with_more(content, row.pool, -nodes[row.pool])))
            assert row.usd_node_less == pytest.approx(usd(less) - usd(plan), abs=1e-5)


@for_all(CHANCE, examples=30)
def test_a_price_is_what_a_little_more_saves_with_replicas_as_good_as_divisible(rng: random.Random) -> None:
    content = of_week(small_problem(rng), 0)
    for each in content["serving"]:
        each["max_pools"] = None
    told = {row.pool: row.usd_per_accelerator_week for row in solve(problem=as_problem(content)).scarcity_prices}
    fine = in_parts(content)
    base = solve(problem=as_problem(fine))
    for each in fine["pools"]:
        more = solve(problem=as_problem(with_more(fine, each["key"], LITTLE)))
        saved = (usd(base) - usd(more)) / LITTLE
        # Parts are whole: a few of them, at some dollars each, may be lost or won on either side.
        assert told.get(each["key"], 0.0) == pytest.approx(saved, abs=0.2)

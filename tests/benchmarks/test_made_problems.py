"""The generator: repeatable, of the size asked for, full of every feature, and accepted by the engine's checks."""

from __future__ import annotations

import json
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.checks import check_problem
from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from tests.benchmarks.changes import changes
from tests.benchmarks.made_problems import ASKS, SIZES, asked, made_problem, sized_problem


def as_problem(document: dict[str, Any]) -> Problem:
    return problem_from_bytes(json.dumps(document).encode())


def test_the_same_arguments_make_the_same_problem_and_another_seed_another() -> None:
    first, again, other = (json.dumps(sized_problem("R", ask=0.35, seed=seed)) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", ["S", "R", "M"])
@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_experiments_ask_for_the_share_of_supply_that_was_named(name: str, ask: float, seed: int) -> None:
    assert asked(sized_problem(name, ask=ask, seed=seed)) == pytest.approx(ask, rel=0.02)


def test_what_experiments_ask_is_counted_inside_the_horizon() -> None:
    pool = {"allocatable": [100, 100]}
    free = {"accelerators": 10, "weeks": 2}
    # Of three weeks of running work one is over: 2 × 20. Of two options the first counts: 1 × 30.
    running = {"accelerators": 20, "weeks": 3, "pinned": {"start": "2026-11-16"}}
    either = {"options": [{"accelerators": 30, "weeks": 1}, {"accelerators": 8, "weeks": 2}]}
    document = {"first_week": "2026-11-23", "pools": [pool], "experiments": [free, running, either]}
    assert asked(document) == (20 + 40 + 30) / 200


@pytest.mark.parametrize("name", ["R", "M"])
def test_a_made_problem_has_the_size_of_its_name_and_is_accepted(name: str) -> None:
    size, problem = SIZES[name], as_problem(sized_problem(name))
    check_problem(problem)
    counts = (len(problem.pools), len(problem.serving), len(problem.experiments), problem.weeks)
    assert counts == (size.pools, size.demands, size.experiments, size.weeks)
    assert len({demand.class_ for demand in problem.serving}) == size.classes


def test_serving_loads_a_little_over_half_of_the_supply() -> None:
    problem = as_problem(sized_problem("M"))
    best = {row.key: max(option.work_per_accelerator for option in row.options) for row in problem.serving}
    used = sum(float(Fraction(sum(row.work)) / Fraction(best[row.key])) for row in problem.serving)
    assert used / sum(sum(pool.allocatable) for pool in problem.pools) == pytest.approx(0.55, rel=0.01)


def test_every_feature_of_the_file_form_occurs_in_a_world_of_size_m() -> None:
    problem = as_problem(sized_problem("M"))
    supply = [pool.allocatable for pool in problem.pools]
    assert any(row[0] < row[-1] for row in supply) and any(row[0] > row[-1] for row in supply)
    assert {len(pool.domains) for pool in problem.pools} >= {0, 1, 2, 3, 4}
    assert sorted(floor.lendable for floor in problem.floors) == [False, True]
    assert 0 < sum(pool.burst is not None for pool in problem.pools) < len(problem.pools)
    assert {len(demand.options) for demand in problem.serving} == {1, 2, 3, 4}
    assert len({option.replica_accelerators for demand in problem.serving for option in demand.options}) > 3
    assert any(demand.usd_lost_per_work_week is None for demand in problem.serving)
    assert any(demand.max_pools for demand in problem.serving)
    rows = problem.experiments
    assert (
        any(row.pinned for row in rows) and any(row.divisible for row in rows) and any(row.preemptible for row in rows)
    )
    assert any(len({option.accelerators for option in row.options}) > 1 for row in rows)
    assert {row.tier for row in rows} == {"P0", "P1", "P2", "P3", "preemptible"}
    assert problem.previous


def test_running_work_leaves_half_of_its_domain_free() -> None:
    problem = as_problem(sized_problem("R", seed=3))
    used: Counter[tuple[str, str | None]] = Counter()
    for row in problem.experiments:
        if row.pinned is not None:
            used[row.pinned.pool, row.pinned.domain] += row.options[0].accelerators
    supply = {
        (pool.key, domain.key if pool.domains else None): domain.allocatable[0]
        for pool in problem.pools
        for domain in pool.domains or [pool]
    }
    assert used
    assert all(amount <= supply[place] / 2 for place, amount in used.items())


def test_a_tiny_world_asks_for_no_more_than_its_domains_hold() -> None:
    document = made_problem(seed=5, pools=1, demands=2, experiments=2, weeks=4, ask=0.9)
    check_problem(as_problem(document))


def test_every_change_of_a_what_if_is_a_sound_problem_over_the_same_weeks() -> None:
    problem = as_problem(sized_problem("S"))
    asked_for = list(changes(problem, seed=4, count=12))
    again = list(changes(problem, seed=4, count=12))
    assert [changed for _, changed in asked_for] == [changed for _, changed in again]
    assert len({kind for kind, _ in asked_for}) == 6
    for _, changed in asked_for:
        check_problem(changed)
        assert changed != problem
        assert changed.horizon == problem.horizon

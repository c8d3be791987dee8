"""Starts that the last held review promised: which count, which are still asked for, and what a plan then does."""

from __future__ import annotations

import json
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from capacity.allocation.domain.ask_request import RUN, HeldRun, Holder
from capacity.allocation.domain.checks import check_solution
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Domain, Experiment, Pin, Pool, Problem
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.problem_writer import problem_to_json
from capacity.allocation.domain.solution import Solution
from capacity.lib.horizon import Horizon, Week
from workloads.demand import experiment_requests
from workloads.promises import promised_rows

# The review of W47 is held on 17 Nov; the plan of the next one begins in W48.
HELD = "2026-W47"
FIRST = Week.parse("2026-W48")
AS_OF = date(2026, 11, 19)
HORIZON = Horizon(first=FIRST, weeks=8)
POLICY: Any = SimpleNamespace(tiers=("P0", "P1", "P2", "preemptible"))


def asked(key: str, priority: str = "P2", **more: Any) -> dict[str, Any]:
    """60 accelerators for 2 weeks, from W47 on at the latest in W52."""
    return {
        "key": key, "team": "t", "state": "approved", "experiment_priority": priority, "accelerators": 60, "weeks": 2,
        "earliest_start_date": date(2026, 11, 16), "latest_start_date": date(2026, 12, 21), "preemptible": False,
        "divisible": False, "is_model_development": False, "accelerator_types": ["h"], "pool_keys": [],
        "pool": None, "domain_key": "", "started_date": None, **more,
    }  # fmt: skip


def rush(**more: Any) -> dict[str, Any]:
    """A P0 request that can only start in W48, in the way of whatever else does."""
    only = {"earliest_start_date": date(2026, 11, 23), "latest_start_date": date(2026, 11, 23)}
    return asked("rush", "P0", weeks=4, **only | more)


def frozen(start: str, **more: Any) -> dict[str, Any]:
    return {"experiment_key": "calm", "pool_key": "p", "domain_key": "d", "start_week": start, "weeks": 2,
            "accelerators": 60, **more}  # fmt: skip


def promised(start: str, *, as_of: date = AS_OF, first: Week = FIRST, **then: Any) -> list[dict[str, Any]]:
    """What the held review promised. then: how the request stood in it."""
    return promised_rows(
        review=HELD, placed=[frozen(start)], asked=[asked("calm") | then], as_of=as_of, first=first
    )  # fmt: skip


def requests(*rows: dict[str, Any], starts: Any = (), domain: str = "d") -> dict[str, Experiment]:
    tables = {
        "experiments": rows,
        "pools": [{"key": "p", "accelerator_type": "h"}],
        "network_domains": [{"key": domain, "pool": "p", "gbit_per_second": None}],
        "promised_starts": starts,
    }
    found = experiment_requests(tables=tables, policy=POLICY, horizon=HORIZON, as_of=AS_OF)
    return {each.key: each for each in found}


def solved(*experiments: Experiment, supply: int = 100) -> tuple[Problem, Solution]:
    problem = Problem(
        first_week=FIRST,
        weeks=len(HORIZON),
        tiers=POLICY.tiers,
        pools=(Pool("p", "h", "us", (supply,) * len(HORIZON), 2, domains=(Domain("d", (supply,) * len(HORIZON)),)),),
        serving=(),
        experiments=experiments,
    )
    solution = solve(problem=problem)
    check_solution(problem=problem, solution=solution)
    return problem, solution


def places(starts: Any, *rows: dict[str, Any], **more: Any) -> dict[str, str]:
    _, solution = solved(*requests(*rows, starts=starts).values(), **more)
    return {each.key: each.start.key for each in solution.placements}


def test_without_the_promise_a_higher_class_takes_the_start_and_with_it_does_not() -> None:
    assert places((), asked("calm"), rush()) == {"rush": "2026-W48", "calm": "2026-W52"}
    assert places(promised("2026-W48"), asked("calm"), rush()) == {"calm": "2026-W48"}
    assert places(promised("2026-W49"), asked("calm"), rush()) == {"calm": "2026-W49"}


def test_the_third_week_of_the_plan_is_promised_to_nobody() -> None:
    assert [row["start_week"] for row in promised("2026-W49")] == ["2026-W49"]
    assert promised("2026-W50") == []
    assert places(promised("2026-W50"), asked("calm"), rush()) == {"rush": "2026-W48", "calm": "2026-W52"}


def test_a_start_of_the_week_that_is_frozen_is_kept_until_that_week_is_over() -> None:
    kept = promised(HELD)
    assert places(kept, asked("calm"), rush()) == {"calm": HELD}
    assert promised(HELD, as_of=date(2026, 11, 22)) == kept  # Sunday
    assert promised(HELD, as_of=date(2026, 11, 23)) == []
    # Of a week of work nothing is left to this plan: it is not planned a second time.
    [short] = promised_rows(
        review=HELD, placed=[frozen(HELD, weeks=1)], asked=[asked("calm", weeks=1)], as_of=AS_OF, first=FIRST
    )
    assert places([short], asked("calm", weeks=1), rush()) == {"calm": HELD, "rush": "2026-W48"}


def test_where_a_review_was_skipped_the_two_weeks_are_those_of_the_plan() -> None:
    later = {"as_of": date(2026, 12, 2), "first": Week.parse("2026-W49")}
    assert [bool(promised(start, **later)) for start in ("2026-W48", "2026-W49", "2026-W50", "2026-W51")] == [
        False, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("then", [{"preemptible": True}, {"divisible": True}, {"state": "running"}])
def test_what_is_recalled_comes_in_parts_or_ran_already_was_promised_nothing(then: dict[str, Any]) -> None:
    assert promised("2026-W48", **then) == []


@pytest.mark.parametrize(
    "now",
    [
        {"accelerators": 61},
        {"weeks": 3},
        {"earliest_start_date": date(2026, 11, 30)},
        {"earliest_start_date": date(2026, 11, 9), "latest_start_date": date(2026, 11, 16)},
        {"accelerator_types": ["other"]},
        {"pool_keys": ["other"]},
        {"preemptible": True},
        {"divisible": True},
    ],
)
def test_a_request_that_asks_for_something_else_loses_the_promise(now: dict[str, Any]) -> None:
    assert requests(asked("calm"), starts=promised("2026-W48"))["calm"].pinned == Pin("p", "d", FIRST, True)
    assert requests(asked("calm", **now), starts=promised("2026-W48"))["calm"].pinned is None


def test_a_request_that_is_withdrawn_leaves_its_start_to_others() -> None:
    # Only approved and running requests are inputs of a plan.
    assert places(promised("2026-W48"), rush()) == {"rush": "2026-W48"}


def test_another_class_or_owner_changes_no_promise() -> None:
    assert places(promised("2026-W48"), asked("calm", "P1"), rush()) == {"calm": "2026-W48"}


def test_a_promise_that_supply_does_not_hold_is_an_issue_and_no_other_place() -> None:
    _, solution = solved(*requests(asked("calm"), starts=promised("2026-W48")).values(), supply=50)
    [issue] = solution.issues
    assert (issue.code, issue.key, issue.pool, issue.accelerators, issue.supply) == (
        "pinned_does_not_fit", "calm", "p", 60, 50,
    )  # fmt: skip
    assert [each.key for each in solution.unplaced] == ["calm"]


def test_a_promise_of_a_network_domain_that_is_no_more_is_no_bad_problem() -> None:
    assert requests(asked("calm"), starts=promised("2026-W48"), domain="new")["calm"].pinned is None


def test_what_runs_is_held_before_what_is_promised_whatever_their_classes() -> None:
    runs = asked("runs", state="running", pool="p", domain_key="d", started_date=date(2026, 11, 10), weeks=4)
    calm = asked("calm", "P0")
    assert places(promised("2026-W48"), calm) == {"calm": "2026-W48"}
    problem, solution = solved(*requests(calm, runs, starts=promised("2026-W48")).values())
    assert [each.key for each in solution.placements] == ["runs"]
    assert [(each.code, each.key, each.supply) for each in solution.issues] == [("pinned_does_not_fit", "calm", 40)]


def test_the_answer_at_once_displaces_no_promised_start() -> None:
    free, kept = (requests(asked("calm"), starts=starts)["calm"] for starts in ((), promised("2026-W48")))
    ask = requests(rush())["rush"]
    problem, solution = solved(free)
    assert [each.key for each in HeldRun(problem=problem, solution=solution).answer(ask).displaces] == ["calm"]
    problem, solution = solved(kept)
    refused = HeldRun(problem=problem, solution=solution).answer(ask).no_place
    assert refused is not None and refused.holders == (Holder(RUN, 60, "calm"),)


def test_a_promise_is_written_into_the_problem_and_read_again() -> None:
    problem, _ = solved(*requests(asked("calm"), starts=promised("2026-W48")).values())
    again = problem_from_bytes(json.dumps(problem_to_json(problem)).encode())
    assert again.experiments[0].pinned == Pin("p", "d", FIRST, True)

"""Work that runs: what is pinned, what is left to preemptible work, and what is past its end."""

from __future__ import annotations

from datetime import date
from typing import Any

from capacity.allocation.domain.ask_request import RUN, HeldRun, Holder
from capacity.allocation.domain.engine import solve
from capacity.allocation.domain.problem import Experiment, ExperimentOption, Floor, Pin, Placement, Pool, Problem
from capacity.allocation.domain.solution import Solution
from capacity.lib.horizon import Horizon, Week
from workloads.running import planned_as, run_of

FIRST = Week.parse("2026-W48")
AS_OF = date(2026, 11, 25)
HORIZON = Horizon(first=FIRST, weeks=12)


def row(**more: Any) -> dict[str, Any]:
    """100 accelerators for 10 weeks from W46: 8 are left in W48."""
    return {
        "key": "run", "state": "running", "pool": "p", "domain_key": "", "started_date": date(2026, 11, 11), "weeks": 10,
        "latest_start_date": date(2026, 11, 9), "accelerators": 100, "preemptible": True, "divisible": False, **more,
    }  # fmt: skip


def request(key: str = "run", tier: str = "preemptible", accelerators: int = 100, weeks: int = 10, *, start: int = 0,
            is_dev: bool = False, **more: Any) -> Experiment:  # fmt: skip
    return Experiment(
        key=key, tier=tier, team="t", model_development=is_dev, earliest_start=FIRST.plus(start),
        latest_start=FIRST.plus(start), options=(ExperimentOption(("p",), accelerators, weeks),), **more,
    )  # fmt: skip


def running(as_of: date = AS_OF, horizon: Horizon = HORIZON, **more: Any) -> Experiment | None:
    found = row(**more)
    run = run_of(found, as_of=as_of, horizon=horizon)
    assert run is not None
    return planned_as(run, request(preemptible=found["preemptible"], divisible=found["divisible"]))


def planned(**more: Any) -> Experiment:
    found = running(**more)
    assert found is not None
    return found


def solved(*experiments: Experiment, previous: tuple[Placement, ...] = ()) -> tuple[Problem, Solution]:
    """A pool of 100 with a floor of 60 for model development that may be lent."""
    problem = Problem(
        first_week=FIRST,
        weeks=len(HORIZON),
        tiers=("P0", "P1", "preemptible"),
        pools=(Pool("p", "H", "us", (100,) * len(HORIZON), 2),),
        experiments=experiments,
        floors=(Floor("dev", ("p",), (60,) * len(HORIZON), lendable=True),),
        previous=previous,
    )
    return problem, solve(problem=problem)


def places(solution: Solution) -> list[tuple[str, str, int, int]]:
    return [(each.key, each.start.key, each.weeks, each.accelerators) for each in solution.placements]


def test_preemptible_work_that_runs_gives_the_floor_back_and_its_loss_is_told() -> None:
    _, solution = solved(planned(), request("dev", "P0", 60, 4, is_dev=True))
    assert places(solution) == [("dev", "2026-W48", 4, 60)]
    [lost] = solution.unplaced
    assert (lost.key, lost.reason, lost.free, lost.short_by) == ("run", "blocked_by_higher_class", 40, 60)
    assert [(each.key, each.accelerators) for each in lost.blockers] == [("dev", 60)]


def test_it_runs_on_up_to_the_week_in_which_it_is_recalled() -> None:
    _, solution = solved(planned(), request("dev", "P0", 60, 4, start=5, is_dev=True))
    assert places(solution) == [("dev", "2026-W53", 4, 60), ("run", "2026-W48", 5, 100)]


def test_where_nobody_needs_its_room_it_keeps_the_weeks_that_are_left() -> None:
    _, solution = solved(planned())
    assert places(solution) == [("run", "2026-W48", 8, 100)]


def test_what_runs_and_cannot_be_preempted_is_pinned_for_the_weeks_it_asked_for() -> None:
    run = planned(preemptible=False, accelerators=40)
    assert run.pinned == Pin("p", None, Week.parse("2026-W46"))
    assert run.options == (ExperimentOption(("p",), 40, 10),)
    _, solution = solved(run, request("dev", "P0", 61, 4, is_dev=True))
    assert places(solution) == [("run", "2026-W46", 10, 40)]
    assert [(each.key, each.reason) for each in solution.unplaced] == [("dev", "blocked_by_running")]


def test_the_answer_at_once_displaces_preemptible_work_that_runs_and_no_other() -> None:
    ask = request("ask", "P0", 60, 4, is_dev=True)
    problem, solution = solved(planned())
    answer = HeldRun(problem=problem, solution=solution).answer(ask)
    assert [each.start for each in answer.placed] == [FIRST]
    assert [(each.key, each.accelerator_weeks) for each in answer.displaces] == [("run", 800)]
    problem, solution = solved(planned(preemptible=False, accelerators=40))
    refused = HeldRun(problem=problem, solution=solution).answer(request("ask", "P0", 61, 4, is_dev=True))
    assert refused.placed == () and refused.no_place is not None
    assert refused.no_place.holders == (Holder(RUN, 40, "run"),)


def test_it_stays_where_it_stands_and_is_told_from_its_start() -> None:
    run = run_of(row(domain_key="b"), as_of=AS_OF, horizon=HORIZON)
    assert run is not None
    assert run.place() == Placement("run", "p", "b", FIRST, 8, 100)
    kept, moved = (Placement("run", "p", domain, FIRST, 5, 100) for domain in ("b", "a"))
    assert run.since_start(kept) == Placement("run", "p", "b", Week.parse("2026-W46"), 7, 100)
    assert run.since_start(moved) == moved


def test_work_in_parts_has_what_is_left_of_it_up_to_the_end_of_its_window() -> None:
    # 10 weeks from W46 at the latest start of W50: its last week is 2027-W06, and 8 × 100 are left of 1,000.
    found = planned(divisible=True, latest_start_date=date(2026, 12, 7))
    assert found.options == (ExperimentOption(("p",), 100, 8),)
    assert found.latest_start.plus(8 - 1).key == "2027-W06"


def test_a_run_past_its_end_takes_room_in_the_first_week_of_the_plan_and_no_longer() -> None:
    late = row(started_date=date(2026, 9, 28), weeks=4, accelerators=40, preemptible=False)  # W40 to W43
    run = run_of(late, as_of=AS_OF, horizon=HORIZON)
    assert run is not None and run.weeks_past == 4
    _, solution = solved(planned(**late), request("dev", "P0", 61, 4, is_dev=True), request("P1", "P1", 40, 2, start=1))
    assert [(each.key, each.reason) for each in solution.unplaced] == [("dev", "blocked_by_running")]
    assert places(solution) == [("P1", "2026-W49", 2, 40), ("run", "2026-W40", 9, 40)]
    assert planned(**late | {"preemptible": True}).options == (ExperimentOption(("p",), 40, 1),)


def test_a_run_in_its_last_week_is_not_past_its_end() -> None:
    last = row(started_date=date(2026, 10, 26), weeks=5)  # W44 to W48
    here = run_of(last, as_of=AS_OF, horizon=HORIZON)
    assert here is not None and (here.weeks_past, here.weeks_left) == (None, 1)
    # The review of W48 is frozen and the plan begins a week later: nothing is left of it, and it is not late.
    later = Horizon(first=FIRST.plus(1), weeks=11)
    there = run_of(last, as_of=AS_OF, horizon=later)
    assert there is not None and (there.weeks_past, there.weeks_left) == (None, 0)
    assert running(horizon=later, started_date=date(2026, 10, 26), weeks=5) is None

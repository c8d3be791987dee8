"""A small plan by hand: weights of requests, rows of teams, of the queue and of what yields."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal as D
from types import SimpleNamespace
from typing import Any, cast

import pytest

from capacity.allocation.domain.problem import Experiment, ExperimentOption, Floor, Placement
from capacity.decisions.policy import Policy
from capacity.lib.horizon import Horizon, Week
from capacity.review.fairness_rows import team_rows
from capacity.review.plan_rows import PlanRows
from capacity.review.preemption_rows import preemption_rows
from capacity.review.queue_rows import queue_rows
from capacity.review.running_rows import overdue_issues
from workloads.request_weights import request_weights
from workloads.running import runs_by_key

AS_OF = date(2026, 11, 25)
FIRST = Week.parse("2026-W48")
TEAMS = [{"key": "a", "name": "Alpha", "weight": D(4)}, {"key": "b", "name": "Beta", "weight": D(3)},
         {"key": "c", "name": "Gamma", "weight": D(1)}]  # fmt: skip
HOURS = [{"team": team, "week": "2026-W47", "hours": D(hours)} for team, hours in (("a", 600), ("b", 300), ("c", 100))]
POLICY = cast(
    Policy,
    SimpleNamespace(
        deficit_limit_share=D("0.5"),
        starvation_weeks=6,
        starvation_share=D("0.5"),
        recall_notice_days=7,
        restart_hours=D("0.5"),
        tiers=("committed", "P0", "P1", "P2", "P3", "preemptible"),
        floors=(SimpleNamespace(key="dev", name="Model development"),),
    ),
)


def request(key: str, team: str, priority: str = "P1", accelerators: int = 64, weeks: int = 3, **more: Any) -> Any:
    return {
        "key": key, "name": f"Run {key}", "team": team, "experiment_priority": priority, "accelerators": accelerators,
        "weeks": weeks, "state": "approved", "informs_decision": "", "customer_outcome": "", "intended_metric": "",
        "checkpoint_hours": None, "started_date": None, "earliest_start_date": FIRST.monday, "preemptible": False,
        "divisible": False, "pool": None, "domain_key": "", **more,
    }  # fmt: skip


ROWS = [
    request("e1", "b", informs_decision="Ship it", customer_outcome="Faster"),
    request("e2", "a", accelerators=128),
    request("e3", "c", "P3", preemptible=True, checkpoint_hours=D(4)),
]
SUBMITTED = {"e1": datetime(2026, 9, 22, tzinfo=UTC), "e2": datetime(2026, 11, 20, tzinfo=UTC),
             "e3": datetime(2026, 10, 1, tzinfo=UTC)}  # fmt: skip
OVERRIDE = {"key": "launch", "experiment": "e2", "weight": D("1.5"), "decision_number": 3, "is_decided": True,
            "starts_date": date(2026, 11, 1), "ends_date": date(2026, 12, 1)}  # fmt: skip


def tables(**more: Any) -> dict[str, Any]:
    since = [{"experiment": key, "submitted_at": at} for key, at in SUBMITTED.items()]
    return {"teams": TEAMS, "experiments": ROWS, "team_hours": HOURS, "waiting_since": since, **more}


def plan(
    *placements: Placement, previous: Any = (), idle: int = 0, requests: Any = None, blockers: Any = (), **more: Any
) -> PlanRows:
    requests = requests or ROWS
    horizon = Horizon(first=FIRST, weeks=8)
    asked = {
        row["key"]: Experiment(
            key=row["key"], tier="preemptible" if row.get("preemptible") else row["experiment_priority"],
            team=row["team"], model_development=False, earliest_start=FIRST, latest_start=FIRST.plus(4),
            options=(ExperimentOption(pools=("h100",), accelerators=row["accelerators"], weeks=row["weeks"]),),
            preemptible=bool(row.get("preemptible")),
        )
        for row in requests
    }  # fmt: skip
    placed = {each.key for each in placements}
    running: dict[Any, list[Any]] = {}
    for each in placements:
        for offset in range(each.weeks):
            running.setdefault((each.pool, each.start.plus(offset)), []).append((each.key, each.accelerators))
    floor = Floor(key="dev", pools=("h100",), accelerators=(100,) * 8, lendable=True)
    pool = SimpleNamespace(key="h100", allocatable=(256,) * 8)
    unplaced = [SimpleNamespace(key=key, blockers=blockers) for key in asked if key not in placed]
    return cast(
        PlanRows,
        SimpleNamespace(
            tables=tables(**more),
            plan=SimpleNamespace(
                policy=POLICY,
                inputs=SimpleNamespace(as_of=AS_OF, previous=previous),
                solution=SimpleNamespace(placements=placements, unplaced=unplaced),
                problem=SimpleNamespace(floors=(floor,), pools=(pool,)),
            ),
            experiments={row["key"]: row for row in requests},
            requests=asked,
            teams={row["key"]: row["name"] for row in TEAMS},
            runs=runs_by_key(requests, as_of=AS_OF, horizon=horizon),
            told_placements=placements,
            pools={"h100": {"name": "H100 US"}},
            horizon=horizon,
            weeks=list(horizon),
            running_by_pool=running,
            idle={("h100", week): idle for week in horizon},
            request_columns=lambda key: {"experiment_key": key},
        ),
    )


def placement(key: str, start: int, weeks: int = 3, accelerators: int = 64) -> Placement:
    return Placement(key=key, pool="h100", domain=None, start=FIRST.plus(start), weeks=weeks, accelerators=accelerators)


def test_requests_weigh_what_their_team_s_share_or_a_decision_says() -> None:
    weights = request_weights(tables=tables(priority_overrides=[OVERRIDE]), policy=POLICY, as_of=AS_OF)
    assert weights == {"e1": D("1.08"), "e2": D("1.5"), "e3": D("1.02")}
    undecided = [OVERRIDE | {"is_decided": False}]
    ended = [OVERRIDE | {"ends_date": AS_OF}]
    for rows in ((), undecided, ended):
        weights = request_weights(tables=tables(priority_overrides=rows), policy=POLICY, as_of=AS_OF)
        assert weights["e2"] == D("0.9")


def test_without_hours_every_request_weighs_one() -> None:
    weights = request_weights(tables=tables(team_hours=[]), policy=POLICY, as_of=AS_OF)
    assert set(weights.values()) == {D(1)}


def test_the_queue_is_ranked_by_score_and_says_who_is_ahead() -> None:
    rows = queue_rows(plan(placement("e1", 0)))
    # e1: 400 + 8 + 9 weeks + 10 + 5; e2: 400 − 10; e3: −200 + 2 (half-even of 2.5) + 7 weeks.
    assert [(row["experiment_key"], row["score"], row["rank"]) for row in rows] == [
        ("e1", 432, 1), ("e2", 390, 2), ("e3", -191, 3)
    ]  # fmt: skip
    assert [sum(part["points"] for part in row["parts"]) for row in rows] == [432, 390, -191]
    assert (rows[0]["start_week"], rows[0]["pool_key"], rows[1]["start_week"]) == (FIRST.key, "h100", "")
    assert rows[2]["ahead"] == [{"class": "P1", "requests": 2, "accelerator_weeks": 64 * 3 + 128 * 3}]


def test_an_override_lifts_a_request_and_is_named() -> None:
    first = queue_rows(plan(priority_overrides=[OVERRIDE]))[0]
    assert (first["experiment_key"], first["score"]) == ("e2", 450)
    assert first["override"] == {"key": "launch", "weight": "1.5", "decision": 3, "ends": "2026-12-01"}


def test_a_team_s_row_has_its_share_and_its_alarm() -> None:
    rows = {row["team_key"]: row for row in team_rows(plan(placement("e2", 0, accelerators=128)))}
    b = rows["b"]
    assert (b["entitled_share"], b["used_share"], b["deficit_share"]) == (D("0.375"), D("0.3"), D("0.075"))
    assert (b["engine_weight"], b["hours_known_weeks"], b["longest_wait_weeks"]) == (D("1.08"), 1, 9)
    assert (b["alarm"], b["sentence"]) == ("unplaced", "Run e1 (e1) has waited 9 weeks and has no place.")
    assert (rows["a"]["alarm"], rows["a"]["placed_accelerator_weeks"]) == ("", 384)


def test_hours_of_jobs_without_a_team_are_told_and_count_for_nobody() -> None:
    lost = {"team": "", "week": "2026-W47", "hours": D(50)}
    rows = team_rows(plan(team_hours=[*HOURS, lost]))
    assert (rows[-1]["team_name"], rows[-1]["used_hours"]) == ("No team", D(50))
    assert rows[0]["used_share"] == D("0.6")


def test_a_team_below_half_of_its_share_while_it_asks_is_starved() -> None:
    # Gamma is entitled to 12.5 % and has 5 %; its request could have run in these weeks.
    weeks = [Week.containing(AS_OF).plus(-offset).key for offset in range(1, 7)]
    hours = [{"team": team, "week": week, "hours": D(n)} for week in weeks for team, n in (("a", 95), ("c", 5))]
    asked = [row | {"earliest_start_date": date(2026, 10, 5)} for row in ROWS]
    rows = plan(placement("e3", 0), team_hours=hours)
    rows.experiments.update({row["key"]: row for row in asked})
    (gamma,) = (row for row in team_rows(rows) if row["team_key"] == "c")
    assert (gamma["alarm"], gamma["below_half_weeks"]) == ("below_half", 6)


def test_preemptible_work_on_lent_floor_says_from_when_and_what_an_interruption_loses() -> None:
    # The floor of 100 has no work of its own and 60 idle: 40 of it are lent.
    (row,) = preemption_rows(plan(placement("e3", 1), idle=60))
    assert (row["is_taken"], row["week"]) == (False, FIRST.plus(1).key)
    assert (row["for_kind"], row["for_key"], row["notice_days"]) == ("floor", "dev", 7)
    assert row["sentence"].startswith("From 30 Nov up to 40 of it stand on lent floor (Model development)")
    # 64 × (2 + 0.5) ÷ 24
    assert round(row["lost_accelerator_days"], 2) == D("6.67")


def test_where_the_floor_is_idle_enough_nothing_stands_on_it() -> None:
    (row,) = preemption_rows(plan(placement("e3", 1), idle=100))
    assert (row["week"], row["for_kind"]) == ("", "")


def test_weeks_that_a_plan_took_are_told_with_who_has_them_and_what_is_lost() -> None:
    previous = [{"experiment_key": "e3", "pool_key": "h100", "domain_key": "", "start_week": FIRST.key, "weeks": 3,
                 "accelerators": 64}]  # fmt: skip
    (row,) = preemption_rows(plan(placement("e1", 0), previous=previous))
    assert (row["is_taken"], row["for_kind"], row["for_key"]) == (True, "experiment", "e1")
    assert (row["week"], row["lost_accelerator_days"]) == (FIRST.key, D(1344))
    moved = [each for each in preemption_rows(plan(placement("e3", 2), previous=previous)) if each["is_taken"]]
    assert [(each["lost_accelerator_days"], each["for_kind"]) for each in moved] == [(D(0), "supply")]


def test_nobody_of_a_lower_class_is_named_as_who_took_the_weeks(monkeypatch: pytest.MonkeyPatch) -> None:
    previous = [{"experiment_key": "e3", "pool_key": "h100", "domain_key": "", "start_week": FIRST.key, "weeks": 3,
                 "accelerators": 64}]  # fmt: skip
    rows = plan(placement("e1", 0), previous=previous)
    monkeypatch.setattr(rows.plan.policy, "tiers", ("committed", "P0", "preemptible", "P1", "P2", "P3"))
    assert [(row["for_kind"], row["for_key"]) for row in preemption_rows(rows) if row["is_taken"]] == [("supply", "")]


def runs_since_w46(**more: Any) -> list[Any]:
    """e3 runs 64 accelerators for 6 weeks from W46: W48 to W51 are left to it."""
    run = request("e3", "c", "P3", weeks=6, preemptible=True, checkpoint_hours=D(4), state="running", pool="h100",
                  started_date=date(2026, 11, 9), **more)  # fmt: skip
    return [*ROWS[:2], run]


def test_work_that_runs_and_is_recalled_is_told_with_whom_it_yields_to_its_notice_and_its_loss() -> None:
    # The last review gave e1 its place already: that e3 still runs there is no less true.
    previous = [{"experiment_key": "e1", "pool_key": "h100", "domain_key": "", "start_week": FIRST.key, "weeks": 3,
                 "accelerators": 256}]  # fmt: skip
    found = preemption_rows(plan(placement("e1", 0, accelerators=256), previous=previous, requests=runs_since_w46()))
    (row,) = found
    assert (row["is_taken"], row["for_kind"], row["for_key"], row["week"]) == (True, "experiment", "e1", FIRST.key)
    # 64 accelerators, 4 weeks, 7 days.
    assert (row["accelerators"], row["notice_days"], row["lost_accelerator_days"]) == (64, 7, D(1792))
    assert row["sentence"] == (
        "It runs and is recalled: it yields H100 US from 23 Nov to Run e1 (e1), in 4 weeks left to it; "
        "1,792 accelerator-days are lost."
    )


def test_work_that_runs_on_for_some_weeks_loses_the_others_alone() -> None:
    rows = plan(placement("e3", 0, weeks=3), placement("e2", 3, accelerators=256), requests=runs_since_w46())
    may, taken = preemption_rows(rows)
    assert (may["is_taken"], may["accelerators"]) == (False, 64)
    assert (taken["week"], taken["for_key"], taken["lost_accelerator_days"]) == ("2026-W51", "e2", D(448))
    kept = plan(placement("e3", 0, weeks=4), requests=runs_since_w46())
    assert [row["is_taken"] for row in preemption_rows(kept)] == [False]


def test_work_that_runs_on_in_another_domain_is_told_with_the_interruption_it_costs() -> None:
    at = lambda key, domain, count: Placement(key, "h100", domain, FIRST, 4, count)  # noqa: E731
    rows = plan(at("e3", "b", 64), at("e1", "a", 100), requests=runs_since_w46(domain_key="a"))
    _, moved = preemption_rows(rows)
    # 64 × (4 ÷ 2 + 0.5) ÷ 24
    assert (moved["for_key"], moved["notice_days"], round(moved["lost_accelerator_days"], 2)) == ("e1", 7, D("6.67"))
    assert moved["sentence"] == (
        "It runs and moves from network domain a to b of H100 US from 23 Nov: Run e1 (e1) has its room; one interruption "
        "is lost."
    )
    stays = plan(at("e3", "a", 64), requests=runs_since_w46(domain_key="a"))
    assert [row["is_taken"] for row in preemption_rows(stays)] == [False]


def test_serving_that_has_the_room_of_work_that_runs_is_named_as_such() -> None:
    (row,) = preemption_rows(plan(requests=runs_since_w46()))
    assert (row["for_kind"], row["for_key"]) == ("serving", "")
    (row,) = preemption_rows(plan(requests=runs_since_w46(), idle=256))
    assert row["for_kind"] == "supply"


def test_a_request_of_its_own_class_is_named_after_serving_that_the_plan_names() -> None:
    previous = [{"experiment_key": "e3", "pool_key": "h100", "domain_key": "", "start_week": FIRST.key, "weeks": 3,
                 "accelerators": 64}]  # fmt: skip
    asked = [ROWS[2], request("e4", "a", "P3", preemptible=True)]
    serving = (SimpleNamespace(key="c7", accelerators=200),)
    took = plan(placement("e4", 0), previous=previous, requests=asked, blockers=serving)
    assert [(row["for_kind"], row["for_key"]) for row in preemption_rows(took) if row["is_taken"]] == [("serving", "")]
    took = plan(placement("e4", 0), previous=previous, requests=asked)
    taken = [row for row in preemption_rows(took) if row["is_taken"]]
    assert [(row["for_kind"], row["for_key"]) for row in taken] == [("experiment", "e4")]


def test_a_team_s_run_that_is_recalled_waits_for_nothing() -> None:
    (gamma,) = (row for row in team_rows(plan(requests=runs_since_w46())) if row["team_key"] == "c")
    assert (gamma["waiting_requests"], gamma["longest_wait_weeks"], gamma["alarm"]) == (0, None, "")


def test_a_run_past_its_end_is_an_issue_that_says_what_the_plan_holds() -> None:
    # 4 weeks from W40 are over on 25 Oct; W48 is 4 weeks later.
    late = request("e3", "c", weeks=4, state="running", pool="h100", started_date=date(2026, 9, 28))
    (row,) = overdue_issues(plan(requests=[*ROWS[:2], late]))
    assert (row["code"], row["subject"]) == ("runs_past_its_end", "e3")
    assert row["sentence"] == (
        "e3 runs 4 weeks past its end (over since 26 Oct): extend it or end it. Until then it keeps its 64 accelerators in "
        "the plan's first week, 23 Nov, and no longer."
    )
    (row,) = overdue_issues(plan(requests=[late | {"preemptible": True, "latest_start_date": date(2026, 9, 28)}]))
    assert "it may keep its 64 accelerators" in row["sentence"]
    in_time = late | {"weeks": 9}
    assert overdue_issues(plan(requests=[in_time])) == []

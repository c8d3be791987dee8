"""Whether the plan moved a request: beside the last frozen review, else beside the newest plan that had it elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.allocation.models import Run, RunPlacement
from capacity.review.request_moved import EarlierPlan, earlier_plan, moved_context
from tests.factories import make_review, make_run

NAMES = {"a": "H100 Prairie", "b": "H200 Ashford"}


def row(pool: str = "a", start: str = "2026-W51", **more: Any) -> dict[str, Any]:
    return {"pool_key": pool, "domain_key": "", "start_week": start, "weeks": 6, "accelerators": 512, **more}


def told(before: list[dict[str, Any]], now: list[dict[str, Any]], **more: Any) -> Any:
    return moved_context(plan=EarlierPlan(run_id=7, **more), before=before, now=now, names=NAMES)


def test_a_place_that_stays_is_no_move_whatever_the_order_of_its_parts() -> None:
    parts = [row(), row("b", "2027-W02")]
    assert told(parts, parts[::-1]) is None
    assert told([], [row()]) is None, "a first place is no move"


def test_a_move_says_from_where_to_where_and_in_which_plan_it_lay_there() -> None:
    found = told([row()], [row("b", "2027-W02")], review="2026-W47")
    assert found["sentence"] == (
        "It lay from 14 Dec 2026 for 6 weeks in H100 Prairie with 512 accelerators in the review frozen for 2026-W47; "
        "it lies from 11 Jan 2027 for 6 weeks in H200 Ashford with 512 accelerators now."
    )
    assert not found["is_lost"]


def test_a_lost_place_is_said_as_lost() -> None:
    found = told([row()], [])
    assert found["is_lost"] and found["sentence"].endswith("in plan 7, and has none now.")


def place(run: Run, start: str, key: str = "E-X") -> None:
    first = RunPlacement.objects.filter(run=run).values().first()
    assert first is not None
    RunPlacement.objects.create(**{**first, "id": None, "experiment_key": key, "start_week": start})


@pytest.mark.django_db
def test_the_newest_plan_that_had_it_elsewhere_is_compared_with() -> None:
    runs = [make_run() for _ in range(4)]
    for run, start in zip(runs, ("2026-W50", "2026-W51", "2026-W52", "2026-W52"), strict=True):
        place(run, start)
    week = runs[-1].first_week
    assert earlier_plan(key="E-X", run_id=runs[3].pk, first_week=week) == EarlierPlan(run_id=runs[1].pk)
    assert earlier_plan(key="E-X", run_id=runs[0].pk, first_week=week) is None
    assert earlier_plan(key="no-such", run_id=runs[3].pk, first_week=week) is None


@pytest.mark.django_db
def test_the_last_frozen_review_that_placed_it_comes_first() -> None:
    runs = [make_run() for _ in range(3)]
    for run, start in zip(runs, ("2026-W50", "2026-W51", "2026-W52"), strict=True):
        place(run, start)
    make_review(runs[0], week="2026-W40")
    found = earlier_plan(key="E-X", run_id=runs[2].pk, first_week=runs[2].first_week)
    assert found == EarlierPlan(run_id=runs[0].pk, review="2026-W40")

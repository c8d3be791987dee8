"""The saving on paper that a plan suggests is, for every kind of move, the one its what-if tells."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from capacity.access.roles import Role
from capacity.review.compute import prepare_inputs
from capacity.review.move_changes import Terms
from capacity.review.move_paper import paper_of
from capacity.review.plan_source import ReviewPlanSource
from contracts.models import Contract
from tests.contracts.pipeline import TODAY
from tests.review.moves.one_load import asked, by, own_card, profile, small_world
from tests.review.quotes.asking import published, quiet
from workloads.models import ModelVersion, RunMoveCandidate, RunWaste, Workload, WorkloadMove

pytestmark = pytest.mark.django_db


def paper(kind: str, **names: Any) -> Decimal | None:
    inputs = ReviewPlanSource().read(as_of=TODAY).in_order()
    return paper_of(prepare_inputs(inputs=inputs, progress=quiet), Terms(workload="bot", kind=kind, **names))


@pytest.mark.parametrize("source", ["card", "contract", "forecast"])
def test_the_three_kinds_that_are_suggested_stand_on_one_basis(world: None, woken: list[int], source: str) -> None:
    """The load saved × accelerators of a replica × 168 × $2; by hand in test_kinds.py."""
    small_world(source=source)
    profile("mid", "batch", tps=(40_000, 8_000))
    assert paper("smaller_model", to_key="small") == Decimal("1285.20")
    assert paper("batch_hours") == 672
    assert paper("caching", amount=Decimal("0.8")) == Decimal("181.44")


def test_a_slower_batch_profile_costs_on_paper_and_one_that_is_missing_is_not_known(world: None) -> None:
    """Half as fast in writing: 0.1375 + 1 = 1.1375 replicas instead of 0.6375: 0.5 × 8 × 336."""
    small_world()
    assert paper("batch_hours") is None
    profile("mid", "batch", tps=(40_000, 2_000))
    assert paper("batch_hours") == -1344


def test_others_of_the_class_stay_and_one_that_has_its_own_class_does_too(world: None, woken: list[int]) -> None:
    """Of two cards and a pinned contract only the card's own load moves to a class that others are in already."""
    small_world()
    own_card("aide")
    own_card("wee", model="small")
    Contract.objects.filter(key="c-1").update(
        workload=Workload.objects.get(key="bot"), pinned_model_version=ModelVersion.objects.get(key="mid")
    )
    told = asked(by(Role.CHAIR), published(), "smaller_model", to="small")
    assert paper("smaller_model", to_key="small") == Decimal(told["paper_usd"]) == Decimal("1285.20")


def test_every_suggestion_of_a_plan_is_told_by_its_what_if_to_the_cent(world: None, woken: list[int]) -> None:
    """A card that caches nothing beside three that cache half, whose smaller model passed, and that may answer later."""
    columns = {"smaller_tier_tested": "pass", "purpose": "internal", "cache_hit_share": Decimal("0.1")}
    small_world(**columns)
    profile("mid", "batch", tps=(40_000, 8_000))
    for key in ("one", "two", "three"):
        own_card(key, cache_hit_share=Decimal("0.5"))
    run = published()
    rows = list(RunMoveCandidate.objects.filter(run=run, workload_key="bot").order_by("position"))
    assert {row.kind for row in rows} == {"caching", "smaller_model", "batch_hours"}
    for row in rows:
        amount = "" if row.amount is None else str(row.amount)
        told = asked(by(Role.CHAIR), run, row.kind, to=row.to_key, amount=amount)
        assert row.paper_usd_per_week == Decimal(told["paper_usd"]), row.kind
        WorkloadMove.objects.filter(key="m").delete()
    known = [row.paper_usd_per_week for row in rows]
    assert known == sorted(known, reverse=True)
    finding = RunWaste.objects.get(run=run, kind="low_cache")
    caching = next(row for row in rows if row.kind == "caching")
    assert finding.usd_per_week == caching.paper_usd_per_week

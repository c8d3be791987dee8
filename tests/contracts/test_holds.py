"""Holds: room is needed, others keep theirs, they end by themselves, and the plan keeps what they hold."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from capacity.review.compute import prepare_inputs
from capacity.review.inputs import read_inputs
from contracts.holding import NoRoom
from contracts.models import Hold
from tests.contracts.pipeline import TODAY, hold, make_world, people

pytestmark = pytest.mark.django_db


def held_work(as_of=TODAY) -> dict[str, Decimal]:
    """Demand key → its work in the week of 4 January, of the tier of holds."""
    plan = prepare_inputs(inputs=read_inputs(as_of=as_of), progress=lambda *_: None)
    return {each.key: each.work[6] for each in plan.problem.serving if each.tier == "holds"}


def test_a_hold_keeps_its_need_times_its_probability() -> None:
    make_world()
    t=time.perf_counter()
    hold(people()["fin"], probability="0.25")
    print("GRANT", time.perf_counter()-t)
    assert held_work() == {"h.deal-1.v1": Decimal(4)}


def test_holds_fill_half_of_the_room_and_no_more() -> None:
    """112 allocatable: enlarged by 1 ÷ 0.5 a sure deal takes 32, so three fit and the fourth is short by 8 of its 16."""
    make_world(deals=4)
    fin = people()["fin"]
    for place in (1, 2, 3):
        hold(fin, key=f"deal-{place}", probability="1")
    with pytest.raises(NoRoom) as refused:
        t=time.perf_counter()
        hold(fin, key="deal-4", probability="1")
    print("REFUSE", time.perf_counter()-t)
    assert {(each.pool, each.accelerators) for each in refused.value.weeks} == {("pool-1", 8)}
    assert [each.week for each in refused.value.weeks][:2] == ["2027-W01", "2027-W02"]
    assert len(refused.value.weeks) == 26
    assert "8 accelerators short in pool-1" in refused.value.sentence
    assert Hold.objects.filter(state="granted").count() == 3

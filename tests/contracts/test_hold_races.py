"""Many people at once, on threads with their own connections: nothing that is held, and nothing above it, is promised twice.

| test | trials: make test | long | what must hold afterwards |
|---|---|---|---|
| 4 of: hold, hold again, release, sign, for 6 deals at once | 40 | 1,000 | committed + held fit the pool by a sum of its own |
| 3 sure holds for room of two | 3 | 40 | exactly two are granted |
| one deal signed by two, and held meanwhile | 3 | 40 | one commitment, one decision, no hold |
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import pgtrigger
import pytest
from django.db import close_old_connections, connection

from capacity.decisions.models import Decision
from contracts.holding import HoldRefused, release_hold
from contracts.models import Contract, ContractTransition, Hold
from contracts.services import MoveRefused
from tests.contracts.pipeline import ALLOCATABLE, NOW, OF_A_DEAL, add_deals, hold, make_world, move, nodes_of, people
from tests.faults.plans import few_or_many

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True), pytest.mark.timeout(3600)]

DEALS = [f"deal-{place}" for place in range(1, 7)]


def at_once(*calls: Callable[[], object]) -> list[str]:
    """How each came out, started together: done, or the code of the refusal."""
    gate = threading.Barrier(len(calls))
    found: list[str] = [""] * len(calls)

    def run(place: int, call: Callable[[], object]) -> None:
        close_old_connections()
        gate.wait()
        try:
            call()
            found[place] = "done"
        except (HoldRefused, MoveRefused) as refused:
            found[place] = refused.code
        except Exception as error:  # anything else is a defect, and the test says which
            found[place] = repr(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def taken() -> tuple[int, int]:
    """(committed, held) accelerators, by sums of their own: 16 a signed deal, whole nodes of p × 16 a granted hold."""
    signed = Contract.objects.filter(key__in=DEALS, state="signed").count()
    granted = Hold.objects.filter(state="granted").values_list("probability", flat=True)
    return signed * OF_A_DEAL, sum(nodes_of(each) for each in granted)


def start_over(who: dict[str, Any]) -> None:
    """Every deal approved, and neither held nor signed."""
    with pgtrigger.ignore():
        Hold.objects.all().delete()
        ContractTransition.objects.all().delete()
        Contract.objects.filter(key__in=DEALS).update(state="what_if")
    for key in DEALS:
        move(who["ann"], "submitted", key=key)
        move(who["fin"], "approved", key=key)


@few_or_many(40, 1000)
def test_holds_and_signatures_at_once_promise_nothing_twice(trials: range) -> None:
    """Three commitments of 16 leave 64 of 112. Whatever is held fits there beside what is signed."""
    who = people()
    make_world(deals=6, owner=who["ann"][0], hold_room_share="1")
    outcomes: Counter[str] = Counter()
    met = 0
    allowed = {"done", "no_room", "no_hold", "wrong_state", "moved_on", "not_allowed", "not_approved"}
    fill = [f"fill-{place}" for place in range(3)]
    add_deals(fill, state="active")
    room = ALLOCATABLE - len(fill) * OF_A_DEAL
    for trial in trials:
        rng = random.Random(trial)
        if trial % 4 == 0:
            start_over(who)
        calls: list[Callable[[], object]] = []
        for _ in range(4):
            key, kind = rng.choice(DEALS), rng.random()
            if kind < 0.6:
                chance = rng.choice(["0.25", "0.5", "0.75", "1"])
                calls.append(partial(hold, who["fin"], key=key, probability=chance))
            elif kind < 0.8:
                calls.append(partial(move, who["ann"], "signed", key=key))
            else:
                calls.append(partial(release, who["fin"], key))
        found = at_once(*calls)
        outcomes.update(found)
        committed, held = taken()
        met += bool(committed and held)
        assert not held or committed + held <= room, (trial, committed, held, found)
        assert set(found) <= allowed, (trial, found)
    # The trials must have met each other: some were granted and some found no room.
    assert outcomes["done"] and outcomes["no_room"] and met, (outcomes, met)


def release(who: Any, key: str) -> object:
    return release_hold(key=key, version=1, note="", user=who[0], viewer=who[1], now=NOW)


@few_or_many(3, 40)
def test_of_three_sure_holds_for_the_room_of_two_two_are_granted(trials: range) -> None:
    """Five commitments of 16 leave 32 of 112."""
    who = people()
    make_world(deals=3, owner=who["ann"][0], hold_room_share="1")
    add_deals([f"fill-{place}" for place in range(5)], state="active")
    for _ in trials:
        with pgtrigger.ignore():
            Hold.objects.all().delete()
        found = at_once(*(partial(hold, who["fin"], key=f"deal-{place}", probability="1") for place in (1, 2, 3)))
        assert sorted(found) == ["done", "done", "no_room"]


@few_or_many(3, 40)
def test_a_deal_signed_by_two_at_once_is_signed_once(trials: range) -> None:
    who = people()
    make_world(deals=1, owner=who["ann"][0])
    for _ in trials:
        with pgtrigger.ignore():
            Hold.objects.all().delete()
            ContractTransition.objects.all().delete()
            Contract.objects.filter(key="deal-1").update(state="what_if")
        before = Decision.objects.count()
        move(who["ann"], "submitted")
        move(who["fin"], "approved")
        hold(who["fin"], probability="0.5")
        found = at_once(
            partial(move, who["ann"], "signed"),
            partial(move, who["fin"], "signed"),
            partial(hold, who["fin"], probability="0.25"),
        )
        assert found[:2].count("done") == 1, found
        assert Decision.objects.count() == before + 1
        assert not Hold.objects.filter(state="granted").exists()
        assert Contract.objects.get(key="deal-1").state == "signed"


def test_the_sum_of_the_test_is_the_sum_of_the_methods_page() -> None:
    assert [nodes_of(each) for each in ("0.25", "0.5", "0.51", "1")] == [8, 8, 16, 16]
    assert nodes_of("1", share=Decimal("0.5")) == 32

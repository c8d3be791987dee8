"""Sales try to work out the floor: from a quote's answer, from a plain what-if, from offers, from a refused hold."""

from __future__ import annotations

import json
from decimal import Decimal
from math import ceil
from typing import Any

import pytest
from django.test import Client

from capacity.access.bands import Banded
from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.allocation.what_ifs import ask_what_if
from capacity.lib.figures import RESTRICTED
from capacity.review.api_what_ifs import WhatIfAnswer
from capacity.review.coarse import coarse_sides
from capacity.review.quote_answer import quote_answer
from capacity.review.quote_rows import owned_by_maker
from capacity.review.quote_sizing import FitCheck
from capacity.review.what_if import HotRuns, answer_question, heat_run, resolve_with
from capacity.review.what_if_rows import visible_answer
from capacity.review.what_if_words import file_rows, page_answer
from contracts.domain.quote import two_digits_down
from contracts.domain.quote_payload import changes_of, with_volume
from contracts.holding import NoRoom
from tests.contracts.pipeline import NOW, add_deals, hold, make_world, people
from tests.review.quotes.asking import pod, published, quiet, read, viewer

pytestmark = [pytest.mark.django_db, pytest.mark.security]
SALES, FINANCE = viewer(Role.SALES), viewer(Role.FINANCE)
SIZES = (136, 144, 152, 160)


def answers(run: Run, size: int) -> dict[str, Any]:
    """The full what-if behind ann's quote of so many accelerators, as it is kept."""
    hot = heat_run(run.pk)
    kept = resolve_with(
        run=hot, changes=changes_of(read(pod(size)).payload), on_quick=lambda _answer: None, progress=quiet
    )
    owned = owned_by_maker(kept, owner="ann")
    assert owned is not None
    return dict(owned)


def told(who: Any, answer: dict[str, Any]) -> str:
    """All that a page, a file and the API have of it, but for the solver's clock."""
    seen = visible_answer(who, answer)
    assert seen is not None
    page = page_answer(seen)
    words = (page["verdict"], page["besides"], [str(row["short_after"]) for row in page["losers"]])
    shown = {**WhatIfAnswer(seen).data, "seconds": None}
    return json.dumps([words, list(file_rows(page)), shown], default=str)


def test_a_node_more_or_less_in_a_what_if_reads_the_same_to_sales(run: Run) -> None:
    """The exact shortages differ by 26 weeks × 8; each of them is needed for the floor, and none is told."""
    found = {size: answers(run, size) for size in SIZES}
    short = {size: next(row["short_after"] for row in found[size]["demands"]) for size in SIZES}
    assert len(set(short.values())) == len(SIZES)
    step = {size: coarse_sides(_sides(short[size]))["short_after"].word for size in SIZES}
    for one, other in zip(SIZES, SIZES[1:], strict=False):
        if step[one] == step[other]:
            assert told(SALES, found[one]) == told(SALES, found[other])
        assert told(FINANCE, found[one]) != told(FINANCE, found[other])
    assert len(set(step.values())) < len(SIZES)


def test_no_exact_shortage_or_what_goes_with_it_is_told_to_sales(run: Run) -> None:
    answer = answers(run, 150)
    row = answer["demands"][0]
    seen = visible_answer(SALES, answer)
    assert seen is not None
    (mine,) = seen["demands"]
    assert isinstance(mine["short_after"], Banded) and isinstance(mine["short_difference"], Banded)
    assert mine["usd_after"] is mine["usd_difference"] is RESTRICTED
    for name in ("weeks_solved", "seconds", "demands_hidden"):
        assert seen[name] is RESTRICTED
    assert seen["weeks"] == seen["pools"] == seen["prices"] == [] and seen["placements_hidden"] is True
    text = told(SALES, answer)
    for exact in (row["short_after"], ceil(row["short_after"])):
        assert f"{exact:.0f}" not in text and f"{exact:,.0f}" not in text


def _sides(short: float) -> dict[str, Any]:
    after = Decimal(str(short))
    return {"short_before": Decimal(0), "short_after": after, "short_difference": after}


def test_what_is_told_of_both_sides_is_one_step_and_not_two() -> None:
    """37 short before, 163 after: 126 more is told as up to 200, so that after is above 137 and up to 237."""
    shown = coarse_sides({"short_before": Decimal(37), "short_after": Decimal(163), "short_difference": Decimal(126)})
    assert str(shown["short_difference"]) == "up to 200" and str(shown["short_after"]) == "up to 237"
    assert (shown["short_after"].low, shown["short_after"].high) == (137, 237)
    fewer = coarse_sides({"short_before": Decimal(163), "short_after": Decimal(37), "short_difference": Decimal(-126)})
    assert str(fewer["short_after"]) == "up to 50"
    # 163 less what lies above 20, up to 50.
    assert (fewer["short_difference"].low, fewer["short_difference"].high) == (-143, -113)
    none = {"short_before": Decimal(163), "short_after": Decimal(0), "short_difference": Decimal(-163)}
    assert coarse_sides(none) == none
    same = {"short_before": Decimal(5), "short_after": Decimal(5), "short_difference": Decimal(0)}
    assert coarse_sides(same) == same


def test_a_plain_what_if_of_sales_is_told_in_steps_on_every_way_and_kept_in_the_audit_log() -> None:
    """ann's 8 accelerators in force become 150, however the question got there; finance reads the count of it."""
    who = people()
    make_world(deals=1, state="active", owner=who["ann"][0])
    run = published()
    ann, fin = Client(), Client()
    ann.force_login(who["ann"][0])
    fin.force_login(who["fin"][0])
    key = ["deal-1", "1", "accelerators", "2027-01-04"]
    change = {"table": "commit_steps", "key": key, "op": "changed", "values": {"quantity": "150"}}
    row = ask_what_if(run_id=run.pk, user=who["ann"][0], changes=[change], changed_rows=[], now=NOW)
    assert answer_question(what_if_id=row.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1)) == "done"
    row.refresh_from_db()
    assert row.full is not None
    exact = next(each["short_after"] for each in row.full["demands"])
    assert exact > 0
    ways = [
        f"/scenarios/{row.uuid}/",
        f"/scenarios/{row.uuid}/answer/",
        f"/scenarios/{row.uuid}/?format=csv",
        "/scenarios/",
        f"/api/v1/what-ifs/{row.uuid}/",
    ]
    for way in ways:
        # Addresses hold names of 32 random digits.
        shown = ann.get(way).content.decode().replace(",", "").replace(str(row.uuid), "").replace(row.uuid.hex, "")
        assert f"{exact:.0f}" not in shown, way
        if way != "/scenarios/":
            assert f"{exact:.0f}" in fin.get(way).content.decode().replace(",", ""), way
    assert "up to" in ann.get(ways[0]).content.decode()
    event = AuditEvent.objects.get(action="scenario.short")
    assert event.user == who["ann"][0] and event.detail["short_accelerator_weeks"] == ceil(exact)


def test_offers_to_sales_do_not_say_the_last_unit_that_fits(check: FitCheck) -> None:
    payload = read(pod(200)).payload
    given = {"inputs": check.inputs, "prepared": check.prepared, "payload": payload, "target_share": None}
    exact, rounded = (
        next(
            offer
            for offer in quote_answer(**given, progress=quiet, in_steps=in_steps)["offers"]
            if offer["kind"] == "smaller"
        )
        for in_steps in (False, True)
    )
    part = exact["says"]["part"]
    assert exact["is_least"] and not check.tried(with_volume(payload, part=part + 1, of=200)).fits
    assert rounded["says"]["part"] == two_digits_down(part) < part
    assert not rounded["is_least"] and check.tried(rounded["payload"]).fits


def test_a_hold_without_room_is_refused_to_sales_in_steps() -> None:
    """By hand, as in tests/contracts/test_holds.py: the fourth of four sure deals is 8 accelerators short."""
    who = people()
    make_world(deals=0)
    add_deals([f"deal-{place}" for place in (1, 2, 3, 4)], owner=who["ann"][0])
    for place in (1, 2, 3):
        hold(who["fin"], key=f"deal-{place}", probability="1")
    with pytest.raises(NoRoom) as refused:
        hold(who["ann"], key="deal-4", probability="1")
    assert "up to 10 accelerators short" in refused.value.sentence
    assert {each.accelerators for each in refused.value.weeks} == {10}
    assert {each.accelerators for each in refused.value.exact} == {8}
    assert AuditEvent.objects.get(action="hold.refused").detail["short"] == 8

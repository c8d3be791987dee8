"""Holds: room is needed, others keep theirs, they end by themselves, and the plan keeps what they hold."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from capacity.allocation.domain.engine import solve
from capacity.decisions.models import PolicySet
from capacity.imports.changes import Actor
from capacity.imports.edits import apply_rows, undo_batch
from capacity.imports.models import ImportBatch
from capacity.imports.tables import tables
from capacity.imports.undo import UndoRefused
from capacity.review import hold_check
from capacity.review.compute import PreparedPlan, SolvedPlan, prepare_inputs
from capacity.review.hold_check import room_for_holds
from capacity.review.inputs import read_inputs
from capacity.review.metrics import first_shortfall, totals
from capacity.review.plan_rows import PlanRows
from capacity.review.remedies import remedy_rows
from contracts import holding
from contracts.deals import deal_rows
from contracts.holding import HoldRefused, NoRoom, Planned, Room, expire_holds, release_hold
from contracts.models import CommitStep, Contract, Hold
from contracts.services import keep_up_with_clock
from tests.contracts.pipeline import (
    EXPIRES,
    NOW,
    STARTS,
    TODAY,
    add_deals,
    hold,
    make_world,
    move,
    people,
    set_state,
)

pytestmark = pytest.mark.django_db
WEEK_OF_START = 6


def prepared(as_of: date = TODAY) -> PreparedPlan:
    return prepare_inputs(inputs=read_inputs(as_of=as_of), progress=lambda *_: None)


def work_of_tier(tier: str = "holds", as_of: date = TODAY) -> dict[str, Decimal]:
    """Demand key → its work in the week of 4 January."""
    return {each.key: each.work[WEEK_OF_START] for each in prepared(as_of).problem.serving if each.tier == tier}


def test_a_hold_keeps_its_need_times_its_probability() -> None:
    make_world()
    hold(people()["fin"], probability="0.25")
    assert work_of_tier() == {"h.deal-1.v1": Decimal(4)}


def test_holds_fill_half_of_the_room_and_no_more() -> None:
    """112 allocatable: enlarged by 1 ÷ 0.5 a sure deal takes 32, so three fit and the fourth is short by 8 of its 16."""
    make_world(deals=4)
    fin = people()["fin"]
    for place in (1, 2, 3):
        hold(fin, key=f"deal-{place}", probability="1")
    with pytest.raises(NoRoom) as refused:
        hold(fin, key="deal-4", probability="1")
    assert {(each.pool, each.accelerators) for each in refused.value.weeks} == {("pool-1", 8)}
    assert [each.week for each in refused.value.weeks][:2] == ["2027-W01", "2027-W02"]
    assert len(refused.value.weeks) == 26
    assert refused.value.sentence.startswith(
        "There is no room for this hold: 8 accelerators short in pool-1 in 2027-W0"
    )
    assert Hold.objects.filter(state="granted").count() == 3


def test_what_is_committed_goes_before_every_hold() -> None:
    """6 × 16 = 96 committed leave 16; half of it is 8, so a deal holds at most one half of its 16."""
    make_world(deals=2)
    add_deals([f"old-{place}" for place in range(6)], state="active")
    fin = people()["fin"]
    with pytest.raises(NoRoom):
        hold(fin, probability="0.51")
    hold(fin, probability="0.5")
    with pytest.raises(NoRoom):
        hold(fin, key="deal-2", probability="0.01")


def test_a_hold_that_is_short_already_is_no_reason_against_one_elsewhere() -> None:
    """Supply that left may have taken an old hold's room; another region's deal asks for none of it."""
    make_world(deals=1, hold_room_share="1")
    fin = people()["fin"]
    hold(fin, probability="1")
    add_deals([f"old-{place}" for place in range(7)], state="active")
    add_deals(["later"], starts_date=date(2027, 7, 5), ends_date=date(2027, 8, 2))
    with pytest.raises(NoRoom):
        add_deals(["same"])
        hold(fin, key="same", probability="0.1")
    hold(fin, key="later", probability="1")


def test_a_longer_or_surer_hold_takes_the_place_of_the_one_before() -> None:
    make_world()
    fin = people()["fin"]
    hold(fin, probability="0.25")
    hold(fin, probability="0.75")
    assert list(Hold.objects.order_by("id").values_list("state", "probability")) == [
        ("released", Decimal("0.25")),
        ("granted", Decimal("0.75")),
    ]
    assert work_of_tier() == {"h.deal-1.v1": Decimal(12)}


@pytest.mark.parametrize(
    ("probability", "expires", "field"),
    [
        ("0", EXPIRES, "probability"),
        ("1.01", EXPIRES, "probability"),
        ("NaN", EXPIRES, "probability"),
        ("0.5", TODAY, "expires_date"),
        ("0.5", TODAY + timedelta(days=29), "expires_date"),
    ],
)
def test_a_wrong_hold_is_refused_on_its_field(probability: str, expires: date, field: str) -> None:
    make_world()
    with pytest.raises(HoldRefused) as refused:
        hold(people()["fin"], probability=probability, expires=expires)
    assert refused.value.field == field
    assert not Hold.objects.exists()


def test_a_hold_lasts_four_weeks_at_most() -> None:
    make_world()
    hold(people()["fin"], expires=TODAY + timedelta(days=28))


def test_without_a_tier_for_holds_nothing_is_held() -> None:
    make_world()
    PolicySet.objects.update(tiers=["committed", "forecast", "P0"])
    with pytest.raises(HoldRefused, match='no tier "holds"'):
        hold(people()["fin"])


def test_a_deal_without_a_size_holds_nothing() -> None:
    make_world()
    add_deals(["vague"], shape="pay_as_you_go", accelerator_type=None)
    with pytest.raises(HoldRefused, match="names no workload"):
        hold(people()["fin"], key="vague")


@pytest.mark.parametrize(("name", "key", "may"), [("ann", "deal-1", True), ("bob", "deal-1", False), ("fin", "deal-1", True),
                                                  ("ivo", "deal-1", False)])  # fmt: skip
def test_sales_hold_for_deals_of_their_own_and_finance_for_any(name: str, key: str, may: bool) -> None:
    who = people()
    make_world(owner=who["ann"][0])
    if may:
        hold(who[name], key=key)
        release_hold(key=key, version=1, note="", user=who[name][0], viewer=who[name][1], now=NOW)
        assert Hold.objects.get().state == "released"
        return
    with pytest.raises(HoldRefused, match="of their own"):
        hold(who[name], key=key)


@pytest.mark.parametrize("state", ["draft", "signed", "active", "ended", "withdrawn"])
def test_only_a_deal_from_what_if_to_approved_holds(state: str) -> None:
    make_world()
    set_state("deal-1", state)
    with pytest.raises(HoldRefused, match="holds nothing"):
        hold(people()["fin"])


def test_a_hold_past_its_day_counts_nowhere_before_anybody_wrote_that_down() -> None:
    """The last day of a hold until 7 December is the 6th."""
    make_world(deals=4)
    fin = people()["fin"]
    for place in (1, 2, 3):
        hold(fin, key=f"deal-{place}", probability="1")
    assert len(work_of_tier(as_of=EXPIRES - timedelta(days=1))) == 3
    assert work_of_tier(as_of=EXPIRES) == {}
    assert Hold.objects.filter(state="granted").count() == 3
    hold(fin, key="deal-4", probability="1", now=NOW + timedelta(days=14), expires=EXPIRES + timedelta(days=7))


def test_the_clock_writes_down_once_what_is_over() -> None:
    make_world(deals=2)
    fin = people()["fin"]
    hold(fin)
    hold(fin, key="deal-2", expires=EXPIRES + timedelta(days=1))
    due = NOW + timedelta(days=14)
    assert [expire_holds(now=due), expire_holds(now=due), keep_up_with_clock(now=due)] == [1, 0, (0, 0)]
    assert list(Hold.objects.order_by("key").values_list("state", "ended_date")) == [
        ("expired", due.date()),
        ("granted", None),
    ]


def test_a_hold_that_cannot_be_ended_does_not_keep_the_others_from_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    make_world(deals=2)
    fin = people()["fin"]
    hold(fin)
    hold(fin, key="deal-2")
    end = holding.end_hold

    def breaks(*, contract: Contract, **more: Any) -> Hold | None:
        if contract.key == "deal-1":
            raise HoldRefused("the row cannot be written")
        return end(contract=contract, **more)

    monkeypatch.setattr(holding, "end_hold", breaks)
    assert expire_holds(now=NOW + timedelta(days=14)) == 1
    assert list(Hold.objects.order_by("contract__key").values_list("state", flat=True)) == ["granted", "expired"]


def test_a_signature_is_looked_at_in_every_week_of_its_term(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its units begin after four weeks; in those it rounds to nothing, and may push what is held over a ceiling."""
    who = people()
    make_world(deals=2, owner=who["ann"][0])
    CommitStep.objects.filter(contract__key="deal-1").update(starts_date=STARTS + timedelta(weeks=4))
    hold(who["fin"], key="deal-2", probability="0.5")
    asked: list[int] = []
    monkeypatch.setattr(hold_check, "unmet_of_tier", lambda *, weeks, **_: asked.extend(weeks) or {})
    room_for_holds(change=Planned(contract="deal-1", version=1, signs=True), as_of=TODAY)
    assert sorted(asked) == list(range(WEEK_OF_START, WEEK_OF_START + 26))


def test_what_is_held_is_not_reworded() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"])
    actor = Actor(user=who["ann"][0], viewer=who["ann"][1], source="form")
    step = {"contract": "deal-1", "version": "1", "kind": "accelerators", "starts_date": STARTS.isoformat()}
    for table, row in (
        ("contracts", {"key": "deal-1", "version": "1", "regions": "us-east"}),
        ("commit_steps", step | {"quantity": "64"}),
    ):
        found = apply_rows(table=tables()[table], rows=[row], actor=actor)
        assert "release the hold" in str(found.errors[0]), table
    price = {"contract": "deal-1", "version": "1", "kind": "accelerator_hour", "starts_date": STARTS.isoformat()}
    assert apply_rows(table=tables()["price_lines"], rows=[price | {"price": "5"}], actor=actor).applied


def test_nobody_writes_a_hold_or_takes_its_end_back_like_any_row() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"])
    release_hold(key="deal-1", version=1, note="", user=who["ann"][0], viewer=who["ann"][1], now=NOW)
    ended = ImportBatch.objects.order_by("-id").first()
    row = {"key": "mine", "contract": "deal-1", "version": "1", "probability": "1", "granted_date": "2026-11-23",
           "expires_date": "2026-12-23", "state": "granted"}  # fmt: skip
    for name in ("ann", "fin"):
        actor = Actor(user=who[name][0], viewer=who[name][1], source="form")
        assert "on the deal's page" in str(apply_rows(table=tables()["holds"], rows=[row], actor=actor).errors[0])
        with pytest.raises(UndoRefused):
            undo_batch(batch_id=ended.pk, actor=actor)
    with pytest.raises(UndoRefused, match="stays ended"):
        undo_batch(batch_id=ended.pk, actor=Actor(user=None, source="command line"))
    assert Hold.objects.get().state == "released"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("probability = 1", "granted_hold_does_not_change"),
        ("expires_date = '2027-01-01'", "granted_hold_does_not_change"),
        ("state = 'lost', ended_date = '2026-11-24'", "hold_state_known"),
        ("state = 'released'", "ended_hold_has_its_day"),
        ("ended_date = '2026-11-24'", "ended_hold_has_its_day"),
    ],
)
def test_the_database_keeps_a_hold_as_it_was_granted(change: str, says: str) -> None:
    make_world()
    hold(people()["fin"])
    with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE contracts_hold SET {change}")
    assert refused.value.__cause__.diag.constraint_name == says


def test_the_plan_keeps_the_hold_and_then_the_commitment() -> None:
    """With a hold of one half: 8 in the tier of holds. Signed: 16 committed, and the hold is gone."""
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"], probability="0.5")
    plan = prepared()
    solved = solve(problem=plan.problem)
    week = plan.problem.first_week.plus(WEEK_OF_START)
    given = {each.class_: each.accelerators for each in solved.allocations if each.week == week}
    assert given == {"dedicated.deal-1.v1": 8}
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    move(who["ann"], "signed")
    assert work_of_tier() == {}
    assert work_of_tier("committed") == {"c.deal-1.v1": Decimal(16)}


def rows_of_plan() -> tuple[PlanRows, list[dict[str, Any]]]:
    plan = prepared()
    parts = {each.name: getattr(plan, each.name) for each in fields(plan)}
    rows = PlanRows(SolvedPlan(**parts, solution=solve(problem=plan.problem)))
    return rows, [row for row in rows.pool_week_rows if row["week_index"] == WEEK_OF_START]


def test_a_dedicated_deal_that_is_held_comes_whole_or_not_at_all() -> None:
    """A quarter of 16 is 4, kept in one node of 8: expected 8, nothing at P10, the whole 16 at P90."""
    make_world()
    hold(people()["fin"], probability="0.25")
    _, (week,) = rows_of_plan()
    assert [week[name] for name in ("expected_need", "p10_need", "p90_need", "committed_need")] == [8, 0, 16, 0]


def test_a_hold_that_the_plan_does_not_keep_is_no_shortfall() -> None:
    """Supply left: 7 × 16 = 112 committed after a sure hold was granted. No promise breaks; 26 × 16 are not kept."""
    make_world()
    hold(people()["fin"], probability="1")
    add_deals([f"old-{place}" for place in range(7)], state="active")
    rows, (week,) = rows_of_plan()
    assert (week["capacity_shortfall"], week["expected_need"]) == (0, 128)
    demands = {"demands": rows.demand_rows, "pools": rows.pool_rows, "pool_weeks": rows.pool_week_rows}
    assert {row["short_accelerators"] for row in rows.demand_rows if row["tier"] == "holds"} == {16}
    assert first_shortfall(rows, demands)["value"] is None
    short, lost, _ = totals(demands)
    assert (short["value"], short["state"], lost["value"]) == (0, "good", 0)
    assert [(each["name"], each["value"]) for each in short["terms"]] == [
        ("Held for deals and not given, left out", "416")
    ]
    assert remedy_rows(rows) == []


def test_a_run_says_what_each_deal_would_take_and_earn() -> None:
    """8 accelerators for 26 weeks of 168 h at $4: 8 × 4,368 × 4 = $139,776; a quarter of it $34,944."""
    make_world(deals=2)
    hold(people()["fin"], probability="0.25")
    plan = prepared()
    rows = deal_rows(
        deals=plan.deals, revenue=plan.revenue, held={}, tables=plan.inputs.tables, policy=plan.policy,
        horizon=plan.inputs.horizon,
    )  # fmt: skip
    assert [(row["contract_key"], row["accelerators"], row["revenue_usd"]) for row in rows] == [
        ("deal-1", 16, Decimal(139776)),
        ("deal-2", 16, Decimal(139776)),
    ]
    assert (rows[0]["weighted_accelerators"], rows[0]["weighted_revenue_usd"]) == (Decimal(4), Decimal(34944))
    assert (rows[1]["probability"], rows[1]["weighted_accelerators"], rows[1]["held_accelerators"]) == (None,) * 3


def test_inputs_that_moved_while_room_was_looked_for_are_looked_at_again() -> None:
    make_world(deals=2)
    asked = []

    def busy(*, change: Planned, as_of: date) -> Room:
        asked.append(change.contract)
        if len(asked) == 1:
            add_deals(["meanwhile"])
        return Room()

    hold(people()["fin"], check=busy)
    assert asked == ["deal-1", "deal-1"]


def loss_of(key: str = "h.deal-1.v1") -> float:
    """Dollars that one unit of the demand's work loses in a week."""
    found = next(each for each in prepared().problem.serving if each.key == key)
    assert found.usd_lost_per_work_week is not None
    return float(found.usd_lost_per_work_week)


def test_a_likely_and_an_unlikely_hold_lose_the_same_for_a_unit_of_work() -> None:
    """Work and revenue are both weighted by the probability, so that their quotient is the deal's own."""
    make_world()
    fin = people()["fin"]
    hold(fin, probability="1")
    sure = loss_of()
    hold(fin, probability="0.25")
    assert loss_of() == pytest.approx(sure, rel=1e-9)


@pytest.mark.parametrize("probability", ["0.00004", "0", "-1", "1.01", "9e999999", "NaN"])
def test_a_probability_that_is_none_is_refused(probability: str) -> None:
    make_world()
    with pytest.raises(HoldRefused, match="probability"):
        hold(people()["fin"], probability=probability)
    assert not Hold.objects.exists()


def test_a_note_that_no_keyboard_types_is_refused_on_its_field() -> None:
    make_world()
    fin = people()["fin"]
    hold(fin)
    with pytest.raises(HoldRefused, match="control character") as refused:
        release_hold(key="deal-1", version=1, note="a\x00b", user=fin[0], viewer=fin[1], now=NOW)
    assert (refused.value.code, refused.value.field) == ("bad_value", "note")
    assert Hold.objects.get().state == "granted"


def test_deals_that_hold_nothing_are_not_sized_to_look_for_room(monkeypatch: pytest.MonkeyPatch) -> None:
    make_world(deals=4)
    fin = people()["fin"]
    hold(fin, key="deal-2")
    sized: list[list[str]] = []
    prepare = hold_check._prepared

    def watched(inputs: Any) -> PreparedPlan:
        plan = prepare(inputs)
        sized.append([each.row["key"] for each in plan.deals])
        return plan

    monkeypatch.setattr(hold_check, "_prepared", watched)
    hold(fin, key="deal-3")
    assert sized == [["deal-2", "deal-3"]]

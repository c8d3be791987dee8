"""Moves as they are written: who, when and why are kept, nobody approves their own, a signature is a decision."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from capacity.decisions.models import Decision
from capacity.imports.changes import Actor
from capacity.imports.edits import apply_rows
from capacity.imports.models import ImportChange, ImportIssue
from capacity.imports.tables import tables
from capacity.imports.tabular import WARNING
from contracts.holding import NoRoom
from contracts.models import CommitStep, Contract, ContractTransition, Hold, UsageProfile
from contracts.services import Meeting, Mover, MoveRefused, keep_up_with_clock, makers_of, move_contract, terms_hash
from tests.contracts.pipeline import (
    ENDS,
    MEETING,
    NOW,
    STARTS,
    add_deals,
    hold,
    make_world,
    move,
    people,
    set_state,
)

pytestmark = pytest.mark.django_db


def state(key: str = "deal-1", version: int = 1) -> str:
    return Contract.objects.get(key=key, version=version).state


def at_noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def test_a_deal_goes_the_whole_way_and_each_step_says_who_when_and_why() -> None:
    who = people()
    make_world(state="draft", owner=who["ann"][0])
    for name, target in (("ann", "what_if"), ("ann", "submitted"), ("fin", "approved"), ("ann", "signed")):
        move(who[name], target, reason=f"{target}, says {name}")
    assert keep_up_with_clock(now=at_noon(STARTS)) == (0, 1)
    move(who["ann"], "notice", now=at_noon(STARTS))
    assert keep_up_with_clock(now=at_noon(ENDS)) == (0, 1)
    kept = ContractTransition.objects.order_by("id").values_list("from_state", "to_state", "by__username", "reason")
    assert list(kept) == [
        ("draft", "what_if", "ann", "what_if, says ann"),
        ("what_if", "submitted", "ann", "submitted, says ann"),
        ("submitted", "approved", "fin", "approved, says fin"),
        ("approved", "signed", "ann", "signed, says ann"),
        ("signed", "active", None, ""),
        ("active", "notice", "ann", "so it is"),
        ("notice", "ended", None, ""),
    ]
    assert state() == "ended"
    assert ContractTransition.objects.first().at == NOW


def test_the_clock_does_nothing_the_second_time() -> None:
    make_world(state="signed")
    assert [keep_up_with_clock(now=at_noon(STARTS)) for _ in range(3)] == [(0, 1), (0, 0), (0, 0)]
    assert ContractTransition.objects.count() == 1


def test_one_that_is_over_before_anybody_looked_was_active_first() -> None:
    make_world(state="signed")
    keep_up_with_clock(now=at_noon(ENDS))
    assert list(ContractTransition.objects.order_by("id").values_list("to_state", flat=True)) == ["active", "ended"]


def test_whoever_submitted_a_deal_does_not_approve_it() -> None:
    who = people()
    make_world()
    move(who["fin"], "submitted")
    with pytest.raises(MoveRefused, match="another person of finance"):
        move(who["fin"], "approved")
    move(who["con"], "approved")
    assert state() == "approved"


@pytest.mark.parametrize("source", ["form", "Deal workflow export"])
def test_whoever_worded_a_price_does_not_approve_the_deal(source: str) -> None:
    """Whatever the change is called by whoever makes it."""
    who = people()
    make_world(owner=who["ann"][0])
    row = {"contract": "deal-1", "version": "1", "kind": "accelerator_hour", "starts_date": "2027-02-01", "price": "5"}
    apply_rows(
        table=tables()["price_lines"],
        rows=[{"contract": "deal-1", "version": "1", "kind": "accelerator_hour", "starts_date": STARTS.isoformat(),
               "ends_date": "2027-02-01"}, row],
        actor=Actor(user=who["fin"][0], viewer=who["fin"][1], source=source),
    )  # fmt: skip
    assert makers_of(Contract.objects.get(key="deal-1")) == {who["fin"][0].pk}
    move(who["ann"], "submitted")
    with pytest.raises(MoveRefused, match="worded"):
        move(who["fin"], "approved")
    assert state() == "submitted"


def test_a_deal_with_finance_stays_as_it_is_worded() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    move(who["ann"], "submitted")
    for name in ("ann", "fin"):
        actor = Actor(user=who[name][0], viewer=who[name][1], source="form")
        named = apply_rows(
            table=tables()["contracts"], rows=[{"key": "deal-1", "version": "1", "name": "Other"}], actor=actor
        )
        priced = apply_rows(
            table=tables()["price_lines"],
            rows=[{"contract": "deal-1", "version": "1", "kind": "accelerator_hour", "starts_date": STARTS.isoformat(),
                   "price": "9"}],
            actor=actor,
        )  # fmt: skip
        assert ["returned before" in str(found.errors[0]) for found in (named, priced)] == [True, True]


def test_what_is_signed_is_what_was_approved() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    # The operator at the command line is asked nothing; the signature still is.
    Contract.objects.get(key="deal-1").price_lines.update(price=1)
    with pytest.raises(MoveRefused, match="no longer those that finance approved"):
        move(who["ann"], "signed")
    assert (state(), Decision.objects.count()) == ("approved", 0)


def test_a_signature_is_a_decision_of_whoever_approved() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    move(who["ann"], "submitted")
    move(who["fin"], "approved", reason="The price is right.")
    made = move(who["ann"], "signed")
    decision = Decision.objects.get()
    assert made.decision == decision
    assert (decision.kind, decision.decider_role, decision.recorded_by) == ("contract", "finance", who["fin"][0])
    assert (decision.review_week, decision.reason) == ("2026-W48", "The price is right.")
    assert decision.chosen == "Sign deal-1 v1 Offer deal-1"
    assert [option.name for option in decision.options.order_by("position")][0] == "Do nothing"
    assert (decision.effect_by_date, decision.review_back_date) == (date(2027, 2, 1), date(2027, 2, 22))


@pytest.mark.parametrize("odd", ["\x00", "\x1b[2J"])
def test_a_reason_that_no_keyboard_types_is_refused_on_its_field(odd: str) -> None:
    who = people()
    make_world(state="draft", owner=who["ann"][0])
    with pytest.raises(MoveRefused, match="control character") as refused:
        move(who["ann"], "what_if", reason=f"because{odd}")
    assert (refused.value.code, refused.value.field, state()) == ("bad_value", "reason", "draft")


def test_without_a_review_nothing_is_signed() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    closed = Meeting(open_weeks=[], run_id=None, check=MEETING.check)
    with pytest.raises(MoveRefused, match="make a plan first"):
        move(who["ann"], "signed", meeting=closed)
    assert state() == "approved"


def test_signing_turns_the_hold_into_a_commitment_at_once() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"])
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    move(who["ann"], "signed")
    assert list(Hold.objects.values_list("state", "ended_date")) == [("signed", NOW.date())]
    assert state() == "signed"


def test_a_signature_leaves_what_is_held_for_others() -> None:
    """Committed 16 × 6 = 96 of 112; a sure hold takes 16, so the seventh commitment would take it."""
    who = people()
    make_world(owner=who["ann"][0], hold_room_share="1")
    add_deals([f"old-{place}" for place in range(6)], state="active")
    add_deals(["other"])
    hold(who["fin"], key="other", probability="1")
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    with pytest.raises(
        NoRoom, match="take what is held for other deals: up to 20 accelerators short in pool-1 in 2027-W01"
    ):
        move(who["ann"], "signed")
    assert (state(), Decision.objects.count()) == ("approved", 0)
    assert Hold.objects.get().state == "granted"


def test_an_amendment_ends_the_version_before_it_as_it_starts() -> None:
    who = people()
    make_world(state="active")
    later = date(2027, 4, 5)
    add_deals(["deal-1"], version=2, starts_date=later, ends_date=ENDS + timedelta(weeks=52), owner=who["ann"][0])
    for name, target in (("ann", "submitted"), ("fin", "approved"), ("ann", "signed")):
        move_contract(
            key="deal-1", version=2, target=target, reason="", mover=Mover(user=who[name][0], viewer=who[name][1]),
            now=NOW, meeting=MEETING,
        )  # fmt: skip
    first = Contract.objects.get(key="deal-1", version=1)
    assert (first.state, first.ends_date) == ("active", later)


def test_an_amendment_ends_a_version_with_steps_still_to_come() -> None:
    """What was to come after it takes over stays as it was worded, is warned of, and may be imported again."""
    who = people()
    make_world(state="active")
    step = CommitStep.objects.create(
        contract=Contract.objects.get(key="deal-1"), kind="accelerators", quantity=16, starts_date=date(2027, 5, 3)
    )
    later = date(2027, 4, 5)
    add_deals(["deal-1"], version=2, starts_date=later, owner=who["ann"][0])
    for name, target in (("ann", "submitted"), ("fin", "approved"), ("ann", "signed")):
        move_contract(
            key="deal-1", version=2, target=target, reason="", mover=Mover(user=who[name][0], viewer=who[name][1]),
            now=NOW, meeting=MEETING,
        )  # fmt: skip
    assert Contract.objects.get(key="deal-1", version=1).ends_date == later
    assert CommitStep.objects.get(pk=step.pk).starts_date == date(2027, 5, 3)
    issue = ImportIssue.objects.filter(code="step_superseded").get()
    assert (issue.severity, issue.message) == (
        WARNING,
        "The step of 2027-05-03 counts no more: version 2 takes over on 2027-04-05.",
    )
    cells = {"contract": "deal-1", "version": "1", "kind": "accelerators", "quantity": "16"}
    again = Actor(user=None, source="file")
    for day, codes in (("2027-05-03", ["step_superseded"]), ("2026-05-03", ["step_outside_term"])):
        found = apply_rows(table=tables()["commit_steps"], rows=[cells | {"starts_date": day}], actor=again)
        assert [each.code for each in found.issues] == codes


def test_a_move_of_a_contract_that_moved_on_is_refused() -> None:
    who = people()
    make_world(state="draft")
    with pytest.raises(MoveRefused, match="since you opened it"):
        move(who["fin"], "what_if", row_version=7)


def test_moves_and_holds_stand_in_the_history_of_the_rows() -> None:
    who = people()
    make_world(state="draft", owner=who["ann"][0])
    move(who["ann"], "what_if", reason="let us see")
    change = ImportChange.objects.filter(table="contracts", key="deal-1~1").get()
    assert (change.before["state"], change.after["state"]) == ("draft", "what_if")
    assert (change.batch.imported_by, change.batch.source) == (who["ann"][0], "workflow")
    assert change.batch.note == "draft → what-if: let us see"


@pytest.mark.parametrize("target", ["what_if", "signed", "active"])
def test_the_database_moves_no_contract_without_a_record(target: str) -> None:
    make_world(state="draft")
    with pytest.raises(IntegrityError, match="by a recorded move only"), transaction.atomic():
        sql("UPDATE contracts_contract SET state = %s WHERE key = 'deal-1'", target)
    assert state() == "draft"


def test_the_database_takes_no_record_of_a_move_that_was_not_made() -> None:
    who = people()
    make_world(state="draft")
    with pytest.raises(IntegrityError, match="did not make it"), transaction.atomic():
        record("draft", "what_if", who["fin"][0].pk)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_lets_nobody_approve_what_they_submitted() -> None:
    who = people()
    make_world()
    move(who["fin"], "submitted")
    with pytest.raises(IntegrityError, match="does not approve it"), transaction.atomic():
        record("submitted", "approved", who["fin"][0].pk)


def test_records_of_moves_are_never_rewritten() -> None:
    who = people()
    make_world(state="draft")
    move(who["fin"], "what_if")
    for statement in (
        "UPDATE contracts_contracttransition SET reason = ''",
        "DELETE FROM contracts_contracttransition",
    ):
        with pytest.raises(DatabaseError, match="Cannot"), transaction.atomic():
            sql(statement)


def test_a_held_deal_does_not_leave_the_pipeline_with_its_hold() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"])
    with pytest.raises(IntegrityError, match="still holds"), transaction.atomic():
        record("what_if", "draft", who["ann"][0].pk)
        sql("UPDATE contracts_contract SET state = 'draft' WHERE key = 'deal-1'")
    move(who["ann"], "withdrawn")
    assert Hold.objects.get().state == "released"


def test_a_deal_that_moved_is_withdrawn_and_not_removed() -> None:
    who = people()
    make_world(state="draft")
    move(who["fin"], "what_if")
    with pytest.raises(DatabaseError), transaction.atomic():
        sql("DELETE FROM contracts_contract WHERE key = 'deal-1'")
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def sql(statement: str, *values: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values))


def record(source: str, target: str, by: int) -> None:
    contract = Contract.objects.get(key="deal-1")
    sql(
        "INSERT INTO contracts_contracttransition (contract_id, from_state, to_state, at, by_id, reason, terms_hash) "
        "VALUES (%s, %s, %s, now(), %s, 'x', '')",
        contract.pk, source, target, by,
    )  # fmt: skip


def test_set_state_is_only_for_tests() -> None:
    make_world()
    set_state("deal-1", "approved")
    assert (state(), ContractTransition.objects.count()) == ("approved", 0)


# --- the use that a deal takes from a profile -------------------------------------------------------------------------

USE = {"key": "chat-use", "name": "Chat", "output_tokens_per_second": "100", "owner": "ann"}


def deal_with_a_profile(who: dict[str, Any], writer: str = "") -> None:
    """deal-1 of ann's, sold by use, sized by a profile of hers that `writer` wrote (nobody: the operator)."""
    make_world(deals=0)
    actor = Actor(user=who[writer][0], viewer=who[writer][1], source="form") if writer else Actor(user=None, source="x")
    assert apply_rows(table=tables()["usage_profiles"], rows=[USE], actor=actor).applied
    shape = {"shape": "pay_as_you_go", "workload": Contract.objects.get(key="c-1").workload, "accelerator_type": None}
    profile = UsageProfile.objects.get(key="chat-use")
    add_deals(["deal-1"], owner=who["ann"][0], usage_profile=profile, state="what_if", **shape)


def use(who: dict[str, Any], by: str, **cells: str) -> str:
    """How a change of the profile comes out: applied, proposed or why it was refused."""
    actor = Actor(user=who[by][0], viewer=who[by][1], source="form")
    found = apply_rows(table=tables()["usage_profiles"], rows=[{"key": "chat-use"} | cells], actor=actor)
    return str(found.errors[0]) if found.errors else "applied" if found.applied else "proposed"


@pytest.mark.parametrize("name", ["ann", "fin"])
def test_the_use_of_a_deal_with_finance_stays_as_its_profile_says(name: str) -> None:
    who = people()
    deal_with_a_profile(who)
    move(who["ann"], "submitted")
    for _ in ("submitted", "approved"):
        assert "deal-1 v1 is with finance" in use(who, name, output_tokens_per_second="900")
        assert "profile with a new key" in use(who, name, growth_share_per_month="0.5")
        if state() == "submitted":
            move(who["con"], "approved")
    assert use(who, name, name="Chat of the customer") == "applied"
    move(who["fin"], "returned")
    assert use(who, name, output_tokens_per_second="900") == "applied"


def test_the_use_of_a_deal_that_holds_stays_as_its_profile_says() -> None:
    who = people()
    deal_with_a_profile(who)
    contract = Contract.objects.get(key="deal-1")
    held = Hold.objects.create(
        key="h", contract=contract, probability=1, granted_date=NOW.date(), expires_date=NOW.date() + timedelta(days=9)
    )
    assert "deal-1 v1 holds accelerators" in use(who, "ann", output_tokens_per_second="900")
    Hold.objects.filter(pk=held.pk).update(state="released", ended_date=NOW.date())
    assert use(who, "ann", output_tokens_per_second="900") == "applied"


def test_sales_are_not_told_whose_deal_a_profile_sizes() -> None:
    who = people()
    deal_with_a_profile(who)
    Contract.objects.filter(key="deal-1").update(owner=who["bob"][0])
    move(who["bob"], "submitted")
    found = use(who, "ann", output_tokens_per_second="900")
    assert "Somebody else's deal is with finance" in found and "deal-1" not in found


def test_the_use_of_a_contract_in_force_changes_by_two_people() -> None:
    who = people()
    deal_with_a_profile(who)
    set_state("deal-1", "active")
    assert use(who, "ann", output_tokens_per_second="900") == "proposed"
    assert use(who, "ann", name="Other") == "applied"


def test_what_is_signed_is_the_use_that_was_approved() -> None:
    who = people()
    deal_with_a_profile(who)
    move(who["ann"], "submitted")
    move(who["fin"], "approved")
    # The operator at the command line is asked nothing; the signature still is.
    UsageProfile.objects.update(name="Renamed")
    before = Contract.objects.get(key="deal-1")
    assert before.transitions.latest("id").terms_hash == terms_hash(before)
    UsageProfile.objects.update(output_tokens_per_second=900)
    with pytest.raises(MoveRefused, match="no longer those that finance approved"):
        move(who["ann"], "signed")


def test_whoever_wrote_the_use_does_not_approve_the_deal() -> None:
    who = people()
    deal_with_a_profile(who, writer="fin")
    assert use(who, "con", name="Named by the controller") == "applied"
    move(who["ann"], "submitted")
    with pytest.raises(MoveRefused, match="worded"):
        move(who["fin"], "approved")
    move(who["con"], "approved")


def test_the_prices_of_a_held_take_or_pay_deal_size_it() -> None:
    who = people()
    make_world(owner=who["ann"][0])
    hold(who["ann"])
    line = {"contract": "deal-1", "version": "1", "kind": "accelerator_hour", "starts_date": STARTS.isoformat()}
    actor = Actor(user=who["ann"][0], viewer=who["ann"][1], source="form")

    def price(usd: str) -> Any:
        return apply_rows(table=tables()["price_lines"], rows=[line | {"price": usd}], actor=actor)

    assert price("5").applied
    Contract.objects.filter(key="deal-1").update(shape="take_or_pay", take_share="0.5")
    assert "release the hold" in str(price("6").errors[0])

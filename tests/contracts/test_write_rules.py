"""Sales keep drafts of their own; what binds us needs a second person."""

from __future__ import annotations

from typing import Any

import pytest

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.changes import Actor
from capacity.imports.edits import apply_rows
from capacity.imports.proposals import NotDecided, approve
from capacity.imports.tables import tables
from contracts.models import Contract, Customer
from contracts.write_rules import (
    commitment_checker,
    contract_checker,
    contract_writer,
    hold_writer,
    line_writer,
    owner_writes,
    price_checker,
    price_line_writer,
    profile_checker,
    profile_writer,
    sizing_line_writer,
)
from tests.contracts.pipeline import set_state
from tests.imports.world import GOOD, import_texts

ANN = Viewer(username="ann", roles=frozenset({Role.SALES}))
FINANCE = Viewer(username="fin", roles=frozenset({Role.FINANCE}))
BOTH = Viewer(username="ann", roles=frozenset({Role.SALES, Role.FINANCE}))


def row(state: str = "draft", owner: str = "ann", **cells: Any) -> dict[str, Any]:
    return {"state": state, "owner": owner, "name": "Chat", "provenance": ""} | cells


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        (None, row(), True),
        (None, row("what_if"), True),
        (None, row("signed"), False),
        (None, row(owner="bob"), False),
        (None, row(owner=""), False),
        (row(), row(name="Other"), True),
        (row("returned"), row("returned", name="Other"), True),
        (row("active"), row("active", name="Other"), False),
        (row(owner="bob"), row(), False),
        (row(), row(owner="bob"), False),
        (row(), None, True),
        (row("active"), None, False),
    ],
)
def test_sales_write_drafts_and_what_ifs_of_their_own(before: Any, after: Any, may: bool) -> None:
    assert (contract_writer(ANN, before, after) == "") is may
    assert contract_writer(FINANCE, before, after) == contract_writer(BOTH, before, after) == ""


@pytest.mark.django_db
@pytest.mark.parametrize("who", [ANN, FINANCE, BOTH])
@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (row(), row("what_if"), "each move is kept"),
        (row(), row("signed"), "each move is kept"),
        (row("ended"), row("draft"), "each move is kept"),
        (None, row("submitted"), "in force already"),
        (None, row("approved"), "in force already"),
        (None, row("withdrawn"), "in force already"),
        (row("submitted"), row("submitted", name="Other"), "has to be returned"),
        (row("approved"), row("approved", name="Other"), "has to be returned"),
        (row("approved"), None, "has to be returned"),
        (row("approved"), row("approved", provenance="mail"), ""),
    ],
)
def test_nobody_moves_a_contract_or_rewords_one_that_finance_has(
    who: Viewer, before: Any, after: Any, says: str
) -> None:
    if says or who is not ANN:
        found = contract_writer(who, before, after)
        assert (says in found) if says else found == ""


def test_sales_keep_their_own_accounts_only() -> None:
    assert owner_writes(ANN, {"owner": "ann"}, {"owner": "ann"}) == ""
    assert "must be you" in owner_writes(ANN, {"owner": "bob"}, {"owner": "ann"})
    assert owner_writes(FINANCE, {"owner": "bob"}, {"owner": None}) == ""


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (None, row(), ""),
        (None, row("signed"), "into force"),
        (row(), row("what_if"), ""),
        (row(), row("signed"), "into force"),
        (row("ended"), row("active"), "into force"),
        (row("active"), row("active"), ""),
        (row("active"), row("active", name="Other"), "in force needs"),
        (row("active"), row("active", provenance="mail"), ""),
        (row("active"), row("ended"), "in force needs"),
        (row("signed"), row("active"), "in force needs"),
        (row("notice"), None, "Removing"),
        (row("ended"), None, ""),
    ],
)
def test_what_binds_us_needs_a_second_person(before: Any, after: Any, says: str) -> None:
    found = contract_checker(before, after)
    assert (says in found) if says else found == ""


@pytest.mark.django_db
@pytest.mark.parametrize(("state", "owner", "may", "checked"), [("draft", "ann", True, False), ("draft", "bob", False, False),
                                                                ("active", "ann", False, True)])  # fmt: skip
def test_lines_follow_their_contract(state: str, owner: str, may: bool, checked: bool) -> None:
    import_texts(GOOD)
    people = {
        name: User.objects.create_user(username=name, password="a password of the tests") for name in ("ann", "bob")
    }
    set_state("c-1", state)
    Contract.objects.update(owner=people[owner])
    line = {"contract": "c-1", "version": 1, "kind": "output"}
    assert (line_writer(ANN, None, line) == "") is may
    assert (line_writer(ANN, line, None) == "") is may
    assert line_writer(FINANCE, None, line) == ""
    assert bool(price_checker(None, line)) is bool(commitment_checker(line, None)) is checked


@pytest.mark.django_db
def test_a_line_of_no_contract_is_not_theirs() -> None:
    assert line_writer(ANN, None, {"contract": "none", "version": 1}) != ""


def test_the_tables_ask_these_rules() -> None:
    found = {
        name: (table.may_write, table.needs_checker) for name, table in tables().items() if table.area == "Contracts"
    }
    assert found == {
        "customers": (owner_writes, None),
        "usage_profiles": (profile_writer, profile_checker),
        "contracts": (contract_writer, contract_checker),
        "price_lines": (price_line_writer, price_checker),
        "commit_steps": (sizing_line_writer, commitment_checker),
        "holds": (hold_writer, None),
        "sla_lines": (line_writer, commitment_checker),
        "token_list_prices": (None, None),
    }


@pytest.mark.parametrize(
    "name",
    [
        "customers",
        "usage_profiles",
        "contracts",
        "price_lines",
        "commit_steps",
        "sla_lines",
        "holds",
        "token_list_prices",
    ],
)
def test_every_column_has_its_help_and_its_place_in_the_form(name: str) -> None:
    table = tables()[name]
    columns = {column.name for column in table.columns}
    assert set(table.help) == columns
    placed = [column for group in table.groups.values() for column in group]
    assert sorted(placed) == sorted(columns)
    assert {*table.listed, *table.filters, *table.search, table.label} <= columns


@pytest.mark.django_db
def test_a_customer_without_an_owner_stays_as_it_was() -> None:
    import_texts(GOOD)
    assert Customer.objects.get().owner is None


@pytest.mark.django_db
@pytest.mark.parametrize("state", ["signed", "active", "notice"])
def test_a_version_beside_one_that_is_known_is_not_entered_as_signed(state: str) -> None:
    import_texts(GOOD)
    acme = Customer.objects.get().key
    user = User.objects.create_user(username="fin", password="a password of the tests")
    actor = Actor(user=user, viewer=FINANCE, source="form")
    row = {"key": "c-1", "version": "2", "name": "Chat", "customer": acme, "state": state, "starts_date": "2029-01-01",
           "ends_date": "2030-01-01", "shape": "pay_as_you_go"}  # fmt: skip
    found = apply_rows(table=tables()["contracts"], rows=[row], actor=actor)
    assert "begins as a draft" in str(found.errors[0]) and found.proposal_id is None
    assert apply_rows(table=tables()["contracts"], rows=[row | {"state": "draft"}], actor=actor).applied
    # What is known to nobody yet is entered with all its versions, by two people.
    both = [row | {"key": "c-9", "version": "1", "starts_date": "2028-01-01", "ends_date": "2029-01-01"}]
    found = apply_rows(table=tables()["contracts"], rows=[*both, row | {"key": "c-9"}], actor=actor)
    assert not found.errors and found.proposal_id is not None


@pytest.mark.django_db
def test_a_proposal_to_enter_a_contract_as_signed_ends_with_its_first_version() -> None:
    """Proposed while nobody knew the contract; approved after it had begun here as a draft."""
    import_texts(GOOD)
    fin, con = (User.objects.create_user(username=name, password="a password of the tests") for name in ("fin", "con"))
    row = {"key": "c-9", "version": "2", "name": "Chat", "customer": Customer.objects.get().key, "state": "signed",
           "starts_date": "2029-01-01", "ends_date": "2030-01-01", "shape": "pay_as_you_go"}  # fmt: skip
    actor = Actor(user=fin, viewer=FINANCE, source="form")
    found = apply_rows(table=tables()["contracts"], rows=[row], actor=actor)
    assert apply_rows(table=tables()["contracts"], rows=[row | {"version": "1", "state": "draft"}], actor=actor).applied
    checker = Actor(user=con, viewer=Viewer(username="con", roles=frozenset({Role.FINANCE})), source="form")
    with pytest.raises(NotDecided, match="begins as a draft"):
        approve(proposal_id=found.proposal_id or 0, actor=checker)
    assert not Contract.objects.filter(key="c-9", state="signed").exists()

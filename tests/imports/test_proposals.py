"""Writes that need a second person: proposed, approved by somebody else, returned, withdrawn, out of date, raced for."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports import tables as registry
from capacity.imports.edits import Actor, RowsOutcome, apply_rows, history, remove_row
from capacity.imports.models import ImportBatch, Proposal
from capacity.imports.proposals import NotDecided, approve, return_, visible_proposals, waiting_for, withdraw
from capacity.imports.tables import Table, Values, tables
from tests.factories import make_user
from tests.imports.world import import_texts
from workloads.models import Team

TEAMS = "key,name,weight\nalignment,Alignment,2\nscaling,Scaling,1\n"
WEIGHTS = "A weight needs a second person."


def needs_checker(before: Values | None, after: Values | None) -> str:
    """Every write but of a name."""
    was, now = (None if row is None else row.get("weight") for row in (before, after))
    return WEIGHTS if was != now else ""


@pytest.fixture
def teams(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = replace(tables()["teams"], needs_checker=needs_checker)
    monkeypatch.setitem(registry._TABLES, "teams", table)
    assert import_texts({"teams.csv": TEAMS}).applied
    return table


def actor_of(user: User, *roles: Role) -> Actor:
    viewer = Viewer(username=user.username, roles=frozenset(roles or (Role.CHAIR,)), team_key=user.team_key)
    return Actor(user=user, viewer=viewer, source="form", note="as agreed")


@pytest.fixture
def maker(teams: Table) -> Actor:
    return actor_of(make_user("chair", username="maker"))


@pytest.fixture
def checker(teams: Table) -> Actor:
    return actor_of(make_user("chair", username="checker"))


def set_weight(actor: Actor, weight: str = "5", key: str = "alignment") -> RowsOutcome:
    return apply_rows(table=tables()["teams"], rows=[{"key": key, "weight": weight}], actor=actor)


def weight(key: str = "alignment") -> Any:
    return Team.objects.get(key=key).weight


@pytest.mark.django_db
class TestOnePerson:
    def test_what_needs_a_checker_is_kept_and_not_written(self, maker: Actor) -> None:
        outcome = set_weight(maker)
        proposal = Proposal.objects.get(pk=outcome.proposal_id)
        assert (outcome.applied, weight(), proposal.state, proposal.reason) == (False, 2, "waiting", WEIGHTS)
        assert proposal.changes[0]["before"]["weight"] == "2"
        assert proposal.changes[0]["after"]["weight"] == "5"

    def test_what_needs_none_is_written_at_once(self, maker: Actor) -> None:
        rows = [{"key": "alignment", "name": "Safety"}]
        assert apply_rows(table=tables()["teams"], rows=rows, actor=maker).applied
        assert not Proposal.objects.exists()

    def test_the_same_write_proposed_twice_is_one_proposal(self, maker: Actor) -> None:
        assert set_weight(maker).proposal_id == set_weight(maker).proposal_id
        assert Proposal.objects.count() == 1

    def test_nobody_approves_or_returns_his_own_proposal(self, maker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        for decide in (
            lambda: approve(proposal_id=number, actor=maker),
            lambda: return_(proposal_id=number, actor=maker, note="no"),
        ):
            with pytest.raises(NotDecided, match="Nobody approves"):
                decide()
        assert weight() == 2

    def test_the_database_too_refuses_an_approval_by_the_proposer(self, maker: Actor) -> None:
        number = set_weight(maker).proposal_id
        batch = ImportBatch.objects.create(source="test", outcome="applied")
        with pytest.raises(IntegrityError, match="nobody_checks_his_own"), transaction.atomic():
            Proposal.objects.filter(pk=number).update(state="approved", decided_by=maker.user, batch=batch)

    def test_the_proposer_may_withdraw_it_and_nobody_else(self, maker: Actor, checker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        with pytest.raises(NotDecided, match="Only whoever proposed"):
            withdraw(proposal_id=number, actor=checker)
        assert withdraw(proposal_id=number, actor=maker).state == "withdrawn"
        with pytest.raises(NotDecided, match="decided already"):
            approve(proposal_id=number, actor=checker)


@pytest.mark.django_db
class TestTwoPeople:
    def test_an_approved_proposal_is_written_with_both_names_in_the_history(self, maker: Actor, checker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        proposal = approve(proposal_id=number, actor=checker)
        assert (weight(), proposal.state) == (5, "approved")
        entry = history(table=tables()["teams"], key=("alignment",))[0]
        assert entry.by == "maker, approved by checker" and entry.note == "as agreed"
        assert proposal.batch_id == entry.batch_id
        assert AuditEvent.objects.filter(action="data.approved", user=checker.user).count() == 1

    def test_a_removal_is_proposed_and_approved_too(self, maker: Actor, checker: Actor) -> None:
        outcome = remove_row(table=tables()["teams"], key=("scaling",), actor=maker)
        assert outcome.proposal_id and Team.objects.filter(key="scaling").exists()
        approve(proposal_id=outcome.proposal_id, actor=checker)
        assert not Team.objects.filter(key="scaling").exists()

    def test_a_returned_one_needs_a_reason_and_writes_nothing(self, maker: Actor, checker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        with pytest.raises(NotDecided, match="Say why"):
            return_(proposal_id=number, actor=checker, note=" ")
        assert return_(proposal_id=number, actor=checker, note="too much").decision_note == "too much"
        assert weight() == 2

    def test_a_proposal_is_not_written_over_a_change_made_since(self, maker: Actor, checker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        rows = [{"key": "alignment", "name": "Renamed"}]
        assert apply_rows(table=tables()["teams"], rows=rows, actor=checker).applied
        with pytest.raises(NotDecided, match="changed by somebody else since"):
            approve(proposal_id=number, actor=checker)
        assert (weight(), Proposal.objects.get().state) == (2, "stale")

    def test_a_proposed_row_that_somebody_added_meanwhile_is_out_of_date(self, maker: Actor, checker: Actor) -> None:
        new = [{"key": "evals", "name": "Evals", "weight": "3"}]
        number = apply_rows(table=tables()["teams"], rows=new, actor=maker).proposal_id or 0
        Team.objects.create(key="evals", name="Evals", weight=1)
        with pytest.raises(NotDecided, match="added by somebody else"):
            approve(proposal_id=number, actor=checker)

    def test_unchanged_rows_of_a_file_are_not_put_back_over_a_later_change(self, maker: Actor, checker: Actor) -> None:
        rows = [{"key": "alignment", "weight": "5"}, {"key": "scaling", "name": "Scaling", "weight": "1"}]
        number = apply_rows(table=tables()["teams"], rows=rows, actor=maker).proposal_id or 0
        apply_rows(table=tables()["teams"], rows=[{"key": "scaling", "name": "Scaling laws"}], actor=checker)
        approve(proposal_id=number, actor=checker)
        assert Team.objects.get(key="scaling").name == "Scaling laws"

    def test_who_may_not_change_the_table_neither_approves_nor_is_asked(self, maker: Actor) -> None:
        number = set_weight(maker).proposal_id or 0
        reader = actor_of(make_user("exec", username="reader"), Role.EXEC)
        with pytest.raises(NotDecided, match="Kept by|kept by"):
            approve(proposal_id=number, actor=reader)
        assert reader.viewer and reader.user
        assert not waiting_for(viewer=reader.viewer, user=reader.user).exists()
        assert visible_proposals(viewer=reader.viewer, user=reader.user).count() == 1

    def test_a_proposal_waits_for_others_than_its_maker(self, maker: Actor, checker: Actor) -> None:
        set_weight(maker)
        counts = [
            waiting_for(viewer=who.viewer, user=who.user).count() for who in (maker, checker) if who.viewer and who.user
        ]
        assert counts == [0, 1]


@pytest.mark.django_db
class TestPages:
    def test_the_proposer_is_led_to_it_and_the_checker_approves_it_there(self, maker: Actor, checker: Actor) -> None:
        mine, theirs = Client(), Client()
        mine.force_login(maker.user)
        theirs.force_login(checker.user)
        form = {"name": "Alignment", "weight": "5", "provenance": "", "_version": "1", "_why": "as agreed"}
        answer = mine.post("/data/teams/alignment/edit/", form, follow=True)
        assert "second person" in " ".join(str(message) for message in answer.context["messages"])
        path = f"/data/proposals/{Proposal.objects.get().pk}/"
        own = mine.get(path).content.decode()
        assert "Nobody approves" in own and "Approve and write" not in own
        mine.post(path, {"what": "approve"})
        assert weight() == 2
        page = theirs.get("/data/proposals/")
        assert [line["number"] for line in page.context["waiting"]] == [Proposal.objects.get().pk]
        theirs.post(path, {"what": "approve"})
        assert weight() == 5

    def test_others_accounts_proposals_are_not_there_for_sales(self, maker: Actor) -> None:
        """Rows of somebody else's contract: not in the list, not by number."""
        set_weight(maker)
        number = Proposal.objects.get().pk
        Proposal.objects.filter(pk=number).update(tables=["price_lines"], owners=["sales_west"], changes=[])
        client = Client()
        client.force_login(make_user("sales"))
        assert client.get(f"/data/proposals/{number}/").status_code == 404
        assert client.get("/data/proposals/").context["decided"] == []
        Proposal.objects.filter(pk=number).update(owners=["sales"])
        assert client.get(f"/data/proposals/{number}/").status_code == 200


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_two_approvers_at_once_make_one_write(maker: Actor, checker: Actor) -> None:
    third = actor_of(make_user("chair", username="third"))
    number = set_weight(maker).proposal_id or 0
    start = threading.Barrier(2)
    said: list[str] = []

    def decide(actor: Actor) -> None:
        try:
            start.wait(timeout=20)
            approve(proposal_id=number, actor=actor)
            said.append("written")
        except NotDecided as refused:
            said.append(str(refused))
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=(actor,)) for actor in (checker, third)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(said) == 2 and said.count("written") == 1
    assert any("decided already" in word for word in said)
    assert Team.objects.get(key="alignment").row_version == 2
    assert ImportBatch.objects.filter(checked_by__isnull=False).count() == 1

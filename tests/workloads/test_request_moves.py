"""Making and moving requests: once for each form, only as the table of moves lets, each move kept for good."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import Error, IntegrityError, connection, transaction

from capacity.imports.edits import Actor, apply_rows
from capacity.imports.tables import tables
from capacity.lib.canonical import content_hash
from tests.imports.world import GOOD, import_texts
from tests.workloads.requests import CELLS, NOW, made, moved, mover, state_of
from workloads.models import Experiment, RequestMove, Team
from workloads.request_moves import (
    Replaced,
    RequestRefused,
    make_request,
    move_request,
    possible_moves,
    submitter_of,
    terms_hash,
)
from workloads.selectors import input_rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world() -> None:
    assert import_texts(GOOD).applied
    Team.objects.create(key="another", name="Another team", weight=1)


def refused(*args: Any, **kwargs: Any) -> RequestRefused:
    with pytest.raises(RequestRefused) as error:
        moved(*args, **kwargs)
    return error.value


# --- making ----------------------------------------------------------------------------------------------------------


def test_a_form_that_is_sent_twice_is_one_request_with_one_submission() -> None:
    first, second = made(), made()
    assert first.pk == second.pk
    assert (first.key, first.state, first.submitted_by) == ("R-0001", "submitted", "ada")
    moves = list(RequestMove.objects.order_by("pk").values_list("from_state", "to_state", "by__username"))
    assert moves == [("", "draft", "ada"), ("draft", "submitted", "ada")]
    assert RequestMove.objects.get(to_state="submitted").answer == {"sentence": "Fits."}


def test_a_form_that_says_something_else_than_when_it_was_sent_is_refused() -> None:
    made()
    for change in ({"accelerators": "24"}, {"submits": False}):
        with pytest.raises(RequestRefused, match="This form was sent before, and is R-0001") as error:
            made(**change)  # type: ignore[arg-type]
        assert error.value.code == "sent_before"
    assert made(checkpoint_hours="").key == "R-0001", "an empty cell is as none"
    assert Experiment.objects.filter(key__startswith="R-").count() == 1


def test_another_form_or_the_same_form_of_somebody_else_is_another_request() -> None:
    keys = [made().key, made(form_key="form-2").key, made("bea").key]
    assert keys == ["R-0001", "R-0002", "R-0003"]


def test_a_draft_is_kept_and_submitted_later() -> None:
    draft = made(submits=False)
    assert draft.state == "draft"
    moved("bea", draft.key, "submitted")
    assert state_of(draft.key) == "submitted"
    assert submitter_of(draft) == mover("bea").user.pk


def test_what_is_wrong_with_the_cells_is_said_at_its_column_and_nothing_is_kept() -> None:
    with pytest.raises(RequestRefused) as error:
        made(weeks="0", accelerator_types="h999")
    assert "accelerator_types" in {each.field for each in error.value.errors}
    assert not RequestMove.objects.exists() and Experiment.objects.count() == 1


def test_research_asks_for_its_own_team_only_and_finance_not_at_all() -> None:
    for who in ("cyd", "fin"):
        with pytest.raises(RequestRefused):
            made(who)
    assert made("dan", form_key="c").team.key == "team-1"


def test_a_form_without_its_number_is_refused() -> None:
    for form_key in ("", "x" * 81, "a\nb", "ü"):
        with pytest.raises(RequestRefused, match="lost its number"):
            made(form_key=form_key)


# --- the plan reads approved and running requests only ----------------------------------------------------------------


def planned() -> str:
    return content_hash(sorted(row["key"] for row in input_rows(as_of=NOW.date())["experiments"]))


def test_a_request_enters_the_plan_when_it_is_approved_and_leaves_it_when_it_is_done() -> None:
    nothing = planned()
    key = made().key
    assert planned() == nothing
    moved("dan", key, "approved")
    with_it = planned()
    assert with_it != nothing
    place = {"pool": "pool-1", "domain_key": "dom-a", "started_date": "2026-11-30"}
    moved("dan", key, "running", place=place)
    assert planned() == with_it
    row = Experiment.objects.get(key=key)
    assert (row.pool.key, row.domain_key, str(row.started_date)) == ("pool-1", "dom-a", "2026-11-30")  # type: ignore[union-attr]
    moved("ada", key, "done")
    assert planned() == nothing


# --- moving -----------------------------------------------------------------------------------------------------------


def test_whoever_submitted_does_not_approve() -> None:
    key = made("dan").key
    assert refused("dan", key, "approved").code == "not_allowed"
    moved("eve", key, "approved")
    assert state_of(key) == "approved"


def test_a_denied_request_keeps_its_reason_and_never_moves_again() -> None:
    key = made().key
    assert refused("dan", key, "denied", reason=" ").code == "reason_missing"
    moved("dan", key, "denied", reason="The floor is full until March.")
    assert RequestMove.objects.get(to_state="denied").reason == "The floor is full until March."
    for target in ("submitted", "draft", "approved", "withdrawn"):
        assert refused("dan", key, target).code == "not_allowed"


def test_a_returned_request_is_reworked_and_submitted_again() -> None:
    key = made().key
    moved("dan", key, "returned", reason="Which decision does it inform?")
    moved("ada", key, "draft", reason="")
    moved("ada", key, "submitted", reason="")
    assert state_of(key) == "submitted"


def test_another_team_and_other_roles_move_nothing() -> None:
    key = made().key
    for who in ("cyd", "fin"):
        assert refused(who, key, "withdrawn").code == "not_allowed"
    who = mover("cyd")
    request = Experiment.objects.select_related("team").get(key=key)
    assert possible_moves(request, viewer=who.viewer, user=who.user, submitter=None) == []


def test_a_request_that_somebody_changed_meanwhile_does_not_move() -> None:
    key = made().key
    version = Experiment.objects.get(key=key).row_version
    moved("dan", key, "approved", row_version=version)
    assert refused("eve", key, "returned", row_version=version).code == "moved_on"


def test_a_run_begins_only_with_its_place() -> None:
    key = made().key
    moved("dan", key, "approved")
    assert {each.field for each in refused("dan", key, "running").errors} == {"pool", "started_date"}
    assert state_of(key) == "approved"


# --- changes and extensions --------------------------------------------------------------------------------------------


def test_an_approved_change_withdraws_what_it_replaces() -> None:
    old = made().key
    moved("dan", old, "approved")
    change, _ = make_request(
        cells={**CELLS, "weeks": "3"},
        form_key="change",
        mover=mover("ada"),
        now=NOW,
        submits=True,
        replaces=Replaced(kind="change", key=old),
    )
    assert state_of(old) == "approved"
    moved("dan", change.key, "approved")
    assert (state_of(old), state_of(change.key)) == ("withdrawn", "approved")
    assert RequestMove.objects.get(to_state="withdrawn").reason == f"Replaced by {change.key}, which was approved."


@pytest.mark.parametrize(("kind", "state"), [("extension", "approved"), ("change", "withdrawn")])
def test_what_cannot_be_changed_or_extended_says_so(kind: str, state: str) -> None:
    old = made().key
    moved("dan", old, "approved")
    if state != "approved":
        moved("ada", old, state)
    with pytest.raises(RequestRefused, match="Make a new request"):
        make_request(
            cells=CELLS, form_key="c", mover=mover("ada"), now=NOW, submits=True, replaces=Replaced(kind=kind, key=old)
        )


# --- doors ------------------------------------------------------------------------------------------------------------


def written(by: str, **cells: str) -> list[str]:
    actor = Actor(user=mover(by).user, source="form", viewer=mover(by).viewer)
    return [issue.message for issue in apply_rows(table=tables()["experiments"], rows=[cells], actor=actor).errors]


def test_no_form_or_file_moves_a_request() -> None:
    key = made().key
    for who in ("ada", "dan"):
        assert written(who, key=key, state="approved") == [
            "The state changes on the request's page, where each move is kept with who made it and why."
        ]
    assert written("ada", key=key, weeks="9")[0].startswith("Its terms do not change once it is submitted.")
    assert written("ada", key="quick", **CELLS)[0].startswith('"quick" is the')
    draft = made(form_key="d", submits=False).key
    assert written("ada", key=draft, weeks="9") == []


# --- the database -----------------------------------------------------------------------------------------------------


def forged(**changes: Any) -> str:
    """The rule by which the database refuses a move written past the service; "accepted" where none does."""
    experiment = Experiment.objects.get(key="e-1")
    row = {"from_state": "approved", "to_state": "returned", "reason": "x", "terms_hash": "0" * 64, "at": NOW} | changes
    by = row.pop("by", None) or mover("dan").user
    try:
        with transaction.atomic():
            RequestMove.objects.create(experiment=experiment, by=by, **row)
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except IntegrityError as error:
        return str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    return "accepted"


def test_the_database_refuses_moves_that_the_table_does_not_list() -> None:
    assert forged(to_state="denied") == "request_move_is_listed"
    assert forged(reason=" ") == "request_move_has_its_reason"
    assert forged(from_state="submitted", to_state="denied") == "request_move_begins_where_it_is"
    assert forged(from_state="", to_state="draft") == "request_begins_once"
    assert forged() == "request_move_takes_effect"


def test_the_database_refuses_a_state_without_its_move_and_a_move_rewritten() -> None:
    with pytest.raises(IntegrityError, match="recorded move only"), transaction.atomic():
        Experiment.objects.filter(key="e-1").update(state="done")
    key = made().key
    with pytest.raises(Error), transaction.atomic():
        RequestMove.objects.filter(experiment__key=key).update(reason="another")
    with pytest.raises(Error), transaction.atomic():
        RequestMove.objects.filter(experiment__key=key).delete()


def test_the_database_refuses_the_approval_of_whoever_submitted() -> None:
    key = made("dan").key
    with pytest.raises(IntegrityError, match="does not approve"), transaction.atomic():
        RequestMove.objects.create(
            experiment=Experiment.objects.get(key=key),
            from_state="submitted",
            to_state="approved",
            by=mover("dan").user,
            at=NOW,
            terms_hash="0" * 64,
        )


# --- granted once ----------------------------------------------------------------------------------------------------


# What an extension of a run that began on 23 November for two weeks in pool-1 asks.
GOES_ON = {"pool_keys": "pool-1", "earliest_start_date": "2026-12-07", "latest_start_date": "2026-12-07"}


def replacing(
    key: str, kind: str, form_key: str, *, now: datetime = NOW, submits: bool = True, **cells: str
) -> Experiment:
    request, _ = make_request(
        cells={**CELLS, **(GOES_ON if kind == "extension" else {}), **cells},
        form_key=form_key,
        mover=mover("ada"),
        now=now,
        submits=submits,
        replaces=Replaced(kind=kind, key=key),
    )
    return request


def test_two_changes_of_one_request_are_not_both_approved() -> None:
    first = made()
    moved("dan", first.key, "approved")
    one, two = replacing(first.key, "change", "form-2"), replacing(first.key, "change", "form-3")
    moved("dan", one.key, "approved")
    assert (state_of(first.key), state_of(one.key)) == ("withdrawn", "approved")
    assert "R-0001, which it changes, is withdrawn already." in str(refused("dan", two.key, "approved"))
    assert state_of(two.key) == "submitted"
    moved("dan", two.key, "denied")


def test_a_run_is_extended_once_and_not_after_it_has_ended() -> None:
    first = made()
    moved("dan", first.key, "approved")
    moved("dan", first.key, "running", place={"pool": "pool-1", "started_date": "2026-11-23"})
    one, two = replacing(first.key, "extension", "form-2"), replacing(first.key, "extension", "form-3")
    moved("dan", one.key, "approved")
    assert f"{one.key} extends R-0001 already." in str(refused("dan", two.key, "approved"))
    moved("dan", one.key, "withdrawn")
    moved("ada", first.key, "done")
    assert "which it extends, is done already." in str(refused("dan", two.key, "approved"))


def running() -> str:
    """A request that runs in pool-1 since 23 November, to 7 December."""
    key = made().key
    moved("dan", key, "approved")
    moved("dan", key, "running", place={"pool": "pool-1", "started_date": "2026-11-23"})
    return key


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"pool_keys": ""}, "pool_keys"),
        ({"earliest_start_date": "2026-11-30"}, "earliest_start_date"),
        ({"latest_start_date": "2026-12-14"}, "earliest_start_date"),
    ],
)
def test_an_extension_keeps_its_pool_and_start_whoever_sends_it(cells: dict[str, str], field: str) -> None:
    key = running()
    with pytest.raises(RequestRefused) as error:
        replacing(key, "extension", "form-2", **cells)
    assert [each.field for each in error.value.errors] == [field]
    assert "pool-1" in str(error.value) or "2026-12-07." in str(error.value)
    assert not Experiment.objects.filter(key="R-0002").exists()


def test_a_draft_of_an_extension_that_was_put_elsewhere_is_not_submitted() -> None:
    key = replacing(running(), "extension", "form-2", submits=False).key
    assert written("ada", key=key, latest_start_date="2027-01-25", pool_keys="") == []
    assert {each.field for each in refused("ada", key, "submitted").errors} == {"pool_keys", "earliest_start_date"}


def test_an_extension_of_a_run_past_its_end_starts_now_also_when_it_is_approved_later() -> None:
    """Asked on Wed 16 December, nine days after the end: this week or the next. Approved a week later: then."""
    key = running()
    late = {"earliest_start_date": "2026-12-14", "latest_start_date": "2026-12-21"}
    asked = replacing(key, "extension", "form-2", now=datetime(2026, 12, 16, 9, tzinfo=UTC), **late)
    move_request(
        key=asked.key, target="approved", reason="", mover=mover("dan"), now=datetime(2026, 12, 22, 9, tzinfo=UTC)
    )
    row = Experiment.objects.get(key=asked.key)
    assert (str(row.earliest_start_date), str(row.latest_start_date)) == ("2026-12-21", "2026-12-28")
    approved = RequestMove.objects.get(experiment=row, to_state="approved")
    assert approved.terms_hash == terms_hash(row), "what was approved is what it asks for now"


def test_an_extension_is_neither_submitted_nor_approved_once_its_run_was_stopped() -> None:
    key = running()
    sent = replacing(key, "extension", "form-2")
    draft = replacing(key, "extension", "form-3", submits=False)
    moved("dan", key, "withdrawn")
    for who, request, target in (("dan", sent, "approved"), ("ada", draft, "submitted")):
        assert f"{key}, which it extends, is withdrawn already" in str(refused(who, request.key, target))
        found = Experiment.objects.select_related("team", "replaces").get(key=request.key)
        may = possible_moves(found, viewer=mover(who).viewer, user=mover(who).user, submitter=None)
        assert may and target not in [each[0] for each in may]

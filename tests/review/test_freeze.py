"""Freezing a review: what is pinned, when it is refused, and that nothing of it changes afterwards."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from capacity.access.models import AuditEvent, User
from capacity.access.roles import Role
from capacity.allocation.models import CurrentRun, Run, RunPoolWeek
from capacity.imports.models import InputsVersion
from capacity.inventory.models import Supplier
from capacity.review.inputs import FORMULA_VERSION
from capacity.review.models import Review
from capacity.review.plan_source import result_hash_of_run
from capacity.review.seals import seal_faults
from capacity.review.snapshots import FreezeRefused, changes_document, freeze_refusal, freeze_review, open_weeks
from tests.factories import make_run, make_user

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
NEXT = datetime(2026, 12, 1, 18, tzinfo=UTC)
CHAIR = frozenset({Role.CHAIR})

pytestmark = pytest.mark.django_db


@pytest.fixture
def chair() -> User:
    return make_user("chair")


def current_run(week: str = "2026-W48", **fields: Any) -> Run:
    """A current run of the inputs as they stand."""
    run = make_run(
        week=week,
        inputs_version=InputsVersion.objects.get(id=1).version,
        **{"formula_version": FORMULA_VERSION, **fields},
    )
    run.result_hash = result_hash_of_run(run.pk)
    run.save(update_fields=["result_hash"])
    return run


def freeze(chair: User, week: str = "2026-W48", now: datetime = NOW) -> Review:
    return freeze_review(week=week, user=chair, viewer_roles=CHAIR, now=now)


def test_a_frozen_review_pins_the_current_run_with_its_inputs_version(chair: User) -> None:
    run = current_run()
    review = freeze(chair)
    assert (review.run, review.week, review.frozen_by, review.frozen_at) == (run, "2026-W48", chair, NOW)
    assert review.inputs_version == run.inputs_version
    assert review.previous is None
    assert review.changes == {"against": None, "is_first": True, "contracts": [], "lines": []}
    assert len(review.content_hash) == 64


def test_freezing_leaves_an_audit_row(chair: User) -> None:
    current_run()
    review = freeze(chair)
    event = AuditEvent.objects.get(action="review_frozen")
    assert (event.user, event.subject) == (chair, "2026-W48")
    assert event.detail["content_hash"] == review.content_hash


def test_only_the_chair_freezes() -> None:
    current_run()
    finance = make_user("finance")
    with pytest.raises(FreezeRefused) as refused:
        freeze_review(week="2026-W48", user=finance, viewer_roles={Role.FINANCE}, now=NOW)
    assert refused.value.code == "not_permitted"
    assert not Review.objects.exists()


def test_a_plan_older_than_its_inputs_is_not_frozen(chair: User) -> None:
    current_run()
    Supplier.objects.create(key="acme", name="Acme")
    with pytest.raises(FreezeRefused, match="The plan is older than its inputs: wait for the recompute") as refused:
        freeze(chair)
    assert refused.value.code == "stale"
    assert freeze_refusal(week="2026-W48") == "stale"
    assert not AuditEvent.objects.filter(action="review_frozen").exists()


def test_a_recompute_that_confirms_the_plan_makes_it_freezable_again(chair: User) -> None:
    current_run()
    Supplier.objects.create(key="acme", name="Acme")
    # What reuse_run does when the inputs turn out equal: the pointer moves on, the run stays.
    CurrentRun.objects.update(inputs_version=InputsVersion.objects.get(id=1).version)
    assert freeze(chair).inputs_version == InputsVersion.objects.get(id=1).version


@pytest.mark.parametrize(("week", "code"), [("2026-W47", "other_week"), ("2026-W49", "other_week")])
def test_only_the_week_of_the_current_plan_is_frozen(chair: User, week: str, code: str) -> None:
    current_run()
    with pytest.raises(FreezeRefused) as refused:
        freeze(chair, week)
    assert refused.value.code == code


def test_without_a_plan_nothing_is_frozen(chair: User) -> None:
    with pytest.raises(FreezeRefused) as refused:
        freeze(chair)
    assert refused.value.code == "no_plan"


def test_reviews_are_frozen_in_the_order_of_their_weeks(chair: User) -> None:
    current_run("2026-W49")
    freeze(chair, "2026-W49", NEXT)
    current_run("2026-W48")
    with pytest.raises(FreezeRefused) as refused:
        freeze(chair, "2026-W48", NEXT)
    assert refused.value.code == "out_of_order"


def test_freezing_twice_answers_with_the_first(chair: User) -> None:
    current_run()
    first = freeze(chair)
    second = freeze_review(
        week="2026-W48", user=make_user("chair", username="other_chair"), viewer_roles=CHAIR, now=NEXT
    )
    assert second == first
    assert second.frozen_by == chair
    assert AuditEvent.objects.filter(action="review_frozen").count() == 1


def test_a_frozen_week_is_not_frozen_again_with_a_newer_plan(chair: User) -> None:
    current_run()
    first = freeze(chair)
    current_run()
    again = freeze(chair, now=NEXT)
    assert (again.run_id, again.content_hash) == (first.run_id, first.content_hash)


def test_edits_and_recomputes_leave_the_frozen_review_as_it_was(chair: User) -> None:
    current_run()
    freeze(chair)
    before = Review.objects.values().get(week="2026-W48")
    Supplier.objects.create(key="acme", name="Acme")
    current_run(changes={"exposure": {"acme_pt": {"margin_usd": 1}}})
    current_run("2026-W49")
    assert Review.objects.values().get(week="2026-W48") == before
    assert list(seal_faults()) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE review_review SET week = '2026-W01'",
        "UPDATE review_review SET changes = '{}'",
        "DELETE FROM review_review",
        "UPDATE allocation_runpoolweek SET serving = 0",
        "DELETE FROM allocation_rundocument",
    ],
)
def test_the_database_refuses_to_change_what_is_frozen(chair: User, statement: str) -> None:
    current_run()
    freeze(chair)
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_the_next_review_is_chained_to_the_one_before(chair: User) -> None:
    current_run()
    first = freeze(chair)
    current_run("2026-W49")
    second = freeze(chair, "2026-W49", NEXT)
    assert second.previous == first
    assert second.changes["against"] == {"week": "2026-W48", "run": first.run_id}
    assert list(seal_faults()) == []


def test_the_comparison_made_when_the_run_was_published_is_the_one_that_is_frozen(chair: User) -> None:
    current_run()
    first = freeze(chair)
    run = current_run("2026-W49")
    stored = {"against": {"week": "2026-W48", "run": first.run_id}, "is_first": False, "lines": []}
    rewrite("UPDATE allocation_rundocument SET changes = %s WHERE run_id = %s", [_json(stored), run.pk])
    assert freeze(chair, "2026-W49", NEXT).changes == stored


def test_a_comparison_with_another_review_is_made_again(chair: User) -> None:
    current_run()
    first = freeze(chair)
    run = current_run("2026-W49")
    stored = {"against": {"week": "2026-W47", "run": 1}, "is_first": False, "lines": []}
    rewrite("UPDATE allocation_rundocument SET changes = %s WHERE run_id = %s", [_json(stored), run.pk])
    assert changes_document(run.pk, first)["against"] == {"week": "2026-W48", "run": first.run_id}


# --- the check of the chain ---------------------------------------------------------------------------------------

SEALED_TABLES = ("review_review", "review_runfigure", "allocation_runpoolweek", "allocation_rundocument")
FLIPS = [
    ("2026-W48", "UPDATE review_review SET content_hash = repeat('0', 64) WHERE week = '2026-W48'"),
    ("2026-W48", "UPDATE review_review SET carried = '{\"week\": \"2026-W47\"}' WHERE week = '2026-W48'"),
    ("2026-W49", "UPDATE review_review SET changes = '{}' WHERE week = '2026-W49'"),
    ("2026-W49", "UPDATE review_review SET previous_id = NULL WHERE week = '2026-W49'"),
    ("2026-W48", "UPDATE review_review SET frozen_at = frozen_at + interval '1 microsecond' WHERE week = '2026-W48'"),
    ("2026-W48", "UPDATE allocation_run SET policy_version = 2 WHERE first_week = '2026-W48'"),
    (
        "2026-W48",
        "UPDATE allocation_runpoolweek SET idle = idle + 1 WHERE id = (SELECT min(id) FROM allocation_runpoolweek)",
    ),
    ("2026-W48", "DELETE FROM review_runfigure WHERE id = (SELECT min(id) FROM review_runfigure)"),
    (
        "2026-W49",
        "UPDATE allocation_rundocument SET inputs = jsonb_set(inputs, '{as_of}', '\"2026-11-29\"') "
        "WHERE id = (SELECT max(id) FROM allocation_rundocument)",
    ),
]


def rewrite(statement: str, parameters: list[Any] | None = None) -> None:
    """What somebody with the rights of the tables' owner can do: write with the triggers switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in SEALED_TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)
        for table in SEALED_TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _json(value: Any) -> str:
    return json.dumps(value)


@pytest.mark.parametrize(("week", "statement"), FLIPS)
def test_a_change_written_past_the_triggers_is_found_and_its_review_named(
    chair: User, week: str, statement: str
) -> None:
    current_run()
    freeze(chair)
    current_run("2026-W49")
    freeze(chair, "2026-W49", NEXT)
    assert list(seal_faults()) == []
    rewrite(statement)
    faults = list(seal_faults())
    assert faults[0].week == week
    with pytest.raises(CommandError, match=f"{week} is the first review"):
        call_command("verify_reviews", stdout=StringIO(), stderr=StringIO())


def test_the_command_counts_what_it_has_checked(chair: User) -> None:
    current_run()
    freeze(chair)
    out = StringIO()
    call_command("verify_reviews", stdout=out)
    assert "1 frozen reviews match" in out.getvalue()


def test_a_published_hash_that_no_longer_fits_its_rows_is_a_fault(chair: User) -> None:
    run = current_run()
    freeze(chair)
    assert list(seal_faults(row_hash=lambda _: run.result_hash)) == []
    assert [fault.week for fault in seal_faults(row_hash=lambda _: "other")] == ["2026-W48"]


def test_decisions_are_taken_on_the_live_and_on_the_last_frozen_review(chair: User) -> None:
    assert open_weeks() == []
    current_run()
    assert open_weeks() == ["2026-W48"]
    freeze(chair)
    current_run("2026-W49")
    assert open_weeks() == ["2026-W48", "2026-W49"]
    freeze(chair, "2026-W49", NEXT)
    assert open_weeks() == ["2026-W49"]


def test_a_result_row_of_another_run_does_not_touch_the_seal(chair: User) -> None:
    current_run()
    freeze(chair)
    other = make_run("done", week="2026-W50", is_current=False)
    assert RunPoolWeek.objects.filter(run=other).exists()
    assert list(seal_faults()) == []

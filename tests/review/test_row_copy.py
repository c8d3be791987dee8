"""Rows written by COPY are the rows that any insert would have written."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from capacity.allocation.models import RunIssue, RunLotEvent, RunUnplaced
from capacity.review.row_copy import copy_rows, copy_text
from contracts.models import RunExposure
from tests.factories import make_run

pytestmark = pytest.mark.django_db

REQUEST: dict[str, Any] = {
    "experiment_key": "e1",
    "name": "two\nlines",
    "team_key": "t",
    "team_name": r"back\slash \N \. and	a tab",
    "priority": "P1",
    "accelerators": -8,
    "weeks": 3,
    "reason": "",
    "sentence": "“quotes” 'and' \"these\", 100 % ünïcödé 数, $1; \r end",
    "needed": None,
    "free": 0,
    "blockers": [{"key": 'a"b\\c', "accelerators": 3, "of": None, "is": True, "line": "x\ny\tz"}],
}


def test_awkward_texts_lists_and_gaps_come_back_as_they_were() -> None:
    run = make_run("failed")
    copy_rows(RunUnplaced, [REQUEST, REQUEST | {"experiment_key": "e2", "blockers": []}], run_id=run.pk)
    first, second = RunUnplaced.objects.filter(run=run).order_by("pk").values()
    assert {name: first[name] for name in REQUEST} == REQUEST
    # What a row does not name is the field's default: no text, no number, an empty list.
    assert (first["week"], first["short_by"], first["smallest_changes"]) == ("", None, [])
    assert (second["experiment_key"], second["blockers"]) == ("e2", [])


def test_a_copied_row_is_the_row_that_a_save_writes() -> None:
    one, other = make_run("failed"), make_run("failed")
    row = {"pool_key": "p", "lot_key": "l", "week": "2026-W48", "accelerators": 64, "state": "accepted"}
    row["counted_date"] = date(2026, 11, 23)
    copy_rows(RunLotEvent, [row], run_id=one.pk)
    RunLotEvent.objects.create(run=other, **row)
    copied, saved = (RunLotEvent.objects.filter(run=each).values().get() for each in (one, other))
    assert {**copied, "id": 0, "run_id": 0} == {**saved, "id": 0, "run_id": 0}


def test_ten_thousand_rows_keep_their_order() -> None:
    run = make_run("failed")
    rows = [{"code": "c", "subject": str(number), "sentence": "s" * 300} for number in range(10_000)]
    copy_rows(RunIssue, rows, run_id=run.pk)
    found = RunIssue.objects.filter(run=run).order_by("pk").values_list("subject", flat=True)
    assert list(found) == [row["subject"] for row in rows]


def test_no_rows_are_no_rows() -> None:
    copy_rows(RunIssue, [], run_id=make_run("failed").pk)
    assert not RunIssue.objects.exists()


def test_a_row_that_a_constraint_refuses_is_djangos_error_and_leaves_nothing() -> None:
    run = make_run("failed")
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows(RunUnplaced, [REQUEST, REQUEST], run_id=run.pk)
    assert not RunUnplaced.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        copy_rows(RunExposure, [{"contract_key": None}], run_id=run.pk)


def test_values_have_one_form_each() -> None:
    assert [copy_text(value) for value in (None, True, False, 7, Decimal("1E+3"), Decimal("0.10"))] == [
        *(r"\N", "t", "f", "7", "1000", "0.10")
    ]
    assert copy_text(date(2026, 11, 22)) == "2026-11-22"
    with pytest.raises(TypeError, match="float has no form"):
        copy_text(0.5)

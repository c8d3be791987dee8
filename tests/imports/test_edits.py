"""Rows written by hand or program: versions, history, undo, who may, and who else has to approve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.sight_rules import rule_of
from capacity.access.sight_table import TABLE
from capacity.access.visibility import Viewer
from capacity.imports import batches
from capacity.imports import tables as registry
from capacity.imports.edits import (
    Actor,
    StaleRow,
    UndoRefused,
    apply_rows,
    cells_of,
    find_row,
    history,
    remove_row,
    undo_batch,
)
from capacity.imports.models import ImportBatch, ImportChange, InputsVersion
from capacity.imports.rules import table_refusal
from capacity.imports.tables import Table, tables
from capacity.inventory.models import Lot, Supplier
from contracts.models import PriceLine
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

OPERATOR = Actor(user=None, source="form", note="Vendor's letter")
CHAIR = Viewer(username="ann", roles=frozenset({Role.CHAIR}))
SALES = Viewer(username="sam", roles=frozenset({Role.SALES}))


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    assert import_texts(GOOD).applied


def actor(viewer: Viewer, **more: Any) -> Actor:
    user, _ = User.objects.get_or_create(username=viewer.username)
    return Actor(user=user, viewer=viewer, source="form", **more)


@pytest.fixture
def described(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a table rules of its own for one test: kept by the chair, every column seen by the roles given."""

    def describe(name: str, *, sight: dict[str, Any] | None = None, **rules: Any) -> Table:
        table = replace(tables()[name], change="supply_data.change", resource=f"input_{name}_tried", **rules)
        monkeypatch.setitem(registry._TABLES, name, table)
        lines = {column.name: rule_of(Role.CHAIR) for column in table.columns} | (sight or {})
        monkeypatch.setitem(TABLE, table.resource, lines)
        return table

    yield describe


def test_a_changed_cell_is_one_change_with_its_version_and_reason() -> None:
    outcome = apply_rows(table=tables()["lots"], rows=[{"key": "lot-1", "accelerators": "72"}], actor=OPERATOR)

    (change,) = outcome.changes
    assert outcome.applied, outcome.issues
    assert (change.kind, change.columns, change.row_version) == ("changed", ("accelerators",), 2)
    assert change.before is not None and change.before["accelerators"] == "64"
    assert Lot.objects.get(key="lot-1").accelerators == 72
    (entry, first) = history(table=tables()["lots"], key=("lot-1",))
    assert (entry.by, entry.note, entry.columns) == (
        "the command line",
        "Vendor's letter",
        {"accelerators": ("64", "72")},
    )
    assert (entry.row_version, first.kind, first.source) == (2, "added", "test")


def test_writing_a_row_as_it_is_keeps_no_batch() -> None:
    before = (ImportBatch.objects.count(), InputsVersion.objects.get().version)

    outcome = apply_rows(table=tables()["lots"], rows=[{"key": "lot-1", "accelerators": "64"}], actor=OPERATOR)

    assert (outcome.applied, outcome.batch_id, outcome.changes[0].kind) == (True, None, "unchanged")
    assert (ImportBatch.objects.count(), InputsVersion.objects.get().version) == before


def test_cells_read_back_are_unchanged_for_every_table() -> None:
    for table in tables().values():
        rows = [cells_of(row, table) for row in table.model._default_manager.all()]
        outcome = apply_rows(table=table, rows=rows, actor=OPERATOR)
        assert {change.kind for change in outcome.changes} <= {"unchanged"}, (table.name, outcome.issues)


def test_of_two_rows_one_wrong_neither_is_written() -> None:
    rows = [{"key": "lot-1", "accelerators": "72"}, {"key": "lot-2", "accelerators": "-1"}]

    outcome = apply_rows(table=tables()["lots"], rows=rows, actor=OPERATOR)

    assert not outcome.applied
    assert [(issue.row, issue.column) for issue in outcome.errors] == [(2, "accelerators")]
    assert Lot.objects.get(key="lot-1").accelerators == 64


def test_a_dry_run_shows_the_change_and_writes_nothing() -> None:
    outcome = apply_rows(
        table=tables()["lots"], rows=[{"key": "lot-1", "accelerators": "72"}], actor=OPERATOR, dry_run=True
    )

    assert (outcome.applied, outcome.changes[0].kind, outcome.changes[0].columns) == (
        False,
        "changed",
        ("accelerators",),
    )
    assert (Lot.objects.get(key="lot-1").accelerators, ImportBatch.objects.count()) == (64, 1)


def test_the_second_of_two_editors_is_told_what_the_first_one_wrote() -> None:
    lots = tables()["lots"]
    apply_rows(table=lots, rows=[{"key": "lot-1", "accelerators": "72"}], actor=OPERATOR, expected={0: 1})

    with pytest.raises(StaleRow) as caught:
        apply_rows(table=lots, rows=[{"key": "lot-1", "accelerators": "80"}], actor=OPERATOR, expected={0: 1})

    stale = caught.value
    assert (stale.position, stale.key, stale.columns, stale.row_version) == (0, ("lot-1",), ("accelerators",), 2)
    assert stale.theirs is not None and stale.theirs["accelerators"] == "72"
    assert (stale.by, stale.at is not None) == ("the command line", True)
    assert Lot.objects.get(key="lot-1").accelerators == 72


def test_a_row_expected_to_be_new_does_not_overwrite_one_that_is_there() -> None:
    teams = tables()["teams"]

    added = apply_rows(
        table=teams, rows=[{"key": "team-9", "name": "Nine", "weight": "1"}], actor=OPERATOR, expected={0: 0}
    )
    taken = apply_rows(table=teams, rows=[{"key": "team-1", "name": "Nine"}], actor=OPERATOR, expected={0: 0})

    assert added.applied
    assert [issue.code for issue in taken.errors] == ["already_there"]


def test_a_new_row_without_a_needed_value_says_which() -> None:
    outcome = apply_rows(table=tables()["teams"], rows=[{"key": "team-9", "name": "Nine"}], actor=OPERATOR)

    assert [(issue.row, issue.column, issue.code) for issue in outcome.errors] == [(1, "weight", "missing_column")]


def test_a_row_in_use_is_not_removed_and_its_users_are_named() -> None:
    pointed_at = remove_row(table=tables()["network_domains"], key=("pool-1", "dom-a"), actor=OPERATOR)
    named_in_lists = remove_row(table=tables()["accelerator_types"], key=("h100",), actor=OPERATOR)

    assert "2 lots (lot-1, lot-2)" in pointed_at.errors[0].message
    assert [issue.code for issue in named_in_lists.errors] == ["in_use"]
    assert ImportBatch.objects.count() == 1


def test_a_removed_row_comes_back_by_an_undo() -> None:
    lots = tables()["lots"]
    before = cells_of(Lot.objects.get(key="lot-2"), lots)

    removed = remove_row(table=lots, key=("lot-2",), actor=OPERATOR, expected_version=1)
    assert removed.applied and removed.batch_id and not Lot.objects.filter(key="lot-2").exists()

    undo_batch(batch_id=removed.batch_id, actor=OPERATOR)
    assert cells_of(Lot.objects.get(key="lot-2"), lots) == before
    assert [entry.kind for entry in history(table=lots, key=("lot-2",))] == ["added", "removed", "added"]


def test_undoing_the_first_import_leaves_every_table_empty() -> None:
    first = ImportBatch.objects.get()

    outcome = undo_batch(batch_id=first.pk, actor=OPERATOR)

    assert outcome.applied
    assert {
        name: t.model._default_manager.count() for name, t in tables().items() if t.model._default_manager.exists()
    } == {}
    with pytest.raises(UndoRefused, match="was undone"):
        undo_batch(batch_id=first.pk, actor=OPERATOR)


def test_an_undo_waits_for_nobody_who_wrote_since() -> None:
    lots = tables()["lots"]
    earlier = apply_rows(table=lots, rows=[{"key": "lot-1", "accelerators": "72"}], actor=OPERATOR)
    apply_rows(table=lots, rows=[{"key": "lot-1", "accelerators": "80"}], actor=OPERATOR)

    with pytest.raises(UndoRefused) as caught:
        undo_batch(batch_id=earlier.batch_id or 0, actor=OPERATOR)

    assert caught.value.reasons == ("lots lot-1 was changed since.",)
    assert Lot.objects.get(key="lot-1").accelerators == 80


def test_an_undo_keeps_rows_that_others_use_now() -> None:
    added = apply_rows(table=tables()["suppliers"], rows=[{"key": "new-one", "name": "New One"}], actor=OPERATOR)
    apply_rows(table=tables()["lots"], rows=[{"key": "lot-1", "supplier": "new-one"}], actor=OPERATOR)

    with pytest.raises(UndoRefused) as caught:
        undo_batch(batch_id=added.batch_id or 0, actor=OPERATOR)

    assert "lots (lot-1)" in caught.value.reasons[0]
    assert Supplier.objects.filter(key="new-one").exists()


def test_an_undo_gives_a_price_its_time_back_after_its_successor_is_gone() -> None:
    prices = tables()["price_lines"]
    line = PriceLine.objects.order_by("id").first()
    assert line is not None
    cells = cells_of(line, prices)
    ending = {**cells, "ends_date": "2027-01-01"}
    next_one = {**cells, "starts_date": "2027-01-01", "price": "9"}
    changed = apply_rows(table=prices, rows=[ending, next_one], actor=OPERATOR)
    assert changed.applied, changed.issues

    undo_batch(batch_id=changed.batch_id or 0, actor=OPERATOR)

    line.refresh_from_db()
    assert cells_of(line, prices)["ends_date"] == cells["ends_date"]
    assert not PriceLine.objects.filter(price=9).exists()


def test_a_table_is_written_by_its_keepers_only(described: Any) -> None:
    table = described("suppliers")

    outcome = apply_rows(table=table, rows=[{"key": "s", "name": "S"}], actor=actor(SALES))

    assert [issue.code for issue in outcome.errors] == ["not_allowed"]
    assert apply_rows(table=table, rows=[{"key": "s", "name": "S"}], actor=actor(CHAIR)).applied
    assert [entry.by for entry in history(table=table, key=("s",))] == ["ann"]


def test_a_table_nobody_is_named_for_is_closed() -> None:
    refused = table_refusal(replace(tables()["suppliers"], change=""), CHAIR)

    assert "kept at the command line" in refused


def test_a_column_hidden_from_its_writer_is_refused_even_when_it_does_not_differ(described: Any) -> None:
    table = described("lots", sight={"supplier": rule_of(Role.FINANCE)})
    same = cells_of(Lot.objects.get(key="lot-1"), table)

    outcome = apply_rows(table=table, rows=[same], actor=actor(CHAIR))

    assert [(issue.column, issue.code) for issue in outcome.errors] == [("supplier", "not_allowed")]


def test_cells_the_editor_does_not_see_are_left_out_of_what_he_gets_back(described: Any) -> None:
    table = described("lots", sight={"supplier": rule_of(Role.FINANCE)})

    outcome = apply_rows(table=table, rows=[{"key": "lot-1", "accelerators": "72"}], actor=actor(CHAIR))

    (change,) = outcome.changes
    assert outcome.applied
    assert change.after is not None and "supplier" not in change.after and change.after["accelerators"] == "72"
    kept = ImportChange.objects.order_by("-id").first()
    assert kept is not None and kept.after is not None and "supplier" in kept.after
    with pytest.raises(StaleRow) as caught:
        apply_rows(table=table, rows=[{"key": "lot-1", "accelerators": "8"}], actor=actor(CHAIR), expected={0: 1})
    assert caught.value.theirs is not None and "supplier" not in caught.value.theirs


def test_the_tables_own_rule_sees_the_row_before_and_after(described: Any) -> None:
    def only_more(viewer: Viewer, before: Any, after: Any) -> str:
        if after is None or (before and after["accelerators"] < before["accelerators"]):
            return "Lots only grow."
        return ""

    table = described("lots", may_write=only_more)

    less = apply_rows(table=table, rows=[{"key": "lot-1", "accelerators": "8"}], actor=actor(CHAIR))
    gone = remove_row(table=table, key=("lot-2",), actor=actor(CHAIR))
    more = apply_rows(table=table, rows=[{"key": "lot-1", "accelerators": "80"}], actor=actor(CHAIR))

    assert [issue.message for issue in (*less.errors, *gone.errors)] == ["Lots only grow.", "Lots only grow."]
    assert more.applied


def test_what_a_second_person_must_approve_is_proposed_and_not_written(
    described: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = described("lots", needs_checker=lambda before, after: "Lots above 70 need a second person.")
    rows = [{"key": "lot-1", "accelerators": "72"}]
    monkeypatch.setattr(batches, "_proposers", [])
    nowhere = apply_rows(table=table, rows=rows, actor=actor(CHAIR))
    asked: list[dict[str, Any]] = []
    batches.register_proposer(lambda **said: asked.append(said) or 7)  # type: ignore[func-returns-value]

    proposed = apply_rows(table=table, rows=rows, actor=actor(CHAIR))

    assert [issue.code for issue in nowhere.errors] == ["needs_checker"]
    assert (proposed.applied, proposed.proposal_id, proposed.batch_id) == (False, 7, None)
    assert asked[0]["rows"] == {"lots": rows} and asked[0]["reason"] == "Lots above 70 need a second person."
    assert Lot.objects.get(key="lot-1").accelerators == 64

    checker = User.objects.create(username="bob")
    approved = apply_rows(table=table, rows=rows, actor=actor(CHAIR, checker=checker))
    assert approved.applied and history(table=table, key=("lot-1",))[0].by == "ann, approved by bob"
    own = apply_rows(
        table=table,
        rows=[{"key": "lot-1", "accelerators": "73"}],
        actor=replace(actor(CHAIR), checker=User.objects.get(username="ann")),
    )
    assert own.proposal_id == 7


def test_a_key_that_cannot_be_one_finds_no_row() -> None:
    assert find_row(table=tables()["contracts"], key=("c", "one")) is None
    assert find_row(table=tables()["contracts"], key=("c",)) is None

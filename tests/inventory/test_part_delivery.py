"""Delivered less than ordered: the part counts, the rest stays open with a new date, and nothing is lost."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db.models import Sum
from django.utils import timezone

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.edits import Actor, StaleRow, history, undo_batch
from capacity.imports.tables import tables
from capacity.inventory.models import Lot
from capacity.inventory.services import DeliveryRefused, deliver_part
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

OPERATOR = Actor(user=None, source="command line", note="20 of 32 came")


@pytest.fixture(autouse=True)
def world() -> None:
    assert import_texts(GOOD).applied
    Lot.objects.filter(key="lot-2").update(purchase_order="PO-7", serial_ref="SN-1", racks=4)


def today() -> date:
    return timezone.now().date()


def deliver(accelerators: int = 20, **fields: object) -> object:
    asked = {
        "lot_key": "lot-2",
        "accepted_date": today(),
        "rest_p50_date": today() + timedelta(weeks=8),
        "actor": OPERATOR,
    }
    return deliver_part(accelerators=accelerators, **(asked | fields))  # type: ignore[arg-type]


def test_the_part_is_accepted_and_the_rest_stays_open_with_a_new_date() -> None:
    before = Lot.objects.aggregate(all=Sum("accelerators"))["all"]
    deliver()

    part, rest = Lot.objects.get(key="lot-2"), Lot.objects.get(key="lot-2-rest")
    assert (part.accelerators, part.state, part.accepted_date) == (20, "accepted", today())
    assert (rest.accelerators, rest.state, rest.accepted_date) == (12, "confirmed", None)
    assert rest.p50_date == today() + timedelta(weeks=8)
    assert (rest.domain_id, rest.supplier_id, rest.cost_rate_key) == (
        part.domain_id,
        part.supplier_id,
        part.cost_rate_key,
    )
    assert Lot.objects.aggregate(all=Sum("accelerators"))["all"] == before


def test_papers_that_are_counted_stay_with_the_part_that_came() -> None:
    deliver()
    part, rest = Lot.objects.get(key="lot-2"), Lot.objects.get(key="lot-2-rest")
    assert (part.purchase_order, part.serial_ref, part.racks) == ("PO-7", "SN-1", 4)
    assert (rest.purchase_order, rest.serial_ref, rest.racks) == ("PO-7", "", None)


def test_both_have_their_history_in_one_batch_that_can_be_undone() -> None:
    outcome = deliver()
    part = history(table=tables()["lots"], key=("lot-2",))
    rest = history(table=tables()["lots"], key=("lot-2-rest",))
    newest = max(part, key=lambda entry: entry.at)
    assert newest.columns["accelerators"] == ("32", "20")
    assert [entry.kind for entry in rest] == ["added"]
    assert (newest.note, newest.batch_id) == ("20 of 32 came", rest[0].batch_id)

    assert undo_batch(batch_id=outcome.batch_id, actor=OPERATOR).applied  # type: ignore[attr-defined]
    assert not Lot.objects.filter(key="lot-2-rest").exists()
    assert Lot.objects.get(key="lot-2").accelerators == 32


def test_a_rest_may_come_in_parts_too() -> None:
    deliver()
    deliver(5, lot_key="lot-2-rest")
    assert list(Lot.objects.filter(key__startswith="lot-2").order_by("key").values_list("key", "accelerators")) == [
        ("lot-2", 20), ("lot-2-rest", 5), ("lot-2-rest-rest", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"accelerators": 32}, "1 to 31"),
        ({"accelerators": 0}, "1 to 31"),
        ({"lot_key": "lot-1"}, "is accepted"),
        ({"accepted_date": date(2200, 1, 1)}, "in the future"),
        ({"rest_p50_date": date(2026, 1, 1)}, "before the part"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(fields: dict[str, object], says: str) -> None:
    with pytest.raises(DeliveryRefused, match=says):
        deliver(**fields)  # type: ignore[arg-type]
    assert Lot.objects.get(key="lot-2").accelerators == 32


def test_the_second_of_two_who_deliver_is_told() -> None:
    with pytest.raises(StaleRow):
        deliver(expected_version=99)


def test_who_may_not_keep_lots_may_not_deliver() -> None:
    user = User.objects.create_user("fin", password="a long password")
    actor = Actor(user=user, viewer=Viewer("fin", frozenset({Role.FINANCE})), source="form")
    outcome = deliver(actor=actor)
    assert [issue.code for issue in outcome.errors] == ["not_allowed"]  # type: ignore[attr-defined]
    assert Lot.objects.count() == 2

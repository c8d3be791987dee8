"""The workflow by the API: the same moves and holds as the pages, once per key, and refusals that programs can read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from capacity.access.models import TokenScope
from capacity.access.tokens import create_token
from contracts.models import Contract, ContractTransition, Hold
from tests.contracts.pipeline import add_deals, make_world
from tests.factories import make_run, make_user
from tests.imports.api.conftest import Api

pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(days=10)).date().isoformat()
MOVE = {"contract": "deal-1", "version": 1, "to": "submitted", "reason": "They asked."}
HOLD = {"contract": "deal-1", "version": 1, "probability": "0.4", "expires_date": SOON}


def post(api: Api, path: str, body: Any, key: str = "") -> Any:
    return api.ask("POST", path, body, **({"Idempotency_Key": key} if key else {}))


def test_a_move_is_made_once_per_key_and_listed() -> None:
    make_world()
    api = Api(make_user("finance"))
    first = post(api, "contract-moves/", MOVE, "one")
    again = post(api, "contract-moves/", MOVE, "one")
    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert ContractTransition.objects.count() == 1
    listed = api.rows("contract-moves/deal-1/")
    assert [(row["from_state"], row["to_state"], row["by"], row["reason"]) for row in listed] == [
        ("what_if", "submitted", "finance", "They asked.")
    ]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"to": "signed"}, 403, "not_allowed"),
        ({"to": "withdrawn", "reason": ""}, 422, "reason_missing"),
        ({"row_version": 99}, 409, "moved_on"),
        ({"contract": "nobody"}, 404, "no_contract"),
        ({"version": 9}, 404, "no_contract"),
        ({"version": "x"}, 400, "bad_value"),
        ({"colour": "red"}, 400, "unknown_field"),
    ],
)
def test_a_refused_move_says_why_and_changes_nothing(change: dict[str, Any], status: int, code: str) -> None:
    make_world()
    answer = post(Api(make_user("finance")), "contract-moves/", MOVE | change)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert Contract.objects.get(key="deal-1").state == "what_if"


def test_a_hold_is_granted_once_and_released() -> None:
    make_world()
    api = Api(make_user("finance"))
    granted = [post(api, "contract-holds/", HOLD, "two") for _ in range(2)]
    assert [answer.status_code for answer in granted] == [201, 201]
    assert granted[0].json() == granted[1].json()
    assert Hold.objects.count() == 1
    assert [row["state"] for row in api.rows("holds/")] == ["granted"]
    assert post(api, "contract-holds/release/", {"contract": "deal-1"}).json()["state"] == "released"
    assert post(api, "contract-holds/release/", {"contract": "deal-1"}).status_code == 409


def test_without_room_the_answer_lists_every_week() -> None:
    make_world()
    add_deals([f"old-{place}" for place in range(7)], state="active")
    answer = post(Api(make_user("finance")), "contract-holds/", HOLD | {"probability": "1"})
    body = answer.json()
    assert (answer.status_code, body["errors"][0]["code"]) == (409, "no_room")
    assert {(each["pool"], each["accelerators"]) for each in body["short"]} == {("pool-1", 16)}
    assert len(body["short"]) == 26


def test_a_hold_is_no_row_that_is_simply_added() -> None:
    make_world()
    row = {"key": "h", "contract": "deal-1", "version": 1, "probability": "1", "granted_date": "2026-11-23",
           "expires_date": "2026-12-23", "state": "granted"}  # fmt: skip
    answer = post(Api(make_user("finance")), "holds/", row)
    assert (answer.status_code, Hold.objects.count()) == (403, 0)


def test_a_contract_is_not_moved_by_writing_its_state() -> None:
    make_world()
    api = Api(make_user("finance"))
    version = Contract.objects.get(key="deal-1").row_version
    answer = api.ask("PATCH", "contracts/deal-1~1/", {"state": "submitted"}, If_Match=f'"{version}"')
    assert answer.status_code == 403
    assert "each move is kept" in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(("role", "read", "write"), [("sales", 404, 404), ("chair", 200, 403), ("research", 404, 403),
                                                     ("product", 404, 403), ("exec", 200, 403)])  # fmt: skip
def test_others_deals_are_as_the_pages_have_them(role: str, read: int, write: int) -> None:
    make_world()
    api = Api(make_user(role))
    assert api.get("contract-moves/deal-1/").status_code == read
    for path, body in (
        ("contract-moves/", MOVE),
        ("contract-holds/", HOLD),
        ("contract-holds/release/", {"contract": "deal-1"}),
    ):
        assert post(api, path, body).status_code == write, path


def test_a_token_that_only_reads_moves_nothing() -> None:
    make_world()
    user = make_user("finance")
    _, secret = create_token(owner=user, name="reader", scopes=[TokenScope.READ], days=30, now=timezone.now())
    assert post(Api(user, token=secret), "contract-moves/", MOVE).status_code == 403


def test_deals_of_a_run_are_listed_as_far_as_each_may_know() -> None:
    make_run()
    finance = {row["contract_key"]: row for row in Api(make_user("finance")).rows("deals/")}
    assert finance["delta_more"]["weighted_revenue_usd"].startswith("4663983.51")
    research = Api(make_user("research")).rows("deals/")
    assert {row["customer_alias"] for row in research} == {"C-1", "C-2", "C-3", "C-4"}
    assert {row["contract_key"] for row in research} == {row["revenue_usd"] for row in research} == {None}

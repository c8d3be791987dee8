"""Writes that need a second person, by the API: proposed with 202, approved by somebody else, returned, withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capacity.imports.models import ImportBatch
from contracts.models import PriceLine
from tests.factories import make_user
from tests.imports.api.conftest import Api, codes

pytestmark = [pytest.mark.django_db, pytest.mark.security]
Open = Callable[..., Api]


def propose(finance: Api, price: str = "16") -> dict[str, Any]:
    """A changed price of the sample contract, waiting for a second person."""
    row = finance.rows("price-lines/")[0]
    path = row["url"].removeprefix("/api/v1/")
    etag = finance.get(path)["ETag"]
    answer = finance.patch(path, {"price": price}, If_Match=etag)
    assert answer.status_code == 202, answer.content
    assert answer["Location"] == answer.json()["url"]
    return finance.client.get(answer.json()["url"]).json()


def test_a_changed_price_waits_for_a_second_person(api: Open) -> None:
    finance = api("finance")
    waiting = propose(finance)
    assert (waiting["state"], waiting["changes"][0]["columns"]["price"]) == ("waiting", {"before": "15", "after": "16"})
    assert PriceLine.objects.get().price == 15
    own = finance.post(f"proposals/{waiting['id']}/approve/", {})
    assert (own.status_code, codes(own)[0][2]) == (409, "not_decided")
    second = Api(make_user("finance", username="second"))
    assert [row["id"] for row in second.rows("proposals/?for_me=true")] == [waiting["id"]]
    approved = second.post(f"proposals/{waiting['id']}/approve/", {"note": "as agreed"})
    assert (approved.status_code, approved.json()["state"]) == (200, "approved"), approved.content
    assert PriceLine.objects.get().price == 16
    batch = ImportBatch.objects.get(pk=approved.json()["batch"])
    assert (str(batch.imported_by), str(batch.checked_by)) == ("finance", "second")
    assert second.post(f"proposals/{waiting['id']}/approve/", {}).status_code == 409


def test_a_proposal_goes_back_only_with_a_reason_and_is_withdrawn_by_its_own_maker(api: Open) -> None:
    finance, second = api("finance"), Api(make_user("finance", username="second"))
    first = propose(finance)
    assert second.post(f"proposals/{first['id']}/return/", {}).status_code == 409
    assert second.post(f"proposals/{first['id']}/return/", {"note": 7}).status_code == 400
    returned = second.post(f"proposals/{first['id']}/return/", {"note": "too low"}).json()
    assert (returned["state"], returned["decision_note"]) == ("returned", "too low")
    other = propose(finance, "17")
    assert second.post(f"proposals/{other['id']}/withdraw/", {}).status_code == 409
    assert finance.post(f"proposals/{other['id']}/withdraw/", {}).json()["state"] == "withdrawn"
    assert PriceLine.objects.get().price == 15


@pytest.mark.parametrize("role", ["chair", "research", "product", "exec", "sales"])
def test_a_proposed_price_is_not_there_for_whoever_may_not_see_it(api: Open, role: str) -> None:
    waiting = propose(api("finance"))
    person = api(role)
    assert person.rows("proposals/") == []
    for path in ("", "approve/", "return/", "withdraw/"):
        answer = person.ask("POST" if path else "GET", f"proposals/{waiting['id']}/{path}", {} if path else None)
        assert answer.status_code == 404, path
    assert person.get("proposals/?state=nothing").status_code == 400


def test_the_list_is_for_the_meeting_and_no_other(api: Open) -> None:
    assert api("auditor").get("proposals/").status_code == 403
    assert api("admin").get("proposals/").status_code == 403

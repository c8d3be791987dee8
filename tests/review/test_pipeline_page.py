"""The pipeline and a deal's page: who reads what, what the buttons do, files, empty states, and few queries."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pgtrigger
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from capacity.access.models import AuditEvent, User
from contracts.models import Contract, ContractTransition, Hold, RunDeal
from tests.contracts.pipeline import add_deals, make_world
from tests.factories import make_run, make_user
from tests.review.pages_under_test import table_cells

pytestmark = pytest.mark.django_db

SOON = (timezone.now() + timedelta(days=10)).date().isoformat()


def text(html: str) -> str:
    return re.sub(r"\s+", " ", html)


def page(client: Client, role: str, address: str = "/pipeline/") -> str:
    client.force_login(make_user(role))
    answer = client.get(address)
    assert answer.status_code == 200
    return text(answer.content.decode())


def test_finance_read_every_deal_with_its_money_by_state(client: Client) -> None:
    make_run()
    html = page(client, "finance")
    assert "4 deals on the way, 2 of them with a hold: 208 accelerators." in html
    assert "1 hold short in this plan, most Delta rollout by 8." in html
    states = table_cells(html, "By state")
    assert [row[:3] for row in states] == [
        ["Draft", "1", "—"],
        ["What-if", "1", "80"],
        ["Submitted", "1", "160"],
        ["Approved", "1", "240"],
    ]
    assert states[1][3:] == ["20", "24", "$3.22M", "$804k"]
    first = table_cells(html, "Deals")[0]
    assert first[:6] == ["Delta rollout", "Approved", "75.0%", "14 Dec", "240", "180"]
    assert "unsized" in html
    assert "needs alone; revenue over the plan&#x27;s horizon" in html
    # On a phone each row is a card: every number says what it is, sums too.
    assert re.search(r'<tfoot>.*<td class="n"[^>]* data-label="Needs, alone">480', html)
    assert '<td class="n" data-label="Deals">1</td>' in html


def test_the_list_is_sorted_and_filtered_by_its_address(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    by_need = table_cells(client.get("/pipeline/?sort=accelerators").content.decode(), "Deals")
    assert [row[0] for row in by_need] == ["Acme expansion", "Borealis upgrade", "Delta rollout", "Cygnus trial"]
    drafts = table_cells(client.get("/pipeline/?state=draft").content.decode(), "Deals")
    assert [row[0] for row in drafts] == ["Cygnus trial"]


def test_the_file_says_what_the_page_says(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    answer = client.get("/pipeline/?format=csv&state=what_if")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert any("Acme expansion" in row for row in rows)
    assert not any("Delta rollout" in row for row in rows)
    assert AuditEvent.objects.filter(action="exported", subject__startswith="pipeline of run").exists()


def test_sales_read_their_own_deals_and_of_others_only_what_is_held(client: Client) -> None:
    make_run()
    html = page(client, "sales")
    assert "Acme expansion" in html
    assert "184 accelerators are held for other accounts." in html
    assert "Delta" not in html
    assert "75.0%" not in html


@pytest.mark.parametrize("role", ["research", "product"])
def test_research_and_product_read_aliases_and_no_money(client: Client, role: str) -> None:
    make_run()
    html = page(client, role)
    assert "C-4" in html
    assert "Delta" not in html
    main = html[html.index("<main") : html.index("</main>")]
    assert "$" not in main and "revenue over" not in main


def test_without_a_deal_or_a_plan_the_page_says_what_to_do(client: Client) -> None:
    assert "There is no plan" in page(client, "chair")
    make_run()
    with pgtrigger.ignore("contracts.RunDeal:immutable"):
        RunDeal.objects.all().delete()
    html = text(client.get("/pipeline/").content.decode())
    assert "No deal is in the pipeline." in html
    assert "appears here with the next plan" in html


# --- a deal's page ----------------------------------------------------------------------------------------------------


def deal_world(owner: User | None = None) -> None:
    make_world(owner=owner)


def test_a_deal_that_no_plan_has_yet_has_a_page(client: Client) -> None:
    deal_world()
    html = page(client, "finance", "/contracts/deal-1/")
    assert "What-if: not in force." in html
    assert "It has not moved since it was entered." in html
    for verb in ("Back to draft", "Submit to finance", "Withdraw", "Hold accelerators"):
        assert verb in html, verb
    assert "Approve" not in html


@pytest.mark.parametrize("role", ["chair", "exec"])
def test_who_only_reads_gets_no_button(client: Client, role: str) -> None:
    deal_world()
    html = page(client, role, "/contracts/deal-1/")
    main = html[html.index("<main") : html.index("</main>")]
    assert "History" in main
    assert "<form" not in main


@pytest.mark.parametrize("role", ["research", "product", "sales"])
def test_a_deal_is_not_there_for_whoever_may_not_know_it(client: Client, role: str) -> None:
    deal_world()
    client.force_login(make_user(role))
    assert client.get("/contracts/deal-1/").status_code == 404
    posted = client.post("/contracts/deal-1/v1/move/", {"to": "submitted"})
    assert posted.status_code == (404 if role == "sales" else 403)
    assert client.post("/contracts/deal-1/v1/hold/", {}).status_code == posted.status_code
    assert Contract.objects.get(key="deal-1").state == "what_if"


def test_sales_move_their_own_deal_and_see_who_did_what(client: Client) -> None:
    ann = make_user("sales", username="ann")
    deal_world(ann)
    client.force_login(ann)
    answer = client.post("/contracts/deal-1/v1/move/", {"to": "submitted", "reason": "They asked."}, follow=True)
    html = text(answer.content.decode())
    assert "deal-1 v1 is submitted." in html
    assert "What-if → Submitted" in html
    assert "They asked." in html
    assert "It waits for finance." in html
    move = ContractTransition.objects.get()
    assert (move.by, move.reason) == (ann, "They asked.")


def test_a_move_without_its_reason_comes_back_with_what_was_typed(client: Client) -> None:
    deal_world()
    client.force_login(make_user("finance"))
    answer = client.post("/contracts/deal-1/v1/move/", {"to": "withdrawn", "reason": " "})
    assert answer.status_code == 422
    assert "Say why, so that the others know." in answer.content.decode()
    assert client.post("/contracts/deal-1/v1/move/", {"to": "signed"}).status_code == 409


def test_a_hold_is_granted_shown_and_released(client: Client) -> None:
    deal_world()
    client.force_login(make_user("finance"))
    typed = {"probability": "40", "expires_date": SOON}
    html = text(client.post("/contracts/deal-1/v1/hold/", typed, follow=True).content.decode())
    assert "The next plan keeps it." in html
    assert "40.0% of its need" in html
    assert Hold.objects.get().state == "granted"
    html = text(client.post("/contracts/deal-1/v1/release/", {"note": "they left"}, follow=True).content.decode())
    assert "Nothing is held for deal-1 v1 any more." in html
    assert "40.0% until" in html


def test_a_hold_without_room_says_where_and_by_how_much(client: Client) -> None:
    deal_world()
    add_deals([f"old-{place}" for place in range(7)], state="active")
    client.force_login(make_user("finance"))
    answer = client.post("/contracts/deal-1/v1/hold/", {"probability": "100%", "expires_date": SOON})
    assert answer.status_code == 409
    html = text(answer.content.decode())
    assert "There is no room for this hold: 16 accelerators short in pool-1 in 2027-W" in html
    assert 'value="100%"' in html
    # What was asked in vain is kept: who asks again and again is seen.
    user = User.objects.get(username=AuditEvent.objects.get(action="hold.refused").user.username)
    assert f"Asked 1 time without room in the last 13 weeks, by {user.username}." in html
    client.post("/contracts/deal-1/v1/hold/", {"probability": "99", "expires_date": SOON})
    assert "Asked 2 times without room" in text(client.get("/contracts/deal-1/").content.decode())
    detail = AuditEvent.objects.filter(action="hold.refused").first().detail
    assert (detail["asked"], detail["pool"], detail["short"]) == (f"1.0000 until {SOON}", "pool-1", 16)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"probability": "likely", "expires_date": SOON}, "Give a probability in percent"),
        ({"probability": "40", "expires_date": "soon"}, "Give the day on which it expires"),
        ({"probability": "400", "expires_date": SOON}, "at most 100"),
        ({"probability": "40", "expires_date": "2099-01-01"}, "4 weeks at most"),
    ],
)
def test_a_wrong_hold_is_refused_beside_its_field(client: Client, typed: dict[str, str], says: str) -> None:
    deal_world()
    client.force_login(make_user("finance"))
    answer = client.post("/contracts/deal-1/v1/hold/", typed)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert 'aria-invalid="true"' in answer.content.decode()


def test_the_pages_stay_within_their_queries(client: Client) -> None:
    make_run(scale=10)
    deal_world()
    client.force_login(make_user("finance"))
    client.get("/methods/")
    client.post("/contracts/deal-1/v1/move/", {"to": "submitted"})
    counts = {}
    for address in ("/pipeline/", "/pipeline/?format=csv", "/contracts/deal-1/", "/contracts/acme_pt/"):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        counts[address] = len(queries)
    assert {address: count for address, count in counts.items() if count > 15} == {}

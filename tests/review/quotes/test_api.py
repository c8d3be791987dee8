"""Quotes by the API, held against the pages."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.models import TokenScope, User
from capacity.access.tokens import create_token
from capacity.allocation.models import CurrentRun, Run
from capacity.lib import figures
from capacity.review import quote_asking, quote_sizing
from contracts.models import Contract, Quote
from contracts.quotes import PoolRates
from tests.contracts.pipeline import ALLOCATABLE
from tests.factories import make_user
from tests.review.quotes.asking import (
    pod,
    published,
    signed_in,
    work,
)

pytestmark = pytest.mark.django_db


def test_the_api_answers_as_the_page_does(run: Run) -> None:
    user = make_user("sales")
    client = Client()
    client.force_login(user)
    asked = client.post("/api/v1/quotes/", pod(200), content_type="application/json", headers={"Idempotency-Key": "k"})
    assert asked.status_code == 202
    body = asked.json()
    again = client.post("/api/v1/quotes/", pod(200), content_type="application/json", headers={"Idempotency-Key": "k"})
    assert again.json()["id"] == body["id"]
    quote = Quote.objects.get(number=body["id"])
    assert body["quick"]["terms"]["expected"]["revenue_usd"]
    assert work(quote.what_if) == "done"
    full = client.get(f"/api/v1/quotes/{body['id']}/").json()
    assert full["state"] == "done" and full["full"]["fits"] is False
    page = client.get(f"/quotes/{body['id']}/").content.decode()
    assert full["full"]["verdict"].split(".")[0] in page
    offer = full["full"]["offers"][0]
    taken = client.post(f"/quotes/{body['id']}/adopt/", {"offer": offer["number"]})
    made = Quote.objects.order_by("-pk").first()
    assert made is not None and taken.status_code == 302
    assert made.earlier_id == quote.pk
    offered = {**offer["payload"], "name": "Again"}
    assert client.post("/api/v1/quotes/", offered, content_type="application/json").status_code == 202
    digits = client.post(f"/quotes/{body['id']}/adopt/", {"offer": "1" * 5_000})
    assert digits.status_code == 302


def test_the_api_names_the_field_that_is_wrong(run: Run) -> None:
    client = signed_in("sales")
    sent = pod(8)
    sent["price_lines"][0]["price"] = "dear"
    answer = client.post("/api/v1/quotes/", sent, content_type="application/json")
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == ["price_lines.0.price"]
    assert client.post("/api/v1/quotes/", pod(8) | {"run": 99999}, content_type="application/json").status_code == 404


# --- the same figures as the page -------------------------------------------------------------------------------------

CASES = (
    ("accelerators", "thousands"),
    ("revenue_usd", "usd"),
    ("reserved_cost_usd", "usd"),
    ("consumed_cost_usd", "usd"),
    ("margin_usd", "usd"),
    ("margin_share", "share"),
)
WRITE = {"thousands": figures.thousands, "usd": figures.usd, "share": figures.share}
TOKENS = {"workload": "chat", "input_tokens_per_second": "1000", "output_tokens_per_second": "300"}


def tokens(shape: str, prices: list[dict[str, str]]) -> dict[str, Any]:
    contract = {"shape": shape, "starts_date": "2027-01-04", "ends_date": "2027-07-05", **TOKENS}
    return {"name": "Tokens", "contract": contract, "price_lines": prices, "commit_steps": []}


SHAPES = [
    pod(200),
    tokens("flat_fee", [{"kind": "fee_month", "price": "900000"}]),
    tokens("pay_as_you_go", [{"kind": "uncached_input", "price": "3"}, {"kind": "output", "price": "15"}]),
]


def as_typed(sent: dict[str, Any]) -> dict[str, str]:
    """The quote as the form of the page sends it."""
    lines = {
        f"{table}-{place}-{name}": text
        for table in ("price_lines", "commit_steps")
        for place, line in enumerate(sent[table])
        for name, text in line.items()
    }
    return {"name": sent["name"], **{f"c-{name}": text for name, text in sent["contract"].items()}, **lines}


def written(value: Any, how: str) -> str:
    """A number of the API as the page would write it; null as what there is none of."""
    return "n/a" if value is None else WRITE[how](Decimal(str(value)))


def money_of(terms: dict[str, Any]) -> list[list[str]]:
    return [[written(terms[case][name], how) for case in ("committed", "expected", "heavy")] for name, how in CASES]


@pytest.mark.parametrize("sent", SHAPES, ids=lambda sent: sent["contract"]["shape"])
def test_the_api_gives_the_figures_of_the_page(run: Run, monkeypatch: pytest.MonkeyPatch, sent: dict[str, Any]) -> None:
    """Asked by the form and by the API: each figure of the page, as it is written there, from the API's number."""
    # No cost rate of the small world covers the term: an hour is $2.00, stored and in the worker.
    rates = PoolRates(by_pool={"pool-1": [(ALLOCATABLE, Decimal(2))] * 104})
    monkeypatch.setattr(quote_asking.RunRoom, "rates", property(lambda _room: rates))
    monkeypatch.setattr(quote_sizing, "rates_of", lambda _prepared: rates)
    client = signed_in("sales")
    typed = client.post("/quotes/quick/", as_typed(sent)).context
    body = client.post("/api/v1/quotes/", sent, content_type="application/json").json()
    assert [[str(each) for each in cells] for _, cells in typed["cases"]] == money_of(body["quick"]["terms"])
    assert f"{typed['verdict']} {typed['besides']}".strip() == body["quick"]["verdict"]
    form = client.post("/quotes/new/", as_typed(sent))
    assert form["Location"] == f"/quotes/{body['id']}/"
    assert work(Quote.objects.get(number=body["id"]).what_if) == "done"
    page = client.get(form["Location"]).context
    full = client.get(f"/api/v1/quotes/{body['id']}/").json()["full"]
    assert f"{page['verdict']} {page['besides']}".strip() == full["verdict"]
    assert [[str(each) for each in cells] for _, cells in page["cases"]] == money_of(full["terms"])
    assert [need for _, need, _ in page["weeks"]] == [written(week["need"], "thousands") for week in full["weeks"]]
    high = [week["short"]["high"] if isinstance(week["short"], dict) else week["short"] for week in full["weeks"]]
    assert [getattr(short, "high", short) for _, _, short in page["weeks"]] == [Decimal(each) for each in high]
    costs = [full["cost"][name] for name in ("alone_usd", "average_usd", "marginal_usd")]
    assert [str(value) for _, value, _ in page["costs"]] == [written(each, "usd") for each in costs]
    lowest = full["terms"]["floor"]["price"]
    assert f"{Decimal(lowest):,.2f}" in client.get(form["Location"]).content.decode()
    found = [(each["number"], each["accelerators"]) for each in page["offers"]]
    assert found == [(each["number"], written(each["accelerators"], "thousands")) for each in full["offers"]]
    assert (full["fits"] is False) == bool(found)


# --- moves ------------------------------------------------------------------------------------------------------------


def asked(client: Client, size: int = 200, **columns: str) -> Quote:
    body = client.post("/api/v1/quotes/", pod(size, **columns), content_type="application/json").json()
    quote = Quote.objects.get(number=body["id"])
    assert work(quote.what_if) == "done"
    return quote


def post(client: Client, quote: Quote, move: str, body: Any, key: str = "") -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    address = f"/api/v1/quotes/{quote.number}/{move}/"
    return client.post(address, body, content_type="application/json", headers=headers)


def test_an_offer_is_taken_by_the_api_once_for_a_key_and_is_the_one_of_the_page(run: Run) -> None:
    client = signed_in("sales")
    quote = asked(client)
    taken = post(client, quote, "adopt", {"offer": 1}, "one")
    assert taken.status_code == 202 and taken["Location"].endswith(f"/api/v1/quotes/{taken.json()['id']}/")
    again = post(client, quote, "adopt", {"offer": 1}, "one")
    assert again.json() == taken.json() and again["Idempotent-Replay"] == "true"
    made = Quote.objects.get(number=taken.json()["id"])
    assert quote.what_if.full is None
    quote.what_if.refresh_from_db()
    assert quote.what_if.full is not None
    assert made.payload == quote.what_if.full["quote"]["offers"][0]["payload"]
    assert made.earlier_id == quote.pk and made.what_if.run_id == run.pk
    # The page's button asks the same question: while it waits it is one quote.
    assert client.post(f"/quotes/{quote.number}/adopt/", {"offer": "1"})["Location"] == f"/quotes/{made.number}/"
    assert taken.json()["quick"]["terms"]["expected"]["revenue_usd"]
    reused = post(client, quote, "adopt", {"offer": 2}, "one")
    assert (reused.status_code, reused.json()["errors"][0]["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"offer": 9}, 409, "no_such_offer"),
        ({"offer": 0}, 409, "no_such_offer"),
        ({}, 400, "bad_value"),
        ({"offer": -1}, 400, "bad_value"),
        ({"offer": "1" * 5000}, 400, "bad_value"),
        ({"offer": [1]}, 400, "bad_value"),
        ({"offr": 1}, 400, "unknown_field"),
        ([1], 400, "bad_body"),
    ],
)
def test_an_offer_that_cannot_be_taken_says_why(run: Run, body: Any, status: int, code: str) -> None:
    client = signed_in("sales")
    quote = asked(client, 8)
    answer = post(client, quote, "adopt", body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)
    assert Quote.objects.count() == 1


def test_asking_again_by_the_api_asks_the_current_plan(run: Run) -> None:
    client = signed_in("sales")
    quote = asked(client, 8)
    CurrentRun.objects.all().delete()
    assert post(client, quote, "again", {}).json()["errors"][0]["code"] == "no_run"
    newer = published()
    answer = post(client, quote, "again", {})
    made = Quote.objects.get(number=answer.json()["id"])
    assert (answer.status_code, made.what_if.run_id, made.earlier_id) == (202, newer.pk, quote.pk)
    assert answer.json()["is_stale"] is False
    assert made.payload == quote.payload


def test_a_quote_is_made_a_deal_by_the_api_once(run: Run) -> None:
    client = signed_in("sales")
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = User.objects.get(username="sales")
    customer.save()
    quote = asked(client, 16)
    for body, field in (({"key": "pod-1"}, "customer"), ({"key": "a b", "customer": customer.key}, "key")):
        refused = post(client, quote, "deal", body)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    assert not Contract.objects.filter(key="pod-1").exists()
    made = post(client, quote, "deal", {"key": "pod-1", "customer": customer.key}, "k")
    assert made.status_code == 201
    row = made.json()
    assert (row["contract"], row["version"], row["state"], row["quote"]) == ("pod-1", 1, "draft", str(quote.number))
    assert client.get(row["url"]).json()["key"] == "pod-1"
    assert post(client, quote, "deal", {"key": "pod-1", "customer": customer.key}, "k").json() == row
    there = post(client, quote, "deal", {"key": "pod-2", "customer": customer.key})
    assert (there.status_code, there.json()["contract"]) == (200, "pod-1")
    assert client.get(f"/api/v1/quotes/{quote.number}/").json()["contract"] == "pod-1"
    other = asked(client, 24)
    named = post(client, other, "deal", {"customer": customer.key}).json()["contract"]
    assert named == f"a-pod-{str(other.number)[:8]}"


MOVES = (("adopt", {"offer": 1}), ("again", {}), ("deal", {"customer": "acme"}))


@pytest.mark.parametrize(
    ("role", "username", "status"),
    [("sales", "bob", 404), ("chair", "", 403), ("exec", "", 403), ("research", "", 403), ("product", "", 403)],
)
def test_moves_are_for_those_who_may_ask_and_read_the_quote(run: Run, role: str, username: str, status: int) -> None:
    quote = asked(signed_in("sales"), 8)
    client = signed_in(role, username)
    for move, body in MOVES:
        answer = post(client, quote, move, body)
        assert answer.status_code == status, move
        assert "A pod" not in answer.content.decode()
    assert Quote.objects.count() == 1


def test_a_token_moves_only_as_far_as_it_reaches(run: Run) -> None:
    """One that reads asks nothing; one for quotes alone asks again and makes no contract."""
    quote = asked(signed_in("sales"), 8)
    user = quote.made_by
    found = []
    for scope, only in ((TokenScope.READ, []), (TokenScope.WRITE, ["quotes"])):
        _, secret = create_token(owner=user, name="program", scopes=[scope], days=30, only=only, now=timezone.now())
        client = Client(headers={"Authorization": f"Bearer {secret}"})
        found.append([post(client, quote, move, body).status_code for move, body in MOVES])
    assert found == [[403, 403, 403], [409, 202, 403]]

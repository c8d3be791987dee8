"""Who reads what of a quote: no word for research and product, bands for the chair, no floor for sales."""

from __future__ import annotations

from decimal import Decimal

import pytest

from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.review.quote_asking import quick_answer
from capacity.review.quote_rows import visible_quote_answer
from tests.review.quotes.asking import (
    CUSTOMER_WORDS,
    addresses,
    kept,
    pod,
    quote_document,
    read,
    signed_in,
    viewer,
)

pytestmark = pytest.mark.django_db


def test_sales_cannot_work_out_the_floor_from_what_is_short(run: Run) -> None:
    """A node more or less moves nothing that they read; finance reads the count."""
    shown = {}
    for role in (Role.SALES, Role.FINANCE):
        who = viewer(role)
        answers = [quick_answer(run_id=run.pk, quote=read(pod(size)), viewer=who) for size in (360, 368)]
        seen = [visible_quote_answer(who, each, owner="ann", is_typed_target=False) for each in answers]
        shown[role] = [(str(each["short"]["most"]), {str(week["short"]) for week in each["weeks"]}) for each in seen]
    assert shown[Role.SALES][0] == shown[Role.SALES][1] == ("up to 500", {"up to 500"})
    assert shown[Role.FINANCE][0] != shown[Role.FINANCE][1]


@pytest.mark.parametrize("role", ["research", "product"])
def test_research_and_product_get_no_word_of_a_quote(run: Run, role: str) -> None:
    quote = kept(run)
    client = signed_in(role)
    number = quote.what_if.uuid
    for address in (*addresses(quote), f"/scenarios/{number}/", "/scenarios/", f"/api/v1/what-ifs/{number}/"):
        answer = client.get(address)
        assert answer.status_code in (403, 404) or address == "/scenarios/"
        assert not any(word in answer.content.decode() for word in CUSTOMER_WORDS)
    for address in (
        "/quotes/new/",
        "/quotes/quick/",
        f"/quotes/{quote.number}/adopt/",
        f"/quotes/{quote.number}/deal/",
    ):
        assert client.post(address, {"name": "x"}).status_code == 403
    assert client.post("/api/v1/quotes/", pod(8), content_type="application/json").status_code == 403


def test_another_salesperson_gets_the_answer_of_a_missing_one(run: Run) -> None:
    quote = kept(run)
    client = signed_in("sales", "bob")
    for address in addresses(quote):
        answer = client.get(address)
        assert answer.status_code == (200 if address in ("/quotes/", "/api/v1/quotes/") else 404)
        assert not any(word in answer.content.decode() for word in CUSTOMER_WORDS)


def test_the_chair_sees_bands_and_no_price_and_an_executive_no_price(run: Run) -> None:
    quote = kept(run)
    for role in ("chair", "exec"):
        client = signed_in(role)
        for address in addresses(quote):
            text = client.get(address).content.decode()
            assert "4321.17" not in text and "4,321.17" not in text
        body = client.get(f"/api/v1/quotes/{quote.number}/").json()
        assert "terms.floor.price" in body["full"]["restricted"]
        assert body["payload"]["price_lines"][0]["price"] is None
    revenue = body["full"]["terms"]["expected"]["revenue_usd"]
    assert Decimal(revenue) > 0
    document = quote_document(quote)
    for name in ("committed", "expected", "heavy"):
        document["terms"][name] |= {"margin_usd": "1234567", "margin_share": "0.6177"}
    shown = visible_quote_answer(viewer(Role.CHAIR), document, owner="sales", is_typed_target=False)
    assert {str(shown["terms"][name]["margin_usd"]) for name in ("committed", "expected", "heavy")} == {"restricted"}
    # One band of what the price makes: two would cross.
    shares = [str(shown["terms"][name]["margin_share"]) for name in ("committed", "expected", "heavy")]
    assert shares == ["restricted", "50–80%", "restricted"]

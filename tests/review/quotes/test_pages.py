"""The pages of quotes: figures, budgets of queries, text typed into them, the form."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.roles import Role
from capacity.allocation.models import CurrentRun, Run
from capacity.review import quote_page
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.quote_asking import ask_quote
from capacity.review.quote_rows import visible_quote_answer
from contracts.models import Quote
from tests.contracts.pipeline import ALLOCATABLE, NOW, TODAY
from tests.factories import make_user
from tests.review.quotes.asking import (
    addresses,
    kept,
    pod,
    quiet,
    quote_document,
    read,
    signed_in,
    viewer,
)

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15


def test_the_figure_counts_every_pool_by_what_an_accelerator_there_does(run: Run) -> None:
    document = quote_document(kept(run))
    (pool,) = document["pools"]
    assert Decimal(document["work"][pool]) == 1
    who = viewer(Role.FINANCE)
    tops = []
    for rate in ("1", "0.5"):
        answer = visible_quote_answer(who, document | {"work": {pool: rate}}, owner="sales", is_typed_target=False)
        figure = quote_page._figure(run.pk, answer)
        assert figure is not None
        tops.append(next(line["y"][0] for line in figure["data"] if line["name"] == "Allocatable supply"))
    assert tops == [ALLOCATABLE, ALLOCATABLE // 2]


def test_pages_of_quotes_keep_to_their_budget_of_queries(run: Run) -> None:
    quote = kept(run)
    client = Client()
    client.force_login(quote.made_by)
    client.get("/quotes/new/")
    for address in (*addresses(quote), "/quotes/new/", f"/quotes/new/?quote={quote.number}"):
        with CaptureQueriesContext(connection) as found:
            assert client.get(address).status_code == 200
        assert len(found) <= MOST_QUERIES, (address, len(found))


def test_a_quote_of_an_older_plan_says_so_and_is_asked_again_of_the_current(run: Run) -> None:
    quote = kept(run)
    client = Client()
    client.force_login(quote.made_by)
    address = f"/quotes/{quote.number}/"
    assert "Older plan" not in client.get(address).content.decode()
    newer = Run.objects.create(
        state="done", reason="test", input_hash="b", result_hash="c", fencing_token=2, inputs_version=2,
        first_week=run.first_week, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    source = ReviewPlanSource()
    source.compute(inputs=source.read(as_of=TODAY), progress=quiet).write(newer)
    CurrentRun.objects.filter(scope="plan").update(run=newer, fencing_token=2)
    assert "Older plan" in client.get(address).content.decode()
    assert client.get(f"/api/v1/quotes/{quote.number}/").json()["is_stale"] is True
    client.post(f"{address}again/")
    again = Quote.objects.order_by("-pk").first()
    assert again is not None
    assert again.what_if.run_id == newer.pk and again.earlier_id == quote.pk


def test_what_is_typed_into_a_quote_is_text_on_every_page(run: Run) -> None:
    nasty = '<script>alert("x")</script>'
    user = make_user("sales")
    sent = pod(8, exclusivity=nasty) | {"name": nasty}
    quote = ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES), user=user, now=NOW)
    client = Client()
    client.force_login(user)
    for address in (*addresses(quote)[:5], f"/quotes/new/?quote={quote.number}"):
        assert nasty not in client.get(address).content.decode()
    form = {"name": nasty, "c-shape": nasty, "price_lines-0-price": nasty}
    assert nasty not in client.post("/quotes/quick/", form).content.decode()
    assert nasty not in client.post("/quotes/new/", form).content.decode()


def test_a_line_is_added_to_the_form_without_losing_what_is_typed(run: Run) -> None:
    client = signed_in("sales")
    assert 'name="price_lines-2-tier_mode"' in client.get("/quotes/new/").content.decode()
    form = {"name": "A pod", "c-shape": "pay_as_you_go", "price_lines-0-price": "4.75", "price_lines-2-price": ""}
    shown = client.post("/quotes/new/", form | {"price_lines-1-kind": "", "add": "price_lines"})
    page = shown.content.decode()
    assert shown.status_code == 200 and "4.75" in page and "errorlist" not in page
    assert 'name="price_lines-3-price"' in page and 'name="price_lines-4-price"' not in page
    assert (
        'name="sla_lines-1-metric"'
        in client.post("/quotes/new/", {"sla_lines-0-metric": "", "add": "sla_lines"}).content.decode()
    )
    asked = client.post("/quotes/new/", form)
    assert asked.status_code == 400 and "Line 1 says no kind" in asked.content.decode()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"contract": {"a\\u0000": "b"}}', '{"versions": 1}', "x" * 70_000])
def test_what_cannot_be_pasted_is_said_in_words(run: Run, text: str) -> None:
    client = signed_in("sales")
    answer = client.post("/quotes/new/", {"op": "paste", "text": text})
    assert answer.status_code == 400
    assert 'class="errors"' in answer.content.decode()

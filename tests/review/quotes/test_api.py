"""Quotes by the API, held against the pages."""

from __future__ import annotations

import pytest
from django.test import Client

from capacity.allocation.models import Run
from contracts.models import Quote
from tests.factories import make_user
from tests.review.quotes.asking import (
    pod,
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

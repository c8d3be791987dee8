"""A quote made a deal, and who may approve it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.review.quote_asking import ask_quote
from contracts.models import Contract
from contracts.quote_deals import make_deal
from contracts.services import makers_of
from tests.contracts.pipeline import NOW, people
from tests.review.quotes.asking import (
    kept,
    pod,
    read,
    viewer,
    work,
)

pytestmark = pytest.mark.django_db


def test_a_quote_becomes_a_draft_with_its_lines_once(run: Run) -> None:
    ann = people()["ann"][0]
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = ann
    customer.save()
    quote = ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert work(quote.what_if) == "done"
    client = Client()
    client.force_login(ann)
    address = f"/quotes/{quote.number}/deal/"
    assert client.post(address, {"key": "pod-1", "customer": "nobody"}).status_code == 422
    assert not Contract.objects.filter(key="pod-1").exists()
    for _ in range(2):
        assert client.post(address, {"key": "pod-1", "customer": customer.key}).status_code == 302
    deal = Contract.objects.get(key="pod-1")
    assert (deal.state, deal.owner, deal.shape) == ("draft", ann, "dedicated_accelerators")
    assert [line.price for line in deal.price_lines.all()] == [Decimal(4)]
    assert [step.quantity for step in deal.commit_steps.all()] == [Decimal(24)]
    taken = client.post(f"/quotes/{kept(run, 'ann2').number}/deal/", {"key": "pod-1", "customer": customer.key})
    assert taken.status_code == 404


def test_who_asked_a_quote_does_not_approve_its_deal_and_the_customers_owner_keeps_it(run: Run) -> None:
    who = people()
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = who["ann"][0]
    customer.save()
    fin = who["fin"][0]
    first = ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=who["fin"][1], user=fin, now=NOW)
    quote = ask_quote(
        run_id=run.pk, quote=read(pod(16)), viewer=who["con"][1], user=who["con"][0], now=NOW, earlier=first
    )
    make_deal(quote_id=quote.pk, key="pod-2", customer=customer.key, user=who["con"][0], viewer=who["con"][1])
    deal = Contract.objects.get(key="pod-2")
    assert deal.owner == who["ann"][0]
    assert makers_of(deal) == {fin.pk, who["con"][0].pk}

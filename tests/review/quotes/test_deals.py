"""A quote made a deal, and who may approve it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.test import Client

from capacity.access.models import User
from capacity.access.roles import Role
from capacity.allocation.models import Run, WhatIf
from capacity.review.quote_asking import ask_quote
from contracts.models import Contract, Quote
from contracts.quote_authors import authors_of_quotes
from contracts.quote_deals import make_deal
from contracts.services import MoveRefused, makers_of
from tests.contracts.pipeline import NOW, move, people
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


def version_of(earlier: Quote | None, user: User, run: Run) -> Quote:
    question = WhatIf.objects.create(run=run, asked_by=user, changes=[], not_before_at=NOW)
    payload = read(pod(16)).payload
    return Quote.objects.create(name="A pod", made_by=user, payload=payload, what_if=question, earlier=earlier)


def test_who_asked_first_is_a_maker_however_many_versions_followed(run: Run) -> None:
    """Finance asks, sales make six more versions of it: finance does not approve what became of it, a colleague does."""
    who = people()
    ann, fin, con = who["ann"][0], who["fin"][0], who["con"][0]
    customer = Contract.objects.get(key="c-1").customer
    customer.owner = ann
    customer.save()
    quote = version_of(None, fin, run)
    for _ in range(6):
        quote = version_of(quote, ann, run)
    make_deal(quote_id=quote.pk, key="pod-6", customer=customer.key, user=ann, viewer=who["ann"][1])
    deal = Contract.objects.get(key="pod-6")
    assert makers_of(deal) == {ann.pk, fin.pk}
    for target in ("what_if", "submitted"):
        move(who["ann"], target, key="pod-6")
    with pytest.raises(MoveRefused):
        move(who["fin"], "approved", key="pod-6")
    move((con, who["con"][1]), "approved", key="pod-6")


def test_a_ring_of_versions_has_an_end(run: Run) -> None:
    who = people()
    first = version_of(None, who["fin"][0], run)
    second = version_of(first, who["ann"][0], run)
    Quote.objects.filter(pk=first.pk).update(earlier=second, contract_key="ring", contract_version=1)
    found = authors_of_quotes(contract_key="ring", contract_version=1)
    assert found == {who["fin"][0].pk, who["ann"][0].pk}
    assert authors_of_quotes(contract_key="no-deal", contract_version=1) == set()


def test_the_same_question_asked_as_a_version_keeps_whose_version_it_is(run: Run) -> None:
    """ann asked the same herself before, and it waits: taking it from finance's quote makes finance a maker still."""
    who = people()
    (ann, sees), (fin, all_of_it) = who["ann"], who["fin"]
    theirs = ask_quote(run_id=run.pk, quote=read(pod(16)), viewer=all_of_it, user=fin, now=NOW)
    mine = ask_quote(run_id=run.pk, quote=read(pod(16)), viewer=sees, user=ann, now=NOW)
    again = ask_quote(run_id=run.pk, quote=read(pod(16)), viewer=sees, user=ann, now=NOW, earlier=theirs)
    assert again.pk == mine.pk and again.earlier_id == theirs.pk
    # Of itself it is no version.
    own = ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=sees, user=ann, now=NOW)
    assert ask_quote(run_id=run.pk, quote=read(pod(24)), viewer=sees, user=ann, now=NOW, earlier=own).earlier_id is None

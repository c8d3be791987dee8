"""The question and its life, and what is refused by the name of its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.allocation.models import Run
from capacity.imports.limits import KEY as KEY_FORM
from capacity.review.inputs import read_inputs
from capacity.review.quote_asking import ask_quote, quick_answer
from capacity.review.quote_reading import MOST_LINES, QuoteRefused, read_quote
from capacity.review.quote_sizing import FitCheck, quoted_inputs
from contracts.domain.quote_payload import KEY
from contracts.models import Contract, Quote
from tests.contracts.pipeline import NOW, TODAY
from tests.factories import make_user
from tests.review.quotes.asking import (
    kept,
    pod,
    quote_document,
    read,
    viewer,
    work,
)

pytestmark = pytest.mark.django_db


def test_a_quote_is_answered_by_the_worker_and_kept_with_its_run(run: Run) -> None:
    ann = make_user("sales", username="ann")
    quote = ask_quote(run_id=run.pk, quote=read(pod(200)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert work(quote.what_if) == "done"
    quote.what_if.refresh_from_db()
    assert quote.what_if.full is not None
    assert quote.what_if.full["quote"]["fits"] is False
    assert quote.what_if.run_id == run.pk
    again = ask_quote(run_id=run.pk, quote=read(pod(200)), viewer=viewer(Role.SALES), user=ann, now=NOW)
    assert again.pk != quote.pk
    assert work(again.what_if) == "done"
    again.what_if.refresh_from_db()
    assert again.what_if.full is not None
    assert again.what_if.full["quote"] == quote.what_if.full["quote"]


def test_a_double_click_asks_one_quote_and_another_target_is_another(run: Run) -> None:
    ann = make_user("sales", username="ann")

    def ask(sent: dict[str, Any]) -> Quote:
        return ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES), user=ann, now=NOW)

    first = ask(pod(8))
    assert ask(pod(8)).pk == first.pk
    assert ask(pod(8) | {"target_margin_share": "0.7"}).pk != first.pk


def test_a_kept_quote_that_does_not_fit_is_in_the_audit_log(run: Run) -> None:
    quote = kept(run)
    event = AuditEvent.objects.get(action="quote.refused")
    assert event.user == quote.made_by and str(quote.number) in event.subject
    assert event.detail["short"] == quote_document(quote)["short"]["most"]


def test_a_contract_or_customer_called_like_a_quote_stops_none(run: Run, check: FitCheck) -> None:
    assert not re.match(KEY_FORM, KEY)
    pattern = Contract.objects.get(key="c-1")
    Contract.objects.filter(pk=pattern.pk).update(key="new-quote")
    inputs = read_inputs(as_of=TODAY).in_order()
    quoted = quoted_inputs(inputs=inputs, payload=read(pod(8)).payload)
    assert [row["key"] for row in quoted.rows["contracts"]] == [KEY]


def errors_of(sent: Any, *, run: Run | None = None) -> dict[str, str]:
    with pytest.raises(QuoteRefused) as refused:
        quote = read_quote(sent)
        assert run is not None
        quick_answer(run_id=run.pk, quote=quote, viewer=viewer(Role.SALES))
    return {error.field: error.message for error in refused.value.errors}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda q: q.update(nme="x"), "nme"),
        (lambda q: q["contract"].update(state="signed"), "contract.state"),
        (lambda q: q["contract"].update(shape="a\x00b"), "contract.shape"),
        (lambda q: q["contract"].update(exclusivity="x" * 301), "contract.exclusivity"),
        (lambda q: q.update(target_margin_share="1.5"), "target_margin_share"),
        (lambda q: q.update(target_margin_share="NaN"), "target_margin_share"),
        (lambda q: q.update(target_margin_share="99.9999%"), "target_margin_share"),
        (lambda q: q.update(price_lines=[{"kind": "output"}] * (MOST_LINES + 1)), "price_lines"),
        (lambda q: q.update(price_lines="x"), "price_lines"),
        (lambda q: q.update(commit_steps=[{"kind": {"a": 1}}]), "commit_steps.0.kind"),
        (lambda q: q.update(contract=None), "contract"),
        (lambda q: q["price_lines"].append({"kind": "output"}), "price_lines.1.price"),
        (lambda q: q["commit_steps"].append({"starts_date": "2027-02-01"}), "commit_steps.1.kind"),
        (lambda q: q.update(sla_lines=[{"metric": "uptime", "below_share": "0.99"}]), "sla_lines.0.credit_share"),
    ],
)
def test_a_quote_that_cannot_be_read_names_its_field(change: Callable[[dict[str, Any]], Any], field: str) -> None:
    sent = deepcopy(pod(8))
    change(sent)
    assert field in errors_of(sent)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda q: q["contract"].update(ends_date="2026-12-01"), "contract.ends_date"),
        (lambda q: q["contract"].update(starts_date="soon"), "contract.starts_date"),
        (lambda q: q["contract"].update(accelerator_type="h1000"), "contract.accelerator_type"),
        (lambda q: q["contract"].pop("accelerator_type"), "contract.accelerator_type"),
        (lambda q: q["contract"].update(customer="acme"), "contract.customer"),
        (lambda q: q["price_lines"][0].update(price="-1"), "price_lines.0.price"),
        (lambda q: q["price_lines"][0].update(price="1e400"), "price_lines.0.price"),
        (lambda q: q["commit_steps"][0].update(quantity="many"), "commit_steps.0.quantity"),
        (lambda q: q["contract"].update(ends_date="2060-01-01"), "contract.ends_date"),
        (lambda q: q["contract"].update(starts_date="2040-01-02", ends_date="2041-01-01"), "contract.starts_date"),
    ],
)
def test_a_quote_that_cannot_be_planned_names_its_field(
    run: Run, change: Callable[[dict[str, Any]], Any], field: str
) -> None:
    sent = deepcopy(pod(8))
    change(sent)
    assert field in errors_of(sent, run=run)


def test_sales_do_not_learn_another_customer_from_a_refusal(run: Run) -> None:
    key = Contract.objects.get(key="c-1").customer.key
    said = " ".join(errors_of(pod(8, customer=key[:-1] + "x"), run=run).values())
    assert key not in said

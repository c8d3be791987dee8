"""Asking quotes in tests: a pod of dedicated accelerators, answers of worker and pages, and who is signed in.

The world is tests/contracts/pipeline.py's: 112 H100 allocatable in nodes of 8, the floor left out. A quote of n
dedicated accelerators takes n and one spare node.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.test import Client

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import CurrentRun, Run, WhatIf
from capacity.review.plan_source import ReviewPlanSource
from capacity.review.quote_answer import quote_answer
from capacity.review.quote_asking import ask_quote
from capacity.review.quote_reading import ReadQuote, read_quote
from capacity.review.quote_sizing import FitCheck
from capacity.review.what_if import HotRuns, answer_question
from contracts.models import Quote
from tests.contracts.pipeline import NOW, TODAY
from tests.factories import make_user

CUSTOMER_WORDS = ("Secretive Bank", "secretive", "4321.17")


def quiet(_stage: str, _share: float) -> None:
    """Progress that nobody watches."""


def pod(accelerators: int, **columns: str) -> dict[str, Any]:
    return {
        "name": "A pod",
        "contract": {
            "shape": "dedicated_accelerators",
            "accelerator_type": "h100",
            "starts_date": "2027-01-04",
            "ends_date": "2027-07-05",
            **columns,
        },
        "price_lines": [{"kind": "accelerator_hour", "price": "4"}],
        "commit_steps": [{"kind": "accelerators", "quantity": str(accelerators)}],
    }


def read(sent: dict[str, Any]) -> ReadQuote:
    return read_quote(sent)


def answered(check: FitCheck, sent: dict[str, Any], target: Decimal | None = None) -> dict[str, Any]:
    return quote_answer(
        inputs=check.inputs, prepared=check.prepared, payload=read(sent).payload, target_share=target, progress=quiet
    )


def viewer(*roles: Role, username: str = "ann") -> Viewer:
    return Viewer(username=username, roles=frozenset(roles))


def work(row: WhatIf) -> str:
    return answer_question(what_if_id=row.pk, worker="w", clock=lambda: NOW, runs=HotRuns(most=1))


def signed_in(role: str, username: str = "") -> Client:
    client = Client()
    client.force_login(make_user(role, username=username or role))
    return client


def kept(run: Run, username: str = "sales") -> Quote:
    """An answered quote with a telling name and price."""
    sent = pod(200) | {"name": "Secretive Bank"}
    sent["price_lines"][0]["price"] = "4321.17"
    user = make_user("sales", username=username)
    quote = ask_quote(run_id=run.pk, quote=read(sent), viewer=viewer(Role.SALES, username=username), user=user, now=NOW)
    assert work(quote.what_if) == "done"
    return quote


def addresses(quote: Quote) -> tuple[str, ...]:
    number = quote.number
    return (
        "/quotes/",
        f"/quotes/{number}/",
        f"/quotes/{number}/answer/",
        f"/quotes/{number}/sheet/",
        f"/quotes/compare/?a={number}&b={number}",
        "/api/v1/quotes/",
        f"/api/v1/quotes/{number}/",
    )


def quote_document(quote: Quote) -> dict[str, Any]:
    quote.what_if.refresh_from_db()
    assert quote.what_if.full is not None
    return dict(quote.what_if.full["quote"])


def published() -> Run:
    """A plan of the tables as they are, made the current one."""
    source = ReviewPlanSource()
    inputs = source.read(as_of=TODAY)
    plan = source.compute(inputs=inputs, progress=quiet)
    made = Run.objects.create(
        state="done", reason="test", input_hash="a", result_hash="b", fencing_token=1, inputs_version=inputs.version,
        first_week=inputs.first_week.key, weeks=104, started_at=NOW, finished_at=NOW, as_of_date=TODAY,
    )  # fmt: skip
    plan.write(made)
    CurrentRun.objects.create(scope="plan", run=made, fencing_token=1, inputs_version=inputs.version)
    return made

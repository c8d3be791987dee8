"""How many queries the review page makes, live and frozen, the same however many rows there are; and how much it weighs."""

from __future__ import annotations

import gzip
from datetime import date

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import User
from capacity.decisions.models import Action, Decision
from tests.factories import make_policy, make_review, make_run, make_user

pytestmark = pytest.mark.django_db

# Two for the session and the account, the rest for the page.
MOST_QUERIES = 15
FROZEN_WEEK, LIVE_WEEK = "2026-W47", "2026-W48"
# The review, live and frozen, and the pages of the meeting around it.
ADDRESSES = (
    "/",
    f"/reviews/{LIVE_WEEK}/",
    f"/reviews/{FROZEN_WEEK}/",
    f"/reviews/{LIVE_WEEK}/tables/supply/",
    f"/reviews/{LIVE_WEEK}/tables/allocation/",
    f"/reviews/{LIVE_WEEK}/freeze/",
    "/decisions/",
    "/decisions/new/",
    "/decisions/D-1/",
    "/actions/new/",
    "/actions/A-1/",
)


# Zipped, the whole page with its figures.
MOST_BYTES = 40_000


def record(by: User, *, numbers: range) -> None:
    """Decisions with an action each, half of them on the frozen review."""
    for number in numbers:
        week = (FROZEN_WEEK, LIVE_WEEK)[number % 2]
        decision = Decision.objects.create(
            number=number, review_week=week, kind="buy", question="Buy?", chosen="Lease", reason="Evaluations wait.",
            decider_role="chair", owner_role="finance", effect_metric="H1", effect_direction="at_least",
            effect_target=1, effect_by_date=date(2026, 12, 14), review_back_date=date(2026, 12, 21), recorded_by=by,
            idempotency_key=f"d{number}",
        )  # fmt: skip
        Action.objects.create(
            number=number, review_week=week, decision=decision, title="Ask", owner_role="finance",
            due_date=date(2026, 12, 7), created_by=by, idempotency_key=f"a{number}",
        )  # fmt: skip


def counts(client: Client) -> dict[str, int]:
    found = {}
    for address in ADDRESSES:
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(address)
        if answer.status_code != 403:
            assert answer.status_code == 200, address
            found[address] = len(queries)
    return found


@pytest.mark.parametrize("role", ["chair", "finance", "sales", "research"])
def test_the_review_stays_within_its_queries_at_one_and_ten_times_the_rows(client: Client, role: str) -> None:
    make_policy()
    chair = make_user("chair")
    client.force_login(chair if role == "chair" else make_user(role))
    client.get("/methods/")  # the first page after signing in also writes the session's time of use
    make_review(make_run(week=FROZEN_WEEK, is_current=False), frozen_by=chair)
    make_run(week=LIVE_WEEK, weeks=4)
    record(by=chair, numbers=range(1, 5))
    small = counts(client)
    make_run(week=LIVE_WEEK, weeks=40, scale=10)
    record(by=chair, numbers=range(5, 41))
    large = counts(client)
    assert small == large
    assert {address: count for address, count in large.items() if count > MOST_QUERIES} == {}


def test_the_review_stays_light_at_ten_times_the_rows(client: Client) -> None:
    chair = make_user("chair")
    client.force_login(chair)
    make_review(make_run(week=FROZEN_WEEK, weeks=52, scale=10, is_current=False), frozen_by=chair)
    make_run(week=LIVE_WEEK, weeks=52, scale=10)
    record(by=chair, numbers=range(1, 21))
    for address in ADDRESSES[:3]:
        assert len(gzip.compress(client.get(address).content, 6)) <= MOST_BYTES, address

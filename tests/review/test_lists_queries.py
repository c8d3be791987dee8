"""How many queries a list page and an API route make, and that it is the same however many rows there are."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.factories import make_policy, make_run, make_user
from tests.review.pages_under_test import API, PAGES

pytestmark = pytest.mark.django_db

MOST_QUERIES = 15


def counts(client: Client, run_id: int) -> dict[str, int]:
    found = {}
    addresses = [*PAGES, *API, "/contracts/acme_pt/", "/runs/{run}/figures/exposure:acme_pt:margin_usd/"]
    for address in addresses:
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address.format(run=run_id)).status_code == 200, address
        found[address] = len(queries)
    return found


def test_pages_and_routes_stay_within_their_queries_at_one_and_ten_times_the_rows(client: Client) -> None:
    client.force_login(make_user("finance", "chair"))
    make_policy()
    client.get("/methods/")  # the first page after signing in also writes the session's time of use
    small = counts(client, make_run(weeks=4).pk)
    large = counts(client, make_run(weeks=40, scale=10).pk)
    assert small == large
    assert {address: count for address, count in large.items() if count > MOST_QUERIES} == {}


def test_a_list_shows_a_page_of_rows_and_leads_to_the_rest(client: Client) -> None:
    make_run(scale=30)
    client.force_login(make_user("finance"))
    first = client.get("/contracts/").content.decode()
    assert "1–36 of 120" in first
    assert "109–120 of 120" in client.get("/contracts/?page=4").content.decode()
    # Numbers beyond the end, or none at all, still lead somewhere.
    assert client.get("/contracts/?page=99").status_code == 200
    assert client.get("/contracts/?page=x").status_code == 200


def test_the_api_gives_at_most_five_hundred_rows_at_once(client: Client) -> None:
    make_run(scale=140)
    client.force_login(make_user("finance"))
    answer = client.get("/api/v1/exposure/?limit=100000").json()
    assert (answer["count"], len(answer["results"])) == (560, 500)
    assert len(client.get("/api/v1/exposure/?limit=100000&offset=500").json()["results"]) == 60


def test_a_filter_that_a_list_does_not_have_is_refused_and_not_ignored(client: Client) -> None:
    """Ignored, it would give all contracts to whoever asked for one."""
    make_run()
    client.force_login(make_user("finance"))
    for address in ("/api/v1/exposure/?contract_key=acme_pt", "/api/v1/runs/?week=2026-W48"):
        answer = client.get(address)
        assert answer.status_code == 400, address
        assert "This list is asked by" in answer.content.decode()
    assert client.get("/api/v1/exposure/?shape=flat_fee&limit=1&offset=1&ordering=-contract_key").status_code == 200
    assert client.get("/api/v1/runs/?limit=1").status_code == 200

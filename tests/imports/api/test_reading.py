"""Reading kept tables by the API: typed rows, filters, order and pages in the address, and nothing of what is hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.imports.api.conftest import Api, codes

pytestmark = [pytest.mark.django_db, pytest.mark.security]
Open = Callable[..., Api]


def test_a_row_is_typed_and_nothing_is_rounded(api: Open) -> None:
    row = api("product").rows("workloads/?key=chat")[0]
    assert (row["cache_hit_share"], row["peak_factor"]) == ("0.5", "2.5")
    assert row["regions"] == ["us-east"]
    assert row["is_always_on"] is False
    assert row["review_by_date"] is None
    assert (row["row_version"], row["url"], row["restricted"]) == (1, "/api/v1/workloads/chat/", [])


def test_what_is_hidden_is_null_and_named(api: Open) -> None:
    row = api("sales").rows("workloads/")[0]
    assert (row["usd_value_per_million_tokens"], row["restricted"]) == (None, ["usd_value_per_million_tokens"])


def test_one_row_has_its_version_in_a_header(api: Open) -> None:
    answer = api("product").get("workloads/chat/")
    assert (answer.status_code, answer["ETag"]) == (200, '"1"')
    assert answer.json()["name"] == "Chat"


def test_a_key_of_several_columns_is_joined_with_tildes(api: Open) -> None:
    finance = api("finance")
    row = finance.rows("price-lines/")[0]
    assert row["url"].startswith("/api/v1/price-lines/c-1~1~output~")
    assert finance.client.get(row["url"]).json()["price"] == "15"


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["big-long", "big-short"]),
        ("ordering=-input_tokens", ["big-long", "big-short"]),
        ("ordering=output_tokens,input_tokens", ["big-short", "big-long"]),
        ("input_tokens=4000", ["big-short"]),
        ("input_tokens__gte=4001", ["big-long"]),
        ("input_tokens__lte=20000&input_tokens__gt=4000", ["big-long"]),
        ("input_tokens__in=4000,20000", ["big-long", "big-short"]),
        ("output_tokens_per_second__lt=1400.5", ["big-long"]),
        ("measured_date__gte=2026-03-01", ["big-long", "big-short"]),
        ("measured_date__gt=2026-03-01", []),
        ("q=short", ["big-short"]),
        ("accelerator_type=h100", ["big-long", "big-short"]),
    ],
)
def test_lists_are_filtered_searched_and_sorted_by_the_address(api: Open, query: str, keys: list[str]) -> None:
    assert [row["key"] for row in api("product").rows(f"operating-points/?{query}")] == keys


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("page=0", 400, "bad_page"),
        ("page=x", 400, "bad_page"),
        ("page=²", 400, "bad_page"),
        ("page=99999999999999999999", 400, "bad_page"),
        ("page=9", 404, "not_found"),
        ("page_size=501", 400, "bad_page"),
        ("no_such=1", 404, "not_found"),
        ("key__regex=.*", 404, "not_found"),
        ("ordering=no_such", 404, "not_found"),
        ("input_tokens=many", 400, "bad_filter"),
        ("input_tokens__in=1,x", 400, "bad_filter"),
        ("measured_date=2026-13-01", 400, "bad_filter"),
        ("key=a&key=b", 400, "repeated_parameter"),
        ("q=%00", 400, "bad_filter"),
        ("key__contains=%00", 400, "bad_filter"),
        ("%00=1", 400, "bad_filter"),
    ],
)
def test_a_query_that_cannot_be_answered_says_why_in_json(api: Open, query: str, status: int, code: str) -> None:
    answer = api("product").get(f"operating-points/?{query}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    assert answer.json()["errors"][0]["code"] == code


def test_pages_share_no_row_and_lead_to_each_other(api: Open) -> None:
    chair = api("chair")
    names = [{"key": f"t-{number:03}", "name": f"Team {number}", "weight": "1"} for number in range(7)]
    assert chair.post("teams/", names).status_code == 201
    first = chair.get("teams/?page_size=3&q=Team&ordering=-key").json()
    second = chair.client.get(first["next"]).json()
    third = chair.client.get(second["next"]).json()
    assert (first["count"], first["previous"], third["next"]) == (8, None, None)
    keys = [row["key"] for page in (first, second, third) for row in page["results"]]
    assert keys == ["team-1", *(f"t-{number:03}" for number in reversed(range(7)))]


@pytest.mark.parametrize("key", ["no-such", "chat~1", "%00", "chat%2F..", "~", "%ff"])
def test_a_row_that_is_not_there_is_missing(api: Open, key: str) -> None:
    assert api("product").get(f"workloads/{key}/").status_code == 404


def test_sales_read_their_own_customers_and_others_are_not_there(api: Open) -> None:
    sales, finance = api("sales"), api("finance")
    assert [row["key"] for row in sales.rows("customers/")] == ["mine"]
    assert {row["key"] for row in finance.rows("customers/")} >= {"mine", "other", "north"}
    assert sales.get("customers/mine/").status_code == 200
    assert sales.get("customers/other/").content == sales.get("customers/no-such/").content
    assert sales.rows("customers/?q=Other") == []
    assert sales.rows("customers/?owner=somebody") == []
    assert sales.get("customers/?page=2").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "usd_value_per_million_tokens=3",
        "usd_value_per_million_tokens__gte=0",
        "usd_value_per_million_tokens__in=1,2",
        "usd_value_per_million_tokens__empty=true",
        "ordering=usd_value_per_million_tokens",
        "ordering=key,-usd_value_per_million_tokens",
    ],
)
def test_a_filter_or_an_order_by_a_hidden_column_answers_as_one_that_is_not_there(api: Open, query: str) -> None:
    sales = api("sales")
    hidden = sales.get(f"workloads/?{query}")
    unknown = sales.get(f"workloads/?{query.replace('usd_value_per_million_tokens', 'no_such')}")
    assert (hidden.status_code, hidden.content) == (404, unknown.content)
    assert api("finance").get(f"workloads/?{query}").status_code == 200


def test_the_number_of_queries_does_not_grow_with_the_rows(api: Open, django_assert_num_queries: Any) -> None:
    chair = api("chair")
    chair.rows("teams/")
    # The session, the person with roles, the rows and their count.
    with django_assert_num_queries(4):
        chair.rows("teams/")
    rows = [{"key": f"t-{number}", "name": f"Team {number}", "weight": "1"} for number in range(300)]
    assert chair.post("teams/", rows).status_code == 201
    with django_assert_num_queries(4):
        assert len(chair.rows("teams/?page_size=500")) == 301


def test_measurements_are_read_like_any_table(api: Open) -> None:
    rows = api("finance").rows("usage/?hour_at__gte=2026-10-05T10:00:00Z")
    assert [row["input_tokens"] for row in rows] == [37000000]


def test_a_token_reads_what_its_limits_name(by_token: Open) -> None:
    token = by_token("chair", only=["teams"])
    assert token.get("teams/").status_code == 200
    assert codes(token.get("workloads/")) == [(None, "", "token_scope")]
    area = by_token("chair", only=["Research"])
    assert [area.get(path).status_code for path in ("teams/", "experiments/", "workloads/")] == [200, 200, 403]

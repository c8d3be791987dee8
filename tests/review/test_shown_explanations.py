"""What the plan explains of serving, as each role meets it: shortages, idle by reason, scarcity prices, tiers in words."""

from __future__ import annotations

import pytest
from django.test import Client

from capacity.access.roles import Role
from tests.factories import make_policy, make_run, make_user
from tests.factory_names import POOL_B
from tests.review.pages_under_test import csv_rows, table_cells

pytestmark = pytest.mark.django_db

SHORT, IDLE = "Who is short, and what helps", "Idle by reason"
# Prices, values of a node, what remedies cost and doing nothing loses, as pages, files and the API write them.
SCARCITY = ["1777.31", "1,777", "$1.78k", "14218.48", "14,218", "$14.2k", "16618.93", "16,618", "$16.6k"]
MONEY = ["8123.45", "8,123", "$8.12k", "5376.11", "$5.38k", "2711.19", "$2.71k"]
PLACES = (
    "/",
    "/supply/",
    f"/supply/{POOL_B}/",
    "/supply/?format=csv&table=shortfall-remedies",
    "/supply/?format=csv&table=scarcity-prices",
    f"/supply/{POOL_B}/?format=csv&table=scarcity-prices",
    "/api/v1/shortfall-remedies/",
    "/api/v1/scarcity-prices/",
    "/api/v1/tiers/",
    "/runs/{run}/",
    "/contracts/cygnus_flat/",
)


def sign_in(client: Client, role: str) -> None:
    client.force_login(make_user(role))


def bodies(client: Client, run_id: int) -> str:
    return "".join(client.get(address.format(run=run_id)).content.decode() for address in PLACES)


def test_the_review_says_who_is_short_what_it_loses_and_what_helps(client: Client) -> None:
    make_run()
    sign_in(client, "finance")
    (row,) = table_cells(client.get("/").content.decode(), SHORT)
    assert row[:6] == ["Cygnus flat fee", "Committed", "14 Dec", "1", "30", "$8.12k"]
    assert "1. Buy burst: 16 in B200 Ireland" in row[6] or "1. Buy burst: 16 in " in row[6]
    assert "$5.38k, now; covers 16 of 30 accelerator-weeks" in row[6]
    assert "displaces Borealis metered 8" in row[6]
    assert "too late: 26–40 weeks to deliver" in row[6]


def test_research_meets_the_same_shortage_by_alias_and_without_money(client: Client) -> None:
    make_run()
    sign_in(client, "research")
    (row,) = table_cells(client.get("/").content.decode(), SHORT)
    assert row[0] == "C-3"
    assert row[5] == "restricted"
    assert "Buy burst: 16 in" in row[6] and "displaces C-2 8" in row[6]


def test_the_chair_reads_bands(client: Client) -> None:
    make_run()
    sign_in(client, "chair")
    (row,) = table_cells(client.get("/").content.decode(), SHORT)
    assert row[0] == "Cygnus flat fee"
    assert row[5] == "$5k–$10k"
    assert "$5k–$10k, now; covers 16" in row[6]
    answer = client.get("/api/v1/scarcity-prices/").json()["results"][0]
    assert answer["usd_node_more"] == {"low": "10000", "high": "20000"}


@pytest.mark.parametrize("role", ["research", "product", "sales"])
@pytest.mark.security
def test_no_scarcity_price_and_no_loss_reaches_a_role_that_may_not_know_it(client: Client, role: str) -> None:
    run = make_run()
    sign_in(client, role)
    body = bodies(client, run.pk)
    assert [secret for secret in [*SCARCITY, *MONEY] if secret in body] == []
    assert "Scarcity prices" not in client.get("/supply/").content.decode()


@pytest.mark.security
def test_the_chair_reads_no_scarcity_price_and_no_loss_in_full(client: Client) -> None:
    run = make_run()
    sign_in(client, "chair")
    body = bodies(client, run.pk)
    assert [secret for secret in [*SCARCITY, *MONEY] if secret in body] == []


@pytest.mark.parametrize("role", ["finance", "exec"])
def test_finance_and_executives_read_scarcity_prices_with_what_a_node_would_unlock(client: Client, role: str) -> None:
    make_run()
    sign_in(client, role)
    for address in ("/supply/", f"/supply/{POOL_B}/"):
        (row,) = table_cells(client.get(address).content.decode(), "Scarcity prices")
        assert row[2:] == [
            "$1.78k",
            "8",
            "$14.2k",
            "$16.6k",
            "Borealis metered 8; e_scale 128 placed, with it for 2 weeks",
        ]
    lines = csv_rows(client.get("/supply/?format=csv&table=scarcity-prices").content)
    assert len(lines) == 2 and "14218.48" in "".join(lines[1])


@pytest.mark.parametrize("role", ["research", "product"])
def test_a_file_of_scarcity_prices_is_not_there_for_others(client: Client, role: str) -> None:
    make_run()
    sign_in(client, role)
    address = "/supply/?format=csv&table=scarcity-prices"
    assert client.get(address).headers["Content-Type"].startswith("text/html")
    rows = client.get("/api/v1/scarcity-prices/").json()["results"]
    assert {value for row in rows for name, value in row.items() if name not in ("restricted", "absent")} <= {None}


def test_sales_read_of_no_shortage_of_others_and_no_part_of_idle(client: Client) -> None:
    make_run()
    sign_in(client, "sales")
    html = client.get("/").content.decode()
    assert SHORT not in html
    assert IDLE not in html
    assert client.get("/api/v1/shortfall-remedies/").status_code == 403


def test_idle_by_reason_sums_to_idle_on_the_page(client: Client) -> None:
    make_run()
    sign_in(client, "research")
    for address in ("/", "/supply/"):
        rows = table_cells(client.get(address).content.decode(), IDLE)
        assert rows
        for row in rows:
            amounts = [int(cell.replace(",", "")) for cell in row[1:]]
            assert amounts[0] == sum(amounts[1:]), row


def test_a_run_from_before_the_reasons_shows_none_of_them(client: Client) -> None:
    parts = {f"idle_{name}": None for name in ("floor", "fragment", "wrong_kind", "unaccepted", "no_demand")}
    make_run(changes={"pool-weeks": dict.fromkeys(("h100_use1", "b200_euw1", "mi300x_usc1"), parts)})
    sign_in(client, "chair")
    assert IDLE not in client.get("/").content.decode()
    assert client.get("/supply/").status_code == 200


def test_the_run_and_the_review_say_how_good_the_plan_is(client: Client) -> None:
    make_policy()
    run = make_run(changes={"tiers": {"experiments_p2": {"value": 60, "bound": 64, "gap_relative": "0.0667"}}})
    sign_in(client, "research")
    assert "experiments_p2 within 6.7% of what is possible" in client.get("/").content.decode()
    rows = table_cells(client.get(f"/runs/{run.pk}/").content.decode(), "Tiers")
    words = {row[0]: row[-1] for row in rows}
    assert words["forecast"].endswith("proven best.")
    assert "within 6.7% of what is possible" in words["experiments_p2"]


@pytest.mark.parametrize("role", [role.value for role in Role if role not in (Role.SALES, Role.AUDITOR, Role.ADMIN)])
def test_a_file_of_shortages_has_a_line_for_each_way_out(client: Client, role: str) -> None:
    make_run()
    sign_in(client, role)
    lines = csv_rows(client.get("/supply/?format=csv&table=shortfall-remedies").content)
    assert len(lines) == 1 + 4

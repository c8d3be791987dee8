"""The portfolio: ranking, filters in the address, totals that follow them to the cent, concentration, files, API."""

from __future__ import annotations

import re
from decimal import Decimal as D

import pytest
from django.test import Client

from capacity.lib.figures import RESTRICTED, UNSIZED
from capacity.review.portfolio import (
    concentration_rows,
    concentration_sentence,
    concentrations,
    customer_concentration,
    herfindahl,
)
from tests.factories import make_run, make_user
from tests.review.pages_under_test import csv_rows, table_cells

pytestmark = pytest.mark.django_db


def contract(
    customer: str, revenue: object, accelerators: object, regions: list[str] | None = None
) -> dict[str, object]:
    return {
        "customer_key": customer.lower(),
        "customer_name": customer,
        "model_name": "L",
        "regions": regions or [],
        "revenue_usd": revenue,
        "planned_accelerators": accelerators,
    }


def test_50_30_and_20_per_cent_have_an_index_of_0_38() -> None:
    assert herfindahl([D("0.5"), D("0.3"), D("0.2")]) == D("0.38")
    assert herfindahl([]) is None


def test_shares_are_of_what_is_listed_and_sum_to_one() -> None:
    rows = concentration_rows(
        [contract("A", D(300), 10), contract("A", D(200), 20), contract("B", D(300), 20), contract("C", D(200), 50)]
    )
    customers = [row for row in rows if row["dimension"] == "Customer"]
    assert [(row["name"], row["revenue_share"], row["capacity_share"]) for row in customers] == [
        ("C", D("0.2"), D("0.5")),
        ("A", D("0.5"), D("0.3")),
        ("B", D("0.3"), D("0.2")),
    ]
    [by_customer, by_model, by_region] = concentrations(rows)
    assert by_customer.facts == [("Largest", "50.0%", "50.0%"), ("HHI", "0.380", "0.380")]
    assert by_model.facts[-1] == ("HHI", "1.000", "1.000")
    assert [row["name"] for row in by_region.rows] == ["any region"]


def test_what_is_not_known_is_left_out_and_never_zero() -> None:
    rows = concentration_rows([contract("A", None, UNSIZED), contract("B", D(40), 8)])
    first, second = (row for row in rows if row["dimension"] == "Customer")
    assert (first["name"], first["revenue_share"], first["capacity_share"]) == ("B", 1, 1)
    assert (second["accelerators"], second["capacity_share"]) == (UNSIZED, UNSIZED)


def test_a_share_with_a_hidden_part_is_hidden_whole() -> None:
    rows = concentration_rows([contract(name, RESTRICTED, 8) for name in "ABCD"])
    assert {row["revenue_share"] for row in rows} == {RESTRICTED}
    assert concentrations(rows)[0].facts[0] == ("Largest", RESTRICTED, "25.0%")
    assert concentration_sentence(rows) == "Its three largest of 4 customers make 75.0% of planned capacity."


def test_two_customers_of_one_name_are_two() -> None:
    rows = [contract("A", D(30), 1), {**contract("A", D(70), 1), "customer_key": "other"}]
    by_customer = concentrations(concentration_rows(rows))[0]
    assert by_customer.facts[-1] == ("HHI", "0.580", "0.500")
    assert customer_concentration(rows, column="revenue_usd") == {
        "largest": "A", "largest_share": "70.0%", "five_share": "100.0%", "hhi": "0.580", "customers": 2,
    }  # fmt: skip


def test_the_page_of_money_and_the_portfolio_say_one_concentration(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    on_portfolio = client.get("/contracts/").content.decode()
    [revenue, _] = table_cells(client.get("/money/").content.decode(), "Concentration")
    part = on_portfolio[on_portfolio.index('aria-label="By customer"') :]
    largest, index = (
        re.search(rf'<th scope="row">{name}</th><td></td><td class="n">([^<]+)<', part)[1]  # type: ignore[index]
        for name in ("Largest", "HHI")
    )
    assert (largest, index) == (revenue[2], revenue[4])


def ranking(client: Client, address: str) -> list[str]:
    return [row[0] for row in table_cells(client.get(address).content.decode(), "Exposure ranking")]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=notice", ["Cygnus flat fee"]),
        ("customer_name=Acme+Robotics", ["Acme provisioned"]),
        ("shape=committed_spend", ["Delta pilot"]),
        ("model_tier=mid", ["Cygnus flat fee"]),
        ("regions=us-east-1", ["Acme provisioned", "Borealis metered"]),
        ("regions=eu-west-1&state=active", ["Borealis metered"]),
        ("flags=uncapped", ["Cygnus flat fee"]),
        ("owner_username=sales2", ["Cygnus flat fee", "Delta pilot"]),
        ("owner_username=nobody", []),
    ],
)
def test_each_filter_of_the_address_chooses_on_page_and_file(client: Client, query: str, found: list[str]) -> None:
    make_run()
    client.force_login(make_user("finance"))
    html = client.get(f"/contracts/?{query}").content.decode()
    if not found:
        assert "Nothing matches these filters" in html
        return
    assert sorted(ranking(client, f"/contracts/?{query}")) == found
    lines = csv_rows(client.get(f"/contracts/?{query}&format=csv").content)
    assert sorted(line[0] for line in lines[1:]) == found


def test_the_api_filters_by_the_same_columns(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    for query, count in (
        ("state=active", 2),
        ("regions=us-east-1", 2),
        ("flags=uncapped", 1),
        ("owner_username=sales", 2),
    ):
        assert client.get(f"/api/v1/exposure/?{query}").json()["count"] == count, query
    client.force_login(make_user("research"))
    for query in ("state=active", "regions=us-east-1", "flags=uncapped", "customer_name=Acme+Robotics"):
        assert client.get(f"/api/v1/exposure/?{query}").status_code == 404, query
        assert client.get(f"/contracts/?{query}").status_code == 404, query


def test_totals_follow_the_filter_to_the_cent(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    html = client.get("/contracts/?owner_username=sales").content.decode()
    foot = html[html.index("<tfoot>") : html.index("</tfoot>")]
    # 4,137,193.31 + 2,291,741.77
    assert "$6,428,935.08" in foot
    assert "Total of 2" in foot
    rows = csv_rows(client.get("/contracts/?owner_username=sales&format=csv&table=concentration").content)
    customers = [row for row in rows[1:] if row[0] == "Customer"]
    assert sum(D(row[3]) for row in customers) == D("6428935.08")
    assert [row[1] for row in customers] == ["Acme Robotics", "Borealis Health"]


def test_it_is_ranked_in_a_click_by_loss_margin_or_capacity(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    html = client.get("/contracts/").content.decode()
    offered = html[html.index('aria-label="Rank by"') : html.index("</nav>", html.index('aria-label="Rank by"'))]
    assert re.findall(r">([^<>]+)</a>", offered) == [
        "Loss exposure", "Margin", "Margin ÷ revenue", "Capacity", "Capacity gap", "Revenue",
    ]  # fmt: skip
    assert ranking(client, "/contracts/")[0] == "Cygnus flat fee"
    assert ranking(client, "/contracts/?sort=-margin_usd")[0] == "Acme provisioned"
    assert ranking(client, "/contracts/?sort=-planned_accelerators")[0] == "Cygnus flat fee"


def test_the_chair_reads_concentration_of_capacity_alone(client: Client) -> None:
    make_run()
    client.force_login(make_user("chair"))
    html = client.get("/contracts/").content.decode()
    first = table_cells(html, "By customer")[0]
    # 350 of 590 planned accelerators
    assert first == ["Cygnus Games", "1", "restricted", "59.3%"]
    lines = csv_rows(client.get("/contracts/?format=csv&table=concentration").content)
    assert "Share of revenue" not in lines[0]
    assert "Share of capacity" in lines[0]


@pytest.mark.security
@pytest.mark.parametrize("role", ["research", "product", "sales"])
def test_who_may_not_know_all_customers_reads_no_concentration(client: Client, role: str) -> None:
    make_run()
    client.force_login(make_user(role))
    html = client.get("/contracts/").content.decode()
    assert "HHI" not in html
    # A file of a list that is not there is the page.
    assert "concentration" not in client.get("/contracts/?format=csv&table=concentration")["content-type"]
    assert "Cygnus" not in client.get("/contracts/?format=csv&table=concentration").content.decode()


def test_a_full_portfolio_stays_within_its_elements(client: Client) -> None:
    make_run(scale=15)
    client.force_login(make_user("finance"))
    html = client.get("/contracts/").content.decode()
    assert len(re.findall(r"<[a-z]", html)) <= 2000

"""What a contract pays for the accelerator-hours it holds: by hand, hidden where a part is, flagged at a loss."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from django.test import Client

from capacity.lib.figures import NOTHING, RESTRICTED, UNKNOWN_COST, UNSIZED
from capacity.review.paying import AT_A_LOSS, paying_rows, paying_verdict, per_hour
from tests.factories import make_run, make_user
from tests.review.pages_under_test import csv_rows, table_cells

TITLE = "Who pays for the expensive path"


def contract(key: str = "C-1", *, tier: str = "frontier", **others: Any) -> dict[str, Any]:
    row = {"contract_key": key, "label": key, "model_tier": tier, "model_name": "L", "shape": "pay_as_you_go"}
    return {**row, **others}


def month(key: str = "C-1", **others: Any) -> dict[str, Any]:
    return {
        "contract_key": key,
        "position": 0,
        "accelerators": 32,
        "hours": 730,
        "revenue_usd": D("122202"),
        "reserved_cost_usd": D("46720"),
        "margin_usd": D("75482"),
        "margin_share": D("0.6177"),
        **others,
    }


def test_46720_dollars_for_32_accelerators_over_a_month_are_2_dollars_an_hour() -> None:
    assert per_hour(D("46720"), 32, 730) == D(2)
    # 122,202 ÷ 23,360 hours: 5.23125 (23,360 × 5.23 = 122,172.80; the other 29.20 are 0.00125 each).
    assert round(per_hour(D("122202"), 32, 730), 5) == D("5.23125")


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ((RESTRICTED, 32, 730), RESTRICTED),
        ((D(1), RESTRICTED, 730), RESTRICTED),
        ((UNKNOWN_COST, 32, 730), UNKNOWN_COST),
        ((D(1), UNSIZED, 730), UNSIZED),
        ((None, 32, 730), NOTHING),
        ((D(1), 0, 730), NOTHING),
        (("$40k to $80k", 32, 730), RESTRICTED),
    ],
)
def test_a_part_that_is_hidden_or_not_known_leaves_no_figure(parts: tuple[Any, Any, Any], found: object) -> None:
    assert per_hour(*parts) is found


def test_the_dearest_tier_stands_first_and_in_it_who_pays_most() -> None:
    contracts = [contract("S", tier="small"), contract("A"), contract("B"), contract("N")]
    months = [month("S"), month("A"), month("B", revenue_usd=D("233600")), month("N", revenue_usd=None)]
    rows = paying_rows(contracts, months)
    assert [(row["label"], row["revenue_per_hour_usd"]) for row in rows] == [
        ("B", D(10)), ("A", D("5.23125")), ("N", NOTHING), ("S", D("5.23125")),
    ]  # fmt: skip


def test_a_negative_margin_is_flagged_and_zero_is_not() -> None:
    contracts = [contract("A"), contract("B"), contract("C")]
    months = [month("A", margin_usd=D("-0.01")), month("B", margin_usd=D(0)), month("C", margin_usd=None)]
    rows = paying_rows(contracts, months)
    assert {row["label"]: row["at_a_loss"] for row in rows} == {"A": AT_A_LOSS, "B": "", "C": ""}
    assert paying_verdict(rows) == "3 on frontier models: 1 at a loss."
    assert paying_verdict([]) == ""


def test_a_contract_without_a_model_or_of_which_nothing_more_is_known_is_left_out() -> None:
    assert paying_rows([contract(tier="")], [month()]) == []
    assert paying_rows([contract()], [month("C-2"), month(position=1)]) == []


def test_whose_revenue_may_not_be_read_is_left_out() -> None:
    assert paying_rows([contract()], [month(revenue_usd=RESTRICTED, margin_usd=RESTRICTED)]) == []


@pytest.mark.django_db
def test_finance_reads_who_pays_with_a_file_and_the_price_blind_read_nothing_of_it(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    html = client.get("/workloads/").content.decode()
    cells = table_cells(html, TITLE)
    assert cells
    file = csv_rows(client.get("/workloads/?format=csv&table=workload-paying").content)
    assert len(file) == len(cells) + 1
    for role in ("research", "product", "chair"):
        client.force_login(make_user(role))
        assert TITLE not in client.get("/workloads/").content.decode()
        answer = client.get("/workloads/?format=csv&table=workload-paying").content.decode()
        assert "an hour" not in answer


@pytest.mark.django_db
def test_sales_read_it_of_their_own_contracts_only(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    every = {row[0] for row in table_cells(client.get("/workloads/").content.decode(), TITLE)}
    client.force_login(make_user("sales"))
    own = {row[0] for row in table_cells(client.get("/workloads/").content.decode(), TITLE)}
    assert own < every or not own

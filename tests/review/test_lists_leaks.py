"""What must not get out: names, keys and prices of customers, by body, filter, sort, order of rows, figure or error."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from capacity.access.models import AuditEvent
from capacity.access.permissions import roles_for
from capacity.access.roles import Role
from capacity.review.models import RunFigure
from tests.factories import make_policy, make_run, make_user
from tests.factory_names import (
    CANARY_PRICE,
    CONTRACT_KEYS,
    CONTRACT_NAMES,
    CUSTOMER_NAMES,
    DEAL_KEYS,
    DEAL_NAMES,
    DEAL_REVENUES,
    REVENUES,
)
from tests.review.pages_under_test import API, LISTS, PAGES, table_cells

pytestmark = [pytest.mark.django_db, pytest.mark.security]

BLIND = [Role.RESEARCH, Role.PRODUCT]
NAMES = [*CUSTOMER_NAMES, *CONTRACT_KEYS, *CONTRACT_NAMES, *DEAL_KEYS, *DEAL_NAMES]
# Written in any of the ways in which a page, a file or the API writes them.
PRICES = [CANARY_PRICE, *(str(each) for each in (*REVENUES, *DEAL_REVENUES) if each), "$3.22M"]
PRICES += ["$4.14M", "4,137,193", "2,126,074", "2126074"]
FIGURES = ["metric:H9", "metric:H10", "metric:H11", "metric:H1", "metric:H7"]


def bodies(client: Client, role: Role, run_id: int) -> dict[str, str]:
    """Everything the role may open: pages, drawers, files and API answers."""
    addresses = [address for address, action in (PAGES | API).items() if role in roles_for(action)]
    addresses += [f"{page}?format=csv&table={name}" for page, names in LISTS.items() for name in names]
    addresses += [f"/runs/{{run}}/figures/{key}/" for key in FIGURES]
    addresses += ["/contracts/?q=acme", "/requests/?q=acme", "/contracts/acme_pt/", "/supply/?q=borealis"]
    return {address: client.get(address.format(run=run_id)).content.decode() for address in addresses}


@pytest.mark.parametrize("role", BLIND)
def test_no_name_and_no_price_reaches_a_price_blind_role(client: Client, role: Role) -> None:
    run = make_run()
    # The newest attempt failed: its words stand in the strip of every page for those who may read them.
    error = "Price 17.7713 of Acme Robotics is odd."
    make_run("dead", error=error, error_code="bad_input", reason="Acme Robotics", fencing_token=99)
    make_policy()
    client.force_login(make_user(role))
    found = [
        (address, secret)
        for address, body in bodies(client, role, run.pk).items()
        for secret in [*NAMES, *PRICES]
        if secret.casefold() in body.casefold() and secret.casefold() not in address.casefold()
    ]
    assert found == []


def test_sales_read_no_name_and_no_price_of_others(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("sales"))
    others = [*CUSTOMER_NAMES[2:], *CONTRACT_KEYS[2:], *CONTRACT_NAMES[2:], str(REVENUES[2]), "C-3", "C-4"]
    others += [*DEAL_KEYS[2:], *DEAL_NAMES[2:]]
    found = [
        (address, secret)
        for address, body in bodies(client, Role.SALES, run.pk).items()
        for secret in others
        if secret.casefold() in body.casefold()
    ]
    assert found == []


def test_the_chair_reads_no_price_and_no_margin_in_full(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("chair"))
    body = "".join(bodies(client, Role.CHAIR, run.pk).values())
    body += client.get(f"/runs/{run.pk}/figures/exposure:acme_pt:margin_usd/").content.decode()
    assert [price for price in PRICES if price in body] == []


def test_research_meets_a_blocking_contract_by_its_alias(client: Client) -> None:
    make_run()
    client.force_login(make_user("research"))
    html = client.get("/requests/").content.decode()
    row = next(row for row in table_cells(html, "Without a place") if row[0] == "Scaling study")
    assert "C-1 140; e_pre 512" in row
    assert any("C-1 (C-1, C-1) holds 140" in cell for cell in row)
    assert any(cell.endswith("Serve 8 accelerators less of this demand: C-1") for cell in row)


@pytest.mark.parametrize(
    ("role", "address"),
    [
        ("research", "/contracts/?shape=flat_fee"),
        ("research", "/contracts/?sort=-margin_usd"),
        ("research", "/contracts/?sort=customer_name"),
        ("product", "/contracts/?sort=flags"),
        ("sales", "/contracts/?shape=flat_fee"),
        ("product", "/requests/placed/?sort=cost_usd"),
        ("sales", "/workloads/?sort=usd_per_week"),
        ("product", "/supply/?sort=usd_per_accelerator_hour"),
        ("research", "/api/v1/exposure/?shape=flat_fee"),
        ("research", "/api/v1/exposure/?ordering=-revenue_usd"),
        ("chair", "/api/v1/runs/?ordering=nothing"),
    ],
)
def test_a_filter_or_sort_by_a_hidden_column_is_missing(client: Client, role: str, address: str) -> None:
    make_run()
    client.force_login(make_user(role))
    assert client.get(address.split("?")[0]).status_code == 200
    assert client.get(address).status_code == 404


def test_a_search_reads_only_what_is_shown(client: Client) -> None:
    make_run()
    client.force_login(make_user("research"))
    assert "Nothing matches these filters" in client.get("/contracts/?q=acme").content.decode()
    assert "Nothing matches" not in client.get("/contracts/?q=C-1").content.decode()


def test_the_order_of_aliases_tells_nothing_about_the_keys_behind_them(client: Client) -> None:
    # The key that sorts first belongs to the alias that sorts last.
    make_run(changes={"exposure": {"acme_pt": {"customer_alias": "C-9"}}})
    client.force_login(make_user("research"))
    rows = client.get("/api/v1/exposure/").json()["results"]
    assert [row["label"] for row in rows] == ["C-2", "C-3", "C-4", "C-9"]
    html = client.get("/contracts/").content.decode()
    assert [row[0] for row in table_cells(html, "Exposure ranking")] == ["C-2", "C-3", "C-4", "C-9"]


@pytest.mark.parametrize("role", ["research", "product"])
def test_a_contract_answers_as_missing_to_whoever_may_not_know_it(client: Client, role: str) -> None:
    run = make_run()
    client.force_login(make_user(role))
    assert client.get("/contracts/acme_pt/").status_code == 404
    assert client.get(f"/runs/{run.pk}/figures/exposure:acme_pt:capacity_gap_accelerators/").status_code == 404


def test_sales_open_their_own_contracts_only(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("sales"))
    assert client.get("/contracts/acme_pt/").status_code == 200
    assert client.get("/contracts/cygnus_flat/").status_code == 404
    own = client.get(f"/runs/{run.pk}/figures/exposure:acme_pt:margin_usd/").content.decode()
    assert "$2,126,074.18" in own
    client.force_login(make_user("sales", username="sales2"))
    assert client.get(f"/runs/{run.pk}/figures/exposure:acme_pt:margin_usd/").status_code == 404


def test_a_hidden_figure_reads_restricted_with_its_terms(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("research"))
    page = client.get(f"/runs/{run.pk}/figures/metric:H9/").content.decode()
    assert page.count("restricted") >= 3
    assert "42.75" not in page


def _hidden_term(
    name: str, source: str, resource: str, field: str, entry: dict[str, str] | None = None
) -> dict[str, Any]:
    sight = {"resource": resource, "field": field}
    return {"name": name, "value": "128", "unit": "accelerators", "source": source, "input": entry, **sight}


def test_sales_read_no_request_and_no_lot_behind_a_figure(client: Client) -> None:
    waiting = _hidden_term("P0 without a place", "e_scale, e_big", "metric", "H12")
    lot = _hidden_term("Lot b200_lot2", "inventory", "lot", "accelerators", {"table": "lots", "key": "b200_lot2"})
    fit = {"terms": [waiting], "threshold": "below 70%", "basis": "2 requests left out"}
    run = make_run(changes={"figures": {"metric:H12": fit}})
    made = {"run": run, "value": 1, "unit": "accelerators", "formula": "", "methods_anchor": "supply"}
    RunFigure.objects.create(key="pool:b200_euw1:allocatable", label="Allocatable", resource="pool_week",
                             field="allocatable", terms=[lot], **made)  # fmt: skip
    RunFigure.objects.create(key="request:e_scale:short_by", label="Scaling study: short by", resource="unplaced",
                             field="short_by", **made)  # fmt: skip
    shown = {}
    for role in ("sales", "chair"):
        client.force_login(make_user(role))
        shown[role] = "".join(
            client.get(f"/runs/{run.pk}/figures/{key}/").content.decode()
            for key in ("metric:H12", "pool:b200_euw1:allocatable", "request:e_scale:short_by")
        )
    for word in ("e_big", "below 70%", "left out", "b200_lot2", "Scaling study"):
        assert word in shown["chair"], word
        assert word not in shown["sales"], word
    client.force_login(make_user("sales", username="sales3"))
    assert client.get(f"/runs/{run.pk}/figures/request:e_scale:short_by/").status_code == 404


def test_who_loses_money_is_not_told_by_the_terms_of_a_hidden_sum(client: Client) -> None:
    losses = [_hidden_term(f"Loss of {key}", "contract", "exposure", "loss_exposure_usd") for key in CONTRACT_KEYS[:2]]
    run = make_run(changes={"figures": {"metric:H11": {"terms": losses}}})
    # The chair reads a band of the sum: that a contract is among its parts would say that it costs more than it earns.
    for role in ("research", "product", "sales", "chair"):
        client.force_login(make_user(role, username=f"some-{role}"))
        assert "Loss of" not in client.get(f"/runs/{run.pk}/figures/metric:H11/").content.decode()
    client.force_login(make_user("finance"))
    assert "Loss of acme_pt" in client.get(f"/runs/{run.pk}/figures/metric:H11/").content.decode()


def test_a_banded_margin_shows_no_state_beside_its_band(client: Client) -> None:
    """ "On track" beside 40–50% would say that the margin is above the target inside the band."""
    make_run()
    shown = {}
    for role in ("finance", "chair"):
        client.force_login(make_user(role))
        html = client.get("/").content.decode()
        shown[role] = next(row for row in table_cells(html, "Headline metrics") if row[0].startswith("Serving margin"))
    assert shown["finance"][1:3] == ["42.8%", "on track"]
    assert shown["chair"][1:3] == ["40–50%", "—"]


def test_who_viewed_a_price_and_who_took_a_file_is_written_down(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("finance"))
    client.get(f"/runs/{run.pk}/figures/exposure:acme_pt:margin_usd/")
    client.get("/contracts/?format=csv")
    client.get(f"/runs/{run.pk}/document/")
    assert list(
        AuditEvent.objects.filter(action__in=["price_viewed", "exported"]).values_list("action", "subject")
    ) == [
        ("price_viewed", f"exposure:acme_pt:margin_usd of run {run.pk}"),
        ("exported", f"contracts of run {run.pk}"),
        ("exported", f"document of run {run.pk}"),
    ]


def test_why_the_last_run_failed_is_told_to_the_chair_and_not_to_research(client: Client) -> None:
    make_run()
    make_run("dead", error="Contract acme_pt has no price.", error_code="bad_input", fencing_token=99)
    client.force_login(make_user("chair"))
    assert "Contract acme_pt has no price." in client.get("/supply/").content.decode()
    client.force_login(make_user("research"))
    html = client.get("/supply/").content.decode()
    assert "The last run ended without a plan." in html
    assert "acme_pt" not in html

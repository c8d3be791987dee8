"""The page of money: who reads it, that its tables make their totals, what the address chooses, files, empty states."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal as D
from typing import Any

import pgtrigger
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import AuditEvent
from capacity.review.figure_terms import term as figure_term
from capacity.review.models import RunChance, RunFigure, RunRollup, RunScenario
from contracts.models import RunExposure
from tests.factories import make_run, make_user
from tests.factory_names import CONTRACT_NAMES, CUSTOMER_NAMES
from tests.review.pages_under_test import table_cells

pytestmark = pytest.mark.django_db


def text(html: str) -> str:
    return re.sub(r"\s+", " ", html)


def page(client: Client, role: str, address: str = "/money/") -> str:
    client.force_login(make_user(role))
    answer = client.get(address)
    assert answer.status_code == 200
    return text(answer.content.decode())


def file_rows(client: Client, address: str) -> list[dict[str, Any]]:
    answer = client.get(address)
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def test_finance_reads_where_every_dollar_goes_and_what_contracts_earn(client: Client) -> None:
    make_run()
    html = page(client, "finance")
    # Pool A: 1,000 × 168 × $2.00 = 336,000; pool B: 256 × 168 × $4.50 = 193,536; pool C has no rate.
    assert (
        "Accelerators cost at least $530k this week, without 1 pool of unknown cost: 29.3% is consumed by serving"
        in html
    )
    assert "529,536.00" in html
    lines = table_cells(html, "Where every dollar goes")
    assert [row[0] for row in lines][:2] == ["Serving, consumed", "Serving, headroom"]
    # 320 × 0.6 accelerators at $2.00 and 200 × 0.6 at $4.50: 64,512 + 90,720.
    assert lines[0][2:] == ["$155k", "29.3%", "Serving"]
    assert [row[0] for row in table_cells(html, "All contracts, by scenario")] == [
        "Committed", "P10 of use", "Expected (P50)", "P90 of use and every renewal", "Heavy, all at once",
        "Worst, each alone",
    ]  # fmt: skip
    assert "Left out of the sums at P50, and not taken as zero: 1 unsized (delta_pilot)." in html
    assert [row[-1] for row in table_cells(html, "All contracts, by scenario")] == ["1 unsized (delta_pilot)"] * 6
    assert "at P90 of use and every renewal" in html
    assert "Envelope, at least" in html


def test_the_lines_of_every_span_make_the_envelope_to_the_cent(client: Client) -> None:
    make_run(weeks=20)
    client.force_login(make_user("finance"))
    for span in ("now", "quarter", "all"):
        rows = file_rows(client, f"/money/?span={span}&format=csv&table=envelopes")
        assert [row["Pool"] for row in rows] == ["B200 EU West", "H100 US East", "MI300X US Central"]
        assert rows[2]["Envelope (USD)"] == "unknown cost"
        for row in rows[:2]:
            lines = [D(value) for name, value in row.items() if name not in ("Pool", "Envelope (USD)")]
            assert sum(lines) == D(row["Envelope (USD)"])


@pytest.mark.parametrize("by", ["workload", "model", "tier", "customer", "region", "shape"])
def test_the_parts_of_a_file_sum_to_the_total_to_the_cent(client: Client, by: str) -> None:
    make_run()
    client.force_login(make_user("finance"))
    total = RunRollup.objects.get(dimension="all", scenario="p90")
    rows = file_rows(client, f"/money/?by={by}&scenario=p90&format=csv")
    for column, name in (("Revenue (USD)", "revenue_usd"), ("Margin, loaded (USD)", "margin_usd")):
        assert sum(D(row[column]) for row in rows if row[column] not in ("", "—")) == getattr(total, name)


def test_a_part_opens_to_the_contracts_it_is_a_sum_of(client: Client) -> None:
    make_run()
    html = page(client, "finance", "/money/?by=workload&scenario=worst&part=chat_assistant")
    rows = table_cells(html, "Contracts")
    assert [row[0] for row in rows] == ["Borealis metered", "Acme provisioned"]
    part = RunRollup.objects.get(dimension="workload", part_key="chat_assistant", scenario="worst")
    own = RunScenario.objects.filter(workload_key="chat_assistant", scenario="worst")
    assert sum(row.margin_usd or D(0) for row in own) == part.margin_usd


def test_only_the_contracts_that_are_listed_open_and_in_the_asked_scenario(client: Client) -> None:
    run = make_run()
    shown = {"label": "Margin", "unit": "USD", "formula": "revenue − cost", "methods_anchor": "scenarios-of-use"}
    for key in ("scenario:cygnus_flat:p50", "scenario:cygnus_flat:p90", "money:p90"):
        RunFigure.objects.create(run=run, key=key, value=D(1), resource="pool", field="name", **shown)
    html = page(client, "finance")
    assert "figures/money:p90/" in html
    assert "figures/scenario:" not in html
    html = text(client.get("/money/?by=shape&part=flat_fee&scenario=p90").content.decode())
    assert "figures/scenario:cygnus_flat:p90/" in html
    assert "figures/scenario:cygnus_flat:p50/" not in html


def test_a_region_opens_to_the_contracts_it_serves(client: Client) -> None:
    make_run()
    html = page(client, "finance", "/money/?by=region&part=eu-west-1")
    assert [row[0] for row in table_cells(html, "Contracts")] == ["Cygnus flat fee"]
    nowhere = table_cells(text(client.get("/money/?by=region&part=").content.decode()), "Contracts")
    assert [row[0] for row in nowhere] == ["Delta pilot"]


def test_the_file_by_week_sums_to_the_contracts_row(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    rows = file_rows(client, "/money/?scenario=p90&format=csv&table=exposure-scenario-weeks")
    assert len(rows) == 4 * 4
    acme = [row for row in rows if row["Key"] == "acme_pt"]
    stored = RunScenario.objects.get(contract_key="acme_pt", scenario="p90")
    assert sum(D(row["Revenue (USD)"]) for row in acme) == stored.revenue_usd
    assert sum(D(row["Margin, loaded (USD)"]) for row in acme) == stored.margin_usd
    assert sum(D(row["Margin swing (USD)"]) for row in acme) == stored.margin_swing_usd
    assert AuditEvent.objects.filter(action="exported", subject__startswith="exposure-scenario-weeks").exists()


def test_the_chair_reads_bands_and_no_revenue_of_few_customers(client: Client) -> None:
    make_run()
    html = page(client, "chair")
    totals = table_cells(html, "All contracts, by scenario")
    assert all("–" in row[1] or row[1] == "restricted" for row in totals)
    assert "4,137,193" not in html
    # Every part is of one or two customers: its money is withheld, so that not even its columns are there.
    assert 'Columns <span class="restricted">restricted</span> for your role: Revenue, Reserved cost' in html
    assert all("$" not in cell for row in table_cells(html, "Roll-up") for cell in row)
    assert "restricted" in html[html.index('id="concentration"') :]
    by_week = file_rows(client, "/money/?format=csv&table=exposure-scenario-weeks")
    assert all(row.get("Revenue (USD)", "restricted") == "restricted" for row in by_week)


@pytest.mark.security
def test_the_chair_reads_costs_of_a_contract_at_expected_and_worst_use_and_no_margin(client: Client) -> None:
    run = make_run()
    sight = {"resource": "exposure_scenario", "field": "reserved_cost_usd"}
    shown = {"label": "Cost", "unit": "USD", "formula": "accelerators × rate", "methods_anchor": "scenarios-of-use"}
    for scenario in ("p50", "p90"):
        terms = [
            figure_term("Reserved", D("2126074.18"), "USD", "this run", ("exposure_scenario", "reserved_cost_usd"))
        ]
        RunFigure.objects.create(
            run=run, key=f"scenario:cygnus_flat:{scenario}", value=D("2126074.18"), terms=terms, **shown, **sight
        )
    of_part = page(client, "chair", "/money/?by=shape&part=flat_fee&scenario=p90")
    assert all("$" not in cell for row in table_cells(of_part, "Contracts") for cell in row)
    rows = client.get("/api/v1/exposure-scenarios/?contract_key=acme_pt").json()["results"]
    in_bands = {row["scenario"]: isinstance(row["reserved_cost_usd"], dict) for row in rows}
    assert in_bands == {s: s in ("p50", "worst") for s in ("committed", "p10", "p50", "p90", "heavy", "worst")}
    made_by_its_price = {"margin_usd", "margin_share", "loss_exposure_usd", "expected_credits_usd", "margin_swing_usd"}
    assert all(made_by_its_price <= set(row["restricted"]) for row in rows)
    hidden = next(row for row in rows if row["scenario"] == "p90")
    assert {"margin_usd", "margin_share", "reserved_cost_usd", "loss_exposure_usd"} <= set(hidden["restricted"])
    opened = {
        scenario: client.get(f"/runs/{run.pk}/figures/scenario:cygnus_flat:{scenario}/").content.decode()
        for scenario in ("p50", "p90")
    }
    assert "$2M–$5M" in opened["p50"]
    assert "$2M–$5M" not in opened["p90"]


@pytest.mark.parametrize("role", ["sales", "research", "product"])
@pytest.mark.parametrize(
    "address", ["/money/", "/money/?format=csv", "/api/v1/exposure-rollups/", "/api/v1/money-risk/"]
)
def test_others_do_not_get_in_and_read_no_name(client: Client, role: str, address: str) -> None:
    make_run()
    client.force_login(make_user(role))
    answer = client.get(address)
    assert answer.status_code == 403
    assert not any(name in answer.content.decode() for name in (*CUSTOMER_NAMES, *CONTRACT_NAMES))


@pytest.mark.parametrize("role", ["research", "product"])
def test_scenarios_of_contracts_are_not_for_the_price_blind(client: Client, role: str) -> None:
    run = make_run()
    shown = {"label": "Margin", "unit": "USD", "formula": "revenue − cost", "methods_anchor": "scenarios-of-use"}
    sight = {"resource": "exposure_scenario", "field": "margin_usd"}
    for key in ("scenario:acme_pt:p90", "money:p90"):
        terms = [figure_term("Margin of acme_pt", D("2126074.18"), "USD", "contract", tuple(sight.values()))]
        RunFigure.objects.create(run=run, key=key, value=D("2126074.18"), terms=terms, **shown, **sight)
    client.force_login(make_user(role))
    assert client.get("/api/v1/exposure-scenarios/").status_code == 403
    assert client.get(f"/runs/{run.pk}/figures/scenario:acme_pt:p90/").status_code == 404
    total = client.get(f"/runs/{run.pk}/figures/money:p90/").content.decode()
    assert "2,126,074" not in total
    assert "acme" not in total.casefold()


def test_sales_read_the_scenarios_of_their_own_contracts_only(client: Client) -> None:
    make_run()
    client.force_login(make_user("sales"))
    rows = client.get("/api/v1/exposure-scenarios/?limit=100").json()["results"]
    own = [row for row in rows if row["contract_key"] is not None]
    assert {row["contract_key"] for row in own} == {"acme_pt", "borealis_api"}
    assert {row["revenue_usd"] for row in own if row["scenario"] == "p50"} == {"4137193.31", "2291741.77"}
    assert all(row["revenue_usd"] is None and row["scenario"] is None for row in rows if row not in own)


def test_the_address_chooses_only_what_there_is(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    for query in ("by=mood", "scenario=doom", "span=ever", "part=" + "x" * 81, "sort=contract_key"):
        assert client.get(f"/money/?{query}").status_code in (404, 200)
    assert client.get("/money/?by=mood").status_code == 404
    assert client.get("/money/?scenario=doom").status_code == 404
    assert client.get("/money/?span=ever").status_code == 404


def test_a_plan_from_before_scenarios_says_so(client: Client) -> None:
    assert "There is no plan" in page(client, "finance")
    make_run()
    for model in (RunScenario, RunRollup, RunChance):
        with pgtrigger.ignore(f"review.{model.__name__}:immutable"):
            model.objects.all().delete()
    html = text(client.get("/money/").content.decode())
    assert "Accelerators cost at least $530k this week" in html
    assert "made before chances were drawn" in html
    # Four contracts are in force in it: only their scenarios were not kept.
    assert "No contract is in force in this plan." not in html
    assert html.count("This run is from before this was kept.") == 3
    with pgtrigger.ignore("contracts.RunExposure:immutable"):
        RunExposure.objects.all().delete()
    assert "No contract is in force in this plan." in text(client.get("/money/").content.decode())


def test_the_page_keeps_to_its_queries_and_elements(client: Client) -> None:
    make_run(scale=15)
    client.force_login(make_user("finance"))
    client.get("/methods/")
    for address in ("/money/", "/money/?by=shape&scenario=heavy&part=flat_fee&span=all"):
        with CaptureQueriesContext(connection) as queries:
            html = client.get(address).content.decode()
        assert len(queries) <= 15, address
        assert len(re.findall(r"<[a-z]", html)) <= 2_000

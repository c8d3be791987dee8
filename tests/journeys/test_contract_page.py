"""A contract in a real browser: finance reads it whole, on screen, on paper and as files; research finds none of it."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import NARROW, Checks, pdf_pages, save, sideways
from tests.journeys.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# A flat fee that loses money at three times its use, and one whose lease ends long before it does.
FLAT, OUTLASTS = "CT-14", "CT-12"


def test_finance_go_from_the_portfolio_to_a_contract_and_read_it_whole(visit: Open, checks: Checks) -> None:
    finance = visit("finance")
    page = finance.page
    assert checks.faults(finance, finance.go("/contracts/"), route="portfolio") == []
    page.get_by_role("navigation", name="Rank by").get_by_role("link", name="Capacity", exact=True).click()
    expect(page).to_have_url(re.compile(r"sort=-planned_accelerators"))
    page.get_by_label("Shape").select_option("flat_fee")
    expect(page).to_have_url(re.compile(r"shape=flat_fee"))
    expect(page.locator("tfoot").first).to_contain_text("Total of")
    page.locator("tbody").get_by_role("link", name="Tutor seats, flat fee").click()
    expect(page).to_have_url(re.compile(rf"/contracts/{FLAT}/"))
    table = page.get_by_role("region", name="Use at multiples")
    expect(table.locator("tbody tr")).to_have_count(4)
    expect(table).to_contain_text("loses")
    expect(page.locator("#use-chart .js-plotly-plot .annotation", has_text="break-even")).to_be_visible()
    expect(page.locator("#stands-on tbody tr")).not_to_have_count(0)
    for key in (FLAT, OUTLASTS):
        assert checks.faults(finance, finance.go(f"/contracts/{key}/"), route="contract in full") == []
    expect(page.locator("#term")).to_contain_text("Term mismatch.")
    expect(page.locator("#term")).to_contain_text("weeks uncovered")
    page.locator("#use").get_by_role("link", name="How it is computed").click()
    expect(page.locator("#use-at-multiples")).to_be_visible()


def test_a_contract_prints_on_two_sheets_and_fits_a_phone(visit: Open) -> None:
    finance = visit("finance")
    finance.go(f"/contracts/{OUTLASTS}/")
    page = finance.page
    expect(page.locator("#use-chart .js-plotly-plot")).to_be_visible()
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    save("contract.pdf", pdf)
    assert pdf_pages(pdf) <= 2
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert sideways(page) == 0
    finance.picture("contract-phone")


def test_research_find_neither_the_contract_nor_what_it_earns(visit: Open) -> None:
    finance, research = visit("finance"), visit("research")
    answer = finance.context.request.get(f"{finance.url}/api/v1/contract-multiples/?contract_key={FLAT}")
    rows = answer.json()["results"]
    money = {row[name] for row in rows for name in ("revenue_usd", "margin_usd", "reserved_cost_usd") if row[name]}
    assert len(money) > 3 and rows[0]["curve"]
    secrets = {FLAT, "Orchard", "Tutor seats"} | {
        whole for text in money if len(whole := text.split(".")[0].lstrip("-")) > 4
    }
    for path in (f"/contracts/{FLAT}/", f"/contracts/{FLAT}/?format=csv&table=contract-multiples"):
        assert research.context.request.get(research.url + path).status == 404
    for name in ("contract-multiples", "contract-pools", "contract-lots", "contract-slas"):
        assert research.context.request.get(f"{research.url}/api/v1/{name}/").status == 403
    texts = {
        path: research.context.request.get(research.url + path).text()
        for path in ("/contracts/", "/contracts/?format=csv", "/contracts/?format=csv&table=concentration", "/pipeline/",
                     "/", "/api/v1/exposure/", "/api/v1/schema/", f"/contracts/?q={FLAT}")
    }  # fmt: skip
    told = {
        path: secret for path, text in texts.items() for secret in secrets if secret in text.replace(f"q={FLAT}", "")
    }
    told.pop(f"/contracts/?q={FLAT}", None)  # what they typed stands in the box
    assert told == {}, json.dumps(told)
    assert "HHI" not in texts["/contracts/"]

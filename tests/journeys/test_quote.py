"""A quote in a real browser: it does not fit, an offer does, it becomes a deal, is held, approved, signed and planned."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import Checks, Visit, pdf_pages
from tests.journeys.conftest import Open
from tests.journeys.product import wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ANSWERED_MS = 120_000
NAME, KEY = "Northwind pod of B200", "northwind-pod"
PRICE = "9.4321"
PLAN_SECONDS = 90.0


def wait_for_answer(page: Page) -> None:
    expect(page.locator("#answer")).to_contain_text("Who loses", timeout=ANSWERED_MS)


def is_planned(reader: Visit) -> bool:
    """Whether the current plan has the deal in force."""
    rows = reader.context.request.get(f"{reader.url}/api/v1/exposure/?limit=500").text()
    return f'"{KEY}"' in rows


def test_a_quote_that_does_not_fit_becomes_a_smaller_deal_and_is_planned(visit: Open, checks: Checks) -> None:
    sales = visit("sales")
    page = sales.page
    assert checks.faults(sales, sales.go("/quotes/"), route="quotes") == []
    page.get_by_role("link", name="New quote").click()
    page.get_by_label("Name of the quote").fill(NAME)
    page.locator("[name=c-customer]").select_option("northwind")
    page.locator("[name=c-shape]").select_option("dedicated_accelerators")
    page.locator("[name=c-accelerator_type]").select_option("b200")
    page.locator("[name=price_lines-0-kind]").select_option("accelerator_hour")
    page.locator("[name=price_lines-0-price]").fill(PRICE)
    page.locator("[name=commit_steps-0-kind]").select_option("accelerators")
    page.locator("[name=commit_steps-0-quantity]").fill("900")
    expect(page.locator("#quick")).to_contain_text("lowest price", ignore_case=True)
    page.get_by_role("button", name="Full answer").click()
    wait_for_answer(page)
    expect(page.locator("#answer")).to_contain_text("Does not fit")
    path = "/" + page.url.split("/", 3)[3]
    assert checks.faults(sales, sales.go(path), route="quote") == []
    assert checks.faults(sales, sales.go("/quotes/new/"), route="quote-new") == []
    sales.go(path)

    page.locator("#offers tbody tr").nth(1).get_by_role("button", name="Take").click()
    wait_for_answer(page)
    expect(page.locator("#answer")).to_contain_text("Fits from")
    assert pdf_pages(sales_sheet(page)) == 1
    page.locator("#deal-key").fill(KEY)
    page.get_by_role("button", name="Make it a deal").click()
    expect(page).to_have_url(re.compile(rf"/contracts/{KEY}/$"))
    page.get_by_role("button", name="Try as a what-if").click()
    page.get_by_label("Probability").fill("30")
    page.get_by_label("Expires on").fill((datetime.now(UTC).date() + timedelta(days=14)).isoformat())
    page.get_by_role("button", name="Hold accelerators").click()
    expect(page.locator("body")).to_contain_text("The next plan keeps it")
    page.get_by_role("button", name="Submit to finance").click()

    finance = visit("finance")
    finance.go(f"/contracts/{KEY}/")
    finance.page.get_by_role("button", name="Approve").click()
    expect(finance.page.locator("main")).to_contain_text("waits for the signature")
    finance.page.get_by_role("button", name="Record the signature").click()
    expect(finance.page.locator("main")).to_contain_text("Signed")
    wait_for(lambda: is_planned(finance), seconds=PLAN_SECONDS, what="a plan with the deal in force")
    finance.go("/")
    expect(finance.page.locator("main")).to_contain_text(re.compile(KEY))


def sales_sheet(page: Page) -> bytes:
    """The quote on screen as one sheet of paper."""
    page.get_by_role("link", name="One page").click()
    page.wait_for_load_state("networkidle")
    pdf = page.pdf(prefer_css_page_size=True)
    page.go_back()
    return pdf


@pytest.mark.parametrize("role", ["research", "product"])
def test_research_and_product_read_no_price_of_the_quote(visit: Open, role: str) -> None:
    reader = visit(role)
    for path in ("/quotes/", "/quotes/new/", "/quotes/compare/"):
        reader.go(path, status=403)
        reader.wrong.clear()
    for path in ("/", "/contracts/", "/pipeline/", "/scenarios/"):
        reader.go(path)
        assert PRICE not in reader.main() and "Northwind" not in reader.main()

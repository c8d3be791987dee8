"""Money in a real browser: where every dollar goes, a roll-up chosen by the address, and a number opened to its inputs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import NARROW, WIDE, Checks, sideways
from tests.journeys.conftest import Open
from tests.journeys.meeting import wait_for_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_finance_goes_from_the_verdict_to_the_inputs_of_a_number(visit: Open, checks: Checks) -> None:
    finance = visit("finance")
    page = finance.page
    finance.go("/")
    wait_for_plan(finance)
    assert checks.faults(finance, finance.go("/money/"), route="money") == []
    expect(page.locator("main")).to_contain_text(re.compile(r"Accelerators cost (at least )?\$\S+ this week"))
    page.locator("#rollup select[name=by]").select_option("customer")
    page.locator("#rollup select[name=scenario]").select_option("worst")
    page.locator("#rollup button").click()
    expect(page).to_have_url(re.compile("by=customer.*scenario=worst"))
    part = page.locator("#rollup tbody th a").first
    name = part.inner_text().strip()
    part.click()
    expect(page.locator("#contracts")).to_contain_text(name)
    page.locator("#contracts tbody td.n a").first.click()
    opened = page.locator("#drawer")
    expect(opened).to_be_visible()
    expect(opened).to_contain_text("Σ over weeks in term of revenue − reserved cost")
    expect(opened).to_contain_text("Worst, each alone")


def test_the_page_fits_a_phone(visit: Open) -> None:
    finance = visit("finance")
    finance.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    finance.go("/money/?by=shape&part=flat_fee&scenario=worst")
    assert sideways(finance.page) == 0
    finance.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def test_sales_research_and_product_are_not_offered_it_and_do_not_get_in(visit: Open) -> None:
    for role in ("sales", "research", "product"):
        window = visit(role)
        window.go("/workloads/")
        assert "/money/" not in window.offered()
        window.go("/money/", status=403)
        window.wrong.clear()


def test_the_chair_reads_bands(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    assert checks.faults(chair, chair.go("/money/?by=customer"), route="money-chair") == []
    rows = chair.page.locator("#scenarios tbody tr")
    assert rows.count() == 6
    shown = rows.nth(2).locator("td").all_inner_texts()
    assert any("–" in cell for cell in shown)
    assert not any(re.fullmatch(r"\$[\d.]+[MBk]", cell.strip()) for cell in shown)

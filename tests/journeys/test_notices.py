"""Notices in a real browser: the count in the frame, one opened and read, choosing how to be told, on a phone too."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import NARROW, WIDE, Checks, sideways
from tests.journeys.conftest import Open
from tests.journeys.meeting import wait_for_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

# The scheduler tells once a minute; on a busy machine the first time may be late.
TOLD_WITHIN = 150


def test_product_reads_what_it_is_told_and_chooses_how(visit: Open, checks: Checks) -> None:
    product = visit("product")
    page = product.page
    product.go("/")
    wait_for_plan(product)
    until = time.monotonic() + TOLD_WITHIN
    product.go("/account/notices/")
    while not page.locator(".notices > li").count():
        assert time.monotonic() < until, "nothing was told"
        time.sleep(5)
        product.go("/account/notices/")
    assert checks.faults(product, product.go("/account/notices/"), route="notices") == []
    unread = page.locator(".notices > .is-unread").count()
    expect(page.locator("main")).to_contain_text(f"{unread} unread.")
    expect(page.locator("summary[aria-label*='unread notice']")).to_be_visible()
    page.locator(".notices a").first.click()
    expect(page).to_have_url(re.compile(r"/workloads/[\w-]+/$"))
    page.go_back()
    page.get_by_role("button", name=re.compile("^Mark read")).first.click()
    expect(page.locator(".notices > .is-unread")).to_have_count(unread - 1)
    page.get_by_label("Forecast missing", exact=True).select_option("digest")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errorlist")).to_contain_text("Say where e-mails should go")
    expect(page.get_by_label("Forecast missing", exact=True)).to_have_value("digest")
    # The browser notes every answer that is no success; this one is meant.
    product.wrong.clear()
    page.get_by_label(re.compile("^E-mail address")).fill("pia@example.org")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".strip-good")).to_contain_text("Saved.")
    expect(page.get_by_label("Forecast missing", exact=True)).to_have_value("digest")


def test_the_page_fits_a_phone_and_sales_read_of_no_request(visit: Open) -> None:
    sales = visit("sales")
    sales.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    sales.go("/account/notices/")
    assert sideways(sales.page) == 0
    expect(sales.page.locator("main")).not_to_contain_text("Request")
    sales.page.set_viewport_size(WIDE)  # type: ignore[arg-type]

"""The data behind the review in a real browser: an edit with its history, a foreign file, and a second person's yes."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import Checks
from tests.journeys.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
FACILITIES = (
    b"Site ID,Site name,Region,Power (MW)\nnorthfield,Northfield 1,us-north,12.5\nsouthfield,Southfield 2,us-south,8\n"
)
LOT, CONTRACT = "/data/lots/MI325X-1/", "/data/contracts/CT-31~1/"


def test_an_edit_says_why_and_can_be_taken_back(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    page = chair.page
    chair.go(LOT + "edit/")
    page.get_by_label("Note", exact=False).first.fill("Fans replaced in March")
    page.get_by_label("Why", exact=False).fill("Told by the hall")
    page.get_by_role("button", name="Save").click()
    history = page.locator("#history")
    expect(history).to_contain_text("“Told by the hall”")
    expect(history).to_contain_text("Fans replaced in March")
    history.get_by_role("button", name="Undo").first.click()
    expect(page.locator("#history li").first).to_contain_text("→")
    assert page.locator("dl.told").filter(has_text="Fans replaced in March").count() == 0
    assert checks.faults(chair, chair.go(LOT), route="row") == []


def test_a_foreign_file_is_read_looked_at_applied_and_taken_back(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    page = chair.page
    faults = checks.faults(chair, chair.go("/imports/new/"), route="import-new")
    page.set_input_files("input[type=file]", [{"name": "facilities.csv", "mimeType": "text/csv", "buffer": FACILITIES}])
    page.get_by_label("Source").fill("facilities")
    page.get_by_role("button", name="Look at them").click()
    page.get_by_label("Table of facilities.csv").select_option("sites")
    page.get_by_role("button", name="Set", exact=True).click()
    for heading, column in (
        ("Site ID", "key"),
        ("Site name", "name"),
        ("Region", "region"),
        ("Power (MW)", "power_kw"),
    ):
        expect(page.get_by_label(f"Column for {heading}", exact=True)).to_have_value(column)
    # A heading that says another unit waits for somebody to say so.
    page.get_by_label("Unit of Power (MW)").select_option("MW")
    page.get_by_role("button", name="Read it this way").click()
    expect(page.locator("main")).to_contain_text("2 rows would be added or changed")
    expect(page.locator("main")).to_contain_text("12500")
    address = re.sub(r"^https?://[^/]+", "", page.url)
    faults += checks.faults(chair, chair.go(address), route="upload")
    page.get_by_role("button", name="Apply 2 rows").click()
    expect(page.locator("main")).to_contain_text("added")
    batch = re.sub(r"^https?://[^/]+", "", page.url)
    chair.go("/data/sites/northfield/")
    expect(page.locator("main")).to_contain_text("12,500")
    faults += checks.faults(chair, chair.go(batch), route="import")
    page.get_by_role("button", name=re.compile("Undo")).click()
    chair.go("/data/sites/northfield/", status=404)
    assert faults == [], "\n".join(faults)


def test_a_contract_in_force_changes_when_a_second_person_says_so(visit: Open, checks: Checks) -> None:
    finance, controller = visit("finance"), visit("controller")
    finance.go(CONTRACT + "edit/")
    finance.page.get_by_label("Name", exact=False).first.fill("Copilot seats, all courts")
    finance.page.get_by_label("Why", exact=False).fill("Renamed by the customer")
    finance.page.get_by_role("button", name="Save").click()
    expect(finance.page.locator("main")).to_contain_text("Copilot seats, all courts")
    proposal = re.sub(r"^https?://[^/]+", "", finance.page.url)
    assert finance.page.get_by_role("button", name="Approve").count() == 0, "nobody approves their own"
    finance.go(CONTRACT)
    expect(finance.page.locator("h1")).not_to_contain_text("all courts")
    faults = checks.faults(controller, controller.go(proposal), route="proposal")
    controller.page.get_by_role("button", name="Approve").click()
    finance.go(CONTRACT)
    expect(finance.page.locator("h1")).to_contain_text("Copilot seats, all courts")
    expect(finance.page.locator("#history")).to_contain_text("approved by")
    assert faults == [], "\n".join(faults)


def test_research_finds_no_contract_and_no_price_among_the_data(visit: Open) -> None:
    research = visit("research")
    research.go("/data/")
    index = research.page.locator("main").inner_text()
    assert "Lots" in index
    assert "Prices of contracts" not in index and "Customers" not in index
    for address in ("/data/contracts/", "/data/price-lines/", "/data/customers/", CONTRACT):
        research.go(address, status=403)


def test_long_lists_print_from_the_first_page_and_the_audit_log_stays_within_it(visit: Open) -> None:
    for username, address in (("chair", "/data/lots/"), ("auditor", "/audit/")):
        window = visit(username)
        window.go(address)
        window.page.emulate_media(media="print")
        try:
            # A card that may not break moves whole to the second page, and leaves the first one empty.
            kept = window.page.locator("main .card").first.evaluate("card => getComputedStyle(card).breakInside")
            assert username == "auditor" or kept == "auto"
            assert window.page.evaluate("document.documentElement.scrollWidth") <= window.page.viewport_size["width"]
        finally:
            window.page.emulate_media(media="screen")

"""A request without a place in a real browser: try its smallest change, watch it being answered, read what would move."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import Checks
from tests.journeys.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ANSWERED_MS = 120_000


def test_a_smallest_change_is_tried_and_the_answer_names_what_moves(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    page = chair.page
    chair.go("/requests/")
    row = page.locator("#unplaced tbody tr").filter(has=page.get_by_role("button", name="Try it")).first
    name = row.locator("th").inner_text().strip()
    row.get_by_role("button", name="Try it").first.click()
    expect(page).to_have_url(re.compile(r"/scenarios/[0-9a-f-]{36}/$"))
    answer = page.locator("#answer")
    expect(answer).to_contain_text("Full answer", timeout=ANSWERED_MS)
    placed = answer.locator("tr").filter(has_text=name)
    expect(placed).to_contain_text("Placed")
    expect(answer).to_contain_text("Quick said")
    assert page.locator("#answer[data-hx-get]").count() == 0
    path = "/" + page.url.split("/", 3)[3]
    assert checks.faults(chair, chair.go(path), route="scenario") == []
    assert checks.faults(chair, chair.go("/scenarios/"), route="scenarios") == []
    expect(page.locator("tbody")).to_contain_text("Done")


def test_a_lot_is_asked_about_from_its_page(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    page = chair.page
    chair.go("/data/lots/H100-3/")
    page.get_by_role("link", name="What if…").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What if lot H100-3")
    assert checks.faults(chair, chair.go("/scenarios/new/?table=lots&key=H100-3"), route="scenario-new") == []
    page.get_by_role("button", name="Ask what if it were not there").click()
    answer = page.locator("#answer")
    # The full answer may be there before the page asks again; it tells what the quick one said.
    expect(answer).to_contain_text(re.compile("Quick answer|Full answer"), timeout=ANSWERED_MS)
    expect(answer).to_contain_text("placements held")

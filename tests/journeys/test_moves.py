"""A move in a real browser: taken from what the plan suggests, asked about, and accepted by a decision of the meeting."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import Checks
from tests.journeys.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
ANSWERED_MS = 120_000


def test_a_suggested_move_is_proposed_asked_and_accepted(visit: Open, checks: Checks) -> None:
    chair = visit("chair")
    page = chair.page
    assert checks.faults(chair, chair.go("/workloads/moves/"), route="moves") == []
    page.locator("#suggested tbody tr").filter(has_text="Long documents").get_by_role("link", name="Propose").click()
    page.get_by_label("Quality gate").select_option("pass")
    page.get_by_label("Tested on").fill("2026-11-02")
    page.get_by_role("button", name="Propose").click()
    expect(page).to_have_url(re.compile(r"/workloads/moves/caching-docs-frontier/$"))
    page.get_by_role("button", name="Ask what it releases").click()
    saving = page.locator("#saving")
    expect(saving.get_by_text("whole accelerators, every week")).to_be_visible()
    expect(page.locator("#saving[data-hx-get]")).to_have_count(0, timeout=ANSWERED_MS)
    assert checks.faults(chair, chair.go("/workloads/moves/caching-docs-frontier/"), route="move") == []
    expect(saving.locator(".kpi").filter(has_text="On paper")).to_contain_text("$")
    expect(saving.locator(".kpi").filter(has_text="Released").first).to_contain_text(re.compile(r"\d"))
    page.get_by_role("link", name="Accept by a decision").click()
    page.get_by_label("Why", exact=True).fill("Its peers do so.")
    page.get_by_label("What could go wrong").fill("Hits stay below")
    page.get_by_label("Who loses by it").fill("Nobody")
    page.get_by_label("To at most").fill("5000000")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.locator("h1")).to_contain_text("Accepted")
    expect(page.locator("#realised")).to_contain_text("Promised")

"""What the people of a weekly review do in the browser: wait for a plan, freeze, decide; and what they find afterwards.

The meeting itself, two weeks in their order, is the fixtures `first_review` and `second_review` in conftest.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from tests.journeys.browsing import Visit
from tests.journeys.product import wait_for

PLAN_SECONDS = 45.0
# Nothing else of the demo is written like these.
LATE_LOT, LATE_WEEKS = "GB200-3", 6
NEW_PRICE = "14.3797"
PRICE_WORDS = re.compile(r"\b14\.3797|\$14\.38\b")
OPTION = "Rent 128 accelerators for two weeks"
ACTION = "Ask two providers for an offer"


@dataclass(frozen=True)
class Frozen:
    """A review as it was when it was frozen and its decisions recorded."""

    path: str
    main: str


def week_of(page: Page) -> str:
    """The week the review on screen is of, such as 2026-W47."""
    found = re.match(r"Review (\S+)", page.title())
    assert found, page.title()
    return found[1]


def run_of(page: Page) -> int:
    """The run the review on screen reads."""
    href = page.locator("main a[href^='/runs/']").first.get_attribute("href")
    found = re.match(r"/runs/(\d+)/", href or "")
    assert found, href
    return int(found[1])


def week_after(week: str) -> str:
    monday = datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC)
    return (monday + timedelta(weeks=1)).strftime("%G-W%V")


def is_up_to_date(visit: Visit) -> bool:
    return visit.context.request.get(f"{visit.url}/plan/status/").text().find("strip-good") >= 0


def wait_for_plan(visit: Visit, *, seconds: float = PLAN_SECONDS) -> None:
    wait_for(lambda: is_up_to_date(visit), seconds=seconds, what="a plan that reads the latest inputs")


def wait_for_live_week(visit: Visit, week: str) -> None:
    def is_live() -> bool:
        visit.go("/")
        return week_of(visit.page) == week

    wait_for(is_live, seconds=PLAN_SECONDS, what=f"a plan that starts in {week}")
    wait_for_plan(visit)
    visit.go("/")


def freeze(visit: Visit) -> str:
    """The chair freezes the review on screen; its week."""
    week = week_of(visit.page)
    visit.page.get_by_role("link", name="Freeze", exact=True).click()
    expect(visit.page.locator(".verdict")).to_contain_text("cannot be undone")
    visit.page.get_by_role("button", name=f"Freeze {week}").click()
    visit.page.wait_for_url(f"**/reviews/{week}/")
    return week


def record_decision(visit: Visit) -> None:
    """A decision of two options with one action, on the review on screen; ends on that review."""
    page, back = visit.page, visit.page.url
    page.get_by_role("link", name="Record a decision").click()
    today = datetime.now(UTC).date()
    first, second, action = page.locator("fieldset.option").nth(0), page.locator("fieldset.option").nth(1), "actions-0-"
    page.get_by_label("What is decided").fill("Cover the short weeks of H200 Shannon?")
    page.get_by_label("Kind").select_option("lease_or_cloud")
    expect(first.get_by_label("Option", exact=False).first).to_have_value("Do nothing")
    first.get_by_label("Risk").fill("A promise breaks")
    first.get_by_label("Who loses").fill("One customer")
    second.get_by_label("Option", exact=False).first.fill(OPTION)
    second.get_by_label("Accelerators").fill("128")
    second.get_by_label("Risk").fill("Delivery may slip")
    second.get_by_label("Who loses").fill("Nobody")
    page.locator("[name=chosen][value='1']").check()
    page.locator("[name=reason]").fill("The promise is worth more than the rent.")
    page.locator("[name=effect_metric]").select_option("H1")
    page.locator("[name=effect_target]").fill("100")
    page.locator("[name=effect_by_date]").fill((today + timedelta(weeks=4)).isoformat())
    page.locator("[name=review_back_date]").fill((today + timedelta(weeks=6)).isoformat())
    page.locator("[name=owner_role]").first.select_option("product")
    page.locator(f"[name={action}title]").fill(ACTION)
    page.locator(f"[name={action}owner_role]").select_option("finance")
    page.locator(f"[name={action}due_date]").fill((today + timedelta(days=10)).isoformat())
    page.get_by_role("button", name="Record the decision").click()
    page.wait_for_url("**/decisions/D-*/")
    expect(page.locator("main")).to_contain_text(OPTION)
    visit.picture("decision")
    page.goto(back)


@dataclass(frozen=True)
class Edited:
    """The live review of the second week after an edit; `strip` is what the very next page said about the plan."""

    path: str
    strip: str

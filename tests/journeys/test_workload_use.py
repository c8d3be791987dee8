"""What was used, in a real browser: hours come by file, a measured peak is taken over, and the short week is looked at."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import NARROW, WIDE, Checks, Visit, sideways
from tests.journeys.conftest import Open
from tests.journeys.meeting import PLAN_SECONDS, wait_for_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

PATH = "/workloads/actuals/"


def weeks_told(visitor: Visit) -> list[str]:
    rows = visitor.context.request.get(f"{visitor.url}/api/v1/actuals/?limit=500").json()["results"]
    return sorted({row["week"] for row in rows if row["workload_key"] == "assistant-mid"})


def a_week_of_hours(week: str) -> bytes:
    """168 hours of the assistant in a week: a thousand tokens each, nothing turned away."""
    monday = datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC)
    head = "workload,hour_at,input_tokens,output_tokens,requests,throttled_requests,late_requests,source_ref"
    hours = (monday + timedelta(hours=hour) for hour in range(168))
    lines = (f"assistant-mid,{hour:%Y-%m-%dT%H:%M:%SZ},600000000,400000000,1000,0,0,demo-gateway" for hour in hours)
    return "\n".join([head, *lines]).encode()


def week_before(week: str) -> str:
    monday = datetime.strptime(f"{week}-1", "%G-W%V-%u").replace(tzinfo=UTC)
    return (monday - timedelta(weeks=1)).strftime("%G-W%V")


def bring(page: Page, content: bytes) -> None:
    page.set_input_files("input[type=file]", [{"name": "usage_hours.csv", "mimeType": "text/csv", "buffer": content}])
    page.get_by_label("Source").fill("gateway")
    page.get_by_role("button", name="Look at them").click()
    page.get_by_role("button", name=re.compile("^Apply")).click()
    expect(page.locator("main, header").first).to_be_visible()


def test_product_brings_use_takes_a_measured_peak_over_and_reads_the_short_week(visit: Open, checks: Checks) -> None:
    product = visit("product")
    page = product.page
    product.go("/")
    wait_for_plan(product)
    told = weeks_told(product)
    assert len(told) == 2
    product.go("/imports/new/")
    bring(page, a_week_of_hours(week_before(told[0])))
    # What is measured changes no plan by itself; what is taken over does, and its plan reads both.
    product.go(PATH)
    peaks = page.locator("#peaks tbody tr").filter(has_text="Classification and tagging")
    measured = peaks.locator("td").nth(0).inner_text()
    expect(peaks.locator("td").nth(2)).to_have_text("card")
    peaks.get_by_role("button", name="Adopt").click()
    expect(page.locator(".strip-good")).to_contain_text("The card plans with a peak of")
    # Two changes shortly after another may be two plans.
    wait_for_plan(product, seconds=2 * PLAN_SECONDS)
    assert checks.faults(product, product.go(PATH), route="actuals") == []
    expect(peaks).to_contain_text("as planned")
    expect(peaks.locator("td").nth(1)).to_have_text(measured)
    assert weeks_told(product) == [week_before(told[0]), *told]
    page.locator("#tokens").get_by_role("link", name="52 weeks").click()
    expect(page.locator("#tokens")).to_contain_text("3 of 52 ended weeks were counted")
    expect(page.locator("#weeks tbody tr").filter(has_text="Assistant API")).to_have_count(3)
    product.picture("actuals")
    short = page.locator("#short")
    expect(short).to_contain_text(re.compile(r"[\d,]+ tokens a second were asked, [\d,]+ could be carried"))
    expect(short).to_contain_text("the shortest lead time is")
    short.locator("details.twin summary").first.click()
    expect(short.locator("details.twin tbody tr").filter(has_text="Asked in the week")).to_be_visible()


def test_actuals_fit_a_phone_and_research_reads_no_tokens(visit: Open) -> None:
    research = visit("research")
    research.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    research.go(PATH + "?weeks=52")
    assert sideways(research.page) == 0
    expect(research.page.locator("#tokens")).to_contain_text("restricted")
    expect(research.page.locator("#peaks").get_by_role("button")).to_have_count(0)
    research.page.set_viewport_size(WIDE)  # type: ignore[arg-type]

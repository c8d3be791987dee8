"""A request in a real browser: it does not fit, a change is taken, it is sent once, approved, planned, and later moved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import partial
from itertools import product as product_of
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from capacity.lib.horizon import Week
from tests.journeys.browsing import Checks, Visit
from tests.journeys.conftest import Open
from tests.journeys.product import Product, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SIZE, WEEKS, WINDOW = 512, 6, 8
NAME = "Longer contexts, again"
OUTAGE = "no-power-there"
PLAN_SECONDS = 90.0
# Starts that are tried: the demo world has room for it in some weeks and none in others.
STARTS = range(4, 40, 4)
TYPES = ("h100", "h200", "b200")
REFUSAL = re.compile(r"does not fit, short by [\d,]+ in the week of \d+ \w+.*Because ", re.I | re.S)


def windows(monday: date) -> Iterator[dict[str, str]]:
    """Types of accelerators, and windows for them: which of them are full is the plan's affair."""
    for kind, weeks in product_of(TYPES, STARTS):
        first = monday + timedelta(weeks=weeks)
        last = first + timedelta(weeks=WINDOW)
        yield {
            "accelerator_types": kind,
            "earliest_start_date": first.isoformat(),
            "latest_start_date": last.isoformat(),
        }


def answer_to(visitor: Visit, window: dict[str, str]) -> dict[str, Any]:
    """What the plan says to 512 of a type for six weeks in that window, by the API."""
    token = next(each["value"] for each in visitor.context.cookies() if each["name"] == "csrftoken")
    body = {
        "name": NAME,
        "experiment_priority": "P2",
        "purpose": "research",
        "is_model_development": True,
        "accelerators": SIZE,
        "weeks": WEEKS,
        **window,
        "accelerator_types": [window["accelerator_types"]],
    }
    headers = {"X-CSRFToken": token, "Referer": f"{visitor.url}/"}
    reply = visitor.context.request.post(f"{visitor.url}/api/v1/request-answers/", data=body, headers=headers)
    assert reply.status == 200, reply.text()
    return dict(reply.json())


def takes_nobodys_place(changes: list[dict[str, Any]]) -> bool:
    """Whether the first change that a click takes fits beside everything that is planned."""
    first = next((change for change in changes if change["word"]), None)
    return first is not None and first["displaces"] == 0


def fill(page: Page, window: dict[str, str]) -> None:
    page.get_by_label(re.compile("^Accelerators")).fill(str(SIZE))
    page.get_by_label(re.compile("^Weeks")).fill(str(WEEKS))
    page.get_by_label(re.compile("^Start from")).fill(window["earliest_start_date"])
    page.get_by_label(re.compile("^Start by")).fill(window["latest_start_date"])
    for box in page.locator("[name=accelerator_types]").all():
        box.set_checked(box.get_attribute("value") == window["accelerator_types"])
    page.get_by_label("Name").fill(NAME)
    page.get_by_label(re.compile("^Why")).fill("Twice the context halves the errors")


def rows_called(visitor: Visit, path: str, name: str) -> list[dict[str, Any]]:
    reply = visitor.context.request.get(f"{visitor.url}/api/v1/{path}")
    assert reply.status == 200, reply.text()
    return [row for row in reply.json()["results"] if row["name"] == name]


@contextmanager
def no_power(chair: Visit, place: dict[str, Any]) -> Iterator[str]:
    """All of the pool is out of use while the request would lie there; afterwards it is as it was. Gives the pool's name."""
    token = next(each["value"] for each in chair.context.cookies() if each["name"] == "csrftoken")
    headers = {"X-CSRFToken": token, "Referer": f"{chair.url}/"}
    api, pool, start = f"{chair.url}/api/v1", place["pool_key"], Week.parse(place["start_week"])
    weeks = chair.context.request.get(f"{api}/pool-weeks/?pool_key={pool}&week={start.key}").json()["results"]
    row = {
        "key": OUTAGE,
        "pool": pool,
        "kind": "maintenance",
        "accelerators": weeks[0]["allocatable"],
        "starts_date": start.monday.isoformat(),
        "ends_date": start.plus(place["weeks"]).monday.isoformat(),
        "reason": "No power",
    }
    added = chair.context.request.post(f"{api}/outages/", data=row, headers=headers)
    assert added.status == 201, added.text()
    try:
        yield str(chair.context.request.get(f"{api}/pools/{pool}/").json()["name"])
    finally:
        assert chair.context.request.delete(f"{api}/outages/{OUTAGE}/", headers=headers).status == 204


def is_moved(visitor: Visit, key: str) -> bool:
    visitor.go(f"/requests/{key}/")
    return visitor.page.locator("#moved").count() == 1


def test_a_request_that_does_not_fit_becomes_one_that_does_and_is_scheduled(
    product: Product, visit: Open, checks: Checks
) -> None:
    research, chair = visit("research"), visit("chair")
    page = research.page
    assert checks.faults(research, research.go("/requests/new/"), route="request-new") == []
    window = next(
        each
        for each in windows(product.demo_monday)
        if (said := answer_to(research, each))["code"] == "no_place" and takes_nobodys_place(said["changes"])
    )

    fill(page, window)
    expect(page.locator("#answer")).to_contain_text(REFUSAL)
    page.get_by_role("button", name=re.compile("^Take it")).first.click()
    expect(page.locator("#answer")).to_contain_text("Fits from")
    expect(page.get_by_label("Name")).to_have_value(NAME)
    research.picture("request-taken")

    page.get_by_role("button", name="Submit").dblclick()
    expect(page).to_have_url(re.compile(r"/requests/R-\d{4}/$"))
    key = page.url.rstrip("/").rpartition("/")[2]
    assert [row["key"] for row in rows_called(chair, "experiments/?page_size=500", NAME)] == [key]
    expect(page.get_by_role("button", name="Approve")).to_have_count(0)

    assert checks.faults(chair, chair.go(f"/requests/{key}/"), route="request") == []
    chair.page.get_by_role("button", name="Approve").click()
    expect(chair.page.locator("main")).to_contain_text("Approved")
    placed = partial(rows_called, chair, "placements/?limit=500", NAME)
    wait_for(placed, seconds=PLAN_SECONDS, what="the plan has a place for it")
    research.go(f"/requests/{key}/")
    expect(page.locator("h1")).to_contain_text("Scheduled")
    expect(page.locator("#place")).to_contain_text("accelerators", ignore_case=True)
    research.go(f"/requests/placed/?q={key}")
    expect(page.locator("#placed")).to_contain_text(NAME)

    with no_power(chair, placed()[0]) as pool:
        wait_for(partial(is_moved, research, key), seconds=PLAN_SECONDS, what="the plan moved it")
        told = page.locator("#moved")
        expect(told).to_contain_text(re.compile(r"It (lay|had its place) "))
        expect(told).to_contain_text(
            re.compile(f"Why: {re.escape(pool)} has [\\d,]+ fewer in the week of .*outage {OUTAGE} added")
        )
        assert checks.faults(research, research.go(f"/requests/{key}/"), route="request") == []
        research.go("/requests/")
        expect(page.locator("#moved")).to_contain_text(NAME)
        expect(page.locator("#gantt rect.p-before").first).to_be_attached()

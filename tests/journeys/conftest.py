"""One product, one browser and one meeting of two weeks for all journeys of this folder.

Closed with the folder, not with the session: while the browser's driver runs, Django would refuse the database to the
other tests of the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.browsing import QUIET, Checks, Visit
from tests.journeys.meeting import (
    LATE_LOT,
    LATE_WEEKS,
    NEW_PRICE,
    Edited,
    Frozen,
    freeze,
    record_decision,
    run_of,
    wait_for_live_week,
    wait_for_plan,
    week_after,
)
from tests.journeys.product import Product
from tests.run_all import find_browser

STOP_SECONDS = 6.0
Open = Callable[..., Visit]


@pytest.fixture(scope="package")
def product() -> Iterator[Product]:
    """The product, ready; at the end it must stop by one Ctrl-C and leave nothing behind."""
    started = Product()
    try:
        started.wait_ready()
        yield started
    finally:
        seconds, left = started.stop()
        started.remove_folder()
    assert not left, left
    assert seconds < STOP_SECONDS, f"stopping took {seconds:.1f} s"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = find_browser()
    assert path, "no Chromium or Chrome: name one in CHROMIUM_BIN"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def checks() -> Checks:
    return Checks()


@pytest.fixture(scope="package")
def visit(product: Product, browser: Browser) -> Iterator[Open]:
    """`visit("chair")`: that person's window, signed in once and kept; `script=False` for one without script."""
    windows: dict[tuple[str, bool], Visit] = {}

    def window(username: str, *, script: bool = True) -> Visit:
        if (username, script) not in windows:
            windows[username, script] = Visit(browser, product.url, script=script).sign_in(username)
        return windows[username, script]

    yield window
    for each in windows.values():
        each.close()


@pytest.fixture(scope="package")
def first_review(visit: Open) -> Frozen:
    """The first week frozen, with a decision and an action recorded on it."""
    chair = visit("chair")
    chair.go("/")
    wait_for_plan(chair)
    week = freeze(chair)
    record_decision(chair)
    return Frozen(path=f"/reviews/{week}/", main=chair.main())


@pytest.fixture(scope="package")
def second_review(product: Product, visit: Open, first_review: Frozen) -> Edited:
    """The week after: a lot slips and a price changes, and the plan of the new inputs has come."""
    chair = visit("chair")
    week = week_after(first_review.path.split("/")[2])
    wait_for_live_week(chair, week)
    run = run_of(chair.page)
    lot = next(row for row in product.demo_rows("lots") if row["key"] == LATE_LOT)
    for name in ("p50_date", "p90_date"):
        lot[name] = (datetime.fromisoformat(lot[name]) + timedelta(weeks=LATE_WEEKS)).date().isoformat()
    prices = product.demo_rows("price_lines")
    price = next(row for row in prices if (row["contract"], row["kind"]) == ("CT-01", "output"))
    product.import_rows(lots=[lot], price_lines=[price | {"price": NEW_PRICE}])
    chair.go("/")
    strip = chair.page.locator("#plan-strip").inner_text()
    assert run_of(chair.page) == run, "the last plan stays on screen until there is a new one"
    wait_for_plan(chair)
    return Edited(path=f"/reviews/{week}/", strip=strip)

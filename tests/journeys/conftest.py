"""One product and one browser for all journeys of this folder.

Closed with the folder, not with the session: while the browser's driver runs, Django would refuse the database to the
other tests of the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.browsing import QUIET, Checks, Visit
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

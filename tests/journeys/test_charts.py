"""Charts in a real browser, on the style guide's page alone: no product is started, so these take seconds.

Frames can be held back (`requestAnimationFrame` never answers): what a slow machine shows between a change of width and
the next drawing then stays on screen.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from playwright.sync_api import Browser, Page, Route

from capacity.review.styleguide import sample_context
from tests.journeys.browsing import NARROW, WIDE, sideways

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
# A4 upright without its margins, in CSS px.
SHEET = {"width": 718, "height": 1046}
NO_FRAMES = "window.requestAnimationFrame = () => 0"
DRAWING = ".chart .main-svg"
LABEL = ".chart .hoverlayer .legend"


def _answer(route: Route, html: str) -> None:
    path = urlsplit(route.request.url).path
    found = finders.find(path.removeprefix("/static/")) if path.startswith("/static/") else None
    if found:
        kind = mimetypes.guess_type(str(found))[0]
        route.fulfill(body=Path(str(found)).read_bytes(), content_type=kind or "text/plain")
    elif path == "/":
        route.fulfill(body=html, content_type="text/html")
    else:
        route.fulfill(status=404)


@pytest.fixture
def chart_page(browser: Browser, settings: Any) -> Iterator[Callable[..., Page]]:
    """`chart_page(frames=False)`: the style guide in a wide window, its chart drawn."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    html = render_to_string("styleguide.html", sample_context())
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]

    def opened(*, frames: bool = True) -> Page:
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.route("**/*", lambda route: _answer(route, html))
        if not frames:
            page.add_init_script(NO_FRAMES)
        page.goto("http://style.guide/")
        page.wait_for_selector(DRAWING)
        return page

    yield opened
    context.close()


def _wide(page: Page) -> int:
    return int(page.eval_on_selector(DRAWING, "drawing => drawing.getBoundingClientRect().width"))


def test_a_drawing_of_the_old_width_does_not_widen_the_page(chart_page: Callable[..., Page]) -> None:
    page = chart_page(frames=False)
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    assert _wide(page) > NARROW["width"]
    assert sideways(page) == 0


def test_a_drawing_of_the_old_width_does_not_shrink_the_print(chart_page: Callable[..., Page]) -> None:
    page = chart_page(frames=False)
    page.evaluate("Plotly.react = () => 0")
    page.emulate_media(media="print")
    page.set_viewport_size(SHEET)  # type: ignore[arg-type]
    assert _wide(page) > SHEET["width"]
    assert sideways(page) == 0


def test_a_chart_takes_the_new_width_in_the_next_frame(chart_page: Callable[..., Page]) -> None:
    page = chart_page()
    page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    page.wait_for_function(f"document.querySelector('{DRAWING}').getBoundingClientRect().width < {NARROW['width']}")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "phone"])
def test_the_label_under_the_pointer_is_whole(chart_page: Callable[..., Page], size: dict[str, int]) -> None:
    page = chart_page()
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.wait_for_function(f"document.querySelector('{DRAWING}').getBoundingClientRect().width < {size['width']}")
    page.locator(".chart").scroll_into_view_if_needed()
    box = page.locator(".chart").bounding_box()
    assert box
    for share in (0.2, 0.5, 0.7):
        page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2)
        page.wait_for_selector(LABEL)
        label = page.locator(LABEL).bounding_box()
        assert label and label["width"] > 50
        assert box["x"] <= label["x"] and label["x"] + label["width"] <= box["x"] + box["width"]
        assert box["y"] <= label["y"] and label["y"] + label["height"] <= box["y"] + box["height"]

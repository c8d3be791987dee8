"""Lists whose rows stand as cards on a phone, in a real browser: everything of a row is in reach and nothing is cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import COLOUR_RULES, NARROW, WIDE, Visit, sideways, violations
from tests.journeys.conftest import Open
from tests.journeys.meeting import wait_for_plan

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# Whether the middle of an element is what a finger there would touch.
ON_TOP = """element => { const box = element.getBoundingClientRect();
    return element.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2)); }"""
# By how much a box hides of what is in it: to the side and below.
HIDDEN = "box => [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight]"


@pytest.fixture
def phone(visit: Open) -> Iterator[Visit]:
    chair = visit("chair")
    chair.go("/")
    wait_for_plan(chair)
    chair.page.set_viewport_size(NARROW)  # type: ignore[arg-type]
    yield chair
    chair.page.set_viewport_size(WIDE)  # type: ignore[arg-type]


def within(page: Page, selector: str) -> list[str]:
    """What of the selected is not between the left and the right edge of the screen; what is left out is not looked at."""
    found = []
    for each in page.locator(selector).locator("visible=true").all():
        box = each.bounding_box()
        if not box or box["x"] < 0 or box["x"] + box["width"] > NARROW["width"]:
            found.append(f"{each.inner_text()[:60]!r} at {box}")
    return found


@pytest.mark.parametrize(
    ("path", "card"),
    [("/requests/", "#unplaced"), ("/supply/", "#shortfall-remedies"), ("/", "#shortages"), ("/", "#workloads")],
)
def test_cards_hide_nothing_to_the_side_or_below(phone: Visit, path: str, card: str) -> None:
    phone.go(path)
    assert phone.page.locator(f"{card} tbody tr").count() > 0
    assert phone.page.locator(f"{card} .cards").evaluate(HIDDEN) == [0, 0]
    assert within(phone.page, f"{card} tbody :is(th, td)") == []
    left_out = phone.page.locator(f"{card} tbody :is(th, td)").locator("visible=false").all_text_contents()
    assert {text.strip() for text in left_out} <= {"", "—"}
    assert sideways(phone.page) == 0


def test_every_request_without_a_place_and_every_try_is_in_reach(phone: Visit) -> None:
    phone.go("/requests/")
    rows, tries = phone.page.locator("#unplaced tbody tr"), phone.page.locator("#unplaced tbody button")
    assert tries.count() >= rows.count() > 1
    for each in [*rows.locator("th").all(), *tries.all()]:
        each.scroll_into_view_if_needed()
        expect(each).to_be_visible()
        assert each.evaluate(ON_TOP), each.inner_text()
    assert within(phone.page, "#unplaced tbody button") == []


def test_cards_are_sorted_by_the_links_above_them(phone: Visit) -> None:
    phone.go("/requests/")
    page = phone.page
    link = page.locator("#unplaced thead").get_by_role("link", name="Short by")
    assert within(page, "#unplaced thead a") == []
    link.click()
    expect(page).to_have_url(re.compile(r"sort=-short_by"))
    expect(page.locator("#unplaced [aria-sort='descending']")).to_be_visible()
    texts = page.locator("#unplaced tbody td[data-label='Short by']").all_inner_texts()
    numbers = [int(found[0].replace(",", "")) for text in texts if (found := re.search(r"[\d,]+", text))]
    assert len(numbers) > 1 and numbers == sorted(numbers, reverse=True)


@pytest.mark.parametrize("path", ["/requests/", "/supply/", "/"])
def test_cards_and_the_strips_of_scarcity_are_accessible_on_a_phone(phone: Visit, path: str) -> None:
    phone.go(path)
    if path == "/supply/":
        expect(phone.page.locator("#next-node .heat").first).to_be_visible()
    assert violations(phone.page) == []
    phone.page.emulate_media(color_scheme="dark")
    assert violations(phone.page, runOnly=COLOUR_RULES) == []
    phone.page.emulate_media(color_scheme="light")
    assert phone.wrong == []


@pytest.mark.parametrize("path", ["/requests/", "/supply/"])
def test_on_a_wide_screen_no_list_of_the_page_runs_off_to_the_side(visit: Open, path: str) -> None:
    chair = visit("chair")
    chair.go(path)
    assert (
        chair.page.locator(".scroll").evaluate_all(
            "boxes => boxes.filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.ariaLabel)"
        )
        == []
    )

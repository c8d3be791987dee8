"""The two weekly reviews as every role meets them: each page they are offered, what they must not read, print and keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import NARROW, WIDE, Checks, Visit, every_text, pdf_pages, save
from tests.journeys.conftest import Open
from tests.journeys.meeting import PRICE_WORDS, Edited, Frozen
from tests.journeys.product import Product

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
MEETING = ("chair", "finance", "sales", "research", "product", "exec")
DETAILS = {
    "contract": r"^/contracts/[^/?]+/$",
    "pool": r"^/supply/[^/?]+/$",
    "run": r"^/runs/\d+/$",
    "figure": r"^/runs/\d+/figures/",
    "decision": r"^/decisions/D-\d+/$",
    "action": r"^/actions/A-\d+/$",
    "decision-new": r"^/decisions/new/",
    "action-new": r"^/actions/new/",
    "freeze": r"/freeze/$",
    "frozen review": r"^/reviews/[^/]+/$",
}


# --- every role, every page ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", MEETING)
def test_every_page_a_role_is_offered_is_clean_light_and_accessible(
    role: str, visit: Open, checks: Checks, second_review: Edited
) -> None:
    person = visit(role)
    person.go("/")
    offered = person.offered()
    assert len(offered) >= 7, offered
    todo, seen, faults = {path: path for path in ["/", *offered]}, set(), []
    while todo:
        route, path = todo.popitem()
        seen.add(route)
        answer = person.go(path)
        faults += checks.faults(person, answer, route=route)
        links = person.page.eval_on_selector_all("main a[href]", "links => links.map((l) => l.getAttribute('href'))")
        for name, form in DETAILS.items():
            found = next((link for link in links if re.search(form, link)), None)
            if found and name not in seen:
                todo[name] = found
    assert {"run", "figure"} <= seen
    assert faults == [], "\n".join(faults)


def test_the_files_every_page_loads_stay_small(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    sources = chair.page.eval_on_selector_all(
        "link[rel=stylesheet], script[src]", "all => all.map((one) => one.href || one.src)"
    )
    own: dict[str, int] = {"css": 0, "js": 0}
    for source in sources:
        if found := re.search(r"/static/(css|js)/", source):
            answer = chair.context.request.get(source, headers={"Accept-Encoding": "gzip"})
            assert answer.headers.get("content-encoding") == "gzip", source
            own[found[1]] += int(answer.headers["content-length"])
    assert 0 < own["css"] <= 8000, own
    assert 0 < own["js"] <= 8000, own


def test_research_and_product_never_read_a_customer_a_contract_or_a_price(
    product: Product, visit: Open, second_review: Edited
) -> None:
    contracts, customers = product.demo_rows("contracts"), product.demo_rows("customers")
    names = {row["name"] for row in contracts + customers} | {row["key"] for row in contracts + customers}
    words = re.compile("|".join(rf"\b{re.escape(name)}\b" for name in sorted(names)))
    for role in ("research", "product"):
        person = visit(role)
        person.go("/")
        texts = every_text(person, ["/", *person.offered(), *_api(person)])
        told = {path: found[0] for path, text in texts.items() if (found := words.search(text))}
        told |= {path: found[0] for path, text in texts.items() if (found := PRICE_WORDS.search(text))}
        assert told == {}, f"{role}: {told}"
        assert len(texts) > 50


def test_sales_never_read_a_floor_figure(visit: Open, second_review: Edited) -> None:
    sales = visit("sales")
    sales.go("/")
    texts = every_text(sales, ["/", *sales.offered(), *_api(sales)])
    told = {
        path: found
        for path, text in texts.items()
        if path not in {"/methods/", "/styleguide/"} and (found := floor_figures(text))
    }
    assert told == {}
    chair = visit("chair")
    chair.go("/")
    assert floor_figures(chair.page.content()), "the chair reads it, so this test could fail"


def floor_figures(text: str) -> list[str]:
    """A per cent after the word in what is read, a number beside the field in data, the line in a chart."""
    read = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
    said = re.findall(r"[Ff]loor(?: [\w,]+){0,4} \d+(?:\.\d+)?\s?%", read)
    return said + re.findall(r'"floor\w*": ?"?\d|"name": ?"Floor', text)


def _api(person: Visit) -> list[str]:
    """The tables of the API this person may read."""
    schema = person.context.request.get(f"{person.url}/api/v1/schema/", headers={"Accept": "application/json"})
    paths = re.findall(r"/api/v1/[\w-]+/", schema.text())
    return [path for path in dict.fromkeys(paths) if person.context.request.get(person.url + path).ok]


def test_auditor_and_admin_land_on_their_own_pages_and_the_review_refuses_them_with_an_audit_row(
    visit: Open, first_review: Frozen
) -> None:
    auditor, admin = visit("auditor"), visit("admin")
    for person, own in ((auditor, "/audit/"), (admin, "/people/")):
        person.go("/")
        assert person.page.url == person.url + own
        person.go(first_review.path, status=403)
        assert person.page.locator("h1").inner_text() == "This page is not for your role"
    week = first_review.path.split("/")[2]
    for action, who, subject in (
        ("denied", "auditor", first_review.path),
        ("denied", "admin", first_review.path),
        ("signed_in", "admin", "admin"),
        ("review_frozen", "chair", week),
    ):
        auditor.go(f"/audit/?action={action}&username={who}")
        expect(auditor.page.locator("main tbody")).to_contain_text(subject)
    auditor.go("/audit/")
    auditor.picture("audit")


# --- print, keys ---------------------------------------------------------------------------------------------------------


def test_the_printed_review_begins_with_its_verdict_on_a_bounded_number_of_pages(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    chair.page.emulate_media(media="print")
    verdict, header = chair.page.locator(".verdict"), chair.page.locator("header.top")
    box = verdict.bounding_box()
    assert box and box["y"] < 200, box
    assert header.bounding_box() is None or not header.is_visible()
    pdf = chair.page.pdf(format="A4", landscape=False, print_background=True)
    chair.page.emulate_media(media="screen")
    save("review.pdf", pdf)
    assert 2 <= pdf_pages(pdf) <= 12


def test_keys_turn_the_theme_list_the_keys_step_through_weeks_and_find(
    visit: Open, first_review: Frozen, second_review: Edited
) -> None:
    chair = visit("chair")
    page, press = chair.page, chair.page.keyboard.press
    chair.go(second_review.path)
    colour: Callable[[], Any] = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")  # noqa: E731
    before = colour()
    press("d")
    assert colour() != before
    press("d")
    assert colour() == before
    press("?")
    expect(page.locator("#keys")).to_be_visible()
    press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    press("[")
    page.wait_for_url(f"**{first_review.path}")
    press("]")
    page.wait_for_url(f"**{second_review.path}")
    chair.go("/workloads/")
    press("/")
    expect(page.locator("input[type=search]")).to_be_focused()


def test_pictures_of_the_key_pages_are_left_for_people_to_look_at(visit: Open, second_review: Edited) -> None:
    light, dark = "light", "dark"
    for role, path, size, scheme in (
        ("chair", "/", WIDE, light),
        ("chair", "/", WIDE, dark),
        ("chair", "/", NARROW, light),
        ("sales", "/", WIDE, light),
        ("research", "/", NARROW, dark),
        ("research", "/requests/", WIDE, light),
    ):
        person = visit(role)
        person.go(path)
        person.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        person.page.set_viewport_size(size)  # type: ignore[arg-type]
        person.picture(f"{role}-{path.strip('/') or 'review'}-{size['width']}-{scheme}")
        person.page.emulate_media(color_scheme="light")
        person.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        assert person.wrong == []

"""Two weekly reviews lived through in a real browser on the real product, started by its launcher.

One file, so that the product starts once. The fixtures `first_review` and `second_review` are the meeting: each does its
part when a test first needs it, in the order of the weeks.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.browsing import NARROW, WIDE, Checks, Visit, every_text, pdf_pages, save, violations
from tests.journeys.conftest import Open
from tests.journeys.product import Product, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# Of the two workers the one that plans; the other answers what-ifs.
PLAN_WORKER = r"celery .*worker .*--queues celery "
PLAN_SECONDS = 45.0
# Nothing else of the demo is written like these.
LATE_LOT, LATE_WEEKS = "GB200-3", 6
NEW_PRICE = "14.3797"
PRICE_WORDS = re.compile(r"\b14\.3797|\$14\.38\b")
OPTION = "Rent 128 accelerators for two weeks"
ACTION = "Ask two providers for an offer"
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


def wait_for_plan(visit: Visit) -> None:
    wait_for(lambda: is_up_to_date(visit), seconds=PLAN_SECONDS, what="a plan that reads the latest inputs")


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


@pytest.fixture(scope="module")
def first_review(visit: Open) -> Frozen:
    """The first week frozen, with a decision and an action recorded on it."""
    chair = visit("chair")
    chair.go("/")
    wait_for_plan(chair)
    week = freeze(chair)
    record_decision(chair)
    return Frozen(path=f"/reviews/{week}/", main=chair.main())


@dataclass(frozen=True)
class Edited:
    """The live review of the second week after an edit; `strip` is what the very next page said about the plan."""

    path: str
    strip: str


@pytest.fixture(scope="module")
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


# --- the chair, first week -----------------------------------------------------------------------------------------------


def test_the_review_begins_with_both_failure_modes_and_shows_workloads_before_any_supply(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    page = chair.page
    verdict = page.locator(".verdict").inner_text()
    assert re.search(r"[Ss]hort", verdict) and re.search(r"[Ee]xcess|unallocated|idle", verdict), verdict
    html = chair.main()
    marks = (
        'class="verdict"',
        'class="kpis"',
        'id="workloads"',
        'id="promises"',
        'id="supply"',
        'id="allocation"',
        'id="experiments"',
        'id="decisions"',
    )
    places = [html.find(mark) for mark in marks]
    assert -1 not in places and places == sorted(places), dict(zip(marks, places, strict=True))
    assert html.find("data-figure=") > html.find('id="workloads"')
    for chart in ("#supply", "#allocation"):
        expect(page.locator(f"{chart} svg.main-svg").first).to_be_attached()
    assert page.locator("#supply .scatterlayer path.js-line").count() >= 3
    assert chair.wrong == [] and chair.elsewhere == []


def test_a_figure_opens_to_its_formula_its_terms_and_its_method(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    page, drawer = chair.page, chair.page.locator("#drawer")
    page.locator(".kpis a").first.click()
    expect(drawer).to_be_visible()
    for part in (".formula", "table tbody tr", "a[href^='/methods/#']"):
        expect(drawer.locator(part).first).to_be_visible()
    assert violations(page) == []
    chair.picture("drawer")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    assert page.url == f"{chair.url}/" and chair.wrong == []


def test_a_chart_unfolds_to_its_table(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    for card in map(chair.page.locator, ("#supply", "#allocation")):
        card.locator("details.twin summary").click()
        expect(card.locator("details.twin table tbody tr")).to_have_count(52)
    assert chair.wrong == []


def test_without_script_a_figure_and_the_table_of_a_chart_are_pages(visit: Open) -> None:
    plain = visit("chair", script=False)
    plain.go("/")
    plain.page.locator("#supply details.twin summary").click()
    plain.page.locator("#supply details.twin a").click()
    expect(plain.page.locator("main table tbody tr")).to_have_count(52)
    plain.go("/")
    link = plain.page.locator(".kpis a").first
    value = link.inner_text()
    link.click()
    plain.page.wait_for_url("**/figures/**")
    assert plain.page.locator(".figure .formula").inner_text()
    assert plain.page.locator(".figure table tbody tr").count() > 0
    assert plain.page.locator("main a[href^='/methods/#']").count() == 1
    assert value.rstrip("%").split(".")[0] in plain.page.locator(".figure .value").inner_text()


def test_a_recompute_asked_for_on_the_page_shows_its_progress_and_brings_a_new_plan(visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    page, run = chair.page, run_of(chair.page)
    page.get_by_role("button", name="Recompute").click()
    strip = page.locator("#plan-strip")
    expect(strip).to_contain_text("Solving")
    expect(strip).to_contain_text("New plan", timeout=PLAN_SECONDS * 1000)
    chair.go("/")
    assert run_of(page) > run
    assert chair.wrong == []


def test_a_worker_killed_in_the_middle_costs_no_plan(product: Product, visit: Open) -> None:
    chair = visit("chair")
    chair.go("/")
    page, run = chair.page, run_of(chair.page)
    killed = product.part(PLAN_WORKER)
    page.get_by_role("button", name="Recompute").click()
    status = f"{chair.url}/plan/status/"
    wait_for(
        lambda: "so far" in chair.context.request.get(status).text(), seconds=PLAN_SECONDS, what="the run under way"
    )
    os.kill(killed, signal.SIGKILL)
    chair.go("/")
    assert run_of(page) == run, "the last plan stays on screen"
    expect(page.locator("#plan-strip")).to_contain_text("Solving")
    expect(page.locator("#plan-strip")).to_contain_text("New plan", timeout=PLAN_SECONDS * 1000)
    chair.go("/")
    assert run_of(page) > run
    assert product.part(PLAN_WORKER) != killed
    assert product.health()["worker"] == "ok"


# --- freezing, deciding, editing, the week after -----------------------------------------------------------------------


def test_a_frozen_review_says_so_and_holds_its_decision_and_action(visit: Open, first_review: Frozen) -> None:
    chair = visit("chair")
    chair.go(first_review.path)
    expect(chair.page.locator(".controls")).to_contain_text("Frozen")
    expect(chair.page.locator("#decisions")).to_contain_text(OPTION)
    expect(chair.page.locator("#decisions")).to_contain_text(ACTION)
    assert chair.page.get_by_role("link", name="Freeze", exact=True).count() == 0
    chair.picture("frozen")


def test_the_page_after_an_edit_says_that_inputs_changed(second_review: Edited) -> None:
    assert re.search(r"[Ii]nputs changed|Solving", second_review.strip), second_review.strip


def test_the_next_review_names_what_moved_and_carries_the_decision(visit: Open, second_review: Edited) -> None:
    chair = visit("chair")
    chair.go(second_review.path)
    expect(chair.page.locator(".controls")).to_contain_text("Live")
    moved = chair.page.locator("#changed").inner_text()
    assert LATE_LOT in moved, moved
    follow = chair.page.locator("#follow").inner_text()
    assert OPTION in follow and ACTION in follow, follow
    chair.picture("second-review")
    finance = visit("finance")
    finance.go(second_review.path)
    assert PRICE_WORDS.search(finance.page.locator("#changed").inner_text()), "finance reads the new price"


def test_a_frozen_review_is_byte_for_byte_the_same_after_edits_and_a_new_plan(
    visit: Open, first_review: Frozen, second_review: Edited
) -> None:
    chair = visit("chair")
    chair.go(first_review.path)
    assert chair.main() == first_review.main
    assert LATE_LOT in chair.page.content()


def test_the_second_week_is_frozen_as_well_and_the_first_is_what_it_is_compared_with(
    visit: Open, first_review: Frozen, second_review: Edited
) -> None:
    chair = visit("chair")
    chair.go(second_review.path)
    assert f"/reviews/{freeze(chair)}/" == second_review.path
    expect(chair.page.locator(".controls")).to_contain_text("Frozen")
    assert chair.page.locator(f"#changed a[href='{first_review.path}']").count() == 1
    wait_for_live_week(chair, week_after(second_review.path.split("/")[2]))


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

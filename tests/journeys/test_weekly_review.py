"""Two weekly reviews lived through in a real browser on the real product, started by its launcher.

The fixtures `first_review` and `second_review` are the meeting: each does its part when a test first needs it, in the
order of the weeks. What every role reads of it is in test_weekly_roles.py.
"""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import expect

from tests.journeys.browsing import violations
from tests.journeys.conftest import Open
from tests.journeys.meeting import (
    ACTION,
    LATE_LOT,
    OPTION,
    PLAN_SECONDS,
    PRICE_WORDS,
    Edited,
    Frozen,
    freeze,
    run_of,
    wait_for_live_week,
    week_after,
)
from tests.journeys.product import Product, wait_for

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
# Of the two workers the one that plans; the other answers what-ifs.
PLAN_WORKER = r"celery .*worker .*--queues celery "


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

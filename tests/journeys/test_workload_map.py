"""The workload map of the demo world in a real browser: it makes the plan's sums, to the accelerator and the cent."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal

import pytest

from tests.journeys.browsing import Checks, Visit
from tests.journeys.conftest import Open

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SAID = re.compile(r"Reconciles with run \d+: ([\d,]+) accelerators, \$([\d,]+\.\d\d) a week; .* say the same\.")
SERVING = ("serving", "product", "internal", "no_choice")


def of_file(visitor: Visit) -> tuple[int, Decimal]:
    """The sums of the matrix's file."""
    text = visitor.context.request.get(f"{visitor.url}/workloads/?format=csv&table=workload-matrix").text()
    rows = list(csv.DictReader(io.StringIO(text.lstrip("\ufeff"))))
    sizes = [row["This week (accelerators)"] for row in rows]
    return sum(map(int, sizes)), sum((Decimal(row["Cost this week (USD)"]) for row in rows), Decimal(0))


def accelerators_of_plan(visitor: Visit) -> int:
    """What the plan's own pool-weeks say serves in the same week."""
    rows = visitor.context.request.get(f"{visitor.url}/api/v1/pool-weeks/?limit=500&ordering=week").json()["results"]
    first = min(row["week"] for row in rows)
    return sum(row[name] for row in rows if row["week"] == first for name in SERVING)


def test_the_map_says_what_the_plan_says_in_page_file_and_api(visit: Open, checks: Checks) -> None:
    finance = visit("finance")
    assert checks.faults(finance, finance.go("/workloads/"), route="workloads") == []
    finance.picture("workloads")
    found = SAID.search(finance.page.locator("#reconciled").inner_text())
    assert found, finance.page.locator("#reconciled").inner_text()
    said = (int(found[1].replace(",", "")), Decimal(found[2].replace(",", "")))
    assert said == of_file(finance)
    # Of the dollars the plan's side is the sentence's own: it is read from the envelopes.
    assert said[0] == accelerators_of_plan(finance)
    total = finance.page.locator("#matrix tfoot td").last.inner_text()
    assert total.startswith(found[1])


def test_a_card_shows_what_it_needs_costs_and_is_worth(visit: Open, checks: Checks) -> None:
    finance = visit("finance")
    finance.go("/workloads/")
    finance.page.locator("#cards tbody th a", has_text="Coding agent").click()
    page = finance.page
    assert checks.faults(finance, finance.go(page.url.removeprefix(finance.url)), route="workload") == []
    for card in ("quality", "cost", "value", "reason", "test", "forecasts", "places"):
        assert page.locator(f"#{card}").is_visible(), card
    assert "counts as no product choice" in page.locator("main, header").all_inner_texts()[0] + page.content()
    assert "over" in page.locator("#reason").inner_text(), "the premium names the next tier"

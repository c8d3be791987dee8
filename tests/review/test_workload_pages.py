"""The map's page and a card's: sums in the page and the file, a difference shown, and who sees which of it."""

from __future__ import annotations

import re
from decimal import Decimal as D
from html import unescape

import pgtrigger
import pytest
from django.test import Client

from capacity.allocation.models import Run
from capacity.review.figure_terms import figure
from capacity.review.models import RunFigure
from tests.factories import make_review, make_run, make_user
from tests.factory_names import CUSTOMER_NAMES
from tests.review.pages_under_test import csv_rows, table_cells, table_heads
from workloads.models import RunWorkloadCard, RunWorkloadUse

pytestmark = pytest.mark.django_db

MATRIX = "By tier, latency and purpose"
FILE = "/workloads/?format=csv&table=workload-matrix"


def signed_in(client: Client, role: str) -> Client:
    client.force_login(make_user(role))
    return client


def sentence(html: str) -> str:
    found = re.search(r'<p class="note[^"]*" id="reconciled">(.*?)<a ', html, re.DOTALL)
    assert found is not None
    return unescape(found[1]).strip()


def test_the_map_says_what_the_plan_says_in_the_page_and_in_its_file(client: Client) -> None:
    run = make_run()
    html = signed_in(client, "finance").get("/workloads/").content.decode()
    # 240 + 280 + 24 of cards and 40 of none; 384 × 168 × $2.00 + 200 × 168 × $4.50.
    assert sentence(html) == (
        f"Reconciles with run {run.pk}: 584 accelerators, $280,224.00 a week; the plan's serving rows say the same."
    )
    head, *lines = csv_rows(client.get(FILE).content)
    accelerators, usd = head.index("This week (accelerators)"), head.index("Cost this week (USD)")
    assert sum(int(line[accelerators]) for line in lines) == 584
    assert sum(D(line[usd]) for line in lines) == D("280224")


def test_the_matrix_has_a_row_a_tier_and_latency_and_sums_both_ways(client: Client) -> None:
    make_run()
    html = signed_in(client, "finance").get("/workloads/").content.decode()
    assert table_heads(html, MATRIX) == ["Model tier", "Serving customers", "Own products", "No product choice", "All"]
    rows = [[" ".join(cell.split()) for cell in row] for row in table_cells(html, MATRIX)]
    assert [row[0] for row in rows] == [
        "Frontier Interactive",
        "Frontier Batch, within 24 h",
        "Mid Standard",
        "No card of contracts that name none, and what serves nobody",
    ]
    assert [row[-1] for row in rows] == ["240 $80.6k", "24 $8.06k", "280 $178k", "40 $13.4k"]


def test_a_difference_is_shown_and_not_hidden(client: Client) -> None:
    make_run(changes={"workload-use": {"chat_assistant": {"accelerators": 239}}})
    html = signed_in(client, "finance").get("/workloads/").content.decode()
    assert sentence(html).startswith("Does not reconcile")
    assert "the map says 583 accelerators" in sentence(html)
    assert '<p class="note bad" id="reconciled">' in html


def test_a_cent_of_difference_is_shown_to_whoever_reads_all_costs(client: Client) -> None:
    make_run(changes={"workload-use": {"chat_assistant": {"usd": D("80640.01")}}})
    assert "$280,224.01" in sentence(signed_in(client, "finance").get("/workloads/").content.decode())
    html = signed_in(Client(), "product").get("/workloads/").content.decode()
    assert sentence(html).startswith("Reconciles with run")
    assert "280,224" not in html


def test_filtered_by_owner_the_matrix_has_the_cards_that_are_listed(client: Client) -> None:
    make_run()
    html = signed_in(client, "finance").get("/workloads/?owner_role=Product lead").content.decode()
    assert [row[0].split()[0] for row in table_cells(html, MATRIX)] == ["Mid"]
    # The sums of the map stay those of the map.
    assert "584 accelerators" in sentence(html)


def test_sales_read_accelerators_and_no_dollars(client: Client) -> None:
    make_run()
    html = signed_in(client, "sales").get("/workloads/").content.decode()
    assert "584 accelerators; the plan" in sentence(html)
    # What a workload costs is hidden; what their own contracts pay is theirs to read.
    own = html.index('id="paying"')
    assert not re.search(r"\$\d", html[:own] + html[html.index("</section>", own) :])
    lines = csv_rows(client.get(FILE).content)
    assert not [cell for line in lines[1:] for cell in line if "80640" in cell]


def test_costs_of_no_card_are_kept_from_who_does_not_read_all_costs(client: Client) -> None:
    make_run()
    rows = table_cells(signed_in(client, "product").get("/workloads/").content.decode(), MATRIX)
    assert rows[0][-1].split()[-1] == "$80.6k"
    assert rows[-1][-1].split()[-1] == "restricted"


def test_a_run_from_before_the_map_was_kept_says_so(client: Client) -> None:
    run = make_run()
    with pgtrigger.ignore("workloads.RunWorkloadUse:immutable", "workloads.RunWorkloadCard:immutable"):
        RunWorkloadUse.objects.filter(run=run).delete()
        RunWorkloadCard.objects.filter(run=run).delete()
    html = signed_in(client, "finance").get("/workloads/").content.decode()
    assert "from before the map was kept by pool" in html
    assert 'id="reconciled"' not in html
    assert "from before cards were kept" in client.get("/workloads/chat_assistant/").content.decode()


def test_a_card_shows_what_it_needs_costs_and_is_worth_and_where_it_is_served(client: Client) -> None:
    make_run()
    html = signed_in(client, "finance").get("/workloads/support_bot/").content.decode()
    for text in ("90 of 100 tasks", "$178k a week", "an answer without a person", "500 M a week", "50,000"):
        assert text in html
    rows = table_cells(html, "Where it is served")
    # 80 and 200 this week; 80, and (200 + 200 + 300 + 320) ÷ 4, over the four weeks there are.
    assert [(row[0], row[3], row[4]) for row in rows] == [("B200 EU West", "200", "255"), ("H100 US East", "80", "80")]


def test_an_incomplete_card_says_what_is_missing(client: Client) -> None:
    make_run()
    html = signed_in(client, "research").get("/workloads/log_summaries/").content.decode()
    assert "It counts as no product choice: nobody owns it" in html
    assert "Missing on this card" in html


def test_research_reads_a_premium_and_no_cost_of_a_token_and_sales_neither(client: Client) -> None:
    make_run()
    html = signed_in(client, "research").get("/workloads/chat_assistant/").content.decode()
    assert "$6.72k a week" in html
    assert "$6.97" not in html and "300 M a week" not in html
    html = signed_in(Client(), "sales").get("/workloads/chat_assistant/").content.decode()
    assert not re.search(r"\$\d", html)
    assert "Where it is served" not in html
    assert "300 M a week" not in html


def test_an_unknown_workload_is_missing(client: Client) -> None:
    make_run()
    assert signed_in(client, "finance").get("/workloads/nothing/").status_code == 404


@pytest.mark.parametrize("role", ["chair", "research", "product", "sales"])
def test_what_a_contracts_own_class_costs_is_seen_as_the_contracts_cost_is(client: Client, role: str) -> None:
    changes = {"workload-use": {"chat_assistant": {"serving_class": "dedicated.acme_pt.v1"}}}
    make_run(changes=changes)
    rows = signed_in(client, role).get("/api/v1/workload-use/?workload_key=chat_assistant").json()["results"]
    assert rows
    for row in rows:
        if role == "chair":
            assert set(row["usd"]) == {"low", "high"}
        else:
            assert "usd" in row["restricted"]
        assert not any(name in str(row) for name in CUSTOMER_NAMES)
        assert role == "chair" or "acme" not in str(row)


def test_the_review_has_a_subtotal_a_tier_and_says_what_is_incomplete(client: Client) -> None:
    make_run()
    html = signed_in(client, "finance").get("/").content.decode()
    section = html[html.index('id="workloads"') : html.index('id="promises"')]
    assert re.findall(r'<tr class="strong"><th scope="row">(\w+)', section) == ["Frontier", "Mid"]
    assert "1 of 3 cards are incomplete." in section
    assert 'href="/workloads/chat_assistant/"' in section


def add_share(run: Run, what: str, value: str | None) -> None:
    """A figure of the run as it stores one: what frontier models take."""
    row = figure(
        key=f"share:frontier_{what}",
        label="Frontier share",
        value=None if value is None else D(value),
        unit="share",
        formula="frontier ÷ all",
        terms=[],
        sight=("workload_card", f"frontier_{what.partition(':')[0]}"),
    )
    RunFigure.objects.create(run=run, **row)


def test_what_frontier_models_take_stands_with_its_change_since_the_last_review(client: Client) -> None:
    before, now = make_run(week="2026-W47"), make_run(week="2026-W48")
    make_review(before, week="2026-W47")
    for run, tokens in ((before, "0.350"), (now, "0.375")):
        add_share(run, "tokens", tokens)
    add_share(now, "usd", "0.3325")
    add_share(now, "tokens:product", None)
    html = signed_in(client, "finance").get("/workloads/").content.decode()
    rows = [[" ".join(cell.split()) for cell in row] for row in table_cells(html, "What frontier models take")]
    assert rows == [["All", "37.5% +2.5 pt", "33.2%"], ["Own products", "not known", "—"]]
    assert "Frontier models take 37.5% (+2.5 pt since the last review) of tokens" in client.get("/").content.decode()
    html = signed_in(Client(), "sales").get("/workloads/").content.decode()
    assert "What frontier models take" not in html

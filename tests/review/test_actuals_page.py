"""The page of actuals: what it says, who reads which of it, files, older runs, and taking over a measured peak."""

from __future__ import annotations

import json
import re
from decimal import Decimal as D
from html import unescape

import pgtrigger
import pytest
from django.test import Client

from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.allocation.models import Run
from capacity.lib.horizon import Week
from capacity.review.actuals_page import coincidence_words, forecast_scores, short_sentence, short_weeks
from capacity.review.models import RunFigure
from tests.factories import make_run, make_user
from tests.imports.world import GOOD, import_texts
from tests.review.pages_under_test import csv_rows, table_cells
from workloads.actual_models import ACTUAL_TABLES
from workloads.models import RunActual, RunClassActual, RunMeasuredPeak, Workload

pytestmark = pytest.mark.django_db

PAGE = "/workloads/actuals/"


def signed_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def page(role: str) -> str:
    return words(signed_in(role).get(PAGE).content.decode())


def test_the_page_says_what_customers_felt_and_which_week_was_short() -> None:
    make_run()
    text = page("finance")
    assert "0.15%" in text
    assert "1,000,000 tokens a second were asked, 840,000 could be carried. 10.00% of requests were throttled." in text
    assert (
        "Seen at P90 13 weeks before, at P50 6 weeks before. Too late to buy: the shortest lead time is 20 weeks."
        in text
    )


def test_a_partial_week_and_a_missing_count_are_said_and_not_zero() -> None:
    make_run()
    rows = table_cells(signed_in("finance").get(PAGE).content.decode(), "Usage by workload and week")
    partial = next(row for row in rows if row[-1].startswith("partial"))
    assert (partial[-1], partial[4], partial[5]) == ("partial: 100 of 168 hours", "n/a", "n/a")


def test_use_above_the_grant_is_shown_as_it_is_and_warned_and_no_jobs_are_no_zero() -> None:
    make_run()
    rows = {
        row[0]: row for row in table_cells(signed_in("research").get(PAGE).content.decode(), "Granted against used")
    }
    assert rows["Nine tenths"][4:7] == ["430,080", "387,072", "90.0%"]
    assert rows["More than granted"][6] == "120.0%"
    assert rows["Without jobs"][5:7] == ["n/a", "n/a"]
    assert "1 request used more than granted" in page("exec")


@pytest.mark.parametrize("role", ["chair", "finance", "product", "exec"])
def test_tokens_are_for_those_who_read_usage(role: str) -> None:
    make_run()
    text = page(role)
    assert "850" in text and "12,000" in text and "18.2%" in text and "+9.1%" in text


def test_research_reads_peaks_and_grants_but_no_tokens_errors_or_capacity() -> None:
    make_run()
    client = signed_in("research")
    html = client.get(PAGE).content.decode()
    text = words(html)
    assert "2.559" in text and "0.616" in text and "387,072" in text and "0.15%" in text
    for hidden in ("12,000", "18.2%", "+9.1%", "840,000", "1,000,000", "870000", "800000000", "840000"):
        assert hidden not in text and hidden not in html, hidden
    for table in ("usage-weeks", "forecast-accuracy"):
        content = client.get(f"{PAGE}?format=csv&table={table}").content.decode()
        assert "18181" not in content and "12000" not in content
    for name in ("actuals", "forecast-scores", "short-weeks"):
        content = client.get(f"/api/v1/{name}/").content.decode()
        assert "700000000" not in content and "0.1818" not in content and "840000" not in content


def test_sales_open_neither_the_page_nor_its_tables() -> None:
    make_run()
    client = signed_in("sales")
    assert client.get(PAGE).status_code == 403
    assert client.post("/workloads/chat_assistant/adopt-peak/").status_code == 403
    assert client.get("/api/v1/granted-hours/").status_code == 403
    assert PAGE not in client.get("/workloads/").content.decode()


def test_a_sort_by_what_is_hidden_is_answered_as_missing() -> None:
    make_run()
    assert signed_in("research").get(f"{PAGE}?weeks-sort=-requests").status_code == 404


def test_every_list_is_a_file_with_unrounded_numbers() -> None:
    make_run()
    client = signed_in("finance")
    head, *lines = csv_rows(client.get(f"{PAGE}?format=csv&table=peaks").content)
    assert head[0] == "Workload"
    assert [D(line[1]) for line in lines] == [D("2.559053"), D("1.5")]
    assert len(csv_rows(client.get(f"{PAGE}?format=csv&table=granted").content)) == 4


def test_a_run_from_before_actuals_says_so_and_an_empty_one_what_to_do() -> None:
    run = make_run()
    with pgtrigger.ignore(*(f"workloads.{model.__name__}:immutable" for _, model in ACTUAL_TABLES)):
        for _, model in ACTUAL_TABLES:
            model._default_manager.filter(run=run).delete()
    with pgtrigger.ignore("review.RunFigure:immutable"):
        RunFigure.objects.filter(run=run, key="metric:H3").delete()
    text = page("finance")
    assert "This run is from before actuals were kept. The next plan has them." in text
    assert "No usage of these weeks has been imported." in text
    assert "No request has run in the last 13 weeks." in text


def test_other_pages_get_the_same_rows() -> None:
    run = make_run()
    finance = Viewer(username="f", roles=frozenset({Role.FINANCE}))
    (score,) = forecast_scores(run, "chat_assistant", finance)
    assert (score["wape_4"], score["bias_4"], score["wape_13"].word) == ("18.2%", "+9.1%", "n/a")

    research = Viewer(username="r", roles=frozenset({Role.RESEARCH}))
    assert forecast_scores(run, "chat_assistant", research)[0]["wape_4"].word == "restricted"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"visible_p90_weeks": None, "visible_p50_weeks": None}, "No forecast showed it."),
        ({"visible_p50_weeks": None, "lead_weeks": 12}, "at P50 never. In time to buy (12 weeks) only by P90."),
        ({"lead_weeks": 4}, "In time to buy (4 weeks)."),
        ({"lead_weeks": None}, "at P50 6 weeks before."),
        ({"capacity_tps": None, "reason": "no_count"}, "the accelerators ready in that week were not counted"),
    ],
)
def test_a_short_week_says_whether_there_was_time(changed: dict[str, object], said: str) -> None:
    row = {
        "demand_tps": D(1000),
        "capacity_tps": D(840),
        "throttled_share": D("0.1"),
        "visible_p50_weeks": 6,
        "visible_p90_weeks": 13,
        "lead_weeks": 20,
        "reason": "",
    }
    assert said in short_sentence({**row, **changed})


def with_a_year() -> Run:
    """The run with one more workload, counted in weeks 1, 13, 14 and 52 before its first: a million tokens for each back."""
    run = make_run()
    first = Week.parse(run.first_week)
    for back in (1, 13, 14, 52):
        RunActual.objects.create(
            run=run, workload_key="batch_jobs", week=first.plus(-back).key, hours_covered=168, is_partial=False,
            input_tokens=back * 1_000_000, output_tokens=0,
        )  # fmt: skip
    return run


def charted(html: str) -> dict[str, list[float | None]]:
    """Line → its values, of the chart of tokens."""
    found = re.search(r'<script id="figure-tokens" type="application/json">(.*?)</script>', html, re.S)
    assert found
    return {line["name"]: line["y"] for line in json.loads(found[1])["data"]}


def test_the_weeks_shown_are_13_or_52_in_chart_list_and_file() -> None:
    with_a_year()
    client = signed_in("finance")
    quarter, year = (client.get(PAGE + query).content.decode() for query in ("", "?weeks=52"))
    values = {name: charted(html)["batch_jobs"] for name, html in (("quarter", quarter), ("year", year))}
    assert [value for value in values["quarter"] if value is not None] == [13e6, 1e6]
    assert [value for value in values["year"] if value is not None] == [52e6, 14e6, 13e6, 1e6]
    # What was not counted is a gap and the axis has its week all the same.
    assert (len(values["quarter"]), len(values["year"])) == (13, 52)
    assert 'href="?weeks=52#tokens"' in quarter and 'href="?weeks=13#tokens"' in year
    assert "3 of 13 ended weeks were counted" in words(quarter)
    assert "5 of 52 ended weeks were counted" in words(year)
    for query, tokens in (("", [1, 13]), ("&weeks=52", [1, 13, 14, 52])):
        lines = csv_rows(client.get(f"{PAGE}?format=csv&table=usage-weeks{query}").content)
        assert [D(line[2]) for line in lines if line[0] == "batch_jobs"] == tokens
    # A link of the list stays in the year.
    assert "weeks=52&amp;" in year or "&amp;weeks=52" in year
    assert client.get(PAGE + "?weeks=51").content.decode().count("13 weeks</b>") == 1


SHUT = {
    "workload_key": "chat",
    "week": "2026-W45",
    "demand_tps": None,
    "capacity_tps": None,
    "throttled_share": D(1),
    "visible_p50_weeks": None,
    "visible_p90_weeks": None,
    "lead_weeks": None,
    "vintages": [{"source": "Sales", "vintage": "2026-09-28", "weeks_before": 5, "p50_tps": 8, "p90_tps": 9}],
    "reason": "no_tokens",
}


def test_a_week_in_which_all_was_turned_away_says_the_least_that_was_asked() -> None:
    # 604,800 tokens in 168 hours: 1 a second.
    use = {"workload_key": "chat", "week": "2026-W45", "hours_covered": 168, "input_tokens": D(504_800)}
    (shown,) = short_weeks([SHUT], {"chat": "Chat"}, year=2026, uses=[{**use, "output_tokens": D(100_000)}])
    assert shown["sentence"] == (
        "All requests were turned away: what was asked is not known, at least the 1 tokens a second served; what could "
        "be carried is not known: nothing was served, so the mix of tokens is not known. 100.00% of requests were throttled."
    )
    assert shown["rows"][-2][:3] == ("Served in the week, asked is not known", "0", "1")
    (without,) = short_weeks([SHUT], {"chat": "Chat"}, year=2026)
    assert "asked is not known; what could" in without["sentence"]
    # The chart has no line of what was asked.
    assert [note["text"] for note in shown["figure"]["layout"].get("annotations", ())] == []


def test_what_was_asked_is_a_least_where_throttles_were_not_counted() -> None:
    row = {**SHUT, "demand_tps": D(1000), "capacity_tps": D(840), "throttled_share": None}
    assert short_sentence(row).startswith(
        "At least 1,000 tokens a second were asked (what was turned away was not counted), 840 could be carried."
    )


def test_a_coincidence_above_one_is_shown_and_not_taken_over() -> None:
    run = make_run()
    RunClassActual.objects.create(
        run=run, serving_class="a.b.c", members=2, hours=200, coincidence=D("50.5"), planned=D(1), absent="above_one"
    )
    client = signed_in("chair")
    html = client.get(PAGE).content.decode()
    assert "50.500" in html and "plan with 1" in html and "It is no factor to plan with." in html
    assert "Propose a policy with it" not in html
    below = coincidence_words([{"coincidence": D("0.616358")}, {"coincidence": D("0.9")}, {"coincidence": None}])
    assert below == ("The policy has one factor for all classes. The largest measured is 0.900.", True)


# --- taking a measured peak over ----------------------------------------------------------------------------------


def world_with_peak() -> Run:
    assert import_texts(GOOD).applied
    run = make_run()
    RunMeasuredPeak.objects.create(
        run=run,
        workload_key="chat",
        peak_factor=D("2.559053"),
        hours=336,
        is_partial=True,
        planned_peak=D("2.5"),
        from_card=True,
    )
    return run


def test_the_chair_plans_with_the_measured_peak() -> None:
    run = world_with_peak()
    client = signed_in("chair")
    assert "/workloads/chat/adopt-peak/" in client.get(PAGE).content.decode()
    client.post("/workloads/chat/adopt-peak/")
    card = Workload.objects.get(key="chat")
    assert card.peak_factor == D("2.5591")
    version = card.row_version
    # Pressed twice: nothing more is written.
    client.post("/workloads/chat/adopt-peak/")
    assert Workload.objects.get(key="chat").row_version == version
    assert f"run {run.pk}" in client.get("/data/workloads/chat/").content.decode()


def test_who_does_not_keep_cards_takes_over_nothing() -> None:
    world_with_peak()
    client = signed_in("finance")
    assert "adopt-peak" not in client.get(PAGE).content.decode()
    assert client.post("/workloads/chat/adopt-peak/").status_code == 404
    assert Workload.objects.get(key="chat").peak_factor == D("2.5")


def test_a_peak_that_was_not_measured_cannot_be_taken_over() -> None:
    world_with_peak()
    assert signed_in("product").post("/workloads/other/adopt-peak/").status_code == 404

"""The room in the troughs on the workload map: a plan by hand, the page's words, its file, and who may read it."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal as D
from fractions import Fraction as F
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.test import Client

from capacity.lib.horizon import Week
from capacity.review.map_use_rows import MAP_WEEKS
from capacity.review.plan_rows import PlanRows
from capacity.review.trough_page import trough_lines, trough_sentence
from capacity.review.trough_rows import trough_rows
from tests.factories import make_run, make_user
from tests.review.pages_under_test import csv_rows, table_cells

TITLE = "Room in the troughs"
FIRST = Week.parse("2026-W48")
WEEKS = [FIRST.plus(index) for index in range(MAP_WEEKS + 1)]
# Class → model, latency, (consumed, spare) share.
CLASSES = {
    "a.live": ("a", "interactive", (F(1, 2), F(1, 5))),
    "a.batch": ("a", "batch", (F(19, 20), F(0))),
    "b.off": ("b", "offline", (F(1, 2), F(0))),
}


def plan(held: dict[str, int]) -> PlanRows:
    return cast(
        PlanRows,
        SimpleNamespace(
            weeks=WEEKS,
            pools={"p": {}, "empty": {}},
            classes_in={("p", week): list(held) for week in WEEKS},
            allocated=defaultdict(int, {(key, "p", week): count for week in WEEKS for key, count in held.items()}),
            class_by_key={
                key: SimpleNamespace(model_version=model, latency_class=latency)
                for key, (model, latency, _) in CLASSES.items()
            },
            use_of_class=lambda key, week: CLASSES[key][2],
        ),
    )


def test_each_pool_that_serves_has_a_row_a_week_and_dedicated_accelerators_have_no_trough() -> None:
    rows = trough_rows(plan({"a.live": 40, "a.batch": 10, "b.off": 8, "dedicated.c-9": 64}))
    assert len(rows) == MAP_WEEKS
    # 40 held live: 20 used, 8 spare, 12 left. At work beside it: 9.5 of the same model, 4 of another.
    assert rows[0] == {
        "pool_key": "p", "week": FIRST.key, "live": 40, "consumed": D(20), "spare": D(8), "trough": D(12),
        "waiting": D("13.5"), "fits": D("9.5"),
    }  # fmt: skip
    assert trough_rows(plan({"dedicated.c-9": 64})) == []


def line(pool: str, week: str, fits: object, **more: Any) -> dict[str, Any]:
    parts = {"live": 40, "consumed": D(20), "spare": D(8), "trough": D(12), "waiting": D("13.5"), "fits": fits}
    return {"pool_key": pool, "week": week, **parts, **more}


def test_the_mean_is_over_13_weeks_and_the_most_room_stands_first() -> None:
    lines = trough_lines(
        [
            line("p", "2026-W48", D(1)),
            line("p", "2026-W49", D(12)),
            line("q", "2026-W48", D(5)),
            line("r", "2026-W49", D(13)),
        ],
        names={"p": "Pool P"},
        week="2026-W48",
    )
    assert [(row["pool_name"], row["fits"], row["fits_mean"]) for row in lines] == [
        ("q", D(5), D(5) / 13), ("Pool P", D(1), D(1)), ("r", D(0), D(1)),
    ]  # fmt: skip


def test_the_sentence_says_what_waits_and_what_of_it_fits_or_that_nothing_waits() -> None:
    assert trough_sentence([line("p", "w", D("9.5"))]) == (
        "Live serving leaves 12 accelerators unused on average this week; of the 14 that batch and offline work keeps busy "
        "beside it, 10 would fit where the same model is loaded."
    )
    assert "no batch or offline work" in trough_sentence([line("p", "w", D(0), waiting=D(0))])


@pytest.mark.django_db
def test_the_page_its_file_and_the_api_say_the_same_and_sales_read_none_of_it(client: Client) -> None:
    make_run()
    client.force_login(make_user("research"))
    html = client.get("/workloads/").content.decode()
    cells = table_cells(html, TITLE)
    # The test plan is 4 weeks long: 4 × 12.5 ÷ 13 is 3.8.
    assert [row[1:] for row in cells] == [
        ["384", "150", "32", "202", "20", "12", "4"],
        ["200", "120", "8", "72", "0", "0", "0"],
    ]
    assert "of the 20 that batch and offline work keeps busy beside it, 12 would fit" in html
    file = csv_rows(client.get("/workloads/?format=csv&table=workload-troughs").content)
    assert [D(row[6]) for row in file[1:]] == [D("12.5"), D(0)]
    answers = client.get("/api/v1/troughs/").json()["results"]
    assert {D(row["fits"]) for row in answers} == {D("12.5"), D(0)}
    client.force_login(make_user("sales"))
    assert TITLE not in client.get("/workloads/").content.decode()
    assert b"12.5" not in client.get("/workloads/?format=csv&table=workload-troughs").content

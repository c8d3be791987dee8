"""Where the next node is worth most: what the strips and the sentence say, and to whom."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from capacity.access.bands import BandUnit, band_of
from capacity.access.visibility import RESTRICTED
from capacity.lib.figures import NOTHING
from capacity.review.scarcity_chart import ScarcityChart, scarcity_chart
from tests.factories import make_run, make_user
from tests.factory_names import POOL_B
from tests.review.pages_under_test import csv_rows, table_cells

WEEKS = ["2026-W48", "2026-W49", "2026-W50", "2026-W51"]
TITLE = "Where the next node is worth most"


def price(pool: str, week: str, usd: object) -> dict[str, Any]:
    return {"pool_key": pool, "week": week, "node_size": 8, "usd_node_more": usd}


def chart(*rows: dict[str, Any]) -> ScarcityChart | None:
    return scarcity_chart(rows=rows, names={"a": "Pool A", "b": "Pool B"}, weeks=WEEKS, year=2026)


def banded(usd: int) -> object:
    return band_of(Decimal(usd), unit=BandUnit.USD)


def test_the_pool_whose_best_week_is_worth_most_comes_first_and_is_named() -> None:
    found = chart(
        price("a", "2026-W48", Decimal(100)), price("b", "2026-W49", Decimal(400)), price("b", "2026-W50", Decimal(199))
    )
    assert found is not None
    assert [strip.name for strip in found.strips] == ["Pool B", "Pool A"]
    assert [step for step, _ in found.strips[0].cells] == ["tight", "spare2", "spare1", "tight"]
    assert found.strips[0].cells[1][1] == "30 Nov: $400"
    assert found.finding == (
        "The next node is worth most in Pool B (2 weeks from 30 Nov): it would save serving up to $400 a week."
    )


def test_of_values_in_one_band_neither_order_nor_shade_nor_words_tell_them_apart() -> None:
    """$210 and $490 lie in $200–$500; their cells and their places are those of two equal values."""
    found = chart(price("a", "2026-W48", banded(210)), price("b", "2026-W48", banded(490)))
    other = chart(price("a", "2026-W48", banded(490)), price("b", "2026-W48", banded(210)))
    assert found == other
    assert found is not None
    assert found.finding.startswith("The next node is worth most in Pool A (1 week from 23 Nov) and Pool B")
    assert found.finding.endswith("up to $200–$500 a week.")


def test_weeks_with_a_gap_between_them_are_not_said_to_follow_one_another() -> None:
    found = chart(price("a", "2026-W51", Decimal(100)), price("a", "2026-W48", Decimal(100)))
    assert found is not None
    assert found.strips[0].span == "2 of the 4 weeks from 23 Nov to 14 Dec"
    assert "Pool A (2 of the 4 weeks from 23 Nov to 14 Dec)" in found.finding
    assert found.strips[0].weeks == 2


def test_a_week_that_was_not_computed_is_neither_nothing_nor_among_the_weeks() -> None:
    found = chart(
        price("a", "2026-W48", Decimal(100)),
        price("a", "2026-W49", None),
        price("a", "2026-W50", Decimal(0)),
        price("b", "2026-W48", None),
    )
    assert found is not None
    first, second = found.strips
    assert [step for step, _ in first.cells] == ["spare2", "missing", "tight", "tight"]
    assert first.cells[1][1] == "30 Nov: not computed" and first.cells[2][1] == "7 Dec: nothing"
    assert (first.span, first.weeks) == ("1 week from 23 Nov", 1)
    assert (second.name, second.most, second.span) == ("Pool B", NOTHING, "")
    assert found.finding.endswith("up to $100 a week. For 2 weeks of a pool it was not computed.")
    assert found.key[-1] == ("missing", "not computed")


def test_where_every_week_was_computed_the_key_has_no_other_step() -> None:
    found = chart(price("a", "2026-W48", Decimal(100)))
    assert found is not None and [step for step, _ in found.key] == ["tight", "spare1", "spare2"]


def test_nothing_is_drawn_of_what_may_not_be_seen_or_was_not_computed() -> None:
    assert chart() is None
    assert chart(price("a", "2026-W48", None)) is None
    assert chart(price("a", "2026-W48", Decimal(0))) is None
    assert chart(price("a", "2026-W48", RESTRICTED)) is None


@pytest.mark.django_db
@pytest.mark.parametrize(("role", "money"), [("finance", "$14.2k"), ("exec", "$14.2k"), ("chair", "$10k–$20k")])
def test_supply_and_the_pool_say_where_a_node_is_worth_most(client: Client, role: str, money: str) -> None:
    make_run()
    client.force_login(make_user(role))
    for address in ("/supply/", f"/supply/{POOL_B}/"):
        html = client.get(address).content.decode()
        (row,) = table_cells(html, TITLE)
        assert [row[1], *row[3:]] == [money, "8", "1 week from 14 Dec"]
        assert f"it would save serving up to {money} a week." in html
    assert len(csv_rows(client.get("/supply/?format=csv&table=scarcity-prices").content)) == 2


@pytest.mark.django_db
@pytest.mark.security
@pytest.mark.parametrize("role", ["research", "product", "sales", "auditor"])
def test_nobody_else_learns_where_a_node_is_worth_most(client: Client, role: str) -> None:
    make_run()
    client.force_login(make_user(role))
    for address in ("/supply/", f"/supply/{POOL_B}/"):
        assert TITLE not in client.get(address).content.decode()

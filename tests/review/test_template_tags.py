"""The filters and marks as templates use them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.template import Context, Engine

from capacity.lib.figures import RESTRICTED, UNSIZED
from capacity.review.templatetags import formats, marks

ENGINE = Engine(
    libraries={"formats": formats.__name__, "marks": marks.__name__},
    builtins=["django.template.defaulttags"],
)


def render(source: str, **values: Any) -> str:
    return ENGINE.from_string("{% load formats marks %}" + source).render(Context(values))


def test_a_missing_value_is_a_dash_and_never_zero() -> None:
    assert render("{{ value|usd }}", value=None) == '<span class="none" title="No value.">—</span>'
    assert render("{{ value|thousands }}", value=0) == "0"


def test_a_hidden_value_says_restricted_whatever_filter_it_passes() -> None:
    for name in (
        "cell",
        "usd",
        "usd_signed",
        "usd_exact",
        "thousands",
        "signed",
        "share",
        "points",
        "ratio",
        "compact",
    ):
        assert ">restricted</span>" in render("{{ value|" + name + " }}", value=RESTRICTED)


def test_the_reason_of_an_absence_is_escaped() -> None:
    text = render("{{ value|cell }}", value=UNSIZED.because('<b>"x"'))
    assert 'title="&lt;b&gt;&quot;x&quot;"' in text


def test_cell_escapes_text() -> None:
    assert render("{{ value|cell }}", value="<i>") == "&lt;i&gt;"


def test_numbers_and_weeks_are_written() -> None:
    source = '{{ a|usd }} {{ a|usd_in:"M" }} {{ b|signed }} {{ c|share:0 }} {{ d|week }} {{ d|day:2025 }}'
    text = render(source, a=14_203_117, b=-768, c=0.41, d=date(2026, 11, 26))
    assert text == "$14.2M $14.2M −768 41% 23 Nov 26 Nov 2026"


def test_a_number_opens_where_it_comes_from() -> None:
    text = render("{% num value url %}", value="7,071", url="/runs/7/figures/short/?a=1&b=2")
    assert text == '<a class="num" href="/runs/7/figures/short/?a=1&amp;b=2">7,071</a>'


def test_a_hidden_or_missing_number_is_no_link() -> None:
    assert "<a" not in render("{% num value '/x/' %}", value=RESTRICTED)
    assert "<a" not in render("{% num value|usd '/x/' %}", value=RESTRICTED)
    assert "<a" not in render("{% num value|usd '/x/' %}", value=None)
    assert "<a" not in render("{% num value '' %}", value="7")


def test_a_pill_has_a_known_kind_and_its_word() -> None:
    assert render("{% pill 'bad' '2 days late' %}") == '<span class="pill pill-bad">2 days late</span>'
    with pytest.raises(ValueError, match="no pill"):
        render("{% pill 'red' 'x' %}")


def test_a_bullet_draws_bar_and_mark_in_percent_of_the_largest() -> None:
    text = render("{% rank_bar 1 4 3 %}")
    assert 'width="25"' in text
    assert 'd="M75 0v14"' in text


def test_an_absent_value_draws_no_bar_but_zero_draws_an_empty_track() -> None:
    assert render("{% rank_bar value 4 %}", value=RESTRICTED) == ""
    assert render("{% rank_bar missing 4 %}") == ""
    assert 'width="0"' in render("{% rank_bar 0 4 %}")


def test_a_change_bar_grows_from_the_middle() -> None:
    text = render("{% change_bar value 10 True %}", value=-5)
    assert 'class="is-good" x="25" y="3" width="25"' in text


def test_a_sparkline_has_its_last_point_and_its_limit() -> None:
    text = render("{% sparkline values 20 %}", values=[0, 10])
    assert 'class="limit" d="M0 1H100"' in text
    assert 'class="dot" d="M100 12h0"' in text


def test_every_heat_cell_tells_its_week() -> None:
    text = render("{% heat_strip cells 'Short' %}", cells=[("short3", "W1"), ("tight", "W2")])
    assert text.count("<rect") == 2
    assert '<rect class="tight" x="7" width="6"><title>W2</title></rect>' in text
    with pytest.raises(ValueError, match="no heat step"):
        render("{% heat_strip cells 'x' %}", cells=[("hot", "W1")])


def test_neighbouring_heat_cells_of_one_step_are_one_rectangle_that_names_each_week() -> None:
    text = render("{% heat_strip cells 'x' %}", cells=[("tight", "W1"), ("tight", "W2"), ("short3", "W3")])
    assert text.count("<rect") == 2
    assert "W1\nW2</title>" in text


def test_the_heat_key_names_all_six_steps() -> None:
    assert render("{% heat_key %}").count("<li>") == 6

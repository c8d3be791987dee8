"""Files open safely in a spreadsheet: no cell becomes a formula, numbers stay numbers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from capacity.lib.figures import RESTRICTED
from capacity.review.csv_files import csv_text, file_value, safe_text
from capacity.review.table_columns import Column
from tests.factories import make_run, make_user
from tests.review.pages_under_test import csv_rows

TEXT = Column(name="name", label="Name")
MONEY = Column(name="usd", label="Margin", unit="USD", kind="usd")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"])
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_text(text) == f"'{text}"
    assert file_value(TEXT, text).startswith("'")  # type: ignore[union-attr]


def test_a_plain_text_and_a_negative_number_stay_as_they_are() -> None:
    assert safe_text("Acme = good") == "Acme = good"
    assert file_value(MONEY, Decimal("-12.50")) == "-12.5"
    assert file_value(MONEY, Decimal("1E+3")) == "1000"
    assert file_value(Column(name="n", label="N", kind="signed"), -64) == -64


def test_dates_hidden_and_missing_values_have_one_spelling() -> None:
    assert file_value(TEXT, date(2026, 11, 23)) == "2026-11-23"
    assert file_value(MONEY, RESTRICTED) == "restricted"
    assert file_value(MONEY, None) == ""
    assert file_value(Column(name="week", label="Week"), "2026-W53") == "2026-W53"


def test_the_head_carries_the_unit_and_cells_with_commas_are_quoted() -> None:
    text = csv_text([TEXT, MONEY], [{"name": 'a, "b"', "usd": Decimal("1.10")}])
    assert text == 'Name,Margin (USD)\r\n"a, ""b""",1.1\r\n'


@pytest.mark.django_db
def test_a_hostile_name_in_a_plan_comes_out_harmless(client: Client) -> None:
    hostile = '=HYPERLINK("http://x","y")'
    make_run(changes={"workloads": {"support_bot": {"name": hostile}}})
    client.force_login(make_user("product"))
    answer = client.get("/workloads/?format=csv")
    assert answer["Content-Disposition"].startswith('attachment; filename="workloads-run-')
    assert f"'{hostile}" in [line[0] for line in csv_rows(answer.content)]
    assert hostile not in client.get("/workloads/").content.decode()  # escaped in the page


@pytest.mark.django_db
def test_a_file_has_what_the_page_shows_filtered_and_sorted(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    lines = csv_rows(client.get("/contracts/?model_tier=frontier&sort=-revenue_usd&format=csv").content)
    assert [line[0] for line in lines] == ["Contract", "Acme provisioned", "Borealis metered", "Delta pilot"]
    revenue = lines[0].index("Revenue, P50 (USD)")
    assert [line[revenue] for line in lines[1:]] == ["4137193.31", "2291741.77", "unsized"]


@pytest.mark.django_db
def test_a_file_has_every_page_of_a_long_list(client: Client) -> None:
    make_run(scale=30)
    client.force_login(make_user("finance"))
    assert len(csv_rows(client.get("/contracts/?format=csv&page=2").content)) == 1 + 120

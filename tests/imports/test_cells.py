"""Cells, without a database: what is read, and what is refused rather than guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from capacity.imports import cells
from capacity.imports.cells import CellError, Column
from capacity.imports.tabular import read_table

PRICE = cells.decimal(digits=20, places=8)
COUNT = cells.integer(least=0, most=2_147_483_647)


@pytest.mark.parametrize(
    ("text", "value"), [("15", "15"), ("0.00000001", "0.00000001"), ("-3.5", "-3.5"), ("1e3", "1000"), ("0.10", "0.1")]
)
def test_a_decimal_is_read_exactly(text: str, value: str) -> None:
    assert PRICE(text) == Decimal(value)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("1,000", "separator"),
        ("1.000,50", "separator"),
        ("1 000", "separator"),
        ("NaN", "not_a_number"),
        ("-inf", "not_a_number"),
        ("1e309", "too_large"),
        ("1e-20", "too_many_decimals"),
        ("1000000000000", "too_large"),
        ("0x10", "not_a_number"),
        ("١٥", "not_a_number"),
        ("9" * 100_000, "too_large"),
    ],
)
def test_what_is_not_plainly_a_number_is_refused(text: str, code: str) -> None:
    with pytest.raises(CellError) as refused:
        PRICE(text)
    assert refused.value.code == code


def test_a_whole_number_of_accelerators_is_never_rounded() -> None:
    assert COUNT("64") == 64
    for text in ("64.0", "64.5", "6e1"):
        with pytest.raises(CellError, match="whole number"):
            COUNT(text)
    with pytest.raises(CellError, match="at most"):
        COUNT("2147483648")


def test_dates_are_iso_dates_of_the_calendar() -> None:
    assert cells.iso_date("2028-02-29") == date(2028, 2, 29)
    for text in ("2027-02-29", "2026-1-5", "05.01.2026", "20260105", "2026-W48", "0001-01-01"):
        with pytest.raises(CellError):
            cells.iso_date(text)


def test_a_time_needs_its_zone() -> None:
    assert cells.iso_datetime("2026-11-23T10:00:00+01:00") == datetime(2026, 11, 23, 9, tzinfo=UTC)
    with pytest.raises(CellError, match="no time zone"):
        cells.iso_datetime("2026-11-23T10:00:00")


def test_a_list_keeps_its_order_and_has_no_repeats_or_gaps() -> None:
    assert cells.words()("b; a") == ["b", "a"]
    for text in ("a;", "a;;b", "a;a"):
        with pytest.raises(CellError):
            cells.words()(text)


def test_the_nearest_name_is_offered_only_when_it_is_near() -> None:
    assert cells.nearest("H10O", ["h100", "b200"]) == ' Did you mean "h100"?'
    assert cells.nearest("zzz", ["h100", "b200"]) == ""


def test_rows_have_the_numbers_a_spreadsheet_shows() -> None:
    sheet = read_table(
        file="t.csv",
        content=b'key,n\na,"1"\n\n"b\nb",2\nc,x\n',
        columns=[Column(name="key", parse=cells.text()), Column(name="n", parse=COUNT, required=True)],
        key=["key"],
    )

    assert [row.number for row in sheet.rows] == [2, 4, 5]
    assert [(issue.row, issue.column) for issue in sheet.issues] == [(5, "n")]


def test_a_file_of_too_many_rows_is_refused_before_it_is_read_to_the_end() -> None:
    sheet = read_table(
        file="t.csv", content=b"key\n" + b"a\n" * 50, columns=[Column(name="key", parse=cells.text())], key=["key"],
        most_rows=10,
    )  # fmt: skip

    assert not sheet.rows
    assert [issue.code for issue in sheet.issues] == ["too_many_rows"]


def test_a_part_of_the_key_may_stand_for_something_when_it_is_empty_or_left_out() -> None:
    columns = [
        Column(name="workload", parse=cells.text()),
        Column(name="contract", parse=cells.text(), when_empty=""),
    ]
    for content in (b"workload,contract\nchat,\n", b"workload\nchat\n"):
        sheet = read_table(file="u.csv", content=content, columns=columns, key=("workload", "contract"))
        assert sheet.issues == ()
        assert sheet.rows[0].values == {"workload": "chat", "contract": ""}
    sheet = read_table(file="u.csv", content=b"contract\nc\n", columns=columns, key=("workload", "contract"))
    assert [issue.code for issue in sheet.issues] == ["missing_column"]

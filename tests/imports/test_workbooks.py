"""What a workbook gives: its cells as an export writes them, and a reason for each thing that is no plain data."""

from __future__ import annotations

import io
import zipfile
from datetime import date, datetime
from typing import Any

import pytest
from openpyxl import Workbook

from capacity.imports.tabular import Grid
from capacity.imports.xlsx import number_text, open_workbook


def workbook(*rows: list[Any], title: str = "lots", **more_sheets: list[list[Any]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    for name, lines in more_sheets.items():
        other = book.create_sheet(name)
        for line in lines:
            other.append(line)
    return saved(book)


def saved(book: Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """The workbook with some bytes of one of its parts replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            data = before.read(name)
            assert name != part or old in data
            after.writestr(name, data.replace(old, new) if name == part else data)
    return out.getvalue()


def part_of(content: bytes, part: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read(part)


def codes(grids: list[Grid]) -> list[str]:
    return [issue.code for grid in grids for issue in grid.issues]


def test_cells_become_the_text_an_export_would_have_written() -> None:
    moment = datetime.fromisoformat("2026-11-23T09:30")
    row = [0.1, 64, 64.0, True, date(2026, 11, 23), moment, " words ", None, 1234567.89, "007"]
    (grid,) = open_workbook(file="lots.xlsx", content=workbook(list("abcdefghij"), row))

    assert grid.header == tuple("abcdefghij")
    assert list(grid.lines)[1] == [
        "0.1", "64", "64", "true", "2026-11-23", "2026-11-23T09:30:00", "words", "", "1234567.89", "007",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-7, "0.0000001"),
        (1e15, "1000000000000000"),
        (2.5, "2.5"),
        (-0.05, "-0.05"),
        (1e300, "1e+300"),
    ],
)
def test_a_stored_number_is_read_as_it_is_shown(stored: float, shown: str) -> None:
    assert number_text(stored) == shown


def test_each_sheet_is_a_grid_and_the_explanations_are_left_out() -> None:
    content = workbook(["key"], ["a"], teams=[["key", "name"], ["t", "T"]], **{"Read me": [["anything"]]})

    grids = open_workbook(file="all.xlsx", content=content)

    assert [(grid.sheet, grid.file) for grid in grids] == [
        ("lots", "all.xlsx, sheet lots"),
        ("teams", "all.xlsx, sheet teams"),
    ]


def test_empty_lines_keep_their_numbers_and_those_at_the_end_go() -> None:
    (grid,) = open_workbook(file="a.xlsx", content=workbook(["key", "name"], [], ["a"], [None, None]))

    assert [list(line) for line in grid.lines] == [["key", "name"], ["", ""], ["a", ""]]


def test_formulas_are_read_as_their_saved_value_with_a_warning_and_refused_without_one() -> None:
    without = workbook(["key", "accelerators"], ["a", "=8*8"])
    part = "xl/worksheets/sheet1.xml"
    # The two XML writers openpyxl may have write an empty element in their own ways.
    empty = next(form for form in (b"<v></v>", b"<v/>", b"<v />") if b"<f>8*8</f>" + form in part_of(without, part))
    with_value = changed(without, part, b"<f>8*8</f>" + empty, b"<f>8*8</f><v>64</v>")

    (refused,) = open_workbook(file="a.xlsx", content=without)
    (read,) = open_workbook(file="a.xlsx", content=with_value)

    assert [(i.code, i.row, i.column, i.severity) for i in refused.issues] == [("formula", 2, "accelerators", "E")]
    assert [(i.code, i.row, i.column, i.severity) for i in read.issues] == [("formula_value", 2, "accelerators", "W")]
    assert list(read.lines)[1] == ["a", "64"]


def test_merged_cells_hidden_sheets_errors_and_emptiness_are_refused() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["key", "name"])
    sheet.append(["a", "A"])
    sheet.merge_cells("A2:A3")
    hidden = book.create_sheet("teams")
    hidden.append(["key"])
    hidden.sheet_state = "hidden"
    wrong = book.create_sheet("sites")
    wrong.append(["key"])
    wrong.append(["#N/A"])
    wrong["A2"].data_type = "e"
    book.create_sheet("pools")

    grids = open_workbook(file="a.xlsx", content=saved(book))

    assert codes(grids) == ["merged_cells", "hidden_sheet", "cell_error", "empty_file"]
    assert grids[0].issues[0].row == 2 and "A2:A3" in grids[0].issues[0].message
    assert "A2 holds the error #N/A" in grids[2].issues[0].message


def bomb() -> bytes:
    out = io.BytesIO(workbook(["key"], ["a"]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/zeros.bin", b"\0" * 40_000_000)
    return out.getvalue()


def with_part(name: str, data: bytes) -> bytes:
    out = io.BytesIO(workbook(["key"], ["a"]))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def plain_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("lots.csv", "key\na\n")
    return out.getvalue()


GOOD = workbook(["key", "name"], ["a", "A"])
ENTITY = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>'
REFUSED = {
    "old or encrypted": (bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, "encrypted"),
    "cut off": (GOOD[: len(GOOD) // 2], "broken_workbook"),
    "damaged inside": (GOOD[:60] + b"\xff" * 400 + GOOD[460:], "broken_workbook"),
    "a zip of something else": (plain_zip(), "not_a_workbook"),
    "macros": (with_part("xl/vbaProject.bin", b"x"), "macros"),
    "a zip bomb": (bomb(), "too_big"),
    "an entity": (with_part("xl/extra.xml", ENTITY), "xml_entities"),
    "no workbook at all": (b"key,name\na,A\n", "broken_workbook"),
}


@pytest.mark.security
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_workbook_is_refused_with_one_reason(name: str) -> None:
    content, code = REFUSED[name]

    grids = open_workbook(file="a.xlsx", content=content)

    assert codes(grids) == [code]
    assert not list(grids[0].lines)

"""A session with forty files, each corrupted in its own way: each refused with file, row, column and reason, no row changed.

The corruptions are built from the samples, so that a sample that changes brings its corruption along. Two that look
corrupted and are not (UTF-16, a byte order mark) are read.
"""

from __future__ import annotations

import codecs
import csv
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from openpyxl import Workbook

from capacity.imports.models import ImportChange
from capacity.imports.services import import_files, source_file
from capacity.imports.tables import tables
from tests.imports.world import GOOD, import_texts

pytestmark = [pytest.mark.django_db, pytest.mark.security]


@dataclass(frozen=True)
class Corrupted:
    """A file, and where its issue has to point. row, column None: the file as a whole."""

    name: str
    content: bytes
    code: str
    row: int | None = None
    column: str = ""


def lines_of(file: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(GOOD[file])))


def written(lines: list[list[str]], delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n", delimiter=delimiter).writerows(lines)
    return out.getvalue().encode()


def cell(file: str, column: str, text: str, code: str, *, at: str = "") -> Corrupted:
    """The sample with one cell of its first row replaced. at: the column the issue names, if another."""
    lines = lines_of(file)
    lines[1][lines[0].index(column)] = text
    return Corrupted(file, written(lines), code, 2, at or column)


def sheet(change: Callable[[Any, Workbook], None]) -> bytes:
    """The lots as a workbook, with something done to its sheet."""
    book = Workbook()
    found: Any = book.active
    found.title = "lots"
    for line in lines_of("lots.csv"):
        found.append(line)
    change(found, book)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bomb() -> bytes:
    out = io.BytesIO(sheet(lambda *_: None))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b"<x>" + b" " * 30_000_000 + b"</x>")
    return out.getvalue()


def hide(found: Any, book: Workbook) -> None:
    book.create_sheet("teams").append(["key"])
    found.sheet_state = "hidden"


def accelerators(value: Any) -> Callable[[Any, Workbook], None]:
    """Puts a value into the first lot's accelerators."""
    place = lines_of("lots.csv")[0].index("accelerators") + 1

    def change(found: Any, book: Workbook) -> None:
        found.cell(row=2, column=place).value = value

    return change


LOTS = lines_of("lots.csv")
GOOD_LOTS = GOOD["lots.csv"].encode()
FORTY = {
    # the file as a whole
    "empty": Corrupted("lots.csv", b"", "empty_file"),
    "blanks only": Corrupted("lots.csv", b" \n\n ", "empty_file"),
    "a header alone": Corrupted("lots.csv", written(LOTS[:1]), "no_rows"),
    "latin-1": Corrupted("suppliers.csv", "key,name\nacme,Müller\n".encode("latin-1"), "bad_encoding"),
    "zero bytes": Corrupted("lots.csv", GOOD_LOTS.replace(b"lot-1", b"lot\x00-1"), "bad_encoding"),
    "UTF-16 without its mark": Corrupted("lots.csv", GOOD["lots.csv"].encode("utf-16-le"), "bad_encoding"),
    "a picture": Corrupted("lots.csv", bytes.fromhex("89504e470d0a1a0a") + b"\xff" * 99, "bad_encoding"),
    "semicolons": Corrupted("lots.csv", written(LOTS, ";"), "wrong_separator", 1),
    "too big": Corrupted("lots.csv", b"x" * (20 * 1024 * 1024 + 1), "too_big"),
    "named after nothing": Corrupted("plots.csv", GOOD_LOTS, "unknown_table"),
    "cut off inside quotation marks": Corrupted("lots.csv", GOOD_LOTS + b'lot-3,"pool', "not_csv", 4),
    "cut off inside a row": Corrupted("lots.csv", GOOD_LOTS.rstrip()[:-12], "wrong_cell_count", 3),
    # its header
    "a heading twice": Corrupted("lots.csv", written([[*LOTS[0][:-1], "key"], *LOTS[1:]]), "repeated_column", 1, "key"),
    "an unknown heading": Corrupted(
        "lots.csv", written([[*LOTS[0][:-1], "colour"], *LOTS[1:]]), "unknown_column", 1, "colour"
    ),
    "no key": Corrupted("lots.csv", written([["k", *LOTS[0][1:]], *LOTS[1:]]), "missing_column", 1, "key"),
    # its rows
    "a key twice": Corrupted("lots.csv", written([*LOTS, LOTS[1]]), "repeated_key", 4, "key"),
    "a cell too many": Corrupted("lots.csv", written([LOTS[0], [*LOTS[1], "x"]]), "wrong_cell_count", 2),
    "no key in a row": cell("lots.csv", "key", "", "empty"),
    "not a number": cell("lots.csv", "accelerators", "many", "not_a_number"),
    "half an accelerator": cell("lots.csv", "accelerators", "0.5", "not_whole"),
    "no accelerators": cell("lots.csv", "accelerators", "0", "lot_has_accelerators"),
    "NaN": cell("teams.csv", "weight", "NaN", "not_a_number"),
    "infinite": cell("teams.csv", "weight", "-inf", "not_a_number"),
    "1e309": cell("teams.csv", "weight", "1e309", "too_large"),
    "a million nines": cell("teams.csv", "weight", "9" * 1_000_00, "too_large"),
    "one comma too many": cell("teams.csv", "weight", "1,000", "separator"),
    "ambiguous thousands": cell("teams.csv", "weight", "1.000,5", "separator"),
    "a formula": cell("teams.csv", "weight", "=2+2", "not_a_number"),
    "a currency sign": cell("price_lines.csv", "price", "€ 15", "not_a_number"),
    "per cent": cell("pools.csv", "availability_share", "93%", "not_a_number"),
    "a share above one": cell("workloads.csv", "cache_hit_share", "1.5", "workload_cache_hit_is_a_share"),
    "a date of another order": cell("lots.csv", "accepted_date", "02.02.2026", "bad_date"),
    "a day that is not there": cell("lots.csv", "accepted_date", "2026-02-30", "bad_date"),
    "a control character": cell("suppliers.csv", "name", "Ac\x07me", "control_character"),
    "a name nobody knows": cell("lots.csv", "supplier", "nobody", "unknown_reference"),
    "a choice nobody knows": cell("lots.csv", "state", "lost", "unknown_choice"),
    # workbooks
    "a broken workbook": Corrupted("lots.xlsx", sheet(lambda *_: None)[:900], "broken_workbook"),
    "a workbook with a password": Corrupted("lots.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, "encrypted"),
    "a zip bomb": Corrupted("lots.xlsx", bomb(), "too_big"),
    "a formula without a value": Corrupted("lots.xlsx", sheet(accelerators("=8*8")), "formula", 2, "accelerators"),
    "text for a number": Corrupted("lots.xlsx", sheet(accelerators("64 GPUs")), "not_a_number", 2, "accelerators"),
    "merged cells": Corrupted("lots.xlsx", sheet(lambda found, book: found.merge_cells("A2:B2")), "merged_cells", 2),
    "a hidden sheet": Corrupted("lots.xlsx", sheet(hide), "hidden_sheet"),
}


def everything() -> dict[str, list[dict[str, Any]]]:
    return {name: list(table.model._default_manager.order_by("pk").values()) for name, table in tables().items()}


def test_forty_corrupted_files_are_each_refused_with_place_and_reason_and_change_nothing() -> None:
    assert import_texts(GOOD).applied
    before, changes = everything(), ImportChange.objects.count()
    wrong: list[str] = []

    for name, corrupted in FORTY.items():
        file = source_file(name=corrupted.name, content=corrupted.content)
        outcome = import_files(files=[file], source=name)
        places = {(issue.code, issue.row, issue.column) for issue in outcome.errors}
        if outcome.applied or (corrupted.code, corrupted.row, corrupted.column) not in places:
            wrong.append(f"{name}: {places}")
        wrong += [f"{name}: {issue}" for issue in outcome.errors if not issue.file or len(issue.message) < 20]

    assert len(FORTY) >= 40
    assert wrong == []
    assert (everything() == before, ImportChange.objects.count()) == (True, changes)


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
        lambda text: text.replace("\n", "\r\n").encode(),
    ],
    ids=["UTF-8 with its mark", "UTF-16", "UTF-16 big-endian", "CRLF"],
)
def test_what_only_looks_corrupted_is_read(encode: Callable[[str], bytes]) -> None:
    outcome = import_texts({name: encode(text) for name, text in GOOD.items()})

    assert outcome.applied, outcome.errors


def test_text_that_looks_like_a_formula_makes_a_round_trip() -> None:
    import_texts(GOOD)
    lines = "key,name\nacme,'=HYPERLINK(1)\n"

    import_texts({"suppliers.csv": lines})

    assert tables()["suppliers"].model._default_manager.get(key="acme").name == "=HYPERLINK(1)"

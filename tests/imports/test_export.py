"""What an export writes, the importer reads as no change: every table, CSV and workbook; and nothing runs as a formula."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from openpyxl import load_workbook

from capacity.access.models import AuditEvent
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.export import bundle_tables, csv_lines, full_columns, write_bundle_xlsx, write_bundle_zip
from capacity.imports.records import matching
from capacity.imports.services import import_files, source_file
from capacity.imports.tables import tables
from capacity.imports.xlsx_write import SheetRows, write_workbook
from tests.factories import make_user
from tests.imports.world import GOOD, import_texts

SPITEFUL = "=cmd|' /C calc'!A0"


@pytest.fixture
def world(db: None) -> None:
    outcome = import_texts(GOOD)
    assert outcome.applied, outcome.errors
    teams = f'key,name,weight,provenance\nodd,"{SPITEFUL}",0.3333,"-2 + 3, \'\'=x, @sum\nsecond line"\n'
    assert import_texts({"teams.csv": teams}).applied


def bundle_files() -> dict[str, bytes]:
    file = io.BytesIO()
    write_bundle_zip(file, None)
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def workbook() -> bytes:
    file = io.BytesIO()
    write_bundle_xlsx(file, None)
    return file.getvalue()


def what_changed(files: dict[str, bytes]) -> dict[str, dict[str, int]]:
    """Table → added and changed rows of a dry import, where there are any."""
    outcome = import_files(
        files=[source_file(name=name, content=content) for name, content in files.items()], source="test", dry_run=True
    )
    assert not outcome.errors, [str(issue) for issue in outcome.errors][:5]
    return {
        name: {kind: count for kind, count in counts.items() if count and kind != "unchanged"}
        for name, counts in outcome.counts.items()
        if any(count for kind, count in counts.items() if kind != "unchanged")
    }


def test_every_kept_table_comes_back_from_csv_unchanged(world: None) -> None:
    files = bundle_files()
    kept = {f"{name}.csv" for name, table in tables().items() if not table.is_log and table.model.objects.exists()}  # type: ignore[attr-defined]
    assert set(files) == kept
    assert what_changed(files) == {}


def test_every_log_comes_back_from_its_own_file_unchanged(world: None) -> None:
    files = {}
    for name, table in tables().items():
        if table.is_log and table.model._default_manager.exists():
            found = matching(table=table, viewer=None)
            columns = full_columns(table, None)
            files[f"{name}.csv"] = "".join(csv_lines(table=table, viewer=None, columns=columns, found=found)).encode()
    assert len(files) >= 2
    assert what_changed(files) == {}


def test_the_workbook_of_every_table_comes_back_unchanged(world: None) -> None:
    assert what_changed({"capacity-data.xlsx": workbook()}) == {}


def edited_csv(content: bytes) -> bytes:
    """The file with the team's weight set to 7.5 and nothing else touched."""
    rows = list(csv.reader(io.StringIO(content.decode(), newline="")))
    place = rows[0].index("weight")
    for row in rows[1:]:
        row[place] = "7.5" if row[0] == "odd" else row[place]
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def test_one_edited_cell_comes_back_as_exactly_that_edit(world: None) -> None:
    files = bundle_files()
    files["teams.csv"] = edited_csv(files["teams.csv"])
    assert what_changed(files) == {"teams": {"changed": 1}}


def test_one_edited_cell_of_the_workbook_comes_back_as_exactly_that_edit(world: None) -> None:
    book = load_workbook(io.BytesIO(workbook()))
    sheet = book["teams"]
    heads = [cell.value for cell in sheet[1]]
    row = next(row for row in sheet.iter_rows(min_row=2) if row[0].value == "odd")
    row[heads.index("weight")].value = 7.5
    out = io.BytesIO()
    book.save(out)
    assert what_changed({"edited.xlsx": out.getvalue()}) == {"teams": {"changed": 1}}


def test_no_cell_of_an_export_is_a_formula(world: None) -> None:
    sheet = load_workbook(io.BytesIO(workbook()))["teams"]
    cells = [cell for row in sheet.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
    assert "'" + SPITEFUL in {cell.value for cell in cells}
    assert f"'{SPITEFUL}" in bundle_files()["teams.csv"].decode()


def test_values_keep_their_kind_and_every_digit_in_a_workbook() -> None:
    values = [
        Decimal("0.93500"), 12, date(2026, 11, 23), True, "007", None, Decimal("12345678901234567.89"),
        datetime(2026, 11, 23, 9, tzinfo=UTC), ["eu", "us"], "a\x0bb<&>",
    ]  # fmt: skip
    file = io.BytesIO()
    assert write_workbook(file, [SheetRows(name="t", heads=["x"] * len(values), rows=[values])]) == {"t": 1}
    back = [cell.value for cell in list(load_workbook(file)["t"].iter_rows())[1]]
    assert back[:6] == [0.935, 12, datetime(2026, 11, 23), True, "007", None]  # noqa: DTZ001
    assert back[6:] == ["12345678901234567.89", "2026-11-23T09:00:00Z", "eu;us", "a\ufffdb<&>"]


def test_the_bundle_holds_only_tables_whose_every_column_its_taker_sees() -> None:
    finance = {table.name for table in bundle_tables(Viewer(username="f", roles=frozenset({Role.FINANCE})))}
    chair = {table.name for table in bundle_tables(Viewer(username="c", roles=frozenset({Role.CHAIR})))}
    assert "price_lines" in finance and "price_lines" not in chair
    assert "contracts" not in chair and "pools" in chair
    assert bundle_tables(Viewer(username="a", roles=frozenset({Role.ADMIN}))) == []


@pytest.mark.django_db
def test_an_empty_product_exports_a_workbook_that_says_so() -> None:
    assert load_workbook(io.BytesIO(workbook())).sheetnames == ["Read me"]


@pytest.mark.parametrize("kind", ["xlsx", "zip"])
def test_a_bundle_is_sent_and_written_down(world: None, kind: str) -> None:
    client = Client()
    client.force_login(make_user("finance"))
    answer: Any = client.get(f"/data/export.{kind}")
    assert answer.getvalue()[:2] == b"PK"
    event = AuditEvent.objects.get(action="exported")
    assert event.detail["rows"]["teams"] == 2
    assert client.get("/data/export.pdf").status_code == 404


def test_a_lists_workbook_holds_what_the_list_shows(world: None) -> None:
    client = Client()
    client.force_login(make_user("chair"))
    answer: Any = client.get("/data/teams/?q=team 1&format=xlsx")
    sheet = load_workbook(io.BytesIO(answer.getvalue()))["teams"]
    assert [row[0].value for row in sheet.iter_rows()] == ["key", "team-1"]

"""A page, its file and the API show one person the same values, hidden ones included."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from capacity.access.bands import Banded
from capacity.access.permissions import roles_for
from capacity.access.roles import Role
from capacity.access.visibility import Viewer
from capacity.imports.api_fields import api_value
from capacity.lib.figures import RESTRICTED, Absent
from capacity.review import list_specs
from capacity.review.csv_files import file_value, head
from capacity.review.listing import ListSpec, cell_text
from capacity.review.pages import visible_rows
from capacity.review.table_columns import RunTableSpec
from capacity.review.table_specs import RUN_TABLES
from capacity.review.tables import contract_labels
from tests.factories import TEAM_OF_RESEARCH, make_run, make_user
from tests.review.pages_under_test import PAGES, RENAMED, csv_rows, table_cells, table_heads

pytestmark = [pytest.mark.django_db, pytest.mark.security]

# list → address, what the page shows, the run table it stands on
LISTS: dict[str, tuple[str, ListSpec, RunTableSpec]] = {
    "workloads": ("/workloads/", list_specs.WORKLOAD_MAP, RUN_TABLES["workloads"]),
    "placements": ("/requests/placed/", list_specs.PLACED, RUN_TABLES["placements"]),
    "unplaced": ("/requests/", list_specs.WITHOUT_PLACE, RUN_TABLES["unplaced"]),
    "contracts": ("/contracts/", list_specs.CONTRACTS, RUN_TABLES["exposure"]),
    "lots": ("/supply/", list_specs.LOTS, RUN_TABLES["lots"]),
    "pool-weeks": ("/supply/b200_euw1/", list_specs.POOL_WEEK_TABLE, RUN_TABLES["pool-weeks"]),
}
MEETING = [Role.CHAIR, Role.FINANCE, Role.SALES, Role.RESEARCH, Role.PRODUCT, Role.EXEC]


def viewer_with(role: Role) -> Viewer:
    team = TEAM_OF_RESEARCH if role is Role.RESEARCH else ""
    return Viewer(username=role.value, roles=frozenset({role}), team_key=team)


@pytest.mark.parametrize("role", MEETING)
@pytest.mark.parametrize("name", list(LISTS))
def test_page_file_and_api_agree_cell_by_cell(client: Client, name: str, role: Role) -> None:
    address, spec, table = LISTS[name]
    if role not in roles_for(PAGES[address]):
        return  # no page: test_lists_permissions says so
    run = make_run()
    client.force_login(make_user(role))
    html = client.get(address).content.decode()
    lines = csv_rows(client.get(f"{address}?format=csv&table={spec.name}").content)
    answers = {
        _identity(row): row for row in client.get(f"/api/v1/{RENAMED.get(table.name, table.name)}/").json()["results"]
    }
    year = timezone.now().year
    shown = [column for column in spec.columns if head(column) in lines[0]]
    assert [head(column) for column in shown] == lines[0]
    assert [column.label for column in shown] == table_heads(html, spec.title)[: len(shown)]
    filters = {"pool_key": "b200_euw1"} if name == "pool-weeks" else {}
    rows = visible_rows(viewer=viewer_with(role), run_id=run.pk, spec=table, labels=contract_labels(run.pk), **filters)
    by_cells = {tuple(_page_text(column, row[column.name], year) for column in shown): row for row in rows}
    cells = [tuple(row[: len(shown)]) for row in table_cells(html, spec.title)]
    assert set(cells) == set(by_cells)
    assert len(cells) == len(rows)
    for page_row, line in zip(cells, lines[1:], strict=True):
        row = by_cells[page_row]
        assert line == [str(file_value(column, row[column.name])) for column in shown]
        answer = answers[_identity({name: api_value(value) for name, value in row.items()})]
        for column in shown:
            assert answer[column.name] == api_value(row[column.name])
            is_hidden = isinstance(row[column.name], Absent) and row[column.name].kind == "restricted"
            assert (column.name in answer["restricted"]) is is_hidden


def _page_text(column: Any, value: Any, year: int | None) -> str:
    text = cell_text(column.name, column.kind, value, year=year)
    return text.word if isinstance(text, Absent) else text


def _identity(row: dict[str, Any]) -> str:
    """All of a row but what the API adds: rows whose keys are hidden have no other name."""
    return repr(sorted((key, repr(value)) for key, value in row.items() if key not in ("restricted", "absent")))


def test_a_hidden_cell_is_a_word_and_never_a_zero(client: Client) -> None:
    make_run()
    client.force_login(make_user("sales"))
    others = [row for row in table_cells(client.get("/contracts/").content.decode(), "Exposure ranking")
              if row[0] == "committed"]  # fmt: skip
    assert len(others) == 2
    assert all("restricted" in row and "$0" not in row for row in others)


def test_sales_read_their_own_contracts_in_full(client: Client) -> None:
    make_run()
    client.force_login(make_user("sales"))
    rows = client.get("/api/v1/exposure/").json()["results"]
    assert {row["label"]: row["revenue_usd"] for row in rows if row["revenue_usd"]} == {
        "Acme provisioned": "4137193.31",
        "Borealis metered": "2291741.77",
    }


def test_the_chair_reads_margins_as_bands(client: Client) -> None:
    run = make_run()
    rows = visible_rows(viewer=viewer_with(Role.CHAIR), run_id=run.pk, spec=RUN_TABLES["exposure"])
    acme = next(row for row in rows if row["contract_key"] == "acme_pt")
    # 2,011,119.13 of 4,137,193.31 is 48.6 % cost: of 20 to 50 %.
    assert isinstance(acme["margin_share"], Banded)
    assert (acme["margin_share"].low, acme["margin_share"].high) == (Decimal("0.5"), Decimal("0.8"))
    # The one figure of a contract that its price makes: two of them would cross.
    assert {acme[name] for name in ("margin_usd", "worst_margin_usd", "loss_exposure_usd")} == {RESTRICTED}
    client.force_login(make_user("chair"))
    assert "50–80%" in client.get("/contracts/").content.decode()
    answer = next(row for row in client.get("/api/v1/exposure/").json()["results"] if row["contract_key"] == "acme_pt")
    assert answer["margin_share"] == {"low": "0.5", "high": "0.8"}


def test_totals_are_exact_to_the_cent_and_say_what_they_leave_out(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    html = client.get("/contracts/").content.decode()
    # 4,137,193.31 + 2,291,741.77 + 913,377.19, the unsized contract left out.
    assert "$7,342,312.27" in html
    assert "Totals leave out 1 row" in html


def test_a_total_with_a_hidden_part_is_hidden(client: Client) -> None:
    make_run()
    client.force_login(make_user("chair"))
    html = client.get("/contracts/").content.decode()
    foot = html[html.index("<tfoot>") : html.index("</tfoot>")]
    assert "restricted" in foot
    assert "$" not in foot


def test_sums_over_one_customer_are_kept_from_price_blind_roles(client: Client) -> None:
    make_run()
    client.force_login(make_user("product"))
    whole = client.get("/contracts/").content.decode()
    part = client.get("/contracts/?q=C-1").content.decode()
    assert "1,170" in whole[whole.index("<tfoot>") : whole.index("</tfoot>")]
    assert "restricted" in part[part.index("<tfoot>") : part.index("</tfoot>")]


def test_an_unsized_need_is_a_word_in_page_file_and_api(client: Client) -> None:
    make_run()
    client.force_login(make_user("finance"))
    assert "unsized" in client.get("/contracts/").content.decode()
    lines = csv_rows(client.get("/contracts/?format=csv").content)
    assert next(line for line in lines if line[0] == "Delta pilot").count("unsized") > 3
    row = next(
        each for each in client.get("/api/v1/exposure/").json()["results"] if each["contract_key"] == "delta_pilot"
    )
    assert row["worst_accelerators"] is None
    assert row["absent"]["worst_accelerators"] == "unsized"


def test_a_figure_shows_the_value_of_its_list(client: Client) -> None:
    run = make_run()
    client.force_login(make_user("finance"))
    address = f"/runs/{run.pk}/figures/exposure:acme_pt:margin_usd/"
    assert f'href="{address}">$2.13M</a>' in client.get("/contracts/").content.decode()
    page = client.get(address).content.decode()
    drawer = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "$2,126,074.18" in drawer
    assert drawer.strip() in page
    assert "<html" in page
    assert "<html" not in drawer

"""Reading rows of a table as one viewer may see them: scope, filters, search, order, pages, keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.http import Http404
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from capacity.access.bands import Banded, BandUnit
from capacity.access.roles import Role
from capacity.access.sight_rules import Rule, rule_of
from capacity.access.sight_table import TABLE
from capacity.access.visibility import RESTRICTED, Viewer
from capacity.imports import tables as registry
from capacity.imports.edits import cells_of
from capacity.imports.records import (
    BadFilter,
    found_record,
    key_from_url,
    key_in_url,
    owner_path,
    record_of,
    visible_records,
)
from capacity.imports.tables import Table, tables
from tests.imports.world import import_texts

CHAIR = Viewer(username="chair", roles=frozenset({Role.CHAIR}))
FINANCE = Viewer(username="finance", roles=frozenset({Role.FINANCE}))
OWN_TEAM = Viewer(username="rae", roles=frozenset({Role.RESEARCH}), team_key="alignment")
ADMIN = Viewer(username="admin", roles=frozenset({Role.ADMIN}))

SUPPLIERS = """key,name,lead_time_p50_weeks,lead_time_p90_weeks,provenance
acme,Acme Chips,12,20,quote of May
best,Best Boards,8,,
core,Core & Sons,,,acme's subsidiary
"""
TEAMS = "key,name,weight\nalignment,Alignment,2.5\nscaling,Scaling,1\n"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Gives a table visibility lines of the test's own: `lines("suppliers", all_columns, key=…)` → the table."""

    def give(name: str, rule: Rule, *, owner: str = "", **others: Rule) -> Table:
        table = replace(
            tables()[name], resource=f"test_{name}", owner=owner, label="", search=("key", "name", "provenance")
        )
        rules = {column.name: others.get(column.name, rule) for column in table.columns}
        monkeypatch.setitem(TABLE, f"test_{name}", rules)
        return table

    yield give


@pytest.fixture
def suppliers(db: None, lines: Any) -> Table:
    assert import_texts({"suppliers.csv": SUPPLIERS}).applied
    return lines("suppliers", rule_of(Role.CHAIR, Role.FINANCE))


def keys(found: Any) -> list[str]:
    return [record.key[0] for record in found.records]


def test_rows_come_in_the_order_of_their_key_with_typed_values_and_a_count(suppliers: Table) -> None:
    found = visible_records(table=suppliers, viewer=CHAIR)
    assert (keys(found), found.count) == (["acme", "best", "core"], 3)
    assert found.rows[1]["lead_time_p50_weeks"] == 8
    assert found.rows[1]["lead_time_p90_weeks"] is None


def test_a_page_is_cut_in_the_database_and_the_count_is_of_all_pages(suppliers: Table) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        found = visible_records(table=suppliers, viewer=CHAIR, limit=1, offset=1)
    assert (keys(found), found.count) == (["best"], 3)
    assert len(queries) == 2


def test_filters_compare_as_the_column_means_it(suppliers: Table) -> None:
    def ask(**filters: str) -> list[str]:
        return keys(visible_records(table=suppliers, viewer=CHAIR, filters=filters))

    assert ask(lead_time_p50_weeks="8") == ["best"]
    assert ask(lead_time_p50_weeks__gte="9") == ["acme"]
    assert ask(name__contains="CHIPS") == ["acme"]
    assert ask(key__in="core, acme") == ["acme", "core"]
    assert ask(lead_time_p90_weeks__empty="true") == ["best", "core"]
    assert ask(provenance__empty="false") == ["acme", "core"]
    assert ask(name="") == ["acme", "best", "core"]


def test_a_filter_value_that_cannot_be_read_names_its_column(suppliers: Table) -> None:
    with pytest.raises(BadFilter) as refused:
        visible_records(table=suppliers, viewer=CHAIR, filters={"lead_time_p50_weeks": "soon"})
    assert refused.value.column == "lead_time_p50_weeks"
    assert '"soon" is not a number' in refused.value.message


def test_what_is_not_known_comes_last_in_both_directions(suppliers: Table) -> None:
    def ask(ordering: str) -> list[str]:
        return keys(visible_records(table=suppliers, viewer=CHAIR, ordering=ordering))

    assert ask("lead_time_p50_weeks") == ["best", "acme", "core"]
    assert ask("-lead_time_p50_weeks") == ["acme", "best", "core"]


def test_search_reads_only_columns_seen_in_full(suppliers: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    assert keys(visible_records(table=suppliers, viewer=CHAIR, q="acme")) == ["acme", "core"]
    monkeypatch.setitem(TABLE["test_suppliers"], "provenance", rule_of(Role.FINANCE))
    assert keys(visible_records(table=suppliers, viewer=CHAIR, q="acme")) == ["acme"]


def test_a_hidden_column_is_restricted_and_can_neither_be_filtered_nor_sorted_by(
    suppliers: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TABLE["test_suppliers"], "lead_time_p50_weeks", rule_of(Role.FINANCE))
    assert {row["lead_time_p50_weeks"] for row in visible_records(table=suppliers, viewer=CHAIR).rows} == {RESTRICTED}
    for asked in ({"filters": {"lead_time_p50_weeks": "8"}}, {"ordering": "-lead_time_p50_weeks"}):
        with pytest.raises(Http404):
            visible_records(table=suppliers, viewer=CHAIR, **asked)
    assert keys(visible_records(table=suppliers, viewer=FINANCE, filters={"lead_time_p50_weeks": "8"})) == ["best"]


def test_a_banded_column_shows_its_band_and_cannot_be_sorted_by(
    suppliers: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    banded = rule_of(Role.FINANCE, band=(Role.CHAIR,), unit=BandUnit.NUMBER)
    monkeypatch.setitem(TABLE["test_suppliers"], "lead_time_p50_weeks", banded)
    shown = visible_records(table=suppliers, viewer=CHAIR).rows[0]["lead_time_p50_weeks"]
    assert isinstance(shown, Banded) and (shown.low, shown.high) == (Decimal(10), Decimal(20))
    with pytest.raises(Http404):
        visible_records(table=suppliers, viewer=CHAIR, ordering="lead_time_p50_weeks")


def test_an_unknown_column_answers_like_a_hidden_one(suppliers: Table) -> None:
    for asked in ({"filters": {"nothing": "1"}}, {"filters": {"name__like": "1"}}, {"ordering": "nothing"}):
        with pytest.raises(Http404):
            visible_records(table=suppliers, viewer=CHAIR, **asked)


def test_rows_whose_key_a_viewer_may_not_see_are_not_there_for_him(suppliers: Table) -> None:
    assert visible_records(table=suppliers, viewer=ADMIN).count == 0
    with pytest.raises(Http404):
        record_of(table=suppliers, viewer=ADMIN, key=("acme",))


def test_own_rows_are_listed_and_filtered_and_others_are_not_there(db: None, lines: Any) -> None:
    assert import_texts({"teams.csv": TEAMS}).applied
    table = lines("teams", rule_of(Role.CHAIR, own=(Role.RESEARCH,)), owner="key")
    found = visible_records(table=table, viewer=OWN_TEAM, filters={"weight": "2.5"}, ordering="name")
    assert (keys(found), found.count) == (["alignment"], 1)
    assert visible_records(table=table, viewer=CHAIR).count == 2
    assert found_record(table=table, viewer=OWN_TEAM, key=("alignment",)).owner == "alignment"
    with pytest.raises(Http404):
        found_record(table=table, viewer=OWN_TEAM, key=("scaling",))


def test_a_column_seen_on_own_rows_only_cannot_sort_a_list_that_holds_others(db: None, lines: Any) -> None:
    assert import_texts({"teams.csv": TEAMS}).applied
    everybody = rule_of(Role.CHAIR, Role.RESEARCH)
    table = lines("teams", everybody, owner="key", weight=rule_of(Role.CHAIR, own=(Role.RESEARCH,)))
    rows = {row["key"]: row["weight"] for row in visible_records(table=table, viewer=OWN_TEAM).rows}
    assert rows == {"alignment": Decimal("2.5"), "scaling": RESTRICTED}
    with pytest.raises(Http404):
        visible_records(table=table, viewer=OWN_TEAM, ordering="weight")


@pytest.mark.parametrize("named", ["owner", "contract", "contract__owner__username"])
def test_the_owner_of_a_line_is_found_along_its_foreign_key(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._TABLES, "contracts", replace(tables()["contracts"], owner="owner"))
    assert owner_path(tables()["contracts"]) == "owner__username"
    assert owner_path(replace(tables()["price_lines"], owner=named)) == "contract__owner__username"


def test_a_record_carries_its_version_and_a_missing_one_is_not_found(suppliers: Table) -> None:
    values, version = record_of(table=suppliers, viewer=CHAIR, key=("acme",))
    assert (values["name"], version) == ("Acme Chips", 1)
    for key in (("nobody",), ("acme", "2"), ("",)):
        with pytest.raises(Http404):
            record_of(table=suppliers, viewer=CHAIR, key=key)


def test_cells_of_a_row_are_what_a_file_would_hold(suppliers: Table) -> None:
    row = suppliers.model._default_manager.get(key="best")
    cells = cells_of(row, suppliers)
    assert cells["lead_time_p50_weeks"] == "8"
    assert (cells["lead_time_p90_weeks"], cells["provenance"]) == ("", "")


def test_a_key_in_an_address_is_its_parts_with_a_tilde_between() -> None:
    assert key_in_url(("h100", "2026-01-01")) == "h100~2026-01-01"
    assert key_in_url(("a~b", "c/d")) == "a%7Eb~c%2Fd"
    assert [key_in_url((word,)) for word in ("new", "..")] == ["%6Eew", "%2E."]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4))
def test_a_key_survives_its_address(parts: list[str]) -> None:
    assert key_from_url(key_in_url(parts)) == tuple(parts)

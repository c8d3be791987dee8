"""Every table of supply, cost and policy says all that its pages, forms and files need."""

from __future__ import annotations

import pytest

from capacity.access.permissions import PERMISSIONS
from capacity.access.sight_table import TABLE
from capacity.imports.tables import Table, tables

NAMES = (
    "suppliers",
    "lead_times",
    "sites",
    "accelerator_types",
    "pools",
    "network_domains",
    "lots",
    "lot_moves",
    "outages",
    "cost_rates",
    "cost_lines",
    "market_values",
    "budgets",
    "fx_rates",
    "actual_costs",
    "accelerator_list_prices",
    "policy_sets",
    "policy_floors",
    "floor_waivers",
)


@pytest.fixture(params=NAMES)
def table(request: pytest.FixtureRequest) -> Table:
    return tables()[request.param]


def test_every_column_has_its_help_its_place_in_the_form_and_its_line_of_visibility(table: Table) -> None:
    columns = [column.name for column in table.columns]
    assert set(table.help) == set(columns)
    assert all(text.endswith(".") for text in table.help.values())
    assert sorted(name for group in table.groups.values() for name in group) == sorted(columns)
    assert set(TABLE[table.resource]) == set(columns)


def test_a_table_says_what_it_is_and_who_keeps_it(table: Table) -> None:
    assert all((table.title, table.singular, table.intro.endswith("."), table.area, table.label))
    assert table.slug == table.name.replace("_", "-")
    assert table.resource == f"input_{table.name}"
    assert {table.view, table.change} <= set(PERMISSIONS)
    columns = {column.name for column in table.columns}
    retire = {table.retire.column} if table.retire else set()
    assert {*table.listed, *table.filters, *table.search, *table.bulk, *retire, table.label} <= columns
    assert "provenance" in columns


def test_every_rule_of_the_database_has_its_sentence(table: Table) -> None:
    constraints = {each.name for each in table.model._meta.constraints}
    assert constraints <= set(table.sentences)
    assert {sentence.column for sentence in table.sentences.values()} - {""} <= {
        column.name for column in table.columns
    }


def test_who_changes_a_row_sees_every_column_of_it(table: Table) -> None:
    for role in PERMISSIONS[table.change]:
        assert {name for name, rule in TABLE[table.resource].items() if role not in rule.full} == set()


def test_a_change_of_policy_needs_a_second_person_unless_it_is_of_words() -> None:
    for name in ("policy_sets", "policy_floors", "floor_waivers"):
        rule = tables()[name].needs_checker
        assert rule is not None
        row = {"key": "x", "accelerators": 8, "provenance": "minutes", "note": ""}
        assert rule(None, row) and rule(row, None) and rule(row, row | {"accelerators": 9})
        assert rule(row, row | {"provenance": "letter", "note": "why"}) == ""

"""Every list of the API for every role, walked by its schema: who may open it, and that each value is as the table of
visibility says, told by reading that table anew and not by the code that answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from capacity.access.models import User
from capacity.access.permissions import roles_for
from capacity.access.roles import Role
from capacity.access.sight_table import TABLE
from capacity.imports.api_fields import api_value
from capacity.imports.described import resource_of, slug_of
from capacity.imports.records import Record, key_in_url, visible_records
from capacity.imports.tables import Table, tables
from capacity.review.api_catalogue import resources
from capacity.review.api_reference import reference
from capacity.review.api_schema import document
from tests.factories import TEAM_OF_RESEARCH, make_user
from tests.imports.api.conftest import Api

pytestmark = [pytest.mark.django_db, pytest.mark.security]
# The session, the person with roles, rows and count; one more for a total of plan rows.
MOST_QUERIES = 6


def lists() -> list[str]:
    """The addresses of the schema that answer a list, without the parts before their own name."""
    found = [path.removeprefix("/api/v1/") for path, methods in document()["paths"].items() if "get" in methods]
    return [path for path in found if path.count("/") == 1]


def kept() -> Iterator[Table]:
    return (table for table in tables().values() if table.view)


def person(role: Role) -> Api:
    """Somebody of the role; for sales the one who owns rows of the world."""
    return Api(User.objects.get(username="sales") if role is Role.SALES else make_user(role, username=f"the-{role}"))


@pytest.mark.parametrize("role", list(Role))
def test_every_list_opens_for_its_roles_and_for_no_other(world: None, role: Role) -> None:
    api = person(role)
    opened = {item.slug + "/": role in roles_for(item.view) for item in resources()}
    assert set(opened) == set(lists())
    api.get("")  # the first request of a session also writes its time of use
    for path in lists():
        with CaptureQueriesContext(connection) as queries:
            answer = api.get(path)
        assert answer.status_code == (200 if opened[path] else 403), (path, answer.content[:300])
        assert len(queries) <= MOST_QUERIES, (path, len(queries))


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.AUDITOR, Role.ADMIN)])
def test_every_value_shows_as_the_table_of_visibility_says(world: None, role: Role) -> None:
    api = person(role)
    names = {api.user.username, TEAM_OF_RESEARCH} if api.user else set()
    checked = 0
    for table in kept():
        if role not in roles_for(table.view):
            continue
        raw = {row_key(record): record for record in visible_records(table=table, viewer=None, limit=500).records}
        seen = {
            key: record
            for key, record in raw.items()
            if all(sight_of(table, name, role, record, names) == "full" for name in table.key)
        }
        rows = {
            row["url"].split("/")[4].replace("%25", "%"): row for row in api.rows(f"{slug_of(table)}/?page_size=500")
        }
        assert set(rows) == set(seen), table.name
        for key, row in rows.items():
            for column in table.columns:
                check_value(table, column.name, role, seen[key], row, names)
                checked += 1
    assert checked > 50


def check_value(table: Table, name: str, role: Role, record: Record, row: dict[str, Any], names: set[str]) -> None:
    allowed, where = sight_of(table, name, role, record, names), (table.name, name, role)
    true = api_value(record.values[name])
    if allowed == "full":
        assert row[name] == true, where
        assert name not in row["restricted"], where
    elif allowed == "hidden":
        assert row[name] is None, where
        assert name in row["restricted"], where
    else:
        assert row[name] is None or set(row[name]) == {"low", "high"}, where


def sight_of(table: Table, name: str, role: Role, record: Record, names: set[str]) -> str:
    """The line of the table of visibility, read here anew."""
    rule = TABLE[resource_of(table)][name]
    if role in rule.full or (role in rule.own and record.owner in names):
        return "full"
    return "band" if role in rule.band else "hidden"


def row_key(record: Record) -> str:
    return key_in_url(record.key)


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.AUDITOR, Role.ADMIN)])
def test_no_filter_and_no_order_asks_about_a_column_that_is_hidden(world: None, role: Role) -> None:
    api = person(role)
    for table in kept():
        if role not in roles_for(table.view):
            continue
        rules = TABLE[resource_of(table)]
        hidden = [name for name, rule in rules.items() if role not in rule.full | rule.own]
        for name in (hidden[:1] + hidden[-1:]) if hidden else []:
            for query in (
                f"{name}=1",
                f"{name}__empty=true",
                f"{name}__in=1,2",
                f"ordering={name}",
                f"ordering=-{name}",
            ):
                answer = api.get(f"{slug_of(table)}/?{query}")
                assert answer.status_code == 404, (table.name, query)


def test_no_two_resources_have_one_name() -> None:
    slugs = [item.slug for item in resources()]
    assert len(slugs) == len(set(slugs))


def test_every_kept_table_is_there_with_all_its_columns() -> None:
    paths = document()["paths"]
    for table in kept():
        slug = slug_of(table)
        methods = set(paths[f"/api/v1/{slug}/{{key}}/"]) & {"get", "put", "patch", "delete"}
        assert methods == ({"get"} if table.is_log or not table.change else {"get", "put", "patch", "delete"}), slug
        parameters = {parameter["name"] for parameter in paths[f"/api/v1/{slug}/"]["get"]["parameters"]}
        assert parameters >= {column.name for column in table.columns}, slug


def test_the_schema_is_valid_and_without_a_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, file="/dev/null")


def test_every_example_of_the_schema_has_the_columns_a_new_row_needs() -> None:
    for table in kept():
        if not table.change:
            continue
        body = document()["paths"][f"/api/v1/{slug_of(table)}/"]["post"]["requestBody"]["content"]["application/json"]
        value = next(iter(body["examples"].values()))["value"]
        assert set(value) >= {column.name for column in table.columns if column.required}, table.name


@pytest.mark.parametrize("role", [Role.CHAIR, Role.ADMIN])
def test_the_reference_page_names_every_resource_and_carries_no_script_of_its_own(world: None, role: Role) -> None:
    reader = person(role)
    answer = reader.get("docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    mine = [item.slug for item in resources() if f'href="?of={item.slug}"' in page]
    for slug in [*mine[:2], "pools"]:
        one = reader.get(f"docs/?of={slug}")
        assert f'id="{slug}"' in one.content.decode()
    assert reader.get("docs/?of=nothing").status_code == 404
    assert "style=" not in page
    assert page.count("<script") == page.count("<script src=")
    assert "http://" not in page.replace("http://testserver", "")
    assert "https://" not in page


def test_the_reference_is_made_from_the_schema() -> None:
    entry = next(entry for entry in reference() if entry.slug == "teams")
    assert {operation.method for operation in entry.operations} == {"GET", "POST", "PUT", "PATCH", "DELETE"}
    assert {field.name for field in entry.columns} >= {"key", "name", "weight", "row_version", "restricted"}

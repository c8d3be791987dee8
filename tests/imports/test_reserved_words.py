"""No row is called like a page that stands beside its own: refused by file, form and API, told from the table of routes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from capacity.access.forms import RESERVED_NAMES
from capacity.imports.described import slug_of
from capacity.imports.tables import DOTS, Table, tables
from tests.factories import make_user
from tests.imports.world import GOOD, broken, import_texts
from workloads.models import Workload

# The folder of an address → the table whose keys stand next in it. A test below fails for a folder that is not here.
FOLDERS = {
    "workloads/": "workloads",
    "workloads/moves/": "workload_moves",
    "api/v1/moves/": "workload_moves",
    "requests/": "experiments",
    "contracts/": "contracts",
    "supply/": "pools",
    "api/v1/request-moves/": "experiments",
    "api/v1/contract-moves/": "contracts",
}
# What stands next in these is no key that people choose.
NO_KEYS = {
    "imports/templates/",
    "api/v1/imports/templates/",
    "data/",
    "reviews/",
    "runs/<int:run_id>/figures/",
    "people/",
}
A_KEY = re.compile(r"^(?P<folder>.*?)<(?P<kind>str|slug|path):\w+>")


def routes(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for each in patterns:
        route = before + str(each.pattern).removeprefix("^").removesuffix("$")
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, route)
        else:
            yield route


def folders() -> dict[str, set[str]]:
    """Folder in which a text that somebody chose stands → the fixed words that may stand there instead."""
    found = sorted(set(routes(get_resolver().url_patterns)))
    keyed = {match["folder"] for route in found if (match := A_KEY.match(route)) and match["folder"].endswith("/")}
    return {
        folder: {
            word
            for route in found
            if route.startswith(folder) and (word := route.removeprefix(folder).split("/")[0]) and "<" not in word
        }
        for folder in keyed
    }


def words_of(table: Table) -> set[str]:
    """The fixed words beside which rows of the table have a page, by the routes."""
    known = folders()
    mine = [folder for folder, name in FOLDERS.items() if name == table.name]
    found = {word for folder in mine for word in known[folder]}
    if len(table.key) == 1:
        found |= {"new", "bulk"}
        found |= known.get(f"api/v1/{slug_of(table)}/", set())
    return found


def test_every_folder_with_keys_is_known() -> None:
    of_tables = {f"api/v1/{slug_of(table)}/" for table in tables().values()}
    assert folders().keys() - of_tables - NO_KEYS == FOLDERS.keys()


def test_the_words_of_each_table_are_those_of_the_routes() -> None:
    for table in tables().values():
        missing = words_of(table) - table.reserved_words
        assert not missing, (table.name, missing)
        # Nothing is refused that no route needs, but for the words every table has.
        assert set(table.reserved) <= words_of(table), table.name
        assert set(DOTS) <= table.reserved_words


def test_nobody_is_called_like_a_page_of_people() -> None:
    assert folders()["people/"] <= RESERVED_NAMES


def test_pages_under_data_have_no_other_fixed_words() -> None:
    found = {
        match[1]
        for route in routes(get_resolver().url_patterns)
        if (match := re.match(r"data/<slug:slug>/(\w+)/", route))
    }
    assert found == {"new", "bulk"}


@pytest.mark.django_db
@pytest.mark.parametrize("word", ["actuals", "moves", "new", "bulk", "validate", ".", ".."])
def test_a_file_with_such_a_key_is_refused_with_its_column(word: str) -> None:
    outcome = import_texts(broken("workloads.csv", "\nchat,", f"\n{word},"))
    issue = next(issue for issue in outcome.issues if issue.code == "reserved_word")
    assert (issue.file, issue.column) == ("workloads.csv", "key")
    assert f'"{word}"' in issue.message and "give the row another key" in issue.message
    assert not Workload.objects.exists()


@pytest.mark.django_db
def test_a_row_that_is_there_under_such_a_word_may_still_be_changed() -> None:
    assert import_texts(GOOD).applied
    Workload.objects.filter(key="chat").update(key="actuals")
    changed = {"workloads.csv": "key,name\nactuals,Renamed\n"}
    assert import_texts(changed).applied
    assert Workload.objects.get(key="actuals").name == "Renamed"


@pytest.mark.django_db
def test_form_and_api_refuse_it_too() -> None:
    assert import_texts(GOOD).applied
    client = Client()
    client.force_login(make_user("chair"))
    card = client.get("/api/v1/workloads/chat/").json()
    cells = {name: value for name, value in card.items() if name not in {"key", "row_version", "url"}}
    answer = client.post(
        "/api/v1/workloads/", data={"key": "actuals", **cells}, content_type="application/json"
    )  # fmt: skip
    assert answer.status_code == 422, answer.content
    assert "reserved_word" in answer.content.decode() and "give the row another key" in answer.content.decode()
    page = client.post(
        "/data/workloads/new/", {**{k: "" if v is None else v for k, v in cells.items()}, "key": "moves"}
    )
    assert "is the address of a page" in page.content.decode()
    assert set(Workload.objects.values_list("key", flat=True)) == {"chat"}

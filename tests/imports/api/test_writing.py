"""Writing kept tables by the API: one row or many, all or nothing, refusals that name the row and the column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capacity.access.models import AuditEvent
from capacity.imports.models import ImportBatch
from tests.imports.api.conftest import Api, codes
from workloads.models import Team, Workload

pytestmark = [pytest.mark.django_db, pytest.mark.security]
Open = Callable[..., Api]
TEAM = {"key": "team-2", "name": "Team 2", "weight": "1.5"}


def test_a_row_is_added_and_answered_as_it_reads(api: Open) -> None:
    chair = api("chair")
    answer = chair.post("teams/?note=from+the+org+chart", TEAM)
    assert answer.status_code == 201, answer.content
    assert (answer["Location"], answer["ETag"]) == ("/api/v1/teams/team-2/", '"1"')
    read = chair.get("teams/team-2/").json()
    assert answer.json() == {**read, "warnings": []}
    batch = ImportBatch.objects.latest("pk")
    assert (batch.source, batch.note, batch.imported_by) == ("api", "from the org chart", chair.user)


def test_a_list_is_added_whole_or_not_at_all(api: Open) -> None:
    chair = api("chair")
    good = chair.post("teams/", [TEAM, {**TEAM, "key": "team-3", "name": "Team 3"}])
    assert [line["key"] for line in good.json()["results"]] == [["team-2"], ["team-3"]]
    bad = chair.post("teams/", [{**TEAM, "key": "team-4"}, {**TEAM, "key": "team-5", "weight": "x"}])
    assert (bad.status_code, codes(bad)) == (422, [(1, "weight", "not_a_number")])
    assert not Team.objects.filter(key__in=["team-4", "team-5"]).exists()


def test_a_row_that_is_there_is_not_added_again_and_stays_as_it_is(api: Open) -> None:
    chair = api("chair")
    answer = chair.post("teams/", {**TEAM, "key": "team-1"})
    assert (answer.status_code, codes(answer)) == (409, [(None, "key", "already_there")])
    listed = chair.post("teams/", [TEAM, {**TEAM, "key": "team-1", "name": "Another name"}])
    assert (listed.status_code, codes(listed)) == (409, [(1, "key", "already_there")])
    assert list(Team.objects.values_list("key", "name")) == [("team-1", "Team 1")]


@pytest.mark.parametrize(
    ("change", "status", "expected"),
    [
        ({"weight": 2}, 201, None),
        ({"weight": 2.5}, 201, None),
        ({"provenance": None}, 201, None),
        ({"weight": None}, 422, ("weight", "empty")),
        ({"weight": True}, 400, ("weight", "wrong_type")),
        ({"weight": ["1"]}, 400, ("weight", "wrong_type")),
        ({"weight": {"low": 1}}, 400, ("weight", "wrong_type")),
        ({"weight": "1e309"}, 422, ("weight", "too_large")),
        ({"weight": "1,5"}, 422, ("weight", "separator")),
        ({"name": 7}, 400, ("name", "wrong_type")),
        ({"name": ""}, 422, ("name", "empty")),
        ({"name": None}, 422, ("name", "empty")),
        ({"name": "a\u0000b"}, 422, ("name", "control_character")),
        ({"name": "\ud800"}, 400, ("name", "bad_text")),
        ({"naem": "x"}, 400, ("naem", "unknown_column")),
        ({"key": "no spaces"}, 422, ("key", "team_key_form")),
        ({"key": None}, 422, ("key", "empty")),
    ],
)
def test_each_value_is_taken_or_refused_by_its_column(
    api: Open, change: dict[str, Any], status: int, expected: tuple[str, str] | None
) -> None:
    answer = api("chair").post("teams/", {**TEAM, **change})
    assert answer.status_code == status, answer.content
    if expected:
        assert [(field, code) for _, field, code in codes(answer)] == [expected]
        assert not Team.objects.filter(name__startswith="Team 2").exists()


def test_lists_flags_dates_and_references_are_written_as_they_read(api: Open) -> None:
    product = api("product")
    sent = {
        "key": "batch",
        "name": "Batch",
        "purpose": "serving",
        "model_version": "big",
        "latency_class": "batch",
        "regions": ["us-east"],
        "is_always_on": True,
        "review_by_date": "2026-11-02",
        "cache_hit_share": 0.25,
    }
    answer = product.post("workloads/", sent)
    assert answer.status_code == 201, answer.content
    row = answer.json()
    assert {name: row[name] for name in sent} == {**sent, "cache_hit_share": "0.25"}


@pytest.mark.parametrize(
    ("value", "code"), [("us-east", "wrong_type"), (["a;b"], "bad_list"), ([""], "bad_list"), ([1], "wrong_type")]
)
def test_a_list_is_a_list_of_texts(api: Open, value: Any, code: str) -> None:
    product = api("product")
    etag = product.get("workloads/chat/")["ETag"]
    answer = product.patch("workloads/chat/", {"regions": value}, If_Match=etag)
    assert codes(answer) == [(None, "regions", code)]


def test_an_unknown_reference_is_told_with_the_nearest(api: Open) -> None:
    answer = api("product").post("workloads/", {"key": "x", "name": "X", "purpose": "serving", "model_version": "bigg"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "model_version")
    assert 'Did you mean "big"?' in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ([], 400, "no_rows"),
        ("text", 400, "not_an_object"),
        ([["key"]], 400, "not_an_object"),
        ([TEAM, 3], 400, "not_an_object"),
        ([{"key": f"t{number}", "name": "T"} for number in range(1001)], 413, "too_many_rows"),
        (b"{", 400, "bad_json"),
        (b"[" * 99_999, 400, "too_deep"),
        (b" " * (5 * 1024 * 1024 + 1), 413, "too_large"),
    ],
)
def test_a_body_that_is_no_row_is_refused_in_json(api: Open, body: Any, status: int, code: str) -> None:
    answer = api("chair").post("teams/", body)
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content[:300]
    assert answer.json()["errors"][0]["code"] == code


def test_other_content_types_are_refused_in_json(api: Open) -> None:
    client = api("chair").client
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = client.generic("POST", "/api/v1/teams/", b"key=x", content_type=kind)
        assert (answer.status_code, answer["Content-Type"]) == (415, "application/problem+json")


def test_patch_changes_what_it_names_and_put_empties_what_it_leaves_out(api: Open) -> None:
    product = api("product")
    first = product.get("workloads/chat/")
    patched = product.patch("workloads/chat/", {"name": "Chat 2"}, If_Match=first["ETag"])
    assert (patched.status_code, patched["ETag"]) == (200, '"2"')
    assert (patched.json()["name"], patched.json()["cache_hit_share"]) == ("Chat 2", "0.5")
    whole = {name: patched.json()[name] for name in ("name", "purpose", "model_version", "latency_class")}
    put = product.put("workloads/chat/", whole, If_Match=patched["ETag"])
    assert put.status_code == 200, put.content
    assert (put.json()["name"], put.json()["regions"]) == ("Chat 2", [])


def test_a_row_that_is_read_and_put_back_changes_nothing(api: Open) -> None:
    sales = api("product")
    before = ImportBatch.objects.count()
    read = sales.get("workloads/chat/")
    answer = sales.put("workloads/chat/", read.json(), If_Match=read["ETag"])
    assert (answer.status_code, answer["ETag"]) == (200, read["ETag"]), answer.content
    assert ImportBatch.objects.count() == before


def test_the_key_of_a_row_never_changes(api: Open) -> None:
    chair = api("chair")
    answer = chair.patch("teams/team-1/", {"key": "team-9"}, If_Match='"1"')
    assert (answer.status_code, codes(answer)) == (400, [(None, "key", "key_never_changes")])


def test_a_row_that_is_not_there_is_not_made_by_put(api: Open) -> None:
    assert api("chair").put("teams/team-9/", TEAM, If_Match='"1"').status_code == 404


def test_a_row_goes_only_while_nothing_refers_to_it(api: Open) -> None:
    chair = api("chair")
    used = chair.delete("teams/team-1/")
    assert (used.status_code, codes(used)[0][2]) == (409, "in_use")
    assert "e-1" in used.json()["errors"][0]["message"]
    chair.post("teams/", TEAM)
    assert chair.delete("teams/team-2/", If_Match='"9"').status_code == 412
    assert chair.delete("teams/team-2/", If_Match='"1"').status_code == 204
    assert chair.get("teams/team-2/").status_code == 404


def test_trying_out_says_what_would_happen_and_writes_nothing(api: Open) -> None:
    chair = api("chair")
    batches = ImportBatch.objects.count()
    rows = [TEAM, {"key": "team-1", "name": "Team One"}, {"key": "team-3", "name": "T", "weight": "-1"}]
    answer = chair.post("teams/validate/", rows)
    assert (answer.status_code, answer.json()["valid"]) == (200, False)
    kinds = {line["row"]: (line["kind"], line["columns"]) for line in answer.json()["changes"]}
    assert kinds[0][0] == "added"
    assert kinds[1] == ("changed", ["name"])
    assert [error["row"] for error in answer.json()["errors"]] == [2]
    assert chair.post("teams/validate/", rows[:2]).json()["valid"] is True
    assert (ImportBatch.objects.count(), Team.objects.count()) == (batches, 1)


@pytest.mark.parametrize("role", ["finance", "sales", "research", "product", "exec", "auditor", "admin"])
def test_only_its_keepers_write_a_table(api: Open, role: str) -> None:
    person = api(role)
    asked = [
        person.post("teams/", TEAM),
        person.post("teams/validate/", TEAM),
        person.patch("teams/team-1/", {"name": "x"}, If_Match='"1"'),
        person.put("teams/team-1/", {"name": "x"}, If_Match='"1"'),
        person.delete("teams/team-1/"),
    ]
    assert {answer.status_code for answer in asked} == {403}
    assert list(Team.objects.values_list("name", flat=True)) == ["Team 1"]
    assert AuditEvent.objects.filter(action="denied", user=person.user).count() == len(asked)


def test_sales_write_their_own_customers_and_no_other(api: Open) -> None:
    sales = api("sales")
    mine = sales.get("customers/mine/")
    changed = sales.patch("customers/mine/", {"name": "Mine Inc"}, If_Match=mine["ETag"])
    assert changed.status_code == 200, changed.content
    assert sales.patch("customers/other/", {"name": "x"}, If_Match='"1"').status_code == 404
    assert sales.delete("customers/other/").status_code == 404
    given_away = sales.patch("customers/mine/", {"owner": "somebody"}, If_Match=changed["ETag"])
    assert given_away.status_code == 403, given_away.content


def test_a_hidden_column_is_neither_written_nor_emptied(api: Open) -> None:
    Workload.objects.filter(key="chat").update(usd_value_per_million_tokens="3.25")
    # The chair sees the value; for somebody who keeps workloads without seeing money, see the rules of edits.
    chair = api("chair")
    read = chair.get("workloads/chat/")
    assert read.json()["usd_value_per_million_tokens"] == "3.25"
    assert chair.put("workloads/chat/", read.json(), If_Match=read["ETag"]).status_code == 200
    assert Workload.objects.get(key="chat").usd_value_per_million_tokens == 3.25  # type: ignore[comparison-overlap]


def test_measurements_are_added_in_bulk_and_not_changed_one_by_one(api: Open) -> None:
    finance = api("finance")
    hour = {
        "workload": "chat",
        "contract": "c-1",
        "hour_at": "2026-10-05T11:00:00Z",
        "source_ref": "gateway-1",
        "input_tokens": 1,
        "output_tokens": 1,
        "requests": 1,
    }
    answer = finance.post("usage/", [hour])
    assert answer.status_code == 201, answer.content
    url = answer.json()["results"][0]["url"]
    assert finance.client.get(url).status_code == 200
    for method in ("PUT", "PATCH", "DELETE"):
        assert finance.ask(method, url.removeprefix("/api/v1/"), {}).status_code == 405


def test_a_session_needs_the_csrf_token_to_write_and_a_token_does_not(api: Open, by_token: Open) -> None:
    signed_in = Api(api("chair").user, enforce_csrf_checks=True)
    assert signed_in.get("teams/").status_code == 200
    refused = signed_in.post("teams/", TEAM)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert by_token("chair", "write").post("teams/", TEAM).status_code == 201


def test_a_readers_token_writes_nothing(by_token: Open) -> None:
    token = by_token("chair", "read")
    assert codes(token.post("teams/", TEAM)) == [(None, "", "token_scope")]
    assert codes(token.delete("teams/team-1/")) == [(None, "", "token_scope")]
    assert Team.objects.count() == 1


def test_a_row_written_by_token_is_its_owners_in_the_history(by_token: Open) -> None:
    token = by_token("chair", "write", only=["Research"])
    assert token.post("teams/", TEAM).status_code == 201
    assert ImportBatch.objects.latest("pk").imported_by == token.user
    event = Team.objects.get(key="team-2").events.latest("pgh_id")  # type: ignore[attr-defined]
    assert event.pgh_context.metadata["user"] == token.user.pk

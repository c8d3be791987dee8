"""The pages of the kept tables: index, lists, rows, forms, conflicts, history, undo, removal, bulk. One test a door."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from capacity.access.models import AuditEvent, User
from capacity.imports.edits import history
from capacity.imports.models import ImportBatch
from capacity.imports.tables import tables
from tests.factories import make_user
from tests.imports.world import GOOD, import_texts
from workloads.models import Forecast, Team

pytestmark = pytest.mark.django_db
TEAM = "/data/teams/team-1/"


@pytest.fixture
def world() -> None:
    """The sample files, and two offers of two salespeople."""
    for name in ("sales", "sales_west"):
        make_user("sales", username=name)
    assert import_texts(GOOD).applied
    head = "key,version,name,customer,state,starts_date,ends_date,shape,workload,owner\n"
    rows = [
        f"{key},1,{name},north,draft,2027-01-01,2028-01-01,pay_as_you_go,chat,{owner}\n"
        for key, name, owner in (("own-1", "Own offer", "sales"), ("west-1", "West offer", "sales_west"))
    ]
    prices = "contract,version,kind,price,starts_date\nown-1,1,output,12,2027-01-01\nwest-1,1,output,13,2027-01-01\n"
    files = {"contracts.csv": head + "".join(rows), "price_lines.csv": prices}
    assert import_texts(files).applied


def client_of(*roles: str, username: str = "", signed_in: Any = None) -> Client:
    client = Client()
    client.force_login(signed_in or make_user(*roles, username=username))
    return client


def sales() -> Client:
    return client_of(signed_in=User.objects.get(username="sales"))


@pytest.fixture
def chair(world: None) -> Client:
    return client_of("chair")


def text(client: Client, path: str, status: int = 200) -> str:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.status_code)
    return answer.content.decode()


def messages_of(answer: Any) -> str:
    return " ".join(str(message) for message in answer.context["messages"])


def version_of(path: str, client: Client) -> str:
    return str(client.get(path + "edit/").context["version"])


# --- who ----------------------------------------------------------------------------------------------------------


def test_the_index_shows_each_role_its_own_tables(world: None) -> None:
    assert ">Prices of contracts<" in text(client_of("finance"), "/data/")
    research = text(client_of("research"), "/data/")
    assert 'href="/data/teams/"' in research
    assert 'href="/data/price-lines/"' not in research and 'href="/data/contracts/"' not in research


@pytest.mark.parametrize("role", ["admin", "auditor"])
def test_nobody_without_a_data_role_opens_any_of_it(world: None, role: str) -> None:
    client = client_of(role)
    for path in ("/data/", "/data/teams/", TEAM, "/data/export.zip", "/data/proposals/"):
        assert client.get(path).status_code == 403
    assert AuditEvent.objects.filter(action="denied").count() == 5


def test_research_opens_neither_contracts_nor_their_prices(world: None) -> None:
    client = client_of("research")
    for path in ("/data/price-lines/", "/data/price-lines/own-1~1~output~2027-01-01/", "/data/price-lines/?format=csv"):
        assert client.get(path).status_code == 403


def test_sales_see_their_own_accounts_and_nobody_elses(world: None) -> None:
    client = sales()
    page = text(client, "/data/price-lines/")
    assert "own-1" in page and "west-1" not in page
    assert "west-1" not in client.get("/data/price-lines/?format=csv").getvalue().decode()
    assert client.get("/data/price-lines/west-1~1~output~2027-01-01/").status_code == 404
    assert client.get("/data/price-lines/west-1~1~output~2027-01-01/edit/").status_code == 404


def test_a_reader_is_offered_no_form_and_gets_none(world: None) -> None:
    client = client_of("exec")
    page = text(client, TEAM)
    assert "/edit/" not in page and "Kept by" in page
    for path in ("/data/teams/new/", TEAM + "edit/"):
        assert client.get(path).status_code == 403
        assert client.post(path, {"key": "x"}).status_code == 403
    for path in ("remove/", "retire/", "undo/"):
        assert client.post(TEAM + path).status_code == 403


def test_a_hidden_column_cannot_be_asked_about(world: None) -> None:
    """The chair knows contracts and not at which discount: no filter, sort or column tells."""
    client = client_of("chair")
    page = client.get("/data/contracts/").context
    assert page["rows"]
    name = "discount_share"
    assert client.get(f"/data/contracts/?{name}=0.1").status_code == 404
    assert client.get(f"/data/contracts/?sort={name}").status_code == 404
    head = client.get("/data/contracts/?format=csv&columns=all").getvalue().decode().splitlines()[0]
    assert "shape" in head and name not in head


# --- lists --------------------------------------------------------------------------------------------------------


def test_a_list_keeps_filter_search_sort_and_page_in_its_address(chair: Client) -> None:
    Team.objects.bulk_create(
        Team(key=f"t{number:03}", name=f"Team {number}", weight=number) for number in range(1, 131)
    )
    page = chair.get("/data/teams/?sort=-weight&weight__lte=120&page=2")
    rows = [row["key"] for row in page.context["rows"]]
    assert (rows[0], len(rows)) == ("t020", 21)
    assert "Weight to 120" in page.content.decode()
    assert "sort=-weight" in page.context["pager_base"] and "weight__lte=120" in page.context["pager_base"]
    assert [row["key"] for row in chair.get("/data/teams/?q=team 77").context["rows"]] == ["t077"]


def test_a_list_says_why_it_is_empty_and_what_to_do(chair: Client) -> None:
    assert "Nothing matches these filters." in text(chair, "/data/teams/?q=nobody")
    assert "is not a number" in text(chair, "/data/teams/?weight=heavy")
    empty = text(chair, "/data/forecasts/?source=nobody")
    assert "Clear filters" in empty
    Forecast.objects.all().delete()
    assert "New forecast" in text(chair, "/data/forecasts/")


def test_a_list_and_its_file_hold_the_same_rows_and_the_file_is_in_the_audit_log(chair: Client) -> None:
    Team.objects.create(key="zeta", name="=cmd|' /C calc'!A0", weight=3)
    body = chair.get("/data/teams/?sort=-key&format=csv").getvalue().decode().splitlines()
    assert body[0].split(",")[:2] == ["key", "name"]
    assert body[1].startswith("zeta,'=cmd|")
    assert len(body) == 1 + Team.objects.count()
    event = AuditEvent.objects.get(action="exported")
    assert (event.subject, event.detail["rows"]) == ("teams", Team.objects.count())
    assert chair.get("/data/teams/?format=pdf").status_code == 404


# --- forms --------------------------------------------------------------------------------------------------------


def test_a_new_row_is_added_with_who_and_why(chair: Client) -> None:
    cells = {"key": "safety", "name": "Safety", "weight": "1.5", "provenance": "", "_why": "a new team"}
    answer = chair.post("/data/teams/new/", cells)
    assert answer["Location"] == "/data/teams/safety/"
    entry = history(table=tables()["teams"], key=("safety",))[0]
    assert (entry.kind, entry.note, entry.source) == ("added", "a new team", "form")
    assert "a new team" in text(chair, "/data/teams/safety/")


def test_what_is_wrong_stands_beside_its_field(chair: Client) -> None:
    answer = chair.post("/data/teams/new/", {"key": "safety", "name": "", "weight": "-1"})
    errors = answer.context["form"].errors
    assert "The cell is empty" in errors["name"][0]
    assert not Team.objects.filter(key="safety").exists()
    answer = chair.post("/data/teams/new/", {"key": "safety", "name": "Safety", "weight": "-1"})
    assert "weight" in answer.context["form"].errors


def test_a_new_row_never_writes_over_another_and_a_double_click_adds_one(chair: Client) -> None:
    cells = {"key": "safety", "name": "Safety", "weight": "1"}
    chair.post("/data/teams/new/", cells)
    assert chair.post("/data/teams/new/", cells)["Location"] == "/data/teams/safety/"
    other = chair.post("/data/teams/new/", {**cells, "name": "Another"})
    assert "already" in other.context["form"].errors["key"][0]
    assert Team.objects.get(key="safety").name == "Safety"
    assert len(history(table=tables()["teams"], key=("safety",))) == 1


def test_a_copy_starts_with_everything_but_the_key(chair: Client) -> None:
    form = chair.get("/data/teams/new/?from=team-1").context["form"]
    assert form.initial["name"] == "Team 1" and "key" not in form.initial


def test_the_form_of_a_row_offers_choices_dates_and_names(chair: Client) -> None:
    page = text(chair, "/data/lots/new/")
    assert '<select name="state"' in page and 'type="date"' in page
    assert 'list="l_supplier"' in page and '<datalist id="l_supplier">' in page


def test_the_second_of_two_editors_sees_the_firsts_change_and_decides_field_by_field(chair: Client) -> None:
    second = client_of("chair", username="chair2")
    opened = version_of(TEAM, chair)
    assert (
        second.post(TEAM + "edit/", {"name": "Theirs", "weight": "9", "provenance": "", "_version": opened}).status_code
        == 302
    )
    mine = {"name": "Mine", "weight": "2", "provenance": "my note", "_version": opened}
    back = chair.post(TEAM + "edit/", mine)
    assert back.status_code == 200 and Team.objects.get(key="team-1").name == "Theirs"
    conflicts = {each["field"].name: each["conflict"] for group in back.context["groups"] for each in group["fields"]}
    assert (conflicts["name"].theirs, conflicts["name"].mine, conflicts["name"].is_mine) == ("Theirs", "Mine", True)
    assert (conflicts["weight"].shown, conflicts["weight"].is_mine) == ("9", False)
    assert conflicts["provenance"] is None
    again = {
        **mine,
        "weight": "9",
        "_pick_name": "theirs",
        "_theirs_name": "Theirs",
        "_version": str(back.context["version"]),
    }
    assert chair.post(TEAM + "edit/", again).status_code == 302
    team = Team.objects.get(key="team-1")
    assert (team.name, team.weight, team.provenance) == ("Theirs", 9, "my note")


def test_saving_without_a_change_keeps_no_batch(chair: Client) -> None:
    before = ImportBatch.objects.count()
    cells = dict(chair.get(TEAM + "edit/").context["form"].initial)
    answer = chair.post(TEAM + "edit/", {**cells, "_version": version_of(TEAM, chair)}, follow=True)
    assert "Nothing was changed" in messages_of(answer)
    assert ImportBatch.objects.count() == before


def test_a_change_is_shown_before_and_after_and_can_be_undone(chair: Client) -> None:
    cells = dict(chair.get(TEAM + "edit/").context["form"].initial)
    chair.post(TEAM + "edit/", {**cells, "weight": "7", "_version": "1", "_why": "more people"})
    page = chair.get(TEAM).context
    entry = page["history"][0]
    assert (entry["note"], entry["changes"]) == ("more people", [{"label": "Weight", "before": "2", "after": "7"}])
    undone = chair.post(TEAM + "undo/", {"batch": entry["batch_id"], "_version": "2"}, follow=True)
    assert "Saved." in messages_of(undone)
    assert Team.objects.get(key="team-1").weight == 2
    assert "Undo of change" in chair.get(TEAM).context["history"][0]["note"]


def test_an_older_change_is_not_undone_over_a_later_one(chair: Client) -> None:
    cells = dict(chair.get(TEAM + "edit/").context["form"].initial)
    for version, weight in ((1, "7"), (2, "8")):
        chair.post(TEAM + "edit/", {**cells, "weight": weight, "_version": str(version)})
    older = chair.get(TEAM).context["history"][1]["batch_id"]
    answer = chair.post(TEAM + "undo/", {"batch": older, "_version": "3"}, follow=True)
    assert "changed again since" in messages_of(answer)
    assert Team.objects.get(key="team-1").weight == 8


def test_a_row_in_use_says_by_what_and_is_not_removed(chair: Client) -> None:
    page = text(chair, TEAM)
    assert "cannot be removed" in page and "Run 1" in page
    answer = chair.post(TEAM + "remove/", {"_version": "1"}, follow=True)
    assert "e-1" in messages_of(answer)
    assert Team.objects.filter(key="team-1").exists()


def test_a_row_that_nothing_uses_is_removed_once_and_only_as_it_was_seen(chair: Client) -> None:
    Team.objects.create(key="spare", name="Spare", weight=1)
    stale = chair.post("/data/teams/spare/remove/", {"_version": "7"}, follow=True)
    assert "Nothing was removed" in messages_of(stale)
    chair.post("/data/teams/spare/remove/", {"_version": "1", "_why": "merged"})
    assert not Team.objects.filter(key="spare").exists()


def test_retiring_sets_the_column_the_table_names(chair: Client) -> None:
    answer = chair.post("/data/lots/lot-1/retire/", {"_version": "1", "ends_date": "2027-05-03"}, follow=True)
    assert "Saved." in messages_of(answer), messages_of(answer)
    assert history(table=tables()["lots"], key=("lot-1",))[0].columns["ends_date"][1] == "2027-05-03"


# --- many rows ----------------------------------------------------------------------------------------------------


def forecast_keys(client: Client) -> list[str]:
    return [row["key"] for row in client.get("/data/forecasts/").context["rows"]]


def test_bulk_shows_before_and_after_and_writes_only_then(chair: Client) -> None:
    keys = forecast_keys(chair)
    preview = chair.post("/data/forecasts/bulk/", {"keys": "\n".join(keys), "step": "preview", "input_p90": "99000"})
    assert preview.context["changed"] == len(keys)
    assert preview.context["preview"][0]["cells"][0]["after"] == "99,000"
    assert not Forecast.objects.filter(input_p90=99000).exists()
    answer = chair.post(
        "/data/forecasts/bulk/",
        {"keys": "\n".join(keys), "step": "apply", "input_p90": "99000", "versions": preview.context["versions"]},
        follow=True,
    )
    assert "changed." in messages_of(answer)
    assert Forecast.objects.filter(input_p90=99000).count() == len(keys)


def test_bulk_never_writes_over_what_changed_since_the_preview(chair: Client) -> None:
    keys = forecast_keys(chair)
    form = {"keys": "\n".join(keys), "input_p90": "99000"}
    preview = chair.post("/data/forecasts/bulk/", {**form, "step": "preview"})
    Forecast.objects.update(row_version=9)
    answer = chair.post("/data/forecasts/bulk/", {**form, "step": "apply", "versions": preview.context["versions"]})
    assert "since the preview" in str(answer.context["form"].non_field_errors())
    assert not Forecast.objects.filter(input_p90=99000).exists()


def test_bulk_refuses_all_rows_when_one_is_wrong_and_asks_for_rows_and_values(chair: Client) -> None:
    keys = forecast_keys(chair)
    wrong = chair.post("/data/forecasts/bulk/", {"keys": keys[0], "step": "preview", "input_p90": "1"})
    assert wrong.context["form"].errors and not wrong.context["is_previewed"]
    nothing = chair.post("/data/forecasts/bulk/", {"keys": keys[0], "step": "preview"})
    assert "Say what to set" in str(nothing.context["form"].non_field_errors())
    assert chair.post("/data/forecasts/bulk/", {}, follow=True).redirect_chain[0][0] == "/data/forecasts/"


# --- cost of a page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "budget"),
    [
        ("/data/", 12),
        ("/data/teams/", 10),
        ("/data/contracts/", 16),
        (TEAM, 14),
        ("/data/contracts/c-1~1/", 24),
        ("/data/teams/new/", 8),
        ("/data/contracts/new/", 14),
        (TEAM + "edit/", 9),
        ("/data/proposals/", 10),
    ],
)
def test_a_page_asks_the_database_a_fixed_number_of_questions(world: None, path: str, budget: int) -> None:
    client = client_of("chair", "finance", username="both")
    client.get(path)
    with CaptureQueriesContext(connection) as few:
        text(client, path)
    Team.objects.bulk_create(Team(key=f"t{number}", name=f"T{number}", weight=1) for number in range(60))
    with CaptureQueriesContext(connection) as many:
        text(client, path)
    assert len(many) == len(few)
    assert len(few) <= budget, [query["sql"][:120] for query in few]

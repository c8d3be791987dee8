"""Files sent by the API, the batches they make, what of those shows to whom, and undo."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from capacity.imports.models import ImportBatch
from tests.imports.api.conftest import Api, codes
from workloads.models import Team

pytestmark = [pytest.mark.django_db, pytest.mark.security]
Open = Callable[..., Api]
FILE = {"name": "teams.csv", "content": "key,name,weight\nteam-1,Team One,2\nteam-2,Team 2,1.5\n"}


def test_files_are_imported_whole_and_can_be_taken_back(api: Open) -> None:
    chair = api("chair")
    answer = chair.post("imports/", {"files": [FILE], "source": "org chart", "note": "from HR"})
    assert answer.status_code == 201, answer.content
    counts = answer.json()["counts"]["teams"]
    assert (counts["added"], counts["changed"], counts["unchanged"]) == (1, 1, 0)
    batch = chair.get(f"imports/{answer.json()['batch']}/").json()
    assert (batch["source"], batch["note"], batch["imported_by"]) == ("org chart", "from HR", "chair")
    columns = {change["url"]: change["columns"] for change in batch["changes"]}
    assert columns["/api/v1/teams/team-1/"] == {"name": {"before": "Team 1", "after": "Team One"}}
    undone = chair.post(f"imports/{batch['id']}/undo/", {})
    assert undone.status_code == 200, undone.content
    assert list(Team.objects.values_list("key", "name")) == [("team-1", "Team 1")]
    again = chair.post(f"imports/{batch['id']}/undo/", {})
    assert (again.status_code, codes(again)[0][2]) == (409, "cannot_be_undone")


def test_a_second_import_of_the_same_file_changes_nothing(api: Open) -> None:
    chair = api("chair")
    chair.post("imports/", {"files": [FILE]})
    counts = chair.post("imports/", {"files": [FILE]}).json()["counts"]["teams"]
    assert (counts["added"], counts["changed"], counts["unchanged"]) == (0, 0, 2)


def test_a_file_comes_as_a_form_too(api: Open) -> None:
    chair = api("chair")
    file = SimpleUploadedFile("teams.csv", FILE["content"].encode())
    answer = chair.client.post("/api/v1/imports/", {"file": file, "source": "form", "dry_run": "true"})
    assert (answer.status_code, answer.json()["applied"]) == (200, False), answer.content
    assert Team.objects.count() == 1
    file.seek(0)
    assert chair.client.post("/api/v1/imports/", {"file": file}).status_code == 201
    assert Team.objects.count() == 2


def test_a_wrong_file_is_refused_with_file_row_and_column_and_its_batch_is_kept(api: Open) -> None:
    chair = api("chair")
    bad = {"name": "teams.csv", "content": "key,name,weight\nteam-2,Team 2,one\n"}
    answer = chair.post("imports/", {"files": [bad]})
    error = answer.json()["errors"][0]
    assert (answer.status_code, error["file"], error["row"], error["field"]) == (422, "teams.csv", 2, "weight")
    assert ImportBatch.objects.get(pk=answer.json()["batch"]).outcome == "refused"
    kept = chair.get(f"imports/{answer.json()['batch']}/").json()
    assert [issue["field"] for issue in kept["issues"]] == ["weight"]
    assert api("research").get(f"imports/{answer.json()['batch']}/").status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "files"),
        ({"files": []}, "files"),
        ({"files": "x"}, "files"),
        ({"files": [{"name": "teams.csv"}]}, "files"),
        ({"files": [{"name": "teams.csv", "content": "\ud800"}]}, "files"),
        ({"files": [FILE], "source": 7}, "source"),
        ({"files": [FILE], "note": "two\nlines"}, "note"),
        ({"files": [FILE], "dry_run": "perhaps"}, "dry_run"),
    ],
)
def test_a_request_that_is_no_import_is_refused_by_its_field(api: Open, body: object, field: str) -> None:
    answer = api("chair").post("imports/", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.content


def test_a_file_of_a_table_that_is_not_ones_own_is_refused(api: Open) -> None:
    answer = api("sales").post("imports/", {"files": [FILE]})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "not_allowed")
    assert Team.objects.count() == 1
    assert api("exec").post("imports/", {"files": [FILE]}).status_code == 403
    assert api("auditor").get("imports/").status_code == 403


def test_batches_of_tables_one_may_not_read_are_not_there(api: Open) -> None:
    finance, research = api("finance"), api("research")
    price = {
        "name": "token_list_prices.csv",
        "content": "provider,model,kind,as_of_date,usd_per_million_tokens,external_id\nx,y,output,2026-11-02,3,y\n",
    }
    customer = {"name": "customers.csv", "content": "key,name,alias\nnew,Secret Customer,C-99\n"}
    public = finance.post("imports/", {"files": [price]}).json()["batch"]
    private = finance.post("imports/", {"files": [customer]}).json()["batch"]
    seen = {row["id"] for row in research.rows("imports/?page_size=500")}
    assert public in seen
    assert private not in seen
    assert research.get(f"imports/{private}/").status_code == 404
    assert research.post(f"imports/{private}/undo/", {}).status_code == 404
    assert "Secret" not in research.get("imports/?page_size=500").content.decode()
    sales = api("sales").get(f"imports/{private}/").content.decode()
    assert "Secret" not in sales
    assert "C-99" not in sales


def test_the_same_upload_under_one_key_makes_one_batch(api: Open) -> None:
    chair = api("chair")
    first, again = (chair.post("imports/", {"files": [FILE]}, Idempotency_Key="monday") for _ in range(2))
    assert first.json() == again.json()
    other = chair.post("imports/", {"files": [FILE], "note": "other"}, Idempotency_Key="monday")
    assert codes(other) == [(None, "Idempotency-Key", "idempotency_key_reused")]


def test_templates_are_for_the_tables_one_keeps(api: Open) -> None:
    chair = api("chair")
    found = {row["file"]: row for row in chair.get("imports/templates/").json()["templates"]}
    assert "teams.csv" in found
    assert "price_lines.csv" not in found
    head = chair.client.get(found["teams.csv"]["url"])
    assert (head["Content-Type"], head.content) == ("text/csv; charset=utf-8", b"key,name,weight,provenance\r\n")
    assert chair.get("imports/templates/price-lines/").status_code == 404
    assert chair.get("imports/templates/no-such/").status_code == 404

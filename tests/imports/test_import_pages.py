"""The import as people have it: bring files, look, choose, apply, undo; and what others may see of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from capacity.access.models import RoleGrant, User
from capacity.imports.edits import history
from capacity.imports.models import Alias, ColumnMapping, ImportBatch, Upload, UploadFile
from capacity.imports.tables import tables
from capacity.inventory.models import Lot, Supplier
from tests.imports.test_workbooks import workbook
from tests.imports.world import GOOD, import_texts

pytestmark = pytest.mark.django_db

SignIn = Callable[..., Client]


@pytest.fixture
def sign_in() -> SignIn:
    def enter(*roles: str) -> Client:
        user = User.objects.create_user("-".join(roles) or "nobody", password=None)
        for role in roles:
            RoleGrant.objects.create(user=user, role=role)
        client = Client()
        client.force_login(user, backend="capacity.access.backends.AccountBackend")
        return client

    return enter


@pytest.fixture(autouse=True)
def world(db: None) -> None:
    assert import_texts(GOOD).applied


def bring(client: Client, *files: tuple[str, str | bytes], source: str = "vendor") -> Upload:
    attached = [SimpleUploadedFile(name, text.encode() if isinstance(text, str) else text) for name, text in files]
    answer = client.post(reverse("import-new"), {"attached": attached, "source": source, "note": "Weekly list"})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return Upload.objects.latest("id")


def page(client: Client, upload: Upload) -> str:
    answer = client.get(reverse("import-upload", args=[upload.pk]))
    assert answer.status_code == 200
    return str(answer.content.decode())


def do(client: Client, upload: Upload, action: str, **data: str) -> tuple[int, str]:
    answer = client.post(reverse("import-upload", args=[upload.pk]), {"do": action, **data}, follow=True)
    return answer.status_code, answer.content.decode()


LOTS = "key,accelerators\nlot-1,72\nlot-2,32\n"


def test_files_are_looked_at_before_anything_is_written_and_then_applied(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("lots.csv", LOTS))

    seen = page(client, upload)
    assert "1 row would be added or changed" in seen and "<del>64</del>" in seen and "<b>72</b>" in seen
    assert Lot.objects.get(key="lot-1").accelerators == 64

    status, after = do(client, upload, "apply")
    batch = ImportBatch.objects.latest("id")
    assert status == 200 and f"Applied as import {batch.pk}" in after
    assert Lot.objects.get(key="lot-1").accelerators == 72
    assert (batch.source, batch.note, batch.imported_by.username) == ("vendor", "Weekly list", "chair")  # type: ignore[union-attr]
    assert not UploadFile.objects.exists()
    assert history(table=tables()["lots"], key=("lot-1",))[0].by == "chair"


def test_the_same_file_again_is_known_by_its_content_and_changes_nothing(sign_in: SignIn) -> None:
    client = sign_in("chair")
    do(client, bring(client, ("lots.csv", LOTS)), "apply")
    batch = ImportBatch.objects.latest("id")

    seen = page(client, bring(client, ("lots.csv", LOTS)))

    assert f"Import {batch.pk}" in seen and "Already applied" in seen and "No row differs" in seen


def test_an_upload_is_its_owners_alone_and_ends_after_a_day(sign_in: SignIn) -> None:
    client, other = sign_in("chair"), sign_in("chair", "finance")
    upload = bring(client, ("lots.csv", LOTS))

    assert other.get(reverse("import-upload", args=[upload.pk])).status_code == 404
    assert other.post(reverse("import-upload", args=[upload.pk]), {"do": "apply"}).status_code == 404
    Upload.objects.update(expires_at=timezone.now())
    assert client.get(reverse("import-upload", args=[upload.pk])).status_code == 404
    bring(client, ("lots.csv", LOTS))
    assert Upload.objects.count() == 1


def test_errors_name_row_and_column_and_nothing_can_be_applied(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("lots.csv", "key,accelerators\nlot-1,many\nlot-2,40\n"))

    seen = page(client, upload)
    status, after = do(client, upload, "apply")
    issues = list(
        csv.reader(io.StringIO(client.get(reverse("import-upload-issues", args=[upload.pk])).content.decode()))
    )

    assert "1 error: nothing can be applied yet" in seen and "is not a number" in seen
    assert status == 409 and "nothing was written" in after
    assert issues[1][:5] == ["error", "lots.csv", "2", "accelerators", "not_a_number"]
    assert Lot.objects.get(key="lot-2").accelerators == 32


def test_an_apply_is_held_against_the_world_as_it_is_then(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("lots.csv", "key,supplier\nlot-1,fresh\n"), ("suppliers.csv", "key,name\nother,Other\n"))
    Supplier.objects.create(key="fresh", name="Fresh")
    assert "2 rows would be added or changed" in page(client, upload)
    Supplier.objects.filter(key="fresh").delete()

    status, after = do(client, upload, "apply")

    assert status == 409 and "is not among the suppliers" in after
    assert not Supplier.objects.filter(key="other").exists()


def test_a_file_of_another_name_needs_its_table_said(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("week 48.csv", LOTS))
    assert "Say which table it is" in page(client, upload)

    status, seen = do(client, upload, "table", part=f"p{upload.files.get().pk}", table="lots")

    assert status == 200 and "1 row would be added or changed" in seen


FOREIGN = "Lot ID;GPU count;Ready (d.m.y)\nlot-2;5;23.12.2026\n"


def mapping_of(part: str, **more: str) -> dict[str, str]:
    chosen = {
        "separator": ";", "number_form": "plain", "date_order": "day_first", "column_0": "key",
        "column_1": "accelerators", "unit_1": "nodes_of_8", "column_2": "p50_date", **more,
    }  # fmt: skip
    return {f"{part}-{name}": value for name, value in chosen.items()}


def test_foreign_headings_are_mapped_once_and_remembered_for_the_source(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("lots.csv", FOREIGN))
    part = f"p{upload.files.get().pk}"
    seen = page(client, upload)
    assert "say below what they mean" in seen and "GPU count" in seen

    status, seen = do(client, upload, "mapping", part=part, **mapping_of(part))
    assert status == 200 and "<del>32</del> → <b>40</b>" in seen and "<b>2026-12-23</b>" in seen
    do(client, upload, "apply")

    assert (Lot.objects.get(key="lot-2").accelerators, str(Lot.objects.get(key="lot-2").p50_date)) == (40, "2026-12-23")
    assert ColumnMapping.objects.get().source == "vendor"
    assert "1 row would be added or changed" in page(client, bring(client, ("lots.csv", FOREIGN.replace(";5;", ";6;"))))
    elsewhere = bring(client, ("lots.csv", FOREIGN), source="somebody else")
    assert "say below what they mean" in page(client, elsewhere)


def test_a_heading_that_speaks_of_another_unit_waits_for_a_choice(sign_in: SignIn) -> None:
    client = sign_in("product")
    upload = bring(client, ("workloads.csv", "key,Input TPM\nchat,600\n"))
    part = f"p{upload.files.get().pk}"
    seen = page(client, upload)
    assert "heading says per minute: choose" in seen
    base = {f"{part}-separator": ",", f"{part}-number_form": "plain", f"{part}-date_order": "iso", f"{part}-column_0": "key",
            f"{part}-column_1": "input_tokens_per_second"}  # fmt: skip

    status, refused = do(client, upload, "mapping", part=part, **base, **{f"{part}-unit_1": ""})
    assert status == 422 and "Say which unit" in refused
    status, seen = do(client, upload, "mapping", part=part, **base, **{f"{part}-unit_1": "tokens_per_minute"})
    assert "<b>10</b>" in seen


def test_an_unknown_name_is_said_once_and_understood_from_then_on(sign_in: SignIn) -> None:
    client = sign_in("chair")
    upload = bring(client, ("lots.csv", "key,supplier\nlot-2,Acme GmbH\n"), source="acme")
    assert "Names nobody knows" in page(client, upload) and "Acme GmbH" in page(client, upload)

    status, seen = do(client, upload, "alias", kind="supplier", written="Acme GmbH", key="acme")

    assert "“Acme GmbH” is acme from now on" in seen and "No row differs" in seen
    assert Alias.objects.get(written="Acme GmbH").key == "acme"


def test_a_workbook_of_several_sheets_is_one_import(sign_in: SignIn) -> None:
    client = sign_in("chair")
    content = workbook(["key", "accelerators"], ["lot-1", 80], teams=[["key", "weight"], ["team-1", 3]])

    upload = bring(client, ("all.xlsx", content))
    assert "2 rows would be added or changed" in page(client, upload)
    do(client, upload, "apply")

    assert Lot.objects.get(key="lot-1").accelerators == 80


def test_a_batch_is_undone_on_its_page_and_says_why_not(sign_in: SignIn) -> None:
    client = sign_in("chair")
    do(client, bring(client, ("lots.csv", LOTS)), "apply")
    first = ImportBatch.objects.latest("id")
    do(client, bring(client, ("lots.csv", LOTS.replace("72", "80"))), "apply")
    second = ImportBatch.objects.latest("id")

    refused = client.post(reverse("import-undo", args=[first.pk]))
    done = client.post(reverse("import-undo", args=[second.pk]), {"note": "Wrong list"}, follow=True)

    assert refused.status_code == 409 and "lots lot-1 was changed since" in refused.content.decode()
    assert f"Import {second.pk} is undone" in done.content.decode()
    assert Lot.objects.get(key="lot-1").accelerators == 72


def test_a_role_brings_its_own_tables_only(sign_in: SignIn) -> None:
    client = sign_in("research")
    upload = bring(client, ("lots.csv", LOTS))

    assert "Your role does not change lots" in page(client, upload)
    assert client.get(reverse("import-template", args=["lots"])).status_code == 404
    assert client.get(reverse("import-template", args=["experiments"])).status_code == 200
    assert do(client, upload, "apply")[0] == 409
    assert sign_in("exec").get(reverse("import-new")).status_code == 403


def test_others_see_how_much_was_written_and_not_what(sign_in: SignIn) -> None:
    import_texts({"price_lines.csv": GOOD["price_lines.csv"].replace("15.00", "17.77")})
    batch = ImportBatch.objects.latest("id")
    chair, finance = sign_in("chair"), sign_in("finance")

    seen_by_chair = chair.get(reverse("import", args=[batch.pk])).content.decode()
    seen_by_finance = finance.get(reverse("import", args=[batch.pk])).content.decode()

    assert "0 added, 1 changed" in seen_by_chair and "17.77" not in seen_by_chair
    assert "17.77" in seen_by_finance
    assert "17.77" not in chair.get(reverse("imports")).content.decode()


def test_the_list_is_filtered_by_the_address(sign_in: SignIn) -> None:
    client = sign_in("chair")
    do(client, bring(client, ("lots.csv", LOTS), source="vendor A"), "apply")

    everything = client.get(reverse("imports")).content.decode()
    one = client.get(reverse("imports"), {"source": "vendor"}).content.decode()
    none = client.get(reverse("imports"), {"outcome": "refused"}).content.decode()

    assert "2 writes" in everything and "1 write" in one and "Nothing matches these filters" in none


@pytest.mark.parametrize("name", sorted(tables()))
def test_a_filled_template_can_be_read(name: str) -> None:
    from capacity.imports.templates_files import csv_template, xlsx_template  # noqa: PLC0415

    table = tables()[name]
    lines = list(csv.reader(io.StringIO(csv_template(table))))
    book = load_workbook(io.BytesIO(xlsx_template(table)))

    assert lines[0] == [column.name for column in table.columns] and lines[1][0].startswith("#help")
    assert len(lines) == 3, "a table has a sample row"
    assert [cell.value for cell in book[name][1]] == lines[0]
    assert book["Read me"].max_row == 3 + len(table.columns)
    outcome = import_texts({**GOOD, f"{name}.csv": csv_template(table)}, dry_run=True)
    assert not outcome.errors, outcome.errors


def test_a_file_that_is_too_big_is_counted_and_not_kept(sign_in: SignIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capacity.imports.receiving.MOST_LOG_BYTES", 1000)
    client = sign_in("chair")

    upload = bring(client, ("lots.csv", "key,accelerators\n" + "lot-1,64\n" * 1000))

    kept = upload.files.get()
    assert (kept.content, kept.size) == (None, 17 + 9000)
    assert "at most" in page(client, upload)


def test_names_of_uploaded_files_are_words_and_no_paths(sign_in: SignIn) -> None:
    client = sign_in("chair")

    upload = bring(client, ("../../etc/lots.csv", LOTS), ("<script>.csv", LOTS))

    assert set(upload.files.values_list("name", flat=True)) == {"lots.csv", "<script>.csv"}
    assert "<script>.csv" not in page(client, upload)

"""What an import of good files does: rows, versions, batches, counts; and what the command says and returns."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from capacity.imports.models import ImportBatch, InputsVersion
from capacity.imports.tables import tables
from capacity.inventory.models import Lot
from contracts.models import Contract, PriceLine
from tests.imports.world import GOOD, broken, import_texts
from workloads.models import Experiment, Team

pytestmark = pytest.mark.django_db

# The sample waiver names a decision, and decisions come from no file: so it waits, and the import says so.
UNDECIDED = ["waiver_not_decided", "override_not_decided"]


def inputs_version() -> int:
    return InputsVersion.objects.get(pk=1).version


def test_good_files_in_any_order_are_applied() -> None:
    outcome = import_texts(dict(reversed(GOOD.items())))

    assert outcome.applied, [str(issue) for issue in outcome.errors]
    assert outcome.counts["lots"] == {"added": 2, "changed": 0, "unchanged": 0}
    lot = Lot.objects.select_related("domain__pool__site").get(key="lot-1")
    assert (lot.accelerators, lot.domain.key, lot.domain.pool.site.region) == (64, "dom-a", "us-east")
    assert Experiment.objects.get().accelerator_types == ["h100"]
    assert Contract.objects.get().growth_share_per_month == 0


def test_the_same_files_a_second_time_change_nothing() -> None:
    import_texts(GOOD)
    before = inputs_version()

    outcome = import_texts(GOOD)

    assert outcome.applied
    assert all(counts["added"] == counts["changed"] == 0 for counts in outcome.counts.values())
    rows = sum(len(text.splitlines()) - 1 for text in GOOD.values())
    assert sum(counts["unchanged"] for counts in outcome.counts.values()) == rows
    assert inputs_version() == before


def test_a_changed_cell_changes_one_row_and_raises_its_version() -> None:
    import_texts(GOOD)

    outcome = import_texts(broken("lots.csv", ",64,", ",72,"))

    assert outcome.counts["lots"] == {"added": 0, "changed": 1, "unchanged": 1}
    assert list(Lot.objects.order_by("key").values_list("accelerators", "row_version")) == [(72, 2), (32, 1)]


def test_a_file_of_changes_may_leave_columns_out() -> None:
    import_texts(GOOD)

    outcome = import_texts({"lots.csv": "key,p50_date\nlot-2,2027-01-13\n"})

    assert outcome.applied, [str(issue) for issue in outcome.errors]
    assert str(Lot.objects.get(key="lot-2").p50_date) == "2027-01-13"
    assert Lot.objects.get(key="lot-2").accelerators == 32


def test_an_empty_cell_means_not_known_and_never_zero() -> None:
    import_texts(GOOD)

    import_texts({"sites.csv": "key,name,region,power_kw\nsite-1,Site 1,us-east,\n"})

    assert Lot.objects.get(key="lot-1").domain.pool.site.power_kw is None


def test_a_price_can_end_and_its_successor_start_in_one_file() -> None:
    import_texts(GOOD)

    outcome = import_texts(
        {
            "price_lines.csv": "contract,version,kind,price,starts_date,ends_date\n"
            "c-1,1,output,12.00,2026-06-01,\nc-1,1,output,15.00,2026-01-01,2026-06-01\n"
        }
    )

    assert outcome.applied, [str(issue) for issue in outcome.errors]
    assert PriceLine.objects.count() == 2


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-8-sig"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: ("\n" + text.replace("\n", "\n\n")).lstrip("\n").encode(),
    ],
    ids=["byte order mark", "CRLF", "UTF-16", "blank lines"],
)
def test_files_as_spreadsheets_write_them_are_read(encode: object) -> None:
    outcome = import_texts({name: encode(text) for name, text in GOOD.items()})  # type: ignore[operator]

    assert outcome.applied, [str(issue) for issue in outcome.errors]
    assert Lot.objects.count() == 2


def test_a_cell_may_hold_a_comma_a_quote_and_a_line_break() -> None:
    outcome = import_texts({"teams.csv": 'key,name,weight\nt,"One, ""two""\nthree",2\nu,Next,0\n'})

    assert [(issue.row, issue.column) for issue in outcome.errors] == [(3, "weight")]


def test_a_dry_run_leaves_no_trace() -> None:
    before = inputs_version()

    outcome = import_texts(GOOD, dry_run=True)

    assert not outcome.errors
    assert outcome.counts["lots"]["added"] == 2
    assert (Lot.objects.count(), ImportBatch.objects.count(), inputs_version()) == (0, 0, before)


def test_a_warning_does_not_stop_the_import_and_is_kept() -> None:
    outcome = import_texts(broken("contracts.csv", ",600000", ","))

    assert outcome.applied
    assert [issue.code for issue in outcome.warnings] == ["uncapped_exposure", *UNDECIDED]
    assert set(ImportBatch.objects.get(pk=outcome.batch_id).issues.values_list("severity", flat=True)) == {"W"}


def test_a_queue_of_only_p0_is_a_warning() -> None:
    rows = "".join(
        f"e-{n},Run {n},team-1,P0,pretrain,yes,64,4,2026-11-23,2026-12-07,h100,approved\n" for n in range(2, 12)
    )
    outcome = import_texts({**GOOD, "experiments.csv": GOOD["experiments.csv"] + rows})

    assert outcome.applied
    assert [issue.code for issue in outcome.warnings] == ["uncapped_exposure", "mostly_p0", *UNDECIDED]


def test_the_batch_says_what_came_in_and_what_it_did() -> None:
    batch = ImportBatch.objects.get(pk=import_texts(GOOD).batch_id)

    assert (batch.source, batch.outcome) == ("test", "applied")
    assert batch.counts["lots"]["added"] == 2
    assert {file["name"] for file in batch.files} == set(GOOD)
    assert all(len(file["sha256"]) == 64 for file in batch.files)


def test_thousands_of_rows_take_seconds_at_most() -> None:
    import_texts(GOOD)
    rows = "".join(f"t-{n},Team {n},1\n" for n in range(3000))
    started = time.monotonic()

    assert import_texts({"teams.csv": "key,name,weight\n" + rows}).applied

    assert Team.objects.count() == 3001
    assert time.monotonic() - started < 10


def write(folder: Path, tables: dict[str, str]) -> Path:
    for name, text in tables.items():
        (folder / name).write_text(text)
    return folder


def test_the_command_reads_a_folder_and_says_what_it_did(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a table")
    out = io.StringIO()

    call_command("import_tables", str(write(tmp_path, GOOD)), stdout=out)

    assert "lots: 2 added, 0 changed, 0 unchanged" in out.getvalue()
    assert "Applied as import" in out.getvalue()


def test_the_command_exits_with_2_and_names_the_place_when_it_refuses(tmp_path: Path) -> None:
    folder = write(tmp_path, broken("lots.csv", ",64,", ",6.4,"))
    err = io.StringIO()

    with pytest.raises(SystemExit) as stopped:
        call_command("import_tables", str(folder), stderr=err)

    assert stopped.value.code == 2
    assert "lots.csv row 2, accelerators:" in err.getvalue()
    assert "Nothing was written." in err.getvalue()
    assert Lot.objects.count() == 0


def test_the_command_says_when_a_path_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no .csv or .xlsx file"):
        call_command("import_tables", str(tmp_path))
    with pytest.raises(CommandError, match="There is no file"):
        call_command("import_tables", str(tmp_path / "lots.csv"))


def test_the_command_lists_every_table_with_its_columns() -> None:
    out = io.StringIO()

    call_command("import_tables", "--columns", stdout=out)

    assert "network_domains.csv: key*, pool*, fabric, gbit_per_second, provenance" in out.getvalue()
    assert all(f"{name}: " in out.getvalue() for name in GOOD)


def test_there_is_a_sample_of_every_table() -> None:
    assert {Path(name).stem for name in GOOD} == set(tables())

"""Files that must be refused whole: the place, the reason and what to do are said, and no row changes."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from capacity.imports.models import ImportBatch
from capacity.imports.tables import tables
from tests.imports.world import GOOD, broken, import_texts

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Bad:
    """One corrupted file. `says` must be in the message of the issue at that row and column."""

    name: str
    files: dict[str, str | bytes]
    file: str
    row: int | None
    column: str
    code: str
    says: str


def cell(name: str, file: str, old: str, new: str, row: int, column: str, code: str, says: str) -> Bad:
    return Bad(name, dict(broken(file, old, new)), file, row, column, code, says)


def whole(name: str, file: str, content: bytes, code: str, says: str, row: int | None = None) -> Bad:
    return Bad(name, {**GOOD, file: content}, file, row, "", code, says)


LOT_1 = "lot-1,pool-1,dom-a,acme,accepted,64,1,2026-02-02,,,owned-1\n"
SECOND_PRICE = "c-1,1,output,15.00,2026-01-01,\nc-1,1,output,12.00,2026-06-01,\n"
SECOND_VERSION = (
    "c-1,1,Chat,north,active,2026-01-01,2027-01-01,0.9,pay_as_you_go,chat,600000\n"
    "c-1,2,Chat,north,signed,2026-07-01,2027-07-01,0.9,pay_as_you_go,chat,600000\n"
)
SECOND_RATE = "owned-1,owned,2026-01-01,2027-01-01,48180.00\nowned-1,owned,2026-12-01,,50000\n"

BAD = [
    cell("unknown column", "lots.csv", "accelerators,", "acelerators,", 1, "acelerators", "unknown_column", "accelerators"),
    cell("missing column", "teams.csv", "key,name,weight\nteam-1,Team 1,2", "key,name\nteam-1,Team 1", 1, "weight",
         "missing_column", "new rows need it"),
    cell("missing key column", "teams.csv", "key,name", "id,name", 1, "key", "missing_column", "which row is meant"),
    cell("column twice", "teams.csv", "key,name,weight", "key,name,name", 1, "name", "repeated_column", "twice"),
    cell("thousands separator", "lots.csv", ",64,", ',"1,000",', 2, "accelerators", "separator", "Write 1000"),
    cell("comma decimal", "teams.csv", "Team 1,2", 'Team 1,"2,5"', 2, "weight", "separator", "with a point"),
    cell("NaN", "pools.csv", "0.935", "NaN", 2, "availability_share", "not_a_number", "Leave the cell empty"),
    cell("infinity", "teams.csv", "Team 1,2", "Team 1,Infinity", 2, "weight", "not_a_number", "not a number"),
    cell("1e309", "teams.csv", "Team 1,2", "Team 1,1e309", 2, "weight", "too_large", "before the point"),
    cell("1e9999 in an integer", "lots.csv", ",64,", ",1e9999,", 2, "accelerators", "not_whole", "whole number"),
    cell("empty number", "lots.csv", ",64,", ",,", 2, "accelerators", "empty", "needed"),
    cell("per cent", "pools.csv", "0.935", "93.5%", 2, "availability_share", "not_a_number", "0.65"),
    cell("currency sign", "price_lines.csv", "15.00", "$15.00", 2, "price", "not_a_number", "currency sign"),
    cell("fractional accelerators", "lots.csv", ",64,", ",64.5,", 2, "accelerators", "not_whole", "whole number"),
    cell("negative accelerators", "lots.csv", ",64,", ",-64,", 2, "accelerators", "too_small", "at least 0"),
    cell("no accelerators", "lots.csv", ",64,", ",0,", 2, "accelerators", "lot_has_accelerators", "at least one"),
    cell("too many decimals", "price_lines.csv", "15.00", "15.123456789", 2, "price", "too_many_decimals", "Round it"),
    cell("negative price", "price_lines.csv", "15.00", "-15", 2, "price", "price_not_negative", "not negative"),
    cell("American date", "lots.csv", "2026-02-02", "02/02/2026", 2, "accepted_date", "bad_date", "2026-11-23"),
    cell("no such day", "lots.csv", "2026-02-02", "2026-02-30", 2, "accepted_date", "bad_date", "calendar"),
    cell("not a choice", "lots.csv", ",accepted,", ",accpted,", 2, "state", "unknown_choice", 'Did you mean "accepted"?'),
    cell("not yes or no", "experiments.csv", ",yes,", ",maybe,", 2, "is_model_development", "bad_yes_no", "true or false"),
    cell("unknown supplier", "lots.csv", "dom-a,acme", "dom-a,amce", 2, "supplier", "unknown_reference", 'Did you mean "acme"?'),
    cell("unknown domain", "lots.csv", "dom-a,acme", "dom-b,acme", 2, "domain", "unknown_reference", "dom-a"),
    cell("unknown cost rate", "lots.csv", "owned-1", "owned-2", 2, "cost_rate_key", "unknown_reference", "owned-1"),
    cell("unknown type in a list", "experiments.csv", "12-07,h100", "12-07,h100;h10", 2, "accelerator_types",
         "unknown_reference", "h100"),
    cell("repeat in a list", "experiments.csv", "12-07,h100", "12-07,h100;h100", 2, "accelerator_types", "repeated_part",
         "twice"),
    cell("unknown region", "workloads.csv", "us-east", "us-eats", 2, "regions", "unknown_reference", "us-east"),
    cell("row twice", "lots.csv", LOT_1, LOT_1 + LOT_1, 3, "key", "repeated_key", "row 2"),
    cell("overlapping prices", "price_lines.csv", "c-1,1,output,15.00,2026-01-01,\n", SECOND_PRICE, 3, "starts_date",
         "price_lines_do_not_overlap", "overlaps"),
    cell("overlapping versions", "contracts.csv",
         "c-1,1,Chat,north,active,2026-01-01,2027-01-01,0.9,pay_as_you_go,chat,600000\n", SECOND_VERSION, 3, "starts_date",
         "contract_versions_do_not_overlap", "overlaps"),
    cell("overlapping cost rates", "cost_rates.csv", "owned-1,owned,2026-01-01,2027-01-01,48180.00\n", SECOND_RATE, 3,
         "starts_date", "cost_rate_periods_do_not_overlap", "End one"),
    cell("ends before it starts", "contracts.csv", "2027-01-01", "2025-01-01", 2, "ends_date", "contract_ends_after_start",
         "after it starts"),
    cell("confirmed without a date", "lots.csv", "2027-01-06", "", 3, "p50_date", "confirmed_lot_has_p50", "P50 date"),
    cell("leaves before it arrives", "lots.csv", "2026-02-02,,,", "2026-02-02,,2026-01-01,", 2, "ends_date",
         "lot_leaves_after_it_arrives", "leave after"),
    cell("zero throughput", "throughput_profiles.csv", "40000", "0", 2, "prefill_tokens_per_second",
         "throughput_is_positive", "above zero"),
    cell("measured without a date", "throughput_profiles.csv", "2026-03-01", "", 2, "basis", "profile_says_where_it_is_from",
         "needs its date"),
    cell("cache hit above one", "workloads.csv", "0.5", "1.5", 2, "cache_hit_share", "workload_cache_hit_is_a_share",
         "between 0 and 1"),
    cell("peak below mean", "workloads.csv", "2.5", "0.9", 2, "peak_factor", "workload_peak_is_at_least_mean", "at least 1"),
    cell("availability above one", "pools.csv", "0.935", "1.5", 2, "availability_share", "availability_is_a_share", "0.935"),
    cell("start on a Tuesday", "experiments.csv", "2026-11-23", "2026-11-24", 2, "earliest_start_date",
         "experiment_starts_on_a_monday", "Mondays"),
    cell("empty window", "experiments.csv", "2026-12-07", "2026-11-16", 2, "latest_start_date",
         "experiment_window_is_not_empty", "before the earliest"),
    cell("bad key", "teams.csv", "team-1,", "team 1,", 2, "key", "team_key_form", "letters, digits"),
    cell("too long a name", "teams.csv", "Team 1", "T" * 121, 2, "name", "too_long", "120"),
    cell("control character", "teams.csv", "Team 1", "Team\x07 1", 2, "name", "control_character", "control character"),
    cell("too few cells", "teams.csv", "team-1,Team 1,2", "team-1,Team 1", 2, "", "wrong_cell_count", "2 cells"),
    cell("quote not closed", "teams.csv", "Team 1", '"Team 1', 2, "", "not_csv", "quotation marks"),
    cell("semicolons", "teams.csv", GOOD["teams.csv"], GOOD["teams.csv"].replace(",", ";"), 1, "", "wrong_separator",
         "with commas"),
    Bad("header only", {**GOOD, "teams.csv": "key,name,weight\n"}, "teams.csv", None, "", "no_rows", "no rows"),
    whole("empty file", "teams.csv", b"", "empty_file", "header row"),
    whole("UTF-16 without its mark", "teams.csv", GOOD["teams.csv"].encode("utf-16-le"), "bad_encoding", "UTF-8"),
    whole("Latin-1", "teams.csv", "key,name,weight\nteam-1,Zürich,2\n".encode("latin-1"), "bad_encoding", "near line 2"),
    whole("a spreadsheet, not CSV", "teams.csv", b"PK\x03\x04\x14\x00\x06\x00", "broken_workbook", "cut off"),
    whole("21 MB", "teams.csv", b"x" * (21 * 1024 * 1024), "too_big", "Split it"),
    Bad("unknown table", {**GOOD, "lot.csv": GOOD["lots.csv"]}, "lot.csv", None, "", "unknown_table", 'Did you mean "lots"?'),
]  # fmt: skip


def everything() -> dict[str, list[dict[str, object]]]:
    """All rows of all importable tables, to compare before and after."""
    return {name: list(table.model._default_manager.order_by("pk").values()) for name, table in tables().items()}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_with_its_place_and_changes_nothing(bad: Bad) -> None:
    before = everything()

    outcome = import_texts(bad.files)

    assert not outcome.applied
    found = [
        issue
        for issue in outcome.errors
        if (issue.file, issue.row, issue.column, issue.code) == (bad.file, bad.row, bad.column, bad.code)
    ]
    assert found, [str(issue) + " " + issue.code for issue in outcome.errors]
    assert bad.says in found[0].message
    assert everything() == before
    batch = ImportBatch.objects.get(pk=outcome.batch_id)
    assert batch.outcome == "refused"
    assert batch.issues.filter(code=bad.code, file=bad.file, row=bad.row).exists()


@pytest.mark.parametrize("bad", BAD[2:12], ids=lambda bad: bad.name)
def test_a_bad_file_leaves_rows_that_were_there_before_as_they_were(bad: Bad) -> None:
    assert import_texts(GOOD).applied
    before = everything()

    assert not import_texts(bad.files).applied

    assert everything() == before


def test_all_issues_of_all_files_are_told_at_once() -> None:
    files = {**GOOD}
    files["lots.csv"] = files["lots.csv"].replace(",64,", ",-1,").replace("2027-01-06", "soon")
    files["teams.csv"] = "key,name,weight\nteam-1,Team 1,0\nteam-2,Team 2,x\n"
    files["price_lines.csv"] = files["price_lines.csv"].replace("15.00", "-15")

    outcome = import_texts(files)

    places = {(issue.file, issue.row, issue.column) for issue in outcome.errors}
    assert places == {
        ("lots.csv", 2, "accelerators"),
        ("lots.csv", 3, "p50_date"),
        ("teams.csv", 2, "weight"),
        ("teams.csv", 3, "weight"),
        ("price_lines.csv", 2, "price"),
    }


def test_a_row_that_refers_to_a_refused_row_is_not_blamed_too() -> None:
    outcome = import_texts(broken("pools.csv", "0.935", "1.5"))

    assert [(issue.file, issue.code) for issue in outcome.errors] == [("pools.csv", "availability_is_a_share")]


def test_a_row_that_breaks_two_rules_says_both() -> None:
    files = broken("workloads.csv", "0.5,2.5", "1.5,0.5")

    codes = {issue.code for issue in import_texts(files).errors}

    assert codes == {"workload_cache_hit_is_a_share", "workload_peak_is_at_least_mean"}


def test_an_alias_never_changes() -> None:
    assert import_texts(GOOD).applied

    outcome = import_texts({"customers.csv": "key,name,alias\nnorth,Northwind,C-2\n"})

    assert [(issue.code, issue.row, issue.column) for issue in outcome.errors] == [("never_changes", 2, "alias")]


def test_an_alias_is_never_used_twice() -> None:
    assert import_texts(GOOD).applied

    outcome = import_texts({"customers.csv": "key,name,alias\nsouth,Southwind,C-1\n"})

    assert [(issue.row, issue.column) for issue in outcome.errors] == [(2, "alias")]
    assert "never used again" in outcome.errors[0].message


def test_every_rule_of_the_database_has_a_sentence() -> None:
    for name, table in tables().items():
        unique_columns = {f"{table.model._meta.db_table}_{key}_key" for key in table.key}
        for constraint in table.model._meta.constraints:
            covered_by_key = constraint.name in unique_columns
            assert constraint.name in table.sentences or covered_by_key, f"{name}: {constraint.name}"

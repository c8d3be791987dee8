"""Foreign headings, units, number forms and dates: suggested, chosen, converted exactly, remembered for the source."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from capacity.imports.conversions import iso_day, plain_number, times, unit_hint, units_of, with_zone
from capacity.imports.mapping import FileForm, Use, in_our_form, problems, remember_form, remembered_form, suggest
from capacity.imports.models import Alias
from capacity.imports.reading import Choice, SourceFile
from capacity.imports.services import import_files, source_file
from capacity.imports.tables import tables
from capacity.imports.tabular import open_csv
from capacity.inventory.models import Lot, Pool
from tests.imports.world import GOOD, broken, import_texts
from workloads.models import Workload

pytestmark = pytest.mark.django_db


# --- conversions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "unit", "number", "ours"),
    [
        ("input_tokens_per_second", "tokens_per_minute", "600", "10"),
        ("input_tokens_per_second", "million_tokens_per_day", "1.5", "17.361111"),
        ("input_tokens_per_second", "thousand_tokens_per_second", "2.5", "2500"),
        ("rate_limit_input_tokens_per_minute", "tokens_per_second", "10", "600"),
        ("input_p50", "tokens_per_minute", "90", "1.5"),
        ("cache_hit_share", "percent", "62.5", "0.625"),
        ("power_kw", "gigawatt", "1.2", "1200000"),
        ("power_kw", "megawatt", "0.0005", "0.5"),
        ("price", "cents", "250", "2.5"),
        ("price", "per_thousand_tokens", "0.003", "3"),
        ("lead_time_p50_weeks", "days", "21", "3"),
        ("accelerators", "nodes_of_8", "9", "72"),
    ],
)
def test_a_unit_is_converted_exactly(column: str, unit: str, number: str, ours: str) -> None:
    assert times(Decimal(number), units_of(column)[unit].factor, places=6) == ours


def test_digits_that_end_are_all_kept_and_others_rounded_half_even() -> None:
    assert times(Decimal("1.23456789"), Fraction(1, 100), places=2) == "0.0123456789"
    assert times(Decimal(1), Fraction(1, 3), places=2) == "0.33"
    assert times(Decimal("-5"), Fraction(1, 6), places=3) == "-0.833"
    assert (
        times(Decimal("12345678901234567890123456789012"), Fraction(1000), places=0)
        == "12345678901234567890123456789012000"
    )


@pytest.mark.parametrize(
    ("form", "cell", "plain"),
    [
        ("plain", "1,000", "1,000"),
        ("comma_groups", "1,234,567.5", "1234567.5"),
        ("comma_groups", "1,23", "1,23"),
        ("point_groups", "1.234,5", "1234.5"),
        ("point_groups", "0,5", "0.5"),
        ("space_groups", "12 345,5", "12345.5"),
        ("apostrophe_groups", "1'000", "1000"),
    ],
)
def test_numbers_are_read_in_the_form_chosen_and_no_other(form: str, cell: str, plain: str) -> None:
    assert plain_number(cell, form) == plain


def test_dates_are_read_in_the_order_chosen_and_times_in_the_zone() -> None:
    assert iso_day("23.11.2026", "day_first") == "2026-11-23"
    assert iso_day("3/4/2026", "month_first") == "2026-03-04"
    assert iso_day("3/4/2026", "iso") == "3/4/2026"
    assert with_zone("2026-07-01T09:00:00", "Europe/Berlin") == "2026-07-01T09:00:00+02:00"
    assert with_zone("2026-07-01T09:00:00Z", "Europe/Berlin") == "2026-07-01T09:00:00Z"


@pytest.mark.parametrize(
    ("heading", "column", "hint"),
    [
        ("Input TPM", "input_tokens_per_second", "per minute"),
        ("Input TPM", "rate_limit_input_tokens_per_minute", ""),
        ("Power (MW)", "power_kw", "MW"),
        ("Cache hit %", "cache_hit_share", "per cent"),
        ("Price (cents)", "price", "cents"),
        ("Accelerators", "accelerators", ""),
    ],
)
def test_a_heading_that_speaks_of_another_unit_is_noticed(heading: str, column: str, hint: str) -> None:
    assert unit_hint(heading, column) == hint


# --- headings -----------------------------------------------------------------------------------------------------


def test_headings_are_suggested_by_name_synonym_and_likeness_each_column_once() -> None:
    found = suggest(["ID", "Pool", "GPU count", "Vendor", "acelerators", "Weather"], tables()["lots"])

    assert {heading: item.column for heading, item in found.items()} == {
        "ID": "key",
        "Pool": "pool",
        "GPU count": "accelerators",
        "Vendor": "supplier",
        "acelerators": "",
        "Weather": "",
    }


def test_a_form_is_held_against_the_table() -> None:
    lots = tables()["lots"]
    twice = FileForm(headings={"a": Use(column="key"), "b": Use(column="key")})
    unit = FileForm(headings={"a": Use(column="key"), "b": Use(column="accelerators", unit="percent")})
    factor = FileForm(headings={"a": Use(column="key"), "b": Use(column="accelerators", unit="factor", factor="-2")})

    assert set(problems(twice, lots, ["a", "b"])) == {"a", "b"}
    assert "not a unit of accelerators" in problems(unit, lots, ["a", "b"])["b"]
    assert "above zero" in problems(factor, lots, ["a", "b"])["b"]
    assert "key, which tells rows apart" in problems(FileForm(), lots, ["x"])[""]
    assert problems(FileForm(headings={"a": Use(column="key")}), lots, ["a"]) == {}


FOREIGN = "Workload;Input TPM;Cache hit %;Review;Comment\nchat;1.200,5;62,5;23.11.2026;left out\n"
FORM = FileForm(
    headings={
        "Workload": Use(column="key"),
        "Input TPM": Use(column="input_tokens_per_second", unit="tokens_per_minute"),
        "Cache hit %": Use(column="cache_hit_share", unit="percent"),
        "Review": Use(column="review_by_date"),
        "Comment": Use(column=""),
    },
    constants={"forecast_source": "Telemetry"},
    separator=";",
    number_form="point_groups",
    date_order="day_first",
)


def read_as(form: FileForm, table: str):  # type: ignore[no-untyped-def]
    return lambda file, sheet, is_only: Choice(table=table, form=form)


def test_a_foreign_file_is_read_as_somebody_chose() -> None:
    import_texts(GOOD)
    file = source_file(name="export from telemetry.csv", content=FOREIGN.encode())

    outcome = import_files(files=[file], source="telemetry", choose=read_as(FORM, "workloads"))

    assert outcome.applied, outcome.issues
    row = Workload.objects.get(key="chat")
    assert (row.input_tokens_per_second, row.cache_hit_share) == (Decimal("20.0083"), Decimal("0.625"))
    assert (str(row.review_by_date), row.forecast_source) == ("2026-11-23", "Telemetry")
    assert [(i.code, i.column) for i in outcome.warnings if i.code == "rounded"] == [
        ("rounded", "input_tokens_per_second")
    ]


def test_a_mapping_is_remembered_for_its_source_and_table() -> None:
    remember_form(source="telemetry", table=tables()["workloads"], form=FORM, user=None)

    assert remembered_form(source="telemetry", table=tables()["workloads"]) == FORM
    assert remembered_form(source="telemetry", table=tables()["lots"]) is None


def test_a_row_too_long_for_the_header_is_still_found_after_mapping() -> None:
    grid = open_csv(file="a.csv", content=b"ID,n\na,1,2\n")

    mapped = in_our_form(grid, FileForm(headings={"ID": Use(column="key"), "n": Use(column="")}), tables()["teams"])

    assert [len(line) for line in mapped.lines] == [1, 4]


def test_semicolons_without_a_mapping_stay_refused() -> None:
    outcome = import_files(files=[SourceFile(name="teams.csv", content=b"key;name\na;A\n", bytes_=13)], source="x")

    assert [issue.code for issue in outcome.errors] == ["wrong_separator"]


# --- aliases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["NVIDIA H100 SXM5 80GB", "h100-80gb", "H100 SXM", "nvidia h100  sxm5-80GB"])
def test_a_name_somebody_wrote_down_is_understood(written: str) -> None:
    import_texts(GOOD)

    outcome = import_texts(broken("experiments.csv", "12-07,h100", f"12-07,{written}"))
    pools = import_texts({"pools.csv": GOOD["pools.csv"].replace(",h100,", f",{written},")})

    assert outcome.applied and pools.applied, (outcome.issues, pools.issues)
    assert pools.counts["pools"]["unchanged"] == Pool.objects.count()


def test_aliases_in_the_same_files_are_understood() -> None:
    outcome = import_texts(
        {
            **broken("lots.csv", "dom-a,acme,accepted", "dom-a,ACME Corp.,accepted"),
            "aliases.csv": "kind,written,key\nsupplier,Acme Corp,acme\naccelerator_type,H100 SXM,h100\n",
        }
    )

    assert outcome.applied, outcome.issues
    assert Lot.objects.get(key="lot-1").supplier.key == "acme"


def test_two_like_names_for_different_things_are_understood_only_as_written() -> None:
    import_texts(GOOD)
    Alias.objects.create(kind="supplier", written="A.C.M.E", key="acme")
    Alias.objects.create(kind="supplier", written="a c m e", key="other")

    exact = import_texts({"lots.csv": "key,supplier\nlot-1,A.C.M.E\n"})
    loose = import_texts({"lots.csv": "key,supplier\nlot-1,A-C-M-E\n"})

    assert exact.applied
    assert [issue.code for issue in loose.errors] == ["unknown_reference"]


def test_an_unknown_name_lists_the_nearest_without_maker_and_memory() -> None:
    import_texts(GOOD)

    outcome = import_texts({"pools.csv": GOOD["pools.csv"].replace(",h100,", ",NVIDIA H100 PCIe 94GB,")})

    assert 'Did you mean "h100"' in outcome.errors[0].message

"""Cloud bills in the FOCUS form. The header is that of a real 1.2 export, the rows are composed to be added up by hand."""

from __future__ import annotations

import csv
import gzip
import io
import json
from decimal import Decimal

import pytest

from capacity.imports.connectors.focus import looks_like, tags_of
from tests.imports.connectors.support import Reading, read, source

_COLUMNS = (
    "AvailabilityZone,BilledCost,BillingAccountId,BillingAccountName,BillingAccountType,BillingCurrency,"
    "BillingPeriodEnd,BillingPeriodStart,CapacityReservationId,CapacityReservationStatus,ChargeCategory,ChargeClass,"
    "ChargeDescription,ChargeFrequency,ChargePeriodEnd,ChargePeriodStart,CommitmentDiscountCategory,"
    "CommitmentDiscountId,CommitmentDiscountName,CommitmentDiscountQuantity,CommitmentDiscountStatus,"
    "CommitmentDiscountType,CommitmentDiscountUnit,ConsumedQuantity,ConsumedUnit,ContractedCost,ContractedUnitPrice,"
    "EffectiveCost,InvoiceId,InvoiceIssuerName,ListCost,ListUnitPrice,PricingCategory,PricingCurrency,"
    "PricingCurrencyContractedUnitPrice,PricingCurrencyEffectiveCost,PricingCurrencyListUnitPrice,PricingQuantity,"
    "PricingUnit,ProviderName,PublisherName,RegionId,RegionName,ResourceId,ResourceName,ResourceType,ServiceCategory,"
    "ServiceName,ServiceSubcategory,SkuId,SkuMeter,SkuPriceDetails,SkuPriceId,SubAccountId,SubAccountName,"
    "SubAccountType,Tags,x_Discounts,x_Operation,x_ServiceCode"
)
HEADER = _COLUMNS.split(",")
USUAL = {
    "BillingCurrency": "USD",
    "ChargeCategory": "Usage",
    "ChargePeriodStart": "2026-11-02T00:00:00.000Z",
    "ChargePeriodEnd": "2026-11-02T01:00:00.000Z",
    "ProviderName": "AWS",
    "ServiceName": "Amazon Elastic Compute Cloud",
    "ResourceId": "i-0abc",
    "PricingUnit": "Hrs",
    "PricingQuantity": "1",
    "BilledCost": "98.32",
    "EffectiveCost": "60.5",
    "ListCost": "98.32",
}
KNOWN = {"pool": ["train", "serve"]}


def bill(*rows: dict[str, str], header: list[str] = HEADER) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows({**USUAL, **row} for row in rows)
    return out.getvalue()


def bring(*rows: dict[str, str], options: tuple[str, ...] = ("pool=train",)) -> Reading:
    return read("focus", source(bill(*rows)), options=options, known=KNOWN)


def test_hours_of_one_resource_and_day_are_one_row() -> None:
    later = {"ChargePeriodStart": "2026-11-02T01:00:00Z", "ChargePeriodEnd": "2026-11-02T02:00:00Z"}

    (row,) = bring({}, {**later, "BilledCost": "6.123E-7", "EffectiveCost": "1", "ListCost": "2"}).rows()

    assert row["pool"] == "train"
    assert (row["day"], row["provider"], row["resource"], row["charge_kind"]) == (
        "2026-11-02",
        "AWS",
        "i-0abc",
        "usage",
    )
    # 98.32 + 0.0000006123 = 98.3200006123, shown with six places.
    assert (row["billed_usd"], row["effective_usd"], row["list_usd"]) == ("98.320001", "61.5", "100.32")
    assert (row["quantity_hours"], row["currency"]) == ("2", "USD")


def test_credits_keep_their_sign_and_corrections_are_adjustments() -> None:
    reading = bring(
        {},
        {"ChargeCategory": "Credit", "BilledCost": "-40", "EffectiveCost": "-40", "ListCost": "0"},
        {"ChargeClass": "Correction", "BilledCost": "-1.5", "EffectiveCost": "-1.5", "ListCost": "-1.5"},
        {"BilledCost": "-2", "EffectiveCost": "0", "ListCost": "0"},
    )

    assert {(row["charge_kind"], row["billed_usd"], row["quantity_hours"]) for row in reading.rows()} == {
        ("usage", "98.32", "1"),
        ("credit", "-40", ""),
        ("adjustment", "-3.5", ""),
    }
    assert reading.counted("corrections of earlier") == 1
    assert reading.counted("negative charges of the category usage") == 1
    assert sum(Decimal(row["billed_usd"]) for row in reading.rows()) == Decimal("54.82")


def test_a_resource_of_no_known_pool_is_kept_counted_and_named() -> None:
    reading = bring({}, {"ResourceId": "bucket-1", "BilledCost": "5"}, options=("pool:i-*=train",))

    assert {row["resource"]: row["pool"] for row in reading.rows()} == {"i-0abc": "train", "bucket-1": ""}
    assert '"bucket-1" (1 rows, 5.00 USD)' in reading.message("unplaced")
    assert reading.findings.notes == ["The files bill 103.32 USD; 98.32 USD of it is placed in pools."]


def test_what_no_pool_is_known_for_can_be_left_out_but_not_in_silence() -> None:
    reading = bring({"ResourceId": "bucket-1"}, options=("pool:i-*=train", "unplaced=leave_out"))

    assert reading.rows() == []
    assert "They are left out." in reading.message("unplaced")


def test_a_tag_names_the_pool_before_the_resource_does() -> None:
    tagged = {"Tags": json.dumps({"capacity-pool": "serve", "team": "x"})}

    reading = bring(tagged, {}, options=("pool_tag=capacity-pool", "pool:i-0abc=train"))

    assert sorted(row["pool"] for row in reading.rows()) == ["serve", "train"]


def test_mapping_a_pool_later_changes_the_row_and_adds_none() -> None:
    before = bring({}, options=()).rows()
    after = bring({}, options=("pool:i-0abc=serve",)).rows()

    assert before[0]["pool"] == "" and after[0]["pool"] == "serve"
    assert before[0]["external_id"] == after[0]["external_id"]


def test_a_month_of_usage_is_spread_over_its_days_and_adds_up() -> None:
    month = {"ChargePeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodEnd": "2026-12-01T00:00:00Z"}

    rows = bring({**month, "BilledCost": "100", "PricingQuantity": "720"}).rows()

    assert len(rows) == 30
    # 100 / 30 a day; the sum loses less than one millionth a day.
    assert rows[0]["billed_usd"] == "3.333333"
    assert sum(float(row["billed_usd"]) for row in rows) == pytest.approx(100, abs=3e-5)
    assert {row["quantity_hours"] for row in rows} == {"24"}


def test_a_purchase_of_a_year_stands_on_its_first_day() -> None:
    year = {"ChargePeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodEnd": "2027-11-01T00:00:00Z"}

    (row,) = bring({**year, "ChargeCategory": "Purchase", "BilledCost": "876000", "EffectiveCost": "0"}).rows()

    assert (row["day"], row["charge_kind"], row["billed_usd"]) == ("2026-11-01", "purchase", "876000")


@pytest.mark.parametrize(
    ("unit", "quantity", "hours"),
    [("Hours", "3", "3"), ("100 Hours", "0.5", "50"), ("GPU-Hours", "8", "8"), ("GB-Hours", "8", ""), ("GB", "1", "")],
)
def test_hours_are_known_only_where_the_unit_is_hours(unit: str, quantity: str, hours: str) -> None:
    assert bring({"PricingUnit": unit, "PricingQuantity": quantity}).rows()[0]["quantity_hours"] == hours


def test_another_currency_needs_a_rate() -> None:
    reading = bring({"BillingCurrency": "EUR"}, {"BillingCurrency": "EUR"})

    assert reading.rows() == []
    assert reading.errors() == [
        'file.csv row 2, BillingCurrency: There is no rate for "EUR" on 2026-11-02. Enter it in the FX rates, '
        "or give usd_per_unit:EUR=…."
    ]


def test_a_rate_turns_the_bill_into_dollars_and_keeps_the_currency() -> None:
    (row,) = bring({"BillingCurrency": "EUR"}, options=("pool=train", "usd_per_unit:EUR=1.25")).rows()

    assert (row["billed_usd"], row["currency"]) == ("122.9", "EUR")


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"BilledCost": "NaN"}, "not_a_number"),
        ({"BilledCost": "1,000.00"}, "not_a_number"),
        ({"BilledCost": "1e309"}, "too_large"),
        ({"ChargeCategory": "Gift"}, "unknown_choice"),
        ({"ChargePeriodStart": "yesterday"}, "bad_time"),
        ({"ChargePeriodStart": "2026-11-02 00:00:00"}, "no_time_zone"),
        ({"ChargePeriodEnd": "2026-11-01T00:00:00Z"}, "wrong_order"),
    ],
)
def test_a_row_that_cannot_be_read_is_an_error_with_its_row(cells: dict[str, str], code: str) -> None:
    reading = bring({}, cells)

    assert [(issue.code, issue.row, issue.severity) for issue in reading.issues] == [(code, 3, "E")]


def test_odd_rows_may_be_left_out_when_somebody_says_so() -> None:
    reading = bring({}, {"BilledCost": "NaN"}, options=("pool=train", "odd_rows=leave_out"))

    assert len(reading.rows()) == 1
    assert [(issue.code, issue.severity) for issue in reading.issues] == [("not_a_number", "W")]


def test_the_parts_of_an_export_give_what_the_whole_gives() -> None:
    whole = bring({}, {"BilledCost": "1.5"})
    parts = read("focus", source(bill({})), source(bill({"BilledCost": "1.5"})), options=("pool=train",), known=KNOWN)

    assert parts.rows() == whole.rows()


def test_a_packed_file_is_read_and_recognised() -> None:
    packed = gzip.compress(bill({}).encode())

    assert looks_like(packed)
    assert len(read("focus", source(packed, "focus.csv.gz"), options=("pool=train",), known=KNOWN).rows()) == 1


def test_a_bill_without_a_needed_column_is_refused() -> None:
    reading = read("focus", source(bill({}, header=[name for name in HEADER if name != "ChargeCategory"])))

    told = 'file.csv row 1, ChargeCategory: The column "ChargeCategory" is missing, and this format needs it.'
    assert reading.errors()[0].startswith(told)


@pytest.mark.parametrize(
    "cell", ['{"pool": "a"}', '[{"key": "pool", "value": "a"}]', '[{"Key": "pool", "Value": "a"}]', "pool=a;x=1"]
)
def test_tags_are_read_in_each_form(cell: str) -> None:
    assert tags_of(cell)["pool"] == "a"

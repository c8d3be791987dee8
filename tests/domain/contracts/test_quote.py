"""Price floors to the cent, runs of short weeks, the largest and the earliest that fit, and a quote's variations."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from contracts.domain import quote_payload as payloads
from contracts.domain.contract_file import agreement_from_bytes
from contracts.domain.quote import (
    earliest,
    ladder_step,
    largest,
    lowest_factor,
    lowest_price,
    margin_at,
    short_time,
    times,
    two_digits_down,
    two_digits_up,
)
from contracts.domain.quote_from_file import payload_of_agreement

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "contracts" / "examples").glob("*.json"))
# Dedicated accelerators as in the methods: 64 at $4.00 for 730 hours earn $186,880 and cost 72 × 730 × $2 = $105,120.
PRICE, REVENUE, COST = Decimal("4.00"), Decimal(186_880), Decimal(105_120)


def dedicated(**columns: str) -> dict[str, Any]:
    return {
        "name": "pod",
        "contract": {
            "shape": "dedicated_accelerators",
            "accelerator_type": "h100",
            "starts_date": "2027-01-04",
            "ends_date": "2027-07-05",
            **columns,
        },
        "price_lines": [{"kind": "accelerator_hour", "price": "4", "starts_date": "2027-01-04", "tier_from": "0"}],
        "commit_steps": [{"kind": "accelerators", "quantity": "64", "starts_date": "2027-01-04"}],
        "sla_lines": [],
    }


# --- the price floor --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "price"),
    # 105,120 ÷ (64 × 730) = 2.25 an hour; ÷ 0.4 = 5.625, ÷ 0.5 = 4.50; of nothing 2.25 itself.
    [("0.6", "5.63"), ("0.5", "4.50"), ("0", "2.25"), ("0.437", "4.00")],
)
def test_the_lowest_price_meets_the_target_and_a_cent_less_misses_it(target: str, price: str) -> None:
    share = Decimal(target)
    found = lowest_price(price=PRICE, revenue_usd=REVENUE, cost_usd=COST, target_share=share)
    assert found == Decimal(price)
    at = margin_at(price=PRICE, at=found, revenue_usd=REVENUE, cost_usd=COST)
    below = margin_at(price=PRICE, at=found - Decimal("0.01"), revenue_usd=REVENUE, cost_usd=COST)
    assert at is not None and below is not None
    assert below < Fraction(share) <= at


def test_a_price_below_a_dollar_is_found_to_a_hundredth_of_a_cent() -> None:
    found = lowest_price(
        price=Decimal("0.60"), revenue_usd=Decimal(43_800), cost_usd=Decimal(35_040), target_share=Decimal("0.3")
    )
    # 35,040 ÷ 0.7 ÷ 73,000 unit-hours = 0.68571…
    assert found == Decimal("0.6858")


def test_what_earns_nothing_has_no_price_floor() -> None:
    assert lowest_price(price=PRICE, revenue_usd=Decimal(0), cost_usd=COST, target_share=Decimal("0.6")) is None
    assert lowest_price(price=PRICE, revenue_usd=REVENUE, cost_usd=COST, target_share=Decimal(1)) is None


# --- weeks ------------------------------------------------------------------------------------------------------------


def test_the_first_run_of_short_weeks_is_told_with_the_most_of_all() -> None:
    found = short_time({3: 0, 4: 12, 5: 20, 6: 0, 9: 31})
    assert found is not None
    assert (found.first, found.weeks, found.most, found.in_all) == (4, 2, 31, 3)
    assert short_time({3: 0}) is None


@pytest.mark.parametrize(("room", "found"), [(0, 0), (1, 1), (37, 37), (99, 99)])
def test_the_largest_that_fits_is_asked_and_one_more_was_asked_too(room: int, found: int) -> None:
    asked: dict[int, bool] = {}

    def fits(n: int) -> bool:
        asked[n] = n <= room
        return asked[n]

    assert largest(fits, below=100) == found
    assert found == 0 or asked[found]
    assert found == 99 or asked[found + 1] is False


def test_the_earliest_start_is_the_first_week_from_which_no_week_is_short() -> None:
    short = {2, 7}

    def last_short(begin: int) -> int | None:
        return max((week for week in short if begin <= week < begin + 4), default=None)

    for may_skip in (True, False):
        assert earliest(last_short, first=0, last=20, may_skip=may_skip) == (3, None)
        assert earliest(last_short, first=4, last=20, may_skip=may_skip) == (8, None)
        assert earliest(last_short, first=4, last=7, may_skip=may_skip) == (None, None)
    assert earliest(last_short, first=4, last=20, may_skip=False, most=3) == (None, 6)
    assert earliest(last_short, first=4, last=20, may_skip=False, most=5) == (8, None)


def test_a_shortage_is_told_in_steps_to_whoever_may_not_read_the_floor() -> None:
    assert [ladder_step(size) for size in (1, 2, 5, 6, 201, 500)] == [
        (0, 1),
        (1, 2),
        (2, 5),
        (5, 10),
        (200, 500),
        (200, 500),
    ]
    assert two_digits_up(1420) == (1400, 1500) and two_digits_up(1500) == (1400, 1500) and two_digits_up(37) == (20, 50)
    assert [two_digits_down(size) for size in (1437, 88, 8, 0)] == [1400, 80, 0, 0]


# --- variations -------------------------------------------------------------------------------------------------------


def test_a_later_start_moves_everything_that_is_dated() -> None:
    moved = payloads.later(dedicated(pin_ends_date="2027-03-01", usage_date="2026-11-01"), weeks=2)
    assert (moved["contract"]["starts_date"], moved["contract"]["ends_date"]) == ("2027-01-18", "2027-07-19")
    assert moved["contract"]["pin_ends_date"] == "2027-03-15"
    assert moved["contract"]["usage_date"] == "2026-11-01"
    assert moved["price_lines"][0]["starts_date"] == moved["commit_steps"][0]["starts_date"] == "2027-01-18"


def test_a_smaller_volume_of_units_is_counted_in_units() -> None:
    volume = payloads.volume_of(dedicated(), has_tokens=False)
    assert volume is not None and (volume.most, volume.noun) == (64, "accelerators")
    assert payloads.with_volume(dedicated(), part=37, of=64)["commit_steps"][0]["quantity"] == "37"


def test_a_smaller_volume_of_tokens_takes_what_goes_with_them_along() -> None:
    payload = {
        "contract": {"shape": "committed_spend", "input_tokens_per_second": "1000", "seats": "11"},
        "commit_steps": [{"kind": "spend_usd_year", "quantity": "300", "starts_date": "2027-01-04"}],
    }
    assert payloads.volume_of(payload, has_tokens=False) is None
    half = payloads.with_volume(payload, part=50, of=100)
    assert half["contract"]["input_tokens_per_second"] == "500"
    assert half["contract"]["seats"] == "5"
    assert half["commit_steps"][0]["quantity"] == "150"


def test_a_smaller_volume_shrinks_fees_and_tiers_and_leaves_what_a_seat_may_use() -> None:
    payload = {
        "contract": {"shape": "seats", "seats": "10", "fair_use_tokens_per_month": "4000"},
        "price_lines": [
            {"kind": "seat_month", "price": "30", "tier_from": "0", "included_quantity": "4"},
            {"kind": "seat_month", "price": "25", "tier_from": "100"},
            {"kind": "fee_month", "price": "500", "tier_from": "0"},
        ],
        "commit_steps": [],
    }
    half = payloads.with_volume(payload, part=50, of=100)
    assert (half["contract"]["seats"], half["contract"]["fair_use_tokens_per_month"]) == ("5", "4000")
    assert [(line["price"], line["tier_from"]) for line in half["price_lines"]] == [
        ("30", "0"),
        ("25", "50"),
        ("250", "0"),
    ]
    assert half["price_lines"][0]["included_quantity"] == "2"
    flat = {"contract": {"shape": "flat_fee", "fair_use_tokens_per_month": "4000"}, "price_lines": []}
    assert payloads.with_volume(flat, part=50, of=100)["contract"]["fair_use_tokens_per_month"] == "2000"


def test_all_prices_and_commitments_move_by_one_factor() -> None:
    # 105,120 ÷ (0.4 × 186,880) = 1.40625, up to four places 1.4063; × $4.00 = $5.6252, up to the cent $5.63.
    factor = lowest_factor(revenue_usd=REVENUE, cost_usd=COST, target_share=Decimal("0.6"))
    assert factor == Decimal("1.4063")
    assert times(PRICE, factor) == Decimal("5.63") and times(Decimal("0.1"), factor) == Decimal("0.1407")
    assert lowest_factor(revenue_usd=Decimal(0), cost_usd=COST, target_share=Decimal(0)) is None


def test_a_ramp_begins_with_a_part_and_has_all_from_a_day() -> None:
    ramp = payloads.with_ramp(dedicated(), part=16, of=64, full_from=date(2027, 3, 1))
    steps = [(step["starts_date"], step["quantity"]) for step in ramp["commit_steps"]]
    assert steps == [("2027-01-04", "16"), ("2027-03-01", "64")]
    assert payloads.may_ramp(dedicated()) and not payloads.may_ramp(ramp)


def test_a_limit_is_so_many_hundredths_of_what_is_expected_a_minute() -> None:
    usage = {"input_tokens_per_second": Decimal(100), "output_tokens_per_second": Decimal("0.3")}
    limited = payloads.with_limit({"contract": {}}, hundredths=150, usage=usage)["contract"]
    assert limited["rate_limit_input_tokens_per_minute"] == "9000"
    assert limited["rate_limit_output_tokens_per_minute"] == "27"


def test_the_rows_of_a_quote_are_those_of_a_contract_with_its_lines() -> None:
    changes = payloads.changes_of(dedicated(customer="acme"))
    assert [change["table"] for change in changes] == ["contracts", "price_lines", "commit_steps"]
    assert changes[0]["values"]["state"] == "signed" and changes[0]["values"]["customer"] == "acme"
    assert changes[1]["key"] == ["new quote", "1", "accelerator_hour", "2027-01-04", "0"]
    stand_in = payloads.changes_of(dedicated())
    assert stand_in[0]["table"] == "customers" and stand_in[1]["values"]["customer"] == "new quote"


# --- contract files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_of_a_contract_file_becomes_a_quote(path: Path) -> None:
    agreement = agreement_from_bytes(path.read_bytes())
    payload, notes = payload_of_agreement(agreement)
    assert payload["contract"]["starts_date"] == agreement.starts.isoformat()
    assert payload["price_lines"] or any("The price line" in note for note in notes)
    assert all(line["price"] for line in payload["price_lines"])
    if len(agreement.versions) > 1:
        assert any("later ones are not" in note for note in notes)


def test_a_provisioned_file_keeps_its_units_their_size_and_their_price() -> None:
    path = next(path for path in EXAMPLES if path.stem.startswith("S04-"))
    payload, _ = payload_of_agreement(agreement_from_bytes(path.read_bytes()))
    assert payload["contract"]["shape"] == "provisioned_throughput"
    assert payload["contract"]["unit_tokens_per_minute"] == "30000"
    assert payload["contract"]["unit_output_weight"] == "10"
    assert payload["price_lines"] == [{"kind": "unit_hour", "price": "0.6"}]
    assert payload["commit_steps"] == [{"kind": "throughput_units", "quantity": "100", "starts_date": "2026-12-01"}]

"""What the contract file refuses beyond its form, and that each sentence says what to do about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from capacity.lib.currencies import CODES
from contracts.domain.contract_file import ContractFileError, agreement_from_bytes
from tests.domain.contracts.examples import changed, result
from tests.domain.contracts.test_contract_file import LINE, STREAM, at
from tests.domain.contracts.test_statements import contract, lines, used

S1 = "S01-pay-as-you-go"


def refusals(name: str, change: Callable[[dict[str, Any]], Any]) -> list[str]:
    with pytest.raises(ContractFileError) as caught:
        result(changed(name, change))
    return list(caught.value.sentences)


@pytest.mark.parametrize("code", ["ZZZ", "XXX9", "eur", "XXX", 978])
def test_a_currency_is_a_code_of_iso_4217(code: Any) -> None:
    currency = {"code": code, "usd_per_unit": 1.08, "as_of": "2026-11-20"}
    (said,) = refusals(S1, at("currency", value=currency))
    assert said.startswith("$.currency.code: expected a currency code of ISO 4217 such as EUR, not ")


def test_every_currency_code_has_three_letters_and_the_large_ones_are_known() -> None:
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in CODES)
    assert {"USD", "EUR", "JPY", "GBP", "CNY", "INR", "CHF", "KRW"} <= CODES
    assert not {"XAU", "XTS", "XXX"} & CODES


def test_a_rate_of_a_day_after_the_contract_is_assessed_is_refused() -> None:
    def with_rate_of(day: str) -> Callable[[dict[str, Any]], None]:
        def change(document: dict[str, Any]) -> None:
            document |= {"as_of": "2026-11-23", "currency": {"code": "EUR", "usd_per_unit": 1.1, "as_of": day}}

        return change

    assert refusals(S1, with_rate_of("2026-11-24")) == [
        "$.currency.as_of: 2026-11-24 is after the contract's as_of, 2026-11-23: a rate nobody knows yet is no rate."
    ]
    assert result(changed(S1, with_rate_of("2026-11-23")))["results"]["planned"]["revenue_usd"]


FEE = {"key": "fee", "price": 7}
TOKENS = {"key": "tokens", "meters": ["output_tokens"], "price": 1.00}


@pytest.mark.parametrize("empty", [None, []])
@pytest.mark.parametrize(
    ("part", "first", "kept"),
    [
        ("price_lines", [TOKENS], {"fee": 7}),
        ("fixed_fees", [FEE], {"tokens": 100}),
        ("unit_lines", [{"key": "units", "price": 1, "units": 1}], {"fee": 7, "tokens": 100}),
        ("commitments", [{"amount": 1_000, "is_free": True}], {"fee": 7, "tokens": 100}),
        ("streams", [{"key": "chat", "profile": None, "traffic": None}], {"fee": 7, "tokens": 100}),
    ],
)
def test_null_takes_a_list_of_a_version_away_like_an_empty_one(
    part: str, first: Any, kept: dict[str, int], empty: Any
) -> None:
    version = {"price_lines": [TOKENS], "fixed_fees": [FEE]} | {part: first}
    rows = [used("2027-01-01", "2027-02-01", 100), used("2027-02-01", "2027-03-01", 100)]
    found = result(contract(version, {"from": "2027-02-01", part: empty}, ends="2027-03-01", usage=rows))
    assert lines(found["bills"][1]) == kept


def test_null_takes_a_multiplier_and_burndown_rates_away() -> None:
    version = {"price_lines": [TOKENS], "multiplier": 2}
    rows = [used("2027-01-01", "2027-02-01", 100), used("2027-02-01", "2027-03-01", 100)]
    found = result(contract(version, {"from": "2027-02-01", "multiplier": None}, ends="2027-03-01", usage=rows))
    assert [bill["charged_usd"] for bill in found["bills"]] == [200, 100]
    weights = {"input_uncached_tokens": 1, "input_cached_tokens": 1, "output_tokens": 1}
    rated = version | {"burndown": [{"weights": weights}]}
    assert result(contract(rated, {"from": "2027-02-01", "burndown": None}, ends="2027-03-01", usage=rows))


def test_a_wrong_profile_is_said_once_and_not_again_by_the_streams_that_name_it() -> None:
    (said,) = refusals(S1, at("profiles", 0, "utilisation_target", value=1.5))
    assert said.startswith("$.profiles[0].utilisation_target: expected a share")
    (said,) = refusals(S1, at(*STREAM, "profile", value="nobody"))
    assert "nobody is not one of the profiles" in said


def test_a_cached_token_takes_no_more_work_than_one_that_is_not() -> None:
    (said,) = refusals(S1, at("profiles", 0, "cached_cost_ratio", value=1.5))
    assert said == "$.profiles[0].cached_cost_ratio: expected a share from 0 to 1, not 1.5."


@pytest.mark.parametrize(
    ("meter", "meant"),
    [
        ("ouput_tokens", "output_tokens"),
        ("input_uncashed_tokens", "input_uncached_tokens"),
        ("chat.output_token", "chat.output_tokens"),
        ("outcome", "outcomes"),
    ],
)
def test_a_misspelt_meter_is_refused_with_the_one_it_was_to_be(meter: str, meant: str) -> None:
    (said,) = refusals(S1, at(*LINE, "meters", value=[meter]))
    assert said == f"$.versions[0].price_lines[0].meters: {meter} is no meter that anything else counts: {meant} is."


def test_a_misspelt_meter_of_a_usage_row_is_refused() -> None:
    row = {"from": "2026-12-01", "to": "2027-01-01", "quantities": {"output_toekns": 5}}
    (said,) = refusals(S1, at("usage", value=[row]))
    assert said == "$.usage[0].quantities: output_toekns is no meter that anything else counts: output_tokens is."


def test_a_meter_of_a_stream_that_is_not_there_is_refused() -> None:
    (said,) = refusals(S1, at(*LINE, "meters", value=["nothing.output_tokens"]))
    assert said.startswith("$.versions[0].price_lines[0].meters: nothing is not one of the streams (chat")


def test_a_meter_of_the_contract_s_own_is_not_taken_for_a_slip() -> None:
    # "seat" is like "seats", and the file counts it
    line = {"key": "own", "meters": ["seat"], "price": 2, "per": 1}
    row = {"from": "2027-01-01", "to": "2027-02-01", "quantities": {"seat": 10}}
    found = result(contract({"price_lines": [line]}, ends="2027-02-01", usage=[row]))
    assert found["bills"][0]["charged_usd"] == 20
    images = line | {"meters": ["image_tokens"]}
    assert result(contract({"price_lines": [images]}))["results"]["unknown_meters"] == ["image_tokens"]


def test_sentences_about_a_contract_speak_of_no_problem_and_say_what_to_give() -> None:
    with pytest.raises(ContractFileError) as caught:
        agreement_from_bytes(b"[" * 200_000)
    assert caught.value.sentences == ["$: The file is nested too deeply to be read: take objects out of each other."]
    (said,) = refusals(S1, at(*LINE, "per", value=0))
    assert said == "$.versions[0].price_lines[0].per: expected a number above 0, not 0."
    (said,) = refusals(S1, at(*LINE, "included_quantity", value=10**19))
    assert said.endswith("is outside the range that is read (1e-18 to 1e18): check the unit.")


def test_a_volume_tier_is_reached_by_what_is_beyond_the_included_quantity() -> None:
    tiers = [{"up_to": 15, "price": 10}, {"price": 5}]
    line = {"key": "t", "meters": ["output_tokens"], "tier_mode": "volume", "included_quantity": 10, "tiers": tiers}
    rows = [used("2027-01-01", "2027-02-01", 25), used("2027-02-01", "2027-03-01", 26)]
    found = result(contract({"price_lines": [line]}, ends="2027-03-01", usage=rows))
    # 15 beyond what is included at $10, 16 at $5: the included 10 do not count toward the tier
    assert [bill["charged_usd"] for bill in found["bills"]] == [150, 80]

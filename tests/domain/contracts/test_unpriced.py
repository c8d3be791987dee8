"""Tokens that no price line counts: cached input costs what input costs, the rest leaves the revenue unknown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.domain.contracts.examples import result
from tests.domain.contracts.test_statements import contract, lines

MONTH_OF_DAYS = {"starts": "2027-01-01", "ends": "2027-02-01"}
UNCACHED = {"key": "input", "meters": ["input_uncached_tokens"], "price": 3.00}
OUTPUT = {"key": "output", "meters": ["output_tokens"], "price": 15.00}
PROFILE = {
    "key": "large",
    "replica_accelerators": 8,
    "prefill_tokens_per_second": 40_000,
    "decode_tokens_per_second": 4_000,
    "cached_cost_ratio": 0.1,
    "utilisation_target": 0.7,
}


def chat(key: str = "chat", **traffic: Any) -> dict[str, Any]:
    worked = {"input_tokens_per_second": 10_000, "output_tokens_per_second": 2_000, "cache_hit_share": 0.5}
    return {"key": key, "profile": "large", "traffic": worked | traffic}


def assessed(*streams: dict[str, Any], **terms: Any) -> dict[str, Any]:
    more = {"profiles": [PROFILE], "usage": terms.pop("usage", [])}
    return result(contract({"streams": list(streams)} | terms, **MONTH_OF_DAYS, **more))


def test_cached_input_without_a_price_costs_what_input_costs() -> None:
    found = assessed(chat(), price_lines=[UNCACHED, OUTPUT])
    planned = found["results"]["planned"]
    # all 26.28 B of input at $3, 5.256 B out at $15
    assert lines(planned) == {"input": 78_840, "output": 78_840}
    assert found["results"]["unknown_meters"] == []
    # January: 10,000 × 86,400 × 31 = 26,784 M at $3
    assert lines(found["bills"][0])["input"] == 80_352


def test_cached_input_with_a_price_keeps_it() -> None:
    cached = {"key": "cached", "meters": ["chat.input_cached_tokens"], "price": 0.30}
    found = assessed(chat(), price_lines=[UNCACHED, cached, OUTPUT])
    assert lines(found["results"]["planned"]) == {"input": 39_420, "cached": 3_942, "output": 78_840}


def test_written_input_without_a_price_costs_what_input_costs() -> None:
    found = assessed(chat() | {"written_share": 0.1}, price_lines=[UNCACHED, OUTPUT])
    assert lines(found["results"]["planned"])["input"] == 78_840


def test_output_without_a_price_leaves_revenue_and_bills_unknown_and_is_named() -> None:
    found = assessed(chat(), price_lines=[UNCACHED])
    assert found["results"]["unknown_meters"] == ["output_tokens"]
    planned = found["results"]["planned"]
    assert (planned["revenue_usd"], planned["revenue_at_least_usd"]) == (None, 78_840)
    (flag,) = [flag for flag in found["flags"] if flag["code"] == "unknown_revenue"]
    assert "(output_tokens)" in flag["sentence"]
    (bill,) = found["bills"]
    assert (bill["total_usd"], bill["unknown"]) == (None, ["No price line counts output_tokens."])


def test_a_price_of_nothing_is_a_price() -> None:
    found = assessed(chat(), price_lines=[UNCACHED, OUTPUT | {"price": 0}])
    assert found["results"]["planned"]["revenue_usd"] == 78_840


def test_each_stream_needs_its_own_prices_where_prices_name_streams() -> None:
    own = [UNCACHED | {"meters": ["chat.input_uncached_tokens"]}, OUTPUT | {"meters": ["chat.output_tokens"]}]
    found = assessed(chat(), chat("agents", input_tokens_per_second=0), price_lines=own)
    assert found["results"]["unknown_meters"] == ["agents.output_tokens"]


@pytest.mark.parametrize(
    "terms",
    [
        {"fixed_fees": [{"key": "fee", "price": 100}]},
        {"fixed_fees": [{"key": "fee", "price": 100}], "price_lines": [OUTPUT]},
        {"price_lines": [{"key": "sold", "meters": ["outcomes"], "price": 5, "per": 1}]},
        {"unit_lines": [{"key": "units", "price": 1, "units": 10}], "price_lines": [OUTPUT]},
    ],
    ids=["a fee", "a fee and overage", "outcomes", "units"],
)
def test_what_pays_for_tokens_without_naming_them_is_no_gap(terms: dict[str, Any]) -> None:
    found = assessed(chat(), **terms)
    assert not {"input_uncached_tokens", "output_tokens"} & set(found["results"]["unknown_meters"])


def test_tokens_of_a_contract_that_bills_nothing_are_not_free() -> None:
    found = assessed(chat())
    assert found["results"]["unknown_meters"] == ["input_uncached_tokens", "input_cached_tokens", "output_tokens"]


def test_measured_tokens_without_a_price_leave_their_bill_unknown() -> None:
    row = {"from": "2027-01-01", "to": "2027-02-01"}
    counted = {"input_uncached_tokens": 1_000_000, "output_tokens": 1_000_000}
    (bill,) = assessed(price_lines=[UNCACHED], usage=[row | {"quantities": counted}])["bills"]
    assert (bill["total_usd"], bill["unknown"]) == (None, ["No price line counts output_tokens."])
    (bill,) = assessed(price_lines=[UNCACHED], usage=[row | {"quantities": counted | {"output_tokens": 0}}])["bills"]
    assert bill["total_usd"] == 3
    read = {"input_uncached_tokens": 1_000_000, "input_cached_tokens": 500_000}
    (bill,) = assessed(price_lines=[UNCACHED], usage=[row | {"quantities": read}])["bills"]
    assert bill["total_usd"] == Decimal("4.50")

"""What terms oblige us to hold and what bounds their use: take-or-pay, limits, fair use, shared and exclusive replicas.

The traffic is the worked one: a load of 1.59375 at its peak, 32 accelerators alone, $46,720 a month at $2.00.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.domain.contracts.examples import result

D = Decimal
PROFILE = {
    "key": "frontier-l",
    "replica_accelerators": 8,
    "prefill_tokens_per_second": 40_000,
    "decode_tokens_per_second": 4_000,
    "cached_cost_ratio": 0.1,
    "utilisation_target": 0.7,
}
TRAFFIC = {
    "input_tokens_per_second": 10_000,
    "output_tokens_per_second": 2_000,
    "cache_hit_share": 0.5,
    "peak_factor": 2.5,
}
# 5,256 million output tokens a month: $52,560.
OUTPUT = {"key": "output", "meters": ["output_tokens"], "price": 10}
# What else is sent costs nothing; without a price of its own its revenue would be unknown.
INPUT = {"key": "input", "meters": ["input_uncached_tokens", "input_cached_tokens"], "price": 0}
PER_MINUTE = 60


def stream(key: str = "chat", **parts: Any) -> dict[str, Any]:
    return {"key": key, "profile": "frontier-l", "traffic": TRAFFIC, **parts}


def assessed(*versions: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """A contract of 2027 with the worked traffic, as of November 2026."""
    first = {"streams": [stream()], "from": "2027-01-01", **versions[0]}
    contract = {
        "version": 1,
        "key": "C-1",
        "as_of": "2026-11-23",
        "starts": "2027-01-01",
        "ends": "2028-01-01",
        "usd_per_accelerator_hour": 2,
        "profiles": [PROFILE],
        "versions": [first, *versions[1:]],
        **parts,
    }
    return result(contract)


def held(found: dict[str, Any]) -> list[int]:
    return [found["results"][basis]["accelerators"] for basis in ("committed", "planned", "worst")]


def codes(found: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in found["flags"]} - {"lead_time_unknown"}


# --- worst use below the expected ---------------------------------------------------------------------------------


def test_a_cap_below_expected_use_is_assessed_at_the_cap() -> None:
    found = assessed({"price_lines": [OUTPUT, INPUT]}, expected={"cap_multiple": 0.5})
    # half: 0.797 ÷ 0.7 → 2 + 1 replicas, $35,040 against $26,280
    assert held(found) == [0, 32, 24]
    assert found["results"]["loss_exposure_usd"] == 8_760


@pytest.mark.parametrize(("multiple", "accelerators"), [(0, 0), (0.5, 24), (0.001, 16)])
def test_a_multiple_below_expected_use_is_assessed(multiple: float, accelerators: int) -> None:
    found = assessed({"price_lines": [OUTPUT]}, multiples=[multiple, 1])
    assert [case["accelerators"] for case in found["results"]["at_multiples"]] == [accelerators, 32]


# --- take-or-pay --------------------------------------------------------------------------------------------------


def test_take_or_pay_holds_and_costs_the_whole_commitment_whatever_is_used() -> None:
    # Five times the expected use is committed, half of it always paid: 26,280 × 0.5 × $6 = $78,840.
    take = {"line_key": "output", "quantity": 26_280, "take_share": 0.5}
    found = assessed({"price_lines": [OUTPUT | {"price": 6}, INPUT], "take_or_pay": take})
    # 5 × 1.59375 ÷ 0.7 = 11.4 → 12 + 1 replicas, $151,840
    assert held(found) == [104, 104, 104]
    results = found["results"]
    assert [results[basis]["reserved_cost_usd"] for basis in ("planned", "worst")] == [151_840, 151_840]
    assert (results["capacity_gap_accelerators"], results["loss_exposure_usd"]) == (0, 73_000)
    assert {"loss_at_planned_use", "loss_at_worst_use"} <= codes(found)
    assert {(week["planned"], week["worst"]) for week in found["capacity"]} == {(104, 104)}


def test_use_beyond_a_small_take_or_pay_commitment_is_held_as_used() -> None:
    take = {"line_key": "output", "quantity": 2_628, "take_share": 0.5}
    assert held(assessed({"price_lines": [OUTPUT], "take_or_pay": take})) == [24, 32, 48]


def test_take_or_pay_of_one_stream_holds_nothing_for_the_other() -> None:
    line = OUTPUT | {"meters": ["chat.output_tokens"]}
    take = {"line_key": "output", "quantity": 26_280, "take_share": 0.5}
    streams = [stream(), stream("code", latency_class="standard")]
    found = assessed({"price_lines": [line], "take_or_pay": take, "streams": streams})
    assert held(found) == [104, 136, 152]


# --- rate limits --------------------------------------------------------------------------------------------------

FEE = {"key": "fee", "price": 50_000}


def test_a_limit_of_one_side_leaves_the_other_uncapped() -> None:
    limited = stream(rate_limit={"input_tokens_per_minute": 12_000 * PER_MINUTE})
    found = assessed({"fixed_fees": [FEE], "streams": [limited]})
    # At 3 ×: input 12,000 at most (0.165), output 15,000 at the peak (3.75): 3.915 ÷ 0.7 → 6 + 1 replicas, $81,760.
    assert held(found) == [0, 32, 56]
    assert found["results"]["worst"]["multiple"] == 3
    assert found["results"]["loss_exposure_usd"] == 31_760
    assert {"uncapped_exposure", "loss_at_worst_use"} <= codes(found)
    # On average 12,000 × 0.55 ÷ 40,000 + 6,000 ÷ 4,000 = 1.665 replicas are at work.
    assert found["results"]["worst"]["consumed_cost_usd"] == D("1.665") * 8 * 730 * 2


def test_limits_of_both_sides_cap_each_side_by_itself() -> None:
    limit = {"input_tokens_per_minute": 12_000 * PER_MINUTE, "output_tokens_per_minute": 3_000 * PER_MINUTE}
    found = assessed({"price_lines": [OUTPUT, INPUT], "streams": [stream(rate_limit=limit)]}, multiples=[1.2, 1.5, 2])
    # Output grows to 1.5 ×, input to 1.2 ×: no side grows beyond 1.5.
    assert found["results"]["worst"]["multiple"] == D("1.5")
    assert [case["revenue_usd"] for case in found["results"]["at_multiples"]] == [63_072, 78_840, 78_840]
    assert "uncapped_exposure" not in codes(found)


def test_a_side_that_is_not_used_needs_no_limit() -> None:
    only_output = TRAFFIC | {"input_tokens_per_second": 0}
    limited = stream(traffic=only_output, rate_limit={"output_tokens_per_minute": 2_400 * PER_MINUTE})
    found = assessed({"price_lines": [OUTPUT], "streams": [limited]})
    assert found["results"]["worst"]["multiple"] == D("1.2")


# --- fair use -----------------------------------------------------------------------------------------------------


def seats(million_tokens: float) -> dict[str, Any]:
    segments = [{"key": "all", "share": 1, "million_tokens": 10}]
    return {
        "fixed_fees": [{"key": "seats", "price": 60, "quantity": 1_000}],
        "seats": {"fee_key": "seats", "segments": segments, "fair_use_million_tokens": million_tokens},
    }


def test_fair_use_caps_worst_use() -> None:
    # 1,000 × 47.304 M of an expected 31,536 M: 1.5 ×. 2.39 ÷ 0.7 → 4 + 1 replicas, $58,400 of $60,000.
    found = assessed(seats(47.304))
    assert (found["results"]["worst"]["multiple"], held(found)) == (D("1.5"), [0, 32, 40])
    assert found["results"]["loss_exposure_usd"] == 0
    assert codes(found) == set()


def test_fair_use_below_expected_use_is_assessed() -> None:
    found = assessed(seats(15.768))
    assert (found["results"]["worst"]["multiple"], held(found)) == (D("0.5"), [0, 32, 24])


def test_the_lower_of_cap_and_fair_use_counts() -> None:
    found = assessed(seats(47.304), expected={"cap_multiple": 1.25})
    assert found["results"]["worst"]["multiple"] == D("1.25")


# --- lead times ---------------------------------------------------------------------------------------------------

LEAD = {"p50_weeks": 44, "p90_weeks": 52}


def test_use_that_begins_inside_the_lead_time_is_ordered_and_flagged() -> None:
    found = assessed({"price_lines": [OUTPUT]}, lead_time=LEAD)
    # The Monday of the start's week, 28 December, less 44 and 52 weeks.
    order = {"line": "chat", "needed": "2027-01-01", "added": 1}
    assert found["orders"] == [order | {"order_by_p50": "2026-02-23", "order_by_p90": "2025-12-29"}]
    assert "start_inside_lead_time" in codes(found)


def test_an_amendment_that_takes_more_traffic_is_ordered_and_flagged() -> None:
    more = {"input_tokens_per_second": 100_000, "output_tokens_per_second": 20_000}
    later = {"from": "2027-04-05", "streams": [stream(traffic=TRAFFIC | more)]}
    found = assessed({"price_lines": [OUTPUT]}, later, lead_time=LEAD)
    order = found["orders"][1]
    # Nine of the ten tenths of what the stream then sends are new.
    assert (order["needed"], order["added"], order["order_by_p50"]) == ("2027-04-05", D("0.9"), "2026-06-01")
    assert "ramp_inside_lead_time" in codes(found)


def test_an_amendment_to_less_traffic_orders_nothing() -> None:
    less = {"from": "2027-04-05", "streams": [stream(traffic=TRAFFIC | {"output_tokens_per_second": 1_000})]}
    found = assessed({"price_lines": [OUTPUT]}, less, lead_time=LEAD)
    assert [order["needed"] for order in found["orders"]] == ["2027-01-01"]


def test_traffic_on_reserved_units_is_ordered_with_them() -> None:
    units = {"key": "units", "price": 1, "units": 100}
    promise = {"kind": "provisioned", "tokens_per_minute": 30_000, "output_weight": 10}
    found = assessed({"unit_lines": [units | {"promise": promise}]}, lead_time=LEAD)
    assert [order["line"] for order in found["orders"]] == ["units"]


# --- replicas that streams share ----------------------------------------------------------------------------------


def test_streams_of_one_region_set_share_one_ceiling() -> None:
    streams = [
        stream("a", model="m", regions=["us"]),
        stream("b", model="m", regions=["eu"]),
        stream("c", model="m", regions=["us"]),
        stream("d", model="m", regions=["jp"], latency_class="standard"),
    ]
    found = assessed({"price_lines": [OUTPUT], "streams": streams})
    # us: 2 × 1.59375 ÷ 0.7 = 4.55 → 5 + 1 replicas; eu and jp 3 + 1 each.
    assert held(found)[1] == 48 + 32 + 32
    shown = [(each["key"], each["shares_with"], each["accelerators"]) for each in found["streams"]]
    assert shown == [("a", ["c"], 48), ("b", [], 32), ("d", [], 32)]
    [apart] = found["residency"]
    # us and eu pooled: 6.83 → 7 + 1 replicas
    assert (apart["separate_accelerators"], apart["pooled_accelerators"]) == (80, 64)
    assert apart["not_pooling_usd_per_month"] == 23_360


def test_streams_that_share_replicas_step_together() -> None:
    streams = [stream("a"), stream("b", rate_limit={"input_tokens_per_minute": 10_000 * PER_MINUTE,
                                                    "output_tokens_per_minute": 2_000 * PER_MINUTE})]  # fmt: skip
    found = assessed({"fixed_fees": [FEE], "streams": streams}, multiples=[1])
    # b's limit holds it at 0.6375 of its 1.59375: 1.59375 m + 0.6375 ≤ 3 × 0.7 with the 4 replicas $50,000 pays.
    assert found["results"]["break_even"]["multiple"] == D("0.917647")
    assert held(found)[1] == 40


def test_a_pinned_stream_and_one_with_units_keep_their_own_replicas() -> None:
    pinned = stream("b", pin={"until": "2027-12-31", "retires": "2028-12-31"})
    assert held(assessed({"price_lines": [OUTPUT], "streams": [stream("a"), pinned]}))[1] == 64


# --- what binds us ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "parts", "committed"),
    [
        ({"price_lines": [OUTPUT]}, {}, 0),
        ({"price_lines": [OUTPUT], "minimum": {"amount": 1_000}}, {}, 32),
        ({"price_lines": [OUTPUT | {"included_quantity": 1_000}], "fixed_fees": [FEE]}, {}, 32),
        ({"price_lines": [OUTPUT], "fixed_fees": [FEE]}, {}, 0),
        ({"price_lines": [{"key": "done", "meters": ["outcomes"], "price": 5, "per": 1}]},
         {"expected": {"fixed": {"outcomes": 18_000}}}, 32),
        ({"price_lines": [OUTPUT], "commitments": [{"amount": 1_000}]}, {}, 32),
        ({"price_lines": [OUTPUT], "commitments": [{"amount": 1_000, "is_free": True}]}, {}, 0),
    ],
)  # fmt: skip
def test_what_is_bought_ahead_commits_its_expected_use_and_a_gift_nothing(
    version: dict[str, Any], parts: dict[str, Any], committed: int
) -> None:
    assert held(assessed(version, **parts))[0] == committed


# --- flat fees ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", [OUTPUT | {"price": 0}, OUTPUT | {"included_quantity": 1_000_000}])
def test_a_fee_beside_a_meter_that_never_bills_is_flat(line: dict[str, Any]) -> None:
    found = assessed({"fixed_fees": [FEE | {"price": 90_000}], "price_lines": [line]})
    assert (found["results"]["worst"]["multiple"], held(found)[2]) == (3, 64)
    assert found["results"]["break_even"] == {"multiple": D("2.635294"), "reason": ""}
    assert found["results"]["loss_exposure_usd"] == 3_440


def test_a_fee_that_includes_less_than_heavy_use_is_metered() -> None:
    # 15,000 of 15,768 million at 3 ×: the rest is billed.
    line = OUTPUT | {"included_quantity": 15_000}
    found = assessed({"fixed_fees": [FEE | {"price": 90_000}], "price_lines": [line]})
    assert found["results"]["worst"]["multiple"] == 2
    # Up to 2.635 × nothing is billed beside the fee (13,851 million), so the break-even use stands.
    assert found["results"]["break_even"]["multiple"] == D("2.635294")
    less = assessed({"fixed_fees": [FEE | {"price": 90_000}], "price_lines": [line | {"included_quantity": 13_000}]})
    assert less["results"]["break_even"] == {"multiple": None, "reason": "revenue_follows_use"}


# --- dedicated accelerators and traffic ---------------------------------------------------------------------------


def dedicated(**promise: Any) -> dict[str, Any]:
    return {"key": "own", "price": 4, "units": 64, "promise": {"kind": "dedicated", **promise}}


def test_traffic_billed_by_use_has_replicas_beside_exclusive_accelerators() -> None:
    found = assessed({"unit_lines": [dedicated()], "price_lines": [OUTPUT]})
    assert held(found) == [72, 72 + 32, 72 + 48]
    assert found["results"]["planned"]["reserved_cost_usd"] == 105_120 + 46_720
    assert "uncapped_exposure" in codes(found)


def test_traffic_runs_on_dedicated_accelerators_that_are_not_exclusive_or_that_it_is_the_use_of() -> None:
    shared = assessed({"unit_lines": [dedicated(is_exclusive=False)], "price_lines": [OUTPUT]})
    own_use = assessed({"unit_lines": [dedicated()]})
    assert held(shared) == held(own_use) == [72, 72, 72]


# --- after the end ------------------------------------------------------------------------------------------------


def test_after_its_end_a_contract_has_at_p90_the_whole_need_of_p90() -> None:
    found = assessed(
        {"price_lines": [OUTPUT]},
        ends="2027-02-01",
        first_week="2027-01-25",
        weeks=3,
        expected={"p10_multiple": 0.6, "p90_multiple": 1.5},
        renewal={"probability": 0.6},
    )
    last = found["capacity"][-1]
    # 1.5 ×: 3.42 → 4 + 1 replicas
    assert [last[name] for name in ("committed", "p10", "planned", "p90", "expected")] == [0, 0, 32, 40, D("19.2")]

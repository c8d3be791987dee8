"""Capacity of a contract by week, on every reading, by hand; and what spills over its units."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.domain.contracts.examples import changed, result


def weeks(found: dict[str, Any], reading: str) -> dict[str, Any]:
    return {row["week"]: row[reading] for row in found["capacity"]}


def stream(contract: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = contract["versions"][0]["streams"][0]
    return found


def test_expected_use_steps_with_its_ramp_and_grows_by_whole_months() -> None:
    def ramp(contract: dict[str, Any]) -> None:
        stream(contract)["ramp"] = [{"from": "2026-12-01", "multiple": 0.5}, {"from": "2027-01-06", "multiple": 2}]

    planned = weeks(result(changed("S01-pay-as-you-go", ramp)), "planned")
    # half the traffic: ⌈1.14⌉ + 1 = 3 replicas; twice: ⌈4.55⌉ + 1 = 6; the step on a Wednesday holds its week
    assert [planned[day] for day in ("2026-12-28", "2027-01-04", "2027-01-11")] == [24, 48, 48]

    def grow(contract: dict[str, Any]) -> None:
        stream(contract).update(growth_share_per_month=1, measured="2026-12-01")

    planned = weeks(result(changed("S01-pay-as-you-go", grow)), "planned")
    # a month is 365/12 days: twice the traffic from 1 January on
    assert [planned[day] for day in ("2026-12-21", "2026-12-28", "2027-01-04")] == [32, 48, 48]


def test_a_contract_begins_at_its_local_midnight() -> None:
    def in_zone(zone: str) -> dict[str, Any]:
        def move(contract: dict[str, Any]) -> None:
            contract.update(starts="2026-12-07", first_week="2026-11-30", time_zone=zone)
            contract["versions"][0]["from"] = "2026-12-07"

        return weeks(result(changed("S01-pay-as-you-go", move)), "planned")

    # Monday in Tokyo begins on Sunday afternoon in UTC: the week before needs its accelerators too
    assert [in_zone("UTC")[day] for day in ("2026-11-30", "2026-12-07")] == [0, 32]
    assert [in_zone("Asia/Tokyo")[day] for day in ("2026-11-30", "2026-12-07")] == [32, 32]


def test_an_amendment_in_mid_week_holds_the_larger_need() -> None:
    def amend(contract: dict[str, Any]) -> None:
        half = stream(contract) | {"traffic": stream(contract)["traffic"] | {"output_tokens_per_second": 0}}
        contract["versions"].append({"from": "2027-01-06", "streams": [half]})

    planned = weeks(result(changed("S01-pay-as-you-go", amend)), "planned")
    # without output the load is 0.1375, the peak 0.34375: 1 + 1 replicas
    assert [planned[day] for day in ("2026-12-28", "2027-01-04", "2027-01-11")] == [32, 32, 16]


def test_a_renewal_nobody_has_a_chance_for_leaves_the_weeks_after_unknown() -> None:
    found = result(changed("S01-pay-as-you-go", lambda contract: contract.pop("renewal")))
    after = found["capacity"][-1]
    assert (after["planned"], after["expected"], after["p10"], after["p90"]) == (None, None, 0, 40)
    assert "renewal_unknown" in [flag["code"] for flag in found["flags"]]


def test_an_unlikely_renewal_plans_nothing_and_keeps_p90() -> None:
    found = result(changed("S01-pay-as-you-go", lambda contract: contract["renewal"].update(probability=0.4)))
    after = found["capacity"][-1]
    assert (after["planned"], after["expected"], after["p90"]) == (0, Decimal("12.8"), 40)
    even = result(changed("S01-pay-as-you-go", lambda contract: contract["renewal"].update(probability=0.5)))
    assert even["capacity"][-1]["planned"] == 32


def test_weeks_cross_the_53rd_of_2026() -> None:
    days = list(weeks(result(changed("S01-pay-as-you-go", lambda contract: None)), "planned"))
    assert days[:6] == ["2026-11-30", "2026-12-07", "2026-12-14", "2026-12-21", "2026-12-28", "2027-01-04"]


def test_use_beyond_the_units_spills_at_its_own_prices() -> None:
    def spill(contract: dict[str, Any]) -> None:
        version = contract["versions"][0]
        version["spill"] = {
            "unit": "token",
            "price_lines": [{"key": "spilled_output", "meters": ["output_tokens"], "price": 15}],
        }
        version["streams"][0]["traffic"] = {
            "input_tokens_per_second": 0,
            "output_tokens_per_second": 4_000,
            "cache_hit_share": 0,
            "peak_factor": 2,
        }

    found = result(changed("S04-provisioned-throughput", spill))
    # 100 units hold 50,000 a second; 4,000 of output at weight 10 are 40,000, at the peak 80,000: y = 1.25, p = 2,
    # (2 − 1.25)² ÷ 4 = 0.140625 of 10,512 M tokens a month
    planned = found["results"]["planned"]
    spilled = next(line for line in planned["lines"] if line["key"] == "spilled_output")
    assert spilled["quantity"] == Decimal("1478.25")
    assert planned["revenue_usd"] == 43_800 + Decimal("22173.75")
    # measured months say what spilled; what they do not say is unknown
    row = {"from": "2026-12-01", "to": "2027-01-01", "quantities": {"output_tokens": 10**10}}
    measured = changed("S04-provisioned-throughput", spill) | {"usage": [row]}
    assert result(measured)["bills"][0]["unknown"] == ["The use of spilled.output_tokens is not known."]
    row["quantities"] = {"spilled.output_tokens": 10**9}  # type: ignore[dict-item]
    assert result(measured)["bills"][0]["charged_usd"] == 44_640 + 15_000


def test_break_even_use_counts_a_promise_and_a_limit_on_one_side() -> None:
    def flat(**more: Any) -> dict[str, Any]:
        found: dict[str, Any] = result(changed("S03b-flat-fee", lambda contract: stream(contract).update(more)))
        even: dict[str, Any] = found["results"]["break_even"]
        return even

    assert flat()["multiple"] == Decimal("2.635294")
    # output limited to 2,000 a second: 0.5 + m × 0.34375 fits 4.2 up to m = 10.7636…
    limited = flat(rate_limit={"output_tokens_per_minute": 120_000})
    assert limited == {"multiple": Decimal("10.763636"), "reason": ""}
    both = {"output_tokens_per_minute": 120_000, "input_tokens_per_minute": 600_000}
    assert flat(rate_limit=both) == {"multiple": None, "reason": "limit_holds"}

    def promise(contract: dict[str, Any]) -> None:
        unit = {"kind": "provisioned", "tokens_per_minute": 3_000_000, "output_weight": 4}
        contract["versions"][0]["unit_lines"] = [{"key": "units", "price": 0, "units": 10, "promise": unit}]

    even = result(changed("S03b-flat-fee", promise))["results"]["break_even"]
    assert even == {"multiple": None, "reason": "fee_below_promise"}

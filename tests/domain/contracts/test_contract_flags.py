"""Every flag of a contract, raised by what it is about and by nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.domain.contracts.examples import NAMES, PROJECT, changed, result, result_of


def stream(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda contract: contract["versions"][0]["streams"][0].update(fields)


def codes(contract: dict[str, Any]) -> set[str]:
    return {flag["code"] for flag in result(contract)["flags"]}


def no_p95(contract: dict[str, Any]) -> None:
    del contract["expected"]["p95_multiple"]


def no_p95_with_a_limit(contract: dict[str, Any]) -> None:
    no_p95(contract)
    stream(rate_limit={"input_tokens_per_minute": 900_000, "output_tokens_per_minute": 180_000})(contract)


def no_p95_with_one_side_limited(contract: dict[str, Any]) -> None:
    no_p95(contract)
    stream(rate_limit={"input_tokens_per_minute": 900_000})(contract)


def lead_time(p50: int | None, p90: int | None) -> Callable[[dict[str, Any]], None]:
    return lambda contract: contract.update(lead_time={"p50_weeks": p50, "p90_weeks": p90})


S1, S4, S11, S13, S15 = (
    "S01-pay-as-you-go",
    "S04-provisioned-throughput",
    "S11-ramp",
    "S13-service-credits",
    "S15-version-pin",
)
WEIGHTS = {"kind": "provisioned", "tokens_per_minute": 30_000, "output_weight": 10, "cached_weight": 0.05}
# Use that is still to begin, and nobody says how long an order takes.
LATER = "lead_time_unknown"
FLAGGED: list[tuple[str, Callable[[dict[str, Any]], Any], set[str]]] = [
    (S1, lambda contract: None, {LATER}),
    (S1, stream(traffic=None), {"unsized", "unknown_revenue"}),
    (S1, stream(profile=None), {"unsized", LATER}),
    (S1, lambda contract: contract.update(usd_per_accelerator_hour=None), {"unknown_cost", LATER}),
    (S1, no_p95, {"uncapped_exposure", LATER}),
    (S1, no_p95_with_a_limit, {LATER}),
    (S1, no_p95_with_one_side_limited, {"uncapped_exposure", LATER}),
    (S1, lambda contract: contract.pop("renewal"), {"renewal_unknown", LATER}),
    (
        S1,
        lambda contract: contract["versions"][0].update(multiplier=0.1),
        {"loss_at_planned_use", "loss_at_worst_use", LATER},
    ),
    (S1, stream(pin={"until": "2027-01-01"}), {"retirement_unknown", LATER}),
    (S15, stream(pin={"until": "2027-03-01", "retires": "2027-03-01"}), {LATER}),
    (S15, lambda contract: None, {"pinned_past_retirement", LATER}),
    (S1, lead_time(0, 0), set()),
    (S1, lead_time(2, 3), {"start_inside_lead_time"}),
    (S4, lead_time(0, 0), set()),
    (
        S4,
        lambda contract: contract["versions"][0]["unit_lines"][0].update(promise=WEIGHTS),
        {"cached_underpriced", "lead_time_unknown"},
    ),
    (S11, lead_time(0, 0), set()),
    (S11, lead_time(0, 30), {"start_at_risk_of_lead_time", "ramp_at_risk_of_lead_time"}),
    (S11, lead_time(10, None), {"start_inside_lead_time"}),
    (
        S13,
        lambda contract: contract["versions"][0]["sla"].pop("chances"),
        {LATER, "credit_chances_unknown", "uncapped_exposure", "loss_at_planned_use", "loss_at_worst_use"},
    ),
]


@pytest.mark.parametrize(("name", "change", "expected"), FLAGGED)
def test_a_contract_is_flagged_for_what_it_is_and_for_nothing_else(
    name: str, change: Callable[[dict[str, Any]], Any], expected: set[str]
) -> None:
    assert codes(changed(name, change)) == expected


def test_every_flag_there_is_stands_on_the_methods_page_and_is_a_sentence() -> None:
    page = (PROJECT / "docs" / "methods.md").read_text(encoding="utf-8")
    found = [flag for name in NAMES for flag in result_of(name)["flags"]]
    assert found
    for flag in found:
        assert f"`{flag['code']}`" in page
        assert flag["sentence"].endswith(".")

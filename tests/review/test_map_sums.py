"""The map beside the plan, and the matrix: sums by hand, and that a difference shows."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from capacity.review.envelope_check import SERVING_LINES
from capacity.review.map_sums import (
    PAID_BY_SERVING,
    Cell,
    Reconciliation,
    Size,
    dimension_rows,
    matrix_of,
    place_words,
    plan_usd,
    sizes_by_workload,
)


def workload(key: str, tier: str, latency: str, purpose: str, owner: str = "Product") -> dict[str, Any]:
    return {
        "workload_key": key,
        "model_tier": tier,
        "latency_class": latency,
        "purpose": purpose,
        "owner_role": owner,
        "is_sized": key != "new",
    }


WORKLOADS = [
    workload("tags", "small", "batch", "internal"),
    workload("chat", "frontier", "interactive", "serving"),
    workload("docs", "frontier", "interactive", "serving", "Sales"),
    workload("code", "frontier", "interactive", "product"),
    workload("new", "mid", "standard", "product"),
]
USES = [
    {"workload_key": "chat", "accelerators": 13, "usd": D("4200.00")},
    {"workload_key": "chat", "accelerators": 3, "usd": D("100.01")},
    {"workload_key": "docs", "accelerators": 4, "usd": D("1400.00")},
    {"workload_key": "code", "accelerators": 8, "usd": D("2800.00")},
    {"workload_key": "tags", "accelerators": 2, "usd": None},
    {"workload_key": "", "accelerators": 5, "usd": D("900.00")},
]
SIZES = sizes_by_workload(USES)
FRONTIER = ("frontier", "interactive")


def test_parts_of_a_workload_sum_and_an_unknown_cost_stays_unknown() -> None:
    assert SIZES["chat"] == Size(accelerators=16, usd=D("4300.01"))
    assert SIZES["tags"] == Size(accelerators=2, usd=None)
    assert sum(SIZES.values(), Size()) == Size(accelerators=35, usd=None)


def test_the_matrix_sums_down_and_across() -> None:
    matrix = matrix_of(WORKLOADS, SIZES)
    assert list(matrix.cells) == [FRONTIER, ("mid", "standard"), ("small", "batch")]
    assert matrix.purposes == ("serving", "product", "internal")
    assert matrix.cells[FRONTIER]["serving"] == Cell(size=Size(accelerators=20, usd=D("5700.01")), workloads=2)
    assert matrix.total(place=FRONTIER).size == Size(accelerators=28, usd=D("8500.01"))
    # A workload that cannot be sized is counted, not taken as zero accelerators that somebody chose.
    assert matrix.total(purpose="product") == Cell(size=Size(accelerators=8, usd=D("2800.00")), workloads=2, unsized=1)
    assert matrix.total().size == Size(accelerators=30, usd=None)
    assert place_words(("small", "batch")) == "Small, batch, within 24 h"


def test_the_map_is_told_by_owner_too() -> None:
    rows = dimension_rows(WORKLOADS, SIZES)
    assert [(row["owner_role"], row["accelerators"], row["usd"]) for row in rows[:3]] == [
        ("Product", 8, D("2800.00")),
        ("Product", 16, D("4300.01")),
        ("Sales", 4, D("1400.00")),
    ]
    assert sum(row["accelerators"] for row in rows) + SIZES[""].accelerators == 35


def pool(parts: dict[str, str] | None, **used: int) -> dict[str, Any]:
    return {"serving": 0, "product": 0, "internal": 0, "no_choice": 0, "envelope_parts": parts, **used}


def test_the_plan_pays_for_serving_by_pool_to_the_cent() -> None:
    assert (*SERVING_LINES, "burst") == PAID_BY_SERVING
    rows = [pool({"serving_consumed": "10.004", "learning": "7"}, serving=1), pool({"internal": "0.004"}, internal=1)]
    # 10.00 + 0.00, not 10.01 of 10.008 together.
    assert plan_usd(rows) == D("10.00")
    assert plan_usd([*rows, pool(None)]) == D("10.00")
    assert plan_usd([*rows, pool(None, product=1)]) is None


def test_a_difference_of_one_accelerator_or_cent_is_seen() -> None:
    mapped = Size(accelerators=35, usd=D("9400.01"))
    assert Reconciliation(mapped=mapped, planned=mapped).has_same_accelerators
    other = Reconciliation(mapped=mapped, planned=Size(accelerators=34, usd=D("9400.02")))
    assert (other.has_same_accelerators, other.has_same_usd) == (False, False)
    both_unknown = Size(accelerators=35, usd=None)
    assert Reconciliation(mapped=both_unknown, planned=both_unknown).has_same_usd

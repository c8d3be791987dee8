"""The map's sums beside the plan's, and what frontier models take: by hand on four workloads."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from capacity.review.map_figures import map_figures, premium_figures

WEEK = "2026-W48"


def workload(key: str, tier: str, purpose: str, *, is_sized: bool = True) -> dict[str, Any]:
    return {"workload_key": key, "model_tier": tier, "purpose": purpose, "is_sized": is_sized}


def use(key: str, accelerators: int, usd: str | None, week: str = WEEK) -> dict[str, Any]:
    return {"workload_key": key, "accelerators": accelerators, "usd": None if usd is None else D(usd), "week": week}


def pool_week(parts: dict[str, str] | None, *, serving: int) -> dict[str, Any]:
    """Serving that takes `serving` accelerators of the pool; a pool without a rate has no parts."""
    other = dict.fromkeys(("product", "internal", "no_choice"), 0)
    return {"week": WEEK, "week_index": 0, "envelope_parts": parts, "serving": serving, **other}


def tables(**changed: Any) -> dict[str, list[dict[str, Any]]]:
    parts = {"serving_consumed": "5000.004", "serving_headroom": "2000", "serving_spare": "1000", "internal": "0"}
    return {
        "pool_weeks": [pool_week({**parts, "no_choice": "0", "burst": "400"}, serving=25), pool_week(None, serving=0)],
        "allocations": [{"accelerators": 25, "week": WEEK}, {"accelerators": 99, "week": "2026-W49"}],
        "workloads": [
            workload("chat", "frontier", "serving"),
            workload("code", "frontier", "product"),
            workload("tags", "small", "product"),
            workload("new", "mid", "internal", is_sized=False),
        ],
        "workload_use": [
            use("chat", 13, "4200.00"),
            use("chat", 99, "9.99", "2026-W49"),
            use("code", 4, "1400.00"),
            use("tags", 6, "2100.00"),
            use("", 2, "700.00"),
        ],
        "workload_cards": [
            {"workload_key": key, "tokens_per_week": tokens}
            for key, tokens in (("chat", 300), ("code", None), ("tags", 900), ("new", None))
        ],
        **changed,
    }


def figures(**changed: Any) -> dict[str, dict[str, Any]]:
    return {row["key"]: row for row in map_figures(tables(**changed))}


def terms(row: dict[str, Any]) -> list[str]:
    return [each["value"] for each in row["terms"]]


def test_the_sums_of_the_map_stand_beside_those_of_the_plan() -> None:
    found = figures()
    accelerators, usd = found["total:workload_accelerators"], found["total:workload_usd"]
    assert (accelerators["value"], terms(accelerators)) == (25, ["2", "25"])
    # 5,000.004 + 2,000 + 1,000 + 400, to the cent.
    assert (usd["value"], terms(usd)) == (D("8400.00"), ["700", "8400"])


def test_a_part_of_unknown_cost_leaves_the_sum_unknown() -> None:
    found = figures(workload_use=[use("chat", 13, "4200.00"), use("code", 12, None)])
    assert (found["total:workload_usd"]["value"], found["total:workload_usd"]["absent"]) == (None, "unknown cost")
    assert found["total:workload_accelerators"]["value"] == 25


def test_frontier_shares_leave_out_what_is_not_known_and_count_it() -> None:
    found = figures()
    # 300 of 300 + 900 tokens; 5,600 of 7,700 dollars; of own products no frontier tokens are known, and 1,400 of 3,500.
    assert (found["share:frontier_tokens"]["value"], terms(found["share:frontier_tokens"])[2]) == (D("0.25"), "2")
    assert round(found["share:frontier_usd"]["value"], 6) == D("0.727273")
    assert found["share:frontier_tokens:product"]["value"] == 0
    assert found["share:frontier_usd:product"]["value"] == D("0.4")
    assert found["share:frontier_usd:internal"]["value"] is None
    assert "share:frontier_usd:no_choice" not in found


def test_a_plan_without_a_week_has_no_map() -> None:
    found = figures(pool_weeks=[], workload_use=[], workloads=[])
    assert set(found) == {"total:workload_accelerators", "total:workload_usd"}


def test_a_premium_opens_to_both_costs_and_the_tokens() -> None:
    premium = {"reason": "", "next_model": "Middle", "next_type": "h100", "usd_per_week": "6720.00",
               "usd_own": "10752.00", "usd_next": "4032.00"}  # fmt: skip
    cards = [
        {"workload_key": "chat", "premium": premium, "tokens_per_week": 300},
        {"workload_key": "tags", "premium": {"reason": "is_small"}, "tokens_per_week": 900},
    ]
    workloads = [{"workload_key": key, "name": key.title()} for key in ("chat", "tags")]
    (found,) = premium_figures({"workload_cards": cards, "workloads": workloads})
    assert (found["key"], found["value"]) == ("workload:chat:premium_usd", 6720)
    assert terms(found)[:3] == ["10752", "4032", "300"]
    assert found["terms"][1]["name"] == "On Middle on h100"

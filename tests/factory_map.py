"""Rows of the workload map of the run that tests/factories.py makes: where each workload is served, and its card.

This week: 240 of the chat assistant, 280 of the support bot in two pools, 24 of the log summaries, 40 of no card; at $2.00
and $4.50 an hour these 584 accelerators cost $280,224 a week.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import HOURS, POOL_A, POOL_B, Row

MAP_WEEKS = 13
CHAT, BOT = "frontier_chat.interactive", "mid_bot.standard"
_RATES = {POOL_A: D("2.00"), POOL_B: D("4.50")}
# Workload, class, pool, tier, accelerators in weeks 1 to 4 and, as the fourth, in all later ones.
_USES = (
    ("chat_assistant", CHAT, POOL_A, "committed", (240,)),
    ("support_bot", BOT, POOL_A, "forecast", (80,)),
    ("support_bot", BOT, POOL_B, "forecast", (200, 200, 300, 320)),
    ("log_summaries", BOT, POOL_A, "forecast", (24,)),
    ("", BOT, POOL_A, "committed", (40,)),
)


def use_rows(horizon: Horizon, workloads: Sequence[str]) -> list[Row]:
    """workloads: keys of the cards there are; a copy `…_2` is served as its original is."""
    rows = []
    for week in list(horizon)[:MAP_WEEKS]:
        index = horizon.index(week)
        for key in (*workloads, ""):
            for name, serving_class, pool, tier, amounts in _USES:
                if name != _original(key):
                    continue
                accelerators = amounts[min(index, len(amounts) - 1)]
                rows.append(
                    {
                        "workload_key": key,
                        "serving_class": serving_class,
                        "pool_key": pool,
                        "week": week.key,
                        "tier": tier,
                        "accelerators": accelerators,
                        "usd": accelerators * HOURS * _RATES[pool],
                    }
                )
    return rows


def _original(key: str) -> str:
    head, _, number = key.rpartition("_")
    return head if number.isdigit() else key


def _facts(**changed: object) -> Row:
    return {
        "owner_role": "Serving lead",
        "purpose": "serving",
        "quality_required": "90 of 100 tasks",
        "customer_value": "an answer without a person",
        "route": "large by default",
        "default_setting": "answers of 2,000 tokens",
        "quota_tokens_per_minute": 400000,
        "context_limit_tokens": 128000,
        "regions": ["us-east-1"],
        "is_always_on": True,
        "tier_justification": "The mid model loses 24 points",
        "justification_evidence": "evaluation 41",
        "eval_delta": "12.5",
        "justification_approver": "Head of product",
        "justification_expires_date": "2027-01-04",
        "review_by_date": "2027-01-11",
        "smaller_tier_tested": "fail",
        "smaller_tier_tested_date": "2026-10-05",
        "smaller_tier_evidence": "side by side 12",
        "calls_per_task": "12.5",
        "tokens_per_call": "4000",
        "tokens_per_task": "50000",
        "cache_hit_share": "0.5",
        "peak_factor": "2.5",
        "forecast_source": "sales",
        "forecast_date": None,
        "missing": [],
        "contracts_of_unknown_use": 0,
        **changed,
    }


_COSTS = {
    "at target utilisation": {"input_usd": "0.158730", "cached_usd": "0.015873", "output_usd": "1.587302"},
    "consumed": {"input_usd": "0.111111", "cached_usd": "0.011111", "output_usd": "1.111111"},
    "fully loaded": {"input_usd": "0.697168", "cached_usd": "0.069717", "output_usd": "6.971678"},
}
_PREMIUM = {
    "reason": "",
    "next_tier": "mid",
    "next_model": "Mid-M",
    "next_type": "h100_sxm",
    "usd_per_week": "6720.00",
    "usd_own": "10752.00",
    "usd_next": "4032.00",
}


def card_rows() -> list[Row]:
    names = ("workload_key", "facts", "token_costs", "premium", "forecasts", "tokens_per_week", "complete")
    forecasts = [
        {"source": "product", "vintage": "2026-11-02", "weeks": [[60, 90, 180]] * 13, "is_planned": False,
         "gap_share": "-0.2500"},
        {"source": "sales", "vintage": "2026-11-09", "weeks": [[60, 120, 240]] * 13, "is_planned": True,
         "gap_share": None},
    ]  # fmt: skip
    lacking = _facts(owner_role="", missing=["owner", "justification"], tier_justification="")
    return [
        dict(zip(names, row, strict=True))
        for row in (
            ("chat_assistant", _facts(), _COSTS, _PREMIUM, forecasts, 300_000_000, True),
            ("support_bot", _facts(owner_role="Product lead"), _COSTS, {"reason": "no_profile"}, [], 500_000_000,
             True),
            ("log_summaries", lacking, {}, {"reason": "not_sized"}, [], None, False),
        )
    ]  # fmt: skip


def trough_rows(horizon: Horizon) -> list[Row]:
    """The first pool: 384 held live, 150 used, 32 spare; of 20 at work in batch 12.5 would fit. The other: none waits."""
    return [
        {"week": week.key, **row}
        for week in list(horizon)[:MAP_WEEKS]
        for row in (
            {"pool_key": POOL_A, "live": 384, "consumed": D(150), "spare": D(32), "trough": D(202)}
            | {"waiting": D(20), "fits": D("12.5")},
            {"pool_key": POOL_B, "live": 200, "consumed": D(120), "spare": D(8), "trough": D(72)}
            | {"waiting": D(0), "fits": D(0)},
        )
    ]

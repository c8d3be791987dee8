"""Rows of pools, lots, what serves whom and who is short, of the run that tests/factories.py makes."""

from __future__ import annotations

from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import HOURS, POOL_A, POOL_B, POOL_C, Row


def pool_rows() -> list[Row]:
    a = ("H100 US East", "h100_sxm", "H100 SXM", "us-east-1", "owned", 8, D("1.000000"))
    b = ("B200 EU West", "b200", "B200", "eu-west-1", "leased", 8, D("2.270000"))
    c = ("MI300X US Central", "mi300x", "MI300X", "us-central-1", "cloud", 8, D("1.320000"))
    domains = {POOL_A: ["a1", "a2"], POOL_B: ["b1"], POOL_C: ["c1"]}
    names = ("name", "accelerator_type", "accelerator_type_name", "region", "source_type", "node_size", "h100e_factor")
    return [
        {"pool_key": key, **dict(zip(names, row, strict=True)), "domains": domains[key]}
        for key, row in ((POOL_A, a), (POOL_B, b), (POOL_C, c))
    ]


_AMOUNTS = ("installed", "allocatable", "serving", "product", "internal", "no_choice", "pretrain", "research", "evals")
_RATES = {POOL_A: D("2.0000000000"), POOL_B: D("4.5000000000"), POOL_C: None}


def pool_week_rows(horizon: Horizon) -> list[Row]:
    """Weeks 1 to 4 are as below; a longer horizon repeats the fourth without its shortfall."""
    rows = []
    for index, week in enumerate(horizon):
        later = min(index, 3)
        research_a = 64 if later in (1, 2) else 0
        evals_b = 32 if later < 2 else 0
        short = 30 if index == 3 else 0
        amounts = {
            POOL_A: (1024, 1000, 240, 80, 40, 24, 512, research_a, 0),
            POOL_B: ((256, 256, 384, 384)[later], (256, 256, 384, 384)[later], (200, 200, 300, 320)[later], 0, 0, 0,
                     0, (0, 0, 64, 64)[later], evals_b),
            POOL_C: ((128, 128, 128, 64)[later], (128, 128, 128, 64)[later], 0, 0, 0, 0, 0, 0, 0),
        }  # fmt: skip
        for pool_key, sizes in amounts.items():
            amount = dict(zip(_AMOUNTS, sizes, strict=True))
            rows.append(_pool_week(pool_key, week.key, index, amount, short if pool_key == POOL_B else 0))
    return rows


def _pool_week(pool_key: str, week: str, index: int, amount: dict[str, int], short: int) -> Row:
    serving = sum(amount[name] for name in ("serving", "product", "internal", "no_choice"))
    running = sum(amount[name] for name in ("pretrain", "research", "evals"))
    allocatable, rate = amount["allocatable"], _RATES[pool_key]
    idle = allocatable - serving - running
    has_floor = pool_key == POOL_A
    return {
        "pool_key": pool_key,
        "week": week,
        "week_index": index,
        "maintenance": amount["installed"] - allocatable,
        "fragment": D(0),
        **amount,
        "idle": idle,
        "burst": 0,
        "floor": 300 if has_floor else None,
        "floor_held": 300 if has_floor else None,
        "committed_need": D(serving) * D("0.8"),
        "expected_need": D(serving + short),
        "p10_need": D(serving) * D("0.9"),
        "p90_need": D(serving + short) * D("1.2"),
        "requested": D(running + (1024 if has_floor else 0)),
        "capacity_shortfall": D(short),
        "usd_per_accelerator_hour": rate,
        "consumed": D(serving) * D("0.6") + running,
        "envelope_usd": None if rate is None else allocatable * HOURS * rate,
        "envelope_parts": None if rate is None else _envelope(amount, idle, rate),
        "idle_usd": None if rate is None else idle * HOURS * rate,
        "idle_floor": idle // 2 if has_floor else 0,
        "idle_fragment": 0,
        "idle_wrong_kind": 0,
        "idle_unaccepted": 0,
        "idle_no_demand": idle - (idle // 2 if has_floor else 0),
    }


def _envelope(amount: dict[str, int], idle: int, rate: D) -> dict[str, str]:
    held = D(amount["serving"] + amount["product"])
    parts = {
        "serving_consumed": held * D("0.6"),
        "serving_headroom": held * D("0.3"),
        "serving_spare": held * D("0.1"),
        "learning": D(amount["pretrain"] + amount["research"] + amount["evals"]),
        "internal": D(amount["internal"]),
        "no_choice": D(amount["no_choice"]),
        "idle": D(idle),
        "fragment": D(0),
        "maintenance": D(0),
        "burst": D(0),
    }
    return {line: f"{accelerators * HOURS * rate:f}" for line, accelerators in parts.items()}


def lot_rows(horizon: Horizon) -> list[Row]:
    arrives, leaves = horizon.first.plus(2), horizon.first.plus(3)
    return [
        {"pool_key": POOL_B, "lot_key": "b200_lot2", "week": arrives.key, "accelerators": 128, "state": "confirmed",
         "counted_date": arrives.monday},
        {"pool_key": POOL_C, "lot_key": "mi300x_lot1", "week": leaves.key, "accelerators": -64, "state": "retired",
         "counted_date": leaves.monday},
    ]  # fmt: skip


def allocation_rows(horizon: Horizon) -> list[Row]:
    rows = []
    for index, week in enumerate(horizon):
        for serving_class, pool_key, accelerators in (
            ("frontier_chat.interactive", POOL_A, 240),
            ("mid_bot.standard", POOL_A, 144),
            ("mid_bot.standard", POOL_B, (200, 200, 300, 320)[min(index, 3)]),
        ):
            rows.append(
                {
                    "serving_class": serving_class,
                    "pool_key": pool_key,
                    "week": week.key,
                    "accelerators": accelerators,
                    "work": D(accelerators),
                }
            )
    return rows


def demand_rows(horizon: Horizon) -> list[Row]:
    """Weeks with work; cygnus_flat is short by 30 in the fourth week."""
    rows = []
    for index, week in enumerate(horizon):
        for demand_key, contract_key, workload_key, serving_class, tier, work in (
            ("c.acme_pt.v1", "acme_pt", "chat_assistant", "frontier_chat.interactive", "committed", 140),
            ("c.borealis_api.v1", "borealis_api", "chat_assistant", "frontier_chat.interactive", "committed", 100),
            ("c.cygnus_flat.v1", "cygnus_flat", "support_bot", "mid_bot.standard", "committed", 350),
            ("w.support_bot", "", "support_bot", "mid_bot.standard", "forecast", 80),
            ("w.log_summaries", "", "log_summaries", "mid_bot.standard", "forecast", 24),
        ):
            short = 30 if contract_key == "cygnus_flat" and index == 3 else 0
            rows.append(
                {
                    "demand_key": demand_key,
                    "serving_class": serving_class,
                    "tier": tier,
                    "workload_key": workload_key,
                    "contract_key": contract_key,
                    "week": week.key,
                    "work": D(work),
                    "served": D(work - short),
                    "short_accelerators": short,
                    "usd_lost": D("8123.45") * (1 if short else 0) if contract_key else None,
                }
            )
    return rows


def scarcity_rows(horizon: Horizon) -> list[Row]:
    week = horizon.first.plus(min(3, len(horizon) - 1)).key
    return [
        {
            "pool_key": POOL_B,
            "week": week,
            "usd_per_accelerator_week": D("1777.31"),
            "node_size": 8,
            "usd_node_more": D("14218.48"),
            "usd_node_less": D("16618.93"),
            "unlocks": [
                {"key": "c.borealis_api.v1", "is_request": False, "accelerators": 8, "weeks": 1},
                {"key": "e_scale", "is_request": True, "accelerators": 128, "weeks": 2},
            ],
        }
    ]


def remedy_rows(horizon: Horizon) -> list[Row]:
    """Cygnus is short in the fourth week: doing nothing loses $8,123.45; burst in part, or accelerators too late."""
    week = horizon.first.plus(min(3, len(horizon) - 1)).key
    shortage = {
        "demand_key": "c.cygnus_flat.v1",
        "contract_key": "cygnus_flat",
        "workload_key": "support_bot",
        "serving_class": "mid_bot.standard",
        "tier": "committed",
        "pool_keys": [POOL_B],
        "first_week": week,
        "weeks": 1,
        "short_accelerators": 30,
        "short_accelerator_weeks": 30,
        "usd_lost": D("8123.45"),
    }
    names = ("rank", "remedy", "pool_key", "accelerators", "covered_accelerator_weeks", "usd", "lead_weeks_p50",
             "lead_weeks_p90", "helps_from", "displaces")  # fmt: skip
    return [
        {**shortage, **dict(zip(names, row, strict=True))}
        for row in (
            (0, "do_nothing", "", 0, 0, D("8123.45"), None, None, "", []),
            (1, "burst", POOL_B, 16, 16, D("5376.11"), 0, 0, week, []),
            (2, "demote", POOL_B, 8, 8, D("2711.19"), 0, 0, week, [{"key": "c.borealis_api.v1", "accelerators": 8}]),
            (3, "more_supply", POOL_B, 32, 0, D(0), 26, 40, horizon.first.plus(26).key, []),
        )
    ]

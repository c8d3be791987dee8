"""The rows of the run that tests/factories.py makes: three pools, four contracts of four customers, three workloads,
four placed and two unplaced requests, one short week, one late lot, one pool of unknown cost, one unsized contract.

The sums hold (allocatable + burst = all purposes + idle; margin = revenue − cost), so that a page which adds up wrong
shows. Names and prices are odd on purpose: a test that finds one in a page that must not have it means it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal as D
from typing import Any

from capacity.lib.horizon import Horizon
from tests import factory_contract_rows as of_contract
from tests import factory_money

Row = dict[str, Any]
Changes = Mapping[str, Mapping[str, Mapping[str, Any]]]

HOURS = 168
TIERS = ["committed", "forecast", "experiments_p0", "experiments_p1", "experiments_p2", "experiments_p3"]
POOL_A, POOL_B, POOL_C = "h100_use1", "b200_euw1", "mi300x_usc1"

# Must never reach a price-blind role: customers' names, contracts' keys and names, unit prices.
CUSTOMER_NAMES = ("Acme Robotics", "Borealis Health", "Cygnus Games", "Delta Freight")
CONTRACT_KEYS = ("acme_pt", "borealis_api", "cygnus_flat", "delta_pilot")
CONTRACT_NAMES = ("Acme provisioned", "Borealis metered", "Cygnus flat fee", "Delta pilot")
DEAL_KEYS = ("acme_more", "borealis_more", "cygnus_more", "delta_more")
DEAL_NAMES = ("Acme expansion", "Borealis upgrade", "Cygnus trial", "Delta rollout")
DEAL_REVENUES = (D("3217193.24"), D("2126199.51"), None, D("6218644.68"))
ALIASES = ("C-1", "C-2", "C-3", "C-4")
CANARY_PRICE = "17.7713"
# Revenues nobody but finance, executives and the owner may read: no other figure has these digits.
REVENUES = (D("4137193.31"), D("2291741.77"), D("913377.19"), None)

FLOOR = {"key": "research_floor", "name": "Research floor", "pool_keys": [POOL_A], "share": D("0.3000")}

_OWNERS = ("sales", "sales", "sales2", "sales2")
OWNERS = dict(zip(CONTRACT_KEYS, _OWNERS, strict=True))
_SHAPES = ("provisioned_throughput", "pay_as_you_go", "flat_fee", "committed_spend")
_WORKLOAD_OF = ("chat_assistant", "chat_assistant", "support_bot", "log_summaries")


def all_tables(horizon: Horizon, *, scale: int, changes: Changes) -> dict[str, list[Row]]:
    """Every result table by name. See factories.make_run for `scale` and `changes`."""
    tables = {
        "pools": _pools(),
        "pool-weeks": _pool_weeks(horizon),
        "lots": _lots(horizon),
        "allocations": _allocations(horizon),
        "shortfalls": _copies(_demands(horizon), scale, "demand_key", "contract_key"),
        "placements": _copies(_placements(horizon), scale, "experiment_key"),
        "unplaced": _copies(_unplaced(horizon), scale, "experiment_key"),
        "scarcity-prices": _scarcity(horizon),
        "shortfall-remedies": _copies(_remedies(horizon), scale, "demand_key", "contract_key"),
        "tiers": _tiers(),
        "issues": _copies(_issues(), scale, "subject"),
        "workloads": _copies(_workloads(), scale, "workload_key"),
        "exposure": _copies(_exposure(horizon), scale, "contract_key"),
        "deals": _copies(_deals(), scale, "contract_key"),
        "contract-multiples": _copies(of_contract.multiple_rows(OWNERS), scale, "contract_key"),
        "contract-pools": _copies(of_contract.pool_rows(horizon, OWNERS, POOL_B), scale, "contract_key"),
        "contract-lots": _copies(of_contract.lot_rows(OWNERS, POOL_B), scale, "contract_key"),
        "contract-slas": _copies(of_contract.sla_rows(OWNERS), scale, "contract_key"),
        "figures": _copies(_figures(), scale, "key"),
    }
    tables["exposure-scenarios"] = factory_money.scenario_rows(tables["exposure"], first_week=horizon.first.key)
    tables["exposure-rollups"] = factory_money.rollups(tables["exposure-scenarios"])
    tables["money-risk"] = factory_money.chances()
    for name, by_key in changes.items():
        for row in tables[name]:
            row.update(by_key.get(row[ROW_KEYS[name]], {}))
    return tables


# What `changes` calls a row of a table by.
ROW_KEYS = {
    "pools": "pool_key",
    "pool-weeks": "pool_key",
    "lots": "lot_key",
    "allocations": "serving_class",
    "shortfalls": "demand_key",
    "placements": "experiment_key",
    "unplaced": "experiment_key",
    "scarcity-prices": "pool_key",
    "shortfall-remedies": "remedy",
    "tiers": "tier",
    "issues": "subject",
    "workloads": "workload_key",
    "exposure": "contract_key",
    "deals": "contract_key",
    "contract-multiples": "contract_key",
    "contract-pools": "contract_key",
    "contract-lots": "lot_key",
    "contract-slas": "contract_key",
    "exposure-scenarios": "contract_key",
    "exposure-rollups": "part_key",
    "money-risk": "measure",
    "figures": "key",
}


def _copies(found: Sequence[Row], scale: int, *keys: str) -> list[Row]:
    """The rows and scale − 1 copies, their keys made different by _2, _3 … (before the version of a demand key)."""
    copies = list(found)
    for number in range(2, scale + 1):
        copies += [{**row, **{key: _numbered(row[key], number) for key in keys}} for row in found]
    return copies


def _numbered(key: str, number: int) -> str:
    if key.startswith("c.") and key.endswith(".v1"):
        return f"{key[:-3]}_{number}.v1"
    return f"{key}_{number}" if key else ""


def _pools() -> list[Row]:
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


def _pool_weeks(horizon: Horizon) -> list[Row]:
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


def _lots(horizon: Horizon) -> list[Row]:
    arrives, leaves = horizon.first.plus(2), horizon.first.plus(3)
    return [
        {"pool_key": POOL_B, "lot_key": "b200_lot2", "week": arrives.key, "accelerators": 128, "state": "confirmed",
         "counted_date": arrives.monday},
        {"pool_key": POOL_C, "lot_key": "mi300x_lot1", "week": leaves.key, "accelerators": -64, "state": "retired",
         "counted_date": leaves.monday},
    ]  # fmt: skip


def _allocations(horizon: Horizon) -> list[Row]:
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


def _demands(horizon: Horizon) -> list[Row]:
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


def _placements(horizon: Horizon) -> list[Row]:
    names = ("experiment_key", "name", "team_key", "team_name", "priority", "purpose", "is_running", "pool_key",
             "domain_key", "start_week", "weeks", "accelerators", "cost_usd")  # fmt: skip
    week = [horizon.first.plus(offset).key for offset in range(4)]
    return [
        dict(zip(names, row, strict=True))
        for row in (
            ("e_pre", "Frontier pre-training", "foundation", "Foundation models", "P0", "pretrain", True, POOL_A, "a1",
             week[0], 4, 512, D("688128.00")),
            ("e_abl", "Reward ablations", "alignment", "Alignment", "P2", "research", False, POOL_A, "a2",
             week[1], 2, 64, D("43008.00")),
            ("e_eval", "Safety evaluation", "safety", "Safety", "P1", "evals", False, POOL_B, "b1",
             week[0], 2, 32, D("48384.00")),
            ("e_rl", "RL from feedback", "alignment", "Alignment", "P1", "research", False, POOL_B, "b1",
             week[2], 2, 64, D("96768.00")),
        )
    ]  # fmt: skip


def _unplaced(horizon: Horizon) -> list[Row]:
    week = horizon.first.plus(1).key
    head = ("experiment_key", "name", "team_key", "team_name", "priority", "accelerators", "weeks", "reason")
    small = dict(zip(head, ("e_scale", "Scaling study", "alignment", "Alignment", "P1", 128, 2,
                            "blocked_by_commitment"), strict=True))  # fmt: skip
    large = dict(zip(head, ("e_big", "Large gang", "foundation", "Foundation models", "P2", 1024, 1,
                            "no_domain_large_enough"), strict=True))  # fmt: skip
    return [
        {
            **small,
            "sentence": f"Needs 128 in h100_use1 in {week}; 124 are free. Acme provisioned (acme_pt, Acme Robotics) "
            "holds 140.",
            "week": week,
            "needed": 128,
            "free": 124,
            "short_by": 4,
            "blockers": [{"key": "c.acme_pt.v1", "accelerators": 140}, {"key": "e_pre", "accelerators": 512}],
            "smallest_changes": [
                {"change": "fewer_accelerators", "accelerators": 124},
                {"change": "later_start", "start": horizon.first.plus(3).key},
                {"change": "smaller_serving", "key": "c.acme_pt.v1", "accelerators": 8},
            ],
        },
        {
            **large,
            "sentence": "Needs 1,024 in one network domain; the largest has 512.",
            "week": "",
            "needed": 1024,
            "free": 512,
            "short_by": 512,
            "blockers": [],
            "smallest_changes": [{"change": "fewer_accelerators", "accelerators": 512}],
        },
    ]


def _scarcity(horizon: Horizon) -> list[Row]:
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


def _remedies(horizon: Horizon) -> list[Row]:
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


def _tiers() -> list[Row]:
    values = {"committed": ("usd", D("8123.45")), "forecast": ("usd", D(0))}
    rows = []
    for position, tier in enumerate(TIERS):
        unit, value = values.get(tier, ("accelerator_weeks", D(64)))
        rows.append({"position": position, "tier": tier, "unit": unit, "value": value, "bound": value,
                     "gap_absolute": D(0), "gap_relative": D(0)})  # fmt: skip
    return rows


def _issues() -> list[Row]:
    return [
        {"code": "late", "subject": "b200_lot3", "sentence": "Lot b200_lot3 was expected on 16 Nov 2026 and is not "
         "accepted: it counts as not there. Give it a new date."},
        {"code": "unsized", "subject": "delta_pilot", "sentence": "Delta pilot (Delta Freight) has no throughput "
         "profile: its need is unsized. Measure one."},
        {"code": "unknown_cost", "subject": POOL_C, "sentence": "No cost rate covers mi300x_usc1."},
    ]  # fmt: skip


def _workloads() -> list[Row]:
    names = ("workload_key", "name", "model_tier", "model_name", "latency_class", "purpose", "stated_purpose",
             "owner_role", "missing", "is_sized", "is_frontier_explained", "smaller_tier_tested", "accelerators_now",
             "accelerators_mean", "h100e_now", "usd_per_week", "contracts")  # fmt: skip
    return [
        dict(zip(names, row, strict=True))
        for row in (
            ("chat_assistant", "Chat assistant", "frontier", "Frontier-L", "interactive", "serving", "serving",
             "Serving lead", [], True, True, "fail", D("240.0000"), D("240.0000"), D("240.0000"),
             D("80640.00000000"), 2),
            ("support_bot", "Support bot", "mid", "Mid-M", "standard", "product", "product", "Product lead", [], True,
             None, "no", D("280.0000"), D("372.5000"), D("534.0000"), D("178080.00000000"), 1),
            ("log_summaries", "Log summaries", "frontier", "Frontier-L", "batch", "no_choice", "internal", "",
             ["owner", "justification"], True, False, "no", D("24.0000"), D("24.0000"), D("24.0000"),
             D("8064.00000000"), 1),
        )
    ]  # fmt: skip


def _exposure(horizon: Horizon) -> list[Row]:
    consumed = (D("1100000.50"), D("800000.25"), D("900000.00"), None)
    reserved = (D("2011119.13"), D("1313131.31"), D("877771.11"), None)
    worst_revenue = (D("4137193.31"), D("4583483.54"), D("913377.19"), None)
    worst_cost = (D("2111119.13"), D("2913131.31"), D("2633313.33"), None)
    sizes = ((120, 140, 160, 20), (60, 100, 200, 100), (0, 350, 1050, 1050), (None, None, None, None))
    flags: tuple[list[str], ...] = ([], ["pinned_past_retirement"], ["uncapped"], ["unsized"])
    return [
        {
            "contract_key": CONTRACT_KEYS[at],
            "contract_version": 1,
            "contract_name": CONTRACT_NAMES[at],
            "customer_key": CUSTOMER_NAMES[at].split()[0].lower(),
            "customer_name": CUSTOMER_NAMES[at],
            "customer_alias": ALIASES[at],
            "owner_username": _OWNERS[at],
            "state": ("active", "active", "notice", "signed")[at],
            "shape": _SHAPES[at],
            "workload_key": _WORKLOAD_OF[at],
            "model_name": ("Frontier L", "Frontier L", "Mid M", "Frontier L")[at],
            "regions": (["us-east-1"], ["us-east-1", "eu-west-1"], ["eu-west-1"], [])[at],
            "model_tier": ("frontier", "frontier", "mid", "frontier")[at],
            "starts_date": horizon.first.monday - timedelta(days=70),
            "ends_date": date(2027, 6, 30),
            "weeks": len(horizon),
            "is_sized": at != 3,
            "is_uncapped": at == 2,
            "flags": flags[at],
            "committed_accelerators": sizes[at][0],
            "planned_accelerators": sizes[at][1],
            "worst_accelerators": sizes[at][2],
            "capacity_gap_accelerators": sizes[at][3],
            "coverage_share": (D(1), D(1), D("0.91428571"), None)[at],
            "first_short_week": horizon.first.plus(3).key if at == 2 else "",
            "short_accelerator_weeks": (D(0), D(0), D(30), None)[at],
            "worst_multiple": (D("1.1000"), D("2.0000"), D("3.0000"), D("2.0000"))[at],
            "break_even_multiple": (None, None, D("1.040000"), None)[at],
            "revenue_usd": REVENUES[at],
            "consumed_cost_usd": consumed[at],
            "reserved_cost_usd": reserved[at],
            **_margins(REVENUES[at], consumed[at], reserved[at], worst_revenue[at], worst_cost[at]),
            "worst_revenue_usd": worst_revenue[at],
            "worst_cost_usd": worst_cost[at],
            "terms": {"prices": {"output": CANARY_PRICE}, "usage_basis": "measured", "rate_usd_per_hour": "2.000000"},
        }
        for at in range(4)
    ]


def _deals() -> list[Row]:
    """One deal of each customer: held, submitted and priced, a draft without a size, approved."""
    return [
        {
            "contract_key": DEAL_KEYS[at],
            "contract_version": 1,
            "contract_name": DEAL_NAMES[at],
            "customer_key": CUSTOMER_NAMES[at].split()[0].lower(),
            "customer_name": CUSTOMER_NAMES[at],
            "customer_alias": ALIASES[at],
            "owner_username": _OWNERS[at],
            "state": ("what_if", "submitted", "draft", "approved")[at],
            "shape": _SHAPES[at],
            "workload_key": _WORKLOAD_OF[at],
            "starts_date": date(2027, 1, 4),
            "ends_date": date(2027, 12, 27),
            "is_sized": at != 2,
            "sentence": f"Contract {DEAL_KEYS[at]} names no workload." if at == 2 else "",
            "accelerators": (80, 160, None, 240)[at],
            "revenue_usd": DEAL_REVENUES[at],
            "hold_key": f"{DEAL_KEYS[at]}.v1.h1" if at in (0, 3) else "",
            "probability": (D("0.25"), None, None, D("0.75"))[at],
            "expires_date": (date(2026, 12, 7), None, None, date(2026, 12, 14))[at],
            "weighted_accelerators": (D(20), None, None, D(180))[at],
            "weighted_revenue_usd": (D("804298.31"), None, None, D("4663983.51"))[at],
            "held_accelerators": (D(24), None, None, D(184))[at],
            "short_accelerators": (0, None, None, 8)[at],
        }
        for at in range(4)
    ]


def _margins(revenue: D | None, consumed: D | None, reserved: D | None, most: D | None, cost: D | None) -> Row:
    if revenue is None or consumed is None or reserved is None or most is None or cost is None:
        names = ("margin_usd", "margin_share", "consumed_margin_usd", "worst_margin_usd", "worst_margin_share",
                 "loss_exposure_usd")  # fmt: skip
        return dict.fromkeys(names)
    ten = D("0.0000000001")
    return {
        "margin_usd": revenue - reserved,
        "margin_share": ((revenue - reserved) / revenue).quantize(ten),
        "consumed_margin_usd": revenue - consumed,
        "worst_margin_usd": most - cost,
        "worst_margin_share": ((most - cost) / most).quantize(ten),
        "loss_exposure_usd": max(D(0), cost - most),
    }


def _figures() -> list[Row]:
    """H1 to H14 as far as they are computed, and two figures of the first contract."""
    metrics = (
        ("H1", "Promise coverage, next 13 weeks", D("0.9142857143"), "share", "bad", "< 100%"),
        ("H2", "Weeks to first capacity shortfall", D(3), "weeks", "bad", "P50 < 13"),
        ("H4", "Floor attainment", D(1), "share", "good", "< 100%"),
        ("H5", "Productive use", D("0.8123456789"), "share", "good", "< 60% or > 90%"),
        ("H6", "Idle this week", D("53088"), "USD a week", "bad", "> 5% of the envelope"),
        ("H7", "No-choice spend", D("0.0150000000"), "share", "good", "> 5%"),
        ("H8", "Unexplained frontier use", D("0.0909090909"), "share", "good", "> 10%"),
        ("H9", "Serving margin, fully loaded", D("0.4275113131"), "share", "good", "< target"),
        ("H10", "Inference cost ÷ revenue", D("0.5724886869"), "share", "bad", "≥ 50%"),
        ("H11", "Loss exposure at worst use", D("1719936.14"), "USD", "bad", "> limit"),
        ("H12", "Experiment fit", D("0.7012987013"), "share", "good", "< 70%"),
        ("H14", "Controlled share", D("0.9090909091"), "share", "good", "top supplier > 50%"),
    )
    found = [
        _figure(f"metric:{key}", label, value, unit, position, resource="metric", field=key, state=state,
                threshold=threshold, terms=_metric_terms(key))
        for position, (key, label, value, unit, state, threshold) in enumerate(metrics)
    ]  # fmt: skip
    margin = _figure(
        "exposure:acme_pt:margin_usd", "Margin of Acme provisioned", D("2126074.18"), "USD", 20, resource="exposure",
        field="margin_usd", terms=_margin_terms(),
    )  # fmt: skip
    gap = _figure(
        "exposure:acme_pt:capacity_gap_accelerators", "Capacity gap of Acme provisioned", D(20), "accelerators", 21,
        resource="exposure", field="capacity_gap_accelerators", terms=[],
    )  # fmt: skip
    return [*found, {**margin, "owner_key": "sales"}, {**gap, "owner_key": "sales"}]


def _figure(
    key: str, label: str, value: D | None, unit: str, position: int, *, resource: str, field: str,
    terms: list[Row], state: str = "", threshold: str = "",
) -> Row:  # fmt: skip
    return {
        "key": key,
        "label": label,
        "value": value,
        "absent": "",
        "unit": unit,
        "basis": "expected (P50)",
        "formula": "(revenue − reserved cost) ÷ revenue" if field == "H9" else "worst week of served ÷ asked",
        "methods_anchor": "headline-metrics",
        "terms": terms,
        "state": state,
        "threshold": threshold,
        "resource": resource,
        "field": field,
        "owner_key": "",
        "position": position,
    }


def _metric_terms(key: str) -> list[Row]:
    if key != "H9":
        return [
            _term("Served", "320", "accelerators", "Plan", "pool_week", "serving", {"table": "pools", "key": POOL_B}),
            _term("Asked", "350", "accelerators", "Plan", "pool_week", "expected_need", None),
        ]
    return [
        _term("Revenue", "7342312.27", "USD", "Contracts", "exposure_total", "revenue_usd", None),
        _term("Reserved cost", "4202021.55", "USD", "Plan", "exposure_total", "reserved_cost_usd", None),
    ]


def _margin_terms() -> list[Row]:
    contract = {"table": "contracts", "key": "acme_pt"}
    return [
        _term("Revenue of Acme Robotics", "4137193.31", "USD", "Contract", "exposure", "revenue_usd", contract),
        _term("Reserved cost", "2011119.13", "USD", "Plan", "exposure", "reserved_cost_usd", None),
        _term("Output price", CANARY_PRICE, "USD per million tokens", "Contract", "price_line", "price", contract),
    ]


def _term(
    name: str, value: str, unit: str, source: str, resource: str, field: str, entry: dict[str, str] | None
) -> Row:
    kind = "usd" if unit.startswith("USD") else "thousands"
    return {"name": name, "value": value, "unit": unit, "source": source, "resource": resource, "field": field,
            "kind": kind, "input": entry}  # fmt: skip


def policy_row(version: int, effective: date) -> Row:
    """The columns of a PolicySet."""
    return {
        "version": version,
        "effective_date": effective,
        "tiers": TIERS,
        "confirmed_counts_at": "p50",
        "ordered_counts_at": "p90",
        "utilisation_interactive": D("0.7000"),
        "utilisation_standard": D("0.8000"),
        "utilisation_batch": D("0.9000"),
        "peak_factor_interactive": D("2.000"),
        "peak_factor_standard": D("1.600"),
        "peak_factor_batch": D("1.000"),
        "coincidence_factor": D("0.8500"),
        "spare_replicas": 1,
        "spare_replicas_large": 2,
        "large_from_replicas": 20,
        "worst_use_multiple_metered": D("2.00"),
        "worst_use_multiple_flat": D("3.00"),
        "target_gross_margin_share": D("0.5000"),
        "inference_ratio_amber_share": D("0.5000"),
        "inference_ratio_red_share": D("1.0000"),
        "idle_limit_share": D("0.0500"),
        "loss_exposure_limit_usd": D("1000000.00"),
        "no_choice_limit_share": D("0.0500"),
        "unexplained_frontier_limit_share": D("0.1000"),
        "note": "First policy of the tests.",
    }


def input_document(horizon: Horizon, *, scale: int) -> Row:
    """RunDocument.inputs: the input rows as read, in JSON terms, each with its provenance."""
    policy = policy_row(1, horizon.first.monday)
    tables: dict[str, list[Row]] = {
        "sites": [{"key": "use1", "name": "US East", "provenance": "composed", "row_version": 1}],
        "accelerator_types": [{"key": "h100_sxm", "name": "H100 SXM", "provenance": "vendor sheet", "row_version": 1}],
        "pools": [
            {"key": key, "name": key, "provenance": "inventory of 2026-11-20, capacity team", "row_version": 1}
            for key in (POOL_A, POOL_B, POOL_C)
        ],
        "cost_rates": [{"key": "h100_owned", "provenance": "finance, 2026-10", "row_version": 2}],
        "lots": [{"key": "b200_lot2", "pool": POOL_B, "provenance": "supplier letter", "row_version": 1}],
        "workloads": [
            {"key": key, "name": key, "provenance": "card", "row_version": 1} for key in sorted(set(_WORKLOAD_OF))
        ],
        "teams": [{"key": "alignment", "name": "Alignment", "weight": "1", "provenance": "", "row_version": 1}],
        "experiments": [{"key": "e_pre", "name": "Frontier pre-training", "team": "foundation", "row_version": 1}],
        "customers": [
            {"key": name.split()[0].lower(), "name": name, "alias": alias, "row_version": 1}
            for name, alias in zip(CUSTOMER_NAMES, ALIASES, strict=True)
        ],
        "contracts": [
            {"key": key, "version": 1, "name": name, "owner": owner, "usage_basis": "measured",
             "usage_date": "2026-11-01", "source_ref": f"{customer} order form 7",
             "provenance": f"signed by {customer}", "row_version": 3}
            for key, name, customer, owner in zip(CONTRACT_KEYS, CONTRACT_NAMES, CUSTOMER_NAMES, _OWNERS, strict=True)
        ],
        "price_lines": [
            {"contract": key, "contract_version": 1, "kind": "output", "price": CANARY_PRICE, "row_version": 1}
            for key in CONTRACT_KEYS
        ],
        "policy_sets": [
            {name: str(value) if isinstance(value, D | date) else value for name, value in policy.items()}
        ],
        "policy_floors": [{**FLOOR, "share": "0.3", "policy": 1}],
    }  # fmt: skip
    return {
        "as_of": horizon.first.monday.isoformat(),
        "weeks": len(horizon),
        "formula_version": "test.1",
        "tables": tables,
        "previous": [],
        "scale": scale,
    }

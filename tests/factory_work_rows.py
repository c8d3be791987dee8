"""Rows of workloads, requests, tiers and issues, of the run that tests/factories.py makes."""

from __future__ import annotations

from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import POOL_A, POOL_B, POOL_C, TIERS, Row


def placement_rows(horizon: Horizon) -> list[Row]:
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


def unplaced_rows(horizon: Horizon) -> list[Row]:
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


def tier_rows() -> list[Row]:
    values = {"committed": ("usd", D("8123.45")), "forecast": ("usd", D(0))}
    rows = []
    for position, tier in enumerate(TIERS):
        unit, value = values.get(tier, ("accelerator_weeks", D(64)))
        rows.append({"position": position, "tier": tier, "unit": unit, "value": value, "bound": value,
                     "gap_absolute": D(0), "gap_relative": D(0)})  # fmt: skip
    return rows


def issue_rows() -> list[Row]:
    return [
        {"code": "late", "subject": "b200_lot3", "sentence": "Lot b200_lot3 was expected on 16 Nov 2026 and is not "
         "accepted: it counts as not there. Give it a new date."},
        {"code": "unsized", "subject": "delta_pilot", "sentence": "Delta pilot (Delta Freight) has no throughput "
         "profile: its need is unsized. Measure one."},
        {"code": "unknown_cost", "subject": POOL_C, "sentence": "No cost rate covers mi300x_usc1."},
    ]  # fmt: skip


def workload_rows() -> list[Row]:
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

"""Rows of the queue, the teams and the preemption ledger of the run that tests/factories.py makes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import POOL_A, POOL_B, Row


def queue_rows(horizon: Horizon) -> list[Row]:
    names = ("rank", "score", "experiment_key", "name", "team_key", "team_name", "priority", "tier", "ahead_requests",
             "ahead", "start_week", "pool_key", "accelerators", "weeks", "waited_weeks", "parts", "override")  # fmt: skip
    week = [horizon.first.plus(offset).key for offset in range(4)]
    found = (
        (1, 436, "e_scale", "Scaling study", "alignment", "Alignment", "P1", "P1", 0, [], "", "", 128, 2, 9,
         [("class", 400), ("fair share", 7), ("weeks waited", 9), ("override", 20)],
         {"key": "launch", "weight": "1.1", "decision": 1, "ends": "2026-12-21"}),
        (2, 402, "e_rl", "RL from feedback", "alignment", "Alignment", "P1", "P1", 1,
         [{"class": "P1", "requests": 1, "accelerator_weeks": 256}], week[2], POOL_B, 64, 2, 2,
         [("class", 400), ("weeks waited", 2)], None),
        (3, -195, "e_abl", "Reward ablations", "alignment", "Alignment", "P2", "preemptible", 2,
         [{"class": "P1", "requests": 2, "accelerator_weeks": 384}], week[1], POOL_A, 64, 2, 5,
         [("class", -200), ("weeks waited", 5)], None),
    )  # fmt: skip
    rows = [dict(zip(names, row, strict=True)) | {"submitted_date": date(2026, 9, 14)} for row in found]
    return [row | {"parts": [{"name": name, "points": points} for name, points in row["parts"]]} for row in rows]  # type: ignore[attr-defined]


def team_rows() -> list[Row]:
    names = ("team_key", "team_name", "weight", "entitled_share", "used_hours", "used_share", "deficit_share",
             "engine_weight", "hours_known_weeks", "requested_accelerator_weeks", "placed_accelerator_weeks",
             "waiting_requests", "longest_wait_weeks", "below_half_weeks", "alarm", "sentence")  # fmt: skip
    return [
        dict(zip(names, row, strict=True))
        for row in (
            ("alignment", "Alignment", D(3), D("0.375"), D(300), D("0.3"), D("0.075"), D("1.08"), 8, 512, 256, 1, 9, 0,
             "unplaced", "Scaling study (e_scale) has waited 9 weeks and has no place."),
            ("foundation", "Foundation models", D(5), D("0.625"), D(700), D("0.7"), D("-0.075"), D("0.92"), 8, 3072,
             2048, 1, 4, 0, "", ""),
        )
    ]  # fmt: skip


def preemption_rows(horizon: Horizon) -> list[Row]:
    names = ("position", "experiment_key", "name", "team_key", "team_name", "priority", "is_taken", "pool_key", "week",
             "accelerators", "for_kind", "for_key", "notice_days", "lost_accelerator_days", "sentence")  # fmt: skip
    head = ("e_abl", "Reward ablations", "alignment", "Alignment", "P2")
    week = horizon.first.plus(1).key
    return [
        dict(zip(names, row, strict=True))
        for row in (
            (1, *head, False, POOL_A, week, 64, "floor", "dev", 7, None,
             "From 30 Nov up to 64 of it stand on lent floor (Model development), which may be called back."),
            (2, *head, True, POOL_A, week, 64, "experiment", "e_pre", None, D(448),
             "It yields from 30 Nov to Frontier pre-training (e_pre), in 1 week of the review's plan."),
        )
    ]  # fmt: skip

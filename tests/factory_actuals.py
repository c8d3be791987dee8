"""Rows of what was measured, of the run that tests/factories.py makes.

The weeks before the first: the chat assistant whole, of the support bot a partial week before a whole one. 0.15 % of
the chat assistant's 12,000 requests were throttled or late, of the bot's none.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal as D

from capacity.lib.horizon import Horizon
from tests.factory_names import Row


def actual_rows(horizon: Horizon) -> list[Row]:
    last, before = horizon.first.plus(-1).key, horizon.first.plus(-2).key
    whole = {
        "hours_covered": 168,
        "is_partial": False,
        "input_tokens": D(700_000_000),
        "cached_input_tokens": D(300_000_000),
        "output_tokens": D(50_000_000),
        "requests": D(12_000),
        "throttled": D(12),
        "late": D(6),
        "throttled_share": D("0.001"),
        "late_share": D("0.0005"),
        "sla_minutes_lost": D("0.09"),
        "accelerators_ready": D(240),
    }
    untold = dict.fromkeys(
        ("cached_input_tokens", "requests", "throttled", "late", "throttled_share", "late_share", "sla_minutes_lost")
        + ("accelerators_ready",)
    )
    calm = {"requests": D(800), "throttled": D(0), "late": D(0), "throttled_share": D(0), "late_share": D(0)}
    return [
        {"workload_key": "chat_assistant", "week": before, **whole},
        {"workload_key": "chat_assistant", "week": last, **whole, "input_tokens": D(800_000_000)},
        {"workload_key": "support_bot", "week": before, **whole, **untold, "hours_covered": 100, "is_partial": True},
        {"workload_key": "support_bot", "week": last, **whole, **calm, "sla_minutes_lost": D(0)},
    ]


def peak_rows() -> list[Row]:
    return [
        {
            "workload_key": "chat_assistant",
            "peak_factor": D("2.559053"),
            "hours": 336,
            "is_partial": True,
            "planned_peak": D("2.5"),
            "from_card": False,
        },
        {
            "workload_key": "support_bot",
            "peak_factor": D("1.5"),
            "hours": 672,
            "is_partial": False,
            "planned_peak": D("1.8"),
            "from_card": True,
        },
    ]


def class_rows() -> list[Row]:
    known = {"members": 3, "hours": 335, "coincidence": D("0.616358"), "planned": D("0.9"), "absent": ""}
    alone = {"members": 1, "hours": 336, "coincidence": None, "planned": D("0.9"), "absent": "one_member"}
    return [
        {"serving_class": "mid_bot.standard", **known},
        {"serving_class": "frontier_chat.interactive", **alone},
    ]


def score_rows() -> list[Row]:
    def row(workload: str, lead: int, wape: str, bias: str, absent: str = "") -> Row:
        return {
            "workload_key": workload,
            "source": "Sales forecast",
            "lead_weeks": lead,
            "weeks": 0 if absent else 2,
            "left_out": 1,
            "wape": D(wape) if wape else None,
            "bias": D(bias) if bias else None,
            "absent": absent,
        }

    return [
        row("chat_assistant", 4, "0.181818", "0.090909"),
        row("chat_assistant", 13, "", "", "no_forecast"),
        row("", 4, "0.181818", "0.090909"),
        row("", 13, "", "", "no_forecast"),
    ]


def granted_rows(horizon: Horizon) -> list[Row]:
    started = horizon.first.monday - timedelta(weeks=5)
    common = {"state": "running", "started_date": started, "until_date": started + timedelta(weeks=10)}

    def row(key: str, name: str, team: str, accelerators: int, used: str | None) -> Row:
        granted = D(accelerators * 840)
        return {
            "experiment_key": key,
            "name": name,
            "team_key": team,
            "team_name": team.capitalize(),
            "accelerators": accelerators,
            **common,
            "granted_hours": granted,
            "used_hours": None if used is None else granted * D(used),
            "used_share": None if used is None else D(used),
            "jobs": 0 if used is None else 6,
        }

    return [
        row("e_nine", "Nine tenths", "pretraining", 512, "0.9"),
        row("e_over", "More than granted", "alignment", 64, "1.2"),
        row("e_none", "Without jobs", "alignment", 32, None),
    ]


def post_mortem_rows(horizon: Horizon) -> list[Row]:
    week = horizon.first.plus(-2)

    def said(weeks: int, p50: int, p90: int) -> Row:
        day = week.monday - timedelta(weeks=weeks)
        return {
            "source": "Sales forecast",
            "vintage": day.isoformat(),
            "weeks_before": weeks,
            "p50_tps": p50,
            "p90_tps": p90,
        }

    return [
        {
            "workload_key": "chat_assistant",
            "week": week.key,
            "demand_tps": D(1_000_000),
            "capacity_tps": D(840_000),
            "throttled_share": D("0.1"),
            "visible_p50_weeks": 6,
            "visible_p90_weeks": 13,
            "lead_weeks": 20,
            "vintages": [said(13, 800_000, 950_000), said(6, 870_000, 990_000)],
            "reason": "",
        }
    ]

"""Rows of waste and suggested moves of the run that tests/factories.py makes: one of each kind, one of a contract's own
replicas, one of unknown cost.
"""

from __future__ import annotations

from decimal import Decimal as D

from tests.factory_names import POOL_A, POOL_B, Row

_NAMES = (
    "kind", "workload_key", "serving_class", "pool_key", "experiment_key", "week", "accelerators", "usd_per_week",
    "measured", "peer", "sentence",
)  # fmt: skip
_WASTE = (
    ("low_utilisation", "", "mid_bot.standard", "", "", "", D(40), D("30240.00"), D("0.24"), D("0.3"),
     "24.0% of what mid_bot.standard holds is at work, a mean of 13 weeks."),
    ("retired_pin", "chat_assistant", "dedicated.acme_pt.v1", "", "", "", D(16), D("5376.00"), None, None,
     "acme_pt is pinned to old-model, retired on 2026-10-01: its replicas serve nobody else."),
    ("low_cache", "support_bot", "", "", "", "", None, D("907.20"), D("0.2"), D("0.5"),
     "20.0% of the prompt tokens of Support bot come from the cache."),
    ("smaller_passed", "chat_assistant", "", "", "", "", None, None, None, None,
     "Chat assistant stays on a frontier model although a smaller one passed its test."),
    ("throttled_while_idle", "support_bot", "", POOL_A, "", "2026-W47", D(96), None, D("0.004"), D("0.001"),
     "0.40% of the requests of Support bot were throttled in 2026-W47."),
    ("queued_while_idle", "", "", POOL_B, "e_wait", "2027-W05", D(64), None, None, None,
     "e_wait waits; b200_euw1, which it accepts, has 64 idle for 4 weeks from 2027-W05."),
)  # fmt: skip


def waste_rows(scale: int) -> list[Row]:
    rows = [dict(zip(_NAMES, row, strict=True)) for row in _WASTE * scale]
    return [{"position": position, **row} for position, row in enumerate(rows)]


def candidate_rows() -> list[Row]:
    return [
        {
            "position": 0,
            "workload_key": "support_bot",
            "kind": "caching",
            "to_key": "",
            "amount": D("0.5"),
            "paper_usd_per_week": D("907.20"),
            "sentence": "Cache 50.0% of the prompt tokens of Support bot, as its peers do.",
        },
        {
            "position": 1,
            "workload_key": "chat_assistant",
            "kind": "smaller_model",
            "to_key": "mid-m",
            "amount": None,
            "paper_usd_per_week": None,
            "sentence": "Serve Chat assistant by Mid-M, which passed its test.",
        },
    ]

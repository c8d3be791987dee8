"""Visible pool-weeks → idle by reason, this week: one row a pool and the sum in H100 equivalents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from capacity.lib.figures import Absent
from capacity.review.tables import Row

PARTS = (
    ("idle_floor", "Kept by the floor"),
    ("idle_fragment", "Too small for what waits"),
    ("idle_wrong_kind", "Wrong region or type"),
    ("idle_unaccepted", "Not accepted yet"),
    ("idle_no_demand", "No demand"),
)


def idle_now(*, pools: Sequence[Row], weeks: Sequence[Row], most: int | None = None) -> dict[str, Any] | None:
    """heads; rows (name, idle, parts) of pools with any, the most first; total in H100e; how many
    have none. most: rows at the most, the rest is counted under `left_out`. None where the reader may not know the
    parts, or the run does not tell them."""
    now = {row["pool_key"]: row for row in weeks if row["week_index"] == 0}
    if not now or any(not _is_told(row) for row in now.values()):
        return None
    rows = [
        {
            "pool_key": pool["pool_key"],
            "name": pool["name"],
            "region": pool["region"],
            **_amounts(now[pool["pool_key"]]),
        }
        for pool in pools
        if pool["pool_key"] in now
    ]
    factor = {pool["pool_key"]: Decimal(pool["h100e_factor"]) for pool in pools}
    total = {
        "idle": sum((row["idle"] * factor[row["pool_key"]] for row in rows), Decimal(0)),
        "parts": [
            sum((row["parts"][n] * factor[row["pool_key"]] for row in rows), Decimal(0)) for n in range(len(PARTS))
        ],
    }
    idle = sorted((row for row in rows if row["idle"]), key=lambda row: (-row["idle"], row["name"]))
    shown = idle[:most]
    return {
        "heads": [label for _, label in PARTS],
        "rows": shown,
        "left_out": len(idle) - len(shown),
        "total": total,
        "busy": len(rows) - len(idle),
    }


def _is_told(row: Row) -> bool:
    return all(row[name] is not None and not isinstance(row[name], Absent) for name, _ in PARTS)


def _amounts(row: Mapping[str, Any]) -> Row:
    return {"idle": row["idle"], "parts": [row[name] for name, _ in PARTS]}

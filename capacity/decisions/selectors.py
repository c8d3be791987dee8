"""Reads of policy and of what meetings decided."""

from __future__ import annotations

from typing import Any

from capacity.decisions.models import PolicyFloor, PolicySet
from capacity.imports.rows import Row, table_rows


def input_rows() -> dict[str, list[Row]]:
    """The policy tables as a run reads them."""
    return {
        "policy_sets": table_rows(PolicySet, keys=["version"]),
        "policy_floors": table_rows(PolicyFloor, keys=["policy", "key"], foreign={"policy": "policy__version"}),
    }


def policy_versions() -> list[dict[str, Any]]:
    """Every version of the policy, the latest start first, each with its `floors`. Two queries."""
    floors: dict[int, list[dict[str, Any]]] = {}
    for floor in PolicyFloor.objects.order_by("key").values():
        floors.setdefault(floor["policy_id"], []).append({**floor})
    rows = PolicySet.objects.order_by("-effective_date", "-version").values()
    return [{**row, "floors": floors.get(row["id"], [])} for row in rows]

"""Reads of policy and of what meetings decided."""

from __future__ import annotations

from capacity.decisions.models import PolicyFloor, PolicySet
from capacity.imports.rows import Row, table_rows


def input_rows() -> dict[str, list[Row]]:
    """The policy tables as a run reads them."""
    return {
        "policy_sets": table_rows(PolicySet, keys=["version"]),
        "policy_floors": table_rows(PolicyFloor, keys=["policy", "key"], foreign={"policy": "policy__version"}),
    }

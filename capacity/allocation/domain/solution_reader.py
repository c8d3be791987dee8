"""The JSON of a solution → a Solution again, so that a run's document can be compared with a new plan. No judging here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from typing import Any

from capacity.allocation.domain.problem import Placement
from capacity.allocation.domain.solution import (
    Allocation,
    Blocker,
    BurstUse,
    CapacityShortfall,
    Idle,
    Issue,
    ScarcityPrice,
    Served,
    SmallestChange,
    Solution,
    TierResult,
    Unplaced,
)
from capacity.lib.horizon import Week

_ROWS: dict[str, type[Any]] = {
    "tiers": TierResult,
    "allocations": Allocation,
    "served": Served,
    "burst": BurstUse,
    "capacity_shortfalls": CapacityShortfall,
    "placements": Placement,
    "unplaced": Unplaced,
    "scarcity_prices": ScarcityPrice,
    "idle": Idle,
    "issues": Issue,
}
_INNER: dict[str, type[Any]] = {"blockers": Blocker, "smallest_changes": SmallestChange}
_WEEKS = {"week", "start", "from_"}


def solution_from_json(document: Mapping[str, Any]) -> Solution:
    """The solution that solution_to_json wrote; names it does not know are left out. Raises KeyError, ValueError."""
    rows: dict[str, Any] = {name: tuple(_row(kind, each) for each in document[name]) for name, kind in _ROWS.items()}
    return Solution(termination=document["termination"], **rows)


def _row(kind: type[Any], content: Mapping[str, Any]) -> Any:
    values = {}
    for each in fields(kind):
        written = each.name.rstrip("_")
        if written in content:
            values[each.name] = _value(each.name, content[written])
    return kind(**values)


def _value(name: str, content: Any) -> Any:
    if name in _INNER:
        return tuple(_row(_INNER[name], each) for each in content)
    if name in _WEEKS and content is not None:
        return Week(date.fromisoformat(content))
    return content

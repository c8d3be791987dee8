"""What a what-if answers: differences between a run's plan and the plan after a change, as frozen values and JSON.

What belongs here: the rows of an answer, the totals that their parts sum to, and the JSON that is stored and shown.
How they are found is `what_if` (methods: What-if).
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from capacity.allocation.domain.problem import Placement
from capacity.lib.horizon import Week

QUICK, FULL = "quick", "full"
# What the serving numbers of an answer count, the same on both of its sides.
DIVISIBLE, WHOLE = "divisible_replicas", "whole_replicas"
MOVED, PLACED, LOST = "moved", "placed", "lost"


@dataclass(frozen=True, slots=True)
class TierChange:
    """Value of a tier on both sides; serving: $ lost and of burst, experiments: weighted accelerator-weeks.

    gap_*: absolute gap to the bound of a full answer's sides; None where no bound was made (quick).
    """

    tier: str
    unit: str | None
    before: float
    after: float
    unmet_before: float | None = None
    unmet_after: float | None = None
    gap_before: float | None = None
    gap_after: float | None = None


@dataclass(frozen=True, slots=True)
class DemandChange:
    """Capacity shortfall of one demand over the horizon: accelerator-weeks at its best rate, and dollars lost.

    usd None: the loss is unknown. tier and class as after the change, or as before where it is gone.
    """

    key: str
    class_: str
    tier: str
    short_before: float
    short_after: float
    usd_before: float | None
    usd_after: float | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a placement changed, where it is known.

    code: removed, request_changed, added, no_room (in `pool` in `week`, short by `accelerators`), floor (`key`),
    recalled (for `key`), taken_by (`key` now lies there), room_left_by (`key` no longer does), or a reason code.
    """

    code: str
    key: str | None = None
    pool: str | None = None
    week: Week | None = None
    accelerators: int | None = None


@dataclass(frozen=True, slots=True)
class PlacementChange:
    """An experiment that moved, was placed or was lost; before and after are its rows, empty where it has none."""

    key: str
    tier: str
    change: str
    before: tuple[Placement, ...]
    after: tuple[Placement, ...]
    cause: Cause | None = None


@dataclass(frozen=True, slots=True)
class PoolChange:
    """Idle and burst of a pool over the horizon, accelerator-weeks and dollars."""

    pool: str
    idle_before: float
    idle_after: float
    burst_before: float
    burst_after: float
    burst_usd_before: float
    burst_usd_after: float


@dataclass(frozen=True, slots=True)
class WeekChange:
    """Capacity shortfall of a week over all demands, accelerators at their best rates, and its dollars with burst."""

    week: Week
    short_before: float
    short_after: float
    usd_before: float
    usd_after: float


@dataclass(frozen=True, slots=True)
class PriceChange:
    """Scarcity price of a pool and week, $ per accelerator-week; rows where a side is not zero."""

    pool: str
    week: Week
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. usd_before = Σ demands' usd + Σ pools' burst usd = Σ weeks' usd = Σ serving tiers; so after.

    basis: how serving is counted on both sides. not_placed: new or changed requests with no place, and why.
    weeks_solved: serving of so many weeks was solved again. termination: of a full answer's plan.
    """

    kind: str
    basis: str
    tiers: tuple[TierChange, ...]
    demands: tuple[DemandChange, ...]
    weeks: tuple[WeekChange, ...]
    pools: tuple[PoolChange, ...]
    placements: tuple[PlacementChange, ...]
    prices: tuple[PriceChange, ...]
    usd_before: float
    usd_after: float
    weeks_solved: int = 0
    not_placed: tuple[tuple[str, Cause], ...] = ()
    termination: str | None = None
    seconds: float = field(default=0.0, compare=False)

    @property
    def usd_difference(self) -> float:
        """After less before, dollars over the horizon; below zero is better."""
        return self.usd_after - self.usd_before


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """The answer as JSON terms: weeks as ISO Mondays, `class_` as class, and its difference."""
    row: dict[str, Any] = _to_json(answer)
    return {**row, "usd_difference": answer.usd_difference}


def _to_json(value: Any) -> Any:
    if isinstance(value, Week):
        return value.monday.isoformat()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return {each.name.rstrip("_"): _to_json(getattr(value, each.name)) for each in fields(value)}
    return value

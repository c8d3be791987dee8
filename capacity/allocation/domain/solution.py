"""The plan as frozen values, and its JSON form (docs/allocation-problem.md, "Solution").

What belongs here: the rows a run stores and a page reads, under the names of the file form. How they were found is
`engine`; whether they balance is `checks`. Weeks are Week here and ISO Mondays in JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

from capacity.allocation.domain.problem import Placement
from capacity.lib.horizon import Week

SOLUTION_VERSION = 1
OPTIMAL, GAP, LIMIT = "optimal", "gap", "limit"
UNIT_USD, UNIT_ACCELERATOR_WEEKS = "usd", "weighted_accelerator_weeks"


@dataclass(frozen=True, slots=True)
class TierResult:
    """Achieved value of a tier and a valid bound on it, given the tiers above. unmet_accelerators: serving only."""

    tier: str
    value: float
    bound: float
    gap_absolute: float
    gap_relative: float
    unit: str | None
    unmet_accelerators: float | None = None


@dataclass(frozen=True, slots=True)
class Allocation:
    """Accelerators of whole replicas of a serving class in a pool and week, and the work they carry."""

    class_: str
    pool: str
    week: Week
    accelerators: int
    work: float


@dataclass(frozen=True, slots=True)
class Served:
    key: str
    week: Week
    work: float


@dataclass(frozen=True, slots=True)
class BurstUse:
    pool: str
    week: Week
    accelerators: int
    usd: float


@dataclass(frozen=True, slots=True)
class CapacityShortfall:
    """Unmet work of a demand, and the same at the best rate of its options, rounded up. Non-zero rows only."""

    key: str
    week: Week
    work: float
    accelerators: int


@dataclass(frozen=True, slots=True)
class Blocker:
    key: str
    accelerators: int


@dataclass(frozen=True, slots=True)
class SmallestChange:
    """A change that lets the request fit with everything else held; one unit less does not. None: not of this kind.

    earlier_delivery (not in the file form): the accelerators that reach the pool in week from_, `weeks` earlier.
    shorter, other_pool: accelerators of the option that fits, where options differ in them (not in the file form).
    """

    change: str
    accelerators: int | None = None
    start: Week | None = None
    weeks: int | None = None
    pool: str | None = None
    from_: Week | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Why a request has no place. None where a number has no meaning for the reason."""

    key: str
    reason: str
    week: Week | None
    needed: int | None
    free: int | None
    short_by: int | None
    blockers: tuple[Blocker, ...] = ()
    smallest_changes: tuple[SmallestChange, ...] = ()


@dataclass(frozen=True, slots=True)
class PlacementWarning:
    """Placement `key` would stand in the way of the unplaced request `blocks` after an announced delivery."""

    key: str
    blocks: str
    pool: str
    week: Week
    accelerators: int


@dataclass(frozen=True, slots=True)
class Unlock:
    """What one more node in a pool would serve that week (a demand), or place with it for `weeks` (a request)."""

    key: str
    is_request: bool
    accelerators: int
    weeks: int


@dataclass(frozen=True, slots=True)
class ScarcityPrice:
    """The value of one more; beside it dollars a week for a node more and lost with a node less, and what it would
    unlock (these are not in the file form)."""

    pool: str
    week: Week
    usd_per_accelerator_week: float
    usd_node_more: float | None = None
    usd_node_less: float | None = None
    unlocks: tuple[Unlock, ...] = ()


@dataclass(frozen=True, slots=True)
class Idle:
    pool: str
    week: Week
    accelerators: int
    of_which_floor: int


@dataclass(frozen=True, slots=True)
class Issue:
    """Something the problem says that the plan could not honour as written; the plan is valid all the same.

    code floor_above_supply: floor, week, accelerators (asked), supply. code pinned_does_not_fit: key, pool, week,
    accelerators (asked), supply (what is left there).
    """

    code: str
    week: Week | None = None
    accelerators: int | None = None
    supply: int | None = None
    floor: str | None = None
    key: str | None = None
    pool: str | None = None


@dataclass(frozen=True, slots=True)
class Seconds:
    """Wall time by phase; the only part of a solution that differs between two identical runs."""

    check: float = 0.0
    build: float = 0.0
    solve: float = 0.0
    explain: float = 0.0


@dataclass(frozen=True, slots=True)
class Solution:
    """One plan. Rows are ordered by key, then pool, then week."""

    termination: str
    tiers: tuple[TierResult, ...]
    allocations: tuple[Allocation, ...] = ()
    served: tuple[Served, ...] = ()
    burst: tuple[BurstUse, ...] = ()
    capacity_shortfalls: tuple[CapacityShortfall, ...] = ()
    placements: tuple[Placement, ...] = ()
    unplaced: tuple[Unplaced, ...] = ()
    scarcity_prices: tuple[ScarcityPrice, ...] = ()
    idle: tuple[Idle, ...] = ()
    issues: tuple[Issue, ...] = ()
    warnings: tuple[PlacementWarning, ...] = ()
    seconds: Seconds = field(default_factory=Seconds, compare=False)


# Where None is a value the form writes out (a pool without domains, a reason without a number), not an absent field.
_NULLABLE = {Placement: {"domain"}, Unplaced: {"week", "needed", "free", "short_by"}, TierResult: {"unit"}}

# What the plan knows beyond the file form; runs store it in tables of their own.
_NOT_IN_FORM: dict[type, set[str]] = {
    Solution: {"warnings"},
    ScarcityPrice: {"usd_node_more", "usd_node_less", "unlocks"},
}
_CHANGES_NOT_IN_FORM = {"earlier_delivery"}
_CHANGES_WITHOUT_SIZE = {"shorter", "other_pool"}


def solution_to_json(solution: Solution) -> dict[str, Any]:
    """The solution as the dictionary of the file form, ready for json.dumps."""
    return {"version": SOLUTION_VERSION, **_to_json(solution)}


# Stand in the form as they are; a plan has a hundred thousand of them.
_PLAIN = frozenset({str, int, float, bool, type(None)})
# Worked out once for each kind of row.
_SHAPES: dict[type, tuple[tuple[str, str, bool], ...]] = {}


def _to_json(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Week):
        return value.monday.isoformat()
    if isinstance(value, tuple):
        return [_to_json(item) for item in value if not _is_beyond_form(item)]
    if not hasattr(value, "__dataclass_fields__"):
        return value
    row: dict[str, Any] = {}
    for name, written, is_nullable in _shape(type(value)):
        content = getattr(value, name)
        if content is not None or is_nullable:
            row[written] = content if type(content) in _PLAIN else _to_json(content)
    if isinstance(value, SmallestChange) and value.change in _CHANGES_WITHOUT_SIZE:
        row.pop("accelerators", None)
    order = ("termination", "seconds")
    if isinstance(value, Solution):
        row = {name: row[name] for name in (*order, *(key for key in row if key not in order))}
    return row


def _shape(kind: type) -> tuple[tuple[str, str, bool], ...]:
    """(field, its name in the form, whether None is written out) of the fields that are in the form."""
    if kind not in _SHAPES:
        nullable, left_out = _NULLABLE.get(kind, set()), _NOT_IN_FORM.get(kind, set())
        names = [each.name for each in fields(kind) if each.name not in left_out]
        _SHAPES[kind] = tuple((name, name.rstrip("_"), name in nullable) for name in names)
    return _SHAPES[kind]


def _is_beyond_form(value: Any) -> bool:
    return isinstance(value, SmallestChange) and value.change in _CHANGES_NOT_IN_FORM

"""The queue of requests: each one's score from recorded criteria, the order it gives, and who stands ahead. Pure.

The score orders the reading (methods: Score of a request). Where a request is placed is the plan's: classes in their
order, then the most weighted accelerator-weeks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from capacity.lib.units import exact

# Points by the tier in which the plan looks for a place. Preemptible work is placed after every class.
CLASS_POINTS = {"P0": 600, "P1": 400, "P2": 200, "P3": 0, "preemptible": -200}
MOST_SHARE_POINTS = 50
# An override counts on the scale of the share it stands for. With the 46 points below, no sum reaches another class's.
MOST_OVERRIDE_POINTS = 76
MOST_WAITING_POINTS = 26
DECISION_POINTS, OUTCOME_POINTS, METRIC_POINTS = 10, 5, 5
PREEMPTIBLE = "preemptible"


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueFacts:
    """What is recorded of a request. tier: where the plan looks for its place. deficit: of its team, None: not known.

    override: the weight a decision gives it instead of its team's, None: none in force.
    """

    key: str
    tier: str
    deficit: Fraction | None
    waited_weeks: int
    informs_decision: bool
    has_outcome: bool
    has_metric: bool
    submitted_at: datetime
    override: Decimal | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A criterion and its points."""

    name: str
    points: int


def score(request: QueueFacts) -> tuple[int, tuple[Part, ...]]:
    """(sum, parts): every criterion with its points, also those that give none. An override replaces the share's.

    P1, deficit +0.075, nine weeks, a decision and an outcome named: 400 + 8 + 9 + 10 + 5 = 432.
    """
    share = 0 if request.deficit is None or request.override is not None else round(100 * request.deficit)
    parts = [
        Part(name="class", points=CLASS_POINTS.get(request.tier, 0)),
        Part(name="fair share", points=max(-MOST_SHARE_POINTS, min(MOST_SHARE_POINTS, share))),
        Part(name="weeks waited", points=max(0, min(MOST_WAITING_POINTS, request.waited_weeks))),
        Part(name="informs a decision", points=DECISION_POINTS if request.informs_decision else 0),
        Part(name="customer outcome", points=OUTCOME_POINTS if request.has_outcome else 0),
        Part(name="measure named", points=METRIC_POINTS if request.has_metric else 0),
    ]
    if request.override is not None:
        points = round(100 * (exact(request.override) - 1))
        parts.append(Part(name="override", points=max(-MOST_OVERRIDE_POINTS, min(MOST_OVERRIDE_POINTS, points))))
    return sum(part.points for part in parts), tuple(parts)


def rank(requests: Iterable[QueueFacts]) -> list[QueueFacts]:
    """First comes the highest score, of equal ones the earlier submitted, then the key."""
    return sorted(requests, key=lambda each: (-score(each)[0], each.submitted_at, each.key))


@dataclass(frozen=True, kw_only=True, slots=True)
class Queued:
    """A ranked request: the class it is told under, the pools it may stand in, its size."""

    key: str
    class_: str
    pools: frozenset[str]
    accelerator_weeks: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Of one class: requests ranked above that could take a pool of this one's, and their accelerator-weeks."""

    class_: str
    requests: int
    accelerator_weeks: int


def who_is_ahead(ranked: Sequence[Queued]) -> dict[str, tuple[Ahead, ...]]:
    """Request → who stands ahead of it by class, in the order of the classes."""
    seen: dict[tuple[frozenset[str], str], tuple[int, int]] = {}
    found: dict[str, tuple[Ahead, ...]] = {}
    for request in ranked:
        sums: dict[str, tuple[int, int]] = {}
        for (pools, class_), (requests, size) in seen.items():
            if pools & request.pools:
                before = sums.get(class_, (0, 0))
                sums[class_] = (before[0] + requests, before[1] + size)
        found[request.key] = tuple(
            Ahead(class_=class_, requests=sums[class_][0], accelerator_weeks=sums[class_][1])
            for class_ in sorted(sums, key=lambda name: (-CLASS_POINTS.get(name, 0), name))
        )
        place = (request.pools, request.class_)
        requests, size = seen.get(place, (0, 0))
        seen[place] = (requests + 1, size + request.accelerator_weeks)
    return found

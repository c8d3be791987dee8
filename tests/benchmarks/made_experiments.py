"""The experiments of a made problem: gangs, divisible and preemptible work, running work, and the previous plan.

What belongs here: who asks for how many accelerators, for how long and when, so that all together ask for a given
number of accelerator-weeks. Pools and serving are made in `made_problems`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

NODE = 8
LONGEST = 16
LONGEST_WINDOW = 16
# Share of experiments that are due in the first weeks: the backlog of the review.
BACKLOG = 0.25
TRIES = 12
TIERS = ("P0",) * 2 + ("P1",) * 4 + ("P2",) * 6 + ("P3",) * 5 + ("preemptible",) * 3


@dataclass(slots=True)
class Request:
    """A request while it is being sized. share: of the largest domain it can have. Weeks count from the first."""

    number: int
    tier: str
    pools: list[dict[str, Any]]
    share: float
    weeks: int
    earliest: int
    window: int
    is_divisible: bool
    is_too_large: bool
    starts: int | None = None
    domain: dict[str, Any] | None = None
    largest: int = 0
    accelerators: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def inside(self) -> int:
        """Weeks that count: those of running work that are over do not."""
        return self.weeks + min(0, self.starts or 0)


def made_experiments(
    rng: random.Random, pools: list[dict[str, Any]], *, count: int, weeks: int, wanted: float, first: date
) -> dict[str, list[dict[str, Any]]]:
    """`experiments` and `previous` of the file form; wanted: accelerator-weeks they ask for together."""
    requests = [_request(rng, number, pools, weeks) for number in range(count)]
    room: dict[tuple[str, str | None], int] = {}
    for request in requests:
        request.largest = _largest(request, weeks)
        if rng.random() < 0.06 and not request.is_divisible and weeks > 2:
            _pin(rng, request, room)
    _size(requests, wanted, weeks)
    rows = [_row(rng, request, first) for request in requests]
    return {"experiments": rows, "previous": _previous(rng, requests, weeks, first)}


def _request(rng: random.Random, number: int, pools: list[dict[str, Any]], weeks: int) -> Request:
    tier = rng.choice(TIERS)
    duration = min(rng.choice((1, 2, 2, 3, 4, 4, 6, 6, 8, 8, 10, 12, 16)), weeks)
    share = rng.choice((rng.uniform(0.02, 0.15), rng.uniform(0.02, 0.15), rng.uniform(0.1, 0.5), rng.uniform(0.4, 1.0)))
    last = weeks - duration
    earliest = rng.randint(0, min(2, last)) if rng.random() < BACKLOG else rng.randint(0, last)
    return Request(
        number=number,
        tier=tier,
        pools=rng.sample(pools, rng.randint(1, min(4, len(pools)))),
        share=share,
        weeks=duration,
        earliest=earliest,
        window=rng.choice((0, 1, 2, 4, 4, 6, 8, 8, 12, LONGEST_WINDOW)),
        is_divisible=rng.random() < (0.4 if tier == "preemptible" else 0.04),
        is_too_large=rng.random() < 0.01,
    )


def _domains(pool: dict[str, Any]) -> list[dict[str, Any]]:
    return pool.get("domains") or [{"key": None, "allocatable": pool["allocatable"]}]


def _largest(request: Request, weeks: int) -> int:
    """Accelerators of the largest gang that fits an empty domain in its window; one node where nothing fits."""
    starts = range(request.earliest, min(request.earliest + request.window, weeks - request.weeks) + 1)
    fits = (
        min(domain["allocatable"][start : start + request.weeks])
        for pool in request.pools
        for domain in _domains(pool)
        for start in starts
    )
    return max(NODE, max(fits, default=NODE) // NODE * NODE)


def _pin(rng: random.Random, request: Request, room: dict[tuple[str, str | None], int]) -> None:
    """Running since a few weeks in a domain that is there all the time; all running work together fills half of it."""
    pool = request.pools[0]
    domain = _domains(pool)[0]
    place = (pool["key"], domain["key"])
    free = room.setdefault(place, min(domain["allocatable"][:LONGEST]) // 2)
    if free < NODE:
        return
    request.starts = -rng.randrange(request.weeks)
    request.pools, request.domain = [pool], domain
    request.accelerators = max(NODE, min(free, int(request.share * free)) // NODE * NODE)
    room[place] = free - request.accelerators
    request.earliest, request.window, request.is_too_large = 0, 0, False
    request.tier = request.tier if request.tier != "preemptible" else "P1"


def _size(requests: list[Request], wanted: float, weeks: int) -> None:
    """Sizes the free requests so that all ask for `wanted`: larger gangs first, longer ones where that is not enough."""
    free = [request for request in requests if request.starts is None]
    wanted -= sum(request.accelerators * request.inside for request in requests if request.starts is not None)
    for _ in range(TRIES):
        if _total(free, 1e6) >= wanted:
            break
        for request in free:
            _lengthen(request, weeks)
    low, high = 0.0, 1e6
    for _ in range(60):
        middle = (low + high) / 2 if high < 1 or low > 0.5 else max(low * 2, high / 4)
        low, high = (middle, high) if _total(free, middle) < wanted else (low, middle)
    missing = wanted - _total(free, low)
    for request in sorted(free, key=lambda row: row.number):
        step = NODE * request.weeks
        if missing >= step and request.accelerators + NODE <= request.largest and not request.is_too_large:
            request.accelerators += NODE
            missing -= step


def _lengthen(request: Request, weeks: int) -> None:
    longer = min(weeks, LONGEST, request.weeks + max(1, request.weeks // 4))
    request.earliest = min(request.earliest, weeks - longer)
    request.weeks = longer
    request.largest = _largest(request, weeks)


def _total(requests: list[Request], factor: float) -> float:
    for request in requests:
        whole = round(request.largest * request.share * factor / NODE) * NODE
        request.accelerators = max(NODE, min(request.largest, whole))
        if request.is_too_large:
            request.accelerators = request.largest + NODE
    return sum(request.accelerators * request.weeks for request in requests)


def _monday(first: date, week: int) -> str:
    return (first + timedelta(weeks=week)).isoformat()


def _row(rng: random.Random, request: Request, first: date) -> dict[str, Any]:
    start = request.earliest if request.starts is None else request.starts
    row: dict[str, Any] = {
        "key": f"experiment{request.number:04d}",
        "tier": request.tier,
        "team": f"team{rng.randrange(8)}",
        "model_development": rng.random() < (0.85 if request.tier in ("P0", "P1") else 0.45),
        "earliest_start": _monday(first, start),
        "latest_start": _monday(first, start + request.window),
        "preemptible": request.tier == "preemptible" or rng.random() < 0.12,
        "divisible": request.is_divisible,
        "weight": rng.choice((1.0, 1.0, 1.0, 1.25, 0.75, 1.5, 0.5)),
    }
    if request.domain is not None:
        row["pinned"] = {
            "pool": request.pools[0]["key"],
            "domain": request.domain["key"],
            "start": row["earliest_start"],
        }
        row["preemptible"] = False
    plain = request.is_divisible or request.domain is not None or len(request.pools) == 1 or rng.random() > 0.12
    if plain:
        pools = [pool["key"] for pool in request.pools]
        return {**row, "pools": pools, "accelerators": request.accelerators, "weeks": request.weeks}
    return {**row, "options": _options(request)}


def _options(request: Request) -> list[dict[str, Any]]:
    """As asked in the first pool, and half as many accelerators for a longer time in each other."""
    half = max(NODE, request.accelerators // 2 // NODE * NODE)
    longer = min(LONGEST, 2 * request.weeks)
    return [
        {"pool": request.pools[0]["key"], "accelerators": request.accelerators, "weeks": request.weeks},
        *({"pool": pool["key"], "accelerators": half, "weeks": longer} for pool in request.pools[1:]),
    ]


def _previous(rng: random.Random, requests: list[Request], weeks: int, first: date) -> list[dict[str, Any]]:
    """Where running work runs, and for a third of the other gangs a place in their window of the last plan."""
    rows = []
    for request in requests:
        if request.is_divisible or (request.starts is None and rng.random() > 0.33):
            continue
        pool = request.pools[0]
        domain = request.domain or rng.choice(_domains(pool))
        latest = min(request.earliest + request.window, weeks - request.weeks)
        start = request.starts if request.starts is not None else rng.randint(request.earliest, latest)
        rows.append(
            {
                "key": f"experiment{request.number:04d}",
                "pool": pool["key"],
                "domain": domain["key"],
                "start": _monday(first, start),
                "weeks": request.weeks,
                "accelerators": request.accelerators,
            }
        )
    return rows

"""A plan read from its rows alone: what lies where, what a request could still have, and who is in its way.

What belongs here: sums over the solution's file form and the problem's, written for tests without a line of the
engine. Everything placed, served and bought is held as written, but for preemptible work of lower tiers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from math import ceil
from typing import Any

Row = dict[str, Any]
# Work is written rounded.
ROUNDED = 1e-6


@dataclass(frozen=True)
class Spot:
    """An option of a request in a domain (None: the pool has none) from a week on; single weeks if divisible."""

    option: Row
    pool: str
    domain: str | None
    start: int
    weeks: int
    accelerators: int

    @property
    def span(self) -> range:
        return range(self.start, self.start + self.weeks)


@dataclass(frozen=True)
class Change:
    """More supply in one domain, or less serving of a class in one pool, in some weeks."""

    pool: str
    domain: str | None = None
    supply: int = 0
    less_serving: int = 0
    weeks: frozenset[int] = field(default_factory=frozenset)


NOTHING = Change(pool="")


class HeldRows:
    def __init__(self, document: Row, solution: Row) -> None:
        self.document, self.solution = document, solution
        self.weeks = range(document["weeks"])
        self.pools: dict[str, Row] = {pool["key"]: pool for pool in document["pools"]}
        self.requests: dict[str, Row] = {row["key"]: row for row in document["experiments"]}
        self.demands: dict[str, Row] = {row["key"]: row for row in document["serving"]}
        self.serving: dict[tuple[str, int], int] = {}
        self.of_class: dict[tuple[str, str, int], int] = {}
        for row in solution["allocations"]:
            at = (row["pool"], self.week(row["week"]))
            self.serving[at] = self.serving.get(at, 0) + row["accelerators"]
            self.of_class[row["class"], *at] = row["accelerators"]
        self.served = {(row["key"], self.week(row["week"])): row["work"] for row in solution.get("served", [])}
        self.bought = {(row["pool"], self.week(row["week"])): row["accelerators"] for row in solution["burst"]}
        # (request, pool, domain, weeks inside the horizon, accelerators)
        self.placed: list[tuple[Row, str, str | None, range, int]] = []
        for row in solution["placements"]:
            start = self.week(row["start"])
            inside = range(max(0, start), min(len(self.weeks), start + row["weeks"]))
            self.placed.append((self.requests[row["key"]], row["pool"], row["domain"], inside, row["accelerators"]))

    def week(self, monday: str) -> int:
        return (date.fromisoformat(monday) - date.fromisoformat(self.document["first_week"])).days // 7

    def tier(self, row: Row) -> int:
        return int(self.document["tiers"].index(row["tier"]))

    # What is used

    def most_of_demand(self, demand: Row, pool: str, week: int) -> int:
        """Accelerators of its class there that may be the demand's: all but those that the others must have there."""
        name = demand["class"]
        there = self.of_class.get((name, pool, week), 0)
        if not there:
            return 0
        others = [row["key"] for row in self.demands.values() if row["class"] == name and row["key"] != demand["key"]]
        rates = {option["pool"]: option["work_per_accelerator"] for option in demand["options"]}
        elsewhere = sum(n * rates[p] for (c, p, t), n in self.of_class.items() if (c, t) == (name, week) and p != pool)
        must = sum(self.served.get((key, week), 0) for key in others) - elsewhere
        return there - max(0, ceil(must / rates[pool] - ROUNDED))

    def net_serving(self, pool: str, week: int) -> int:
        """Serving that stands on the pool's own accelerators, not on burst."""
        return self.serving.get((pool, week), 0) - self.bought.get((pool, week), 0)

    def experiments_in(
        self, pools: list[str], week: int, *, domain: str | None = None, beside: Row | None = None
    ) -> Iterator[tuple[Row, int]]:
        """(request, accelerators) placed there; with `beside`, only what is held against that request."""
        for request, pool, where, span, accelerators in self.placed:
            if pool in pools and week in span and domain in (None, where) and self.is_held(request, beside):
                yield request, accelerators

    def is_held(self, request: Row, beside: Row | None) -> bool:
        """Preemptible work of lower tiers would be recalled for `beside`."""
        if beside is None or request.get("pinned") or not request["preemptible"]:
            return True
        return self.tier(request) <= self.tier(beside)

    def counts_in(self, floor: Row, request: Row) -> bool:
        lent = request["preemptible"] and floor["lendable"]
        team = floor.get("team")
        return not (request["model_development"] if team is None else request["team"] == team) and not lent

    def supply_of(self, floor: Row, week: int) -> int:
        return sum(self.pools[pool]["allocatable"][week] for pool in floor["pools"])

    def floor_free(self, floor: Row, week: int, *, beside: Row | None = None, more: int = 0) -> int:
        """What work that is not model development may still take of the floor's pools."""
        supply = self.supply_of(floor, week) + more
        used = sum(self.net_serving(pool, week) for pool in floor["pools"])
        for request, accelerators in self.experiments_in(floor["pools"], week, beside=beside):
            used += accelerators if self.counts_in(floor, request) else 0
        return int(supply - min(supply, floor["accelerators"][week]) - used)

    def pool_free(self, pool: str, week: int, *, beside: Row | None = None) -> int:
        placed = sum(n for _, n in self.experiments_in([pool], week, beside=beside))
        return int(self.pools[pool]["allocatable"][week] - self.net_serving(pool, week) - placed)

    def domain_supply(self, pool: str, domain: str, week: int) -> int:
        return next(int(q["allocatable"][week]) for q in self.pools[pool]["domains"] if q["key"] == domain)

    def domain_free(self, pool: str, domain: str, week: int, *, beside: Row | None = None) -> int:
        inside = sum(n for _, n in self.experiments_in([pool], week, domain=domain, beside=beside))
        return self.domain_supply(pool, domain, week) - inside

    # What a request could have

    def options(self, request: Row) -> list[Row]:
        if "options" in request:
            return list(request["options"])
        return [
            {"pool": pool} | {name: request[name] for name in ("accelerators", "weeks")} for pool in request["pools"]
        ]

    def spots(self, request: Row) -> list[Spot]:
        """Everywhere it may lie by its window; where it is pinned, that alone, in the weeks inside the horizon."""
        if request.get("pinned"):
            return self._pinned_spot(request, request["pinned"])
        earliest, latest = self.week(request["earliest_start"]), self.week(request["latest_start"])
        found = []
        for option in self.options(request):
            long = 1 if request["divisible"] else option["weeks"]
            last = latest + option["weeks"] - 1 if request["divisible"] else latest
            domains = [] if request["divisible"] else self.pools[option["pool"]].get("domains", [])
            for start in range(max(0, earliest), min(last, len(self.weeks) - long) + 1):
                for domain in [row["key"] for row in domains] or [None]:
                    found.append(Spot(option, option["pool"], domain, start, long, option["accelerators"]))
        return found

    def _pinned_spot(self, request: Row, pin: Row) -> list[Spot]:
        start = self.week(pin["start"])
        option = next(option for option in self.options(request) if option["pool"] == pin["pool"])
        first, last = max(0, start), min(len(self.weeks), start + option["weeks"])
        there = (pin["pool"], pin["domain"], first, last - first, option["accelerators"])
        return [Spot(option, *there)] if first < last else []

    def free(self, request: Row, spot: Spot, week: int, change: Change = NOTHING) -> int:
        """The most the request could have in the spot in one week, by pool, domain and floors."""
        applies = change.pool == spot.pool and week in change.weeks
        serving = change.less_serving if applies else 0
        more = change.supply if applies else 0
        free = self.pool_free(spot.pool, week, beside=request) + more + serving
        if spot.domain is not None:
            inside = more if change.domain == spot.domain else 0
            free = min(free, self.domain_free(spot.pool, spot.domain, week, beside=request) + inside)
        for floor in self.document["floors"]:
            if spot.pool in floor["pools"] and self.counts_in(floor, request):
                enters = change.pool in floor["pools"] and week in change.weeks
                more, serving = (change.supply, change.less_serving) if enters else (0, 0)
                free = min(free, self.floor_free(floor, week, beside=request, more=more) + serving)
        return free

    def room(self, request: Row, spot: Spot, change: Change = NOTHING) -> int:
        return min(self.free(request, spot, week, change) for week in spot.span)

    def fits(self, request: Row, change: Change = NOTHING) -> bool:
        """Anywhere in its window, with everything else held. Divisible work fits where it could have one."""
        least = 1 if request["divisible"] else None
        return any(self.room(request, spot, change) >= (least or spot.accelerators) for spot in self.spots(request))

    def emptied(self) -> HeldRows:
        """The same problem with nothing placed, served or bought."""
        return HeldRows(self.document, {"allocations": [], "served": [], "burst": [], "placements": []})

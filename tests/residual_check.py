"""A second, plain residual check: a problem and a solution in the file form, a request, and a change to be tried.

Written from the rules, not from the engine: loops over weeks, pools and domains, no arrays. Used where explanations
must be true: what is said to fit fits with everything else held, and one unit less does not.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

Json = dict[str, Any]


@dataclass
class Extra:
    """What a change adds: supply by (pool, domain, week), serving given up by (pool, week)."""

    supply: dict[tuple[str, str | None, int], int] = field(default_factory=dict)
    serving: dict[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """The request as it is tried: its options as (pools, accelerators, weeks), first and last start in weeks."""

    options: tuple[tuple[tuple[str, ...], int, int], ...]
    first: int
    last: int
    preemptible: bool


@dataclass
class Held:
    """Accelerators used by placements: by pool and week, by domain and week, and what counts against each floor."""

    pool: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    domain: dict[tuple[str, str | None, int], int] = field(default_factory=lambda: defaultdict(int))
    floor: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))


class ResidualCheck:
    """Everything placed and served is held; preemptible work of lower tiers, unless it is pinned, is recalled."""

    def __init__(self, problem: Json, solution: Json) -> None:
        self.problem, self.solution = problem, solution
        self.start = date.fromisoformat(problem["first_week"])
        self.weeks: int = problem["weeks"]
        self.pools = {pool["key"]: pool for pool in problem["pools"]}
        self.requests = {request["key"]: request for request in problem["experiments"]}
        self.tier = {name: position for position, name in enumerate(problem["tiers"])}
        self._held: dict[str, Held] = {}
        self.serving: dict[tuple[str, int], int] = {}
        for row in solution["allocations"]:
            at = (row["pool"], self.week(row["week"]))
            self.serving[at] = self.serving.get(at, 0) + row["accelerators"]
        for row in solution["burst"]:
            at = (row["pool"], self.week(row["week"]))
            self.serving[at] = self.serving.get(at, 0) - row["accelerators"]

    def week(self, monday: str) -> int:
        return (date.fromisoformat(monday) - self.start).days // 7

    def asked(self, key: str) -> Asked:
        row = self.requests[key]
        options = row.get("options")
        if options is None:
            found = ((tuple(row["pools"]), row["accelerators"], row["weeks"]),) if row["pools"] else ()
        else:
            found = tuple(((each["pool"],), each["accelerators"], each["weeks"]) for each in options)
        return Asked(found, self.week(row["earliest_start"]), self.week(row["latest_start"]), bool(row["preemptible"]))

    def domains(self, pool: str) -> list[str | None]:
        return [each["key"] for each in self.pools[pool].get("domains", [])] or [None]

    def held(self, key: str) -> Held:
        """What the placements that stay against the request use."""
        if key not in self._held:
            own = self.tier[self.requests[key]["tier"]]
            used = Held()
            for row in self.solution["placements"]:
                other = self.requests[row["key"]]
                recalled = other["preemptible"] and not other["pinned"] and self.tier[other["tier"]] > own
                if not recalled:
                    self._count(used, row, other)
            self._held[key] = used
        return self._held[key]

    def _count(self, used: Held, row: Json, other: Json) -> None:
        begin = self.week(row["start"])
        for week in range(begin, begin + row["weeks"]):
            used.pool[row["pool"], week] += row["accelerators"]
            used.domain[row["pool"], row["domain"], week] += row["accelerators"]
            for floor in self.problem["floors"]:
                lent = floor["lendable"] and other["preemptible"]
                if row["pool"] in floor["pools"] and not self._is_kept_for(floor, other) and not lent:
                    used.floor[floor["key"], week] += row["accelerators"]

    @staticmethod
    def _is_kept_for(floor: Json, request: Json) -> bool:
        team = floor.get("team")
        return bool(request["model_development"]) if team is None else bool(request["team"] == team)

    def free(self, key: str, pool: str, domain: str | None, week: int, *, preemptible: bool, extra: Extra) -> int:
        """Accelerators the request could have in the domain in one week."""
        held = self.held(key)
        free = self._supply(pool, week, extra) - self._serving(pool, week, extra) - held.pool[pool, week]
        if domain is not None:
            there = next(each for each in self.pools[pool]["domains"] if each["key"] == domain)["allocatable"][week]
            there += extra.supply.get((pool, domain, week), 0)
            free = min(free, there - held.domain[pool, domain, week])
        for floor in self.problem["floors"]:
            exempt = self._is_kept_for(floor, self.requests[key]) or (preemptible and floor["lendable"])
            if pool in floor["pools"] and not exempt:
                free = min(free, self._beside_floor(floor, week, held, extra))
        return free

    def _supply(self, pool: str, week: int, extra: Extra) -> int:
        more = sum(amount for (where, _, when), amount in extra.supply.items() if (where, when) == (pool, week))
        return int(self.pools[pool]["allocatable"][week]) + more

    def _serving(self, pool: str, week: int, extra: Extra) -> int:
        return self.serving.get((pool, week), 0) - extra.serving.get((pool, week), 0)

    def _beside_floor(self, floor: Json, week: int, held: Held, extra: Extra) -> int:
        supply = sum(self._supply(pool, week, extra) for pool in floor["pools"])
        serving = sum(self._serving(pool, week, extra) for pool in floor["pools"])
        kept = min(floor["accelerators"][week], supply)
        return supply - kept - serving - held.floor[floor["key"], week]

    def room(self, key: str, asked: Asked | None = None, extra: Extra | None = None) -> dict[int, int]:
        """Option → the most accelerators it could have in its best domain and start."""
        asked, extra = asked or self.asked(key), extra or Extra()
        best: dict[int, int] = {}
        for number, (pools, _, weeks) in enumerate(asked.options):
            for pool in pools:
                for domain in self.domains(pool):
                    row = [
                        self.free(key, pool, domain, week, preemptible=asked.preemptible, extra=extra)
                        for week in range(max(0, asked.first), min(self.weeks, asked.last + weeks))
                    ]
                    for begin in range(len(row) - weeks + 1):
                        most = min(row[begin : begin + weeks])
                        best[number] = max(best.get(number, most), most)
        return best

    def fits(self, key: str, asked: Asked | None = None, extra: Extra | None = None) -> bool:
        asked = asked or self.asked(key)
        room = self.room(key, asked, extra)
        return any(room.get(number, -1) >= option[1] for number, option in enumerate(asked.options))

    def verdict(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        """(the change applied fits, one unit less fits): true and false is what an explanation promises."""
        return getattr(self, "_" + change["change"])(unplaced, change)

    def _fewer_accelerators(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        asked = self.asked(unplaced["key"])
        chosen = [option for option in asked.options if option[1] == unplaced["needed"]]

        def tried(accelerators: int) -> bool:
            options = tuple((pools, accelerators, weeks) for pools, _, weeks in chosen)
            return self.fits(unplaced["key"], replace(asked, options=options))

        return tried(change["accelerators"]), tried(change["accelerators"] + 1)

    def _later_start(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        asked, start = self.asked(unplaced["key"]), self.week(change["start"])
        earlier = replace(asked, last=start - 1)
        return self.fits(unplaced["key"], replace(asked, first=start, last=start)), self.fits(unplaced["key"], earlier)

    def _shorter(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        """Of all options that asked for more; one unit less shorter is a week more."""
        asked = self.asked(unplaced["key"])

        def tried(longer: int) -> bool:
            weeks = change["weeks"] + longer
            options = tuple((pools, n, weeks) for pools, n, asks in asked.options if asks >= weeks)
            return self.fits(unplaced["key"], replace(asked, options=options))

        return tried(0), tried(1)

    def _other_pool(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        """With every option that accepts the pool's type."""
        asked, kind = self.asked(unplaced["key"]), self.pools[change["pool"]]["accelerator_type"]
        options = tuple(
            ((change["pool"],), n, weeks)
            for pools, n, weeks in asked.options
            if kind in {self.pools[pool]["accelerator_type"] for pool in pools}
        )
        return self.fits(unplaced["key"], replace(asked, options=options)), self.fits(unplaced["key"])

    def _preemptible(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        asked = self.asked(unplaced["key"])
        return self.fits(unplaced["key"], replace(asked, preemptible=True)), self.fits(unplaced["key"])

    def _more_supply(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        first, node = self.week(change["from"]), self.pools[change["pool"]].get("node_size", 1)

        def tried(accelerators: int) -> bool:
            weeks = range(first, first + change["weeks"])
            return any(
                self.fits(
                    unplaced["key"],
                    extra=Extra({(change["pool"], domain, week): accelerators for week in weeks}),
                )
                for domain in self.domains(change["pool"])
            )

        return tried(change["accelerators"]), tried(change["accelerators"] - node)

    def _earlier_delivery(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        arrival, pool = self.week(change["from"]), self.pools[change["pool"]]
        supplies = {each["key"]: each["allocatable"] for each in pool.get("domains", [])} or {None: pool["allocatable"]}

        def tried(weeks: int) -> bool:
            return any(
                self.fits(
                    unplaced["key"],
                    extra=Extra(
                        {(pool["key"], domain, t): change["accelerators"] for t in range(arrival - weeks, arrival)}
                    ),
                )
                for domain, supply in supplies.items()
                if supply[arrival] - supply[arrival - 1] == change["accelerators"]
            )

        return tried(change["weeks"]), tried(change["weeks"] - 1)

    def _smaller_serving(self, unplaced: Json, change: Json) -> tuple[bool, bool]:
        """In one pool, in the weeks in which its class holds that much there, and it is served that much."""
        demand = next(row for row in self.problem["serving"] if row["key"] == change["key"])
        allocated = {
            (row["pool"], self.week(row["week"])): row["accelerators"]
            for row in self.solution["allocations"]
            if row["class"] == demand["class"]
        }

        served = {self.week(row["week"]): row["work"] for row in self.solution["served"] if row["key"] == change["key"]}

        def tried(option: Json, accelerators: int) -> bool:
            least = (accelerators - option.get("replica_accelerators", 1)) * option["work_per_accelerator"]
            less = {
                at: accelerators
                for at, held in allocated.items()
                if at[0] == option["pool"] and held >= accelerators and served.get(at[1], 0) > least
            }
            return self.fits(unplaced["key"], extra=Extra(serving=less))

        sizes = [(option, option.get("replica_accelerators", 1)) for option in demand["options"]]
        whole = [(option, size) for option, size in sizes if change["accelerators"] % size == 0]
        return (
            any(tried(option, change["accelerators"]) for option, _ in whole),
            any(tried(option, change["accelerators"] - size) for option, size in whole),
        )

"""The best plan of a tiny problem by trying all of them: a second reading of the policy, sharing no code with the engine.

What belongs here: enumeration over the file form. Values are lists in tier order, all to be made small: (dollars,
unmet accelerators) of a serving tier, (minus weighted accelerator-weeks) of an experiment tier.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from itertools import product
from typing import Any

HOURS = 168
Place = dict[tuple[str, str | None, int], int]  # (pool, domain, week) → accelerators
Value = tuple[Fraction, Fraction]


def exact(number: float | None) -> Fraction:
    return Fraction(str(number)) if number is not None else Fraction(0)


def best_values(problem: dict[str, Any]) -> list[Value]:
    """The lexicographically least values of all tiers over every feasible plan."""
    choices = [list(_places(problem, row)) for row in problem["experiments"]]
    choices = _keep_fitting_pins(problem, choices)
    best: list[Value] | None = None
    known: dict[Any, list[Value] | None] = {}
    for places in product(*choices):
        value = _value_of(problem, places, known)
        if value is not None and (best is None or value < best):
            best = value
    assert best is not None
    return best


def _week(problem: dict[str, Any], monday: str) -> int:
    return (date.fromisoformat(monday) - date.fromisoformat(problem["first_week"])).days // 7


def _options(row: dict[str, Any]) -> list[dict[str, Any]]:
    return row.get("options") or [
        {"pool": pool, "accelerators": row["accelerators"], "weeks": row["weeks"]} for pool in row.get("pools", [])
    ]


def _places(problem: dict[str, Any], row: dict[str, Any]) -> Iterator[Place]:
    pools = {pool["key"]: pool for pool in problem["pools"]}
    if row.get("pinned"):
        pin = row["pinned"]
        option = next(o for o in _options(row) if o["pool"] == pin["pool"])
        start = _week(problem, pin["start"])
        inside = [w for w in range(start, start + option["weeks"]) if 0 <= w < problem["weeks"]]
        yield {(pin["pool"], pin["domain"], week): option["accelerators"] for week in inside}
        return
    yield {}
    if row["divisible"]:
        yield from _divided(problem, row)
        return
    earliest, latest = _week(problem, row["earliest_start"]), _week(problem, row["latest_start"])
    for option in _options(row):
        for domain in pools[option["pool"]].get("domains") or [{"key": None}]:
            for start in range(max(0, earliest), min(latest, problem["weeks"] - option["weeks"]) + 1):
                weeks = range(start, start + option["weeks"])
                yield {(option["pool"], domain["key"], week): option["accelerators"] for week in weeks}


def _divided(problem: dict[str, Any], row: dict[str, Any]) -> Iterator[Place]:
    """Every split over weeks and pools; the short form is one option over all its pools."""
    earliest, latest = max(0, _week(problem, row["earliest_start"])), _week(problem, row["latest_start"])
    if "options" in row:
        groups = [([o["pool"]], o["accelerators"], o["weeks"]) for o in row["options"]]
    else:
        groups = [(row["pools"], row["accelerators"], row["weeks"])]
    for pools, most, weeks in groups:
        window = range(earliest, min(latest + weeks, problem["weeks"]))
        a_week = [split for split in product(range(most + 1), repeat=len(pools)) if sum(split) <= most]
        for split in product(a_week, repeat=len(window)):
            if sum(map(sum, split)) <= most * weeks:
                yield {
                    (pool, None, week): amount
                    for week, parts in zip(window, split, strict=True)
                    for pool, amount in zip(pools, parts, strict=True)
                    if amount
                }


def _keep_fitting_pins(problem: dict[str, Any], choices: list[list[Place]]) -> list[list[Place]]:
    """Pins in tier and key order; one that does not fit with those before it is nowhere."""
    order = sorted((problem["tiers"].index(row["tier"]), row["key"], n) for n, row in enumerate(problem["experiments"]))
    placed: list[Place] = [{} for _ in choices]
    for _, _, n in order:
        if problem["experiments"][n].get("pinned"):
            placed[n] = choices[n][0]
            if not _experiments_fit(problem, placed):
                placed[n] = {}
            choices[n] = [placed[n]]
    return choices


def _experiments_fit(problem: dict[str, Any], places: list[Place] | tuple[Place, ...]) -> bool:
    """Domains, pools and floors hold the experiments alone."""
    for week in range(problem["weeks"]):
        for pool in problem["pools"]:
            if _used(places, pool["key"], week) > pool["allocatable"][week]:
                return False
            for domain in pool.get("domains", []):
                inside = sum(place.get((pool["key"], domain["key"], week), 0) for place in places)
                if inside > domain["allocatable"][week]:
                    return False
        if any(_floor_room(problem, floor, places, week) < 0 for floor in problem["floors"]):
            return False
    return True


def _used(places: list[Place] | tuple[Place, ...], pool: str, week: int) -> int:
    return sum(amount for place in places for (p, _, w), amount in place.items() if (p, w) == (pool, week))


def _floor_room(
    problem: dict[str, Any], floor: dict[str, Any], places: list[Place] | tuple[Place, ...], week: int
) -> int:
    supply = sum(pool["allocatable"][week] for pool in problem["pools"] if pool["key"] in floor["pools"])
    used = 0
    for row, place in zip(problem["experiments"], places, strict=True):
        is_for = row["model_development"] if floor.get("team") is None else row["team"] == floor["team"]
        if is_for or (row["preemptible"] and floor["lendable"]):
            continue
        used += sum(amount for (p, _, w), amount in place.items() if w == week and p in floor["pools"])
    return supply - min(supply, floor["accelerators"][week]) - used


def _value_of(problem: dict[str, Any], places: tuple[Place, ...], known: dict[Any, Any]) -> list[Value] | None:
    if not _experiments_fit(problem, places):
        return None
    total = [(Fraction(0), Fraction(0)) for _ in problem["tiers"]]
    for week in range(problem["weeks"]):
        room = {pool["key"]: pool["allocatable"][week] - _used(places, pool["key"], week) for pool in problem["pools"]}
        floors = tuple(_floor_room(problem, floor, places, week) for floor in problem["floors"])
        state = (week, tuple(room.values()), floors)
        if state not in known:
            known[state] = _best_serving(problem, week, room, floors)
        total = [(a + c, b + d) for (a, b), (c, d) in zip(total, known[state], strict=True)]
    for row, place in zip(problem["experiments"], places, strict=True):
        tier = problem["tiers"].index(row["tier"])
        total[tier] = (total[tier][0] - exact(row["weight"]) * sum(place.values()), Fraction(0))
    return total


def _best_serving(problem: dict[str, Any], week: int, room: dict[str, int], floors: tuple[int, ...]) -> list[Value]:
    """Least values over every count of replicas by class, tier and pool, and every purchase of burst."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in problem["serving"]:
        if row["work"][week]:
            groups.setdefault(row["class"], []).append(row)
    per_class = [list(_class_plans(problem, rows, week)) for rows in groups.values()]
    best = None
    for plans in product(*per_class):
        used: dict[tuple[int, str], int] = {}
        value = [[Fraction(0), Fraction(0)] for _ in problem["tiers"]]
        for counts, part in plans:
            for at, accelerators in counts.items():
                used[at] = used.get(at, 0) + accelerators
            for tier, (usd, unmet) in part.items():
                value[tier][0] += usd
                value[tier][1] += unmet
        for bought in _purchases(problem, week, used):
            if _serving_fits(problem, room, floors, used, bought):
                found = [(usd + _burst_usd(problem, bought, tier), unmet) for tier, (usd, unmet) in enumerate(value)]
                best = found if best is None or found < best else best
    assert best is not None
    return best


def _class_plans(
    problem: dict[str, Any], rows: list[dict[str, Any]], week: int
) -> Iterator[tuple[dict[tuple[int, str], int], dict[int, Value]]]:
    """((tier, pool) → accelerators, tier → (dollars, unmet)) for every count of replicas of one class."""
    options, most_pools = rows[0]["options"], rows[0]["max_pools"]
    tiers = sorted({problem["tiers"].index(row["tier"]) for row in rows})
    ranges = []
    for tier in tiers:
        work = sum(exact(row["work"][week]) for row in rows if problem["tiers"].index(row["tier"]) == tier)
        for option in options:
            each = exact(option["work_per_accelerator"]) * option["replica_accelerators"]
            ranges.append([(tier, option, count) for count in range(int(-(-work // each)) + 1)])
    for counts in product(*ranges):
        pools = {option["pool"] for _, option, count in counts if count}
        if most_pools is None or len(pools) <= most_pools:
            used: dict[tuple[int, str], int] = {}
            for tier, option, count in counts:
                used[tier, option["pool"]] = count * option["replica_accelerators"]
            yield used, _class_value(problem, rows, week, counts, tiers)


def _class_value(
    problem: dict[str, Any], rows: list[dict[str, Any]], week: int, counts: tuple[Any, ...], tiers: list[int]
) -> dict[int, Value]:
    best_rate = max((exact(o["work_per_accelerator"]) for o in rows[0]["options"]), default=Fraction(1))
    left = Fraction(0)
    value: dict[int, Value] = {}
    for tier in tiers:
        for t, option, count in counts:
            if t == tier:
                left += count * option["replica_accelerators"] * exact(option["work_per_accelerator"])
        members = [row for row in rows if problem["tiers"].index(row["tier"]) == tier]
        usd = unmet = Fraction(0)
        for row in sorted(
            members, key=lambda r: (r["usd_lost_per_work_week"] is None, -exact(r["usd_lost_per_work_week"]))
        ):
            done = min(left, exact(row["work"][week]))
            left -= done
            short = exact(row["work"][week]) - done
            if row["usd_lost_per_work_week"] is None:
                unmet += short / best_rate
            else:
                usd += short * exact(row["usd_lost_per_work_week"])
        value[tier] = (usd, unmet)
    return value


def _purchases(
    problem: dict[str, Any], week: int, used: dict[tuple[int, str], int]
) -> Iterator[dict[tuple[int, str], int]]:
    serving = {row["tier"] for row in problem["serving"]}
    places = []
    for pool in problem["pools"]:
        for tier in pool.get("burst", {}).get("tiers", sorted(serving)) if "burst" in pool else []:
            place = (problem["tiers"].index(tier), pool["key"])
            most = min(used.get(place, 0), pool["burst"]["accelerators"][week])
            places.append([(place, amount) for amount in range(most + 1)])
    limits = {pool["key"]: pool["burst"]["accelerators"][week] for pool in problem["pools"] if "burst" in pool}
    for amounts in product(*places):
        bought = dict(amounts)
        if all(sum(n for (_, p), n in bought.items() if p == pool) <= most for pool, most in limits.items()):
            yield bought


def _serving_fits(
    problem: dict[str, Any],
    room: dict[str, int],
    floors: tuple[int, ...],
    used: dict[tuple[int, str], int],
    bought: dict[tuple[int, str], int],
) -> bool:
    net = dict.fromkeys(room, 0)
    for (_, pool), accelerators in used.items():
        net[pool] += accelerators
    for (_, pool), accelerators in bought.items():
        net[pool] -= accelerators
    if any(net[pool] > free for pool, free in room.items()):
        return False
    return all(
        sum(net[pool] for pool in floor["pools"]) <= free for floor, free in zip(problem["floors"], floors, strict=True)
    )


def _burst_usd(problem: dict[str, Any], bought: dict[tuple[int, str], int], tier: int) -> Fraction:
    prices = {
        pool["key"]: exact(pool["burst"]["usd_per_accelerator_hour"]) for pool in problem["pools"] if "burst" in pool
    }
    return sum((HOURS * n * prices[pool] for (k, pool), n in bought.items() if k == tier), Fraction(0))

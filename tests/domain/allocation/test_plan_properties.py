"""How plans of problems that are alike compare: order of rows, names, supply, requests added, changed and removed.

What belongs here: properties over two plans, whole and by parts. What one plan keeps is `test_plan_balances`; what it
says of requests without a place is `test_reasons_hold`.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from capacity.allocation.domain.engine import SolveOptions, solve
from tests.benchmarks.made_problems import made_problem
from tests.domain.allocation import small_problems
from tests.domain.allocation.for_all import BY_PARTS, CHANCE, PROBLEMS, ROUTES, for_all, plan_of
from tests.domain.allocation.tiny_problems import as_problem

TOLERANCE = 1e-6
PROVEN = 1e-6
Row = dict[str, Any]


def shuffled(value: Any, rng: random.Random) -> Any:
    """The same problem with its rows, and the names inside them, in another order; weekly lists and tiers stay."""
    if isinstance(value, dict):
        names = list(value)
        rng.shuffle(names)
        return {name: value[name] if name == "tiers" else shuffled(value[name], rng) for name in names}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        rows = [shuffled(row, rng) for row in value]
        rng.shuffle(rows)
        return rows
    if isinstance(value, list) and value and isinstance(value[0], str):
        return rng.sample(value, len(value))
    return value


@for_all(PROBLEMS, CHANCE, ROUTES, examples=20)
def test_the_order_of_rows_does_not_change_a_byte_of_the_plan(
    document: Row, rng: random.Random, route: SolveOptions | None
) -> None:
    other = shuffled(document, rng)
    assert json.dumps(plan_of(document, route)) == json.dumps(plan_of(other, route))


def test_a_middling_plan_by_parts_is_repeatable_whatever_the_order_of_rows() -> None:
    document = made_problem(seed=11, pools=2, demands=6, experiments=10, weeks=10, ask=0.3)
    first = plan_of(document, BY_PARTS)
    assert first["unplaced"] or first["placements"]
    for seed in range(2):
        assert json.dumps(plan_of(shuffled(document, random.Random(seed)), BY_PARTS)) == json.dumps(first)


@for_all(st.integers(1, 10_000), examples=5)
def test_middling_plans_by_parts_stay_within_the_bounds_that_whole_plans_prove(seed: int) -> None:
    document = made_problem(seed=seed, pools=2, demands=4, experiments=6, weeks=8, ask=0.3, load=0.7)
    problem = as_problem(document)
    whole = solve(problem=problem, options=SolveOptions(ties_limit=0))
    parts = solve(problem=problem, options=BY_PARTS)
    for best, found in zip(whole.tiers, parts.tiers, strict=True):
        sign = 1 if found.unit == "usd" else -1
        assert sign * found.bound <= sign * best.value + 1e-6 * max(1.0, abs(best.value)), (best, found)
        if abs(best.value - found.value) > 1e-6 * max(1.0, abs(best.value)):
            assert whole.termination != "optimal" or sign * found.value > sign * best.value
            break


def tier_rows(plan: Row) -> list[tuple[float, float, bool]]:
    """(value, unmet accelerators, is proven) of every tier in order, both numbers to be small."""
    found = []
    for tier in plan["tiers"]:
        value = tier["value"] if tier["unit"] == "usd" else -tier["value"]
        found.append((value, tier.get("unmet_accelerators", 0.0), tier["gap_relative"] <= PROVEN))
    return found


def compared(
    now: list[tuple[float, float, bool]], before: list[tuple[float, float, bool]]
) -> Iterator[tuple[int, float]]:
    """(tier, how much worse it is now) in order, as long as both plans prove what they reached.

    The unmet accelerators after the dollars have no bound of their own: they are proven where all is solved whole.
    """
    for tier, (row, other) in enumerate(zip(now, before, strict=True)):
        if not (row[2] and other[2]):
            return
        yield tier, row[0] - other[0]
        yield tier, row[1] - other[1]


def assert_not_worse(now: list[tuple[float, float, bool]], before: list[tuple[float, float, bool]]) -> None:
    """Lexicographic, within the solver's tolerance."""
    for _, worse in compared(now, before):
        assert worse <= TOLERANCE, (now, before)
        if worse < -TOLERANCE:
            return


def held_absolute(document: Row) -> Row:
    """Without what the promise about more supply leaves out."""
    # A floor that is capped at supply grows with it: the promise is for floors that are held absolute.
    document = copy.deepcopy(document)
    supply = {pool["key"]: pool["allocatable"] for pool in document["pools"]}
    for floor in document["floors"]:
        there = [sum(supply[key][t] for key in floor["pools"]) for t in range(document["weeks"])]
        floor["accelerators"] = [min(asked, most) for asked, most in zip(floor["accelerators"], there, strict=True)]
    # A pin that did not fit may fit now; it is not chosen by the tiers.
    for row in document["experiments"]:
        row.pop("pinned", None)
    return document


def with_more_supply(document: Row, rng: random.Random) -> Row:
    more = copy.deepcopy(document)
    pool = rng.choice(more["pools"])
    rows = [pool, rng.choice(pool["domains"])] if "domains" in pool else [pool]
    extra = [rng.choice([0, 1, 3]) for _ in range(document["weeks"])]
    for row in rows:
        row["allocatable"] = [there + n for there, n in zip(row["allocatable"], extra, strict=True)]
    return more


@for_all(PROBLEMS, CHANCE, examples=20)
def test_more_supply_never_makes_the_tiers_worse(document: Row, rng: random.Random) -> None:
    document = held_absolute(document)
    more = with_more_supply(document, rng)
    assert_not_worse(tier_rows(plan_of(more)), tier_rows(plan_of(document)))


def with_another_request(document: Row, rng: random.Random, *, number: int = 9) -> tuple[Row, int]:
    """The problem with one request added, changed or taken away, and the tier of it (the upper one if it moved)."""
    other = copy.deepcopy(document)
    name = rng.choice(["serving", "experiments"])
    new = _new_request(other, rng, name, number)
    free = [n for n, row in enumerate(other[name]) if not row.get("pinned")]
    kind = rng.choice(["add", "change", "remove"]) if free else "add"
    rows, tiers = other[name], [new["tier"]]
    if kind == "add":
        rows.append(new)
        return other, min(map(other["tiers"].index, tiers))
    old = rows.pop(rng.choice(free))
    tiers = [old["tier"], new["tier"]] if kind == "change" else [old["tier"]]
    if kind == "change":
        rows.append(new | {"key": old["key"]})
    return other, min(map(other["tiers"].index, tiers))


def _new_request(document: Row, rng: random.Random, name: str, number: int) -> Row:
    tiers = [tier for tier in document["tiers"] if (tier in small_problems.SERVING_TIERS) == (name == "serving")]
    if name == "experiments":
        new = small_problems.experiment(rng, number, document["pools"], document["weeks"], tiers)
        new.pop("pinned", None)
        return new
    keys = [pool["key"] for pool in document["pools"]]
    new = small_problems.demand(
        rng, number, small_problems.serving_class(rng, keys, f"new{number}"), document["weeks"], tiers
    )
    peers = [row for row in document["serving"] if rng.random() < 0.7]
    for peer in peers[:1]:
        new |= {same: peer[same] for same in ("class", "options", "max_pools")}
    return new


@for_all(PROBLEMS, CHANCE, ROUTES, examples=20)
def test_another_request_never_changes_the_value_of_a_tier_above_its_own(
    document: Row, rng: random.Random, route: SolveOptions | None
) -> None:
    other, own = with_another_request(document, rng)
    assert_same_above(own, tier_rows(plan_of(other, route)), tier_rows(plan_of(document, route)))


def assert_same_above(own: int, now: list[tuple[float, float, bool]], before: list[tuple[float, float, bool]]) -> None:
    for tier, worse in compared(now, before):
        assert tier >= own or abs(worse) <= TOLERANCE, tier


@for_all(PROBLEMS, CHANCE, examples=20)
def test_names_do_not_change_the_value_of_a_tier(document: Row, rng: random.Random) -> None:
    # Pins that do not fit together are taken in key order.
    for row in document["experiments"]:
        row.pop("pinned", None)
    names: dict[str, str] = {}

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            kept = ("first_week", "earliest_start", "latest_start", "start")
            return {name: item if name in kept else renamed(item) for name, item in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        if isinstance(value, str) and value not in names:
            names[value] = f"{rng.choice('abcXYZ019')}{rng.randint(0, 99)}_{len(names)}"
        return names[value] if isinstance(value, str) else value

    found, before = tier_rows(plan_of(renamed(document))), tier_rows(plan_of(document))
    assert all(
        abs(a - b) <= TOLERANCE
        for row, other in zip(found, before, strict=True)
        for a, b in zip(row, other, strict=True)
    )

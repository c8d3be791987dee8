"""What holds for every plan: order of rows, names, more supply, lower tiers, and reasons that are true.

What belongs here: properties over generated problems. Balances need no test of their own: the engine refuses to
return a plan that `check_solution` finds wrong, and test_checks shows that it finds what is wrong.
"""

from __future__ import annotations

import copy
import json
import random
import re
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.solution import Solution, solution_to_json
from tests.benchmarks.made_problems import made_problem
from tests.domain.allocation.tiny_problems import as_problem, monday, tiny_problem

SEEDS = st.integers(min_value=10_000, max_value=10_000_000)
QUICK = settings(max_examples=200, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
FEW = settings(QUICK, max_examples=60)
BY_PARTS = SolveOptions(whole_limit=0)
TOLERANCE = 1e-6


def plan_of(document: dict[str, Any], options: SolveOptions | None = None) -> dict[str, Any]:
    rows = solution_to_json(solve(problem=as_problem(document), options=options))
    del rows["seconds"]
    return rows


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
    return value


@QUICK
@given(SEEDS)
def test_the_order_of_rows_does_not_change_a_byte_of_the_plan(seed: int) -> None:
    document = tiny_problem(seed)
    other = shuffled(document, random.Random(seed))
    assert json.dumps(plan_of(document)) == json.dumps(plan_of(other))


@FEW
@given(SEEDS)
def test_the_order_of_rows_does_not_change_a_plan_by_parts(seed: int) -> None:
    document = tiny_problem(seed)
    other = shuffled(document, random.Random(seed))
    assert json.dumps(plan_of(document, BY_PARTS)) == json.dumps(plan_of(other, BY_PARTS))


def test_a_middling_plan_by_parts_is_repeatable_whatever_the_order_of_rows() -> None:
    document = made_problem(seed=11, pools=4, demands=10, experiments=20, weeks=20, ask=0.3)
    first = plan_of(document, BY_PARTS)
    assert first["unplaced"] or first["placements"]
    for seed in range(3):
        assert json.dumps(plan_of(shuffled(document, random.Random(seed)), BY_PARTS)) == json.dumps(first)


@settings(FEW, max_examples=8)
@given(st.integers(1, 10_000))
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


def tier_vector(document: dict[str, Any]) -> list[float]:
    """All to be small, in tier order."""
    found: list[float] = []
    for tier in solve(problem=as_problem(document)).tiers:
        found += [-tier.value if tier.unit != "usd" else tier.value, tier.unmet_accelerators or 0.0]
    return found


def assert_not_worse(found: list[float], before: list[float]) -> None:
    """Lexicographic, within the solver's tolerance."""
    for now, then in zip(found, before, strict=True):
        if abs(now - then) > TOLERANCE:
            assert now < then, (found, before)
            return


@QUICK
@given(SEEDS, st.integers(0, 1), st.integers(1, 3))
def test_more_supply_never_makes_the_tiers_worse(seed: int, which: int, extra: int) -> None:
    document = tiny_problem(seed)
    # A floor that is capped at supply grows with it: the promise is for floors that are held absolute.
    for floor in document["floors"]:
        rows = [pool["allocatable"] for pool in document["pools"] if pool["key"] in floor["pools"]]
        floor["accelerators"] = [
            min(asked, *[sum(week) for week in zip(*rows, strict=True)][t : t + 1])
            for t, asked in enumerate(floor["accelerators"])
        ]
    more = copy.deepcopy(document)
    pool = more["pools"][which % len(more["pools"])]
    pool["allocatable"] = [supply + extra for supply in pool["allocatable"]]
    if "domains" in pool:
        pool["domains"][0]["allocatable"] = [supply + extra for supply in pool["domains"][0]["allocatable"]]
    # A pin that did not fit may fit now; it is not chosen by the tiers.
    for row in [*document["experiments"], *more["experiments"]]:
        row.pop("pinned", None)
    assert_not_worse(tier_vector(more), tier_vector(document))


@QUICK
@given(SEEDS, st.integers(1, 4), st.booleans())
def test_a_new_request_never_lowers_a_tier_above_its_own(seed: int, accelerators: int, development: bool) -> None:
    document = tiny_problem(seed)
    before = tier_vector(document)
    request = {
        "key": "late",
        "tier": "P1",
        "team": "posttraining",
        "model_development": development,
        "accelerators": accelerators,
        "weeks": 1,
        "earliest_start": monday(0),
        "latest_start": monday(document["weeks"] - 1),
        "pools": [pool["key"] for pool in document["pools"]],
    }
    document["experiments"].append(request)
    after = tier_vector(document)
    above = 2 * document["tiers"].index("P1")
    assert after[:above] == before[:above] or all(
        abs(a - b) <= TOLERANCE for a, b in zip(after[:above], before[:above], strict=True)
    )


@QUICK
@given(SEEDS)
def test_names_do_not_change_the_value_of_a_tier(seed: int) -> None:
    document = tiny_problem(seed)
    names = {"west": "zz.west", "chat": "zz"}
    names |= {f"experiment{n}": f"a-{9 - n}" for n in range(3)} | {f"demand{n}": f"zz_{9 - n}" for n in range(3)}
    renamed = json.loads(re.sub(r'"(\w+)"', lambda name: f'"{names.get(name[1], name[1])}"', json.dumps(document)))
    if any(row.get("pinned") for row in document["experiments"]):
        return  # pins that do not fit together are taken in key order
    found, before = tier_vector(renamed), tier_vector(document)
    assert all(abs(a - b) <= TOLERANCE for a, b in zip(found, before, strict=True))


@QUICK
@given(SEEDS, st.booleans())
def test_a_smallest_change_fits_and_one_unit_less_does_not(seed: int, by_parts: bool) -> None:
    document = tiny_problem(seed)
    solution = solve(problem=as_problem(document), options=BY_PARTS if by_parts else None)
    residual = Held(document, solution)
    for row in solution.unplaced:
        request = next(r for r in document["experiments"] if r["key"] == row.key)
        if request["divisible"] or request.get("pinned"):
            assert row.smallest_changes == ()
            continue
        assert not residual.fits(request), row
        for change in row.smallest_changes:
            if change.change == "fewer_accelerators" and "options" not in request:
                assert residual.fits(request | {"accelerators": change.accelerators}), (row, change)
                assert not residual.fits(request | {"accelerators": (change.accelerators or 0) + 1}), (row, change)
            elif change.change == "shorter" and "options" not in request:
                assert residual.fits(request | {"weeks": change.weeks})
                assert not residual.fits(request | {"weeks": (change.weeks or 0) + 1})
            elif change.change == "later_start" and change.start is not None:
                start = change.start.monday.isoformat()
                window = {"earliest_start": request["latest_start"], "latest_start": start}
                before = {"earliest_start": request["earliest_start"], "latest_start": _before(start)}
                assert residual.fits(request | window)
                assert not residual.fits(request | before)
            elif change.change == "preemptible":
                assert residual.fits(request | {"preemptible": True})
            elif change.change == "more_supply":
                assert residual.fits(request, more=(change.pool, change.from_, change.weeks, change.accelerators))
                node = next(p.get("node_size", 1) for p in document["pools"] if p["key"] == change.pool)
                less = (change.accelerators or 0) - node
                assert not residual.fits(request, more=(change.pool, change.from_, change.weeks, less))


def _before(start: str) -> str:
    return next(monday(n - 1) for n in range(-5, 10) if monday(n) == start)


class Held:
    """Room for a request with the rows of a solution held, from the rows alone."""

    def __init__(self, document: dict[str, Any], solution: Solution) -> None:
        self.document, self.solution = document, solution
        self.rows = {row["key"]: row for row in document["experiments"]}

    def fits(self, request: dict[str, Any], more: tuple[Any, ...] | None = None) -> bool:
        options = request.get("options") or [request | {"pool": pool} for pool in request["pools"]]
        weeks = self.document["weeks"]
        start_of = {monday(n): n for n in range(-10, 20)}
        earliest, latest = start_of[request["earliest_start"]], start_of[request["latest_start"]]
        for option in options:
            pool = next(pool for pool in self.document["pools"] if pool["key"] == option["pool"])
            for domain in pool.get("domains", [None]):
                for start in range(max(0, earliest), min(latest, weeks - option["weeks"]) + 1):
                    span = range(start, start + option["weeks"])
                    if all(self._free(request, pool, domain, t, more) >= option["accelerators"] for t in span):
                        return True
        return False

    def _free(
        self, request: dict[str, Any], pool: dict[str, Any], domain: dict[str, Any] | None, t: int, more: Any
    ) -> int:
        extra = 0
        if more is not None and more[0] == pool["key"]:
            first = next(n for n in range(20) if monday(n) == more[1].monday.isoformat())
            extra = more[3] if first <= t < first + more[2] else 0
        free = pool["allocatable"][t] + extra - self._used([pool["key"]], t, request, everyone=True)
        if domain is not None:
            inside = self._placed([pool["key"]], t, request, everyone=True, domain=domain["key"])
            free = min(free, domain["allocatable"][t] + extra - inside)
        for floor in self.document["floors"]:
            lent = request["preemptible"] and floor["lendable"]
            if pool["key"] in floor["pools"] and not request["model_development"] and not lent:
                supply = sum(p["allocatable"][t] for p in self.document["pools"] if p["key"] in floor["pools"]) + extra
                kept = min(floor["accelerators"][t], supply)
                used = self._used(floor["pools"], t, request, everyone=False, lendable=floor["lendable"])
                free = min(free, supply - kept - used)
        return free

    def _used(
        self, pools: list[str], t: int, request: dict[str, Any], *, everyone: bool, lendable: bool = False
    ) -> int:
        week = monday(t)
        serving = sum(
            row.accelerators
            for row in self.solution.allocations
            if row.pool in pools and row.week.monday.isoformat() == week
        )
        bought = sum(
            row.accelerators for row in self.solution.burst if row.pool in pools and row.week.monday.isoformat() == week
        )
        return serving - bought + self._placed(pools, t, request, everyone=everyone, lendable=lendable)

    def _placed(
        self,
        pools: list[str],
        t: int,
        request: dict[str, Any],
        *,
        everyone: bool,
        lendable: bool = False,
        domain: str | None = None,
    ) -> int:
        """Placed work; preemptible work of lower tiers is recalled first and so not held."""
        total = 0
        tiers = self.document["tiers"]
        for row in self.solution.placements:
            other = self.rows[row.key]
            recalled = (
                other["preemptible"]
                and not other.get("pinned")
                and tiers.index(other["tier"]) > tiers.index(request["tier"])
            )
            counted = everyone or not (other["model_development"] or (other["preemptible"] and lendable))
            weeks = [row.start.plus(offset).monday.isoformat() for offset in range(row.weeks)]
            if row.pool in pools and not recalled and counted and monday(t) in weeks and domain in (None, row.domain):
                total += row.accelerators
        return total

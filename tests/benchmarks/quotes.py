"""Quotes for the measurements: fifty different ones on the demo world, and the room check on a made problem.

`python -m tests.benchmarks.quotes PROBLEM` prints a line of JSON: seconds to find the room of a demand added to a
problem of any size, and of its quick what-if. The fifty on the demo world are measured through the product's own calls
by test_quote_speed.py.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

from capacity.allocation.domain.engine import SolveOptions, solve
from capacity.allocation.domain.problem import Problem, ServingDemand
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.room import unmet_of_tier
from capacity.allocation.domain.what_if import HotPlan

SEED = 7
COUNT = 50
WORKLOADS = ("chat-frontier", "docs-frontier", "docs-frontier-eu", "voice-mid", "assistant-mid", "search-frontier")
TYPES = ("h100", "h200", "b200", "b300", "mi355x")
_TOKEN_PRICES = (("uncached_input", "3"), ("cached_input", "0.3"), ("output", "15"))


def made_quotes(first: date, *, count: int = COUNT, seed: int = SEED) -> list[dict[str, Any]]:
    """Different quotes as the API is sent them: every second dedicated accelerators, the others tokens of a workload."""
    chance = random.Random(seed)
    return [
        _dedicated(chance, first, number) if number % 2 else _tokens(chance, first, number) for number in range(count)
    ]


def _term(chance: random.Random, first: date) -> dict[str, str]:
    starts = first + timedelta(weeks=chance.randint(2, 30))
    return {
        "starts_date": starts.isoformat(),
        "ends_date": (starts + timedelta(weeks=chance.choice((26, 52)))).isoformat(),
    }


def _dedicated(chance: random.Random, first: date, number: int) -> dict[str, Any]:
    kind, units = chance.choice(TYPES), chance.randint(8, 1200)
    return {
        "name": f"quote {number}",
        "contract": {"shape": "dedicated_accelerators", "accelerator_type": kind, **_term(chance, first)},
        "price_lines": [{"kind": "accelerator_hour", "price": str(chance.randint(3, 12))}],
        "commit_steps": [{"kind": "accelerators", "quantity": str(units)}],
    }


def _tokens(chance: random.Random, first: date, number: int) -> dict[str, Any]:
    sent = chance.randint(5, 1500) * 1000
    return {
        "name": f"quote {number}",
        "contract": {
            "shape": chance.choice(("pay_as_you_go", "committed_spend")),
            "workload": chance.choice(WORKLOADS),
            "input_tokens_per_second": str(sent),
            "output_tokens_per_second": str(sent // chance.randint(5, 12)),
            "cache_hit_share": "0.5",
            "p95_multiple": "2",
            **_term(chance, first),
        },
        "price_lines": [{"kind": kind, "price": price} for kind, price in _TOKEN_PRICES],
        "commit_steps": [{"kind": "spend_usd_year", "quantity": str(chance.randint(1, 40) * 100_000)}],
    }


def with_demand(problem: Problem, *, number: int, seed: int = SEED) -> tuple[Problem, set[int]]:
    """The problem with one more committed demand, of the size of a quote, and the weeks it is in."""
    chance = random.Random(seed * 1000 + number)
    like = chance.choice(problem.serving)
    first = chance.randint(1, problem.weeks // 3)
    weeks = set(range(first, min(problem.weeks, first + 52)))
    size = chance.randint(8, 1200)
    work = tuple(Fraction(size) if index in weeks else Fraction(0) for index in range(problem.weeks))
    demand = ServingDemand(
        key=f"quote.{number}",
        class_=f"quote.{number}",
        tier=problem.tiers[0],
        work=work,
        usd_lost_per_work_week=1000,
        options=like.options,
    )
    return replace(problem, serving=(*problem.serving, demand)), weeks


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", type=Path)
    parser.add_argument("--count", type=int, default=COUNT)
    arguments = parser.parse_args()
    problem = problem_from_bytes(arguments.problem.read_bytes())
    solution = solve(problem=problem, options=SolveOptions(effort="quick"))
    hot = HotPlan(problem=problem, solution=solution)
    seconds: dict[str, list[float]] = {"room": [], "quick": []}
    for number in range(arguments.count):
        changed, weeks = with_demand(problem, number=number)
        began = time.perf_counter()
        unmet_of_tier(problem=changed, tier=problem.tiers[0], weeks=weeks)
        seconds["room"].append(time.perf_counter() - began)
        began = time.perf_counter()
        hot.quick(changed=changed)
        seconds["quick"].append(time.perf_counter() - began)
    print(json.dumps(seconds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

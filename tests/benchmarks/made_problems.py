"""Problems made by a seeded generator, in the file form, for timing and for property tests.

What belongs here: synthetic worlds of a given size: pools that arrive and retire, floors, and serving demands.
load is serving work ÷ supply, ask (E) is what experiments want ÷ supply, both in accelerator-weeks. The experiments
themselves are made in `made_experiments`. Nothing here judges a plan.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from dataclasses import dataclass
from datetime import date
from typing import Any

from tests.benchmarks.made_experiments import made_experiments

FIRST = date(2026, 11, 23)
TIERS = ["committed", "forecast", "holds", "P0", "P1", "P2", "P3", "preemptible"]
TIERS_WITH_BATCH = [*TIERS[:-1], "batch", "preemptible"]
DOMAIN_SIZES = (128, 256, 256, 384, 512, 512, 512, 512, 768, 1024)
NODE = 8
HOURS_PER_WEEK = 168


@dataclass(frozen=True, slots=True)
class Size:
    """How large a world is. classes: groups of demands that share replicas. batch: serving below experiments too."""

    pools: int
    demands: int
    experiments: int
    weeks: int
    classes: int
    batch: bool = False


SIZES = {
    "S": Size(pools=10, demands=50, experiments=30, weeks=52, classes=23),
    "R": Size(pools=8, demands=60, experiments=150, weeks=104, classes=28),
    "RB": Size(pools=8, demands=60, experiments=150, weeks=104, classes=28, batch=True),
    "M": Size(pools=30, demands=500, experiments=200, weeks=52, classes=105),
    "L": Size(pools=60, demands=5_000, experiments=1_000, weeks=104, classes=333),
    "XL": Size(pools=100, demands=50_000, experiments=5_000, weeks=156, classes=977),
}
# What experiments ask ÷ supply: ordinary weeks, and weeks in which everybody wants more than there is.
ASKS = (0.15, 0.35)


def sized_problem(name: str, *, ask: float = 0.15, seed: int = 1) -> dict[str, Any]:
    """The problem of a named size (a key of SIZES)."""
    size = SIZES[name]
    return made_problem(
        seed=seed,
        pools=size.pools,
        demands=size.demands,
        experiments=size.experiments,
        weeks=size.weeks,
        classes=size.classes,
        batch=size.batch,
        ask=ask,
    )


def made_problem(
    *,
    seed: int,
    pools: int,
    demands: int,
    experiments: int,
    weeks: int,
    classes: int | None = None,
    batch: bool = False,
    load: float = 0.55,
    ask: float = 0.15,
) -> dict[str, Any]:
    """One problem of the given size; the same arguments always give the same problem.

    ask is met within 2 % where the domains are large enough for gangs of that size; a tiny world may stay below it.
    """
    rng = random.Random(seed)
    rows = [_pool(rng, number, pools, weeks) for number in range(pools)]
    supply = sum(sum(row["allocatable"]) for row in rows)
    return {
        "version": 1,
        "first_week": FIRST.isoformat(),
        "weeks": weeks,
        "tiers": TIERS_WITH_BATCH if batch else TIERS,
        "floors": _floors(rng, rows, weeks),
        "pools": rows,
        "serving": _serving(rng, rows, demands, classes or math.ceil(demands / 3), weeks, load * supply, batch),
        **made_experiments(
            rng, _fit_for_research(rng, rows), count=experiments, weeks=weeks, wanted=ask * supply, first=FIRST
        ),
    }


def _fit_for_research(rng: random.Random, pools: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Six pools in ten, where all experiments are asked for: they meet each other and the floors there."""
    return rng.sample(pools, max(min(2, len(pools)), round(0.6 * len(pools))))


def _pool(rng: random.Random, number: int, pools: int, weeks: int) -> dict[str, Any]:
    """One to four domains; the first is there all the time, of the others some arrive later or retire early."""
    domains = [
        {"key": f"d{index}", "allocatable": _domain(rng, weeks, is_first=index == 0)}
        for index in range(rng.choice((1, 1, 2, 2, 3, 4)))
    ]
    row: dict[str, Any] = {
        "key": f"pool{number:03d}",
        "accelerator_type": f"type{number % max(1, pools // 4)}",
        "region": f"region{number % 4}",
        "node_size": NODE,
        "allocatable": [sum(domain["allocatable"][week] for domain in domains) for week in range(weeks)],
        "usd_per_accelerator_hour": round(rng.uniform(1.4, 3.4), 2),
    }
    if rng.random() < 0.85:
        row["domains"] = domains
    if number == 0 or rng.random() < 0.2:
        row["burst"] = {
            "accelerators": [rng.choice((64, 128, 256))] * weeks,
            "usd_per_accelerator_hour": round(rng.uniform(3.5, 6.0), 2),
            "tiers": ["committed"] if number % 2 == 0 else ["committed", "forecast"],
        }
    return row


def _domain(rng: random.Random, weeks: int, *, is_first: bool) -> list[int]:
    size = rng.choice(DOMAIN_SIZES)
    arrives, retires = 0, weeks
    if not is_first and rng.random() < 0.4:
        arrives = rng.randrange(max(1, weeks * 2 // 3))
    elif rng.random() < 0.1:
        retires = weeks - rng.randrange(max(1, weeks // 3))
    row = [size if arrives <= week < retires else 0 for week in range(weeks)]
    repair = rng.randrange(weeks)
    for week in range(repair, min(weeks, repair + rng.randrange(4))):
        row[week] = max(0, row[week] - 2 * NODE)
    return row


def _floors(rng: random.Random, pools: list[dict[str, Any]], weeks: int) -> list[dict[str, Any]]:
    """Two floors over pools of their own, the second lendable; a single one where there are fewer than two pools."""
    groups = [pools[0::3], pools[1::3]] if len(pools) > 1 else [pools]
    floors = []
    for number, group in enumerate(groups):
        share = rng.uniform(0.12, 0.18)
        floors.append(
            {
                "key": f"model_development_{number}",
                "pools": [row["key"] for row in group],
                "accelerators": [
                    int(share * sum(row["allocatable"][week] for row in group)) // NODE * NODE for week in range(weeks)
                ],
                "lendable": number == len(groups) - 1,
            }
        )
    return floors


def _serving(
    rng: random.Random,
    pools: list[dict[str, Any]],
    count: int,
    classes: int,
    weeks: int,
    wanted: float,
    batch: bool,
) -> list[dict[str, Any]]:
    """Demands of `classes` classes, in proportion to each class's home pool, wanted accelerator-weeks in all."""
    kinds = [_class(rng, number, pools, weeks) for number in range(min(classes, count))]
    sharing = [0] * len(pools)
    for number in range(len(kinds)):
        sharing[number % len(pools)] += 1
    rows, total = [], 0.0
    for number in range(count):
        kind = kinds[number % len(kinds)]
        home = number % len(kinds) % len(pools)
        level = kind["popularity"] * sum(pools[home]["allocatable"]) / weeks / sharing[home] * len(kinds) / count
        row = _demand(rng, number, kind, level * rng.uniform(0.4, 1.6), weeks, batch)
        total += sum(row["work"]) / kind["best_rate"]
        rows.append(row)
    scale = wanted / total if total else 0.0
    for row in rows:
        row["work"] = [round(work * scale, 2) for work in row["work"]]
    return rows


def _class(rng: random.Random, number: int, pools: list[dict[str, Any]], weeks: int) -> dict[str, Any]:
    """A home pool and up to three others, slower or with larger replicas; a curve of growth with a yearly season."""
    home = number % len(pools)
    others = rng.sample([i for i in range(len(pools)) if i != home], min(rng.randint(0, 3), len(pools) - 1))
    unit = rng.choice((1.0, 1.0, 12.5, 850.0))
    replica = rng.choice((1, 8, 8, 8, 8, 16, 16, 32))
    options = [
        {
            "pool": pools[pool]["key"],
            "work_per_accelerator": round(unit * (1.0 if pool == home else rng.uniform(0.6, 1.1)), 2),
            "replica_accelerators": replica * (1 if pool == home else rng.choice((1, 1, 2))),
        }
        for pool in [home, *others]
    ]
    growth, phase = rng.uniform(0.0, 0.8), rng.uniform(0.0, 2 * math.pi)
    return {
        "key": f"class{number:03d}",
        "options": options,
        "max_pools": rng.choice((None, None, None, 1, 2)),
        "unit": unit,
        "popularity": rng.uniform(0.3, 1.7),
        "best_rate": max(option["work_per_accelerator"] for option in options),
        "curve": [
            (1 + growth * week / 52) * (1 + 0.08 * math.sin(2 * math.pi * week / 52 + phase)) * rng.uniform(0.97, 1.03)
            for week in range(weeks)
        ],
    }


def _demand(
    rng: random.Random, number: int, kind: dict[str, Any], level: float, weeks: int, batch: bool
) -> dict[str, Any]:
    tier = rng.choice(("committed",) * 9 + ("forecast",) * 6 + ("holds",) * 3 + ("batch",) * (2 if batch else 0))
    low, high = {"committed": (4, 12), "forecast": (2.5, 8), "holds": (2, 6), "batch": (0.5, 2)}[tier]
    begins, ends = 0, weeks
    turn = rng.random()
    if turn < 0.15:
        begins = rng.randrange(weeks)
    elif turn < 0.25:
        ends = weeks - rng.randrange(max(1, weeks // 2))
    usd: float | None = round(HOURS_PER_WEEK * rng.uniform(low, high) / kind["unit"], 4)
    if tier == "holds" and rng.random() < 0.2:
        usd = None
    size = level * kind["unit"]
    return {
        "key": f"demand{number:05d}",
        "class": kind["key"],
        "tier": tier,
        "work": [size * factor if begins <= week < ends else 0.0 for week, factor in enumerate(kind["curve"])],
        "usd_lost_per_work_week": usd,
        "max_pools": kind["max_pools"],
        "options": kind["options"],
    }


def asked(problem: dict[str, Any]) -> float:
    """E of a problem: accelerator-weeks inside the horizon that its experiments ask for ÷ all supply."""
    first = date.fromisoformat(problem["first_week"])
    supply = sum(sum(row["allocatable"]) for row in problem["pools"])
    total = 0
    for row in problem["experiments"]:
        size = row["options"][0] if "options" in row else row
        pinned = row.get("pinned")
        before = (first - date.fromisoformat(pinned["start"])).days // 7 if pinned else 0
        total += size["accelerators"] * (size["weeks"] - before)
    return float(total / supply)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a made problem of a named size as a problem file.")
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("--ask", type=float, default=0.15, help="what experiments want ÷ supply (0.15)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    json.dump(sized_problem(arguments.size, ask=arguments.ask, seed=arguments.seed), sys.stdout)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

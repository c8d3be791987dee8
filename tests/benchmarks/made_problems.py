"""Problems made by a seeded generator, in the file form, for timing and for property tests.

What belongs here: synthetic worlds of a given size. load is serving work ÷ supply, ask is what experiments want ÷
supply. Nothing here judges a plan.
"""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

FIRST = date(2026, 11, 23)


def made_problem(
    *,
    seed: int,
    pools: int,
    demands: int,
    experiments: int,
    weeks: int,
    load: float = 0.55,
    ask: float = 0.15,
    domain_size: int = 512,
) -> dict[str, Any]:
    """One problem of the given size; the same arguments always give the same problem."""
    rng = random.Random(seed)
    rows = [_pool(rng, number, weeks, domain_size) for number in range(pools)]
    keys = [row["key"] for row in rows]
    supply = sum(sum(row["allocatable"]) for row in rows)
    return {
        "version": 1,
        "first_week": FIRST.isoformat(),
        "weeks": weeks,
        "tiers": ["committed", "forecast", "holds", "P0", "P1", "P2", "P3", "preemptible"],
        "floors": [
            {
                "key": "model_development",
                "pools": keys[: max(1, pools // 2)],
                "accelerators": [
                    sum(row["allocatable"][week] for row in rows[: max(1, pools // 2)]) // 4 for week in range(weeks)
                ],
                "lendable": True,
            }
        ],
        "pools": rows,
        "serving": [_demand(rng, n, rows, weeks, load * supply / weeks / demands) for n in range(demands)],
        "experiments": [
            _experiment(rng, n, rows, weeks, ask * supply / experiments, domain_size) for n in range(experiments)
        ],
        "previous": [],
    }


def _pool(rng: random.Random, number: int, weeks: int, domain_size: int) -> dict[str, Any]:
    count = rng.randint(2, 4)
    grows = rng.randrange(weeks)
    domains = [
        {
            "key": f"d{index}",
            "allocatable": [0 if index == count - 1 and week < grows else domain_size for week in range(weeks)],
        }
        for index in range(count)
    ]
    supply = [sum(domain["allocatable"][week] for domain in domains) for week in range(weeks)]
    row: dict[str, Any] = {
        "key": f"pool{number}",
        "accelerator_type": f"type{number % 3}",
        "region": f"region{number % 2}",
        "node_size": 8,
        "allocatable": supply,
        "domains": domains,
        "usd_per_accelerator_hour": round(rng.uniform(1.5, 3.5), 2),
    }
    if number == 0:
        row["burst"] = {"accelerators": [128] * weeks, "usd_per_accelerator_hour": 4.5, "tiers": ["committed"]}
    return row


def _demand(rng: random.Random, number: int, pools: list[dict[str, Any]], weeks: int, size: float) -> dict[str, Any]:
    options = rng.sample(pools, rng.randint(1, min(3, len(pools))))
    tier = rng.choice(["committed", "committed", "forecast", "holds"])
    growth = rng.uniform(0.0, 0.01)
    level = size * rng.uniform(0.4, 1.6)
    return {
        "key": f"demand{number}",
        "tier": tier,
        "work": [round(level * (1 + growth * week) * rng.uniform(0.95, 1.05), 2) for week in range(weeks)],
        "usd_lost_per_work_week": round(rng.uniform(300, 2000), 2),
        "options": [
            {"pool": row["key"], "work_per_accelerator": round(rng.uniform(0.6, 1.4), 2), "replica_accelerators": 8}
            for row in options
        ],
    }


def _experiment(
    rng: random.Random, number: int, pools: list[dict[str, Any]], weeks: int, size: float, domain_size: int
) -> dict[str, Any]:
    duration = rng.randint(2, min(12, weeks))
    accelerators = max(8, min(domain_size, round(size * rng.uniform(0.5, 1.5) / duration / 8) * 8))
    earliest = rng.randrange(max(1, weeks - duration))
    latest = min(weeks - duration, earliest + rng.randint(0, 16))
    tier = rng.choice(["P0", "P1", "P2", "P3", "preemptible"])
    return {
        "key": f"experiment{number}",
        "tier": tier,
        "team": f"team{number % 5}",
        "model_development": rng.random() < 0.6,
        "accelerators": accelerators,
        "weeks": duration,
        "earliest_start": (FIRST + timedelta(weeks=earliest)).isoformat(),
        "latest_start": (FIRST + timedelta(weeks=max(earliest, latest))).isoformat(),
        "pools": [row["key"] for row in rng.sample(pools, rng.randint(1, min(4, len(pools))))],
        "preemptible": tier == "preemptible",
        "weight": rng.choice([1.0, 1.0, 1.2, 0.8]),
    }

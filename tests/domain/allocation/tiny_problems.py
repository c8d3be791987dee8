"""Tiny random problems in the file form, with every feature the form has, small enough to try every plan.

What belongs here: generation only. `brute_force` finds their best plans by trying all.
"""

from __future__ import annotations

import json
import random
from datetime import date, timedelta
from typing import Any

from capacity.allocation.domain.problem import Problem
from capacity.allocation.domain.problem_file import problem_from_bytes

FIRST = date(2026, 12, 21)
TIERS = ["committed", "forecast", "P0", "P1", "headroom"]


def monday(offset: int) -> str:
    return (FIRST + timedelta(weeks=offset)).isoformat()


def as_problem(document: dict[str, Any]) -> Problem:
    return problem_from_bytes(json.dumps(document).encode())


def tiny_problem(seed: int) -> dict[str, Any]:
    """One problem of 1–3 weeks, 1–2 pools, up to 3 demands and 3 experiments; the same seed, the same problem."""
    rng = random.Random(seed)
    weeks = rng.randint(1, 3)
    pools = [_pool(rng, key, weeks) for key in ("west", "east")[: rng.randint(1, 2)]]
    keys = [pool["key"] for pool in pools]
    return {
        "version": 1,
        "first_week": monday(0),
        "weeks": weeks,
        "tiers": TIERS,
        "floors": [_floor(rng, keys, weeks)] if rng.random() < 0.6 else [],
        "pools": pools,
        "serving": _serving(rng, keys, weeks),
        "experiments": [_experiment(rng, n, pools, weeks) for n in range(rng.randint(0, 3))],
        "previous": [],
    }


def _pool(rng: random.Random, key: str, weeks: int) -> dict[str, Any]:
    pool: dict[str, Any] = {
        "key": key,
        "accelerator_type": "h100",
        "region": key,
        "allocatable": [rng.randint(2, 6) for _ in range(weeks)],
        "usd_per_accelerator_hour": rng.choice([0, 1.5, 2]),
        "node_size": rng.choice([1, 2]),
    }
    if rng.random() < 0.4:
        first = [rng.randint(0, supply) for supply in pool["allocatable"]]
        rest = [supply - part for supply, part in zip(pool["allocatable"], first, strict=True)]
        pool["domains"] = [{"key": "a", "allocatable": first}, {"key": "b", "allocatable": rest}]
    if rng.random() < 0.4:
        pool["burst"] = {
            "accelerators": [rng.randint(0, 2) for _ in range(weeks)],
            "usd_per_accelerator_hour": rng.choice([0.01, 0.05]),
        }
        if rng.random() < 0.5:
            pool["burst"]["tiers"] = ["committed"]
    return pool


def _floor(rng: random.Random, keys: list[str], weeks: int) -> dict[str, Any]:
    team = {"team": rng.choice(["pretraining", "nobody"])} if rng.random() < 0.3 else {}
    return team | {
        "key": "model_development",
        "pools": rng.sample(keys, rng.randint(1, len(keys))),
        "accelerators": [rng.randint(0, 7) for _ in range(weeks)],
        "lendable": rng.random() < 0.5,
    }


def _serving(rng: random.Random, keys: list[str], weeks: int) -> list[dict[str, Any]]:
    classes = [_class(rng, keys, name) for name in ("chat", "batch")[: rng.randint(0, 2)]]
    rows = []
    for number in range(rng.randint(1, 3) if classes else 0):
        row = dict(rng.choice(classes))
        row["key"] = f"demand{number}"
        row["tier"] = rng.choice(["committed", "committed", "forecast", "headroom"])
        row["work"] = [rng.choice([0, 1, 2, 2.5, 4]) for _ in range(weeks)]
        row["usd_lost_per_work_week"] = rng.choice([1, 3, 7.5, None])
        rows.append(row)
    return rows


def _class(rng: random.Random, keys: list[str], name: str) -> dict[str, Any]:
    options = [
        {
            "pool": key,
            "work_per_accelerator": rng.choice([0.5, 1, 1.5]),
            "replica_accelerators": rng.choice([1, 2]),
        }
        for key in rng.sample(keys, rng.randint(0 if rng.random() < 0.1 else 1, len(keys)))
    ]
    return {"class": name, "options": options, "max_pools": rng.choice([None, None, 1])}


def _experiment(rng: random.Random, number: int, pools: list[dict[str, Any]], weeks: int) -> dict[str, Any]:
    earliest = rng.randint(-1, weeks - 1)
    row: dict[str, Any] = {
        "key": f"experiment{number}",
        "tier": rng.choice(["P0", "P1"]),
        "team": "pretraining",
        "model_development": rng.random() < 0.5,
        "earliest_start": monday(earliest),
        "latest_start": monday(earliest + rng.randint(0, 2)),
        "preemptible": rng.random() < 0.3,
        "divisible": rng.random() < 0.2,
        "weight": rng.choice([1, 1, 1.25, 0.5]),
    }
    sizes = {"accelerators": rng.randint(1, 4), "weeks": rng.randint(1, 2)}
    if rng.random() < 0.3:
        row["options"] = [
            {"pool": pool["key"], "accelerators": rng.randint(1, 4), "weeks": rng.randint(1, 2)} for pool in pools
        ]
    else:
        row |= sizes | {"pools": [pool["key"] for pool in rng.sample(pools, rng.randint(1, len(pools)))]}
    if rng.random() < 0.15 and not row["divisible"] and "pools" in row:
        pool = next(pool for pool in pools if pool["key"] == row["pools"][0])
        domain = rng.choice(["a", "b"]) if "domains" in pool else None
        row["pinned"] = {"pool": pool["key"], "domain": domain, "start": monday(rng.randint(-1, weeks - 1))}
    return row

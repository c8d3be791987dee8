"""Small random problems in the file form: large enough for every rule to meet every other, small enough to be proven.

What belongs here: generation only, from any source of chance (a seed, or hypothesis, which then shrinks them).
`tiny_problems` are smaller still, for trying every plan; `exact_program` proves the values of these.
"""

from __future__ import annotations

import random
from typing import Any

from tests.domain.allocation.tiny_problems import monday

# Tier orders, with experiments above, between and below serving, and tiers that nobody is in.
TIERS = (
    ["committed", "forecast", "P0", "P1", "headroom", "batch"],
    ["committed", "forecast", "holds", "P0", "P1", "batch"],
    ["P0", "committed", "P1", "forecast", "batch"],
    ["committed", "P0", "forecast", "P1", "holds", "batch"],
)
SERVING_TIERS = {"committed", "forecast", "holds", "headroom"}
Row = dict[str, Any]


def small_problem(rng: random.Random) -> Row:
    """One problem of 1–4 weeks, 1–3 pools of up to 14 accelerators, up to 5 demands and 6 experiments."""
    weeks = rng.randint(1, 4)
    tiers = rng.choice(TIERS)
    serving_tiers = [tier for tier in tiers if tier in SERVING_TIERS]
    experiment_tiers = [tier for tier in tiers if tier not in SERVING_TIERS]
    pools = [_pool(rng, key, weeks, serving_tiers) for key in ("east", "north", "west")[: rng.randint(1, 3)]]
    keys = [pool["key"] for pool in pools]
    experiments = [experiment(rng, n, pools, weeks, experiment_tiers) for n in range(rng.randint(0, 6))]
    return {
        "version": 1,
        "first_week": monday(0),
        "weeks": weeks,
        "tiers": list(tiers),
        "floors": [_floor(rng, key, keys, weeks) for key in ("frontier", "research")[: rng.choice([0, 1, 1, 2])]],
        "pools": pools,
        "serving": _serving(rng, keys, weeks, serving_tiers),
        "experiments": experiments,
        "previous": [_before(rng, row, pools) for row in experiments if rng.random() < 0.3],
    }


def _pool(rng: random.Random, key: str, weeks: int, serving_tiers: list[str]) -> Row:
    usual = rng.randint(4, 14)
    pool: Row = {
        "key": key,
        "accelerator_type": rng.choice(["h100", "h100", "b200"]),
        "region": key,
        "allocatable": [max(0, usual + rng.choice([0, 0, 0, -3, 4])) for _ in range(weeks)],
        "usd_per_accelerator_hour": rng.choice([0, 1.5, 2, 2.25]),
        "node_size": rng.choice([1, 2, 4]),
    }
    if rng.random() < 0.5:
        pool["domains"] = _domains(rng, pool["allocatable"])
    if rng.random() < 0.4:
        pool["burst"] = {
            "accelerators": [rng.randint(0, 4) for _ in range(weeks)],
            "usd_per_accelerator_hour": rng.choice([0.01, 0.02, 0.05]),
        }
        if rng.random() < 0.6:
            pool["burst"]["tiers"] = rng.sample(serving_tiers, rng.randint(1, len(serving_tiers)))
    return pool


def _domains(rng: random.Random, supply: list[int]) -> list[Row]:
    keys = ["a", "b", "c"][: rng.randint(2, 3)]
    split: dict[str, list[int]] = {key: [] for key in keys}
    for there in supply:
        left = there
        for key in keys[:-1]:
            part = min(left, rng.randint(there // 4, there))
            split[key].append(part)
            left -= part
        split[keys[-1]].append(left)
    return [{"key": key, "allocatable": rows} for key, rows in split.items()]


def _floor(rng: random.Random, key: str, keys: list[str], weeks: int) -> Row:
    team = rng.choice(["pretraining", "posttraining"]) if rng.random() < 0.3 else None
    return ({} if team is None else {"team": team}) | {
        "key": key,
        "pools": rng.sample(keys, rng.randint(1, len(keys))),
        "accelerators": [rng.choice([0, 2, 4, 5, 9, 20]) for _ in range(weeks)],
        "lendable": rng.random() < 0.5,
    }


def _serving(rng: random.Random, keys: list[str], weeks: int, tiers: list[str]) -> list[Row]:
    classes = [serving_class(rng, keys, name) for name in ("batch", "chat", "code")[: rng.randint(1, 3)]]
    return [demand(rng, number, rng.choice(classes), weeks, tiers) for number in range(rng.randint(0, 5))]


def demand(rng: random.Random, number: int, of_class: Row, weeks: int, tiers: list[str]) -> Row:
    return of_class | {
        "key": f"demand{number}",
        "tier": rng.choice([tiers[0], *tiers]),
        "work": [rng.choice([0, 1, 2, 2.5, 4, 5.75, 7]) for _ in range(weeks)],
        "usd_lost_per_work_week": rng.choice([0, 1, 2, 3, 7.5, None]),
    }


def serving_class(rng: random.Random, keys: list[str], name: str) -> Row:
    chosen = rng.sample(keys, rng.randint(0 if rng.random() < 0.1 else 1, len(keys)))
    options = [
        {
            "pool": key,
            "work_per_accelerator": rng.choice([0.5, 1, 1, 1.25, 2]),
            "replica_accelerators": rng.choice([1, 2, 3, 4]),
        }
        for key in chosen
    ]
    return {"class": name, "options": options, "max_pools": rng.choice([None, None, 1, 2])}


def experiment(rng: random.Random, number: int, pools: list[Row], weeks: int, tiers: list[str]) -> Row:
    earliest = rng.randint(-1, weeks - 1)
    row: Row = {
        "key": f"experiment{number}",
        "tier": rng.choice(tiers),
        "team": rng.choice(["pretraining", "posttraining"]),
        "model_development": rng.random() < 0.4,
        "earliest_start": monday(earliest),
        "latest_start": monday(earliest + rng.randint(0, 3)),
        "preemptible": rng.random() < 0.35,
        "divisible": rng.random() < 0.2,
        "weight": rng.choice([1, 1, 1.25, 0.5, 0.75]),
    }
    if rng.random() < 0.3:
        row["options"] = [
            {"pool": pool["key"], "accelerators": rng.randint(1, 9), "weeks": rng.randint(1, 3)}
            for pool in rng.sample(pools, rng.randint(1, len(pools)))
        ]
    else:
        among = rng.sample(pools, rng.randint(1, len(pools)))
        row |= {"accelerators": rng.randint(1, 9), "weeks": rng.randint(1, 3)} | {"pools": [p["key"] for p in among]}
    if rng.random() < 0.12 and not row["divisible"]:
        row["pinned"] = _pin(rng, row, pools, weeks)
    return row


def _before(rng: random.Random, row: Row, pools: list[Row]) -> Row:
    """Where the previous plan had it, which may be nowhere it can be now."""
    pool = rng.choice(pools)
    domain = rng.choice(pool["domains"])["key"] if "domains" in pool else None
    place = {"pool": pool["key"], "domain": domain, "start": monday(rng.randint(0, 3))}
    return {"key": row["key"], "weeks": rng.randint(1, 3), "accelerators": rng.randint(1, 9)} | place


def _pin(rng: random.Random, row: Row, pools: list[Row], weeks: int) -> Row:
    key = row["options"][0]["pool"] if "options" in row else row["pools"][0]
    pool = next(pool for pool in pools if pool["key"] == key)
    domain = rng.choice(pool["domains"])["key"] if "domains" in pool else None
    return {"pool": key, "domain": domain, "start": monday(rng.randint(-1, weeks - 1))}

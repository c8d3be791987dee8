"""Serving of one week: worked examples, the same as the whole program finds, and bounds that hold.

What belongs here: WeeklyServing and the exact numbers under it. Plans over the horizon are tested elsewhere.
"""

from __future__ import annotations

import json
import random
from fractions import Fraction
from typing import Any

import pytest

from capacity.allocation.domain.arrays import Arrays, build_arrays
from capacity.allocation.domain.formulation import define_program
from capacity.allocation.domain.ladder import Ladder, climb_serving_tier
from capacity.allocation.domain.plan import ExperimentUse, Plan, TierValue, served_work, tier_values
from capacity.allocation.domain.problem import canonical
from capacity.allocation.domain.problem_file import problem_from_bytes
from capacity.allocation.domain.weekly import WeeklyServing


def arrays_of(serving: list[dict[str, Any]], supply: dict[str, int], *, floor: int = 0, burst: int = 0) -> Arrays:
    pools = [
        {
            "key": key,
            "accelerator_type": "h100",
            "region": "us",
            "allocatable": [accelerators],
            "usd_per_accelerator_hour": 1 + position,
        }
        for position, (key, accelerators) in enumerate(supply.items())
    ]
    if burst:
        pools[0]["burst"] = {"accelerators": [burst], "usd_per_accelerator_hour": 0.125, "tiers": ["committed"]}
    floors = [{"key": "md", "pools": [pools[0]["key"]], "accelerators": [floor]}] if floor else []
    document = {
        "version": 1,
        "first_week": "2026-11-23",
        "weeks": 1,
        "tiers": ["committed", "forecast"],
        "floors": floors,
        "pools": pools,
        "serving": serving,
        "experiments": [],
    }
    return build_arrays(canonical(problem_from_bytes(json.dumps(document).encode())))


def demand(key: str, work: float, usd: float | None, pools: dict[str, int], **parts: Any) -> dict[str, Any]:
    options = [
        {"pool": pool, "work_per_accelerator": 1, "replica_accelerators": replica} for pool, replica in pools.items()
    ]
    row = {"key": key, "tier": "committed", "work": [work], "usd_lost_per_work_week": usd, "options": options}
    return row | parts


def test_a_class_shares_one_replica_between_its_tiers() -> None:
    # 5 and 3 of work in replicas of 8: one replica serves both, and it belongs to the higher tier.
    arrays = arrays_of(
        [
            demand("a", 5, 9, {"west": 8}, **{"class": "chat"}),
            demand("b", 3, 1, {"west": 8}, **{"class": "chat", "tier": "forecast"}),
        ],
        {"west": 8},
    )
    served = WeeklyServing(arrays, node_limit=10).solve([0], use=ExperimentUse(arrays), tiers=(0, 1))[0]
    assert served.plan.replicas == {(0, 0, 0, 0): 1}
    assert served.values == {0: TierValue(), 1: TierValue()}


def test_the_dearest_work_is_served_where_whole_replicas_do_not_suffice() -> None:
    # A pool of 20 holds two replicas of 8. Of 16 + 8 of work at $3 and $1 the cheaper 8 stay short.
    arrays = arrays_of([demand("a", 16, 3, {"west": 8}), demand("b", 8, 1, {"west": 8})], {"west": 20})
    served = WeeklyServing(arrays, node_limit=10).solve([0], use=ExperimentUse(arrays), tiers=(0,))[0]
    assert served.values[0].usd == 8
    assert served.bounds[0] == 8.0
    assert served_work(arrays, served.plan) == {(0, 0): Fraction(16), (1, 0): Fraction(0)}


def test_serving_makes_way_at_no_loss_or_says_that_it_cannot() -> None:
    arrays = arrays_of([demand("a", 8, 3, {"west": 8, "east": 8})], {"west": 8, "east": 8})
    weekly = WeeklyServing(arrays, node_limit=10)
    served = weekly.solve([0], use=ExperimentUse(arrays), tiers=(0,))[0]
    assert served.plan.replicas == {(0, 0, 1, 0): 1}
    taken = ExperimentUse(arrays)
    taken.add_serving(served.plan)
    around = weekly.around(0, use=taken, served=served)
    assert around is not None
    assert around.plan.replicas == {(0, 0, 0, 0): 1}
    taken.add_serving(around.plan)
    assert weekly.around(0, use=taken, served=served) is None


@pytest.mark.parametrize("seed", range(60))
def test_a_week_is_served_as_well_as_by_the_whole_program(seed: int) -> None:
    rng = random.Random(seed)
    supply = {"west": rng.randint(4, 24), "east": rng.randint(4, 24), "north": rng.randint(0, 16)}
    serving = []
    for c in range(rng.randint(1, 4)):
        pools = {key: rng.choice([1, 2, 4]) for key in rng.sample(sorted(supply), rng.randint(1, 3))}
        shared = {"class": f"c{c}", "max_pools": rng.choice([None, 1, 2])}
        for d in range(rng.randint(1, 3)):
            usd = rng.choice([1, 2.5, 7, None])
            work = rng.choice([0, 1.5, 4, 6.25, 11])
            serving.append(demand(f"d{c}{d}", work, usd, pools, **shared, tier=rng.choice(["committed", "forecast"])))
    arrays = arrays_of(serving, supply, floor=rng.choice([0, 5]), burst=rng.choice([0, 3]))
    use = ExperimentUse(arrays)
    served = WeeklyServing(arrays, node_limit=2000).solve([0], use=use, tiers=arrays.serving_tiers)[0]
    ladder = Ladder(define_program(arrays, weeks=[0], experiments=(), held=use), base=Plan(), node_limit=2000)
    for tier in arrays.serving_tiers:
        climb_serving_tier(ladder, tier)
        assert float(served.values[tier].usd) == pytest.approx(float(ladder.values[tier].usd), abs=1e-6)
        assert float(served.values[tier].unmet) == pytest.approx(float(ladder.values[tier].unmet), abs=1e-6)
        assert served.bounds[tier] <= float(served.values[tier].usd) + 1e-9
    exact = tier_values(arrays, served.plan)
    assert all(exact[tier] == served.values[tier] for tier in arrays.serving_tiers)


def test_work_that_no_small_scale_makes_whole_stays_exact() -> None:
    arrays = arrays_of([demand("a", 1, 1, {"west": 1}), demand("b", 1e-17, 1, {"west": 1})], {"west": 1})
    assert arrays.numbers.work.dtype == object
    assert arrays.demands[1].work[0] == Fraction(1, 10**17)

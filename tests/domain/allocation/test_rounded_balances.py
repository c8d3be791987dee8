"""The rounded balances of a week: the worked example of the methods, and that no whole plan breaks one.

What belongs here: rows that tighten the relaxed week. A row that cut off a whole plan would make bounds wrong, so the
second test looks at every whole plan of many small weeks.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from capacity.allocation.domain.plan import ExperimentUse
from capacity.allocation.domain.week_numbers import numbers_of
from capacity.allocation.domain.weekly import WeeklyServing
from capacity.allocation.domain.weekly_model import WeekModel
from tests.domain.allocation.test_weekly_serving import arrays_of, demand

EXACT = 1e-9


def rounded_rows(model: WeekModel, week: int = 0) -> list[tuple[dict[int, float], float]]:
    """(value by column, right-hand side) of every rounded balance that asks for anything."""
    numbers = numbers_of(model, week)
    found = []
    for row in range(model.rounding_rows, model.rows):
        there = slice(model.matrix.starts[row], model.matrix.starts[row + 1])
        values = dict(zip(model.matrix.indices[there].tolist(), numbers.values[there].tolist(), strict=True))
        if np.isfinite(numbers.row_lower[row]):
            found.append((values, float(numbers.row_lower[row])))
    return found


def test_ten_of_work_in_replicas_of_four_and_three_needs_three_replicas() -> None:
    # d = 4: 10 / 4 = 2.5, f = 0.5: r4 + min(1, 0.75 / 0.5) r3 >= 3. d = 3: 10 / 3 = 3.33, f = 1/3: 2 r4 + r3 >= 4,
    # where 4 / 3 = 1.33 gives 1 + min(1, (1/3) / (1/3)) = 2.
    arrays = arrays_of([demand("a", 10, 3, {"west": 4, "east": 3})], {"west": 40, "east": 40})
    model, _ = WeeklyServing(arrays, node_limit=10).model((0,), 0)
    of_size = {
        option.replica: j for j, (c, _, o) in enumerate(model.replicas) for option in [arrays.classes[c].options[o]]
    }
    rows = [({size: values[of_size[size]] for size in (4, 3)}, least) for values, least in rounded_rows(model)]
    assert rows == [
        ({4: pytest.approx(2, abs=1e-6), 3: 1.0}, 4.0),
        ({4: 1.0, 3: 1.0}, 3.0),
    ]


def test_relaxed_serving_of_a_class_with_one_option_is_whole() -> None:
    # 20 of work, 8 of which fit into the east pool: 20 / 8 = 2.5, so three replicas, two of them in the west.
    arrays = arrays_of([demand("a", 20, 3, {"west": 8, "east": 8})], {"west": 32, "east": 8})
    served = WeeklyServing(arrays, node_limit=0).solve([0], use=ExperimentUse(arrays), tiers=(0,))[0]
    assert sum(count * 8 for count in served.plan.replicas.values()) == 24
    assert served.bounds == {0: 0.0}


@pytest.mark.parametrize("seed", range(40))
def test_no_whole_plan_breaks_a_rounded_balance(seed: int) -> None:
    rng = random.Random(seed)
    sizes = {key: rng.choice([1, 2, 3, 4, 5, 8]) for key in rng.sample(["west", "east", "north"], rng.randint(1, 3))}
    works = [rng.choice([0, 1, 2.5, 3, 7, 0.1 * rng.randint(1, 90), 12]) for _ in range(rng.randint(1, 3))]
    rows = [
        demand(
            f"d{i}",
            work,
            rng.choice([None, 1, 2]),
            sizes,
            **{"class": "chat", "tier": rng.choice(["committed", "forecast"])},
        )
        for i, work in enumerate(works)
    ]
    arrays = arrays_of(rows, dict.fromkeys(["west", "east", "north"], 60))
    weekly = WeeklyServing(arrays, node_limit=10)
    tiers = arrays.serving_tiers
    model, _ = weekly.model(tiers, 0)
    numbers = numbers_of(model, 0)
    balance = [slice(model.matrix.starts[row], model.matrix.starts[row + 1]) for row in range(len(model.groups))]
    checked = 0
    columns = len(model.replicas)
    for counts in itertools.product(range(5), repeat=columns):
        # Every demand short by all or nothing: the plans between are sums of these.
        for short in itertools.product((0.0, 0.4, 1.0), repeat=model.columns - model.first_unmet):
            point = np.zeros(model.columns)
            point[:columns] = counts
            point[model.first_unmet :] = numbers.upper[model.first_unmet :] * np.array(short)
            if any(
                float(numbers.values[there] @ point[model.matrix.indices[there]]) < numbers.row_lower[row] - EXACT
                for row, there in enumerate(balance)
            ):
                continue
            checked += 1
            for values, least in rounded_rows(model):
                assert sum(value * point[column] for column, value in values.items()) >= least - 1e-6, (counts, short)
    assert checked

"""The score of a request by hand, the order it gives, who stands ahead, and what yields first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from fractions import Fraction as F
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.preemption import Yielding, interruption_loss, weeks_lost, yield_order
from workloads.domain.queue import CLASS_POINTS, Ahead, Queued, QueueFacts, rank, score, who_is_ahead

DAY = datetime(2026, 9, 1, tzinfo=UTC)


def facts(**how: Any) -> QueueFacts:
    return QueueFacts(
        **{
            "key": "E-1",
            "tier": "P1",
            "deficit": None,
            "waited_weeks": 0,
            "informs_decision": False,
            "has_outcome": False,
            "has_metric": False,
            "submitted_at": DAY,
            **how,
        }
    )


def test_the_score_is_the_sum_of_its_criteria() -> None:
    points, parts = score(facts(deficit=F(3, 40), waited_weeks=9, informs_decision=True, has_outcome=True))
    assert points == 432
    assert [part.points for part in parts] == [400, 8, 9, 10, 5, 0]


@pytest.mark.parametrize(
    ("how", "points"),
    [
        ({"deficit": F(4, 5)}, 450),
        ({"deficit": F(-4, 5)}, 350),
        ({"deficit": F(25, 1000)}, 402),
        ({"waited_weeks": 60}, 426),
        ({"waited_weeks": -2}, 400),
        ({"tier": "preemptible"}, -200),
        ({"override": D("1.5")}, 450),
        ({"override": D("0.25")}, 325),
        ({"override": D(3)}, 476),
        ({"override": D("1.2"), "deficit": F(-1, 2)}, 420),
    ],
)
def test_each_criterion_has_its_ends(how: dict[str, Any], points: int) -> None:
    assert score(facts(**how))[0] == points


def test_nothing_lifts_a_request_over_a_class() -> None:
    named = {"waited_weeks": 99, "informs_decision": True, "has_outcome": True, "has_metric": True}
    # Best 76 + 26 + 10 + 5 + 5 = 122 above the class, worst 76 below: 198 apart, and classes are 200 apart.
    for above, below in zip(list(CLASS_POINTS), list(CLASS_POINTS)[1:], strict=False):
        worst = min(score(facts(tier=above, deficit=F(-1), override=weight))[0] for weight in (None, D("0.01")))
        best = max(score(facts(tier=below, deficit=F(1), override=weight, **named))[0] for weight in (None, D(3)))
        assert (worst, best) == (CLASS_POINTS[above] - 76, CLASS_POINTS[below] + 122)
        assert best < worst


def test_of_equal_scores_the_earlier_submitted_is_first_then_the_key() -> None:
    rows = [facts(key="B"), facts(key="A"), facts(key="C", submitted_at=DAY - timedelta(days=1))]
    assert [each.key for each in rank(rows)] == ["C", "A", "B"]


@given(st.permutations(range(12)))
def test_the_order_does_not_depend_on_the_order_of_the_rows(order: list[int]) -> None:
    rows = [
        facts(key=f"E-{n}", tier=list(CLASS_POINTS)[n % 5], waited_weeks=n % 3, informs_decision=n % 2 == 0)
        for n in range(12)
    ]
    assert rank([rows[n] for n in order]) == rank(rows)


def queued(key: str, class_: str, pools: str, size: int) -> Queued:
    return Queued(key=key, class_=class_, pools=frozenset(pools.split()), accelerator_weeks=size)


def test_ahead_is_whoever_ranks_above_and_could_take_the_same_pool() -> None:
    ahead = who_is_ahead(
        [
            queued("a", "P0", "h100 gb200", 512),
            queued("b", "P0", "tpu", 64),
            queued("c", "P1", "gb200", 100),
            queued("d", "P0", "h100", 10),
            queued("e", "P2", "h100 gb200", 1),
            queued("f", "P2", "", 1),
        ]
    )
    assert ahead["a"] == ahead["b"] == ahead["f"] == ()
    assert ahead["c"] == (Ahead(class_="P0", requests=1, accelerator_weeks=512),)
    assert ahead["e"] == (
        Ahead(class_="P0", requests=2, accelerator_weeks=522),
        Ahead(class_="P1", requests=1, accelerator_weeks=100),
    )


def test_the_lowest_class_yields_first_then_the_least_weight_then_the_key() -> None:
    rows = [
        Yielding(key="a", tier_index=3, weight=D("0.9")),
        Yielding(key="c", tier_index=7, weight=D("1.1")),
        Yielding(key="b", tier_index=7, weight=D("1.1")),
        Yielding(key="d", tier_index=7, weight=D("0.95")),
    ]
    assert yield_order(rows) == ["d", "b", "c", "a"] == yield_order(reversed(rows))


def test_an_interruption_loses_half_a_checkpoint_interval_and_the_restart() -> None:
    assert interruption_loss(accelerators=64, checkpoint_hours=D(4), restart_hours=HALF_HOUR) == F(20, 3)
    assert interruption_loss(accelerators=64, checkpoint_hours=None, restart_hours=HALF_HOUR) is None
    assert weeks_lost(accelerators=64, weeks=3) == 1344


HALF_HOUR = D("0.5")

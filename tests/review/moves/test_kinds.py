"""Each kind of move asked as a real what-if: what of one worked load's 32 accelerators comes free, by hand.

Loads as in one_load.py: 0.6375 on average and 1.59375 at the peak; a replica takes 0.7 and one is spare. "small" is twice
as fast on replicas of 4. Paper is the average load saved × accelerators of a replica × 168 × $2.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from capacity.access.roles import Role
from capacity.inventory.models import AcceleratorType, CostRate, Lot, NetworkDomain, Pool
from capacity.review.move_changes import MoveRefused
from tests.review.moves.one_load import asked, by, own_card, profile, small_world
from tests.review.quotes.asking import published
from workloads.domain.moves import KINDS

pytestmark = pytest.mark.django_db

ONE_LOAD: dict[str, tuple[dict[str, str], int, str]] = {
    # On small L is 0.31875, 0.796875 at the peak: ÷ 0.7 = 1.14, 2 replicas and a spare of 4: 12. Paper 1713.60 − 428.40.
    "smaller_model": ({"to": "small"}, 20, "1285.20"),
    # No peak, no spare: 0.6375 ÷ 0.95 is one replica of 8. The load stays what it is.
    "offline": ({}, 24, "0.00"),
    # As fast in writing again at batch latency: 0.1375 + 0.25 = 0.3875; one replica. 0.25 × 8 × 336.
    "batch_hours": ({}, 24, "672.00"),
    # 0.8 cached: (2,000 + 800) ÷ 40,000 + 0.5 = 0.57; 1.425 ÷ 0.7 = 2.04, still 3 and a spare. 0.0675 × 8 × 336.
    "caching": ({"amount": "0.8"}, 0, "181.44"),
    # 0.1375 + 2,000 ÷ 6,000 = 0.470833; 1.177 ÷ 0.7 = 1.68: 2 and a spare, 24. 0.166667 × 8 × 336.
    "batching": ({"amount": "1.5"}, 8, "448.00"),
    # 0.6375 ÷ 1.6 = 0.3984375; 0.996 ÷ 0.7 = 1.42: 2 and a spare. 0.2390625 × 8 × 336.
    "quantisation": ({"amount": "1.6"}, 8, "642.60"),
    # 0.4 stays: 0.6375 ÷ 0.7 = 0.91, 1 and a spare, 16. 0.6 on small: 0.478 ÷ 0.7 = 0.68, 1 and a spare of 4: 8.
    # Paper: 0.255 × 8 + 0.19125 × 4 of 5.1 stay: 2.295 × 336.
    "routing": ({"to": "small", "amount": "0.6"}, 8, "771.12"),
    # Of 10,000 in 2,000 are left: 1,100 ÷ 40,000 + 0.5 = 0.5275; 1.31875 ÷ 0.7 = 1.88: 2 and a spare. 0.11 × 8 × 336.
    "context_length": ({"amount": "0.2"}, 8, "295.68"),
}
CASES = [
    *((kind, "card") for kind in ONE_LOAD),
    *((kind, "contract") for kind in ONE_LOAD if kind not in ("routing", "batching")),
    *((kind, "forecast") for kind in ("routing", "context_length", "caching")),
]


def test_every_kind_is_asked_here() -> None:
    assert {*ONE_LOAD, "accelerator_type"} == set(KINDS)


@pytest.mark.parametrize(("kind", "source"), CASES)
def test_a_move_of_one_load_releases_what_it_does_by_hand(
    world: None, woken: list[int], kind: str, source: str
) -> None:
    names, released, paper = ONE_LOAD[kind]
    small_world(source=source)
    profile("mid", "batch", tps=(40_000, 8_000))
    profile("mid", "offline")
    told = asked(by(Role.CHAIR), published(), kind, **names)
    assert (told["released"], told["released_always"]) == ([released] * 13, released)
    assert told["paper_usd"] == paper
    assert told["released_usd"] == f"{released * 336}.00"
    assert told["margin_usd"] is not None


def test_caching_of_four_loads_frees_a_replica(world: None, woken: list[int]) -> None:
    """6.375 ÷ 0.7 = 9.11: 10 and a spare, 88; with 0.8 cached 5.7 ÷ 0.7 = 8.14: 9 and a spare."""
    small_world(loads="4")
    told = asked(by(Role.CHAIR), published(), "caching", amount="0.8")
    assert (told["released"], told["paper_usd"]) == ([8] * 13, "725.76")


def test_a_move_of_a_profile_counts_every_workload_on_it(world: None, woken: list[int]) -> None:
    """Four loads of one card and one of another: 13 replicas become ⌈7.96875 ÷ 1.6 ÷ 0.7⌉ + 1 = 9, 32 accelerators."""
    small_world(loads="4")
    own_card("aide")
    told = asked(by(Role.CHAIR), published(), "quantisation", amount="1.6")
    assert told["released"] == [32] * 13


def test_another_type_frees_one_and_takes_the_other(world: None, woken: list[int]) -> None:
    """On A100s, half as fast, the peak is 3.1875: ÷ 0.7 = 4.55, 5 and a spare: 48 instead of 32 H100s."""
    add_a100s()
    small_world()
    profile("mid", kind="a100", tps=(20_000, 2_000))
    told = asked(by(Role.CHAIR), published(), "accelerator_type", to="a100")
    assert told["by_type"] == {"a100": [-48] * 13, "h100": [32] * 13}
    assert (told["released"], told["released_always"]) == ([-16] * 13, -16)
    # 32 at $2 and 48 at $1: 168 × (64 − 48). On paper 0.6375 × 8 × (2 − 2 × 1) × 168 is nothing.
    assert (told["released_usd"], told["paper_usd"]) == ("2688.00", "0.00")


def add_a100s() -> None:
    """64 A100s in a pool of their own at $1 an hour of what is left of them."""
    for model, key, columns in (
        (AcceleratorType, "h100", {"key": "a100", "name": "A100"}),
        (Pool, "pool-1", {"key": "pool-2", "name": "Pool 2"}),
        (CostRate, "owned-1", {"key": "cheap", "lease_usd_per_hour": Decimal("0.935")}),
    ):
        pattern = model.objects.get(key=key)  # type: ignore[attr-defined]
        _copy(pattern, **columns)
    pool = Pool.objects.get(key="pool-2")
    Pool.objects.filter(pk=pool.pk).update(accelerator_type=AcceleratorType.objects.get(key="a100"))
    domain = _copy(NetworkDomain.objects.get(key="dom-a"), key="dom-2", pool=pool)
    _copy(Lot.objects.get(key="lot-1"), key="lot-9", pool=pool, domain=domain, cost_rate_key="cheap")


def _copy(row: Any, **columns: Any) -> Any:
    row.pk = None
    row._state.adding = True
    for name, value in columns.items():
        setattr(row, name, value)
    row.save()
    return row


def test_moves_that_lack_something_say_what(world: None, woken: list[int]) -> None:
    small_world()
    run = published()
    with pytest.raises(MoveRefused, match="not measured at batch latency"):
        asked(by(Role.CHAIR), run, "batch_hours")

"""Waste: low use, throttles beside idle accelerators, room outside a window. Worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.waste import (
    beyond_target,
    is_low,
    is_throttled,
    room_outside,
    throttled_share,
    utilisation,
)


def test_use_is_a_share_of_what_is_held_over_all_weeks() -> None:
    share = utilisation(consumed=[Fraction(9), Fraction(15)], held=[40, 40])
    assert share == Fraction(3, 10)
    assert not is_low(share)
    assert is_low(Fraction(29, 100))


def test_weeks_that_hold_nothing_count_for_nothing() -> None:
    assert utilisation(consumed=[Fraction(9), Fraction(5)], held=[40, 0]) == Fraction(9, 40)
    assert utilisation(consumed=[Fraction(5)], held=[0]) is None
    assert not is_low(None)


def test_what_is_held_beyond_the_utilisation_target_costs_its_hours() -> None:
    found = beyond_target(consumed=[Fraction(9)], held=[40], target=Fraction(6, 10), rates=[Decimal(2)])
    # 9 ÷ 0.6 = 15 are needed; 25 × 168 h × $2.
    assert (found.accelerators, found.usd_per_week) == (25, Decimal(8400))


def test_a_week_below_the_target_is_no_credit_to_another() -> None:
    found = beyond_target(
        consumed=[Fraction(9), Fraction(30)], held=[40, 40], target=Fraction(6, 10), rates=[Decimal(2), None]
    )
    # The second week needs 50 and holds 40: nothing beyond, and its missing rate matters to nothing.
    assert (found.accelerators, found.usd_per_week) == (Fraction(25, 2), Decimal(4200))


def test_a_missing_rate_leaves_the_cost_unknown() -> None:
    found = beyond_target(consumed=[Fraction(9)], held=[40], target=Fraction(6, 10), rates=[None])
    assert (found.accelerators, found.usd_per_week) == (25, None)


def test_throttling_is_unknown_without_requests_and_counts_above_a_thousandth() -> None:
    assert throttled_share(requests=None, throttled=None) is None
    assert throttled_share(requests=0, throttled=0) is None
    assert throttled_share(requests=1000, throttled=None) is None
    assert throttled_share(requests=12_000, throttled=12) == Fraction(1, 1000)
    assert not is_throttled(Fraction(1, 1000))
    assert is_throttled(Fraction(13, 12_000))
    assert not is_throttled(None)


def test_room_is_weeks_on_end_in_one_pool_the_earliest_first() -> None:
    idle = {"a": [64, 0, 64, 64, 64], "b": [0, 64, 64, 64, 0]}
    assert room_outside(idle=idle, accelerators=64, weeks=3) == ("b", 1)
    assert room_outside(idle=idle, accelerators=64, weeks=1) == ("a", 0)
    assert room_outside(idle=idle, accelerators=65, weeks=1) is None
    assert room_outside(idle={}, accelerators=1, weeks=1) is None


@given(
    st.dictionaries(st.sampled_from(["a", "b", "c"]), st.lists(st.integers(0, 9), max_size=12)),
    st.integers(1, 9),
    st.integers(1, 4),
)
def test_room_that_is_found_is_there(idle: dict[str, list[int]], accelerators: int, weeks: int) -> None:
    found = room_outside(idle=idle, accelerators=accelerators, weeks=weeks)
    runs = [
        (place, pool)
        for pool, amounts in idle.items()
        for place in range(len(amounts) - weeks + 1)
        if all(amount >= accelerators for amount in amounts[place : place + weeks])
    ]
    assert found == ((min(runs)[1], min(runs)[0]) if runs else None)

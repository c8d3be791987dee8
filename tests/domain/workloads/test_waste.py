"""Waste: low use, throttles beside idle accelerators, room outside a window. Worked by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from workloads.domain.waste import (
    Held,
    beyond_need,
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


def in_pool(count: int, *, work: str = "1", rate: int | None = 2) -> Held:
    return Held(
        accelerators=count,
        work_per_accelerator=Fraction(work),
        replica_accelerators=8,
        rate_usd=None if rate is None else Decimal(rate),
    )


def test_a_class_of_the_size_of_its_peak_and_spares_holds_nothing_beyond() -> None:
    # Five worked loads: L 3.1875, peak 2.5, u 0.7: 12 + 1 replicas of 8. 24.5 % at work, and every one is needed.
    assert is_low(utilisation(consumed=[Fraction("25.5")], held=[104]))
    found = beyond_need(needs=[104], held=[[in_pool(104)]])
    assert (found.accelerators, found.usd_per_week) == (0, 0)


def test_only_whole_replicas_beyond_the_need_cost_their_hours() -> None:
    # 126 − 104 = 22: two replicas of 8 could go, 16 × 168 h × $2.
    found = beyond_need(needs=[104], held=[[in_pool(126)]])
    assert (found.accelerators, found.usd_per_week) == (16, Decimal(5376))


def test_a_week_below_its_need_is_no_credit_to_another() -> None:
    found = beyond_need(needs=[104, 128], held=[[in_pool(120)], [in_pool(104, rate=None)]])
    # The second week is short: nothing beyond, and its missing rate matters to nothing.
    assert (found.accelerators, found.usd_per_week) == (8, Decimal(2688))


def test_replicas_of_a_slower_type_free_less_of_the_need() -> None:
    # 64 + 32 × 0.5 = 80 of work, 68 needed: 12 over. One fast replica does 8; the 4 left are one slow one's.
    found = beyond_need(needs=[68], held=[[in_pool(64), in_pool(32, work="0.5")]])
    assert found.accelerators == 16


def test_a_missing_rate_leaves_the_cost_unknown() -> None:
    found = beyond_need(needs=[24], held=[[in_pool(40, rate=None)]])
    assert (found.accelerators, found.usd_per_week) == (16, None)


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

"""A lot that moves stays one lot: its parts sum to it on every day, and what cannot move is said."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from capacity.inventory.domain.facts import DomainFacts, LotFacts, LotState, PoolFacts, SupplyCalendar
from capacity.inventory.domain.moves import MoveFacts, Stay, stays_of_lot
from capacity.inventory.domain.supply import build_supply
from capacity.lib.horizon import Horizon, Week

MONDAY = date(2026, 12, 14)
WEDNESDAY = date(2026, 12, 16)
HORIZON = Horizon(first=Week(MONDAY), weeks=3)
HOME, OTHER, THIRD = ("h100", "a"), ("h100", "b"), ("west", "w")


def move(accelerators: int, to: tuple[str, str] = OTHER, on: date = WEDNESDAY) -> MoveFacts:
    return MoveFacts(lot_key="L1", starts_date=on, accelerators=accelerators, to_pool_key=to[0], to_domain_key=to[1])


def split(*moves: MoveFacts, leaves: date | None = None) -> tuple[list[Stay], list[str]]:
    stays, refused = stays_of_lot(
        home=HOME, accelerators=64, arrives_date=date(2026, 1, 5), leaves_date=leaves, moves=moves
    )
    return stays, [each.code for each in refused]


def standing(stays: list[Stay], on: date) -> dict[tuple[str, str | None], int]:
    found: dict[tuple[str, str | None], int] = {}
    for stay in stays:
        if stay.starts_date <= on and (stay.ends_date is None or on < stay.ends_date):
            found[stay.place] = found.get(stay.place, 0) + stay.accelerators
    return found


def supply(*moves: MoveFacts, **fields: object) -> SupplyCalendar:
    lot: dict[str, object] = {"accepted_date": date(2026, 1, 5), "state": LotState.ACCEPTED, **fields}
    return build_supply(
        horizon=HORIZON,
        as_of=MONDAY,
        pools=[PoolFacts(key=key, node_size=8, availability=Decimal(1)) for key in ("h100", "west")],
        domains=[DomainFacts(key=key, pool_key=pool) for pool, key in (HOME, OTHER, THIRD)],
        lots=[LotFacts(key="L1", pool_key="h100", domain_key="a", accelerators=64, **lot)],  # type: ignore[arg-type]
        moves=moves,
    )


def test_a_move_on_a_monday_is_never_missing() -> None:
    calendar = supply(move(16, on=date(2026, 12, 21)))
    assert [row.allocatable for row in calendar.domain("h100", "a")] == [64, 48, 48]
    assert [row.allocatable for row in calendar.domain("h100", "b")] == [0, 16, 16]
    assert calendar.allocatable("h100") == (64, 64, 64)


def test_moved_in_mid_week_a_part_counts_in_neither_place_and_costs_seven_days_in_all() -> None:
    """Wednesday 16 December: 48 stay at home, 16 are counted nowhere that week; 2 days cost there, 5 days here."""
    calendar = supply(move(16, to=THIRD))
    assert calendar.allocatable("h100") == (48, 48, 48)
    assert calendar.allocatable("west") == (0, 16, 16)
    first = [row for row in calendar.lot_weeks if row.week == Week(MONDAY)]
    assert sorted((row.pool_key, row.accelerators, row.billed_days) for row in first) == [
        ("h100", 16, 2), ("h100", 48, 7), ("west", 16, 5),
    ]  # fmt: skip
    assert sum(row.accelerators * row.billed_days for row in first) == 64 * 7
    assert {row.lot_key for row in calendar.lot_weeks} == {"L1"}


def test_the_events_say_what_left_and_what_came() -> None:
    events = [each for each in supply(move(16, to=THIRD)).events if each.basis == "moved"]
    assert [(each.pool_key, each.accelerators, each.week.monday, each.on_date) for each in events] == [
        ("h100", -16, MONDAY, WEDNESDAY),
        ("west", 16, date(2026, 12, 21), WEDNESDAY),
    ]


def test_a_move_takes_from_home_first_and_then_from_where_most_was_moved_earliest() -> None:
    stays, refused = split(
        move(40), move(10, THIRD, WEDNESDAY + timedelta(1)), move(24, THIRD, WEDNESDAY + timedelta(2))
    )
    # 64 at home → 24 and 40 → 14, 40 and 10 → all 14 of home and 10 of the 40 go on: 0, 30, 34.
    assert refused == []
    assert standing(stays, WEDNESDAY + timedelta(2)) == {OTHER: 30, THIRD: 34}


def test_a_lot_may_move_back() -> None:
    stays, refused = split(move(40), move(40, HOME, WEDNESDAY + timedelta(7)))
    assert refused == []
    assert standing(stays, WEDNESDAY + timedelta(7)) == {HOME: 64}


def test_more_than_the_lot_has_does_not_move() -> None:
    stays, refused = split(move(40), move(25, on=WEDNESDAY + timedelta(1)))
    assert refused == ["move_exceeds_lot"]
    assert standing(stays, WEDNESDAY + timedelta(1)) == {HOME: 24, OTHER: 40}


def test_a_lot_that_has_left_does_not_move() -> None:
    stays, refused = split(move(16), leaves=WEDNESDAY)
    assert refused == ["move_after_end"]
    assert standing(stays, WEDNESDAY - timedelta(1)) == {HOME: 64}


def test_a_lot_moved_before_it_is_there_arrives_where_it_was_to_go() -> None:
    calendar = supply(move(16), state=LotState.CONFIRMED, accepted_date=None, p50_date=date(2026, 12, 21))
    assert [row.allocatable for row in calendar.domain("h100", "a")] == [0, 48, 48]
    assert [row.allocatable for row in calendar.domain("h100", "b")] == [0, 16, 16]
    assert [each.code for each in calendar.issues] == ["move_before_arrival"]


def test_a_late_lot_is_said_once_and_moves_nothing() -> None:
    calendar = supply(move(16), state=LotState.CONFIRMED, accepted_date=None, p50_date=date(2026, 12, 7))
    assert [each.code for each in calendar.issues] == ["late"]
    assert calendar.allocatable("h100") == (0, 0, 0)


def test_a_move_to_no_place_is_an_error_and_the_lot_stays() -> None:
    calendar = supply(move(16, ("h100", "z")))
    assert [each.code for each in calendar.issues] == ["unknown_domain"]
    assert calendar.allocatable("h100") == (64, 64, 64)


@given(
    st.lists(
        st.tuples(st.integers(0, 20), st.integers(1, 80), st.sampled_from([HOME, OTHER, THIRD])), min_size=1, max_size=6
    ),
    st.integers(-10, 40),
)
def test_on_every_day_the_parts_sum_to_the_lot(moves: list[tuple[int, int, tuple[str, str]]], day: int) -> None:
    made = [move(count, place, WEDNESDAY + timedelta(days)) for days, count, place in moves]
    stays, _ = split(*made, leaves=WEDNESDAY + timedelta(30))
    there = sum(standing(stays, WEDNESDAY + timedelta(day)).values())
    assert there == (64 if day < 30 else 0)
